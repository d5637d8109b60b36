//! The daemon: loads people, builds a generation in shared memory, announces it.
//!
//! | module | its part |
//! |---|---|
//! | [`config`] | flags and file → what to do |
//! | [`service`] | the whole: threads, start, stop |
//! | [`cycle`] | one attempt: load → build → freeze → verify → validate → announce |
//! | [`worker`], [`admission`] | the build in a process of its own; memory asked for first |
//! | `idle` | work that nobody waits for |
//! | [`verify`], [`validate`] | the bytes through the client's reader; the data against the operator's rules |
//! | [`adopt`], [`rollback`], [`retention`] | generations that are there already |
//! | [`alive`] | whether another daemon is |
//! | [`control`] | the socket server |
//! | [`board`], [`served`], [`inbox`], [`state`] | what the threads share; one generation; orders; what survives |
//! | [`signal`], [`notify`], [`log`], [`status`] | the operator's and the service manager's ways in and out |
//!
//! A program becomes a daemon in three lines; the first makes it able to build:
//!
//! ```no_run
//! # use std::process::ExitCode;
//! # use persondb_daemon::{config::{Args, Config}, service, worker};
//! fn main() -> ExitCode {
//!     if let Some(end) = worker::run_if_child() {
//!         return end;
//!     }
//!     let args = Args { people: vec!["people.csv".into()], ..Args::default() };
//!     let config = Config::resolve(&args).expect("the flags are right");
//!     service::run(config).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
//! }
//! ```
#![forbid(unsafe_code)]

pub mod admission;
pub mod adopt;
pub mod alive;
pub mod board;
pub mod check;
pub mod config;
pub mod control;
pub mod cycle;
mod idle;
pub mod inbox;
pub mod log;
pub mod notify;
pub mod report;
pub mod retention;
pub mod rollback;
pub mod served;
pub mod service;
pub mod signal;
pub mod state;
pub mod status;
pub mod validate;
pub mod verify;
pub mod worker;
