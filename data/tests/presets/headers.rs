//! Which export it is, what goes before a preset, and files of several exports together.

use std::fmt::Write as _;

use persondb_data::builder::build;
use persondb_data::input::{Canonical, InputSpec, Preset};
use persondb_protocol::answer::Matched;
use proptest::prelude::*;

use crate::common::{built, options, spec_of, write};
use crate::{SAMPLES, absent, mapping, one, sample, spec};

/// The preset of a file with this header.
fn found(header: &str) -> Preset {
    let (_dir, spec) = spec_of(&format!("{header}\n"));
    mapping(&InputSpec { tenant: Some("t".into()), ..spec }).unwrap().preset()
}

#[test]
fn headers_that_only_look_like_an_export_stay_generic() {
    for (header, preset) in [
        ("First Name [Required],Last Name [Required],Email Address [Required]", Preset::Google),
        ("first name,last name,email address,status,recovery email", Preset::Generic),
        ("First Name [Required],Last Name [Required],Email [Required]", Preset::Generic),
        ("userPrincipalName,displayName,mail,objectId", Preset::Entra),
        ("userPrincipalName,displayName,mail", Preset::Generic),
        ("id,displayName,mail,givenName,surname,userType", Preset::Generic),
        ("DisplayName,PrimarySmtpAddress,EmailAddresses", Preset::Exchange),
        ("DisplayName,PrimarySmtpAddress,Alias", Preset::Generic),
        ("DisplayName,Email,EmailAddresses", Preset::Generic),
        ("login,firstName,lastName,email,secondEmail", Preset::Okta),
        ("login,firstName,lastName,email", Preset::Generic),
        ("username,firstName,lastName,email,secondEmail", Preset::Generic),
        ("Employee ID,First Name,Last Name,Preferred name,Work Email", Preset::Bamboohr),
        ("Employee ID,First Name,Last Name,Work Email,Job Title", Preset::Generic),
        ("Employee ID,Preferred name,Email", Preset::Generic),
        ("cn,sn,givenName,displayName,mail,uid,employeeNumber,ou", Preset::Ldap),
        ("DN,objectClass,cn,mail", Preset::Ldap),
        ("cn,mail,uid", Preset::Generic),
        ("name,surname,mail,uid", Preset::Generic),
        ("tenant_id,person_id,email,aliases,display_name,given_name,family_name", Preset::Generic),
    ] {
        assert_eq!(found(header), preset, "{header}");
    }
}

#[test]
fn a_named_preset_is_used_and_one_that_cannot_be_is_refused_with_the_right_name() {
    let named = |name: &str, preset| mapping(&InputSpec { preset: Some(preset), ..spec(sample(name)) });
    for (name, preset) in SAMPLES {
        assert_eq!(named(name, preset).unwrap().preset(), preset);
        for wrong in Preset::ALL.into_iter().filter(|&wrong| wrong != preset && wrong != Preset::Generic) {
            let error = named(name, wrong).unwrap_err().to_string();
            for part in [name, "line ", wrong.name(), &format!("this is the header of {preset}")] {
                assert!(error.contains(part), "{part} not in {error}");
            }
        }
    }
    let (_dir, own) = spec_of("First name,Email address\nJane,jane@x.example\n");
    let own = InputSpec { tenant: Some("acme".into()), ..own };
    assert_eq!(
        mapping(&InputSpec { preset: Some(Preset::Google), ..own.clone() }).unwrap().preset(),
        Preset::Google
    );
    let error = mapping(&InputSpec { preset: Some(Preset::Okta), ..own }).unwrap_err().to_string();
    for part in ["okta", "login", "\"Email address\"", "[columns]"] {
        assert!(error.contains(part), "{part} not in {error}");
    }

    let generic = named("entra.csv", Preset::Generic).unwrap();
    assert_eq!((generic.preset(), generic.columns(Canonical::Email).len()), (Preset::Generic, 1));
}

#[test]
fn the_column_table_goes_before_the_preset_and_added_columns_go_by_their_canonical_names() {
    let (_dir, base) = spec_of(
        "tenant_id,login,firstName,lastName,email,secondEmail,vip,manager,Extra Mail\n\
         a,l@x.example,Jane,Doe,jane@x.example,j@home.example,2,Boss,extra@x.example\n\
         b,m@x.example,John,Doe,,,,,\n",
    );
    let (segment, _) = built(&base);
    let jane = one(&segment, "jane@x.example").0;
    assert_eq!((jane.tenant_id.as_str(), jane.vip), ("a", 2));
    assert_eq!(one(&segment, "m@x.example").0.tenant_id, "b");
    absent(&segment, "extra@x.example");

    let table = [("email", vec!["login"]), ("aliases", vec!["Extra Mail", "email"])];
    let table = table.map(|(name, headers)| (name.into(), headers.into_iter().map(Into::into).collect()));
    let (segment, _) = built(&InputSpec { columns: table.into(), ..base });
    for (address, matched) in [
        ("l@x.example", Matched::Primary),
        ("extra@x.example", Matched::Alias),
        ("jane@x.example", Matched::Alias),
        ("j@home.example", Matched::PersonalKnown),
    ] {
        let (person, found) = one(&segment, address);
        assert_eq!((person.email.as_str(), found), ("l@x.example", matched), "{address}");
    }
}

