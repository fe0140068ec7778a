//! The header fields that say who calls whom, when, and with which Identity.
//!
//! In: the header fields of a request, in their order. Out: those of interest, borrowed, with
//! From, To, Call-ID and CSeq known to be there once each and to be well-formed. Of the others
//! the values are read when asked for, so that one broken Diversion does not hide the call.

use core::fmt;

use arrayvec::ArrayVec;

use super::address::{Address, Addresses, Quoting};
use super::date;
use super::diversion::{self, Diversion, HistoryEntry};
use super::lex::{Cursor, is_token_byte, is_white_space, trim};
use super::name::Name;
use crate::verify::MAX_IDENTITY_HEADERS;
use crate::{Attest, Error, TelephoneNumber};

/// How many bytes the Identity headers of one request may have in all.
pub const MAX_IDENTITY_LEN: usize = 64 * 1024;

/// How many header fields of one name are read, for names that may stand several times. French
/// operators stop at five diversions.
const MAX_FIELDS: usize = 16;

/// The header fields of interest of one request. [`fmt::Debug`] shows no value.
#[derive(Clone)]
pub struct Headers<'a> {
    from: Address<'a>,
    to: Address<'a>,
    call_id: &'a [u8],
    cseq: CSeq<'a>,
    optional: Optional<'a>,
}

/// What need not be there.
#[derive(Clone, Default)]
struct Optional<'a> {
    date: Option<&'a [u8]>,
    content_length: Option<usize>,
    content_type: Option<&'a [u8]>,
    identity: ArrayVec<&'a [u8], MAX_IDENTITY_HEADERS>,
    asserted: ArrayVec<&'a [u8], MAX_FIELDS>,
    diversion: ArrayVec<&'a [u8], MAX_FIELDS>,
    history: ArrayVec<&'a [u8], MAX_FIELDS>,
    privacy: ArrayVec<&'a [u8], MAX_FIELDS>,
    attestation: Option<Attest>,
    origination_id: Option<&'a [u8]>,
}

/// The sequence number of a request and the method it belongs to (RFC 3261 §20.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CSeq<'a> {
    pub(super) method: &'a [u8],
}

/// What an SBC says about a call in Attestation-Info and Origination-ID (ATIS-1000074, vendors'
/// spellings too). Whoever can send a request can write it: a wish at most, never a ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hints<'a> {
    /// The level; of several the lowest, in whichever of the headers, and C for what is none of the three:
    /// what is asked for can only lower a level, and must not fail to by its spelling.
    pub attest: Option<Attest>,
    /// The tracing value, if it can be one.
    pub origid: Option<&'a str>,
}

impl<'a> Headers<'a> {
    /// Picks the header fields of interest out of those of a request, given as name and value.
    /// Names may be in any case and in compact form; a value may hold line breaks only where it
    /// is folded (RFC 3261 §7.3.1).
    ///
    /// # Errors
    /// [`Error::SipHeaderMissing`], [`Error::SipHeaderDuplicate`], [`Error::SipHeaderValue`] for
    /// From, To, Call-ID, CSeq and Content-Length, and for a line break in any value;
    /// [`Error::SipHeaderLimit`] for more fields of one name than are read;
    /// [`Error::TooManyIdentityHeaders`], [`Error::IdentityTotalTooLarge`].
    pub fn collect(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Result<Self, Error> {
        Self::try_collect(fields.into_iter().map(|(name, value)| {
            let header = Name::of(name).map_or("", Name::as_str);
            if is_folded_well(value) {
                Ok((name, trim(value)))
            } else {
                Err(Error::SipHeaderValue { header })
            }
        }))
    }

    /// The same for fields from the line splitter, which fails itself and trims.
    pub(super) fn try_collect(
        fields: impl Iterator<Item = Result<(&'a [u8], &'a [u8]), Error>>,
    ) -> Result<Self, Error> {
        let (mut from, mut to, mut call_id, mut cseq) = (None, None, None, None);
        let mut optional = Optional::default();
        for field in fields {
            let (name, value) = field?;
            let Some(name) = Name::of(name) else { continue };
            let header = name.as_str();
            match name {
                Name::From => once(&mut from, Address::parse(value, header)?, header)?,
                Name::To => once(&mut to, Address::parse(value, header)?, header)?,
                Name::CallId => once(&mut call_id, read_call_id(value)?, header)?,
                Name::CSeq => once(&mut cseq, CSeq::parse(value)?, header)?,
                Name::Date => once(&mut optional.date, value, header)?,
                Name::ContentLength => {
                    once(&mut optional.content_length, read_content_length(value)?, header)?;
                }
                Name::ContentType => once(&mut optional.content_type, value, header)?,
                Name::Identity => optional.push_identity(value)?,
                Name::Asserted => several(&mut optional.asserted, value, header)?,
                Name::Diversion => several(&mut optional.diversion, value, header)?,
                Name::HistoryInfo => several(&mut optional.history, value, header)?,
                Name::Privacy => several(&mut optional.privacy, value, header)?,
                Name::Attestation => {
                    let wishes = optional.attestation.into_iter().chain(wishes(value));
                    optional.attestation = wishes.reduce(Attest::lower);
                }
                // Of several the first is read, as SBCs do.
                Name::OriginationId => optional.origination_id = optional.origination_id.or(Some(value)),
                Name::Via => {}
            }
        }
        Ok(Self {
            from: required(from, Name::From)?,
            to: required(to, Name::To)?,
            call_id: required(call_id, Name::CallId)?,
            cseq: required(cseq, Name::CSeq)?,
            optional,
        })
    }

    /// From: who calls, by its own account.
    #[must_use]
    pub fn from(&self) -> &Address<'a> {
        &self.from
    }

