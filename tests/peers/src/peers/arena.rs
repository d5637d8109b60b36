//! A hash table of places over records that stand one behind the other, shared by whoever maps them: what one would
//! build without coding columns. Once the records stand as they are, once compressed in blocks.
//!
//! They are the ends of the [curve](crate::curve) on which PersonDB is a point: as fast as it gets in 240 bytes a
//! person, and about as small as general compression gets while any person can still be read alone.

use std::hash::BuildHasher;

use anyhow::{Context, Result};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use zstd::bulk::{Compressor, Decompressor};

use super::{Built, Input};
use crate::peer::Peer;
use crate::record::{Answer, split_field};

/// Records begin at multiples of this, so that four bytes name a place in 16 GiB.
const ALIGN: usize = 4;
/// Records that are compressed together: more make the blocks smaller and a look-up slower.
const BLOCK_COUNT: usize = 32;
/// Of the compressor: higher ones take minutes for a few parts of a hundred.
const LEVEL: i32 = 9;
/// Size of the dictionary that all blocks share, and of what it is learned from.
const DICTIONARY_SIZE: usize = 112 << 10;
const SAMPLE_COUNT: usize = 20_000;

struct Raw {
    hasher: RandomState,
    /// Places over [`ALIGN`].
    places: HashTable<u32>,
    records: Box<[u8]>,
}

pub(super) fn build_raw(input: Input<'_>) -> Result<Built> {
    let hasher = RandomState::default();
    let mut records = Vec::with_capacity(input.rows.size() + ALIGN * input.rows.len());
    let mut places = HashTable::with_capacity(input.rows.len());
    for row in input.rows.iter() {
        let hash = hasher.hash_one(row.address);
        // The first row of an address wins, as with the other peers.
        if places.find(hash, |&place| address_at(&records, place) == Some(row.address.as_bytes())).is_none() {
            let place = u32::try_from(records.len() / ALIGN).context("more than 16 GiB of records")?;
            records.extend_from_slice(row.record);
            records.resize(records.len().next_multiple_of(ALIGN), 0);
            let rehash = |&place: &u32| hash_of(&hasher, address_at(&records, place));
            places.insert_unique(hash, place, rehash);
        }
    }
    Ok(Built::Ready(Box::new(Raw { hasher, places, records: records.into_boxed_slice() })))
}

fn record_at(records: &[u8], place: u32) -> Option<&[u8]> {
    records.get(place as usize * ALIGN..)
}

fn address_at(records: &[u8], place: u32) -> Option<&[u8]> {
    Some(split_field(record_at(records, place)?)?.0)
}

/// The hash of what is an address, as everything in a table is.
fn hash_of(hasher: &RandomState, address: Option<&[u8]>) -> u64 {
    hasher.hash_one(address.and_then(|address| std::str::from_utf8(address).ok()).unwrap_or_default())
}

impl Peer for Raw {
    #[inline]
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        let is_meant = |&place: &u32| address_at(&self.records, place) == Some(key.as_bytes());
        let place = self.places.find(self.hasher.hash_one(key), is_meant);
        let record = place.and_then(|&place| record_at(&self.records, place));
        record.map(Answer::of_record).transpose()
    }

    fn size(&self) -> u64 {
        (self.records.len() + self.places.allocation_size()) as u64
    }
}

struct Blocks {
    hasher: RandomState,
    /// Numbers of records. Their addresses are not at hand, so records of the same hash are all looked at.
    numbers: HashTable<u32>,
    /// Where each block ends.
    ends: Vec<u64>,
    compressed: Vec<u8>,
    dictionary_size: usize,
    decompressor: Decompressor<'static>,
    /// The block that was looked at last.
    open: Vec<u8>,
    /// Bytes of the largest block.
    size_max: usize,
}

pub(super) fn build_blocks(input: Input<'_>) -> Result<Built> {
    let hasher = RandomState::default();
    let step = (input.rows.len() / SAMPLE_COUNT).max(1);
    let samples: Vec<&[u8]> = input.rows.iter().step_by(step).map(|row| row.record).collect();
    // Too few rows to learn from: then there is nothing to be known before.
    let dictionary = zstd::dict::from_samples(&samples, DICTIONARY_SIZE).unwrap_or_default();
    let mut compressor = Compressor::with_dictionary(LEVEL, &dictionary)?;
    let mut kept = Vec::with_capacity(input.rows.len());
    let (mut ends, mut compressed, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let (mut size_max, mut seen) = (0, HashTable::<&str>::with_capacity(input.rows.len()));
    let mut close = |open: &mut Vec<u8>| -> Result<()> {
        size_max = size_max.max(open.len());
        compressed.extend_from_slice(&compressor.compress(open)?);
        ends.push(compressed.len() as u64);
        open.clear();
        Ok(())
    };
    for row in input.rows.iter() {
        let hash = hasher.hash_one(row.address);
        if seen.find(hash, |&known| known == row.address).is_some() {
            continue;
        }
        seen.insert_unique(hash, row.address, |known| hasher.hash_one(known));
        kept.push(hash);
        open.extend_from_slice(&u32::try_from(row.record.len())?.to_le_bytes());
        open.extend_from_slice(row.record);
        if kept.len() % BLOCK_COUNT == 0 {
            close(&mut open)?;
        }
    }
    close(&mut open)?;
    let mut numbers = HashTable::with_capacity(kept.len());
    for (number, &hash) in (0_u32..).zip(&kept) {
        numbers.insert_unique(hash, number, |&number| kept[number as usize]);
    }
    compressed.shrink_to_fit();
    let decompressor = Decompressor::with_dictionary(&dictionary)?;
    let dictionary_size = dictionary.len();
    Ok(Built::Ready(Box::new(Blocks {
        hasher,
        numbers,
        ends,
        compressed,
        dictionary_size,
        decompressor,
        open: Vec::with_capacity(size_max),
        size_max,
    })))
}

impl Blocks {
    /// The record with this number, decompressed.
    fn record(&mut self, number: u32) -> Result<&[u8]> {
        let block = number as usize / BLOCK_COUNT;
        let end = |block: usize| self.ends.get(block).and_then(|&end| usize::try_from(end).ok());
        let start = block.checked_sub(1).map_or(Some(0), end);
        let bytes = start.zip(end(block)).and_then(|(start, end)| self.compressed.get(start..end));
        self.open.clear();
        self.open.reserve(self.size_max);
        self.decompressor
            .decompress_to_buffer(bytes.context("a block outside of the blocks")?, &mut self.open)?;
        let mut rest = self.open.as_slice();
        for _ in 0..number as usize % BLOCK_COUNT {
            rest = split_record(rest).context("a block that is cut short")?.1;
        }
        Ok(split_record(rest).context("a block that is cut short")?.0)
    }
}

/// Takes the first record off a block.
fn split_record(block: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = block.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)
}

impl Peer for Blocks {
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        let hash = self.hasher.hash_one(key);
        // Seven bits of the hash are compared in the table: few blocks are opened in vain.
        let candidates: Vec<u32> = self.numbers.iter_hash(hash).copied().collect();
        for number in candidates {
            let record = self.record(number)?;
            if split_field(record).is_some_and(|(address, _)| address == key.as_bytes()) {
                return Answer::of_record(record).map(Some);
            }
        }
        Ok(None)
    }

    fn size(&self) -> u64 {
        let table = self.numbers.allocation_size() + self.ends.len() * size_of::<u64>();
        (self.compressed.len() + table + self.dictionary_size) as u64
    }
}
