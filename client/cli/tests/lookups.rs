//! Look-ups as a user types them, offline: exact JSON, order, exit statuses, and the near misses.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use common::{Bench, read_csv, sample};
use serde_json::{Value, json};

const PEOPLE: &str = "\
tenant_id,person_id,email,aliases,display_name,Cost Centre
t1,1,Jane@Corp.example,jd@corp.example;jane.doe@corp.example,Jane Doe,\"4,2\"
t1,2,john@corp.example,,John Doe,\"two
lines \"\"quoted\"\"\"
t2,1,ann@other.example,jd@corp.example,Ann 😀,
t2,,bob@other.example,,Bob Doe,x
";

/// A bench with the people above in `people.csv`.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("people.csv", PEOPLE);
    bench
}

#[test]
fn json_of_a_found_person_is_exactly_the_contract() {
    let ran = bench().run(&["get", "john@corp.example", "--offline", "people.csv", "--json"]).exits(0);
    assert_eq!(
        ran.stdout,
        concat!(
            r#"{"query":"john@corp.example","answer":"found","generation":0,"people":[{"person_id":"2","#,
            r#""tenant_id":"t1","email":"john@corp.example","matched":"primary","display_name":"John Doe","#,
            r#""kind":"person","status":"active","vip":0,"ambiguous":false,"columns":{"tenant_id":"t1","#,
            r#""person_id":"2","email":"john@corp.example","aliases":"","display_name":"John Doe","#,
            r#""Cost Centre":"two\nlines \"quoted\""}}]}"#,
            "\n"
        )
    );
    assert_eq!(ran.stderr, "");
}

#[test]
fn answers_come_in_the_order_asked_and_the_highest_status_counts() {
    let bench = bench();
    let get =
        |addresses: &[&str]| bench.run(&[&["--json", "get", "--offline", "people.csv"], addresses].concat());
    let ran = get(&["nobody@corp.example", "JANE@corp.example", "not an address", ""]).exits(1);
    assert_eq!(
        ran.stdout.lines().map(|line| line.split(",\"gen").next().unwrap()).collect::<Vec<_>>(),
        [
            r#"{"query":"nobody@corp.example","answer":"absent""#,
            r#"{"query":"JANE@corp.example","answer":"found""#,
            r#"{"query":"not an address","answer":"absent""#,
            r#"{"query":"","answer":"absent""#,
        ]
    );
    get(&["jane@corp.example", "bob@other.example"]).exits(0);
    let long = "x".repeat(2000);
    let ran = get(&[&long, "nobody@corp.example"]).exits(3);
    assert_eq!(ran.json()[0]["reason"], "over_limit");
    assert!(ran.stderr.contains("1024 bytes"), "{}", ran.stderr);
    assert_eq!(ran.json()[1]["answer"], "absent");
}

#[test]
fn one_address_of_two_people_gives_both_and_one_tenant_gives_its_own() {
    let bench = bench();
    let ran = bench.run(&["get", "jd@corp.example", "--offline", "people.csv", "--json"]).exits(0);
    let people = ran.json()[0]["people"].as_array().unwrap().clone();
    let mut seen: Vec<_> =
        people.iter().map(|p| (p["tenant_id"].as_str().unwrap(), &p["matched"], &p["ambiguous"])).collect();
    seen.sort_by_key(|one| one.0);
    assert_eq!(seen, [("t1", &json!("alias"), &json!(true)), ("t2", &json!("alias"), &json!(true))]);

    let args = ["get", "jd@corp.example", "--tenant", "t2", "--offline", "people.csv", "--json"];
    let one = bench.run(&args).exits(0).json()[0]["people"].clone();
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!((&one[0]["display_name"], &one[0]["ambiguous"]), (&json!("Ann 😀"), &json!(false)));
    let args = ["get", "john@corp.example", "--tenant", "t2", "--offline", "people.csv", "--json"];
    bench.run(&args).exits(1);
}

#[test]
fn people_are_found_by_identifier_and_the_address_stands_in_where_there_is_none() {
    let bench = bench();
    let person = |arguments: &[&str]| {
        bench.run(&[&["person", "--offline", "people.csv", "--json"], arguments].concat())
    };
    assert_eq!(person(&["1"]).exits(0).json()[0]["people"].as_array().unwrap().len(), 2);
    let one = person(&["1", "--tenant", "t2"]).exits(0).json()[0]["people"].clone();
    assert_eq!((&one[0]["email"], &one[0]["matched"]), (&json!("ann@other.example"), &json!("person_id")));
    assert_eq!(
        person(&["bob@other.example"]).exits(0).json()[0]["people"][0]["person_id"],
        "bob@other.example"
    );
    person(&["01"]).exits(1);
    person(&["1x"]).exits(1);
}

#[test]
fn names_are_found_in_their_tenant_only_and_folded() {
    let bench = Bench::new();
    let people = sample("people.csv");
    let name = |name: &str, tenant: &str, limit: &str| {
        bench.run(&["name", name, "--tenant", tenant, "--limit", limit, "--offline", &people, "--json"])
    };
    let both = name("matti mäkinen", "borealis", "10").exits(0).json()[0]["people"].clone();
    let emails: Vec<_> = both.as_array().unwrap().iter().map(|p| p["email"].as_str().unwrap()).collect();
    assert_eq!(emails.len(), 2, "{emails:?}");
    assert!(emails.iter().all(|email| email.starts_with("matti.makinen")), "{emails:?}");
    let one = name("MATTI MAKINEN", "borealis", "1").exits(0).json()[0]["people"].clone();
    assert_eq!(one.as_array().unwrap().len(), 1);
    name("Matti Mäkinen", "acme", "10").exits(1);
    name("Matti Makine", "borealis", "10").exits(1);
}

