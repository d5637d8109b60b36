//! What the process that runs the load test and its client processes tell each other: one JSON object a
//! line, over the standard input and output of the client.
//!
//! ```text
//! parent ── Job ─────────────────► client     attaches, looks somebody up
//! parent ◄─────────────── Ready ── client
//! parent ── Order::Go ───────────► client     looks up until it is done or told to stop
//! parent ── Order::Stop ─────────► client     (only where the parent decides how long)
//! parent ◄───────────────── Ran ── client     and stays as it is: the others may still run
//! parent ── Order::Measure ──────► client
//! parent ◄──────────── Measured ── client     while every client still has its mapping
//! parent ── Order::End ──────────► client
//! ```
//! A client whose standard input ends, ends: it never outlives the test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::latency::Buckets;
use crate::args::Via;

/// Where a client finds its data: the common options of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Dataset.
    pub(crate) name: String,
    /// Socket instead of the usual places.
    pub(crate) socket: Option<PathBuf>,
    /// User trusted beside root and oneself.
    pub(crate) owner: Option<u32>,
    /// Mapped or over the socket.
    pub(crate) via: Route,
}

/// [`Via`] as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Route {
    /// Mapped where that can be had.
    Auto,
    /// Mapped or not at all.
    Map,
    /// Asked of the daemon.
    Socket,
}

impl From<Via> for Route {
    fn from(via: Via) -> Self {
        match via {
            Via::Auto => Self::Auto,
            Via::Map => Self::Map,
            Via::Socket => Self::Socket,
        }
    }
}

/// What a client process is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Look people up.
    Look(LookJob),
    /// Write keys of the live generation into a file, so that the parent need not map it.
    Keys(KeysJob),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Addresses.
    Get,
    /// Messages.
    Match,
}

/// Look people up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LookJob {
    /// What is asked for: what the file of keys holds.
    pub(crate) ask: Ask,
    /// Where.
    pub(crate) place: Place,
    /// File of keys.
    pub(crate) keys: PathBuf,
    /// Its blocks.
    pub(crate) blocks: u64,
    /// Generation that the keys come from, where they say nothing of others.
    pub(crate) generation: Option<u64>,
    /// Headers of the CSV of each side, for comparing.
    pub(crate) sides: Vec<Vec<String>>,
    /// Number of this client, from 0.
    pub(crate) client: u32,
    /// Clients in all.
    pub(crate) clients: u32,
    /// Threads that look up, each with a connection of its own.
    pub(crate) connections: u32,
    /// Look-ups through one pin.
    pub(crate) batch: u32,
    /// Look-ups a second of this client; as fast as possible when `None`.
    pub(crate) rate: Option<f64>,
    /// When it is done.
    pub(crate) until: Until,
}

/// When a client is done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Until {
    /// After this many seconds.
    Seconds(f64),
    /// After this many look-ups of each connection.
    Lookups(u64),
    /// When the parent says so.
    Told,
}

/// Write keys of the live generation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeysJob {
    /// What is to be asked for.
    pub(crate) ask: Ask,
    /// Where.
    pub(crate) place: Place,
    /// File to write, empty.
    pub(crate) keys: PathBuf,
    /// Share of keys that somebody has, 0 to 1.
    pub(crate) hits: f64,
}

/// Orders to a client that looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Begin.
    Go,
    /// Enough.
    Stop,
    /// Say what you cost now.
    Measure,
    /// End.
    End,
}

/// What a client says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// Attached; what it costs before the first look-up.
    Ready(Usage),
    /// Done looking up.
    Ran(Box<Ran>),
    /// What it costs at the end, and the generation it is on.
    Measured {
        /// Cost.
        usage: Usage,
        /// Generation of a pin taken then.
        generation: Option<u64>,
    },
    /// Keys are written.
    Keys {
        /// Blocks in the file.
        blocks: u64,
        /// Generation they come from.
        generation: u64,
    },
    /// It cannot go on.
    Failed(String),
}

/// What a process costs in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Address space of the segments it has mapped.
    pub(crate) segment_bytes: u64,
    /// Its share of the segments' pages.
    pub(crate) segment_pss_bytes: u64,
    /// Its share of all other pages: program, heap, stacks.
    pub(crate) other_pss_bytes: u64,
    /// Pages that are its own and written.
    pub(crate) private_dirty_bytes: u64,
    /// Minor page faults since it started.
    pub(crate) minor_faults: u64,
}

/// What one client, or one of its threads, did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ran {
    /// Seconds from `Go` to the last answer.
    pub(crate) seconds: f64,
    /// Counts.
    pub(crate) tally: Tally,
    /// Times.
    pub(crate) latencies: Buckets,
    /// What the process cost after 100,000 look-ups, where that was measured.
    pub(crate) after_100k: Option<Usage>,
}

/// Counts of outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Look-ups, whatever their outcome.
    pub(crate) lookups: u64,
    /// Answered: found.
    pub(crate) found: u64,
    /// Answered: absent.
    pub(crate) absent: u64,
    /// Not answered.
    pub(crate) unavailable: u64,
    /// Answers that contradict the CSV or the generation that the keys came from.
    pub(crate) wrong: u64,
    /// Pins whose answers came from more than one generation.
    pub(crate) mixed: u64,
    /// Answers compared with the CSV, every column.
    pub(crate) compared: u64,
    /// Pins of which several answers were compared with each other.
    pub(crate) pins_checked: u64,
    /// Nanoseconds of all look-ups.
    pub(crate) total_ns: u64,
    /// Generations that answered.
    pub(crate) generations: BTreeSet<u64>,
    /// Why look-ups were not answered: reason → count.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// The first few wrong or mixed answers, in words.
    pub(crate) examples: Vec<String>,
}

/// Examples that are kept.
const EXAMPLES_MAX: usize = 5;

impl Tally {
    /// Adds the counts of another thread or process.
    pub(crate) fn add(&mut self, other: &Self) {
        self.lookups += other.lookups;
        self.found += other.found;
        self.absent += other.absent;
        self.unavailable += other.unavailable;
        self.wrong += other.wrong;
        self.mixed += other.mixed;
        self.compared += other.compared;
        self.pins_checked += other.pins_checked;
        self.total_ns += other.total_ns;
        self.generations.extend(&other.generations);
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
        for example in &other.examples {
            self.example(|| example.clone());
        }
    }

    /// Keeps an example while there are few.
    pub(crate) fn example(&mut self, words: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(words());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_generations_are_counted_once() {
        let one = Tally {
            lookups: 3,
            found: 1,
            absent: 1,
            unavailable: 1,
            generations: [4, 5].into(),
            reasons: [("too old".into(), 1)].into(),
            ..Tally::default()
        };
        let mut sum = one.clone();
        sum.add(&Tally { generations: [5, 6].into(), ..one.clone() });
        assert_eq!((sum.lookups, sum.found, sum.absent, sum.unavailable), (6, 2, 2, 2));
        assert_eq!(sum.generations, [4, 5, 6].into());
        assert_eq!(sum.reasons["too old"], 2);
    }

    #[test]
    fn only_the_first_examples_are_kept() {
        let mut tally = Tally::default();
        for i in 0..100 {
            tally.example(|| i.to_string());
        }
        let mut sum = tally.clone();
        sum.add(&tally);
        assert_eq!(sum.examples, ["0", "1", "2", "3", "4"]);
    }
}
