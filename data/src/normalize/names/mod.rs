//! Names of people: what of a spelling counts, how alike two names are, and under which keys one is found.
//!
//! A [`Name`] is a name taken apart once. [`compare`] says by which rule two of them agree, and
//! [`for_each_index_key`] and [`for_each_query_key`] make sure that whatever `compare` would accept is found by hash.
//!
//! | kind | rule | example |
//! |---|---|---|
//! | exact | NFKC, case fold, white space collapsed | `Ｊｏｈｎ DOE` = `john doe` |
//! | folded | and without marks, apostrophes, punctuation, invisible characters; or the German form | `D'Souza` = `dsouza`, `Müller` = `Mueller` |
//! | canonical | and "Last, First" turned; titles, suffixes, brackets and "via …" dropped; words in any order | `Smith, Jr., Dr John (IT)` = `John Smith` |
//! | joined | canonical without blanks | `JohnSmith` = `John Smith` |
//! | confusable | canonical after the skeleton of UTS #39, case-folded, with `i` as `l`; of small letters or as written | `J0hn`, `Pаul` with a Cyrillic а, `Вob` with a Cyrillic В |
//! | `first_last` | first and last word; the middle ones may say otherwise, which is told | `John Q. Doe` ~ `John Doe` |
//! | extended | the person's words side by side among others | `John Doe CEO` |
//! | nickname | `first_last`, the first names on one line of `nicknames.txt` | `Bob` ~ `Robert` |
//! | edit1 | one edit in canonical, both of 8 characters or more | `Homeir` ~ `Homeier` |
//! | `initial_last` | initial and last word, for people who are worth it | `J Doe` |
//!
//! A name of fewer than two own words agrees only exactly, or joined with one of two words or more.
//!
//! # Trade-offs
//!
//! - **All from the exact form.** Everything else is made of it, so equal exact forms are equal in all others; save for
//!   what capitals look like, which is an addition to what their small letters look like.
//! - **Cheap where it is usual.** ASCII goes through byte tables, the German form is made for umlauts only, and what
//!   looks alike is worked out while comparing, for the few candidates whose words differ.
//! - **First and last mean the first and last own word.** In which order the words are is taken from the comma, if there
//!   is one. Without one only canonical, joined and confusable do not depend on it or tell the order of names apart.
//! - **Rules are a format.** Keys stand in segments: a change of any rule, list or table is one of the norm version.
//! - **Limits.** 1,024 bytes and [`NAME_WORDS_MAX`] words of a name are looked at, whatever comes in. Work is linear in
//!   them, the number of a query's keys at most 287 (14 for most names).

mod agreement;
mod apart;
mod compare;
mod edit;
mod exact;
mod folded;
mod keys;
mod letter;
mod looks;
mod marked;
mod nicknames;
mod parts;
mod plain;
mod table;
mod titles;
mod words;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_security::MixedScript;

pub use compare::{Reach, Similarity, compare};
pub use folded::{NAME_KEY_BYTES_MAX, folded_name, german_form};
pub(crate) use keys::has_same_index_keys;
pub use keys::{IndexKey, for_each_equal_key, for_each_index_key, for_each_query_key};
pub use parts::NAME_WORDS_MAX;

use super::KeyBuffer;
use folded::german_form_beside;
use parts::{Order, Ranges};

/// One name taken apart. Keep one and [`read`](Self::read) again and again: once grown, it allocates nothing more, save
/// for decomposed text of more than 256 bytes.
///
/// ```
/// use persondb_data::normalize::names::Name;
/// let mut name = Name::default();
/// name.read("Müller, Dr.  Jörg (IT)");
/// assert_eq!(name.exact(), "müller, dr. jörg (it)".as_bytes());
/// assert_eq!(name.folded(), b"muller dr jorg it");
/// assert_eq!(name.canonical(), b"jorg muller");
/// assert_eq!(name.german(), Some(&b"joerg mueller"[..]));
/// ```
#[derive(Debug, Default)]
pub struct Name {
    exact: KeyBuffer,
    plain: Form,
    /// Empty where it is the plain one.
    german: Form,
    /// What the plain one looks like with its capitals; empty where these are ASCII.
    written: Form,
    scratch: KeyBuffer,
}

impl Name {
    /// Takes `text` apart. Of more than 1,024 bytes those before are taken.
    pub fn read(&mut self, text: &str) {
        if !plain::read_plain(text, self) {
            self.read_any(text);
        }
    }

    fn read_any(&mut self, text: &str) {
        exact::exact(text, &mut self.exact);
        let exact = smoothutf8::from_utf8(&self.exact).unwrap_or_default();
        folded_name(exact, &mut self.plain.folded);
        let words = Ranges::new(&self.plain.folded);
        let order = parts::own_words(exact, &self.plain.folded, &words, &mut self.scratch);
        self.plain.own.fill(&self.plain.folded, &words, &order);
        self.german.clear();
        self.written.clear();
        if german_form_beside(exact, &self.plain.folded, &mut self.german.folded) {
            self.german.follow(&words, &order);
        }
        if looks::looks_as_written(text, &mut self.written.folded) {
            self.written.follow(&words, &order);
            self.written.own.know_looks();
        }
    }

