//! cdb (D. J. Bernstein, <https://cr.yp.to/cdb/cdb.txt>): 256 hash tables behind the records of a file that
//! is never changed. Written by the crate `cdb2`.
//!
//! Its reader copies key and record into two vectors for each look-up, which costs more than the look-up;
//! the reader here borrows, so that the format is compared and not the allocator. It reads the file into
//! memory, which is what a mapping of it is at best.

use std::fs;

use anyhow::{Context, Result};
use cdb2::CDBWriter;

use super::{Built, Input};
use crate::peer::Peer;
use crate::record::Answer;

struct Cdb {
    file: Box<[u8]>,
}

pub(super) fn build(input: Input<'_>) -> Result<Built> {
    let path = input.folder.join("people.cdb");
    // Places in the file have 32 bits. The writer would not say so but wrap around.
    let address_bytes: usize = input.rows.iter().map(|row| row.address.len()).sum();
    let size = 2048 + input.rows.size() + address_bytes + input.rows.len() * (8 + 16);
    if u32::try_from(size).is_err() {
        return Ok(Built::Skipped(format!("its files end at 4 GiB, and this one would have {size} bytes")));
    }
    let mut writer = CDBWriter::create(&path)?;
    for row in input.rows.iter() {
        writer.add(row.address.as_bytes(), row.record)?;
    }
    writer.finish()?;
    let file = fs::read(&path)?.into_boxed_slice();
    fs::remove_file(&path)?;
    Ok(Built::Ready(Box::new(Cdb { file })))
}

impl Cdb {
    /// The first record with this key.
    #[inline]
    fn find(&self, key: &[u8]) -> Result<Option<&[u8]>> {
        let hash = key.iter().fold(5381_u32, |hash, &byte| hash.wrapping_mul(33) ^ u32::from(byte));
        let (table, slots) = self.pair((hash & 0xff) as usize * 8)?;
        if slots == 0 {
            return Ok(None);
        }
        let first = (hash >> 8) as usize % slots;
        for probe in 0..slots {
            let slot = (first + probe) % slots;
            let (slot_hash, place) = self.pair(table + slot * 8)?;
            if place == 0 {
                return Ok(None);
            }
            if slot_hash == hash as usize {
                let (key_size, record_size) = self.pair(place)?;
                let after = self.file.get(place + 8..).context("a record outside of the file")?;
                let (found, rest) = after.split_at_checked(key_size).context("a key outside of the file")?;
                if found == key {
                    return rest.get(..record_size).context("a record outside of the file").map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Two little-endian numbers of 32 bits.
    #[inline]
    fn pair(&self, at: usize) -> Result<(usize, usize)> {
        let bytes = self.file.get(at..).and_then(|bytes| bytes.first_chunk::<8>());
        let both = u64::from_le_bytes(*bytes.context("a place outside of the file")?);
        Ok(((both & 0xffff_ffff) as usize, (both >> 32) as usize))
    }
}

impl Peer for Cdb {
    #[inline]
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        self.find(key.as_bytes())?.map(Answer::of_record).transpose()
    }

    fn size(&self) -> u64 {
        self.file.len() as u64
    }
}
