//! By which rule two names agree.

use persondb_protocol::matching::NameKind;

use super::agreement::by_agreement;
use super::edit::{characters, within_one_edit};
use super::looks::{Look, look_alike};
use super::{Form, NAME_WORDS_MAX, Name};

/// Fewest characters, blanks between words included, of a canonical form in which one edit may be overlooked.
pub(super) const EDIT_CHARACTERS_MIN: usize = 8;
/// Fewest characters without those blanks: a row of initials is no long name.
pub(super) const EDIT_LETTERS_MIN: usize = 6;

/// How far from a person's name one may be and still be taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Exact only: what is not a human being.
    Exact,
    /// All rules but the initial.
    Usual,
    /// All rules: people whose name is worth an attack.
    Vip,
}

/// How two names agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Similarity {
    /// The strongest rule by which they do.
    pub kind: NameKind,
    /// Edits between them: 1 for [`NameKind::Edit1`], else 0.
    pub distance: u8,
    /// Both have words in the middle, and those disagree.
    pub middle_conflict: bool,
    /// Words agree only to the eye; always so for [`NameKind::Confusable`].
    pub confusable: bool,
}

impl Similarity {
    pub(crate) fn of(kind: NameKind) -> Self {
        Self { kind, distance: 0, middle_conflict: false, confusable: false }
    }

    /// Whether [`compare`] finds this with that reach, too, having found it with [`Reach::Vip`]; otherwise it finds
    /// nothing, for the rules that a shorter reach leaves out are the weakest.
    pub(crate) fn is_within(self, reach: Reach) -> bool {
        match reach {
            Reach::Exact => self.kind == NameKind::Exact,
            Reach::Usual => self.kind != NameKind::InitialLast,
            Reach::Vip => true,
        }
    }
}

/// The strongest rule by which `query` agrees with the name of a `person`; None when by none.
///
/// The same both ways but for [`NameKind::Extended`] and [`NameKind::InitialLast`], where `query` is the one with more
/// or less. Linear in the names, times their words for names of several words; nothing is allocated.
///
/// ```
/// use persondb_data::normalize::names::{Name, Reach, compare};
/// use persondb_protocol::matching::NameKind;
/// let (mut query, mut person) = (Name::default(), Name::default());
/// query.read("Bob R. Smith");
/// person.read("Smith, Robert Q.");
/// let similarity = compare(&query, &person, Reach::Usual).unwrap();
/// assert_eq!((similarity.kind, similarity.middle_conflict), (NameKind::Nickname, true));
/// assert_eq!(compare(&query, &person, Reach::Exact), None);
/// ```
#[must_use]
pub fn compare(query: &Name, person: &Name, reach: Reach) -> Option<Similarity> {
    if query.folded().is_empty() || person.folded().is_empty() {
        return None;
    }
    if query.exact == person.exact {
        return Some(Similarity::of(NameKind::Exact));
    }
    let words = query.word_count().min(person.word_count());
    if reach == Reach::Exact || query.word_count().max(person.word_count()) < 2 {
        return None;
    }
    if words < 2 {
        return is_joined(query, person).then(|| Similarity::of(NameKind::Joined));
    }
    by_agreement(query, person, reach)
}

/// By what words are compared: all of a comparison by the same, since the index has a key for each but for no mixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The same in plain or German form.
    Letters,
    /// Or alike in small letters.
    SmallLooks,
    /// Alike: the query as it was written, the person's in small letters.
    QueryAsWritten,
    /// The other way round.
    PersonAsWritten,
    /// Alike as both were written.
    BothAsWritten,
}

impl Way {
    /// Whether it can find more than those before it.
    pub(super) fn is_open(self, query: &Name, person: &Name) -> bool {
        match self {
            Self::Letters | Self::SmallLooks => true,
            Self::QueryAsWritten => query.has_written(),
            Self::PersonAsWritten => person.has_written(),
            Self::BothAsWritten => query.has_written() && person.has_written(),
        }
    }

    pub(super) fn is_by_eye(self) -> bool {
        self != Self::Letters
    }

