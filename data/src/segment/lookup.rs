//! Question → people. Every answer compared the whole key: the index only proposes.

use persondb_protocol::answer::{DomainFact, Matched, Person};
use persondb_protocol::control::PEOPLE_COUNT_MAX;
use smallvec::SmallVec;

use super::{
    Ambiguity, Corrupt, DomainLine, Fields, KeyHasher, Parts, PersonRef, Segment, for_each_address,
    for_each_name, is_dotless_domain,
};
use crate::normalize::{
    AddressKey, KeyBuffer, address_key, address_key_equals, domain_key, folded_name, german_form, strip_dots,
    strip_subaddress,
};

/// Most people in one answer: a mailbox that more people share is cut there.
pub const HITS_MAX: usize = PEOPLE_COUNT_MAX as usize;

/// Where a look-up looks.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// In all tenants.
    Everywhere,
    /// In this tenant only.
    Tenant(&'a str),
}

/// One person that a look-up met.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// The person.
    pub person: PersonRef<'a>,
    /// By which key.
    pub matched: Matched,
}

/// Everybody that a look-up met, strongest match first; empty = definitely absent. Two fit without
/// allocation.
pub type Hits<'a> = SmallVec<[Hit<'a>; 2]>;

impl<B: AsRef<[u8]>> Segment<B> {
    /// Everybody with this address, in the order of MATCHING: exact and alias first; only where nobody
    /// has it literally, with the sub-address taken off or dots left out, in domains that allow it.
    ///
    /// What is no address is nobody's: the answer is empty. Expected cost: one index line for an absent
    /// address; line, offset and record for a found one.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes met on the way do not hold together.
    pub fn get(&self, address: &str, scope: Scope<'_>) -> Result<Hits<'_>, Corrupt> {
        let parts = self.parts();
        let mut buffer = KeyBuffer::new();
        let Some(key) = address_key(address, &mut buffer) else { return Ok(Hits::new()) };
        let hits = parts.with_address(&key, scope)?;
        if hits.is_empty() { parts.with_looser_address(&key, scope) } else { Ok(hits) }
    }

    /// Everybody with this person identifier, compared byte for byte but for blanks around it.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes met on the way do not hold together.
    pub fn person(&self, person_id: &str, scope: Scope<'_>) -> Result<Hits<'_>, Corrupt> {
        let parts = self.parts();
        let wanted = person_id.trim();
        let index = parts.index(&parts.view.person_index)?;
        let mut hits = Hits::new();
        index.candidates(parts.view.hasher.person(wanted), |ordinal| {
            let person = parts.person(ordinal)?;
            if Fields::person_id(&person)? == wanted && within(&person, scope)? {
                push(&mut hits, Hit { person, matched: Matched::PersonId });
            }
            Ok(())
        })?;
        Ok(hits)
    }

    /// At most `limit` people of the tenant who have this name, folded or in its German form.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes met on the way do not hold together.
    pub fn by_name(&self, tenant: &str, full_name: &str, limit: usize) -> Result<Hits<'_>, Corrupt> {
        let parts = self.parts();
        let hasher = parts.view.hasher;
        let tenant_hash = hasher.tenant(tenant);
        let index = parts.index(&parts.view.name_index)?;
        let mut hits = Hits::new();
        let (mut key, mut other, mut joined) = (KeyBuffer::new(), KeyBuffer::new(), String::new());
        folded_name(full_name, &mut key);
        for form in 0..2 {
            if form == 1 && !german_form(full_name, &mut key) {
                break;
            }
            if key.is_empty() {
                break;
            }
            index.candidates(KeyHasher::name(tenant_hash, &key), |ordinal| {
                if hits.len() >= limit {
                    return Ok(());
                }
                let person = parts.person(ordinal)?;
                let mut same = false;
                for_each_name(&person, &mut joined, &mut other, |name| same |= name == &key[..])?;
                if same && person.tenant_id()? == tenant {
                    push(&mut hits, Hit { person, matched: Matched::Name });
                }
                Ok(())
            })?;
        }
        Ok(hits)
    }

    /// What is known of a domain, one fact a tenant. What is no domain is unknown.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes met on the way do not hold together.
    pub fn domain(&self, domain: &str) -> Result<Vec<DomainFact>, Corrupt> {
        let parts = self.parts();
        let mut key = KeyBuffer::new();
        let Some(domain) = domain_key(domain, &mut key) else { return Ok(Vec::new()) };
        let mut facts = Vec::new();
        parts.for_each_domain_line(domain, |line| {
            facts.push(DomainFact {
                tenant_id: parts.tenants()?.get(line.tenant)?.0.to_owned(),
                domain: line.domain.to_owned(),
                kind: line.kind,
                subaddress: line.subaddress,
                dots_ignored: line.dots_ignored,
                people: line.people,
            });
            Ok(())
        })?;
        Ok(facts)
    }
}

impl<'a> Parts<'a> {
    /// Everybody who has the address literally.
    fn with_address(&self, key: &AddressKey<'_>, scope: Scope<'_>) -> Result<Hits<'a>, Corrupt> {
        let mut hits = Hits::new();
        let index = self.index(&self.view.address_index)?;
        index.candidates(self.view.hasher.address(key.bytes()), |ordinal| {
            let person = self.person(ordinal)?;
            let matched = matched_by(&person, |stored| address_key_equals(stored, key))?;
            if let Some(matched) = matched
                && within(&person, scope)?
            {
                push(&mut hits, Hit { person, matched });
            }
            Ok(())
        })?;
        hits.sort_by_key(|hit| (hit.matched, hit.person.ordinal()));
        Ok(hits)
    }

