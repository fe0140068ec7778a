//! The verification service: what the PASSporTs of a call are worth (RFC 8224 §6.2, RFC 8588,
//! ATIS-1000074).
//!
//! Screening does all that needs no certificate and reveals the certificate's URL only if all of
//! it held, so a stale or misdirected token never causes a download. [`Verified`], the ticket to
//! a pass, can only be made by verifying what was screened.
//!
//! Two ways: [`Verifier::screen_call`] and [`Verifier::verify_call`] take all Identity headers of
//! a call, of every type; [`Verifier::screen`] and [`Verifier::verify`] take the one `shaken` of
//! a call that has no other. The order of the steps decides which error is reported.

mod call;
mod chain;
mod headers;
mod read;
mod verdict;

#[cfg(feature = "tables")]
use std::sync::Arc;

use crate::cert::TrustedCert;
use crate::claims::Orig;
use crate::fetch::X5u;
use crate::identity::Identity;
use crate::passport::{Claims, Ppt, Scratch, shaken};
#[cfg(feature = "tables")]
use crate::tables::Tables;
use crate::{Attest, Error};

pub use call::Call;
pub use chain::Chain;
pub use headers::CallScratch;
use read::Token;
pub use verdict::{HeaderVerdict, ScreenedCall, Verdict};

/// How many Identity headers of one call are looked at; more are a flood.
pub const MAX_IDENTITY_HEADERS: usize = 8;

/// How many PASSporTs of one call are read: those of the headers, and those that stand in them.
pub const MAX_PASSPORTS: usize = MAX_IDENTITY_HEADERS + 4;

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

/// What a `shaken` with a wrong signature or certificate does to a call that another one passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a forged sibling fails the call or not")]
pub enum SiblingPolicy {
    /// It fails the call: someone has put a forged claim beside a true one, and deployed SHAKEN
    /// verifiers refuse that.
    #[default]
    FailOnForged,
    /// The call passes: RFC 8224 §6.2.1 lets one valid header suffice.
    OneGoodSuffices,
}

/// The rules of a verification service. Holds no certificates and no clock.
#[derive(Clone, Debug)]
pub struct Verifier {
    max_age_s: u64,
    max_diverted_age_s: u64,
    tn_auth_list: TnAuthListPolicy,
    siblings: SiblingPolicy,
    #[cfg(feature = "tables")]
    tables: Option<Arc<Tables>>,
}

impl Default for Verifier {
    fn default() -> Self {
        Self {
            max_age_s: 60,
            max_diverted_age_s: 0,
            tn_auth_list: TnAuthListPolicy::default(),
            siblings: SiblingPolicy::default(),
            #[cfg(feature = "tables")]
            tables: None,
        }
    }
}

impl Verifier {
    /// How far `iat` and Date may lie behind or ahead of the clock, in seconds, inclusive.
    /// RFC 8224 §6.2 recommends 60, the default.
    #[must_use]
    pub fn with_max_age_s(self, max_age_s: u64) -> Self {
        Self { max_age_s, ..self }
    }

    /// How far the time of any PASSporT that passes may be from now, in seconds.
    #[must_use]
    pub fn max_age_s(&self) -> u64 {
        self.max_age_s.max(self.max_diverted_age_s)
    }

    /// How far the `iat` of what was signed before a diversion may lie from the clock, in
    /// seconds, if that is more than the maximal age. RFC 8946 §4.2 allows some three hours for
    /// transfers by parties that are trusted; the default is not to.
    #[must_use]
    pub fn with_max_diverted_age_s(self, max_diverted_age_s: u64) -> Self {
        Self { max_diverted_age_s, ..self }
    }

    /// What to do with certificates without TNAuthList.
    #[must_use]
    pub fn with_tn_auth_list(self, tn_auth_list: TnAuthListPolicy) -> Self {
        Self { tn_auth_list, ..self }
    }

    /// What a forged `shaken` beside a good one does to a call.
    #[must_use]
    pub fn with_siblings(self, siblings: SiblingPolicy) -> Self {
        Self { siblings, ..self }
    }

    /// Verifies signatures of keys that are in use with tables made for them.
    #[cfg(feature = "tables")]
    #[must_use]
    pub fn with_tables(self, tables: Arc<Tables>) -> Self {
        Self { tables: Some(tables), ..self }
    }

    /// The tables, if it has any.
    #[cfg(feature = "tables")]
    #[must_use]
    pub fn tables(&self) -> Option<&Arc<Tables>> {
        self.tables.as_ref()
    }

