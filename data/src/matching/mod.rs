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

use persondb_protocol::answer::Matched;
use persondb_protocol::layout::NORM_VERSION;
use persondb_protocol::matching::{
    AddressKind, MatchEvidence, MatchOptions, Oddity, Party, PartyPerson, RECIPIENT_COUNT_MAX,
};
use persondb_protocol::{Prefetch, Text};
use smallvec::SmallVec;

use crate::message::{Mailbox, Message, Oddities, parse_address_list};
use crate::normalize::{AddressKey, KeyBuffer, UsualKey, address_key};
use crate::segment::{
    AtHand, Buffers, Corrupt, Hits, Kept, Leads, LookupError, Ordinal, PersonRef, Probe,
    Scope as LookupScope, Segment, with_buffers,
};
use domains::Domains;
use party::{Role, Standing};
use scope::Scope;

/// Domains of unknown addresses that are compared with those of the scope.
const LOOKALIKE_QUERIES_MAX: usize = 8;

/// One address of the message on its way to a [`Party`].
struct Asked<'m> {
    mailbox: Mailbox<'m>,
    further_count: u32,
    /// None for what is no address.
    key: Option<AskedKey>,
}

/// The address as it is looked up, on its way.
struct AskedKey {
    text: Text,
    /// Place of its at sign.
    at: usize,
    hash: u64,
    probe: Probe,
    /// Of who may have it.
    leads: Leads,
}

impl AskedKey {
    fn key(&self) -> AddressKey<'_> {
        AddressKey::kept(self.text.as_bytes(), self.at)
    }
}

/// Who was met behind it.
#[derive(Default)]
struct Met<'s> {
    hits: Hits<'s>,
    /// Primary address of the first, where it is at hand.
    email: Option<Text>,
}

/// In the order of the message: the senders, then the recipients.
type AllAsked<'m> = SmallVec<[Asked<'m>; 8]>;
type AllMet<'s> = SmallVec<[Met<'s>; 8]>;

impl<'m> Asked<'m> {
    fn new<B: Prefetch>(mailbox: Mailbox<'m>, further_count: u32, segment: &Segment<B>) -> Self {
        let asked = |key: AddressKey<'_>| {
            let hash = segment.ask_for_address(key.bytes());
            // Most addresses are their own key.
            let is_same = key.bytes() == mailbox.address.as_bytes();
            let text = if is_same { &*mailbox.address } else { smoothutf8::from_utf8(key.bytes())? };
            Some(AskedKey {
                text: Text::from(text),
                at: key.at(),
                hash,
                probe: Probe::NONE,
                leads: Leads::NONE,
            })
        };
        let key = match UsualKey::new().fill(&mailbox.address) {
            Some(key) => asked(key),
            None => address_key(&mailbox.address, &mut KeyBuffer::new()).and_then(asked),
        };
        Self { mailbox, further_count, key }
    }

    /// The domain as it is looked up.
    fn domain(&self) -> Option<&[u8]> {
        let key = self.key.as_ref()?;
        key.text.as_bytes().get(key.at + 1..)
    }
}

/// What is being found out about one message.
struct Matching<'s, 'b, B> {
    segment: &'s Segment<B>,
    /// Codes of the tenants that are looked at; all where none is named.
    only: Option<SmallVec<[u32; 8]>>,
    scope: Scope,
    domains: Domains,
    tenants: Tenants<'s>,
    lookalike_queries: usize,
    /// Where values of people are put together.
    buffers: &'b mut Buffers,
}

/// Names of the tenants that were told last, by code: those of a message are few.
#[derive(Default)]
struct Tenants<'s>(SmallVec<[(u32, &'s str); 4]>);

