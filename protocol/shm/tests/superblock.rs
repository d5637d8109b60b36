//! The superblock between a daemon and its readers.
#![cfg(not(loom))] // real threads; the model is in src/superblock/model.rs
#![allow(clippy::unwrap_used)] // helpers of tests, too, fail by panicking

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{NOBODY, TestDataset, as_nobody, inner, is_root, passed, path};
use nix::unistd::{Uid, chown};
use persondb_protocol::Generation;
use persondb_protocol::layout::{AnnouncedSegment, LAYOUT_VERSION, SEGMENT_COUNT_MAX, SuperblockState};
use persondb_shm::{
    AnnounceError, OpenError, SegmentMode, SuperblockError, SuperblockMap, SuperblockOwner, TakenOver, Trust,
    Woken, list,
};

fn take(dataset: &TestDataset) -> SuperblockOwner {
    SuperblockOwner::create_or_take(&dataset.0, SegmentMode::Group, None).unwrap()
}

fn open(dataset: &TestDataset) -> Result<SuperblockMap, OpenError> {
    SuperblockMap::open_by_name(&dataset.0.superblock(), &Trust::usual(None))
}

/// Segments whose every word follows from the generation.
fn segments(generation: u64) -> Vec<AnnouncedSegment> {
    let count = usize::try_from(generation % SEGMENT_COUNT_MAX as u64).unwrap() + 1;
    vec![AnnouncedSegment { size: generation * 3, header_checksum: generation * 5 }; count]
}

#[test]
fn an_announcement_reaches_those_who_attached_before_and_after() {
    let dataset = TestDataset::new();
    let owner = take(&dataset);
    let before = open(&dataset).unwrap();
    assert_eq!((before.observe(), before.announcement_word()), (Ok(None), 0));
    assert_eq!(before.state(), Some(SuperblockState::Starting));
    let generation = owner.issue();
    let announced = owner.announce(generation, 77, segments(1)).unwrap();
    owner.set_state(SuperblockState::Serving);
    let after =
        SuperblockMap::from_descriptor(owner.descriptor_read_only().unwrap(), &Trust::usual(None)).unwrap();
    for map in [&before, &after] {
        assert_eq!(map.observe().unwrap().as_ref(), Some(&announced));
        assert_eq!((map.announcement_word(), map.state()), (1, Some(SuperblockState::Serving)));
        assert_eq!(map.identity(), owner.identity());
    }
    assert_eq!((announced.generation, announced.load_started_boot_ns), (Generation(1), 77));
    assert_eq!(owner.current(), Some(announced));
}

#[test]
fn a_generation_without_segments_or_with_too_many_is_not_announced() {
    let dataset = TestDataset::new();
    let owner = take(&dataset);
    for found in [0, SEGMENT_COUNT_MAX + 1] {
        let segments = vec![AnnouncedSegment { size: 1, header_checksum: 1 }; found];
        assert_eq!(owner.announce(Generation(1), 0, segments), Err(AnnounceError::SegmentCount { found }));
    }
    assert_eq!(open(&dataset).unwrap().observe(), Ok(None));
}

#[test]
fn a_restarted_daemon_takes_over_page_announcement_and_numbering() {
    let dataset = TestDataset::new();
    let first = take(&dataset);
    assert_eq!(first.taken_over(), TakenOver::No);
    let announced = first.announce(first.issue(), 1, segments(1)).unwrap();
    let _failed_cycle = first.issue();
    let reader = open(&dataset).unwrap();
    drop(first);
    let second = SuperblockOwner::create_or_take(&dataset.0, SegmentMode::Everyone, None).unwrap();
    assert_eq!((second.taken_over(), second.identity()), (TakenOver::Yes, reader.identity()));
    assert_eq!((second.current(), second.last_issued()), (Some(announced), Generation(2)));
    assert_eq!(path(second.name()).metadata().unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(second.issue(), Generation(3));
    assert_eq!(second.announce(Generation(3), 2, segments(3)).unwrap().announcement, 2);
    assert_eq!(reader.observe().unwrap().unwrap().generation, Generation(3));
}

#[test]
fn numbers_are_never_lower_than_a_segment_that_is_there() {
    let dataset = TestDataset::new();
    let _left = dataset.published(41, b"left by an earlier daemon", SegmentMode::Group);
    assert_eq!(take(&dataset).issue(), Generation(42));
    if is_root() {
        let strange = dataset.published(u64::MAX, b"a stranger's", SegmentMode::Group);
        chown(&path(strange.name()), Some(Uid::from_raw(NOBODY)), None).unwrap();
        assert_eq!(take(&dataset).issue(), Generation(43), "a stranger cannot use up the numbers");
    }
}

#[test]
fn a_page_that_does_not_fit_is_retired_and_made_anew_with_the_numbers_going_on() {
    let dataset = TestDataset::new();
    let file = path(&dataset.0.superblock());
    let first = take(&dataset);
    assert_eq!(first.issue(), Generation(1));
    let reader = open(&dataset).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    drop(first);
    let wake = reader.wake_word();
    // A later release's layout, in the same page, as its readers see it.
    let layout = (u64::from(LAYOUT_VERSION) + 1).to_le_bytes();
    bytes[8..16].copy_from_slice(&layout);
    fs::write(&file, &bytes).unwrap();
    assert!(
        matches!(open(&dataset), Err(OpenError::Layout { found, .. }) if found == u64::from(LAYOUT_VERSION) + 1)
    );
    let second = take(&dataset);
    assert_eq!((second.taken_over(), second.issue()), (TakenOver::No, Generation(2)));
    assert_eq!(reader.state(), Some(SuperblockState::Retired));
    assert_eq!(reader.wait(wake, Duration::from_secs(5)).unwrap(), Woken::Changed);
    assert_ne!(reader.identity(), open(&dataset).unwrap().identity());
    drop(second);

    for broken in [&b"short"[..], &[0; 4096], &[1; 4096], &[0; 4097]] {
        fs::write(&file, broken).unwrap();
        let refused = open(&dataset);
        assert!(matches!(refused, Err(OpenError::Magic { .. } | OpenError::Size { .. })), "{refused:?}");
        assert_eq!(take(&dataset).taken_over(), TakenOver::No);
    }
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(open(&dataset), Err(OpenError::Writable { .. })));
    assert_eq!(take(&dataset).taken_over(), TakenOver::No, "others may have written it");
    assert_eq!(list(&dataset.0).unwrap().len(), 1, "no staging name is left");
}

