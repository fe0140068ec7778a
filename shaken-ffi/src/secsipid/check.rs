//! Checking the value of an Identity header.
//!
//! All that needs no key comes first, so that no token that fails anyway causes a download.

use core::ffi::c_int;
use std::sync::Arc;

use shaken_core::claims::Orig;
use shaken_core::identity::Identity;
use shaken_core::json::Raw;
use shaken_core::passport::{Claims, Passport, Ppt, segments};
use shaken_core::{Error, Scratch, TelephoneNumber, base64url, json};

use super::State;
use super::codes::Refusal;
use super::credential::Credential;
use super::options::{Depth, Options};

/// What is to be checked, as the caller gives it.
pub(super) struct Check<'a> {
    pub(super) value: &'a [u8],
    pub(super) form: Form,
    /// How far `iat` may lie from the clock, in seconds.
    pub(super) max_age_s: c_int,
    pub(super) key: KeySource<'a>,
    /// How long a download may take; if that is not positive, 5 s.
    pub(super) timeout_s: c_int,
}

/// What the value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A token alone.
    Token,
    /// A token with its parameters.
    Header,
    /// Either.
    HeaderOrToken,
}

/// Where the public key is.
#[derive(Clone, Copy)]
pub(super) enum KeySource<'a> {
    /// At the URL of the header.
    OfHeader,
    /// A path, or a URL of `https` or `file`.
    Named(&'a str),
    /// Here, as PEM: a certificate with or without its chain, or a public key.
    Given(&'a [u8]),
}

impl Check<'_> {
    /// Whether the token holds, at `now` in seconds since 1970.
    ///
    /// # Errors
    /// What is wrong, in this order: the options, the header, the token, its time, the key, the
    /// certificate, the signature, the right to the number.
    pub(super) fn run(&self, state: &State, now: i64) -> Result<(), Refusal> {
        let options = state.options();
        if options.is_broken {
            return Err(Refusal::Other);
        }
        let value = self.value.trim_ascii();
        if value.len() > MAX_VALUE_LEN {
            return Err(Refusal::IdentityUnreadable);
        }
        let (token, info) = self.split(value)?;
        let mut scratch = Scratch::new();
        let passport = Passport::decode(token, &mut scratch).map_err(|error| which_part(token, error))?;
        if Ppt::of(passport.ppt()) != Ok(Ppt::Shaken) {
            return Err(Refusal::HeaderPpt);
        }
        if info.is_some_and(|info| passport.x5u() != *info) {
            return Err(Refusal::HeaderX5u);
        }
        let signature = passport.signature().map_err(|error| match error {
            Error::Base64Invalid => Refusal::SignatureEncoding,
            error => error.into(),
        })?;
        let claims = OwnClaims::read(passport.payload())?;
        let max_age_s = u64::try_from(self.max_age_s).map_err(|_| Refusal::IatUnfit)?;
        if claims.iat.abs_diff(now.unsigned_abs()) > max_age_s {
            return Err(Refusal::IatUnfit);
        }

        if options.lets_anyone_sign() {
            state.warn_of_no_trust();
        }
        let credential = self.credential(state, &options, info, now)?;
        match options.depth() {
            Depth::SignatureOnly => state.verify(&credential, passport.signed(), &signature, now)?,
            Depth::Times => {
                check_times(&credential, claims.iat, now)?;
                state.verify(&credential, passport.signed(), &signature, now)?;
            }
            Depth::Path => {
                let trust = state.trusts.find(&options, now)?;
                let trusted = credential.trusted(&trust, now)?;
                trusted.certificate().check_valid(i64::try_from(claims.iat).unwrap_or(i64::MAX))?;
                state.verify(&credential, passport.signed(), &signature, now)?;
                trusted.check_claims(passport.payload()).map_err(|_| Refusal::CertInvalid)?;
                if options.requires_trust() {
                    let number = claims.orig.ok_or(Refusal::CertInvalid)?;
                    trusted.authority_over(&number)?;
                }
            }
        }
        if let Some(url) = self.url(info) {
            state.credentials.save(url, &credential, &options);
        }
        Ok(())
    }

    /// The token, and the URL of the header.
    fn split<'v>(&self, value: &'v [u8]) -> Result<(&'v str, Option<&'v str>), Refusal> {
        let is_header = match self.form {
            Form::Token => false,
            Form::Header => true,
            Form::HeaderOrToken => value.contains(&b';'),
        };
        if !is_header {
            return Ok((str::from_utf8(value).map_err(|_| Refusal::IdentityUnreadable)?, None));
        }
        if !value.contains(&b';') {
            return Err(Refusal::IdentityUnreadable);
        }
        let identity = Identity::parse(value)?;
        if !matches!(identity.stated_ppt(), Ok(None | Some(Ppt::Shaken))) {
            return Err(Refusal::ParamPpt);
        }
        Ok((identity.token(), Some(identity.info())))
    }

    fn credential(
        &self,
        state: &State,
        options: &Options,
        info: Option<&str>,
        now: i64,
    ) -> Result<Arc<Credential>, Refusal> {
        let credentials = &state.credentials;
        if let Some(url) = self.url(info) {
            return credentials.of_url(url, self.timeout_s, options, now);
        }
        match self.key {
            KeySource::OfHeader => Err(Refusal::ParamInfo),
            KeySource::Given(text) => credentials.of_text(text),
            KeySource::Named(name) => credentials.of_file(name.strip_prefix("file://").unwrap_or(name), now),
        }
    }

    /// Where the key is to be fetched, if it is.
    fn url<'u>(&'u self, info: Option<&'u str>) -> Option<&'u str> {
        match self.key {
            KeySource::OfHeader => info,
            KeySource::Named(name) if name.starts_with("https://") || name.starts_with("http://") => {
                Some(name)
            }
            KeySource::Named(_) | KeySource::Given(_) => None,
        }
    }
}

