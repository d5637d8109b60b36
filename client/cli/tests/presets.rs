//! Exports that people really have, as a user meets them: `check` says what it understood and what to do about
//! the rest, and look-ups on the files find everybody.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use common::{Bench, sample};
use serde_json::{Value, json};

const SAMPLES: [(&str, &str); 8] = [
    ("google.csv", "google"),
    ("google-upload.csv", "google"),
    ("entra.csv", "entra"),
    ("entra-new.csv", "entra"),
    ("exchange.csv", "exchange"),
    ("okta.csv", "okta"),
    ("bamboohr.csv", "bamboohr"),
    ("ldap.csv", "ldap"),
];

fn export(name: &str) -> String {
    sample(&format!("presets/{name}"))
}

fn checked(bench: &Bench, arguments: &[&str]) -> Value {
    let [checked] =
        bench.run(&[&["check", "--json"], arguments].concat()).exits(0).json().try_into().unwrap();
    checked
}

/// The one person that is found.
fn found(bench: &Bench, arguments: &[&str]) -> Value {
    let ran = bench.run(&[&["get", "--json"], arguments].concat()).exits(0);
    let people = ran.json()[0]["people"].clone();
    assert_eq!(people.as_array().unwrap().len(), 1, "{people}");
    people[0].clone()
}

#[test]
fn check_names_the_preset_and_what_every_column_of_it_means() {
    let bench = Bench::new();
    for (name, preset) in SAMPLES {
        let checked = checked(&bench, &[&export(name), "--tenant", "acme"]);
        assert_eq!((&checked["result"], &checked["rejected"]), (&json!("fine"), &json!(0)), "{name}");
        assert_eq!(checked["files"][0]["preset"], preset, "{name}");
        let text = bench.run(&["check", &export(name), "--tenant", "acme"]).exits(0).stdout;
        assert!(text.contains(&format!("preset {preset}\n")) && text.ends_with("fine\n"), "{text}");
        for column in checked["files"][0]["columns"].as_array().unwrap() {
            let header = column["header"].as_str().unwrap();
            assert!(text.contains(&format!("\n{header}")), "{header} not in {text}");
        }
    }
    let checked = checked(&bench, &[&export("entra.csv"), "--tenant", "acme"]);
    let columns = checked["files"][0]["columns"].as_array().unwrap();
    let column = |header: &str| columns.iter().find(|column| column["header"] == header).unwrap();
    assert_eq!(column("mail")["meanings"], json!([{"name": "email", "after": null}]));
    assert_eq!(column("userPrincipalName")["meanings"], json!([{"name": "email", "after": "mail"}]));
    assert_eq!((&column("city")["meaning"], &column("city")["meanings"]), (&json!(null), &json!([])));
    let text = bench.run(&["check", &export("entra.csv"), "--tenant", "acme"]).exits(0).stdout;
    assert!(text.contains("email, where \"mail\" is blank\n"), "{text}");
}

