//! `check`, `build`, `verify`, `inspect`, `generate` on files: what is accepted, what is refused, and that
//! nothing half-made is left.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{Bench, read_csv, sample};
use serde_json::json;

#[test]
fn the_samples_are_fine_and_their_headers_are_understood() {
    let bench = Bench::new();
    let ran = bench
        .run(&[
            "check",
            &sample("people.csv"),
            "--aliases",
            &sample("aliases.csv"),
            "--domains",
            &sample("domains.csv"),
            "--json",
        ])
        .exits(0);
    let [checked] = ran.json().try_into().unwrap();
    assert_eq!((&checked["result"], &checked["reason"]), (&json!("fine"), &json!(null)));
    assert_eq!(checked["rejected"], 0, "{checked}");
    let rows: Vec<_> = checked["files"].as_array().unwrap().iter().map(|f| f["rows"].as_u64()).collect();
    assert_eq!(rows, [Some(60), Some(8), Some(8)], "people, aliases, domains");
    let columns = checked["files"][0]["columns"].as_array().unwrap();
    let meaning = |header: &str| &columns.iter().find(|c| c["header"] == header).unwrap()["meaning"];
    for header in ["tenant_id", "email", "aliases", "other_names", "personal_emails", "vip", "kind", "status"]
    {
        assert_eq!(meaning(header), header);
    }
    assert_eq!(meaning("badge"), &json!(null));
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_bad_row_is_shown_with_file_line_and_column_and_too_many_refuse_the_file() {
    let bench = Bench::new();
    let mut people = String::from("tenant_id,E-Mail,Full Name\n");
    for i in 0..200 {
        people.extend(["t,p", &i.to_string(), "@corp.example,\"Person\n", &i.to_string(), "\"\n"]);
    }
    bench.file("good.csv", format!("{people}t,nonsense,Jane\n"));
    let ran = bench.run(&["check", "good.csv", "--json", "--rejects", "rejects.csv"]).exits(0);
    let [checked] = ran.json().try_into().unwrap();
    assert_eq!((&checked["rows"], &checked["rejected"]), (&json!(201), &json!(1)));
    let issue = &checked["issues"][0];
    assert_eq!(
        (&issue["line"], &issue["column"], &issue["reason"], &issue["value"]),
        (&json!(402), &json!("E-Mail"), &json!("invalid_address"), &json!("nonsense"))
    );
    let rejects = read_csv(&fs::read_to_string(bench.path("rejects.csv")).unwrap());
    assert_eq!(rejects.len(), 2, "{rejects:?}");
    assert!(rejects[1].contains(&"402".to_owned()), "{rejects:?}");

    bench.file("bad.csv", format!("{people}{}", "t,nonsense,Jane\n".repeat(5)));
    let ran = bench.run(&["check", "bad.csv", "--json"]).exits(2);
    let [checked] = ran.json().try_into().unwrap();
    assert_eq!((&checked["result"], &checked["rejected"]), (&json!("refused"), &json!(5)));
    assert_eq!(checked["issues"].as_array().unwrap().len(), 5);
    assert!(ran.stderr.contains("bad.csv") && ran.stderr.contains("402"), "{}", ran.stderr);
    let text = bench.run(&["check", "bad.csv"]).exits(2).stdout;
    assert!(text.contains("bad.csv:402:E-Mail: not an address: nonsense\n"), "{text}");
    assert!(text.ends_with("refused\n"), "{text}");

    // What `check` refuses, nothing else accepts.
    bench.run(&["build", "bad.csv", "-o", "bad.segment"]).exits(2);
    bench.run(&["get", "p1@corp.example", "--offline", "bad.csv"]).exits(2);
    assert!(!bench.path("bad.segment").exists());
}

#[test]
fn a_file_that_is_no_people_file_is_refused_with_its_name() {
    let bench = Bench::new();
    for (name, contents) in [
        ("headless.csv", b"".as_slice()),
        ("no-address.csv", b"tenant_id,name\nt,Jane\n"),
        ("twice.csv", b"tenant_id,email,email\nt,a@b.example,a@b.example\n"),
        ("nul.csv", b"tenant_id,email\nt,a\0@b.example\n"),
        ("latin1.csv", b"tenant_id,email,name\nt,a@b.example,J\xfcrgen\n"),
        ("quote.csv", b"tenant_id,email,name\nt,a@b.example,\"Jane\nt,b@b.example,John\n"),
        ("no-tenant.csv", b"email\na@b.example\n"),
    ] {
        bench.file(name, contents);
        let ran = bench.run(&["check", name, "--json"]).exits(2);
        let [checked] = ran.json().try_into().unwrap();
        assert_eq!(checked["result"], "refused");
        let reason = checked["reason"].as_str().unwrap();
        assert!(reason.contains(name) && ran.stderr.contains(reason), "{ran:?}");
    }
    bench.run(&["check", "no-tenant.csv", "--tenant", "t"]).exits(0);
}

#[test]
fn check_reads_standard_input() {
    let bench = Bench::new();
    let ran =
        bench.run_with(&["check", "-", "--json"], b"tenant_id,email,name\nt,a@b.example,Ann\n").exits(0);
    assert_eq!(ran.json()[0]["accepted"], 1);
    let ran = bench.run_with(&["check", "-", "--json"], b"tenant_id,name\nt,Ann\n").exits(2);
    assert!(ran.stderr.contains("standard input"), "{}", ran.stderr);
}

#[test]
fn a_built_segment_verifies_and_its_sections_add_up() {
    let bench = Bench::new();
    let ran = bench.run(&["build", &sample("people.csv"), "-o", "people.segment", "--json"]).exits(0);
    let size = fs::metadata(bench.path("people.segment")).unwrap().len();
    assert_eq!((&ran.json()[0]["segment_bytes"], &ran.json()[0]["rows"]), (&json!(size), &json!(60)));

    let verified = bench.run(&["verify", "people.segment", "--json"]).exits(0).json();
    assert_eq!((&verified[0]["result"], &verified[0]["people"]), (&json!("intact"), &json!(60)));
    assert!(verified[0]["lookups"].as_u64().unwrap() >= 120, "{verified:?}");

    let [inspected] = bench.run(&["inspect", "people.segment", "--json"]).exits(0).json().try_into().unwrap();
    assert_eq!((&inspected["people"], &inspected["tenants"]), (&json!(60), &json!(3)));
    assert_eq!(inspected["segment_bytes"], size);
    let sections = inspected["sections"].as_array().unwrap();
    assert_eq!(sections.iter().map(|s| s["bytes"].as_u64().unwrap()).sum::<u64>(), size);
    // What the columns take is what the sections take that columns stand in.
    let columns = inspected["columns"].as_array().unwrap();
    let of_columns: u64 = columns.iter().map(|column| column["bytes"].as_u64().unwrap()).sum();
    let named = ["rows", "tails", "dictionary", "text table"];
    let of_columns_in_sections = sections.iter().filter(|s| named.contains(&s["section"].as_str().unwrap()));
    assert_eq!(of_columns_in_sections.map(|s| s["bytes"].as_u64().unwrap()).sum::<u64>(), of_columns);
    let column = |name: &str| columns.iter().find(|column| column["header"] == name).unwrap();
    assert_eq!(
        (&column("tenant_id")["stored"], &column("email")["stored"]),
        (&json!("tenant"), &json!("address"))
    );
    let written = read_csv(&fs::read_to_string(sample("people.csv")).unwrap());
    let badges: BTreeSet<_> = written[1..].iter().filter_map(|row| row.last()).collect();
    assert_eq!(column("badge")["distinct"], badges.len());
    let text = bench.run(&["inspect", "people.segment"]).exits(0).stdout;
    assert!(text.contains("rows") && text.contains("60 people in 3 tenants"), "{text}");
}

#[test]
fn one_changed_byte_anywhere_fails_verification_and_a_foreign_file_is_no_segment() {
    let bench = Bench::new();
    bench.run(&["build", &sample("people.csv"), "-o", "people.segment"]).exits(0);
    let whole = fs::read(bench.path("people.segment")).unwrap();
    // Bytes between the sections carry nothing and are zero; a change of any other has to show.
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        bench.file("changed.segment", &bytes);
        let ran = bench.run(&["verify", "changed.segment"]);
        assert!(ran.status == 3 || whole[at] == 0, "byte {at} of {}: {ran:?}", whole.len());
    }
    for (name, bytes) in
        [("cut", &whole[..whole.len() - 1]), ("empty", b"".as_slice()), ("text", b"PersonDB".as_slice())]
    {
        bench.file(name, bytes);
        for command in ["verify", "inspect"] {
            let ran = bench.run(&[command, name, "--json"]).exits(3);
            assert!(ran.stdout.is_empty() && ran.stderr.contains(name), "{ran:?}");
        }
    }
    bench.run(&["verify", "missing.segment"]).exits(2);
}

