//! Who else bears the name that a message gives its sender.

use std::ops::ControlFlow;

use persondb_protocol::answer::Matched;
use persondb_protocol::matching::{Candidate, Flag, MatchedField, NameEvidence, NameKind, PartyPerson};
use persondb_protocol::{Few, Prefetch};
use smallvec::SmallVec;

use super::Matching;
use crate::message::{Mailbox, embedded_addresses};
use crate::normalize::names::{Name, Reach, Similarity, compare};
use crate::normalize::{KeyBuffer, address_key};
use crate::segment::{
    AtHand, Corrupt, Hashes, Hits, LookupError, NameKeys, OpenPerson, Ordinals, PersonRef, Segment,
};

/// Most people of one message whose names are compared, each some microsecond.
const COMPARED_MAX: usize = 512;

/// A person whose name agrees.
struct Found<'s> {
    person: PersonRef<'s>,
    field: MatchedField,
    similarity: Similarity,
    /// The person's display name is the very text.
    is_as_given: bool,
}

impl<'s, B: Prefetch> Matching<'s, '_, B> {
    /// Asks for who may bear the sender's name, which has been taken apart; `None` where there is none.
    pub(super) fn ask_for_name<'m>(
        &self,
        mailbox: &'m Mailbox<'_>,
        name: &'m Name,
        keys: &NameKeys,
    ) -> Result<Option<AskedName<'m, Hashes>>, LookupError> {
        if mailbox.name.is_empty() {
            return Ok(None);
        }
        let found = self.segment.ask_by_name(keys, self.scope.tenants())?;
        Ok(Some(AskedName { mailbox, name, found }))
    }

    /// Evidence about the sender's name, with the number of candidates before they were cut to `limit`. Whoever the
    /// address belongs to (`own`) is no candidate. `other` is where names are read.
    pub(super) fn sender_name(
        &mut self,
        asked: &AskedName<'_, Ordinals>,
        other: &mut Name,
        own: &Hits<'s>,
        limit: usize,
    ) -> Result<(NameEvidence, u64), LookupError> {
        let AskedName { mailbox, name, found: ordinals } = asked;
        let is_own = |person: &PersonRef<'_>| own.iter().any(|hit| hit.person.ordinal() == person.ordinal());
        let mut found = SmallVec::<[Found<'s>; 8]>::new();
        for person in self.segment.people_named(ordinals, self.scope.tenants())? {
            if is_own(&person) {
                continue;
            }
            if let Some(best) = strongest(asked, &mut person.open(self.buffers)?, other)? {
                let Best { field, similarity, is_as_given } = best;
                found.push(Found { person, field, similarity, is_as_given });
            }
        }
        let (mut addresses, mut buffer) = (Vec::new(), KeyBuffer::new());
        for address in embedded_addresses(&mailbox.name) {
            let key = address_key(&address, &mut buffer);
            let hits = key.map_or(Ok(Hits::default()), |key| self.get(&key))?;
            for hit in &hits {
                let is_new = !found.iter().any(|found| found.person.ordinal() == hit.person.ordinal());
                if is_new && !is_own(&hit.person) && self.scope.has(hit.person.tenant_code()?) {
                    let similarity = Similarity::of(NameKind::EmbeddedAddress);
                    let field = MatchedField::Address;
                    found.push(Found { person: hit.person, field, similarity, is_as_given: false });
                }
            }
            addresses.push(address.into());
        }
        found.sort_by_key(|found| (found.similarity.kind, found.person.ordinal()));
        let count = found.len() as u64;
        let best = found.first().map(|found| found.similarity.kind);
        let is_shared = found.iter().filter(|found| Some(found.similarity.kind) == best).count() > 1;
        found.truncate(limit);
        let mut candidates = Vec::with_capacity(found.len());
        for found in &found {
            let is_ambiguous = is_shared && Some(found.similarity.kind) == best;
            let display_name = found.is_as_given.then_some(&*mailbox.name);
            let at_hand = AtHand { display_name, ..AtHand::default() };
            let person = self.told(&found.person, Matched::Name, at_hand)?;
            candidates.push(candidate(found, person, is_ambiguous));
        }
        let flags = name.flags();
        let all = [
            (Flag::ZeroWidth, flags.zero_width),
            (Flag::MixedScript, flags.mixed_script),
            (Flag::EncodedAddressInName, mailbox.has_encoded_address),
        ];
        let evidence = NameEvidence {
            name: mailbox.name.as_ref().into(),
            embedded_addresses: addresses,
            flags: held(&all),
            candidates,
        };
        Ok((evidence, count))
    }
}

/// The sender's name on its way: who may bear it is known by hashes, then by number.
pub(super) struct AskedName<'m, F> {
    mailbox: &'m Mailbox<'m>,
    name: &'m Name,
    found: F,
}

impl<'m> AskedName<'m, Hashes> {
    /// Who may bear it.
    pub(super) fn gather<B: Prefetch>(
        self,
        segment: &Segment<B>,
    ) -> Result<AskedName<'m, Ordinals>, LookupError> {
        let found = segment.gather_named(&self.found, COMPARED_MAX)?;
        Ok(AskedName { mailbox: self.mailbox, name: self.name, found })
    }
}

/// How a name of a person agrees.
#[derive(Clone, Copy)]
struct Best {
    field: MatchedField,
    similarity: Similarity,
    is_as_given: bool,
}

/// The strongest way in which one of a person's names agrees with this one. `other` is where they are read.
fn strongest<F>(
    asked: &AskedName<'_, F>,
    person: &mut OpenPerson<'_, '_>,
    other: &mut Name,
) -> Result<Option<Best>, Corrupt> {
    let mut best: Option<Best> = None;
    person.each_name(|field, text| {
        let is_same = text == asked.mailbox.name;
        let similarity = if is_same {
            // Those who are found have a name of something.
            Some(Similarity::of(NameKind::Exact))
        } else if asked.name.is_apart(text) {
            None
        } else {
            other.read(text);
            compare(asked.name, other, Reach::Vip)
        };
        let Some(similarity) = similarity else { return ControlFlow::Continue(()) };
        if best.is_none_or(|best| similarity.kind < best.similarity.kind) {
            let is_as_given = is_same && field == MatchedField::DisplayName;
            best = Some(Best { field, similarity, is_as_given });
        }
        // Nothing is stronger, and nobody too far away for it.
        if similarity.kind == NameKind::Exact { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    // Of most people no name agrees in any way, so how far one may be from theirs is read last. What a shorter
    // reach does not allow is weaker than all it does.
    let Some(Best { similarity, .. }) = best else { return Ok(None) };
    let is_found = similarity.kind == NameKind::Exact || similarity.is_within(person.reach()?);
    Ok(best.filter(|_| is_found))
}

fn candidate(found: &Found<'_>, person: PartyPerson, is_ambiguous: bool) -> Candidate {
    let similarity = found.similarity;
    let flags = [
        (Flag::Confusable, similarity.confusable),
        (Flag::MiddleConflict, similarity.middle_conflict),
        (Flag::Ambiguous, is_ambiguous),
    ];
    Candidate {
        tenant_id: person.tenant_id,
        person_id: person.person_id,
        email: person.email,
        display_name: person.display_name,
        matched_field: found.field,
        matched: similarity.kind,
        distance: similarity.distance,
        vip: person.vip,
        kind: person.kind,
        status: person.status,
        flags: held(&flags),
    }
}

fn held(flags: &[(Flag, bool)]) -> Few<Flag> {
    flags.iter().filter(|(_, holds)| *holds).map(|(flag, _)| *flag).collect()
}
