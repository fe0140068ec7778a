//! A token, and what its two JSON texts say.

mod claims;

use serde::de::IgnoredAny;
use serde_json::Value;
use shaken_core::passport::{Claims, Passport, Ppt, segments};
use shaken_core::verify::CallScratch;
use shaken_core::{Call, Error, Identity, Party, Scratch, TelephoneNumber, Verifier, base64url, json};
use shaken_test_vectors::VectorFile;

use crate::base64url;
use crate::provider::{PROVIDER, X5U};
use crate::rig::NOW;

/// The input is read as a token; and, split at its first line break, as protected header and
/// payload, which are encoded and read as the token that they make.
///
/// What parses encodes to the same text again, its JSON is JSON to another parser too and says the
/// same there, and its claims can be signed and verified back to the same.
pub fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        token(text);
    }
    if let Some(at) = bytes.iter().position(|b| *b == b'\n') {
        parts(&bytes[..at], &bytes[at + 1..]);
    }
}

fn token(text: &str) {
    let count = text.split('.').count();
    match segments(text) {
        Ok(found) => assert_eq!((found.join(".").as_str(), count), (text, 3)),
        Err(error) => assert!(error == Error::TokenSegments { count } && count != 3),
    }
    let mut scratch = Scratch::new();
    match Passport::decode(text, &mut scratch) {
        Ok(passport) => encodes_again(&passport, text),
        Err(error) => assert!((200..300).contains(&error.code()), "{error:?} is not an error of the token"),
    }

    // In a header the compact form is known as such, and refused as such, whatever it holds.
    let header = format!("{text};info=<{X5U}>;ppt=shaken");
    let Ok(identity) = Identity::parse(header.as_bytes()) else { return };
    // White space around the token is the header's.
    assert_eq!(identity.is_compact(), text.trim_start().starts_with(".."));
    let (orig, dest) = numbers();
    let mut scratch = Scratch::new();
    let screened = Verifier::default().screen(&identity, &Call::new(orig, &dest), &mut scratch, NOW);
    match screened {
        Ok(screened) => assert_eq!(screened.x5u().as_str(), X5U),
        Err(error) => assert_eq!(error == Error::CompactForm, identity.is_compact(), "{error:?}"),
    }
    if identity.is_compact() {
        rebuilt(text);
    }
}

/// A compact form of the types that may have one is rebuilt from the call, and refused for its own
/// faults alone. Nobody signed that call, and without a Date there is nothing to rebuild.
fn rebuilt(text: &str) {
    let (orig, dest) = numbers();
    for ppt in Ppt::ALL {
        let params = ppt.as_str().map(|ppt| format!(";ppt={ppt}")).unwrap_or_default();
        let header = format!("{text};info=<{X5U}>{params}");
        let call = Call::new(orig, &dest).with_display_name("Ada \"Countess\" Lovelace");
        for (call, has_date) in [(call, false), (call.with_date(NOW.unsigned_abs()), true)] {
            let (verifier, mut scratch) = (Verifier::default(), CallScratch::new());
            let screened = verifier.screen_call([header.as_bytes()], &call, &mut scratch, NOW);
            let screened = screened.unwrap_or_else(|error| panic!("one header: {error}"));
            let is_worth_a_certificate = screened.x5us().count() == 1;
            let verdict = verifier.verify_call(screened, |_| Ok(&PROVIDER.certificate), NOW);
            assert!(verdict.result().is_err(), "{header} passes");
            let mut headers = verdict.headers();
            let (Some(found), None) = (headers.next(), headers.next()) else { panic!("one header") };
            let Err(error) = found.outcome() else { panic!("{header} is verified") };
            match error {
                Error::CompactForm => assert!(!ppt.may_be_compact()),
                Error::CompactDateMissing => assert!(ppt.may_be_compact() && !has_date),
                Error::SignatureInvalid => {
                    assert!(ppt.may_be_compact() && has_date && is_worth_a_certificate)
                }
                error => assert!(has_date && matches!(error.code() / 100, 2 | 6), "{ppt:?}: {error:?}"),
            }
        }
    }
}

fn numbers() -> (Party<'static>, [Party<'static>; 1]) {
    let number = |text| Party::Number(TelephoneNumber::parse(text).unwrap_or_else(|error| panic!("{error}")));
    (number("12025550101"), [number("12025550187")])
}

/// Base64url is canonical, and the signed bytes are those of the token.
fn encodes_again(passport: &Passport<'_>, text: &str) {
    let [header, payload, signature] = segments(text).unwrap_or_else(|error| panic!("decoded, but: {error}"));
    assert_eq!(passport.signed(), format!("{header}.{payload}").as_bytes());
    assert_eq!(base64url(passport.payload()), payload);
    let mut room = vec![0; header.len()];
    let decoded = base64url::decode(header.as_bytes(), &mut room).map(base64url);
    assert_eq!(decoded.as_deref(), Ok(header));
    match passport.signature() {
        Ok(found) => assert_eq!(base64url(found.as_ref()), signature),
        Err(error) => assert!(matches!(error, Error::SignatureLength { .. } | Error::Base64Invalid)),
    }
}

