//! Bytes that no builder wrote: errors or other values, never a panic, never without end.
//!
//! Opening does not compare the checksums of contents, so that everything below meets corrupt contents as a
//! reader of a damaged segment would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::OnceLock;

use common::{Random, bytes_of};
use persondb_data::input::InputSpec;
use persondb_data::message::Message;
use persondb_data::segment::{Scope, Segment};
use persondb_protocol::layout::SectionKind;
use persondb_protocol::matching::MatchOptions;

impl Random {
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn text(&mut self, size: usize) -> String {
        (0..size).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap())).collect()
    }
}

/// Whether tenants stand in runs, or are mixed so that rows name them, few or many of them; or stand in runs of the
/// only file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tenants {
    Ordered,
    Mixed,
    Many,
    Alone,
}

impl Tenants {
    /// So many are mixed.
    fn mixed(self) -> Option<u64> {
        match self {
            Self::Mixed => Some(3),
            Self::Many => Some(23),
            Self::Ordered | Self::Alone => None,
        }
    }
}

/// 300 people whose columns are stored in every way there is, two schemas, aliases from elsewhere.
fn segment(tenants: Tenants) -> Vec<u8> {
    let mut random = Random(7);
    let header = "tenant_id,person_id,email,aliases,display_name,given_name,family_name,manager_email,title,guid,\
                  updated_at,notes,nothing\n";
    let mut csv = header.to_owned();
    for (i, at) in (0..300_u64).zip(0_usize..) {
        let tenant = tenants.mixed().map_or(i / 100, |count| i % count);
        let (given, family) = (["Jane", "Jürgen", "Anne-Marie"][at % 3], format!("Roe{i}"));
        let title = ["Junior Buyer", "Human Resources"][at % 2];
        let title = if i % 3 == 0 {
            format!("{title} - desk {i} at the far end of the hall")
        } else {
            title.to_owned()
        };
        let local = if i % 20 == 0 { random.text(9) } else { format!("roe{i}") };
        let domain = match i {
            107 | 157 => "pair.example".to_owned(),
            _ if i % 50 == 6 => format!("only{i}.example"),
            _ => format!("acme{tenant}.example"),
        };
        let display = if i % 20 == 1 { random.text(12) } else { format!("{family}, {given}") };
        let id = if i % 20 == 2 { format!("odd {}", random.text(7)) } else { format!("{}", 40_000 + i) };
        let manager = if i % 20 == 3 {
            "nobody@x.example".to_owned()
        } else {
            // Hardly anybody reports to the head of the tenant where links are ranks.
            let head = tenant_head(tenants, tenant);
            let manager = if tenants == Tenants::Alone { head.max(i.saturating_sub(1)) } else { head };
            format!("roe{manager}@acme{tenant}.example")
        };
        let notes = random.text(if i % 9 == 0 { 400 } else { 150 });
        let guid = format!("{:08x}-0000-4000-8000-{:012x}", random.next() >> 32, random.next() >> 16);
        let aliases = ["", "roe@mail.example", "roe@mail.example;x@mail.example;nothing at all"][at % 3]
            .replace("roe", &format!("roe{i}"));
        writeln!(
            csv,
            "t{tenant},{id},{local}@{domain},{aliases},\"{display}\",{given},{family},{manager},{title},{guid},2024-01-{:02}T00:00:00Z,{notes},",
            i % 28 + 1
        )
        .unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| common::write(dir.path(), name, text);
    let spec = InputSpec {
        people: vec![
            write("a.csv", &csv),
            write(
                "b.csv",
                "tenant_id,person_id,email,desk\nt0,40003,again@acme0.example,7\nt2,9,new@acme2.example,8\n",
            ),
        ],
        aliases: Some(write(
            "aliases.csv",
            "tenant_id,email,address\nt0,roe1@acme0.example,also@acme0.example\n",
        )),
        domains: Some(write(
            "domains.csv",
            "tenant_id,domain,kind,subaddress,dots_ignored\nt0,acme0.example,owned,+,true\n",
        )),
        ..InputSpec::default()
    };
    let alone = InputSpec { people: spec.people[..1].to_vec(), ..InputSpec::default() };
    let spec = if tenants == Tenants::Alone { alone } else { spec };
    bytes_of(&spec).0
}

/// Somebody of a tenant whose address is a template.
fn tenant_head(tenants: Tenants, tenant: u64) -> u64 {
    tenants.mixed().map_or(tenant * 100 + 4, |count| tenant + count)
}

/// All of them, built once.
fn segments() -> &'static [Vec<u8>; 4] {
    static SEGMENTS: OnceLock<[Vec<u8>; 4]> = OnceLock::new();
    SEGMENTS.get_or_init(|| [Tenants::Ordered, Tenants::Mixed, Tenants::Many, Tenants::Alone].map(segment))
}

