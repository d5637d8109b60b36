//! Tests of what the files promise: the same bytes again, one owner for each address, nothing absent that is there,
//! a revision that changes every record.

use std::collections::{HashMap, HashSet};

use super::figures::{Table, options, people_csv, ratio, within};
use super::random::hash;
use super::{Difficulty, GenerateError, GenerateOptions, absent, aliases, domains, people};

/// Every address that a look-up finds, as it is compared: in lower case.
fn addresses(options: &GenerateOptions) -> HashSet<String> {
    let table = Table::people(options);
    let mut further = Vec::new();
    aliases(options, &mut further).unwrap();
    let further = Table::read(&further);
    let pieces = table.column("email").chain(table.column("aliases")).chain(further.column("address"));
    pieces
        .flat_map(|piece| piece.split([';', '|', '\n', ',']))
        .map(|piece| piece.trim().trim_start_matches('<').trim_end_matches('>').to_lowercase())
        .map(|piece| ["smtp:", "sip:"].iter().fold(piece, |rest, typed| rest.replace(typed, "")))
        .filter(|piece| piece.contains('@'))
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let once = people_csv(&options(3_000));
    assert_eq!(once, people_csv(&options(3_000)));
    assert_ne!(once, people_csv(&GenerateOptions { seed: 2, ..options(3_000) }));
    // The same on every machine, and with every release of the crates underneath. Who changes a list or a draw
    // writes the new numbers here, and knows that files of the same seed differ from now on.
    assert_eq!(hash(&once, 0), GOLDEN[0]);
    let hard = GenerateOptions { difficulty: Difficulty::Hard, revision: 3, ..options(3_000) };
    assert_eq!(hash(&people_csv(&hard), 0), GOLDEN[1]);
}

const GOLDEN: [u64; 2] = [10_529_163_057_764_087_261, 1_552_883_776_657_363_225];

#[test]
fn addresses_are_distinct_within_a_tenant_and_managers_are_colleagues() {
    let table = Table::people(&options(30_000));
    let mut owners: HashMap<String, (&str, &str)> = HashMap::new();
    let mut seen = HashSet::new();
    for (id, (tenant, email)) in
        table.column("person_id").zip(table.column("tenant_id").zip(table.column("email")))
    {
        assert!(owners.insert(email.to_lowercase(), (tenant, id)).is_none(), "{email} twice");
        assert!(seen.insert((tenant, id)), "{id} twice in {tenant}");
    }
    for (tenant, manager) in table.column("tenant_id").zip(table.column("manager_email")) {
        assert!(manager.is_empty() || owners[&manager.to_lowercase()].0 == tenant, "{manager} of {tenant}");
    }
}

#[test]
fn every_domain_belongs_to_one_tenant_and_is_in_the_domains_file() {
    let options = options(30_000);
    let mut out = Vec::new();
    domains(&options, &mut out).unwrap();
    let table = Table::read(&out);
    let mut owners = HashMap::new();
    for (tenant, (domain, kind)) in
        table.column("tenant_id").zip(table.column("domain").zip(table.column("kind")))
    {
        assert!(owners.insert(domain, (tenant, kind)).is_none(), "{domain} twice");
    }
    let people = Table::people(&options);
    for (tenant, email) in people.column("tenant_id").zip(people.column("email")) {
        let domain = email.split('@').nth(1).unwrap();
        assert_eq!(owners[domain], (tenant, "owned"), "{email}");
    }
    assert!(owners.values().any(|(_, kind)| *kind == "partner"));
}

