//! Every structure of a segment, its encoder and its bounds-checked reader side by side.
//!
//! | file | structure |
//! |---|---|
//! | `image` | header and section table: plan, stamp, open |
//! | `meta` | JSON: headers, schemas, inputs |
//! | `strings` | tenants: code → identifier, people |
//! | `runs` | ordinal → tenant, with the tenant's domains and links |
//! | `ranks` | tenant, and a person's place in it → ordinal |
//! | `rows` | one person's row: columns as codes; where mail domains are read |
//! | `links` | colleagues whose address is a value |
//! | `column` | how the values of one column are stored |
//! | `tails` | what of a person has no room in the row |
//! | `key_index`, `postings`, `probe` | key hash → ordinals; of keys that several share; the first buckets of a key |
//! | `key_index_builder`, `key_entry` | how an index is built, and of what |
//! | `domains` | what is known of domains, by tenant |
//! | `keys` | which keys a person has: one function for builder and reader |
//! | `lookup`, `batch`, `compared`, `hits` | question → people, one or many |
//! | `domain_lookup`, `evidence` | domain → what is known of it; what matching a message asks |
//! | `named` | a name → who may bear it, in stages |
//! | `scratch`, `last_values`, `kept` | values while they are compared; address and names that were compared last; what stays between messages |
//! | `person_ref`, `open_person`, `known_words` | one person, borrowed; several values of one; what words mean, by code |
//! | `stored` | how columns are stored, for people |
//! | `verify` | the thorough check before a segment is announced |
//! | `varint` | sizes in tails |
//!
//! [`Segment`] reads from any bytes. Nothing in it trusts them: an offset that does not fit gives
//! [`Corrupt`], never a panic.

mod batch;
pub(crate) mod column;
mod compared;
mod domain_lookup;
mod domains;
mod evidence;
mod hits;
mod image;
mod kept;
mod key_entry;
mod key_index;
mod key_index_builder;
mod keys;
mod known_words;
mod last_values;
mod links;
mod lookup;
mod meta;
mod named;
mod open_person;
mod person_ref;
mod postings;
mod probe;
mod ranks;
pub(crate) mod rows;
pub(crate) mod runs;
mod scratch;
mod stored;
mod strings;
pub(crate) mod tails;
pub(crate) mod varint;
mod verify;

use std::borrow::Cow;
use std::ops::Range;

use crate::input::Canonical;
use persondb_protocol::layout::{SectionEntry, SectionKind, SegmentHeader};
use persondb_protocol::{Generation, Prefetch};

pub use batch::Answers;
use column::TextCodec;
use column::dictionary::{Dictionary, SLOT_DOMAINS, Slots};
pub(crate) use domains::{DomainLine, SeenDomain};
pub use hits::{HITS_MAX, Hit, Hits, HitsIter};
pub(crate) use image::{Plan, Planned};
pub(crate) use kept::{Kept, with_buffers};
pub(crate) use key_entry::{Entry, KeyEntry, NameEntry, sort_entries};
pub(crate) use key_index_builder::{KeyIndexBuilder, Load};
pub(crate) use keys::{
    FURTHER_ALIAS, FURTHER_PERSONAL, Fields, KeyHasher, for_each_address, for_each_name, is_dotless_domain,
    primary_address, reach,
};
pub(crate) use links::LinkForm;
pub use lookup::{CANDIDATES_MAX, LookupError, Scope, to_people};
pub(crate) use meta::Columns;
pub use meta::{InputRecord, Meta};
pub(crate) use named::{Hashes, NameKeys, Ordinals};
pub(crate) use open_person::{AtHand, Buffers, OpenPerson};
pub use person_ref::{Ambiguity, PersonRef};
pub(crate) use probe::Probe;
pub(crate) use ranks::Members;
pub(crate) use rows::Leads;
pub use stored::{StoredColumn, StoredRow};
pub use verify::{Verified, VerifyError};

pub(crate) mod sections {
    //! Encoders of the small sections, for the builder.
    pub(crate) use super::domains::{
        seen_size as seen_domains_size, size as domains_size, write as write_domains,
        write_seen as write_seen_domains,
    };
    pub(crate) use super::ranks::encode as encode_ranks;
    pub(crate) use super::rows::rows_size;
    pub(crate) use super::runs::marked_bits as marked_runs_bits;
    pub(crate) use super::strings::{
        number_width as strings_encoding, size as strings_size, write as write_strings,
    };
    pub(crate) use super::tails::offsets_size;
}

