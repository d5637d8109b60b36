//! Digits ↔ numbers: two decimal digits a division, two hexadecimal digits a byte, by tables.

/// Every number below 100 in two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut at = 0_u8;
    while at < 100 {
        pairs[at as usize] = [b'0' + at / 10, b'0' + at % 10];
        at += 1;
    }
    pairs
};

const LOWER: [[u8; 2]; 256] = hex_pairs(b"0123456789abcdef");
const UPPER: [[u8; 2]; 256] = hex_pairs(b"0123456789ABCDEF");

const fn hex_pairs(digits: &[u8; 16]) -> [[u8; 2]; 256] {
    let mut pairs = [[0; 2]; 256];
    let mut at = 0;
    while at < 256 {
        pairs[at] = [digits[at / 16], digits[at % 16]];
        at += 1;
    }
    pairs
}

/// In [`NIBBLES`], beside the value of the digit: it is a letter of that case, or no digit at all.
const LOWER_BIT: u8 = 0x10;
const UPPER_BIT: u8 = 0x20;
const OTHER_BIT: u8 = 0x80;

const NIBBLES: [u8; 256] = {
    let mut nibbles = [OTHER_BIT; 256];
    let mut at = 0_u8;
    while at < 16 {
        nibbles[LOWER[at as usize][1] as usize] = at | if at < 10 { 0 } else { LOWER_BIT };
        nibbles[UPPER[at as usize][1] as usize] = at | if at < 10 { 0 } else { UPPER_BIT };
        at += 1;
    }
    nibbles
};

/// Where the pairs of hexadecimal digits stand in a UUID.
const UUID_PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The last two digits of `number`.
pub(super) fn pair(number: u64) -> [u8; 2] {
    PAIRS[usize::from((number % 100).to_le_bytes()[0])]
}

/// The number that at most 19 digits write; `None` for anything but ASCII digits.
pub(super) fn parse_decimal(mut text: &[u8]) -> Option<u64> {
    let mut number = 0;
    while let Some((eight, rest)) = text.split_first_chunk::<8>() {
        number = number * 100_000_000 + parse_eight(*eight)?;
        text = rest;
    }
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    Some(number)
}

/// Eight digits in one register: neighbours are joined to pairs, the pairs weighed by two products
/// (Daniel Lemire, *Quickly parsing eight digits*, 2018).
fn parse_eight(text: [u8; 8]) -> Option<u64> {
    const PAIRS_OF_FOUR: u64 = 0x0000_00ff_0000_00ff;
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes([b'0'; 8]);
    // A byte above 9 has a bit in its high half, or gets one from 6 more.
    if (digits | digits.wrapping_add(u64::from_le_bytes([6; 8]))) & u64::from_le_bytes([0xf0; 8]) != 0 {
        return None;
    }
    let pairs = digits * 10 + (digits >> 8);
    let outer = (pairs & PAIRS_OF_FOUR).wrapping_mul(100 + (1_000_000 << 32));
    let inner = (pairs >> 16 & PAIRS_OF_FOUR).wrapping_mul(1 + (10_000 << 32));
    Some(outer.wrapping_add(inner) >> 32)
}

/// Appends `number` with zeros in front up to `digits`, which is at most 19.
pub(super) fn write_decimal(mut number: u64, digits: u8, out: &mut Vec<u8>) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    while number >= 100 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&pair(number));
        number /= 100;
    }
    let [tens, ones] = pair(number);
    at -= 1;
    text[at] = ones;
    if number >= 10 {
        at -= 1;
        text[at] = tens;
    }
    out.extend_from_slice(&text[at.min(20 - usize::from(digits))..]);
}

/// 128 bits in hexadecimal digits of one case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hex {
    pub(super) bytes: [u8; 16],
    /// Between the digits, 8-4-4-4-12.
    pub(super) hyphens: bool,
    /// Lower case has a letter among the digits; never together with `upper`.
    pub(super) lower: bool,
    /// Upper case has a letter among the digits.
    pub(super) upper: bool,
}

impl Hex {
    /// `None` unless all of `text` is 32 digits or a UUID in one case.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        let mut kinds = 0;
        let mut take = |byte: &mut u8, high: u8, low: u8| {
            let (high, low) = (NIBBLES[usize::from(high)], NIBBLES[usize::from(low)]);
            kinds |= high | low;
            *byte = high << 4 | low & 0x0f;
        };
        let hyphens = if let Ok(text) = <&[u8; 36]>::try_from(text) {
            for (byte, place) in bytes.iter_mut().zip(UUID_PLACES) {
                take(byte, text[place], text[place + 1]);
            }
            if [text[8], text[13], text[18], text[23]] != [b'-'; 4] {
                return None;
            }
            true
        } else {
            let text = <&[u8; 32]>::try_from(text).ok()?;
            for (byte, digits) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
                take(byte, digits[0], digits[1]);
            }
            false
        };
        let (lower, upper) = (kinds & LOWER_BIT != 0, kinds & UPPER_BIT != 0);
        (kinds & OTHER_BIT == 0 && !(lower && upper)).then_some(Self { bytes, hyphens, lower, upper })
    }
}

/// Appends what [`Hex::parse`] took apart.
pub(super) fn write_hex(bytes: [u8; 16], hyphens: bool, upper: bool, out: &mut Vec<u8>) {
    let pairs = if upper { &UPPER } else { &LOWER };
    let mut text = [b'-'; 36];
    if hyphens {
        for (byte, place) in bytes.into_iter().zip(UUID_PLACES) {
            text[place..place + 2].copy_from_slice(&pairs[usize::from(byte)]);
        }
        out.extend_from_slice(&text);
    } else {
        for (byte, digits) in bytes.into_iter().zip(text.as_chunks_mut::<2>().0) {
            *digits = pairs[usize::from(byte)];
        }
        out.extend_from_slice(&text[..32]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_the_number_that_the_standard_library_reads(
            text in "[0-9]{0,19}", place in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            prop_assert_eq!(parse_decimal(text.as_bytes()).unwrap_or(0), text.parse().unwrap_or(0));
            let mut bytes = text.into_bytes();
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
                prop_assert_eq!(parse_decimal(&bytes).is_some(), byte.is_ascii_digit());
            }
        }

        #[test]
        fn numbers_are_written_as_the_standard_library_writes_them(
            number in 0_u64..10_000_000_000_000_000_000, shift in 0_u32..64, digits in 0_u8..20,
        ) {
            let mut out = Vec::new();
            write_decimal(number >> shift, digits, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("{:01$}", number >> shift, usize::from(digits)));
        }
    }
}
