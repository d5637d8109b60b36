//! Rows to bytes to answers: both halves of every structure side by side.
//!
//! | module | its part of a row's journey |
//! |---|---|
//! | [`input`] | CSV bytes → rows → typed people, aliases, domains; what bad input gets |
//! | [`normalize`] | text → keys (`norm_v1`), the same functions for builder and reader |
//! | [`message`] | headers of a message → mailboxes; domains that imitate others |
//! | [`segment`] | every structure of a segment: its encoder and its bounds-checked reader |
//! | [`builder`] | rows → segment, in two passes on all cores |
//!
//! Readers take `&[u8]`, so all of it works on shared memory, a file or a test's vector alike.
#![forbid(unsafe_code)]

pub mod builder;
pub mod input;
pub mod matching;
pub mod message;
pub mod normalize;
pub mod segment;
