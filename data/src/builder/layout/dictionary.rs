//! Which values of a column get a code of their own.

use std::hash::BuildHasher;

use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::builder::counts::Counted;

use crate::segment::column::bits::width_of;
use crate::segment::column::dictionary::{SLOT_NAMES, fits, size_of_entry};

/// Widest code of a dictionary in bits: a million entries.
const WIDTH_MAX: u32 = 20;

/// So few values are compared one after the other, the most frequent first, before a hash of one is made.
const FEW: usize = 6;

/// Values with codes of their own, most frequent first.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Value and, where the rule does not give it, its slug.
    pub(crate) values: Vec<(CompactString, Option<Box<str>>)>,
    codes: Codes,
    empty: Option<u32>,
    /// A bit for each of the values that has a slug: to look there costs a cache miss, and few have.
    slugged: Vec<u64>,
}

/// Where values are found.
///
/// Values stand packed and the most frequent first, beside a table of their places alone: so most of what is asked
/// for is in the processor's cache, where a map of strings takes 32 bytes a slot and is not.
#[derive(Debug, Default)]
struct Codes {
    /// Places of the records, in units of [`ALIGNMENT`].
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Code (u32), size (u16) and bytes of each value, with zeros to the next unit.
    records: Vec<u8>,
}

/// Then so much text has places of 32 bits as a dictionary can have.
const ALIGNMENT: usize = 8;

impl Codes {
    fn new(values: &[(CompactString, Option<Box<str>>)]) -> Self {
        let mut codes = Self { places: HashTable::with_capacity(values.len()), ..Self::default() };
        for ((value, _), code) in values.iter().zip(0_u32..) {
            let place = u32::try_from(codes.records.len() / ALIGNMENT);
            let (Ok(size), Ok(place)) = (u16::try_from(value.len()), place) else { continue };
            codes.records.extend_from_slice(&code.to_le_bytes());
            codes.records.extend_from_slice(&size.to_le_bytes());
            codes.records.extend_from_slice(value.as_bytes());
            codes.records.resize(codes.records.len().next_multiple_of(ALIGNMENT), 0);
            let Self { places, hasher, records } = &mut codes;
            let hash = |value: &[u8]| hasher.hash_one(value);
            let rehash = |place: &u32| hash(record_at(records, *place).map_or(&[], |record| record.1));
            places.insert_unique(hash(value.as_bytes()), place, rehash);
        }
        codes.records.shrink_to_fit();
        codes
    }

    #[inline]
    fn get(&self, value: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(value.as_bytes());
        let place = self.places.find(hash, |&place| self.code_at(place, value).is_some())?;
        self.code_at(*place, value)
    }

    /// Where a value may be; where there is none, it is not there. Looks at the table alone.
    #[inline]
    fn candidate(&self, value: &str) -> Option<u32> {
        self.places.find(self.hasher.hash_one(value.as_bytes()), |_| true).copied()
    }

    /// The code of a value, if it is the one at this place.
    #[inline]
    fn code_at(&self, place: u32, value: &str) -> Option<u32> {
        record_at(&self.records, place).filter(|record| record.1 == value.as_bytes()).map(|record| record.0)
    }
}

/// Code and value of a record.
#[inline]
fn record_at(records: &[u8], place: u32) -> Option<(u32, &[u8])> {
    let record = records.get(place as usize * ALIGNMENT..)?;
    let (code, record) = record.split_first_chunk()?;
    let (size, record) = record.split_first_chunk()?;
    Some((u32::from_le_bytes(*code), record.get(..usize::from(u16::from_le_bytes(*size)))?))
}

impl Entries {
    /// Code of a value, from 0.
    #[inline]
    pub(crate) fn code(&self, value: &str) -> Option<u32> {
        if value.is_empty() {
            return self.empty;
        }
        if self.values.len() <= FEW {
            return self.values.iter().zip(0..).find(|((known, _), _)| known == value).map(|(_, code)| code);
        }
        self.codes.get(value)
    }

