//! Addresses to ask for, drawn from the CSV: hits, and misses that look as if they were in it.
//!
//! A miss is the local part of one person at the domain of another: both exist, together they do not, which
//! is what a mistyped or forged sender looks like. Nothing that PersonDB would find by its rules beyond the
//! literal address (case, sub-address, dots, aliases) is taken for a miss, and nobody who shares the address
//! with others for a hit, because the peers know one row for each address and no rules.

use std::hash::BuildHasher;

use anyhow::{Result, ensure};
use foldhash::quality::FixedState;
use hashbrown::HashMap;

use crate::record::{Answer, Columns};
use crate::rows::{Row, Rows};

/// Questions in the order in which they are asked, each with its answer.
#[derive(Debug)]
pub(crate) struct Questions {
    /// Keys one after another, so that reading the next question costs no cache miss of its own.
    text: String,
    ends: Vec<usize>,
    /// One for each hit; misses have none.
    answers: Vec<Answer>,
    columns: Vec<Columns>,
}

/// Attempts at a miss before a number is put into it.
const TRIES: u32 = 20;

impl Questions {
    /// `count` addresses of people, in random order; repeated when there are not so many people.
    ///
    /// # Errors
    /// When everybody shares an address with somebody.
    pub(crate) fn hits(rows: &Rows, known: &Known, count: u32, seed: u64) -> Result<Self> {
        let mut random = fastrand::Rng::with_seed(seed);
        let is_sole = |row: Row<'_>| known.people(row.address) == 1;
        let mut at: Vec<usize> = (0..rows.len()).filter(|&at| is_sole(rows.get(at))).collect();
        ensure!(!at.is_empty(), "expected an address that one person has; all of them are shared");
        random.shuffle(&mut at);
        let mut questions = Self::empty();
        for &at in at.iter().cycle().take(count as usize) {
            let row = rows.get(at);
            questions.push(row.address);
            questions.answers.push(Answer::of_record(row.record)?);
            questions.columns.push(Columns::of_record(row.record));
        }
        Ok(questions)
    }

    /// `count` addresses that nobody has.
    pub(crate) fn misses(rows: &Rows, known: &Known, count: u32, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(!seed);
        let mut questions = Self::empty();
        let mut address = String::new();
        for _ in 0..count {
            for attempt in 0.. {
                let parts = |at: usize| rows.get(at).address.rsplit_once('@').unwrap_or_default();
                let local = parts(random.usize(..rows.len())).0;
                let domain = parts(random.usize(..rows.len())).1;
                let number = if attempt < TRIES { String::new() } else { random.u16(..).to_string() };
                address.clear();
                address.extend([local, &number, "@", domain]);
                if !known.contains(&address) {
                    break;
                }
            }
            questions.push(&address);
        }
        questions
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Question `at`.
    ///
    /// # Panics
    /// When there are not so many.
    #[inline]
    pub(crate) fn key(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// What the answer has to be; `None` for a miss.
    pub(crate) fn answer(&self, at: usize) -> Option<Answer> {
        self.answers.get(at).copied()
    }

    /// What all columns of the answer have to be; `None` for a miss.
    pub(crate) fn columns(&self, at: usize) -> Option<Columns> {
        self.columns.get(at).copied()
    }

    fn empty() -> Self {
        Self { text: String::new(), ends: Vec::new(), answers: Vec::new(), columns: Vec::new() }
    }

    fn push(&mut self, key: &str) {
        self.text.push_str(key);
        self.ends.push(self.text.len());
    }
}

/// Every address of the CSV, in whichever column, by the hash of its loosest form. A collision only loses a
/// question.
#[derive(Debug)]
pub(crate) struct Known {
    /// Hash to people who have it as their primary address.
    people: HashMap<u64, u8, FixedState>,
}

impl Known {
    /// Goes through all fields once.
    pub(crate) fn new(rows: &Rows) -> Self {
        let mut people = HashMap::with_capacity_and_hasher(rows.len(), FixedState::default());
        for row in rows.iter() {
            let count = people.entry(hash(row.address)).or_insert(0_u8);
            *count = count.saturating_add(1);
            for field in row.texts().skip(1).filter(|field| field.contains('@')) {
                // Lists of addresses come with any of these, also as `smtp:jane@b.example`.
                for part in field.split([';', ',', '|', ':', '<', '>', ' ']).filter(|part| part.contains('@'))
                {
                    people.entry(hash(part)).or_insert(0);
                }
            }
        }
        Self { people }
    }

    /// People whose primary address this is.
    fn people(&self, address: &str) -> u8 {
        self.people.get(&hash(address)).copied().unwrap_or(0)
    }

    fn contains(&self, address: &str) -> bool {
        self.people.contains_key(&hash(address))
    }
}

/// Equal for addresses that any rule might take for one.
fn hash(address: &str) -> u64 {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let local = local.split('+').next().unwrap_or_default();
    let mut loose: String = local.chars().filter(|&c| c != '.').flat_map(char::to_lowercase).collect();
    loose.push('@');
    loose.extend(domain.chars().flat_map(char::to_lowercase));
    FixedState::default().hash_one(loose)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::rows::tests::rows;

    const CSV: &str = "email,display_name,aliases\n\
        jane.doe@b.example,Jane,jd@c.example;smtp:j@c.example\n\
        JaneDoe@b.example,Other Jane,\n\
        john@c.example,John,\n\
        ann@d.example,Ann,\n";

    #[test]
    fn who_shares_an_address_by_any_rule_is_no_hit() {
        let rows = rows(CSV).unwrap();
        let hits = Questions::hits(&rows, &Known::new(&rows), 10, 1).unwrap();
        let asked: HashSet<&str> = (0..hits.len()).map(|at| hits.key(at)).collect();
        assert_eq!(asked, HashSet::from(["john@c.example", "ann@d.example"]));
        assert_eq!(hits.len(), 10, "people are asked for again");
        assert!((0..10).all(|at| hits.answer(at).is_some()));
    }

    #[test]
    fn misses_have_a_known_local_part_or_domain_and_are_in_no_column() {
        let rows = rows(CSV).unwrap();
        let known = Known::new(&rows);
        let misses = Questions::misses(&rows, &known, 1000, 1);
        assert_eq!(misses.len(), 1000);
        for at in 0..misses.len() {
            let (_, domain) = misses.key(at).rsplit_once('@').unwrap();
            assert!(["b.example", "c.example", "d.example"].contains(&domain));
            assert!(!known.contains(misses.key(at)) && misses.answer(at).is_none());
        }
        for near in ["j@c.example", "JD@C.example", "jane.doe+news@b.example", "j.ohn@c.example"] {
            assert!(known.contains(near), "{near}");
        }
    }

    #[test]
    fn the_seed_decides_the_order() {
        let rows = rows(CSV).unwrap();
        let known = Known::new(&rows);
        let text = |seed| Questions::misses(&rows, &known, 50, seed).text;
        assert_eq!(text(3), text(3));
        assert_ne!(text(3), text(4));
    }

    #[test]
    fn one_person_alone_can_be_missed_too() {
        let rows = rows("email,display_name\na@b.example,A\n").unwrap();
        let misses = Questions::misses(&rows, &Known::new(&rows), 3, 1);
        assert!((0..3).all(|at| misses.key(at) != "a@b.example"));
    }
}
