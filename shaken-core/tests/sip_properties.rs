//! What holds of the SIP reader for every input.

use proptest::prelude::*;
use shaken_core::Party;
use shaken_core::sip::{self, Caller, Reason, Request, Uri, write_response};
use shaken_core::write::Out;
use shaken_core::{Error, Identity, Verstat};

/// Asks a request everything that it can be asked. What comes out must be of the input.
fn exercise(bytes: &[u8]) -> Result<(), TestCaseError> {
    let request = match Request::parse(bytes) {
        Ok(request) => request,
        Err(error) => {
            prop_assert!(matches!(error.code(), 103 | 800..900), "{error}");
            return Ok(());
        }
    };
    prop_assert!(request.len_bytes() <= bytes.len());
    prop_assert!(bytes[..request.len_bytes()].ends_with(request.body()));
    let headers = request.headers();
    prop_assert!(headers.identity().len() <= 8);
    prop_assert!(headers.identity().iter().map(|value| value.len()).sum::<usize>() <= sip::MAX_IDENTITY_LEN);
    let _ = (headers.date(), headers.hints(), headers.diverting_number(), headers.asks_privacy("id"));
    for entry in headers.history().flatten() {
        let _ = (entry.index(), entry.cause(), entry.address().uri().telephone_number());
    }
    for diversion in headers.diversions().flatten() {
        let _ = (diversion.reason(), diversion.counter());
    }

    // The response has one line for each line that it must carry back, however they are folded.
    let mut buffer = vec![0; 2 * bytes.len() + 1024];
    let mut out = Out::new(&mut buffer);
    let reason = Reason::new(Error::IdentityMissing.sip());
    write_response(&request, Error::IdentityMissing.sip(), &[reason], &[], 1, &mut out);
    let response = out.written();
    prop_assert!(response.ends_with(b"\r\nContent-Length: 0\r\n\r\n"));
    prop_assert!(!response[..response.len() - 4].windows(4).any(|window| window == b"\r\n\r\n"));

    // What is written with a verstat is the same caller, with that verstat.
    if let Ok(caller) = Caller::of(headers)
        && let Party::Number(number) = caller.party()
    {
        let mut out = Out::new(&mut buffer);
        caller.address().write_with_verstat(Some(Verstat::Passed), &mut out).unwrap();
        let line = [b"P-Asserted-Identity: ", out.written()].concat();
        let message = [b"INVITE sip:b@h.example SIP/2.0\r\n", CALL.as_bytes(), &line, b"\r\n\r\n"].concat();
        let again = Request::parse(&message).unwrap();
        let again = Caller::of(again.headers()).unwrap();
        prop_assert_eq!(again.party(), Party::Number(number));
        prop_assert_eq!(again.address().verstat(), Some(&b"TN-Validation-Passed"[..]));
    }
    Ok(())
}

/// Header lines, good and bad, with white space and quotes in bad places.
fn line(names: &'static str) -> impl Strategy<Value = String> {
    let value = prop_oneof![
        3 => "(Ada |\"A, \\\\\"b\" )?<?(sips?|tel|urn|x):[+]?[0-9a-z%;=@:?\\[\\]-]{0,30}>?(;[a-z]{0,4}(=\"?[a-z,<]{0,4}\"?)?){0,3}",
        3 => "<(sip:)?[+]?[0-9]{1,12}(;verstat=x)?(@h\\.example)?(;user=phone)?(\\?Reason=SIP;cause=302;text=\"[a-z>,\"]{0,5}\")?>(, ?<tel:\\+[0-9]{1,5}>)?",
        3 => "(\"A\" )?<(tel:[+]?[0-9]{1,12}(;[a-z]{1,3})?|sip:[+]?[0-9]{1,12}(;verstat=x)?@h\\.example(;user=phone)?(;verstat=x)?)>(\r\n ;a=b)?",
        1 => "[0-9]{1,3} INVITE",
        1 => "[ -~\t]{0,40}",
        1 => "[a-z](\r\n [a-z]){0,3}",
    ];
    (names, value).prop_map(|(name, value)| format!("{name}: {value}\r\n"))
}

