//! One thing in two spellings: what two readers could take for two things.

use shaken_core::{Call, Verifier};

use crate::pki::NOW;
use crate::rig::{CALLED, CALLER, GOOD, SECOND, Token, judge, judge_by, party, protected, raw_token};

fn with_header(protected: &str, params: &str) -> String {
    format!("{};{params}", raw_token(protected, &Token::shaken(CALLED).payload(), GOOD))
}

#[test]
fn the_type_is_what_both_say() {
    let shaken = protected("shaken", GOOD);
    let info = format!("info=<{GOOD}>");
    for (protected, params, call, each) in [
        (shaken.clone(), format!("{info};ppt=shaken"), Ok("A"), "ok"),
        (shaken.clone(), format!("{info};ppt=SHAKEN"), Ok("A"), "ok"),
        (shaken.clone(), format!("{info};ppt=\"shaken\""), Ok("A"), "ok"),
        (shaken.clone(), info.clone(), Ok("A"), "ok"),
        (shaken.replace("shaken", "sh\\u0061ken"), format!("{info};ppt=shaken"), Ok("A"), "ok"),
        (
            shaken.replace("shaken", "Shaken"),
            format!("{info};ppt=shaken"),
            Err("ppt-mismatch"),
            "ppt-mismatch",
        ),
        (shaken.replace("shaken", "Shaken"), info.clone(), Err("ppt-unsupported"), "ppt-unsupported"),
        (shaken.replace("shaken", ""), info.clone(), Err("ppt-unsupported"), "ppt-unsupported"),
        (shaken.clone(), format!("{info};ppt=shaken2"), Err("ppt-unsupported"), "ppt-unsupported"),
        (shaken.clone(), format!("{info};ppt=\"SHAKEN\""), Err("ppt-unsupported"), "ppt-unsupported"),
        (shaken.clone(), format!("{info};ppt=base"), Err("ppt-unsupported"), "ppt-unsupported"),
        (
            shaken.replace(r#""ppt":"shaken","#, ""),
            format!("{info};ppt=shaken"),
            Err("header-member-missing"),
            "header-member-missing",
        ),
        (shaken.replace(r#""ppt":"shaken","#, ""), info.clone(), Err("shaken-missing"), "ok"),
        (shaken.replace(r#""shaken""#, "null"), info.clone(), Err("ppt-unsupported"), "ppt-unsupported"),
        (
            shaken.replace("{", r#"{"ppt":"div","#),
            format!("{info};ppt=shaken"),
            Err("json-duplicate-member"),
            "json-duplicate-member",
        ),
    ] {
        let outcome = judge(&[with_header(&protected, &params)], CALLED);
        assert_eq!((outcome.call, outcome.each), (call, vec![each]), "{protected} {params}");
    }
}

#[test]
fn the_url_is_one_sequence_of_bytes() {
    let header = |x5u: &str, info: &str| with_header(&protected("shaken", x5u), &format!("info=<{info}>"));
    // Some JSON writers escape every slash.
    let escaped = GOOD.replace('/', "\\/");
    let outcome = judge(&[header(&escaped, GOOD)], CALLED);
    assert_eq!((outcome.call, outcome.x5us), (Ok("A"), vec![GOOD.to_owned()]));
    for (x5u, info, error) in [
        (GOOD, "https://GOOD.example.com/a.pem", "x5u-info-mismatch"),
        (GOOD, "https://good.example.com:443/a.pem", "x5u-info-mismatch"),
        (GOOD, "https://good.example.com/%61.pem", "x5u-info-mismatch"),
        ("https://localhost/a.pem", "https://localhost/a.pem", "x5u-host-local"),
        ("https://10.0.0.1/a.pem", "https://10.0.0.1/a.pem", "x5u-host-address"),
        ("http://good.example.com/a.pem", "http://good.example.com/a.pem", "x5u-scheme"),
        ("https://good.example.com/a.pem?x", "https://good.example.com/a.pem?x", "x5u-component"),
        ("https://good.example.com/a.pem#x", "https://good.example.com/a.pem#x", "x5u-component"),
    ] {
        let outcome = judge(&[header(x5u, info)], CALLED);
        assert_eq!((outcome.call, outcome.x5us.len()), (Err(error), 0), "{x5u} {info}");
    }
    // In a div-o there is no `info` beside it.
    let opt = raw_token(&protected("shaken", &escaped), &Token::shaken(CALLED).payload(), GOOD);
    let outcome = judge(&[Token::div_o(CALLED, SECOND, &opt).header()], SECOND);
    assert_eq!(outcome.each, ["div-chain-incomplete", "x5u-syntax"]);
}

#[test]
fn claims_are_read_once() {
    let good = Token::shaken(CALLED).payload();
    let info = format!("info=<{GOOD}>");
    for (from, to, error) in [
        (r#""orig":"#, r#""orig":{"tn":"12155550199"},"orig":"#, "json-duplicate-member"),
        (r#""dest":"#, r#""d\u0065st":{"tn":["12155550199"]},"dest":"#, "json-duplicate-member"),
        (
            r#"{"tn":["12155550131"]}"#,
            r#"{"tn":["12155550199"],"tn":["12155550131"]}"#,
            "json-duplicate-member",
        ),
        (r#"{"tn":["12155550131"]}"#, r#"{"tn":["+12155550131"]}"#, "tn-not-canonical"),
        (r#"{"tn":["12155550131"]}"#, r#"{"tn":[["12155550131"]]}"#, "claim-type"),
        (r#"{"tn":["12155550131"]}"#, r#"{"tn":"12155550131"}"#, "claim-type"),
        (r#"{"tn":["12155550131"]}"#, r#"{"tn":[],"uri":[]}"#, "claim-type"),
        (r#"{"tn":["12155550131"]}"#, r#"{"tn":["12155550131"],"uri":null}"#, "claim-type"),
        (r#"{"tn":["12155550131"]}"#, r#"{"tn":["12155550131",]}"#, "json-syntax"),
        (r#""attest":"A""#, r#""attest":"a""#, "attest-invalid"),
    ] {
        assert!(good.contains(from));
        let token = raw_token(&protected("shaken", GOOD), &good.replace(from, to), GOOD);
        let outcome = judge(&[format!("{token};{info}")], CALLED);
        assert_eq!((outcome.call, outcome.x5us.len()), (Err(error), 0), "{to}");
    }
    // Escapes in a number are another spelling of the same one.
    let escaped = good.replace("12155550131", "1215555013\\u0031");
    let token = raw_token(&protected("shaken", GOOD), &escaped, GOOD);
    assert_eq!(judge(&[format!("{token};{info}")], CALLED).call, Ok("A"));
}

/// The compact form says nothing; what it stands for is this call and this second.
#[test]
fn a_compact_form_is_of_this_call() {
    let token = Token::new("base", CALLED, "").token();
    let compact = format!("..{};info=<{GOOD}>;alg=ES256", token.rsplit_once('.').unwrap().1);
    let (caller, called, other) = (party(CALLER), [party(CALLED)], [party(SECOND)]);
    let date = NOW.unsigned_abs();
    for (call, error) in [
        (Call::new(caller, &called).with_date(date), "ok"),
        (Call::new(caller, &called).with_date(date + 1), "signature-invalid"),
        (Call::new(caller, &other).with_date(date), "signature-invalid"),
        (Call::new(party(SECOND), &called).with_date(date), "signature-invalid"),
        (Call::new(caller, &called), "compact-date-missing"),
        (Call::new(caller, &called).with_date(date + 61), "date-future"),
        (Call::new(caller, &[]).with_date(date), "claim-type"),
    ] {
        let headers = [compact.clone(), Token::shaken(CALLED).header()];
        let outcome = judge_by(&Verifier::default(), &headers, &call, NOW).unwrap();
        assert_eq!(outcome.each[0], error);
        assert!(judge_by(&Verifier::default(), &headers[..1], &call, NOW).unwrap().call.is_err());
    }
    for params in ["ppt=shaken", "ppt=div", "ppt=div-o", "ppt=rph", "ppt=msg"] {
        let outcome = judge(&[format!("{compact};{params}")], CALLED);
        assert_eq!((outcome.each, outcome.x5us.len()), (vec!["compact-form"], 0));
    }
    for form in ["...", "..", "..YQ.YQ", "....YQ"] {
        let dest = [party(CALLED)];
        let call = Call::new(party(CALLER), &dest).with_date(date);
        let outcome = judge_by(&Verifier::default(), &[format!("{form};info=<{GOOD}>")], &call, NOW).unwrap();
        assert!(outcome.call.is_err() && outcome.x5us.is_empty(), "{form}: {outcome:?}");
    }
}

/// What a `rcd` leaves out in compact form stands in From and Date.
#[test]
fn a_name_is_rebuilt_from_the_message() {
    let token = Token::new("rcd", CALLED, r#","rcd":{"nam":"Ada L."}"#).token();
    let compact = format!("..{};info=<{GOOD}>;alg=ES256;ppt=rcd", token.rsplit_once('.').unwrap().1);
    let mut buffer = [0; 64];
    let mut date = shaken_core::write::Out::new(&mut buffer);
    shaken_core::sip::date::write(NOW.unsigned_abs(), &mut date).unwrap();
    let date = date.finish().unwrap();
    for (name, outcome) in [
        ("\"Ada L.\"", "ok"),
        ("Ada L.", "ok"),
        ("\"Ada\"", "signature-invalid"),
        ("", "signature-invalid"),
        ("\"Ada\\ L.\"", "signature-invalid"),
    ] {
        let message = format!(
            "INVITE sip:+{CALLED}@example.com;user=phone SIP/2.0\r\n\
             From: {name} <sip:+{CALLER}@example.com;user=phone>;tag=1\r\n\
             To: <sip:+{CALLED}@example.com;user=phone>\r\n\
             Date: {date}\r\nCall-ID: 1@example.com\r\nCSeq: 1 INVITE\r\n\
             Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\r\n\
             Identity: {compact}\r\nContent-Length: 0\r\n\r\n"
        );
        let request = shaken_core::sip::Request::parse(message.as_bytes()).unwrap();
        let parties = request.parties().unwrap();
        let found =
            judge_by(&Verifier::default(), std::slice::from_ref(&compact), &parties.call(), NOW).unwrap();
        assert_eq!(found.each, [outcome], "{name}");
    }
}
