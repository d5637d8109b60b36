//! [`Blocks`]: text that grows by blocks of fixed size, of which the first bytes are meant.
//!
//! A block is copied whole and cut, so no copy asks how long a piece is. And no piece is read again once it is written:
//! a value that was put together in one place, to be checked and copied from there, would be waited for until the
//! processor has written all of its pieces.

/// What a value is put together in.
pub(crate) trait Blocks {
    /// Appends the first `size` bytes of a block; `None` where that cannot be told without looking closer, and whatever
    /// behind what was there before.
    fn push_block<const N: usize>(&mut self, block: &[u8; N], size: usize) -> Option<()>;
}

impl Blocks for Vec<u8> {
    #[inline]
    fn push_block<const N: usize>(&mut self, block: &[u8; N], size: usize) -> Option<()> {
        let end = self.len() + size.min(N);
        self.extend_from_slice(block);
        self.truncate(end);
        Some(())
    }
}

/// Blocks have to be UTF-8 as a whole.
impl Blocks for String {
    #[inline]
    fn push_block<const N: usize>(&mut self, block: &[u8; N], size: usize) -> Option<()> {
        let end = self.len() + size.min(N);
        self.push_str(smoothutf8::from_utf8(block)?);
        if !self.is_char_boundary(end) {
            return None;
        }
        self.truncate(end);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_are_cut_and_text_stays_text(
            before in ".{0,5}", text in "[a-zé李]{0,16}", broken in prop::option::of(0_usize..16), size in 0_usize..=16,
        ) {
            let mut block = [0; 16];
            let whole = text.len().min(16);
            block[..whole].copy_from_slice(&text.as_bytes()[..whole]);
            if let Some(at) = broken {
                block[at] = 0xff;
            }
            let mut bytes = before.clone().into_bytes();
            prop_assert!(bytes.push_block(&block, size).is_some());
            prop_assert_eq!(&bytes, &[before.as_bytes(), &block[..size]].concat());
            let mut string = before.clone();
            if string.push_block(&block, size).is_some() {
                prop_assert_eq!(string.as_bytes(), bytes);
            } else {
                prop_assert!(!block.is_ascii());
                prop_assert!(string.starts_with(&before));
            }
        }
    }
}
