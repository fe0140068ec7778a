//! What we sign, we verify, and nothing else: against fresh keys, flipped bits and a second
//! implementation of ECDSA.

mod pki;

use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::pkcs8::DecodePrivateKey;
use pki::{NOW, Pki, SPC_1234};
use proptest::prelude::*;
use shaken_core::passport::segments;
use shaken_core::passport::{base, shaken::NewClaims};
use shaken_core::verify::CallScratch;
use shaken_core::{
    Attest, Call, CertCache, Error, Identity, Lookup, Party, Scratch, Signer, TelephoneNumber,
    TnAuthListPolicy, Trust, TrustedCert, Verified, Verifier, base64url, key, sign,
};
use std::sync::Arc;

const X5U: &str = "https://cr.example.com/shaken.pem";
const ORIGID: &str = "123e4567-e89b-12d3-a456-426655440000";

fn party(number: &str) -> Party<'_> {
    Party::Number(TelephoneNumber::parse(number).unwrap())
}

fn call<'a>(orig: &'a str, dest: &'a [Party<'a>], iat: u64) -> Result<base::NewClaims<'a>, Error> {
    base::NewClaims::new(party(orig), dest, iat)
}

fn signer(pki: &Pki) -> Signer {
    Signer::new(key::signing_key_from_pem(pki.key_pem.as_bytes()).unwrap(), pki.chain_pem.as_bytes(), X5U)
        .unwrap()
}

fn trusted(pki: &Pki) -> TrustedCert {
    let trust = Trust::from_pem(pki.root_pem.as_bytes()).unwrap();
    TrustedCert::from_pem(pki.chain_pem.as_bytes(), &trust, NOW).unwrap()
}

fn sign_call(pki: &Pki, attest: Attest, orig: &str) -> Result<String, Error> {
    let dest = [party("12155550131"), party("12155550132")];
    let claims = NewClaims::new(call(orig, &dest, NOW.unsigned_abs())?, attest, ORIGID)?;
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    signer(pki).sign(&claims, &mut buffer).map(str::to_owned)
}

fn verify(verifier: &Verifier, header: &[u8], certificate: &TrustedCert) -> Result<Attest, Error> {
    let dest = [party("12155550132")];
    let call = Call::new(party("12155550121"), &dest);
    let mut scratch = Scratch::new();
    let screened = verifier.screen(&Identity::parse(header)?, &call, &mut scratch, NOW)?;
    verifier.verify(screened, certificate, NOW).map(|verified| verified.attest())
}

#[test]
fn every_level_there_and_back() {
    let pki = Pki::new(Some(SPC_1234));
    for attest in [Attest::A, Attest::B, Attest::C] {
        let header = sign_call(&pki, attest, "12155550121").unwrap();
        assert!(header.ends_with(&format!(";info=<{X5U}>;alg=ES256;ppt=shaken")));
        assert_eq!(verify(&Verifier::default(), header.as_bytes(), &trusted(&pki)), Ok(attest));
    }
}

/// Header and payload of the example in RFC 8588 §6, in the one serialization of RFC 8225 §9.
#[test]
fn the_signed_bytes_are_canonical() {
    let pki = Pki::new(Some(SPC_1234));
    let header = sign_call(&pki, Attest::A, "12155550121").unwrap();
    let token = header.split(';').next().unwrap();
    let [header, payload, _] = segments(token).unwrap();
    let mut buffer = [0; 1024];
    assert_eq!(
        base64url::decode(header.as_bytes(), &mut buffer).unwrap(),
        format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{X5U}"}}"#).as_bytes()
    );
    assert_eq!(
        base64url::decode(payload.as_bytes(), &mut buffer).unwrap(),
        format!(
            r#"{{"attest":"A","dest":{{"tn":["12155550131","12155550132"]}},"iat":{NOW},"orig":{{"tn":"12155550121"}},"origid":"{ORIGID}"}}"#
        )
        .as_bytes()
    );
}

