//! A segment from creation to its readers: frozen, published, trusted, mapped.
#![allow(clippy::unwrap_used)] // helpers of tests, too, fail by panicking

mod common;

use std::fs::{self, OpenOptions, Permissions};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};

use common::{NOBODY, TestDataset, as_nobody, exists, inner, is_root, passed, path, with_small_shm};
use nix::unistd::{Uid, chown};
use persondb_protocol::name::ShmObject;
use persondb_protocol::{DatasetName, Generation};
use persondb_shm::{
    CreateError, FreezeError, OpenError, Prefaulted, PublishError, PublishedSegment, SegmentMap, SegmentMode,
    SegmentWriter, StagedSegment, Trust, list, unlink,
};

fn usual() -> Trust {
    Trust::usual(None)
}

#[test]
fn what_was_written_is_read_by_name_and_by_descriptor() {
    let dataset = TestDataset::new();
    let bytes: Vec<u8> = (0..100_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let staged = StagedSegment::open(&dataset.frozen(&bytes, SegmentMode::Everyone)).unwrap();
    assert_eq!(staged.map().unwrap().bytes(), bytes);
    let published = staged.publish(&dataset.segment(1)).unwrap();
    let by_name = SegmentMap::open_by_name(published.name(), &usual(), Some(100_000)).unwrap();
    let sent = published.descriptor().try_clone_to_owned().unwrap();
    let by_descriptor = SegmentMap::from_descriptor(sent, &usual(), None).unwrap();
    assert_eq!(by_name.bytes(), bytes);
    assert_eq!(by_name.as_ref(), by_descriptor.bytes());
    assert_eq!(by_name.identity(), by_descriptor.identity());
    assert_eq!(published.identity(), by_name.identity());

    let adopted = PublishedSegment::open(published.name()).unwrap();
    assert_eq!(adopted.size(), 100_000);
    assert!(unlink(published.name()).unwrap());
    assert!(!unlink(published.name()).unwrap(), "it is gone already");
    assert_eq!(by_name.bytes(), bytes, "a mapping outlives the name");
    let missing = SegmentMap::open_by_name(published.name(), &usual(), None);
    assert!(matches!(missing, Err(OpenError::Missing { .. })), "{missing:?}");
}

#[test]
fn after_freezing_this_process_has_no_writable_mapping_or_descriptor() {
    let dataset = TestDataset::new();
    let mentions = |folder_or_file: &str, name: &str| match folder_or_file {
        "maps" => fs::read_to_string("/proc/self/maps").unwrap().contains(name),
        _ => fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
            .any(|target| target.to_string_lossy().contains(name)),
    };
    let staging = dataset.staging();
    let name = staging.file_name();
    let writer = SegmentWriter::create(&staging, 10_000).unwrap();
    assert!(mentions("maps", name) && mentions("fd", name), "the test would not see one");
    writer.freeze(SegmentMode::Group, None).unwrap();
    assert!(!mentions("maps", name) && !mentions("fd", name));
    assert_eq!(path(&staging).metadata().unwrap().permissions().mode() & 0o7777, 0o440);
}

#[test]
fn a_writer_who_is_left_anywhere_stops_the_freezing() {
    let dataset = TestDataset::new();
    let staging = dataset.staging();
    let writer = SegmentWriter::create(&staging, 4096).unwrap();
    let other = OpenOptions::new().read(true).write(true).open(path(&staging)).unwrap();
    let error = writer.freeze(SegmentMode::Group, None).unwrap_err();
    assert!(matches!(error, FreezeError::StillWritten { .. }), "{error}");
    assert!(!exists(&staging), "what cannot be frozen is removed");
    drop(other);

    // A mode alone does not make a segment: who opened it before can still write.
    let writer = SegmentWriter::create(&staging, 4096).unwrap();
    let other = OpenOptions::new().read(true).write(true).open(path(&staging)).unwrap();
    std::mem::forget(writer);
    fs::set_permissions(path(&staging), Permissions::from_mode(0o440)).unwrap();
    let error = StagedSegment::open(&staging).unwrap_err();
    assert!(matches!(error, OpenError::StillWritten { .. }), "{error}");
    drop(other);
}

#[test]
fn what_is_dropped_before_its_time_leaves_no_name() {
    let dataset = TestDataset::new();
    let staging = dataset.staging();
    let writer = SegmentWriter::create(&staging, 4096).unwrap();
    assert!(exists(&staging));
    assert_eq!(path(&staging).metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    drop(writer);
    assert!(!exists(&staging), "an unfrozen writer");
    let staging = dataset.frozen(b"bytes", SegmentMode::Group);
    drop(StagedSegment::open(&staging).unwrap());
    assert!(!exists(&staging), "an unpublished segment");
}

#[test]
fn creation_is_exclusive_and_needs_a_size() {
    let dataset = TestDataset::new();
    let staging = dataset.staging();
    let first = SegmentWriter::create(&staging, 4096).unwrap();
    assert!(matches!(SegmentWriter::create(&staging, 4096), Err(CreateError::Exists { .. })));
    assert!(exists(first.name()), "the loser must not remove the winner's");
    for size in [0, u64::MAX, 1 << 63] {
        let error = SegmentWriter::create(&dataset.staging(), size).unwrap_err();
        assert!(matches!(error, CreateError::Size { .. }), "{error}");
    }
}

#[test]
fn publishing_replaces_nothing() {
    let dataset = TestDataset::new();
    let first = dataset.published(1, b"first", SegmentMode::Everyone);
    let second = dataset.frozen(b"second", SegmentMode::Everyone);
    let error = StagedSegment::open(&second).unwrap().publish(first.name()).unwrap_err();
    assert!(matches!(error, PublishError::Exists { .. }), "{error}");
    assert_eq!(SegmentMap::open_by_name(first.name(), &usual(), None).unwrap().bytes(), b"first");
    assert!(!exists(&second));

    // Nor does it publish what took the verified one's place.
    let (staging, foreign) =
        (dataset.frozen(b"good", SegmentMode::Group), dataset.frozen(b"bad", SegmentMode::Group));
    let staged = StagedSegment::open(&staging).unwrap();
    fs::rename(path(&foreign), path(&staging)).unwrap();
    let error = staged.publish(&dataset.segment(2)).unwrap_err();
    assert!(matches!(error, PublishError::Replaced { .. }), "{error}");
    assert!(!exists(&dataset.segment(2)));
}

#[test]
fn only_frozen_regular_files_of_the_expected_size_are_opened() {
    let dataset = TestDataset::new();
    let name = dataset.segment(1);
    let file = path(&name);
    let open = |expected| SegmentMap::open_by_name(&name, &usual(), expected);
    let put = |mode| {
        let _ = fs::remove_file(&file);
        fs::write(&file, b"12345").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o440, 0o444, 0o400] {
        put(mode);
        assert_eq!(open(Some(5)).unwrap().bytes(), b"12345", "{mode:o}");
    }
    for mode in [0o600, 0o640, 0o460, 0o446, 0o666] {
        put(mode);
        let error = open(Some(5)).unwrap_err();
        assert!(matches!(error, OpenError::Writable { found, .. } if found == mode), "{mode:o}: {error}");
    }
    put(0o444);
    for expected in [4, 6, 0] {
        assert!(matches!(open(Some(expected)), Err(OpenError::Size { found: 5, .. })));
    }
    fs::hard_link(&file, path(&dataset.segment(2))).unwrap();
    let linked = PublishedSegment::open(&name);
    assert!(matches!(linked, Err(OpenError::Links { found: 2, .. })), "{linked:?}");

    fs::remove_file(&file).unwrap();
    symlink(path(&dataset.segment(2)), &file).unwrap();
    assert!(matches!(open(None), Err(OpenError::NotRegular { .. })), "a link");
    fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::from_bits_truncate(0o444)).unwrap();
    assert!(matches!(open(None), Err(OpenError::NotRegular { .. })), "a pipe, without waiting for a writer");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(matches!(open(None), Err(OpenError::NotRegular { .. })), "a folder");
    fs::remove_dir(&file).unwrap();
    fs::write(&file, b"").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    assert!(matches!(open(None), Err(OpenError::Size { found: 0, .. })), "an empty file");
}

#[test]
fn a_strangers_segment_is_refused_until_the_stranger_is_named_as_owner() {
    if !is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let dataset = TestDataset::new();
    let name = dataset.published(1, b"12345", SegmentMode::Everyone).name().clone();
    chown(&path(&name), Some(Uid::from_raw(NOBODY)), None).unwrap();
    let error = SegmentMap::open_by_name(&name, &usual(), None).unwrap_err();
    assert!(matches!(error, OpenError::Owner { found: NOBODY, .. }), "{error}");
    assert!(matches!(PublishedSegment::open(&name), Err(OpenError::Owner { .. })));
    SegmentMap::open_by_name(&name, &Trust::usual(Some(NOBODY)), None).unwrap();
}

#[test]
fn another_user_can_read_what_everyone_may_and_write_nothing() {
    let test = "another_user_can_read_what_everyone_may_and_write_nothing";
    if let Some(dataset) = inner() {
        let (everyone, group) = (dataset.segment(Generation(1), 0), dataset.segment(Generation(2), 0));
        assert_eq!(SegmentMap::open_by_name(&everyone, &usual(), None).unwrap().bytes(), b"public");
        let error = SegmentMap::open_by_name(&group, &usual(), None).unwrap_err();
        assert!(matches!(error, OpenError::NotPermitted { uid: NOBODY, .. }), "{error}");
        OpenOptions::new().write(true).open(path(&everyone)).unwrap_err();
        let read_only = fs::File::open(path(&everyone)).unwrap();
        let again = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&read_only));
        OpenOptions::new().write(true).open(again).unwrap_err();
        fs::set_permissions(path(&everyone), Permissions::from_mode(0o666)).unwrap_err();
        unlink(&everyone).unwrap_err();
        return;
    }
    let dataset = TestDataset::new();
    let _everyone = dataset.published(1, b"public", SegmentMode::Everyone);
    let _group = dataset.published(2, b"group", SegmentMode::Group);
    if let Some(output) = as_nobody(test, &dataset) {
        passed(&output);
    }
}

