//! Under which keys a name is found: few for a person, all that can matter for a look-up.
//!
//! Whenever [`compare`](super::compare) accepts a name for a person, one key of the query is one of the person.
//!
//! # What a person has
//!
//! ```text
//! pair     first and last own word, in any order                 everything that looks at whole words
//! spelled  number of letters, first and third quarter of them    joined; an edit in the second or fourth quarter
//! spelled  number of letters, second and fourth quarter          an edit in the first or third (8 characters or more)
//! pair     what these look like as written                       capitals other than ASCII, where that differs
//! whole    all of it, instead of the pair                        names of one own word
//! pair     initial and last own word                             the most important people only
//! ```
//!
//! *Pair*: of each word its hashing look, in which look-alikes and both spellings of umlauts are one, and of a nickname
//! the head of its line. A query has the pairs of *all* its words, since a person's first and last word may stand
//! anywhere in it: whatever was added, moved or taken for a title. It has those of its own words as written, too.
//!
//! *Spelled* (all blanks left out): the pigeonhole principle. One edit is in one quarter, so one of both keys does not
//! see it. The query does not know the person's number of letters, so it asks for its own and for one more and one less,
//! each time with the edit in each quarter: what is before the edit is counted from the start, what is behind it from
//! the end. A swap of two letters in different quarters is undone before asking. Quarters instead of halves, because a
//! half is often no more than the first name, which thousands share; two quarters are of both names. Fewer than six
//! letters, of which none may be wrong, are all in the first of both keys.
//!
//! # Hashes
//! A key is a hash, put together from what many keys of one name have in common. A word is hashed once, however many
//! pairs it is in; a pair is the sum of two words, which does not depend on their order. A quarter is a machine word
//! (of more than eight letters, as hardly anybody's has, their hash), so that the spelled keys of all names are hashes
//! of sixteen bytes.
//!
//! # Trade-offs
//!
//! - **Hashes, not bytes to hash**: putting the bytes of 14 keys together took more than hashing them.
//! - **The caller seeds**, so that nobody outside can choose names that collide.
//! - **Precise or few**: pairs find a few people who only have a long look in common; [`compare`](super::compare) decides.

use arrayvec::ArrayVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::spread_seed;
use super::compare::{EDIT_LETTERS_MIN, Reach, is_long};
use super::looks::Look;
use super::{Form, NAME_KEY_BYTES_MAX, NAME_WORDS_MAX, Name, nicknames};

/// A hash for one entry of an index of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey {
    hash: u64,
    is_pair: bool,
}

impl IndexKey {
    /// Of what kind of key it is and what it is made of: xxh3-64 (Collet), with the seed that was given.
    #[must_use]
    pub fn hash(self) -> u64 {
        self.hash
    }

    /// Whether it is of two words alone: people are among those who share it whose names are otherwise unlike.
    #[must_use]
    pub fn is_pair(self) -> bool {
        self.is_pair
    }
}

/// Calls `visit` with each key under which a person of this `name` is to be found by those within `reach`.
///
/// Three for most names; two more for umlauts, one more for capitals that look like other letters, one more for
/// [`Reach::Vip`]; one for [`Reach::Exact`], none for a name of nothing. They depend on nothing but the canonical forms
/// (of a name of one word the exact one, too), what its capitals look like, and the seed, so spellings that differ in
/// what does not count have the same ones. Allocates nothing.
pub fn for_each_index_key(name: &Name, reach: Reach, seed: u64, mut visit: impl FnMut(IndexKey)) {
    let keys = KeyMaker { seed };
    let words = &name.plain.own;
    match words.count() {
        0 => return,
        1 => name.spellings().for_each(|form| visit(keys.whole(&form.folded))),
        _ => {
            let (first, last) = (keys.word(words.get(0)), keys.word(words.last()));
            visit(first.pair(last));
            let written = &name.written.own;
            if written.count() > 0 && reach != Reach::Exact {
                let as_written = (keys.look(written.get(0)), keys.look(written.last()));
                if as_written != (first, last) {
                    visit(as_written.0.pair(as_written.1));
                }
            }
            if reach == Reach::Vip
                && let Some(initial) = initial(words.get(0))
            {
                visit(keys.word(initial).pair(last));
            }
        }
    }
    if reach == Reach::Exact {
        return;
    }
    let mut letters = Letters::new();
    for form in name.spellings() {
        letters.spell(form);
        let quarters = Quarters::of(letters.count());
        visit(keys.spelled(Half::Odd, quarters, &letters, None));
        if is_long(form) {
            visit(keys.spelled(Half::Even, quarters, &letters, None));
        }
    }
}

