//! One PASSporT against the call, as far as no certificate is needed.

use crate::Error;
use crate::claims::{Dest, Orig};
use crate::es256::Signature;
use crate::fetch::X5u;
use crate::identity::Identity;
use crate::party::Party;
use crate::passport::{Claims, Own, Passport, Ppt, Scratch, base};
use crate::sign::Unsigned;
use crate::write::Out;

use super::{Call, Verifier};

/// A PASSporT of a known type and of the right form. Its claims are complete, and compared with
/// nothing yet.
#[derive(Clone)]
pub(super) struct Token<'a> {
    pub(super) signed: &'a [u8],
    pub(super) signature: Signature,
    pub(super) payload: &'a [u8],
    pub(super) claims: Claims<'a>,
    pub(super) x5u: X5u<'a>,
}

/// A PASSporT that could not be read, and what is known of it all the same.
#[derive(Clone, Copy)]
pub(super) struct Unread<'a> {
    pub(super) error: Error,
    pub(super) ppt: Option<Ppt>,
    /// Who called whom, of a type that is not known.
    pub(super) parties: Option<(Orig<'a>, Dest<'a>)>,
}

impl<'a> Unread<'a> {
    pub(super) fn of_type(ppt: Option<Ppt>) -> impl Fn(Error) -> Self {
        move |error| Self { error, ppt, parties: None }
    }

    /// It is ignored (RFC 8224 §6.2 step 1). Who called whom is read nevertheless, to tell why a
    /// diversion of that call cannot be followed.
    fn unsupported(passport: Option<&Passport<'a>>) -> Self {
        let claims = passport.and_then(|passport| Claims::read(Ppt::Base, passport.payload()).ok());
        let parties = claims.map(|claims| (claims.orig(), *claims.dest()));
        Self { error: Error::PptUnsupported, ppt: None, parties }
    }
}

impl<'a> Token<'a> {
    /// Reads the token of an Identity header; one in compact form is rebuilt from `call`.
    pub(super) fn of_header(
        identity: &Identity<'a>,
        call: &Call<'_>,
        scratch: &'a mut Scratch,
    ) -> Result<Self, Unread<'a>> {
        let Ok(stated) = identity.stated_ppt() else {
            let passport = Passport::decode(identity.token(), scratch);
            return Err(Unread::unsupported(passport.as_ref().ok()));
        };
        let passport = if identity.is_compact() {
            rebuild(identity, stated.unwrap_or(Ppt::Base), call, scratch)
        } else {
            Passport::decode(identity.token(), scratch)
        };
        let passport = passport.map_err(Unread::of_type(stated))?;
        let ppt = match (Ppt::of(passport.ppt()), stated) {
            (Ok(ppt), None) => Ok(ppt),
            (Ok(ppt), Some(stated)) if ppt == stated => Ok(ppt),
            (Ok(Ppt::Base), Some(_)) => Err(Error::HeaderMemberMissing { member: "ppt" }),
            (Err(_), None) => return Err(Unread::unsupported(Some(&passport))),
            (_, Some(_)) => Err(Error::PptMismatch),
        };
        // Header and token disagree about it, so the type is not known.
        let ppt = ppt.map_err(Unread::of_type(None))?;
        Self::read(ppt, &passport, Some(identity.info())).map_err(Unread::of_type(Some(ppt)))
    }

    /// Reads a token that stands in another one: the `opt` of a `div-o`.
    pub(super) fn nested(token: &'a str, scratch: &'a mut Scratch) -> Result<Self, Unread<'a>> {
        let passport = Passport::decode(token, scratch).map_err(Unread::of_type(None))?;
        let ppt = Ppt::of(passport.ppt()).map_err(|_| Unread::unsupported(Some(&passport)))?;
        Self::read(ppt, &passport, None).map_err(Unread::of_type(Some(ppt)))
    }

    fn read(ppt: Ppt, passport: &Passport<'a>, info: Option<&'a str>) -> Result<Self, Error> {
        // Only now: a header of a type that is not known never decides, whatever its signature
        // looks like.
        let signature = passport.signature()?;
        if info.is_some_and(|info| passport.x5u() != *info) {
            return Err(Error::X5uInfoMismatch);
        }
        // An escape in an x5u would be a second spelling of it; `info` has none.
        let x5u = X5u::parse(info.or_else(|| passport.x5u().unescaped()).ok_or(Error::X5uSyntax)?)?;
        let claims = Claims::read(ppt, passport.payload())?;
        Ok(Self { signed: passport.signed(), signature, payload: passport.payload(), claims, x5u })
    }

    /// Compares everything but `dest` with the call and the clock, at `now` in seconds since
    /// 1970; `iat` may be `max_age_s` off.
    pub(super) fn check_time_and_caller(
        &self,
        verifier: &Verifier,
        call: &Call<'_>,
        max_age_s: u64,
        now: i64,
    ) -> Result<(), Error> {
        if let Some(date) = call.date {
            check_fresh(date, verifier.max_age_s, now).map_err(|age| match age {
                Unfresh::Old(age_s) => Error::DateStale { age_s },
                Unfresh::Ahead(ahead_s) => Error::DateFuture { ahead_s },
            })?;
        }
        self.check_iat(max_age_s, now)?;
        if call.orig.is(&self.claims.orig()) { Ok(()) } else { Err(Error::OrigMismatch) }
    }

    pub(super) fn check_iat(&self, max_age_s: u64, now: i64) -> Result<(), Error> {
        check_fresh(self.claims.iat(), max_age_s, now).map_err(|age| match age {
            Unfresh::Old(age_s) => Error::IatStale { age_s },
            Unfresh::Ahead(ahead_s) => Error::IatFuture { ahead_s },
        })
    }

    /// Compares the claims beyond caller, called party and time with what is known of the call.
    pub(super) fn check_content(&self, call: &Call<'_>) -> Result<(), Error> {
        // A signer that leaves `mky` out although the SDP has fingerprints is the rule in SHAKEN;
        // one that has signed other keys than those that came is refused (RFC 8224 §6.2.4).
        if let (Some(mky), Some(fingerprints)) = (self.claims.base().mky(), call.fingerprints)
            && !fingerprints.matches(mky)?
        {
            return Err(Error::MkyMismatch);
        }
        match (self.claims.own(), call.resource_priority, call.body) {
            (Own::Rph(rph), Some(values), _) => rph.check(values, call.priority),
            (Own::Msg(msg), _, Some(body)) => msg.check(body),
            _ => Ok(()),
        }
    }

    /// Whether one of the parties that the call may have been signed for is in `dest`.
    pub(super) fn is_for(&self, call: &Call<'_>) -> bool {
        call.dest.iter().any(|party| party.is_in(self.claims.dest()))
    }

    /// Whether the call goes to this token's `dest` now.
    pub(super) fn leads_to_target(&self, call: &Call<'_>) -> bool {
        call.target.map_or_else(|| self.is_for(call), |target| target.is_in(self.claims.dest()))
    }

    pub(super) fn signed_for(&self) -> Orig<'a> {
        self.claims.signed_for()
    }
}

