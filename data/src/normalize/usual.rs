//! The short way to the key of an address that is written as nearly all are.

use wide::u8x16;

use super::KeyBuffer;

/// Longest address that goes this way: its marks are the bits of a word. And 64 bytes with a local part before
/// them leave no domain a label of more than 62.
const SIZE_MAX: usize = 64;
/// Bytes that are looked at together.
const STEP: usize = 16;

/// What stands where in an address, one bit a byte.
#[derive(Clone, Copy, Default)]
struct Marks {
    usual: u64,
    at: u64,
    dot: u64,
}

/// The key of an address as nearly all are: at most 64 letters, digits and `.-_`, one `@`, nothing around. None
/// for any other, whatever it is; `out` is then of no use. Returns the place of the `@`.
///
/// Sixteen bytes at a time, the last sixteen of an address over the ones before, so that none are left over.
#[inline]
pub(super) fn append_usual(address: &str, out: &mut KeyBuffer) -> Option<usize> {
    let bytes = address.as_bytes();
    let size = bytes.len();
    let (mut key, mut marks) = ([0; SIZE_MAX], Marks::default());
    if let Some(last) = bytes.last_chunk::<STEP>() {
        let mut start = 0;
        for chunk in bytes.get(..size.min(SIZE_MAX))?.as_chunks::<STEP>().0 {
            fold(*chunk, start, &mut key, &mut marks)?;
            start += STEP;
        }
        fold(*last, size - STEP, &mut key, &mut marks)?;
    } else {
        let mut chunk = [0; STEP];
        chunk.get_mut(..size)?.copy_from_slice(bytes);
        fold(chunk, 0, &mut key, &mut marks)?;
    }
    let Marks { usual, at, dot } = marks;
    let all = u64::MAX.checked_shr(u32::try_from(SIZE_MAX - size).ok()?)?;
    // A dot at the end, or behind another or the `@`: the long way tells what it is.
    let is_usual = usual == all && at.is_power_of_two() && dot & (dot | at) << 1 == 0;
    let ends_well = at & 1 == 0 && (at | dot) & (all ^ all >> 1) == 0;
    if !(is_usual && ends_well) {
        return None;
    }
    // A copy of fixed size needs no loop.
    out.extend_from_slice(&key);
    out.truncate(size);
    Some(at.trailing_zeros() as usize)
}

/// Writes sixteen bytes in lower case, and notes what they are. None beyond the longest address.
#[inline]
fn fold(chunk: [u8; STEP], start: usize, key: &mut [u8; SIZE_MAX], marks: &mut Marks) -> Option<()> {
    let among =
        |bytes: u8x16, first: u8, last: u8| (bytes - u8x16::splat(first)).simd_le(u8x16::splat(last - first));
    let is = |bytes: u8x16, byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let given = u8x16::new(chunk);
    let lower = given | (among(given, b'A', b'Z') & u8x16::splat(0x20));
    let (at, dot) = (is(lower, b'@'), is(lower, b'.'));
    let word = among(lower, b'a', b'z') | among(lower, b'0', b'9') | is(lower, b'-') | is(lower, b'_');
    *key.get_mut(start..)?.first_chunk_mut()? = lower.to_array();
    marks.usual |= u64::from((word | at | dot).to_bitmask()) << start;
    marks.at |= u64::from(at.to_bitmask()) << start;
    marks.dot |= u64::from(dot.to_bitmask()) << start;
    Some(())
}
