//! One daemon for a dataset.
//!
//! The lock is a file of the daemon's own, readable by nobody else. The shared objects would not do:
//! whoever can open one for reading can lock it, and keep the daemon out for ever. The kernel drops the
//! lock with the process, however it ends; the file stays, so that no two processes can ever lock
//! different files of the same name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::unistd::geteuid;

/// The right to be the daemon of a dataset, until dropped.
#[derive(Debug)]
pub struct DatasetLock {
    _lock: Flock<File>,
    path: PathBuf,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Locked {
    /// Another process has it.
    #[error(
        "{} is locked by {}: expected no other daemon for this dataset; stop it, or choose another name",
        path.display(),
        holder_pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who has it, if that was written there.
        holder_pid: Option<u32>,
    },
    /// Another user made the file first.
    #[error("{} belongs to uid {found}, expected {expected}: remove it, or run the daemon as that user", path.display())]
    Foreign {
        /// The lock file.
        path: PathBuf,
        /// Its owner.
        found: u32,
        /// Own effective user.
        expected: u32,
    },
    /// The operating system failed.
    #[error("{} could not be opened or locked: expected a folder that this user can write", path.display())]
    Os {
        /// The lock file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl DatasetLock {
    /// Takes the lock, or says who has it. Does not wait. The file is made if it is not there.
    ///
    /// # Errors
    /// [`Locked`].
    pub fn acquire(path: &Path) -> Result<Self, Locked> {
        let os = |source| Locked::Os { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map_err(os)?;
        let (found, expected) = (file.metadata().map_err(os)?.uid(), geteuid().as_raw());
        if found != expected {
            return Err(Locked::Foreign { path: path.to_owned(), found, expected });
        }
        // The holder's number, read before, because a failed attempt consumes the file; a holder that has
        // not written it yet is "another process".
        let mut holder = String::new();
        let _ = Read::by_ref(&mut file).take(32).read_to_string(&mut holder);
        let mut lock =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
                Errno::EWOULDBLOCK => {
                    Locked::Held { path: path.to_owned(), holder_pid: holder.trim().parse().ok() }
                }
                errno => os(errno.into()),
            })?;
        lock.set_len(0).map_err(os)?;
        lock.rewind().map_err(os)?;
        writeln!(lock, "{}", std::process::id()).map_err(os)?;
        Ok(Self { _lock: lock, path: path.to_owned() })
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_second_one_is_refused_and_told_who_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, "99999999999 what an earlier, longer holder left").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let first = DatasetLock::acquire(&path).unwrap();
        let error = DatasetLock::acquire(&path).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}:", std::process::id())), "{error}");
        drop(first);
        DatasetLock::acquire(&path).unwrap();
    }

    #[test]
    fn a_new_lock_file_is_private_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let _lock = DatasetLock::acquire(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(DatasetLock::acquire(&link), Err(Locked::Os { .. })));
    }
}
