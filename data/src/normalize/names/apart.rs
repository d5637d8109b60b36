//! Names that agree in nothing, told apart before one of them is taken apart.
//!
//! Of the people whose names are compared most share no more than a key with the name that is asked for: the same given
//! name, and a family name of as many letters. Where that name has one spelling, and theirs is as
//! [usual](super::plain), the letters at the ends of words tell most of them apart. Each rule wants one of three things:
//! last words that agree; a partner for each of the person's words; or nearly the same letters.

use super::edit::within_one_edit;
use super::looks::ANY_ENDS;
use super::plain::{WordsRead, with_words};
use super::{Name, OwnWords};

/// Whether no rule of [`compare`](super::compare) finds anything between the two; false where only those can tell.
pub(super) fn is_apart(name: &Name, text: &[u8]) -> bool {
    if !name.is_plain() || name.word_count() < 2 {
        return false;
    }
    let own = &name.plain.own;
    let is_apart = with_words(text, |words, _, folded| {
        // The same words may be others' own: a title is one at the ends only.
        name.folded() != folded
            && !may_agree_by_words(own, words, folded)
            && !words.with_own(folded, |text| may_agree_by_letters(own, text, words.count()))
            // What is a title is none of the words.
            && words.are_all_own(folded)
    });
    is_apart.unwrap_or(false)
}

fn may_agree_by_words(own: &OwnWords, words: &WordsRead, folded: &[u8]) -> bool {
    let asked = own.ends.get(..own.count()).unwrap_or_default();
    let is_like = |asked: &u16, ends: u16| *asked == ends || *asked == ANY_ENDS;
    // One word alone agrees by its letters only.
    if words.count() < 2 {
        return false;
    }
    let last = words.ends(folded, words.last_own());
    asked.last().is_some_and(|asked| is_like(asked, last))
        || (0..words.count()).all(|index| {
            let ends = words.ends(folded, index);
            asked.iter().any(|asked| is_like(asked, ends))
        })
}

/// Whether the letters of two names may be the same, or one edit apart.
fn may_agree_by_letters(own: &OwnWords, text: &[u8], word_count: usize) -> bool {
    let asked = &own.text;
    let is_joined = asked.len() - own.count() == text.len() - word_count
        && asked.first() == text.first()
        && asked.last() == text.last();
    is_joined || may_be_one_edit(asked, text)
}

/// Whether two names may be one edit apart, if both are of the length that such names have.
fn may_be_one_edit(a: &[u8], b: &[u8]) -> bool {
    // An edit spoils one end, or none.
    let is_same_end =
        a.first_chunk::<2>() == b.first_chunk::<2>() || a.last_chunk::<2>() == b.last_chunk::<2>();
    is_same_end && within_one_edit(a, b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Name, Reach, compare};

    fn read(text: &str) -> Name {
        let mut name = Name::default();
        name.read(text);
        name
    }

    #[test]
    fn strangers_are_told_apart_at_a_glance_and_near_misses_are_not() {
        let name = read("John Smith");
        let strangers = [
            "Mary Jones",
            "peter miller",
            "Johan Bauer",
            "Jon A. Smit",
            "John Stone",
            "Stone, John",
            "X Y Z",
            "Jochen",
            "John",
        ];
        for stranger in strangers {
            assert!(name.is_apart(stranger), "{stranger}");
        }
        let near =
            ["Smith John", "Smith, J0hn", "Doe Smith", "JohnSmith", "Jonh Smith", "Johns Mith", "J. Smith"];
        for near in near {
            assert!(!name.is_apart(near), "{near}");
        }
        // Only the long way tells what these are.
        for odd in ["Mary Jones Jr", "Dr Mary Jones", "Mary (IT) Jones", "M\u{e4}ry Jones", ""] {
            assert!(!name.is_apart(odd), "{odd}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn who_is_apart_agrees_by_no_rule(
            words in prop::collection::vec(prop::sample::select(vec![
                "john", "j0hn", "Jon", "J", "srnith", "Smith", "smyth", "ann", "o", "dr", "jr", "ph", "d", "via", "M\u{fc}ller",
                "\u{43e}leg", "mueller", "mith", "johns", "bob", "robert",
            ]), 1..5),
            others in prop::collection::vec("[a-cJjmos]{1,4}[,.]?", 1..5), edit in 0..12_usize, letter in "[a-cjmor ]?",
        ) {
            let (words, others) = (words.join(" "), others.join(" "));
            let edited = |text: &str| {
                let left = text.chars().take(edit).chain(letter.chars()).chain(text.chars().skip(edit + 1));
                left.collect::<String>()
            };
            let texts = [edited(&words), edited(&others), words.replace(' ', ""), format!("{words} {others}"), words, others];
            let names = texts.each_ref().map(|text| read(text));
            for name in &names {
                for (other, text) in names.iter().zip(&texts) {
                    if name.is_apart(text) {
                        prop_assert_eq!(compare(name, other, Reach::Vip), None, "{:?} {:?}", name.canonical(), text);
                    }
                }
            }
        }
    }
}
