//! The control channel: one thread, one epoll, every connection non-blocking.
//!
//! # Why one thread
//! A query is a microsecond in the mapping and a few in the kernel, so one thread answers some hundred
//! thousand a second, which is more than the mapped path leaves to it. In exchange there is no lock between
//! connections, and the order of everything is the order of the loop.
//!
//! # Nothing is dropped, nothing grows without limit
//! - The listen queue is the longest the system allows, and is emptied at every turn.
//! - A connection's turn ends after some requests or milliseconds, and goes on after everybody else's.
//! - A connection whose peer does not read is not read either (a bound in `outgoing`).
//! - A connection over the limit is told so before it is closed. One that says no hello in time, stops in the
//!   middle, or is silent without listening or mapping, is closed.

mod answer;
mod connection;
mod limit;
mod outgoing;
mod peers;
mod pending;
mod requests;
mod server;
mod socket;

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::Receiver;

use crate::board::{Event, Order, Shared};
use server::Server;
pub use socket::{ACTIVATION_NAME, ControlSocket, SocketError};

/// The running control thread.
#[derive(Debug)]
pub struct ControlThread {
    thread: JoinHandle<std::io::Result<()>>,
}

impl ControlThread {
    /// Waits for its end.
    ///
    /// # Errors
    /// How it ended, when it was not told to.
    pub fn join(self) -> Result<(), String> {
        match self.thread.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it panicked; this is a bug".into()),
        }
    }
}

/// Starts the control thread. Should it end unasked, the daemon is told to stop: a daemon that nobody can
/// reach is better restarted.
///
/// # Errors
/// When epoll or the thread cannot be set up.
pub fn start(
    shared: Arc<Shared>,
    socket: ControlSocket,
    events: Receiver<Event>,
) -> std::io::Result<ControlThread> {
    let mut server = Server::new(Arc::clone(&shared), socket, events)?;
    let thread = std::thread::Builder::new().name("control".into()).spawn(move || {
        let _end = StopAtEnd(shared);
        server.run()
    })?;
    Ok(ControlThread { thread })
}

/// Runs also when the thread panics.
struct StopAtEnd(Arc<Shared>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        let _ = self.0.orders.send(Order::Stop);
    }
}