    pub(super) fn agree(self, query: &Name, a: usize, person: &Name, b: usize) -> bool {
        let (small_a, small_b) = (query.plain.own.get(a), person.plain.own.get(b));
        let (written_a, written_b) = (query.written.own.get(a), person.written.own.get(b));
        match self {
            Self::Letters => is_same(query, a, person, b),
            Self::SmallLooks => is_same(query, a, person, b) || look_alike(small_a, small_b),
            Self::QueryAsWritten => Look::new(small_b).is(written_a),
            Self::PersonAsWritten => Look::new(small_a).is(written_b),
            Self::BothAsWritten => written_a == written_b,
        }
    }
}

/// Whether `holds` of the plain forms, or of the German form of one and the plain one of the other.
///
/// Not of both German forms: where those agree, so do the plain ones.
pub(super) fn any_forms(query: &Name, person: &Name, holds: impl Fn(&Form, &Form) -> bool) -> bool {
    holds(&query.plain, &person.plain)
        || (query.has_german() && holds(&query.german, &person.plain))
        || (person.has_german() && holds(&query.plain, &person.german))
}

/// The same words in any order, in one form each; or in order, in any form each.
pub(super) fn is_canonical(query: &Name, person: &Name) -> bool {
    let count = query.word_count();
    count == person.word_count()
        && ((0..count).all(|index| is_same(query, index, person, index))
            || any_forms(query, person, |query, person| {
                same_set(count, |a, b| query.own.get(a) == person.own.get(b))
            }))
}

pub(super) fn is_confusable(query: &Name, person: &Name) -> bool {
    let count = query.word_count();
    let alike = |a, b| look_alike(query.plain.own.get(a), person.plain.own.get(b));
    count == person.word_count()
        && (same_set(count, alike)
            || [Way::QueryAsWritten, Way::PersonAsWritten, Way::BothAsWritten].iter().any(|way| {
                way.is_open(query, person) && same_set(count, |a, b| way.agree(query, a, person, b))
            }))
}

/// Whether each of `count` things has a partner of its own. Taking the first that is free is enough where `same` is an
/// equivalence.
fn same_set(count: usize, same: impl Fn(usize, usize) -> bool) -> bool {
    let mut taken = [false; NAME_WORDS_MAX];
    (0..count).all(|a| {
        let partner = (0..count).find(|&b| !taken[b] && same(a, b));
        partner.map(|b| taken[b] = true).is_some()
    })
}

pub(super) fn is_joined(query: &Name, person: &Name) -> bool {
    fn letters(form: &Form) -> impl Iterator<Item = &u8> {
        form.own.text.iter().filter(|&&byte| byte != b' ')
    }
    any_forms(query, person, |query, person| letters(query).eq(letters(person)))
}

pub(super) fn is_one_edit_apart(query: &Name, person: &Name) -> bool {
    any_forms(query, person, |query, person| {
        within_one_edit(&query.own.text, &person.own.text) && is_long(query) && is_long(person)
    })
}

/// Whether one edit of this form may be overlooked.
pub(super) fn is_long(form: &Form) -> bool {
    let (characters, words) = (characters(&form.own.text), form.own.count());
    words >= 2 && characters >= EDIT_CHARACTERS_MIN && characters + 1 - words >= EDIT_LETTERS_MIN
}

fn is_same(query: &Name, a: usize, person: &Name, b: usize) -> bool {
    any_forms(query, person, |query, person| query.own.get(a) == person.own.get(b))
}

/// Whether both names have middle words of which, in order, not all of the shorter list agree with one of the other.
pub(super) fn is_middle_conflict(query: &Name, person: &Name) -> bool {
    let (few, many) =
        if query.word_count() <= person.word_count() { (query, person) } else { (person, query) };
    let mut many_middle = 1..many.word_count() - 1;
    !(1..few.word_count() - 1).all(|a| {
        many_middle.any(|b| {
            let (word, other) = (few.plain.own.get(a), many.plain.own.get(b));
            is_same(few, a, many, b) || is_initial(word, other) || is_initial(other, word)
        })
    })
}

/// Whether a word of one character is the first one of a longer word.
pub(super) fn is_initial(initial: &[u8], word: &[u8]) -> bool {
    word.len() > initial.len() && characters(initial) == 1 && word.starts_with(initial)
}
