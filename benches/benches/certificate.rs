//! What a certificate costs when it enters the cache.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use shaken_benches::{Fixture, X5U};
use shaken_core::cert::read_chain;
use shaken_core::es256::table::Table;
use shaken_core::{CertCache, TrustedCert, key};

fn certificate(c: &mut Criterion) {
    let fixture = Fixture::new();
    let chain = fixture.chain_pem.as_bytes();
    let mut group = c.benchmark_group("certificate");
    group.bench_function("read chain", |b| b.iter(|| read_chain(black_box(chain)).unwrap().len()));
    group.bench_function("read chain, path to the root", |b| {
        b.iter(|| TrustedCert::from_pem(black_box(chain), &fixture.trust, fixture.now).unwrap());
    });
    let certificate = Arc::new(TrustedCert::from_pem(chain, &fixture.trust, fixture.now).unwrap());
    let cache = CertCache::new(1 << 20);
    group.bench_function("insert into cache", |b| {
        b.iter(|| cache.insert(black_box(X5U), Arc::clone(&certificate), None, fixture.now));
    });
    let key = key::verifying_key_from_pem(chain).unwrap();
    group.bench_function("make table", |b| b.iter(|| Table::new(black_box(&key))));
    group.finish();
}

criterion_group!(benches, certificate);
criterion_main!(benches);