/// Asks everything that a segment can be asked; the answers do not matter. Values may be long, not endless.
fn exercise(segment: &Segment<Vec<u8>>) {
    let mut scratch = Vec::new();
    let mut text = String::new();
    let limit = 64 * segment.bytes().len();
    let mut size = 0;
    for person in segment.people() {
        let Ok(person) = person else { continue };
        size += person.columns().map(|column| column.map_or(0, |(_, value)| value.len())).sum::<usize>();
        let _ = person.for_each_column(&mut scratch, |_, value| size += value.len());
        let _ = (person.person_id(), person.tenant_id(), person.display_name(), person.kind(), person.vip());
        let _ = (person.read_email(&mut text), person.for_each_address(|_, _| Ok(())));
    }
    assert!(size < limit, "{size} bytes of values from a segment of {}", segment.bytes().len());
    let addresses = [
        "roe4@acme0.example",
        "roe7@mail.example",
        "also@acme0.example",
        "r.oe5+x@acme0.example",
        "absent@acme1.example",
    ];
    for address in addresses {
        let _ = segment.get(address, Scope::Everywhere).map(|hits| hits.len());
        let _ = segment.get(address, Scope::Tenant("t0")).map(|hits| hits.len());
    }
    segment.get_many(&addresses, Scope::Everywhere, |_, hits| {
        for hit in hits.iter().flatten() {
            let _ = (hit.person.read_email(&mut text), hit.person.read_display_name(&mut text));
        }
    });
    let message = Message {
        from: Some("Roe4 Jürgen <stranger@nowhere.example>".into()),
        recipients: addresses.iter().copied().map(Into::into).collect(),
        ..Message::default()
    };
    let _ = segment.match_message(&message, &MatchOptions::default());
    let _ = segment.person("40007", Scope::Everywhere).map(|hits| hits.len());
    let _ = segment.by_name("t0", "Roe4 Jürgen", 10).map(|hits| hits.len());
    let _ = segment.by_name("t1", "Jane Roe102", 10).map(|hits| hits.len());
    // Said, seen by several, by one, by nobody.
    for domain in ["acme0.example", "acme1.example", "only6.example", "x.example"] {
        let _ = segment.domain(domain).map(|facts| facts.len());
    }
    let _ = segment.tenants().filter_map(Result::ok).count();
    let _ = segment.stored_columns();
}

fn sections(bytes: &[u8]) -> Vec<(SectionKind, Range<usize>)> {
    let segment = Segment::open(bytes).unwrap();
    let range = |at: u64, size: u64| usize::try_from(at).unwrap()..usize::try_from(at + size).unwrap();
    let entries = segment.sections().iter();
    entries
        .map(|e| (SectionKind::from_number(e.kind.get()).unwrap(), range(e.offset.get(), e.size.get())))
        .collect()
}

#[test]
fn sections_that_say_the_greatest_numbers_are_errors_or_other_values() {
    for bytes in segments() {
        for (kind, range) in sections(bytes) {
            let mut greatest = bytes.clone();
            greatest[range.clone()].fill(u8::MAX);
            if let Ok(segment) = Segment::open(greatest) {
                exercise(&segment);
            }
            if kind == SectionKind::TailOffsets {
                // Each line says where its first tail begins, then sizes.
                let mut far = bytes.clone();
                let start = (u64::MAX << 13).to_le_bytes();
                for line in far[range].chunks_mut(64) {
                    line.fill(0);
                    line[..8].copy_from_slice(&start);
                }
                exercise(&Segment::open(far).unwrap());
            }
        }
    }
}

