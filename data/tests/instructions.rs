//! How instruction counts are compared: `data/benches/instructions` counts, this proves the comparison.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../benches/instructions/baseline.rs"]
mod baseline;

use baseline::{Baseline, Comparison};

fn counts(lines: &[(&str, f64)]) -> Baseline {
    let json = lines.iter().map(|(name, count)| line(name, "of_10", count * 10.0)).collect::<Vec<_>>();
    Baseline::from_json_lines(&json.join("\n"), "rustc 1 x86_64".into()).unwrap()
}

fn line(name: &str, id: &str, total: f64) -> String {
    format!(
        r#"{{"function_name":"{name}","id":"{id}","profiles":[{{"data":{{"total":{{"metrics":{{"Ir":{{"values":{{"new":{total}}}}}}}}}}}}}],"version":"7"}}"#
    )
}

fn is_same(was: &Baseline, now: &Baseline) -> bool {
    Comparison::new(was, now).is_same()
}

#[test]
fn three_in_a_hundred_more_or_fewer_are_the_same_and_a_bit_beyond_is_not() {
    let was = counts(&[("get", 1_000.0), ("build", 9.0)]);
    for (now, same) in [(1_000.0, true), (1_029.0, true), (971.0, true), (1_031.0, false), (969.0, false)] {
        assert_eq!(is_same(&was, &counts(&[("get", now), ("build", 9.0)])), same, "{now}");
    }
}

#[test]
fn what_is_counted_only_before_or_only_now_is_not_the_same() {
    let (one, two) = (counts(&[("get", 1.0)]), counts(&[("get", 1.0), ("miss", 1.0)]));
    assert!(!is_same(&one, &two) && !is_same(&two, &one));
    assert!(is_same(&two, &two));
}

#[test]
fn another_compiler_is_named_and_not_compared() {
    let was = counts(&[("get", 1_000.0)]);
    let other = Baseline::from_json_lines(&line("get", "of_1", 5_000.0), "rustc 2 x86_64".into()).unwrap();
    let comparison = Comparison::new(&was, &other);
    assert!(comparison.is_same());
    let table = comparison.to_string();
    assert!(table.contains("not compared") && table.contains("rustc 2 x86_64"), "{table}");
}

#[test]
fn the_table_marks_the_line_that_differs_and_says_what_to_do() {
    let (was, now) =
        (counts(&[("get", 1_000.0), ("miss", 50.0)]), counts(&[("get", 1_100.0), ("miss", 50.0)]));
    let table = Comparison::new(&was, &now).to_string();
    let marked: Vec<_> = table.lines().filter(|line| line.contains("<--")).collect();
    assert_eq!(marked.len(), 1, "{table}");
    assert!(marked[0].starts_with("get ") && marked[0].contains("1.100"), "{table}");
    assert!(table.contains("-- --write"), "{table}");
    let same = Comparison::new(&was, &was).to_string();
    assert!(!same.contains("<--") && !same.contains("--write"), "{same}");
}

#[test]
fn what_is_written_is_read_back() {
    let counts = counts(&[("get", 1_000.5), ("miss", 50.0)]);
    assert_eq!(Baseline::from_toml(&counts.to_toml()).unwrap(), counts);
}

#[test]
fn output_that_counts_nothing_is_an_error_and_not_an_empty_baseline() {
    let read = |text: &str| Baseline::from_json_lines(text, String::new());
    assert!(read(&line("get", "of_10", 1.0)).is_ok());
    assert!(read("").is_err());
    assert!(read("no JSON").is_err());
    assert!(read(&line("get", "of_0", 1.0)).is_err());
    assert!(read(&line("get", "ten", 1.0)).is_err());
    assert!(read(&line("get", "of_10", 1.0).replace("\"Ir\"", "\"Dr\"")).is_err());
}
