//! What the tenants that count know of the domains of one message, read once each.

use persondb_protocol::Prefetch;
use persondb_protocol::answer::DomainKind;
use smallvec::SmallVec;

use super::Matching;
use crate::segment::{DomainLine, LookupError, Segment};

/// Domains of one message that are remembered; most messages have one or two.
const REMEMBERED_MAX: usize = 8;

/// What a domain is to a tenant. Such as it knows but that are neither are of no interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) tenant: u32,
    pub(super) is_partner: bool,
}

/// The domains that were asked for last.
#[derive(Debug, Default)]
pub(super) struct Domains {
    known: SmallVec<[Known; 2]>,
    next: usize,
}

#[derive(Debug, Default)]
struct Known {
    domain: SmallVec<[u8; 64]>,
    relations: SmallVec<[Relation; 4]>,
}

impl Domains {
    /// Whose own or partner's a domain is, by the place that [`Matching::domain`] gives.
    pub(super) fn relations(&self, place: usize) -> &[Relation] {
        self.known.get(place).map_or(&[], |known| &known.relations)
    }

    /// Remembers a domain, where there is no more room instead of the one that was remembered first.
    fn remember(&mut self, known: Known) -> usize {
        if self.known.len() < REMEMBERED_MAX {
            self.known.push(known);
            return self.known.len() - 1;
        }
        let place = self.next;
        self.known[place] = known;
        self.next = (place + 1) % REMEMBERED_MAX;
        place
    }
}

impl<B: Prefetch> Matching<'_, '_, B> {
    /// Place of a domain, which is a key, among those that are remembered. It holds until the next domain is asked for.
    pub(super) fn domain(&mut self, domain: &[u8]) -> Result<usize, LookupError> {
        if let Some(place) = self.domains.known.iter().position(|known| known.domain[..] == *domain) {
            return Ok(place);
        }
        let mut relations = SmallVec::new();
        self.segment.for_each_domain_line(domain, |line| {
            if self.counts(line.tenant) {
                let is_partner = line.kind == DomainKind::Partner;
                if is_partner || is_own(&line, self.segment)? {
                    relations.push(Relation { tenant: line.tenant, is_partner });
                }
            }
            Ok(())
        })?;
        Ok(self.domains.remember(Known { domain: SmallVec::from_slice(domain), relations }))
    }
}

/// Whether a line says that the domain is the tenant's own.
pub(super) fn is_own<B: Prefetch>(line: &DomainLine<'_>, segment: &Segment<B>) -> Result<bool, LookupError> {
    Ok(line.is_own(segment.tenant_people(line.tenant)?))
}
