//! What a peer can do, and the loops that are timed.

use std::fmt::Debug;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde::Serialize;

use crate::fence::wait_for_answer;
use crate::questions::Questions;
use crate::record::{Answer, Columns};

/// One way to look people up, built and ready.
///
/// The loops are provided methods, so that they are compiled for each peer with its `get` inlined, as they
/// would be in a program that uses just that peer.
pub(crate) trait Peer {
    /// Looks one address up and decodes address and display name of what it found.
    ///
    /// # Errors
    /// When there is no way to know: that ends the run.
    fn get(&mut self, key: &str) -> Result<Option<Answer>>;

    /// Looks up to [`BATCH_SIZE`] addresses up at once and sets the answer to each. For a peer that knows no
    /// batches one is a loop.
    ///
    /// # Errors
    /// When there is no way to know one of them.
    fn get_batch(&mut self, keys: &[&str], answers: &mut [Option<Answer>]) -> Result<()> {
        for (key, answer) in keys.iter().zip(answers) {
            *answer = self.get(key)?;
        }
        Ok(())
    }

    /// Whether [`Self::get_columns`] is there: where decoding all columns is something else than reading on.
    fn has_columns(&self) -> bool {
        false
    }

    /// Looks one address up and decodes all columns of what it found.
    ///
    /// # Errors
    /// When there is no way to know, and where a peer has none.
    fn get_columns(&mut self, _key: &str) -> Result<Option<Columns>> {
        bail!("it decodes no columns")
    }

    /// Memory or file bytes of all people: what the machine has to keep at hand.
    fn size(&self) -> u64;

    /// What a reader of the figures should know.
    fn note(&self) -> Option<String> {
        None
    }

    /// Asks the first `count` questions and gives back the time for all of them.
    ///
    /// # Errors
    /// When `get` fails, or more or fewer were found than there are.
    fn time(&mut self, looping: Looping, questions: &Questions, count: usize) -> Result<Duration> {
        let count = count.min(questions.len());
        let (elapsed, found) = match looping {
            Looping::Serialised => {
                serialised(questions, count, |key| Ok(self.get(key)?.map(|answer| answer.touched)))?
            }
            Looping::Stream => self.stream(questions, count)?,
            Looping::Batch => self.batch(questions, count)?,
            Looping::Columns => {
                serialised(questions, count, |key| Ok(self.get_columns(key)?.map(|columns| columns.touched)))?
            }
        };
        let expected = (0..count).filter(|&at| questions.answer(at).is_some()).count();
        ensure!(found == expected, "expected {expected} of {count} to be found, found {found}");
        Ok(elapsed)
    }

    /// Questions that do not wait for each other: the processor overlaps as many as it can.
    fn stream(&mut self, questions: &Questions, count: usize) -> Result<(Duration, usize)> {
        let (mut touched, mut found) = (0_u8, 0_usize);
        let start = Instant::now();
        for at in 0..count {
            let answer = self.get(questions.key(at))?;
            touched ^= answer.map_or(0, |answer| answer.touched);
            found += usize::from(answer.is_some());
        }
        let elapsed = start.elapsed();
        black_box(touched);
        Ok((elapsed, found))
    }

    /// [`BATCH_SIZE`] questions at a time, the next batch when all answers of this one are there.
    fn batch(&mut self, questions: &Questions, count: usize) -> Result<(Duration, usize)> {
        let (mut keys, mut answers) = ([""; BATCH_SIZE], [None::<Answer>; BATCH_SIZE]);
        let (mut touched, mut found) = (0_u8, 0_usize);
        let start = Instant::now();
        for first in (0..count).step_by(BATCH_SIZE) {
            let size = BATCH_SIZE.min(count - first);
            let (keys, answers) = (&mut keys[..size], &mut answers[..size]);
            for (place, key) in keys.iter_mut().enumerate() {
                *key = questions.key(first + place);
            }
            self.get_batch(keys, answers)?;
            for answer in answers {
                touched ^= answer.map_or(0, |answer| answer.touched);
                found += usize::from(answer.is_some());
            }
        }
        let elapsed = start.elapsed();
        black_box(touched);
        Ok((elapsed, found))
    }

    /// Asks the first `count` questions in every way that is timed, and compares every answer.
    ///
    /// # Errors
    /// The first question that has another answer than the CSV.
    fn check(&mut self, questions: &Questions, count: usize) -> Result<()> {
        let count = count.min(questions.len());
        for at in 0..count {
            let key = questions.key(at);
            compare(key, self.get(key)?, questions.answer(at))?;
            if self.has_columns() {
                compare(key, self.get_columns(key)?, questions.columns(at))?;
            }
        }
        let all: Vec<usize> = (0..count).collect();
        for batch in all.chunks(BATCH_SIZE) {
            let keys: Vec<&str> = batch.iter().map(|&at| questions.key(at)).collect();
            // What no batch sets may not pass for an answer of the one before.
            let mut answers = vec![None; batch.len()];
            self.get_batch(&keys, &mut answers)?;
            for (&at, answer) in batch.iter().zip(answers) {
                compare(questions.key(at), answer, questions.answer(at))?;
            }
        }
        Ok(())
    }
}

/// Questions of one batch: what PersonDB has under way together.
pub(crate) const BATCH_SIZE: usize = 32;

