//! The folded key of a name, and its German form.
//!
//! One pass: invisible characters off → NFKD → per character case fold, drop, blank or spell out → words joined by
//! single blanks → NFC, so that Hangul keys are syllables and not three times as long.
//!
//! # Trade-offs
//!
//! - **All nonspacing marks go**, as the rule says: right for Latin, Greek, Cyrillic, Hebrew and Arabic. It also drops
//!   vowel signs of Indic scripts and Thai and the voicing marks of kana, so a few different names share a folded key
//!   there. A match says that it was a folded one; the name as given stays in the record.
//! - **Two paths, one rule.** ASCII goes through a byte table in place. Composed Latin, Greek and Cyrillic letters and
//!   typographic punctuation go through a table that the general path fills on first use: it cannot say otherwise.
//! - **German only.** `å → aa` and `ø → oe` are as customary in Danish, but would give every such name a third key.

use std::sync::LazyLock;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::super::{KeyBuffer, Sink};
use super::letter::{self, Folded};
use super::table::Table;
use super::words::Words;

/// Longest name key in bytes, and how much of a name is read for one: of a longer name the key is made from its first
/// 1,024 bytes (less up to three, where the cut would split a character).
pub const NAME_KEY_BYTES_MAX: usize = 1024;

/// Writes the folded key of `name` to `out`: NFKC, full case fold, no marks, no apostrophes, no invisible characters,
/// punctuation and symbols as blanks, `ø → o`, `ß → ss` and their like, words parted by one blank.
///
/// Empty when nothing is left (`"—"`, `"🚀"`): such a name has no key. A key is its own key.
///
/// ```
/// use persondb_data::normalize::{KeyBuffer, folded_name};
/// let mut out = KeyBuffer::new();
/// folded_name("  Ｊｅａｎ-Łuc\tD’ÉTÉ ", &mut out);
/// assert_eq!(&out[..], b"jean luc dete");
/// ```
pub fn folded_name(name: &str, out: &mut KeyBuffer) {
    fold(name, Form::Plain, out);
}

/// Writes the German form of the folded key to `out`: `ä → ae`, `ö → oe`, `ü → ue` (`ß → ss` is in both).
///
/// False, and `out` empty, when that is the folded key itself; then there is nothing more to index or look up.
///
/// ```
/// use persondb_data::normalize::{KeyBuffer, german_form};
/// let mut out = KeyBuffer::new();
/// assert!(german_form("Jürgen Müller", &mut out));
/// assert_eq!(&out[..], b"juergen mueller");
/// assert!(!german_form("Zoë Muller", &mut out));
/// ```
#[must_use]
pub fn german_form(name: &str, out: &mut KeyBuffer) -> bool {
    if name.is_ascii() || !name.chars().any(may_be_umlaut) {
        out.clear();
        return false;
    }
    let mut plain = KeyBuffer::new();
    fold(name, Form::Plain, &mut plain);
    german_form_beside(name, &plain, out)
}

/// [`german_form`] of a name whose `folded` key is at hand.
pub(super) fn german_form_beside(name: &str, folded: &[u8], out: &mut KeyBuffer) -> bool {
    out.clear();
    if name.is_ascii() || !name.chars().any(may_be_umlaut) {
        return false;
    }
    fold(name, Form::German, out);
    let differs = folded != &out[..];
    if !differs {
        out.clear();
    }
    differs
}

/// Which letters an umlaut becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Its base letter.
    Plain,
    /// Its base letter and an e.
    German,
}

fn fold(name: &str, form: Form, out: &mut KeyBuffer) {
    let name = &name[..name.floor_char_boundary(NAME_KEY_BYTES_MAX)];
    out.clear();
    if name.is_ascii() {
        fold_ascii(name, out);
    } else if !fold_by_table(name, form, out) {
        fold_any(name, form, out);
    }
    cut(out);
}

/// In place, because the key is never longer than the name: each byte is written and then kept or not.
fn fold_ascii(name: &str, out: &mut KeyBuffer) {
    out.extend_from_slice(name.as_bytes());
    let bytes = out.as_mut_slice();
    let (mut kept, mut last) = (0, b' ');
    for read in 0..bytes.len() {
        let byte = letter::ASCII[usize::from(bytes[read] & 0x7f)];
        bytes[kept] = byte;
        let keep = byte != 0 && (byte != b' ' || last != b' ');
        kept += usize::from(keep);
        last = if keep { byte } else { last };
    }
    if last == b' ' {
        kept = kept.saturating_sub(1);
    }
    out.truncate(kept);
}

/// Character by character from the table. False, with anything in `out`, when one is not in it.
fn fold_by_table(name: &str, form: Form, out: &mut KeyBuffer) -> bool {
    let table = match form {
        Form::Plain => &*PLAIN,
        Form::German => &*GERMAN,
    };
    let mut words = Words::new(out);
    for character in name.chars() {
        let Some(entry) = table.get(character) else { return false };
        words.push_entry(entry);
    }
    true
}

