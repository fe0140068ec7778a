//! Whom this door answers, and how each wants its answers.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;
use shaken_core::error::SipResponse;
use shaken_core::sip::ReasonProtocol;

/// One client: an SBC or proxy, known by its addresses.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name, by which trunks recognize it.
    pub name: String,
    /// Where it may be. Whoever is at none of these gets no answer.
    pub addresses: Vec<IpNet>,
    /// What its calls are sent here for.
    pub op: PeerOp,
    /// Where it looks for what the answer has to add to its INVITE.
    pub identity_in: Place,
    /// The answer that has something to add: 302 or 300.
    pub redirect: SipResponse,
    /// The answer that has nothing to add: 404 or 503.
    pub no_action: SipResponse,
    /// The answer that stops a call: 603 or 608.
    pub block: SipResponse,
    /// Where the answer sends the call.
    pub contact: Contact,
    /// Which headers the `verstat` is put into.
    pub verstat_in: VerstatIn,
    /// What becomes of calls whose signature or certificate is wrong.
    pub failed: Treatment,
    /// What becomes of calls with nothing that could be validated.
    pub no_validation: Treatment,
    /// What becomes of calls about which nothing could be said.
    pub undecided: Undecided,
    /// In which words it is told why.
    pub reason: ReasonProtocol,
}

/// What the calls of a peer are sent here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "there are these two things to do")]
pub enum PeerOp {
    /// To be signed. One that has an Identity header already is left as it is.
    Sign,
    /// To be verified, also those without an Identity header.
    Verify,
    /// To be verified if there is an Identity header, else signed. Only for a peer that sends no call here that came
    /// in from elsewhere without one: it would be signed as ours.
    Auto,
}

/// Where a peer looks for the headers that it is to add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "a response has no third place")]
pub enum Place {
    /// Among the headers of the answer.
    #[default]
    Header,
    /// Escaped in the URI of Contact (RFC 3261 §19.1.1).
    Contact,
    /// In both.
    Both,
}

impl Place {
    pub(super) fn is_header(self) -> bool {
        self != Self::Contact
    }

    pub(super) fn is_contact(self) -> bool {
        self != Self::Header
    }
}

/// Where the answer sends the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the peer's own choice or the configured one")]
pub enum Contact {
    /// To where the request went: its Request-URI.
    #[default]
    RequestUri,
    /// To the same user at this host, with its port if it has one.
    Host(String),
}

/// Which headers the `verstat` of a verified call is put into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "3GPP TS 24.229 §7.2A.20 knows these two")]
pub enum VerstatIn {
    /// P-Asserted-Identity, with the number of From if there is none that is asserted.
    #[default]
    Asserted,
    /// From.
    From,
    /// Both.
    Both,
}

/// What becomes of a call that does not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "there are these three things to do")]
pub enum Treatment {
    /// It goes on, with its `verstat`.
    #[default]
    PassOn,
    /// It ends with the response of the error (RFC 8224 §6.2.2).
    Refuse,
    /// It ends with the code that blocks.
    Block,
}

/// What becomes of a call about which nothing could be said: no decision in time, no record, no key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "it is told or not")]
pub enum Undecided {
    /// The answer that has nothing to add.
    #[default]
    NoAction,
    /// The answer that sends it on, with nothing added.
    PassOn,
}

/// All peers, in the order of the configuration. Without any, nobody gets an answer.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    peers: Vec<Arc<Peer>>,
    emergency: Vec<String>,
}

impl Rules {
    /// Whom a door answers, and the numbers of emergency services as they are dialled.
    #[must_use]
    pub fn new(peers: Vec<Peer>, emergency: Vec<String>) -> Self {
        Self { peers: peers.into_iter().map(Arc::new).collect(), emergency }
    }

    /// Whom the door answers.
    #[must_use]
    pub fn peers(&self) -> &[Arc<Peer>] {
        &self.peers
    }

    /// The first peer that has this address.
    pub(super) fn peer_at(&self, ip: IpAddr) -> Option<&Arc<Peer>> {
        let ip = ip.to_canonical();
        self.peers.iter().find(|peer| peer.addresses.iter().any(|network| network.contains(&ip)))
    }

    pub(super) fn is_emergency(&self, dialled: &str) -> bool {
        self.emergency.iter().any(|number| number == dialled)
    }
}
