//! A CSV row as the builder sees it: its columns, its further addresses, and the tenant it counts for.

use crate::input::Row;
use crate::segment::{Columns, Corrupt, Fields, primary_address};

/// A row with what its columns mean.
pub(super) struct RowFields<'a> {
    pub(super) row: Row<'a>,
    pub(super) columns: &'a Columns,
    /// Its primary address, where that was found out before.
    pub(super) email: Option<&'a str>,
    /// Addresses from the aliases file, one a line.
    pub(super) further: &'a str,
}

impl<'a> RowFields<'a> {
    /// The columns as a segment stores them.
    pub(super) fn stored(&self) -> impl Iterator<Item = &'a str> + Clone {
        let row = self.row;
        (0..row.len()).map(move |i| row.field(i).unwrap_or_default()).chain(std::iter::once(self.further))
    }

    /// The one of them at `place`.
    #[inline]
    pub(super) fn stored_at(&self, place: u16) -> &'a str {
        let place = usize::from(place);
        let further = if place == self.row.len() { self.further } else { "" };
        self.row.field(place).unwrap_or(further)
    }
}

impl<'a> Fields<'a> for RowFields<'a> {
    fn schema(&self) -> &Columns {
        self.columns
    }

    fn field(&self, place: u16) -> Result<&'a str, Corrupt> {
        Ok(self.row.field(usize::from(place)).unwrap_or_default())
    }

    fn email(&self) -> Result<&'a str, Corrupt> {
        self.email.map_or_else(|| primary_address(self), Ok)
    }

    fn further_addresses(&self) -> Result<&'a str, Corrupt> {
        Ok(self.further)
    }
}
