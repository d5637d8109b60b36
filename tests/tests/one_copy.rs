//! The people are in memory once, however many processes look them up, and looking up costs none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use persondb_tests::{Output, Programs, Setup};
use serde_json::Value;

const MIB: u64 = 1 << 20;
/// Memory of a client beside the segment. Unoptimised programs have more text, and with one process
/// nobody shares it.
const OTHER_MAX: u64 = if cfg!(debug_assertions) { 8 * MIB } else { 4 * MIB };

/// Result of a load test with so many clients and look-ups each.
fn load(daemon: &persondb_tests::Daemon, clients: &str, lookups: &str) -> Value {
    let mut load =
        daemon.persondb(["load", "--json", "--via", "map", "--clients", clients, "--lookups", lookups]);
    Output::of(&mut load).ended_with(0).json().remove(0)
}

fn processes(result: &Value) -> Vec<&Value> {
    result["processes"].as_array().unwrap().iter().collect()
}

#[test]
fn eight_processes_share_one_copy_and_their_own_memory_does_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.csv");
    let mut command = Programs::get().persondb();
    Output::of(command.args(["generate", "--people", "300000", "-o"]).arg(&people)).ended_with(0);
    let daemon = Setup::new(&people).start();
    let segment = daemon.status()["segment_bytes"].as_u64().unwrap();
    for clients in ["1", "8"] {
        let result = load(&daemon, clients, "1000000");
        assert_eq!(processes(&result).len().to_string(), clients);
        let sum = result["segment_pss_sum_bytes"].as_u64().unwrap();
        assert!(sum * 100 <= segment * 101, "{sum} bytes of a segment of {segment}: {result}");
        for process in processes(&result) {
            let other = |when: &str| process[when]["other_pss_bytes"].as_u64().unwrap();
            assert!(other("after") <= OTHER_MAX, "{process}");
            assert!(other("after").abs_diff(other("after_100k")) <= MIB / 4, "{process}");
        }
    }
}
