//! A daemon announces, a reader in another process follows: `cargo run -p persondb-shm --example announce`.
//!
//! The reader maps the page read-only, sleeps in the kernel between announcements, and says what it sees.

use std::env;
use std::error::Error;
use std::process::Command;
use std::time::Duration;

use persondb_protocol::DatasetName;
use persondb_protocol::layout::{AnnouncedSegment, SuperblockState};
use persondb_shm::{SegmentMode, SuperblockMap, SuperblockOwner, Trust, boot_now_ns};

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(name) = env::args().nth(1) {
        return follow(&DatasetName::new(&name)?);
    }
    let dataset = DatasetName::new(&format!("example-{}", std::process::id()))?;
    let owner = SuperblockOwner::create_or_take(&dataset, SegmentMode::Group, None)?;
    let mut reader = Command::new(env::current_exe()?).arg(dataset.as_str()).spawn()?;
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(300));
        // A real daemon has published the segments of this generation by now.
        let segments = vec![AnnouncedSegment { size: 4096, header_checksum: 0 }];
        owner.announce(owner.issue(), boot_now_ns(), segments)?;
        owner.set_state(SuperblockState::Serving);
    }
    std::thread::sleep(Duration::from_millis(300));
    owner.retire_and_unlink()?;
    reader.wait()?;
    Ok(())
}

fn follow(dataset: &DatasetName) -> Result<(), Box<dyn Error>> {
    let map = SuperblockMap::open_by_name(&dataset.superblock(), &Trust::usual(None))?;
    let mut last = 0;
    while map.state() != Some(SuperblockState::Retired) {
        let seen = map.wake_word();
        if map.announcement_word() != last
            && let Some(current) = map.observe()?
        {
            last = current.announcement;
            let micros = boot_now_ns().saturating_sub(current.announced_at_boot_ns) / 1000;
            println!("announcement {last}: generation {}, seen after {micros} us", current.generation);
        }
        if map.state() != Some(SuperblockState::Retired) {
            map.wait(seen, Duration::from_secs(5))?;
        }
    }
    println!("retired");
    Ok(())
}
