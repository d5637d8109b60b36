//! The superblock as the daemon has it: made or taken over, written by nobody else.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use persondb_protocol::layout::{AnnouncedSegment, Announcement, SEGMENT_COUNT_MAX, SuperblockState, word};
use persondb_protocol::{DatasetName, Generation, ShmName};
use rustix::thread::futex;

use super::make::{Untaken, highest_listed, make, permit, take};
use super::page::PageMut;
use super::{Observed, Words, WordsMut, announce, observe};
use crate::clock::{boot_now_ns, wall_now_ns};
use crate::object::{Identity, SegmentMode, unlink};
use crate::open::{OpenError, identity_of, open_read_only};

/// The superblock of a dataset, writable. Whoever has it also holds the dataset's lock.
///
/// ```no_run
/// use persondb_protocol::DatasetName;
/// use persondb_protocol::layout::{AnnouncedSegment, SuperblockState};
/// use persondb_shm::{SegmentMode, SuperblockOwner, boot_now_ns};
///
/// let owner = SuperblockOwner::create_or_take(&DatasetName::new("default")?, SegmentMode::Group, None)?;
/// let generation = owner.issue();
/// let segments = vec![AnnouncedSegment { size: 4096, header_checksum: 7 }];
/// owner.announce(generation, boot_now_ns(), segments)?;
/// owner.set_state(SuperblockState::Serving);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SuperblockOwner {
    page: PageMut,
    name: ShmName,
    identity: Identity,
    taken_over: TakenOver,
    /// One writer at a time, as the interleavings want it.
    writing: Mutex<()>,
}

/// Where a superblock came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenOver {
    /// Made anew.
    No,
    /// An earlier daemon's, with its announcement.
    Yes,
}

/// Why there is no superblock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperblockError {
    /// Somebody else has the name, and only root can remove it.
    #[error(
        "{name} was made by somebody else and cannot be removed: have root remove it, or choose another dataset name"
    )]
    Foreign {
        /// Name of the superblock.
        name: ShmName,
        /// What was wrong with it.
        #[source]
        source: OpenError,
    },
    /// The reader group cannot be set.
    #[error(
        "{name} cannot be given to group {gid}: expected root or a member of that group; set another reader group"
    )]
    Group {
        /// Name of the superblock.
        name: ShmName,
        /// Group asked for.
        gid: u32,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Others make and remove the name all the time.
    #[error("{name} was made by others {tries} times in a row: expected one daemon for this dataset")]
    Contended {
        /// Name of the superblock.
        name: ShmName,
        /// Tries made.
        tries: u32,
    },
    /// The operating system failed.
    #[error("{name} could not be made")]
    Os {
        /// Name of the superblock.
        name: ShmName,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// Why nothing was announced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// No segment, or more than a slot has room for.
    #[error(
        "a generation of {found} segments cannot be announced: expected 1 to {SEGMENT_COUNT_MAX}; use larger segments"
    )]
    SegmentCount {
        /// Segments given.
        found: usize,
    },
}

/// Tries to make or take a name that others touch at the same time.
const TRIES: u32 = 8;

impl SuperblockOwner {
    /// Takes over the superblock that an earlier daemon of this user left, or makes a new one.
    ///
    /// One that does not fit (another owner, a mode that lets others write, another layout, retired) is
    /// marked retired where possible, unlinked, and made anew; the numbering of generations goes on. Take
    /// the dataset's lock first.
    ///
    /// # Errors
    /// [`SuperblockError`].
    pub fn create_or_take(
        dataset: &DatasetName,
        mode: SegmentMode,
        group: Option<u32>,
    ) -> Result<Self, SuperblockError> {
        let name = dataset.superblock();
        let os = |source| SuperblockError::Os { name: name.clone(), source };
        let mut last_issued = highest_listed(dataset).map_err(os)?;
        for _ in 0..TRIES {
            match take(&name) {
                Ok(owner) => {
                    permit(&owner.open_read_only().map_err(os)?, &name, mode, group)?;
                    owner.begin(last_issued);
                    return Ok(owner);
                }
                Err(Untaken::Absent) => {}
                Err(Untaken::Unfit { error, issued }) => {
                    last_issued = last_issued.max(issued);
                    unlink(&name)
                        .map_err(|_| SuperblockError::Foreign { name: name.clone(), source: error })?;
                }
                Err(Untaken::Os(source)) => return Err(os(source)),
            }
            if let Some(owner) = make(dataset, mode, group, last_issued)? {
                return Ok(owner);
            }
        }
        Err(SuperblockError::Contended { name, tries: TRIES })
    }

