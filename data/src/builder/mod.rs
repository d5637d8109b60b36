//! Rows → segment, in two passes over the CSV on all cores.
//!
//! ```text
//! scan    what is accepted, which keys, a sample        (rows are not kept)
//! merge   rows that are one person become one           (only where there are any)
//! layout  how each column is stored, from the sample
//! plan    memory is asked for once, all of it
//! index   keys to ordinals, written
//! fill    rows again, encoded straight into the segment
//! finish  huge pages, checksums, header last
//! ```
//! Two passes instead of one keep the rows out of private memory: what the builder holds are 12 bytes a key
//! and a sample. A file that changes between the passes is noticed by its digest.
//!
//! The size of everything is known before the last pass but for the tails, which are estimated by encoding the
//! sample. What is too much is given back at the end; where it was too little, the pass counts on to its end and
//! the build begins again with the size that it counted.

mod counts;
mod domains;
mod fill;
mod indexes;
mod inputs;
mod keyed;
mod layout;
mod links;
mod mail_domains;
mod merge;
mod pipeline;
mod ranks;
mod row;
mod rows;
mod sample;
mod scan;
mod tables;
mod tenants;

use std::path::PathBuf;

use persondb_protocol::Generation;
use persondb_protocol::layout::{SECTION_COUNT_MAX, SectionKind, SegmentHeader};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;
use zerocopy::FromZeros;

use crate::input::{FileSummary, InputError, InputSpec, Mapping, Report};
use crate::segment::rows::RowsSpec;
use crate::segment::{Corrupt, InputRecord, KeyHasher, Meta, sort_entries};
use domains::DomainFacts;
use indexes::{Indexes, joined};
use inputs::Inputs;
use layout::{Context, Layout};
use links::Links;
use mail_domains::MailDomains;
use pipeline::Watch;
use ranks::{RunsForm, TenantOrder};
use rows::Rows;
use scan::Scan;
use tables::Tables;

/// Where a segment is built: shared memory, a file, a vector.
pub trait SegmentTarget {
    /// Allocates exactly `size` zero bytes, in place of what there was.
    ///
    /// # Errors
    /// [`TargetError`] that says how much is needed and how much there is.
    fn allocate(&mut self, size: u64) -> Result<(), TargetError>;

    /// The allocated bytes.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Gives back everything beyond `size` bytes, which is not more than was allocated.
    ///
    /// # Errors
    /// [`TargetError`] when the operating system does not take it back.
    fn shrink(&mut self, size: u64) -> Result<(), TargetError>;

    /// All contents are in place; checksums and header follow. Shared memory makes its huge pages here.
    fn filled(&mut self) {}
}

/// A target that could not allocate.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(pub String);

impl SegmentTarget for Vec<u8> {
    fn allocate(&mut self, size: u64) -> Result<(), TargetError> {
        let size = usize::try_from(size).map_err(|error| TargetError(error.to_string()))?;
        self.clear();
        self.try_reserve_exact(size)
            .map_err(|_| TargetError(format!("not enough memory for a segment of {size} bytes")))?;
        self.resize(size, 0);
        Ok(())
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }

    fn shrink(&mut self, size: u64) -> Result<(), TargetError> {
        self.truncate(usize::try_from(size).map_err(|error| TargetError(error.to_string()))?);
        Ok(())
    }
}

/// What to stamp and how to work.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Stamped into the header.
    pub generation: Generation,
    /// Boot-time nanoseconds at the start of the load.
    pub load_started_boot_ns: u64,
    /// Wall time in nanoseconds since 1970, for display.
    pub built_at_wall_ns: u64,
    /// Digest of the configuration, for adoption.
    pub config_digest: [u8; 16],
    /// Seed of the key hashes.
    pub hash_seed: u64,
    /// Working threads beside the reading one.
    pub threads: usize,
    /// Where a CSV of all rejected rows goes.
    pub rejects: Option<PathBuf>,
}

/// Where the work stands, for bars and systemd's STATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which part.
    pub phase: Phase,
    /// Units done: bytes of the stored files in `Scan`, `Merge` and `Fill`, steps in `Index` and `Finish`.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// Rows so far in this pass.
    pub rows: u64,
}

/// Parts of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// First pass: keys, counts and a sample.
    Scan,
    /// Rows that are one person.
    Merge,
    /// Layout and indexes.
    Index,
    /// Last pass: rows and tails into the segment.
    Fill,
    /// Huge pages, checksums, header.
    Finish,
}

