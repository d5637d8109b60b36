//! Domains that imitate others.
//!
//! What is compared is the *registrable* domain, a label and the public suffix behind it (Public Suffix List), because
//! that is what somebody has to register: `mail.c0rp.example` imitates `www.corp.example`. Hosts below one registrable
//! domain do not imitate each other.
//!
//! | kind | rule | imitates `corporation.example` | near miss |
//! |---|---|---|---|
//! | skeleton | equal look of the label (UTS #39 skeleton, case fold, `i` → `l`, `vv` → `w`), same suffix | `c0rporation.example`, `corporatlon.example` | `c0rporation.test` |
//! | one edit | Damerau-Levenshtein distance 1 between the labels, both of five characters or more, same suffix | `coporation.example` | `coprotion.example` |
//! | other suffix | same label, of four characters or more, other suffix | `corporation.co.uk` | `corporations.test` |
//!
//! # Finding them without going through all
//! A [`DomainShape`] gives keys: few for an index of the domains that are owned, few for asking. Two domains of which
//! one imitates the other share a key; those who share one are compared. One key is the look of the label, under any
//! suffix, for the same label looks the same. For one edit there are the halves of the label (the pigeonhole principle:
//! one edit leaves one half as it was), with the suffix and the length of the indexed label, so that the half is taken at
//! the same place. A swap over the middle spoils both halves; the one who asks undoes it and asks for the look of that.
//!
//! Keys that are stored hold only as long as the tables behind them: the Unicode version, which the segment records, and
//! the Public Suffix List, which it does not. Two programs with different lists may miss an imitation under a suffix
//! that only one of them knows; they never take one for another, because whoever asks compares.

use idna::AsciiDenyList;
use idna::uts46::{Hyphens, Uts46};
use persondb_protocol::matching::LookalikeKind;
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::normalize::spread_seed;

/// Shortest label that is compared by its look, in characters.
pub const LABEL_CHARS_MIN_SKELETON: usize = 3;
/// Shortest label that is compared under another suffix, in characters.
pub const LABEL_CHARS_MIN_SUFFIX: usize = 4;
/// Shortest label, on both sides, that is compared with one edit, in characters.
pub const LABEL_CHARS_MIN_EDIT: usize = 5;

/// A domain made ready for comparing: once a message, or once a build.
#[derive(Clone, Debug)]
pub struct DomainShape<'d> {
    /// The registrable domain.
    registrable: &'d str,
    suffix: &'d str,
    /// The label as readers see it.
    label: Characters,
    skeleton: Characters,
}

/// A scalar value, whose bytes are hashed.
type Character = U32;
/// A label has at most 63 characters, what it looks like mostly as many.
type Characters = SmallVec<[Character; 64]>;

impl<'d> DomainShape<'d> {
    /// The shape of a domain key (see [`domain_key`](crate::normalize::domain_key)).
    ///
    /// None where nobody can have registered it: a single label, a public suffix itself.
    #[must_use]
    pub fn of(domain: &'d str) -> Option<Self> {
        let registrable = psl::domain_str(domain)?;
        let (label, suffix) = registrable.split_once('.')?;
        let label: Characters = as_seen(label).chars().map(character).collect();
        let skeleton = skeleton(&label);
        Some(Self { registrable, suffix, label, skeleton })
    }

    /// How one of the two imitates the other, by the strongest rule; it is symmetric. None where neither does, and for
    /// hosts of one registrable domain.
    #[must_use]
    pub fn compare(&self, other: &DomainShape<'_>) -> Option<LookalikeKind> {
        if self.registrable == other.registrable {
            return None;
        }
        let shorter = self.label.len().min(other.label.len());
        if self.suffix != other.suffix {
            let is_same = shorter >= LABEL_CHARS_MIN_SUFFIX && self.label == other.label;
            return is_same.then_some(LookalikeKind::OtherSuffix);
        }
        if shorter >= LABEL_CHARS_MIN_SKELETON && self.skeleton == other.skeleton {
            return Some(LookalikeKind::Skeleton);
        }
        let is_edit = shorter >= LABEL_CHARS_MIN_EDIT && is_one_edit(&self.label, &other.label);
        is_edit.then_some(LookalikeKind::OneEdit)
    }

    /// Calls `visit` with the keys under which an owned domain is to be found: at most three hashes, of this seed.
    pub fn for_each_index_key(&self, seed: u64, mut visit: impl FnMut(u64)) {
        let keys = KeyMaker::of(self, seed);
        keys.look(&self.label, &self.skeleton, &mut visit);
        let length = self.label.len();
        if length >= LABEL_CHARS_MIN_EDIT {
            let (first, second) = self.label.split_at(length / 2);
            visit(keys.key(Rule::FirstHalf(length), first));
            visit(keys.key(Rule::SecondHalf(length), second));
        }
    }

