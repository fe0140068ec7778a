//! What a configuration makes of the daemon: one value, replaced as a whole by a reload or a newer
//! list. Whoever works on a request takes it once.

use std::sync::Arc;
use std::time::Duration;

use shaken_core::Signer;

use crate::api::Remotes;
use crate::call::{IdentityKept, Offers, Signing, Verification};
use crate::config::Config;
use crate::limits::{LimitOptions, Limits};
use crate::listen::Users;
use crate::policy::Trunk;
use crate::ruling::Ruling;
use crate::sip;

/// The state in force.
#[derive(Clone, Debug)]
pub struct InForce {
    pub(crate) ruling: Option<Arc<Ruling>>,
    pub(crate) verification: Option<Arc<Verification>>,
    pub(crate) trunks: Arc<[Trunk]>,
    pub(crate) generation: Option<Arc<str>>,
    pub(crate) identity: IdentityKept,
    pub(crate) deadline: Duration,
    pub(crate) admin_uids: Arc<[u32]>,
    pub(crate) http_tcp: DoorRules<Arc<Remotes>>,
    pub(crate) resp: DoorRules<Arc<Users>>,
    pub(crate) sip: sip::Rules,
    pub(crate) limits: Arc<Limits>,
}

/// What a door is for, and whom it asks for a secret.
#[derive(Clone, Debug)]
pub(crate) struct DoorRules<T> {
    pub(crate) offers: Offers,
    pub(crate) whom: Option<T>,
}

impl<T> Default for DoorRules<T> {
    fn default() -> Self {
        Self { offers: Offers::All, whom: None }
    }
}

impl InForce {
    /// Offers `signer` and `verification` to `trunks`, all of it to nobody on TCP.
    #[must_use]
    pub fn new(signer: Option<Signer>, verification: Option<Verification>, trunks: Vec<Trunk>) -> Self {
        Self {
            ruling: signer.map(|signer| Arc::new(Ruling::ByTrunk(Box::new(Signing::new(signer))))),
            verification: verification.map(Arc::new),
            trunks: trunks.into(),
            generation: None,
            identity: IdentityKept::Full,
            deadline: DEADLINE,
            admin_uids: Arc::new([]),
            http_tcp: DoorRules::default(),
            resp: DoorRules::default(),
            sip: sip::Rules::default(),
            limits: Arc::new(Limits::new(LimitOptions::default())),
        }
    }

    /// What `config` says, at `now` in seconds since 1970. What was learned under `before` is kept:
    /// certificates, verification tables.
    #[must_use]
    pub fn of(config: Config, before: Option<&Self>, now: i64) -> Self {
        // What is under way keeps counting.
        let limits = match before.filter(|before| before.limits.options() == config.limits) {
            Some(before) => Arc::clone(&before.limits),
            None => Arc::new(Limits::new(config.limits)),
        };
        let before = before.and_then(|before| before.verification.as_deref());
        let verification = config.verification.map(|trusting| trusting.start(before, now));
        let http_tcp = config.http_tcp.map_or_else(DoorRules::default, |http| DoorRules {
            offers: http.offers,
            whom: Some(Arc::new(http.remotes)),
        });
        let resp = config.resp.map_or_else(DoorRules::default, |resp| DoorRules {
            offers: resp.offers,
            whom: resp.tcp.map(|(_, users)| Arc::new(users)),
        });
        Self {
            generation: Some(config.generation.into()),
            identity: config.identity,
            deadline: config.deadline,
            admin_uids: config.admin_uids.into(),
            http_tcp,
            resp,
            sip: config.sip.map_or_else(sip::Rules::default, |sip| sip.rules),
            limits,
            ruling: config.ruling.map(Arc::new),
            ..Self::new(None, verification, config.trunks)
        }
    }

    /// The same, with another deadline of requests.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_limits(self, options: LimitOptions) -> Self {
        Self { limits: Arc::new(Limits::new(options)), ..self }
    }

    /// The same, and over SIP it answers others.
    #[must_use]
    pub fn with_sip(self, sip: sip::Rules) -> Self {
        Self { sip, ..self }
    }

    /// How much work is taken on.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What decides and signs, if the daemon offers it.
    #[must_use]
    pub fn ruling(&self) -> Option<&Ruling> {
        self.ruling.as_deref()
    }

    /// What verifies, if the daemon offers it.
    #[must_use]
    pub fn verification(&self) -> Option<&Verification> {
        self.verification.as_deref()
    }

    /// The configuration that it comes from.
    #[must_use]
    pub fn generation(&self) -> Option<&str> {
        self.generation.as_deref()
    }

    /// Time for one request.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

/// That of a configuration which sets none.
const DEADLINE: Duration = Duration::from_secs(3);
