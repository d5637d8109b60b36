//! Key hash → ordinals: the index behind addresses, person identifiers, names and domains.
//!
//! # How it works
//! A bucketed hash table that is built once. A bucket is one cache line: fingerprints of one byte in
//! ascending order, then the references they guard, as many bits each as this index needs; 16 of both for
//! 10 million people, 18 for a million, 12 to 24 in all. The bucket is chosen by the high bits of the hash
//! (multiply-shift, Lemire 2016), the fingerprint is its low byte, never 0.
//!
//! What finds no room goes on to the next bucket, and it is always the keys with the greatest fingerprints
//! that go (Amble and Knuth, *Ordered hash tables*, The Computer Journal 1974). So the last fingerprint of a
//! full bucket says who may be behind it: a look-up reads on only when its own is as great. At the load of
//! 0.88 half of the buckets are full, yet 93 of 100 look-ups of absent keys end in their first line. A mark
//! for overflow, which this order makes needless, would send the others on too.
//!
//! The index holds no keys: whoever asks compares the whole key with the person (the fingerprint only
//! rejects). Keys of the same 64-bit hash share a reference; the comparison tells them apart.
//!
//! # Bytes
//! ```text
//! 0    home_count u32 · spill_max u32 · ordinal_end u32 · word_count u32
//! 16   reference_bits u32 · slot_count u32 · zero to 64
//! 64   (home_count + spill_max) × 64 bytes:
//!          fingerprint u8 × slot_count (0 = free, only behind used ones)
//!          reference × slot_count, reference_bits each, lowest bit first · zero bits
//! ...  word_count × u32: posting lists, ordinals in ascending order, the last one with bit 31 set
//!
//! 24 bits a reference:  |f f f f f f f f f f f f f f f f|r00|r01|r02|r03| ... |r15|
//!                       0                               16  19  22           61
//! ```
//! A reference below `ordinal_end` is an ordinal; from there on, the rest is the place of a posting list in
//! words. One range for both, not a flag, spares a bit: 16 slots instead of 15 at 10 million people.
//!
//! # Trade-offs
//! 4.6 bytes a key; nothing can be added without building anew. A fingerprint of one byte lets 7 of 100
//! absent keys meet one and read a row in vain; two bytes would let none, for a third more space. The
//! few keys with the greatest fingerprints may have to read some dozen lines, one behind the other. A minimal perfect hash with fingerprints needs about the same
//! bytes, but one more dependent read, and its own verification of hostile bytes.

use wide::u8x16;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{CANDIDATES_MAX, Corrupt, LookupError, Ordinal};

/// One cache line.
pub(super) const BUCKET_SIZE: usize = 64;
/// Most fingerprints of a bucket: so many are compared.
const SLOT_COUNT_MAX: usize = 24;
/// Widest reference.
pub(super) const REFERENCE_BITS_MAX: u32 = 32;
/// Most buckets that a look-up reads behind its home: a bound for hostile bytes; random hashes need about
/// a hundred.
pub(super) const SPILL_MAX: u32 = 1 << 12;
/// Marks the last ordinal of a posting list.
pub(super) const LAST_BIT: u32 = 1 << 31;

/// Fingerprints and references.
type Bucket = [u8; BUCKET_SIZE];

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    home_count: U32,
    spill_max: U32,
    ordinal_end: U32,
    word_count: U32,
    reference_bits: U32,
    slot_count: U32,
    reserved: [u8; 40],
}

const _: () = assert!(size_of::<Head>() == BUCKET_SIZE);

/// Candidates that stand in the first bucket of a key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Probe {
    ordinals: [u32; 2],
    count: usize,
    /// Whether these are all candidates of the key.
    pub(crate) is_whole: bool,
}

impl Probe {
    /// The candidates.
    pub(crate) fn ordinals(&self) -> &[u32] {
        self.ordinals.get(..self.count).unwrap_or_default()
    }

    /// Whether nobody has the key.
    #[inline]
    pub(crate) fn is_absent(&self) -> bool {
        self.is_whole && self.count == 0
    }
}