impl<'s> Tenants<'s> {
    fn name<B: Prefetch>(&mut self, segment: &'s Segment<B>, code: u32) -> Result<&'s str, Corrupt> {
        if let Some((_, name)) = self.0.iter().find(|(known, _)| *known == code) {
            return Ok(name);
        }
        let name = segment.tenant(code)?;
        if self.0.len() == self.0.inline_size() {
            self.0.remove(0);
        }
        self.0.push((code, name));
        Ok(name)
    }
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
    ) -> Result<Box<MatchEvidence>, LookupError> {
        // Filled where it stays: it is large.
        let mut evidence = Box::new(MatchEvidence::new(self.generation(), NORM_VERSION));
        with_buffers(|kept| self.matched(message, options, kept, &mut evidence))?;
        Ok(evidence)
    }

    fn matched(
        &self,
        message: &Message<'_>,
        options: &MatchOptions,
        kept: &mut Kept,
        evidence: &mut MatchEvidence,
    ) -> Result<(), LookupError> {
        let Kept { buffers, asked: name, keys, other } = kept;
        let mut matching = Matching {
            segment: self,
            only: options.tenants.as_ref().map(|tenants| self.tenant_codes(tenants)).transpose()?,
            scope: Scope::default(),
            domains: Domains::default(),
            tenants: Tenants::default(),
            lookalike_queries: 0,
            buffers,
        };
        let mut oddities = message.oddities;
        let firsts = [message.sender(), message.reply_to_mailbox(), message.envelope_from_mailbox()];
        let given = firsts.each_ref().map(Option::is_some);
        let mut asked = AllAsked::new();
        for first in firsts.into_iter().flatten() {
            asked.push(Asked::new(first.mailbox, first.further_count, self));
        }
        let sender_count = asked.len();
        matching.add_recipients(message, &mut asked, &mut oddities);
        // While lines of the index are on their way, then rows.
        name.read(asked.first().filter(|_| given[0]).map_or("", |sender| &sender.mailbox.name));
        for key in asked.iter_mut().filter_map(|asked| asked.key.as_mut()) {
            key.probe = self.probe(key.hash);
        }
        self.keys_of(name, keys);
        let mut met = AllMet::new();
        matching.look_up(&mut asked, &mut met)?;
        let (senders, recipients) = asked.split_at_mut(sender_count);
        let (senders_met, recipients_met) = met.split_at_mut(sender_count);
        matching.scope_of(recipients, recipients_met)?;
        oddities.set(Oddity::TenantsCut, matching.scope.is_cut());
        evidence.recipient_tenants = matching.scope.names(self)?;
        let mut senders = senders.iter_mut().zip(senders_met);
        let mut next = |place: usize| given[place].then(|| senders.next()).flatten();
        let (from, reply_to, envelope_from) = (next(0), next(1), next(2));
        // What is asked for by name is on its way while the parties are put together.
        let (mut named, nobody) = (None, Hits::default());
        let mut own = &nobody;
        if let Some((sender, met)) = from {
            let key = sender.key.take();
            matching.ask_for_imitated(key.as_ref(), met);
            named = matching.ask_for_name(&sender.mailbox, name, keys)?;
            let party = evidence.from.insert(Party::default());
            let standing = matching.fill(party, sender, key, met, Role::Sender)?;
            own = &met.hits;
            let (is_internal, is_cross_tenant) = matching.relate(own)?;
            evidence.sender_is_internal = is_internal || standing == Standing::Own;
            evidence.cross_tenant_sender = is_cross_tenant;
            evidence.same_person_as_recipient = is_met_again(own, recipients_met);
        }
        let named = named.map(|named| named.gather(self)).transpose()?;
        for (asked, party) in
            [(reply_to, &mut evidence.reply_to), (envelope_from, &mut evidence.envelope_from)]
        {
            if let Some((asked, met)) = asked {
                let key = asked.key.take();
                matching.fill(party.insert(Party::default()), asked, key, met, Role::Other)?;
            }
        }
        // After the senders, so that strangers among the recipients do not use up what may be examined.
        evidence.recipients.resize_with(recipients.len(), Party::default);
        for ((asked, met), party) in recipients.iter_mut().zip(recipients_met).zip(&mut evidence.recipients) {
            let key = asked.key.take();
            matching.fill(party, asked, key, met, Role::Recipient)?;
        }
        if let Some(named) = named {
            let (name, count) = matching.sender_name(&named, other, own, options.candidate_limit())?;
            evidence.sender_name = Some(name);
            evidence.candidate_count = count;
        }
        evidence.oddities = oddities.into();
        Ok(())
    }
}

