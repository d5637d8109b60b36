//! Values of a row as text, and codes of words for whoever keeps what they mean.

use super::{Codec, RowRef};
use crate::segment::Corrupt;
use crate::segment::column::short::ShortText;
use crate::segment::column::short_names::ShortNames;

impl<'a> RowRef<'a> {
    /// [`RowRef::value`] as text.
    pub(crate) fn text<'b>(
        &self,
        place: u16,
        names: &mut ShortNames,
        short: &'b mut ShortText,
        long: &'b mut Vec<u8>,
    ) -> Result<&'b str, Corrupt>
    where
        'a: 'b,
    {
        let number = self.schema.by_place.get(usize::from(place)).map(|&number| usize::from(number));
        let column = number.and_then(|number| Some((number, self.schema.columns.get(number)?)));
        let (number, column) = column.ok_or_else(|| Corrupt::new("no such column"))?;
        let short_way = matches!(column.codec, Codec::Template(_) | Codec::Address { .. });
        if short_way {
            if self.short_column(number, names, short).is_some() {
                return short.text().ok_or_else(not_utf8);
            }
        } else if let Some(entry) = self.entry(column, self.code(column)?)? {
            return smoothutf8::from_utf8(entry.text).ok_or_else(not_utf8);
        }
        long.clear();
        self.read_column(number, long)?;
        smoothutf8::from_utf8(long).ok_or_else(not_utf8)
    }

    /// The code of the value of the column at `place` in the file, where it alone says what the value is: rows of one
    /// schema with one code have one value.
    #[inline]
    pub(crate) fn word_code(&self, place: u16) -> Option<u64> {
        let column = self.schema.columns.get(usize::from(*self.schema.by_place.get(usize::from(place))?))?;
        match column.codec {
            // Code 0 says that it stands in the tail.
            Codec::Dictionary { rest: false, .. } => column.code.read(self.bytes).filter(|&code| code != 0),
            _ => None,
        }
    }
}

fn not_utf8() -> Corrupt {
    Corrupt::new("a value is not UTF-8")
}
