//! Matching a message: who its addresses are, and whose name the sender bears.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Segment::match_message`]: one message, one generation, one answer |
//! | `scope.rs` | the tenants of the recipients and their domains |
//! | `party.rs` | what is known of one address |
//! | `sender_name.rs` | who else bears the sender's name |
//!
//! # How it works
//! All addresses are looked up together, as a batch. Recipients come first: those who are known, and the owners of
//! their domains, are the *scope*. The sender's address counts everywhere, the sender's name within the scope only,
//! since across all tenants a name belongs to strangers all the time.
//!
//! # Limits
//! Everything in a message is the sender's choice, so all work has a bound: 500 recipients, 16 tenants in the scope,
//! 8 of their domains, 8 domains that are examined as look-alikes, 512 people whose names are compared. What is
//! beyond is left out, never the answer.

mod party;
mod scope;
mod sender_name;

use persondb_protocol::Prefetch;
use persondb_protocol::layout::NORM_VERSION;
use persondb_protocol::matching::{AddressKind, MatchEvidence, MatchOptions, Oddity, RECIPIENT_COUNT_MAX};
use smallvec::SmallVec;

use crate::message::{FirstMailbox, Mailbox, Message, Oddities, parse_address_list};
use crate::segment::{Hits, LookupError, Scope as LookupScope, Segment};
use party::{Role, Standing};
use scope::Scope;

/// Domains of unknown addresses that are compared with those of the scope.
const LOOKALIKE_QUERIES_MAX: usize = 8;

/// One address of the message on its way to a [`Party`].
struct Asked<'m, 's> {
    mailbox: Mailbox<'m>,
    further_count: u32,
    hits: Hits<'s>,
}

/// What is being found out about one message.
struct Matching<'s, B> {
    segment: &'s Segment<B>,
    /// Codes of the tenants that are looked at; all where none is named.
    only: Option<SmallVec<[u32; 8]>>,
    scope: Scope,
    lookalike_queries: usize,
}

impl<B: Prefetch> Segment<B> {
    /// What this generation knows of a message. See the [module](crate::matching) for how, and its limits.
    ///
    /// Costs a batch of look-ups by address, one by name for each tenant of the recipients, and the answer itself.
    ///
    /// # Errors
    /// [`LookupError`] when bytes do not hold together.
    pub fn match_message(
        &self,
        message: &Message<'_>,
        options: &MatchOptions,
    ) -> Result<MatchEvidence, LookupError> {
        let mut evidence = MatchEvidence::new(self.generation(), NORM_VERSION);
        let mut matching = Matching {
            segment: self,
            only: options.tenants.as_ref().map(|tenants| self.tenant_codes(tenants)).transpose()?,
            scope: Scope::default(),
            lookalike_queries: 0,
        };
        let mut oddities = message.oddities;
        let firsts = [message.sender(), message.reply_to_mailbox(), message.envelope_from_mailbox()];
        let given = firsts.each_ref().map(Option::is_some);
        let recipients = recipients(message, &mut oddities);
        let asked = matching.ask(firsts.into_iter().flatten(), recipients)?;
        let (senders, recipients) = asked.split_at(given.iter().filter(|&&given| given).count());
        matching.scope_of(recipients)?;
        evidence.recipient_tenants = matching.scope.names(self)?;
        let mut senders = senders.iter();
        let mut next = |place: usize| given[place].then(|| senders.next()).flatten();
        let (from, reply_to, envelope_from) = (next(0), next(1), next(2));
        if let Some(sender) = from {
            let own = &sender.hits;
            let (party, standing) = matching.party(sender, Role::Sender)?;
            evidence.from = Some(party);
            let (is_internal, is_cross_tenant) = matching.relate(own)?;
            evidence.sender_is_internal = is_internal || standing == Standing::Own;
            evidence.cross_tenant_sender = is_cross_tenant;
            evidence.same_person_as_recipient = is_met_again(own, recipients);
            let name = matching.sender_name(&sender.mailbox, own, options.candidate_limit())?;
            if let Some((name, count)) = name {
                evidence.sender_name = Some(name);
                evidence.candidate_count = count;
            }
        }
        let mut other = |asked: Option<&Asked<'_, '_>>| {
            asked.map(|asked| Ok::<_, LookupError>(matching.party(asked, Role::Other)?.0)).transpose()
        };
        evidence.reply_to = other(reply_to)?;
        evidence.envelope_from = other(envelope_from)?;
        // After the senders, so that strangers among the recipients do not use up what may be examined.
        evidence.recipients.reserve_exact(recipients.len());
        for asked in recipients {
            evidence.recipients.push(matching.party(asked, Role::Recipient)?.0);
        }
        evidence.oddities = oddities.iter().collect();
        Ok(evidence)
    }
}

