//! Who bears the name that a message gives its sender.

use persondb_protocol::answer::{AccountStatus, Kind};
use persondb_protocol::matching::MatchedField;
use persondb_protocol::matching::NameKind::{
    self, Canonical, Confusable, Edit1, Exact, Extended, FirstLast, Folded, InitialLast, Joined, Nickname,
};

use crate::world::{World, ids};

/// A stranger of this name is told to be like the person, by this kind; the near miss by no such kind.
#[track_caller]
fn assert_kind(world: &World, kind: NameKind, name: &str, person: &str, near_miss: &str) {
    assert_eq!(world.kind_of(name, person), Some(kind), "{name}");
    let near = world.kind_of(near_miss, person);
    assert!(near.is_none_or(|near| near > kind), "{near_miss}: {near:?}");
}

#[test]
fn each_kind_of_name_is_told_and_its_near_miss_is_not() {
    let world = World::new();
    assert_kind(&world, Exact, "ROBERT  homeier", "A4", "Robert-Homeier");
    assert_kind(&world, Exact, "Ｒobert Homeier", "A4", "Rob\u{200b}ert Homeier");
    assert_kind(&world, Folded, "Maria Lopez", "A11", "Lopez Maria");
    assert_kind(&world, Folded, "Juergen Gross", "A3", "Juergen Grosz");
    assert_kind(&world, Folded, "Jurgen Gross", "A3", "Gross Jurgen");
    assert_kind(&world, Canonical, "Homeier, Robert", "A4", "Homeier, Robart");
    assert_kind(&world, Canonical, "Homeier, Jr., Dr Robert (IT)", "A4", "RobertHomeier");
    assert_kind(&world, Canonical, "Robert Homeier via DocuSign", "A4", "Robert Homeir via DocuSign");
    assert_kind(&world, Joined, "RobertHomeier", "A4", "RobertHomeir");
    assert_kind(&world, Confusable, "R0bert Homeier", "A4", "Rebert Homeier");
    assert_kind(&world, Confusable, "Rоbert Homeier", "A4", "Rжbert Homeier");
    assert_kind(&world, FirstLast, "Robert Quentin Homeier", "A4", "Quentin Homeier");
    assert_kind(&world, Extended, "Robert Homeier CEO", "A4", "Robert CEO");
    assert_kind(&world, Nickname, "Bob Homeier", "A4", "Bill Homeier");
    assert_kind(&world, Edit1, "Robert Homeir", "A4", "Robert Homer");
    assert_kind(&world, Edit1, "Robert Hoemier", "A4", "Robret Hoemier");
    assert_kind(&world, InitialLast, "J Doe", "A1", "K Doe");
    assert_eq!(world.kind_of("R Homeier", "A4"), None, "an initial is enough for important people only");
}

#[test]
fn the_distance_stands_with_one_edit_and_nowhere_else() {
    let world = World::new();
    assert_eq!(world.candidate("Robert Homeir", "A4").unwrap().distance, 1);
    assert_eq!(world.candidate("Bob Homeier", "A4").unwrap().distance, 0);
}

#[test]
fn names_come_from_all_fields_and_the_field_is_told() {
    let world = World::new();
    for (name, person, field, kind) in [
        ("Smith, John Quincy", "A2", MatchedField::DisplayName, Exact),
        ("John Smith", "A2", MatchedField::GivenFamily, Exact),
        ("Jack Smith", "A2", MatchedField::PreferredFamily, Exact),
        ("Jane Roe", "A1", MatchedField::OtherNames, Exact),
        ("Jane Doe", "A1", MatchedField::DisplayName, Exact),
    ] {
        let candidate = world.candidate(name, person).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((candidate.matched_field, candidate.matched), (field, kind), "{name}");
    }
    assert_eq!(world.kind_of("Jack Quincy", "A2"), None);
    assert_eq!(world.kind_of("Joan Roe", "A1"), None);
}

#[test]
fn a_name_of_one_word_and_what_is_no_person_match_only_exactly() {
    let world = World::new();
    assert_kind(&world, Exact, "MADONNA", "A13", "Madona");
    assert_eq!(world.kind_of("Madónna", "A13"), None);
    assert_eq!(world.kind_of("Madonna Ciccone", "A13"), None);
    assert_eq!(world.kind_of("Robert", "A4"), None);
    for (person, exact, near_misses) in [
        ("A5", "help desk", ["Desk Help", "HelpDesk", "He1p Desk", "Help Desk Online", "Help Desk."]),
        (
            "A6",
            "BILLING team",
            ["Team, Billing", "BillingTeam", "Bi11ing Team", "The Billing Team", "Billing-Team"],
        ),
        ("A7", "Build Robot", ["Robot, Build", "BuildRobot", "Bui1d Robot", "Build Robots", "Build-Robot"]),
        (
            "A8",
            "vera visitor",
            ["Visitor, Vera", "VeraVisitor", "Vera V1sitor", "Vera Visitors", "Verá Visitor"],
        ),
        (
            "A9",
            "Carl Contract",
            ["Contract, Carl", "CarlContract", "Car1 Contract", "Carl Contracts", "Cárl Contract"],
        ),
    ] {
        assert_eq!(world.kind_of(exact, person), Some(Exact), "{exact}");
        for near_miss in near_misses {
            assert_eq!(world.kind_of(near_miss, person), None, "{near_miss}");
        }
    }
}

