//! Encoded words (RFC 2047) and the text of display names that is put together from them.
//!
//! The `mail-parser` crate decodes Q and B, `encoding_rs` the character sets (with the labels that browsers know), and
//! `mail-parser` again those that browsers have given up, such as UTF-7. Ours is what lies between: adjacent words of
//! one character set are joined *before* they become text, because senders cut in the middle of a character, and it is
//! remembered which part of a name was encoded.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::{Encoding, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;

use super::embedded::embedded_ranges;
use super::{DISPLAY_NAME_BYTES_MAX, HEADER_BYTES_MAX, header_text};

/// Longest encoded text of one word. RFC 2047 allows 75 bytes for all of it; some senders do not cut at all.
const ENCODED_BYTES_MAX: usize = 4096;
/// Longest label of a character set, with its language.
const CHARSET_BYTES_MAX: usize = 64;
/// Most encoded parts of one name whose places are remembered.
const PARTS_MAX: usize = 64;

/// An encoded word, not decoded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EncodedWord<'a> {
    charset: &'a str,
    is_base64: bool,
    text: &'a str,
}

/// The encoded word at the beginning of `text`, and its length.
///
/// Blanks, quotes and commas inside are accepted: many senders do not encode them.
pub(super) fn encoded_word(text: &str) -> Option<(EncodedWord<'_>, usize)> {
    let rest = text.strip_prefix("=?")?;
    let charset_end = rest.bytes().take(CHARSET_BYTES_MAX + 1).position(|byte| byte == b'?')?;
    let charset = &rest[..charset_end];
    if charset.is_empty() || charset.bytes().any(|byte| byte <= b' ' || b"<>\"(),;=".contains(&byte)) {
        return None;
    }
    let (encoding, rest) = rest[charset_end + 1..].split_at_checked(1)?;
    let is_base64 = match encoding {
        "b" | "B" => true,
        "q" | "Q" => false,
        _ => return None,
    };
    let content = rest.strip_prefix('?')?;
    let seen = &content.as_bytes()[..content.len().min(ENCODED_BYTES_MAX + 2)];
    let length = memchr::memmem::find(seen, b"?=")?;
    let word = EncodedWord { charset, is_base64, text: &content[..length] };
    Some((word, text.len() - content.len() + length + 2))
}

impl<'a> EncodedWord<'a> {
    /// Its bytes in its character set; None when Q or B is broken.
    fn bytes(&self) -> Option<Vec<u8>> {
        let mut ended = Vec::with_capacity(self.text.len() + 3);
        ended.extend_from_slice(self.text.as_bytes());
        if self.is_base64 {
            // One more sign of padding is ignored where it is not needed, and saves the end where it was left out.
            ended.push(b'=');
        }
        ended.extend_from_slice(b"?=");
        let mut stream = MessageStream::new(&ended);
        if self.is_base64 { stream.decode_base64_word() } else { stream.decode_quoted_printable_word() }
    }

    /// The label without its language (RFC 2231, 5).
    fn label(&self) -> &'a str {
        self.charset.split('*').next().unwrap_or_default()
    }
}

/// Bytes of one character set as text; never fails.
fn decoded(label: &str, bytes: &[u8]) -> String {
    if let Some(encoding) = Encoding::for_label(label.as_bytes()) {
        if encoding == encoding_rs::UTF_8 {
            return header_text(bytes).into_owned();
        }
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    match charset_decoder(label.as_bytes()) {
        Some(decode) => decode(bytes),
        None => header_text(bytes).into_owned(),
    }
}

/// A byte as Windows-1252, the set that undeclared 8-bit headers mostly are in.
pub(super) fn as_windows_1252(bytes: &[u8]) -> Cow<'_, str> {
    WINDOWS_1252.decode_without_bom_handling(bytes).0
}

/// A display name that is given by itself, raw or decoded before: its text, whether it holds an encoded address, and
/// whether it was cut.
pub(super) fn display_name(raw: &str) -> (Cow<'_, str>, bool, bool) {
    let read = raw[..raw.floor_char_boundary(HEADER_BYTES_MAX)].trim();
    let inner = read.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    match inner {
        None if is_as_read(read) => (read.into(), false, false),
        Some(inner) if is_as_read(inner) && !inner.contains('\\') => (inner.trim().into(), false, false),
        _ => {
            let mut text = NameText::default();
            text.quoted(inner.unwrap_or(read));
            let name = text.finish();
            (name.text.into(), name.has_encoded_address, name.cut)
        }
    }
}

