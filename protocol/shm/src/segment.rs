//! A segment while it is filled.
//!
//! ```text
//! create ──► fill ──► collapse ──► freeze ──► (publish)
//! 0600,      &mut [u8]  huge pages  no writer left,
//! allocated,            where none  mode 0440 / 0444
//! huge pages            were yet
//! ```
//!
//! Trade-offs: all pages are allocated before the first store, so a `/dev/shm` that is too small is an
//! error here instead of a `SIGBUS` in the middle of the fill; it costs one pass over the page tables.
//! The segment never grows: what is asked for at creation is all there will be. It may shrink before it is
//! frozen, when nobody else can have it open; no mapping of a reader ever loses a page.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, posix_fallocate};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{Gid, fchown, ftruncate, geteuid};
use persondb_protocol::ShmName;
use shared_memory::{Shmem, ShmemConf, ShmemError};

use crate::mapping::PAGE_SIZE;
use crate::memory::shm_free_bytes;
use crate::object::{NameGuard, SegmentMode};
use crate::open::{is_still_written, open};
use crate::prefault::{self, HugePages};

/// Bytes allocated by one call: a signal makes the kernel undo a whole call, so a large one might never end.
const ALLOCATION_SLICE: u64 = 256 << 20;

/// A segment that is being filled, under its staging name. Dropped unfrozen, it is gone.
pub struct SegmentWriter {
    // Order matters: fields are dropped from the top.
    memory: Shmem,
    /// Bytes of the object: those of the mapping, or fewer after a shrink.
    size: usize,
    descriptor: OwnedFd,
    name: NameGuard,
}

