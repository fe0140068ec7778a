//! What it checks: `bodies/src/ffi_calls.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::ffi_calls::run(bytes));
