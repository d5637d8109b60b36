//! What the service manager is told. Outside of one (`NOTIFY_SOCKET` unset) all of it does nothing.
//!
//! Told by a thread of its own: sending blocks while the manager's queue is full, and a manager that does
//! not read must not stop a cycle. What waits is bounded, and what does not fit is left out. Nothing here is an
//! error to the daemon: a manager that cannot be told does not make the data worse.

use std::sync::OnceLock;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use sd_notify::NotifyState;

/// Messages that may wait.
const WAITING_COUNT_MAX: usize = 64;
/// How long the last message may take when the daemon stops.
const LAST_WAIT: Duration = Duration::from_secs(1);

enum Note {
    Ready(String),
    Reloading {
        monotonic_us: i128,
    },
    Status(String),
    Watchdog,
    Extend(Duration),
    /// The last one; the sender is dropped once it is told.
    Stopping(#[expect(dead_code, reason = "its drop is the answer")] Sender<()>),
}

/// A generation is served by this process.
pub fn ready(status: &str) {
    send(Note::Ready(status.to_owned()));
}

/// A cycle begins while a generation is served.
pub fn reloading() {
    // The time of the call and not of the sending: newer managers compare it with their own signal.
    if let Ok(NotifyState::MonotonicUsec(monotonic_us)) = NotifyState::monotonic_usec_now() {
        send(Note::Reloading { monotonic_us });
    } else {
        tracing::warn!("the monotonic clock cannot be read");
    }
}

/// One line for `systemctl status`.
pub fn status(text: &str) {
    send(Note::Status(text.to_owned()));
}

/// The daemon is alive.
pub fn watchdog() {
    send(Note::Watchdog);
}

/// The start takes longer, by this much from now.
pub fn extend_timeout(by: Duration) {
    send(Note::Extend(by));
}

/// The daemon goes. Waits a moment for everything to be told.
pub fn stopping() {
    let (told, wait) = bounded(0);
    send(Note::Stopping(told));
    let _ = wait.recv_timeout(LAST_WAIT);
}

/// How often the manager wants to hear of us; `None` when it does not watch.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn send(note: Note) {
    static NOTES: OnceLock<Option<Sender<Note>>> = OnceLock::new();
    let notes = NOTES.get_or_init(|| {
        std::env::var_os("NOTIFY_SOCKET")?;
        let (sender, receiver) = bounded(WAITING_COUNT_MAX);
        let thread = std::thread::Builder::new().name("notify".into()).spawn(move || tell(&receiver));
        thread.ok().map(|_| sender)
    });
    if let Some(notes) = notes
        && notes.try_send(note).is_err()
    {
        tracing::debug!("the service manager does not read; a message was left out");
    }
}

fn tell(notes: &Receiver<Note>) {
    for note in notes {
        let result = match &note {
            Note::Ready(status) => sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)]),
            // Both in one message, as newer managers want it.
            Note::Reloading { monotonic_us } => sd_notify::notify(&[
                NotifyState::Reloading,
                NotifyState::MonotonicUsec(*monotonic_us),
                NotifyState::Status("loading"),
            ]),
            Note::Status(status) => sd_notify::notify(&[NotifyState::Status(status)]),
            Note::Watchdog => sd_notify::notify(&[NotifyState::Watchdog]),
            Note::Extend(by) => {
                let microseconds = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
                sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(microseconds)])
            }
            Note::Stopping(_) => sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]),
        };
        if let Err(error) = result {
            tracing::debug!(%error, "the service manager cannot be told");
        }
    }
}
