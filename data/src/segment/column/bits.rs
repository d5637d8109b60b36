//! Numbers of any width up to 56 bits in a row of bytes, lowest bit first.
//!
//! One unaligned 8-byte load reads a field wherever it begins, so a row stands with [`SLACK`] readable
//! bytes behind it.

/// Bytes that have to be readable behind a row.
pub(crate) const SLACK: usize = 8;
/// Widest field in bits: with the at most 7 bits before it in its first byte it fits one load.
pub(crate) const WIDTH_MAX: u32 = 56;

/// Bits that `codes` different codes need.
pub(crate) fn width_of(codes: u64) -> u32 {
    64 - codes.saturating_sub(1).leading_zeros()
}

/// Where in a row a number stands: worked out once, for rows without end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    byte: u32,
    shift: u32,
    mask: u64,
}

impl Field {
    /// The `width` bits from bit `at` on; `width` is at most [`WIDTH_MAX`].
    #[inline]
    pub(crate) const fn new(at: u32, width: u32) -> Self {
        Self { byte: at >> 3, shift: at & 7, mask: low_bits(width) }
    }

    /// The number; `None` beyond the bytes.
    #[inline]
    pub(crate) fn read(self, row: &[u8]) -> Option<u64> {
        // Of 32 bits, so that the sum does not wrap, and one comparison does.
        let start = self.byte as usize;
        let chunk = row.get(start..start.wrapping_add(SLACK))?.first_chunk()?;
        Some(u64::from_le_bytes(*chunk).wrapping_shr(self.shift) & self.mask)
    }
}

/// So many ones: at most [`WIDTH_MAX`].
#[inline]
pub(crate) const fn low_bits(width: u32) -> u64 {
    (1 << width) - 1
}

/// The field of `width` bits at bit `at`; `None` beyond the bytes. `width` is at most [`WIDTH_MAX`].
#[inline]
pub(crate) fn read(row: &[u8], at: u32, width: u32) -> Option<u64> {
    Field::new(at, width).read(row)
}

/// Puts the low `width` bits of `value` at bit `at` of a row that is zero there.
///
/// # Panics
/// When the row with its slack does not reach so far: rows are laid out for their fields.
pub(crate) fn write(row: &mut [u8], at: u32, width: u32, value: u64) {
    debug_assert!(width <= WIDTH_MAX && value < 1 << width, "{value} in {width} bits");
    let byte = (at >> 3) as usize;
    let chunk = row[byte..].first_chunk_mut::<8>().expect("a row has slack behind its last field");
    *chunk = (u64::from_le_bytes(*chunk) | value << (at & 7)).to_le_bytes();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn fields_side_by_side_come_back(fields in prop::collection::vec((0_u32..=WIDTH_MAX, any::<u64>()), 0..30)) {
            let bits: u32 = fields.iter().map(|field| field.0).sum();
            let mut row = vec![0; bits.div_ceil(8) as usize + SLACK];
            let masked: Vec<_> = fields.iter().map(|&(width, value)| (width, value & ((1 << width) - 1))).collect();
            let mut at = 0;
            for &(width, value) in &masked {
                write(&mut row, at, width, value);
                at += width;
            }
            let mut at = 0;
            for &(width, value) in &masked {
                prop_assert_eq!(read(&row, at, width), Some(value));
                at += width;
            }
            prop_assert_eq!(read(&row, bits.next_multiple_of(8) + 8, 1), None);
        }
    }

    #[test]
    fn so_many_codes_need_so_many_bits() {
        let widths = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1 << 34, 34), ((1 << 34) + 1, 35)];
        for (codes, width) in widths {
            assert_eq!(width_of(codes), width, "{codes} codes");
        }
    }
}
