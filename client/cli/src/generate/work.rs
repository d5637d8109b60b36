//! What people do: departments, titles with a tail of free text, and the names of mailboxes nobody owns.
//!
//! Titles are seniority × role, about 1,500 frequent ones, and a tail that people wrote themselves. The roles of
//! a department go with it, as in life: a generator that draws both freely compresses worse than real exports.

use std::sync::LazyLock;

use super::random::Random;

/// A function of a company and the roles in it, the frequent ones first.
struct Function {
    name: &'static str,
    roles: Vec<&'static str>,
}

/// All functions, the largest first: `names/roles.txt`, one function a line.
static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let lines = include_str!("names/roles.txt").lines().filter_map(|line| line.split_once(": "));
    lines.map(|(name, roles)| Function { name, roles: roles.split(", ").collect() }).collect()
});

const REGIONS: [(u32, &str); 4] = [(55, ""), (20, "EMEA "), (15, "Americas "), (10, "APAC ")];

const GRADES: [(u32, &str, &str); 14] = [
    (680, "", ""),
    (130, "Senior ", ""),
    (55, "Junior ", ""),
    (45, "Lead ", ""),
    (35, "Principal ", ""),
    (30, "Associate ", ""),
    (30, "", " II"),
    (20, "Head ", ""),
    (20, "Assistant ", ""),
    (20, "Deputy ", ""),
    (15, "", " III"),
    (15, "Staff ", ""),
    (15, "Trainee ", ""),
    (10, "Interim ", ""),
];

/// What people add to their titles, the frequent ones first.
static AREAS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("names/areas.txt").lines().collect());

const EXECUTIVES: [&str; 14] = [
    "CEO",
    "CFO",
    "CTO",
    "COO",
    "Chief Executive Officer",
    "Chief Financial Officer",
    "Managing Director",
    "General Counsel",
    "Vice President Sales",
    "VP Engineering",
    "Chief of Staff",
    "President",
    "Chief Human Resources Officer",
    "VP Finance",
];

/// Local part and display name of mailboxes that belong to a task.
pub(crate) const MAILBOXES: [(&str, &str); 30] = [
    ("info", "Info"),
    ("support", "Support"),
    ("sales", "Sales"),
    ("hr", "HR"),
    ("jobs", "Jobs"),
    ("invoices", "Invoices"),
    ("billing", "Billing"),
    ("office", "Office"),
    ("reception", "Reception"),
    ("it-helpdesk", "IT Helpdesk"),
    ("marketing", "Marketing"),
    ("press", "Press Office"),
    ("orders", "Order Desk"),
    ("accounts", "Accounts"),
    ("payroll", "Payroll"),
    ("legal", "Legal"),
    ("privacy", "Data Protection"),
    ("security", "Security"),
    ("facilities", "Facilities"),
    ("warehouse", "Warehouse"),
    ("logistics", "Logistics"),
    ("procurement", "Procurement"),
    ("service", "Service Desk"),
    ("training", "Training"),
    ("meetingroom", "Meeting Room"),
    ("scanner", "Scanner"),
    ("projects", "Project Mailbox"),
    ("noreply", "No Reply"),
    ("returns", "Returns"),
    ("quality", "Quality"),
];

/// A department of a tenant: a function, in a region where the tenant is large enough to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Department {
    region: &'static str,
    function: usize,
}

impl Department {
    /// Draws one department. With `regional` false it has no region.
    pub(crate) fn draw(random: &mut Random, spread: Spread) -> Self {
        let region = match spread {
            Spread::OnePlace => "",
            Spread::Regional => random.weighted(&REGIONS),
        };
        Self { region, function: random.ranked_index(4, FUNCTIONS.len()) }
    }

    /// Writes the department's name to `out`.
    pub(crate) fn write(self, out: &mut String) {
        out.push_str(self.region);
        out.push_str(FUNCTIONS[self.function].name);
    }

    /// Writes a title of somebody who works here to `out`.
    pub(crate) fn write_title(self, random: &mut Random, out: &mut String) {
        let roles = &FUNCTIONS[self.function].roles;
        let role = roles[random.ranked_index(3, roles.len())];
        let grades = GRADES.map(|(weight, before, after)| (weight, (before, after)));
        let (before, after) = random.weighted(&grades);
        out.push_str(before);
        if before == "Head " {
            out.push_str("of ");
            out.push_str(FUNCTIONS[self.function].name);
        } else {
            out.push_str(role);
        }
        out.push_str(after);
        if random.chance(230_000) {
            out.push_str(random.weighted(&[(40, " "), (25, ", "), (20, " - "), (10, " / "), (5, " for ")]));
            out.push_str(AREAS[random.ranked_index(12, AREAS.len())]);
            if random.chance(150_000) {
                out.push_str(random.weighted(&[(30, " and "), (30, " & "), (20, ", "), (20, " + ")]));
                out.push_str(random.word(&AREAS));
            }
            if random.chance(120_000) {
                out.push(' ');
                out.push_str(&random.between(1, 400).to_string());
            }
        }
    }
}

/// Whether a tenant's departments name regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// No regions.
    OnePlace,
    /// Some departments exist once a region.
    Regional,
}

/// Writes the title of somebody at the top to `out`.
pub(crate) fn write_executive_title(random: &mut Random, out: &mut String) {
    out.push_str(random.word(&EXECUTIVES));
}
