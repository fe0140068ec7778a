//! The external vectors of the kinds `authority-token` and `fingerprint`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use serde_json::{Value, json};
use shaken_core::cert::TnAuthList;
use shaken_core::trust::{AccountFingerprint, AuthorityToken, Issuance, StiPa, TnAuthority};
use shaken_core::{Error, key};

use crate::rig::{hex, list, spc};
use crate::vectors::Vectors;

const FORMS: [AccountFingerprint; 2] =
    [AccountFingerprint::JwkThumbprint, AccountFingerprint::SubjectPublicKeyInfo];

#[test]
fn fingerprints_of_accounts() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, vector) in vectors.of_kind("fingerprint") {
        let account = key::verifying_key_from_pem(vector["public_key_pem"].as_str().unwrap().as_bytes());
        let [jwk, spki] = FORMS.map(|form| form.of(account.as_ref().unwrap()));
        assert_eq!(jwk, vector["expect"]["atc_fingerprint_rfc9448"], "{id}");
        assert_eq!(spki, vector["expect"]["atc_fingerprint_spki"], "{id}");
        let digits = jwk.strip_prefix("SHA256 ").unwrap().replace(':', "");
        let thumbprint = URL_SAFE_NO_PAD.encode(hex(&digits));
        assert_eq!(thumbprint, vector["expect"]["jwk_thumbprint_base64url"], "{id}");
        count += 1;
    }
    println!("vectors.json, kind fingerprint: {count} as stated");
    assert!(count >= 1);
}

#[test]
fn tokens() {
    let Some(vectors) = Vectors::read() else { return };
    let account =
        key::verifying_key_from_pem(vectors.get("FP1")["public_key_pem"].as_str().unwrap().as_bytes())
            .unwrap();
    let other = key::verifying_key_from_pem(vectors.pem("leaf").as_bytes()).unwrap();
    let ordered = TnAuthList::from_der(&list(&[spc("1234")])).unwrap();
    let mut count = 0;
    for (id, vector) in vectors.of_kind("authority-token") {
        let outcome = verify(&vectors, vector, vector["token"].as_str().unwrap());
        if id == "AT4" {
            assert_eq!(outcome.err(), Some(Error::AuthorityTokenExpired { exp: 1_735_603_200 }));
            count += 1;
            continue;
        }
        let authority = outcome.unwrap_or_else(|error| panic!("{id}: {error}"));
        let (form, other_form, issuance) = match id {
            "AT2" => (FORMS[1], FORMS[0], Issuance::EndEntity),
            "AT3" => (FORMS[0], FORMS[1], Issuance::Ca),
            _ => (FORMS[0], FORMS[1], Issuance::EndEntity),
        };
        let other_issuance = match issuance {
            Issuance::EndEntity => Issuance::Ca,
            Issuance::Ca => Issuance::EndEntity,
        };
        let differs = |member| Err(Error::AuthorityTokenMismatch { member });
        assert_eq!(authority.check(&ordered, &account, form, issuance), Ok(()), "{id}");
        assert_eq!(authority.check(&ordered, &account, other_form, issuance), differs("fingerprint"), "{id}");
        assert_eq!(authority.check(&ordered, &other, form, issuance), differs("fingerprint"), "{id}");
        assert_eq!(authority.check(&ordered, &account, form, other_issuance), differs("ca"), "{id}");
        let elsewhere = TnAuthList::from_der(&list(&[spc("5678")])).unwrap();
        assert_eq!(authority.check(&elsewhere, &account, form, issuance), differs("tkvalue"), "{id}");
        assert_eq!(authority.jti(), "id6098364921");
        count += 1;
    }
    println!("vectors.json, kind authority-token: {count} as stated");
    assert!(count >= 4);
}