/// Whether [`for_each_index_key`] is sure to have the same for both, as for `Jane Smith` and `Smith, Jane`: two words or
/// more, the same ones, in one spelling.
pub(crate) fn has_same_index_keys(a: &Name, b: &Name) -> bool {
    let (one, other) = (&a.plain.own, &b.plain.own);
    a.is_plain() && b.is_plain() && one.count() > 1 && one.ranges == other.ranges && one.text == other.text
}

/// Calls `visit` with each key under which a person can be found whom this `name` is like; some more than once.
///
/// 14 for a usual name of two words, up to 21 more for nicknames, 287 at most. Allocates nothing.
pub fn for_each_query_key(name: &Name, seed: u64, mut visit: impl FnMut(IndexKey)) {
    let keys = KeyMaker { seed };
    match name.word_count() {
        0 => return,
        1 => name.spellings().for_each(|form| visit(keys.whole(&form.folded))),
        _ => keys.each_pair(name, &mut visit),
    }
    let mut letters = Letters::new();
    for form in name.spellings() {
        letters.spell(form);
        visit(keys.spelled(Half::Odd, Quarters::of(letters.count()), &letters, None));
        if is_long(form) {
            keys.each_edit(&mut letters, &mut visit);
        }
    }
}

/// Calls `visit` with each key under which a person can be found whose name is [equal](Name::is_folded_equal) as a
/// folded key: pairs only, which few people share.
pub fn for_each_equal_key(name: &Name, seed: u64, mut visit: impl FnMut(IndexKey)) {
    let keys = KeyMaker { seed };
    match name.word_count() {
        0 => {}
        1 => name.spellings().for_each(|form| visit(keys.whole(&form.folded))),
        _ => keys.each_pair_of_words(name, &mut visit),
    }
}

/// The first character of a longer word.
fn initial(word: &[u8]) -> Option<&[u8]> {
    let text = smoothutf8::from_utf8(word)?;
    let end = text.chars().next()?.len_utf8();
    word.get(..end).filter(|initial| initial.len() < word.len())
}

/// Hash of what a word is indexed under.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word(u64);

impl Word {
    /// The key of two words, in any order.
    fn pair(self, other: Self) -> IndexKey {
        IndexKey { hash: self.0.wrapping_add(other.0), is_pair: true }
    }

    /// The keys of any two of these.
    fn each_pair(words: impl Iterator<Item = Self>, visit: &mut impl FnMut(IndexKey)) {
        let mut before = ArrayVec::<Self, NAME_WORDS_MAX>::new();
        for word in words.take(NAME_WORDS_MAX) {
            before.iter().for_each(|&other| visit(other.pair(word)));
            before.push(word);
        }
    }
}

/// Makes all keys with one seed.
#[derive(Clone, Copy)]
struct KeyMaker {
    seed: u64,
}

impl KeyMaker {
    /// A folded word.
    fn word(self, word: &[u8]) -> Word {
        self.place(Look::for_hashing(word).bytes())
    }

    /// A word that looks like `look`.
    fn look(self, look: &[u8]) -> Word {
        self.place(Look::of_look_for_hashing(look).bytes())
    }

