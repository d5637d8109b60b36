//! [`UsualKey`]: the key of a usual address, on the stack alone.

use super::address::AddressKey;
use super::usual::{USUAL_SIZE_MAX, write_usual};

/// Bytes from the beginning of a usual key on: blocks of 16 bytes can be read wherever in the key they begin.
/// What is behind the key is of others, or zero.
pub(crate) type KeyRoom = [u8; USUAL_SIZE_MAX + 16];

/// The key of an address that is written as nearly all are, if the last one was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsualKey {
    bytes: KeyRoom,
    /// Bytes of the key; 0 where there is none.
    size: usize,
    /// Place of the `@`.
    at: usize,
}

impl UsualKey {
    /// No key yet.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; size_of::<KeyRoom>()], size: 0, at: 0 }
    }

    /// What [`address_key`](super::address_key) makes of a usual address; `None` for any other.
    #[inline]
    pub(crate) fn fill(&mut self, address: &str) -> Option<AddressKey<'_>> {
        self.size = 0;
        self.at = write_usual(address, self.bytes.first_chunk_mut()?)?;
        self.size = address.len();
        self.key()
    }

    /// The key of the last address, if that was usual.
    #[inline]
    pub(crate) fn key(&self) -> Option<AddressKey<'_>> {
        let bytes = self.bytes.get(..self.size).filter(|bytes| !bytes.is_empty())?;
        Some(AddressKey::kept(bytes, self.at))
    }

    /// The bytes of the last key, which was usual, and others behind them.
    #[inline]
    pub(crate) fn room(&self) -> &KeyRoom {
        &self.bytes
    }

    /// Bytes of the key; 0 where there is none.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Place of the `@`.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalize::{KeyBuffer, address_key};

    proptest! {
        #[test]
        fn a_usual_key_is_that_of_its_last_address_or_none(
            addresses in prop::collection::vec("[a-zA-Zäß0-9.@+' -]{0,12}@?[a-zA-Z0-9.-]{0,9}\\.?[a-z]{0,60}", 1..5),
        ) {
            let (mut usual, mut buffer) = (UsualKey::new(), KeyBuffer::new());
            for address in &addresses {
                let is_usual = usual.fill(address).is_some();
                prop_assert_eq!(usual.key().is_some(), is_usual);
                if is_usual {
                    prop_assert_eq!(usual.key(), address_key(address, &mut buffer));
                }
            }
        }
    }
}
