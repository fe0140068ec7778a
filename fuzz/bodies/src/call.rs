//! All Identity headers of a call together.

use std::collections::BTreeMap;

use serde_json::Value;
use shaken_core::claims::Orig;
use shaken_core::passport::{Passport, Ppt};
use shaken_core::sip::Uri;
use shaken_core::verify::{CallScratch, HeaderVerdict, SiblingPolicy, Verdict};
use shaken_core::{Call, Error, Identity, Party, Scratch, TelephoneNumber, TrustedCert, Verifier, X5u};
use shaken_test_vectors::{Case, Name, VectorFile};

use crate::base64url;
use crate::provider::{PROVIDER, Provider, STRANGER, X5U};
use crate::rig::NOW;

/// The first line is the call: caller, called parties with commas between them, target and Date,
/// each separated by a space and `-` if there is none. Every other line is an Identity header: as
/// it is; or, as `ppt {payload}`, a PASSporT to be signed. `@` in the payload of a `div-o` stands for
/// the PASSporT of the line before, which is then no header of its own.
///
/// No call passes but by a `shaken` that was signed, is fresh and has the call's caller, and that
/// passes alone or is part of a chain of diversions that holds. The order of the headers does not
/// matter, and only what is worth one is asked a certificate for.
pub fn run(bytes: &[u8]) {
    let mut lines = bytes.split(|b| *b == b'\n');
    let Some(described) = lines.next().and_then(|line| std::str::from_utf8(line).ok()) else { return };
    let [orig, dest, target, date] = described.split(' ').collect::<Vec<_>>()[..] else { return };
    let dest: Option<Vec<Party<'_>>> = dest.split(',').map(party).collect();
    let (Some(orig), Some(dest)) = (party(orig), dest) else { return };
    let mut call = Call::new(orig, &dest);
    if let Some(target) = party(target) {
        call = call.with_target(target);
    }
    if let Ok(date) = date.parse() {
        call = call.with_date(date);
    }
    let lines: Vec<Line> = lines.fold(Vec::new(), Line::read);
    let headers: Vec<&[u8]> = lines.iter().map(|line| line.header.as_slice()).collect();
    let Some(passes) = judge(&headers, &call, &dest, &lines) else { return };
    let outcomes = |headers: &[&[u8]]| {
        verdict(&Verifier::default(), headers, &call, own_certificate, |verdict| {
            let mut held = BTreeMap::<usize, Vec<bool>>::new();
            for header in verdict.headers() {
                held.entry(header.header()).or_default().push(header.outcome().is_ok());
            }
            (verdict.result().is_ok(), held)
        })
    };
    let (_, held) = outcomes(&headers).unwrap_or_else(|error| panic!("screened before: {error}"));
    for turn in 0..headers.len() {
        for reversed in [false, true] {
            let mut places: Vec<usize> = (0..headers.len()).collect();
            places.rotate_left(turn);
            if reversed {
                places.reverse();
            }
            let reordered: Vec<&[u8]> = places.iter().map(|place| headers[*place]).collect();
            let (found, found_held) =
                outcomes(&reordered).unwrap_or_else(|error| panic!("reordered: {error}"));
            assert_eq!(found, passes, "in the order {places:?}");
            for (place, held_there) in &found_held {
                assert_eq!(held.get(&places[*place]), Some(held_there), "header {place} of {places:?}");
            }
        }
    }
}

