//! Question → people. Every answer compared the whole key: the index only proposes.

use persondb_protocol::answer::{DomainFact, Matched, Person, Reason, Unavailable};
use smallvec::SmallVec;

use super::compared::FirstLook;
use super::scratch::with_scratch;
use super::{
    Ambiguity, Corrupt, Fields, Hit, Hits, KeyHasher, Members, Parts, PersonRef, Segment, is_dotless_domain,
};
use crate::normalize::names::{Name, for_each_equal_key};
use crate::normalize::{
    AddressKey, KeyBuffer, address_key, address_key_equals, domain_key, strip_dots, strip_subaddress,
};

/// Most people that one look-up compares with its key, some 150 ns each: a key that half the people share
/// must not keep a thread busy.
pub const CANDIDATES_MAX: usize = 16_384;

/// Where a look-up looks.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// In all tenants.
    Everywhere,
    /// In this tenant only.
    Tenant(&'a str),
}

/// Why a look-up has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The bytes met on the way do not hold together.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// So many people share the key's hash that not all of them were looked at. Never to be read as absent.
    #[error(
        "more than {CANDIDATES_MAX} records share this key; expected keys that tell people apart: look at what \
         the export has in that column"
    )]
    TooMany,
}

impl From<LookupError> for Unavailable {
    fn from(error: LookupError) -> Self {
        let reason = match error {
            LookupError::Corrupt(_) => Reason::Unreadable,
            LookupError::TooMany => Reason::OverLimit,
        };
        Self::new(reason, error.to_string())
    }
}

impl<B: AsRef<[u8]>> Segment<B> {
    /// Everybody with this person identifier, compared byte for byte but for blanks around it. Within a tenant
    /// one look-up, everywhere one for each tenant.
    ///
    /// # Errors
    /// [`LookupError`]: corrupt bytes, or too many candidates.
    pub fn person(&self, person_id: &str, scope: Scope<'_>) -> Result<Hits<'_>, LookupError> {
        let parts = self.parts();
        let wanted = person_id.trim();
        let mut hits = Hits::default();
        match scope {
            Scope::Tenant(tenant) => {
                if let Some(members) = parts.members_of(tenant)? {
                    parts.with_person_id(tenant, members, wanted, &mut hits)?;
                }
            }
            Scope::Everywhere => {
                for code in 0..parts.view.tenants.len() {
                    let (tenant, members) = (parts.tenant(code)?, parts.members(code)?);
                    parts.with_person_id(tenant, members, wanted, &mut hits)?;
                }
            }
        }
        hits.sort();
        Ok(hits)
    }

    /// At most `limit` people of the tenant who have this name, folded or in its German form.
    ///
    /// # Errors
    /// [`LookupError`]: corrupt bytes, or too many candidates.
    pub fn by_name(&self, tenant: &str, full_name: &str, limit: usize) -> Result<Hits<'_>, LookupError> {
        let parts = self.parts();
        let hasher = parts.view.hasher;
        let Some(members) = parts.members_of(tenant)? else { return Ok(Hits::default()) };
        let tenant_hash = hasher.tenant(tenant);
        let (mut wanted, mut other) = (Name::default(), Name::default());
        wanted.read(full_name);
        let mut ordinals = Vec::new();
        let mut gathered = Ok(());
        for_each_equal_key(&wanted, hasher.name_seed(), |key| {
            let hash = KeyHasher::name(tenant_hash, key.hash());
            let candidates = parts.candidates_in(&parts.view.name_index, (members, hash), |ordinal| {
                ordinals.push(ordinal);
                Ok(())
            });
            gathered = gathered.clone().and(candidates);
        });
        // A person has several of the keys.
        ordinals.sort_unstable();
        ordinals.dedup();
        let mut hits = Hits::default();
        for ordinal in ordinals {
            let person = parts.person(ordinal)?;
            let mut same = false;
            person.for_each_name(|_, name, _| {
                other.read(name);
                same |= wanted.is_folded_equal(&other);
            })?;
            if same && person.tenant_id()? == tenant {
                hits.push(Hit { person, matched: Matched::Name });
            }
        }
        match gathered {
            // Some only share words of the name; there are too many of those, but others are here.
            Err(LookupError::TooMany) if !hits.is_empty() => {}
            gathered => gathered?,
        }
        hits.sort();
        hits.cut_to(limit);
        Ok(hits)
    }

