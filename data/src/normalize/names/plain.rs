//! The short way to take a name apart: usual names in ASCII, [sixteen bytes at a time](super::marked) or in one pass.
//!
//! | name | read here |
//! |---|---|
//! | `John Doe`, `Mary-Ann O'Neil`, `Doe, John Q.` | yes |
//! | names with titles, brackets, several commas, "via …", other letters, or of more than 64 bytes | no |
//!
//! What is not as usual goes the long way through [`exact`](super::exact), [`fold`](super::folded) and
//! [`own_words`](super::parts), and the two make the same of what both can read: a test holds that.

use super::Name;
use super::looks::ends_of_bytes;
use super::marked::{MARKED_BYTES_MAX, Marked};
use super::parts::{NAME_WORDS_MAX, Ranges};
use super::titles::{is_particle, leads_away, post_nominal, title};

/// Longest name that is read here.
const NAME_BYTES_MAX: usize = MARKED_BYTES_MAX;

/// What becomes of a byte: itself in lower case, or one of those below.
const CLASSES: [u8; 256] = {
    let mut classes = [UNUSUAL; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            classes[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    classes[b' ' as usize] = BLANK;
    classes[b'\'' as usize] = NOTHING;
    classes[b'.' as usize] = WORD_END;
    classes[b'-' as usize] = WORD_END;
    classes[b',' as usize] = COMMA;
    classes
};
const UNUSUAL: u8 = 0;
const BLANK: u8 = 1;
const NOTHING: u8 = 2;
const WORD_END: u8 = 3;
const COMMA: u8 = 4;

/// Bytes of a name, one for each that it has at most.
#[derive(Clone, Copy)]
struct Bytes {
    bytes: [u8; NAME_BYTES_MAX],
    size: u16,
}

impl Bytes {
    const EMPTY: Self = Self { bytes: [0; NAME_BYTES_MAX], size: 0 };

    #[inline]
    fn push(&mut self, byte: u8) {
        // There is room: nothing is pushed twice for one byte of the name, but for blanks, which stand for one.
        if let Some(place) = self.bytes.get_mut(usize::from(self.size)) {
            *place = byte;
            self.size += 1;
        }
    }

    #[inline]
    fn extend(&mut self, text: &[u8]) {
        let end = self.size + u16::try_from(text.len()).unwrap_or(u16::MAX);
        if let Some(place) = self.bytes.get_mut(usize::from(self.size)..usize::from(end)) {
            place.copy_from_slice(text);
            self.size = end;
        }
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.size)).unwrap_or_default()
    }
}

/// Takes `text` apart into `name`; false, with anything in it, if it is not as usual.
pub(super) fn read_plain(text: &str, name: &mut Name) -> bool {
    with_words(text.as_bytes(), |words, exact, folded| words.finish(exact, folded, name)).unwrap_or(false)
}

/// Runs `work` with the words of a name, its exact and its folded form; `None` if it is not as usual.
#[inline]
pub(super) fn with_words<R>(text: &[u8], work: impl FnOnce(&WordsRead, &[u8], &[u8]) -> R) -> Option<R> {
    if let Some(marked) = Marked::of(text) {
        if marked.is_bare() {
            return Some(work(&WordsRead::of_bare(&marked), marked.text(), marked.text()));
        }
        let mut folded = Bytes::EMPTY;
        let words = WordsRead::of_marked(&marked, &mut folded);
        return Some(work(&words, marked.text(), folded.get()));
    }
    if text.len() > NAME_BYTES_MAX {
        return None;
    }
    let (mut exact, mut folded) = (Bytes::EMPTY, Bytes::EMPTY);
    let mut words = WordsRead::default();
    words.read(text, &mut exact, &mut folded).then(|| work(&words, exact.get(), folded.get()))
}

/// Where the words of the folded form stand, and how many of them before the comma; 0 without one.
#[derive(Default)]
pub(super) struct WordsRead {
    at: [(u16, u16); NAME_WORDS_MAX],
    count: usize,
    before_comma: usize,
}

