//! What the policies make of certificates that are revoked, good or unknown, and how a change of
//! trust reaches certificates that were accepted before.

use std::sync::Arc;

use shaken_core::cert::check_path;
use shaken_core::cert::crl::RevocationReason;
use shaken_core::trust::{RevocationPolicy, RevocationStatus, Undetermined};
use shaken_core::{CertCache, Error, Lookup, Trust, TrustedCert};

use crate::rig::{CRL_URL, DAY_S, NOW, NewCrl, World, distribution_point, number, reason};

const HOUR_S: i64 = 3600;

const URL: &str = "https://cr.example.com/shaken.pem";

const POLICIES: [RevocationPolicy; 3] =
    [RevocationPolicy::FailOpen, RevocationPolicy::OpenUntilLoaded, RevocationPolicy::FailClosed];

/// The provider's certificate, judged with `list` loaded.
fn judged(
    world: &World,
    list: Option<&NewCrl>,
    policy: RevocationPolicy,
    now: i64,
) -> Result<TrustedCert, Error> {
    TrustedCert::from_pem(world.chain_pem().as_bytes(), &with_list(world, list, policy, NOW), now)
}

fn with_list(world: &World, list: Option<&NewCrl>, policy: RevocationPolicy, now: i64) -> Trust {
    let mut trust = world.trust().with_revocation_policy(policy);
    if let Some(list) = list {
        trust.update_crl(Arc::new(world.trusted(list, now).unwrap())).unwrap();
    }
    trust
}

#[test]
fn a_revoked_certificate_is_refused_under_every_policy() {
    let world = World::new();
    for (serial, depth) in [(2, 0), (1, 1)] {
        // The intermediate is listed under the root's name, the provider's under the intermediate's.
        let issuer = ["Test SHAKEN CA", "Test SHAKEN Root"][depth];
        let entry = crate::rig::entry(&[serial], &[reason(4), crate::rig::certificate_issuer(issuer)]);
        let list = NewCrl { entries: vec![entry], ..world.list() };
        let revoked =
            Error::CertRevoked { depth, reason: RevocationReason::Superseded, revoked_at: NOW - DAY_S };
        for policy in POLICIES {
            for now in [NOW, NOW + DAY_S + 13 * HOUR_S] {
                assert_eq!(judged(&world, Some(&list), policy, now).err(), Some(revoked), "{policy:?}");
            }
        }
    }
}

#[test]
fn the_policies_differ_where_nothing_is_known() {
    let unnamed = World::with_provider_points(Some(distribution_point(Some(CRL_URL), None)));
    let without = World::with_provider_points(None);
    let world = World::new();
    let list = world.list();
    let end = NOW + DAY_S;
    let missing = |depth| Some(Error::CrlMissing { depth });
    let stale = Some(Error::CrlStale { next_update: end });
    for (what, result, [open, until_loaded, closed]) in [
        ("no list", &(&world, None, NOW), [None, None, missing(0)]),
        ("in date", &(&world, Some(list.clone()), end), [None, None, None]),
        ("just ended", &(&world, Some(list.clone()), end + 1), [None, None, stale]),
        ("in the grace", &(&world, Some(list.clone()), end + 12 * HOUR_S), [None, None, stale]),
        ("beyond it", &(&world, Some(list.clone()), end + 12 * HOUR_S + 1), [None, stale, stale]),
        ("no CRL issuer named", &(&unnamed, Some(unnamed.list()), NOW), [None, None, missing(0)]),
        ("no distribution point", &(&without, Some(without.list()), NOW), [None, None, missing(0)]),
    ] {
        let (world, list, now) = result;
        for (policy, expected) in POLICIES.into_iter().zip([open, until_loaded, closed]) {
            let outcome = judged(world, list.as_ref(), policy, *now);
            assert_eq!(outcome.err(), expected, "{what}, {policy:?}");
        }
    }
}

#[test]
fn the_status_tells_why_a_certificate_passed() {
    let world = World::new();
    let status = |world: &World, list: Option<NewCrl>, now| {
        judged(world, list.as_ref(), RevocationPolicy::FailOpen, now).unwrap().revocation()
    };
    assert_eq!(status(&world, None, NOW), RevocationStatus::Undetermined(Undetermined::NoList));
    assert_eq!(status(&world, Some(world.list()), NOW), RevocationStatus::Good);
    let stale = Undetermined::Stale { next_update: NOW + DAY_S };
    assert_eq!(status(&world, Some(world.list()), NOW + DAY_S + 1), RevocationStatus::Undetermined(stale));
    // The intermediate is covered, the provider's certificate is not.
    let other = World::with_provider_points(Some(distribution_point(Some(CRL_URL), Some("Other CRL"))));
    let unknown = RevocationStatus::Undetermined(Undetermined::NotCovered);
    assert_eq!(status(&other, Some(other.list()), NOW), unknown);
    let path = check_path(&world.provider.certificate(), &[world.sti_ca.certificate()], &world.trust(), NOW);
    assert_eq!(path, Ok(()));
}

