//! Builds a [key index](super::key_index): entries in any order → the bytes of its section.
//!
//! # How it works
//! Entries are sorted by hash, so they come in the order of their home buckets and those of one key come
//! together. One pass then fills bucket after bucket: of the keys at home here and those that found no room
//! before, the ones with the smallest fingerprints stay and the others go on.
//!
//! # Trade-offs
//! 12 bytes an entry, 8 for names, and no copy of them: the sort is in place, and the index is written straight
//! into its section. How full buckets are is [`Load`]'s choice.

use std::cmp::Ordering;

use super::key_index::{IndexLayout, LAST_BIT, REFERENCE_BITS_MAX, SLOT_COUNT, SPILL_MAX, fingerprint};

/// How full buckets are, and whether references are checked: fewer rows to read for absent keys, or fewer bytes.
///
/// Measured with 100,000 keys of 31 bits: absent keys that meet somebody, and bytes a key. One check bit and a
/// load of 0.90 take as much as no check bit and 0.88, which let 7.2 of 100 absent keys meet somebody.
///
/// | load | 0.88 | 0.90 | 0.92 | 0.94 |
/// |---|---|---|---|---|
/// | of 100, with a check bit | 3.4 | 3.8 | 4.3 | 4.7 |
/// | bytes | 5.71 | 5.60 | 5.48 | 5.40 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// 90 of 100 slots used, one check bit.
    Fast,
    /// 97 of 100, none.
    Small,
}

/// Fewer entries are not worth a thread.
const HALVED_MIN: usize = 1 << 16;

/// A key's hash and whose it is, in 12 bytes. Ordered by hash, then number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyEntry {
    low: u32,
    high: u32,
    number: u32,
}

const _: () = assert!(size_of::<KeyEntry>() == 12);

impl KeyEntry {
    /// The index takes numbers below 2³¹; bit 31 is a mark for whoever gathers entries, to be taken off.
    #[allow(clippy::cast_possible_truncation)] // The halves of 64 bits.
    pub(crate) fn new(hash: u64, number: u32) -> Self {
        Self { low: hash as u32, high: (hash >> 32) as u32, number }
    }

    /// The key's hash.
    pub(crate) fn hash(&self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }

    /// Row or ordinal.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

/// A key's hash and whose it is: what an index is built of. Ordered by hash, then number.
pub(crate) trait Entry: Copy + Ord + Send {
    /// The key's hash.
    fn hash(&self) -> u64;
    /// Row or ordinal.
    fn number(&self) -> u32;
    /// Binds the key to another row or ordinal.
    fn set_number(&mut self, number: u32);

