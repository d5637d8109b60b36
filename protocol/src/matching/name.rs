//! Evidence about the sender's name.

use bincode::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Flag;
use crate::answer::{AccountStatus, Kind};
use crate::{Few, Text};

/// Who bears, or nearly bears, the name that the message gives its sender.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
pub struct NameEvidence {
    /// The name as readers see it: decoded, at most 1,024 bytes.
    pub name: Text,
    /// Addresses that stand inside the name.
    pub embedded_addresses: Vec<Text>,
    /// What is special about the name itself.
    pub flags: Few<Flag>,
    /// People of the recipients' tenants, strongest match first, without whoever the address belongs to.
    pub candidates: Vec<Candidate>,
}

/// One person whose name, or address, resembles the sender's name.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Tenant of the person.
    pub tenant_id: Text,
    /// Identifier within the tenant.
    pub person_id: Text,
    /// Primary address as given in the directory.
    pub email: Text,
    /// Display name as given in the directory.
    pub display_name: Text,
    /// What of the person was met.
    pub matched_field: MatchedField,
    /// How strongly.
    pub matched: NameKind,
    /// Edits between the two keys that were compared; 0 for all kinds but `edit1`.
    pub distance: u8,
    /// 0 to 3.
    pub vip: u8,
    /// Kind of mailbox.
    pub kind: Kind,
    /// Account status.
    pub status: AccountStatus,
    /// What is special about this match.
    pub flags: Few<Flag>,
}

/// The field of a person that a name met.
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
pub enum MatchedField {
    /// The display name.
    DisplayName,
    /// Given and family name.
    GivenFamily,
    /// Preferred and family name.
    PreferredFamily,
    /// One of the other names on record.
    OtherNames,
    /// An address (for `embedded_address`).
    Address,
}

/// How a name matches, strongest first.
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
pub enum NameKind {
    /// Equal but for case, compatibility forms and blanks.
    Exact,
    /// Equal without accents, apostrophes, punctuation and invisible characters.
    Folded,
    /// Equal without titles and additions, in any order of words.
    Canonical,
    /// Equal without blanks.
    Joined,
    /// Equal by the looks of the letters.
    Confusable,
    /// First and last word are equal.
    FirstLast,
    /// All of the person's name, and more.
    Extended,
    /// First and last word are equal once nicknames are taken for the names they stand for.
    Nickname,
    /// One letter inserted, left out, replaced or swapped.
    Edit1,
    /// Initial and last word (VIPs only).
    InitialLast,
    /// The person's address stands inside the name.
    EmbeddedAddress,
}
