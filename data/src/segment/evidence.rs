//! What [matching](crate::matching) asks of a segment beside look-ups by address.

use persondb_protocol::Prefetch;
use persondb_protocol::matching::MatchedField;
use smallvec::SmallVec;

use super::scratch::with_scratch;
use super::{Corrupt, DomainLine, LookupError, PersonRef, Segment, for_each_name, reach};
use crate::normalize::names::Reach;

/// Lines of one domain that are looked at: one for each tenant that has people in it.
const DOMAIN_LINES_MAX: usize = 4096;
/// Domains of one key of a look-alike that are looked at: one for each tenant, and for each suffix that it is under.
const LOOKALIKE_LINES_MAX: usize = 1024;

impl<B: Prefetch> Segment<B> {
    /// Identifier of a tenant.
    pub(crate) fn tenant(&self, code: u32) -> Result<&str, Corrupt> {
        self.parts().tenant(code)
    }

    /// How many people it has.
    pub(crate) fn tenant_people(&self, code: u32) -> Result<u64, Corrupt> {
        self.parts().tenant_people(code).map(u64::from)
    }

    /// Codes of those tenants that there are. O(tenants).
    pub(crate) fn tenant_codes(&self, wanted: &[String]) -> Result<SmallVec<[u32; 8]>, Corrupt> {
        let mut codes = SmallVec::new();
        for code in 0..self.parts().view.tenants.len() {
            let tenant = self.tenant(code)?;
            if wanted.iter().any(|wanted| wanted == tenant) {
                codes.push(code);
            }
        }
        Ok(codes)
    }

    /// Asks for the lines of the index that a look-up of this address reads, which is a key. Its hash.
    #[inline]
    pub(crate) fn ask_for_address(&self, key: &[u8]) -> u64 {
        let view = self.parts().view;
        let hash = view.hasher.address(key);
        self.ask_for_lines(&view.address_index, hash);
        hash
    }

    /// Calls `visit` with what each tenant knows of a domain, which is a key; of a domain of thousands of tenants
    /// with what the first of them know.
    pub(crate) fn for_each_domain_line(
        &self,
        domain: &[u8],
        mut visit: impl FnMut(DomainLine<'_>) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let mut left = DOMAIN_LINES_MAX;
        those_met(self.parts().for_each_domain_line(domain, |line| {
            left = left.checked_sub(1).ok_or(LookupError::TooMany)?;
            visit(line)
        }))
    }

    /// What the keys of look-alikes are seeded with.
    pub(crate) fn lookalike_seed(&self) -> u64 {
        self.parts().view.hasher.lookalike_seed()
    }

    /// Calls `visit` with the domains that may be meant by a key of a look-alike: whoever asks compares. Of
    /// thousands with the first.
    pub(crate) fn for_each_lookalike_line(
        &self,
        hash: u64,
        mut visit: impl FnMut(DomainLine<'_>) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let parts = self.parts();
        let mut left = LOOKALIKE_LINES_MAX;
        those_met(parts.candidates(&parts.view.lookalike_index, hash, |reference| {
            left = left.checked_sub(1).ok_or(LookupError::TooMany)?;
            parts.with_domain_line(reference.0, &mut visit)
        }))
    }
}

/// Of what thousands share, those who were met will do.
pub(super) fn those_met(result: Result<(), LookupError>) -> Result<(), LookupError> {
    match result {
        Err(LookupError::TooMany) => Ok(()),
        other => other,
    }
}

impl PersonRef<'_> {
    /// Calls `visit` with each of the person's names, where it is from, and how far from it one may be.
    pub(crate) fn for_each_name(
        &self,
        mut visit: impl FnMut(MatchedField, &str, Reach),
    ) -> Result<(), Corrupt> {
        let mut joined = String::new();
        with_scratch(|scratch| {
            let fields = self.decode(self.schema().name_places(), scratch)?;
            let reach = reach(&fields)?;
            for_each_name(&fields, &mut joined, |field, name| visit(field, name, reach))
        })
    }
}