    /// Whether the hashes are the same.
    fn same_key(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Entry for KeyEntry {
    fn hash(&self) -> u64 {
        self.hash()
    }

    fn number(&self) -> u32 {
        self.number
    }

    fn set_number(&mut self, number: u32) {
        self.number = number;
    }
}

/// The same for [names](super::KeyHasher::name), whose hashes have 32 bits: every person has three, and while a
/// segment is built all of them are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameEntry(u64);

impl NameEntry {
    /// Keeps the bits that the hash of a name has.
    pub(crate) fn new(hash: u64, number: u32) -> Self {
        Self(hash >> 32 << 32 | u64::from(number))
    }
}

impl Entry for NameEntry {
    fn hash(&self) -> u64 {
        name_hash(self.0)
    }

    fn number(&self) -> u32 {
        let [_, number] = [self.0 >> 32, self.0 & u64::from(u32::MAX)];
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    fn set_number(&mut self, number: u32) {
        *self = Self::new(self.0, number);
    }
}

/// What of a hash counts for a name: the upper half, and its low byte for the fingerprint.
pub(crate) fn name_hash(hash: u64) -> u64 {
    let half = hash >> 32;
    half << 32 | half & 0xff
}

impl Ord for KeyEntry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.hash(), self.number).cmp(&(other.hash(), other.number))
    }
}

impl PartialOrd for KeyEntry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Sorts by hash, then number, in place. O(n log n), on two threads where there are many entries.
pub(crate) fn sort_entries<E: Entry>(entries: &mut [E]) {
    if entries.len() < HALVED_MIN {
        return entries.sort_unstable();
    }
    if entries.is_sorted() {
        return;
    }
    let middle = entries.len() / 2;
    let (low, _, high) = entries.select_nth_unstable(middle);
    std::thread::scope(|scope| {
        scope.spawn(|| low.sort_unstable());
        high.sort_unstable();
    });
}

/// A key index that is about to be written: its size is known, its bytes are not yet.
#[derive(Debug)]
pub(crate) struct KeyIndexBuilder<E = KeyEntry> {
    entries: Vec<E>,
    layout: IndexLayout,
    key_count: u64,
    fits: bool,
}

impl<E: Entry> KeyIndexBuilder<E> {
    /// Takes entries in any order, repetitions included. O(n log n), in place.
    pub(crate) fn new(mut entries: Vec<E>, load: Load) -> Self {
        sort_entries(&mut entries);
        entries.dedup();
        let ordinal_end = entries.iter().map(|entry| u64::from(entry.number()) + 1).max().unwrap_or(0);
        let (mut key_count, mut word_count) = (0_u64, 0_u64);
        for group in entries.chunk_by(E::same_key) {
            key_count += 1;
            if group.len() > 1 {
                word_count += group.len() as u64;
            }
        }
        let (percent, check_bits) = match load {
            Load::Fast => (90, 1),
            Load::Small => (97, 0),
        };
        let home_count = (key_count * 100).div_ceil(SLOT_COUNT as u64 * percent).max(1);
        let home_count = u32::try_from(home_count).unwrap_or(u32::MAX);
        let fits = ordinal_end <= u64::from(LAST_BIT) && ordinal_end + word_count <= 1 << 32;
        let reference_bits = bits_of_numbers_below(ordinal_end + word_count);
        let layout = |spill_max| {
            let mut layout = IndexLayout::new(home_count, spill_max, reference_bits, check_bits);
            layout.ordinal_end = u32::try_from(ordinal_end).unwrap_or(u32::MAX);
            layout.word_count = u32::try_from(word_count).unwrap_or(u32::MAX);
            layout
        };
        let mut builder = Self { entries, layout: layout(0), key_count, fits };
        let spill_max = builder.longest_run();
        builder.layout = layout(spill_max);
        builder.fits &= spill_max <= SPILL_MAX;
        builder
    }

    /// Distinct key hashes.
    pub(crate) fn key_count(&self) -> u64 {
        self.key_count
    }

    /// Bytes that [`Self::write`] fills.
    pub(crate) fn size(&self) -> u64 {
        self.layout.size()
    }

    /// Whether references can address all ordinals and posting lists, and the reader will read far enough.
    pub(crate) fn fits(&self) -> bool {
        self.fits
    }

    /// Fills `out`, which is zero and of [`Self::size`] bytes; only for what [`Self::fits`]. O(n).
    pub(crate) fn write(&self, out: &mut [u8]) {
        let layout = self.layout;
        layout.write_head(out);
        let sized = "the section was laid out with this builder's size";
        let words_offset = usize::try_from(layout.words_offset()).expect(sized);
        let (slots, words) = out.split_at_mut_checked(words_offset).expect(sized);
        let (fingerprints, references) = slots.split_at_mut_checked(layout.references_offset()).expect(sized);
        let (fingerprints, _) =
            fingerprints[IndexLayout::fingerprints_offset()..].as_chunks_mut::<SLOT_COUNT>();
        let (words, _) = words.as_chunks_mut::<4>();
        let mut next_word = 0;
        self.for_each_bucket(|bucket, waiting| {
            // Descending, so that those who stay are at the end and cheap to take.
            waiting.sort_unstable_by(|a, b| b.cmp(a));
            let going_on = waiting.len().saturating_sub(SLOT_COUNT);
            for (slot, key) in waiting.drain(going_on..).rev().enumerate() {
                let group = self.group(key);
                let reference = if let [entry] = group {
                    entry.number()
                } else {
                    let place = next_word;
                    for entry in group {
                        words[next_word] = entry.number().to_le_bytes();
                        next_word += 1;
                    }
                    words[next_word - 1] = (group[group.len() - 1].number() | LAST_BIT).to_le_bytes();
                    layout.ordinal_end + u32::try_from(place).expect("what fits has 32-bit references")
                };
                fingerprints[bucket][slot] = key.fingerprint();
                layout.set_reference(references, (bucket, slot), group[0].hash(), reference);
            }
        });
    }

    /// Most buckets in a row that send keys on: no key is farther from its home.
    fn longest_run(&self) -> u32 {
        let (mut run, mut longest) = (0, 0);
        self.for_each_bucket(|_, waiting| {
            // How many go on does not depend on which.
            waiting.truncate(waiting.len().saturating_sub(SLOT_COUNT));
            run = if waiting.is_empty() { 0 } else { run + 1 };
            longest = longest.max(run);
        });
        longest
    }

