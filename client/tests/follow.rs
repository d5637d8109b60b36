//! A mapped client follows what is announced, and lets go of what is not current any more.
#![allow(clippy::unwrap_used, reason = "tests; their helper functions are not seen as such")]

mod common;

use std::time::Duration;

use common::{ADDRESS, Daemon, Mark, eventually, mappings, title};
use persondb_client::{Attached, Client, Lookup, Reason, Via, Watch, Watcher};

fn open(daemon: &Daemon, watch: Watch) -> Client {
    daemon.client().watch(watch).via(Via::Map).open().unwrap()
}

#[test]
fn a_watched_client_without_a_daemon_follows_by_name() {
    let daemon = Daemon::new();
    let first = daemon.roll("one");
    let client = open(&daemon, Watch::Background);
    assert_eq!(client.status().attached, Attached::Mapped);
    assert_eq!(client.status().watcher, Watcher::Running);
    assert_eq!(client.pin().unwrap().generation(), Some(first));
    assert_eq!(title(&client).unwrap(), "one");
    let second = daemon.roll("two");
    daemon.retire(first);
    eventually("the client moved", || client.pin().unwrap().generation() == Some(second));
    assert_eq!(title(&client).unwrap(), "two");
    assert_eq!(client.counters().moves, 1);
    assert_eq!(client.counters().moves_failed, 0);
}

#[test]
fn a_connected_client_follows_by_descriptor_and_tells_the_daemon() {
    let daemon = Daemon::listening();
    let first = daemon.roll("one");
    let client = open(&daemon, Watch::Background);
    eventually("the daemon knows the first", || daemon.told().last() == Some(&Some(first)));
    let second = daemon.publish("two");
    // Without its name it can only be had by descriptor.
    assert!(persondb_shm::unlink(&daemon.name.segment(second, 0)).unwrap());
    daemon.announce(second);
    eventually("the client moved", || client.pin().unwrap().generation() == Some(second));
    assert_eq!(title(&client).unwrap(), "two");
    eventually("the daemon knows the second", || daemon.told().last() == Some(&Some(second)));
}

#[test]
fn without_a_watcher_the_next_pin_sees_the_announcement() {
    let daemon = Daemon::new();
    let first = daemon.roll("one");
    let client = open(&daemon, Watch::OnPin);
    assert_eq!(client.status().watcher, Watcher::Pins);
    for turn in 0..20 {
        let generation = daemon.roll(&turn.to_string());
        assert_eq!(client.pin().unwrap().generation(), Some(generation), "at once, not eventually");
        assert_eq!(title(&client).unwrap(), turn.to_string());
    }
    daemon.announce(first);
    assert_eq!(title(&client).unwrap(), "one", "a roll back is followed like a roll");
    assert_eq!(mappings(&daemon.name).len(), 1, "{:?}", mappings(&daemon.name));
}

#[test]
fn a_pin_keeps_its_generation_and_the_mapping_goes_with_it() {
    let daemon = Daemon::new();
    let first = daemon.roll("one");
    let client = open(&daemon, Watch::Background);
    let pin = client.pin().unwrap();
    let second = daemon.roll("two");
    daemon.retire(first);
    eventually("the client moved", || client.status().generation == Some(second));
    let Lookup::Found(people) = pin.get(ADDRESS) else { panic!("it is there") };
    assert_eq!(people.first().value("title").unwrap().as_deref(), Some("one"));
    assert_eq!(people.generation(), first);
    assert_eq!(title(&client).unwrap(), "two", "a pin taken now sees the new one");
    assert_eq!(client.status().held.iter().map(|held| held.generation).collect::<Vec<_>>(), [first]);
    drop(people);
    drop(pin);
    assert_eq!(client.status().held, []);
    assert_eq!(mappings(&daemon.name).len(), 1, "{:?}", mappings(&daemon.name));
}

