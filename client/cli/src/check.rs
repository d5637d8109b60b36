//! `check`: what a cycle of the daemon would make of these files, without publishing anything.
//!
//! It builds the segment in memory with the daemon's own builder and throws it away. That costs the
//! memory of a build; in return duplicates and foreign domains, which only show across rows, are found
//! too, and nothing passes here that the builder refuses. What needs the generation served now (people
//! that went missing, canaries) is the daemon's to judge.
//!
//! The builder runs without its limit on rejected rows, and the report is held against it afterwards:
//! so a refused file shows its problems instead of only their number.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};

use owo_colors::OwoColorize;
use persondb_data::input::{
    Canonical, InputError, InputSpec, Issue, Mapping, Notice, RejectReason, Report, Source, WarningKind,
    expand, read_header,
};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::args::{CheckArgs, Globals};
use crate::build;
use crate::exit::{Exit, Failure, complain};
use crate::output::{Output, Plain, grouped, table};

/// Problems and warnings each that text shows one by one; JSON has all that the report keeps.
const SHOWN: usize = 10;

/// The whole answer. `rows` to `notices` are missing when the files could not be read to the end.
#[derive(Serialize)]
struct Checked {
    result: &'static str,
    reason: Option<String>,
    files: Vec<CheckedFile>,
    #[serde(flatten)]
    found: Option<Found>,
}

/// One file: what its headers mean (of people files), and how many of its rows were left out.
#[derive(Serialize)]
struct CheckedFile {
    path: PathBuf,
    rows: Option<u64>,
    rejected: Option<u64>,
    columns: Vec<Column>,
}

/// One column. Without a meaning it is kept as an attribute, like all columns.
#[derive(Serialize)]
struct Column {
    header: String,
    meaning: Option<&'static str>,
}

/// What was found in the rows.
#[derive(Serialize)]
struct Found {
    segment_bytes: usize,
    #[serde(flatten)]
    report: ReportLine,
}

/// The report without its files, which stand beside their columns.
#[derive(Serialize)]
struct ReportLine {
    rows: u64,
    accepted: u64,
    rejected: u64,
    rejected_by_reason: BTreeMap<RejectReason, u64>,
    warnings: BTreeMap<WarningKind, u64>,
    other_addresses: u64,
    issues: Vec<Issue>,
    notices: Vec<Notice>,
}

/// `persondb check`.
pub(crate) fn run(globals: &Globals, args: &CheckArgs) -> Result<Exit, Failure> {
    let mut spec = build::spec(&args.input);
    // Read twice here, and again by the builder, so standard input needs a copy that stays.
    let copy = copy_of_stdin(&mut spec.people)?;
    let limits = spec.limits.clone();
    spec.limits.rejected_percent_max = f64::INFINITY;
    let (mut files, refused) = match columns(&spec) {
        Ok(files) => (files, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let (found, refused) = match refused {
        Some(_) => (None, refused),
        None => match build::attempt(&spec, args.input.rejects.clone()) {
            Ok((bytes, report)) => {
                count_rows(&mut files, &report);
                let empty = || "expected at least 1 person, found none: look at the export".to_owned();
                let refused = report.judge(&limits).err().map(|error| error.to_string());
                let refused = refused.or_else(|| (report.accepted == 0).then(empty));
                (Some(Found::new(bytes.len(), report)), refused)
            }
            Err(error) => (None, Some(error.to_string())),
        },
    };
    let reason = refused.map(|reason| match &copy {
        Some(copy) => reason.replace(&copy.path().display().to_string(), "standard input"),
        None => reason,
    });
    let result = if reason.is_some() { "refused" } else { "fine" };
    let checked = Checked { result, reason, files, found };
    let mut output = Output::stdout(globals.format());
    output.put(&checked, || text(&checked))?;
    Ok(match &checked.reason {
        None => Exit::Done,
        Some(reason) => {
            // With --json the reason stands on standard output too, where a program looks for it.
            complain(reason);
            Exit::Usage
        }
    })
}

impl Found {
    fn new(segment_bytes: usize, report: Report) -> Self {
        let Report {
            rows,
            accepted,
            rejected,
            rejected_by_reason,
            warnings,
            other_addresses,
            issues,
            notices,
            ..
        } = report;
        let report = ReportLine {
            rows,
            accepted,
            rejected,
            rejected_by_reason,
            warnings,
            other_addresses,
            issues,
            notices,
        };
        Self { segment_bytes, report }
    }
}

/// Puts the counts of each file beside its columns; aliases and domains files come last.
fn count_rows(files: &mut Vec<CheckedFile>, report: &Report) {
    for counts in &report.files {
        let (rows, rejected) = (Some(counts.rows), Some(counts.rejected));
        match files.iter_mut().find(|file| file.path == counts.path) {
            Some(file) => (file.rows, file.rejected) = (rows, rejected),
            None => {
                files.push(CheckedFile { path: counts.path.clone(), rows, rejected, columns: Vec::new() });
            }
        }
    }
}

/// What a column of a file means; `None` when it is an attribute like any other.
pub(crate) fn meaning(mapping: &Mapping, column: u16) -> Option<&'static str> {
    Canonical::ALL.into_iter().find(|c| mapping.columns(*c).contains(&column)).map(Canonical::name)
}

/// Puts a copy of standard input in the place of `-`.
fn copy_of_stdin(people: &mut [PathBuf]) -> Result<Option<NamedTempFile>, Failure> {
    let Some(place) = people.iter_mut().find(|path| *path == Path::new("-")) else {
        return Ok(None);
    };
    let copied = NamedTempFile::with_suffix(".csv").and_then(|mut file| {
        io::copy(&mut io::stdin().lock(), &mut file)?;
        Ok(file)
    });
    let file = copied.map_err(|error| Failure::usage(format!("standard input cannot be copied: {error}")))?;
    file.path().clone_into(place);
    Ok(Some(file))
}

/// What the headers of the people files mean.
fn columns(spec: &InputSpec) -> Result<Vec<CheckedFile>, InputError> {
    let of_file = |path: PathBuf| {
        let header = read_header(&Source::open(&path, &spec.limits)?, &spec.limits)?;
        let mapping = Mapping::from_header(&header, &spec.columns, spec.tenant.as_deref())?;
        let columns = (0_u16..)
            .zip(mapping.headers())
            .map(|(number, header)| Column { header: header.clone(), meaning: meaning(&mapping, number) })
            .collect();
        Ok(CheckedFile { path, rows: None, rejected: None, columns })
    };
    expand(&spec.people)?.into_iter().map(of_file).collect()
}

fn text(checked: &Checked) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = checked.files.iter().try_for_each(|file| write_file(&mut out, file));
    let _ = checked.found.as_ref().map_or(Ok(()), |found| write_found(&mut out, found));
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
    if !file.columns.is_empty() {
        let rows = file.columns.iter().map(|column| {
            let meaning = column.meaning.unwrap_or("(kept as an attribute)").to_owned();
            vec![Plain(&column.header).to_string(), meaning]
        });
        writeln!(out, "{}", table(&["HEADER", "MEANING"], rows))?;
    }
    Ok(())
}

