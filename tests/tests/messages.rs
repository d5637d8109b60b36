//! Messages through the real programs: mapped, asked of the daemon and matched by many processes under rolls.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use persondb_tests::{Daemon, Output, Programs, Setup, Table, read_table};
use serde_json::{Value, json};

/// Messages that are tried.
const MESSAGES: usize = 3000;

/// Pieces of what senders write, well-formed and not.
const PIECES: [&str; 28] = [
    " ",
    ",",
    ";",
    "<",
    ">",
    "\"",
    "(",
    ")",
    ":",
    "\\",
    "@",
    "=?utf-8?q?J=C3=A4ne?=",
    "=?iso-8859-1?b?SvxyZ2Vu?=",
    "=?bad?x?",
    "\u{200b}",
    "\u{202e}",
    "D\u{43e}e",
    "张伟",
    "é",
    "via list",
    "Dr.",
    ", Jr.",
    "undisclosed-recipients:;",
    "<@a,@b:",
    "+tag@",
    "@[192.0.2.1]",
    "\r\n ",
    "x@y.example",
];

/// Numbers that are the same in each run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

fn generated(folder: &Path) -> std::path::PathBuf {
    let people = folder.join("people.csv");
    let mut command = Programs::get().persondb();
    Output::of(command.args(["generate", "--hard", "--people", "20000", "-o"]).arg(&people)).ended_with(0);
    people
}

/// A value of a header: somebody's name and address, misspelt perhaps, and pieces between.
fn header(random: &mut Random, table: &Table) -> String {
    let row = &table.rows[random.below(table.rows.len())];
    let other = &table.rows[random.below(table.rows.len())];
    let mut address = row["email"].clone();
    if random.below(3) == 0 {
        let at: Vec<usize> = address.char_indices().map(|(at, _)| at).collect();
        address.insert(at[random.below(at.len())], ['x', '1', '.', 'é'][random.below(4)]);
    }
    let mut text = match random.below(4) {
        0 => address,
        1 => format!("{} <{address}>", row["display_name"]),
        2 => format!("\"{}\" <{address}>", other["display_name"].replace('"', "")),
        _ => format!("{address} ({})", other["display_name"]),
    };
    for _ in 0..random.below(3) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        text.insert_str(places[random.below(places.len())], PIECES[random.below(PIECES.len())]);
    }
    text
}

fn messages(table: &Table) -> String {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut lines = String::new();
    for number in 0..MESSAGES {
        let to: Vec<String> = (0..random.below(6)).map(|_| header(&mut random, table)).collect();
        let mut message = json!({"from": header(&mut random, table), "to": to});
        if random.below(4) == 0 {
            message["reply_to"] = header(&mut random, table).into();
            message["envelope_from"] = header(&mut random, table).into();
        }
        if random.below(6) == 0 {
            message["from_name"] = table.rows[random.below(table.rows.len())]["display_name"].clone().into();
        }
        if number % 1000 == 7 {
            message["cc"] = header(&mut random, table).repeat(4000).into();
        }
        lines.push_str(&message.to_string());
        lines.push('\n');
    }
    lines
}

fn answers(daemon: &Daemon, via: &str, input: &str) -> String {
    let mut command: Command = daemon.persondb(["match", "--ndjson", "--limit", "5", "--via", via]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn mapped_and_asked_answers_are_the_same_bytes_for_whatever_senders_write() {
    let folder = tempfile::tempdir().unwrap();
    let people = generated(folder.path());
    let daemon = Setup::new(&people).start();
    let input = messages(&read_table(&people));
    let mapped = answers(&daemon, "map", &input);
    let asked = answers(&daemon, "socket", &input);
    for (number, (one, other)) in mapped.lines().zip(asked.lines()).enumerate() {
        assert_eq!(one, other, "{}", input.lines().nth(number).unwrap());
    }
    assert_eq!((mapped.lines().count(), asked.len()), (MESSAGES, mapped.len()));
    let parsed = mapped.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (mut with_people, mut with_candidates) = (0, 0);
    for answer in parsed {
        assert_eq!(answer["answer"], "matched");
        with_people += usize::from(!answer["from"]["people"].as_array().is_none_or(Vec::is_empty));
        with_candidates += usize::from(answer["candidate_count"] != 0);
    }
    assert!(
        with_people > MESSAGES / 4 && with_candidates > 0,
        "{with_people} {with_candidates}: a trial of something"
    );
}

#[test]
fn no_message_fails_or_is_misjudged_while_generations_change() {
    let folder = tempfile::tempdir().unwrap();
    let people = generated(folder.path());
    let daemon = Setup::new(&people).start();
    let load = |more: &[&str]| {
        let mut load = daemon.persondb(["load", "--json", "--match", "--clients", "2"]);
        let result = Output::of(load.args(more)).ended_with(0).json().remove(0);
        for count in ["errors", "unavailable", "wrong", "mixed"] {
            assert_eq!(result[count], 0, "{count}: {result}");
        }
        result
    };
    let csv = people.to_str().unwrap();
    let mapped = load(&["--via", "map", "--people", csv, "--rolls", "2", "--hits", "0.25"]);
    assert_eq!((&mapped["ask"], &mapped["rolls"]), (&json!("match"), &json!(2)));
    assert_eq!(mapped["compared"], mapped["lookups"]);
    let (known, strangers) = (mapped["found"].as_u64().unwrap(), mapped["absent"].as_u64().unwrap());
    assert!(known > 0 && strangers > 2 * known && strangers < 4 * known, "{known} {strangers}");
    let asked = load(&[
        "--via",
        "socket",
        "--people",
        csv,
        "--lookups",
        "2000",
        "--batch",
        "3",
        "--connections",
        "4",
    ]);
    assert_eq!(asked["lookups"], 16_000);
    let live = load(&["--lookups", "2000"]);
    assert_eq!((&live["lookups"], &live["compared"]), (&json!(4000), &json!(4000)));
    assert!(daemon.status()["socket_queries"].as_u64().unwrap() >= 16_000);
}
