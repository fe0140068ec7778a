//! What signing writes: the exact bytes that the vectors sign.

use serde_json::Value;
use shaken_core::mky::Fingerprints;
use shaken_core::passport::{Ppt, base, div, msg, rph, segments, shaken};
use shaken_core::sign::{MAX_HEADER_LEN, Unsigned};
use shaken_core::write::Out;
use shaken_core::{Attest, Error, Signer, key};

use crate::rig::{Vectors, World, all_claimed, claimed};

const X5U: &str = "https://cert.example.org/passport.cer";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The payload that we write for the claims of a token of this type.
fn write(
    claims: &Value,
    vector: &Value,
    ppt: Option<&str>,
    mut show: impl FnMut(&dyn Fn(&mut Out<'_>) -> Ppt),
) {
    let dest = all_claimed(&claims["dest"]);
    let lines = vector["inputs"]["sdp_lines"].as_array().into_iter().flatten();
    let mut sdp = lines.map(text).collect::<Vec<_>>().join("\n");
    for entry in claims["mky"].as_array().into_iter().flatten() {
        let dig = text(&entry["dig"]).as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        sdp += &format!("\na=fingerprint:{} {}", text(&entry["alg"]), dig.collect::<Vec<_>>().join(":"));
    }
    let fingerprints = Fingerprints::from_sdp(sdp.as_bytes()).unwrap();
    let base = base::NewClaims::new(claimed(&claims["orig"]), &dest, claims["iat"].as_u64().unwrap())
        .unwrap()
        .with_fingerprints(&fingerprints);
    match ppt {
        None => show(&|out| written(&base, out)),
        Some("shaken") => {
            let attest: Attest = text(&claims["attest"]).parse().unwrap();
            let claims = shaken::NewClaims::new(base, attest, text(&claims["origid"])).unwrap();
            show(&|out| written(&claims, out));
        }
        Some("div" | "div-o") => {
            let mut diversion = div::NewClaims::new(base, claimed(&claims["div"])).unwrap();
            if let Some(index) = claims["div"]["hi"].as_str() {
                diversion = diversion.with_history_index(index);
            }
            if let Some(token) = claims["opt"].as_str() {
                diversion = diversion.around(token).unwrap();
            }
            show(&|out| written(&diversion, out));
        }
        Some("rph") => {
            let auth: Vec<&str> = claims["rph"]["auth"].as_array().unwrap().iter().map(text).collect();
            let callback = if claims["sph"].is_null() { rph::Callback::No } else { rph::Callback::Psap };
            let claims = rph::NewClaims::new(base, &auth, callback).unwrap();
            show(&|out| written(&claims, out));
        }
        Some("msg") => {
            use base64::Engine as _;
            let body =
                base64::engine::general_purpose::STANDARD.decode(text(&vector["body_base64"])).unwrap();
            let claims = msg::NewClaims::new(base, &body);
            show(&|out| written(&claims, out));
        }
        Some(other) => panic!("{other} is written by another test"),
    }
}

fn written(claims: &impl Unsigned, out: &mut Out<'_>) -> Ppt {
    claims.write(out);
    claims.ppt()
}

/// Tokens that nothing is wrong with are written byte for byte as they are.
#[test]
fn payloads_are_written_as_the_tokens_have_them() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, vector) in vectors.of_kind("passport") {
        let Ok(header) = serde_json::from_str::<Value>(vector["header_json"].as_str().unwrap_or("")) else {
            continue;
        };
        let payload = vector["payload_json"].as_str().unwrap_or("");
        let ppt = header["ppt"].as_str();
        // Rich call data is written by a test of its own; C32 is in no order, on purpose.
        if vector["expect"]["accept"] != true || payload.contains("rcd") || id == "C32" {
            continue;
        }
        let claims: Value = serde_json::from_str(payload).unwrap();
        write(&claims, vector, ppt, |write| {
            let mut buffer = [0; 8192];
            let mut out = Out::new(&mut buffer);
            assert_eq!(write(&mut out).as_str(), ppt, "{id}");
            assert_eq!(out.finish().unwrap(), payload, "{id}");
        });
        count += 1;
    }
    println!("vectors.json, kind passport: {count} payloads written as the tokens have them");
    assert!(count >= 25);
}