#[test]
fn a_build_replaces_a_file_only_when_it_is_complete_and_never_a_device() {
    let bench = Bench::new();
    bench.file("old.segment", "old");
    bench.file("bad.csv", "name\nJane\n");
    bench.run(&["build", "bad.csv", "-o", "old.segment"]).exits(2);
    assert_eq!(fs::read(bench.path("old.segment")).unwrap(), b"old");
    bench.run(&["build", &sample("people.csv"), "-o", "old.segment"]).exits(0);
    assert_ne!(fs::read(bench.path("old.segment")).unwrap(), b"old");
    // A folder stands for everything that is no file: a device would be replaced by a rename too.
    fs::create_dir(bench.path("folder")).unwrap();
    bench.run(&["build", &sample("people.csv"), "-o", "folder"]).exits(4);
    bench.run(&["build", &sample("people.csv"), "-o", "no/such/folder"]).exits(4);
    let left: Vec<_> = fs::read_dir(bench.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn generated_people_are_the_same_for_the_same_seed_and_pass_the_check() {
    let bench = Bench::new();
    let generate = |seed: &str, output: &str| {
        let args = ["generate", "--people", "300", "--tenants", "3", "--seed", seed, "-o", output, "--json"];
        bench.run(&args).exits(0)
    };
    assert_eq!(generate("7", "a.csv").json()[0]["people"], 300);
    generate("7", "b.csv");
    generate("8", "c.csv");
    let read = |name: &str| fs::read(bench.path(name)).unwrap();
    assert_eq!(read("a.csv"), read("b.csv"));
    assert_ne!(read("a.csv"), read("c.csv"));
    let stdout = bench.run(&["generate", "--people", "300", "--tenants", "3", "--seed", "7"]).exits(0).stdout;
    assert_eq!(stdout.as_bytes(), read("a.csv"));
    assert_eq!(bench.run(&["check", "a.csv", "--json"]).exits(0).json()[0]["accepted"], 300);
    bench.run(&["generate", "--people", "3", "--tenants", "4"]).exits(2);
}

#[test]
fn every_command_has_help_with_an_example_and_pages_and_completions_name_them_all() {
    let bench = Bench::new();
    let script = bench.run(&["completions", "bash"]).exits(0).stdout;
    bench.run(&["man", "--directory", "pages"]).exits(0);
    assert!(bench.run(&["man"]).exits(0).stdout.contains("persondb"));
    for command in [
        "get",
        "person",
        "name",
        "domain",
        "status",
        "roll",
        "rollback",
        "hold",
        "release",
        "generations",
        "clients",
        "cleanup",
        "check",
        "build",
        "verify",
        "inspect",
        "generate",
        "load",
        "demo",
    ] {
        let help = bench.run(&[command, "--help"]).exits(0).stdout;
        assert!(
            help.contains(&format!("persondb {command}")) && help.contains("Example"),
            "{command}: {help}"
        );
        assert!(help.contains("--json") && help.contains("--name"), "{command}: {help}");
        assert!(script.contains(command), "{command}");
        assert!(bench.path(&format!("pages/persondb-{command}.1")).exists(), "{command}");
    }
    assert!(bench.run(&["--version"]).exits(0).stdout.starts_with("persondb "));
}
