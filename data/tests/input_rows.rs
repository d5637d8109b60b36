//! Rows as people, aliases and domains: what is understood, what is rejected, what is said about it.
#![allow(clippy::unwrap_used, reason = "helpers outside of #[test] functions are tests too")]

use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use persondb_data::input::values::AddressValue;
use persondb_data::input::{
    AliasKind, AliasOwner, BatchPool, Canonical, DomainKind, Dots, InputError, InputLimits, InputSpec,
    Mapping, PersonRow, RejectReason, RejectsWriter, Report, SHOWN_MAX, Source, Verdict, WarningKind,
    classify, read_aliases, read_domains, read_header, read_rows,
};
use persondb_protocol::answer::{AccountStatus, Kind};

struct Fixture {
    _dir: tempfile::TempDir,
    path: PathBuf,
    limits: InputLimits,
}

impl Fixture {
    fn new(csv: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("input.csv");
        std::fs::write(&path, csv).unwrap();
        Self { _dir: dir, path, limits: InputLimits::default() }
    }

    fn source(&self) -> Source {
        Source::open(&self.path, &self.limits).unwrap()
    }

    fn each(&self, tenant: Option<&str>, mut visit: impl FnMut(&PersonRow<'_>)) {
        let source = self.source();
        let spec = InputSpec { tenant: tenant.map(str::to_owned), ..InputSpec::default() };
        let header = read_header(&source, &self.limits).unwrap();
        let mapping = Mapping::from_header(&header, &spec).unwrap();
        let mut sink = |batch: persondb_data::input::RowBatch| {
            batch.rows().for_each(|row| visit(&PersonRow::new(row, &mapping)));
            ControlFlow::Continue(())
        };
        read_rows(&source, 0, &self.limits, &BatchPool::default(), &mut sink, &mut |_| {}).unwrap();
    }

    fn report(&self, tenant: Option<&str>) -> Report {
        let mut report = Report::new(std::slice::from_ref(&self.path));
        self.each(tenant, |person| match classify(person, &self.limits) {
            Verdict::Accepted(acceptance) => {
                report.accept(&person.row(), person.mapping().headers(), acceptance);
            }
            Verdict::Rejected(reject) => report.reject(&person.row(), person.mapping().headers(), reject),
        });
        report
    }

    /// Warnings of a single row.
    fn warnings(header: &str, row: &str) -> Vec<WarningKind> {
        let report = Self::new(&format!("{header}\n{row}\n")).report(Some("acme"));
        assert_eq!((report.accepted, report.rejected), (1, 0), "{row}: {:?}", report.issues);
        let kinds: Vec<_> = report.warnings.into_keys().collect();
        assert_eq!(report.notices.iter().map(|notice| notice.kind).collect::<Vec<_>>(), kinds);
        kinds
    }

    /// Reason and column of a single row.
    fn reject(header: &str, row: &str) -> (RejectReason, Option<String>) {
        let report = Self::new(&format!("{header}\n{row}\n")).report(None);
        assert_eq!((report.accepted, report.rejected), (0, 1), "{row}");
        let issue = report.issues.into_iter().next().unwrap();
        assert_eq!((issue.line, issue.file_index), (2, 0));
        (issue.reason, issue.column)
    }
}

#[test]
fn every_column_is_seen_by_its_meaning_and_comes_back_byte_for_byte() {
    let csv = "Customer ID;ID;E-Mail Address [Required];Proxy Addresses;name;first_name;middle;Surname;suffix;\
               nickname;maiden_name;recovery_email;type;status;is_vip;Desk\n\
               t1; 007 ;<Jo@X.org>;SMTP:Jo@X.org|sip:jo@x.org|j.o@x.org; Jo  Doe ;Jo;Q;Doe;Jr;Jojo;\
               \"Roe;ロウ\";jo@home.example;Guest;SUSPENDED;yes; \"\"4\"\" \n";
    Fixture::new(csv).each(None, |person| {
        assert_eq!(person.tenant(), Some("t1"));
        assert_eq!(person.person_id(), Some("007"));
        assert_eq!(person.email(), Some("Jo@X.org"));
        let aliases: Vec<_> = person.aliases().collect();
        let other = AddressValue::OtherType("sip:jo@x.org");
        assert_eq!(aliases, [AddressValue::Address("Jo@X.org"), other, AddressValue::Address("j.o@x.org")]);
        assert_eq!(person.display_name(), Some("Jo  Doe"));
        assert_eq!((person.given_name(), person.middle_name()), (Some("Jo"), Some("Q")));
        assert_eq!((person.family_name(), person.suffix()), (Some("Doe"), Some("Jr")));
        assert_eq!(person.preferred_name(), Some("Jojo"));
        assert_eq!(person.other_names().collect::<Vec<_>>(), ["Roe", "ロウ"]);
        assert_eq!(person.personal_emails().collect::<Vec<_>>(), [AddressValue::Address("jo@home.example")]);
        assert_eq!(
            (person.kind(), person.status(), person.vip().level()),
            (Kind::Guest, AccountStatus::Suspended, 1)
        );
        assert_eq!(person.text(Canonical::Department), None);
        let row = person.row();
        assert_eq!(person.mapping().headers()[4], "name");
        assert_eq!(
            (row.field(1), row.field(4), row.field(15)),
            (Some(" 007 "), Some(" Jo  Doe "), Some(" \"\"4\"\" "))
        );
        assert_eq!(row.field(16), None);
    });
}

#[test]
fn blank_values_fall_back() {
    Fixture::new("email,person_id,tenant,kind,vip\nA@x.org,, ,,\n").each(Some("acme"), |person| {
        assert_eq!((person.tenant(), person.person_id()), (Some("acme"), Some("A@x.org")));
        assert_eq!(
            (person.kind(), person.status(), person.vip().level()),
            (Kind::Person, AccountStatus::Active, 0)
        );
        assert_eq!((person.display_name(), person.aliases().count()), (None, 0));
    });
}

#[test]
fn levels_of_vip_are_numbers_or_words() {
    for (word, level) in [("0", 0), ("3", 3), ("TRUE", 1), ("no", 0), ("y", 1), ("4", 0), ("boss", 0)] {
        Fixture::new(&format!("email,name,vip\na@x.org,A,{word}\n")).each(Some("t"), |person| {
            assert_eq!(person.vip().level(), level, "{word}");
        });
    }
    assert_eq!(Fixture::warnings("email,name,vip", "a@x.org,A,4"), [WarningKind::UnknownVip]);
    assert_eq!(Fixture::warnings("email,name,vip", "a@x.org,A,3"), []);
}

#[test]
fn rows_that_cannot_be_kept_say_why_and_in_which_column() {
    let header = "tenant,id,mail,name,other_names,note";
    let long = |n| "x".repeat(n);
    for (row, reason, column) in [
        ("t,1,a@x.org,A,,n,more".to_owned(), RejectReason::Ragged, None),
        ("t,1,a@x.org".to_owned(), RejectReason::Ragged, None),
        (" ,1,a@x.org,A,,n".to_owned(), RejectReason::NoTenant, Some("tenant")),
        (format!("{},1,a@x.org,A,,n", long(65)), RejectReason::TenantTooLong, Some("tenant")),
        (format!("t,{},a@x.org,A,,n", long(129)), RejectReason::PersonIdTooLong, Some("id")),
        ("t,1, ,A,,n".to_owned(), RejectReason::NoAddress, Some("mail")),
        ("t,1,<>,A,,n".to_owned(), RejectReason::NoAddress, Some("mail")),
        ("t,1,a@localhost,A,,n".to_owned(), RejectReason::InvalidAddress, Some("mail")),
        (format!("t,1,a@{}x.org,A,,n", "x.".repeat(125)), RejectReason::AddressTooLong, Some("mail")),
        (format!("t,1,a@x.org,{},,n", long(1025)), RejectReason::NameTooLong, Some("name")),
        (format!("t,1,a@x.org,A,b;{},n", long(1025)), RejectReason::NameTooLong, Some("other_names")),
        (format!("t,1,a@x.org,A,,{}", long(65_536)), RejectReason::FieldTooLong, Some("note")),
    ] {
        assert_eq!(Fixture::reject(header, &row), (reason, column.map(str::to_owned)), "{row:.80}");
    }
    let at_the_caps = format!(
        "{header}\n{},{},a@x.org,{},{},{}\n",
        long(64),
        long(128),
        long(1024),
        [long(1024), long(1024)].join(";"),
        long(65_535)
    );
    assert_eq!(Fixture::new(&at_the_caps).report(None).accepted, 1);
}

#[test]
fn odd_rows_are_kept_with_a_warning_and_their_neighbours_without() {
    use WarningKind::{
        DamagedName, Formula, InvalidAlias, InvalidPersonalEmail, NoName, StrayQuote, UnknownKind,
        UnknownStatus,
    };
    let header = "mail,name,suffix,aliases,personal_email,kind,status,note";
    for (row, kinds) in [
        ("a@x.org,A,,b@x.org,c@x.org,role,active,x", vec![]),
        ("a@x.org, ,Jr,,,,,", vec![NoName]),
        ("a@x.org,J?rg,,,,,,", vec![DamagedName]),
        ("a@x.org,J\u{fffd}rg,,,,,,", vec![DamagedName]),
        ("a@x.org,A,,,,,,=1+1", vec![Formula]),
        ("a@x.org,A,,,,,,@SUM(A1)", vec![Formula]),
        ("a@x.org,A,,,,,,what?", vec![]),
        ("a@x.org,A,,,,,,a=b@c", vec![]),
        ("a@x.org,A,,b@x.org;nobody,,,,", vec![InvalidAlias]),
        ("a@x.org,A,,,nobody,,,", vec![InvalidPersonalEmail]),
        ("a@x.org,A,,SIP:a@x.org,,,,", vec![]),
        ("a@x.org,A,,,,wizard,gone,", vec![UnknownKind, UnknownStatus]),
        ("a@x.org,A,,,,,,\"ab\"c", vec![StrayQuote]),
        ("a@x.org,A,,,,,,5\"6", vec![]),
    ] {
        assert_eq!(Fixture::warnings(header, row), kinds, "{row}");
    }
}

#[test]
fn reports_of_several_workers_give_the_report_of_one() {
    let mut csv = String::from("email,name\n");
    for i in 0..2000 {
        csv.push_str(match i % 7 {
            0 => "nobody,N\n",
            1 => "a@x.org,\n",
            2 => "a@x.org\n",
            _ => "a@x.org,A\n",
        });
    }
    let fixture = Fixture::new(&csv);
    let one = fixture.report(Some("t"));
    assert_eq!((one.rows, one.accepted, one.rejected), (2000, 1428, 572));
    assert_eq!(one.rejected_by_reason[&RejectReason::InvalidAddress], 286);
    assert_eq!(one.warnings[&WarningKind::NoName], 286);
    assert_eq!((one.issues.len(), one.notices.len()), (SHOWN_MAX, SHOWN_MAX));
    assert_eq!((one.issues[0].line, one.issues[0].value.as_str()), (2, "nobody"));
    assert_eq!(one.issues[0].column.as_deref(), Some("email"));

    let mut workers = [const { None::<Report> }; 3];
    fixture.each(Some("t"), |person| {
        let which = usize::try_from(2 - person.row().row_number() / 10 % 3).unwrap();
        let report = workers[which].get_or_insert_with(|| Report::new(std::slice::from_ref(&fixture.path)));
        match classify(person, &fixture.limits) {
            Verdict::Accepted(acceptance) => {
                report.accept(&person.row(), person.mapping().headers(), acceptance);
            }
            Verdict::Rejected(reject) => report.reject(&person.row(), person.mapping().headers(), reject),
        }
    });
    let mut merged = Report::new(std::slice::from_ref(&fixture.path));
    workers.into_iter().flatten().for_each(|report| merged.merge(report));
    assert_eq!(merged, one);
    let json = serde_json::to_string(&one).unwrap();
    assert!(json.contains(r#""rejected_by_reason":{"ragged":286,"invalid_address":286}"#), "{json:.300}");
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), one);
}

#[test]
fn a_file_is_refused_for_more_than_one_percent_of_rejects_and_not_for_one() {
    let rows = |bad: usize, good: usize| {
        let csv = format!("email,name\n{}{}", "a@x.org,A\n".repeat(good), "nobody,N\n".repeat(bad));
        Fixture::new(&csv).report(Some("t"))
    };
    let limits = InputLimits::default();
    assert!(rows(1, 99).judge(&limits).is_ok());
    assert!(rows(10, 990).judge(&limits).is_ok());
    match rows(2, 98).judge(&limits).unwrap_err() {
        InputError::TooManyRejected { line: 100, rejected: 2, rows: 100, path, .. } => {
            assert!(path.ends_with("input.csv"));
        }
        other => panic!("{other}"),
    }
    assert!(rows(1, 98).judge(&limits).is_err());
    assert!(rows(1, 98).judge(&InputLimits { rejected_percent_max: 2.0, ..limits.clone() }).is_ok());
    assert!(rows(0, 0).judge(&limits).is_ok());
}

#[test]
fn the_rejects_file_is_private_and_holds_each_row_with_all_its_fields() {
    let fixture = Fixture::new("email,no\"te\n\"nobody\",\"a \"\"b\"\"\nc\"\nx,y,z\n");
    let path = fixture.path.with_file_name("rejects.csv");
    let precious = fixture.path.with_file_name("precious");
    std::fs::write(&precious, "kept").unwrap();
    std::os::unix::fs::symlink(&precious, &path).unwrap();
    let writer = RejectsWriter::create(&path, &fixture.limits).unwrap();
    fixture.each(Some("t"), |person| {
        if let Verdict::Rejected(reject) = classify(person, &fixture.limits) {
            writer.write(Path::new("input.csv"), &person.row(), person.mapping().headers(), reject).unwrap();
        }
    });
    let summary = writer.finish().unwrap();
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "kept");
    let metadata = std::fs::symlink_metadata(&path).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o777, metadata.len()), (0o600, summary.bytes));
    assert_eq!((summary.written, summary.not_written), (2, 0));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "file,line,column,reason,row\n\
         \"input.csv\",2,\"email\",\"not an address\",\"[\"\"nobody\"\",\"\"a \\\"\"b\\\"\"\\nc\"\"]\"\n\
         \"input.csv\",4,\"\",\"another number of fields than the header\",\"[\"\"x\"\",\"\"y\"\",\"\"z\"\"]\"\n"
    );

    let small = InputLimits { rejects_file_bytes_max: 130, ..fixture.limits.clone() };
    let writer = RejectsWriter::create(&path, &small).unwrap();
    fixture.each(Some("t"), |person| {
        if let Verdict::Rejected(reject) = classify(person, &small) {
            writer.write(Path::new("input.csv"), &person.row(), person.mapping().headers(), reject).unwrap();
        }
    });
    let summary = writer.finish().unwrap();
    assert_eq!((summary.written, summary.not_written), (1, 1));
}

