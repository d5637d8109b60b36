//! Where mapping cannot be had, the socket gives the same answers.
#![allow(clippy::unwrap_used, reason = "tests; their helper functions are not seen as such")]

mod common;

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use common::{ADDRESS, Daemon, eventually, title};
use persondb_client::{
    Answer, Attached, Client, ControlError, Generation, Lookup, Person, Pin, Reason, RollUntil, Via, Watch,
};

/// Something to ask through a pin.
type Question<'a> = dyn Fn(&Pin) -> Answer<Vec<Person>> + 'a;

fn asking(daemon: &Daemon) -> Client {
    daemon.client().via(Via::Socket).open().unwrap()
}

#[test]
fn mapped_and_asked_answers_are_the_same() {
    let daemon = Daemon::listening();
    let generation = daemon.roll("one");
    let asked = asking(&daemon);
    let mapped = daemon.client().via(Via::Map).watch(Watch::OnPin).open().unwrap();
    let (asked_pin, mapped_pin) = (asked.pin().unwrap(), mapped.pin().unwrap());
    let long = "x".repeat(1025);
    let questions: [&Question<'_>; 12] = [
        &|pin| pin.get(ADDRESS).to_answer(),
        &|pin| pin.get(" Jane.Doe@CORP.example").to_answer(),
        &|pin| pin.get_in("acme", ADDRESS).to_answer(),
        &|pin| pin.get_in("other", ADDRESS).to_answer(),
        &|pin| pin.get("info@corp.example").to_answer(),
        &|pin| pin.get("no address").to_answer(),
        &|pin| pin.get(&long).to_answer(),
        &|pin| pin.person("1").to_answer(),
        &|pin| pin.person_in("other", "1").to_answer(),
        &|pin| pin.by_name("acme", "JANE DOE", 0).to_answer(),
        &|pin| pin.by_name("nobody's", "Jane Doe", u32::MAX).to_answer(),
        &|pin| pin.by_name("acme", &long, 1).to_answer(),
    ];
    for (i, question) in questions.iter().enumerate() {
        assert_eq!(question(&asked_pin), question(&mapped_pin), "question {i}");
    }
    for domain in ["corp.example", "nowhere.example", &long] {
        assert_eq!(asked_pin.domain(domain), mapped_pin.domain(domain), "{domain}");
    }
    let (mapped_counts, asked_counts) = (mapped.counters(), asked.counters());
    assert_eq!(mapped_counts.found, asked_counts.found);
    assert_eq!(mapped_counts.absent, asked_counts.absent);
    assert_eq!(mapped_counts.unavailable, asked_counts.unavailable);
    assert_eq!((mapped_counts.socket_lookups, asked_counts.socket_lookups), (0, 12));
    assert_eq!(asked_pin.generation(), Some(generation));
    let Lookup::Found(people) = asked_pin.get("info@corp.example") else { panic!("it is there") };
    assert_eq!(people.len(), 2);
    assert!(people.iter().all(|person| person.ambiguous()));
    for pin in [&asked_pin, &mapped_pin] {
        let Lookup::Found(people) = pin.by_name("acme", "Jane Doe", 1) else { panic!("it is there") };
        assert_eq!(people.len(), 1);
        assert!(people.sole().is_none() && people.first().ambiguous(), "another one was cut off");
        assert!(people.first().to_person().unwrap().ambiguous);
    }
}

#[test]
fn all_people_can_be_read_where_they_are_mapped_and_else_it_says_why_not() {
    let daemon = Daemon::listening();
    daemon.roll("one");
    let mapped = daemon.client().via(Via::Map).open().unwrap();
    let pin = mapped.pin().unwrap();
    let people: Vec<_> = pin.people().unwrap().map(|person| person.unwrap()).collect();
    assert_eq!(people.len(), 5);
    assert!(people.iter().any(|person| person.display_name().unwrap() == "Front, Desk"));
    let why = asking(&daemon).pin().unwrap().people().map(|_| ()).unwrap_err();
    assert_eq!(why.reason, Reason::Unreachable);
}

#[test]
fn a_daemon_of_another_release_is_asked_and_the_status_says_why() {
    for watch in [Watch::Background, Watch::OnPin] {
        let daemon = Daemon::listening();
        daemon.claim_layout(9);
        daemon.roll("one");
        let client = daemon.client().watch(watch).open().unwrap();
        assert_eq!(title(&client).unwrap(), "one");
        let status = client.status();
        assert_eq!(status.attached, Attached::Socket);
        let why = status.why_not_mapped.unwrap();
        assert!(why.contains("layout 9"), "{why}");
        assert_eq!(client.counters().socket_lookups, 1);
        // Back to the release of this program: mapped again, by itself.
        daemon.claim_layout(persondb_protocol::layout::LAYOUT_VERSION);
        eventually("the client maps", || {
            let _ = title(&client).unwrap();
            client.status().attached == Attached::Mapped
        });
    }
}

