//! Names in shared memory: the only place that formats or parses them.
//!
//! | object | name |
//! |---|---|
//! | superblock | `/persondb.NAME` |
//! | segment `k` of generation `N` | `/persondb.NAME.gN` for `k = 0`, `/persondb.NAME.gN.k` beyond |
//! | segment being built | `/persondb.NAME.stage-RANDOM` |
//!
//! A dataset name has no dot, so the parts cannot be confused.

use crate::Generation;

/// Prefix of every shared-memory object of this program.
const PREFIX: &str = "persondb.";
/// Longest dataset name in bytes.
pub const DATASET_NAME_SIZE_MAX: usize = 64;

/// Name of a dataset: `[a-z0-9][a-z0-9_-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatasetName(String);

/// A dataset name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "dataset name {found:?} cannot be used: expected 1 to 64 characters of a-z, 0-9, '_' and '-', \
     the first of them a letter or digit"
)]
pub struct NameError {
    found: String,
}

impl DatasetName {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`NameError`] when `name` is not `[a-z0-9][a-z0-9_-]{0,63}`.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = name.as_bytes();
        let fits = !bytes.is_empty()
            && bytes.len() <= DATASET_NAME_SIZE_MAX
            && plain(bytes[0])
            && bytes.iter().all(|&b| plain(b) || b == b'_' || b == b'-');
        if fits { Ok(Self(name.to_owned())) } else { Err(NameError { found: name.to_owned() }) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Name of the superblock.
    #[must_use]
    pub fn superblock(&self) -> ShmName {
        ShmName(format!("/{PREFIX}{}", self.0))
    }

    /// Name of segment `k` of a generation.
    #[must_use]
    pub fn segment(&self, generation: Generation, k: u32) -> ShmName {
        match k {
            0 => ShmName(format!("/{PREFIX}{}.g{generation}", self.0)),
            _ => ShmName(format!("/{PREFIX}{}.g{generation}.{k}", self.0)),
        }
    }

    /// Name of a segment that is being built; `random` keeps attempts apart.
    #[must_use]
    pub fn staging(&self, random: u64) -> ShmName {
        ShmName(format!("/{PREFIX}{}.stage-{random:016x}", self.0))
    }

    /// What the object `file_name` (as listed in `/dev/shm`, without a slash) is to this dataset;
    /// `None` when it is not this dataset's.
    #[must_use]
    pub fn object(&self, file_name: &str) -> Option<ShmObject> {
        let rest = file_name.strip_prefix(PREFIX)?.strip_prefix(self.as_str())?;
        if rest.is_empty() {
            return Some(ShmObject::Superblock);
        }
        let rest = rest.strip_prefix('.')?;
        if let Some(random) = rest.strip_prefix("stage-") {
            return (random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit()))
                .then_some(ShmObject::Staging);
        }
        let mut parts = rest.strip_prefix('g')?.split('.');
        let generation = Generation(decimal(parts.next()?)?);
        let k = match parts.next() {
            None => 0,
            Some(text) => u32::try_from(decimal(text)?).ok().filter(|&k| k != 0)?,
        };
        parts.next().is_none().then_some(ShmObject::Segment { generation, k })
    }
}

impl std::fmt::Display for DatasetName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for DatasetName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

/// What one object in shared memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShmObject {
    /// The page that names the current generation.
    Superblock,
    /// One segment of a generation.
    Segment {
        /// Generation it belongs to.
        generation: Generation,
        /// Its place in the generation's list.
        k: u32,
    },
    /// A segment that was being built.
    Staging,
}

/// Name of a shared-memory object, with its leading slash. Only [`DatasetName`] makes them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShmName(String);

impl ShmName {
    /// The name as `shm_open` wants it, with the leading slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a directory lists it, without the slash.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.0[1..]
    }
}

impl std::fmt::Display for ShmName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A decimal number without sign or leading zero, so that one object has one name only.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DatasetName {
        DatasetName::new(text).unwrap()
    }

    #[test]
    fn names_outside_the_alphabet_are_refused() {
        for good in ["a", "0", "default", "eu-1_b", &"x".repeat(64)] {
            assert!(DatasetName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "A", "a.b", "a/b", "ä", "a b", "../x", &"x".repeat(65)] {
            assert!(DatasetName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_formatted_name_is_recognised_as_what_it_is() {
        let d = name("eu");
        let of = |n: &ShmName| d.object(n.file_name());
        assert_eq!(of(&d.superblock()), Some(ShmObject::Superblock));
        for k in [0, 1, 17] {
            let object = ShmObject::Segment { generation: Generation(7), k };
            assert_eq!(of(&d.segment(Generation(7), k)), Some(object));
        }
        assert_eq!(of(&d.staging(u64::MAX)), Some(ShmObject::Staging));
    }

    #[test]
    fn objects_of_other_datasets_and_foreign_files_are_not_ours() {
        let d = name("eu");
        for other in [
            "persondb.eu2",
            "persondb.eu-1.g7",
            "persondb.eu.g07",
            "persondb.eu.g7.0",
            "persondb.eu.g7.1.1",
            "persondb.eu.g+7",
            "persondb.eu.g",
            "persondb.eu.stage-12",
            "persondb.eu.",
            "eu.g7",
        ] {
            assert_eq!(d.object(other), None, "{other}");
        }
    }
}
