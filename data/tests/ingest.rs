//! From files to answers: which files are taken, what is refused, what is warned about, and where it says so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;
use std::io::Write as _;

use common::{built, options, people, spec_of, write};
use persondb_data::builder::build;
use persondb_data::input::{
    InputError, InputLimits, InputSpec, Mapping, Report, Source, WarningKind, read_header,
};
use persondb_data::segment::{Scope, Segment};
use persondb_protocol::answer::{Matched, Person};

fn all(segment: &Segment<Vec<u8>>, address: &str) -> Vec<Person> {
    people(&segment.get(address, Scope::Everywhere).unwrap())
}

/// Lines and columns of the warnings of this kind.
fn warned(report: &Report, kind: WarningKind) -> Vec<(u64, Option<&str>)> {
    let notices = report.notices.iter().filter(|notice| notice.kind == kind);
    notices.map(|notice| (notice.line, notice.column.as_deref())).collect()
}

/// Why a build with this is refused.
fn refused(spec: &InputSpec) -> String {
    build(spec, &options(), &mut Vec::new(), &mut |_| {}).unwrap_err().to_string()
}

#[test]
fn a_folder_of_every_encoding_and_dialect_is_one_dataset_and_other_files_in_it_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = |n: u32, delimiter: &str, line_break: &str| {
        let rows =
            [["Tenant", "E-Mail", "Full Name"], ["t", &format!("p{n}@x.example"), &format!("Zoë {n}")]];
        rows.map(|row| row.join(delimiter) + line_break).concat()
    };
    let utf16 = |text: &str| format!("\u{feff}{text}").encode_utf16().collect::<Vec<_>>();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text(1, ";", "\r\n").as_bytes()).unwrap();
    write(dir.path(), "0.csv", text(0, ",", "\n"));
    write(dir.path(), "1.csv.gz", gzip.finish().unwrap());
    write(dir.path(), "2.csv.zst", zstd::encode_all(text(2, "\t", "\r").as_bytes(), 1).unwrap());
    write(dir.path(), "3.csv", format!("\u{feff}{}", text(3, ",", "\r\n")));
    let little: Vec<u8> = utf16(&text(4, "\t", "\r\n")).into_iter().flat_map(u16::to_le_bytes).collect();
    write(dir.path(), "4.csv", little);
    let big: Vec<u8> = utf16(&text(5, ";", "\n")).into_iter().flat_map(u16::to_be_bytes).collect();
    write(dir.path(), "5.csv", big);
    write(dir.path(), "6.csv", format!("sep=|\n{}", text(6, "|", "\n")));
    write(dir.path(), "7.csv", format!("#TYPE System.Object\r\n{}", text(7, ",", "\r\n")));
    write(dir.path(), "8.csv", format!("version: 1\n{}", text(8, ",", "\n")));
    write(dir.path(), "readme.txt", "no export");
    write(dir.path(), ".part.csv", "half");
    let spec = InputSpec { people: vec![dir.path().to_owned()], ..InputSpec::default() };
    let (segment, report) = built(&spec);
    assert_eq!((report.files.len(), report.accepted), (9, 9));
    for n in 0..9 {
        let found = all(&segment, &format!("p{n}@x.example"));
        assert_eq!(found[0].display_name, format!("Zoë {n}"));
    }
    let glob = InputSpec { people: vec![dir.path().join("[0-3].csv*")], ..InputSpec::default() };
    assert_eq!(built(&glob).1.accepted, 4);
}

#[test]
fn one_stray_quote_and_too_many_columns_refuse_the_file_at_the_limits_and_not_below() {
    let mapping = |header: &str| -> Result<Mapping, InputError> {
        let (_dir, spec) = spec_of(header);
        let source = Source::open(&spec.people[0], &spec.limits)?;
        Mapping::from_header(&read_header(&source, &spec.limits)?, &spec)
    };
    let header = |columns: usize| {
        let more: Vec<_> = (2..columns).map(|n| format!("c{n}")).collect();
        format!("email,tenant,{}\n", more.join(","))
    };
    assert_eq!(mapping(&header(1024)).unwrap().headers().len(), 1024);
    assert!(mapping(&header(1025)).unwrap_err().to_string().contains("1024"));

    let rows = |bytes: usize| {
        let mut text = String::from("email,tenant,note\na@x.example,t,\"");
        let line = "b@x.example,t,n\n";
        while text.len() < bytes {
            text.push_str(line);
        }
        text + "\"\n"
    };
    let (_dir, spec) = spec_of(&rows((1 << 20) + 100));
    let error = refused(&spec);
    assert!(error.contains("line 2") && error.contains("note") && error.contains("1048576"), "{error}");
    let (_dir, spec) = spec_of(&rows(1 << 15));
    assert_eq!(built(&spec).1.accepted, 1, "a long note is one");
}

#[test]
fn the_part_of_rejected_rows_is_what_the_configuration_says() {
    let rows = |bad: usize| {
        let mut text = String::from("email,tenant\n");
        (0..100 - bad).for_each(|n| writeln!(text, "p{n}@x.example,t").unwrap());
        text + &"nobody,t\n".repeat(bad)
    };
    let (_dir, spec) = spec_of(&rows(1));
    assert_eq!(built(&spec).1.rejected, 1);
    let (_dir, spec) = spec_of(&rows(2));
    let error = refused(&spec);
    assert!(error.contains("line 100") && error.contains("2 of 100"), "{error}");
    let limits = InputLimits { rejected_percent_max: 2.0, ..InputLimits::default() };
    assert_eq!(built(&InputSpec { limits, ..spec }).1.rejected, 2);
}

