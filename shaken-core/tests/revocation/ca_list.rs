//! The STI-PA's list of approved STI-CAs: what is refused, and that what is in force stays.

use std::sync::Arc;

use rcgen::KeyUsagePurpose;
use shaken_core::fetch::X5u;
use shaken_core::trust::{CaList, CaListToken, ExpiredCaList};
use shaken_core::{CertCache, Error, Lookup, Trust, TrustedCert};

use crate::rig::{DAY_S, NOW, World, ca, ca_list_payload, end_entity, issued, self_signed};

const LIST_URL: &str = "https://pa.example.com/api/v1/ca-list";

const HEADER: &str = r#"{"alg":"ES256","typ":"JWT","x5u":"https://pa.example.com/signer.pem"}"#;

const URL: &str = "https://cr.example.com/shaken.pem";

fn parse(jws: &str) -> Result<CaListToken, Error> {
    CaListToken::parse(jws, &X5u::parse(LIST_URL).unwrap())
}

fn accept(world: &World, payload: &str) -> Result<CaList, Error> {
    parse(&world.ca_list(payload))?.verify(world.list_signer.pem.as_bytes(), &world.sti_pa(), NOW)
}

fn list(world: &World, sequence: u64, exp: i64) -> Arc<CaList> {
    Arc::new(accept(world, &world.ca_list_payload(sequence, exp)).unwrap())
}

#[test]
fn the_header_is_held_to_its_rules() {
    let world = World::new();
    let payload = world.ca_list_payload(1, NOW + DAY_S);
    assert_eq!(parse(&world.jws(HEADER, &payload)).unwrap().x5u(), "https://pa.example.com/signer.pem");
    for (from, to, error) in [
        ("ES256", "none", Error::AlgUnsupported),
        ("ES256", "HS256", Error::AlgUnsupported),
        ("{\"alg\"", "{\"crit\":[\"exp\"],\"alg\"", Error::CritUnsupported),
        ("\"x5u\"", "\"x5c\"", Error::HeaderMemberMissing { member: "x5u" }),
        ("https://pa", "http://pa", Error::X5uScheme),
        ("pa.example.com", "cr.example.com", Error::CaListHost),
        ("pa.example.com", "pa.example.com.evil.example", Error::CaListHost),
        ("pa.example.com", "x.pa.example.com", Error::CaListHost),
        ("pa.example.com/", "pa.example.com@evil.example/", Error::X5uComponent),
        ("\"https://pa.example.com/signer.pem\"", "7", Error::X5uType),
        ("\"typ\":\"JWT\"", "\"alg\":\"ES256\"", Error::JsonDuplicateMember { offset: 15 }),
    ] {
        let header = HEADER.replace(from, to);
        assert_eq!(parse(&world.jws(&header, &payload)).err(), Some(error), "{header}");
    }
    // Host names have no letter case; another port is still the same host.
    for url in ["https://PA.example.com/signer.pem", "https://pa.example.com:8443/signer.pem"] {
        assert!(
            parse(&world.jws(&HEADER.replace("https://pa.example.com/signer.pem", url), &payload)).is_ok()
        );
    }
}

#[test]
fn the_form_of_the_token_is_strict_and_bounded() {
    let world = World::new();
    let jws = world.ca_list(&world.ca_list_payload(1, NOW + DAY_S));
    let (signed, signature) = jws.rsplit_once('.').unwrap();
    for (text, error) in [
        (signed.to_owned(), Error::TokenSegments { count: 2 }),
        (format!("{jws}.e30"), Error::TokenSegments { count: 4 }),
        (format!("{signed}="), Error::TokenSegments { count: 2 }),
        (format!("{signed}.{signature}="), Error::Base64Invalid),
        (format!("{signed}=.{signature}"), Error::Base64Invalid),
        (format!("{jws}AAAA"), Error::SignatureLength { len_bytes: 67 }),
        (format!("{signed}."), Error::SignatureLength { len_bytes: 0 }),
        ("A".repeat((1 << 20) + 1), Error::CaListTooLarge { len_bytes: (1 << 20) + 1 }),
    ] {
        assert_eq!(parse(&text).err(), Some(error), "{}", &text[..60]);
    }
}

