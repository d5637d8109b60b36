//! Which keys a person has: one function for builder and reader, so that what is indexed and what is
//! compared can never drift apart.

use persondb_protocol::answer::{Kind, Matched};
use persondb_protocol::matching::MatchedField;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::key_entry::name_hash;
use super::{Columns, Corrupt};
use crate::input::values::{self, AddressValue};
use crate::input::{self, Canonical};
use crate::normalize::names::Reach;

/// First character of a line of [`Fields::further_addresses`] that is an alias.
pub(crate) const FURTHER_ALIAS: char = 'a';
/// First character of a line of [`Fields::further_addresses`] that is a personal address.
pub(crate) const FURTHER_PERSONAL: char = 'p';

/// A person's values, wherever they stand: in a CSV row or in a segment.
pub(crate) trait Fields<'a> {
    /// What the columns mean.
    fn schema(&self) -> &Columns;

    /// The value of the column at `place`, as given.
    fn field(&self, place: u16) -> Result<&'a str, Corrupt>;

    /// Addresses from the aliases file and from later rows of the same person, one a line behind
    /// the character that says what it is.
    fn further_addresses(&self) -> Result<&'a str, Corrupt>;

    /// The first value of this meaning that is not blank; empty where there is none.
    fn canonical(&self, column: Canonical) -> Result<&'a str, Corrupt> {
        for &place in self.schema().places(column) {
            let value = self.field(place)?;
            if !values::trimmed(value).is_empty() {
                return Ok(value);
            }
        }
        Ok("")
    }

    /// Primary address, without what may surround one: of the first column that has any.
    fn email(&self) -> Result<&'a str, Corrupt> {
        primary_address(self)
    }

    /// Identifier within the tenant: the primary address where the file has none.
    fn person_id(&self) -> Result<&'a str, Corrupt> {
        match values::trimmed(self.canonical(Canonical::PersonId)?) {
            "" => self.email(),
            id => Ok(id),
        }
    }
}

/// What [`Fields::email`] is.
pub(crate) fn primary_address<'a, F: Fields<'a> + ?Sized>(fields: &F) -> Result<&'a str, Corrupt> {
    for &place in fields.schema().places(Canonical::Email) {
        let address = fields.schema().primary_address(place, fields.field(place)?);
        if !address.is_empty() {
            return Ok(address);
        }
    }
    Ok("")
}

