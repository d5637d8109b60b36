//! What a process of the test costs, by its page tables and its fault counter.

use std::io;

use persondb_protocol::DatasetName;
use persondb_shm::smaps::{Process, mapping_usage};

use super::job::Usage;

/// Cost of this process. Takes milliseconds: every page table is walked.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn of_this(dataset: &DatasetName) -> io::Result<Usage> {
    of(Process::This, "/proc/self/stat", dataset)
}

/// Cost of another process of the same user, or of any as root.
///
/// # Errors
/// When it is gone, or somebody else's.
pub(crate) fn of_other(pid: u32, dataset: &DatasetName) -> io::Result<Usage> {
    of(Process::Id(pid), &format!("/proc/{pid}/stat"), dataset)
}

fn of(process: Process, stat: &str, dataset: &DatasetName) -> io::Result<Usage> {
    // Faults first: reading the rest costs some.
    let minor_faults = minor_faults(&std::fs::read_to_string(stat)?).unwrap_or(0);
    let usage = mapping_usage(process, dataset)?;
    Ok(Usage {
        segment_bytes: usage.segments.size,
        segment_pss_bytes: usage.segments.pss,
        other_pss_bytes: usage.other.pss,
        private_dirty_bytes: usage.other.private_dirty,
        minor_faults,
    })
}

/// The tenth field of `/proc/<pid>/stat`. The second, a name in parentheses, may contain anything.
fn minor_faults(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(7)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_the_tenth_field_whatever_the_name() {
        let stat = "123 (a) b 9 (c) S 1 123 123 0 -1 4194304 4711 0 2 0 1 1 0 0 20 0 1 0";
        assert_eq!(minor_faults(stat), Some(4711));
        assert_eq!(minor_faults("123 (a) S 1"), None);
        assert_eq!(minor_faults(""), None);
    }

    #[test]
    fn written_pages_are_seen_as_memory_of_its_own() {
        let dataset = DatasetName::new("load-test-without-segment").unwrap();
        let before = of_this(&dataset).unwrap();
        // Far more than the other tests of this process can take or give back meanwhile.
        let pages = vec![1_u8; 512 << 20];
        let after = of_this(&dataset).unwrap();
        std::hint::black_box(&pages);
        assert_eq!((before.segment_bytes, after.segment_pss_bytes), (0, 0));
        assert!(
            after.private_dirty_bytes >= before.private_dirty_bytes + (256 << 20),
            "{before:?} {after:?}"
        );
        assert!(after.other_pss_bytes >= before.other_pss_bytes + (256 << 20), "{before:?} {after:?}");
        assert!(after.minor_faults > before.minor_faults);
        assert_eq!(of_other(std::process::id(), &dataset).unwrap().segment_bytes, 0);
    }
}
