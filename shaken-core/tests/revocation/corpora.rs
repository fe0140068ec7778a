//! Revocation lists of other projects: damaged ones by the thousand, real ones, and odd ones.
//! Those that belong to chains are in `certificate_suites`.

use std::fs;
use std::path::{Path, PathBuf};

use shaken_core::cert::crl::Crl;
use shaken_test_vectors::suites::suite;

use crate::rig::{NOW, World, sign};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// Every file is read as a list, walked, and its entries are put under a good signature, since
/// nothing gets at them otherwise. What is accepted takes at most 16 times the file.
#[test]
fn damaged_lists_neither_panic_nor_grow() {
    let Some(folder) = suite("suites/openssl-fuzz-corpora/crl") else { return };
    let world = World::new();
    let (mut count, mut read, mut walked, mut signed, mut accepted, mut most) = (0, 0, 0, 0, 0, 0.0_f64);
    for path in files(&folder) {
        let bytes = fs::read(&path).unwrap();
        count += 1;
        if let Ok(crl) = Crl::from_der(&bytes) {
            read += 1;
            walked += usize::from(crl.entries().all(|entry| entry.is_ok()));
            assert!(crl.verify(&[world.crl_signer.certificate()], &world.sti_pa(), i64::MAX).is_err());
        }
        for revoked_certificates in revoked_certificates(&bytes) {
            let der = sign(&world.list().tbs_over(revoked_certificates), &world.crl_signer.key);
            signed += 1;
            if let Ok(crl) = world.verify(&der, NOW) {
                accepted += 1;
                most = most.max(crl.memory_bytes() as f64 / der.len() as f64);
                assert!(crl.memory_bytes() <= 16 * der.len(), "{}", path.display());
            }
        }
    }
    println!(
        "openssl crl corpus: {count} files, no panic; {read} read as lists, {walked} of them to the last entry; {signed} sets of entries put under a good signature, {accepted} accepted, at most {most:.1} times their length kept"
    );
    assert!(count > 0 && read > 0 && accepted > 0);
}

/// What could be revokedCertificates: every SEQUENCE of SEQUENCEs that begin with an INTEGER.
fn revoked_certificates(bytes: &[u8]) -> Vec<&[u8]> {
    let starts = bytes.windows(3).enumerate().filter(|(_, w)| w[0] == 0x30);
    starts
        .filter_map(|(at, _)| element(&bytes[at..]))
        .filter(|e| {
            let header_len = if e[1] < 0x80 { 2 } else { 2 + usize::from(e[1] & 0x7f) };
            matches!(e.get(header_len..), Some([0x30, 0..=0x7f, 0x02, ..]))
        })
        .collect()
}

fn element(bytes: &[u8]) -> Option<&[u8]> {
    let (header_len, len) = match *bytes.get(1)? {
        short @ 0..=0x7f => (2, usize::from(short)),
        0x81 => (3, usize::from(*bytes.get(2)?)),
        0x82 => (4, usize::from(*bytes.get(2)?) << 8 | usize::from(*bytes.get(3)?)),
        _ => return None,
    };
    bytes.get(..header_len + len)
}

/// The lists of `rustls-webpki`: what each file name says is wrong is what is reported, or nothing
/// where it names a thing that we read.
#[test]
fn lists_of_rustls_webpki() {
    let Some(folder) = suite("suites/rustls-webpki/tests/crls") else { return };
    let mut count = 0;
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".der") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let outcome =
            Crl::from_der(&bytes).and_then(|crl| crl.entries().try_for_each(|entry| entry.map(drop)));
        let expected = match name {
            "crl.delta.der" | "crl.unknown.crit.ext.der" | "crl.entry.unknown.crit.ext.der" => {
                "crl-critical-extension"
            }
            "crl.missing.exts.der" => "crl-number",
            "crl.idp.invalid.name.der"
            | "crl.idp.unknown.tag.der"
            | "crl.idp.invalid.bool.der"
            | "crl.too.long.crl.number.der"
            | "crl.negative.crl.number.der"
            | "crl.wrong.version.der"
            | "crl.mismatched.sigalg.der"
            | "crl.missing.next.update.der"
            | "crl.invalid.this.update.time.der"
            | "crl.entry.invalid.reason.der"
            | "crl.entry.issuer.ext.der" => "crl-der",
            _ => "ok",
        };
        assert_eq!(outcome.map_or_else(|error| error.name(), |()| "ok"), expected, "{name}");
        count += 1;
    }
    let Some(folder) = suite("suites/rustls-webpki/tests/amazon") else { return };
    let mut real = 0;
    for path in files(&folder).iter().filter(|path| path.extension().is_some_and(|e| e == "crl")) {
        let bytes = fs::read(path).unwrap();
        let crl = Crl::from_der(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(crl.entries().all(|entry| entry.is_ok()), "{}", path.display());
        real += 1;
    }
    println!("rustls-webpki: {count} made lists as their names say, {real} real ones read");
    assert!(count > 20 && real > 10);
}
