use super::*;
use crate::identity::Identity;
use crate::write::Out;
use crate::{Call, Party, SipResponse, Verstat};

const CALL: &str = "INVITE sip:+12155550131@carrier.example;user=phone SIP/2.0\r\n\
    v: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1,\r\n SIP/2.0/UDP 192.0.2.2\r\n\
    Via : SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK3\r\n\
    f: \"Ada, \\\"x\\\"\" <sip:+1-215-555-0121@pbx.example;user=phone>;tag=1\r\n\
    TO :<sip:+12155550131@carrier.example;user=phone>\r\n\
    i: a84b4c76e66710@pbx.example\r\n\
    CSeq: 314159 INVITE\r\n\
    Date:\r\n\tFri, 25 Sep 2015 19:12:25 GMT\r\n\
    c: application/sdp\r\n\
    l: 5\r\n\
    \r\n\
    v=0\r\n";

fn request(text: &str) -> Result<Request<'_>, Error> {
    Request::parse(text.as_bytes())
}

/// The call with the lines of these headers in place of its own ones of that name, or added.
fn call_with(lines: &[&str]) -> String {
    let (head, body) = CALL.split_once("\r\n\r\n").unwrap();
    let name = |line: &str| line.split([':', ' ']).next().unwrap().to_ascii_lowercase();
    let mut kept: Vec<&str> = Vec::new();
    for line in head.split("\r\n") {
        if !lines.iter().any(|new| name(new) == name(line)) {
            kept.push(line);
        }
    }
    kept.extend(lines);
    format!("{}\r\n\r\n{body}", kept.join("\r\n"))
}

fn parties_with(lines: &[&str]) -> Result<Parties<'static>, Error> {
    request(Box::leak(call_with(lines).into_boxed_str()))?.parties()
}

