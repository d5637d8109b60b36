//! The keys of people as hashes, gathered per row and later bound to ordinals.

use std::collections::HashMap;

use crate::normalize::{KeyBuffer, address_key, strip_dots};
use crate::segment::{Corrupt, Fields, KeyHasher, for_each_address, for_each_name, is_dotless_domain};

/// (hash of a key, row or ordinal) pairs of the three indexes over people.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    pub(super) addresses: Vec<(u64, u32)>,
    pub(super) persons: Vec<(u64, u32)>,
    pub(super) names: Vec<(u64, u32)>,
}

impl Keyed {
    /// Adds what `other` gathered, its numbers moved by `by`.
    pub(super) fn append(&mut self, other: &Self, by: u32) {
        let pairs = [
            (&mut self.addresses, &other.addresses),
            (&mut self.persons, &other.persons),
            (&mut self.names, &other.names),
        ];
        for (to, from) in pairs {
            to.extend(from.iter().map(|&(hash, number)| (hash, number + by)));
        }
    }
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
}

impl<'d> KeyMaker<'d> {
    pub(super) fn new(hasher: KeyHasher, dotless: &'d DotlessDomains) -> Self {
        Self { hasher, dotless, key: KeyBuffer::new(), shorter: KeyBuffer::new(), joined: String::new() }
    }

    /// Adds all keys of a person under `number`; `primary_domain` is told the domain of the primary address.
    pub(super) fn add<'a>(
        &mut self,
        fields: &impl Fields<'a>,
        tenant: &str,
        number: u32,
        out: &mut Keyed,
        mut primary_domain: impl FnMut(&str),
    ) -> Result<(), Corrupt> {
        let Self { hasher, dotless, key, shorter, joined } = self;
        out.persons.push((hasher.person(tenant, fields.person_id()?), number));
        let mut first = true;
        for_each_address(fields, |address, _| {
            let first = std::mem::take(&mut first);
            let Some(key) = address_key(address, key) else { return Ok(()) };
            out.addresses.push((hasher.address(key.bytes()), number));
            if first {
                primary_domain(std::str::from_utf8(key.domain()).unwrap_or_default());
            }
            let of_tenant = || {
                let domain = std::str::from_utf8(key.domain()).unwrap_or_default();
                dotless.get(domain).is_some_and(|tenants| tenants.iter().any(|known| known == tenant))
            };
            if is_dotless_domain(key.domain()) || (!dotless.is_empty() && of_tenant()) {
                let stripped = strip_dots(&key, shorter);
                let bytes = stripped.as_ref().map_or(key.bytes(), |stripped| stripped.bytes());
                out.addresses.push((hasher.dotless(bytes), number));
            }
            Ok(())
        })?;
        let tenant = hasher.tenant(tenant);
        for_each_name(fields, joined, key, |name| out.names.push((KeyHasher::name(tenant, name), number)))
    }
}