    /// Calls `fill` with each bucket that has keys and those that want to be in it: from their home on, until
    /// `fill` takes them out.
    fn for_each_bucket(&self, mut fill: impl FnMut(usize, &mut Vec<Waiting>)) {
        let mut waiting = Vec::new();
        let (mut bucket, mut start) = (0, 0);
        for group in self.entries.chunk_by(E::same_key) {
            let hash = group[0].hash();
            let home = self.layout.home(hash);
            while bucket < home && !waiting.is_empty() {
                fill(bucket, &mut waiting);
                bucket += 1;
            }
            bucket = bucket.max(home);
            waiting.push(Waiting::new(fingerprint(hash), start));
            start += group.len();
        }
        while !waiting.is_empty() {
            fill(bucket, &mut waiting);
            bucket += 1;
        }
    }

    /// All entries of a key.
    fn group(&self, key: Waiting) -> &[E] {
        let mut groups = self.entries[key.start()..].chunk_by(E::same_key);
        groups.next().expect("a key has entries")
    }
}

/// Width of a reference, at least 1 and at most what a reader knows.
fn bits_of_numbers_below(end: u64) -> u32 {
    (u64::BITS - end.saturating_sub(1).leading_zeros()).clamp(1, REFERENCE_BITS_MAX)
}

/// A key that has no slot yet, its fingerprint above the place of its first entry: the smallest go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting(u64);

impl Waiting {
    const START_BITS: u32 = 56;

    fn new(fingerprint: u8, start: usize) -> Self {
        Self(u64::from(fingerprint) << Self::START_BITS | start as u64)
    }

    fn fingerprint(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    fn start(self) -> usize {
        let start = self.0 & ((1 << Self::START_BITS) - 1);
        usize::try_from(start).expect("made of a place in memory")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::{CANDIDATES_MAX, LookupError, Ordinal};
    use super::*;

    pub(in super::super) fn build(entries: &[(u64, u32)]) -> Vec<u8> {
        let entries = entries.iter().map(|&(hash, number)| KeyEntry::new(hash, number)).collect();
        let builder = KeyIndexBuilder::new(entries, Load::Fast);
        assert!(builder.fits());
        let mut bytes = vec![0; usize::try_from(builder.size()).unwrap()];
        builder.write(&mut bytes);
        bytes
    }

    pub(in super::super) fn spread(i: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes())
    }

    fn find(bytes: &[u8], hash: u64) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let visit = |ordinal: Ordinal| {
            found.insert(ordinal.0);
            Ok(())
        };
        IndexLayout::open(bytes).unwrap().candidates(bytes, hash, visit).unwrap();
        found
    }

    #[test]
    fn every_key_is_found_and_most_absent_keys_meet_no_fingerprint() {
        for (shift, size_max) in [(0, 370_000), (14, 570_000)] {
            let entries: Vec<_> =
                (0..100_000).map(|i| (spread(i), u32::try_from(i << shift).unwrap())).collect();
            let bytes = build(&entries);
            for &(hash, ordinal) in &entries {
                assert!(find(&bytes, hash).contains(&ordinal));
            }
            let met = (100_000..200_000).filter(|&i| !find(&bytes, spread(i)).is_empty()).count();
            assert!(met < 4_500, "{met} of 100,000 absent keys met a fingerprint");
            assert!(bytes.len() < size_max, "{} bytes for 100,000 keys", bytes.len());
        }
    }

    #[test]
    fn a_probe_knows_candidates_of_its_key_and_says_when_there_are_more() {
        let entries: Vec<_> = (0..20_000).map(|i| (spread(i), u32::try_from(i).unwrap())).collect();
        let bytes = build(&entries);
        let layout = IndexLayout::open(&bytes).unwrap();
        let mut whole = 0;
        for &(hash, ordinal) in &entries {
            let probe = layout.probe(&bytes, hash);
            let found = find(&bytes, hash);
            assert!(probe.ordinals().all(|candidate| found.contains(&candidate)));
            if probe.is_whole {
                assert_eq!(probe.ordinals().count(), found.len());
                assert!(probe.ordinals().any(|candidate| candidate == ordinal));
                whole += 1;
            }
        }
        assert!(whole > 19_000, "{whole} of 20,000");
        let shared = build(&[(7, 1), (7, 2)]);
        assert!(!IndexLayout::open(&shared).unwrap().probe(&shared, 7).is_whole, "a posting list");
    }

