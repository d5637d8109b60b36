//! How long look-ups took, as a histogram that travels between processes.
//!
//! Values are nanoseconds with three significant digits (error at most 0.1 %) from 1 ns to a minute; what
//! took longer counts as a minute. The counters are 32 bits, which keeps a histogram at about 200 KiB: it
//! is part of what a client process costs, and that is being measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest time that is told apart.
const LONGEST_NS: u64 = 60_000_000_000;

/// Latencies of any number of look-ups.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    histogram: Histogram<u32>,
}

/// A histogram between processes: value in nanoseconds and count, of the buckets that are not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Buckets(pub(crate) Vec<(u64, u32)>);

/// What is reported of them. The names are those of the JSON.
#[expect(clippy::struct_field_names, reason = "keys of the contract, with their unit")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    /// Half of the look-ups took at most this long.
    pub(crate) p50_ns: u64,
    /// 99 of 100.
    pub(crate) p99_ns: u64,
    /// 999 of 1,000.
    pub(crate) p999_ns: u64,
    /// All of them.
    pub(crate) max_ns: u64,
}

impl Latencies {
    /// No look-up yet.
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3)
            .expect("1 ns to a minute with three digits are valid bounds");
        Self { histogram }
    }

    /// Counts one look-up.
    pub(crate) fn record(&mut self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.histogram.saturating_record(ns.max(1));
    }

    /// Adds those of another thread or process.
    pub(crate) fn add(&mut self, buckets: &Buckets) {
        for &(ns, count) in &buckets.0 {
            self.histogram.saturating_record_n(ns.max(1), count);
        }
    }

    /// The form that travels.
    pub(crate) fn buckets(&self) -> Buckets {
        let recorded = self.histogram.iter_recorded();
        Buckets(recorded.map(|v| (v.value_iterated_to(), v.count_at_value())).collect())
    }

    /// Percentiles; all 0 when nothing was recorded.
    pub(crate) fn percentiles(&self) -> Percentiles {
        if self.histogram.is_empty() {
            return Percentiles::default();
        }
        Percentiles {
            p50_ns: self.histogram.value_at_quantile(0.5),
            p99_ns: self.histogram.value_at_quantile(0.99),
            p999_ns: self.histogram.value_at_quantile(0.999),
            max_ns: self.histogram.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: u64, expected: u64) -> bool {
        found.abs_diff(expected) * 500 <= expected
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let mut all = Latencies::new();
        for ns in 1..=100_000 {
            all.record(Duration::from_nanos(ns));
        }
        let p = all.percentiles();
        assert!(near(p.p50_ns, 50_000) && near(p.p99_ns, 99_000) && near(p.p999_ns, 99_900), "{p:?}");
        assert!(near(p.max_ns, 100_000), "{p:?}");
    }

    #[test]
    fn two_processes_add_up_to_the_percentiles_of_all() {
        let (mut quick, mut slow, mut sum) = (Latencies::new(), Latencies::new(), Latencies::new());
        for _ in 0..990 {
            quick.record(Duration::from_nanos(200));
        }
        for _ in 0..10 {
            slow.record(Duration::from_millis(3));
        }
        sum.add(&quick.buckets());
        sum.add(&slow.buckets());
        let p = sum.percentiles();
        assert!(near(p.p50_ns, 200) && near(p.p99_ns, 200), "{p:?}");
        assert!(near(p.p999_ns, 3_000_000) && near(p.max_ns, 3_000_000), "{p:?}");
    }

    #[test]
    fn over_a_minute_counts_as_a_minute_and_nothing_as_nothing() {
        let mut all = Latencies::new();
        assert_eq!(all.percentiles(), Percentiles::default());
        all.record(Duration::from_hours(1));
        assert!(near(all.percentiles().max_ns, LONGEST_NS));
    }
}
