//! The exports that people really have: told by their header, understood, found by every key, and every value
//! as it stands in the file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod headers;
mod meaning;

use std::path::{Path, PathBuf};

use common::{built, columns, people};
use persondb_data::input::{Canonical, InputError, InputSpec, Mapping, Preset, Source, read_header};
use persondb_data::segment::{Scope, Segment};
use persondb_protocol::answer::{Matched, Person};

pub(crate) const SAMPLES: [(&str, Preset); 8] = [
    ("google.csv", Preset::Google),
    ("google-upload.csv", Preset::Google),
    ("entra.csv", Preset::Entra),
    ("entra-new.csv", Preset::Entra),
    ("exchange.csv", Preset::Exchange),
    ("okta.csv", Preset::Okta),
    ("bamboohr.csv", Preset::Bamboohr),
    ("ldap.csv", Preset::Ldap),
];

pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/presets").join(name)
}

pub(crate) fn spec(people: PathBuf) -> InputSpec {
    InputSpec { people: vec![people], tenant: Some("acme".into()), ..InputSpec::default() }
}

pub(crate) fn mapping(spec: &InputSpec) -> Result<Mapping, InputError> {
    let source = Source::open(&spec.people[0], &spec.limits)?;
    Mapping::from_header(&read_header(&source, &spec.limits)?, spec)
}

/// The one person whom the address leads to.
pub(crate) fn one(segment: &Segment<Vec<u8>>, address: &str) -> (Person, Matched) {
    let [person] = people(&segment.get(address, Scope::Everywhere).unwrap())
        .try_into()
        .unwrap_or_else(|found: Vec<_>| panic!("{address}: {found:?}"));
    let matched = person.matched;
    (person, matched)
}

pub(crate) fn absent(segment: &Segment<Vec<u8>>, address: &str) {
    assert!(segment.get(address, Scope::Everywhere).unwrap().is_empty(), "{address} is found");
}

#[test]
fn every_sample_is_told_by_its_header_and_comes_back_value_for_value() {
    for (name, preset) in SAMPLES {
        let spec = spec(sample(name));
        assert_eq!(mapping(&spec).unwrap().preset(), preset, "{name}");
        let (segment, report) = built(&spec);
        assert_eq!(report.rejected, 0, "{name}: {:?}", report.issues);

        // Read again by a library that knows nothing of presets.
        let text = std::fs::read_to_string(sample(name)).unwrap();
        let text = text.trim_start_matches('\u{feff}');
        let text = if text.starts_with('#') { text.split_once('\n').unwrap().1 } else { text };
        let delimiter = if name == "ldap.csv" { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
        let headers = reader.headers().unwrap().clone();
        let mut rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(report.accepted, rows.len() as u64, "{name}");
        rows.retain(|row| {
            let ids: Vec<_> = mapping(&spec).unwrap().columns(Canonical::PersonId).to_vec();
            let id = ids.iter().map(|&id| row[usize::from(id)].trim()).find(|id| !id.is_empty());
            // Who has no identifier goes by the address, which is looked at below.
            let Some(id) = id else { return true };
            let found = people(&segment.person(id, Scope::Tenant("acme")).unwrap());
            assert_eq!(found.len(), 1, "{name}: {id}");
            let values: Vec<_> = headers.iter().zip(row).map(|(h, v)| (h.to_owned(), v.to_owned())).collect();
            assert_eq!(found[0].columns, values, "{name}: {id}");
            false
        });
        for row in rows {
            let of_row = |person: &Person| {
                let columns = columns(person);
                headers.iter().zip(&row).all(|(header, value)| columns[header] == value)
            };
            let addresses = row.iter().filter(|value| value.contains('@') && !value.contains(':'));
            let found =
                addresses.flat_map(|address| people(&segment.get(address, Scope::Everywhere).unwrap()));
            assert!(found.into_iter().any(|person| of_row(&person)), "{name}: {row:?}");
        }
    }
}
