//! What has to survive when `/dev/shm` does not: the highest generation number ever given out (a number is
//! never used twice, also not after a reboot or a clean-up) and whether announcements are held.
//!
//! The segments are the truth about what is served; this file is never consulted for that.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use persondb_protocol::{DatasetName, Generation};
use serde::{Deserialize, Serialize};

/// The file's contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Highest number given out; 0 before the first.
    pub last_issued: u64,
    /// An operator froze announcements.
    pub held: bool,
}

/// The file.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// The state file of a dataset.
    #[must_use]
    pub fn new(state_dir: &Path, name: &DatasetName) -> Self {
        Self { path: state_dir.join(format!("{name}.state.json")) }
    }

    /// Reads it; a missing file is the state of a new dataset.
    ///
    /// # Errors
    /// Unreadable or damaged: guessing could give a number out twice.
    pub fn read(&self) -> io::Result<State> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
            Err(error) => return Err(self.explain("read", &error)),
        };
        serde_json::from_slice(&text).map_err(|error| {
            let what = format!(
                "{}: expected the state of a dataset, found {error}; remove the file if the dataset was never served since boot",
                self.path.display()
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }

    /// Replaces it as a whole: a reader, or a daemon that starts after a crash, sees the old or the new state.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, state: State) -> io::Result<()> {
        let fresh = self.path.with_extension("json.new");
        let write = || {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(&serde_json::to_vec(&state)?)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &self.path)
        };
        write().map_err(|error| self.explain("write", &error))
    }

    /// Notes that `generation` was given out.
    ///
    /// # Errors
    /// As for [`Self::write`]; the number must not be used then.
    pub fn note_issued(&self, generation: Generation) -> io::Result<()> {
        let state = self.read()?;
        self.write(State { last_issued: state.last_issued.max(generation.0), ..state })
    }

    /// Notes whether announcements are held.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub fn note_held(&self, held: bool) -> io::Result<()> {
        let state = self.read()?;
        self.write(State { held, ..state })
    }

    fn explain(&self, verb: &str, error: &io::Error) -> io::Error {
        let what = format!(
            "{}: cannot {verb} the state file: {error}; give this user the folder, or name another with --state-dir",
            self.path.display()
        );
        io::Error::new(error.kind(), what)
    }
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
        let file = StateFile::new(folder.path(), &DatasetName::new("eu").unwrap());
        assert_eq!(file.read().unwrap(), State::default());
        file.note_issued(Generation(7)).unwrap();
        file.note_held(true).unwrap();
        file.note_issued(Generation(3)).unwrap();
        assert_eq!(file.read().unwrap(), State { last_issued: 7, held: true });
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_new_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let name = DatasetName::new("eu").unwrap();
        std::fs::write(folder.path().join("eu.state.json"), "{").unwrap();
        assert!(StateFile::new(folder.path(), &name).read().is_err());
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
