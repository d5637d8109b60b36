//! A word that is 0 in a forked child: how a client notices that it lives in another process now.
//!
//! `getpid` would tell too, but is a system call for each look-up, and `pthread_atfork` handlers do not run
//! for every way to fork. The kernel wipes a page marked `MADV_WIPEONFORK` (Linux 4.14) in the child, so one
//! relaxed load of a page that is nearly always in the cache decides.

use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::mman::{MmapAdvise, madvise};

use crate::mapping::{Mapping, PAGE_SIZE};

/// One 64-bit word that every forked child finds 0.
///
/// ```
/// use std::num::NonZeroU64;
///
/// let word = persondb_shm::ForkWord::new(NonZeroU64::MIN)?;
/// assert_eq!(word.load(), 1); // 0 would mean: forked since
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ForkWord {
    page: Mapping,
}

impl ForkWord {
    /// A word of its own page.
    ///
    /// # Errors
    /// Without memory, or on a kernel before 4.14.
    pub fn new(initial: NonZeroU64) -> io::Result<Self> {
        let page = Mapping::anonymous(PAGE_SIZE)?;
        // SAFETY: the page is ours and private; the advice changes what a child sees, nothing here.
        unsafe { madvise(page.start().cast(), PAGE_SIZE, MmapAdvise::MADV_WIPEONFORK) }?;
        let word = Self { page };
        word.store(initial.get());
        Ok(word)
    }

    /// The word: what was stored, or 0 in a child that was forked since.
    #[must_use]
    #[inline]
    pub fn load(&self) -> u64 {
        self.word().load(Ordering::Relaxed)
    }

    /// Stores it again, in a child that has noticed.
    pub fn store(&self, value: u64) {
        self.word().store(value, Ordering::Relaxed);
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        // SAFETY: the page is readable, writable, aligned far beyond 8 bytes, lives as long as `self`, and is
        // reached through atomics only.
        unsafe { AtomicU64::from_ptr(self.page.start().as_ptr().cast()) }
    }
}
