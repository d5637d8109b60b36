//! When the next look-up is due, and what reading the clock costs.
//!
//! In an open loop look-ups are due at fixed times whatever the answers take, and a look-up's time counts
//! from when it was *due*: a stall of a millisecond is then seen by everybody who would have asked during
//! it, instead of by the one who happened to ask ("coordinated omission").

use std::time::{Duration, Instant};

/// Sleeping [precisely](sleep_precisely) wakes up later than asked by less than this; the rest is waited for awake.
const SLEEP_SLACK: Duration = Duration::from_micros(4);

/// Due times of one client's look-ups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    start: Instant,
    interval: Duration,
    count: u32,
}

impl Pace {
    /// `per_second` look-ups a second, the first after `phase` of an interval (0 to 1), so that several
    /// clients do not ask at the same moments. `None` for a rate that is no rate.
    pub(crate) fn new(start: Instant, per_second: f64, phase: f64) -> Option<Self> {
        let interval = Duration::try_from_secs_f64(per_second.recip()).ok().filter(|d| !d.is_zero())?;
        Some(Self { start: start + interval.mul_f64(phase.clamp(0.0, 1.0)), interval, count: 0 })
    }

    /// When the next look-up is due; the one after is due an interval later.
    pub(crate) fn next_due(&mut self) -> Instant {
        // Starting anew keeps the product within its range, and the steps free of rounding.
        if self.count == 1 << 16 {
            self.start += self.interval * self.count;
            self.count = 0;
        }
        let due = self.start + self.interval * self.count;
        self.count += 1;
        due
    }
}

/// Waits until `due`; returns at once when that has passed.
pub(crate) fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        match left.checked_sub(SLEEP_SLACK) {
            Some(sleep) if !sleep.is_zero() => std::thread::sleep(sleep),
            // Not by yielding: whoever yields waits until the others have used their time, milliseconds.
            _ => std::hint::spin_loop(),
        }
    }
}

/// Has this thread's sleep end when it should, and not up to 50 µs later to save wake-ups.
pub(crate) fn sleep_precisely() {
    // Where the kernel refuses, sleep ends later, and what is late is counted as such.
    let _ = nix::sys::prctl::set_timerslack(1);
}

/// Nanoseconds that one reading of the clock takes here: the median of many short series.
///
/// A look-up timed on its own contains about one of these.
pub(crate) fn clock_ns() -> f64 {
    const SERIES: usize = 101;
    const READS: u32 = 64;
    let mut series: Vec<f64> = (0..SERIES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..READS {
                std::hint::black_box(Instant::now());
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(READS + 1)
        })
        .collect();
    series.sort_by(f64::total_cmp);
    series[SERIES / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_ups_are_due_at_the_rate_without_drift() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 1000.0, 0.0).unwrap();
        let due: Vec<Instant> = (0..200_001).map(|_| pace.next_due()).collect();
        assert_eq!(due[0], start);
        assert_eq!(due[1] - start, Duration::from_millis(1));
        assert_eq!(due[200_000] - start, Duration::from_secs(200));
    }

    #[test]
    fn a_stall_does_not_move_what_is_due() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 10_000.0, 0.5).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(pace.next_due() - start, Duration::from_micros(50));
        assert_eq!(pace.next_due() - start, Duration::from_micros(150));
    }

    #[test]
    fn no_rate_is_no_pace() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Pace::new(Instant::now(), rate, 0.0).is_none(), "{rate}");
        }
    }

    #[test]
    fn waiting_ends_when_due_and_not_before() {
        let due = Instant::now() + Duration::from_millis(3);
        wait_until(due);
        assert!(Instant::now() >= due);
        wait_until(due);
    }

    #[test]
    fn reading_the_clock_costs_something_below_ten_microseconds() {
        let ns = clock_ns();
        assert!(ns > 0.1 && ns < 10_000.0, "{ns}");
    }
}
