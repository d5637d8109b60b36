//! What a load test found, for people and as one JSON object.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::job::{Ask, Ran, Tally, Usage};
use super::latency::{Latencies, Percentiles};
use super::roller::Rolls;
use super::units::{bytes, nanoseconds, rounded};
use crate::output::grouped as count;

/// Rows of the table of processes that are shown.
const ROWS_SHOWN_MAX: usize = 16;

/// Result of a load test. The JSON keys are part of the contract.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Dataset.
    pub(crate) name: String,
    /// What was asked for: `get`, or `match` where each look-up is a message.
    pub(crate) ask: Ask,
    /// How the look-ups went: `auto`, `map` or `socket`.
    pub(crate) via: super::job::Route,
    /// Client processes.
    pub(crate) clients: usize,
    /// Connections of each.
    pub(crate) connections: u32,
    /// Look-ups through one pin.
    pub(crate) batch: u32,
    /// Look-ups a second that were asked of each client, in an open loop.
    pub(crate) rate: Option<f64>,
    /// Time of the longest running client.
    pub(crate) seconds: f64,
    /// All of it counted together.
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Answers compared with the CSV, every column.
    pub(crate) compared: u64,
    /// Pins whose answers were compared with each other.
    pub(crate) pins_checked: u64,
    /// What one reading of the clock takes; a time below contains about one.
    pub(crate) clock_ns: f64,
    /// Rolls that were announced during the test.
    pub(crate) rolls: u64,
    /// Rolls that were not.
    pub(crate) rolls_failed: u64,
    /// Longest roll.
    pub(crate) roll_seconds_max: f64,
    /// Size of the segments of the current generation.
    pub(crate) segment_bytes: u64,
    /// PSS of the segments over all clients and the daemon.
    pub(crate) segment_pss_sum_bytes: u64,
    /// The sum in relation to the size: 1.00 is one copy.
    pub(crate) ratio: f64,
    /// Why look-ups were not answered.
    pub(crate) reasons: std::collections::BTreeMap<String, u64>,
    /// The first few wrong or mixed answers and failed rolls.
    pub(crate) examples: Vec<String>,
    /// Each client.
    pub(crate) processes: Vec<ProcessReport>,
    /// The daemon, where it may be looked at.
    pub(crate) daemon: Option<DaemonReport>,
}

/// Counts and times of one client or of all.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counts {
    lookups: u64,
    found: u64,
    absent: u64,
    unavailable: u64,
    /// What must never happen: mixed generations.
    errors: u64,
    wrong: u64,
    mixed: u64,
    lookups_per_s: f64,
    #[serde(flatten)]
    percentiles: Percentiles,
    mean_ns: f64,
    minor_faults: u64,
    generations_seen: usize,
}

/// One client.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProcessReport {
    pid: u32,
    #[serde(flatten)]
    counts: Counts,
    segment_pss_bytes: u64,
    other_pss_bytes: u64,
    private_dirty_bytes: u64,
    /// Generation of a pin taken at the end.
    last_generation: Option<u64>,
    before: Usage,
    after_100k: Option<Usage>,
    after: Usage,
}

/// The daemon.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct DaemonReport {
    /// Its process.
    pub(crate) pid: u32,
    /// What it costs.
    #[serde(flatten)]
    pub(crate) usage: Usage,
}

/// All that is known of one client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Process.
    pub(crate) pid: u32,
    /// Before the first look-up.
    pub(crate) before: Usage,
    /// What it did.
    pub(crate) ran: Ran,
    /// After the last.
    pub(crate) after: Usage,
    /// Generation at the end.
    pub(crate) last_generation: Option<u64>,
}

/// How the test was run, and what was found besides the clients.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    /// Dataset.
    pub(crate) name: String,
    /// What was asked for.
    pub(crate) ask: Ask,
    /// Way of the look-ups.
    pub(crate) via: super::job::Route,
    /// Connections of each client.
    pub(crate) connections: u32,
    /// Look-ups through one pin.
    pub(crate) batch: u32,
    /// Open loop.
    pub(crate) rate: Option<f64>,
    /// Size of the current segments as the daemon says, where there is one.
    pub(crate) segment_bytes: Option<u64>,
    /// The daemon's cost.
    pub(crate) daemon: Option<DaemonReport>,
    /// Rolls during the test.
    pub(crate) rolls: Rolls,
}

