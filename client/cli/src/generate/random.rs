//! The one source of chance: a PCG stream per purpose and ordinal, and the few distributions the generator needs.
//!
//! The same seed has to give the same bytes on every machine and with every later release of the crates below.
//! So the generator is one whose output is specified (PCG XSL 128/64 MCG), its state comes from XXH3 (specified
//! as well), and every distribution here is integer arithmetic: no `rand` distributions, whose values may change
//! between releases, and no `ln` or `exp`, whose last bit differs between mathematics libraries.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// One million: chances are given in parts per million (ppm).
pub(crate) const PPM: u64 = 1_000_000;

/// What a stream is for. Streams of different purposes share nothing, so that a further draw for one of them
/// does not change the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// How many people each tenant has.
    Sizes = 1,
    /// Domains, habits and vocabulary of a tenant.
    Tenant = 2,
    /// The people of a tenant.
    People = 3,
    /// Names that are not in the lists, by culture and rank.
    Name = 4,
    /// What one revision changes.
    Revision = 5,
    /// Addresses that are not there.
    Absent = 6,
    /// What [`super::Difficulty::Hard`] does to a person.
    Hard = 7,
    /// The further addresses of the aliases file.
    Aliases = 8,
}

/// A stream of draws, determined by seed, purpose and ordinal.
#[derive(Debug, Clone)]
pub(crate) struct Random(Pcg64Mcg);

impl Random {
    /// The stream of `purpose` number `ordinal` under `seed`.
    pub(crate) fn new(seed: u64, purpose: Purpose, ordinal: u64) -> Self {
        let mut input = [0_u8; 16];
        input[..8].copy_from_slice(&(purpose as u64).to_le_bytes());
        input[8..].copy_from_slice(&ordinal.to_le_bytes());
        Self(Pcg64Mcg::new(xxh3_128_with_seed(&input, seed)))
    }

    /// 64 fair bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Fair in `0..end`; 0 when `end` is 0. The bias is below `end` / 2⁶⁴.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The product's upper half is below `end`, so it fits.
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// Fair in `start..end`.
    pub(crate) fn between(&mut self, start: u64, end: u64) -> u64 {
        start + self.below(end.saturating_sub(start))
    }

    /// True with a chance of `ppm` parts per million.
    pub(crate) fn chance(&mut self, ppm: u64) -> bool {
        self.below(PPM) < ppm
    }

    /// One of `items`, all equally likely.
    ///
    /// # Panics
    /// With no items: the lists are compiled in and never empty.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// One of `words`, all equally likely.
    pub(crate) fn word<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.index(words.len())]
    }

    /// Fair index into something of length `len`.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a usize")
    }

    /// One of `(weight, item)`; weights need not add up to anything.
    pub(crate) fn weighted<T: Copy>(&mut self, items: &[(u32, T)]) -> T {
        let mut left = self.below(items.iter().map(|(weight, _)| u64::from(*weight)).sum());
        for (weight, item) in items {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return *item,
            }
        }
        items[items.len() - 1].1
    }

    /// A rank in `0..end` with the Zipf–Mandelbrot law p(rank) ∝ 1 / (rank + `offset`): a few ranks are
    /// frequent, most are seen once. A larger `offset` flattens the head.
    ///
    /// Rejection from a staircase of octaves, exact in integers: about 1.4 draws of two words each.
    pub(crate) fn rank(&mut self, offset: u64, end: u64) -> u64 {
        let (first, last) = (offset.max(1), offset.max(1) + end.max(1) - 1);
        let (low, high) = (first.ilog2(), last.ilog2());
        loop {
            let octave = low + u32::try_from(self.below(u64::from(high - low + 1))).expect("below 64");
            let floor = 1_u64 << octave;
            let x = floor + self.below(floor);
            if x >= first && x <= last && self.below(x) < floor {
                return x - first;
            }
        }
    }

    /// An index into a list of `len`, the first items more likely than the last.
    pub(crate) fn ranked_index(&mut self, offset: u64, len: usize) -> usize {
        usize::try_from(self.rank(offset, len as u64)).expect("below a usize")
    }

    /// A number whose quantiles are `knots`, equally spaced in chance; linear between them.
    pub(crate) fn quantile(&mut self, knots: &[u64]) -> u64 {
        const STEPS: u64 = 1 << 20;
        let at = self.below((knots.len() as u64 - 1) * STEPS);
        let (knot, within) = (usize::try_from(at / STEPS).expect("an index"), at % STEPS);
        let (low, high) = (knots[knot], knots[knot + 1]);
        low + (high - low) * within / STEPS
    }
}

/// A fixed hash of `bytes`: the same on every machine.
pub(crate) fn hash(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

/// Maps `0..2^bits` onto itself, one to one, so that dense ordinals become scattered numbers that never meet.
///
/// Each step (xor with a right shift, multiplication by an odd number, addition, all modulo 2^`bits`) can be undone.
pub(crate) fn scatter(ordinal: u64, bits: u32, seed: u64) -> u64 {
    let mask = (1_u64 << bits) - 1;
    let mut x = ordinal & mask;
    for round in 0..3_u64 {
        let key = hash(&round.to_le_bytes(), seed);
        x = x.wrapping_add(key) & mask;
        x = x.wrapping_mul((key >> 7) | 1) & mask;
        x ^= x >> (bits / 2);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_gives_known_values() {
        // Written down once: a change here changes every generated file.
        let mut random = Random::new(1, Purpose::People, 2);
        assert_eq!([random.bits(), random.bits()], KNOWN);
    }

    const KNOWN: [u64; 2] = [15_017_909_429_627_790_216, 6_831_830_863_075_327_813];

    #[test]
    fn scattered_numbers_never_meet() {
        let mut seen = vec![false; 1 << 12];
        for ordinal in 0..1 << 12 {
            let at = usize::try_from(scatter(ordinal, 12, 9)).unwrap();
            assert!(!std::mem::replace(&mut seen[at], true), "{ordinal} meets another at {at}");
        }
    }

    #[test]
    fn ranks_follow_one_over_rank() {
        let mut random = Random::new(7, Purpose::Sizes, 0);
        let mut counts = [0_u32; 1000];
        for _ in 0..400_000 {
            counts[random.ranked_index(1, 1000)] += 1;
        }
        // 1 / (1 + rank) over H(1000) = 7.485
        for (rank, expected) in [(0, 53_437_u32), (1, 26_718), (9, 5_344), (99, 534)] {
            let got = counts[rank];
            let slack = 5 * expected.isqrt();
            assert!(got.abs_diff(expected) < slack, "rank {rank}: {got}, expected {expected} ± {slack}");
        }
    }
}