/// Why a segment could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The name is taken.
    #[error("{name} exists already: expected a fresh staging name; remove it with `persondb cleanup`")]
    Exists {
        /// Staging name.
        name: ShmName,
    },
    /// `/dev/shm` is too small.
    #[error(
        "/dev/shm has {free} bytes free, the segment needs {needed}: enlarge it \
         (mount -o remount,size=… /dev/shm), or retain fewer generations"
    )]
    NoSpace {
        /// Bytes the segment needs.
        needed: u64,
        /// Bytes that were free, without those of this attempt.
        free: u64,
    },
    /// Empty, or more than the address space has.
    #[error("a segment of {size} bytes cannot be: expected 1 to {}", isize::MAX)]
    Size {
        /// Bytes asked for.
        size: u64,
    },
    /// What was opened again under the name is not what was created.
    #[error("{name} was replaced while it was created: expected nobody else to act as this user; try again")]
    Replaced {
        /// Staging name.
        name: ShmName,
    },
    /// The operating system failed.
    #[error("{name} could not be created")]
    Os {
        /// Staging name.
        name: ShmName,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// Why a segment could not be frozen; it is gone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// The reader group cannot be set.
    #[error(
        "{name} cannot be given to group {gid}: expected root or a member of that group; set another reader group"
    )]
    Group {
        /// Staging name.
        name: ShmName,
        /// Group asked for.
        gid: u32,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Somebody else can still write.
    #[error("{name} is still open for writing in another process: expected this one to be the only writer")]
    StillWritten {
        /// Staging name.
        name: ShmName,
    },
    /// The operating system failed.
    #[error("{name} could not be frozen")]
    Os {
        /// Staging name.
        name: ShmName,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl SegmentWriter {
    /// Creates `size` bytes of zeros under a name that nobody has, for this user alone, with all pages
    /// allocated, as small as the kernel gives them out.
    ///
    /// At a limit of the control group the kernel kills instead of refusing: ask
    /// [`memory_limit`](crate::memory_limit) first.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is left behind then.
    pub fn create(staging: &ShmName, size: u64) -> Result<Self, CreateError> {
        Self::create_of(staging, size, |_, _| {})
    }

    /// [`Self::create`] with huge pages, as far as the kernel can: before they are filled they cost a fortieth of what
    /// [`Self::collapse`] does afterwards.
    ///
    /// # Errors
    /// As [`Self::create`]. Without huge pages the segment is slower, not wrong: that is no error.
    pub fn create_huge(staging: &ShmName, size: u64) -> Result<Self, CreateError> {
        Self::create_of(staging, size, |descriptor, size| {
            let one_page = |offset| allocate(descriptor, offset, offset + PAGE_SIZE as u64);
            let _ = prefault::make_huge(descriptor.as_fd(), size, one_page);
        })
    }

    fn create_of(
        staging: &ShmName,
        size: u64,
        before_allocation: impl FnOnce(&OwnedFd, usize),
    ) -> Result<Self, CreateError> {
        let map_size = usize::try_from(size).ok().filter(|&n| n > 0 && isize::try_from(n).is_ok());
        let map_size = map_size.ok_or(CreateError::Size { size })?;
        let free = shm_free_bytes().unwrap_or(u64::MAX);
        let os = |source: io::Error| CreateError::Os { name: staging.clone(), source };

        // shared_memory creates exclusively, 0600, and maps; it removes the name if that fails.
        let mut memory = ShmemConf::new().os_id(staging.as_str()).size(map_size).create().map_err(
            |error| match error {
                ShmemError::MappingIdExists => CreateError::Exists { name: staging.clone() },
                error => os(to_io(&error)),
            },
        )?;
        let name = NameGuard::new(staging.clone());
        // The name is ours to remove, not the crate's, which would unlink a served segment at exit.
        memory.set_owner(false);

        // It keeps its descriptor to itself: a second one, for what it cannot do.
        let descriptor = open(staging, OFlag::O_RDWR).map_err(|error| os(io::Error::other(error)))?;
        let stat = fstat(&descriptor).map_err(|errno| os(errno.into()))?;
        let same = stat.st_uid == geteuid().as_raw() && stat.st_nlink == 1;
        if !same || u64::try_from(stat.st_size).ok() != Some(size) {
            return Err(CreateError::Replaced { name: staging.clone() });
        }
        before_allocation(&descriptor, map_size);
        allocate(&descriptor, 0, size).map_err(|errno| match errno {
            Errno::ENOSPC => CreateError::NoSpace { needed: size, free },
            errno => os(errno.into()),
        })?;
        Ok(Self { memory, size: map_size, descriptor, name })
    }

    /// The bytes, zero at first.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is readable and writable and at least `size` long, as is the object below it.
        // This process made it exclusively under a random name with mode 0600 and gives out no other way to
        // its bytes (`&mut self` here, and `collapse` only moves pages), so the reference is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr(), self.size) }
    }

    /// The bytes, for reading back.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: as in `bytes_mut`; a shared borrow of `self` excludes the writing one.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.size) }
    }

    /// Gives back everything beyond `size` bytes; more than there is, or nothing, changes nothing.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn shrink(&mut self, size: u64) -> io::Result<()> {
        let Some(smaller) = usize::try_from(size).ok().filter(|size| (1..self.size).contains(size)) else {
            return Ok(());
        };
        // The bytes behind are given up before they go: no slice reaches them any more.
        self.size = smaller;
        ftruncate(&self.descriptor, to_off(size)?)?;
        Ok(())
    }

    /// Name under which it is being filled.
    #[must_use]
    pub fn name(&self) -> &ShmName {
        self.name.name()
    }

    /// Joins pages that are not in huge pages yet, as far as the kernel can, and says how far all of them are.
    ///
    /// Without success the segment is slower, not wrong; so nothing here is an error.
    pub fn collapse(&mut self) -> HugePages {
        let size = self.size;
        prefault::collapse(self.descriptor.as_fd(), size)
            .unwrap_or(HugePages { bytes: 0, total: size as u64 })
    }

    /// Makes the segment immutable: every writable mapping and descriptor goes, then the mode says so.
    ///
    /// After this nobody but root can write it; this user could only by changing the mode again, which
    /// no program here does.
    ///
    /// # Errors
    /// [`FreezeError`]; the name is gone then.
    pub fn freeze(self, mode: SegmentMode, group: Option<u32>) -> Result<(), FreezeError> {
        let Self { memory, descriptor, name, size: _ } = self;
        let staging = name.name().clone();
        let os = |source: io::Error| FreezeError::Os { name: staging.clone(), source };

        let read_only = open(&staging, OFlag::O_RDONLY).map_err(|error| os(io::Error::other(error)))?;
        let (written, reopened) = (fstat(&descriptor), fstat(&read_only));
        let (written, reopened) = (written.map_err(|e| os(e.into()))?, reopened.map_err(|e| os(e.into()))?);
        if (written.st_dev, written.st_ino) != (reopened.st_dev, reopened.st_ino) {
            return Err(os(io::Error::other("the name was replaced while the segment was filled")));
        }
        drop(memory);
        drop(descriptor);

        // The group before the mode: no moment in which the wrong group may read.
        if let Some(gid) = group {
            fchown(&read_only, None, Some(Gid::from_raw(gid))).map_err(|errno| FreezeError::Group {
                name: staging.clone(),
                gid,
                source: errno.into(),
            })?;
        }
        let bits = Mode::from_bits_truncate(mode.segment_bits());
        fchmod(&read_only, bits).map_err(|errno| os(errno.into()))?;

        // A fork elsewhere in this process holds copies of our descriptors until it executes: be patient.
        for attempt in 0..50_u32 {
            match is_still_written(read_only.as_fd()) {
                Ok(false) => {
                    name.keep();
                    return Ok(());
                }
                Ok(true) => std::thread::sleep(std::time::Duration::from_millis(u64::from(attempt / 10))),
                Err(source) => return Err(os(source)),
            }
        }
        Err(FreezeError::StillWritten { name: staging })
    }
}

impl std::fmt::Debug for SegmentWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentWriter")
            .field("name", &self.name().as_str())
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Allocates the pages of `[offset, end)`.
pub(crate) fn allocate(descriptor: &OwnedFd, mut offset: u64, end: u64) -> nix::Result<()> {
    while offset < end {
        let slice = ALLOCATION_SLICE.min(end - offset);
        let (from, length) = (to_off(offset)?, to_off(slice)?);
        match posix_fallocate(descriptor, from, length) {
            Ok(()) => offset += slice,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn to_off(n: u64) -> nix::Result<nix::libc::off_t> {
    nix::libc::off_t::try_from(n).map_err(|_| Errno::EFBIG)
}

/// What the `shared_memory` crate says, in the terms of everybody else.
fn to_io(error: &ShmemError) -> io::Error {
    match error {
        ShmemError::MapCreateFailed(number) | ShmemError::UnknownOsError(number) => {
            io::Error::from_raw_os_error(i32::try_from(*number).unwrap_or(0))
        }
        other => io::Error::other(other.to_string()),
    }
}
