//! The indexes and the domain lines: sized, planned, written.

use std::thread::ScopedJoinHandle;

use persondb_protocol::layout::SectionKind;

use super::BuildError;
use super::domains::DomainFacts;
use super::keyed::Keyed;
use super::layout::Layout;
use super::links::PRIMARY;
use super::ranks::Ranks;
use super::rows::Rows;
use super::tables::Tables;
use super::tenants::Tenants;
use crate::segment::{Entry, KeyEntry, KeyHasher, KeyIndexBuilder, Load, NameEntry, Plan, Planned, sections};

/// The indexes and the domain lines, sized and ready to be written.
pub(super) struct Indexes {
    addresses: KeyIndexBuilder,
    persons: KeyIndexBuilder,
    names: KeyIndexBuilder<NameEntry>,
    domains: DomainFacts,
    domain_index: KeyIndexBuilder,
    lookalikes: KeyIndexBuilder,
    tenants: KeyIndexBuilder,
}

impl Indexes {
    /// Sorts all keys, on two threads: there are as many of names as of all others.
    pub(super) fn new(
        keyed: Keyed,
        mut domains: DomainFacts,
        tenants: &Tenants,
        hasher: KeyHasher,
        (rows, ranks): (&Rows, Option<&Ranks>),
    ) -> Result<Self, BuildError> {
        let Keyed { addresses, persons, names } = keyed;
        let ordinal = |row| rows.ordinal(row & !PRIMARY);
        let rank = |row| ranks.map_or(ordinal(row), |ranks| ranks.of(ordinal(row)));
        let (addresses, persons, names) = std::thread::scope(|scope| {
            let names = scope.spawn(|| bound(names, rank, Load::Checked));
            // Senders are looked up by address far more than by anything else.
            let addresses = bound(addresses, ordinal, Load::Fast);
            let persons = bound(persons, rank, Load::Small);
            (addresses, persons, joined(names))
        });
        let coded = tenants.iter().zip(0..).filter(|_| ranks.is_some());
        let coded = coded.map(|((tenant, _), code)| KeyEntry::new(hasher.tenant(tenant), code));
        let tenants = KeyIndexBuilder::new(coded.collect(), Load::Usual);
        let domain_index = KeyIndexBuilder::new(domains.take_entries(), Load::Usual);
        let lookalikes = KeyIndexBuilder::new(domains.take_lookalikes(), Load::Small);
        let indexes = Self { addresses, persons, names, domains, domain_index, lookalikes, tenants };
        let Self { addresses, persons, domain_index, lookalikes, tenants, .. } = &indexes;
        let all = [addresses, persons, domain_index, lookalikes, tenants];
        if !all.iter().all(|index| index.fits()) || !indexes.names.fits() {
            return Err(BuildError::Limit(
                "an index is too large: over 4 billion people behind keys that several share, or too many keys of one \
                 bucket: split the dataset by tenant"
                    .into(),
            ));
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
        let mut sections = vec![
            Planned::new(SectionKind::Meta, meta_size as u64, 1),
            Planned {
                encoding: sections::strings_encoding(tenants.iter().map(|(_, people)| people)),
                ..Planned::new(SectionKind::Tenants, tenants_size, tenants.iter().len() as u64)
            },
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
            planned(SectionKind::DomainIndex, &self.domain_index),
            planned(SectionKind::LookalikeIndex, &self.lookalikes),
            planned(SectionKind::TenantIndex, &self.tenants),
        ];
        sections.extend(tables.planned());
        sections.extend([
            planned(SectionKind::AddressIndex, &self.addresses),
            planned(SectionKind::PersonIndex, &self.persons),
            planned(SectionKind::NameIndex, &self.names),
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
        // The names stand behind the others, and take as long as they do.
        let named = plan.range(SectionKind::NameIndex);
        let (others, from_names) = bytes.split_at_mut(named.start);
        std::thread::scope(|scope| {
            scope.spawn(|| self.names.write(&mut from_names[..named.len()]));
            for (kind, index) in [
                (SectionKind::DomainIndex, self.domain_index),
                (SectionKind::LookalikeIndex, self.lookalikes),
                (SectionKind::TenantIndex, self.tenants),
                (SectionKind::AddressIndex, self.addresses),
                (SectionKind::PersonIndex, self.persons),
            ] {
                index.write(&mut others[plan.range(kind)]);
            }
        });
    }
}

/// What the thread came to; its panic goes on here.
pub(super) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// An index whose entries name rows, over the numbers that these became.
fn bound<E: Entry>(mut entries: Vec<E>, number: impl Fn(u32) -> u32, load: Load) -> KeyIndexBuilder<E> {
    for entry in &mut entries {
        entry.set_number(number(entry.number()));
    }
    KeyIndexBuilder::new(entries, load)
}

fn planned<E: Entry>(kind: SectionKind, index: &KeyIndexBuilder<E>) -> Planned {
    Planned::new(kind, index.size(), index.key_count())
}
