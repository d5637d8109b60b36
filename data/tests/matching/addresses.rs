//! What an address is.

use std::fmt::Write as _;

use persondb_data::message::Message;
use persondb_protocol::answer::{AccountStatus, Kind, Matched};
use persondb_protocol::matching::AddressKind::{
    self, Alias, Guest, OwnedDomainUnknownUser, PartnerDomain, PersonalKnown, Primary, SharedOrRole,
    Subaddress,
};
use persondb_protocol::matching::{Flag, MatchOptions};

use crate::world::{HEADER, World, message, people};

/// Each address is of these kinds and leads to these people; the near miss does not have the first of the kinds.
#[track_caller]
fn assert_kinds(world: &World, address: &str, kinds: &[AddressKind], found: &[&str], near_miss: &str) {
    let party = world.sender(address);
    assert_eq!((&party.kinds[..], &people(&party)[..]), (kinds, found), "{address}");
    let near = world.sender(near_miss);
    assert!(!near.kinds.contains(&kinds[0]), "{near_miss}: {:?}", near.kinds);
}

#[test]
fn each_kind_of_address_is_told_and_its_near_miss_is_not() {
    let world = World::new();
    let near = "jane.do@acme.example";
    assert_kinds(&world, "jane.doe@acme.example", &[Primary], &["A1"], near);
    assert_kinds(&world, "jane@acme.example", &[Alias], &["A1"], "janes@acme.example");
    assert_kinds(&world, "chief@acme-labs.example", &[Alias], &["A1"], "chief@acme.example");
    assert_kinds(&world, "smithy@acme.example", &[Alias], &["A2"], "smithy@globex.example");
    assert_kinds(&world, "jane.doe+news@acme.example", &[Subaddress], &["A1"], "jane.doe-news@acme.example");
    assert_kinds(&world, "jane+x@acme.example", &[Subaddress], &["A1"], "bruno.lonely+x@globex.example");
    assert_kinds(&world, "patlee@dots.example", &[Subaddress], &["A14"], "janedoe@acme.example");
    assert_kinds(&world, "jane.doe@home.example", &[PersonalKnown], &["A1"], "j.doe@home.example");
    assert_kinds(&world, "zoe@private.example", &[PersonalKnown], &["A17"], "zoe.quill@private.example");
    assert_kinds(&world, "janeqdoe@gmail.com", &[PersonalKnown], &["A1"], "jane.q.roe@gmail.com");
    assert_kinds(&world, "helpdesk@acme.example", &[SharedOrRole], &["A5"], "helpdesk1@acme.example");
    assert_kinds(&world, "help@acme.example", &[SharedOrRole], &["A5"], near);
    assert_kinds(&world, "billing@acme.example", &[SharedOrRole], &["A6"], near);
    assert_kinds(&world, "robot@acme.example", &[SharedOrRole], &["A7"], near);
    assert_kinds(&world, "vera@elsewhere.example", &[Guest], &["A8"], "verA1@elsewhere.example");
    assert_kinds(&world, "carl@contractor.example", &[Guest], &["A9"], "karl@contractor.example");
    assert_kinds(&world, near, &[OwnedDomainUnknownUser], &[], "jane.do@mail.acme.example");
    assert_kinds(&world, "new@supplier.example", &[PartnerDomain], &[], "new@sub.supplier.example");
    assert_kinds(&world, "x@stranger.test", &[AddressKind::None], &[], near);
}

#[test]
fn a_literal_plus_address_comes_before_the_one_without_it() {
    let world = World::new();
    let literal = world.sender("plus+literal@acme.example");
    assert_eq!((people(&literal), &literal.kinds[..]), (vec!["A15"], &[Primary][..]));
    let stripped = world.sender("plus+other@acme.example");
    assert_eq!((people(&stripped), &stripped.kinds[..]), (vec!["A16"], &[Subaddress][..]));
    assert_eq!(stripped.people[0].matched, Matched::Subaddress);
    let dots = world.sender("pat.lee@dots.example");
    assert_eq!(dots.people[0].matched, Matched::Dots);
}

#[test]
fn an_address_is_looked_up_by_its_key_and_comes_back_as_given() {
    let world = World::new();
    let party = world.sender("J <\"Jane.Doe\"@ACME.example.>");
    assert_eq!((people(&party), &party.kinds[..]), (vec!["A1"], &[Primary][..]));
    assert_eq!(party.key.as_deref(), Some("jane.doe@acme.example"));
    assert_eq!((party.address.as_str(), party.name.as_deref()), ("\"Jane.Doe\"@ACME.example.", Some("J")));
    let invalid = world.sender("Jane <jane.doe-at-acme>");
    assert!(invalid.key.is_none() && invalid.invalid.is_some() && invalid.people.is_empty());
    assert_eq!(invalid.kinds, [AddressKind::None]);
}

#[test]
fn an_address_of_two_tenants_or_two_people_gives_all_of_them() {
    let world = World::new();
    let both = world.sender("both@shared.example");
    assert_eq!(people(&both), ["A18", "G3"]);
    assert!(both.flags.contains(&Flag::Ambiguous));
    let pair = world.sender("pair@acme.example");
    assert_eq!(people(&pair), ["A19", "A20"]);
    assert!(pair.flags.contains(&Flag::Ambiguous));
    let sole = world.sender("jane.doe@acme.example");
    assert!(!sole.flags.contains(&Flag::Ambiguous));
}

