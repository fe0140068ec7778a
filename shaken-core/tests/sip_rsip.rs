//! Messages that the crate `rsip` has read say the same as when we read the bytes.

use shaken_core::Error;
use shaken_core::sip::rsip::headers;
use shaken_core::sip::{Parties, Request, Uri};

#[test]
fn a_request_of_rsip_has_the_same_parties() {
    let theirs = rsip::Request::try_from(MESSAGE).unwrap();
    let ours = Request::parse(MESSAGE.as_bytes()).unwrap();

    let headers = headers(&theirs).unwrap();
    let uri = theirs.uri.to_string();
    let parties = Parties::new(&headers, &Uri::parse(uri.as_bytes()).unwrap()).unwrap();

    let expected = ours.parties().unwrap();
    assert_eq!(parties.orig().as_str(), "12155550121");
    assert_eq!((parties.orig(), parties.dest()), (expected.orig(), expected.dest()));
    assert_eq!((parties.source(), parties.date()), (expected.source(), expected.date()));
    assert_eq!(headers.identity(), ours.headers().identity());
    assert_eq!(headers.identity().len(), 2);
    assert_eq!(headers.hints(), ours.headers().hints());
    assert_eq!(theirs.body(), ours.sdp().unwrap());
}

/// What rsip lets through is still held to our rules.
#[test]
fn a_request_of_rsip_without_a_caller_is_refused() {
    let without = MESSAGE.replacen("From: \"Ada\" <sip:anonymous@anonymous.invalid>;tag=1\r\n", "", 1);
    let theirs = rsip::Request::try_from(without).unwrap();
    let error = headers(&theirs).err();
    assert_eq!(error, Some(Error::SipHeaderMissing { header: "From" }));
}

const MESSAGE: &str = "INVITE sip:+12155550131@carrier.example;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1\r\n\
    From: \"Ada\" <sip:anonymous@anonymous.invalid>;tag=1\r\n\
    To: <sip:+12155550131@carrier.example;user=phone>\r\n\
    Call-ID: a84b4c76e66710@pbx.example\r\n\
    CSeq: 314159 INVITE\r\n\
    P-Asserted-Identity: <tel:+12155550121>, <sip:ada@pbx.example>\r\n\
    Date: Fri, 25 Sep 2015 19:12:25 GMT\r\n\
    P-Attestation-Info: A\r\n\
    Identity: eyJh.eyJi.c2ln;info=<https://cr.example/a.pem>;ppt=shaken\r\n\
    Identity: eyJh.eyJi.c2ln;info=<https://cr.example/a.pem>;ppt=div\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 5\r\n\
    \r\n\
    v=0\r\n";