    fn place(self, look: &[u8]) -> Word {
        self.listed(nicknames::head(look).unwrap_or(look))
    }

    /// What anything is indexed under.
    fn listed(self, place: &[u8]) -> Word {
        Word(xxh3_64_with_seed(place, self.seed_of(b'p', 0)))
    }

    fn whole(self, folded: &[u8]) -> IndexKey {
        IndexKey { hash: xxh3_64_with_seed(folded, self.seed_of(b'w', 0)), is_pair: false }
    }

    /// Two quarters of a person who has as many letters as `quarters` say, read from the `letters` of a name that has
    /// them all but those of the quarter `edited`, where it can have one more or less.
    #[inline]
    fn spelled(self, half: Half, quarters: Quarters, letters: &Letters, edited: Option<usize>) -> IndexKey {
        let (tag, parts) = match half {
            Half::Odd => (b'o', (0, 2)),
            Half::Even => (b'e', (1, 3)),
        };
        let seed = self.seed_of(tag, quarters.letters);
        let parts = if quarters.is_whole() {
            (self.part(letters, 0, letters.count()), 0)
        } else {
            let part = |quarter| {
                // What is behind the edit is counted from the end.
                let is_behind = edited.is_some_and(|edited| edited < quarter);
                let by = if is_behind { letters.count().wrapping_sub(quarters.letters) } else { 0 };
                let (start, end) = (quarters.start(quarter), quarters.start(quarter + 1));
                self.part(letters, start.wrapping_add(by), end.wrapping_add(by))
            };
            (part(parts.0), part(parts.1))
        };
        let bytes = (u128::from(parts.0) | u128::from(parts.1) << u64::BITS).to_le_bytes();
        IndexKey { hash: xxh3_64_with_seed(&bytes, seed), is_pair: false }
    }

    /// Some letters as a machine word; 0 where there are not as many.
    #[inline]
    fn part(self, letters: &Letters, start: usize, end: usize) -> u64 {
        if start >= end || end > letters.count() {
            return 0;
        }
        let unused = WORD.saturating_sub(end - start);
        match letters.bytes.get(start..).and_then(<[u8]>::first_chunk) {
            Some(word) if end - start <= WORD => u64::from_le_bytes(*word) << (unused * 8),
            _ => xxh3_64_with_seed(letters.bytes.get(start..end).unwrap_or_default(), self.seed),
        }
    }

    /// A seed of its own for each kind of key and number of letters.
    #[inline]
    fn seed_of(self, tag: u8, letters: usize) -> u64 {
        spread_seed(self.seed, (letters as u64) << u8::BITS | u64::from(tag))
    }

    fn each_pair_of_words(self, name: &Name, visit: &mut impl FnMut(IndexKey)) {
        // All words and not only own ones: the same words are of another order where the other name has no comma.
        Word::each_pair(name.folded().split(|&byte| byte == b' ').map(|word| self.word(word)), visit);
    }

    fn each_pair(self, name: &Name, visit: &mut impl FnMut(IndexKey)) {
        self.each_pair_of_words(name, visit);
        let written = &name.written.own;
        if written.count() > 0 {
            Word::each_pair(written.iter().map(|look| self.look(look)), visit);
        }
        let words = &name.plain.own;
        let mut others = nicknames::indexed_as(words.get(0)).map(|place| self.listed(place)).peekable();
        if others.peek().is_some() {
            let (first, last) = (self.word(words.get(0)), self.word(words.last()));
            others.filter(|&other| other != first).for_each(|other| visit(other.pair(last)));
        }
    }

