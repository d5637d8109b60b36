//! The encoded bytes of one person: a head, then every column of the person's file as it was given.
//!
//! # Bytes
//! ```text
//! 0   tenant code u32 · kind u8 · status u8 · vip u8 · zero u8 · schema u16 · zero × 2
//! 12  size of each column as a varint, then of the further addresses
//! ... the columns' bytes, then the further addresses (one a line), nothing between them
//! ```
//! *Further addresses* come from the aliases file and from later rows of the same person.
//!
//! # Trade-offs
//! Nothing is compressed: a column is found by adding up the sizes before it and borrowed as it stands.

use persondb_protocol::answer::{AccountStatus, Kind};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Corrupt, varint};

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    tenant: U32,
    kind: u8,
    status: u8,
    vip: u8,
    reserved: u8,
    schema: U16,
    reserved2: [u8; 2],
}

const _: () = assert!(size_of::<Head>() == 12);

/// The typed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHead {
    /// Code of the tenant.
    pub(crate) tenant: u32,
    /// Which list of columns it has.
    pub(crate) schema: u16,
    /// Kind of mailbox.
    pub(crate) kind: Kind,
    /// Account status.
    pub(crate) status: AccountStatus,
    /// 0 to 3.
    pub(crate) vip: u8,
}

/// Bytes of a record with these columns (the further addresses last).
pub(crate) fn size<'s>(columns: impl Iterator<Item = &'s str>) -> u64 {
    columns.fold(size_of::<Head>() as u64, |sum, column| {
        sum + (varint::size(size_of_column(column)) + column.len()) as u64
    })
}

/// Appends a record. The columns have less than 4 GiB each (the input's limit is 1 MiB a row).
pub(crate) fn write<'s>(
    head: &RecordHead,
    columns: impl Iterator<Item = &'s str> + Clone,
    out: &mut Vec<u8>,
) {
    let head = Head {
        tenant: head.tenant.into(),
        kind: head.kind as u8,
        status: head.status as u8,
        vip: head.vip,
        reserved: 0,
        schema: head.schema.into(),
        reserved2: [0; 2],
    };
    out.extend_from_slice(head.as_bytes());
    for column in columns.clone() {
        varint::write(size_of_column(column), out);
    }
    for column in columns {
        out.extend_from_slice(column.as_bytes());
    }
}

fn size_of_column(column: &str) -> u32 {
    u32::try_from(column.len()).expect("a row has at most 1 MiB")
}

/// Reader of one record: exactly its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordRef<'a> {
    head: RecordHead,
    body: &'a [u8],
}

impl<'a> RecordRef<'a> {
    /// Reads the head. O(1).
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let (head, body) = Head::ref_from_prefix(bytes).map_err(|_| Corrupt::new("record has no head"))?;
        let head = RecordHead {
            tenant: head.tenant.get(),
            schema: head.schema.get(),
            kind: Kind::from_number(head.kind).ok_or_else(|| Corrupt::new("kind of a record"))?,
            status: AccountStatus::from_number(head.status)
                .ok_or_else(|| Corrupt::new("status of a record"))?,
            vip: head.vip,
        };
        Ok(Self { head, body })
    }

    /// The typed part.
    pub(crate) fn head(&self) -> &RecordHead {
        &self.head
    }

    /// The column at `place` of `count` columns. O(count).
    pub(crate) fn column(&self, place: usize, count: usize) -> Result<&'a str, Corrupt> {
        let mut bytes = self.body;
        let mut before = 0_usize;
        let mut wanted = 0;
        for i in 0..count {
            let size = read_size(&mut bytes)?;
            match i.cmp(&place) {
                std::cmp::Ordering::Less => before += size,
                std::cmp::Ordering::Equal => wanted = size,
                std::cmp::Ordering::Greater => {}
            }
        }
        text(bytes.get(before..).and_then(|rest| rest.get(..wanted)))
    }

    /// All `count` columns in order. O(1) a column.
    pub(crate) fn columns(&self, count: usize) -> Columns<'a> {
        let mut values = self.body;
        let skipped = (0..count).try_for_each(|_| read_size(&mut values).map(drop));
        Columns { sizes: self.body, values, left: count, broken: skipped.err() }
    }
}

/// Iterator over the columns of a record.
#[derive(Clone, Debug)]
pub(crate) struct Columns<'a> {
    sizes: &'a [u8],
    values: &'a [u8],
    left: usize,
    broken: Option<Corrupt>,
}

impl<'a> Iterator for Columns<'a> {
    type Item = Result<&'a str, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(corrupt) = self.broken.take() {
            self.left = 0;
            return Some(Err(corrupt));
        }
        self.left = self.left.checked_sub(1)?;
        let column = read_size(&mut self.sizes).and_then(|size| {
            let (value, rest) = self.values.split_at_checked(size).ok_or_else(beyond)?;
            self.values = rest;
            text(Some(value))
        });
        if column.is_err() {
            self.left = 0;
        }
        Some(column)
    }
}

fn read_size(bytes: &mut &[u8]) -> Result<usize, Corrupt> {
    varint::read(bytes).map(|size| size as usize).ok_or_else(|| Corrupt::new("column size of a record"))
}

fn text(bytes: Option<&[u8]>) -> Result<&str, Corrupt> {
    let bytes = bytes.ok_or_else(beyond)?;
    simdutf8::basic::from_utf8(bytes).map_err(|_| Corrupt::new("column of a record is not UTF-8"))
}

fn beyond() -> Corrupt {
    Corrupt::new("column reaches beyond its record")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: RecordHead = RecordHead {
        tenant: 0x0102_0304,
        schema: 7,
        kind: Kind::Guest,
        status: AccountStatus::Terminated,
        vip: 3,
    };

    proptest! {
        #[test]
        fn every_column_comes_back_in_order_and_by_place(columns in prop::collection::vec(".{0,200}", 0..20)) {
            let mut bytes = Vec::new();
            write(&HEAD, columns.iter().map(String::as_str), &mut bytes);
            prop_assert_eq!(bytes.len() as u64, size(columns.iter().map(String::as_str)));
            let record = RecordRef::open(&bytes).unwrap();
            prop_assert_eq!(record.head(), &HEAD);
            let read: Result<Vec<_>, _> = record.columns(columns.len()).collect();
            prop_assert_eq!(read.unwrap(), columns.clone());
            for (place, column) in columns.iter().enumerate() {
                prop_assert_eq!(record.column(place, columns.len()).unwrap(), column);
            }
        }

        #[test]
        fn corrupt_bytes_are_errors_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100), count in 0_usize..30) {
            if let Ok(record) = RecordRef::open(&bytes) {
                record.columns(count).for_each(drop);
                for place in 0..count {
                    let _ = record.column(place, count);
                }
            }
        }
    }
}
