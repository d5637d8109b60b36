//! Who else bears the name that a message gives its sender.

use std::ops::ControlFlow;

use persondb_protocol::Prefetch;
use persondb_protocol::answer::Matched;
use persondb_protocol::matching::{Candidate, Flag, MatchedField, NameEvidence, NameKind, PartyPerson};
use smallvec::SmallVec;

use super::Matching;
use crate::message::{Mailbox, embedded_addresses};
use crate::normalize::names::{Name, Reach, Similarity, compare};
use crate::segment::{Corrupt, Hits, LookupError, OpenPerson, PersonRef};

/// Most people of one message whose names are compared, each some microsecond.
const COMPARED_MAX: usize = 512;

/// A person whose name agrees.
struct Found<'s> {
    person: PersonRef<'s>,
    field: MatchedField,
    similarity: Similarity,
}

impl<'s, B: Prefetch> Matching<'s, '_, B> {
    /// Evidence about the sender's name, with the number of candidates before they were cut to `limit`; `None`
    /// where there is no name. Whoever the address belongs to (`own`) is no candidate.
    pub(super) fn sender_name(
        &mut self,
        mailbox: &Mailbox<'_>,
        own: &Hits<'s>,
        limit: usize,
    ) -> Result<Option<(NameEvidence, u64)>, LookupError> {
        if mailbox.name.is_empty() {
            return Ok(None);
        }
        let mut name = Name::default();
        name.read(&mailbox.name);
        let asked = AskedName { text: &mailbox.name, name: &name };
        let is_own = |person: &PersonRef<'_>| own.iter().any(|hit| hit.person.ordinal() == person.ordinal());
        let mut other = Name::default();
        let mut found = SmallVec::<[Found<'s>; 8]>::new();
        for person in self.segment.people_named(&name, self.scope.tenants(), COMPARED_MAX)? {
            if is_own(&person) {
                continue;
            }
            if let Some((field, similarity)) = strongest(&asked, &mut person.open(self.buffers)?, &mut other)?
            {
                found.push(Found { person, field, similarity });
            }
        }
        let mut addresses = Vec::new();
        for address in embedded_addresses(&mailbox.name) {
            for hit in self.get(&address)?.iter() {
                let is_new = !found.iter().any(|found| found.person.ordinal() == hit.person.ordinal());
                if is_new && !is_own(&hit.person) && self.scope.has(hit.person.tenant_code()?) {
                    let similarity = Similarity::of(NameKind::EmbeddedAddress);
                    found.push(Found { person: hit.person, field: MatchedField::Address, similarity });
                }
            }
            addresses.push(address.into_owned());
        }
        found.sort_by_key(|found| (found.similarity.kind, found.person.ordinal()));
        let count = found.len() as u64;
        let best = found.first().map(|found| found.similarity.kind);
        let is_shared = found.iter().filter(|found| Some(found.similarity.kind) == best).count() > 1;
        found.truncate(limit);
        let mut candidates = Vec::with_capacity(found.len());
        for found in &found {
            let is_ambiguous = is_shared && Some(found.similarity.kind) == best;
            let person = self.told(&found.person, Matched::Name, None)?;
            candidates.push(candidate(found, person, is_ambiguous));
        }
        let flags = name.flags();
        let all = [
            (Flag::ZeroWidth, flags.zero_width),
            (Flag::MixedScript, flags.mixed_script),
            (Flag::EncodedAddressInName, mailbox.has_encoded_address),
        ];
        let evidence = NameEvidence {
            name: mailbox.name.as_ref().to_owned(),
            embedded_addresses: addresses,
            flags: held(&all),
            candidates,
        };
        Ok(Some((evidence, count)))
    }
}

/// The sender's name.
struct AskedName<'m> {
    text: &'m str,
    name: &'m Name,
}

/// The strongest way in which one of a person's names agrees with this one. `other` is where they are read.
fn strongest(
    asked: &AskedName<'_>,
    person: &mut OpenPerson<'_, '_>,
    other: &mut Name,
) -> Result<Option<(MatchedField, Similarity)>, Corrupt> {
    let mut best: Option<(MatchedField, Similarity)> = None;
    person.each_name(|field, text| {
        let similarity = if text == asked.text {
            // Those who are found have a name of something.
            Some(Similarity::of(NameKind::Exact))
        } else if asked.name.is_apart(text) {
            None
        } else {
            other.read(text);
            compare(asked.name, other, Reach::Vip)
        };
        let Some(similarity) = similarity else { return ControlFlow::Continue(()) };
        if best.is_none_or(|(_, best)| similarity.kind < best.kind) {
            best = Some((field, similarity));
        }
        // Nothing is stronger, and nobody too far away for it.
        if similarity.kind == NameKind::Exact { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    // Of most people no name agrees in any way, so how far one may be from theirs is read last. What a shorter
    // reach does not allow is weaker than all it does.
    let Some((_, similarity)) = best else { return Ok(None) };
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

fn held(flags: &[(Flag, bool)]) -> Vec<Flag> {
    flags.iter().filter(|(_, holds)| *holds).map(|(flag, _)| *flag).collect()
}
