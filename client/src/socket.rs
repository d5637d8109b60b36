//! Look-ups over the socket, for clients that cannot map.
//!
//! A small pool of connections: a look-up takes an idle one or makes its own, so threads never wait for
//! each other. A connection that turns out to be dead on first use (the daemon was restarted) is replaced
//! once by a new one; look-ups change nothing, so asking twice is harmless.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use persondb_protocol::Generation;
use persondb_protocol::answer::{Reason, Unavailable};
use persondb_protocol::control::{RefusalKind, Reply, Request};
use persondb_shm::boot_now_ns;

use crate::builder::Settings;
use crate::connection::{Connection, ControlError};

/// Idle connections kept. More are closed when their look-up ends.
const IDLE_COUNT_MAX: usize = 64;

/// Connections that nobody uses at the moment, the last used one last.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Connection>>,
    /// When the load of a generation began, as asked last.
    load: Mutex<Option<Load>>,
}

/// When the load of a generation began. That never changes, so it is asked once for each.
#[derive(Clone, Copy, Debug)]
struct Load {
    generation: Generation,
    started_boot_ns: u64,
}

impl Load {
    fn age(self) -> Duration {
        Duration::from_nanos(boot_now_ns().saturating_sub(self.started_boot_ns))
    }
}

impl Pool {
    /// Asks the daemon.
    pub(crate) fn ask(&self, settings: &Settings, request: &Request) -> Result<Reply, Unavailable> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let is_new = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => Connection::open(settings).map_err(|error| unavailable(&error))?,
            };
            match connection.ask(request.clone(), settings.request_timeout) {
                Ok(reply) => {
                    self.put_back(connection);
                    return Ok(reply);
                }
                // It was idle, and the daemon has gone since: so have the others, which go the same way.
                Err(ControlError::Broken(_)) if !is_new => {}
                Err(error @ ControlError::Refused(_)) => {
                    self.put_back(connection);
                    return Err(unavailable(&error));
                }
                Err(error) => return Err(unavailable(&error)),
            }
        }
    }

    /// Age of a generation; `None` when the daemon no longer serves that one.
    pub(crate) fn age(
        &self,
        settings: &Settings,
        generation: Generation,
    ) -> Result<Option<Duration>, Unavailable> {
        if let Some(age) = self.known_age(generation) {
            return Ok(Some(age));
        }
        let Reply::Status(status) = self.ask(settings, &Request::Status)? else {
            let detail = "the daemon answered another question than its status";
            return Err(Unavailable::new(Reason::Unreachable, detail));
        };
        let (Some(served), Some(age_s)) = (status.generation, status.data_age_s) else { return Ok(None) };
        // What is no duration is older than any limit.
        let age = Duration::try_from_secs_f64(age_s).unwrap_or(Duration::MAX);
        let since = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        let load = Load { generation: served, started_boot_ns: boot_now_ns().saturating_sub(since) };
        *self.load.lock().unwrap_or_else(PoisonError::into_inner) = Some(load);
        Ok((served == generation).then(|| load.age()))
    }

    /// Age of a generation, if it was asked.
    pub(crate) fn known_age(&self, generation: Generation) -> Option<Duration> {
        let load = *self.load.lock().unwrap_or_else(PoisonError::into_inner);
        load.filter(|load| load.generation == generation).map(Load::age)
    }

    /// Closes all idle connections, without waiting for a lock.
    pub(crate) fn abandon(&self) {
        if let Ok(mut idle) = self.idle.try_lock() {
            idle.clear();
        }
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_COUNT_MAX {
            idle.push(connection);
        }
    }
}

/// What trouble with the daemon is to a look-up.
pub(crate) fn unavailable(error: &ControlError) -> Unavailable {
    let reason = match error {
        ControlError::TimedOut(_) => Reason::TimedOut,
        ControlError::Refused(refusal) if refusal.kind == RefusalKind::OverLimit => Reason::OverLimit,
        ControlError::Refused(_) | ControlError::Unreachable { .. } | ControlError::Broken(_) => {
            Reason::Unreachable
        }
    };
    Unavailable::new(reason, error.to_string())
}