#[test]
fn an_idle_thread_keeps_one_generation_until_it_lets_go() {
    let daemon = Daemon::new();
    let first = daemon.roll("one");
    let client = open(&daemon, Watch::Background);
    title(&client).unwrap();
    let second = daemon.roll("two");
    eventually("the client moved", || client.status().generation == Some(second));
    assert_eq!(client.status().held.iter().map(|held| held.generation).collect::<Vec<_>>(), [first]);
    client.let_go();
    assert_eq!(client.status().held, []);
    assert_eq!(title(&client).unwrap(), "two");
}

#[test]
fn the_last_clone_takes_everything_with_it() {
    let daemon = Daemon::new();
    daemon.roll("one");
    let client = open(&daemon, Watch::Background);
    let clone = client.clone();
    title(&client).unwrap();
    drop(client);
    assert_eq!(title(&clone).unwrap(), "one");
    drop(clone);
    eventually("nothing is mapped", || mappings(&daemon.name).is_empty());
}

#[test]
fn a_generation_that_cannot_be_opened_leaves_the_old_one_answering() {
    for watch in [Watch::Background, Watch::OnPin] {
        let daemon = Daemon::new();
        daemon.roll("one");
        let client = open(&daemon, watch);
        let second = daemon.publish("two");
        assert!(persondb_shm::unlink(&daemon.name.segment(second, 0)).unwrap());
        daemon.announce(second);
        eventually("moving failed", || {
            assert_eq!(title(&client).unwrap(), "one");
            client.counters().moves_failed > 0
        });
        assert_eq!(client.counters().unavailable_sum(), 0);
        daemon.roll("three");
        eventually("the client recovered", || title(&client).unwrap() == "three");
    }
}

#[test]
fn a_segment_other_than_the_announced_one_is_not_read() {
    let daemon = Daemon::new();
    daemon.roll("one");
    let client = open(&daemon, Watch::OnPin);
    let (second, third) = (daemon.publish("two"), daemon.publish("2-2"));
    // The third generation under the second one's name, of the same size.
    let name = |generation| format!("/dev/shm{}", daemon.name.segment(generation, 0));
    std::fs::rename(name(third), name(second)).unwrap();
    daemon.announce(second);
    assert_eq!(title(&client).unwrap(), "one");
    assert_eq!(client.counters().moves_failed, 1);
}

#[test]
fn a_superblock_that_is_marked_retired_is_left_at_once() {
    for watch in [Watch::Background, Watch::OnPin] {
        let daemon = Daemon::new();
        let first = daemon.roll("one");
        let client = open(&daemon, watch);
        daemon.remove_superblock(Mark::Retired);
        assert_eq!(title(&client).unwrap(), "one", "what is mapped goes on answering");
        daemon.make_superblock();
        let second = daemon.roll("two");
        assert_ne!(first, second);
        eventually("the client is on the new superblock", || title(&client).unwrap() == "two");
        assert_eq!(client.counters().unavailable_sum(), 0);
    }
}

#[test]
fn a_superblock_that_vanished_is_missed_by_its_heartbeat() {
    for watch in [Watch::Background, Watch::OnPin] {
        let daemon = Daemon::new();
        daemon.roll("one");
        let client = open(&daemon, watch);
        daemon.remove_superblock(Mark::Not);
        daemon.make_superblock();
        daemon.roll("two");
        assert_eq!(title(&client).unwrap(), "one", "nobody could tell yet");
        eventually("the client is on the new superblock", || title(&client).unwrap() == "two");
    }
}

#[test]
fn a_single_pin_after_a_long_rest_misses_the_heartbeat_too() {
    let daemon = Daemon::new();
    daemon.roll("one");
    let client = open(&daemon, Watch::OnPin);
    assert_eq!(title(&client).unwrap(), "one");
    daemon.remove_superblock(Mark::Not);
    daemon.make_superblock();
    daemon.roll("two");
    assert_eq!(title(&client).unwrap(), "one", "the last heartbeat is young");
    std::thread::sleep(Duration::from_millis(5500));
    assert_eq!(title(&client).unwrap(), "two", "with the first pin, not after many");
}

