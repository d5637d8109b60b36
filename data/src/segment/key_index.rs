//! Key hash → ordinals: the index behind addresses, person identifiers, names and domains.
//!
//! # How it works
//! A bucketed hash table that is built once. A bucket is one cache line: 12 fingerprints of one byte
//! beside the 12 references they guard, so a look-up of an absent key reads one line and is done
//! unless a fingerprint happens to agree (12/255 ≈ 3 %). The bucket is chosen by the high bits of the
//! hash (multiply-shift, Lemire 2016), the fingerprint is its low byte. A bucket that overflows says so
//! and spills into the next one.
//!
//! The index holds no keys: whoever asks compares the whole key with the record (the fingerprint only
//! rejects). Keys of the same 64-bit hash share a reference; the comparison tells them apart.
//!
//! # Bytes
//! ```text
//! 0    bucket_count u32 · spill_max u32 · word_count u64 · zero to 64
//! 64   bucket_count × 64 bytes:
//!          fingerprint u8 × 12 (0 = free) · overflow u8 · zero × 3 · reference u32 × 12
//! ...  word_count × u32: posting lists, each a count and that many ordinals in ascending order
//! ```
//! A reference below 2³¹ is an ordinal; above, the rest is the place of a posting list in words.
//!
//! # Trade-offs
//! 7.5 bytes a key at a load of 0.7. A minimal perfect hash with fingerprints needs 4–5, but one more
//! dependent read, and its own verification of hostile bytes.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{CANDIDATES_MAX, Corrupt, LookupError, Ordinal};

/// References in a bucket.
const SLOT_COUNT: usize = 12;
/// Keys a bucket holds on average: a load of 0.7 keeps 9 of 10 look-ups within one line.
const KEYS_PER_BUCKET: f64 = 8.4;
/// Marks a reference to a posting list.
const POSTINGS_BIT: u32 = 1 << 31;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    bucket_count: U32,
    spill_max: U32,
    word_count: U64,
    reserved: [u8; 48],
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Bucket {
    fingerprints: [u8; SLOT_COUNT],
    overflow: u8,
    reserved: [u8; 3],
    references: [U32; SLOT_COUNT],
}

const _: () = {
    assert!(size_of::<Head>() == 64);
    assert!(size_of::<Bucket>() == 64);
};

/// Reader of a key index. Borrowed from the section, checked once by [`KeyIndex::open`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyIndex<'a> {
    buckets: &'a [Bucket],
    words: &'a [U32],
    /// Buckets that keys are hashed to; the ones behind take the last one's spill.
    home_count: u64,
    spill_max: usize,
}

impl<'a> KeyIndex<'a> {
    /// Checks the head and the sizes. O(1).
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("key index does not fill its section");
        let (head, rest) = Head::ref_from_prefix(bytes).map_err(|_| corrupt())?;
        let bucket_count = head.bucket_count.get() as usize;
        let (buckets, rest) =
            <[Bucket]>::ref_from_prefix_with_elems(rest, bucket_count).map_err(|_| corrupt())?;
        let word_count = usize::try_from(head.word_count.get()).map_err(|_| corrupt())?;
        let (words, _) = <[U32]>::ref_from_prefix_with_elems(rest, word_count).map_err(|_| corrupt())?;
        let spill_max = head.spill_max.get() as usize;
        let home_count = bucket_count.checked_sub(spill_max).filter(|&n| n > 0).ok_or_else(corrupt)?;
        Ok(Self { buckets, words, home_count: home_count as u64, spill_max })
    }

    /// Calls `visit` with every ordinal that may have the key. Expected: one cache line for an absent
    /// key; never more than [`CANDIDATES_MAX`] candidates, whatever the bytes say.
    ///
    /// # Errors
    /// [`LookupError::TooMany`] beyond that, corrupt bytes, or what `visit` returns.
    pub(crate) fn candidates(
        &self,
        hash: u64,
        mut visit: impl FnMut(Ordinal) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let mut left = CANDIDATES_MAX;
        let mut visit = |ordinal| {
            left = left.checked_sub(1).ok_or(LookupError::TooMany)?;
            visit(Ordinal(ordinal))
        };
        let fingerprint = fingerprint(hash);
        let first = home(hash, self.home_count);
        for bucket in self.buckets.iter().skip(first).take(self.spill_max + 1) {
            for (slot, &stored) in bucket.fingerprints.iter().enumerate() {
                if stored == fingerprint {
                    let reference = bucket.references[slot].get();
                    if reference & POSTINGS_BIT == 0 {
                        visit(reference)?;
                    } else {
                        for ordinal in self.posting_list(reference & !POSTINGS_BIT)? {
                            visit(ordinal.get())?;
                        }
                    }
                }
            }
            if bucket.overflow == 0 {
                break;
            }
        }
        Ok(())
    }

    fn posting_list(&self, place: u32) -> Result<&'a [U32], Corrupt> {
        let list = self.words.get(place as usize..).and_then(|words| {
            let (count, rest) = words.split_first()?;
            rest.get(..count.get() as usize)
        });
        list.ok_or_else(|| Corrupt::new("posting list reaches beyond its section"))
    }
}

