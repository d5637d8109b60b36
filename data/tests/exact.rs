//! Whatever a CSV holds comes back from the segment exactly, found by every key, and nothing else does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use common::{built, bytes_of, columns, options, people, spec_of, write};
use persondb_data::builder::build;
use persondb_data::input::InputSpec;
use persondb_data::segment::{Scope, Segment};
use persondb_protocol::answer::Matched;
use proptest::prelude::*;

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

const HEADER: &str = "tenant_id,person_id,email,aliases,display_name,given_name,family_name,note";

#[derive(Clone, Debug)]
struct Someone {
    tenant: u8,
    local: String,
    alias: Option<String>,
    names: [String; 3],
    note: String,
}

fn someone() -> impl Strategy<Value = Someone> {
    let name = "[A-Za-zäöüßéÅøłПавел李小龍 '\\-\"\n🎉.,]{0,20}";
    (
        "[a-z0-9.+_-]{1,10}|[äöüа-я]{1,6}",
        prop::option::of("[A-Z]{1,8}"),
        [name, name, name],
        any::<u8>(),
        ".{0,40}",
    )
        .prop_map(|(local, alias, names, tenant, note)| Someone {
            tenant: tenant % 3,
            local: local.trim_matches('.').replace("..", "."),
            alias,
            names,
            note: note.replace('\0', ""),
        })
        .prop_filter("a local part", |someone| !someone.local.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_row_is_found_by_every_key_with_every_column_as_given(everybody in prop::collection::vec(someone(), 1..40)) {
        let mut csv = format!("{HEADER}\n");
        for (i, someone) in everybody.iter().enumerate() {
            let fields = [
                format!("t{}", someone.tenant),
                format!("id-{i}"),
                format!("{}.{i}@Example.org", someone.local),
                someone.alias.as_ref().map(|alias| format!("{alias}{i}@example.com;sip:{i}@example.com")).unwrap_or_default(),
                someone.names[0].clone(),
                someone.names[1].clone(),
                someone.names[2].clone(),
                someone.note.clone(),
            ];
            csv.push_str(&fields.map(|field| quoted(&field)).join(","));
            csv.push('\n');
        }
        let (_dir, spec) = spec_of(&csv);
        let (segment, report) = built(&spec);
        prop_assert_eq!(report.accepted, everybody.len() as u64);
        for (i, someone) in everybody.iter().enumerate() {
            let email = format!("{}.{i}@Example.org", someone.local);
            let found = people(&segment.get(&email.to_uppercase(), Scope::Everywhere).unwrap());
            prop_assert_eq!(found.len(), 1, "{}", &email);
            prop_assert_eq!(&found[0].email, &email);
            let columns = columns(&found[0]);
            prop_assert_eq!(columns.len(), 8);
            prop_assert_eq!(columns["display_name"], &someone.names[0]);
            prop_assert_eq!(columns["given_name"], &someone.names[1]);
            prop_assert_eq!(columns["family_name"], &someone.names[2]);
            prop_assert_eq!(columns["note"], &someone.note);
            if let Some(alias) = &someone.alias {
                let found = people(&segment.get(&format!("{alias}{i}@EXAMPLE.com"), Scope::Everywhere).unwrap());
                prop_assert_eq!(&found[0].email, &email);
                prop_assert_eq!(found[0].matched, Matched::Alias);
            }
            let by_id = people(&segment.person(&format!("id-{i}"), Scope::Everywhere).unwrap());
            prop_assert_eq!(&by_id[0].email, &email);
            let absent = segment.get(&format!("x{email}"), Scope::Everywhere).unwrap();
            prop_assert!(absent.is_empty());
            let elsewhere = format!("t{}", (someone.tenant + 1) % 3);
            prop_assert!(segment.get(&email, Scope::Tenant(&elsewhere)).unwrap().is_empty());
        }
    }
}

#[test]
fn one_address_of_two_people_gives_both_marked_ambiguous() {
    let (_dir, spec) = spec_of(
        "tenant_id,person_id,email,aliases\n\
         a,1,info@x.example,\n\
         b,1,info@x.example,\n\
         a,2,two@x.example,INFO@x.example\n\
         a,3,three@x.example,\n",
    );
    let (segment, _) = built(&spec);
    let all = people(&segment.get("Info@X.example", Scope::Everywhere).unwrap());
    let seen: Vec<_> = all.iter().map(|p| (&*p.tenant_id, &*p.person_id, p.matched, p.ambiguous)).collect();
    assert_eq!(
        seen,
        [
            ("a", "1", Matched::Primary, true),
            ("b", "1", Matched::Primary, true),
            ("a", "2", Matched::Alias, true)
        ]
    );
    let in_b = people(&segment.get("info@x.example", Scope::Tenant("b")).unwrap());
    assert_eq!(in_b.len(), 1);
    assert!(!in_b[0].ambiguous);
    assert!(!people(&segment.get("three@x.example", Scope::Everywhere).unwrap())[0].ambiguous);
}

#[test]
fn rows_of_one_person_become_one_record_and_lose_no_address() {
    let (_dir, spec) = spec_of(
        "tenant_id,person_id,email,aliases,display_name,given_name,family_name,title\n\
         a,7,jo@x.example,,,Jo,,\n\
         a,8,other@x.example,,Other,,,\n\
         a,7,jo2@x.example,jo3@x.example,Jo Doe,Joseph,Doe,Boss\n\
         b,7,jo@y.example,,Jo of b,,,\n",
    );
    let (segment, report) = built(&spec);
    assert_eq!((report.rows, report.accepted, segment.people_count()), (4, 4, 3));
    for (address, matched) in [
        ("jo@x.example", Matched::Primary),
        ("jo2@x.example", Matched::Alias),
        ("jo3@x.example", Matched::Alias),
    ] {
        let found = people(&segment.get(address, Scope::Everywhere).unwrap());
        assert_eq!((found.len(), found[0].matched), (1, matched), "{address}");
        let columns = columns(&found[0]);
        assert_eq!((columns["given_name"], columns["family_name"], columns["title"]), ("Jo", "Doe", "Boss"));
    }
    // A name that stands in no single row: given from the first, family from the later one.
    assert_eq!(segment.by_name("a", "jo DOE", 10).unwrap().len(), 1);
    assert_eq!(segment.by_name("b", "jo doe", 10).unwrap().len(), 0);
    assert_eq!(people(&segment.person("7", Scope::Everywhere).unwrap()).len(), 2);
    assert_eq!(people(&segment.get("other@x.example", Scope::Everywhere).unwrap())[0].person_id, "8");
}

#[test]
fn names_are_found_folded_and_in_the_german_form_within_the_tenant() {
    let (_dir, spec) = spec_of(
        "tenant_id,email,display_name,given_name,family_name,preferred_name,other_names\n\
         a,1@x.example,Jürgen  MÜLLER,Hans-Jürgen,Müller,Hansi,Мюллер; Juergen Maier\n\
         a,2@x.example,Jurgen Muller,,,,\n\
         b,3@x.example,Jürgen Müller,,,,\n",
    );
    let (segment, _) = built(&spec);
    let emails = |name: &str| -> Vec<String> {
        people(&segment.by_name("a", name, 10).unwrap()).into_iter().map(|p| p.email).collect()
    };
    assert_eq!(emails("jürgen müller"), ["1@x.example", "2@x.example"]);
    assert_eq!(emails("JUERGEN MUELLER"), ["1@x.example"]);
    assert_eq!(emails("Hans Jürgen Müller"), ["1@x.example"]);
    assert_eq!(emails("Hansi Müller"), ["1@x.example"]);
    assert_eq!(emails("мюллер"), ["1@x.example"]);
    assert_eq!(emails("Jürgen Maier"), ["1@x.example"]);
    assert_eq!(emails("Hans Müller"), [""; 0]);
    assert_eq!(segment.by_name("a", "jurgen muller", 1).unwrap().len(), 1);
}

#[test]
fn aliases_and_domains_files_do_what_they_say() {
    let (dir, mut spec) = spec_of(
        "tenant_id,person_id,email\n\
         a,1,jane@x.example\n\
         b,1,jane@y.example\n\
         a,2,j.o.hn@gmail.com\n\
         b,3,ma.x@y.example\n",
    );
    spec.aliases = Some(write(
        dir.path(),
        "aliases.csv",
        "tenant_id,person_id,email,address,kind\na,1,,jd@x.example,\nb,,jane@y.example,jd@y.example,\n",
    ));
    spec.domains = Some(write(
        dir.path(),
        "domains.csv",
        "tenant_id,domain,kind,subaddress,dots_ignored\na,x.example,owned,+,\nb,Y.example,owned,,true\na,z.example,partner,,\n",
    ));
    let (segment, _) = built(&spec);
    let one = |address: &str| {
        let found = people(&segment.get(address, Scope::Everywhere).unwrap());
        (found.len() == 1).then(|| (found[0].email.clone(), found[0].matched))
    };
    assert_eq!(one("jd@x.example"), Some(("jane@x.example".into(), Matched::Alias)));
    assert_eq!(one("jd@y.example"), Some(("jane@y.example".into(), Matched::Alias)));
    assert_eq!(one("jane+news@x.example"), Some(("jane@x.example".into(), Matched::Subaddress)));
    assert_eq!(one("jd+news@x.example"), Some(("jane@x.example".into(), Matched::Subaddress)));
    assert_eq!(one("jane+news@y.example"), None, "tenant b has no sub-addresses");
    assert_eq!(one("max@y.example"), Some(("ma.x@y.example".into(), Matched::Dots)));
    assert_eq!(one("john@gmail.com"), Some(("j.o.hn@gmail.com".into(), Matched::Dots)));
    assert_eq!(one("ja.ne@x.example"), None, "dots count in x.example");
    let facts = segment.domain("X.Example.").unwrap();
    assert_eq!((facts.len(), facts[0].people, facts[0].subaddress), (1, 1, Some('+')));
    assert_eq!(segment.domain("z.example").unwrap()[0].people, 0);
    assert_eq!(segment.domain("gmail.com").unwrap()[0].tenant_id, "a");
    assert!(segment.domain("nowhere.example").unwrap().is_empty());
}

#[test]
fn files_with_other_columns_keep_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let spec = InputSpec {
        people: vec![
            write(dir.path(), "a.csv", "tenant_id;email;Floor\na;1@x.example;3\na;2@x.example;\n"),
            write(dir.path(), "b.csv", "E-Mail,Tenant,desk\n3@x.example,b,\"4,5\"\n2@x.example,a,9\n"),
        ],
        ..InputSpec::default()
    };
    let (segment, _) = built(&spec);
    let of = |email: &str| people(&segment.get(email, Scope::Everywhere).unwrap())[0].columns.clone();
    let pair = |h: &str, v: &str| (h.to_owned(), v.to_owned());
    assert_eq!(of("1@x.example"), [pair("tenant_id", "a"), pair("email", "1@x.example"), pair("Floor", "3")]);
    assert_eq!(of("3@x.example"), [pair("E-Mail", "3@x.example"), pair("Tenant", "b"), pair("desk", "4,5")]);
    let both = of("2@x.example");
    assert!(both.contains(&pair("Floor", "")) && both.contains(&pair("desk", "9")), "{both:?}");
    assert_eq!(segment.people_count(), 3);
}

