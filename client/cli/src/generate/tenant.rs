//! A tenant: its domains, and the habits that all its people share.
//!
//! Habits are a tenant's, not a
//! person's, because that is what makes real exports compress and collide as they do: one address pattern, one
//! order of names, one style of person ids.

use std::collections::HashSet;

use super::names::{Culture, Name, cultures};
use super::random::{Purpose, Random, scatter};
use super::work::Spread;
use super::{Difficulty, GenerateOptions};

/// A tenant and the habits of its people.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// Position among the tenants.
    pub(crate) ordinal: u64,
    /// `tenant_id`.
    pub(crate) id: String,
    /// How many people.
    pub(crate) people: u64,
    /// Ordinal of the first of them in the whole file.
    pub(crate) first: u64,
    /// Its own domains, the main one first.
    pub(crate) domains: Vec<Domain>,
    /// Domains of firms it works with.
    pub(crate) partners: Vec<String>,
    /// How its people are identified.
    pub(crate) ids: IdStyle,
    /// How addresses are made from names.
    pub(crate) pattern: Pattern,
    /// How display names are written.
    pub(crate) order: Order,
    /// How letters with marks and other scripts are written.
    pub(crate) spelling: Spelling,
    /// Chance of a middle initial.
    pub(crate) middle_ppm: u64,
    /// What stands after a middle initial.
    pub(crate) initial_end: &'static str,
    /// Chance of a guest.
    pub(crate) guest_ppm: u64,
    /// Chance of an alias.
    pub(crate) alias_ppm: u64,
    /// Chance of capitals in an address.
    pub(crate) capitals_ppm: u64,
    /// People per manager.
    pub(crate) span: u64,
    /// Where its people are, the main place first.
    pub(crate) places: Vec<&'static str>,
    /// Whether departments have regions.
    pub(crate) spread: Spread,
    home: &'static Culture,
    foreign_ppm: u64,
}

/// A domain of a tenant, with the rules that the domains file gives it.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    /// Lower case.
    pub(crate) name: String,
    /// Whether `name+tag` reaches `name`.
    pub(crate) subaddress: bool,
    /// Whether dots in the local part mean nothing.
    pub(crate) dots_ignored: bool,
}

/// How people are identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdStyle {
    /// An integer that says nothing.
    Scattered,
    /// A prefix and a number with leading zeros.
    StaffNumber(&'static str),
    /// Random UUIDs.
    Uuid,
}

/// How a local part is made from a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `jane.doe`
    FirstDotLast,
    /// `jdoe`
    InitialLast,
    /// `jane`
    First,
    /// `janed`
    FirstInitial,
    /// `jane_doe`
    FirstUnderscoreLast,
    /// `doe.jane`
    LastDotFirst,
    /// `janedoe`
    FirstLast,
    /// `doe_j`
    LastUnderscoreInitial,
    /// `u123456`
    StaffNumber,
    /// `jan4711`
    Trigram,
    /// Letters without sense.
    Handle,
}

/// How a display name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Jane Doe
    FirstLast,
    /// Doe, Jane
    LastFirst,
}

/// How names are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// In ASCII.
    Ascii,
    /// In ASCII by most.
    Mixed,
    /// In Latin letters with their marks.
    Marked,
    /// In the script of the owner.
    Native,
}

