//! The external vectors, and those of the kinds that are about single values.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use shaken_core::cert::ClaimConstraints;
use shaken_core::cert::constraints::ConstraintsForm;
use shaken_core::digest::{Algorithm, Digest};
use shaken_core::json::{Raw, canonical};
use shaken_core::write::Out;
use shaken_core::{Error, passport};
pub(crate) use shaken_test_vectors::suites::StandardVectors as Vectors;

/// The payload of a token, decoded.
pub(crate) fn payload(token: &Value) -> Vec<u8> {
    let [_, payload, _] = passport::segments(token["token"].as_str().unwrap()).unwrap();
    URL_SAFE_NO_PAD.decode(payload).unwrap()
}

pub(crate) fn base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

pub(crate) fn canonical_text(json: &[u8]) -> Result<String, Error> {
    let mut buffer = vec![0; 8 * json.len() + 256];
    let mut out = Out::new(&mut buffer);
    canonical::write(Raw::parse(json)?, &mut out)?;
    out.finish().map(str::to_owned)
}

#[test]
fn canonical_json() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, vector) in vectors.of_kind("canonical-json") {
        let outcome = canonical_text(vector["inputs"]["json"].as_str().unwrap().as_bytes());
        match vector["expect"]["value"].as_str() {
            Some(value) => assert_eq!(outcome.as_deref(), Ok(value), "{id}"),
            None => assert!(matches!(outcome, Err(Error::JsonDuplicateMember { .. })), "{id}: {outcome:?}"),
        }
        count += 1;
    }
    println!("vectors.json, kind canonical-json: {count} values as stated");
    assert!(count >= 5);
}

#[test]
fn digests() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, vector) in vectors.of_kind("digest") {
        let bytes = base64(&vector["inputs"]["bytes_base64"]);
        let algorithm = match vector["inputs"]["alg"].as_str().unwrap() {
            "sha256" => Algorithm::Sha256,
            "sha384" => Algorithm::Sha384,
            "sha512" => Algorithm::Sha512,
            other => panic!("{id}: {other}"),
        };
        let value = vector["expect"]["value"].as_str().unwrap();
        let digest = Digest::of(algorithm, &bytes);
        assert_eq!(digest.to_string(), value, "{id}");
        let read = Digest::parse(value).unwrap();
        assert_eq!((read, read.algorithm()), (digest, algorithm), "{id}");
        assert!(read.matches(&bytes) && !read.matches(&bytes[1..]), "{id}");
        count += 1;
    }
    println!("vectors.json, kind digest: {count} values as stated");
    assert!(count >= 10);
}

/// RFC 9475: over the body of the message, in the claim `msgi`.
#[test]
fn message_digests() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, token) in vectors.of_kind("passport").filter(|(_, token)| token["body_base64"].is_string()) {
        let payload: Value = serde_json::from_slice(&payload(token)).unwrap();
        let digest = Digest::parse(payload["msgi"].as_str().unwrap()).unwrap();
        assert!(digest.matches(&base64(&token["body_base64"])), "{id}");
        count += 1;
    }
    println!("vectors.json, tokens with msgi: {count} as stated");
    assert!(count >= 1);
}

#[test]
fn claim_constraints() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, vector) in vectors.of_kind("claim-constraints") {
        let der = hex(&vector["der_hex"]);
        let forms = match vector["note"].as_str().unwrap() {
            "RFC 8226 form" => [ConstraintsForm::Plain; 2],
            // Malformed as either, or the newer one.
            _ if vector["expect"]["value"].is_null() => [ConstraintsForm::Plain, ConstraintsForm::Enhanced],
            _ => [ConstraintsForm::Enhanced; 2],
        };
        for form in forms {
            let outcome = ClaimConstraints::from_der(&der, form);
            match &vector["expect"]["value"] {
                Value::Null => {
                    assert!(matches!(outcome, Err(Error::ClaimConstraintsInvalid { .. })), "{id}");
                }
                value => assert_eq!(&shown(&outcome.unwrap()), value, "{id}"),
            }
        }
        count += 1;
    }
    println!("vectors.json, kind claim-constraints: {count} values as stated");
    assert!(count >= 5);
}

/// In the form in which the vectors state them.
fn shown(constraints: &ClaimConstraints) -> Value {
    let names = |names: Vec<&str>| if names.is_empty() { Value::Null } else { names.into() };
    let permitted = constraints.permitted_values().iter();
    let permitted: Vec<Value> = permitted
        .map(|p| serde_json::json!({"claim": p.claim(), "values": p.values().collect::<Vec<_>>()}))
        .collect();
    serde_json::json!({
        "mustInclude": names(constraints.must_include().collect()),
        "permittedValues": if permitted.is_empty() { Value::Null } else { permitted.into() },
        "mustExclude": names(constraints.must_exclude().collect()),
    })
}
