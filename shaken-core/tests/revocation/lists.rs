//! Revocation lists one by one: what is read, what is refused, and under which name.

use std::sync::Arc;

use proptest::prelude::*;
use rcgen::KeyUsagePurpose;
use shaken_core::cert::crl::{self, Crl, RevocationReason};
use shaken_core::trust::{RevocationStatus, Undetermined};
use shaken_core::{Certificate, Error};

use crate::der::{boolean, bytes, explicit, generalized_time, implicit, integer, oid, sequence};
use crate::rig::{
    CRL_ISSUER, CRL_URL, DAY_S, NOW, NewCrl, World, ca, certificate_issuer, distribution_point, ecdsa_sha256,
    end_entity, entry, indirect, issued, issuing_distribution_point, list_extension, name, number, reason,
    self_signed, sign, to_pem, with_points,
};

/// What `list` says of the provider's certificate.
fn status(world: &World, list: &NewCrl) -> RevocationStatus {
    let mut trust = world.trust();
    trust.update_crl(Arc::new(world.trusted(list, NOW).unwrap())).unwrap();
    trust.revocation_status(&world.provider.certificate(), NOW)
}

fn is_revoked(world: &World, entries: Vec<Vec<u8>>) -> bool {
    matches!(status(world, &NewCrl { entries, ..world.list() }), RevocationStatus::Revoked { .. })
}

#[test]
fn a_list_says_what_it_is() {
    let world = World::new();
    let access = list_extension(
        &[1, 3, 6, 1, 5, 5, 7, 1, 1],
        false,
        &sequence(
            &[
                sequence(
                    &[oid(&[1, 3, 6, 1, 5, 5, 7, 48, 1]), implicit(6, b"https://pa.example.com/ocsp")]
                        .concat(),
                ),
                sequence(
                    &[oid(&[1, 3, 6, 1, 5, 5, 7, 48, 2]), implicit(6, b"https://pa.example.com/signer")]
                        .concat(),
                ),
            ]
            .concat(),
        ),
    );
    let mut list = world.list();
    list.extensions.push(access);
    list.entries = vec![entry(&[2], &[reason(1)]), entry(&[3], &[certificate_issuer("A")]), entry(&[4], &[])];
    let der = list.signed_by(&world.crl_signer.key);
    let crl = Crl::from_der(&der).unwrap();
    assert_eq!(crl.signer_url(), Some("https://pa.example.com/signer"));
    assert_eq!((crl.this_update(), crl.next_update()), (NOW - DAY_S, NOW + DAY_S));
    let entries: Vec<_> = crl.entries().collect::<Result<_, _>>().unwrap();
    let facts: Vec<_> = entries
        .iter()
        .map(|entry| (entry.issuer_der().to_vec(), entry.serial().to_vec(), entry.reason()))
        .collect();
    assert_eq!(
        facts,
        [
            (name(CRL_ISSUER), vec![2], RevocationReason::KeyCompromise),
            (name("A"), vec![3], RevocationReason::Unspecified),
            (name("A"), vec![4], RevocationReason::Unspecified),
        ]
    );
    assert_eq!(entries[0].revoked_at(), NOW - DAY_S);

    let trusted = world.verify(&der, NOW).unwrap();
    assert_eq!((trusted.len(), trusted.is_empty(), trusted.number_hex()), (3, false, "07".to_owned()));
    assert_eq!((trusted.this_update(), trusted.next_update()), (NOW - DAY_S, NOW + DAY_S));
}

#[test]
fn pem_and_der_are_told_apart() {
    let world = World::new();
    let der = world.list().signed_by(&world.crl_signer.key);
    let pem = to_pem("X509 CRL", &der);
    assert_eq!(crl::decode(&der).unwrap(), der);
    for text in
        [pem.clone(), pem.replace('\n', "\r\n"), format!("list of today\n{pem}{}", world.crl_signer.pem)]
    {
        assert_eq!(crl::decode(text.as_bytes()).unwrap(), der);
    }
    for text in [
        "",
        "<html>",
        &format!("{pem}{pem}"),
        &world.crl_signer.pem,
        &to_pem("CRL", &der),
        &pem.replace("END", "BEGIN"),
    ] {
        assert_eq!(crl::decode(text.as_bytes()).err(), Some(Error::CrlEncoding), "{text}");
    }
    let long = vec![b'A'; 24 << 20];
    assert_eq!(crl::decode(&long).err(), Some(Error::CrlTooLarge { len_bytes: 24 << 20 }));
}