/// The rule itself, for any text.
fn fold_any(name: &str, form: Form, out: &mut KeyBuffer) {
    out.clear();
    let mut words = Words::new(out);
    let mut greatest = '\0';
    each_folded(name.chars(), form, |character| {
        greatest = greatest.max(character);
        words.push(character);
    });
    // Dropped marks and blanks can bring characters together that compose, or that stand in another canonical order.
    // All of those are from U+0300 on.
    if greatest >= '\u{300}' {
        compose(out);
    }
}

/// Calls `emit` with each character of the key, a blank for each end of a word (not collapsed).
fn each_folded(name: impl Iterator<Item = char>, form: Form, mut emit: impl FnMut(char)) {
    // Invisible characters go first: behind one, a mark would not reach its letter.
    let visible =
        name.filter(|&character| !letter::is_invisible(character)).map(letter::before_decomposition);
    let mut base_takes_umlaut = false;
    for character in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(visible) {
        match letter::folded(character) {
            Folded::Mark('\u{308}') if base_takes_umlaut => {
                emit('e');
                base_takes_umlaut = false;
            }
            Folded::Mark(_) => {}
            other => {
                base_takes_umlaut = form == Form::German && matches!(other, Folded::Letter('a' | 'o' | 'u'));
                match other {
                    Folded::Blank => emit(' '),
                    Folded::Letter(letter) => emit(letter),
                    Folded::Letters(letters) => letters.chars().for_each(&mut emit),
                    Folded::Nothing | Folded::Mark(_) => {}
                }
            }
        }
    }
}

/// Puts the key into NFC.
pub(super) fn compose(out: &mut KeyBuffer) {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let mut composed = KeyBuffer::new();
    match str::from_utf8(out) {
        Ok(text) if !nfc.is_normalized(text) => {
            // A buffer takes everything, so this cannot fail.
            let _ = nfc.normalize_to(text, &mut Sink(&mut composed));
        }
        _ => return,
    }
    out.clear();
    out.extend_from_slice(&composed);
}

/// Keeps the key within its limit. A prefix of an NFC text is NFC, so what is left is still its own key.
pub(super) fn cut(out: &mut KeyBuffer) {
    if out.len() > NAME_KEY_BYTES_MAX {
        let is_boundary = |&at: &usize| out[at] & 0b1100_0000 != 0b1000_0000;
        let end = (0..=NAME_KEY_BYTES_MAX).rev().find(is_boundary).unwrap_or(0);
        out.truncate(end);
        if out.last() == Some(&b' ') {
            out.pop();
        }
    }
}

static PLAIN: LazyLock<Table> = LazyLock::new(|| new_table(Form::Plain));
static GERMAN: LazyLock<Table> = LazyLock::new(|| new_table(Form::German));

fn new_table(form: Form) -> Table {
    Table::new(|character, text| each_folded([character].into_iter(), form, |part| text.push(part)))
}

