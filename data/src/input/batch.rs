//! Rows on their way from the reading thread to the parsing threads, about a thousand at a time.
//!
//! A batch is three flat buffers (text, fields, rows): nothing is allocated for a row, and a batch that went
//! through the pipeline is filled again, see [`BatchPool`].

use std::fmt;

use crossbeam::queue::ArrayQueue;

/// Rows after which a batch is handed on.
pub(super) const BATCH_ROWS: usize = 1024;
/// Text after which a batch is handed on, however few its rows.
pub(super) const BATCH_BYTES: usize = 256 << 10;

/// A run of consecutive rows of one file.
#[derive(Default)]
pub struct RowBatch {
    file: u32,
    columns: u32,
    first_row: u64,
    text: String,
    fields: Vec<Span>,
    rows: Vec<RowMark>,
}

impl RowBatch {
    /// Index of the file in the list that was given to the reader.
    #[must_use]
    pub fn file(&self) -> u32 {
        self.file
    }

    /// Number of the first row in its file, from 1; the header is no row.
    #[must_use]
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// Rows in this batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at `index`, from 0, within this batch.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        let mark = self.rows.get(index)?;
        let next = self.rows.get(index + 1);
        let (text, fields) = next
            .map_or((self.text.len(), self.fields.len()), |next| (next.text as usize, next.fields as usize));
        Some(Row {
            text: self.text.get(mark.text as usize..text)?,
            fields: self.fields.get(mark.fields as usize..fields)?,
            columns: self.columns,
            file: self.file,
            number: self.first_row + index as u64,
            line: mark.line,
            quoting: mark.quoting,
        })
    }

    /// All rows, in the order of the file.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index).expect("index below len, and marks ascend"))
    }

    /// Empties the batch, keeping its memory.
    pub(super) fn restart(&mut self, file: u32, columns: usize, first_row: u64) {
        self.file = file;
        self.columns = u32::try_from(columns).expect("a header has at most RECORD_FIELDS_CEILING columns");
        self.first_row = first_row;
        self.text.clear();
        self.fields.clear();
        self.rows.clear();
    }

    pub(super) fn is_due(&self) -> bool {
        self.rows.len() >= BATCH_ROWS || self.text.len() >= BATCH_BYTES
    }

    /// Appends a row: its text, and its fields as positions in that text.
    pub(super) fn push(&mut self, line: u64, quoting: Quoting, text: &str, fields: &[Span]) {
        // A batch is handed on at 256 KiB and a record is at most 64 MiB: far below 32 bits.
        let start = u32::try_from(self.text.len()).expect("batches are cut long before 4 GiB");
        let first = u32::try_from(self.fields.len()).expect("fewer fields than bytes and rows");
        self.rows.push(RowMark { line, text: start, fields: first, quoting });
        self.text.push_str(text);
        self.fields.extend_from_slice(fields);
    }
}

impl fmt::Debug for RowBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowBatch")
            .field("file", &self.file)
            .field("first_row", &self.first_row)
            .field("rows", &self.rows.len())
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// One row: borrowed fields, and where it stands.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    text: &'a str,
    fields: &'a [Span],
    columns: u32,
    file: u32,
    number: u64,
    line: u64,
    quoting: Quoting,
}

impl<'a> Row<'a> {
    /// The field at `index`, from 0, unquoted and otherwise byte for byte as written.
    #[must_use]
    #[inline]
    pub fn field(&self, index: usize) -> Option<&'a str> {
        let span = self.fields.get(index)?;
        self.text.get(span.start as usize..span.end as usize)
    }

    /// All fields, in order.
    #[must_use]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let text = self.text;
        self.fields.iter().map(move |span| &text[span.start as usize..span.end as usize])
    }

    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Size and beginning of each field, in order.
    pub(super) fn beginnings(&self) -> impl Iterator<Item = (usize, &'a [u8])> {
        let text = self.text.as_bytes();
        self.fields.iter().map(move |span| {
            let beginning = text.get(span.start as usize..).unwrap_or_default();
            ((span.end - span.start) as usize, beginning)
        })
    }

    /// Bytes of all fields.
    pub(crate) fn bytes(&self) -> usize {
        self.fields.iter().map(|span| (span.end - span.start) as usize).sum()
    }

    /// Whether there is no field; never so, since a blank line is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether the row has another number of fields than the header.
    #[must_use]
    pub fn is_ragged(&self) -> bool {
        self.fields.len() != self.columns as usize
    }

    /// Line on which the record begins, from 1. Line breaks in quoted fields count.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Number of the row in its file, from 1.
    #[must_use]
    pub fn row_number(&self) -> u64 {
        self.number
    }

    /// Index of the file in the list that was given to the reader.
    #[must_use]
    pub fn file(&self) -> u32 {
        self.file
    }

    /// Whether the quotes were as they should be.
    #[must_use]
    pub fn quoting(&self) -> Quoting {
        self.quoting
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row {} (line {}) ", self.number, self.line)?;
        f.debug_list().entries(self.fields()).finish()
    }
}

/// How the quotes of a row were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quoting {
    /// As RFC 4180 has it, or without quotes.
    #[default]
    Regular,
    /// Text follows a closing quote, as in `"ab"c`, which is read as `abc`.
    Stray,
}

/// Start and end of a field within its row's text, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

struct RowMark {
    line: u64,
    /// Where in the batch its text begins, and its fields.
    text: u32,
    fields: u32,
    quoting: Quoting,
}

/// Batches that are done with, kept to be filled again. Shared between threads; never blocks.
///
/// A worker that has finished a batch puts it back; a reader that finds none makes a new one. More batches
/// than the pool holds are freed.
#[derive(Debug)]
pub struct BatchPool {
    free: ArrayQueue<RowBatch>,
}

impl BatchPool {
    /// A pool that keeps at most `batches_max` (at least one) of about 0.5 MiB each.
    #[must_use]
    pub fn new(batches_max: usize) -> Self {
        Self { free: ArrayQueue::new(batches_max.max(1)) }
    }

    /// Gives a batch back.
    pub fn put_back(&self, batch: RowBatch) {
        // One long record must not keep its memory for the whole load.
        if batch.text.capacity() <= 4 * BATCH_BYTES {
            drop(self.free.push(batch));
        }
    }

    pub(super) fn take(&self) -> RowBatch {
        self.free.pop().unwrap_or_default()
    }
}

impl Default for BatchPool {
    fn default() -> Self {
        Self::new(16)
    }
}
