//! What has to hold for any bytes, one function for each target. A panic is a find.
//!
//! The workspace's tests call the same functions with random bytes (`data/tests/fuzzed.rs`), so that they are known to
//! hold before a fuzzer runs, and stay so where there is none.

mod bodies;

pub use bodies::{eml, header, message};