#[test]
fn candidates_come_strongest_first_with_everything_about_them() {
    let world = World::new();
    let all = world.named("Maria Lopez");
    let kinds: Vec<_> = all.iter().map(|one| (one.person_id.as_str(), one.matched)).collect();
    assert_eq!(kinds, [("A12", Exact), ("A11", Folded)]);
    assert_eq!(
        (all[1].email.as_str(), all[1].display_name.as_str()),
        ("maria.lopez@acme.example", "María López")
    );
    let chief = world.candidate("Jane Doe", "A1").unwrap();
    assert_eq!((chief.tenant_id.as_str(), chief.vip, chief.kind), ("acme", 3, Kind::Person));
    assert_eq!(world.candidate("Help Desk", "A5").unwrap().kind, Kind::Shared);
}

#[test]
fn who_has_left_is_still_impersonated() {
    let world = World::new();
    let gone = world.candidate("Tom Gone", "A10").unwrap();
    assert_eq!((gone.status, gone.matched), (AccountStatus::Terminated, Exact));
    assert_eq!(world.candidate("Jane Doe", "A1").unwrap().status, AccountStatus::Active);
}

#[test]
fn whoever_the_address_belongs_to_is_no_candidate_and_others_of_that_name_are() {
    let world = World::new();
    let to = "zoe.quill@acme.example";
    for own in
        ["jane.doe@acme.example", "jane@acme.example", "jane.doe+x@acme.example", "jane.doe@home.example"]
    {
        let evidence = world.ask(&format!("Jane Doe <{own}>"), to);
        assert!(ids(&evidence).is_empty() && evidence.candidate_count == 0, "{own}");
        assert_eq!(evidence.sender_name.unwrap().name, "Jane Doe");
    }
    assert_eq!(ids(&world.ask("Jane Doe <jane.doe@acme.test>", to)), ["A1"]);
    assert_eq!(ids(&world.ask("Maria Lopez <maria.lopez@acme.example>", to)), ["A12"]);
    assert_eq!(ids(&world.ask("Jane Doe <tom.gone@acme.example>", to)), ["A1"], "a colleague with her name");
    assert_eq!(ids(&world.ask("Ada Paired <pair@acme.example>", to)), [""; 0], "one of two who share it");
}

#[test]
fn an_address_inside_the_name_leads_to_its_owner() {
    let world = World::new();
    let to = "zoe.quill@acme.example";
    let kind = |from: &str| {
        let name = world.ask(from, to).sender_name.unwrap();
        let told: Vec<_> = name
            .candidates
            .iter()
            .map(|one| (one.person_id.clone(), one.matched, one.matched_field))
            .collect();
        (name.embedded_addresses, told)
    };
    let own = |id: &str| (id.into(), NameKind::EmbeddedAddress, MatchedField::Address);
    let (addresses, told) = kind("\"rh@acme.example\" <x@stranger.test>");
    assert_eq!((addresses, told), (vec!["rh@acme.example".into()], vec![own("A4")]));
    let (_, told) = kind("\"The boss (jane@acme.example)\" <x@stranger.test>");
    assert_eq!(told, [own("A1")]);
    // Name and address of one person: told once, by the stronger. Nobody's, somebody else's, the sender's own.
    let (_, told) = kind("\"Jane Doe jane@acme.example\" <x@stranger.test>");
    assert_eq!(told.iter().map(|(id, ..)| id.as_str()).collect::<Vec<_>>(), ["A1"]);
    let (addresses, told) = kind("\"nobody@acme.example\" <x@stranger.test>");
    assert_eq!((addresses.len(), told.len()), (1, 0));
    let (addresses, told) = kind("\"bruno.lonely@globex.example\" <x@stranger.test>");
    assert_eq!((addresses.len(), told.len()), (1, 0), "of a tenant that is none of the recipients'");
    let (addresses, told) = kind("\"jane@acme.example\" <jane.doe@acme.example>");
    assert_eq!((addresses.len(), told.len()), (1, 0));
    assert!(kind("Jane at acme.example <x@stranger.test>").0.is_empty());
}
