//! External suites against the lowest layers: base64url, JSON, ES256.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use shaken_core::es256::{Signature, VerifyingKey};
use shaken_core::{Error, Scratch, base64url, json, passport};
use shaken_test_vectors::suites::{suite, suite_text};

#[test]
fn base64url_cases() {
    let Some(text) = suite_text("suites/base64url/cases.json") else {
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut refused = 0;
    for case in &cases {
        let mut buffer = vec![0; 64 * 1024];
        let result = base64url::decode(case["in"].as_str().unwrap().as_bytes(), &mut buffer);
        match case["expect"].as_str() {
            Some(expected) => match expected.strip_prefix("len:") {
                Some(len) => assert_eq!(result.unwrap().len().to_string(), len, "{case}"),
                None => assert_eq!(result, Ok(unhex(expected).as_slice()), "{case}"),
            },
            None => {
                assert_eq!(result, Err(Error::Base64Invalid), "{case}");
                refused += 1;
            }
        }
    }
    println!("base64url: {} cases, {refused} refused as they must be", cases.len());
    assert!(!cases.is_empty());
}

/// `y_` must parse (but for the two with duplicate names, which RFC 7515 §4 lets us refuse),
/// `n_` must not, `i_` is our choice and stands in a golden file.
#[test]
fn json_test_suite() {
    const DUPLICATES: [&str; 2] = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];
    let Some(folder) = suite("suites/JSONTestSuite/test_parsing") else {
        return;
    };
    let golden: BTreeMap<&str, &str> =
        include_str!("golden/json-choices.tsv").lines().filter_map(|line| line.split_once('\t')).collect();
    let (mut accepted, mut refused, mut chosen) = (0, 0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let outcome = json::check(&std::fs::read(&path).unwrap());
        match name.as_bytes()[0] {
            b'y' if DUPLICATES.contains(&name) => {
                assert_eq!(outcome.unwrap_err().name(), "json-duplicate-member", "{name}");
                accepted += 1;
            }
            b'y' => {
                assert_eq!(outcome, Ok(()), "{name}");
                accepted += 1;
            }
            b'n' => {
                assert!(outcome.is_err(), "{name}");
                refused += 1;
            }
            _ => {
                let verdict = outcome.map_or_else(|e| e.name(), |()| "accept");
                // A file that is not in the golden list is held to the strict choice.
                let expected = golden.get(name).copied();
                assert!(
                    expected.map_or(verdict != "accept", |expected| expected == verdict),
                    "{name}: {verdict}"
                );
                chosen += 1;
            }
        }
    }
    println!("JSONTestSuite: {accepted} y, {refused} n refused, {chosen} i as chosen");
    assert!(accepted > 0 && refused > 0);
}

#[test]
fn wycheproof_p1363() {
    let Some(text) = suite_text("suites/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json") else {
        return;
    };
    let suite: Value = serde_json::from_str(&text).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in suite["testGroups"].as_array().unwrap() {
        let key =
            VerifyingKey::from_uncompressed(&unhex(group["publicKey"]["uncompressed"].as_str().unwrap()))
                .unwrap();
        for test in group["tests"].as_array().unwrap() {
            let message = unhex(test["msg"].as_str().unwrap());
            // Other lengths than 64 bytes cannot become a signature at all.
            let signature =
                <[u8; 64]>::try_from(unhex(test["sig"].as_str().unwrap())).map(Signature::from_bytes);
            let outcome = signature.is_ok_and(|signature| key.verify(&message, &signature).is_ok());
            assert_eq!(outcome, test["result"] == "valid", "{test}");
            *if outcome { &mut valid } else { &mut invalid } += 1;
        }
    }
    println!(
        "wycheproof p1363: {} of {} ({valid} valid, {invalid} invalid)",
        valid + invalid,
        suite["numberOfTests"]
    );
    assert_eq!(valid + invalid, suite["numberOfTests"].as_u64().unwrap());
}

#[test]
fn wycheproof_jws() {
    let Some(text) = suite_text("suites/wycheproof/json_web_signature_test.json") else {
        return;
    };
    let suite: Value = serde_json::from_str(&text).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in suite["testGroups"].as_array().unwrap() {
        let jwk = &group["public"];
        if jwk["crv"] != "P-256" {
            continue;
        }
        for test in group["tests"].as_array().unwrap() {
            let outcome = verify_with_jwk(test["jws"].as_str().unwrap(), jwk);
            assert_eq!(outcome, test["result"] == "valid", "{test}");
            *if outcome { &mut valid } else { &mut invalid } += 1;
        }
    }
    println!("wycheproof JWS on P-256: {} ({valid} valid, {invalid} invalid)", valid + invalid);
    assert!(valid > 0 && invalid > 0);
}

/// Keys come from certificates here; this stands in for a resolver of JWKs, which has to respect
/// what a key may be used for (RFC 7517 §4.2, §4.3).
fn verify_with_jwk(jws: &str, jwk: &Value) -> bool {
    let may_verify = jwk.get("use").is_none_or(|usage| usage == "sig")
        && jwk.get("key_ops").is_none_or(|ops| ops.as_array().unwrap().iter().any(|op| op == "verify"));
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let key = VerifyingKey::from_uncompressed(&point).unwrap();
    may_verify && passport::check_signature(jws, &key, &mut Scratch::new()).is_ok()
}

/// Keys that are no points on P-256: invalid curve attacks, other curves, odd encodings.
#[test]
fn wycheproof_ecpoint() {
    let Some(text) = suite_text("suites/wycheproof/ecdh_secp256r1_ecpoint_test.json") else {
        return;
    };
    let suite: Value = serde_json::from_str(&text).unwrap();
    let mut count = 0;
    for group in suite["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let point = unhex(test["public"].as_str().unwrap());
            let outcome = VerifyingKey::from_uncompressed(&point);
            // Compressed points are refused by choice.
            let expected = test["result"] == "valid" && point.len() == 65;
            assert_eq!(outcome.is_ok(), expected, "{test}");
            count += 1;
        }
    }
    println!("wycheproof ecpoint: {count} keys");
    assert!(count > 0);
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}
