//! Chains of diversions that somebody has meddled with.

use shaken_core::Verifier;

use crate::rig::{
    CALLED, FORGER, LIMITED, NOWHERE, Outcome, SECOND, THIRD, Token, judge, judge_call, protected, raw_token,
};

fn headers(tokens: &[&Token]) -> Vec<String> {
    tokens.iter().map(|token| token.header()).collect()
}

/// A good call to [`CALLED`], diverted to [`SECOND`], with these tokens beside it: before, between
/// and behind.
fn diverted_with(more: &Token) -> Outcome {
    let (shaken, div) = (Token::shaken(CALLED), Token::div(CALLED, SECOND));
    let outcomes = [[more, &shaken, &div], [&shaken, more, &div], [&shaken, &div, more]]
        .map(|tokens| judge(&headers(&tokens), SECOND));
    let [first, second, third] = outcomes;
    assert_eq!((&first.call, &first.call), (&second.call, &third.call));
    third
}

#[test]
fn a_good_chain_passes() {
    let (shaken, div) = (Token::shaken(CALLED), Token::div(CALLED, SECOND));
    let outcome = judge(&headers(&[&shaken, &div]), SECOND);
    assert_eq!((outcome.call, outcome.chains), (Ok("A"), vec!["ok"]));
    // The certificate of a party that may divert nothing but its own calls does for its own step.
    let second = Token::div(SECOND, THIRD).by(LIMITED);
    assert_eq!(judge(&headers(&[&second, &shaken, &div]), THIRD).call, Ok("A"));
}

