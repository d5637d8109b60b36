//! Values that a look-up decodes to compare them: one buffer a thread, kept between look-ups, so that comparing
//! allocates nothing.
//!
//! Whoever finds a person usually reads the address next, which has just been decoded to compare it; so the
//! buffer remembers whose address it holds.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use super::{Columns, Corrupt, Fields};

/// A buffer that has grown beyond this is not kept.
const KEPT_MAX: usize = 64 << 10;

/// Decoded columns of one person.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One value after the other, UTF-8 as far as it was checked.
    pub(crate) bytes: Vec<u8>,
    /// Segment and ordinal of the person whose first primary address `bytes` is.
    address_of: Option<(u64, u32)>,
    spans: SmallVec<[Span; 8]>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    place: u16,
    start: usize,
    end: usize,
}

/// A number that no other opened segment of this process has.
pub(crate) fn segment_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Runs `work` with the thread's buffer, or with a new one where it is in use.
#[inline]
pub(crate) fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local! {
        static KEPT: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
    }
    let mut scratch = KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let result = work(&mut scratch);
    if scratch.bytes.capacity() <= KEPT_MAX {
        // A thread that ends has no place for it any more; then it is freed.
        let _ = KEPT.try_with(|kept| kept.set(Some(scratch)));
    }
    result
}

impl Scratch {
    /// Forgets what was decoded.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.address_of = None;
    }

    /// Notes whose address the bytes are.
    #[inline]
    pub(crate) fn is_address_of(&mut self, segment: u64, ordinal: u32) {
        self.address_of = Some((segment, ordinal));
    }

    /// The primary address of this person, if it was decoded last.
    #[inline]
    pub(crate) fn address(&self, segment: u64, ordinal: u32) -> Option<&[u8]> {
        (self.address_of == Some((segment, ordinal))).then_some(&self.bytes)
    }

    /// Notes that the bytes from `start` on are the column at `place`.
    pub(crate) fn end(&mut self, place: u16, start: usize) {
        self.spans.push(Span { place, start, end: self.bytes.len() });
    }

    /// The decoded columns as fields.
    pub(crate) fn fields<'s>(&'s self, columns: &'s Columns) -> Result<Decoded<'s>, Corrupt> {
        let text =
            simdutf8::basic::from_utf8(&self.bytes).map_err(|_| Corrupt::new("a value is not UTF-8"))?;
        Ok(Decoded { columns, text, spans: &self.spans })
    }
}

/// A person's decoded columns; those that were not asked for are empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded<'s> {
    columns: &'s Columns,
    text: &'s str,
    spans: &'s [Span],
}

impl<'s> Fields<'s> for Decoded<'s> {
    fn schema(&self) -> &Columns {
        self.columns
    }

    fn field(&self, place: u16) -> Result<&'s str, Corrupt> {
        let Some(span) = self.spans.iter().find(|span| span.place == place) else { return Ok("") };
        // Each value has to be UTF-8 by itself, not only all of them together.
        self.text.get(span.start..span.end).ok_or_else(|| Corrupt::new("a value is not UTF-8"))
    }

    fn further_addresses(&self) -> Result<&'s str, Corrupt> {
        self.field(u16::try_from(self.columns.headers().len()).unwrap_or(u16::MAX))
    }
}
