//! What it checks: `bodies/src/table.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::table::run(bytes));
