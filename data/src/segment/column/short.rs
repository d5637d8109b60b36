//! The short way to a value: put together on the stack, from pieces of fixed size.
//!
//! Nearly all display names and addresses are two names with a letter between them, and go through a
//! [shape](super::shape). What has another form goes [`Step`] by step into the same buffer. Whatever is longer, or
//! otherwise than usual, goes the long way through [`TemplateSet::decode`](super::TemplateSet::decode): all give the same bytes, which
//! `data/tests/columns` proves.

use super::dictionary::{Entry, OWN_SLUG, SLOT_DOMAINS};
use super::digits;
use super::piece::{Piece, TAKE_MAX};
use super::slug;
use super::symbols::Sink;
use super::template::SOURCE_COUNT;
use super::text::TextCodec;
use crate::normalize::UsualKey;
use crate::segment::Corrupt;

/// Longest value that is put together the short way.
const SIZE_MAX: usize = 128;
/// Longest literal of a step.
const LITERAL_MAX: usize = 14;

/// All letters of a name: more than any has.
pub(super) const ALL: u8 = u8::MAX;
const _: () = assert!(slug::NAME_BYTES_MAX < ALL as usize);

/// Bytes that nearly all values fit: zeros, or the rest of another value, behind this one.
const ROOM: usize = 64;
/// Bytes that nearly all addresses fit.
const USUAL_MAX: usize = 48;

/// A value under construction. Behind it are zeros as far as [`ROOM`], unless something longer was put there, or a key.
#[derive(Debug)]
#[repr(align(16))]
pub(crate) struct ShortText {
    bytes: [u8; SIZE_MAX],
    size: usize,
}

/// A piece of a template as the short way takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A name, or its slug, or the first `take` letters of it.
    Name { name: u8, is_slug: bool, take: u8 },
    /// The same in all values.
    Literal { size: u8, bytes: [u8; LITERAL_MAX] },
    /// So many digits of the remainder.
    Digits(u8),
    /// Text of the remainder.
    Text,
}

impl Step {
    /// The steps of a template; `None` where it has a piece that only the long way knows.
    pub(super) fn of(pieces: &[Piece]) -> Option<Box<[Self]>> {
        let names = u8::try_from(SOURCE_COUNT / 2).ok()?;
        let step = |piece: &Piece| match piece {
            Piece::Source { source, take } if *take <= TAKE_MAX => {
                let take = if *take == 0 { ALL } else { *take };
                Some(Self::Name { name: source % names, is_slug: *source >= names, take })
            }
            Piece::Literal(literal) => {
                let mut bytes = [0; LITERAL_MAX];
                bytes.get_mut(..literal.len())?.copy_from_slice(literal.as_bytes());
                Some(Self::Literal { size: u8::try_from(literal.len()).ok()?, bytes })
            }
            Piece::Digits(count) => Some(Self::Digits(*count)),
            Piece::Text => Some(Self::Text),
            Piece::Source { .. } | Piece::Case(_) => None,
        };
        pieces.iter().map(step).collect()
    }
}