    /// Makes a generation current, and wakes everybody who waits. Its segments have to have their public
    /// names already.
    ///
    /// # Errors
    /// [`AnnounceError`]; the current generation stays then.
    pub fn announce(
        &self,
        generation: Generation,
        load_started_boot_ns: u64,
        segments: Vec<AnnouncedSegment>,
    ) -> Result<Announcement, AnnounceError> {
        if !(1..=SEGMENT_COUNT_MAX).contains(&segments.len()) {
            return Err(AnnounceError::SegmentCount { found: segments.len() });
        }
        let writing = self.writing();
        // A number that was announced was issued, also if another process made the generation.
        self.raise_last_issued(generation);
        let announced = announce(
            &self.page,
            Announcement {
                announcement: 0, // announce() numbers it
                generation,
                announced_at_boot_ns: boot_now_ns(),
                announced_at_wall_ns: wall_now_ns(),
                load_started_boot_ns,
                segments,
            },
        );
        self.wake(&writing);
        Ok(announced)
    }

    /// The current announcement; `None` before the first, or when what an earlier daemon left is damaged.
    #[must_use]
    pub fn current(&self) -> Option<Announcement> {
        // Without another writer one try is enough.
        match observe(&self.page, 1) {
            Observed::Whole(announcement) => Some(announcement),
            Observed::Nothing | Observed::Busy | Observed::Corrupt { .. } => None,
        }
    }

    /// Says what this daemon is doing, and wakes everybody who waits.
    pub fn set_state(&self, state: SuperblockState) {
        let writing = self.writing();
        self.page.store(word::STATE, state as u64);
        self.wake(&writing);
    }

    /// What was said last.
    #[must_use]
    pub fn state(&self) -> Option<SuperblockState> {
        SuperblockState::from_number(self.page.load(word::STATE))
    }

    /// A sign of life; wakes nobody.
    pub fn beat(&self) {
        self.page.store(word::HEARTBEAT, boot_now_ns());
    }

    /// Highest generation number given out so far; `Generation(0)` before the first.
    #[must_use]
    pub fn last_issued(&self) -> Generation {
        Generation(self.page.load(word::LAST_ISSUED))
    }

    /// The next generation number. It is used up from now on, also if its cycle fails.
    #[must_use]
    pub fn issue(&self) -> Generation {
        let _writing = self.writing();
        let next = self.last_issued().next();
        self.page.store(word::LAST_ISSUED, next.0);
        next
    }

    /// Whether an earlier daemon's superblock was taken over.
    #[must_use]
    pub fn taken_over(&self) -> TakenOver {
        self.taken_over
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ShmName {
        &self.name
    }

    /// Which object it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether the name still leads to this superblock. Where `RemoveIPC=` or a clean-up removed it, make a new
    /// one.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.open_read_only().is_ok()
    }

    /// A read-only descriptor, to be sent to clients.
    ///
    /// # Errors
    /// When the name no longer leads to this superblock.
    pub fn descriptor_read_only(&self) -> io::Result<OwnedFd> {
        self.open_read_only()
    }

    /// Says that this superblock is not to be used any more, and removes its name if it still has it.
    ///
    /// # Errors
    /// When the name cannot be removed; it is marked retired then all the same.
    pub fn retire_and_unlink(self) -> io::Result<()> {
        self.set_state(SuperblockState::Retired);
        if self.is_reachable() { unlink(&self.name).map(drop) } else { Ok(()) }
    }

    fn open_read_only(&self) -> io::Result<OwnedFd> {
        let descriptor = open_read_only(&self.name).map_err(io::Error::other)?;
        if identity_of(&descriptor)? == self.identity {
            return Ok(descriptor);
        }
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("{} leads to another superblock by now", self.name),
        ))
    }

    /// A complete page that is known to be this user's.
    pub(super) fn new(page: PageMut, name: ShmName, identity: Identity, taken_over: TakenOver) -> Self {
        Self { page, name, identity, taken_over, writing: Mutex::new(()) }
    }

    /// First words of this daemon in a superblock that was taken over.
    fn begin(&self, last_issued: Generation) {
        let writing = self.writing();
        let now = boot_now_ns();
        self.raise_last_issued(last_issued);
        self.page.store(word::DAEMON_START, now);
        self.page.store(word::HEARTBEAT, now);
        self.page.store(word::STATE, SuperblockState::Starting as u64);
        self.wake(&writing);
    }

    fn raise_last_issued(&self, generation: Generation) {
        if generation > self.last_issued() {
            self.page.store(word::LAST_ISSUED, generation.0);
        }
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // It guards an order, not data: a panic elsewhere leaves nothing half-done that matters.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, _writing: &MutexGuard<'_, ()>) {
        wake(&self.page);
    }
}

/// Changes the wake word and wakes everybody.
pub(super) fn wake(page: &PageMut) {
    // Release pairs with the acquire fence in `SuperblockMap::wake_word`.
    page.store_release(word::WAKE, page.load(word::WAKE).wrapping_add(1));
    // The kernel reads the count as a signed number: u32::MAX would wake one. Waking cannot fail on a word that
    // is mapped.
    let everybody = i32::MAX.unsigned_abs();
    let _ = futex::wake(page.futex(), futex::Flags::empty(), everybody);
}
