//! Values that the codecs of columns nearly, or not at all, fit: strategies for whole datasets.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::drafts::{Draft, draft};
use crate::world::{Alias, File, World};

/// Columns that a file may have or not, beside tenant and address; `x1` to `x4` have no meaning.
const OPTIONAL: [&str; 13] = [
    "person_id",
    "aliases",
    "display_name",
    "given_name",
    "family_name",
    "middle_name",
    "preferred_name",
    "personal_emails",
    "manager_email",
    "x1",
    "x2",
    "x3",
    "x4",
];

/// What stands before a number, or before what only looks like one.
const PREFIXES: [&str; 6] = ["+", "-", "ACME-HR-00", "TOO-LONG-A-PREFIX-", "é", "1-"];

/// Any text that a CSV can hold.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,30}",
        "\\PC{0,20}",
        "[\r\n\t ,;\"'{}|\u{a0}\u{feff}\u{202e}\u{1}]{0,6}",
        "[а-яА-Я李小龍前田مرحبا한국어ßŁøé🎉👩\u{200d}👩\u{301}]{0,12}",
    ]
}

/// Numbers, and what is almost one.
fn almost_number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u64..99_999).prop_map(|n| n.to_string()),
        2 => (0_u64..9_999).prop_map(|n| format!("{n:06}")),
        2 => (0_u64..9_999).prop_map(|n| format!("E{n:05}")),
        1 => any::<u64>().prop_map(|n| n.to_string()),
        1 => any::<u128>().prop_map(|n| n.to_string()),
        2 => (0_u64..99, select(PREFIXES.to_vec())).prop_map(|(n, prefix)| format!("{prefix}{n}")),
        1 => (0_u64..99).prop_map(|n| format!("{n} ")),
        1 => select(vec!["0", "00", "000", "", "1e3", "1.5", "٣٤", "18446744073709551615", "18446744073709551616",
            "9999999999999999999", "10000000000000000000", "09999999999999999999", "E", "E ", "１２"])
            .prop_map(str::to_owned),
    ]
}

/// Times, and what is almost one.
fn almost_time() -> impl Strategy<Value = String> {
    let day = (1900_u32..2100, 1_u32..14, 1_u32..33);
    let time = (0_u32..25, 0_u32..61, 0_u32..62);
    let end = select(vec!["Z", "", "z", "+00:00", "+0200", ".5Z", ".123Z", ".000000Z", " "]);
    prop_oneof![
        4 => (day.clone(), time.clone(), Just("Z")),
        2 => (day.clone(), time.clone(), end),
    ]
    .prop_flat_map(|((year, month, day), (hour, minute, second), end)| {
        let date = format!("{year:04}-{month:02}-{day:02}");
        let full = format!("{date}T{hour:02}:{minute:02}:{second:02}{end}");
        let blank = full.replacen('T', " ", 1);
        let odd = format!("{year}-{month}-{day}");
        prop_oneof![6 => Just(full), 1 => Just(date), 1 => Just(blank), 1 => Just(odd), 1 => Just("0000-00-00".into())]
    })
}

/// UUIDs in both cases and in neither.
fn almost_uuid() -> impl Strategy<Value = String> {
    (any::<u128>(), 0_u8..8).prop_map(|(number, form)| {
        let hex = format!("{number:032x}");
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        match form {
            0 => hex,
            1 => parts.to_uppercase(),
            2 => format!("{}{}", parts[..10].to_uppercase(), &parts[10..]),
            3 => format!("{{{parts}}}"),
            4 => parts.replacen(|c: char| c.is_ascii_hexdigit(), "g", 1),
            _ => parts,
        }
    })
}

/// Few different texts, some with something behind them.
fn words() -> impl Strategy<Value = String> {
    let behind = prop_oneof![3 => Just(String::new()), 2 => "[ -][A-Za-zé0-9 ]{0,9}", 1 => "[a-zé]{0,3}"];
    let word =
        select(vec!["Human Resources", "Junior Buyer", "Junior", "Ventes à l'étranger", "人事部", "", " "]);
    (word, behind).prop_map(|(word, behind)| format!("{word}{behind}"))
}

