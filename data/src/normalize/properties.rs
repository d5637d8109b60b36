//! What holds for the keys of any text, and of every character there is.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use proptest::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::*;

/// Letters, marks, blanks, invisible characters and look-alikes that the rules treat differently, often side by side.
fn eventful_text() -> impl Strategy<Value = String> {
    let eventful = prop::sample::select(
        "aAoOuUsSkKiI .-'\"@<>\\+,;:\t\u{0}äöüÄÖÜßẞøłıİſŉǖꙊ\u{300}\u{301}\u{308}\u{323}\u{327}\u{338}\u{344}\u{345}\u{34f}\
         \u{200b}\u{200d}\u{202e}\u{fe0f}\u{ad}’´`ʼ\u{1ffd}\u{37e}\u{1fef}ᾳᾼΐάΣς\u{212a}\u{2126}ﬁ㎏\u{fdfa}ｊ＠。．\
         \u{1100}\u{1161}\u{11a8}가각\u{302e}\u{1d165}\u{1d16d}\u{9c7}\u{9be}\u{9cb}か\u{3099}がﾊﾟ王\u{2f800}🚀\u{e0001}"
            .chars()
            .collect::<Vec<_>>(),
    );
    prop::collection::vec(
        prop_oneof![8 => eventful, 1 => any::<char>(), 1 => prop::char::range('a', 'z')],
        0..24,
    )
    .prop_map(String::from_iter)
}

/// Text that often is an address.
fn near_address() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z0-9.+_'-]{1,12}",
        2 => "\"([a-zA-Z. @]|\\\\.){0,6}\"",
        2 => eventful_text(),
        1 => any::<String>(),
    ];
    let domain = prop_oneof![
        6 => "[a-zA-Z0-9-]{1,9}\\.[a-zA-Z]{2,3}\\.?",
        2 => "[a-züÜßжЖ\u{308}A-Z0-9_-]{1,9}[.。][a-z]{2,3}",
        1 => eventful_text(),
    ];
    let wrap =
        prop::sample::select(vec![("", ""), ("<", ">"), (" ", "\t"), ("mailto:", ""), ("<MAILTO: ", " >")]);
    (wrap, part, domain).prop_map(|((before, after), part, domain)| format!("{before}{part}@{domain}{after}"))
}

fn key_of(address: &str) -> Option<Vec<u8>> {
    let mut out = KeyBuffer::new();
    address_key(address, &mut out).map(|key| key.bytes().to_vec())
}

fn folded(name: &str) -> String {
    let mut out = KeyBuffer::new();
    folded_name(name, &mut out);
    String::from_utf8(out.to_vec()).expect("a key is UTF-8")
}

fn german(name: &str) -> Option<String> {
    let mut out = KeyBuffer::new();
    german_form(name, &mut out).then(|| String::from_utf8(out.to_vec()).expect("a key is UTF-8"))
}

