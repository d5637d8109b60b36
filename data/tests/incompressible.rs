//! Data without any pattern: a segment takes at most twelve bytes a person more than its CSV.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use common::{Random, bytes_of};
use persondb_data::input::InputSpec;
use persondb_data::segment::Segment;

const PEOPLE: u64 = 20_000;
/// What indexes, offsets and codes may cost beyond what text compresses by.
const MORE_BYTES_A_PERSON: i64 = 12;

impl Random {
    fn text(&mut self, letters: &[u8], from: u64, to: u64) -> String {
        let size = from + self.next() % (to - from + 1);
        (0..size)
            .map(|_| char::from(letters[usize::try_from(self.next() % letters.len() as u64).unwrap()]))
            .collect()
    }

    fn address(&mut self) -> String {
        format!("{}@d{}.example", self.text(LOWER, 8, 16), self.next() % 5)
    }
}

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whether people have further addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Further {
    None,
    Many,
}

/// What is built of a CSV: bytes that each person takes in the segment beyond those in the CSV.
fn more_bytes_a_person(csv: &str) -> i64 {
    let dir = tempfile::tempdir().unwrap();
    let people = vec![common::write(dir.path(), "people.csv", csv)];
    let (bytes, _) = bytes_of(&InputSpec { people, ..InputSpec::default() });
    assert_eq!(u64::from(Segment::open(&bytes[..]).unwrap().people_count()), PEOPLE);
    (i64::try_from(bytes.len()).unwrap() - i64::try_from(csv.len()).unwrap()) / i64::try_from(PEOPLE).unwrap()
}

/// People of ten tenants with five domains, and nine columns of such text.
fn columns(letters: &[u8], (from, to): (u64, u64), further: Further) -> String {
    let mut random = Random(5);
    let columns = "tenant_id,person_id,email,manager_email,display_name,given_name,family_name,title,department,location,x,y,z";
    let more = if further == Further::Many { ",aliases,personal_emails" } else { "" };
    let mut csv = format!("{columns}{more}\n");
    for i in 0..PEOPLE {
        write!(csv, "t{},{},{},{}", i / 2_000, random.text(LOWER, 8, 20), random.address(), random.address())
            .unwrap();
        for _ in 0..9 {
            let value = random.text(letters, from, to);
            // As an export writes it: in quotes only where that has to be.
            let quote = if value.contains([',', '"', ' ']) { "\"" } else { "" };
            write!(csv, ",{quote}{}{quote}", value.replace('"', "\"\"")).unwrap();
        }
        if further == Further::Many {
            let list: Vec<_> = (0..random.next() % 5).map(|_| random.address()).collect();
            write!(csv, ",{},{}", list.join(";"), random.address()).unwrap();
        }
        csv.push('\n');
    }
    csv
}

/// Nothing but the three columns that everybody has. So many people share a tenant, and so many of those a domain;
/// one of 0 is shared by all.
fn few_columns(of_tenant: u64, of_domain: u64) -> String {
    let mut random = Random(9);
    let (mut tenant, mut domain) = (String::new(), String::new());
    let mut csv = "tenant_id,person_id,email\n".to_owned();
    for i in 0..PEOPLE {
        if i.checked_rem(of_tenant).unwrap_or(i) == 0 {
            tenant = random.text(LOWER, 8, 16);
        }
        if i.checked_rem(of_domain).unwrap_or(i) == 0 {
            domain = format!("{}.{}", random.text(LOWER, 4, 16), random.text(LETTERS, 2, 4));
        }
        let (id, local) = (random.text(LOWER, 8, 20), random.text(LOWER, 4, 16));
        writeln!(csv, "{tenant},{id},{local}@{domain}").unwrap();
    }
    csv
}

#[test]
fn random_columns_take_at_most_twelve_bytes_a_person_more_than_the_csv() {
    let printable: Vec<u8> = (b' '..=b'~').collect();
    let short = (1, 4);
    for (what, letters, sizes, further, usual) in [
        ("letters and digits", LOWER, (8, 20), Further::None, -46),
        ("short letters and digits", LOWER, short, Further::None, -13),
        ("letters and digits, with aliases", LOWER, (8, 20), Further::Many, -72),
        ("base64", BASE64, (16, 40), Further::None, -65),
        ("printable", &printable, (20, 60), Further::None, -74),
        ("short printable", &printable, short, Further::None, -13),
        ("short printable, with aliases", &printable, short, Further::Many, -39),
    ] {
        let more = more_bytes_a_person(&columns(letters, sizes, further));
        assert!(more <= MORE_BYTES_A_PERSON, "{what}: {more} bytes a person more than the CSV");
        // Four bytes above what was measured: who makes it worse should know.
        assert!(more <= usual, "{what}: {more} bytes a person more than the CSV");
    }
}

#[test]
fn domains_and_tenants_of_few_people_take_at_most_twelve_bytes_a_person_more_than_the_csv() {
    for (of_tenant, of_domain, usual) in [
        (2_000, 400, -22),
        (2_000, 4, -1),
        (2_000, 2, -6),
        (2_000, 1, -10),
        (20, 20, -17),
        (10, 1, -8),
        (4, 4, 2),
        (2, 2, 8),
        (2, 1, 5),
        (1, 0, -3),
        // Three keys of each domain are kept for those that imitate it.
        (1, 1, 12),
    ] {
        let what = format!("{of_tenant} people a tenant, {of_domain} a domain");
        let more = more_bytes_a_person(&few_columns(of_tenant, of_domain));
        assert!(more <= MORE_BYTES_A_PERSON, "{what}: {more} bytes a person more than the CSV");
        // Four bytes above what was measured, where that is still allowed.
        assert!(more <= usual, "{what}: {more} bytes a person more than the CSV");
    }
}
