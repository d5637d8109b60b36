//! The machine that was measured on, and what processes use of its memory.

use std::fs;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use serde::Serialize;

/// Ratios hold elsewhere, times do not: every table says where it was made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// Model of the processor, as it names itself.
    pub(crate) processor: String,
    /// Processors that this process may use.
    pub(crate) cores: usize,
    /// Bytes of memory.
    pub(crate) memory_bytes: u64,
    /// Release of the kernel.
    pub(crate) kernel: String,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            processor: model.map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.to_owned()),
            cores: available_parallelism().map_or(1, usize::from),
            memory_bytes: kilobytes(&read("/proc/meminfo"), "MemTotal:").unwrap_or(0),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// Processes that ran or wanted to, on average over the last minute.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// Anonymous memory of this process in bytes: heap and stacks, without files and shared memory.
pub(crate) fn anonymous_memory() -> Result<u64> {
    status("self", "RssAnon:")
}

/// Resident memory of another process in bytes.
pub(crate) fn resident_memory(pid: u32) -> Result<u64> {
    status(&pid.to_string(), "VmRSS:")
}

fn status(process: &str, field: &str) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    kilobytes(&text, field).with_context(|| format!("{path} has no {field}"))
}

/// Value in bytes of a line `field   123 kB`.
fn kilobytes(text: &str, field: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// Tests with a lot of memory run one at a time, because one of them measures it.
    pub(crate) fn alone() -> impl Drop {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn memory_that_was_touched_is_counted() {
        let _alone = alone();
        let before = anonymous_memory().unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let grown = anonymous_memory().unwrap() - before;
        assert!((60 << 20..80 << 20).contains(&grown), "{grown} bytes for {}", block.len());
        assert!(resident_memory(std::process::id()).unwrap() >= grown);
    }

    #[test]
    fn only_whole_lines_with_a_unit_are_values() {
        assert_eq!(kilobytes("VmRSSx: 1 kB\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12 << 10));
        assert_eq!(kilobytes("VmRSS: 12\n", "VmRSS:"), None);
    }
}
