//! How each column is stored, and what it takes: for people to look at.

use persondb_protocol::layout::SectionKind;

use super::Segment;
use super::rows::{ColumnSpec, Store};

/// One column of one schema as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredColumn {
    /// Number of the schema: files with other headers have others.
    pub schema: usize,
    /// Header; `None` for the addresses from the aliases file and from later rows of the same person.
    pub header: Option<String>,
    /// Name of how it is stored: text, dictionary, number, template, address, addresses, link.
    pub store: &'static str,
    /// The particulars: entries, forms, templates.
    pub detail: String,
    /// Codec of what is stored as text: raw, fsst, huffman, fsst+huffman.
    pub text: &'static str,
    /// Bits of its code in each row.
    pub row_bits: u32,
    /// Bytes of its parts in the tails.
    pub tail_bytes: u64,
    /// Bytes of its dictionary and text table.
    pub table_bytes: u64,
    /// Different values in the sample that decided how it is stored.
    pub distinct: u64,
    /// Values that had to be stored as text although the column is not.
    pub exceptions: u64,
}

/// The row as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// Bytes of a row.
    pub row_size: u32,
    /// Bits in it that tell schema and tenant.
    pub head_bits: u32,
}

impl<B: AsRef<[u8]>> Segment<B> {
    /// The row as a whole.
    #[must_use]
    pub fn stored_row(&self) -> StoredRow {
        let layout = &self.view.meta.layout;
        let head_bits = layout.schema.width + layout.run.map_or(0, |run| run.width);
        StoredRow { row_size: layout.row_size, head_bits }
    }

    /// All columns of all schemas, each schema in the order of its file.
    #[must_use]
    pub fn stored_columns(&self) -> Vec<StoredColumn> {
        let meta = &self.view.meta;
        let mut columns = Vec::new();
        for (schema, specs) in meta.layout.schemas.iter().enumerate() {
            let mut specs: Vec<_> = specs.iter().collect();
            specs.sort_by_key(|spec| spec.place);
            let headers = meta.schemas.get(schema).map(crate::input::Mapping::headers).unwrap_or_default();
            columns.extend(specs.into_iter().map(|spec| self.stored_column(schema, headers, spec)));
        }
        columns
    }

    fn stored_column(&self, schema: usize, headers: &[String], spec: &ColumnSpec) -> StoredColumn {
        let section = |kind, index| {
            let found = self.view.image.section_of(kind, index);
            found.map_or((0, 0), |(_, entry)| (entry.size.get(), entry.count.get()))
        };
        let mut table_bytes = spec.text.map_or(0, |text| section(SectionKind::TextTable, text).0);
        let (store, detail) = match &spec.store {
            Store::Empty => ("empty", "nobody has a value".to_owned()),
            Store::Text { to_end } => {
                ("text", if *to_end { "to the end of the tail" } else { "" }.to_owned())
            }
            Store::Dictionary { dictionary, rest } => {
                let (bytes, entries) = section(SectionKind::Dictionary, *dictionary);
                table_bytes += bytes;
                let rest = if *rest { ", text may follow" } else { "" };
                ("dictionary", format!("{entries} entries{rest}"))
            }
            Store::Tenant => ("tenant", "the tenant's identifier".to_owned()),
            Store::Number(codec) => ("number", codec.describe()),
            Store::Template { templates } => ("template", of(templates)),
            Store::Address { templates, domain_width } => {
                ("address", format!("{}; {domain_width} bits of domain", of(templates)))
            }
            Store::Addresses { templates, separator } => {
                ("addresses", format!("{}; separated by {separator:?}", of(templates)))
            }
            Store::Link => {
                let (form, colleagues) = (self.view.links.form(), section(SectionKind::Links, 0).1);
                ("link", format!("{colleagues} colleagues by {form}"))
            }
        };
        StoredColumn {
            schema,
            header: headers.get(usize::from(spec.place)).cloned(),
            store,
            detail,
            text: self.view.rows.text_name(schema, spec.place),
            row_bits: spec.code.width,
            tail_bytes: spec.tail_bytes,
            table_bytes,
            distinct: spec.distinct,
            exceptions: spec.exceptions,
        }
    }
}

fn of(templates: &[String]) -> String {
    let first: Vec<_> = templates.iter().take(3).map(String::as_str).collect();
    let more = templates.len().saturating_sub(first.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", first.join("  "))
}
