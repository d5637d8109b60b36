//! The page that says which generation is current: announce and observe.
//!
//! One writer (the daemon), any number of readers that can only read. An announcement is bigger than one
//! word, and readers must never see half of it, whatever happens to the writer; so it is written into one
//! of two slots in turn, and one word says which: the announcement's number.
//!
//! # Interleavings
//!
//! ```text
//! writer, announcement a                        reader
//! W1  word is a-1 (own, or read at take-over)   R1  w = load(word)              relaxed
//! W2  fence(Release)                            R2  fence(Acquire)
//! W3  store slot[a % 2], each word  relaxed     R3  load slot[w % 2], each word relaxed
//! W4  store(word, a)                release     R4  fence(Acquire)
//!                                               R5  load(word) == w ?           relaxed
//! ```
//!
//! 1. **R1 reads what W4 stored.** W4 (release) and R2 (acquire fence) synchronize: R3 sees all of W3, or
//!    something later.
//! 2. **Something later**: only announcement a+2 writes into the same slot, and its W1 comes after the word
//!    became a+1. If any load of R3 sees a store of that later W3, then the fences W2 and R4 synchronize,
//!    so R5 sees a+1 or more: not equal, and the reader tries again. Equal at R5 therefore means
//!    that all of R3 came from announcement a.
//! 3. **The writer is killed** before, between or after the stores of W3: the word still is a-1, and
//!    slot (a-1) % 2 was not touched. Readers see nothing of it. After W4 the announcement is complete.
//! 4. **The next writer** (a restarted daemon) reads the word at W1, finds a-1, and writes slot a % 2
//!    from its first word again. What the dead one left there was never reachable. Its own W1 is ordered
//!    before its W3 by W2 as before, so 2. holds across the two processes.
//! 5. **The word comes back to w** between R1 and R5: it cannot, since the number only grows. (The
//!    *generation* can: a roll back is a new announcement.)
//!
//! # Trade-offs
//!
//! A sequence lock would need one slot only, but a writer killed in the middle leaves it locked. Readers
//! announce nothing, so a reader that is overtaken twice during one observation has to try again; at
//! some thousand announcements a second that is still rare, and [`ObserveError::Busy`] ends it.
//! Nothing here is a read-modify-write: on a read-only page that is a fault.

mod make;
#[cfg(all(test, loom))]
mod model;
mod owner;
mod page;
mod reader;

use std::sync::atomic::Ordering;

use persondb_protocol::layout::{Announcement, word};

use crate::sync::fence;

pub use owner::{AnnounceError, SuperblockError, SuperblockOwner, TakenOver};
pub use reader::{ObserveError, SuperblockMap, Woken};

/// Words of a superblock, as its readers have them. Generic, so that the model checker runs the same code.
pub trait Words {
    /// Loads a word, relaxed.
    fn load(&self, index: usize) -> u64;
}

/// Words of a superblock, as its one writer has them.
pub trait WordsMut: Words {
    /// Stores a word, relaxed.
    fn store(&self, index: usize, value: u64);
    /// Stores a word, with release.
    fn store_release(&self, index: usize, value: u64);
}

/// What a reader saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Nothing was announced yet.
    Nothing,
    /// The current announcement, whole.
    Whole(Announcement),
    /// It changed at every try.
    Busy,
    /// It was whole, and no announcement: damaged.
    Corrupt {
        /// What the announcement word says.
        announcement: u64,
    },
}

/// Reads the current announcement (R1 to R5), at most `tries` times. Each try is some 70 loads.
pub fn observe(words: &impl Words, tries: u32) -> Observed {
    for _ in 0..tries {
        // R1
        let announcement = words.load(word::ANNOUNCEMENT);
        if announcement == 0 {
            return Observed::Nothing;
        }
        // R2: pairs with W4.
        fence(Ordering::Acquire);
        // R3
        let slot = slot(announcement);
        let mut copy = [0; word::SLOT_WORDS];
        for (i, copied) in copy.iter_mut().enumerate() {
            *copied = words.load(slot + i);
        }
        // R4: pairs with W2 of whoever wrote what R3 saw.
        fence(Ordering::Acquire);
        // R5
        if words.load(word::ANNOUNCEMENT) == announcement {
            return match Announcement::from_words(&copy) {
                Some(whole) if whole.announcement == announcement => Observed::Whole(whole),
                _ => Observed::Corrupt { announcement },
            };
        }
    }
    Observed::Busy
}

