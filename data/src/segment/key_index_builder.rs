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

use super::key_entry::{Entry, KeyEntry, sort_entries};
use super::key_index::{IndexLayout, NUMBER_END, REFERENCE_BITS_MAX, SLOT_COUNT, SPILL_MAX, fingerprint};
use super::postings::{GROUP_SHIFT, PostingWriter};

/// How full buckets are, and whether references are checked: less to read, or fewer bytes.
///
/// Of full buckets keys go on to the next, and whoever meets one that does has guessed wrong where the key ends. Check
/// bits spare rows that are read in vain. Measured with 10 million people (14.5 million addresses, 2 MiB pages, in turn,
/// medians), and with 100,000 absent keys of as many there are:
///
/// | load, check bits | bytes a key | of 100 absent keys read a row | absent | hit | batch of 32 |
/// |---|---|---|---|---|---|
/// | 0.90, 1 | 4.6 | 3.8 | 1 | 1 | 1 |
/// | 0.80, 2 | 5.3 | 1.4 | 0.95 | 0.94 | 0.89 |
/// | 0.80, 4 | 5.6 | 0.3 | 0.93 | 0.94 | 0.87 |
/// | 0.74, 2 | 5.7 | 1.2 | 0.95 | 0.94 | 0.87 |
///
/// Three bits stand between two and four: 5.5 bytes, and 0.7 of 100 absent keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// 80 of 100 slots used, three check bits.
    Fast,
    /// 90 of 100, one.
    Usual,
    /// 97 of 100, two: whoever shares fingerprint and check bits is in the tenant that is asked for, more often than
    /// not, and then their name is compared. Without the bits a message took 14 % more instructions.
    Checked,
    /// 97 of 100, none.
    Small,
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
        let (mut key_count, mut posting_count) = (0_u64, 0_u64);
        for group in entries.chunk_by(E::same_key) {
            key_count += 1;
            if group.len() > 1 {
                posting_count += group.len() as u64;
            }
        }
        let (percent, check_bits) = match load {
            Load::Fast => (80, 3),
            Load::Usual => (90, 1),
            Load::Checked => (97, 2),
            Load::Small => (97, 0),
        };
        let home_count = (key_count * 100).div_ceil(SLOT_COUNT as u64 * percent).max(1);
        let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let layout = |spill_max, reference_bits| {
            let numbers = (narrow(ordinal_end), narrow(posting_count));
            IndexLayout::new((narrow(home_count), spill_max), (reference_bits, check_bits), numbers)
        };
        let mut builder = Self { entries, layout: layout(0, 1), key_count, fits: false };
        let spill_max = builder.longest_run();
        let reference_end = ordinal_end + builder.farthest_list(spill_max);
        builder.layout = layout(spill_max, bits_of_numbers_below(reference_end));
        builder.fits = ordinal_end <= NUMBER_END.into()
            && posting_count <= u32::MAX.into()
            && reference_end <= 1 << 32
            && spill_max <= SPILL_MAX;
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
        let lists = usize::try_from(layout.postings.offset).expect(sized);
        let (slots, lists) = out.split_at_mut_checked(lists).expect(sized);
        let (fingerprints, references) = slots.split_at_mut_checked(layout.references_offset()).expect(sized);
        let (fingerprints, _) =
            fingerprints[IndexLayout::fingerprints_offset()..].as_chunks_mut::<SLOT_COUNT>();
        let mut lists = PostingWriter::new(layout.postings, lists);
        self.for_each_bucket(|bucket, waiting| {
            // Descending, so that those who stay are at the end and cheap to take.
            waiting.sort_unstable_by(|a, b| b.cmp(a));
            let going_on = waiting.len().saturating_sub(SLOT_COUNT);
            for (slot, key) in waiting.drain(going_on..).rev().enumerate() {
                let group = self.group(key);
                let reference = if let [entry] = group {
                    entry.number()
                } else {
                    layout.ordinal_end + lists.push(bucket, group.iter().map(E::number))
                };
                fingerprints[bucket][slot] = key.fingerprint();
                layout.set_reference(references, (bucket, slot), group[0].hash(), reference);
            }
        });
        lists.finish();
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

    /// No list begins so many numbers behind the first one of its group of buckets: as many as the lists have that
    /// are at home in the group or not more than `spill_max` buckets before it.
    fn farthest_list(&self, spill_max: u32) -> u64 {
        let mut at_home = vec![0_u64; (self.layout.home_count >> GROUP_SHIFT) as usize + 1];
        for group in self.entries.chunk_by(E::same_key).filter(|group| group.len() > 1) {
            at_home[self.layout.home(group[0].hash()) >> GROUP_SHIFT] += group.len() as u64;
        }
        let spilled = spill_max.div_ceil(1 << GROUP_SHIFT) as usize;
        let sums = (0..at_home.len()).map(|last| at_home[last.saturating_sub(spilled)..=last].iter().sum());
        sums.max().unwrap_or(0)
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
        for (shift, size_max) in [(0, 470_000), (14, 670_000)] {
            let entries: Vec<_> =
                (0..100_000).map(|i| (spread(i), u32::try_from(i << shift).unwrap())).collect();
            let bytes = build(&entries);
            for &(hash, ordinal) in &entries {
                assert!(find(&bytes, hash).contains(&ordinal));
            }
            let met = (100_000..200_000).filter(|&i| !find(&bytes, spread(i)).is_empty()).count();
            assert!(met < 900, "{met} of 100,000 absent keys met a fingerprint");
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
            assert!(probe.first().is_none_or(|candidate| found.contains(&candidate)));
            assert!(probe.second().is_none_or(|candidate| found.contains(&candidate)));
            if let Some(all) = probe.all() {
                let all: Vec<_> = all.collect();
                assert_eq!(all.len(), found.len());
                assert!(all.contains(&ordinal));
                assert_eq!(probe.is_sole(), all.len() == 1);
                whole += 1;
            }
        }
        assert!(whole > 19_800, "{whole} of 20,000");
        let shared = build(&[(7, 1), (7, 2)]);
        assert!(IndexLayout::open(&shared).unwrap().probe(&shared, 7).all().is_none(), "a posting list");
        // Of one fingerprint, bucket and check.
        let same = |count: u32| (1..=count).map(|i| (u64::MAX - (u64::from(i) << 32), i)).collect::<Vec<_>>();
        let candidates = |count| {
            let bytes = build(&same(count));
            let all = IndexLayout::open(&bytes).unwrap().probe(&bytes, u64::MAX).all();
            all.map(Iterator::collect::<Vec<_>>)
        };
        assert_eq!(candidates(2).map(|all| all.len()), Some(2), "two have room");
        assert_eq!(candidates(3), None, "a third has none");
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
                .map(|(hash, number)| if whole { (spread(hash), number << bits & (NUMBER_END - 1)) } else { (hash, number) })
                .collect();
            let bytes = build(&entries);
            for (hash, ordinal) in entries {
                expected.entry(hash).or_default().insert(ordinal);
            }
            for (hash, ordinals) in expected {
                prop_assert!(find(&bytes, hash).is_superset(&ordinals));
            }
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
        assert!(fits(&[(1, NUMBER_END - 1), (1, 0)]));
        assert!(!fits(&[(1, NUMBER_END)]));
        let one_bucket: Vec<_> = (0..SPILL_MAX * 60).map(|i| (u64::from(i), i % 2)).collect();
        assert!(!fits(&one_bucket));
    }
}
