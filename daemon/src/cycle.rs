//! One cycle: load → build → freeze → verify → validate → announce.
//!
//! Until the last step nothing is reachable for anybody, and whatever fails before it leaves the current
//! generation as it was and no object in `/dev/shm`. What happened is told in a [`CycleReport`], in the log,
//! and to those who asked for the cycle.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{after, never, tick};
use crossbeam::select;
use persondb_data::builder::{Phase, Progress};
use persondb_protocol::control::{Refusal, RefusalKind, Rolled};
use persondb_protocol::status::CycleReport;
use persondb_protocol::{Generation, ShmName};
use persondb_shm::object::SHM_DIR;
use persondb_shm::{SegmentMode, StagedSegment, boot_now_ns, unlink, wall_now_ns};

use crate::admission::{Free, private_size_min, segment_size_min, text_size_min};
use crate::board::{AnnounceError, Shared};
use crate::config::Config;
use crate::idle::{Share, while_idle};
use crate::inbox::{Go, Inbox};
use crate::report::chain;
use crate::served::{Candidate, Served};
use crate::validate::validate;
use crate::verify::{Unverified, verify};
use crate::worker::{Access, Counts, Job, Message, Worker};
use crate::{notify, retention, status};

/// One in so many of a cycle's seconds are for a build that takes only idle time.
const IDLE_SHARE: u64 = 4;
/// After a build that found too little idle time the next ones do not look for it.
const BUSY_FOR: Duration = Duration::from_mins(10);
/// Least time that a check gets that takes idle time only.
const IDLE_VERIFY_SECONDS_MIN: u64 = 10;
/// How often a build that takes idle time is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Taken numbers that are skipped before a cycle gives up.
const NUMBERS_SKIPPED_MAX: u32 = 1000;

/// Why a cycle did not end in an announcement.
#[derive(Debug)]
enum Failure {
    /// Announcements are held.
    Held,
    /// The daemon is to stop.
    Stopped,
    /// Anything else, in words.
    Failed(String),
}

/// Runs one cycle. Everybody who waits for it gets the result.
///
/// # Errors
/// [`Refusal`] with the reason; what was current stays so.
pub fn run(shared: &Shared, inbox: &mut Inbox) -> Result<Rolled, Refusal> {
    let started = Instant::now();
    let reload = {
        let mut board = shared.board();
        board.cycle_running = true;
        board.serving
    };
    if reload {
        notify::reloading();
    }
    tracing::info!("cycle starts");
    let mut counts = Counts::default();
    let result = attempt(shared, inbox, started, &mut counts);
    let seconds = started.elapsed().as_secs_f64();
    let report = |result: &str, reason| CycleReport {
        result: result.into(),
        seconds,
        rows: counts.rows,
        rejected: counts.rejected,
        warnings: counts.warnings,
        reason,
    };
    let (report, result) = match result {
        Ok(generation) => {
            let Counts { rows, rejected, warnings } = counts;
            tracing::info!(%generation, seconds, rows, rejected, warnings, "announced");
            (report("announced", None), Ok(Rolled { generation, seconds, rows, rejected, warnings }))
        }
        Err(failure) => {
            let refusal = failure.refusal();
            tracing::error!(seconds, reason = refusal.message, "cycle failed; what was served stays");
            let result = if matches!(failure, Failure::Held) { "held" } else { "failed" };
            (report(result, Some(refusal.message.clone())), Err(refusal))
        }
    };
    let mut board = shared.board();
    board.cycle_running = false;
    board.last_cycle = Some(report);
    drop(board);
    if reload {
        // Also after a failure: the daemon is what it was before, and ready.
        notify::ready(&status::line(shared));
    }
    result
}