#[test]
fn the_segments_here_have_every_kind_of_section_and_store() {
    for bytes in segments() {
        let segment = Segment::open(bytes).unwrap();
        let kinds: Vec<_> = sections(bytes).into_iter().map(|(kind, _)| kind).collect();
        for kind in SectionKind::ALL {
            assert!(kinds.contains(&kind), "no section {}", kind.name());
        }
        let columns = segment.stored_columns();
        let described: Vec<_> =
            columns.iter().map(|c| format!("{:?} {} {} {}", c.header, c.store, c.text, c.detail)).collect();
        // Only in the last one nobody can have addresses from elsewhere.
        let is_alone = segment.stored_row().head_bits == 0;
        assert_eq!(columns.iter().any(|column| column.store == "empty"), is_alone, "{described:#?}");
        for store in ["dictionary", "number", "template", "address", "addresses", "link"] {
            assert!(columns.iter().any(|column| column.store == store), "no {store} in {described:#?}");
        }
        for particular in ["text may follow", "uuid", "time", "huffman"] {
            assert!(
                described.iter().any(|column| column.contains(particular)),
                "no {particular} in {described:#?}"
            );
        }
        assert!(
            columns.iter().any(|column| column.store == "dictionary" && !column.detail.contains("follow"))
        );
        for store in ["address", "number", "link"] {
            assert!(
                columns.iter().any(|column| column.store == store && column.exceptions > 0),
                "{described:#?}"
            );
        }
    }
    let head_bits = segments().each_ref().map(|bytes| Segment::open(bytes).unwrap().stored_row().head_bits);
    assert_eq!(head_bits, [2, 4, 6, 0], "three schemas and three mixed tenants, two and 23");
    for (bytes, is_packed) in segments().iter().zip([false, false, true, false]) {
        let (_, runs) = sections(bytes).into_iter().find(|(kind, _)| *kind == SectionKind::Runs).unwrap();
        assert_eq!(bytes[runs.start + 8] == 1, is_packed, "form of the runs");
    }
    for (bytes, are_ranks) in segments().iter().zip([false, false, false, true]) {
        let columns = Segment::open(bytes).unwrap().stored_columns();
        assert!(
            columns
                .iter()
                .any(|column| column.store == "link" && column.detail.contains("rank") == are_ranks)
        );
    }
    let texts = segments().iter().flat_map(|bytes| Segment::open(bytes).unwrap().stored_columns());
    assert!(texts.filter(|column| column.store == "text").count() > 0);
}

#[test]
fn corrupt_contents_of_every_section_are_errors_or_other_values() {
    let mut random = Random(11);
    let mut noticed = 0;
    for bytes in segments() {
        for (kind, range) in sections(bytes) {
            // Metadata has a test of its own: hardly any change to JSON leaves JSON.
            let rounds = if range.is_empty() || kind == SectionKind::Meta { 0 } else { 60 };
            for round in 0..rounds {
                let mut corrupt = bytes.clone();
                for _ in 0..=random.below(3) {
                    let at = range.start + random.below(range.len());
                    let field = at..range.end.min(at + [1, 4, 8, 64][random.below(4)]);
                    match round % 5 {
                        0 => corrupt[at] ^= 1 << random.below(8),
                        1 => corrupt[field].fill(0xff),
                        2 => corrupt[field].fill(0),
                        3 => corrupt[field].fill_with(|| random.next().to_le_bytes()[0]),
                        _ => {
                            let from = range.start + random.below(range.len() - field.len() + 1);
                            corrupt.copy_within(from..from + field.len(), field.start);
                        }
                    }
                }
                match Segment::open(corrupt) {
                    Ok(segment) => exercise(&segment),
                    Err(_) => noticed += 1,
                }
            }
        }
    }
    assert!(noticed > 50, "only {noticed} were noticed at opening");
}

/// The segment with other metadata, which has to be no longer than what it had.
fn with_meta(bytes: &[u8], edit: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let (_, range) = sections(bytes).into_iter().find(|(kind, _)| *kind == SectionKind::Meta).unwrap();
    let mut meta = serde_json::from_slice(&bytes[range.clone()]).unwrap();
    edit(&mut meta);
    let mut json = serde_json::to_vec(&meta).unwrap();
    assert!(json.len() <= range.len(), "{} bytes of metadata where there were {}", json.len(), range.len());
    json.resize(range.len(), b' ');
    let mut edited = bytes.to_vec();
    edited[range].copy_from_slice(&json);
    edited
}

