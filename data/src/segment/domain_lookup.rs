//! Domain → what is known of it, wherever that stands: as a line, or told by a person.

use persondb_protocol::answer::DomainKind;

use super::domains::KnownDomain;
use super::scratch::with_scratch;
use super::{Corrupt, DomainLine, Fields, LookupError, Parts};
use crate::input::Canonical;
use crate::normalize::{KeyBuffer, address_key};

impl<'a> Parts<'a> {
    /// Calls `visit` with what each tenant knows of a domain, which is a key.
    pub(super) fn for_each_domain_line(
        &self,
        domain: &[u8],
        mut visit: impl FnMut(DomainLine<'_>) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let hash = self.view.hasher.domain(domain);
        self.candidates(&self.view.domain_index, hash, |reference| {
            self.with_domain_line(reference.0, |line| {
                if line.domain.as_bytes() == domain { visit(line) } else { Ok(()) }
            })
        })
    }

    /// The same without domains that are only seen: no loose rule follows from those.
    pub(super) fn for_each_said_line(
        &self,
        domain: &[u8],
        mut visit: impl FnMut(DomainLine<'a>) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let domains = self.domains()?;
        let hash = self.view.hasher.domain(domain);
        self.candidates(&self.view.domain_index, hash, |reference| match domains.get(reference.0)? {
            KnownDomain::Line(line) if line.domain.as_bytes() == domain => visit(line),
            KnownDomain::Line(_) | KnownDomain::Seen(_) => Ok(()),
        })
    }

    /// Calls `visit` with the line that a reference leads to, if it leads to a domain: whoever asks compares.
    pub(super) fn with_domain_line(
        &self,
        reference: u32,
        visit: impl FnOnce(DomainLine<'_>) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let seen = match self.domains()?.get(reference)? {
            KnownDomain::Line(line) => return visit(line),
            KnownDomain::Seen(seen) => seen,
        };
        let person = self.person(seen.person)?;
        let mut buffer = KeyBuffer::new();
        let key = with_scratch(|scratch| {
            let email = person.decode(person.schema().places(Canonical::Email), scratch)?;
            Ok::<_, Corrupt>(address_key(email.email()?, &mut buffer))
        })?;
        let Some(key) = key else { return Ok(()) };
        visit(DomainLine {
            tenant: person.tenant_code()?,
            domain: smoothutf8::from_utf8(key.domain()).ok_or_else(|| Corrupt::new("domain is not UTF-8"))?,
            kind: DomainKind::Observed,
            subaddress: None,
            dots_ignored: false,
            people: seen.people.into(),
        })
    }
}