    /// To: who was called first.
    #[must_use]
    pub fn to(&self) -> &Address<'a> {
        &self.to
    }

    /// Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &'a [u8] {
        self.call_id
    }

    pub(super) fn cseq(&self) -> CSeq<'a> {
        self.cseq
    }

    pub(super) fn content_length(&self) -> Option<usize> {
        self.optional.content_length
    }

    /// Whether the body is said to be SDP alone.
    pub(super) fn is_sdp(&self) -> bool {
        let media_type = self.optional.content_type.and_then(|value| value.split(|b| *b == b';').next());
        media_type.is_some_and(|media_type| trim(media_type).eq_ignore_ascii_case(b"application/sdp"))
    }

    /// Date in seconds since 1970, if there is one.
    ///
    /// # Errors
    /// [`Error::DateInvalid`].
    pub fn date(&self) -> Result<Option<u64>, Error> {
        self.optional.date.map(date::parse).transpose()
    }

    /// The values of the Identity headers in their order, for
    /// [`Identity::parse`](crate::Identity::parse).
    #[must_use]
    pub fn identity(&self) -> &[&'a [u8]] {
        &self.optional.identity
    }

    /// The addresses of P-Asserted-Identity in their order (RFC 3325 §9.1). After an error nothing
    /// follows.
    pub fn asserted(&self) -> impl Iterator<Item = Result<Address<'a>, Error>> {
        values(&self.optional.asserted, |value| {
            Addresses::new(value, Name::Asserted.as_str(), Quoting::Escaped)
        })
    }

    /// The diversions of the call, the most recent first (RFC 5806). After an error nothing
    /// follows.
    pub fn diversions(&self) -> impl Iterator<Item = Result<Diversion<'a>, Error>> {
        values(&self.optional.diversion, diversion::diversions)
    }

    /// Where the call was sent before, the oldest first (RFC 7044). After an error nothing
    /// follows.
    pub fn history(&self) -> impl Iterator<Item = Result<HistoryEntry<'a>, Error>> {
        values(&self.optional.history, diversion::history)
    }

    /// The number that diverted the call last: of the first Diversion, else of the last
    /// History-Info entry that has a cause.
    ///
    /// # Errors
    /// [`Error::SipHeaderValue`] for either header; those of
    /// [`Uri::telephone_number`](super::Uri::telephone_number) if it was no number that diverted.
    pub fn diverting_number(&self) -> Result<Option<TelephoneNumber>, Error> {
        self.diverting()?.map(|address| address.uri().telephone_number()).transpose()
    }

    /// The address that diverted the call last: that of [`diverting_number`](Self::diverting_number), as it is
    /// written.
    ///
    /// # Errors
    /// [`Error::SipHeaderValue`] for either header.
    pub fn diverting(&self) -> Result<Option<Address<'a>>, Error> {
        if let Some(diversion) = self.diversions().next() {
            return Ok(Some(*diversion?.address()));
        }
        let mut last = None;
        for entry in self.history() {
            let entry = entry?;
            if entry.cause().is_some() {
                last = Some(*entry.address());
            }
        }
        Ok(last)
    }

    /// Whether Privacy asks for this, such as `id`, `user`, `header`, `history` or `none`
    /// (RFC 3323 §4.2, RFC 3325 §9.3).
    #[must_use]
    pub fn asks_privacy(&self, kind: &str) -> bool {
        // The grammar joins values with semicolons; commas are seen.
        let values = self.optional.privacy.iter().flat_map(|value| value.split(|b| b";,".contains(b)));
        values.into_iter().any(|value| trim(value).eq_ignore_ascii_case(kind.as_bytes()))
    }

    /// What the sender would like to be attested.
    #[must_use]
    pub fn hints(&self) -> Hints<'a> {
        let text = |value: Option<&'a [u8]>| {
            let word = value?.split(|b| *b == b';' || is_white_space(*b)).next()?;
            core::str::from_utf8(word).ok()
        };
        Hints {
            attest: self.optional.attestation,
            origid: text(self.optional.origination_id).filter(|origid| crate::claims::is_origid(origid)),
        }
    }
}

