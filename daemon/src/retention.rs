//! Which generations this machine keeps, and how they go.
//!
//! `/dev/shm` itself is the list: what stands there under this dataset's names, belongs to this user and
//! opens, is kept. Nothing is remembered elsewhere that could disagree with it. A *retired* generation has
//! lost its name; its memory is free when the last client lets go of it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use persondb_protocol::name::ShmObject;
use persondb_protocol::{DatasetName, Generation};
use persondb_shm::{
    DatasetLock, Listed, Locked, SegmentMode, SuperblockError, SuperblockMap, SuperblockOwner, Trust, list,
    unlink,
};

use crate::alive::heartbeat_age_s;
use crate::config::{self, Config};
use crate::report::chain;
use crate::served::{GenerationFacts, Served};
use crate::state::StateFile;

/// What a clean-up removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names, as in `/dev/shm`.
    pub names: Vec<String>,
    /// Bytes of memory they took; free once no client maps them any more.
    pub bytes: u64,
    /// What stays, because another user (the number) made it and has to remove it.
    pub foreign: Vec<(String, u32)>,
}

/// Why nothing, or not everything, was cleaned up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CleanupError {
    /// A daemon runs.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// A daemon with another state folder runs.
    #[error("dataset {name} has a running daemon (its heartbeat is {age_s:.1} s old); stop it first")]
    Alive {
        /// Dataset.
        name: DatasetName,
        /// Age of the heartbeat in seconds.
        age_s: f64,
    },
    /// The superblock cannot be taken.
    #[error(transparent)]
    Superblock(#[from] SuperblockError),
    /// The operating system failed.
    #[error("cannot clean up {}: {source}", path.display())]
    Os {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Generations of this user that stand in `/dev/shm`, open, and have the readers of `config` (or were given
/// them), newest first. The others are logged and left for [`retire_beyond`].
#[must_use]
pub fn kept(config: &Config) -> Vec<GenerationFacts> {
    look(config).0
}

/// The same, and beside it what could not be opened for a reason that passes.
fn look(config: &Config) -> (Vec<GenerationFacts>, Vec<Generation>) {
    let (mut found, mut unsure) = (Vec::new(), Vec::new());
    for listed in own_objects(&config.name) {
        let ShmObject::Segment { generation, k: 0 } = listed.object else { continue };
        match Served::open(&config.name, generation) {
            Ok(served) => match served.permit(config) {
                Ok(()) => found.push(served.facts()),
                Err(error) => {
                    tracing::warn!(%generation, %error, "a generation keeps readers that it should not have and is not kept");
                }
            },
            Err(error) => {
                tracing::warn!(%generation, error = chain(&error), "a generation cannot be read and is not kept");
                if error.is_passing() {
                    unsure.push(generation);
                }
            }
        }
    }
    found.sort_by_key(|facts| std::cmp::Reverse(facts.generation));
    (found, unsure)
}

/// Splits what is kept into what stays (the `--retain` newest besides `current`) and what goes, and unlinks
/// what goes, with every segment of this user that is no good. What could not be opened only now (no descriptor
/// or memory was left, say) is not listed and not unlinked: the next cycle looks again.
///
/// Returns (retained, retired), both newest first.
#[must_use]
pub fn retire_beyond(config: &Config, current: Generation) -> (Vec<GenerationFacts>, Vec<GenerationFacts>) {
    let name = &config.name;
    let (mut retained, unsure) = look(config);
    retained.retain(|facts| facts.generation != current);
    let mut retired = retained.split_off(config.retain.min(retained.len()));
    let stay: HashSet<_> =
        retained.iter().map(|facts| facts.generation).chain(unsure).chain([current]).collect();
    for listed in own_objects(name) {
        let ShmObject::Segment { generation, .. } = listed.object else { continue };
        if stay.contains(&generation) {
            continue;
        }
        match unlink(&listed.name) {
            Ok(_) => tracing::info!(%generation, bytes = listed.metadata.size, "generation retired"),
            Err(error) => {
                tracing::warn!(name = %listed.name, %error, "a retired generation keeps its name");
                retired.retain(|facts| facts.generation != generation);
            }
        }
    }
    (retained, retired)
}

/// Removes what builds left behind that did not end by themselves. Returns the names.
///
/// Call it with the dataset's lock: another daemon's build would look the same.
#[must_use]
pub fn clear_staging(name: &DatasetName) -> Vec<String> {
    let stale = own_objects(name).into_iter().filter(|listed| listed.object == ShmObject::Staging);
    stale
        .filter_map(|listed| match unlink(&listed.name) {
            Ok(_) => Some(listed.name.file_name().to_owned()),
            Err(error) => {
                tracing::warn!(name = %listed.name, %error, "an unfinished segment cannot be removed");
                None
            }
        })
        .collect()
}

/// Removes everything of a dataset from `/dev/shm`. Clients that map it keep answering from what they map.
///
/// The numbering goes on: the state file stays, and no number is used twice.
///
/// # Errors
/// [`CleanupError`]; refused while a daemon runs.
pub fn cleanup(name: &DatasetName) -> Result<Removed, CleanupError> {
    cleanup_in(name, &config::default_state_dir())
}

/// The same for a daemon that was told another state folder.
///
/// # Errors
/// As for [`cleanup`].
pub fn cleanup_in(name: &DatasetName, state_dir: &Path) -> Result<Removed, CleanupError> {
    let os = |path: &Path| {
        let path = path.to_owned();
        move |source| CleanupError::Os { path, source }
    };
    crate::state::private_folder(state_dir).map_err(os(state_dir))?;
    let _lock = DatasetLock::acquire(&config::lock_file(state_dir, name))?;
    let (found, foreign) = removable(name);
    let owners = found.iter().map(|listed| listed.metadata.uid).collect();
    if let Ok(superblock) = SuperblockMap::open_by_name(&name.superblock(), &Trust::only(owners)) {
        // A daemon with this state folder is ruled out by the lock, one with another, or of another user, is not.
        if let Some(age_s) = heartbeat_age_s(&superblock) {
            return Err(CleanupError::Alive { name: name.clone(), age_s });
        }
    }
    let mut removed = Removed { foreign, ..Removed::default() };
    let uid = nix::unistd::geteuid().as_raw();
    for listed in found {
        if listed.object == ShmObject::Superblock && listed.metadata.uid == uid {
            // Taken, not just unlinked: clients that map it are told to look again.
            let owner = SuperblockOwner::create_or_take(name, SegmentMode::Group, None)?;
            let state = StateFile::open(state_dir, name).map_err(os(state_dir))?;
            state.note_issued(owner.last_issued()).map_err(os(state_dir))?;
            owner.retire_and_unlink().map_err(os(Path::new(listed.name.as_str())))?;
        } else {
            unlink(&listed.name).map_err(os(Path::new(listed.name.as_str())))?;
        }
        removed.names.push(listed.name.file_name().to_owned());
        removed.bytes += listed.metadata.allocated;
    }
    Ok(removed)
}

/// This dataset's objects that belong to this user. Somebody else's are not ours to touch.
fn own_objects(name: &DatasetName) -> Vec<Listed> {
    let uid = nix::unistd::geteuid().as_raw();
    objects(name).into_iter().filter(|listed| listed.metadata.uid == uid).collect()
}

/// What a clean-up may remove, and the names and owners of what it may not: root removes everybody's.
fn removable(name: &DatasetName) -> (Vec<Listed>, Vec<(String, u32)>) {
    let uid = nix::unistd::geteuid().as_raw();
    let (found, foreign): (Vec<_>, Vec<_>) =
        objects(name).into_iter().partition(|listed| uid == 0 || listed.metadata.uid == uid);
    let foreign = foreign.into_iter().map(|listed| (listed.name.file_name().to_owned(), listed.metadata.uid));
    (found, foreign.collect())
}

fn objects(name: &DatasetName) -> Vec<Listed> {
    list(name).unwrap_or_else(|error| {
        tracing::error!(%error, "/dev/shm cannot be listed");
        Vec::new()
    })
}
