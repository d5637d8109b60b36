//! The superblock's page as words: atomics over a mapping.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use persondb_protocol::layout::word;

use super::{Words, WordsMut};
use crate::mapping::Mapping;

/// A mapped page that others write while we read. Readable only.
#[derive(Debug)]
pub(super) struct Page {
    mapping: Mapping,
}

/// The same page, mapped writable.
#[derive(Debug)]
pub(super) struct PageMut {
    page: Page,
}

impl Page {
    /// `None` unless the mapping is a whole superblock.
    pub(super) fn new(mapping: Mapping) -> Option<Self> {
        (mapping.size() == word::COUNT * 8).then_some(Self { mapping })
    }

    #[inline]
    fn words(&self) -> &[AtomicU64; word::COUNT] {
        // SAFETY: the mapping is page-aligned, readable and `word::COUNT * 8` bytes long (checked in `new`), and
        // lives as long as `self`. Every process reaches it through atomics only. On a read-only mapping only
        // relaxed loads of at most 8 bytes are made (`Words`), which is all that the language guarantees there.
        unsafe { self.mapping.start().cast().as_ref() }
    }

    /// The futex: the low half of the wake word, at its own address because the layout is little-endian.
    pub(super) fn futex(&self) -> &AtomicU32 {
        let wake: &AtomicU64 = &self.words()[word::WAKE];
        // SAFETY: the first four bytes of a live, aligned 64-bit word. They are given to the kernel, and
        // never accessed from here.
        unsafe { AtomicU32::from_ptr(wake.as_ptr().cast()) }
    }
}

impl PageMut {
    /// `None` unless the mapping is a whole superblock. It has to be writable.
    pub(super) fn new(mapping: Mapping) -> Option<Self> {
        Page::new(mapping).map(|page| Self { page })
    }

    pub(super) fn futex(&self) -> &AtomicU32 {
        self.page.futex()
    }
}

impl Words for Page {
    #[inline]
    fn load(&self, index: usize) -> u64 {
        u64::from_le(self.words()[index].load(Ordering::Relaxed))
    }
}

impl Words for PageMut {
    fn load(&self, index: usize) -> u64 {
        self.page.load(index)
    }
}

impl WordsMut for PageMut {
    fn store(&self, index: usize, value: u64) {
        self.page.words()[index].store(value.to_le(), Ordering::Relaxed);
    }

    fn store_release(&self, index: usize, value: u64) {
        self.page.words()[index].store(value.to_le(), Ordering::Release);
    }
}
