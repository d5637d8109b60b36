//! What is said of a message as a whole: whose it is, who counts, how much of the answer comes.

use std::fmt::Write as _;

use persondb_data::message::Message;
use persondb_protocol::matching::{AddressKind, CANDIDATE_COUNT_DEFAULT, CANDIDATE_COUNT_MAX, MatchOptions};

use crate::world::{HEADER, World, ids, message};

const STRANGER: &str = "Jane Doe <x@stranger.test>";

#[test]
fn names_count_in_the_tenants_of_the_recipients_only() {
    let world = World::new();
    for (to, tenants, candidates) in [
        ("zoe.quill@acme.example", vec!["acme"], vec!["A1"]),
        ("bruno.lonely@globex.example", vec!["globex"], vec!["G1"]),
        ("bruno.lonely@globex.example, zoe.quill@acme.example", vec!["globex", "acme"], vec!["A1", "G1"]),
        ("ines@initech.example", vec!["initech"], vec![]),
        ("x@stranger.test", vec![], vec![]),
        // Nobody there, but the domain is owned; a personal address; an address of two tenants.
        ("nobody@acme.example", vec!["acme"], vec!["A1"]),
        ("nobody@globex.example", vec!["globex"], vec!["G1"]),
        ("zoe@private.example", vec!["acme"], vec!["A1"]),
        ("both@shared.example", vec!["acme", "globex"], vec!["A1", "G1"]),
        // A partner's domain and one in which a guest has an address are not the tenant's.
        ("new@supplier.example", vec![], vec![]),
        ("new@elsewhere.example", vec![], vec![]),
        ("nobody@gmail.com", vec![], vec![]),
    ] {
        let evidence = world.ask(STRANGER, to);
        assert_eq!(
            (&evidence.recipient_tenants[..], &ids(&evidence)[..]),
            (&tenants.iter().map(|&name| name.into()).collect::<Vec<_>>()[..], &candidates[..]),
            "{to}"
        );
    }
}

#[test]
fn without_recipients_addresses_are_known_and_names_are_not() {
    let world = World::new();
    let alone = Message { from: Some("Jane Doe <robert.homeier@acme.example>".into()), ..Message::default() };
    let evidence = world.ask_about(&alone, &MatchOptions::default());
    assert_eq!(evidence.from.as_ref().unwrap().kinds, [AddressKind::Primary]);
    assert!(
        ids(&evidence).is_empty() && evidence.recipient_tenants.is_empty() && evidence.recipients.is_empty()
    );
}

#[test]
fn the_sender_is_internal_by_address_or_domain_and_of_another_tenant_by_address() {
    let world = World::new();
    for (from, internal, cross) in [
        ("jane.doe@acme.example", true, false),
        ("jane@acme.example", true, false),
        ("jane.doe+x@acme.example", true, false),
        ("helpdesk@acme.example", true, false),
        ("tom.gone@acme.example", true, false),
        ("nobody@acme.example", true, false),
        ("nobody@acme-labs.example", true, false),
        // Known, and yet not from inside: personal addresses and guests.
        ("jane.doe@home.example", false, false),
        ("vera@elsewhere.example", false, false),
        ("new@supplier.example", false, false),
        ("nobody@mail.acme.example", false, false),
        ("x@stranger.test", false, false),
        ("bruno.lonely@globex.example", false, true),
        ("nobody@globex.example", false, false),
        ("both@shared.example", true, true),
    ] {
        let evidence = world.ask(from, "zoe.quill@acme.example");
        assert_eq!((evidence.sender_is_internal, evidence.cross_tenant_sender), (internal, cross), "{from}");
    }
    let to_globex = world.ask("nobody@globex.example", "bruno.lonely@globex.example");
    assert!(to_globex.sender_is_internal, "the domain is theirs by its share");
    let to_nobody = world.ask("jane.doe@acme.example", "x@stranger.test");
    assert!(!to_nobody.sender_is_internal && to_nobody.cross_tenant_sender);
}

