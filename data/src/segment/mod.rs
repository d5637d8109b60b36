//! Every structure of a segment, its encoder and its bounds-checked reader side by side.
//!
//! | file | structure |
//! |---|---|
//! | `image` | header and section table: plan, stamp, open |
//! | `meta` | JSON: headers, schemas, inputs |
//! | `strings` | tenants |
//! | `record` | one person's bytes |
//! | `key_index` | key hash → ordinals |
//! | `domains` | what is known of domains |
//! | `keys` | which keys a person has: one function for builder and reader |
//! | `lookup` | question → people |
//! | `person_ref` | one person, borrowed |
//! | `verify` | the thorough check before a segment is announced |
//!
//! [`Segment`] reads from any bytes. Nothing in it trusts them: an offset that does not fit gives
//! [`Corrupt`], never a panic.

mod domains;
mod image;
mod key_index;
mod keys;
mod lookup;
mod meta;
mod person_ref;
mod record;
mod strings;
mod varint;
mod verify;

use std::borrow::Cow;
use std::ops::Range;

use persondb_protocol::Generation;
use persondb_protocol::layout::{SectionEntry, SectionKind, SegmentHeader};
use zerocopy::FromBytes;
use zerocopy::little_endian::U64;

pub(crate) use domains::DomainLine;
pub(crate) use image::Plan;
pub(crate) use key_index::KeyIndexBuilder;
pub(crate) use keys::{
    FURTHER_ALIAS, FURTHER_PERSONAL, Fields, KeyHasher, for_each_address, for_each_name, is_dotless_domain,
};
pub use lookup::{CANDIDATES_MAX, HITS_MAX, Hit, Hits, LookupError, Scope, to_people};
pub(crate) use meta::Columns;
pub use meta::{InputRecord, Meta};
pub use person_ref::{Ambiguity, PersonRef};
pub(crate) use record::{RecordHead, size as record_size, write as write_record};
pub use verify::{Verified, VerifyError};

pub(crate) mod sections {
    //! Encoders of the small sections, for the builder.
    pub(crate) use super::domains::{size as domains_size, write as write_domains};
    pub(crate) use super::strings::{size as strings_size, write as write_strings};
}

/// Dense record number in a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ordinal(pub u32);

/// Bytes that do not hold together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment is corrupt: {what}")]
pub struct Corrupt {
    /// Structure and finding.
    pub what: Cow<'static, str>,
}

impl Corrupt {
    pub(crate) fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into() }
    }
}

/// A segment that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Built for another layout or other normalisation rules: ask over the socket instead.
    #[error(
        "segment has {found}, this program reads {expected}; ask over the socket, or use programs of one release"
    )]
    Version {
        /// Layout, norm and Unicode versions of the segment.
        found: String,
        /// Those of this program.
        expected: String,
    },
    /// Not a whole segment.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// A readable segment over any bytes: shared memory, a file's contents, a vector.
///
/// Opening is O(sections + headers); a look-up touches the index line, the record offset and the record.
#[derive(Debug)]
pub struct Segment<B> {
    bytes: B,
    view: View,
}

/// What opening a segment found out: small, private to the process.
#[derive(Debug)]
struct View {
    image: image::Image,
    meta: Meta,
    schemas: Vec<Columns>,
    tenants: (Range<usize>, u64),
    record_offsets: Range<usize>,
    records: Range<usize>,
    address_index: Range<usize>,
    person_index: Range<usize>,
    name_index: Range<usize>,
    domains: (Range<usize>, u64),
    domain_index: Range<usize>,
    people_count: u32,
    hasher: KeyHasher,
}

/// A segment's bytes with its view: what every reader below works on.
#[derive(Clone, Copy, Debug)]
struct Parts<'a> {
    bytes: &'a [u8],
    view: &'a View,
}

impl<B: AsRef<[u8]>> Segment<B> {
    /// Checks header, table, bounds of every section, index heads and metadata; not the checksums of
    /// contents, which [`Self::verify`] compares once per generation.
    ///
    /// # Errors
    /// [`OpenError::Version`] for other layouts, [`OpenError::Corrupt`] for anything that does not fit.
    pub fn open(bytes: B) -> Result<Self, OpenError> {
        let view = View::open(bytes.as_ref())?;
        Ok(Self { bytes, view })
    }

    /// The bytes below.
    #[must_use]
    pub fn bytes(&self) -> &B {
        &self.bytes
    }

