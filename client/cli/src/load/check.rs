//! Is an answer right?
//!
//! Three questions, none of which is asked while the clock runs: does the answer exist where it has to
//! (found or absent), does the person found equal the CSV in every column, and do all answers of one pin
//! come from one generation and one data set.
//!
//! With a second data set (`--alternate`) the daemon may serve either, so an answer has to equal a record
//! of one of the *sides*, entirely; which sides it equals is a [`Sides`], and the answers of one pin need
//! a side in common. Where the two differ in every record, that finds any mixture, also one inside a
//! record.

use std::collections::BTreeSet;

use super::keys::Key;

/// A set of at most eight data sets that an answer can have come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sides(u8);

impl Sides {
    /// Could be any of them: an answer that was not compared.
    pub(crate) const ANY: Self = Self(u8::MAX);

    /// No data set contains this.
    pub(crate) const NONE: Self = Self(0);

    /// The sides that are in one or the other.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The sides that are in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no data set contains this.
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// Most sides.
pub(crate) const SIDES_MAX: usize = 8;

/// The sides in which the key's person has exactly these columns; `headers` are those of each side.
pub(crate) fn sides_of<S: AsRef<str>>(key: &Key<'_>, headers: &[Vec<String>], columns: &[(S, S)]) -> Sides {
    let mut sides = 0;
    for (side, (record, headers)) in key.records().zip(headers).enumerate().take(SIDES_MAX) {
        let expected = headers.iter().map(String::as_str).zip(record);
        if expected.eq(columns.iter().map(|(header, value)| (header.as_ref(), value.as_ref()))) {
            sides |= 1 << side;
        }
    }
    Sides(sides)
}

/// What the answers of one pin have in common.
#[derive(Debug)]
pub(crate) struct PinCheck {
    generations: BTreeSet<u64>,
    sides: Sides,
}

impl PinCheck {
    /// A pin without answers yet.
    pub(crate) fn new() -> Self {
        Self { generations: BTreeSet::new(), sides: Sides::ANY }
    }

    /// One more answer.
    pub(crate) fn answer(&mut self, generation: u64, sides: Sides) {
        self.generations.insert(generation);
        self.sides = self.sides.and(sides);
    }

    /// What is wrong with the pin, in words; `None` when all its answers can be of one generation.
    pub(crate) fn mixed(&self) -> Option<String> {
        if self.generations.len() > 1 {
            return Some(format!("answers of one pin name the generations {:?}", self.generations));
        }
        self.sides.is_none().then(|| {
            format!("answers of one pin (generation {:?}) come from different data sets", self.generations)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::keys::{Expected, KeyReader, KeyWriter};

    fn text(fields: &[&str]) -> Vec<String> {
        fields.iter().map(ToString::to_string).collect()
    }

    fn sides(columns: &[(&str, &str)]) -> Sides {
        let file = tempfile::tempfile().unwrap();
        let mut writer = KeyWriter::new(file.try_clone().unwrap());
        let records = [text(&["1", "clerk", "2024"]), text(&["1", "cook", "2025"])];
        writer.push(Expected::Found, "a@b.example", &records).unwrap();
        let blocks = writer.finish().unwrap();
        let mut reader = KeyReader::new(file, blocks, 0).unwrap();
        let headers = text(&["id", "title", "at"]);
        sides_of(&reader.next_key().unwrap(), &[headers.clone(), headers], columns)
    }

    #[test]
    fn an_answer_is_of_the_side_that_it_equals_in_every_column() {
        let (old, new) = (
            sides(&[("id", "1"), ("title", "clerk"), ("at", "2024")]),
            sides(&[("id", "1"), ("title", "cook"), ("at", "2025")]),
        );
        assert!(!old.is_none() && !new.is_none() && old.and(new).is_none());
        assert_eq!(old.and(Sides::ANY), old);
    }

    #[test]
    fn an_answer_mixed_of_two_sides_or_short_or_long_is_of_none() {
        for columns in [
            &[("id", "1"), ("title", "clerk"), ("at", "2025")][..],
            &[("id", "1"), ("title", "clerk")],
            &[("id", "1"), ("title", "clerk"), ("at", "2024"), ("more", "")],
            &[("id", "1"), ("Title", "clerk"), ("at", "2024")],
        ] {
            assert!(sides(columns).is_none(), "{columns:?}");
        }
    }

    #[test]
    fn a_pin_is_mixed_by_two_generations_or_two_sides_and_by_nothing_else() {
        let old = sides(&[("id", "1"), ("title", "clerk"), ("at", "2024")]);
        let new = sides(&[("id", "1"), ("title", "cook"), ("at", "2025")]);
        let check = |answers: &[(u64, Sides)]| {
            let mut pin = PinCheck::new();
            for &(generation, sides) in answers {
                pin.answer(generation, sides);
            }
            pin.mixed().is_some()
        };
        assert!(!check(&[]));
        assert!(!check(&[(7, old), (7, Sides::ANY), (7, old)]));
        assert!(check(&[(7, old), (8, old)]));
        assert!(check(&[(7, old), (7, new)]));
    }
}
