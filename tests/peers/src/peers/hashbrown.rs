//! A hash map in the process's own memory: `HashMap<Box<str>, place>` and all records in one vector.
//!
//! What a program writes that cares: the fastest hasher for short strings, one allocation for each key, none
//! for each record. Every process has its own copy.

use anyhow::{Context, Result};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{Built, Input};
use crate::machine::anonymous_memory;
use crate::peer::Peer;
use crate::record::Answer;

struct Hashbrown {
    /// Address to the byte at which its record begins.
    places: HashMap<Box<str>, u64, RandomState>,
    records: Box<[u8]>,
    size: u64,
}

pub(super) fn build(input: Input<'_>) -> Result<Built> {
    let before = anonymous_memory()?;
    let mut records = Vec::with_capacity(input.rows.size());
    let mut places = HashMap::with_capacity_and_hasher(input.rows.len(), RandomState::default());
    for row in input.rows.iter() {
        let place = records.len() as u64;
        // The first row of an address wins, as with the other peers.
        if let hashbrown::hash_map::Entry::Vacant(free) = places.entry(Box::from(row.address)) {
            free.insert(place);
            records.extend_from_slice(row.record);
        }
    }
    let records = records.into_boxed_slice();
    let size = anonymous_memory()?.saturating_sub(before);
    Ok(Built::Ready(Box::new(Hashbrown { places, records, size })))
}

impl Peer for Hashbrown {
    #[inline]
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        let Some(&place) = self.places.get(key) else { return Ok(None) };
        let record = usize::try_from(place).ok().and_then(|start| self.records.get(start..));
        Answer::of_record(record.context("a place outside of the records")?).map(Some)
    }

    fn size(&self) -> u64 {
        self.size
    }
}
