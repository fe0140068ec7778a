//! All Identity headers of one call together (RFC 8224 §6.2.1, RFC 8946 §4.2, ATIS-1000074):
//! one verdict for each and one for the call.

use core::borrow::Borrow;

use arrayvec::ArrayVec;

use crate::cert::TrustedCert;
use crate::fetch::X5u;
use crate::passport::{Claims, Ppt};
use crate::{Attest, Error, Verstat};

use super::chain::{self, Chain, Link, Parents};
use super::headers::{CallScratch, Own, Place, Read, read_all};
use super::{Call, MAX_PASSPORTS, SiblingPolicy, Verified, Verifier};

/// The PASSporTs of a call as far as no certificate is needed. Made only by
/// [`Verifier::screen_call`].
#[derive(Clone, Debug)]
pub struct ScreenedCall<'a> {
    tokens: ArrayVec<Read<'a>, MAX_PASSPORTS>,
    /// One for each of them.
    outcomes: ArrayVec<Outcome, MAX_PASSPORTS>,
    chains: ArrayVec<Chain, MAX_PASSPORTS>,
    parents: Parents,
    date: Option<u64>,
    screened_at: i64,
}

impl<'a> ScreenedCall<'a> {
    /// Where the certificates are that it takes to verify the call: of those PASSporTs that hold
    /// in all else, in the order of the headers. One URL can come up several times.
    pub fn x5us(&self) -> impl Iterator<Item = &X5u<'a>> {
        let screened = self.tokens.iter().zip(&self.outcomes).filter(|(_, outcome)| outcome.screened.is_ok());
        screened.filter_map(|(read, _)| Some(&read.token.as_ref().ok()?.x5u))
    }
}

/// What came of one PASSporT.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    place: Place,
    /// Whether it is worth a certificate.
    screened: Result<(), Error>,
    /// Whether the certificate bears it out.
    verified: Result<(), Error>,
}

/// What came of the Identity headers of one call.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    tokens: ArrayVec<Read<'a>, MAX_PASSPORTS>,
    outcomes: ArrayVec<Outcome, MAX_PASSPORTS>,
    chains: ArrayVec<Chain, MAX_PASSPORTS>,
    result: Result<Verified<'a>, Error>,
}

impl<'a> Verdict<'a> {
    /// The verdict for the call.
    ///
    /// It passes when one `shaken` holds in every respect, and is for the called party or leads
    /// to it by a chain of diversions that holds; of several it is the one with the highest
    /// attestation level, then the first. Another `shaken` with a header of its own and a wrong
    /// signature or certificate fails it, unless [`SiblingPolicy`] says otherwise. PASSporTs of
    /// other types, what they hold, and headers that cannot be read never decide: a base PASSporT
    /// alone is no pass.
    ///
    /// # Errors
    /// If no `shaken` passes, the first wrong signature or certificate among them, else their
    /// first error; [`Error::ShakenMissing`] if there is none among PASSporTs of known types;
    /// [`Error::PptUnsupported`] if there are only unknown ones; [`Error::IdentityMissing`].
    pub fn result(&self) -> Result<&Verified<'a>, Error> {
        self.result.as_ref().map_err(|error| *error)
    }

    /// One verdict for each PASSporT, in the order of the headers; those that stand in a `div-o`
    /// come behind all of them.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = HeaderVerdict<'_, 'a>> {
        headers(&self.tokens, &self.outcomes)
    }

    /// The diversions of the call.
    #[must_use]
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }
}

/// What came of one PASSporT, of a header or of the `opt` of another one.
#[derive(Clone, Copy, Debug)]
pub struct HeaderVerdict<'v, 'a> {
    read: &'v Read<'a>,
    outcome: Outcome,
}

impl<'v, 'a> HeaderVerdict<'v, 'a> {
    /// The place of its header among the Identity headers of the call, from 0.
    #[must_use]
    pub fn header(&self) -> usize {
        self.read.header
    }

    /// The type, if it is known.
    #[must_use]
    pub fn ppt(&self) -> Option<Ppt> {
        self.read.ppt()
    }

    /// Where its certificate is, if screening found it worth one.
    #[must_use]
    pub fn x5u(&self) -> Option<&'v X5u<'a>> {
        self.outcome.screened.ok()?;
        Some(&self.read.token.as_ref().ok()?.x5u)
    }

