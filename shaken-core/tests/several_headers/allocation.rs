//! A call takes no heap once its room is there.

use shaken_core::verify::CallScratch;
use shaken_core::{Call, Verifier};

use crate::heap::allocations;
use crate::pki::NOW;
use crate::rig::{CALLED, CALLER, SECOND, Token, certificate, party};

#[test]
fn all_headers_of_a_call_are_judged_without_heap() {
    assert!(allocations(|| drop(std::hint::black_box(Box::new(1)))) > 0, "the counter counts");
    let opt = Token::shaken(CALLED).token();
    let headers = [
        Token::shaken(CALLED).header(),
        Token::div(CALLED, SECOND).header(),
        Token::div_o(CALLED, SECOND, &opt).header(),
        Token::shaken("sip:bob@example.com").header(),
        Token::div("sip:Bob@example.com", SECOND).header(),
        Token::new("rph", CALLED, r#","rph":{"auth":["ets.0"]}"#).header(),
    ];
    let dest = [party(SECOND)];
    let call = Call::new(party(CALLER), &dest).with_target(party(SECOND));
    let verifier = Verifier::default();
    let mut scratch = CallScratch::new();
    for count in 1..=headers.len() {
        let judge = |scratch: &mut CallScratch| {
            let values = headers[..count].iter().map(String::as_bytes);
            let screened = verifier.screen_call(values, &call, scratch, NOW).unwrap();
            let verdict = verifier.verify_call(screened, certificate, NOW);
            assert_eq!(verdict.result().is_ok(), count > 1);
        };
        judge(&mut scratch);
        assert_eq!(allocations(|| judge(&mut scratch)), 0, "{count} headers");
    }
}
