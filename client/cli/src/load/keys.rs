//! The keys that the clients ask for, in a file that every client reads in step.
//!
//! A client that held a million addresses would cost more than what it measures. So whoever makes the
//! keys shuffles them into one file of blocks, and a client holds one block at a time: its memory is the
//! same after any number of look-ups. The file has no name (it is opened through the descriptor of the
//! process that made it), so that nothing is left behind whatever happens.
//!
//! ```text
//! block    16 KiB: entries, one after another; a zero length or the end of the block ends it
//! entry    length of the rest u16 · expected u8 · address length u16 · address · record per side
//! record   (only where the entry is compared) field count u16 · per field: length u16 · bytes
//! ```
//! Numbers are little-endian. An entry never crosses a block, so a client may begin at any block.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

/// Bytes of one block.
pub(crate) const BLOCK_SIZE: usize = 16 << 10;

/// What the answer to a key has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Somebody has this address.
    Found,
    /// Nobody has it.
    Absent,
}

/// One key, with the records that one of the people found has to equal (one a side; none: not compared).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    /// What the answer has to be.
    pub(crate) expected: Expected,
    /// The address to ask for.
    pub(crate) address: &'a str,
    records: &'a [u8],
}

/// A key that is kept beyond its block.
#[derive(Clone, Debug)]
pub(crate) struct KeptKey {
    expected: Expected,
    address: String,
    records: Vec<u8>,
}

/// Writes keys into blocks.
#[derive(Debug)]
pub(crate) struct KeyWriter {
    out: BufWriter<File>,
    block: Vec<u8>,
    blocks: u64,
    entry: Vec<u8>,
}

/// Reads keys block by block, round and round.
#[derive(Debug)]
pub(crate) struct KeyReader {
    file: File,
    blocks: u64,
    next_block: u64,
    block: Box<[u8]>,
    at: usize,
}

impl KeyWriter {
    /// Keys into `file`, which is empty.
    pub(crate) fn new(file: File) -> Self {
        Self {
            out: BufWriter::with_capacity(16 * BLOCK_SIZE, file),
            block: Vec::with_capacity(BLOCK_SIZE),
            blocks: 0,
            entry: Vec::new(),
        }
    }

    /// Adds one key; `records` are what the CSV says about the person, one a side. A key that does not
    /// fit with its records is written without; one that does not fit at all is left out.
    pub(crate) fn push(
        &mut self,
        expected: Expected,
        address: &str,
        records: &[Vec<String>],
    ) -> io::Result<()> {
        if !self.encode(expected, address, records) && !self.encode(expected, address, &[]) {
            return Ok(());
        }
        if self.block.len() + self.entry.len() > BLOCK_SIZE {
            self.flush_block()?;
        }
        self.block.extend_from_slice(&self.entry);
        Ok(())
    }

    /// Writes what is left; the number of blocks.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if !self.block.is_empty() {
            self.flush_block()?;
        }
        self.out.flush()?;
        Ok(self.blocks)
    }

    fn flush_block(&mut self) -> io::Result<()> {
        self.block.resize(BLOCK_SIZE, 0);
        self.out.write_all(&self.block)?;
        self.block.clear();
        self.blocks += 1;
        Ok(())
    }

    /// False when the entry is over what its lengths or a block can hold.
    fn encode(&mut self, expected: Expected, address: &str, records: &[Vec<String>]) -> bool {
        let entry = &mut self.entry;
        entry.clear();
        entry.extend_from_slice(&[0, 0, u8::from(expected == Expected::Found)]);
        let mut fits = put(entry, address.as_bytes());
        for record in records {
            let count = u16::try_from(record.len());
            entry.extend_from_slice(&count.unwrap_or(0).to_le_bytes());
            fits &= count.is_ok() && record.iter().all(|field| put(entry, field.as_bytes()));
        }
        let rest = entry.len() - 2;
        match u16::try_from(rest) {
            Ok(size) if fits && entry.len() <= BLOCK_SIZE => {
                entry[..2].copy_from_slice(&size.to_le_bytes());
                true
            }
            _ => false,
        }
    }
}

impl KeyReader {
    /// Reads `blocks` blocks of `file` beginning with block `start` (modulo their number).
    ///
    /// # Errors
    /// When there is no block, or the first cannot be read.
    pub(crate) fn new(file: File, blocks: u64, start: u64) -> io::Result<Self> {
        if blocks == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no key to ask for"));
        }
        let block = vec![0; BLOCK_SIZE].into_boxed_slice();
        let mut reader = Self { file, blocks, next_block: start % blocks, block, at: 0 };
        reader.read_block()?;
        Ok(reader)
    }

    /// The next key; after the last comes the first again.
    pub(crate) fn next_key(&mut self) -> io::Result<Key<'_>> {
        if entry_at(&self.block, self.at).is_none() {
            self.read_block()?;
        }
        let entry = entry_at(&self.block, self.at).ok_or_else(broken)?;
        let start = self.at + 2;
        self.at = start + entry.len();
        parse(&self.block[start..self.at]).ok_or_else(broken)
    }

    fn read_block(&mut self) -> io::Result<()> {
        self.file.read_exact_at(&mut self.block, self.next_block * BLOCK_SIZE as u64)?;
        self.next_block = (self.next_block + 1) % self.blocks;
        self.at = 0;
        Ok(())
    }
}

