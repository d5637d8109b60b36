//! Words of a row as typed values; what is blank or unknown has the default (and was warned about).

use persondb_protocol::answer::{AccountStatus, Kind};

use crate::input;

/// Kind of mailbox.
pub(super) fn kind(word: &str) -> Kind {
    input::kind_of_word(word.trim()).unwrap_or_default()
}

/// Account status.
pub(super) fn status(word: &str) -> AccountStatus {
    input::status_of_word(word.trim()).unwrap_or_default()
}

/// 0 to 3.
pub(super) fn vip(word: &str) -> u8 {
    input::Vip::of_word(word.trim()).unwrap_or_default().level()
}
