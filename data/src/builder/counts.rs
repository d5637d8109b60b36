//! How often each value of a column stands in the data: what dictionaries are chosen from.
//!
//! Counted by each working thread for itself and added up at the end. Columns whose values hardly ever repeat
//! (identifiers, addresses, times) are given up early; one that has very many values forgets those that were
//! seen once. Of a large dataset one batch in four is counted: what repeats shows in it just as well.

use std::hash::BuildHasher;

use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashTable};

/// Rows after which a column shows what it is.
const ROWS_TO_JUDGE: u64 = 8192;
/// Most values of a column that a thread remembers: as many as a hash table of 2^18 slots takes before it doubles.
const VALUES_MAX: usize = (1 << 18) / 8 * 7;

/// Batches that are all counted, some 250,000 rows.
const BATCHES_ALL: u64 = 256;
/// Of later ones, each so many.
const BATCH_STEP: u64 = 4;

/// Whether the rows of this batch are counted.
pub(super) fn is_counted(batch: u64) -> bool {
    batch < BATCHES_ALL || batch.is_multiple_of(BATCH_STEP)
}

/// The values of a column.
pub(super) struct Counted {
    /// Most frequent first.
    pub(super) values: Vec<(CompactString, u32)>,
    /// Rows that were counted.
    pub(super) rows: u64,
}

/// Values of the columns of all schemas.
#[derive(Default)]
pub(super) struct Counters {
    schemas: Vec<Vec<Counter>>,
}

/// Values of one column.
#[derive(Default)]
pub(super) struct Counter {
    counts: Counts,
    /// Rows without a value.
    empty: u32,
    /// The value before, not yet added, and its number.
    last: String,
    run: u32,
    rows: u64,
    given_up: bool,
}

impl Counters {
    /// Columns by schema and place that are worth counting.
    pub(super) fn new(counted: &[Vec<bool>]) -> Self {
        let of_schema = |places: &Vec<bool>| {
            places.iter().map(|&counted| Counter { given_up: !counted, ..Counter::default() }).collect()
        };
        Self { schemas: counted.iter().map(of_schema).collect() }
    }

    /// Counts the columns of some rows, whose values `column` gives by place.
    ///
    /// Column after column: the processor then looks for the next value while it waits for the memory of this one.
    pub(super) fn add<'f, V: Iterator<Item = &'f str>>(&mut self, schema: u16, column: impl Fn(usize) -> V) {
        for (place, counter) in self.schemas[usize::from(schema)].iter_mut().enumerate() {
            if counter.given_up {
                continue;
            }
            for value in column(place) {
                counter.add(value);
                if counter.given_up {
                    break;
                }
            }
        }
    }

    /// Adds what another thread counted.
    pub(super) fn merge(&mut self, other: Self) {
        for (own, other) in self.schemas.iter_mut().flatten().zip(other.schemas.into_iter().flatten()) {
            own.merge(other);
        }
    }

    /// The values of a column, most frequent first; `None` where they hardly repeat.
    pub(super) fn take(&mut self, schema: usize, place: u16) -> Option<Counted> {
        let counter = self.schemas.get_mut(schema)?.get_mut(usize::from(place)).map(std::mem::take)?;
        counter.into_values()
    }
}

impl Counter {
    fn add(&mut self, value: &str) {
        self.rows += 1;
        if value.is_empty() {
            self.empty += 1;
            return;
        }
        if self.run > 0 && self.last == value {
            self.run += 1;
            return;
        }
        self.flush();
        self.last.clear();
        self.last.push_str(value);
        self.run = 1;
        if self.rows.is_multiple_of(ROWS_TO_JUDGE) && self.hardly_repeats() {
            *self = Self { given_up: true, ..Self::default() };
        }
    }

    fn flush(&mut self) {
        if self.run > 0 {
            self.counts.add(&self.last, self.run);
            self.run = 0;
            if self.counts.len() >= VALUES_MAX {
                self.counts.forget_single();
            }
        }
    }

    fn hardly_repeats(&self) -> bool {
        let filled = self.rows - u64::from(self.empty);
        filled >= ROWS_TO_JUDGE / 2 && self.counts.len() as u64 * 8 > filled * 7
    }