#[test]
fn every_flipped_byte_is_noticed_and_no_answer_panics() {
    let (_dir, spec) = spec_of(
        "tenant_id,person_id,email,display_name\na,1,jane@x.example,Jane Doe\nb,2,joe@y.example,Joe Roe\n",
    );
    let (bytes, _) = bytes_of(&spec);
    let padding_only = |at: usize, segment: &Segment<Vec<u8>>| {
        let at = at as u64;
        let inside = |e: &&persondb_protocol::layout::SectionEntry| {
            (e.offset.get()..e.offset.get() + e.size.get()).contains(&at)
        };
        at >= 256 + 48 * segment.sections().len() as u64 && segment.sections().iter().find(inside).is_none()
    };
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x55;
        let Ok(segment) = Segment::open(flipped) else { continue };
        let _ = segment.get("jane@x.example", Scope::Everywhere);
        let _ = segment.get("absent@x.example", Scope::Everywhere);
        let _ = segment.person("2", Scope::Tenant("b"));
        let _ = segment.by_name("a", "jane doe", 5);
        let _ = segment.domain("x.example");
        segment.people().for_each(|person| drop(person.map(|p| p.columns().count())));
        let noticed = segment.verify(None, &mut |_| std::ops::ControlFlow::Continue(())).is_err();
        assert!(noticed || padding_only(at, &segment), "byte {at} changed unnoticed");
    }
}

