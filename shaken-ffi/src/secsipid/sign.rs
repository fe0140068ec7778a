//! Signing with a private key alone: no certificate is asked for, as callers of libsecsipid have none at
//! hand.

use std::sync::Arc;

use quick_cache::sync::Cache;
use shaken_core::cert::Fingerprint;
use shaken_core::es256::SigningKey;
use shaken_core::passport::{Passport, base, shaken};
use shaken_core::sign::{MAX_HEADER_LEN, sign_with_bare_key};
use shaken_core::write::Out;
use shaken_core::{Attest, Error, OrigId, Party, Scratch, TelephoneNumber, X5u, json, key, pem};

use super::codes::Refusal;
use super::files::Files;
use super::options::Options;

/// Where the private key is.
#[derive(Clone, Copy)]
pub(super) enum KeySource<'a> {
    /// In a file, as PEM.
    File(&'a str),
    /// Here, as PEM.
    Given(&'a [u8]),
}

/// The keys that were used.
#[derive(Debug)]
pub(super) struct SigningKeys {
    files: Files<SigningKey>,
    given: Cache<Fingerprint, Arc<SigningKey>>,
}

impl SigningKeys {
    pub(super) fn new() -> Self {
        Self { files: Files::new(), given: Cache::new(MAX_GIVEN) }
    }

    /// At `now`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Refusal::FileUnreadable`], [`Refusal::PrivateKeyFormat`], [`Refusal::PrivateKeyInvalid`].
    pub(super) fn find(&self, source: KeySource<'_>, now: i64) -> Result<Arc<SigningKey>, Refusal> {
        match source {
            KeySource::File(path) => self.files.find(path, read_key, now),
            KeySource::Given(text) => {
                // Its digest says as much as no one can use.
                let name = Fingerprint::of(text);
                if let Some(key) = self.given.get(&name) {
                    return Ok(key);
                }
                let key = Arc::new(read_key(text)?);
                self.given.insert(name, Arc::clone(&key));
                Ok(key)
            }
        }
    }
}

/// A call to be signed, as the caller writes it.
pub(super) struct NewIdentity<'a> {
    pub(super) orig: &'a str,
    pub(super) dest: &'a str,
    pub(super) attest: &'a str,
    /// A random one if it is empty.
    pub(super) origid: &'a str,
    /// That of the options if it is empty.
    pub(super) x5u: &'a str,
}

/// Writes the value of the Identity header into the front of `room`.
///
/// # Errors
/// [`Refusal::UrlRefused`] for a URL that no verifier fetches from, or none; [`Refusal::Other`] for a
/// number, level or tracing value that is none; [`Refusal::SigningFailed`].
pub(super) fn identity<'b>(
    new: &NewIdentity<'_>,
    key: &SigningKey,
    options: &Options,
    room: &'b mut [u8; MAX_HEADER_LEN],
    now: i64,
) -> Result<&'b str, Refusal> {
    let x5u = if new.x5u.is_empty() { &*options.x5u } else { new.x5u };
    let x5u = X5u::parse(x5u)?;
    let random;
    let origid = if new.origid.is_empty() {
        random = OrigId::random().map_err(|_| Refusal::SigningFailed)?;
        random.as_str()
    } else {
        new.origid
    };
    write(new, origid, &x5u, key, room, now).map_err(|error| match error {
        Error::SigningFailed => Refusal::SigningFailed,
        _ => Refusal::Other,
    })
}

fn write<'b>(
    new: &NewIdentity<'_>,
    origid: &str,
    x5u: &X5u<'_>,
    key: &SigningKey,
    room: &'b mut [u8],
    now: i64,
) -> Result<&'b str, Error> {
    let attest: Attest = new.attest.parse()?;
    let dest = [Party::from(TelephoneNumber::parse(new.dest)?)];
    let orig = Party::from(TelephoneNumber::parse(new.orig)?);
    let claims = base::NewClaims::new(orig, &dest, now.unsigned_abs())?;
    sign_with_bare_key(key, x5u, &shaken::NewClaims::new(claims, attest, origid)?, room)
}

/// Writes a token of this header and payload, byte for byte but for white space around them, into the
/// front of `room`.
///
/// # Errors
/// What is wrong with them: the header must be that of a PASSporT, of any type, and the payload JSON;
/// [`Refusal::Other`] if they are too long.
pub(super) fn token<'b>(
    header: &str,
    payload: &str,
    key: &SigningKey,
    room: &'b mut [u8],
) -> Result<&'b str, Refusal> {
    let (header, payload) = (header.trim(), payload.trim());
    json::check(header.as_bytes()).map_err(|_| Refusal::HeaderUnreadable)?;
    json::check(payload.as_bytes()).map_err(|_| Refusal::PayloadUnreadable)?;
    let mut out = Out::new(room);
    out.push_base64url(header.as_bytes());
    out.push(b".");
    out.push_base64url(payload.as_bytes());
    if out.overflowed() {
        return Err(Refusal::Other);
    }
    let signature = key.sign(out.written())?;
    out.push(b".");
    out.push_base64url(signature.as_ref());
    let token = out.finish().map_err(|_| Refusal::Other)?;
    Passport::decode(token, &mut Scratch::new())?;
    Ok(token)
}

fn read_key(text: &[u8]) -> Result<SigningKey, Refusal> {
    if !pem::blocks(text).any(|block| block.is_ok()) {
        return Err(Refusal::PrivateKeyFormat);
    }
    Ok(key::signing_key_from_pem(text)?)
}

/// How many keys that were given as text are kept.
const MAX_GIVEN: usize = 64;