    fn merge(&mut self, mut other: Self) {
        if self.given_up || other.given_up {
            *self = Self { given_up: true, ..Self::default() };
            return;
        }
        self.flush();
        other.flush();
        self.rows += other.rows;
        self.empty += other.empty;
        if self.counts.len() < other.counts.len() {
            std::mem::swap(&mut self.counts, &mut other.counts);
        }
        let is_full = self.counts.len() + other.counts.len() > VALUES_MAX;
        for (value, count) in other.counts.iter() {
            if is_full && count == 1 {
                self.counts.add_known(value, count);
            } else {
                self.counts.add(value, count);
            }
        }
    }

    fn into_values(mut self) -> Option<Counted> {
        if self.given_up {
            return None;
        }
        self.flush();
        let mut values: Vec<_> =
            self.counts.iter().map(|(value, count)| (CompactString::new(value), count)).collect();
        if self.empty > 0 {
            values.push((CompactString::default(), self.empty));
        }
        values.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        Some(Counted { values, rows: self.rows })
    }
}

/// Counted values, their text one after the other: 20 bytes a value, where a map of strings takes 40 and more.
/// A build has one of these for each column and thread.
#[derive(Default)]
struct Counts {
    slots: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    /// Size (u16) and bytes of each value.
    text: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Slot {
    /// Where in the text.
    at: u32,
    count: u32,
}

impl Counts {
    fn len(&self) -> usize {
        self.slots.len()
    }

    /// Counts a value; one that no dictionary takes, or that there is no room for, is left out.
    fn add(&mut self, value: &str, count: u32) {
        if self.add_known(value, count) {
            return;
        }
        let Self { slots, hasher, text } = self;
        let (Ok(size), Ok(at)) = (u16::try_from(value.len()), u32::try_from(text.len())) else { return };
        text.extend_from_slice(&size.to_le_bytes());
        text.extend_from_slice(value.as_bytes());
        let hash = |value: &[u8]| hasher.hash_one(value);
        slots.insert_unique(hash(value.as_bytes()), Slot { at, count }, |slot| hash(value_at(text, *slot)));
    }

    /// Counts a value that was met before; tells whether it was.
    fn add_known(&mut self, value: &str, count: u32) -> bool {
        let Self { slots, hasher, text } = self;
        let value = value.as_bytes();
        let known = slots.find_mut(hasher.hash_one(value), |slot| value_at(text, *slot) == value);
        known.map(|slot| slot.count = slot.count.saturating_add(count)).is_some()
    }

    /// Forgets what was met once.
    fn forget_single(&mut self) {
        let mut kept = Self::default();
        for (value, count) in self.iter().filter(|(_, count)| *count > 1) {
            kept.add(value, count);
        }
        *self = kept;
    }

    fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        let text = |slot| std::str::from_utf8(value_at(&self.text, slot)).unwrap_or_default();
        self.slots.iter().map(move |slot| (text(*slot), slot.count))
    }
}

fn value_at(text: &[u8], slot: Slot) -> &[u8] {
    let value = text.get(slot.at as usize..).and_then(|text| {
        let (size, text) = text.split_first_chunk()?;
        text.get(..usize::from(u16::from_le_bytes(*size)))
    });
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up_and_columns_that_hardly_repeat_are_given_up() {
        let counted = vec![vec![true, true, false]];
        let mut sum = Counters::new(&counted);
        for thread in 0..2 {
            let mut counters = Counters::new(&counted);
            for row in 0..10_000 {
                let unique = format!("{thread}-{row}");
                let common = ["", "a", "a", "b"][row % 4];
                counters.add(0, |place| std::iter::once([common, &unique, "x"][place]));
            }
            sum.merge(counters);
        }
        let counted = sum.take(0, 0).unwrap();
        assert_eq!(counted.rows, 20_000);
        assert_eq!(counted.values, [("a".into(), 10_000), ("".into(), 5_000), ("b".into(), 5_000)]);
        assert!(sum.take(0, 1).is_none());
        assert!(sum.take(0, 2).is_none());
    }
}