#[test]
fn a_squatted_name_stops_neither_root_nor_leads_anybody_astray() {
    let test = "a_squatted_name_stops_neither_root_nor_leads_anybody_astray";
    if let Some(dataset) = inner() {
        // As nobody: root's superblock is trusted, and cannot be taken.
        let map = SuperblockMap::open_by_name(&dataset.superblock(), &Trust::usual(None)).unwrap();
        assert_eq!(map.observe(), Ok(None));
        let only_me = SuperblockMap::open_by_name(&dataset.superblock(), &Trust::own());
        assert!(matches!(only_me, Err(OpenError::Owner { found: 0, .. })));
        let taken = SuperblockOwner::create_or_take(&dataset, SegmentMode::Everyone, None);
        assert!(matches!(taken, Err(SuperblockError::Foreign { .. })), "{taken:?}");
        return;
    }
    if !is_root() {
        eprintln!("skipped {test}: only root can give files away");
        return;
    }
    let dataset = TestDataset::new();
    let squatted = take(&dataset);
    chown(&path(squatted.name()), Some(Uid::from_raw(NOBODY)), None).unwrap();
    assert!(matches!(open(&dataset), Err(OpenError::Owner { found: NOBODY, .. })));
    let owner = SuperblockOwner::create_or_take(&dataset.0, SegmentMode::Everyone, None).unwrap();
    assert_eq!(owner.taken_over(), TakenOver::No);
    assert!(owner.is_reachable() && !squatted.is_reachable());
    if let Some(output) = as_nobody(test, &dataset) {
        passed(&output);
    }
}

#[test]
fn retiring_removes_its_own_name_and_no_successors() {
    let dataset = TestDataset::new();
    let first = take(&dataset);
    let reader = open(&dataset).unwrap();
    fs::remove_file(path(first.name())).unwrap();
    assert!(first.descriptor_read_only().is_err());
    let second = take(&dataset);
    first.retire_and_unlink().unwrap();
    assert_eq!(reader.state(), Some(SuperblockState::Retired));
    assert!(second.is_reachable());
    second.retire_and_unlink().unwrap();
    assert!(matches!(open(&dataset), Err(OpenError::Missing { .. })));
}

#[test]
fn an_announcement_wakes_who_waits_and_silence_times_out() {
    let dataset = TestDataset::new();
    let owner = take(&dataset);
    let reader = open(&dataset).unwrap();
    let seen = reader.wake_word();
    assert_eq!(reader.wait(seen, Duration::from_millis(20)).unwrap(), Woken::TimedOut);
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let start = Instant::now();
                    while reader.wait(seen, Duration::from_secs(20)).unwrap() != Woken::Changed {}
                    start.elapsed()
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(100));
        owner.announce(owner.issue(), 0, segments(1)).unwrap();
        for waiter in waiting {
            assert!(waiter.join().unwrap() < Duration::from_secs(10), "nobody woke it");
        }
    });
    assert_eq!(
        reader.wait(seen, Duration::from_secs(20)).unwrap(),
        Woken::Changed,
        "a late waiter does not sleep"
    );
}

#[test]
fn a_heartbeat_ages_until_the_next() {
    let dataset = TestDataset::new();
    let owner = take(&dataset);
    let reader = open(&dataset).unwrap();
    thread::sleep(Duration::from_millis(60));
    let aged = reader.heartbeat_age_ns();
    assert!(aged >= 60_000_000, "{aged}");
    owner.beat();
    assert!(reader.heartbeat_age_ns() < aged);
    assert!(reader.daemon_start_boot_ns() <= persondb_shm::boot_now_ns());
}

#[test]
fn observations_under_a_hammering_writer_are_whole_and_never_go_back() {
    let dataset = TestDataset::new();
    let owner = take(&dataset);
    owner.announce(Generation(1), 7, segments(1)).unwrap();
    let reader = open(&dataset).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let observers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut last, mut seen) = (0, 0_u32);
                    while !stop.load(Ordering::Relaxed) {
                        let Ok(Some(whole)) = reader.observe() else { continue };
                        let n = whole.announcement;
                        assert!(n >= last, "{n} after {last}");
                        assert_eq!((whole.generation, whole.load_started_boot_ns), (Generation(n), n * 7));
                        assert_eq!(whole.segments, segments(n));
                        seen += u32::from(n != last);
                        last = n;
                    }
                    seen
                })
            })
            .collect();
        let end = Instant::now() + Duration::from_secs(2);
        let mut n = 1;
        while Instant::now() < end {
            n += 1;
            owner.announce(Generation(n), n * 7, segments(n)).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        for observer in observers {
            assert!(observer.join().unwrap() > 10, "the observers hardly ran beside {n} announcements");
        }
        assert_eq!(owner.current().unwrap().announcement, n);
    });
}