#[test]
fn of_an_address_of_two_tenants_only_those_who_are_looked_at_come_back_and_nothing_tells_of_the_others() {
    let world = World::new();
    let from = world.ask_within(&["acme"], "both@shared.example", "zoe.quill@acme.example").from.unwrap();
    assert_eq!(people(&from), ["A18"]);
    assert!(from.flags.is_empty(), "{:?}", from.flags);
    let nobody = world.ask_within(&["initech"], "both@shared.example", "ines@initech.example").from.unwrap();
    assert_eq!((people(&nobody), &nobody.kinds[..]), (vec![], &[AddressKind::None][..]));
}

#[test]
fn everything_about_a_person_comes_with_them() {
    let world = World::new();
    let chief = &world.sender("jane@acme.example").people[0];
    assert_eq!((chief.tenant_id.as_str(), chief.email.as_str()), ("acme", "jane.doe@acme.example"));
    assert_eq!((chief.display_name.as_str(), chief.matched, chief.vip), ("Jane Doe", Matched::Alias, 3));
    assert_eq!((chief.kind, chief.status), (Kind::Person, AccountStatus::Active));
    let gone = &world.sender("tom.gone@acme.example").people[0];
    assert_eq!((gone.person_id.as_str(), gone.status), ("A10", AccountStatus::Terminated));
    let guest = &world.sender("vera@elsewhere.example").people[0];
    assert_eq!((guest.kind, guest.vip), (Kind::Guest, 0));
}

#[test]
fn reply_to_envelope_and_recipients_are_known_as_the_sender_is() {
    let world = World::new();
    let message = Message {
        reply_to: Some("Jane <jane.doe@home.example>, second@x.test".into()),
        envelope_from: Some("<helpdesk@acme.example>".into()),
        ..message(
            "x@stranger.test",
            "Zoe <zoe.quill@acme.example>, nobody@acme.example, new@supplier.example",
        )
    };
    let evidence = world.ask_about(&message, &MatchOptions::default());
    let reply_to = evidence.reply_to.unwrap();
    assert_eq!((&reply_to.kinds[..], reply_to.further_count), (&[PersonalKnown][..], 1));
    assert_eq!(evidence.envelope_from.unwrap().kinds, [SharedOrRole]);
    assert_eq!(evidence.from.unwrap().kinds, [AddressKind::None]);
    let kinds: Vec<_> = evidence.recipients.iter().map(|party| party.kinds[0]).collect();
    assert_eq!(kinds, [Primary, OwnedDomainUnknownUser, PartnerDomain]);
    assert_eq!(evidence.recipients[0].name.as_deref(), Some("Zoe"));

    let bounce = Message { envelope_from: Some("<>".into()), ..Message::default() };
    let evidence = world.ask_about(&bounce, &MatchOptions::default());
    assert!(evidence.envelope_from.is_none() && evidence.from.is_none() && evidence.reply_to.is_none());
}

#[test]
fn a_domain_is_owned_by_the_file_or_by_the_share_of_the_people_who_have_addresses_in_it() {
    let world = World::new();
    assert_eq!(world.sender("new@acme.example").owner_tenants, ["acme"]);
    assert_eq!(world.sender("new@globex.example").owner_tenants, ["globex"]);
    assert_eq!(world.sender("new@globex.example").kinds, [OwnedDomainUnknownUser]);
    assert_eq!(world.sender("jane.doe@acme.example").owner_tenants, ["acme"], "of a known address as well");
    // One of three hundred has an address there; half of a tenant, but everybody can have one there.
    for foreign in
        ["new@elsewhere.example", "new@contractor.example", "new@gmail.com", "new@mail.acme.example"]
    {
        assert!(world.sender(foreign).owner_tenants.is_empty(), "{foreign}");
    }
}

#[test]
fn a_partner_is_told_to_those_whose_partner_it_is() {
    let world = World::new();
    assert_eq!(world.sender("new@supplier.example").kinds, [PartnerDomain]);
    let other = world.ask("new@supplier.example", "ines@initech.example").from.unwrap();
    assert_eq!(other.kinds, [AddressKind::None]);
}

#[test]
fn a_single_guest_makes_no_domain_a_small_tenants_own() {
    let small = |employees: usize, guests: usize| {
        let mut people = HEADER.to_owned();
        for number in 0..employees {
            writeln!(people, "small,e{number},e{number}@small.example,,,,,,,,person,active,0").unwrap();
        }
        for number in 0..guests {
            writeln!(people, "small,g{number},g{number}@firm.example,,,,,,,,guest,active,0").unwrap();
        }
        let evidence = World::of(&people, "", "").ask("stranger@firm.example", "e0@small.example");
        let kinds = evidence.from.unwrap().kinds;
        assert_eq!(evidence.sender_is_internal, kinds == [AddressKind::OwnedDomainUnknownUser]);
        evidence.sender_is_internal
    };
    assert!(!small(20, 1));
    assert!(!small(2, 1));
    // Two of a firm are people who work there, by all that is known; so is one of two.
    assert!(small(20, 2));
    assert!(small(1, 1));
}
