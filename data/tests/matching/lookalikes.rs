//! Domains that imitate those of the recipients, and local parts of colleagues in foreign domains.

use std::fmt::Write as _;

use persondb_protocol::matching::AddressKind::{
    self, LocalPartForeign, LookalikeDomain, OwnedDomainUnknownUser,
};
use persondb_protocol::matching::{Flag, LookalikeKind, Party};

use crate::world::World;

fn imitated(party: &Party) -> Vec<(&str, &str, LookalikeKind)> {
    let all = party.lookalikes.iter();
    all.map(|known| (known.tenant_id.as_str(), known.domain.as_str(), known.how)).collect()
}

#[test]
fn each_way_to_imitate_a_domain_is_told_with_its_target_and_near_misses_are_not() {
    let world = World::new();
    let skeleton = ("acme", "acme.example", LookalikeKind::Skeleton);
    for (address, expected) in [
        ("x@аcme.example", vec![skeleton]),
        ("x@xn--cme-5cd.example", vec![skeleton]),
        ("x@acrne.example", vec![skeleton]),
        ("x@acne.example", vec![]),
        ("x@acme1abs.example", vec![]),
        ("x@acme-1abs.example", vec![("acme", "acme-labs.example", LookalikeKind::Skeleton)]),
        ("x@acme-lab.example", vec![("acme", "acme-labs.example", LookalikeKind::OneEdit)]),
        ("x@amce-labs.example", vec![("acme", "acme-labs.example", LookalikeKind::OneEdit)]),
        ("x@amce-lab.example", vec![]),
        ("x@acme-labs.test", vec![("acme", "acme-labs.example", LookalikeKind::OtherSuffix)]),
        ("x@acme-lab.test", vec![]),
        ("x@www.acme-labs.co.uk", vec![("acme", "acme-labs.example", LookalikeKind::OtherSuffix)]),
    ] {
        let party = world.sender(address);
        assert_eq!(imitated(&party), expected, "{address}");
        assert_eq!(party.kinds.contains(&LookalikeDomain), !expected.is_empty(), "{address}");
        let is_confusable = expected.first().is_some_and(|(.., how)| *how == LookalikeKind::Skeleton);
        assert_eq!(party.flags.contains(&Flag::Confusable), is_confusable, "{address}");
    }
}

#[test]
fn one_domain_may_imitate_several_and_the_strongest_comes_first() {
    let people =
        crate::world::HEADER.to_owned() + "acme,1,a@acme-labs.example,,Ann Able,,,,,,person,active,0\n";
    let domains = "tenant_id,domain,kind\nacme,acme-labs.example,owned\nacme,acme-labs.org,owned\n\
                   acme,acme-1abs.net,owned\nacme,acne-labs.net,owned\n";
    let world = World::of(&people, "", domains);
    let party = world.ask("x@acme-labs.net", "a@acme-labs.example").from.unwrap();
    let expected = [
        ("acme", "acme-1abs.net", LookalikeKind::Skeleton),
        ("acme", "acne-labs.net", LookalikeKind::OneEdit),
        ("acme", "acme-labs.example", LookalikeKind::OtherSuffix),
        ("acme", "acme-labs.org", LookalikeKind::OtherSuffix),
    ];
    assert_eq!(imitated(&party), expected);
}

#[test]
fn only_domains_of_the_recipients_tenants_are_imitated() {
    let world = World::new();
    let from = "x@c0rporation.example";
    let to_umbrella = world.ask(from, "uma@corporation.example").from.unwrap();
    assert_eq!(imitated(&to_umbrella), [("umbrella", "corporation.example", LookalikeKind::Skeleton)]);
    assert!(world.sender(from).lookalikes.is_empty());
    let nobody = world.ask(from, "x@stranger.test").from.unwrap();
    assert!(nobody.lookalikes.is_empty(), "without a scope there is nothing to imitate");
}

#[test]
fn the_domain_of_an_observed_share_is_imitated_and_a_guest_s_and_a_partner_s_are_not() {
    let world = World::new();
    let party = world.ask("x@gl0bex.example", "bruno.lonely@globex.example").from.unwrap();
    assert_eq!(imitated(&party), [("globex", "globex.example", LookalikeKind::Skeleton)]);
    assert!(world.sender("x@e1sewhere.example").lookalikes.is_empty());
    assert!(world.sender("x@supp1ier.example").lookalikes.is_empty());
}