/// What the head says, checked once when the segment is opened: small, and owns nothing of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexLayout {
    /// Buckets that keys are hashed to; at least one.
    pub(super) home_count: u32,
    /// Buckets behind the last home, and the most that a key is away from its home.
    pub(super) spill_max: u32,
    /// References below are ordinals.
    pub(super) ordinal_end: u32,
    /// Words of all posting lists.
    pub(super) word_count: u32,
    reference_bits: u32,
    slot_count: usize,
    /// Which of the first bytes of a bucket are fingerprints, a bit for each.
    mask: u32,
}

impl IndexLayout {
    /// The layout with references of this width; no buckets yet.
    pub(super) fn new(reference_bits: u32) -> Self {
        let slot_count = slot_count(reference_bits);
        let mask = (1 << slot_count) - 1;
        Self { home_count: 1, spill_max: 0, ordinal_end: 0, word_count: 0, reference_bits, slot_count, mask }
    }

    /// Checks the head and the sizes. O(1).
    pub(crate) fn open(section: &[u8]) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("key index does not fill its section");
        let (head, _) = Head::ref_from_prefix(section).map_err(|_| corrupt())?;
        let reference_bits = head.reference_bits.get();
        if !(1..=REFERENCE_BITS_MAX).contains(&reference_bits)
            || head.slot_count.get() as usize != slot_count(reference_bits)
        {
            return Err(Corrupt::new("key index with buckets of another shape"));
        }
        let layout = Self {
            home_count: head.home_count.get(),
            spill_max: head.spill_max.get(),
            ordinal_end: head.ordinal_end.get(),
            word_count: head.word_count.get(),
            ..Self::new(reference_bits)
        };
        if layout.home_count == 0 || layout.spill_max > SPILL_MAX || layout.size() > section.len() as u64 {
            return Err(corrupt());
        }
        Ok(layout)
    }

    /// Writes the head that [`Self::open`] reads.
    pub(super) fn write_head(&self, section: &mut [u8]) {
        let (head, _) = Head::mut_from_prefix(section).expect("a section of Self::size() bytes");
        head.home_count = self.home_count.into();
        head.spill_max = self.spill_max.into();
        head.ordinal_end = self.ordinal_end.into();
        head.word_count = self.word_count.into();
        head.reference_bits = self.reference_bits.into();
        head.slot_count = u32::try_from(self.slot_count).expect("at most 24").into();
    }

    /// Bytes of the whole section.
    pub(super) fn size(&self) -> u64 {
        // Far below 2^64: no factor is over 32 bits.
        self.words_offset() + 4 * u64::from(self.word_count)
    }

    /// Where the posting lists start.
    pub(super) fn words_offset(&self) -> u64 {
        (1 + u64::from(self.home_count) + u64::from(self.spill_max)) * BUCKET_SIZE as u64
    }

    /// References in a bucket.
    pub(super) fn slot_count(&self) -> usize {
        self.slot_count
    }

    /// Number of the bucket that a look-up reads first.
    pub(super) fn home(&self, hash: u64) -> usize {
        let place = (u128::from(hash) * u128::from(self.home_count)) >> 64;
        usize::try_from(place).expect("less than home_count, which has 32 bits")
    }

    /// Where in the section the bucket starts that a look-up reads first: to prefetch it.
    pub(crate) fn bucket_offset(&self, hash: u64) -> usize {
        (1 + self.home(hash)) * BUCKET_SIZE
    }

    /// Calls `visit` with every ordinal that may have the key. Expected: one cache line for an absent
    /// key; never more than [`CANDIDATES_MAX`] candidates, whatever the bytes say.
    ///
    /// # Errors
    /// [`LookupError::TooMany`] beyond that, corrupt bytes, or what `visit` returns.
    #[inline]
    pub(crate) fn candidates(
        &self,
        section: &[u8],
        hash: u64,
        visit: impl FnMut(Ordinal) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let matches = self.matches(self.home_bucket(section, hash)?, fingerprint(hash));
        if matches.slots == 0 && !matches.goes_on {
            return Ok(());
        }
        self.candidates_from_home(section, hash, visit)
    }

    /// [`Self::candidates`] without its short way out, which is small enough to be inlined.
    fn candidates_from_home(
        &self,
        section: &[u8],
        hash: u64,
        mut visit: impl FnMut(Ordinal) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let mut left = CANDIDATES_MAX;
        let mut visit = |ordinal| {
            left = left.checked_sub(1).ok_or(LookupError::TooMany)?;
            visit(Ordinal(ordinal))
        };
        let (buckets, _) = section.get(self.bucket_offset(hash)..).unwrap_or_default().as_chunks();
        for bucket in buckets.iter().take(1 + self.spill_max as usize) {
            let matches = self.matches(bucket, fingerprint(hash));
            let goes_on = matches.goes_on;
            for slot in matches {
                let reference = self.reference(bucket, slot);
                match reference.checked_sub(self.ordinal_end) {
                    None => visit(reference)?,
                    Some(place) => self.for_each_posting(section, place, &mut visit)?,
                }
            }
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// What the first bucket says, for a batch: it asks for the rows of all its keys before it looks at
    /// one.
    #[inline]
    pub(crate) fn probe(&self, section: &[u8], hash: u64) -> Probe {
        let Ok(bucket) = self.home_bucket(section, hash) else { return Probe::default() };
        let matches = self.matches(bucket, fingerprint(hash));
        let mut probe = Probe { is_whole: !matches.goes_on, ..Probe::default() };
        for slot in matches {
            let reference = self.reference(bucket, slot);
            match probe.ordinals.get_mut(probe.count) {
                Some(place) if reference < self.ordinal_end => {
                    *place = reference;
                    probe.count += 1;
                }
                _ => probe.is_whole = false,
            }
        }
        probe
    }

    /// The bucket that a look-up reads first.
    #[inline]
    fn home_bucket<'a>(&self, section: &'a [u8], hash: u64) -> Result<&'a Bucket, Corrupt> {
        let bucket = section.get(self.bucket_offset(hash)..).and_then(<[u8]>::first_chunk);
        bucket.ok_or_else(|| Corrupt::new("bucket reaches beyond its section"))
    }

    /// Compares all fingerprints of a bucket at once: the first sixteen, and those from the ninth on.
    #[inline]
    fn matches(&self, bucket: &Bucket, fingerprint: u8) -> Matches {
        let pattern = u8x16::splat(fingerprint);
        let equal = |at: usize| {
            let among = bucket[at..].first_chunk().copied().unwrap_or_default();
            u8x16::new(among).simd_eq(pattern).to_bitmask()
        };
        // Free slots come last: where there is one, this is 0 and nothing is behind the bucket.
        let greatest = bucket[(self.slot_count - 1) % BUCKET_SIZE];
        Matches {
            slots: (equal(0) | equal(SLOT_COUNT_MAX - 16) << (SLOT_COUNT_MAX - 16)) & self.mask,
            goes_on: greatest != 0 && fingerprint >= greatest,
        }
    }

    /// Calls `visit` with the ordinals of a posting list.
    fn for_each_posting(
        &self,
        section: &[u8],
        place: u32,
        mut visit: impl FnMut(u32) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let start = self.words_offset() + 4 * u64::from(place);
        let bytes = usize::try_from(start).ok().and_then(|start| section.get(start..)).unwrap_or_default();
        let left = self.word_count.saturating_sub(place) as usize;
        for word in bytes.as_chunks().0.iter().take(left) {
            let word = u32::from_le_bytes(*word);
            visit(word & !LAST_BIT)?;
            if word & LAST_BIT != 0 {
                return Ok(());
            }
        }
        Err(Corrupt::new("posting list reaches beyond its section").into())
    }

    /// Reads the reference of a slot.
    fn reference(&self, bucket: &Bucket, slot: usize) -> u32 {
        let (byte, shift) = self.reference_place(slot);
        let word = bucket[byte..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let mask = u64::from(u32::MAX >> (REFERENCE_BITS_MAX - self.reference_bits));
        u32::try_from(word >> shift & mask).expect("masked to 32 bits")
    }

    /// Writes the reference of a slot, which is free.
    pub(super) fn set_reference(&self, bucket: &mut Bucket, slot: usize, reference: u32) {
        let (byte, shift) = self.reference_place(slot);
        let word = bucket[byte..].first_chunk_mut().expect("place of a whole word");
        *word = (u64::from_le_bytes(*word) | u64::from(reference) << shift).to_le_bytes();
    }

    /// Which eight bytes of a bucket hold the reference of a slot, and how far up in them it is. The last
    /// references take the bucket's last word, so that no read reaches beyond it.
    fn reference_place(&self, slot: usize) -> (usize, usize) {
        let bit = 8 * self.slot_count + self.reference_bits as usize * slot;
        let byte = (bit / 8).min(BUCKET_SIZE - 8);
        (byte, bit - 8 * byte)
    }
}

