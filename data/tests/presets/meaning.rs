//! What the columns of each export mean, sample by sample.

use persondb_data::input::{InputSpec, WarningKind};
use persondb_data::segment::{Scope, Segment};
use persondb_protocol::answer::{AccountStatus, Kind, Matched, Person};

use crate::common::{built, columns, people, spec_of};
use crate::{absent, one, sample, spec};

/// Asserts that these addresses lead to the person with this identifier, as what they are.
fn finds(segment: &Segment<Vec<u8>>, id: &str, expected: &[(&str, Matched)]) -> Person {
    let mut last = None;
    for &(address, matched) in expected {
        let (person, found) = one(segment, address);
        assert_eq!((person.person_id.as_str(), found), (id, matched), "{address}");
        last = Some(person);
    }
    let by_id = people(&segment.person(id, Scope::Tenant("acme")).unwrap());
    assert_eq!(by_id.len(), 1, "{id}");
    assert_eq!(by_id[0].email, last.as_ref().unwrap().email);
    last.unwrap()
}

fn is(person: &Person) -> (Kind, AccountStatus) {
    (person.kind, person.status)
}

#[test]
fn google_secondary_addresses_are_separated_by_commas_and_work_ones_are_aliases() {
    let (segment, _) = built(&spec(sample("google.csv")));
    let ceo = finds(
        &segment,
        "G-1001",
        &[
            ("mirela.popescu@fjord.example", Matched::Primary),
            ("ceo@fjord.example", Matched::Alias),
            ("Mirela@Fjord.example", Matched::Alias),
            ("mirela.p@post.example", Matched::PersonalKnown),
        ],
    );
    assert_eq!(is(&ceo), (Kind::Person, AccountStatus::Active));
    finds(&segment, "G-1002", &[("t.vdberg@post.example", Matched::PersonalKnown)]);
    finds(
        &segment,
        "G-1008",
        &[
            ("misaki@post.example", Matched::PersonalKnown),
            ("misaki.sato@home.example", Matched::PersonalKnown),
        ],
    );
    for (address, status) in [
        ("jose.garcia@fjord.example", AccountStatus::Suspended),
        ("ana.kovac@fjord.example", AccountStatus::Suspended),
        ("liam.byrne@fjord-labs.example", AccountStatus::Active),
    ] {
        assert_eq!(one(&segment, address).0.status, status, "{address}");
    }
    let desk = one(&segment, "frontdesk@fjord.example").0;
    assert_eq!(desk.person_id, "frontdesk@fjord.example");
    assert_eq!(segment.by_name("acme", "Tobias van der Berg", 9).unwrap().len(), 1);

    let (segment, _) = built(&spec(sample("google-upload.csv")));
    finds(&segment, "G-2002", &[("sales-lead@fjord.example", Matched::Alias)]);
    assert_eq!(one(&segment, "elif.yilmaz@fjord.example").0.status, AccountStatus::Suspended);
    absent(&segment, "petra.novak@fjord.example");
}

#[test]
fn entra_takes_mail_and_where_it_is_blank_the_sign_in_name_row_by_row() {
    for (name, with_mail, upn_of_it, without_mail) in [
        (
            "entra.csv",
            "birgit.sorensen@borealis.example",
            "b1044@borealis.example",
            "dmitri.ivanov@borealis.example",
        ),
        (
            "entra-new.csv",
            "lars.eriksen@borealis.example",
            "lars@borealis.onmicrosoft.example",
            "quentin.roy@borealis.example",
        ),
    ] {
        let (segment, _) = built(&spec(sample(name)));
        let person = one(&segment, with_mail).0;
        assert_eq!((person.email.as_str(), person.matched), (with_mail, Matched::Primary));
        absent(&segment, upn_of_it);
        let person = one(&segment, without_mail).0;
        assert_eq!((person.email.as_str(), person.matched), (without_mail, Matched::Primary));
        let id = if name == "entra.csv" { "objectId" } else { "id" };
        assert_eq!(columns(&person)[id], person.person_id);
        assert_eq!(person.person_id.len(), 36);
    }
    let (segment, _) = built(&spec(sample("entra.csv")));
    assert_eq!(one(&segment, "anders@home.example").1, Matched::PersonalKnown);
    assert_eq!(one(&segment, "gina.olsen@borealis.example").0.status, AccountStatus::Suspended);
}

#[test]
fn entra_guests_are_told_by_their_type_or_their_sign_in_name_and_members_are_neither() {
    let (segment, report) = built(&spec(sample("entra.csv")));
    for (address, kind) in [
        ("eva@partner.example", Kind::Guest),
        ("frank.meyer@agency.example", Kind::Guest),
        ("jonas_post.example#EXT#@borealis.onmicrosoft.example", Kind::Guest),
        ("anders.holm@borealis.example", Kind::Person),
        ("scanner@borealis.onmicrosoft.example", Kind::Person),
    ] {
        assert_eq!(one(&segment, address).0.kind, kind, "{address}");
    }
    assert_eq!(report.warnings.get(&WarningKind::UnknownKind), None);
    let (segment, _) = built(&spec(sample("entra-new.csv")));
    assert_eq!(one(&segment, "ole@agency.example").0.kind, Kind::Guest, "a member from elsewhere");

    let (_dir, near) = spec_of(
        "userPrincipalName,displayName,mail,id,userType\n\
         EXT@x.example,A,a@x.example,1,Member\n\
         b#EXT@x.example,B,b@x.example,2,Member\n",
    );
    let (segment, _) = built(&InputSpec { tenant: Some("acme".into()), ..near });
    for address in ["a@x.example", "b@x.example"] {
        assert_eq!(one(&segment, address).0.kind, Kind::Person, "{address}");
    }
}