    /// NFKC, case-folded, words parted by one blank; UTF-8. The one form that keeps marks and punctuation.
    #[must_use]
    pub fn exact(&self) -> &[u8] {
        &self.exact
    }

    /// The folded key, as [`folded_name`] makes it. Empty for a name of nothing, which agrees with none.
    #[must_use]
    pub fn folded(&self) -> &[u8] {
        &self.plain.folded
    }

    /// The name's own words, given name first where that is known, parted by one blank.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.plain.own.text
    }

    /// The canonical form with umlauts spelled out; None where that is the same.
    #[must_use]
    pub fn german(&self) -> Option<&[u8]> {
        self.has_german().then_some(&self.german.own.text)
    }

    /// Number of own words, at most [`NAME_WORDS_MAX`].
    #[must_use]
    pub fn word_count(&self) -> usize {
        self.plain.own.count()
    }

    /// What is odd about the spelling. Worked out by this call, in time linear in the name.
    #[must_use]
    pub fn flags(&self) -> NameFlags {
        let exact = smoothutf8::from_utf8(&self.exact).unwrap_or_default();
        if exact.is_ascii() {
            return NameFlags::default();
        }
        let invisible = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        NameFlags {
            zero_width: exact.chars().any(|character| invisible.contains(character)),
            mixed_script: exact.split(' ').any(|word| !word.is_single_script()),
        }
    }

    /// Whether the two are equal as folded keys, one of them in its German form where it has one.
    #[must_use]
    pub fn is_folded_equal(&self, other: &Self) -> bool {
        !self.folded().is_empty() && compare::any_forms(self, other, |one, other| one.folded == other.folded)
    }

    /// Whether [`compare`] surely finds nothing between this name and `text`, as far as a glance tells: true of most
    /// pairs that agree in nothing, never of one that agrees in anything. A third of the work of taking `text` apart and
    /// comparing it.
    pub(crate) fn is_apart(&self, text: &str) -> bool {
        apart::is_apart(self, text.as_bytes())
    }

    /// Whether it has one spelling only.
    fn is_plain(&self) -> bool {
        !self.has_german() && !self.has_written()
    }

    fn has_written(&self) -> bool {
        !self.written.folded.is_empty()
    }

    fn has_german(&self) -> bool {
        !self.german.folded.is_empty()
    }

    /// The plain form and, where it differs, the German one.
    fn spellings(&self) -> impl Iterator<Item = &Form> {
        std::iter::once(&self.plain).chain(self.has_german().then_some(&self.german))
    }
}

/// What is odd about the spelling of a name, apart from what it is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameFlags {
    /// It has characters that are not seen: zero-width, bidi controls, variation selectors.
    pub zero_width: bool,
    /// A word has letters of several scripts (UTS #39, 5.1; kana with Han and the like are one).
    pub mixed_script: bool,
}

/// A name in one of its spellings.
#[derive(Debug, Default)]
struct Form {
    folded: KeyBuffer,
    own: OwnWords,
}

impl Form {
    /// Takes the own words that the plain form has. Without any when it has not as many words, having been cut at
    /// another place.
    fn follow(&mut self, plain: &Ranges, order: &Order) {
        let words = Ranges::new(&self.folded);
        if words.count() == plain.count() {
            self.own.fill(&self.folded, &words, order);
        } else {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.folded.clear();
        self.own.clear();
    }
}

/// The own words of a name, in order, with a blank between.
#[derive(Debug, Default)]
struct OwnWords {
    text: KeyBuffer,
    ranges: Ranges,
    /// What the words look like at their ends, to tell most of those apart that differ.
    ends: [u16; NAME_WORDS_MAX],
}

impl OwnWords {
    fn fill(&mut self, folded: &[u8], words: &Ranges, order: &Order) {
        self.clear();
        for index in order.indexes() {
            if !self.text.is_empty() {
                self.text.push(b' ');
            }
            self.text.extend_from_slice(folded.get(words.get(index)).unwrap_or_default());
        }
        self.know_words(Ranges::new(&self.text));
    }

    /// Takes note of where the words of the text stand.
    fn know_words(&mut self, ranges: Ranges) {
        for (index, ends) in self.ends.iter_mut().enumerate().take(ranges.count()) {
            *ends = looks::ends_of(self.text.get(ranges.get(index)).unwrap_or_default());
        }
        self.ranges = ranges;
    }

    /// Takes note that the words are looks already.
    fn know_looks(&mut self) {
        for (index, ends) in self.ends.iter_mut().enumerate().take(self.ranges.count()) {
            *ends = looks::ends_of_look(self.text.get(self.ranges.get(index)).unwrap_or_default());
        }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ranges = Ranges::default();
    }

    fn count(&self) -> usize {
        self.ranges.count()
    }

    /// Empty behind the last.
    fn get(&self, index: usize) -> &[u8] {
        self.text.get(self.ranges.get(index)).unwrap_or_default()
    }

    fn last(&self) -> &[u8] {
        self.get(self.count().wrapping_sub(1))
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.count()).map(|index| self.get(index))
    }
}
