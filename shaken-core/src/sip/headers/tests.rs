//! Which header fields are picked out, and what is refused.

use super::*;

const CALL: &[(&str, &str)] = &[
    ("f", "<sip:+12155550121@h.example>;tag=1"),
    ("T", "<sip:+12155550131@h.example>"),
    ("i", "a@b"),
    ("cseq", "0009\r\n  INVITE"),
];

fn collect<'a>(more: &[(&'a str, &'a str)]) -> Result<Headers<'a>, Error> {
    let fields = CALL.iter().chain(more);
    Headers::collect(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

#[test]
fn names_in_every_spelling() {
    let headers = collect(&[
        ("L", " 42 "),
        ("DATE", "Fri, 25 Sep 2015 19:12:25 GMT"),
        ("y", "a.b.c;info=<https://a.example/b>"),
        ("IDENTITY", "d.e.f;info=<https://a.example/b>"),
        ("c", "Application/SDP ; charset=utf-8"),
        ("p-attestation-info", "B"),
        ("Attestation-Info", "A"),
        ("Origination-Id", "123e4567-e89b-12d3-a456-426655440000;x"),
        ("Unknown", "\u{0}"),
    ])
    .unwrap();
    assert_eq!(headers.from().param("tag"), Some(&b"1"[..]));
    assert_eq!((headers.call_id(), headers.cseq().method), (&b"a@b"[..], &b"INVITE"[..]));
    assert_eq!((headers.content_length(), headers.date()), (Some(42), Ok(Some(1_443_208_345))));
    assert_eq!(headers.identity().len(), 2);
    assert!(headers.is_sdp());
    let origid = Some("123e4567-e89b-12d3-a456-426655440000");
    assert_eq!(headers.hints(), Hints { attest: Some(Attest::B), origid });
}

#[test]
fn a_tracing_value_is_one_or_nothing() {
    for origid in ["\u{e9}", "", "\u{1}"] {
        let headers = collect(&[("Origination-ID", origid)]).unwrap();
        assert_eq!(headers.hints(), Hints { attest: None, origid: None }, "{origid:?}");
    }
}

#[test]
fn a_wish_lowers_in_whatever_spelling() {
    for (level, attest) in [
        ("A", Some(Attest::A)),
        (" b ", Some(Attest::B)),
        ("\"C\"", Some(Attest::C)),
        ("A;origid=x", Some(Attest::A)),
        ("A, C", Some(Attest::C)),
        ("C,A", Some(Attest::C)),
        ("AB", Some(Attest::C)),
        ("\u{e9}", Some(Attest::C)),
        ("\"\"", Some(Attest::C)),
        ("", None),
        (",", None),
    ] {
        let headers = collect(&[("Attestation-Info", level)]).unwrap();
        assert_eq!(headers.hints().attest, attest, "{level}");
        for (first, second) in [("Attestation-Info", "X-Attestation-Info"), ("Attestation", "Attestation")] {
            for values in [[level, "B"], ["B", level]] {
                let headers = collect(&[(first, values[0]), (second, values[1])]).unwrap();
                let lowest = attest.map_or(Attest::B, |attest| attest.lower(Attest::B));
                assert_eq!(headers.hints().attest, Some(lowest), "{values:?}");
            }
        }
    }
}

#[test]
fn what_must_be_there_once_is_checked_at_once() {
    let without = |name| {
        Headers::collect(CALL.iter().filter(|(n, _)| *n != name).map(|(n, v)| (n.as_bytes(), v.as_bytes())))
            .err()
    };
    for (name, header) in [("f", "From"), ("T", "To"), ("i", "Call-ID"), ("cseq", "CSeq")] {
        assert_eq!(without(name), Some(Error::SipHeaderMissing { header }));
    }
    for (name, value, header) in
        [("From", "<sip:b@h.example>", "From"), ("Call-ID", "a@b", "Call-ID"), ("CSeq", "9 INVITE", "CSeq")]
    {
        assert_eq!(collect(&[(name, value)]).err(), Some(Error::SipHeaderDuplicate { header }));
    }
    for twice in ["Date", "l", "c"] {
        let outcome = collect(&[(twice, "1"), (twice, "1")]);
        assert!(matches!(outcome, Err(Error::SipHeaderDuplicate { .. })), "{twice}");
    }
}

#[test]
fn malformed_values_name_their_header() {
    for (name, value, header) in [
        ("f", "alice", "From"),
        ("t", "<sip:a@b@c.example>", "To"),
        ("i", "", "Call-ID"),
        ("i", "a b", "Call-ID"),
        ("CSeq", "2147483648 INVITE", "CSeq"),
        ("CSeq", "36893488147419103232 INVITE", "CSeq"),
        ("CSeq", "-1 INVITE", "CSeq"),
        ("CSeq", "1 INVITE x", "CSeq"),
        ("CSeq", "INVITE", "CSeq"),
        ("CSeq", "1", "CSeq"),
        ("l", "-1", "Content-Length"),
        ("l", "+1", "Content-Length"),
        ("l", "1, 1", "Content-Length"),
        ("l", "", "Content-Length"),
        ("l", "18446744073709551616", "Content-Length"),
        ("Identity", "a.b.c\r\nVia: x", "Identity"),
        ("Identity", "a.b.c\n x", "Identity"),
        ("X", "a\rb", ""),
    ] {
        assert_eq!(collect(&[(name, value)]).err(), Some(Error::SipHeaderValue { header }), "{value:?}");
    }
}

#[test]
fn more_than_is_read_is_refused() {
    for (name, header) in [
        ("P-Asserted-Identity", "P-Asserted-Identity"),
        ("diversion", "Diversion"),
        ("history-info", "History-Info"),
        ("privacy", "Privacy"),
    ] {
        assert!(collect(&[(name, "<tel:+1>"); MAX_FIELDS]).is_ok());
        let many = collect(&[(name, "<tel:+1>"); MAX_FIELDS + 1]);
        assert_eq!(many.err(), Some(Error::SipHeaderLimit { header }));
    }
    assert!(collect(&[("y", "x"); MAX_IDENTITY_HEADERS]).is_ok());
    let many = collect(&[("y", "x"); MAX_IDENTITY_HEADERS + 1]);
    assert_eq!(many.err(), Some(Error::TooManyIdentityHeaders { limit: MAX_IDENTITY_HEADERS }));
    let half = "x".repeat(MAX_IDENTITY_LEN / 2);
    assert!(collect(&[("y", &half), ("y", &half)]).is_ok());
    let long = collect(&[("y", &half), ("y", &half), ("y", "x")]);
    assert_eq!(long.err(), Some(Error::IdentityTotalTooLarge { len_bytes: MAX_IDENTITY_LEN + 1 }));
}

#[test]
fn broken_values_of_optional_headers_do_not_hide_the_call() {
    let headers = collect(&[
        ("P-Asserted-Identity", "<tel:+1>, alice"),
        ("P-Asserted-Identity", "<tel:+2>"),
        ("Diversion", "bob"),
        ("Date", "yesterday"),
    ])
    .unwrap();
    let asserted: Vec<_> = headers.asserted().map(|value| value.map(|a| a.uri().as_str())).collect();
    let wrong = |header| Error::SipHeaderValue { header };
    assert_eq!(asserted, [Ok("tel:+1"), Err(wrong("P-Asserted-Identity"))]);
    assert_eq!(headers.diverting_number(), Err(wrong("Diversion")));
    assert_eq!(headers.date(), Err(Error::DateInvalid));
}

#[test]
fn who_diverted_last() {
    let number = |more: &[(&str, &str)]| {
        let number = collect(more).unwrap().diverting_number();
        number.map(|number| number.map(|tn| tn.as_str().to_owned()))
    };
    assert_eq!(number(&[]), Ok(None));
    assert_eq!(number(&[("History-Info", "<tel:+11>;index=1")]), Ok(None));
    let history = ("History-Info", "<sip:+11@h.example?Reason=SIP;cause=302>;index=1, <tel:+12>;index=1.1");
    assert_eq!(number(&[history]), Ok(Some("11".into())));
    assert_eq!(number(&[history, ("Diversion", "<tel:+13>, <tel:+14>")]), Ok(Some("13".into())));
    assert_eq!(number(&[("Diversion", "<sip:bob@h.example>")]), Err(Error::UriNotANumber));
}

#[test]
fn privacy_is_a_set_of_words() {
    let headers = collect(&[("Privacy", "ID ; critical"), ("privacy", "history,user")]).unwrap();
    for (kind, asked) in
        [("id", true), ("critical", true), ("history", true), ("user", true), ("header", false), ("", false)]
    {
        assert_eq!(headers.asks_privacy(kind), asked, "{kind}");
    }
}

#[test]
fn debug_output_shows_no_number() {
    let text = format!("{:?}", collect(&[("P-Asserted-Identity", "<tel:+12155550121>")]).unwrap());
    assert!(!text.contains("0121") && text.contains("asserted: 1"), "{text}");
}