impl Tenant {
    /// The culture of one more person.
    pub(crate) fn culture(&self, random: &mut Random) -> &'static Culture {
        if random.chance(self.foreign_ppm) { any_culture(random) } else { self.home }
    }

    /// Draws tenant number `ordinal` with so many `people`, whose domains are not among those `taken`.
    pub(super) fn draw(
        options: &GenerateOptions,
        ordinal: u64,
        people: u64,
        first: u64,
        taken: &mut HashSet<String>,
    ) -> Self {
        let mut random = Random::new(options.seed, Purpose::Tenant, ordinal);
        let home = any_culture(&mut random);
        let large = people > 2_000;
        // Most tenants have few guests or none, some have many.
        let guests_most = random.below(300_000);
        let guest_ppm = if random.chance(400_000) { 0 } else { random.below(guests_most) };
        let mut tenant = Self {
            ordinal,
            id: format!("T{}", 1_000_000 + scatter(ordinal, 23, options.seed)),
            people,
            first,
            domains: Vec::new(),
            partners: Vec::new(),
            ids: random.weighted(&[
                (75, IdStyle::Scattered),
                (8, IdStyle::StaffNumber("E")),
                (4, IdStyle::StaffNumber("EMP-")),
                (3, IdStyle::StaffNumber("P")),
                (7, IdStyle::Uuid),
            ]),
            pattern: random.weighted(&PATTERNS),
            order: if random.chance(150_000) { Order::LastFirst } else { Order::FirstLast },
            spelling: if home.native_script && random.chance(130_000) {
                Spelling::Native
            } else {
                random.weighted(&[(45, Spelling::Ascii), (37, Spelling::Mixed), (18, Spelling::Marked)])
            },
            middle_ppm: if home.middle_initials {
                random.between(250_000, 740_000)
            } else {
                random.below(400_000)
            },
            initial_end: if random.chance(700_000) { "." } else { "" },
            guest_ppm,
            alias_ppm: random.between(240_000, 440_000),
            capitals_ppm: random.weighted(&[(75, 5_000), (20, 60_000), (5, 400_000)]),
            span: random.between(5, 13),
            places: Vec::new(),
            spread: if large || random.chance(300_000) { Spread::Regional } else { Spread::OnePlace },
            home,
            foreign_ppm: if large {
                random.between(200_000, 700_000)
            } else {
                random.between(50_000, 500_000)
            },
        };
        if matches!(tenant.pattern, Pattern::First | Pattern::FirstInitial) && people > 1_500 {
            // Nobody keeps these for long: every second address would need a number.
            tenant.pattern = Pattern::InitialLast;
        }
        tenant.draw_places(&mut random);
        tenant.draw_domains(&mut random, options.difficulty, taken);
        tenant
    }

    fn draw_places(&mut self, random: &mut Random) {
        let count = (1 + self.people / 10).min(if self.people > 5_000 { 40 } else { 10 });
        for _ in 0..count {
            let culture = if random.chance(600_000) { self.home } else { any_culture(random) };
            let place = culture.places[random.ranked_index(2, culture.places.len())].as_str();
            if !self.places.contains(&place) {
                self.places.push(place);
            }
        }
    }

    fn draw_domains(&mut self, random: &mut Random, difficulty: Difficulty, taken: &mut HashSet<String>) {
        let rules = random.weighted(&[
            (80, (false, false)),
            (15, (true, false)),
            (2, (false, true)),
            (3, (true, true)),
        ]);
        let count = random.weighted(&[(68, 1), (20, 2), (7, 3), (3, 4), (2, 5)]);
        let company = company(random, self.home);
        for ordinal in 0..count {
            let base = if ordinal == 0 || random.chance(750_000) {
                company.clone()
            } else {
                self::company(random, self.home)
            };
            self.domains.push(Domain {
                name: free_domain(random, &base, taken),
                subaddress: rules.0,
                dots_ignored: rules.1,
            });
        }
        if difficulty == Difficulty::Hard && random.chance(200_000) {
            let name = free_domain(random, &format!("grün-{company}"), taken);
            self.domains.push(Domain { name, subaddress: rules.0, dots_ignored: rules.1 });
        }
        let partners = random.weighted(&[(60, 0), (25, 1), (10, 2), (5, 4)]);
        for _ in 0..partners {
            let culture = any_culture(random);
            let base = self::company(random, culture);
            self.partners.push(free_domain(random, &base, taken));
        }
    }
}

/// How often tenants have each pattern.
const PATTERNS: [(u32, Pattern); 11] = [
    (600, Pattern::FirstDotLast),
    (200, Pattern::InitialLast),
    (80, Pattern::First),
    (50, Pattern::FirstInitial),
    (18, Pattern::FirstUnderscoreLast),
    (15, Pattern::LastDotFirst),
    (15, Pattern::FirstLast),
    (8, Pattern::LastUnderscoreInitial),
    (8, Pattern::StaffNumber),
    (4, Pattern::Trigram),
    (2, Pattern::Handle),
];

/// A culture by weight.
fn any_culture(random: &mut Random) -> &'static Culture {
    let cultures = cultures();
    let mut left = random.below(cultures.iter().map(|culture| u64::from(culture.weight)).sum());
    for culture in cultures {
        match left.checked_sub(u64::from(culture.weight)) {
            Some(rest) => left = rest,
            None => return culture,
        }
    }
    &cultures[0]
}

/// The name of a company as it stands in a domain.
fn company(random: &mut Random, home: &Culture) -> String {
    const SECTORS: [&str; 30] = [
        "group",
        "tech",
        "solutions",
        "partners",
        "health",
        "energy",
        "logistics",
        "media",
        "design",
        "capital",
        "foods",
        "motors",
        "systems",
        "industries",
        "global",
        "digital",
        "works",
        "bank",
        "consulting",
        "pharma",
        "labs",
        "steel",
        "insurance",
        "travel",
        "press",
        "software",
        "trading",
        "paper",
        "water",
        "legal",
    ];
    let mut name = Name::default();
    home.family(random, &mut name);
    let mut slug = String::new();
    super::address::slug(&name.latin, &mut slug);
    let mut out = slug.replace('-', "");
    match random.below(10) {
        0..3 => {
            home.family(random, &mut name);
            out.push('-');
            super::address::slug(&name.latin, &mut out);
        }
        3..6 => {
            out.push('-');
            out.push_str(random.word(&SECTORS));
        }
        6..9 => out.push_str(random.word(&SECTORS)),
        _ => {}
    }
    out
}

/// `base` under some top-level domain, changed until no tenant has it.
fn free_domain(random: &mut Random, base: &str, taken: &mut HashSet<String>) -> String {
    const TOP: [(u32, &str); 13] = [
        (42, "com"),
        (8, "de"),
        (8, "co.uk"),
        (7, "fr"),
        (6, "net"),
        (6, "io"),
        (5, "eu"),
        (5, "it"),
        (5, "es"),
        (4, "org"),
        (3, "nl"),
        (3, "se"),
        (2, "fi"),
    ];
    let mut name = format!("{base}.{}", random.weighted(&TOP));
    while !taken.insert(name.clone()) {
        name = format!("{base}{}.{}", random.between(2, 1_000), random.weighted(&TOP));
    }
    name
}
