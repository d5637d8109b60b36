//! The daemon is killed 50 times at random moments, while clients read and rolls are under way: no wrong
//! answer, no client error, the next start adopts or loads, and nothing is left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Stdio;
use std::time::{Duration, Instant};

use persondb_protocol::name::ShmObject;
use persondb_tests::{Daemon, Output, Programs, Setup};
use serde_json::Value;

const KILLS: u64 = 50;

#[test]
fn killing_the_daemon_at_any_moment_costs_nobody_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.csv");
    let mut command = Programs::get().persondb();
    Output::of(command.args(["generate", "--people", "5000", "-o"]).arg(&people)).ended_with(0);
    let mut daemon = Setup::new(&people).start();

    let mut load = daemon.persondb(["load", "--json", "--clients", "2", "--seconds", "600"]);
    load.arg("--people").arg(&people).stdout(Stdio::piped()).stderr(Stdio::piped());
    let load = load.spawn().unwrap();
    // A small generator of moments, from 0 to 200 ms: start, build, publication and rest all take their turn.
    let mut moment = 12_345_u64;
    let mut served_before = 0;
    for kill in 0..KILLS {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let roll = daemon.persondb(["roll"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros((moment >> 33) % 200_000));
        daemon.kill();
        reap(roll);
        if kill % 3 == 0 {
            // Now and then killed while it starts, too.
            daemon.spawn();
            std::thread::sleep(Duration::from_micros((moment >> 20) % 50_000));
            daemon.kill();
        }
        daemon.start();
        let generation = daemon.status()["generation"].as_u64().unwrap();
        assert!(generation >= served_before, "generation {generation} after {served_before}");
        served_before = generation;
        nothing_but_generations(&daemon);
    }
    let pid = nix::unistd::Pid::from_raw(load.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = load.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let result: Value = serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{e}: {text}"));
    for count in ["errors", "unavailable", "wrong"] {
        assert_eq!(result[count], 0, "{count}: {result}");
    }
    assert!(result["lookups"].as_u64().unwrap() > 10_000, "{result}");
    daemon.stop();
    let name = daemon.name().to_owned();
    Output::of(&mut daemon.persondb(["cleanup"])).ended_with(0);
    assert!(daemon.objects().is_empty(), "{name}: {:?}", daemon.objects());
}

fn reap(mut child: std::process::Child) {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(30), "a roll whose daemon died does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The superblock, and at most the current and the retained generations.
fn nothing_but_generations(daemon: &Daemon) {
    let objects = daemon.objects();
    assert!(objects.iter().all(|(_, object)| *object != ShmObject::Staging), "{objects:?}");
    assert!(daemon.segment_count() <= 3, "{objects:?}");
}
