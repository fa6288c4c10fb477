//! See `breadbox_fuzz::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| breadbox_fuzz::run("graphql", bytes));
