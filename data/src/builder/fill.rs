//! Last pass: every accepted row, encoded, straight to its place in the segment.

use persondb_protocol::layout::SectionKind;

use super::BuildError;
use super::inputs::Inputs;
use super::layout::{Context, Encoder, Layout, RowPlace, Stats};
use super::merge::Merged;
use super::pipeline::{self, Watch};
use super::row::RowFields;
use super::rows::Rows;
use super::scan::Scan;
use crate::input::{FileSummary, PersonRow, RowBatch};
use crate::segment::Plan;
use crate::segment::tails::OffsetWriter;

/// Encoded people of one batch, one after the other.
struct Filled {
    rows: Vec<u8>,
    tails: Vec<u8>,
    tail_sizes: Vec<u32>,
}

/// What the passes before found out, for the last one.
pub(super) struct Known<'k> {
    pub(super) inputs: &'k Inputs,
    pub(super) scan: &'k Scan,
    pub(super) rows: &'k Rows,
    pub(super) merged: Option<&'k Merged>,
    pub(super) layout: &'k Layout,
    pub(super) context: Context<'k>,
}

/// What the last pass came to.
pub(super) struct Outcome {
    pub(super) summaries: Vec<FileSummary>,
    /// By schema and column.
    pub(super) stats: Vec<Vec<Stats>>,
    /// Bytes of all tails. More than the section has room for when it was planned too small: then the
    /// contents are of no use.
    pub(super) tails_size: u64,
}

struct Worker<'k> {
    encoder: Encoder<'k>,
    further: String,
    /// Codes of the tenants of a batch's rows.
    tenants: Vec<u32>,
    /// The last one, with its code: exports are ordered by tenant.
    last: Option<(String, u32)>,
}

/// Writes all rows and tails.
pub(super) fn fill(
    known: &Known<'_>,
    threads: usize,
    plan: &Plan,
    bytes: &mut [u8],
    watch: &mut Watch<'_>,
) -> Result<Outcome, BuildError> {
    let (rows, tails) = (plan.range(SectionKind::Rows), plan.range(SectionKind::Tails));
    let offsets = plan.range(SectionKind::TailOffsets);
    let people = known.context.people;
    let mut writer = OffsetWriter::default();
    let start = || Worker {
        encoder: Encoder::new(known.layout, known.context),
        further: String::new(),
        tenants: Vec::new(),
        last: None,
    };
    let work = |worker: &mut Worker<'_>, number, batch: &RowBatch| known.fill_batch(worker, number, batch);
    let consume = |batch: Filled| {
        let at = rows.start + writer.count() * known.layout.row_size;
        let place = at..at + batch.rows.len();
        if place.end > rows.end || (writer.count() + batch.tail_sizes.len()) as u64 > people {
            return Err(BuildError::Changed);
        }
        bytes[place].copy_from_slice(&batch.rows);
        let at = usize::try_from(writer.end()).ok().and_then(|end| tails.start.checked_add(end));
        let place = at.and_then(|at| Some(at..at.checked_add(batch.tails.len())?));
        // Tails that were estimated too small are counted to the end: the next attempt knows their size.
        if let Some(place) = place.filter(|place| place.end <= tails.end) {
            bytes[place].copy_from_slice(&batch.tails);
        }
        for size in batch.tail_sizes {
            writer.push(size as usize, &mut bytes[offsets.clone()]).ok_or(BuildError::Changed)?;
        }
        Ok(())
    };
    let (summaries, workers) = pipeline::run(known.inputs, threads, watch, start, work, consume)?;
    if writer.count() as u64 != people {
        return Err(BuildError::Changed);
    }
    let mut stats: Vec<Vec<Stats>> = Encoder::new(known.layout, known.context).stats;
    for worker in workers {
        for (sum, part) in stats.iter_mut().flatten().zip(worker.encoder.stats.iter().flatten()) {
            sum.exceptions += part.exceptions;
            sum.tail_bytes += part.tail_bytes;
        }
    }
    Ok(Outcome { summaries, stats, tails_size: writer.end() })
}