impl WordsRead {
    /// The words of a bare name, whose exact and folded form are one.
    #[inline]
    fn of_bare(bare: &Marked) -> Self {
        let mut words = Self { count: bare.word_count(), ..Self::default() };
        for (place, word) in words.at.iter_mut().zip(bare.words()) {
            *place = word;
        }
        words
    }

    /// The words of any that is marked.
    fn of_marked(marked: &Marked, folded: &mut Bytes) -> Self {
        let (count, before_comma) = (marked.word_count(), marked.count_before_comma());
        let mut words = Self { count, before_comma, ..Self::default() };
        for (place, (start, end)) in words.at.iter_mut().zip(marked.words()) {
            if folded.size > 0 {
                folded.push(b' ');
            }
            let start_in_folded = folded.size;
            folded.extend(marked.text().get(usize::from(start)..usize::from(end)).unwrap_or_default());
            *place = (start_in_folded, folded.size);
        }
        words
    }

    /// Reads a name with apostrophes or odd blanks; false for what is not as usual.
    fn read(&mut self, text: &[u8], exact: &mut Bytes, folded: &mut Bytes) -> bool {
        let (mut blank_due, mut in_word) = (false, false);
        for &byte in text {
            let class = CLASSES[usize::from(byte)];
            if class == BLANK {
                blank_due = exact.size > 0;
                in_word = false;
                continue;
            }
            if blank_due {
                exact.push(b' ');
                blank_due = false;
            }
            exact.push(if class > COMMA { class } else { byte });
            match class {
                UNUSUAL => return false,
                NOTHING => {}
                WORD_END => in_word = false,
                COMMA => {
                    if self.count == 0 || self.before_comma != 0 {
                        return false;
                    }
                    in_word = false;
                    self.before_comma = self.count;
                }
                letter => {
                    if !in_word {
                        if self.count == NAME_WORDS_MAX {
                            return false;
                        }
                        if self.count > 0 {
                            folded.push(b' ');
                        }
                        self.at[self.count] = (folded.size, 0);
                        self.count += 1;
                        in_word = true;
                    }
                    folded.push(letter);
                    self.at[self.count - 1].1 = folded.size;
                }
            }
        }
        self.count > 0
    }

    /// Makes the name of what was read, unless a word in it may be none of its own.
    fn finish(&self, exact: &[u8], folded: &[u8], name: &mut Name) -> bool {
        if !self.are_all_own(folded) {
            return false;
        }
        name.exact.clear();
        name.exact.extend_from_slice(exact);
        name.plain.folded.clear();
        name.plain.folded.extend_from_slice(folded);
        self.fill_own(folded, name);
        name.german.clear();
        name.written.clear();
        true
    }