/// Whether a character can make a name's German form another: a composed umlaut, or a diaeresis by itself (U+0344 has
/// one in it). Never false for one that does.
fn may_be_umlaut(character: char) -> bool {
    match PLAIN.get(character) {
        Some(plain) => GERMAN.get(character) != Some(plain),
        None => matches!(character, '\u{308}' | '\u{344}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(name: &str) -> String {
        let mut out = KeyBuffer::new();
        folded_name(name, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn german(name: &str) -> Option<String> {
        let mut out = KeyBuffer::new();
        german_form(name, &mut out).then(|| String::from_utf8(out.to_vec()).unwrap())
    }

    #[test]
    fn each_rule_joins_what_it_should_and_keeps_a_near_miss_apart() {
        for (rule, name, key, other) in [
            ("case", "JOHN Doe", "john doe", "john do"),
            ("compatibility", "Ｊｏｈｎ 𝐃𝐨𝐞", "john doe", "j0hn doe"),
            ("compatibility", "ﬁona ℌale", "fiona hale", "fona hale"),
            ("white space", " \tJohn\u{a0}\u{3000} Doe\r\n", "john doe", "johndoe"),
            ("controls", "John\0Doe\u{85}", "john doe", "johndoe"),
            ("zero-width", "Jo\u{200b}h\u{feff}n\u{2060} Doe", "john doe", "jo hn doe"),
            ("bidi", "\u{202e}John\u{202c} \u{2067}Doe\u{2069}", "john doe", "eod nhoj"),
            ("variation selectors", "J\u{fe0f}ohn\u{e0101} Doe", "john doe", "johnn doe"),
            ("format controls", "\u{fff9}John\u{fffb} Doe", "john doe", "jo\u{fffc}hn doe"),
            ("soft hyphen", "John\u{ad}son", "johnson", "john-son"),
            ("marks", "René Šimůnková", "rene simunkova", "rena simunkova"),
            ("marks", "e\u{301}e\u{323}\u{302}", "ee", "e e"),
            ("marks", "Nguyễn Thị Đào", "nguyen thi dao", "nguyen thi tao"),
            ("marks, Greek", "ΆΡΗΣ", "αρησ", "ορησ"),
            ("marks, Cyrillic", "Йод Ёлкин", "иод елкин", "под елкин"),
            ("marks, Hebrew", "שָׁלוֹם", "שלום", "שלו"),
            ("full folding", "Straße ẞ ŉ", "strasse ss n", "strase ss n"),
            ("full folding", "ᾼ ᾳ", "αι αι", "α α"),
            ("spelled out", "Søren Łukasz Đorđe Æsa Œ Þór", "soren lukasz dorde aesa oe thor", "soeren"),
            ("Turkish", "İnci Işık", "inci isik", "lnci isik"),
            ("Hausa, Maltese", "Ɓala Ħal", "bala hal", "pala hal"),
            ("apostrophes", "O'Brien", "obrien", "O Brien"),
            (
                "apostrophes",
                "O’Brien O‘B OʼB O`B O´B O＇B O′B",
                "obrien ob ob ob ob ob ob",
                "o brien ob ob ob ob ob ob",
            ),
            ("apostrophes", "Saʻid Šaʿbān Qurʾān \u{a78b}", "said saban quran", "sa id saban quran"),
            ("punctuation", "Jean-Luc D. Smith, Jr.", "jean luc d smith jr", "jeanluc d smith jr"),
            ("punctuation", "_John_—(Doe)…", "john doe", "john doe e"),
            ("punctuation", "ナカ・タ", "ナカ タ", "ナカタ"),
            ("symbols", "★ John | Doe ★ 🚀", "john doe", "john l doe"),
            ("digits", "Louis ⅩⅣ ２", "louis xiv 2", "louis xvi 2"),
            ("Hangul stays syllables", "김\u{1100}\u{1161}", "김가", "김까"),
            ("Han", "王 小明", "王 小明", "王小明"),
            ("replacement", "J\u{fffd}hn", "j hn", "jhn"),
        ] {
            assert_eq!(folded(name), key, "{rule}");
            assert_eq!(folded(key), key, "{rule}: a key is its own key");
            assert_ne!(folded(other), key, "{rule}");
        }
    }

    #[test]
    fn names_of_nothing_have_an_empty_key() {
        for name in ["", " ", "—", "🚀", "''", "\u{200b}", "\u{301}", ". , ;", "\u{3164}"] {
            assert_eq!(folded(name), "", "{name:?}");
            assert_eq!(german(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_german_form_spells_umlauts_and_nothing_else() {
        for (name, key) in [
            ("Jürgen Groß", "juergen gross"),
            ("JÄGER", "jaeger"),
            ("Jo\u{308}rg", "joerg"),
            ("Jo\u{200d}\u{308}rg", "joerg"),
            ("Ｊｏ\u{308}ｒｇ", "joerg"),
            ("Ǖ u\u{323}\u{308}", "ue ue"),
            ("Ö'Ü", "oeue"),
            ("王ü", "王ue"),
            ("o\u{344}", "oe"),
        ] {
            assert_eq!(german(name).as_deref(), Some(key), "{name}");
            assert_eq!(german(key), None, "nothing is left to spell: {name}");
        }
        for name in [
            "Jurgen Gross",
            "Groß",
            "Zoë Brontë",
            "Åse Ærø",
            "Ñandú",
            "Ő",
            "王小明",
            "æ\u{308}",
            "a \u{308}",
            "o'\u{308}",
        ] {
            assert_eq!(german(name), None, "{name}");
        }
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        assert_eq!(folded(&"a".repeat(1024)).len(), 1024);
        assert_eq!(folded(&"a".repeat(5000)).len(), 1024);
        assert_ne!(folded(&"a".repeat(1023)), folded(&"a".repeat(1024)));
        assert_eq!(folded(&format!("a{}", "王".repeat(400))).len(), 1 + 341 * 3);
        assert_eq!(folded(&format!("{} b", "a".repeat(1023))), "a".repeat(1023));
        // One character of three bytes that becomes 33: the key is cut as well, and is still its own key.
        let key = folded(&"\u{fdfa}".repeat(341));
        assert!(key.len() <= NAME_KEY_BYTES_MAX && key.len() > NAME_KEY_BYTES_MAX - 4);
        assert_eq!(folded(&key), key);
        // An umlaut beyond what is kept makes no other key.
        assert_eq!(german(&format!("{}ü", "\u{fdfa}".repeat(340))), None);
        assert!(german(&format!("ü{}", "\u{fdfa}".repeat(340))).is_some());
    }

    #[test]
    fn the_table_says_what_the_rule_says() {
        for (first, count) in super::super::table::RANGES {
            for character in (first..first + count).filter_map(char::from_u32) {
                for form in [Form::Plain, Form::German] {
                    let name = format!("a{character}b{character} u{character}");
                    let (mut table, mut any) = (KeyBuffer::new(), KeyBuffer::new());
                    assert!(fold_by_table(&name, form, &mut table), "U+{first:04X}: no entry");
                    fold_any(&name, form, &mut any);
                    assert_eq!(table, any, "U+{:04X}", character as u32);
                }
            }
        }
    }
}