fn write_found(out: &mut String, found: &Found) -> fmt::Result {
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
    let rejected = report.rejected_by_reason.iter().map(|(reason, count)| {
        vec!["rejected".to_owned(), grouped(*count), reason.to_string(), reject_remedy(*reason).to_owned()]
    });
    let warned = report.warnings.iter().map(|(kind, count)| {
        let (what, remedy) = warning_words(*kind);
        vec!["warning".to_owned(), grouped(*count), what.to_owned(), remedy.to_owned()]
    });
    let problems: Vec<_> = rejected.chain(warned).collect();
    if !problems.is_empty() {
        write!(out, "\n{}", table(&["PROBLEM", "COUNT", "WHAT", "REMEDY"], problems))?;
    }
    for issue in report.issues.iter().take(SHOWN) {
        write!(out, "{}:{}", Plain(&issue.file.to_string_lossy()), issue.line)?;
        if let Some(column) = &issue.column {
            write!(out, ":{}", Plain(column))?;
        }
        write!(out, ": {}", issue.reason)?;
        if !issue.value.is_empty() {
            write!(out, ": {}", Plain(&issue.value))?;
        }
        out.push('\n');
    }
    for notice in report.notices.iter().take(SHOWN) {
        let file = notice.file.to_string_lossy();
        writeln!(out, "{}:{}: {}", Plain(&file), notice.line, warning_words(notice.kind).0)?;
    }
    Ok(())
}

fn reject_remedy(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::Ragged => "look for an unquoted delimiter or line break in the row",
        RejectReason::FieldTooLong | RejectReason::NameTooLong => "shorten the value in the source system",
        RejectReason::NoTenant => "fill the column, or give --tenant",
        RejectReason::TenantTooLong | RejectReason::PersonIdTooLong => "use the system's short identifier",
        RejectReason::NoAddress => "fill the column, or leave such rows out of the export",
        RejectReason::InvalidAddress | RejectReason::AddressTooLong => "correct the address",
        RejectReason::NoPerson => "fill person_id or email",
        RejectReason::InvalidDomain => "correct the domain",
        RejectReason::InvalidDomainKind => "write owned or partner",
        RejectReason::InvalidSubaddress => "write one character such as +, or nothing",
        _ => "correct the row",
    }
}

/// What is odd, and what to do about it.
fn warning_words(kind: WarningKind) -> (&'static str, &'static str) {
    match kind {
        WarningKind::NoName => ("no name", "fill a name column: without one only addresses are found"),
        WarningKind::DamagedName => ("name with U+FFFD or ? for letters", "export as UTF-8"),
        WarningKind::Formula => {
            ("value that starts like a formula", "harmless here; do not open it in a spreadsheet")
        }
        WarningKind::DuplicatePerson => {
            ("same person again", "one row a person: the first value counts, later rows fill blanks")
        }
        WarningKind::DomainNotOfTenant => (
            "address outside the tenant's domains",
            "add the domain to the domains file, or correct the tenant",
        ),
        WarningKind::InvalidAlias => ("alias that is no address", "correct it: it is not found"),
        WarningKind::InvalidPersonalEmail => ("personal address that is none", "correct it: it is not found"),
        WarningKind::UnknownKind => {
            ("unknown kind, taken as person", "write person, shared, role, service, guest or external")
        }
        WarningKind::UnknownStatus => {
            ("unknown status, taken as active", "write active, suspended or terminated")
        }
        WarningKind::UnknownVip => ("unknown vip, taken as 0", "write 0 to 3, true or false"),
        WarningKind::StrayQuote => ("text after a closing quote", "double quotes within a quoted value"),
        WarningKind::UnknownFlag => ("neither yes nor no, taken as no", "write true or false"),
        WarningKind::AliasOfNobody => {
            ("alias of somebody who is in no people file", "export both files at the same time")
        }
        _ => ("something else", "see the release notes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_warning_has_words_of_its_own() {
        let words: std::collections::BTreeSet<_> =
            WarningKind::ALL.into_iter().map(|kind| warning_words(kind).0).collect();
        assert_eq!(words.len(), WarningKind::ALL.len());
        assert!(!words.contains("something else"));
    }
}
