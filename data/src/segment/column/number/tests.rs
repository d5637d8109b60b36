//! Tests of the whole codec.

use proptest::prelude::*;

use super::*;

/// Values that are nearly regular, or are not.
const ADVERSARIAL: [&str; 40] = [
    "",
    " ",
    "0",
    "00",
    "007",
    "7 ",
    " 7",
    "+5",
    "-5",
    "-0",
    "5.0",
    "1e3",
    "18446744073709551615",
    "18446744073709551616",
    "9999999999999999999",
    "99999999999999999999999",
    "E0000870",
    "E000870",
    "E00008700",
    "e0000870",
    "E-000870",
    "EEEEEEEEE1",
    "\u{661}\u{662}",
    "E\u{661}",
    "９",
    "9999-12-31",
    "2023-02-29",
    "2024-02-29",
    "0000-01-01",
    "2024-10-07T23:34:25Z",
    "2024-10-07T23:34:25z",
    "2024-10-07T23:34:60Z",
    "2024-10-07T23:34:25.000Z",
    "2024-10-07t23:34:25Z",
    "6fa459ea-ee8a-3ca4-894e-db77e160355e",
    "6FA459EA-EE8A-3CA4-894E-DB77E160355E",
    "6Fa459ea-ee8a-3ca4-894e-db77e160355e",
    "6fa459eaee8a3ca4894edb77e160355e",
    "6fa459ea-ee8a-3ca4-894e-db77e160355g",
    "12345678901234567890123456789012",
];

fn train(values: &[String]) -> Option<NumberCodec> {
    NumberCodec::train(&values.iter().map(String::as_str).collect::<Vec<_>>())
}

fn parse(json: &str) -> Option<NumberCodec> {
    serde_json::from_str(json).ok()
}

/// The value's code, after it was found to come back; or 0 and no tail.
fn code(codec: &NumberCodec, value: &str) -> u64 {
    let mut tail = vec![7; 3];
    let code = codec.encode(value, &mut tail);
    assert!(code >> codec.width() == 0, "{value} has a code of too many bits");
    assert_eq!(tail.len(), 3 + if codec.has_tail(code) { TAIL_SIZE } else { 0 });
    let mut out = b"before".to_vec();
    if code == 0 {
        assert!(codec.decode(0, &tail, &mut out).is_err());
    } else {
        tail.extend(b"behind");
        codec.decode(code, &tail[3..], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("before{value}"));
    }
    code
}

fn one_of_every_form() -> NumberCodec {
    parse(
        r#"["empty", {"decimal":{"first":0,"last":17179869183}},
            {"decimal":{"prefix":"E","digits":7,"first":0,"last":9999999}},
            {"time":{"first":"0001-01-01","last":"9999-12-31"}},
            {"time":{"first":"2000-01-01T00:00:00Z","last":"2040-12-31T23:59:59Z","step":1}},
            {"time":{"first":"2000-01-01 00:00:00.000+01:00","last":"2040-12-31 00:00:00.000+01:00","step":86400000}},
            {"uuid":{"upper":false}}, {"uuid":{"upper":true}}, {"hex32":{"upper":false}}]"#,
    )
    .unwrap()
}

#[test]
fn adversarial_values_come_back_or_have_no_code() {
    let codec = one_of_every_form();
    let count = |codec: &NumberCodec| ADVERSARIAL.iter().filter(|value| code(codec, value) > 0).count();
    assert_eq!(count(&codec), 10);
    for value in
        ["007", "+5", "2023-02-29", "7 ", "6Fa459ea-ee8a-3ca4-894e-db77e160355e", "E000870", "e0000870"]
    {
        assert_eq!(code(&codec, value), 0, "{value}");
    }
    for value in ["", "0", "E0000870", "9999-12-31", "2024-02-29", "2040-12-31 00:00:00.000+01:00"] {
        assert_ne!(code(&codec, value), 0, "{value}");
    }
    for value in ADVERSARIAL {
        if let Some(codec) = NumberCodec::train(&[value; 50]) {
            assert_ne!(code(&codec, value), 0);
            count(&codec);
        }
    }
}

