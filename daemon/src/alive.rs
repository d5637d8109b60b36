//! Whether a daemon stands behind a superblock, told by its heartbeat.
//!
//! Locks tell it first, and at once: they keep a second daemon of the *same* user out, and a killed daemon's are
//! free. What they cannot tell is a daemon of another user (root, and a service's own) or with another state
//! folder. Those are looked for here. A young heartbeat proves nothing, because a daemon that was killed a moment
//! ago left one too; so it has to move, which takes up to two seconds to see.

use std::time::Duration;

use persondb_protocol::DatasetName;
use persondb_protocol::name::ShmObject;
use persondb_shm::{SuperblockMap, Trust, boot_now_ns, list};

/// A heartbeat older than this is no living daemon's.
const HEARTBEAT_AGE_MAX: Duration = Duration::from_secs(5);

/// A daemon of another user serves the dataset.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "dataset {name}: expected no running daemon, found one of uid {uid} (its heartbeat is {age_s:.1} s old); \
     stop it first, or choose another --name"
)]
pub struct AliveElsewhere {
    /// Dataset.
    pub name: DatasetName,
    /// Who runs it.
    pub uid: u32,
    /// Age of the heartbeat in seconds.
    pub age_s: f64,
}

/// Refuses a dataset whose superblock belongs to another user and is kept alive.
///
/// One of this user is no reason: whoever holds the dataset's lock knows that its daemon is gone, and need not
/// wait for a heartbeat that does not come.
///
/// # Errors
/// [`AliveElsewhere`].
pub fn refuse_foreign(name: &DatasetName) -> Result<(), AliveElsewhere> {
    let own = nix::unistd::geteuid().as_raw();
    // What cannot be listed or read cannot be taken over either; taking over says why.
    for listed in list(name).unwrap_or_default() {
        let uid = listed.metadata.uid;
        if listed.object != ShmObject::Superblock || uid == own {
            continue;
        }
        let Ok(superblock) = SuperblockMap::open_by_name(&listed.name, &Trust::only(vec![uid])) else {
            continue;
        };
        if let Some(age_s) = heartbeat_age_s(&superblock) {
            return Err(AliveElsewhere { name: name.clone(), uid, age_s });
        }
    }
    Ok(())
}

/// Age in seconds of a heartbeat that moves within two of its beats; `None` when nobody is alive. Takes up to
/// 2.2 seconds where the last beat is young, and no time where it is old.
pub(crate) fn heartbeat_age_s(superblock: &SuperblockMap) -> Option<f64> {
    let age = Duration::from_nanos(superblock.heartbeat_age_ns());
    (age < HEARTBEAT_AGE_MAX && beats(superblock)).then_some(age.as_secs_f64())
}

fn beats(superblock: &SuperblockMap) -> bool {
    let beat = || boot_now_ns().saturating_sub(superblock.heartbeat_age_ns());
    // The difference of two clock readings is not exact; a beat is a second.
    let (first, tolerance_ns) = (beat(), 100_000_000);
    (0..11).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        beat() > first + tolerance_ns
    })
}
