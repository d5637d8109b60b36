//! Stored bytes to UTF-8: decompression, found by the first bytes and not by the name, then the byte order
//! mark, then UTF-16 to UTF-8 where that mark says so.
//!
//! Plain UTF-8 goes through unchecked here; [`block`](super::block) checks it per block, where the line of a
//! bad byte is known.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE};
use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::source::{Source, SourceBytes};
use super::{InputError, InputLimits};

const UTF_16_CHUNK: usize = 64 << 10;

/// The text of a source, front to back.
pub(super) struct Text<'s> {
    source: &'s Source,
    stream: Stream<'s>,
    /// Bytes read from the stream to find the byte order mark and not given out yet.
    head: Vec<u8>,
    utf_16: Option<Utf16>,
    /// Decompressed bytes so far, and the cap on them.
    size: u64,
    size_max: u64,
}

impl<'s> Text<'s> {
    pub(super) fn open(source: &'s Source, limits: &InputLimits) -> Result<Self, InputError> {
        let mut bytes = source.bytes();
        let magic = bytes.magic().map_err(|e| source.read_error(0, e))?;
        let stream = match magic {
            [0x1f, 0x8b, ..] => Stream::Gzip(Box::new(MultiGzDecoder::new(bytes))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                Stream::Zstd(ZstdDecoder::with_buffer(bytes).map_err(|e| source.read_error(0, e))?)
            }
            _ => Stream::Plain(bytes),
        };
        let size_max = limits.decompressed_bytes_max;
        let mut text = Self { source, stream, head: Vec::new(), utf_16: None, size: 0, size_max };
        text.find_mark()?;
        Ok(text)
    }

    fn find_mark(&mut self) -> Result<(), InputError> {
        let mut head = [0; 3];
        let mut count = 0;
        while count < head.len() {
            match self.read_stream(&mut head[count..])? {
                0 => break,
                n => count += n,
            }
        }
        let (encoding, mark) = match head[..count] {
            [0xef, 0xbb, 0xbf] => (None, 3),
            [0xff, 0xfe, ..] => (Some(UTF_16LE), 2),
            [0xfe, 0xff, ..] => (Some(UTF_16BE), 2),
            _ => (None, 0),
        };
        self.head = head[mark..count].to_vec();
        self.utf_16 = encoding.map(|encoding| Utf16 {
            decoder: encoding.new_decoder_without_bom_handling(),
            chunk: vec![0; UTF_16_CHUNK],
            next: 0,
            end: 0,
            last: false,
        });
        Ok(())
    }

    /// Fills `into` from the front; fewer bytes than its length only at the end of the text.
    ///
    /// `into` has to be at least four bytes long, or a character might not fit.
    pub(super) fn fill(&mut self, into: &mut [u8]) -> Result<Filled, InputError> {
        if let Some(mut utf_16) = self.utf_16.take() {
            let filled = self.fill_from_utf_16(&mut utf_16, into);
            self.utf_16 = Some(utf_16);
            return filled;
        }
        let mut count = self.take_head(into);
        while count < into.len() {
            match self.read_stream(&mut into[count..])? {
                0 => return Ok(Filled { count, state: State::End }),
                n => count += n,
            }
        }
        Ok(Filled { count, state: State::More })
    }

    fn fill_from_utf_16(&mut self, utf_16: &mut Utf16, into: &mut [u8]) -> Result<Filled, InputError> {
        let mut count = 0;
        loop {
            if utf_16.next == utf_16.end && !utf_16.last {
                utf_16.next = 0;
                utf_16.end = self.take_head(&mut utf_16.chunk);
                if utf_16.end == 0 {
                    utf_16.end = self.read_stream(&mut utf_16.chunk)?;
                    utf_16.last = utf_16.end == 0;
                }
            }
            let (result, read, written) = utf_16.decoder.decode_to_utf8_without_replacement(
                &utf_16.chunk[utf_16.next..utf_16.end],
                &mut into[count..],
                utf_16.last,
            );
            utf_16.next += read;
            count += written;
            let state = match result {
                DecoderResult::InputEmpty if utf_16.last => State::End,
                DecoderResult::InputEmpty => continue,
                DecoderResult::OutputFull => State::More,
                DecoderResult::Malformed(..) => State::Malformed,
            };
            return Ok(Filled { count, state });
        }
    }

    fn take_head(&mut self, into: &mut [u8]) -> usize {
        let count = self.head.len().min(into.len());
        into[..count].copy_from_slice(&self.head[..count]);
        self.head.drain(..count);
        count
    }

    fn read_stream(&mut self, into: &mut [u8]) -> Result<usize, InputError> {
        loop {
            match self.stream.read(into) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.stream_error(e)),
                Ok(count) => {
                    self.size += count as u64;
                    if self.size > self.size_max {
                        let path = self.source.path().to_owned();
                        return Err(InputError::TooLarge { path, limit: self.size_max });
                    }
                    return Ok(count);
                }
            }
        }
    }

    fn stream_error(&self, source: io::Error) -> InputError {
        let offset = self.bytes_read();
        // An error with a number comes from the system, one without from the decompressor.
        match self.stream.format() {
            Some(format) if source.raw_os_error().is_none() => {
                InputError::Decompress { path: self.source.path().to_owned(), format, offset, source }
            }
            _ => self.source.read_error(offset, source),
        }
    }

    /// The encoding as messages name it.
    pub(super) fn encoding(&self) -> &'static str {
        self.utf_16.as_ref().map_or("UTF-8", |utf_16| utf_16.decoder.encoding().name())
    }

    /// Bytes of the file as stored that were read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.stream.stored().offset
    }

    /// Decompressed bytes so far, byte order mark included.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The rest of the file, for the digest; the bytes of the pass.
    pub(super) fn into_bytes(self) -> Result<SourceBytes<'s>, InputError> {
        let mut bytes = match self.stream {
            Stream::Plain(bytes) => bytes,
            Stream::Gzip(decoder) => decoder.into_inner(),
            Stream::Zstd(decoder) => decoder.finish(),
        };
        bytes.drain().map_err(|e| self.source.read_error(bytes.offset, e))?;
        Ok(bytes)
    }
}

/// What [`Text::fill`] wrote and why it stopped.
pub(super) struct Filled {
    pub(super) count: usize,
    pub(super) state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// `into` is full.
    More,
    /// The text is at its end.
    End,
    /// The next code unit is no text.
    Malformed,
}

struct Utf16 {
    decoder: Decoder,
    chunk: Vec<u8>,
    next: usize,
    end: usize,
    last: bool,
}

enum Stream<'s> {
    Plain(SourceBytes<'s>),
    Gzip(Box<MultiGzDecoder<SourceBytes<'s>>>),
    Zstd(ZstdDecoder<'static, SourceBytes<'s>>),
}

impl<'s> Stream<'s> {
    fn stored(&self) -> &SourceBytes<'s> {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
        }
    }

    fn format(&self) -> Option<&'static str> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(_) => Some("gzip"),
            Self::Zstd(_) => Some("zstd"),
        }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(bytes) => bytes.read(into),
            Self::Gzip(decoder) => decoder.read(into),
            Self::Zstd(decoder) => decoder.read(into),
        }
    }
}
