//! PersonDB beside other ways to look people up: the same CSV, the same questions in the same order, all
//! peers interleaved in one run, so that what the machine does meanwhile hits all of them alike.
//!
//! | module | what it holds |
//! |---|---|
//! | [`rows`], [`record`] | the CSV in memory while peers are built; how peers without columns store a row |
//! | [`questions`] | addresses to ask for: hits, and misses that look alike |
//! | [`peer`], [`fence`] | what a peer can do, and the loops that are timed |
//! | [`peers`] | one file for each of them |
//! | [`run`] | build, check, time in rounds |
//! | [`figures`], [`machine`] | what was measured, and where |
//! | [`served`] | `PersonDB` in shared memory, with a client that maps it |
//! | [`message`] | matching of messages beside a single look-up |
//! | [`packed`] | how small the CSV gets |
//! | [`text`], [`svg`], [`curve`] | table, chart, size against time; JSON is the figures as they are |

mod curve;
mod fence;
mod figures;
mod machine;
mod message;
mod packed;
mod peer;
mod peers;
mod questions;
mod record;
mod rows;
mod run;
mod served;
mod svg;
mod text;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use clap::builder::PossibleValuesParser;

/// Look-ups in PersonDB and its peers, timed in one run over one CSV.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// People: CSV with a header line and the columns `email` and `display_name`.
    #[arg(long, value_name = "FILE")]
    people: PathBuf,
    /// Look-ups of one timed loop; servers get fewer, the same number for each of their loops.
    #[arg(long, value_name = "N", default_value_t = 400_000, value_parser = clap::value_parser!(u32).range(1..))]
    lookups: u32,
    /// Rounds: every peer runs every loop once in each.
    #[arg(long, value_name = "R", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seed of the questions.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Only these peers; ratios need `hashbrown` among them.
    #[arg(long, value_name = "PEER", value_delimiter = ',', value_parser = PossibleValuesParser::new(peers::ALL.map(|entry| entry.name)))]
    only: Vec<String>,
    /// Folder for the peers' files while it runs; they should fit into memory. A temporary one by default.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Socket of a `persondbd` that serves the same CSV, for the look-ups over a socket.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Dataset of that daemon.
    #[arg(long, value_name = "NAME", default_value = "default")]
    name: String,
    /// Also compress the CSV as `zstd -19` does and compare `PersonDB`'s segment with it; takes minutes.
    #[arg(long)]
    zstd: bool,
    /// Instead of all this: time matching of messages beside a single look-up, `PersonDB` alone.
    #[arg(long)]
    message: bool,
    /// Also write the figures here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write a chart here.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Also write here how many bytes a person buy which time of a hit, as a chart.
    #[arg(long, value_name = "FILE")]
    curve: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if args.message {
        print!("{}", message::run(&args)?);
        return Ok(());
    }
    let results = run::run(&args)?;
    print!("{}", text::text(&results));
    if let Some(path) = &args.json {
        let mut json = serde_json::to_vec_pretty(&results)?;
        json.push(b'\n');
        fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    for (path, chart) in [(&args.svg, svg::svg as fn(&_) -> _), (&args.curve, curve::svg)] {
        if let Some(path) = path {
            fs::write(path, chart(&results))
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    Ok(())
}
