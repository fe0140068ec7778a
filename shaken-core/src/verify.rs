//! The verification service: [`Verifier::screen`], then [`Verifier::verify`] (RFC 8224 §6.2,
//! RFC 8588, ATIS-1000074).
//!
//! Screening does all that needs no certificate and reveals the certificate's URL only if all of
//! it held, so a stale or misdirected token never causes a download. [`Verified`] can only be
//! made by verifying what was screened. Which error is reported is decided by the order of the
//! steps in these two functions, and for several headers by [`decide`].

use crate::cert::TrustedCert;
use crate::cert::tn_auth_list::Coverage;
use crate::claims::Orig;
use crate::es256::Signature;
use crate::fetch::X5u;
use crate::identity::Identity;
use crate::passport::{Passport, Scratch, shaken};
use crate::{Error, TelephoneNumber};

/// How many Identity headers of one call are looked at; more are a flood.
pub const MAX_IDENTITY_HEADERS: usize = 8;

/// The call as the SIP request tells it. The caller is always taken from here, never from the
/// token (RFC 8224 §6.2.4).
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    orig: TelephoneNumber,
    dest: &'a [TelephoneNumber],
    date: Option<u64>,
}

impl<'a> Call<'a> {
    /// `orig` is the number of P-Asserted-Identity, else From; `dest` the numbers that the call
    /// may have been signed for: that of To, and of the Request-URI if it differs.
    #[must_use]
    pub const fn new(orig: TelephoneNumber, dest: &'a [TelephoneNumber]) -> Self {
        Self { orig, dest, date: None }
    }

    /// The Date header in seconds since 1970; it must be fresh like `iat`.
    #[must_use]
    pub const fn with_date(self, date: u64) -> Self {
        Self { date: Some(date), ..self }
    }
}

/// What to do with a certificate that has no TNAuthList.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a missing list is refused or not")]
pub enum TnAuthListPolicy {
    /// Refuse it: it is no STI certificate (ATIS-1000080).
    #[default]
    Require,
    /// Accept it. Some STI-CAs issued such certificates until 2023.
    AllowMissing,
}

/// The rules of a verification service. Holds no certificates and no clock.
#[derive(Clone, Debug)]
pub struct Verifier {
    max_age_s: u64,
    tn_auth_list: TnAuthListPolicy,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { max_age_s: 60, tn_auth_list: TnAuthListPolicy::default() }
    }
}

impl Verifier {
    /// How far `iat` and Date may lie behind or ahead of the clock, in seconds, inclusive.
    /// RFC 8224 §6.2 recommends 60, the default.
    #[must_use]
    pub fn with_max_age_s(self, max_age_s: u64) -> Self {
        Self { max_age_s, ..self }
    }

    /// What to do with certificates without TNAuthList.
    #[must_use]
    pub fn with_tn_auth_list(self, tn_auth_list: TnAuthListPolicy) -> Self {
        Self { tn_auth_list, ..self }
    }