#[test]
fn exchange_addresses_have_types_any_separator_and_the_primary_one_in_capitals() {
    let (segment, report) = built(&spec(sample("exchange.csv")));
    let [cut] = &report.notices[..] else { panic!("{:?}", report.notices) };
    assert_eq!((cut.kind, cut.column.as_deref()), (WarningKind::InvalidAlias, Some("EmailAddresses")));
    assert_eq!(report.other_addresses, 4, "SIP, X500, X400, SPO");
    for (address, email) in [
        ("aholm@meridian.example", "anders.holm@meridian.example"),
        ("bea@meridian.example", "beatriz.costa@meridian.example"),
        ("chen@meridian.example", "wei.chen@meridian.example"),
        ("billing@meridian.example", "invoices@meridian.example"),
        ("ezhou@meridian.example", "emile.zhou@meridian.example"),
        ("farah@meridian.example", "farah.aziz@meridian.example"),
        ("goran@meridian.example", "goran.ilic@meridian.example"),
    ] {
        let (person, matched) = one(&segment, address);
        assert_eq!((person.email.as_str(), matched), (email, Matched::Alias));
        assert_eq!(one(&segment, email).1, Matched::Primary);
    }
    for (address, kind) in [
        ("invoices@meridian.example", Kind::Shared),
        ("room2.12@meridian.example", Kind::Service),
        ("sales@meridian.example", Kind::Role),
        ("dana@partner.example", Kind::Guest),
        ("desk@supplier.example", Kind::External),
        ("wei.chen@meridian.example", Kind::Person),
    ] {
        assert_eq!(one(&segment, address).0.kind, kind, "{address}");
    }
    absent(&segment, "SPO_9d1c@SPO_77aa");
    absent(&segment, "aholm");
}

#[test]
fn okta_bamboohr_and_ldap_mean_what_their_systems_mean() {
    let (segment, report) = built(&spec(sample("okta.csv")));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    finds(&segment, "70002", &[("bunta.tanaka@cobalt.example", Matched::Primary)]);
    finds(&segment, "70004", &[("derek.hill@cobalt.example", Matched::Primary)]);
    finds(&segment, "70005", &[("elena@home.example", Matched::PersonalKnown)]);
    absent(&segment, "ivy.stone@cobalt.example");
    for (id, status) in [
        ("70004", AccountStatus::Suspended),
        ("70006", AccountStatus::Active),
        ("70007", AccountStatus::Terminated),
        ("70011", AccountStatus::Active),
    ] {
        let found = people(&segment.person(id, Scope::Everywhere).unwrap());
        assert_eq!(is(&found[0]), (Kind::Person, status), "{id}");
    }
    assert_eq!(segment.by_name("acme", "Cleo Adams", 9).unwrap().len(), 1);

    let (segment, report) = built(&spec(sample("bamboohr.csv")));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let becky = finds(
        &segment,
        "101",
        &[
            ("rebecca.stein@harvest.example", Matched::Primary),
            ("becky.stein@post.example", Matched::PersonalKnown),
        ],
    );
    assert_eq!(becky.display_name, "Stein, Rebecca");
    assert_eq!(segment.by_name("acme", "Becky Stein", 9).unwrap().len(), 1);
    assert_eq!(one(&segment, "yolanda.reyes@harvest.example").0.status, AccountStatus::Suspended);

    let (segment, report) = built(&spec(sample("ldap.csv")));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    finds(
        &segment,
        "5001",
        &[("aurelie.martin@kestrel.example", Matched::Primary), ("a.martin@kestrel.example", Matched::Alias)],
    );
    finds(&segment, "5003", &[("carmen@kestrel.example", Matched::Alias)]);
    finds(
        &segment,
        "5006",
        &[("f.morel@kestrel.example", Matched::Primary), ("fabien.morel@kestrel.example", Matched::Alias)],
    );
    finds(&segment, "dkim", &[("daeho.kim@kestrel.example", Matched::Primary)]);
    finds(
        &segment,
        "5010",
        &[("ileroy@kestrel.example", Matched::Alias), ("leroy@kestrel.example", Matched::Alias)],
    );
    assert_eq!(segment.by_name("acme", "Schulz Bernd", 9).unwrap().len(), 1);
    assert_eq!(one(&segment, "erika.wolf@kestrel.example").0.status, AccountStatus::Suspended);
    assert_eq!(one(&segment, "hana.osei@kestrel.example").0.status, AccountStatus::Suspended);
    assert_eq!(one(&segment, "gabor.nagy@kestrel.example").0.status, AccountStatus::Active);
}
