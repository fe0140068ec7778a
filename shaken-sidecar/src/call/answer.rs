//! What comes of a request.

use std::sync::Arc;

use shaken_core::passport::Ppt;
use shaken_core::{Attest, Error, Verstat};

use crate::audit::AuditError;
use crate::policy::{self, decision};

/// A signed call.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The value of the Identity header.
    pub identity: String,
    /// The tracing value in it, if its type has one.
    pub origid: Option<String>,
    /// Its time in seconds since 1970.
    pub iat: u64,
    /// The level in it, if its type has one.
    pub attest: Option<Attest>,
    /// What decided so.
    pub decided: Decided,
    /// Index of the record, if it is durable.
    pub record: Option<u64>,
}

/// What decided on a call to sign, as its record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Why.
    pub reason: &'static str,
    /// The line of the configuration; empty if none was looked for.
    pub rule: Arc<str>,
    /// What was in force, policy or configuration, if it has a name.
    pub generation: Option<Arc<str>>,
    /// Whose decision it was, if it is told.
    pub decided_by: Option<Arc<str>>,
}

/// A call that was looked at, whatever came out.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What the signer said, if the call passes; else why it does not.
    pub outcome: Result<Attested, Error>,
    /// What came of each Identity header, in their order; nothing if none of them was looked at.
    pub headers: Vec<JudgedHeader>,
    /// Whether the PASSporT came with another call before, as far as that is looked for.
    pub replay: bool,
    /// Index of the record, if it is durable.
    pub record: Option<u64>,
}

impl Judged {
    /// The `verstat` of the call.
    #[must_use]
    pub fn verstat(&self) -> Verstat {
        self.outcome.as_ref().map_or_else(Error::verstat, |_| Verstat::Passed)
    }

    /// The same in one word, with the level, for scripts: `VALID-A`, `VALID-B`, `VALID-C`, `INVALID`
    /// or `NO-VALIDATION`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (&self.outcome, self.verstat()) {
            (Ok(Attested { attest: Attest::A, .. }), _) => "VALID-A",
            (Ok(Attested { attest: Attest::B, .. }), _) => "VALID-B",
            (Ok(Attested { attest: Attest::C, .. }), _) => "VALID-C",
            (Err(_), Verstat::Failed) => "INVALID",
            (Err(_), _) => "NO-VALIDATION",
        }
    }
}

/// What came of one Identity header.
#[derive(Clone, Debug)]
pub struct JudgedHeader {
    /// The PASSporT type, if it is known.
    pub ppt: Option<Ppt>,
    /// Why it does not hold in itself, if it does not. Whether the call passes is another question.
    pub error: Option<Error>,
}

/// What a verified `shaken` PASSporT says beyond the numbers.
#[derive(Clone, Debug)]
pub struct Attested {
    /// Attestation level.
    pub attest: Attest,
    /// Tracing value of the signer.
    pub origid: String,
}

/// Why a request gets no answer of its kind.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The client belongs to no trunk, or not to the one that it named.
    TrunkUnknown,
    /// PASSporTs of this type are not signed for the trunk.
    PptNotAllowed,
    /// By policy the call goes on as it came.
    Unsigned(decision::Reason, Box<Decided>),
    /// By policy the call is to be refused.
    Blocked(decision::Reason, Box<Decided>),
    /// The policy only observes: the call goes on as it came, and this it would have decided.
    Observed(Box<Decided>),
    /// The daemon has no key (to sign) or no trust anchors (to verify), or the listener is not for it.
    NotOffered,
    /// The request can't be signed as it is.
    Unsignable(Error),
    /// No record could be made, so there is no answer either.
    Audit(AuditError),
    /// There is too much to do; see [`Limits`](crate::limits::Limits).
    Overload,
    /// Its deadline had passed before anything was done for it.
    Late,
}

impl Refusal {
    /// The HTTP status that says so.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            // The provider is at fault, and may be in order again soon.
            Self::Unsigned(
                decision::Reason::CertExpired
                | decision::Reason::CertNotCovering
                | decision::Reason::KeyUnavailable,
                _,
            ) => 503,
            Self::TrunkUnknown
            | Self::PptNotAllowed
            | Self::Unsigned(..)
            | Self::Blocked(..)
            | Self::Observed(_)
            | Self::Unsignable(Error::TnNotAuthorized) => 403,
            Self::NotOffered => 404,
            Self::Unsignable(Error::CertExpired { .. } | Error::CertNotYetValid { .. })
            | Self::Audit(_)
            | Self::Overload
            | Self::Late => 503,
            Self::Unsignable(error) if error.code() >= 700 => 500,
            Self::Unsignable(_) => 400,
        }
    }

    /// A stable name for scripts: that of the error, or of the reason.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::TrunkUnknown => policy::Reason::TrunkUnknown.name(),
            Self::PptNotAllowed => policy::Reason::PptNotAllowed.name(),
            Self::Unsigned(reason, _) | Self::Blocked(reason, _) => reason.name(),
            Self::Observed(_) => "OBSERVED",
            Self::NotOffered => "NOT_OFFERED",
            Self::Unsignable(error) => error.name(),
            Self::Audit(_) => "audit",
            Self::Overload => "overload",
            Self::Late => "deadline",
        }
    }

    /// What decided so, if it is a decision about the call.
    #[must_use]
    pub fn decided(&self) -> Option<&Decided> {
        match self {
            Self::Unsigned(_, decided) | Self::Blocked(_, decided) | Self::Observed(decided) => Some(decided),
            _ => None,
        }
    }
}

impl From<AuditError> for Refusal {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}
