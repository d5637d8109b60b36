//! Frames on the socket: a 4-byte little-endian length, then that many bytes of bincode.
//!
//! The one place that knows bincode (2.0.1, fixed-width little-endian integers). It is not used for
//! anything that is stored. Golden vectors in the tests hold the bytes still across releases.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::{Decode, Encode};

/// Largest payload a daemon accepts: a message at all of its limits. Other requests are small.
pub const REQUEST_SIZE_MAX: usize = 1 << 20;
/// Largest payload a daemon accepts from a peer that has not said hello.
pub const HELLO_SIZE_MAX: usize = 64 << 10;
/// Room that an empty buffer keeps for what comes next.
const ROOM_KEPT: usize = 128 << 10;
/// Largest payload a client accepts.
pub const REPLY_SIZE_MAX: usize = 16 << 20;
/// Bytes before the payload.
pub const FRAME_HEAD_SIZE: usize = 4;

/// Configuration of the codec. The limit bounds what a length prefix can make it allocate.
const CONFIG: Configuration<LittleEndian, Fixint, Limit<{ 4 * REPLY_SIZE_MAX }>> =
    bincode::config::standard()
        .with_little_endian()
        .with_fixed_int_encoding()
        .with_limit::<{ 4 * REPLY_SIZE_MAX }>();