fn parts(header: &[u8], payload: &[u8]) {
    for text in [header, payload] {
        if json::check(text).is_ok() {
            let other = serde_json::from_slice::<IgnoredAny>(text);
            assert!(other.is_ok(), "{:?} is JSON to us alone: {other:?}", String::from_utf8_lossy(text));
        }
    }
    let token = format!("{}.{}.{}", base64url(header), base64url(payload), "A".repeat(86));
    let mut scratch = Scratch::new();
    if let Ok(passport) = Passport::decode(&token, &mut scratch) {
        assert_eq!(passport.payload(), payload);
        encodes_again(&passport, &token);
        if let Ok(other) = serde_json::from_slice::<Value>(header) {
            assert_eq!(other["alg"], "ES256");
            assert_eq!(other["typ"], "passport");
            assert_eq!(other["x5u"], passport.x5u().to_string());
            assert_eq!(other["ppt"].as_str(), passport.ppt().map(|ppt| ppt.to_string()).as_deref());
        }
    }
    for ppt in Ppt::ALL {
        match Claims::read(ppt, payload) {
            Ok(claims) => {
                assert_eq!(claims.ppt(), ppt);
                claims::say_the_same(&claims, payload);
                claims::sign_and_verify(&claims, payload);
            }
            Err(error) => {
                assert!((200..400).contains(&error.code()), "{error:?} is not an error of the claims")
            }
        }
    }
}

/// The tokens of the vectors, their compact form, and their decoded parts.
pub(crate) fn seeds(vectors: &[VectorFile]) -> Vec<Vec<u8>> {
    let tokens = crate::identity_values(vectors)
        .filter_map(|value| Identity::parse(value.as_bytes()).ok())
        .map(|identity| identity.token());
    let mut seeds: Vec<Vec<u8>> = OF_EVERY_TYPE.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    for token in tokens {
        seeds.push(token.as_bytes().to_vec());
        let Ok([header, payload, signature]) = segments(token) else { continue };
        seeds.push(format!("..{signature}").into_bytes());
        let decode = |segment: &str| {
            let mut room = vec![0; segment.len()];
            base64url::decode(segment.as_bytes(), &mut room).map(<[u8]>::to_vec)
        };
        if let (Ok(header), Ok(payload)) = (decode(header), decode(payload)) {
            seeds.push([header.as_slice(), b"\n", &payload].concat());
        }
    }
    seeds
}

/// Numbers and URIs, not in their order, and each claim of each type.
const OF_EVERY_TYPE: [&str; 8] = [
    r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cr.example.com/shaken.pem"}
{"attest":"B","dest":{"tn":["12155550132","12155550131","911"],"uri":["sip:b@example.com"]},"iat":1780272000,"orig":{"tn":"12155550121"},"origid":"\u0061\"\\"}"#,
    r#"{"alg":"ES256","typ":"passport","x5u":"https://cr.example.com/shaken.pem"}
{"dest":{"tn":["12155550131"]},"iat":1780272000,"mky":[{"alg":"sha-256","dig":"4AADB9B1"}],"orig":{"uri":"sip:a@example.com"}}"#,
    r#"{"alg":"ES256","ppt":"div","typ":"passport","x5u":"https://cr.example.com/shaken.pem"}
{"dest":{"tn":["12155550132","12155550133"]},"div":{"hi":"1.1","tn":"12155550131"},"iat":1780272000,"orig":{"tn":"12155550121"}}"#,
    r#"{"alg":"ES256","ppt":"div-o","typ":"passport","x5u":"https://cr.example.com/shaken.pem"}
{"dest":{"tn":["12155550132"]},"div":{"tn":"12155550131"},"iat":1780272000,"opt":"eyJh.eyJi.c2ln","orig":{"tn":"12155550121"}}"#,
    r#"{"alg":"ES256","ppt":"rph","typ":"passport","x5u":"https://cr.example.com/shaken.pem"}
{"dest":{"tn":["911"]},"iat":1780272000,"orig":{"tn":"12155550121"},"rph":{"auth":["esnet.1","ETS.0"]},"sph":"psap-callback"}"#,
    r#"{"alg":"ES256","ppt":"rcd","typ":"passport","x5u":"https://cr.example.com/shaken.pem"}
{"crn":"why","dest":{"tn":["12155550131"]},"iat":1780272000,"iss":"SHAKEN 1234","orig":{"tn":"12155550121"},"rcd":{"apn":"12155550199","icn":"https://example.com/a.png","jcd":["vcard",[["fn",{},"text","Ada"],["logo",{},"uri","https://example.com/l.png"]]],"nam":"Ada"},"rcdi":{"/icn":"sha256-47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","/jcd/1/1/3":"sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg_SpIdNs6c5H0NE8XYXysP-DGNKHfuwvY7kxvUdBeoGlODJ6-SfaPg"}}"#,
    r#"{"alg":"ES256","ppt":"msg","typ":"passport","x5u":"https://cr.example.com/shaken.pem"}
{"dest":{"tn":["12155550131"]},"iat":1780272000,"msgi":"sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb","orig":{"tn":"12155550121"}}"#,
    "..AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];
