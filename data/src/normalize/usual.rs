//! The short way to the key of an address that is written as nearly all are.

use super::KeyBuffer;

/// The key of an address as nearly all are: at most 64 letters, digits and `.-_`, one `@`, nothing around. None
/// for any other, whatever it is; `out` is then of no use. Returns the place of the `@`.
///
/// Blocks of fixed size become vector code without a loop for what is left over.
#[inline]
pub(super) fn append_usual(address: &str, out: &mut KeyBuffer) -> Option<usize> {
    let bytes = address.as_bytes();
    // 64 bytes with a local part before them leave no domain a label of more than 62.
    let mut block = [b'a'; 64];
    block.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let at = match block.first_chunk_mut::<32>() {
        Some(half) if bytes.len() <= 32 => fold_usual(half)?,
        _ => fold_usual(&mut block)?,
    };
    let folded = block.get(..bytes.len())?;
    out.extend_from_slice(folded);
    // The block is filled up with letters, so an `@` at its end has an empty domain that looks like one.
    let is_domain =
        at > 0 && at + 1 < folded.len() && folded[at + 1] != b'.' && folded[folded.len() - 1] != b'.';
    is_domain.then_some(at)
}

/// Lower-cases; the place of the `@` when there is nothing but usual bytes, one `@`, and no two dots side by side.
#[inline]
fn fold_usual<const N: usize>(block: &mut [u8; N]) -> Option<usize> {
    for byte in block.iter_mut() {
        *byte |= u8::from(byte.wrapping_sub(b'A') < 26) << 5;
    }
    let (mut strange, mut ats, mut dots) = (0_u8, [0_u8; N], [0_u8; N]);
    for ((byte, at), dot) in block.iter().zip(&mut ats).zip(&mut dots) {
        *at = u8::from(*byte == b'@');
        *dot = u8::from(*byte == b'.');
        let is_usual = u8::from(byte.wrapping_sub(b'a') < 26)
            | u8::from(byte.wrapping_sub(b'0') < 10)
            | u8::from(*byte == b'-')
            | u8::from(*byte == b'_')
            | *at
            | *dot;
        strange |= is_usual ^ 1;
    }
    let (mut found, mut count, mut before, mut pairs) = (None, 0, 0_u64, 0_u64);
    for (number, (at, dot)) in ats.as_chunks::<8>().0.iter().zip(dots.as_chunks::<8>().0).enumerate() {
        let (at, dot) = (u64::from_le_bytes(*at), u64::from_le_bytes(*dot));
        if at != 0 {
            count += at.count_ones();
            found = Some(number * 8 + (at.trailing_zeros() / 8) as usize);
        }
        pairs |= dot & (dot << 8 | before >> 56);
        before = dot;
    }
    found.filter(|_| strange == 0 && count == 1 && pairs == 0)
}
