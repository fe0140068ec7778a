//! The external vectors of the kinds `tnauthlist`, `encompass` and `certificate`, and the tokens
//! of delegates.

use serde_json::Value;
use shaken_core::cert::encompass::{self, Encompassing, EncompassingPolicy, Unknown};
use shaken_core::cert::tn_auth_list::TnEntry;
use shaken_core::cert::{TnAuthList, read_chain};
use shaken_core::{Attest, Call, Error, Identity, Scratch, TnAuthListPolicy, Trust, TrustedCert, Verifier};
pub(crate) use shaken_test_vectors::suites::StandardVectors as Vectors;

use crate::rig::{self, hex, tn};

/// The clock of all of them: 2025-01-01.
const NOW: i64 = 1_735_689_600;

fn trust(vectors: &Vectors) -> Trust {
    Trust::from_pem(vectors.pem("root").as_bytes()).unwrap()
}

/// Brings the lists that certificates give by reference.
fn with_resources(vectors: &Vectors, trusted: TrustedCert) -> Result<TrustedCert, Error> {
    let urls: Vec<String> = trusted.missing_tn_auth_lists().map(str::to_owned).collect();
    urls.iter().try_fold(trusted, |trusted, url| {
        let mut resources = vectors.of_kind("certificate").map(|(_, vector)| &vector["by_reference"]);
        let resource = resources.find(|resource| resource["url"] == *url).unwrap();
        let body = hex(resource["der_hex"].as_str().unwrap());
        trusted.with_tn_auth_list(url, &TnAuthList::from_der(&body)?)
    })
}

fn judged(vectors: &Vectors, name: &str) -> Result<TrustedCert, Error> {
    TrustedCert::from_pem(vectors.chain(name).as_bytes(), &trust(vectors), NOW)
}

#[test]
fn lists() {
    let Some(vectors) = Vectors::read() else { return };
    let (mut read, mut refused) = (0, 0);
    for (id, vector) in vectors.of_kind("tnauthlist") {
        let list = TnAuthList::from_der(&hex(vector["der_hex"].as_str().unwrap()));
        if vector["expect"]["error"].is_string() {
            assert!(matches!(list, Err(Error::TnAuthListInvalid { .. })), "{id}: {list:?}");
            refused += 1;
            continue;
        }
        let list = list.unwrap_or_else(|error| panic!("{id}: {error}"));
        let expected = vector["expect"]["value"].as_array().unwrap();
        assert_eq!(list.entries().len(), expected.len(), "{id}");
        for (entry, expected) in list.entries().iter().zip(expected) {
            match entry {
                TnEntry::Spc(spc) => assert_eq!(spc.as_str(), expected["spc"], "{id}"),
                TnEntry::One(one) => assert_eq!(one.as_str(), expected["one"], "{id}"),
                TnEntry::Range(range) => {
                    assert_eq!(range.start().as_str(), expected["range"][0], "{id}");
                    assert_eq!(range.count(), expected["range"][1], "{id}");
                }
            }
        }
        read += 1;
    }
    println!("vectors.json, kind tnauthlist: {read} read, {refused} refused, as stated");
    assert!(read >= 8 && refused >= 18);
}

#[test]
fn lists_over_lists() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, vector) in vectors.of_kind("encompass") {
        let [parent, child] = ["parent", "child"].map(|name| list_of(&vector["inputs"][name]));
        let expected = match vector["expect"]["value"].as_str().unwrap() {
            "YES" => Encompassing::Encompassed,
            "NO" => Encompassing::NotEncompassed,
            "UNKNOWN" => Encompassing::Unknown(Unknown::ByProvider),
            other => panic!("{other}"),
        };
        assert_eq!(parent.encompasses(&child), expected, "{id}");
        count += 1;
    }
    println!("vectors.json, kind encompass: {count} answers as stated");
    assert!(count >= 17);
}

fn list_of(entries: &Value) -> TnAuthList {
    let entries = entries.as_array().unwrap().iter().map(|entry| {
        if let Some(spc) = entry["spc"].as_str() {
            rig::spc(spc)
        } else if let Some(one) = entry["one"].as_str() {
            rig::one(one)
        } else {
            rig::range(entry["range"][0].as_str().unwrap(), entry["range"][1].as_u64().unwrap())
        }
    });
    TnAuthList::from_der(&rig::list(&entries.collect::<Vec<_>>())).unwrap()
}

/// What becomes of each chain, by what RFC 5280 and RFC 9060 say together.
#[test]
fn chains() {
    let Some(vectors) = Vectors::read() else { return };
    let (mut stated, mut unlisted) = (0, 0);
    for (id, vector) in vectors.of_kind("certificate") {
        let name = id.strip_prefix("CERT-").unwrap();
        let certificate = &read_chain(vector["cert_pem"].as_str().unwrap().as_bytes()).unwrap()[0];
        assert_eq!(certificate.fingerprint().to_string(), vector["sha256"], "{id}");
        assert_eq!(certificate.serial_hex(), vector["serial_hex"], "{id}");
        let by_reference = &vector["by_reference"];
        assert_eq!(certificate.tn_auth_list_url(), by_reference["url"].as_str(), "{id}");

        let expected = match name {
            "tnrange" | "tnone" | "con26" | "con33" | "convoid" => Ok(Encompassing::Encompassed),
            "tnbad" | "tnspc" => Err(Error::TnAuthListNotEncompassed),
            "dele" => Ok(Encompassing::Unknown(Unknown::ByProvider)),
            "byref" => Ok(Encompassing::Unknown(Unknown::NotAtHand)),
            "leaf" | "rev1" | "rev2" | "same2" => Ok(Encompassing::Encompassed),
            // CAs, the STI-PA's, and what is refused for its claim constraints.
            _ => {
                unlisted += 1;
                continue;
            }
        };
        assert_eq!(judged(&vectors, name).map(|trusted| trusted.encompassing()), expected, "{id}");
        let chain = read_chain(vectors.chain(name).as_bytes()).unwrap();
        let listed_above = !matches!(name, "leaf" | "rev1" | "rev2" | "same2");
        let claimed = expected.unwrap_or(Encompassing::NotEncompassed);
        assert_eq!(encompass::in_chain(&chain[0], &chain), listed_above.then_some(claimed), "{id}");
        stated += 1;
    }
    println!("vectors.json, kind certificate: {stated} chains as stated, {unlisted} of no concern here");
    assert!(stated >= 13);
}