    /// Where its certificate is said to be, if the PASSporT could be read: for the record, not to be
    /// fetched.
    #[must_use]
    pub fn stated_x5u(&self) -> Option<&'a str> {
        Some(self.read.token.as_ref().ok()?.x5u.as_str())
    }

    /// The claims of a PASSporT that holds in itself: signature, certificate, time and caller,
    /// and is for the called party or part of a chain of diversions. Whether the call passes is
    /// not said by this, but by [`Verdict::result`].
    ///
    /// # Errors
    /// Why it does not hold.
    pub fn outcome(&self) -> Result<&'v Claims<'a>, Error> {
        self.outcome.screened.and(self.outcome.verified)?;
        self.read.token.as_ref().map(|token| &token.claims).map_err(|unread| unread.error)
    }
}

fn headers<'v, 'a>(
    tokens: &'v [Read<'a>],
    outcomes: &'v [Outcome],
) -> impl ExactSizeIterator<Item = HeaderVerdict<'v, 'a>> {
    tokens.iter().zip(outcomes).map(|(read, outcome)| HeaderVerdict { read, outcome: *outcome })
}

impl Verifier {
    /// Checks all PASSporTs of a call as far as no certificate is needed, at `now` in seconds
    /// since 1970. `headers` are the values of its Identity headers, in their order.
    ///
    /// What is wrong with one PASSporT is told by the [`Verdict`].
    ///
    /// # Errors
    /// [`Error::IdentityMissing`] if there are no headers; [`Error::TooManyIdentityHeaders`] for
    /// more than [`MAX_IDENTITY_HEADERS`](super::MAX_IDENTITY_HEADERS);
    /// [`Error::IdentityTotalTooLarge`] for more than
    /// [`MAX_IDENTITY_LEN`](crate::sip::MAX_IDENTITY_LEN) bytes in all. If the `div-o`
    /// hold more PASSporTs than there is room for, all of them fail, and nothing else, with
    /// [`Error::DivNestedTooDeep`].
    pub fn screen_call<'a>(
        &self,
        headers: impl IntoIterator<Item = &'a [u8]>,
        call: &Call<'_>,
        scratch: &'a mut CallScratch,
        now: i64,
    ) -> Result<ScreenedCall<'a>, Error> {
        let mut tokens = ArrayVec::new();
        read_all(headers, call, scratch, &mut tokens)?;
        if tokens.is_empty() {
            return Err(Error::IdentityMissing);
        }
        let links: ArrayVec<Option<Link<'_>>, MAX_PASSPORTS> = tokens.iter().map(Read::link).collect();
        let parents = chain::parents(&links);
        let leads_to_target =
            |place: usize| tokens.get(place).is_some_and(|read: &Read<'_>| read.leads_to_target(call));
        let mut chains = chain::find(&links, &parents, leads_to_target);
        // Each is judged by its own before it fails for another one's fault.
        let own: ArrayVec<Own, MAX_PASSPORTS> = tokens
            .iter()
            .enumerate()
            .map(|(place, read)| read.check(self, call, self.max_age_of(place, &chains), now))
            .collect();
        for chain in &mut chains {
            let is_mixed = !chain::has_one_caller(chain, &links);
            let outermost = chain.diversions().next();
            chain.keep_held(&parents, |place| {
                let own = own.get(place).copied().unwrap_or_default();
                let judged = if outermost == Some(place) { own.as_latest() } else { own.judged };
                judged.map_err(|error| if is_mixed { Error::DivOrigMismatch } else { error })
            });
        }
        let outcomes = tokens.iter().zip(own).enumerate().map(|(at, (read, own))| {
            let role = read.role(own, call, chains.iter().filter(|chain| chain.contains(at)), at);
            let place = if read.nested_in.is_some() { Place::Nested } else { role.unwrap_or(Place::Beside) };
            Outcome { place, screened: role.map(drop), verified: Ok(()) }
        });
        let outcomes = outcomes.collect();
        Ok(ScreenedCall { tokens, outcomes, chains, parents, date: call.date, screened_at: now })
    }

    /// Checks the PASSporTs of a screened call against their certificates, at `now` in seconds
    /// since 1970. `certificate` answers with the certificate of a URL of
    /// [`ScreenedCall::x5us`], or with why there is none.
    pub fn verify_call<'a, C: Borrow<TrustedCert>>(
        &self,
        screened: ScreenedCall<'a>,
        mut certificate: impl FnMut(&X5u<'a>) -> Result<C, Error>,
        now: i64,
    ) -> Verdict<'a> {
        let ScreenedCall { tokens, mut outcomes, mut chains, parents, date, screened_at } = screened;
        for (read, outcome) in tokens.iter().zip(&mut outcomes) {
            if let (Ok(token), Ok(())) = (&read.token, outcome.screened) {
                outcome.verified = certificate(&token.x5u).and_then(|certificate| {
                    self.verify_token(token, date, screened_at, certificate.borrow(), now)
                });
            }
        }
        for chain in &mut chains {
            chain.keep_held(&parents, |place| {
                outcomes.get(place).map_or(Ok(()), |outcome| outcome.screened.and(outcome.verified))
            });
        }
        let result = self.decide(headers(&tokens, &outcomes), &chains);
        Verdict { tokens, outcomes, chains, result }
    }

    /// How old the PASSporT at `place` may be if it speaks for the call by way of a diversion. What
    /// was signed before one is as old as the call was then (RFC 8946 §4.2).
    fn max_age_of(&self, place: usize, chains: &[Chain]) -> u64 {
        let is_diverted = chains.iter().any(|chain| chain.contains(place) && !chain.is_outermost(place));
        if is_diverted { self.max_diverted_age_s.max(self.max_age_s) } else { self.max_age_s }
    }

    fn decide<'v, 'a: 'v>(
        &self,
        headers: impl Iterator<Item = HeaderVerdict<'v, 'a>>,
        chains: &[Chain],
    ) -> Result<Verified<'a>, Error> {
        let (mut passed, mut forged, mut worst) = (None, None, None);
        for (at, header) in headers.enumerate() {
            let place = header.outcome.place;
            let ours = || chains.iter().filter(|chain| chain.innermost().any(|place| place == at));
            let broken = || ours().find_map(|chain| chain.result().err());
            let error = match (header.ppt(), header.outcome()) {
                (Some(Ppt::Shaken), Ok(claims)) => {
                    if place == Place::Direct || ours().any(|chain| chain.holds_by(at)) {
                        passed = better(passed, claims);
                        continue;
                    }
                    broken().unwrap_or(Error::DestMismatch)
                }
                // It was for somebody else, and the diversion that would lead here does not hold.
                (Some(Ppt::Shaken), Err(Error::DestMismatch)) => broken().unwrap_or(Error::DestMismatch),
                (Some(Ppt::Shaken), Err(error)) => {
                    if rank(error) == FORGED && place != Place::Nested {
                        forged = forged.or(Some(error));
                    }
                    error
                }
                (None, Err(error)) => error,
                (Some(_), _) => Error::ShakenMissing,
                (None, Ok(_)) => continue,
            };
            if worst.is_none_or(|other| rank(error) > rank(other)) {
                worst = Some(error);
            }
        }
        match (passed.and_then(Verified::of), forged) {
            (Some(_), Some(error)) if self.siblings == SiblingPolicy::FailOnForged => Err(error),
            (Some(verified), _) => Ok(verified),
            (None, _) => Err(worst.unwrap_or(Error::IdentityMissing)),
        }
    }
}

/// The claims of the higher attestation level: otherwise the order of the headers, which anybody on
/// the way may change, would decide.
fn better<'c, 'a>(passed: Option<&'c Claims<'a>>, other: &'c Claims<'a>) -> Option<&'c Claims<'a>> {
    let level = |claims: &Claims<'_>| claims.shaken().map(|own| own.attest());
    let is_higher = |(a, b): (Attest, Attest)| a != b && a.lower(b) == b;
    match passed {
        Some(passed) if !level(other).zip(level(passed)).is_some_and(is_higher) => Some(passed),
        _ => Some(other),
    }
}

const FORGED: u8 = 4;

/// Which of several errors speaks for a call that no `shaken` passes.
fn rank(error: Error) -> u8 {
    match error {
        Error::PptUnsupported => 0,
        Error::ShakenMissing => 1,
        // No signature at all rather than a wrong one: the header is broken, not forged.
        Error::SignatureLength { .. } => 3,
        _ if error.verstat() == Verstat::Failed => FORGED,
        _ => 2,
    }
}