    /// [`code`](Self::code) of many values, `none` where there is none; `values` gives the same ones each time.
    ///
    /// Dictionaries are larger than the nearest caches. Step by step for all values, with little in between, the
    /// processor waits for the memory of several of them at once.
    pub(super) fn codes<'v, V: Iterator<Item = &'v str>>(
        &self,
        values: impl Fn() -> V,
        none: u32,
        codes: &mut [u32],
    ) {
        if self.values.len() <= FEW {
            for (code, value) in codes.iter_mut().zip(values()) {
                *code = self.code(value).unwrap_or(none);
            }
            return;
        }
        for (candidate, value) in codes.iter_mut().zip(values()) {
            *candidate = self.codes.candidate(value).unwrap_or(none);
        }
        let records = &self.codes.records;
        let first = |place: u32| records.get(place as usize * ALIGNMENT).copied().unwrap_or(0);
        // So that the reads are made.
        std::hint::black_box(codes.iter().fold(0, |sum, &place| sum ^ first(place)));
        for (code, value) in codes.iter_mut().zip(values()) {
            let found = match *code {
                _ if value.is_empty() => self.empty,
                candidate if candidate == none => None,
                candidate => self.codes.code_at(candidate, value).or_else(|| self.codes.get(value)),
            };
            *code = found.unwrap_or(none);
        }
    }

    /// The longest entry that `value` begins with up to the end of a word, with its size. Entries of less than
    /// four bytes do not pay.
    pub(crate) fn prefix(&self, value: &str) -> Option<(u32, usize)> {
        let ends = value.char_indices().rev().filter(|&(at, c)| at >= 4 && !c.is_alphanumeric());
        ends.take(12).find_map(|(at, _)| Some((self.code(&value[..at])?, at)))
    }

    /// Gives an entry a slug of its own, or none.
    pub(super) fn set_slug(&mut self, code: u32, slug: Option<Box<str>>) {
        let Some(entry) = self.values.get_mut(code as usize) else { return };
        let place = code as usize / 64;
        if self.slugged.len() <= place {
            self.slugged.resize(place + 1, 0);
        }
        let bit = 1 << (code % 64);
        self.slugged[place] = self.slugged[place] & !bit | if slug.is_some() { bit } else { 0 };
        entry.1 = slug;
    }

    /// The slug stored with an entry.
    #[inline]
    pub(crate) fn slug(&self, code: u32) -> Option<&str> {
        let bits = self.slugged.get(code as usize / 64)?;
        if bits >> (code % 64) & 1 == 0 {
            return None;
        }
        self.values.get(code as usize).and_then(|(_, slug)| slug.as_deref())
    }
}

/// A dictionary for a column, and what it would cost.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) entries: Entries,
    /// Bytes in all: codes, entries and the values that are none.
    pub(super) cost: u64,
}

/// The dictionary that costs least for `people`, of whom these were counted. Where a value is read so often that the
/// way to the tails is worth bytes, `read_cost` says how many of them each value costs that has no code.
pub(super) fn choose(counted: Counted, people: u64, read_cost: u64) -> Choice {
    let Counted { mut values, rows } = counted;
    for (_, count) in &mut values {
        let all = u64::from(*count) * people.max(rows) / rows.max(1);
        *count = u32::try_from(all).unwrap_or(u32::MAX);
    }
    let people: u64 = values.iter().map(|(_, count)| u64::from(*count)).sum();
    let cost_as_text = |(value, count): &(CompactString, u32)| text_cost(value) * u64::from(*count);
    let entry_cost = |value: &str| size_of_entry(SLOT_NAMES, value, None) as u64;
    let (mut text, mut outside) = (values.iter().map(cost_as_text).sum::<u64>(), people);
    // A value that costs more as an entry than wherever it stands is left out, however narrow the codes.
    values.retain(|value| {
        let others = cost_as_text(value) + read_cost * u64::from(value.1);
        fits(&value.0) && entry_cost(&value.0) < others
    });
    let worth = values;
    let widest = width_of(worth.len() as u64 + 1).clamp(1, WIDTH_MAX);
    let mut entries = 0;
    let mut best = (u64::MAX, u64::MAX, 0);
    let mut done = 0;
    for width in 1..=widest {
        let count = worth.len().min((1 << width) - 1);
        for value in &worth[done..count] {
            entries += entry_cost(&value.0);
            text -= cost_as_text(value);
            outside -= u64::from(value.1);
        }
        done = count;
        let bytes = people * u64::from(width) / 8 + entries + text;
        best = best.min((bytes + read_cost * outside, bytes, count));
    }
    let (_, cost, count) = best;
    let entries: Vec<(CompactString, _)> =
        worth.into_iter().take(count).map(|(value, _)| (value, None)).collect();
    let codes = Codes::new(&entries);
    let empty = codes.get("");
    Choice { entries: Entries { values: entries, codes, empty, slugged: Vec::new() }, cost }
}

