//! Entries that a [key index](super::key_index_builder) is built of: hash of a key, and whose it is.

use std::cmp::Ordering;

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

/// What of a hash counts for a name: the upper half. It chooses the bucket, and its low end are fingerprint and check.
pub(crate) fn name_hash(hash: u64) -> u64 {
    let half = hash >> 32;
    half << 32 | half
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
}
