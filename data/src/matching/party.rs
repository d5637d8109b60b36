//! What is known of one address of a message.

use persondb_protocol::answer::{Kind, Matched};
use persondb_protocol::matching::{AddressKind, Flag, LookalikeDomain, LookalikeKind, Party, PartyPerson};
use persondb_protocol::{Prefetch, Text};

use smallvec::SmallVec;

use super::domains::is_own;
use super::{Asked, AskedKey, LOOKALIKE_QUERIES_MAX, Matching, Met};
use crate::message::{DomainShape, address_fault};
use crate::normalize::{AddressKey, KeyBuffer};
use crate::segment::{AtHand, Corrupt, Hit, LookupError};

/// Most imitated domains that are told of one address.
const LOOKALIKE_COUNT_MAX: usize = 8;
/// Domains of the scope that are compared as look-alikes behind one key, each some microsecond.
const LOOKALIKES_COMPARED_MAX: usize = 256;
/// Most owners that are told of one domain.
const OWNER_COUNT_MAX: usize = 64;

/// What an address is to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// From. What is special about its name is told with the name.
    Sender,
    Recipient,
    /// Reply-To, the envelope's sender.
    Other,
}

/// What a domain is to the scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Foreign,
    Partner,
    Own,
}

impl<B: Prefetch> Matching<'_, '_, B> {
    /// Fills an empty party with everything about one address, once the scope is known. Returns what its domain is to
    /// the scope. `key` is the address's own.
    pub(super) fn fill(
        &mut self,
        party: &mut Party,
        asked: &Asked<'_>,
        key: Option<AskedKey>,
        met: &mut Met<'_>,
        role: Role,
    ) -> Result<Standing, LookupError> {
        let mut email = met.email.take();
        let mailbox = &asked.mailbox;
        party.address = mailbox.address.as_ref().into();
        party.name = (!mailbox.name.is_empty()).then(|| mailbox.name.as_ref().into());
        party.further_count = asked.further_count;
        party.people = Vec::with_capacity(met.hits.len());
        party.oddities = mailbox.oddities.into();
        if role != Role::Sender && mailbox.has_encoded_address {
            party.flags.push(Flag::EncodedAddressInName);
        }
        let Some(asked_key) = key else {
            party.invalid = address_fault(&mailbox.address).map(Text::from);
            party.kinds.push(AddressKind::None);
            return Ok(Standing::Foreign);
        };
        let key = asked_key.key();
        for hit in &met.hits {
            self.add_person(&hit, email.take(), party)?;
        }
        let is_known = !party.people.is_empty() || met.hits.is_shared();
        let standing = self.add_domain(&key, role, is_known, party)?;
        if !is_known && standing == Standing::Foreign {
            self.add_imitated(&key, party)?;
        }
        if met.hits.is_shared() {
            party.flags.push(Flag::Ambiguous);
        }
        party.kinds.sort_once();
        if party.kinds.is_empty() {
            party.kinds.push(AddressKind::None);
        }
        party.flags.sort_once();
        party.key = Some(asked_key.text);
        Ok(standing)
    }

    fn add_person(
        &mut self,
        hit: &Hit<'_>,
        email: Option<Text>,
        party: &mut Party,
    ) -> Result<(), LookupError> {
        let at_hand = AtHand { email, ..AtHand::default() };
        let person = self.told(&hit.person, hit.matched, at_hand)?;
        party.kinds.extend(AddressKind::of(hit.matched, person.kind));
        if differs_in_case(&party.address, hit, &person)? {
            party.flags.push(Flag::CaseDiffers);
        }
        party.people.push(person);
        Ok(())
    }

    /// Whose domain it is, and what that is to the scope.
    fn add_domain(
        &mut self,
        key: &AddressKey<'_>,
        role: Role,
        is_known: bool,
        party: &mut Party,
    ) -> Result<Standing, LookupError> {
        let (mut standing, mut is_owned, mut is_partner) = (Standing::Foreign, false, false);
        let mut owners = SmallVec::<[u32; 8]>::new();
        let place = self.domain(key.domain())?;
        for relation in self.domains.relations(place) {
            let is_in_scope = role == Role::Recipient || self.scope.has(relation.tenant);
            if relation.is_partner {
                is_partner |= is_in_scope;
            } else {
                is_owned = true;
                if owners.len() < OWNER_COUNT_MAX {
                    owners.push(relation.tenant);
                }
            }
            if is_in_scope {
                standing = standing.max(if relation.is_partner { Standing::Partner } else { Standing::Own });
            }
        }
        party.owner_tenants = Vec::with_capacity(owners.len());
        for tenant in owners {
            party.owner_tenants.push(self.tenant(tenant)?.into());
        }
        if is_owned && !is_known {
            party.kinds.push(AddressKind::OwnedDomainUnknownUser);
        }
        if is_partner {
            party.kinds.push(AddressKind::PartnerDomain);
        }
        Ok(standing)
    }