fn attempt(
    shared: &Shared,
    inbox: &mut Inbox,
    started: Instant,
    counts: &mut Counts,
) -> Result<Generation, Failure> {
    if inbox.go() == Go::Stop {
        return Err(Failure::Stopped);
    }
    if shared.board().is_frozen() {
        return Err(Failure::Held);
    }
    let load_started_boot_ns = boot_now_ns();
    let config = shared.config.refreshed().map_err(|e| failed(&e))?;
    let text = text_size_min(&config.input).map_err(|e| failed(&e))?;
    Free::now(config.memory_max)
        .admit("the build", segment_size_min(text), private_size_min(text))
        .map_err(|e| failed(&e))?;

    let generation = free_number(shared)?;
    // Written down before anything carries the number: a crash from here on only skips it.
    shared.state.note_issued(generation).map_err(|e| failed(&e))?;
    let job = job(&config, generation, load_started_boot_ns).map_err(|e| failed(&e))?;
    let (staging, was_idle) = build_staged(shared, &config, job, inbox, counts)?;

    let staged = StagedSegment::open(&staging.0).map_err(|e| failed(&e))?;
    let candidate = Candidate::open(staged, generation).map_err(|e| failed(&e))?;
    notify::status("verifying");
    let verified = verify_staged(&config, inbox, &candidate, started, was_idle);
    verified.map_err(|error| match error {
        Unverified::Stopped => Failure::Stopped,
        error => failed(&error),
    })?;
    let current = shared.current();
    let overridden = validate(candidate.segment(), current.as_deref().map(Served::segment), &config.rules)
        .map_err(|e| failed(&e))?;
    for broken in overridden {
        tracing::warn!(rule = chain(&broken.0), "allowed to shrink");
    }
    if inbox.go() == Go::Stop {
        return Err(Failure::Stopped);
    }
    // Looked at before the public name is given: a held candidate never has one, but for the moment below.
    if shared.board().is_frozen() {
        return Err(Failure::Held);
    }
    let served = Arc::new(candidate.publish(&config.name).map_err(|e| failed(&e))?);
    if let Err(error) = shared.announce(&served) {
        let _ = unlink(served.published().name());
        return Err(match error {
            AnnounceError::Held => Failure::Held,
            error => failed(&error),
        });
    }
    drop(current);
    retire(shared, generation);
    Ok(generation)
}

/// Applies `--retain` around a new current generation.
pub(crate) fn retire(shared: &Shared, current: Generation) {
    let (retained, retired) = retention::retire_beyond(&shared.config, current);
    let mut board = shared.board();
    board.retained = retained;
    board.retired.extend(retired);
}

/// The next number under whose name nothing stands: anybody may have made a file of that name first.
fn free_number(shared: &Shared) -> Result<Generation, Failure> {
    for _ in 0..NUMBERS_SKIPPED_MAX {
        let generation = shared.superblock.issue();
        let name = shared.config.name.segment(generation, 0);
        match std::fs::symlink_metadata(Path::new(SHM_DIR).join(name.file_name())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(generation),
            _ => tracing::warn!(%name, "somebody made this name in shared memory; its number is skipped"),
        }
    }
    Err(Failure::Failed(format!(
        "{NUMBERS_SKIPPED_MAX} generation numbers in a row are taken by files in {SHM_DIR} that this daemon did not make; \
         expected free names: look who made them, and remove them as root"
    )))
}

fn job(config: &Config, generation: Generation, load_started_boot_ns: u64) -> std::io::Result<Job> {
    let [staging, hash_seed] = random()?;
    Ok(Job {
        name: config.name.to_string(),
        staging,
        generation,
        input: config.input.clone(),
        load_started_boot_ns,
        built_at_wall_ns: wall_now_ns(),
        config_digest: config.digest(),
        hash_seed,
        threads: config.threads,
        rejects: Some(config.rejects_file()),
        report: Some(config.report_file()),
        mode: match config.mode {
            SegmentMode::Group => Access::Group,
            SegmentMode::Everyone => Access::Everyone,
        },
        group: config.reader_group,
        nice: config.nice,
        idle: config.idle,
        memory_max: config.memory_max,
        parent: std::process::id(),
    })
}

/// Builds under the staging name: first with idle time where that is wanted, then as one process among others.
/// Tells whether idle time was enough.
fn build_staged(
    shared: &Shared,
    config: &Config,
    mut job: Job,
    inbox: &mut Inbox,
    counts: &mut Counts,
) -> Result<(Staging, bool), Failure> {
    let mut seconds_left = config.limits.cycle_s_max;
    let is_busy = shared.board().starved_at.is_some_and(|at| at.elapsed() < BUSY_FOR);
    job.idle &= !is_busy;
    if job.idle {
        let staging = Staging(config.name.staging(job.staging));
        let began = Instant::now();
        if let Built::Done = build(&job, seconds_left / IDLE_SHARE, inbox, counts)? {
            return Ok((staging, true));
        }
        tracing::warn!(nice = job.nice, "the build found too little idle time and begins anew without");
        seconds_left = seconds_left.saturating_sub(began.elapsed().as_secs());
        shared.board().starved_at = Some(Instant::now());
        job.idle = false;
    }
    let staging = Staging(config.name.staging(job.staging));
    match build(&job, seconds_left, inbox, counts)? {
        Built::Done => Ok((staging, false)),
        Built::Late => {
            let seconds_max = config.limits.cycle_s_max;
            let text =
                format!("the build was ended after {seconds_max} s; raise limits.cycle_s_max, or load less");
            Err(Failure::Failed(text))
        }
    }
}

