//! Whether a row becomes a person: accepted, perhaps with warnings, or rejected with a reason and a column.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::mapping::TENANT_ID_BYTES_MAX;
use super::person::{PersonRow, Vip, kind_of_word, status_of_word};
use super::values::{self, AddressError, AddressValue};
use super::{Canonical, InputLimits, Quoting};
use crate::normalize::is_usual_address;

/// Longest id of a person in bytes.
pub const PERSON_ID_BYTES_MAX: usize = 128;

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The row is kept.
    Accepted(Acceptance),
    /// The row is left out.
    Rejected(Reject),
}

/// What is to be said about a row that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acceptance {
    /// What is odd about it.
    pub warnings: Warnings,
    /// Addresses of other types than mail (`SIP:`, `X500:`), which are not indexed.
    pub other_addresses: u32,
}

/// Why a row is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject {
    /// The reason.
    pub reason: RejectReason,
    /// The column at fault, from 0, where it is one.
    pub column: Option<u16>,
}

/// Judges a row.
///
/// About 20 ns for a field; allocates only for domains in other letters than ASCII.
#[must_use]
pub fn classify(person: &PersonRow<'_>, limits: &InputLimits) -> Verdict {
    match accept(person, limits) {
        Ok(acceptance) => Verdict::Accepted(acceptance),
        Err(reject) => Verdict::Rejected(reject),
    }
}

fn accept(person: &PersonRow<'_>, limits: &InputLimits) -> Result<Acceptance, Reject> {
    let mut found = Acceptance::default();
    let row = person.row();
    if row.is_ragged() {
        return Err(Reject { reason: RejectReason::Ragged, column: None });
    }
    for ((size, beginning), column) in row.beginnings().zip(0_u16..) {
        if size > limits.field_bytes_max {
            return Err(Reject { reason: RejectReason::FieldTooLong, column: Some(column) });
        }
        if size > 1 && matches!(beginning, [b'=' | b'@', ..]) {
            found.warnings.insert_at(WarningKind::Formula, column);
        }
    }
    check_keys(person)?;
    check_names(person, limits, &mut found.warnings)?;
    check_addresses(person, &mut found);
    if row.quoting() == Quoting::Stray {
        found.warnings.insert(WarningKind::StrayQuote);
    }
    let words = [
        (
            Canonical::Kind,
            WarningKind::UnknownKind,
            (|word| kind_of_word(word).is_some()) as fn(&str) -> bool,
        ),
        (Canonical::Status, WarningKind::UnknownStatus, |word| status_of_word(word).is_some()),
        (Canonical::Vip, WarningKind::UnknownVip, |word| Vip::of_word(word).is_some()),
    ];
    for (canonical, warning, is_known) in words {
        if let Some((column, word)) = person.text_at(canonical)
            && !is_known(word)
        {
            found.warnings.insert_at(warning, column);
        }
    }
    Ok(found)
}

fn check_keys(person: &PersonRow<'_>) -> Result<(), Reject> {
    let reject = |reason, canonical| {
        let column = person.mapping().columns(canonical).first().copied();
        Err(Reject { reason, column })
    };
    match person.tenant() {
        None => return reject(RejectReason::NoTenant, Canonical::TenantId),
        Some(tenant) if tenant.len() > TENANT_ID_BYTES_MAX => {
            return reject(RejectReason::TenantTooLong, Canonical::TenantId);
        }
        Some(_) => {}
    }
    if person.text(Canonical::PersonId).is_some_and(|id| id.len() > PERSON_ID_BYTES_MAX) {
        return reject(RejectReason::PersonIdTooLong, Canonical::PersonId);
    }
    // Usual as nearly all are: then it is the address, and one.
    let first = person.fields_at(Canonical::Email).next();
    if first.is_some_and(|(_, value)| is_usual_address(value)) {
        return Ok(());
    }
    let Some(email) = person.email() else { return reject(RejectReason::NoAddress, Canonical::Email) };
    values::check_address(email).map(|_| ()).map_err(|error| {
        let mut columns = person.mapping().columns(Canonical::Email).iter().copied();
        let has_it =
            |&column: &u16| person.row().field(usize::from(column)).is_some_and(|f| f.contains(email));
        Reject { reason: error.into(), column: columns.find(has_it) }
    })
}

fn check_names(person: &PersonRow<'_>, limits: &InputLimits, warnings: &mut Warnings) -> Result<(), Reject> {
    let mut named = false;
    let mut check = |name: &str, column| {
        if name.len() > limits.name_bytes_max {
            return Err(Reject { reason: RejectReason::NameTooLong, column: Some(column) });
        }
        if is_damaged(name) {
            warnings.insert_at(WarningKind::DamagedName, column);
        }
        Ok(())
    };
    for canonical in Canonical::NAMES {
        for (column, name) in person.fields_at(canonical) {
            named |= canonical != Canonical::Suffix && !values::trimmed(name).is_empty();
            check(name, column)?;
        }
    }
    let separator = person.mapping().separator(Canonical::OtherNames);
    for (column, field) in person.fields_at(Canonical::OtherNames) {
        values::texts(field, separator).try_for_each(|name| check(name, column))?;
    }
    if !named {
        warnings.insert(WarningKind::NoName);
    }
    Ok(())
}

