//! Who calls whom, by the rules of SHAKEN (RFC 8224 §4.1, §8; ATIS-1000074 §5).
//!
//! An anonymous From is passed over where an asserted number says who calls: it hides the number
//! from the called user, not from the network.

use arrayvec::ArrayVec;

use super::address::Address;
use super::headers::Headers;
use super::uri::{Scheme, Uri};
use crate::passport::base::NewClaims;
use crate::{Call, Error, Party};

/// How far the Date of a request to be signed may lie from the clock, in seconds
/// (RFC 8224 §6.1 step 3).
pub const MAX_DATE_DISTANCE_S: u64 = 60;

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

/// The two sides of a call and its time: what a PASSporT is made of and compared with.
#[derive(Clone, Debug)]
pub struct Parties<'a> {
    caller: Caller<'a>,
    /// At least one.
    dest: ArrayVec<Party<'a>, 2>,
    target: Party<'a>,
    date: Option<u64>,
    /// Of From.
    display_name: Option<&'a str>,
}

impl<'a> Parties<'a> {
    /// Finds the parties in the headers and Request-URI of a request. A call may have been signed
    /// for the party of To or for that of the Request-URI; To comes first. Where one of them is a
    /// number, or the emergency service, a URI that is neither is not a called party but the way
    /// to one.
    ///
    /// # Errors
    /// Those of [`Caller::of`] and [`Headers::date`]; [`Error::TnInvalid`],
    /// [`Error::TnNotGlobal`] for a caller or called party that is meant to be a number and is
    /// none, [`Error::UriScheme`] for one that a PASSporT cannot name.
    pub fn new(headers: &Headers<'a>, request_uri: &Uri<'a>) -> Result<Self, Error> {
        let caller = Caller::of(headers)?;
        nameable(&caller.party())?;
        let (to, target) = (Party::of(headers.to().uri()), Party::of(request_uri));
        let is_service = |party: &Party<'_>| match party {
            Party::Number(_) => true,
            Party::Uri(uri) => uri.is_emergency(),
        };
        let mut dest = ArrayVec::new();
        for party in [to, target] {
            if is_service(&party) && !dest.contains(&party) {
                dest.push(party);
            }
        }
        if dest.is_empty() {
            nameable(&to)?;
            dest.push(to);
            if nameable(&target).is_ok() && target != to {
                dest.push(target);
            }
        }
        Ok(Self { caller, dest, target, date: headers.date()?, display_name: headers.from().name() })
    }

    /// The calling party.
    #[must_use]
    pub fn orig(&self) -> Party<'a> {
        self.caller.party()
    }

    /// Where the calling party was found.
    #[must_use]
    pub fn source(&self) -> Source {
        self.caller.source()
    }

    /// The called parties: that of To, then that of the Request-URI, if they differ.
    #[must_use]
    pub fn dest(&self) -> &[Party<'a>] {
        &self.dest
    }

    /// The Date in seconds since 1970, if there is one.
    #[must_use]
    pub fn date(&self) -> Option<u64> {
        self.date
    }

    /// The call to verify PASSporTs against.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        let mut call = Call::new(self.orig(), &self.dest);
        // A Request-URI that is no called party is the way to one.
        if self.dest.contains(&self.target) {
            call = call.with_target(self.target);
        }
        if let Some(name) = self.display_name {
            call = call.with_display_name(name);
        }
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

    /// The claims to sign for this call: the caller, the first of the called parties, and
    /// [`iat`](Self::iat).
    ///
    /// # Errors
    /// Those of [`iat`](Self::iat); [`Error::UriTooLong`].
    pub fn claims(&self, now: i64) -> Result<NewClaims<'_>, Error> {
        NewClaims::new(self.orig(), self.dest.get(..1).unwrap_or_default(), self.iat(now)?)
    }
}

/// Whether a PASSporT can name the party (RFC 8224 §8.1).
fn nameable(party: &Party<'_>) -> Result<(), Error> {
    match party {
        Party::Number(_) => Ok(()),
        Party::Uri(uri) => match uri.telephone_number() {
            Err(Error::UriNotANumber) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        },
    }
}
