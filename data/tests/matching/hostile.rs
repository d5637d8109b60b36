//! Nothing in a message costs more than its bound, and what is beyond is left out, never the answer.

use std::fmt::Write as _;
use std::sync::LazyLock;

use persondb_data::message::Message;
use persondb_data::segment::Segment;
use persondb_protocol::Few;
use persondb_protocol::matching::{AddressKind, Flag, MatchOptions, NameKind, Oddity, RECIPIENT_COUNT_MAX};
use proptest::prelude::*;

use crate::world::{HEADER, World, ids, message};

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// More than one look-up compares.
const TOO_MANY: usize = 16_384 + 100;

#[test]
fn an_empty_message_has_an_empty_answer() {
    let evidence = WORLD.ask_about(&Message::default(), &MatchOptions::default());
    assert!(evidence.from.is_none() && evidence.sender_name.is_none() && evidence.recipients.is_empty());
    let blank = WORLD.ask("", " , ;, ");
    assert!(blank.from.is_none() && blank.recipients.is_empty());
}

#[test]
fn the_first_five_hundred_recipients_count_and_more_are_told() {
    let list = |count: usize| (0..count).map(|number| format!("r{number}@stranger.test")).collect::<Vec<_>>();
    let many = list(600);
    let message = Message {
        from: Some("x@y.test".into()),
        recipients: many.iter().map(Into::into).collect(),
        ..Message::default()
    };
    let evidence = WORLD.ask_about(&message, &MatchOptions::default());
    assert_eq!(
        (evidence.recipients.len(), &evidence.oddities[..]),
        (RECIPIENT_COUNT_MAX, &[Oddity::MailboxesCut][..])
    );
    assert_eq!(evidence.recipients[499].address, "r499@stranger.test");
    let one_header = WORLD.ask("x@y.test", &many.join(", "));
    assert_eq!(
        (one_header.recipients.len(), one_header.oddities),
        (RECIPIENT_COUNT_MAX, [Oddity::MailboxesCut].into())
    );
    let just_so = WORLD.ask("x@y.test", &list(RECIPIENT_COUNT_MAX).join(", "));
    assert_eq!((just_so.recipients.len(), just_so.oddities), (RECIPIENT_COUNT_MAX, Few::default()));
}

#[test]
fn long_headers_are_read_to_their_limit() {
    let name = "Jane Doe ".repeat(8 << 10);
    let evidence = WORLD.ask(&format!("{name}<x@stranger.test>"), "zoe.quill@acme.example");
    let from = evidence.from.unwrap();
    assert!(
        from.oddities.contains(&Oddity::HeaderCut) && from.oddities.contains(&Oddity::NameCut),
        "{:?}",
        from.oddities
    );
    assert!(evidence.sender_name.unwrap().name.len() <= 1024);
    let near = WORLD.ask(&format!("{}<x@stranger.test>", "Jane Doe ".repeat(100)), "zoe.quill@acme.example");
    assert_eq!(near.from.unwrap().oddities, []);
}

#[test]
fn an_address_of_a_thousand_tenants_gives_the_names_of_a_few() {
    let mut people = HEADER.to_owned();
    for tenant in 0..1_200 {
        writeln!(people, "t{tenant:04},1,all@shared.example,,Common Person,,,,,,,,").unwrap();
        writeln!(people, "t{tenant:04},2,jane{tenant}@own{tenant}.example,,Jane Doe,,,,,,,,").unwrap();
    }
    let world = World::of(&people, "", "");
    let evidence = world.ask("Jane Doe <all@shared.example>", "all@shared.example");
    assert_eq!(
        (evidence.recipients[0].people.len(), evidence.recipients[0].flags.clone()),
        (1_000, [Flag::Ambiguous].into())
    );
    assert_eq!((evidence.recipient_tenants.len(), evidence.candidate_count), (16, 16));
    assert_eq!(evidence.oddities, [Oddity::TenantsCut]);
    let all = (0..1_200).map(|tenant| format!("jane{tenant}@own{tenant}.example")).collect::<Vec<_>>();
    let evidence = world.ask("Jane Doe <x@stranger.test>", &all.join(","));
    assert_eq!((evidence.recipient_tenants.len(), evidence.candidate_count), (16, 16));
    assert_eq!(evidence.oddities, [Oddity::MailboxesCut, Oddity::TenantsCut]);
    for (count, oddities) in [(16, &[][..]), (17, &[Oddity::TenantsCut])] {
        let evidence = world.ask("Jane Doe <x@stranger.test>", &all[..count].join(","));
        assert_eq!((evidence.recipient_tenants.len(), &evidence.oddities[..]), (16, oddities), "{count}");
    }
    let sole = world.ask("Jane Doe <x@stranger.test>", "jane7@own7.example");
    assert_eq!(sole.recipient_tenants, ["t0007"]);
}

