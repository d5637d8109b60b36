//! The bytes that a line is cut at, found 64 at a time.
//!
//! Fields are some ten bytes long: to search for the end of each of them takes longer than to look at all bytes of
//! the line at once and go from mark to mark (Langdale and Lemire, *Parsing Gigabytes of JSON per Second*, VLDB
//! Journal 2019, 3.1; here with the sixteen bytes that every processor compares).

use wide::u8x16;

/// Bytes that are looked at together: their marks are the bits of a word.
const STEP: usize = 64;

/// Places of delimiters, quotes and line breaks in a text, front to back.
pub(super) struct Specials<'t> {
    text: &'t [u8],
    delimiter: u8,
    /// Where the bytes begin that `marks` are of.
    start: usize,
    /// Those not yet given out.
    marks: u64,
}

impl<'t> Specials<'t> {
    #[inline]
    pub(super) fn new(text: &'t [u8], delimiter: u8) -> Self {
        Self { text, delimiter, start: 0, marks: marks_at(text, 0, delimiter) }
    }

    /// The next of them and its place; at the end of the text a line break and its size. Looks at most 63 bytes
    /// further.
    #[inline]
    pub(super) fn next(&mut self) -> (u8, usize) {
        while self.marks == 0 {
            self.start += STEP;
            if self.start >= self.text.len() {
                // Asked again, the same answer.
                self.start = self.text.len();
                return (b'\n', self.text.len());
            }
            self.marks = marks_at(self.text, self.start, self.delimiter);
        }
        let at = self.start + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        (self.text.get(at).copied().unwrap_or(b'\n'), at)
    }
}

/// A bit for each of the bytes from `start` on that is special.
#[inline]
fn marks_at(text: &[u8], start: usize, delimiter: u8) -> u64 {
    let rest = text.get(start..).unwrap_or_default();
    match rest.first_chunk() {
        Some(bytes) => marks(bytes, delimiter),
        None => last_marks(rest, delimiter),
    }
}

/// The same of the last bytes of a text.
#[cold]
fn last_marks(rest: &[u8], delimiter: u8) -> u64 {
    let mut bytes = [0; STEP];
    for (to, from) in bytes.iter_mut().zip(rest) {
        *to = *from;
    }
    // What is behind the text might be the delimiter.
    marks(&bytes, delimiter) & !(u64::MAX << rest.len())
}

#[inline]
fn marks(bytes: &[u8; STEP], delimiter: u8) -> u64 {
    let [delimiter, quote, feed, carriage] = [delimiter, b'"', b'\n', b'\r'].map(u8x16::splat);
    let (chunks, _) = bytes.as_chunks::<16>();
    chunks.iter().rev().fold(0, |marks, chunk| {
        let bytes = u8x16::new(*chunk);
        let special =
            bytes.simd_eq(delimiter) | bytes.simd_eq(quote) | bytes.simd_eq(feed) | bytes.simd_eq(carriage);
        marks << 16 | u64::from(special.to_bitmask() & 0xffff)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_special_byte_is_met_in_order_and_no_other(
            text in "[a,;\"\n\r\0é]{0,200}", delimiter in prop::sample::select(vec![b',', b';', b'\t', 0]),
        ) {
            let mut specials = Specials::new(text.as_bytes(), delimiter);
            for (at, &byte) in text.as_bytes().iter().enumerate() {
                if byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r') {
                    prop_assert_eq!(specials.next(), (byte, at));
                }
            }
            prop_assert_eq!(specials.next(), (b'\n', text.len()));
            prop_assert_eq!(specials.next(), (b'\n', text.len()));
        }
    }
}
