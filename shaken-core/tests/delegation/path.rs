//! What the lists of a path allow together.

use shaken_core::cert::TnAuthList;
use shaken_core::cert::encompass::{Encompassing, Unknown};
use shaken_core::{Error, Signer, key};

use crate::rig::{self, Chain, List, one, range, spc, tn};

const URL: &str = "https://cr.example.com/list.der";

fn unknown() -> Result<Encompassing, Error> {
    Ok(Encompassing::Unknown(Unknown::ByProvider))
}

/// Each list against the next one above it, whatever certificates without one stand between.
#[test]
fn every_pair_of_a_path_counts() {
    let none = || List::None;
    let thousand = || List::of(&[range("12155551000", 1000)]);
    let hundred = || List::of(&[range("12155551500", 100)]);
    let outside = || List::of(&[one("12155552000")]);
    let provider = || List::of(&[spc("1234")]);
    let encompassed = Ok(Encompassing::Encompassed);
    let refused = Err(Error::TnAuthListNotEncompassed);
    for (lists, expected) in [
        (vec![none(), none(), provider()], encompassed),
        (vec![none(), none(), none()], encompassed),
        (vec![none(), thousand(), hundred()], encompassed),
        (vec![none(), thousand(), outside()], refused),
        (vec![none(), thousand(), provider()], refused),
        // The trust anchor's own list counts too.
        (vec![thousand(), none(), hundred()], encompassed),
        (vec![thousand(), none(), outside()], refused),
        (vec![thousand(), none(), none(), outside()], refused),
        // The fault may be high up.
        (vec![none(), hundred(), thousand(), hundred()], refused),
        (vec![none(), thousand(), hundred(), hundred()], encompassed),
        (vec![none(), thousand(), provider(), none()], refused),
        (vec![none(), provider(), hundred()], unknown()),
        (vec![none(), provider(), thousand(), hundred()], unknown()),
        (vec![none(), provider(), thousand(), outside()], refused),
        (vec![none(), provider(), List::of(&[spc("5678")])], refused),
        (vec![none(), provider(), List::of(&[spc("1234"), one("12155550121")])], unknown()),
        // What is not known of one pair does not hide what is known of another.
        (vec![none(), hundred(), thousand(), none(), provider()], refused),
    ] {
        let outcome = Chain::new(&lists).judged().map(|trusted| trusted.encompassing());
        assert_eq!(outcome, expected, "{}", lists.len());
    }
}

/// The signer's list says which numbers, those above it limit it once more.
#[test]
fn authority_takes_every_list_of_the_path() {
    let listed = tn("12155551500");
    let (tn_refused, missing) = (Err(Error::TnNotAuthorized), Err(Error::TnAuthListMissing));
    let numbers = || List::of(&[range("12155551500", 100)]);
    let provider = || List::of(&[spc("1234")]);
    let mixed = || List::of(&[spc("1234"), one("12155551500")]);
    for (lists, of_listed, of_other, of_uris) in [
        (vec![List::None, provider()], Ok(()), Ok(()), Ok(())),
        (vec![List::None, numbers()], Ok(()), tn_refused, tn_refused),
        (vec![List::None, mixed()], Ok(()), Ok(()), Ok(())),
        (vec![List::None, provider(), numbers()], Ok(()), tn_refused, tn_refused),
        (vec![List::None, mixed(), provider()], Ok(()), Ok(()), Ok(())),
        // Without a list of its own: the limits of the issuers come first.
        (vec![List::None, List::None], missing, missing, missing),
        (vec![List::None, provider(), List::None], missing, missing, missing),
        (vec![List::None, numbers(), List::None], missing, tn_refused, tn_refused),
        (vec![numbers(), List::None, List::None], missing, tn_refused, tn_refused),
    ] {
        let trusted = Chain::new(&lists).judged().unwrap();
        assert_eq!(trusted.authority_over(&listed), of_listed, "{trusted:?}");
        assert_eq!(trusted.authority_over(&tn("12155550199")), of_other, "{trusted:?}");
        assert_eq!(trusted.authority_over_uris(), of_uris, "{trusted:?}");
    }
}

