//! `check` for people: each file with its columns, a table of the problems, the first of them one by one.

use std::fmt::{self, Write};

use owo_colors::OwoColorize;
use persondb_data::input::Preset;

use super::{Checked, CheckedFile, Column, Found, Place, words};
use crate::output::{Plain, grouped, table};

/// Rejected rows and warnings each that are shown one by one; JSON has all that the report keeps.
const SHOWN: usize = 10;

pub(super) fn of(checked: &Checked) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = checked.files.iter().try_for_each(|file| write_file(&mut out, file));
    let _ = checked.found.as_ref().map_or(Ok(()), |found| write_found(&mut out, found, checked.files.len()));
    let verdict =
        if checked.reason.is_some() { "refused".red().to_string() } else { "fine".green().to_string() };
    out + &verdict + "\n"
}

fn write_file(out: &mut String, file: &CheckedFile) -> fmt::Result {
    write!(out, "{}", Plain(&file.path.to_string_lossy()).bold())?;
    if let (Some(rows), Some(rejected)) = (file.rows, file.rejected) {
        write!(out, ": {} rows, {} rejected", grouped(rows), grouped(rejected))?;
    }
    out.push('\n');
    match file.preset {
        Some(Preset::Generic) => out.push_str("preset generic: columns by their names\n"),
        Some(preset) => writeln!(out, "preset {}", preset.cyan())?,
        None => {}
    }
    if !file.columns.is_empty() {
        let rows = file.columns.iter().map(|column| vec![Plain(&column.header).to_string(), meaning(column)]);
        writeln!(out, "{}", table(&["HEADER", "MEANING"], rows))?;
    }
    Ok(())
}

/// `email, where "mail" is blank`.
fn meaning(column: &Column) -> String {
    if column.meanings.is_empty() {
        return "(kept as an attribute)".to_owned();
    }
    let meanings = column.meanings.iter().map(|meaning| match &meaning.after {
        Some(before) => format!("{}, where {:?} is blank", meaning.name, Plain(before).to_string()),
        None => meaning.name.to_owned(),
    });
    meanings.collect::<Vec<_>>().join("; ")
}

fn write_found(out: &mut String, found: &Found, files: usize) -> fmt::Result {
    let report = &found.report;
    writeln!(
        out,
        "in all {} rows: {} accepted, {} rejected; {} bytes of segment",
        grouped(report.rows),
        grouped(report.accepted),
        grouped(report.rejected),
        grouped(found.segment_bytes as u64)
    )?;
    if report.other_addresses > 0 {
        writeln!(
            out,
            "addresses of other types than mail, not indexed: {}",
            grouped(report.other_addresses)
        )?;
    }
    let problems = report.problems.iter().map(|problem| {
        vec![
            problem.outcome.to_owned(),
            grouped(problem.count),
            problem.what.clone(),
            problem.first.as_ref().map_or_else(String::new, |place| first(place, files)),
            problem.remedy.to_owned(),
        ]
    });
    let problems: Vec<_> = problems.collect();
    if !problems.is_empty() {
        out.push('\n');
        for line in table(&["PROBLEM", "COUNT", "WHAT", "FIRST", "REMEDY"], problems).lines() {
            // Coloured when the table is laid out: colours would count as letters.
            match (line.strip_prefix("rejected"), line.strip_prefix("warning")) {
                (Some(rest), _) => writeln!(out, "{}{rest}", "rejected".red())?,
                (_, Some(rest)) => writeln!(out, "{}{rest}", "warning".yellow())?,
                _ => writeln!(out, "{line}")?,
            }
        }
    }
    for issue in report.issues.iter().take(SHOWN) {
        write!(out, "{}:{}", Plain(&issue.file.to_string_lossy()), issue.line)?;
        write_column(out, issue.column.as_deref())?;
        write!(out, ": {}", issue.reason)?;
        write_value(out, &issue.value)?;
    }
    for notice in report.notices.iter().take(SHOWN) {
        write!(out, "{}:{}", Plain(&notice.file.to_string_lossy()), notice.line)?;
        write_column(out, notice.column.as_deref())?;
        write!(out, ": {}", words::warning_words(notice.kind).0)?;
        write_value(out, &notice.value)?;
    }
    Ok(())
}

fn write_column(out: &mut String, column: Option<&str>) -> fmt::Result {
    column.map_or(Ok(()), |column| write!(out, ":{}", Plain(column)))
}

fn write_value(out: &mut String, value: &str) -> fmt::Result {
    if value.is_empty() { writeln!(out) } else { writeln!(out, ": {}", Plain(value)) }
}

/// Line and column; the file's name too where there are several files.
fn first(place: &Place, files: usize) -> String {
    let mut text = format!("line {}", place.line);
    if files > 1 {
        let name = place.file.file_name().unwrap_or(place.file.as_os_str());
        text = format!("{} {text}", Plain(&name.to_string_lossy()));
    }
    match &place.column {
        Some(column) => format!("{text}, {}", Plain(column)),
        None => text,
    }
}
