//! A row as peers without columns store it, and what is taken out of an answer.
//!
//! ```text
//! record   field*            address and display name first, then the others in the order of the CSV
//! field    length (LEB128) · bytes
//! ```
//! That is as small as the CSV and about the cheapest there is to decode: the two fields that are timed
//! stand at the front.

use anyhow::{Context, Result};

/// What a look-up took out of the record it found. Equal for all peers, or the run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Bytes of the address.
    pub(crate) address_size: u32,
    /// Bytes of the display name.
    pub(crate) display_name_size: u32,
    /// First and last bytes of both, so that nobody can answer without having read them.
    pub(crate) touched: u8,
}

impl Answer {
    /// Reads what was decoded.
    ///
    /// # Errors
    /// When a field is larger than 4 GiB.
    #[inline]
    pub(crate) fn of(address: &[u8], display_name: &[u8]) -> Result<Self> {
        Ok(Self {
            address_size: u32::try_from(address.len())?,
            display_name_size: u32::try_from(display_name.len())?,
            touched: touch(address) ^ touch(display_name).rotate_left(1),
        })
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// When its bytes are not a record.
    #[inline]
    pub(crate) fn of_record(record: &[u8]) -> Result<Self> {
        let (address, rest) = split_field(record).context("a record without an address")?;
        let (display_name, _) = split_field(rest).context("a record without a display name")?;
        Self::of(address, display_name)
    }
}

/// What a look-up took out of all columns of the record it found: the same in any order of the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// How many, with those that are empty.
    pub(crate) count: u32,
    /// Bytes of all values.
    pub(crate) size: u64,
    /// First and last bytes of all values.
    pub(crate) touched: u8,
}

impl Columns {
    /// Reads one more value.
    #[inline]
    pub(crate) fn add(&mut self, value: &[u8]) {
        self.count += 1;
        self.size += value.len() as u64;
        self.touched ^= touch(value);
    }

    /// Decodes a record.
    pub(crate) fn of_record(record: &[u8]) -> Self {
        let mut columns = Self::default();
        fields(record).for_each(|field| columns.add(field));
        columns
    }
}

/// Appends a field.
pub(crate) fn push_field(out: &mut Vec<u8>, field: &[u8]) {
    let mut rest = field.len();
    while rest >= 0x80 {
        out.push(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_bits(rest));
    out.extend_from_slice(field);
}

/// Takes the first field off; `None` at the end, and when the bytes are not fields.
#[inline]
pub(crate) fn split_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut size, mut shift, mut rest) = (0_usize, 0_u32, bytes);
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        size |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return rest.split_at_checked(size);
        }
        shift += 7;
    }
}

/// All fields of a record.
pub(crate) fn fields(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = record;
    std::iter::from_fn(move || {
        let (field, after) = split_field(rest)?;
        rest = after;
        Some(field)
    })
}

/// The lowest seven bits.
fn low_bits(number: usize) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

#[inline]
fn touch(bytes: &[u8]) -> u8 {
    match bytes {
        [first, .., last] => first ^ last.rotate_left(3),
        [only] => *only,
        [] => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_any_length_come_back() {
        let long = vec![b'x'; 20_000];
        let given: [&[u8]; 4] = [b"a@b.example", b"", &long[..127], &long];
        let mut record = Vec::new();
        for field in given {
            push_field(&mut record, field);
        }
        assert!(fields(&record).eq(given));
        assert_eq!(Answer::of_record(&record).unwrap(), Answer::of(b"a@b.example", b"").unwrap());
    }

    #[test]
    fn a_record_that_was_cut_is_an_error() {
        let mut record = Vec::new();
        push_field(&mut record, b"a@b.example");
        push_field(&mut record, b"Jane Doe");
        assert!(Answer::of_record(&record).is_ok());
        for size in 0..record.len() {
            assert!(Answer::of_record(&record[..size]).is_err(), "{size} bytes");
        }
        assert!(split_field(&[0xff; 30]).is_none());
    }

    #[test]
    fn columns_are_the_same_in_any_order_and_differ_when_one_is_missing() {
        let columns = |values: &[&str]| {
            let mut columns = Columns::default();
            for value in values {
                columns.add(value.as_bytes());
            }
            columns
        };
        let all = columns(&["a@b.example", "", "Jane"]);
        assert_eq!(all, columns(&["Jane", "a@b.example", ""]));
        assert_ne!(all, columns(&["a@b.example", "Jane"]), "an empty value is a column");
        assert_ne!(all, columns(&["a@b.example", "", "Jana"]));
        let mut record = Vec::new();
        for value in ["a@b.example", "", "Jane"] {
            push_field(&mut record, value.as_bytes());
        }
        assert_eq!(Columns::of_record(&record), all);
    }

    #[test]
    fn answers_differ_when_a_touched_byte_does() {
        let answer = |address: &str, name: &str| Answer::of(address.as_bytes(), name.as_bytes()).unwrap();
        assert_ne!(answer("a@b", "Jane"), answer("c@b", "Jane"));
        assert_ne!(answer("a@b", "Jane"), answer("a@b", "Jana"));
        assert_ne!(answer("a@b", "Jane"), answer("a@b", "Jan"));
    }
}
