//! No call takes heap: signing at every level, and verifying while others fill the cache.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use shaken_core::passport::{base, shaken};
use shaken_core::sign::MAX_HEADER_LEN;
use shaken_core::verify::CallScratch;
use shaken_core::{
    Attest, Call, CertCache, Error, Identity, Lookup, OrigId, Party, Scratch, TrustedCert, Verifier, X5u,
};

use crate::heap::allocations;
use crate::pki::NOW;
use crate::rig::{ORIGID, Provider, X5U, called, caller, diverted};

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| ()), 0);
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
    assert_eq!(allocations(|| drop(black_box(vec![0_u8; 100]))), 1);
    assert!(allocations(|| drop(black_box("a".repeat(3) + "b"))) >= 2, "growing counts too");
}

#[test]
fn signing_takes_no_heap() {
    let provider = Provider::new();
    let dest = [called()];
    let mut buffer = [0; MAX_HEADER_LEN];
    let mut sign = |attest: Attest, origid: Option<&str>| {
        let random = OrigId::random().unwrap();
        let origid = origid.unwrap_or(random.as_str());
        let call = base::NewClaims::new(caller(), &dest, NOW.unsigned_abs()).unwrap();
        let claims = shaken::NewClaims::new(call, attest, origid).unwrap();
        provider.signer.sign(&claims, &mut buffer).unwrap().len()
    };
    for attest in [Attest::A, Attest::B, Attest::C] {
        for origid in [Some(ORIGID), None] {
            assert_eq!(allocations(|| assert!(sign(attest, origid) > 0)), 0, "{attest:?} {origid:?}");
        }
    }
}

/// The first call of a thread counts as well.
#[test]
fn verifying_takes_no_heap_while_another_thread_fills_the_cache() {
    let provider = Provider::new();
    let [shaken, div] = provider.headers();
    // Far too small for what is put in, so that each insertion pushes something out.
    let cache = CertCache::new(1 << 20);
    cache.insert(X5U, Arc::clone(&provider.certificate), None, NOW);
    let (done, inserted, start) = (AtomicBool::new(false), AtomicUsize::new(0), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            while !done.load(Ordering::Relaxed) {
                let url = format!("{X5U}?{}", inserted.fetch_add(1, Ordering::Relaxed));
                cache.insert(&url, Arc::clone(&provider.certificate), None, NOW);
            }
        });
        let (mut one, mut all) = (Scratch::new(), CallScratch::new());
        start.wait();
        let mut counts = [0; 3];
        while inserted.load(Ordering::Relaxed) < 20_000 {
            counts[0] += allocations(|| verify_one(&provider, &cache, &shaken, &mut one));
            counts[1] += allocations(|| verify_call(&provider, &cache, &[&shaken], called(), &mut all));
            counts[2] +=
                allocations(|| verify_call(&provider, &cache, &[&shaken, &div], diverted(), &mut all));
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(counts, [0; 3], "one shaken, all of one header, shaken and div");
    });
    assert!(cache.len() < 2_000, "{} of {inserted:?} are kept", cache.len());
}

fn verify_one(provider: &Provider, cache: &CertCache, header: &str, scratch: &mut Scratch) {
    let (verifier, dest) = (Verifier::default(), [called()]);
    let call = Call::new(caller(), &dest).with_date(NOW.unsigned_abs());
    let identity = Identity::parse(header.as_bytes()).unwrap();
    let screened = verifier.screen(&identity, &call, scratch, NOW).unwrap();
    let certificate = lookup(provider, cache, screened.x5u()).unwrap();
    assert_eq!(verifier.verify(screened, &certificate, NOW).unwrap().attest(), Attest::A);
}

fn verify_call(
    provider: &Provider,
    cache: &CertCache,
    headers: &[&String],
    target: Party<'static>,
    scratch: &mut CallScratch,
) {
    let (verifier, dest) = (Verifier::default(), [target]);
    let call = Call::new(caller(), &dest).with_target(target);
    let values = headers.iter().map(|header| header.as_bytes());
    let screened = verifier.screen_call(values, &call, scratch, NOW).unwrap();
    let verdict = verifier.verify_call(screened, |x5u| lookup(provider, cache, x5u), NOW);
    assert_eq!(verdict.result().unwrap().attest(), Attest::A);
}

fn lookup(provider: &Provider, cache: &CertCache, x5u: &X5u<'_>) -> Result<Arc<TrustedCert>, Error> {
    match cache.lookup(x5u.as_str(), &provider.trust, NOW) {
        Lookup::Fresh(certificate) => Ok(certificate),
        other => panic!("{other:?}"),
    }
}
