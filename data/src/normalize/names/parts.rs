//! Which words of a name are its own, and in which order.

use std::ops::Range;

use super::super::KeyBuffer;
use super::folded::folded_name;
use super::titles::{Strength, is_particle, leads_away, post_nominal, title};

/// Most words of a name that are looked at: those of a longer one have no part in it.
pub const NAME_WORDS_MAX: usize = 16;

/// Where the first words of a folded text are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    at: [(u16, u16); NAME_WORDS_MAX],
    count: usize,
}

impl Ranges {
    /// Of words parted by single blanks; a text of at most 1,024 bytes.
    pub(super) fn new(text: &[u8]) -> Self {
        let mut ranges = Self::default();
        let mut start = 0;
        for word in text.split(|&byte| byte == b' ').take(NAME_WORDS_MAX) {
            let end = start + word.len();
            if !word.is_empty() {
                // Texts are far shorter than 64 kB.
                let place = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
                ranges.at[ranges.count] = (place(start), place(end));
                ranges.count += 1;
            }
            start = end + 1;
        }
        ranges
    }

    /// Of words whose places are known; the first `count` of these, with nothing behind them.
    pub(super) fn of_words(at: [(u16, u16); NAME_WORDS_MAX], count: usize) -> Self {
        Self { at, count: count.min(NAME_WORDS_MAX) }
    }

    /// Number of words, at most [`NAME_WORDS_MAX`].
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Of the word `index`; empty behind the last.
    pub(super) fn get(&self, index: usize) -> Range<usize> {
        let (start, end) = self.at.get(index).copied().unwrap_or_default();
        usize::from(start)..usize::from(end)
    }
}

/// Indexes of a name's own words, in the order given name to family name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    at: [u8; NAME_WORDS_MAX],
    count: usize,
}

impl Order {
    pub(super) fn indexes(&self) -> impl Iterator<Item = usize> {
        self.at.iter().take(self.count).map(|&index| usize::from(index))
    }

    fn of(words: impl IntoIterator<Item = u32>) -> Self {
        let mut order = Self { at: [0; NAME_WORDS_MAX], count: 0 };
        for set in words {
            for index in 0..NAME_WORDS_MAX {
                if set & 1 << index != 0 {
                    order.at[order.count] = u8::try_from(index).unwrap_or_default();
                    order.count += 1;
                }
            }
        }
        order
    }
}

/// Finds the own words among the `words` of the `folded` form of a name, whose `exact` form still has its commas and
/// brackets. `scratch` is of no use afterwards.
///
/// What stands in brackets goes, then what follows "via", then titles and suffixes at the ends of each part between
/// commas; then the part before the first comma is moved to the end, behind parts of nothing but particles (`van`).
/// Nothing goes if all would. Linear in the name.
pub(super) fn own_words(exact: &str, folded: &[u8], words: &Ranges, scratch: &mut KeyBuffer) -> Order {
    let word = |index: usize| folded.get(words.get(index)).unwrap_or_default();
    let all = (1_u32 << words.count()) - 1;
    let mut part_of = [0_u8; NAME_WORDS_MAX];
    let mut own = all;
    if exact.contains(is_structure) {
        own &= !mark_parts(exact, words.count(), &mut part_of, scratch);
        if own == 0 {
            own = all;
        }
    }
    own = without_origin(own, words.count(), word);
    let bare = |strength| without_titles(own, &part_of, word, strength);
    own = Some(bare(Strength::Unsure))
        .filter(|left| left.count_ones() >= 2)
        .or_else(|| Some(bare(Strength::Sure)).filter(|&left| left != 0))
        .unwrap_or(own);
    let parts = Parts { part_of: &part_of, count: words.count() };
    let family = parts.with(own.trailing_zeros() as usize) & own;
    let particles = parts.of_particles(own & !family, word);
    let given = own & !family & !particles;
    if given == 0 {
        // Jan Berg, van
        let last = 1_u32.checked_shl(family.checked_ilog2().unwrap_or(0)).unwrap_or(0) & family;
        return Order::of([family & !last, particles, last]);
    }
    Order::of([given, particles, family])
}

/// Which words are between the same commas.
struct Parts<'p> {
    part_of: &'p [u8; NAME_WORDS_MAX],
    count: usize,
}

impl Parts<'_> {
    /// All words of the part of one.
    fn with(&self, word: usize) -> u32 {
        let part = self.part_of.get(word);
        (0..self.count).filter(|&at| self.part_of.get(at) == part).fold(0, |set, at| set | 1 << at)
    }

    /// Those `words` that are in parts of nothing but particles.
    fn of_particles<'a>(&self, words: u32, word: impl Fn(usize) -> &'a [u8]) -> u32 {
        let others = (0..self.count).filter(|&at| words & 1 << at != 0 && !is_particle(word(at)));
        others.fold(words, |particles, other| particles & !self.with(other))
    }
}

