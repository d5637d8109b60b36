//! What a process really uses of memory, from `/proc/<pid>/smaps`.
//!
//! The proportional set size (PSS) divides each page by the number of processes that map it: summed over
//! all processes it counts every page once, which is how "one copy for the whole machine" is shown.
//! Reading it walks the page tables of the process: milliseconds, for status and reports only.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::Range;

use persondb_protocol::DatasetName;
use persondb_protocol::name::ShmObject;

use crate::object::SHM_DIR;

/// Memory of some mappings of one process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MappingUsage {
    /// Address space.
    pub size: u64,
    /// Resident pages.
    pub rss: u64,
    /// Resident pages, each divided by the number of processes that map it.
    pub pss: u64,
    /// Resident pages that only this process maps.
    pub private: u64,
    /// Those of them that were written, by whomever: pages of a segment were, by the daemon, and count here
    /// while only one process maps them. What a *process* wrote is this number outside of the segments.
    pub private_dirty: u64,
    /// What is mapped by huge pages.
    pub huge: u64,
}

/// Memory of one process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Mappings of the segments asked for.
    pub segments: MappingUsage,
    /// Everything else.
    pub other: MappingUsage,
}

/// Whose memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// This process.
    This,
    /// Another one, of the same user or seen by root.
    Id(u32),
}

/// Memory of a process, the segments of `dataset` (retired ones and those being built too) apart from
/// the rest.
///
/// # Errors
/// When the process is gone or somebody else's.
pub fn mapping_usage(process: Process, dataset: &DatasetName) -> io::Result<ProcessUsage> {
    usage_in(open(process)?, dataset)
}

/// Memory of this process in `addresses`.
pub(crate) fn range_usage(addresses: &Range<u64>) -> io::Result<MappingUsage> {
    let mut sum = MappingUsage::default();
    each_mapping(open(Process::This)?, |mapping, usage| {
        if mapping.addresses.start >= addresses.start && mapping.addresses.end <= addresses.end {
            sum.add(usage);
        }
    })?;
    Ok(sum)
}

fn usage_in(smaps: impl BufRead, dataset: &DatasetName) -> io::Result<ProcessUsage> {
    let folder = format!("{SHM_DIR}/");
    let mut process = ProcessUsage::default();
    each_mapping(smaps, |mapping, usage| {
        let name = mapping.path.strip_prefix(&folder).map(|n| n.strip_suffix(" (deleted)").unwrap_or(n));
        let object = name.and_then(|name| dataset.object(name));
        match object {
            Some(ShmObject::Segment { .. } | ShmObject::Staging) => process.segments.add(usage),
            Some(ShmObject::Superblock) | None => process.other.add(usage),
        }
    })?;
    Ok(process)
}

impl MappingUsage {
    fn add(&mut self, other: &Self) {
        self.size += other.size;
        self.rss += other.rss;
        self.pss += other.pss;
        self.private += other.private;
        self.private_dirty += other.private_dirty;
        self.huge += other.huge;
    }

    /// Takes a `Field:   N kB` line.
    fn take(&mut self, field: &str, bytes: u64) {
        match field {
            "Size" => self.size += bytes,
            "Rss" => self.rss += bytes,
            "Pss" => self.pss += bytes,
            "Private_Clean" => self.private += bytes,
            "Private_Dirty" => {
                self.private += bytes;
                self.private_dirty += bytes;
            }
            "AnonHugePages" | "ShmemPmdMapped" | "FilePmdMapped" => self.huge += bytes,
            _ => {}
        }
    }
}

/// First line of a mapping.
struct Head {
    addresses: Range<u64>,
    path: String,
}

impl Head {
    /// `55e0a000-55e0b000 r--p 00000000 00:1a 1234    /path with spaces (deleted)`
    fn parse(line: &str) -> Option<Self> {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let addresses = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
        let mut rest = rest;
        for _ in 0..4 {
            rest = rest.trim_start().split_once(' ').map_or("", |(_, after)| after);
        }
        Some(Self { addresses, path: rest.trim().to_owned() })
    }
}

fn open(process: Process) -> io::Result<BufReader<File>> {
    let path = match process {
        Process::This => "/proc/self/smaps".to_owned(),
        Process::Id(pid) => format!("/proc/{pid}/smaps"),
    };
    Ok(BufReader::with_capacity(64 << 10, File::open(path)?))
}

fn each_mapping(mut smaps: impl BufRead, mut each: impl FnMut(&Head, &MappingUsage)) -> io::Result<()> {
    let mut current: Option<(Head, MappingUsage)> = None;
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if smaps.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        // Only field lines have a word that ends with a colon first.
        let first = line.split_ascii_whitespace().next().unwrap_or("");
        if let Some(field) = first.strip_suffix(':') {
            let kib = line.split_ascii_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
            if let (Some((_, usage)), Some(kib)) = (&mut current, kib) {
                usage.take(field, kib.saturating_mul(1024));
            }
        } else if let Some(head) = Head::parse(line)
            && let Some((head, usage)) = current.replace((head, MappingUsage::default()))
        {
            each(&head, &usage);
        }
    }
    if let Some((head, usage)) = current {
        each(&head, &usage);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
7f0000000000-7f0000400000 r--s 00000000 00:19 77                         /dev/shm/persondb.eu.g7 (deleted)
Size:               4096 kB
KernelPageSize:        4 kB
Rss:                2048 kB
Pss:                1024 kB
Private_Clean:        12 kB
Private_Dirty:         0 kB
ShmemPmdMapped:     2048 kB
VmFlags: rd sh mr mw me ms sd
7f0000400000-7f0000401000 r--s 00000000 00:19 78                         /dev/shm/persondb.eu
Size:                  4 kB
Pss:                   4 kB
7f0000500000-7f0000501000 r--s 00000000 00:19 79                         /dev/shm/persondb.eu-2.g7
Size:                  4 kB
Pss:                   2 kB
55e000000000-55e000001000 rw-p 00000000 00:00 0 
Size:                  4 kB
Rss:                   4 kB
Pss:                   4 kB
Private_Dirty:         4 kB
";

    #[test]
    fn segments_are_told_from_other_datasets_and_from_the_rest() {
        let usage = usage_in(SMAPS.as_bytes(), &DatasetName::new("eu").unwrap()).unwrap();
        assert_eq!(
            usage.segments,
            MappingUsage {
                size: 4096 << 10,
                rss: 2048 << 10,
                pss: 1024 << 10,
                private: 12 << 10,
                private_dirty: 0,
                huge: 2048 << 10
            }
        );
        assert_eq!(usage.other.pss, 10 << 10);
        assert_eq!(usage.other.private_dirty, 4 << 10);
    }

    #[test]
    fn garbage_is_skipped() {
        let usage =
            usage_in(&b"\xff\xfe\nPss: 4 kB\nzz-1 x\n"[..], &DatasetName::new("eu").unwrap()).unwrap();
        assert_eq!(usage, ProcessUsage::default());
    }

    #[test]
    fn this_process_and_its_own_number_are_the_same_process() {
        let dataset = DatasetName::new("eu").unwrap();
        let this = mapping_usage(Process::This, &dataset).unwrap();
        let by_number = mapping_usage(Process::Id(std::process::id()), &dataset).unwrap();
        assert!(this.other.rss > 0 && this.other.private_dirty > 0);
        assert!(by_number.other.rss.abs_diff(this.other.rss) < 64 << 20);
    }
}