/// The header of each type, and the parameters behind the token.
#[test]
fn every_type_is_signed_with_its_own_header() {
    let world = World::new();
    let (key_pem, chain_pem) = world.provider();
    let signer =
        Signer::new(key::signing_key_from_pem(key_pem.as_bytes()).unwrap(), chain_pem.as_bytes(), X5U)
            .unwrap();
    let (orig, dest) = (crate::rig::party("12155550121"), [crate::rig::party("12155550131")]);
    let base = base::NewClaims::new(orig, &dest, 1_443_208_345).unwrap();
    let diversion = div::NewClaims::new(base, crate::rig::party("12155550199")).unwrap();
    let mut buffer = [0; MAX_HEADER_LEN];
    let header = signer.sign(&diversion, &mut buffer).unwrap();
    let (token, params) = header.split_once(';').unwrap();
    assert_eq!(params, format!("info=<{X5U}>;alg=ES256;ppt=div"));
    let mut room = [0; 512];
    let [protected, ..] = segments(token).unwrap();
    assert_eq!(
        shaken_core::base64url::decode(protected.as_bytes(), &mut room).unwrap(),
        format!(r#"{{"alg":"ES256","ppt":"div","typ":"passport","x5u":"{X5U}"}}"#).as_bytes()
    );

    let mut buffer = [0; MAX_HEADER_LEN];
    let header = signer.sign(&base, &mut buffer).unwrap();
    assert!(header.ends_with(&format!(";info=<{X5U}>;alg=ES256")), "{header}");
    let mut buffer = [0; MAX_HEADER_LEN];
    let compact = signer.sign_compact(&base, &mut buffer).unwrap();
    assert!(compact.starts_with("..") && compact.len() < header.len());
    let mut buffer = [0; MAX_HEADER_LEN];
    assert_eq!(signer.sign_compact(&diversion, &mut buffer).err(), Some(Error::CompactForm));
}

/// The longest payload, a token in a token, under the longest URL.
#[test]
fn a_buffer_of_the_stated_length_is_enough() {
    let world = World::new();
    let (key_pem, chain_pem) = world.provider();
    let url = format!("https://cr.example.com/{}", "a".repeat(shaken_core::X5u::MAX_LEN - 23));
    let key = key::signing_key_from_pem(key_pem.as_bytes()).unwrap();
    let signer = Signer::new(key, chain_pem.as_bytes(), &url).unwrap();
    let (orig, dest) = (crate::rig::party("12155550121"), [crate::rig::party("12155550131")]);
    let base = base::NewClaims::new(orig, &dest, 1_443_208_345).unwrap();
    let diversion = div::NewClaims::new(base, crate::rig::party("12155550199")).unwrap();
    let mut longest = 0;
    for opt_len in (4900..5100).rev() {
        let opt = format!("e30.{}.AA", "A".repeat(opt_len));
        let mut buffer = [0; MAX_HEADER_LEN];
        match signer.sign(&diversion.around(&opt).unwrap(), &mut buffer) {
            Ok(header) => longest = longest.max(header.len()),
            // Too much for one payload, not for the buffer.
            Err(error) => assert_eq!((error.name(), longest), ("token-too-large", 0)),
        }
    }
    assert!(longest > MAX_HEADER_LEN - 1024, "{longest}");
}

/// What no verifier would read is not signed, and the caller's buffer is not blamed for it.
#[test]
fn a_payload_beyond_what_is_read_is_refused() {
    let world = World::new();
    let (key_pem, chain_pem) = world.provider();
    let key = key::signing_key_from_pem(key_pem.as_bytes()).unwrap();
    let signer = Signer::new(key, chain_pem.as_bytes(), X5U).unwrap();
    let dest = [crate::rig::party("12155550131")];
    let base = base::NewClaims::new(crate::rig::party("12155550121"), &dest, 1_443_208_345).unwrap();
    let token = format!("{0}.{0}.{0}", "A".repeat(2_000));
    let diversion = div::NewClaims::new(base, crate::rig::party("12155550199")).unwrap();
    let outcome = signer.sign(&diversion.around(&token).unwrap(), &mut [0; MAX_HEADER_LEN]).map(drop);
    assert!(matches!(outcome, Err(Error::TokenTooLarge { len_bytes: 6_000.. })), "{outcome:?}");
}
