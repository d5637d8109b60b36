//! A frozen segment on its way from its staging name to its public name.
//!
//! The daemon opens what its build process froze, verifies it through the client's own reader
//! ([`StagedSegment::map`]), and only then gives it the public name. The rename refuses to replace
//! anything, so nothing published is ever overwritten.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{Gid, fchown, getegid};
use persondb_protocol::ShmName;

use crate::map::SegmentMap;
use crate::object::{Identity, NameGuard, SegmentMode, Trust, rename_to_free_name};
use crate::open::{Facts, OpenError, Writers, check, identity_of, is_still_written, open_read_only};

/// A frozen segment that nobody knows yet. Dropped unpublished, its name is gone.
#[derive(Debug)]
pub struct StagedSegment {
    descriptor: OwnedFd,
    facts: Facts,
    name: NameGuard,
}

/// A segment under its public name, with the read-only descriptor that clients are given.
#[derive(Debug)]
pub struct PublishedSegment {
    descriptor: OwnedFd,
    facts: Facts,
    name: ShmName,
}

/// Why a segment did not get its public name; its staging name is gone too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The public name is taken. Nothing is ever replaced.
    #[error(
        "{name} exists already: expected a generation number that was never used; remove it with `persondb cleanup`"
    )]
    Exists {
        /// Public name.
        name: ShmName,
    },
    /// Another object has the staging name by now.
    #[error("{staging} is not what was verified: expected nobody else to act as this user; roll again")]
    Replaced {
        /// Staging name.
        staging: ShmName,
    },
    /// The operating system failed.
    #[error("{staging} could not be renamed to {name}")]
    Os {
        /// Staging name.
        staging: ShmName,
        /// Public name.
        name: ShmName,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl StagedSegment {
    /// Opens what another process of this user froze under a staging name.
    ///
    /// # Errors
    /// [`OpenError`] when it is not this user's, not frozen (by mode, or because the kernel knows a writer),
    /// or has a second name. The staging name is removed then, if it is ours.
    pub fn open(staging: &ShmName) -> Result<Self, OpenError> {
        let descriptor = open_read_only(staging)?;
        let name = NameGuard::new(staging.clone());
        let facts = check_own(&descriptor, staging)?;
        Ok(Self { descriptor, facts, name })
    }

    /// Maps it as a client would.
    ///
    /// # Errors
    /// [`OpenError`], as for a client.
    pub fn map(&self) -> Result<SegmentMap, OpenError> {
        map(self.descriptor.as_fd(), self.name().as_str(), self.facts)
    }

    /// Gives it its public name, unless that is taken.
    ///
    /// # Errors
    /// [`PublishError`]; what has the public name is untouched.
    pub fn publish(self, name: &ShmName) -> Result<PublishedSegment, PublishError> {
        let staging = self.name().clone();
        let os = |source| PublishError::Os { staging: staging.clone(), name: name.clone(), source };
        let now_there = open_read_only(&staging).map_err(|error| os(io::Error::other(error)))?;
        if identity_of(&now_there).map_err(&os)? != self.facts.identity {
            return Err(PublishError::Replaced { staging });
        }
        rename_to_free_name(&staging, name).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => PublishError::Exists { name: name.clone() },
            _ => os(error),
        })?;
        let Self { descriptor, facts, name: guard } = self;
        guard.keep();
        Ok(PublishedSegment { descriptor, facts, name: name.clone() })
    }

    /// Its staging name.
    #[must_use]
    pub fn name(&self) -> &ShmName {
        self.name.name()
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.facts.size as u64
    }
}

impl PublishedSegment {
    /// Opens a segment that an earlier daemon of this user published, to go on serving it.
    ///
    /// # Errors
    /// [`OpenError`] when it is not this user's, not frozen, or has a second name. It is not removed.
    pub fn open(name: &ShmName) -> Result<Self, OpenError> {
        let descriptor = open_read_only(name)?;
        let facts = check_own(&descriptor, name)?;
        Ok(Self { descriptor, facts, name: name.clone() })
    }

    /// Maps it as a client would.
    ///
    /// # Errors
    /// [`OpenError`], as for a client.
    pub fn map(&self) -> Result<SegmentMap, OpenError> {
        map(self.descriptor.as_fd(), self.name.as_str(), self.facts)
    }

    /// The read-only descriptor, to be sent to clients.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Gives it other readers: `group` (the process's own when `None`) and `mode`. Does nothing where it has
    /// them already.
    ///
    /// What is mapped or open stays so; only later openings by name are judged by it.
    ///
    /// # Errors
    /// When it cannot be given to the group: only root and members of a group can. Only its owner can open it
    /// by name then.
    pub fn permit(&self, mode: SegmentMode, group: Option<u32>) -> io::Result<()> {
        let found = fstat(&self.descriptor)?;
        let gid = group.unwrap_or_else(|| getegid().as_raw());
        let bits = Mode::from_bits_truncate(mode.segment_bits());
        if found.st_gid == gid && found.st_mode & 0o7777 == bits.bits() {
            return Ok(());
        }
        // Nobody in between, so that neither the old group has the new mode, nor the new group the old one.
        fchmod(&self.descriptor, Mode::S_IRUSR)?;
        fchown(&self.descriptor, None, Some(Gid::from_raw(gid)))?;
        fchmod(&self.descriptor, bits)?;
        Ok(())
    }

    /// Its public name.
    #[must_use]
    pub fn name(&self) -> &ShmName {
        &self.name
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.facts.size as u64
    }

    /// Which object it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.facts.identity
    }
}

/// A client's checks, plus what only the owner can know: one name, and no writer anywhere.
fn check_own(descriptor: &OwnedFd, name: &ShmName) -> Result<Facts, OpenError> {
    let facts = check(descriptor.as_fd(), name.as_str(), &Trust::own(), Writers::Nobody)?;
    if facts.links != 1 {
        return Err(OpenError::Links { what: name.to_string(), found: facts.links });
    }
    match is_still_written(descriptor.as_fd()) {
        Ok(false) => Ok(facts),
        Ok(true) => Err(OpenError::StillWritten { what: name.to_string() }),
        Err(source) => Err(OpenError::Os { what: name.to_string(), source }),
    }
}

fn map(descriptor: BorrowedFd<'_>, name: &str, facts: Facts) -> Result<SegmentMap, OpenError> {
    let own =
        descriptor.try_clone_to_owned().map_err(|source| OpenError::Os { what: name.to_owned(), source })?;
    SegmentMap::from_descriptor(own, &Trust::own(), Some(facts.size as u64))
}