impl Known<'_> {
    fn fill_batch(
        &self,
        worker: &mut Worker<'_>,
        number: u64,
        batch: &RowBatch,
    ) -> Result<Filled, BuildError> {
        let Self { inputs, scan, rows, merged, layout, context } = *self;
        let schema = inputs.people[batch.file() as usize].schema;
        let (mapping, columns) =
            (&inputs.mappings[usize::from(schema)], &inputs.columns[usize::from(schema)]);
        let mut filled = Filled {
            rows: Vec::with_capacity(batch.len() * layout.row_size + 16),
            tails: Vec::with_capacity(batch.len() * 8),
            tail_sizes: Vec::with_capacity(batch.len()),
        };
        let Worker { encoder, further, tenants, last } = worker;
        tenants.clear();
        let accepted: Vec<_> = scan.accepted(number, batch)?.collect();
        for (row, _) in &accepted {
            let tenant = PersonRow::new(*row, mapping).tenant().unwrap_or_default();
            if last.as_ref().is_none_or(|(known, _)| known != tenant) {
                let code = context.tenants.find(tenant).ok_or(BuildError::Changed)?;
                *last = Some((tenant.to_owned(), code));
            }
            tenants.extend(last.as_ref().map(|(_, code)| *code));
        }
        encoder.look_ahead(schema, tenants, |place| {
            accepted.iter().map(move |(row, _)| row.field(place.into()).unwrap_or_default())
        });
        for (ahead, (row, accepted)) in accepted.into_iter().enumerate() {
            pipeline::give_way(ahead);
            let ordinal = rows.ordinal(accepted);
            let leader = rows.leader(accepted);
            let size = if let (Some(leader), Some(merged)) = (leader, merged) {
                if leader != accepted {
                    continue;
                }
                let (schema, tenant, column) = merged.person(leader)?;
                let place = RowPlace { schema, tenant, ordinal, ahead: None };
                encoder.push(place, column, &mut filled.rows, &mut filled.tails)?
            } else {
                further.clear();
                if !inputs.aliases.is_empty() {
                    let tenant = PersonRow::new(row, mapping).tenant().unwrap_or_default();
                    let fields = RowFields { row, columns, email: None, further: "" };
                    inputs.aliases.add_to(tenant, &fields, further)?;
                }
                let fields = RowFields { row, columns, email: None, further };
                let place = RowPlace { schema, tenant: tenants[ahead], ordinal, ahead: Some(ahead) };
                let column = |place| fields.stored_at(place);
                encoder.push(place, column, &mut filled.rows, &mut filled.tails)?
            };
            filled.tail_sizes.push(u32::try_from(size).expect("a row has at most a few MiB"));
        }
        Ok(filled)
    }
}

/// Bytes that the tails will take, judged by encoding the sample; an eighth more than expected. Templates fit the sample
/// that they were learned from better than they fit others (by 3 % at 10 million people, a twentieth more was too little
/// in one of ten builds), and what is too much is given back, where too little costs another build.
pub(super) fn estimate_tails(known: &Known<'_>) -> Result<u64, BuildError> {
    let mut encoder = Encoder::new(known.layout, known.context);
    let (mut rows, mut tails) = (Vec::new(), Vec::new());
    let mut size = 0_u64;
    for row in known.scan.sample.rows() {
        rows.clear();
        tails.clear();
        // An ordinal that nothing links to: the sample does not know which one the row becomes.
        let place = RowPlace { schema: row.schema, tenant: row.tenant, ordinal: u32::MAX, ahead: None };
        size += encoder.push(place, |place| row.field(place.into()), &mut rows, &mut tails)? as u64;
    }
    let count = (known.scan.sample.len() as u64).max(1);
    let expected = u128::from(size) * u128::from(known.context.people) / u128::from(count);
    let expected = u64::try_from(expected).unwrap_or(u64::MAX);
    Ok(expected + expected / 8 + (256 << 10))
}
