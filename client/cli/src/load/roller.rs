//! Rolls while the clients look up.

use std::time::{Duration, Instant};

/// How often to roll, and how many times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RollPlan {
    /// Time from one start to the next; one after the other when a roll takes longer.
    pub(crate) every: Duration,
    /// Rolls in all; until the clients are done when `None`.
    pub(crate) count: Option<u64>,
}

/// What came of the rolls.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rolls {
    /// Announced.
    pub(crate) done: u64,
    /// Not announced.
    pub(crate) failed: u64,
    /// Longest, in seconds.
    pub(crate) seconds_max: f64,
    /// Why the first few failed.
    pub(crate) failures: Vec<String>,
}

/// Rolls that are under way according to a plan.
#[derive(Debug)]
pub(crate) struct Roller {
    plan: RollPlan,
    next: Instant,
    rolls: Rolls,
}

impl Roller {
    /// The first roll is due at once.
    pub(crate) fn new(plan: RollPlan) -> Self {
        Self { plan, next: Instant::now(), rolls: Rolls::default() }
    }

    /// When the next roll is due; `None` when all are done.
    pub(crate) fn due(&self) -> Option<Instant> {
        let over = self.plan.count.is_some_and(|count| self.rolls.done + self.rolls.failed >= count);
        (!over).then_some(self.next)
    }

    /// Rolls once; `roll` gives the reason when it was not announced.
    pub(crate) fn roll(&mut self, roll: &mut dyn FnMut() -> Result<(), String>) {
        let start = Instant::now();
        match roll() {
            Ok(()) => self.rolls.done += 1,
            Err(reason) => {
                self.rolls.failed += 1;
                if self.rolls.failures.len() < 5 {
                    self.rolls.failures.push(format!("roll failed: {reason}"));
                }
            }
        }
        let now = Instant::now();
        self.rolls.seconds_max = self.rolls.seconds_max.max((now - start).as_secs_f64());
        // What was missed is not made up for: the rate is an upper bound.
        self.next = (self.next + self.plan.every).max(now);
    }

    /// What came of it.
    pub(crate) fn finish(self) -> Rolls {
        self.rolls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planned_number_is_rolled_whether_they_succeed_or_not() {
        let mut roller = Roller::new(RollPlan { every: Duration::ZERO, count: Some(3) });
        let mut calls = 0;
        while roller.due().is_some() {
            roller.roll(&mut || {
                calls += 1;
                if calls == 2 { Err("held".into()) } else { Ok(()) }
            });
        }
        let rolls = roller.finish();
        assert_eq!((calls, rolls.done, rolls.failed), (3, 2, 1));
        assert_eq!(rolls.failures, ["roll failed: held"]);
    }

    #[test]
    fn a_slow_roll_delays_the_next_and_is_not_made_up_for() {
        let every = Duration::from_millis(2);
        let mut roller = Roller::new(RollPlan { every, count: None });
        let start = Instant::now();
        roller.roll(&mut || {
            std::thread::sleep(Duration::from_millis(10));
            Ok(())
        });
        assert!(roller.due().unwrap() >= start + Duration::from_millis(10));
        roller.roll(&mut || Ok(()));
        assert!(roller.due().unwrap() + every >= Instant::now());
        assert!(roller.finish().seconds_max >= 0.01);
    }
}
