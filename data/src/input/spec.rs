//! What the operator asks for: which files, which constant tenant, which limits. Plain values that the
//! configuration file, the flags and the build process pass around as they are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use super::Preset;

/// Canonical column name → headers, those that count first in front.
pub type ColumnTable = BTreeMap<String, Vec<String>>;

/// The files of one dataset and how to read them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputSpec {
    /// People: files, globs or folders, see [`expand`](super::expand). `-` is standard input.
    pub people: Vec<PathBuf>,
    /// More addresses of people, one a row.
    pub aliases: Option<PathBuf>,
    /// Domains of tenants, one a row.
    pub domains: Option<PathBuf>,
    /// Tenant of every row whose own tenant is blank or that has no tenant column.
    pub tenant: Option<String>,
    /// What the people files are exports of; found from each file's header where it is not said.
    pub preset: Option<Preset>,
    /// For exports that neither a preset nor the synonyms cover. Where it is read from text, a header alone
    /// (`email = "Work Mail"`) stands for a list of one.
    #[serde(deserialize_with = "column_table")]
    pub columns: ColumnTable,
    /// Limits on everything that comes from the files.
    pub limits: InputLimits,
}

/// Limits on input. Lengths are bytes of UTF-8 unless the name says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputLimits {
    /// Longest record as written, quotes included; over it the file is refused. At most
    /// [`RECORD_BYTES_CEILING`](Self::RECORD_BYTES_CEILING) whatever is configured.
    pub record_bytes_max: usize,
    /// Most fields in a record; over it the file is refused.
    pub record_fields_max: usize,
    /// Longest field of any kind; over it the row is rejected.
    pub field_bytes_max: usize,
    /// Longest single name (display, given, …, each of the other names); over it the row is rejected.
    pub name_bytes_max: usize,
    /// Most text one file may hold after decompression; over it the file is refused.
    pub decompressed_bytes_max: u64,
    /// Rejected rows in percent of all rows of a file, above which the file is refused.
    pub rejected_percent_max: f64,
    /// Size at which the rejects file stops growing; rejects are counted all the same.
    pub rejects_file_bytes_max: u64,
}

impl InputLimits {
    /// Upper bound of `record_bytes_max`: offsets in a batch are 32 bits and the buffers are held in memory.
    pub const RECORD_BYTES_CEILING: usize = 64 << 20;
    /// Upper bound of `record_fields_max`: a column number is 16 bits.
    pub const RECORD_FIELDS_CEILING: usize = u16::MAX as usize;

    pub(super) fn record_bytes(&self) -> usize {
        self.record_bytes_max.min(Self::RECORD_BYTES_CEILING)
    }

    pub(super) fn record_fields(&self) -> usize {
        self.record_fields_max.min(Self::RECORD_FIELDS_CEILING)
    }
}

impl Default for InputLimits {
    fn default() -> Self {
        Self {
            record_bytes_max: 1 << 20,
            record_fields_max: 1024,
            field_bytes_max: 65_535,
            name_bytes_max: 1024,
            decompressed_bytes_max: 64 << 30,
            rejected_percent_max: 1.0,
            rejects_file_bytes_max: 1 << 30,
        }
    }
}

/// Reads a [`ColumnTable`] in which a single header need not be a list.
///
/// # Errors
/// Anything but text and lists of text.
pub fn column_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ColumnTable, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a header or a list of headers")]
    enum Headers {
        One(String),
        Several(Vec<String>),
    }
    let table = BTreeMap::<String, Headers>::deserialize(deserializer)?;
    let list = |headers| match headers {
        Headers::One(header) => vec![header],
        Headers::Several(headers) => headers,
    };
    Ok(table.into_iter().map(|(name, headers)| (name, list(headers))).collect())
}