#[test]
fn a_list_counts_only_as_long_as_its_signer() {
    let world = World::new();
    // Signed a day before the signer's certificate ends, and good for a month by its own word.
    let signer_end = world.crl_signer.certificate().not_after();
    let list = NewCrl {
        this_update: signer_end - 2 * DAY_S,
        next_update: Some(signer_end + 30 * DAY_S),
        ..world.list()
    };
    let crl = world.trusted(&list, signer_end - DAY_S).unwrap();
    let mut trust = world.trust();
    trust.update_crl(Arc::new(crl)).unwrap();
    let certificate = world.provider.certificate();
    assert_eq!(trust.revocation_status(&certificate, signer_end), RevocationStatus::Good);
    let stale = RevocationStatus::Undetermined(Undetermined::Stale { next_update: signer_end });
    assert_eq!(trust.revocation_status(&certificate, signer_end + 1), stale);
}

#[test]
fn equal_contents_are_one_epoch_and_changes_another() {
    let world = World::new();
    let plain = world.trust();
    assert_eq!(plain.epoch(), world.trust().epoch());
    let crl = Arc::new(world.trusted(&world.list(), NOW).unwrap());
    let mut loaded = plain.clone();
    loaded.update_crl(Arc::clone(&crl)).unwrap();
    let mut newer = loaded.clone();
    let next = NewCrl { extensions: vec![number(8), crate::rig::indirect(Some(CRL_URL))], ..world.list() };
    newer.update_crl(Arc::new(world.trusted(&next, NOW).unwrap())).unwrap();
    assert_eq!((loaded.crls().len(), newer.crls().len()), (1, 1));
    assert_eq!(newer.crls()[0].number_hex(), "08");
    let epochs = [
        plain.epoch(),
        loaded.epoch(),
        newer.epoch(),
        plain.clone().with_revocation_policy(RevocationPolicy::FailClosed).epoch(),
        plain.clone().with_more_anchors_pem(world.pa_root.pem.as_bytes()).unwrap().epoch(),
        plain.clone().with_intermediates_pem(world.sti_ca.pem.as_bytes()).unwrap().epoch(),
    ];
    for (i, one) in epochs.iter().enumerate() {
        for other in &epochs[i + 1..] {
            assert_ne!(one, other);
        }
    }
    loaded.update_crl(crl).unwrap();
    assert_eq!(loaded.epoch(), epochs[1], "the same list again changes nothing");
}

#[test]
fn a_list_does_not_go_back() {
    let world = World::new();
    let mut trust = world.trust();
    let list = |n: u8, this_update| {
        let extensions = vec![number(n), crate::rig::indirect(Some(CRL_URL))];
        NewCrl { extensions, this_update, ..world.list() }
    };
    let load = |trust: &mut Trust, list: &NewCrl| {
        trust.update_crl(Arc::new(world.trusted(list, NOW).unwrap())).map(|()| trust.epoch())
    };
    let first = load(&mut trust, &list(7, NOW - 100)).unwrap();
    for (n, this_update) in [(6, NOW - 100), (6, NOW), (7, NOW - 101), (8, NOW - 101)] {
        let older = Err(Error::CrlRollback { this_update });
        assert_eq!(load(&mut trust, &list(n, this_update)), older, "{n} {this_update}");
        assert_eq!(trust.epoch(), first, "the last good one stays");
    }
    assert!(load(&mut trust, &list(8, NOW - 100)).is_ok());
    // 0x0100 is a longer number than 0x7f, and a greater one.
    let long = crate::rig::list_extension(&[2, 5, 29, 20], false, &crate::der::integer(&[1, 0]));
    let long = NewCrl {
        extensions: vec![long, crate::rig::indirect(Some(CRL_URL))],
        this_update: NOW,
        ..world.list()
    };
    assert!(load(&mut trust, &long).is_ok());
    assert!(load(&mut trust, &list(0x7f, NOW)).is_err());
    // A list of another scope is another series.
    let other = NewCrl { extensions: vec![number(1), crate::rig::indirect(None)], ..world.list() };
    assert!(load(&mut trust, &other).is_ok());
    assert_eq!(trust.crls().len(), 2);
}

