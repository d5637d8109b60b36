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
        let mut is_in_tail = false;
        for name in self.schema.names.iter().take(2).flatten() {
            let place = name.code.read(self.bytes).and_then(|code| code.checked_sub(1));
            match (&name.dictionary, place) {
                (Some(dictionary), Some(place)) => segment.prefetch(dictionary.slot_offset(place)),
                _ => is_in_tail = true,
            }
        }
        if is_in_tail && let Ok(start) = self.tail_start() {
            segment.prefetch(self.parts.view.tails.start + start);
        }
    }
}
