//! Frequent pieces of text as one byte each: FSST (Boncz, Neumann and Leis, *FSST: Fast Random Access String
//! Compression*, VLDB 2020).
//!
//! # How it works
//! Up to 254 symbols of 1 to 8 bytes were found in a sample ([`train`](super::symbol_training::train)); a text
//! is cut greedily into the longest symbols that fit, and each becomes its code. Decoding is a copy of 8
//! bytes a code, whatever the symbol's length.
//!
//! # Bytes
//! ```text
//! table    count u8 · length u8 × count · bytes of the symbols
//! value    code below count: that symbol
//!          254: the next byte as it is
//!          255: all bytes behind it as they are; no value takes more than its text and 1 byte
//! ```
//!
//! # Trade-offs
//! The paper has 255 symbols and one escape. The second escape costs one rare symbol and bounds what a
//! text may need that has nothing in common with the sample. The encoder looks into short lists behind a hash
//! of three bytes, then of two, longest symbol first: slower than the paper's single probe, but it never
//! has to drop a symbol for a collision, and needs no `unsafe`.

use super::super::Corrupt;
use super::huffman::Token;

/// Longest symbol in bytes.
pub(super) const SYMBOL_SIZE_MAX: usize = 8;
/// Most symbols.
pub(super) const COUNT_MAX: usize = 254;
/// Before one byte as it is.
const LITERAL: u8 = 254;
/// Before bytes as they are, to the end.
const LITERALS: u8 = 255;
/// Buckets of the encoder's index.
const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 11;

/// 1 to 8 bytes, the first one lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symbol {
    pub(super) word: u64,
    pub(super) size: u8,
}

impl Symbol {
    /// A byte alone.
    pub(super) fn byte(byte: u8) -> Self {
        Self { word: u64::from(byte), size: 1 }
    }

    /// Both, one behind the other, if they fit.
    pub(super) fn then(self, next: Self) -> Option<Self> {
        let size = self.size + next.size;
        (usize::from(size) <= SYMBOL_SIZE_MAX)
            .then(|| Self { word: self.word | next.word << (8 * self.size), size })
    }

    fn bytes(&self) -> impl Iterator<Item = u8> + use<> {
        self.word.to_le_bytes().into_iter().take(usize::from(self.size))
    }
}

/// A trained or stored table of symbols; decodes and encodes.
#[derive(Clone, Debug)]
pub(crate) struct Symbols {
    words: [u64; 256],
    /// 0 where a code stands for no symbol.
    sizes: [u8; 256],
    count: usize,
    /// Code of the symbol that is this byte alone.
    singles: [Option<u8>; 256],
    twos: Index<2>,
    longer: Index<3>,
}

impl Symbols {
    /// Reads a stored table; returns what is behind it.
    pub(super) fn open(bytes: &[u8]) -> Result<(Self, &[u8]), Corrupt> {
        let corrupt = || Corrupt::new("symbol table does not hold together");
        let (&count, rest) = bytes.split_first().ok_or_else(corrupt)?;
        let (sizes, mut rest) = rest.split_at_checked(usize::from(count)).ok_or_else(corrupt)?;
        if sizes.len() > COUNT_MAX {
            return Err(corrupt());
        }
        let mut symbols = Vec::with_capacity(sizes.len());
        for &size in sizes {
            let (symbol, behind) = rest.split_at_checked(usize::from(size)).ok_or_else(corrupt)?;
            if !(1..=SYMBOL_SIZE_MAX).contains(&symbol.len()) {
                return Err(corrupt());
            }
            symbols.push(Symbol { word: tail_word(symbol), size });
            rest = behind;
        }
        Ok((Self::new(&symbols), rest))
    }

    /// Appends the table for [`Self::open`].
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.count).expect("at most 254 symbols"));
        out.extend_from_slice(&self.sizes[..self.count]);
        for code in 0..self.count {
            out.extend(self.symbol(code).bytes());
        }
    }

    /// Appends the bytes of a text: at most one more than it has.
    pub(super) fn encode(&self, text: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        self.cut(text, |token| match token {
            Token::Code(code) => out.push(code),
            Token::Literal(byte) => out.extend_from_slice(&[LITERAL, byte]),
        });
        if out.len() - start > text.len() {
            out.truncate(start);
            out.push(LITERALS);
            out.extend_from_slice(text);
        }
    }

    /// Writes the text of its bytes.
    pub(super) fn decode(&self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), Corrupt> {
        let corrupt = || Corrupt::new("symbols end within an escape");
        let mut rest = bytes;
        while let [code, behind @ ..] = rest {
            rest = behind;
            match *code {
                LITERAL => {
                    let (&byte, behind) = rest.split_first().ok_or_else(corrupt)?;
                    rest = behind;
                    sink.put(u64::from(byte), 1)?;
                }
                LITERALS => return sink.put_slice(rest),
                code => self.put(code, sink)?,
            }
        }
        Ok(())
    }

    /// Writes the symbol of a code.
    #[inline]
    pub(super) fn put(&self, code: u8, sink: &mut impl Sink) -> Result<(), Corrupt> {
        let size = self.sizes[usize::from(code)];
        if size == 0 {
            return Err(Corrupt::new("code of no symbol"));
        }
        sink.put(self.words[usize::from(code)], size)
    }

    /// The bytes of a code's symbol.
    pub(super) fn bytes(&self, code: u8) -> impl Iterator<Item = u8> + use<> {
        self.symbol(usize::from(code)).bytes()
    }

    /// Cuts a text into symbols, and literals where none fits.
    #[inline]
    pub(super) fn cut(&self, text: &[u8], mut visit: impl FnMut(Token)) {
        // The last bytes, shifted into place as the end comes near, so that no load reaches beyond.
        let last = text.last_chunk().map_or_else(|| tail_word(text), |chunk| u64::from_le_bytes(*chunk));
        let last_size = text.len().min(8);
        let mut at = 0;
        while at < text.len() {
            let left = text.len() - at;
            let word = match text[at..].first_chunk() {
                Some(chunk) => u64::from_le_bytes(*chunk),
                None => last >> (8 * (last_size - left)),
            };
            let byte = text[at];
            let longer = self.longer.find(word, left).or_else(|| self.twos.find(word, left));
            if let Some((symbol, code)) = longer {
                visit(Token::Code(*code));
                at += usize::from(symbol.size);
            } else {
                visit(self.singles[usize::from(byte)].map_or(Token::Literal(byte), Token::Code));
                at += 1;
            }
        }
    }

    /// Symbols beyond [`COUNT_MAX`] are left out.
    pub(super) fn new(symbols: &[Symbol]) -> Self {
        let count = symbols.len().min(COUNT_MAX);
        let mut table = Self {
            words: [0; 256],
            sizes: [0; 256],
            count,
            singles: [None; 256],
            twos: Index::default(),
            longer: Index::default(),
        };
        for (code, symbol) in (0_u8..).zip(&symbols[..count]) {
            table.words[usize::from(code)] = symbol.word;
            table.sizes[usize::from(code)] = symbol.size;
            match symbol.size {
                1 => table.singles[usize::from(symbol.word.to_le_bytes()[0])] = Some(code),
                2 => table.twos.symbols.push((*symbol, code)),
                _ => table.longer.symbols.push((*symbol, code)),
            }
        }
        table.twos.sort();
        table.longer.sort();
        table
    }

    /// The symbol of a code below the count.
    pub(super) fn symbol(&self, code: usize) -> Symbol {
        Symbol { word: self.words[code], size: self.sizes[code] }
    }
}

