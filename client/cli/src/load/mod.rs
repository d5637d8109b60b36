//! `persondb load`: many processes look people up at once, and everything is counted.
//!
//! | file | its part |
//! |---|---|
//! | `book`, `csv`, `live` | which keys: a sample of a CSV or of the live generation |
//! | `messages`, `matcher` | messages made of people there are; the loop that matches them (`--match`) |
//! | `keys` | the file of keys that every client reads in step |
//! | `job`, `fleet`, `client` | what parent and clients tell each other; both ends of it |
//! | `looker`, `check`, `pace`, `latency` | the loop that is measured, its checks, its clock, its times |
//! | `roller`, `interrupt` | rolls meanwhile; an early end |
//! | `memory`, `report`, `units` | what each process costs; the result |
//!
//! Each client is a process of its own, because memory that is shared between processes is what there is
//! to show. The parent maps nothing, holds the others together and adds up.

pub(crate) mod book;
mod check;
mod client;
pub(crate) mod csv;
pub(crate) mod fleet;
mod interrupt;
pub(crate) mod job;
mod keys;
mod latency;
mod live;
mod looker;
mod matcher;
pub(crate) mod memory;
mod messages;
mod pace;
pub(crate) mod report;
pub(crate) mod roller;
pub(crate) mod run;
pub(crate) mod units;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use self::job::{Ask, Place, Until};
use self::report::Verdict;
use self::roller::RollPlan;
use self::run::{Keys, Plan, RunError};
use crate::args::{Format, Globals, Via};
use crate::exit::{Exit, Failure};

/// How long a test takes when nothing is said.
const SECONDS: f64 = 10.0;
/// Share of look-ups that find somebody when nothing is said.
const HITS: f64 = 0.5;

/// `persondb load`.
#[derive(Args, Clone, Debug)]
pub(crate) struct LoadArgs {
    /// Take the keys from this CSV and compare sampled answers with it, every column; from the live
    /// generation otherwise
    #[arg(long, value_name = "CSV")]
    pub(crate) people: Option<PathBuf>,
    /// A second CSV with which the data set takes turns during the test: an answer has to equal one of
    /// the two, and all answers of a pin the same one
    #[arg(long, value_name = "CSV", requires = "people")]
    pub(crate) alternate: Option<PathBuf>,
    /// Tenant of rows that name none
    #[arg(long, value_name = "ID", requires = "people")]
    pub(crate) tenant: Option<String>,
    /// Match messages instead of looking addresses up: each to five people of a tenant, from somebody on record
    /// or from a stranger who bears the name of one of them; --hits is the share of senders on record
    #[arg(long = "match", conflicts_with = "alternate")]
    pub(crate) matching: bool,
    /// Client processes
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) clients: u32,
    /// How long (10 s when nothing else ends the test)
    #[arg(long, value_name = "S", value_parser = positive, conflicts_with = "lookups")]
    pub(crate) seconds: Option<f64>,
    /// Look-ups of each client (of each connection with --connections), instead of a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) lookups: Option<u64>,
    /// Look-ups a second of each client, at fixed times whatever the answers take (open loop); as fast as
    /// possible otherwise
    #[arg(long, value_name = "R", value_parser = positive)]
    pub(crate) rate: Option<f64>,
    /// Share of look-ups for somebody who is there, 0 to 1
    #[arg(long, default_value_t = HITS, value_name = "SHARE", value_parser = share)]
    pub(crate) hits: f64,
    /// Look-ups through one pin; with --rate they arrive together, as the addresses of a message do
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) batch: u32,
    /// How the clients reach the data
    #[arg(long, value_enum, default_value_t = Via::Auto)]
    pub(crate) via: Via,
    /// Connections of each client, each with a thread of its own (only --via socket)
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) connections: u32,
    /// Have the daemon roll this often meanwhile (wants operator rights)
    #[arg(long, value_name = "R", value_parser = positive)]
    pub(crate) rolls_per_second: Option<f64>,
    /// Have the daemon roll so many times meanwhile; the test ends after them unless told otherwise
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rolls: Option<u64>,
}

/// Examples for the help of the command.
pub(crate) const EXAMPLES: &str = "\
Ends with 0 only when every look-up was answered and no answer was wrong or mixed generations.

Examples:
  persondb load --seconds 5                                    4 processes, as fast as they can
  persondb load --people people.csv --clients 8 --lookups 1000000 --json
  persondb load --people people.csv --match                    whole messages instead of addresses
  persondb load --rate 20000 --rolls-per-second 2              open loop, while the daemon rolls
  persondb load --via socket --connections 256 --clients 1 --lookups 1000";

/// When this process was started as one of the clients, does that and gives its exit status.
pub(crate) fn run_if_child() -> Option<ExitCode> {
    let argument = std::env::args_os().nth(1)?;
    (argument == fleet::CLIENT_ARGUMENT).then(client::main)
}