impl Counts {
    #[expect(clippy::cast_precision_loss, reason = "rates and means are shown with few digits")]
    fn new(tally: &Tally, seconds: f64, latencies: &Latencies, minor_faults: u64) -> Self {
        Self {
            lookups: tally.lookups,
            found: tally.found,
            absent: tally.absent,
            unavailable: tally.unavailable,
            errors: tally.mixed,
            wrong: tally.wrong,
            mixed: tally.mixed,
            lookups_per_s: tally.lookups as f64 / seconds.max(1e-9),
            percentiles: latencies.percentiles(),
            mean_ns: tally.total_ns as f64 / tally.lookups.max(1) as f64,
            minor_faults,
            generations_seen: tally.generations.len(),
        }
    }
}

impl Report {
    /// Puts together what the clients and the daemon said.
    #[expect(clippy::cast_precision_loss, reason = "a ratio shown with few digits")]
    pub(crate) fn new(clients: &[Client], circumstances: Circumstances) -> Self {
        let mut tally = Tally::default();
        let mut latencies = Latencies::new();
        let mut processes = Vec::with_capacity(clients.len());
        for client in clients {
            tally.add(&client.ran.tally);
            latencies.add(&client.ran.latencies);
            processes.push(ProcessReport::new(client));
        }
        let seconds = clients.iter().map(|c| c.ran.seconds).fold(0.0, f64::max);
        let faults = processes.iter().map(|p| p.counts.minor_faults).sum();
        let mut counts = Counts::new(&tally, seconds, &latencies, faults);
        // Clients that ended early still had their own rate to the end.
        counts.lookups_per_s = processes.iter().map(|p| p.counts.lookups_per_s).sum();
        let mapped = clients.iter().map(|c| c.after.segment_bytes).max().unwrap_or(0);
        let segment_bytes = circumstances.segment_bytes.filter(|&size| size > 0).unwrap_or(mapped);
        let segment_pss_sum_bytes = clients.iter().map(|c| c.after.segment_pss_bytes).sum::<u64>()
            + circumstances.daemon.map_or(0, |d| d.usage.segment_pss_bytes);
        let mut examples = tally.examples.clone();
        examples.extend(circumstances.rolls.failures.iter().cloned());
        Self {
            name: circumstances.name,
            ask: circumstances.ask,
            via: circumstances.via,
            clients: clients.len(),
            connections: circumstances.connections,
            batch: circumstances.batch,
            rate: circumstances.rate,
            seconds,
            counts,
            compared: tally.compared,
            pins_checked: tally.pins_checked,
            clock_ns: super::pace::clock_ns(),
            rolls: circumstances.rolls.done,
            rolls_failed: circumstances.rolls.failed,
            roll_seconds_max: circumstances.rolls.seconds_max,
            segment_bytes,
            segment_pss_sum_bytes,
            ratio: segment_pss_sum_bytes as f64 / segment_bytes.max(1) as f64,
            reasons: tally.reasons,
            examples,
            processes,
            daemon: circumstances.daemon,
        }
    }

    /// Every look-up was answered and no answer was wrong, and every roll was announced.
    pub(crate) fn verdict(&self) -> Verdict {
        let counts = &self.counts;
        if counts.wrong + counts.mixed + counts.errors > 0 || self.rolls_failed > 0 {
            Verdict::Wrong
        } else if counts.unavailable > 0 || counts.lookups == 0 {
            Verdict::Unanswered
        } else {
            Verdict::Held
        }
    }

    /// Look-ups of all clients.
    pub(crate) fn lookups(&self) -> u64 {
        self.counts.lookups
    }

    /// Look-ups that got no answer, or a wrong one.
    pub(crate) fn failures(&self) -> u64 {
        self.counts.unavailable + self.counts.wrong + self.counts.mixed
    }

    /// Generations of the pins that the clients took at the end.
    pub(crate) fn last_generations(&self) -> impl Iterator<Item = Option<u64>> {
        self.processes.iter().map(|process| process.last_generation)
    }

