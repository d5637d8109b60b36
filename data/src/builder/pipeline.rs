//! Rows from one reading thread to several working threads and back in order.
//!
//! ```text
//! reader ──batches──► workers ──results──► the calling thread, in the order of the file
//! ```
//! Channels are bounded, so memory is a few batches however fast the reader is. Every pass over the same
//! files cuts the same batches (they end by rows and bytes only), which is what lets a later pass speak of
//! "row `i` of batch `n`".

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::inputs::Inputs;
use super::{BuildError, Phase, Progress};
use crate::input::{BatchPool, FileSummary, InputError, RowBatch, read_rows};

/// Batches that may wait in each channel.
const QUEUE_SIZE: usize = 8;

/// Rows between two offers of the processor to others.
const GIVE_WAY_EVERY: usize = 64;

/// Lets others run, now and then, at the row with this number.
///
/// Whoever wakes up should interrupt idle work at once, and does not always: between control groups look-ups waited for
/// the end of a tick, 4 ms (Linux 6.18). Where the work stops by itself, the scheduler chooses anew. Beside rolls of 10
/// million people (two processes, 766,000 look-ups a second together, groups of their own) p99.9 of a look-up was 22 to
/// 530 µs in nine rolls, half of them at 167 and above, and 25 and 36 µs in two so; without a roll it is 26 to 28.
#[inline]
pub(super) fn give_way(row: usize) {
    if row.is_multiple_of(GIVE_WAY_EVERY) {
        std::thread::yield_now();
    }
}

/// Where the work stands, for whoever watches.
pub(super) struct Watch<'w> {
    pub(super) phase: Phase,
    pub(super) report: &'w mut (dyn FnMut(Progress) + Send),
}

impl Watch<'_> {
    /// Reports a step of a part that has few.
    pub(super) fn step(&mut self, phase: Phase, done: u64, total: u64) {
        self.phase = phase;
        (self.report)(Progress { phase, done, total, rows: 0 });
    }
}

/// Reads all people files once. `work` runs on `threads` threads, each with a state of its own from `start`,
/// and is given the number of the batch (from 0, over all files); `consume` gets its results on this thread,
/// in the order of the batches. The states come back when all is done.
pub(super) fn run<S: Send, R: Send>(
    inputs: &Inputs,
    threads: usize,
    watch: &mut Watch<'_>,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, u64, &RowBatch) -> Result<R, BuildError> + Sync,
    mut consume: impl FnMut(R) -> Result<(), BuildError>,
) -> Result<(Vec<FileSummary>, Vec<S>), BuildError> {
    let threads = threads.max(1);
    let pool = BatchPool::new(2 * QUEUE_SIZE + threads);
    let bytes_read = AtomicU64::new(0);
    let (batches_out, batches_in) = bounded::<(u64, RowBatch)>(QUEUE_SIZE);
    let (results_out, results_in) = bounded::<(u64, u64, Result<R, BuildError>)>(QUEUE_SIZE);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            // Moved in, so that the channel closes with the last batch.
            let batches_out = batches_out;
            read_all(inputs, &pool, &bytes_read, &batches_out)
        });
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (batches_in, results_out) = (batches_in.clone(), results_out.clone());
                let (pool, start, work) = (&pool, &start, &work);
                scope.spawn(move || {
                    let mut state = start();
                    for (number, batch) in batches_in {
                        let result = work(&mut state, number, &batch);
                        let rows = batch.len() as u64;
                        pool.put_back(batch);
                        if results_out.send((number, rows, result)).is_err() {
                            break;
                        }
                    }
                    state
                })
            })
            .collect();
        drop((batches_in, results_out));
        let consumed = in_order(results_in, &mut consume, |rows| {
            (watch.report)(Progress {
                phase: watch.phase,
                done: bytes_read.load(Ordering::Relaxed),
                total: inputs.stored_bytes,
                rows,
            });
        });
        // The consumer's error is the cause; the reader then only saw that nobody listens.
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let states = workers.into_iter().map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
        let states = states.collect();
        consumed?;
        Ok((read?, states))
    })
}

fn read_all(
    inputs: &Inputs,
    pool: &BatchPool,
    bytes_read: &AtomicU64,
    batches: &Sender<(u64, RowBatch)>,
) -> Result<Vec<FileSummary>, InputError> {
    let mut number = 0;
    let mut before = 0;
    let mut summaries = Vec::with_capacity(inputs.people.len());
    for (file, people) in (0_u32..).zip(&inputs.people) {
        let mut sink = |batch| match batches.send((number, batch)) {
            Ok(()) => {
                number += 1;
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break(()),
        };
        let mut progress = |bytes| bytes_read.store(before + bytes, Ordering::Relaxed);
        summaries.push(read_rows(&people.source, file, &inputs.limits, pool, &mut sink, &mut progress)?);
        before += people.source.identity().size;
    }
    Ok(summaries)
}

/// Hands results on in the order of their numbers; the few that come early wait.
fn in_order<R>(
    results: Receiver<(u64, u64, Result<R, BuildError>)>,
    consume: &mut impl FnMut(R) -> Result<(), BuildError>,
    mut progress: impl FnMut(u64),
) -> Result<(), BuildError> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    let mut rows_done = 0;
    for (number, rows, result) in results {
        early.insert(number, (rows, result));
        while let Some((rows, result)) = early.remove(&next) {
            consume(result?)?;
            next += 1;
            rows_done += rows;
            progress(rows_done);
        }
    }
    Ok(())
}
