//! By which rule two names agree, each pair of words having been looked at once.
//!
//! The rules that look at single words ask over and over whether one word is, or looks like, another. Here that is
//! found out once for all of a name's words, and a rule is a few operations on sets of words. Most pairs of names that
//! are compared have no two words alike; those are done after that.
//!
//! The rules as they are told stand in the test below, which holds that both say the same.

use persondb_protocol::matching::NameKind;
use smallvec::SmallVec;

use super::compare::{
    Reach, Similarity, Way, any_forms, is_canonical, is_confusable, is_initial, is_joined,
    is_middle_conflict, is_one_edit_apart,
};
use super::looks::{ANY_ENDS, Look, look_alike};
use super::{NAME_WORDS_MAX, Name, OwnWords, nicknames};

/// For each word of the person, which words of the query agree with it: bit 0 for the first.
#[derive(Clone, Copy)]
struct Agreement {
    of: [u16; NAME_WORDS_MAX],
    query_count: usize,
    person_count: usize,
}

impl Agreement {
    /// Of none.
    fn new(query: &Name, person: &Name) -> Self {
        Self { of: [0; NAME_WORDS_MAX], query_count: query.word_count(), person_count: person.word_count() }
    }

    /// By which words agree by their letters, and by which they do or look alike when small.
    fn by_letters_and_looks(query: &Name, person: &Name) -> (Self, Self) {
        let mut letters = Self::new(query, person);
        let mut looks = letters;
        let (asked, own) = (&query.plain.own, &person.plain.own);
        each_pair(asked, own, |at, index, asked, word| {
            let is_same = asked == word;
            letters.of[index] |= u16::from(is_same) << at;
            looks.of[index] |= u16::from(is_same || look_alike(asked, word)) << at;
        });
        let mut add_same = |asked: &OwnWords, own: &OwnWords| {
            each_pair(asked, own, |at, index, asked, word| {
                letters.of[index] |= u16::from(asked == word) << at;
                looks.of[index] |= letters.of[index];
            });
        };
        if query.has_german() {
            add_same(&query.german.own, own);
        }
        if person.has_german() {
            add_same(asked, &person.german.own);
        }
        (letters, looks)
    }

    /// By which words look alike as one of the names, or both, was written.
    fn as_written(way: Way, query: &Name, person: &Name) -> Self {
        let mut agreement = Self::new(query, person);
        let mut add = |asked: &OwnWords, own: &OwnWords, agree: fn(&[u8], &[u8]) -> bool| {
            each_pair(asked, own, |at, index, asked, word| {
                agreement.of[index] |= u16::from(agree(asked, word)) << at;
            });
        };
        match way {
            Way::Letters | Way::SmallLooks => {}
            Way::QueryAsWritten => {
                add(&query.written.own, &person.plain.own, |look, word| Look::new(word).is(look));
            }
            Way::PersonAsWritten => {
                add(&query.plain.own, &person.written.own, |word, look| Look::new(word).is(look));
            }
            Way::BothAsWritten => add(&query.written.own, &person.written.own, |a, b| a == b),
        }
        agreement
    }

    fn is(&self, query: usize, person: usize) -> bool {
        self.of[person % NAME_WORDS_MAX] >> query & 1 == 1
    }

    fn is_none(&self) -> bool {
        self.of == [0; NAME_WORDS_MAX]
    }

    /// Whether each word has a partner of its own; taking the first that is free is enough, since words that agree
    /// with one agree with each other.
    fn is_set(&self) -> bool {
        let mut free = u16::MAX;
        self.query_count == self.person_count
            && self.of.iter().take(self.person_count).all(|of| {
                let partner = of & free;
                free &= !(partner & partner.wrapping_neg());
                partner != 0
            })
    }

    /// Whether first and last words agree.
    fn is_of_ends(&self) -> bool {
        self.is(0, 0) && self.is_of_lasts()
    }

    fn is_of_lasts(&self) -> bool {
        self.is(self.query_count - 1, self.person_count - 1)
    }

    /// Whether all words of the person stand side by side, in order, among more of the query.
    fn is_extended(&self) -> bool {
        let of = self.of.iter().take(self.person_count).zip(0..);
        let starts = of.fold(u16::MAX, |starts, (of, at)| starts & of >> at);
        self.query_count > self.person_count && starts != 0
    }
}

