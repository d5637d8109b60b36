//! What a match of one message gives: evidence, never a verdict.
//!
//! | type | what it holds |
//! |---|---|
//! | [`MatchMessage`] | the question: the addresses and the name of one message |
//! | [`MatchOptions`] | how much of an answer is wanted |
//! | [`MatchAnswer`] | [`MatchEvidence`] of one generation, or *cannot say* |
//! | [`Party`] | what is known of one address of the message |
//! | [`NameEvidence`] | who else bears, or nearly bears, the sender's name |
//!
//! There is no *absent* here: that nobody is known is evidence too, and an empty list says it. Nor is there a score:
//! kinds, flags and distances are facts about text and directory, and what follows from them is the caller's to say.
//!
//! In JSON an answer is one flat object, as the other look-ups': `{"answer":"matched","generation":3,…}` or
//! `{"answer":"unavailable","reason":"no_generation","detail":"…"}`. Every field is always there; what is unknown is
//! null or an empty list. [`MatchAnswer::schema`] is its JSON Schema.

mod message;
mod name;
mod party;

use bincode::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use message::{MatchMessage, MatchOptions};
pub use name::{Candidate, MatchedField, NameEvidence, NameKind};
pub use party::{AddressKind, LookalikeDomain, LookalikeKind, Party, PartyPerson};

use crate::answer::Unavailable;
use crate::{Few, Generation, Text};

/// Most recipients of one message that are looked at.
pub const RECIPIENT_COUNT_MAX: usize = 500;
/// How much of all recipients' headers together is read, in bytes; 8 more count for each value.
pub const RECIPIENT_BYTES_MAX: usize = 384 << 10;
/// Most tenants that the options can name.
pub const TENANT_COUNT_MAX: usize = 256;
/// Candidates for the sender's name that are returned where the options do not say.
pub const CANDIDATE_COUNT_DEFAULT: u32 = 50;
/// Most candidates that the options can ask for.
pub const CANDIDATE_COUNT_MAX: u32 = 1000;

/// The answer for one message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum MatchAnswer {
    /// What one generation knows of the message.
    Matched(Box<MatchEvidence>),
    /// There is no way to know now. Never to be read as "nobody matches".
    Unavailable(Unavailable),
}

impl MatchAnswer {
    /// The JSON Schema (2020-12) of an answer, for `persondb match --schema` and for code generators.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        schemars::generate::SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<Self>()
    }
}

/// What one generation knows of one message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
pub struct MatchEvidence {
    /// The generation that all of this stands in.
    pub generation: Generation,
    /// Version of the rules that made the keys.
    pub norm_version: u32,
    /// The sender's address; null where the message names none.
    pub from: Option<Party>,
    /// The first address that answers go to; null where the message names none.
    pub reply_to: Option<Party>,
    /// The envelope's sender; null where the message names none, and for the null path `<>` of bounces.
    pub envelope_from: Option<Party>,
    /// The recipients in order, at most 500.
    pub recipients: Vec<Party>,
    /// Who else bears the sender's name; null where the message names none.
    pub sender_name: Option<NameEvidence>,
    /// Candidates met before the list of them was cut.
    pub candidate_count: u64,
    /// The sender's address and a recipient's belong to one and the same person.
    pub same_person_as_recipient: bool,
    /// The sender's address belongs to somebody of a tenant of the recipients, or its domain does.
    pub sender_is_internal: bool,
    /// The sender's address belongs to somebody of a tenant that is none of the recipients'.
    pub cross_tenant_sender: bool,
    /// Tenants of the recipients, by their addresses or owned domains: the scope of the name look-up.
    pub recipient_tenants: Vec<Text>,
    /// What is odd about the headers as a whole.
    pub oddities: Few<Oddity>,
}

impl MatchEvidence {
    /// Evidence that holds nothing yet.
    #[must_use]
    pub fn new(generation: Generation, norm_version: u32) -> Self {
        Self {
            generation,
            norm_version,
            from: None,
            reply_to: None,
            envelope_from: None,
            recipients: Vec::new(),
            sender_name: None,
            candidate_count: 0,
            same_person_as_recipient: false,
            sender_is_internal: false,
            cross_tenant_sender: false,
            recipient_tenants: Vec::new(),
            oddities: Few::default(),
        }
    }
}

/// A property of a name or an address that is apart from what it resembles.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flag {
    /// Characters that look like others make the difference (UTS #39).
    Confusable,
    /// Zero-width, bidi or other invisible characters stand in it.
    ZeroWidth,
    /// A word mixes scripts that do not belong together (UTS #39, 5.1).
    MixedScript,
    /// The display name holds an address, at least part of which was in an encoded word.
    EncodedAddressInName,
    /// First and last name agree and middle names do not.
    MiddleConflict,
    /// Several people answer to it.
    Ambiguous,
    /// It differs from the address on record in upper and lower case.
    CaseDiffers,
}

/// How a header departs from the usual way to write it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[repr(u8)]
pub enum Oddity {
    /// A header is over the limit in bytes; only its beginning was read.
    HeaderCut,
    /// A list is over the limit in mailboxes; only the first were read.
    MailboxesCut,
    /// The message has several From headers; the first was read.
    SeveralFrom,
    /// Several addresses where one belongs; the last in brackets was taken, the others are part of the name.
    SeveralAddresses,
    /// The address came with a source route (RFC 5321, appendix C), which was dropped.
    SourceRoute,
    /// A quote, comment or bracket never closes.
    Unclosed,
    /// The display name is over the limit in bytes; only its beginning was read.
    NameCut,
    /// The sender stands in a group (RFC 6854), whose name was taken for a display name.
    GroupName,
    /// Bytes that are not UTF-8, read as Windows-1252.
    RawBytes,
    /// The recipients are of more tenants than are looked at; people and domains of the others do not count.
    TenantsCut,
}

impl Oddity {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::HeaderCut,
        Self::MailboxesCut,
        Self::SeveralFrom,
        Self::SeveralAddresses,
        Self::SourceRoute,
        Self::Unclosed,
        Self::NameCut,
        Self::GroupName,
        Self::RawBytes,
        Self::TenantsCut,
    ];
}

#[cfg(test)]
mod tests;