#[test]
fn a_full_shm_is_an_error_that_says_needed_and_free_and_leaves_nothing() {
    let test = "a_full_shm_is_an_error_that_says_needed_and_free_and_leaves_nothing";
    let size = 8 << 20;
    if let Some(dataset) = inner() {
        let staging = persondb_shm::new_staging_name(&dataset);
        for create in [SegmentWriter::create, SegmentWriter::create_huge] {
            match create(&staging, size).unwrap_err() {
                CreateError::NoSpace { needed, free } => assert_eq!((needed, free), (size, 4 << 20)),
                error => panic!("{error}"),
            }
        }
        assert!(list(&dataset).unwrap().is_empty());
        SegmentWriter::create(&staging, 3 << 20).unwrap().bytes_mut().fill(1);
        return;
    }
    let dataset = TestDataset::new();
    if let Some(output) = with_small_shm(test, &dataset, "4m") {
        passed(&output);
    }
}

#[test]
fn a_collapsed_segment_is_huge_in_later_mappings() {
    let dataset = TestDataset::new();
    let size = (8 << 20) + 12_345_usize;
    let staging = dataset.staging();
    let mut writer = SegmentWriter::create(&staging, size as u64).unwrap();
    for (i, byte) in writer.bytes_mut().iter_mut().enumerate() {
        *byte = i.to_le_bytes()[1];
    }
    let huge = writer.collapse();
    assert_eq!(huge.total, size as u64);
    assert!(huge.bytes <= 8 << 20);
    assert!(writer.bytes().iter().enumerate().all(|(i, &byte)| byte == i.to_le_bytes()[1]));
    writer.freeze(SegmentMode::Everyone, None).unwrap();
    let map = StagedSegment::open(&staging).unwrap().map().unwrap();
    assert_eq!(map.prefault(|_| ControlFlow::Continue(())).unwrap(), Prefaulted::Complete);
    assert!(map.bytes().iter().enumerate().all(|(i, &byte)| byte == i.to_le_bytes()[1]));
    assert_eq!(map.huge_page_bytes().unwrap(), huge.bytes);
    if huge.bytes == 0 {
        eprintln!("this kernel has made no huge pages");
    }
}

