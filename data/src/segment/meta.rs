//! The metadata section: JSON, so that a segment explains itself to any tool and can grow fields.
//!
//! It says which headers the CSV had, which of them mean what, how each column is stored, and which files it
//! was made from.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Corrupt;
use super::rows::RowsSpec;
use crate::input::values::{self, Separator};
use crate::input::{Canonical, Mapping};

/// JSON metadata of a segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Every header, in order of first appearance over all files.
    pub headers: Vec<String>,
    /// The lists of columns that people have: one for each different header line.
    pub schemas: Vec<Mapping>,
    /// Files it was made from, with what identifies them.
    pub inputs: Vec<InputRecord>,
    /// Rows read.
    pub rows: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Warnings given.
    pub warnings: u64,
    /// How the rows are laid out.
    pub(crate) layout: RowsSpec,
}

/// One input file as it was when it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    /// Path as opened.
    pub path: String,
    /// Number of the device that held it.
    pub device: u64,
    /// Its number on the device.
    pub inode: u64,
    /// Size on disk in bytes.
    pub size: u64,
    /// Last change in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// xxh3-128 of the file's bytes, hexadecimal.
    pub digest: String,
}

/// The columns of one kind of file, with the way from meaning to column made short.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    headers: Vec<String>,
    canonical: [SmallVec<[u16; 2]>; Canonical::ALL.len()],
    separators: [Separator; Canonical::ALL.len()],
    addresses: Vec<u16>,
    names: Vec<u16>,
    identifiers: Vec<u16>,
}

impl Columns {
    /// Checks that the mapping names only columns that it has.
    pub(crate) fn new(mapping: &Mapping) -> Result<Self, Corrupt> {
        let count = mapping.headers().len();
        let canonical = Canonical::ALL.map(|column| SmallVec::from_slice(mapping.columns(column)));
        if canonical.iter().flatten().any(|&place| usize::from(place) >= count) {
            return Err(Corrupt::new("metadata names a column that is not there"));
        }
        let separators = Canonical::ALL.map(|column| mapping.separator(column));
        let places_of = |meanings: &[Canonical]| {
            let places = meanings.iter().flat_map(|&meaning| canonical[meaning as usize].iter().copied());
            places.collect::<Vec<u16>>()
        };
        let further = u16::try_from(count).map_err(|_| Corrupt::new("metadata has too many columns"))?;
        let mut addresses = places_of(&[Canonical::Email, Canonical::Aliases, Canonical::PersonalEmails]);
        // A list with the primary address in it stands there twice.
        let mut seen = HashSet::new();
        addresses.retain(|place| seen.insert(*place));
        addresses.push(further);
        let mut names = places_of(&[
            Canonical::DisplayName,
            Canonical::GivenName,
            Canonical::PreferredName,
            Canonical::FamilyName,
            Canonical::OtherNames,
            Canonical::Kind,
            Canonical::Vip,
        ]);
        names.extend(canonical[Canonical::Email as usize].iter().skip(1));
        let identifiers = places_of(&[Canonical::PersonId, Canonical::Email]);
        let headers = mapping.headers().to_vec();
        Ok(Self { headers, canonical, separators, addresses, names, identifiers })
    }

    /// Columns that [`for_each_address`](super::for_each_address) reads, the further addresses too.
    pub(crate) fn address_places(&self) -> &[u16] {
        &self.addresses
    }

    /// Columns that [`for_each_name`](super::for_each_name) and [`reach`](super::reach) read.
    pub(crate) fn name_places(&self) -> &[u16] {
        &self.names
    }

    /// Columns that the person identifier is read from.
    pub(crate) fn identifier_places(&self) -> &[u16] {
        &self.identifiers
    }

    /// Headers in the order of the file.
    pub(crate) fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Where values of this meaning stand, best first.
    pub(crate) fn places(&self, column: Canonical) -> &[u16] {
        &self.canonical[column as usize]
    }

    /// The primary address in a value of one of its columns; empty where there is none.
    pub(crate) fn primary_address<'v>(&self, place: u16, value: &'v str) -> &'v str {
        let is_list = self.places(Canonical::Aliases).contains(&place);
        values::primary_address(value, is_list.then_some(self.separator(Canonical::Aliases)))
    }

    /// What stands between several values of this meaning.
    pub(crate) fn separator(&self, column: Canonical) -> Separator {
        self.separators[column as usize]
    }
}
