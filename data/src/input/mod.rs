//! CSV in: bytes of files → rows → typed people, aliases and domains, and what bad input gets.
//!
//! | file | its part |
//! |---|---|
//! | [`spec`](InputSpec), [`expand`] | what the operator asks for; which files that is |
//! | [`source`](Source), `text`, `block` | one opened file; its UTF-8; a checked window on it |
//! | `dialect`, `specials`, `record`, [`csv`](read_rows), [`batch`](RowBatch) | delimiter; where lines are cut; one record; all records; rows handed on |
//! | [`columns`](Canonical), [`mapping`](Mapping) | headers that are understood; which column is which in one file |
//! | [`preset`](Preset), `preset_tables` | exports that people really have, told by their header |
//! | [`values`] | one value with several addresses or names in it; what an address is |
//! | [`person`](PersonRow), [`classify`] | a row as a person; accepted or rejected |
//! | [`aliases`](read_aliases), [`domains`](read_domains) | the two optional files |
//! | [`report`](Report), [`rejects`](RejectsWriter), [`error`](InputError) | what is said about rows and files |
//!
//! A *file* is refused with an [`InputError`] and ends the cycle; a *row* is rejected with a [`RejectReason`]
//! or kept with [`Warnings`], and counted in a [`Report`].

mod aliases;
mod batch;
mod block;
mod classify;
mod columns;
mod csv;
mod dialect;
mod domains;
mod error;
mod expand;
mod mapping;
mod person;
mod preset;
mod preset_tables;
mod record;
mod rejects;
mod report;
mod source;
mod spec;
mod specials;
mod text;
pub mod values;

pub use aliases::{AliasKind, AliasOwner, AliasRow, read_aliases};
pub use batch::{BatchPool, Quoting, Row, RowBatch};
pub use classify::{
    Acceptance, PERSON_ID_BYTES_MAX, Reject, RejectReason, Verdict, WarningKind, Warnings, classify,
};
pub use columns::{Canonical, header_key};
pub use csv::{FileSummary, Header, read_header, read_rows};
pub use dialect::Dialect;
pub use domains::{DomainKind, DomainRow, Dots, read_domains};
pub use error::InputError;
pub use expand::expand;
pub use mapping::{Mapping, TENANT_ID_BYTES_MAX};
pub use person::{PersonRow, Vip, kind_of_word, status_of_word};
pub use preset::{Preset, UnknownPreset};
pub use rejects::{RejectsSummary, RejectsWriter};
pub use report::{FileCounts, Issue, Notice, Report, SHOWN_MAX};
pub use source::{Digest, Identity, Source};
pub use spec::{ColumnTable, InputLimits, InputSpec, column_table};