/// Calls `visit` with the places of two words and the words, the person's last, for those that may look alike as far as
/// their ends tell.
#[inline]
fn each_pair(query: &OwnWords, person: &OwnWords, mut visit: impl FnMut(u32, usize, &[u8], &[u8])) {
    let query_ends = query.ends.get(..query.count()).unwrap_or_default();
    for (index, ends) in person.ends.iter().enumerate().take(person.count()) {
        let mut may_be = may_be_alike(query_ends, *ends);
        while may_be != 0 {
            let at = may_be.trailing_zeros();
            may_be &= may_be - 1;
            visit(at, index, query.get(at as usize), person.get(index));
        }
    }
}

/// The words of which these may be the ends of one that looks alike.
#[inline]
fn may_be_alike(words: &[u16], ends: u16) -> u16 {
    let may_be = |word: &u16| *word == ends || *word == ANY_ENDS || ends == ANY_ENDS;
    words.iter().zip(0..).fold(0, |set, (word, at)| set | u16::from(may_be(word)) << at)
}

/// The strongest rule by which two names of two words or more agree that are not exactly the same.
pub(super) fn by_agreement(query: &Name, person: &Name, reach: Reach) -> Option<Similarity> {
    let is_plain = query.is_plain() && person.is_plain();
    let (letters, looks) = Agreement::by_letters_and_looks(query, person);
    let mut ways = SmallVec::<[(Way, Agreement); 5]>::new();
    ways.push((Way::Letters, letters));
    ways.push((Way::SmallLooks, looks));
    if !is_plain {
        let written = [Way::QueryAsWritten, Way::PersonAsWritten, Way::BothAsWritten];
        let open = written.into_iter().filter(|way| way.is_open(query, person));
        ways.extend(open.map(|way| (way, Agreement::as_written(way, query, person))));
    }
    if ways.iter().all(|(_, agreement)| agreement.is_none()) {
        // Nothing is left but what does not look at words.
        return if is_joined(query, person) {
            Some(Similarity::of(NameKind::Joined))
        } else if is_one_edit_apart(query, person) {
            Some(Similarity { distance: 1, ..Similarity::of(NameKind::Edit1) })
        } else {
            None
        };
    }
    if any_forms(query, person, |query, person| query.folded == person.folded) {
        return Some(Similarity::of(NameKind::Folded));
    }
    if if is_plain { letters.is_set() } else { is_canonical(query, person) } {
        return Some(Similarity::of(NameKind::Canonical));
    }
    if is_joined(query, person) {
        return Some(Similarity::of(NameKind::Joined));
    }
    if if is_plain { looks.is_set() } else { is_confusable(query, person) } {
        return Some(Similarity { confusable: true, ..Similarity::of(NameKind::Confusable) });
    }
    by_words(&ways, query, person, reach)
}