#[test]
fn the_same_person_may_be_sender_and_recipient_under_two_addresses() {
    let world = World::new();
    let same = |from: &str, to: &str| world.ask(from, to).same_person_as_recipient;
    assert!(same("jane.doe@home.example", "jane.doe@acme.example"));
    assert!(same("jane.doe@acme.example", "zoe.quill@acme.example, jane+x@acme.example"));
    assert!(same("both@shared.example", "both@shared.example"));
    assert!(!same("jane.doe@globex.example", "jane.doe@acme.example"), "another Jane Doe");
    assert!(!same("Jane Doe <x@stranger.test>", "jane.doe@acme.example"), "a name is no address");
    assert!(!same("x@stranger.test", "x@stranger.test"), "nobody is known");
}

#[test]
fn only_the_tenants_that_are_named_are_looked_at() {
    let world = World::new();
    let to = "zoe.quill@acme.example, bruno.lonely@globex.example";
    let both = world.ask(STRANGER, to);
    assert_eq!(
        (&both.recipient_tenants[..], ids(&both)),
        (&["acme".into(), "globex".into()][..], vec!["A1", "G1"])
    );
    let acme = world.ask_within(&["acme"], STRANGER, to);
    assert_eq!((&acme.recipient_tenants[..], ids(&acme)), (&["acme".into()][..], vec!["A1"]));
    assert_eq!(acme.recipients[1].kinds, [AddressKind::None]);
    let none = world.ask_within(&["no such tenant"], "jane.doe@acme.example", to);
    assert!(none.recipient_tenants.is_empty() && none.from.unwrap().people.is_empty());
    assert!(!none.sender_is_internal && !none.cross_tenant_sender);
    let nobody = world.ask_within(&[], "jane.doe@acme.example", "jane@acme.example");
    assert!(!nobody.same_person_as_recipient, "she is not looked at");
    let other = world.ask_within(&["globex"], "jane.doe@acme.example", "jane@acme.example");
    assert!(!other.same_person_as_recipient && other.recipients[0].owner_tenants.is_empty());
}

#[test]
fn candidates_are_counted_before_the_list_is_cut_and_marked_ambiguous_all_the_same() {
    let mut people = HEADER.to_owned();
    for number in 0..120 {
        writeln!(people, "acme,{number},p{number}@acme.example,,Jane Doe,,,,,,person,active,0").unwrap();
    }
    people += "acme,other,other@acme.example,,Janet Other,,,,,,person,active,0\n";
    let world = World::of(&people, "", "");
    let message = message(STRANGER, "other@acme.example");
    for (candidates_max, expected) in [(0, 0), (1, 1), (7, 7), (119, 119), (500, 120), (u32::MAX, 120)] {
        let options = MatchOptions { candidates_max, ..MatchOptions::default() };
        let evidence = world.ask_about(&message, &options);
        let candidates = &evidence.sender_name.as_ref().unwrap().candidates;
        assert_eq!((candidates.len(), evidence.candidate_count), (expected, 120), "{candidates_max}");
        assert!(candidates.iter().all(|one| !one.flags.is_empty()), "none of them is the only one");
    }
    let usual = world.ask_about(&message, &MatchOptions::default());
    assert_eq!(usual.sender_name.unwrap().candidates.len(), CANDIDATE_COUNT_DEFAULT as usize);
    assert_eq!(
        MatchOptions { candidates_max: u32::MAX, ..MatchOptions::default() }.candidate_limit(),
        CANDIDATE_COUNT_MAX as usize
    );
}

#[test]
fn name_and_address_that_are_given_apart_count_before_the_header() {
    let world = World::new();
    let message = Message {
        from_name: Some("Jane Doe".into()),
        from_addr: Some("robert.homeier@acme.example".into()),
        ..message("Tom Gone <tom.gone@acme.example>", "zoe.quill@acme.example")
    };
    let evidence = world.ask_about(&message, &MatchOptions::default());
    assert_eq!(
        (ids(&evidence), evidence.from.as_ref().unwrap().people[0].person_id.as_str()),
        (vec!["A1"], "A4")
    );
    let name_alone = Message { from: None, from_addr: None, ..message };
    let evidence = world.ask_about(&name_alone, &MatchOptions::default());
    assert_eq!(ids(&evidence), ["A1"]);
    assert!(evidence.from.unwrap().invalid.is_some(), "a name is no address");
}