/// What is needed of the claims.
struct OwnClaims {
    iat: u64,
    /// The calling number, if it is one.
    orig: Option<TelephoneNumber>,
}

impl OwnClaims {
    /// All claims of a `shaken` must be there. Numbers may be written with `+` and the like, which
    /// libsecsipid signs as they are dialled: they are not compared with anything here.
    fn read(payload: &[u8]) -> Result<Self, Refusal> {
        match Claims::read(Ppt::Shaken, payload) {
            Ok(claims) => {
                let orig = match claims.orig() {
                    Orig::Tn(number) => Some(number),
                    Orig::Uri(_) => None,
                };
                Ok(Self { iat: claims.iat(), orig })
            }
            Err(Error::TnNotCanonical) => Self::read_dialled(payload).ok_or(Refusal::PayloadUnreadable),
            // Of no time is as good as of a time long gone.
            Err(Error::ClaimMissing { claim: "iat" }) => Err(Refusal::IatUnfit),
            Err(_) => Err(Refusal::PayloadUnreadable),
        }
    }

    fn read_dialled(payload: &[u8]) -> Option<Self> {
        let payload = Raw::parse(payload).ok()?;
        let mut room = [0; 32];
        let mut number =
            |at: &str| TelephoneNumber::parse(payload.at(at)?.string()?.resolve(&mut room)?).ok();
        number("/dest/tn/0")?;
        let orig = number("/orig/tn")?;
        payload.at("/attest")?.string()?.one_of(&["A", "B", "C"])?;
        payload.at("/origid")?.string()?;
        let iat = payload.at("/iat")?.reader().unsigned().ok()??;
        Some(Self { iat, orig: Some(orig) })
    }
}

fn check_times(credential: &Credential, iat: u64, now: i64) -> Result<(), Refusal> {
    let certificate = credential.certificate()?;
    certificate.check_valid(now)?;
    Ok(certificate.check_valid(i64::try_from(iat).unwrap_or(i64::MAX))?)
}

/// Whether an error of base64 or JSON is one of the token's header or of its payload.
fn which_part(token: &str, error: Error) -> Refusal {
    let Ok([_, payload, _]) = segments(token) else { return error.into() };
    match Refusal::from(error) {
        Refusal::IdentityUnreadable => {
            let mut room = vec![0; payload.len()];
            let is_readable = base64url::decode(payload.as_bytes(), &mut room)
                .is_ok_and(|payload| json::check(payload).is_ok());
            if is_readable { Refusal::HeaderUnreadable } else { Refusal::PayloadUnreadable }
        }
        refusal => refusal,
    }
}

/// Longer values are no Identity headers, and not looked at.
const MAX_VALUE_LEN: usize = 64 * 1024;
