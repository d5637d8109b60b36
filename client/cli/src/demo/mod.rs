//! `persondb demo`: all of it at work, with one command and without any set-up.
//!
//! | file | its part |
//! |---|---|
//! | `play` | the steps, and what they are to show |
//! | `messages` | the steps with messages |
//! | `scene` | the private folder, the data, the daemon; and that nothing of it is left |
//! | `daemon` | this program as the daemon |
//! | `screen` | what is printed |
//!
//! Everything is real: the daemon is a process that builds and announces, the look-ups are typed as a
//! person would type them, the clients are those of `persondb load`. Only the name of the dataset is made
//! up, so that a demo disturbs nobody and two can run at once.

mod daemon;
mod messages;
mod play;
mod scene;
mod screen;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::play::Play;
use self::scene::Scene;
use self::screen::Screen;
use crate::args::{Format, Globals};
use crate::exit::{Exit, Failure};

/// `persondb demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// Made-up people
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=20_000_000))]
    people: u64,
    /// Show it with these people instead
    #[arg(long, value_name = "CSV", conflicts_with = "people")]
    people_file: Option<PathBuf>,
    /// Tenant of rows that name none
    #[arg(long, value_name = "ID", requires = "people_file")]
    tenant: Option<String>,
    /// Client processes
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    clients: u32,
    /// How long the clients look up, about
    #[arg(long, default_value_t = 6, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
}

/// Examples for the help of the command.
pub(crate) const EXAMPLES: &str = "\
Starts a daemon on made-up people, looks some up, matches messages, then has several processes do both
without pause while the data is exchanged under them, and shows what each process costs in memory. Removes everything it made.
Ends with 0 only when all of that held.

Examples:
  persondb demo
  persondb demo --people 1000000 --clients 8
  persondb demo --people-file people.csv --json";

/// When this process was started as the demo's daemon, is that and gives its exit status.
pub(crate) fn run_if_child() -> Option<ExitCode> {
    let argument = std::env::args_os().nth(1)?;
    (argument == daemon::DAEMON_ARGUMENT).then(daemon::main)
}

/// Shows it, takes everything away again, and says whether all held.
///
/// # Errors
/// When it could not be shown to its end; everything is taken away all the same.
pub(crate) fn run(globals: &Globals, args: DemoArgs) -> Result<Exit, Failure> {
    let mut screen = Screen::new(globals.format());
    let scene = Scene::set()
        .map_err(|error| Failure::refused(format!("the demo has no place: {error}; check TMPDIR")))?;
    let played = Play { args, scene: &scene }.run(&mut screen);
    let left = scene.take_away();
    let mut shown = played?;
    shown.left_behind = left;
    shown.held &= shown.left_behind.is_empty();
    screen.end(&shown)?;
    if globals.format() == Format::Json {
        serde_json::to_writer(std::io::stdout().lock(), &shown).map_err(std::io::Error::from)?;
        println!();
    }
    Ok(if shown.held { Exit::Done } else { Exit::Refused })
}
