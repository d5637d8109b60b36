//! What a word looks like: the skeleton of UTS #39, case-folded, with `i` as `l`.
//!
//! Taken of the folded word, and of the word as it was written where that has capitals that are not ASCII: the Cyrillic
//! В looks like B, but в does not look like b.

use std::sync::LazyLock;

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;
use smallvec::SmallVec;
use unicode_security::confusable_detection::skeleton;

use super::super::KeyBuffer;
use super::folded::{NAME_KEY_BYTES_MAX, cut, folded_name};
use super::letter::{self, Folded};
use super::table::Table;
use super::words::Words;

/// Longest look in bytes; what a longer word looks like is cut there. Nobody's name has a word as long.
pub(super) const LOOK_BYTES_MAX: usize = 128;

/// What a word looks like, in letters of the scripts that look alike: UTF-8, save for a cut at the end.
#[derive(Clone, Copy)]
pub(super) struct Look {
    bytes: [u8; LOOK_BYTES_MAX],
    len: usize,
}

impl Look {
    /// Of a folded `word`: equal for words that cannot be told apart by eye.
    pub(super) fn new(word: &[u8]) -> Self {
        let mut look = Self { bytes: [0; LOOK_BYTES_MAX], len: 0 };
        each_byte(word, |byte| look.push(byte));
        look
    }

    /// The same, with the German spelling of umlauts undone: each e behind a, o and u is left out.
    ///
    /// Words that look alike, or are the same in plain or German form, have the same bytes here; so do a few more
    /// (`Samuel`, `Samul`). For hashing only.
    pub(super) fn for_hashing(word: &[u8]) -> Self {
        let mut look = Self { bytes: [0; LOOK_BYTES_MAX], len: 0 };
        if word.len() <= LOOK_BYTES_MAX / 2 && word.is_ascii() {
            look.read_for_hashing(word);
        } else {
            each_byte(word, |byte| look.push_for_hashing(byte));
        }
        look
    }

    /// What [`for_hashing`](Self::for_hashing) makes of a word that looks like `look`.
    pub(super) fn of_look_for_hashing(look: &[u8]) -> Self {
        let mut hashing = Self { bytes: [0; LOOK_BYTES_MAX], len: 0 };
        for &byte in look {
            hashing.push_for_hashing(byte);
        }
        hashing
    }

    /// Whether a word that looks like `look` cannot be told from this one. Of a look that was cut, nothing can be said.
    pub(super) fn is(&self, look: &[u8]) -> bool {
        self.len < LOOK_BYTES_MAX && self.bytes() == look
    }

    /// [`push_for_hashing`](Self::push_for_hashing) of [`each_byte`], for ASCII that has room even were all of it m.
    fn read_for_hashing(&mut self, word: &[u8]) {
        let (mut len, mut last) = (0, 0);
        for &byte in word {
            let look = END_LOOKS[usize::from(byte)];
            if look == b'e' && matches!(last, b'a' | b'o' | b'u') {
                continue;
            }
            last = look;
            if look == b'm' {
                last = b'n';
                self.bytes[len] = b'r';
                len += 1;
            }
            self.bytes[len] = last;
            len += 1;
        }
        self.len = len;
    }

