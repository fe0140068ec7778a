//! Damaged and odd certificates by the thousand: an answer each, in little time and memory.

use std::fs;
use std::time::Duration;

use shaken_core::cert::{check_path, profile, read_chain};
use shaken_core::{Certificate, Trust, pem};
use shaken_test_vectors::suites::{suite, suite_text};

use crate::clock::timed;
use crate::memory::most_held;

/// What reading may hold at one time, in lengths of the input, beyond [`SMALL`].
const MAX_GROWTH: usize = 16;

/// What any certificate takes, however short.
const SMALL: usize = 4096;

const MAX_TIME: Duration = Duration::from_millis(10);

#[test]
fn damaged_certificates_neither_panic_nor_grow() {
    let Some(anchors) = suite_text("real/sti-roots.pem") else { return };
    let trust = Trust::from_pem(anchors.as_bytes()).unwrap();
    for folder in [
        "suites/openssl-fuzz-corpora/x509",
        "suites/openssl-fuzz-corpora/asn1",
        "suites/openssl-fuzz-corpora/asn1parse",
        "suites/openssl-fuzz-corpora/crl",
        "suites/zlint/v3/testdata",
        "suites/rustls-webpki/third-party/chromium/data/verify_signed_data",
    ] {
        let path = suite(folder).unwrap();
        let (mut count, mut read, mut most, mut slowest) = (0, 0, 0.0_f64, Duration::ZERO);
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap).filter(|e| e.path().is_file()) {
            let bytes = fs::read(entry.path()).unwrap();
            let name = entry.path().display().to_string();
            let blocks: Vec<_> = pem::blocks(&bytes).flatten().map(|block| block.der().to_vec()).collect();
            for der in [bytes.as_slice()].into_iter().chain(blocks.iter().map(Vec::as_slice)) {
                let (certificate, held) = most_held(|| Certificate::from_der(der));
                assert!(held <= MAX_GROWTH * der.len() + SMALL, "{name}: {held} bytes for {}", der.len());
                let Ok(certificate) = certificate else { continue };
                read += 1;
                most = most.max(held as f64 / der.len() as f64);
                let at = certificate.not_before();
                assert!(check_path(&certificate, &[], &trust, at).is_err(), "{name}");
                assert_eq!(certificate.der(), der);
                let _ = (
                    profile::deviations(&certificate),
                    format!("{certificate:?}"),
                    certificate.verifying_key(),
                );
            }
            let (_, taken) = timed(&name, MAX_TIME, || {
                (Certificate::from_der(&bytes).is_ok(), read_chain(&bytes).is_ok())
            });
            slowest = slowest.max(taken);
            count += 1;
        }
        println!(
            "{folder}: {count} files, no panic; {read} read as certificates, with at most {most:.1} times their \
             length; slowest {slowest:?}"
        );
        assert!(count > 10);
    }
}
