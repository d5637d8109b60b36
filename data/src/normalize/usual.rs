//! The short way to the key of an address that is written as nearly all are.

use wide::u8x16;

/// Longest address that goes this way: its marks are the bits of a word. And 64 bytes with a local part before
/// them leave no domain a label of more than 62.
pub(super) const USUAL_SIZE_MAX: usize = 64;
/// Bytes that are looked at together.
const STEP: usize = 16;

/// What stands where in an address, one bit a byte.
#[derive(Clone, Copy, Default)]
struct Marks {
    usual: u64,
    at: u64,
    dot: u64,
    hyphen: u64,
    underscore: u64,
    digit: u64,
}

/// The key of an address as nearly all are: at most 64 letters, digits and `.-_`, one `@`, nothing around. None
/// for any other, whatever it is; `out` is then of no use. Returns the place of the `@`; the key is as long as the
/// address.
#[inline]
pub(super) fn write_usual(address: &str, out: &mut [u8; USUAL_SIZE_MAX]) -> Option<usize> {
    let (Marks { at, .. }, _) = marks(address, |start, lower| {
        *out.get_mut(start..)?.first_chunk_mut()? = lower;
        Some(())
    })?;
    Some(at.trailing_zeros() as usize)
}

/// Whether the address is as nearly all are, and its domain one of a directory
/// ([`check_address`](crate::input::values::check_address)): what it says of others it does not say of this one.
#[inline]
pub(crate) fn is_usual_address(address: &str) -> bool {
    let Some((marks, all)) = marks(address, |_, _| Some(())) else { return false };
    let Marks { at, dot, hyphen, underscore, digit, .. } = marks;
    // Bits above that of the `@`.
    let domain = all & !(at | (at - 1));
    let dots = dot & domain;
    if dots == 0 || underscore & domain != 0 {
        return false;
    }
    // Labels neither begin nor end with a hyphen, and two of them are for `xn--`.
    let ends = dot >> 1 | all ^ all >> 1;
    let begins = (dot | at | hyphen) << 1;
    let last_label = u64::MAX << dots.ilog2() << 1 & all;
    hyphen & domain & (begins | ends) == 0 && last_label & !digit != 0
}

/// Whether `lower` is the text but for capitals of ASCII; of its own it has none. Sixteen bytes at a time, as
/// [`marks`] reads them.
#[inline]
pub(crate) fn equals_lower(text: &[u8], lower: &[u8]) -> bool {
    if text.len() != lower.len() {
        return false;
    }
    let (Some(last), Some(last_lower)) = (text.last_chunk::<STEP>(), lower.last_chunk::<STEP>()) else {
        return text.eq_ignore_ascii_case(lower);
    };
    let differs = |text: &[u8; STEP], lower: &[u8; STEP]| {
        let lower = u8x16::new(*lower);
        let is_letter = (lower - u8x16::splat(b'a')).simd_le(u8x16::splat(b'z' - b'a'));
        (u8x16::new(*text) ^ lower) & !(is_letter & u8x16::splat(0x20))
    };
    let mut all = differs(last, last_lower);
    if text.len() <= 3 * STEP {
        // Without asking how many steps those are: some overlap.
        for start in [0, STEP.min(text.len() - STEP)] {
            let chunk = |bytes: &[u8]| bytes.get(start..).and_then(<[u8]>::first_chunk).copied();
            let (Some(text), Some(lower)) = (chunk(text), chunk(lower)) else { return false };
            all |= differs(&text, &lower);
        }
    } else {
        for (text, lower) in text.as_chunks().0.iter().zip(lower.as_chunks().0) {
            all |= differs(text, lower);
        }
    }
    all == u8x16::ZERO
}