/// `[2] "12155550121"` and nothing else: signer and verifier hold to it.
#[test]
fn a_list_of_numbers_is_enforced_on_both_sides() {
    let one: Vec<u8> = [&[0x30, 0x0f, 0xa2, 0x0d, 0x16, 0x0b][..], b"12155550121"].concat();
    let pki = Pki::new(Some(&one));
    let header = sign_call(&pki, Attest::A, "12155550121").unwrap();
    assert_eq!(verify(&Verifier::default(), header.as_bytes(), &trusted(&pki)), Ok(Attest::A));
    assert_eq!(sign_call(&pki, Attest::A, "12155550122"), Err(Error::TnNotAuthorized));

    let other: Vec<u8> = [&[0x30, 0x0f, 0xa2, 0x0d, 0x16, 0x0b][..], b"12155550199"].concat();
    let other = Pki::new(Some(&other));
    // Same key, another list: what the certificate says counts, not what the signer thinks.
    assert_eq!(
        verify(
            &Verifier::default(),
            sign_call(&pki, Attest::A, "12155550121").unwrap().as_bytes(),
            &trusted(&other)
        ),
        Err(Error::SignatureInvalid)
    );
}

#[test]
fn certificates_without_a_list_need_the_named_policy() {
    let with = Pki::new(Some(SPC_1234));
    let without = Pki::new(None);
    let refused = Signer::new(
        key::signing_key_from_pem(without.key_pem.as_bytes()).unwrap(),
        without.chain_pem.as_bytes(),
        X5U,
    );
    assert_eq!(refused.err(), Some(Error::TnAuthListMissing));

    let header = resigned(&sign_call(&with, Attest::B, "12155550121").unwrap(), &without);
    let certificate = trusted(&without);
    let strict = Verifier::default();
    assert_eq!(verify(&strict, header.as_bytes(), &certificate), Err(Error::TnAuthListMissing));
    let lenient = strict.with_tn_auth_list(TnAuthListPolicy::AllowMissing);
    assert_eq!(verify(&lenient, header.as_bytes(), &certificate), Ok(Attest::B));
}

/// The same token with a signature by another implementation and another key.
fn resigned(header: &str, pki: &Pki) -> String {
    let (token, params) = header.split_once(';').unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let key = p256::ecdsa::SigningKey::from_pkcs8_pem(&pki.key_pem).unwrap();
    let signature: p256::ecdsa::Signature = key.sign(signed.as_bytes());
    let mut buffer = [0; 128];
    let mut out = shaken_core::write::Out::new(&mut buffer);
    out.push_base64url(&signature.to_bytes());
    format!("{signed}.{};{params}", out.finish().unwrap())
}

#[test]
fn p256_agrees_in_both_directions() {
    let pki = Pki::new(Some(SPC_1234));
    let header = sign_call(&pki, Attest::C, "12155550121").unwrap();
    let (token, _) = header.split_once(';').unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut buffer = [0; 64];
    let signature = base64url::decode(signature.as_bytes(), &mut buffer).unwrap();
    let key = p256::ecdsa::SigningKey::from_pkcs8_pem(&pki.key_pem).unwrap();
    let signature = p256::ecdsa::Signature::from_slice(signature).unwrap();
    key.verifying_key().verify(signed.as_bytes(), &signature).unwrap();

    let theirs = resigned(&header, &pki);
    assert_eq!(verify(&Verifier::default(), theirs.as_bytes(), &trusted(&pki)), Ok(Attest::C));
}

#[test]
fn a_signer_checks_its_certificate_and_its_buffer() {
    let (pki, other) = (Pki::new(Some(SPC_1234)), Pki::new(Some(SPC_1234)));
    let key = || key::signing_key_from_pem(pki.key_pem.as_bytes()).unwrap();
    assert_eq!(Signer::new(key(), other.chain_pem.as_bytes(), X5U).err(), Some(Error::KeyMismatch));
    assert_eq!(
        Signer::new(key(), pki.chain_pem.as_bytes(), "http://cr.example.com/a.pem").err(),
        Some(Error::X5uScheme)
    );
    assert_eq!(Signer::new(key(), pki.root_pem.as_bytes(), X5U).err(), Some(Error::CertIsCa));

    let signer = signer(&pki);
    let dest = [party("12155550131")];
    let at = |iat| NewClaims::new(call("12155550121", &dest, iat).unwrap(), Attest::C, ORIGID).unwrap();
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    assert!(matches!(signer.sign(&at(0), &mut buffer), Err(Error::CertNotYetValid { .. })));
    assert!(matches!(signer.sign(&at(u64::MAX), &mut buffer), Err(Error::CertExpired { .. })));
    let needed_bytes = signer.sign(&at(NOW.unsigned_abs()), &mut buffer).unwrap().len();
    assert_eq!(
        signer.sign(&at(NOW.unsigned_abs()), &mut buffer[..100]).err(),
        Some(Error::BufferTooSmall { needed_bytes })
    );
}

