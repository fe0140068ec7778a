//! Work that grows with the bytes that came, and no faster.

use std::time::{Duration, Instant};

use shaken_core::claims::MAX_DEST;
use shaken_core::verify::{CallScratch, MAX_IDENTITY_HEADERS};
use shaken_core::{Call, Verifier};

use crate::pki::NOW;
use crate::rig::{CALLER, GOOD, Token, party};

/// As many diversions as there may be, each with as many called parties, all of them linked to each
/// other: the most that there is to compare.
fn all_linked(uri_len: usize) -> Vec<String> {
    let uri = |i: usize| {
        let name = format!("User{i:02}");
        format!("sip:{name}{}@Example.com", "x".repeat(uri_len - name.len()))
    };
    let header = |i: usize| {
        // Each is diverted by a party of its own, that all others lead to.
        let dest: Vec<String> = (0..=MAX_DEST).filter(|at| *at != i).map(uri).collect();
        let dest: Vec<&str> = dest.iter().map(String::as_str).collect();
        Token::div(&uri(i).to_uppercase().replace("SIP:", "sip:"), "x").with_dest(&dest).header()
    };
    (0..MAX_IDENTITY_HEADERS).map(header).collect()
}

/// The least of several runs, so that what else the machine does counts little.
fn least_time(headers: &[String], target: &str) -> Duration {
    let (verifier, dest) = (Verifier::default(), [party(target)]);
    let call = Call::new(party(CALLER), &dest).with_target(party(target));
    let mut scratch = CallScratch::new();
    let time = |scratch: &mut CallScratch| {
        let values = headers.iter().map(String::as_bytes);
        let start = Instant::now();
        let screened = verifier.screen_call(values, &call, scratch, NOW).unwrap();
        assert_eq!(screened.x5us().count(), 0);
        start.elapsed()
    };
    (0..10).map(|_| time(&mut scratch)).min().unwrap()
}

#[test]
fn diversions_that_are_all_linked_take_little_time() {
    let (short, long) = (all_linked(20), all_linked(80));
    let target = "sip:nobody@example.com";
    let (short_time, long_time) = (least_time(&short, target), least_time(&long, target));
    let bytes = |headers: &[String]| headers.iter().map(String::len).sum::<usize>();
    println!("{} bytes: {short_time:?}; {} bytes: {long_time:?}", bytes(&short), bytes(&long));
    let growth = bytes(&long) as f64 / bytes(&short) as f64;
    assert!(long_time.as_secs_f64() < short_time.as_secs_f64() * growth * 4.0);
    assert!(long_time < Duration::from_millis(100), "{long_time:?} for {GOOD}");
}
