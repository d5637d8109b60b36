//! `cleanup`: removes what a stopped daemon left in shared memory.

use persondb_daemon::retention::{self, Removed};
use serde::Serialize;

use crate::args::{CleanupArgs, Globals};
use crate::exit::{Exit, Failure, complain};
use crate::output::{Output, grouped};

/// What was removed, and what could not be.
#[derive(Serialize)]
struct Line {
    removed: Vec<String>,
    bytes: u64,
    foreign: Vec<Foreign>,
}

/// An object that another user made.
#[derive(Serialize)]
struct Foreign {
    name: String,
    uid: u32,
}

/// `persondb cleanup`.
pub(crate) fn run(globals: &Globals, args: &CleanupArgs) -> Result<Exit, Failure> {
    let removed = match &args.state_dir {
        Some(folder) => retention::cleanup_in(&globals.name, folder),
        None => retention::cleanup(&globals.name),
    };
    let Removed { names, bytes, foreign } = removed.map_err(Failure::refused)?;
    let foreign: Vec<_> = foreign.into_iter().map(|(name, uid)| Foreign { name, uid }).collect();
    let line = Line { removed: names, bytes, foreign };
    Output::stdout(globals.format()).put(&line, || {
        if line.removed.is_empty() {
            return format!("nothing of dataset {} to remove\n", globals.name);
        }
        format!(
            "removed {}\n{} bytes in all; a client that still maps them keeps them until it lets go\n",
            line.removed.join("\nremoved "),
            grouped(line.bytes)
        )
    })?;
    let Some(first) = line.foreign.first() else {
        return Ok(Exit::Done);
    };
    complain(&format!(
        "expected objects of this user, found {} that belong to others, the first {} to user {}; run it as that user or as root",
        line.foreign.len(),
        first.name,
        first.uid
    ));
    Ok(Exit::Refused)
}
