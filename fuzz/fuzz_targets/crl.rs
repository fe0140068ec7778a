//! What it checks: `bodies/src/crl.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::crl::run(bytes));
