//! People of one tenant, one after the other.
//!
//! Who somebody is (ids, names, addresses) is drawn from a stream that knows nothing of revisions; title,
//! department and `updated_at` may change with one. The aliases file's addresses are drawn along with the person,
//! so that every writer sees the same population.

use std::fmt::Write as _;

use super::address::{Addresses, capitalise, join_address, pick_domain, write_local};
use super::hard::Roughness;
use super::moment;
use super::names::Name;
use super::person::Person;
use super::random::{Purpose, Random, hash, scatter};
use super::tenant::{IdStyle, Order, Pattern, Spelling, Tenant};
use super::work::{Department, MAILBOXES, write_executive_title};
use super::{Difficulty, GenerateOptions};

/// Generates the people of one tenant.
#[derive(Debug)]
pub(crate) struct People<'a> {
    tenant: &'a Tenant,
    options: &'a GenerateOptions,
    random: Random,
    aliases_random: Random,
    roughness: Option<Roughness>,
    pub(super) addresses: Addresses,
    /// Addresses of those who can have people under them.
    managers: Vec<String>,
    next: u64,
    given: Name,
    middle: Name,
    family: Name,
    local: String,
}

impl<'a> People<'a> {
    /// The people of `tenant`.
    pub(crate) fn new(options: &'a GenerateOptions, tenant: &'a Tenant) -> Self {
        Self {
            tenant,
            options,
            random: Random::new(options.seed, Purpose::People, tenant.ordinal),
            aliases_random: Random::new(options.seed, Purpose::Aliases, tenant.ordinal),
            roughness: (options.difficulty == Difficulty::Hard).then(|| Roughness::new(options, tenant)),
            addresses: Addresses::default(),
            managers: Vec::new(),
            next: 0,
            given: Name::default(),
            middle: Name::default(),
            family: Name::default(),
            local: String::new(),
        }
    }

    /// Draws the next person into `person`; false when there is none.
    pub(crate) fn next(&mut self, person: &mut Person) -> bool {
        if self.next == self.tenant.people {
            return false;
        }
        person.clear();
        self.write_id(person);
        person.status = if self.random.chance(100_000) { "terminated" } else { "active" };
        if self.random.chance(3_000) {
            person.status = "suspended";
        }
        person.vip = "false";
        let mailbox = self.next > 0 && self.random.chance(60_000);
        if mailbox {
            self.draw_mailbox(person);
        } else {
            self.draw_name(person);
            self.draw_address(person);
        }
        self.draw_aliases(person);
        self.draw_further(person);
        self.draw_place_in_company(person);
        self.revise(person);
        if let Some(roughness) = &mut self.roughness {
            roughness.roughen(self.tenant, person);
        }
        moment::mark(&mut person.title, self.options.revision);
        self.keep_manager(person);
        self.next += 1;
        true
    }

    /// Ordinal of the next person in the whole file.
    fn ordinal(&self) -> u64 {
        self.tenant.first + self.next
    }

    fn write_id(&mut self, person: &mut Person) {
        let ordinal = self.ordinal();
        let id = &mut person.person_id;
        match self.tenant.ids {
            IdStyle::Scattered => write!(id, "{}", scatter(ordinal, 34, self.options.seed)),
            IdStyle::StaffNumber(prefix) => write!(id, "{prefix}{ordinal:07}"),
            IdStyle::Uuid => {
                let (high, low) = (self.random.bits(), self.random.bits());
                write!(
                    id,
                    "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
                    high >> 32,
                    (high >> 16) & 0xffff,
                    high & 0xfff,
                    0x8000 | (low >> 48 & 0x3fff),
                    low & 0xffff_ffff_ffff
                )
            }
        }
        .expect("writing to a string cannot fail");
    }

