//! Which attestation level a call gets, and why. Pure: no I/O, no clock.
//!
//! A trunk is recognized by facts that the client cannot choose: the listener it connected to, the
//! user id that the kernel tells, on TCP the user whose secret it knows, and in SIP the peer whose
//! address it has. A request may name one
//! of its trunks, if the configuration lets it. What it asks for can lower the level of the trunk and
//! never raise it.

pub mod data;
pub mod decision;
#[cfg(test)]
mod fixture;
pub mod numbers;
pub mod simulation;

use std::sync::Arc;

use shaken_core::Attest;
use shaken_core::passport::Ppt;

use crate::audit::Record;
use crate::listen::Client;

/// Where requests come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Listener {
    /// HTTP on the Unix socket.
    Http,
    /// HTTP on the TCP port.
    HttpTcp,
    /// The Redis protocol on its Unix socket.
    Resp,
    /// The Redis protocol on its TCP port.
    RespTcp,
    /// SIP on its UDP ports.
    SipUdp,
    /// SIP on its TCP ports.
    SipTcp,
}

impl Listener {
    /// Whether who is there is known by its address, and not by a secret.
    fn is_sip(self) -> bool {
        matches!(self, Self::SipUdp | Self::SipTcp)
    }
}

/// A customer or carrier connection that calls come in on, and how far we vouch for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    name: Arc<str>,
    listener: Option<Listener>,
    uid: Option<u32>,
    user: Option<String>,
    peer: Option<String>,
    named: Named,
    max_attest: Attest,
    signs: Vec<Ppt>,
    /// What the highest level is said to come from.
    rule: Arc<str>,
    customer: Option<Arc<str>>,
    provider: Option<Arc<str>>,
    decides: Arc<str>,
    replay: Replay,
}

/// What comes of a PASSporT that came with another call before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replay {
    /// Nothing; it is not looked for.
    #[default]
    Allow,
    /// The record and the answer say so.
    Flag,
    /// The call does not pass either.
    Refuse,
}

/// Whether requests must name a trunk to be on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    NeedNot,
    Must,
}

impl Trunk {
    /// A trunk that every request on every listener belongs to, at level C, the safe one. Narrow
    /// it with `with_*`.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self {
            rule: rule(&name, Attest::C),
            name: name.into(),
            listener: None,
            uid: None,
            user: None,
            peer: None,
            named: Named::NeedNot,
            max_attest: Attest::C,
            signs: vec![Ppt::Shaken],
            customer: None,
            provider: None,
            decides: "policy".into(),
            replay: Replay::Allow,
        }
    }

    /// What comes of replays among calls to verify; nothing unless set.
    #[must_use]
    pub fn with_replay(self, replay: Replay) -> Self {
        Self { replay, ..self }
    }

    /// What comes of replays.
    #[must_use]
    pub fn replay(&self) -> Replay {
        self.replay
    }

    /// Only requests on this listener.
    #[must_use]
    pub fn with_listener(self, listener: Listener) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// Only requests of processes with this effective user id.
    #[must_use]
    pub fn with_uid(self, uid: u32) -> Self {
        Self { uid: Some(uid), ..self }
    }

    /// Only requests of who gave the secret of this user, on TCP.
    #[must_use]
    pub fn with_user(self, user: String) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Only requests of this peer, in SIP.
    #[must_use]
    pub fn with_peer(self, peer: String) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// Only requests that name it, of those that could be on it. So that one client may use several.
    #[must_use]
    pub fn only_by_name(self) -> Self {
        Self { named: Named::Must, ..self }
    }

    /// The highest level that calls on this trunk get, and the one they get when they ask for
    /// none.
    #[must_use]
    pub fn with_max_attest(self, max_attest: Attest) -> Self {
        Self { max_attest, rule: rule(&self.name, max_attest), ..self }
    }

    /// The types of PASSporTs that are signed on it; `shaken` alone unless set.
    #[must_use]
    pub fn with_signs(self, signs: Vec<Ppt>) -> Self {
        Self { signs, ..self }
    }

    /// Whose calls they are, for the record.
    #[must_use]
    pub fn with_customer(self, customer: String) -> Self {
        Self { customer: Some(customer.into()), ..self }
    }

    /// The voice service provider on whose behalf they are signed and verified, for the record.
    #[must_use]
    pub fn with_provider(self, provider: String) -> Self {
        let provider: Arc<str> = provider.into();
        Self { decides: Arc::clone(&provider), provider: Some(provider), ..self }
    }

    /// Says in a record whose call it is.
    pub(crate) fn put_on(&self, record: &mut Record) {
        record.trunk = Some(Arc::clone(&self.name));
        record.customer.clone_from(&self.customer);
        record.provider.clone_from(&self.provider);
    }

    /// Whose decision a level is: that of the provider who owns the rule (FCC 24-120), if it is named.
    #[must_use]
    pub fn decides(&self) -> Arc<str> {
        Arc::clone(&self.decides)
    }

    /// The name from the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the same requests are on it as on `other`, and whose calls they are.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        (self.listener, self.uid, &self.user, &self.peer, self.named)
            == (other.listener, other.uid, &other.user, &other.peer, other.named)
            && (&self.customer, &self.provider) == (&other.customer, &other.provider)
    }

    /// The user that its requests are of, if it says so.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The peer of SIP that its requests are of, if it says so.
    #[must_use]
    pub fn peer(&self) -> Option<&str> {
        self.peer.as_deref()
    }

    /// Whether PASSporTs of type `ppt` are signed on it.
    #[must_use]
    pub fn signs(&self, ppt: Ppt) -> bool {
        self.signs.contains(&ppt)
    }

    fn matches(&self, listener: Listener, client: &Client) -> bool {
        self.listener.is_none_or(|wanted| wanted == listener)
            && self.uid.is_none_or(|wanted| client.uid() == Some(wanted))
            && self.user.as_deref().is_none_or(|wanted| !listener.is_sip() && client.user() == Some(wanted))
            && self.peer.as_deref().is_none_or(|wanted| listener.is_sip() && client.user() == Some(wanted))
    }

    /// What a call on this trunk gets that asks for a PASSporT of type `ppt`, with level `requested` or
    /// with none. Nothing if it gets none of that type.
    #[must_use]
    pub fn decide(&self, ppt: Ppt, requested: Option<Attest>) -> Option<Decision> {
        if !self.signs(ppt) {
            return None;
        }
        if ppt != Ppt::Shaken {
            let rule = format!("trunk \"{}\" sign has \"{}\"", self.name, ppt.name());
            return Some(Decision { attest: None, reason: Reason::AsRequested, rule: rule.into() });
        }
        let (attest, reason) = match requested {
            None => (self.max_attest, Reason::TrunkDefault),
            Some(requested) => match requested.lower(self.max_attest) {
                attest if attest == requested => (attest, Reason::AsRequested),
                attest => (attest, Reason::CappedByTrunk),
            },
        };
        Some(Decision { attest: Some(attest), reason, rule: Arc::clone(&self.rule) })
    }
}

