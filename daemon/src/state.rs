//! What has to survive when `/dev/shm` does not: the highest generation number ever given out (a number is
//! never used twice, also not after a reboot or a clean-up) and whether announcements are held.
//!
//! The segments are the truth about what is served; this file is never consulted for that.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use persondb_protocol::{DatasetName, Generation};
use serde::{Deserialize, Serialize};

use crate::board::Hold;

/// The file's contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Highest number given out; 0 before the first.
    pub last_issued: u64,
    /// An operator froze announcements.
    pub held: bool,
}

/// The file, with what it says.
///
/// Read once: the dataset's lock keeps other writers out. Two threads note different facts (the cycle thread
/// numbers, the control thread holds), so every change is made and written under one lock: read, changed and
/// written apart, one of the two would be lost.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// What the file says. Holding it is the right to write.
    state: Mutex<State>,
}

impl StateFile {
    /// Reads the state file of a dataset; a missing file is the state of a new dataset. Call it with the
    /// dataset's lock.
    ///
    /// # Errors
    /// Unreadable or damaged: guessing could give a number out twice.
    pub fn open(state_dir: &Path, name: &DatasetName) -> io::Result<Self> {
        let path = state_dir.join(format!("{name}.state.json"));
        let state = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let what = format!(
                    "{}: expected the state of a dataset, found {error}; remove the file if the dataset was never served since boot",
                    path.display()
                );
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(explain(&path, "read", &error)),
        };
        Ok(Self { path, state: Mutex::new(state) })
    }

    /// What it says. Waits while a change is being written.
    #[must_use]
    pub fn state(&self) -> State {
        *self.lock()
    }

    /// Replaces it as a whole: a daemon that starts after a crash sees the old or the new state, and after
    /// `Ok` the new one.
    fn change(&self, change: impl FnOnce(State) -> State) -> io::Result<()> {
        let mut state = self.lock();
        let changed = change(*state);
        let fresh = self.path.with_extension("json.new");
        let write = || {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(&serde_json::to_vec(&changed)?)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &self.path)?;
            // The rename is an entry of the folder, and durable only with it.
            let folder = self.path.parent().unwrap_or(Path::new("."));
            std::fs::File::open(folder)?.sync_all()
        };
        write().map_err(|error| explain(&self.path, "write", &error))?;
        *state = changed;
        Ok(())
    }

    /// Notes that `generation` was given out.
    ///
    /// # Errors
    /// When the folder cannot be written; the number must not be used then.
    pub fn note_issued(&self, generation: Generation) -> io::Result<()> {
        self.change(|state| State { last_issued: state.last_issued.max(generation.0), ..state })
    }

    /// Notes whether announcements are held.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note_hold(&self, hold: Hold) -> io::Result<()> {
        self.change(|state| State { held: hold == Hold::Held, ..state })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is replaced as a whole, after the file: a panic in between leaves what the file said before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn explain(path: &Path, verb: &str, error: &io::Error) -> io::Error {
    let what = format!(
        "{}: cannot {verb} the state file: {error}; give this user the folder, or name another with --state-dir",
        path.display()
    );
    io::Error::new(error.kind(), what)
}

/// Makes a folder that only this user can enter, or checks that it is one.
///
/// # Errors
/// When it cannot be made, or belongs to somebody else (in a temporary directory anybody may have been first).
pub fn private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(path)?;
    let uid = nix::unistd::geteuid().as_raw();
    let whose = found.uid() == uid || (uid == 0 && found.is_dir());
    if found.is_dir() && whose && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let what = format!(
        "{}: expected a folder of uid {uid} that nobody else can write, found owner {} and mode {:04o}; correct it or name another",
        path.display(),
        found.uid(),
        found.mode() & 0o7777
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn numbers_only_rise_and_held_stays_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let name = DatasetName::new("eu").unwrap();
        let file = StateFile::open(folder.path(), &name).unwrap();
        assert_eq!(file.state(), State::default());
        file.note_issued(Generation(7)).unwrap();
        file.note_hold(Hold::Held).unwrap();
        file.note_issued(Generation(3)).unwrap();
        let expected = State { last_issued: 7, held: true };
        assert_eq!(file.state(), expected);
        assert_eq!(
            StateFile::open(folder.path(), &name).unwrap().state(),
            expected,
            "also for the next daemon"
        );
    }

    #[test]
    fn what_two_threads_note_at_once_is_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let name = DatasetName::new("eu").unwrap();
        let file = StateFile::open(folder.path(), &name).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=200).for_each(|number| file.note_issued(Generation(number)).unwrap()));
            for hold in [Hold::Held, Hold::Released].into_iter().cycle().take(199) {
                file.note_hold(hold).unwrap();
                let written = StateFile::open(folder.path(), &name).unwrap().state();
                assert_eq!(written.held, hold == Hold::Held);
            }
        });
        let written = StateFile::open(folder.path(), &name).unwrap().state();
        assert_eq!(written, State { last_issued: 200, held: true });
    }

    #[test]
    fn a_change_that_cannot_be_written_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let name = DatasetName::new("eu").unwrap();
        let file = StateFile::open(folder.path(), &name).unwrap();
        std::fs::create_dir(folder.path().join("eu.state.json.new")).unwrap();
        assert!(file.note_hold(Hold::Held).is_err());
        assert_eq!(file.state(), State::default());
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_new_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let name = DatasetName::new("eu").unwrap();
        std::fs::write(folder.path().join("eu.state.json"), "{").unwrap();
        assert!(StateFile::open(folder.path(), &name).is_err());
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        private_folder(&inner).unwrap();
        private_folder(&inner).unwrap();
        assert_eq!(std::fs::metadata(&inner).unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(private_folder(&inner).is_err());
    }
}
