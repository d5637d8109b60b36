//! Real names, real addresses, Unicode, lists and teams: the maintainers in the package index of a Debian
//! machine, made into a CSV on the spot and compared with an independent reading of it.
//!
//! Nothing of it is kept. Elsewhere the test says that it was skipped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use persondb_client::{Client, DatasetName};
use persondb_tests::{Setup, read_table};

const FEWEST: usize = 50;

/// `Name <address>` of every maintainer that this machine's package lists name.
fn maintainers() -> BTreeSet<(String, String)> {
    let mut text = std::fs::read_to_string("/var/lib/dpkg/status").unwrap_or_default();
    if let Ok(output) = Command::new("apt-cache").arg("dumpavail").output() {
        text.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    let lines = text.lines().filter_map(|line| {
        line.strip_prefix("Maintainer: ").or_else(|| line.strip_prefix("Original-Maintainer: "))
    });
    lines
        .filter_map(|line| {
            let (name, rest) = line.split_once('<')?;
            let address = rest.split_once('>')?.0.trim();
            let name = name.trim().trim_matches('"').to_owned();
            (address.contains('@') && address.is_ascii()).then(|| (name, address.to_owned()))
        })
        .collect()
}

fn write_csv(path: &Path, people: &BTreeSet<(String, String)>, revision: &str) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    writer.write_record(["tenant_id", "email", "display_name", "note"]).unwrap();
    for (name, address) in people {
        writer.write_record(["debian", address, name, revision]).unwrap();
    }
    writer.flush().unwrap();
}

#[test]
fn the_maintainers_of_a_debian_machine_are_found_by_address_and_name_across_a_roll() {
    let people = maintainers();
    if people.len() < FEWEST {
        println!("skipped: no package index with maintainers on this machine ({} found)", people.len());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maintainers.csv");
    write_csv(&path, &people, "first");
    let daemon = Setup::new(&path).start();
    let client = Client::builder()
        .name(DatasetName::new(daemon.name()).unwrap())
        .socket(daemon.socket())
        .open()
        .unwrap();
    for revision in ["first", "second"] {
        if revision == "second" {
            let next = folder.path().join("next.csv");
            write_csv(&next, &people, revision);
            std::fs::rename(&next, &path).unwrap();
            daemon.run(["roll", "--wait", "--timeout", "30"]).ended_with(0);
        }
        let table = read_table(&path);
        // One address with several names is one person to the program: the first name is kept.
        let mut first = BTreeMap::new();
        for row in &table.rows {
            first.entry(row["email"].to_lowercase()).or_insert(row);
        }
        for row in first.values() {
            let pin = client.pin().unwrap();
            let lookup = pin.get(&row["email"]);
            let found = lookup.found().unwrap_or_else(|| panic!("{}: {lookup:?}", row["email"]));
            let columns: BTreeMap<_, _> = found
                .first()
                .columns()
                .map(|column| {
                    column.map(|(header, value)| (header.into_owned(), value.into_owned())).unwrap()
                })
                .collect();
            assert_eq!(&columns, *row);
            if row["display_name"].chars().any(char::is_alphanumeric) {
                let named = pin.by_name("debian", &row["display_name"], 1000);
                let emails: Vec<_> =
                    named.found().unwrap().iter().map(|p| p.email().unwrap().into_owned()).collect();
                assert!(emails.contains(&row["email"]), "{} is not among {emails:?}", row["email"]);
            }
        }
    }
    let (name, address) = people.iter().find(|(name, _)| !name.is_empty()).unwrap();
    let got = daemon.run(["get", "--json", address]).ended_with(0).json().remove(0);
    assert_eq!(got["people"][0]["columns"]["note"], "second");
    let named = daemon.run(["name", "--json", "--tenant", "debian", name]).ended_with(0).json().remove(0);
    assert_eq!(named["answer"], "found");
}