/// One member changed, and signed again with the STI-PA's key: each is looked at.
#[test]
fn every_member_counts() {
    let Some(vectors) = Vectors::read() else { return };
    let vector = vectors.get("AT1");
    let signing_key = vectors.get("CERT-pasign")["private_key_pem"].as_str().unwrap();
    let signing_key = SigningKey::from_pkcs8_pem(signing_key).unwrap();
    let header: Value = serde_json::from_str(vector["header_json"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_str(vector["payload_json"].as_str().unwrap()).unwrap();
    let signed = |header: &Value, payload: &Value| {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{payload}");
        let signature: Signature = signing_key.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    };
    assert!(verify(&vectors, vector, &signed(&header, &payload)).is_ok());

    let member = |member| Error::AuthorityTokenMember { member };
    for (pointer, value, expected) in [
        ("/exp", json!("1735776000"), member("exp")),
        ("/exp", Value::Null, member("exp")),
        ("/jti", json!(1), member("jti")),
        ("/atc", json!("TNAuthList"), member("atc")),
        ("/atc/tktype", json!("JWTClaimConstraints"), member("tktype")),
        ("/atc/tkvalue", json!("MAigBhYEMTIzN"), member("tkvalue")),
        ("/atc/tkvalue", json!("MAigBhYEMTIzNAA"), Error::TnAuthListInvalid { offset: 10 }),
        ("/atc/ca", json!("false"), member("ca")),
        ("/atc/ca", json!(0), member("ca")),
        ("/atc/fingerprint", json!([]), member("fingerprint")),
    ] {
        let mut changed = payload.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_eq!(verify(&vectors, vector, &signed(&header, &changed)).err(), Some(expected), "{pointer}");
    }
    for absent in ["tktype", "tkvalue", "fingerprint"] {
        let mut changed = payload.clone();
        changed["atc"].as_object_mut().unwrap().remove(absent);
        assert_eq!(verify(&vectors, vector, &signed(&header, &changed)).err(), Some(member(absent)));
    }
    // RFC 9448 §5.4: without ca it is false. RFC 9447 spells the type otherwise.
    let mut changed = payload.clone();
    changed["atc"].as_object_mut().unwrap().remove("ca");
    changed["atc"]["tktype"] = json!("TnAuthList");
    let authority = verify(&vectors, vector, &signed(&header, &changed)).unwrap();
    assert_eq!(authority.issuance(), Issuance::EndEntity);
    // An obsolete form of token.
    let obsolete = json!({"alg": "ES256", "typ": "spc-token", "x5u": header["x5u"]});
    assert_eq!(AuthorityToken::parse(&signed(&obsolete, &payload)).err(), Some(Error::TypInvalid));
    // Another payload under the signature of this one.
    let [ours, theirs] = [signed(&header, &payload), signed(&header, &changed)];
    let (message, signature) = (ours.rsplit_once('.').unwrap().0, theirs.rsplit_once('.').unwrap().1);
    let forged = verify(&vectors, vector, &format!("{message}.{signature}"));
    assert_eq!(forged.err(), Some(Error::SignatureInvalid));
    // At its very end it is over.
    let token = AuthorityToken::parse(&ours).unwrap();
    let at = |now| token.verify(vector["cert_pem"].as_str().unwrap().as_bytes(), &sti_pa(&vectors), now);
    assert!(at(1_735_775_999).is_ok());
    assert_eq!(at(1_735_776_000).err(), Some(Error::AuthorityTokenExpired { exp: 1_735_776_000 }));
}

/// A call's certificate does not vouch for a token, whoever trusts it.
#[test]
fn only_the_sti_pa_counts() {
    let Some(vectors) = Vectors::read() else { return };
    let vector = vectors.get("AT1");
    let token = AuthorityToken::parse(vector["token"].as_str().unwrap()).unwrap();
    let sti_cas = StiPa::from_pem(vectors.pem("root").as_bytes()).unwrap();
    let signer = vector["cert_pem"].as_str().unwrap().as_bytes();
    let outcome = token.verify(signer, &sti_cas, vector["now"].as_i64().unwrap());
    assert_eq!(outcome.err(), Some(Error::CertUntrusted));
    assert_eq!(token.x5u(), "https://pa.example.org/certs/pa-signer.pem");
}

fn sti_pa(vectors: &Vectors) -> StiPa {
    StiPa::from_pem(vectors.pem("paroot").as_bytes()).unwrap()
}

fn verify(vectors: &Vectors, vector: &Value, token: &str) -> Result<TnAuthority, Error> {
    let signer = vector["cert_pem"].as_str().unwrap().as_bytes();
    AuthorityToken::parse(token)?.verify(signer, &sti_pa(vectors), vector["now"].as_i64().unwrap())
}
