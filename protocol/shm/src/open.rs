//! Opening an object in shared memory, and what is looked at before a byte of it is believed.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::mman::shm_open;
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::geteuid;
use persondb_protocol::ShmName;

use crate::object::{Identity, Trust};

/// Why something in shared memory was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such name.
    #[error("{what} does not exist: expected it in /dev/shm; is the daemon of this dataset running?")]
    Missing {
        /// Name of the object.
        what: String,
    },
    /// The kernel refuses this user.
    #[error("{what} may not be opened by uid {uid}: join its reader group, or ask over the socket")]
    NotPermitted {
        /// Name of the object.
        what: String,
        /// Effective user of this process.
        uid: u32,
    },
    /// It is a link, a pipe, a folder …
    #[error("{what} is not a regular file: somebody else made that name; remove it")]
    NotRegular {
        /// Name of the object.
        what: String,
    },
    /// A user who is not trusted made it.
    #[error(
        "{what} belongs to uid {found}, expected {expected}: if that user runs the daemon, name it as owner"
    )]
    Owner {
        /// Name of the object.
        what: String,
        /// Its owner.
        found: u32,
        /// Trusted owners.
        expected: Trust,
    },
    /// Somebody who must not can still write it.
    #[error(
        "{what} has mode {found:04o}, expected no bit of {forbidden:04o}: it is not frozen, so it is not read"
    )]
    Writable {
        /// Name of the object.
        what: String,
        /// Its permission bits.
        found: u32,
        /// Bits that must not be set.
        forbidden: u32,
    },
    /// A writable descriptor or mapping of it exists.
    #[error("{what} is still open for writing somewhere: expected its builder to have frozen it")]
    StillWritten {
        /// Name of the object.
        what: String,
    },
    /// It has another size than announced, or none.
    #[error(
        "{what} has {found} bytes, expected {expected}: it is not what was announced; open the superblock again"
    )]
    Size {
        /// Name of the object.
        what: String,
        /// Its size in bytes.
        found: u64,
        /// Expected size in bytes, as text.
        expected: String,
    },
    /// It has more or fewer names than one.
    #[error("{what} has {found} names, expected 1: somebody links to it; remove it")]
    Links {
        /// Name of the object.
        what: String,
        /// Number of its names.
        found: u64,
    },
    /// The first word of a superblock is something else.
    #[error("{what} is no superblock (first word {found:#018x}): it is still being made, or foreign")]
    Magic {
        /// Name of the object.
        what: String,
        /// Its first word.
        found: u64,
    },
    /// It was written by a release with another byte format.
    #[error(
        "{what} has layout {found}, this program reads {expected}: ask over the socket, or use the daemon's release"
    )]
    Layout {
        /// Name of the object.
        what: String,
        /// Its layout version.
        found: u64,
        /// The layout version this program reads.
        expected: u32,
    },
    /// The operating system failed.
    #[error("{what} could not be opened or mapped")]
    Os {
        /// Name of the object.
        what: String,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// Who may still be able to write an object that is opened.
#[derive(Clone, Copy)]
pub(crate) enum Writers {
    /// A frozen segment: nobody.
    Nobody,
    /// A superblock: its owner.
    Owner,
}

/// What was learnt about an open object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) size: usize,
    pub(crate) identity: Identity,
    pub(crate) links: u64,
}

/// Opens a name for reading, as untrusted as it is.
pub(crate) fn open_read_only(name: &ShmName) -> Result<OwnedFd, OpenError> {
    open(name, OFlag::O_RDONLY)
}

/// Opens an existing name with `access`; never creates, follows a link, or waits at a pipe.
pub(crate) fn open(name: &ShmName, access: OFlag) -> Result<OwnedFd, OpenError> {
    let flags = access | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    shm_open(name.as_str(), flags, Mode::empty()).map_err(|errno| {
        let what = name.to_string();
        match errno {
            Errno::ENOENT => OpenError::Missing { what },
            Errno::EACCES | Errno::EPERM => OpenError::NotPermitted { what, uid: geteuid().as_raw() },
            // A link; a pipe without a reader or a socket; a folder.
            Errno::ELOOP | Errno::ENXIO | Errno::EISDIR => OpenError::NotRegular { what },
            errno => OpenError::Os { what, source: errno.into() },
        }
    })
}

/// Checks what was really opened: kind, owner, mode, size.
pub(crate) fn check(
    descriptor: BorrowedFd<'_>,
    what: &str,
    trust: &Trust,
    writers: Writers,
) -> Result<Facts, OpenError> {
    let what = || what.to_owned();
    let stat = fstat(descriptor).map_err(|errno| OpenError::Os { what: what(), source: errno.into() })?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(OpenError::NotRegular { what: what() });
    }
    if !trust.includes(stat.st_uid) {
        return Err(OpenError::Owner { what: what(), found: stat.st_uid, expected: trust.clone() });
    }
    let forbidden = match writers {
        Writers::Nobody => 0o222,
        Writers::Owner => 0o022,
    };
    let mode = stat.st_mode & 0o7777;
    if mode & forbidden != 0 {
        return Err(OpenError::Writable { what: what(), found: mode, forbidden });
    }
    let size = usize::try_from(stat.st_size).ok().filter(|&size| size > 0 && isize::try_from(size).is_ok());
    let Some(size) = size else {
        let found = u64::try_from(stat.st_size).unwrap_or(0);
        return Err(OpenError::Size { what: what(), found, expected: "more than 0".into() });
    };
    Ok(Facts { size, identity: identity(&stat), links: stat.st_nlink })
}

pub(crate) fn identity(stat: &FileStat) -> Identity {
    Identity { device: stat.st_dev, inode: stat.st_ino }
}

/// Identity of an open object.
pub(crate) fn identity_of(descriptor: impl AsFd) -> io::Result<Identity> {
    Ok(identity(&fstat(descriptor)?))
}

/// Whether anybody on this machine holds a descriptor or a shared mapping that can write this file.
///
/// Asked of the kernel, not concluded: it grants a read lease only on a file that nobody has open for
/// writing, and a writable shared mapping keeps its open file alive. Only the file's owner may ask.
/// `descriptor` has to be read-only itself.
pub(crate) fn is_still_written(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let number = descriptor.as_raw_fd();
    // Should somebody (root; the mode forbids everybody else) open the file for writing within the few
    // microseconds of the lease, the kernel signals us. Its default signal would end the process;
    // SIGURG is ignored by default.
    // SAFETY: fcntl on a descriptor that the caller lends us; no memory is involved.
    if Errno::result(unsafe { libc::fcntl(number, F_SETSIG, libc::SIGURG) }).is_err() {
        return Ok(false); // as below
    }
    // SAFETY: as above.
    let granted = Errno::result(unsafe { libc::fcntl(number, libc::F_SETLEASE, libc::F_RDLCK) });
    match granted {
        Ok(_) => {
            // SAFETY: as above.
            Errno::result(unsafe { libc::fcntl(number, libc::F_SETLEASE, libc::F_UNLCK) })?;
            Ok(false)
        }
        Err(Errno::EAGAIN) => Ok(true),
        // A kernel or a sandbox without leases: then the mode is what is left to go by.
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// `F_SETSIG` of Linux, which the libc crate has for few targets.
const F_SETSIG: libc::c_int = 10;
