//! Wycheproof.

use ring::digest::{SHA256, digest};
use serde_json::Value;
use shaken_core::es256::table::Table;
use shaken_core::es256::{Signature, VerifyingKey};
use shaken_test_vectors::suites::suite_text;

#[test]
fn wycheproof_p1363() {
    ecdsa("ecdsa_secp256r1_sha256_p1363_test.json", |signature| signature.try_into().ok());
}

#[test]
fn wycheproof_der() {
    ecdsa("ecdsa_secp256r1_sha256_test.json", from_der);
}

fn ecdsa(name: &str, parse: impl Fn(&[u8]) -> Option<[u8; 64]>) {
    let Some(text) = suite_text(&format!("suites/wycheproof/{name}")) else { return };
    let suite: Value = serde_json::from_str(&text).unwrap();
    let (mut valid, mut invalid, mut unreadable) = (0, 0, 0);
    for group in suite["testGroups"].as_array().unwrap() {
        let key = unhex(group["publicKey"]["uncompressed"].as_str().unwrap());
        let table = Table::new(&VerifyingKey::from_uncompressed(&key).unwrap());
        for test in group["tests"].as_array().unwrap() {
            let message = digest(&SHA256, &unhex(test["msg"].as_str().unwrap()));
            let signature = parse(&unhex(test["sig"].as_str().unwrap()));
            unreadable += u64::from(signature.is_none());
            let outcome = signature.is_some_and(|signature| {
                table.verify(message.as_ref().try_into().unwrap(), &Signature::from_bytes(signature))
            });
            assert_eq!(outcome, test["result"] == "valid", "{test}");
            *if outcome { &mut valid } else { &mut invalid } += 1;
        }
    }
    println!(
        "{name}: {} of {} ({valid} valid, {invalid} invalid, {unreadable} of these no signature at all)",
        valid + invalid,
        suite["numberOfTests"]
    );
    assert_eq!(valid + invalid, suite["numberOfTests"].as_u64().unwrap());
}

/// `SEQUENCE { INTEGER, INTEGER }`, each with its one encoding in DER; `None` as well for what
/// does not fit 32 bytes and so is out of range.
fn from_der(signature: &[u8]) -> Option<[u8; 64]> {
    let (sequence, []) = element(signature, 0x30)? else { return None };
    let (r, rest) = element(sequence, 0x02)?;
    let (s, []) = element(rest, 0x02)? else { return None };
    let mut bytes = [0; 64];
    for (integer, out) in [r, s].into_iter().zip(bytes.chunks_mut(32)) {
        let magnitude = match integer {
            [0, rest @ ..] if rest.first().is_none_or(|first| *first >= 0x80) => rest,
            [1..0x80, ..] => integer,
            _ => return None,
        };
        out[32_usize.checked_sub(magnitude.len())?..].copy_from_slice(magnitude);
    }
    Some(bytes)
}

/// Content and what follows. Longer content than 127 bytes cannot be of such a signature.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, len @ 0..0x80, rest @ ..] = bytes else { return None };
    (*found == tag).then(|| rest.split_at_checked((*len).into())).flatten()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}
