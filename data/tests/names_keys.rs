//! What is alike is found: the keys of names, and what holds of any two of them.

use std::collections::{BTreeMap, BTreeSet};

use persondb_data::normalize::names::{
    IndexKey, NAME_KEY_BYTES_MAX, Name, Reach, Similarity, compare, for_each_index_key, for_each_query_key,
};
use persondb_data::normalize::{KeyBuffer, folded_name};
use persondb_protocol::matching::NameKind;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use xxhash_rust::xxh3::Xxh3;

const SEED: u64 = 0x0123_4567_89ab_cdef;

fn name(text: &str) -> Name {
    let mut name = Name::default();
    name.read(text);
    name
}

fn index_keys(name: &Name, reach: Reach) -> BTreeSet<IndexKey> {
    let mut keys = BTreeSet::new();
    for_each_index_key(name, reach, SEED, |key| {
        keys.insert(key);
    });
    keys
}

fn query_keys(name: &Name) -> BTreeSet<IndexKey> {
    let mut keys = BTreeSet::new();
    for_each_query_key(name, SEED, |key| {
        keys.insert(key);
    });
    keys
}

/// Words that the rules treat differently, so that two names of a few of them often agree somehow.
const WORDS: [&str; 48] = [
    "John",
    "JOHN",
    "J0hn",
    "Jоhn",
    "Jon",
    "Johnny",
    "Jack",
    "J",
    "J.",
    "Robert",
    "Bob",
    "B0b",
    "Вob",
    "Rob",
    "Chris",
    "Christine",
    "Christopher",
    "Smith",
    "Srnith",
    "Smíth",
    "SMITH",
    "O'Brien",
    "OBrien",
    "O Brien",
    "Müller",
    "Mueller",
    "Muller",
    "MÜLLER",
    "Мüller",
    "Jürgen",
    "Juergen",
    "Goethe",
    "Göthe",
    "Homeier",
    "Homeir",
    "Петров",
    "ПЕТРОВ",
    "Пeтpoв",
    "Вера",
    "вера",
    "Bepa",
    "王",
    "小明",
    "Dr.",
    "Jr",
    "Mag",
    "via",
    "D",
];

fn a_name() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&WORDS[..]);
    let gap = prop::sample::select(&[" ", " ", " ", " ", "", ", ", " (", ") ", "-", "\u{200b}", "，"][..]);
    prop::collection::vec((word, gap), 1..5)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, gap)| [word, gap]).collect())
}

/// A name, and one made of it by a few small changes.
fn two_names() -> impl Strategy<Value = (String, String)> {
    let letter = prop::sample::select("aehimnorstu01 ,('äüвВ王\u{301}\u{200d}".chars().collect::<Vec<_>>());
    let change = (0..7_u8, any::<prop::sample::Index>(), letter);
    (a_name(), a_name(), prop::collection::vec(change, 0..3)).prop_map(|(name, other, changes)| {
        let mut changed: Vec<char> = name.chars().collect();
        for (what, at, letter) in changes {
            let at = at.index(changed.len() + 1);
            match what {
                0 => changed.insert(at, letter),
                1 if at < changed.len() => drop(changed.remove(at)),
                2 if at < changed.len() => changed[at] = letter,
                3 if at + 1 < changed.len() => changed.swap(at, at + 1),
                4 => changed = changed.iter().flat_map(|character| character.to_uppercase()).collect(),
                5 => changed.extend(" ".chars().chain(other.chars())),
                _ => {
                    let text: String = changed.iter().collect();
                    let mut words: Vec<_> = text.split(' ').collect();
                    words.reverse();
                    changed = words.join(" ").chars().collect();
                }
            }
        }
        (name, changed.into_iter().collect())
    })
}

fn kinds(query: &Name, person: &Name, reach: Reach) -> [Option<Similarity>; 2] {
    [compare(query, person, reach), compare(person, query, reach)]
}

