//! A row as a person: typed views on its fields, without copying.

use serde::{Deserialize, Serialize};

use persondb_protocol::answer::{AccountStatus, Kind};

use super::values::{self, AddressValue, Addresses};
use super::{Canonical, Mapping, Row};

/// A row seen through the mapping of its file.
///
/// Values are given without white space around them; [`PersonRow::row`] has every field byte for byte. Blank
/// values count as none.
#[derive(Debug, Clone, Copy)]
pub struct PersonRow<'a> {
    row: Row<'a>,
    mapping: &'a Mapping,
}

impl<'a> PersonRow<'a> {
    /// The view of `row`, which has to come from the file that `mapping` was made for.
    #[must_use]
    pub fn new(row: Row<'a>, mapping: &'a Mapping) -> Self {
        Self { row, mapping }
    }

    /// The row itself, with every attribute.
    #[must_use]
    pub fn row(&self) -> Row<'a> {
        self.row
    }

    /// The mapping of its file.
    #[must_use]
    pub fn mapping(&self) -> &'a Mapping {
        self.mapping
    }

    /// The tenant: of the row, else the constant one. `None` makes the row a reject.
    #[must_use]
    pub fn tenant(&self) -> Option<&'a str> {
        self.text(Canonical::TenantId).or(self.mapping.tenant())
    }

    /// The person's id, else the primary address. `None` only where there is neither.
    ///
    /// The fall-back can be 254 bytes long, an id of its own at most 128.
    #[must_use]
    pub fn person_id(&self) -> Option<&'a str> {
        self.text(Canonical::PersonId).or_else(|| self.email())
    }

    /// The primary address without wrapping (`<…>`, `mailto:`, `SMTP:`); not checked, see
    /// [`classify`](super::classify()).
    #[must_use]
    pub fn email(&self) -> Option<&'a str> {
        self.mapping.columns(Canonical::Email).iter().find_map(|&column| {
            let field = self.row.field(usize::from(column))?;
            Some(self.mapping.primary_address(column, field)).filter(|email| !email.is_empty())
        })
    }

    /// Further addresses, in their order, with what is no address among them.
    pub fn aliases(&self) -> impl Iterator<Item = AddressValue<'a>> + use<'a> {
        self.addresses(Canonical::Aliases)
    }

    /// Known good addresses elsewhere.
    pub fn personal_emails(&self) -> impl Iterator<Item = AddressValue<'a>> + use<'a> {
        self.addresses(Canonical::PersonalEmails)
    }

    /// Name as shown.
    #[must_use]
    pub fn display_name(&self) -> Option<&'a str> {
        self.text(Canonical::DisplayName)
    }

    /// Given name.
    #[must_use]
    pub fn given_name(&self) -> Option<&'a str> {
        self.text(Canonical::GivenName)
    }

    /// Middle names or initials.
    #[must_use]
    pub fn middle_name(&self) -> Option<&'a str> {
        self.text(Canonical::MiddleName)
    }

    /// Family name.
    #[must_use]
    pub fn family_name(&self) -> Option<&'a str> {
        self.text(Canonical::FamilyName)
    }

    /// Jr., III.
    #[must_use]
    pub fn suffix(&self) -> Option<&'a str> {
        self.text(Canonical::Suffix)
    }

    /// What the person is called.
    #[must_use]
    pub fn preferred_name(&self) -> Option<&'a str> {
        self.text(Canonical::PreferredName)
    }

    /// Maiden name, native script, romanised form.
    pub fn other_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let separator = self.mapping.separator(Canonical::OtherNames);
        self.fields(Canonical::OtherNames).flat_map(move |field| values::texts(field, separator))
    }

    /// What the account is; a person where nothing or nothing known stands there. A guest's sign-in name behind
    /// the primary address goes before what the column says.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let names = self.mapping.columns(Canonical::Email).iter().skip(1);
        let mut names = names.filter_map(|&column| self.row.field(usize::from(column)));
        if names.any(values::is_guest_name) {
            return Kind::Guest;
        }
        self.word(Canonical::Kind, kind_of_word).unwrap_or_default()
    }

    /// Whether the account is in use; active where nothing or nothing known stands there.
    #[must_use]
    pub fn status(&self) -> AccountStatus {
        self.word(Canonical::Status, status_of_word).unwrap_or_default()
    }

    /// How exposed the person is; 0 where nothing or nothing known stands there.
    #[must_use]
    pub fn vip(&self) -> Vip {
        self.word(Canonical::Vip, Vip::of_word).unwrap_or_default()
    }

    /// The value of a canonical column, without white space around it: the first that is not blank.
    #[must_use]
    #[inline]
    pub fn text(&self, canonical: Canonical) -> Option<&'a str> {
        self.text_at(canonical).map(|(_, text)| text)
    }

    /// The same with its column.
    #[inline]
    pub(super) fn text_at(&self, canonical: Canonical) -> Option<(u16, &'a str)> {
        self.mapping.columns(canonical).iter().find_map(|&column| {
            let text = values::trimmed(self.row.field(usize::from(column))?);
            (!text.is_empty()).then_some((column, text))
        })
    }

    /// The fields of a canonical column with their columns, as written.
    pub(super) fn fields_at(&self, canonical: Canonical) -> impl Iterator<Item = (u16, &'a str)> + use<'a> {
        let row = self.row;
        self.mapping
            .columns(canonical)
            .iter()
            .filter_map(move |&column| row.field(usize::from(column)).map(|field| (column, field)))
    }

    fn fields(&self, canonical: Canonical) -> impl Iterator<Item = &'a str> + use<'a> {
        self.fields_at(canonical).map(|(_, field)| field)
    }

    fn addresses(&self, canonical: Canonical) -> impl Iterator<Item = AddressValue<'a>> + use<'a> {
        let separator = self.mapping.separator(canonical);
        self.fields(canonical).flat_map(move |field| -> Addresses<'a> { values::addresses(field, separator) })
    }

    fn word<T>(&self, canonical: Canonical, read: fn(&str) -> Option<T>) -> Option<T> {
        self.text(canonical).and_then(read)
    }
}

/// Reads a kind of mailbox in any case; `None` where the word is not known.
#[must_use]
pub fn kind_of_word(word: &str) -> Option<Kind> {
    known(
        word,
        &[
            (PERSONS, Kind::Person),
            (SHARED, Kind::Shared),
            (ROLES, Kind::Role),
            (SERVICES, Kind::Service),
            (&["guest", "guestmailuser"], Kind::Guest),
            (&["external", "contact", "mailcontact"], Kind::External),
        ],
    )
}

// The long ones are the recipient types of Exchange (learn.microsoft.com, Get-Recipient).
const PERSONS: &[&str] = &[
    "person",
    "user",
    "member",
    "employee",
    "usermailbox",
    "linkedmailbox",
    "legacymailbox",
    "remoteusermailbox",
    "mailuser",
];
const SHARED: &[&str] = &["shared", "sharedmailbox", "remotesharedmailbox", "teammailbox"];
const ROLES: &[&str] = &[
    "role",
    "group",
    "list",
    "groupmailbox",
    "roomlist",
    "publicfolder",
    "dynamicdistributiongroup",
    "mailuniversaldistributiongroup",
    "mailuniversalsecuritygroup",
    "mailnonuniversalgroup",
];
const SERVICES: &[&str] = &[
    "service",
    "system",
    "bot",
    "roommailbox",
    "remoteroommailbox",
    "equipmentmailbox",
    "remoteequipmentmailbox",
    "schedulingmailbox",
    "discoverymailbox",
    "arbitrationmailbox",
    "monitoringmailbox",
    "systemmailbox",
];

/// Reads the status of an account in any case; `None` where the word is not known.
///
/// Beside plain words it knows those of Google Workspace, Okta and `BambooHR`, and the flags of Active Directory
/// (`userAccountControl`).
#[must_use]
pub fn status_of_word(word: &str) -> Option<AccountStatus> {
    known(
        word,
        &[
            (ACTIVE, AccountStatus::Active),
            (SUSPENDED, AccountStatus::Suspended),
            (&["terminated", "deleted", "deprovisioned", "left"], AccountStatus::Terminated),
        ],
    )
    .or_else(|| status_of_flags(word.parse().ok()?))
}

/// Somebody who forgot a password or is locked out still works there, whatever the terms.
const ACTIVE: &[&str] = &[
    "active",
    "enabled",
    "true",
    "provisioned",
    "recovery",
    "password_expired",
    "locked_out",
    "full-time",
    "full time",
    "part-time",
    "part time",
    "contractor",
    "intern",
    "seasonal",
    "temporary",
];
const SUSPENDED: &[&str] = &["suspended", "disabled", "inactive", "false", "archived", "staged"];

/// Reads `userAccountControl`: which kind of account it is tells that it is that number at all.
fn status_of_flags(flags: u32) -> Option<AccountStatus> {
    const DISABLED: u32 = 0x2;
    const KINDS: u32 = 0x100 | 0x200 | 0x800 | 0x1000 | 0x2000;
    (flags & KINDS != 0).then_some(if flags & DISABLED == 0 {
        AccountStatus::Active
    } else {
        AccountStatus::Suspended
    })
}

/// How exposed a person is, 0 (not) to 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vip(u8);

impl Vip {
    /// The highest level.
    pub const MAX: Self = Self(3);

    /// The level, 0 to 3.
    #[must_use]
    pub fn level(self) -> u8 {
        self.0
    }

    /// The level of this number, if there is one.
    #[must_use]
    pub fn of_level(level: u8) -> Option<Self> {
        (level <= Self::MAX.0).then_some(Self(level))
    }

    /// Reads `0` to `3`, or a yes or no in any case (1 or 0); `None` where it is neither.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word.as_bytes() {
            [digit @ b'0'..=b'3'] => Some(Self(digit - b'0')),
            _ => yes_or_no(word).map(|yes| Self(u8::from(yes))),
        }
    }
}

/// Reads a yes or a no, in any case.
pub(super) fn yes_or_no(word: &str) -> Option<bool> {
    known(
        word,
        &[(&["true", "yes", "y", "t", "1", "on"], true), (&["false", "no", "n", "f", "0", "off"], false)],
    )
}

fn known<T: Copy>(word: &str, meanings: &[(&[&str], T)]) -> Option<T> {
    let is = |known: &&str| known.eq_ignore_ascii_case(word);
    meanings.iter().find(|(words, _)| words.iter().any(is)).map(|&(_, meaning)| meaning)
}
