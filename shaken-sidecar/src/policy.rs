//! Which attestation level a call gets, and why. Pure: no I/O, no clock.
//!
//! A trunk is recognized by facts that the client cannot choose: the listener it connected to, the
//! user id that the kernel tells, on TCP the user whose secret it knows, and in SIP the peer whose
//! address it has. Among its own trunks a request may name one or carry the mark of one, if the
//! configuration lets it. What it asks for can lower the level of the trunk and never raise it.

pub mod data;
pub mod decision;
#[cfg(test)]
mod fixture;
mod matching;
pub mod numbers;
mod plan;
pub mod simulation;

use std::sync::Arc;

use shaken_core::Attest;
use shaken_core::passport::Ppt;

use crate::audit::Record;
use crate::listen::Client;
use matching::{Belongs, Marks};
pub use matching::{Carried, Mark, Match, Named};
pub use plan::{Plan, Written};

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
    of: Match,
    max_attest: Attest,
    signs: Vec<Ppt>,
    /// What the highest level is said to come from.
    rule: Arc<str>,
    customer: Option<Arc<str>>,
    provider: Option<Arc<str>>,
    decides: Arc<str>,
    replay: Replay,
    plan: Plan,
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

impl Trunk {
    /// A trunk of the requests that have what is in `of`, at level C, the safe one.
    #[must_use]
    pub fn new(name: String, of: Match) -> Self {
        Self {
            rule: rule(&name, Attest::C),
            name: name.into(),
            of,
            max_attest: Attest::C,
            signs: vec![Ppt::Shaken],
            customer: None,
            provider: None,
            decides: "policy".into(),
            replay: Replay::Allow,
            plan: Plan::E164,
        }
    }

    /// How numbers are dialled on it; with country code unless set.
    #[must_use]
    pub fn with_plan(self, plan: Plan) -> Self {
        Self { plan, ..self }
    }

    /// How numbers are dialled on it.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.plan
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
        (&self.of, &self.customer, &self.provider) == (&other.of, &other.customer, &other.provider)
    }

    /// What its requests have.
    #[must_use]
    pub fn of(&self) -> &Match {
        &self.of
    }

    /// Whether PASSporTs of type `ppt` are signed on it.
    #[must_use]
    pub fn signs(&self, ppt: Ppt) -> bool {
        self.signs.contains(&ppt)
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
/// names one, it is that one or none; and it is none if the request carries the marks of two, or one of them
/// not clearly: whoever can add a second mark must not get to choose.
#[must_use]
pub fn recognize<'a>(
    trunks: &'a [Trunk],
    listener: Listener,
    client: &Client,
    named: Option<&str>,
    carried: Carried<'_>,
) -> Option<&'a Trunk> {
    let marks = Marks::new(carried);
    let (mut found, mut first, mut mark) = (None, None, None);
    for trunk in trunks {
        let is_named = named == Some(trunk.name());
        if trunk.of.named == Named::Must && !is_named {
            continue;
        }
        match trunk.of.takes(listener, client, &marks) {
            Belongs::No => continue,
            Belongs::Unclear => return None,
            Belongs::Yes => {}
        }
        if mark.is_some_and(|other| trunk.of.mark.as_ref().is_some_and(|own| own != other)) {
            return None;
        }
        mark = mark.or(trunk.of.mark.as_ref());
        // Of those that need not be named only the first: naming a later one must not be a way around it.
        let is_reached =
            trunk.of.named == Named::Must || *first.get_or_insert_with(|| trunk.name()) == trunk.name();
        if is_reached && (named.is_none() || is_named) {
            found = found.or(Some(trunk));
        }
    }
    found
}