/// A key index that is about to be written: its size is known, its bytes are not yet.
#[derive(Debug)]
pub(crate) struct KeyIndexBuilder {
    entries: Vec<(u64, u32)>,
    home_count: u32,
    spill_count: u32,
    word_count: u64,
    key_count: u64,
}

impl KeyIndexBuilder {
    /// Takes (hash, ordinal) pairs in any order, repetitions included. O(n log n), in place.
    pub(crate) fn new(mut entries: Vec<(u64, u32)>) -> Self {
        entries.sort_unstable();
        entries.dedup();
        let mut word_count = 0;
        let mut key_count = 0_u64;
        for group in entries.chunk_by(|a, b| a.0 == b.0) {
            key_count += 1;
            if group.len() > 1 {
                word_count += 1 + group.len() as u64;
            }
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let home_count = ((key_count as f64 / KEYS_PER_BUCKET).ceil() as u32).max(1);
        let mut builder = Self { entries, home_count, spill_count: 0, word_count, key_count };
        let mut last = 0;
        let mut spill_count = 0;
        builder.place(|home, bucket, _, _| {
            last = last.max(bucket);
            spill_count = spill_count.max(bucket - home);
        });
        // Room behind the last home for its own spill, and the reader's bound on reading on.
        let beyond = (last + 1).saturating_sub(builder.home_count as usize);
        builder.spill_count = u32::try_from(spill_count.max(beyond)).expect("fewer buckets than entries");
        builder
    }

    /// Distinct key hashes.
    pub(crate) fn key_count(&self) -> u64 {
        self.key_count
    }

    /// Bytes that [`Self::write`] fills.
    pub(crate) fn size(&self) -> u64 {
        (1 + u64::from(self.home_count) + u64::from(self.spill_count)) * 64 + 4 * self.word_count
    }

    /// Fills `out`, which is zero and of [`Self::size`] bytes. O(n).
    pub(crate) fn write(&self, out: &mut [u8]) {
        let sized = "the section was laid out with this builder's size";
        let bucket_count = self.home_count + self.spill_count;
        let (head, rest) = Head::mut_from_prefix(out).expect(sized);
        head.bucket_count = bucket_count.into();
        head.spill_max = self.spill_count.into();
        head.word_count = self.word_count.into();
        let (buckets, rest) =
            <[Bucket]>::mut_from_prefix_with_elems(rest, bucket_count as usize).expect(sized);
        let word_count = usize::try_from(self.word_count).expect(sized);
        let (words, _) = <[U32]>::mut_from_prefix_with_elems(rest, word_count).expect(sized);
        let mut next_word = 0;
        self.place(|home, bucket, slot, group| {
            for passed in &mut buckets[home..bucket] {
                passed.overflow = 1;
            }
            let reference = match group {
                [(_, ordinal)] => *ordinal,
                list => {
                    let place = next_word;
                    words[place] = u32::try_from(list.len()).expect("fewer postings than ordinals").into();
                    next_word += 1;
                    for (_, ordinal) in list {
                        words[next_word] = (*ordinal).into();
                        next_word += 1;
                    }
                    POSTINGS_BIT | u32::try_from(place).expect("the builder caps postings at 2^31 words")
                }
            };
            buckets[bucket].fingerprints[slot] = fingerprint(group[0].0);
            buckets[bucket].references[slot] = reference.into();
        });
    }

    /// Whether references can address all posting lists.
    pub(crate) fn fits(&self) -> bool {
        self.word_count < u64::from(POSTINGS_BIT) && self.entries.iter().all(|e| e.1 < POSTINGS_BIT)
    }

    /// Gives each key its slot: `put(home bucket, bucket, slot, entries of the key)`. As the entries are
    /// in the order of their hashes they are in the order of their home buckets too.
    fn place(&self, mut put: impl FnMut(usize, usize, usize, &[(u64, u32)])) {
        let mut bucket = 0;
        let mut used = 0;
        for group in self.entries.chunk_by(|a, b| a.0 == b.0) {
            let home = home(group[0].0, u64::from(self.home_count));
            if home > bucket {
                (bucket, used) = (home, 0);
            } else if used == SLOT_COUNT {
                (bucket, used) = (bucket + 1, 0);
            }
            put(home, bucket, used, group);
            used += 1;
        }
    }
}

fn home(hash: u64, home_count: u64) -> usize {
    let place = (u128::from(hash) * u128::from(home_count)) >> 64;
    usize::try_from(place).expect("less than home_count, which counts buckets in memory")
}

fn fingerprint(hash: u64) -> u8 {
    hash.to_le_bytes()[0].max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn build(entries: &[(u64, u32)]) -> Vec<u8> {
        let builder = KeyIndexBuilder::new(entries.to_vec());
        let mut bytes = vec![0; usize::try_from(builder.size()).unwrap()];
        builder.write(&mut bytes);
        bytes
    }

    fn find(index: &KeyIndex<'_>, hash: u64) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        index
            .candidates(hash, |ordinal| {
                found.insert(ordinal.0);
                Ok(())
            })
            .unwrap();
        found
    }

    fn spread(i: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes())
    }