#[test]
fn an_address_that_has_no_key_is_rejected_and_not_published_unfindable() {
    // U+037E decomposes to a semicolon; the long domain grows beyond 254 bytes as A-labels.
    let long = format!("{}@{}example", "x".repeat(60), "ü.".repeat(25));
    let mut csv = "tenant_id,email,display_name\n".to_owned();
    for i in 0..300 {
        writeln!(csv, "a,ok{i}@x.example,").unwrap();
    }
    let (_dir, spec) = spec_of(&format!("{csv}a,a\u{37e}b@x.example,\na,{long},\n"));
    let (segment, report) = built(&spec);
    assert_eq!((report.accepted, report.rejected, segment.people_count()), (300, 2, 300));
}

#[test]
fn a_personal_address_stays_personal_whatever_dots_and_tags_are_put_into_it() {
    let (_dir, spec) = spec_of(
        "tenant_id,person_id,email,personal_emails\n\
         a,1,jane@x.example,j.doe@gmail.com\n\
         a,1,jane@x.example,second@gmail.com\n\
         a,2,own@gmail.com,\n",
    );
    let (segment, _) = built(&spec);
    let matched = |address: &str| people(&segment.get(address, Scope::Everywhere).unwrap())[0].matched;
    for address in ["j.doe@gmail.com", "jdoe@gmail.com", "j.d.o.e@gmail.com", "second@gmail.com"] {
        assert_eq!(matched(address), Matched::PersonalKnown, "{address}");
    }
    assert_eq!(matched("o.w.n@gmail.com"), Matched::Dots);
}

