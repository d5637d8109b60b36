//! 100,000 people with everything that can stand in a CSV: each is found by each key with each column as
//! given, through the mapping and through the socket; look-alikes are absent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

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

/// An export as another system would write it: the header of its sample in this repository, and what of a person
/// stands under it.
struct Export {
    sample: &'static str,
    delimiter: u8,
    /// Lines before the header.
    head: &'static str,
    /// Which of a person's addresses stand in it: all, or the primary one and the first alias.
    has_all: bool,
    value: fn(&str, &Person<'_>) -> String,
}

/// A generated person.
struct Person<'r> {
    row: &'r BTreeMap<String, String>,
    aliases: Vec<String>,
}

impl Person<'_> {
    fn is(&self, column: &str) -> String {
        self.row[column].clone()
    }

    fn first_alias(&self) -> String {
        self.aliases.first().cloned().unwrap_or_default()
    }
}

const EXPORTS: [Export; 8] = [
    Export { sample: "google.csv", delimiter: b',', head: "", has_all: true, value: google },
    Export { sample: "google-upload.csv", delimiter: b',', head: "", has_all: true, value: google },
    Export { sample: "entra.csv", delimiter: b',', head: "", has_all: false, value: entra },
    Export { sample: "entra-new.csv", delimiter: b',', head: "", has_all: false, value: entra },
    Export {
        sample: "exchange.csv",
        delimiter: b',',
        head: "#TYPE Mailbox\n",
        has_all: true,
        value: exchange,
    },
    Export { sample: "okta.csv", delimiter: b',', head: "", has_all: false, value: okta },
    Export { sample: "bamboohr.csv", delimiter: b',', head: "", has_all: false, value: bamboohr },
    Export { sample: "ldap.csv", delimiter: b';', head: "", has_all: true, value: ldap },
];

fn google(header: &str, person: &Person<'_>) -> String {
    match header {
        "First Name [Required]" => person.is("given_name"),
        "Last Name [Required]" => person.is("family_name"),
        "Email Address [Required]" => person.is("email"),
        "Work Secondary Email" => person.aliases.join(","),
        "Employee ID" => person.is("person_id"),
        "Status [READ ONLY]" => "Active".into(),
        _ => String::new(),
    }
}

fn entra(header: &str, person: &Person<'_>) -> String {
    match header {
        "userPrincipalName" | "mail" => person.is("email"),
        "displayName" => person.is("display_name"),
        "givenName" => person.is("given_name"),
        "surname" => person.is("family_name"),
        "objectId" | "id" => person.is("person_id"),
        "userType" => "Member".into(),
        "accountEnabled" => "True".into(),
        "alternateEmailAddress" => person.first_alias(),
        _ => String::new(),
    }
}

fn exchange(header: &str, person: &Person<'_>) -> String {
    match header {
        "DisplayName" => person.is("display_name"),
        "PrimarySmtpAddress" => person.is("email"),
        "EmailAddresses" => {
            let others: Vec<_> = person.aliases.iter().map(|alias| format!("smtp:{alias} ")).collect();
            format!("SIP:{0} {1}SMTP:{0}", person.is("email"), others.concat())
        }
        "RecipientTypeDetails" => "UserMailbox".into(),
        "ExternalDirectoryObjectId" => person.is("person_id"),
        "FirstName" => person.is("given_name"),
        "LastName" => person.is("family_name"),
        _ => String::new(),
    }
}

fn okta(header: &str, person: &Person<'_>) -> String {
    match header {
        "login" | "email" => person.is("email"),
        "firstName" => person.is("given_name"),
        "lastName" => person.is("family_name"),
        "displayName" => person.is("display_name"),
        "secondEmail" => person.first_alias(),
        "employeeNumber" => person.is("person_id"),
        "status" => "ACTIVE".into(),
        _ => String::new(),
    }
}

