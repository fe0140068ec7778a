//! What it checks: `bodies/src/tn_auth_list.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::tn_auth_list::run(bytes));
