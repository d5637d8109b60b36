//! The two clocks: boot time for ages, wall time for display.
//!
//! Boot time (`CLOCK_BOOTTIME`) is the same in every process of the machine, never jumps, and goes on
//! while the machine sleeps, so data that slept through a night is as old as it is. It starts again at
//! every boot, which is also when `/dev/shm` is empty again.

use std::time::SystemTime;

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since the machine was booted, suspended time included.
#[must_use]
pub fn boot_now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has had CLOCK_BOOTTIME since 2.6.39");
    let seconds = u64::try_from(now.tv_sec()).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// Nanoseconds since 1970 by the wall clock, which may jump: for display only.
#[must_use]
pub fn wall_now_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_advances_and_is_not_wall_time() {
        let before = boot_now_ns();
        assert!(before > 0);
        assert!(boot_now_ns() >= before);
        assert!(wall_now_ns() > 1_600_000_000_000_000_000, "the wall clock counts from 1970");
    }
}