/// Inheritance is what indirect lists are about: one entry out of its order revokes another
/// certificate.
#[test]
fn an_entry_without_issuer_belongs_to_the_issuer_of_the_one_before() {
    let world = World::new();
    let ours = || certificate_issuer("Test SHAKEN CA");
    let other = || certificate_issuer("Other CA");
    for (entries, revoked) in [
        (vec![entry(&[2], &[ours()])], true),
        (vec![entry(&[9], &[ours()]), entry(&[8], &[]), entry(&[2], &[])], true),
        (vec![entry(&[9], &[other()]), entry(&[2], &[ours()])], true),
        (vec![entry(&[2], &[])], false),
        (vec![entry(&[2], &[]), entry(&[9], &[ours()])], false),
        (vec![entry(&[9], &[ours()]), entry(&[2], &[other()])], false),
        (vec![entry(&[9], &[ours()]), entry(&[8], &[other()]), entry(&[2], &[])], false),
        (vec![entry(&[3], &[ours()])], false),
        (vec![], false),
    ] {
        assert_eq!(is_revoked(&world, entries.clone()), revoked, "{entries:02x?}");
    }
}

#[test]
fn serial_numbers_are_compared_as_numbers() {
    // rcgen writes the serial number of the provider as the one byte 02.
    let world = World::new();
    let ours = || [certificate_issuer("Test SHAKEN CA")];
    assert!(is_revoked(&world, vec![entry(&[2], &ours())]));
    for serial in [&[0x02, 0x00][..], &[0xfe], &[0x7f, 2], &[0x80, 2]] {
        assert!(!is_revoked(&world, vec![entry(serial, &ours())]), "{serial:02x?}");
    }
    // 22 bytes are more than a list can hold: nothing is known of such a certificate.
    let mut leaf = end_entity("SHAKEN 1234", 2, &[KeyUsagePurpose::DigitalSignature]);
    leaf.serial_number = Some(vec![1; 22].into());
    let points = distribution_point(Some(CRL_URL), Some(CRL_ISSUER));
    let leaf = issued(with_points(leaf, Some(points)), &world.sti_ca);
    let mut trust = world.trust();
    trust.update_crl(Arc::new(world.trusted(&world.list(), NOW).unwrap())).unwrap();
    let unknown = RevocationStatus::Undetermined(Undetermined::NotCovered);
    assert_eq!(trust.revocation_status(&leaf.certificate(), NOW), unknown);
    let longest = [&[0, 0xff], [7; 19].as_slice()].concat();
    assert!(!is_revoked(&world, vec![entry(&longest, &ours())]));
    for serial in [&[][..], &[0, 2], &[0xff, 0x80], &[1; 22]] {
        let list = NewCrl { entries: vec![entry(serial, &ours())], ..world.list() };
        assert!(matches!(world.trusted(&list, NOW), Err(Error::CrlDer { .. })), "{serial:02x?}");
    }
}

/// The same name in another string type or letter case (RFC 5280 §7.1).
#[test]
fn a_name_in_another_spelling_is_found() {
    let world = World::new();
    let spelled = |text: &[u8], string_tag| {
        let value = [oid(&[2, 5, 4, 3]), bytes(string_tag, text)].concat();
        sequence(&crate::der::set(&sequence(&value)))
    };
    let issuer =
        list_extension(&[2, 5, 29, 29], true, &sequence(&explicit(4, &spelled(b"TEST  shaken CA", 0x13))));
    assert!(is_revoked(&world, vec![entry(&[2], &[issuer])]));
    let list = NewCrl { issuer: spelled(b"test sti-pa crl", 0x13), ..world.list() };
    assert_eq!(status(&world, &list), RevocationStatus::Good);
}

