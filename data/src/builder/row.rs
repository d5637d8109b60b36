//! A CSV row as the builder sees it: its columns, its further addresses, and the tenant it counts for.

use crate::input::Row;
use crate::segment::{Columns, Corrupt, Fields};

/// A row with what its columns mean.
pub(super) struct RowFields<'a> {
    pub(super) row: Row<'a>,
    pub(super) columns: &'a Columns,
    /// Addresses from the aliases file, one a line.
    pub(super) further: &'a str,
}

impl<'a> RowFields<'a> {
    /// The columns as a segment stores them.
    pub(super) fn stored(&self) -> impl Iterator<Item = &'a str> + Clone {
        let row = self.row;
        (0..row.len()).map(move |i| row.field(i).unwrap_or_default()).chain(std::iter::once(self.further))
    }
}

impl<'a> Fields<'a> for RowFields<'a> {
    fn schema(&self) -> &Columns {
        self.columns
    }

    fn field(&self, place: u16) -> Result<&'a str, Corrupt> {
        Ok(self.row.field(usize::from(place)).unwrap_or_default())
    }

    fn further_addresses(&self) -> Result<&'a str, Corrupt> {
        Ok(self.further)
    }
}
