//! The JSON of questions and answers, and its schema.

use serde_json::{Value, json};

use super::*;
use crate::answer::{AccountStatus, Kind, Matched, Reason};
use crate::codec::{FRAME_HEAD_SIZE, REPLY_SIZE_MAX, decode, encode};

fn evidence() -> MatchEvidence {
    let party = Party {
        address: "Jane@c0rp.example".into(),
        name: Some("Jane Doe".into()),
        key: Some("jane@c0rp.example".into()),
        kinds: [AddressKind::LookalikeDomain, AddressKind::LocalPartForeign].into(),
        lookalikes: vec![LookalikeDomain {
            tenant_id: "t".into(),
            domain: "corp.example".into(),
            how: LookalikeKind::Skeleton,
        }],
        oddities: [Oddity::SeveralAddresses].into(),
        ..Party::default()
    };
    let recipient = Party {
        address: "ceo@corp.example".into(),
        kinds: [AddressKind::Primary].into(),
        people: vec![PartyPerson {
            tenant_id: "t".into(),
            person_id: "7".into(),
            email: "CEO@corp.example".into(),
            display_name: "The CEO".into(),
            matched: Matched::Primary,
            vip: 3,
            kind: Kind::Person,
            status: AccountStatus::Active,
        }],
        flags: [Flag::CaseDiffers].into(),
        ..Party::default()
    };
    let invalid = Party {
        address: "nobody".into(),
        invalid: Some("expected name@domain, found no @".into()),
        kinds: [AddressKind::None].into(),
        ..Party::default()
    };
    MatchEvidence {
        from: Some(party),
        recipients: vec![recipient, invalid],
        sender_name: Some(NameEvidence {
            name: "Jane Doe".into(),
            embedded_addresses: vec!["ceo@corp.example".into()],
            flags: [Flag::EncodedAddressInName].into(),
            candidates: vec![Candidate {
                tenant_id: "t".into(),
                person_id: "8".into(),
                email: "jane@corp.example".into(),
                display_name: "Jane Q. Doe".into(),
                matched_field: MatchedField::DisplayName,
                matched: NameKind::FirstLast,
                distance: 0,
                vip: 0,
                kind: Kind::Person,
                status: AccountStatus::Terminated,
                flags: [Flag::MiddleConflict].into(),
            }],
        }),
        candidate_count: 1,
        recipient_tenants: vec!["t".into()],
        ..MatchEvidence::new(Generation(3), 1)
    }
}

fn answers() -> [MatchAnswer; 3] {
    [
        MatchAnswer::Matched(Box::new(evidence())),
        MatchAnswer::Matched(Box::new(MatchEvidence::new(Generation(1), 1))),
        MatchAnswer::Unavailable(Unavailable::new(Reason::NoGeneration, "start persondbd")),
    ]
}

#[test]
fn an_answer_is_one_flat_object_that_tells_its_kind_first() {
    let [matched, _, unavailable] = answers().map(|answer| serde_json::to_string(&answer).unwrap());
    assert!(
        matched.starts_with(r#"{"answer":"matched","generation":3,"norm_version":1,"from":{"#),
        "{matched}"
    );
    assert!(matched.contains(r#""kinds":["lookalike_domain","local_part_foreign"]"#), "{matched}");
    assert!(matched.contains(r#""matched_field":"display_name","matched":"first_last""#), "{matched}");
    assert_eq!(
        unavailable,
        r#"{"answer":"unavailable","reason":"no_generation","detail":"start persondbd"}"#
    );
}

#[test]
fn answers_come_back_from_json_and_from_the_socket() {
    for answer in answers() {
        let json = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<MatchAnswer>(&json).unwrap(), answer);
        let mut frame = Vec::new();
        encode(&answer, REPLY_SIZE_MAX, &mut frame).unwrap();
        assert_eq!(decode::<MatchAnswer>(&frame[FRAME_HEAD_SIZE..]).unwrap(), answer);
    }
}

#[test]
fn names_are_those_of_the_rules_strongest_first() {
    let names = |values: Vec<Value>| {
        values.into_iter().map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let of_enum = |name: &str| {
        let schema = MatchAnswer::schema().to_value();
        let definition = &schema["$defs"][name];
        match definition["enum"].as_array() {
            Some(values) => names(values.clone()),
            None => names(
                definition["oneOf"].as_array().unwrap().iter().map(|one| one["const"].clone()).collect(),
            ),
        }
    };
    assert_eq!(
        of_enum("AddressKind"),
        [
            "primary",
            "alias",
            "subaddress",
            "personal_known",
            "shared_or_role",
            "guest",
            "owned_domain_unknown_user",
            "partner_domain",
            "lookalike_domain",
            "local_part_foreign",
            "none",
        ]
    );
    assert_eq!(
        of_enum("NameKind"),
        [
            "exact",
            "folded",
            "canonical",
            "joined",
            "confusable",
            "first_last",
            "extended",
            "nickname",
            "edit1",
            "initial_last",
            "embedded_address",
        ]
    );
    assert_eq!(
        of_enum("Flag"),
        [
            "confusable",
            "zero_width",
            "mixed_script",
            "encoded_address_in_name",
            "middle_conflict",
            "ambiguous",
            "case_differs",
        ]
    );
    assert!(AddressKind::Primary < AddressKind::None && NameKind::Exact < NameKind::EmbeddedAddress);
}

#[test]
fn answers_are_valid_by_the_schema_and_near_misses_are_not() {
    let schema = MatchAnswer::schema().to_value();
    for answer in answers() {
        let answer = serde_json::to_value(&answer).unwrap();
        assert!(is_valid(&answer, &schema, &schema), "{answer:#}\n{schema:#}");
    }
    let good = serde_json::to_value(&answers()[0]).unwrap();
    let break_it: [fn(&mut Value); 5] = [
        |answer| answer["answer"] = json!("absent"),
        |answer| answer["generation"] = json!("3"),
        |answer| answer["from"]["kinds"] = json!(["ceo"]),
        |answer| drop(answer.as_object_mut().unwrap().remove("recipients")),
        |answer| answer["sender_name"]["candidates"][0]["vip"] = json!(null),
    ];
    for spoil in break_it {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert!(!is_valid(&bad, &schema, &schema), "{bad:#}");
    }
}

#[test]
fn every_field_of_an_answer_is_required_and_described() {
    let schema = MatchAnswer::schema().to_value();
    for name in ["MatchEvidence", "Party", "PartyPerson", "NameEvidence", "Candidate", "LookalikeDomain"] {
        let definition = match &schema["$defs"][name] {
            // The variant's own object holds what was flattened into it.
            Value::Null => schema["oneOf"][0].clone(),
            definition => definition.clone(),
        };
        let properties = definition["properties"].as_object().unwrap();
        let required: Vec<_> =
            definition["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        for (field, property) in properties.iter().filter(|(field, _)| *field != "answer") {
            assert!(required.contains(&&**field), "{name}.{field}");
            assert!(property["description"].is_string(), "{name}.{field} {property}");
        }
    }
}

/// Whether `value` is valid by the parts of JSON Schema that occur here. An unknown keyword fails the test.
fn is_valid(value: &Value, schema: &Value, root: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return schema.as_bool().unwrap() };
    keywords.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
        "$ref" => {
            is_valid(value, root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), root)
        }
        "type" => match rule {
            Value::Array(types) => types.iter().any(|one| has_type(value, one)),
            one => has_type(value, one),
        },
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "properties" => rule
            .as_object()
            .unwrap()
            .iter()
            .all(|(name, rule)| value.get(name).is_none_or(|property| is_valid(property, rule, root))),
        "additionalProperties" => {
            assert_eq!(rule, false);
            value
                .as_object()
                .is_none_or(|object| object.keys().all(|name| schema["properties"].get(name).is_some()))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is_valid(item, rule, root))),
        "anyOf" => rule.as_array().unwrap().iter().any(|one| is_valid(value, one, root)),
        "oneOf" => rule.as_array().unwrap().iter().filter(|one| is_valid(value, one, root)).count() == 1,
        unknown => panic!("keyword {unknown}"),
    })
}

fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("type {unknown}"),
    }
}

#[test]
fn a_question_is_read_with_all_ways_to_name_recipients() {
    let read = |text: &str| serde_json::from_str::<MatchMessage>(text);
    let message = read(
        r#"{"from":"A <a@x.y>","from_name":"B","from_addr":"b@x.y","reply_to":"c@x.y","envelope_from":null,
            "recipients":["f@x.y"],"cc":"e@x.y","to":["d@x.y"]}"#,
    )
    .unwrap();
    assert_eq!(message.recipients, ["d@x.y", "e@x.y", "f@x.y"]);
    assert_eq!((message.from_name.as_deref(), message.envelope_from), (Some("B"), None));
    assert_eq!(read("{}").unwrap(), MatchMessage::default());
    for (bad, expected) in [
        (r#"{"recipient":["a@x.y"]}"#, "unknown field `recipient`, expected one of"),
        (r#"{"recipients":[1]}"#, "expected a string or a list of strings"),
        (r#"{"from":["a@x.y"]}"#, "expected a string"),
        (r#"{"from":"a","from":"b"}"#, "duplicate field `from`"),
    ] {
        let error = read(bad).unwrap_err().to_string();
        assert!(error.contains(expected), "{bad}: {error}");
    }
}

#[test]
fn the_schema_of_a_question_knows_the_same_fields() {
    let schema = MatchMessage::schema().to_value();
    for (question, expected) in [
        (json!({"from": "a@x.y", "to": "b@x.y", "cc": ["c@x.y"], "recipients": null}), true),
        (json!({"from_name": "A", "from_addr": "a@x.y", "reply_to": null, "envelope_from": "<>"}), true),
        (json!({}), true),
        (json!({"form": "a@x.y"}), false),
        (json!({"recipients": [1]}), false),
        (json!({"from": ["a@x.y"]}), false),
    ] {
        assert_eq!(is_valid(&question, &schema, &schema), expected, "{question}\n{schema:#}");
        assert_eq!(serde_json::from_value::<MatchMessage>(question).is_ok(), expected);
    }
}

#[test]
fn what_is_written_of_a_question_is_read_again() {
    let message = MatchMessage {
        from: Some("A <a@x.y>".into()),
        recipients: vec!["b@x.y".into()],
        ..MatchMessage::default()
    };
    let json = serde_json::to_string(&message).unwrap();
    assert_eq!(serde_json::from_str::<MatchMessage>(&json).unwrap(), message);
    let options: MatchOptions = serde_json::from_str(r#"{"tenants":["t"]}"#).unwrap();
    assert_eq!((options.candidates_max, options.tenants), (CANDIDATE_COUNT_DEFAULT, Some(vec!["t".into()])));
    assert!(serde_json::from_str::<MatchOptions>(r#"{"tenant":["t"]}"#).is_err());
}
