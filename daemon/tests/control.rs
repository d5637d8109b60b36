//! The control channel under many connections, slow and strange peers.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use persondb_protocol::Generation;
use persondb_protocol::answer::{Answer, Reason};
use persondb_protocol::codec::{REQUEST_SIZE_MAX, encode};
use persondb_protocol::control::{HandOver, Hello, RefusalKind, Reply, Request, RequestFrame, RollUntil};
use persondb_protocol::matching::{MatchAnswer, MatchMessage, MatchOptions, Oddity};
use persondb_shm::recv_with_descriptors;
use support::{Client, Dataset};

fn get(address: &str) -> Request {
    Request::Get { address: address.into(), tenant: None }
}

#[test]
fn many_connections_with_pipelined_requests_lose_nothing() {
    const CONNECTIONS: usize = 256;
    const REQUESTS: u64 = 400;
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let path = dataset.folder.path().join("socket");
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Client::connect(&path).unwrap()).collect();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for part in clients.chunks_mut(CONNECTIONS / 4) {
            scope.spawn(move || {
                for client in part.iter_mut() {
                    for i in 0..REQUESTS {
                        client.send(get(&format!("p{}@example.com", i % 20)));
                    }
                }
                for client in part.iter_mut() {
                    for i in 0..REQUESTS {
                        let frame = client.receive().unwrap();
                        assert_eq!(frame.id, i + 2, "in order, after the hello");
                        match frame.reply {
                            Reply::People(Answer::Found(_, people)) => {
                                assert_eq!(people[0].email, format!("p{}@example.com", i % 20));
                            }
                            Reply::People(Answer::Absent(_)) => assert!(i % 20 >= 10),
                            other => panic!("{other:?}"),
                        }
                    }
                }
            });
        }
    });
    let total = CONNECTIONS as u64 * REQUESTS;
    println!("{total} requests in {:?}", started.elapsed());
    let status = daemon.status();
    assert_eq!(status.socket_queries, total);
    assert_eq!(status.clients, CONNECTIONS as u64 + 1);
}

#[test]
fn connections_that_come_all_at_once_are_all_answered() {
    let dataset = Dataset::new();
    let _daemon = dataset.start(&[]);
    let path = dataset.folder.path().join("socket");
    // Connected before anything is read: all of them are in the listen queue.
    let streams: Vec<_> = (0..1000).map(|_| UnixStream::connect(&path).unwrap()).collect();
    drop(streams);
    let threads: Vec<_> = (0..200)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || Client::connect(&path).unwrap().title("p1@example.com").is_some())
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn a_peer_that_does_not_read_is_not_read_and_gets_everything_once_it_does() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut slow = daemon.client();
    let mut bytes = Vec::new();
    let count = 50_000;
    for id in 0..count {
        encode(&RequestFrame { id: id + 10, request: get("p1@example.com") }, REQUEST_SIZE_MAX, &mut bytes)
            .unwrap();
    }
    std::thread::scope(|scope| {
        let writer = slow.socket().try_clone().unwrap();
        scope.spawn(move || std::io::Write::write_all(&mut &writer, &bytes).unwrap());
        std::thread::sleep(Duration::from_millis(300));
        let mut other = daemon.client();
        assert!(other.title("p2@example.com").is_some(), "others are answered meanwhile");
        let answered = other.status().socket_queries;
        assert!(answered < count, "{answered} answers were made for a peer that does not read");
        for id in 0..count {
            assert_eq!(slow.receive().unwrap().id, id + 10);
        }
    });
}

#[test]
fn segments_come_with_read_only_descriptors_also_between_other_answers() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    let (reply, count) = client.descriptors();
    assert_eq!(reply, Reply::Segments(Some(HandOver { generation: Generation(1), segment_count: 1 })));
    assert_eq!(count, 2, "the superblock and one segment");
}

#[test]
fn the_next_descriptors_wait_until_the_last_were_taken() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    client.send(Request::Segments);
    client.send(Request::Segments);
    std::thread::sleep(Duration::from_millis(700));
    let receive = |client: &Client| {
        let (mut buffer, mut received) = ([0; 4096], Vec::new());
        let size = recv_with_descriptors(client.socket().as_fd(), &mut buffer, &mut received);
        size.map(|_| received.len())
    };
    assert_eq!(receive(&client).unwrap(), 2);
    client.socket().set_nonblocking(true).unwrap();
    let early = receive(&client);
    assert!(early.is_err(), "sent before the first were taken: {early:?}");
    client.socket().set_nonblocking(false).unwrap();
    assert_eq!(receive(&client).unwrap(), 2, "and then without another word");
}