const ONCE: &str = "(From|f|To|t|Call-ID|i|CSeq|Date|l)";
const OFTEN: &str = "(Identity|y|P-Asserted-Identity|Diversion|History-Info|Privacy|Via|X)";
/// What a request must have.
const CALL: &str = "f: <sip:+12155550121@h.example>\r\nt: <tel:+12155550131>\r\ni: 1\r\nCSeq: 1 INVITE\r\n";

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes)?;
    }

    #[test]
    fn any_lines_get_an_answer(
        start in prop_oneof![Just("INVITE sip:+12155550131@h.example SIP/2.0\r\n"), Just("INVITE x SIP/2.0\r\n")],
        lines in proptest::collection::vec(prop_oneof![line(ONCE), line(OFTEN), "[ -~\r\n]{0,9}"], 0..12),
        body in "[a-z\r\n]{0,8}",
    ) {
        exercise(format!("{start}{}\r\n{body}", lines.concat()).as_bytes())?;
    }

    /// Whatever stands in headers that may be absent, the request is read.
    #[test]
    fn optional_lines_do_not_hide_the_call(lines in proptest::collection::vec(line(OFTEN), 0..8)) {
        let message = format!("INVITE sip:b@h.example SIP/2.0\r\n{CALL}{}\r\n", lines.concat());
        prop_assert!(Request::parse(message.as_bytes()).is_ok());
        exercise(message.as_bytes())?;
    }

    /// No change of a few bytes makes a good message into a panic or a loop.
    #[test]
    fn a_damaged_message_gets_an_answer(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
    ) {
        let mut bytes = GOOD.as_bytes().to_vec();
        for (at, byte, replace) in edits {
            let at = at.index(bytes.len());
            if replace { bytes[at] = byte } else { bytes.insert(at, byte) }
        }
        exercise(&bytes)?;
    }

    /// The normal form is normal: it is its own.
    #[test]
    fn the_normal_form_of_a_uri_is_its_own(
        text in "(sips?|SIP|tel|urn:service):([A-Za-z0-9%._~+-]{1,8}|(%[0-9a-fA-F]{2}){1,4})(:p)?(@[A-Za-z0-9.-]{1,8}(:50)?)?(;[a-z=]{1,5})?",
    ) {
        let Ok(uri) = Uri::parse(text.as_bytes()) else { return Ok(()) };
        let mut buffers = [[0; 256]; 2];
        let [first, second] = &mut buffers;
        let mut out = Out::new(first);
        uri.write_normal(&mut out);
        let normal = out.finish().unwrap();
        let mut out = Out::new(second);
        Uri::parse(normal.as_bytes()).unwrap().write_normal(&mut out);
        prop_assert_eq!(out.finish().unwrap(), normal);
    }

    #[test]
    fn dates_read_back(unix_s in 0_u64..253_402_300_800) {
        let mut buffer = [0; 64];
        let mut out = Out::new(&mut buffer);
        sip::date::write(unix_s, &mut out).unwrap();
        prop_assert_eq!(sip::date::parse(out.finish().unwrap().as_bytes()), Ok(unix_s));
    }
}

/// Inputs that would make a careless reader slow: each takes about as long as its length.
#[test]
fn hostile_input_takes_linear_time() {
    let call = |more: &str| format!("INVITE sip:b@h.example SIP/2.0\r\n{CALL}{more}\r\n\r\n");
    let n = 60_000;
    for (what, message) in [
        ("folds", call(&format!("X:{}", "\r\n ".repeat(n / 3)))),
        ("headers", call(&"X:\r\n".repeat(n / 4))),
        ("commas", call(&format!("P-Asserted-Identity:{}", "<tel:1>,".repeat(n / 8)))),
        ("quotes", call(&format!("History-Info:<sip:1@h?{}>", "\"\\".repeat(n / 2)))),
        ("quoted values", call(&format!("History-Info:{}", "\"".repeat(n)))),
        ("parameters", call(&format!("Diversion:<tel:1>{}", ";a=\"\"".repeat(n / 5)))),
        ("causes", call(&format!("History-Info:<sip:1@h?Reason=SIP{}>", ";cause".repeat(n / 6)))),
        ("brackets", call(&format!("P-Asserted-Identity:{}", "<".repeat(n)))),
        ("escapes", call(&format!("P-Asserted-Identity:<sip:{}@h>", "%41".repeat(n / 3)))),
        ("colons", call(&format!("P-Asserted-Identity:<sip:{}>", ":".repeat(n)))),
    ] {
        let is_quick = || {
            let started = std::time::Instant::now();
            exercise(message.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}"));
            started.elapsed() < std::time::Duration::from_millis(500)
        };
        // On a busy machine another process may have taken the time.
        assert!((0..10).any(|_| is_quick()), "{what}");
    }
}

/// An Identity value comes out as it went in, folds included, and parses.
#[test]
fn identity_values_are_borrowed_as_they_are() {
    let request = Request::parse(GOOD.as_bytes()).unwrap();
    let [first, second] = request.headers().identity() else { panic!("two Identity headers") };
    assert_eq!(Identity::parse(first).unwrap().token(), "eyJh.eyJi.c2ln");
    assert_eq!(Identity::parse(second).unwrap().ppt(), Some("div"));
    assert!(GOOD.as_bytes().as_ptr_range().contains(&first.as_ptr()));
}

const GOOD: &str = "INVITE sip:+12155550131@carrier.example;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1\r\n\
    From: \"Ada\" <sip:anonymous@anonymous.invalid>;tag=1\r\n\
    To: <sip:+12155550131@carrier.example;user=phone>\r\n\
    Call-ID: a84b4c76e66710@pbx.example\r\n\
    CSeq: 314159 INVITE\r\n\
    P-Asserted-Identity: <tel:+12155550121>,\r\n <sip:ada@pbx.example>\r\n\
    Privacy: id;history\r\n\
    Date: Fri, 25 Sep 2015 19:12:25 GMT\r\n\
    History-Info: <sip:+12155550199@h.example?Reason=SIP;cause=302;text=\"Moved\">;index=1\r\n\
    Diversion: <tel:+12155550199>;reason=unconditional\r\n\
    Attestation-Info: A\r\n\
    Identity: eyJh.eyJi.c2ln\r\n ;info=<https://cr.example/a.pem>;ppt=shaken\r\n\
    y: eyJh.eyJi.c2ln;info=<https://cr.example/a.pem>;ppt=div\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 5\r\n\
    \r\n\
    v=0\r\n";
