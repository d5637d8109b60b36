//! Header and section table: planning a segment's bytes, stamping them, and opening them again.
//!
//! The two halves of [`persondb_protocol::layout`]: the builder plans sections, fills them and stamps;
//! the reader checks the stamp and every bound before it looks at anything else.

use std::ops::{ControlFlow, Range};

use persondb_protocol::layout::{
    LAYOUT_VERSION, NORM_VERSION, SECTION_ALIGN, SECTION_COUNT_MAX, SEGMENT_MAGIC, SectionEntry, SectionKind,
    SegmentHeader,
};
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::{Corrupt, OpenError, VerifyError};
use crate::normalize::UNICODE_VERSION;

const HEADER_SIZE: usize = size_of::<SegmentHeader>();
const ENTRY_SIZE: usize = size_of::<SectionEntry>();

/// A section that a segment will have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    /// What its bytes are.
    pub(crate) kind: SectionKind,
    /// Which one of its kind.
    pub(crate) index: u32,
    /// How it is stored, as its structure numbers it.
    pub(crate) encoding: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// Items.
    pub(crate) count: u64,
}

impl Planned {
    /// The only section of its kind.
    pub(crate) fn new(kind: SectionKind, size: u64, count: u64) -> Self {
        Self { kind, index: 0, encoding: 0, size, count }
    }
}

/// Where each section of a segment will stand.
#[derive(Debug)]
pub(crate) struct Plan {
    entries: Vec<SectionEntry>,
    size: u64,
}

impl Plan {
    /// Lays out these sections, in this order.
    pub(crate) fn new(sections: &[Planned]) -> Self {
        let mut end = (HEADER_SIZE + sections.len() * ENTRY_SIZE) as u64;
        let mut entries = Vec::with_capacity(sections.len());
        for planned in sections {
            let offset = end.next_multiple_of(SECTION_ALIGN);
            end = offset + planned.size;
            let mut entry = SectionEntry::new_zeroed();
            entry.kind = (planned.kind as u32).into();
            entry.index = planned.index.into();
            entry.offset = offset.into();
            entry.size = planned.size.into();
            entry.count = planned.count.into();
            entry.encoding = planned.encoding.into();
            entries.push(entry);
        }
        Self { entries, size: end.next_multiple_of(SECTION_ALIGN) }
    }

    /// Makes the last section smaller, down to what was filled of it.
    pub(crate) fn shrink_last(&mut self, size: u64) {
        if let Some(last) = self.entries.last_mut().filter(|last| last.size.get() >= size) {
            last.size = size.into();
            self.size = (last.offset.get() + size).next_multiple_of(SECTION_ALIGN);
        }
    }

    /// Number of sections.
    pub(crate) fn section_count(&self) -> usize {
        self.entries.len()
    }

    /// Size of the whole segment in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Where the only section of this kind stands.
    pub(crate) fn range(&self, kind: SectionKind) -> Range<usize> {
        self.range_of(kind, 0)
    }

    /// Where the section of this kind with this index stands.
    pub(crate) fn range_of(&self, kind: SectionKind, index: u32) -> Range<usize> {
        let is = |entry: &&SectionEntry| entry.kind.get() == kind as u32 && entry.index.get() == index;
        let entry = self.entries.iter().find(is);
        range(entry.expect("the plan was made with this section"))
            .expect("a planned segment is in memory, so its offsets fit")
    }

    /// Writes checksums, table and, last, the header. `header` says what only the builder knows.
    pub(crate) fn stamp(&self, header: &SegmentHeader, bytes: &mut [u8]) {
        let mut entries = self.entries.clone();
        for entry in &mut entries {
            let range = range(entry).expect("a planned segment is in memory, so its offsets fit");
            entry.checksum = xxh3_64(&bytes[range]).into();
        }
        let table = entries.as_bytes();
        bytes[HEADER_SIZE..HEADER_SIZE + table.len()].copy_from_slice(table);
        let mut header = *header;
        header.magic = SEGMENT_MAGIC;
        header.layout_version = LAYOUT_VERSION.into();
        header.norm_version = NORM_VERSION.into();
        header.unicode_version = unicode_version().into();
        header.section_count = u32::try_from(entries.len()).expect("a plan has few sections").into();
        header.segment_size = self.size.into();
        header.table_checksum = xxh3_64(table).into();
        header.header_checksum = header_checksum(&header).into();
        bytes[..HEADER_SIZE].copy_from_slice(header.as_bytes());
    }
}

/// Header and table of a segment whose bounds were checked.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// The header as stamped.
    pub(crate) header: SegmentHeader,
    /// The table; every range lies within the segment and behind the table.
    pub(crate) entries: Vec<SectionEntry>,
}

