//! What belongs to a whole process: forks, descriptors on the way, and that none is left open.
//!
//! One test only: it counts this process's descriptors, and lowers its limit.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used)] // helpers of tests, too, fail by panicking

mod common;

use std::fs;
use std::io::{self, Read, Seek, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use common::TestDataset;
use nix::libc;
use persondb_protocol::layout::AnnouncedSegment;
use persondb_shm::descriptor::DESCRIPTOR_COUNT_MAX;
use persondb_shm::{
    ForkWord, SegmentMap, SegmentMode, SegmentWriter, StagedSegment, SuperblockMap, SuperblockOwner, Trust,
    recv_with_descriptors, send_with_descriptors, unlink,
};

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn forks_are_seen_descriptors_arrive_and_none_is_left_open() {
    a_forked_child_finds_zero();
    let before = open_descriptors();
    descriptors_arrive_with_their_bytes_close_on_exec();
    too_many_descriptors_are_refused_on_either_side();
    a_receiver_without_room_gets_an_error();
    a_life_of_segments_and_superblocks();
    assert_eq!(open_descriptors(), before);
}

fn a_forked_child_finds_zero() {
    let word = ForkWord::new(NonZeroU64::new(42).unwrap()).unwrap();
    assert_eq!(word.load(), 42);
    // SAFETY: the child only reads and writes memory and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let wiped = word.load() == 0;
        word.store(43);
        let stored = word.load() == 43;
        // SAFETY: ends the process without running anything of the parent's.
        unsafe { libc::_exit(i32::from(!(wiped && stored))) };
    }
    let mut status = -1;
    // SAFETY: waits for our own child; `status` is ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child did not find 0");
    assert_eq!(word.load(), 42, "the child must not change the parent's");
}

fn descriptors_arrive_with_their_bytes_close_on_exec() {
    let (left, right) = UnixStream::pair().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"contents").unwrap();
    assert_eq!(send_with_descriptors(left.as_fd(), b"hello", &[file.as_fd(), left.as_fd()]).unwrap(), 5);
    let (mut buffer, mut received) = ([0; 16], Vec::new());
    assert_eq!(recv_with_descriptors(right.as_fd(), &mut buffer, &mut received).unwrap(), 5);
    assert_eq!((&buffer[..5], received.len()), (&b"hello"[..], 2));
    for descriptor in &received {
        let flags = rustix_flags(descriptor);
        assert!(flags & libc::FD_CLOEXEC != 0);
    }
    let mut same = fs::File::from(received.remove(0));
    let mut text = String::new();
    same.rewind().unwrap();
    same.read_to_string(&mut text).unwrap();
    assert_eq!(text, "contents");

    send_with_descriptors(left.as_fd(), b"plain", &[]).unwrap();
    received.clear();
    assert_eq!(recv_with_descriptors(right.as_fd(), &mut buffer, &mut received).unwrap(), 5);
    assert!(received.is_empty());
    drop(left);
    assert_eq!(recv_with_descriptors(right.as_fd(), &mut buffer, &mut received).unwrap(), 0);
    let gone = send_with_descriptors(right.as_fd(), b"x", &[]).unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::BrokenPipe, "an error, not a signal");
}

fn rustix_flags(descriptor: &OwnedFd) -> i32 {
    nix::fcntl::fcntl(descriptor, nix::fcntl::FcntlArg::F_GETFD).unwrap()
}

fn too_many_descriptors_are_refused_on_either_side() {
    let (left, right) = UnixStream::pair().unwrap();
    let many = [left.as_fd(); DESCRIPTOR_COUNT_MAX + 1];
    send_with_descriptors(left.as_fd(), b"x", &many[1..]).unwrap();
    let (mut buffer, mut received) = ([0; 1], Vec::new());
    recv_with_descriptors(right.as_fd(), &mut buffer, &mut received).unwrap();
    assert_eq!(received.len(), DESCRIPTOR_COUNT_MAX);
    assert_eq!(
        send_with_descriptors(left.as_fd(), b"x", &many).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
    assert_eq!(
        send_with_descriptors(left.as_fd(), b"", &many[..1]).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );

    received.clear();
    send_raw(&left, 250);
    let refused = recv_with_descriptors(right.as_fd(), &mut buffer, &mut received).unwrap_err();
    assert_eq!((refused.kind(), received.len()), (io::ErrorKind::InvalidData, 0));
}

fn a_receiver_without_room_gets_an_error() {
    let (left, right) = UnixStream::pair().unwrap();
    send_raw(&left, 20);
    let room = u64::try_from(open_descriptors()).unwrap() + 5;
    let old = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, room, old.1).unwrap();
    let (mut buffer, mut received) = ([0; 1], Vec::new());
    let refused = recv_with_descriptors(right.as_fd(), &mut buffer, &mut received);
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, old.0, old.1).unwrap();
    assert_eq!((refused.unwrap_err().kind(), received.len()), (io::ErrorKind::InvalidData, 0));
}

/// What a peer that keeps to no limit sends.
fn send_raw(socket: &UnixStream, count: usize) {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    use std::os::fd::AsRawFd;
    let numbers = vec![socket.as_raw_fd(); count];
    let rights = [ControlMessage::ScmRights(&numbers)];
    sendmsg::<()>(socket.as_raw_fd(), &[io::IoSlice::new(b"x")], &rights, MsgFlags::empty(), None).unwrap();
}

fn a_life_of_segments_and_superblocks() {
    let dataset = TestDataset::new();
    let trust = Trust::usual(None);
    for _ in 0..20 {
        let owner = SuperblockOwner::create_or_take(&dataset.0, SegmentMode::Group, None).unwrap();
        let map = SuperblockMap::open_by_name(owner.name(), &trust).unwrap();
        let generation = owner.issue();
        let published = dataset.published(generation.0, b"bytes", SegmentMode::Group);
        owner.announce(generation, 0, vec![AnnouncedSegment { size: 5, header_checksum: 0 }]).unwrap();
        assert_eq!(map.observe().unwrap().unwrap().generation, generation);
        let segment = SegmentMap::open_by_name(published.name(), &trust, Some(5)).unwrap();
        SegmentMap::open_by_name(published.name(), &trust, Some(6)).unwrap_err();
        assert_eq!(segment.bytes(), b"bytes");
        drop(SegmentWriter::create(&dataset.staging(), 4096).unwrap());
        drop(StagedSegment::open(&dataset.frozen(b"x", SegmentMode::Group)).unwrap());
        unlink(published.name()).unwrap();
    }
}