/// Runs the test and prints the result.
///
/// # Errors
/// When the test could not be run. What it found is in the exit status.
pub(crate) fn run(globals: &Globals, args: LoadArgs) -> Result<Exit, Failure> {
    let plan = plan(globals, args)?;
    let mut operator = run::Operator::new(&plan.place);
    let report = run::run(&plan, &mut || operator.roll())?;
    match globals.format() {
        Format::Json => report.json(&mut std::io::stdout().lock())?,
        Format::Text => report.text(&mut anstream::stdout().lock())?,
    }
    Ok(match report.verdict() {
        Verdict::Held => Exit::Done,
        Verdict::Unanswered => Exit::Unavailable,
        Verdict::Wrong => Exit::Refused,
    })
}

fn plan(globals: &Globals, args: LoadArgs) -> Result<Plan, Failure> {
    if args.connections > 1 && args.via != Via::Socket {
        return Err(Failure::usage(
            "--connections is for the socket: expected --via socket beside it; a mapped client has no connections \
             to look up over, use --clients",
        ));
    }
    let rolls = (args.rolls.is_some() || args.rolls_per_second.is_some()).then(|| RollPlan {
        every: args.rolls_per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(rate.recip())),
        count: args.rolls,
    });
    let until = match (args.lookups, args.seconds, args.rolls) {
        (Some(lookups), _, _) => Until::Lookups(lookups),
        (None, Some(seconds), _) => Until::Seconds(seconds),
        (None, None, Some(_)) => Until::Told,
        (None, None, None) => Until::Seconds(SECONDS),
    };
    let keys = match args.people {
        Some(people) => {
            Keys::Csv { sides: std::iter::once(people).chain(args.alternate).collect(), tenant: args.tenant }
        }
        None => Keys::Live,
    };
    Ok(Plan {
        place: Place {
            name: globals.name.as_str().to_owned(),
            socket: globals.socket.clone(),
            owner: globals.owner,
            via: args.via.into(),
        },
        ask: if args.matching { Ask::Match } else { Ask::Get },
        keys,
        clients: args.clients,
        connections: args.connections,
        batch: args.batch,
        rate: args.rate,
        hits: args.hits,
        until,
        rolls,
    })
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Input(error) => Self::usage(error),
            RunError::NoKeys => Self::usage(error),
            RunError::Io(_) => Self::refused(error),
            RunError::Fleet(_) | RunError::Place(_) => Self::unavailable(error),
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| (1e-6..=1e9).contains(n));
    number.ok_or_else(|| "expected a number above 0".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| (0.0..=1.0).contains(n));
    number.ok_or_else(|| "expected a share from 0 to 1, such as 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        globals: Globals,
        #[command(flatten)]
        load: LoadArgs,
    }

    fn planned(arguments: &[&str]) -> Result<Plan, String> {
        let line =
            Line::try_parse_from(std::iter::once(&"load").chain(arguments)).map_err(|e| e.to_string())?;
        plan(&line.globals, line.load).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_test_ends_by_what_was_asked_for() {
        let until = |arguments: &[&str]| planned(arguments).unwrap().until;
        assert_eq!(until(&[]), Until::Seconds(SECONDS));
        assert_eq!(until(&["--seconds", "2"]), Until::Seconds(2.0));
        assert_eq!(until(&["--lookups", "7"]), Until::Lookups(7));
        assert_eq!(until(&["--rolls", "3"]), Until::Told);
        assert_eq!(until(&["--rolls", "3", "--seconds", "2"]), Until::Seconds(2.0));
        assert_eq!(until(&["--rolls-per-second", "3"]), Until::Seconds(SECONDS));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for arguments in [
            &["--connections", "2"][..],
            &["--connections", "2", "--via", "map"],
            &["--lookups", "1", "--seconds", "1"],
            &["--alternate", "b.csv"],
            &["--match", "--people", "a.csv", "--alternate", "b.csv"],
            &["--hits", "1.5"],
            &["--rate", "0"],
            &["--rate", "nan"],
            &["--clients", "0"],
            &["--batch", "0"],
        ] {
            assert!(planned(arguments).is_err(), "{arguments:?}");
        }
        assert!(planned(&["--connections", "2", "--via", "socket"]).is_ok());
    }

    #[test]
    fn rolls_are_planned_only_when_asked_for() {
        assert_eq!(planned(&[]).unwrap().rolls, None);
        let every = Duration::from_millis(500);
        let rolls = planned(&["--rolls-per-second", "2", "--rolls", "9"]).unwrap().rolls;
        assert_eq!(rolls, Some(RollPlan { every, count: Some(9) }));
    }
}
