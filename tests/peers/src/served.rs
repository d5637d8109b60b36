//! PersonDB as it is served: a segment in shared memory, built by the daemon's builder from the CSV itself, and a
//! client of the same process that maps it.
//!
//! It stands under a dataset name of its own that goes away with it.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use persondb_client::{Client, DatasetName, Via};
use persondb_data::builder::{BuildOptions, SegmentTarget, TargetError, build};
use persondb_data::input::InputSpec;
use persondb_data::segment::Segment;
use persondb_protocol::ShmName;
use persondb_protocol::layout::{AnnouncedSegment, SuperblockState};
use persondb_shm::superblock::SuperblockOwner;
use persondb_shm::{
    SegmentMode, SegmentWriter, StagedSegment, boot_now_ns, list, new_staging_name, unlink, wall_now_ns,
};

/// A dataset and who may ask it.
pub(crate) struct Served {
    pub(crate) client: Client,
    /// Bytes of the segment.
    pub(crate) size: u64,
    /// How many of them stand in huge pages.
    pub(crate) huge_page_size: u64,
    _names: Names,
}

/// Which pages the segment stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// As the kernel gives them out: 4 KiB.
    Small,
    /// Collapsed, as the daemon does: 2 MiB.
    Huge,
}

impl Served {
    /// Builds the segment of `csv`, announces it and maps it, every page of it touched.
    ///
    /// # Errors
    /// When the CSV cannot be used or shared memory cannot be had.
    pub(crate) fn of(csv: &Path, pages: Pages) -> Result<Self> {
        let random = wall_now_ns() & 0xffff_ffff;
        let names = Names(DatasetName::new(&format!("peers-{}-{random:x}", std::process::id()))?);
        let name = &names.0;
        let owner = SuperblockOwner::create_or_take(name, SegmentMode::Group, None)?;
        let generation = owner.issue();
        let load_started_boot_ns = boot_now_ns();

        let mut target = Target { staging: new_staging_name(name), pages, writer: None };
        let spec = InputSpec { people: vec![csv.to_owned()], ..InputSpec::default() };
        let options = BuildOptions {
            generation,
            load_started_boot_ns,
            built_at_wall_ns: wall_now_ns(),
            config_digest: [0; 16],
            hash_seed: random,
            threads: available_parallelism().map_or(1, NonZero::get),
            rejects: None,
        };
        build(&spec, &options, &mut target, &mut |_| {})?;
        let writer = target.writer.context("a build that asked for no memory")?;
        writer.freeze(SegmentMode::Group, None)?;
        let staged = StagedSegment::open(&target.staging)?;
        let segment = Segment::open(staged.map()?)?;
        let announced =
            AnnouncedSegment { size: staged.size(), header_checksum: segment.header().header_checksum.get() };
        drop(segment);
        staged.publish(&name.segment(generation, 0))?;
        owner.announce(generation, load_started_boot_ns, vec![announced])?;
        owner.set_state(SuperblockState::Serving);

        // No daemon listens anywhere: the client maps by name.
        let nowhere = std::env::temp_dir().join(format!("{name}.sock"));
        let client = Client::builder().name(name.clone()).socket(nowhere).via(Via::Map).open()?;
        let huge_page_size = {
            let pin = client.pin()?;
            let map = pin.segment().context("expected a mapped segment")?.bytes();
            map.prefault(|_| ControlFlow::Continue(()))?;
            map.huge_page_bytes()?
        };
        Ok(Self { client, size: announced.size, huge_page_size, _names: names })
    }
}

/// A segment in `/dev/shm` while it is built.
struct Target {
    staging: ShmName,
    pages: Pages,
    writer: Option<SegmentWriter>,
}

impl SegmentTarget for Target {
    fn allocate(&mut self, size: u64) -> Result<(), TargetError> {
        // A build that starts again gives back what it had before.
        self.writer = None;
        let create = match self.pages {
            Pages::Small => SegmentWriter::create,
            Pages::Huge => SegmentWriter::create_huge,
        };
        let writer = create(&self.staging, size);
        self.writer = Some(writer.map_err(|error| TargetError(error.to_string()))?);
        Ok(())
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.writer.as_mut().map_or(&mut [], SegmentWriter::bytes_mut)
    }

    fn shrink(&mut self, size: u64) -> Result<(), TargetError> {
        let shrunk = self.writer.as_mut().map_or(Ok(()), |writer| writer.shrink(size));
        shrunk.map_err(|error| TargetError(error.to_string()))
    }

    fn filled(&mut self) {
        if let (Pages::Huge, Some(writer)) = (self.pages, &mut self.writer) {
            writer.collapse();
        }
    }
}

/// Everything in `/dev/shm` under a dataset name, gone with this.
struct Names(DatasetName);

impl Drop for Names {
    fn drop(&mut self) {
        // What cannot be removed now, `persondb cleanup` removes.
        for listed in list(&self.0).unwrap_or_default() {
            let _ = unlink(&listed.name);
        }
    }
}
