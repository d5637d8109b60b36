//! Under which keys a name is found: few for a person, all that can matter for a look-up.
//!
//! Whenever [`compare`](super::compare) accepts a name for a person, one key of the query is one of the person.
//!
//! # What a person has
//!
//! ```text
//! pair     first and last own word, in alphabetical order        everything that looks at whole words
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
//! # Trade-offs
//!
//! - **Words to hash, not hashes**: the caller seeds the hash, so that nobody outside can choose names that collide.
//! - **Precise or few**: pairs find a few people who only have a long look in common; [`compare`](super::compare) decides.

use smallvec::SmallVec;

use super::compare::{EDIT_LETTERS_MIN, Reach, is_long};
use super::looks::{LOOK_BYTES_MAX, Look};
use super::{Form, NAME_KEY_BYTES_MAX, NAME_WORDS_MAX, Name, nicknames};

/// What to hash for one entry of an index of names. Never empty; 1,027 bytes at most, mostly less than 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey<'k>(&'k [u8]);

impl<'k> IndexKey<'k> {
    /// From what [`Self::bytes`] gave.
    pub(crate) fn of_bytes(bytes: &'k [u8]) -> Self {
        Self(bytes)
    }

    /// All of it: what kind of key it is and what it is made of.
    #[must_use]
    pub fn bytes(self) -> &'k [u8] {
        self.0
    }

    /// Whether it is of two words alone: people are among those who share it whose names are otherwise unlike.
    #[must_use]
    pub fn is_pair(self) -> bool {
        self.0.first() == Some(&b'p')
    }
}