    fn draw_name(&mut self, person: &mut Person) {
        let random = &mut self.random;
        let culture = self.tenant.culture(random);
        culture.given(random, &mut self.given);
        if random.chance(25_000) {
            culture.given(random, &mut self.middle);
            let separator = if random.chance(500_000) { "-" } else { " " };
            self.given.join(separator, &self.middle);
        }
        culture.family(random, &mut self.family);
        person.latin_given.push_str(&self.given.latin);
        person.latin_family.push_str(&self.family.latin);

        let marked = match self.tenant.spelling {
            Spelling::Ascii => false,
            Spelling::Mixed => random.chance(350_000),
            Spelling::Marked => !culture.native_script,
            Spelling::Native => true,
        };
        let spelt =
            |name: &Name, out: &mut String| out.push_str(if marked { &name.shown } else { &name.latin });
        // A script of one's own is not mixed into tenants that write Latin letters.
        let marked_script = marked && culture.native_script && self.tenant.spelling != Spelling::Native;
        if marked_script {
            person.given_name.push_str(&self.given.latin);
            person.family_name.push_str(&self.family.latin);
        } else {
            spelt(&self.given, &mut person.given_name);
            spelt(&self.family, &mut person.family_name);
        }
        if random.chance(self.tenant.middle_ppm) {
            culture.given(random, &mut self.middle);
            person.middle_name.push_str(&self.middle.latin);
        }
        if culture.middle_initials && random.chance(55_000) {
            person.suffix.push_str(random.weighted(&[
                (5, "Jr."),
                (3, "Jr"),
                (2, "III"),
                (1, "Sr."),
                (1, "II"),
            ]));
        }
        person.kind = if self.next > 0 && random.chance(self.tenant.guest_ppm) { "guest" } else { "person" };
        self.write_display_name(person);
        let random = &mut self.random;
        if random.chance(15_000) {
            person.given_name.clear();
            if random.chance(500_000) {
                person.family_name.clear();
            }
        }
    }

    fn write_display_name(&mut self, person: &mut Person) {
        let random = &mut self.random;
        if random.chance(10_000) {
            return;
        }
        let (given, family) = (&person.given_name, &person.family_name);
        let shown = &mut person.display_name;
        let initial_end = self.tenant.initial_end;
        let initial = |out: &mut String| {
            if let Some(letter) = person.middle_name.chars().next() {
                out.push(' ');
                out.push(letter);
                out.push_str(initial_end);
            }
        };
        match self.tenant.order {
            Order::FirstLast => {
                shown.push_str(given);
                initial(shown);
                shown.push(' ');
                shown.push_str(family);
                if !person.suffix.is_empty() {
                    shown.push(' ');
                    shown.push_str(&person.suffix);
                }
            }
            Order::LastFirst => {
                shown.push_str(family);
                if !person.suffix.is_empty() {
                    shown.push(' ');
                    shown.push_str(&person.suffix);
                }
                shown.push_str(", ");
                shown.push_str(given);
                initial(shown);
            }
        }
        match random.below(1_000) {
            0..26 => shown.push_str(" (Contractor)"),
            26..30 => shown.push_str(" (External)"),
            30..33 => *shown = shown.to_lowercase(),
            33..36 => given.clone_into(shown),
            36..38 => *shown = shown.to_uppercase(),
            38..40 => shown.insert_str(0, "Dr. "),
            _ => {}
        }
    }

    fn draw_address(&mut self, person: &mut Person) {
        let random = &mut self.random;
        let pattern = if random.chance(60_000) { odd_pattern(random) } else { self.tenant.pattern };
        write_local(random, pattern, &person.latin_given, &person.latin_family, &mut self.local);
        let domain = pick_domain(random, &self.tenant.domains);
        self.addresses.claim_numbered(random, &mut self.local, domain);
        if random.chance(self.tenant.capitals_ppm) {
            capitalise(random, &mut self.local);
        }
        join_address(&self.local, domain, &mut person.email);
    }

    /// A mailbox that belongs to a task; a third of them still bear somebody's name.
    fn draw_mailbox(&mut self, person: &mut Person) {
        if self.random.chance(330_000) {
            self.draw_name(person);
            self.draw_address(person);
        } else {
            let random = &mut self.random;
            let (local, name) = MAILBOXES[random.ranked_index(5, MAILBOXES.len())];
            person.display_name.push_str(name);
            self.local.clear();
            self.local.push_str(local);
            person.latin_family.push_str(local);
            if random.chance(350_000) {
                let place = self.tenant.places[random.index(self.tenant.places.len())];
                let city = place.split(',').next().unwrap_or(place);
                let mut tag = String::new();
                super::address::slug(city, &mut tag);
                if !tag.is_empty() {
                    write!(self.local, ".{tag}").expect("writing to a string cannot fail");
                    write!(person.display_name, " {city}").expect("writing to a string cannot fail");
                }
            }
            let domain = pick_domain(random, &self.tenant.domains);
            self.addresses.claim_numbered(random, &mut self.local, domain);
            join_address(&self.local, domain, &mut person.email);
        }
        person.kind = self.random.weighted(&[(55, "shared"), (38, "role"), (7, "service")]);
    }

