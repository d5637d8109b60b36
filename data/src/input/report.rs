//! What is said about the rows of a load: all counted, the first few shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::classify::{Acceptance, Reject, RejectReason, WarningKind, Warnings};
use super::{InputError, InputLimits, Row};

/// Rejects, and as many warnings, that are shown one by one.
pub const SHOWN_MAX: usize = 100;
/// Characters of a value that are shown.
const EXCERPT_CHARS_MAX: usize = 80;

/// Counts and examples of what was found in the rows.
///
/// Each worker keeps its own, made with the same files; [`Report::merge`] brings them together, and gives the
/// same whatever rows each worker had.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows of the people files.
    pub rows: u64,
    /// Rows that were kept.
    pub accepted: u64,
    /// Rows that were left out.
    pub rejected: u64,
    /// Rows left out, by reason.
    pub rejected_by_reason: BTreeMap<RejectReason, u64>,
    /// Warnings, by kind; a row can have several.
    pub warnings: BTreeMap<WarningKind, u64>,
    /// Addresses of other types than mail, not indexed.
    pub other_addresses: u64,
    /// The same by file.
    pub files: Vec<FileCounts>,
    /// The first rejects, by file and line.
    pub issues: Vec<Issue>,
    /// The first warnings, by file and line.
    pub notices: Vec<Notice>,
}

/// Rows of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// The file.
    pub path: PathBuf,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Rows that were left out.
    pub rejected: u64,
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Issue {
    /// Index of the file in [`Report::files`].
    pub file_index: u32,
    /// Line on which the record begins, from 1.
    pub line: u64,
    /// The file.
    pub file: PathBuf,
    /// Header of the column at fault, where it is one.
    pub column: Option<String>,
    /// The reason.
    pub reason: RejectReason,
    /// The beginning of what stands in that column (of the first, where it is none).
    pub value: String,
}

/// A row that was kept with a warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Notice {
    /// Index of the file in [`Report::files`].
    pub file_index: u32,
    /// Line on which the record begins, from 1.
    pub line: u64,
    /// The file.
    pub file: PathBuf,
    /// What is odd about it.
    pub kind: WarningKind,
    /// Header of the column that it is about, where it is one.
    pub column: Option<String>,
    /// The beginning of what stands in that column.
    pub value: String,
}

impl Report {
    /// A report on these files; rows say by number which they are from.
    #[must_use]
    pub fn new(files: &[PathBuf]) -> Self {
        let files = files.iter().map(|path| FileCounts { path: path.clone(), ..FileCounts::default() });
        Self { files: files.collect(), ..Self::default() }
    }

