//! How often each value of a column stands in the data: what dictionaries are chosen from.
//!
//! Counted by each working thread for itself and added up at the end. Columns whose values hardly ever repeat
//! (identifiers, addresses, times) are given up early; one that has very many values forgets those that were
//! seen once. Of a large dataset one batch in four is counted: what repeats shows in it just as well.

use compact_str::CompactString;
use hashbrown::HashMap;

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
    counts: HashMap<CompactString, u32>,
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

    /// Counts the columns of a row.
    pub(super) fn add<'f>(&mut self, schema: u16, fields: impl Iterator<Item = &'f str>) {
        for (counter, value) in self.schemas[usize::from(schema)].iter_mut().zip(fields) {
            if !counter.given_up {
                counter.add(value);
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
            match self.counts.get_mut(self.last.as_str()) {
                Some(count) => *count += self.run,
                None => drop(self.counts.insert(CompactString::new(&self.last), self.run)),
            }
            self.run = 0;
            if self.counts.len() >= VALUES_MAX {
                self.counts.retain(|_, count| *count > 1);
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
        for (value, count) in other.counts {
            *self.counts.entry(value).or_default() += count;
        }
    }

    fn into_values(mut self) -> Option<Counted> {
        if self.given_up {
            return None;
        }
        self.flush();
        let mut values: Vec<_> = self.counts.into_iter().collect();
        if self.empty > 0 {
            values.push((CompactString::default(), self.empty));
        }
        values.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        Some(Counted { values, rows: self.rows })
    }
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
                counters.add(0, [common, unique.as_str(), "x"].into_iter());
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
