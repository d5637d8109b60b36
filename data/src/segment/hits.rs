//! [`Hits`]: whom a look-up met.

use std::fmt;

use persondb_protocol::answer::Matched;
use persondb_protocol::control::PEOPLE_COUNT_MAX;
use smallvec::SmallVec;

use super::key_index::low_half;
use super::{Corrupt, Parts, PersonRef};

/// Most people in one answer: a mailbox that more people share is cut there.
pub const HITS_MAX: usize = PEOPLE_COUNT_MAX as usize;

/// One person that a look-up met.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// The person.
    pub person: PersonRef<'a>,
    /// By which key.
    pub matched: Matched,
}

/// Everybody that a look-up met, strongest match first; empty = definitely absent. Two fit without
/// allocation.
///
/// All of them stand in one segment, so it is named once: an answer is moved several times on its way to
/// whoever asked.
#[derive(Clone, Debug, Default)]
pub struct Hits<'a> {
    /// None before the first of them.
    parts: Option<Parts<'a>>,
    people: SmallVec<[Met; 2]>,
    /// 1 where there are more. As wide as it is copied.
    cut: u64,
}

/// What tells a [`Hit`] apart in its segment, in one word: a processor waits for a read that spans several writes.
///
/// ```text
/// ordinal, 32 bits · schema, 16 · matched, 8
/// ```
#[derive(Clone, Copy)]
struct Met(u64);

impl fmt::Debug for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ordinal, schema, matched) = (self.ordinal(), self.schema(), self.matched());
        f.debug_struct("Met")
            .field("ordinal", &ordinal)
            .field("schema", &schema)
            .field("matched", &matched)
            .finish()
    }
}

/// Iterator over [`Hits`].
#[derive(Clone, Debug)]
pub struct HitsIter<'h, 'a> {
    parts: Option<Parts<'a>>,
    people: std::slice::Iter<'h, Met>,
}

impl<'a> Hits<'a> {
    /// How many.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether nobody was met.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whoever was met by the strongest match.
    #[inline]
    #[must_use]
    pub fn first(&self) -> Option<Hit<'a>> {
        self.iter().next()
    }

    /// All of them.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> HitsIter<'_, 'a> {
        HitsIter { parts: self.parts, people: self.people.iter() }
    }

    /// Whether several people answer the question, also where the list was cut to one.
    #[inline]
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.cut != 0 || self.people.len() > 1
    }

    /// Whose list was cut before anybody was on it: too many share the key to tell who they are.
    pub(crate) fn of_too_many() -> Self {
        Self { cut: 1, ..Self::default() }
    }

    /// One person.
    #[expect(
        clippy::inline_always,
        reason = "an answer is made where it stays: one that is copied is waited for"
    )]
    #[inline(always)]
    #[must_use]
    pub fn of_one(hit: Hit<'a>) -> Self {
        let (parts, met) = Met::of(hit);
        // Made whole, so that it need not go through memory.
        Self { parts: Some(parts), people: SmallVec::from_buf_and_len([met; 2], 1), cut: 0 }
    }

    /// Keeps those who are wanted.
    pub(crate) fn retain(
        &mut self,
        mut is_wanted: impl FnMut(&Hit<'a>) -> Result<bool, Corrupt>,
    ) -> Result<(), Corrupt> {
        let Some(parts) = self.parts else { return Ok(()) };
        let mut result = Ok(());
        self.people.retain(|met| match is_wanted(&met.hit(parts)) {
            Ok(is_wanted) => is_wanted,
            Err(error) => {
                result = Err(error);
                false
            }
        });
        result
    }

    /// Adds a person once: several of their keys may propose them. When there is no more room the weakest
    /// match gives way.
    pub(super) fn push(&mut self, hit: Hit<'a>) {
        let (parts, met) = Met::of(hit);
        self.parts = Some(parts);
        if self.people.iter().any(|known| known.ordinal() == met.ordinal()) {
            return;
        }
        if self.people.len() < HITS_MAX {
            self.people.push(met);
            return;
        }
        self.cut = 1;
        let weakest = self.people.iter_mut().max_by_key(|known| known.matched());
        if let Some(weakest) = weakest.filter(|weakest| weakest.matched() > met.matched()) {
            *weakest = met;
        }
    }

    /// Puts the strongest match first.
    pub(super) fn sort(&mut self) {
        if self.people.len() > 1 {
            self.people.sort_by_key(|met| (met.matched(), met.ordinal()));
        }
    }

    /// Keeps the first so many.
    pub(super) fn cut_to(&mut self, limit: usize) {
        self.cut |= u64::from(self.people.len() > limit);
        self.people.truncate(limit);
    }
}

impl Met {
    #[inline]
    fn of(hit: Hit<'_>) -> (Parts<'_>, Self) {
        let (parts, ordinal, schema) = hit.person.into_parts();
        (parts, Self::new(ordinal, schema, hit.matched))
    }

    #[inline]
    fn hit(self, parts: Parts<'_>) -> Hit<'_> {
        let person = PersonRef::from_parts(parts, self.ordinal(), self.schema());
        Hit { person, matched: self.matched() }
    }

    #[inline]
    fn new(ordinal: u32, schema: u16, matched: Matched) -> Self {
        Self(u64::from(ordinal) | u64::from(schema) << 32 | u64::from(matched.number()) << 48)
    }

    #[inline]
    fn schema(self) -> u16 {
        let [.., first, second, _, _] = self.0.to_le_bytes();
        u16::from_le_bytes([first, second])
    }

    #[inline]
    fn ordinal(self) -> u32 {
        low_half(self.0)
    }

    #[inline]
    fn matched(self) -> Matched {
        let [.., number, _] = self.0.to_le_bytes();
        Matched::ALL.get(usize::from(number)).copied().unwrap_or(Matched::Name)
    }
}

impl<'h, 'a> IntoIterator for &'h Hits<'a> {
    type Item = Hit<'a>;
    type IntoIter = HitsIter<'h, 'a>;

    fn into_iter(self) -> HitsIter<'h, 'a> {
        self.iter()
    }
}

impl<'a> Iterator for HitsIter<'_, 'a> {
    type Item = Hit<'a>;

    #[inline]
    fn next(&mut self) -> Option<Hit<'a>> {
        Some(self.people.next()?.hit(self.parts?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.people.size_hint()
    }
}

impl ExactSizeIterator for HitsIter<'_, '_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_tells_each_part_of_a_hit() {
        for (number, matched) in Matched::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(matched.number()), number);
            for (ordinal, schema) in [(0, 0), (u32::MAX, 0), (0, u16::MAX), (7, 300), (u32::MAX, u16::MAX)] {
                let met = Met::new(ordinal, schema, matched);
                assert_eq!(
                    (met.ordinal(), met.schema(), met.matched()),
                    (ordinal, schema, matched),
                    "{met:?}"
                );
            }
        }
    }
}
