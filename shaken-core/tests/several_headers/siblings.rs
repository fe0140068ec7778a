//! Good, forged and foreign headers beside each other.

use shaken_core::verify::{MAX_IDENTITY_HEADERS, SiblingPolicy};
use shaken_core::{Call, Error, Verifier};

use crate::pki::NOW;
use crate::rig::{
    CALLED, CALLER, FORGER, GOOD, LIMITED, NOWHERE, SECOND, THIRD, Token, identity, judge, judge_by,
    judge_call, party,
};

const OTHER_TYPES: [(&str, &str); 4] =
    [("base", ""), ("rph", r#","rph":{"auth":["ets.0"]}"#), ("rcd", r#","rcd":{"nam":"Ada"}"#), ("msg", "")];

#[test]
fn no_other_type_lets_a_call_pass() {
    let all = OTHER_TYPES.map(|(ppt, more)| Token::new(ppt, CALLED, more).header());
    for header in &all {
        let outcome = judge(std::slice::from_ref(header), CALLED);
        assert_eq!((outcome.call, outcome.each), (Err("shaken-missing"), vec!["ok"]));
    }
    assert_eq!(judge(&all, CALLED).call, Err("shaken-missing"));
    // Nor one that says in its claims that it is a shaken.
    let claims = r#","attest":"A","origid":"x""#;
    assert_eq!(judge(&[Token::new("base", CALLED, claims).header()], CALLED).call, Err("shaken-missing"));
    let diverted =
        [Token::new("base", CALLED, claims), Token::div(CALLED, SECOND)].map(|token| token.header());
    let outcome = judge(&diverted, SECOND);
    assert_eq!((outcome.call, outcome.chains), (Err("shaken-missing"), vec!["ok"]));
}

#[test]
fn no_other_type_and_no_broken_header_fails_a_call() {
    let shaken = Token::shaken(CALLED).header();
    let token = Token::shaken(CALLED).token();
    let cut = token.rsplit_once('.').unwrap().0.to_owned();
    let mut added: Vec<(String, &str)> = Vec::new();
    for (ppt, more) in OTHER_TYPES {
        added.push((Token::new(ppt, CALLED, more).by(FORGER).header(), "signature-invalid"));
        added.push((Token::new(ppt, CALLED, more).by(NOWHERE).header(), "cert-unavailable"));
        added.push((Token::new(ppt, CALLED, more).by(LIMITED).header(), "tn-not-authorized"));
        added.push((Token::new(ppt, THIRD, more).header(), "dest-mismatch"));
        added.push((Token::new(ppt, CALLED, more).of(THIRD).header(), "orig-mismatch"));
    }
    for (header, name) in [
        ("", "token-segments"),
        ("x", "info-missing"),
        ("\u{0}\u{ff}", "base64-invalid"),
        ("a.b.c;info=<https://good.example.com/a.pem>", "base64-invalid"),
        ("..YQ;info=<https://good.example.com/a.pem>;ppt=shaken", "compact-form"),
        ("..YQ;info=<https://good.example.com/a.pem>", "compact-date-missing"),
        ("e30.e30.YQ;info=<https://good.example.com/a.pem>;ppt=foo", "ppt-unsupported"),
    ] {
        added.push((header.to_owned(), name));
    }
    let params = format!("info=<{GOOD}>;ppt=shaken");
    added.push((format!("{cut}.YQ;{params}"), "signature-length"));
    added.push((format!("{cut}.{};{params}", "A".repeat(94)), "signature-length"));
    added.push((format!("{cut}.;{params}"), "signature-length"));
    added.push((format!("{token};info=<{FORGER}>;ppt=shaken"), "x5u-info-mismatch"));
    added.push((format!("{token};info=<{GOOD}>;ppt=div"), "ppt-mismatch"));
    added.push((format!("{token};info=<{GOOD}>;ppt=rcd"), "ppt-mismatch"));
    added.push((format!("{};info=<{GOOD}>;ppt=shaken", "A".repeat(25 * 1024)), "identity-too-large"));
    for (header, name) in added {
        for headers in [[shaken.clone(), header.clone()], [header.clone(), shaken.clone()]] {
            let place = headers.iter().position(|other| *other == header).unwrap();
            let outcome = judge(&headers, CALLED);
            assert_eq!((outcome.call, outcome.each[place]), (Ok("A"), name), "{header}");
        }
        // And by itself it is worth nothing.
        assert!(judge(std::slice::from_ref(&header), CALLED).call.is_err(), "{header}");
    }
}

#[test]
fn a_forged_sibling_fails_the_call_unless_it_is_let() {
    let lenient = Verifier::default().with_siblings(SiblingPolicy::OneGoodSuffices);
    let good = Token::shaken(CALLED);
    for (other, error) in [
        (good.clone().by(FORGER), Some("signature-invalid")),
        (good.clone().by(LIMITED), Some("tn-not-authorized")),
        // No certificate is no wrong one; and one that is not for this call is not looked at.
        (good.clone().by(NOWHERE), None),
        (Token::shaken(THIRD).by(FORGER), None),
        (good.clone().aged(61).by(FORGER), None),
        (good.clone().of(THIRD).by(FORGER), None),
    ] {
        for headers in [[&good, &other], [&other, &good]] {
            let headers = headers.map(Token::header);
            assert_eq!(judge(&headers, CALLED).call.err(), error);
            assert_eq!(judge_call(&lenient, &headers, CALLED, CALLED).call, Ok("A"));
        }
    }
}

/// Proxies put headers before and behind others.
#[test]
fn of_two_good_ones_the_order_does_not_choose() {
    for levels in [["A", "B"], ["B", "A"], ["C", "A"], ["A", "C"], ["A", "A"]] {
        let headers = levels.map(|level| Token::shaken(CALLED).attest(level).header());
        assert_eq!(judge(&headers, CALLED).call, Ok("A"));
    }
    let headers = ["C", "B", "C"].map(|level| Token::shaken(CALLED).attest(level).header());
    assert_eq!(judge(&headers, CALLED).call, Ok("B"));
}

#[test]
fn a_replay_is_found_out() {
    let good = Token::shaken(CALLED);
    for (token, error) in [
        (good.clone().aged(61), "iat-stale"),
        (good.clone().aged(-61), "iat-future"),
        (good.clone().of(THIRD), "orig-mismatch"),
        (Token::shaken(THIRD), "dest-mismatch"),
        (good.clone().of("sip:12155550121@example.com"), "orig-mismatch"),
        (Token::shaken("tel:+12155550131"), "dest-mismatch"),
    ] {
        let outcome = judge(&[token.header()], CALLED);
        assert_eq!((outcome.call, outcome.x5us.len()), (Err(error), 0));
    }
    for age_s in [-60, 0, 60] {
        assert_eq!(judge(&[good.clone().aged(age_s).header()], CALLED).call, Ok("A"));
    }
}

/// The Date of the call is as fresh as `iat`, whatever the tokens say.
#[test]
fn the_date_is_judged_for_all() {
    let dest = [party(CALLED)];
    let headers = [Token::shaken(CALLED).header(), Token::div(CALLED, SECOND).header()];
    for (date, error) in [
        (NOW - 61, Some("date-stale")),
        (NOW - 60, None),
        (NOW + 60, None),
        (NOW + 61, Some("date-future")),
        (0, Some("date-stale")),
        (i64::MAX, Some("date-future")),
    ] {
        let call = Call::new(party(CALLER), &dest).with_date(date.unsigned_abs());
        let outcome = judge_by(&Verifier::default(), &headers, &call, NOW).unwrap();
        assert_eq!(outcome.call.err(), error, "{date}");
        assert_eq!(outcome.x5us.is_empty(), error.is_some());
    }
}

#[test]
fn times_and_clocks_beyond_measure_are_no_panic() {
    let payload = |iat: &str| {
        let dest = format!(r#"{{"tn":["{CALLED}"]}}"#);
        format!(r#"{{"attest":"A","dest":{dest},"iat":{iat},"orig":{},"origid":"x"}}"#, identity(CALLER))
    };
    let dest = [party(CALLED)];
    let impatient =
        [Verifier::default(), Verifier::default().with_max_age_s(u64::MAX).with_max_diverted_age_s(u64::MAX)];
    for iat in ["0", "18446744073709551615", "9223372036854775808"] {
        let token = crate::rig::raw_token(&crate::rig::protected("shaken", GOOD), &payload(iat), GOOD);
        let headers = [format!("{token};info=<{GOOD}>"), Token::div(CALLED, CALLER).header()];
        for now in [i64::MIN, -1, 0, NOW, i64::MAX] {
            for date in [0, u64::MAX] {
                for verifier in &impatient {
                    let call = Call::new(party(CALLER), &dest).with_date(date);
                    assert!(judge_by(verifier, &headers, &call, now).unwrap().call.is_err());
                }
            }
        }
    }
    for iat in ["18446744073709551616", "1e3", "1.0", "-1", "\"1\"", "[1]"] {
        let token = crate::rig::raw_token(&crate::rig::protected("shaken", GOOD), &payload(iat), GOOD);
        assert_eq!(judge(&[format!("{token};info=<{GOOD}>")], CALLED).call, Err("claim-type"), "{iat}");
    }
}

#[test]
fn eight_headers_of_64_kilobytes_and_no_more() {
    let good = Token::shaken(CALLED).header();
    let eight = vec![good.clone(); MAX_IDENTITY_HEADERS];
    let outcome = judge(&eight, CALLED);
    assert_eq!((outcome.call, outcome.x5us.len()), (Ok("A"), MAX_IDENTITY_HEADERS));

    let dest = [party(CALLED)];
    let call = Call::new(party(CALLER), &dest);
    let refused = |headers: &[String]| judge_by(&Verifier::default(), headers, &call, NOW).unwrap_err();
    assert_eq!(refused(&vec![good; 9]), Error::TooManyIdentityHeaders { limit: 8 });
    assert_eq!(refused(&[]), Error::IdentityMissing);
    let long = Token::new("base", CALLED, &format!(r#","x":"{}""#, "x".repeat(12_000))).header();
    assert!(matches!(refused(&vec![long.clone(); 5]), Error::IdentityTotalTooLarge { .. }));
    assert_eq!(
        judge(&[long.clone(), long.clone(), long, Token::shaken(CALLED).header()], CALLED).call,
        Ok("A")
    );
}

/// A call with several called parties, of both kinds.
#[test]
fn one_of_many_called_parties_is_enough() {
    let numbers: Vec<String> = (0..31).map(|i| format!("121555503{i:02}")).collect();
    let uris: Vec<String> = (0..31).map(|i| format!("sip:user{i}@example.com")).collect();
    let mut all: Vec<&str> = numbers.iter().chain(&uris).map(String::as_str).collect();
    all.extend([CALLED, "sip:Bob@example.com"]);
    let token = Token::shaken(CALLED).with_dest(&all);
    for target in [CALLED, "sip:bob@example.com", "12155550300", "sip:USER30@example.com;x"] {
        assert_eq!(judge(&[token.header()], target).call, Ok("A"), "{target}");
    }
    assert_eq!(judge(&[token.header()], "sip:bob@example.org").call, Err("dest-mismatch"));
    all.push(SECOND);
    assert_eq!(judge(&[Token::shaken(CALLED).with_dest(&all).header()], CALLED).call, Err("dest-too-many"));
}
