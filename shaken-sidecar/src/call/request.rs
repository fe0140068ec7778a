//! What is asked, by whom and how.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use hyper::HeaderMap;
use shaken_core::passport::{Ppt, rph};
use shaken_core::sip::Uri;
use shaken_core::{Attest, Error, TelephoneNumber};

use crate::delivery::Delivery;
use crate::life::clock::unix_s;
use crate::listen::Client;
use crate::policy::{Listener, Plan, Written};
use crate::telemetry::Parent;

/// What a listener is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offers {
    /// All that the daemon does.
    #[default]
    All,
    /// No signing.
    VerifyOnly,
}

/// What a request came in, where the mark of a trunk may stand.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Carries {
    /// In nothing of the kind.
    #[default]
    Nothing,
    /// In HTTP, with these header fields.
    Http(HeaderMap),
    /// In this INVITE.
    Invite(Arc<[u8]>),
}

impl std::fmt::Debug for Carries {
    /// Neither tokens nor numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Http(_) => "Http",
            Self::Invite(_) => "Invite",
        })
    }
}

/// Who asks, how, and when: the same for every kind of request.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The listener that the request came in on.
    pub listener: Listener,
    /// Who is at the other end of the connection.
    pub client: Client,
    /// What the listener is for.
    pub offers: Offers,
    /// The trunk that the request names, if it names one.
    pub trunk: Option<String>,
    /// What else may tell its trunk.
    pub carries: Carries,
    /// The SIP Call-ID, if the request tells it.
    pub call_id: Option<String>,
    /// The client's name for the request, or ours.
    pub request_id: String,
    /// The clock, read once for the whole request.
    pub now: SystemTime,
    /// When the request had been read, for the latency in the record.
    pub received: Instant,
    /// The span of the client that the request belongs to, if it names one and calls are traced.
    pub parent: Option<Parent>,
    /// What becomes of the answer.
    pub delivery: Delivery,
}

impl Origin {
    /// [`now`](Self::now) in seconds since 1970.
    #[must_use]
    pub fn unix_s(&self) -> i64 {
        unix_s(self.now)
    }
}

/// A number as the client wrote it, and what it means.
#[derive(Clone)]
pub struct Party {
    /// The text of the request.
    pub received: String,
    /// The same in canonical form.
    pub tn: TelephoneNumber,
    /// Whether it says what country it is of.
    pub written: Written,
}

impl Party {
    /// A number as it stands in `received`, which is no URI.
    ///
    /// # Errors
    /// [`Error::TnInvalid`].
    pub fn parse(received: String) -> Result<Self, Error> {
        let (tn, written) = (TelephoneNumber::parse(&received)?, Written::of(&received));
        Ok(Self { received, tn, written })
    }

    /// That of a URI.
    ///
    /// # Errors
    /// Those of [`Uri::telephone_number`].
    pub fn of(uri: &Uri<'_>) -> Result<Self, Error> {
        let written = if uri.is_global_number() { Written::Global } else { Written::Dialled };
        Ok(Self { received: uri.as_str().to_owned(), tn: uri.telephone_number()?, written })
    }

    /// A number that is known to have its country code.
    #[must_use]
    pub fn global(received: String, tn: TelephoneNumber) -> Self {
        Self { received, tn, written: Written::Global }
    }

    /// Gives it the form that its number has on a trunk with this plan.
    pub(super) fn dialled_by(&mut self, plan: Plan) {
        self.tn = plan.meant(self.tn, self.written);
        self.written = Written::Global;
    }
}

impl std::fmt::Debug for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Party({:?})", self.tn)
    }
}

/// Which PASSporT is wanted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Wanted {
    /// `shaken` (RFC 8588).
    #[default]
    Shaken,
    /// `div` (RFC 8946).
    Div {
        /// The number that the call was for.
        div: Party,
        /// The index of History-Info.
        hi: Option<String>,
    },
    /// `rph` (RFC 8443, RFC 9027).
    Rph {
        /// The values of Resource-Priority.
        auth: Vec<String>,
        /// Whether an emergency centre calls back.
        callback: rph::Callback,
    },
}

impl Wanted {
    /// Its type.
    #[must_use]
    pub const fn ppt(&self) -> Ppt {
        match self {
            Self::Shaken => Ppt::Shaken,
            Self::Div { .. } => Ppt::Div,
            Self::Rph { .. } => Ppt::Rph,
        }
    }
}

/// A call to sign.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// What for.
    pub wanted: Wanted,
    /// The level that the client would like.
    pub attest: Option<Attest>,
    /// The calling number.
    pub orig: Party,
    /// The called numbers, at least one.
    pub dest: Vec<Party>,
    /// The time of the call in seconds since 1970.
    pub iat: u64,
    /// The client's tracing value; a random one if absent.
    pub origid: Option<String>,
    /// Where the call goes, if that is known apart from whom the caller called.
    pub target: Option<Party>,
    /// The number that diverted the call last, if the client tells.
    pub diverting: Option<Party>,
    /// The values of the Identity headers that the call came with, as far as the client tells.
    pub identity: Vec<String>,
}

impl SignRequest {
    /// Gives its numbers the form that they have on a trunk with this plan.
    pub(super) fn dialled_by(&mut self, plan: Plan) {
        let div = match &mut self.wanted {
            Wanted::Div { div, .. } => Some(div),
            Wanted::Shaken | Wanted::Rph { .. } => None,
        };
        let alone = [Some(&mut self.orig), div, self.target.as_mut(), self.diverting.as_mut()];
        alone.into_iter().flatten().chain(&mut self.dest).for_each(|party| party.dialled_by(plan));
    }
}

/// A call to verify.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// The calling number of P-Asserted-Identity or From.
    pub orig: Party,
    /// The called numbers of To and Request-URI, at least one.
    pub dest: Vec<Party>,
    /// The number of the Request-URI, where a diversion must lead to, if it is known.
    pub target: Option<Party>,
    /// The value of Resource-Priority, if there is one.
    pub resource_priority: Option<String>,
    /// The value of Priority, if there is one.
    pub priority: Option<String>,
    /// The Date of the request in seconds since 1970.
    pub date: u64,
    /// The values of the Identity headers, in their order.
    pub identity: Vec<String>,
}

impl VerifyRequest {
    /// Gives its numbers the form that they have on a trunk with this plan.
    pub(super) fn dialled_by(&mut self, plan: Plan) {
        let alone = [Some(&mut self.orig), self.target.as_mut()];
        alone.into_iter().flatten().chain(&mut self.dest).for_each(|party| party.dialled_by(plan));
    }
}

/// Whether a call is made up: Oracle's SBCs ask about this one to see whether we live.
#[must_use]
pub fn is_heartbeat(orig: &Party, dest: &[Party]) -> bool {
    let is = |party: &Party, number: &str| party.tn.as_str() == number;
    is(orig, HEARTBEAT_FROM) && matches!(dest, [called] if is(called, HEARTBEAT_TO))
}

/// The calling number of that call.
pub(crate) const HEARTBEAT_FROM: &str = "9999999999";

/// The number that it calls.
pub(crate) const HEARTBEAT_TO: &str = "7777777777";
