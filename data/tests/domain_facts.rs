//! What is known of domains, asked as `persondb domain` does: the same answers however a domain is stored.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use persondb_data::builder::{BuildOptions, build};
use persondb_data::input::InputSpec;
use persondb_data::segment::{Scope, Segment};
use persondb_protocol::Generation;
use persondb_protocol::answer::{DomainFact, DomainKind};
use persondb_protocol::layout::SectionKind;

fn segment(people: &str, domains: Option<&str>) -> Segment<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let spec = InputSpec {
        people: vec![write("people.csv", people)],
        domains: domains.map(|text| write("domains.csv", text)),
        ..InputSpec::default()
    };
    let options = BuildOptions {
        generation: Generation(1),
        load_started_boot_ns: 0,
        built_at_wall_ns: 0,
        config_digest: [0; 16],
        hash_seed: 42,
        threads: 2,
        rejects: None,
    };
    let mut bytes = Vec::new();
    build(&spec, &options, &mut bytes, &mut |_| {}).unwrap();
    Segment::open(bytes).unwrap()
}

fn observed(tenant: &str, domain: &str, people: u64) -> DomainFact {
    DomainFact {
        tenant_id: tenant.to_owned(),
        domain: domain.to_owned(),
        kind: DomainKind::Observed,
        subaddress: None,
        dots_ignored: false,
        people,
    }
}

#[test]
fn a_domain_of_one_person_is_known_as_one_of_many_is() {
    let segment = segment(
        "tenant_id,person_id,email,aliases\n\
         t0,1,jane.roe@many.example,jane@alias.example\n\
         t0,2,john.roe@many.example,\n\
         t0,3,Mary.Roe@ONLY.Example,\n\
         t0,4,max.roe@said.example,\n\
         t1,1,jane.roe@only.example,\n\
         t1,2,<ann.roe@bücher.example>,\n\
         t1,3,ben.roe@many.example,\n\
         t1,4,joe.roe@said.example,\n",
        Some(
            "tenant_id,domain,kind,subaddress,dots_ignored\nt1,said.example,owned,+,true\nt1,empty.example,partner,,\n",
        ),
    );
    let facts = |domain: &str| segment.domain(domain).unwrap();
    assert_eq!(facts("many.example"), [observed("t0", "many.example", 2), observed("t1", "many.example", 1)]);
    let only = [observed("t0", "only.example", 1), observed("t1", "only.example", 1)];
    assert_eq!(facts("only.example"), only);
    assert_eq!(facts("Only.EXAMPLE."), only, "asked for as people write it");
    let books = [observed("t1", "xn--bcher-kva.example", 1)];
    assert_eq!((facts("bücher.example"), facts("xn--bcher-kva.example")), (books.to_vec(), books.to_vec()));
    let said = DomainFact {
        kind: DomainKind::Owned,
        subaddress: Some('+'),
        dots_ignored: true,
        ..observed("t1", "said.example", 1)
    };
    assert_eq!(facts("said.example"), [observed("t0", "said.example", 1), said], "by tenant, said or seen");
    assert_eq!(facts("empty.example").len(), 1);
    assert_eq!(facts("empty.example")[0].people, 0);
    for near in [
        "alias.example", // Nobody's primary address is there.
        "nly.example",
        "only.exampl",
        "x.only.example",
        "example",
        "only",
        "",
        "jane.roe@only.example",
        "many.example.only.example",
    ] {
        assert_eq!(facts(near), [], "{near:?}");
    }
    // The loose rules are those of the tenant that said so.
    let found = |address: &str| segment.get(address, Scope::Everywhere).unwrap().len();
    assert_eq!((found("joe.roe+x@said.example"), found("joeroe@said.example")), (1, 1));
    assert_eq!((found("max.roe+x@said.example"), found("maxroe@said.example")), (0, 0));
    assert_eq!((found("mary.roe@only.example"), found("mary.roe+x@only.example")), (1, 0));
    let counts: Vec<_> =
        segment.sections().iter().filter(|e| e.kind.get() == SectionKind::Domains as u32).collect();
    assert_eq!(
        counts.iter().map(|entry| entry.count.get()).collect::<Vec<_>>(),
        [2, 1],
        "said, and seen by several"
    );
}

