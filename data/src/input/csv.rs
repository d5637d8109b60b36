//! A file's rows, front to back: header first, then batches of rows with the line each began on.
//!
//! One thread reads, decompresses, checks and cuts; what the rows mean is found out by those who get the
//! batches. Memory is one window (a little over the longest record allowed) and the batches under way.

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::batch::{BatchPool, RowBatch};
use super::block::Block;
use super::dialect::{Dialect, Preamble, first_record, preamble};
use super::record::{Parsed, RecordParser, Rest};
use super::{Digest, Identity, InputError, InputLimits, Source};

/// The names of a file's columns, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The file.
    pub path: PathBuf,
    /// Line of the header, from 1.
    pub line: u64,
    /// Names byte for byte as written, unquoted.
    pub names: Vec<String>,
    /// How the file is delimited.
    pub dialect: Dialect,
}

/// What one pass over a file found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// Which file it was.
    pub identity: Identity,
    /// Digest of its bytes as stored.
    pub digest: Digest,
    /// Bytes of CSV after decompression.
    pub csv_bytes: u64,
    /// Rows, the header not counted, ragged ones counted.
    pub rows: u64,
}

/// Reads the header alone.
///
/// # Errors
/// As [`read_rows`], as far as the first window of the file shows it.
pub fn read_header(source: &Source, limits: &InputLimits) -> Result<Header, InputError> {
    CsvReader::open(source, limits).map(|reader| reader.header)
}

/// Reads all rows of a file and hands them on in batches.
///
/// `file` is the number the rows will bear. Ragged rows are handed on like others; see
/// [`Row::is_ragged`](super::Row::is_ragged). `progress` is told the bytes of the stored file read so far,
/// about once per 200 KiB, at most [`Identity::size`].
///
/// # Errors
/// See the file errors of [`InputError`]. [`InputError::Stopped`] when `sink` breaks. Whatever the error,
/// batches may have been handed on before it.
///
/// ```
/// # use std::ops::ControlFlow;
/// # use persondb_data::input::{BatchPool, InputLimits, Source, read_rows};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("people.csv");
/// std::fs::write(&path, "email;name\na@example.com;\"Ann \"\"A\"\"\"\n")?;
/// let limits = InputLimits::default();
/// let source = Source::open(&path, &limits)?;
/// let mut names = Vec::new();
/// let summary = read_rows(
///     &source,
///     0,
///     &limits,
///     &BatchPool::default(),
///     &mut |batch| {
///         names.extend(batch.rows().filter_map(|row| row.field(1).map(str::to_owned)));
///         ControlFlow::Continue(())
///     },
///     &mut |_bytes| {},
/// )?;
/// assert_eq!((summary.rows, names), (1, vec!["Ann \"A\"".to_owned()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_rows(
    source: &Source,
    file: u32,
    limits: &InputLimits,
    pool: &BatchPool,
    sink: &mut dyn FnMut(RowBatch) -> ControlFlow<()>,
    progress: &mut dyn FnMut(u64),
) -> Result<FileSummary, InputError> {
    let reader = CsvReader::open(source, limits)?;
    reader.read(file, pool, sink, progress)
}

struct CsvReader<'s> {
    source: &'s Source,
    block: Block<'s>,
    parser: RecordParser,
    header: Header,
    record_bytes_max: usize,
}

impl<'s> CsvReader<'s> {
    fn open(source: &'s Source, limits: &InputLimits) -> Result<Self, InputError> {
        let mut block = Block::open(source, limits)?;
        let path = source.path();
        let text = block.lines()?;
        let (bytes, breaks) = skip_blank(text);
        let first = first_record(&text[bytes..]);
        let delimiter = match preamble(first) {
            Preamble::None => None,
            Preamble::Skipped => Some(None),
            Preamble::Delimiter(delimiter) => Some(Some(delimiter)),
            Preamble::Unusable(found) => {
                let line = block.line() + breaks;
                return Err(InputError::Separator { path: path.to_owned(), line, found: found.to_owned() });
            }
        };
        let preamble_bytes = if delimiter.is_some() { first.len() } else { 0 };
        let (more, more_breaks) = skip_blank(&text[bytes + preamble_bytes..]);
        let (bytes, breaks) = (bytes + preamble_bytes + more, breaks + more_breaks);
        let header_line = first_record(&text[bytes..]);
        if header_line.is_empty() && block.is_last() {
            return Err(InputError::NoHeader { path: path.to_owned() });
        }
        let dialect = delimiter
            .flatten()
            .map_or_else(|| Dialect::of_header(header_line), |d| Dialect { delimiter: char::from(d) });
        block.advance(bytes, breaks);
        let (record_bytes, fields) = (limits.record_bytes(), limits.record_fields());
        let mut reader = Self {
            source,
            block,
            parser: RecordParser::new(dialect.delimiter_byte(), record_bytes, fields),
            header: Header { path: path.to_owned(), line: 0, names: Vec::new(), dialect },
            record_bytes_max: record_bytes,
        };
        reader.read_header()?;
        Ok(reader)
    }

