//! What [matching](crate::matching) asks of a segment beside look-ups by address.

use std::cmp::Reverse;

use persondb_protocol::Prefetch;
use persondb_protocol::matching::MatchedField;
use smallvec::SmallVec;

use super::scratch::with_scratch;
use super::{Corrupt, DomainLine, KeyHasher, LookupError, PersonRef, Segment, for_each_name, reach};
use crate::normalize::names::{Name, Reach, for_each_query_key};

/// Ordinals that one question about a name gathers before they are sorted.
const GATHERED_MAX: usize = 4096;
/// Lines of one domain that are looked at: one for each tenant that has people in it.
const DOMAIN_LINES_MAX: usize = 4096;
/// Domains of one key that are compared as look-alikes, each some microsecond.
const LOOKALIKES_MAX: usize = 256;

impl<B: Prefetch> Segment<B> {
    /// Name of a tenant, and number of its people.
    pub(crate) fn tenant(&self, code: u32) -> Result<(&str, u64), Corrupt> {
        self.parts().tenants()?.get(code)
    }

    /// Codes of those tenants that there are. O(tenants).
    pub(crate) fn tenant_codes(&self, wanted: &[String]) -> Result<SmallVec<[u32; 8]>, Corrupt> {
        let mut codes = SmallVec::new();
        for (tenant, code) in self.tenants().zip(0..) {
            let (tenant, _) = tenant?;
            if wanted.iter().any(|wanted| wanted == tenant) {
                codes.push(code);
            }
        }
        Ok(codes)
    }

    /// Calls `visit` with what each tenant knows of a domain, which is a key; of a domain of thousands of tenants
    /// with what the first of them know.
    pub(crate) fn for_each_domain_line(
        &self,
        domain: &[u8],
        mut visit: impl FnMut(DomainLine<'_>) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let mut left = DOMAIN_LINES_MAX;
        those_met(self.parts().for_each_domain_line(domain, |line| {
            left = left.checked_sub(1).ok_or(LookupError::TooMany)?;
            visit(line)
        }))
    }

    /// Calls `visit` with the domains that may be meant by a key of a look-alike: whoever asks compares. Of
    /// hundreds with the first.
    pub(crate) fn for_each_lookalike_line(
        &self,
        key: &[u8],
        mut visit: impl FnMut(DomainLine<'_>) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let parts = self.parts();
        let hash = parts.view.hasher.lookalike(key);
        let mut left = LOOKALIKES_MAX;
        those_met(parts.candidates(&parts.view.lookalike_index, hash, |reference| {
            left = left.checked_sub(1).ok_or(LookupError::TooMany)?;
            parts.with_domain_line(reference.0, &mut visit)
        }))
    }

    /// People of these tenants who may bear the name, each once, in the order of their ordinals, at most
    /// `limit`: those who share most keys with it. Their rows are on their way.
    ///
    /// All lines of the index are asked for before the first is read, for all tenants.
    pub(crate) fn people_named(
        &self,
        name: &Name,
        tenants: &[u32],
        limit: usize,
    ) -> Result<SmallVec<[PersonRef<'_>; 8]>, LookupError> {
        let parts = self.parts();
        let index = &parts.view.name_index;
        let mut seeds = SmallVec::<[u64; 16]>::new();
        for &tenant in tenants {
            seeds.push(parts.view.hasher.tenant(self.tenant(tenant)?.0));
        }
        let hashes = hashes_of(name, &seeds);
        for &hash in &hashes {
            self.ask_for_lines(index, hash);
        }
        let mut ordinals = SmallVec::<[u32; 64]>::new();
        for &hash in &hashes {
            those_met(parts.candidates(index, hash, |ordinal| {
                if ordinals.len() >= GATHERED_MAX {
                    return Err(LookupError::TooMany);
                }
                ordinals.push(ordinal.0);
                Ok(())
            }))?;
        }
        keep_nearest(&mut ordinals, limit);
        for &ordinal in &ordinals {
            self.ask_for_row(ordinal);
        }
        let mut people = SmallVec::new();
        for ordinal in ordinals {
            let (person, tenant) = PersonRef::with_tenant(parts, ordinal)?;
            // Others only share the fingerprint.
            if tenants.contains(&tenant) {
                people.push(person);
            }
        }
        Ok(people)
    }
}

type Hashes = SmallVec<[u64; 64]>;

/// Hashes of the keys of one name in the tenants that have these seeds, each once, in the order in which to ask for
/// them: pairs last, for thousands may share one, and would leave no room for those whose letters agree.
fn hashes_of(name: &Name, seeds: &[u64]) -> Hashes {
    let Some((&first, others)) = seeds.split_first() else { return Hashes::new() };
    // Those of the other tenants, key by key; and for each key that of the first tenant, and where the others begin.
    let mut rest = Hashes::new();
    let (mut letters, mut pairs) = (SmallVec::<[(u64, u32); 32]>::new(), SmallVec::<[(u64, u32); 32]>::new());
    for_each_query_key(name, |key| {
        let hash = KeyHasher::name(first, key.bytes());
        let keys = if key.is_pair() { &mut pairs } else { &mut letters };
        keys.push((hash, u32::try_from(rest.len()).unwrap_or(u32::MAX)));
        rest.extend(others.iter().map(|&seed| KeyHasher::name(seed, key.bytes())));
    });
    let mut hashes = Hashes::new();
    for keys in [&mut letters, &mut pairs] {
        keys.sort_unstable_by_key(|(hash, _)| *hash);
        // Keys that are the same in one tenant are so in all.
        keys.dedup_by_key(|(hash, _)| *hash);
        for &mut (hash, at) in keys {
            hashes.push(hash);
            if !others.is_empty() {
                let at = at as usize;
                hashes.extend_from_slice(rest.get(at..at + others.len()).unwrap_or_default());
            }
        }
    }
    hashes
}

/// Those who are in it most often, each once, in order.
fn keep_nearest(ordinals: &mut SmallVec<[u32; 64]>, limit: usize) {
    ordinals.sort_unstable();
    if ordinals.chunk_by(|a, b| a == b).count() > limit {
        let same = ordinals.chunk_by(|a, b| a == b);
        let mut by_count: Vec<(Reverse<usize>, u32)> =
            same.map(|same| (Reverse(same.len()), same[0])).collect();
        by_count.sort_unstable();
        by_count.truncate(limit);
        ordinals.clear();
        ordinals.extend(by_count.into_iter().map(|(_, ordinal)| ordinal));
        ordinals.sort_unstable();
    }
    ordinals.dedup();
}

/// Of what thousands share, those who were met will do.
fn those_met(result: Result<(), LookupError>) -> Result<(), LookupError> {
    match result {
        Err(LookupError::TooMany) => Ok(()),
        other => other,
    }
}

impl PersonRef<'_> {
    /// Calls `visit` with each of the person's names, where it is from, and how far from it one may be.
    pub(crate) fn for_each_name(
        &self,
        mut visit: impl FnMut(MatchedField, &str, Reach),
    ) -> Result<(), Corrupt> {
        let mut joined = String::new();
        with_scratch(|scratch| {
            let fields = self.decode(self.schema().name_places(), scratch)?;
            let reach = reach(&fields)?;
            for_each_name(&fields, &mut joined, |field, name| visit(field, name, reach))
        })
    }
}
