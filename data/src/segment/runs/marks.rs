//! Which ordinals begin a run: a bit for each person, counted by line.
//!
//! # Bytes
//! ```text
//! 0    lines of 64 bytes:  marks before the line u32 · 480 marks, lowest bit first
//! ```
//! A line is one cache line, so the run of an ordinal is one read and eight population counts (rank over a plain bitmap:
//! Jacobson 1989; counts beside their bits: Vigna 2008). 1.07 bits a person.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Run;

/// Ordinals in a line.
pub(super) const LINE_COUNT: u32 = 480;
/// Bits of a line before its marks.
const COUNT_BITS: u32 = u32::BITS;

/// The number of marks before it stands in the first half of the first word.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Line {
    words: [U64; 8],
}

pub(super) const LINE_SIZE: usize = size_of::<Line>();
const _: () = assert!(8 * LINE_SIZE == (COUNT_BITS + LINE_COUNT) as usize);

/// Number of the run that holds an ordinal: how many are marked up to it, less one. O(1).
#[inline]
pub(super) fn run_of(lines: &[u8], ordinal: u32) -> Option<u32> {
    let at = (ordinal / LINE_COUNT) as usize * LINE_SIZE;
    let (line, _) = Line::ref_from_prefix(lines.get(at..)?).ok()?;
    let place = COUNT_BITS + ordinal % LINE_COUNT;
    let mut words = line.words.map(U64::get);
    let before = words[0] & u64::from(u32::MAX);
    words[0] ^= before;
    let marked = (0..).zip(words).map(|(number, word): (u32, u64)| {
        // All words up to that of the place; of that one the bits up to it.
        let kept = (place + 1).saturating_sub(64 * number);
        let kept = if kept < 64 { (1 << kept) - 1 } else { u64::MAX };
        (word & kept).count_ones()
    });
    u32::try_from(before).ok()?.checked_add(marked.sum())?.checked_sub(1)
}

/// The lines for so many `people`; the runs ascend, and the first begins at 0.
pub(super) fn encode(runs: &[Run], people: u32) -> Vec<u8> {
    let mut lines = vec![Line::new_zeroed(); people.div_ceil(LINE_COUNT) as usize];
    for run in runs {
        let place = COUNT_BITS + run.start % LINE_COUNT;
        let word = &mut lines[(run.start / LINE_COUNT) as usize].words[(place / 64) as usize];
        *word |= U64::new(1 << (place % 64));
    }
    let mut before = 0;
    for line in &mut lines {
        let marked: u32 = line.words.iter().map(|word| word.get().count_ones()).sum();
        line.words[0] |= U64::from(U32::new(before));
        before += marked;
    }
    lines.as_bytes().to_vec()
}
