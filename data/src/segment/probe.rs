//! [`Probe`]: what the first buckets of a key say, for look-ups that ask for rows before they read them.

use super::key_index::{IndexLayout, NUMBER_END, fingerprint, matches};

/// Most buckets that a probe reads behind the home: they stand side by side, and few keys are farther away.
const PROBED_MAX: u32 = 2;

/// No candidate: greater than any ordinal.
const NOBODY: u32 = u32::MAX;
/// In the place of a second candidate: there may be others, and they were not all looked at.
const OTHERS: u32 = u32::MAX - 1;
const _: () = assert!(NUMBER_END < OTHERS);

/// Candidates that stand in the first buckets of a key: two at most, and whether these are all. Two words of one size,
/// which are copied as they were written: a processor waits where a read spans several writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    first: u32,
    second: u32,
}

impl Probe {
    /// Nobody was looked for yet.
    pub(crate) const NONE: Self = Self { first: NOBODY, second: OTHERS };

    /// The candidates, if these are all of them.
    #[inline]
    pub(crate) fn all(self) -> Option<impl Iterator<Item = u32>> {
        (self.second != OTHERS)
            .then(|| [self.first, self.second].into_iter().filter(|&ordinal| ordinal != NOBODY))
    }

    /// The candidate that came first.
    #[inline]
    pub(crate) fn first(self) -> Option<u32> {
        Some(self.first).filter(|&ordinal| ordinal != NOBODY)
    }

    /// The candidate behind it.
    #[inline]
    pub(crate) fn second(self) -> Option<u32> {
        Some(self.second).filter(|&ordinal| ordinal < OTHERS)
    }

    /// Whether there is one candidate and no other.
    #[inline]
    pub(crate) fn is_sole(self) -> bool {
        self.second == NOBODY && self.first != NOBODY
    }

    /// Whether nobody has the key.
    #[inline]
    pub(crate) fn is_absent(self) -> bool {
        self.second == NOBODY && self.first == NOBODY
    }

    /// Adds a candidate; `None` where there is no more room.
    #[inline]
    fn add(&mut self, ordinal: u32) -> Option<()> {
        if self.first == NOBODY {
            self.first = ordinal;
            return Some(());
        }
        if self.second != NOBODY {
            return None;
        }
        self.second = ordinal;
        Some(())
    }
}

impl IndexLayout {
    /// What the first buckets say. What they do not tell, as posting lists, [`Self::candidates`] tells.
    #[inline]
    pub(crate) fn probe(&self, section: &[u8], hash: u64) -> Probe {
        let mut probe = Probe { first: NOBODY, second: NOBODY };
        let home = self.home(hash);
        match self.probe_bucket(section, hash, home, &mut probe) {
            Some(false) => probe,
            Some(true) => self.probe_behind(section, hash, home, probe),
            None => Probe { second: OTHERS, ..probe },
        }
    }

    /// The buckets behind the home, which few keys need.
    #[cold]
    fn probe_behind(&self, section: &[u8], hash: u64, home: usize, mut probe: Probe) -> Probe {
        for bucket in home + 1..=home + self.spill_max.min(PROBED_MAX) as usize {
            match self.probe_bucket(section, hash, bucket, &mut probe) {
                Some(false) => return probe,
                Some(true) => {}
                None => break,
            }
        }
        Probe { second: OTHERS, ..probe }
    }

    /// Adds the candidates of a bucket. Whether the next one may have others; `None` where the bucket alone does not
    /// tell.
    #[inline]
    fn probe_bucket(&self, section: &[u8], hash: u64, bucket: usize, probe: &mut Probe) -> Option<bool> {
        let matches = matches(Self::fingerprints(section, bucket).ok()?, fingerprint(hash));
        let goes_on = matches.goes_on;
        for slot in matches {
            if let Some(reference) = self.reference(section, bucket, slot, hash).ok()? {
                if reference >= self.ordinal_end {
                    return None;
                }
                probe.add(reference)?;
            }
        }
        Some(goes_on)
    }
}
