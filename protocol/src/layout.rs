//! The bytes in shared memory: superblock, segment header, section table.
//!
//! All numbers are little-endian. Offsets count bytes from the start of the segment, so a segment
//! means the same wherever it is mapped. The structs *are* the layout: `const` assertions below fix
//! size and offsets, and `golden` in the tests prints them all.
//!
//! # Segment
//!
//! ```text
//! 0      SegmentHeader (256 bytes)
//! 256    SectionEntry × section_count (48 bytes each)
//! ...    sections, each aligned to SECTION_ALIGN, zero bytes between them
//! ```
//!
//! The header is stamped last, with its own checksum, so a segment whose builder died never opens.
//!
//! # Superblock (one page)
//!
//! ```text
//! word 0   magic                     word 4   heartbeat (boot-time nanoseconds)
//! word 1   layout version            word 5   daemon start (boot-time nanoseconds)
//! word 2   announcement (release)    word 6   wake word (its low half is the futex)
//! word 3   state                     word 7   last issued generation
//! word 16 .. 80    slot 0            word 80 .. 144   slot 1
//! ```
//!
//! The announcement word counts announcements, starting at 1; 0 says that nothing was announced yet.
//! Announcement `a` stands in slot `a % 2`: it is written completely before the word changes, and the
//! word never repeats (a roll back is a new announcement of an older generation), so a daemon killed
//! between any two stores leaves the old announcement whole.
//!
//! # History
//!
//! | layout | what changed |
//! |---|---|
//! | 1 | records as given, with an offset each |
//! | 2 | rows of one size with coded columns, tails beside them; key index with packed references |
//! | 3 | domains that are only seen name a person; tenants and, where there are many, runs in fewer bytes |
//! | 4 | key index with fingerprints and references apart |
//! | 5 | keys of names and of look-alike domains are hashes of their parts |
//! | 6 | person index and name index hold ranks within the tenant; posting lists packed, by group of buckets |
//! | 7 | short runs are marked, tenants have lines of offsets; look-alike index has no key for the label alone |
//! | 8 | links may be ranks; the last text of a tail has no size; a tenant's column may have no bit |

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::Generation;

/// Number of the byte format described here, apart from the crate's version.
pub const LAYOUT_VERSION: u32 = 8;
/// Number of the normalisation rules that built the keys (`norm_v1`).
pub const NORM_VERSION: u32 = 1;

/// First eight bytes of a segment.
pub const SEGMENT_MAGIC: [u8; 8] = *b"PersonDB";
/// First word of a superblock: `PDBsuper` read as little-endian.
pub const SUPERBLOCK_MAGIC: u64 = u64::from_le_bytes(*b"PDBsuper");
/// Size of the superblock in bytes.
pub const SUPERBLOCK_SIZE: usize = 4096;
/// Alignment of every section in bytes: a cache line, so that structures can plan their misses.
pub const SECTION_ALIGN: u64 = 64;
/// Most sections in a segment.
pub const SECTION_COUNT_MAX: u32 = 4096;
/// Most segments in a generation (what a superblock slot has room for).
pub const SEGMENT_COUNT_MAX: usize = 16;

/// Header of a segment, at offset 0.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SegmentHeader {
    /// [`SEGMENT_MAGIC`].
    pub magic: [u8; 8],
    /// [`LAYOUT_VERSION`] of the builder.
    pub layout_version: U32,
    /// [`NORM_VERSION`] of the builder.
    pub norm_version: U32,
    /// Unicode version of the builder's tables: major << 16 | minor << 8 | patch.
    pub unicode_version: U32,
    /// Number of [`SectionEntry`] that follow.
    pub section_count: U32,
    /// Generation this segment belongs to; 0 in a file that was never announced.
    pub generation: U64,
    /// Size of the whole segment in bytes.
    pub segment_size: U64,
    /// Place of this segment in its generation, from 0.
    pub segment_index: U32,
    /// Number of segments in the generation.
    pub segment_count: U32,
    /// People in this segment (= number of ordinals).
    pub people_count: U64,
    /// Tenants in this segment.
    pub tenant_count: U64,
    /// Bytes of CSV (decompressed) that made it.
    pub csv_size: U64,
    /// Seed of every key hash in this segment; random per build, so that nobody outside can aim.
    pub hash_seed: U64,
    /// Wall time of the build in nanoseconds since 1970, for display.
    pub built_at_wall_ns: U64,
    /// Boot time at the start of the load in nanoseconds; ages count from here.
    pub load_started_boot_ns: U64,
    /// xxh3-128 of everything in the configuration that shapes the bytes.
    pub config_digest: [u8; 16],
    /// xxh3-128 over the contents of all inputs, in their order.
    pub input_digest: [u8; 16],
    /// xxh3-64 of the section table.
    pub table_checksum: U64,
    /// Zero; room for later.
    pub reserved: [u8; 112],
    /// xxh3-64 of all header bytes before this field. Stamped last.
    pub header_checksum: U64,
}

