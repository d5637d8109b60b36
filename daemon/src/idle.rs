//! Work that takes only time that nobody else wants.
//!
//! Niceness shares time, so whoever wakes up beside a nice process still waits until its turn is over: a
//! millisecond or more, at each look-up of a client that sleeps between messages. A process of the class
//! `SCHED_IDLE` (sched(7)) is interrupted at once. With look-ups at half of a core's capacity in two processes on two
//! cores, 999 of 1,000 took 1.4 ms at most during a build at niceness 10 and 60 microseconds during one that is idle.
//!
//! The way is one-way without privileges, so it is taken in a process or thread of its own; and where nobody leaves
//! time, such work does not end.

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
