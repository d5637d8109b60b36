//! What stays between messages: one for each thread, so that a match allocates nothing but its answer.

use std::cell::Cell;

use super::{Buffers, NameKeys};
use crate::normalize::names::Name;

/// What one message needs besides its answer.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) buffers: Buffers,
    /// The name that is asked for. None grows beyond some ten KiB, as 1,024 bytes of one are read.
    pub(crate) asked: Name,
    /// What it is looked up by.
    pub(crate) keys: NameKeys,
    /// Those that it is compared with.
    pub(crate) other: Name,
}

/// Buffers that have grown beyond this are not kept.
const KEPT_MAX: usize = 64 << 10;

/// Runs `work` with the thread's buffers, or with new ones where they are in use.
pub(crate) fn with_buffers<R>(work: impl FnOnce(&mut Kept) -> R) -> R {
    thread_local! {
        static KEPT: Cell<Option<Box<Kept>>> = const { Cell::new(None) };
    }
    let mut kept = KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let result = work(&mut kept);
    if kept.buffers.capacity() <= KEPT_MAX {
        // A thread that ends has no place for them any more; then they are freed.
        let _ = KEPT.try_with(|place| place.set(Some(kept)));
    }
    result
}
