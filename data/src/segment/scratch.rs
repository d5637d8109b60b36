//! Values that a look-up decodes to compare them: one buffer a thread, kept between look-ups, so that comparing
//! allocates nothing.

use std::cell::Cell;

use smallvec::SmallVec;

use super::{Columns, Corrupt, Fields};

/// A buffer that has grown beyond this is not kept.
const KEPT_MAX: usize = 64 << 10;

/// Decoded columns of one person.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One value after the other, UTF-8 as far as it was checked.
    pub(crate) bytes: Vec<u8>,
    spans: SmallVec<[Span; 8]>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    place: u16,
    start: usize,
    end: usize,
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
    }

    /// Notes that the bytes from `start` on are the column at `place`.
    pub(crate) fn end(&mut self, place: u16, start: usize) {
        self.spans.push(Span { place, start, end: self.bytes.len() });
    }

    /// The decoded columns as fields.
    pub(crate) fn fields<'s>(&'s self, columns: &'s Columns) -> Result<Decoded<'s>, Corrupt> {
        let text = smoothutf8::from_utf8(&self.bytes).ok_or_else(|| Corrupt::new("a value is not UTF-8"))?;
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