/// Nobody has to sign anything to add a header.
#[test]
fn an_added_diversion_does_not_break_a_chain() {
    for (added, why) in [
        (Token::div(SECOND, THIRD), "it leads away from the target"),
        (Token::div(SECOND, THIRD).by(FORGER), "the same, forged"),
        (Token::div(THIRD, CALLED).by(FORGER), "it says that the call came to the called party by diversion"),
        (Token::div(THIRD, CALLED).by(NOWHERE), "the same, without a certificate"),
        (Token::div(THIRD, CALLED).aged(600), "the same, old"),
        (Token::div(SECOND, CALLED), "it makes a circle"),
        (Token::div(CALLED, SECOND).by(FORGER), "it is like the good one, forged"),
        (Token::div(CALLED, SECOND).of(THIRD), "it is like the good one, with another caller"),
        (Token::div("12155550155", "12155550156"), "it has to do with nothing"),
        (
            Token::new("rph", CALLED, r#","rph":{"auth":["ets.0"]}"#).by(FORGER),
            "forged, for the same parties",
        ),
    ] {
        assert_eq!(diverted_with(&added).call, Ok("A"), "{why}");
    }
}

#[test]
fn a_call_may_come_back_to_where_it_was() {
    let tokens = [
        Token::shaken(CALLED),
        Token::div(CALLED, SECOND),
        Token::div(SECOND, THIRD),
        Token::div(THIRD, SECOND),
    ];
    let headers: Vec<String> = tokens.iter().map(Token::header).collect();
    assert_eq!(judge(&headers, SECOND).call, Ok("A"));
}

#[test]
fn what_is_cut_out_is_missed() {
    let (shaken, first, second) =
        (Token::shaken(CALLED), Token::div(CALLED, SECOND), Token::div(SECOND, THIRD));
    for (tokens, target, call, chain) in [
        (vec![&shaken, &second], THIRD, "div-chain-incomplete", "div-chain-incomplete"),
        (vec![&shaken, &first], THIRD, "div-target-mismatch", "div-target-mismatch"),
        (vec![&first, &second], THIRD, "shaken-missing", "div-chain-incomplete"),
        (vec![&shaken], SECOND, "dest-mismatch", "none"),
    ] {
        let outcome = judge(&headers(&tokens), target);
        // A shaken for somebody else that nothing leads away from is for somebody else.
        let call = if tokens.len() == 2 && chain == "div-chain-incomplete" && call != "shaken-missing" {
            "dest-mismatch"
        } else {
            call
        };
        assert_eq!(outcome.call, Err(call), "{:?}", outcome);
        assert_eq!(outcome.chains.first().copied().unwrap_or("none"), chain);
        assert!(outcome.x5us.is_empty(), "nothing is fetched for it: {outcome:?}");
    }
}

#[test]
fn each_step_needs_the_right_signer() {
    let shaken = Token::shaken(CALLED);
    for (div, error) in [
        (Token::div(CALLED, SECOND).by(LIMITED), "tn-not-authorized"),
        (Token::div(CALLED, SECOND).by(FORGER), "signature-invalid"),
        (Token::div(CALLED, SECOND).by(NOWHERE), "cert-unavailable"),
    ] {
        let outcome = judge(&headers(&[&shaken, &div]), SECOND);
        assert_eq!((outcome.call, outcome.each), (Err(error), vec!["ok", error]));
    }
    for (shaken, error) in
        [(shaken.clone().by(FORGER), "signature-invalid"), (shaken.by(LIMITED), "tn-not-authorized")]
    {
        let outcome = judge(&headers(&[&shaken, &Token::div(CALLED, SECOND)]), SECOND);
        assert_eq!(outcome.call, Err(error));
    }
}

#[test]
fn another_call_lends_nothing() {
    // Both good, of two calls.
    let (shaken, div) = (Token::shaken(CALLED), Token::div(CALLED, SECOND).of(THIRD));
    let outcome = judge(&headers(&[&shaken, &div]), SECOND);
    assert_eq!(outcome.call, Err("div-orig-mismatch"));
    assert!(outcome.x5us.is_empty());
    let both = [shaken.clone().of(THIRD), div];
    let outcome = judge(&headers(&[&both[0], &both[1]]), SECOND);
    assert_eq!((outcome.call, outcome.x5us.len()), (Err("orig-mismatch"), 0));
}

/// RFC 8946 §4.2 lets what was signed before a diversion be hours old. It must not take a forged
/// header to make any call old enough.
#[test]
fn only_a_chain_that_holds_makes_an_old_token_good() {
    let patient = Verifier::default().with_max_diverted_age_s(3 * 3600);
    let old = Token::shaken(CALLED).aged(7200);
    let div = Token::div(CALLED, SECOND);
    let judge = |tokens: &[&Token], to, target| judge_call(&patient, &headers(tokens), to, target);

    assert_eq!(judge(&[&old, &div], SECOND, SECOND).call, Ok("A"), "as it is meant");
    // Replayed to the first called party, with a header that anybody can write.
    for added in [div.clone().by(FORGER), div.clone(), Token::div(CALLED, THIRD).by(FORGER)] {
        let outcome = judge(&[&old, &added], CALLED, CALLED);
        assert_eq!((outcome.call, outcome.x5us.len()), (Err("iat-stale"), 0), "{outcome:?}");
    }
    // The same where To is still the first called party: the diversion is what makes it good.
    assert_eq!(judge(&[&old, &div], CALLED, SECOND).call, Ok("A"));
    assert_eq!(judge(&[&old, &div.clone().by(FORGER)], CALLED, SECOND).call, Err("signature-invalid"));
    assert_eq!(judge(&[&old], CALLED, SECOND).call, Err("iat-stale"));

    // The latest diversion must be fresh, even if something links to it.
    let old_div = div.aged(7200);
    for added in [Token::div(SECOND, THIRD), Token::div(SECOND, THIRD).by(FORGER)] {
        assert_eq!(judge(&[&old, &old_div], SECOND, SECOND).call, Err("iat-stale"));
        let outcome = judge(&[&old, &old_div, &added], SECOND, SECOND);
        assert!(outcome.call.is_err() && outcome.x5us.is_empty(), "{outcome:?}");
        let third = judge(&[&old, &old_div, &added], THIRD, THIRD);
        assert_eq!(third.call.is_ok(), added.x5u != FORGER, "{third:?}");
    }
}

#[test]
fn parties_are_the_same_in_every_spelling() {
    let (one, two) = ("sip:Bob:pw@Example.com:5060;transport=tcp", "sip:%62ob@example.com");
    let shaken = Token::shaken(one);
    let div = Token::div(two, "sip:Carol@EXAMPLE.org");
    let outcome = judge(&headers(&[&shaken, &div]), "sip:carol@example.org;x=y");
    assert_eq!(outcome.call, Ok("A"), "{outcome:?}");
    let other = Token::div("sips:bob@example.com", "sip:carol@example.org");
    assert!(judge(&headers(&[&shaken, &other]), "sip:carol@example.org").call.is_err());
    let unchanged = Token::div(two, one);
    assert_eq!(judge(&headers(&[&unchanged]), one).each, ["div-unchanged"]);
    // The same caller, in two spellings.
    let dest = [crate::rig::party(SECOND)];
    let call = shaken_core::Call::new(crate::rig::party("sip:alice@example.com"), &dest);
    let tokens = [
        Token::shaken(CALLED).of("sip:Alice@example.com"),
        Token::div(CALLED, SECOND).of("sip:alice@example.com"),
    ];
    let headers = tokens.map(|token| token.header());
    let outcome = crate::rig::judge_by(&Verifier::default(), &headers, &call, crate::pki::NOW).unwrap();
    assert_eq!(outcome.call, Ok("A"), "{outcome:?}");
}

#[test]
fn a_diversion_after_an_unknown_type_is_not_followed() {
    let unknown =
        raw_token(&protected("foo", crate::rig::GOOD), &Token::shaken(CALLED).payload(), crate::rig::GOOD);
    let unknown = format!("{unknown};info=<{}>;ppt=foo", crate::rig::GOOD);
    let outcome = judge(&[Token::div(CALLED, SECOND).header(), unknown], SECOND);
    assert_eq!(outcome.each, ["div-chain-unsupported", "ppt-unsupported"]);
    assert_eq!((outcome.call, outcome.x5us.len()), (Err("shaken-missing"), 0));
}