    /// Checks all that needs no certificate, at `now` in seconds since 1970.
    ///
    /// # Errors
    /// In this order: [`Error::CompactForm`]; [`Error::PptUnsupported`] by the header's
    /// parameter; the errors of [`Passport::decode`]; [`Error::HeaderMemberMissing`],
    /// [`Error::PptMismatch`] or [`Error::PptUnsupported`] by the token; the errors of
    /// [`Passport::signature`]; [`Error::X5uInfoMismatch`]; the errors of [`X5u::parse`] and [`shaken::Claims::read`];
    /// [`Error::DateStale`], [`Error::DateFuture`], [`Error::IatStale`], [`Error::IatFuture`];
    /// [`Error::OrigMismatch`], [`Error::DestMismatch`].
    pub fn screen<'a>(
        &self,
        identity: &Identity<'a>,
        call: &Call<'_>,
        scratch: &'a mut Scratch,
        now: i64,
    ) -> Result<Screened<'a>, Error> {
        if identity.is_compact() {
            return Err(Error::CompactForm);
        }
        // RFC 8224 §6.2 step 1: a header of another type is ignored before it is read.
        if !identity.allows_ppt(shaken::PPT) {
            return Err(Error::PptUnsupported);
        }
        let passport = Passport::decode(identity.token(), scratch)?;
        match (passport.ppt(), identity.ppt()) {
            (Some(ppt), _) if ppt == *shaken::PPT => {}
            (None, Some(_)) => return Err(Error::HeaderMemberMissing { member: "ppt" }),
            (Some(_), Some(_)) => return Err(Error::PptMismatch),
            (_, None) => return Err(Error::PptUnsupported),
        }
        // Only now: a header of another type never decides, whatever its signature looks like.
        let signature = passport.signature()?;
        if passport.x5u() != *identity.info() {
            return Err(Error::X5uInfoMismatch);
        }
        let x5u = X5u::parse(identity.info())?;
        let claims = shaken::Claims::read(passport.payload())?;

        if let Some(date) = call.date {
            self.check_fresh(date, now).map_err(|age| match age {
                Unfresh::Old(age_s) => Error::DateStale { age_s },
                Unfresh::Ahead(ahead_s) => Error::DateFuture { ahead_s },
            })?;
        }
        self.check_fresh(claims.iat(), now).map_err(|age| match age {
            Unfresh::Old(age_s) => Error::IatStale { age_s },
            Unfresh::Ahead(ahead_s) => Error::IatFuture { ahead_s },
        })?;
        if claims.orig() != Orig::Tn(call.orig) {
            return Err(Error::OrigMismatch);
        }
        if !claims.dest().tns().iter().any(|tn| call.dest.contains(tn)) {
            return Err(Error::DestMismatch);
        }
        let (signed, orig, date) = (passport.signed(), call.orig, call.date);
        Ok(Screened { signed, signature, claims, orig, date, x5u, screened_at: now })
    }

    /// Checks what was screened against the certificate of its URL, at `now` in seconds since
    /// 1970.
    ///
    /// # Errors
    /// In this order: [`Error::IatStale`] if screening is longer ago than the maximal age;
    /// [`Error::CertExpired`], [`Error::CertNotYetValid`] for the clock, `iat` or Date (RFC 8224
    /// §6.2 step 4); [`Error::SignatureInvalid`]; [`Error::TnAuthListMissing`],
    /// [`Error::TnAuthListInvalid`], [`Error::TnNotAuthorized`]. The list comes last, so that an
    /// error about it says that all else is good.
    pub fn verify<'a>(
        &self,
        screened: Screened<'a>,
        certificate: &TrustedCert,
        now: i64,
    ) -> Result<Verified<'a>, Error> {
        // However long the certificate took: what was fresh then must not be used much later.
        if now.abs_diff(screened.screened_at) > self.max_age_s {
            return Err(Error::IatStale { age_s: now.abs_diff(screened.screened_at) });
        }
        certificate.check_window(now)?;
        for time in [Some(screened.claims.iat()), screened.date].into_iter().flatten() {
            certificate.check_window(i64::try_from(time).unwrap_or(i64::MAX))?;
        }
        certificate.key().verify(screened.signed, &screened.signature)?;
        match certificate.certificate().tn_auth_list() {
            None if self.tn_auth_list == TnAuthListPolicy::AllowMissing => {}
            None => return Err(Error::TnAuthListMissing),
            Some(Err(error)) => return Err(*error),
            Some(Ok(list)) => {
                if list.coverage(&screened.orig) == Coverage::Uncovered {
                    return Err(Error::TnNotAuthorized);
                }
            }
        }
        if !certificate.issuers_cover(&screened.orig) {
            return Err(Error::TnNotAuthorized);
        }
        Ok(Verified { claims: screened.claims })
    }

    fn check_fresh(&self, time: u64, now: i64) -> Result<(), Unfresh> {
        let ahead_s = i128::from(time) - i128::from(now);
        let distance_s = u64::try_from(ahead_s.unsigned_abs()).unwrap_or(u64::MAX);
        if distance_s <= self.max_age_s {
            Ok(())
        } else if ahead_s > 0 {
            Err(Unfresh::Ahead(distance_s))
        } else {
            Err(Unfresh::Old(distance_s))
        }
    }
}

enum Unfresh {
    Old(u64),
    Ahead(u64),
}

/// A PASSporT that deserves a certificate: everything about it holds but what the certificate
/// decides.
#[derive(Clone)]
pub struct Screened<'a> {
    signed: &'a [u8],
    signature: Signature,
    claims: shaken::Claims<'a>,
    orig: TelephoneNumber,
    date: Option<u64>,
    x5u: X5u<'a>,
    screened_at: i64,
}

