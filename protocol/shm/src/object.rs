//! Names in `/dev/shm`: whom to trust with them, listing, unlinking.
//!
//! `/dev/shm` is world-writable and sticky: anybody may have created a name first, as anything (a
//! file of their own, a link, a pipe), but only the owner of a file and root can remove or rename it.
//! So every opening here refuses links, never blocks, never creates, and looks with `fstat` at what it
//! really got before it reads a byte.

use std::fmt;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::mman::shm_unlink;
use nix::unistd::geteuid;
use persondb_protocol::name::ShmObject;
use persondb_protocol::{DatasetName, ShmName};
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Where `shm_open` keeps its objects.
pub const SHM_DIR: &str = "/dev/shm";

/// Users whose objects are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    owners: Vec<u32>,
}

impl Trust {
    /// Exactly these users.
    #[must_use]
    pub fn only(owners: Vec<u32>) -> Self {
        Self { owners }
    }

    /// Root, the own effective user, and `extra` (the configured owner, or the user at the other end
    /// of the socket).
    #[must_use]
    pub fn usual(extra: Option<u32>) -> Self {
        let mut owners = vec![0, geteuid().as_raw()];
        owners.extend(extra);
        owners.sort_unstable();
        owners.dedup();
        Self { owners }
    }

    /// The own effective user alone: what a daemon takes over.
    #[must_use]
    pub fn own() -> Self {
        Self { owners: vec![geteuid().as_raw()] }
    }

    /// Whether objects of this user are believed.
    #[must_use]
    pub fn includes(&self, uid: u32) -> bool {
        self.owners.contains(&uid)
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, uid) in self.owners.iter().enumerate() {
            write!(f, "{}{uid}", if i == 0 { "uid " } else { ", " })?;
        }
        Ok(())
    }
}

/// Who may map what a daemon publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SegmentMode {
    /// The owner and the reader group: segments 0440, superblock 0640.
    #[default]
    Group,
    /// Every user of the machine: segments 0444, superblock 0644.
    Everyone,
}

impl SegmentMode {
    /// Permission bits of a frozen segment.
    #[must_use]
    pub fn segment_bits(self) -> u32 {
        match self {
            Self::Group => 0o440,
            Self::Everyone => 0o444,
        }
    }

    /// Permission bits of a superblock.
    #[must_use]
    pub fn superblock_bits(self) -> u32 {
        match self {
            Self::Group => 0o640,
            Self::Everyone => 0o644,
        }
    }
}

/// Which object it is, whatever its name: a name that was removed and made anew has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// One object of a dataset in `/dev/shm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub object: ShmObject,
    /// Its name.
    pub name: ShmName,
    /// What `lstat` says.
    pub metadata: Metadata,
}

/// What `lstat` says about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Size in bytes.
    pub size: u64,
    /// Bytes of memory it really takes.
    pub allocated: u64,
    /// Which object it is.
    pub identity: Identity,
    /// Owner.
    pub uid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// All objects of a dataset in `/dev/shm`, whoever made them; links and the like are left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(dataset: &DatasetName) -> io::Result<Vec<Listed>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(SHM_DIR)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some((object, name)) = file_name.to_str().and_then(|text| parse(dataset, text)) else { continue };
        // Gone between the listing and now: then it is not there.
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        if metadata.is_file() {
            found.push(Listed { object, name, metadata: Metadata::from(&metadata) });
        }
    }
    found.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
    Ok(found)
}

/// Removes a name; mappings and descriptors of the object stay good. False when there was none.
///
/// # Errors
/// When it is somebody else's, or the operating system fails otherwise.
pub fn unlink(name: &ShmName) -> io::Result<bool> {
    match shm_unlink(name.as_str()) {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// A staging name that nobody else uses.
#[must_use]
pub fn new_staging_name(dataset: &DatasetName) -> ShmName {
    // RandomState is seeded by the operating system once per thread and differs at every call; the
    // exclusive creation is what decides, this only makes collisions rare.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u64(crate::clock::boot_now_ns());
    dataset.staging(hasher.finish())
}

impl From<&fs::Metadata> for Metadata {
    fn from(metadata: &fs::Metadata) -> Self {
        Self {
            size: metadata.size(),
            allocated: metadata.blocks() * 512,
            identity: Identity { device: metadata.dev(), inode: metadata.ino() },
            uid: metadata.uid(),
            mode: metadata.mode() & 0o7777,
        }
    }
}

/// Gives an object another name; [`io::ErrorKind::AlreadyExists`] when that one is taken.
///
/// A plain rename would replace what is there, under the feet of those who open it by name.
pub(crate) fn rename_to_free_name(from: &ShmName, to: &ShmName) -> io::Result<()> {
    let path = |name: &ShmName| Path::new(SHM_DIR).join(name.file_name());
    renameat_with(CWD, path(from), CWD, path(to), RenameFlags::NOREPLACE)?;
    Ok(())
}

/// Unlinks its name when dropped, unless kept: nothing half-made outlives an error.
#[derive(Debug)]
pub(crate) struct NameGuard {
    name: Option<ShmName>,
}

impl NameGuard {
    pub(crate) fn new(name: ShmName) -> Self {
        Self { name: Some(name) }
    }

    /// The object stays.
    pub(crate) fn keep(mut self) {
        self.name = None;
    }

    pub(crate) fn name(&self) -> &ShmName {
        self.name.as_ref().expect("only keep(), which consumes the guard, takes the name")
    }
}

impl Drop for NameGuard {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            // Nobody to tell, and the daemon's clean-up finds staging names again.
            let _ = unlink(&name);
        }
    }
}

/// Object and name of a listed file; `None` for those of other datasets.
fn parse(dataset: &DatasetName, file_name: &str) -> Option<(ShmObject, ShmName)> {
    let object = dataset.object(file_name)?;
    let name = match object {
        ShmObject::Superblock => dataset.superblock(),
        ShmObject::Segment { generation, k } => dataset.segment(generation, k),
        ShmObject::Staging => {
            let (_, random) = file_name.rsplit_once("stage-")?;
            dataset.staging(u64::from_str_radix(random, 16).ok()?)
        }
    };
    // Upper-case hexadecimal digits are nobody's staging name.
    (name.file_name() == file_name).then_some((object, name))
}