/// Trunks that no request can reach, each with the earlier one that takes all of theirs.
pub fn shadowed(trunks: &[Trunk]) -> impl Iterator<Item = (&str, &str)> {
    trunks.iter().enumerate().filter_map(|(i, later)| {
        let earlier = trunks.iter().take(i).find(|earlier| earlier.of.takes_all_of(&later.of))?;
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

    use hyper::HeaderMap;
    use shaken_core::sip::Request;

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
            let trunk = Trunk::new("t".into(), Match::default()).with_max_attest(max);
            let decision = trunk.decide(Ppt::Shaken, requested).unwrap();
            assert_eq!((decision.attest, decision.reason), (Some(attest), reason), "{max} {requested:?}");
        }
    }

    #[test]
    fn the_default_level_is_the_lowest() {
        let decision = Trunk::new("t".into(), Match::default()).decide(Ppt::Shaken, Some(Attest::A)).unwrap();
        assert_eq!(decision.attest, Some(Attest::C));
    }

    fn process(uid: u32) -> Client {
        Peer { uid, gid: 0, pid: None }.into()
    }

    fn remote(user: Option<&str>) -> Client {
        Client::from("192.0.2.1:9".parse::<SocketAddr>().unwrap()).known_as(user.map(str::to_owned))
    }

    fn uid(uid: u32) -> Match {
        Match { uid: Some(uid), ..Match::default() }
    }

    fn peer(name: &str) -> Match {
        Match { peer: Some(name.into()), ..Match::default() }
    }

    fn on(listener: Listener) -> Match {
        Match { listener: Some(listener), ..Match::default() }
    }

    fn trunk(name: &str, of: Match) -> Trunk {
        Trunk::new(name.into(), of)
    }

    #[test]
    fn trunks_are_recognized_in_order_by_all_that_they_name() {
        let trunks = [
            trunk("one", uid(1)),
            trunk("two", Match { listener: Some(Listener::Http), ..uid(2) }),
            trunk("three", Match { user: Some("pbx".into()), ..Match::default() }),
            trunk("four", on(Listener::HttpTcp)),
        ];
        let of =
            |listener, client| recognize(&trunks, listener, &client, None, Carried::Nothing).map(Trunk::name);
        let name = |uid| of(Listener::Http, process(uid));
        assert_eq!((name(1), name(2), name(3)), (Some("one"), Some("two"), None));
        assert_eq!(of(Listener::Resp, process(2)), None);
        assert_eq!(of(Listener::RespTcp, remote(Some("pbx"))), Some("three"));
        assert_eq!(of(Listener::HttpTcp, remote(None)), Some("four"));
        assert_eq!(of(Listener::RespTcp, remote(Some("other"))), None);
        assert_eq!(shadowed(&trunks).count(), 0);
        // A peer of SIP is no user, whatever they are called.
        let pbx = [trunks[2].clone(), trunk("sip", peer("pbx"))];
        let of = |listener, name| {
            recognize(&pbx, listener, &remote(Some(name)), None, Carried::Nothing).map(Trunk::name)
        };
        assert_eq!(of(Listener::HttpTcp, "pbx"), Some("three"));
        assert_eq!((of(Listener::SipUdp, "pbx"), of(Listener::SipTcp, "pbx")), (Some("sip"), Some("sip")));
        assert_eq!(of(Listener::SipUdp, "other"), None);
        assert_eq!(shadowed(&pbx).count(), 0);
        let everyone = [trunk("all", Match::default()), trunks[0].clone()];
        assert_eq!(shadowed(&everyone).collect::<Vec<_>>(), [("one", "all")]);
        let found = recognize(&everyone, Listener::Http, &process(1), None, Carried::Nothing);
        assert_eq!(found.map(Trunk::name), Some("all"));
    }

    #[test]
    fn a_request_chooses_among_the_trunks_that_are_its_own() {
        let named = |uid| Match { named: Named::Must, ..uid };
        let trunks = [
            trunk("default", uid(1)),
            trunk("7", named(uid(1))),
            trunk("8", named(uid(2))),
            trunk("later", on(Listener::Http)),
        ];
        let of = |uid, named| {
            recognize(&trunks, Listener::Http, &process(uid), named, Carried::Nothing).map(Trunk::name)
        };
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
        let all = Match::default();
        assert_eq!(shadowed(&[trunk("all", all.clone()), trunk("named", named(uid(1)))]).count(), 0);
        assert_eq!(shadowed(&[trunk("all", named(all)), trunks[0].clone()]).count(), 0);
    }

    #[test]
    fn a_mark_tells_the_trunks_of_one_client_apart_and_never_those_of_two() {
        let header = |value: &str| Some(Mark::Header { name: "X-Trunk".into(), value: value.into() });
        let tgrp = Mark::Tgrp { label: "TG-1".into(), context: "carrier.example.com".into() };
        let trunks = [
            trunk("dialer", Match { mark: header("dialer"), ..peer("sbc") }),
            trunk("other's", Match { mark: header("other"), ..peer("other") }),
            trunk("otg", Match { mark: Some(Mark::Otg("tg7".into())), ..peer("sbc") }),
            trunk("tgrp", Match { mark: Some(tgrp), ..peer("sbc") }),
            trunk("default", peer("sbc")),
        ];
        let of = |name: &str, contact: &str, more: &str| {
            let invite = format!(
                "INVITE sip:+12155550131@192.0.2.7 SIP/2.0\r\nFrom: <sip:+12155550121@192.0.2.1>;tag=1\r\n\
                 To: <sip:+12155550131@192.0.2.7>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:{contact}>\r\n\
                 {more}\r\n"
            );
            let invite = Request::parse(invite.as_bytes()).unwrap();
            let client = remote(Some(name));
            let found = recognize(&trunks, Listener::SipUdp, &client, None, Carried::Invite(&invite));
            found.map(Trunk::name)
        };
        let group = "+12155550121;tgrp=TG-1;trunk-context=carrier.example.com@192.0.2.1";
        assert_eq!(of("sbc", "192.0.2.1", ""), Some("default"));
        assert_eq!(of("sbc", "192.0.2.1", "X-Trunk: dialer\r\n"), Some("dialer"));
        assert_eq!(of("sbc", "192.0.2.1", "X-Trunk: Dialer\r\n"), Some("default"));
        assert_eq!(of("sbc", "192.0.2.1;otg=tg7", ""), Some("otg"));
        assert_eq!(of("sbc", group, ""), Some("tgrp"));
        assert_eq!(of("sbc", &group.replace("TG-1", "TG-2"), ""), Some("default"));
        assert_eq!(of("sbc", &group.replace("carrier.", "other."), ""), Some("default"));
        assert_eq!(of("sbc", group, "X-Trunk: dialer\r\n"), None, "the marks of two");
        assert_eq!(of("sbc", "192.0.2.1;otg=tg7", "X-Trunk: dialer\r\n"), None, "the marks of two");
        assert_eq!(of("sbc", "192.0.2.1", "X-Trunk: x, dialer\r\n"), None, "two in one line");
        assert_eq!(of("sbc", "192.0.2.1", "X-Trunk: other\r\n"), Some("default"), "not its own");
        assert_eq!(of("other", "192.0.2.1", "X-Trunk: dialer\r\n"), None);
        assert_eq!(of("other", "192.0.2.1", "X-Trunk: other\r\n"), Some("other's"));
        // Whoever adds a second one does not get the trunk that is there for calls without.
        assert_eq!(of("sbc", "192.0.2.1", "X-Trunk: x\r\nX-Trunk: dialer\r\n"), None);
        assert_eq!(of("sbc", "192.0.2.1;otg=tg7;otg=tg8", ""), None);
        assert_eq!(of("sbc", "+1;tgrp=TG-1@192.0.2.1", ""), None);
        assert_eq!(shadowed(&trunks).count(), 0);
        let reversed: Vec<_> = trunks.iter().rev().cloned().collect();
        let hidden: Vec<_> = shadowed(&reversed).collect();
        assert_eq!(hidden, [("tgrp", "default"), ("otg", "default"), ("dialer", "default")]);
    }

    #[test]
    fn a_header_of_http_is_a_mark_too() {
        let mark = Mark::Header { name: "X-Trunk".into(), value: "dialer".into() };
        let trunks = [trunk("dialer", Match { mark: Some(mark), ..uid(1) }), trunk("default", uid(1))];
        let of = |uid, values: &[&'static str]| {
            let values = values.iter().map(|value| ("x-trunk".parse().unwrap(), value.parse().unwrap()));
            let headers: HeaderMap = values.fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append::<hyper::header::HeaderName>(name, value);
                headers
            });
            let carried = Carried::Http(&headers);
            recognize(&trunks, Listener::Http, &process(uid), None, carried).map(Trunk::name)
        };
        assert_eq!(of(1, &[]), Some("default"));
        assert_eq!(of(1, &["dialer"]), Some("dialer"));
        assert_eq!(of(1, &["dialer", "dialer"]), Some("dialer"));
        assert_eq!(of(1, &["other"]), Some("default"));
        assert_eq!((of(1, &["dialer", "other"]), of(1, &["other", "dialer"])), (None, None));
        assert_eq!(of(2, &["dialer"]), None);
    }
}