#[test]
fn the_aliases_file_names_people_who_exist_and_adds_addresses() {
    for difficulty in [Difficulty::Realistic, Difficulty::Hard] {
        let options = GenerateOptions { difficulty, ..options(20_000) };
        let table = Table::people(&options);
        let people: HashSet<(&str, &str)> =
            table.column("tenant_id").zip(table.column("person_id")).collect();
        let emails: HashSet<(&str, &str)> = table.column("tenant_id").zip(table.column("email")).collect();
        let known: HashSet<&str> = table.column("email").chain(table.column("aliases")).collect();
        let mut out = Vec::new();
        aliases(&options, &mut out).unwrap();
        let further = Table::read(&out);
        assert!(further.rows.len() > 500);
        for row in &further.rows {
            let [tenant, id, email, address, kind] = std::array::from_fn(|at| row[at].as_str());
            assert_eq!(kind, "alias");
            assert!(!known.contains(address));
            if id.is_empty() {
                assert!(emails.contains(&(tenant, email)), "{email} of {tenant}");
            } else {
                assert!(people.contains(&(tenant, id)), "{id} of {tenant}");
            }
        }
    }
}

#[test]
fn absent_addresses_are_absent_also_without_dots_and_look_alike() {
    for difficulty in [Difficulty::Realistic, Difficulty::Hard] {
        let options = GenerateOptions { difficulty, ..options(20_000) };
        let there = addresses(&options);
        let mut out = Vec::new();
        domains(&options, &mut out).unwrap();
        let rules = Table::read(&out);
        let owned: HashSet<&str> = rules.column("domain").collect();
        let ignoring: HashSet<&str> = rules
            .column("domain")
            .zip(rules.column("dots_ignored"))
            .filter(|d| d.1 == "true")
            .map(|d| d.0)
            .collect();
        let key = |address: &str| {
            let (local, domain) = address.split_once('@').unwrap();
            if ignoring.contains(domain) {
                format!("{}@{domain}", local.replace('.', ""))
            } else {
                address.to_owned()
            }
        };
        let keys: HashSet<String> = there.iter().map(|address| key(address)).collect();

        let mut out = Vec::new();
        absent(&options, 20_000, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<String> = out.lines().map(str::to_lowercase).collect();
        assert_eq!(lines.len(), 20_000);
        assert_eq!(lines.iter().collect::<HashSet<_>>().len(), 20_000, "one of them twice");
        let (mut similar, mut locals) = (0, HashSet::new());
        locals.extend(there.iter().map(|address| address.split('@').next().unwrap()));
        for address in &lines {
            assert!(!keys.contains(&key(address)), "{address} is there");
            assert!(
                owned.contains(address.split('@').nth(1).unwrap()),
                "{address}: no tenant has that domain"
            );
            similar += usize::from(locals.contains(address.split('@').next().unwrap()));
        }
        assert!(similar > 500, "only {similar} have somebody's local part");
    }
}

#[test]
fn a_revision_changes_every_record_but_not_who_they_are() {
    for difficulty in [Difficulty::Realistic, Difficulty::Hard] {
        let revisions = [0, 1, 2, 40].map(|revision| {
            (revision, Table::people(&GenerateOptions { revision, difficulty, ..options(5_000) }))
        });
        for (revision, table) in &revisions {
            for same in
                ["person_id", "tenant_id", "email", "aliases", "display_name", "manager_email", "kind"]
            {
                assert!(table.column(same).eq(revisions[0].1.column(same)), "{same} in revision {revision}");
            }
            for (title, updated) in table.column("title").zip(table.column("updated_at")) {
                let marked = title.rsplit(' ').next().unwrap() == format!("r{revision}");
                let day = match revision {
                    1 => "2026-01-01",
                    2 => "2026-01-02",
                    40 => "2026-02-09",
                    _ => "",
                };
                assert_eq!(marked, *revision > 0, "{title}");
                assert!(
                    if day.is_empty() { updated < "2026" } else { updated.starts_with(day) },
                    "{updated}"
                );
            }
        }
        let departments = revisions[1].1.column("department").zip(revisions[2].1.column("department"));
        within(
            "departments that changed",
            ratio(departments.filter(|(a, b)| a != b).count(), 5_000),
            0.02,
            0.25,
        );
    }
}

#[test]
fn hard_rows_hold_what_parsers_get_wrong() {
    let table = Table::people(&GenerateOptions { difficulty: Difficulty::Hard, ..options(20_000) });
    assert_eq!(table.rows.len(), 20_000);
    let cells = || table.rows.iter().flatten();
    assert!(cells().any(|cell| cell.contains('\n')) && cells().any(|cell| cell.contains("\r\n")));
    assert!(cells().any(|cell| cell.contains('"')) && cells().any(|cell| cell.starts_with(' ')));
    assert!(cells().any(|cell| cell.ends_with(' ')) && cells().any(|cell| cell.len() > 1_000));
    assert!(cells().any(|cell| cell.chars().any(|letter| letter.len_utf8() == 4)));
    assert!(table.column("aliases").any(|aliases| aliases.contains("X500:")));
    for name in ["middle_name", "suffix", "preferred_name", "other_names", "personal_emails", "Cost Centre"] {
        let filled = table.share(name, |value| !value.is_empty());
        assert!(filled > 0.005 && filled < 1.0, "{name}: {filled}");
    }
    // What would make the row a wrong one: none of it.
    for (id, email) in table.column("person_id").zip(table.column("email")) {
        assert!(id.trim() == id && email.trim() == email && email.len() <= 254 && id.len() <= 128);
        assert_eq!(email.matches('@').count(), 1);
    }

    let mut tenants_of: HashMap<String, Vec<&str>> = HashMap::new();
    let rows = table.column("email").zip(table.column("tenant_id"));
    rows.for_each(|(email, tenant)| tenants_of.entry(email.to_lowercase()).or_default().push(tenant));
    let within_one =
        tenants_of.values().filter(|t| t.len() > 1 && t.iter().all(|tenant| tenant == &t[0])).count();
    let across =
        tenants_of.values().filter(|tenants| tenants.iter().any(|tenant| tenant != &tenants[0])).count();
    assert!(within_one > 100 && across > 5, "{within_one} shared in a tenant, {across} across");
    // Without an id the address is the id: it must be nobody else's in the tenant.
    for ((id, email), tenant) in
        table.column("person_id").zip(table.column("email")).zip(table.column("tenant_id"))
    {
        let sharing = tenants_of[&email.to_lowercase()].iter().filter(|other| **other == tenant).count();
        assert!(!id.is_empty() || sharing == 1, "{email} has no id and {sharing} owners");
    }
}

#[test]
fn progress_ends_at_the_number_of_people() {
    let mut calls = Vec::new();
    people(&options(40_000), &mut std::io::sink(), &mut |rows| calls.push(rows)).unwrap();
    assert_eq!(calls, [16_384, 32_768, 40_000]);
}

#[test]
fn options_that_cannot_be_are_refused_with_a_remedy() {
    let refused = |options: &GenerateOptions| {
        people(options, &mut std::io::sink(), &mut |_| {}).expect_err("refused").to_string()
    };
    let message = refused(&GenerateOptions { tenants: Some(11), ..options(10) });
    assert!(message.contains("found 11") && message.contains("fewer tenants"), "{message}");
    assert!(refused(&GenerateOptions { tenants: Some(0), ..options(10) }).contains("found 0"));
    assert!(refused(&options(u64::MAX)).contains("ask for fewer"));
    assert!(refused(&GenerateOptions { revision: u32::MAX, ..options(1) }).contains("ask for a smaller one"));
    let nobody = absent(&options(0), 1, &mut std::io::sink());
    assert!(matches!(nobody, Err(GenerateError::AbsentOfNobody)));
    assert_eq!(Table::people(&options(0)).rows.len(), 0);
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let result = people(&options(2_000), &mut Full, &mut |_| {});
    assert!(
        matches!(&result, Err(GenerateError::Write(error)) if error.kind() == std::io::ErrorKind::StorageFull),
        "{result:?}"
    );
}