/// Number of a person in a generation: from 0, without gaps.
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
/// Opening is O(sections + headers); a look-up touches the index line, the row and what the row refers to.
#[derive(Debug)]
pub struct Segment<B> {
    bytes: B,
    view: View,
}

/// What opening a segment found out: small, private to the process.
#[derive(Debug)]
pub(crate) struct View {
    /// Its own among all that were opened in this process.
    number: u64,
    image: image::Image,
    meta: Meta,
    schemas: Vec<Columns>,
    tenants: strings::Strings,
    rows: rows::Rows,
    row_bytes: Range<usize>,
    tail_offsets: Range<usize>,
    tails: Range<usize>,
    runs: runs::Runs,
    mail_domains: Dictionary,
    /// Where nearly all of them stand.
    domain_slots: Slots<SLOT_DOMAINS>,
    links: links::Links,
    /// Whether any domain allows more than the literal address.
    has_looser_domains: bool,
    address_index: Index,
    /// Where person index and name index hold ranks.
    ranks: Option<ranks::Ranks>,
    tenant_index: Index,
    person_index: Index,
    name_index: Index,
    domains: (Range<usize>, u64),
    seen_domains: (Range<usize>, u64),
    domain_index: Index,
    lookalike_index: Index,
    people_count: u32,
    hasher: KeyHasher,
    /// Asks for a cache line of the bytes.
    ask: fn(&[u8], usize),
}

/// A section that is a key index.
#[derive(Debug)]
struct Index {
    range: Range<usize>,
    layout: key_index::IndexLayout,
}

/// A segment's bytes with its view: what every reader below works on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    bytes: &'a [u8],
    view: &'a View,
}

impl<B: Prefetch> Segment<B> {
    /// Checks header, table, bounds of every section, index heads and metadata; not the checksums of
    /// contents, which [`Self::verify`] compares once per generation.
    ///
    /// # Errors
    /// [`OpenError::Version`] for other layouts, [`OpenError::Corrupt`] for anything that does not fit.
    pub fn open(bytes: B) -> Result<Self, OpenError> {
        let view = View::open(bytes.as_ref(), B::prefetch_of)?;
        Ok(Self { bytes, view })
    }
}

impl<B: AsRef<[u8]>> Segment<B> {
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

    /// One person.
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
        (0..parts.view.tenants.len())
            .map(move |code| Ok((parts.tenant(code)?, parts.tenant_people(code)?.into())))
    }

    fn parts(&self) -> Parts<'_> {
        Parts { bytes: self.bytes.as_ref(), view: &self.view }
    }
}

impl View {
    fn open(bytes: &[u8], ask: fn(&[u8], usize)) -> Result<Self, OpenError> {
        let image = image::Image::open(bytes)?;
        let range = |kind| image.section(kind).map(|(range, _)| range);
        let index = |kind| {
            let range = range(kind)?;
            let layout = key_index::IndexLayout::open(&bytes[range.clone()])?;
            Ok::<_, Corrupt>(Index { range, layout })
        };
        let meta: Meta = serde_json::from_slice(&bytes[range(SectionKind::Meta)?])
            .map_err(|error| Corrupt::new(format!("metadata: {error}")))?;
        let schemas: Result<Vec<_>, _> = meta.schemas.iter().map(Columns::new).collect();
        let people_count = u32::try_from(image.header.people_count.get())
            .ok()
            .filter(|&count| count < 1 << 31)
            .ok_or_else(|| Corrupt::new("more people than ordinals"))?;
        let schemas = schemas?;
        let roles: Vec<_> = schemas.iter().map(roles).collect();
        let tables = SectionTables { image: &image, bytes };
        let row_bytes = range(SectionKind::Rows)?;
        let tail_offsets = range(SectionKind::TailOffsets)?;
        let rows = rows::Rows::open(&meta.layout, &roles, &tables)?;
        let mail_domains = tables.dictionary_of(SectionKind::MailDomains, 0)?;
        let people = u64::from(people_count);
        if row_bytes.len() as u64 != rows::rows_size(rows.row_size, people)
            || tail_offsets.len() as u64 != tails::offsets_size(people)
        {
            return Err(Corrupt::new("rows do not match the number of people").into());
        }
        let view = Self {
            number: last_values::segment_number(),
            ranks: ranks::Ranks::open(range(SectionKind::Ranks)?, image.section(SectionKind::Tenants)?.1)?,
            tenants: {
                let (range, entry) = image.section_of(SectionKind::Tenants, 0)?;
                strings::Strings::open(range, entry.count.get(), entry.encoding.get())?
            },
            tenant_index: index(SectionKind::TenantIndex)?,
            rows,
            row_bytes,
            tail_offsets,
            tails: range(SectionKind::Tails)?,
            runs: runs::Runs::open(bytes, range(SectionKind::Runs)?)?,
            domain_slots: mail_domains.slots(),
            mail_domains,
            links: {
                let (range, entry) = image.section_of(SectionKind::Links, 0)?;
                links::Links::open(range, entry.encoding.get())?
            },
            has_looser_domains: image.section_of(SectionKind::Domains, 0)?.1.encoding.get() != 0,
            schemas,
            address_index: index(SectionKind::AddressIndex)?,
            person_index: index(SectionKind::PersonIndex)?,
            name_index: index(SectionKind::NameIndex)?,
            domains: image.section(SectionKind::Domains)?,
            seen_domains: image
                .section_of(SectionKind::Domains, 1)
                .map(|(range, e)| (range, e.count.get()))?,
            domain_index: index(SectionKind::DomainIndex)?,
            lookalike_index: index(SectionKind::LookalikeIndex)?,
            people_count,
            hasher: KeyHasher::new(image.header.hash_seed.get()),
            ask,
            meta,
            image,
        };
        let parts = Parts { bytes, view: &view };
        parts.domains()?;
        Ok(view)
    }
}