fn bamboohr(header: &str, person: &Person<'_>) -> String {
    match header {
        "Employee #" => person.is("person_id"),
        "Last name, First name" => format!("{}, {}", person.is("family_name"), person.is("given_name")),
        "First Name" => person.is("given_name"),
        "Last Name" => person.is("family_name"),
        "Work Email" => person.is("email"),
        "Home Email" => person.first_alias(),
        "Status" => "Active".into(),
        _ => String::new(),
    }
}

fn ldap(header: &str, person: &Person<'_>) -> String {
    match header {
        "dn" => format!("uid={},ou=people,dc=acme,dc=example", person.is("person_id")),
        "cn" | "displayName" => person.is("display_name"),
        "sn" => person.is("family_name"),
        "givenName" => person.is("given_name"),
        "mail" => person.is("email"),
        "employeeNumber" | "uid" => person.is("person_id"),
        "userAccountControl" => "512".into(),
        "proxyAddresses" => {
            person.aliases.iter().map(|alias| format!("smtp:{alias};")).collect::<Vec<_>>().concat()
        }
        _ => String::new(),
    }
}

/// Writes the people of a file as that export; returns its rows as they stand in it.
fn export(of: &Export, people: &[Person<'_>], path: &Path) -> Vec<BTreeMap<String, String>> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/samples/presets");
    let sample = std::fs::read_to_string(samples.join(of.sample)).unwrap();
    let mark = if sample.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    let plain = sample.trim_start_matches('\u{feff}');
    let plain = if plain.starts_with('#') { plain.split_once('\n').unwrap().1 } else { plain };
    let mut reader = csv::ReaderBuilder::new().delimiter(of.delimiter).from_reader(plain.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(format!("{mark}{}", of.head).as_bytes()).unwrap();
    let mut writer = csv::WriterBuilder::new().delimiter(of.delimiter).from_writer(file);
    writer.write_record(&headers).unwrap();
    let mut rows = Vec::new();
    for person in people {
        let values: Vec<_> = headers.iter().map(|header| (of.value)(header, person)).collect();
        writer.write_record(&values).unwrap();
        rows.push(headers.iter().map(str::to_owned).zip(values).collect());
    }
    writer.flush().unwrap();
    rows
}

/// The same people as eight systems export them: found from the header alone, by every address, identifier and
/// name, with every column as given.
#[test]
fn people_exported_by_other_systems_are_found_by_every_key_too() {
    let folder = tempfile::tempdir().unwrap();
    let generated = folder.path().join("generated.csv");
    let mut generate = Programs::get().persondb();
    Output::of(generate.args(["generate", "--people", "3000", "-o"]).arg(&generated)).ended_with(0);
    let table = read_table(&generated);
    let people: Vec<_> =
        table.rows.iter().map(|row| Person { row, aliases: aliases(&row["aliases"]) }).collect();
    assert!(people.iter().filter(|person| !person.aliases.is_empty()).count() > 300);
    for of in &EXPORTS {
        let path = folder.path().join(of.sample);
        let rows = export(of, &people, &path);
        let daemon = Setup::new(&path).flags(&["--tenant", "acme"]).start();
        let client = client(&daemon, Via::Map);
        let pin = client.pin().unwrap();
        for (person, row) in people.iter().zip(&rows) {
            let (email, id) = (person.is("email"), person.is("person_id"));
            let name = format!("{} {}", person.is("given_name"), person.is("family_name"));
            let told = || format!("{email:?} of {}", of.sample);
            assert!(finds(&pin.get(&email), row), "{}", told());
            assert!(finds(&pin.person_in("acme", &id), row), "identifier {id:?}, {}", told());
            let known = if of.has_all { person.aliases.len() } else { person.aliases.len().min(1) };
            for alias in &person.aliases[..known] {
                assert!(finds(&pin.get(alias), row), "alias {alias:?}, {}", told());
            }
            if !person.is("given_name").is_empty() && !person.is("family_name").is_empty() {
                assert!(finds(&pin.by_name("acme", &name, 1000), row), "name {name:?}, {}", told());
            }
            assert!(pin.get(&format!("nobody.{email}")).is_absent(), "{}", told());
        }
    }
}
