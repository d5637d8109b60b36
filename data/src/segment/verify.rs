//! The thorough check of a segment through the client's own reader, before anybody can reach it.

use persondb_protocol::answer::Matched;

use super::{Corrupt, Fields, HITS_MAX, Ordinal, PersonRef, Scope, Segment, for_each_address, for_each_name};
use crate::normalize::KeyBuffer;

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

impl<B: AsRef<[u8]>> Segment<B> {
    /// Compares all checksums, then decodes `sample` people spread evenly (all for `None`) and finds each
    /// by each of their keys. Progress is called with bytes, then with people, done so far.
    ///
    /// O(segment + sample).
    ///
    /// # Errors
    /// [`Corrupt`] with the first thing that does not hold.
    pub fn verify(&self, sample: Option<u64>, progress: &mut dyn FnMut(u64)) -> Result<Verified, Corrupt> {
        let bytes = self.view.image.verify_checksums(self.bytes.as_ref(), progress)?;
        let mut verified = Verified { bytes, ..Verified::default() };
        let count = u64::from(self.people_count());
        let wanted = sample.unwrap_or(count).min(count);
        let mut checker =
            Checker { segment: self, joined: String::new(), key: KeyBuffer::new(), names: Vec::new() };
        for i in 0..wanted {
            let ordinal = i * count / wanted;
            let ordinal = Ordinal(u32::try_from(ordinal).map_err(|_| Corrupt::new("number of people"))?);
            verified.lookups += checker.check(&self.record(ordinal)?)?;
            verified.people += 1;
            if i % 4096 == 0 {
                progress(i);
            }
        }
        let tenants: Result<Vec<_>, _> =
            self.tenants().map(|tenant| tenant.map(|(_, people)| people)).collect();
        let in_tenants: u64 = tenants?.iter().sum();
        if in_tenants != count {
            return Err(Corrupt::new(format!("tenants hold {in_tenants} people, the segment {count}")));
        }
        Ok(verified)
    }
}

struct Checker<'s, B> {
    segment: &'s Segment<B>,
    joined: String,
    key: KeyBuffer,
    names: Vec<Vec<u8>>,
}

impl<B: AsRef<[u8]>> Checker<'_, B> {
    fn check(&mut self, person: &PersonRef<'_>) -> Result<u64, Corrupt> {
        let ordinal = person.ordinal();
        for column in person.columns() {
            column?;
        }
        let tenant = person.tenant_id()?;
        let mut lookups = 0;
        let mut found = |hits: super::Hits<'_>, what: &str, key: &str| {
            lookups += 1;
            let there = hits.iter().any(|hit| hit.person.ordinal() == ordinal) || hits.len() == HITS_MAX;
            there
                .then_some(())
                .ok_or_else(|| Corrupt::new(format!("person {} is not found by {what} {key:?}", ordinal.0)))
        };
        let id = Fields::person_id(person)?;
        found(self.segment.person(id, Scope::Tenant(tenant))?, "identifier", id)?;
        for_each_address(person, |address, matched| {
            // Further addresses that are none (a phone number among the aliases, say) were never indexed.
            let is_address = crate::normalize::address_key(address, &mut self.key).is_some();
            if is_address || matched == Matched::Primary {
                found(self.segment.get(address, Scope::Tenant(tenant))?, "address", address)?;
            }
            Ok(())
        })?;
        self.names.clear();
        let names = &mut self.names;
        for_each_name(person, &mut self.joined, &mut self.key, |name| names.push(name.to_vec()))?;
        for name in &self.names {
            let name = std::str::from_utf8(name).map_err(|_| Corrupt::new("name key is not UTF-8"))?;
            found(self.segment.by_name(tenant, name, HITS_MAX)?, "name", name)?;
        }
        Ok(lookups)
    }
}
