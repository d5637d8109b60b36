//! What the daemon tells about itself: fills the protocol's [`Status`], [`GenerationInfo`]s.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use persondb_protocol::Generation;
use persondb_protocol::layout::{LAYOUT_VERSION, NORM_VERSION};
use persondb_protocol::status::{GenerationInfo, InputFile, RetainedGeneration, Status};
use persondb_shm::boot_now_ns;

use crate::board::{Board, Shared};
use crate::served::GenerationFacts;

/// Who is connected, as far as lists need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connected {
    /// Connections that said hello.
    pub clients: u64,
    /// How many of them map which generation.
    pub mapped: HashMap<Generation, u64>,
}

impl Connected {
    fn maps(&self, generation: Generation) -> u64 {
        self.mapped.get(&generation).copied().unwrap_or(0)
    }
}

/// The state of everything, now.
#[must_use]
pub fn status(shared: &Shared, connected: &Connected) -> Status {
    let board = shared.board();
    let mut status = Status {
        name: shared.config.name.to_string(),
        last_cycle: board.last_cycle.clone(),
        held: board.held,
        clients: connected.clients,
        retired_bytes_held: held_alive(&board, connected).map(|facts| facts.bytes).sum(),
        daemon_pid: std::process::id(),
        uptime_s: shared.started.elapsed().as_secs_f64(),
        layout_version: LAYOUT_VERSION,
        norm_version: NORM_VERSION,
        adopted: board.adopted,
        cycle_running: board.cycle_running,
        socket_queries: shared.socket_queries.load(Ordering::Relaxed),
        ..Status::default()
    };
    let Some((current, announcement)) = board.current.clone().zip(board.announcement.clone()) else {
        return status;
    };
    if !board.serving {
        return status;
    }
    status.retained = retained(&board, current.generation())
        .map(|facts| RetainedGeneration { generation: facts.generation, bytes: facts.bytes })
        .collect();
    drop(board);
    let header = current.segment().header();
    status.generation = Some(current.generation());
    status.people = header.people_count.get();
    status.tenants = header.tenant_count.get();
    status.segment_bytes = current.published().size();
    status.bytes_per_person = ratio(status.segment_bytes, status.people);
    status.csv_bytes = header.csv_size.get();
    status.inputs = current
        .segment()
        .meta()
        .inputs
        .iter()
        .map(|input| InputFile { path: input.path.clone(), bytes: input.size, digest: input.digest.clone() })
        .collect();
    status.announced_at = wall_time(announcement.announced_at_wall_ns);
    status.data_age_s = Some(seconds(boot_now_ns().saturating_sub(announcement.load_started_boot_ns)));
    status.huge_page_bytes = current.huge_page_bytes();
    status
}

/// Current, retained and held-alive generations, newest first.
#[must_use]
pub fn generations(shared: &Shared, connected: &Connected) -> Vec<GenerationInfo> {
    let board = shared.board();
    let line = |facts: &GenerationFacts, state: &str| GenerationInfo {
        generation: facts.generation,
        state: state.to_owned(),
        bytes: facts.bytes,
        people: facts.people,
        built_at: wall_time(facts.built_at_wall_ns).unwrap_or_default(),
        clients: connected.maps(facts.generation),
    };
    let current = board.current.as_ref().map(|served| served.facts());
    let number = current.as_ref().map_or(Generation(0), |facts| facts.generation);
    let mut lines: Vec<_> = current.iter().map(|facts| line(facts, "current")).collect();
    lines.extend(retained(&board, number).map(|facts| line(facts, "retained")));
    lines.extend(held_alive(&board, connected).map(|facts| line(facts, "retired")));
    lines.sort_by_key(|line| std::cmp::Reverse(line.generation));
    lines
}

/// Writes the whole status into the log, as `SIGUSR2` asks for.
pub fn log(shared: &Shared, connected: &Connected) {
    let status = status(shared, connected);
    let text = serde_json::to_string(&status).unwrap_or_default();
    tracing::info!(status = text, "status");
}

/// One line for `systemctl status`.
#[must_use]
pub fn line(shared: &Shared) -> String {
    let board = shared.board();
    let Some(current) = board.current.as_ref().filter(|_| board.serving) else {
        return "nothing served".into();
    };
    let people = current.segment().header().people_count.get();
    let held = if board.held { ", held" } else { "" };
    let failed = match board.last_cycle.as_ref().and_then(|cycle| cycle.reason.as_deref()) {
        Some(reason) => format!("; last cycle: {reason}"),
        None => String::new(),
    };
    format!("serving generation {} with {people} people{held}{failed}", current.generation())
}

/// While a generation is being announced it stands on both lists for a moment; it is the current one.
fn retained(board: &Board, current: Generation) -> impl Iterator<Item = &GenerationFacts> {
    board.retained.iter().filter(move |facts| facts.generation != current)
}

fn held_alive<'a>(board: &'a Board, connected: &'a Connected) -> impl Iterator<Item = &'a GenerationFacts> {
    board.retired.iter().filter(|facts| connected.maps(facts.generation) > 0)
}

fn wall_time(nanoseconds: u64) -> Option<String> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).ok().map(|time| time.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn ratio(bytes: u64, people: u64) -> f64 {
    bytes as f64 / people.max(1) as f64
}
