//! Order-0 entropy code over at most 256 codes, each value by itself.
//!
//! # How it works
//! A Huffman code (Huffman, Proc. IRE 1952) in canonical form (Schwartz and Kallick, CACM 1964) of at most
//! 11 bits, so that one look into a table of 2,048 entries (8 KiB) finds the next code, and the one behind it
//! if both are short. The lengths are optimal under that limit and under the reservation below: package-merge
//! (Larmore and Hirschberg, JACM 1990).
//!
//! A [`Token`] is a code, or a literal byte for what the sample did not hold: the escape's bits, then
//! the 8 bits of the byte. Whoever uses this gives the codes their meaning: bytes, or symbols of
//! [`Symbols`](super::symbols::Symbols).
//!
//! # Bytes
//! ```text
//! table    257 lengths of 4 bits, low half first (0 = no such code), the last one the escape's; 129 bytes
//! value    bits of the tokens, most significant first; ones up to the full byte
//! ```
//! No code begins with eight ones. So up to seven padding ones are never taken for a code, the number
//! of bytes alone tells where a value ends, and no value begins with the byte `0xff`, which is free for
//! the user of this code ([`NEVER_FIRST`]).
//!
//! # Trade-offs
//! The reservation costs 1/256 of the code space, 0.006 bits a token; an end-of-value code would cost
//! 3 or 4 bits a value. Arithmetic coding would save the 1–2 % that whole bits lose, and decode slower.

use super::super::Corrupt;

/// No value begins with this byte.
pub(super) const NEVER_FIRST: u8 = 0xff;
/// Bytes of a stored table.
pub(super) const TABLE_SIZE: usize = CODE_COUNT.div_ceil(2);

/// 256 codes and the escape.
const CODE_COUNT: usize = 257;
/// The code before a literal byte.
const ESCAPE: usize = 256;
/// Longest code in bits.
const BITS_MAX: u32 = 11;
/// Ones that no code begins with.
const RESERVED_BITS: u32 = 8;
/// Code space in units of the longest code.
const SPACE: u32 = (1 << BITS_MAX) - (1 << (BITS_MAX - RESERVED_BITS));

/// One step of a value: see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Stands for whatever the user of this code says.
    Code(u8),
    /// Stands for itself.
    Literal(u8),
}

/// What one look into the table finds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// One or two codes; beyond that number, zero that is not meant.
    Codes([u8; 2], u8),
    /// A byte that stands for itself.
    Literal(u8),
}

/// Entry of the decoding table.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    codes: [u8; 2],
    /// 1 or 2; 0: the escape, or no code begins so.
    count: u8,
    /// Bits taken; 0 where no code begins so.
    bits: u8,
}

/// How often each code is met, for [`Huffman::train`].
#[derive(Clone, Debug)]
pub(super) struct Counts([u64; CODE_COUNT]);

impl Counts {
    /// The escape counts as met once, so that it always has a code.
    pub(super) fn new() -> Self {
        let mut counts = [0; CODE_COUNT];
        counts[ESCAPE] = 1;
        Self(counts)
    }

    /// Counts one token.
    pub(super) fn add(&mut self, token: Token) {
        match token {
            Token::Code(code) => self.0[usize::from(code)] += 1,
            Token::Literal(_) => self.0[ESCAPE] += 1,
        }
    }
}

/// A trained or stored code; decodes and encodes.
#[derive(Clone, Debug)]
pub(crate) struct Huffman {
    /// Bits and their number for each code; number 0: no such code.
    codes: [(u16, u8); CODE_COUNT],
    /// By the next 11 bits.
    table: [Entry; 1 << BITS_MAX],
}

impl Huffman {
    /// The best code for tokens met so often. O(1).
    pub(super) fn train(counts: &Counts) -> Self {
        Self::from_lengths(&lengths(&counts.0)).expect("package-merge keeps to the code space")
    }

    /// Reads a stored table and checks that its codes fit into the code space.
    pub(super) fn open(bytes: &[u8]) -> Result<Self, Corrupt> {
        if bytes.len() != TABLE_SIZE {
            return Err(Corrupt::new("Huffman table has another size"));
        }
        let mut lengths = [0; CODE_COUNT];
        for (code, length) in lengths.iter_mut().enumerate() {
            *length = bytes[code / 2] >> (code % 2 * 4) & 0x0f;
        }
        Self::from_lengths(&lengths)
    }

