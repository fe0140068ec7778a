//! What it checks: `bodies/src/call.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::call::run(bytes));
