//! The exact form of a name: what is left of a spelling that does not show.

use std::sync::LazyLock;

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;

use super::super::KeyBuffer;
use super::folded::{NAME_KEY_BYTES_MAX, compose, cut};
use super::letter::before_decomposition;
use super::table::Table;
use super::words::Words;

/// Writes NFKC of `name`, case-folded, words parted by one blank, to `out`: at most [`NAME_KEY_BYTES_MAX`] bytes of
/// UTF-8, made of as many bytes of the name.
///
/// Marks, punctuation and invisible characters stay. One deviation from NFKC: spacing accents that are typed as
/// apostrophes become one, as in the folded form, because NFKC would part the word there.
pub(super) fn exact(name: &str, out: &mut KeyBuffer) {
    let name = &name[..name.floor_char_boundary(NAME_KEY_BYTES_MAX)];
    out.clear();
    if name.is_ascii() {
        exact_ascii(name, out);
    } else if !exact_by_table(name, out) {
        exact_any(name, out);
    }
    cut(out);
}

fn exact_ascii(name: &str, out: &mut KeyBuffer) {
    out.extend_from_slice(name.as_bytes());
    let bytes = out.as_mut_slice();
    let (mut kept, mut last) = (0, b' ');
    for read in 0..bytes.len() {
        let byte = bytes[read].to_ascii_lowercase();
        let byte = if matches!(byte, b'\t'..=b'\r') { b' ' } else { byte };
        bytes[kept] = byte;
        let keep = byte != b' ' || last != b' ';
        kept += usize::from(keep);
        last = byte;
    }
    out.truncate(if last == b' ' { kept.saturating_sub(1) } else { kept });
}

fn exact_by_table(name: &str, out: &mut KeyBuffer) -> bool {
    let table = &*TABLE;
    let mut words = Words::new(out);
    for character in name.chars() {
        // Only NUL has an entry that looks empty.
        let Some(entry) = table.get(character).filter(|&entry| entry != [0; 4]) else { return false };
        words.push_entry(entry);
    }
    true
}

fn exact_any(name: &str, out: &mut KeyBuffer) {
    out.clear();
    let mut words = Words::new(out);
    each_exact(name.chars(), |character| words.push(character));
    compose(out);
}

/// Calls `emit` with each character of the form before it is composed, a blank for each white space.
fn each_exact(name: impl Iterator<Item = char>, mut emit: impl FnMut(char)) {
    let name = name.map(before_decomposition);
    for character in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(name) {
        // Simple folding after NFKD is full folding but for sharp s; a test beside the folded letters holds that.
        match CaseMapper::new().simple_fold(character) {
            'ß' => ['s', 's'].into_iter().for_each(&mut emit),
            blank if blank.is_whitespace() => emit(' '),
            other => emit(other),
        }
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    Table::new(|character, text| {
        let mut form = KeyBuffer::new();
        each_exact([character].into_iter(), |part| {
            form.extend_from_slice(part.encode_utf8(&mut [0; 4]).as_bytes());
        });
        compose(&mut form);
        text.push_str(str::from_utf8(&form).unwrap_or_default());
    })
});

#[cfg(test)]
mod tests {
    use super::super::table::RANGES;
    use super::*;

    fn of(name: &str) -> String {
        let mut out = KeyBuffer::new();
        exact(name, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn what_does_not_show_is_left_out_and_what_does_stays() {
        for (name, form, other) in [
            ("Ｊｏｈｎ DOE", "john doe", "j0hn doe"),
            (" John\t\u{a0}\u{3000} Doe\r\n", "john doe", "johndoe"),
            ("D'Souza", "d'souza", "dsouza"),
            ("O´Brien", "o'brien", "o brien"),
            ("Jo\u{308}rg Große", "jörg grosse", "jorg grosse"),
            ("Smith,  John (IT)", "smith, john (it)", "smith john it"),
            ("Jo\u{200b}hn", "jo\u{200b}hn", "john"),
            ("П\u{430}ула", "паула", "пaула"),
            ("\u{1}a", "\u{1}a", "a"),
        ] {
            assert_eq!(of(name), form);
            assert_eq!(of(form), form, "a form is its own form");
            assert_ne!(of(other), form);
        }
    }

    #[test]
    fn the_table_says_what_the_rule_says() {
        for (first, count) in RANGES {
            for character in (first..first + count).filter_map(char::from_u32) {
                let name = format!("a{character}b{character} u{character}");
                let (mut table, mut any) = (KeyBuffer::new(), KeyBuffer::new());
                if exact_by_table(&name, &mut table) {
                    exact_any(&name, &mut any);
                    assert_eq!(table, any, "U+{:04X}", character as u32);
                }
            }
        }
    }

    #[test]
    fn ascii_says_what_the_rule_says() {
        for character in '\0'..='\x7f' {
            let name = format!("{character} A{character}b{character}{character} u{character}");
            let mut any = KeyBuffer::new();
            exact_any(&name, &mut any);
            assert_eq!(of(&name).as_bytes(), &any[..], "{character:?}");
        }
    }
}