    #[test]
    fn a_key_that_everybody_shares_and_keys_of_one_bucket_are_found() {
        let shared: Vec<_> = (0..10_000).map(|ordinal| (u64::MAX, ordinal)).collect();
        let crowded: Vec<_> = (0..1_000).map(|i| (u64::MAX - 256 * u64::from(i) - 1, i)).collect();
        let bytes = build(&[shared, crowded].concat());
        assert_eq!(find(&bytes, u64::MAX).len(), 10_000);
        for i in 0..1_000 {
            assert!(find(&bytes, u64::MAX - 256 * u64::from(i) - 1).contains(&i));
        }
        assert_eq!(find(&bytes, 1), BTreeSet::new());
    }

    #[test]
    fn more_candidates_than_the_limit_are_an_error() {
        let shared: Vec<_> =
            (0..=u32::try_from(CANDIDATES_MAX).unwrap()).map(|ordinal| (7, ordinal)).collect();
        let bytes = build(&shared);
        let layout = IndexLayout::open(&bytes).unwrap();
        assert_eq!(layout.candidates(&bytes, 7, |_| Ok(())), Err(LookupError::TooMany));
        let bytes = build(&shared[1..]);
        let layout = IndexLayout::open(&bytes).unwrap();
        assert_eq!(layout.candidates(&bytes, 7, |_| Ok(())), Ok(()));
    }

    #[test]
    fn many_entries_are_sorted_like_few() {
        let entries: Vec<_> = (0..100_000_u32)
            .map(|i| {
                let hash = xxhash_rust::xxh3::xxh3_64(&(i % 9_000).to_le_bytes());
                KeyEntry::new(if i % 3 == 0 { hash >> 10 } else { hash | 1 << 63 }, i.wrapping_mul(77_777))
            })
            .collect();
        let (mut sorted, mut expected) = (entries.clone(), entries);
        sort_entries(&mut sorted);
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        sort_entries(&mut sorted);
        assert_eq!(sorted, expected);
    }

    proptest! {
        #[test]
        fn candidates_hold_all_ordinals_of_a_key_at_any_width(
            entries in prop::collection::vec((any::<u64>().prop_map(|h| h % 97 * 0x0123_4567_89ab_cdef), 0_u32..50), 0..300),
            bits in 0_u32..31, whole in any::<bool>(),
        ) {
            let mut expected = BTreeMap::<u64, BTreeSet<u32>>::new();
            let entries: Vec<_> = entries
                .into_iter()
                // Many keys of few homes, or spread ones with their ordinals across the width.
                .map(|(hash, number)| if whole { (spread(hash), number << bits & (LAST_BIT - 1)) } else { (hash, number) })
                .collect();
            let bytes = build(&entries);
            for (hash, ordinal) in entries {
                expected.entry(hash).or_default().insert(ordinal);
            }
            for (hash, ordinals) in expected {
                prop_assert!(find(&bytes, hash).is_superset(&ordinals));
            }
        }

        #[test]
        fn entries_keep_what_they_are_made_of_and_compare_by_hash_then_number(
            a in any::<(u64, u32)>(), b in any::<(u64, u32)>(), same in any::<bool>(),
        ) {
            let b = if same { (a.0, b.1) } else { b };
            let (mut x, y) = (KeyEntry::new(a.0, a.1), KeyEntry::new(b.0, b.1));
            prop_assert_eq!((x.hash(), x.number()), a);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            x.set_number(b.1);
            prop_assert_eq!((x.hash(), x.number()), (a.0, b.1));
        }
    }

    #[test]
    fn what_no_reference_can_address_does_not_fit() {
        let fits = |entries: &[(u64, u32)]| {
            KeyIndexBuilder::new(
                entries.iter().map(|&(hash, number)| KeyEntry::new(hash, number)).collect(),
                Load::Fast,
            )
            .fits()
        };
        assert!(fits(&[]));
        assert!(fits(&[(1, LAST_BIT - 1), (1, 0)]));
        assert!(!fits(&[(1, LAST_BIT)]));
        let one_bucket: Vec<_> = (0..SPILL_MAX * 60).map(|i| (u64::from(i), i % 2)).collect();
        assert!(!fits(&one_bucket));
    }
}
