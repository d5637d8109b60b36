//! What a look-up gives. Three answers, never mixed up: *found*, *definitely absent*, *cannot say*.
//!
//! These are the owned forms, for the socket and for JSON; a mapped client borrows from the segment
//! instead and makes these only when asked. Both ways give the same JSON, byte for byte.

use bincode::{Decode, Encode};
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::Generation;

/// The answer to one question about one generation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer<T> {
    /// What was asked for, with the generation that it stands in.
    Found(Generation, T),
    /// The generation does not hold it. This is knowledge, not failure.
    Absent(Generation),
    /// There is no way to know now. Never to be read as absent.
    Unavailable(Unavailable),
}

/// Why there is no answer, with detail for people.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema, thiserror::Error,
)]
#[error("{}: {detail}", reason.text())]
pub struct Unavailable {
    /// The kind of trouble; what counters count.
    pub reason: Reason,
    /// Expected, found, remedy.
    pub detail: String,
}

impl Unavailable {
    /// An `Unavailable` with its detail.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// Kinds of trouble for which a look-up cannot say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No generation was announced yet, or none is left.
    NoGeneration,
    /// The data is older than the caller's limit.
    TooOld,
    /// Bytes of the segment do not hold together.
    Unreadable,
    /// Neither shared memory nor socket could be reached.
    Unreachable,
    /// The daemon did not answer in time.
    TimedOut,
    /// The question is over one of the limits.
    OverLimit,
}

impl Reason {
    /// All reasons, in the order of their numbers (for counters).
    pub const ALL: [Self; 6] = [
        Self::NoGeneration,
        Self::TooOld,
        Self::Unreadable,
        Self::Unreachable,
        Self::TimedOut,
        Self::OverLimit,
    ];

    /// In words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoGeneration => "no generation",
            Self::TooOld => "too old",
            Self::Unreadable => "unreadable",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed out",
            Self::OverLimit => "over a limit",
        }
    }
}

/// By which of a person's keys the question met the person.
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
pub enum Matched {
    /// The primary address.
    Primary,
    /// One of the aliases.
    Alias,
    /// Address or alias once the sub-address (`+tag`) was taken off.
    Subaddress,
    /// Address or alias once dots in the local part are left out.
    Dots,
    /// A personal address on record: known, but not the employee's.
    PersonalKnown,
    /// The person identifier.
    PersonId,
    /// A folded name.
    Name,
}

impl Matched {
    /// All of them, each at the place of its [number](Self::number).
    pub const ALL: [Self; 7] = [
        Self::Primary,
        Self::Alias,
        Self::Subaddress,
        Self::Dots,
        Self::PersonalKnown,
        Self::PersonId,
        Self::Name,
    ];

    /// Its number in this process; stronger matches have smaller ones.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Primary => 0,
            Self::Alias => 1,
            Self::Subaddress => 2,
            Self::Dots => 3,
            Self::PersonalKnown => 4,
            Self::PersonId => 5,
            Self::Name => 6,
        }
    }
}

/// What kind of mailbox a record is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// A human being.
    #[default]
    Person = 0,
    /// A mailbox several people read.
    Shared = 1,
    /// A function (`info@`, `hr@`).
    Role = 2,
    /// A machine.
    Service = 3,
    /// A guest of the tenant with a foreign address.
    Guest = 4,
    /// Known, but outside the tenant.
    External = 5,
}

/// Whether the account is in use.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AccountStatus {
    /// In use.
    #[default]
    Active = 0,
    /// Switched off for now.
    Suspended = 1,
    /// Left; still impersonated, so still kept.
    Terminated = 2,
}

impl Kind {
    /// The kind with this number, as stored in records.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Person, Self::Shared, Self::Role, Self::Service, Self::Guest, Self::External]
            .get(usize::from(number))
            .copied()
    }
}

impl AccountStatus {
    /// The status with this number, as stored in records.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Terminated].get(usize::from(number)).copied()
    }
}

/// One person, owned, with every column of the CSV.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Person {
    /// Identifier within the tenant; the primary address where the CSV has none.
    pub person_id: String,
    /// Customer whose person this is.
    pub tenant_id: String,
    /// Primary address as given.
    pub email: String,
    /// The key that met the question.
    pub matched: Matched,
    /// Display name as given; empty where the CSV has none.
    pub display_name: String,
    /// Kind of mailbox.
    pub kind: Kind,
    /// Account status.
    pub status: AccountStatus,
    /// 0 to 3.
    pub vip: u8,
    /// Other people answer the same question too.
    pub ambiguous: bool,
    /// Header → value exactly as in the CSV, in the order of the file.
    #[serde(serialize_with = "as_map")]
    pub columns: Vec<(String, String)>,
}

/// What is known of a domain in one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct DomainFact {
    /// Tenant that the fact belongs to.
    pub tenant_id: String,
    /// The domain as an A-label in lower case.
    pub domain: String,
    /// How the tenant is related to it.
    pub kind: DomainKind,
    /// Character that starts a sub-address, where the tenant has switched that on.
    pub subaddress: Option<char>,
    /// Dots in local parts mean nothing.
    pub dots_ignored: bool,
    /// People of the tenant whose primary address is in it.
    pub people: u64,
}

/// How a tenant is related to a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum DomainKind {
    /// The tenant's own, by the domains file.
    Owned = 0,
    /// A partner's, by the domains file.
    Partner = 1,
    /// Not in the domains file; people of the tenant have addresses there.
    Observed = 2,
}

impl DomainKind {
    /// The kind with this number, as stored in the segment.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Owned, Self::Partner, Self::Observed].get(usize::from(number)).copied()
    }
}

fn as_map<S: Serializer>(columns: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(columns.len()))?;
    for (header, value) in columns {
        map.serialize_entry(header, value)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_the_order_of_the_file_in_json() {
        let person = Person {
            person_id: "7".into(),
            tenant_id: "t".into(),
            email: "a@b.c".into(),
            matched: Matched::PersonalKnown,
            display_name: String::new(),
            kind: Kind::Person,
            status: AccountStatus::Active,
            vip: 0,
            ambiguous: false,
            columns: vec![("z".into(), "1\n".into()), ("a".into(), "ß".into())],
        };
        let json = serde_json::to_string(&person).unwrap();
        assert!(json.ends_with(r#""columns":{"z":"1\n","a":"ß"}}"#), "{json}");
        assert!(json.contains(r#""matched":"personal_known""#), "{json}");
    }
}
