//! What is counted. Everything before the counted call (people, segment, questions) is made elsewhere.
//!
//! A count is that of many calls in a row: the number behind `of_` says how many, and the table is for one.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use gungraun::{
    Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use persondb_data::builder::build;
use persondb_data::input::InputSpec;
use persondb_data::message::Message;
use persondb_data::segment::{Hits, Scope, Segment};
use persondb_protocol::matching::{MatchMessage, MatchOptions};
use smallvec::SmallVec;

use crate::people::{PEOPLE_COUNT, Someone, csv, options};

/// Counts everything, or one process of it where callgrind has started this program.
pub(crate) fn run() {
    main();
}

main!(library_benchmark_groups = [look_up, load]);

library_benchmark_group!(
    name = look_up,
    setup = write_segment(),
    benchmarks = [get_hit, get_many_32, get_miss, decode_columns, by_name, match_message]
);

library_benchmark_group!(name = load, setup = write_exports(), benchmarks = build_row);

/// Recipients of a message that is matched.
const RECIPIENTS: usize = 5;

/// A segment with questions about it. Leaked, so that giving it back is not counted.
struct Asked {
    segment: Segment<Vec<u8>>,
    questions: Vec<[String; 2]>,
}

impl Asked {
    /// People from all over the segment, a thousand of them.
    fn about(question: fn(Someone) -> [String; 2]) -> &'static Self {
        Box::leak(Box::new(Self::open(question)))
    }

    fn open(question: fn(Someone) -> [String; 2]) -> Self {
        let bytes = std::fs::read(segment_path()).expect("the group's setup has written it");
        let segment = Segment::open(bytes).expect("the builder has made it");
        let numbers = (0..PEOPLE_COUNT).step_by(PEOPLE_COUNT as usize / 1_000);
        let questions = numbers.map(|number| question(Someone::new(number))).collect();
        let asked = Self { segment, questions };
        // Once uncounted: what is found out at the first call, as which instructions the processor has.
        get(&asked);
        names(&asked);
        columns(&asked.hits());
        asked
    }

    fn hits(&self) -> Vec<Hits<'_>> {
        let get = |[email, _]: &[String; 2]| self.segment.get(email, Scope::Everywhere);
        self.questions.iter().filter_map(|question| get(question).ok()).collect()
    }
}

fn present() -> &'static Asked {
    let asked = Asked::about(|person| [person.email(), String::new()]);
    assert_eq!(get(asked), 1_000, "everybody is found once");
    asked
}

fn absent() -> &'static Asked {
    let asked = Asked::about(|person| [person.absent_email(), String::new()]);
    assert_eq!(get(asked), 0, "nobody is found");
    asked
}

fn named() -> &'static Asked {
    let asked = Asked::about(|person| [person.tenant().to_owned(), person.name()]);
    assert!(names(asked) >= 1_000, "everybody is found, some with others of that name");
    asked
}

/// Strangers with the names of people, each with five recipients of the person's tenant.
fn senders() -> &'static (Asked, Vec<MatchMessage>) {
    let asked = Asked::open(|person| [person.email(), person.name()]);
    let message = |(at, [_, name]): (usize, &[String; 2])| {
        // Tenants stand one after the other.
        let first = at.min(asked.questions.len() - RECIPIENTS);
        let recipients = asked.questions[first..first + RECIPIENTS].iter().map(|[email, _]| email.clone());
        MatchMessage {
            from: Some(format!("{name} <stranger@nowhere.example>")),
            recipients: recipients.collect(),
            ..MatchMessage::default()
        }
    };
    let messages = asked.questions.iter().enumerate().map(message).collect();
    let messages = Box::leak(Box::new((asked, messages)));
    assert!(matched(messages) >= 1_000, "everybody is met, some with others of that name");
    messages
}

fn found() -> &'static [Hits<'static>] {
    let hits = present().hits();
    assert!(columns(&hits) > 100_000, "values have some length");
    hits.leak()
}

