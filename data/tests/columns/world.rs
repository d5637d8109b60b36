//! A whole dataset as a test makes it: written as files, built, and compared with what it has to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Bound::{Excluded, Unbounded};
use std::ops::ControlFlow;

use persondb_data::input::InputSpec;
use persondb_data::input::values::{AddressValue, Separator, addresses, unwrap_address};
use persondb_data::normalize::{KeyBuffer, address_key, folded_name};
use persondb_data::segment::{Ambiguity, HITS_MAX, PersonRef, Scope, Segment};
use persondb_protocol::answer::Matched;

use crate::common::bytes_of;

/// One file of people.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) headers: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// One row of the aliases file.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub(crate) tenant: String,
    pub(crate) person_id: String,
    pub(crate) email: String,
    pub(crate) address: String,
}

/// All files of a dataset.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) files: Vec<File>,
    pub(crate) aliases: Vec<Alias>,
}

/// A person as the files say.
#[derive(Clone, Debug)]
struct Expected {
    columns: Vec<(&'static str, String)>,
    addresses: BTreeSet<Vec<u8>>,
    email: String,
}

/// Whether a header means a column, under either of the names that these tests give it.
fn is(header: &str, canonical: &str) -> bool {
    let other = match canonical {
        "tenant_id" => "Tenant",
        "email" => "E-Mail",
        "given_name" => "First Name",
        "family_name" => "Surname",
        _ => canonical,
    };
    header == canonical || header == other
}

/// The first value of this meaning that is not blank.
fn canonical<'c>(columns: &'c [(&'static str, String)], wanted: &str) -> &'c str {
    let mut values = columns.iter().filter(|(header, _)| is(header, wanted)).map(|(_, value)| value.as_str());
    values.find(|value| !value.trim().is_empty()).unwrap_or_default()
}

fn key(address: &str) -> Option<Vec<u8>> {
    address_key(address, &mut KeyBuffer::new()).map(|key| key.bytes().to_vec())
}

impl World {
    /// By tenant and identifier. The first value wins, later rows fill blanks, no address is lost.
    fn expected(&self) -> BTreeMap<(String, String), Expected> {
        let mut people = BTreeMap::<_, Expected>::new();
        for file in &self.files {
            for row in &file.rows {
                let columns: Vec<_> = file.headers.iter().copied().zip(row.iter().cloned()).collect();
                let email = unwrap_address(canonical(&columns, "email")).to_owned();
                let tenant = canonical(&columns, "tenant_id").trim().to_owned();
                let id = match canonical(&columns, "person_id").trim() {
                    "" => email.clone(),
                    id => id.to_owned(),
                };
                let mut keys: BTreeSet<_> = key(&email).into_iter().collect();
                for list in
                    columns.iter().filter(|(header, _)| matches!(*header, "aliases" | "personal_emails"))
                {
                    let pieces = addresses(&list.1, Separator::Generic);
                    keys.extend(pieces.filter_map(|piece| match piece {
                        AddressValue::Address(address) => key(address),
                        _ => None,
                    }));
                }
                for alias in self.aliases.iter().filter(|alias| alias.tenant == tenant) {
                    let by_email = alias.person_id.is_empty() && key(&alias.email) == key(&email);
                    if alias.person_id == id || by_email {
                        keys.extend(key(&alias.address));
                    }
                }
                match people.get_mut(&(tenant.clone(), id.clone())) {
                    None => drop(people.insert((tenant, id), Expected { columns, addresses: keys, email })),
                    Some(person) => person.add(columns, keys),
                }
            }
        }
        people
    }

    /// Builds the dataset.
    pub(crate) fn built(&self) -> Segment<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let spec = self.write(dir.path());
        let (bytes, report) = bytes_of(&spec);
        assert_eq!(report.accepted, self.files.iter().map(|file| file.rows.len() as u64).sum::<u64>());
        Segment::open(bytes).unwrap()
    }

    /// Writes all files.
    pub(crate) fn write(&self, dir: &std::path::Path) -> InputSpec {
        let mut spec = InputSpec::default();
        for (number, file) in self.files.iter().enumerate() {
            let mut csv = String::new();
            line(&mut csv, file.headers.iter().copied());
            for row in &file.rows {
                line(&mut csv, row.iter().map(String::as_str));
            }
            let path = dir.join(format!("people{number}.csv"));
            std::fs::write(&path, csv).unwrap();
            spec.people.push(path);
        }
        if !self.aliases.is_empty() {
            let mut csv = "tenant_id,person_id,email,address\n".to_owned();
            for alias in &self.aliases {
                line(&mut csv, [&*alias.tenant, &alias.person_id, &alias.email, &alias.address].into_iter());
            }
            let path = dir.join("aliases.csv");
            std::fs::write(&path, csv).unwrap();
            spec.aliases = Some(path);
        }
        spec
    }

    /// Builds the dataset and compares every value of everybody, and every answer, with the files.
    pub(crate) fn comes_back(&self) -> Segment<Vec<u8>> {
        let segment = self.built();
        segment.verify(None, &mut |_| ControlFlow::Continue(())).unwrap();
        self.is_in(&segment);
        segment
    }

    /// Compares a segment with the files.
    pub(crate) fn is_in(&self, segment: &Segment<Vec<u8>>) {
        let expected = self.expected();
        assert_eq!(segment.people_count() as usize, expected.len());
        let mut owners = BTreeMap::<&[u8], Vec<(&str, &str)>>::new();
        for ((tenant, id), person) in &expected {
            for address in &person.addresses {
                owners.entry(address).or_default().push((tenant, id));
            }
        }
        let tenants: BTreeSet<&str> = expected.keys().map(|(tenant, _)| tenant.as_str()).collect();
        for ((tenant, id), person) in &expected {
            let hits = segment.person(id, Scope::Tenant(tenant)).unwrap();
            assert_eq!(hits.len(), 1, "person {id:?} of {tenant:?}");
            let met = hits.first().unwrap().person;
            assert_eq!(met.person_id().unwrap(), id.as_str());
            assert_eq!(met.tenant_id().unwrap(), tenant);
            assert_eq!(met.email().unwrap(), person.email.as_str());
            person.is(&met);
            let mut behind = tenants.range::<str, _>((Excluded(tenant.as_str()), Unbounded));
            let next = behind.next().or_else(|| tenants.first());
            for address in &person.addresses {
                let address = std::str::from_utf8(address).unwrap();
                let scopes = [None, Some(tenant.as_str()), next.copied()];
                found(segment, &owners, address, &scopes);
                for other in [format!("x{address}"), address.replacen('@', "x@", 1), format!("{address}x")] {
                    found(segment, &owners, &other, &scopes[..2]);
                }
            }
            let joined = |first: &str| {
                let (first, family) =
                    (canonical(&person.columns, first), canonical(&person.columns, "family_name"));
                if first.is_empty() || family.is_empty() {
                    String::new()
                } else {
                    format!("{first} {family}")
                }
            };
            let display = canonical(&person.columns, "display_name").to_owned();
            for name in [display, joined("given_name"), joined("preferred_name")] {
                named(segment, &name, tenant, id);
            }
        }
    }
}

/// Whoever has the address is found, in each of these tenants and everywhere, and nobody else.
fn found(
    segment: &Segment<Vec<u8>>,
    owners: &BTreeMap<&[u8], Vec<(&str, &str)>>,
    address: &str,
    scopes: &[Option<&str>],
) {
    let wanted = key(address).and_then(|key| owners.get(&*key).cloned()).unwrap_or_default();
    for &scope in scopes {
        let hits = segment.get(address, scope.map_or(Scope::Everywhere, Scope::Tenant)).unwrap();
        let wanted: Vec<_> =
            wanted.iter().filter(|(tenant, _)| scope.is_none_or(|scope| scope == *tenant)).collect();
        assert_eq!(hits.len(), wanted.len(), "{address:?} in {scope:?}");
        for hit in &hits {
            let (tenant, id) = (hit.person.tenant_id().unwrap(), hit.person.person_id().unwrap());
            assert!(wanted.contains(&&(tenant, &*id)), "{address:?} found {id:?} of {tenant:?}");
        }
    }
}

/// The person is found by the name within the tenant, and only people of the tenant are.
fn named(segment: &Segment<Vec<u8>>, name: &str, tenant: &str, id: &str) {
    let mut folded = KeyBuffer::new();
    folded_name(name, &mut folded);
    let hits = segment.by_name(tenant, name, HITS_MAX).unwrap();
    let is_there = hits.iter().any(|hit| hit.person.person_id().unwrap() == id);
    assert_eq!(is_there, !folded.is_empty(), "{name:?} of {id:?} in {tenant:?}");
    assert!(hits.iter().all(|hit| hit.person.tenant_id().unwrap() == tenant));
}

impl Expected {
    fn add(&mut self, columns: Vec<(&'static str, String)>, keys: BTreeSet<Vec<u8>>) {
        self.addresses.extend(keys);
        for (header, value) in columns {
            match self.columns.iter_mut().find(|(known, _)| *known == header) {
                Some((_, known)) if known.trim().is_empty() => *known = value,
                Some(_) => {}
                None => self.columns.push((header, value)),
            }
        }
    }

    /// All ways to read the columns give the same bytes.
    fn is(&self, person: &PersonRef<'_>) {
        let all: Vec<_> = person.columns().map(|column| column.unwrap()).collect();
        let wanted: Vec<_> = self.columns.iter().map(|(header, value)| (*header, value.as_str())).collect();
        assert_eq!(all.iter().map(|(header, value)| (*header, &**value)).collect::<Vec<_>>(), wanted);
        let owned = person.to_person(Matched::Primary, Ambiguity::Sole).unwrap();
        assert_eq!(owned.columns.iter().map(|(h, v)| (h.as_str(), v.as_str())).collect::<Vec<_>>(), wanted);
        let (mut buffer, mut scratch, mut visited) = ("left over".to_owned(), vec![1, 2, 3], Vec::new());
        for (header, value) in &wanted {
            assert_eq!(person.value(header).unwrap().as_deref(), Some(*value), "{header}");
            assert!(person.read(header, &mut buffer).unwrap());
            assert_eq!(buffer, *value, "{header}");
        }
        assert_eq!(person.value("no such header").unwrap(), None);
        let visit = |header: &str, value: &str| visited.push((header.to_owned(), value.to_owned()));
        person.for_each_column(&mut scratch, visit).unwrap();
        visited.sort();
        let mut sorted: Vec<_> = wanted.iter().map(|(h, v)| ((*h).to_owned(), (*v).to_owned())).collect();
        sorted.sort();
        assert_eq!(visited, sorted);
        let mut given = BTreeSet::new();
        person
            .for_each_address(|address, _| {
                given.extend(key(address));
                Ok(())
            })
            .unwrap();
        assert_eq!(given, self.addresses);
    }
}

fn line<'f>(csv: &mut String, fields: impl Iterator<Item = &'f str>) {
    for (place, field) in fields.enumerate() {
        let comma = if place > 0 { "," } else { "" };
        write!(csv, "{comma}\"{}\"", field.replace('"', "\"\"")).unwrap();
    }
    csv.push('\n');
}
