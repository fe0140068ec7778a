//! Calls of libsecsipid's functions.

use std::ffi::CString;

use super::{LAB, Program, c, token};
use crate::provider::X5U;

impl Program<'_> {
    /// The functions of libsecsipid, but for those that read files or go out.
    pub(super) fn secsipid(&mut self) {
        let which = self.number();
        let mut text = |good: &str| self.text(good).and_then(|text| CString::new(text).ok());
        let (first, second, third) = (text("12155550121"), text("12155550131"), text("A"));
        let (x5u, key, chain) = (text(X5U), text(&LAB.key), text(&LAB.chain));
        let name = [c"CertVerify", c"RequireTrust", c"AttrsVerify", c"CacheExpires", c"x5u", c"Nope"];
        let name = name.get(usize::from(which >> 3) % name.len()).copied();
        let value = i32::from(self.number()) - 8;
        match which % 8 {
            0..=1 => {
                let [first, second, third, x5u, key] =
                    [&first, &second, &third, &x5u, &key].map(|text| text.as_deref());
                let (len, signed) = c::identity(&c::Texts([first, second, third, None, x5u, key]));
                self.signed_by_secsipid(len, signed);
            }
            2 => {
                let [header, payload, key] = [&x5u, &first, &key].map(|text| text.as_deref());
                let (len, signed) = c::sign_json(&c::Texts([header, payload, key]));
                assert!(len <= 0 && signed.is_empty(), "signed what is no PASSporT");
            }
            3..=5 => {
                let header = CString::new(self.signed.clone()).ok().filter(|_| which < 192).or(x5u);
                let texts = c::Texts([header.as_deref(), chain.as_deref()]);
                let code = c::check(&texts, which & 64 != 0, value);
                assert!(CHECK_CODES.contains(&code), "{code} is no code of a check");
                let is_ours = header.is_some_and(|header| {
                    token(header.as_bytes()).is_some_and(|token| self.tokens.contains(&token))
                });
                assert!(code != 0 || is_ours, "a check passes that nobody signed");
            }
            6 => {
                let name = name.filter(|name| *name != c"x5u");
                assert!([0, -1].contains(&c::set_number(name, value)));
                assert!(c::number_of(name) >= -1);
            }
            _ => {
                let x5u = x5u.as_deref();
                assert!([0, -1].contains(&c::set_text(Some(c"x5u"), x5u)));
                assert_eq!(c::set_text(Some(c"Nope"), x5u), -1);
                assert_eq!(c::set_pair(Some(c"CertVerify=x")), -1);
                assert_eq!(c::set_pair(None), -1);
            }
        }
    }

    fn signed_by_secsipid(&mut self, len: i32, signed: Vec<u8>) {
        if len > 0 {
            assert_eq!(usize::try_from(len), Ok(signed.len()));
            self.tokens.extend(token(&signed));
            self.signed = signed;
        } else {
            assert!(signed.is_empty(), "{len} with {signed:?}");
        }
    }
}

/// What a check of libsecsipid may answer.
const CHECK_CODES: std::ops::RangeInclusive<i32> = -455..=0;