impl ShortText {
    /// Nothing yet.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; SIZE_MAX], size: 0 }
    }

    /// What was put together.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or_default()
    }

    /// The first bytes, and how many of them are meant; `None` where the text is longer.
    #[inline]
    pub(super) fn begin<const SIZE: usize>(&self) -> Option<(&[u8; SIZE], usize)> {
        if self.size > SIZE {
            return None;
        }
        Some((self.bytes.first_chunk()?, self.size))
    }

    /// The same as text; `None` where it is not UTF-8.
    #[inline]
    pub(crate) fn text(&self) -> Option<&str> {
        smoothutf8::from_utf8(self.bytes())
    }

    /// Makes `out` the same; `None` where it is not UTF-8.
    #[inline]
    pub(crate) fn read_to(&self, out: &mut String) -> Option<()> {
        // Hardly any is longer, so that this is foreseen.
        if self.size <= USUAL_MAX { self.read_block::<USUAL_MAX>(out) } else { self.read_block::<ROOM>(out) }
    }

    /// Nearly always the whole block is UTF-8: checked and copied as one, so that neither asks how long the value is.
    #[inline]
    fn read_block<const SIZE: usize>(&self, out: &mut String) -> Option<()> {
        out.clear();
        match smoothutf8::from_utf8(self.bytes.first_chunk::<SIZE>()?) {
            Some(block) if block.is_char_boundary(self.size) => {
                out.push_str(block);
                out.truncate(self.size);
            }
            _ => out.push_str(self.text()?),
        }
        Some(())
    }

    /// Appends the bytes, with a block that is cut where they end.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.size;
        match self.bytes.first_chunk::<ROOM>() {
            Some(block) if self.size <= block.len() => out.extend_from_slice(block),
            _ => out.extend_from_slice(self.bytes()),
        }
        out.truncate(end);
    }

    /// Nothing again.
    #[inline]
    pub(crate) fn clear(&mut self) {
        // No more than that is read beyond a value.
        if let Some(block) = self.bytes.first_chunk_mut::<ROOM>() {
            *block = [0; ROOM];
        }
        self.size = 0;
    }

    /// Appends the first `size` bytes of a block, all of which has to have room.
    #[inline]
    pub(crate) fn push<const N: usize>(&mut self, block: &[u8; N], size: usize) -> Option<()> {
        *self.bytes.get_mut(self.size..)?.first_chunk_mut()? = *block;
        self.size += size.min(N);
        Some(())
    }

    /// Appends text that is stored in this form.
    pub(crate) fn push_text(&mut self, codec: &TextCodec, stored: &[u8]) -> Option<()> {
        codec.decode_into(stored, self).ok()
    }

    /// Becomes these bytes.
    pub(crate) fn set(&mut self, bytes: &[u8]) -> Option<()> {
        self.clear();
        self.push_slice(bytes)
    }

    /// Becomes a usual key.
    #[inline]
    pub(crate) fn set_key(&mut self, key: &UsualKey) {
        if let (Some(room), Some(block)) = (self.bytes.first_chunk_mut::<ROOM>(), key.room().first_chunk()) {
            *room = *block;
            self.size = key.size();
        }
    }

    /// Appends any bytes.
    pub(crate) fn push_slice(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.size..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.size += bytes.len();
        Some(())
    }

    /// Puts a block at a place, wherever the text ends.
    #[inline]
    pub(super) fn put_at<const N: usize>(&mut self, at: usize, block: [u8; N]) {
        if let Some(room) = self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *room = block;
        }
    }

    /// Has the text end there; it was [put](Self::put_at) in its place.
    #[inline]
    pub(super) fn end_at(&mut self, size: usize) {
        self.size = size;
    }

    /// Appends a name of a dictionary.
    pub(crate) fn push_entry(&mut self, entry: Entry<'_>, is_slug: bool, take: u8) -> Option<()> {
        match entry.slug {
            Some(slug) if is_slug => self.push_odd_name(slug, false, take),
            _ => self.push_odd_name(entry.text, is_slug, take),
        }
    }

    /// Takes a number off the front of a remainder and appends its digits.
    #[inline]
    pub(crate) fn push_digits(&mut self, count: u8, remainder: &mut &[u8]) -> Option<()> {
        self.push(&digits::read(count, remainder).ok()?.get().to_le_bytes(), usize::from(count))
    }

    /// Appends any name; `None` where it is longer than those that templates refer to.
    pub(crate) fn push_odd_name(&mut self, name: &[u8], is_slug: bool, take: u8) -> Option<()> {
        if name.len() > slug::NAME_BYTES_MAX {
            return None;
        }
        if !is_slug {
            return self.push_slice(name.get(..slug::size_of_first(name, take))?);
        }
        if !name.is_ascii() {
            // The rule knows no slug of it.
            return Some(());
        }
        let mut left = take;
        for &byte in name {
            let byte = slug::of_ascii(byte);
            if left > 0 && byte != 0 {
                self.push(&[byte], 1)?;
                left -= 1;
            }
        }
        Some(())
    }

    /// Appends `@` and a domain from its slot; `None` where it is longer.
    #[inline]
    pub(crate) fn push_domain(&mut self, slot: &[u8; SLOT_DOMAINS]) -> Option<()> {
        let size = usize::from(slot[0] & !OWN_SLUG);
        let room: &mut [u8; SLOT_DOMAINS] = self.bytes.get_mut(self.size..)?.first_chunk_mut()?;
        *room = *slot;
        room[0] = b'@';
        self.size += 1 + size;
        if size < SLOT_DOMAINS { Some(()) } else { None }
    }
}

impl Sink for ShortText {
    #[inline]
    fn put(&mut self, word: u64, size: u8) -> Result<(), Corrupt> {
        self.push(&word.to_le_bytes(), usize::from(size)).ok_or_else(no_room)
    }

    fn put_slice(&mut self, text: &[u8]) -> Result<(), Corrupt> {
        self.push_slice(text).ok_or_else(no_room)
    }
}

/// Never seen: whoever goes the short way then goes the long one.
fn no_room() -> Corrupt {
    Corrupt::new("text is longer than the short way takes")
}
