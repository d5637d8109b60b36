//! The *tails*: what of a person has no room in the row, found by ordinal. Identifiers of tenants
//! [stand](super::strings) in the same way.
//!
//! # Bytes of the offsets
//! ```text
//! 0    lines of 64 bytes:  offset of the first tail u64 · size u8 × 56
//! ```
//! A line stands for 56 people and is one cache line: the offset of a tail is the line's offset plus the
//! sizes before it. Size 255 says that the tail is longer: its real size (u32) stands in front of it.
//! 1.14 bytes a person, where plain offsets took 8.
//!
//! # Bytes of a tail
//! ```text
//! for each column that has a part, in the order of the layout:  the part
//! ```
//! A part of text is its size (varint) and bytes, or just bytes where its column ends the tail
//! ([`Store::Text`](super::rows::Store::Text)); others end by themselves.

use wide::u8x16;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Corrupt, varint};

/// People in a line.
const LINE_COUNT: usize = 56;
/// Marks a tail whose size stands in front of it.
const LONG: u8 = 255;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Line {
    start: U64,
    sizes: [u8; LINE_COUNT],
}

const _: () = assert!(size_of::<Line>() == 64);

/// Reader of the tails: the sections of offsets and of tails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tails<'a> {
    pub(crate) offsets: &'a [u8],
    pub(crate) tails: &'a [u8],
}

fn beyond() -> Corrupt {
    Corrupt::new("tail reaches beyond its section")
}

/// Bytes of the offsets of so many people.
pub(crate) fn offsets_size(people: u64) -> u64 {
    people.div_ceil(LINE_COUNT as u64) * size_of::<Line>() as u64
}

/// Place of a person's line in the offsets, for prefetching.
pub(crate) fn line_offset(ordinal: u32) -> usize {
    ordinal as usize / LINE_COUNT * size_of::<Line>()
}

impl<'a> Tails<'a> {
    /// The tail of a person. One cache line of offsets; a long tail before it in the same line costs a look
    /// at that one.
    pub(crate) fn get(&self, ordinal: u32) -> Result<&'a [u8], Corrupt> {
        let (start, size) = self.place(ordinal)?;
        let end = start.checked_add(self.size_at(start, size)?).ok_or_else(beyond)?;
        let head = if size == LONG { 4 } else { 0 };
        self.tails.get(start + head..end).ok_or_else(beyond)
    }

    /// Where the tail of a person begins, for prefetching.
    #[inline]
    pub(crate) fn start(&self, ordinal: u32) -> Result<usize, Corrupt> {
        Ok(self.place(ordinal)?.0)
    }

    /// Where it begins, and the size that stands in its line.
    #[inline]
    fn place(&self, ordinal: u32) -> Result<(usize, u8), Corrupt> {
        let at = line_offset(ordinal);
        let line =
            self.offsets.get(at..at + size_of::<Line>()).and_then(|line| Line::ref_from_bytes(line).ok());
        let line = line.ok_or_else(|| Corrupt::new("no such tail"))?;
        let place = ordinal as usize % LINE_COUNT;
        let mut start = usize::try_from(line.start.get()).map_err(|_| beyond())?;
        match sum_before(line, place) {
            Some(sizes) => start = start.checked_add(sizes).ok_or_else(beyond)?,
            None => {
                for &size in &line.sizes[..place] {
                    start = start.checked_add(self.size_at(start, size)?).ok_or_else(beyond)?;
                }
            }
        }
        Ok((start, line.sizes[place]))
    }

    /// Bytes that the tail at `start` takes, with the size in front of it.
    fn size_at(&self, start: usize, size: u8) -> Result<usize, Corrupt> {
        if size != LONG {
            return Ok(usize::from(size));
        }
        let long = self.tails.get(start..).and_then(|tail| tail.first_chunk::<4>());
        let long = long.ok_or_else(|| Corrupt::new("size of a long tail"))?;
        Ok(u32::from_le_bytes(*long) as usize + 4)
    }
}

