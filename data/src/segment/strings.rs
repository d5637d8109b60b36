//! A table of strings with a number beside each: tenants and their people.
//!
//! # Bytes
//! ```text
//! 0    lines of 64 bytes, one for 56 strings: where each stands, as of tails
//! ...  the numbers, bit by bit, as wide as the section's encoding says, up to a whole byte · 8 zero bytes
//! ...  the strings, one after the other
//! ```
//! A byte and a half beside a string, so that a tenant of a single person does not cost more than that person: with an
//! end and a number of their own for each it was five.

use std::ops::Range;

use super::Corrupt;
use super::column::bits;
use super::tails::{OffsetWriter, Tails, offsets_size, push_tail, stored_size};

/// Where a string table stands: what the reader keeps of it.
#[derive(Clone, Debug)]
pub(crate) struct Strings {
    count: u32,
    offsets: Range<usize>,
    texts: Range<usize>,
    numbers: Range<usize>,
    number_width: u32,
}

impl Strings {
    /// Checks that so many strings and their numbers fit. O(1).
    pub(crate) fn open(section: Range<usize>, count: u64, number_width: u32) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("string table is larger than its section");
        let count = u32::try_from(count).map_err(|_| Corrupt::new("string table count"))?;
        if number_width > u32::BITS {
            return Err(Corrupt::new("numbers of a string table"));
        }
        let behind = |start: usize, size: u64| {
            let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
            end.filter(|&end| end <= section.end).map(|end| start..end).ok_or_else(corrupt)
        };
        let offsets = behind(section.start, offsets_size(count.into()))?;
        let numbers = behind(offsets.end, numbers_size(count, number_width))?;
        let texts = numbers.end..section.end;
        Ok(Self { count, offsets, texts, numbers, number_width })
    }

    /// Strings in the table.
    pub(crate) fn len(&self) -> u32 {
        self.count
    }

    /// The string at `place`. O(1).
    pub(crate) fn text<'s>(&self, segment: &'s [u8], place: u32) -> Result<&'s str, Corrupt> {
        let corrupt = || Corrupt::new("no such string");
        // Lines of offsets have room for more than there are.
        let offsets = segment.get(self.offsets.clone()).filter(|_| place < self.count).ok_or_else(corrupt)?;
        let tails = segment.get(self.texts.clone()).ok_or_else(corrupt)?;
        let text = smoothutf8::from_utf8(Tails { offsets, tails }.get(place)?);
        text.ok_or_else(|| Corrupt::new("string is not UTF-8"))
    }

    /// The number at `place`. O(1).
    pub(crate) fn number(&self, segment: &[u8], place: u32) -> Result<u32, Corrupt> {
        let (byte, bit) = number_place(place, self.number_width);
        let number = segment.get(self.numbers.clone()).filter(|_| place < self.count).and_then(|numbers| {
            let bytes = numbers.get(usize::try_from(byte).ok()?..)?;
            u32::try_from(bits::read(bytes, bit, self.number_width)?).ok()
        });
        number.ok_or_else(|| Corrupt::new("number of a string"))
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
            let table = Strings::open(0..bytes.len(), strings.len() as u64, width).unwrap();
            for (place, (text, number)) in (0..).zip(&strings) {
                prop_assert_eq!(table.text(&bytes, place).unwrap(), &**text);
                prop_assert_eq!(table.number(&bytes, place).unwrap(), *number);
            }
            let behind = u32::try_from(strings.len()).unwrap();
            prop_assert!(table.text(&bytes, behind).is_err() && table.number(&bytes, behind).is_err());
            prop_assert!(Strings::open(0..bytes.len(), strings.len() as u64 + 1_000_000, width).is_err());
            prop_assert!(Strings::open(0..bytes.len(), strings.len() as u64, 33).is_err());
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            for place in 0..80 {
                let _ = (table.text(&bytes, place), table.number(&bytes, place));
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
