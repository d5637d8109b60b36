//! 100,000 people with everything that can stand in a CSV: each is found by each key with each column as
//! given, through the mapping and through the socket; look-alikes are absent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use persondb_client::{Client, DatasetName, Lookup, PersonRef, Via};
use persondb_tests::{Daemon, Output, Programs, Setup, Table, read_table};

const PEOPLE: &str = "100000";
/// Every so many-th person is also asked for over the socket, where a question costs a round trip.
const SOCKET_STEP: usize = 10;

struct Dataset {
    folder: tempfile::TempDir,
    table: Table,
    absent: Vec<String>,
}

fn dataset() -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut generate = Programs::get().persondb();
    generate.args(["generate", "--hard", "--people", PEOPLE, "--absent-count", PEOPLE, "-o"]);
    generate.arg(path("people.csv")).arg("--absent").arg(path("absent.txt"));
    Output::of(&mut generate).ended_with(0);
    let table = read_table(&path("people.csv"));
    let absent = std::fs::read_to_string(path("absent.txt")).unwrap().lines().map(str::to_owned).collect();
    Dataset { folder, table, absent }
}

fn client(daemon: &Daemon, via: Via) -> Client {
    let name = DatasetName::new(daemon.name()).unwrap();
    Client::builder().name(name).socket(daemon.socket()).via(via).open().unwrap()
}

/// Whether this is the person of that row: every column, by its header, byte for byte.
fn is_row(person: &PersonRef<'_>, row: &BTreeMap<String, String>) -> bool {
    let columns: Result<BTreeMap<_, _>, _> =
        person.columns().map(|column| column.map(|(h, v)| (h.into_owned(), v.into_owned()))).collect();
    columns.unwrap() == *row
}

fn finds(lookup: &Lookup<'_>, row: &BTreeMap<String, String>) -> bool {
    match lookup {
        Lookup::Found(people) => people.iter().any(|person| is_row(&person, row)),
        Lookup::Absent(_) => false,
        Lookup::Unavailable(why) => panic!("unavailable: {why}"),
    }
}

/// The mail addresses in a field with several, read without the program's own code: pieces between
/// semicolons, bars, commas and line breaks, wrappings off, other types (`SIP:` …) left out.
fn aliases(field: &str) -> Vec<String> {
    let pieces = field.split([';', '|', ',', '\n', '\r']).map(str::trim).filter(|piece| !piece.is_empty());
    let mail = pieces.filter_map(|piece| match piece.split_once(':') {
        Some((kind, address)) if kind.eq_ignore_ascii_case("smtp") => Some(address),
        Some(_) => None,
        None => Some(piece),
    });
    mail.map(|address| address.trim_matches(['<', '>', '{', '}', ' ']).to_owned()).collect()
}

fn check(client: &Client, data: &Dataset, step: usize) {
    for row in data.table.rows.iter().step_by(step) {
        let pin = client.pin().unwrap();
        let (tenant, email) = (&row["tenant_id"], row["email"].trim());
        assert!(finds(&pin.get(email), row), "address {email:?}");
        assert!(finds(&pin.get_in(tenant, email), row), "address {email:?} in {tenant}");
        for alias in aliases(&row["aliases"]) {
            assert!(finds(&pin.get(&alias), row), "alias {alias:?} of {email:?}");
        }
        let id = row["person_id"].trim();
        let id = if id.is_empty() { email } else { id };
        assert!(finds(&pin.person_in(tenant, id), row), "identifier {id:?} of {email:?}");
        assert!(finds(&pin.person(id), row), "identifier {id:?} everywhere");
        for name in [row["display_name"].clone(), format!("{} {}", row["given_name"], row["family_name"])] {
            let complete = !row["given_name"].trim().is_empty() && !row["family_name"].trim().is_empty();
            let has_letters = name.chars().any(char::is_alphanumeric);
            if has_letters && (name == row["display_name"] || complete) {
                assert!(finds(&pin.by_name(tenant, &name, 1000), row), "name {name:?} of {email:?}");
            }
        }
        assert!(pin.get_in("nobody's tenant", email).is_absent());
    }
    for address in data.absent.iter().step_by(step) {
        assert!(client.pin().unwrap().get(address).is_absent(), "{address}");
    }
}

#[test]
fn every_person_is_found_by_every_key_and_look_alikes_are_absent() {
    let data = dataset();
    assert_eq!((data.table.rows.len(), data.absent.len()), (100_000, 100_000));
    let daemon = Setup::new(&data.folder.path().join("people.csv")).start();
    let mapped = client(&daemon, Via::Map);
    check(&mapped, &data, 1);
    let asking = client(&daemon, Via::Socket);
    check(&asking, &data, SOCKET_STEP);
    let counters = mapped.counters();
    assert_eq!(counters.unavailable_sum(), 0);
    assert!(counters.found >= 400_000 && counters.absent >= 200_000, "{counters:?}");
    the_command_line_says_the_same_both_ways(&daemon, &data);
}

fn the_command_line_says_the_same_both_ways(daemon: &Daemon, data: &Dataset) {
    let emails =
        data.table.rows.iter().step_by(199).map(|row| row["email"].trim()).filter(|e| !e.contains('\n'));
    let asked: Vec<&str> = emails.chain(data.absent.iter().step_by(997).map(String::as_str)).collect();
    let answers = |via| {
        let mut command = daemon.persondb(["get", "--json", "--via", via]);
        Output::of(command.args(&asked)).ended_with(1).out
    };
    let (map, socket) = (answers("map"), answers("socket"));
    assert_eq!(map.lines().count(), asked.len());
    assert_eq!(map, socket);
}
