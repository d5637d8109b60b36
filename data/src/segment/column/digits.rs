//! Decimal digits as a number: little-endian, in the fewest bytes that hold as many nines.

use super::piece::DIGITS_MAX;
use crate::segment::Corrupt;

/// Digits, with zeros behind.
pub(crate) type Digits = [u8; DIGITS_MAX as usize];

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
#[inline]
pub(crate) fn read(count: u8, remainder: &mut &[u8]) -> Result<Digits, Corrupt> {
    let corrupt = || Corrupt::new("number of a template");
    let (bytes, rest) = remainder.split_at_checked(size(count)).ok_or_else(corrupt)?;
    *remainder = rest;
    let mut number = bytes.iter().rev().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
    let mut digits = [0; DIGITS_MAX as usize];
    for digit in digits.iter_mut().take(usize::from(count)).rev() {
        *digit = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
    }
    if number == 0 { Ok(digits) } else { Err(corrupt()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_keep_their_zeros(digits in "[0-9]{1,9}", beyond: u8) {
            let mut bytes = Vec::new();
            write(&digits, &mut bytes);
            prop_assert_eq!(bytes.len(), [1, 1, 2, 2, 3, 3, 3, 4, 4][digits.len() - 1]);
            bytes.push(beyond);
            let mut rest = &bytes[..];
            let read = read(u8::try_from(digits.len()).unwrap(), &mut rest).unwrap();
            prop_assert_eq!(&read[..digits.len()], digits.as_bytes());
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
