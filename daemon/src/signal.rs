//! Signals become a named enum, and then orders. signal-hook's handler only writes to a pipe; a thread of
//! our own reads it, so nothing happens in a handler.
//!
//! The kernel merges equal signals that are pending; so do waiting rolls (see [`crate::inbox`]).

use std::io;
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::{Handle, Signals};

use crate::board::{Event, Order, Shared};

/// What an operator can say with `kill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGHUP`: a new cycle.
    Roll,
    /// `SIGUSR1`: the newest retained generation older than the current.
    Rollback,
    /// `SIGUSR2`: a full status into the log.
    LogStatus,
    /// `SIGTERM`, `SIGINT`: stop; what is served stays for the next start.
    Stop,
}

impl Signal {
    /// What a signal number means here.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            SIGHUP => Some(Self::Roll),
            SIGUSR1 => Some(Self::Rollback),
            SIGUSR2 => Some(Self::LogStatus),
            SIGTERM | SIGINT => Some(Self::Stop),
            _ => None,
        }
    }

    /// Hands the signal to whom it concerns. A thread that is gone needs no orders any more.
    fn deliver(self, shared: &Shared) {
        let order = match self {
            Self::Roll => Order::Roll(None),
            Self::Rollback => Order::Rollback { to: None, ticket: None },
            Self::LogStatus => return shared.tell(Event::LogStatus),
            Self::Stop => Order::Stop,
        };
        let _ = shared.orders.send(order);
    }
}

/// Ends the thread when dropped.
#[derive(Debug)]
pub struct SignalThread {
    handle: Handle,
}

impl Drop for SignalThread {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// Delivers every signal from now on.
///
/// # Errors
/// When handlers or the thread cannot be set up.
pub fn listen(shared: Arc<Shared>) -> io::Result<SignalThread> {
    let mut signals = Signals::new([SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT])?;
    let handle = signals.handle();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for number in signals.forever() {
            let Some(signal) = Signal::from_number(number) else { continue };
            tracing::info!(?signal, "signal");
            signal.deliver(&shared);
        }
    })?;
    Ok(SignalThread { handle })
}
