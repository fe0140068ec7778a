//! The STI certificates among the external vectors: what a general verifier makes of each.

use shaken_core::cert::{check_path, read_chain};
use shaken_core::{Certificate, Error, Trust, TrustedCert};
use shaken_test_vectors::suites::StandardVectors;

/// The clock of the vectors: 2025-01-01.
const NOW: i64 = 1_735_689_600;

/// Which certificates lead over which to which anchor.
const PATHS: [(&str, &[&str], &str); 17] = [
    ("ica", &[], "root"),
    ("ica2", &[], "root"),
    ("leaf", &["ica"], "root"),
    ("rev1", &["ica"], "root"),
    ("rev2", &["ica"], "root"),
    ("same2", &["ica2"], "root"),
    ("dele", &["subca", "ica"], "root"),
    ("tnrange", &["tnca", "ica"], "root"),
    ("tnone", &["tnca", "ica"], "root"),
    ("tnbad", &["tnca", "ica"], "root"),
    ("tnspc", &["tnca", "ica"], "root"),
    ("byref", &["tnca", "ica"], "root"),
    ("con26", &["tnca", "ica"], "root"),
    ("con33", &["tnca", "ica"], "root"),
    ("convoid", &["tnca", "ica"], "root"),
    ("crliss", &[], "paroot"),
    ("pasign", &[], "paroot"),
];

#[test]
fn every_certificate_has_its_path_and_no_other() {
    let Some(vectors) = StandardVectors::read() else { return };
    let vector = |name: &str| vectors.get(&format!("CERT-{name}"));
    let certificate = |name: &str| read_chain(vectors.pem(name).as_bytes()).unwrap().remove(0);
    let trust = |name: &str| Trust::from_pem(vectors.pem(name).as_bytes()).unwrap();

    let mut chains = 0;
    for (name, issuers, anchor) in PATHS {
        let subject = certificate(name);
        assert_eq!(subject.serial_hex(), vector(name)["serial_hex"], "{name}");
        assert_eq!(subject.fingerprint().to_string(), vector(name)["sha256"], "{name}");
        let issuers: Vec<Certificate> = issuers.iter().map(|issuer| certificate(issuer)).collect();
        let other = if anchor == "root" { "paroot" } else { "root" };
        assert_eq!(check_path(&subject, &issuers, &trust(anchor), NOW), Ok(()), "{name}");
        assert_eq!(check_path(&subject, &issuers, &trust(other), NOW), Err(Error::CertUntrusted), "{name}");
        // Each of them is needed.
        if let Some((_, others)) = issuers.split_first() {
            assert_eq!(
                check_path(&subject, others, &trust(anchor), NOW),
                Err(Error::CertUntrusted),
                "{name}"
            );
        }
        if let Some(chain) = vector(name)["chain_pem"].as_str() {
            let read = read_chain(chain.as_bytes()).unwrap();
            assert_eq!(check_path(&read[0], &read[1..], &trust(anchor), NOW), Ok(()), "{name}");
            assert_eq!(read.len(), 1 + issuers.len(), "{name}");
            chains += 1;
        }
    }
    assert!(
        TrustedCert::from_pem(vector("leaf")["chain_pem"].as_str().unwrap().as_bytes(), &trust("root"), NOW)
            .is_ok()
    );
    println!("vectors.json, kind certificate: {} paths and {chains} chains as stated", PATHS.len());
    assert!(chains >= 12);
}
