//! Tokens of every type, each with a call that is as the token says.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use shaken_core::cert::crl::{self, Crl};
use shaken_core::cert::{TnAuthList, read_chain};
use shaken_core::mky::Fingerprints;
use shaken_core::passport::check_signature;
use shaken_core::trust::StiPa;
use shaken_core::verify::CallScratch;
use shaken_core::{Call, Error, Scratch, Trust, TrustedCert, key};

use crate::rig::{Vectors, World, all_claimed, claimed, header_of, judge};

/// What a token is made of, as far as a call must be as it says.
fn claims_of(vector: &Value) -> Option<Value> {
    serde_json::from_str(vector["payload_json"].as_str()?).ok()
}

/// The PASSporTs that a diversion follows.
const BEFORE: &[(&str, &[&str])] = &[
    ("C5", &["C3"]),
    ("C11", &["C5", "C3"]),
    ("C12", &["C3"]),
    ("C13", &["C3"]),
    ("C14", &["C2"]),
    ("C16", &["C3"]),
    ("C18", &["C11"]),
    ("D1", &["D2"]),
    ("T2", &["T1"]),
];

/// What refuses the tokens that the vectors want refused, where the signature does not.
const REFUSED_BY: &[(&str, &str)] = &[
    ("R2", "claim-type"),
    ("D3", "claim-type"),
    ("RPH-RFC8443", "json-syntax"),
    ("OOB-RFC8816", "claim-type"),
    ("C13", "div-unchanged"),
    ("C16", "opt-unexpected"),
    ("C21", "sph-invalid"),
    ("C22", "sph-invalid"),
    ("C26", "rcdi-digest-missing"),
    ("C29", "claim-missing"),
    ("TD2", "tn-not-authorized"),
    ("TD5", "tn-auth-list-not-encompassed"),
    ("TR1", "cert-revoked"),
    ("TR2", "cert-revoked"),
    ("TC9", "claim-constraints-twice"),
];

#[test]
fn tokens_are_judged_as_stated() {
    let Some(vectors) = Vectors::read() else { return };
    let world = World::new();
    let (mut accepted, mut refused, mut open) = (0, 0, 0);
    for (id, vector) in vectors.of_kind("passport") {
        let expect = &vector["expect"];
        let outcome = outcome_of(id, vector, &vectors, &world);
        match expect["accept"].as_bool() {
            Some(true) => {
                assert_eq!(outcome, Ok(()), "{id}: {}", expect["result"]);
                accepted += 1;
            }
            Some(false) => {
                let error = outcome.expect_err(id);
                if let Some((_, name)) = REFUSED_BY.iter().find(|(known, _)| *known == id) {
                    assert_eq!(error.name(), *name, "{id}: {}", expect["result"]);
                } else {
                    let is_of_signature = [2, 6].contains(&(error.code() / 100));
                    let is_of_constraints = (340..350).contains(&error.code()) && id.starts_with("TC");
                    assert!(is_of_signature || is_of_constraints, "{id}: {error:?}, {}", expect["result"]);
                }
                refused += 1;
            }
            // Whether they are of use depends on what comes with them.
            None => {
                let name = outcome.map_or_else(|error| error.name(), |()| "accept");
                let ours = [
                    ("D1", "div-chain-incomplete"),
                    ("C12", "div-orig-mismatch"),
                    ("C18", "div-chain-incomplete"),
                    ("C19", "ppt-unsupported"),
                    ("C28", "accept"),
                ];
                if let Some((_, expected)) = ours.iter().find(|(known, _)| *known == id) {
                    assert_eq!(name, *expected, "{id}");
                }
                open += 1;
            }
        }
        check_raw_signature(id, vector);
    }
    println!("vectors.json, kind passport: {accepted} accepted, {refused} refused, {open} open, as stated");
    assert!(accepted >= 36 && refused >= 30);
}

