//! Signing calls: a key, its certificate and its URL, and what is signed with them.

use core::ffi::c_char;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use shaken_core::passport::{base, div, shaken};
use shaken_core::sip::{self, MAX_DATE_DISTANCE_S, Parties, Request, Uri};
use shaken_core::write::Out;
use shaken_core::{Attest, Error, OrigId, Party, TelephoneNumber, key, sign};
use zeroize::Zeroizing;

use crate::guard::Failure;

/// A private key, the certificate that it belongs to, and the URL where others find that.
#[derive(Debug)]
pub struct Signer(shaken_core::Signer);

impl Signer {
    /// # Errors
    /// Those of the key's reading and of [`shaken_core::Signer::new`].
    pub(crate) fn from_pem(key: &[u8], chain: &[u8], x5u: &str) -> Result<Self, Failure> {
        Ok(Self(shaken_core::Signer::new(key::signing_key_from_pem(key)?, chain, x5u)?))
    }

    /// # Errors
    /// [`Failure::FileUnreadable`]; those of [`from_pem`](Self::from_pem).
    pub(crate) fn from_files(key: &str, chain: &str, x5u: &str) -> Result<Self, Failure> {
        let key = Zeroizing::new(read_file(key, MAX_FILE_LEN)?);
        Self::from_pem(&key, &read_file(chain, MAX_FILE_LEN)?, x5u)
    }

    /// Writes the value of the Identity header and answers its length.
    ///
    /// # Errors
    /// What is wrong with the claims or with the time; those of [`shaken_core::Signer::sign`].
    pub(crate) fn sign(&self, call: &NewCall<'_>, now: i64, out: &mut [u8]) -> Result<usize, Failure> {
        let iat = self.check_time(call.iat, now)?;
        let dest = [party(call.dest)?];
        let claims = base::NewClaims::new(party(call.orig)?, &dest, iat)?;
        match call.what {
            What::Shaken { attest, origid } => self.write_shaken(claims, attest, origid, out),
            What::Diversion { by } => Ok(self.0.sign(&div::NewClaims::new(claims, party(by)?)?, out)?.len()),
        }
    }

    /// Writes the message with its Identity header, and its Date if it had none, and answers its
    /// length.
    ///
    /// # Errors
    /// What is wrong with the message: those of [`Request::parse`] and of its parties;
    /// [`Failure::ArgumentInvalid`] if it starts no call; those of [`sign`](Self::sign).
    pub(crate) fn sign_sip(
        &self,
        message: &[u8],
        attest: Attest,
        origid: Option<&str>,
        now: i64,
        out: &mut [u8],
    ) -> Result<usize, Failure> {
        let request = initial_invite(message)?;
        let parties = request.parties()?;
        let iat = parties.iat(now)?;
        self.0.certificate().check_valid(now)?;
        let mut identity = [0; sign::MAX_HEADER_LEN];
        let len = self.write_shaken(parties.claims(now)?, attest, origid, &mut identity)?;
        write_with(&request, &parties, iat, text(&identity, len), out)
    }

    fn write_shaken(
        &self,
        claims: base::NewClaims<'_>,
        attest: Attest,
        origid: Option<&str>,
        out: &mut [u8],
    ) -> Result<usize, Failure> {
        let random;
        let origid = match origid {
            Some(origid) => origid,
            None => {
                random = OrigId::random()?;
                random.as_str()
            }
        };
        Ok(self.0.sign(&shaken::NewClaims::new(claims, attest, origid)?, out)?.len())
    }

    /// RFC 8224 §6.1 step 3: what is more than a minute off must not be signed; and an ended
    /// certificate signs nothing, not even for a time when it was valid.
    fn check_time(&self, iat: i64, now: i64) -> Result<u64, Failure> {
        self.0.certificate().check_valid(now)?;
        let (iat, now) = (u64::try_from(iat), u64::try_from(now));
        let (Ok(iat), Ok(now)) = (iat, now) else { return Err(Failure::ArgumentInvalid) };
        match iat.abs_diff(now) {
            0..=MAX_DATE_DISTANCE_S => Ok(iat),
            age_s if iat < now => Err(Error::IatStale { age_s }.into()),
            ahead_s => Err(Error::IatFuture { ahead_s }.into()),
        }
    }
}

