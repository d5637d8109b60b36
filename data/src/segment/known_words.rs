//! What words of people mean, kept by their code: nearly everybody is an active person of no importance.

use persondb_protocol::answer::{AccountStatus, Kind};

use crate::input::Vip;

/// Codes whose meaning is kept: the most frequent words have the least.
const CODES_MAX: usize = 8;

/// The words that were read of rows of one schema.
#[derive(Debug, Default)]
pub(super) struct KnownWords {
    /// Segment and schema; no segment is 0.
    of: (u64, u16),
    pub(super) kind: Known<Kind>,
    pub(super) vip: Known<Vip>,
    pub(super) status: Known<AccountStatus>,
}

/// What the words of one column mean, by code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<T>([Option<T>; CODES_MAX]);

impl<T: Copy> Default for Known<T> {
    fn default() -> Self {
        Self([None; CODES_MAX])
    }
}

impl KnownWords {
    /// Forgets what codes mean in rows of another schema.
    #[inline]
    pub(super) fn turn_to(&mut self, of: (u64, u16)) {
        if self.of != of {
            *self = Self { of, ..Self::default() };
        }
    }
}

impl<T: Copy> Known<T> {
    #[inline]
    pub(super) fn get(&self, code: u64) -> Option<T> {
        usize::try_from(code).ok().and_then(|code| *self.0.get(code)?)
    }

    #[inline]
    pub(super) fn keep(&mut self, code: u64, meaning: T) {
        if let Some(place) = usize::try_from(code).ok().and_then(|code| self.0.get_mut(code)) {
            *place = Some(meaning);
        }
    }
}
