//! `ratios` runs and prints every name. What the values are is for its readers: they depend on the
//! machine.

use std::collections::BTreeMap;
use std::process::Command;

const ALWAYS: [&str; 15] = [
    "sign_full/ring_sign",
    "ffi_sign/core_sign",
    "verify_warm_ring/ring_verify",
    "verify_warm_table/ring_verify",
    "verify_call_warm_ring/ring_verify",
    "verify_call_warm_table/ring_verify",
    "verify_cold_chain/ring_verify",
    "cache_lookup_ns",
    "table_bytes_per_key",
    "table_build_us",
    "policy_decision/ring_sign",
    "policy_allocations",
    "sign_allocations",
    "verify_allocations",
    "verify_call_allocations",
];

/// Lines that need a library, and how it is named if it is absent.
const WITH_LIBRARY: [(&str, &str); 7] = [
    ("verify_warm_ring/openssl_verify", "libcrypto.so.3"),
    ("verify_warm_table/openssl_verify", "libcrypto.so.3"),
    ("sign_full/secsipid_sign", "libsecsipid.so.1"),
    ("verify_warm_ring/secsipid_verify_chain", "libsecsipid.so.1"),
    ("verify_warm_table/secsipid_verify_chain", "libsecsipid.so.1"),
    ("ffi_sign/secsipid_sign", "the drop-in for it"),
    ("ffi_verify_warm/secsipid_verify_chain", "the drop-in for it"),
];

#[test]
fn every_line_is_there_and_is_a_number() {
    let run = Command::new(env!("CARGO_BIN_EXE_ratios")).args(["--rounds", "3"]).output().unwrap();
    let (out, notes) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
    assert!(run.status.success(), "{notes}");
    let mut values = BTreeMap::new();
    for line in out.lines() {
        let (name, value) = line.split_once('\t').unwrap_or_else(|| panic!("no tab: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(values.insert(name, value).is_none(), "twice: {name}");
    }
    for name in ALWAYS {
        assert!(values.contains_key(name), "{name} is missing in:\n{out}");
    }
    for (name, library) in WITH_LIBRARY {
        let is_left_out = notes.contains(&format!("left out, {library}: "));
        assert!(values.contains_key(name) != is_left_out, "{name} in:\n{out}{notes}");
    }
    for (name, value) in values {
        assert!(value.is_finite(), "{name} {value}");
        assert!(value > 0.0 || name.ends_with("_allocations"), "{name} {value}");
    }
}