    /// What is known of a domain, one fact a tenant. What is no domain is unknown.
    ///
    /// # Errors
    /// [`LookupError`]: corrupt bytes, or too many candidates.
    pub fn domain(&self, domain: &str) -> Result<Vec<DomainFact>, LookupError> {
        let parts = self.parts();
        let mut key = KeyBuffer::new();
        let Some(domain) = domain_key(domain, &mut key) else { return Ok(Vec::new()) };
        let mut facts = Vec::new();
        parts.for_each_domain_line(domain, |line| {
            let fact = DomainFact {
                tenant_id: parts.tenant(line.tenant)?.to_owned(),
                domain: line.domain.to_owned(),
                kind: line.kind,
                subaddress: line.subaddress,
                dots_ignored: line.dots_ignored,
                people: line.people,
            };
            facts.push((line.tenant, fact));
            Ok(())
        })?;
        // What is said and what is seen come one after the other.
        facts.sort_by_key(|(tenant, _)| *tenant);
        Ok(facts.into_iter().map(|(_, fact)| fact).collect())
    }
}

impl<'a> Parts<'a> {
    /// Everybody who has the address with this hash literally.
    pub(super) fn with_address(
        &self,
        key: &AddressKey<'_>,
        hash: u64,
        scope: Scope<'_>,
    ) -> Result<Hits<'a>, LookupError> {
        let mut hits = Hits::default();
        let index = &self.view.address_index;
        self.candidates(index, hash, |ordinal| self.compare(ordinal.0, key, scope, &mut hits))?;
        hits.sort();
        Ok(hits)
    }

    /// Adds the person if one of their addresses is this one.
    #[inline]
    pub(super) fn compare(
        &self,
        ordinal: u32,
        key: &AddressKey<'_>,
        scope: Scope<'_>,
        hits: &mut Hits<'a>,
    ) -> Result<(), LookupError> {
        let (person, told) = PersonRef::compared(*self, ordinal, key)?;
        let matched = match told {
            FirstLook::IsPrimary => Some(Matched::Primary),
            FirstLook::IsNot => None,
            FirstLook::MayBe => matched_by(&person, |stored| address_key_equals(stored, key))?,
        };
        if let Some(matched) = matched
            && within(&person, scope)?
        {
            hits.push(Hit { person, matched });
        }
        Ok(())
    }

    /// Whether [`Self::with_looser_address`] may find somebody.
    #[inline]
    pub(super) fn may_be_looser(&self, key: &AddressKey<'_>) -> bool {
        self.view.has_looser_domains || is_dotless_domain(key.domain())
    }

    /// Sub-address, then dots, then both, each only for tenants that say so of the domain (dots also for the
    /// two public domains where they never count).
    pub(super) fn with_looser_address(
        &self,
        key: &AddressKey<'_>,
        scope: Scope<'_>,
    ) -> Result<Hits<'a>, LookupError> {
        let mut hits = Hits::default();
        let public = is_dotless_domain(key.domain());
        let mut dots_tenants = SmallVec::<[u32; 4]>::new();
        let mut shorter = KeyBuffer::new();
        self.for_each_said_line(key.domain(), |line| {
            if line.dots_ignored {
                dots_tenants.push(line.tenant);
            }
            let stripped = line.subaddress.and_then(|c| strip_subaddress(key, c, &mut shorter));
            if let Some(stripped) = stripped {
                let hash = self.view.hasher.address(stripped.bytes());
                for hit in &self.with_address(&stripped, hash, scope)? {
                    if hit.person.tenant_code()? == line.tenant {
                        hits.push(Hit { matched: looser(hit.matched, Matched::Subaddress), ..hit });
                    }
                }
            }
            Ok(())
        })?;
        if !hits.is_empty() || (dots_tenants.is_empty() && !public) {
            return Ok(hits);
        }
        self.with_dotless_address(key, |tenant| public || dots_tenants.contains(&tenant), scope, &mut hits)?;
        if !hits.is_empty() {
            return Ok(hits);
        }
        // Both at once, for whoever reads this domain both ways.
        self.for_each_said_line(key.domain(), |line| {
            let reads_both = line.dots_ignored || public;
            let character = line.subaddress.filter(|_| reads_both);
            if let Some(stripped) = character.and_then(|c| strip_subaddress(key, c, &mut shorter)) {
                self.with_dotless_address(&stripped, |tenant| tenant == line.tenant, scope, &mut hits)?;
            }
            Ok(())
        })?;
        Ok(hits)
    }

    /// Adds everybody of the tenants that may be who has the address but for its dots.
    fn with_dotless_address(
        &self,
        key: &AddressKey<'_>,
        may_be: impl Fn(u32) -> bool,
        scope: Scope<'_>,
        hits: &mut Hits<'a>,
    ) -> Result<(), LookupError> {
        let (mut shorter, mut own) = (KeyBuffer::new(), KeyBuffer::new());
        let dotless = strip_dots(key, &mut shorter);
        let wanted = dotless.as_ref().map_or(key.bytes(), AddressKey::bytes);
        let hash = self.view.hasher.dotless(wanted);
        self.candidates(&self.view.address_index, hash, |ordinal| {
            let person = self.person(ordinal)?;
            if !may_be(person.tenant_code()?) {
                return Ok(());
            }
            let mut buffer = KeyBuffer::new();
            let same = matched_by(&person, |stored| {
                let Some(stored) = address_key(stored, &mut buffer) else { return false };
                let stripped = strip_dots(&stored, &mut own);
                stripped.as_ref().map_or(stored.bytes(), AddressKey::bytes) == wanted
            })?;
            if let Some(matched) = same
                && within(&person, scope)?
            {
                hits.push(Hit { person, matched: looser(matched, Matched::Dots) });
            }
            Ok(())
        })
    }

    /// Adds everybody of a tenant with this identifier.
    fn with_person_id(
        &self,
        tenant: &str,
        members: Members,
        wanted: &str,
        hits: &mut Hits<'a>,
    ) -> Result<(), LookupError> {
        let hash = self.view.hasher.person(tenant, wanted);
        self.candidates_in(&self.view.person_index, (members, hash), |ordinal| {
            let person = self.person(ordinal)?;
            let is_meant = with_scratch(|scratch| {
                let fields = person.decode(person.schema().identifier_places(), scratch)?;
                Ok::<_, Corrupt>(fields.person_id()? == wanted)
            })?;
            if is_meant && person.tenant_id()? == tenant {
                hits.push(Hit { person, matched: Matched::PersonId });
            }
            Ok(())
        })
    }
}

