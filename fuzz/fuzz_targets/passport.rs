//! What it checks: `bodies/src/passport.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::passport::run(bytes));
