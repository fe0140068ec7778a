//! The claims of each type: what another parser reads, and what we sign and read back.

use serde_json::Value;
use shaken_core::claims::{Dest, Orig};
use shaken_core::passport::rph::Callback;
use shaken_core::passport::{Claims, Own, Passport, base, div, msg, rph, shaken};
use shaken_core::sign::{self, Unsigned};
use shaken_core::verify::{CallScratch, Verdict};
use shaken_core::{Call, Error, Identity, Party, Scratch, TelephoneNumber, Verifier};

use crate::provider::PROVIDER;

/// Compares what was read of `payload` with what another parser finds there.
pub(super) fn say_the_same(claims: &Claims<'_>, payload: &[u8]) {
    // Numbers beyond its range are all that it refuses.
    let Ok(other) = serde_json::from_slice::<Value>(payload) else { return };
    assert_eq!(other["iat"].as_u64(), Some(claims.iat()));
    assert_eq!(party(&other["orig"]), shown(&claims.orig()));
    let list = |name: &str| other["dest"][name].as_array().cloned().unwrap_or_default();
    let tns: Vec<Value> = claims.dest().tns().map(|tn| tn.as_str().into()).collect();
    let uris: Vec<Value> = claims.dest().uris().map(|uri| uri.to_string().into()).collect();
    assert_eq!((list("tn"), list("uri")), (tns, uris));
    assert_eq!(claims.base().mky().is_some(), other.get("mky").is_some());
    match claims.own() {
        Own::Shaken(shaken) => {
            assert_eq!(other["attest"], shaken.attest().as_str());
            assert_eq!(other["origid"], shaken.origid().to_string());
        }
        Own::Div(own) | Own::DivO(own) => {
            assert_eq!(party(&other["div"]), shown(&own.div()));
            assert_eq!(other["div"]["hi"].as_str(), own.hi().map(|hi| hi.to_string()).as_deref());
            assert_eq!(other["opt"].as_str(), own.opt());
        }
        Own::Rph(own) => {
            let auth: Vec<Value> = own.auth().map(|value| value.to_string().into()).collect();
            assert_eq!(other["rph"]["auth"].as_array(), Some(&auth));
            assert_eq!(other["sph"] == "psap-callback", own.is_psap_callback());
            assert_eq!(other.get("sph").is_some(), own.is_psap_callback());
        }
        Own::Msg(own) => {
            let digest = own.msgi().map(|digest| {
                let text = crate::written(128, |out| digest.write(out));
                String::from_utf8(text).unwrap_or_else(|error| panic!("a digest is ASCII: {error}"))
            });
            // It may come with padding, and in either alphabet.
            let plain = |text: &str| text.trim_end_matches('=').replace('-', "+").replace('_', "/");
            assert_eq!(other["msgi"].as_str().map(plain), digest.as_deref().map(plain));
        }
        Own::Rcd(_) => assert!(claims.base().rich().is_ok()),
        _ => {}
    }
    // Rich call data may ride in a PASSporT of any type.
    let Ok(rich) = claims.base().rich() else { return };
    let string = |text: Option<String>| text.map_or(Value::Null, Value::String);
    assert_eq!(other["crn"], string(rich.crn().map(|text| text.to_string())));
    assert_eq!(other["iss"], string(rich.iss().map(|text| text.to_string())));
    assert_eq!(other.get("rcdi").is_some(), rich.rcdi().is_some());
    let Some(rcd) = rich.rcd() else { return assert_eq!(other.get("rcd"), None) };
    assert_eq!(other["rcd"]["nam"], rcd.nam().to_string());
    assert_eq!(other["rcd"]["apn"], string(rcd.apn().map(|tn| tn.as_str().to_owned())));
    assert_eq!(other["rcd"]["icn"], string(rcd.icn().map(|text| text.to_string())));
}

/// `tn` or `uri` of an object that has one of them.
fn party(object: &Value) -> String {
    match (object["tn"].as_str(), object["uri"].as_str()) {
        (Some(tn), None) => format!("tn {tn}"),
        (None, Some(uri)) => format!("uri {uri}"),
        _ => panic!("{object} is not one identity"),
    }
}

