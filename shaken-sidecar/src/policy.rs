//! Which attestation level a call gets, and why. Pure: no I/O, no clock.
//!
//! A trunk is recognized by facts that the client cannot choose: the listener it connected to
//! and the user id that the kernel tells. What the request asks for can lower the level of the
//! trunk and never raise it.

use shaken_core::Attest;

/// Where requests come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Listener {
    /// HTTP on the Unix socket.
    Http,
}

/// A customer or carrier connection that calls come in on, and how far we vouch for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    name: String,
    listener: Option<Listener>,
    uid: Option<u32>,
    max_attest: Attest,
    customer: Option<String>,
    provider: Option<String>,
}

impl Trunk {
    /// A trunk that every request on every listener belongs to, at level C, the safe one. Narrow
    /// it with `with_*`.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self { name, listener: None, uid: None, max_attest: Attest::C, customer: None, provider: None }
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

    /// The highest level that calls on this trunk get, and the one they get when they ask for
    /// none.
    #[must_use]
    pub fn with_max_attest(self, max_attest: Attest) -> Self {
        Self { max_attest, ..self }
    }

    /// Whose calls they are, for the record.
    #[must_use]
    pub fn with_customer(self, customer: String) -> Self {
        Self { customer: Some(customer), ..self }
    }

    /// The voice service provider on whose behalf they are signed and verified, for the record.
    #[must_use]
    pub fn with_provider(self, provider: String) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// The customer, if the configuration names one.
    #[must_use]
    pub fn customer(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    /// The provider, if the configuration names one.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The name from the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn matches(&self, listener: Listener, uid: u32) -> bool {
        self.listener.is_none_or(|wanted| wanted == listener) && self.uid.is_none_or(|wanted| wanted == uid)
    }

    /// The level for a call on this trunk that asks for `requested`, or for nothing.
    #[must_use]
    pub fn decide(&self, requested: Option<Attest>) -> Decision {
        let (attest, reason) = match requested {
            None => (self.max_attest, Reason::TrunkDefault),
            Some(requested) => match requested.lower(self.max_attest) {
                attest if attest == requested => (attest, Reason::AsRequested),
                attest => (attest, Reason::CappedByTrunk),
            },
        };
        Decision {
            attest,
            reason,
            rule: format!("trunk \"{}\" max_attest = \"{}\"", self.name, self.max_attest),
        }
    }
}

/// The first trunk, in the order of the configuration, that a request belongs to.
#[must_use]
pub fn recognize(trunks: &[Trunk], listener: Listener, uid: u32) -> Option<&Trunk> {
    trunks.iter().find(|trunk| trunk.matches(listener, uid))
}

/// Trunks that no request can reach, each with the earlier one that takes all of theirs.
pub fn shadowed(trunks: &[Trunk]) -> impl Iterator<Item = (&str, &str)> {
    trunks.iter().enumerate().filter_map(|(i, later)| {
        let takes_all = |earlier: &&Trunk| {
            earlier.uid.is_none_or(|uid| later.uid == Some(uid))
                && earlier.listener.is_none_or(|listener| later.listener == Some(listener))
        };
        let earlier = trunks.iter().take(i).find(takes_all)?;
        Some((later.name(), earlier.name()))
    })
}

/// A level and its explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The level to sign with.
    pub attest: Attest,
    /// Why it is this one.
    pub reason: Reason,
    /// The line of the configuration that decided.
    pub rule: String,
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_lowers_and_never_raises() {
        for (max, requested, attest, reason) in [
            (Attest::A, Some(Attest::A), Attest::A, Reason::AsRequested),
            (Attest::A, Some(Attest::C), Attest::C, Reason::AsRequested),
            (Attest::B, Some(Attest::A), Attest::B, Reason::CappedByTrunk),
            (Attest::C, Some(Attest::B), Attest::C, Reason::CappedByTrunk),
            (Attest::B, None, Attest::B, Reason::TrunkDefault),
        ] {
            let decision = Trunk::new("t".into()).with_max_attest(max).decide(requested);
            assert_eq!((decision.attest, decision.reason), (attest, reason), "{max} {requested:?}");
        }
    }

    #[test]
    fn the_default_level_is_the_lowest() {
        assert_eq!(Trunk::new("t".into()).decide(Some(Attest::A)).attest, Attest::C);
    }

    #[test]
    fn trunks_are_recognized_in_order_by_all_that_they_name() {
        let trunks = [
            Trunk::new("one".into()).with_uid(1),
            Trunk::new("two".into()).with_uid(2).with_listener(Listener::Http),
        ];
        let name = |uid| recognize(&trunks, Listener::Http, uid).map(Trunk::name);
        assert_eq!((name(1), name(2), name(3)), (Some("one"), Some("two"), None));
        assert_eq!(shadowed(&trunks).count(), 0);
        let everyone = [Trunk::new("all".into()), trunks[0].clone()];
        assert_eq!(shadowed(&everyone).collect::<Vec<_>>(), [("one", "all")]);
        assert_eq!(recognize(&everyone, Listener::Http, 1).map(Trunk::name), Some("all"));
    }
}
