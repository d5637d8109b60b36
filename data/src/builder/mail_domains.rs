//! Domains of addresses as people write them, counted by tenant: an address in a row names one of them.

use hashbrown::HashMap;

use crate::segment::column::dictionary::{self, SLOT_DOMAINS};

/// Most domains of one tenant that addresses can name by code.
const OF_TENANT_MAX: usize = 255;
/// Bytes that a local part takes as text where names do not tell it, with the size in front.
const LOCAL_TEXT: u64 = 9;

/// How often each domain stands behind an `@`, by tenant.
#[derive(Default)]
pub(super) struct MailDomainCounts {
    counts: HashMap<(u32, String), u32>,
    last: (u32, String),
    run: u32,
}

impl MailDomainCounts {
    /// Counts the domain of an address as it is written, if it has one. Runs of one domain cost a comparison each.
    pub(super) fn add(&mut self, tenant: u32, address: &str) {
        let at = memchr::memrchr(b'@', address.as_bytes());
        let Some(domain) = at.and_then(|at| address.get(at + 1..)) else { return };
        if self.run > 0 && self.last.0 == tenant && self.last.1 == domain {
            self.run += 1;
            return;
        }
        self.flush();
        self.last.0 = tenant;
        self.last.1.clear();
        self.last.1.push_str(domain);
        self.run = 1;
    }

    /// Takes over the counts of a batch, whose tenants have these codes here.
    pub(super) fn append(&mut self, batch: Self, codes: &[u32]) {
        let mut batch = batch;
        batch.flush();
        for ((tenant, domain), count) in batch.counts {
            let tenant = codes.get(tenant as usize).copied().unwrap_or_default();
            *self.counts.entry((tenant, domain)).or_default() += count;
        }
    }

    fn flush(&mut self) {
        if self.run > 0 {
            if let Some(count) = self.counts.get_mut(&self.last) {
                *count += self.run;
            } else {
                self.counts.insert(self.last.clone(), self.run);
            }
            self.run = 0;
        }
    }
}

/// The domains of each tenant, most frequent first, one tenant after the other; but tenants that have a single
/// domain, and the same one, share its place.
pub(super) struct MailDomains {
    domains: Vec<String>,
    of_tenant: Vec<Places>,
    /// People whose domain is beyond the n-th of their tenant, by n.
    beyond: [u64; OF_TENANT_MAX + 1],
}

/// Where the domains of a tenant stand.
#[derive(Clone, Copy, Default)]
struct Places {
    first: u32,
    count: u32,
}

/// A domain that is the only one of some tenants: how many addresses have it there, and its place.
#[derive(Default)]
struct Alone {
    count: u64,
    first: Option<u32>,
}

impl MailDomains {
    /// Orders what was counted. Domains of so few addresses that these cost less as text are left out.
    pub(super) fn new(mut counts: MailDomainCounts, tenant_count: usize) -> Self {
        counts.flush();
        let mut all: Vec<_> =
            counts.counts.into_iter().map(|((tenant, domain), n)| (tenant, n, domain)).collect();
        all.sort_by(|a, b| (a.0, std::cmp::Reverse(a.1), &a.2).cmp(&(b.0, std::cmp::Reverse(b.1), &b.2)));
        let mut alone = HashMap::<&str, Alone>::new();
        for of_tenant in all.chunk_by(|a, b| a.0 == b.0) {
            if let [(_, count, domain)] = of_tenant {
                alone.entry(domain).or_default().count += u64::from(*count);
            }
        }
        let mut domains = Self {
            domains: Vec::new(),
            of_tenant: vec![Places::default(); tenant_count],
            beyond: [0; OF_TENANT_MAX + 1],
        };
        for of_tenant in all.chunk_by(|a, b| a.0 == b.0) {
            let [(tenant, _, domain), ..] = of_tenant else { continue };
            let shared = if of_tenant.len() == 1 { alone.get_mut(&**domain) } else { None };
            let places = match shared {
                Some(alone) => domains.place_of(domain, alone),
                None => domains.places_of(of_tenant),
            };
            if let Some(slot) = domains.of_tenant.get_mut(*tenant as usize) {
                *slot = places;
            }
        }
        domains
    }

    /// The place of a domain that is the only one of its tenant.
    fn place_of(&mut self, domain: &str, alone: &mut Alone) -> Places {
        if alone.first.is_none() && is_worth(domain, alone.count) {
            alone.first = Some(self.end());
            self.domains.push(domain.to_owned());
            self.beyond[0] += alone.count;
        }
        alone.first.map_or_else(Places::default, |first| Places { first, count: 1 })
    }

