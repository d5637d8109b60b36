//! What a running daemon does with data: load, roll, refuse, roll back, hold, adopt.
#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write;

use persondb_protocol::Generation;
use persondb_protocol::control::{RefusalKind, Reply, Request, RollUntil};
use support::Dataset;

#[expect(clippy::unnecessary_wraps, reason = "compared with what a look-up gives")]
fn title(mark: &str, generation: u64) -> Option<(Generation, String)> {
    Some((Generation(generation), format!("title {mark}")))
}

#[test]
fn ready_is_told_once_the_first_generation_is_served_and_a_roll_replaces_it() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    let status = client.status();
    assert_eq!(status.generation, Some(Generation(1)));
    assert_eq!((status.people, status.tenants, status.adopted), (10, 2, false));
    assert_eq!(status.inputs[0].bytes, dataset.people().metadata().unwrap().len());
    assert_eq!(client.title("p3@example.com"), title("a", 1));
    assert_eq!(client.title("p10@example.com"), None);

    dataset.write_people(12, "b");
    let rolled = client.roll().unwrap();
    assert_eq!((rolled.generation, rolled.rows, rolled.rejected), (Generation(2), 12, 0));
    assert_eq!(client.title("p10@example.com"), title("b", 2));
    assert_eq!(dataset.objects(), ["", ".g1", ".g2"]);
    let told = dataset.wait_for("READY=1");
    assert!(told.iter().any(|m| m.contains("RELOADING=1") && m.contains("MONOTONIC_USEC=")), "{told:?}");
}

#[test]
fn unchanged_inputs_make_a_new_generation_too_and_only_the_retained_ones_stay() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&["--retain", "1"]);
    let mut client = daemon.client();
    for generation in 2..=4 {
        assert_eq!(client.roll().unwrap().generation, Generation(generation));
    }
    assert_eq!(dataset.objects(), ["", ".g3", ".g4"]);
    let retained = client.status().retained;
    assert_eq!(retained.iter().map(|r| r.generation.0).collect::<Vec<_>>(), [3]);
}

#[test]
fn input_that_is_refused_or_breaks_a_rule_leaves_what_is_served_and_says_why() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    for (csv, reason) in [
        ("tenant_id,person_id\nt0,p0\n", "email"),
        ("tenant_id,email\nt0,p0@example.com\0\n", "NUL"),
        ("tenant_id,email,email\nt0,p0@example.com,x\n", "once"),
        ("tenant_id,email\nt0,p0@example.com\n", "--allow-shrink"),
    ] {
        dataset.write_csv(csv);
        let refusal = client.roll().unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Failed);
        assert!(refusal.message.contains(reason), "{reason}: {}", refusal.message);
        assert_eq!(client.title("p3@example.com"), title("a", 1));
        let cycle = client.status().last_cycle.unwrap();
        assert_eq!(cycle.result, "failed");
        assert_eq!(cycle.reason.as_deref(), Some(refusal.message.as_str()));
    }
    std::fs::remove_file(dataset.people()).unwrap();
    assert!(client.roll().unwrap_err().message.contains("people.csv"));
    assert_eq!(dataset.objects(), ["", ".g1"]);
}

#[test]
fn a_fifth_may_go_but_not_more_and_the_flag_allows_it() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    dataset.write_people(8, "b");
    assert!(daemon.client().roll().is_ok());
    dataset.write_people(6, "c");
    assert!(daemon.client().roll().unwrap_err().message.contains("20 %"));
    daemon.stop();
    let daemon = dataset.start(&["--allow-shrink"]);
    assert_eq!(daemon.client().title("p3@example.com").unwrap().1, "title c");
}

#[test]
fn a_large_tenant_that_lost_half_is_named_although_the_whole_grew() {
    let dataset = Dataset::new();
    let people = |large: usize, small: usize| {
        let mut text = String::from("tenant_id,email\n");
        for i in 0..large {
            writeln!(text, "large,l{i}@large.example").unwrap();
        }
        for i in 0..small {
            writeln!(text, "small,s{i}@small.example").unwrap();
        }
        text
    };
    dataset.write_csv(&people(100, 300));
    let daemon = dataset.start(&[]);
    dataset.write_csv(&people(49, 400));
    let message = daemon.client().roll().unwrap_err().message;
    assert!(message.contains("\"large\"") && message.contains("50 %"), "{message}");
    dataset.write_csv(&people(50, 400));
    assert!(daemon.client().roll().is_ok());
}

