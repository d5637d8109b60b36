//! How much memory there is to be had, asked before a load instead of found out in the middle of it.
//!
//! Three limits count: what `/dev/shm` may hold, what the machine has, and what the control groups of this
//! process allow, each of its ancestors included. Shared pages are charged to the group that touches them
//! first, which is the daemon's; at that limit the kernel kills instead of refusing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::object::SHM_DIR;

/// What memory is left, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What the tightest control group still allows; `None` without a limit.
    pub cgroup_bytes_free: Option<u64>,
    /// What the kernel thinks can be used without swapping (`MemAvailable`).
    pub available: u64,
}

impl Limits {
    /// The lower of the two.
    #[must_use]
    pub fn usable(&self) -> u64 {
        self.cgroup_bytes_free.map_or(self.available, |free| free.min(self.available))
    }
}

/// Bytes that `/dev/shm` still takes.
///
/// # Errors
/// When there is no `/dev/shm`.
pub fn shm_free_bytes() -> io::Result<u64> {
    let stat = statvfs(SHM_DIR)?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// What memory this process may still use. Pages of files that can be dropped at need count as free.
///
/// # Errors
/// When `/proc/meminfo` cannot be read. Control groups that cannot be read count as without a limit.
pub fn memory_limit() -> io::Result<Limits> {
    limits_below(Path::new("/"))
}

/// The same with another root, for tests.
fn limits_below(root: &Path) -> io::Result<Limits> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo"))?;
    let available = field(&meminfo, "MemAvailable:")
        .and_then(|kib| kib.checked_mul(1024))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no MemAvailable in /proc/meminfo"))?;
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
    let free = [Hierarchy::V1, Hierarchy::V2].iter().filter_map(|h| h.free(root, &groups, &mounts)).min();
    Ok(Limits { cgroup_bytes_free: free, available })
}

/// The two ways in which Linux tells about control groups; a machine can have both mounted.
#[derive(Clone, Copy)]
enum Hierarchy {
    V1,
    V2,
}

impl Hierarchy {
    /// What the tightest of a process's groups still allows.
    fn free(self, root: &Path, groups: &str, mounts: &str) -> Option<u64> {
        let group = groups.lines().find_map(|line| self.group(line))?;
        let mount = mounts.lines().find_map(|line| self.mount(line))?;
        let mount_point = root.join(mount.point.trim_start_matches('/'));
        // In a container the group is told from the host's root, and the mount shows only a part.
        let inside = Path::new(group).strip_prefix(mount.root).unwrap_or(Path::new(""));
        let inside = inside.strip_prefix("/").unwrap_or(inside);
        let mut folder: PathBuf = mount_point.join(inside);
        let mut tightest = None;
        loop {
            if let Some(free) = self.free_in(&folder) {
                tightest = Some(tightest.map_or(free, |t: u64| t.min(free)));
            }
            if folder == mount_point || !folder.pop() {
                return tightest;
            }
        }
    }

    /// Group in a line `4:memory:/path` or `0::/path`.
    fn group(self, line: &str) -> Option<&str> {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = match self {
            Self::V1 => controllers.split(',').any(|c| c == "memory"),
            Self::V2 => number == "0" && controllers.is_empty(),
        };
        fits.then_some(path)
    }

    /// Mount point in a line of `mountinfo`:
    /// `36 35 98:0 /root /point rw,noatime - cgroup cgroup rw,memory`.
    fn mount(self, line: &str) -> Option<Mount<'_>> {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let (kind, _, options) = (right.next()?, right.next()?, right.next()?);
        let fits = match self {
            Self::V1 => kind == "cgroup" && options.split(',').any(|o| o == "memory"),
            Self::V2 => kind == "cgroup2",
        };
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        fits.then_some(Mount { root, point })
    }

    /// Limit less use of one group; `None` without a limit.
    fn free_in(self, folder: &Path) -> Option<u64> {
        let (limit, usage, cache) = match self {
            Self::V1 => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
            Self::V2 => ("memory.max", "memory.current", "inactive_file "),
        };
        let number = |file: &str| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
        // V1 writes "no limit" as the largest multiple of a page; V2 as the word `max`.
        let limit = number(limit).filter(|&limit| limit < u64::MAX >> 2)?;
        let usage = number(usage)?;
        let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let droppable = field(&stat, cache).unwrap_or(0);
        Some(limit.saturating_sub(usage.saturating_sub(droppable)))
    }
}

struct Mount<'a> {
    root: &'a str,
    point: &'a str,
}

/// Number after `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in
            [("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    1000 kB\n")].iter().chain(files)
        {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn this_machine_answers() {
        assert!(memory_limit().unwrap().available > 0);
        assert!(shm_free_bytes().unwrap() > 0);
    }

    #[test]
    fn the_tightest_ancestor_counts_and_droppable_pages_are_free() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "500\n"),
            ("sys/fs/cgroup/a/memory.max", "1000\n"),
            ("sys/fs/cgroup/a/memory.current", "800\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 300\n"),
        ]);
        let limits = limits_below(root.path()).unwrap();
        assert_eq!(limits, Limits { cgroup_bytes_free: Some(500), available: 1000 << 10 });
        assert_eq!(limits.usable(), 500);
    }

    #[test]
    fn version_one_is_read_also_where_a_container_shows_only_a_part() {
        let root = machine(&[
            ("proc/self/cgroup", "5:cpu:/x\n4:hugetlb,memory:/docker/c1\n0::/\n"),
            (
                "proc/self/mountinfo",
                "30 20 0:26 /docker/c1 /sys/fs/cgroup/memory rw master:1 - cgroup cgroup rw,memory\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "100\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "150\n"),
        ]);
        assert_eq!(limits_below(root.path()).unwrap().cgroup_bytes_free, Some(0));
    }

    #[test]
    fn no_limit_is_not_a_limit() {
        let root = machine(&[
            ("proc/self/cgroup", "4:memory:/\n"),
            ("proc/self/mountinfo", "30 20 0:26 / /m rw - cgroup cgroup rw,memory\n"),
            ("m/memory.limit_in_bytes", "9223372036854771712\n"),
            ("m/memory.usage_in_bytes", "150\n"),
        ]);
        assert_eq!(limits_below(root.path()).unwrap().cgroup_bytes_free, None);
        assert_eq!(limits_below(machine(&[]).path()).unwrap().usable(), 1000 << 10);
    }
}