/// RFC 8226 §10.1: a CA's list may be somewhere else as well as the signer's.
#[test]
fn lists_by_reference_limit_once_they_are_there() {
    let chain = Chain::new(&[List::None, List::Reference(URL), List::of(&[one("12155550121")])]);
    let trusted = chain.judged().unwrap();
    assert_eq!(trusted.encompassing(), Encompassing::Unknown(Unknown::NotAtHand));
    assert_eq!(trusted.missing_tn_auth_lists().collect::<Vec<_>>(), [URL]);
    assert_eq!(trusted.authority_over(&tn("12155550121")), Err(Error::TnAuthListByReference));

    let supplied = |entries: &[Vec<u8>]| {
        let list = TnAuthList::from_der(&rig::list(entries)).unwrap();
        trusted.clone().with_tn_auth_list(URL, &list)
    };
    let good = supplied(&[range("12155550100", 100)]).unwrap();
    assert_eq!(good.encompassing(), Encompassing::Encompassed);
    assert_eq!(good.authority_over(&tn("12155550121")), Ok(()));
    assert_eq!(supplied(&[one("12155550122")]).err(), Some(Error::TnAuthListNotEncompassed));
}

/// Nobody signs what is behind the URL, so it adds nothing to a list that is signed.
#[test]
fn a_reference_beside_a_list_does_not_count() {
    let both = List::ValueAndReference(rig::list(&[one("12155550121")]), URL);
    let trusted = Chain::new(&[List::None, both]).judged().unwrap();
    assert_eq!(trusted.certificate().tn_auth_list_url(), Some(URL));
    assert_eq!(trusted.missing_tn_auth_lists().count(), 0);
    assert_eq!(trusted.authority_over(&tn("12155550121")), Ok(()));
    assert_eq!(trusted.authority_over(&tn("12155550122")), Err(Error::TnNotAuthorized));
}

/// An issuer's malformed list limits nobody knows how: the path is refused. The signer's own is
/// reported with the call.
#[test]
fn malformed_lists_are_errors() {
    let malformed = || List::Value(vec![0x30, 0x00]);
    let of_issuer = Chain::new(&[List::None, malformed(), List::of(&[spc("1234")])]).judged();
    assert_eq!(of_issuer.err(), Some(Error::TnAuthListInvalid { offset: 2 }));
    for lists in [vec![List::None, malformed()], vec![List::None, List::of(&[spc("1234")]), malformed()]] {
        let of_signer = Chain::new(&lists).judged().unwrap();
        let refused = Err(Error::TnAuthListInvalid { offset: 2 });
        assert_eq!(of_signer.authority_over(&tn("12155550121")), refused);
        assert_eq!(of_signer.authority_over_uris(), refused);
    }
}

/// RFC 9060 §5: who signs looks at its own chain first.
#[test]
fn signers_refuse_what_verifiers_would() {
    let signer = |lists: &[List]| {
        let chain = Chain::new(lists);
        let key = key::signing_key_from_pem(chain.key.serialize_pem().as_bytes()).unwrap();
        Signer::new(key, chain.pem.as_bytes(), "https://cr.example.com/chain.pem").map(drop)
    };
    let numbers = || List::of(&[range("12155551500", 100)]);
    assert_eq!(signer(&[List::None, numbers(), List::of(&[one("12155551501")])]), Ok(()));
    assert_eq!(signer(&[List::None, List::of(&[spc("1234")]), numbers()]), Ok(()));
    let refused = Err(Error::TnAuthListNotEncompassed);
    assert_eq!(signer(&[List::None, numbers(), List::of(&[one("12155551600")])]), refused);
    assert_eq!(
        signer(&[List::None, numbers(), List::None, List::of(&[spc("1234")])]),
        Err(Error::TnAuthListNotEncompassed)
    );
    assert_eq!(signer(&[List::None, List::Reference(URL)]), Err(Error::TnAuthListByReference));
}
