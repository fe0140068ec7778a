//! The PASSporTs of all Identity headers of a call, each by itself: read, and compared with the call
//! and the clock.

use core::fmt;

use arrayvec::ArrayVec;

use crate::Error;
use crate::identity::{self, Identity};
use crate::passport::{Own as ByType, Ppt, Scratch};
use crate::sip::MAX_IDENTITY_LEN;

use super::chain::{Chain, Kind, Link};
use super::read::{Token, Unread};
use super::{Call, MAX_IDENTITY_HEADERS, MAX_PASSPORTS, Verifier};

/// Room for the PASSporTs of one call, so that reading them needs no heap. Make one per thread or
/// connection and use it again for each call; it has some 180 KB.
#[derive(Clone)]
pub struct CallScratch {
    slots: Box<[Scratch]>,
}

impl CallScratch {
    /// Empty room.
    #[must_use]
    pub fn new() -> Self {
        Self { slots: vec![Scratch::new(); MAX_PASSPORTS].into() }
    }
}

impl Default for CallScratch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CallScratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallScratch")
    }
}

/// A PASSporT before it is judged.
#[derive(Clone)]
pub(super) struct Read<'a> {
    pub(super) header: usize,
    pub(super) nested_in: Option<usize>,
    pub(super) token: Result<Token<'a>, Unread<'a>>,
}

impl fmt::Debug for Read<'_> {
    /// Shows no claims: they hold telephone numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.token {
            Ok(token) => write!(f, "Read({:?})", token.x5u),
            Err(unread) => write!(f, "Unread({:?})", unread.error),
        }
    }
}

/// How a PASSporT comes to speak for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It has a header of its own, and is for the called party.
    Direct,
    /// It has a header of its own, and is for somebody else or from before a diversion.
    Beside,
    /// It stands in a `div-o`.
    Nested,
}

/// What is known of one PASSporT by itself.
#[derive(Clone, Copy)]
pub(super) struct Own {
    /// Whether it holds, as old as it may be in its place.
    pub(super) judged: Result<(), Error>,
    /// Whether it is as new as what nothing was diverted after must be.
    fresh: Result<(), Error>,
}

impl Own {
    /// Whether it holds as what was signed last.
    pub(super) fn as_latest(self) -> Result<(), Error> {
        self.judged.and(self.fresh)
    }
}

impl Default for Own {
    fn default() -> Self {
        Self { judged: Ok(()), fresh: Ok(()) }
    }
}

impl<'a> Read<'a> {
    pub(super) fn link(&self) -> Option<Link<'a>> {
        let nested_in = self.nested_in;
        let (orig, dest, kind) = match &self.token {
            Ok(Token { claims, .. }) => {
                let kind = match claims.own() {
                    ByType::Div(own) => Kind::Diversion(own.div()),
                    ByType::DivO(own) => Kind::Around(own.div()),
                    _ => Kind::Innermost,
                };
                (claims.orig(), *claims.dest(), kind)
            }
            Err(unread) => unread.parties.map(|(orig, dest)| (orig, dest, Kind::Unsupported))?,
        };
        Some(Link { orig, dest, kind, nested_in })
    }

    pub(super) fn ppt(&self) -> Option<Ppt> {
        self.token.as_ref().map_or_else(|unread| unread.ppt, |token| Some(token.claims.ppt()))
    }

    pub(super) fn leads_to_target(&self, call: &Call<'_>) -> bool {
        self.token.as_ref().is_ok_and(|token| token.leads_to_target(call))
    }

    pub(super) fn check(&self, verifier: &Verifier, call: &Call<'_>, max_age_s: u64, now: i64) -> Own {
        match &self.token {
            Err(unread) => Own { judged: Err(unread.error), ..Own::default() },
            Ok(token) => {
                let judged = token.check_time_and_caller(verifier, call, max_age_s, now);
                let judged = judged.and_then(|()| token.check_content(call));
                Own { judged, fresh: token.check_iat(verifier.max_age_s, now) }
            }
        }
    }

    /// What the PASSporT at `place`, of which `own` is known, has to do with the call; `chains` are
    /// those that it is part of.
    pub(super) fn role<'c>(
        &self,
        own: Own,
        call: &Call<'_>,
        mut chains: impl Iterator<Item = &'c Chain> + Clone,
        place: usize,
    ) -> Result<Place, Error> {
        let (Ok(token), Ok(())) = (&self.token, own.judged) else {
            return own.judged.map(|()| Place::Beside);
        };
        let is_diversion = token.claims.ppt().is_diversion();
        // What is nested was signed for an earlier step of the call, whose last one is the `div-o`.
        let is_for_call = !is_diversion && self.nested_in.is_none() && token.is_for(call);
        if is_for_call && own.fresh.is_ok() {
            return Ok(Place::Direct);
        }
        let broken = chains.clone().find_map(|chain| chain.result().err());
        if chains.any(|chain| chain.holds_by(place)) {
            return Ok(Place::Beside);
        }
        Err(match own.fresh {
            _ if is_diversion => broken.unwrap_or(Error::DivChainIncomplete),
            Err(error) if is_for_call => error,
            _ => Error::DestMismatch,
        })
    }
}

/// Reads every header, and what stands in those of type `div-o`, into `tokens`.
pub(super) fn read_all<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    call: &Call<'_>,
    scratch: &'a mut CallScratch,
    tokens: &mut ArrayVec<Read<'a>, MAX_PASSPORTS>,
) -> Result<(), Error> {
    let too_many = Error::TooManyIdentityHeaders { limit: MAX_IDENTITY_HEADERS };
    let mut slots = scratch.slots.iter_mut();
    let mut len_bytes = 0;
    for (header, value) in headers.into_iter().enumerate() {
        // A longer one is refused unread, under a name of its own.
        len_bytes += if value.len() <= identity::MAX_LEN { value.len() } else { 0 };
        if len_bytes > MAX_IDENTITY_LEN {
            return Err(Error::IdentityTotalTooLarge { len_bytes });
        }
        let slot = slots.next().filter(|_| header < MAX_IDENTITY_HEADERS).ok_or(too_many)?;
        tokens.try_push(read(header, value, call, slot)).map_err(|_| too_many)?;
    }
    let header_count = tokens.len();
    let mut place = 0;
    while let Some(Read { header, token, .. }) = tokens.get(place) {
        let header = *header;
        if let Some(opt) = token.as_ref().ok().and_then(|token| token.claims.diversion()?.opt()) {
            let Some(slot) = slots.next() else {
                // Which of them is too much would depend on the order of the headers, so none of
                // them counts. They must not take the other headers with them.
                tokens.truncate(header_count);
                for Read { token, .. } in tokens.iter_mut().filter(|read| read.ppt() == Some(Ppt::DivO)) {
                    *token = Err(Unread::of_type(Some(Ppt::DivO))(Error::DivNestedTooDeep));
                }
                break;
            };
            let nested = Read { header, nested_in: Some(place), token: Token::nested(opt, slot) };
            // There is a place for every slot.
            let _ = tokens.try_push(nested);
        }
        place += 1;
    }
    Ok(())
}

fn read<'a>(header: usize, value: &'a [u8], call: &Call<'_>, slot: &'a mut Scratch) -> Read<'a> {
    let token = Identity::parse(value)
        .map_err(Unread::of_type(None))
        .and_then(|identity| Token::of_header(&identity, call, slot));
    Read { header, nested_in: None, token }
}
