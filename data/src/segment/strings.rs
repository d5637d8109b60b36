//! A table of strings with a number beside each: tenants and their people.
//!
//! # Bytes
//! ```text
//! 0            count × (offset u32 · size u32 · number u64)
//! count × 16   the strings, one after the other
//! ```
//! Offsets count from the end of the fixed part.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Corrupt;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Line {
    offset: U32,
    size: U32,
    number: U64,
}

/// Reader of a string table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a> {
    lines: &'a [Line],
    text: &'a [u8],
}

impl<'a> Strings<'a> {
    /// Checks that `count` lines fit. O(1).
    pub(crate) fn open(bytes: &'a [u8], count: u64) -> Result<Self, Corrupt> {
        let count = usize::try_from(count).map_err(|_| Corrupt::new("string table count"))?;
        let (lines, text) = <[Line]>::ref_from_prefix_with_elems(bytes, count)
            .map_err(|_| Corrupt::new("string table is larger than its section"))?;
        Ok(Self { lines, text })
    }

    /// Strings in the table.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// The string at `place` and its number. O(1).
    pub(crate) fn get(&self, place: u32) -> Result<(&'a str, u64), Corrupt> {
        let line = self.lines.get(place as usize).ok_or_else(|| Corrupt::new("no such string"))?;
        let start = line.offset.get() as usize;
        let bytes = start.checked_add(line.size.get() as usize).and_then(|end| self.text.get(start..end));
        let bytes = bytes.ok_or_else(|| Corrupt::new("string reaches beyond its section"))?;
        let text = std::str::from_utf8(bytes).map_err(|_| Corrupt::new("string is not UTF-8"))?;
        Ok((text, line.number.get()))
    }
}

/// Size of the table for these strings in bytes.
pub(crate) fn size<'s>(strings: impl Iterator<Item = &'s str>) -> u64 {
    strings.map(|text| (size_of::<Line>() + text.len()) as u64).sum()
}

/// Fills `out`, which has exactly [`size`] bytes. The strings together are under 4 GiB.
pub(crate) fn write<'s>(strings: impl ExactSizeIterator<Item = (&'s str, u64)>, out: &mut [u8]) {
    let sized = "the section was laid out with this table's size";
    let (lines, text) = <[Line]>::mut_from_prefix_with_elems(out, strings.len()).expect(sized);
    let mut offset = 0;
    for (line, (string, number)) in lines.iter_mut().zip(strings) {
        text[offset..offset + string.len()].copy_from_slice(string.as_bytes());
        line.offset = u32::try_from(offset).expect("tenants together are under 4 GiB").into();
        line.size = u32::try_from(string.len()).expect("a tenant identifier has at most 64 bytes").into();
        line.number = number.into();
        offset += string.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read_and_corruption_is_an_error(
            strings in prop::collection::vec((".{0,20}", any::<u64>()), 0..20),
            at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let mut bytes = vec![0; usize::try_from(size(strings.iter().map(|s| &*s.0))).unwrap()];
            write(strings.iter().map(|(s, n)| (&**s, *n)), &mut bytes);
            let table = Strings::open(&bytes, strings.len() as u64).unwrap();
            for (place, (text, number)) in (0..).zip(&strings) {
                prop_assert_eq!(table.get(place).unwrap(), (&**text, *number));
            }
            prop_assert!(table.get(u32::try_from(strings.len()).unwrap()).is_err());
            if !bytes.is_empty() {
                let place = at.index(bytes.len());
                bytes[place] ^= bits;
                let table = Strings::open(&bytes, strings.len() as u64).unwrap();
                for place in 0..20 {
                    let _ = table.get(place);
                }
            }
        }
    }
}
