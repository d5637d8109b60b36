//! Key hash → ordinals: the index behind addresses, person identifiers, names and domains.
//!
//! # How it works
//! A bucketed hash table that is built once. A bucket is sixteen slots: fingerprints of one byte in ascending
//! order, and the references they guard, as many bits each as this index needs. The bucket is chosen by the high
//! bits of the hash (multiply-shift, Lemire 2016), the fingerprint is its low byte, never 0. Where absent keys
//! are asked for often, further bits of the hash (*check bits*) stand above the reference.
//!
//! Fingerprints and references stand apart, each as an array of all buckets. An absent key reads fingerprints
//! only: 18 MB for 10 million people, which an outer cache holds, where buckets with their references were 59.
//! A present key asks for both before it reads either, so that it waits no longer.
//!
//! What finds no room goes on to the next bucket, and it is always the keys with the greatest fingerprints
//! that go (Amble and Knuth, *Ordered hash tables*, The Computer Journal 1974). So the last fingerprint of a
//! full bucket says who may be behind it: a look-up reads on only when its own is as great. A mark for
//! overflow, which this order makes needless, would send the others on too. Four buckets share a line of
//! fingerprints, so that reading on seldom costs another one.
//!
//! The index holds no keys: whoever asks compares the whole key with the person (the fingerprint only
//! rejects). Keys of the same 64-bit hash share a reference; the comparison tells them apart.
//!
//! # Bytes
//! ```text
//! 0    home_count u32 · spill_max u32 · ordinal_end u32 · posting_count u32
//! 16   reference_bits u32 · check_bits u32 · zero to 64
//! 64   (home_count + spill_max) × 16 fingerprints, u8 each (0 = free, only behind used ones) · zero to a line
//! ...  (home_count + spill_max) × 16 references, reference_bits and check_bits each, lowest bit first · 8 zero
//!      bytes
//! ...  posting lists, of posting_count numbers: [`super::postings`]
//! ```
//! A reference below `ordinal_end` is an ordinal; from there on, the rest says where in the lists of its group of
//! buckets its posting list stands. One range for both, not a flag, spares a bit.
//!
//! # Trade-offs
//! 4 to 5.5 bytes a key, as [`Load`](super::key_index_builder::Load) chooses; nothing can be added without building
//! anew. A fingerprint of one byte and three check bits let 7 of 1,000 absent keys read a row in vain. The few
//! keys with the greatest fingerprints may have to read a dozen buckets, one behind the other. Fingerprints
//! that stand beside their references (one line a bucket) were measured: an absent key took a third more time at
//! 10 million people, a present one the same. A minimal perfect hash with fingerprints needs about the same
//! bytes, but one more dependent read, and its own verification of hostile bytes.

use wide::u8x16;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::postings::PostingLists;
use super::{CANDIDATES_MAX, Corrupt, LookupError, Ordinal};

/// Slots of a bucket: as many fingerprints as one instruction compares.
pub(super) const SLOT_COUNT: usize = 16;
/// Head, and what the fingerprints are filled up to: one cache line.
const HEAD_SIZE: u64 = 64;
/// Behind the references, so that each of them can be read as a whole word.
const WORD_SIZE: u64 = 8;
/// Widest reference.
pub(super) const REFERENCE_BITS_MAX: u32 = 32;
/// Most bits that check a reference: with it and where it begins in a byte, they fit into a word.
const CHECK_BITS_MAX: u32 = 8;
/// Most buckets that a look-up reads behind its home: a bound for hostile bytes; random hashes need about
/// a hundred.
pub(super) const SPILL_MAX: u32 = 1 << 12;
/// Numbers of an index are below.
pub(super) const NUMBER_END: u32 = 1 << 31;

/// Fingerprints of a bucket.
pub(super) type Fingerprints = [u8; SLOT_COUNT];

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    home_count: U32,
    spill_max: U32,
    ordinal_end: U32,
    posting_count: U32,
    reference_bits: U32,
    check_bits: U32,
    reserved: [u8; 40],
}

const _: () = assert!(size_of::<Head>() as u64 == HEAD_SIZE);

/// What the head says, checked once when the segment is opened: small, and owns nothing of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexLayout {
    /// Buckets that keys are hashed to; at least one.
    pub(super) home_count: u32,
    /// Buckets behind the last home, and the most that a key is away from its home.
    pub(super) spill_max: u32,
    /// References below are ordinals.
    pub(super) ordinal_end: u32,
    pub(super) reference_bits: u32,
    /// Bits of the hash above each reference.
    pub(super) check_bits: u32,
    /// Where in the section the references start.
    pub(super) references: usize,
    pub(super) postings: PostingLists,
}

