//! `shaken-core` beside ring's raw operations on the same bytes, in one run.

#[path = "../../shaken-core/tests/pki/mod.rs"]
mod pki;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use pki::{NOW, Pki, SPC_1234};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use shaken_core::passport::{base, div, shaken::NewClaims};
use shaken_core::verify::CallScratch;
use shaken_core::{
    Attest, Call, CertCache, Identity, Lookup, Party, Scratch, Signer, TelephoneNumber, Trust, TrustedCert,
    Verifier, X5u, key, pem, sign,
};

const X5U: &str = "https://cr.example.com/shaken.pem";

struct Bench {
    signer: Signer,
    header: String,
    diversion: String,
    cache: CertCache,
    trust: Trust,
    raw_key: EcdsaKeyPair,
}

fn set_up() -> Bench {
    let pki = Pki::new(Some(SPC_1234));
    let key = key::signing_key_from_pem(pki.key_pem.as_bytes()).unwrap();
    let signer = Signer::new(key, pki.chain_pem.as_bytes(), X5U).unwrap();
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    let header = signer.sign(&claims(&[called()]), &mut buffer).unwrap().to_owned();

    let step = [diverted()];
    let step = base::NewClaims::new(caller(), &step, NOW.unsigned_abs()).unwrap();
    let step = div::NewClaims::new(step, called()).unwrap();
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    let diversion = signer.sign(&step, &mut buffer).unwrap().to_owned();

    let trust = Trust::from_pem(pki.root_pem.as_bytes()).unwrap();
    let certificate = TrustedCert::from_pem(pki.chain_pem.as_bytes(), &trust, NOW).unwrap();
    let cache = CertCache::new(1 << 20);
    cache.insert(X5U, Arc::new(certificate), None, NOW);

    let pkcs8 = pem::blocks(pki.key_pem.as_bytes()).next().unwrap().unwrap();
    let raw_key =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.der(), &SystemRandom::new())
            .unwrap();
    Bench { signer, header, diversion, cache, trust, raw_key }
}

fn caller() -> Party<'static> {
    TelephoneNumber::parse("12155550121").unwrap().into()
}

fn called() -> Party<'static> {
    TelephoneNumber::parse("12155550131").unwrap().into()
}

fn diverted() -> Party<'static> {
    TelephoneNumber::parse("12155550199").unwrap().into()
}

fn claims<'a>(dest: &'a [Party<'a>]) -> NewClaims<'a> {
    let call = base::NewClaims::new(caller(), dest, NOW.unsigned_abs()).unwrap();
    NewClaims::new(call, Attest::A, "123e4567-e89b-12d3-a456-426655440000").unwrap()
}

fn sign_bench(c: &mut Criterion) {
    let bench = set_up();
    let (token, _) = bench.header.split_once(';').unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let random = SystemRandom::new();
    let mut group = c.benchmark_group("sign");
    group.bench_function("ring EcdsaKeyPair::sign", |b| {
        b.iter(|| bench.raw_key.sign(&random, black_box(signed.as_bytes())).unwrap());
    });
    let dest = [called()];
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    group.bench_function("Signer::sign", |b| {
        b.iter(|| bench.signer.sign(black_box(&claims(&dest)), &mut buffer).unwrap().len());
    });
    group.finish();
}

fn verify_bench(c: &mut Criterion) {
    let bench = set_up();
    let (token, _) = bench.header.split_once(';').unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut raw_signature = [0; 64];
    shaken_core::base64url::decode(signature.as_bytes(), &mut raw_signature).unwrap();
    let raw_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bench.raw_key.public_key().as_ref());

    let mut group = c.benchmark_group("verify");
    group.bench_function("ring UnparsedPublicKey::verify", |b| {
        b.iter(|| raw_key.verify(black_box(signed.as_bytes()), &raw_signature).unwrap());
    });
    let verifier = Verifier::default();
    let dest = [called()];
    let call = Call::new(caller(), &dest);
    let mut scratch = Scratch::new();
    group.bench_function("parse and screen", |b| {
        b.iter(|| {
            let identity = Identity::parse(black_box(bench.header.as_bytes())).unwrap();
            verifier.screen(&identity, &call, &mut scratch, NOW).unwrap().x5u().as_str().len()
        });
    });
    group.bench_function("parse, screen, cache, verify", |b| {
        b.iter(|| {
            let identity = Identity::parse(black_box(bench.header.as_bytes())).unwrap();
            let screened = verifier.screen(&identity, &call, &mut scratch, NOW).unwrap();
            let Lookup::Fresh(certificate) = bench.cache.lookup(screened.x5u().as_str(), &bench.trust, NOW)
            else {
                panic!("the certificate is in the cache");
            };
            verifier.verify(screened, &certificate, NOW).unwrap().attest()
        });
    });
    // All headers of a call at once: the same header alone, then with a diversion behind it.
    let to_target = [diverted()];
    let diverted_call = Call::new(caller(), &to_target).with_target(diverted());
    let (shaken, div) = (bench.header.as_bytes(), bench.diversion.as_bytes());
    let mut scratch = CallScratch::new();
    for (name, call, headers) in [
        ("screen_call and verify_call, shaken", &call, &[shaken][..]),
        ("screen_call and verify_call, shaken and div", &diverted_call, &[shaken, div]),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let headers = black_box(headers).iter().copied();
                let screened = verifier.screen_call(headers, call, &mut scratch, NOW).unwrap();
                let certificate = |x5u: &X5u<'_>| match bench.cache.lookup(x5u.as_str(), &bench.trust, NOW) {
                    Lookup::Fresh(certificate) => Ok(certificate),
                    _ => panic!("the certificate is in the cache"),
                };
                verifier.verify_call(screened, certificate, NOW).result().unwrap().attest()
            });
        });
        group.bench_function(format!("{name}: screen_call alone"), |b| {
            b.iter(|| {
                let headers = black_box(headers).iter().copied();
                verifier.screen_call(headers, call, &mut scratch, NOW).unwrap().x5us().count()
            });
        });
    }
    group.finish();
}

criterion_group!(core, sign_bench, verify_bench);
criterion_main!(core);
