//! Who calls whom, by the rules of SHAKEN (RFC 8224 §4.1, §8; ATIS-1000074 §5).
//!
//! An anonymous From is passed over where an asserted number says who calls: it hides the number
//! from the called user, not from the network.

use arrayvec::ArrayVec;

use super::address::Address;
use super::headers::Headers;
use super::uri::{Scheme, Uri};
use crate::passport::shaken::NewClaims;
use crate::{Attest, Call, Error, TelephoneNumber};

/// How far the Date of a request to be signed may lie from the clock, in seconds
/// (RFC 8224 §6.1 step 3).
pub const MAX_DATE_DISTANCE_S: u64 = 60;

/// What a URI says about a party of the call (RFC 8224 §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8225 defines exactly these two kinds of identity")]
pub enum Party<'a> {
    /// A telephone number.
    Number(TelephoneNumber),
    /// Anything else; [`Uri::write_normal`] gives the form that claims carry.
    Uri(Uri<'a>),
}

impl<'a> Party<'a> {
    /// A URI that does not stand for a number is a party as it is.
    #[must_use]
    pub fn of(uri: &Uri<'a>) -> Self {
        uri.telephone_number().map_or(Self::Uri(*uri), Self::Number)
    }

    /// The number.
    ///
    /// # Errors
    /// Those of [`Uri::telephone_number`].
    pub fn number(&self) -> Result<TelephoneNumber, Error> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Uri(uri) => uri.telephone_number(),
        }
    }
}

/// The header field that a caller was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// P-Asserted-Identity: the network's word.
    Asserted,
    /// From: the caller's own word.
    From,
}

impl Source {
    /// The name of the header field, where the `verstat` of the call goes.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Asserted => "P-Asserted-Identity",
            Self::From => "From",
        }
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    address: Address<'a>,
    source: Source,
}

impl<'a> Caller<'a> {
    /// Chooses the first number among: `tel:` in P-Asserted-Identity, `sip:` in
    /// P-Asserted-Identity, From. Without any number it is the first asserted URI, else From.
    ///
    /// # Errors
    /// [`Error::SipHeaderValue`] for a P-Asserted-Identity that cannot be read: who is asserted
    /// there must not be guessed. [`Error::CallerAnonymous`] and [`Error::CallerUnavailable`] if
    /// From is all there is and says so.
    pub fn of(headers: &Headers<'a>) -> Result<Self, Error> {
        let is_number = |address: &Address<'_>| address.uri().telephone_number().is_ok();
        let (mut number, mut uri) = (None, None);
        for address in headers.asserted() {
            let address = address?;
            let caller = Self { address, source: Source::Asserted };
            let is_tel = address.uri().scheme() == Scheme::Tel;
            if is_number(&address) {
                let replaces = |other: &Self| is_tel && other.address.uri().scheme() != Scheme::Tel;
                if number.as_ref().is_none_or(replaces) {
                    number = Some(caller);
                }
            } else if !address.uri().is_anonymous() && !address.uri().is_unavailable() {
                uri = uri.or(Some(caller));
            }
        }
        let address = *headers.from();
        let from = Self { address, source: Source::From };
        if let Some(caller) = number.or_else(|| is_number(&address).then_some(from)).or(uri) {
            return Ok(caller);
        }
        if address.uri().is_anonymous() {
            return Err(Error::CallerAnonymous);
        }
        if address.uri().is_unavailable() {
            return Err(Error::CallerUnavailable);
        }
        Ok(from)
    }

    /// Number or URI of the caller.
    #[must_use]
    pub fn party(&self) -> Party<'a> {
        Party::of(self.address.uri())
    }

    /// The address as it stands in its header, to be written again with a `verstat`.
    #[must_use]
    pub fn address(&self) -> &Address<'a> {
        &self.address
    }

    /// The header that it was taken from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }
}

/// The two numbers of a call and its time: what a `shaken` PASSporT is made of and compared with.
#[derive(Clone, Debug)]
pub struct Parties {
    orig: TelephoneNumber,
    source: Source,
    /// At least one.
    dest: ArrayVec<TelephoneNumber, 2>,
    date: Option<u64>,
}

impl Parties {
    /// Finds the numbers in the headers and Request-URI of a request. A call may have been signed
    /// for the number of To or for that of the Request-URI; To comes first.
    ///
    /// # Errors
    /// Those of [`Caller::of`] and [`Headers::date`]; [`Error::UriNotANumber`],
    /// [`Error::UriScheme`], [`Error::TnInvalid`], [`Error::TnNotGlobal`] if the caller is no
    /// number, or neither To nor Request-URI is one: then about To.
    pub fn new(headers: &Headers<'_>, request_uri: &Uri<'_>) -> Result<Self, Error> {
        let caller = Caller::of(headers)?;
        let orig = caller.party().number()?;
        let to = headers.to().uri().telephone_number();
        let mut dest = ArrayVec::new();
        for number in [to, request_uri.telephone_number()].into_iter().flatten() {
            if !dest.contains(&number) {
                dest.push(number);
            }
        }
        if dest.is_empty() {
            to?;
        }
        Ok(Self { orig, source: caller.source(), dest, date: headers.date()? })
    }

    /// The calling number.
    #[must_use]
    pub fn orig(&self) -> TelephoneNumber {
        self.orig
    }

    /// Where the calling number was found.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// The called numbers: that of To, then that of the Request-URI, if they differ.
    #[must_use]
    pub fn dest(&self) -> &[TelephoneNumber] {
        &self.dest
    }

    /// The Date in seconds since 1970, if there is one.
    #[must_use]
    pub fn date(&self) -> Option<u64> {
        self.date
    }

    /// The call to verify a PASSporT against.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        let call = Call::new(self.orig, &self.dest);
        self.date.map_or(call, |date| call.with_date(date))
    }

    /// The time to sign this call with: its Date, or `now` in seconds since 1970 if there is
    /// none. Then a Date of the same second must be added (RFC 8224 §6.1 step 3).
    ///
    /// # Errors
    /// [`Error::DateStale`], [`Error::DateFuture`] if the Date is more than
    /// [`MAX_DATE_DISTANCE_S`] off.
    pub fn iat(&self, now: i64) -> Result<u64, Error> {
        let now = u64::try_from(now).unwrap_or_default();
        let iat = self.date.unwrap_or(now);
        match iat.abs_diff(now) {
            0..=MAX_DATE_DISTANCE_S => Ok(iat),
            age_s if iat < now => Err(Error::DateStale { age_s }),
            ahead_s => Err(Error::DateFuture { ahead_s }),
        }
    }

    /// The claims to sign for this call: the caller, the first of the called numbers, and
    /// [`iat`](Self::iat).
    ///
    /// # Errors
    /// Those of [`iat`](Self::iat); [`Error::OrigIdInvalid`].
    pub fn claims<'a>(&'a self, attest: Attest, origid: &'a str, now: i64) -> Result<NewClaims<'a>, Error> {
        let dest = self.dest.get(..1).unwrap_or_default();
        NewClaims::new(attest, self.orig, dest, origid, self.iat(now)?)
    }
}
