//! Looking people up and reading what is known of them allocates nothing, once buffers are large enough: a
//! scorer does it thousands of times a second on every thread.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::hint::black_box;
use std::path::Path;

use persondb_client::{Client, DatasetName, Lookup, PersonRef, Pin, Via};
use persondb_data::builder::{BuildOptions, build};
use persondb_data::input::InputSpec;
use persondb_data::message::Message;
use persondb_data::segment::Segment;
use persondb_protocol::Generation;
use persondb_protocol::matching::MatchOptions;
use persondb_tests::{Daemon, Output, Programs, Setup, read_table};

const PEOPLE: usize = 10_000;
/// Addresses that are asked for together. Not a divisor of the people: the last batch is smaller.
const BATCH_SIZE: usize = 32;
/// Allocations of a match beyond those of its answer: lists on the way that outgrow the stack.
const MATCH_BEYOND_ANSWER_MAX: u64 = 24;

thread_local! {
    /// Of this thread alone: a client has a watcher that may allocate whenever it likes.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The allocator of the system, with a count.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count_one() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written otherwise, and only one sees every allocation"
)]
// SAFETY: every call goes on to the system's allocator unchanged, with the promises of the caller. The counter
// is initialised before the program runs and has nothing to drop, so that counting never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_one();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What a program keeps from look-up to look-up.
#[derive(Default)]
struct Kept {
    text: String,
    scratch: Vec<u8>,
    /// Bytes that were read, so that nothing is read in vain.
    size: usize,
}

/// Addresses to ask for, and the headers of the file.
struct Asked {
    primary: Vec<String>,
    aliases: Vec<String>,
    absent: Vec<String>,
    headers: Vec<String>,
}

fn generate(folder: &Path) -> Asked {
    let (people, absent) = (folder.join("people.csv"), folder.join("absent.txt"));
    let mut generate = Programs::get().persondb();
    let count = PEOPLE.to_string();
    generate.args(["generate", "--people", &count, "--absent-count", &count, "-o"]).arg(&people);
    Output::of(generate.arg("--absent").arg(&absent)).ended_with(0);
    let table = read_table(&people);
    let aliases = table.rows.iter().flat_map(|row| row["aliases"].split(';')).map(str::trim);
    Asked {
        primary: table.rows.iter().map(|row| row["email"].clone()).collect(),
        aliases: aliases.filter(|alias| !alias.is_empty()).map(str::to_owned).collect(),
        absent: fs::read_to_string(absent).unwrap().lines().map(str::to_owned).collect(),
        headers: table.headers,
    }
}

fn client(daemon: &Daemon) -> Client {
    let name = DatasetName::new(daemon.name()).unwrap();
    Client::builder().name(name).socket(daemon.socket()).via(Via::Map).open().unwrap()
}

