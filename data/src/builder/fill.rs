//! Last pass: every accepted row, encoded, straight to its place in the segment.

use std::ops::Range;

use persondb_protocol::layout::SectionKind;

use super::inputs::Inputs;
use super::merge::Merged;
use super::pipeline::{self, Watch};
use super::row::RowFields;
use super::rows::Rows;
use super::scan::Scan;
use super::{BuildError, typed};
use crate::input::{Canonical, FileSummary, PersonRow, RowBatch};
use crate::segment::{Fields, Plan, RecordHead, write_record};

/// Encoded records of one batch, one after the other.
struct Filled {
    bytes: Vec<u8>,
    sizes: Vec<u32>,
}

/// What the passes before found out, for the last one.
pub(super) struct Known<'k> {
    pub(super) inputs: &'k Inputs,
    pub(super) scan: &'k Scan,
    pub(super) rows: &'k Rows,
    pub(super) merged: Option<&'k Merged>,
}

/// Writes all records and their offsets.
pub(super) fn fill(
    known: &Known<'_>,
    threads: usize,
    plan: &Plan,
    bytes: &mut [u8],
    watch: &mut Watch<'_>,
) -> Result<Vec<FileSummary>, BuildError> {
    let mut offsets = Offsets::new(plan.range(SectionKind::RecordOffsets));
    let records = plan.range(SectionKind::Records);
    offsets.push(0, bytes)?;
    let mut end = 0_usize;
    let work = |further: &mut String, number, batch: &RowBatch| known.fill_batch(further, number, batch);
    let consume = |batch: Filled| {
        let place = records.start + end..records.start + end + batch.bytes.len();
        if place.end > records.end {
            return Err(BuildError::Changed);
        }
        bytes[place].copy_from_slice(&batch.bytes);
        for size in batch.sizes {
            end += size as usize;
            offsets.push(end as u64, bytes)?;
        }
        Ok(())
    };
    let (summaries, _) = pipeline::run(known.inputs, threads, watch, String::new, work, consume)?;
    if end == records.len() && offsets.is_full() { Ok(summaries) } else { Err(BuildError::Changed) }
}

impl Known<'_> {
    fn fill_batch(&self, further: &mut String, number: u64, batch: &RowBatch) -> Result<Filled, BuildError> {
        let Self { inputs, scan, rows, merged } = *self;
        let schema = inputs.people[batch.file() as usize].schema;
        let (mapping, columns) =
            (&inputs.mappings[usize::from(schema)], &inputs.columns[usize::from(schema)]);
        let mut filled =
            Filled { bytes: Vec::with_capacity(320 << 10), sizes: Vec::with_capacity(batch.len()) };
        for (row, accepted) in scan.accepted(number, batch)? {
            let start = filled.bytes.len();
            if let (Some(leader), Some(merged)) = (rows.leader(accepted), merged) {
                if leader != accepted {
                    continue;
                }
                merged.write(leader, inputs, &mut filled.bytes)?;
            } else {
                let tenant = PersonRow::new(row, mapping).tenant().unwrap_or_default();
                further.clear();
                inputs.aliases.add_to(tenant, &RowFields { row, columns, further: "" }, further)?;
                let fields = RowFields { row, columns, further };
                let head = RecordHead {
                    tenant: scan.tenants.find(tenant).ok_or(BuildError::Changed)?,
                    schema,
                    kind: typed::kind(fields.canonical(Canonical::Kind)?),
                    status: typed::status(fields.canonical(Canonical::Status)?),
                    vip: typed::vip(fields.canonical(Canonical::Vip)?),
                };
                write_record(&head, fields.stored(), &mut filled.bytes);
            }
            let size = filled.bytes.len() - start;
            filled.sizes.push(u32::try_from(size).expect("a row has at most a few MiB"));
        }
        Ok(filled)
    }
}

/// The record offsets, written one after the other.
struct Offsets {
    left: Range<usize>,
}

impl Offsets {
    fn new(section: Range<usize>) -> Self {
        Self { left: section }
    }

    fn push(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), BuildError> {
        let place = self.left.start..self.left.start + 8;
        if place.end > self.left.end {
            return Err(BuildError::Changed);
        }
        bytes[place].copy_from_slice(&offset.to_le_bytes());
        self.left.start += 8;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.left.is_empty()
    }
}
