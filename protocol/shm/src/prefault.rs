//! Populate pages before they are needed, and join them into huge pages.
//!
//! A client *prefaults* a new generation before it moves over, so that no look-up pays for a page
//! fault. The daemon *collapses* a segment: `MADV_COLLAPSE` makes huge pages of it whatever the
//! system-wide setting says, later mappings of other processes get them too, and the dearest part of a
//! random look-up (the page-table walk) becomes short.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::mman::{MmapAdvise, madvise};

use crate::mapping::{HUGE_PAGE_SIZE, Mapping, PAGE_SIZE};
use crate::smaps;

/// Bytes populated at a time: a stop is heeded within some milliseconds.
const SLICE_SIZE: usize = 16 << 20;
/// Bytes collapsed at a time: each call first has every processor hand in its pages, which takes as long as
/// the busiest of them; one that fails for good costs this much at most.
const COLLAPSE_SLICE_SIZE: usize = 256 << 20;

/// How far huge pages got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HugePages {
    /// Bytes that lie in huge pages.
    pub bytes: u64,
    /// Bytes in all. The last part that does not fill a huge page cannot be in one.
    pub total: u64,
}

/// How a prefault ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefaulted {
    /// All pages are there.
    Complete,
    /// The caller said stop after this many bytes.
    Stopped {
        /// Bytes populated.
        bytes: u64,
    },
}

/// Populates a read-only mapping, slice after slice; `progress` hears the bytes done so far.
pub(crate) fn populate(
    mapping: &Mapping,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> io::Result<Prefaulted> {
    let mut offset = 0;
    while offset < mapping.size() {
        let size = SLICE_SIZE.min(mapping.size() - offset);
        populate_slice(mapping, offset, size)?;
        offset += size;
        if progress(offset as u64).is_break() && offset < mapping.size() {
            return Ok(Prefaulted::Stopped { bytes: offset as u64 });
        }
    }
    Ok(Prefaulted::Complete)
}

fn populate_slice(mapping: &Mapping, offset: usize, size: usize) -> io::Result<()> {
    loop {
        // SAFETY: `offset + size <= mapping.size()`, so the range lies in a mapping that lives as long as
        // `mapping`; populating for reading changes no byte.
        let done = unsafe {
            let start = mapping.start().add(offset);
            madvise(start.cast(), size, MmapAdvise::MADV_POPULATE_READ)
        };
        match done {
            Ok(()) => return Ok(()),
            Err(Errno::EINTR) => {}
            // Before Linux 5.14.
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => {
                touch(mapping, offset, size);
                return Ok(());
            }
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Reads a byte of each page.
fn touch(mapping: &Mapping, offset: usize, size: usize) {
    for at in (offset..offset + size).step_by(PAGE_SIZE) {
        // SAFETY: `at < mapping.size()`, and the mapping is readable. Volatile, so that the read is made
        // although nobody wants its value.
        unsafe { mapping.start().add(at).read_volatile() };
    }
}

/// Makes huge pages of an object that is still empty, as far as the kernel can: what is left is for whoever
/// allocates the rest. `allocate` allocates one page at an offset; its errors are for later, when all is asked for.
///
/// A huge page comes of any stretch of 2 MiB that has a page in it, and the holes are filled with zeros. So one page
/// of each stretch is allocated, and joined with what is not there: 512 MiB took 0.03 s, where joining as many pages
/// that are filled, each of which is copied, took 0.15 s on a machine with much free memory and 1.3 s on one with
/// little.
pub(crate) fn make_huge(
    descriptor: BorrowedFd<'_>,
    size: usize,
    mut allocate: impl FnMut(u64) -> nix::Result<()>,
) -> io::Result<()> {
    let window = Mapping::read_only(descriptor, size)?;
    for offset in (0..whole_pages(&window, size)).step_by(HUGE_PAGE_SIZE) {
        if allocate(offset as u64).is_err() {
            return Ok(());
        }
    }
    join_pages(&window, size);
    Ok(())
}

/// Joins the pages of a filled object into huge pages, as far as the kernel can; where they are already, they stay.
///
/// Works on the page cache through a mapping of its own, because the mapping of the `shared_memory` crate
/// is not aligned. Other mappings keep their bytes.
pub(crate) fn collapse(descriptor: BorrowedFd<'_>, size: usize) -> io::Result<HugePages> {
    let total = size as u64;
    let window = Mapping::read_only(descriptor, size)?;
    if whole_pages(&window, size) == 0 {
        return Ok(HugePages { bytes: 0, total });
    }
    join_pages(&window, size);
    populate(&window, |_| ControlFlow::Continue(()))?;
    let usage = smaps::range_usage(&window.addresses())?;
    Ok(HugePages { bytes: usage.huge, total })
}

/// Bytes that huge pages can hold: none where the mapping is not aligned.
fn whole_pages(window: &Mapping, size: usize) -> usize {
    let is_aligned = window.start().addr().get().is_multiple_of(HUGE_PAGE_SIZE);
    if is_aligned { size - size % HUGE_PAGE_SIZE } else { 0 }
}

fn join_pages(window: &Mapping, size: usize) {
    let inside = whole_pages(window, size);
    for offset in (0..inside).step_by(COLLAPSE_SLICE_SIZE) {
        let size = COLLAPSE_SLICE_SIZE.min(inside - offset);
        // SAFETY: the slice lies inside `window`, which nobody else refers to; collapsing moves bytes to
        // other physical pages and changes none of them.
        let result = unsafe {
            let start = window.start().add(offset);
            libc::madvise(start.as_ptr().cast(), size, libc::MADV_COLLAPSE)
        };
        match Errno::result(result).err() {
            // Without room for huge pages, or with a page locked by another: the rest may go well.
            None | Some(Errno::ENOMEM | Errno::EAGAIN | Errno::EBUSY | Errno::EINTR) => {}
            // Before Linux 6.1, or not allowed here: small pages are slower, not wrong.
            Some(_) => break,
        }
    }
}
