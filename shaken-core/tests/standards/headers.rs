//! Keys, Identity headers, and compact forms.

use std::collections::BTreeMap;

use shaken_core::mky::Fingerprints;
use shaken_core::sip::{Uri, date};
use shaken_core::verify::CallScratch;
use shaken_core::{Call, Error, Identity, Party, key};

use crate::rig::{Vectors, World, judge};

#[test]
fn keys_are_read_and_belong_together() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, vector) in vectors.of_kind("key") {
        let public =
            key::verifying_key_from_pem(vector["public_key_pem"].as_str().unwrap().as_bytes()).unwrap();
        if let Some(private) = vector["private_key_pem"].as_str() {
            let private = key::signing_key_from_pem(private.as_bytes()).unwrap();
            assert!(private.verifying_key().unwrap() == public, "{id}");
        }
        count += 1;
    }
    println!("vectors.json, kind key: {count} read");
    assert!(count >= 4);
}

/// Each is taken or refused as stated. `lenient` leaves the choice: ours is to take another order
/// of parameters, and to refuse an `info` without angle brackets, which nobody could tell from the
/// parameters behind it.
#[test]
fn headers_are_read_as_stated() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, vector) in vectors.of_kind("identity-header") {
        let value = vector["identity_header"].as_str().unwrap();
        // A token and `info` that disagree is found one step later.
        let world = World::new();
        let certificate =
            world.certificate(vectors.get("KEY-A1")["public_key_pem"].as_str().unwrap(), 1_443_208_345);
        let certificates =
            BTreeMap::from([("https://cert.example.org/passport.cer".to_owned(), certificate)]);
        let dest = [crate::rig::party("12155550131")];
        let call = Call::new(crate::rig::party("12155550121"), &dest);
        let mut scratch = CallScratch::new();
        let verdict = judge(&[value], &call, &certificates, &mut scratch, 1_443_208_345);
        let outcome = verdict.and_then(|verdict| verdict.result().map(drop));
        match vector["expect"]["result"].as_str().unwrap() {
            "accept" => {
                assert_eq!(outcome, Ok(()), "{id}");
                let info = vector["expect"]["value"]["info"].as_str();
                let info = info.unwrap_or("https://cert.example.org/passport.cer");
                assert_eq!(info, Identity::parse(value.as_bytes()).unwrap().info(), "{id}");
            }
            "reject" => {
                let error = outcome.unwrap_err();
                if let Some(code) = vector["expect"]["code"].as_u64() {
                    assert_eq!(u64::from(error.sip().code), code, "{id}: {error:?}");
                }
            }
            _ => assert!(
                matches!(outcome, Ok(()) | Err(Error::InfoSyntax | Error::ParamSyntax { .. })),
                "{id}: {outcome:?}"
            ),
        }
        count += 1;
    }
    println!("vectors.json, kind identity-header: {count} as stated");
    assert!(count >= 14);
}

#[test]
fn compact_forms_are_rebuilt() {
    let Some(vectors) = Vectors::read() else { return };
    let (world, mut count) = (World::new(), 0);
    for (id, vector) in vectors.of_kind("compact") {
        let inputs = &vector["inputs"];
        let party = |name: &str| {
            let text = inputs[name].as_str().unwrap();
            Party::of(&Uri::parse(text.split(['<', '>']).nth(1).unwrap().as_bytes()).unwrap())
        };
        let dest = [party("to")];
        let date = date::parse(inputs["date"].as_str().unwrap().as_bytes()).unwrap();
        let lines: Vec<&str> =
            inputs["sdp_lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let sdp = lines.join("\r\n");
        let fingerprints = Fingerprints::from_sdp(sdp.as_bytes()).unwrap();
        let call = Call::new(party("from"), &dest).with_date(date).with_fingerprints(&fingerprints);

        let now = i64::try_from(date).unwrap();
        let certificate = world.certificate(vector["public_key_pem"].as_str().unwrap(), now);
        let certificates =
            BTreeMap::from([("https://cert.example.org/passport.cer".to_owned(), certificate)]);
        let mut scratch = CallScratch::new();
        let value = vector["identity_header"].as_str().unwrap();
        let verdict = judge(&[value], &call, &certificates, &mut scratch, now).unwrap();
        let outcome = verdict.headers().next().unwrap().outcome().map(drop);
        let stated = match vector["expect"]["signature"].as_str().unwrap() {
            "valid" => Ok(()),
            _ => Err(Error::SignatureInvalid),
        };
        assert_eq!(outcome, stated, "{id}");
        // Good as it is, it says nothing about a right to the number.
        if outcome.is_ok() {
            assert_eq!(verdict.result().err(), Some(Error::ShakenMissing), "{id}");
        }
        count += 1;
    }
    println!("vectors.json, kind compact: {count} as stated");
    assert!(count >= 4);
}