fn shown(party: &Orig<'_>) -> String {
    match party {
        Orig::Tn(tn) => format!("tn {}", tn.as_str()),
        Orig::Uri(uri) => format!("uri {uri}"),
    }
}

/// What can be read of a call between numbers can be said of one, and is read back; `body` is any
/// message. Of all types, `shaken` alone lets the call pass.
pub(super) fn sign_and_verify(claims: &Claims<'_>, body: &[u8]) {
    let Orig::Tn(orig) = claims.orig() else { return };
    let dest: Vec<Party<'_>> = claims.dest().tns().map(Party::Number).collect();
    let Some(target) = dest.first().copied() else { return };
    let base = said(base::NewClaims::new(orig.into(), &dest, claims.iat()));
    let call = Call::new(orig.into(), std::slice::from_ref(&target)).with_body(body);
    match claims.own() {
        Own::Base => {
            let Some(header) = signed(&base, claims) else { return };
            verify(&[header], &call, claims, |verdict| {
                assert_eq!(verdict.result().err(), Some(Error::ShakenMissing));
            });
        }
        Own::Shaken(own) => {
            let origid = own.origid().to_string();
            let new = said(shaken::NewClaims::new(base, own.attest(), &origid));
            let Some(header) = signed(&new, claims) else { return };
            verify(&[header], &call, claims, |verdict| {
                let verified = verdict.result().unwrap_or_else(|error| panic!("not verified: {error}"));
                assert_eq!((verified.attest(), verified.claims().iat()), (own.attest(), claims.iat()));
                assert_eq!(verified.origid().to_string(), origid);
            });
        }
        Own::Div(own) | Own::DivO(own) => {
            let Orig::Tn(div) = own.div() else { return };
            let hi = own.hi().map(|hi| hi.to_string());
            let mut new = said(div::NewClaims::new(base, div.into()));
            if let Some(hi) = &hi {
                new = new.with_history_index(hi);
            }
            if let Some(opt) = own.opt() {
                match new.around(opt) {
                    Ok(around) => new = around,
                    // Read as it is, it would fail when it is decoded.
                    Err(Error::OptInvalid) => return,
                    Err(error) => panic!("not around {opt:?}: {error}"),
                }
            }
            let Some(header) = signed(&new, claims) else { return };
            let outcome = diverted(&header, orig, div, &call, claims);
            assert!(outcome.is_ok() || own.opt().is_some(), "{outcome:?}");
        }
        Own::Rph(own) => {
            let auth: Vec<String> = own.auth().map(|value| value.to_string()).collect();
            let auth: Vec<&str> = auth.iter().map(String::as_str).collect();
            let callback = if own.is_psap_callback() { Callback::Psap } else { Callback::No };
            let new = said(rph::NewClaims::new(base, &auth, callback));
            let Some(header) = signed(&new, claims) else { return };
            let values = auth.join(", ");
            let call = call.with_resource_priority(&values).with_priority("PSAP-Callback");
            verify(&[header], &call, claims, |verdict| {
                assert_eq!(verdict.result().err(), Some(Error::ShakenMissing));
            });
        }
        Own::Msg(_) => {
            let Some(header) = signed(&msg::NewClaims::new(base, body), claims) else { return };
            verify(std::slice::from_ref(&header), &call, claims, |verdict| {
                assert_eq!(verdict.result().err(), Some(Error::ShakenMissing));
            });
            let other_body = [body, b"!"].concat();
            outcomes(&[header], &call.with_body(&other_body), claims, |verdict| {
                let outcome = verdict.headers().next().map(|header| header.outcome().map(drop));
                assert_eq!(outcome, Some(Err(Error::MsgiMismatch)));
            });
        }
        _ => {}
    }
}

