//! Rich call data in the tokens of the external vectors.

use std::collections::BTreeMap;

use serde_json::Value;
use shaken_core::digest::Digest;
use shaken_core::json::Raw;
use shaken_core::passport::rcd::{
    Claims, ContentStatus, JcardForm, NewClaims, NewJcard, NewRcd, ValueDigests,
};
use shaken_core::passport::{base, shaken};
use shaken_core::sign::Unsigned;
use shaken_core::write::Out;
use shaken_core::{Error, Party, TelephoneNumber};

use crate::vectors::{Vectors, base64, payload};

/// The claims of a payload.
pub(crate) fn read(payload: &[u8]) -> Result<Claims<'_>, Error> {
    let payload = Raw::parse(payload)?;
    let claim = |name: &str| payload.members()?.find(|(n, _)| *n == *name).map(|(_, value)| value);
    Claims::read(claim("rcd"), claim("rcdi"), claim("crn"), claim("iss"))
}

/// What is served at the URLs of a token.
fn resources(token: &Value) -> BTreeMap<&str, Vec<u8>> {
    let served = token["resources_base64"].as_object().into_iter().flatten();
    served.map(|(url, body)| (url.as_str(), base64(body))).collect()
}

/// Pointers whose digest does not hold, and how many there are in all.
fn unverified(
    claims: &Claims<'_>,
    served: &BTreeMap<&str, Vec<u8>>,
) -> (Vec<(String, ContentStatus)>, usize) {
    let content = claims.check_content(|url| served.get(url).map(Vec::as_slice));
    let bad = content.iter().filter(|(_, status)| *status != ContentStatus::Verified);
    (bad.map(|(pointer, status)| (pointer.to_string(), status)).collect(), content.iter().count())
}

/// Every token with rich call data or of the type `rcd`.
#[test]
fn tokens() {
    let Some(vectors) = Vectors::read() else { return };
    let mut count = 0;
    for (id, token) in vectors.of_kind("passport") {
        let payload = payload(token);
        let members: Value = match serde_json::from_slice(&payload) {
            Ok(members) => members,
            Err(_) => continue,
        };
        let header = token["header_json"].as_str().unwrap_or_default();
        let is_rcd = header.contains(r#""ppt":"rcd""#);
        if !is_rcd && members.get("rcd").is_none() {
            continue;
        }
        let claims = read(&payload)
            .and_then(|claims| if is_rcd { claims.check_ppt().map(|()| claims) } else { Ok(claims) });
        count += 1;
        match id {
            "C26" => {
                assert_eq!(claims.err(), Some(Error::RcdiDigestMissing { member: "jcd" }), "{id}");
                continue;
            }
            "C29" => {
                assert_eq!(claims.err(), Some(Error::ClaimMissing { claim: "rcd" }), "{id}");
                continue;
            }
            _ => {}
        }
        let claims = claims.unwrap_or_else(|error| panic!("{id}: {error}"));
        let served = resources(token);
        let (bad, digests) = unverified(&claims, &served);
        let (expected, expected_digests) = match id {
            "C23" => (vec![], 5),
            "C24" => (vec![], 4),
            "C25" => (vec![("/jcd/1/4/3".to_owned(), ContentStatus::Mismatch)], 5),
            // Nothing is served for these: the name holds, the picture is not there.
            "TC5" | "TC6" | "TC7" => (vec![("/icn".to_owned(), ContentStatus::NotFetched)], 2),
            _ => (vec![], 0),
        };
        assert_eq!((bad, digests), (expected, expected_digests), "{id}");
        // Only the third party names itself.
        assert_eq!(claims.iss().is_some(), id == "C28", "{id}");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        assert_eq!(claims.crn().map(|crn| crn.to_string()), text(&members["crn"]), "{id}");
        let nam = claims.rcd().map(|rcd| rcd.nam().to_string());
        assert_eq!(nam, text(&members["rcd"]["nam"]), "{id}");
    }
    println!("vectors.json, tokens with rich call data: {count} as stated");
    assert!(count >= 13);
}

/// What is not served is not verified, and does not touch the rest.
#[test]
fn content_that_is_not_served() {
    let Some(vectors) = Vectors::read() else { return };
    for (id, needed) in [("C23", 3), ("C24", 4)] {
        let payload = payload(vectors.get(id));
        let (bad, _) = unverified(&read(&payload).unwrap(), &BTreeMap::new());
        assert_eq!(bad.len(), needed, "{id}");
        assert!(bad.iter().all(|(_, status)| *status == ContentStatus::NotFetched), "{id}: {bad:?}");
    }
}

/// The digests that RFC 9795 prints for pictures are those of the quoted URLs.
#[test]
fn printed_picture_digests_are_of_their_urls() {
    let Some(vectors) = Vectors::read() else { return };
    for id in ["RD4", "RD5", "RD6"] {
        let vector = vectors.get(id);
        let quoted = String::from_utf8(base64(&vector["inputs"]["bytes_base64"])).unwrap();
        let payload = format!(
            r#"{{"rcd":{{"nam":"","icn":{quoted}}},"rcdi":{{"/icn":{}}}}}"#,
            vector["expect"]["value"]
        );
        let url = quoted.trim_matches('"');
        for served in [BTreeMap::new(), BTreeMap::from([(url, b"picture".to_vec())])] {
            let (bad, _) = unverified(&read(payload.as_bytes()).unwrap(), &served);
            assert_eq!(bad, [("/icn".to_owned(), ContentStatus::UrlDigest)], "{id}");
        }
    }
}

/// Digests as deployed signers make them: padded, and without the quotation marks of strings.
#[test]
fn legacy_digests_are_told_from_good_ones() {
    let jcard = r#"["vcard",[["version",{},"text","4.0"],["fn",{},"text","Alice Liddell"],["email",{},"text","alice@example.com"]]]"#;
    let payload = format!(
        r#"{{"rcd":{{"apn":"18005550000","jcd":{jcard},"nam":"Alice"}},"rcdi":{{
            "/apn":"sha256-vHCRG12jC6XM9ROO1wsDFOpjeAD4I2c74NUQklzn4zY=",
            "/jcd":"sha256-HZx\/N\/1xOBpEofshbZ2XjjQ31ODuvpeFZtklnq2zZG8=",
            "/nam":"sha256-O8UQYpc8RY1aby2NZKAjJGNUrX4GSx5OAJ7IoGmaMEM="}}}}"#
    );
    let claims = read(payload.as_bytes()).unwrap();
    let content = claims.check_content(|_| None);
    for (pointer, status) in [
        ("/apn", ContentStatus::LegacyDigest),
        ("/jcd", ContentStatus::Verified),
        ("/nam", ContentStatus::LegacyDigest),
    ] {
        assert_eq!(content.status(pointer), Some(status), "{pointer}");
    }
}

