//! A table of strings with a number beside each: tenants and their people.
//!
//! # Bytes
//! ```text
//! 0           count × u32: where the line of each ends
//! count × 4   the lines, one after the other:  number varint · string
//! ```
//! Ends count from the end of the fixed part; a line begins where the one before it ends. Six bytes beside the
//! string, so that a tenant of a single person does not cost more than that person.

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::{Corrupt, varint};

/// Reader of a string table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a> {
    ends: &'a [U32],
    lines: &'a [u8],
}

impl<'a> Strings<'a> {
    /// Checks that `count` ends fit. O(1).
    pub(crate) fn open(bytes: &'a [u8], count: u64) -> Result<Self, Corrupt> {
        let count = usize::try_from(count).map_err(|_| Corrupt::new("string table count"))?;
        let (ends, lines) = <[U32]>::ref_from_prefix_with_elems(bytes, count)
            .map_err(|_| Corrupt::new("string table is larger than its section"))?;
        Ok(Self { ends, lines })
    }

    /// Strings in the table.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// The string at `place` and its number. O(1).
    pub(crate) fn get(&self, place: u32) -> Result<(&'a str, u64), Corrupt> {
        let place = place as usize;
        let end = self.ends.get(place).ok_or_else(|| Corrupt::new("no such string"))?.get() as usize;
        let before = place.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |end| end.get() as usize);
        let line = self.lines.get(start..end);
        let mut text = line.ok_or_else(|| Corrupt::new("string reaches beyond its section"))?;
        let number = varint::read(&mut text).ok_or_else(|| Corrupt::new("number of a string"))?;
        let text = smoothutf8::from_utf8(text).ok_or_else(|| Corrupt::new("string is not UTF-8"))?;
        Ok((text, number.into()))
    }
}

/// Size of the table for these strings in bytes; the numbers are 32-bit.
pub(crate) fn size<'s>(strings: impl Iterator<Item = (&'s str, u64)>) -> u64 {
    strings.map(|(text, number)| (size_of::<U32>() + varint::size(narrow(number)) + text.len()) as u64).sum()
}

/// Fills `out`, which has exactly [`size`] bytes, under 4 GiB.
pub(crate) fn write<'s>(strings: impl ExactSizeIterator<Item = (&'s str, u64)>, out: &mut [u8]) {
    let sized = "the section was laid out with this table's size";
    let (ends, lines) = <[U32]>::mut_from_prefix_with_elems(out, strings.len()).expect(sized);
    let mut line = Vec::new();
    let mut offset = 0;
    for (end, (string, number)) in ends.iter_mut().zip(strings) {
        line.clear();
        varint::write(narrow(number), &mut line);
        line.extend_from_slice(string.as_bytes());
        lines[offset..offset + line.len()].copy_from_slice(&line);
        offset += line.len();
        *end = u32::try_from(offset).expect("the builder refuses tables of 4 GiB").into();
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("people are capped at 2^31")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read_and_corruption_is_an_error(
            strings in prop::collection::vec((".{0,20}", any::<u32>()), 0..20),
            at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let mut bytes = vec![0; usize::try_from(size(strings.iter().map(|s| (&*s.0, s.1.into())))).unwrap()];
            write(strings.iter().map(|(s, n)| (&**s, u64::from(*n))), &mut bytes);
            let table = Strings::open(&bytes, strings.len() as u64).unwrap();
            for (place, (text, number)) in (0..).zip(&strings) {
                prop_assert_eq!(table.get(place).unwrap(), (&**text, u64::from(*number)));
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