#[test]
fn of_a_serial_number_that_stands_twice_the_earlier_date_counts() {
    let world = World::new();
    let late = sequence(
        &[integer(&[2]), generalized_time(NOW - 5), sequence(&certificate_issuer("Test SHAKEN CA"))].concat(),
    );
    let early = sequence(&[integer(&[2]), generalized_time(NOW - 9), sequence(&reason(1))].concat());
    let list = NewCrl { entries: vec![late, early], ..world.list() };
    let revoked = RevocationStatus::Revoked { reason: RevocationReason::KeyCompromise, revoked_at: NOW - 9 };
    assert_eq!(status(&world, &list), revoked);
    assert_eq!(world.trusted(&list, NOW).unwrap().len(), 1);
}

#[test]
fn the_scope_of_a_list_and_the_points_of_a_certificate_must_meet() {
    let uri = |url: &str| implicit(6, url.as_bytes());
    let full = |names: &[u8]| explicit(0, &explicit(0, names));
    let flag = |number| implicit(number, &[0xff]);
    let ours = Some(distribution_point(Some(CRL_URL), Some(CRL_ISSUER)));
    let other_url = "https://pa.example.com/other";
    let good = RevocationStatus::Good;
    let unknown = RevocationStatus::Undetermined(Undetermined::NotCovered);
    let idp = |fields: &[u8]| Some(issuing_distribution_point(fields));
    let two_points = sequence(
        &[
            sequence(&full(&uri(other_url))),
            sequence(&[full(&uri(CRL_URL)), explicit(2, &explicit(4, &name(CRL_ISSUER)))].concat()),
        ]
        .concat(),
    );
    for (what, points, scope, expected) in [
        ("as published", ours.clone(), Some(indirect(Some(CRL_URL))), good),
        ("list without a name", ours.clone(), Some(indirect(None)), good),
        ("other url", ours.clone(), Some(indirect(Some(other_url))), unknown),
        ("url in another case", ours.clone(), Some(indirect(Some("https://PA.example.com/crl"))), unknown),
        (
            "one of two names",
            ours.clone(),
            idp(&[full(&[uri(other_url), uri(CRL_URL)].concat()), flag(4)].concat()),
            good,
        ),
        ("not indirect", ours.clone(), idp(&full(&uri(CRL_URL))), unknown),
        ("indirect FALSE", ours.clone(), idp(&[full(&uri(CRL_URL)), implicit(4, &[0])].concat()), unknown),
        ("no scope", ours.clone(), None, unknown),
        ("end entities", ours.clone(), idp(&[flag(1), flag(4)].concat()), good),
        ("CAs", ours.clone(), idp(&[flag(2), flag(4)].concat()), unknown),
        ("attributes", ours.clone(), idp(&[flag(4), flag(5)].concat()), unknown),
        ("some reasons", ours.clone(), idp(&[implicit(3, &[6, 0x40]), flag(4)].concat()), unknown),
        ("all reasons", ours.clone(), idp(&[implicit(3, &[7, 0x7f, 0x80]), flag(4)].concat()), good),
        (
            "other issuer",
            Some(distribution_point(Some(CRL_URL), Some("Other"))),
            Some(indirect(Some(CRL_URL))),
            unknown,
        ),
        ("no issuer", Some(distribution_point(Some(CRL_URL), None)), Some(indirect(Some(CRL_URL))), unknown),
        (
            "point without name",
            Some(distribution_point(None, Some(CRL_ISSUER))),
            Some(indirect(Some(CRL_URL))),
            unknown,
        ),
        (
            "point without name, list named as its issuer",
            Some(distribution_point(None, Some(CRL_ISSUER))),
            idp(&[full(&explicit(4, &name(CRL_ISSUER))), flag(4)].concat()),
            good,
        ),
        ("second point", Some(two_points), Some(indirect(Some(CRL_URL))), good),
        ("no points", None, Some(indirect(Some(CRL_URL))), unknown),
    ] {
        let world = World::with_provider_points(points);
        let extensions = [number(7)].into_iter().chain(scope).collect();
        assert_eq!(status(&world, &NewCrl { extensions, ..world.list() }), expected, "{what}");
    }
}

