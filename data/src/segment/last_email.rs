//! The address that this thread compared last.
//!
//! Whoever finds a person by address usually reads the address next, and it has just been put together to
//! compare it. One buffer a thread: nothing to allocate, and nothing to drop when the thread ends.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Corrupt;
use super::column::short::ShortText;

thread_local! {
    static LAST: RefCell<LastEmail> = const { RefCell::new(LastEmail { of: (0, 0), text: ShortText::new() }) };
}

#[derive(Debug)]
struct LastEmail {
    /// Segment and ordinal of the person; no segment is 0.
    of: (u64, u32),
    text: ShortText,
}

/// A number that no other opened segment of this process has.
pub(super) fn segment_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Has `fill` put together the address of a person, and keeps it if `is_meant`. `None` where `fill` gives up.
#[inline]
pub(super) fn keep(
    of: (u64, u32),
    fill: impl FnOnce(&mut ShortText) -> Option<()>,
    is_meant: impl FnOnce(&[u8]) -> bool,
) -> Option<bool> {
    LAST.with_borrow_mut(|last| {
        last.of = (0, 0);
        last.text.clear();
        fill(&mut last.text)?;
        let is_meant = is_meant(last.text.bytes());
        if is_meant {
            last.of = of;
        }
        Some(is_meant)
    })
}

/// Calls `read` with the address of this person, if it was kept.
#[inline]
pub(super) fn read<R>(of: (u64, u32), read: impl FnOnce(&str) -> R) -> Result<Option<R>, Corrupt> {
    LAST.with_borrow(|last| {
        if last.of != of {
            return Ok(None);
        }
        let text = last.text.text().ok_or_else(|| Corrupt::new("a value is not UTF-8"))?;
        Ok(Some(read(text)))
    })
}