#[test]
fn a_cut_list_still_says_that_there_are_several_and_keeps_the_owner() {
    let mut csv = "tenant_id,person_id,email,aliases,display_name\n".to_owned();
    for i in 0..1_200 {
        writeln!(csv, "a,{i},p{i}@x.example,boss@x.example,Jane Doe").unwrap();
    }
    let (_dir, spec) = spec_of(&format!("{csv}a,boss,boss@x.example,,The Boss\n"));
    let (segment, _) = built(&spec);
    let all = people(&segment.get("boss@x.example", Scope::Everywhere).unwrap());
    assert_eq!((all.len(), &*all[0].person_id, all[0].matched), (1_000, "boss", Matched::Primary));
    let one = people(&segment.by_name("a", "jane doe", 1).unwrap());
    assert_eq!((one.len(), one[0].ambiguous), (1, true));
    let sole = people(&segment.by_name("a", "the boss", 1).unwrap());
    assert_eq!((sole.len(), sole[0].ambiguous), (1, false));
}

#[test]
fn a_key_that_too_many_share_is_no_answer_and_never_absent() {
    let mut csv = "tenant_id,person_id,email,aliases\n".to_owned();
    for i in 0..20_000 {
        writeln!(csv, "t{i},1,p{i}@x.example,all@x.example").unwrap();
    }
    let (_dir, spec) = spec_of(&csv);
    let (bytes, _) = bytes_of(&spec);
    let segment = Segment::open(bytes).unwrap();
    // All 20,000 of them: what many share is looked up once.
    segment.verify(None, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    let crowded = segment.get("all@x.example", Scope::Tenant("nobody"));
    assert_eq!(crowded.unwrap_err(), persondb_data::segment::LookupError::TooMany);
    // Every tenant numbers its people from 1, and each is found at once all the same.
    let found = people(&segment.person("1", Scope::Tenant("t19999")).unwrap());
    assert_eq!((found.len(), &*found[0].email), (1, "p19999@x.example"));
    assert_eq!(segment.person("1", Scope::Everywhere).unwrap().len(), 1_000);
}

#[test]
fn a_column_that_does_not_identify_people_is_refused_with_the_line() {
    let mut csv = "tenant_id,person_id,email\n".to_owned();
    for i in 0..1_001 {
        writeln!(csv, "a,N/A,p{i}@x.example").unwrap();
    }
    let (_dir, spec) = spec_of(&csv);
    let error = build(&spec, &options(), &mut Vec::new(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("people.csv line 1002") && error.contains("N/A"), "{error}");
}
