//! The certificates of `rustls-webpki`: chains of the public web whose answers their names tell,
//! and single odd ones.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shaken_core::cert::{check_path, crl::Crl};
use shaken_core::trust::{RevocationPolicy, StiPa};
use shaken_core::{Certificate, Error, Trust};
use shaken_test_vectors::suites::suite;

fn certificate(folder: &Path, file: &str) -> Result<Certificate, Error> {
    Certificate::from_der(&fs::read(folder.join(file)).unwrap())
}

fn pem(folder: &Path, files: &[&str]) -> String {
    let block = |file: &&str| {
        let base64 = STANDARD.encode(fs::read(folder.join(file)).unwrap());
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    };
    files.iter().map(block).collect()
}

/// Three chains of four roots each, one valid, one expired, one revoked, with the real lists of
/// their CAs: RSA of 2048 and 4096 bits, P-256, P-384.
#[test]
fn chains_with_real_revocation_lists() {
    /// 2025-02-24, when all lists were in force.
    const NOW: i64 = 1_740_355_200;
    let Some(folder) = suite("suites/rustls-webpki/tests/amazon") else { return };
    let roots =
        pem(&folder, &["AmazonRootCA1.cer", "AmazonRootCA2.cer", "AmazonRootCA3.cer", "AmazonRootCA4.cer"]);
    let sti_pa = StiPa::from_pem(roots.as_bytes()).unwrap();
    let mut trust =
        Trust::from_pem(roots.as_bytes()).unwrap().with_revocation_policy(RevocationPolicy::FailClosed);
    let mut issuers = Vec::new();
    for family in ["r2m", "r4m", "e2m", "e3m"] {
        for number in 1..=4 {
            issuers.push(certificate(&folder, &format!("{family}0{number}.cer")).unwrap());
        }
    }
    for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "crl") {
            let der = fs::read(&entry).unwrap();
            let list = Crl::from_der(&der).unwrap().verify(&issuers, &sti_pa, NOW);
            trust
                .update_crl(Arc::new(list.unwrap_or_else(|error| panic!("{}: {error}", entry.display()))))
                .unwrap();
        }
    }
    for number in 1..=4 {
        let judged = |state: &str| {
            let file = format!("{state}.rootca{number}.demo.amazontrust.com.cer");
            check_path(&certificate(&folder, &file).unwrap(), &issuers, &trust, NOW)
        };
        assert_eq!(judged("valid"), Ok(()), "{number}");
        assert!(matches!(judged("expired"), Err(Error::CertExpired { .. })), "{number}");
        assert!(matches!(judged("revoked"), Err(Error::CertRevoked { depth: 0, .. })), "{number}");
    }
    println!("rustls-webpki: 12 chains with {} real revocation lists as their names say", trust.crls().len());
    assert_eq!(trust.crls().len(), 20);
}

#[test]
fn chains() {
    let Some(folder) = suite("suites/rustls-webpki/tests") else { return };
    for (root, intermediates, signer, now, expected) in [
        (
            "cloudflare_dns/ca.der",
            &["cloudflare_dns/inter.der"][..],
            "cloudflare_dns/ee.der",
            1_640_995_200,
            Ok(()),
        ),
        ("sanofi/ca.der", &["sanofi/inter.der"], "sanofi/ee.der", 1_750_000_000, Ok(())),
        ("misc/mdoc_eku.ca.der", &[], "misc/mdoc_eku.ee.der", 1_609_459_200, Ok(())),
        ("misc/serial_neg_ca.der", &[], "misc/serial_neg_ee.der", 1_680_000_000, Ok(())),
        // As an anchor it is a key for them; for us it is a CA, which a version 1 certificate does
        // not say.
        (
            "netflix/ca.der",
            &["netflix/inter.der"],
            "netflix/ee.der",
            1_492_441_716,
            Err(Error::CertIssuerNotCa),
        ),
        (
            "critical_extensions/root-cert.der",
            &["critical_extensions/ca-cert.der"],
            "critical_extensions/ee-cert-noncrit-unknown-ext.der",
            1_670_779_098,
            Ok(()),
        ),
        (
            "critical_extensions/root-cert.der",
            &["critical_extensions/ca-cert.der"],
            "critical_extensions/ee-cert-crit-unknown-ext.der",
            1_670_779_098,
            Err(Error::CertCriticalExtension),
        ),
        ("ed25519/ca.der", &[], "ed25519/ee.der", 1_600_000_000, Err(Error::CertSignatureAlgorithm)),
        // A hundred host names.
        ("wpt/ca.der", &[], "wpt/ee.der", 1_640_000_000, Err(Error::CertTooLarge { len_bytes: 16_523 })),
        (
            "custom_ekus/cert_with_no_eku_accepted_for_client_auth.ca.der",
            &[],
            "custom_ekus/cert_with_no_eku_accepted_for_client_auth.ee.der",
            535_687_200,
            Err(Error::CertNonconforming { rule: "it is an anchor without subjectKeyIdentifier" }),
        ),
    ] {
        let outcome = Trust::from_pem(pem(&folder, &[root]).as_bytes()).and_then(|trust| {
            let chain =
                intermediates.iter().map(|file| certificate(&folder, file)).collect::<Result<Vec<_>, _>>()?;
            check_path(&certificate(&folder, signer)?, &chain, &trust, now)
        });
        assert_eq!(outcome, expected, "{signer}");
    }
    println!("rustls-webpki: 10 chains as their names say");
}

/// What each file name says is odd is refused where it matters to trust, and read where not.
#[test]
fn single_certificates() {
    let Some(folder) = suite("suites/rustls-webpki/tests") else { return };
    let mut count = 0;
    let folders = [".", "misc", "crl_distrib_point", "client_auth_revocation", "custom_ekus", "signatures"];
    for path in folders.iter().flat_map(|name| fs::read_dir(folder.join(name)).unwrap()) {
        let path = path.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_certificate =
            name.ends_with(".der") && ![".crl.der", "spki.der"].iter().any(|end| name.ends_with(end));
        if !is_certificate || name.starts_with("alg-") {
            continue;
        }
        let expected = match name {
            // A point for the revocation list that no reader finds.
            "unknown_dp_name_tag.der" | "unknown_tag.der" => Err("cert-der"),
            _ => Ok(()),
        };
        let outcome =
            Certificate::from_der(&fs::read(&path).unwrap()).map(drop).map_err(|error| error.name());
        assert_eq!(outcome, expected, "{name}");
        count += 1;
    }
    println!("rustls-webpki: {count} single certificates as their names say");
    assert!(count > 40);
}