impl<'a> Key<'a> {
    /// Whether the answer is to be compared with the CSV.
    pub(crate) fn is_compared(&self) -> bool {
        !self.records.is_empty()
    }

    /// A copy of its own.
    pub(crate) fn keep(&self) -> KeptKey {
        KeptKey { expected: self.expected, address: self.address.to_owned(), records: self.records.to_vec() }
    }

    /// The records, one a side, each as its fields in the order of the file.
    pub(crate) fn records(&self) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        let mut rest = self.records;
        std::iter::from_fn(move || {
            let (count, fields) = rest.split_first_chunk::<2>()?;
            let left = u16::from_le_bytes(*count);
            let record = Fields { rest: fields, left };
            rest = fields;
            for _ in 0..left {
                rest = take(rest)?.1;
            }
            Some(record)
        })
    }
}

impl KeptKey {
    /// The key as it was read.
    pub(crate) fn as_key(&self) -> Key<'_> {
        Key { expected: self.expected, address: &self.address, records: &self.records }
    }
}

/// Fields of one record.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    left: u16,
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        let (field, rest) = take(self.rest)?;
        self.rest = rest;
        std::str::from_utf8(field).ok()
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let size = u16::try_from(bytes.len());
    out.extend_from_slice(&size.unwrap_or(0).to_le_bytes());
    out.extend_from_slice(bytes);
    size.is_ok()
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*size)))
}

fn entry_at(block: &[u8], at: usize) -> Option<&[u8]> {
    take(block.get(at..)?).map(|(entry, _)| entry).filter(|entry| !entry.is_empty())
}

fn parse(entry: &[u8]) -> Option<Key<'_>> {
    let (&found, rest) = entry.split_first()?;
    let (address, records) = take(rest)?;
    let expected = if found == 1 { Expected::Found } else { Expected::Absent };
    Some(Key { expected, address: std::str::from_utf8(address).ok()?, records })
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file of keys is no file of keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[&str]) -> Vec<String> {
        fields.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_key_comes_back_with_its_records_and_then_from_the_start() {
        let file = tempfile::tempfile().unwrap();
        let mut writer = KeyWriter::new(file.try_clone().unwrap());
        let sides = [record(&["a", "", "ß\n\"x\""]), record(&["b"])];
        let addresses: Vec<String> = (0..3000).map(|i| format!("person.{i}@example.com")).collect();
        for (i, address) in addresses.iter().enumerate() {
            let records = if i % 3 == 0 { &sides[..] } else { &[] };
            let expected = if i % 2 == 0 { Expected::Found } else { Expected::Absent };
            writer.push(expected, address, records).unwrap();
        }
        let blocks = writer.finish().unwrap();
        assert!(blocks > 3);
        let mut reader = KeyReader::new(file, blocks, 0).unwrap();
        for _ in 0..2 {
            for (i, address) in addresses.iter().enumerate() {
                let key = reader.next_key().unwrap();
                assert_eq!(key.address, address);
                assert_eq!(key.expected == Expected::Found, i % 2 == 0);
                assert_eq!(key.is_compared(), i % 3 == 0);
                if key.is_compared() {
                    let read: Vec<Vec<&str>> = key.records().map(Iterator::collect).collect();
                    assert_eq!(read, sides);
                }
            }
        }
    }

    #[test]
    fn a_reader_may_begin_at_any_block() {
        let file = tempfile::tempfile().unwrap();
        let mut writer = KeyWriter::new(file.try_clone().unwrap());
        for i in 0..5000 {
            writer.push(Expected::Found, &format!("{i}@example.com"), &[]).unwrap();
        }
        let blocks = writer.finish().unwrap();
        let first = |start| {
            let mut reader = KeyReader::new(file.try_clone().unwrap(), blocks, start).unwrap();
            reader.next_key().unwrap().address.to_owned()
        };
        assert_eq!(first(0), "0@example.com");
        assert_ne!(first(1), first(0));
        assert_eq!(first(blocks + 1), first(1));
    }

    #[test]
    fn a_record_too_large_for_a_block_is_asked_for_but_not_compared() {
        let file = tempfile::tempfile().unwrap();
        let mut writer = KeyWriter::new(file.try_clone().unwrap());
        for size in [BLOCK_SIZE - 40, BLOCK_SIZE, 70_000] {
            writer.push(Expected::Found, "a@b.example", &[record(&[&"x".repeat(size)])]).unwrap();
        }
        let blocks = writer.finish().unwrap();
        let mut reader = KeyReader::new(file, blocks, 0).unwrap();
        let compared: Vec<bool> = (0..3).map(|_| reader.next_key().unwrap().is_compared()).collect();
        assert_eq!(compared, [true, false, false]);
    }

    #[test]
    fn no_keys_and_foreign_bytes_are_errors() {
        assert!(KeyReader::new(tempfile::tempfile().unwrap(), 0, 0).is_err());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0xff; BLOCK_SIZE]).unwrap();
        assert!(KeyReader::new(file, 1, 0).unwrap().next_key().is_err());
    }
}
