//! A SIP request, its URIs and the fingerprints of its SDP.

use shaken_core::json::Reader;
use shaken_core::mky::{Fingerprints, MAX_FINGERPRINTS};
use shaken_core::sip::{
    self, Address, Caller, Headers, MAX_HEAD_LEN, MAX_IDENTITY_LEN, Reason, Request, Said, Scheme, Uri,
    write_response,
};
use shaken_core::{Error, Identity, Party, Verstat};
use shaken_test_vectors::VectorFile;

use crate::written;

/// A request is read within its limits, and read the same by both ways in; what is written from
/// it is one message that reads back to the same caller, URI, Date and fingerprints.
pub fn run(bytes: &[u8]) {
    fingerprints(bytes);
    let request = match Request::parse(bytes) {
        Ok(request) => request,
        Err(error) => {
            assert!(matches!(error.code(), 103 | 800..900), "{error:?} is not an error of the message");
            return;
        }
    };
    assert!(request.len_bytes() <= bytes.len());
    assert!(bytes[..request.len_bytes()].ends_with(request.body()));
    assert!(request.len_bytes() - request.body().len() <= MAX_HEAD_LEN);
    uri(request.uri());
    let headers = request.headers();
    assert_eq!(one_by_one(headers), one_by_one(&collected(&request)), "by the other way in");
    of_interest(headers);
    trunk_group(&request);
    response(&request);
    caller(headers);
    if let Ok(parties) = request.parties() {
        assert!(!parties.orig().as_str().is_empty() && !parties.dest().is_empty());
    }
}

/// What is said once stands in the message.
fn trunk_group(request: &Request<'_>) {
    let head = |wanted: &[u8]| {
        wanted.is_empty()
            || request.fields().any(|(_, value)| value.windows(wanted.len()).any(|w| w == wanted))
    };
    if let Said::Once(group) = request.otg() {
        assert!(head(group.as_bytes()) || request.uri().as_str().contains(group), "{group}");
    }
    if let Said::Once((label, context)) = request.originating_tgrp() {
        assert!(head(label.as_bytes()) && head(context.as_bytes()), "{label} {context}");
    }
    for (name, _) in request.fields() {
        let name = core::str::from_utf8(name).unwrap_or_default();
        assert!(request.field(name) != Said::Nothing || name.is_empty(), "{name}");
    }
}

fn collected<'a>(request: &Request<'a>) -> Headers<'a> {
    Headers::collect(request.fields()).unwrap_or_else(|error| panic!("read, but not collected: {error}"))
}

/// All that can be asked, as text.
fn one_by_one(headers: &Headers<'_>) -> String {
    let address = |address: &Address<'_>| {
        format!("{:?} {} {:?}", address.display(), address.uri().as_str(), address.verstat())
    };
    let asserted: Vec<_> = headers.asserted().map(|found| found.map(|found| address(&found))).collect();
    let diversions: Vec<_> = headers
        .diversions()
        .map(|found| found.map(|found| (address(found.address()), found.reason(), found.counter())))
        .collect();
    let history: Vec<_> = headers
        .history()
        .map(|found| found.map(|found| (address(found.address()), found.index(), found.cause())))
        .collect();
    format!(
        "{} {} {:?} {:?} {:?} {asserted:?} {diversions:?} {history:?} {:?} {:?} {}",
        address(headers.from()),
        address(headers.to()),
        headers.call_id(),
        headers.date(),
        headers.identity(),
        headers.diverting_number(),
        headers.hints(),
        headers.asks_privacy("id"),
    )
}

fn of_interest(headers: &Headers<'_>) {
    let identity = headers.identity();
    assert!(identity.len() <= 8);
    assert!(identity.iter().map(|value| value.len()).sum::<usize>() <= MAX_IDENTITY_LEN);
    let addresses = [*headers.from(), *headers.to()].into_iter();
    for address in addresses.chain(headers.asserted().flatten()).take(32) {
        uri(address.uri());
    }
    if let Ok(Some(unix_s)) = headers.date() {
        let mut line = [0; 64];
        let mut out = shaken_core::write::Out::new(&mut line);
        assert_eq!(sip::date::write(unix_s, &mut out), Ok(()));
        assert_eq!(sip::date::parse(out.written()), Ok(unix_s));
    }
}

