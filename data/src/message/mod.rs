//! Messages: from the raw text of headers to the mailboxes, names and domains that a match compares.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Message`], what one match gets; display names given by themselves |
//! | `bounds.rs` | a message within all limits |
//! | `eml.rs` | the same out of a whole message |
//! | `list.rs` | address headers as [`Mailbox`]es |
//! | `plain.rs` | the short way to plain ones |
//! | `lex.rs` | their tokens |
//! | `encoded.rs` | RFC 2047, and names put together |
//! | `embedded.rs` | addresses inside names |
//! | `fault.rs` | what is wrong with an address |
//! | `lookalike.rs` | domains that imitate others |
//!
//! # Trade-offs
//!
//! - **Lenient, and it says so.** Mail is what senders write and readers show, not what the RFCs allow, so there is no
//!   error here: every header gives what a reader would see, and [`Oddities`] tell where it departs from the usual.
//!   Whether an address is one is for [`address_key`](crate::normalize::address_key) to say.
//! - **Libraries where they fit.** `mail-parser` cuts header blocks into fields and decodes Q and B; `encoding_rs` knows
//!   the character sets; `psl` the public suffixes; `unicode-security` the look of letters. The list of mailboxes is
//!   read by our own code: libraries give one string for the name and lose what is evidence here (which part of a name
//!   was encoded, the raw address, that there were two), decode each encoded word by itself, so that a character cut in
//!   two is lost, take `"jane doe"@corp.example` for a name, and copy every list.
//! - **The usual header costs nothing.** Names and addresses are borrowed where they need no decoding.
//! - **Everything is bounded**: bytes of a header, mailboxes of a list, bytes of a name, depth of comments, bytes of an
//!   encoded word; and work is linear in what is read.

mod bounds;
mod embedded;
mod eml;
mod encoded;
mod fault;
mod lex;
mod list;
mod lookalike;
mod plain;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use persondb_protocol::Few;
use persondb_protocol::matching::{MatchMessage, Oddity, RECIPIENT_COUNT_MAX};
use smallvec::SmallVec;

pub use embedded::{EMBEDDED_COUNT_MAX, embedded_addresses};
pub use eml::HEADER_BLOCK_BYTES_MAX;
pub use fault::address_fault;
pub use list::{AddressList, Mailbox, parse_address_list};
pub use lookalike::{
    DomainShape, LABEL_CHARS_MIN_EDIT, LABEL_CHARS_MIN_SKELETON, LABEL_CHARS_MIN_SUFFIX, compare_domains,
};

/// How much of one header value is read, in bytes.
pub const HEADER_BYTES_MAX: usize = 64 << 10;
/// Most mailboxes that are read from one header.
pub const MAILBOX_COUNT_MAX: usize = 1000;
/// Longest display name, in bytes of UTF-8.
pub const DISPLAY_NAME_BYTES_MAX: usize = 1024;

/// What one match gets of a message, borrowed from wherever the caller has it.
///
/// Each value may be a raw header value (folded, encoded, with several mailboxes) or a plain address.
///
/// ```
/// use persondb_data::message::Message;
/// let message = Message {
///     from: Some("\"Doe, Jane\" <jane@evil.example>".into()),
///     recipients: ["a@corp.example, b@corp.example".into()].into_iter().collect(),
///     ..Message::default()
/// };
/// let sender = message.sender().unwrap();
/// assert_eq!((&*sender.mailbox.name, &*sender.mailbox.address), ("Doe, Jane", "jane@evil.example"));
/// assert_eq!(message.recipient_mailboxes().count(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// The raw From header: name and address of the sender.
    pub from: Option<Cow<'a, str>>,
    /// The sender's display name, raw or decoded; counts before the one in `from`.
    pub from_name: Option<Cow<'a, str>>,
    /// The sender's address; counts before the one in `from`.
    pub from_addr: Option<Cow<'a, str>>,
    /// The Reply-To header.
    pub reply_to: Option<Cow<'a, str>>,
    /// The envelope's sender; `<>` counts as none.
    pub envelope_from: Option<Cow<'a, str>>,
    /// Recipients: addresses, or raw To and Cc headers.
    pub recipients: SmallVec<[Cow<'a, str>; 8]>,
    /// What was odd about the message that these values were taken from.
    pub oddities: Oddities,
}

/// The mailbox that counts in a header that should have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstMailbox<'a> {
    /// The first; its oddities include those of the list.
    pub mailbox: Mailbox<'a>,
    /// How many follow.
    pub further_count: u32,
}

