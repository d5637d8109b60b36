//! All that two `PersonDB` processes agree on: the byte layout of what they share, the names under
//! which they find it, and the frames they exchange. Safe code, no I/O.
//!
//! | module | what it fixes |
//! |---|---|
//! | [`generation`] | the number of one immutable built state |
//! | [`name`] | dataset + generation → shared-memory names (the only formatter) |
//! | [`layout`] | superblock, segment header, section table; versions |
//! | [`answer`] | what a look-up gives: found, absent, cannot say |
//! | [`matching`] | what a match of a message gives: evidence about its addresses and its sender's name |
//! | [`status`] | what the daemon tells about itself |
//! | [`control`] | requests, replies, announcements |
//! | [`codec`] | their bytes on the socket, and the limits |
//! | [`places`] | where the control socket can be |
//! | [`text`], [`few`] | text of an answer, mostly short; its lists, mostly empty |
//! | [`prefetch`] | bytes that can be asked for before they are read |
#![forbid(unsafe_code)]

pub mod answer;
pub mod codec;
pub mod control;
pub mod few;
pub mod generation;
pub mod layout;
pub mod matching;
pub mod name;
pub mod places;
pub mod prefetch;
pub mod status;
pub mod text;

pub use few::Few;
pub use generation::Generation;
pub use name::{DatasetName, ShmName};
pub use prefetch::Prefetch;
pub use text::Text;