impl Image {
    /// Checks header, versions, size, table and the bounds of every section. O(sections).
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, OpenError> {
        let (header, rest) = SegmentHeader::ref_from_prefix(bytes)
            .map_err(|_| Corrupt::new("segment is shorter than its header"))?;
        if header.magic != SEGMENT_MAGIC {
            return Err(Corrupt::new("no PersonDB segment: the magic is another").into());
        }
        let found =
            versions(header.layout_version.get(), header.norm_version.get(), header.unicode_version.get());
        let expected = versions(LAYOUT_VERSION, NORM_VERSION, unicode_version());
        if found != expected {
            return Err(OpenError::Version { found, expected });
        }
        if header.header_checksum.get() != header_checksum(header) {
            return Err(Corrupt::new("checksum of the header").into());
        }
        if header.segment_size.get() != bytes.len() as u64 {
            let (expected, found) = (header.segment_size, bytes.len());
            return Err(Corrupt::new(format!("segment should have {expected} bytes and has {found}")).into());
        }
        let count = header.section_count.get();
        if count > SECTION_COUNT_MAX {
            return Err(
                Corrupt::new(format!("{count} sections, at most {SECTION_COUNT_MAX} are allowed")).into()
            );
        }
        let (entries, _) = <[SectionEntry]>::ref_from_prefix_with_elems(rest, count as usize)
            .map_err(|_| Corrupt::new("section table reaches beyond the segment"))?;
        if xxh3_64(entries.as_bytes()) != header.table_checksum.get() {
            return Err(Corrupt::new("checksum of the section table").into());
        }
        let mut end = HEADER_SIZE + entries.len() * ENTRY_SIZE;
        for entry in entries {
            let range = range(entry)
                .filter(|range| range.start >= end && range.end <= bytes.len())
                .filter(|_| entry.offset.get() % SECTION_ALIGN == 0)
                .ok_or_else(|| Corrupt::new(format!("bounds of section {}", entry.kind)))?;
            end = range.end;
        }
        Ok(Self { header: *header, entries: entries.to_vec() })
    }

    /// The section of this kind, with its number of items.
    pub(crate) fn section(&self, kind: SectionKind) -> Result<(Range<usize>, u64), Corrupt> {
        self.section_of(kind, 0).map(|(range, entry)| (range, entry.count.get()))
    }

    /// The section of this kind with this index, and its line in the table.
    pub(crate) fn section_of(
        &self,
        kind: SectionKind,
        index: u32,
    ) -> Result<(Range<usize>, &SectionEntry), Corrupt> {
        let is = |entry: &&SectionEntry| entry.kind.get() == kind as u32 && entry.index.get() == index;
        let found = self.entries.iter().find(is).and_then(|entry| Some((range(entry)?, entry)));
        found.ok_or_else(|| Corrupt::new(format!("segment has no section '{}' {index}", kind.name())))
    }

    /// Compares the checksums of all sections. O(segment).
    pub(crate) fn verify_checksums(
        &self,
        bytes: &[u8],
        done: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<u64, VerifyError> {
        let mut total = 0;
        for entry in &self.entries {
            let section = range(entry).and_then(|range| bytes.get(range));
            let section = section.ok_or_else(|| Corrupt::new("bounds of a section"))?;
            if xxh3_64(section) != entry.checksum.get() {
                let name = SectionKind::from_number(entry.kind.get()).map_or("unknown", SectionKind::name);
                return Err(Corrupt::new(format!("checksum of section '{name}'")).into());
            }
            total += section.len() as u64;
            if done(total).is_break() {
                return Err(VerifyError::Stopped);
            }
        }
        Ok(total)
    }
}

/// Version of the Unicode tables behind the keys, as the header has it.
fn unicode_version() -> u32 {
    let (major, minor, patch) = UNICODE_VERSION;
    u32::from(major) << 16 | u32::from(minor) << 8 | u32::from(patch)
}

fn versions(layout: u32, norm: u32, unicode: u32) -> String {
    let (major, minor, patch) = (unicode >> 16, unicode >> 8 & 0xff, unicode & 0xff);
    format!("layout {layout}, norm {norm}, Unicode {major}.{minor}.{patch}")
}

fn header_checksum(header: &SegmentHeader) -> u64 {
    let covered = HEADER_SIZE - size_of_val(&header.header_checksum);
    xxh3_64(&header.as_bytes()[..covered])
}

fn range(entry: &SectionEntry) -> Option<Range<usize>> {
    let start = usize::try_from(entry.offset.get()).ok()?;
    let end = start.checked_add(usize::try_from(entry.size.get()).ok()?)?;
    Some(start..end)
}
