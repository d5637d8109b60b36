//! The thorough check of a segment through the client's own reader, before anybody can reach it.

use std::collections::HashSet;
use std::ops::ControlFlow;

use persondb_protocol::answer::Matched;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use persondb_protocol::Prefetch;

use super::{Corrupt, HITS_MAX, KeyHasher, LookupError, Ordinal, PersonRef, Scope, Segment};
use crate::normalize::KeyBuffer;
use crate::normalize::names::{Name, for_each_index_key};

/// What a verification saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Bytes whose checksums were compared.
    pub bytes: u64,
    /// People whose every column was decoded.
    pub people: u64,
    /// Look-ups that found their person.
    pub lookups: u64,
}

/// A verification that did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Something does not hold.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// `progress` broke it off.
    #[error("verification was broken off before its end")]
    Stopped,
}

impl<B: Prefetch> Segment<B> {
    /// Compares all checksums, then decodes `sample` people spread evenly (all for `None`) and finds each
    /// by each of their keys. `progress` is called with bytes, then with people, done so far, and can
    /// break it off.
    ///
    /// O(segment + sample).
    ///
    /// # Errors
    /// [`VerifyError`] with the first thing that does not hold.
    pub fn verify(
        &self,
        sample: Option<u64>,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Verified, VerifyError> {
        let bytes = self.view.image.verify_checksums(self.bytes.as_ref(), progress)?;
        let mut verified = Verified { bytes, ..Verified::default() };
        let count = u64::from(self.people_count());
        let wanted = sample.unwrap_or(count).min(count);
        let mut checker = Checker {
            segment: self,
            key: KeyBuffer::new(),
            name: Name::default(),
            hashes: Vec::new(),
            crowded: HashSet::new(),
        };
        for i in 0..wanted {
            let ordinal = i * count / wanted;
            let ordinal = Ordinal(u32::try_from(ordinal).map_err(|_| Corrupt::new("number of people"))?);
            verified.lookups += checker.check(&self.record(ordinal)?)?;
            verified.people += 1;
            if i % 64 == 0 && progress(i).is_break() {
                return Err(VerifyError::Stopped);
            }
        }
        let tenants: Result<Vec<_>, _> =
            self.tenants().map(|tenant| tenant.map(|(_, people)| people)).collect();
        let in_tenants: u64 = tenants?.iter().sum();
        if in_tenants != count {
            return Err(Corrupt::new(format!("tenants hold {in_tenants} people, the segment {count}")).into());
        }
        Ok(verified)
    }
}

/// People behind one key from which on it counts as crowded.
const CROWD: usize = 16;

/// What a person is found by.
#[derive(Clone, Copy)]
enum Key {
    Identifier,
    Address,
}

impl Key {
    fn name(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Address => "address",
        }
    }
}

struct Checker<'s, B> {
    segment: &'s Segment<B>,
    key: KeyBuffer,
    name: Name,
    hashes: Vec<u64>,
    /// Hashes of keys that many people share: each is looked up once, not once for each of them.
    crowded: HashSet<u64>,
}

impl<B: Prefetch> Checker<'_, B> {
    fn check(&mut self, person: &PersonRef<'_>) -> Result<u64, Corrupt> {
        let ordinal = person.ordinal();
        for column in person.columns() {
            column?;
        }
        let tenant = person.tenant_id()?;
        let tenant_scope = u64::from(person.tenant_code()?) + 1;
        let mut lookups = 0;
        let (segment, crowded) = (self.segment, &mut self.crowded);
        let mut found = |what: Key, key: &str| {
            // An address is looked up in all tenants: many of them may share it.
            let scope = if matches!(what, Key::Address) { 0 } else { tenant_scope };
            let hash = xxh3_64_with_seed(key.as_bytes(), what as u64 + (scope << 8));
            if crowded.contains(&hash) {
                return Ok(());
            }
            let hits = match what {
                Key::Identifier => segment.person(key, Scope::Tenant(tenant)),
                Key::Address => segment.get(key, Scope::Everywhere),
            };
            let hits = match hits {
                Ok(hits) => hits,
                Err(LookupError::Corrupt(corrupt)) => return Err(corrupt),
                // A key that very many share has no answer; that is how it is meant.
                Err(LookupError::TooMany) => {
                    crowded.insert(hash);
                    return Ok(());
                }
            };
            if hits.len() > CROWD {
                crowded.insert(hash);
            }
            lookups += 1;
            let there = hits.iter().any(|hit| hit.person.ordinal() == ordinal) || hits.len() == HITS_MAX;
            there.then_some(()).ok_or_else(|| {
                Corrupt::new(format!("person {} is not found by {} {key:?}", ordinal.0, what.name()))
            })
        };
        found(Key::Identifier, &person.person_id()?)?;
        person.for_each_address(|address, matched| {
            // Further addresses that are none (a phone number among the aliases, say) were never indexed.
            let is_address = crate::normalize::address_key(address, &mut self.key).is_some();
            if is_address || matched == Matched::Primary {
                found(Key::Address, address)?;
            }
            Ok(())
        })?;
        Ok(lookups + self.check_names(person)?)
    }

    /// Whether the index of names leads to the person by each key of each name. Which of those it leads to bear
    /// a name is for look-ups to compare.
    fn check_names(&mut self, person: &PersonRef<'_>) -> Result<u64, Corrupt> {
        let parts = self.segment.parts();
        let hasher = parts.view.hasher;
        let tenant = hasher.tenant(person.tenant_id()?);
        let members = parts.members(person.tenant_code()?)?;
        let Self { name, hashes, crowded, .. } = self;
        hashes.clear();
        person.for_each_name(|_, text, reach| {
            name.read(text);
            for_each_index_key(name, reach, hasher.name_seed(), |key| {
                hashes.push(KeyHasher::name(tenant, key.hash()));
            });
        })?;
        hashes.sort_unstable();
        hashes.dedup();
        hashes.retain(|hash| !crowded.contains(hash));
        for &hash in hashes.iter() {
            let (mut there, mut count) = (false, 0);
            let found = parts.candidates_in(&parts.view.name_index, (members, hash), |ordinal| {
                there |= ordinal == person.ordinal();
                count += 1;
                Ok(())
            });
            match found {
                Err(LookupError::Corrupt(corrupt)) => return Err(corrupt),
                Ok(()) if !there => {
                    let ordinal = person.ordinal().0;
                    return Err(Corrupt::new(format!("person {ordinal} is not found by a key of a name")));
                }
                Ok(()) | Err(LookupError::TooMany) => {}
            }
            if count > CROWD {
                crowded.insert(hash);
            }
        }
        Ok(hashes.len() as u64)
    }
}
