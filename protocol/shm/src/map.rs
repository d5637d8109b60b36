//! A frozen segment, mapped read-only.
//!
//! # Why `&[u8]` over shared memory is sound here
//!
//! A shared reference promises that the bytes do not change while it lives. For memory that other
//! processes can reach, the type system cannot know that; here it follows from what a segment *is*:
//!
//! 1. It is complete before it can be opened by this type: its builder fills it with mode 0600 and drops
//!    every writable mapping and descriptor, and only then the mode becomes 0440 or 0444
//!    ([`SegmentWriter::freeze`](crate::SegmentWriter::freeze) has the kernel confirm that no writer is
//!    left, and [`StagedSegment::open`](crate::StagedSegment::open) asks again).
//! 2. This type refuses an object whose mode lets anybody write, its owner included, and an object whose
//!    owner is not trusted. Without a writable mode nobody gets a writable descriptor, and without one
//!    nobody gets a writable mapping, not even through `/proc/self/fd` (shared memory files check the
//!    mode again there), nor can anybody shrink the file under a mapping (`SIGBUS`).
//! 3. No program of the workspace changes the mode back.
//!
//! What remains is root, and the trusted owner acting against its own data on purpose: both could as well
//! trace the process. What the bytes *mean* is trusted by nobody: readers check every offset.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};

use persondb_protocol::{Prefetch, ShmName};

use crate::mapping::Mapping;
use crate::object::{Identity, Trust};
use crate::open::{OpenError, Writers, check, open_read_only};
use crate::prefault::{self, Prefaulted};
use crate::prefetch::prefetch_read;
use crate::smaps::{self, MappingUsage};

/// A frozen segment of which every byte can be read. No descriptor is kept; the mapping alone keeps the
/// segment alive, also after its name is gone. Unmapped when dropped.
///
/// ```no_run
/// use persondb_protocol::{DatasetName, Generation};
/// use persondb_shm::{SegmentMap, Trust};
///
/// let name = DatasetName::new("default")?.segment(Generation(7), 0);
/// let map = SegmentMap::open_by_name(&name, &Trust::usual(None), None)?;
/// println!("{} bytes, first {:?}", map.bytes().len(), map.bytes().first());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SegmentMap {
    mapping: Mapping,
    identity: Identity,
}

impl SegmentMap {
    /// Opens a public name and maps it. `expected_size` is what was announced, in bytes.
    ///
    /// # Errors
    /// [`OpenError`]; `Missing` is usual right after a generation was retired: observe again.
    pub fn open_by_name(
        name: &ShmName,
        trust: &Trust,
        expected_size: Option<u64>,
    ) -> Result<Self, OpenError> {
        Self::new(open_read_only(name)?, name.as_str(), trust, expected_size)
    }

    /// Maps a descriptor that came over the socket; the descriptor is closed.
    ///
    /// # Errors
    /// [`OpenError`]: what came over a socket is checked as much as what stands under a name.
    pub fn from_descriptor(
        descriptor: OwnedFd,
        trust: &Trust,
        expected_size: Option<u64>,
    ) -> Result<Self, OpenError> {
        Self::new(descriptor, "the received segment", trust, expected_size)
    }

    /// All bytes of the segment.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable and `size` bytes long, `size` fits in isize (checked when it was
        // opened), it lives as long as `self`, and nobody writes it (see the module's documentation).
        unsafe { std::slice::from_raw_parts(self.mapping.start().as_ptr(), self.mapping.size()) }
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.mapping.size() as u64
    }

    /// Which object is mapped.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Populates all pages, so that no look-up pays for a page fault. `progress` is called some
    /// milliseconds apart with the bytes done so far, and can stop it.
    ///
    /// # Errors
    /// When the kernel cannot populate (out of memory, at worst).
    pub fn prefault(&self, progress: impl FnMut(u64) -> ControlFlow<()>) -> io::Result<Prefaulted> {
        prefault::populate(&self.mapping, progress)
    }

    /// What this mapping uses of memory in this process, in bytes: resident, proportional, huge.
    ///
    /// Reads the process's whole `smaps`: for status, not for the look-up path.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn residency(&self) -> io::Result<MappingUsage> {
        smaps::range_usage(&self.mapping.addresses())
    }

    /// Bytes of this mapping that are mapped by huge pages: as far as they were touched or prefaulted.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn huge_page_bytes(&self) -> io::Result<u64> {
        Ok(self.residency()?.huge)
    }

    fn new(
        descriptor: OwnedFd,
        what: &str,
        trust: &Trust,
        expected_size: Option<u64>,
    ) -> Result<Self, OpenError> {
        let facts = check(descriptor.as_fd(), what, trust, Writers::Nobody)?;
        let found = facts.size as u64;
        if let Some(expected) = expected_size
            && found != expected
        {
            return Err(OpenError::Size { what: what.into(), found, expected: expected.to_string() });
        }
        let mapping = Mapping::read_only(descriptor.as_fd(), facts.size)
            .map_err(|source| OpenError::Os { what: what.into(), source })?;
        drop(descriptor); // the mapping alone keeps the segment alive
        Ok(Self { mapping, identity: facts.identity })
    }
}

impl Prefetch for SegmentMap {
    #[inline]
    fn prefetch_of(bytes: &[u8], offset: usize) {
        prefetch_read(bytes, offset);
    }
}

impl AsRef<[u8]> for SegmentMap {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}
