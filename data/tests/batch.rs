//! A batch of look-ups answers what each of them would, whatever stood in its place before, and whoever was found reads
//! as given.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use common::{Random, built, spec_of, write};
use persondb_data::segment::{Answers, Hit, Hits, LookupError, Scope, Segment};
use persondb_protocol::answer::Matched;

const PEOPLE: usize = 700;
/// Of 11, 12, 16 and 17 bytes, and of others; not all of them ASCII, and not all with the usual slug.
const NAMES: [&str; 14] = [
    "Jane",
    "Bo",
    "Maximiliano",
    "Christabella",
    "Bartholomew-John",
    "Wolfeschlegelstei",
    "Jürgen",
    "Zoë",
    "D'Arcy",
    "van der Berg",
    "李小龍",
    "Élisabeth-Mariée",
    "O",
    "Þórdís",
];
/// Of 31 and 32 bytes among others.
const DOMAINS: [&str; 4] = [
    "acme.example",
    "mail.acme.example",
    "a-domain-of-31-bytes-ok.example",
    "a-domain-of-32-bytes-too.example",
];

struct Row {
    email: String,
    alias: String,
    display_name: String,
}

fn rows() -> Vec<Row> {
    let mut random = Random(7);
    let mut name = || NAMES[usize::try_from(random.next() % NAMES.len() as u64).unwrap()];
    let lower = |name: &str| {
        let ascii: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        ascii.to_ascii_lowercase()
    };
    let row = |i: usize| {
        let (given, family) = (name(), name());
        let domain = DOMAINS[i % 4];
        let local = match i % 10 {
            0..6 => format!("{}.{}{i}", lower(given), lower(family)),
            6 => format!("u{i:06}"),
            7 => format!("{given}-{i}").chars().filter(char::is_ascii_graphic).collect(),
            // Addresses of 45 to 68 bytes.
            8 => format!("{i:x>width$}", width = 45 + i / 10 % 24 - domain.len() - 1),
            _ => format!("x{i}.nick"),
        };
        let display_name = match i % 7 {
            0 => format!("{family}, {given}"),
            1 => format!("{given} Q{i}. {family}"),
            2 => format!("{given} {family} (Contractor)"),
            3 => String::new(),
            _ => format!("{given} {family}"),
        };
        let alias = match i % 5 {
            0 => format!("alias{i}@acme.example"),
            1 if i < 100 => "team@acme.example".to_owned(),
            2 if i < 13 => "pair@acme.example".to_owned(),
            _ => String::new(),
        };
        (given, family, Row { email: format!("{local}@{domain}"), alias, display_name })
    };
    let rows: Vec<_> = (0..PEOPLE).map(row).collect();
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// The segment of the rows; names are those that made them, or none where the file has no such columns.
fn segment(rows: &[Row], has_names: bool) -> Segment<Vec<u8>> {
    let mut csv = "tenant_id,person_id,email,aliases,display_name".to_owned();
    csv.push_str(if has_names { ",given_name,family_name\n" } else { "\n" });
    let mut random = Random(7);
    let mut name = || NAMES[usize::try_from(random.next() % NAMES.len() as u64).unwrap()];
    for (i, Row { email, alias, display_name }) in rows.iter().enumerate() {
        let tenant = if i < PEOPLE / 2 { "acme" } else { "beta" };
        let (given, family) = (name(), name());
        write!(csv, "{tenant},{i},{email},{alias},\"{display_name}\"").unwrap();
        if has_names {
            write!(csv, ",\"{given}\",\"{family}\"").unwrap();
        }
        csv.push('\n');
    }
    let (dir, mut spec) = spec_of(&csv);
    spec.domains = Some(write(
        dir.path(),
        "domains.csv",
        "tenant_id,domain,kind,subaddress,dots_ignored\nacme,acme.example,owned,+,true\n",
    ));
    let (segment, report) = built(&spec);
    assert_eq!(report.accepted, PEOPLE as u64);
    segment
}

/// Each row by its address, its alias, with a tag, without dots; absent and odd ones between them.
fn questions(rows: &[Row]) -> Vec<String> {
    let mut questions = vec!["team@acme.example".to_owned(), "pair@acme.example".to_owned()];
    for (i, row) in rows.iter().enumerate() {
        let (local, domain) = row.email.split_once('@').unwrap();
        questions.push(row.email.clone());
        questions.push(match i % 9 {
            0 => row.email.to_uppercase(),
            1 => format!("{local}+tag@{domain}"),
            2 => format!("{}@{domain}", local.replace('.', "")),
            3 => format!("<{}>", row.email),
            4 => "no address".to_owned(),
            5 => String::new(),
            6 => format!("\"{local}\"@{domain}"),
            7 => format!("absent{i}@{domain}"),
            _ => format!("{}x", row.email),
        });
        if !row.alias.is_empty() {
            questions.push(row.alias.clone());
        }
    }
    let mut random = Random(11);
    questions.sort_by_cached_key(|_| random.next());
    questions
}

type Told = Result<Vec<(u32, Matched)>, LookupError>;

fn told(hits: &Result<Hits<'_>, LookupError>) -> Told {
    let tell = |hits: &Hits<'_>| hits.iter().map(|hit| (hit.person.ordinal().0, hit.matched)).collect();
    hits.as_ref().map(tell).map_err(Clone::clone)
}

/// What was told in which way, in the order in which it was.
#[derive(Default)]
struct Ways {
    sole: Vec<(usize, Told)>,
    any: Vec<(usize, Told)>,
}

impl<'s> Answers<'s> for Ways {
    fn sole(&mut self, place: usize, hit: Hit<'s>) {
        self.sole.push((place, told(&Ok(Hits::of_one(hit)))));
    }

    fn hits(&mut self, place: usize, hits: Result<Hits<'s>, LookupError>) {
        self.any.push((place, told(&hits)));
    }
}

#[test]
fn whoever_takes_answers_in_two_ways_gets_each_once_and_the_same() {
    let rows = rows();
    let segment = segment(&rows, true);
    let questions = questions(&rows);
    for scope in [Scope::Everywhere, Scope::Tenant("acme")] {
        let expected = questions.iter().map(|question| told(&segment.get(question, scope))).enumerate();
        let mut ways = Ways::default();
        for (place, question) in questions.iter().enumerate() {
            let sole = |hit| (true, told(&Ok(Hits::of_one(hit))));
            let (is_sole, told) = segment.get_as(question, scope, sole, |hits| (false, told(&hits)));
            if is_sole { &mut ways.sole } else { &mut ways.any }.push((place, told));
        }
        let mut many = Ways::default();
        segment.get_many_as(&questions, scope, &mut many);
        for Ways { sole, any } in [ways, many] {
            // Whoever is asked for in one tenant is compared with it.
            assert_eq!(sole.len() > PEOPLE / 2, matches!(scope, Scope::Everywhere));
            assert!(any.len() > PEOPLE / 2);
            assert!(sole.iter().all(|(_, told)| matches!(told.as_deref(), Ok([(_, Matched::Primary)]))));
            let mut all = [sole, any].concat();
            all.sort_by_key(|(place, _)| *place);
            assert!(all.into_iter().eq(expected.clone()));
        }
    }
}

#[test]
fn a_batch_answers_what_each_look_up_answers_and_whoever_is_found_reads_as_given() {
    let rows = rows();
    assert!([47, 48, 49, 63, 64, 65].iter().all(|size| rows.iter().any(|row| row.email.len() == *size)));
    for has_names in [true, false] {
        let segment = segment(&rows, has_names);
        let questions = questions(&rows);
        let (mut email, mut name) = (String::from("of before"), String::from("of before"));
        for scope in [Scope::Everywhere, Scope::Tenant("acme"), Scope::Tenant("nobody")] {
            let mut read = |hits: &Hits<'_>| {
                for hit in hits {
                    let row = &rows[hit.person.ordinal().0 as usize];
                    hit.person.read_email(&mut email).unwrap();
                    hit.person.read_display_name(&mut name).unwrap();
                    assert_eq!((&email, &name), (&row.email, &row.display_name));
                }
            };
            let alone: Vec<Told> = questions
                .iter()
                .map(|question| {
                    let hits = segment.get(question, scope);
                    hits.iter().for_each(&mut read);
                    told(&hits)
                })
                .collect();
            let mut places = Vec::new();
            segment.get_many(&questions, scope, |place, hits| {
                assert_eq!(told(&hits), alone[place], "{} in {scope:?}", questions[place]);
                hits.iter().for_each(&mut read);
                places.push(place);
            });
            assert!(places.into_iter().eq(0..questions.len()));
            let found = |question: &str| {
                let place = questions.iter().position(|known| known == question).unwrap();
                alone[place].as_ref().unwrap().clone()
            };
            if matches!(scope, Scope::Everywhere) {
                for (row, ordinal) in rows.iter().zip(0..) {
                    assert_eq!(found(&row.email), [(ordinal, Matched::Primary)], "{}", row.email);
                }
                assert_eq!((found("team@acme.example").len(), found("pair@acme.example").len()), (20, 3));
                assert_eq!(found("no address"), []);
            }
            if matches!(scope, Scope::Tenant("nobody")) {
                assert!(alone.iter().all(|told| told.as_ref().is_ok_and(Vec::is_empty)));
            }
        }
    }
}