#[test]
fn every_kind_of_problem_has_a_count_a_place_and_a_remedy() {
    let bench = Bench::new();
    let mut people = String::from("tenant,mail,name,aliases,status\n");
    (0..400).for_each(|n| writeln!(people, "t,p{n}@x.example,P {n},,").unwrap());
    people += "t,nobody,N,,\nt,,N,,\nt,a@x.example,A,none;no,\nt,b@x.example,=B,,gone\nt,c@x.example,,x,\n";
    bench.file("people.csv", &people);
    let checked = checked(&bench, &["people.csv"]);
    let problems: Vec<_> = checked["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            assert!(!problem["what"].as_str().unwrap().is_empty());
            assert!(!problem["remedy"].as_str().unwrap().is_empty());
            let (first, kind) = (&problem["first"], problem["kind"].as_str().unwrap());
            (
                kind,
                problem["count"].as_u64().unwrap(),
                first["line"].as_u64().unwrap(),
                first["column"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        problems,
        [
            ("no_address", 1, 403, Some("mail")),
            ("invalid_address", 1, 402, Some("mail")),
            ("no_name", 1, 406, None),
            ("formula", 1, 405, Some("name")),
            ("invalid_alias", 2, 404, Some("aliases")),
            ("unknown_status", 1, 405, Some("status")),
        ]
    );
    let text = bench.run(&["check", "people.csv"]).exits(0).stdout;
    for part in [
        "line 402, mail",
        "correct the address",
        "people.csv:405:status: unknown status, taken as active: gone\n",
        "people.csv:402:mail: not an address: nobody\n",
        "write active, suspended or terminated",
    ] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn a_preset_that_cannot_be_is_refused_and_an_unknown_one_is_wrong_usage() {
    let bench = Bench::new();
    let entra = export("entra.csv");
    for command in [
        ["check", &entra, "--tenant", "t", "--preset", "google"].as_slice(),
        &["build", &entra, "-o", "x.segment", "--tenant", "t", "--preset", "google"],
        &["get", "a@b.example", "--offline", &entra, "--tenant", "t", "--preset", "google"],
    ] {
        let ran = bench.run(command).exits(2);
        for part in ["entra.csv line 1", "google", "emailaddress", "this is the header of entra"] {
            assert!(ran.stderr.contains(part), "{part} not in {}", ran.stderr);
        }
    }
    let ran = bench.run(&["check", &entra, "--tenant", "t", "--preset", "azure"]).exits(2);
    assert!(ran.stderr.contains("azure") && ran.stderr.contains("bamboohr"), "{}", ran.stderr);
    let ran = bench.run(&["check", &entra]).exits(2);
    assert!(ran.stderr.contains("--tenant"), "{}", ran.stderr);
    bench.run(&["check", &entra, "--tenant", "t", "--preset", "entra"]).exits(0);
}

#[test]
fn look_ups_on_an_export_take_the_tenant_that_is_asked_about() {
    let bench = Bench::new();
    let google = export("google.csv");
    let person = found(&bench, &["ceo@fjord.example", "--offline", &google, "--tenant", "fjord"]);
    assert_eq!((&person["tenant_id"], &person["matched"]), (&json!("fjord"), &json!("alias")));
    assert_eq!(person["columns"]["Email Address [Required]"], "mirela.popescu@fjord.example");
    assert_eq!(person["columns"]["Work Secondary Email"], "ceo@fjord.example,mirela@fjord.example");
    let person = found(&bench, &["ceo@fjord.example", "--offline", &google, "--tenant-constant", "other"]);
    assert_eq!(person["tenant_id"], "other");
    bench.run(&["get", "nobody@fjord.example", "--offline", &google, "--tenant", "fjord"]).exits(1);
    bench.run(&["get", "ceo@fjord.example", "--offline", &google]).exits(2);
    bench.run(&["person", "G-1001", "--offline", &google, "--tenant", "fjord"]).exits(0);
    bench.run(&["name", "Søren Ærø", "--offline", &google, "--tenant", "fjord"]).exits(0);

    let exchange = export("exchange.csv");
    let person = found(&bench, &["chen@meridian.example", "--offline", &exchange, "--tenant", "m"]);
    assert_eq!(
        (&person["email"], &person["matched"]),
        (&json!("wei.chen@meridian.example"), &json!("alias"))
    );
}

#[test]
fn columns_can_be_named_where_no_preset_fits() {
    let bench = Bench::new();
    bench.file("own.csv", "Post,Old Post,Who\njane@x.example,jd@x.example,Jane Doe\n");
    let options =
        ["--offline", "own.csv", "--tenant", "t", "--column", "email=Post", "--column", "aliases=Old Post"];
    let person = found(&bench, &[["jd@x.example"].as_slice(), &options].concat());
    assert_eq!((&person["email"], &person["matched"]), (&json!("jane@x.example"), &json!("alias")));
    bench.run(&["check", "own.csv", "--tenant", "t"]).exits(2);
    let ran = bench.run(&["check", "own.csv", "--tenant", "t", "--column", "email=Mail"]).exits(2);
    assert!(ran.stderr.contains("\"Mail\"") && ran.stderr.contains("\"Post\""), "{}", ran.stderr);
    let ran = bench.run(&["check", "own.csv", "--tenant", "t", "--column", "mail=Post"]).exits(2);
    assert!(ran.stderr.contains("display_name"), "{}", ran.stderr);
}

#[test]
fn the_domains_file_decides_what_get_finds_beside_the_literal_address() {
    let bench = Bench::new();
    bench.file("people.csv", "tenant,email\na,jane.doe@x.example\nb,jane.doe@y.example\nb,ann@z.example\n");
    bench.file(
        "domains.csv",
        "tenant,domain,kind,subaddress,dots_ignored\na,x.example,owned,+,\nb,y.example,owned,-,yes\nb,p.example,partner,,\n",
    );
    let get = |address: &str, status: i32| {
        let ran =
            bench.run(&["get", address, "--offline", "people.csv", "--domains", "domains.csv", "--json"]);
        ran.exits(status).json()[0]["people"][0]["matched"].clone()
    };
    assert_eq!(get("jane.doe+news@x.example", 0), "subaddress");
    get("jane.doe-news@x.example", 1);
    get("janedoe@x.example", 1);
    assert_eq!(get("jane.doe-news@y.example", 0), "subaddress");
    assert_eq!(get("janedoe@y.example", 0), "dots");
    assert_eq!(get("janedoe-news@y.example", 0), "dots");
    get("jane.doe+news@y.example", 1);
    get("ann+news@z.example", 1);
    let domain = |domain: &str| {
        let args = ["domain", domain, "--offline", "people.csv", "--domains", "domains.csv", "--json"];
        bench.run(&args).stdout
    };
    assert!(domain("x.example").contains("owned") && domain("P.example.").contains("partner"));
    assert!(domain("q.example").contains("absent"));

    bench.file("bad.csv", "tenant,domain,kind\na,x.example,friend\n");
    let ran = bench.run(&["get", "a@x.example", "--offline", "people.csv", "--domains", "bad.csv"]).exits(2);
    assert!(ran.stderr.contains("bad.csv line 2") && ran.stderr.contains("owned"), "{}", ran.stderr);
}