fn check_addresses(person: &PersonRow<'_>, found: &mut Acceptance) {
    let lists = [
        (Canonical::Aliases, WarningKind::InvalidAlias),
        (Canonical::PersonalEmails, WarningKind::InvalidPersonalEmail),
    ];
    for (canonical, invalid) in lists {
        let separator = person.mapping().separator(canonical);
        for (column, field) in person.fields_at(canonical) {
            for value in values::addresses(field, separator) {
                match value {
                    AddressValue::Address(_) => {}
                    AddressValue::OtherType(_) => found.other_addresses += 1,
                    AddressValue::Invalid(_) => found.warnings.insert_at(invalid, column),
                }
            }
        }
    }
}

/// Letters were lost on the way: the replacement character, or the question mark of a lossy conversion.
fn is_damaged(name: &str) -> bool {
    // 0xEF is the first byte of U+FFFD and of few other characters.
    memchr::memchr2(b'?', 0xef, name.as_bytes()).is_some_and(|at| name[at..].contains(['?', '\u{fffd}']))
}

/// Why a row of any of the files is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RejectReason {
    /// Another number of fields than the header.
    Ragged,
    /// A field over its cap.
    FieldTooLong,
    /// No tenant, neither in the row nor as a constant.
    NoTenant,
    /// Tenant over 64 bytes.
    TenantTooLong,
    /// Person id over 128 bytes.
    PersonIdTooLong,
    /// No address.
    NoAddress,
    /// Something that is no address.
    InvalidAddress,
    /// Address over 254 bytes.
    AddressTooLong,
    /// A name over its cap.
    NameTooLong,
    /// Aliases: neither a person id nor a primary address.
    NoPerson,
    /// Domains: no domain, or something that is none.
    InvalidDomain,
    /// Domains: neither owned nor partner.
    InvalidDomainKind,
    /// Domains: a sub-address character that is not one ASCII punctuation character.
    InvalidSubaddress,
}

impl From<AddressError> for RejectReason {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::TooLong => Self::AddressTooLong,
            _ => Self::InvalidAddress,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ragged => "another number of fields than the header",
            Self::FieldTooLong => "field over its cap",
            Self::NoTenant => "no tenant",
            Self::TenantTooLong => "tenant over 64 bytes",
            Self::PersonIdTooLong => "person id over 128 bytes",
            Self::NoAddress => "no address",
            Self::InvalidAddress => "not an address",
            Self::AddressTooLong => "address over 254 bytes",
            Self::NameTooLong => "name over its cap",
            Self::NoPerson => "neither person id nor primary address",
            Self::InvalidDomain => "not a domain",
            Self::InvalidDomainKind => "neither owned nor partner",
            Self::InvalidSubaddress => "not one ASCII punctuation character",
        })
    }
}

/// What can be odd about a row that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[repr(u8)]
pub enum WarningKind {
    /// No name at all.
    NoName,
    /// U+FFFD or `?` in a name, in place of letters.
    DamagedName,
    /// A field that a spreadsheet would run (`=…`, `@…`).
    Formula,
    /// The same (tenant, person id) again; found by the builder.
    DuplicatePerson,
    /// A primary address whose domain is not among the tenant's; found by the builder.
    DomainNotOfTenant,
    /// An alias that is no address; not indexed.
    InvalidAlias,
    /// A personal e-mail that is no address; not indexed.
    InvalidPersonalEmail,
    /// A kind that is not known; the default holds.
    UnknownKind,
    /// A status that is not known; active holds.
    UnknownStatus,
    /// A vip level that is not known; 0 holds.
    UnknownVip,
    /// Text after a closing quote; the quotes were dropped.
    StrayQuote,
    /// A yes or no that is neither; no holds.
    UnknownFlag,
    /// A line of the aliases file whose person is in no people file; found by the builder.
    AliasOfNobody,
}

impl WarningKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::NoName,
        Self::DamagedName,
        Self::Formula,
        Self::DuplicatePerson,
        Self::DomainNotOfTenant,
        Self::InvalidAlias,
        Self::InvalidPersonalEmail,
        Self::UnknownKind,
        Self::UnknownStatus,
        Self::UnknownVip,
        Self::StrayQuote,
        Self::UnknownFlag,
        Self::AliasOfNobody,
    ];
}

/// A set of [`WarningKind`], each with the column it is about where it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Warnings {
    kinds: u16,
    /// Number of the column + 1; 0 for none.
    columns: [u16; WarningKind::ALL.len()],
}

impl Warnings {
    /// Adds a kind that is about the row.
    pub fn insert(&mut self, kind: WarningKind) {
        self.kinds |= 1 << kind as u8;
    }

    /// Adds a kind that is about this column; of several columns the first stays.
    pub fn insert_at(&mut self, kind: WarningKind, column: u16) {
        self.insert(kind);
        let known = &mut self.columns[kind as usize];
        if *known == 0 {
            *known = column.saturating_add(1);
        }
    }

    /// Whether a kind is in it.
    #[must_use]
    pub fn contains(self, kind: WarningKind) -> bool {
        self.kinds & (1 << kind as u8) != 0
    }

    /// The column that the kind is about.
    #[must_use]
    pub fn column(self, kind: WarningKind) -> Option<u16> {
        self.columns[kind as usize].checked_sub(1)
    }

    /// Whether none is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.kinds == 0
    }

    /// The kinds in it, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = WarningKind> {
        WarningKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}