    #[test]
    fn every_key_is_found_and_most_absent_keys_meet_no_fingerprint() {
        let entries: Vec<_> = (0..100_000).map(|i| (spread(i), u32::try_from(i).unwrap())).collect();
        let bytes = build(&entries);
        let index = KeyIndex::open(&bytes).unwrap();
        for &(hash, ordinal) in &entries {
            assert!(find(&index, hash).contains(&ordinal));
        }
        let met = (100_000..200_000).filter(|&i| !find(&index, spread(i)).is_empty()).count();
        assert!(met < 6_000, "{met} of 100,000 absent keys met a fingerprint");
        assert!(bytes.len() < 800_000, "{} bytes for 100,000 keys", bytes.len());
    }

    #[test]
    fn a_key_that_everybody_shares_and_keys_of_one_bucket_are_found() {
        let shared: Vec<_> = (0..10_000).map(|ordinal| (u64::MAX, ordinal)).collect();
        let crowded: Vec<_> = (0..1_000).map(|i| (u64::MAX - 256 * u64::from(i) - 1, i)).collect();
        let bytes = build(&[shared, crowded].concat());
        let index = KeyIndex::open(&bytes).unwrap();
        assert_eq!(find(&index, u64::MAX).len(), 10_000);
        for i in 0..1_000 {
            assert!(find(&index, u64::MAX - 256 * u64::from(i) - 1).contains(&i));
        }
        assert_eq!(find(&index, 1), BTreeSet::new());
    }

    proptest! {
        #[test]
        fn candidates_hold_all_ordinals_of_a_key(
            entries in prop::collection::vec((any::<u64>().prop_map(|h| h % 97 * 0x0123_4567_89ab_cdef), 0_u32..50), 0..300),
        ) {
            let bytes = build(&entries);
            let index = KeyIndex::open(&bytes).unwrap();
            let mut expected = BTreeMap::<u64, BTreeSet<u32>>::new();
            for (hash, ordinal) in entries {
                expected.entry(hash).or_default().insert(ordinal);
            }
            for (hash, ordinals) in expected {
                prop_assert!(find(&index, hash).is_superset(&ordinals));
            }
        }

        #[test]
        fn corrupt_bytes_are_errors_or_false_candidates_never_panics(
            at in any::<prop::sample::Index>(), bits in 1_u8.., cut in any::<prop::sample::Index>(),
        ) {
            let entries: Vec<_> = (0..200).map(|i| (spread(i % 150), u32::try_from(i).unwrap())).collect();
            let mut bytes = build(&entries);
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            bytes.truncate(bytes.len() - cut.index(8));
            if let Ok(index) = KeyIndex::open(&bytes) {
                for i in 0..300 {
                    let _ = index.candidates(spread(i), |_| Ok(()));
                }
            }
        }
    }
}
