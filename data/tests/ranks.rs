//! People of tenants that stand in one run or several, found by what is known in their tenant only.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use common::{built, people, write};
use persondb_data::input::InputSpec;
use persondb_data::segment::{Scope, Segment};
use persondb_protocol::layout::SectionKind;

/// Files in which tenants stand one after the other, so many people each.
fn files(tenants: &[(&str, u32)], files: u32) -> Vec<String> {
    let file = |file: u32| {
        let mut csv = "tenant_id,person_id,email,display_name\n".to_owned();
        for (tenant, count) in tenants {
            for i in 0..*count {
                // Numbers and names of one tenant are those of the others too.
                let id = file * count + i;
                writeln!(csv, "{tenant},{id},p{id}@{tenant}.example,Jane {}", family(id)).unwrap();
            }
        }
        csv
    };
    (0..files).map(file).collect()
}

/// A name of letters.
fn family(id: u32) -> String {
    format!("Roe{}", id.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect::<String>())
}

fn segment(csv: &[String]) -> Segment<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let file = |(at, csv): (usize, &String)| write(dir.path(), &format!("{at}.csv"), csv);
    let domains = "tenant_id,domain,kind\nonly-domains,apart.example,owned\n";
    let spec = InputSpec {
        people: csv.iter().enumerate().map(file).collect(),
        domains: Some(write(dir.path(), "domains.csv", domains)),
        ..InputSpec::default()
    };
    built(&spec).0
}

fn holds_ranks(segment: &Segment<Vec<u8>>) -> bool {
    let ranks = SectionKind::Ranks as u32;
    segment.sections().iter().any(|section| section.kind.get() == ranks && section.size.get() > 0)
}

/// Everybody is found in their tenant by identifier and name, alone.
fn finds_everybody(segment: &Segment<Vec<u8>>, tenants: &[(&str, u32)], files: u32) {
    let of_tenant = |tenant: &str, id: u32| [tenant.to_owned(), id.to_string()];
    for &(tenant, count) in tenants {
        for id in 0..files * count {
            let by_id = segment.person(&id.to_string(), Scope::Tenant(tenant)).unwrap();
            let by_name = segment.by_name(tenant, &format!("jane {}", family(id)), 10).unwrap();
            for hits in [by_id, by_name] {
                let found: Vec<_> = people(&hits).into_iter().map(|p| [p.tenant_id, p.person_id]).collect();
                assert_eq!(found, [of_tenant(tenant, id)]);
            }
        }
        let behind = (files * count).to_string();
        assert!(segment.person(&behind, Scope::Tenant(tenant)).unwrap().is_empty());
        assert!(segment.by_name(tenant, &format!("Jane {}", family(files * count)), 10).unwrap().is_empty());
    }
    for nobody in ["only-domains", "unknown", "", "ACME"] {
        assert!(segment.person("0", Scope::Tenant(nobody)).unwrap().is_empty(), "{nobody}");
        assert!(segment.by_name(nobody, &format!("Jane {}", family(0)), 10).unwrap().is_empty(), "{nobody}");
    }
    let everywhere = people(&segment.person("0", Scope::Everywhere).unwrap());
    assert_eq!(everywhere.len(), tenants.len());
    assert_eq!(segment.domain("apart.example").unwrap()[0].tenant_id, "only-domains");
    segment.verify(None, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
}

#[test]
fn people_of_a_tenant_in_one_run_or_several_are_found_by_rank_in_it_and_in_no_other() {
    let tenants = [("acme", 300), ("beta", 7), ("gamma", 150), ("delta", 1), ("epsilon", 299)];
    for count in [1, 3] {
        let segment = segment(&files(&tenants, count));
        assert!(holds_ranks(&segment));
        finds_everybody(&segment, &tenants, count);
    }
}

#[test]
fn people_of_small_tenants_are_found_whose_runs_are_marked_and_rows_name_none() {
    let names: Vec<_> = (0..400).map(|i| format!("tenant{i}")).collect();
    let tenants: Vec<_> = names.iter().map(|name| (name.as_str(), 5)).collect();
    for count in [1, 2] {
        let segment = segment(&files(&tenants, count));
        assert!(holds_ranks(&segment));
        let sections = segment.sections();
        let runs = sections.iter().find(|section| section.kind.get() == SectionKind::Runs as u32).unwrap();
        let run_count = u64::from(count) * 400;
        assert_eq!(runs.count.get(), run_count, "a line each, and the domain-only tenant has none");
        assert!(runs.size.get() < 4 * run_count, "{} bytes for {run_count} runs", runs.size.get());
        finds_everybody(&segment, &tenants, count);
    }
}

#[test]
fn rows_at_the_end_that_are_people_met_before_begin_no_run() {
    // As many as marks of one line, so that there is no place for another.
    let names: Vec<_> = (0..96).map(|i| format!("tenant{i}")).collect();
    let tenants: Vec<_> = names.iter().map(|name| (name.as_str(), 5)).collect();
    let mut file = files(&tenants, 1);
    file[0].push_str("tenant0,0,again@tenant0.example,Jane\n");
    let segment = segment(&file);
    assert_eq!(segment.people_count(), 480);
    let sections = segment.sections();
    let runs = sections.iter().find(|section| section.kind.get() == SectionKind::Runs as u32).unwrap();
    assert_eq!(runs.count.get(), 96);
    let again = people(&segment.get("again@tenant0.example", Scope::Everywhere).unwrap());
    assert_eq!((again.len(), &*again[0].tenant_id, &*again[0].person_id), (1, "tenant0", "0"));
    segment.verify(None, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
}

#[test]
fn where_tenants_are_mixed_or_as_many_as_people_indexes_hold_ordinals() {
    let names: Vec<_> = (0..200).map(|i| format!("tenant{i}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let few: Vec<_> = many[..5].to_vec();
    for (tenants, files_count) in [(many, 1), (few, 90)] {
        let segment = segment(&files(&tenants, files_count));
        assert!(!holds_ranks(&segment));
        finds_everybody(&segment, &tenants, files_count);
    }
}

#[test]
fn ranks_spare_what_the_ordinals_of_many_tenants_take() {
    let names: Vec<_> = (0..64).map(|i| format!("tenant{i}")).collect();
    let tenants: Vec<_> = names.iter().map(|name| (name.as_str(), 250)).collect();
    let size = |segment: &Segment<Vec<u8>>| {
        let person = SectionKind::PersonIndex as u32;
        segment.sections().iter().find(|section| section.kind.get() == person).unwrap().size.get()
    };
    // 16,000 people take 14 bits and a fingerprint each, those of a tenant 8.
    let of_ranks = size(&segment(&files(&tenants, 1)));
    assert!((33_000..39_000).contains(&of_ranks), "{of_ranks} bytes for 16,000 people");
}
