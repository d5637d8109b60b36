//! `build`: a segment in a file, and the same in memory for `check` and offline look-ups.
//!
//! The segment is made in memory and written in one go, so this needs room for all of it; in return it
//! is the daemon's own builder, and a file appears only when it is complete.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use persondb_data::builder::{BuildError, BuildOptions};
use persondb_data::input::{InputSpec, Report};
use persondb_protocol::Generation;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::args::{BuildArgs, Globals, InputArgs, column_table};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Plain, grouped};
use crate::progress::Bar;

/// What was built. `rows` and the rest are the report of the input.
#[derive(Serialize)]
struct Built<'a> {
    path: &'a Path,
    segment_bytes: usize,
    rows: u64,
    accepted: u64,
    rejected: u64,
}

/// `persondb build`.
pub(crate) fn run(globals: &Globals, args: &BuildArgs) -> Result<Exit, Failure> {
    let (bytes, report) = in_memory(&spec(&args.input), args.input.rejects.clone())?;
    write(&args.output, &bytes).map_err(|error| {
        Failure::refused(format!(
            "{} cannot be written: {error}; check free space and permissions of the folder",
            args.output.display()
        ))
    })?;
    let built = Built {
        path: &args.output,
        segment_bytes: bytes.len(),
        rows: report.rows,
        accepted: report.accepted,
        rejected: report.rejected,
    };
    Output::stdout(globals.format()).put(&built, || {
        format!(
            "{}: {} bytes, from {} rows ({} rejected)\n",
            Plain(&args.output.to_string_lossy()),
            grouped(bytes.len() as u64),
            grouped(report.rows),
            grouped(report.rejected),
        )
    })?;
    Ok(Exit::Done)
}

/// The input that the arguments name.
pub(crate) fn spec(args: &InputArgs) -> InputSpec {
    InputSpec {
        people: args.people.clone(),
        aliases: args.aliases.clone(),
        domains: args.domains.clone(),
        tenant: args.tenant.clone(),
        preset: args.preset,
        columns: column_table(&args.columns),
        ..InputSpec::default()
    }
}

/// Builds a segment of generation 0 in memory, with a bar when it takes long.
pub(crate) fn in_memory(spec: &InputSpec, rejects: Option<PathBuf>) -> Result<(Vec<u8>, Report), Failure> {
    attempt(spec, rejects).map_err(|error| match error {
        BuildError::Target(_) => Failure::refused(error),
        _ => Failure::usage(error),
    })
}

/// The same with the builder's own word when it fails.
pub(crate) fn attempt(spec: &InputSpec, rejects: Option<PathBuf>) -> Result<(Vec<u8>, Report), BuildError> {
    let options = BuildOptions {
        generation: Generation(0),
        load_started_boot_ns: persondb_shm::boot_now_ns(),
        built_at_wall_ns: persondb_shm::wall_now_ns(),
        config_digest: [0; 16],
        // The standard library's own source of randomness; a fresh state differs from the last.
        hash_seed: RandomState::new().hash_one(0_u8),
        threads: thread::available_parallelism().map_or(1, NonZero::get),
        rejects,
    };
    let bar = Bar::of_parts();
    let mut bytes = Vec::new();
    let report =
        persondb_data::builder::build(spec, &options, &mut bytes, &mut |progress| bar.build(progress))?;
    Ok((bytes, report))
}

/// Writes a file under a temporary name beside its place, then renames it. It is its owner's alone: it
/// holds people.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A rename would put the file in the place of a device such as /dev/null.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("expected a file or a free name, found something else there"));
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
