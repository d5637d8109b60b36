//! What a match tells of a person is what the person's record says, however odd the values are.

use std::fmt::Write as _;

use persondb_data::segment::Ordinal;
use proptest::prelude::*;

use crate::world::{HEADER, World};

/// One person, the address left out: usual values and odd ones, blank, long, in other capitals and scripts.
fn person() -> impl Strategy<Value = [String; 8]> {
    let of = |values: Vec<&'static str>| prop::sample::select(values).prop_map(str::to_owned);
    let name = || {
        prop_oneof![
            6 => of(vec!["Anna", "Bo", "Smith", "Li", "Jürgen", "D'Arcy", "van der Berg"]),
            2 => "[A-Z][a-z]{1,14}",
            1 => of(vec!["", " ", "\u{a0}", "Иван"]),
            1 => "[A-Z][a-z]{60,70}",
        ]
    };
    let form = of(vec![
        "{g} {f}",
        "{g} {f}",
        "{f}, {g}",
        "",
        "  ",
        "{f}",
        "{g} J. {f}",
        " {g} {f}",
        "Dr. {g} {f} (IT)",
    ]);
    let id = prop_oneof![3 => "[0-9]{1,6}".prop_map(String::from), 1 => of(vec!["", " x 7 ", "Ünal"])];
    let kind = of(vec!["person", "person", "", "Person", " guest ", "shared", "nothing", "ServicePrincipal"]);
    let status = of(vec!["active", "active", "", "ACTIVE", "terminated", " disabled", "514"]);
    let vip = of(vec!["false", "false", "", "3", "TRUE", "0", " 1 "]);
    (name(), name(), name(), form, id, kind, status, vip).prop_map(
        |(given, family, preferred, form, id, kind, status, vip)| {
            let display_name = form.replace("{g}", &given).replace("{f}", &family);
            [id, display_name, given, family, preferred, kind, status, vip]
        },
    )
}

/// Ids are told apart, as a directory does.
fn rows(people: &[[String; 8]]) -> String {
    let mut rows = HEADER.to_owned();
    for (number, [id, display_name, given, family, preferred, kind, status, vip]) in people.iter().enumerate()
    {
        let id = if id.trim().is_empty() { String::new() } else { format!("{id}-{number}") };
        let capital = if number % 3 == 0 { "P" } else { "p" };
        writeln!(
            rows,
            "acme,\"{id}\",{capital}{number}@acme.example,,\"{display_name}\",\"{given}\",\"{family}\",\"{preferred}\",,,\"{kind}\",\"{status}\",\"{vip}\""
        )
        .unwrap();
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_told_of_people_is_what_their_records_say(people in prop::collection::vec(person(), 1..80)) {
        let world = World::of(&rows(&people), "", "");
        for number in 0..world.segment.people_count() {
            let record = world.segment.record(Ordinal(number)).unwrap();
            let email = record.email().unwrap().into_owned();
            let evidence = world.ask("\"Nobody\" <x@evil.example>", &email.to_lowercase());
            let told = &evidence.recipients[0].people[0];
            prop_assert_eq!(&told.email, &email);
            prop_assert_eq!(&told.person_id, &record.person_id().unwrap());
            prop_assert_eq!(&told.tenant_id, record.tenant_id().unwrap());
            prop_assert_eq!(&told.display_name, &record.display_name().unwrap());
            prop_assert_eq!(told.kind, record.kind().unwrap());
            prop_assert_eq!(told.status, record.status().unwrap());
            prop_assert_eq!(told.vip, record.vip().unwrap());
        }
    }
}
