//! Signing, stage by stage, beside ring's raw operation on the same bytes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ring::rand::SystemRandom;
use shaken_benches::{CALLED, CALLER, Fixture, ORIGID, party};
use shaken_core::passport::{base, shaken};
use shaken_core::sign::{MAX_HEADER_LEN, Unsigned};
use shaken_core::write::Out;
use shaken_core::{Attest, key};

fn sign(c: &mut Criterion) {
    let fixture = Fixture::new();
    let (signed, _) = fixture.signed();
    let mut buffer = [0; MAX_HEADER_LEN];
    let mut group = c.benchmark_group("sign");
    group.bench_function("write claims", |b| {
        let dest = [party(CALLED)];
        b.iter(|| {
            let claims = base::NewClaims::new(party(black_box(CALLER)), &dest, fixture.now.unsigned_abs());
            let claims = shaken::NewClaims::new(claims.unwrap(), Attest::A, ORIGID).unwrap();
            let mut out = Out::new(&mut buffer);
            claims.write(&mut out);
            out.finish().unwrap().len()
        });
    });
    let key = key::signing_key_from_pem(fixture.key_pem.as_bytes()).unwrap();
    group.bench_function("signature", |b| b.iter(|| key.sign(black_box(signed)).unwrap()));
    let random = SystemRandom::new();
    group.bench_function("ring EcdsaKeyPair::sign", |b| {
        b.iter(|| fixture.raw_key.sign(&random, black_box(signed)).unwrap());
    });
    group.bench_function("whole header", |b| b.iter(|| fixture.sign(black_box(&mut buffer)).len()));
    group.finish();
}

criterion_group!(benches, sign);
criterion_main!(benches);
