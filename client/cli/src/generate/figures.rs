//! Tests of the figures: frequencies, lengths, gaps and sizes are those of real staff lists, within tolerances.
//! Everything is read back from the bytes that were written.

use std::collections::HashMap;

use super::{Difficulty, GenerateOptions, people};

pub(super) fn options(people: u64) -> GenerateOptions {
    GenerateOptions { people, tenants: None, seed: 1, revision: 0, difficulty: Difficulty::Realistic }
}

pub(super) fn people_csv(options: &GenerateOptions) -> Vec<u8> {
    let mut out = Vec::new();
    people(options, &mut out, &mut |_| {}).unwrap();
    out
}

/// The rows of a CSV, by header.
pub(super) struct Table {
    header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().unwrap().iter().map(String::from).collect();
        let rows = reader.records().map(|row| row.unwrap().iter().map(String::from).collect()).collect();
        Self { header, rows }
    }

    pub(super) fn people(options: &GenerateOptions) -> Self {
        Self::read(&people_csv(options))
    }

    pub(super) fn column(&self, name: &str) -> impl Iterator<Item = &str> {
        let at = self.header.iter().position(|header| header == name).unwrap();
        self.rows.iter().map(move |row| row[at].as_str())
    }

    pub(super) fn share(&self, name: &str, wanted: impl Fn(&str) -> bool) -> f64 {
        ratio(self.column(name).filter(|value| wanted(value)).count(), self.rows.len())
    }

    /// Lengths in characters at the 50th, 95th and 99th percentile of what is there.
    fn lengths(&self, name: &str, part: impl Fn(&str) -> &str) -> [usize; 3] {
        let mut lengths: Vec<_> = self
            .column(name)
            .filter(|value| !value.is_empty())
            .map(|value| part(value).chars().count())
            .collect();
        lengths.sort_unstable();
        [50, 95, 99].map(|percent| lengths[lengths.len() * percent / 100])
    }

    /// Share of the 10 and of the 100 most frequent values, and how many values there are.
    fn frequent(&self, name: &str) -> (f64, f64, usize) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        self.column(name)
            .filter(|value| !value.is_empty())
            .for_each(|value| *counts.entry(value).or_default() += 1);
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let all = counts.iter().sum();
        let share = |most| ratio(counts.iter().take(most).sum(), all);
        (share(10), share(100), counts.len())
    }
}

#[allow(clippy::cast_precision_loss)] // counts of some thousands
pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[track_caller]
pub(super) fn within(what: &str, got: f64, from: f64, to: f64) {
    assert!((from..=to).contains(&got), "{what}: expected {from} to {to}, found {got}");
}

#[test]
fn names_are_as_frequent_as_in_staff_lists() {
    let table = Table::people(&options(32_000));
    let (ten, hundred, distinct) = table.frequent("family_name");
    within("ten surnames", ten, 0.025, 0.06);
    within("hundred surnames", hundred, 0.13, 0.24);
    within("distinct surnames / 32,000", ratio(distinct, 32_000), 0.33, 0.50);
    let (ten, hundred, distinct) = table.frequent("given_name");
    within("ten given names", ten, 0.08, 0.22);
    within("hundred given names", hundred, 0.30, 0.55);
    within("distinct given names / 32,000", ratio(distinct, 32_000), 0.13, 0.20);

    let mut namesakes: HashMap<(&str, &str), u64> = HashMap::new();
    let both = table.column("given_name").zip(table.column("family_name"));
    both.filter(|(given, family)| !given.is_empty() && !family.is_empty())
        .for_each(|name| *namesakes.entry(name).or_default() += 1);
    let pairs: u64 = namesakes.values().map(|count| count * (count - 1)).sum();
    // 3.8e-6 of 32,000 × 31,999 pairs is 3,900.
    assert!((1_500..8_000).contains(&pairs), "{pairs} ordered pairs of namesakes");
}

#[test]
fn columns_have_the_lengths_and_gaps_of_real_exports() {
    let table = Table::people(&options(60_000));
    let [p50, p95, p99] = table.lengths("display_name", |name| name);
    assert!(
        (14..=18).contains(&p50) && (20..=25).contains(&p95) && (24..=32).contains(&p99),
        "{p50} {p95} {p99}"
    );
    let [p50, p95, p99] = table.lengths("title", |title| title);
    assert!(
        (13..=19).contains(&p50) && (30..=38).contains(&p95) && (40..=55).contains(&p99),
        "{p50} {p95} {p99}"
    );
    let [p50, p95, p99] = table.lengths("email", |email| email.split('@').next().unwrap());
    assert!(
        (8..=14).contains(&p50) && (15..=20).contains(&p95) && (18..=24).contains(&p99),
        "{p50} {p95} {p99}"
    );
    within("no title", table.share("title", str::is_empty), 0.13, 0.17);
    within("no department", table.share("department", str::is_empty), 0.09, 0.11);
    within("no display name", table.share("display_name", str::is_empty), 0.007, 0.013);
    within("no given name", table.share("given_name", str::is_empty), 0.03, 0.07);
    within("no manager", table.share("manager_email", str::is_empty), 0.003, 0.02);
    within("with alias", table.share("aliases", |aliases| !aliases.is_empty()), 0.28, 0.45);
    within("VIP", table.share("is_vip", |vip| vip == "true"), 0.005, 0.01);
    within("terminated", table.share("status", |status| status == "terminated"), 0.09, 0.11);
    within(
        "mailboxes",
        table.share("kind", |kind| matches!(kind, "shared" | "role" | "service")),
        0.05,
        0.10,
    );
    within("guests", table.share("kind", |kind| kind == "guest"), 0.005, 0.15);
    within("beyond ASCII", table.share("display_name", |name| !name.is_ascii()), 0.01, 0.10);
    let aliases: usize =
        table.column("aliases").filter(|a| !a.is_empty()).map(|a| a.split(';').count()).sum();
    let with = table.column("aliases").filter(|a| !a.is_empty()).count();
    within("aliases each", ratio(aliases, with), 1.2, 1.4);
    assert!((35..=60).contains(&table.frequent("department").2));
}

#[test]
fn tenants_are_heavy_tailed_and_can_be_counted_out() {
    let sizes = |options: &GenerateOptions| {
        let tenants = super::population::Tenants::new(options).unwrap();
        let mut sizes: Vec<u64> = tenants.map(|tenant| tenant.people).collect();
        sizes.sort_unstable();
        sizes
    };
    let drawn = sizes(&options(3_000_000));
    assert_eq!(drawn.iter().sum::<u64>(), 3_000_000);
    assert!((100..=220).contains(&drawn[drawn.len() / 2]), "median {}", drawn[drawn.len() / 2]);
    assert!(
        (10_000..=40_000).contains(&drawn[drawn.len() * 99 / 100]),
        "p99 {}",
        drawn[drawn.len() * 99 / 100]
    );
    assert!(drawn[drawn.len() - 1] <= 500_000);

    for (people, tenants) in [(1, 1), (10, 10), (1_000, 7), (20_000, 90)] {
        let counted = sizes(&GenerateOptions { tenants: Some(tenants), ..options(people) });
        assert_eq!((counted.len() as u64, counted.iter().sum::<u64>()), (tenants, people));
        assert!(counted[0] >= 1);
    }
}
