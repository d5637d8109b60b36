//! Decimal digits as a number: little-endian, in the fewest bytes that hold as many nines.

use std::num::NonZero;

use super::piece::DIGITS_MAX;
use crate::segment::Corrupt;

/// The bytes of digits as one number, little-endian, zeros behind them. In a register: digits written one by one and read
/// as a block would be waited for. There is a digit, so it is not zero.
pub(crate) type Digits = NonZero<u128>;

/// Numbers of so many digits are below.
const ENDS: [u32; DIGITS_MAX as usize + 1] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
/// Digits of the lower part of a number.
const LOWER_COUNT: u32 = 8;
const LOWER_END: u32 = ENDS[LOWER_COUNT as usize];

/// Bytes of a number of so many digits.
pub(super) fn size(count: u8) -> usize {
    [0, 1, 1, 2, 2, 3, 3, 3, 4, 4][usize::from(count)]
}

/// Appends the number that these 1 to 9 digits are.
pub(super) fn write(digits: &str, out: &mut Vec<u8>) {
    let number = digits.bytes().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    let count = u8::try_from(digits.len()).expect("a part has at most 9 digits");
    out.extend_from_slice(&number.to_le_bytes()[..size(count)]);
}

/// Takes a number off the front of `remainder`: its `count` digits, zeros in front included, with zeros behind.
#[expect(clippy::inline_always, reason = "as [`Digits`]: the result of a call goes through memory")]
#[inline(always)]
pub(crate) fn read(count: u8, remainder: &mut &[u8]) -> Result<Digits, Corrupt> {
    let corrupt = || Corrupt::new("number of a template");
    let (bytes, rest) = remainder.split_at_checked(size(count)).ok_or_else(corrupt)?;
    *remainder = rest;
    let number = bytes.iter().rev().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
    if ENDS.get(usize::from(count)).is_none_or(|&end| number >= end) {
        return Err(corrupt());
    }
    let zeros = u128::from_le_bytes([b'0'; 16]) >> (8 * (16 - u32::from(DIGITS_MAX)));
    let digits = u128::from(number / LOWER_END) | u128::from(lower_digits(number % LOWER_END)) << 8;
    // Those in front, of which there are fewer, were zeros.
    NonZero::new((digits | zeros) >> (8 * u32::from(DIGITS_MAX - count))).ok_or_else(corrupt)
}

/// The eight digits of a number, the first one in the lowest byte: halved three times, all parts at once, so that it takes
/// as long however many there are.
#[inline]
fn lower_digits(number: u32) -> u64 {
    let quarters = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    // 10486 / 2²⁰ is a hundredth and 103 / 2¹⁰ a tenth of as many numbers as there are.
    let hundreds = ((quarters * 10_486) >> 20) & 0x7f_0000_007f;
    let pairs = hundreds | (quarters - 100 * hundreds) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (pairs - 10 * tens) << 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_pairs_and_quarters_have_their_digits() {
        for number in (0..10_000).flat_map(|number| [number, 10_000 * number, 10_001 * number]) {
            assert_eq!(
                lower_digits(number) | 0x3030_3030_3030_3030,
                u64::from_le_bytes(*format!("{number:08}").as_bytes().first_chunk().unwrap())
            );
        }
    }

    proptest! {
        #[test]
        fn digits_keep_their_zeros(digits in "[0-9]{1,9}", beyond: u8) {
            let mut bytes = Vec::new();
            write(&digits, &mut bytes);
            prop_assert_eq!(bytes.len(), [1, 1, 2, 2, 3, 3, 3, 4, 4][digits.len() - 1]);
            bytes.push(beyond);
            let mut rest = &bytes[..];
            let read = read(u8::try_from(digits.len()).unwrap(), &mut rest).unwrap();
            let read = read.get().to_le_bytes();
            prop_assert_eq!(&read[..digits.len()], digits.as_bytes());
            prop_assert!(read[digits.len()..].iter().all(|&byte| byte == 0));
            prop_assert_eq!(rest, [beyond]);
        }

        #[test]
        fn numbers_of_more_digits_and_cut_short_are_corrupt(bytes: [u8; 4], count in 1_u8..=9) {
            let mut padded = [0; 4];
            let len = size(count);
            padded[..len].copy_from_slice(&bytes[..len]);
            let fits = u32::from_le_bytes(padded) < 10_u32.pow(count.into());
            prop_assert_eq!(read(count, &mut &bytes[..]).is_ok(), fits);
            prop_assert!(read(count, &mut &bytes[..len - 1]).is_err());
        }
    }
}
