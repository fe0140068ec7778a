//! `div-o`, which holds the PASSporT before it (RFC 8946 §5).

use shaken_core::verify::MAX_IDENTITY_HEADERS;

use crate::rig::{
    CALLED, CALLER, FORGER, GOOD, SECOND, THIRD, Token, base64url, identity, judge, judge_call, protected,
    raw_token,
};

/// One `div-o` in another, `depth` of them, around a good `shaken`: from one number to the next.
fn nest(depth: usize) -> (Token, String) {
    let number = |step: usize| format!("121555502{step:02}");
    let mut token = Token::shaken(&number(0));
    for step in 0..depth {
        token = Token::div_o(&number(step), &number(step + 1), &token.token());
    }
    (token, number(depth))
}

#[test]
fn what_it_holds_is_followed_to_the_end() {
    for depth in 1..=7 {
        let (token, target) = nest(depth);
        let outcome = judge(&[token.header()], &target);
        assert_eq!((outcome.call, outcome.each.len()), (Ok("A"), depth + 1));
        assert!(judge(&[token.header()], THIRD).x5us.is_empty(), "it leads elsewhere");
    }
}

/// Whoever adds a `div-o` must not take the room from headers that hold none, and which of several
/// is too much must not depend on their order.
#[test]
fn those_that_hold_too_much_fail_together_and_alone() {
    let (deep, _) = nest(3);
    let mut headers = vec![deep.header(); MAX_IDENTITY_HEADERS - 1];
    headers.push(Token::shaken(CALLED).header());
    for _ in 0..MAX_IDENTITY_HEADERS {
        headers.rotate_left(1);
        let outcome = judge(&headers, CALLED);
        assert_eq!((outcome.call, outcome.each.len()), (Ok("A"), MAX_IDENTITY_HEADERS), "{outcome:?}");
        let too_deep = outcome.each.iter().filter(|outcome| **outcome == "div-o-too-deep").count();
        assert_eq!(too_deep, MAX_IDENTITY_HEADERS - 1, "{outcome:?}");
        assert_eq!(outcome.x5us, [GOOD], "nothing is fetched for them");
    }
}

#[test]
fn there_is_room_for_one_of_every_type() {
    let (shaken, opt) = (Token::shaken(CALLED), Token::shaken(CALLED).token());
    let headers = [
        shaken.header(),
        Token::div(CALLED, SECOND).header(),
        Token::div_o(CALLED, SECOND, &opt).header(),
        Token::new("base", CALLED, "").header(),
        Token::new("rph", CALLED, r#","rph":{"auth":["ets.0"]}"#).header(),
        Token::new("rcd", CALLED, r#","rcd":{"nam":"Ada"}"#).header(),
        Token::new("msg", CALLED, "").header(),
        Token::new("foo", CALLED, "").header(),
    ];
    let outcome = judge(&headers, SECOND);
    assert_eq!(outcome.call, Ok("A"));
    assert_eq!(outcome.each, ["ok", "ok", "ok", "ok", "ok", "ok", "ok", "ppt-unsupported", "ok"]);
    assert_eq!(outcome.chains, ["ok", "ok"]);
}

#[test]
fn it_vouches_for_what_it_holds_and_nothing_else() {
    let shaken = Token::shaken(CALLED).header();
    for (opt, error) in [
        ("YQ.YQ.YQ".to_owned(), "div-chain-incomplete"),
        (Token::shaken(THIRD).token(), "div-chain-incomplete"),
        (Token::shaken(CALLED).of(THIRD).token(), "div-orig-mismatch"),
        (Token::shaken(CALLED).by(FORGER).token(), "signature-invalid"),
        (Token::new("foo", CALLED, "").token(), "div-chain-unsupported"),
        (Token::shaken(CALLED).aged(61).token(), "iat-stale"),
    ] {
        let outcome = judge(&[shaken.clone(), Token::div_o(CALLED, SECOND, &opt).header()], SECOND);
        assert!(outcome.call.is_err(), "{opt}: {outcome:?}");
        assert_eq!(outcome.chains, [error], "{opt}");
    }
    for (opt, error) in [
        ("..YQ", "opt-invalid"),
        (".YQ.YQ", "opt-invalid"),
        ("YQ.YQ", "opt-invalid"),
        ("YQ.\\u0059Q.YQ", "opt-invalid"),
        ("", "opt-invalid"),
    ] {
        let outcome = judge(&[Token::div_o(CALLED, SECOND, opt).header(), shaken.clone()], CALLED);
        assert_eq!((outcome.call, outcome.each[0]), (Ok("A"), error), "{opt}");
    }
    let both = Token::new("div", SECOND, &format!(r#","div":{},"opt":"YQ.YQ.YQ""#, identity(CALLED)));
    assert_eq!(judge(&[both.header()], SECOND).each, ["opt-unexpected"]);
}

/// What stands in a header of another type decides nothing by itself.
#[test]
fn what_is_nested_is_no_header() {
    let opt = Token::shaken(CALLED).token();
    for div_o in [
        Token::div_o(CALLED, SECOND, &opt),
        Token::div_o(CALLED, SECOND, &opt).by(FORGER),
        Token::div_o(THIRD, SECOND, &opt),
    ] {
        let outcome = judge(&[div_o.header()], CALLED);
        assert!(outcome.call.is_err(), "{outcome:?}");
        assert!(outcome.x5us.is_empty(), "{outcome:?}");
    }
    // A forged one in a chain that could be does not fail the call beside it.
    let forged = Token::div_o(CALLED, SECOND, &Token::shaken(CALLED).by(FORGER).token());
    for headers in [[Token::shaken(SECOND), forged.clone()], [forged, Token::shaken(SECOND)]] {
        let outcome = judge(&headers.map(|token| token.header()), SECOND);
        assert_eq!((outcome.call, outcome.chains), (Ok("A"), vec!["signature-invalid"]));
    }
}

/// A `div` in a `div-o` follows a PASSporT that has its own header.
#[test]
fn types_may_be_mixed() {
    let div = Token::div(CALLED, SECOND);
    let headers =
        [Token::shaken(CALLED), Token::div_o(SECOND, THIRD, &div.token())].map(|token| token.header());
    assert_eq!(judge(&headers, THIRD).call, Ok("A"));
    assert_eq!(
        judge_call(&shaken_core::Verifier::default(), &headers[1..], CALLED, THIRD).call,
        Err("shaken-missing")
    );
}

/// A token in itself cannot be, but one that grows with each step can.
#[test]
fn depth_costs_no_more_than_its_bytes() {
    let mut opt = "YQ.YQ.YQ".to_owned();
    let mut depth = 0;
    loop {
        let payload = format!(
            r#"{{"dest":{{"tn":["{SECOND}"]}},"div":{{"tn":"{CALLED}"}},"iat":1,"opt":"{opt}","orig":{{"tn":"{CALLER}"}}}}"#
        );
        if base64url(payload.as_bytes()).len() > 16 * 1024 {
            break;
        }
        opt = raw_token(&protected("div-o", GOOD), &payload, GOOD);
        depth += 1;
    }
    assert!(depth > 7, "{depth}");
    let header = format!("{opt};info=<{GOOD}>;ppt=div-o");
    let outcome = judge(&[header, Token::shaken(SECOND).header()], SECOND);
    assert_eq!(outcome.call, Ok("A"), "{outcome:?}");
}
