//! What `Difficulty::Hard` does to a person: everything an export may hold and a parser may get wrong.
//!
//! Shared addresses (two people, one address, within a tenant and across two), empty fields, quotes and line
//! breaks within fields, characters outside the Basic Multilingual Plane, blanks at both ends, values of some
//! kilobytes, capitals, typed aliases (`SMTP:`, `SIP:`, `X500:`), all separators. Every row stays one that a
//! careful reader accepts; addresses and ids never carry blanks at the ends.

use std::fmt::Write as _;

use super::GenerateOptions;
use super::names::{Name, cultures};
use super::person::Person;
use super::random::{Purpose, Random};
use super::tenant::Tenant;

/// How many addresses are remembered to be shared.
const REMEMBERED: usize = 16;

/// Roughens the people of one tenant, and remembers addresses that a later person may share.
#[derive(Debug)]
pub(crate) struct Roughness {
    random: Random,
    /// Addresses of this tenant.
    seen: Vec<String>,
    name: Name,
}

impl Roughness {
    /// For the people of `tenant`.
    pub(crate) fn new(options: &GenerateOptions, tenant: &Tenant) -> Self {
        Self {
            random: Random::new(options.seed, Purpose::Hard, tenant.ordinal),
            seen: Vec::new(),
            name: Name::default(),
        }
    }

    /// Changes `person`, a finished row of `tenant`.
    pub(crate) fn roughen(&mut self, tenant: &Tenant, person: &mut Person) {
        self.share_addresses(tenant, person);
        self.name_more(person);
        self.mark_aliases(person);
        self.personal_addresses(person);
        self.attributes(person);
        self.damage(person);
    }

    /// One in fifty has the address of a colleague, one in fifty an alias that is a colleague's address, and one
    /// in a hundred an alias at the service company that all tenants share.
    fn share_addresses(&mut self, tenant: &Tenant, person: &mut Person) {
        let random = &mut self.random;
        if !self.seen.is_empty() && random.chance(20_000) {
            random.pick(&self.seen).clone_into(&mut person.email);
            person.shares_email = true;
        } else if person.kind == "guest" && random.chance(100_000) {
            // A guest of several tenants: the same address under another id in each of them.
            person.email.clear();
            write!(person.email, "auditor{}@{COMMON_DOMAIN}", random.below(20)).expect("a string takes all");
            person.shares_email = true;
        }
        if !self.seen.is_empty() && random.chance(20_000) {
            let colleague: &String = random.pick(&self.seen);
            push_alias(&mut person.aliases, colleague, ";");
        }
        if random.chance(10_000) {
            let alias = format!("desk{}@{COMMON_DOMAIN}", random.below(50));
            push_alias(&mut person.aliases, &alias, ";");
        }
        if !person.shares_email {
            if self.seen.len() < REMEMBERED {
                self.seen.push(person.email.clone());
            } else if random.chance(50_000) {
                let at = random.index(REMEMBERED);
                person.email.clone_into(&mut self.seen[at]);
            }
            // Without an id the primary address is the id, so such an address must be nobody else's.
            if !self.seen.contains(&person.email) && tenant.people > 1 && random.chance(5_000) {
                person.person_id.clear();
            }
        }
    }

    fn name_more(&mut self, person: &mut Person) {
        let random = &mut self.random;
        let culture = random.pick(cultures());
        if random.chance(60_000) {
            culture.given(random, &mut self.name);
            person.preferred_name.push_str(&self.name.shown);
        }
        if random.chance(50_000) {
            for ordinal in 0..random.between(1, 4) {
                if ordinal > 0 {
                    person.other_names.push_str(random.word(&[";", "|", "\n"]));
                }
                culture.given(random, &mut self.name);
                person.other_names.push_str(&self.name.shown);
                person.other_names.push(' ');
                culture.family(random, &mut self.name);
                person.other_names.push_str(&self.name.shown);
            }
        }
    }

