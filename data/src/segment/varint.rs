//! LEB128 for 32-bit numbers: seven bits a byte, lowest first (the encoding of DWARF and protobuf).

/// Appends `value`.
pub(crate) fn write(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Takes a number off the front of `bytes`; `None` when it is cut short or over 32 bits.
pub(crate) fn read(bytes: &mut &[u8]) -> Option<u32> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    if first < 0x80 {
        return Some(u32::from(first));
    }
    let mut value = u32::from(first & 0x7f);
    for shift in [7, 14, 21, 28] {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if shift == 28 && byte > 0x0f {
            return None;
        }
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(value in any::<u32>(), shift in 0_u32..32) {
            for value in [value >> shift, 0, u32::MAX] {
                let mut out = Vec::new();
                write(value, &mut out);
                let mut rest = &out[..];
                prop_assert_eq!(read(&mut rest), Some(value));
                prop_assert!(rest.is_empty());
                prop_assert_eq!(read(&mut &out[..out.len() - 1]), None);
            }
        }
    }

    #[test]
    fn numbers_over_32_bits_are_not_read() {
        assert_eq!(read(&mut &[0xff, 0xff, 0xff, 0xff, 0x0f][..]), Some(u32::MAX));
        assert_eq!(read(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None);
        assert_eq!(read(&mut &[0xff, 0xff, 0xff, 0xff, 0x8f][..]), None);
    }
}
