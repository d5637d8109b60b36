//! Many look-ups at once: the cache misses of a batch overlap.
//!
//! A look-up waits for two lines of memory, one after the other: the bucket of its key, then the row. A batch
//! goes through its keys in stages and asks for all lines of a stage before it reads the first of them, so a
//! core has as many misses under way as it can: group prefetching (Chen, Ailamaki, Gibbons, Mowry, *Improving
//! Hash Join Performance through Prefetching*, ICDE 2004).

use persondb_protocol::Prefetch;

use super::key_index::Probe;
use super::rows::RowRef;
use super::{Hits, LookupError, Scope, Segment};
use crate::normalize::{AddressKey, KeyBuffer, address_key};

/// Keys that are under way together: more do not fit the core's miss buffers several times over.
const BATCH_SIZE: usize = 32;

/// One key of a batch on its way.
#[derive(Clone, Copy, Default)]
struct Asked {
    hash: u64,
    /// Place of the `@`; `None` for what is no address.
    at: Option<usize>,
    probe: Probe,
}

impl<B: Prefetch> Segment<B> {
    /// Everybody with this address, in the order of MATCHING: exact and alias first; only where nobody
    /// has it literally, with the sub-address taken off or dots left out, in domains that allow it.
    ///
    /// What is no address is nobody's: the answer is empty. Expected cost: one index line for an absent
    /// address; index line, row and what the row refers to for a found one.
    ///
    /// # Errors
    /// [`LookupError`]: corrupt bytes, or too many candidates.
    pub fn get(&self, address: &str, scope: Scope<'_>) -> Result<Hits<'_>, LookupError> {
        let (mut key, mut asked) = (KeyBuffer::new(), Asked::default());
        if let Some(key) = address_key(address, &mut key) {
            asked.at = Some(key.at());
            asked.hash = self.view.hasher.address(key.bytes());
        }
        self.probe(&mut asked);
        self.answer(&key, &asked, scope)
    }

    /// [`Self::get`] for each of the addresses, in their order: `visit` is called with the place of each and
    /// its answer. Together they take about 0.6 of the time (10 million people, `tests/peers`). Nothing is
    /// allocated for usual addresses.
    pub fn get_many<'s, A: AsRef<str>>(
        &'s self,
        addresses: &[A],
        scope: Scope<'_>,
        mut visit: impl FnMut(usize, Result<Hits<'s>, LookupError>),
    ) {
        let mut keys: [KeyBuffer; BATCH_SIZE] = std::array::from_fn(|_| KeyBuffer::new());
        let mut asked = [Asked::default(); BATCH_SIZE];
        for (number, batch) in addresses.chunks(BATCH_SIZE).enumerate() {
            for ((address, key), asked) in batch.iter().zip(&mut keys).zip(&mut asked) {
                self.ask(address.as_ref(), key, asked);
            }
            for asked in &mut asked[..batch.len()] {
                self.probe(asked);
            }
            for asked in &asked[..batch.len()] {
                self.ask_for_parts(asked);
            }
            for (place, (key, asked)) in keys.iter().zip(&asked).take(batch.len()).enumerate() {
                visit(number * BATCH_SIZE + place, self.answer(key, asked, scope));
            }
        }
    }

    #[inline]
    fn ask(&self, address: &str, key: &mut KeyBuffer, asked: &mut Asked) {
        let view = &self.view;
        asked.at = None;
        if let Some(key) = address_key(address, key) {
            asked.at = Some(key.at());
            asked.hash = view.hasher.address(key.bytes());
            let index = &view.address_index;
            self.bytes.prefetch(index.range.start + index.layout.bucket_offset(asked.hash));
        }
    }

    #[inline]
    fn probe(&self, asked: &mut Asked) {
        if asked.at.is_none() {
            return;
        }
        let view = &self.view;
        let index = &view.address_index;
        let section = self.bytes.as_ref().get(index.range.clone()).unwrap_or_default();
        asked.probe = index.layout.probe(section, asked.hash);
        for &ordinal in asked.probe.ordinals() {
            self.ask_for_row(ordinal);
        }
    }

    /// Asks for the row of a candidate, and the line that leads to the tail: both are known from the ordinal.
    #[inline]
    pub(super) fn ask_for_row(&self, ordinal: u32) {
        let view = &self.view;
        let row = view.row_bytes.start + ordinal as usize * view.rows.row_size;
        self.bytes.prefetch(row);
        self.bytes.prefetch(row + view.rows.row_size);
        self.bytes.prefetch(view.tail_offsets.start + super::tails::line_offset(ordinal));
    }

    /// Asks for what the answers are made of: by now their rows are here.
    #[inline]
    fn ask_for_parts(&self, asked: &Asked) {
        for &ordinal in asked.probe.ordinals() {
            if let Ok(row) = RowRef::open(self.parts(), ordinal) {
                // It says whether the row was as usual; the look-up finds that out for itself.
                let _ = row.prefetch(&self.bytes);
            }
        }
    }

    #[inline]
    fn answer<'s>(
        &'s self,
        key: &KeyBuffer,
        asked: &Asked,
        scope: Scope<'_>,
    ) -> Result<Hits<'s>, LookupError> {
        let Some(at) = asked.at else { return Ok(Hits::default()) };
        let parts = self.parts();
        let key = AddressKey::kept(key, at);
        let hits = if asked.probe.is_whole {
            let mut hits = Hits::default();
            for &ordinal in asked.probe.ordinals() {
                parts.compare(ordinal, &key, scope, &mut hits)?;
            }
            hits.sort();
            hits
        } else {
            parts.with_address(&key, asked.hash, scope)?
        };
        if hits.is_empty() && parts.may_be_looser(&key) {
            return parts.with_looser_address(&key, scope);
        }
        Ok(hits)
    }
}
