//! The operator's commands: what is said to a running daemon, and its answer.
//!
//! A question that finds no daemon ends with 3; a command that the daemon refuses, or that is not done in
//! time, with 4 and the daemon's own reason.

use persondb_client::{Control, ControlError};
use persondb_protocol::Generation;
use persondb_protocol::control::{RefusalKind, RollUntil, Rolled};
use persondb_protocol::status::{ClientInfo, GenerationInfo};
use serde::Serialize;

use crate::args::{Globals, RollArgs, RollbackArgs};
use crate::ask::builder;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Plain, grouped};

/// `persondb roll`.
pub(crate) fn roll(globals: &Globals, args: &RollArgs) -> Result<Exit, Failure> {
    let until = if args.wait { RollUntil::Moved } else { RollUntil::Announced };
    announced(globals, &connect(globals)?.roll(until, args.timeout).map_err(command)?)
}

/// `persondb rollback`.
pub(crate) fn rollback(globals: &Globals, args: &RollbackArgs) -> Result<Exit, Failure> {
    announced(globals, &connect(globals)?.rollback(args.to).map_err(command)?)
}

/// `persondb hold`.
pub(crate) fn hold(globals: &Globals) -> Result<Exit, Failure> {
    connect(globals)?.hold().map_err(command)?;
    held(globals, "announcements are held; `persondb release` allows them again")
}

/// `persondb release`.
pub(crate) fn release(globals: &Globals) -> Result<Exit, Failure> {
    connect(globals)?.release().map_err(command)?;
    held(globals, "announcements are allowed again")
}

/// `persondb generations`.
pub(crate) fn generations(globals: &Globals) -> Result<Exit, Failure> {
    let all = connect(globals)?.generations().map_err(question)?;
    let header = ["GENERATION", "STATE", "PEOPLE", "BYTES", "CLIENTS", "BUILT"];
    Output::stdout(globals.format()).list(&all, &header, |one: &GenerationInfo| {
        vec![
            one.generation.to_string(),
            Plain(&one.state).to_string(),
            grouped(one.people),
            grouped(one.bytes),
            one.clients.to_string(),
            Plain(&one.built_at).to_string(),
        ]
    })?;
    Ok(Exit::Done)
}

/// `persondb clients`.
pub(crate) fn clients(globals: &Globals) -> Result<Exit, Failure> {
    let all = connect(globals)?.clients().map_err(question)?;
    let header = ["PID", "UID", "GENERATION", "REQUESTS", "CONNECTED S", "SUBSCRIBED", "PROGRAM"];
    Output::stdout(globals.format()).list(&all, &header, |one: &ClientInfo| {
        vec![
            one.pid.to_string(),
            one.uid.to_string(),
            one.generation.map_or_else(|| "-".to_owned(), |generation| generation.to_string()),
            grouped(one.requests),
            format!("{:.0}", one.connected_s),
            if one.subscribed { "yes" } else { "no" }.to_owned(),
            format!("{} {}", Plain(&one.program), Plain(&one.version)),
        ]
    })?;
    Ok(Exit::Done)
}

/// A connection to the daemon.
pub(crate) fn connect(globals: &Globals) -> Result<Control, Failure> {
    builder(globals).control().map_err(question)
}

/// A question to the daemon that was not answered: nobody can say.
pub(crate) fn question(error: ControlError) -> Failure {
    match error {
        ControlError::Refused(refusal) if refusal.kind != RefusalKind::Version => Failure::refused(refusal),
        error => Failure::unavailable(error),
    }
}

/// A command to the daemon that was not carried out, or not in time.
fn command(error: ControlError) -> Failure {
    match error {
        error @ ControlError::TimedOut(_) => Failure::refused(error),
        error => question(error),
    }
}

fn announced(globals: &Globals, rolled: &Rolled) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Line {
        generation: Generation,
        seconds: f64,
        rows: u64,
        rejected: u64,
        warnings: u64,
    }
    let &Rolled { generation, seconds, rows, rejected, warnings } = rolled;
    Output::stdout(globals.format()).put(&Line { generation, seconds, rows, rejected, warnings }, || {
        if rows == 0 {
            return format!("generation {generation} is announced\n");
        }
        format!(
            "generation {generation} is announced, {} rows in {seconds:.1} s, {} rejected, {} warnings\n",
            grouped(rows),
            grouped(rejected),
            grouped(warnings)
        )
    })?;
    Ok(Exit::Done)
}

fn held(globals: &Globals, text: &str) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Line {
        held: bool,
    }
    // What the daemon says now, not what was asked for: somebody else may be at it too.
    let held = connect(globals)?.status().map_err(question)?.held;
    Output::stdout(globals.format()).put(&Line { held }, || format!("{text}\n"))?;
    Ok(Exit::Done)
}