/// Whether the call passes; `None` if there are too many headers to look at.
fn judge(headers: &[&[u8]], call: &Call<'_>, dest: &[Party<'_>], lines: &[Line]) -> Option<bool> {
    let verifier = Verifier::default();
    let passes = verdict(&verifier, headers, call, own_certificate, |verdict| {
        let holding = |place: usize| {
            verdict
                .chains()
                .iter()
                .filter(|chain| chain.result().is_ok())
                .any(|chain| chain.innermost().chain(chain.diversions()).any(|other| other == place))
        };
        for (place, header) in verdict.headers().enumerate() {
            let Ok(claims) = header.outcome() else { continue };
            let is_for_call = dest.iter().any(|party| party.is_in(claims.dest()));
            assert!(is_for_call || holding(place), "header {place} holds and is for somebody else");
        }
        let Ok(verified) = verdict.result() else { return false };
        let is_this = |header: &HeaderVerdict<'_, '_>| {
            let claims = header.outcome().ok().filter(|_| header.ppt() == Some(Ppt::Shaken));
            claims
                .and_then(|claims| claims.shaken())
                .is_some_and(|own| own.origid() == verified.origid() && own.attest() == verified.attest())
        };
        let good: Vec<_> = verdict.headers().enumerate().filter(|(_, header)| is_this(header)).collect();
        assert!(!good.is_empty(), "passes by a PASSporT that does not hold");
        let alone = |header: usize| verdict_alone(headers[header], call).is_ok();
        assert!(
            good.iter().any(|(place, header)| holding(*place) || alone(header.header())),
            "passes by a PASSporT that is not for it"
        );
        assert!(lines.iter().any(|line| line.vouches_for(&caller(verified.claims().orig()))));
        true
    });
    let passes = match passes {
        Ok(passes) => passes,
        Err(error) => {
            assert_eq!(error == Error::IdentityMissing, headers.is_empty());
            let named = matches!(
                error,
                Error::IdentityMissing
                    | Error::TooManyIdentityHeaders { .. }
                    | Error::IdentityTotalTooLarge { .. }
            );
            assert!(named, "{error:?} is not an error of a call");
            return None;
        }
    };
    for (who, certificate) in [
        (
            "nobody",
            (|_: &X5u<'_>| Err(Error::FetchConnect)) as fn(&X5u<'_>) -> Result<&'static TrustedCert, Error>,
        ),
        ("a stranger", |_: &X5u<'_>| Ok(&STRANGER.certificate)),
    ] {
        let passes = verdict(&verifier, headers, call, certificate, |verdict| verdict.result().is_ok());
        assert_eq!(passes, Ok(false), "passes by the certificate of {who}");
    }
    let lenient = verifier.clone().with_siblings(SiblingPolicy::OneGoodSuffices);
    let leniently = verdict(&lenient, headers, call, own_certificate, |verdict| verdict.result().is_ok());
    assert!(leniently == Ok(true) || !passes, "one good suffices, and does not");
    if let [header] = headers {
        let is_shaken = matches!(lines, [Line { signed: Some((Ppt::Shaken, _)), .. }]);
        assert!(single(header, call).is_ok() == passes || !is_shaken, "the two ways of verifying differ");
    }
    Some(passes)
}

fn own_certificate(x5u: &X5u<'_>) -> Result<&'static TrustedCert, Error> {
    if x5u.as_str() == X5U { Ok(&PROVIDER.certificate) } else { Err(Error::FetchConnect) }
}

/// Screens and verifies, and shows the verdict to `look`.
fn verdict<T>(
    verifier: &Verifier,
    headers: &[&[u8]],
    call: &Call<'_>,
    certificate: impl Fn(&X5u<'_>) -> Result<&'static TrustedCert, Error>,
    look: impl FnOnce(&Verdict<'_>) -> T,
) -> Result<T, Error> {
    let mut scratch = CallScratch::new();
    let screened = verifier.screen_call(headers.iter().copied(), call, &mut scratch, NOW)?;
    let worth: Vec<String> = screened.x5us().map(|x5u| x5u.to_string()).collect();
    let mut asked = Vec::new();
    let verdict = verifier.verify_call(
        screened,
        |x5u| {
            asked.push(x5u.to_string());
            certificate(x5u)
        },
        NOW,
    );
    assert_eq!(asked, worth, "asked for other certificates than were said to be worth it");
    let screened: Vec<String> =
        verdict.headers().filter_map(|header| header.x5u()).map(|x5u| x5u.to_string()).collect();
    assert_eq!(screened, worth);
    assert!(verdict.headers().all(|header| header.x5u().is_some() || header.outcome().is_err()));
    assert!(verdict.headers().all(|header| header.header() < headers.len()));
    Ok(look(&verdict))
}

fn verdict_alone(header: &[u8], call: &Call<'_>) -> Result<(), Error> {
    verdict(&Verifier::default(), &[header], call, own_certificate, |verdict| verdict.result().map(drop))?
}

/// The way for a call with one `shaken`.
fn single(header: &[u8], call: &Call<'_>) -> Result<(), Error> {
    let (verifier, mut scratch) = (Verifier::default(), Scratch::new());
    let screened = verifier.screen(&Identity::parse(header)?, call, &mut scratch, NOW)?;
    let certificate = own_certificate(screened.x5u())?;
    verifier.verify(screened, certificate, NOW).map(drop)
}

/// `None` for what is no party; `-` is none.
fn party(text: &str) -> Option<Party<'_>> {
    match TelephoneNumber::parse(text) {
        Ok(number) => Some(Party::Number(number)),
        Err(_) => Uri::parse(text.as_bytes()).ok().map(|uri| Party::of(&uri)),
    }
}

fn caller(orig: Orig<'_>) -> String {
    match orig {
        Orig::Tn(tn) => tn.as_str().to_owned(),
        Orig::Uri(uri) => uri.to_string(),
    }
}

/// An Identity header.
struct Line {
    header: Vec<u8>,
    token: String,
    /// Type and payload of one that was signed here.
    signed: Option<(Ppt, String)>,
}

impl Line {
    fn read(mut lines: Vec<Self>, line: &[u8]) -> Vec<Self> {
        let stated = std::str::from_utf8(line).ok().and_then(|line| line.split_once(" {"));
        let stated = stated.and_then(|(name, payload)| {
            Some((Ppt::ALL.into_iter().find(|ppt| ppt.name() == name)?, format!("{{{payload}")))
        });
        let line = match stated {
            None => Self { header: line.to_vec(), token: String::new(), signed: None },
            Some((Ppt::DivO, payload)) if payload.contains('@') => {
                let nested = lines.pop().map(|line| line.token).unwrap_or_default();
                Self::signed_by(&PROVIDER, Ppt::DivO, payload.replacen('@', &nested, 1))
            }
            Some((ppt, payload)) => Self::signed_by(&PROVIDER, ppt, payload),
        };
        lines.push(line);
        lines
    }

    fn signed_by(provider: &Provider, ppt: Ppt, payload: String) -> Self {
        let named = ppt.as_str().map(|ppt| format!("\"ppt\":\"{ppt}\",")).unwrap_or_default();
        let header = format!("{{\"alg\":\"ES256\",{named}\"typ\":\"passport\",\"x5u\":\"{X5U}\"}}");
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature = provider.key.sign(signed.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let token = format!("{signed}.{}", base64url(signature.as_ref()));
        let params = ppt.as_str().map(|ppt| format!(";ppt={ppt}")).unwrap_or_default();
        Self {
            header: format!("{token};info=<{X5U}>{params}").into_bytes(),
            token,
            signed: Some((ppt, payload)),
        }
    }

    /// Whether it is, or holds, a `shaken` of ours that is fresh and has this caller, as another
    /// parser reads it.
    fn vouches_for(&self, orig: &str) -> bool {
        let Some((ppt, payload)) = &self.signed else { return false };
        let Ok(payload) = serde_json::from_str::<Value>(payload) else { return false };
        let caller = payload["orig"]["tn"].as_str().or_else(|| payload["orig"]["uri"].as_str());
        let age_s = payload["iat"].as_u64().map(|iat| iat.abs_diff(NOW.unsigned_abs()));
        let holds_shaken = match ppt {
            Ppt::Shaken => payload["attest"].is_string(),
            Ppt::DivO => payload["opt"].is_string(),
            _ => false,
        };
        holds_shaken && caller == Some(orig) && age_s.is_some_and(|age_s| age_s <= 60)
    }
}

/// The calls of the vectors, with what they signed signed anew and as fresh as it was; calls with
/// diversions.
pub(crate) fn seeds(vectors: &[VectorFile]) -> Vec<Vec<u8>> {
    let of_vectors = vectors.iter().flat_map(|file| &file.cases).map(of_case);
    of_vectors.chain(DIVERTED.iter().map(|seed| (*seed).to_owned())).map(String::into_bytes).collect()
}

fn of_case(case: &Case) -> String {
    let fresh = |time: u64| NOW.unsigned_abs().wrapping_add(time).wrapping_sub(case.now);
    let name = |name: &Name| match name {
        Name::Tn(text) | Name::Uri(text) => text.clone(),
    };
    let dest: Vec<String> = case.dest.iter().map(name).collect();
    let target = case.target.as_ref().map_or_else(|| "-".to_owned(), name);
    let date = case.date.map_or_else(|| "-".to_owned(), |date| fresh(date).to_string());
    let mut seed = format!("{} {} {target} {date}", name(&case.orig), dest.join(","));
    for value in &case.identity {
        seed.push('\n');
        seed += &unsigned(value, fresh).unwrap_or_else(|| value.replace('\n', ""));
    }
    seed
}

/// Type and payload of a header as [`run`] reads them, at another time. `None` if it is no PASSporT
/// of a known type, or its payload is no object on one line.
fn unsigned(value: &str, fresh: impl Fn(u64) -> u64) -> Option<String> {
    let identity = Identity::parse(value.as_bytes()).ok()?;
    let mut scratch = Scratch::new();
    let passport = Passport::decode(identity.token(), &mut scratch).ok()?;
    let ppt = Ppt::of(passport.ppt()).ok()?;
    let payload = std::str::from_utf8(passport.payload()).ok()?;
    let payload = Some(payload).filter(|text| text.starts_with('{') && !text.contains('\n'))?;
    let iat = serde_json::from_str::<Value>(payload).ok()?["iat"].as_u64()?;
    Some(format!("{} {}", ppt.name(), payload.replacen(&iat.to_string(), &fresh(iat).to_string(), 1)))
}

const DIVERTED: [&str; 8] = [
    // One diversion, and two; the diversion before; one that is not there.
    r#"12155550121 12155550132 12155550132 1780272000
shaken {"attest":"A","dest":{"tn":["12155550131"]},"iat":1780272000,"orig":{"tn":"12155550121"},"origid":"1"}
div {"dest":{"tn":["12155550132"]},"div":{"tn":"12155550131"},"iat":1780272000,"orig":{"tn":"12155550121"}}"#,
    r#"12155550121 12155550133 12155550133 -
div {"dest":{"tn":["12155550132"]},"div":{"tn":"12155550131"},"iat":1780272000,"orig":{"tn":"12155550121"}}
div {"dest":{"tn":["12155550133"]},"div":{"tn":"12155550132"},"iat":1780272000,"orig":{"tn":"12155550121"}}
shaken {"attest":"B","dest":{"tn":["12155550131"]},"iat":1780272000,"orig":{"tn":"12155550121"},"origid":"1"}
rph {"dest":{"tn":["12155550131"]},"iat":1780272000,"orig":{"tn":"12155550121"},"rph":{"auth":["ets.0"]}}"#,
    r#"12155550121 12155550133 12155550133 -
shaken {"attest":"B","dest":{"tn":["12155550131"]},"iat":1780272000,"orig":{"tn":"12155550121"},"origid":"1"}
div {"dest":{"tn":["12155550133"]},"div":{"tn":"12155550132"},"iat":1780272000,"orig":{"tn":"12155550121"}}"#,
    // In a `div-o`, one in the other.
    r#"12155550121 12155550132 12155550132 -
shaken {"attest":"A","dest":{"tn":["12155550131"]},"iat":1780272000,"orig":{"tn":"12155550121"},"origid":"1"}
div-o {"dest":{"tn":["12155550132"]},"div":{"tn":"12155550131"},"iat":1780272000,"opt":"@","orig":{"tn":"12155550121"}}"#,
    r#"12155550121 12155550133 12155550133 -
shaken {"attest":"A","dest":{"tn":["12155550131"]},"iat":1780272000,"orig":{"tn":"12155550121"},"origid":"1"}
div-o {"dest":{"tn":["12155550132"]},"div":{"tn":"12155550131"},"iat":1780272000,"opt":"@","orig":{"tn":"12155550121"}}
div-o {"dest":{"tn":["12155550133"]},"div":{"tn":"12155550132"},"iat":1780272000,"opt":"@","orig":{"tn":"12155550121"}}"#,
    // In a circle, beside a `shaken` that is good alone.
    r#"12155550121 12155550131 12155550131 -
shaken {"attest":"A","dest":{"tn":["12155550131"]},"iat":1780272000,"orig":{"tn":"12155550121"},"origid":"1"}
div {"dest":{"tn":["12155550132"]},"div":{"tn":"12155550133"},"iat":1780272000,"orig":{"tn":"12155550121"}}
div {"dest":{"tn":["12155550133"]},"div":{"tn":"12155550132"},"iat":1780272000,"orig":{"tn":"12155550121"}}"#,
    // Between URIs, with a base PASSporT and rich call data beside it.
    r#"sip:a@example.com sip:b@example.com,12155550131 - -
base {"dest":{"uri":["sip:b@example.com"]},"iat":1780272000,"orig":{"uri":"sip:a@example.com"}}
rcd {"dest":{"uri":["sip:b@example.com"]},"iat":1780272000,"orig":{"uri":"sip:a@example.com"},"rcd":{"nam":"Ada"}}
shaken {"attest":"C","dest":{"uri":["sip:b@example.com"]},"iat":1780272000,"orig":{"uri":"sip:a@example.com"},"origid":"1"}"#,
    // Of a type that is not known, beside a message.
    r#"12155550121 12155550131 - -
eyJhbGciOiJFUzI1NiIsInBwdCI6IngiLCJ0eXAiOiJwYXNzcG9ydCIsIng1dSI6Imh0dHBzOi8vYS5leGFtcGxlLmNvbS8ifQ.e30.AA;info=<https://a.example.com/>;ppt=x
msg {"dest":{"tn":["12155550131"]},"iat":1780272000,"orig":{"tn":"12155550121"}}"#,
];
