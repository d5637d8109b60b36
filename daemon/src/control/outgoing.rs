//! What waits to be sent on one connection: bytes, and at some of them descriptors.
//!
//! Descriptors travel with the first byte of their frame, so what is before that byte goes on its own, and a
//! receiver that reads frame by frame finds them where the frame begins.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};
use persondb_protocol::codec::{self, CodecError, REPLY_SIZE_MAX};
use persondb_protocol::control::ReplyFrame;
use persondb_shm::descriptor::{is_all_taken, send_with_descriptors};

use crate::served::Served;

/// Bytes beyond which a connection's requests are left unread until its peer has read.
pub(super) const WAITING_SIZE_MAX: usize = 1 << 20;

/// The queue of one connection.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    start: usize,
    /// Places in `bytes` with the generation whose descriptors go there.
    hand_overs: VecDeque<(usize, Arc<Served>)>,
    /// Descriptors were sent, and nobody has asked yet whether they were taken.
    on_their_way: bool,
    rest: Rest,
}

/// Why nothing is sent although there may be room in the socket. Nothing tells when that is over, so sending is
/// tried again at every tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rest {
    /// It is not so.
    #[default]
    No,
    /// The next descriptors wait until the peer has taken the last ones: those on their way count for this
    /// daemon's user, and a peer that never reads could use up what the system allows.
    Untaken,
    /// More are on their way than the system allows (`ETOOMANYREFS`), to whomever.
    Short,
}

/// How far sending got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Everything is sent.
    All,
    /// The peer has to read first.
    Waiting,
}

impl Outgoing {
    /// Adds a frame.
    ///
    /// # Errors
    /// When the reply is over the limit of a frame; nothing is added.
    pub(super) fn push(&mut self, frame: &ReplyFrame) -> Result<(), CodecError> {
        codec::encode(frame, REPLY_SIZE_MAX, &mut self.bytes)
    }

    /// Adds a frame with the descriptors of `served` at its first byte.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub(super) fn push_hand_over(
        &mut self,
        frame: &ReplyFrame,
        served: Arc<Served>,
    ) -> Result<(), CodecError> {
        let place = self.bytes.len();
        self.push(frame)?;
        self.hand_overs.push_back((place, served));
        Ok(())
    }

    /// Bytes that wait.
    #[must_use]
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether, and why, sending waits for something else than room.
    #[must_use]
    pub(super) fn rest(&self) -> Rest {
        self.rest
    }

    /// Sends what the socket takes. `superblock` goes before the segments of every hand-over.
    ///
    /// # Errors
    /// When the peer is gone, or its rights do not allow descriptors.
    pub(super) fn flush(&mut self, stream: &UnixStream, superblock: BorrowedFd<'_>) -> io::Result<Flushed> {
        self.rest = Rest::No;
        while self.start < self.bytes.len() {
            let (sent, with_descriptors) = match self.hand_overs.front() {
                Some((place, served)) if *place == self.start => {
                    if self.on_their_way && !is_all_taken(stream.as_fd())? {
                        self.rest = Rest::Untaken;
                        self.compact();
                        return Ok(Flushed::Waiting);
                    }
                    self.on_their_way = false;
                    let end = self.hand_overs.get(1).map_or(self.bytes.len(), |next| next.0);
                    let descriptors = [superblock, served.published().descriptor()];
                    let sent =
                        send_with_descriptors(stream.as_fd(), &self.bytes[self.start..end], &descriptors);
                    (sent, true)
                }
                next => {
                    let end = next.map_or(self.bytes.len(), |next| next.0);
                    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
                    (
                        send(stream.as_raw_fd(), &self.bytes[self.start..end], flags).map_err(Errno::into),
                        false,
                    )
                }
            };
            match sent {
                Ok(sent) => {
                    self.start += sent;
                    if with_descriptors && sent > 0 {
                        self.hand_overs.pop_front();
                        self.on_their_way = true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.compact();
                    return Ok(Flushed::Waiting);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(Errno::ETOOMANYREFS as i32) => {
                    self.rest = Rest::Short;
                    self.compact();
                    return Ok(Flushed::Waiting);
                }
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.start = 0;
        // One large answer must not hold its memory for as long as the connection lasts.
        self.bytes.shrink_to(64 << 10);
        Ok(Flushed::All)
    }

    /// Gives sent bytes back once they are many.
    fn compact(&mut self) {
        if self.start > WAITING_SIZE_MAX {
            self.bytes.drain(..self.start);
            for (place, _) in &mut self.hand_overs {
                *place -= self.start;
            }
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use persondb_protocol::codec::{FrameBuffer, decode};
    use persondb_protocol::control::{Reply, ReplyFrame};

    use super::*;

    #[test]
    fn a_slow_reader_gets_every_frame_in_order() {
        let (here, mut there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let nothing = std::fs::File::open("/dev/null").unwrap();
        let mut outgoing = Outgoing::default();
        for id in 0..200_000 {
            outgoing.push(&ReplyFrame { id, reply: Reply::Done }).unwrap();
        }
        assert_eq!(outgoing.flush(&here, nothing.as_fd()).unwrap(), Flushed::Waiting);
        let mut frames = FrameBuffer::new(REPLY_SIZE_MAX);
        let mut buffer = vec![0; 40_000];
        let mut expected = 0;
        while expected < 200_000 {
            let size = there.read(&mut buffer).unwrap();
            frames.push(&buffer[..size]);
            while let Some(payload) = frames.next_payload().unwrap() {
                assert_eq!(decode::<ReplyFrame>(payload).unwrap().id, expected);
                expected += 1;
            }
            outgoing.flush(&here, nothing.as_fd()).unwrap();
        }
        assert_eq!(outgoing.waiting(), 0);
    }

    #[test]
    fn a_peer_that_is_gone_is_an_error_and_no_signal() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(there);
        let nothing = std::fs::File::open("/dev/null").unwrap();
        let mut outgoing = Outgoing::default();
        outgoing.push(&ReplyFrame { id: 1, reply: Reply::Done }).unwrap();
        assert!(outgoing.flush(&here, nothing.as_fd()).is_err());
    }
}
