//! Certificates of the live SHAKEN world, judged as OpenSSL judges them.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shaken_core::cert::{TrustedCert, check_path, profile};
use shaken_core::{Certificate, Error, Trust, key, pem};
use shaken_test_vectors::suites::{suite, suite_text};

fn trust() -> Option<Trust> {
    let anchors = suite_text("real/sti-roots.pem")?;
    let intermediates = suite_text("real/sti-intermediates.pem")?;
    Some(
        Trust::from_pem(anchors.as_bytes())
            .unwrap()
            .with_intermediates_pem(intermediates.as_bytes())
            .unwrap(),
    )
}

/// Every live certificate that OpenSSL chains to the live roots one hour after its notBefore, we
/// chain, and no other.
#[test]
fn chains_are_those_of_openssl() {
    let Some(trust) = trust() else { return };
    let rows = suite_text("real/sti-certificates.tsv").unwrap();
    let folder = std::env::temp_dir().join(format!("shaken-real-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();

    let (mut parsed, mut chained, mut deviating, mut compared) = (0, 0, 0, 0);
    for (i, row) in rows.lines().filter(|row| !row.starts_with('#')).enumerate() {
        let der = STANDARD.decode(row.rsplit('\t').next().unwrap()).unwrap();
        let certificate = match Certificate::from_der(&der) {
            Ok(certificate) => certificate,
            Err(error) => {
                println!("row {i}: {}", error.name());
                continue;
            }
        };
        parsed += 1;
        deviating += usize::from(!profile::deviations(&certificate).is_empty());
        let at = certificate.not_before() + 3600;
        let ours = check_path(&certificate, &[], &trust, at);
        chained += usize::from(ours.is_ok());
        if let Some(theirs) = openssl_chains(&folder.join(format!("{i}.pem")), &der, at) {
            assert_eq!(ours.is_ok(), theirs, "row {i}, {certificate:?}: {ours:?}");
            compared += 1;
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!(
        "live certificates: {parsed} parsed, {chained} chain, {deviating} deviate from the profile, {compared} compared with OpenSSL"
    );
    assert!(chained > 0);
}

/// `None` where there is no `openssl` command.
fn openssl_chains(file: &Path, der: &[u8], at: i64) -> Option<bool> {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
    let lines: String = pem.lines().flat_map(wrap).collect();
    std::fs::write(file, lines).unwrap();
    let output = Command::new("openssl")
        .args(["verify", "-attime", &at.to_string(), "-CAfile"])
        .arg(suite("real/sti-roots.pem")?)
        .arg("-untrusted")
        .arg(suite("real/sti-intermediates.pem")?)
        .arg(file)
        .output()
        .ok()?;
    Some(output.status.success())
}

/// OpenSSL reads PEM lines of 64 characters.
fn wrap(line: &str) -> impl Iterator<Item = String> + '_ {
    line.as_bytes().chunks(64).map(|chunk| format!("{}\n", std::str::from_utf8(chunk).unwrap()))
}

/// Issuers of one name and different keys: the order in which they are known does not matter.
#[test]
fn issuers_are_found_by_key() {
    let Some(trust) = trust() else { return };
    let rows = suite_text("real/sti-certificates.tsv").unwrap();
    let reversed = reversed_bundle("real/sti-intermediates.pem");
    let turned = Trust::from_pem(reversed_bundle("real/sti-roots.pem").as_bytes())
        .unwrap()
        .with_intermediates_pem(reversed.as_bytes())
        .unwrap();
    for row in rows.lines().filter(|row| !row.starts_with('#')) {
        let der = STANDARD.decode(row.rsplit('\t').next().unwrap()).unwrap();
        let Ok(certificate) = Certificate::from_der(&der) else {
            continue;
        };
        let at = certificate.not_before() + 3600;
        assert_eq!(
            check_path(&certificate, &[], &trust, at).is_ok(),
            check_path(&certificate, &[], &turned, at).is_ok(),
            "{certificate:?}"
        );
    }
}

fn reversed_bundle(path: &str) -> String {
    let text = suite_text(path).unwrap();
    let mut blocks: Vec<String> = pem::blocks(text.as_bytes())
        .map(|block| {
            let base64 = STANDARD.encode(block.unwrap().der());
            format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
        })
        .collect();
    blocks.reverse();
    blocks.concat()
}

/// The certificate of a call of 2022: its path holds at the call's time and its key is usable.
#[test]
fn a_leaf_of_2022_is_trusted_at_its_time() {
    const CALL: i64 = 1_656_534_336;
    let Some(trust) = trust() else { return };
    let leaf = suite_text("real/keys/bandwidth_2023_leaf.pem").unwrap();
    let trusted = TrustedCert::from_pem(leaf.as_bytes(), &trust, CALL).unwrap();
    let list = trusted.certificate().tn_auth_list().unwrap().as_ref().unwrap();
    assert_eq!(list.spc().unwrap().as_str(), "997E");
    assert!(matches!(
        TrustedCert::from_pem(leaf.as_bytes(), &trust, trusted.not_after() + 1),
        Err(Error::CertExpired { .. })
    ));
}

/// All keys beside the real headers are readable, whatever they are: certificates or bare keys.
#[test]
fn keys_beside_the_headers_are_read() {
    let Some(folder) = suite("real/keys") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let outcome = key::verifying_key_from_pem(&std::fs::read(&path).unwrap());
        assert!(outcome.is_ok(), "{}: {outcome:?}", path.display());
        count += 1;
    }
    println!("keys of real headers: {count} read");
}