    fn read_header(&mut self) -> Result<(), InputError> {
        // What was skipped made room; the header has to have a whole window like any record.
        self.block.refill()?;
        let line = self.block.line();
        let rest = if self.block.is_last() { Rest::None } else { Rest::MayFollow };
        let text = self.block.lines()?;
        if text.is_empty() && !self.block.is_empty() {
            return Err(self.too_long(line, 0));
        }
        let (bytes, breaks) = match self.parser.parse(text, rest) {
            Parsed::Record(record) => {
                self.header.line = line;
                let field = |s: &super::batch::Span| record.text[s.start as usize..s.end as usize].to_owned();
                self.header.names = record.fields.iter().map(field).collect();
                (record.bytes, record.line_breaks)
            }
            Parsed::Blank { .. } => return Err(InputError::NoHeader { path: self.header.path.clone() }),
            Parsed::Incomplete { fields } if self.block.is_last() => return Err(self.unclosed(line, fields)),
            Parsed::Incomplete { fields } | Parsed::TooLong { fields } => {
                return Err(self.too_long(line, fields));
            }
            Parsed::TooManyFields => return Err(self.too_many_fields(line)),
        };
        self.block.advance(bytes, breaks);
        Ok(())
    }

    fn read(
        mut self,
        file: u32,
        pool: &BatchPool,
        sink: &mut dyn FnMut(RowBatch) -> ControlFlow<()>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<FileSummary, InputError> {
        let columns = self.header.names.len();
        let mut rows = 0;
        let mut batch = pool.take();
        batch.restart(file, columns, 1);
        let mut hand_on = |batch: RowBatch| match sink(batch) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(InputError::Stopped { path: self.source.path().to_owned() }),
        };
        loop {
            let rest = if self.block.is_last() { Rest::None } else { Rest::MayFollow };
            let text = self.block.lines()?;
            let (mut at, mut breaks) = (0, 0);
            let mut open_fields = 0;
            while at < text.len() {
                let line = self.block.line() + breaks;
                match self.parser.parse(&text[at..], rest) {
                    Parsed::Record(record) => {
                        batch.push(line, record.quoting, record.text, record.fields);
                        rows += 1;
                        at += record.bytes;
                        breaks += record.line_breaks;
                    }
                    Parsed::Blank { bytes, line_breaks } => {
                        at += bytes;
                        breaks += line_breaks;
                    }
                    Parsed::Incomplete { fields } if rest == Rest::MayFollow => {
                        open_fields = fields;
                        break;
                    }
                    Parsed::Incomplete { fields } => return Err(self.unclosed(line, fields)),
                    Parsed::TooLong { fields } => return Err(self.too_long(line, fields)),
                    Parsed::TooManyFields => return Err(self.too_many_fields(line)),
                }
                if batch.is_due() {
                    hand_on(std::mem::replace(&mut batch, pool.take()))?;
                    batch.restart(file, columns, rows + 1);
                }
            }
            self.block.advance(at, breaks);
            progress(self.block.bytes_read());
            if self.block.is_last() {
                break;
            }
            if at == 0 && self.block.len() > self.record_bytes_max {
                return Err(self.too_long(self.block.line(), open_fields));
            }
            self.block.refill()?;
        }
        if batch.is_empty() {
            pool.put_back(batch);
        } else {
            hand_on(batch)?;
        }
        let text = self.block.into_text();
        let csv_bytes = text.size();
        let digest = self.source.finish(&text.into_bytes()?)?;
        Ok(FileSummary { identity: self.source.identity().clone(), digest, csv_bytes, rows })
    }

    fn column(&self, index: usize) -> String {
        match self.header.names.get(index) {
            Some(name) => format!("column {} ({name:?})", index + 1),
            None => format!("column {}", index + 1),
        }
    }

    fn unclosed(&self, line: u64, fields: usize) -> InputError {
        let (path, column) = (self.header.path.clone(), self.column(fields));
        InputError::UnclosedQuote { path, line, column }
    }

    fn too_long(&self, line: u64, fields: usize) -> InputError {
        let (path, column) = (self.header.path.clone(), self.column(fields));
        InputError::RecordTooLong { path, line, limit: self.record_bytes_max, column }
    }

    fn too_many_fields(&self, line: u64) -> InputError {
        let path = self.header.path.clone();
        InputError::TooManyFields { path, line, limit: self.parser.fields_max() }
    }
}

/// Bytes and line breaks before the first line with something in it.
fn skip_blank(text: &str) -> (usize, u64) {
    let bytes = text.bytes().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    (bytes, super::block::line_breaks(&text.as_bytes()[..bytes]))
}
