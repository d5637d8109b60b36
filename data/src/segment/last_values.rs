//! What this thread met last: the address that it compared, the names in it, and names that stand in tails.
//!
//! Whoever finds a person by address usually reads the address next, and it has just been compared with a key, or is
//! that key; then the display name, which is made of the same names. A few buffers a thread: nothing to allocate,
//! and nothing to drop when the thread ends.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Corrupt;
use super::column::short::ShortText;
use super::column::short_names::ShortNames;
use crate::normalize::UsualKey;

/// Names that are kept: given and family name of one person.
const NAME_COUNT: usize = 2;

thread_local! {
    static NAMES: RefCell<[LastName; NAME_COUNT]> =
        const { RefCell::new([const { LastName { of: (0, 0, 0), text: ShortText::new() } }; NAME_COUNT]) };
    static LAST: RefCell<LastEmail> = const {
        RefCell::new(LastEmail { of: (0, 0), text: ShortText::new(), names: ShortNames::unknown() })
    };
}

#[derive(Debug)]
struct LastEmail {
    /// Segment and ordinal of the person; no segment is 0.
    of: (u64, u32),
    text: ShortText,
    /// Of the same person.
    names: ShortNames,
}

#[derive(Debug)]
struct LastName {
    /// Segment, ordinal and column.
    of: (u64, u32, u16),
    text: ShortText,
}

/// A number that no other opened segment of this process has.
pub(super) fn segment_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Has `fill` make the text, whatever it was, the address of a person, and keeps it if `is_meant`. `None` where `fill` gives up.
#[inline]
pub(super) fn keep(
    of: (u64, u32),
    fill: impl FnOnce(&mut ShortNames, &mut ShortText) -> Option<()>,
    is_meant: impl FnOnce(&[u8]) -> bool,
) -> Option<bool> {
    LAST.with_borrow_mut(|last| {
        last.of = (0, 0);
        last.names.forget();
        fill(&mut last.names, &mut last.text)?;
        let is_meant = is_meant(last.text.bytes());
        if is_meant {
            last.of = of;
        }
        Some(is_meant)
    })
}

/// Keeps a key as the address of a person, if `is_meant` says so, which gets their names to find.
#[inline]
pub(super) fn keep_key(
    of: (u64, u32),
    key: &UsualKey,
    is_meant: impl FnOnce(&mut ShortNames) -> Option<bool>,
) -> bool {
    LAST.with_borrow_mut(|last| {
        last.of = (0, 0);
        last.names.forget();
        let is_meant = is_meant(&mut last.names) == Some(true);
        if is_meant {
            last.text.set_key(key);
            last.of = of;
        }
        is_meant
    })
}

/// Appends the address of this person, if it was kept.
#[inline]
pub(super) fn append_to(of: (u64, u32), out: &mut Vec<u8>) -> bool {
    LAST.with_borrow(|last| {
        if last.of == of {
            last.text.append_to(out);
        }
        last.of == of
    })
}

/// Calls `read` with the names of this person, if they were kept, else with none.
#[inline]
pub(super) fn with_names<R>(of: (u64, u32), read: impl FnOnce(&mut ShortNames) -> R) -> R {
    LAST.with_borrow_mut(|last| {
        let mut unknown;
        let names = if last.of == of {
            &mut last.names
        } else {
            unknown = ShortNames::unknown();
            &mut unknown
        };
        read(names)
    })
}

/// Makes `out` the address of this person, if it was kept.
#[inline]
pub(super) fn read_to(of: (u64, u32), out: &mut String) -> Result<bool, Corrupt> {
    LAST.with_borrow(|last| {
        if last.of != of {
            return Ok(false);
        }
        last.text.read_to(out).ok_or_else(not_utf8)?;
        Ok(true)
    })
}

/// Calls `read` with the address of this person, if it was kept.
#[inline]
pub(super) fn read_text<R>(of: (u64, u32), read: impl FnOnce(&str) -> R) -> Result<Option<R>, Corrupt> {
    LAST.with_borrow(|last| {
        if last.of != of {
            return Ok(None);
        }
        Ok(Some(read(last.text.text().ok_or_else(not_utf8)?)))
    })
}

fn not_utf8() -> Corrupt {
    Corrupt::new("a value is not UTF-8")
}

/// Calls `read` with a name of a person, which `fill` decodes where it was not kept. `None` where one of them gives
/// up.
#[inline]
pub(super) fn with_name<R>(
    of: (u64, u32, u16),
    fill: impl FnOnce(&mut ShortText) -> Option<()>,
    read: impl FnOnce(&[u8]) -> Option<R>,
) -> Option<R> {
    NAMES.with_borrow_mut(|names| {
        let last = names.get_mut(usize::from(of.2) % NAME_COUNT)?;
        if last.of != of {
            last.of = (0, 0, 0);
            last.text.clear();
            fill(&mut last.text)?;
            last.of = of;
        }
        read(last.text.bytes())
    })
}