    /// Calls `visit` with the keys to ask for: at most eight hashes, of this seed. Whoever is found has to be
    /// [compared](Self::compare).
    pub fn for_each_query_key(&self, seed: u64, mut visit: impl FnMut(u64)) {
        let keys = KeyMaker::of(self, seed);
        keys.look(&self.label, &self.skeleton, &mut visit);
        let length = self.label.len();
        if length < LABEL_CHARS_MIN_EDIT {
            return;
        }
        for indexed in (length - 1).max(LABEL_CHARS_MIN_EDIT)..=length + 1 {
            let half = indexed / 2;
            visit(keys.key(Rule::FirstHalf(indexed), &self.label[..half]));
            visit(keys.key(Rule::SecondHalf(indexed), &self.label[length - (indexed - half)..]));
        }
        let mut swapped = self.label.clone();
        swapped.swap(length / 2 - 1, length / 2);
        if swapped != self.label {
            keys.look(&swapped, &skeleton(&swapped), &mut visit);
        }
    }
}

/// How one of two domain keys imitates the other; see [`DomainShape::compare`].
///
/// ```
/// use persondb_data::message::compare_domains;
/// use persondb_protocol::matching::LookalikeKind;
/// assert_eq!(compare_domains("c0rp.example", "corp.example"), Some(LookalikeKind::Skeleton));
/// assert_eq!(compare_domains("corp.co.uk", "corp.example"), Some(LookalikeKind::OtherSuffix));
/// assert_eq!(compare_domains("mail.corp.example", "corp.example"), None);
/// ```
#[must_use]
pub fn compare_domains(a: &str, b: &str) -> Option<LookalikeKind> {
    DomainShape::of(a)?.compare(&DomainShape::of(b)?)
}

/// Which rule a key belongs to.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Look,
    FirstHalf(usize),
    SecondHalf(usize),
}

/// Makes the keys of one domain: hashes of characters, seeded with the rule, for halves also with the suffix.
#[derive(Clone, Copy)]
struct KeyMaker {
    seed: u64,
    /// The same for keys of one suffix only: it is hashed once.
    suffix_seed: u64,
}

impl KeyMaker {
    fn of(shape: &DomainShape<'_>, seed: u64) -> Self {
        Self { seed, suffix_seed: xxh3_64_with_seed(shape.suffix.as_bytes(), seed) }
    }

    fn key(self, rule: Rule, characters: &[Character]) -> u64 {
        let (seed, number, length) = match rule {
            Rule::Look => (self.seed, 0, 0),
            Rule::FirstHalf(length) => (self.suffix_seed, 1, length),
            Rule::SecondHalf(length) => (self.suffix_seed, 2, length),
        };
        xxh3_64_with_seed(characters.as_bytes(), spread_seed(seed, (length as u64) << 2 | number))
    }

    /// The key of a label's look, under any suffix. Labels of three letters meet those under other suffixes in vain.
    fn look(self, label: &[Character], skeleton: &[Character], visit: &mut impl FnMut(u64)) {
        if label.len() >= LABEL_CHARS_MIN_SKELETON {
            visit(self.key(Rule::Look, skeleton));
        }
    }
}

const _: () = assert!(LABEL_CHARS_MIN_SKELETON <= LABEL_CHARS_MIN_SUFFIX, "one key is for both rules");

/// An A-label as readers see it; what is no valid one, as it stands.
fn as_seen(label: &str) -> std::borrow::Cow<'_, str> {
    if !label.starts_with("xn--") {
        return label.into();
    }
    match Uts46::new().to_unicode(label.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow) {
        (text, Ok(())) => text,
        _ => label.into(),
    }
}

/// What a label looks like. Labels are lower case, so the skeleton's capitals (`0` → `O`) are folded again.
fn skeleton(label: &[Character]) -> Characters {
    let mut out = Characters::new();
    let letters = || label.iter().filter_map(|letter| char::from_u32(letter.get()));
    if letters().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '-' | '_')) {
        for letter in letters() {
            match letter {
                '0' => push_look(&mut out, 'o'),
                '1' => push_look(&mut out, 'l'),
                'm' => ['r', 'n'].into_iter().for_each(|part| push_look(&mut out, part)),
                other => push_look(&mut out, other),
            }
        }
        return out;
    }
    unicode_security::skeleton(&letters().collect::<String>())
        .flat_map(char::to_lowercase)
        .for_each(|character| push_look(&mut out, character));
    out
}

fn push_look(out: &mut Characters, look: char) {
    match look {
        'i' => out.push(character('l')),
        'v' if out.last() == Some(&character('v')) => {
            out.pop();
            out.push(character('w'));
        }
        other => out.push(character(other)),
    }
}

fn character(of: char) -> Character {
    Character::new(of.into())
}

