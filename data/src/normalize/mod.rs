//! Text to keys: the rules `norm_v1`.
//!
//! A *key* is the form of an address, a domain or a name under which it is indexed and looked up. Builder and
//! reader call the same functions here, so a record is found by every spelling that has its key, and the
//! fingerprints in the segment are taken over these bytes.
//!
//! | key | function | rule | example |
//! |---|---|---|---|
//! | address | [`address_key`] | wrappers and needless quotes off; local part canonical case fold + NFC; domain as below | `<Jane@BÜCHER.example.>` → `jane@xn--bcher-kva.example` |
//! | domain | [`domain_key`] | UTS #46 to A-labels, lower case, no trailing dot | `Bücher.example` → `xn--bcher-kva.example` |
//! | sub-address stripped | [`strip_subaddress`] | address key cut at the separator | `jane+shop@a.example` → `jane@a.example` |
//! | dots ignored | [`strip_dots`] | address key without dots in the local part | `j.doe@a.example` → `jdoe@a.example` |
//! | folded name | [`folded_name`] | NFKC, case fold, marks and apostrophes off, punctuation to blanks | `Renée  D'Souza` → `renee dsouza` |
//! | German form | [`german_form`] | folded, but ä → ae, ö → oe, ü → ue | `Jürgen Groß` → `juergen gross` |
//!
//! How alike two names are, and under which keys such a name is found, is in [`names`].
//!
//! # Trade-offs
//!
//! - **The caller's buffer.** Every function writes into a [`KeyBuffer`] that the caller keeps: these functions run
//!   on each look-up and several times for each row of a build. ASCII text, and names of 256 bytes in any
//!   script, allocate nothing; an address with other letters may.
//! - **Keys are a format.** They are in the segment, so a change of any rule *or of the Unicode tables* wants a new
//!   norm version or another [`UNICODE_VERSION`]. A test holds a digest of the keys of all characters.
//! - **Limits.** No address or domain key is longer than [`ADDRESS_KEY_BYTES_MAX`] and no name key longer than
//!   [`NAME_KEY_BYTES_MAX`] bytes, whatever comes in. Work is linear in the input up to these limits (the decoder of
//!   domain labels is quadratic in one label, within them).

mod address;
mod domain;
pub mod names;
#[cfg(test)]
mod properties;
mod usual;
mod usual_key;

pub use address::{
    ADDRESS_KEY_BYTES_MAX, AddressKey, address_key, address_key_equals, strip_dots, strip_subaddress,
};
pub use domain::domain_key;
pub use names::{NAME_KEY_BYTES_MAX, folded_name, german_form};
pub(crate) use usual::{equals_lower, is_usual_address};
pub(crate) use usual_key::{KeyRoom, UsualKey};

/// Where a key is written: UTF-8 bytes, on the stack up to 256 of them, which every address and usual name fits.
///
/// Keep one and pass it again and again: the functions clear it first, and one that has grown stays grown.
pub type KeyBuffer = smallvec::SmallVec<[u8; 256]>;

/// Version (major, minor, patch) of the Unicode tables behind these keys.
///
/// Segments record it: keys of two versions can differ for characters that the older one does not know.
pub const UNICODE_VERSION: (u8, u8, u8) = (18, 0, 0);

/// A seed for each number, made of one: they differ in all bits, so that what is hashed under one of them says nothing
/// of what is hashed under another (2^64 by the golden ratio: Knuth, *Sorting and Searching*, 6.4).
#[inline]
pub(crate) fn spread_seed(seed: u64, number: u64) -> u64 {
    seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Appends text of the Unicode crates to a buffer.
struct Sink<'b>(&'b mut KeyBuffer);

impl std::fmt::Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