    fn draw_aliases(&mut self, person: &mut Person) {
        let random = &mut self.random;
        if !random.chance(self.tenant.alias_ppm) {
            return;
        }
        let count = match random.below(100_000) {
            0..80_000 => 1,
            80_000..96_000 => 2,
            96_000..99_000 => 3,
            99_000..99_900 => random.between(4, 9),
            99_900..99_996 => random.between(9, 30),
            _ => random.between(30, 301),
        };
        let tenant = self.tenant;
        for ordinal in 0..count {
            let domain = pick_domain(random, &tenant.domains);
            match random.below(if ordinal < 3 { 10 } else { 5 }) {
                0..2 => {
                    // A former surname, or a project's.
                    tenant.culture(random).family(random, &mut self.middle);
                    let family = self.middle.latin.as_str();
                    write_local(random, tenant.pattern, &person.latin_given, family, &mut self.local);
                }
                2..5 => {
                    let pattern = odd_pattern(random);
                    write_local(random, pattern, &person.latin_given, &person.latin_family, &mut self.local);
                }
                5..7 => {
                    let pattern = Pattern::First;
                    write_local(random, pattern, &person.latin_given, &person.latin_family, &mut self.local);
                }
                _ => {
                    let pattern = if tenant.pattern == Pattern::InitialLast {
                        Pattern::FirstDotLast
                    } else {
                        Pattern::InitialLast
                    };
                    write_local(random, pattern, &person.latin_given, &person.latin_family, &mut self.local);
                }
            }
            self.addresses.claim_numbered(random, &mut self.local, domain);
            if ordinal > 0 {
                person.aliases.push(';');
            }
            join_address(&self.local, domain, &mut person.aliases);
        }
    }

    /// Addresses for the aliases file: one person in twenty has old ones that the people file does not know.
    fn draw_further(&mut self, person: &mut Person) {
        let random = &mut self.aliases_random;
        if !random.chance(50_000) {
            return;
        }
        for _ in 0..random.weighted(&[(80, 1), (15, 2), (4, 3), (1, 12)]) {
            let pattern = random.weighted(&[
                (5, Pattern::FirstUnderscoreLast),
                (3, Pattern::Trigram),
                (2, Pattern::FirstLast),
            ]);
            write_local(random, pattern, &person.latin_given, &person.latin_family, &mut self.local);
            let domain = pick_domain(random, &self.tenant.domains);
            self.addresses.claim_numbered(random, &mut self.local, domain);
            let mut address = String::new();
            join_address(&self.local, domain, &mut address);
            person.further.push(address);
        }
    }

    fn draw_place_in_company(&mut self, person: &mut Person) {
        let random = &mut self.random;
        let department = Department::draw(random, self.tenant.spread);
        if !random.chance(100_000) {
            department.write(&mut person.department);
        }
        let executive = self.next == 0 || random.chance(4_000);
        let vip = executive || random.chance(3_500);
        if vip && matches!(person.kind, "person") {
            person.vip = "true";
        }
        if executive && person.kind == "person" {
            write_executive_title(random, &mut person.title);
        } else if !person.latin_given.is_empty() && !random.chance(115_000) {
            department.write_title(random, &mut person.title);
        }
        let place = self.tenant.places[random.ranked_index(1, self.tenant.places.len())];
        person.location.push_str(place);
        if self.next > 0 && !random.chance(6_000) {
            let nearest = self.next / self.tenant.span;
            let above = nearest.saturating_sub(random.below(4)).min(self.managers.len() as u64 - 1);
            let above = usize::try_from(above).expect("an index of a list in memory");
            person.manager_email.push_str(&self.managers[above]);
        }
    }

    /// Applies the revision to `updated_at` and to one department in twelve. The title gets its mark last of all,
    /// so that nothing else can take it away.
    fn revise(&mut self, person: &mut Person) {
        let revision = self.options.revision;
        if revision == 0 {
            moment::write(moment::draw(&mut self.random, 0), &mut person.updated_at);
            return;
        }
        let seed = hash(&revision.to_le_bytes(), self.options.seed);
        let mut random = Random::new(seed, Purpose::Revision, self.ordinal());
        // The draw of revision 0 is made all the same: who comes next must not depend on the revision.
        let _ = moment::draw(&mut self.random, 0);
        moment::write(moment::draw(&mut random, revision), &mut person.updated_at);
        if random.chance(80_000) {
            person.department.clear();
            Department::draw(&mut random, self.tenant.spread).write(&mut person.department);
        }
    }

    fn keep_manager(&mut self, person: &Person) {
        if self.managers.len() as u64 <= self.tenant.people / self.tenant.span {
            self.managers.push(person.email.clone());
        }
    }
}

fn odd_pattern(random: &mut Random) -> Pattern {
    random.weighted(&[
        (25, Pattern::StaffNumber),
        (20, Pattern::Trigram),
        (15, Pattern::Handle),
        (15, Pattern::LastUnderscoreInitial),
        (10, Pattern::FirstUnderscoreLast),
        (10, Pattern::FirstInitial),
        (5, Pattern::LastDotFirst),
    ])
}