#[test]
fn a_client_that_finds_nothing_says_so_and_attaches_later() {
    for watch in [Watch::Background, Watch::OnPin] {
        let daemon = Daemon::new();
        let client = open(&daemon, watch);
        let why = client.pin().unwrap_err();
        assert_eq!(why.reason, Reason::NoGeneration, "{why}");
        daemon.roll("one");
        eventually("the client attached", || client.pin().is_ok());
        assert_eq!(title(&client).unwrap(), "one");
        assert!(client.counters().unavailable_for(Reason::NoGeneration) > 0);
        assert_eq!(client.counters().moves, 0, "the first generation is no move");
    }
}

#[test]
fn without_daemon_and_superblock_it_is_unreachable() {
    let daemon = Daemon::new();
    daemon.remove_superblock(Mark::Not);
    let client = daemon.client().open().unwrap();
    let why = client.pin().unwrap_err();
    assert_eq!(why.reason, Reason::Unreachable, "{why}");
    assert!(why.detail.contains("test.sock: not there"), "{why}");
    assert!(why.detail.contains("does not exist"), "{why}");
}

#[test]
fn data_older_than_the_limit_is_no_answer() {
    for watch in [Watch::Background, Watch::OnPin] {
        let daemon = Daemon::new();
        let old = daemon.publish_as_old_as("old", Duration::from_secs(20));
        daemon.announce(old);
        let limit = |age| daemon.client().watch(watch).max_age(Duration::from_secs(age)).open().unwrap();
        assert_eq!(title(&limit(60)).unwrap(), "old");
        let client = limit(10);
        let why = client.pin().unwrap_err();
        assert_eq!(why.reason, Reason::TooOld, "{why}");
        daemon.roll("young");
        eventually("the young generation answers", || client.pin().is_ok());
        assert_eq!(title(&client).unwrap(), "young");
    }
}

#[test]
fn data_that_grows_too_old_stops_answering() {
    for watch in [Watch::Background, Watch::OnPin] {
        let daemon = Daemon::new();
        daemon.roll("one");
        let client = daemon.client().watch(watch).max_age(Duration::from_millis(700)).open().unwrap();
        assert_eq!(title(&client).unwrap(), "one");
        eventually("it is too old", || client.pin().is_err_and(|why| why.reason == Reason::TooOld));
    }
}

#[test]
fn data_grows_too_old_while_the_watcher_waits_for_the_daemon() {
    let daemon = Daemon::listening();
    daemon.roll("one");
    let client = daemon.client().max_age(Duration::from_millis(1500)).open().unwrap();
    eventually("the daemon knows the client", || !daemon.told().is_empty());
    // The watcher asks for the second generation and waits for longer than the limit on age.
    daemon.delay(Duration::from_secs(4));
    let second = daemon.publish("two");
    daemon.announce(second);
    assert_eq!(title(&client).unwrap(), "one");
    std::thread::sleep(Duration::from_millis(1600));
    let why = client.pin().unwrap_err();
    assert_eq!(why.reason, Reason::TooOld, "{why}");
}

#[test]
fn counts_of_all_threads_add_up() {
    let daemon = Daemon::new();
    daemon.roll("one");
    let client = open(&daemon, Watch::Background);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    let pin = client.pin().unwrap();
                    assert!(pin.get(ADDRESS).found().is_some());
                    assert!(pin.get_in("other", ADDRESS).is_absent());
                    assert!(matches!(pin.get(&"x".repeat(2000)), Lookup::Unavailable(_)));
                }
            });
        }
    });
    let counters = client.counters();
    assert_eq!((counters.found, counters.absent), (4000, 4000));
    assert_eq!(counters.unavailable_for(Reason::OverLimit), 4000);
    assert_eq!(counters.unavailable_sum(), 4000);
    assert_eq!(counters.socket_lookups, 0);
}