fn written(write: impl FnOnce(&mut Out<'_>)) -> String {
    let mut buffer = [0; 4096];
    let mut out = Out::new(&mut buffer);
    write(&mut out);
    out.finish().unwrap().to_owned()
}

#[test]
fn a_request_is_taken_apart_where_it_lies() {
    let bytes = format!("\r\n\r\n{CALL}next");
    let request = request(&bytes).unwrap();
    assert_eq!(request.method(), "INVITE");
    assert_eq!(request.uri().host(), "carrier.example");
    assert_eq!(request.headers().from().display(), br#""Ada, \"x\"""#);
    assert_eq!((request.body(), request.sdp()), (&b"v=0\r\n"[..], Some(&b"v=0\r\n"[..])));
    assert_eq!(&bytes[request.len_bytes()..], "next");
    assert_eq!(request.fields().count(), 9);
    let via = &b"SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1,\r\n SIP/2.0/UDP 192.0.2.2"[..];
    assert_eq!(request.fields().next(), Some((&b"v"[..], via)));
    assert!(request.is_initial_invite());
}

#[test]
fn without_content_length_the_body_is_what_follows() {
    let text = CALL.replace("l: 5\r\n", "");
    let request = request(&text).unwrap();
    assert_eq!((request.body(), request.len_bytes()), (&b"v=0\r\n"[..], text.len()));
}

#[test]
fn a_body_that_starts_with_a_space_is_no_folded_line() {
    let text = CALL.replace("v=0\r\n", " v=0\r");
    assert_eq!(request(&text).unwrap().body(), b" v=0\r");
}

#[test]
fn every_shorter_message_is_incomplete() {
    for len in 0..CALL.len() {
        assert_eq!(Request::parse(&CALL.as_bytes()[..len]).err(), Some(Error::SipIncomplete), "{len}");
    }
}

#[test]
fn request_lines() {
    for (line, error) in [
        ("", Error::SipStartLine),
        ("INVITE", Error::SipStartLine),
        ("INVITE sip:a@b.example", Error::SipStartLine),
        ("INVITE  sip:a@b.example SIP/2.0", Error::SipStartLine),
        ("INVITE sip:a@b.example  SIP/2.0", Error::SipStartLine),
        ("INVITE sip:a@b.example SIP/2.0 ", Error::SipStartLine),
        (" INVITE sip:a@b.example SIP/2.0", Error::SipStartLine),
        ("INVITE sip:a@b.example; lr SIP/2.0", Error::SipStartLine),
        ("INVITE\tsip:a@b.example\tSIP/2.0", Error::SipStartLine),
        ("INV(TE sip:a@b.example SIP/2.0", Error::SipStartLine),
        ("INVITE sip:a@b.example HTTP/1.1", Error::SipStartLine),
        ("INVITE\r\n sip:a@b.example SIP/2.0", Error::SipStartLine),
        ("SIP/2.0 4294967301 OK", Error::SipStartLine),
        ("SIP/2.0 200", Error::SipStartLine),
        ("SIP/2.0 200 OK", Error::SipNotARequest),
        ("SIP/2.0 100 ", Error::SipNotARequest),
        ("INVITE sip:a@b.example SIP/7.0", Error::SipVersion),
        ("INVITE sip:a@b.example SIP/", Error::SipVersion),
        ("INVITE <sip:a@b.example> SIP/2.0", Error::UriSyntax),
        ("INVITE sip:a@b.example?Route=x SIP/2.0", Error::UriSyntax),
        ("INVITE a@b.example SIP/2.0", Error::UriSyntax),
    ] {
        let (_, rest) = CALL.split_once("\r\n").unwrap();
        let text = format!("{line}\r\n{rest}");
        // An empty first line is passed over, and the next one starts nothing.
        assert_eq!(request(&text).err(), Some(error), "{line:?}");
    }
    assert!(request(&CALL.replace("SIP/2.0\r\nv", "sip/2.0\r\nv")).is_ok());
}

#[test]
fn header_lines() {
    for line in ["Foobar roobar", ": x", "a b: x", "X\u{e9}: x", "\"X\": x", "X\r\n : x"] {
        let text = call_with(&[line]);
        let offset = text.find(line).unwrap();
        assert_eq!(request(&text).err(), Some(Error::SipHeaderSyntax { offset }), "{line:?}");
    }
    // A line that starts with a space is the end of the one before it.
    assert!(request(&call_with(&["X: y", " : x", "\tl: 7"])).is_ok());
    for ending in ["\n", "\r", "\n\r", "\r\r\n"] {
        let text = call_with(&[&format!("X: a{ending}Y: b")]);
        let offset = text.find("X: a").unwrap() + 4;
        assert_eq!(request(&text).err(), Some(Error::SipHeaderSyntax { offset }), "{ending:?}");
    }
    assert_eq!(request(&CALL.replace("\r\n", "\n")).err(), Some(Error::SipHeaderSyntax { offset: 58 }));
    assert_eq!(request(&call_with(&["CSeq: 1 BYE"])).err(), Some(Error::SipMethodMismatch));
    assert_eq!(request(&call_with(&["l: 6"])).err(), Some(Error::SipIncomplete));
}

#[test]
fn the_head_is_bounded_and_the_body_is_not() {
    let padding = |len: usize| call_with(&[&format!("X: {}", "x".repeat(len))]);
    let fits = MAX_HEAD_LEN - padding(0).len() + "v=0\r\n".len();
    let longest = padding(fits);
    assert_eq!(request(&longest).unwrap().len_bytes(), MAX_HEAD_LEN + "v=0\r\n".len());
    assert_eq!(request(&padding(fits + 1)).err(), Some(Error::SipTooLarge));
    let endless = "x".repeat(MAX_HEAD_LEN);
    assert_eq!(request(&endless).err(), Some(Error::SipIncomplete));
    assert_eq!(request(&(endless + "x")).err(), Some(Error::SipTooLarge));
    let (head, _) = CALL.split_once("l: 5").unwrap();
    let long_body = format!("{head}\r\n{}", "x".repeat(10 * MAX_HEAD_LEN));
    assert_eq!(request(&long_body).unwrap().body().len(), 10 * MAX_HEAD_LEN);
}

#[test]
fn only_an_invite_outside_of_a_dialog_starts_a_call() {
    for (from, to, starts) in [
        ("INVITE", "INVITE", true),
        ("INVITE", "invite", false),
        ("INVITE", "MESSAGE", false),
        ("carrier.example;user=phone>", "carrier.example;user=phone>;tag=2", false),
    ] {
        assert_eq!(request(&CALL.replace(from, to)).unwrap().is_initial_invite(), starts, "{to}");
    }
}

#[test]
fn the_caller_is_the_best_number_there_is() {
    let anonymous = "f: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1";
    let alice = "f: <sip:alice@pbx.example>;tag=1";
    for (lines, orig, source) in [
        (&[][..], "12155550121", Source::From),
        (&["P-Asserted-Identity: <sip:ada@pbx.example>"], "12155550121", Source::From),
        (&["P-Asserted-Identity: <sip:+12155550122@pbx.example>"], "12155550122", Source::Asserted),
        (
            &[
                "P-Asserted-Identity: <sip:+12155550122@pbx.example>, \"A, b\" <tel:+12155550123>, tel:+12155550124",
            ],
            "12155550123",
            Source::Asserted,
        ),
        (
            &[
                "P-Asserted-Identity: <sip:+12155550122@pbx.example>, <sip:+12155550123@pbx.example>",
                "p-asserted-identity: <sip:ada@pbx.example>",
            ],
            "12155550122",
            Source::Asserted,
        ),
        (
            &[anonymous, "P-Asserted-Identity: <tel:+12155550123>", "Privacy: id"],
            "12155550123",
            Source::Asserted,
        ),
        (
            &[alice, "P-Asserted-Identity: <tel:555-0123;phone-context=+1215>, <tel:+12155550124>"],
            "12155550124",
            Source::Asserted,
        ),
    ] {
        let parties = parties_with(lines).unwrap();
        assert_eq!((parties.orig().as_str(), parties.source()), (orig, source), "{lines:?}");
    }
}

#[test]
fn callers_without_a_number_have_a_name() {
    let asserted = "P-Asserted-Identity: <sip:ada@pbx.example>";
    for (lines, error) in [
        (&["f: Anonymous <sip:anonymous@anonymous.invalid>;tag=1"][..], Error::CallerAnonymous),
        (&["f: <sip:c8oqz84zk7z@Anonymous.Invalid>"], Error::CallerAnonymous),
        (&["f: <sip:Anonymous@carrier.example>"], Error::CallerAnonymous),
        (
            &["f: <sip:anonymous@anonymous.invalid>", "P-Asserted-Identity: <sip:anonymous@carrier.example>"],
            Error::CallerAnonymous,
        ),
        (&["f: \"Unavailable\" <sip:unavailable@unknown.invalid>"], Error::CallerUnavailable),
        (&["f: <sip:unavailable@carrier.example>"], Error::CallerUnavailable),
        (&["f: <tel:555-0123;phone-context=+1215>"], Error::TnNotGlobal),
        (&["f: <tel:+>"], Error::TnInvalid),
        (&["f: <https://pbx.example>"], Error::UriScheme),
        // Who is asserted must not be guessed.
        (
            &["P-Asserted-Identity: Bell, Ada <tel:+12155550123>"],
            Error::SipHeaderValue { header: "P-Asserted-Identity" },
        ),
    ] {
        assert_eq!(parties_with(lines).err(), Some(error), "{lines:?}");
    }
    for (lines, uri) in [
        (&["f: <sip:alice@pbx.example>"][..], "sip:alice@pbx.example"),
        (&["f: <sip:anonymous@anonymous.invalid>", asserted], "sip:ada@pbx.example"),
    ] {
        assert_eq!(parties_with(lines).unwrap().orig().as_str(), uri, "{lines:?}");
    }
    let text = call_with(&["f: <sip:alice@pbx.example>;tag=1", asserted]);
    let caller = Caller::of(request(&text).unwrap().headers()).unwrap();
    assert_eq!(caller.source().header(), "P-Asserted-Identity");
    let Party::Uri(uri) = caller.party() else { panic!("a number") };
    assert_eq!(uri.as_str(), "sip:ada@pbx.example");
}

#[test]
fn the_called_party_is_that_of_to_or_of_the_request_uri() {
    let dest = |request_uri: &str, to: &str| -> Result<Vec<String>, Error> {
        let text = call_with(&[&format!("TO : {to}")])
            .replace("sip:+12155550131@carrier.example;user=phone SIP", &format!("{request_uri} SIP"));
        let parties = request(&text).unwrap().parties()?;
        Ok(parties.dest().iter().map(|party| party.as_str().to_owned()).collect())
    };
    for (request_uri, to, numbers) in [
        ("sip:+12155550131@a.example", "<tel:+1-215-555-0131>", Ok(vec!["12155550131"])),
        ("sip:+12155550132@a.example", "<tel:+12155550131>", Ok(vec!["12155550131", "12155550132"])),
        ("sip:+12155550132@a.example", "<sip:bob@a.example>", Ok(vec!["12155550132"])),
        ("urn:service:sos", "<sip:911@a.example;user=phone>", Ok(vec!["911", "urn:service:sos"])),
        ("soap.beep://192.0.2.103:3002", "<tel:+12155550131>", Ok(vec!["12155550131"])),
        ("sip:bob@a.example", "<tel:555-0131;phone-context=+1215>", Err(Error::TnNotGlobal)),
        ("urn:service:sos", "<urn:service:sos>", Ok(vec!["urn:service:sos"])),
        ("sip:carol@a.example", "<sip:bob@a.example>", Ok(vec!["sip:bob@a.example", "sip:carol@a.example"])),
        ("sip:bob@a.example", "<sip:bob@a.example>", Ok(vec!["sip:bob@a.example"])),
        ("sip:bob@a.example", "isbn:2983792873", Err(Error::UriScheme)),
    ] {
        let numbers = numbers.map(|numbers| numbers.into_iter().map(str::to_owned).collect());
        assert_eq!(dest(request_uri, to), numbers, "{request_uri} {to}");
    }
}

#[test]
fn the_date_becomes_iat_if_it_is_fresh() {
    let date: i64 = 1_443_208_345;
    let claims = |lines: &[&str], now: i64| {
        let parties = parties_with(lines)?;
        parties.claims(now).map(|claims| claims.iat())
    };
    for (now, iat) in [
        (date, Ok(date)),
        (date + 60, Ok(date)),
        (date - 60, Ok(date)),
        (date + 61, Err(Error::DateStale { age_s: 61 })),
        (date - 61, Err(Error::DateFuture { ahead_s: 61 })),
        (-1, Err(Error::DateFuture { ahead_s: date.unsigned_abs() })),
    ] {
        assert_eq!(claims(&[], now), iat.map(i64::unsigned_abs), "{now}");
    }
    let undated = call_with(&[]).replace("Date:\r\n\tFri, 25 Sep 2015 19:12:25 GMT\r\n", "");
    let parties = request(&undated).unwrap().parties().unwrap();
    assert_eq!(parties.date(), None);
    let call = Call::new(parties.orig(), parties.dest()).with_target(parties.dest()[0]);
    assert_eq!(format!("{:?}", parties.call()), format!("{call:?}"));
    let dated = parties_with(&[]).unwrap();
    let call = call.with_date(date.unsigned_abs());
    assert_eq!(format!("{:?}", dated.call()), format!("{call:?}"));
    assert_eq!(parties.claims(42).unwrap().iat(), 42);
    let misdated = CALL.replace("GMT", "EST");
    assert_eq!(request(&misdated).unwrap().parties().err(), Some(Error::DateInvalid));
}

#[test]
fn verstat_goes_into_the_header_that_the_caller_came_from() {
    let text = call_with(&["P-Asserted-Identity: <sip:+12155550122@pbx.example;user=phone>"]);
    let caller = Caller::of(request(&text).unwrap().headers()).unwrap();
    let value = written(|out| caller.address().write_with_verstat(Some(Verstat::Passed), out).unwrap());
    assert_eq!(caller.source().header(), "P-Asserted-Identity");
    assert_eq!(value, "<sip:+12155550122;verstat=TN-Validation-Passed@pbx.example;user=phone>");
}

#[test]
fn reasons_name_the_failure_and_the_passport() {
    let identity = Identity::parse(b"eyJh.eyJi.c2ln;info=<https://a.example/b>").unwrap();
    let compact = Identity::parse(b"..c2ln;info=<https://a.example/b>").unwrap();
    let response = Error::CertUnavailable.sip();
    let reason = "STIR;cause=436;text=\"Bad Identity Info\"";
    assert_eq!(written(|out| Reason::new(response).write(out)), reason);
    for identity in [identity, compact] {
        let text = written(|out| Reason::new(response).with_passport(&identity).write(out));
        assert_eq!(text, format!("{reason};ppi=\"..c2ln\""));
    }
    for token in ["eyJh", "eyJh.eyJi.", &format!("a.b.{}", "c".repeat(129))] {
        let value = format!("{token};info=<https://a.example/b>");
        let identity = Identity::parse(value.as_bytes()).unwrap();
        assert_eq!(written(|out| Reason::new(response).with_passport(&identity).write(out)), reason);
    }
    let sip = Reason::new(Error::CallerAnonymous.sip()).with_protocol(ReasonProtocol::Sip);
    assert_eq!(written(|out| sip.write(out)), "SIP;cause=433;text=\"Anonymity Disallowed\"");
}

#[test]
fn a_response_carries_back_what_the_request_brought() {
    let request = request(CALL).unwrap();
    let identity = Identity::parse(b"..c2ln;info=<https://a.example/b>").unwrap();
    let reasons = [
        Reason::new(Error::SignatureInvalid.sip()).with_passport(&identity),
        Reason::new(Error::IatStale { age_s: 61 }.sip()),
    ];
    let response = Error::SignatureInvalid.sip();
    let text = written(|out| write_response(&request, response, &reasons, &[], 7, out));
    assert_eq!(
        text,
        "SIP/2.0 438 Invalid Identity Header\r\n\
         Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1,\r\n SIP/2.0/UDP 192.0.2.2\r\n\
         Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK3\r\n\
         From: \"Ada, \\\"x\\\"\" <sip:+1-215-555-0121@pbx.example;user=phone>;tag=1\r\n\
         To: <sip:+12155550131@carrier.example;user=phone>;tag=7\r\n\
         Call-ID: a84b4c76e66710@pbx.example\r\n\
         CSeq: 314159 INVITE\r\n\
         Reason: STIR;cause=438;text=\"Invalid Identity Header\";ppi=\"..c2ln\"\r\n\
         Reason: STIR;cause=403;text=\"Stale Date\"\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let in_dialog =
        CALL.replace("TO :<sip:+12155550131@carrier.example;user=phone>", "t: sip:a@b.example;tag=x");
    let text = written(|out| write_response(&self::request(&in_dialog).unwrap(), response, &[], &[], 7, out));
    assert!(text.contains("To: sip:a@b.example;tag=x\r\n"), "{text}");
    let mut small = [0; 100];
    let mut out = Out::new(&mut small);
    write_response(&request, response, &[], &[], 7, &mut out);
    assert!(matches!(out.finish(), Err(Error::BufferTooSmall { needed_bytes }) if needed_bytes > 100));
}

#[test]
fn a_redirect_carries_headers_of_its_own_and_within_its_contact() {
    let request = request(CALL).unwrap();
    let moved = SipResponse::new(302, "Moved Temporarily");
    let fields: [(&str, &[u8]); 2] = [("Identity", b"a.b.c;info=<x:y>"), ("Contact", b"<sip:a@b.example>")];
    let text = written(|out| write_response(&request, moved, &[], &fields, 7, out));
    let behind = "CSeq: 314159 INVITE\r\nIdentity: a.b.c;info=<x:y>\r\nContact: <sip:a@b.example>\r\nContent-Length: 0\r\n\r\n";
    assert!(text.starts_with("SIP/2.0 302 Moved Temporarily\r\n") && text.ends_with(behind), "{text}");
    for (value, escaped) in [
        (
            "eyJ.a-_;info=<https://a.example/b?c>;alg=ES256",
            "eyJ.a-_%3Binfo%3D%3Chttps://a.example/b?c%3E%3Balg%3DES256",
        ),
        ("<sip:+12155550121@a.example;verstat=x>", "%3Csip:+12155550121%40a.example%3Bverstat%3Dx%3E"),
        ("a b\"&%\u{e9}\r\n", "a%20b%22%26%25%C3%A9%0D%0A"),
    ] {
        assert_eq!(written(|out| write_uri_header_value(value.as_bytes(), out)), escaped);
    }
}

#[test]
fn debug_output_shows_neither_names_nor_numbers() {
    let text = call_with(&["P-Asserted-Identity: <tel:+12155550122>", "Diversion: <tel:+12155550123>"]);
    let request = request(&text).unwrap();
    let caller = Caller::of(request.headers()).unwrap();
    let debug = format!("{request:?} {caller:?} {:?} {:?}", request.parties(), caller.party());
    for secret in ["0121", "0122", "0123", "0131", "Ada", "pbx.example"] {
        assert!(!debug.contains(secret), "{secret} in {debug}");
    }
}