fn rebuild<'a>(
    identity: &Identity<'a>,
    ppt: Ppt,
    call: &Call<'_>,
    scratch: &'a mut Scratch,
) -> Result<Passport<'a>, Error> {
    if !ppt.may_be_compact() {
        return Err(Error::CompactForm);
    }
    // RFC 8224 §6.2.4: the time of a compact form is the Date, and its `dest` is To alone.
    let iat = call.date.ok_or(Error::CompactDateMissing)?;
    let to: &[Party<'_>] = call.dest.get(..1).unwrap_or_default();
    let mut claims = base::NewClaims::new(call.orig, to, iat)?;
    if let Some(fingerprints) = call.fingerprints {
        claims = claims.with_fingerprints(fingerprints);
    }
    let write = |out: &mut Out<'_>| match ppt {
        Ppt::Rcd => claims.write_with_name(call.display_name.unwrap_or_default(), out),
        _ => claims.write(out),
    };
    Passport::rebuild(identity.token(), ppt, identity.info(), write, scratch)
}

/// Whether `time` lies at most `max_age_s` from `now` on either side.
fn check_fresh(time: u64, max_age_s: u64, now: i64) -> Result<(), Unfresh> {
    let ahead_s = i128::from(time) - i128::from(now);
    let distance_s = u64::try_from(ahead_s.unsigned_abs()).unwrap_or(u64::MAX);
    if distance_s <= max_age_s {
        Ok(())
    } else if ahead_s > 0 {
        Err(Unfresh::Ahead(distance_s))
    } else {
        Err(Unfresh::Old(distance_s))
    }
}

enum Unfresh {
    Old(u64),
    Ahead(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_inclusive_both_ways() {
        let now = 1_780_272_000;
        for (time, fresh) in [
            (now - 60, true),
            (now - 61, false),
            (now + 60, true),
            (now + 61, false),
            (0, false),
            (u64::MAX, false),
        ] {
            assert_eq!(check_fresh(time, 60, now.cast_signed()).is_ok(), fresh, "{time}");
        }
    }
}
