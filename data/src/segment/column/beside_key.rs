//! [`BesideKey`]: a value compared with a key piece by piece, where the pieces and the key stand.
//!
//! A value that is put together first, to be compared as one, is read by other words than its pieces were written, and
//! the processor waits for them. And of a value that is the key nothing needs to be put together at all.

use wide::u8x16;

use super::dictionary::{OWN_SLUG, SLOT_DOMAINS};
use crate::normalize::KeyRoom;

/// Bytes of a piece that are compared together.
pub(super) const BLOCK: usize = 16;
/// No place in a usual key is greater; so the places need no check.
const PLACE_MASK: usize = 63;
// So there is a block at each of them: what cannot be read would count as the same.
const _: () = assert!(PLACE_MASK + BLOCK <= size_of::<KeyRoom>());

/// Bytes that count, then bytes that do not.
static ONES: [u8; 4 * BLOCK] = {
    let mut bytes = [0; 4 * BLOCK];
    let mut at = 0;
    while at < 2 * BLOCK {
        bytes[at] = u8::MAX;
        at += 1;
    }
    bytes
};

/// All but the first byte.
const BEHIND_SIZE: u8x16 =
    u8x16::new([0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]);

/// A key, and how far it was compared.
#[derive(Debug)]
pub(crate) struct BesideKey<'k> {
    key: &'k KeyRoom,
    at: usize,
    /// All differences so far.
    differs: u8x16,
}

impl<'k> BesideKey<'k> {
    /// Nothing was compared yet.
    #[inline]
    pub(crate) fn new(key: &'k KeyRoom) -> Self {
        Self { key, at: 0, differs: u8x16::ZERO }
    }

    /// Compares the first `size` bytes of a block with what comes next: all of them, if there are not so many.
    #[expect(clippy::inline_always, reason = "with it the differences stay in a register")]
    #[inline(always)]
    pub(super) fn next(&mut self, block: u8x16, size: usize) {
        self.compare(block, self.at, ones((2 * BLOCK).wrapping_sub(size)));
        self.at = self.at.wrapping_add(size);
    }

    /// Whether all was the same, up to the `@` that is there, and a domain in its slot is all that is behind it, of `size`
    /// bytes in all.
    #[expect(clippy::inline_always, reason = "with it the differences stay in a register")]
    #[inline(always)]
    pub(crate) fn ends(mut self, at: usize, slot: &[u8; SLOT_DOMAINS], size: usize) -> bool {
        // In the slot the size of the domain stands where the key has its `@`.
        let end = 1 + usize::from(slot[0] & !OWN_SLUG);
        if self.at != at || at + end != size || end > SLOT_DOMAINS {
            return false;
        }
        let (blocks, _) = slot.as_chunks::<BLOCK>();
        for (number, block) in blocks.iter().enumerate() {
            let counted = ones(2 * BLOCK + BLOCK * number - end);
            let counted = if number == 0 { counted & BEHIND_SIZE } else { counted };
            self.compare(u8x16::new(*block), at + BLOCK * number, counted);
        }
        self.differs == u8x16::ZERO
    }

    #[inline]
    fn compare(&mut self, block: u8x16, at: usize, counted: u8x16) {
        if let Some(there) = self.key.get(at & PLACE_MASK..).and_then(<[u8]>::first_chunk) {
            self.differs |= (block ^ u8x16::new(*there)) & counted;
        }
    }
}

/// The block of [`ONES`] that begins there.
#[inline]
fn ones(at: usize) -> u8x16 {
    ONES.get(at..).and_then(<[u8]>::first_chunk).map_or(u8x16::splat(u8::MAX), |ones| u8x16::new(*ones))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalize::UsualKey;

    /// A block that begins with the piece, and others behind it.
    fn block(piece: &str, junk: u8) -> u8x16 {
        let mut block = [junk; BLOCK];
        block[..piece.len()].copy_from_slice(piece.as_bytes());
        u8x16::new(block)
    }

    fn slot(domain: &str, mark: u8) -> [u8; SLOT_DOMAINS] {
        let mut slot = [0; SLOT_DOMAINS];
        slot[0] = u8::try_from(domain.len()).unwrap() | mark;
        slot[1..=domain.len()].copy_from_slice(domain.as_bytes());
        slot
    }

    /// Whether an address is met as these pieces, an `@` and this domain. Keys of before leave their bytes in the room.
    fn is_met(before: &str, address: &str, pieces: &[String], slot: &[u8; SLOT_DOMAINS], junk: u8) -> bool {
        let mut key = UsualKey::new();
        key.fill(before);
        key.fill(address).unwrap();
        let mut beside = BesideKey::new(key.room());
        for piece in pieces {
            beside.next(block(piece, junk), piece.len());
        }
        beside.ends(key.at(), slot, key.size())
    }

    /// All usual addresses that are one byte away: another, one less, one more.
    fn neighbours(address: &str) -> Vec<String> {
        let mut all = Vec::new();
        for at in 0..=address.len() {
            let (start, end) = address.split_at(at);
            for byte in ["a", "z", "0", ".", "-", "@"] {
                all.push(format!("{start}{byte}{end}"));
                all.push(format!("{start}{byte}{}", end.get(1..).unwrap_or_default()));
            }
            all.push(format!("{start}{}", end.get(1..).unwrap_or_default()));
        }
        all.retain(|other| other != address && UsualKey::new().fill(other).is_some());
        all
    }

    proptest! {
        #[test]
        fn a_key_is_met_by_its_own_pieces_and_domain_alone(
            pieces in prop::collection::vec("[a-z0-9]{0,16}", 1..4), domain in "[a-z0-9-]{1,9}\\.[a-z]{2,21}",
            before in "[a-z]{1,30}@[a-z]{1,20}\\.example", mark in prop::sample::select(vec![0, OWN_SLUG]), junk: u8,
        ) {
            let address = format!("{}@{domain}", pieces.concat());
            prop_assume!(UsualKey::new().fill(&address).is_some());
            let slot = slot(&domain, mark);
            prop_assert!(is_met(&before, &address, &pieces, &slot, junk));
            for other in neighbours(&address) {
                prop_assert!(!is_met(&before, &other, &pieces, &slot, junk), "{} is not {}", other, address);
            }
        }
    }

    #[test]
    fn a_slot_that_does_not_hold_its_domain_meets_nothing() {
        let address = format!("jane@{}.example", "d".repeat(23));
        let pieces = ["jane".to_owned()];
        let mut full = slot(&address[5..], 0);
        assert_eq!(full[0], 31);
        assert!(is_met("", &address, &pieces, &full, 0));
        // Longer ones stand elsewhere: the slot says where.
        for size in [32, 63, 127, 255] {
            full[0] = size;
            assert!(!is_met("", &address, &pieces, &full, 0));
        }
        // Neither where the key has as many bytes as the slot claims.
        let longer = format!("{address}s");
        full[0] = 32;
        assert!(!is_met("", &longer, &pieces, &full, 0));
    }
}
