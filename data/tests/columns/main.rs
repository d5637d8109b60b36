//! Whatever is in a column comes back byte for byte, however badly it fits how the column is stored.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod drafts;
mod links;
mod misfit;
mod values;
mod world;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 600, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn adversarial_columns_come_back_and_everybody_is_found_by_every_key(world in values::world()) {
        world.comes_back();
    }
}