#[test]
fn a_segment_is_huge_before_it_is_filled_and_keeps_its_bytes_when_it_shrinks_into_a_huge_page() {
    let dataset = TestDataset::new();
    let (huge_page, odd) = (2 << 20, 12_345);
    let mut writer = SegmentWriter::create_huge(&dataset.staging(), 4 * huge_page + odd).unwrap();
    assert!(writer.bytes().iter().all(|&byte| byte == 0));
    let at_first = writer.collapse();
    for (i, byte) in writer.bytes_mut().iter_mut().enumerate() {
        *byte = i.to_le_bytes()[1];
    }
    writer.shrink(3 * huge_page + odd).unwrap();
    let shrunk = writer.collapse();
    assert_eq!(shrunk.total, 3 * huge_page + odd);
    assert!(writer.bytes().iter().enumerate().all(|(i, &byte)| byte == i.to_le_bytes()[1]));
    if at_first.bytes == 0 {
        eprintln!("this kernel has made no huge pages");
    } else {
        assert_eq!((at_first.bytes, shrunk.bytes), (4 * huge_page, 3 * huge_page));
    }
}

#[test]
fn a_prefault_populates_all_and_stops_when_told() {
    let dataset = TestDataset::new();
    let size = 40 << 20;
    let map = dataset.published(1, &vec![7; size], SegmentMode::Everyone).map().unwrap();
    assert_eq!(map.residency().unwrap().rss, 0);
    let stopped = map.prefault(|_| ControlFlow::Break(())).unwrap();
    assert_eq!(stopped, Prefaulted::Stopped { bytes: 16 << 20 });
    let mut heard = Vec::new();
    let complete = map.prefault(|bytes| {
        heard.push(bytes >> 20);
        ControlFlow::Continue(())
    });
    assert_eq!(complete.unwrap(), Prefaulted::Complete);
    assert_eq!(heard, [16, 32, 40]);
    assert_eq!(map.residency().unwrap().rss, size as u64);
}