    fn get<'f>(&self, folded: &'f [u8], index: usize) -> &'f [u8] {
        let (start, end) = self.at[index % NAME_WORDS_MAX];
        folded.get(usize::from(start)..usize::from(end)).unwrap_or_default()
    }

    /// Whether no word can be anything but the name's own: none at the end of a part may be a title.
    pub(super) fn are_all_own(&self, folded: &[u8]) -> bool {
        let word = |index: usize| self.get(folded, index);
        let is_part_own = |first: usize, last: usize| {
            // Ph.D. may be one.
            let is_usual = |end: &[u8]| title(end).is_none() && post_nominal(end).is_none() && end != b"d";
            title(word(first)).is_none() && is_usual(word(last))
        };
        let last = self.count - 1;
        if (2..last).any(|index| leads_away(word(index))) {
            return false;
        }
        match self.before_comma {
            0 => is_part_own(0, last),
            // A comma at the end parts nothing.
            first if first == self.count => false,
            first => {
                let is_spelled = (first..=last).all(|index| word(index).len() == 1) && last > first;
                is_part_own(0, first - 1)
                    && is_part_own(first, last)
                    && !is_spelled
                    && !is_particle(word(first))
            }
        }
    }

    /// Own words are all of them, those behind the comma first.
    fn fill_own(&self, folded: &[u8], name: &mut Name) {
        let own = &mut name.plain.own;
        own.clear();
        if self.before_comma == 0 {
            own.text.extend_from_slice(folded);
            own.know_words(Ranges::of_words(self.at, self.count));
            return;
        }
        self.with_own(folded, |text| own.text.extend_from_slice(text));
        own.know_words(Ranges::new(&own.text));
    }

    /// Runs `work` with the words in their order, parted by blanks, as far as all are own ones.
    #[inline]
    pub(super) fn with_own<R>(&self, folded: &[u8], work: impl FnOnce(&[u8]) -> R) -> R {
        if self.before_comma == 0 {
            return work(folded);
        }
        let mut own = Bytes::EMPTY;
        for index in (self.before_comma..self.count).chain(0..self.before_comma) {
            if own.size > 0 {
                own.push(b' ');
            }
            own.extend(self.get(folded, index));
        }
        work(own.get())
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Number of the word that is last where all are own ones.
    pub(super) fn last_own(&self) -> usize {
        match self.before_comma {
            0 => self.count - 1,
            before_comma => before_comma - 1,
        }
    }

    /// What the word looks like at its ends.
    #[inline]
    pub(super) fn ends(&self, folded: &[u8], index: usize) -> u16 {
        let (start, end) = self.at[index % NAME_WORDS_MAX];
        let byte = |at: u16| folded.get(usize::from(at)).copied().unwrap_or_default();
        ends_of_bytes(byte(start), byte(end.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that a name is made of.
    fn parts(name: &Name) -> [Vec<u8>; 7] {
        let words = name.plain.own.iter().collect::<Vec<_>>().join(&b'|');
        let own = [&name.plain, &name.german, &name.written].map(|form| form.own.text.to_vec());
        let [plain, german, written] = own;
        [
            name.exact.to_vec(),
            name.plain.folded.to_vec(),
            words,
            plain,
            german,
            written,
            name.german.folded.to_vec(),
        ]
    }

    fn agrees(text: &str) -> bool {
        let (mut short, mut long) = (Name::default(), Name::default());
        // What was read before leaves nothing behind.
        short.read("Müller, Иван ΝΙΚΟΣ Jr.");
        let is_plain = read_plain(text, &mut short);
        long.read_any(text);
        assert!(!is_plain || parts(&short) == parts(&long), "{text:?}: {short:?} {long:?}");
        is_plain
    }

    #[test]
    fn usual_names_are_read_the_short_way_and_others_are_not() {
        for usual in
            ["John Doe", "Doe, John", " Mary-Ann  O'Neil ", "doe,john q.", "A. B. C", "X", "J0hn 'Doe'"]
        {
            assert!(agrees(usual), "{usual}");
        }
        for other in [
            "",
            " ",
            "-",
            "Dr. John Doe",
            "John Doe Jr",
            "Doe, John, Jr.",
            "Doe, M. D.",
            "Berg, van",
            ", John",
        ] {
            assert!(!agrees(other), "{other}");
        }
        for other in
            ["John (IT) Doe", "J\u{f6}rg Doe", "Doe,", "John Doe via Corp Ltd", "a\tb", &"a".repeat(65)]
        {
            assert!(!agrees(other), "{other}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn the_short_way_makes_what_the_long_one_makes(
            words in prop::collection::vec(prop::sample::select(vec![
                "John", "van", "de", "Dr", "DR.", "Mag", "Jr", "Ph", "D", "h", "c.", "M", "B", "A", "via", "from", "O'Neil", "'",
                "-", ".", ",", ",", "a", "Doe", "x1",
            ]), 0..9),
            blanks in prop::collection::vec(0..3_usize, 9),
            any in "[A-Da-d ,.'-]{0,40}", odd in ".{0,20}",
        ) {
            let mut text = String::new();
            for (word, blanks) in words.iter().zip(&blanks) {
                text.push_str(word);
                text.push_str(&" ".repeat(*blanks));
            }
            agrees(&text);
            agrees(&any);
            agrees(&odd);
        }
    }
}
