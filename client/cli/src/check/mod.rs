//! `check`: what a cycle of the daemon would make of these files, without publishing anything.
//!
//! It builds the segment in memory with the daemon's own builder and throws it away. That costs the
//! memory of a build; in return duplicates and foreign domains, which only show across rows, are found
//! too, and nothing passes here that the builder refuses. What needs the generation served now (people
//! that went missing, canaries) is the daemon's to judge.
//!
//! The builder runs without its limit on rejected rows, and the report is held against it afterwards:
//! so a refused file shows its problems instead of only their number.

mod text;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use persondb_data::input::{
    Canonical, InputError, InputSpec, Issue, Mapping, Notice, Preset, RejectReason, Report, Source,
    WarningKind, expand, read_header,
};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::args::{CheckArgs, Globals};
use crate::build;
use crate::exit::{Exit, Failure, complain};
use crate::output::Output;

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
    preset: Option<Preset>,
    rows: Option<u64>,
    rejected: Option<u64>,
    columns: Vec<Column>,
}

/// One column. Without a meaning it is kept as an attribute, like all columns.
#[derive(Serialize)]
struct Column {
    header: String,
    /// The first of `meanings`.
    meaning: Option<&'static str>,
    meanings: Vec<Meaning>,
}

/// One meaning of a column.
#[derive(Serialize)]
struct Meaning {
    name: &'static str,
    /// Header of the column that goes before it where it is not blank.
    after: Option<String>,
}

/// One kind of problem: how often, where first, and what to do.
#[derive(Serialize)]
struct Problem {
    #[serde(rename = "problem")]
    outcome: &'static str,
    kind: Kind,
    count: u64,
    what: String,
    remedy: &'static str,
    first: Option<Place>,
}

/// What a row was left out or warned about for.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Kind {
    Rejected(RejectReason),
    Warning(WarningKind),
}

/// Where something stands.
#[derive(Serialize)]
struct Place {
    file: PathBuf,
    line: u64,
    column: Option<String>,
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
    problems: Vec<Problem>,
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
    output.put(&checked, || text::of(&checked))?;
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
        let problems = problems(&report);
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
            problems,
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
        if let Some(file) = files.iter_mut().find(|file| file.path == counts.path) {
            (file.rows, file.rejected) = (rows, rejected);
        } else {
            let path = counts.path.clone();
            files.push(CheckedFile { path, preset: None, rows, rejected, columns: Vec::new() });
        }
    }
}

/// What a column of a file means; `None` when it is an attribute like any other.
pub(crate) fn meaning(mapping: &Mapping, column: u16) -> Option<&'static str> {
    Canonical::ALL.into_iter().find(|c| mapping.columns(*c).contains(&column)).map(Canonical::name)
}

fn meanings(mapping: &Mapping, column: u16) -> Vec<Meaning> {
    let of = |canonical: Canonical| {
        let columns = mapping.columns(canonical);
        let at = columns.iter().position(|&known| known == column)?;
        // Lists are those of all columns together; of anything else the first that is not blank counts.
        let is_list =
            matches!(canonical, Canonical::Aliases | Canonical::PersonalEmails | Canonical::OtherNames);
        let before = columns.get(at.wrapping_sub(1)).filter(|_| !is_list);
        let after = before.and_then(|&before| mapping.headers().get(usize::from(before))).cloned();
        Some(Meaning { name: canonical.name(), after })
    };
    Canonical::ALL.into_iter().filter_map(of).collect()
}

/// Every kind of problem, the rejected rows first.
fn problems(report: &Report) -> Vec<Problem> {
    let rejected = report.rejected_by_reason.iter().map(|(&reason, &count)| {
        let first = report.issues.iter().find(|issue| issue.reason == reason);
        Problem {
            outcome: "rejected",
            kind: Kind::Rejected(reason),
            count,
            what: reason.to_string(),
            remedy: words::reject_remedy(reason),
            first: first.map(|issue| Place {
                file: issue.file.clone(),
                line: issue.line,
                column: issue.column.clone(),
            }),
        }
    });
    let warned = report.warnings.iter().map(|(&kind, &count)| {
        let first = report.notices.iter().find(|notice| notice.kind == kind);
        let (what, remedy) = words::warning_words(kind);
        Problem {
            outcome: "warning",
            kind: Kind::Warning(kind),
            count,
            what: what.to_owned(),
            remedy,
            first: first.map(|notice| Place {
                file: notice.file.clone(),
                line: notice.line,
                column: notice.column.clone(),
            }),
        }
    });
    rejected.chain(warned).collect()
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
        let mapping = Mapping::from_header(&header, spec)?;
        let columns = (0_u16..)
            .zip(mapping.headers())
            .map(|(number, header)| Column {
                header: header.clone(),
                meaning: meaning(&mapping, number),
                meanings: meanings(&mapping, number),
            })
            .collect();
        Ok(CheckedFile { path, preset: Some(mapping.preset()), rows: None, rejected: None, columns })
    };
    expand(&spec.people)?.into_iter().map(of_file).collect()
}
