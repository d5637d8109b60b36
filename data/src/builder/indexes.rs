//! The indexes over people and the domain lines: sized, planned, written.

use persondb_protocol::answer::DomainKind;
use persondb_protocol::layout::SectionKind;

use super::BuildError;
use super::inputs::Inputs;
use super::layout::Layout;
use super::links::PRIMARY;
use super::rows::Rows;
use super::scan::Scan;
use super::tables::Tables;
use super::tenants::Tenants;
use crate::input::{self, Dots};
use crate::message::DomainShape;
use crate::segment::{DomainLine, KeyEntry, KeyHasher, KeyIndexBuilder, Load, Plan, Planned, sections};

/// The four indexes and the domain lines, sized and ready to be written.
pub(super) struct Indexes {
    addresses: KeyIndexBuilder,
    persons: KeyIndexBuilder,
    names: KeyIndexBuilder,
    domains: Vec<DomainFact>,
    domain_index: KeyIndexBuilder,
    lookalikes: KeyIndexBuilder,
}

/// A domain line that owns its text.
pub(super) struct DomainFact {
    tenant: u32,
    domain: String,
    kind: DomainKind,
    subaddress: Option<char>,
    dots_ignored: bool,
    people: u64,
}

impl DomainFact {
    /// Whether addresses match that are not literally the same.
    fn is_looser(&self) -> bool {
        self.subaddress.is_some() || self.dots_ignored
    }

    fn line(&self) -> DomainLine<'_> {
        DomainLine {
            tenant: self.tenant,
            domain: &self.domain,
            kind: self.kind,
            subaddress: self.subaddress,
            dots_ignored: self.dots_ignored,
            people: self.people,
        }
    }
}

impl Indexes {
    pub(super) fn new(
        scan: &mut Scan,
        domains: Vec<DomainFact>,
        rows: &Rows,
        hasher: KeyHasher,
    ) -> Result<Self, BuildError> {
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
        let places = domains.iter().zip(0_u32..);
        let places = places.map(|(fact, place)| KeyEntry::new(hasher.domain(fact.domain.as_bytes()), place));
        let domain_index = KeyIndexBuilder::new(places.collect(), Load::Fast);
        let lookalikes = KeyIndexBuilder::new(lookalike_keys(&domains, hasher), Load::Small);
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
        let tenants_size = sections::strings_size(tenants.iter().map(|(name, _)| name));
        let index = |kind, index: &KeyIndexBuilder| Planned::new(kind, index.size(), index.key_count());
        let mut sections = vec![
            Planned::new(SectionKind::Meta, meta_size as u64, 1),
            Planned::new(SectionKind::Tenants, tenants_size, tenants.iter().len() as u64),
            Planned {
                // Says at a glance that no look-up needs more than the literal address.
                encoding: u32::from(self.domains.iter().any(DomainFact::is_looser)),
                ..Planned::new(
                    SectionKind::Domains,
                    sections::domains_size(&self.lines()),
                    self.domains.len() as u64,
                )
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
        sections::write_domains(&self.lines(), &mut bytes[plan.range(SectionKind::Domains)]);
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

    fn lines(&self) -> Vec<DomainLine<'_>> {
        self.domains.iter().map(DomainFact::line).collect()
    }
}

/// The keys under which a domain's look-alikes find it; a partner's is nobody's own.
fn lookalike_keys(domains: &[DomainFact], hasher: KeyHasher) -> Vec<KeyEntry> {
    let mut entries = Vec::new();
    for (fact, place) in domains.iter().zip(0_u32..).filter(|(fact, _)| fact.kind != DomainKind::Partner) {
        if let Some(shape) = DomainShape::of(&fact.domain) {
            shape.for_each_index_key(|key| entries.push(KeyEntry::new(hasher.lookalike(key), place)));
        }
    }
    entries
}

/// What the domains file says, and which domains people have addresses in, ordered by domain and tenant.
pub(super) fn domain_facts(scan: &mut Scan, inputs: &Inputs) -> Vec<DomainFact> {
    let mut counts = std::mem::take(&mut scan.domains);
    let mut facts = Vec::with_capacity(counts.len() + inputs.domains.len());
    for row in &inputs.domains {
        let tenant = scan.tenants.code(&row.tenant);
        facts.push(DomainFact {
            people: counts.remove(&(tenant, row.domain.clone())).unwrap_or(0),
            tenant,
            domain: row.domain.clone(),
            kind: match row.kind {
                input::DomainKind::Owned => DomainKind::Owned,
                input::DomainKind::Partner => DomainKind::Partner,
            },
            subaddress: row.subaddress,
            dots_ignored: row.dots == Dots::Ignored,
        });
    }
    facts.extend(counts.into_iter().map(|((tenant, domain), people)| DomainFact {
        tenant,
        domain,
        kind: DomainKind::Observed,
        subaddress: None,
        dots_ignored: false,
        people,
    }));
    facts.sort_by(|a, b| (&a.domain, a.tenant).cmp(&(&b.domain, b.tenant)));
    facts
}