impl IndexLayout {
    /// The layout of so many buckets with references of these widths; posting lists hold so many numbers, of those
    /// below `ordinal_end`.
    pub(super) fn new(
        (home_count, spill_max): (u32, u32),
        (reference_bits, check_bits): (u32, u32),
        (ordinal_end, posting_count): (u32, u32),
    ) -> Self {
        let bucket_count = u64::from(home_count) + u64::from(spill_max);
        let slot_count = bucket_count * SLOT_COUNT as u64;
        // Far below 2^64: no factor is over 32 bits.
        let references = HEAD_SIZE + slot_count.next_multiple_of(HEAD_SIZE);
        let slot_bits = u64::from(reference_bits.saturating_add(check_bits).min(u64::BITS));
        let lists = references + (slot_count * slot_bits / 8).next_multiple_of(WORD_SIZE) + WORD_SIZE;
        let postings = PostingLists::new(lists, bucket_count, ordinal_end, posting_count);
        // Sizes are compared with a section's before anything is read at this place.
        let references = usize::try_from(references).unwrap_or(usize::MAX);
        Self { home_count, spill_max, ordinal_end, reference_bits, check_bits, references, postings }
    }

    /// Checks the head and the sizes. O(1).
    pub(crate) fn open(section: &[u8]) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("key index does not fill its section");
        let (head, _) = Head::ref_from_prefix(section).map_err(|_| corrupt())?;
        let reference_bits = head.reference_bits.get();
        let check_bits = head.check_bits.get();
        if !(1..=REFERENCE_BITS_MAX).contains(&reference_bits) || check_bits > CHECK_BITS_MAX {
            return Err(Corrupt::new("key index with references of another width"));
        }
        let layout = Self::new(
            (head.home_count.get(), head.spill_max.get()),
            (reference_bits, check_bits),
            (head.ordinal_end.get(), head.posting_count.get()),
        );
        let is_numbered = layout.ordinal_end <= NUMBER_END;
        if !is_numbered
            || layout.home_count == 0
            || layout.spill_max > SPILL_MAX
            || layout.size() > section.len() as u64
        {
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
        head.posting_count = self.postings.count.into();
        head.reference_bits = self.reference_bits.into();
        head.check_bits = self.check_bits.into();
    }

    /// Bytes of the whole section.
    pub(super) fn size(&self) -> u64 {
        self.postings.offset + self.postings.size()
    }

    /// Where the fingerprints start.
    pub(super) fn fingerprints_offset() -> usize {
        size_of::<Head>()
    }

    /// Where the references start.
    pub(super) fn references_offset(&self) -> usize {
        self.references
    }

    /// Number of the bucket that a look-up reads first.
    pub(super) fn home(&self, hash: u64) -> usize {
        let place = (u128::from(hash) * u128::from(self.home_count)) >> 64;
        usize::try_from(place).expect("less than home_count, which has 32 bits")
    }

    /// Where in the section the fingerprints stand that a look-up reads first, and the first and last byte of the
    /// references they guard: to prefetch them together.
    #[inline]
    pub(crate) fn lines(&self, hash: u64) -> [usize; 3] {
        let home = self.home(hash);
        // As in `reference_place`.
        let size = (self.slot_bits() as usize).wrapping_mul(SLOT_COUNT / 8);
        let references = self.references.wrapping_add(home.wrapping_mul(size));
        [Self::fingerprints_place(home), references, references.wrapping_add(size).wrapping_sub(1)]
    }

    /// Bits of a reference and what checks it.
    pub(super) fn slot_bits(&self) -> u32 {
        // At most 40.
        self.reference_bits.wrapping_add(self.check_bits)
    }

    fn fingerprints_place(bucket: usize) -> usize {
        bucket.wrapping_mul(SLOT_COUNT).wrapping_add(Self::fingerprints_offset())
    }

