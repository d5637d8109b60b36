//! Every interleaving of the shipped `announce` and `observe`, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test -p persondb-shm --release --lib`.
//!
//! Of a slot's 64 words three are modelled: the first, one in the middle and one at the end of what an
//! announcement of one segment fills. The others are of the same kind and would only multiply the states.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use persondb_protocol::Generation;
use persondb_protocol::layout::{AnnouncedSegment, Announcement, word};

use super::{Observed, Words, WordsMut, announce, observe};

/// Words of a slot that exist in the model: number, generation, size of the segment.
const MODELLED: [usize; 3] = [0, 1, 6];
/// The word of a slot that counts segments; always one here.
const COUNT_WORD: usize = 5;

struct Model {
    announcement: AtomicU64,
    slots: [[AtomicU64; MODELLED.len()]; 2],
}

enum Place<'a> {
    Modelled(&'a AtomicU64),
    Constant(u64),
}

impl Model {
    fn new() -> Self {
        let slot = || [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];
        Self { announcement: AtomicU64::new(0), slots: [slot(), slot()] }
    }

    fn place(&self, index: usize) -> Place<'_> {
        if index == word::ANNOUNCEMENT {
            return Place::Modelled(&self.announcement);
        }
        let (slot, offset) =
            ((index - word::SLOT_0) / word::SLOT_WORDS, (index - word::SLOT_0) % word::SLOT_WORDS);
        match MODELLED.iter().position(|&modelled| modelled == offset) {
            Some(i) => Place::Modelled(&self.slots[slot][i]),
            None => Place::Constant(u64::from(offset == COUNT_WORD)),
        }
    }
}

impl Words for Model {
    fn load(&self, index: usize) -> u64 {
        match self.place(index) {
            Place::Modelled(atomic) => atomic.load(Ordering::Relaxed),
            Place::Constant(value) => value,
        }
    }
}

impl WordsMut for Model {
    fn store(&self, index: usize, value: u64) {
        if let Place::Modelled(atomic) = self.place(index) {
            atomic.store(value, Ordering::Relaxed);
        }
    }

    fn store_release(&self, index: usize, value: u64) {
        if let Place::Modelled(atomic) = self.place(index) {
            atomic.store(value, Ordering::Release);
        }
    }
}

/// A writer that is killed after some stores (those that are modelled).
struct Mortal<'a> {
    model: &'a Model,
    left: std::cell::Cell<usize>,
}

impl Mortal<'_> {
    fn lives(&self, index: usize) -> bool {
        if let Place::Constant(_) = self.model.place(index) {
            return true;
        }
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

impl Words for Mortal<'_> {
    fn load(&self, index: usize) -> u64 {
        self.model.load(index)
    }
}

impl WordsMut for Mortal<'_> {
    fn store(&self, index: usize, value: u64) {
        if self.lives(index) {
            self.model.store(index, value);
        }
    }

    fn store_release(&self, index: usize, value: u64) {
        if self.lives(index) {
            self.model.store_release(index, value);
        }
    }
}

/// An announcement whose words all follow from `n`, so that a mixture is seen.
fn numbered(n: u64) -> Announcement {
    Announcement {
        announcement: 0,
        generation: Generation(n * 10),
        announced_at_boot_ns: 0,
        announced_at_wall_ns: 0,
        load_started_boot_ns: 0,
        segments: vec![AnnouncedSegment { size: n * 100, header_checksum: 0 }],
    }
}

/// Announces what its number says.
fn announce_next(words: &impl WordsMut) {
    announce(words, numbered(words.load(word::ANNOUNCEMENT) + 1));
}

/// The number of a whole announcement; panics at a torn one.
fn checked(observed: &Observed) -> Option<u64> {
    match observed {
        Observed::Nothing => Some(0),
        Observed::Busy => None,
        Observed::Corrupt { announcement } => panic!("announcement {announcement} is corrupt"),
        Observed::Whole(whole) => {
            let n = whole.announcement;
            assert_eq!(whole.generation, Generation(n * 10), "torn");
            assert_eq!(whole.segments[0].size, n * 100, "torn");
            Some(n)
        }
    }
}

#[test]
fn no_observation_is_torn_by_announcements_that_reuse_its_slot() {
    loom::model(|| {
        let model = Arc::new(Model::new());
        announce_next(&*model);
        let writer = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                // The second of these writes into the slot that may be being read.
                announce_next(&*model);
                announce_next(&*model);
            })
        };
        let first = checked(&observe(&*model, 2));
        let second = checked(&observe(&*model, 2));
        if let (Some(first), Some(second)) = (first, second) {
            assert!(1 <= first && first <= second && second <= 3, "{first} before {second}");
        }
        writer.join().unwrap();
        assert_eq!(checked(&observe(&*model, 1)), Some(3));
    });
}

#[test]
fn a_writer_killed_after_any_store_leaves_a_whole_announcement_and_its_successor_goes_on() {
    let stores = MODELLED.len() + 1;
    for lived in 0..=stores {
        loom::model(move || {
            let model = Arc::new(Model::new());
            announce_next(&*model);
            announce_next(&*model);
            let writer = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    announce_next(&Mortal { model: &model, left: std::cell::Cell::new(lived) });
                    announce_next(&*model);
                })
            };
            let seen = checked(&observe(&*model, 1));
            assert!(seen.is_none_or(|n| (2..=4).contains(&n)));
            writer.join().unwrap();
            let complete = if lived == stores { 4 } else { 3 };
            assert_eq!(checked(&observe(&*model, 1)), Some(complete));
        });
    }
}
