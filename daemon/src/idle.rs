//! Work that takes only time that nobody else wants.
//!
//! Niceness shares time, so whoever wakes up beside a nice process still waits until its turn is over: a
//! millisecond or more, at each look-up of a client that sleeps between messages. A process of the class
//! `SCHED_IDLE` (sched(7)) is interrupted at once. With look-ups at half of a core's capacity in two processes on two
//! cores, 999 of 1,000 took 1.4 ms at most during a build at niceness 10, and 0.08 to 0.13 ms during one that is idle.
//!
//! The way is one-way without privileges, so it is taken in a process or thread of its own; and where nobody leaves
//! time, such work does not end: [`Share`] notices.

use std::time::{Duration, Instant};

use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Makes this thread idle, and those that it starts from here on.
pub(crate) fn be_idle() {
    // Refused, the work takes more of the machine than it should; that is no reason not to do it.
    let _ = set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    );
}

/// Runs `work` on a thread of its own that is idle.
pub(crate) fn while_idle<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            be_idle();
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Shortest time over which a process is judged.
const WINDOW_MIN: Duration = Duration::from_secs(1);
/// And the part of its whole time, 1 in so many: work that is far on is not given up for a moment.
const WINDOW_SHARE: u32 = 4;
/// It is starved when it waits for a processor so many times as long as it runs.
const WAIT_FACTOR: u64 = 4;

/// Watches how much of the machine a process gets.
#[derive(Debug)]
pub(crate) struct Share {
    pid: u32,
    started: Instant,
    since: Instant,
    before: (u64, u64),
}

impl Share {
    /// From now on.
    pub(crate) fn of(pid: u32) -> Self {
        let now = Instant::now();
        Self { pid, started: now, since: now, before: ran_and_waited(pid).unwrap_or_default() }
    }

    /// Whether it has waited nearly all the time since it was last judged. `false` while that is too short a time,
    /// and where the kernel does not tell.
    pub(crate) fn is_starved(&mut self) -> bool {
        let window = self.since.elapsed();
        if window < WINDOW_MIN.max(self.started.elapsed() / WINDOW_SHARE) {
            return false;
        }
        let Some(now) = ran_and_waited(self.pid) else { return false };
        let (ran, waited) = (now.0.saturating_sub(self.before.0), now.1.saturating_sub(self.before.1));
        (self.since, self.before) = (Instant::now(), now);
        is_too_little(window, ran, waited)
    }
}

/// Whether a process that ran and waited for so many nanoseconds in a window got nearly nothing of the machine.
fn is_too_little(window: Duration, ran: u64, waited: u64) -> bool {
    u128::from(waited) > window.as_nanos() / 2 && waited > ran.saturating_mul(WAIT_FACTOR)
}

/// Nanoseconds that the threads of a process ran, and waited for a processor (`/proc/PID/task/TID/schedstat`).
fn ran_and_waited(pid: u32) -> Option<(u64, u64)> {
    let mut sum = (0_u64, 0_u64);
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread that has ended meanwhile.
        let Ok(text) = std::fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
        let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
        let (ran, waited) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        sum = (sum.0.saturating_add(ran), sum.1.saturating_add(waited));
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_four_times_as_long_as_it_runs_gets_too_little() {
        const SECOND: u64 = 1_000_000_000;
        let window = Duration::from_secs(1);
        for (ran, waited, expected) in [
            (SECOND / 100, 2 * SECOND, true),
            (SECOND / 10, SECOND / 2 + 1, true),
            // The near misses: half of a core; asleep on a disk; as much waiting as running, on many threads.
            (SECOND / 2, 2 * SECOND, false),
            (0, SECOND / 2, false),
            (0, 0, false),
            (8 * SECOND, 8 * SECOND, false),
        ] {
            assert_eq!(is_too_little(window, ran, waited), expected, "{ran} {waited}");
        }
    }

    #[test]
    fn the_kernel_tells_of_a_process_and_not_of_none_and_a_window_is_at_least_a_second() {
        let (ran, _) = ran_and_waited(std::process::id()).expect("a process that runs");
        assert!(ran > 0);
        // No process has this number.
        assert_eq!(ran_and_waited(u32::MAX), None);
        assert!(!Share::of(std::process::id()).is_starved());
    }
}