#[library_benchmark]
#[bench::of_1000(present())]
fn get_hit(asked: &'static Asked) -> usize {
    black_box(get(black_box(asked)))
}

#[library_benchmark]
#[bench::of_1000(present())]
fn get_many_32(asked: &'static Asked) -> usize {
    black_box(get_many(black_box(asked)))
}

#[library_benchmark]
#[bench::of_1000(absent())]
fn get_miss(asked: &'static Asked) -> usize {
    black_box(get(black_box(asked)))
}

// The hits are there already: what is counted is putting all columns of each together.
#[library_benchmark]
#[bench::of_1000(found())]
fn decode_columns(hits: &'static [Hits<'static>]) -> usize {
    black_box(columns(black_box(hits)))
}

#[library_benchmark]
#[bench::of_1000(named())]
fn by_name(asked: &'static Asked) -> usize {
    black_box(names(black_box(asked)))
}

#[library_benchmark]
#[bench::of_1000(senders())]
fn match_message(messages: &'static (Asked, Vec<MatchMessage>)) -> usize {
    black_box(matched(black_box(messages)))
}

// Working threads have no entry point of callgrind's: the whole process is counted, of which nearly all is
// the build. What does not grow with the rows is part of it: some tables are trained on any number of them.
#[library_benchmark(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::default().entry_point(EntryPoint::None))
)]
#[bench::of_20000(export_path(PEOPLE_COUNT))]
fn build_row(path: PathBuf) -> usize {
    black_box(built(black_box(&path)).len())
}

fn get_many(asked: &Asked) -> usize {
    let mut count = 0;
    for questions in asked.questions.chunks(32) {
        let emails: SmallVec<[&str; 32]> = questions.iter().map(|[email, _]| email.as_str()).collect();
        asked
            .segment
            .get_many(&emails, Scope::Everywhere, |_, hits| count += hits.map_or(0, |hits| hits.len()));
    }
    count
}

fn get(asked: &Asked) -> usize {
    let ask =
        |[email, _]: &[String; 2]| asked.segment.get(email, Scope::Everywhere).map_or(0, |hits| hits.len());
    asked.questions.iter().map(ask).sum()
}

fn names(asked: &Asked) -> usize {
    let ask =
        |[tenant, name]: &[String; 2]| asked.segment.by_name(tenant, name, 10).map_or(0, |hits| hits.len());
    asked.questions.iter().map(ask).sum()
}

fn matched((asked, messages): &(Asked, Vec<MatchMessage>)) -> usize {
    let options = MatchOptions::default();
    let ask = |message: &MatchMessage| {
        let evidence = asked.segment.match_message(&Message::from(message), &options);
        evidence.map_or(0, |evidence| usize::try_from(evidence.candidate_count).unwrap_or(0))
    };
    messages.iter().map(ask).sum()
}

fn columns(hits: &[Hits<'_>]) -> usize {
    let mut scratch = Vec::with_capacity(4_096);
    let mut length = 0;
    for hit in hits.iter().flat_map(|hits| hits.iter()) {
        let read = hit.person.for_each_column(&mut scratch, |_, value| length += black_box(value).len());
        read.expect("the builder has written it");
    }
    length
}

fn built(path: &Path) -> Vec<u8> {
    let spec = InputSpec { people: vec![path.to_owned()], ..InputSpec::default() };
    let mut bytes = Vec::new();
    build(&spec, &options(), &mut bytes, &mut |_| {}).expect("a good export");
    bytes
}

fn write_exports() {
    let path = export_path(PEOPLE_COUNT);
    std::fs::write(path, csv(PEOPLE_COUNT)).expect("the folder for temporary files can be written");
}

fn write_segment() {
    write_exports();
    let bytes = built(&export_path(PEOPLE_COUNT));
    std::fs::write(segment_path(), bytes).expect("the folder for temporary files can be written");
}

fn export_path(count: u32) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("instructions-{count}.csv"))
}

fn segment_path() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions.segment")
}
