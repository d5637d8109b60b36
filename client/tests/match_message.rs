//! Evidence about a message is the same whichever way the question goes, within the same limits.
#![allow(clippy::unwrap_used, reason = "tests; their helper functions are not seen as such")]

mod common;

use common::{ADDRESS, Daemon};
use persondb_client::{
    AddressKind, Client, MatchAnswer, MatchEvidence, MatchOptions, Message, NameKind, Oddity, Reason, Via,
    Watch,
};

fn clients(daemon: &Daemon) -> [Client; 2] {
    let mapped = daemon.client().via(Via::Map).watch(Watch::OnPin).open().unwrap();
    [mapped, daemon.client().via(Via::Socket).open().unwrap()]
}

fn message<'a>(from: &'a str, recipients: &[&'a str]) -> Message<'a> {
    let recipients = recipients.iter().map(|&to| to.into()).collect();
    Message { from: Some(from.into()), recipients, ..Message::default() }
}

fn evidence(answer: MatchAnswer) -> MatchEvidence {
    match answer {
        MatchAnswer::Matched(evidence) => *evidence,
        MatchAnswer::Unavailable(why) => panic!("{why}"),
    }
}

#[test]
fn mapped_and_asked_evidence_is_the_same_also_at_the_limits() {
    let daemon = Daemon::listening();
    let generation = daemon.roll("one");
    let [mapped, asked] = clients(&daemon);
    let (mapped_pin, asked_pin) = (mapped.pin().unwrap(), asked.pin().unwrap());
    let name = "x".repeat(70_000);
    let (long, list) = (format!("{name} <{ADDRESS}>"), format!("{ADDRESS}, ").repeat(3000));
    let many = vec![list.as_str(); 40];
    let everybody: Vec<String> = (0..200_000).map(|i| format!("p{i}@corp.example")).collect();
    let everybody: Vec<&str> = everybody.iter().map(String::as_str).collect();
    let messages = [
        Message::default(),
        message("Jane Doe <jane@evil.example>", &[ADDRESS, "info@corp.example", "nobody@corp.example"]),
        message("J\u{200b}ane D\u{43e}e <Jane.Doe@cоrp.example>", &["Front Desk <INFO@corp.example>"]),
        message("=?utf-8?q?Jane?= \"unclosed <a@b", &["@", "", "a@b@c", "undisclosed-recipients:;"]),
        message(&long, &[&long, ADDRESS]),
        message(ADDRESS, &many),
        message(ADDRESS, &everybody),
        Message {
            from_name: Some("Jane Doe".into()),
            from_addr: Some("<@hop:jane@other.example>".into()),
            reply_to: Some("a@b.example, c@d.example".into()),
            envelope_from: Some("<>".into()),
            oddities: [Oddity::RawBytes, Oddity::SeveralFrom].into_iter().collect(),
            ..message("somebody@else.example", &["jane@other.example"])
        },
    ];
    let options = |candidates_max, tenants: Option<&[&str]>| MatchOptions {
        candidates_max,
        tenants: tenants.map(|tenants| tenants.iter().map(ToString::to_string).collect()),
    };
    let long_tenant = "t".repeat(1025);
    let all_options = [
        MatchOptions::default(),
        options(1, Some(&["acme", "nobody's"])),
        options(0, Some(&[])),
        options(5, Some(&["t"; 257])),
        options(5, Some(&[&long_tenant])),
    ];
    let json = |answer: &MatchAnswer| serde_json::to_string(answer).unwrap();
    for (i, message) in messages.iter().enumerate() {
        for options in &all_options {
            let answers = [&mapped_pin, &asked_pin].map(|pin| pin.match_message_with(message, options));
            assert_eq!(json(&answers[0]), json(&answers[1]), "message {i}, {options:?}");
        }
    }
    assert_eq!(asked_pin.generation(), Some(generation));
    let [mapped_counts, asked_counts] = [mapped.counters(), asked.counters()];
    assert_eq!(mapped_counts.matched, asked_counts.matched);
    assert_eq!(mapped_counts.unavailable, asked_counts.unavailable);
    let count = messages.len() as u64;
    assert_eq!(
        (mapped_counts.matched, mapped_counts.unavailable_for(Reason::OverLimit)),
        (3 * count, 2 * count)
    );
    assert_eq!((mapped_counts.socket_lookups, asked_counts.socket_lookups), (0, 3 * count));
    assert_eq!((mapped_counts.found, mapped_counts.absent), (0, 0), "a match is no look-up of one address");
}

#[test]
fn what_is_left_out_by_a_limit_is_told() {
    let daemon = Daemon::listening();
    daemon.roll("one");
    let long = format!("{ADDRESS}{}", " ".repeat(70_000));
    let everybody: Vec<String> = (0..600).map(|i| format!("p{i}@corp.example")).collect();
    let everybody: Vec<&str> = everybody.iter().map(String::as_str).collect();
    for client in clients(&daemon) {
        let pin = client.pin().unwrap();
        let cut = evidence(pin.match_message(&message(&long, &[ADDRESS])));
        let from = cut.from.unwrap();
        assert_eq!((from.kinds, from.oddities), ([AddressKind::Primary].into(), [Oddity::HeaderCut].into()));
        let many = evidence(pin.match_message(&message(ADDRESS, &everybody)));
        assert_eq!((many.recipients.len(), many.oddities), (500, [Oddity::MailboxesCut].into()));
        let whole = evidence(pin.match_message(&message(ADDRESS, &everybody[..500])));
        assert_eq!((whole.recipients.len(), whole.oddities), (500, [].into()));
    }
}

#[test]
fn a_name_is_looked_for_among_the_recipients_people_only() {
    let daemon = Daemon::listening();
    daemon.roll("one");
    for client in clients(&daemon) {
        let pin = client.pin().unwrap();
        let candidates = |from: &str, to: &str| {
            let name = evidence(pin.match_message(&message(from, &[to]))).sender_name.unwrap();
            name.candidates
                .into_iter()
                .map(|one| (one.tenant_id, one.person_id, one.matched))
                .collect::<Vec<_>>()
        };
        let exact = |tenant: &str, id: &str| (tenant.into(), id.into(), NameKind::Exact);
        let stranger = "Jane Doe <jane@evil.example>";
        assert_eq!(candidates(stranger, ADDRESS), [exact("acme", "1"), exact("acme", "4")]);
        assert_eq!(candidates(stranger, "jane@other.example"), [exact("other", "1")]);
        assert_eq!(candidates(stranger, "nobody@nowhere.example"), []);
        let own = format!("Jane Doe <{ADDRESS}>");
        assert_eq!(candidates(&own, ADDRESS), [exact("acme", "4")], "she is no candidate for her own name");
    }
}

#[test]
fn a_pin_over_the_socket_gives_no_evidence_of_another_generation() {
    let daemon = Daemon::listening();
    let first = daemon.roll("one");
    let [mapped, asked] = clients(&daemon);
    let (mapped_pin, asked_pin) = (mapped.pin().unwrap(), asked.pin().unwrap());
    let message = message(ADDRESS, &["info@corp.example"]);
    assert_eq!(evidence(asked_pin.match_message(&message)).generation, first);
    let second = daemon.roll("two");
    assert_eq!(evidence(mapped_pin.match_message(&message)).generation, first);
    let MatchAnswer::Unavailable(why) = asked_pin.match_message(&message) else {
        panic!("of another generation")
    };
    assert_eq!(why.reason, Reason::NoGeneration);
    assert!(asked_pin.get(ADDRESS).found().is_none(), "look-ups and matches share a pin");
    assert_eq!(evidence(asked.pin().unwrap().match_message(&message)).generation, second);
}

#[test]
fn without_a_daemon_a_message_is_unavailable_and_counted_so() {
    let mut daemon = Daemon::listening();
    daemon.roll("one");
    let [_, asked] = clients(&daemon);
    let pin = asked.pin().unwrap();
    daemon.stop_listening();
    let answer = pin.match_message(&message(ADDRESS, &[ADDRESS]));
    assert!(matches!(answer, MatchAnswer::Unavailable(why) if why.reason == Reason::Unreachable));
    assert_eq!((asked.counters().matched, asked.counters().unavailable_sum()), (0, 1));
}
