//! `persondb`: look people up, operate the daemon, try and measure.
//!
//! Each command is a function of the common options and its own that gives an [`Exit`](exit::Exit); this
//! file only sends one to the other.
#![forbid(unsafe_code)]

mod args;
mod ask;
mod build;
mod check;
mod cleanup;
mod demo;
mod exit;
mod generate;
mod load;
mod lookup;
mod manual;
mod matching;
mod operate;
mod output;
mod progress;
mod render;
mod segment;
mod status;
mod synthesize;

use std::process::{ExitCode, Termination};

use clap::Parser;

use crate::args::{Cli, Command};
use crate::exit::Failure;

fn main() -> ExitCode {
    // The daemon of a demo builds in a child process, and a load test looks up in several: all of them are
    // this program again.
    let child =
        persondb_daemon::worker::run_if_child().or_else(load::run_if_child).or_else(demo::run_if_child);
    if let Some(ended) = child {
        return ended;
    }
    let Cli { globals, command } = Cli::parse();
    let done = match command {
        Command::Get(args) => lookup::get(&globals, &args),
        Command::Person(args) => lookup::person(&globals, &args),
        Command::Name(args) => lookup::name(&globals, &args),
        Command::Domain(args) => lookup::domain(&globals, &args),
        Command::Match(args) => matching::run(&globals, &args),
        Command::Status => status::run(&globals),
        Command::Roll(args) => operate::roll(&globals, &args),
        Command::Rollback(args) => operate::rollback(&globals, &args),
        Command::Hold => operate::hold(&globals),
        Command::Release => operate::release(&globals),
        Command::Generations => operate::generations(&globals),
        Command::Clients => operate::clients(&globals),
        Command::Cleanup(args) => cleanup::run(&globals, &args),
        Command::Check(args) => check::run(&globals, &args),
        Command::Build(args) => build::run(&globals, &args),
        Command::Verify(args) => segment::verify(&globals, &args),
        Command::Inspect(args) => segment::inspect(&globals, &args),
        Command::Generate(args) => synthesize::run(&globals, &args),
        Command::Load(args) => load::run(&globals, args),
        Command::Demo(args) => demo::run(&globals, args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    };
    done.unwrap_or_else(Failure::report).report()
}