#[test]
fn rows_of_one_person_leave_the_domain_of_their_primary_address() {
    let segment = segment(
        "tenant_id,person_id,email\n\
         t0,1,a@first.example\n\
         t0,2,b@second.example\n\
         t0,1,a@second.example\n\
         t0,3,c@third.example\n\
         t0,3,c@fourth.example\n\
         t0,2,b@fifth.example\n\
         t0,4,d@fifth.example\n\
         t0,5,e@fifth.example\n\
         t0,1,a@first.example\n",
        None,
    );
    assert_eq!(segment.people_count(), 5);
    for (domain, people) in [("first", 1), ("second", 1), ("third", 1), ("fifth", 2)] {
        let domain = format!("{domain}.example");
        assert_eq!(segment.domain(&domain).unwrap(), [observed("t0", &domain, people)]);
    }
    assert_eq!(segment.domain("fourth.example").unwrap(), [], "the later row's address is a further one");
}

/// Numbers without a pattern, always the same (Steele, Lea, Flood 2014).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[test]
fn facts_are_those_of_a_count_over_all_rows_whatever_the_tenants_and_repetitions() {
    // Rows, tenants, identifiers, domains: by few and by many, in runs and mixed.
    for (seed, tenants, ids, domains, in_runs) in [
        (1, 3, 1 << 40, 900, true),
        (2, 3, 1 << 40, 40, false),
        (3, 2_500, 1 << 40, 3_000, false),
        (4, 2_500, 1 << 40, 5, true),
        (5, 4, 300, 700, false),
        (6, 1_000, 4, 900, true),
    ] {
        let mut state = seed;
        let mut rows: Vec<_> = (0..3_000)
            .map(|_| (random(&mut state) % tenants, random(&mut state) % ids, random(&mut state) % domains))
            .collect();
        if in_runs {
            rows.sort_by_key(|row| row.0);
        }
        let mut csv = "tenant_id,person_id,email\n".to_owned();
        let mut seen = BTreeSet::new();
        let mut codes = BTreeMap::new();
        let mut counts = BTreeMap::<_, u64>::new();
        for (number, (tenant, id, domain)) in rows.iter().enumerate() {
            writeln!(csv, "t{tenant},{id},somebody{number}@d{domain}.example").unwrap();
            let next = codes.len();
            let code = *codes.entry(tenant).or_insert(next);
            if seen.insert((tenant, id)) {
                *counts.entry((domain, code, tenant)).or_default() += 1;
            }
        }
        let segment = segment(&csv, None);
        assert_eq!(segment.people_count() as usize, seen.len());
        let mut expected = BTreeMap::<_, Vec<_>>::new();
        for ((domain, _, tenant), people) in counts {
            let name = format!("d{domain}.example");
            expected.entry(domain).or_default().push(observed(&format!("t{tenant}"), &name, people));
        }
        for domain in 0..domains + 100 {
            let facts = segment.domain(&format!("d{domain}.example")).unwrap();
            assert_eq!(facts, expected.get(&domain).map_or(&[][..], Vec::as_slice), "seed {seed}, d{domain}");
        }
        for (number, (tenant, _, domain)) in rows.iter().enumerate() {
            let address = format!("somebody{number}@d{domain}.example");
            let hits = segment.get(&address, Scope::Tenant(&format!("t{tenant}"))).unwrap();
            assert_eq!(hits.len(), 1, "{address}");
            assert_eq!(hits.first().unwrap().person.tenant_id().unwrap(), format!("t{tenant}"));
        }
        segment.verify(None, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    }
}