#[test]
fn aliases_name_their_person_by_id_or_address() {
    let mut csv = String::from("tenant_id,person_id,email,address,kind\n");
    csv.push_str("t,7,,SMTP:a@x.org,alias\n,,<jo@x.org>,b@home.example,Personal\nt,7,,sip:a@x.org,\nt,7,,c@x.org,odd\n");
    csv.push_str("t,,,d@x.org,\nt,7,,nobody,\nt,7,,,\nt,,jo,e@x.org,\n");
    csv.push_str(&"t,8,,f@x.org,\n".repeat(400));
    let fixture = Fixture::new(&csv);
    let mut report = Report::default();
    let (aliases, summary) =
        read_aliases(&fixture.source(), &fixture.limits, Some("acme"), &mut report).unwrap();
    assert_eq!((summary.rows, aliases.len()), (408, 403));
    assert_eq!((aliases[0].tenant.as_str(), aliases[0].address.as_str()), ("t", "a@x.org"));
    assert_eq!(aliases[0].person, AliasOwner::PersonId("7".into()));
    assert_eq!((aliases[1].tenant.as_str(), aliases[1].kind), ("acme", AliasKind::Personal));
    assert_eq!(aliases[1].person, AliasOwner::Email("jo@x.org".into()));
    assert_eq!((aliases[2].line, aliases[2].kind), (5, AliasKind::Alias));
    assert_eq!((report.other_addresses, report.warnings[&WarningKind::UnknownKind]), (1, 1));
    let issues: Vec<_> =
        report.issues.iter().map(|i| (i.line, i.reason, i.column.as_deref().unwrap())).collect();
    assert_eq!(
        issues,
        [
            (6, RejectReason::NoPerson, "person_id"),
            (7, RejectReason::InvalidAddress, "address"),
            (8, RejectReason::NoAddress, "address"),
            (9, RejectReason::InvalidAddress, "email"),
        ]
    );
    for header in ["person_id,address", "tenant,address", "tenant,person_id", "tenant,id,alias,alias"] {
        let fixture = Fixture::new(header);
        assert!(
            read_aliases(&fixture.source(), &fixture.limits, None, &mut Report::default()).is_err(),
            "{header}"
        );
    }
}