    /// Calls `visit` with every ordinal that may have the key. Expected: one cache line for an absent
    /// key, two or three for one that is there; never more than [`CANDIDATES_MAX`] candidates, whatever the bytes say.
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
        let home = self.home(hash);
        let matches = matches(Self::fingerprints(section, home)?, fingerprint(hash));
        if matches.slots == 0 && !matches.goes_on {
            return Ok(());
        }
        self.candidates_from_home(section, hash, (home, matches), visit)
    }

    /// [`Self::candidates`] without its short way out, which is small enough to be inlined.
    fn candidates_from_home(
        &self,
        section: &[u8],
        hash: u64,
        (home, mut met): (usize, Matches),
        mut visit: impl FnMut(Ordinal) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        let mut left = CANDIDATES_MAX;
        let mut visit = |ordinal| {
            left = left.checked_sub(1).ok_or(LookupError::TooMany)?;
            visit(Ordinal(ordinal))
        };
        let mut bucket = home;
        loop {
            let goes_on = met.goes_on;
            for slot in met {
                let Some(reference) = self.reference(section, bucket, slot, hash)? else { continue };
                match reference.checked_sub(self.ordinal_end) {
                    None => visit(reference)?,
                    Some(place) => self.postings.for_each(section, bucket, place, &mut visit)?,
                }
            }
            if !goes_on || bucket == home + self.spill_max as usize {
                return Ok(());
            }
            bucket += 1;
            met = matches(Self::fingerprints(section, bucket)?, fingerprint(hash));
        }
    }

    /// The fingerprints of a bucket.
    #[inline]
    pub(super) fn fingerprints(section: &[u8], bucket: usize) -> Result<&Fingerprints, Corrupt> {
        let bytes = section.get(Self::fingerprints_place(bucket)..).and_then(<[u8]>::first_chunk);
        bytes.ok_or_else(|| Corrupt::new("bucket reaches beyond its section"))
    }

    /// Reads the reference of a slot; none where the check bits say that it is of another key.
    #[inline]
    pub(super) fn reference(
        &self,
        section: &[u8],
        bucket: usize,
        slot: usize,
        hash: u64,
    ) -> Result<Option<u32>, Corrupt> {
        let (byte, shift) = self.reference_place(bucket, slot);
        let word = section.get(self.references.wrapping_add(byte)..).and_then(<[u8]>::first_chunk);
        let word = word.ok_or_else(|| Corrupt::new("reference reaches beyond its section"))?;
        let slot = u64::from_le_bytes(*word) >> shift;
        // At most 32 bits are left of it.
        let reference = low_half(low_bits(slot, self.reference_bits));
        let differs = low_bits((slot >> (self.reference_bits & 63)) ^ (hash >> u8::BITS), self.check_bits);
        Ok((differs == 0).then_some(reference))
    }

    /// Writes the reference of a slot, which is free, into all references.
    pub(super) fn set_reference(
        &self,
        references: &mut [u8],
        (bucket, slot): (usize, usize),
        hash: u64,
        reference: u32,
    ) {
        let (byte, shift) = self.reference_place(bucket, slot);
        let word = references[byte..].first_chunk_mut().expect("a word is left behind the last reference");
        let check = low_bits(hash >> u8::BITS, self.check_bits);
        let slot = u64::from(reference) | check << self.reference_bits;
        *word = (u64::from_le_bytes(*word) | slot << shift).to_le_bytes();
    }

    /// Which eight bytes of the references hold that of a slot, and how far up in them it is.
    fn reference_place(&self, bucket: usize, slot: usize) -> (usize, usize) {
        // The head was found to leave room for all of them: nothing wraps.
        let slot = bucket.wrapping_mul(SLOT_COUNT).wrapping_add(slot);
        let bit = (self.slot_bits() as usize).wrapping_mul(slot);
        (bit / 8, bit % 8)
    }
}

/// At most 63 of them.
#[inline]
fn low_bits(word: u64, count: u32) -> u64 {
    word & !(u64::MAX << (count & 63))
}

/// The lower half of a word.
#[inline]
pub(super) fn low_half(word: u64) -> u32 {
    word.to_le_bytes().first_chunk().map_or(0, |half| u32::from_le_bytes(*half))
}

/// Compares all fingerprints of a bucket at once.
#[inline]
pub(super) fn matches(fingerprints: &Fingerprints, fingerprint: u8) -> Matches {
    // Free slots come last: where there is one, this is 0 and nothing is behind the bucket.
    let greatest = fingerprints[SLOT_COUNT - 1];
    Matches {
        slots: u8x16::new(*fingerprints).simd_eq(u8x16::splat(fingerprint)).to_bitmask(),
        goes_on: greatest != 0 && fingerprint >= greatest,
    }
}

/// Slots of a bucket whose fingerprint agrees, in ascending order.
#[derive(Debug)]
pub(super) struct Matches {
    /// A bit for each slot that agrees.
    slots: u32,
    /// Whether further buckets may have the key.
    pub(super) goes_on: bool,
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
            let check_bits = bits % (CHECK_BITS_MAX + 1);
            let layout = IndexLayout::new((3, 1), (bits, check_bits), (0, 0));
            let mut section = vec![0; usize::try_from(layout.size()).unwrap()];
            let places = || (0..4).flat_map(|bucket| (0..SLOT_COUNT).map(move |slot| (bucket, slot)));
            let hash = |at: (usize, usize)| spread((100 * at.0 + at.1) as u64);
            let reference = |at| u32::try_from(hash(at) % (1 << bits)).unwrap();
            for at in places() {
                let references = &mut section[layout.references_offset()..];
                layout.set_reference(references, at, hash(at), reference(at));
            }
            for at in places() {
                let read = |hash| layout.reference(&section, at.0, at.1, hash);
                assert_eq!(read(hash(at)), Ok(Some(reference(at))), "{bits} bits, {at:?}");
                for other in 0..check_bits {
                    assert_eq!(read(hash(at) ^ 1 << (8 + other)), Ok(None), "{bits} bits, {at:?}");
                }
            }
            assert!(section[..layout.references_offset()].iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn heads_that_say_too_much_are_refused() {
        let bytes = build(&[(1, 1), (2, 2), (2, 3)]);
        assert!(IndexLayout::open(&bytes).is_ok());
        assert!(IndexLayout::open(&bytes[..bytes.len() - 1]).is_err());
        assert!(IndexLayout::open(&[]).is_err());
        let wrong = [(0, 0), (0, u32::MAX), (4, SPILL_MAX + 1), (12, u32::MAX), (16, 0), (16, 33), (20, 9)];
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
            homes in 0_u32..20, spill in 0_u32..20, end in any::<u32>(), words in 0_u32..100, width in 0_u32..34, check in 0_u32..10,
        ) {
            let head = [homes, spill, end, words, width, check];
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
