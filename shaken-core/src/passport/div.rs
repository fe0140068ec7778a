//! PASSporT types `div` and `div-o` (RFC 8946): a call that was diverted, and by whom.
//!
//! A `div` PASSporT vouches for one step: the party in `div` was called, and sent the call on to
//! `dest`. It stands beside the PASSporT of the call before the step. A `div-o` PASSporT carries
//! that one inside, in `opt`, for ways other than SIP.

use crate::Error;
use crate::claims::{self, Orig};
use crate::json::{Text, write_string};
use crate::party::{Party, check_writable};
use crate::sign::Unsigned;
use crate::write::Out;

use super::{Ppt, base, base::Claim};

/// The claims of a `div` or `div-o` PASSporT besides those of [`base`].
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    div: Orig<'a>,
    hi: Option<Text<'a>>,
    opt: Option<&'a str>,
}

impl<'a> Claims<'a> {
    /// Reads a decoded payload of type [`Ppt::Div`] or [`Ppt::DivO`].
    ///
    /// # Errors
    /// Those of the base claims; [`Error::ClaimMissing`], [`Error::ClaimType`] and
    /// [`Error::TnNotCanonical`] for `div`, which holds exactly one number or URI;
    /// [`Error::OptUnexpected`] for `opt` in a `div` (RFC 8946 §3); [`Error::ClaimMissing`] and
    /// [`Error::OptInvalid`] for that of a `div-o`; [`Error::DivUnchanged`].
    pub(super) fn read(ppt: Ppt, payload: &'a [u8]) -> Result<(base::Claims<'a>, Self), Error> {
        let (mut div, mut hi, mut opt) = (None, None, None);
        let base = base::Claims::read(payload, |reader, name| {
            match name.one_of(&["div", "opt"]) {
                Some("div") => {
                    div = Some(claims::read_identity(reader, "div", |reader, name| {
                        if name == *"hi" {
                            hi = Some(reader.string()?.ok_or(Error::ClaimType { claim: "div" })?);
                            return Ok(());
                        }
                        reader.skip()
                    })?);
                }
                Some("opt") => opt = Some(reader.string()?.ok_or(Error::OptInvalid)?),
                _ => return Ok(Claim::Unread),
            }
            Ok(Claim::Read)
        })?;
        let div = claims::required(div, "div")?;
        let opt = match (ppt, opt) {
            (Ppt::DivO, opt) => Some(nested(claims::required(opt, "opt")?)?),
            (_, Some(_)) => return Err(Error::OptUnexpected),
            (_, None) => None,
        };
        // RFC 8946 §4.1: there is no diversion from a party to itself.
        if base.dest().contains(&div) {
            return Err(Error::DivUnchanged);
        }
        Ok((base, Self { div, hi, opt }))
    }

    /// The party that was called and diverted the call.
    #[must_use]
    pub fn div(&self) -> Orig<'a> {
        self.div
    }

    /// The index of the matching History-Info entry (RFC 8946 §8), as the signer wrote it.
    #[must_use]
    pub fn hi(&self) -> Option<Text<'a>> {
        self.hi
    }

    /// Of a `div-o`, the PASSporT of the call before this diversion, in full form and unverified.
    #[must_use]
    pub fn opt(&self) -> Option<&'a str> {
        self.opt
    }
}

/// A token in full form has only letters that JSON needs no escape for, so an escape is a second
/// spelling, and refused.
fn nested(opt: Text<'_>) -> Result<&str, Error> {
    let token = opt.unescaped().ok_or(Error::OptInvalid)?;
    match super::segments(token) {
        Ok([header, payload, _]) if !header.is_empty() && !payload.is_empty() => Ok(token),
        _ => Err(Error::OptInvalid),
    }
}

/// The claims of a `div` or `div-o` PASSporT to be signed.
#[derive(Clone, Copy, Debug)]
pub struct NewClaims<'a> {
    base: base::NewClaims<'a>,
    div: Party<'a>,
    hi: Option<&'a str>,
    opt: Option<&'a str>,
}

impl<'a> NewClaims<'a> {
    /// `base` has the caller of the PASSporT before, unchanged, and the new target; its time
    /// should be that of the PASSporT before (RFC 8946 §4.1). `div` is the party that diverts:
    /// the certificate must have authority over it, not over the caller.
    ///
    /// # Errors
    /// [`Error::DivUnchanged`] if the new target is `div` itself: then no PASSporT may be made;
    /// [`Error::UriTooLong`].
    pub fn new(base: base::NewClaims<'a>, div: Party<'a>) -> Result<Self, Error> {
        check_writable(&div)?;
        if base.dest().contains(&div) {
            return Err(Error::DivUnchanged);
        }
        Ok(Self { base, div, hi: None, opt: None })
    }

    /// Names the History-Info entry that tells of the same diversion (RFC 8946 §8).
    #[must_use]
    pub fn with_history_index(self, index: &'a str) -> Self {
        Self { hi: Some(index), ..self }
    }

    /// Makes it a `div-o` around the PASSporT before, for ways other than SIP (RFC 8946 §5).
    ///
    /// # Errors
    /// [`Error::OptInvalid`] if `token` is not of full form.
    pub fn around(self, token: &'a str) -> Result<Self, Error> {
        let is_good = token.bytes().all(|b| crate::base64url::is_alphabet(b) || b == b'.');
        match super::segments(token) {
            Ok([header, payload, _]) if is_good && !header.is_empty() && !payload.is_empty() => {
                Ok(Self { opt: Some(token), ..self })
            }
            _ => Err(Error::OptInvalid),
        }
    }
}

impl Unsigned for NewClaims<'_> {
    fn ppt(&self) -> Ppt {
        if self.opt.is_some() { Ppt::DivO } else { Ppt::Div }
    }

    fn base(&self) -> &base::NewClaims<'_> {
        &self.base
    }

    fn authority_over(&self) -> &Party<'_> {
        &self.div
    }

    fn write(&self, out: &mut Out<'_>) {
        out.push(b"{");
        self.base.write_dest(out);
        out.push(b",\"div\":");
        write_div(out, &self.div, self.hi);
        self.base.write_iat_and_mky(out);
        if let Some(token) = self.opt {
            out.push(b",\"opt\":");
            write_string(out, token);
        }
        self.base.write_orig(out);
        self.base.write_rich(out);
        out.push(b"}");
    }
}

/// `hi` comes before `tn` and `uri` (RFC 8225 §9).
fn write_div(out: &mut Out<'_>, div: &Party<'_>, hi: Option<&str>) {
    let Some(hi) = hi else {
        return div.write(out);
    };
    out.push(b"{\"hi\":");
    write_string(out, hi);
    out.push(b",");
    div.write_member(out);
    out.push(b"}");
}