#[test]
fn the_first_frame_has_to_be_a_hello_of_this_version_and_garbage_is_refused() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let path = dataset.folder.path().join("socket");
    let refused = |request: Request| {
        let stream = UnixStream::connect(&path).unwrap();
        let mut client = Client::over(stream);
        client.send(request);
        match client.receive().unwrap().reply {
            Reply::Refused(refusal) => assert_eq!(refusal.kind, RefusalKind::Version),
            other => panic!("{other:?}"),
        }
        assert!(client.receive().is_none(), "closed after the refusal");
    };
    refused(Request::Status);
    refused(Request::Hello(Hello { control_version: 99, ..Hello::new("9", "future") }));
    for garbage in [&[255; 100][..], &[4, 0, 0, 0, 1, 2, 3, 4]] {
        let mut client = daemon.client();
        client.send_bytes(garbage);
        assert!(matches!(client.receive().unwrap().reply, Reply::Refused(_)));
        assert!(client.receive().is_none());
    }
    assert!(daemon.client().title("p1@example.com").is_some());
}

#[test]
fn keys_over_the_limit_are_cannot_say_and_never_absent() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let reply = daemon.client().ask(get(&"x".repeat(1025)));
    assert!(matches!(reply, Reply::People(Answer::Unavailable(u)) if u.reason == Reason::OverLimit));
}

#[test]
fn a_roll_until_moved_waits_for_mapped_clients_and_names_those_that_stay() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&["--retain", "0"]);
    let mut mapped = daemon.client();
    mapped.ask(Request::Subscribe);
    mapped.ask(Request::Moved { generation: Some(Generation(1)) });
    let mut operator = daemon.client();
    let refusal = operator.rolled(Request::Roll { until: RollUntil::Moved, timeout_ms: 1_500 }).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::TimedOut);
    assert!(
        refusal.message.contains(&format!("process {} (test) at generation 1", std::process::id())),
        "{refusal}"
    );
    assert!(matches!(mapped.receive().unwrap().reply, Reply::Announced { generation: Generation(2), .. }));
    let status = operator.status();
    assert!(status.retired_bytes_held > 0, "generation 1 is unlinked and still mapped");

    let id = operator.send(Request::Roll { until: RollUntil::Moved, timeout_ms: 60_000 });
    assert!(matches!(mapped.receive().unwrap().reply, Reply::Announced { generation: Generation(3), .. }));
    mapped.ask(Request::Moved { generation: Some(Generation(3)) });
    let frame = operator.receive().unwrap();
    assert_eq!(frame.id, id);
    assert!(matches!(frame.reply, Reply::Rolled(rolled) if rolled.generation == Generation(3)));
    assert_eq!(operator.status().retired_bytes_held, 0);
}

#[test]
fn the_client_that_waits_for_all_to_move_can_be_the_last_to_move() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    client.ask(Request::Subscribe);
    client.ask(Request::Moved { generation: Some(Generation(1)) });
    let id = client.send(Request::Roll { until: RollUntil::Moved, timeout_ms: 30_000 });
    assert!(matches!(client.receive().unwrap().reply, Reply::Announced { generation: Generation(2), .. }));
    // The roll waits for nothing else by then.
    daemon.until("the cycle is over", |status| !status.cycle_running);
    std::thread::sleep(Duration::from_millis(200));
    client.send(Request::Moved { generation: Some(Generation(2)) });
    let started = Instant::now();
    let frame = loop {
        let frame = client.receive().unwrap();
        if frame.id == id {
            break frame;
        }
    };
    assert!(matches!(frame.reply, Reply::Rolled(rolled) if rolled.generation == Generation(2)));
    assert!(started.elapsed() < Duration::from_secs(20), "not by its time-out");
}

#[test]
fn requests_left_at_the_end_of_a_turn_are_answered_without_another_word() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    // In one piece, and many turns' worth; then nothing more is said, in that direction for ever.
    let mut bytes = Vec::new();
    for id in 0..1000 {
        encode(&RequestFrame { id: id + 10, request: get("p1@example.com") }, REQUEST_SIZE_MAX, &mut bytes)
            .unwrap();
    }
    client.send_bytes(&bytes);
    client.socket().shutdown(std::net::Shutdown::Write).unwrap();
    for id in 0..1000 {
        assert_eq!(client.receive().unwrap().id, id + 10);
    }
    assert!(client.receive().is_none(), "closed after the last answer");
}