/// What stands where, and a bit for each byte, where the address is usual as far as keys go. `keep` gets place and
/// bytes of each step in lower case, and may stop it.
///
/// Sixteen bytes at a time, the last sixteen of an address over the ones before, so that none are left over.
#[inline]
fn marks(address: &str, mut keep: impl FnMut(usize, [u8; STEP]) -> Option<()>) -> Option<(Marks, u64)> {
    let bytes = address.as_bytes();
    let size = bytes.len();
    let mut marks = Marks::default();
    if let Some(last) = bytes.last_chunk::<STEP>() {
        if size <= 3 * STEP {
            // Without asking how many steps those are: some overlap.
            for start in [0, STEP.min(size - STEP)] {
                keep(start, mark(*bytes.get(start..)?.first_chunk()?, start, &mut marks))?;
            }
        } else {
            for (step, chunk) in bytes.get(..size.min(USUAL_SIZE_MAX))?.as_chunks().0.iter().enumerate() {
                keep(STEP * step, mark(*chunk, STEP * step, &mut marks))?;
            }
        }
        // Of a longer one this is beyond the bits.
        let start = size - STEP;
        if start >= USUAL_SIZE_MAX {
            return None;
        }
        keep(start, mark(*last, start, &mut marks))?;
    } else {
        let mut chunk = [0; STEP];
        chunk.get_mut(..size)?.copy_from_slice(bytes);
        keep(0, mark(chunk, 0, &mut marks))?;
    }
    let Marks { usual, at, dot, .. } = marks;
    let all = u64::MAX.checked_shr(u32::try_from(USUAL_SIZE_MAX.checked_sub(size)?).ok()?)?;
    // A dot at the end, or behind another or the `@`: the long way tells what it is.
    let is_usual = usual == all && at.is_power_of_two() && dot & (dot | at) << 1 == 0;
    let ends_well = at & 1 == 0 && (at | dot) & (all ^ all >> 1) == 0;
    (is_usual && ends_well).then_some((marks, all))
}

/// Notes what sixteen bytes are; returns them in lower case.
#[inline]
fn mark(chunk: [u8; STEP], start: usize, marks: &mut Marks) -> [u8; STEP] {
    let among =
        |bytes: u8x16, first: u8, last: u8| (bytes - u8x16::splat(first)).simd_le(u8x16::splat(last - first));
    let is = |bytes: u8x16, byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let bits = |bytes: u8x16| u64::from(bytes.to_bitmask()) << start;
    let given = u8x16::new(chunk);
    // The bit that makes lower case of a letter makes no other byte a letter.
    let is_letter = among(given | u8x16::splat(0x20), b'a', b'z');
    let lower = given | (is_letter & u8x16::splat(0x20));
    let (at, dot) = (is(lower, b'@'), is(lower, b'.'));
    let (hyphen, underscore, digit) = (is(lower, b'-'), is(lower, b'_'), among(lower, b'0', b'9'));
    // Hyphen, dot, slash and digits stand side by side.
    let marks_and_digits = among(lower, b'-', b'9') & !is(lower, b'/');
    marks.usual |= bits(is_letter | marks_and_digits | underscore | at);
    marks.at |= bits(at);
    marks.dot |= bits(dot);
    marks.hyphen |= bits(hyphen);
    marks.underscore |= bits(underscore);
    marks.digit |= bits(digit);
    lower.to_array()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{equals_lower, is_usual_address};
    use crate::input::values::is_domain;

    /// Each of the rules, and the near miss.
    #[test]
    fn usual_addresses_keep_the_rules_of_domains() {
        for usual in ["a@b.co", "jane.doe@corp.example", "A_b-1@x-y.z1.museum", "a@1.2.c3", "-_@b-c.de"] {
            assert!(is_usual_address(usual), "{usual}");
            assert!(usual.rsplit_once('@').is_some_and(|(_, domain)| is_domain(domain)), "{usual}");
        }
        for other in [
            "",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a@b.",
            "a@.b.c",
            "a@b..c",
            "a@b_c.de",
            "a@-b.de",
            "a@b-.de",
            "a@b.-de",
            "a@b.de-",
            "a@b.1",
            "a@b.12",
            "a@xn--b.de",
            "a@b@c.de",
            "a b@c.de",
            "ä@b.de",
            "a+b@c.de",
        ] {
            assert!(!is_usual_address(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_text_equals_its_lower_case_and_nothing_else(text in "[@-Z`-z\\[{ä0-9.-]{0,50}", at: prop::sample::Index, bits in 1_u8..) {
            let lower = text.to_ascii_lowercase().into_bytes();
            prop_assert!(equals_lower(text.as_bytes(), &lower));
            prop_assert!(!equals_lower(&[text.as_bytes(), b"a"].concat(), &lower));
            if !lower.is_empty() {
                let mut other = text.into_bytes();
                let at = at.index(other.len());
                other[at] ^= bits;
                prop_assert_eq!(equals_lower(&other, &lower), other.eq_ignore_ascii_case(&lower));
            }
        }

        #[test]
        fn what_is_usual_is_an_address(text in "[a-zA-Z0-9._@-]{0,20}@?[a-z0-9._-]{0,20}(\\.[a-z0-9-]{1,30})?") {
            let is_address = text.rsplit_once('@').is_some_and(|(_, domain)| is_domain(domain));
            prop_assert!(is_address || !is_usual_address(&text), "{}", text);
        }
    }
}
