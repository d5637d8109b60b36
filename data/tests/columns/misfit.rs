//! Datasets whose end looks unlike what the layout was learned from.

use persondb_data::builder::{SegmentTarget, TargetError, build};
use persondb_data::segment::Segment;

use crate::common::{Random, options};
use crate::world::{File, World};

impl Random {
    pub(crate) fn text(&mut self, letters: &[char], size: usize) -> String {
        (0..size).map(|_| letters[usize::try_from(self.next() % letters.len() as u64).unwrap()]).collect()
    }
}

fn letters(ranges: &[std::ops::RangeInclusive<char>]) -> Vec<char> {
    ranges.iter().cloned().flatten().collect()
}

const HEADERS: [&str; 11] = [
    "tenant_id",
    "person_id",
    "email",
    "aliases",
    "display_name",
    "given_name",
    "family_name",
    "manager_email",
    "x1",
    "x2",
    "x3",
];
/// Columns that hardly anybody has a value in.
const MORE_HEADERS: [&str; 12] = ["y1", "y2", "y3", "y4", "y5", "y6", "y7", "y8", "y9", "y10", "y11", "y12"];
const TEXTS: [&str; 3] =
    ["of the north and the people there ", "from sea to sea and ", "wherever there is work to do, "];

/// A row as all exports would like to have it.
fn regular(i: u32) -> Vec<String> {
    let (given, family) = (["Jane", "John", "Mary", "Ann"][i as usize % 4], format!("Smith{}", i / 4));
    let text = TEXTS[i as usize % 3].repeat(7);
    let lower = format!("{}.{}", given.to_lowercase(), family.to_lowercase());
    vec![
        format!("t{}", i / 20_000),
        format!("{}", 1_000_000 + i),
        format!("{lower}@acme.example"),
        format!("{lower}@mail.acme.example;{}{i}@acme.example", given.to_lowercase()),
        format!("{given} {family}"),
        given.to_owned(),
        family,
        format!("jane.smith{}@acme.example", i / 20_000 * 5_000),
        format!("2024-01-{:02}T00:00:{:02}Z", i % 28 + 1, i % 60),
        text.clone(),
        format!("{text}{}", i % 1000),
    ]
}

/// A row that nothing learned from those fits.
fn odd(i: u32, random: &mut Random) -> Vec<String> {
    let other = letters(&['а'..='я', '一'..='什', '\u{1f600}'..='\u{1f64f}', '!'..='~']);
    let plain = letters(&['a'..='z', '0'..='9']);
    let mut text = |size| random.text(&other, size);
    let mut row = vec![format!("tail {}", i % 700), format!("№{i} {}", i % 7)];
    let names = [text(9), text(5), text(70)];
    let long = [text(30), text(300), text(1)];
    let domain = random.text(&plain, 9);
    row.push(format!("{}{i}@{domain}.example", random.text(&plain, 12)));
    row.push(
        (0..20)
            .map(|n| format!("{n}{}@also.example", random.text(&plain, 6)))
            .collect::<Vec<_>>()
            .join(" | "),
    );
    row.extend(names);
    row.push("nobody@nowhere.example".to_owned());
    row.extend(long);
    row
}

/// A vector that counts how often it was asked for memory.
#[derive(Default)]
struct Counting {
    bytes: Vec<u8>,
    allocations: u32,
}

impl SegmentTarget for Counting {
    fn allocate(&mut self, size: u64) -> Result<(), TargetError> {
        self.allocations += 1;
        self.bytes.allocate(size)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.bytes_mut()
    }

    fn shrink(&mut self, size: u64) -> Result<(), TargetError> {
        self.bytes.shrink(size)
    }
}

#[test]
fn a_tail_unlike_its_head_comes_back_beyond_the_sample() {
    let mut random = Random(1);
    let mut rows: Vec<_> = (0..57_000).map(regular).collect();
    rows.extend((57_000..60_000).map(|i| odd(i, &mut random)));
    let bytes: usize = rows.iter().flatten().map(String::len).sum();
    assert!(bytes > 12 << 20, "a sample holds at most half of {bytes} bytes");
    let world = World { files: vec![File { headers: HEADERS.to_vec(), rows }], aliases: Vec::new() };
    let segment = world.comes_back();
    let columns = segment.stored_columns();
    let stored =
        |header: &str| columns.iter().find(|column| column.header.as_deref() == Some(header)).unwrap();
    // The layout was learned from the head, so everybody in the tail is an exception to it.
    assert_eq!(stored("aliases").store, "addresses");
    for (header, store) in [("person_id", "number"), ("x1", "dictionary"), ("manager_email", "link")] {
        let column = stored(header);
        assert_eq!(column.store, store, "{header}");
        assert!(column.exceptions >= 3_000, "{header}: {}", column.exceptions);
    }
    assert_eq!(stored("x2").distinct, 3_003);
}

#[test]
fn a_build_whose_tails_were_estimated_too_small_begins_anew_and_ends_well() {
    let mut random = Random(2);
    let all = letters(&[' '..='~']);
    // A row of a megabyte that the sample misses. Which rows it takes is its own affair: try until one is missed.
    let found = (0..12).map(|attempt| 30_000 + attempt * 7).find_map(|at: usize| {
        let mut rows: Vec<_> = (0..60_000).map(regular).collect();
        for row in &mut rows {
            row.resize(HEADERS.len() + MORE_HEADERS.len(), String::new());
        }
        let mut long = rows[at].clone();
        long[8..].fill_with(|| random.text(&all, 60_000));
        long[3] = (0..3_500).map(|n| format!("a{n}@x.example")).collect::<Vec<_>>().join(";");
        rows[at] = long;
        let headers = [&HEADERS[..], &MORE_HEADERS].concat();
        let world = World { files: vec![File { headers, rows }], aliases: Vec::new() };
        let dir = tempfile::tempdir().unwrap();
        let mut target = Counting::default();
        build(&world.write(dir.path()), &options(), &mut target, &mut |_| {}).unwrap();
        (target.allocations > 1).then_some((world, target))
    });
    let (world, target) = found.expect("most rows are not in the sample");
    assert_eq!(target.allocations, 2);
    let segment = Segment::open(target.bytes).unwrap();
    segment.verify(Some(2_000), &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    world.is_in(&segment);
}