    /// One JSON object on a line.
    pub(crate) fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// For people.
    pub(crate) fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.how(out)?;
        self.summary(out)?;
        writeln!(out)?;
        self.memory(out)?;
        for (reason, number) in &self.reasons {
            writeln!(out, "not answered: {reason} ({})", count(*number))?;
        }
        for example in &self.examples {
            writeln!(out, "example: {example}")?;
        }
        Ok(())
    }

    fn how(&self, out: &mut dyn Write) -> io::Result<()> {
        let loop_kind = match self.rate {
            Some(rate) => format!("open loop, {} a second each", rounded(rate)),
            None => "as fast as they can".to_owned(),
        };
        writeln!(
            out,
            "{} clients × {} connections, {}, {:.1} s, {}",
            self.clients,
            self.connections,
            match self.via {
                super::job::Route::Auto => "mapped where possible",
                super::job::Route::Map => "mapped",
                super::job::Route::Socket => "over the socket",
            },
            self.seconds,
            loop_kind
        )
    }

    /// Counts and times, without what each process costs.
    pub(crate) fn summary(&self, out: &mut dyn Write) -> io::Result<()> {
        let c = &self.counts;
        let p = &c.percentiles;
        let (asked, found, absent, compared) = match self.ask {
            Ask::Get => ("look-ups", "found", "absent", "answers compared with the CSV"),
            Ask::Match => ("messages", "known sender", "strangers", "answers checked"),
        };
        writeln!(out, "{asked:<12} {:>14}   {} a second", count(c.lookups), rounded(c.lookups_per_s))?;
        writeln!(out, "{found:<12} {:>14}   {absent} {}", count(c.found), count(c.absent))?;
        writeln!(
            out,
            "unavailable  {:>14}   wrong {}, mixed {} ({} {compared}, {} pins checked)",
            count(c.unavailable),
            count(c.wrong),
            count(c.mixed),
            count(self.compared),
            count(self.pins_checked)
        )?;
        writeln!(
            out,
            "time         p50 {}, p99 {}, p99.9 {}, max {} (a reading of the clock, {:.0} ns, included)",
            nanoseconds(p.p50_ns),
            nanoseconds(p.p99_ns),
            nanoseconds(p.p999_ns),
            nanoseconds(p.max_ns),
            self.clock_ns
        )?;
        if self.rolls + self.rolls_failed > 0 {
            writeln!(
                out,
                "rolls        {:>14}   failed {}, longest {:.2} s, generations seen {}",
                count(self.rolls),
                self.rolls_failed,
                self.roll_seconds_max,
                c.generations_seen
            )?;
        }
        Ok(())
    }

    /// The table of what each process costs.
    pub(crate) fn memory(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["process", "pid", "look-ups/s", "segment PSS", "other PSS", "written", "faults"]);
        for (i, process) in self.processes.iter().take(ROWS_SHOWN_MAX).enumerate() {
            table.add_row([
                format!("client {}", i + 1),
                process.pid.to_string(),
                rounded(process.counts.lookups_per_s),
                bytes(process.segment_pss_bytes),
                bytes(process.other_pss_bytes),
                bytes(process.private_dirty_bytes),
                count(process.counts.minor_faults),
            ]);
        }
        if let Some(daemon) = &self.daemon {
            table.add_row([
                "daemon".to_owned(),
                daemon.pid.to_string(),
                String::new(),
                bytes(daemon.usage.segment_pss_bytes),
                bytes(daemon.usage.other_pss_bytes),
                bytes(daemon.usage.private_dirty_bytes),
                String::new(),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(out, "{}", table.trim_fmt())?;
        if self.processes.len() > ROWS_SHOWN_MAX {
            writeln!(out, "… and {} more clients", self.processes.len() - ROWS_SHOWN_MAX)?;
        }
        if self.segment_pss_sum_bytes > 0 {
            writeln!(
                out,
                "segment {} · PSS of it over all processes {} · ratio {:.3}",
                bytes(self.segment_bytes),
                bytes(self.segment_pss_sum_bytes),
                self.ratio
            )?;
        }
        Ok(())
    }
}

/// What a report comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All held.
    Held,
    /// Look-ups were not answered.
    Unanswered,
    /// Something was wrong, mixed, or not announced.
    Wrong,
}

impl ProcessReport {
    fn new(client: &Client) -> Self {
        let mut latencies = Latencies::new();
        latencies.add(&client.ran.latencies);
        let faults = client.after.minor_faults.saturating_sub(client.before.minor_faults);
        Self {
            pid: client.pid,
            counts: Counts::new(&client.ran.tally, client.ran.seconds, &latencies, faults),
            segment_pss_bytes: client.after.segment_pss_bytes,
            other_pss_bytes: client.after.other_pss_bytes,
            private_dirty_bytes: client.after.private_dirty_bytes,
            last_generation: client.last_generation,
            before: client.before,
            after_100k: client.ran.after_100k,
            after: client.after,
        }
    }
}