/// The levels that are asked for: letters in either case, quoted or not, before parameters, in a comma list.
fn wishes(value: &[u8]) -> impl Iterator<Item = Attest> {
    let words = value.split(|b| *b == b',').filter_map(|one| trim(one).split(|b| b"; \t".contains(b)).next());
    words.filter(|word| !word.is_empty()).map(|word| {
        match word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word) {
            b"A" | b"a" => Attest::A,
            b"B" | b"b" => Attest::B,
            _ => Attest::C,
        }
    })
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers")
            .field("identity", &self.optional.identity.len())
            .field("asserted", &self.optional.asserted.len())
            .field("diversion", &self.optional.diversion.len())
            .field("history", &self.optional.history.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Optional<'a> {
    fn push_identity(&mut self, value: &'a [u8]) -> Result<(), Error> {
        self.identity
            .try_push(value)
            .map_err(|_| Error::TooManyIdentityHeaders { limit: MAX_IDENTITY_HEADERS })?;
        let len_bytes = self.identity.iter().map(|value| value.len()).sum();
        if len_bytes > MAX_IDENTITY_LEN { Err(Error::IdentityTotalTooLarge { len_bytes }) } else { Ok(()) }
    }
}

impl<'a> CSeq<'a> {
    /// `CSeq = 1*DIGIT LWS Method`, the number below 2^31 (RFC 3261 §8.1.1.5).
    fn parse(value: &'a [u8]) -> Result<Self, Error> {
        let wrong = Error::SipHeaderValue { header: Name::CSeq.as_str() };
        let mut cursor = Cursor::new(value);
        let digits = cursor.take_while(|b| b.is_ascii_digit());
        cursor.white_space();
        let method = cursor.take_while(is_token_byte);
        let number = decimal(digits).filter(|number| *number < 1 << 31);
        if number.is_none() || method.is_empty() || !cursor.rest().is_empty() {
            return Err(wrong);
        }
        Ok(Self { method })
    }
}

fn required<T>(found: Option<T>, name: Name) -> Result<T, Error> {
    found.ok_or_else(|| Error::SipHeaderMissing { header: name.as_str() })
}

fn once<T>(slot: &mut Option<T>, value: T, header: &'static str) -> Result<(), Error> {
    if slot.replace(value).is_some() { Err(Error::SipHeaderDuplicate { header }) } else { Ok(()) }
}

fn several<'a>(
    values: &mut ArrayVec<&'a [u8], MAX_FIELDS>,
    value: &'a [u8],
    header: &'static str,
) -> Result<(), Error> {
    values.try_push(value).map_err(|_| Error::SipHeaderLimit { header })
}

/// The values of several fields of one name, up to the first error.
fn values<'a, T, I: Iterator<Item = Result<T, Error>>>(
    fields: &[&'a [u8]],
    split: impl Fn(&'a [u8]) -> I,
) -> impl Iterator<Item = Result<T, Error>> {
    let mut failed = false;
    fields.iter().flat_map(move |value| split(value)).take_while(move |value| {
        let goes_on = !failed;
        failed = value.is_err();
        goes_on
    })
}

fn read_call_id(value: &[u8]) -> Result<&[u8], Error> {
    let good = !value.is_empty() && value.iter().all(|b| matches!(b, 0x21..=0x7e));
    if good { Ok(value) } else { Err(Error::SipHeaderValue { header: Name::CallId.as_str() }) }
}

fn read_content_length(value: &[u8]) -> Result<usize, Error> {
    let wrong = Error::SipHeaderValue { header: Name::ContentLength.as_str() };
    decimal(value).and_then(|len| usize::try_from(len).ok()).ok_or(wrong)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(digits).ok().filter(|_| all_digits)?.parse().ok()
}

/// Whether CR and LF stand in `value` only as CR LF before a space or tab.
fn is_folded_well(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) {
        match rest.get(at..) {
            Some([b'\r', b'\n', b' ' | b'\t', behind @ ..]) => rest = behind,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
