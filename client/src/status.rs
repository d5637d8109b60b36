//! [`ClientStatus`]: how a client stands, for logs, health checks and people.

use std::time::Duration;

use persondb_protocol::Generation;

use crate::counters::Counters;

/// How a client stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStatus {
    /// How look-ups reach the data now.
    pub attached: Attached,
    /// Why they do not go through a mapping, where they do not.
    pub why_not_mapped: Option<String>,
    /// Why the last attempt to map what is announced failed; `None` when it is mapped. An older generation
    /// goes on answering meanwhile, for some attempts, then the socket, if there is one.
    pub move_error: Option<String>,
    /// Generation that is mapped.
    pub generation: Option<Generation>,
    /// Age of what is mapped, counted from the start of its load.
    pub age: Option<Duration>,
    /// Age of the daemon's last sign of life, where it can be seen. It is given each second; without one
    /// the mapped data goes on answering.
    pub heartbeat_age: Option<Duration>,
    /// Who notices new generations.
    pub watcher: Watcher,
    /// Older generations that this process still keeps mapped: a pin that is held, or a thread that has
    /// not looked anything up since. Their memory is freed when those let go.
    pub held: Vec<HeldGeneration>,
    /// What all look-ups came to.
    pub counters: Counters,
}

/// How look-ups reach the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// Mapped into this process.
    Mapped,
    /// Asked of the daemon.
    Socket,
    /// Not at all: every pin is "cannot say".
    Nothing,
}

/// Who notices new generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// A thread of the client.
    Running,
    /// Each pin.
    Pins,
}

/// An older generation that is still mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldGeneration {
    /// Its number.
    pub generation: Generation,
    /// Bytes of its segment.
    pub bytes: u64,
}
