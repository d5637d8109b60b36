//! What is known of domains: what the domains file says, and in which domains people have addresses.
//!
//! Where nothing is said of a domain, any person with their primary address there tells it, so the passes note one
//! row beside the number of people, and the segment stores that person instead of the domain.

use std::collections::HashMap;

use persondb_protocol::answer::DomainKind;

use super::inputs::Inputs;
use super::keyed::domain_of;
use super::rows::{RowNumber, Rows};
use super::tenants::Tenants;
use crate::input::{self, Dots};
use crate::message::DomainShape;
use crate::normalize::AddressKey;
use crate::segment::{DomainLine, KeyEntry, KeyHasher, Ordinal, SeenDomain};

/// People that have their primary address in a domain, by (tenant code, domain).
#[derive(Default)]
pub(super) struct DomainCounts {
    counts: HashMap<(u32, String), Seen>,
    run: Run,
}

/// How many have it, and one of them.
#[derive(Clone, Copy)]
struct Seen {
    people: u32,
    /// [`NOBODY`] where the row became part of another.
    row: RowNumber,
}

/// No row: their number is capped below.
const NOBODY: RowNumber = u32::MAX;
/// References of the index are below.
const REFERENCE_END: usize = 1 << 31;

/// People of one domain one after the other, counted without looking it up for each.
#[derive(Default)]
struct Run {
    tenant: u32,
    domain: String,
    people: u32,
    row: RowNumber,
}

impl DomainCounts {
    /// The person of a row has their primary address in this domain.
    pub(super) fn add(&mut self, tenant: u32, key: &AddressKey<'_>, row: RowNumber) {
        let is_same = self.run.tenant == tenant && self.run.domain.as_bytes() == key.domain();
        if self.run.people == 0 || !is_same {
            self.flush();
            self.run.tenant = tenant;
            self.run.domain.clear();
            self.run.domain.push_str(domain_of(key));
            self.run.row = row;
        }
        self.run.people += 1;
    }

    /// Takes over the counts of a batch, whose tenants and rows have these numbers here.
    pub(super) fn append(&mut self, mut batch: Self, codes: &[u32], first_row: RowNumber) {
        batch.flush();
        for ((tenant, domain), seen) in batch.counts {
            let tenant = codes.get(tenant as usize).copied().unwrap_or_default();
            let row = seen.row.saturating_add(first_row);
            self.counts.entry((tenant, domain)).or_insert(Seen { people: 0, row }).people += seen.people;
        }
    }

    /// A row that was counted becomes part of a person, who is [put back](Self::put_back) afterwards.
    pub(super) fn take_back(&mut self, tenant: u32, domain: &str) {
        if let Some(seen) = self.counts.get_mut(&(tenant, domain.to_owned())) {
            // It may have been the row that was noted, and another one is not known.
            *seen = Seen { people: seen.people.saturating_sub(1), row: NOBODY };
        }
    }

    /// The person that this row leads has their primary address in this domain.
    pub(super) fn put_back(&mut self, tenant: u32, domain: &str, row: RowNumber) {
        let seen = self.counts.entry((tenant, domain.to_owned())).or_insert(Seen { people: 0, row });
        *seen = Seen { people: seen.people + 1, row };
    }