impl Message<'_> {
    /// Name and address of the sender: `from_name` and `from_addr` where they are given, the rest from `from`.
    ///
    /// None when the message names no sender at all. A sender in a group without a name of its own has the group's.
    #[must_use]
    pub fn sender(&self) -> Option<FirstMailbox<'_>> {
        let header = self.from.as_deref().and_then(first_mailbox);
        let mut sender = match (self.from_addr.as_deref().and_then(first_mailbox), header) {
            (Some(mut given), Some(header)) => {
                if given.mailbox.name.is_empty() {
                    given.mailbox.name = header.mailbox.name;
                    given.mailbox.has_encoded_address = header.mailbox.has_encoded_address;
                }
                given.mailbox.oddities.add(header.mailbox.oddities);
                given.further_count = given.further_count.max(header.further_count);
                given
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) if self.from_name.is_none() => return None,
            (None, None) => FirstMailbox::default(),
        };
        let mailbox = &mut sender.mailbox;
        if let Some(name) = &self.from_name {
            let (name, has_encoded_address, cut) = encoded::display_name(name);
            (mailbox.name, mailbox.has_encoded_address) = (name, has_encoded_address);
            mailbox.oddities.set(Oddity::NameCut, cut);
        } else if let Some(group) = mailbox.group.take_if(|_| mailbox.name.is_empty()) {
            mailbox.name = group;
            mailbox.oddities.set(Oddity::GroupName, true);
        }
        Some(sender)
    }

    /// The first mailbox of Reply-To.
    #[must_use]
    pub fn reply_to_mailbox(&self) -> Option<FirstMailbox<'_>> {
        self.reply_to.as_deref().and_then(first_mailbox)
    }

    /// The envelope's sender; None for the null path of bounces, too.
    #[must_use]
    pub fn envelope_from_mailbox(&self) -> Option<FirstMailbox<'_>> {
        let first = self.envelope_from.as_deref().and_then(first_mailbox)?;
        let is_null = first.mailbox.address.is_empty() && first.mailbox.name.is_empty();
        (!is_null).then_some(first)
    }

    /// The mailboxes of all recipients, in order, at most [`RECIPIENT_COUNT_MAX`].
    ///
    /// Whether there were more shows in [`Self::recipient_oddities`].
    pub fn recipient_mailboxes(&self) -> impl Iterator<Item = Mailbox<'_>> {
        self.recipients.iter().flat_map(|value| parse_address_list(value)).take(RECIPIENT_COUNT_MAX)
    }

    /// Whether recipients were left out by a limit. Reads their headers once more.
    #[must_use]
    pub fn recipient_oddities(&self) -> Oddities {
        let (mut oddities, mut count) = (Oddities::default(), 0);
        for value in &self.recipients {
            let mut list = parse_address_list(value);
            count += list.by_ref().take(RECIPIENT_COUNT_MAX + 1).count();
            oddities.add(list.oddities());
            if count > RECIPIENT_COUNT_MAX {
                oddities.set(Oddity::MailboxesCut, true);
                break;
            }
        }
        oddities
    }

    /// The owned form, for the socket.
    #[must_use]
    pub fn to_match_message(&self) -> MatchMessage {
        let owned = |value: &Option<Cow<'_, str>>| value.as_deref().map(str::to_owned);
        MatchMessage {
            from: owned(&self.from),
            from_name: owned(&self.from_name),
            from_addr: owned(&self.from_addr),
            reply_to: owned(&self.reply_to),
            envelope_from: owned(&self.envelope_from),
            recipients: self.recipients.iter().map(|value| value.clone().into_owned()).collect(),
            oddities: self.oddities.iter().collect(),
        }
    }
}

impl<'a> From<&'a MatchMessage> for Message<'a> {
    fn from(message: &'a MatchMessage) -> Self {
        let borrowed = |value: &'a Option<String>| value.as_deref().map(Cow::Borrowed);
        Self {
            from: borrowed(&message.from),
            from_name: borrowed(&message.from_name),
            from_addr: borrowed(&message.from_addr),
            reply_to: borrowed(&message.reply_to),
            envelope_from: borrowed(&message.envelope_from),
            recipients: message.recipients.iter().map(|value| Cow::Borrowed(value.as_str())).collect(),
            oddities: message.oddities.iter().copied().collect(),
        }
    }
}

fn first_mailbox(header: &str) -> Option<FirstMailbox<'_>> {
    let mut list = parse_address_list(header);
    let mut mailbox = list.next()?;
    let further = list.by_ref().count();
    mailbox.oddities.add(list.oddities());
    Some(FirstMailbox { mailbox, further_count: u32::try_from(further).unwrap_or(u32::MAX) })
}

/// The bytes of a header as text: UTF-8, and what is not UTF-8 as Windows-1252, byte by byte.
///
/// So one stray byte does not change how the rest of a header reads.
///
/// ```
/// use persondb_data::message::header_text;
/// assert_eq!(header_text(b"J\xfcrgen \xc3\x9f <j@corp.example>"), "Jürgen ß <j@corp.example>");
/// ```
#[must_use]
pub fn header_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return text.into();
    }
    let mut out = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.push_str(&encoded::as_windows_1252(chunk.invalid()));
    }
    out.into()
}

/// A set of [`Oddity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities(u16);

impl Oddities {
    /// Adds `oddity` when it `holds`.
    pub fn set(&mut self, oddity: Oddity, holds: bool) {
        self.0 |= u16::from(holds) << (oddity as u8);
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether `oddity` is in it.
    #[must_use]
    pub fn contains(self, oddity: Oddity) -> bool {
        self.0 >> (oddity as u8) & 1 == 1
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in it, in the order of [`Oddity::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Oddity> {
        Oddity::ALL.into_iter().filter(move |&oddity| self.contains(oddity))
    }
}

impl From<Oddities> for Few<Oddity> {
    fn from(oddities: Oddities) -> Self {
        // Of nearly all there are none.
        if oddities.is_empty() { Self::default() } else { oddities.iter().collect() }
    }
}

impl FromIterator<Oddity> for Oddities {
    fn from_iter<I: IntoIterator<Item = Oddity>>(oddities: I) -> Self {
        let mut set = Self::default();
        for oddity in oddities {
            set.set(oddity, true);
        }
        set
    }
}