    fn places_of(&mut self, of_tenant: &[(u32, u32, String)]) -> Places {
        let mut places = Places { first: self.end(), count: 0 };
        for (_, count, domain) in of_tenant.iter().filter(|(_, n, domain)| is_worth(domain, (*n).into())) {
            for beyond in self.beyond.iter_mut().take(places.count as usize + 1) {
                *beyond += u64::from(*count);
            }
            if (places.count as usize) < OF_TENANT_MAX {
                self.domains.push(domain.clone());
                places.count += 1;
            }
        }
        if places.count == 0 { Places::default() } else { places }
    }

    fn end(&self) -> u32 {
        u32::try_from(self.domains.len()).expect("domains are fewer than rows, which are capped")
    }

    /// All domains, by place.
    pub(super) fn domains(&self) -> &[String] {
        &self.domains
    }

    /// Place of a tenant's first domain.
    pub(super) fn first(&self, tenant: u32) -> u32 {
        self.of_tenant.get(tenant as usize).map_or(0, |places| places.first)
    }

    /// Code of a domain among those of the tenant.
    pub(super) fn code(&self, tenant: u32, domain: &str) -> Option<u32> {
        let places = self.of_tenant.get(tenant as usize)?;
        let of_tenant = self.domains.get(places.first as usize..(places.first + places.count) as usize)?;
        let place = of_tenant.iter().position(|known| known == domain)?;
        u32::try_from(place).ok()
    }

    /// Bits of a code: the cheapest width, where an address beyond it costs some 12 bytes as text.
    pub(super) fn width(&self, people: u64) -> u32 {
        let cost =
            |width: u32| u64::from(width) * people + self.beyond[(1_usize << width).min(OF_TENANT_MAX)] * 96;
        (0..=8).min_by_key(|&width| cost(width)).unwrap_or(8)
    }
}

/// Whether a place for a domain costs less than what its addresses take as text: the domain at five bits a
/// letter, and what templates would have told of the local part.
fn is_worth(domain: &str, addresses: u64) -> bool {
    let as_text = (domain.len() as u64 + 1) * 5 / 8 + LOCAL_TEXT;
    addresses * as_text > dictionary::size_of_entry(SLOT_DOMAINS, domain, None) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_have_codes_by_frequency_within_their_tenant() {
        let mut counts = MailDomainCounts::default();
        let mut batch = MailDomainCounts::default();
        for address in ["a@One.example", "b@two.example", "c@two.example", "d@two.example", "nothing"] {
            batch.add(0, address);
        }
        batch.add(1, "e@two.example");
        batch.add(1, "f@three.example");
        batch.add(1, "g@three.example");
        counts.append(batch, &[2, 0]);
        let domains = MailDomains::new(counts, 3);
        assert_eq!(domains.code(2, "two.example"), Some(0));
        assert_eq!(domains.code(2, "One.example"), None, "one address names it");
        assert_eq!(domains.code(0, "three.example"), Some(0));
        assert_eq!(domains.code(1, "two.example"), None);
        assert_eq!(domains.code(9, "two.example"), None);
        assert_eq!((domains.first(0), domains.first(2), domains.domains().len()), (0, 1, 2));
        assert_eq!(domains.width(6), 0, "nobody's domain is beyond the first that has a place");
    }

    /// Domains of tenants 0, 1 … with the number of their addresses.
    fn counted(tenants: &[&[(&str, u32)]]) -> MailDomains {
        let mut counts = MailDomainCounts::default();
        for (of_tenant, tenant) in tenants.iter().zip(0..) {
            for (domain, count) in *of_tenant {
                (0..*count).for_each(|_| counts.add(tenant, &format!("x@{domain}")));
            }
        }
        MailDomains::new(counts, tenants.len())
    }

    #[test]
    fn a_code_is_as_wide_as_pays_for_those_beyond_it() {
        let domains = counted(&[&[("one.example", 90), ("two.example", 7), ("three.example", 1)]]);
        assert_eq!(domains.domains(), ["one.example", "two.example"]);
        assert_eq!(
            (domains.width(98), domains.width(1_000)),
            (1, 0),
            "seven as text, or a bit for everybody"
        );
    }

    #[test]
    fn tenants_whose_only_domain_is_the_same_share_its_place_and_one_that_is_rare_has_none() {
        let domains = counted(&[
            &[("mail.example", 1)],
            &[("mail.example", 1), ("other.example", 1)],
            &[("mail.example", 1)],
            &[("rare.example", 1)],
            &[("mail.example", 1)],
            &[("own.example", 4), ("mail.example", 3)],
        ]);
        assert_eq!(domains.domains(), ["mail.example", "own.example", "mail.example"]);
        let codes: Vec<_> = (0..6).map(|tenant| domains.code(tenant, "mail.example")).collect();
        assert_eq!(codes, [Some(0), None, Some(0), None, Some(0), Some(1)]);
        assert_eq!((domains.first(4), domains.first(5)), (0, 1));
        assert_eq!(domains.code(3, "rare.example"), None);
    }
}