/// The tokens of delegates: who may sign for which number.
#[test]
fn tokens_of_delegates() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, expected) in [
        ("TD1", Ok(())),
        ("TD2", Err(Error::TnNotAuthorized)),
        ("TD3", Ok(())),
        ("TD4", Ok(())),
        ("TD5", Err(Error::TnAuthListNotEncompassed)),
        ("TD6", Ok(())),
    ] {
        let vector = vectors.get(id);
        let trusted =
            TrustedCert::from_pem(vector["chain_pem"].as_str().unwrap().as_bytes(), &trust(&vectors), NOW);
        let outcome = trusted.and_then(|trusted| with_resources(&vectors, trusted)).and_then(|trusted| {
            for policy in [TnAuthListPolicy::Require, TnAuthListPolicy::AllowMissing] {
                verify(vector, &trusted, policy)?;
            }
            Ok(())
        });
        assert_eq!(outcome, expected, "{id}");
        if let Some(accept) = vector["expect"]["accept"].as_bool() {
            assert_eq!(outcome.is_ok(), accept, "{id}");
        }
        count += 1;
    }
    println!("vectors.json, tokens of delegates: {count} as stated");
}

/// Without the list, nobody knows what the certificate covers, whatever the policy about
/// certificates that have none.
#[test]
fn a_list_by_reference_is_not_a_missing_list() {
    let Some(vectors) = Vectors::read() else { return };
    let vector = vectors.get("TD6");
    let trusted = judged(&vectors, "byref").unwrap();
    assert_eq!(
        trusted.missing_tn_auth_lists().collect::<Vec<_>>(),
        ["https://cr.example.net/tnlist/12125551600.der"]
    );
    for policy in [TnAuthListPolicy::Require, TnAuthListPolicy::AllowMissing] {
        assert_eq!(verify(vector, &trusted, policy), Err(Error::TnAuthListByReference));
    }
    assert_eq!(trusted.authority_over_uris(), Err(Error::TnAuthListByReference));

    let supplied = with_resources(&vectors, trusted.clone()).unwrap();
    assert_eq!(supplied.missing_tn_auth_lists().count(), 0);
    assert_eq!(supplied.encompassing(), Encompassing::Encompassed);
    assert_eq!(supplied.authority_over(&tn("12125551649")), Ok(()));
    assert_eq!(supplied.authority_over(&tn("12125551650")), Err(Error::TnNotAuthorized));
    // It is kept when the path is judged again.
    let again = supplied.recheck(&trust(&vectors), NOW).unwrap();
    assert_eq!(again.authority_over(&tn("12125551999")), Ok(()));

    // The list of another place is not taken, one beyond the issuer's is refused.
    let url = trusted.certificate().tn_auth_list_url().unwrap().to_owned();
    let beyond = TnAuthList::from_der(&rig::list(&[rig::one("12125552000")])).unwrap();
    let elsewhere = trusted.clone().with_tn_auth_list("https://cr.example.net/other", &beyond).unwrap();
    assert_eq!(elsewhere.authority_over(&tn("12125552000")), Err(Error::TnAuthListByReference));
    assert_eq!(trusted.with_tn_auth_list(&url, &beyond).err(), Some(Error::TnAuthListNotEncompassed));
}

/// The delegate of a CA that names a provider only: accepted, unless the policy asks for proof.
#[test]
fn what_is_not_proven_is_refused_by_policy_only() {
    let Some(vectors) = Vectors::read() else { return };
    let strict = trust(&vectors).with_encompassing_policy(EncompassingPolicy::RefuseUnknown);
    assert_ne!(strict.epoch(), trust(&vectors).epoch());
    let judged_strictly = |name| TrustedCert::from_pem(vectors.chain(name).as_bytes(), &strict, NOW);
    assert_eq!(judged_strictly("dele").err(), Some(Error::TnAuthListUnproven));
    for name in ["leaf", "tnrange", "tnone", "byref"] {
        assert!(judged_strictly(name).is_ok(), "{name}");
    }
    // Accepted under another policy, then judged by this one.
    let accepted = judged(&vectors, "dele").unwrap();
    assert!(!accepted.is_judged_by(&strict, NOW));
    assert_eq!(accepted.recheck(&strict, NOW).err(), Some(Error::TnAuthListUnproven));
}

fn verify(vector: &Value, certificate: &TrustedCert, policy: TnAuthListPolicy) -> Result<Attest, Error> {
    let payload: Value = serde_json::from_str(vector["payload_json"].as_str().unwrap()).unwrap();
    let dest = [tn(payload["dest"]["tn"][0].as_str().unwrap()).into()];
    let call = Call::new(tn(payload["orig"]["tn"].as_str().unwrap()).into(), &dest);
    let verifier = Verifier::default().with_tn_auth_list(policy);
    let identity = Identity::parse(vector["identity_header"].as_str().unwrap().as_bytes())?;
    let mut scratch = Scratch::new();
    let screened = verifier.screen(&identity, &call, &mut scratch, NOW)?;
    verifier.verify(screened, certificate, NOW).map(|verified| verified.attest())
}