/// Adds up the sizes before `place`; `None` where one of them is [`LONG`].
///
/// All of them are read, sixteen at a time, wherever the place is: how many count cannot be foreseen.
#[inline]
fn sum_before(line: &Line, place: usize) -> Option<usize> {
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    const NUMBERS: u8x16 = u8x16::new([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    let bytes: &[u8; 64] = line.as_bytes().first_chunk()?;
    let end = u8x16::splat(u8::try_from(place).ok()?);
    let (mut sums, mut is_long) = (0_u64, u8x16::ZERO);
    for (chunk, step) in bytes.as_chunks::<16>().0.iter().zip(0_u8..) {
        // The start of the line stands before the sizes: its numbers are beyond any place.
        let numbers = NUMBERS + u8x16::splat((16 * step).wrapping_sub(8));
        let counted = u8x16::new(*chunk) & numbers.simd_lt(end);
        is_long |= counted.simd_eq(u8x16::splat(LONG));
        for word in counted.to_array().as_chunks().0 {
            // Eight words of four sums of two bytes each stay below 16 bits.
            let word = u64::from_le_bytes(*word);
            sums = sums.wrapping_add((word & PAIRS).wrapping_add(word >> 8 & PAIRS));
        }
    }
    let total = sums.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    if is_long.any() { None } else { usize::try_from(total).ok() }
}

/// Takes the next part off the front of a tail.
#[inline]
pub(crate) fn take_part<'a>(tail: &mut &'a [u8]) -> Result<&'a [u8], Corrupt> {
    let size = varint::read(tail).ok_or_else(|| Corrupt::new("size of a part of a tail"))?;
    let (part, rest) =
        tail.split_at_checked(size as usize).ok_or_else(|| Corrupt::new("part reaches beyond its tail"))?;
    *tail = rest;
    Ok(part)
}

/// Appends a part to a tail.
pub(crate) fn push_part(part: &[u8], tail: &mut Vec<u8>) {
    varint::write(u32::try_from(part.len()).expect("a row has at most a few MiB"), tail);
    tail.extend_from_slice(part);
}

/// Bytes that a tail of this size takes in the section.
pub(crate) fn stored_size(size: usize) -> usize {
    if size < usize::from(LONG) { size } else { size + 4 }
}

/// Appends a tail as the section stores it.
pub(crate) fn push_tail(tail: &[u8], out: &mut Vec<u8>) {
    if tail.len() >= usize::from(LONG) {
        out.extend_from_slice(&u32::try_from(tail.len()).expect("a row has at most a few MiB").to_le_bytes());
    }
    out.extend_from_slice(tail);
}

/// Notes the tail of one person after the other in the section of offsets.
#[derive(Debug, Default)]
pub(crate) struct OffsetWriter {
    count: usize,
    end: u64,
}

impl OffsetWriter {
    /// The next person's tail takes `stored` bytes; `None` when the section has no room for another person.
    pub(crate) fn push(&mut self, stored: usize, offsets: &mut [u8]) -> Option<()> {
        let at = self.count / LINE_COUNT * size_of::<Line>();
        let line = Line::mut_from_bytes(offsets.get_mut(at..at + size_of::<Line>())?).ok()?;
        let place = self.count % LINE_COUNT;
        if place == 0 {
            line.start = self.end.into();
        }
        line.sizes[place] = u8::try_from(stored).unwrap_or(LONG);
        self.count += 1;
        self.end += stored as u64;
        Some(())
    }

    /// Bytes of all tails so far.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// People so far.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(sizes: &[usize]) -> (Vec<u8>, Vec<u8>) {
        let mut offsets = vec![0; usize::try_from(offsets_size(sizes.len() as u64)).unwrap()];
        let (mut tails, mut writer) = (Vec::new(), OffsetWriter::default());
        for (i, &size) in sizes.iter().enumerate() {
            push_tail(&vec![u8::try_from(i % 256).unwrap(); size], &mut tails);
            writer.push(stored_size(size), &mut offsets).unwrap();
        }
        assert_eq!((writer.end(), writer.count()), (tails.len() as u64, sizes.len()));
        (offsets, tails)
    }

    proptest! {
        #[test]
        fn tails_of_all_sizes_come_back_and_corruption_is_an_error(
            sizes in prop::collection::vec(prop_oneof![0_usize..40, 250_usize..260, 300_usize..3000], 1..200),
            at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let (mut offsets, tails) = written(&sizes);
            let reader = Tails { offsets: &offsets, tails: &tails };
            for (i, &size) in (0_u32..).zip(&sizes) {
                prop_assert_eq!(reader.get(i).unwrap(), &vec![u8::try_from(i % 256).unwrap(); size][..]);
            }
            prop_assert!(reader.get(u32::MAX).is_err());
            let place = at.index(offsets.len());
            offsets[place] ^= bits;
            for i in 0..200 {
                let _ = Tails { offsets: &offsets, tails: &tails }.get(i);
            }
        }

        #[test]
        fn parts_come_back_in_order(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..10)) {
            let mut tail = Vec::new();
            for part in &parts {
                push_part(part, &mut tail);
            }
            let mut rest = &tail[..];
            for part in &parts {
                prop_assert_eq!(take_part(&mut rest).unwrap(), &part[..]);
            }
            prop_assert!(take_part(&mut rest).is_err());
        }
    }

    #[test]
    fn a_section_that_is_full_takes_nobody_more() {
        let mut offsets = [0; 64];
        let mut writer = OffsetWriter::default();
        for _ in 0..LINE_COUNT {
            writer.push(1, &mut offsets).unwrap();
        }
        assert_eq!(writer.push(1, &mut offsets), None);
    }
}
