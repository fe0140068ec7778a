//! The body that a certificate URL answers with.

use std::sync::LazyLock;

use shaken_core::cert::{self, Fingerprint, MAX_CHAIN_LEN, MAX_DER_LEN, read_chain};
use shaken_core::{Certificate, Error, Trust, TrustedCert, pem};
use shaken_test_vectors::VectorFile;

use crate::rig::to_pem;

/// The trust of the vectors, at their time.
static TRUST: LazyLock<(Trust, i64)> = LazyLock::new(|| {
    let vectors = crate::vectors();
    let bundle: String = vectors.iter().map(|file| file.trust_anchor_pem.as_str()).collect();
    let trust = Trust::from_pem(bundle.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    (trust, i64::try_from(vectors[0].now).unwrap_or(i64::MAX))
});

/// What parses is within its limits and reads again from what it was read from; what is trusted
/// has a path of its own, is in date, and is found trustworthy again. Bytes that start like DER
/// are read as one certificate too.
pub fn run(bytes: &[u8]) {
    chain(bytes);
    if bytes.first() == Some(&0x30) {
        let wrapped = to_pem("CERTIFICATE", bytes);
        let one = Certificate::from_der(bytes).map(|certificate| certificate.fingerprint());
        let chained = read_chain(wrapped.as_bytes()).map(|chain| chain[0].fingerprint());
        assert_eq!(one, chained, "as DER and as PEM");
        chain(wrapped.as_bytes());
    }
}

fn chain(body: &[u8]) {
    let (trust, now) = &*TRUST;
    let trusted = TrustedCert::from_pem(body, trust, *now);
    let chain = match read_chain(body) {
        Ok(chain) => chain,
        Err(error) => {
            assert!((500..600).contains(&error.code()), "{error:?} is not an error of a certificate");
            assert_eq!(trusted.err(), Some(error));
            return;
        }
    };
    assert!((1..=MAX_CHAIN_LEN).contains(&chain.len()));
    chain.iter().for_each(check);
    let written: String = chain.iter().map(|certificate| to_pem("CERTIFICATE", certificate.der())).collect();
    let again = read_chain(written.as_bytes()).unwrap_or_else(|error| panic!("written again: {error}"));
    assert!(chain.iter().map(Certificate::der).eq(again.iter().map(Certificate::der)));

    let signing = cert::signing_certificate(&chain);
    let trusted = match trusted {
        Ok(trusted) => trusted,
        Err(error) => {
            assert!((500..600).contains(&error.code()), "{error:?} is not an error of a certificate");
            assert!(signing.is_ok() || signing.err() == Some(error));
            return;
        }
    };
    let signing = signing.unwrap_or_else(|error| panic!("trusted, but: {error}"));
    assert_eq!(trusted.certificate().der(), signing.der());
    assert_eq!(cert::check_path(signing, &chain, trust, *now), Ok(()));
    assert_eq!(signing.check_valid(*now), Ok(()));
    assert!(trusted.not_after() <= signing.not_after() && trusted.is_judged_by(trust, *now));
    let rechecked = trusted.recheck(trust, *now).unwrap_or_else(|error| panic!("rechecked: {error}"));
    assert_eq!(rechecked.not_after(), trusted.not_after());
    // The order of a chain does not matter, and neither does what a stranger adds.
    let reversed: String = chain.iter().rev().map(|one| to_pem("CERTIFICATE", one.der())).collect();
    if chain.iter().filter(|certificate| !certificate.is_ca()).count() == 1 {
        assert!(TrustedCert::from_pem(reversed.as_bytes(), trust, *now).is_ok(), "in another order");
    }
}

fn check(certificate: &Certificate) {
    let der = certificate.der();
    assert!(der.len() <= MAX_DER_LEN);
    assert_eq!(certificate.fingerprint(), Fingerprint::of(der));
    let serial = certificate.serial_hex();
    assert!(serial.len().is_multiple_of(2) && serial.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    let (first, last) = (certificate.not_before(), certificate.not_after());
    assert!(matches!(certificate.check_valid(first - 1), Err(Error::CertNotYetValid { .. })));
    assert!(matches!(certificate.check_valid(last.max(first) + 1), Err(Error::CertExpired { .. })));
    assert_eq!(certificate.check_valid(first).is_ok(), first <= last);
    if let Ok(key) = certificate.verifying_key() {
        assert_eq!(certificate.verifying_key(), Ok(key));
    }
}

pub(crate) fn seeds(vectors: &[VectorFile]) -> Vec<Vec<u8>> {
    let bodies = crate::certificate_bodies(vectors);
    let blocks = crate::certificate_bodies(vectors).flat_map(pem::blocks).flatten();
    bodies.map(<[u8]>::to_vec).chain(blocks.map(|block| block.der().to_vec())).collect()
}