/// Verifies what was built: first with idle time where that was enough to build it.
fn verify_staged(
    config: &Config,
    inbox: &mut Inbox,
    candidate: &Candidate,
    started: Instant,
    was_idle: bool,
) -> Result<(), Unverified> {
    if was_idle {
        // To read it takes a small part of what it took to build it; longer, and somebody else wants all the time.
        let seconds_max = started.elapsed().as_secs().max(IDLE_VERIFY_SECONDS_MIN);
        match while_idle(|| verify(inbox, candidate.segment(), Instant::now(), seconds_max)) {
            Err(Unverified::Overdue { .. }) => {
                tracing::warn!("the check found too little idle time and begins anew");
            }
            other => return other,
        }
    }
    verify(inbox, candidate.segment(), started, config.limits.cycle_s_max)
}

/// How a build ended that did not fail.
enum Built {
    /// The segment is there.
    Done,
    /// It was out of time, or found none.
    Late,
}

/// Runs the build in its own process until it ends, is out of time, or the daemon is to stop.
fn build(job: &Job, seconds_max: u64, inbox: &mut Inbox, counts: &mut Counts) -> Result<Built, Failure> {
    let worker = Worker::start(job).map_err(|e| Failure::Failed(format!("cannot start the build: {e}")))?;
    tracing::debug!(pid = worker.pid(), generation = %job.generation, "build runs");
    let deadline = after(Duration::from_secs(seconds_max));
    let looks = if job.idle { tick(LOOK_EVERY) } else { never() };
    let mut share = Share::of(worker.pid());
    // Orders are only kept here, so the loop ends as soon as one of them is a stop.
    while inbox.go() == Go::On {
        select! {
            recv(worker.messages) -> message => match message {
                Ok(Message::Progress(progress)) => {
                    counts.rows = counts.rows.max(progress.rows);
                    say_progress(progress);
                }
                Ok(Message::Built(all)) => {
                    *counts = all;
                    // It said how; nothing more is to be said.
                    let _ = worker.end();
                    tracing::debug!("build ended");
                    return Ok(Built::Done);
                }
                Ok(Message::Failed { reason, counts: all }) => {
                    counts.rows = counts.rows.max(all.rows);
                    counts.rejected = all.rejected;
                    counts.warnings = all.warnings;
                    return Err(Failure::Failed(reason));
                }
                Err(_) => return Err(Failure::Failed(worker.end())),
            },
            recv(inbox.receiver()) -> order => match order {
                Ok(order) => inbox.keep(order),
                Err(_) => return Err(Failure::Stopped),
            },
            recv(looks) -> _ => if share.is_starved() {
                return Ok(Built::Late);
            },
            recv(deadline) -> _ => return Ok(Built::Late),
        }
    }
    Err(Failure::Stopped)
}

/// Says where the build stands, to people and to the service manager: as often as the build tells it.
fn say_progress(progress: Progress) {
    let percent = progress.done.saturating_mul(100) / progress.total.max(1);
    let phase = match progress.phase {
        Phase::Scan => "reading",
        Phase::Merge => "merging",
        Phase::Index => "indexing",
        Phase::Fill => "filling",
        Phase::Finish => "finishing",
    };
    notify::status(&format!("{phase} {percent} %, {} rows", progress.rows));
    tracing::debug!(phase, percent, rows = progress.rows, "build");
}

impl Failure {
    fn refusal(&self) -> Refusal {
        let (kind, message) = match self {
            Self::Held => (RefusalKind::Held, AnnounceError::Held.to_string()),
            Self::Stopped => (RefusalKind::Stopping, "the daemon is stopping".into()),
            Self::Failed(reason) => (RefusalKind::Failed, reason.clone()),
        };
        Refusal { kind, message }
    }
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::Failed(chain(error))
}

/// Removes what a build left under its staging name, whichever way the cycle ends. After a publication the
/// name is gone already.
struct Staging(ShmName);

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = unlink(&self.0) {
            tracing::warn!(name = %self.0, %error, "an unfinished segment cannot be removed");
        }
    }
}

/// Two numbers that nobody outside can guess: with the seed of the key hashes, one could aim at collisions.
fn random() -> std::io::Result<[u64; 2]> {
    let mut bytes = [[0; 8]; 2];
    std::fs::File::open("/dev/urandom")?.read_exact(bytes.as_flattened_mut())?;
    Ok(bytes.map(u64::from_ne_bytes))
}