#[test]
fn exports_of_one_tenant_are_one_dataset_and_a_person_in_several_loses_no_address() {
    let dir = tempfile::tempdir().unwrap();
    let spec = InputSpec {
        people: vec![
            write(
                dir.path(),
                "entra.csv",
                "userPrincipalName,displayName,surname,mail,givenName,id,userType\n\
                 jane@x.example,Jane Doe,Doe,,Jane,0b2f,Member\n",
            ),
            write(
                dir.path(),
                "exchange.csv",
                "DisplayName,PrimarySmtpAddress,EmailAddresses,ExternalDirectoryObjectId\n\
                 Jane Doe,jane.doe@x.example,SMTP:jane.doe@x.example smtp:jd@x.example X500:/o=A/ou=B (C)/cn=d,0b2f\n",
            ),
            write(
                dir.path(),
                "entra-later.csv",
                "userPrincipalName,displayName,surname,mail,givenName,id,userType\n\
                 jane@x.example,Jane Doe,Doe,doe.jane@x.example,Jane,0b2f,Member\n",
            ),
        ],
        tenant: Some("acme".into()),
        ..InputSpec::default()
    };
    let (segment, report) = built(&spec);
    assert_eq!((segment.people_count(), report.accepted), (1, 3));
    for address in ["jane@x.example", "jane.doe@x.example", "jd@x.example", "doe.jane@x.example"] {
        assert_eq!(one(&segment, address).0.person_id, "0b2f", "{address}");
    }
}

#[test]
fn a_row_without_any_address_names_the_column_at_fault() {
    let rows = |bad: &str| {
        let good =
            (0..200).map(|i| format!("u{i}@x.example,U,u{i}@x.example,{i}")).collect::<Vec<_>>().join("\n");
        let (_dir, spec) = spec_of(&format!("userPrincipalName,displayName,mail,id\n{good}\n{bad}\n"));
        let mut bytes = Vec::new();
        let spec = InputSpec { tenant: Some("t".into()), ..spec };
        build(&spec, &options(), &mut bytes, &mut |_| {}).unwrap().issues.remove(0)
    };
    let issue = rows("no address,A,,1000");
    assert_eq!((issue.line, issue.column.as_deref()), (202, Some("userPrincipalName")));
    let issue = rows("a@x.example,A,no address,1000");
    assert_eq!((issue.value.as_str(), issue.column.as_deref()), ("no address", Some("mail")));
    let issue = rows(",A,,1000");
    assert_eq!((issue.reason.to_string().as_str(), issue.column.as_deref()), ("no address", Some("mail")));
}

/// A row of the Entra ID export, reduced to where addresses stand.
#[derive(Clone, Debug)]
struct Signed {
    mail: Option<(u8, u8)>,
    name: (u8, u8),
    proxies: Vec<(bool, u8, u8)>,
    separator: &'static str,
}

fn address((local, domain): (u8, u8), row: usize) -> String {
    format!("{}{row}@{}.example", ["jane.doe", "J.Doe", "jd", "doe+x"][usize::from(local % 4)], domain % 5)
}

fn signed() -> impl Strategy<Value = Signed> {
    let any_address = || (any::<u8>(), any::<u8>());
    (
        prop::option::of(any_address()),
        any_address(),
        prop::collection::vec((any::<bool>(), any::<u8>(), any::<u8>()), 0..4),
        prop::sample::select(vec![";", " ", ", ", "|"]),
    )
        .prop_map(|(mail, name, proxies, separator)| Signed { mail, name, proxies, separator })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_columns_a_row_has_filled_its_addresses_lead_to_it(rows in prop::collection::vec(signed(), 1..60)) {
        let mut csv = String::from("userPrincipalName,displayName,mail,id,proxyAddresses\n");
        for (n, row) in rows.iter().enumerate() {
            let mail = row.mail.map(|mail| address(mail, n)).unwrap_or_default();
            let proxy = |&(capital, local, domain): &(bool, u8, u8)| {
                format!("{}:{}", if capital { "SMTP" } else { "smtp" }, address((local, domain), n))
            };
            let proxies = row.proxies.iter().map(proxy).collect::<Vec<_>>().join(row.separator);
            writeln!(csv, "{},Jane Doe,{mail},id-{n},\"{proxies}\"", address(row.name, n)).unwrap();
        }
        let (_dir, spec) = spec_of(&csv);
        let (segment, report) = built(&InputSpec { tenant: Some("acme".into()), ..spec });
        prop_assert!(report.rejected == 0 && report.warnings.is_empty(), "{report:?}");
        for (n, row) in rows.iter().enumerate() {
            let primary = address(row.mail.unwrap_or(row.name), n);
            let (person, matched) = one(&segment, &primary.to_uppercase());
            prop_assert_eq!((&person.email, matched, person.person_id), (&primary, Matched::Primary, format!("id-{n}")));
            let mut known = vec![primary.to_lowercase()];
            for &(_, local, domain) in &row.proxies {
                let alias = address((local, domain), n);
                let (person, matched) = one(&segment, &alias);
                prop_assert_eq!(&person.email, &primary);
                let expected = if known[0] == alias.to_lowercase() { Matched::Primary } else { Matched::Alias };
                prop_assert_eq!(matched, expected);
                known.push(alias.to_lowercase());
            }
            let name = address(row.name, n);
            if !known.contains(&name.to_lowercase()) {
                absent(&segment, &name);
            }
        }
    }
}