    /// Sub-address, then dots, each only for tenants that say so of the domain (dots also for the two
    /// public domains where they never count).
    fn with_looser_address(&self, key: &AddressKey<'_>, scope: Scope<'_>) -> Result<Hits<'a>, Corrupt> {
        let mut hits = Hits::new();
        let mut dots_tenants = SmallVec::<[u32; 4]>::new();
        let mut shorter = KeyBuffer::new();
        self.for_each_domain_line(key.domain(), |line| {
            if line.dots_ignored {
                dots_tenants.push(line.tenant);
            }
            let stripped = line.subaddress.and_then(|c| strip_subaddress(key, c, &mut shorter));
            if let Some(stripped) = stripped {
                for hit in self.with_address(&stripped, scope)? {
                    if hit.person.tenant_code() == line.tenant {
                        push(&mut hits, Hit { matched: Matched::Subaddress, ..hit });
                    }
                }
            }
            Ok(())
        })?;
        let public = is_dotless_domain(key.domain());
        if !hits.is_empty() || (dots_tenants.is_empty() && !public) {
            return Ok(hits);
        }
        let mut own = KeyBuffer::new();
        let dotless = strip_dots(key, &mut shorter);
        let wanted = dotless.as_ref().map_or(key.bytes(), AddressKey::bytes);
        let index = self.index(&self.view.address_index)?;
        index.candidates(self.view.hasher.dotless(wanted), |ordinal| {
            let person = self.person(ordinal)?;
            if !public && !dots_tenants.contains(&person.tenant_code()) {
                return Ok(());
            }
            let mut buffer = KeyBuffer::new();
            let same = matched_by(&person, |stored| {
                let Some(stored) = address_key(stored, &mut buffer) else { return false };
                let stripped = strip_dots(&stored, &mut own);
                stripped.as_ref().map_or(stored.bytes(), AddressKey::bytes) == wanted
            })?;
            if same.is_some() && within(&person, scope)? {
                push(&mut hits, Hit { person, matched: Matched::Dots });
            }
            Ok(())
        })?;
        Ok(hits)
    }

    fn for_each_domain_line(
        &self,
        domain: &[u8],
        mut visit: impl FnMut(DomainLine<'a>) -> Result<(), Corrupt>,
    ) -> Result<(), Corrupt> {
        let domains = self.domains()?;
        let index = self.index(&self.view.domain_index)?;
        index.candidates(self.view.hasher.domain(domain), |place| {
            let line = domains.get(place.0)?;
            if line.domain.as_bytes() == domain { visit(line) } else { Ok(()) }
        })
    }
}

/// Owned people of an answer, marked ambiguous where there are several.
///
/// # Errors
/// [`Corrupt`] when a record does not hold together.
pub fn to_people(hits: &Hits<'_>) -> Result<Vec<Person>, Corrupt> {
    let ambiguity = if hits.len() > 1 { Ambiguity::Shared } else { Ambiguity::Sole };
    hits.iter().map(|hit| hit.person.to_person(hit.matched, ambiguity)).collect()
}

/// The strongest of a person's addresses that is meant.
fn matched_by(
    person: &PersonRef<'_>,
    mut meant: impl FnMut(&str) -> bool,
) -> Result<Option<Matched>, Corrupt> {
    let mut strongest = None;
    for_each_address(person, |stored, matched| {
        if strongest.is_none() && meant(stored) {
            strongest = Some(matched);
        }
        Ok(())
    })?;
    Ok(strongest)
}

fn within(person: &PersonRef<'_>, scope: Scope<'_>) -> Result<bool, Corrupt> {
    match scope {
        Scope::Everywhere => Ok(true),
        Scope::Tenant(tenant) => Ok(person.tenant_id()? == tenant),
    }
}

/// Adds a person once: several of their keys may propose them. Beyond the cap nobody is added.
fn push<'a>(hits: &mut Hits<'a>, hit: Hit<'a>) {
    if hits.len() < HITS_MAX && hits.iter().all(|known| known.person.ordinal() != hit.person.ordinal()) {
        hits.push(hit);
    }
}
