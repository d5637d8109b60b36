//! Posting lists of a [key index](super::key_index): the numbers of keys that several people share.
//!
//! Lists stand in the order of the slots that refer to them. So a slot need not tell where in millions of numbers
//! its list begins, only how far behind the first list of its *group* of 64 buckets: some hundreds as a rule, where a
//! reference in words took as many bits as there are words.
//!
//! # Bytes
//! ```text
//! 0           group_count × u32: where the lists of each group begin, in numbers
//! ...         the numbers of all lists, ascending in each, as many bits each as the largest one needs, above
//!             them a bit that is set in the last one of a list; lowest bit first · 8 zero bytes
//! ```

use super::column::bits::{self, SLACK};
use super::{Corrupt, LookupError};

/// Buckets of a group, as a power of two: a group's start costs 4 bytes beside 4 KiB of slots.
pub(super) const GROUP_SHIFT: u32 = 6;
const START_SIZE: usize = 4;

/// Where the lists of an index stand, and how wide their numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PostingLists {
    /// Where in the section they start.
    pub(super) offset: u64,
    /// Groups of buckets.
    group_count: u32,
    /// Bits of a number, without the one that ends a list.
    number_bits: u32,
    /// Numbers of all lists.
    pub(super) count: u32,
}

/// Bits that [`PostingLists`] keeps for numbers below `end`: at most 32.
fn bits_below(end: u32) -> u32 {
    bits::width_of(end.into())
}

impl PostingLists {
    /// So many numbers below `end` in lists of so many buckets.
    pub(super) fn new(offset: u64, bucket_count: u64, end: u32, count: u32) -> Self {
        // Buckets are counted in 32 bits, and a spill more.
        let group_count = u32::try_from(bucket_count.div_ceil(1 << GROUP_SHIFT)).unwrap_or(u32::MAX);
        Self { offset, group_count, number_bits: bits_below(end), count }
    }

    /// Bytes of all of it.
    pub(super) fn size(&self) -> u64 {
        self.numbers() + (u64::from(self.count) * u64::from(self.width())).div_ceil(8) + SLACK as u64
    }

    /// Where behind [`offset`](Self::offset) the numbers stand.
    fn numbers(&self) -> u64 {
        START_SIZE as u64 * u64::from(self.group_count)
    }

    /// Bits of a number and of what ends a list.
    fn width(&self) -> u32 {
        self.number_bits + 1
    }

    /// Calls `visit` with the numbers of the list that a slot of this bucket refers to.
    pub(super) fn for_each(
        &self,
        section: &[u8],
        bucket: usize,
        place: u32,
        mut visit: impl FnMut(u32) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let beyond = || Corrupt::new("posting list reaches beyond its section");
        let bytes = usize::try_from(self.offset).ok().and_then(|offset| section.get(offset..));
        let bytes = bytes.ok_or_else(beyond)?;
        let group = bytes.get((bucket >> GROUP_SHIFT).saturating_mul(START_SIZE)..);
        let start = group.and_then(<[u8]>::first_chunk).map(|start| u32::from_le_bytes(*start));
        let first = u64::from(start.ok_or_else(beyond)?) + u64::from(place);
        let numbers = usize::try_from(self.numbers()).ok().and_then(|numbers| bytes.get(numbers..));
        let numbers = numbers.ok_or_else(beyond)?;
        let left = u64::from(self.count).saturating_sub(first);
        // Where the next one begins: counted on, and not worked out for each.
        let (mut byte, mut bit) = self.place(first);
        let (bytes_on, bits_on) = ((self.width() / 8) as usize, self.width() % 8);
        for _ in 0..left {
            let number = numbers.get(byte..).and_then(<[u8]>::first_chunk).ok_or_else(beyond)?;
            let number = u64::from_le_bytes(*number) >> (bit & 7);
            visit(u32::try_from(number & bits::low_bits(self.number_bits)).unwrap_or(u32::MAX))?;
            if number >> (self.number_bits & 63) & 1 != 0 {
                return Ok(());
            }
            bit += bits_on;
            byte += bytes_on + (bit >> 3) as usize;
            bit &= 7;
        }
        Err(beyond().into())
    }

    /// Byte and bit where a number begins.
    fn place(&self, at: u64) -> (usize, u32) {
        // Both factors have 32 bits or less.
        let bit = at * u64::from(self.width());
        (usize::try_from(bit / 8).unwrap_or(usize::MAX), (bit % 8) as u32)
    }
}

/// Writes lists, in the order of their slots.
pub(super) struct PostingWriter<'o> {
    lists: PostingLists,
    starts: &'o mut [[u8; START_SIZE]],
    numbers: &'o mut [u8],
    /// Groups whose start is written, and that of the last one.
    begun: usize,
    start: u32,
    /// Numbers so far.
    next: u32,
}

impl<'o> PostingWriter<'o> {
    /// Into `out`, which is zero and has the size of the lists.
    pub(super) fn new(lists: PostingLists, out: &'o mut [u8]) -> Self {
        let (starts, numbers) = out.split_at_mut(START_SIZE * lists.group_count as usize);
        let (starts, _) = starts.as_chunks_mut();
        Self { lists, starts, numbers, begun: 0, start: 0, next: 0 }
    }

    /// Adds the list of a slot in this bucket, which is not before the last one. Its place in the group.
    pub(super) fn push(&mut self, bucket: usize, list: impl ExactSizeIterator<Item = u32>) -> u32 {
        self.begin_up_to((bucket >> GROUP_SHIFT) + 1);
        let place = self.next - self.start;
        let end = list.len() - 1;
        for (at, number) in list.enumerate() {
            let mark = if at == end { 1 << self.lists.number_bits } else { 0 };
            let (byte, bit) = self.lists.place(self.next.into());
            bits::write(&mut self.numbers[byte..], bit, self.lists.width(), u64::from(number) | mark);
            self.next += 1;
        }
        place
    }

    /// Writes the starts of groups that have no list.
    pub(super) fn finish(mut self) {
        self.begin_up_to(self.starts.len());
    }

    fn begin_up_to(&mut self, count: usize) {
        if count > self.begun {
            self.start = self.next;
            self.starts[self.begun..count].fill(self.next.to_le_bytes());
            self.begun = count;
        }
    }
}