/// The normal form is its own, and stands for the same number.
fn uri(uri: &Uri<'_>) {
    let text = uri.as_str();
    let again = Uri::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!((again.scheme(), again.host(), again.headers()), (uri.scheme(), uri.host(), uri.headers()));
    let normal = written(3 * text.len() + 16, |out| uri.write_normal(out));
    let again = Uri::parse(&normal).unwrap_or_else(|error| panic!("{text:?} in normal form: {error}"));
    assert_eq!(written(normal.len(), |out| again.write_normal(out)), normal, "{text:?}");
    if matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) {
        // Behind an upper-case escape and nowhere else.
        let mut pieces = normal.split(|b| *b == b'%');
        let is_lower = |text: &[u8]| !text.iter().any(u8::is_ascii_uppercase);
        assert!(pieces.next().is_none_or(is_lower) && pieces.all(|piece| is_lower(&piece[2..])), "{text:?}");
    }
    if let Ok(number) = uri.telephone_number() {
        assert!(number.as_str().bytes().all(|b| b.is_ascii_digit() || b"*#".contains(&b)));
    }
}

/// The response has one line for each line that it must carry back, however they are folded.
fn response(request: &Request<'_>) {
    let sip = Error::IdentityMissing.sip();
    let identity = request.headers().identity().first().and_then(|value| Identity::parse(value).ok());
    let reason = Reason::new(sip);
    let reason = identity.as_ref().map_or(reason, |identity| reason.with_passport(identity));
    let response =
        written(2 * request.len_bytes() + 2048, |out| write_response(request, sip, &[reason], &[], 1, out));
    assert!(response.starts_with(b"SIP/2.0 428 "));
    assert!(response.ends_with(b"\r\nContent-Length: 0\r\n\r\n"));
    assert!(!response[..response.len() - 4].windows(4).any(|window| window == b"\r\n\r\n"));
}

/// What is written with a verstat is the same caller, with that verstat.
fn caller(headers: &Headers<'_>) {
    let Ok(caller) = Caller::of(headers) else { return };
    let Party::Number(number) = caller.party() else { return };
    let value = written(2 * MAX_HEAD_LEN, |out| {
        let outcome = caller.address().write_with_verstat(Some(Verstat::Passed), out);
        outcome.unwrap_or_else(|error| panic!("a number, but: {error}"));
    });
    let fields = [
        (&b"From"[..], &b"<sip:a@h.example>"[..]),
        (b"To", b"<sip:b@h.example>"),
        (b"Call-ID", b"1"),
        (b"CSeq", b"1 INVITE"),
        (b"P-Asserted-Identity", value.as_slice()),
    ];
    let shown = String::from_utf8_lossy(&value);
    let again = Headers::collect(fields).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let again = Caller::of(&again).unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(again.party(), Party::Number(number), "{shown}");
    assert_eq!(again.address().verstat(), Some(Verstat::Passed.as_str().as_bytes()), "{shown}");
}