#[test]
fn a_certificate_is_judged_at_the_time_of_the_call() {
    let pki = Pki::new(Some(SPC_1234));
    let trust = Trust::from_pem(pki.root_pem.as_bytes()).unwrap();
    let judged = |now| TrustedCert::from_pem(pki.chain_pem.as_bytes(), &trust, now).map(drop);
    let certificate = trusted(&pki);
    assert_eq!(judged(certificate.not_after()), Ok(()));
    assert!(matches!(judged(certificate.not_after() + 1), Err(Error::CertExpired { .. })));
    assert!(matches!(judged(0), Err(Error::CertNotYetValid { .. })));

    // In the cache since it was valid: the window is checked with every call, and so is how long
    // ago the call was screened.
    let header = sign_call(&pki, Attest::A, "12155550121").unwrap();
    let dest = [party("12155550131")];
    let (call, mut scratch) = (Call::new(party("12155550121"), &dest), Scratch::new());
    let verifier = Verifier::default();
    let screened =
        verifier.screen(&Identity::parse(header.as_bytes()).unwrap(), &call, &mut scratch, NOW).unwrap();
    let outcome = |verifier: &Verifier, now| verifier.verify(screened.clone(), &certificate, now).map(drop);
    assert_eq!(outcome(&verifier, NOW + 60), Ok(()));
    assert_eq!(outcome(&verifier, NOW + 61), Err(Error::IatStale { age_s: 61 }));
    let patient = verifier.with_max_age_s(u64::MAX);
    assert!(matches!(outcome(&patient, certificate.not_after() + 1), Err(Error::CertExpired { .. })));
    let dated = call.with_date(1);
    let mut scratch = Scratch::new();
    let screened =
        patient.screen(&Identity::parse(header.as_bytes()).unwrap(), &dated, &mut scratch, NOW).unwrap();
    assert!(matches!(patient.verify(screened, &certificate, NOW), Err(Error::CertNotYetValid { .. })));
}

#[test]
fn the_cache_answers_fresh_then_stale() {
    const DAY_S: i64 = 86_400;
    let pki = Pki::new(Some(SPC_1234));
    let trust = Trust::from_pem(pki.root_pem.as_bytes()).unwrap();
    let certificate = Arc::new(trusted(&pki));
    let cache = CertCache::new(1 << 20);
    assert!(matches!(cache.lookup(X5U, &trust, NOW), Lookup::Missing));
    for (max_age_s, fresh_for_s) in [
        (None, DAY_S),
        (Some(60), DAY_S),
        (Some(2 * DAY_S.unsigned_abs()), 2 * DAY_S),
        (Some(u64::MAX), 7 * DAY_S),
    ] {
        cache.insert(X5U, Arc::clone(&certificate), max_age_s, NOW);
        let after = |age_s: i64| cache.lookup(X5U, &trust, NOW + age_s);
        // The last fifth of the time is there to fetch it again.
        let due_s = fresh_for_s / 5 * 4;
        assert!(matches!(after(due_s - 1), Lookup::Fresh(_)), "{max_age_s:?}");
        assert!(matches!(after(due_s), Lookup::Due(_)), "{max_age_s:?}");
        assert!(matches!(after(fresh_for_s), Lookup::Due(_)), "{max_age_s:?}");
        assert!(matches!(after(fresh_for_s + 1), Lookup::Stale(_)), "{max_age_s:?}");
    }
    // Another URL that differs in one byte is another entry.
    assert!(matches!(cache.lookup("https://cr.example.com/shaken.pen", &trust, NOW), Lookup::Missing));
    // Neither fresh nor stale beyond the end of the path.
    let end = certificate.not_after();
    cache.insert(X5U, Arc::clone(&certificate), None, end - 10);
    assert!(matches!(cache.lookup(X5U, &trust, end), Lookup::Due(_)));
    assert!(matches!(cache.lookup(X5U, &trust, end + 1), Lookup::Missing));
}

