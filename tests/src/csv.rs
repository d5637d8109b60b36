//! An independent reading of a CSV: nothing of the program's own input code.

use std::collections::BTreeMap;
use std::path::Path;

/// A CSV as another library reads it.
#[derive(Debug)]
pub struct Table {
    /// Headers in order.
    pub headers: Vec<String>,
    /// Rows: header → value.
    pub rows: Vec<BTreeMap<String, String>>,
}

/// Reads a CSV with the `csv` crate.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn read_table(path: &Path) -> Table {
    let mut reader = csv::ReaderBuilder::new().from_path(path).expect("CSV can be opened");
    let headers: Vec<String> = reader.headers().expect("header").iter().map(str::to_owned).collect();
    let rows = reader.records().map(|record| {
        let record = record.expect("CSV record");
        headers.iter().cloned().zip(record.iter().map(str::to_owned)).collect()
    });
    let rows = rows.collect();
    Table { headers, rows }
}
