//! `generate`: which of the files of a made-up dataset to write, and where. What stands in them is the
//! business of [`generate`].

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::args::Globals;
use crate::exit::{Exit, Failure};
use crate::generate::{self, Difficulty, GenerateError, GenerateOptions};
use crate::output::{Output, grouped};
use crate::progress::Bar;

/// `persondb generate`.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// How many people
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    people: u64,
    /// How many tenants; drawn from the usual distribution of sizes by default
    #[arg(long, value_name = "N")]
    tenants: Option<u64>,
    /// Another seed gives other people; the same one the same bytes
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// A later export of the same people, with another title and date in every record
    #[arg(long, default_value_t = 0, value_name = "R")]
    revision: u32,
    /// All columns, with quotes, line breaks, shared addresses, empty and long values
    #[arg(long)]
    hard: bool,
    /// People file; `-` is standard output
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// Also write an aliases file for the same people
    #[arg(long, value_name = "FILE")]
    aliases: Option<PathBuf>,
    /// Also write a domains file for the same tenants
    #[arg(long, value_name = "FILE")]
    domains: Option<PathBuf>,
    /// Also write addresses that look alike and belong to nobody, one a line
    #[arg(long, value_name = "FILE")]
    absent: Option<PathBuf>,
    /// How many of those
    #[arg(long, default_value_t = 10_000, value_name = "N", requires = "absent")]
    absent_count: u64,
}

/// Writes one file of the dataset.
type Writer<'a> = dyn Fn(&mut dyn Write) -> Result<(), GenerateError> + 'a;

/// `persondb generate`.
pub(crate) fn run(globals: &Globals, args: &GenerateArgs) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Line<'a> {
        path: &'a Path,
        people: u64,
    }
    let options = GenerateOptions {
        people: args.people,
        tenants: args.tenants,
        seed: args.seed,
        revision: args.revision,
        difficulty: if args.hard { Difficulty::Hard } else { Difficulty::Realistic },
    };
    let bar = Bar::new(args.people, "people");
    let people = |out: &mut dyn Write| {
        generate::people(&options, out, &mut |rows| bar.set("generating", rows, args.people))
    };
    let aliases = |out: &mut dyn Write| generate::aliases(&options, out);
    let domains = |out: &mut dyn Write| generate::domains(&options, out);
    let absent = |out: &mut dyn Write| generate::absent(&options, args.absent_count, out);
    let files: [(Option<&PathBuf>, &Writer<'_>); 4] = [
        (Some(&args.output), &people),
        (args.aliases.as_ref(), &aliases),
        (args.domains.as_ref(), &domains),
        (args.absent.as_ref(), &absent),
    ];
    for (path, write) in files {
        if let Some(path) = path {
            file(path, write)?;
        }
    }
    drop(bar);
    // The people themselves may be on standard output; then nothing else belongs there.
    if args.output != Path::new("-") {
        let line = Line { path: &args.output, people: args.people };
        Output::stdout(globals.format())
            .put(&line, || format!("{}: {} people\n", line.path.display(), grouped(line.people)))?;
    }
    Ok(Exit::Done)
}

fn file(path: &Path, write: &Writer<'_>) -> Result<(), Failure> {
    if path == Path::new("-") {
        return write(&mut io::stdout().lock()).map_err(failure);
    }
    let refused = |error: io::Error| {
        Failure::refused(format!(
            "{} cannot be written: {error}; check free space and permissions of the folder",
            path.display()
        ))
    };
    let mut out = BufWriter::new(File::create(path).map_err(refused)?);
    write(&mut out).map_err(|error| match error {
        GenerateError::Write(error) => refused(error),
        other => failure(other),
    })?;
    out.flush().map_err(refused)
}

fn failure(error: GenerateError) -> Failure {
    match error {
        GenerateError::Write(error) => Failure::from(error),
        error => Failure::usage(error),
    }
}
