//! The keys of people as hashes, gathered per row and later bound to ordinals.

use std::collections::HashMap;

use persondb_protocol::matching::MatchedField;
use smallvec::SmallVec;

use super::links::PRIMARY;
use crate::normalize::names::{Name, for_each_index_key, has_same_index_keys};
use crate::normalize::{AddressKey, KeyBuffer, address_key, strip_dots};
use crate::segment::{
    Corrupt, Entry, Fields, KeyEntry, KeyHasher, NameEntry, for_each_address, for_each_name,
    is_dotless_domain, reach,
};

/// Entries of the three indexes over people: hash of a key, row or ordinal.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    pub(super) addresses: Vec<KeyEntry>,
    pub(super) persons: Vec<KeyEntry>,
    pub(super) names: Vec<NameEntry>,
}

impl Keyed {
    /// With room for so many people as most are.
    pub(super) fn with_room(people: usize) -> Self {
        Self {
            addresses: Vec::with_capacity(people * 2),
            persons: Vec::with_capacity(people),
            names: Vec::with_capacity(people * 4),
        }
    }

    /// Adds what `other` gathered, its numbers moved by `by`.
    pub(super) fn append(&mut self, other: &Self, by: u32) {
        let pairs = [(&mut self.addresses, &other.addresses), (&mut self.persons, &other.persons)];
        for (to, from) in pairs {
            let moved = |number: u32| ((number & !PRIMARY) + by) | (number & PRIMARY);
            to.extend(from.iter().map(|entry| KeyEntry::new(entry.hash(), moved(entry.number()))));
        }
        self.names.extend(other.names.iter().map(|entry| NameEntry::new(entry.hash(), entry.number() + by)));
    }
}

/// The domain of an address, which is text in every key.
pub(super) fn domain_of<'k>(key: &AddressKey<'k>) -> &'k str {
    std::str::from_utf8(key.domain()).unwrap_or_default()
}

/// Which tenants said of which domains that dots mean nothing.
pub(super) type DotlessDomains = HashMap<String, Vec<String>>;

/// Makes the keys of one person after the other, with buffers kept between them.
pub(super) struct KeyMaker<'d> {
    hasher: KeyHasher,
    dotless: &'d DotlessDomains,
    key: KeyBuffer,
    shorter: KeyBuffer,
    joined: String,
    /// The display name, and another one.
    names: [Name; 2],
    hashes: SmallVec<[u64; 16]>,
}

impl<'d> KeyMaker<'d> {
    pub(super) fn new(hasher: KeyHasher, dotless: &'d DotlessDomains) -> Self {
        Self {
            hasher,
            dotless,
            key: KeyBuffer::new(),
            shorter: KeyBuffer::new(),
            joined: String::new(),
            names: Default::default(),
            hashes: SmallVec::new(),
        }
    }

    /// What it hashes with.
    pub(super) fn hasher(&self) -> KeyHasher {
        self.hasher
    }

    /// Adds all keys of a person under `number`; `primary` is told the key of the primary address and says
    /// what to mark its number with.
    pub(super) fn add<'a>(
        &mut self,
        fields: &impl Fields<'a>,
        tenant: &str,
        number: u32,
        out: &mut Keyed,
        mut primary: impl FnMut(&AddressKey<'_>) -> u32,
    ) -> Result<(), Corrupt> {
        let Self { hasher, dotless, key, shorter, joined, names, hashes } = self;
        out.persons.push(KeyEntry::new(hasher.person(tenant, fields.person_id()?), number));
        let mut first = true;
        for_each_address(fields, |address, _| {
            let first = std::mem::take(&mut first);
            let Some(key) = address_key(address, key) else { return Ok(()) };
            let mark = if first { primary(&key) } else { 0 };
            out.addresses.push(KeyEntry::new(hasher.address(key.bytes()), number | mark));
            let of_tenant = || {
                dotless
                    .get(domain_of(&key))
                    .is_some_and(|tenants| tenants.iter().any(|known| known == tenant))
            };
            if is_dotless_domain(key.domain()) || (!dotless.is_empty() && of_tenant()) {
                let stripped = strip_dots(&key, shorter);
                let bytes = stripped.as_ref().map_or(key.bytes(), |stripped| stripped.bytes());
                out.addresses.push(KeyEntry::new(hasher.dotless(bytes), number));
            }
            Ok(())
        })?;
        let tenant = hasher.tenant(tenant);
        let reach = reach(fields)?;
        hashes.clear();
        let [shown, other] = names;
        for_each_name(fields, joined, |field, text| {
            let mut keys = |name: &Name| {
                for_each_index_key(name, reach, hasher.name_seed(), |key| {
                    hashes.push(KeyHasher::name(tenant, key.hash()));
                });
            };
            // The display name comes first, and most others say it in another way.
            if field == MatchedField::DisplayName {
                shown.read(text);
                keys(shown);
            } else {
                other.read(text);
                if !has_same_index_keys(other, shown) {
                    keys(other);
                }
            }
        })?;
        // Names in another order have keys in common.
        hashes.sort_unstable();
        hashes.dedup();
        out.names.extend(hashes.iter().map(|&hash| NameEntry::new(hash, number)));
        Ok(())
    }
}
