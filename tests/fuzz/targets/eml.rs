//! Fuzzes [`persondb_fuzz::eml`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| persondb_fuzz::eml(bytes));
