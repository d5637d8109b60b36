//! Shared memory behind a safe interface: the only crate of the workspace with `unsafe` in it.
//!
//! The daemon writes, everybody else reads. One file for each object of the operating system:
//!
//! | module | what it wraps |
//! |---|---|
//! | [`segment`] | a segment while it is filled, until it is frozen |
//! | [`publish`] | a frozen segment on its way from the staging name to its public name |
//! | [`map`] | a frozen segment, mapped read-only: `&[u8]` |
//! | [`superblock`] | the page that says which generation is current: announce and observe |
//! | [`object`] | names in `/dev/shm`: list, unlink, whom to trust |
//! | [`open`] | opening one, and what is looked at before a byte is believed |
//! | [`prefault`] | populate and huge pages |
//! | [`prefetch`] | a cache line that will be wanted soon |
//! | [`fork`] | a word that turns 0 in a forked child |
//! | [`descriptor`] | descriptors over a Unix socket |
//! | [`lock`] | one daemon for a dataset |
//! | [`memory`], [`smaps`] | what is free, and what each process really uses |
//! | [`clock`] | boot time for ages, wall time for display |
//!
//! # Rules of the room
//!
//! - Every `unsafe` block says why it is sound; nothing `unsafe` is public.
//! - Memory that somebody may still write is only ever read through atomics ([`superblock`]); a
//!   `&[u8]` exists only over frozen objects ([`map`] says why that is sound).
//! - Readers never open for writing, never create, never follow a symbolic link, never store.
//! - Linux only: `renameat2`, `MADV_*`, futex, leases.

pub mod clock;
pub mod descriptor;
pub mod fork;
pub mod lock;
pub mod map;
mod mapping;
pub mod memory;
pub mod object;
pub mod open;
pub mod prefault;
pub mod prefetch;
pub mod publish;
pub mod segment;
pub mod smaps;
pub mod superblock;
mod sync;

pub use clock::{boot_now_ns, wall_now_ns};
pub use descriptor::{recv_with_descriptors, send_with_descriptors};
pub use fork::ForkWord;
pub use lock::{DatasetLock, Locked};
pub use map::SegmentMap;
pub use memory::{Limits, memory_limit, shm_free_bytes};
pub use object::{Identity, Listed, Metadata, SegmentMode, Trust, list, new_staging_name, unlink};
pub use open::OpenError;
pub use prefault::{HugePages, Prefaulted};
pub use prefetch::prefetch_read;
pub use publish::{PublishError, PublishedSegment, StagedSegment};
pub use segment::{CreateError, FreezeError, SegmentWriter};
pub use smaps::{MappingUsage, Process, ProcessUsage, mapping_usage};
pub use superblock::{
    AnnounceError, ObserveError, SuperblockError, SuperblockMap, SuperblockOwner, TakenOver, Woken,
};
