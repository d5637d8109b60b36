//! Fuzzes [`persondb_fuzz::message`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| persondb_fuzz::message(bytes));