#[test]
fn the_answer_of_the_api_is_unwrapped() {
    let world = World::new();
    let jws = world.ca_list(&world.ca_list_payload(1, NOW + DAY_S));
    let url = X5u::parse(LIST_URL).unwrap();
    let unwrap = |body: &str| CaListToken::from_response(body.as_bytes(), &url).map(drop);
    assert_eq!(unwrap(&format!(r#"{{"status":"success","caList":"{jws}"}}"#)), Ok(()));
    let missing = Err(Error::CaListMember { member: "caList" });
    for body in ["{}", r#"{"caList":7}"#, "[]", r#"{"status":"failure","message":"no"}"#] {
        assert_eq!(unwrap(body), missing, "{body}");
    }
    assert!(matches!(unwrap(&jws), Err(Error::JsonSyntax { .. })));
    let twice = format!(r#"{{"caList":"{jws}","caList":"{jws}"}}"#);
    assert!(matches!(unwrap(&twice), Err(Error::JsonDuplicateMember { .. })));
    assert!(matches!(unwrap(&" ".repeat((1 << 20) + 1)), Err(Error::CaListTooLarge { .. })));
}

#[test]
fn only_the_sti_pa_signs_it() {
    let world = World::new();
    let token = parse(&world.ca_list(&world.ca_list_payload(1, NOW + DAY_S))).unwrap();
    let verify = |signer_pem: &str, now| token.verify(signer_pem.as_bytes(), &world.sti_pa(), now).err();
    assert_eq!(verify(&world.list_signer.pem, NOW), None);
    // A provider's certificate is good for calls and for nothing else.
    assert_eq!(verify(&world.chain_pem(), NOW), Some(Error::CertUntrusted));
    assert_eq!(verify(&world.crl_signer.pem, NOW), Some(Error::CertKeyUsage));
    assert_eq!(verify(&world.pa_root.pem, NOW), Some(Error::CertIsCa));
    assert_eq!(verify("", NOW), Some(Error::CertPem));
    let other = issued(end_entity("Test STI-PA", 5, &[KeyUsagePurpose::DigitalSignature]), &world.pa_root);
    assert_eq!(verify(&other.pem, NOW), Some(Error::SignatureInvalid));
    let after = world.list_signer.certificate().not_after() + 1;
    assert!(matches!(verify(&world.list_signer.pem, after), Some(Error::CertExpired { .. })));
}

#[test]
fn the_payload_is_held_to_its_rules() {
    let world = World::new();
    let good = world.ca_list_payload(1, NOW + DAY_S);
    assert!(accept(&world, &good).is_ok());
    let exp = (NOW + DAY_S).to_string();
    let member = |member| Error::CaListMember { member };
    for (from, to, error) in [
        ("\"1.0\"", "\"2.0\"", member("version")),
        ("\"1.0\"", "1.0", member("version")),
        ("\"version\"", "\"Version\"", member("version")),
        ("\"sequence\":1", "\"sequence\":-1", member("sequence")),
        ("\"sequence\":1", "\"sequence\":1.5", member("sequence")),
        ("\"sequence\":1", "\"sequence\":\"1\"", member("sequence")),
        ("\"sequence\":1", "\"sequence\":18446744073709551616", member("sequence")),
        (exp.as_str(), "18446744073709551615", member("exp")),
        (exp.as_str(), "null", member("exp")),
        (exp.as_str(), "1780272000", Error::CaListExpired { exp: NOW }),
        ("\"trustList\":[", "\"trustList\":[7,", member("trustList")),
        ("\"trustList\":[", "\"list\":[", member("trustList")),
    ] {
        assert!(good.contains(from), "{from}");
        assert_eq!(accept(&world, &good.replacen(from, to, 1)).err(), Some(error), "{from} -> {to}");
    }
    assert!(matches!(accept(&world, "[]").err(), Some(Error::CaListMember { member: "version" })));
    assert!(matches!(accept(&world, &format!("{good}x")).err(), Some(Error::JsonSyntax { .. })));
    let twice = good.replacen('{', "{\"sequence\":9,", 1);
    assert!(matches!(accept(&world, &twice).err(), Some(Error::JsonDuplicateMember { .. })));
}

#[test]
fn entries_that_are_no_ca_are_named_and_the_others_count() {
    let world = World::new();
    let mut weak = ca("Test Weak", 1);
    weak.key_usages = vec![KeyUsagePurpose::CrlSign];
    let weak = self_signed(weak);
    let two = format!("{}{}", world.sti_root.pem, world.sti_ca.pem);
    let key = world.sti_root.key.serialize_pem();
    let entries =
        ["", &world.provider.pem, &world.sti_root.pem, &weak.pem, &two, "x", &world.sti_root.pem, &key];
    let list = accept(&world, &ca_list_payload(1, NOW + DAY_S, &entries)).unwrap();
    assert_eq!(list.cas().len(), 1, "one CA, though it stands twice");
    assert_eq!(
        list.unusable(),
        [
            (0, Error::CertPem),
            (1, Error::CertIssuerNotCa),
            (3, Error::CertKeyUsage),
            (4, Error::CertPem),
            (5, Error::CertPem),
            (7, Error::CertPem)
        ]
    );
    for entries in [&[][..], &["x"], &[world.provider.pem.as_str()]] {
        let payload = ca_list_payload(1, NOW + DAY_S, entries);
        assert_eq!(accept(&world, &payload).err(), Some(Error::CaListEmpty));
    }
}

#[test]
fn the_sequence_never_goes_back() {
    let (world, other) = (World::new(), World::new());
    let mut trust = Trust::from_ca_list(list(&world, 7, NOW + DAY_S));
    let epoch = trust.epoch();
    for sequence in [0, 6] {
        let rollback = Error::CaListRollback { sequence, highest: 7 };
        assert_eq!(trust.update_ca_list(list(&world, sequence, NOW + 9 * DAY_S)).err(), Some(rollback));
    }
    // The same number with another content is two lists under one name.
    let rollback = Error::CaListRollback { sequence: 7, highest: 7 };
    assert_eq!(trust.update_ca_list(list(&world, 7, NOW + 2 * DAY_S)).err(), Some(rollback));
    assert_eq!(trust.epoch(), epoch, "the last good one stays");
    // The same content signed anew is nothing new.
    let change = trust.update_ca_list(list(&world, 7, NOW + DAY_S)).unwrap();
    assert!(change.added.is_empty() && change.removed.is_empty());
    assert_eq!(trust.epoch(), epoch);

    let payload = ca_list_payload(8, NOW + DAY_S, &[&other.sti_root.pem]);
    let change = trust.update_ca_list(Arc::new(accept(&world, &payload).unwrap())).unwrap();
    assert_eq!(change.added, [other.sti_root.certificate().fingerprint()]);
    assert_eq!(change.removed, [world.sti_root.certificate().fingerprint()]);
    assert_eq!(trust.ca_list().unwrap().sequence(), 8);

    // After a restart the number alone is left.
    let mut trust = world.trust().with_ca_list_floor(8);
    let rollback = Error::CaListRollback { sequence: 7, highest: 8 };
    assert_eq!(trust.update_ca_list(list(&world, 7, NOW + DAY_S)).err(), Some(rollback));
    assert!(trust.update_ca_list(list(&world, 8, NOW + DAY_S)).is_ok());
}

/// A CA that loses its approval takes its certificates with it, also those in the cache.
#[test]
fn cached_certificates_follow_the_list() {
    let (world, other) = (World::new(), World::new());
    let mut trust = Trust::from_ca_list(list(&world, 1, NOW + DAY_S));
    let cache = CertCache::new(1 << 20);
    let certificate = TrustedCert::from_pem(world.chain_pem().as_bytes(), &trust, NOW).unwrap();
    cache.insert(URL, Arc::new(certificate), None, NOW);
    assert!(matches!(cache.lookup(URL, &trust, NOW), Lookup::Fresh(_)));
    let payload = ca_list_payload(2, NOW + DAY_S, &[&other.sti_root.pem]);
    trust.update_ca_list(Arc::new(accept(&world, &payload).unwrap())).unwrap();
    assert!(matches!(cache.lookup(URL, &trust, NOW), Lookup::Refused(Error::CertUntrusted)));
    let both = ca_list_payload(3, NOW + DAY_S, &[&other.sti_root.pem, &world.sti_root.pem]);
    trust.update_ca_list(Arc::new(accept(&world, &both).unwrap())).unwrap();
    assert!(matches!(cache.lookup(URL, &trust, NOW), Lookup::Fresh(_)));
}

#[test]
fn an_ended_list_counts_by_policy() {
    let world = World::new();
    let end = NOW + 3600;
    let judged = |trust: &Trust, now| TrustedCert::from_pem(world.chain_pem().as_bytes(), trust, now);
    let refusing = Trust::from_ca_list(list(&world, 1, end));
    assert!(judged(&refusing, end - 1).is_ok());
    assert_eq!(judged(&refusing, end).err(), Some(Error::CaListExpired { exp: end }));
    assert!(judged(&refusing.clone().with_expired_ca_list(ExpiredCaList::KeepUsing), end).is_ok());
    // An anchor that the operator gave does not depend on the list.
    let mut given = world.trust();
    given.update_ca_list(list(&world, 1, end)).unwrap();
    assert!(judged(&given, end).is_ok());

    let cache = CertCache::new(1 << 20);
    cache.insert(URL, Arc::new(judged(&refusing, NOW).unwrap()), None, NOW);
    assert!(matches!(cache.lookup(URL, &refusing, end - 1), Lookup::Fresh(_)));
    assert!(matches!(cache.lookup(URL, &refusing, end), Lookup::Refused(Error::CaListExpired { .. })));
}