    /// The header as stamped.
    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.view.image.header
    }

    /// Generation in the header.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(self.view.image.header.generation.get())
    }

    /// Headers, schemas and inputs.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.view.meta
    }

    /// The section table.
    #[must_use]
    pub fn sections(&self) -> &[SectionEntry] {
        &self.view.image.entries
    }

    /// Number of people; ordinals are below it.
    #[must_use]
    pub fn people_count(&self) -> u32 {
        self.view.people_count
    }

    /// One record.
    ///
    /// # Errors
    /// [`Corrupt`] when there is no such ordinal or its bytes do not hold together.
    pub fn record(&self, ordinal: Ordinal) -> Result<PersonRef<'_>, Corrupt> {
        self.parts().person(ordinal)
    }

    /// All people in the order of their ordinals.
    pub fn people(&self) -> impl Iterator<Item = Result<PersonRef<'_>, Corrupt>> {
        (0..self.view.people_count).map(|ordinal| self.record(Ordinal(ordinal)))
    }

    /// Tenant identifiers with their number of people.
    pub fn tenants(&self) -> impl Iterator<Item = Result<(&str, u64), Corrupt>> {
        let parts = self.parts();
        let count = u32::try_from(parts.view.tenants.1).unwrap_or(u32::MAX);
        (0..count).map(move |code| parts.tenants()?.get(code))
    }

    fn parts(&self) -> Parts<'_> {
        Parts { bytes: self.bytes.as_ref(), view: &self.view }
    }
}

impl View {
    fn open(bytes: &[u8]) -> Result<Self, OpenError> {
        let image = image::Image::open(bytes)?;
        let range = |kind| image.section(kind).map(|(range, _)| range);
        let meta: Meta = serde_json::from_slice(&bytes[range(SectionKind::Meta)?])
            .map_err(|error| Corrupt::new(format!("metadata: {error}")))?;
        let schemas: Result<Vec<_>, _> = meta.schemas.iter().map(Columns::new).collect();
        let people_count = u32::try_from(image.header.people_count.get())
            .ok()
            .filter(|&count| count < 1 << 31)
            .ok_or_else(|| Corrupt::new("more people than ordinals"))?;
        let view = Self {
            schemas: schemas?,
            tenants: image.section(SectionKind::Tenants)?,
            record_offsets: range(SectionKind::RecordOffsets)?,
            records: range(SectionKind::Records)?,
            address_index: range(SectionKind::AddressIndex)?,
            person_index: range(SectionKind::PersonIndex)?,
            name_index: range(SectionKind::NameIndex)?,
            domains: image.section(SectionKind::Domains)?,
            domain_index: range(SectionKind::DomainIndex)?,
            people_count,
            hasher: KeyHasher::new(image.header.hash_seed.get()),
            meta,
            image,
        };
        let parts = Parts { bytes, view: &view };
        parts.tenants()?;
        parts.domains()?;
        for index in [&view.address_index, &view.person_index, &view.name_index, &view.domain_index] {
            parts.index(index)?;
        }
        if view.record_offsets.len() as u64 != 8 * (u64::from(people_count) + 1) {
            return Err(Corrupt::new("record offsets do not match the number of people").into());
        }
        Ok(view)
    }
}

impl<'a> Parts<'a> {
    fn slice(&self, range: &Range<usize>) -> Result<&'a [u8], Corrupt> {
        self.bytes.get(range.clone()).ok_or_else(|| Corrupt::new("section beyond the segment"))
    }

    fn index(&self, range: &Range<usize>) -> Result<key_index::KeyIndex<'a>, Corrupt> {
        key_index::KeyIndex::open(self.slice(range)?)
    }

    fn tenants(&self) -> Result<strings::Strings<'a>, Corrupt> {
        strings::Strings::open(self.slice(&self.view.tenants.0)?, self.view.tenants.1)
    }

    fn domains(&self) -> Result<domains::Domains<'a>, Corrupt> {
        domains::Domains::open(self.slice(&self.view.domains.0)?, self.view.domains.1)
    }

    fn person(&self, ordinal: Ordinal) -> Result<PersonRef<'a>, Corrupt> {
        let place = ordinal.0 as usize * 8;
        let offsets = self.slice(&self.view.record_offsets)?;
        let pair = offsets.get(place..place + 16).and_then(|pair| <[U64; 2]>::ref_from_bytes(pair).ok());
        let bounds = pair.and_then(|[start, end]| {
            Some(usize::try_from(start.get()).ok()?..usize::try_from(end.get()).ok()?)
        });
        let bytes = bounds.and_then(|bounds| self.bytes.get(self.view.records.clone())?.get(bounds));
        let bytes = bytes.ok_or_else(|| Corrupt::new(format!("offset of record {}", ordinal.0)))?;
        PersonRef::new(*self, ordinal, record::RecordRef::open(bytes)?)
    }
}
