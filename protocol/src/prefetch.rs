//! [`Prefetch`]: bytes that can be asked for before they are read.

/// Bytes of which a cache line can be brought near while the processor does something else.
///
/// Shared memory does it; for other bytes it may do nothing. It is a hint: an offset beyond the end is ignored.
pub trait Prefetch: AsRef<[u8]> {
    /// Asks for the cache line at `offset` of such bytes, for whoever only borrows them.
    fn prefetch_of(bytes: &[u8], offset: usize);

    /// Asks for the cache line at `offset`.
    #[inline]
    fn prefetch(&self, offset: usize) {
        Self::prefetch_of(self.as_ref(), offset);
    }
}

impl Prefetch for Vec<u8> {
    fn prefetch_of(_: &[u8], _: usize) {}
}

impl Prefetch for &[u8] {
    fn prefetch_of(_: &[u8], _: usize) {}
}

impl Prefetch for &Vec<u8> {
    fn prefetch_of(_: &[u8], _: usize) {}
}