/// A change to metadata.
type Edit = fn(&mut serde_json::Value);

/// The column at a place of the first schema.
fn column(meta: &mut serde_json::Value, place: u64) -> &mut serde_json::Value {
    let columns = meta["layout"]["schemas"][0].as_array_mut().unwrap();
    columns.iter_mut().find(|column| column["place"] == place).unwrap()
}

#[test]
fn metadata_that_contradicts_itself_is_refused() {
    let bytes = &segments()[0];
    exercise(&Segment::open(with_meta(bytes, |_| {})).unwrap());
    let edits: [(&str, Edit); 18] = [
        ("57 bits", |meta| column(meta, 1)["code"]["width"] = 57.into()),
        ("a field beyond the row", |meta| column(meta, 1)["code"]["at"] = 100_000.into()),
        ("a field that wraps around", |meta| column(meta, 1)["code"]["at"] = u32::MAX.into()),
        ("a schema beyond the row", |meta| meta["layout"]["schema"]["at"] = 100_000.into()),
        ("a run beyond the row", |meta| {
            meta["layout"]["run"] = serde_json::json!({"at": 100_000, "width": 9});
        }),
        ("a place twice", |meta| column(meta, 1)["place"] = 2.into()),
        ("a place beyond the headers", |meta| column(meta, 1)["place"] = 99.into()),
        ("a schema too many", |meta| {
            meta["layout"]["schemas"].as_array_mut().unwrap().push(serde_json::json!([]));
        }),
        ("a column less", |meta| drop(meta["layout"]["schemas"][0].as_array_mut().unwrap().pop())),
        ("rows of another size", |meta| meta["layout"]["row_size"] = 1_000.into()),
        ("names that are templates", |meta| {
            column(meta, 5)["store"] = serde_json::json!({"template": {"templates": ["{given}"]}});
        }),
        ("names that end the tail", |meta| {
            column(meta, 5)["store"] = serde_json::json!({"text": {"to_end": true}});
        }),
        ("names that are links", |meta| column(meta, 6)["store"] = "link".into()),
        ("an address that is a link", |meta| column(meta, 2)["store"] = "link".into()),
        ("a dictionary that is not there", |meta| {
            column(meta, 5)["store"]["dictionary"]["dictionary"] = 77.into();
        }),
        ("a text table that is not there", |meta| column(meta, 11)["text"] = 77.into()),
        ("more bits of domain than bits", |meta| {
            column(meta, 2)["store"]["address"]["domain_width"] = 57.into();
        }),
        ("a template that is none", |meta| {
            column(meta, 4)["store"] = serde_json::json!({"template": {"templates": ["{given"]}});
        }),
    ];
    for (what, edit) in edits {
        assert!(Segment::open(with_meta(bytes, edit)).is_err(), "opened with {what}");
    }
}

#[test]
fn metadata_that_misleads_gives_errors_or_other_values() {
    let edits: [(&str, Edit); 9] = [
        ("overlapping fields", |meta| {
            for column in meta["layout"]["schemas"][0].as_array_mut().unwrap() {
                column["code"]["at"] = 0.into();
            }
        }),
        ("every field 56 bits", |meta| {
            for column in meta["layout"]["schemas"][0].as_array_mut().unwrap() {
                column["code"] = serde_json::json!({"at": 0, "width": 56});
            }
        }),
        ("no bits at all", |meta| {
            for column in meta["layout"]["schemas"][0].as_array_mut().unwrap() {
                column["code"] = serde_json::json!({"at": 0, "width": 0});
            }
        }),
        ("everything a link", |meta| {
            for place in [0, 1, 4, 8, 9, 10] {
                column(meta, place)["store"] = "link".into();
            }
        }),
        ("everything a list", |meta| {
            for place in [0, 1, 2, 8, 9] {
                column(meta, place)["store"] =
                    serde_json::json!({"addresses": {"templates": ["{given}"], "separator": ""}});
            }
        }),
        ("everything to the end of the tail", |meta| {
            for place in [0, 1, 2, 3, 4, 7, 8, 9, 10] {
                column(meta, place)["store"] = serde_json::json!({"text": {"to_end": true}});
            }
        }),
        ("templates without an end", |meta| {
            column(meta, 4)["store"] =
                serde_json::json!({"template": {"templates": ["{text}{text}{digits:9}"]}});
        }),
        ("columns that mean each other", |meta| {
            for (_, places) in meta["schemas"][0]["columns"].as_object_mut().unwrap() {
                *places = serde_json::json!([3, 0, 65_535]);
            }
        }),
        ("texts of another table", |meta| {
            let table = column(meta, 11)["text"].clone();
            for place in [3, 4, 7, 8] {
                column(meta, place)["text"] = table.clone();
            }
        }),
    ];
    let mut opened = 0;
    for bytes in segments() {
        for (_, edit) in edits {
            if let Ok(segment) = Segment::open(with_meta(bytes, edit)) {
                exercise(&segment);
                opened += 1;
            }
        }
    }
    assert!(opened >= 8, "{opened} opened");
}

