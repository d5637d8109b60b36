//! How often the name of a stranger is like that of somebody in a large tenant. Nearly all mail is from strangers, so
//! a rule that is often right about an attack and sometimes wrong about them is mostly wrong.
//!
//! `cargo test -p persondb-tests --test strangers -- --nocapture` prints the table.
//!
//! Six tenants of different cultures are looked at, and the limit is that of all together: where middle names are the
//! custom a tenant alone may be a bit above it.
//!
//! The strangers are drawn from the same made-up population as the tenant's people, one by one in turn: same cultures,
//! same frequencies of names. That is harder than it is outside, where most senders are of other places.
//!
//! A *namesake* bears the same name as somebody of the tenant, whatever the spelling, or the same first and last name
//! while no middle name says otherwise; no rule about names can tell them, so they are counted apart. All others are
//! *unrelated*, also where first and last name agree and the middle names do not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use persondb_data::builder::{BuildOptions, build};
use persondb_data::input::InputSpec;
use persondb_data::message::Message;
use persondb_data::segment::Segment;
use persondb_protocol::Generation;
use persondb_protocol::matching::{Candidate, Flag, MatchOptions, NameKind};
use persondb_tests::{Output, Programs, read_table};

/// People of the tenant, and as many strangers.
const PEOPLE: usize = 10_000;
/// So many of a hundred unrelated strangers may have a candidate at first and last name or stronger.
const PERCENT_MAX: f64 = 1.0;

/// A tenant, and the display names of people who are not in it.
struct Halves {
    segment: Segment<Vec<u8>>,
    recipient: String,
    strangers: Vec<String>,
}

fn halves(folder: &Path, seed: u64) -> Halves {
    let (all, people) = (folder.join("all.csv"), folder.join("people.csv"));
    let mut generate = Programs::get().persondb();
    let (count, seed) = ((2 * PEOPLE).to_string(), seed.to_string());
    generate.args(["generate", "--people", &count, "--tenants", "1", "--seed", &seed, "-o"]).arg(&all);
    Output::of(&mut generate).ended_with(0);
    let table = read_table(&all);
    let text = fs::read_to_string(&all).unwrap();
    let mut lines = text.lines();
    let mut half = lines.next().unwrap().to_owned() + "\n";
    for line in lines.step_by(2) {
        half += line;
        half.push('\n');
    }
    assert_eq!((table.rows.len(), half.lines().count()), (2 * PEOPLE, PEOPLE + 1), "a row a line");
    fs::write(&people, half).unwrap();
    let spec = InputSpec { people: vec![people], ..InputSpec::default() };
    let mut bytes = Vec::new();
    build(&spec, &options(), &mut bytes, &mut |_| {}).unwrap();
    let is_human = |kind: &str| kind.is_empty() || kind == "person";
    let others = table.rows.iter().skip(1).step_by(2);
    Halves {
        segment: Segment::open(bytes).unwrap(),
        recipient: table.rows[0]["email"].clone(),
        strangers: others
            .filter(|row| is_human(&row["kind"]))
            .map(|row| row["display_name"].clone())
            .collect(),
    }
}

fn options() -> BuildOptions {
    BuildOptions {
        generation: Generation(1),
        load_started_boot_ns: 0,
        built_at_wall_ns: 0,
        config_digest: [0; 16],
        hash_seed: 42,
        threads: 2,
        rejects: None,
    }
}

/// How many strangers have a candidate, by the kind of the strongest, and whether middle names disagree.
fn strongest(halves: &Halves) -> BTreeMap<(NameKind, bool), usize> {
    let mut counts = BTreeMap::new();
    for name in &halves.strangers {
        let message = Message {
            from_name: Some(name.as_str().into()),
            from_addr: Some("somebody@stranger.example".into()),
            recipients: [halves.recipient.as_str().into()].into_iter().collect(),
            ..Message::default()
        };
        let evidence = halves.segment.match_message(&message, &MatchOptions::default()).unwrap();
        assert_eq!(evidence.recipient_tenants.len(), 1);
        let candidates = evidence.sender_name.map(|name| name.candidates).unwrap_or_default();
        // Of several as strong as each other one whose middle name does not disagree.
        let key =
            |candidate: &Candidate| (candidate.matched, candidate.flags.contains(&Flag::MiddleConflict));
        if let Some(strongest) = candidates.iter().map(key).min() {
            *counts.entry(strongest).or_default() += 1;
        }
    }
    counts
}

/// The same name, as far as both tell it.
fn is_namesake((kind, middle_conflict): (NameKind, bool)) -> bool {
    kind <= NameKind::Joined || (kind == NameKind::FirstLast && !middle_conflict)
}

#[expect(clippy::cast_precision_loss, reason = "counts of people")]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

#[test]
fn at_most_one_unrelated_stranger_of_a_hundred_is_like_somebody_by_first_and_last_name_or_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = String::new();
    let mut total = [0; 3];
    for seed in 7..=12 {
        let halves = halves(folder.path(), seed);
        let counts = strongest(&halves);
        let strangers = halves.strangers.len();
        let sum = |is: fn((NameKind, bool)) -> bool| -> usize {
            counts.iter().filter(|(found, _)| is(**found)).map(|(_, count)| count).sum()
        };
        let namesakes = sum(is_namesake);
        let unrelated = strangers - namesakes;
        let close = sum(|found| !is_namesake(found) && found.0 <= NameKind::FirstLast);
        let any = sum(|found| !is_namesake(found));
        writeln!(table, "seed {seed}: {strangers} strangers, a tenant of {PEOPLE}").unwrap();
        for ((kind, conflict), count) in &counts {
            let kind = format!("{kind:?}{}", if *conflict { ", other middle" } else { "" });
            writeln!(table, "  {kind:<26} {count:>6} {:>6.2} %", percent(*count, strangers)).unwrap();
        }
        writeln!(table, "  namesakes      {namesakes:>6} {:>6.2} %", percent(namesakes, strangers)).unwrap();
        writeln!(
            table,
            "  unrelated, first_last or stronger {close:>6} {:>6.2} %",
            percent(close, unrelated)
        )
        .unwrap();
        writeln!(table, "  unrelated, any kind               {any:>6} {:>6.2} %", percent(any, unrelated))
            .unwrap();
        assert!(namesakes > 0, "frequent names are shared, or this measures nothing\n{table}");
        for (sum, part) in total.iter_mut().zip([unrelated, close, any]) {
            *sum += part;
        }
    }
    let [unrelated, close, any] = total;
    writeln!(
        table,
        "all: {:.2} % at first_last or stronger, {:.2} % at any kind",
        percent(close, unrelated),
        percent(any, unrelated)
    )
    .unwrap();
    println!("{table}");
    assert!(percent(close, unrelated) <= PERCENT_MAX, "{table}");
}
