//! How a command ends: the exit status, and the failure that says why.
//!
//! | status | meaning |
//! |---|---|
//! | 0 | everything asked for was found or done |
//! | 1 | something is definitely absent |
//! | 2 | wrong usage, or an input file that is refused |
//! | 3 | cannot say: no daemon and no generation, too old, unreadable |
//! | 4 | refused: validation failed, not permitted, held, timed out |
//!
//! With several answers the highest counts, so the variants of [`Exit`] stand in that order.

use std::fmt::Display;
use std::io;
use std::process::{ExitCode, Termination};

/// Exit status of a command, in ascending order of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub(crate) enum Exit {
    /// Everything asked for was found or done.
    Done = 0,
    /// Something is definitely absent.
    Absent = 1,
    /// Wrong usage or bad input file.
    Usage = 2,
    /// There is no way to know now.
    Unavailable = 3,
    /// Understood and not carried out.
    Refused = 4,
}

impl Exit {
    /// The status of two answers together: the highest counts.
    pub(crate) fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// Why a command could not be carried out: its exit status and the words for standard error.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// Expected, found, remedy. `None` when nobody is left to read it.
    message: Option<String>,
}

impl Failure {
    /// Wrong usage or a bad input file.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { exit: Exit::Usage, message: Some(message.to_string()) }
    }

    /// No way to know now.
    pub(crate) fn unavailable(message: impl Display) -> Self {
        Self { exit: Exit::Unavailable, message: Some(message.to_string()) }
    }

    /// Understood and not carried out.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self { exit: Exit::Refused, message: Some(message.to_string()) }
    }

    /// Says why on standard error and gives the status to end with.
    pub(crate) fn report(self) -> Exit {
        if let Some(message) = self.message {
            complain(&message);
        }
        self.exit
    }
}

/// A failed write of the command's output.
///
/// When the reader has gone (`persondb get - | head -1`) that is no failure: the command ends
/// without a word.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Done, message: None };
        }
        Self::refused(format!("the output cannot be written: {error}; check free space and permissions"))
    }
}

/// One `error:` line on standard error. A closed standard error is nobody's failure.
pub(crate) fn complain(message: &str) {
    use std::io::Write;
    let style = clap::builder::Styles::default();
    let error = style.get_error();
    let _ = writeln!(anstream::stderr(), "{error}error:{error:#} {message}");
}

/// Complaints once each, and a few at most: a stream of a million questions does not need a million times the same
/// words.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Vec<String>);

/// Complaints that are made.
const COMPLAINTS_MAX: usize = 10;

impl Complaints {
    /// Complains, unless it did before.
    pub(crate) fn complain(&mut self, words: String) {
        if !self.0.contains(&words) && self.0.len() < COMPLAINTS_MAX {
            complain(&words);
            self.0.push(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_status_of_several_answers_counts() {
        let all = [Exit::Done, Exit::Absent, Exit::Usage, Exit::Unavailable, Exit::Refused];
        for (i, exit) in all.into_iter().enumerate() {
            assert_eq!(exit as usize, i);
            assert_eq!(exit.and(Exit::Absent), if i == 0 { Exit::Absent } else { exit });
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((gone.exit, gone.message), (Exit::Done, None));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit, Exit::Refused);
        assert!(full.message.is_some());
    }
}