/// Where the STI-CA publishes its own list, without a distribution point (RFC 5280 §6.3.3).
#[test]
fn a_list_of_the_issuer_itself_needs_no_distribution_point() {
    let mut root = ca("Test Root", 1);
    root.key_usages.push(KeyUsagePurpose::CrlSign);
    let root = self_signed(root);
    let leaf = issued(end_entity("SHAKEN 1234", 2, &[KeyUsagePurpose::DigitalSignature]), &root);
    let sti_pa = shaken_core::trust::StiPa::from_pem(root.pem.as_bytes()).unwrap();
    let world = World::new();
    let list = NewCrl { issuer: name("Test Root"), extensions: vec![number(1)], ..world.list() };
    for (serial, revoked) in [(2, true), (3, false)] {
        let list = NewCrl { entries: vec![entry(&[serial], &[])], ..list.clone() };
        let der = list.signed_by(&root.key);
        // The anchor itself signed: nobody hands its certificate over.
        let crl = Crl::from_der(&der).unwrap().verify(&[], &sti_pa, NOW).unwrap();
        let mut trust = world.trust();
        trust.update_crl(Arc::new(crl)).unwrap();
        let status = trust.revocation_status(&leaf.certificate(), NOW);
        assert_eq!(matches!(status, RevocationStatus::Revoked { .. }), revoked, "{status:?}");
        assert_eq!(status == RevocationStatus::Good, !revoked);
    }
}

#[test]
fn only_the_sti_pa_signs_lists() {
    let world = World::new();
    let der = world.list().signed_by(&world.crl_signer.key);
    let crl = Crl::from_der(&der).unwrap();
    let verify = |signers: &[Certificate], now| crl.verify(signers, &world.sti_pa(), now).map(drop);
    let right = world.crl_signer.certificate();
    assert_eq!(verify(std::slice::from_ref(&right), NOW), Ok(()));
    assert_eq!(verify(&[world.provider.certificate(), right.clone(), right.clone()], NOW), Ok(()));
    assert_eq!(verify(&[], NOW), Err(Error::CrlSignerMissing));
    assert_eq!(verify(&[world.list_signer.certificate()], NOW), Err(Error::CrlSignerMissing));

    // Right name, wrong in one other respect.
    let signer = |usages: &[_], issuer| issued(end_entity(CRL_ISSUER, 3, usages), issuer);
    let same_name = signer(&[KeyUsagePurpose::CrlSign], &world.pa_root);
    assert_eq!(verify(&[same_name.certificate()], NOW), Err(Error::CrlSignature));
    let of_sti_ca = signer(&[KeyUsagePurpose::CrlSign], &world.sti_ca);
    let by_sti_ca = world.list().signed_by(&of_sti_ca.key);
    let chain = [of_sti_ca.certificate(), world.sti_ca.certificate(), world.sti_root.certificate()];
    let outcome = Crl::from_der(&by_sti_ca).unwrap().verify(&chain, &world.sti_pa(), NOW).map(drop);
    assert_eq!(outcome, Err(Error::CertUntrusted), "an STI-CA revokes nothing");
    let stranger = issued(end_entity("Other CRL", 3, &[KeyUsagePurpose::CrlSign]), &world.pa_root);
    let by_stranger = world.list().signed_by(&stranger.key);
    let outcome =
        Crl::from_der(&by_stranger).unwrap().verify(&[stranger.certificate()], &world.sti_pa(), NOW);
    assert_eq!(outcome.map(drop), Err(Error::CrlSignerMissing), "a list is its issuer's alone");
    let may_not = signer(&[KeyUsagePurpose::DigitalSignature], &world.pa_root);
    let by_may_not = world.list().signed_by(&may_not.key);
    let outcome = Crl::from_der(&by_may_not).unwrap().verify(&[may_not.certificate()], &world.sti_pa(), NOW);
    assert_eq!(outcome.map(drop), Err(Error::CrlSignerMissing));
    let end = right.not_after();
    let list = NewCrl { this_update: end, next_update: Some(end + DAY_S), ..world.list() };
    assert!(matches!(world.trusted(&list, end + 1), Err(Error::CertExpired { .. })));

    // The signer is found among several of its name, whatever their order, and by key identifier.
    assert_eq!(verify(&[same_name.certificate(), right.clone()], NOW), Ok(()));
    let key_id = list_extension(&[2, 5, 29, 35], false, &sequence(&implicit(0, &[7; 20])));
    let mut list = world.list();
    list.extensions.push(key_id);
    assert_eq!(world.trusted(&list, NOW).map(drop), Err(Error::CrlSignerMissing));
}

