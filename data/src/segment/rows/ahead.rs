//! Lines of memory that a row leads to, asked for before they are read.

use super::{Codec, RowRef, SchemaRow};

/// A dictionary of more bytes is not nearby, as it does not fit a core's first cache.
const NEARBY_MAX: usize = 1 << 15;

impl SchemaRow {
    /// Columns whose values stand in lines of their own, but for names: whoever found the person has read those.
    pub(super) fn far_columns(&self) -> Vec<u16> {
        let is_name = |number| self.names.iter().flatten().any(|name| name.column == number);
        let is_far = |codec: &Codec| match codec {
            Codec::Link => true,
            Codec::Dictionary { dictionary, .. } => dictionary.size() > NEARBY_MAX,
            _ => false,
        };
        let columns = (0_u16..).zip(&self.columns);
        let far = columns.filter(|(number, column)| is_far(&column.codec) && !is_name(*number));
        far.map(|(number, _)| number).collect()
    }
}

impl RowRef<'_> {
    /// Asks for what all columns are made of besides the names. One after the other they would be waited for.
    pub(super) fn ask_for_far(&self) -> Option<()> {
        let parts = self.parts;
        // Where it stands is known from its line, which came with the row, and is not looked for again.
        let tail = self.tail().ok()?;
        parts.ask_for(tail.as_ptr().addr().wrapping_sub(parts.bytes.as_ptr().addr()));
        for &number in &self.schema.far {
            let column = self.schema.columns.get(usize::from(number))?;
            let code = column.code.read(self.bytes)?;
            match &column.codec {
                Codec::Link => {
                    if let Some(link) = code.checked_sub(2).and_then(|place| self.link(place).ok()) {
                        // A place that wraps is of no ordinal, and a hint to nowhere.
                        let size = parts.view.rows.row_size;
                        let row = (link.ordinal as usize).wrapping_mul(size);
                        let row = row.wrapping_add(parts.view.row_bytes.start);
                        parts.ask_for(row);
                        parts.ask_for(row.wrapping_add(size));
                    }
                }
                Codec::Dictionary { dictionary, rest } => {
                    let place = if *rest { code >> 1 } else { code };
                    if let Some(text) =
                        place.checked_sub(1).and_then(|place| dictionary.far_offset(parts.bytes, place))
                    {
                        parts.ask_for(text);
                    }
                }
                _ => {}
            }
        }
        Some(())
    }
}