/// One line of the section table: a typed byte range.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SectionEntry {
    /// What the bytes are: a [`SectionKind`] as a number.
    pub kind: U32,
    /// Which one of its kind (a column number, say), else 0.
    pub index: U32,
    /// Where it starts, a multiple of [`SECTION_ALIGN`].
    pub offset: U64,
    /// Its size in bytes.
    pub size: U64,
    /// Items in it (people, keys …), for display and bounds.
    pub count: U64,
    /// xxh3-64 of its bytes.
    pub checksum: U64,
    /// How it is stored: a number private to its structure.
    pub encoding: U32,
    /// Zero.
    pub reserved: U32,
}

/// What the bytes of a section are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum SectionKind {
    /// JSON: columns, inputs, the cycle's report.
    Meta = 1,
    /// Tenant code → tenant identifier and number of people.
    Tenants = 2,
    /// Ordinal → offset in [`Self::Tails`].
    TailOffsets = 3,
    /// The people: one row of the same size each.
    Rows = 4,
    /// Address (primary, alias, personal) → ordinals.
    AddressIndex = 5,
    /// Tenant + person identifier → ordinals, or [ranks](Self::Ranks).
    PersonIndex = 6,
    /// Tenant + key of a name → ordinals, or [ranks](Self::Ranks).
    NameIndex = 7,
    /// Domains by tenant: what is said of them (index 0), who tells those that are only seen (1).
    Domains = 8,
    /// Domain → places in [`Self::Domains`], or a person who tells it.
    DomainIndex = 9,
    /// What of a person has no room in the row.
    Tails = 10,
    /// Ordinal → tenant, with the tenant's places in [`Self::MailDomains`] and [`Self::Links`].
    Runs = 11,
    /// Domains of addresses as they are written, by tenant.
    MailDomains = 12,
    /// Code of a colleague (a manager) → ordinal, by tenant; empty where codes are ranks.
    Links = 13,
    /// Values of one column (`index`), by code.
    Dictionary = 14,
    /// Table of a text codec.
    TextTable = 15,
    /// Key of a look-alike → places in [`Self::Domains`].
    LookalikeIndex = 16,
    /// Tenant and rank within it → ordinal; empty where indexes hold ordinals.
    Ranks = 17,
    /// Tenant identifier → code, where there are [`Self::Ranks`].
    TenantIndex = 18,
}

impl SectionKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::Meta,
        Self::Tenants,
        Self::TailOffsets,
        Self::Rows,
        Self::AddressIndex,
        Self::PersonIndex,
        Self::NameIndex,
        Self::Domains,
        Self::DomainIndex,
        Self::Tails,
        Self::Runs,
        Self::MailDomains,
        Self::Links,
        Self::Dictionary,
        Self::TextTable,
        Self::LookalikeIndex,
        Self::Ranks,
        Self::TenantIndex,
    ];

    /// The kind with this number, if this layout has one.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }

    /// Its name for people, in the words of the terms table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Tenants => "tenants",
            Self::TailOffsets => "tail offsets",
            Self::Rows => "rows",
            Self::AddressIndex => "address index",
            Self::PersonIndex => "person index",
            Self::NameIndex => "name index",
            Self::Domains => "domains",
            Self::DomainIndex => "domain index",
            Self::Tails => "tails",
            Self::Runs => "runs",
            Self::MailDomains => "mail domains",
            Self::Links => "links",
            Self::Dictionary => "dictionary",
            Self::TextTable => "text table",
            Self::LookalikeIndex => "look-alike index",
            Self::Ranks => "ranks",
            Self::TenantIndex => "tenant index",
        }
    }
}

/// Indices of the superblock's words (64 bits each).
pub mod word {
    /// [`super::SUPERBLOCK_MAGIC`]; stored last when a superblock is made.
    pub const MAGIC: usize = 0;
    /// [`super::LAYOUT_VERSION`].
    pub const LAYOUT: usize = 1;
    /// Number of the current announcement.
    pub const ANNOUNCEMENT: usize = 2;
    /// A [`super::SuperblockState`] as a number.
    pub const STATE: usize = 3;
    /// Boot-time nanoseconds of the daemon's last sign of life.
    pub const HEARTBEAT: usize = 4;
    /// Boot-time nanoseconds of the daemon's start.
    pub const DAEMON_START: usize = 5;
    /// Changes with every announcement and state; readers sleep on its low half.
    pub const WAKE: usize = 6;
    /// Highest generation number ever given out.
    pub const LAST_ISSUED: usize = 7;
    /// First word of slot 0.
    pub const SLOT_0: usize = 16;
    /// Words in a slot.
    pub const SLOT_WORDS: usize = 64;
    /// Words in the superblock.
    pub const COUNT: usize = super::SUPERBLOCK_SIZE / 8;
}

