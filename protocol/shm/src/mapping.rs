//! One mapping, unmapped when dropped. Private: what may be done with the bytes is for the types above it.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// Size of a huge page (one entry of the page middle directory) on x86-64 and, with 4 KiB pages, arm64.
pub(crate) const HUGE_PAGE_SIZE: usize = 2 << 20;
/// Smallest page of the supported machines; mappings end on a multiple of it.
pub(crate) const PAGE_SIZE: usize = 4096;

/// A range of address space that is ours until dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; it is a range of addresses and nothing
// else. What may be read or written through them is decided by the types that own a Mapping.
unsafe impl Send for Mapping {}
// SAFETY: as above; no method changes anything through `&self`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `size` bytes read-only and shared.
    ///
    /// From one huge page upwards the mapping starts at a multiple of [`HUGE_PAGE_SIZE`]: the kernel can
    /// map a huge page with one entry only where address and file offset agree modulo its size, and it
    /// aligns shared-memory mappings by itself only when huge pages are switched on system-wide.
    pub(crate) fn read_only(descriptor: BorrowedFd<'_>, size: usize) -> io::Result<Self> {
        if size >= HUGE_PAGE_SIZE
            && let Some(mapping) = Self::aligned(descriptor, size)
        {
            return Ok(mapping);
        }
        Self::anywhere(descriptor, size, ProtFlags::PROT_READ)
    }

    /// Maps the first `size` bytes readable and writable and shared.
    pub(crate) fn read_write(descriptor: BorrowedFd<'_>, size: usize) -> io::Result<Self> {
        Self::anywhere(descriptor, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)
    }

    /// Private zero pages of this process.
    pub(crate) fn anonymous(size: usize) -> io::Result<Self> {
        let length = non_zero(size)?;
        // SAFETY: the kernel chooses fresh addresses, so nothing of ours is replaced.
        let start = unsafe {
            mmap_anonymous(None, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE)
        }?;
        Ok(Self { start: start.cast(), size })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Size asked for; the mapping goes on to the end of its last page.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// First and last-plus-one address, rounded up to whole pages as the kernel lists them.
    pub(crate) fn addresses(&self) -> std::ops::Range<u64> {
        let start = self.start.addr().get() as u64;
        start..start + self.size.next_multiple_of(PAGE_SIZE) as u64
    }

    fn anywhere(descriptor: BorrowedFd<'_>, size: usize, protection: ProtFlags) -> io::Result<Self> {
        let length = non_zero(size)?;
        // SAFETY: the kernel chooses fresh addresses, so nothing of ours is replaced.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, descriptor, 0) }?;
        Ok(Self { start: start.cast(), size })
    }

    /// Reserves one huge page more than needed, and puts the file over the aligned part of it.
    fn aligned(descriptor: BorrowedFd<'_>, size: usize) -> Option<Self> {
        let wanted = size.checked_next_multiple_of(PAGE_SIZE)?;
        let reserved = wanted.checked_add(HUGE_PAGE_SIZE)?;
        // SAFETY: the kernel chooses fresh addresses, so nothing of ours is replaced.
        let reservation = unsafe {
            mmap_anonymous(
                None,
                NonZeroUsize::new(reserved)?,
                ProtFlags::PROT_NONE,
                MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE,
            )
        }
        .ok()?;
        // From here on dropping gives the whole reservation back.
        let reservation = Self { start: reservation.cast(), size: reserved };
        let first = reservation.start.addr().get();
        let aligned = first.checked_next_multiple_of(HUGE_PAGE_SIZE)?;
        // SAFETY: `aligned .. aligned + wanted` lies inside the reservation (it is at most one huge page
        // less one byte further than `first`), which is ours and which nothing refers to yet.
        unsafe {
            mmap(
                NonZeroUsize::new(aligned),
                NonZeroUsize::new(wanted)?,
                ProtFlags::PROT_READ,
                MapFlags::MAP_SHARED | MapFlags::MAP_FIXED,
                descriptor,
                0,
            )
        }
        .ok()?;
        let reservation = std::mem::ManuallyDrop::new(reservation);
        let start = reservation.start.map_addr(|_| NonZeroUsize::new(aligned).unwrap_or(NonZeroUsize::MAX));
        unmap(reservation.start, aligned - first);
        let tail = first + reserved - (aligned + wanted);
        // SAFETY: one past the mapped part is still inside the reservation.
        unmap(unsafe { start.add(wanted) }, tail);
        Some(Self { start, size })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        unmap(self.start, self.size);
    }
}

/// Gives a range back that belongs to nobody any more.
fn unmap(start: NonNull<u8>, size: usize) {
    if size != 0 {
        // SAFETY: every caller passes a range that it mapped and that no reference points into.
        // The only error is a range that is no range; then nothing was unmapped, and it leaks.
        let _ = unsafe { munmap(start.cast(), size) };
    }
}

fn non_zero(size: usize) -> io::Result<NonZeroUsize> {
    NonZeroUsize::new(size).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}
