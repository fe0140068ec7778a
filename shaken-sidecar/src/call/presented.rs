//! The Identity headers that a call to sign came with: whose they are, and which certificates of the customer's own
//! stand behind them.

use shaken_core::claims::Orig;
use shaken_core::passport::{Claims, Passport, Ppt, Scratch};
use shaken_core::verify::Verdict;
use shaken_core::{Attest, Call, Identity, X5u};

use super::{JudgedHeader, SignRequest, Verification, Wanted};
use crate::limits::Permit;
use crate::policy::decision::Received;

/// Whose Identity headers came with a call, and whether there is one that a diversion can stand beside
/// (RFC 8946 §4.1): from this caller, to who diverted the call. Nobody is trusted for that: signatures are not
/// looked at, and one that is false stays so. `is_ours` knows the certificates that we sign with by their URLs.
///
/// A PASSporT that says nothing of a provider's (a base one, `rcd`, `rph`, `msg`) makes no call a signed one.
pub(crate) fn received(request: &SignRequest, is_ours: impl Fn(&str) -> bool) -> Received {
    let diverting = match &request.wanted {
        // Who asks for a `div` alone has the PASSporT that it stands beside.
        Wanted::Div { .. } if request.identity.is_empty() => return Received::Others,
        Wanted::Div { div, .. } => Some(div),
        _ => request.diverting.as_ref(),
    };
    let mut received = Received::None;
    if request.identity.is_empty() {
        return received;
    }
    let mut scratch = Scratch::new();
    for value in &request.identity {
        let Ok(identity) = Identity::parse(value.as_bytes()) else {
            received = more(received, Received::OtherCalls);
            continue;
        };
        let passport = Passport::decode(identity.token(), &mut scratch).ok();
        let ppt = passport.as_ref().and_then(|passport| Ppt::of(passport.ppt()).ok());
        if matches!(ppt, Some(Ppt::Base | Ppt::Rcd | Ppt::Rph | Ppt::Msg)) {
            continue;
        }
        if is_ours(identity.info()) {
            return Received::Ours;
        }
        let claims = passport.zip(ppt).and_then(|(passport, ppt)| Claims::read(ppt, passport.payload()).ok());
        let is_before = claims.is_some_and(|claims| {
            matches!(claims.orig(), Orig::Tn(tn) if tn == request.orig.tn)
                && diverting.is_none_or(|by| claims.dest().tns().any(|tn| tn == by.tn))
        });
        received = more(received, if is_before { Received::Others } else { Received::OtherCalls });
    }
    received
}

/// What is known of some headers, and of one more.
fn more(known: Received, one: Received) -> Received {
    if known == Received::Others { known } else { one }
}

/// What the Identity headers of a call to sign prove.
#[derive(Default)]
pub(super) struct Presented {
    /// SHA-256 of the certificates by which the customer itself speaks for the calling number
    /// (ATIS-1000092): with a base PASSporT, a `rcd` or a `shaken` of level A.
    pub(super) delegates: Vec<[u8; 32]>,
    /// What came of each header; none if they could not be looked at together.
    pub(super) headers: Vec<JudgedHeader>,
}

impl Verification {
    /// Looks at the Identity headers of a call to sign as at those of a call to verify, at `now` in seconds since
    /// 1970. It waits no longer than a call does for its certificates.
    pub(super) async fn presented(
        &self,
        request: &SignRequest,
        permit: &mut Permit<'_>,
        now: i64,
    ) -> Presented {
        let dest = request.dest.iter().chain(&request.target);
        let dest: Vec<shaken_core::Party<'_>> = dest.map(|party| party.tn.into()).collect();
        let call = Call::new(request.orig.tn.into(), &dest).with_date(request.iat);
        let mut scratch = self.scratch();
        let values = request.identity.iter().map(String::as_bytes);
        let presented = match self.look(values, &call, &mut scratch, permit, now).await {
            Ok(looked) => Presented {
                delegates: speakers(&looked.verdict)
                    .filter_map(|x5u| {
                        Some(*looked.certificate(x5u).ok()?.certificate().fingerprint().as_bytes())
                    })
                    .collect(),
                headers: looked.headers(request.identity.len()),
            },
            Err(error) => {
                tracing::debug!(%error, "the Identity headers of a call to sign prove nothing");
                Presented::default()
            }
        };
        self.put_back(scratch);
        presented
    }
}

/// Where the certificates are of those PASSporTs that hold and speak for the caller in the customer's name.
fn speakers<'v, 'a>(verdict: &'v Verdict<'a>) -> impl Iterator<Item = &'v X5u<'a>> {
    verdict.headers().filter_map(|header| {
        let claims = header.outcome().ok()?;
        let speaks = match claims.ppt() {
            Ppt::Base | Ppt::Rcd => true,
            Ppt::Shaken => claims.shaken().is_some_and(|own| own.attest() == Attest::A),
            _ => false,
        };
        header.x5u().filter(|_| speaks)
    })
}
