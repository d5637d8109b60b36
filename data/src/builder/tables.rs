//! What rows refer to: runs, ranks, mail domains, links, dictionaries and text tables, encoded and ready to be
//! written; and the layout as the metadata tells it.

use persondb_protocol::layout::SectionKind;

use super::layout::{Codec, Context, Layout, Stats};
use super::ranks::{RunsForm, TenantOrder};
use crate::segment::column::TextCodec;
use crate::segment::column::dictionary::{self, SLOT_DOMAINS, SLOT_NAMES};
use crate::segment::rows::{ColumnSpec, RowsSpec, Store};
use crate::segment::runs::{self, Run};
use crate::segment::{LinkForm, Plan, Planned};

/// Encoded sections.
pub(super) struct Tables {
    sections: Vec<(Planned, Vec<u8>)>,
}

impl Tables {
    /// Encodes all of them.
    pub(super) fn new(
        layout: &Layout,
        context: Context<'_>,
        order: &TenantOrder,
        tenant_count: usize,
    ) -> Self {
        let run = |start: u32, tenant: u32| Run {
            start,
            tenant,
            first_domain: context.domains.first(tenant),
            first_link: context.links.first_place(tenant),
        };
        let people = u32::try_from(context.people).expect("people are capped at 2^31");
        let tenants = u32::try_from(tenant_count).expect("fewer tenants than rows");
        let lines: Vec<_> = match order.form {
            RunsForm::Named => (0..tenants).map(|tenant| run(0, tenant)).collect(),
            RunsForm::Lines | RunsForm::Marked => {
                order.runs.iter().map(|&(start, tenant)| run(start, tenant)).collect()
            }
        };
        let encoded = match order.form {
            RunsForm::Lines => runs::encode(&lines, people),
            RunsForm::Marked => runs::encode_marked(&lines, people),
            RunsForm::Named if RunsForm::named_are_packed(tenants.into(), context.people) => {
                runs::encode_packed(&lines)
            }
            RunsForm::Named => runs::encode(&lines, 0),
        };
        let mut tables = Self { sections: Vec::new() };
        tables.push(SectionKind::Runs, 0, 0, lines.len(), encoded);
        let encoded = order.ranks().map(|ranks| ranks.encode(tenants)).unwrap_or_default();
        tables.push(SectionKind::Ranks, 0, 0, if encoded.is_empty() { 0 } else { lines.len() }, encoded);
        let domains = context.domains.domains();
        let encoded = dictionary::encode(SLOT_DOMAINS, domains.iter().map(|domain| (domain.as_str(), None)));
        tables.push(SectionKind::MailDomains, 0, SLOT_DOMAINS, domains.len(), encoded);
        let table = context.links.table();
        let (form, count) = match context.links.ranks() {
            None => (LinkForm::Table, table.len()),
            Some(ranks) => (LinkForm::Ranks { are_lower: ranks.are_lower }, ranks.count),
        };
        let encoded = table.iter().flat_map(|link| link.to_le_bytes()).collect();
        tables.push(SectionKind::Links, 0, form.to_encoding(), count, encoded);
        for (number, column) in (0..).zip(layout.schemas.iter().flat_map(|schema| &schema.columns)) {
            if let Codec::Dictionary { entries, .. } = &column.codec {
                let entries = &entries.values;
                let encoded = entries.iter().map(|(value, slug)| (&**value, slug.as_deref()));
                let encoded = dictionary::encode(SLOT_NAMES, encoded);
                tables.push(SectionKind::Dictionary, number, SLOT_NAMES, entries.len(), encoded);
            }
            if !matches!(column.text, TextCodec::Raw) {
                tables.push(SectionKind::TextTable, number, 0, 1, column.text.to_bytes());
            }
        }
        tables
    }

    fn push(&mut self, kind: SectionKind, index: u32, encoding: usize, count: usize, bytes: Vec<u8>) {
        let encoding = u32::try_from(encoding).expect("slots are small");
        let planned = Planned { kind, index, encoding, size: bytes.len() as u64, count: count as u64 };
        self.sections.push((planned, bytes));
    }

    /// The sections, in their order.
    pub(super) fn planned(&self) -> impl Iterator<Item = Planned> {
        self.sections.iter().map(|(planned, _)| *planned)
    }

    /// Writes all of them; their memory is given back.
    pub(super) fn write(self, plan: &Plan, bytes: &mut [u8]) {
        for (planned, encoded) in self.sections {
            bytes[plan.range_of(planned.kind, planned.index)].copy_from_slice(&encoded);
        }
    }
}

/// The layout for the metadata; without `stats`, with numbers as long as they can be.
pub(super) fn spec(layout: &Layout, stats: Option<&[Vec<Stats>]>) -> RowsSpec {
    let longest = Stats { exceptions: u64::MAX, tail_bytes: u64::MAX };
    let mut number = 0;
    let schemas = layout.schemas.iter().enumerate().map(|(schema, columns)| {
        let columns = columns.columns.iter().enumerate().map(|(at, column)| {
            let stats = stats.map_or(longest, |stats| stats[schema][at]);
            let spec = ColumnSpec {
                place: column.place,
                code: column.code,
                store: store(&column.codec, number),
                text: (!matches!(column.text, TextCodec::Raw)).then_some(number),
                distinct: column.distinct,
                exceptions: stats.exceptions,
                tail_bytes: stats.tail_bytes,
            };
            number += 1;
            spec
        });
        columns.collect()
    });
    let schemas = schemas.collect();
    let row_size = u32::try_from(layout.row_size).expect("columns have at most 56 bits each");
    RowsSpec { row_size, schema: layout.schema, run: layout.run, schemas }
}

fn store(codec: &Codec, number: u32) -> Store {
    match codec {
        Codec::Empty => Store::Empty,
        Codec::Text { to_end } => Store::Text { to_end: *to_end },
        Codec::Dictionary { rest, .. } => Store::Dictionary { dictionary: number, rest: *rest },
        Codec::Tenant => Store::Tenant,
        Codec::Number(codec) => Store::Number(codec.clone()),
        Codec::Template(templates) => Store::Template { templates: templates.to_strings() },
        Codec::Address { templates, domain_width } => {
            Store::Address { templates: templates.to_strings(), domain_width: *domain_width }
        }
        Codec::Addresses { templates, separator } => {
            Store::Addresses { templates: templates.to_strings(), separator: (*separator).to_owned() }
        }
        Codec::Link => Store::Link,
    }
}