/// Slots of a bucket whose fingerprint agrees, in ascending order.
#[derive(Debug)]
struct Matches {
    /// A bit for each slot that agrees.
    slots: u32,
    /// Whether further buckets may have the key.
    goes_on: bool,
}

impl Iterator for Matches {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let slot = self.slots.trailing_zeros() as usize;
        self.slots &= self.slots.checked_sub(1)?;
        Some(slot)
    }
}

/// Slots that fit into a bucket: 12 to 24.
fn slot_count(reference_bits: u32) -> usize {
    (8 * BUCKET_SIZE / (8 + reference_bits as usize)).min(SLOT_COUNT_MAX)
}

/// What a bucket keeps of a hash: its low byte, as the high bits choose the bucket. 0 is for free slots.
pub(super) fn fingerprint(hash: u64) -> u8 {
    hash.to_le_bytes()[0].max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::key_index_builder::tests::{build, spread};
    use super::*;

    #[test]
    fn references_of_all_widths_are_read_back() {
        for bits in 1..=REFERENCE_BITS_MAX {
            let layout = IndexLayout::new(bits);
            let mut bucket = [0; BUCKET_SIZE];
            let reference = |slot: usize| u32::try_from(spread(slot as u64) % (1 << bits)).unwrap();
            for slot in 0..layout.slot_count() {
                bucket[slot] = 0xff;
                layout.set_reference(&mut bucket, slot, reference(slot));
            }
            for slot in 0..layout.slot_count() {
                assert_eq!(layout.reference(&bucket, slot), reference(slot), "{bits} bits, slot {slot}");
            }
            assert!(bucket[..layout.slot_count()].iter().all(|&fingerprint| fingerprint == 0xff));
        }
    }

    #[test]
    fn heads_that_say_too_much_are_refused() {
        let bytes = build(&[(1, 1), (2, 2), (2, 3)]);
        assert!(IndexLayout::open(&bytes).is_ok());
        assert!(IndexLayout::open(&bytes[..bytes.len() - 1]).is_err());
        assert!(IndexLayout::open(&[]).is_err());
        let wrong =
            [(0, 0), (0, u32::MAX), (4, SPILL_MAX + 1), (12, u32::MAX), (16, 0), (16, 33), (20, 0), (20, 23)];
        for (place, wrong) in wrong {
            let mut bytes = bytes.clone();
            bytes[place..place + 4].copy_from_slice(&wrong.to_le_bytes());
            assert!(IndexLayout::open(&bytes).is_err(), "{wrong} at {place}");
        }
    }

    proptest! {
        #[test]
        fn corrupt_bytes_are_errors_or_false_candidates_never_panics(
            at in any::<prop::sample::Index>(), bits in 1_u8.., cut in any::<prop::sample::Index>(),
            in_head in any::<bool>(),
        ) {
            let entries: Vec<_> = (0..200).map(|i| (spread(i % 150), u32::try_from(i).unwrap())).collect();
            let mut bytes = build(&entries);
            let place = at.index(if in_head { 24 } else { bytes.len() });
            bytes[place] ^= bits;
            bytes.truncate(bytes.len() - cut.index(8));
            if let Ok(layout) = IndexLayout::open(&bytes) {
                for i in 0..300 {
                    let _ = layout.candidates(&bytes, spread(i), |_| Ok(()));
                    layout.probe(&bytes, spread(i));
                }
            }
        }

        #[test]
        fn any_bytes_under_any_head_never_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..2_000), hash in any::<u64>(),
            homes in 0_u32..20, spill in 0_u32..20, end in any::<u32>(), words in 0_u32..100, width in 0_u32..34,
        ) {
            let head = [homes, spill, end, words, width, u32::try_from(slot_count(width)).unwrap()];
            for (place, number) in bytes.as_chunks_mut().0.iter_mut().zip(head) {
                *place = number.to_le_bytes();
            }
            if let Ok(layout) = IndexLayout::open(&bytes) {
                for hash in (0..256).map(|i| hash.wrapping_add(i)) {
                    let _ = layout.candidates(&bytes, hash, |_| Ok(()));
                    let _ = layout.candidates(&bytes[..bytes.len() / 2], hash, |_| Ok(()));
                    layout.probe(&bytes, hash);
                }
            }
        }
    }
}