    /// Checks all that needs no certificate of the one `shaken` of a call, at `now` in seconds
    /// since 1970.
    ///
    /// # Errors
    /// In this order: [`Error::PptUnsupported`] and [`Error::ShakenMissing`] by the header's
    /// parameter; [`Error::CompactForm`]; the errors of [`Passport::decode`];
    /// [`Error::HeaderMemberMissing`], [`Error::PptMismatch`] or [`Error::PptUnsupported`] by the
    /// token; the errors of [`Passport::signature`]; [`Error::X5uInfoMismatch`]; the errors of
    /// [`X5u::parse`] and [`Claims::read`]; [`Error::ShakenMissing`]; [`Error::DateStale`],
    /// [`Error::DateFuture`], [`Error::IatStale`], [`Error::IatFuture`]; [`Error::OrigMismatch`],
    /// [`Error::DestMismatch`]; [`Error::MkyMismatch`].
    ///
    /// [`Passport::decode`]: crate::passport::Passport::decode
    /// [`Passport::signature`]: crate::passport::Passport::signature
    pub fn screen<'a>(
        &self,
        identity: &Identity<'a>,
        call: &Call<'_>,
        scratch: &'a mut Scratch,
        now: i64,
    ) -> Result<Screened<'a>, Error> {
        if identity.stated_ppt()?.is_some_and(|ppt| ppt != Ppt::Shaken) {
            return Err(Error::ShakenMissing);
        }
        let token = Token::of_header(identity, call, scratch).map_err(|unread| unread.error)?;
        if token.claims.ppt() != Ppt::Shaken {
            return Err(Error::ShakenMissing);
        }
        token.check_time_and_caller(self, call, self.max_age_s, now)?;
        if !token.is_for(call) {
            return Err(Error::DestMismatch);
        }
        token.check_content(call)?;
        Ok(Screened { token, date: call.date, screened_at: now })
    }

    /// Checks what was screened against the certificate of its URL, at `now` in seconds since
    /// 1970.
    ///
    /// # Errors
    /// In this order: [`Error::IatStale`] if screening is longer ago than the maximal age;
    /// [`Error::CertExpired`], [`Error::CertNotYetValid`] for the clock, `iat` or Date (RFC 8224
    /// §6.2 step 4); [`Error::SignatureInvalid`]; [`Error::ClaimDemanded`],
    /// [`Error::ClaimNotPermitted`], [`Error::ClaimExcluded`]; [`Error::TnAuthListMissing`],
    /// [`Error::TnAuthListInvalid`], [`Error::TnAuthListByReference`],
    /// [`Error::TnNotAuthorized`]. The list comes last, so that an error about it says that all
    /// else is good.
    pub fn verify<'a>(
        &self,
        screened: Screened<'a>,
        certificate: &TrustedCert,
        now: i64,
    ) -> Result<Verified<'a>, Error> {
        let Screened { token, date, screened_at } = screened;
        self.verify_token(&token, date, screened_at, certificate, now)?;
        Verified::of(&token.claims).ok_or(Error::ShakenMissing)
    }

    fn verify_token(
        &self,
        token: &Token<'_>,
        date: Option<u64>,
        screened_at: i64,
        certificate: &TrustedCert,
        now: i64,
    ) -> Result<(), Error> {
        // However long the certificate took: what was fresh then must not be used much later.
        if now.abs_diff(screened_at) > self.max_age_s {
            return Err(Error::IatStale { age_s: now.abs_diff(screened_at) });
        }
        certificate.check_window(now)?;
        for time in [Some(token.claims.iat()), date].into_iter().flatten() {
            certificate.check_window(i64::try_from(time).unwrap_or(i64::MAX))?;
        }
        let (key, signature) = (certificate.key(), &token.signature);
        #[cfg(not(feature = "tables"))]
        key.verify(token.signed, signature)?;
        #[cfg(feature = "tables")]
        match &self.tables {
            Some(tables) => tables.verify(key, certificate.hot(), token.signed, signature, now)?,
            None => key.verify(token.signed, signature)?,
        }
        certificate.check_claims(token.payload)?;
        self.check_authority(&token.signed_for(), certificate)
    }

    /// Whether the certificate may speak for this party (RFC 8224 §6.2 step 2, RFC 8226 §3).
    fn check_authority(&self, party: &Orig<'_>, certificate: &TrustedCert) -> Result<(), Error> {
        let authority = match party {
            Orig::Tn(tn) => certificate.authority_over(tn),
            Orig::Uri(_) => certificate.authority_over_uris(),
        };
        match authority {
            Err(Error::TnAuthListMissing) if self.tn_auth_list == TnAuthListPolicy::AllowMissing => Ok(()),
            outcome => outcome,
        }
    }
}

/// A `shaken` that deserves a certificate: everything about it holds but what the certificate
/// decides.
#[derive(Clone)]
pub struct Screened<'a> {
    token: Token<'a>,
    date: Option<u64>,
    screened_at: i64,
}

impl<'a> Screened<'a> {
    /// Where the certificate is.
    #[must_use]
    pub fn x5u(&self) -> &X5u<'a> {
        &self.token.x5u
    }
}

impl core::fmt::Debug for Screened<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Screened")
            .field("x5u", &self.token.x5u)
            .field("claims", &self.token.claims)
            .finish_non_exhaustive()
    }
}

/// A `shaken` that holds in every respect: the ticket to a pass.
#[derive(Clone, Debug)]
pub struct Verified<'a> {
    claims: Claims<'a>,
    shaken: shaken::Claims<'a>,
}

impl<'a> Verified<'a> {
    fn of(claims: &Claims<'a>) -> Option<Self> {
        Some(Self { shaken: *claims.shaken()?, claims: claims.clone() })
    }

    /// What the signer said about the call.
    #[must_use]
    pub fn claims(&self) -> &Claims<'a> {
        &self.claims
    }

    /// The attestation level.
    #[must_use]
    pub fn attest(&self) -> Attest {
        self.shaken.attest()
    }

    /// The signer's tracing value.
    #[must_use]
    pub fn origid(&self) -> crate::json::Text<'a> {
        self.shaken.origid()
    }
}
