//! [`Counters`]: what a client's look-ups came to, so that a service can prove its four nines.
//!
//! # How counting costs nothing
//!
//! Each thread counts in a [`Cells`] of its own: nobody else writes it, so a count is a plain load and
//! store (relaxed, no lock prefix), and it lies in cache lines of its own. Reading sums all threads'
//! cells. Cells whose thread has ended, which is when the registry's is their last reference, are added
//! to a total and forgotten, so nothing grows with the number of threads that ever were.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use persondb_protocol::answer::{Reason, Unavailable};

/// Reasons for which a look-up cannot say anything.
const REASON_COUNT: usize = Reason::ALL.len();
/// Cells a thread has: one for each [`Outcome`].
const CELL_COUNT: usize = 4 + REASON_COUNT;

/// What a client's look-ups came to, in this process, since it was opened (in a forked child: since the
/// fork).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Look-ups that found somebody.
    pub found: u64,
    /// Look-ups that found for certain that there is nobody.
    pub absent: u64,
    /// Messages about which there was evidence, if only that nobody is known.
    pub matched: u64,
    /// Look-ups, matches and pins that could not say, by reason, in the order of [`Reason::ALL`].
    pub unavailable: [u64; REASON_COUNT],
    /// Generations moved to after the first.
    pub moves: u64,
    /// Moves that failed; the old generation went on answering, and the move was tried again.
    pub moves_failed: u64,
    /// Of all look-ups and matches, those asked over the socket.
    pub socket_lookups: u64,
}

impl Counters {
    /// Look-ups that could not say, for this reason.
    #[must_use]
    pub fn unavailable_for(&self, reason: Reason) -> u64 {
        self.unavailable[reason as usize]
    }

    /// Look-ups that could not say, for any reason.
    #[must_use]
    pub fn unavailable_sum(&self) -> u64 {
        self.unavailable.iter().sum()
    }
}

/// What one look-up came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Found,
    Absent,
    Matched,
    Unavailable(Reason),
}

/// Counts of one thread. Two cache lines apart from everything else, because adjacent lines are fetched
/// in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Cells {
    cells: [AtomicU64; CELL_COUNT],
}

impl Cells {
    /// Index of the socket look-ups.
    const SOCKET: usize = 2;

    /// Counts an outcome. Only the thread that owns these cells may call it (others would lose counts).
    #[inline]
    pub(crate) fn count(&self, outcome: Outcome) {
        self.bump(match outcome {
            Outcome::Found => 0,
            Outcome::Absent => 1,
            Outcome::Matched => 3,
            Outcome::Unavailable(reason) => 4 + reason as usize,
        });
    }

    /// Counts a look-up as asked over the socket.
    pub(crate) fn count_socket(&self) {
        self.bump(Self::SOCKET);
    }

    /// Counts that nothing can be said, and why.
    pub(crate) fn refuse(&self, unavailable: Unavailable) -> Unavailable {
        self.count(Outcome::Unavailable(unavailable.reason));
        unavailable
    }

    #[inline]
    fn bump(&self, index: usize) {
        let cell = &self.cells[index];
        cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
    }

    fn add_to(&self, sums: &mut [u64; CELL_COUNT]) {
        for (sum, cell) in sums.iter_mut().zip(&self.cells) {
            *sum = sum.wrapping_add(cell.load(Relaxed));
        }
    }
}

/// The cells of all threads of a client.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    moves: AtomicU64,
    moves_failed: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    threads: Vec<Arc<Cells>>,
    finished: [u64; CELL_COUNT],
}

impl Inner {
    /// Adds up and forgets the cells of threads that have ended.
    fn fold(&mut self) {
        let finished = &mut self.finished;
        self.threads.retain_mut(|cells| {
            // get_mut proves that nobody else has them, and that all they wrote is seen.
            let ended = Arc::get_mut(cells).is_some();
            if ended {
                cells.add_to(finished);
            }
            !ended
        });
    }
}

impl Registry {
    /// Cells for the calling thread.
    pub(crate) fn register(&self) -> Arc<Cells> {
        let cells = Arc::new(Cells::default());
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.fold();
        inner.threads.push(Arc::clone(&cells));
        cells
    }

    pub(crate) fn count_move(&self) {
        self.moves.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_failed_move(&self) {
        self.moves_failed.fetch_add(1, Relaxed);
    }

    /// The sums as of now.
    pub(crate) fn read(&self) -> Counters {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.fold();
        let mut sums = inner.finished;
        for cells in &inner.threads {
            cells.add_to(&mut sums);
        }
        let [found, absent, socket_lookups, matched, unavailable @ ..] = sums;
        Counters {
            found,
            absent,
            matched,
            unavailable,
            moves: self.moves.load(Relaxed),
            moves_failed: self.moves_failed.load(Relaxed),
            socket_lookups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_count_of_its_own() {
        let registry = Registry::default();
        let cells = registry.register();
        cells.count(Outcome::Found);
        cells.count(Outcome::Found);
        cells.count(Outcome::Absent);
        (0..3).for_each(|_| cells.count(Outcome::Matched));
        cells.count_socket();
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            for _ in 0..=i {
                let _ = cells.refuse(Unavailable::new(reason, ""));
            }
        }
        let counters = registry.read();
        assert_eq!((counters.found, counters.absent, counters.socket_lookups), (2, 1, 1));
        assert_eq!(counters.matched, 3);
        assert_eq!(counters.unavailable, [1, 2, 3, 4, 5, 6]);
        assert_eq!(counters.unavailable_for(Reason::ALL[3]), 4);
        assert_eq!(counters.unavailable_sum(), 21);
    }

    #[test]
    fn counts_of_ended_threads_stay_and_their_cells_go() {
        let registry = Registry::default();
        let mine = registry.register();
        mine.count(Outcome::Absent);
        for _ in 0..20 {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let cells = registry.register();
                    (0..1000).for_each(|_| cells.count(Outcome::Found));
                });
            });
        }
        assert_eq!(registry.read().found, 20_000);
        assert_eq!(registry.read().absent, 1);
        assert_eq!(registry.inner.lock().unwrap().threads.len(), 1, "only the living thread has cells");
    }
}
