//! Requests that are answered later: rolls and roll backs. The event loop never waits for them.

use std::time::{Duration, Instant};

use persondb_protocol::control::{RollUntil, Rolled};

use crate::board::Ticket;

/// Most requests of one connection that wait.
pub(super) const PENDING_COUNT_MAX: usize = 64;
/// Longest time-out that is taken: a client that asks for more asks for this.
const TIMEOUT_MAX: Duration = Duration::from_hours(24);

/// One request that waits.
#[derive(Debug)]
pub(super) struct Pending {
    /// Its connection.
    pub(super) connection: u64,
    /// Its number there.
    pub(super) id: u64,
    /// What the cycle thread knows it by.
    pub(super) ticket: Ticket,
    /// What has to be the case.
    pub(super) until: RollUntil,
    /// When it is refused.
    pub(super) deadline: Instant,
    /// The announcement, once it is made and only clients are missing.
    pub(super) rolled: Option<Rolled>,
}

impl Pending {
    /// A request that waits from now on.
    #[must_use]
    pub(super) fn new(connection: u64, id: u64, ticket: Ticket, until: RollUntil, timeout_ms: u64) -> Self {
        let timeout = Duration::from_millis(timeout_ms).min(TIMEOUT_MAX);
        Self { connection, id, ticket, until, deadline: Instant::now() + timeout, rolled: None }
    }
}
