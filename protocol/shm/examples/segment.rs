//! The life of a segment, with times: `cargo run --release -p persondb-shm --example segment [MIB]`.

use std::env;
use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use persondb_protocol::{DatasetName, Generation};
use persondb_shm::{
    SegmentMap, SegmentMode, SegmentWriter, StagedSegment, Trust, memory_limit, new_staging_name,
    shm_free_bytes, unlink,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mib: u64 = env::args().nth(1).map_or(Ok(64), |text| text.parse())?;
    let dataset = DatasetName::new(&format!("example-{}", std::process::id()))?;
    println!("{} MiB free in /dev/shm, {:?}", shm_free_bytes()? >> 20, memory_limit()?);

    let staging = new_staging_name(&dataset);
    let mut start = Instant::now();
    let mut lap = |what: &str| {
        println!("{:>9.3} ms  {what}", start.elapsed().as_secs_f64() * 1e3);
        start = Instant::now();
    };
    let mut writer = SegmentWriter::create(&staging, mib << 20)?;
    lap("create, all pages allocated");
    writer.bytes_mut().fill(7);
    lap("fill");
    let huge = writer.collapse();
    lap(&format!("collapse: {} of {} MiB huge", huge.bytes >> 20, huge.total >> 20));
    writer.freeze(SegmentMode::Group, None)?;
    lap("freeze");
    let published = StagedSegment::open(&staging)?.publish(&dataset.segment(Generation(1), 0))?;
    lap("open and publish");
    let map = SegmentMap::open_by_name(published.name(), &Trust::usual(None), Some(mib << 20))?;
    lap("map");
    map.prefault(|_| ControlFlow::Continue(()))?;
    lap("prefault");
    println!("{:?}", map.residency()?);
    unlink(published.name())?;
    Ok(())
}