#[test]
fn a_domain_that_leads_to_nobody_is_an_error_and_one_that_leads_to_others_is_unknown() {
    let bytes = &segments()[0];
    let domain_sections = sections(bytes).into_iter().filter(|(kind, _)| *kind == SectionKind::Domains);
    let (_, seen) = domain_sections.max_by_key(|(_, range)| range.start).unwrap();
    assert_eq!(seen.len() % 8, 0);
    let with_ordinal = |ordinal: u32| {
        let mut corrupt = bytes.clone();
        for line in corrupt[seen.clone()].chunks_exact_mut(8) {
            line[..4].copy_from_slice(&ordinal.to_le_bytes());
        }
        Segment::open(corrupt).unwrap()
    };
    let whole = Segment::open(&bytes[..]).unwrap();
    assert_eq!(whole.domain("pair.example").unwrap()[0].people, 2, "few enough to be told by a person");
    for ordinal in [whole.people_count(), u32::MAX] {
        assert!(with_ordinal(ordinal).domain("pair.example").is_err(), "{ordinal}");
    }
    // Person 6 is the only one of their domain, which needs no line.
    let misled = with_ordinal(6);
    assert_eq!(misled.domain("pair.example").unwrap(), []);
    assert_eq!(misled.domain("only6.example").unwrap(), whole.domain("only6.example").unwrap());
}

/// A name that says it is letters alone, and of which templates take the first, is not told by that byte.
#[test]
fn a_name_with_a_false_mark_finds_nobody_by_an_address_that_is_not_theirs() {
    let given = ["Axy", "Bxy", "Cxy", "Dxy"];
    let family = |i: usize| format!("Roe{}", char::from(b'a' + u8::try_from(i % 25).unwrap()));
    let mut csv = "tenant_id,person_id,email,given_name,family_name\n".to_owned();
    for i in 0..100 {
        let (given, family) = (given[i / 25], family(i));
        let local = format!("{}.{family}", &given[..1]).to_lowercase();
        writeln!(csv, "acme,{i},{local}@acme.example,{given},{family}").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let people = vec![common::write(dir.path(), "people.csv", &csv)];
    let (bytes, _) = bytes_of(&InputSpec { people, ..InputSpec::default() });
    let slot = [128 | 3, b'A', b'x', b'y', 0];
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&slot)).collect();
    let [place] = places[..] else { panic!("{} slots of the name", places.len()) };
    let mut corrupt = bytes.clone();
    corrupt[place + 2..place + 4].copy_from_slice("ä".as_bytes());
    let mut found = Vec::new();
    for bytes in [bytes, corrupt] {
        let segment = Segment::open(bytes).unwrap();
        let mut count = 0;
        for i in 0..25 {
            let address = format!("a.{}@acme.example", family(i).to_lowercase());
            let Ok(hits) = segment.get(&address, Scope::Everywhere) else { continue };
            // What that look-up compared is no longer kept.
            assert_eq!(segment.get("b.roea@acme.example", Scope::Everywhere).unwrap().len(), 1);
            for hit in &hits {
                assert_eq!(hit.person.email().unwrap(), address);
                count += 1;
            }
        }
        found.push(count);
    }
    assert_eq!(found, [25, 0]);
}
