//! A table of strings with a number beside each: tenants and their people.
//!
//! # Bytes
//! ```text
//! 0    lines of 64 bytes, one for 56 strings: where each stands, as of tails
//! ...  the numbers, bit by bit, as wide as the section's encoding says · 8 zero bytes
//! ...  the strings, one after the other
//! ```
//! A byte and a half beside a string, so that a tenant of a single person does not cost more than that person: with an
//! end and a number of their own for each it was five.

use super::Corrupt;
use super::column::bits;
use super::tails::{OffsetWriter, Tails, offsets_size, push_tail, stored_size};

/// Reader of a string table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a> {
    count: u32,
    texts: Tails<'a>,
    numbers: &'a [u8],
    number_width: u32,
}

impl<'a> Strings<'a> {
    /// Checks that so many strings and their numbers fit. O(1).
    pub(crate) fn open(bytes: &'a [u8], count: u64, number_width: u32) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("string table is larger than its section");
        let count = u32::try_from(count).map_err(|_| Corrupt::new("string table count"))?;
        if number_width > u32::BITS {
            return Err(Corrupt::new("numbers of a string table"));
        }
        let size = |size: u64| usize::try_from(size).map_err(|_| corrupt());
        let (offsets, rest) =
            bytes.split_at_checked(size(offsets_size(count.into()))?).ok_or_else(corrupt)?;
        let (numbers, tails) =
            rest.split_at_checked(size(numbers_size(count, number_width))?).ok_or_else(corrupt)?;
        Ok(Self { count, texts: Tails { offsets, tails }, numbers, number_width })
    }

    /// Strings in the table.
    pub(crate) fn len(&self) -> u32 {
        self.count
    }

    /// The string at `place` and its number. O(1).
    pub(crate) fn get(&self, place: u32) -> Result<(&'a str, u64), Corrupt> {
        if place >= self.count {
            return Err(Corrupt::new("no such string"));
        }
        let text = smoothutf8::from_utf8(self.texts.get(place)?);
        let text = text.ok_or_else(|| Corrupt::new("string is not UTF-8"))?;
        let (byte, bit) = number_place(place, self.number_width);
        let number = usize::try_from(byte).ok().and_then(|byte| self.numbers.get(byte..));
        let number = number.and_then(|bytes| bits::read(bytes, bit, self.number_width));
        Ok((text, number.ok_or_else(|| Corrupt::new("number of a string"))?))
    }
}

/// Byte and bit where the number at `place` begins.
fn number_place(place: u32, width: u32) -> (u64, u32) {
    let at = u64::from(place) * u64::from(width);
    (at / 8, u32::try_from(at % 8).unwrap_or(0))
}

fn numbers_size(count: u32, width: u32) -> u64 {
    number_place(count, width).0 + 1 + bits::SLACK as u64
}

/// Bits that each of these 32-bit numbers has: the section's encoding.
pub(crate) fn number_width(numbers: impl Iterator<Item = u64>) -> u32 {
    bits::width_of(numbers.max().unwrap_or(0) + 1)
}

/// Size of the table for these strings in bytes.
pub(crate) fn size<'s>(strings: impl ExactSizeIterator<Item = (&'s str, u64)> + Clone) -> u64 {
    let (count, width) = (count(&strings), number_width(strings.clone().map(|(_, number)| number)));
    let texts: u64 = strings.map(|(text, _)| stored_size(text.len()) as u64).sum();
    offsets_size(count.into()) + numbers_size(count, width) + texts
}

/// Fills `out`, which has exactly [`size`] bytes and is zero.
pub(crate) fn write<'s>(strings: impl ExactSizeIterator<Item = (&'s str, u64)> + Clone, out: &mut [u8]) {
    let sized = "the section was laid out with this table's size";
    let (count, width) = (count(&strings), number_width(strings.clone().map(|(_, number)| number)));
    let size = |size: u64| usize::try_from(size).expect(sized);
    let (offsets, rest) = out.split_at_mut(size(offsets_size(count.into())));
    let (numbers, mut texts) = rest.split_at_mut(size(numbers_size(count, width)));
    let (mut writer, mut stored) = (OffsetWriter::default(), Vec::new());
    for (place, (text, number)) in (0..).zip(strings) {
        stored.clear();
        push_tail(text.as_bytes(), &mut stored);
        writer.push(stored.len(), offsets).expect(sized);
        texts.split_off_mut(..stored.len()).expect(sized).copy_from_slice(&stored);
        let (byte, bit) = number_place(place, width);
        bits::write(&mut numbers[size(byte)..], bit, width, number);
    }
}

fn count<'s>(strings: &impl ExactSizeIterator<Item = (&'s str, u64)>) -> u32 {
    u32::try_from(strings.len()).expect("fewer strings than rows, which are capped")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(strings: &[(String, u32)]) -> (Vec<u8>, u32) {
        let all = || strings.iter().map(|(text, number)| (&**text, u64::from(*number)));
        let mut bytes = vec![0; usize::try_from(size(all())).unwrap()];
        write(all(), &mut bytes);
        (bytes, number_width(all().map(|(_, number)| number)))
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_corruption_is_an_error(
            strings in prop::collection::vec((".{0,20}|[a-z]{250,260}", any::<u32>()), 0..80), shift in 0_u32..32,
            at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let strings: Vec<_> = strings.into_iter().map(|(text, number)| (text, number >> shift)).collect();
            let (mut bytes, width) = written(&strings);
            let table = Strings::open(&bytes, strings.len() as u64, width).unwrap();
            for (place, (text, number)) in (0..).zip(&strings) {
                prop_assert_eq!(table.get(place).unwrap(), (&**text, u64::from(*number)));
            }
            prop_assert!(table.get(u32::try_from(strings.len()).unwrap()).is_err());
            prop_assert!(Strings::open(&bytes, strings.len() as u64 + 1_000_000, width).is_err());
            prop_assert!(Strings::open(&bytes, strings.len() as u64, 33).is_err());
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            let table = Strings::open(&bytes, strings.len() as u64, width).unwrap();
            for place in 0..80 {
                let _ = table.get(place);
            }
        }
    }

    #[test]
    fn tenants_of_one_person_take_a_byte_and_a_half_beside_their_names() {
        let strings: Vec<_> = (10_000..66_000).map(|i| (format!("tenant-{i}"), 1)).collect();
        let (bytes, width) = written(&strings);
        assert_eq!(width, 1);
        assert_eq!(bytes.len(), 56_000 * 12 + 1_000 * 64 + 56_000 / 8 + 9);
    }
}
