//! What it checks: `bodies/src/x5u_url.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::x5u_url::run(bytes));
