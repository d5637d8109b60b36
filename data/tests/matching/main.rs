//! Messages are matched as they should be: every kind, flag and field with what meets it and what just does not.
//!
//! | file | proves |
//! |---|---|
//! | `addresses.rs` | what an address is: each kind, the order of look-up, addresses of two tenants |
//! | `lookalikes.rs` | domains that imitate those of the recipients, local parts abroad |
//! | `names.rs` | who bears the sender's name: each kind, all fields, what is no person |
//! | `flags.rs` | what is special about names and addresses, apart from what they are like |
//! | `whole.rs` | what is said of the message as a whole: scope, sender, limits of options |
//! | `everybody.rs` | everybody of a made-up world is found by each of their names, however it is spelled |
//! | `told.rs` | what is told of a person is what the record says |
//! | `hostile.rs` | nothing in a message costs more than its bound |

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod everybody;
mod flags;
mod hostile;
mod lookalikes;
mod names;
mod told;
mod whole;
mod world;