/// Bytes that are not a frame, or a message that does not fit into one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The length prefix is over the receiver's limit.
    #[error("frame of {found} bytes: the limit is {limit}; the peer is broken or no PersonDB process")]
    TooLarge {
        /// Length announced.
        found: usize,
        /// Length allowed.
        limit: usize,
    },
    /// The payload is no message of this version.
    #[error("frame cannot be read ({0}); the two sides may be of different versions")]
    Malformed(#[from] bincode::error::DecodeError),
    /// The payload goes on after the message.
    #[error("frame has {0} bytes after its message; the two sides may be of different versions")]
    TrailingBytes(usize),
    /// The message could not be written.
    #[error("message cannot be encoded: {0}")]
    Unwritable(#[from] bincode::error::EncodeError),
}

/// Appends `message` as one frame to `out`; `out` is unchanged on error.
///
/// # Errors
/// [`CodecError::TooLarge`] when the payload exceeds `limit` bytes.
pub fn encode<T: Encode>(message: &T, limit: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD_SIZE]);
    let written =
        bincode::encode_into_std_write(message, out, CONFIG).map_err(CodecError::from).and_then(|size| {
            u32::try_from(size)
                .ok()
                .filter(|_| size <= limit)
                .ok_or(CodecError::TooLarge { found: size, limit })
        });
    match written {
        Ok(size) => {
            out[start..start + FRAME_HEAD_SIZE].copy_from_slice(&size.to_le_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// Reads the message of one payload (without its length), which has to fill it exactly.
///
/// # Errors
/// [`CodecError::Malformed`] or [`CodecError::TrailingBytes`]; never a panic.
pub fn decode<T: Decode<()>>(payload: &[u8]) -> Result<T, CodecError> {
    let (message, consumed) = bincode::decode_from_slice(payload, CONFIG)?;
    if consumed == payload.len() {
        Ok(message)
    } else {
        Err(CodecError::TrailingBytes(payload.len() - consumed))
    }
}

/// Bytes received so far, cut into frames.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
    payload_size_max: usize,
}

impl FrameBuffer {
    /// An empty buffer that refuses payloads over `payload_size_max` bytes.
    #[must_use]
    pub fn new(payload_size_max: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, payload_size_max }
    }

    /// Refuses payloads over this many bytes from now on.
    pub fn set_limit(&mut self, payload_size_max: usize) {
        self.payload_size_max = payload_size_max;
    }

    /// Adds what was received.
    pub fn push(&mut self, received: &[u8]) {
        if self.start > 0 && (self.start == self.bytes.len() || self.start >= 64 << 10) {
            self.bytes.drain(..self.start);
            self.start = 0;
            if self.bytes.is_empty() {
                // One large request does not hold memory for as long as the connection lasts.
                self.bytes.shrink_to(ROOM_KEPT);
            }
        }
        self.bytes.extend_from_slice(received);
    }

    /// Takes the next whole payload; `None` until more bytes come.
    ///
    /// # Errors
    /// [`CodecError::TooLarge`] as soon as the length prefix is seen; the connection is to be closed.
    pub fn next_payload(&mut self) -> Result<Option<&[u8]>, CodecError> {
        let waiting = &self.bytes[self.start..];
        let Some((head, rest)) = waiting.split_first_chunk::<FRAME_HEAD_SIZE>() else { return Ok(None) };
        let size = u32::from_le_bytes(*head) as usize;
        if size > self.payload_size_max {
            return Err(CodecError::TooLarge { found: size, limit: self.payload_size_max });
        }
        if rest.len() < size {
            return Ok(None);
        }
        let begin = self.start + FRAME_HEAD_SIZE;
        self.start = begin + size;
        Ok(Some(&self.bytes[begin..begin + size]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Generation;
    use crate::answer::{Answer, Reason, Unavailable};
    use crate::control::{Hello, Reply, ReplyFrame, Request, RequestFrame};
    use crate::matching::{MatchMessage, MatchOptions};

    fn frame<T: Encode>(message: &T) -> Vec<u8> {
        let mut out = Vec::new();
        encode(message, REPLY_SIZE_MAX, &mut out).unwrap();
        out
    }

    #[test]
    fn golden_bytes_hold_still() {
        let get = RequestFrame {
            id: 2,
            request: Request::Get { address: "a@b.c".into(), tenant: Some("t".into()) },
        };
        let expected = [
            &[35, 0, 0, 0][..],
            &[2, 0, 0, 0, 0, 0, 0, 0],
            &[2, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
            b"a@b.c",
            &[1],
            &[1, 0, 0, 0, 0, 0, 0, 0],
            b"t",
        ]
        .concat();
        assert_eq!(frame(&get), expected);
        let asked = MatchMessage { from: Some("a@b.c".into()), ..MatchMessage::default() };
        let options = MatchOptions { candidates_max: 7, tenants: None };
        let request = Request::Match { message: Box::new(asked), options };
        let expected = [
            &[51, 0, 0, 0][..],
            &[3, 0, 0, 0, 0, 0, 0, 0],
            &[15, 0, 0, 0],
            &[1, 5, 0, 0, 0, 0, 0, 0, 0],
            b"a@b.c",
            &[0; 4],
            &[0; 16],
            &[7, 0, 0, 0],
            &[0],
        ]
        .concat();
        assert_eq!(frame(&RequestFrame { id: 3, request }), expected);
        let absent = ReplyFrame { id: 2, reply: Reply::People(Answer::Absent(Generation(7))) };
        let expected = [
            &[24, 0, 0, 0][..],
            &[2, 0, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0],
            &[1, 0, 0, 0],
            &[7, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(frame(&absent), expected);
    }

    #[test]
    fn a_payload_with_something_behind_its_message_is_refused() {
        let mut bytes = frame(&RequestFrame { id: 1, request: Request::Status });
        bytes.push(0);
        let error = decode::<RequestFrame>(&bytes[FRAME_HEAD_SIZE..]).unwrap_err();
        assert!(matches!(error, CodecError::TrailingBytes(1)), "{error}");
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_bytes_come() {
        let mut buffer = FrameBuffer::new(100);
        buffer.push(&101_u32.to_le_bytes());
        assert!(matches!(buffer.next_payload(), Err(CodecError::TooLarge { found: 101, limit: 100 })));
    }

    #[test]
    fn a_limit_can_be_raised_between_two_frames() {
        let mut buffer = FrameBuffer::new(8);
        let frames = [&4_u32.to_le_bytes()[..], b"abcd", &9_u32.to_le_bytes(), b"123456789"].concat();
        buffer.push(&frames);
        assert_eq!(buffer.next_payload().unwrap(), Some(&b"abcd"[..]));
        assert!(buffer.next_payload().is_err(), "still the limit of before");
        buffer.set_limit(9);
        assert_eq!(buffer.next_payload().unwrap(), Some(&b"123456789"[..]));
    }

    #[test]
    fn a_message_over_the_limit_leaves_the_output_as_it_was() {
        let mut out = vec![1, 2, 3];
        let detail = "x".repeat(200);
        let reply = Reply::People(Answer::Unavailable(Unavailable::new(Reason::Unreadable, detail)));
        assert!(encode(&reply, 100, &mut out).is_err());
        assert_eq!(out, [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn frames_come_out_whole_however_the_bytes_arrive(
            programs in prop::collection::vec(".{0,40}", 1..8),
            cut in 1_usize..50,
        ) {
            let frames: Vec<_> = programs.iter().zip(1..).map(|(p, id)| RequestFrame {
                id, request: Request::Hello(Hello::new("1", p)),
            }).collect();
            let bytes: Vec<u8> = frames.iter().flat_map(frame).collect();
            let mut buffer = FrameBuffer::new(REQUEST_SIZE_MAX);
            let mut seen = Vec::new();
            for piece in bytes.chunks(cut) {
                buffer.push(piece);
                while let Some(payload) = buffer.next_payload().unwrap() {
                    seen.push(decode::<RequestFrame>(payload).unwrap());
                }
            }
            prop_assert_eq!(seen, frames);
        }

        #[test]
        fn arbitrary_payloads_are_errors_not_panics(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<RequestFrame>(&payload);
            let _ = decode::<ReplyFrame>(&payload);
        }
    }
}
