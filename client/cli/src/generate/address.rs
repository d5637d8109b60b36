//! Addresses: local parts from names, by the pattern of the tenant, and which of them are taken.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::random::{Random, hash};
use super::tenant::{Domain, Pattern};

/// The longest local part made from a name, before a number is added on collision.
const LOCAL_MAX: usize = 31;

/// The addresses of one tenant.
///
/// Remembers 64-bit hashes, so that a tenant of half a million people needs 16 MB. Two addresses with one hash
/// count as one, which costs the second a number in its local part and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    taken: HashSet<u64>,
    key: String,
}

impl Addresses {
    /// Whether `local` at `domain` was free; it is taken now.
    ///
    /// Addresses that a look-up would not tell apart (capitals, and dots where the domain ignores them) are one.
    pub(crate) fn claim(&mut self, local: &str, domain: &Domain) -> bool {
        self.key.clear();
        for letter in local.chars() {
            if letter != '.' || !domain.dots_ignored {
                self.key.push(letter.to_ascii_lowercase());
            }
        }
        self.key.push('@');
        self.key.push_str(&domain.name);
        self.taken.insert(hash(self.key.as_bytes(), 0))
    }

    /// Takes `local` at `domain`, with a number behind it where it is not free. Changes `local`.
    pub(crate) fn claim_numbered(&mut self, random: &mut Random, local: &mut String, domain: &Domain) {
        let length = local.len();
        let mut number = 2;
        // With more namesakes than that a tenant gives people numbers that are not in sequence.
        while !self.claim(local, domain) {
            local.truncate(length);
            write!(local, "{number}").expect("writing to a string cannot fail");
            number = if number < 60 { number + 1 } else { random.between(60, 1 << 40) };
        }
    }
}

/// Writes the local part of somebody called `given` `family` (in ASCII) to `local`, which is cleared.
pub(crate) fn write_local(
    random: &mut Random,
    pattern: Pattern,
    given: &str,
    family: &str,
    local: &mut String,
) {
    local.clear();
    match pattern {
        Pattern::FirstDotLast => both(given, ".", family, local),
        Pattern::FirstUnderscoreLast => both(given, "_", family, local),
        Pattern::FirstLast => both(given, "", family, local),
        Pattern::LastDotFirst => both(family, ".", given, local),
        Pattern::InitialLast => {
            given_slug(given, local);
            local.truncate(1);
            slug(family, local);
        }
        Pattern::First => given_slug(given, local),
        Pattern::FirstInitial => {
            given_slug(given, local);
            push_initial(family, local);
        }
        Pattern::LastUnderscoreInitial => {
            slug(family, local);
            local.push('_');
            push_initial(given, local);
        }
        Pattern::StaffNumber => {
            write!(local, "u{:06}", random.below(1_000_000)).expect("writing to a string cannot fail");
        }
        Pattern::Trigram => {
            given_slug(given, local);
            local.truncate(3);
            write!(local, "{}", random.between(1, 10_000)).expect("writing to a string cannot fail");
        }
        Pattern::Handle => {
            for _ in 0..random.between(5, 11) {
                local.push(char::from(b"etaoinshrdlucmfwypvbgkjqxz"[random.ranked_index(9, 26)]));
            }
        }
    }
    local.truncate(LOCAL_MAX);
    while local.ends_with(['.', '-', '_']) {
        local.pop();
    }
    if local.is_empty() {
        local.push_str("user");
    }
}

/// The main domain of a tenant for most, any of them for the others.
pub(crate) fn pick_domain<'d>(random: &mut Random, domains: &'d [Domain]) -> &'d Domain {
    if domains.len() == 1 || random.chance(900_000) { &domains[0] } else { random.pick(domains) }
}

/// Appends `local@domain` to `out`.
pub(crate) fn join_address(local: &str, domain: &Domain, out: &mut String) {
    out.push_str(local);
    out.push('@');
    out.push_str(&domain.name);
}

fn both(first: &str, separator: &str, second: &str, local: &mut String) {
    slug(first, local);
    if first.contains('-') {
        // Only surnames keep the hyphen.
        local.retain(|letter| letter != '-');
    }
    if !local.is_empty() {
        local.push_str(separator);
    }
    slug(second, local);
}

fn given_slug(given: &str, local: &mut String) {
    slug(given, local);
    local.retain(|letter| letter != '-');
}

fn push_initial(name: &str, local: &mut String) {
    local.extend(name.chars().find(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()));
}

/// Adds what an address keeps of a name in ASCII: small letters, digits and hyphens within.
pub(crate) fn slug(latin: &str, out: &mut String) {
    let start = out.len();
    for letter in latin.chars() {
        match letter {
            'a'..='z' | '0'..='9' => out.push(letter),
            'A'..='Z' => out.push(letter.to_ascii_lowercase()),
            '-' if out.len() > start && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    if out.len() > start && out.ends_with('-') {
        out.pop();
    }
}

/// Writes capitals as some exports keep them: `Jane.Doe`, or `JDOE`.
pub(crate) fn capitalise(random: &mut Random, local: &mut String) {
    if local.len() <= 7 && random.chance(300_000) {
        local.make_ascii_uppercase();
        return;
    }
    let mut first = true;
    *local = local
        .chars()
        .map(|letter| {
            let written = if first { letter.to_ascii_uppercase() } else { letter };
            first = matches!(letter, '.' | '-' | '_');
            written
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::super::random::Purpose;
    use super::*;

    fn domain(dots_ignored: bool) -> Domain {
        Domain { name: "a.example".into(), subaddress: false, dots_ignored }
    }

    fn local(pattern: Pattern, given: &str, family: &str) -> String {
        let mut out = String::new();
        write_local(&mut Random::new(1, Purpose::People, 1), pattern, given, family, &mut out);
        out
    }

    #[test]
    fn each_pattern_is_what_it_says() {
        assert_eq!(
            local(Pattern::FirstDotLast, "Hans-Peter", "Langlois-Lefebvre"),
            "hanspeter.langlois-lefebvre"
        );
        assert_eq!(local(Pattern::InitialLast, "Jane", "O'Brien"), "jobrien");
        assert_eq!(local(Pattern::FirstInitial, "Jane", "van der Velden"), "janev");
        assert_eq!(local(Pattern::LastUnderscoreInitial, "Jane", "Doe"), "doe_j");
        assert_eq!(local(Pattern::FirstDotLast, "", "Doe"), "doe");
        assert_eq!(local(Pattern::First, "", "Doe"), "user");
    }

    #[test]
    fn a_taken_address_gets_a_number() {
        let mut addresses = Addresses::default();
        let mut random = Random::new(1, Purpose::People, 1);
        let mut claimed = Vec::new();
        for _ in 0..3 {
            let mut local = String::from("jane.doe");
            addresses.claim_numbered(&mut random, &mut local, &domain(false));
            claimed.push(local);
        }
        assert_eq!(claimed, ["jane.doe", "jane.doe2", "jane.doe3"]);
    }

    #[test]
    fn capitals_and_ignored_dots_do_not_make_another_address() {
        for (dots_ignored, free) in [(false, true), (true, false)] {
            let mut addresses = Addresses::default();
            assert!(addresses.claim("jane.doe", &domain(dots_ignored)));
            assert!(!addresses.claim("Jane.Doe", &domain(dots_ignored)));
            assert_eq!(addresses.claim("janedoe", &domain(dots_ignored)), free);
        }
    }
}