    /// Adds a file; the number for its rows.
    pub fn add_file(&mut self, path: &Path) -> u32 {
        self.files.push(FileCounts { path: path.to_owned(), ..FileCounts::default() });
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// Counts a row that is kept. `headers` are those of its file.
    #[inline]
    pub fn accept(&mut self, row: &Row<'_>, headers: &[String], acceptance: Acceptance) {
        self.rows += 1;
        self.accepted += 1;
        self.other_addresses += u64::from(acceptance.other_addresses);
        if let Some(file) = self.files.get_mut(row.file() as usize) {
            file.rows += 1;
        }
        if !acceptance.warnings.is_empty() {
            let place = (row.file(), row.line());
            self.note(place, acceptance.warnings, |column| {
                let value = excerpt(row.field(usize::from(column)).unwrap_or_default());
                Some((headers.get(usize::from(column))?.clone(), value))
            });
        }
    }

    /// Counts warnings about a row that was counted already, such as those only the builder can find.
    pub fn warn(&mut self, file: u32, line: u64, warnings: Warnings) {
        self.note((file, line), warnings, |_| None);
    }

    /// `about` gives header and value of a column.
    fn note(
        &mut self,
        (file, line): (u32, u64),
        warnings: Warnings,
        about: impl Fn(u16) -> Option<(String, String)>,
    ) {
        for kind in warnings.iter() {
            *self.warnings.entry(kind).or_default() += 1;
            let path = self.path(file);
            show(&mut self.notices, (file, line), || {
                let (column, value) = warnings.column(kind).and_then(&about).unzip();
                let value = value.unwrap_or_default();
                Notice { file_index: file, line, file: path, kind, column, value }
            });
        }
    }

    /// Counts a row that is left out. `headers` are those of its file.
    pub fn reject(&mut self, row: &Row<'_>, headers: &[String], reject: Reject) {
        self.rows += 1;
        self.rejected += 1;
        *self.rejected_by_reason.entry(reject.reason).or_default() += 1;
        let (file, line) = (row.file(), row.line());
        if let Some(counts) = self.files.get_mut(file as usize) {
            counts.rows += 1;
            counts.rejected += 1;
        }
        let path = self.path(file);
        show(&mut self.issues, (file, line), || Issue {
            file_index: file,
            line,
            file: path,
            column: reject.column.and_then(|column| headers.get(usize::from(column))).cloned(),
            reason: reject.reason,
            value: excerpt(row.field(reject.column.map_or(0, usize::from)).unwrap_or_default()),
        });
    }

    /// Adds what another worker found in other rows of the same files.
    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.other_addresses += other.other_addresses;
        for (reason, count) in other.rejected_by_reason {
            *self.rejected_by_reason.entry(reason).or_default() += count;
        }
        for (kind, count) in other.warnings {
            *self.warnings.entry(kind).or_default() += count;
        }
        for (index, file) in other.files.into_iter().enumerate() {
            match self.files.get_mut(index) {
                Some(counts) => {
                    counts.rows += file.rows;
                    counts.rejected += file.rejected;
                }
                None => self.files.push(file),
            }
        }
        for issue in other.issues {
            show(&mut self.issues, (issue.file_index, issue.line), || issue);
        }
        for notice in other.notices {
            show(&mut self.notices, (notice.file_index, notice.line), || notice);
        }
    }

    /// Holds every file against `limits.rejected_percent_max`, once all of its rows are counted.
    ///
    /// Judged at the end and not on the way: bad rows often stand together, and a file must not be refused
    /// or accepted by where they stand.
    ///
    /// # Errors
    /// The first file with more rejected rows than that.
    pub fn judge(&self, limits: &InputLimits) -> Result<(), InputError> {
        for (index, file) in self.files.iter().enumerate() {
            // Exact up to 2^52 rows.
            #[allow(clippy::cast_precision_loss)]
            let over = file.rejected as f64 * 100.0 > file.rows as f64 * limits.rejected_percent_max;
            if file.rejected > 0 && over {
                let first = self.issues.iter().find(|issue| issue.file_index as usize == index);
                return Err(InputError::TooManyRejected {
                    path: file.path.clone(),
                    line: first.map_or(0, |issue| issue.line),
                    reason: first.map_or_else(|| "see the rejects file".into(), |i| i.reason.to_string()),
                    rejected: file.rejected,
                    rows: file.rows,
                    percent_max: limits.rejected_percent_max,
                });
            }
        }
        Ok(())
    }

    fn path(&self, file: u32) -> PathBuf {
        self.files.get(file as usize).map(|counts| counts.path.clone()).unwrap_or_default()
    }
}

/// What is shown, by where it stands.
trait Place {
    fn place(&self) -> (u32, u64);
}

impl Place for Issue {
    fn place(&self) -> (u32, u64) {
        (self.file_index, self.line)
    }
}

impl Place for Notice {
    fn place(&self) -> (u32, u64) {
        (self.file_index, self.line)
    }
}

/// Keeps the first few, in order, whatever order they come in.
fn show<T: Place>(shown: &mut Vec<T>, place: (u32, u64), make: impl FnOnce() -> T) {
    let at = shown.partition_point(|known| known.place() <= place);
    if at < SHOWN_MAX {
        shown.truncate(SHOWN_MAX - 1);
        shown.insert(at, make());
    }
}

/// The beginning of a value, on one line.
fn excerpt(value: &str) -> String {
    let mut shown: String =
        value.chars().take(EXCERPT_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if value.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
