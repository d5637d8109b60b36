//! The rejects file: every row that was left out, with where, why and all of its fields.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::classify::Reject;
use super::{InputError, InputLimits, Row};

const HEADER: &[u8] = b"file,line,column,reason,row\n";

/// Writes rejected rows as CSV: `file,line,column,reason,row`, the last being the row's fields as a JSON array.
///
/// Shared by the workers, so the rows of one worker stand in order but those of several are mixed. The file
/// holds people's data: nobody but its owner may read it.
#[derive(Debug)]
pub struct RejectsWriter {
    path: PathBuf,
    bytes_max: u64,
    file: Mutex<State>,
}

#[derive(Debug)]
struct State {
    out: BufWriter<File>,
    summary: RejectsSummary,
}

/// What a rejects file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RejectsSummary {
    /// Rows written.
    pub written: u64,
    /// Rows that no longer fitted under `rejects_file_bytes_max`.
    pub not_written: u64,
    /// Size of the file.
    pub bytes: u64,
}

impl RejectsWriter {
    /// Makes the file anew with mode 0600. A file or link of that name is removed, never written through.
    ///
    /// # Errors
    /// The folder does not exist or may not be written to.
    pub fn create(path: &Path, limits: &InputLimits) -> Result<Self, InputError> {
        let file = Self::create_private(path).map_err(|source| write_error(path, source))?;
        let mut out = BufWriter::new(file);
        out.write_all(HEADER).map_err(|source| write_error(path, source))?;
        let summary = RejectsSummary { bytes: HEADER.len() as u64, ..RejectsSummary::default() };
        let file = Mutex::new(State { out, summary });
        Ok(Self { path: path.to_owned(), bytes_max: limits.rejects_file_bytes_max, file })
    }

    fn create_private(path: &Path) -> io::Result<File> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    /// Adds a row. `file` and `headers` are those it comes from.
    ///
    /// # Errors
    /// Writing fails, as with a full disk.
    pub fn write(
        &self,
        file: &Path,
        row: &Row<'_>,
        headers: &[String],
        reject: Reject,
    ) -> Result<(), InputError> {
        let column = reject.column.and_then(|column| headers.get(usize::from(column)));
        let fields: Vec<_> = row.fields().collect();
        let fields = serde_json::to_string(&fields).expect("strings always become JSON");
        let mut line = String::with_capacity(fields.len() + 128);
        quote(&mut line, &file.to_string_lossy());
        write!(line, ",{},", row.line()).expect("writing to a String cannot fail");
        quote(&mut line, column.map_or("", String::as_str));
        line.push(',');
        quote(&mut line, &reject.reason.to_string());
        line.push(',');
        quote(&mut line, &fields);
        line.push('\n');

        let mut state = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = state.summary.bytes + line.len() as u64;
        if bytes > self.bytes_max {
            state.summary.not_written += 1;
            return Ok(());
        }
        state.out.write_all(line.as_bytes()).map_err(|source| write_error(&self.path, source))?;
        state.summary.bytes = bytes;
        state.summary.written += 1;
        Ok(())
    }

    /// Writes what is left in memory and says what the file holds.
    ///
    /// # Errors
    /// Writing fails, as with a full disk.
    pub fn finish(self) -> Result<RejectsSummary, InputError> {
        let mut state = self.file.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.out.flush().map_err(|source| write_error(&self.path, source))?;
        Ok(state.summary)
    }
}

fn write_error(path: &Path, source: io::Error) -> InputError {
    InputError::Write { path: path.to_owned(), what: "the rejects file", source }
}

fn quote(line: &mut String, value: &str) {
    line.push('"');
    line.push_str(&value.replace('"', "\"\""));
    line.push('"');
}