fn rule(trunk: &str, max_attest: Attest) -> Arc<str> {
    format!("trunk \"{trunk}\" max_attest = \"{max_attest}\"").into()
}

/// The first trunk, in the order of the configuration, that a request belongs to. If the request
/// names one, it is that one or none.
#[must_use]
pub fn recognize<'a>(
    trunks: &'a [Trunk],
    listener: Listener,
    client: &Client,
    named: Option<&str>,
) -> Option<&'a Trunk> {
    let is_named = |trunk: &Trunk| named == Some(trunk.name());
    let is_reached = |trunk: &&Trunk| {
        trunk.matches(listener, client) && (trunk.named == Named::NeedNot || is_named(trunk))
    };
    let mut reached = trunks.iter().filter(is_reached);
    if named.is_none() {
        return reached.next();
    }
    // Of those that need not be named only the first: naming a later one must not be a way around it.
    let first = trunks.iter().find(|trunk| trunk.matches(listener, client) && trunk.named == Named::NeedNot);
    reached
        .find(|trunk| is_named(trunk))
        .filter(|trunk| trunk.named == Named::Must || first.is_some_and(|first| first.name() == trunk.name()))
}

/// Trunks that no request can reach, each with the earlier one that takes all of theirs.
pub fn shadowed(trunks: &[Trunk]) -> impl Iterator<Item = (&str, &str)> {
    trunks.iter().enumerate().filter_map(|(i, later)| {
        let takes_all = |earlier: &&Trunk| {
            earlier.named == Named::NeedNot
                && later.named == Named::NeedNot
                && earlier.uid.is_none_or(|uid| later.uid == Some(uid))
                && earlier.user.as_ref().is_none_or(|user| later.user.as_ref() == Some(user))
                && earlier.peer.as_ref().is_none_or(|peer| later.peer.as_ref() == Some(peer))
                && earlier.listener.is_none_or(|listener| later.listener == Some(listener))
        };
        let earlier = trunks.iter().take(i).find(takes_all)?;
        Some((later.name(), earlier.name()))
    })
}

/// A level and its explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The level to sign with, if the type of the PASSporT has one.
    pub attest: Option<Attest>,
    /// Why it is this one.
    pub reason: Reason,
    /// The line of the configuration that decided.
    pub rule: Arc<str>,
}

/// Why a call got its level, or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The request asked for this level and the trunk allows it.
    AsRequested,
    /// The request asked for more than the trunk allows.
    CappedByTrunk,
    /// The request asked for no level.
    TrunkDefault,
    /// The request belongs to no trunk of the configuration; it is refused.
    TrunkUnknown,
    /// PASSporTs of the type that is asked for are not signed on the trunk; it is refused.
    PptNotAllowed,
}

impl Reason {
    /// The stable UPPER_SNAKE name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AsRequested => "AS_REQUESTED",
            Self::CappedByTrunk => "CAPPED_BY_TRUNK",
            Self::TrunkDefault => "TRUNK_DEFAULT",
            Self::TrunkUnknown => "TRUNK_UNKNOWN",
            Self::PptNotAllowed => "PPT_NOT_ALLOWED",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::listen::Peer;