/// A way to ask for all addresses; gives how many were found.
type Way = fn(&Pin, &[String], &mut dyn FnMut(&PersonRef<'_>)) -> usize;
/// A way to read what is known of a person, given all headers.
type Reading = fn(&PersonRef<'_>, &mut Kept, &[String]);

/// Asks for each address alone; how many were found.
fn get(pin: &Pin, addresses: &[String], mut visit: impl FnMut(&PersonRef<'_>)) -> usize {
    let mut found = 0;
    for address in addresses {
        found += visit_all(&pin.get(address), &mut visit);
    }
    found
}

/// The same in batches.
fn get_many(pin: &Pin, addresses: &[String], mut visit: impl FnMut(&PersonRef<'_>)) -> usize {
    let mut found = 0;
    for batch in addresses.chunks(BATCH_SIZE) {
        pin.get_many(batch, |_, lookup| found += visit_all(&lookup, &mut visit));
    }
    found
}

fn visit_all(lookup: &Lookup<'_>, visit: &mut impl FnMut(&PersonRef<'_>)) -> usize {
    match lookup {
        Lookup::Found(people) => {
            people.iter().for_each(|person| visit(&person));
            1
        }
        Lookup::Absent(_) => 0,
        Lookup::Unavailable(why) => panic!("unavailable: {why}"),
    }
}

/// Allocations of `work`, the second time that it runs: the first lets buffers grow.
fn allocations(kept: &mut Kept, mut work: impl FnMut(&mut Kept)) -> u64 {
    work(kept);
    let before = ALLOCATIONS.get();
    work(kept);
    ALLOCATIONS.get() - before
}

#[test]
fn looking_up_and_reading_into_kept_buffers_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let asked = generate(folder.path());
    assert_eq!((asked.primary.len(), asked.absent.len()), (PEOPLE, PEOPLE));
    assert!(asked.aliases.len() > PEOPLE / 10, "{} aliases", asked.aliases.len());
    let daemon = Setup::new(&folder.path().join("people.csv")).start();
    let client = client(&daemon);
    let pin = client.pin().unwrap();
    let kept = &mut Kept::default();

    let ways: [(&str, Way); 2] = [
        ("get", |pin, addresses, visit| get(pin, addresses, visit)),
        ("get_many", |pin, addresses, visit| get_many(pin, addresses, visit)),
    ];
    for (way, ask) in ways {
        for (what, addresses, expected) in [
            ("primary", &asked.primary, asked.primary.len()),
            ("alias", &asked.aliases, asked.aliases.len()),
            ("absent", &asked.absent, 0),
        ] {
            let count = allocations(kept, |_| assert_eq!(ask(&pin, addresses, &mut |_| {}), expected));
            assert_eq!(count, 0, "{way}, {what}");
        }
        let readings: [(&str, Reading); 4] = [
            ("read_email", |person, kept, _| {
                person.read_email(&mut kept.text).unwrap();
                kept.size += kept.text.len();
            }),
            ("read_display_name", |person, kept, _| {
                person.read_display_name(&mut kept.text).unwrap();
                kept.size += kept.text.len();
            }),
            ("read", |person, kept, headers| {
                for header in headers {
                    assert!(person.read(header, &mut kept.text).unwrap());
                    kept.size += kept.text.len();
                }
                assert!(!person.read("no such column", &mut kept.text).unwrap());
            }),
            ("for_each_column", |person, kept, _| {
                let size = &mut kept.size;
                person.for_each_column(&mut kept.scratch, |_, value| *size += value.len()).unwrap();
            }),
        ];
        for (what, read) in readings {
            for addresses in [&asked.primary, &asked.aliases] {
                let before = kept.size;
                let count = allocations(kept, |kept| {
                    ask(&pin, addresses, &mut |person| read(person, kept, &asked.headers));
                });
                assert_eq!(count, 0, "{way}, {what}");
                assert!(kept.size > before, "{way}, {what}: nothing was read");
            }
        }
    }
    let pins = allocations(kept, |_| asked.primary.iter().for_each(|_| drop(black_box(client.pin()))));
    assert_eq!(pins, 0, "a pin for each look-up");
}

/// A match gives an owned answer, and that is all it allocates for a usual message: what a copy of the answer takes,
/// and a little that grows with nothing.
#[test]
fn matching_a_message_allocates_its_answer_and_a_few_names_that_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.csv");
    let count = PEOPLE.to_string();
    let mut generate = Programs::get().persondb();
    Output::of(generate.args(["generate", "--people", &count, "--tenants", "20", "-o"]).arg(&people))
        .ended_with(0);
    let table = read_table(&people);
    let segment = built(&people);
    let kept = &mut Kept::default();
    let options = MatchOptions::default();
    let mut most = 0;
    for rows in table.rows.chunks(BATCH_SIZE) {
        let message = |recipients: usize| Message {
            from_name: Some(rows[0]["display_name"].as_str().into()),
            from_addr: Some("stranger@nowhere.example".into()),
            recipients: rows.iter().take(recipients).map(|row| row["email"].as_str().into()).collect(),
            ..Message::default()
        };
        for recipients in [1, 4, 7] {
            let message = message(recipients);
            let evidence = segment.match_message(&message, &options).unwrap();
            let copied = allocations(kept, |_| drop(black_box(evidence.clone())));
            let matched = allocations(kept, |_| {
                drop(black_box(segment.match_message(&message, &options)));
            });
            // Lists of the answer grow while they are filled, its copy's do not.
            let grown = copied / 2;
            most = most.max(matched.saturating_sub(copied + grown));
            assert!(matched >= copied, "{matched} allocations for what takes {copied} to copy");
        }
    }
    assert!(most <= MATCH_BEYOND_ANSWER_MAX, "{most} allocations beyond the answer");
}

fn built(people: &Path) -> Segment<Vec<u8>> {
    let spec = InputSpec { people: vec![people.to_owned()], ..InputSpec::default() };
    let options = BuildOptions {
        generation: Generation(1),
        load_started_boot_ns: 0,
        built_at_wall_ns: 0,
        config_digest: [0; 16],
        hash_seed: 42,
        threads: 2,
        rejects: None,
    };
    let mut bytes = Vec::new();
    build(&spec, &options, &mut bytes, &mut |_| {}).unwrap();
    Segment::open(bytes).unwrap()
}

/// The near miss: what gives owned values is counted, or a count of 0 would mean nothing.
#[test]
fn owned_values_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.csv");
    fs::write(&people, "tenant_id,email,note\nacme,jane.doe@corp.example,x\n").unwrap();
    let daemon = Setup::new(&people).start();
    let pin = client(&daemon).pin().unwrap();
    let lookup = pin.get("jane.doe@corp.example");
    let person = lookup.found().unwrap().first();
    let kept = &mut Kept::default();
    let owned = allocations(kept, |_| drop(black_box(person.to_person())));
    assert!(owned >= 4, "{owned} allocations for address, tenant, headers and values");
    let grown = allocations(kept, |_| assert!(person.read("note", &mut String::new()).unwrap()));
    assert_eq!(grown, 1, "a buffer that is not kept");
}