#[test]
fn clients_over_the_limit_are_told_so() {
    let dataset = Dataset::new();
    let config = dataset.folder.path().join("persondb.toml");
    std::fs::write(&config, "[limits]\nclients_max = 2\n").unwrap();
    let daemon = dataset.start(&["--config", config.to_str().unwrap()]);
    let first = daemon.client();
    let _second = daemon.client();
    // These are of the daemon's own user: operators, who have a few more.
    let _reserve: Vec<_> = (0..16).map(|_| daemon.client()).collect();
    let mut third = Client::over(UnixStream::connect(dataset.folder.path().join("socket")).unwrap());
    match third.receive().unwrap().reply {
        Reply::Refused(refusal) => assert_eq!(refusal.kind, RefusalKind::OverLimit),
        other => panic!("{other:?}"),
    }
    // It said hello before it read, and can still read why.
    let mut fourth = Client::over(UnixStream::connect(dataset.folder.path().join("socket")).unwrap());
    fourth.send(Request::Hello(Hello::new("0", "t")));
    std::thread::sleep(Duration::from_millis(100));
    fourth.send(Request::Status);
    assert!(matches!(fourth.receive().unwrap().reply, Reply::Refused(_)));
    assert!(fourth.receive().is_none());
    drop(first);
    daemon.client();
}

#[test]
fn strangers_may_not_ask_and_readers_may_not_operate() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: other users need root");
    }
    let reply = |flags: &[&str]| {
        let dataset = Dataset::new();
        std::fs::set_permissions(dataset.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let _daemon = dataset.start(flags);
        let path = dataset.folder.path().join("socket");
        // A short program of another user: connects, says hello, asks for a roll, prints what comes.
        let mut bytes = Vec::new();
        for (id, request) in
            [(1, Request::Hello(Hello::new("0", "t"))), (2, Request::Hold), (3, get("p1@example.com"))]
        {
            encode(&RequestFrame { id, request }, REQUEST_SIZE_MAX, &mut bytes).unwrap();
        }
        let frames = dataset.folder.path().join("frames");
        std::fs::write(&frames, bytes).unwrap();
        // perl is on every Debian machine, where every user may run it.
        let script = "use IO::Socket::UNIX; local $/; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!; \
                      open(my $f, '<:raw', $ARGV[1]) or die $!; print {$s} readline($f); $s->flush; shutdown($s, 1); \
                      print readline($s);";
        let output = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-e", script])
            .args([&path, &frames])
            .output();
        output.ok().map(|output| {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            (String::from_utf8_lossy(&output.stdout).into_owned(), errors)
        })
    };
    let Some((_, errors)) = reply(&[]) else { return println!("skipped: no setpriv") };
    assert!(errors.contains("Permission denied"), "mode 0660: {errors}");
    let (answers, errors) = reply(&["--operator-group", "12345"]).unwrap();
    assert!(answers.contains("may not ask this daemon"), "{answers} {errors}");
    let (answers, errors) = reply(&["--mode", "0444"]).unwrap();
    assert!(answers.contains("may not do this") && answers.contains("title a"), "{answers} {errors}");
    let (answers, errors) = reply(&["--operator-group", "65534"]).unwrap();
    assert!(!answers.contains("may not do this") && answers.contains("title a"), "{answers} {errors}");
}

#[test]
fn messages_are_matched_at_any_length_that_is_allowed_and_only_after_a_hello() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let question = |recipients: usize| Request::Match {
        message: Box::new(MatchMessage {
            from: Some("\"Person 1\" <p1@example.com>".into()),
            recipients: vec!["p2@example.com".repeat(1000); recipients],
            ..MatchMessage::default()
        }),
        options: MatchOptions::default(),
    };
    let mut client = daemon.client();
    let Reply::Match(MatchAnswer::Matched(evidence)) = client.ask(question(1)) else { panic!("no evidence") };
    assert_eq!(evidence.generation, Generation(1));
    assert_eq!(evidence.from.unwrap().people[0].email, "p1@example.com");
    // Far over what other requests may take, and over what is read of recipients.
    let Reply::Match(MatchAnswer::Matched(evidence)) = client.ask(question(70)) else {
        panic!("no evidence")
    };
    assert!(evidence.oddities.contains(&Oddity::MailboxesCut));
    let options = MatchOptions { tenants: Some(vec!["t".into(); 257]), ..MatchOptions::default() };
    let message = Box::default();
    match client.ask(Request::Match { message, options }) {
        Reply::Match(MatchAnswer::Unavailable(why)) => assert_eq!(why.reason, Reason::OverLimit),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.status().socket_queries, 3);
    let mut silent = Client::over(UnixStream::connect(dataset.folder.path().join("socket")).unwrap());
    silent.send(question(70));
    while let Some(frame) = silent.receive() {
        assert!(!matches!(frame.reply, Reply::Match(_)), "answered without a hello");
    }
    assert!(client.title("p1@example.com").is_some(), "the others go on");
}
