//! A client that was opened before a fork works in every child, whatever the parent's threads were doing.
//!
//! `fork` itself is what this proves, hence the `unsafe`.
#![allow(clippy::unwrap_used, reason = "tests; their helper functions are not seen as such")]

#[path = "../../client/tests/common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::{Daemon, eventually, title};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use persondb_client::{Attached, Client, Via, Watch, Watcher};

/// One test at a time: a child that another test forks while a segment is being written would hold it open.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `child` in a forked child, with a limit on its time, and gives its exit status. The parent does
/// `meanwhile`.
fn in_child(child: impl FnOnce() -> i32, meanwhile: impl FnOnce()) -> i32 {
    // SAFETY: the child runs no code that waits for a lock of a thread that it does not have: the
    // allocator's are made whole by the C library, and that the client's are not waited for is proven here.
    #[expect(unsafe_code, reason = "there is no other way to have a forked child")]
    let forked = unsafe { fork() }.unwrap();
    match forked {
        ForkResult::Child => {
            let status = child();
            // Without destructors of the parent's threads, whose locks may be held.
            #[expect(unsafe_code, reason = "std has no exit without clean-up")]
            // SAFETY: ends the process, touches nothing.
            unsafe {
                nix::libc::_exit(status)
            }
        }
        ForkResult::Parent { child } => {
            meanwhile();
            let start = Instant::now();
            loop {
                match waitpid(child, Some(nix::sys::wait::WaitPidFlag::WNOHANG)).unwrap() {
                    WaitStatus::StillAlive if start.elapsed() > Duration::from_secs(20) => {
                        let _ = nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL);
                        waitpid(child, None).unwrap();
                        panic!("the child hangs");
                    }
                    WaitStatus::StillAlive => std::thread::sleep(Duration::from_millis(1)),
                    WaitStatus::Exited(_, status) => return status,
                    other => panic!("the child ended otherwise: {other:?}"),
                }
            }
        }
    }
}

/// 0 when a child can look up, follow a roll that the parent announces later, and fork again.
fn check_in_child(client: &Client, before: &str, after: &str) -> i32 {
    match title(client) {
        Ok(found) if found == before || found == after => {}
        _ => return 1,
    }
    if client.counters().found != 1 || client.counters().unavailable_sum() != 0 {
        return 2;
    }
    let start = Instant::now();
    while title(client).as_deref() != Ok(after) {
        if start.elapsed() > Duration::from_secs(10) {
            return 3;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if client.counters().unavailable_sum() == 0 { 0 } else { 4 }
}

#[test]
fn children_of_a_busy_parent_look_up_and_follow() {
    let _alone = alone();
    for (via, watch, attached) in [
        (Via::Auto, Watch::Background, Attached::Mapped),
        (Via::Auto, Watch::OnPin, Attached::Mapped),
        (Via::Socket, Watch::Background, Attached::Socket),
    ] {
        let daemon = Daemon::listening();
        daemon.roll("0");
        let client = daemon.client().via(via).watch(watch).open().unwrap();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !ended.load(Ordering::Relaxed) {
                        title(&client).unwrap();
                        let _ = client.status();
                    }
                });
            }
            for turn in 0..20 {
                title(&client).unwrap();
                let (before, after) = (turn.to_string(), (turn + 1).to_string());
                let roll = || {
                    daemon.roll(&after);
                };
                let status = in_child(|| check_in_child(&client, &before, &after), roll);
                ended.store(status != 0, Ordering::Relaxed);
                assert_eq!(status, 0, "{via:?} {watch:?}, turn {turn}");
                eventually("the parent follows", || title(&client).as_deref() == Ok(after.as_str()));
            }
            ended.store(true, Ordering::Relaxed);
        });
        assert_eq!(client.status().attached, attached);
        assert_eq!(client.counters().unavailable_sum(), 0);
    }
}

#[test]
fn a_child_has_a_watcher_of_its_own_and_so_has_a_grandchild() {
    let _alone = alone();
    let daemon = Daemon::listening();
    daemon.roll("one");
    let client = daemon.client().open().unwrap();
    title(&client).unwrap();
    let watched = || client.status().watcher == Watcher::Running && title(&client).as_deref() == Ok("one");
    let status = in_child(
        || {
            if !watched() {
                return 1;
            }
            in_child(|| if watched() { 0 } else { 2 }, || ())
        },
        || (),
    );
    assert_eq!(status, 0);
    assert!(watched());
}

#[test]
fn a_pin_taken_before_the_fork_goes_on_in_the_child() {
    let _alone = alone();
    let daemon = Daemon::listening();
    daemon.roll("one");
    for via in [Via::Map, Via::Socket] {
        let client = daemon.client().via(via).open().unwrap();
        let pin = client.pin().unwrap();
        let found = || pin.get(common::ADDRESS).found().is_some();
        assert!(found());
        assert_eq!(in_child(|| i32::from(!(0..100).all(|_| found())), || ()), 0, "{via:?}");
        // The parent's connection was not used by the child: its answers are still its own.
        assert!((0..100).all(|_| found()), "{via:?}");
    }
}

#[test]
fn a_child_closes_what_it_inherited_of_the_parents_connections() {
    let _alone = alone();
    let mut daemon = Daemon::listening();
    daemon.roll("one");
    let client = daemon.client().open().unwrap();
    let asking = daemon.client().via(Via::Socket).open().unwrap();
    title(&client).unwrap();
    title(&asking).unwrap();
    let sockets = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        links.filter(|link| {
            std::fs::read_link(link.as_ref().unwrap().path())
                .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
        })
    };
    // Those of the daemon in this process stay the same; the two clients' are one each.
    let before = sockets().count();
    let status = in_child(
        || {
            // Looking makes the client whole; `Via::Map` needs no connection to do so.
            let _ = (client.counters(), asking.counters());
            std::thread::sleep(Duration::from_millis(50));
            i32::try_from(before - sockets().count()).unwrap_or(-1)
        },
        || (),
    );
    assert!((1..=2).contains(&status), "{status} of 2 closed (the watcher makes a new one)");
    daemon.stop_listening();
}
