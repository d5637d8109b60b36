//! A window on the text of a file: checked UTF-8 without NUL that ends with a line, and where in the file it is.
//!
//! The window is longer than the longest record allowed, so a record that does not end in a full window is
//! over the limit, and a record is never looked at more than twice.

use memchr::{memchr, memchr_iter, memrchr2};

use super::text::{State, Text};
use super::{InputError, InputLimits, Source};

/// What is read beyond the longest record.
const BEYOND_RECORD: usize = 64 << 10;

pub(super) struct Block<'s> {
    source: &'s Source,
    text: Text<'s>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Line of the byte at `start`, from 1.
    line: u64,
    /// Position of `buffer[0]` in the decompressed (and decoded) text.
    offset: u64,
    state: State,
}

impl<'s> Block<'s> {
    pub(super) fn open(source: &'s Source, limits: &InputLimits) -> Result<Self, InputError> {
        let text = Text::open(source, limits)?;
        let buffer = vec![0; limits.record_bytes() + BEYOND_RECORD];
        let mut block =
            Self { source, text, buffer, start: 0, end: 0, line: 1, offset: 0, state: State::More };
        block.refill()?;
        Ok(block)
    }

    /// The lines in the window, checked. Ends with a line break, or with the end of the file.
    pub(super) fn lines(&self) -> Result<&str, InputError> {
        let unread = &self.buffer[self.start..self.end];
        let lines = if self.is_last() {
            unread
        } else {
            // A CR as the last byte could be the first half of CR LF, so it ends no line yet.
            let but_one = unread.len().saturating_sub(1);
            let break_end = |at: usize| at + 1 + usize::from(unread[at..].starts_with(b"\r\n"));
            &unread[..memrchr2(b'\r', b'\n', &unread[..but_one]).map_or(0, break_end)]
        };
        simdutf8::basic::from_utf8(lines).map_err(|_| {
            let valid = simdutf8::compat::from_utf8(lines).map_or_else(|e| e.valid_up_to(), str::len);
            self.undecodable(self.start + valid)
        })
    }

    /// Moves the start of the window past `bytes` and `line_breaks`.
    pub(super) fn advance(&mut self, bytes: usize, line_breaks: u64) {
        self.start += bytes;
        self.line += line_breaks;
    }

    /// Reads on. The unread rest moves to the front; nothing is read when the window is full or at the end.
    pub(super) fn refill(&mut self) -> Result<(), InputError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.offset += self.start as u64;
        (self.start, self.end) = (0, self.end - self.start);
        if self.state != State::More || self.is_full() {
            return Ok(());
        }
        let filled = self.text.fill(&mut self.buffer[self.end..])?;
        let new = self.end..self.end + filled.count;
        self.end = new.end;
        self.state = filled.state;
        if let Some(at) = memchr(0, &self.buffer[new.clone()]) {
            let (line, offset) = self.place(new.start + at);
            return Err(InputError::NulByte { path: self.source.path().to_owned(), line, offset });
        }
        if filled.state == State::Malformed {
            return Err(self.undecodable(self.end));
        }
        Ok(())
    }

    /// Whether the window reaches to the end of the file.
    pub(super) fn is_last(&self) -> bool {
        self.state == State::End
    }

    /// Whether the window holds as much as it ever can from its start on.
    pub(super) fn is_full(&self) -> bool {
        // Four bytes: the longest character, below which the decoder might not move.
        self.start == 0 && self.end + 4 > self.buffer.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Unread bytes in the window.
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Line of the window's start, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of the file as stored that were read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.text.bytes_read()
    }

    /// The text behind the window, once everything was read.
    pub(super) fn into_text(self) -> Text<'s> {
        self.text
    }

    fn undecodable(&self, at: usize) -> InputError {
        let (line, offset) = self.place(at);
        let path = self.source.path().to_owned();
        InputError::Undecodable { path, line, offset, encoding: self.text.encoding() }
    }

    fn place(&self, at: usize) -> (u64, u64) {
        (self.line + line_breaks(&self.buffer[self.start..at]), self.offset + at as u64)
    }
}

/// Line breaks in `bytes`: LF, CR, and CR LF as one.
pub(super) fn line_breaks(bytes: &[u8]) -> u64 {
    let line_feeds = memchr_iter(b'\n', bytes).count();
    let lone_returns = memchr_iter(b'\r', bytes).filter(|&at| bytes.get(at + 1) != Some(&b'\n')).count();
    (line_feeds + lone_returns) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_break_counts_once() {
        assert_eq!(line_breaks(b"a\nb\rc\r\nd\n\re\r"), 6);
        assert_eq!(line_breaks(b"none"), 0);
    }
}
