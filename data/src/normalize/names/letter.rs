//! What one character becomes in a folded name.

use icu_casemap::CaseMapper;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The part of a name key that one character makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folded {
    /// Nothing, and what stands around it stays together: apostrophes, invisible characters.
    Nothing,
    /// Nothing; a mark on the letter before it.
    Mark(char),
    /// The end of a word.
    Blank,
    /// Itself, case-folded.
    Letter(char),
    /// Other letters, which stand for it where it cannot be typed.
    Letters(&'static str),
}

/// What becomes of `character`, one of a name in NFKD.
///
/// Simple case folding is enough here: of the characters with a longer folding only `ß` is left after NFKD, and it is
/// in the table of letters (a test goes through all of them).
pub(super) fn folded(character: char) -> Folded {
    if character.is_ascii() {
        return match ASCII[character as usize] {
            0 => Folded::Nothing,
            b' ' => Folded::Blank,
            byte => Folded::Letter(char::from(byte)),
        };
    }
    let character = CaseMapper::new().simple_fold(character);
    if is_apostrophe(character) {
        return Folded::Nothing;
    }
    if let Some(letters) = spelled_out(character) {
        return Folded::Letters(letters);
    }
    match CodePointMapData::<GeneralCategory>::new().get(character) {
        GeneralCategory::NonspacingMark => Folded::Mark(character),
        GeneralCategory::Format => Folded::Nothing,
        category if WORD_ENDS.contains(category) => Folded::Blank,
        _ => Folded::Letter(character),
    }
}

/// A character that NFKD would take apart although it is used as an apostrophe becomes one: `O´Brien`.
///
/// U+1FFD is canonically equivalent to U+00B4 and so has to go with it.
pub(super) fn before_decomposition(character: char) -> char {
    match character {
        '\u{b4}' | '\u{1ffd}' | '\u{1fbd}' => '\'',
        other => other,
    }
}

/// Whether a character is invisible by Unicode's own list: zero-width, bidi controls, variation selectors, fillers.
pub(super) fn is_invisible(character: char) -> bool {
    // U+00AD is the first; most names end here.
    character >= '\u{ad}' && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// By ASCII byte: lower case, a blank, or 0 for nothing.
pub(super) const ASCII: [u8; 128] = {
    let mut table = [b' '; 128];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table[b'\'' as usize] = 0;
    table[b'`' as usize] = 0;
    table
};

/// Symbols count as punctuation: `Jane | Sales`, `★ Jane ★`.
const WORD_ENDS: GeneralCategoryGroup = GeneralCategoryGroup::Punctuation
    .union(GeneralCategoryGroup::Symbol)
    .union(GeneralCategoryGroup::Separator)
    .union(GeneralCategoryGroup::Control);

/// Every kind of single quote, prime and modifier letter that people type inside a name.
fn is_apostrophe(character: char) -> bool {
    matches!(
        character,
        '\u{2018}' | '\u{2019}' | '\u{201b}'         // quotation marks
            | '\u{2b9}' | '\u{2bb}'
            ..='\u{2bf}'      // modifier letters: soft sign, okina, hamza, ain
            | '\u{2032}' | '\u{2035}'                // primes
            | '\u{55a}' | '\u{5f3}'                  // Armenian, Hebrew
            | '\u{7f4}' | '\u{7f5}'                  // N'Ko
            | '\u{a78c}' // saltillo
    )
}

/// Letters without a decomposition, by the letters that stand for them in mail and passports. Latin only: other
/// scripts have no such custom.
fn spelled_out(character: char) -> Option<&'static str> {
    Some(match character {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' | 'ɗ' => "d",
        'ħ' => "h",
        'ı' | 'ɨ' => "i",
        'ȷ' => "j",
        'ŋ' => "n",
        'ŧ' => "t",
        'ĸ' => "q",
        'ɓ' | 'ƀ' => "b",
        'ƙ' => "k",
        'ƴ' => "y",
        'ǥ' => "g",
        'ƶ' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizerBorrowed;

    use super::*;

    #[test]
    fn simple_folding_after_nfkd_is_full_folding_but_for_sharp_s() {
        let (case, nfkd) = (CaseMapper::new(), DecomposingNormalizerBorrowed::new_nfkd());
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let decomposed = nfkd.normalize(&text);
            let simple: String = decomposed.chars().map(|part| case.simple_fold(part)).collect();
            assert_eq!(
                simple.replace('ß', "ss"),
                case.fold_string(&decomposed),
                "U+{:04X}",
                character as u32
            );
            assert!(nfkd.is_normalized(&simple), "U+{:04X}: folding left NFKD", character as u32);
        }
    }

    #[test]
    fn what_a_character_becomes_becomes_itself() {
        for character in '\0'..=char::MAX {
            match folded(character) {
                Folded::Letter(letter) => assert_eq!(folded(letter), Folded::Letter(letter)),
                Folded::Letters(letters) => assert!(letters.bytes().all(|byte| byte.is_ascii_lowercase())),
                Folded::Nothing | Folded::Mark(_) | Folded::Blank => {}
            }
        }
    }
}