    fn push_for_hashing(&mut self, byte: u8) {
        if byte != b'e' || !matches!(self.bytes().last(), Some(b'a' | b'o' | b'u')) {
            self.push(byte);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

/// Whether two folded words look alike. Words of 64 bytes or more look like themselves only.
#[inline]
pub(super) fn look_alike(a: &[u8], b: &[u8]) -> bool {
    let (a_ends, b_ends) = (ascii_ends(a), ascii_ends(b));
    let may_be = a_ends == b_ends || a_ends == ANY_ENDS || b_ends == ANY_ENDS;
    a == b || may_be && is_same_look(a, b)
}

fn is_same_look(a: &[u8], b: &[u8]) -> bool {
    // A character looks like at most a few others: m is r and n.
    a.len().max(b.len()) < LOOK_BYTES_MAX / 2 && Look::new(a).is(Look::new(b).bytes())
}

/// First and last byte of what a folded word looks like; [`ANY_ENDS`] where they do not tell.
///
/// Words of which both are known and differ do not look alike: that tells nearly all apart that do not.
pub(super) fn ends_of(word: &[u8]) -> u16 {
    match ascii_ends(word) {
        // What has more bytes looks like itself only.
        ANY_ENDS if word.len() < LOOK_BYTES_MAX / 2 => {
            let look = Look::new(word);
            if look.len < LOOK_BYTES_MAX { ends_of_look(look.bytes()) } else { ANY_ENDS }
        }
        ends => ends,
    }
}

/// The same without looking at letters that are not ASCII.
#[inline]
fn ascii_ends(word: &[u8]) -> u16 {
    let (Some(first), Some(last)) = (word.first(), word.last()) else { return ANY_ENDS };
    ends_of_bytes(*first, *last)
}

/// The same of a word with these bytes at its ends.
#[inline]
pub(super) fn ends_of_bytes(first: u8, last: u8) -> u16 {
    let (first, last) = (END_LOOKS[usize::from(first)], END_LOOKS[usize::from(last)]);
    if first == 0 || last == 0 {
        return ANY_ENDS;
    }
    // m is r and n.
    let first = if first == b'm' { b'r' } else { first };
    let last = if last == b'm' { b'n' } else { last };
    u16::from_le_bytes([first, last])
}

/// [`ends_of`] of what is a look itself.
pub(super) fn ends_of_look(look: &[u8]) -> u16 {
    match look {
        [first, .., last] => u16::from_le_bytes([*first, *last]),
        [only] => u16::from_le_bytes([*only, *only]),
        [] => ANY_ENDS,
    }
}

/// The ends of a word that may look like any other.
pub(super) const ANY_ENDS: u16 = 0;

/// What an ASCII byte of a folded word looks like, where that is one; 0 for others.
const END_LOOKS: [u8; 256] = {
    let mut looks = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        looks[byte as usize] = match byte {
            b'0' => b'o',
            b'1' | b'i' => b'l',
            other => other,
        };
        byte += 1;
    }
    looks
};

/// Writes what the words of `name` look like with their capitals to `out`, parted by blanks where those of the folded
/// name are. False, and `out` empty, when all its capitals look like their small letters, as ASCII does.
pub(super) fn looks_as_written(name: &str, out: &mut KeyBuffer) -> bool {
    out.clear();
    let name = &name[..name.floor_char_boundary(NAME_KEY_BYTES_MAX)];
    if name.is_ascii() || !name.chars().any(may_look_otherwise) {
        return false;
    }
    write_looks(name, out);
    cut(out);
    true
}

/// Whether a character may look otherwise as written than when folded. Never false for one that does.
fn may_look_otherwise(character: char) -> bool {
    !character.is_ascii()
        && CAPITALS.get(character).map_or_else(|| character.is_uppercase(), |entry| entry != [0; 4])
}

fn write_looks(name: &str, out: &mut KeyBuffer) {
    let table = &*TABLE;
    let visible =
        name.chars().filter(|&character| !letter::is_invisible(character)).map(letter::before_decomposition);
    let mut words = Words::new(out);
    for character in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(visible) {
        match letter::folded(character) {
            Folded::Nothing | Folded::Mark(_) => {}
            Folded::Blank => words.push(' '),
            Folded::Letter(_) => match table.get(character) {
                Some(entry) => words.push_entry(entry),
                None => each_part(character, |part| words.push(part)),
            },
            Folded::Letters(letters) => {
                letters.chars().for_each(|letter| each_part(letter, |part| words.push(part)));
            }
        }
    }
}

fn each_byte(word: &[u8], mut emit: impl FnMut(u8)) {
    if word.is_ascii() {
        for &byte in word {
            match byte {
                b'0' => emit(b'o'),
                b'1' | b'i' => emit(b'l'),
                b'm' => {
                    emit(b'r');
                    emit(b'n');
                }
                other => emit(other),
            }
        }
        return;
    }
    let table = &*TABLE;
    for character in smoothutf8::from_utf8(word).unwrap_or_default().chars() {
        if let Some(entry) = table.get(character) {
            entry.into_iter().take_while(|&byte| byte != 0).for_each(&mut emit);
        } else {
            each_part(character, |part| part.encode_utf8(&mut [0; 4]).bytes().for_each(&mut emit));
        }
    }
}

/// Calls `emit` with what one `character` looks like, small or capital: its skeleton, case-folded, and again until that
/// is its own (O for 0, then o).
///
/// Character by character is enough for folded words: they have no marks that could change places between two.
fn each_part(character: char, emit: impl FnMut(char)) {
    let mut parts = SmallVec::<[char; 8]>::from_slice(&[character]);
    for _ in 0..ROUNDS_MAX {
        let again: SmallVec<[char; 8]> = parts.iter().flat_map(|&part| skeleton_of(part)).collect();
        if again == parts {
            break;
        }
        parts = again;
    }
    parts.into_iter().map(|part| if part == 'i' { 'l' } else { part }).for_each(emit);
}

/// No character takes more until nothing changes, as a test finds.
const ROUNDS_MAX: usize = 4;

fn skeleton_of(character: char) -> SmallVec<[char; 4]> {
    skeleton(character.encode_utf8(&mut [0; 4])).map(|part| CaseMapper::new().simple_fold(part)).collect()
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| Table::new(|character, text| each_part(character, |part| text.push(part))));

/// Empty for characters that look as written like they do when folded.
static CAPITALS: LazyLock<Table> = LazyLock::new(|| {
    let (mut folded, mut written) = (KeyBuffer::new(), KeyBuffer::new());
    Table::new(|character, text| {
        let mut bytes = [0; 4];
        let name = character.encode_utf8(&mut bytes);
        folded_name(name, &mut folded);
        written.clear();
        write_looks(name, &mut written);
        if Look::new(&folded).bytes() != &written[..] {
            text.push('!');
        }
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    fn look(word: &str) -> String {
        String::from_utf8(Look::new(word.as_bytes()).bytes().to_vec()).unwrap()
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_to_hash_ascii_gives_the_same_bytes(word in "[a-z0-9eioum' -]{0,70}") {
            let mut look = Look { bytes: [0; LOOK_BYTES_MAX], len: 0 };
            each_byte(word.as_bytes(), |byte| look.push_for_hashing(byte));
            let short = Look::for_hashing(word.as_bytes());
            proptest::prop_assert_eq!(short.bytes(), look.bytes());
        }
    }

    #[test]
    fn ascii_looks_as_the_standard_says() {
        for byte in (b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z') {
            let mut expected = String::new();
            each_part(char::from(byte), |part| expected.push(part));
            assert_eq!(look(&char::from(byte).to_ascii_lowercase().to_string()), expected);
        }
    }

    #[test]
    fn words_that_look_alike_are_told_from_those_that_do_not() {
        for (a, b, other) in [
            ("john", "j0hn", "jhon"),
            ("paul", "p\u{430}ul", "paula"),
            ("bill", "b1l1", "bi1"),
            ("mary", "rnary", "nary"),
            ("анна", "aнна", "анка"),
            ("ivan", "lvan", "evan"),
        ] {
            assert!(look_alike(a.as_bytes(), b.as_bytes()), "{a} {b}");
            assert!(!look_alike(a.as_bytes(), other.as_bytes()), "{a} {other}");
        }
    }

    #[test]
    fn the_tables_are_of_the_unicode_version_of_all_keys() {
        let (major, minor, patch) = unicode_security::UNICODE_VERSION;
        let (a, b, c) = super::super::super::UNICODE_VERSION;
        assert_eq!((major, minor, patch), (u64::from(a), u64::from(b), u64::from(c)));
    }

    #[test]
    fn both_spellings_of_an_umlaut_hash_alike() {
        let hashed = |word: &str| Look::for_hashing(word.as_bytes()).bytes().to_vec();
        for (plain, german) in [("muller", "mueller"), ("muer", "mueer"), ("goethe", "gothe")] {
            assert_eq!(hashed(plain), hashed(german));
        }
        assert_ne!(hashed("meller"), hashed("muller"));
    }

    #[test]
    fn capitals_look_like_what_they_are_not_when_small() {
        let mut out = KeyBuffer::new();
        assert!(looks_as_written("Вob  ΝΙСК-Ø", &mut out));
        assert_eq!(str::from_utf8(&out).unwrap(), "bob nlck o");
        for same in ["вob NICK ø", "Łukasz Ünal", "Иван"] {
            assert!(!looks_as_written(same, &mut out), "{same}");
        }
    }

    #[test]
    fn what_a_character_looks_like_looks_like_itself() {
        for character in '\0'..=char::MAX {
            let (mut once, mut twice) = (String::new(), String::new());
            each_part(character, |part| once.push(part));
            once.chars().for_each(|part| each_part(part, |part| twice.push(part)));
            assert_eq!(once, twice, "U+{:04X}", character as u32);
        }
    }

    #[test]
    fn long_words_are_cut_and_look_like_themselves_only() {
        let long = "m".repeat(65);
        assert_eq!(Look::new(long.as_bytes()).bytes().len(), LOOK_BYTES_MAX);
        assert!(!look_alike(long.as_bytes(), "rn".repeat(65).as_bytes()));
    }
}