/// The rules that look at single words, and that of one edit, which is weaker than most of them.
fn by_words(ways: &[(Way, Agreement)], query: &Name, person: &Name, reach: Reach) -> Option<Similarity> {
    let of_ends = |kind, way: Way| Similarity {
        confusable: way.is_by_eye(),
        middle_conflict: is_middle_conflict(query, person),
        ..Similarity::of(kind)
    };
    if let Some((way, _)) = ways.iter().find(|(_, agreement)| agreement.is_of_ends()) {
        return Some(of_ends(NameKind::FirstLast, *way));
    }
    if let Some((way, _)) = ways.iter().find(|(_, agreement)| agreement.is_extended()) {
        return Some(Similarity { confusable: way.is_by_eye(), ..Similarity::of(NameKind::Extended) });
    }
    let (query_first, person_first) = (query.plain.own.get(0), person.plain.own.get(0));
    // By their letters or by what these look like when small: no key finds more.
    let last = ways.iter().take(2).find(|(_, agreement)| agreement.is_of_lasts()).map(|(way, _)| *way);
    if let Some(way) = last
        && nicknames::related(query_first, person_first)
    {
        return Some(of_ends(NameKind::Nickname, way));
    }
    if is_one_edit_apart(query, person) {
        return Some(Similarity { distance: 1, ..Similarity::of(NameKind::Edit1) });
    }
    let way = last.filter(|_| reach == Reach::Vip && is_initial(query_first, person_first))?;
    Some(of_ends(NameKind::InitialLast, way))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Way; 5] =
        [Way::Letters, Way::SmallLooks, Way::QueryAsWritten, Way::PersonAsWritten, Way::BothAsWritten];

    /// [`compare`] of names of two words or more.
    fn by_rule(query: &Name, person: &Name, reach: Reach) -> Option<Similarity> {
        if any_forms(query, person, |query, person| query.folded == person.folded) {
            return Some(Similarity::of(NameKind::Folded));
        }
        if is_canonical(query, person) {
            return Some(Similarity::of(NameKind::Canonical));
        }
        if is_joined(query, person) {
            return Some(Similarity::of(NameKind::Joined));
        }
        if is_confusable(query, person) {
            return Some(Similarity { confusable: true, ..Similarity::of(NameKind::Confusable) });
        }
        by_words(query, person, reach)
    }

    /// The rules that look at single words, and that of one edit, which is weaker than most of them.
    fn by_words(query: &Name, person: &Name, reach: Reach) -> Option<Similarity> {
        let (query_last, person_last) = (query.word_count() - 1, person.word_count() - 1);
        let ways = |ways: &'static [Way]| ways.iter().filter(|way| way.is_open(query, person));
        let of_ends = |kind, way: &Way| Similarity {
            confusable: way.is_by_eye(),
            middle_conflict: is_middle_conflict(query, person),
            ..Similarity::of(kind)
        };
        let ends_agree =
            |way: &&Way| way.agree(query, query_last, person, person_last) && way.agree(query, 0, person, 0);
        if let Some(way) = ways(&ALL).find(ends_agree) {
            return Some(of_ends(NameKind::FirstLast, way));
        }
        if let Some(way) = ways(&ALL).find(|way| is_extended(query, person, **way)) {
            return Some(Similarity { confusable: way.is_by_eye(), ..Similarity::of(NameKind::Extended) });
        }
        let (query_first, person_first) = (query.plain.own.get(0), person.plain.own.get(0));
        let last = ways(&ALL[..2]).find(|way| way.agree(query, query_last, person, person_last));
        if let Some(way) = last
            && nicknames::related(query_first, person_first)
        {
            return Some(of_ends(NameKind::Nickname, way));
        }
        if is_one_edit_apart(query, person) {
            return Some(Similarity { distance: 1, ..Similarity::of(NameKind::Edit1) });
        }
        let way = last.filter(|_| reach == Reach::Vip && is_initial(query_first, person_first))?;
        Some(of_ends(NameKind::InitialLast, way))
    }

    /// Whether all words of the person stand side by side and in order among more of the query.
    fn is_extended(query: &Name, person: &Name, way: Way) -> bool {
        let (more, count) = (query.word_count().saturating_sub(person.word_count()), person.word_count());
        more > 0
            && (0..=more).any(|start| (0..count).all(|index| way.agree(query, start + index, person, index)))
    }

    fn word() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "john",
            "j0hn",
            "jon",
            "j",
            "q",
            "robert",
            "bob",
            "b0b",
            "b\u{43e}b",
            "smith",
            "srnith",
            "smyth",
            "s",
            "мария",
            "\u{43e}лег",
            "oлег",
            "doe",
            "d0e",
            "Müller",
            "mueller",
            "muller",
            "Иван",
            "ВОВ",
            "BOB",
            "Вob",
            "Ömer",
            "oemer",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn sets_of_words_say_what_the_rules_say(
            query in prop::collection::vec(word(), 2..6), person in prop::collection::vec(word(), 2..6),
            edit in 0..12_usize, reach in prop::sample::select(vec![Reach::Usual, Reach::Vip]),
        ) {
            let (query, person) = (query.join(" "), person.join(" "));
            let edited = person.chars().enumerate().filter(|(at, _)| *at != edit).map(|(_, letter)| letter).collect();
            let added = [format!("{person} ceo"), format!("Вова {person} JR ÄRZTIN")];
            let mut other = Name::default();
            other.read(&person);
            let texts = [query, edited, person.replace('m', "rn"), person.replace(' ', ""), person.to_uppercase()];
            for text in texts.into_iter().chain(added) {
                let mut name = Name::default();
                name.read(&text);
                if name.word_count() >= 2 && other.word_count() >= 2 {
                    let (by_sets, by_rule) = (by_agreement(&name, &other, reach), by_rule(&name, &other, reach));
                    prop_assert_eq!(by_sets, by_rule, "{} {}", text, person);
                }
            }
        }
    }
}