#[test]
fn roll_back_announces_the_newest_older_one_or_the_one_asked_for() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    let none = client.rolled(Request::Rollback { to: None }).unwrap_err();
    assert_eq!(none.kind, RefusalKind::NothingRetained);
    for mark in ["b", "c"] {
        dataset.write_people(10, mark);
        client.roll().unwrap();
    }
    assert_eq!(client.rolled(Request::Rollback { to: None }).unwrap().generation, Generation(2));
    assert_eq!(client.title("p3@example.com"), title("b", 2));
    let back = client.rolled(Request::Rollback { to: None }).unwrap().generation;
    assert_eq!(back, Generation(1), "twice goes further back, not forward to what was left");
    assert_eq!(client.title("p3@example.com"), title("a", 1));
    let none = client.rolled(Request::Rollback { to: None }).unwrap_err();
    assert_eq!(none.kind, RefusalKind::NothingRetained);
    assert!(none.message.contains("older") && none.message.contains("3, 2"), "{none}");
    client.rolled(Request::Rollback { to: Some(Generation(3)) }).unwrap();
    assert_eq!(client.title("p3@example.com"), title("c", 3), "forward by number");
    client.rolled(Request::Rollback { to: Some(Generation(1)) }).unwrap();
    for to in [1, 7] {
        let refusal = client.rolled(Request::Rollback { to: Some(Generation(to)) }).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::NothingRetained, "{to}");
    }
    assert_eq!(client.roll().unwrap().generation, Generation(4), "numbers go on after a roll back");
}

#[test]
fn a_hold_refuses_rolls_and_roll_backs_survives_a_restart_and_ends_with_release() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    client.roll().unwrap();
    assert_eq!(client.ask(Request::Hold), Reply::Done);
    for request in
        [Request::Roll { until: RollUntil::Announced, timeout_ms: 60_000 }, Request::Rollback { to: None }]
    {
        assert_eq!(client.rolled(request).unwrap_err().kind, RefusalKind::Held);
    }
    daemon.stop();
    dataset.write_people(10, "b");
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    let status = client.status();
    assert!(status.held && status.adopted, "{status:?}");
    assert_eq!(client.title("p3@example.com"), title("a", 2), "a restart does not break a hold");
    assert_eq!(client.ask(Request::Release), Reply::Done);
    client.roll().unwrap();
    assert_eq!(client.title("p3@example.com"), title("b", 3));
}

#[test]
fn a_restart_adopts_unchanged_and_touched_inputs_and_loads_changed_ones() {
    let dataset = Dataset::new();
    dataset.start(&[]).stop();
    assert_eq!(dataset.objects(), ["", ".g1"], "what is served stays");
    let daemon = dataset.start(&[]);
    let status = daemon.status();
    assert!(status.adopted);
    assert_eq!(status.generation, Some(Generation(1)));
    assert_eq!(status.last_cycle.unwrap().result, "adopted");
    daemon.stop();
    // The same bytes in another file, with another time.
    dataset.write_people(10, "a");
    let daemon = dataset.start(&[]);
    assert!(daemon.status().adopted);
    daemon.stop();
    // Other bytes of the same size.
    dataset.write_people(10, "b");
    let daemon = dataset.start(&[]);
    assert_eq!(daemon.client().title("p3@example.com"), title("b", 2));
    daemon.stop();
    // Another configuration.
    let daemon = dataset.start(&["--tenant", "other"]);
    let status = daemon.status();
    assert_eq!((status.adopted, status.generation), (false, Some(Generation(3))));
}

#[test]
fn a_first_load_that_fails_serves_what_is_there_and_without_anything_ends_with_the_reason() {
    let dataset = Dataset::new();
    dataset.start(&[]).stop();
    dataset.write_csv("nonsense\n");
    let daemon = dataset.start(&[]);
    let mut client = daemon.client();
    assert_eq!(client.title("p3@example.com"), title("a", 1));
    let cycle = client.status().last_cycle.unwrap();
    assert!(cycle.result == "failed" && cycle.reason.is_some(), "{cycle:?}");

    let empty = Dataset::new();
    empty.write_csv("nonsense\n");
    let output = empty.command(&[]).output().unwrap();
    assert!(!output.status.success());
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("the first load failed") && log.contains("people.csv"), "{log}");
    assert_eq!(empty.objects(), [""], "no segment of a failed load stays");
    assert!(!empty.wait_for("STOPPING=1").iter().any(|m| m.contains("READY=1")));
}

#[test]
fn a_name_that_somebody_took_first_costs_a_number_and_not_the_roll() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let taken = std::path::Path::new("/dev/shm").join(dataset.name.segment(Generation(2), 0).file_name());
    std::fs::write(&taken, "somebody's").unwrap();
    let rolled = daemon.client().roll();
    // Here the somebody is this user, so retention may have cleared it away.
    let _ = std::fs::remove_file(&taken);
    assert_eq!(rolled.unwrap().generation, Generation(3));
}

#[test]
fn a_build_that_finds_no_idle_time_begins_anew_as_one_process_among_others() {
    let dataset = Dataset::new();
    let config = dataset.people().with_file_name("config.toml");
    // A quarter of three seconds is none: the first try is late whatever it does.
    std::fs::write(&config, "[limits]\ncycle_s_max = 3\n").unwrap();
    let daemon = dataset.start(&["--config", config.to_str().unwrap()]);
    let mut client = daemon.client();
    assert_eq!(client.title("p3@example.com"), title("a", 1));
    assert_eq!(dataset.objects(), ["", ".g1"]);
    daemon.stop();
    // The near miss: no time at all ends both tries, and nothing of them stays.
    let late = Dataset::new();
    let config = late.people().with_file_name("config.toml");
    std::fs::write(&config, "[limits]\ncycle_s_max = 0\n").unwrap();
    assert!(!late.spawn(&["--config", config.to_str().unwrap()]).wait().success());
    assert_eq!(late.objects(), [""]);
}
