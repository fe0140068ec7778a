//! The signatures of our vectors by two other implementations: the crates `p256`, which shares no
//! code with this one, and `jsonwebtoken`, which has `ring` in common with it and reads signature
//! and key in its own way.

use std::collections::BTreeMap;
use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use shaken_core::base64url;
use shaken_test_vectors::{Case, Expect, ExpectHeader, VectorFile, files_under};
use x509_parser::pem::Pem;

/// What a vector says of the signature of one header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stated {
    Good,
    Wrong,
}

#[test]
fn signatures_are_what_the_vectors_say() {
    let mut counts: BTreeMap<Stated, usize> = BTreeMap::new();
    let mut compact = 0;
    for path in files_under(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-vectors/data")).unwrap() {
        let file = VectorFile::read(&path).unwrap();
        for case in &file.cases {
            for (header, stated) in case.identity.iter().zip(stated(case)) {
                let Some(stated) = stated else { continue };
                // What was signed is not in it.
                if header.starts_with("..") {
                    compact += 1;
                    continue;
                }
                let key = point_of_signer(header, &file).unwrap_or_else(|| panic!("{}: no key", case.id));
                let found = [by_p256(header, &key), by_jsonwebtoken(header, &key)];
                assert_eq!(found, [stated == Stated::Good; 2], "{}: {stated:?}", case.id);
                *counts.entry(stated).or_default() += 1;
            }
        }
    }
    println!("signatures by p256 and jsonwebtoken: {counts:?}, {compact} compact forms passed over");
    assert!(counts[&Stated::Good] >= 650 && counts[&Stated::Wrong] >= 60, "{counts:?}");
}

/// One for each header, as far as the case says something of its signature.
fn stated(case: &Case) -> Vec<Option<Stated>> {
    let of_name = |name: &str| (name == "signature-invalid").then_some(Stated::Wrong);
    match (&case.expect_headers, &case.expect) {
        (Some(headers), _) => headers
            .iter()
            .map(|header| match header {
                ExpectHeader::Accept => Some(Stated::Good),
                ExpectHeader::Reject(name) => of_name(name),
            })
            .collect(),
        // Of several headers nobody says which one passes.
        _ if case.identity.len() != 1 => vec![None; case.identity.len()],
        (None, Expect::Accept) => vec![Some(Stated::Good)],
        (None, Expect::Reject { error }) => vec![error.as_deref().and_then(of_name)],
        (None, Expect::Policy) => vec![None],
    }
}

/// The public key of the certificate that `info` leads to, as an uncompressed point.
fn point_of_signer(header: &str, file: &VectorFile) -> Option<Vec<u8>> {
    let lower = header.to_ascii_lowercase();
    let info = lower.find("info")?;
    let start = info + header.get(info..)?.find('<')? + 1;
    let url = header.get(start..start + header.get(start..)?.find('>')?)?;
    let body = file.x5u_bodies.get(url)?;
    Pem::iter_from_buffer(body.as_bytes()).flatten().find_map(|pem| {
        let certificate = pem.parse_x509().ok()?;
        let is_ca = certificate.basic_constraints().ok()?.is_some_and(|found| found.value.ca);
        (!is_ca).then(|| certificate.public_key().subject_public_key.data.to_vec())
    })
}

fn token(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

fn by_p256(header: &str, point: &[u8]) -> bool {
    let Some((signed, signature)) = token(header).rsplit_once('.') else { return false };
    let mut bytes = [0; 64];
    let Ok(signature) = base64url::decode(signature.as_bytes(), &mut bytes) else { return false };
    let key = VerifyingKey::from_sec1_bytes(point).unwrap();
    Signature::from_slice(signature).is_ok_and(|signature| key.verify(signed.as_bytes(), &signature).is_ok())
}

fn by_jsonwebtoken(header: &str, point: &[u8]) -> bool {
    let Some((signed, signature)) = token(header).rsplit_once('.') else { return false };
    let key = DecodingKey::from_ec_der(point);
    jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, Algorithm::ES256).unwrap_or(false)
}
