//! [`Probe`]: what the first buckets of a key say, for look-ups that ask for rows before they read them.

use super::key_index::{IndexLayout, fingerprint, matches};

/// Most buckets that a probe reads behind the home: they stand side by side, and few keys are farther away.
const PROBED_MAX: u32 = 2;

/// Candidates that stand in the first buckets of a key: two at most, in words of their own, so that they stay in
/// registers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Probe {
    first: Option<u32>,
    second: Option<u32>,
    /// Whether these are all candidates of the key.
    pub(crate) is_whole: bool,
}

impl Probe {
    /// The candidates.
    #[inline]
    pub(crate) fn ordinals(&self) -> impl Iterator<Item = u32> {
        self.first.into_iter().chain(self.second)
    }

    /// The candidate, where there is one and no other.
    #[inline]
    pub(crate) fn sole(&self) -> Option<u32> {
        self.first.filter(|_| self.is_whole & self.second.is_none())
    }

    /// Whether nobody has the key.
    #[inline]
    pub(crate) fn is_absent(&self) -> bool {
        self.is_whole & self.first.is_none()
    }

    /// Adds a candidate; `None` where there is no more room.
    #[inline]
    fn add(&mut self, ordinal: u32) -> Option<()> {
        if self.first.is_none() {
            self.first = Some(ordinal);
            return Some(());
        }
        if self.second.is_some() {
            return None;
        }
        self.second = Some(ordinal);
        Some(())
    }
}

impl IndexLayout {
    /// What the first buckets say. What they do not tell, as posting lists, [`Self::candidates`] tells.
    #[inline]
    pub(crate) fn probe(&self, section: &[u8], hash: u64) -> Probe {
        let mut probe = Probe::default();
        let home = self.home(hash);
        match self.probe_bucket(section, hash, home, &mut probe) {
            Some(false) => probe.is_whole = true,
            Some(true) => self.probe_behind(section, hash, home, &mut probe),
            None => {}
        }
        probe
    }

    /// The buckets behind the home, which few keys need.
    #[cold]
    fn probe_behind(&self, section: &[u8], hash: u64, home: usize, probe: &mut Probe) {
        for bucket in home + 1..=home + self.spill_max.min(PROBED_MAX) as usize {
            match self.probe_bucket(section, hash, bucket, probe) {
                Some(false) => {
                    probe.is_whole = true;
                    return;
                }
                Some(true) => {}
                None => return,
            }
        }
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
