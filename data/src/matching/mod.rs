//! Matching a message: who its addresses are, and whose name the sender bears.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Segment::match_message`]: one message, one generation, one answer |
//! | `scope.rs` | the tenants of the recipients and their domains |
//! | `domains.rs` | whose a domain is, read once a message |
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

mod domains;
mod party;
mod scope;
mod sender_name;

use persondb_protocol::Prefetch;
use persondb_protocol::answer::Matched;
use persondb_protocol::layout::NORM_VERSION;
use persondb_protocol::matching::{AddressKind, MatchEvidence, MatchOptions, Oddity, RECIPIENT_COUNT_MAX};
use smallvec::SmallVec;

use crate::message::{Mailbox, Message, Oddities, parse_address_list};
use crate::normalize::{KeyBuffer, address_key};
use crate::segment::{Corrupt, Hits, LookupError, Ordinal, Scope as LookupScope, Segment};
use domains::Domains;
use party::{Role, Standing};
use scope::Scope;

/// Domains of unknown addresses that are compared with those of the scope.
const LOOKALIKE_QUERIES_MAX: usize = 8;

/// One address of the message on its way to a [`Party`].
struct Asked<'m, 's> {
    mailbox: Mailbox<'m>,
    further_count: u32,
    /// The address as it is looked up, and the place of its at sign; none for what is no address.
    key: Option<(String, usize)>,
    hits: Hits<'s>,
    /// Primary address of the first who was met, where it is at hand.
    email: Option<String>,
}

impl<'m> Asked<'m, '_> {
    fn new(mailbox: Mailbox<'m>, further_count: u32) -> Self {
        let mut buffer = KeyBuffer::new();
        let key = address_key(&mailbox.address, &mut buffer).and_then(|key| {
            // Most addresses are their own key.
            let is_same = key.bytes() == mailbox.address.as_bytes();
            let text = if is_same { &*mailbox.address } else { str::from_utf8(key.bytes()).ok()? };
            Some((text.to_owned(), key.at()))
        });
        Self { mailbox, further_count, key, hits: Hits::default(), email: None }
    }

    /// The domain as it is looked up.
    fn domain(&self) -> Option<&[u8]> {
        let (key, at) = self.key.as_ref()?;
        key.as_bytes().get(at + 1..)
    }
}

/// What is being found out about one message.
struct Matching<'s, B> {
    segment: &'s Segment<B>,
    /// Codes of the tenants that are looked at; all where none is named.
    only: Option<SmallVec<[u32; 8]>>,
    scope: Scope,
    domains: Domains,
    /// Tenants that were told last, by code.
    tenants: SmallVec<[(u32, &'s str); 4]>,
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
            domains: Domains::default(),
            tenants: SmallVec::new(),
            lookalike_queries: 0,
        };
        let mut oddities = message.oddities;
        let firsts = [message.sender(), message.reply_to_mailbox(), message.envelope_from_mailbox()];
        let given = firsts.each_ref().map(Option::is_some);
        let mut asked = SmallVec::<[Asked<'_, '_>; 8]>::new();
        asked
            .extend(firsts.into_iter().flatten().map(|first| Asked::new(first.mailbox, first.further_count)));
        let sender_count = asked.len();
        add_recipients(message, &mut asked, &mut oddities);
        matching.look_up(&mut asked)?;
        let (senders, recipients) = asked.split_at_mut(sender_count);
        matching.scope_of(recipients)?;
        evidence.recipient_tenants = matching.scope.names(self)?;
        let mut senders = senders.iter_mut();
        let mut next = |place: usize| given[place].then(|| senders.next()).flatten();
        let (from, reply_to, envelope_from) = (next(0), next(1), next(2));
        if let Some(sender) = from {
            let (party, standing) = matching.party(sender, Role::Sender)?;
            let own = &sender.hits;
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
        let mut other = |asked: Option<&mut Asked<'_, '_>>| {
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

/// Adds the mailboxes of all recipients, in order, up to the limit.
fn add_recipients<'m>(
    message: &'m Message<'_>,
    asked: &mut SmallVec<[Asked<'m, '_>; 8]>,
    oddities: &mut Oddities,
) {
    let end = asked.len() + RECIPIENT_COUNT_MAX;
    for value in &message.recipients {
        let mut list = parse_address_list(value);
        for mailbox in list.by_ref() {
            if asked.len() == end {
                oddities.set(Oddity::MailboxesCut, true);
                return;
            }
            asked.push(Asked::new(mailbox, 0));
        }
        oddities.add(list.oddities());
    }
}

/// The primary address of whom a look-up met first, which has just been put together to compare it.
fn compared_email(hits: &Hits<'_>, length: usize) -> Option<String> {
    let person = &hits.first().filter(|hit| hit.matched == Matched::Primary)?.person;
    let mut email = String::with_capacity(length);
    person.read_email(&mut email).ok()?;
    Some(email)
}

/// Whether somebody who was met is behind one of the recipients' addresses, too.
fn is_met_again(own: &Hits<'_>, recipients: &[Asked<'_, '_>]) -> bool {
    // Hundreds may share an address, on both sides.
    let mut ordinals: SmallVec<[Ordinal; 8]> = own.iter().map(|hit| hit.person.ordinal()).collect();
    ordinals.sort_unstable();
    let mut others = recipients.iter().flat_map(|asked| asked.hits.iter());
    !ordinals.is_empty() && others.any(|other| ordinals.binary_search(&other.person.ordinal()).is_ok())
}

impl<'s, B: Prefetch> Matching<'s, B> {
    /// Looks all addresses up. Who does not count is not met.
    fn look_up(&self, all: &mut [Asked<'_, 's>]) -> Result<(), LookupError> {
        let mut answers = SmallVec::<[_; 8]>::new();
        {
            let addresses: SmallVec<[&str; 12]> = all.iter().map(|asked| &*asked.mailbox.address).collect();
            self.segment.get_many(&addresses, LookupScope::Everywhere, |place, found| {
                let length = addresses.get(place).map_or(0, |address| address.len());
                let email = found.as_ref().ok().and_then(|hits| compared_email(hits, length));
                answers.push((found, email));
            });
        }
        for (asked, (found, email)) in all.iter_mut().zip(answers) {
            asked.email = email;
            asked.hits = match found {
                // A mailbox that too many share tells nothing about anybody.
                Err(LookupError::TooMany) => Hits::of_too_many(),
                found => found?,
            };
            if self.only.is_some() {
                asked.email = None;
                asked.hits.retain(|hit| Ok(self.counts(hit.person.tenant_code()?)))?;
            }
        }
        Ok(())
    }

    /// Everybody with this address who counts; nobody where too many share it.
    fn get(&self, address: &str) -> Result<Hits<'s>, LookupError> {
        match self.segment.get(address, LookupScope::Everywhere) {
            Err(LookupError::TooMany) => Ok(Hits::default()),
            found => found,
        }
    }

    /// Name of a tenant: those of a message are few.
    fn tenant(&mut self, code: u32) -> Result<&'s str, Corrupt> {
        if let Some((_, name)) = self.tenants.iter().find(|(known, _)| *known == code) {
            return Ok(name);
        }
        let (name, _) = self.segment.tenant(code)?;
        if self.tenants.len() == self.tenants.inline_size() {
            self.tenants.remove(0);
        }
        self.tenants.push((code, name));
        Ok(name)
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