/// Calls `visit` with each key under which a person of this `name` is to be found by those within `reach`.
///
/// Three for most names; two more for umlauts, one more for capitals that look like other letters, one more for
/// [`Reach::Vip`]; one for [`Reach::Exact`], none for a name of nothing. They depend on nothing but the canonical forms
/// (of a name of one word the exact one, too) and what its capitals look like, so spellings that differ in what does not
/// count have the same ones. Allocates nothing.
pub fn for_each_index_key(name: &Name, reach: Reach, mut visit: impl FnMut(IndexKey<'_>)) {
    let mut key = KeyBytes::new();
    let words = &name.plain.own;
    match words.count() {
        0 => return,
        1 => name.spellings().for_each(|form| visit(key.whole(&form.folded))),
        _ => {
            let (first, last) = (Place::of(words.get(0)), Place::of(words.last()));
            visit(key.pair(first.bytes(), last.bytes()));
            let written = &name.written.own;
            if written.count() > 0 && reach != Reach::Exact {
                let (as_first, as_last) = (Place::of_look(written.get(0)), Place::of_look(written.last()));
                if (as_first.bytes(), as_last.bytes()) != (first.bytes(), last.bytes()) {
                    visit(key.pair(as_first.bytes(), as_last.bytes()));
                }
            }
            if reach == Reach::Vip
                && let Some(initial) = initial(words.get(0))
            {
                visit(key.pair(Place::of(initial).bytes(), last.bytes()));
            }
        }
    }
    if reach == Reach::Exact {
        return;
    }
    let mut letters = Letters::new();
    for form in name.spellings() {
        spell(form, &mut letters);
        let quarters = Quarters::of(letters.len());
        visit(key.spelled(Half::Odd, quarters, &letters, None));
        if is_long(form) {
            visit(key.spelled(Half::Even, quarters, &letters, None));
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
pub fn for_each_query_key(name: &Name, mut visit: impl FnMut(IndexKey<'_>)) {
    let mut key = KeyBytes::new();
    match name.word_count() {
        0 => return,
        1 => name.spellings().for_each(|form| visit(key.whole(&form.folded))),
        _ => each_pair(name, &mut key, &mut visit),
    }
    let mut letters = Letters::new();
    for form in name.spellings() {
        spell(form, &mut letters);
        visit(key.spelled(Half::Odd, Quarters::of(letters.len()), &letters, None));
        if is_long(form) {
            each_edit(&mut letters, &mut key, &mut visit);
        }
    }
}

/// Calls `visit` with each key under which a person can be found whose name is [equal](Name::is_folded_equal) as a
/// folded key: pairs only, which few people share.
pub fn for_each_equal_key(name: &Name, mut visit: impl FnMut(IndexKey<'_>)) {
    let mut key = KeyBytes::new();
    match name.word_count() {
        0 => {}
        1 => name.spellings().for_each(|form| visit(key.whole(&form.folded))),
        _ => each_pair_of_words(name, &mut key, &mut visit),
    }
}

fn each_pair_of_words(name: &Name, key: &mut KeyBytes, visit: &mut impl FnMut(IndexKey<'_>)) {
    // All words and not only own ones: the same words are of another order where the other name has no comma.
    Places::of(name.folded().split(|&byte| byte == b' '), Place::of).each_pair(key, visit);
}

fn each_pair(name: &Name, key: &mut KeyBytes, visit: &mut impl FnMut(IndexKey<'_>)) {
    each_pair_of_words(name, key, visit);
    let written = &name.written.own;
    if written.count() > 0 {
        Places::of(written.iter(), Place::of_look).each_pair(key, visit);
    }
    let words = &name.plain.own;
    let mut others = nicknames::indexed_as(words.get(0)).peekable();
    if others.peek().is_some() {
        let (first, last) = (Place::of(words.get(0)), Place::of(words.last()));
        for other in others.filter(|&other| other != first.bytes()) {
            visit(key.pair(other, last.bytes()));
        }
    }
}

/// The keys of those whose letters are at most one edit from these, but for the one key of no edit in an even quarter.
fn each_edit(letters: &mut Letters, key: &mut KeyBytes, visit: &mut impl FnMut(IndexKey<'_>)) {
    let same = Quarters::of(letters.len());
    visit(key.spelled(Half::Even, same, letters, None));
    for quarter in 1..4 {
        let at = same.start(quarter);
        // Letters that are the same need no swap.
        if at > 0 && at < letters.len() && letters.bytes[at - 1] != letters.bytes[at] {
            letters.swap(at - 1, at);
            visit(key.spelled(Half::Odd, same, letters, None));
            letters.swap(at - 1, at);
        }
    }
    for quarters in [letters.len() - 1, letters.len() + 1].map(Quarters::of) {
        if quarters.is_whole() {
            continue;
        }
        for edited in 0..4 {
            let half = if edited % 2 == 0 { Half::Even } else { Half::Odd };
            visit(key.spelled(half, quarters, letters, Some(edited)));
        }
    }
}

/// The first character of a longer word.
fn initial(word: &[u8]) -> Option<&[u8]> {
    let text = str::from_utf8(word).ok()?;
    let end = text.chars().next()?.len_utf8();
    word.get(..end).filter(|initial| initial.len() < word.len())
}

/// What a word is indexed under.
enum Place {
    Head(&'static [u8]),
    Itself(Look),
}

impl Place {
    /// Of a folded word.
    fn of(word: &[u8]) -> Self {
        Self::new(Look::for_hashing(word))
    }

    /// Of a word that looks like `look`.
    fn of_look(look: &[u8]) -> Self {
        Self::new(Look::of_look_for_hashing(look))
    }

    fn new(look: Look) -> Self {
        nicknames::head(look.bytes()).map_or(Self::Itself(look), Self::Head)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Head(head) => head,
            Self::Itself(look) => look.bytes(),
        }
    }
}

/// The places of a name's words.
struct Places {
    bytes: SmallVec<[u8; NAME_WORDS_MAX * LOOK_BYTES_MAX]>,
    ends: [usize; NAME_WORDS_MAX + 1],
    count: usize,
}

impl Places {
    fn of<'w>(words: impl Iterator<Item = &'w [u8]>, place: impl Fn(&[u8]) -> Place) -> Self {
        let mut places = Self { bytes: SmallVec::new(), ends: [0; NAME_WORDS_MAX + 1], count: 0 };
        for word in words.take(NAME_WORDS_MAX) {
            places.bytes.extend_from_slice(place(word).bytes());
            places.count += 1;
            places.ends[places.count] = places.bytes.len();
        }
        places
    }

    fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.ends[index]..self.ends[index + 1]]
    }

    fn each_pair(&self, key: &mut KeyBytes, visit: &mut impl FnMut(IndexKey<'_>)) {
        for second in 1..self.count {
            for first in 0..second {
                visit(key.pair(self.get(first), self.get(second)));
            }
        }
    }
}

/// Bytes that are copied together: a part of most keys.
const BLOCK: usize = 16;

/// A name without blanks, a byte for each character: of another script, two characters may share one.
struct Letters {
    /// With room for a block behind the last.
    bytes: [u8; NAME_KEY_BYTES_MAX + BLOCK],
    count: usize,
}

impl Letters {
    fn new() -> Self {
        Self { bytes: [0; NAME_KEY_BYTES_MAX + BLOCK], count: 0 }
    }

    fn clear(&mut self) {
        self.count = 0;
    }

    /// There is room for all that a name has.
    fn extend_from_slice(&mut self, letters: &[u8]) {
        let end = self.count + letters.len();
        if let Some(place) = self.bytes.get_mut(self.count..end) {
            place.copy_from_slice(letters);
            self.count = end;
        }
    }

    fn len(&self) -> usize {
        self.count
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.bytes.swap(a, b);
    }

    fn all(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }
}

fn spell(form: &Form, letters: &mut Letters) {
    letters.clear();
    let text = &form.own.text;
    if text.is_ascii() {
        form.own.iter().for_each(|word| letters.extend_from_slice(word));
    } else {
        let text = str::from_utf8(text).unwrap_or_default();
        let spelled = text.chars().filter(|&character| character != ' ').map(u32::from);
        spelled.for_each(|character| {
            let [low, high, ..] = character.to_le_bytes();
            letters.extend_from_slice(&[low ^ high]);
        });
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

/// Longest key: its kind, the number of letters, and all of a name.
const KEY_BYTES_MAX: usize = NAME_KEY_BYTES_MAX + 8 + BLOCK;

/// Where a key is put together; not on the heap, however long it gets.
struct KeyBytes {
    bytes: [u8; KEY_BYTES_MAX],
    size: usize,
}

impl KeyBytes {
    fn new() -> Self {
        Self { bytes: [0; KEY_BYTES_MAX], size: 0 }
    }

    fn whole(&mut self, folded: &[u8]) -> IndexKey<'_> {
        self.start(b'w');
        self.add(folded);
        self.key()
    }

    fn pair(&mut self, a: &[u8], b: &[u8]) -> IndexKey<'_> {
        let (less, greater) = if a <= b { (a, b) } else { (b, a) };
        self.start(b'p');
        self.add(less);
        self.add(b" ");
        self.add(greater);
        self.key()
    }

    /// Two quarters of a person who has as many letters as `quarters` say, read from the `letters` of a name that has
    /// them all but those of the quarter `edited`, where it can have one more or less.
    fn spelled(
        &mut self,
        half: Half,
        quarters: Quarters,
        letters: &Letters,
        edited: Option<usize>,
    ) -> IndexKey<'_> {
        let count = u16::try_from(quarters.letters).unwrap_or(u16::MAX).to_le_bytes();
        let (tag, parts) = match half {
            Half::Odd => (b'o', [0, 2]),
            Half::Even => (b'e', [1, 3]),
        };
        let [low, high] = count;
        self.bytes[..3].copy_from_slice(&[tag, low, high]);
        self.size = 3;
        if quarters.is_whole() {
            self.add(letters.all());
            return self.key();
        }
        for quarter in parts {
            let (start, end) = (quarters.start(quarter), quarters.start(quarter + 1));
            if edited.is_some_and(|edited| edited < quarter) {
                let from_end = |at: usize| (at + letters.len()).checked_sub(quarters.letters);
                if let Some((start, end)) = from_end(start).zip(from_end(end)) {
                    self.add_letters(letters, start, end);
                }
            } else {
                self.add_letters(letters, start, end);
            }
        }
        self.key()
    }

    /// Adds some letters; none where there are not as many.
    #[inline]
    fn add_letters(&mut self, letters: &Letters, start: usize, end: usize) {
        if end > letters.len() {
            return;
        }
        let from = letters.bytes.get(start..).and_then(<[u8]>::first_chunk::<BLOCK>);
        let to = self.bytes.get_mut(self.size..).and_then(<[u8]>::first_chunk_mut::<BLOCK>);
        match (from, to) {
            // A copy of the same size for nearly all.
            (Some(from), Some(to)) if end - start <= BLOCK => {
                *to = *from;
                self.size += end - start;
            }
            _ => self.add(letters.all().get(start..end).unwrap_or_default()),
        }
    }

    #[inline]
    fn start(&mut self, tag: u8) {
        self.size = 0;
        self.add(&[tag]);
    }

    /// There is room for all that a key has.
    #[inline]
    fn add(&mut self, part: &[u8]) {
        let end = self.size + part.len();
        if let Some(place) = self.bytes.get_mut(self.size..end) {
            place.copy_from_slice(part);
            self.size = end;
        }
    }

    fn key(&self) -> IndexKey<'_> {
        IndexKey(self.bytes.get(..self.size).unwrap_or_default())
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
            for_each_index_key(name, Reach::Vip, |key| keys.push(key.bytes().to_vec()));
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
