//! Ask for a cache line before it is needed.
//!
//! A look-up that knows its next three places can have them all on their way at once instead of one after
//! the other. The intrinsic is unsafe, so it lives here; `data` gets it through a trait of its own.

/// Starts to load the cache line of `bytes[offset]`, and does not wait. Nothing outside of the slice.
///
/// Never faults and never changes what a program computes; without effect on machines other than x86-64.
#[inline]
pub fn prefetch_read(bytes: &[u8], offset: usize) {
    let Some(byte) = bytes.get(offset) else { return };
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of a live reference; SSE belongs to every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = byte;
}

#[cfg(test)]
mod tests {
    use super::prefetch_read;

    #[test]
    fn any_offset_is_harmless() {
        let bytes = [7; 100];
        for offset in [0, 99, 100, usize::MAX] {
            prefetch_read(&bytes, offset);
            prefetch_read(&[], offset);
        }
    }
}