/// The chain bytes are all that the cache has: nothing here could fetch.
#[test]
fn cached_certificates_are_judged_again_when_a_list_comes_or_goes() {
    let world = World::new();
    let plain = world.trust();
    let mut loaded = plain.clone();
    let list = NewCrl { entries: vec![world.entry_of_sti_ca(&[2])], ..world.list() };
    loaded.update_crl(Arc::new(world.trusted(&list, NOW).unwrap())).unwrap();
    let mut lifted = loaded.clone();
    let next = NewCrl { extensions: vec![number(8), crate::rig::indirect(Some(CRL_URL))], ..world.list() };
    lifted.update_crl(Arc::new(world.trusted(&next, NOW).unwrap())).unwrap();

    let cache = CertCache::new(1 << 20);
    let certificate = TrustedCert::from_pem(world.chain_pem().as_bytes(), &plain, NOW).unwrap();
    cache.insert(URL, Arc::new(certificate), None, NOW);
    let Lookup::Fresh(first) = cache.lookup(URL, &plain, NOW) else { panic!("not fresh") };
    let Lookup::Fresh(again) = cache.lookup(URL, &plain, NOW) else { panic!("not fresh") };
    assert!(Arc::ptr_eq(&first, &again), "nothing changed, nothing is judged");

    let revoked = |lookup| matches!(lookup, Lookup::Refused(Error::CertRevoked { depth: 0, .. }));
    assert!(revoked(cache.lookup(URL, &loaded, NOW)));
    assert!(revoked(cache.lookup(URL, &loaded, NOW + 30)));
    assert!(revoked(cache.lookup(URL, &loaded, NOW + DAY_S)), "judged again, and still refused");
    // Beyond its freshness it may be asked for again: another certificate may be there.
    assert!(matches!(cache.lookup(URL, &loaded, NOW + DAY_S + 1), Lookup::Missing));
    let Lookup::Fresh(third) = cache.lookup(URL, &lifted, NOW) else { panic!("not fresh") };
    assert_eq!(third.revocation(), RevocationStatus::Good);
    assert!(matches!(cache.lookup(URL, &lifted, NOW + DAY_S + 1), Lookup::Stale(_)));
    // Other anchors: no path any more.
    let elsewhere = Trust::from_pem(world.pa_root.pem.as_bytes()).unwrap();
    assert!(matches!(cache.lookup(URL, &elsewhere, NOW), Lookup::Refused(Error::CertUntrusted)));
    assert!(matches!(cache.lookup(URL, &plain, NOW), Lookup::Fresh(_)));
}

/// The daemon runs on and no newer list comes.
#[test]
fn cached_certificates_are_judged_again_when_the_list_ends() {
    let world = World::new();
    let list = NewCrl { next_update: Some(NOW + HOUR_S), ..world.list() };
    let mut trust = world.trust();
    trust.update_crl(Arc::new(world.trusted(&list, NOW).unwrap())).unwrap();
    let cache = CertCache::new(1 << 20);
    let certificate = TrustedCert::from_pem(world.chain_pem().as_bytes(), &trust, NOW).unwrap();
    assert!(certificate.is_judged_by(&trust, NOW + HOUR_S));
    assert!(!certificate.is_judged_by(&trust, NOW + HOUR_S + 1));
    cache.insert(URL, Arc::new(certificate), None, NOW);
    let end = NOW + HOUR_S;
    let status = |now| match cache.lookup(URL, &trust, now) {
        Lookup::Fresh(certificate) => Ok(certificate.revocation()),
        Lookup::Refused(error) => Err(error),
        other => panic!("{other:?}"),
    };
    assert_eq!(status(end), Ok(RevocationStatus::Good));
    let stale = RevocationStatus::Undetermined(Undetermined::Stale { next_update: end });
    assert_eq!(status(end + 1), Ok(stale));
    assert_eq!(status(end + 12 * HOUR_S), Ok(stale));
    assert_eq!(status(end + 12 * HOUR_S + 1), Err(Error::CrlStale { next_update: end }));
    // A clock that was ahead for a moment and is right again.
    assert_eq!(status(end), Ok(RevocationStatus::Good));
}

#[test]
fn a_new_download_takes_the_place_of_a_refusal() {
    let (old, new) = (World::new(), World::new());
    let trust = old.trust().with_more_anchors_pem(new.sti_root.pem.as_bytes()).unwrap();
    let fetch =
        |world: &World| Arc::new(TrustedCert::from_pem(world.chain_pem().as_bytes(), &trust, NOW).unwrap());
    let cache = CertCache::new(1 << 20);
    cache.insert(URL, fetch(&old), None, NOW);
    cache.insert(URL, fetch(&new), None, NOW);
    let only_new = new.trust();
    assert!(matches!(cache.lookup(URL, &only_new, NOW), Lookup::Fresh(_)));
    assert!(matches!(cache.lookup(URL, &old.trust(), NOW), Lookup::Refused(Error::CertUntrusted)));
    cache.insert(URL, fetch(&old), None, NOW);
    assert!(matches!(cache.lookup(URL, &old.trust(), NOW), Lookup::Fresh(_)));
}
