//! What is special about names and addresses, apart from what they are like.

use persondb_data::message::Message;
use persondb_protocol::Few;
use persondb_protocol::matching::Flag::{
    self, Ambiguous, CaseDiffers, Confusable, EncodedAddressInName, MiddleConflict, MixedScript, ZeroWidth,
};
use persondb_protocol::matching::{MatchOptions, Oddity};

use crate::world::{World, message};

const TO: &str = "zoe.quill@acme.example";

/// Flags of the sender's name.
fn of_name(world: &World, from: &str) -> Few<Flag> {
    world.ask(from, TO).sender_name.unwrap().flags
}

/// Flags of a candidate for a stranger's name.
#[track_caller]
fn of_candidate(world: &World, name: &str, person: &str) -> Few<Flag> {
    world.candidate(name, person).unwrap_or_else(|| panic!("{name}: not {person}")).flags
}

#[test]
fn confusable_and_middle_conflict_stand_with_the_candidate_whom_they_concern() {
    let world = World::new();
    assert_eq!(of_candidate(&world, "Rоbert Homeier", "A4"), [Confusable]);
    assert_eq!(of_candidate(&world, "Robert Homeier", "A4"), []);
    assert_eq!(of_candidate(&world, "R0bert Quentin Homeier", "A4"), [Confusable], "first and last, by eye");
    assert_eq!(of_candidate(&world, "John Xavier Smith", "A2"), [MiddleConflict]);
    assert_eq!(of_candidate(&world, "John Q. Smith", "A2"), []);
    assert_eq!(
        of_candidate(&world, "Bob Xavier Homeier", "A4"),
        [],
        "there is no middle name to conflict with"
    );
}

#[test]
fn ambiguous_are_those_who_match_as_strongly_as_somebody_else() {
    let world = World::new();
    assert_eq!(of_candidate(&world, "Lopez Maria", "A11"), [Ambiguous]);
    assert_eq!(of_candidate(&world, "Lopez Maria", "A12"), [Ambiguous]);
    assert_eq!(of_candidate(&world, "Maria Lopez", "A12"), [], "the only exact one");
    assert_eq!(of_candidate(&world, "Maria Lopez", "A11"), []);
}

#[test]
fn what_is_odd_about_the_spelling_stands_with_the_name() {
    let world = World::new();
    assert_eq!(of_name(&world, "Jo\u{200b}hn Stranger <x@stranger.test>"), [ZeroWidth]);
    assert_eq!(of_name(&world, "Jo\u{202e}hn Stranger <x@stranger.test>"), [ZeroWidth]);
    assert_eq!(of_name(&world, "Pаul Stranger <x@stranger.test>"), [MixedScript], "a Cyrillic a");
    assert_eq!(of_name(&world, "Jürgen Straße <x@stranger.test>"), []);
    assert_eq!(of_name(&world, "Иван Петров <x@stranger.test>"), []);
    assert_eq!(of_name(&world, "Jane Doe <x@stranger.test>"), []);
}

#[test]
fn an_encoded_address_in_a_name_is_told_for_every_header() {
    let world = World::new();
    let encoded = "=?utf-8?q?jane=2Edoe=40acme=2Eexample?= <x@stranger.test>";
    assert_eq!(of_name(&world, encoded), [EncodedAddressInName]);
    assert_eq!(of_name(&world, "\"jane.doe@acme.example\" <x@stranger.test>"), []);
    assert_eq!(of_name(&world, "=?utf-8?q?Jane_Doe?= <x@stranger.test>"), []);
    let message = Message { reply_to: Some(encoded.into()), ..message("y@stranger.test", encoded) };
    let evidence = world.ask_about(&message, &MatchOptions::default());
    assert_eq!(evidence.reply_to.unwrap().flags, [EncodedAddressInName]);
    assert_eq!(evidence.recipients[0].flags, [EncodedAddressInName]);
    assert_eq!(evidence.from.unwrap().flags, []);
}

#[test]
fn case_differs_where_the_local_part_stands_otherwise_in_the_directory() {
    let world = World::new();
    for (address, expected) in [
        ("robert.homeier@acme.example", vec![CaseDiffers]),
        ("Robert.Homeier@acme.example", vec![]),
        ("Robert.Homeier@ACME.Example", vec![]),
        ("\"Robert.Homeier\"@acme.example", vec![]),
        ("rh@acme.example", vec![CaseDiffers]),
        ("RH@acme.example", vec![]),
        ("JANE.DOE@home.example", vec![CaseDiffers]),
        ("JANE.DOE@stranger.test", vec![]),
    ] {
        assert_eq!(world.sender(address).flags, expected, "{address}");
    }
}

#[test]
fn odd_headers_are_told_and_usual_ones_are_not() {
    let world = World::new();
    let oddities = |from: &str| world.ask(from, TO).from.unwrap().oddities;
    assert_eq!(oddities("<@relay.test:jane.doe@acme.example>"), [Oddity::SourceRoute]);
    assert_eq!(oddities("Jane <a@x.test> <jane.doe@acme.example>"), [Oddity::SeveralAddresses]);
    assert_eq!(oddities("\"Jane <jane.doe@acme.example>"), [Oddity::Unclosed]);
    assert_eq!(oddities("Jane <jane.doe@acme.example>"), []);
    assert_eq!(world.ask("a@b.test", TO).oddities, []);
}
