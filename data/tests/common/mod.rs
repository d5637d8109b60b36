//! What tests of whole segments share: the same options everywhere, files in a folder of their own, and people
//! as an application sees them.
#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use persondb_data::builder::{BuildOptions, build};
use persondb_data::input::{InputSpec, Report};
use persondb_data::segment::{Hits, Segment, to_people};
use persondb_protocol::Generation;
use persondb_protocol::answer::Person;

/// The same bytes for the same input.
pub(crate) fn options() -> BuildOptions {
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

/// Builds a segment that has to come out.
pub(crate) fn bytes_of(spec: &InputSpec) -> (Vec<u8>, Report) {
    let mut bytes = Vec::new();
    let report = build(spec, &options(), &mut bytes, &mut |_| {}).unwrap();
    (bytes, report)
}

/// The same, opened and verified to the last byte.
pub(crate) fn built(spec: &InputSpec) -> (Segment<Vec<u8>>, Report) {
    let (bytes, report) = bytes_of(spec);
    let segment = Segment::open(bytes).unwrap();
    segment.verify(None, &mut |_| ControlFlow::Continue(())).unwrap();
    (segment, report)
}

/// Writes a file into the folder.
pub(crate) fn write(dir: &Path, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, contents).unwrap();
    path
}

/// One people file in a folder that lives as long as what is returned.
pub(crate) fn spec_of(people: &str) -> (tempfile::TempDir, InputSpec) {
    let dir = tempfile::tempdir().unwrap();
    let spec = InputSpec { people: vec![write(dir.path(), "people.csv", people)], ..InputSpec::default() };
    (dir, spec)
}

/// Whom a look-up found.
pub(crate) fn people(hits: &Hits<'_>) -> Vec<Person> {
    to_people(hits).unwrap()
}

/// A person's columns by their headers.
pub(crate) fn columns(person: &Person) -> BTreeMap<&str, &str> {
    person.columns.iter().map(|(header, value)| (header.as_str(), value.as_str())).collect()
}

/// Numbers without a pattern, always the same (Steele, Lea, Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