#[test]
fn dates_are_checked() {
    let world = World::new();
    let dated = |this_update| {
        world
            .trusted(&NewCrl { this_update, next_update: Some(this_update + 1), ..world.list() }, NOW)
            .map(drop)
    };
    assert_eq!(dated(NOW + 300), Ok(()));
    assert_eq!(dated(NOW + 301), Err(Error::CrlNotYetValid { this_update: NOW + 301 }));
    assert_eq!(dated(NOW - 100 * DAY_S), Ok(()), "what an old list says is revoked still is");
}

#[test]
fn what_we_do_not_know_and_must_is_refused() {
    let world = World::new();
    let unknown = |critical| list_extension(&[2, 5, 29, 99], critical, &[5, 0]);
    let load = |list: &NewCrl| world.trusted(list, NOW).map(drop);
    let with = |extensions: Vec<Vec<u8>>| {
        load(&NewCrl {
            extensions: [extensions, vec![number(7), indirect(Some(CRL_URL))]].concat(),
            ..world.list()
        })
    };
    let delta = |critical| list_extension(&[2, 5, 29, 27], critical, &integer(&[1]));
    assert_eq!(with(vec![unknown(false)]), Ok(()));
    for refused in [unknown(true), delta(true), delta(false)] {
        assert_eq!(with(vec![refused]), Err(Error::CrlCriticalExtension));
    }
    let with_entry = |extensions: &[Vec<u8>]| {
        load(&NewCrl { entries: vec![entry(&[9], &[]), entry(&[2], extensions)], ..world.list() })
    };
    let invalidity = list_extension(&[2, 5, 29, 24], false, &generalized_time(NOW));
    assert_eq!(with_entry(&[unknown(false), invalidity]), Ok(()));
    assert_eq!(with_entry(&[unknown(true)]), Err(Error::CrlCriticalExtension));

    let numbered = |number: Option<Vec<u8>>| {
        let extensions = number.into_iter().chain([indirect(Some(CRL_URL))]).collect();
        load(&NewCrl { extensions, ..world.list() })
    };
    let id = [2, 5, 29, 20];
    assert_eq!(numbered(None), Err(Error::CrlNumber));
    assert_eq!(numbered(Some(list_extension(&id, true, &integer(&[7])))), Err(Error::CrlNumber));
    for bad in [&[0xff][..], &[1; 22], &[0, 1]] {
        let outcome = numbered(Some(list_extension(&id, false, &integer(bad))));
        assert!(matches!(outcome, Err(Error::CrlDer { .. })), "{bad:02x?}");
    }
}

