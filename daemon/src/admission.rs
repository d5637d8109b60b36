//! Memory is asked for first: too little is a clear refusal while the old data is still served.
//!
//! Two questions. Before the build, a deliberately low estimate from the sizes of the inputs, to refuse what
//! cannot work before minutes are spent. In the build, when the size is known to the byte, the exact one.
//! Both look at the control group before a page is touched, because an allocation there ends in SIGKILL and
//! not in an error.

use std::path::Path;

use persondb_data::input::{InputError, InputSpec, expand};
use persondb_shm::{memory_limit, shm_free_bytes};

use crate::config::size::human_size;

/// Text in a compressed export is at least this many times its size on disk.
const COMPRESSED_RATIO: u64 = 3;
/// A segment has at least this part of the text it is made from, in percent.
const SEGMENT_PERCENT: u64 = 15;
/// Bytes of text of a person, at the most that is usual: with it, people are not over-estimated.
const ROW_SIZE_MAX: u64 = 200;
/// Least private memory of a build for a person: the hashes of identifier, addresses and names until the indexes are written.
const PRIVATE_PERSON_SIZE: u64 = 45;

/// Memory that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} needs {} and {place} has {}; {remedy}", human_size(*needed), human_size(*free))]
pub struct TooLittle {
    /// Which step.
    pub what: &'static str,
    /// Bytes needed.
    pub needed: u64,
    /// Where they are missing.
    pub place: &'static str,
    /// Bytes that are there.
    pub free: u64,
    /// What to do.
    pub remedy: &'static str,
}

/// What is free where; `None` where nothing is known or limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Free {
    /// In `/dev/shm`.
    pub shm: Option<u64>,
    /// In the control group.
    pub cgroup: Option<u64>,
    /// In the machine.
    pub available: Option<u64>,
    /// By configuration.
    pub memory_max: Option<u64>,
}

impl Free {
    /// As it is now.
    #[must_use]
    pub fn now(memory_max: Option<u64>) -> Self {
        let limits = memory_limit().ok();
        Self {
            shm: shm_free_bytes().ok(),
            cgroup: limits.and_then(|limits| limits.cgroup_bytes_free),
            available: limits.map(|limits| limits.available),
            memory_max,
        }
    }

    /// Whether a segment of `segment` bytes and `private` bytes of the build beside it fit.
    ///
    /// # Errors
    /// [`TooLittle`] for the first place where they do not.
    pub fn admit(&self, what: &'static str, segment: u64, private: u64) -> Result<(), TooLittle> {
        let both = segment.saturating_add(private);
        let places = [
            (
                self.shm,
                segment,
                "/dev/shm",
                "enlarge it (mount -o remount,size=…), or retain fewer generations",
            ),
            (
                self.cgroup,
                both,
                "the control group of the daemon",
                "raise its limit (MemoryMax= of the unit, memory of the container)",
            ),
            (self.available, both, "this machine", "free memory, or retain fewer generations"),
            (self.memory_max, both, "the configuration (memory_max)", "raise --memory-max"),
        ];
        for (free, needed, place, remedy) in places {
            if let Some(free) = free.filter(|&free| free < needed) {
                return Err(TooLittle { what, needed, place, free, remedy });
            }
        }
        Ok(())
    }
}

/// Least bytes of text in the people files.
///
/// # Errors
/// [`InputError`] when there is no file to read.
pub fn text_size_min(spec: &InputSpec) -> Result<u64, InputError> {
    let mut sum = 0_u64;
    for path in expand(&spec.people)? {
        // A missing file is the build's to report, with its own words.
        let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        sum = sum.saturating_add(if is_compressed(&path) {
            size.saturating_mul(COMPRESSED_RATIO)
        } else {
            size
        });
    }
    Ok(sum)
}

/// Least size of a segment made from that much text.
#[must_use]
pub fn segment_size_min(text: u64) -> u64 {
    text / 100 * SEGMENT_PERCENT
}

/// Least private memory of a build from that much text, beside its segment.
#[must_use]
pub fn private_size_min(text: u64) -> u64 {
    text / ROW_SIZE_MAX * PRIVATE_PERSON_SIZE
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("gz") || ext.eq_ignore_ascii_case("zst"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_that_is_too_small_is_named_with_need_and_free() {
        let free = Free { shm: Some(64 << 20), cgroup: None, available: Some(1 << 30), memory_max: None };
        assert_eq!(free.admit("the segment", 64 << 20, 500 << 20), Ok(()));
        let error = free.admit("the segment", (64 << 20) + 1, 0).unwrap_err();
        assert_eq!((error.place, error.free), ("/dev/shm", 64 << 20));
        assert!(error.to_string().contains("64.0 MiB"), "{error}");
        let free = Free { memory_max: Some(100), ..Free::default() };
        assert_eq!(free.admit("the build", 60, 41).unwrap_err().needed, 101);
    }

    #[test]
    fn the_builds_own_memory_counts_beside_the_segment() {
        let text = 100 << 20;
        let (segment, private) = (segment_size_min(text), private_size_min(text));
        assert_eq!(private, (100 << 20) / 200 * PRIVATE_PERSON_SIZE);
        let free = |cgroup| Free { cgroup: Some(cgroup), ..Free::default() };
        assert!(free(segment + private).admit("the build", segment, private).is_ok());
        let error = free(segment + private - 1).admit("the build", segment, private).unwrap_err();
        assert!(error.place.contains("control group"), "{error}");
    }

    #[test]
    fn compressed_files_count_for_more_than_they_weigh() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "b.csv.gz"] {
            std::fs::write(folder.path().join(name), [0; 1000]).unwrap();
        }
        let spec = InputSpec { people: vec![folder.path().to_owned()], ..InputSpec::default() };
        assert_eq!(text_size_min(&spec).unwrap(), 1000 + 3000);
    }
}