#[test]
fn what_can_not_be_mapped_for_long_is_asked_until_it_can() {
    for watch in [Watch::Background, Watch::OnPin] {
        let daemon = Daemon::listening();
        daemon.roll("one");
        let client = daemon.client().watch(watch).open().unwrap();
        assert_eq!(title(&client).unwrap(), "one");
        let status = client.status();
        assert_eq!((status.attached, status.move_error), (Attached::Mapped, None));
        daemon.withhold_segments();
        let second = daemon.publish("two");
        assert!(persondb_shm::unlink(&daemon.name.segment(second, 0)).unwrap());
        daemon.announce(second);
        eventually("a move failed", || title(&client).is_ok() && client.counters().moves_failed > 0);
        let status = client.status();
        assert_eq!(status.attached, Attached::Mapped, "one failure may pass");
        let why = status.move_error.unwrap();
        assert!(why.contains(&daemon.name.segment(second, 0).to_string()[1..]), "{why}");
        eventually("the current generation answers", || title(&client).unwrap() == "two");
        let status = client.status();
        assert_eq!(status.attached, Attached::Socket);
        assert!(status.why_not_mapped.is_some());
        daemon.hand_over_segments();
        eventually("the client maps", || {
            assert_eq!(title(&client).unwrap(), "two");
            client.status().attached == Attached::Mapped
        });
        assert_eq!(client.status().move_error, None);
    }
}

#[test]
fn who_wants_it_mapped_stays_with_what_is_mapped_and_the_status_says_why() {
    let daemon = Daemon::listening();
    daemon.roll("one");
    let client = daemon.client().via(Via::Map).open().unwrap();
    daemon.withhold_segments();
    let second = daemon.publish("two");
    assert!(persondb_shm::unlink(&daemon.name.segment(second, 0)).unwrap());
    daemon.announce(second);
    eventually("many moves failed", || client.counters().moves_failed > 6);
    assert_eq!(title(&client).unwrap(), "one");
    let status = client.status();
    assert_eq!(status.attached, Attached::Mapped);
    assert!(status.move_error.is_some());
}

#[test]
fn who_wants_it_mapped_or_not_at_all_gets_it_not_at_all() {
    let daemon = Daemon::listening();
    daemon.claim_layout(9);
    daemon.roll("one");
    let client = daemon.client().via(Via::Map).open().unwrap();
    let why = client.pin().unwrap_err();
    assert_eq!(why.reason, Reason::Unreadable, "{why}");
    assert_eq!(client.status().attached, Attached::Nothing);
}

#[test]
fn a_pin_never_mixes_generations_over_the_socket() {
    let daemon = Daemon::listening();
    let first = daemon.roll("one");
    let client = asking(&daemon);
    let pin = client.pin().unwrap();
    assert_eq!(pin.generation(), None, "nothing was answered yet");
    assert!(pin.get(ADDRESS).found().is_some());
    assert!(pin.get("nobody@corp.example").is_absent(), "the same generation goes on");
    let second = daemon.roll("two");
    let Lookup::Unavailable(why) = pin.get(ADDRESS) else { panic!("that would be of another generation") };
    assert_eq!(why.reason, Reason::NoGeneration);
    assert!(!pin.get("nobody@corp.example").is_absent(), "nor is absence told of another one");
    assert_eq!(pin.generation(), Some(first));
    let pin = client.pin().unwrap();
    assert!(pin.get(ADDRESS).found().is_some());
    assert_eq!(pin.generation(), Some(second));
}

#[test]
fn a_restarted_daemon_is_asked_again() {
    let mut daemon = Daemon::listening();
    daemon.roll("one");
    let client = asking(&daemon);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(title(&client).unwrap(), "one"));
        }
    });
    daemon.stop_listening();
    let why = title(&client).unwrap_err();
    assert_eq!(why.reason, Reason::Unreachable, "{why}");
    assert_eq!(client.counters().unavailable_for(Reason::Unreachable), 1);
    daemon.listen();
    assert_eq!(title(&client).unwrap(), "one");
}

#[test]
fn a_mapped_client_does_not_notice_that_the_daemon_is_gone_and_connects_again() {
    let mut daemon = Daemon::listening();
    let generation = daemon.roll("one");
    let client = daemon.client().open().unwrap();
    eventually("the daemon knows", || daemon.told() == [Some(generation)]);
    daemon.stop_listening();
    assert_eq!(title(&client).unwrap(), "one");
    daemon.listen();
    eventually("the daemon knows again", || daemon.told() == [Some(generation); 2]);
    assert_eq!(title(&client).unwrap(), "one");
    assert_eq!(client.counters().unavailable_sum(), 0);
}