/// Whether one insertion, deletion, replacement or swap of neighbours makes one of the other (not zero).
fn is_one_edit(a: &[Character], b: &[Character]) -> bool {
    let same_start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same_start..], &b[same_start..]);
    let same_end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&a[..a.len() - same_end], &b[..b.len() - same_end]) {
        ([_], [] | [_]) | ([], [_]) => true,
        ([a0, a1], [b0, b1]) => a0 == b1 && a1 == b0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use LookalikeKind::{OneEdit, OtherSuffix, Skeleton};

    fn found_by_key(asked: &str, owned: &str) -> bool {
        let (asked, owned) = (DomainShape::of(asked).unwrap(), DomainShape::of(owned).unwrap());
        let mut keys = HashSet::new();
        owned.for_each_index_key(7, |key| {
            keys.insert(key);
        });
        let mut found = false;
        asked.for_each_query_key(7, |key| found |= keys.contains(&key));
        found
    }

    proptest! {
        #[test]
        fn usual_labels_look_as_the_library_says(label in "[a-z0-9_-]{0,8}|[imvw01]{0,8}") {
            let mut expected = Characters::new();
            unicode_security::skeleton(&label).flat_map(char::to_lowercase).for_each(|part| push_look(&mut expected, part));
            let label: Characters = label.chars().map(character).collect();
            prop_assert_eq!(skeleton(&label), expected);
        }
    }

    #[test]
    fn imitations_are_told_and_near_misses_are_not() {
        let (cyrillic_a, microsoft) = ("xn--pypal-4ve.com", "microsoft.com");
        for (a, b, expected) in [
            ("c0rp.com", "corp.com", Some(Skeleton)),
            ("corp.com", "corn.com", None),
            (cyrillic_a, "paypal.com", Some(Skeleton)),
            ("paypai.com", "paypal.com", Some(Skeleton)),
            ("paypa1.com", "paypal.com", Some(Skeleton)),
            ("rnicrosoft.com", microsoft, Some(Skeleton)),
            ("micros0ft.com", microsoft, Some(Skeleton)),
            ("vvalmart.com", "walmart.com", Some(Skeleton)),
            ("mail.micros0ft.com", "login.microsoft.com", Some(Skeleton)),
            ("micros0ft.net", microsoft, None),
            ("mircosoft.com", microsoft, Some(OneEdit)),
            ("microsofts.com", microsoft, Some(OneEdit)),
            ("microsof.com", microsoft, Some(OneEdit)),
            ("micrasoft.com", microsoft, Some(OneEdit)),
            ("mircosfot.com", microsoft, None),
            ("macrasoft.com", microsoft, None),
            ("xn--mnchen-3ya.de", "munchen.de", Some(OneEdit)),
            ("acme.com", "acne.com", None),
            ("acmes.com", "acme.com", None),
            ("ab.com", "ab.net", None),
            ("acme.net", "acme.com", Some(OtherSuffix)),
            ("www.acme.co.uk", "acme.com", Some(OtherSuffix)),
            ("acme.web.app", "acme.com", Some(OtherSuffix)),
            ("acme.evil.com", "acme.com", None),
            ("acme.com.evil.com", "acme.com", None),
            ("eu.acme.com", "acme.com", None),
            ("acme.com", "acme.com", None),
            ("com", "net", None),
            ("co.uk", "acme.co.uk", None),
            ("localhost", "localh0st", None),
        ] {
            assert_eq!(compare_domains(a, b), expected, "{a} {b}");
            assert_eq!(compare_domains(b, a), expected, "{b} {a}");
            if expected.is_some() {
                assert!(found_by_key(a, b) && found_by_key(b, a), "{a} {b}: no common key");
            }
        }
    }

    #[test]
    fn skeletons_are_of_the_unicode_version_of_all_keys() {
        let (major, minor, patch) = crate::normalize::UNICODE_VERSION;
        let expected = (u64::from(major), u64::from(minor), u64::from(patch));
        assert_eq!(unicode_security::UNICODE_VERSION, expected);
    }

    #[test]
    fn an_unrelated_domain_shares_no_key() {
        assert!(!found_by_key("unrelated.com", "microsoft.com"));
        assert!(!found_by_key("mircosfot.com", "microsoft.net"));
    }

    proptest! {
        #[test]
        fn one_edit_anywhere_is_found_by_a_key_and_by_comparing(
            label in "[a-z]{5,20}", place in 0_usize..20, letter in prop::char::range('a', 'z'), edit in 0..4,
        ) {
            let mut edited: Vec<char> = label.chars().collect();
            let place = place % label.len();
            match edit {
                0 => edited.insert(place, letter),
                1 => edited[place] = letter,
                2 => { edited.remove(place); }
                _ => { let next = (place + 1) % label.len(); if next > 0 { edited.swap(place, next); } }
            }
            let edited: String = edited.iter().collect();
            prop_assume!(edited != label && edited.len() >= LABEL_CHARS_MIN_EDIT);
            let (a, b) = (format!("{edited}.com"), format!("{label}.com"));
            prop_assert!(matches!(compare_domains(&a, &b), Some(OneEdit | Skeleton)));
            prop_assert!(found_by_key(&a, &b));
        }

        #[test]
        fn any_text_has_a_bounded_number_of_keys(domain in ".{0,300}") {
            if let Some(shape) = DomainShape::of(&domain) {
                let (mut indexed, mut asked) = (0, 0);
                shape.for_each_index_key(7, |_| indexed += 1);
                shape.for_each_query_key(7, |_| asked += 1);
                prop_assert!(indexed <= 3 && asked <= 8);
            }
        }
    }
}
