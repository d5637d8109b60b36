//! Names of nothing but ASCII letters, digits, single blanks, dots, hyphens and one comma, read sixteen bytes at a time.
//!
//! ```text
//! Doe, John Q.        the name
//! ccc  cccc c         characters of words, a bit each
//! ^  ^ ^  ^ ^         where words begin and end: a character of a word beside one that is none
//! ```

use wide::u8x16;

use super::parts::NAME_WORDS_MAX;

/// Longest name that is read here: a bit of a word for each byte.
pub(super) const MARKED_BYTES_MAX: usize = 64;

/// Bytes that are looked at together.
const LANES: usize = 16;

/// A name in small letters, and where its words are.
pub(super) struct Marked {
    bytes: [u8; MARKED_BYTES_MAX],
    size: usize,
    /// A bit for each byte that is a letter or digit.
    words: u64,
    /// Bits of the words before the comma; none without one.
    before_comma: u64,
    /// Nothing but blanks is between words.
    is_bare: bool,
}

impl Marked {
    /// `None` for every other name.
    #[inline]
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let last = text.len().checked_sub(1)?;
        let mut bytes = [0; MARKED_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let (mut words, mut blanks, mut commas, mut marks) = (0_u64, 0_u64, 0_u64, 0_u64);
        let (lanes, _) = bytes.as_chunks_mut::<LANES>();
        for (lane, shift) in lanes.iter_mut().zip((0_u32..).step_by(LANES)).take(text.len().div_ceil(LANES)) {
            let given = u8x16::new(*lane);
            // The bit that tells small letters from capitals; all that is read here but capitals has it.
            let small = given | u8x16::splat(0x20);
            let is_below = |offset: u8x16, end: u8| offset.min(u8x16::splat(end)).simd_eq(offset);
            let is = |byte: u8| given.simd_eq(u8x16::splat(byte));
            let bits = |lanes: u8x16| u64::from(lanes.to_bitmask()) << shift;
            words |= bits(is_below(small - u8x16::splat(b'a'), 25) | is_below(given - u8x16::splat(b'0'), 9));
            blanks |= bits(is(b' '));
            commas |= bits(is(b','));
            marks |= bits(is(b'.') | is(b'-'));
            *lane = small.to_array();
        }
        let all = u64::MAX.checked_shr(u32::try_from(MARKED_BYTES_MAX - text.len()).ok()?)?;
        let is_known = (words | blanks | commas | marks) & all == all;
        // A blank is behind one thing and before another.
        let has_odd_blanks = blanks & (blanks << 1 | 1 | 1 << last) != 0;
        let before_comma = words & commas.wrapping_sub(1) & if commas == 0 { 0 } else { u64::MAX };
        let has_odd_commas = commas & commas.wrapping_sub(1) != 0 || (commas != 0 && before_comma == 0);
        let marked = Self { bytes, size: text.len(), words, before_comma, is_bare: commas | marks == 0 };
        let is_plain = is_known && !has_odd_blanks && !has_odd_commas;
        (is_plain && (1..=NAME_WORDS_MAX).contains(&marked.word_count())).then_some(marked)
    }

    /// All of it in small letters.
    #[inline]
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or_default()
    }

    /// Whether its words, parted by single blanks, are all of it.
    #[inline]
    pub(super) fn is_bare(&self) -> bool {
        self.is_bare
    }

    #[inline]
    pub(super) fn word_count(&self) -> usize {
        starts(self.words).count_ones() as usize
    }

    /// Number of words before the comma; 0 without one.
    #[inline]
    pub(super) fn count_before_comma(&self) -> usize {
        starts(self.before_comma).count_ones() as usize
    }

    /// Where its words begin and end, in order.
    #[inline]
    pub(super) fn words(&self) -> impl Iterator<Item = (u16, u16)> {
        let (mut starts, mut lasts) = (starts(self.words), self.words & !(self.words >> 1));
        std::iter::from_fn(move || {
            if starts == 0 {
                return None;
            }
            let place = |bits: u64| u16::try_from(bits.trailing_zeros()).unwrap_or(u16::MAX);
            let word = (place(starts), place(lasts).saturating_add(1));
            starts &= starts - 1;
            lasts &= lasts.wrapping_sub(1);
            Some(word)
        })
    }
}

/// The first bit of each run.
#[inline]
fn starts(words: u64) -> u64 {
    words & !(words << 1)
}