/// Bytes that a value takes as text, before its codec is known. Other scripts compress less, and a name that
/// has no slug costs its address too.
pub(super) fn text_cost(value: &str) -> u64 {
    let size = value.len() as u64;
    if value.is_ascii() { 1 + size * 5 / 10 } else { 4 + size * 8 / 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(values: &[(&str, u32)]) -> Counted {
        let rows = values.iter().map(|&(_, count)| u64::from(count)).sum();
        Counted { values: values.iter().map(|&(value, count)| (value.into(), count)).collect(), rows }
    }

    #[test]
    fn frequent_values_get_codes_and_unique_ones_stay_text() {
        let mut values = counted(&[("Human Resources", 700_000), ("Legal", 300_000)]);
        values.values.extend((0..500).map(|i| (format!("Something Of Its Own Kind {i}").into(), 1)));
        let as_text: u64 =
            values.values.iter().map(|(value, count)| text_cost(value) * u64::from(*count)).sum();
        let choice = choose(values, 1_000_000, 0);
        assert_eq!(choice.entries.values.len(), 2);
        assert!(choice.cost < as_text / 10);
        assert!(choice.entries.code("Legal").is_some() && choice.entries.code("legal").is_none());
    }

    #[test]
    fn what_is_read_often_has_a_code_where_text_would_take_less() {
        // A byte more a person for names that one in ten has.
        let mut values = counted(&[("Jane", 900_000)]);
        values.values.extend((0..400).map(|i| (format!("Name{i}").into(), 250)));
        let sizes = [0, 8].map(|read_cost| {
            let values = Counted { values: values.values.clone(), rows: values.rows };
            choose(values, 1_000_000, read_cost).entries.values.len()
        });
        assert_eq!(sizes, [1, 401]);
    }

    #[test]
    fn many_values_have_the_codes_that_each_of_them_has() {
        for count in [3, FEW, 500] {
            let mut values = counted(&[("", 900)]);
            values.values.extend((1..count).map(|i| (format!("Department {i}").into(), 800)));
            let entries = choose(values, 400_000, 0).entries;
            assert_eq!(entries.values.len(), count);
            let asked: Vec<_> = (0..2 * count).map(|i| format!("Department {i}")).collect();
            let asked = || asked.iter().map(String::as_str).chain(["", "Department", "department 1"]);
            let mut codes = vec![7; asked().count()];
            entries.codes(asked, u32::MAX, &mut codes);
            for (value, code) in asked().zip(codes) {
                assert_eq!(Some(code).filter(|&code| code != u32::MAX), entries.code(value), "{value}");
                let known = entries.values.iter().position(|(known, _)| known == value);
                assert_eq!(entries.code(value).map(|code| code as usize), known, "{value}");
            }
        }
    }

    #[test]
    fn the_longest_entry_up_to_a_word_is_the_prefix() {
        let entries = choose(counted(&[("Junior Buyer", 60), ("Junior", 50)]), 110, 0).entries;
        let whole = entries.code("Junior Buyer").unwrap();
        assert_eq!(entries.prefix("Junior Buyer - tech 7"), Some((whole, 12)));
        assert_eq!(entries.prefix("Junior Buyers"), Some((entries.code("Junior").unwrap(), 6)));
        assert_eq!(entries.prefix("Juniors"), None);
    }
}