/// Writes an announcement (W1 to W4). Its number is the one that follows the current word.
///
/// Only one writer at a time; the lock file and the owner's mutex see to that.
pub fn announce(words: &impl WordsMut, mut announcement: Announcement) -> Announcement {
    // W1
    announcement.announcement = words.load(word::ANNOUNCEMENT) + 1;
    // W2: pairs with R4.
    fence(Ordering::Release);
    // W3
    let slot = slot(announcement.announcement);
    for (i, value) in announcement.to_words().into_iter().enumerate() {
        words.store(slot + i, value);
    }
    // W4: pairs with R2.
    words.store_release(word::ANNOUNCEMENT, announcement.announcement);
    announcement
}

/// First word of the slot of an announcement.
fn slot(announcement: u64) -> usize {
    if announcement.is_multiple_of(2) { word::SLOT_0 } else { word::SLOT_0 + word::SLOT_WORDS }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::{Cell, RefCell};

    use persondb_protocol::Generation;
    use persondb_protocol::layout::AnnouncedSegment;

    use super::*;

    /// A page whose writer dies after some stores.
    struct Dying {
        words: RefCell<Vec<u64>>,
        stores_left: Cell<usize>,
    }

    impl Words for Dying {
        fn load(&self, index: usize) -> u64 {
            self.words.borrow()[index]
        }
    }

    impl WordsMut for Dying {
        fn store(&self, index: usize, value: u64) {
            if self.stores_left.get() > 0 {
                self.stores_left.set(self.stores_left.get() - 1);
                self.words.borrow_mut()[index] = value;
            }
        }

        fn store_release(&self, index: usize, value: u64) {
            self.store(index, value);
        }
    }

    fn of(n: u64) -> Announcement {
        Announcement {
            announcement: n,
            generation: Generation(n * 10),
            announced_at_boot_ns: n,
            announced_at_wall_ns: n,
            load_started_boot_ns: n,
            segments: vec![AnnouncedSegment { size: n, header_checksum: n }; 16],
        }
    }

    #[test]
    fn a_writer_killed_after_any_store_announces_all_or_nothing() {
        for lived in 0..=word::SLOT_WORDS + 1 {
            let page =
                Dying { words: RefCell::new(vec![0; word::COUNT]), stores_left: Cell::new(usize::MAX) };
            assert_eq!(observe(&page, 1), Observed::Nothing);
            announce(&page, of(1));
            announce(&page, of(2));
            page.stores_left.set(lived);
            announce(&page, of(3));
            let expected = if lived == word::SLOT_WORDS + 1 { 3 } else { 2 };
            assert_eq!(observe(&page, 1), Observed::Whole(of(expected)), "after {lived} stores");
            page.stores_left.set(usize::MAX);
            announce(&page, of(expected + 1));
            assert_eq!(observe(&page, 1), Observed::Whole(of(expected + 1)), "its successor, after {lived}");
        }
    }

    #[test]
    fn a_damaged_slot_is_corrupt_and_not_an_announcement() {
        let page = Dying { words: RefCell::new(vec![0; word::COUNT]), stores_left: Cell::new(usize::MAX) };
        announce(&page, of(1));
        for (offset, value) in [(0, 7), (5, 17), (5, 0)] {
            let index = slot(1) + offset;
            let whole = std::mem::replace(&mut page.words.borrow_mut()[index], value);
            assert_eq!(observe(&page, 1), Observed::Corrupt { announcement: 1 }, "word {offset} = {value}");
            page.words.borrow_mut()[index] = whole;
        }
        assert_eq!(observe(&page, 1), Observed::Whole(of(1)));
    }
}