#[test]
fn a_silent_daemon_is_waited_for_no_longer_than_the_time_out() {
    let daemon = Daemon::listening();
    daemon.roll("one");
    let client = daemon.client().via(Via::Socket).request_timeout(Duration::from_millis(200)).open().unwrap();
    assert_eq!(title(&client).unwrap(), "one");
    daemon.delay(Duration::from_millis(600));
    let why = title(&client).unwrap_err();
    assert_eq!(why.reason, Reason::TimedOut, "{why}");
    daemon.delay(Duration::ZERO);
    assert_eq!(title(&client).unwrap(), "one", "the late answer is nobody's");
}

#[test]
fn age_is_limited_over_the_socket_too() {
    let daemon = Daemon::listening();
    let old = daemon.publish_as_old_as("old", Duration::from_secs(20));
    daemon.announce(old);
    let limit = |s| daemon.client().via(Via::Socket).max_age(Duration::from_secs(s)).open().unwrap();
    let client = limit(60);
    let pin = client.pin().unwrap();
    assert!(pin.get(ADDRESS).found().is_some());
    let age = pin.age().unwrap().as_secs();
    assert!((20..50).contains(&age), "{age}");
    let client = limit(10);
    assert_eq!(title(&client).unwrap_err().reason, Reason::TooOld);
    daemon.roll("young");
    assert_eq!(title(&client).unwrap(), "young");
    daemon.announce(old);
    assert_eq!(title(&client).unwrap_err().reason, Reason::TooOld, "rolled back to what is too old");
}

#[test]
fn a_roll_back_is_waited_for_longer_than_a_look_up_and_as_long_as_is_said() {
    let daemon = Daemon::listening();
    let control = || daemon.client().request_timeout(Duration::from_millis(200)).control().unwrap();
    let (mut patient, mut hasty) = (control(), control());
    daemon.delay(Duration::from_millis(600));
    let why = patient.rollback(None).unwrap_err();
    assert!(matches!(why, ControlError::Broken(_)), "the test daemon answers, with something else: {why}");
    let why = hasty.rollback_within(None, Duration::from_millis(100)).unwrap_err();
    assert!(matches!(why, ControlError::TimedOut(_)), "{why}");
}

#[test]
fn a_socket_of_another_dataset_is_not_believed() {
    let (daemon, other) = (Daemon::listening(), Daemon::listening());
    other.roll("other");
    let client = daemon.client().socket(other.socket()).via(Via::Socket).open().unwrap();
    let why = title(&client).unwrap_err();
    assert!(why.detail.contains("serves dataset"), "{why}");
}

#[test]
fn a_peer_that_is_no_daemon_is_not_believed() {
    let daemon = Daemon::new();
    let listener = UnixListener::bind(daemon.socket()).unwrap();
    let says: [&[u8]; 5] = [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[4, 0, 0, 0, 1, 2, 3, 4],
        &[0xff; 64],
        &[100, 0, 0, 0, 1],
    ];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for said in says {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(said).unwrap();
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        let client = asking(&daemon);
        for said in says {
            let why = title(&client).unwrap_err();
            assert_eq!(why.reason, Reason::Unreachable, "{said:?}: {why}");
        }
    });
}

#[test]
fn a_full_backlog_is_waited_for_no_longer_than_the_time_out() {
    let daemon = Daemon::new();
    let _listener = UnixListener::bind(daemon.socket()).unwrap();
    let timeout = Duration::from_millis(100);
    let client = daemon.client().via(Via::Socket).connect_timeout(timeout).request_timeout(timeout);
    let client = client.open().unwrap();
    // Connections that time out in the backlog stay in it until it is full.
    let mut others = Vec::new();
    let socket = daemon.socket();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || while sender.send(UnixStream::connect(&socket)).is_ok() {});
    while let Ok(other) = receiver.recv_timeout(Duration::from_millis(500)) {
        others.push(other);
    }
    let start = Instant::now();
    let why = title(&client).unwrap_err();
    assert!(why.detail.contains("backlog full"), "after {} connections: {why}", others.len());
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn operators_are_answered_or_told_why_not() {
    let mut daemon = Daemon::listening();
    let generation = daemon.roll("one");
    let mut control = daemon.client().control().unwrap();
    assert_eq!(control.daemon().generation, Some(generation));
    assert_eq!(control.status().unwrap().generation, Some(generation));
    control.hold().unwrap();
    control.release().unwrap();
    // This daemon answers `Done` to what it does not know.
    let error = control.roll(RollUntil::Announced, Duration::from_secs(1)).unwrap_err();
    assert!(matches!(error, ControlError::Broken(_)), "{error}");
    let mut subscription = daemon.client().control().unwrap().subscribe().unwrap();
    let error = subscription.next_within(Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, ControlError::TimedOut(_)), "{error}");
    daemon.stop_listening();
    assert!(matches!(subscription.next(), Some(Err(ControlError::Broken(_)))));
    assert!(subscription.next().is_none(), "an ended subscription stays ended");
    let error = daemon.client().control().unwrap_err();
    assert!(matches!(error, ControlError::Unreachable { .. }), "{error}");
    assert_eq!(Generation(1), generation);
}
