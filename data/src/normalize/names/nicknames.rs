//! Short forms of given names.
//!
//! Being nicknames of one another is not transitive: Chris is Christopher and Christine. A class of all names that hang
//! together would hold most of them, so people are *not* indexed by class. A name on one line only is indexed as the
//! head of that line, any other as itself; a look-up asks for each of these that can belong to a nickname of what it
//! was given: three on average, 22 at most.

use std::sync::LazyLock;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::looks::Look;

/// Given names and their short forms; see there.
const LIST: &str = include_str!("nicknames.txt");

/// Whether one of two folded words is a short form of the other, or both are of the same name. A listed word is its own.
pub(super) fn related(a: &[u8], b: &[u8]) -> bool {
    let table = &*TABLE;
    match (table.names.get(a), table.names.get(b)) {
        (Some(a), Some(b)) => a.lines.iter().any(|line| b.lines.contains(line)),
        _ => false,
    }
}

/// The head under which a name is indexed whose hashing look is `look`; None when under itself.
pub(super) fn head(look: &[u8]) -> Option<&'static [u8]> {
    TABLE.heads.get(look).map(AsRef::as_ref)
}

/// What all the nicknames of a folded `word` are indexed under, itself included; empty when it has none.
pub(super) fn indexed_as(word: &[u8]) -> impl Iterator<Item = &'static [u8]> {
    let table = &*TABLE;
    let places = table.names.get(word).map_or(&[][..], |listed| &listed.indexed_as);
    places.iter().filter_map(|&place| table.places.get(usize::from(place)).map(AsRef::as_ref))
}

struct Nicknames {
    names: HashMap<&'static [u8], Listed>,
    /// By hashing look, for those on one line.
    heads: HashMap<Box<[u8]>, Box<[u8]>>,
    /// All that anything is indexed under.
    places: Vec<Box<[u8]>>,
}

#[derive(Default)]
struct Listed {
    /// On which lines it stands.
    lines: SmallVec<[u16; 8]>,
    /// In `places`, each once.
    indexed_as: SmallVec<[u16; 4]>,
}

static TABLE: LazyLock<Nicknames> = LazyLock::new(|| {
    let lines: Vec<Vec<&'static str>> = LIST
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_ascii_whitespace().collect())
        .collect();
    let hashing = |word: &str| Box::<[u8]>::from(Look::for_hashing(word.as_bytes()).bytes());
    let looks: Vec<Vec<Box<[u8]>>> =
        lines.iter().map(|line| line.iter().map(|word| hashing(word)).collect()).collect();
    let word_count = looks.iter().map(Vec::len).sum();
    let mut names = HashMap::<&'static [u8], Listed>::with_capacity(word_count);
    // Several names can have one look; where they stand on several lines, none of them speaks for it.
    let mut line_of_look = HashMap::<&[u8], Option<usize>>::with_capacity(word_count);
    for (number, (line, looks)) in lines.iter().zip(&looks).enumerate() {
        for (word, look) in line.iter().zip(looks) {
            // The list is a part of the program and far shorter; what would not fit, would be on no line.
            let Ok(short) = u16::try_from(number) else { continue };
            names.entry(word.as_bytes()).or_default().lines.push(short);
            let only = line_of_look.entry(look).or_insert(Some(number));
            *only = only.filter(|&line| line == number);
        }
    }
    let mut heads = HashMap::<Box<[u8]>, Box<[u8]>>::with_capacity(word_count);
    for (look, only) in line_of_look {
        if let Some(head) = only.and_then(|line| looks.get(line)?.first()) {
            heads.insert(Box::from(look), head.clone());
        }
    }
    let mut places = Vec::<Box<[u8]>>::new();
    let mut place_of = HashMap::<&[u8], u16>::with_capacity(word_count);
    let mut places_of = Vec::with_capacity(looks.len());
    for line in &looks {
        let mut of_line = Vec::with_capacity(line.len());
        for look in line {
            let under: &[u8] = heads.get::<[u8]>(look).unwrap_or(look);
            of_line.push(*place_of.entry(under).or_insert_with(|| {
                places.push(under.into());
                u16::try_from(places.len() - 1).unwrap_or(u16::MAX)
            }));
        }
        places_of.push(of_line);
    }
    drop(place_of);
    for listed in names.values_mut() {
        // In the order of the list, so that keys come in the same order in every process.
        for &place in listed.lines.iter().flat_map(|&line| &places_of[usize::from(line)]) {
            if !listed.indexed_as.contains(&place) {
                listed.indexed_as.push(place);
            }
        }
    }
    Nicknames { names, heads, places }
});

#[cfg(test)]
mod tests {
    use hashbrown::HashSet;

    use super::*;

    #[test]
    fn nicknames_share_a_line_and_near_misses_do_not() {
        for (a, b) in [
            ("bob", "robert"),
            ("robert", "bob"),
            ("bob", "robbie"),
            ("peggy", "margaret"),
            ("chris", "christine"),
            ("chris", "christopher"),
            ("bill", "william"),
            ("jack", "john"),
            ("hans", "johannes"),
            ("pepe", "jose"),
            ("sasha", "aleksandr"),
        ] {
            assert!(related(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
        for (a, b) in [
            ("christine", "christopher"),
            ("rob", "roger"),
            ("bob", "bobo"),
            ("john", "ian"),
            ("robert", "rupert"),
            ("william", "robert"),
            ("", ""),
            ("smith", "smith"),
        ] {
            assert!(!related(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
    }

    #[test]
    fn every_nickname_is_asked_for_where_it_is_indexed_and_there_are_few_of_them() {
        let table = &*TABLE;
        for (a, listed) in &table.names {
            let asked: Vec<_> = indexed_as(a).collect();
            assert!(asked.len() <= 22, "{:?}: {}", String::from_utf8_lossy(a), asked.len());
            for (b, other) in &table.names {
                if listed.lines.iter().any(|line| other.lines.contains(line)) {
                    let look = Look::for_hashing(b);
                    let under = head(look.bytes()).unwrap_or(look.bytes());
                    assert!(asked.contains(&under), "{:?}", String::from_utf8_lossy(b));
                }
            }
        }
    }

    #[test]
    fn the_list_is_of_folded_words_each_once_a_line() {
        for line in LIST.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<_> = line.split(' ').collect();
            assert!(words.len() >= 2, "{line}");
            assert!(
                words
                    .iter()
                    .all(|word| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase())),
                "{line}"
            );
            assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len(), "{line}");
        }
    }
}
