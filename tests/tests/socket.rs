//! 256 connections at once, each asking 1,000 times, and nobody is dropped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use persondb_tests::{Output, Programs, Setup};

#[test]
fn no_request_of_256_busy_connections_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.csv");
    let mut command = Programs::get().persondb();
    Output::of(command.args(["generate", "--people", "20000", "-o"]).arg(&people)).ended_with(0);
    let daemon = Setup::new(&people).start();
    let mut load =
        daemon.persondb(["load", "--json", "--via", "socket", "--clients", "4", "--connections", "64"]);
    load.args(["--lookups", "1000", "--people"]).arg(&people);
    let result = Output::of(&mut load).ended_with(0).json().remove(0);
    assert_eq!(result["lookups"], 256_000, "{result}");
    for count in ["errors", "unavailable", "wrong"] {
        assert_eq!(result[count], 0, "{count}: {result}");
    }
    assert!(daemon.status()["socket_queries"].as_u64().unwrap() >= 256_000);
}