fn outcome_of(id: &str, vector: &Value, vectors: &Vectors, world: &World) -> Result<(), Error> {
    let Some(claims) = claims_of(vector) else {
        // Its payload is no JSON, so that no call is like it.
        let mut scratch = Scratch::new();
        let passport =
            shaken_core::passport::Passport::decode(vector["token"].as_str().unwrap(), &mut scratch)?;
        return shaken_core::json::check(passport.payload());
    };
    let before = BEFORE.iter().find(|(known, _)| *known == id).map_or(&[][..], |(_, before)| before);
    let all: Vec<&Value> = [vector].into_iter().chain(before.iter().map(|id| vectors.get(id))).collect();
    let headers: Vec<String> = all.iter().map(|vector| header_of(vector)).collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let now = vector["now"].as_i64().unwrap_or(1_443_208_345);

    let mut certificates = BTreeMap::new();
    for token in &all {
        let header: Value = serde_json::from_str(token["header_json"].as_str().unwrap()).unwrap();
        let url = header["x5u"].as_str().unwrap().to_owned();
        certificates.insert(url, certificate(token, vectors, world, now)?);
    }
    // A `dest` that is no array has no parties; the call is then to anybody.
    let mut dest = all_claimed(&claims["dest"]);
    if dest.is_empty() {
        dest.push(crate::rig::party("12155550131"));
    }
    let lines = vector["inputs"]["sdp_lines"].as_array().into_iter().flatten();
    let sdp = lines.map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n");
    let fingerprints = Fingerprints::from_sdp(sdp.as_bytes()).unwrap();
    let mut call = Call::new(claimed(&claims["orig"]), &dest);
    if !sdp.is_empty() {
        call = call.with_fingerprints(&fingerprints);
    }
    let body = vector["body_base64"].as_str().map(|text| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    });
    if let Some(body) = &body {
        call = call.with_body(body);
    }
    let auth = claims["rph"]["auth"].as_array().into_iter().flatten();
    let auth = auth.map(|value| value.as_str().unwrap()).collect::<Vec<_>>().join(", ");
    if !auth.is_empty() {
        call = call.with_resource_priority(&auth).with_priority(claims["sph"].as_str().unwrap_or(""));
    }
    let mut scratch = CallScratch::new();
    let verdict = judge(&headers, &call, &certificates, &mut scratch, now)?;
    verdict.headers().next().unwrap().outcome().map(drop)
}

/// The certificate that the vector has, or one made for its key.
fn certificate(vector: &Value, vectors: &Vectors, world: &World, now: i64) -> Result<TrustedCert, Error> {
    let Some(chain) = vector["chain_pem"].as_str() else {
        let common = || vectors.get("KEY-A1")["public_key_pem"].as_str();
        let key = vector["public_key_pem"].as_str().or_else(common);
        return Ok(world.certificate(key.unwrap(), now));
    };
    let pem = |id: &str| vectors.get(id)["cert_pem"].as_str().unwrap();
    let mut trust = Trust::from_pem(pem(vector["trust_anchor"].as_str().unwrap()).as_bytes()).unwrap();
    let sti_pa = StiPa::from_pem(pem("CERT-paroot").as_bytes()).unwrap();
    let signers = read_chain(pem("CERT-crliss").as_bytes()).unwrap();
    let list = crl::decode(vectors.get("CRL1")["crl_pem"].as_str().unwrap().as_bytes()).unwrap();
    let list = Crl::from_der(&list).unwrap().verify(&signers, &sti_pa, now).unwrap();
    trust.update_crl(Arc::new(list)).unwrap();
    let trusted = TrustedCert::from_pem(chain.as_bytes(), &trust, now)?;
    // A list by reference is whatever its URL has; who has it at hand supplies it.
    let urls: Vec<String> = trusted.missing_tn_auth_lists().map(str::to_owned).collect();
    urls.iter().try_fold(trusted, |trusted, url| {
        let resources = vectors.of_kind("certificate").map(|(_, vector)| &vector["by_reference"]);
        let resource = resources.into_iter().find(|resource| resource["url"] == *url).unwrap();
        let hex = resource["der_hex"].as_str().unwrap().as_bytes().chunks(2);
        let der: Vec<u8> =
            hex.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
        trusted.with_tn_auth_list(url, &TnAuthList::from_der(&der)?)
    })
}

/// The signature alone, by the key alone.
fn check_raw_signature(id: &str, vector: &Value) {
    let Some(public) = vector["public_key_pem"].as_str() else { return };
    let public = key::verifying_key_from_pem(public.as_bytes()).unwrap();
    let outcome = check_signature(vector["token"].as_str().unwrap(), &public, &mut Scratch::new());
    match vector["expect"]["signature"].as_str().unwrap() {
        "valid" => assert_eq!(outcome, Ok(()), "{id}"),
        "unverifiable" => {}
        _ => assert!(outcome.is_err(), "{id}"),
    }
}