    /// Appends the table for [`Self::open`].
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.codes.chunks(2).map(|pair| pair[0].1 | pair.get(1).map_or(0, |high| high.1 << 4)));
    }

    fn from_lengths(lengths: &[u8; CODE_COUNT]) -> Result<Self, Corrupt> {
        let mut huffman = Self { codes: [(0, 0); CODE_COUNT], table: [Entry::default(); 1 << BITS_MAX] };
        if lengths[ESCAPE] == 0 || lengths.iter().any(|&length| u32::from(length) > BITS_MAX) {
            return Err(Corrupt::new("Huffman code without escape, or too long"));
        }
        let mut next = 0_u32;
        for length in 1..=BITS_MAX {
            let width = 1 << (BITS_MAX - length);
            for code in (0..CODE_COUNT).filter(|&code| u32::from(lengths[code]) == length) {
                if next + width > SPACE {
                    return Err(Corrupt::new("Huffman codes do not fit"));
                }
                let bits = u16::try_from(next / width).expect("below 2^11");
                huffman.codes[code] = (bits, lengths[code]);
                let bits = lengths[code];
                let entry = u8::try_from(code).map_or(Entry { bits, ..Entry::default() }, |code| Entry {
                    codes: [code, 0],
                    count: 1,
                    bits,
                });
                huffman.table[next as usize..(next + width) as usize].fill(entry);
                next += width;
            }
        }
        huffman.pair_up();
        Ok(huffman)
    }

    /// Adds second codes to the entries whose bits hold them whole.
    fn pair_up(&mut self) {
        let single = self.table;
        for (bits, entry) in self.table.iter_mut().enumerate().filter(|(_, entry)| entry.count == 1) {
            let second = single[bits << entry.bits & (single.len() - 1)];
            if second.count == 1 && u32::from(entry.bits + second.bits) <= BITS_MAX {
                entry.codes[1] = second.codes[0];
                entry.count = 2;
                entry.bits += second.bits;
            }
        }
    }

    /// Begins a value at the end of `out`.
    pub(super) fn encoder<'a>(&'a self, out: &'a mut Vec<u8>) -> Encoder<'a> {
        Encoder { huffman: self, out, held: 0, held_bits: 0 }
    }

    /// Calls `visit` with the tokens of a value. O(bits), at most one token a bit.
    pub(super) fn decode(
        &self,
        bytes: &[u8],
        mut visit: impl FnMut(Found) -> Result<(), Corrupt>,
    ) -> Result<(), Corrupt> {
        let mut at = 0;
        loop {
            // Of 64 bits at least 57 are left; a token takes at most 19.
            let mut window = word(bytes, at / 8) << (at % 8);
            let refill_at = at + 57 - 19;
            while at <= refill_at {
                let Entry { codes, count, bits } = self.table[(window >> (64 - BITS_MAX)) as usize];
                if bits == 0 {
                    // Beyond the value are ones, so whatever it holds this is met in the end.
                    let left = (bytes.len() * 8).checked_sub(at);
                    let at_end = window >> (64 - RESERVED_BITS) == 0xff && left.is_some_and(|bits| bits < 8);
                    return if at_end { Ok(()) } else { Err(Corrupt::new("bits are no Huffman code")) };
                }
                window <<= bits;
                at += usize::from(bits);
                let mut found = Found::Codes(codes, count);
                if count == 0 {
                    found = Found::Literal(window.to_be_bytes()[0]);
                    window <<= 8;
                    at += 8;
                }
                visit(found)?;
            }
        }
    }
}

/// Writes the tokens of one value.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    huffman: &'a Huffman,
    out: &'a mut Vec<u8>,
    /// Its low bits are not yet written: fewer than 32.
    held: u64,
    held_bits: u32,
}

impl Encoder<'_> {
    /// Appends a code, or false if the sample did not hold it.
    #[must_use]
    #[inline]
    pub(super) fn code(&mut self, code: u8) -> bool {
        let (bits, length) = self.huffman.codes[usize::from(code)];
        self.put(bits, length);
        length > 0
    }

    /// Appends a byte that stands for itself.
    pub(super) fn literal(&mut self, byte: u8) {
        let (bits, length) = self.huffman.codes[ESCAPE];
        self.put(bits, length);
        self.put(u16::from(byte), 8);
    }

    /// Pads to the full byte.
    pub(super) fn finish(mut self) {
        let padding = self.held_bits.wrapping_neg() % 8;
        self.put((1 << padding) - 1, u8::try_from(padding).expect("below 8"));
        for shift in (0..self.held_bits / 8).rev() {
            self.out.push((self.held >> (shift * 8)).to_le_bytes()[0]);
        }
    }

    #[inline]
    fn put(&mut self, bits: u16, length: u8) {
        self.held = self.held << length | u64::from(bits);
        self.held_bits += u32::from(length);
        if self.held_bits >= 32 {
            self.held_bits -= 32;
            self.out.extend_from_slice(&(self.held >> self.held_bits).to_be_bytes()[4..]);
        }
    }
}