    /// The keys of those whose letters are at most one edit from these, but for the one key of no edit in an even
    /// quarter.
    fn each_edit(self, letters: &mut Letters, visit: &mut impl FnMut(IndexKey)) {
        let count = letters.count();
        let same = Quarters::of(count);
        visit(self.spelled(Half::Even, same, letters, None));
        for quarter in 1..4 {
            let at = same.start(quarter);
            // Letters that are the same need no swap.
            if letters.swap_before(at) {
                visit(self.spelled(Half::Odd, same, letters, None));
                letters.swap_before(at);
            }
        }
        for quarters in [count - 1, count + 1].map(Quarters::of) {
            if quarters.is_whole() {
                continue;
            }
            for edited in 0..4 {
                let half = if edited % 2 == 0 { Half::Even } else { Half::Odd };
                visit(self.spelled(half, quarters, letters, Some(edited)));
            }
        }
    }
}

/// Letters of a machine word.
const WORD: usize = size_of::<u64>();

/// A name without blanks, a byte for each character: of another script, two characters may share one.
struct Letters {
    /// With room for a machine word behind the last.
    bytes: ArrayVec<u8, { NAME_KEY_BYTES_MAX + WORD }>,
}

impl Letters {
    fn new() -> Self {
        Self { bytes: ArrayVec::new() }
    }

    /// Takes those of this form instead.
    fn spell(&mut self, form: &Form) {
        self.bytes.clear();
        let text = &form.own.text;
        if text.is_ascii() {
            form.own.iter().for_each(|word| self.extend(word));
        } else {
            let text = smoothutf8::from_utf8(text).unwrap_or_default();
            let spelled = text.chars().filter(|&character| character != ' ').map(u32::from);
            spelled.for_each(|character| {
                let [low, high, ..] = character.to_le_bytes();
                self.extend(&[low ^ high]);
            });
        }
        self.extend(&[0; WORD]);
    }

    /// There is room for all that a name has.
    fn extend(&mut self, letters: &[u8]) {
        let _ = self.bytes.try_extend_from_slice(letters);
    }

    fn count(&self) -> usize {
        self.bytes.len().saturating_sub(WORD)
    }

    /// Swaps the letter at this place with the one before, if there are both and they differ.
    fn swap_before(&mut self, at: usize) -> bool {
        let count = self.count();
        match at.checked_sub(1).and_then(|before| self.bytes.get_mut(..count)?.get_mut(before..=at)) {
            Some([a, b]) if a != b => {
                std::mem::swap(a, b);
                true
            }
            _ => false,
        }
    }
}

/// Which two quarters a key is made of: first and third, or second and fourth.
#[derive(Clone, Copy)]
enum Half {
    Odd,
    Even,
}

/// A person's letters in four parts as long as each other, by their number alone.
#[derive(Clone, Copy)]
struct Quarters {
    letters: usize,
}

impl Quarters {
    fn of(letters: usize) -> Self {
        Self { letters }
    }

    fn start(self, quarter: usize) -> usize {
        self.letters * quarter / 4
    }

    /// So few that no edit may be overlooked: all of them are in the one key.
    fn is_whole(self) -> bool {
        self.letters < EDIT_LETTERS_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        let mut name = Name::default();
        name.read(text);
        name
    }

    #[test]
    fn names_are_said_to_have_the_same_keys_only_where_they_have() {
        let names = [
            "Jane Smith",
            "Smith, Jane",
            "JANE  smith (IT)",
            "Dr. Jane Smith",
            "Smith Jane",
            "Jane Smyth",
            "Jane Q. Smith",
            "JaneSmith",
            "Jane",
            "Jäne Smith",
            "Jaene Smith",
            "Вera Smith",
            "Bera Smith",
            "",
        ];
        let keys = |name: &Name| {
            let mut keys = Vec::new();
            for_each_index_key(name, Reach::Vip, 7, |key| keys.push(key));
            keys
        };
        let names = names.map(name);
        for a in &names {
            for b in names.iter().filter(|b| has_same_index_keys(a, b)) {
                assert_eq!(keys(a), keys(b), "{a:?} {b:?}");
            }
        }
        assert!(names[1..4].iter().all(|other| has_same_index_keys(&names[0], other)));
        assert!(names[5..].iter().all(|other| !has_same_index_keys(&names[0], other)));
    }
}