/// What we write for the parts of the tokens is their payload, byte for byte.
#[test]
fn written_as_the_tokens_have_it() {
    let Some(vectors) = Vectors::read() else { return };
    for (id, value_digests) in [
        ("C9", ValueDigests::Omit),
        ("C23", ValueDigests::Include),
        ("C24", ValueDigests::Omit),
        ("C27", ValueDigests::Omit),
        ("C28", ValueDigests::Omit),
        ("TC5", ValueDigests::Include),
    ] {
        let payload = payload(vectors.get(id));
        let claims = read(&payload).unwrap();
        let rcd = claims.rcd().unwrap();
        let (nam, icn) = (rcd.nam().to_string(), rcd.icn().map(|icn| icn.to_string()));
        let crn = claims.crn().map(|crn| crn.to_string());
        let iss = claims.iss().map(|iss| iss.to_string());
        let mut new = NewRcd::new(&nam).with_value_digests(value_digests);
        let link;
        match rcd.jcard() {
            Some(JcardForm::Value(jcard)) => new = new.with_jcard(NewJcard::Value(jcard)).unwrap(),
            Some(JcardForm::Link(url)) => {
                link = url.to_string();
                new = new.with_jcard(NewJcard::Link(&link)).unwrap();
            }
            None => {}
        }
        if let Some(icn) = &icn {
            new = new.with_icn(icn).unwrap();
        }
        if let Some(crn) = &crn {
            new = new.with_crn(crn);
        }
        let served = resources(vectors.get("C23"));
        let mut buffer = [0; 4096];
        let rich = new.prepare(|url| served.get(url).map(Vec::as_slice), &mut buffer).unwrap();

        let json: Value = serde_json::from_slice(&payload).unwrap();
        let tn = |value: &Value| Party::Number(TelephoneNumber::parse(value.as_str().unwrap()).unwrap());
        let dest = [tn(&json["dest"]["tn"][0])];
        let mut base =
            base::NewClaims::new(tn(&json["orig"]["tn"]), &dest, json["iat"].as_u64().unwrap()).unwrap();
        if let Some(iss) = &iss {
            base = base.with_issuer(iss);
        }
        let mut buffer = [0; 4096];
        let mut out = Out::new(&mut buffer);
        match json["attest"].as_str() {
            Some(attest) => {
                let origid = json["origid"].as_str().unwrap();
                let base = base.with_rich(rich);
                shaken::NewClaims::new(base, attest.parse().unwrap(), origid).unwrap().write(&mut out);
            }
            None => NewClaims::new(base, rich).write(&mut out),
        }
        assert_eq!(out.finish().unwrap(), str::from_utf8(&payload).unwrap(), "{id}");
    }
}

/// The compact form leaves out what From tells: a name, and nothing else.
#[test]
fn a_name_alone_can_be_rebuilt() {
    let dest = [Party::Number(TelephoneNumber::parse("12155550131").unwrap())];
    let base = base::NewClaims::new(dest[0], &dest, 1_443_208_345).unwrap();
    let can_be_rebuilt = |new: NewRcd<'static>, base| {
        let rich = new.prepare(|_| Some(b"png"), vec![0; 512].leak()).unwrap();
        NewClaims::new(base, rich).can_be_rebuilt()
    };
    assert!(can_be_rebuilt(NewRcd::new("Ada"), base));
    assert!(!can_be_rebuilt(NewRcd::new("Ada").with_crn("Delivery"), base));
    assert!(!can_be_rebuilt(NewRcd::new("Ada").with_icn("https://example.com/a.png").unwrap(), base));
    assert!(!can_be_rebuilt(NewRcd::new("Ada"), base.with_issuer("Example")));
}

/// No name or number gets into a log through `{:?}`.
#[test]
fn debug_output_holds_no_name_and_no_number() {
    let payload = r#"{"rcd":{"apn":"12155550121","nam":"Ada","jcd":["vcard",[["fn",{},"text","Ada"]]]},"rcdi":{"/nam":"x"},"crn":"Ada"}"#;
    let claims = read(payload.as_bytes()).unwrap();
    let shown = format!("{claims:?} {:?}", claims.check_content(|_| None));
    assert!(!shown.contains("Ada") && !shown.contains("1215555"), "{shown}");
    assert_eq!(claims.rcd().unwrap().apn(), TelephoneNumber::parse("12155550121").ok());
    assert_eq!(claims.rcdi().unwrap().iter().next().unwrap().1.err(), Some(Error::DigestAlgorithm));
    assert!(Digest::parse("x").is_err());
}