/// Each of these is signed by the right signer: the form alone is wrong.
#[test]
fn malformed_lists_are_refused_and_the_place_is_named() {
    let world = World::new();
    let good = world.list();
    let ours = || certificate_issuer("Test SHAKEN CA");
    let with_entries = |entries: Vec<Vec<u8>>| NewCrl { entries, ..good.clone() };
    let with_scope = |scope: Vec<u8>| NewCrl { extensions: vec![number(7), scope], ..good.clone() };
    let ecdsa_sha384 = sequence(&oid(&[1, 2, 840, 10045, 4, 3, 3]));
    let empty_issuer = list_extension(&[2, 5, 29, 29], true, &sequence(&[]));
    let uri_issuer = list_extension(&[2, 5, 29, 29], true, &sequence(&implicit(6, b"https://a.example")));
    let date = |text: &str, tag| sequence(&[integer(&[2]), bytes(tag, text.as_bytes())].concat());
    for (what, list) in [
        ("version 1", NewCrl { version: None, ..good.clone() }),
        ("version 3", NewCrl { version: Some(2), ..good.clone() }),
        ("no nextUpdate", NewCrl { next_update: None, ..good.clone() }),
        ("two algorithms", NewCrl { inner_algorithm: ecdsa_sha384, ..good.clone() }),
        ("extension twice", NewCrl { extensions: vec![number(7), number(7)], ..good.clone() }),
        (
            "scope twice",
            NewCrl { extensions: vec![number(7), indirect(None), indirect(None)], ..good.clone() },
        ),
        (
            "two kinds of certificate",
            with_scope(issuing_distribution_point(&[implicit(1, &[0xff]), implicit(2, &[0xff])].concat())),
        ),
        ("unknown field of the scope", with_scope(issuing_distribution_point(&implicit(6, &[0xff])))),
        (
            "fields out of order",
            with_scope(issuing_distribution_point(&[implicit(4, &[0xff]), implicit(1, &[0xff])].concat())),
        ),
        ("a boolean of BER", with_scope(issuing_distribution_point(&implicit(4, &[1])))),
        (
            "65 names in the point",
            with_scope(issuing_distribution_point(&explicit(0, &explicit(0, &implicit(6, b"x").repeat(65))))),
        ),
        ("no names in the point", with_scope(issuing_distribution_point(&explicit(0, &explicit(0, &[]))))),
        (
            "issuer in a direct list",
            NewCrl { entries: vec![entry(&[2], &[ours()])], ..with_scope(issuing_distribution_point(&[])) },
        ),
        ("issuer without a name", with_entries(vec![entry(&[2], &[empty_issuer])])),
        ("issuer that is a URI", with_entries(vec![entry(&[2], &[uri_issuer])])),
        ("issuer twice", with_entries(vec![entry(&[2], &[ours(), ours()])])),
        ("reason twice", with_entries(vec![entry(&[2], &[reason(1), reason(1)])])),
        ("reason 7", with_entries(vec![entry(&[2], &[reason(7)])])),
        ("reason 11", with_entries(vec![entry(&[2], &[reason(11)])])),
        ("no date", with_entries(vec![sequence(&integer(&[2]))])),
        ("date without seconds", with_entries(vec![date("2601010000Z", 0x17)])),
        ("date with an offset", with_entries(vec![date("260101000000+0000", 0x17)])),
        ("date with a fraction", with_entries(vec![date("20260101000000.5Z", 0x18)])),
        ("month 13", with_entries(vec![date("261301000000Z", 0x17)])),
        ("second 60", with_entries(vec![date("260101000060Z", 0x17)])),
        (
            "something behind the entry",
            with_entries(vec![sequence(&[integer(&[2]), generalized_time(NOW), boolean(0)].concat())]),
        ),
        ("no entry", with_entries(vec![boolean(0)])),
    ] {
        let outcome = world.trusted(&list, NOW);
        assert!(matches!(outcome, Err(Error::CrlDer { .. })), "{what}: {outcome:?}");
    }
    // The byte that is wrong, counted from the start of the list.
    let der =
        with_entries(vec![entry(&[2], &[]), date("2601010000Z", 0x17)]).signed_by(&world.crl_signer.key);
    let Err(Error::CrlDer { offset }) = world.verify(&der, NOW) else { panic!("not refused") };
    assert_eq!(&der[offset + 2..][..11], b"2601010000Z");
}

