//! `persondb match` as a user types it, offline: evidence, lines and files that are no message, exit statuses, and the
//! near misses.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use common::schema::is_valid;
use common::{Bench, Ran, sample};
use serde_json::{Value, json};

/// Options for the people of the samples.
fn offline() -> [String; 6] {
    [
        "--offline",
        &sample("people.csv"),
        "--aliases",
        &sample("aliases.csv"),
        "--domains",
        &sample("domains.csv"),
    ]
    .map(str::to_owned)
}

fn arguments<'a>(offline: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    ["match"].into_iter().chain(offline.iter().map(String::as_str)).chain(more.iter().copied()).collect()
}

fn run(more: &[&str]) -> Ran {
    Bench::new().run(&arguments(&offline(), more))
}

fn evidence(more: &[&str]) -> Value {
    let mut answers = run(&[more, &["--json"]].concat()).exits(0).json();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

/// The lines' answers; the exit status is checked.
fn lines(input: &[u8], status: i32) -> Vec<Value> {
    Bench::new().run_with(&arguments(&offline(), &["--ndjson"]), input).exits(status).json()
}

const JOHN: &str = "john.smith@acme.example";

#[test]
fn a_stranger_under_a_name_of_the_recipients_tenant_is_told_and_the_person_is_not() {
    let stranger = evidence(&["--from", "Jane Doe <jane.doe@acrne.example>", "--to", JOHN]);
    assert_eq!(stranger["answer"], "matched");
    assert_eq!(stranger["from"]["kinds"], json!(["lookalike_domain", "local_part_foreign"]));
    let imitated = json!([{"tenant_id":"acme","domain":"acme.example","how":"skeleton"}]);
    assert_eq!(stranger["from"]["lookalikes"], imitated);
    let candidate = &stranger["sender_name"]["candidates"][0];
    assert_eq!((&candidate["person_id"], &candidate["matched"]), (&json!("A-0001"), &json!("exact")));
    assert_eq!(stranger["recipient_tenants"], json!(["acme"]));
    assert_eq!(stranger["sender_is_internal"], false);

    let own = evidence(&["--from", "Jane Doe <jane.doe@acme.example>", "--to", JOHN]);
    assert_eq!((&own["from"]["kinds"], &own["sender_is_internal"]), (&json!(["primary"]), &json!(true)));
    assert_eq!(own["sender_name"]["candidates"], json!([]), "it is her own name");

    let elsewhere = evidence(&["--from", "Jane Doe <j@evil.example>", "--to", "x@nowhere.example"]);
    assert_eq!(elsewhere["sender_name"]["candidates"], json!([]), "recipients of no tenant: no scope");
    assert_eq!(elsewhere["from"]["kinds"], json!(["none"]));
}

#[test]
fn every_option_for_the_message_counts() {
    let all = evidence(&[
        "--from",
        "Somebody <somebody@evil.example>",
        "--from-name",
        "Jane Doe",
        "--from-addr",
        "jane.doe@acme.example",
        "--reply-to",
        "Reply <r@evil.example>",
        "--envelope-from",
        "<bounce@evil.example>",
        "--to",
        "john.smith@acme.example, maria.garcia@acme.example",
        "--cc",
        "nobody@acme.example",
    ]);
    assert_eq!(
        (&all["from"]["address"], &all["from"]["name"]),
        (&json!("jane.doe@acme.example"), &json!("Jane Doe"))
    );
    assert_eq!(all["reply_to"]["address"], "r@evil.example");
    assert_eq!(all["envelope_from"]["address"], "bounce@evil.example");
    let kinds: Vec<_> = all["recipients"].as_array().unwrap().iter().map(|to| &to["kinds"][0]).collect();
    assert_eq!(kinds, ["primary", "alias", "owned_domain_unknown_user"]);

    let none = ["--from", "Jane Doe <j@evil.example>", "--to", JOHN, "--limit", "0"];
    let none = evidence(&none);
    assert_eq!((&none["sender_name"]["candidates"], &none["candidate_count"]), (&json!([]), &json!(1)));
    let other = ["--from", "Jane Doe <j@evil.example>", "--to", JOHN, "--tenant", "borealis"];
    let other = evidence(&other);
    assert_eq!((&other["recipients"][0]["people"], &other["recipient_tenants"]), (&json!([]), &json!([])));
}

#[test]
fn each_line_is_answered_in_its_place_and_what_is_no_message_says_why() {
    let input = b"{\"from\":\"Jane Doe <j@evil.example>\",\"to\":\"john.smith@acme.example\"}\n\
        [\"a@b.example\"]\n\
        {\"form\":\"a@b.example\"}\r\n\
        \n\
        {\"from\":\"\xff\"}\n\
        {\"recipients\":[\"john.smith@acme.example\"],\"cc\":null}";
    let answers = lines(input, 2);
    let kinds: Vec<_> = answers.iter().map(|answer| answer["answer"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["matched", "error", "error", "error", "error", "matched"]);
    assert_eq!((&answers[2]["line"], &answers[2]["column"]), (&json!(3), &json!(7)));
    assert!(answers[2]["found"].as_str().unwrap().starts_with("unknown field `form`"), "{}", answers[2]);
    assert!(answers[2]["expected"].as_str().unwrap().contains("--schema=message"), "{}", answers[2]);
    assert_eq!(answers[3]["found"], "an empty line");
    assert_eq!(answers[5]["recipients"][0]["kinds"], json!(["primary"]));
    assert_eq!(lines(b"", 0), [json!(null); 0]);
    lines(b"{}\n", 0);
}

#[test]
fn a_line_is_answered_before_the_next_one_is_written() {
    let bench = Bench::new();
    let offline = offline();
    let mut child = bench
        .command(&arguments(&offline, &["--ndjson"]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    for (to, kind) in
        [("john.smith@acme.example", "primary"), ("nobody@acme.example", "owned_domain_unknown_user")]
    {
        input.write_all(format!("{{\"to\":\"{to}\"}}\n").as_bytes()).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["recipients"][0]["kinds"][0], kind);
    }
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_message_in_a_file_is_read_as_its_readers_see_it() {
    let bench = Bench::new();
    let eml = "Return-Path: <bounce@evil.example>\r\n\
        From: =?utf-8?b?SmFuZQ==?=\r\n =?utf-8?q?_Doe?= <j@evil.example>\r\n\
        To: =?iso-8859-1?Q?J=FCrgen?= <jurgen.gross@acme.example>,\r\n\tjohn.smith@acme.example\r\n\
        Subject: x\r\n\r\nFrom: body <body@evil.example>\r\n";
    let path = bench.file("message.eml", eml);
    let offline = offline();
    let file = path.to_str().unwrap();
    let from_file = bench.run(&arguments(&offline, &["--eml", file, "--json"])).exits(0);
    let [answer] = from_file.json().try_into().unwrap();
    assert_eq!(
        (&answer["from"]["name"], &answer["from"]["address"]),
        (&json!("Jane Doe"), &json!("j@evil.example"))
    );
    assert_eq!(answer["envelope_from"]["address"], "bounce@evil.example");
    assert_eq!(answer["sender_name"]["candidates"][0]["person_id"], "A-0001");
    let names: Vec<_> = answer["recipients"].as_array().unwrap().iter().map(|to| &to["name"]).collect();
    assert_eq!(names, [&json!("Jürgen"), &json!(null)]);

    let piped = bench.run_with(&arguments(&offline, &["--eml", "-", "--json"]), eml.as_bytes()).exits(0);
    assert_eq!(piped.stdout, from_file.stdout);
    let envelope =
        ["--eml", file, "--eml", file, "--to", "nobody@acme.example", "--envelope-from", "x@y.example"];
    let both = bench.run(&arguments(&offline, &[&envelope[..], &["--json"]].concat())).exits(0).json();
    assert_eq!(both.len(), 2);
    assert_eq!(both[1]["recipients"].as_array().unwrap().len(), 3, "one more of the envelope");
    assert_eq!(both[1]["envelope_from"]["address"], "x@y.example");
}

#[test]
fn everything_that_is_printed_is_valid_by_the_schema_and_a_typo_is_not() {
    let bench = Bench::new();
    let schema = |of: &str| {
        let [schema] = bench.run(&["match", of, "--json"]).exits(0).json().try_into().unwrap();
        schema
    };
    let (answer, of_messages) = (schema("--schema"), schema("--schema=message"));
    assert_eq!(schema("--schema=answer"), answer);
    let messages = [
        json!({"from":"\"Doe, Jane\" <jane.doe@acrne.example>","to":[JOHN, "x"],"cc":"Jürgen <jgross@acme.example>"}),
        json!({"from_name":"J\u{200b}ane D\u{43e}e","from_addr":"a@b@c","recipients":[],"envelope_from":"<>"}),
        json!({"from":"jane@acme.example <x@evil.example>, y@evil.example","reply_to":"Jane.Doe@acme.example","to":JOHN}),
        json!({"to": format!("{}{JOHN}", "a@b.example,".repeat(600))}),
    ];
    let mut input = messages.each_ref().map(ToString::to_string).join("\n");
    input.push_str("\nno message\n");
    for message in &messages {
        assert!(is_valid(message, &of_messages), "{message}");
    }
    let answers = lines(input.as_bytes(), 2);
    assert_eq!(answers.len(), messages.len() + 1);
    for one in &answers {
        assert!(is_valid(one, &answer), "{one:#}");
    }
    assert!(
        answers[3]["oddities"].as_array().unwrap().contains(&json!("mailboxes_cut")),
        "{}",
        answers[3]["oddities"]
    );
    let unavailable = bench.run(&["match", "--json", "--to", JOHN]).exits(3).json().remove(0);
    assert!(is_valid(&unavailable, &answer), "{unavailable}");
    let mut spoilt = answers[0].clone();
    spoilt["from"]["kinds"] = json!(["ceo"]);
    assert!(!is_valid(&spoilt, &answer));
    assert!(!is_valid(&json!({"answer":"error","line":3}), &answer));
    assert!(!is_valid(&json!({"form":"a@b.example"}), &of_messages));
}

#[test]
fn without_a_daemon_nothing_is_said_about_a_message() {
    let bench = Bench::new();
    for via in ["auto", "map", "socket"] {
        let ran = bench.run(&["match", "--from", "a@b.example", "--json", "--via", via]).exits(3);
        let [answer] = ran.json().try_into().unwrap();
        assert_eq!(answer["answer"], "unavailable", "{answer}");
        assert!(answer["reason"].is_string() && answer.get("from").is_none(), "{answer}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
    let two = bench.run_with(&["match", "--ndjson"], b"{}\nno message\n").exits(3);
    let kinds: Vec<_> = two.json().iter().map(|answer| answer["answer"].clone()).collect();
    assert_eq!(kinds, ["unavailable", "error"]);
}

#[test]
fn what_is_no_question_ends_with_2_and_says_what_one_is() {
    let bench = Bench::new();
    bench.file("note.txt", "no header\n");
    let long = "x".repeat(1025);
    let many: Vec<String> = (0..257).map(|i| format!("--tenant=t{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["--to", JOHN]).collect();
    for (arguments, word) in [
        (&[][..], "--eml"),
        (&["--tenant", "acme"], "--eml"),
        (&["--eml", "missing.eml"], "missing.eml"),
        (&["--eml", "note.txt"], "From, To or Cc"),
        (&["--eml", "note.txt", "--from", "a@b.example"], "--from"),
        (&["--ndjson", "--to", JOHN], "--to"),
        (&["--schema", "--to", JOHN], "--to"),
        (&["--to", JOHN, "--limit", "1001"], "1000"),
    ] {
        let ran = bench.run(&self::arguments(&offline(), arguments)).exits(2);
        assert!(ran.stderr.contains(word) && ran.stdout.is_empty(), "{arguments:?}: {ran:?}");
    }
    for (arguments, words) in
        [(&["--to", JOHN, "--tenant", &long][..], "1024 bytes"), (&many, "at most 256 tenants, found 257")]
    {
        let ran = bench.run(&self::arguments(&offline(), arguments)).exits(3);
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
}

#[test]
fn text_is_for_people_without_colours_in_a_pipe() {
    let ran = run(&["--from", "Jane Doe <jane.doe@acrne.example>", "--to", JOHN, "--to", "x"]).exits(0);
    assert_eq!(
        ran.stdout,
        "message: matched (generation 0)\n        \
           ADDRESS                            KINDS\n  \
           from  Jane Doe <jane.doe@acrne.example>  lookalike_domain, local_part_foreign\n            \
             like acme.example of acme (skeleton), confusable\n  \
           to    john.smith@acme.example            primary\n            \
             Smith, John, Jr. (acme A-0002)\n  \
           to    x                                  none\n            \
             expected name@domain, found no address\n  \
           sender's name  Jane Doe\n  \
           MATCH  OF            PERSON                            TENANT  VIP  PERSON_ID  NOTES\n  \
           exact  display_name  Jane Doe <jane.doe@acme.example>  acme      3  A-0001\n  \
           tenants of the recipients  acme\n"
    );
    let hostile = run(&["--from", "\u{1b}[2J\u{202e}Doe <\u{1b}[2J@evil.example>", "--to", JOHN]).exits(0);
    assert!(!hostile.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", hostile.stdout);
}
