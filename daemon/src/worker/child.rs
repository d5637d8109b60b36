//! The child's side: reads the job, builds into shared memory, freezes, tells how it went.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use persondb_data::builder::{BuildOptions, Phase, Progress, SegmentTarget, TargetError, build};
use persondb_data::input::Report;
use persondb_protocol::{DatasetName, ShmName};
use persondb_shm::{SegmentMode, SegmentWriter};

use super::{Access, CHILD_ARGUMENT, Counts, Job, Message};
use crate::admission::{Free, private_size_min, segment_size_min, text_size_min};
use crate::idle::be_idle;
use crate::report::chain;

/// Most private memory of a build is beside the segment; this much is always allowed, or nothing could start.
const PRIVATE_BYTES_MIN: u64 = 64 << 20;

/// Where the work stands is told this often: it becomes a status line for people.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Runs the build when this process was started to do that, and says how it went; `None` in every other
/// process. Call it first thing in `main`.
#[must_use]
pub fn run_if_child() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != CHILD_ARGUMENT {
        return None;
    }
    Some(match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            say(&Message::Failed { reason, counts: Counts::default() });
            ExitCode::FAILURE
        }
    })
}

fn run() -> Result<(), String> {
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).map_err(|e| format!("the job cannot be read: {e}"))?;
    let job: Job = serde_json::from_slice(&text).map_err(|e| {
        format!(
            "expected the job of a daemon on standard input, found {e}; {CHILD_ARGUMENT} is not for people"
        )
    })?;
    // The daemon's death ends the build; asked for before looking whether it is dead already.
    set_pdeathsig(Signal::SIGKILL).map_err(|e| format!("cannot tie the build to the daemon: {e}"))?;
    if std::os::unix::process::parent_id() != job.parent {
        return Err("the daemon that ordered this build is gone".into());
    }
    // Without it the build takes more of the machine than it should; that is no reason not to build.
    let _ = rustix::process::nice(job.nice);
    if job.idle {
        be_idle();
    }
    let text = text_size_min(&job.input).map_err(|error| chain(&error))?;
    if let Some(memory_max) = job.memory_max {
        // The segment is shared memory, which the kernel does not count here; so it is left out of the limit.
        let limit = memory_max.saturating_sub(segment_size_min(text)).max(PRIVATE_BYTES_MIN);
        setrlimit(Resource::RLIMIT_DATA, limit, limit)
            .map_err(|e| format!("cannot set --memory-max: {e}"))?;
    }
    let name = DatasetName::new(&job.name).map_err(|e| e.to_string())?;
    // What of --memory-max the build itself does not need.
    let segment_max = job.memory_max.map(|max| max.saturating_sub(private_size_min(text)));
    let mut target = SharedMemory { staging: name.staging(job.staging), segment_max, writer: None };
    let options = BuildOptions {
        generation: job.generation,
        load_started_boot_ns: job.load_started_boot_ns,
        built_at_wall_ns: job.built_at_wall_ns,
        config_digest: job.config_digest,
        hash_seed: job.hash_seed,
        threads: job.threads,
        rejects: job.rejects.clone(),
    };
    let mut told = Told::default();
    let built = build(&job.input, &options, &mut target, &mut |progress| told.progress(progress));
    // How far a build came that failed is part of what is said of it.
    told.rest();
    let report = built.map_err(|error| chain(&error))?;
    if let Some(path) = &job.report {
        // Without the report the data is as good; the counts are told in any case.
        if let Err(error) = write_private(path, &report) {
            eprintln!("{}: cannot write the report: {error}", path.display());
        }
    }
    let mode = match job.mode {
        Access::Group => SegmentMode::Group,
        Access::Everyone => SegmentMode::Everyone,
    };
    let writer = target.writer.take().ok_or("the build made no segment; report this as a bug")?;
    writer.freeze(mode, job.group).map_err(|error| chain(&error))?;
    say(&Message::Built(Counts {
        rows: report.rows,
        rejected: report.rejected,
        warnings: report.warnings.values().sum(),
    }));
    Ok(())
}

/// Rows of people are in it: for the daemon's user only.
fn write_private(path: &Path, report: &Report) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&serde_json::to_vec_pretty(report)?)
}

/// What the daemon was told of where the work stands. Once a phase, and then once a second: the build reports every
/// thousand rows, and each message wakes two threads of the daemon, on the processors that the build wants.
#[derive(Default)]
struct Told {
    last: Option<(Phase, Instant)>,
    untold: Option<Progress>,
}

impl Told {
    fn progress(&mut self, progress: Progress) {
        let known = self.last.filter(|(phase, _)| *phase == progress.phase);
        if known.is_some_and(|(_, at)| at.elapsed() < TELL_EVERY) {
            self.untold = Some(progress);
            return;
        }
        if known.is_some() {
            self.untold = None;
        } else {
            // How far the phase before came: the next one may say nothing of rows.
            self.rest();
        }
        self.last = Some((progress.phase, Instant::now()));
        say(&Message::Progress(progress));
    }

    fn rest(&mut self) {
        if let Some(progress) = self.untold.take() {
            say(&Message::Progress(progress));
        }
    }
}

/// Tells the daemon. A daemon that no longer listens has ended this process, or is about to.
fn say(message: &Message) {
    if let Ok(mut line) = serde_json::to_vec(message) {
        line.push(b'\n');
        let mut out = io::stdout().lock();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}

/// A segment in `/dev/shm` under its staging name.
struct SharedMemory {
    staging: ShmName,
    /// Most bytes by configuration.
    segment_max: Option<u64>,
    writer: Option<SegmentWriter>,
}

impl SegmentTarget for SharedMemory {
    fn allocate(&mut self, size: u64) -> Result<(), TargetError> {
        // A build that begins anew gives back what it had before.
        self.writer = None;
        // The build's own memory is in use by now, and so not among what is free.
        Free::now(self.segment_max).admit("the segment", size, 0).map_err(|e| TargetError(e.to_string()))?;
        let writer = SegmentWriter::create_huge(&self.staging, size).map_err(|e| TargetError(chain(&e)))?;
        self.writer = Some(writer);
        Ok(())
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.writer.as_mut().map_or(&mut [], SegmentWriter::bytes_mut)
    }

    fn shrink(&mut self, size: u64) -> Result<(), TargetError> {
        let shrunk = self.writer.as_mut().map_or(Ok(()), |writer| writer.shrink(size));
        shrunk.map_err(|error| TargetError(chain(&error)))
    }

    fn filled(&mut self) {
        if let Some(writer) = &mut self.writer {
            let huge = writer.collapse();
            tracing::debug!(huge_page_bytes = huge.bytes, of = huge.total, "pages joined");
        }
    }
}
