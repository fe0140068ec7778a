//! What it checks: `bodies/src/sip_message.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shaken_fuzz_bodies::sip_message::run(bytes));
