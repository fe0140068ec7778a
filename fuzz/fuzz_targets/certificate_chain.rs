//! What it checks: `bodies/src/certificate_chain.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::certificate_chain::run(bytes));
