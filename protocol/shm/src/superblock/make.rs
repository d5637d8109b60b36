//! Making a superblock, and judging one that is there already.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::mman::shm_open;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, fchown};
use persondb_protocol::layout::{LAYOUT_VERSION, SUPERBLOCK_MAGIC, SUPERBLOCK_SIZE, SuperblockState, word};
use persondb_protocol::name::ShmObject;
use persondb_protocol::{DatasetName, Generation, ShmName};

use super::owner::{SuperblockError, SuperblockOwner, TakenOver, wake};
use super::page::PageMut;
use super::reader::check_words;
use super::{Words, WordsMut};
use crate::clock::boot_now_ns;
use crate::mapping::Mapping;
use crate::object::{NameGuard, SegmentMode, Trust, list, new_staging_name, rename_to_free_name};
use crate::open::{OpenError, Writers, check, identity_of, open};
use crate::segment::allocate;

/// Why an existing superblock was not taken.
pub(super) enum Untaken {
    /// There is none.
    Absent,
    /// It cannot be used; `issued` is what it said was issued.
    Unfit { error: OpenError, issued: Generation },
    /// The operating system failed.
    Os(io::Error),
}

/// Maps the superblock of an earlier daemon of this user for writing, if it fits.
pub(super) fn take(name: &ShmName) -> Result<SuperblockOwner, Untaken> {
    let unfit = |error| Untaken::Unfit { error, issued: Generation(0) };
    let descriptor = match open(name, OFlag::O_RDWR) {
        Ok(descriptor) => descriptor,
        Err(OpenError::Missing { .. }) => return Err(Untaken::Absent),
        Err(OpenError::Os { source, .. }) => return Err(Untaken::Os(source)),
        Err(error) => return Err(unfit(error)),
    };
    let facts = check(descriptor.as_fd(), name.as_str(), &Trust::own(), Writers::Owner).map_err(unfit)?;
    if facts.size != SUPERBLOCK_SIZE {
        let (what, found) = (name.to_string(), facts.size as u64);
        return Err(unfit(OpenError::Size { what, found, expected: SUPERBLOCK_SIZE.to_string() }));
    }
    let mapping = Mapping::read_write(descriptor.as_fd(), facts.size).map_err(Untaken::Os)?;
    let page = PageMut::new(mapping).expect("the size was checked above");
    let mut checked = check_words(&page, name.as_str());
    if checked.is_ok() && facts.links != 1 {
        checked = Err(OpenError::Links { what: name.to_string(), found: facts.links });
    }
    // Magic, state, wake and last-issued words keep their places in every layout, so that a release can
    // always tell the clients of another to look again.
    if let Err(error) = checked {
        let magic = page.load(word::MAGIC) == SUPERBLOCK_MAGIC;
        let issued = Generation(if magic { page.load(word::LAST_ISSUED) } else { 0 });
        if magic {
            page.store(word::STATE, SuperblockState::Retired as u64);
            wake(&page);
        }
        return Err(Untaken::Unfit { error, issued });
    }
    Ok(SuperblockOwner::new(page, name.clone(), facts.identity, TakenOver::Yes))
}

/// A new superblock under `name`; `None` when the name was taken meanwhile.
///
/// Made under a staging name and renamed when complete, so a name that exists leads to a whole page.
pub(super) fn make(
    dataset: &DatasetName,
    mode: SegmentMode,
    group: Option<u32>,
    last_issued: Generation,
) -> Result<Option<SuperblockOwner>, SuperblockError> {
    let name = dataset.superblock();
    let os = |source| SuperblockError::Os { name: name.clone(), source };
    let staging = new_staging_name(dataset);
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let descriptor = match shm_open(staging.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(descriptor) => descriptor,
        Err(Errno::EEXIST) => return Ok(None),
        Err(errno) => return Err(os(errno.into())),
    };
    let guard = NameGuard::new(staging.clone());
    allocate(&descriptor, 0, SUPERBLOCK_SIZE as u64).map_err(|errno| os(errno.into()))?;
    let mapping = Mapping::read_write(descriptor.as_fd(), SUPERBLOCK_SIZE).map_err(os)?;
    let page = PageMut::new(mapping).expect("a superblock was asked for");
    let now = boot_now_ns();
    page.store(word::LAYOUT, LAYOUT_VERSION.into());
    page.store(word::STATE, SuperblockState::Starting as u64);
    page.store(word::HEARTBEAT, now);
    page.store(word::DAEMON_START, now);
    page.store(word::LAST_ISSUED, last_issued.0);
    page.store_release(word::MAGIC, SUPERBLOCK_MAGIC);
    permit(&descriptor, &name, mode, group)?;
    let identity = identity_of(&descriptor).map_err(os)?;
    match rename_to_free_name(&staging, &name) {
        Ok(()) => guard.keep(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(os(error)),
    }
    Ok(Some(SuperblockOwner::new(page, name, identity, TakenOver::No)))
}

/// Lets the readers read: the group before the mode, so that no wrong group ever may.
pub(super) fn permit(
    descriptor: &OwnedFd,
    name: &ShmName,
    mode: SegmentMode,
    group: Option<u32>,
) -> Result<(), SuperblockError> {
    if let Some(gid) = group {
        fchown(descriptor, None, Some(Gid::from_raw(gid))).map_err(|errno| SuperblockError::Group {
            name: name.clone(),
            gid,
            source: errno.into(),
        })?;
    }
    fchmod(descriptor, Mode::from_bits_truncate(mode.superblock_bits()))
        .map_err(|errno| SuperblockError::Os { name: name.clone(), source: errno.into() })
}

/// Highest generation that has a segment in shared memory.
///
/// Strangers' files do not count: one named after the highest number would use up all numbers at once.
pub(super) fn highest_listed(dataset: &DatasetName) -> io::Result<Generation> {
    let trust = Trust::usual(None);
    let ours = list(dataset)?.into_iter().filter(|listed| trust.includes(listed.metadata.uid));
    let generations = ours.filter_map(|listed| match listed.object {
        ShmObject::Segment { generation, .. } => Some(generation),
        ShmObject::Superblock | ShmObject::Staging => None,
    });
    Ok(generations.max().unwrap_or(Generation(0)))
}