fn nfd(text: &str) -> String {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_address_key_is_its_own_key(address in near_address()) {
        let mut out = KeyBuffer::new();
        if let Some(key) = address_key(&address, &mut out) {
            prop_assert!(key.bytes().len() <= ADDRESS_KEY_BYTES_MAX);
            prop_assert_eq!(key.bytes()[key.at()], b'@');
            prop_assert!(!key.local().is_empty());
            let text = str::from_utf8(key.bytes()).expect("a key is UTF-8");
            prop_assert_eq!(key_of(text), Some(key.bytes().to_vec()));
            let domain = str::from_utf8(key.domain()).expect("a domain key is ASCII");
            let mut alone = KeyBuffer::new();
            prop_assert_eq!(domain_key(domain, &mut alone), Some(key.domain()));
        }
    }

    #[test]
    fn equals_agrees_with_building_the_key(a in near_address(), b in near_address()) {
        let mut out = KeyBuffer::new();
        if let Some(key) = address_key(&a, &mut out) {
            let lower = str::from_utf8(key.bytes()).expect("a key is UTF-8").to_owned();
            for stored in [&a, &b, &lower, &lower.to_uppercase(), &nfd(&lower), &format!("{lower}."), &format!("{a}.")] {
                prop_assert_eq!(
                    address_key_equals(stored, &key),
                    key_of(stored).as_deref() == Some(key.bytes()),
                    "{}", stored
                );
            }
        }
    }

    #[test]
    fn an_address_key_does_not_depend_on_composition(local in eventful_text()) {
        // Local parts only: UTS #46 by itself maps before it composes, which tells the two apart for iota subscripts.
        prop_assert_eq!(key_of(&format!("{local}@example.com")), key_of(&format!("{}@example.com", nfd(&local))));
    }

    #[test]
    fn stripped_keys_are_keys(address in near_address(), separator in prop::sample::select(vec!['+', '-', '.', 'ü', '"', '@'])) {
        let (mut a, mut b) = (KeyBuffer::new(), KeyBuffer::new());
        if let Some(key) = address_key(&address, &mut a) {
            for stripped in [strip_subaddress(&key, separator, &mut b).map(|key| key.bytes().to_vec()),
                             strip_dots(&key, &mut b).map(|key| key.bytes().to_vec())].into_iter().flatten() {
                let text = String::from_utf8(stripped.clone()).expect("a key is UTF-8");
                prop_assert_ne!(&stripped[..], key.bytes());
                prop_assert_eq!(key_of(&text), Some(stripped));
            }
        }
    }

    #[test]
    fn a_folded_name_is_its_own_key(name in prop_oneof![eventful_text(), any::<String>()]) {
        let key = folded(&name);
        prop_assert_eq!(folded(&key), key.clone());
        prop_assert!(!key.starts_with(' ') && !key.ends_with(' ') && !key.contains("  "));
        if let Some(form) = german(&name) {
            prop_assert_ne!(&form, &key);
            prop_assert_eq!(folded(&form), form.clone());
            prop_assert_eq!(german(&form), None);
        }
    }

    #[test]
    fn a_folded_name_does_not_depend_on_composition_or_case(name in prop_oneof![eventful_text(), "\\PC{0,40}"]) {
        let decomposed = nfd(&name);
        prop_assume!(decomposed.len() <= NAME_KEY_BYTES_MAX);
        prop_assert_eq!(folded(&name), folded(&decomposed));
        prop_assert_eq!(german(&name), german(&decomposed));
        // U+0345, a mark, folds to a letter: case fold before and after the marks are sorted differ for it.
        if !decomposed.contains('\u{345}') {
            prop_assert_eq!(folded(&name), folded(&CaseMapper::new().fold_string(&name)));
        }
    }

    #[test]
    fn nothing_panics_and_limits_hold(text in prop::collection::vec(eventful_text(), 0..120).prop_map(|parts| parts.concat())) {
        prop_assert!(folded(&text).len() <= NAME_KEY_BYTES_MAX);
        prop_assert!(german(&text).is_none_or(|form| form.len() <= NAME_KEY_BYTES_MAX));
        let mut out = KeyBuffer::new();
        let _ = domain_key(&text, &mut out);
        prop_assert!(key_of(&text).is_none_or(|key| key.len() <= ADDRESS_KEY_BYTES_MAX));
    }
}

#[test]
fn every_character_keeps_the_properties() {
    let mut name = String::new();
    for character in '\0'..=char::MAX {
        name.clear();
        name.extend(['a', character, 'u', character]);
        let key = folded(&name);
        assert_eq!(folded(&key), key, "U+{:04X}", character as u32);
        let decomposed = nfd(&name);
        assert_eq!(folded(&decomposed), key, "U+{:04X}", character as u32);
        assert_eq!(german(&decomposed), german(&name), "U+{:04X}", character as u32);
    }
}

/// The tables are of the version that segments record: each of the three crates knows a character of it that the
/// version before has not.
#[test]
fn the_tables_are_of_the_unicode_version_named() {
    assert_eq!(UNICODE_VERSION, (18, 0, 0));
    assert_ne!(CodePointMapData::<GeneralCategory>::new().get('\u{3d000}'), GeneralCategory::Unassigned);
    assert_ne!(CaseMapper::new().simple_fold('\u{a7dd}'), '\u{a7dd}');
    assert_eq!(DecomposingNormalizerBorrowed::new_nfkd().normalize("\u{1d6a6}"), "ß");
}

/// Keys are stored, so they may not change by themselves. When this fails after an update of the tables, raise
/// `UNICODE_VERSION`; after a change of the rules, the norm version; then take over the new digest.
#[test]
fn the_keys_of_all_characters_are_those_of_this_norm_and_unicode_version() {
    let mut hash = Xxh3::new();
    let mut text = String::new();
    for character in '\0'..=char::MAX {
        text.clear();
        text.extend(['a', character, 'b']);
        hash.update(folded(&text).as_bytes());
        hash.update(b"\n");
        hash.update(german(&text).unwrap_or_default().as_bytes());
        text.push_str("@example.com");
        hash.update(&key_of(&text).unwrap_or_default());
        text.clear();
        text.extend(['a', character, 'b']);
        let mut out = KeyBuffer::new();
        hash.update(domain_key(&text, &mut out).unwrap_or_default());
        hash.update(b"\n");
    }
    assert_eq!(hash.digest(), 13_314_439_500_419_341_451, "digest of the keys");
}
