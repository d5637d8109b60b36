//! Fuzzes [`persondb_fuzz::header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| persondb_fuzz::header(bytes));
