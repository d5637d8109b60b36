//! The shipped units and the sample configuration, checked by the programs that read them.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn persondbd() -> Command {
    Command::new(env!("CARGO_BIN_EXE_persondbd"))
}

#[test]
fn units_pass_systemd_analyze_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    for unit in ["persondb@.service", "persondb@.socket"] {
        let text = std::fs::read_to_string(shipped().join(unit)).unwrap();
        // The programs are looked up; where they are not installed, something executable stands in.
        let text = text.replace("/usr/bin/persondbd", "/bin/true").replace("/usr/bin/persondb", "/bin/true");
        std::fs::write(folder.path().join(unit.replace('@', "@eu")), &text).unwrap();
        std::fs::write(folder.path().join(unit), text).unwrap();
    }
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .args(["persondb@eu.service", "persondb@eu.socket"].map(|unit| folder.path().join(unit)))
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()))
        .output();
    let Ok(output) = output else { return println!("skipped: no systemd-analyze") };
    // It ends with 0 even after warnings, and speaks of every unit of the machine: only ours count.
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<_> =
        said.lines().filter(|line| line.contains("persondb") && !line.contains("man persondb")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

#[test]
fn the_sample_configuration_is_understood_whole() {
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.csv");
    std::fs::write(&people, "tenant_id,email\nt,a@example.com\n").unwrap();
    let sample = shipped().join("persondb.toml");
    let check = |path: &Path| {
        let people = people.to_str().unwrap();
        persondbd().args(["--check-config", "--people", people, "--config"]).arg(path).output().unwrap()
    };
    let output = check(&sample);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Every line that is commented out is right too, as far as it does not name groups of another machine.
    let all: String = std::fs::read_to_string(&sample)
        .unwrap()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.contains(" = ") && !rest.starts_with(' ') && !rest.contains("group") => rest,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n")
        .replace("aliases.csv", people.to_str().unwrap())
        .replace("domains.csv", people.to_str().unwrap());
    let copy = folder.path().join("all.toml");
    std::fs::write(&copy, all).unwrap();
    let output = check(&copy);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2.0 GiB"), "memory_max was read");
}

#[test]
fn a_configuration_with_a_wrong_key_ends_with_status_2_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.toml");
    std::fs::write(&path, "people = [\"a.csv\"]\nretian = 3\n").unwrap();
    let output = persondbd().args(["--check-config", "--config"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("retian") && said.contains("line 2"), "{said}");
}

#[test]
fn manual_and_completions_are_printed() {
    let output = persondbd().arg("--man").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(".TH persondbd"));
    let output = persondbd().args(["--completions", "bash"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("--check-config"));
}
