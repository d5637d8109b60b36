//! PersonDB as a program uses it: a segment in shared memory, built by the daemon's builder from the CSV
//! itself, and a client of the same process that takes a pin for each look-up.
//!
//! The segment also holds the indexes over aliases, person identifiers, names and domains, which no other
//! peer has. Once it stands on pages of 4 KiB, once on huge ones, under two dataset names of their own that
//! go away with the peer.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};
use persondb_client::{Client, DatasetName, Lookup, PersonRef, Via};
use persondb_data::builder::{BuildOptions, SegmentTarget, TargetError, build};
use persondb_data::input::InputSpec;
use persondb_data::segment::Segment;
use persondb_protocol::ShmName;
use persondb_protocol::layout::{AnnouncedSegment, SuperblockState};
use persondb_shm::superblock::SuperblockOwner;
use persondb_shm::{
    SegmentMode, SegmentWriter, StagedSegment, boot_now_ns, list, new_staging_name, unlink, wall_now_ns,
};

use super::{Built, Input};
use crate::peer::Peer;
use crate::record::{Answer, Columns};

struct PersonDb {
    client: Client,
    size: u64,
    huge_page_size: u64,
    buffers: Buffers,
    _names: Names,
}

/// What a program keeps from look-up to look-up, so that decoding allocates nothing.
#[derive(Default)]
struct Buffers {
    address: String,
    display_name: String,
    scratch: Vec<u8>,
}

/// Which pages the segment stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    /// As the kernel gives them out: 4 KiB.
    Small,
    /// Collapsed, as the daemon does: 2 MiB.
    Huge,
}

pub(super) fn build_small_pages(input: Input<'_>) -> Result<Built> {
    build_on(input, Pages::Small)
}

pub(super) fn build_huge_pages(input: Input<'_>) -> Result<Built> {
    build_on(input, Pages::Huge)
}

fn build_on(input: Input<'_>, pages: Pages) -> Result<Built> {
    let random = wall_now_ns() & 0xffff_ffff;
    let names = Names(DatasetName::new(&format!("peers-{}-{random:x}", std::process::id()))?);
    let name = &names.0;
    let owner = SuperblockOwner::create_or_take(name, SegmentMode::Group, None)?;
    let generation = owner.issue();
    let load_started_boot_ns = boot_now_ns();

    let mut target = Target { staging: new_staging_name(name), pages, writer: None };
    let spec = InputSpec { people: vec![input.csv.to_owned()], ..InputSpec::default() };
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
    let nowhere = input.folder.join("no.sock");
    let client = Client::builder().name(name.clone()).socket(nowhere).via(Via::Map).open()?;
    let huge_page_size = {
        let pin = client.pin()?;
        let map = pin.segment().context("expected a mapped segment")?.bytes();
        map.prefault(|_| ControlFlow::Continue(()))?;
        map.huge_page_bytes()?
    };
    let (size, buffers) = (announced.size, Buffers::default());
    Ok(Built::Ready(Box::new(PersonDb { client, size, huge_page_size, buffers, _names: names })))
}

impl Peer for PersonDb {
    #[inline]
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        let pin = self.client.pin()?;
        decoded(&pin.get(key), |person| self.buffers.answer(person))
    }

    #[inline]
    fn get_batch(&mut self, keys: &[&str], answers: &mut [Option<Answer>]) -> Result<()> {
        let pin = self.client.pin()?;
        let mut all = Ok(());
        pin.get_many(keys, |place, lookup| match decoded(&lookup, |person| self.buffers.answer(person)) {
            Ok(answer) => answers[place] = answer,
            Err(error) => all = Err(error),
        });
        all
    }

    fn has_columns(&self) -> bool {
        true
    }

    #[inline]
    fn get_columns(&mut self, key: &str) -> Result<Option<Columns>> {
        let pin = self.client.pin()?;
        decoded(&pin.get(key), |person| self.buffers.columns(person))
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn note(&self) -> Option<String> {
        let percent = self.huge_page_size.saturating_mul(100) / self.size.max(1);
        Some(format!(
            "{percent} % of the segment in huge pages; with indexes over aliases, ids, names, domains"
        ))
    }
}

/// What `read` makes of the person that was found.
#[inline]
fn decoded<T>(lookup: &Lookup<'_>, read: impl FnOnce(&PersonRef<'_>) -> Result<T>) -> Result<Option<T>> {
    match lookup {
        Lookup::Found(people) => read(&people.first()).map(Some),
        Lookup::Absent(_) => Ok(None),
        Lookup::Unavailable(why) => bail!("PersonDB cannot say: {why}"),
    }
}

impl Buffers {
    #[inline]
    fn answer(&mut self, person: &PersonRef<'_>) -> Result<Answer> {
        person.read_email(&mut self.address)?;
        person.read_display_name(&mut self.display_name)?;
        Answer::of(self.address.as_bytes(), self.display_name.as_bytes())
    }

    #[inline]
    fn columns(&mut self, person: &PersonRef<'_>) -> Result<Columns> {
        let mut columns = Columns::default();
        person.for_each_column(&mut self.scratch, |_, value| columns.add(value.as_bytes()))?;
        Ok(columns)
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
        let writer = SegmentWriter::create(&self.staging, size);
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
