//! [`Generation`]: the number of one immutable built state of a dataset.

use bincode::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Number of one immutable built state.
///
/// Numbers start at 1 and are never used twice for a dataset, also not after a restart or a
/// clean-up. After a roll back the served number is lower than before, so compare with `!=`,
/// not with `<`; the order only tells which was *built* later.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The number that follows this one.
    ///
    /// # Panics
    /// Never in practice: at a million generations a second the numbers last 500,000 years.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("generation numbers do not run out"))
    }
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}