    #[test]
    fn a_request_lowers_and_never_raises() {
        for (max, requested, attest, reason) in [
            (Attest::A, Some(Attest::A), Attest::A, Reason::AsRequested),
            (Attest::A, Some(Attest::C), Attest::C, Reason::AsRequested),
            (Attest::B, Some(Attest::A), Attest::B, Reason::CappedByTrunk),
            (Attest::C, Some(Attest::B), Attest::C, Reason::CappedByTrunk),
            (Attest::B, None, Attest::B, Reason::TrunkDefault),
        ] {
            let trunk = Trunk::new("t".into()).with_max_attest(max);
            let decision = trunk.decide(Ppt::Shaken, requested).unwrap();
            assert_eq!((decision.attest, decision.reason), (Some(attest), reason), "{max} {requested:?}");
        }
    }

    #[test]
    fn the_default_level_is_the_lowest() {
        let decision = Trunk::new("t".into()).decide(Ppt::Shaken, Some(Attest::A)).unwrap();
        assert_eq!(decision.attest, Some(Attest::C));
    }

    fn process(uid: u32) -> Client {
        Peer { uid, gid: 0, pid: None }.into()
    }

    fn remote(user: Option<&str>) -> Client {
        Client::from("192.0.2.1:9".parse::<SocketAddr>().unwrap()).known_as(user.map(str::to_owned))
    }

    #[test]
    fn trunks_are_recognized_in_order_by_all_that_they_name() {
        let trunks = [
            Trunk::new("one".into()).with_uid(1),
            Trunk::new("two".into()).with_uid(2).with_listener(Listener::Http),
            Trunk::new("three".into()).with_user("pbx".into()),
            Trunk::new("four".into()).with_listener(Listener::HttpTcp),
        ];
        let of = |listener, client| recognize(&trunks, listener, &client, None).map(Trunk::name);
        let name = |uid| of(Listener::Http, process(uid));
        assert_eq!((name(1), name(2), name(3)), (Some("one"), Some("two"), None));
        assert_eq!(of(Listener::Resp, process(2)), None);
        assert_eq!(of(Listener::RespTcp, remote(Some("pbx"))), Some("three"));
        assert_eq!(of(Listener::HttpTcp, remote(None)), Some("four"));
        assert_eq!(of(Listener::RespTcp, remote(Some("other"))), None);
        assert_eq!(shadowed(&trunks).count(), 0);
        // A peer of SIP is no user, whatever they are called.
        let pbx = [trunks[2].clone(), Trunk::new("sip".into()).with_peer("pbx".into())];
        let of_pbx = |listener| recognize(&pbx, listener, &remote(Some("pbx")), None).map(Trunk::name);
        assert_eq!(of_pbx(Listener::HttpTcp), Some("three"));
        assert_eq!((of_pbx(Listener::SipUdp), of_pbx(Listener::SipTcp)), (Some("sip"), Some("sip")));
        assert_eq!(recognize(&pbx, Listener::SipUdp, &remote(Some("other")), None), None);
        assert_eq!(shadowed(&pbx).count(), 0);
        let everyone = [Trunk::new("all".into()), trunks[0].clone()];
        assert_eq!(shadowed(&everyone).collect::<Vec<_>>(), [("one", "all")]);
        assert_eq!(recognize(&everyone, Listener::Http, &process(1), None).map(Trunk::name), Some("all"));
    }

    #[test]
    fn a_request_chooses_among_the_trunks_that_are_its_own() {
        let trunks = [
            Trunk::new("default".into()).with_uid(1),
            Trunk::new("7".into()).with_uid(1).with_max_attest(Attest::A).only_by_name(),
            Trunk::new("8".into()).with_uid(2).with_max_attest(Attest::A).only_by_name(),
            Trunk::new("later".into()).with_listener(Listener::Http).with_max_attest(Attest::A),
        ];
        let of = |uid, named| recognize(&trunks, Listener::Http, &process(uid), named).map(Trunk::name);
        assert_eq!(of(1, None), Some("default"));
        assert_eq!(of(1, Some("default")), Some("default"));
        assert_eq!(of(1, Some("7")), Some("7"));
        assert_eq!(of(1, Some("8")), None, "another's");
        assert_eq!(of(1, Some("later")), None, "the first that need not be named is its own");
        assert_eq!(of(1, Some("")), None);
        assert_eq!(of(2, None), Some("later"));
        assert_eq!(of(2, Some("later")), Some("later"));
        assert_eq!(shadowed(&trunks).count(), 0);
        // What must be named hides nothing, and is hidden by nothing.
        let all = Trunk::new("all".into());
        let named = Trunk::new("named".into()).with_uid(1).only_by_name();
        assert_eq!(shadowed(&[all.clone(), named]).count(), 0);
        assert_eq!(shadowed(&[all.only_by_name(), trunks[0].clone()]).count(), 0);
    }
}