    /// Asks for what tells whether somebody of the scope has the local part of an unknown address.
    pub(super) fn ask_for_imitated(&self, key: Option<&AskedKey>, met: &Met<'_>) {
        let Some(key) = key.filter(|_| met.hits.is_empty()).map(AskedKey::key) else { return };
        for domain in self.scope.domains().filter(|&domain| domain != key.domain()) {
            self.segment.ask_for_address(&address_of(key.local(), domain));
        }
    }

    /// Which domains of the scope an unknown one imitates, and whether the local part is that of somebody there.
    fn add_imitated(&mut self, key: &AddressKey<'_>, party: &mut Party) -> Result<(), LookupError> {
        if self.scope.tenants().is_empty() {
            return Ok(());
        }
        if self.lookalike_queries < LOOKALIKE_QUERIES_MAX {
            self.lookalike_queries += 1;
            self.add_lookalikes(text(key.domain())?, party)?;
        }
        if party.lookalikes.iter().any(|lookalike| lookalike.how == LookalikeKind::Skeleton) {
            party.flags.push(Flag::Confusable);
        }
        let mut is_somebody = false;
        let targets = party.lookalikes.iter().map(|lookalike| lookalike.domain.as_bytes());
        for domain in self.scope.domains().chain(targets) {
            is_somebody = is_somebody || self.has_person(key.local(), domain)?;
        }
        if is_somebody {
            party.kinds.push(AddressKind::LocalPartForeign);
        }
        Ok(())
    }

    fn add_lookalikes(&self, domain: &str, party: &mut Party) -> Result<(), LookupError> {
        let Some(shape) = DomainShape::of(domain) else { return Ok(()) };
        let segment = self.segment;
        let mut result = Ok(());
        shape.for_each_query_key(segment.lookalike_seed(), |key| {
            if result.is_err() {
                return;
            }
            let mut left = LOOKALIKES_COMPARED_MAX;
            result = segment.for_each_lookalike_line(key, |line| {
                let is_told = |known: &LookalikeDomain| known.domain == line.domain;
                if party.lookalikes.len() >= LOOKALIKE_COUNT_MAX
                    || !self.scope.has(line.tenant)
                    || party.lookalikes.iter().any(is_told)
                    || !is_own(&line, segment)?
                {
                    return Ok(());
                }
                left = left.checked_sub(1).ok_or(LookupError::TooMany)?;
                let how = DomainShape::of(line.domain).and_then(|other| shape.compare(&other));
                if let Some(how) = how {
                    party.lookalikes.push(LookalikeDomain {
                        tenant_id: segment.tenant(line.tenant)?.into(),
                        domain: line.domain.into(),
                        how,
                    });
                }
                Ok(())
            });
        });
        result?;
        party.lookalikes.sort_by(|a, b| (a.how, &a.domain).cmp(&(b.how, &b.domain)));
        if !party.lookalikes.is_empty() {
            party.kinds.push(AddressKind::LookalikeDomain);
        }
        Ok(())
    }

    /// Whether somebody in the scope has this local part in this domain.
    fn has_person(&self, local: &[u8], domain: &[u8]) -> Result<bool, LookupError> {
        let address = address_of(local, domain);
        for hit in &self.get(&AddressKey::kept(&address, local.len()))? {
            let is_person = hit.matched != Matched::PersonalKnown && hit.person.kind()? == Kind::Person;
            if is_person && self.scope.has(hit.person.tenant_code()?) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the local part is on record in other capitals. Domains have none.
fn differs_in_case(given: &str, hit: &Hit<'_>, person: &PartyPerson) -> Result<bool, Corrupt> {
    let local = |address: &str| address.rsplit_once('@').map(|(local, _)| local.to_owned());
    let differs = |stored: &str| {
        let (given, stored) = (local(given), local(stored));
        given != stored && given.zip(stored).is_some_and(|(a, b)| a.to_lowercase() == b.to_lowercase())
    };
    match hit.matched {
        Matched::Primary => Ok(given != person.email && differs(&person.email)),
        Matched::Alias | Matched::PersonalKnown => {
            let (mut is_literal, mut is_other) = (false, false);
            hit.person.for_each_address(|stored, _| {
                is_literal |= stored == given;
                is_other |= differs(stored);
                Ok(())
            })?;
            Ok(is_other && !is_literal)
        }
        _ => Ok(false),
    }
}

fn address_of(local: &[u8], domain: &[u8]) -> KeyBuffer {
    let mut address = KeyBuffer::new();
    address.extend_from_slice(local);
    address.push(b'@');
    address.extend_from_slice(domain);
    address
}

fn text(key: &[u8]) -> Result<&str, Corrupt> {
    smoothutf8::from_utf8(key).ok_or_else(|| Corrupt::new("a key is not UTF-8"))
}