#[test]
fn what_hundreds_of_other_tenants_own_under_that_name_hides_no_imitation() {
    let mut people = crate::world::HEADER.to_owned();
    let mut domains = "tenant_id,domain,kind\n".to_owned();
    for tenant in 0..400 {
        writeln!(people, "t{tenant},1,a{tenant}@corp.at,,Ann Able,,,,,,person,active,0").unwrap();
        writeln!(domains, "t{tenant},corp.at,owned\nt{tenant},corp.be,owned").unwrap();
    }
    people.push_str("zeta,1,z@corp.com,,Zoe Zeller,,,,,,person,active,0\n");
    let world = World::of(&people, "", &(domains + "zeta,corp.com,owned\n"));
    let party = world.ask("x@c0rp.com", "z@corp.com").from.unwrap();
    assert_eq!(imitated(&party), [("zeta", "corp.com", LookalikeKind::Skeleton)]);
    assert!(world.ask("x@c0rp.com", "a1@corp.at").from.unwrap().lookalikes.is_empty());
}

#[test]
fn a_known_address_an_own_domain_and_a_partner_s_imitate_nothing() {
    let people = crate::world::HEADER.to_owned()
        + "acme,1,a@acme.example,,Ann Able,,,,,,person,active,0\n\
           acme,2,known@acme.test,,Kim Known,,,,,,guest,active,0\n";
    let domains = "tenant_id,domain,kind\nacme,acme.example,owned\nacme,acme.org,owned\nacme,acme.net,partner\n\
                   acme,acme.test,partner\n";
    let world = World::of(&people, "", domains);
    let imitates = |from: &str| !world.ask(from, "a@acme.example").from.unwrap().lookalikes.is_empty();
    assert!(imitates("x@acme.co.uk"));
    for near_miss in ["known@acme.test", "x@acme.org", "x@acme.net", "x@acme.example"] {
        assert!(!imitates(near_miss), "{near_miss}");
    }
}

#[test]
fn a_colleague_s_local_part_in_a_foreign_domain_is_told() {
    let world = World::new();
    for (address, expected) in [
        ("jane.doe@stranger.test", vec![LocalPartForeign]),
        ("Jane.Doe@stranger.test", vec![LocalPartForeign]),
        ("tom.gone@stranger.test", vec![LocalPartForeign]),
        // Sub-addresses are taken off as they are in the own domain.
        ("jane.doe+x@stranger.test", vec![LocalPartForeign]),
        ("jane.do@stranger.test", vec![AddressKind::None]),
        // Shared mailboxes and guests have no local part of their own.
        ("helpdesk@stranger.test", vec![AddressKind::None]),
        ("billing@stranger.test", vec![AddressKind::None]),
        ("vera@stranger.test", vec![AddressKind::None]),
        ("jane.doe@аcme.example", vec![LookalikeDomain, LocalPartForeign]),
        ("jane.do@acme.example", vec![OwnedDomainUnknownUser]),
        // Somebody of another tenant.
        ("bruno.lonely@stranger.test", vec![AddressKind::None]),
        // In the imitated domain, which is not the recipient's own.
        ("chief@acme-lab.example", vec![LookalikeDomain, LocalPartForeign]),
        ("chief@stranger.test", vec![AddressKind::None]),
    ] {
        assert_eq!(world.sender(address).kinds, expected, "{address}");
    }
    let elsewhere = world.ask("jane.doe@stranger.test", "ines@initech.example").from.unwrap();
    assert_eq!(elsewhere.kinds, [AddressKind::None], "she is none of theirs");
}

#[test]
fn recipients_and_reply_to_that_imitate_are_told_as_well() {
    let world = World::new();
    let message = persondb_data::message::Message {
        reply_to: Some("jane.doe@acrne.example".into()),
        ..crate::world::message("x@stranger.test", "zoe.quill@acme.example, jane.doe@acme-labs.test")
    };
    let evidence = world.ask_about(&message, &persondb_protocol::matching::MatchOptions::default());
    assert_eq!(evidence.reply_to.unwrap().kinds, [LookalikeDomain, LocalPartForeign]);
    assert_eq!(evidence.recipients[1].kinds, [LookalikeDomain, LocalPartForeign]);
}

#[test]
fn strangers_among_the_recipients_do_not_keep_the_sender_s_domains_from_being_examined() {
    let world = World::new();
    let strangers: Vec<_> = (0..20).map(|number| format!("x{number}@acrne.example")).collect();
    let message = persondb_data::message::Message {
        reply_to: Some("x@acme-labs.test".into()),
        ..crate::world::message("x@acrne.example", "")
    };
    let to = strangers.join(", ") + ", zoe.quill@acme.example";
    let message = persondb_data::message::Message {
        recipients: std::iter::once(to.as_str().into()).collect(),
        ..message
    };
    let evidence = world.ask_about(&message, &persondb_protocol::matching::MatchOptions::default());
    assert_eq!(evidence.from.unwrap().kinds, [LookalikeDomain]);
    assert_eq!(evidence.reply_to.unwrap().kinds, [LookalikeDomain]);
    let examined = evidence.recipients.iter().filter(|party| party.kinds == [LookalikeDomain]).count();
    assert_eq!(examined, 6, "eight domains of a message, those of the senders first");
}