/// A header of another type, or one without a signature, never decides beside a good one.
#[test]
fn a_foreign_header_does_not_spoil_a_good_one() {
    let pki = Pki::new(Some(SPC_1234));
    let good = sign_call(&pki, Attest::A, "12155550121").unwrap();
    let (token, params) = good.split_once(';').unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let [_, payload, _] = segments(token).unwrap();
    let rcd = r#"{"alg":"ES256","ppt":"rcd","typ":"passport","x5u":"https://cr.example.com/shaken.pem"}"#;
    let mut buffer = [0; 512];
    let mut out = shaken_core::write::Out::new(&mut buffer);
    out.push_base64url(rcd.as_bytes());
    let rcd = out.finish().unwrap();
    let certificate = trusted(&pki);
    let judge = |headers: [&str; 2]| {
        let dest = [party("12155550132")];
        let (call, mut scratch) = (Call::new(party("12155550121"), &dest), CallScratch::new());
        let headers = headers.map(str::as_bytes);
        let verifier = Verifier::default();
        let screened = verifier.screen_call(headers, &call, &mut scratch, NOW)?;
        let verdict = verifier.verify_call(screened, |_| Ok::<_, Error>(&certificate), NOW);
        verdict.result().map(Verified::attest)
    };
    for other in [
        format!("{rcd}.{payload}.AAAA;info=<{X5U}>"),
        format!("{signed}.AAAA;{params}"),
        "rubbish".to_owned(),
    ] {
        assert_eq!(judge([&good, &other]), Ok(Attest::A), "{other}");
        assert_eq!(judge([&other, &good]), Ok(Attest::A), "{other}");
    }
    let forged = good.replacen(".eyJhdHRlc3QiOiJB", ".eyJhdHRlc3QiOiJC", 1);
    assert_eq!(judge([&good, &forged]), Err(Error::SignatureInvalid));
}

/// Nothing of a token, and no number, gets into a log through `{:?}`.
#[test]
fn debug_output_holds_no_token_and_no_number() {
    let pki = Pki::new(Some(SPC_1234));
    let header = sign_call(&pki, Attest::A, "12155550121").unwrap();
    let identity = Identity::parse(header.as_bytes()).unwrap();
    let dest = [party("12155550132")];
    let call = Call::new(party("12155550121"), &dest);
    let mut scratch = Scratch::new();
    let screened = Verifier::default().screen(&identity, &call, &mut scratch, NOW).unwrap();
    let mut shown = format!("{identity:?} {call:?} {screened:?}");
    shown += &format!("{:?}", Verifier::default().verify(screened, &trusted(&pki), NOW).unwrap());
    let mut scratch = Scratch::new();
    shown +=
        &format!("{:?}", shaken_core::passport::Passport::decode(identity.token(), &mut scratch).unwrap());
    for secret in ["121555501", &header[..20], &header[200..220]] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No header that differs in one bit from a good one verifies, but for bits that the grammar
    /// gives no meaning: the case of parameter names and unquoted values.
    #[test]
    fn one_flipped_bit_is_refused(at in 0_usize..1000, bit in 0_u32..8) {
        thread_local! {
            static GOOD: (String, TrustedCert) = {
                let pki = Pki::new(Some(SPC_1234));
                (sign_call(&pki, Attest::A, "12155550121").unwrap(), trusted(&pki))
            };
        }
        GOOD.with(|(header, certificate)| {
            let mut flipped = header.clone().into_bytes();
            let at = at % flipped.len();
            flipped[at] ^= 1 << bit;
            let in_params = at > header.find(';').unwrap();
            let meaningless = in_params && flipped.eq_ignore_ascii_case(header.as_bytes());
            let outcome = verify(&Verifier::default(), &flipped, certificate);
            prop_assert!(outcome.is_err() || meaningless || renames_optional(header, at), "{at}: {outcome:?}");
            Ok(())
        })?;
    }

    /// Any bytes get an answer.
    #[test]
    fn any_header_gets_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let dest = [party("1")];
        let mut scratch = Scratch::new();
        if let Ok(identity) = Identity::parse(&bytes) {
            let _ = Verifier::default().screen(&identity, &Call::new(party("1"), &dest), &mut scratch, NOW);
        }
    }
}

/// `alg` and `ppt` are optional, so a flip in `alg=` or `ppt=` makes an unknown parameter, which is
/// passed over.
fn renames_optional(header: &str, at: usize) -> bool {
    ["alg=", "ppt="].iter().any(|name| {
        let start = header.rfind(&format!(";{name}")).unwrap() + 1;
        (start..start + 4).contains(&at)
    })
}