/// What the daemon says of itself in the superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum SuperblockState {
    /// Made, nothing announced by this daemon yet.
    Starting = 0,
    /// The announced generation is served.
    Serving = 1,
    /// The same, and announcements are held.
    Held = 2,
    /// This superblock was replaced or cleaned up: open the name again.
    Retired = 3,
}

impl SuperblockState {
    /// The state with this number; `None` for numbers of later layouts.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::Starting, Self::Serving, Self::Held, Self::Retired].into_iter().find(|s| *s as u64 == number)
    }
}

/// One segment of an announced generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnouncedSegment {
    /// Its size in bytes.
    pub size: u64,
    /// Its [`SegmentHeader::header_checksum`]: the identity of its contents.
    pub header_checksum: u64,
}

/// Everything a reader has to know about the current generation.
///
/// The segments' names follow from the dataset, the generation and their place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Number of this announcement; every announcement has its own.
    pub announcement: u64,
    /// Generation that is current from now on.
    pub generation: Generation,
    /// Boot-time nanoseconds of the announcement.
    pub announced_at_boot_ns: u64,
    /// Wall time of the announcement in nanoseconds since 1970.
    pub announced_at_wall_ns: u64,
    /// Boot-time nanoseconds at which the load of this generation began.
    pub load_started_boot_ns: u64,
    /// Its segments, 1 to [`SEGMENT_COUNT_MAX`].
    pub segments: Vec<AnnouncedSegment>,
}

impl Announcement {
    /// Words before the segment list in a slot.
    const HEAD_WORDS: usize = 6;

    /// The words of a slot, unused ones zero. Segments beyond [`SEGMENT_COUNT_MAX`] are left out.
    #[must_use]
    pub fn to_words(&self) -> [u64; word::SLOT_WORDS] {
        let mut words = [0; word::SLOT_WORDS];
        let segments = &self.segments[..self.segments.len().min(SEGMENT_COUNT_MAX)];
        words[..Self::HEAD_WORDS].copy_from_slice(&[
            self.announcement,
            self.generation.0,
            self.announced_at_boot_ns,
            self.announced_at_wall_ns,
            self.load_started_boot_ns,
            segments.len() as u64,
        ]);
        for (pair, segment) in words[Self::HEAD_WORDS..].chunks_exact_mut(2).zip(segments) {
            pair.copy_from_slice(&[segment.size, segment.header_checksum]);
        }
        words
    }

    /// Reads a slot back; `None` when the words cannot be an announcement.
    #[must_use]
    pub fn from_words(words: &[u64; word::SLOT_WORDS]) -> Option<Self> {
        let count = usize::try_from(words[5]).ok().filter(|n| (1..=SEGMENT_COUNT_MAX).contains(n))?;
        let segments = words[Self::HEAD_WORDS..]
            .chunks_exact(2)
            .take(count)
            .map(|pair| AnnouncedSegment { size: pair[0], header_checksum: pair[1] })
            .collect();
        Some(Self {
            announcement: words[0],
            generation: Generation(words[1]),
            announced_at_boot_ns: words[2],
            announced_at_wall_ns: words[3],
            load_started_boot_ns: words[4],
            segments,
        })
    }
}

const _: () = {
    assert!(size_of::<SegmentHeader>() == 256);
    assert!(std::mem::offset_of!(SegmentHeader, generation) == 24);
    assert!(std::mem::offset_of!(SegmentHeader, header_checksum) == 248);
    assert!(size_of::<SectionEntry>() == 48);
    assert!(word::SLOT_0 + 2 * word::SLOT_WORDS <= word::COUNT);
    assert!(Announcement::HEAD_WORDS + 2 * SEGMENT_COUNT_MAX <= word::SLOT_WORDS);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_survives_its_slot_and_garbage_is_none() {
        let announcement = Announcement {
            announcement: 9,
            generation: Generation(7),
            announced_at_boot_ns: 1,
            announced_at_wall_ns: 2,
            load_started_boot_ns: 3,
            segments: vec![AnnouncedSegment { size: 4, header_checksum: 5 }; SEGMENT_COUNT_MAX],
        };
        let mut words = announcement.to_words();
        assert_eq!(Announcement::from_words(&words), Some(announcement));
        for count in [0, SEGMENT_COUNT_MAX as u64 + 1, u64::MAX] {
            words[5] = count;
            assert_eq!(Announcement::from_words(&words), None, "{count} segments");
        }
    }

    #[test]
    fn section_numbers_are_their_own_and_readable_back() {
        for (i, kind) in SectionKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i + 1);
            assert_eq!(SectionKind::from_number(kind as u32), Some(kind));
        }
        assert_eq!(SectionKind::from_number(0), None);
        assert_eq!(SectionKind::from_number(19), None);
    }
}