fn check(a: &str, b: &str) -> Result<[Option<Similarity>; 2], TestCaseError> {
    let (query, person) = (name(a), name(b));
    for reach in [Reach::Exact, Reach::Usual, Reach::Vip] {
        let index = index_keys(&person, reach);
        if let Some(similarity) = compare(&query, &person, reach) {
            prop_assert!(
                !query_keys(&query).is_disjoint(&index),
                "{:?} as {:?}, but not found: {} | {}",
                reach,
                similarity,
                a,
                b
            );
        }
    }
    let found = kinds(&query, &person, Reach::Usual);
    if !found.iter().flatten().any(|similarity| similarity.kind == NameKind::Extended) {
        prop_assert_eq!(found[0], found[1], "{} | {}", a, b);
    }
    Ok(found)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_agrees_is_found_and_agrees_both_ways((a, b) in two_names(), c in a_name()) {
        check(&a, &b)?;
        check(&b, &a)?;
        check(&a, &c)?;
    }

    #[test]
    fn one_edit_anywhere_is_found(
        text in "[abcо]{2,9} ([aаc]{1,2} )?[abü]{4,10}",
        at in any::<prop::sample::Index>(),
        what in 0..4,
        letter in prop::char::range('a', 'd'),
    ) {
        let mut edited: Vec<char> = text.chars().collect();
        let at = at.index(edited.len() - 1);
        match what {
            0 => edited.insert(at, letter),
            1 => drop(edited.remove(at)),
            2 => edited[at] = letter,
            _ => edited.swap(at, at + 1),
        }
        let edited: String = edited.into_iter().collect();
        check(&text, &edited)?;
        check(&edited, &text)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn forms_are_their_own_forms(text in prop_oneof![a_name(), any::<String>(), "\\PC{0,40}"]) {
        let read = name(&text);
        let exact = str::from_utf8(read.exact()).expect("a form is UTF-8");
        let again = name(exact);
        prop_assert_eq!(again.exact(), read.exact());
        prop_assert_eq!(again.folded(), read.folded());
        prop_assert_eq!(again.canonical(), read.canonical());
        prop_assert_eq!(again.german(), read.german());
        let mut folded = KeyBuffer::new();
        folded_name(&text, &mut folded);
        // A cut, and the one mark that folds to a letter, tell before and after the exact form apart.
        if text.len() <= NAME_KEY_BYTES_MAX / 18 && !text.contains('\u{345}') {
            prop_assert_eq!(read.folded(), &folded[..]);
        }
    }

    #[test]
    fn nothing_panics_and_keys_are_few(
        a in prop::collection::vec(prop_oneof![a_name(), any::<String>()], 0..30).prop_map(|parts| parts.concat()),
        b in any::<String>(),
    ) {
        let (query, person) = (name(&a), name(&b));
        let (mut asked, mut indexed) = (0, 0);
        for_each_query_key(&query, SEED, |_| asked += 1);
        for_each_index_key(&query, Reach::Vip, SEED, |_| indexed += 1);
        prop_assert!(asked <= 287 && indexed <= 7, "{} {}", asked, indexed);
        let _ = compare(&query, &person, Reach::Vip);
        let _ = query.flags();
    }
}

#[test]
fn the_properties_are_tried_on_every_kind_of_likeness() {
    let (mut runner, names) = (TestRunner::deterministic(), two_names());
    let mut counts = BTreeMap::new();
    for _ in 0..20_000 {
        let (a, b) = names.new_tree(&mut runner).expect("nothing is rejected").current();
        *counts.entry(compare(&name(&a), &name(&b), Reach::Vip).map(|found| found.kind)).or_insert(0) += 1;
    }
    for kind in [
        NameKind::Exact,
        NameKind::Folded,
        NameKind::Canonical,
        NameKind::Joined,
        NameKind::Confusable,
        NameKind::FirstLast,
        NameKind::Extended,
        NameKind::Nickname,
        NameKind::Edit1,
        NameKind::InitialLast,
    ] {
        assert!(counts.get(&Some(kind)).is_some_and(|&count| count >= 10), "{kind:?}: {counts:?}");
    }
}

#[test]
fn usual_names_have_few_keys() {
    for (text, reach, indexed, asked) in [
        ("Toivo Leino", Reach::Usual, 3, 14),
        ("Leino, Toivo (IT)", Reach::Usual, 3, 16),
        ("Ann Doe", Reach::Usual, 2, 5),
        ("Jürgen Müller", Reach::Usual, 5, 30),
        ("Toivo Leino", Reach::Vip, 4, 14),
        ("Toivo Leino", Reach::Exact, 1, 14),
        ("Madonna", Reach::Usual, 2, 2),
        ("🚀", Reach::Vip, 0, 0),
    ] {
        let read = name(text);
        assert_eq!(index_keys(&read, reach).len(), indexed, "{text}: indexed");
        assert!(query_keys(&read).len() <= asked, "{text}: {} asked", query_keys(&read).len());
    }
}

#[test]
fn spellings_of_one_name_share_all_their_keys() {
    for (a, b) in [
        ("John Smith", "Smith, John"),
        ("John Smith", "Dr. JOHN SMITH, Jr. (IT)"),
        ("Sean O'Brien", "Seán O’BRIEN"),
    ] {
        assert_eq!(index_keys(&name(a), Reach::Vip), index_keys(&name(b), Reach::Vip), "{a} | {b}");
    }
    // A near miss shares some at most.
    assert_ne!(index_keys(&name("John Smith"), Reach::Vip), index_keys(&name("Joan Smith"), Reach::Vip));
}

/// Keys are stored, so they may not change by themselves. When this fails after a change of the rules or lists, raise
/// the norm version; after an update of the tables, `UNICODE_VERSION`; then take over the new digest.
#[test]
fn the_keys_of_all_characters_and_words_are_those_of_this_norm_version() {
    let mut hash = Xxh3::new();
    let mut read = Name::default();
    let mut digest = |text: &str| {
        read.read(text);
        for form in [read.exact(), read.folded(), read.canonical(), read.german().unwrap_or_default()] {
            hash.update(form);
            hash.update(b"\n");
        }
        for_each_index_key(&read, Reach::Vip, SEED, |key| hash.update(&key.hash().to_le_bytes()));
        for_each_query_key(&read, SEED, |key| hash.update(&key.hash().to_le_bytes()));
    };
    let mut text = String::new();
    for character in '\0'..=char::MAX {
        text.clear();
        text.extend(['x', character, 'y', ' ', character, 'z']);
        digest(&text);
    }
    for line in include_str!("../src/normalize/names/nicknames.txt").lines() {
        for word in line.split(' ') {
            digest(&format!("{word} Doe"));
        }
    }
    for a in WORDS {
        for b in WORDS {
            digest(&format!("{a}, {b} Smith (x)"));
        }
    }
    assert_eq!(hash.digest(), 7_307_570_326_640_052_993, "digest of the keys");
}