/// Calls `visit` with every address of a person and what it is to them, primary first.
pub(crate) fn for_each_address<'a, F: Fields<'a> + ?Sized>(
    fields: &F,
    mut visit: impl FnMut(&'a str, Matched) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    visit(fields.email()?, Matched::Primary)?;
    several_addresses(fields, Canonical::Aliases, |address| visit(address, Matched::Alias))?;
    for line in fields.further_addresses()?.lines() {
        if let Some(address) = line.strip_prefix(FURTHER_ALIAS) {
            visit(address, Matched::Alias)?;
        }
    }
    several_addresses(fields, Canonical::PersonalEmails, |address| visit(address, Matched::PersonalKnown))?;
    for line in fields.further_addresses()?.lines() {
        if let Some(address) = line.strip_prefix(FURTHER_PERSONAL) {
            visit(address, Matched::PersonalKnown)?;
        }
    }
    Ok(())
}

fn several_addresses<'a, F: Fields<'a> + ?Sized>(
    fields: &F,
    column: Canonical,
    mut visit: impl FnMut(&'a str) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    for &place in fields.schema().places(column) {
        let value = fields.field(place)?;
        if value.is_empty() {
            continue;
        }
        for piece in values::addresses(value, fields.schema().separator(column)) {
            if let AddressValue::Address(address) = piece {
                visit(address)?;
            }
        }
    }
    Ok(())
}

/// Calls `visit` with every name of a person and where it is from: the display name, given or preferred with
/// family name, other names. `joined` holds a name meanwhile.
pub(crate) fn for_each_name<'a, F: Fields<'a> + ?Sized>(
    fields: &F,
    joined: &mut String,
    mut visit: impl FnMut(MatchedField, &str),
) -> Result<(), Corrupt> {
    let display_name = fields.canonical(Canonical::DisplayName)?;
    visit(MatchedField::DisplayName, display_name);
    let family = fields.canonical(Canonical::FamilyName)?;
    let firsts = [
        (Canonical::GivenName, MatchedField::GivenFamily),
        (Canonical::PreferredName, MatchedField::PreferredFamily),
    ];
    for (column, field) in firsts {
        let first = fields.canonical(column)?;
        if first.is_empty() || family.is_empty() {
            continue;
        }
        joined.clear();
        joined.push_str(first);
        joined.push(' ');
        joined.push_str(family);
        // Most display names are just this.
        if joined != display_name {
            visit(field, joined);
        }
    }
    for &place in fields.schema().places(Canonical::OtherNames) {
        for name in values::texts(fields.field(place)?, fields.schema().separator(Canonical::OtherNames)) {
            visit(MatchedField::OtherNames, name);
        }
    }
    Ok(())
}

/// How far from their name a person may still be found.
pub(crate) fn reach<'a, F: Fields<'a> + ?Sized>(fields: &F) -> Result<Reach, Corrupt> {
    // Behind the primary address stand names of accounts, and those of guests say so.
    for &place in fields.schema().places(Canonical::Email).get(1..).unwrap_or_default() {
        if values::is_guest_name(fields.field(place)?) {
            return Ok(Reach::Exact);
        }
    }
    let kind = input::kind_of_word(values::trimmed(fields.canonical(Canonical::Kind)?)).unwrap_or_default();
    let vip = input::Vip::of_word(values::trimmed(fields.canonical(Canonical::Vip)?)).unwrap_or_default();
    Ok(match (kind, vip.level()) {
        (Kind::Person, 0) => Reach::Usual,
        (Kind::Person, _) => Reach::Vip,
        _ => Reach::Exact,
    })
}

/// Whether dots in local parts of this domain mean nothing, whatever a tenant says.
pub(crate) fn is_dotless_domain(domain: &[u8]) -> bool {
    matches!(domain, b"gmail.com" | b"googlemail.com")
}

/// Hashes of keys: xxh3-64 (Collet; stable across releases) with the segment's own seed, and a tag so
/// that equal bytes of different kinds differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHasher {
    seed: u64,
}

impl KeyHasher {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Of a normalised address.
    pub(crate) fn address(self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.seed)
    }

    /// Of a normalised address whose local part has lost its dots.
    pub(crate) fn dotless(self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.seed ^ 0x646f_7473)
    }

    /// Of a person identifier in a tenant: every tenant may number its people from 1.
    pub(crate) fn person(self, tenant: &str, person_id: &str) -> u64 {
        xxh3_64_with_seed(person_id.as_bytes(), self.tenant(tenant) ^ 0x6964)
    }

    /// Of all names in a tenant.
    pub(crate) fn tenant(self, tenant: &str) -> u64 {
        xxh3_64_with_seed(tenant.as_bytes(), self.seed ^ 0x0074_656e)
    }

    /// Of anything that is known in the tenant with this hash only.
    pub(crate) fn in_tenant(tenant: u64, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, tenant)
    }

    /// What the keys of names are seeded with, before it is known in which tenant they are asked for.
    pub(crate) fn name_seed(self) -> u64 {
        self.seed ^ 0x6e61_6d65
    }

    /// Of a key of a name in the tenant with this hash.
    pub(crate) fn name(tenant: u64, key: u64) -> u64 {
        name_hash(xxh3_64_with_seed(&key.to_le_bytes(), tenant))
    }

    /// What the keys are seeded with under which a domain's look-alikes find it.
    pub(crate) fn lookalike_seed(self) -> u64 {
        self.seed ^ 0x6c6f_6f6b
    }

    /// Of a domain as an A-label.
    pub(crate) fn domain(self, domain: &[u8]) -> u64 {
        xxh3_64_with_seed(domain, self.seed ^ 0x0064_6e73)
    }
}