/// 8 bytes from `at`, ones beyond the end.
fn word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(chunk) = rest.first_chunk() {
        return u64::from_be_bytes(*chunk);
    }
    rest.iter().rev().fold(u64::MAX, |word, &byte| word >> 8 | u64::from(byte) << 56)
}

/// Optimal lengths of at most [`BITS_MAX`] bits that leave the reserved prefix free; 0 for what was not
/// met. Package-merge as coin collector's problem: code `c` owns a coin of weight `counts[c]` for each
/// denomination 2⁻¹ … 2⁻¹¹; the lightest coins worth `n - 1 + 2⁻⁸` together give each code as many bits
/// as coins of it were taken.
fn lengths(counts: &[u64; CODE_COUNT]) -> [u8; CODE_COUNT] {
    enum Item {
        Coin(usize),
        Package(usize, usize),
    }
    let mut coins: Vec<(u64, usize)> = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(code, &count)| (count, code))
        .collect();
    coins.sort_unstable();
    let mut items = Vec::new();
    let mut taken = Vec::new();
    let mut packages: Vec<(u64, usize)> = Vec::new();
    for denomination in (1..=BITS_MAX).rev() {
        let mut level = packages;
        for &(count, code) in &coins {
            level.push((count, items.len()));
            items.push(Item::Coin(code));
        }
        level.sort_unstable();
        if denomination == RESERVED_BITS {
            taken.push(level.remove(0).1);
        }
        packages = Vec::with_capacity(level.len() / 2);
        for pair in level.chunks_exact(2) {
            packages.push((pair[0].0 + pair[1].0, items.len()));
            items.push(Item::Package(pair[0].1, pair[1].1));
        }
    }
    taken.extend(packages.iter().take(coins.len() - 1).map(|package| package.1));
    let mut lengths = [0; CODE_COUNT];
    while let Some(item) = taken.pop() {
        match items[item] {
            Item::Coin(code) => lengths[code] += 1,
            Item::Package(one, other) => taken.extend([one, other]),
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kraft(lengths: &[u8; CODE_COUNT]) -> f64 {
        lengths.iter().filter(|&&length| length > 0).map(|&length| 0.5_f64.powi(length.into())).sum()
    }

    proptest! {
        #[test]
        fn lengths_fit_beside_the_reserved_ones_and_more_frequent_is_never_longer(
            some in prop::collection::vec((any::<u8>(), 0_u64..1 << 40), 0..300),
        ) {
            let mut counts = Counts::new();
            for (code, count) in some {
                counts.0[usize::from(code)] = count >> (count % 40);
            }
            let lengths = lengths(&counts.0);
            prop_assert!(kraft(&lengths) <= 1.0 - 1.0 / 256.0);
            for (one, &count) in counts.0.iter().enumerate() {
                prop_assert_eq!(lengths[one] > 0, count > 0);
                prop_assert!(u32::from(lengths[one]) <= BITS_MAX);
                for (other, &less) in counts.0.iter().enumerate() {
                    prop_assert!(less == 0 || count <= less || lengths[one] <= lengths[other]);
                }
            }
        }

        #[test]
        fn tokens_come_back_and_no_value_begins_with_ones(
            tokens in prop::collection::vec((any::<bool>(), any::<u8>()), 0..40),
            more in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let tokens: Vec<_> =
                tokens.iter().map(|&(code, byte)| if code { Token::Code(byte) } else { Token::Literal(byte) }).collect();
            let mut counts = Counts::new();
            tokens.iter().copied().chain(more.into_iter().map(Token::Code)).for_each(|token| counts.add(token));
            let huffman = Huffman::train(&counts);
            let mut bytes = Vec::new();
            let mut encoder = huffman.encoder(&mut bytes);
            for &token in &tokens {
                match token {
                    Token::Code(code) => prop_assert!(encoder.code(code)),
                    Token::Literal(byte) => encoder.literal(byte),
                }
            }
            encoder.finish();
            prop_assert_ne!(bytes.first(), Some(&NEVER_FIRST));
            let mut read = Vec::new();
            huffman
                .decode(&bytes, |found| {
                    match found {
                        Found::Codes(codes, count) => {
                            read.extend(codes.into_iter().take(count.into()).map(Token::Code));
                        }
                        Found::Literal(byte) => read.push(Token::Literal(byte)),
                    }
                    Ok(())
                })
                .unwrap();
            prop_assert_eq!(read, tokens);
        }
    }

    #[test]
    fn equal_counts_give_equal_lengths_where_the_space_allows() {
        let mut counts = Counts::new();
        counts.0[..4].fill(1_000_000);
        let lengths = lengths(&counts.0);
        // Four of two bits would leave no space for the escape and the reserved ones.
        assert_eq!(&lengths[..5], &[3, 2, 2, 2, 0]);
    }
}