#[test]
fn domains_say_whose_they_are_and_how_they_read_a_local_part() {
    let mut csv = String::from("tenant,domain,kind,subaddress character,dots_ignored\n");
    csv.push_str("t,X.org.,Owned,+,yes\nt,@partner.example,partner,,\nt,exämple.de,,-,maybe\n");
    csv.push_str("t,localhost,,,\nt,a.example,friend,,\nt,b.example,,++,\nt,c.example,,@,\n,d.example,,,\n");
    csv.push_str(&"t,e.example,,,\n".repeat(600));
    let fixture = Fixture::new(&csv);
    let mut report = Report::default();
    let (domains, _) = read_domains(&fixture.source(), &fixture.limits, None, &mut report).unwrap();
    assert_eq!(domains.len(), 603);
    assert_eq!((domains[0].domain.as_str(), domains[0].kind), ("X.org", DomainKind::Owned));
    assert_eq!((domains[0].subaddress, domains[0].dots), (Some('+'), Dots::Ignored));
    assert_eq!((domains[1].domain.as_str(), domains[1].kind), ("partner.example", DomainKind::Partner));
    assert_eq!((domains[1].subaddress, domains[1].dots), (None, Dots::Matter));
    assert_eq!((domains[2].subaddress, domains[2].dots), (Some('-'), Dots::Matter));
    assert_eq!(report.warnings[&WarningKind::UnknownFlag], 1);
    let reasons: Vec<_> = report.issues.iter().map(|issue| issue.reason).collect();
    assert_eq!(
        reasons,
        [
            RejectReason::InvalidDomain,
            RejectReason::InvalidDomainKind,
            RejectReason::InvalidSubaddress,
            RejectReason::InvalidSubaddress,
            RejectReason::NoTenant,
        ]
    );
    let few = Fixture::new("domain\nlocalhost\nx.org\n");
    let refused = read_domains(&few.source(), &few.limits, Some("t"), &mut Report::default());
    assert!(matches!(refused, Err(InputError::TooManyRejected { line: 2, .. })));
}

#[test]
fn a_specification_may_leave_everything_out_but_what_it_says() {
    let spec: InputSpec =
        serde_json::from_str(r#"{"people":["a.csv"],"limits":{"name_bytes_max":9}}"#).unwrap();
    assert_eq!(spec.people, [PathBuf::from("a.csv")]);
    assert_eq!((spec.limits.name_bytes_max, spec.limits.record_bytes_max), (9, 1 << 20));
    assert_eq!(serde_json::from_str::<InputSpec>(&serde_json::to_string(&spec).unwrap()).unwrap(), spec);
}