#[test]
fn the_frame_is_strict_der() {
    let world = World::new();
    let tbs = world.list().tbs();
    let signature = |bits: &[u8]| bytes(0x03, bits);
    let good = world.list().signed_by(&world.crl_signer.key);
    for (what, der) in [
        ("nothing", vec![]),
        ("trailing byte", [good.clone(), vec![0]].concat()),
        ("one field", sequence(&tbs)),
        ("unused bits", sequence(&[tbs.clone(), ecdsa_sha256(), signature(&[1, 0])].concat())),
        ("no bits", sequence(&[tbs.clone(), ecdsa_sha256(), signature(&[])].concat())),
        ("indefinite length", [&[0x30, 0x80][..], &good[4..], &[0, 0]].concat()),
        ("long length", [&[0x30, 0x83, 0][..], &good[2..]].concat()),
    ] {
        let outcome = Crl::from_der(&der).map(drop);
        assert!(matches!(outcome, Err(Error::CrlDer { .. })), "{what}: {outcome:?}");
    }
    // A length of four bytes in its shortest form cannot be shorter than 16 MiB, the limit.
    assert_eq!(
        Crl::from_der(&vec![0x30; crl::MAX_DER_LEN + 1]).map(drop),
        Err(Error::CrlTooLarge { len_bytes: crl::MAX_DER_LEN + 1 })
    );
}

/// A list that is not signed by the right key is not looked into: the entries here are malformed,
/// and that is not what is reported.
#[test]
fn entries_are_read_only_behind_a_good_signature() {
    let world = World::new();
    let list = NewCrl { entries: vec![boolean(0)], ..world.list() };
    let other = self_signed(ca("Other", 1));
    assert_eq!(world.verify(&list.signed_by(&other.key), NOW).map(drop), Err(Error::CrlSignature));
    assert!(matches!(world.trusted(&list, NOW), Err(Error::CrlDer { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No change of a byte, cut or insertion makes another list pass.
    #[test]
    fn a_changed_list_is_refused(at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..3) {
        let (world, good) = &*GOOD;
        let mut der = good.clone();
        let at = at.index(der.len());
        match how {
            0 => der[at] = byte,
            1 => der.truncate(at),
            _ => der.insert(at, byte),
        }
        prop_assume!(der != *good);
        prop_assert!(world.verify(&der, NOW).is_err());
    }

    /// Entries with any bytes in them, under a good signature: no panic, and a list that is
    /// accepted is one whose entries could all be read.
    #[test]
    fn any_entries_are_read_or_refused(
        mut body in prop::collection::vec(any::<u8>(), 0..64),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        mutate in any::<bool>(),
    ) {
        let (world, _) = &*GOOD;
        if mutate {
            body = [world.entry_of_sti_ca(&[2]), entry(&[3], &[reason(1)])].concat();
            let at = at.index(body.len());
            body[at] = byte;
        }
        let der = sign(&world.list().tbs_over(&sequence(&body)), &world.crl_signer.key);
        let Ok(crl) = Crl::from_der(&der) else { return Ok(()) };
        let readable = crl.entries().all(|entry| entry.is_ok());
        prop_assert_eq!(world.verify(&der, NOW).is_ok(), readable);
    }

    /// Whatever the order and the issuers: exactly what is listed is found.
    #[test]
    fn what_is_listed_is_found_and_nothing_else(
        listed in prop::collection::vec((0_u8..3, 0_u8..8, any::<bool>()), 0..12),
    ) {
        let issuers = ["Test SHAKEN CA", "Other CA", "Test SHAKEN Root"];
        let (world, _) = &*GOOD;
        let mut current = None;
        let mut revokes_provider = false;
        let mut entries = Vec::new();
        for (issuer, serial, says_so) in listed {
            let says_so = says_so || current.is_none();
            if says_so {
                current = Some(issuer);
            }
            revokes_provider |= current == Some(0) && serial == 2;
            let extensions = says_so.then(|| certificate_issuer(issuers[usize::from(issuer)]));
            entries.push(entry(&[serial], &Vec::from_iter(extensions)));
        }
        prop_assert_eq!(is_revoked(world, entries), revokes_provider);
    }
}

static GOOD: std::sync::LazyLock<(World, Vec<u8>)> = std::sync::LazyLock::new(|| {
    let world = World::new();
    let entries = vec![world.entry_of_sti_ca(&[2]), entry(&[3], &[reason(1)])];
    let der = NewCrl { entries, ..world.list() }.signed_by(&world.crl_signer.key);
    (world, der)
});