/// Whether a name needs nothing done to it but for backslashes: short enough, nothing encoded, no controls, no two blanks
/// side by side.
pub(super) fn is_as_read(name: &str) -> bool {
    let pairs = name.as_bytes().windows(2).any(|pair| pair == b"=?" || pair == b"  ");
    name.len() <= DISPLAY_NAME_BYTES_MAX && !pairs && !name.chars().any(char::is_control)
}

/// A name while it is put together.
#[derive(Debug, Default)]
pub(super) struct NameText<'a> {
    out: String,
    /// Bytes of adjacent encoded words of one label.
    run: Vec<u8>,
    run_label: &'a str,
    encoded_parts: Vec<Range<usize>>,
    cut: bool,
}

/// A finished name.
#[derive(Debug, Default)]
pub(super) struct Name {
    /// The text, at most [`DISPLAY_NAME_BYTES_MAX`] bytes.
    pub(super) text: String,
    /// An address stands in it, some of which was in an encoded word.
    pub(super) has_encoded_address: bool,
    /// It was longer.
    pub(super) cut: bool,
}

impl<'a> NameText<'a> {
    /// One blank, unless nothing stands before it.
    pub(super) fn blank(&mut self) {
        self.flush();
        self.put(" ");
    }

    /// Text as it stands.
    pub(super) fn plain(&mut self, text: &str) {
        self.flush();
        self.put(text);
    }

    /// Text in which backslashes quote the next character and encoded words are decoded (which RFC 2047 forbids in
    /// quotes, and mail readers do all the same).
    pub(super) fn quoted(&mut self, text: &'a str) {
        let mut rest = text;
        while let Some(at) = memchr::memchr2(b'\\', b'=', rest.as_bytes()) {
            // What is no encoded word fills the name, so the work on those is bounded too.
            if self.cut {
                return;
            }
            let (before, from) = rest.split_at(at);
            // Between two encoded words blanks mean nothing.
            let adjacent = !self.run.is_empty() && before.bytes().all(|byte| byte <= b' ');
            let word = encoded_word(from);
            if !(adjacent && word.is_some()) {
                self.plain(before);
            }
            if let Some((word, length)) = word {
                self.word(word);
                rest = &from[length..];
            } else if let Some(escaped) = from.strip_prefix('\\') {
                let width = escaped.chars().next().map_or(0, char::len_utf8);
                self.plain(&escaped[..width]);
                rest = &escaped[width..];
            } else {
                self.plain("=");
                rest = &from[1..];
            }
        }
        if !(rest.is_empty()) {
            self.plain(rest);
        }
    }

    /// An encoded word; joined with the one before it when nothing was put between. A broken one stays as it is.
    pub(super) fn word(&mut self, word: EncodedWord<'a>) {
        let Some(bytes) = word.bytes() else {
            self.flush();
            for part in ["=?", word.charset, if word.is_base64 { "?b?" } else { "?q?" }, word.text, "?="] {
                self.put(part);
            }
            return;
        };
        if !self.run_label.eq_ignore_ascii_case(word.label()) {
            self.flush();
            self.run_label = word.label();
        }
        // Four bytes for one of text is more than any character set of use needs.
        let room = (4 * DISPLAY_NAME_BYTES_MAX).saturating_sub(self.run.len());
        self.cut |= bytes.len() > room;
        self.run.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether an encoded word was the last that was put.
    pub(super) fn ends_encoded(&self) -> bool {
        !self.run.is_empty()
    }

    pub(super) fn finish(mut self) -> Name {
        self.flush();
        let text = self.out.trim_end().to_owned();
        let has_encoded_address = !self.encoded_parts.is_empty()
            && embedded_ranges(&text).any(|address| {
                self.encoded_parts.iter().any(|part| part.start < address.end && address.start < part.end)
            });
        Name { text, has_encoded_address, cut: self.cut }
    }

    fn flush(&mut self) {
        if self.run.is_empty() {
            return;
        }
        let run = std::mem::take(&mut self.run);
        let start = self.out.len();
        self.put(&decoded(self.run_label, &run));
        if self.encoded_parts.len() < PARTS_MAX {
            self.encoded_parts.push(start..self.out.len());
        } else if let Some(last) = self.encoded_parts.last_mut() {
            last.end = self.out.len();
        }
    }

    /// Appends up to the limit, with controls as blanks and one blank for several.
    fn put(&mut self, text: &str) {
        for character in text.chars() {
            let character = if character.is_control() { ' ' } else { character };
            if self.out.len() + character.len_utf8() > DISPLAY_NAME_BYTES_MAX {
                self.cut = true;
                return;
            }
            if !(character == ' ' && (self.out.is_empty() || self.out.ends_with(' '))) {
                self.out.push(character);
            }
        }
    }
}