/// Dictionaries and text tables by their number.
struct SectionTables<'i> {
    image: &'i image::Image,
    bytes: &'i [u8],
}

impl SectionTables<'_> {
    fn dictionary_of(&self, kind: SectionKind, index: u32) -> Result<Dictionary, Corrupt> {
        let (range, entry) = self.image.section_of(kind, index)?;
        Dictionary::open(range, entry.encoding.get(), entry.count.get())
    }
}

impl rows::Tables for SectionTables<'_> {
    fn dictionary(&self, index: u32) -> Result<Dictionary, Corrupt> {
        self.dictionary_of(SectionKind::Dictionary, index)
    }

    fn text(&self, index: u32) -> Result<TextCodec, Corrupt> {
        let (range, _) = self.image.section_of(SectionKind::TextTable, index)?;
        TextCodec::open(self.bytes.get(range).unwrap_or_default())
    }
}

/// Places of the columns that templates refer to, and of the primary address.
pub(crate) fn roles(columns: &Columns) -> rows::Roles {
    let first = |column| columns.places(column).first().copied();
    rows::Roles {
        header_count: columns.headers().len(),
        names: [Canonical::GivenName, Canonical::FamilyName, Canonical::MiddleName, Canonical::PreferredName]
            .map(first),
        email: first(Canonical::Email),
        display_name: first(Canonical::DisplayName),
        addresses: columns.address_places().to_vec(),
    }
}

impl<'a> Parts<'a> {
    fn slice(&self, range: &Range<usize>) -> Result<&'a [u8], Corrupt> {
        self.bytes.get(range.clone()).ok_or_else(|| Corrupt::new("section beyond the segment"))
    }

    /// Asks for the cache line at `offset` of the segment, for what is read soon.
    #[inline]
    fn ask_for(&self, offset: usize) {
        (self.view.ask)(self.bytes, offset);
    }

    /// Calls `visit` with every ordinal that may have the key: [`key_index::IndexLayout::candidates`].
    fn candidates(
        &self,
        index: &Index,
        hash: u64,
        visit: impl FnMut(Ordinal) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        index.layout.candidates(self.slice(&index.range)?, hash, visit)
    }

    /// The same of a tenant's keys, where numbers may be ranks.
    fn candidates_in(
        &self,
        index: &Index,
        (members, hash): (Members, u64),
        mut visit: impl FnMut(Ordinal) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        self.candidates(index, hash, |number| match self.member(members, number.0) {
            Some(ordinal) => visit(Ordinal(ordinal)),
            None => Ok(()),
        })
    }

    /// Identifier of the tenant with this code. O(1).
    fn tenant(&self, code: u32) -> Result<&'a str, Corrupt> {
        self.view.tenants.text(self.bytes, code)
    }

    /// How many people it has. O(1).
    fn tenant_people(&self, code: u32) -> Result<u32, Corrupt> {
        self.view.tenants.number(self.bytes, code)
    }

    fn domains(&self) -> Result<domains::Domains<'a>, Corrupt> {
        let (lines, seen) = (&self.view.domains, &self.view.seen_domains);
        domains::Domains::open((self.slice(&lines.0)?, lines.1), (self.slice(&seen.0)?, seen.1))
    }

    fn person(&self, ordinal: Ordinal) -> Result<PersonRef<'a>, Corrupt> {
        PersonRef::new(*self, ordinal.0)
    }
}