impl<'a> Screened<'a> {
    /// Where the certificate is.
    #[must_use]
    pub fn x5u(&self) -> &X5u<'a> {
        &self.x5u
    }
}

impl core::fmt::Debug for Screened<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Screened")
            .field("x5u", &self.x5u)
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// A PASSporT that holds in every respect.
#[derive(Clone, Debug)]
pub struct Verified<'a> {
    claims: shaken::Claims<'a>,
}

impl<'a> Verified<'a> {
    /// What the signer said about the call.
    #[must_use]
    pub fn claims(&self) -> &shaken::Claims<'a> {
        &self.claims
    }
}

/// One verdict for the Identity headers of one call, from the outcome of each, in their order.
///
/// A call passes when one `shaken` passes and no other one has a wrong signature or certificate:
/// RFC 8224 §6.2.1 would let the good one suffice, but deployed SHAKEN verifiers fail such a call,
/// since someone has put a forged claim beside a true one. Headers of other types and broken ones
/// never decide against a good one. If none passes, the first wrong signature or certificate is
/// reported, else the first error that is not just an unsupported type.
///
/// # Errors
/// [`Error::IdentityMissing`] if there are no outcomes; [`Error::TooManyIdentityHeaders`] if there
/// are more than [`MAX_IDENTITY_HEADERS`], of which none beyond that number is evaluated; else one
/// of theirs.
pub fn decide<T>(outcomes: impl IntoIterator<Item = Result<T, Error>>) -> Result<T, Error> {
    let mut passed = None;
    let mut worst = None;
    for (i, outcome) in outcomes.into_iter().enumerate() {
        if i == MAX_IDENTITY_HEADERS {
            return Err(Error::TooManyIdentityHeaders { limit: MAX_IDENTITY_HEADERS });
        }
        match outcome {
            Ok(verified) => passed = passed.or(Some(verified)),
            Err(error) if worst.is_none_or(|other| rank(error) > rank(other)) => worst = Some(error),
            Err(_) => {}
        }
    }
    match (passed, worst) {
        (_, Some(error)) if rank(error) == FAILED => Err(error),
        (Some(verified), _) => Ok(verified),
        (None, worst) => Err(worst.unwrap_or(Error::IdentityMissing)),
    }
}

const FAILED: u8 = 2;

fn rank(error: Error) -> u8 {
    match error {
        Error::PptUnsupported => 0,
        // No signature at all rather than a wrong one.
        Error::SignatureLength { .. } => 1,
        _ if error.verstat() == crate::Verstat::Failed => FAILED,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_inclusive_both_ways() {
        let verifier = Verifier::default();
        let now = 1_780_272_000;
        for (time, fresh) in [
            (now - 60, true),
            (now - 61, false),
            (now + 60, true),
            (now + 61, false),
            (0, false),
            (u64::MAX, false),
        ] {
            assert_eq!(verifier.check_fresh(time, 1_780_272_000).is_ok(), fresh, "{time}");
        }
    }

    #[test]
    fn one_good_header_decides_unless_another_is_forged() {
        let (forged, stale) = (Error::SignatureInvalid, Error::IatStale { age_s: 100 });
        let other = Error::PptUnsupported;
        for (outcomes, verdict) in [
            (vec![], Err(Error::IdentityMissing)),
            (vec![Ok(1), Err(other)], Ok(1)),
            (vec![Err(stale), Ok(1), Ok(2)], Ok(1)),
            (vec![Ok(1), Err(forged)], Err(forged)),
            (vec![Err(other), Err(stale), Err(forged)], Err(forged)),
            (vec![Err(other), Err(stale)], Err(stale)),
            (vec![Err(other)], Err(other)),
            (vec![Ok(1), Err(Error::SignatureLength { len_bytes: 71 })], Ok(1)),
            (vec![Ok(1); MAX_IDENTITY_HEADERS], Ok(1)),
            (
                vec![Ok(1); MAX_IDENTITY_HEADERS + 1],
                Err(Error::TooManyIdentityHeaders { limit: MAX_IDENTITY_HEADERS }),
            ),
        ] {
            assert_eq!(decide(outcomes.clone()), verdict, "{outcomes:?}");
        }
    }
}
