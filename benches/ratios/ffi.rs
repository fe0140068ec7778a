//! The C library beside the core that it is made of.

use std::ffi::c_char;
use std::hint::black_box;
use std::mem::MaybeUninit;

use shaken_benches::{CALLED, CALLER, Fixture, ORIGID, X5U};
use shaken_core::sign;
use shaken_ffi::{ShakenResult, Str, shaken_sign, shaken_signer_from_pem};

use crate::foreign::filled;
use crate::round::Rounds;

pub(crate) fn print_sign(rounds: &Rounds, fixture: &Fixture) {
    let (key, chain) = (text(&fixture.key_pem), text(&fixture.chain_pem));
    let signer = filled(None, |signer| {
        assert_eq!(shaken_signer_from_pem(key, chain, text(X5U), Some(signer)), ShakenResult::OK);
    });
    let mut buffer = [c_char::default(); sign::MAX_HEADER_LEN];
    let mut own_buffer = [0; sign::MAX_HEADER_LEN];
    let mut len = MaybeUninit::new(0);
    let mut sign_in_c = || {
        let result = shaken_sign(
            signer.as_deref(),
            text(CALLER),
            text(CALLED),
            c_char::from_ne_bytes([b'A']),
            text(ORIGID),
            fixture.now,
            fixture.now,
            black_box(&mut buffer).as_mut_ptr(),
            buffer.len(),
            Some(&mut len),
        );
        assert_eq!(result, ShakenResult::OK);
    };
    rounds.print_ratio(
        ("ffi_sign", &mut sign_in_c),
        ("core_sign", || fixture.sign(black_box(&mut own_buffer)).len()),
    );
}

fn text(text: &str) -> Str {
    Str { data: text.as_ptr().cast(), len: text.len() }
}
