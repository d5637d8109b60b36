//! One run: build everybody, check everybody, time everybody in rounds.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::Args;
use crate::figures::{Figure, Measured, Results, Skipped, bytes_each, ns_each, segment_to_zstd, set_ratios};
use crate::machine::{Machine, load_average};
use crate::packed::zstd_size;
use crate::peer::{Asked, Looping, Nobody, Peer, TIMED};
use crate::peers::{BASELINE, Built, Entry, Input, Source, select};
use crate::questions::{Known, Questions};
use crate::rows::Rows;

/// A peer that was built, and its times so far.
struct Running {
    entry: Entry,
    peer: Box<dyn Peer>,
    build: Duration,
    lookups: usize,
    /// One list for each of [`TIMED`], one time a round; none for what the peer does not have.
    times: [Vec<Duration>; TIMED.len()],
}

/// What is asked.
struct Both {
    hits: Questions,
    misses: Questions,
}

/// Runs what the arguments say.
///
/// # Errors
/// When the CSV cannot be used, a peer cannot be built, or gives a wrong answer.
pub(crate) fn run(args: &Args) -> Result<Results> {
    let entries = select(&args.only);
    let folder = match &args.folder {
        Some(folder) => TempDir::new_in(folder),
        None => TempDir::new(),
    };
    let folder = folder.context("no folder for the peers' files; name one with --folder")?;
    let csv_bytes = fs::metadata(&args.people)
        .with_context(|| format!("{} cannot be read", args.people.display()))?
        .len();

    say(&format!("reading {}", args.people.display()));
    let start = Instant::now();
    let rows = Rows::read(&args.people)?;
    let reading = start.elapsed();
    if rows.skipped() > 0 {
        say(&format!("{} rows without an address are left out", rows.skipped()));
    }
    let people = rows.len();
    let questions = {
        let known = Known::new(&rows);
        Both {
            hits: Questions::hits(&rows, &known, args.lookups, args.seed)?,
            misses: Questions::misses(&rows, &known, args.lookups, args.seed),
        }
    };
    let (mut peers, skipped) = build_all(args, &entries, &rows, reading, &folder)?;
    ensure!(!peers.is_empty(), "none of the peers can be had here");
    // What only served the builds would take memory from what is measured.
    drop(rows);

    for running in &mut peers {
        say(&format!("checking {}", running.entry.title));
        running.check(&questions).with_context(|| format!("{} answers wrongly", running.entry.title))?;
    }
    let loop_ns = loop_ns(&questions)?;
    for round in 0..args.rounds {
        say(&format!("round {} of {}", round + 1, args.rounds));
        one_round(&mut peers, &questions, round as usize)?;
    }

    let load_average = load_average();
    let zstd_bytes = args.zstd.then(|| {
        say(&format!("compressing {}", args.people.display()));
        zstd_size(&args.people)
    });
    let zstd_bytes = zstd_bytes.transpose()?;

    let mut measured: Vec<Measured> = peers.iter().map(|running| running.measured(people)).collect();
    set_ratios(&mut measured, BASELINE);
    Ok(Results {
        machine: Machine::here(),
        people,
        csv_bytes,
        zstd_bytes,
        segment_to_zstd: segment_to_zstd(&measured, zstd_bytes),
        lookups: args.lookups,
        rounds: args.rounds,
        seed: args.seed,
        load_average,
        loop_ns,
        peers: measured,
        skipped,
    })
}

fn build_all(
    args: &Args,
    entries: &[Entry],
    rows: &Rows,
    reading: Duration,
    folder: &TempDir,
) -> Result<(Vec<Running>, Vec<Skipped>)> {
    let (mut peers, mut skipped) = (Vec::new(), Vec::new());
    for entry in entries {
        say(&format!("building {}", entry.title));
        let own = folder.path().join(entry.name);
        fs::create_dir(&own)?;
        let socket = args.socket.as_deref();
        let input = Input { csv: &args.people, rows, folder: &own, socket, dataset: &args.name };
        let start = Instant::now();
        let built = (entry.build)(input).with_context(|| format!("{} cannot be built", entry.title))?;
        let elapsed = start.elapsed() + if entry.source == Source::Rows { reading } else { Duration::ZERO };
        match built {
            Built::Skipped(why) => {
                say(&format!("skipped {}: {why}", entry.title));
                skipped.push(Skipped { name: entry.name, why });
            }
            Built::Ready(peer) => {
                let lookups = (args.lookups as usize / entry.share).max(1);
                let times = [const { Vec::new() }; TIMED.len()];
                peers.push(Running { entry: *entry, peer, build: elapsed, lookups, times });
            }
        }
    }
    Ok((peers, skipped))
}

/// Every peer runs every loop once. Who comes first changes from round to round, because the first finds the
/// caches as the last loop left them.
fn one_round(peers: &mut [Running], questions: &Both, round: usize) -> Result<()> {
    let count = peers.len();
    for (place, &(asked, looping)) in TIMED.iter().enumerate() {
        for turn in 0..count {
            let running = &mut peers[(turn + round) % count];
            if looping == Looping::Columns && !running.peer.has_columns() {
                continue;
            }
            let elapsed = running
                .peer
                .time(looping, questions.of(asked), running.lookups)
                .with_context(|| format!("{} failed", running.entry.title))?;
            running.times[place].push(elapsed);
        }
    }
    Ok(())
}

/// What the loops cost without a look-up: the fastest of some.
fn loop_ns(questions: &Both) -> Result<[f64; 3]> {
    let fastest = |looping| -> Result<f64> {
        let count = questions.misses.len();
        let mut fastest = Duration::MAX;
        for _ in 0..5 {
            fastest = fastest.min(Nobody.time(looping, &questions.misses, count)?);
        }
        Ok(ns_each(fastest, count))
    };
    Ok([fastest(Looping::Serialised)?, fastest(Looping::Stream)?, fastest(Looping::Batch)?])
}

impl Running {
    /// Compares every answer that will be timed; the pages of all of them are in memory afterwards.
    fn check(&mut self, questions: &Both) -> Result<()> {
        self.peer.check(&questions.hits, self.lookups)?;
        self.peer.check(&questions.misses, self.lookups)
    }

    fn measured(&self, people: usize) -> Measured {
        let is_own = self.entry.source != Source::Served;
        let figures = TIMED
            .iter()
            .zip(&self.times)
            .filter(|(_, times)| !times.is_empty())
            .map(|(&(asked, looping), times)| Figure::new(asked, looping, times, self.lookups));
        Measured {
            name: self.entry.name,
            title: self.entry.title,
            build_seconds: is_own.then_some(self.build.as_secs_f64()),
            bytes: is_own.then(|| self.peer.size()),
            bytes_per_person: is_own.then(|| bytes_each(self.peer.size(), people)),
            lookups: self.lookups,
            figures: figures.collect(),
            note: self.peer.note(),
        }
    }
}

impl Both {
    fn of(&self, asked: Asked) -> &Questions {
        match asked {
            Asked::Hit => &self.hits,
            Asked::Miss => &self.misses,
        }
    }
}

fn say(what: &str) {
    eprintln!("{what}");
}