/// The claim that is written of an SDP matches it, and is one to another parser.
fn fingerprints(sdp: &[u8]) {
    let found = match Fingerprints::from_sdp(sdp) {
        Ok(found) => found,
        Err(error) => {
            let own = matches!(error, Error::SdpFingerprint { .. } | Error::SdpFingerprintLimit);
            assert!(own, "{error:?} is not an error of the SDP");
            return;
        }
    };
    // The longest name and digest, and the JSON around them.
    let claim = written(MAX_FINGERPRINTS * (32 + 128 + 20) + 2, |out| found.write_mky(out));
    let value: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_slice(&claim).unwrap_or_else(|error| panic!("{error}"));
    assert!(value.len() <= MAX_FINGERPRINTS && value.is_empty() == found.is_empty());
    let keys: Vec<String> =
        value.iter().map(|one| format!("{}{}", text(&one["alg"]), text(&one["dig"]))).collect();
    assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    let matches = |claim: &[u8]| Reader::new(claim)?.raw().and_then(|claim| found.matches(claim));
    if found.is_empty() {
        assert_eq!(matches(&claim), Err(Error::ClaimType { claim: "mky" }));
        return;
    }
    assert_eq!(matches(&claim), Ok(true));
    assert_eq!(matches(&claim.to_ascii_lowercase()), Ok(true));
    let sdp: String = value
        .iter()
        .map(|one| {
            let pairs: Vec<_> = text(&one["dig"]).as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
            format!("a=fingerprint:{} {}\r\n", text(&one["alg"]), pairs.join(":"))
        })
        .collect();
    let again = Fingerprints::from_sdp(sdp.as_bytes()).unwrap_or_else(|error| panic!("{sdp}: {error}"));
    assert_eq!(again, found);
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// One message for each Identity header of the vectors that is not long, and two that have all the
/// headers that are read.
pub(crate) fn seeds(vectors: &[VectorFile]) -> Vec<Vec<u8>> {
    let with = |identity: &str| {
        let line = format!("Identity: {identity}\r\n");
        RICH.replacen(
            "Identity: eyJh.eyJi.c2ln\r\n ;info=<https://cr.example/a.pem>;ppt=shaken\r\n",
            &line,
            1,
        )
    };
    let values = crate::identity_values(vectors).filter(|value| value.len() < 1024).step_by(8);
    let mut seeds: Vec<Vec<u8>> = values.map(|value| with(value).into_bytes()).collect();
    seeds.extend([RICH, COMPACT].map(|text| text.as_bytes().to_vec()));
    seeds
}

const RICH: &str = "INVITE sip:+12155550131@carrier.example;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1\r\n\
    From: \"Ada \\\"L\\\"\" <sip:anonymous@anonymous.invalid>;tag=1\r\n\
    To: <sip:+12155550131@carrier.example;user=phone>\r\n\
    Call-ID: a84b4c76e66710@pbx.example\r\n\
    CSeq: 314159 INVITE\r\n\
    P-Asserted-Identity: <tel:+12155550121;Verstat=No-TN-Validation>,\r\n <sip:Ada%2fL@PBX.example>\r\n\
    Privacy: id;history\r\n\
    Date: Fri, 25 Sep 2015 19:12:25 GMT\r\n\
    History-Info: <sip:+12155550199@h.example?Reason=SIP;cause=302;text=\"Moved\">;index=1, <tel:911>;index=1.1\r\n\
    Diversion: <tel:+12155550199>;reason=unconditional;counter=2\r\n\
    Attestation-Info: A\r\n\
    Origination-ID: 123e4567-e89b-12d3-a456-426655440000\r\n\
    Identity: eyJh.eyJi.c2ln\r\n ;info=<https://cr.example/a.pem>;ppt=shaken\r\n\
    y: eyJh.eyJi.c2ln;info=<https://cr.example/a.pem>;ppt=div\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 151\r\n\
    \r\n\
    v=0\r\n\
    a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n\
    m=audio 9 UDP/TLS/RTP/SAVP 0\r\n\
    a=fingerprint:SHA-256 4a:AD:b9\r\n";

const COMPACT: &str = "\r\nINVITE tel:+1-215-555-0131;phone-context=x SIP/2.0\r\n\
    v: SIP/2.0/UDP 192.0.2.1\r\n\
    f: Ada Lovelace <sips:%2B12155550121:pw@[2001:db8::1]:5061;user=phone?a=b>;tag=\"1\"\r\n\
    t: urn:service:sos.fire\r\n\
    i: 1\r\n\
    CSeq: 1\r\n\tINVITE\r\n\
    l: 0\r\n\
    \r\n";
