//! Rights to numbers and the evidence for them. The only place where a call can come by level A.

use shaken_core::Attest;

use super::written::word_of;

/// Who may use some numbers, on which trunks, why, and until when. The numbers themselves are in the
/// table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// Index of the customer.
    pub customer: u32,
    /// Indices of the trunks that it is for; all trunks of the customer if none are given.
    pub trunks: Box<[u32]>,
    /// What it rests on.
    pub basis: Basis,
    /// Indices of the evidence, all of which must hold.
    pub evidence: Box<[u32]>,
    /// The first second it holds, since 1970.
    pub valid_from: Option<i64>,
    /// The first second it no longer does, since 1970.
    pub valid_until: Option<i64>,
    /// The highest level it gives: A or B.
    pub max_level: MaxLevel,
}

/// The highest level that a right gives. C needs no right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "levels above the one that needs no right")]
pub enum MaxLevel {
    /// Full attestation.
    A,
    /// Partial attestation.
    B,
}

/// What a right rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the bases of the file format")]
pub enum Basis {
    /// The provider assigned the number to the customer.
    Assigned,
    /// The number was ported to the provider for the customer.
    PortedIn,
    /// A letter of authorization.
    Loa,
    /// The record of a toll-free number's responsible organization.
    Resporg,
    /// A delegate certificate, with which the customer signs each call itself.
    DelegateCert,
    /// A call to the number that was answered as agreed.
    CallbackTest,
    /// A lease.
    Lease,
    /// Roaming.
    Roaming,
    /// The number has gone to another provider: no customer of this one has a right to it.
    PortedOut,
}

impl Basis {
    /// All of them.
    pub(super) const ALL: [Self; 9] = [
        Self::Assigned,
        Self::PortedIn,
        Self::Loa,
        Self::Resporg,
        Self::DelegateCert,
        Self::CallbackTest,
        Self::Lease,
        Self::Roaming,
        Self::PortedOut,
    ];

    /// As in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::PortedIn => "ported_in",
            Self::Loa => "loa",
            Self::Resporg => "resporg",
            Self::DelegateCert => "delegate_cert",
            Self::CallbackTest => "callback_test",
            Self::Lease => "lease",
            Self::Roaming => "roaming",
            Self::PortedOut => "ported_out",
        }
    }

    /// Whether it says whose the number is: it is one customer's.
    pub(crate) const fn is_assignment(self) -> bool {
        matches!(self, Self::Assigned | Self::PortedIn)
    }

    /// Whether the provider's own records are enough.
    const fn needs_evidence(self) -> bool {
        !matches!(self, Self::Assigned | Self::PortedIn | Self::PortedOut)
    }
}

/// A document or test that a right or the vetting of a customer rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its name in the files and in records.
    pub id: String,
    /// What it is.
    pub kind: EvidenceKind,
    /// SHA-256 of the document; of a certificate, of its DER form.
    pub sha256: Option<[u8; 32]>,
    /// Where the document is.
    pub uri: String,
    /// The first second it holds, since 1970.
    pub issued_at: Option<i64>,
    /// The first second it no longer does, since 1970.
    pub expires_at: Option<i64>,
    /// Who looked at it.
    pub reviewed_by: String,
}

impl Evidence {
    pub(super) fn holds(&self, now: i64) -> bool {
        self.issued_at.is_none_or(|from| from <= now) && self.expires_at.is_none_or(|until| now < until)
    }
}

/// What a piece of evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
#[expect(clippy::exhaustive_enums, reason = "the types of the file format")]
pub enum EvidenceKind {
    LoaPdf,
    Invoice,
    ResporgRecord,
    TestCall,
    Contract,
    KycReport,
    Cert,
}

impl EvidenceKind {
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("loa_pdf", Self::LoaPdf),
        ("invoice", Self::Invoice),
        ("resporg_record", Self::ResporgRecord),
        ("test_call", Self::TestCall),
        ("contract", Self::Contract),
        ("kyc_report", Self::KycReport),
        ("cert", Self::Cert),
    ];

    /// As in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        word_of(self, &Self::ALL)
    }
}

/// That a right holds for a call, now. Only [`Right::grant`] makes one, and level A is only made of one.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'p> {
    right: &'p Right,
}

impl<'p> Granted<'p> {
    /// The right.
    #[must_use]
    pub fn right(self) -> &'p Right {
        self.right
    }

    /// The level it gives.
    #[must_use]
    pub fn level(self) -> Attest {
        match self.right.max_level {
            MaxLevel::A => Attest::A,
            MaxLevel::B => Attest::B,
        }
    }
}

/// Why a right of the customer does not hold for a call; the later, the nearer it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "all that a right is asked")]
pub enum Shortfall {
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Expired,
    /// It is for other trunks.
    NotOnTrunk,
    /// It rests on evidence that nobody has named.
    EvidenceMissing,
    /// It rests on evidence that no longer holds, or not yet.
    EvidenceExpired,
    /// It rests on a delegate certificate, and the call brings no PASSporT signed with that.
    DelegateAbsent,
}

impl Right {
    /// Whether it holds on `trunk` for a call that came with PASSporTs which were verified with the
    /// certificates that have the SHA-256 `delegates`, at `now` in seconds since 1970. A right of
    /// [`Basis::PortedOut`] never does.
    ///
    /// # Errors
    /// The first [`Shortfall`] there is.
    pub fn grant<'p>(
        &'p self,
        trunk: u32,
        delegates: &[[u8; 32]],
        evidence: &[Evidence],
        now: i64,
    ) -> Result<Granted<'p>, Shortfall> {
        if self.valid_from.is_some_and(|from| now < from) {
            return Err(Shortfall::NotYet);
        }
        if self.basis == Basis::PortedOut || self.valid_until.is_some_and(|until| now >= until) {
            return Err(Shortfall::Expired);
        }
        if !self.trunks.is_empty() && !self.trunks.contains(&trunk) {
            return Err(Shortfall::NotOnTrunk);
        }
        let mut named = self.evidence.iter().map(|index| evidence.get(*index as usize));
        if self.evidence.is_empty() && self.basis.needs_evidence() {
            return Err(Shortfall::EvidenceMissing);
        }
        if !named.all(|evidence| evidence.is_some_and(|evidence| evidence.holds(now))) {
            return Err(Shortfall::EvidenceExpired);
        }
        let is_presented = || {
            let mut named = self.evidence.iter().filter_map(|index| evidence.get(*index as usize));
            named.any(|named| {
                named.kind == EvidenceKind::Cert
                    && named.sha256.is_some_and(|sha256| delegates.contains(&sha256))
            })
        };
        if self.basis == Basis::DelegateCert && !is_presented() {
            return Err(Shortfall::DelegateAbsent);
        }
        Ok(Granted { right: self })
    }

    /// Whether it says, at `now`, that the number has gone to another provider.
    #[must_use]
    pub fn is_ported_out(&self, now: i64) -> bool {
        self.basis == Basis::PortedOut && self.is_in_its_time(now)
    }

    /// Whether it says, at `now`, whose the number is.
    pub(crate) fn is_assigned(&self, now: i64) -> bool {
        self.basis.is_assignment() && self.is_in_its_time(now)
    }

    /// Whether there are calls for which it can hold.
    pub(super) fn can_hold(&self) -> bool {
        self.basis != Basis::PortedOut && !(self.evidence.is_empty() && self.basis.needs_evidence())
    }

    fn is_in_its_time(&self, now: i64) -> bool {
        self.valid_from.is_none_or(|from| from <= now) && self.valid_until.is_none_or(|until| now < until)
    }
}