/// A column without a meaning: each has values of one kind, more or less.
fn column(count: usize) -> BoxedStrategy<Vec<String>> {
    let of = |value: BoxedStrategy<String>| {
        let value = prop_oneof![12 => value, 1 => any_text()];
        prop::collection::vec(value, count).boxed()
    };
    prop_oneof![
        Just(vec![String::new(); count]),
        any_text().prop_map(move |text| vec![text; count]),
        "[a-z]{0,4}".prop_map(move |text| (0..count).map(|i| format!("{text}{i}")).collect()),
        of(any_text().boxed()),
        of(almost_number().boxed()),
        of(almost_time().boxed()),
        of(almost_uuid().boxed()),
        of(words().boxed()),
        // Enough text for a codec of its own.
        of("([a-f ]{500,3000}|[ -~]{200,900}|[ъэ李\u{10ffff}]{1,40})".boxed()),
        of(prop_oneof![30 => any_text(), 1 => Just("ab\u{fffd}é ".repeat(65_535 / 8))].boxed()),
    ]
    .boxed()
}

/// One file: which optional columns, in which order, under which names, and its rows.
fn file() -> impl Strategy<Value = (Vec<&'static str>, Vec<Draft>, Vec<Vec<String>>)> {
    let headers =
        (any::<bool>(), prop::sample::subsequence(OPTIONAL.to_vec(), 0..=OPTIONAL.len()), any::<bool>());
    let headers = headers.prop_map(|(other, mut optional, all)| {
        if all {
            optional = OPTIONAL.to_vec();
        }
        let mut headers = vec!["tenant_id", "email"];
        headers.extend(optional);
        for header in headers.iter_mut().filter(|_| other) {
            *header = match *header {
                "tenant_id" => "Tenant",
                "email" => "E-Mail",
                "given_name" => "First Name",
                "family_name" => "Surname",
                same => same,
            };
        }
        headers
    });
    (headers.prop_shuffle(), 1_usize..90).prop_flat_map(|(headers, count)| {
        let columns = prop::collection::vec(column(count), 4);
        (Just(headers), prop::collection::vec(draft(), count), columns)
    })
}

/// A dataset of one to three files, with an aliases file or without.
pub(crate) fn world() -> impl Strategy<Value = World> {
    let alias = (any::<Index>(), any::<bool>(), 0_u16..40);
    let aliases = prop_oneof![Just(Vec::new()), prop::collection::vec(alias, 1..12)];
    let files = prop_oneof![2 => prop::collection::vec(file(), 1), 1 => prop::collection::vec(file(), 2..4)];
    (files, aliases, 0_u8..3, 0_u8..4, any::<bool>()).prop_map(
        |(files, aliases, tenants, ids, is_ordered)| {
            let everybody: Vec<_> = files.iter().flat_map(|(_, drafts, _)| drafts.iter().cloned()).collect();
            let files = files.into_iter().map(|(headers, mut drafts, columns)| {
                if is_ordered {
                    drafts.sort_by_key(|draft| draft.tenant);
                }
                let row = |(row, draft): (usize, &Draft)| {
                    let value = |header: &&str| {
                        let meant = draft.value(header, (tenants, ids), &everybody);
                        let place = header[1..].parse::<usize>();
                        meant.unwrap_or_else(|| columns[place.unwrap() - 1][row].clone())
                    };
                    headers.iter().map(value).collect()
                };
                File { rows: drafts.iter().enumerate().map(row).collect(), headers }
            });
            let files = files.collect();
            let alias = |(index, by_id, number): (Index, bool, u16)| {
                let owner = index.get(&everybody);
                let id = if by_id { owner.id(ids).trim().to_owned() } else { String::new() };
                let tenant = owner.tenant(tenants).trim().to_owned();
                Alias {
                    tenant,
                    person_id: id,
                    email: owner.email(),
                    address: format!("also.{number}@acme.example"),
                }
            };
            World { files, aliases: aliases.into_iter().map(alias).collect() }
        },
    )
}
