//! [`Remainder`]: what is left of a row's tail, looked for when the first part of it is read.

use super::RowRef;
use crate::segment::Corrupt;

/// What is left of a column's part of the tail, and of those behind it.
#[derive(Clone, Copy)]
pub(super) enum Remainder<'a> {
    /// The part of the column with this number, not yet looked for: most values have none.
    Of(usize),
    /// This.
    Known(&'a [u8]),
}

impl<'a> Remainder<'a> {
    /// The bytes, of which whoever reads them takes off its own.
    #[inline]
    pub(super) fn rest(&mut self, row: &RowRef<'a>) -> Result<&mut &'a [u8], Corrupt> {
        if let Self::Of(number) = *self {
            *self = Self::Known(row.tail_at(number)?);
        }
        match self {
            Self::Known(rest) => Ok(rest),
            Self::Of(_) => Err(Corrupt::new("tail of a row")),
        }
    }
}