    /// Typed aliases and other separators, as mail servers export them.
    fn mark_aliases(&mut self, person: &mut Person) {
        let random = &mut self.random;
        if person.aliases.is_empty() {
            return;
        }
        match random.below(10) {
            0 => {
                let typed: Vec<String> =
                    person.aliases.split(';').map(|alias| format!("smtp:{alias}")).collect();
                person.aliases = format!("SMTP:{};{}", person.email, typed.join(";"));
            }
            1 => {
                let local = person.email.split('@').next().unwrap_or_default();
                let foreign =
                    format!("X500:/o=Org/ou=Exchange/cn=Recipients/cn={local};SIP:{}", person.email);
                person.aliases = format!("{foreign};smtp:{}", person.aliases.replace(';', ";smtp:"));
            }
            2 => person.aliases = person.aliases.replace(';', "|"),
            3 => person.aliases = person.aliases.replace(';', "\n"),
            4 => person.aliases = person.aliases.replace(';', "; "),
            5 => person.aliases = person.aliases.replace(';', ", "),
            6 if random.chance(200_000) => {
                person.aliases = format!("<{}>", person.aliases.replace(';', ">;<"));
            }
            _ => {}
        }
    }

    fn personal_addresses(&mut self, person: &mut Person) {
        let random = &mut self.random;
        if !random.chance(80_000) || person.latin_family.is_empty() {
            return;
        }
        for ordinal in 0..random.between(1, 3) {
            if ordinal > 0 {
                person.personal_emails.push_str(random.word(&[";", ",", "; "]));
            }
            if !person.latin_given.is_empty() {
                super::address::slug(&person.latin_given, &mut person.personal_emails);
                person.personal_emails.push('.');
            }
            super::address::slug(&person.latin_family, &mut person.personal_emails);
            let host = random.word(&["gmail.com", "outlook.com", "web.de", "orange.fr", "icloud.com"]);
            write!(person.personal_emails, "{}@{host}", random.below(10_000)).expect("a string takes all");
        }
    }

    /// The two columns that no reader knows.
    fn attributes(&mut self, person: &mut Person) {
        const WORDS: [&str; 16] = [
            "badge",
            "renewed",
            "see ticket",
            "office 4\u{2033}",
            "Straße",
            "naïve",
            "再雇用",
            "парковка",
            "👩‍🔬",
            "𝒦ey holder",
            "keeps \"quotes\"",
            "a,b",
            "tab\there",
            "50 %",
            "100€",
            "𠮷野家",
        ];
        let random = &mut self.random;
        if random.chance(700_000) {
            write!(person.cost_centre, "{:04}-{}", random.below(3_000), random.below(100))
                .expect("a string takes all");
        }
        let words = match random.below(1_000) {
            0..600 => 0,
            600..995 => random.between(1, 9),
            _ => random.between(100, 600),
        };
        for word in 0..words {
            if word > 0 {
                person.notes.push_str(random.weighted(&[(90, " "), (5, "\n"), (3, "\r\n"), (2, "; ")]));
            }
            person.notes.push_str(random.word(&WORDS));
        }
        if random.chance(100_000) {
            person.vip = random.weighted(&[(1, "0"), (1, "1"), (1, "2"), (1, "3"), (2, "")]);
        }
    }

    /// Oddities in the text columns; never in ids and addresses, where they would make the row a wrong one.
    fn damage(&mut self, person: &mut Person) {
        const ODD: [&str; 7] =
            [" \"the Boss\"", "\nroom 12", " \u{1f680}", " \u{10437}\u{1d538}", "  ", ", PhD", " =1+1"];
        let random = &mut self.random;
        for text in [
            &mut person.display_name,
            &mut person.title,
            &mut person.department,
            &mut person.location,
            &mut person.cost_centre,
        ] {
            match random.below(1_000) {
                0..12 => text.clear(),
                12..22 => text.insert(0, ' '),
                22..32 => text.push(' '),
                32..52 => text.push_str(random.word(&ODD)),
                52..54 => *text = format!("\"{text}\""),
                _ => {}
            }
        }
        if random.chance(1_000) {
            while person.title.len() < 900 {
                person.title.push_str(" and Everything Else");
            }
        }
        if random.chance(20_000) {
            person.email.make_ascii_uppercase();
        }
        for optional in [&mut person.status, &mut person.kind] {
            if random.chance(20_000) {
                // What an empty field stands for is the same.
                if matches!(*optional, "active" | "person") {
                    *optional = "";
                }
            }
        }
    }
}

/// A domain that belongs to no tenant and occurs in many.
const COMMON_DOMAIN: &str = "shared-services.example";

fn push_alias(aliases: &mut String, alias: &str, separator: &str) {
    if !aliases.is_empty() {
        aliases.push_str(separator);
    }
    aliases.push_str(alias);
}