/// The mailboxes of all recipients, in order, up to the limit.
fn recipients<'m>(message: &'m Message<'_>, oddities: &mut Oddities) -> SmallVec<[Mailbox<'m>; 8]> {
    let mut found = SmallVec::new();
    for value in &message.recipients {
        let mut list = parse_address_list(value);
        for mailbox in list.by_ref() {
            if found.len() == RECIPIENT_COUNT_MAX {
                oddities.set(Oddity::MailboxesCut, true);
                return found;
            }
            found.push(mailbox);
        }
        oddities.add(list.oddities());
    }
    found
}

/// Whether somebody who was met is behind one of the recipients' addresses, too.
fn is_met_again(own: &Hits<'_>, recipients: &[Asked<'_, '_>]) -> bool {
    let mut others = recipients.iter().flat_map(|asked| asked.hits.iter());
    others.any(|other| own.iter().any(|hit| hit.person.ordinal() == other.person.ordinal()))
}

impl<'s, B: Prefetch> Matching<'s, B> {
    /// Looks all addresses up, the senders' first. Who does not count is not met.
    fn ask<'m>(
        &self,
        firsts: impl Iterator<Item = FirstMailbox<'m>>,
        recipients: SmallVec<[Mailbox<'m>; 8]>,
    ) -> Result<SmallVec<[Asked<'m, 's>; 8]>, LookupError> {
        let firsts = firsts.map(|first| (first.mailbox, first.further_count));
        let all = firsts.chain(recipients.into_iter().map(|mailbox| (mailbox, 0)));
        let mut asked: SmallVec<[Asked<'m, 's>; 8]> = all
            .map(|(mailbox, further_count)| Asked { mailbox, further_count, hits: Hits::default() })
            .collect();
        let mut hits = SmallVec::<[Result<Hits<'s>, LookupError>; 8]>::new();
        {
            let addresses: SmallVec<[&str; 12]> = asked.iter().map(|asked| &*asked.mailbox.address).collect();
            self.segment.get_many(&addresses, LookupScope::Everywhere, |_, found| hits.push(found));
        }
        for (asked, found) in asked.iter_mut().zip(hits) {
            asked.hits = match found {
                // A mailbox that too many share tells nothing about anybody.
                Err(LookupError::TooMany) => Hits::of_too_many(),
                found => found?,
            };
            if self.only.is_some() {
                asked.hits.retain(|hit| Ok(self.counts(hit.person.tenant_code()?)))?;
            }
        }
        Ok(asked)
    }

    /// Everybody with this address who counts; nobody where too many share it.
    fn get(&self, address: &str) -> Result<Hits<'s>, LookupError> {
        match self.segment.get(address, LookupScope::Everywhere) {
            Err(LookupError::TooMany) => Ok(Hits::default()),
            found => found,
        }
    }

    /// Whether people of this tenant count.
    fn counts(&self, tenant: u32) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&tenant))
    }

    /// Whether the sender is one of the recipients' own people, and whether one of another tenant's.
    fn relate(&self, own: &Hits<'s>) -> Result<(bool, bool), LookupError> {
        let (mut is_internal, mut is_cross_tenant) = (false, false);
        for hit in own.iter() {
            let kind = AddressKind::of(hit.matched, hit.person.kind()?);
            if matches!(kind, None | Some(AddressKind::PersonalKnown | AddressKind::Guest)) {
                continue;
            }
            let is_in_scope = self.scope.has(hit.person.tenant_code()?);
            is_internal |= is_in_scope;
            is_cross_tenant |= !is_in_scope;
        }
        Ok((is_internal, is_cross_tenant))
    }
}