/// A build that failed: nothing in the target is valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The input was refused.
    #[error(transparent)]
    Input(#[from] InputError),
    /// No memory.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Over a limit of the format.
    #[error("{0}")]
    Limit(String),
    /// The second pass over the files met other rows than the first.
    #[error("an input file changed while it was read; write exports to a new file and rename it")]
    Changed,
    /// Two identifiers of one tenant have the same 64-bit hash: build again with another seed.
    #[error("two person identifiers have one hash; a build with another seed will not have that")]
    HashCollision,
    /// The builder read back something that does not hold together.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// Builds one segment from the inputs, with `options.threads` + 2 threads.
///
/// O(rows log rows) time; private memory is about 75 bytes a person, and the small files. `allocate` may be
/// called again, for a build that begins anew.
///
/// # Errors
/// [`BuildError`]; the target's bytes are then of no use.
pub fn build<T: SegmentTarget>(
    spec: &InputSpec,
    options: &BuildOptions,
    target: &mut T,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, BuildError> {
    // A collision of two 64-bit hashes among a dataset's identifiers has odds of one in a million.
    let mut again = options.clone();
    let mut tails_size = None;
    // A collision in each of three builds does not happen; the size of the tails is wrong once at most, because
    // the second time it is counted (a file that changes in between is noticed).
    for _ in 0..4 {
        match build_once(spec, &again, tails_size, target, progress)? {
            Attempt::Done(report) => return Ok(*report),
            Attempt::Collision => again.hash_seed = again.hash_seed.wrapping_mul(3).wrapping_add(1),
            Attempt::Tails(size) if tails_size.is_some_and(|known| known >= size) => break,
            Attempt::Tails(size) => tails_size = Some(size),
        }
    }
    if tails_size.is_some() { Err(BuildError::Changed) } else { Err(BuildError::HashCollision) }
}

/// How an attempt ended.
enum Attempt {
    Done(Box<Report>),
    /// Two identifiers have one hash.
    Collision,
    /// The tails take so many bytes, more than there was room for.
    Tails(u64),
}

fn build_once<T: SegmentTarget>(
    spec: &InputSpec,
    options: &BuildOptions,
    tails_size: Option<u64>,
    target: &mut T,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Attempt, BuildError> {
    match attempt(spec, options, tails_size, target, progress) {
        Err(BuildError::HashCollision) => Ok(Attempt::Collision),
        result => result,
    }
}

fn attempt<T: SegmentTarget>(
    spec: &InputSpec,
    options: &BuildOptions,
    tails_size: Option<u64>,
    target: &mut T,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Attempt, BuildError> {
    let hasher = KeyHasher::new(options.hash_seed);
    let mut report = Report::default();
    let mut inputs = Inputs::open(spec, hasher, &mut report)?;
    // Rows are rows of people; what the small files had is in the counts of their own.
    (report.rows, report.accepted) = (0, 0);
    let mut watch = Watch { phase: Phase::Scan, report: progress };
    let mut scan = scan::scan(&inputs, hasher, options, &mut report, &mut watch)?;
    inputs.report_unused_aliases(&mut report);
    sort_entries(&mut scan.keyed.persons);
    let rows = Rows::new(&scan.keyed.persons, |row| scan.tenant_of.of(row));
    let mut merged = None;
    if rows.follower_count() > 0 {
        watch.phase = Phase::Merge;
        merged = Some(merge::merge(&mut inputs, hasher, options, &rows, &mut scan, &mut report, &mut watch)?);
    }
    watch.step(Phase::Index, 0, 3);
    let people = scan.batch_starts.last().copied().unwrap_or(0) as usize - rows.follower_count();
    sort_entries(&mut scan.keyed.addresses);
    let counts = std::mem::take(&mut scan.domains);
    let domains = DomainFacts::new(counts, &inputs, &mut scan.tenants, &rows, (hasher, people));
    let tenant_count = scan.tenants.iter().len();
    let mail_domains = MailDomains::new(std::mem::take(&mut scan.mail_domains), tenant_count);
    let counts = std::mem::take(&mut scan.links);
    let tenant_of = |row| scan.tenant_of.of(row);
    let runs = scan.tenant_of.of_ordinals(&rows, people as u64);
    let order = (&*runs, tenant_count);
    let links = Links::new(counts, &scan.keyed.addresses, &rows, tenant_of, order, people)?;
    let has_further = merged.is_some() || !inputs.aliases.is_empty();
    let tenants = std::mem::take(&mut scan.tenants);
    let context = Context {
        hasher,
        tenants: &tenants,
        domains: &mail_domains,
        links: &links,
        has_odd_tenants: scan.has_odd_tenants,
        people: people as u64,
        has_further,
    };
    let counters = std::mem::take(&mut scan.counters);
    let keyed = std::mem::take(&mut scan.keyed);
    let order = TenantOrder::new(runs, context, &keyed);
    let run_count = (order.form == RunsForm::Named).then_some(tenant_count as u64);
    let numbers = (&rows, order.ranks());
    let (layout, indexes) = std::thread::scope(|scope| {
        let indexes = scope.spawn(|| Indexes::new(keyed, domains, &tenants, hasher, numbers));
        let layout = Layout::new(&inputs.columns, &scan.sample, counters, context, run_count);
        (layout, joined(indexes))
    });
    let indexes = indexes?;
    let tables = Tables::new(&layout, context, &order, tenant_count);
    watch.step(Phase::Index, 1, 3);
    let known = fill::Known {
        inputs: &inputs,
        scan: &scan,
        rows: &rows,
        merged: merged.as_ref(),
        layout: &layout,
        context,
    };
    let tails_size = match tails_size {
        Some(size) => size,
        None => fill::estimate_tails(&known)?,
    };
    let meta_of = |stats: Option<&[Vec<layout::Stats>]>| {
        serde_json::to_vec(&meta(&inputs, &scan.summaries, &report, tables::spec(&layout, stats)))
            .map_err(|error| BuildError::Limit(format!("metadata: {error}")))
    };
    let meta_size = meta_of(None)?.len();
    let mut plan = indexes.plan(&tenants, meta_size, people, &layout, &tables, tails_size);
    check_sections(plan.section_count())?;
    target.allocate(plan.size())?;
    watch.step(Phase::Index, 2, 3);
    let bytes = target.bytes_mut();
    indexes.write(&tenants, &plan, bytes);
    tables.write(&plan, bytes);
    watch.phase = Phase::Fill;
    let outcome = fill::fill(&known, options.threads, &plan, bytes, &mut watch)?;
    if outcome.summaries.iter().zip(&scan.summaries).any(|(now, before)| now.digest != before.digest) {
        return Err(BuildError::Changed);
    }
    if outcome.tails_size > tails_size {
        return Ok(Attempt::Tails(outcome.tails_size));
    }
    // Numbers in the metadata had room for any size; blanks fill what they do not need.
    let mut meta = meta_of(Some(&outcome.stats))?;
    meta.resize(meta_size, b' ');
    bytes[plan.range(SectionKind::Meta)].copy_from_slice(&meta);
    watch.step(Phase::Finish, 0, 2);
    plan.shrink_last(outcome.tails_size);
    target.shrink(plan.size())?;
    target.filled();
    watch.step(Phase::Finish, 1, 2);
    plan.stamp(&header(&inputs, &scan, tenant_count, options, people as u64), target.bytes_mut());
    watch.step(Phase::Finish, 2, 2);
    Ok(Attempt::Done(Box::new(report)))
}

fn check_sections(count: usize) -> Result<(), BuildError> {
    if count <= SECTION_COUNT_MAX as usize {
        return Ok(());
    }
    Err(BuildError::Limit(format!(
        "the files have so many different columns that a segment needs {count} sections, and at most \
         {SECTION_COUNT_MAX} are allowed; leave columns out, or bring the files to one header"
    )))
}

fn meta(inputs: &Inputs, summaries: &[FileSummary], report: &Report, layout: RowsSpec) -> Meta {
    let mut headers = Vec::<String>::new();
    for header in inputs.mappings.iter().flat_map(Mapping::headers) {
        if !headers.contains(header) {
            headers.push(header.clone());
        }
    }
    let files = summaries.iter().chain(&inputs.small_files);
    let inputs_read = files.map(|summary| InputRecord {
        path: summary.identity.path.to_string_lossy().into_owned(),
        device: summary.identity.device,
        inode: summary.identity.inode,
        size: summary.identity.size,
        mtime_ns: summary.identity.mtime_ns,
        digest: summary.digest.to_string(),
    });
    Meta {
        headers,
        schemas: inputs.mappings.clone(),
        inputs: inputs_read.collect(),
        rows: report.rows,
        rejected: report.rejected,
        warnings: report.warnings.values().sum(),
        layout,
    }
}

fn header(
    inputs: &Inputs,
    scan: &Scan,
    tenant_count: usize,
    options: &BuildOptions,
    people: u64,
) -> SegmentHeader {
    let digests =
        scan.summaries.iter().chain(&inputs.small_files).flat_map(|summary| summary.digest.0.to_le_bytes());
    let mut header = SegmentHeader::new_zeroed();
    header.generation = options.generation.0.into();
    header.segment_count = 1.into();
    header.people_count = people.into();
    header.tenant_count = (tenant_count as u64).into();
    header.csv_size = scan.summaries.iter().map(|summary| summary.csv_bytes).sum::<u64>().into();
    header.hash_seed = options.hash_seed.into();
    header.built_at_wall_ns = options.built_at_wall_ns.into();
    header.load_started_boot_ns = options.load_started_boot_ns.into();
    header.config_digest = options.config_digest;
    header.input_digest = xxh3_128(&digests.collect::<Vec<_>>()).to_le_bytes();
    header
}