/// Each question depends on the answer before it: `get` gives a byte of that answer, which is part of the
/// number of the next question. It is masked to nothing, which neither compiler nor processor knows, so the
/// order is that of the questions. A miss has no byte, and a processor guesses that it will be one; so a fence
/// keeps the next look-up behind this one, for hits as well (where it costs nothing more).
#[inline]
fn serialised(
    questions: &Questions,
    count: usize,
    mut get: impl FnMut(&str) -> Result<Option<u8>>,
) -> Result<(Duration, usize)> {
    let mask = black_box(0_usize);
    let (mut before, mut found) = (0_usize, 0_usize);
    let start = Instant::now();
    for at in 0..count {
        let touched = get(questions.key(at ^ (before & mask)))?;
        before = touched.map_or(0, usize::from);
        found += usize::from(touched.is_some());
        wait_for_answer();
    }
    let elapsed = start.elapsed();
    black_box(before);
    Ok((elapsed, found))
}

fn compare<T: Copy + Debug + PartialEq>(key: &str, found: Option<T>, expected: Option<T>) -> Result<()> {
    ensure!(
        found == expected,
        "{key:?}: expected {expected:?} as in the CSV, found {found:?}; rows that are one person, or a server \
         with another CSV, would do that"
    );
    Ok(())
}

/// How look-ups follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Looping {
    /// Each waits for the one before: what a program feels that does something with the answer.
    Serialised,
    /// They overlap as far as the processor can look ahead.
    Stream,
    /// So many at a time as one question, [`BATCH_SIZE`], where a peer knows how to; else a stream.
    Batch,
    /// Serialised, and every column is decoded, not just address and display name.
    Columns,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asked {
    /// Addresses of people.
    Hit,
    /// Addresses of nobody.
    Miss,
}

/// Everything that is timed, in the order of the tables; [`Looping::Columns`] only for peers that have them.
pub(crate) const TIMED: [(Asked, Looping); 7] = [
    (Asked::Hit, Looping::Serialised),
    (Asked::Hit, Looping::Stream),
    (Asked::Hit, Looping::Batch),
    (Asked::Miss, Looping::Serialised),
    (Asked::Miss, Looping::Stream),
    (Asked::Miss, Looping::Batch),
    (Asked::Hit, Looping::Columns),
];

/// Knows nobody and does nothing: what the loops themselves cost.
pub(crate) struct Nobody;

impl Peer for Nobody {
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        black_box(key);
        Ok(None)
    }

    fn size(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::Known;
    use crate::rows::tests::rows;

    /// Says the same to everything.
    #[derive(Default)]
    struct Same {
        one: Option<Answer>,
        columns: Option<Columns>,
    }

    impl Peer for Same {
        fn get(&mut self, _: &str) -> Result<Option<Answer>> {
            Ok(self.one)
        }

        fn has_columns(&self) -> bool {
            true
        }

        fn get_columns(&mut self, _: &str) -> Result<Option<Columns>> {
            Ok(self.columns)
        }

        fn size(&self) -> u64 {
            0
        }
    }

    /// Right about each address alone; in a batch it forgets the last.
    struct Forgetful(Answer);

    impl Peer for Forgetful {
        fn get(&mut self, _: &str) -> Result<Option<Answer>> {
            Ok(Some(self.0))
        }

        fn get_batch(&mut self, keys: &[&str], answers: &mut [Option<Answer>]) -> Result<()> {
            answers[..keys.len() - 1].fill(Some(self.0));
            Ok(())
        }

        fn size(&self) -> u64 {
            0
        }
    }

    fn hits_and_misses(csv: &str, count: u32) -> (Questions, Questions) {
        let rows = rows(csv).unwrap();
        let known = Known::new(&rows);
        let hits = Questions::hits(&rows, &known, count, 1).unwrap();
        (hits, Questions::misses(&rows, &known, count, 1))
    }

    #[test]
    fn a_peer_that_answers_wrongly_ends_the_run() {
        let (hits, misses) = hits_and_misses("email,display_name\na@b.example,A\nc@d.example,C\n", 4);
        let mut nobody = Same::default();
        let mut liar = Same { one: Some(Answer::default()), columns: Some(Columns::default()) };
        for (_, looping) in TIMED {
            assert!(nobody.time(looping, &misses, 4).is_ok());
            assert!(nobody.time(looping, &hits, 4).is_err(), "found nobody");
            assert!(liar.time(looping, &misses, 4).is_err(), "found somebody");
        }
        assert!(nobody.check(&misses, 4).is_ok());
        assert!(nobody.check(&hits, 4).is_err());
        assert!(liar.check(&hits, 4).is_err(), "found somebody else");
    }

    #[test]
    fn a_column_that_differs_from_the_csv_ends_the_run() {
        let (hits, _) = hits_and_misses("email,display_name,note\na@b.example,A,x\n", 1);
        let (one, columns) = (hits.answer(0), hits.columns(0));
        assert!(Same { one, columns }.check(&hits, 1).is_ok());
        let fewer = columns.map(|columns| Columns { count: columns.count - 1, ..columns });
        assert!(Same { one, columns: fewer }.check(&hits, 1).is_err());
    }

    #[test]
    fn every_place_of_every_batch_counts_and_the_last_batch_may_be_smaller() {
        let count = 2 * BATCH_SIZE + 1;
        let (hits, _) = hits_and_misses("email,display_name\na@b.example,A\n", 1000);
        let answer = hits.answer(0).unwrap();
        let mut whole = Same { one: Some(answer), columns: hits.columns(0) };
        assert!(whole.time(Looping::Batch, &hits, count).is_ok());
        assert!(whole.check(&hits, count).is_ok());
        assert!(Forgetful(answer).time(Looping::Stream, &hits, count).is_ok());
        assert!(Forgetful(answer).time(Looping::Batch, &hits, count).is_err());
        assert!(Forgetful(answer).check(&hits, count).is_err());
    }
}
