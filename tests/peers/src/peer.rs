//! What a peer can do, and the loops that are timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::fence::wait_for_answer;
use crate::questions::Questions;
use crate::record::Answer;

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
            Looping::Serialised => self.serialised(questions, count)?,
            Looping::Stream => self.stream(questions, count)?,
        };
        let expected = (0..count).filter(|&at| questions.answer(at).is_some()).count();
        ensure!(found == expected, "expected {expected} of {count} to be found, found {found}");
        Ok(elapsed)
    }

    /// Each question depends on the answer before it: a byte of that answer is part of the number of the
    /// question. It is masked to nothing, which neither compiler nor processor knows, so the order is that
    /// of the questions. A miss has no byte, and a processor guesses that it will be one; so a fence keeps
    /// the next look-up behind this one, for hits as well (where it costs nothing more).
    fn serialised(&mut self, questions: &Questions, count: usize) -> Result<(Duration, usize)> {
        let mask = black_box(0_usize);
        let (mut before, mut found) = (0_usize, 0_usize);
        let start = Instant::now();
        for at in 0..count {
            let answer = self.get(questions.key(at ^ (before & mask)))?;
            before = answer.map_or(0, |answer| usize::from(answer.touched));
            found += usize::from(answer.is_some());
            wait_for_answer();
        }
        let elapsed = start.elapsed();
        black_box(before);
        Ok((elapsed, found))
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

    /// Asks the first `count` questions and compares every answer.
    ///
    /// # Errors
    /// The first question that has another answer than the CSV.
    fn check(&mut self, questions: &Questions, count: usize) -> Result<()> {
        for at in 0..count.min(questions.len()) {
            let (key, expected) = (questions.key(at), questions.answer(at));
            let found = self.get(key)?;
            ensure!(
                found == expected,
                "{key:?}: expected {expected:?} as in the CSV, found {found:?}; rows that are one person, or \
                 a server with another CSV, would do that"
            );
        }
        Ok(())
    }
}

/// How look-ups follow each other. A loop over batches (`get_many`) will be one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Looping {
    /// Each waits for the one before: what a program feels that does something with the answer.
    Serialised,
    /// They overlap as far as the processor can look ahead.
    Stream,
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

/// Everything that is timed for each peer, in the order of the tables.
pub(crate) const TIMED: [(Asked, Looping); 4] = [
    (Asked::Hit, Looping::Serialised),
    (Asked::Hit, Looping::Stream),
    (Asked::Miss, Looping::Serialised),
    (Asked::Miss, Looping::Stream),
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
    struct Same(Option<Answer>);

    impl Peer for Same {
        fn get(&mut self, _: &str) -> Result<Option<Answer>> {
            Ok(self.0)
        }

        fn size(&self) -> u64 {
            0
        }
    }

    #[test]
    fn a_peer_that_answers_wrongly_ends_the_run() {
        let rows = rows("email,display_name\na@b.example,A\nc@d.example,C\n").unwrap();
        let known = Known::new(&rows);
        let hits = Questions::hits(&rows, &known, 4, 1).unwrap();
        let misses = Questions::misses(&rows, &known, 4, 1);
        let mut liar = Same(Some(Answer::default()));
        for (_, looping) in TIMED {
            assert!(Nobody.time(looping, &misses, 4).is_ok());
            assert!(Nobody.time(looping, &hits, 4).is_err(), "found nobody");
            assert!(liar.time(looping, &misses, 4).is_err(), "found somebody");
        }
        assert!(Nobody.check(&misses, 4).is_ok());
        assert!(Nobody.check(&hits, 4).is_err());
        assert!(liar.check(&hits, 4).is_err(), "found somebody else");
    }
}
