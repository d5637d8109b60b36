//! Addresses that look as if they were in the people file, and are not.
//!
//! Near misses are what a look-up structure can get wrong: another surname of the same pattern, a typing error
//! in a colleague's address, the right local part at the tenant's other domain, one namesake more than there are.

use super::GenerateOptions;
use super::address::{Addresses, capitalise, join_address, pick_domain, write_local};
use super::names::Name;
use super::people::People;
use super::person::Person;
use super::random::{Purpose, Random};
use super::tenant::{Domain, Pattern, Tenant};

/// How many people of a tenant near misses are made from.
const SAMPLE: usize = 2_048;

/// Attempts before an absent address gets a number.
const ATTEMPTS: u32 = 20;

/// The absent addresses of one tenant.
#[derive(Debug)]
pub(crate) struct Absent<'a> {
    tenant: &'a Tenant,
    random: Random,
    addresses: Addresses,
    sample: Vec<Sampled>,
    given: Name,
    family: Name,
}

/// What a near miss is made from.
#[derive(Debug)]
struct Sampled {
    local: String,
    given: String,
    family: String,
}

impl<'a> Absent<'a> {
    /// Goes through the people of `tenant` and remembers which addresses they have, those of the aliases file
    /// included.
    pub(crate) fn new(options: &GenerateOptions, tenant: &'a Tenant) -> Self {
        let mut random = Random::new(options.seed, Purpose::Absent, tenant.ordinal);
        let mut sample = Vec::new();
        let mut people = People::new(options, tenant);
        let mut person = Person::default();
        let mut seen = 0;
        while people.next(&mut person) {
            // Reservoir sampling: every person is in the sample with the same chance.
            seen += 1;
            let at = if sample.len() < SAMPLE { sample.len() } else { random.index(seen) };
            if at >= SAMPLE {
                continue;
            }
            let local = person.email.split('@').next().unwrap_or_default().to_ascii_lowercase();
            let (given, family) = (person.latin_given.clone(), person.latin_family.clone());
            let sampled = Sampled { local, given, family };
            match sample.get_mut(at) {
                Some(old) => *old = sampled,
                None => sample.push(sampled),
            }
        }
        Self {
            tenant,
            random,
            addresses: people.addresses,
            sample,
            given: Name::default(),
            family: Name::default(),
        }
    }

    /// Writes one more absent address to `out`, which is cleared; no two are equal.
    pub(crate) fn next(&mut self, out: &mut String) {
        let tenant = self.tenant;
        let mut local = String::new();
        let mut attempts = 0;
        let domain = loop {
            let domain = pick_domain(&mut self.random, &tenant.domains);
            self.near_miss(&mut local);
            if is_plain(&local) && self.addresses.claim(&local, domain) {
                break domain;
            }
            attempts += 1;
            if attempts == ATTEMPTS {
                self.numbered(&mut local, domain);
                break domain;
            }
        };
        if self.random.chance(30_000) {
            capitalise(&mut self.random, &mut local);
        }
        out.clear();
        join_address(&local, domain, out);
    }

    fn numbered(&mut self, local: &mut String, domain: &Domain) {
        "jane.doe".clone_into(local);
        self.addresses.claim_numbered(&mut self.random, local, domain);
    }

    fn near_miss(&mut self, local: &mut String) {
        let random = &mut self.random;
        local.clear();
        let someone = random.pick(&self.sample);
        match random.below(10) {
            0..3 => {
                let culture = self.tenant.culture(random);
                culture.given(random, &mut self.given);
                culture.family(random, &mut self.family);
                write_local(random, self.tenant.pattern, &self.given.latin, &self.family.latin, local);
            }
            3..5 => {
                let family = &random.pick(&self.sample).family;
                write_local(random, self.tenant.pattern, &someone.given, family, local);
            }
            5 => {
                let pattern =
                    *random.pick(&[Pattern::FirstDotLast, Pattern::InitialLast, Pattern::FirstLast]);
                write_local(random, pattern, &someone.given, &someone.family, local);
            }
            6 => {
                local.push_str(&someone.local);
                local.push_str(&random.between(2, 30).to_string());
            }
            // The same local part: absent where the tenant's other domain does not have it.
            7 => local.push_str(&someone.local),
            _ => mistype(random, &someone.local, local),
        }
    }
}

/// Copies `from`, which is ASCII, with one typing error.
fn mistype(random: &mut Random, from: &str, to: &mut String) {
    let mut letters: Vec<char> = from.chars().collect();
    let at = random.index(letters.len());
    match random.below(4) {
        0 if at > 0 => letters.swap(at - 1, at),
        1 => {
            letters.remove(at);
        }
        2 => letters.insert(at, letters[at]),
        _ => letters[at] = if letters[at] == 'o' { '0' } else { *random.pick(&['e', 'a', 'n', 's', '1']) },
    }
    to.extend(letters);
}

/// Whether `local` is a dot-atom that needs no quotes.
fn is_plain(local: &str) -> bool {
    !local.is_empty() && !local.starts_with('.') && !local.ends_with('.') && !local.contains("..")
}
