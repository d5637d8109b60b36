//! What the cross-process tests share: the real programs, a daemon of one's own, its traces in
//! shared memory.
//!
//! Every [`Daemon`] has a dataset name, socket and folders of its own, so tests run side by side, and
//! removes all of it when it goes out of scope, whatever happened.
#![forbid(unsafe_code)]

mod csv;
mod daemon;
mod programs;

pub use csv::{Table, read_table};
pub use daemon::{Daemon, Setup};
pub use programs::{Output, Programs};
