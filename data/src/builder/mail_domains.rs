//! Domains of addresses as people write them, counted by tenant: an address in a row names one of them.

use hashbrown::HashMap;

/// Most domains of one tenant that addresses can name by code.
const OF_TENANT_MAX: usize = 255;

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
        let Some((_, domain)) = address.rsplit_once('@') else { return };
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

/// The domains of each tenant, most frequent first, one tenant after the other.
pub(super) struct MailDomains {
    domains: Vec<String>,
    /// First domain of each tenant, and of the one behind the last.
    first: Vec<u32>,
    /// People whose domain is beyond the n-th of their tenant, by n.
    beyond: [u64; OF_TENANT_MAX + 1],
}

impl MailDomains {
    /// Orders what was counted. Domains that stand behind a single address of a tenant with others are left
    /// out: they cost more than the one address that names them.
    pub(super) fn new(mut counts: MailDomainCounts, tenant_count: usize) -> Self {
        counts.flush();
        let mut all: Vec<_> =
            counts.counts.into_iter().map(|((tenant, domain), n)| (tenant, n, domain)).collect();
        all.sort_by(|a, b| (a.0, std::cmp::Reverse(a.1), &a.2).cmp(&(b.0, std::cmp::Reverse(b.1), &b.2)));
        let mut domains = Self { domains: Vec::new(), first: vec![0], beyond: [0; OF_TENANT_MAX + 1] };
        for (tenant, count, domain) in all {
            while domains.first.len() <= tenant as usize {
                domains.end_tenant();
            }
            let place = domains.domains.len() - domains.first[domains.first.len() - 1] as usize;
            for beyond in domains.beyond.iter_mut().take(place + 1) {
                *beyond += u64::from(count);
            }
            if place < OF_TENANT_MAX && (count > 1 || place == 0) {
                domains.domains.push(domain);
            }
        }
        while domains.first.len() <= tenant_count {
            domains.end_tenant();
        }
        domains
    }

    fn end_tenant(&mut self) {
        self.first
            .push(u32::try_from(self.domains.len()).expect("domains are fewer than rows, which are capped"));
    }

    /// All domains, by place.
    pub(super) fn domains(&self) -> &[String] {
        &self.domains
    }

    /// Place of a tenant's first domain.
    pub(super) fn first(&self, tenant: u32) -> u32 {
        self.first.get(tenant as usize).copied().unwrap_or_default()
    }

    /// Code of a domain among those of the tenant.
    pub(super) fn code(&self, tenant: u32, domain: &str) -> Option<u32> {
        let [first, next] = self.first.get(tenant as usize..tenant as usize + 2)? else { return None };
        let of_tenant = self.domains.get(*first as usize..*next as usize)?;
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
        assert_eq!(
            (domains.width(6), domains.width(1_000)),
            (1, 0),
            "one address as text or a bit for everybody"
        );
    }
}
