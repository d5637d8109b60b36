//! 100 rolls between two data sets that differ in every record, while four processes look up without
//! pause: no error, nothing unavailable, no answer that mixes generations, nothing left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Stdio;

use persondb_tests::{Output, Programs, Setup};
use serde_json::Value;

const ROLLS: u64 = 100;
/// Beside four processes that never rest a build gets a twentieth of a processor, so it should be a short one.
const PEOPLE: &str = "2000";

fn generate(path: &Path, revision: &str) {
    let mut command = Programs::get().persondb();
    command.args(["generate", "--people", PEOPLE, "--revision", revision, "-o"]).arg(path);
    Output::of(&mut command).ended_with(0);
}

/// Puts a data set in the daemon's place the way exports should be: a new file, renamed over the old.
fn publish(from: &Path, to: &Path) {
    let next = to.with_extension("next");
    std::fs::copy(from, &next).unwrap();
    std::fs::rename(&next, to).unwrap();
}

#[test]
fn a_hundred_rolls_under_load_lose_and_mix_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, people] = ["a.csv", "b.csv", "people.csv"].map(|name| folder.path().join(name));
    generate(&a, "0");
    generate(&b, "1");
    publish(&a, &people);
    let daemon = Setup::new(&people).start();
    let first = daemon.status()["generation"].as_u64().unwrap();

    let mut load = daemon.persondb(["load", "--json", "--clients", "4", "--batch", "4", "--seconds", "600"]);
    load.arg("--people").arg(&a).arg("--alternate").arg(&b);
    load.stdout(Stdio::piped()).stderr(Stdio::piped());
    let load = load.spawn().unwrap();
    for roll in 0..ROLLS {
        publish(if roll % 2 == 0 { &b } else { &a }, &people);
        daemon.run(["roll", "--wait", "--timeout", "60"]).ended_with(0);
    }
    let last = daemon.status()["generation"].as_u64().unwrap();
    assert_eq!(last, first + ROLLS);
    let pid = nix::unistd::Pid::from_raw(load.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = load.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let result: Value = serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{e}: {text}"));
    for count in ["errors", "unavailable", "wrong", "mixed"] {
        assert_eq!(result[count], 0, "{count}: {result}");
    }
    assert!(result["lookups"].as_u64().unwrap() > 10_000, "{result}");
    assert!(result["compared"].as_u64().unwrap() > 1_000, "{result}");
    for process in result["processes"].as_array().unwrap() {
        assert_eq!(process["last_generation"].as_u64(), Some(last), "{result}");
    }
    assert_eq!(daemon.segment_count(), 3, "current and two retained: {:?}", daemon.objects());
}
