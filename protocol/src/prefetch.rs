//! [`Prefetch`]: bytes that can be asked for before they are read.

/// Bytes of which a cache line can be brought near while the processor does something else.
///
/// Shared memory does it; for other bytes it may do nothing. It is a hint: an offset beyond the end is ignored.
pub trait Prefetch: AsRef<[u8]> {
    /// Asks for the cache line at `offset`.
    fn prefetch(&self, offset: usize);
}

impl Prefetch for Vec<u8> {
    fn prefetch(&self, _: usize) {}
}

impl Prefetch for &[u8] {
    fn prefetch(&self, _: usize) {}
}