/// The primary address of whom a look-up met first, which has just been put together to compare it.
fn compared_email(hits: &Hits<'_>) -> Option<Text> {
    let person = &hits.first().filter(|hit| hit.matched == Matched::Primary)?.person;
    person.compared_email(|email| Text::from(email)).ok()?
}

/// Whether somebody who was met is behind one of the recipients' addresses, too.
fn is_met_again(own: &Hits<'_>, recipients: &[Met<'_>]) -> bool {
    if own.is_empty() {
        return false;
    }
    // Hundreds may share an address, on both sides.
    let mut ordinals: SmallVec<[Ordinal; 8]> = own.iter().map(|hit| hit.person.ordinal()).collect();
    ordinals.sort_unstable();
    let mut others = recipients.iter().flat_map(|met| met.hits.iter());
    others.any(|other| ordinals.binary_search(&other.person.ordinal()).is_ok())
}

impl<'s, B: Prefetch> Matching<'s, '_, B> {
    /// Adds the mailboxes of all recipients, in order, up to the limit.
    fn add_recipients<'m>(
        &self,
        message: &'m Message<'_>,
        asked: &mut AllAsked<'m>,
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
                asked.push(Asked::new(mailbox, 0, self.segment));
            }
            oddities.add(list.oddities());
        }
    }

    /// Looks all addresses up that were probed. Who does not count is not met.
    fn look_up(&self, asked: &mut [Asked<'_>], all: &mut AllMet<'s>) -> Result<(), LookupError> {
        let segment = self.segment;
        for key in asked.iter_mut().filter_map(|asked| asked.key.as_mut()) {
            segment.ask_for_parts(key.probe, &mut key.leads);
        }
        for asked in asked {
            let found = match &asked.key {
                Some(key) => {
                    let scope = LookupScope::Everywhere;
                    segment.answer(&key.key(), key.hash, key.probe, &key.leads, scope)
                }
                None => Ok(Hits::default()),
            };
            let mut hits = match found {
                // A mailbox that too many share tells nothing about anybody.
                Err(LookupError::TooMany) => Hits::of_too_many(),
                found => found?,
            };
            let mut email = compared_email(&hits);
            if self.only.is_some() {
                email = None;
                hits.retain(|hit| Ok(self.counts(hit.person.tenant_code()?)))?;
            }
            all.push(Met { hits, email });
        }
        Ok(())
    }

    /// Everybody with this address who counts; nobody where too many share it.
    fn get(&self, key: &AddressKey<'_>) -> Result<Hits<'s>, LookupError> {
        match self.segment.get_key(key, LookupScope::Everywhere) {
            Err(LookupError::TooMany) => Ok(Hits::default()),
            found => found,
        }
    }

    /// Name of a tenant.
    fn tenant(&mut self, code: u32) -> Result<&'s str, Corrupt> {
        self.tenants.name(self.segment, code)
    }

    /// What the answer says of a person.
    fn told(
        &mut self,
        person: &PersonRef<'_>,
        matched: Matched,
        at_hand: AtHand<'_>,
    ) -> Result<PartyPerson, Corrupt> {
        let tenant_of = |code| self.tenants.name(self.segment, code);
        person.open(self.buffers)?.told_as_party(matched, at_hand, tenant_of)
    }

    /// Whether people of this tenant count.
    fn counts(&self, tenant: u32) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&tenant))
    }

    /// Whether the sender is one of the recipients' own people, and whether one of another tenant's.
    fn relate(&self, own: &Hits<'s>) -> Result<(bool, bool), LookupError> {
        let (mut is_internal, mut is_cross_tenant) = (false, false);
        for hit in own {
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
