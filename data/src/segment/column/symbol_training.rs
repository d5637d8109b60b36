//! Finds the symbols of [`Symbols`] in a sample.
//!
//! # How it works
//! Rounds (Boncz, Neumann and Leis, VLDB 2020, section 4.3): cut the sample with the symbols so far, count what
//! was met and which pairs were neighbours, and let those that save most bits be the symbols of the next
//! round. Pairs become longer symbols, so lengths up to 8 are reached in the third round; the later ones
//! drop what longer symbols made superfluous. The best round wins.

use super::huffman::Token;
use super::symbols::{COUNT_MAX, Symbol, Symbols};

/// Later rounds win less than 1 %.
const ROUNDS: usize = 8;
/// Bits that a byte in a longer symbol may save, and that a byte's own symbol does. The paper counts bytes
/// covered, and 8 for a byte's own symbol. Tried on names and titles: the first is best where Huffman's code
/// follows (5 % better than the paper's), the second where none does, or where digits abound.
const BYTE_WORTHS: [f64; 2] = [6.0, 9.0];
const SINGLE_WORTH: f64 = 6.0;

/// Finds tables that make the sample short, by two measures. O(bytes of the sample).
pub(super) fn train(sample: &[&str]) -> [Symbols; 2] {
    let mut counts = PairCounts::new();
    BYTE_WORTHS.map(|byte_worth| {
        let mut symbols = Symbols::new(&[]);
        let mut best = (u64::MAX, Symbols::new(&[]));
        for _ in 0..=ROUNDS {
            let size = counts.cut_all(&symbols, sample);
            let next = counts.next(&symbols, byte_worth);
            if size < best.0 {
                best = (size, symbols);
            }
            symbols = Symbols::new(&next);
        }
        best.1
    })
}

/// How often symbols, and pairs of neighbours, are met in the sample. A symbol is numbered 256 + its code,
/// a byte by itself.
#[derive(Debug)]
struct PairCounts {
    ones: Vec<u32>,
    pairs: Vec<u32>,
}

impl PairCounts {
    /// Symbols met less often are not worth their place in the table.
    const MET_MIN: u32 = 3;
    /// Numbers of symbols and bytes.
    const NUMBERS: usize = 512;

    fn new() -> Self {
        Self { ones: vec![0; Self::NUMBERS], pairs: vec![0; Self::NUMBERS * Self::NUMBERS] }
    }

    /// Cuts the sample and counts; returns the bytes it would take.
    fn cut_all(&mut self, symbols: &Symbols, sample: &[&str]) -> u64 {
        self.ones.fill(0);
        self.pairs.fill(0);
        let mut size = 0;
        for text in sample {
            let mut before: Option<usize> = None;
            symbols.cut(text.as_bytes(), |token| {
                let (number, first) = match token {
                    Token::Code(code) => {
                        size += 1;
                        let symbol = symbols.symbol(usize::from(code));
                        (256 + usize::from(code), usize::from(symbol.word.to_le_bytes()[0]))
                    }
                    Token::Literal(byte) => {
                        size += 2;
                        (usize::from(byte), usize::from(byte))
                    }
                };
                // The first byte alone too, so that a long symbol can give way to another cut.
                for number in [number, first].into_iter().take(if number == first { 1 } else { 2 }) {
                    self.ones[number] = self.ones[number].saturating_add(1);
                    if let Some(before) = before {
                        let pair = &mut self.pairs[before * Self::NUMBERS + number];
                        *pair = pair.saturating_add(1);
                    }
                }
                before = Some(number);
            });
        }
        size
    }

    /// The symbols that save most, best first.
    fn next(&self, symbols: &Symbols, byte_worth: f64) -> Vec<Symbol> {
        let symbol = |number: usize| match u8::try_from(number) {
            Ok(byte) => Symbol::byte(byte),
            Err(_) => symbols.symbol(number - 256),
        };
        let total: f64 = self.ones.iter().copied().map(f64::from).sum();
        // In bits: what the bytes would take, less what the code takes if codes are not of equal length.
        let worth = |symbol: Symbol, met: u32| match (f64::from(met), symbol.size) {
            (met, 1) => met * SINGLE_WORTH,
            (met, size) => met * (f64::from(size) * byte_worth - (total / met).log2()).max(0.0),
        };
        let mut candidates = Vec::new();
        for (number, &met) in self.ones.iter().enumerate() {
            if met >= Self::MET_MIN {
                candidates.push((symbol(number), worth(symbol(number), met)));
            }
        }
        for (pair, &met) in self.pairs.iter().enumerate() {
            if met >= Self::MET_MIN
                && let Some(joined) = symbol(pair / Self::NUMBERS).then(symbol(pair % Self::NUMBERS))
            {
                candidates.push((joined, worth(joined, met)));
            }
        }
        candidates.sort_unstable_by_key(|candidate| candidate.0);
        candidates.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        candidates.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        candidates.into_iter().take(COUNT_MAX).map(|(symbol, _)| symbol).collect()
    }
}