#[test]
fn domains_say_whose_they_are() {
    let bench = Bench::new();
    let (people, domains) = (sample("people.csv"), sample("domains.csv"));
    let domain =
        |domain: &str| bench.run(&["domain", domain, "--offline", &people, "--domains", &domains, "--json"]);
    let facts = domain("ACME.example").exits(0).json()[0]["domains"].clone();
    assert_eq!(facts.as_array().unwrap().len(), 1, "{facts}");
    assert_eq!(
        (&facts[0]["tenant_id"], &facts[0]["kind"], &facts[0]["subaddress"]),
        (&json!("acme"), &json!("owned"), &json!("+"))
    );
    let partner = domain("partner.example.org").exits(0).json()[0]["domains"].clone();
    assert_eq!(partner.as_array().unwrap().len(), 2, "{partner}");
    assert!(partner.as_array().unwrap().iter().all(|fact| fact["kind"] == "partner"), "{partner}");
    assert_eq!(domain("bücher.example").exits(0).json()[0]["domains"][0]["domain"], "xn--bcher-kva.example");
    domain("sub.acme.example").exits(1);
}

#[test]
fn every_person_of_the_samples_has_every_column_as_it_stands_in_the_csv() {
    let bench = Bench::new();
    let people = sample("people.csv");
    let rows = read_csv(&fs::read_to_string(&people).unwrap());
    let header = &rows[0];
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (email, tenant) = (column("email"), column("tenant_id"));
    let mut input = String::new();
    for row in &rows[1..] {
        input.push_str(&row[email]);
        input.push('\n');
    }
    let args = ["get", "-", "--offline", &people, "--json"];
    let answers = bench.run_with(&args, input.as_bytes()).exits(0).json();
    assert_eq!(answers.len(), rows.len() - 1);
    for (row, answer) in rows[1..].iter().zip(answers) {
        let people = answer["people"].as_array().unwrap();
        let person = people.iter().find(|p| p["tenant_id"] == row[tenant].as_str()).unwrap();
        let expected: Value = header.iter().cloned().zip(row.iter().cloned().map(Value::from)).collect();
        assert_eq!(person["columns"], expected);
    }
}

#[test]
fn a_line_on_standard_input_is_answered_before_the_next_one_is_written() {
    let bench = bench();
    let mut child = bench
        .command(&["get", "-", "--offline", "people.csv", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    for (address, answer) in [("jd@corp.example", "found"), ("", "absent"), ("ann@other.example", "found")] {
        input.write_all(format!("{address}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["query"], &line["answer"]), (&json!(address), &json!(answer)));
    }
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_reader_that_goes_away_ends_the_command_without_a_word() {
    let bench = bench();
    let mut child = bench
        .command(&["get", "-", "--offline", "people.csv", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // The program may be gone before all is written.
    let _ = child.stdin.take().unwrap().write_all("jd@corp.example\n".repeat(10_000).as_bytes());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn text_shows_the_columns_without_colours_in_a_pipe() {
    let ran =
        bench().run(&["get", "john@corp.example", "nobody@x.example", "--offline", "people.csv"]).exits(1);
    assert_eq!(
        ran.stdout,
        "john@corp.example: found (generation 0)\n  \
           John Doe <john@corp.example>  by primary address\n    \
             tenant t1, person_id 2, person, active, vip 0\n    \
             tenant_id     t1\n    \
             person_id     2\n    \
             email         john@corp.example\n    \
             display_name  John Doe\n    \
             Cost Centre   two\\nlines \"quoted\"\n\
         nobody@x.example: absent (generation 0)\n"
    );
}

#[test]
fn a_wrong_command_line_or_input_file_ends_with_2() {
    let bench = bench();
    bench.file("bad.csv", "name,title\nJane,Boss\n");
    for (arguments, word) in [
        (["get"].as_slice(), "EMAIL"),
        (&["get", "a@b.example", "--offline", "missing.csv"], "missing.csv"),
        (&["get", "a@b.example", "--offline", "bad.csv"], "bad.csv"),
        (&["get", "a@b.example", "--aliases", "a.csv"], "--offline"),
        (&["name", "Jane", "--offline", "people.csv"], "--tenant"),
        (&["frobnicate"], "frobnicate"),
        (&["status", "--name", "Not A Name"], "a-z"),
        (&["status", "--owner", "no such user"], "user"),
    ] {
        let ran = bench.run(arguments).exits(2);
        assert!(ran.stderr.contains(word) && ran.stdout.is_empty(), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn without_a_daemon_nothing_is_absent() {
    let bench = bench();
    for via in ["auto", "map", "socket"] {
        let ran = bench.run(&["get", "jane@corp.example", "--json", "--via", via]).exits(3);
        let [answer] = ran.json().try_into().unwrap();
        assert_eq!(answer["answer"], "unavailable", "{answer}");
        assert!(answer["reason"].is_string() && answer.get("generation").is_none(), "{answer}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
    for command in ["status", "generations", "clients", "roll", "rollback", "hold", "release"] {
        let ran = bench.run(&[command, "--json"]).exits(3);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("no daemon answers"), "{command}: {ran:?}");
    }
    bench.run(&["inspect", "--live"]).exits(3);
    bench.run(&["verify", "--live"]).exits(3);
}