#[test]
fn the_description_is_short_and_json_keeps_all() {
    let codec = one_of_every_form();
    assert_eq!(
        codec.describe(),
        "empty, decimal 0..=17179869183, E+7 digits 0..=9999999, time 0001-01-01..=9999-12-31, \
         time 2000-01-01T00:00:00Z..=2040-12-31T23:59:59Z, time 2000-01-01 00:00:00.000+01:00..=\
         2040-12-31 00:00:00.000+01:00 by 86400000, uuid, uuid in capitals, hex32"
    );
    let json = serde_json::to_string(&codec).unwrap();
    assert!(
        json.starts_with(r#"["empty",{"decimal":{"first":0,"last":17179869183}},{"decimal":{"prefix":"E","#)
    );
    assert_eq!(parse(&json), Some(codec));
}

#[test]
fn descriptions_that_cannot_be_are_errors() {
    for json in [
        "[]",
        "{}",
        r#"["none"]"#,
        r#"[{"decimal":{"first":1,"last":0}}]"#,
        r#"[{"decimal":{"first":0,"last":18446744073709551615}}]"#,
        r#"[{"decimal":{"first":0,"last":72057594037927935}}]"#,
        r#"["empty",{"decimal":{"first":0,"last":72057594037927934}}]"#,
        r#"[{"decimal":{"digits":0,"first":0,"last":9}}]"#,
        r#"[{"decimal":{"digits":2,"first":0,"last":100}}]"#,
        r#"[{"decimal":{"digits":255,"first":0,"last":100}}]"#,
        r#"[{"decimal":{"prefix":"A1","first":0,"last":9}}]"#,
        r#"[{"decimal":{"prefix":"ABCDEFGHI","first":0,"last":9}}]"#,
        r#"[{"decimal":{"first":0,"last":9,"more":1}}]"#,
        r#"[{"time":{"first":"2023-02-29","last":"2024-02-29","step":1}}]"#,
        r#"[{"time":{"first":"2024-01-01","last":"2024-02-29","step":0}}]"#,
        r#"[{"time":{"first":"2024-01-02","last":"2024-01-01","step":1}}]"#,
        r#"[{"time":{"first":"2024-01-01","last":"2024-02-29T00:00:00Z","step":1}}]"#,
        r#"["empty","empty","empty","empty","empty","empty","empty","empty","empty",
            "empty","empty","empty","empty","empty","empty","empty","empty"]"#,
    ] {
        assert_eq!(parse(json), None, "{json}");
    }
    assert_eq!(parse(r#"[{"decimal":{"first":0,"last":72057594037927934}}]"#).unwrap().width(), 56);
}

#[test]
fn hostile_codes_and_tails_are_errors() {
    let codec = one_of_every_form();
    let mut out = Vec::new();
    let last = codec.ranges.last().unwrap().last_code;
    for code in [0, last + 1, (1 << codec.width()) - 1, 1 << codec.width(), u64::MAX] {
        assert!(codec.decode(code, &[0; 99], &mut out).is_err(), "{code}");
        assert!(!codec.has_tail(code));
    }
    for size in 0..TAIL_SIZE {
        assert!(codec.decode(last, &vec![0; size], &mut out).is_err());
    }
    assert_eq!(out, b"");
}

#[test]
fn a_column_of_many_tenants_gets_a_range_for_each_form() {
    let values: Vec<_> = (0_u64..10_000)
        .map(|i| match i % 10 {
            0..6 => (i * 7_919_777 % 68_000_000_000).to_string(),
            6..8 => format!("E{:07}", i * 37 % 40_000),
            8 => format!("{:08x}-0000-4000-8000-{:012x}", i, i * i),
            _ => String::new(),
        })
        .collect();
    let codec = train(&values).unwrap();
    assert!(values.iter().all(|value| code(&codec, value) > 0), "{}", codec.describe());
    assert_eq!(codec.width(), 36, "{}", codec.describe());
    assert_eq!(codec.describe().split(", ").count(), 4, "{}", codec.describe());
    assert!(code(&codec, "E0200000") > 0, "{}", codec.describe());
}

#[test]
fn outliers_and_rare_forms_do_not_cost_every_row_bits() {
    let mut values: Vec<_> = (0..5000).map(|i| (1_000_000 + i).to_string()).collect();
    values[17] = "888888888888888888".to_owned();
    values[18] = "0".to_owned();
    values[19] = "X-12".to_owned();
    let codec = train(&values).unwrap();
    assert_eq!(codec.width(), 13, "{}", codec.describe());
    assert!([17, 18, 19].iter().all(|&i: &usize| code(&codec, &values[i]) == 0), "{}", codec.describe());
    assert!(code(&codec, "1005001") > 0, "{}", codec.describe());
}

#[test]
fn times_at_midnight_cost_a_day_and_no_more() {
    let values: Vec<_> =
        (0..3000).map(|i| format!("20{:02}-{:02}-11T00:00:00.000Z", i % 25, 1 + i % 12)).collect();
    let codec = train(&values).unwrap();
    assert_eq!(codec.width(), 14, "{}", codec.describe());
    assert!(values.iter().all(|value| code(&codec, value) > 0));
    assert_eq!(code(&codec, "2020-01-11T00:00:00.001Z"), 0);
}

#[test]
fn columns_of_text_are_declined() {
    assert_eq!(train(&[]), None);
    assert_eq!(train(&vec![String::new(); 100]), None);
    assert_eq!(train(&(0..100).map(|i| format!("name {i} of many")).collect::<Vec<_>>()), None);
    let third_is_text: Vec<_> =
        (0..99).map(|i| if i % 3 == 0 { "a b".into() } else { format!("{i}000000") }).collect();
    assert_eq!(train(&third_is_text), None);
    let mostly_empty: Vec<_> =
        (0..1000).map(|i| if i % 20 == 0 { format!("{}", i * 2_000_003) } else { String::new() }).collect();
    assert_eq!(train(&mostly_empty), None);
}

/// One value of any regular form.
fn regular() -> impl Strategy<Value = String> {
    let number = (any::<u64>(), 0_u32..64).prop_map(|(number, shift)| number >> shift);
    let time = ((1_u16..10_000, 1_u8..13, 1_u8..29), (0_u8..24, 0_u8..60, 0_u8..60), 0_u32..1_000_000);
    prop_oneof![
        Just(String::new()),
        number.clone().prop_map(|n| n.to_string()),
        (prop_oneof!["[^0-9]{0,9}", Just("E".to_owned())], number, 0_usize..21)
            .prop_map(|(prefix, n, digits)| format!("{prefix}{n:0digits$}")),
        (time, 0..6).prop_map(|(((y, mo, d), (h, m, s), micros), style)| match style {
            0 => format!("{y:04}-{mo:02}-{d:02}"),
            1 => format!("{y:04}-{mo:02}-{d:02}T{h:02}:{m:02}:{s:02}Z"),
            2 => format!("{y:04}-{mo:02}-{d:02} {h:02}:{m:02}:{s:02}"),
            3 => format!("{y:04}-{mo:02}-{d:02}T{h:02}:{m:02}:{s:02}+00:00"),
            4 => format!("{y:04}-{mo:02}-{d:02}T{h:02}:{m:02}:{s:02}.{:03}Z", micros / 1000),
            _ => format!("{y:04}-{mo:02}-{d:02}T{h:02}:{m:02}:{s:02}.{micros:06}"),
        }),
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}",
        "[0-9a-fA-F]{32}",
        any::<prop::sample::Index>().prop_map(|at| (*at.get(&ADVERSARIAL)).to_owned()),
    ]
}

proptest! {
    #[test]
    fn every_accepted_value_comes_back(
        values in prop::collection::vec(regular(), 1..40), repeat in 1_usize..3, other in regular(), text in ".*",
    ) {
        for form in [&values[..], &values[..1], &values[..values.len().min(3)]] {
            if let Some(codec) = train(&vec![form; repeat].concat()) {
                let covered = form.iter().filter(|value| code(&codec, value) > 0).count();
                let blank = form.iter().filter(|value| value.trim().is_empty()).count();
                prop_assert!((covered + blank) * 5 >= form.len() * 4, "{} of {form:?}", codec.describe());
                code(&codec, &other);
                code(&codec, &text);
                let json = serde_json::to_string(&codec).unwrap();
                prop_assert_eq!(parse(&json), Some(codec));
            }
        }
        code(&one_of_every_form(), &other);
    }

    #[test]
    fn every_code_below_the_last_is_a_value_of_its_own_form(at in any::<u64>(), tail in any::<[u8; TAIL_SIZE]>()) {
        let codec = one_of_every_form();
        let code = at % codec.ranges.last().unwrap().last_code + 1;
        let (mut out, mut again) = (Vec::new(), Vec::new());
        codec.decode(code, &tail, &mut out).unwrap();
        let value = String::from_utf8(out).unwrap();
        let found = codec.encode(&value, &mut again);
        // Digits alone are in capitals too.
        prop_assert!(found == code || codec.has_tail(code) && codec.has_tail(found), "{value}");
        prop_assert!(again == tail || !codec.has_tail(code));
    }

    #[test]
    fn hostile_json_is_an_error_or_a_codec_that_never_panics(
        forms in prop::collection::vec(
            prop_oneof![
                Just(r#""empty""#.to_owned()),
                ("[^0-9\"\\\\\\x00-\\x1f]{0,8}", 1_u8..22, any::<u64>(), any::<u64>(), 0_u32..64, 0_u32..64).prop_map(
                    |(prefix, digits, first, last, a, b)| format!(
                        r#"{{"decimal":{{"prefix":"{prefix}","digits":{digits},"first":{},"last":{}}}}}"#,
                        first >> a, last >> b,
                    )
                ),
                (regular(), regular(), any::<u64>(), 0_u32..64).prop_map(|(first, last, step, shift)| format!(
                    r#"{{"time":{{"first":{first:?},"last":{last:?},"step":{}}}}}"#, step >> shift,
                )),
            ],
            1..4,
        ),
        codes in prop::collection::vec((any::<u64>(), 0_u32..64), 20),
        value in regular(),
    ) {
        if let Some(codec) = parse(&format!("[{}]", forms.join(","))) {
            code(&codec, &value);
            codec.describe();
            let mut out = Vec::new();
            for (at, shift) in codes {
                let _ = codec.decode(at >> shift, &[], &mut out);
            }
            let _ = codec.decode(codec.ranges[0].last_code, &[], &mut out);
        }
    }
}
