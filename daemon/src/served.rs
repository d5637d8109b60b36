//! [`Served`]: one generation of this machine, opened the way a client opens it.

use std::io;

use persondb_data::segment::{self, Corrupt, Segment};
use persondb_protocol::layout::AnnouncedSegment;
use persondb_protocol::{DatasetName, Generation};
use persondb_shm::{OpenError, PublishError, PublishedSegment, SegmentMap, StagedSegment};

use crate::config::Config;

/// A published generation with its mapping; what the daemon itself answers from.
#[derive(Debug)]
pub struct Served {
    published: PublishedSegment,
    segment: Segment<SegmentMap>,
    huge_page_bytes: u64,
}

/// A frozen segment that nobody knows yet, readable through the client's reader.
#[derive(Debug)]
pub struct Candidate {
    staged: StagedSegment,
    segment: Segment<SegmentMap>,
}

/// Small facts of a generation that outlive its mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationFacts {
    /// Its number.
    pub generation: Generation,
    /// Its size in bytes.
    pub bytes: u64,
    /// People in it.
    pub people: u64,
    /// Wall time of its build in nanoseconds since 1970.
    pub built_at_wall_ns: u64,
}

/// Why a generation is not readable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The object itself.
    #[error(transparent)]
    Object(#[from] OpenError),
    /// Its bytes.
    #[error(transparent)]
    Segment(#[from] segment::OpenError),
    /// A checksum, offset or look-up of it.
    #[error("verification failed: {0}")]
    Verify(#[from] Corrupt),
    /// It is another generation than its name says.
    #[error("expected generation {expected}, found {found} in the header; remove it with `persondb cleanup`")]
    Generation {
        /// By its name.
        expected: Generation,
        /// By its header.
        found: Generation,
    },
    /// It has several segments, which this release does not make.
    #[error("generation {generation} has {found} segments, this release serves generations of 1")]
    Segments {
        /// Which.
        generation: Generation,
        /// By its header.
        found: u32,
    },
}

impl ServeError {
    /// Whether it may be readable another time: the system was short of something, or somebody still has it
    /// open. Bytes that are wrong stay so.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Object(
                OpenError::Os { .. } | OpenError::StillWritten { .. } | OpenError::NotPermitted { .. }
            )
        )
    }
}

impl Candidate {
    /// Maps what the build froze and opens it as a client would.
    ///
    /// # Errors
    /// [`ServeError`]; the staging name is gone then.
    pub fn open(staged: StagedSegment, expected: Generation) -> Result<Self, ServeError> {
        let segment = Segment::open(staged.map()?)?;
        check_header(&segment, expected)?;
        Ok(Self { staged, segment })
    }

    /// The readable side.
    #[must_use]
    pub fn segment(&self) -> &Segment<SegmentMap> {
        &self.segment
    }

    /// Gives it the public name of its generation.
    ///
    /// # Errors
    /// [`PublishError`]; nothing is public then.
    pub fn publish(self, name: &DatasetName) -> Result<Served, PublishError> {
        let published = self.staged.publish(&name.segment(self.segment.generation(), 0))?;
        Ok(Served::new(published, self.segment))
    }
}

impl Served {
    /// Opens a generation that stands under its public name.
    ///
    /// # Errors
    /// [`ServeError`]; nothing is changed.
    pub fn open(name: &DatasetName, generation: Generation) -> Result<Self, ServeError> {
        let published = PublishedSegment::open(&name.segment(generation, 0))?;
        let segment = Segment::open(published.map()?)?;
        check_header(&segment, generation)?;
        Ok(Self::new(published, segment))
    }

    fn new(published: PublishedSegment, segment: Segment<SegmentMap>) -> Self {
        // Only display: a kernel that does not say how much is huge does not keep data from being served.
        let huge_page_bytes = segment.bytes().huge_page_bytes().unwrap_or(0);
        Self { published, segment, huge_page_bytes }
    }

    /// Gives it the readers of a configuration; an earlier daemon may have had others.
    ///
    /// # Errors
    /// When it cannot be given to the group. Nobody but its owner can open it by name then.
    pub fn permit(&self, config: &Config) -> io::Result<()> {
        self.published.permit(config.mode, config.reader_group)
    }

    /// The readable side.
    #[must_use]
    pub fn segment(&self) -> &Segment<SegmentMap> {
        &self.segment
    }

    /// The object, with the descriptor that clients are given.
    #[must_use]
    pub fn published(&self) -> &PublishedSegment {
        &self.published
    }

    /// Its number.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.segment.generation()
    }

    /// Bytes in huge pages, as seen when it was opened.
    #[must_use]
    pub fn huge_page_bytes(&self) -> u64 {
        self.huge_page_bytes
    }

    /// Its entry in an announcement.
    #[must_use]
    pub fn announced_segments(&self) -> Vec<AnnouncedSegment> {
        let header_checksum = self.segment.header().header_checksum.get();
        vec![AnnouncedSegment { size: self.published.size(), header_checksum }]
    }

    /// What is kept of it in lists.
    #[must_use]
    pub fn facts(&self) -> GenerationFacts {
        let header = self.segment.header();
        GenerationFacts {
            generation: self.generation(),
            bytes: self.published.size(),
            people: header.people_count.get(),
            built_at_wall_ns: header.built_at_wall_ns.get(),
        }
    }
}

fn check_header<B: AsRef<[u8]>>(segment: &Segment<B>, expected: Generation) -> Result<(), ServeError> {
    let found = segment.generation();
    if found != expected {
        return Err(ServeError::Generation { expected, found });
    }
    match segment.header().segment_count.get() {
        1 => Ok(()),
        found => Err(ServeError::Segments { generation: expected, found }),
    }
}