#[test]
fn warnings_name_line_and_column_and_the_neighbours_have_none() {
    let (_dir, spec) = spec_of(
        "tenant,mail,name,aliases,Home Email,kind,note\n\
         t,a@x.example,A,,,,fine\n\
         t,b@x.example,B,b2@x.example;nobody,,,\n\
         t,c@x.example,C,,nowhere,,\n\
         t,d@x.example,D,,,wizard,\n\
         t,e@x.example,E,,,,=cmd()\n\
         t,f@x.example,M?ller,,,,what?\n\
         t,g@x.example,,,,,\n",
    );
    let (_, report) = built(&spec);
    for (kind, line, column) in [
        (WarningKind::InvalidAlias, 3, Some("aliases")),
        (WarningKind::InvalidPersonalEmail, 4, Some("Home Email")),
        (WarningKind::UnknownKind, 5, Some("kind")),
        (WarningKind::Formula, 6, Some("note")),
        (WarningKind::DamagedName, 7, Some("name")),
        (WarningKind::NoName, 8, None),
    ] {
        assert_eq!(warned(&report, kind), [(line, column)], "{kind:?}");
    }
    assert_eq!(report.notices.len(), 6);
}

#[test]
fn an_address_outside_the_tenants_domains_is_warned_about_where_the_tenant_named_any() {
    let (dir, mut spec) = spec_of(
        "tenant,email,name,kind\n\
         a,in@x.example,A,\n\
         a,out@y.example,B,\n\
         a,guest@y.example,C,guest\n\
         a,partner@p.example,D,\n\
         b,any@z.example,E,\n",
    );
    spec.domains =
        Some(write(dir.path(), "domains.csv", "tenant,domain,kind\na,X.example.,\na,p.example,partner\n"));
    spec.aliases = Some(write(
        dir.path(),
        "aliases.csv",
        "tenant,email,address\na,in@x.example,other@x.example\na,gone@x.example,old@x.example\n",
    ));
    let (segment, report) = built(&spec);
    assert_eq!(warned(&report, WarningKind::DomainNotOfTenant), [(3, Some("email"))]);
    assert_eq!(warned(&report, WarningKind::AliasOfNobody), [(3, None)]);
    assert_eq!(all(&segment, "out@y.example").len(), 1, "it is kept");
    assert!(all(&segment, "old@x.example").is_empty());
}

#[test]
fn domains_are_read_as_their_own_tenant_says_and_as_no_other_does() {
    let (dir, mut spec) = spec_of(
        "tenant,person_id,email,aliases\n\
         a,1,jane.doe@plus.example,\n\
         a,2,jane+lists@plus.example,\n\
         a,3,john.roe@minus.example,j.r@plus.example\n\
         a,4,ann.lee@strict.example,\n\
         b,5,jane.doe@shared.example,\n\
         c,6,jane.doe@shared.example,\n\
         c,7,max.dots@dots.example,\n",
    );
    spec.domains = Some(write(
        dir.path(),
        "domains.csv",
        "tenant,domain,kind,subaddress character,dots_ignored\n\
         a,plus.example,owned,+,no\n\
         a,minus.example,owned,-,\n\
         a,strict.example,owned,,\n\
         a,friend.example,partner,+,\n\
         b,shared.example,owned,+,\n\
         c,shared.example,owned,,yes\n\
         c,dots.example,owned,+,true\n",
    ));
    let (segment, _) = built(&spec);
    let found = |address: &str| {
        let mut found: Vec<_> =
            all(&segment, address).into_iter().map(|p| (p.person_id, p.matched)).collect();
        found.sort();
        found
    };
    for (address, expected) in [
        ("jane.doe+news@plus.example", vec![("1", Matched::Subaddress)]),
        ("jane+lists@plus.example", vec![("2", Matched::Primary)]),
        ("j.r+x@plus.example", vec![("3", Matched::Subaddress)]),
        ("jane.doe-news@plus.example", vec![]),
        ("janedoe@plus.example", vec![]),
        ("+news@plus.example", vec![]),
        ("john.roe-x@minus.example", vec![("3", Matched::Subaddress)]),
        ("john.roe+x@minus.example", vec![]),
        ("ann.lee+x@strict.example", vec![]),
        ("annlee@strict.example", vec![]),
        ("jane.doe+x@shared.example", vec![("5", Matched::Subaddress)]),
        ("janedoe@shared.example", vec![("6", Matched::Dots)]),
        ("jane.doe@shared.example", vec![("5", Matched::Primary), ("6", Matched::Primary)]),
        ("maxdots@dots.example", vec![("7", Matched::Dots)]),
        ("max.dots+x@dots.example", vec![("7", Matched::Subaddress)]),
        ("m.a.x.dots+x@dots.example", vec![("7", Matched::Dots)]),
        ("m.a.x.dots-x@dots.example", vec![]),
        ("jane.d.oe+x@shared.example", vec![]),
        ("maxdots@dots.example.org", vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(id, matched)| (id.to_owned(), matched)).collect();
        assert_eq!(found(address), expected, "{address}");
    }
    let relation = |domain: &str| -> Vec<_> {
        let facts = segment.domain(domain).unwrap();
        facts.iter().map(|fact| (fact.tenant_id.clone(), fact.kind, fact.people)).collect()
    };
    assert_eq!(relation("PLUS.example").len(), 1);
    assert_ne!(relation("friend.example")[0].1, relation("plus.example")[0].1);
    assert_eq!(relation("shared.example").len(), 2);
    assert!(relation("other.example").is_empty());
}
