//! The external vectors of the kinds `crl` and `trust-list`.

use std::sync::Arc;

use serde_json::Value;
use shaken_core::cert::crl::RevocationReason;
use shaken_core::fetch::X5u;
use shaken_core::trust::{CaListToken, RevocationStatus, StiPa, Undetermined};
use shaken_core::{Certificate, Error, Trust, TrustedCert};
use shaken_test_vectors::suites::StandardVectors as Vectors;

use crate::rig::{certificates, verify_body};

/// The clock of all of them: 2025-01-01.
const NOW: i64 = 1_735_689_600;

const LIST_URL: &str = "https://pa.example.org/api/v1/ca-list";

fn certificate(vectors: &Vectors, name: &str) -> Certificate {
    certificates(vectors.pem(name)).remove(0)
}

/// What is trusted once `list` was loaded, or why it could not be.
fn trust_with(vectors: &Vectors, list: &Value) -> (Trust, Option<Error>) {
    let mut trust = Trust::from_pem(vectors.pem("root").as_bytes()).unwrap();
    let sti_pa = StiPa::from_pem(vectors.pem("paroot").as_bytes()).unwrap();
    let signers = certificates(list["cert_pem"].as_str().unwrap());
    let body = list["crl_pem"].as_str().unwrap().as_bytes();
    let outcome = verify_body(body, &signers, &sti_pa, NOW).and_then(|crl| trust.update_crl(Arc::new(crl)));
    (trust, outcome.err())
}

#[test]
fn revocation_lists() {
    let Some(vectors) = Vectors::read() else { return };
    let (mut lists, mut answers) = (0, 0);
    for (id, list) in vectors.of_kind("crl") {
        let (trust, error) = trust_with(&vectors, list);
        for (name, expected) in list["expect"].as_object().unwrap() {
            let status = trust.revocation_status(&certificate(&vectors, name), NOW);
            let detail = expected["detail"].as_str();
            let word = match status {
                RevocationStatus::Good => "good",
                RevocationStatus::Revoked { .. } => "revoked",
                RevocationStatus::Undetermined(_) => "undetermined",
            };
            assert_eq!(word, expected["status"], "{id} {name}");
            match (status, detail) {
                (RevocationStatus::Revoked { reason, .. }, Some("keyCompromise")) => {
                    assert_eq!(reason, RevocationReason::KeyCompromise, "{id} {name}");
                }
                (RevocationStatus::Undetermined(why), Some(detail)) => {
                    let expected_why = match detail {
                        "CRL signature invalid" => {
                            assert_eq!(error, Some(Error::CrlSignature), "{id}");
                            Undetermined::NoList
                        }
                        "CRL past nextUpdate" => Undetermined::Stale { next_update: 1_706_745_600 },
                        _ => Undetermined::NotCovered,
                    };
                    assert_eq!(why, expected_why, "{id} {name}");
                }
                _ => {}
            }
            answers += 1;
        }
        lists += 1;
    }
    println!("vectors.json, kind crl: {lists} lists, {answers} answers as stated");
    assert!(lists >= 6 && answers >= 14);
}

/// The table of the standards' digest on indirect lists: every list against the same four
/// certificates, more than the vectors themselves state.
#[test]
fn every_list_against_four_certificates() {
    let Some(vectors) = Vectors::read() else { return };
    let names = ["leaf", "rev1", "rev2", "same2"];
    for (id, expected) in [
        ("CRL1", ["good", "revoked", "revoked", "good"]),
        ("CRL2", ["good", "revoked", "revoked", "revoked"]),
        ("CRL3", ["undetermined"; 4]),
        ("CRL4", ["undetermined"; 4]),
        ("CRL5", ["undetermined"; 4]),
        ("CRL6", ["undetermined", "undetermined", "revoked", "undetermined"]),
    ] {
        let (trust, _) = trust_with(&vectors, vectors.get(id));
        let answers = names.map(|name| match trust.revocation_status(&certificate(&vectors, name), NOW) {
            RevocationStatus::Good => "good",
            RevocationStatus::Revoked { .. } => "revoked",
            RevocationStatus::Undetermined(_) => "undetermined",
        });
        assert_eq!(answers, expected, "{id}");
    }
}

/// What becomes of the chain that a repository serves.
#[test]
fn revoked_chains_are_refused_and_others_are_not() {
    let Some(vectors) = Vectors::read() else { return };
    let (trust, error) = trust_with(&vectors, vectors.get("CRL1"));
    assert_eq!(error, None);
    let judged = |name| TrustedCert::from_pem(vectors.chain(name).as_bytes(), &trust, NOW);
    let good = judged("leaf").unwrap();
    assert_eq!(good.revocation(), RevocationStatus::Good);
    assert!(judged("same2").is_ok());
    for (name, reason) in [("rev1", RevocationReason::KeyCompromise), ("rev2", RevocationReason::Unspecified)]
    {
        let revoked = Error::CertRevoked { depth: 0, reason, revoked_at: 1_704_067_200 };
        assert_eq!(judged(name).err(), Some(revoked), "{name}");
    }
}

#[test]
fn lists_of_approved_cas() {
    let Some(vectors) = Vectors::read() else { return };
    let url = X5u::parse(LIST_URL).unwrap();
    let sti_pa = StiPa::from_pem(vectors.pem("paroot").as_bytes()).unwrap();
    // In the order of their ids: TL3 goes back behind TL1.
    let mut trust = Trust::from_pem(vectors.pem("ica2").as_bytes()).unwrap();
    let mut count = 0;
    for (id, vector) in vectors.of_kind("trust-list") {
        assert_eq!(vector["trust_anchor"], "CERT-paroot");
        let token = CaListToken::parse(vector["token"].as_str().unwrap(), &url).unwrap();
        assert_eq!(token.x5u(), "https://pa.example.org/certs/pa-signer.pem");
        let signer = vector["cert_pem"].as_str().unwrap().as_bytes();
        let now = vector["now"].as_i64().unwrap();
        let outcome = token.verify(signer, &sti_pa, now).and_then(|list| {
            let unusable = list.unusable().to_vec();
            trust.update_ca_list(Arc::new(list)).map(|change| (change, unusable))
        });
        assert_eq!(outcome.is_ok(), vector["expect"]["accept"] == true, "{id}: {outcome:?}");
        let is_signed = outcome.as_ref().err() != Some(&Error::SignatureInvalid);
        assert_eq!(is_signed, vector["expect"]["signature"] == "valid", "{id}");
        match id {
            "TL1" => {
                let (change, unusable) = outcome.unwrap();
                assert_eq!(change.added, [certificate(&vectors, "root").fingerprint()]);
                assert!(change.removed.is_empty() && unusable.is_empty());
            }
            "TL2" => assert!(matches!(outcome, Err(Error::CaListExpired { exp: 1_735_603_200 }))),
            "TL3" => assert!(matches!(outcome, Err(Error::CaListRollback { sequence: 6, highest: 7 }))),
            "TL4" => assert!(matches!(outcome, Err(Error::SignatureInvalid))),
            "TL5" => {
                let (change, unusable) = outcome.unwrap();
                assert!(change.added.is_empty() && change.removed.is_empty());
                assert_eq!(unusable.len(), 1);
            }
            _ => {}
        }
        // The last good list stays in force, whatever came after it.
        assert!(TrustedCert::from_pem(vectors.chain("leaf").as_bytes(), &trust, NOW).is_ok(), "{id}");
        count += 1;
    }
    println!("vectors.json, kind trust-list: {count} lists as stated");
    assert!(count >= 5);
}
