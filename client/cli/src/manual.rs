//! `completions` and `man`, of both programs: made from the command line's own definition, so that they cannot drift.

use std::fs;
use std::io::Write;

use clap::CommandFactory;
use persondb_daemon::config::Args;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::exit::{Exit, Failure};

/// `persondb completions`.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "persondb", &mut script);
    clap_complete::generate(args.shell, &mut Args::command(), "persondbd", &mut script);
    print(&script)
}

/// `persondb man`.
pub(crate) fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let Some(directory) = &args.directory else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        return print(&page);
    };
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
        .and_then(|()| clap_mangen::generate_to(Args::command(), directory))
        .map_err(|error| {
            Failure::refused(format!(
                "the man pages cannot be written to {}: {error}; check free space and permissions",
                directory.display()
            ))
        })?;
    Ok(Exit::Done)
}

fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(Exit::Done)
}