#[test]
fn of_thousands_with_one_name_a_bounded_number_is_compared_and_the_nearest_first() {
    let mut people = HEADER.to_owned();
    for number in 0..5_000 {
        let first = if number % 1_000 == 999 { "William" } else { "Bill" };
        writeln!(people, "acme,{number},p{number}@acme.example,,{first} Smith,,,,,,person,active,0").unwrap();
    }
    let world = World::of(&people, "", "");
    let options = MatchOptions { candidates_max: 1000, ..MatchOptions::default() };
    let exact_of = |name: &str| {
        let from = format!("{name} <x@stranger.test>");
        let evidence = world.ask_about(&message(&from, "p0@acme.example"), &options);
        assert_eq!(evidence.candidate_count, 512, "{name}");
        let candidates = evidence.sender_name.unwrap().candidates;
        candidates.into_iter().filter(|one| one.matched == NameKind::Exact).count()
    };
    assert_eq!(exact_of("Bill Smith"), 512);
    assert_eq!(exact_of("William Smith"), 5, "they stand behind hundreds who are only called so");
    assert_eq!(exact_of("Will Smith"), 0);
}

#[test]
fn an_address_that_too_many_share_takes_no_answer_away() {
    let mut people = HEADER.to_owned();
    for number in 0..TOO_MANY {
        writeln!(people, "acme,{number},all@acme.example,,,,,,,,person,active,0").unwrap();
    }
    people += "acme,jane,jane.doe@acme.example,,Jane Doe,,,,,,person,active,0\n";
    let world = World::of(&people, "", "");
    let jane = |from: &str| ids(&world.ask(from, "jane.doe@acme.example, all@acme.example")).join(" ");
    assert_eq!(jane("Jane Doe <all@acme.example>"), "jane");
    assert_eq!(jane("Jane Doe <all@stranger.test>"), "jane", "its local part elsewhere");
    assert_eq!(jane("\"all@acme.example Jane Doe\" <x@stranger.test>"), "jane", "inside a name");
    let from = world.ask("all@acme.example", "jane.doe@acme.example").from.unwrap();
    assert_eq!((from.kinds, from.people.len()), ([AddressKind::None].into(), 0));
    assert_eq!(from.flags, [Flag::Ambiguous], "that nobody has it is not said");
}

#[test]
fn a_domain_of_too_many_tenants_takes_no_answer_away() {
    let mut people = HEADER.to_owned();
    for tenant in 0..TOO_MANY {
        writeln!(people, "t{tenant},{tenant},p{tenant}@everybody.example,,,,,,,,,,").unwrap();
    }
    people += "acme,jane,jane.doe@acme.example,,Jane Doe,,,,,,person,active,0\n";
    let world = World::of(&people, "", "");
    let evidence = world.ask("Jane Doe <x@everybody.example>", "jane.doe@acme.example, x@everybody.example");
    assert_eq!(ids(&evidence), ["jane"]);
    let known = world.ask("Jane Doe <p7@everybody.example>", "jane.doe@acme.example").from.unwrap();
    assert_eq!(known.kinds, [AddressKind::Primary]);
    assert!(known.owner_tenants.len() <= 64, "{}", known.owner_tenants.len());
}

/// Text that often is a header, or was one.
fn header() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("jane.doe@acme.example".to_owned()),
        Just("Jane Doe".into()),
        Just("both@shared.example".into()),
        Just("@acrne.example".into()),
        "[<>\",;:()@. =?\\\\]{0,4}",
        "=\\?utf-8\\?[qb]\\?[A-Za-z0-9=_]{0,12}\\?=",
        ".{0,20}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_stands_in_the_headers_there_is_an_answer_within_limits(
        values in prop::array::uniform6(prop::option::of(header())), to in prop::collection::vec(header(), 0..5), candidates_max: u32,
    ) {
        let mut values = values.iter().map(|value| value.as_deref().map(Into::into));
        let mut next = || values.next().flatten();
        let message = Message {
            from: next(), from_name: next(), from_addr: next(), reply_to: next(), envelope_from: next(),
            recipients: to.iter().map(Into::into).collect(),
            ..Message::default()
        };
        WORLD.ask_about(&message, &MatchOptions { candidates_max, tenants: None });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_segment_with_other_bytes_gives_an_error_or_an_answer_and_never_a_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..40),
    ) {
        let mut bytes = WORLD.segment.bytes().clone();
        for (at, bits) in flips {
            let at = 256 + at.index(bytes.len() - 256);
            bytes[at] ^= bits;
        }
        if let Ok(segment) = Segment::open(bytes) {
            for from in ["Jane Doe <jane@acrne.example>", "\"both@shared.example\" <jane.doe+x@acme.example>"] {
                let _ = segment.match_message(&message(from, "zoe.quill@acme.example, both@shared.example"), &MatchOptions::default());
            }
        }
    }
}
