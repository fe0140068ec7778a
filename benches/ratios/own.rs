//! `shaken-core` beside ring's raw operations on the same bytes, and its figures that compare with
//! nothing.

use std::hint::black_box;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};
use shaken_benches::{CALLED, CALLER, Fixture, X5U, party};
use shaken_core::es256::table::Table;
use shaken_core::verify::CallScratch;
use shaken_core::{Call, Scratch, Verifier, key, sign};

use crate::heap::allocations;
use crate::round::{Rounds, print};

/// Over how many calls allocations are counted: the cache tidies up only now and then.
const COUNTED_CALLS: u32 = 10_000;

pub(crate) fn print_sign(rounds: &Rounds, fixture: &Fixture) {
    let (signed, _) = fixture.signed();
    let random = SystemRandom::new();
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    rounds.print_ratio(
        ("sign_full", || fixture.sign(black_box(&mut buffer)).len()),
        ("ring_sign", || fixture.raw_key.sign(&random, black_box(signed)).unwrap()),
    );
}

pub(crate) fn print_verify(rounds: &Rounds, fixture: &Fixture, verifiers: &[(&str, Verifier)]) {
    let (signed, signature) = fixture.signed();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, fixture.raw_key.public_key().as_ref());
    let ring_verify = || key.verify(black_box(signed), black_box(&signature)).unwrap();
    let dest = [party(CALLED)];
    let call = Call::new(party(CALLER), &dest);
    let (mut one, mut all) = (Scratch::new(), CallScratch::new());
    for (kind, verifier) in verifiers {
        rounds.print_ratio(
            (&format!("verify_warm_{kind}"), || fixture.verify_warm(verifier, &call, &mut one)),
            ("ring_verify", ring_verify),
        );
        let headers = [fixture.header.as_str()];
        rounds.print_ratio(
            (&format!("verify_call_warm_{kind}"), || {
                fixture.verify_call_warm(&headers, verifier, &call, &mut all)
            }),
            ("ring_verify", ring_verify),
        );
    }
    let verifier = Verifier::default();
    rounds.print_ratio(
        ("verify_cold_chain", || fixture.verify_cold(&verifier, &call, &mut one)),
        ("ring_verify", ring_verify),
    );
}

/// Warm verification by each of `verifiers` beside something of others.
pub(crate) fn print_warm_beside<A>(
    rounds: &Rounds,
    fixture: &Fixture,
    verifiers: &[(&str, Verifier)],
    their_name: &str,
    mut theirs: impl FnMut() -> A,
) {
    let dest = [party(CALLED)];
    let call = Call::new(party(CALLER), &dest);
    let mut scratch = Scratch::new();
    for (kind, verifier) in verifiers {
        rounds.print_ratio(
            (&format!("verify_warm_{kind}"), || fixture.verify_warm(verifier, &call, &mut scratch)),
            (their_name, &mut theirs),
        );
    }
}

pub(crate) fn print_lookup(rounds: &Rounds, fixture: &Fixture) {
    let seconds = rounds.time(|| fixture.cache.lookup(black_box(X5U), &fixture.trust, fixture.now));
    print("cache_lookup_ns", &format!("{:.1}", seconds * 1e9));
}

/// What a table of one key costs.
pub(crate) fn print_table(rounds: &Rounds, fixture: &Fixture) {
    let key = key::verifying_key_from_pem(fixture.chain_pem.as_bytes()).unwrap();
    // The first one is dearer, and made before time is taken.
    let seconds = rounds.tenth().time(|| Table::new(black_box(&key)));
    print("table_bytes_per_key", &Table::LEN_BYTES.to_string());
    print("table_build_us", &format!("{:.1}", seconds * 1e6));
}

/// Allocations per call, once the buffers are there.
pub(crate) fn print_allocations(fixture: &Fixture, verifiers: &[(&str, Verifier)]) {
    assert!(allocations(|| drop(black_box(Box::new(1)))) > 0, "the counter counts");
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    print_per_call("sign_allocations", || {
        fixture.sign(black_box(&mut buffer));
    });
    let dest = [party(CALLED)];
    let call = Call::new(party(CALLER), &dest);
    let (mut one, mut all) = (Scratch::new(), CallScratch::new());
    print_per_call("verify_allocations", || {
        for (_, verifier) in verifiers {
            fixture.verify_warm(verifier, &call, &mut one);
        }
    });
    let headers = [fixture.header.as_str()];
    print_per_call("verify_call_allocations", || {
        for (_, verifier) in verifiers {
            fixture.verify_call_warm(&headers, verifier, &call, &mut all);
        }
    });
}

fn print_per_call(name: &str, mut work: impl FnMut()) {
    work();
    let count = allocations(|| (0..COUNTED_CALLS).for_each(|_| work()));
    print(name, &format!("{}", count as f64 / f64::from(COUNTED_CALLS)));
}