/// Owned people of an answer, marked ambiguous where there are several.
///
/// # Errors
/// [`Corrupt`] when a person does not hold together.
pub fn to_people(hits: &Hits<'_>) -> Result<Vec<Person>, Corrupt> {
    let ambiguity = if hits.is_shared() { Ambiguity::Shared } else { Ambiguity::Sole };
    hits.iter().map(|hit| hit.person.to_person(hit.matched, ambiguity)).collect()
}

/// The strongest of a person's addresses that is meant.
fn matched_by(
    person: &PersonRef<'_>,
    mut meant: impl FnMut(&str) -> bool,
) -> Result<Option<Matched>, Corrupt> {
    let mut strongest = None;
    person.for_each_address(|stored, matched| {
        if strongest.is_none() && meant(stored) {
            strongest = Some(matched);
        }
        Ok(())
    })?;
    Ok(strongest)
}

/// What a match by a looser key counts for: an address that is personal stays so.
fn looser(matched: Matched, by: Matched) -> Matched {
    if matched == Matched::PersonalKnown { matched } else { by }
}

fn within(person: &PersonRef<'_>, scope: Scope<'_>) -> Result<bool, Corrupt> {
    match scope {
        Scope::Everywhere => Ok(true),
        Scope::Tenant(tenant) => Ok(person.tenant_id()? == tenant),
    }
}
