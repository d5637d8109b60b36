//! What whoever compares names asks of a row.

use persondb_protocol::Prefetch;

use super::RowRef;
use crate::segment::Parts;

impl<'a> RowRef<'a> {
    pub(crate) fn parts(&self) -> Parts<'a> {
        self.parts
    }

    pub(crate) fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// Asks for the given and the family name, wherever they stand.
    #[inline]
    pub(crate) fn ask_for_names(&self, segment: &impl Prefetch) {
        self.ask_for_sources(self.name_slots(), false, segment);
    }
}
