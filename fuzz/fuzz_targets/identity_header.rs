//! What it checks: `bodies/src/identity_header.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::identity_header::run(bytes));
