//! The scope of a message: the tenants of its recipients, and their domains in it.

use persondb_protocol::Prefetch;
use smallvec::SmallVec;

use super::{Asked, Matching};
use crate::normalize::{KeyBuffer, address_key};
use crate::segment::{DomainLine, LookupError, Segment};

/// Tenants of one message whose names are looked at.
const TENANT_COUNT_MAX: usize = 16;
/// Their domains in which a foreign local part is looked for.
const DOMAIN_COUNT_MAX: usize = 8;
/// Tenants by code, and domain keys.
#[derive(Debug, Default)]
pub(super) struct Scope {
    tenants: SmallVec<[u32; 8]>,
    domains: SmallVec<[SmallVec<[u8; 64]>; 4]>,
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

    /// Owned domains of recipients.
    pub(super) fn domains(&self) -> impl Iterator<Item = &[u8]> {
        self.domains.iter().map(|domain| &domain[..])
    }

    /// Names of its tenants.
    pub(super) fn names<B: Prefetch>(&self, segment: &Segment<B>) -> Result<Vec<String>, LookupError> {
        self.tenants.iter().map(|&code| Ok(segment.tenant(code)?.0.to_owned())).collect()
    }

    fn add(&mut self, tenant: u32) {
        if self.tenants.len() < TENANT_COUNT_MAX && !self.has(tenant) {
            self.tenants.push(tenant);
        }
    }
}

/// Whether a line says that the domain is the tenant's own.
pub(super) fn is_own<B: Prefetch>(line: &DomainLine<'_>, segment: &Segment<B>) -> Result<bool, LookupError> {
    Ok(line.is_own(segment.tenant(line.tenant)?.1))
}

impl<B: Prefetch> Matching<'_, B> {
    /// Fills the scope from the recipients: the tenants of those who are known, and the owners of their domains.
    pub(super) fn scope_of(&mut self, recipients: &[Asked<'_, '_>]) -> Result<(), LookupError> {
        let segment = self.segment;
        let (mut buffer, mut last) = (KeyBuffer::new(), KeyBuffer::new());
        for asked in recipients {
            for hit in asked.hits.iter() {
                self.scope.add(hit.person.tenant_code()?);
            }
            let Some(key) = address_key(&asked.mailbox.address, &mut buffer) else { continue };
            // Recipients of one message are mostly of one domain.
            if last[..] == *key.domain() {
                continue;
            }
            last.clear();
            last.extend_from_slice(key.domain());
            let mut owned = false;
            let mut owners = SmallVec::<[u32; 8]>::new();
            segment.for_each_domain_line(key.domain(), |line| {
                if self.counts(line.tenant) && is_own(&line, segment)? {
                    owners.push(line.tenant);
                    owned = true;
                }
                Ok(())
            })?;
            owners.iter().for_each(|&tenant| self.scope.add(tenant));
            let domains = &mut self.scope.domains;
            if owned && domains.len() < DOMAIN_COUNT_MAX && !domains.iter().any(|known| known[..] == last[..])
            {
                domains.push(SmallVec::from_slice(&last));
            }
        }
        Ok(())
    }
}