/// Commas and brackets, which NFKC has made one of each kind, but for the commas of Arabic and Chinese.
fn is_structure(character: char) -> bool {
    matches!(character, ',' | '\u{60c}' | '\u{3001}') || is_opening(character) || is_closing(character)
}

fn is_opening(character: char) -> bool {
    matches!(character, '(' | '[' | '{' | '<')
}

fn is_closing(character: char) -> bool {
    matches!(character, ')' | ']' | '}' | '>')
}

/// Writes for each word behind how many commas it stands, and returns those in brackets.
///
/// Only brackets before the last closing one count: `John (Smith` opens none.
fn mark_parts(exact: &str, count: usize, part_of: &mut [u8; NAME_WORDS_MAX], scratch: &mut KeyBuffer) -> u32 {
    let last_closing = exact.rfind(is_closing).unwrap_or(0);
    let (mut bracketed, mut depth, mut part, mut at) = (0, 0_u32, 0_u8, 0);
    let mut rest = exact;
    while at < count {
        let end = rest.find(is_structure).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        folded_name(piece, scratch);
        let in_piece = if scratch.is_empty() { 0 } else { scratch.split(|&byte| byte == b' ').count() };
        let end = (at + in_piece).min(count);
        part_of[at..end].fill(part);
        if depth > 0 {
            bracketed |= (1 << end) - (1 << at);
        }
        at = end;
        let Some(mark) = behind.chars().next() else { break };
        let place = exact.len() - behind.len();
        match mark {
            opening if is_opening(opening) => depth += u32::from(place < last_closing),
            closing if is_closing(closing) => depth = depth.saturating_sub(1),
            // No name has 16 words with more parts than words.
            _ if depth == 0 => part = part.saturating_add(1),
            _ => {}
        }
        rest = &behind[mark.len_utf8()..];
    }
    bracketed
}

/// Without "via …" behind two words or more.
fn without_origin<'a>(own: u32, count: usize, word: impl Fn(usize) -> &'a [u8]) -> u32 {
    for index in 2..count.saturating_sub(1) {
        let before = own & ((1 << index) - 1);
        if own & 1 << index != 0 && before.count_ones() >= 2 && leads_away(word(index)) {
            return before;
        }
    }
    own
}

/// Without titles and suffixes, those of this strength and stronger ones.
fn without_titles<'a>(
    own: u32,
    part_of: &[u8; NAME_WORDS_MAX],
    word: impl Fn(usize) -> &'a [u8],
    strength: Strength,
) -> u32 {
    let goes =
        |found: Option<Strength>| found.is_some_and(|found| found == Strength::Sure || found == strength);
    let mut left = 0;
    let mut rest = own;
    while rest != 0 {
        let part = part_of[rest.trailing_zeros() as usize];
        let mut indexes = [0_usize; NAME_WORDS_MAX];
        let mut count = 0;
        while rest != 0 && part_of[rest.trailing_zeros() as usize] == part {
            indexes[count] = rest.trailing_zeros() as usize;
            count += 1;
            rest &= rest - 1;
        }
        let mut words = &indexes[..count];
        while let [first, behind @ ..] = words {
            match behind {
                // Dr. h.c.
                [h, c, further @ ..] if goes(title(word(*first))) && word(*h) == b"h" && word(*c) == b"c" => {
                    words = further;
                }
                _ if goes(title(word(*first))) => words = behind,
                _ => break,
            }
        }
        while let [before @ .., last] = words {
            match before {
                // Ph.D.
                [further @ .., ph] if word(*ph) == b"ph" && word(*last) == b"d" => words = further,
                _ if goes(title(word(*last))) || goes(post_nominal(word(*last))) => words = before,
                _ => break,
            }
        }
        if part > 0 && is_spelled_degree(words.iter().map(|&index| word(index))) {
            words = &[];
        }
        left |= words.iter().fold(0, |set, index| set | 1 << index);
    }
    left
}

/// Whether these words are the letters of a degree: `M.D.`, `M. B. A.`.
fn is_spelled_degree<'a>(words: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut letters = [0_u8; 4];
    let mut count = 0;
    for word in words {
        match (word, letters.get_mut(count)) {
            ([letter], Some(place)) => *place = *letter,
            _ => return false,
        }
        count += 1;
    }
    count >= 2 && post_nominal(&letters[..count]).is_some()
}
