//! The scope of a message: the tenants of its recipients, and their domains in it.

use persondb_protocol::{Prefetch, Text};
use smallvec::SmallVec;

use super::{Asked, Matching, Met};
use crate::segment::{LookupError, Segment};

/// Tenants of one message whose names are looked at.
const TENANT_COUNT_MAX: usize = 16;
/// Their domains in which a foreign local part is looked for.
const DOMAIN_COUNT_MAX: usize = 8;
/// Tenants by code, and domain keys.
#[derive(Debug, Default)]
pub(super) struct Scope {
    tenants: SmallVec<[u32; 8]>,
    domains: SmallVec<[SmallVec<[u8; 64]>; 4]>,
    is_cut: bool,
}

impl Scope {
    /// Whether the tenant is in it.
    pub(super) fn has(&self, tenant: u32) -> bool {
        self.tenants.contains(&tenant)
    }

    /// Codes of its tenants.
    pub(super) fn tenants(&self) -> &[u32] {
        &self.tenants
    }

    /// Whether there are more tenants than are in it.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Owned domains of recipients.
    pub(super) fn domains(&self) -> impl Iterator<Item = &[u8]> {
        self.domains.iter().map(|domain| &domain[..])
    }

    /// Names of its tenants.
    pub(super) fn names<B: Prefetch>(&self, segment: &Segment<B>) -> Result<Vec<Text>, LookupError> {
        self.tenants.iter().map(|&code| Ok(segment.tenant(code)?.into())).collect()
    }

    fn add(&mut self, tenant: u32) {
        if self.has(tenant) {
            return;
        }
        if self.tenants.len() < TENANT_COUNT_MAX {
            self.tenants.push(tenant);
        } else {
            self.is_cut = true;
        }
    }
}

impl<B: Prefetch> Matching<'_, '_, B> {
    /// Fills the scope from the recipients: the tenants of those who are known, and the owners of their domains.
    pub(super) fn scope_of(
        &mut self,
        recipients: &[Asked<'_>],
        all_met: &[Met<'_>],
    ) -> Result<(), LookupError> {
        let mut last: &[u8] = &[];
        for (asked, met) in recipients.iter().zip(all_met) {
            for hit in &met.hits {
                self.scope.add(hit.person.tenant_code()?);
            }
            let Some(domain) = asked.domain() else { continue };
            // Recipients of one message are mostly of one domain.
            if last == domain {
                continue;
            }
            last = domain;
            let place = self.domain(domain)?;
            let owners = self.domains.relations(place).iter().filter(|relation| !relation.is_partner);
            let mut is_owned = false;
            for owner in owners {
                self.scope.add(owner.tenant);
                is_owned = true;
            }
            let domains = &mut self.scope.domains;
            if is_owned
                && domains.len() < DOMAIN_COUNT_MAX
                && !domains.iter().any(|known| known[..] == *domain)
            {
                domains.push(SmallVec::from_slice(domain));
            }
        }
        Ok(())
    }
}
