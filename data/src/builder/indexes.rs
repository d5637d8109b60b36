//! The indexes over people and the domain lines: sized, planned, written.

use persondb_protocol::layout::SectionKind;

use super::BuildError;
use super::domains::DomainFacts;
use super::layout::Layout;
use super::links::PRIMARY;
use super::rows::Rows;
use super::scan::Scan;
use super::tables::Tables;
use super::tenants::Tenants;
use crate::segment::{KeyEntry, KeyIndexBuilder, Load, Plan, Planned, sections};

/// The four indexes and the domain lines, sized and ready to be written.
pub(super) struct Indexes {
    addresses: KeyIndexBuilder,
    persons: KeyIndexBuilder,
    names: KeyIndexBuilder,
    domains: DomainFacts,
    domain_index: KeyIndexBuilder,
    lookalikes: KeyIndexBuilder,
}

impl Indexes {
    pub(super) fn new(scan: &mut Scan, mut domains: DomainFacts, rows: &Rows) -> Result<Self, BuildError> {
        let keyed = std::mem::take(&mut scan.keyed);
        let bind = |mut entries: Vec<KeyEntry>, load| {
            for entry in &mut entries {
                entry.set_number(rows.ordinal(entry.number() & !PRIMARY));
            }
            KeyIndexBuilder::new(entries, load)
        };
        // Senders are looked up by address far more than by anything else.
        let addresses = bind(keyed.addresses, Load::Fast);
        let persons = bind(keyed.persons, Load::Small);
        let names = bind(keyed.names, Load::Small);
        let domain_index = KeyIndexBuilder::new(domains.take_entries(), Load::Fast);
        let lookalikes = KeyIndexBuilder::new(domains.take_lookalikes(), Load::Small);
        let indexes = Self { addresses, persons, names, domains, domain_index, lookalikes };
        let all = [
            &indexes.addresses,
            &indexes.persons,
            &indexes.names,
            &indexes.domain_index,
            &indexes.lookalikes,
        ];
        for index in all {
            if !index.fits() {
                return Err(BuildError::Limit(
                    "an index is over 8 GiB of postings: split the dataset by tenant".into(),
                ));
            }
        }
        Ok(indexes)
    }

    pub(super) fn plan(
        &self,
        tenants: &Tenants,
        meta_size: usize,
        people: usize,
        layout: &Layout,
        tables: &Tables,
        tails_size: u64,
    ) -> Plan {
        let people = people as u64;
        let seen = self.domains.seen().len();
        let tenants_size = sections::strings_size(tenants.iter());
        let index = |kind, index: &KeyIndexBuilder| Planned::new(kind, index.size(), index.key_count());
        let mut sections = vec![
            Planned::new(SectionKind::Meta, meta_size as u64, 1),
            Planned::new(SectionKind::Tenants, tenants_size, tenants.iter().len() as u64),
            Planned {
                // Says at a glance that no look-up needs more than the literal address.
                encoding: u32::from(self.domains.is_looser()),
                ..Planned::new(
                    SectionKind::Domains,
                    sections::domains_size(self.domains.lines()),
                    self.domains.lines().len() as u64,
                )
            },
            Planned {
                index: 1,
                ..Planned::new(SectionKind::Domains, sections::seen_domains_size(seen), seen as u64)
            },
            index(SectionKind::DomainIndex, &self.domain_index),
            index(SectionKind::LookalikeIndex, &self.lookalikes),
        ];
        sections.extend(tables.planned());
        sections.extend([
            index(SectionKind::AddressIndex, &self.addresses),
            index(SectionKind::PersonIndex, &self.persons),
            index(SectionKind::NameIndex, &self.names),
            Planned::new(SectionKind::TailOffsets, sections::offsets_size(people), people),
            Planned::new(SectionKind::Rows, sections::rows_size(layout.row_size, people), people),
            // The last one: what was estimated too large is cut off.
            Planned::new(SectionKind::Tails, tails_size, people),
        ]);
        Plan::new(&sections)
    }

    /// Writes all of it; the memory of each index is given back as soon as it is written.
    pub(super) fn write(self, tenants: &Tenants, plan: &Plan, bytes: &mut [u8]) {
        sections::write_strings(tenants.iter(), &mut bytes[plan.range(SectionKind::Tenants)]);
        sections::write_domains(self.domains.lines(), &mut bytes[plan.range(SectionKind::Domains)]);
        sections::write_seen_domains(self.domains.seen(), &mut bytes[plan.range_of(SectionKind::Domains, 1)]);
        for (kind, index) in [
            (SectionKind::DomainIndex, self.domain_index),
            (SectionKind::LookalikeIndex, self.lookalikes),
            (SectionKind::AddressIndex, self.addresses),
            (SectionKind::PersonIndex, self.persons),
            (SectionKind::NameIndex, self.names),
        ] {
            index.write(&mut bytes[plan.range(kind)]);
        }
    }
}
