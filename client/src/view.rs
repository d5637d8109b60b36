//! [`View`]: what look-ups go through at one moment. Immutable; a change makes a new one.

use std::sync::Arc;
use std::time::Duration;

use persondb_data::segment::Segment;
use persondb_protocol::Generation;
use persondb_protocol::answer::Unavailable;
use persondb_protocol::layout::Announcement;
use persondb_shm::{SegmentMap, SuperblockMap, Trust, boot_now_ns};

/// What look-ups go through.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, behind an Arc, and a box would cost a miss"
)]
pub(crate) enum View {
    /// A mapped generation.
    Mapped(Mapped),
    /// The socket, and why.
    Socket {
        /// Why nothing is mapped; `None` when the caller wants the socket.
        why: Option<String>,
    },
    /// Nothing, and why.
    Nothing(Unavailable),
}

/// A generation that is mapped and checked.
#[derive(Debug)]
pub(crate) struct Mapped {
    /// Where the next announcement will be seen.
    pub(crate) superblock: Arc<SuperblockMap>,
    /// What was announced.
    pub(crate) announcement: Announcement,
    /// Its segment.
    pub(crate) segment: Segment<SegmentMap>,
    /// Whose shared memory was believed; the same holds for the next generation.
    pub(crate) trust: Trust,
}

impl View {
    /// The mapped generation, if it is one.
    pub(crate) fn mapped(&self) -> Option<&Mapped> {
        match self {
            Self::Mapped(mapped) => Some(mapped),
            Self::Socket { .. } | Self::Nothing(_) => None,
        }
    }
}

impl Mapped {
    pub(crate) fn generation(&self) -> Generation {
        self.announcement.generation
    }

    /// Since the start of the load that made it.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_nanos(boot_now_ns().saturating_sub(self.announcement.load_started_boot_ns))
    }

    /// Boot time at which it becomes older than `max_age`; never for `None`.
    pub(crate) fn too_old_at_ns(&self, max_age: Option<Duration>) -> u64 {
        max_age.map_or(u64::MAX, |age| {
            let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
            self.announcement.load_started_boot_ns.saturating_add(age)
        })
    }

    /// Whether it is what its superblock announces now.
    pub(crate) fn is_current(&self) -> bool {
        self.superblock.announcement_word() == self.announcement.announcement
    }
}