/// A call to be signed.
pub(crate) struct NewCall<'a> {
    pub(crate) orig: &'a str,
    pub(crate) dest: &'a str,
    /// Seconds since 1970.
    pub(crate) iat: i64,
    pub(crate) what: What<'a>,
}

/// What is said of it.
pub(crate) enum What<'a> {
    Shaken { attest: Attest, origid: Option<&'a str> },
    Diversion { by: &'a str },
}

/// `A`, `B` or `C`.
///
/// # Errors
/// [`Failure::ArgumentInvalid`] for any other letter.
pub(crate) fn attest(letter: c_char) -> Result<Attest, Failure> {
    [Attest::A, Attest::B, Attest::C]
        .into_iter()
        .find(|level| level.as_str().as_bytes() == letter.to_ne_bytes())
        .ok_or(Failure::ArgumentInvalid)
}

/// A telephone number, or what a URI stands for.
///
/// # Errors
/// [`Error::TnInvalid`]; those of [`Uri::parse`].
pub(crate) fn party(text: &str) -> Result<Party<'_>, Error> {
    if text.contains(':') {
        return Ok(Party::of(&Uri::parse(text.as_bytes())?));
    }
    TelephoneNumber::parse(text).map(Party::from)
}

/// The request that starts a call of a telephone number, the only one that SHAKEN signs
/// (ATIS-1000074).
///
/// # Errors
/// Those of [`Request::parse`] and of its parties; [`Failure::ArgumentInvalid`] for any other request.
pub(crate) fn initial_invite(message: &[u8]) -> Result<Request<'_>, Failure> {
    let request = Request::parse(message)?;
    if !request.is_initial_invite() {
        return Err(Failure::ArgumentInvalid);
    }
    request.parties()?.orig().number()?;
    Ok(request)
}

/// Writes a request with its Identity header, and a Date of `iat` if it had none (RFC 8224 §6.1 step 3),
/// and answers its length.
///
/// # Errors
/// [`Error::BufferTooSmall`].
pub(crate) fn write_with(
    request: &Request<'_>,
    parties: &Parties<'_>,
    iat: u64,
    identity: &str,
    out: &mut [u8],
) -> Result<usize, Failure> {
    let mut room = [0; DATE_ROOM];
    let mut date = Out::new(&mut room);
    sip::date::write(iat, &mut date)?;
    let headers = [("Identity", identity), ("Date", date.finish()?)];
    let headers = if parties.date().is_some() { headers.get(..1) } else { headers.get(..) };
    let mut out = Out::new(out);
    request.write_with_headers(headers.unwrap_or_default(), &mut out);
    let needed_bytes = out.len();
    if out.overflowed() { Err(Error::BufferTooSmall { needed_bytes }.into()) } else { Ok(needed_bytes) }
}

/// What was written into a buffer of our own.
fn text(buffer: &[u8], len: usize) -> &str {
    buffer.get(..len).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// The bytes of a file that has at most `max_len` of them.
///
/// # Errors
/// [`Failure::FileUnreadable`].
pub(crate) fn read_file(path: &str, max_len: usize) -> Result<Vec<u8>, Failure> {
    let unreadable = |_| Failure::FileUnreadable;
    // In one piece, so that there is no copy of a key that nobody wipes.
    let mut bytes = Vec::with_capacity(max_len + 1);
    let limit = u64::try_from(max_len + 1).unwrap_or(u64::MAX);
    File::open(Path::new(path))
        .map_err(unreadable)?
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > max_len { Err(Failure::FileUnreadable) } else { Ok(bytes) }
}

/// Longer files are neither keys nor chains.
const MAX_FILE_LEN: usize = 256 * 1024;

/// A Date has 29 characters.
const DATE_ROOM: usize = 32;
