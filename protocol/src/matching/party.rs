//! Evidence about one address of a message.

use bincode::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Flag, Oddity};
use crate::answer::{AccountStatus, Kind, Matched};
use crate::{Few, Text};

/// What is known of one address of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// The address as the message gives it, without brackets; empty where there is only a name.
    pub address: Text,
    /// Its display name, decoded; null where there is none.
    pub name: Option<Text>,
    /// The address as it was looked up; null when it is invalid.
    pub key: Option<Text>,
    /// Why it could not be looked up: what was expected and what was found; null for a valid one.
    pub invalid: Option<Text>,
    /// What the address is, strongest first; `none` alone where nothing is known of it or it is invalid.
    pub kinds: Few<AddressKind>,
    /// People behind it, of all tenants, strongest first.
    pub people: Vec<PartyPerson>,
    /// Tenants that own its domain.
    pub owner_tenants: Vec<Text>,
    /// Domains of the recipients' tenants that its domain imitates.
    pub lookalikes: Vec<LookalikeDomain>,
    /// What is special about it.
    pub flags: Few<Flag>,
    /// How its header departs from the usual.
    pub oddities: Few<Oddity>,
    /// Further mailboxes of the same header that were not looked at (`from`, `reply_to`, `envelope_from`).
    pub further_count: u32,
}

/// A person whose address it is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
pub struct PartyPerson {
    /// Tenant of the person.
    pub tenant_id: Text,
    /// Identifier within the tenant.
    pub person_id: Text,
    /// Primary address as given in the directory.
    pub email: Text,
    /// Display name as given in the directory.
    pub display_name: Text,
    /// Which of the person's addresses it is.
    pub matched: Matched,
    /// 0 to 3.
    pub vip: u8,
    /// Kind of mailbox.
    pub kind: Kind,
    /// Account status.
    pub status: AccountStatus,
}

/// What an address is, strongest first.
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
pub enum AddressKind {
    /// Somebody's primary address.
    Primary,
    /// Somebody's alias.
    Alias,
    /// Somebody's address or alias with a sub-address, or with dots that its domain ignores.
    Subaddress,
    /// A personal address on record: known, but not the employee's.
    PersonalKnown,
    /// A mailbox that several people or a machine read.
    SharedOrRole,
    /// A guest of a tenant, or somebody on record outside of it.
    Guest,
    /// The domain is a tenant's own, and nobody there has this address.
    OwnedDomainUnknownUser,
    /// The domain is a partner's, by the domains file.
    PartnerDomain,
    /// The domain imitates one that a tenant of the recipients owns.
    LookalikeDomain,
    /// The local part is that of somebody in the recipients' tenants, in a foreign domain.
    LocalPartForeign,
    /// Nothing is known of it.
    None,
}

impl AddressKind {
    /// The kind of an address that met a person's in this way.
    ///
    /// A personal address is told first, whoever's it is. Then the kind of mailbox counts more than which of its
    /// addresses was met, because a shared mailbox is nobody's own. None for keys that are no addresses.
    ///
    /// ```
    /// use persondb_protocol::answer::{Kind, Matched};
    /// use persondb_protocol::matching::AddressKind;
    /// assert_eq!(AddressKind::of(Matched::Dots, Kind::Person), Some(AddressKind::Subaddress));
    /// assert_eq!(AddressKind::of(Matched::Primary, Kind::Role), Some(AddressKind::SharedOrRole));
    /// assert_eq!(AddressKind::of(Matched::PersonId, Kind::Person), None);
    /// ```
    #[must_use]
    pub fn of(matched: Matched, kind: Kind) -> Option<Self> {
        Some(match (matched, kind) {
            (Matched::PersonId | Matched::Name, _) => return None,
            (Matched::PersonalKnown, _) => Self::PersonalKnown,
            (_, Kind::Shared | Kind::Role | Kind::Service) => Self::SharedOrRole,
            (_, Kind::Guest | Kind::External) => Self::Guest,
            (Matched::Primary, Kind::Person) => Self::Primary,
            (Matched::Alias, Kind::Person) => Self::Alias,
            (Matched::Subaddress | Matched::Dots, Kind::Person) => Self::Subaddress,
        })
    }
}

/// A domain that another imitates.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
pub struct LookalikeDomain {
    /// Tenant that owns it.
    pub tenant_id: Text,
    /// The imitated domain, as an A-label in lower case.
    pub domain: Text,
    /// In which way.
    pub how: LookalikeKind,
}

/// How one domain imitates another, strongest first.
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
pub enum LookalikeKind {
    /// The letters look the same: `c0rp.example`, `соrp.example` (UTS #39 skeleton).
    Skeleton,
    /// One letter inserted, left out, replaced or swapped: `coorporation.example`.
    OneEdit,
    /// The same name under another public suffix: `corp.test`.
    OtherSuffix,
}
