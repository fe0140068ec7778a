//! Certificates with claim constraints, and the tokens that are signed with their keys.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use shaken_core::cert::constraints::ConstraintsForm;
use shaken_core::cert::profile::{Deviation, deviations};
use shaken_core::cert::{self, ClaimConstraints};
use shaken_core::passport::check_signature;
use shaken_core::{
    Call, Certificate, Error, Identity, Party, Scratch, SipResponse, TelephoneNumber, Trust, TrustedCert,
    Verifier, Verstat,
};

use crate::vectors::{Vectors, hex, payload};

fn certificate(vectors: &Vectors, name: &str) -> Certificate {
    let entry = vectors.get(&format!("CERT-{name}"));
    cert::read_chain(entry["cert_pem"].as_str().unwrap().as_bytes()).unwrap().remove(0)
}

#[test]
fn certificates() {
    let Some(vectors) = Vectors::read() else { return };
    for (name, form, expected) in [
        ("con26", Some(ConstraintsForm::Plain), vec![]),
        ("con33", Some(ConstraintsForm::Enhanced), vec![]),
        ("convoid", Some(ConstraintsForm::Enhanced), vec![Deviation::ClaimConstraintsVoid]),
        ("conboth", None, vec![Deviation::ClaimConstraintsInvalid]),
    ] {
        let certificate = certificate(&vectors, name);
        let der = hex(&vectors.get(&format!("CERT-{name}"))["constraints_der_hex"]);
        let found = certificate.claim_constraints().unwrap();
        let stated =
            form.map_or(Err(Error::ClaimConstraintsTwice), |form| ClaimConstraints::from_der(&der, form));
        assert_eq!(found, &stated, "{name}");
        let about: Vec<_> = deviations(&certificate)
            .into_iter()
            .filter(|deviation| deviation.name().starts_with("claim-constraints"))
            .collect();
        assert_eq!(about, expected, "{name}");
    }
    assert!(certificate(&vectors, "leaf").claim_constraints().is_none());
}

/// TC1 to TC9: the outcome, and for tokens of the type `shaken` that of the whole verification.
#[test]
fn tokens() {
    let Some(vectors) = Vectors::read() else { return };
    let (mut count, mut whole) = (0, 0);
    for (id, token) in vectors.of_kind("passport").filter(|(id, _)| id.starts_with("TC")) {
        let now = token["now"].as_i64().unwrap();
        let anchor = vectors.get(token["trust_anchor"].as_str().unwrap());
        let trust = Trust::from_pem(anchor["cert_pem"].as_str().unwrap().as_bytes()).unwrap();
        let chain = token["chain_pem"].as_str().unwrap().as_bytes();
        // The signature is good whatever becomes of the claims.
        let signer = cert::read_chain(chain).unwrap().remove(0).verifying_key().unwrap();
        assert_eq!(
            check_signature(token["token"].as_str().unwrap(), &signer, &mut Scratch::new()),
            Ok(()),
            "{id}"
        );

        let trusted = TrustedCert::from_pem(chain, &trust, now);
        // Found when the certificate enters the cache, not with each call.
        assert_eq!(trusted.is_err(), id == "TC9", "{id}");
        let outcome = trusted.as_ref().map_err(|e| *e).and_then(|c| c.check_claims(&payload(token)));
        let expected = match id {
            "TC3" => Err(Error::ClaimNotPermitted { claim: "crn" }),
            "TC4" => Err(Error::ClaimDemanded { claim: "rcd" }),
            "TC6" => Err(Error::ClaimNotPermitted { claim: "rcdi" }),
            "TC7" => Err(Error::ClaimExcluded { claim: "attest" }),
            "TC9" => Err(Error::ClaimConstraintsTwice),
            _ => Ok(()),
        };
        assert_eq!(outcome, expected, "{id}");
        assert_eq!(outcome.is_ok(), token["expect"]["accept"] == true, "{id}");
        if let Err(error) = outcome {
            let SipResponse { code, .. } = error.sip();
            assert_eq!(
                (code, error.verstat()),
                (if id == "TC9" { 437 } else { 438 }, Verstat::Failed),
                "{id}"
            );
        }
        count += 1;

        let header = token["identity_header"].as_str().unwrap();
        let identity = Identity::parse(header.as_bytes()).unwrap();
        if identity.ppt() == Some("shaken") {
            let tn = |text: &str| Party::Number(TelephoneNumber::parse(text).unwrap());
            let dest = [tn("12155550131")];
            let call = Call::new(tn("12125551824"), &dest);
            let mut scratch = Scratch::new();
            let verifier = Verifier::default();
            let screened = verifier.screen(&identity, &call, &mut scratch, now).unwrap();
            let verified = verifier.verify(screened, trusted.as_ref().unwrap(), now);
            assert_eq!(verified.map(drop), expected, "{id}");
            whole += 1;
        }
    }
    println!("vectors.json, TC: {count} as stated, {whole} of them through the whole verification");
    assert!(count >= 9 && whole >= 3);
}

/// A chain of a root and an end entity, with these extensions.
fn chain(root: Option<CustomExtension>, end_entity: Option<CustomExtension>) -> Result<TrustedCert, Error> {
    let params = |name: &str, extension: Option<CustomExtension>| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        params.custom_extensions = extension.into_iter().collect();
        params
    };
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut root_params = params("Test SHAKEN Root", root);
    root_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root_params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root_pem = root_params.self_signed(&root_key).unwrap().pem();
    let mut leaf = params("SHAKEN 1234", end_entity);
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.is_ca = IsCa::ExplicitNoCa;
    let leaf_pem = leaf.signed_by(&key, &Issuer::new(root_params, root_key)).unwrap().pem();
    let now = 1_780_272_000;
    TrustedCert::from_pem(leaf_pem.as_bytes(), &Trust::from_pem(root_pem.as_bytes())?, now)
}

/// JWTClaimConstraints or the enhanced ones, with this value.
fn extension(last_arc: u64, der: &[u8], criticality: Criticality) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, last_arc], der.to_vec());
    extension.set_criticality(criticality == Criticality::Critical);
    extension
}

#[derive(PartialEq)]
enum Criticality {
    Critical,
    NonCritical,
}

/// mustInclude rcd
const DEMANDS_RCD: &[u8] = b"\x30\x09\xa0\x07\x30\x05\x16\x03rcd";

#[test]
fn only_those_of_the_end_entity_count() {
    use Criticality::{Critical, NonCritical};

    let payload = br#"{"dest":{"tn":["12155550131"]},"iat":1,"orig":{"tn":"12155550121"}}"#;
    let demanded = Err(Error::ClaimDemanded { claim: "rcd" });
    let outcome = |root, leaf| chain(root, leaf).and_then(|certificate| certificate.check_claims(payload));
    for arc in [27, 33] {
        for criticality in [Critical, NonCritical] {
            assert_eq!(outcome(None, Some(extension(arc, DEMANDS_RCD, criticality))), demanded);
        }
        for der in [DEMANDS_RCD, b"\x30\x00"] {
            assert_eq!(outcome(Some(extension(arc, der, NonCritical)), None), Ok(()));
        }
        // Nobody can comply with what a CA certificate calls critical and no RFC defines.
        let refused = Err(Error::CertCriticalExtension);
        assert_eq!(outcome(Some(extension(arc, DEMANDS_RCD, Critical)), None), refused);
        let malformed = chain(None, Some(extension(arc, b"\x30\x00", NonCritical)));
        assert_eq!(malformed.err(), Some(Error::ClaimConstraintsInvalid { offset: 2 }));
    }
    assert_eq!(outcome(None, None), Ok(()));
}