/// Lets `div`, which was called by `orig`, send the call on: with the `shaken` of the call before,
/// the call passes if and only if the diversion is there.
fn diverted(
    header: &str,
    orig: TelephoneNumber,
    div: TelephoneNumber,
    call: &Call<'_>,
    claims: &Claims<'_>,
) -> Result<(), Error> {
    let dest = [Party::Number(div)];
    let before = said(base::NewClaims::new(orig.into(), &dest, claims.iat()));
    let before = said(shaken::NewClaims::new(before, shaken_core::Attest::B, "1"));
    let Some(before) = signed(&before, claims) else { return Ok(()) };
    let pass = |headers: &[String]| {
        let mut result = Ok(());
        outcomes(headers, call, claims, |verdict| result = verdict.result().map(drop));
        result
    };
    assert_eq!(pass(std::slice::from_ref(&before)), Err(Error::DestMismatch));
    assert!(pass(&[header.to_owned()]).is_err());
    let both = pass(&[before.clone(), header.to_owned()]);
    assert_eq!(pass(&[header.to_owned(), before]).is_ok(), both.is_ok(), "in another order");
    both
}

/// Verifies `headers`, of which the first one must hold and say what `claims` do.
fn verify(headers: &[String], call: &Call<'_>, claims: &Claims<'_>, check: impl FnOnce(&Verdict<'_>)) {
    outcomes(headers, call, claims, |verdict| {
        let first = verdict.headers().next().unwrap_or_else(|| panic!("no header"));
        let found = first.outcome().unwrap_or_else(|error| panic!("{:?}: {error}", claims.ppt()));
        same_parties(found.dest(), claims.dest());
        assert_eq!((found.ppt(), found.orig(), found.iat()), (claims.ppt(), claims.orig(), claims.iat()));
        check(verdict);
    });
}

/// Verifies `headers` at the time of `claims`.
fn outcomes(headers: &[String], call: &Call<'_>, claims: &Claims<'_>, check: impl FnOnce(&Verdict<'_>)) {
    let now = i64::try_from(claims.iat()).unwrap_or(i64::MAX);
    let (verifier, mut scratch) = (Verifier::default(), CallScratch::new());
    let values = headers.iter().map(String::as_bytes);
    match verifier.screen_call(values, call, &mut scratch, now) {
        Ok(screened) => check(&verifier.verify_call(screened, |_| Ok(&PROVIDER.certificate), now)),
        Err(error) => panic!("{} headers: {error}", headers.len()),
    }
}

/// Signed numbers are in their order, each as often as it was said.
fn same_parties(found: &Dest<'_>, said: &Dest<'_>) {
    let mut sorted: Vec<TelephoneNumber> = said.tns().collect();
    sorted.sort_unstable();
    assert!(found.tns().eq(sorted));
}

fn said<T>(outcome: Result<T, Error>) -> T {
    outcome.unwrap_or_else(|error| panic!("read, but not to be said: {error}"))
}

/// The header that says `new`, which reads back as the claims that it was made of. `None` if the
/// certificate does not last, or it gets longer than any header.
fn signed(new: &impl Unsigned, claims: &Claims<'_>) -> Option<String> {
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    let header = match PROVIDER.signer.sign(new, &mut buffer) {
        Ok(header) => header.to_owned(),
        Err(Error::CertNotYetValid { .. } | Error::CertExpired { .. }) => return None,
        // Only these types have claims of any length.
        Err(Error::BufferTooSmall { .. })
            if matches!(claims.own(), Own::Div(_) | Own::DivO(_) | Own::Rph(_)) =>
        {
            return None;
        }
        Err(error) => panic!("not signed: {error}"),
    };
    let identity = Identity::parse(header.as_bytes()).unwrap_or_else(|error| panic!("{header}: {error}"));
    let mut scratch = Scratch::new();
    let passport = Passport::decode(identity.token(), &mut scratch);
    let passport = passport.unwrap_or_else(|error| panic!("{header}: {error}"));
    let again =
        Claims::read(new.ppt(), passport.payload()).unwrap_or_else(|error| panic!("{header}: {error}"));
    assert_eq!((again.ppt(), again.iat(), again.orig()), (new.ppt(), claims.iat(), claims.orig()));
    match (again.own(), claims.own()) {
        (Own::Div(own), Own::Div(of)) | (Own::DivO(own), Own::DivO(of)) => {
            assert_eq!((own.div(), own.hi(), own.opt()), (of.div(), of.hi(), of.opt()));
        }
        (Own::Rph(own), Own::Rph(of)) => {
            assert!(own.auth().eq(of.auth()) && own.is_psap_callback() == of.is_psap_callback());
        }
        _ => {}
    }
    Some(header.clone())
}
