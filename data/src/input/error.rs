//! What can go wrong with a whole input file. Each message names the file, the line where there is one,
//! what was expected, what was found and what to do. What goes wrong with a single row is a
//! [`RejectReason`](super::RejectReason) and never one of these.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::Preset;

/// Why an input file, or the list of input files, was refused.
///
/// A refused file ends the cycle; the generation that is being served stays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file is missing or may not be read.
    #[error("{}: cannot open it: {source}; expected a readable CSV file (.csv, .csv.gz, .csv.zst)", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A device, pipe, socket or folder stands where a file is needed.
    #[error("{}: expected a regular file, found {found}; write the rows to a file first, or use - for standard input", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
    },
    /// A glob or a folder that holds no CSV file, or an empty list.
    #[error(
        "{found}: expected at least one .csv, .csv.gz or .csv.zst file, found none; check the path of the export"
    )]
    NoFiles {
        /// The pattern, the folder or the name of the list.
        found: String,
    },
    /// A glob that cannot be read.
    #[error("{pattern}: not a usable pattern ({reason} at character {at}); expected *, ? and [..] only")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What the glob reader said.
        reason: &'static str,
        /// Position in the pattern, from 0.
        at: usize,
    },
    /// Standard input can be read once only.
    #[error("- (standard input) is named more than once; name it once, or give files")]
    StandardInputTwice,
    /// Reading failed half way.
    #[error("{}: reading failed after {offset} bytes: {source}; the disk or the mount may be failing, try again", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Bytes of the file (as stored) that had been read.
        offset: u64,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A compressed file is damaged or cut short.
    #[error("{}: expected complete {format} data, found damage near byte {offset}: {source}; make or copy the file again", path.display())]
    Decompress {
        /// The file.
        path: PathBuf,
        /// `gzip` or `zstd`.
        format: &'static str,
        /// Bytes of the file (as stored) that had been read.
        offset: u64,
        /// What the decompressor said.
        source: io::Error,
    },
    /// More text than the limit, usually a decompression bomb.
    #[error("{}: expected at most {limit} bytes of text, found more; raise limits.decompressed_bytes_max if the file is meant to be that large", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// Bytes that are no text in the encoding the file has.
    #[error("{} line {line}: expected {encoding} text, found an invalid sequence at byte {offset} of the text; export the file again as UTF-8", path.display())]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Byte position in the decompressed text.
        offset: u64,
        /// The encoding the byte order mark (or its absence) promised.
        encoding: &'static str,
    },
    /// A NUL byte: a damaged file, or UTF-16 without a byte order mark.
    #[error("{} line {line}: expected text, found a NUL byte at byte {offset} of the text; a UTF-16 file needs its byte order mark, or export as UTF-8", path.display())]
    NulByte {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Byte position in the decompressed text.
        offset: u64,
    },
    /// No header: the file is empty or holds only blank lines.
    #[error("{}: expected a first line with the names of the columns, found an empty file", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// A `sep=` line with a separator that cannot be used.
    #[error("{} line {line}: expected sep= and one of , ; | or tab, found {found:?}; correct or delete that line", path.display())]
    Separator {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What stood after `sep=`.
        found: String,
    },
    /// A record without end, as one stray quote makes it.
    #[error("{} line {line}: expected a record of at most {limit} bytes, found a longer one that starts on this line; likely a stray quote opens in {column} of it: close the quote or double it", path.display())]
    RecordTooLong {
        /// The file.
        path: PathBuf,
        /// The line on which the record starts, from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
        /// The column in which the record went out of hand.
        column: String,
    },
    /// More fields in a record than the limit.
    #[error("{} line {line}: expected at most {limit} fields in a record, found more in the one that starts on this line; check the delimiter and the quotes", path.display())]
    TooManyFields {
        /// The file.
        path: PathBuf,
        /// The line on which the record starts, from 1.
        line: u64,
        /// The limit.
        limit: usize,
    },
    /// The file ends inside a quoted field.
    #[error("{} line {line}: the file ends inside a quoted field that opens in {column} of the record on this line; close the quote or double it, or copy the file again if it was cut short", path.display())]
    UnclosedQuote {
        /// The file.
        path: PathBuf,
        /// The line on which the record starts, from 1.
        line: u64,
        /// The column that is open.
        column: String,
    },
    /// Two columns with one name.
    #[error("{} line {line}: expected every header once, found {name:?} as column {first} and column {second}; rename one", path.display())]
    DuplicateHeader {
        /// The file.
        path: PathBuf,
        /// The header's line, from 1.
        line: u64,
        /// The header.
        name: String,
        /// First position, from 1.
        first: usize,
        /// Second position, from 1.
        second: usize,
    },
    /// A column that the file cannot do without is not there.
    #[error("{} line {line}: expected a column for {needed} ({understood}), found {found}; rename a column or name it under [columns]", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The header's line, from 1.
        line: u64,
        /// What is needed.
        needed: &'static str,
        /// The headers that are understood as such.
        understood: String,
        /// The headers found.
        found: String,
    },
    /// The header is not that of the preset that was named.
    #[error("{} line {line}: expected the header of {named}, with a column for {needed}, found {found}; {remedy}", path.display())]
    WrongPreset {
        /// The file.
        path: PathBuf,
        /// The header's line, from 1.
        line: u64,
        /// The preset that was named.
        named: Preset,
        /// The headers that it needs, as keys.
        needed: String,
        /// The headers found.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// The configuration maps a column that does not exist.
    #[error("{} line {line}: [columns] says {canonical} = {header:?}, found the headers {found}; correct the configuration or the export", path.display())]
    ConfiguredColumn {
        /// The file.
        path: PathBuf,
        /// The header's line, from 1.
        line: u64,
        /// The canonical name.
        canonical: String,
        /// The header that was configured for it.
        header: String,
        /// The headers found.
        found: String,
    },
    /// The configuration names something that is no canonical column.
    #[error(
        "[columns]: expected one of {understood}, found {found:?}; unknown columns need no entry, they are kept as attributes"
    )]
    UnknownCanonical {
        /// The name found.
        found: String,
        /// All names understood.
        understood: String,
    },
    /// The constant tenant is unusable.
    #[error(
        "tenant: expected 1 to {limit} bytes, found {found} bytes; shorten the tenant in the configuration or in --tenant"
    )]
    ConstantTenant {
        /// The limit in bytes.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// Too many rows of the file were rejected.
    #[error("{} line {line}: expected at most {percent_max} % rejected rows, found {rejected} of {rows}, the first on this line ({reason}); correct the export, or raise limits.rejected_percent_max", path.display())]
    TooManyRejected {
        /// The file.
        path: PathBuf,
        /// The line of the first rejected row, from 1; 0 if unknown.
        line: u64,
        /// Reason of the first rejected row.
        reason: String,
        /// Rejected rows.
        rejected: u64,
        /// All rows.
        rows: u64,
        /// The limit in percent.
        percent_max: f64,
    },
    /// The file was changed while it was read.
    #[error("{}: expected the file to stay as it was, found another {what} after reading; write exports under another name and rename them when complete", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What differs: size, time or contents.
        what: &'static str,
    },
    /// The receiver of the rows asked to stop.
    #[error("{}: reading was stopped before the end", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// The temporary copy of standard input or the rejects file cannot be written.
    #[error("{}: cannot write {what}: {source}; check free space and permissions of the folder", path.display())]
    Write {
        /// Where it should go.
        path: PathBuf,
        /// What was written.
        what: &'static str,
        /// The operating system's answer.
        source: io::Error,
    },
}