    fn flush(&mut self) {
        let Run { tenant, domain, people, row } = &mut self.run;
        if *people > 0 {
            let seen = self.counts.entry((*tenant, domain.clone()));
            seen.or_insert(Seen { people: 0, row: *row }).people += *people;
            *people = 0;
        }
    }
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
    /// What people's addresses tell.
    fn observed(tenant: u32, domain: String, people: u32) -> Self {
        Self {
            tenant,
            domain,
            kind: DomainKind::Observed,
            subaddress: None,
            dots_ignored: false,
            people: people.into(),
        }
    }

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

/// From so many people on a domain that is only seen has a line of its own: asking a person costs a look-up.
const PEOPLE_OF_A_LINE: u32 = 4;

/// All that is known of domains, and where the index leads for each.
#[derive(Default)]
pub(super) struct DomainFacts {
    /// What the domains file says, and what nobody in particular tells; by domain and tenant.
    lines: Vec<DomainFact>,
    /// What is seen, by ordinal; without the domains of a single person.
    seen: Vec<SeenDomain>,
    entries: Vec<KeyEntry>,
    lookalikes: Vec<KeyEntry>,
}

impl DomainFacts {
    /// Joins both. `tenants` gets those that only the domains file knows.
    pub(super) fn new(
        counts: DomainCounts,
        inputs: &Inputs,
        tenants: &mut Tenants,
        rows: &Rows,
        (hasher, people): (KeyHasher, usize),
    ) -> Self {
        let mut counts = counts.counts;
        let mut facts = Self::default();
        for row in &inputs.domains {
            let tenant = tenants.code(&row.tenant);
            facts.lines.push(DomainFact {
                people: counts.remove(&(tenant, row.domain.clone())).map_or(0, |seen| seen.people.into()),
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
        // Single people stand behind all lines in the references: there has to be room for everybody.
        let has_room = facts.lines.len() + counts.len() + people <= REFERENCE_END;
        let (mut lonely, mut seen) = (Vec::new(), Vec::new());
        for ((tenant, domain), Seen { people, row }) in counts.into_iter().filter(|(_, seen)| seen.people > 0)
        {
            let fact = DomainFact::observed(tenant, domain, people);
            if row == NOBODY || people >= PEOPLE_OF_A_LINE {
                facts.lines.push(fact);
            } else if people == 1 && has_room {
                lonely.push((rows.ordinal(row), fact));
            } else {
                seen.push((rows.ordinal(row), fact));
            }
        }
        facts.lines.sort_by(|a, b| (&a.domain, a.tenant).cmp(&(&b.domain, b.tenant)));
        // A person has one primary address, so no two of them are the same.
        seen.sort_unstable_by_key(|(ordinal, _)| *ordinal);
        let lines = facts.lines.iter().chain(seen.iter().map(|(_, fact)| fact)).zip(0..);
        let behind = u32::try_from(facts.lines.len() + seen.len())
            .expect("fewer domains than rows and lines of a file");
        let all = lines.chain(lonely.iter().map(|(ordinal, fact)| (fact, behind + ordinal)));
        let sizes: Vec<u64> = tenants.iter().map(|(_, people)| people).collect();
        for (fact, reference) in all {
            facts.entries.push(KeyEntry::new(hasher.domain(fact.domain.as_bytes()), reference));
            let tenant_people = sizes.get(fact.tenant as usize).copied().unwrap_or_default();
            if fact.line().is_main(tenant_people)
                && let Some(shape) = DomainShape::of(&fact.domain)
            {
                let add = |hash| facts.lookalikes.push(KeyEntry::new(hash, reference));
                shape.for_each_index_key(hasher.lookalike_seed(), add);
            }
        }
        let people = |fact: &DomainFact| u32::try_from(fact.people).expect("they were counted in 32 bits");
        let seen =
            seen.iter().map(|(ordinal, fact)| SeenDomain { person: Ordinal(*ordinal), people: people(fact) });
        facts.seen = seen.collect();
        facts
    }

    /// Hash and reference of each, once.
    pub(super) fn take_entries(&mut self) -> Vec<KeyEntry> {
        std::mem::take(&mut self.entries)
    }

    /// The same for the keys under which look-alikes of the tenants' own domains find them.
    pub(super) fn take_lookalikes(&mut self) -> Vec<KeyEntry> {
        std::mem::take(&mut self.lookalikes)
    }

    /// Whether addresses match in any domain that are not literally the same.
    pub(super) fn is_looser(&self) -> bool {
        self.lines.iter().any(DomainFact::is_looser)
    }

    /// What stands as a line of its own.
    pub(super) fn lines(&self) -> impl ExactSizeIterator<Item = DomainLine<'_>> {
        self.lines.iter().map(DomainFact::line)
    }

    /// What several people tell.
    pub(super) fn seen(&self) -> &[SeenDomain] {
        &self.seen
    }
}