#[test]
fn listing_knows_each_object_and_leaves_out_links_and_other_datasets() {
    let dataset = TestDataset::new();
    let (one, two) =
        (dataset.published(7, b"12345", SegmentMode::Group), dataset.frozen(b"1", SegmentMode::Group));
    symlink(path(one.name()), path(&dataset.segment(8))).unwrap();
    let upper =
        path(&dataset.staging()).with_file_name(format!("persondb.{}.stage-{:016X}", dataset.0, 0xab));
    fs::write(&upper, b"").unwrap();
    let found: Vec<_> = list(&dataset.0).unwrap().into_iter().map(|l| (l.object, l.name)).collect();
    let segment = ShmObject::Segment { generation: Generation(7), k: 0 };
    assert_eq!(found, [(segment, one.name().clone()), (ShmObject::Staging, two)]);
    let metadata = list(&dataset.0).unwrap()[0].metadata;
    assert_eq!((metadata.size, metadata.mode, metadata.identity), (5, 0o440, one.identity()));
    let other = DatasetName::new(&format!("{}-", dataset.0)).unwrap();
    assert!(list(&other).unwrap().is_empty());
    fs::remove_file(upper).unwrap();
    fs::remove_file(path(&dataset.segment(8))).unwrap();
    assert!(one.descriptor().as_fd().try_clone_to_owned().is_ok());
}