/// Symbols of at least `SIZE` bytes, found by a hash of so many.
#[derive(Clone, Debug)]
struct Index<const SIZE: u32> {
    /// With their codes, in the order of their buckets, then longest first.
    symbols: Vec<(Symbol, u8)>,
    /// Where each bucket begins; the last one ends them.
    begins: [u8; BUCKETS + 1],
}

impl<const SIZE: u32> Index<SIZE> {
    /// The longest symbol that `word` begins with and that fits into so many bytes.
    #[inline]
    fn find(&self, word: u64, left: usize) -> Option<&(Symbol, u8)> {
        let bucket = Self::bucket(word);
        let range = usize::from(self.begins[bucket])..usize::from(self.begins[bucket + 1]);
        self.symbols[range].iter().find(|(symbol, _)| {
            (word ^ symbol.word) << (64 - 8 * u32::from(symbol.size)) == 0 && usize::from(symbol.size) <= left
        })
    }

    /// Puts the symbols into their buckets.
    fn sort(&mut self) {
        self.symbols
            .sort_unstable_by_key(|(symbol, code)| (Self::bucket(symbol.word), u8::MAX - symbol.size, *code));
        let mut place = 0;
        for (bucket, begin) in self.begins.iter_mut().enumerate() {
            while self
                .symbols
                .get(usize::from(place))
                .is_some_and(|(symbol, _)| Self::bucket(symbol.word) < bucket)
            {
                place += 1;
            }
            *begin = place;
        }
    }

    #[inline]
    fn bucket(word: u64) -> usize {
        let first = word & (u64::MAX >> (64 - 8 * SIZE));
        (first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BUCKET_BITS)) as usize
    }
}

impl<const SIZE: u32> Default for Index<SIZE> {
    fn default() -> Self {
        Self { symbols: Vec::new(), begins: [0; BUCKETS + 1] }
    }
}

/// Where decoded text goes.
pub(super) trait Sink {
    /// Appends the `size` lowest bytes of `word`; at most 8.
    fn put(&mut self, word: u64, size: u8) -> Result<(), Corrupt>;
    /// Appends any bytes.
    fn put_slice(&mut self, text: &[u8]) -> Result<(), Corrupt>;
}

/// Room at the end of a vector: grown once, written 8 bytes at a time. Eight bytes of text a byte of input, and
/// [`Self::SPARE`] more, are all that a value can become.
#[derive(Debug)]
pub(super) struct Room<'a> {
    out: &'a mut Vec<u8>,
    at: usize,
}

impl<'a> Room<'a> {
    /// Text that is allowed beyond eight times the input.
    pub(super) const SPARE: usize = 8;

    /// Room behind what `out` holds.
    #[inline]
    pub(super) fn new(input_size: usize, out: &'a mut Vec<u8>) -> Self {
        let at = out.len();
        out.resize(at + 8 * input_size + Self::SPARE + 8, 0);
        Self { out, at }
    }

    /// Cuts off what was not used. Without it, what is behind the old end means nothing.
    #[inline]
    pub(super) fn finish(self) {
        self.out.truncate(self.at);
    }
}

fn no_room() -> Corrupt {
    Corrupt::new("text is far longer than its bytes")
}

impl Sink for Room<'_> {
    #[inline]
    fn put(&mut self, word: u64, size: u8) -> Result<(), Corrupt> {
        let place = self.out.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut);
        *place.ok_or_else(no_room)? = word.to_le_bytes();
        self.at += usize::from(size);
        Ok(())
    }

    fn put_slice(&mut self, text: &[u8]) -> Result<(), Corrupt> {
        let place = self.out.get_mut(self.at..).and_then(|room| room.get_mut(..text.len()));
        place.ok_or_else(no_room)?.copy_from_slice(text);
        self.at += text.len();
        Ok(())
    }
}

/// Fewer than 8 bytes, or the first 8, the first one lowest.
fn tail_word(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}
