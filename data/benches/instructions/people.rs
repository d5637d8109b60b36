//! People who do not exist, the same ones everywhere: no clock, no chance, no setting of the machine.

use std::fmt::Write as _;

use persondb_data::builder::BuildOptions;
use persondb_protocol::Generation;

/// How many there are.
pub(crate) const PEOPLE_COUNT: u32 = 20_000;

const TENANTS: [&str; 4] = ["acme", "globex", "initech", "umbrella"];
const GIVEN: [&str; 32] = [
    "Anna", "Ben", "Carla", "David", "Elena", "Felix", "Grace", "Hugo", "Ines", "Jonas", "Karin", "Lukas",
    "Maria", "Nils", "Olga", "Paul", "Quentin", "Rosa", "Stefan", "Tara", "Ulrich", "Vera", "Walter",
    "Xenia", "Yusuf", "Zoë", "José", "Jürgen", "Łukasz", "Søren", "Иван", "李",
];
const BEGINNINGS: [&str; 16] = [
    "Ander", "Berg", "Carl", "Dal", "Eder", "Fisch", "Grün", "Hart", "Iver", "John", "Klein", "Lind",
    "Mayer", "Nor", "Ober", "Peter",
];
const ENDINGS: [&str; 16] = [
    "son", "mann", "er", "ström", "bach", "feld", "ley", "sen", "wood", "hauser", "ton", "berg", "gaard",
    "stein", "ford", "inger",
];
const TITLES: [&str; 8] = [
    "Accountant",
    "Engineer",
    "Senior Engineer",
    "Buyer",
    "Head of Sales",
    "Clerk",
    "Nurse",
    "Project Manager",
];
const DEPARTMENTS: [&str; 5] = ["Finance", "Engineering", "Sales & Marketing", "Operations", "Legal"];

/// One person; everything about them follows from the number.
#[derive(Clone, Copy)]
pub(crate) struct Someone {
    number: u32,
    chance: u64,
}

impl Someone {
    pub(crate) fn new(number: u32) -> Self {
        // SplitMix64 (Steele, Lea, Flood 2014): neighbours have nothing in common.
        let mut z = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self { number, chance: z ^ (z >> 31) }
    }

    pub(crate) fn tenant(self) -> &'static str {
        TENANTS[self.number as usize * TENANTS.len() / PEOPLE_COUNT as usize]
    }

    fn given(self) -> &'static str {
        pick(&GIVEN, self.chance)
    }

    fn family(self) -> String {
        format!("{}{}", pick(&BEGINNINGS, self.chance >> 8), pick(&ENDINGS, self.chance >> 16))
    }

    pub(crate) fn name(self) -> String {
        format!("{} {}", self.given(), self.family())
    }

    /// Mostly `given.family`, for some a number; always another one.
    pub(crate) fn email(self) -> String {
        let family = ascii(&self.family());
        let (number, tenant) = (self.number, self.tenant());
        if self.chance >> 60 == 0 {
            return format!("u{number}@{tenant}.example");
        }
        format!("{}.{family}{number}@{tenant}.example", ascii(self.given()))
    }

    /// Somebody whom nobody knows, at a domain that everybody knows.
    pub(crate) fn absent_email(self) -> String {
        format!("nobody-{}", self.email())
    }

    fn line(self, out: &mut String) {
        let Self { number, chance } = self;
        let first = number - number % 500;
        let manager = if number == first { String::new() } else { Self::new(first).email() };
        let (email, tenant, name) = (self.email(), self.tenant(), self.name());
        let alias = if chance >> 62 == 0 { format!("{number}@{tenant}-mail.example") } else { String::new() };
        writeln!(
            out,
            "{tenant},E{number:06},{email},{alias},{name},{},{},{},active,{},{},{manager},2026-{:02}-{:02}T08:{:02}:00Z,B{:05}",
            self.given(),
            self.family(),
            if chance >> 59 == 0 { "shared" } else { "person" },
            pick(&TITLES, chance >> 24),
            pick(&DEPARTMENTS, chance >> 32),
            chance % 12 + 1,
            (chance >> 5) % 28 + 1,
            (chance >> 11) % 60,
            (u64::from(number) * 37) % 100_000,
        )
        .expect("a string takes everything");
    }
}

/// The export with the first `count` of them.
pub(crate) fn csv(count: u32) -> String {
    let mut out = "tenant_id,person_id,email,aliases,display_name,given_name,family_name,kind,status,title,\
                   department,manager_email,updated_at,badge\n"
        .to_owned();
    (0..count).for_each(|number| Someone::new(number).line(&mut out));
    out
}

/// One worker and a seed of its own: the same build everywhere.
pub(crate) fn options() -> BuildOptions {
    BuildOptions {
        generation: Generation(1),
        load_started_boot_ns: 0,
        built_at_wall_ns: 0,
        config_digest: [0; 16],
        hash_seed: 42,
        threads: 1,
        rejects: None,
    }
}

fn pick<T: Copy, const N: usize>(from: &[T; N], chance: u64) -> T {
    from[(chance & 0xffff_ffff) as usize % N]
}

fn ascii(name: &str) -> String {
    let plain = name.chars().map(|c| match c {
        'ö' | 'ø' => 'o',
        'ü' => 'u',
        'é' | 'ë' => 'e',
        'Ł' => 'l',
        c if c.is_ascii() => c.to_ascii_lowercase(),
        _ => 'x',
    });
    plain.collect()
}
