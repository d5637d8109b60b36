//! The superblock as a client has it: mapped read-only.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use persondb_protocol::ShmName;
use persondb_protocol::layout::{
    Announcement, LAYOUT_VERSION, SUPERBLOCK_MAGIC, SUPERBLOCK_SIZE, SuperblockState, word,
};
use rustix::thread::futex;

use super::page::Page;
use super::{Observed, Words, observe};
use crate::clock::boot_now_ns;
use crate::mapping::Mapping;
use crate::object::{Identity, Trust};
use crate::open::{OpenError, Writers, check, open_read_only};

/// Tries of one observation. Each fails only if two announcements fall into some hundred nanoseconds.
const OBSERVE_TRIES: u32 = 1000;

/// The superblock of a dataset, mapped read-only. Follows the daemon without a system call.
#[derive(Debug)]
pub struct SuperblockMap {
    page: Page,
    identity: Identity,
}

/// Why an observation gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The announcement changed at every try.
    #[error("the superblock changed during each of {tries} tries, expected one to be quiet: try again")]
    Busy {
        /// Tries made.
        tries: u32,
    },
    /// The page says something that cannot be.
    #[error(
        "announcement {announcement} in the superblock is damaged: open the name again, or ask over the socket"
    )]
    Corrupt {
        /// What the announcement word says.
        announcement: u64,
    },
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The wake word is no longer the one seen: observe again.
    Changed,
    /// The time was over first.
    TimedOut,
    /// A signal came first, or the wake was for somebody else.
    Interrupted,
}

impl SuperblockMap {
    /// Opens the superblock of a dataset by its name.
    ///
    /// # Errors
    /// [`OpenError`]; `Missing` when no daemon ever ran, `Magic` while one is being made.
    pub fn open_by_name(name: &ShmName, trust: &Trust) -> Result<Self, OpenError> {
        Self::new(open_read_only(name)?, name.as_str(), trust)
    }

    /// Maps a descriptor that came over the socket; the descriptor is closed.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn from_descriptor(descriptor: OwnedFd, trust: &Trust) -> Result<Self, OpenError> {
        Self::new(descriptor, "the received superblock", trust)
    }

    /// Number of the current announcement: when it is the one seen last, nothing changed. One relaxed load.
    #[must_use]
    #[inline]
    pub fn announcement_word(&self) -> u64 {
        self.page.load(word::ANNOUNCEMENT)
    }

    /// The current announcement, whole; `None` before the first.
    ///
    /// # Errors
    /// [`ObserveError`].
    pub fn observe(&self) -> Result<Option<Announcement>, ObserveError> {
        match observe(&self.page, OBSERVE_TRIES) {
            Observed::Nothing => Ok(None),
            Observed::Whole(announcement) => Ok(Some(announcement)),
            Observed::Busy => Err(ObserveError::Busy { tries: OBSERVE_TRIES }),
            Observed::Corrupt { announcement } => Err(ObserveError::Corrupt { announcement }),
        }
    }

    /// What the daemon says of itself; `None` for a state that this release does not know.
    #[must_use]
    pub fn state(&self) -> Option<SuperblockState> {
        SuperblockState::from_number(self.page.load(word::STATE))
    }

    /// Nanoseconds since the daemon's last sign of life. A stale one means: no daemon, or that this page was
    /// removed and made anew (open the name again and compare [`Self::identity`]).
    #[must_use]
    pub fn heartbeat_age_ns(&self) -> u64 {
        boot_now_ns().saturating_sub(self.page.load(word::HEARTBEAT))
    }

    /// Boot time of the daemon's start in nanoseconds.
    #[must_use]
    pub fn daemon_start_boot_ns(&self) -> u64 {
        self.page.load(word::DAEMON_START)
    }

    /// The wake word. Read it *before* observing, and hand it to [`Self::wait`] after: a change in between
    /// ends the wait at once.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // the low half is the futex
    pub fn wake_word(&self) -> u32 {
        let wake = self.page.load(word::WAKE) as u32;
        // Pairs with the release store of the wake word: what was announced before it is seen after this.
        fence(Ordering::Acquire);
        wake
    }

    /// Sleeps until the wake word is no longer `seen_wake`, or `timeout` has passed.
    ///
    /// A daemon that dies wakes nobody: choose a timeout at which the heartbeat is worth a look.
    ///
    /// # Errors
    /// When the kernel refuses futexes here (a seccomp filter): poll then.
    pub fn wait(&self, seen_wake: u32, timeout: Duration) -> io::Result<Woken> {
        let timeout = futex::Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // No private flag: the waker is another process.
        let result = futex::wait(self.page.futex(), futex::Flags::empty(), seen_wake.to_le(), Some(&timeout));
        match result {
            Ok(()) if self.wake_word() == seen_wake => Ok(Woken::Interrupted),
            Ok(()) | Err(rustix::io::Errno::AGAIN) => Ok(Woken::Changed),
            Err(rustix::io::Errno::TIMEDOUT) => Ok(Woken::TimedOut),
            Err(rustix::io::Errno::INTR) => Ok(Woken::Interrupted),
            Err(error) => Err(error.into()),
        }
    }

    /// Which object is mapped.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    fn new(descriptor: OwnedFd, what: &str, trust: &Trust) -> Result<Self, OpenError> {
        let facts = check(descriptor.as_fd(), what, trust, Writers::Owner)?;
        if facts.size != SUPERBLOCK_SIZE {
            let expected = SUPERBLOCK_SIZE.to_string();
            return Err(OpenError::Size { what: what.into(), found: facts.size as u64, expected });
        }
        let mapping = Mapping::read_only(descriptor.as_fd(), facts.size)
            .map_err(|source| OpenError::Os { what: what.into(), source })?;
        let page = Page::new(mapping).expect("the size was checked above");
        check_words(&page, what)?;
        drop(descriptor); // the mapping alone keeps the page alive
        Ok(Self { page, identity: facts.identity })
    }
}

/// Magic and layout of a mapped superblock.
pub(super) fn check_words(page: &impl Words, what: &str) -> Result<(), OpenError> {
    let found = page.load(word::MAGIC);
    if found != SUPERBLOCK_MAGIC {
        return Err(OpenError::Magic { what: what.into(), found });
    }
    // Pairs with the release store of the magic, which comes last when a superblock is made.
    fence(Ordering::Acquire);
    match page.load(word::LAYOUT) {
        found if found == u64::from(LAYOUT_VERSION) => Ok(()),
        found => Err(OpenError::Layout { what: what.into(), found, expected: LAYOUT_VERSION }),
    }
}
