//! Verifying with a certificate from the cache, stage by stage, beside ring's raw operation on the
//! same bytes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};
use shaken_benches::{CALLED, CALLER, Fixture, TARGET, X5U, party};
use shaken_core::es256::Signature;
use shaken_core::es256::table::Table;
use shaken_core::passport::Passport;
use shaken_core::verify::CallScratch;
use shaken_core::{Call, Identity, Scratch, Verifier, key};

fn stages(c: &mut Criterion) {
    let fixture = Fixture::new();
    let header = fixture.header.as_bytes();
    let verifier = Verifier::default();
    let dest = [party(CALLED)];
    let call = Call::new(party(CALLER), &dest);
    let mut scratch = Scratch::new();
    let mut group = c.benchmark_group("verify");
    group.bench_function("parse header", |b| {
        b.iter(|| Identity::parse(black_box(header)).unwrap().token().len());
    });
    let identity = Identity::parse(header).unwrap();
    group.bench_function("decode PASSporT", |b| {
        b.iter(|| Passport::decode(black_box(identity.token()), &mut scratch).unwrap().payload().len());
    });
    group.bench_function("screen, with decoding", |b| {
        b.iter(|| {
            let screened = verifier.screen(black_box(&identity), &call, &mut scratch, fixture.now);
            screened.unwrap().x5u().as_str().len()
        });
    });
    group.bench_function("look up certificate", |b| {
        b.iter(|| fixture.cache.lookup(black_box(X5U), &fixture.trust, fixture.now));
    });
    let (signed, signature) = fixture.signed();
    let key = key::verifying_key_from_pem(fixture.chain_pem.as_bytes()).unwrap();
    group.bench_function("signature", |b| {
        let signature = Signature::from_bytes(signature);
        b.iter(|| key.verify(black_box(signed), &signature).unwrap());
    });
    let table = Table::new(&key);
    group.bench_function("signature, by table", |b| {
        let signature = Signature::from_bytes(signature);
        b.iter(|| {
            let digest = digest(&SHA256, black_box(signed));
            assert!(table.verify(digest.as_ref().try_into().unwrap(), &signature));
        });
    });
    let raw_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, fixture.raw_key.public_key().as_ref());
    group.bench_function("ring UnparsedPublicKey::verify", |b| {
        b.iter(|| raw_key.verify(black_box(signed), &signature).unwrap());
    });
    group.finish();
}

fn whole(c: &mut Criterion) {
    let fixture = Fixture::new();
    let verifier = Verifier::default();
    let dest = [party(CALLED)];
    let call = Call::new(party(CALLER), &dest);
    let target = [party(TARGET)];
    let diverted = Call::new(party(CALLER), &target).with_target(party(TARGET));
    let (mut one, mut all) = (Scratch::new(), CallScratch::new());
    let mut group = c.benchmark_group("verify whole");
    group.bench_function("warm", |b| {
        b.iter(|| fixture.verify_warm(black_box(&verifier), &call, &mut one));
    });
    group.bench_function("cold", |b| {
        b.iter(|| fixture.verify_cold(black_box(&verifier), &call, &mut one));
    });
    let (shaken, div) = (fixture.header.as_str(), fixture.diversion.as_str());
    group.bench_function("call, warm, shaken", |b| {
        b.iter(|| fixture.verify_call_warm(black_box(&[shaken]), &verifier, &call, &mut all));
    });
    group.bench_function("call, warm, shaken and div", |b| {
        b.iter(|| fixture.verify_call_warm(black_box(&[shaken, div]), &verifier, &diverted, &mut all));
    });
    group.bench_function("call, screened only", |b| {
        b.iter(|| {
            let headers = black_box([shaken.as_bytes()]);
            verifier.screen_call(headers, &call, &mut all, fixture.now).unwrap().x5us().count()
        });
    });
    group.finish();
}

criterion_group!(benches, stages, whole);
criterion_main!(benches);
