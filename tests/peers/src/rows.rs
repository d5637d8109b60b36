//! The CSV in memory while the peers are built.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::record::{fields, push_field, split_field};

/// All rows that have an address, as records in one piece of memory.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Headers in the order of the records' fields.
    headers: Vec<String>,
    bytes: Vec<u8>,
    /// Where each record begins, and the end of the last.
    starts: Vec<usize>,
    skipped: u64,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// Address as given.
    pub(crate) address: &'a str,
    /// All fields.
    pub(crate) record: &'a [u8],
}

impl Rows {
    /// Reads a CSV with the columns `email` and `display_name`.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8, lacks one of the columns, or has no address at all.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut reader =
            csv::Reader::from_path(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let headers = reader.headers()?.clone();
        let find = |wanted: &str| {
            headers.iter().position(|header| header == wanted).with_context(|| {
                format!(
                    "{}: expected the columns `email` and `display_name`, found {:?}; rename them in the header line",
                    path.display(),
                    headers.iter().collect::<Vec<_>>()
                )
            })
        };
        let (email, display_name) = (find("email")?, find("display_name")?);
        let mut order = vec![email, display_name];
        order.extend((0..headers.len()).filter(|&column| column != email && column != display_name));

        let mut rows = Self {
            headers: order.iter().filter_map(|&column| headers.get(column)).map(str::to_owned).collect(),
            bytes: Vec::new(),
            starts: vec![0],
            skipped: 0,
        };
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record)? {
            if !record.get(email).is_some_and(|address| address.contains('@')) {
                rows.skipped += 1;
                continue;
            }
            for &column in &order {
                push_field(&mut rows.bytes, record.get(column).unwrap_or_default().as_bytes());
            }
            rows.starts.push(rows.bytes.len());
        }
        ensure!(rows.len() > 0, "{}: expected at least one row with an address, found none", path.display());
        if u32::try_from(rows.len()).is_err() {
            bail!("{}: expected at most {} rows; use a part of the file", path.display(), u32::MAX);
        }
        Ok(rows)
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Rows without an address.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Bytes of all records.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Headers in the order of the records' fields: address and display name first.
    pub(crate) fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Row `at`, counted from 0 without those that have no address.
    ///
    /// # Panics
    /// When there are not so many.
    pub(crate) fn get(&self, at: usize) -> Row<'_> {
        let record = &self.bytes[self.starts[at]..self.starts[at + 1]];
        let address = split_field(record).map(|(address, _)| std::str::from_utf8(address));
        let address = address.and_then(Result::ok).expect("records are made of UTF-8 fields");
        Row { address, record }
    }

    /// All rows in the order of the CSV.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// All rows in the order of their addresses' bytes; of those with the same address the first.
    ///
    /// B-trees are filled in this order, which is the fastest and leaves their pages full.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = Row<'_>> {
        let mut order: Vec<u32> = (0..).take(self.len()).collect();
        let address = |at: u32| self.get(at as usize).address;
        order.sort_by(|&a, &b| address(a).cmp(address(b)));
        order.dedup_by(|a, b| address(*a) == address(*b));
        order.into_iter().map(|at| self.get(at as usize))
    }
}

impl<'a> Row<'a> {
    /// Its fields as text, in the order of [`Rows::headers`].
    pub(crate) fn texts(self) -> impl Iterator<Item = &'a str> {
        fields(self.record).map(|field| std::str::from_utf8(field).expect("records are made of UTF-8 fields"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Rows of a CSV text.
    pub(crate) fn rows(csv: &str) -> Result<Rows> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), csv)?;
        Rows::read(file.path())
    }

    #[test]
    fn address_and_display_name_come_first_and_the_rest_in_the_order_of_the_file() {
        let rows = rows("id,display_name,email,note\n7,\"Doe, Jane\",jane@b.example,\n8,X,,\n").unwrap();
        assert_eq!(rows.headers(), ["email", "display_name", "id", "note"]);
        assert_eq!((rows.len(), rows.skipped()), (1, 1), "the second row has no address");
        assert!(rows.get(0).texts().eq(["jane@b.example", "Doe, Jane", "7", ""]));
    }

    #[test]
    fn sorted_has_each_address_once_and_the_first_row_wins() {
        let rows = rows("email,display_name\nb@x,1\na@x,2\nb@x,3\n").unwrap();
        let sorted: Vec<Vec<&str>> = rows.sorted().map(|row| row.texts().collect()).collect();
        assert_eq!(sorted, [["a@x", "2"], ["b@x", "1"]]);
    }

    #[test]
    fn a_file_without_the_columns_says_what_it_has() {
        let error = rows("mail,name\na@x,A\n").unwrap_err().to_string();
        assert!(error.contains("`display_name`") && error.contains("mail"), "{error}");
        assert!(rows("email,display_name\n").is_err(), "nobody to look up");
    }
}
