//! Why a call gets what it gets, in one word.

/// Why, in the order in which reasons are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "`meaning` says it of each")]
pub enum Reason {
    TrunkUnknown,
    PptNotAllowed,
    Emergency,
    TnAnonymous,
    TnInvalid,
    DnoListed,
    TnUnallocated,
    DupAvoided,
    PassedThrough,
    UnsignedBlocked,
    Replaced,
    NotOriginating,
    DivAdded,
    DivNoRight,
    DivCaller,
    TrunkUnauthenticated,
    CustUnvetted,
    CustExpired,
    CustRevoked,
    RightOk,
    RightPartial,
    DelegateOk,
    PortedOut,
    DelegateAbsent,
    EvidenceExpired,
    EvidenceMissing,
    RightNotOnTrunk,
    RightExpired,
    RightNotYet,
    HolderUnvetted,
    RightOtherCustomer,
    RightNone,
    CappedByTrunk,
    RuleCap,
    RuleUnsigned,
    RuleBlock,
    RuleCertificate,
    CappedByRequest,
    PriorityAllowed,
    CertOk,
    CertExpired,
    CertNotCovering,
    KeyUnavailable,
}

impl Reason {
    /// All of them, in order.
    pub const ALL: [Self; 43] = [
        Self::TrunkUnknown,
        Self::PptNotAllowed,
        Self::Emergency,
        Self::TnAnonymous,
        Self::TnInvalid,
        Self::DnoListed,
        Self::TnUnallocated,
        Self::DupAvoided,
        Self::PassedThrough,
        Self::UnsignedBlocked,
        Self::Replaced,
        Self::NotOriginating,
        Self::DivAdded,
        Self::DivNoRight,
        Self::DivCaller,
        Self::TrunkUnauthenticated,
        Self::CustUnvetted,
        Self::CustExpired,
        Self::CustRevoked,
        Self::RightOk,
        Self::RightPartial,
        Self::DelegateOk,
        Self::PortedOut,
        Self::DelegateAbsent,
        Self::EvidenceExpired,
        Self::EvidenceMissing,
        Self::RightNotOnTrunk,
        Self::RightExpired,
        Self::RightNotYet,
        Self::HolderUnvetted,
        Self::RightOtherCustomer,
        Self::RightNone,
        Self::CappedByTrunk,
        Self::RuleCap,
        Self::RuleUnsigned,
        Self::RuleBlock,
        Self::RuleCertificate,
        Self::CappedByRequest,
        Self::PriorityAllowed,
        Self::CertOk,
        Self::CertExpired,
        Self::CertNotCovering,
        Self::KeyUnavailable,
    ];

    /// The stable name, and what it means.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::TrunkUnknown => ("TRUNK_UNKNOWN", "the call came in on no trunk of the policy"),
            Self::PptNotAllowed => ("PPT_NOT_ALLOWED", "the trunk gets no PASSporT of the type asked for"),
            Self::Emergency => ("EMERGENCY", "an emergency call: nothing blocks it"),
            Self::TnAnonymous => ("TN_ANONYMOUS", "no calling number is known"),
            Self::TnInvalid => ("TN_INVALID", "the calling number is none in international form"),
            Self::DnoListed => ("DNO_LISTED", "nobody calls from the number"),
            Self::TnUnallocated => ("TN_UNALLOCATED", "nobody has the number"),
            Self::DupAvoided => ("DUP_AVOIDED", "we have signed the call already"),
            Self::PassedThrough => ("PASSED_THROUGH", "the call goes on as it came"),
            Self::UnsignedBlocked => {
                ("UNSIGNED_BLOCKED", "the trunk takes no calls without an Identity header")
            }
            Self::Replaced => ("REPLACED", "the call is signed although it came signed"),
            Self::NotOriginating => ("NOT_ORIGINATING", "the call did not originate here"),
            Self::DivAdded => ("DIV_ADDED", "diverted from a number that the customer may use"),
            Self::DivNoRight => ("DIV_NO_RIGHT", "diverted from a number that the customer may not use"),
            Self::DivCaller => ("DIV_CALLER", "diverted; the calling number is not the customer's"),
            Self::TrunkUnauthenticated => {
                ("TRUNK_UNAUTHENTICATED", "the connection does not show whose calls they are")
            }
            Self::CustUnvetted => ("CUST_UNVETTED", "the customer has not been vetted"),
            Self::CustExpired => ("CUST_EXPIRED", "the vetting of the customer has expired"),
            Self::CustRevoked => ("CUST_REVOKED", "the vetting of the customer was revoked"),
            Self::RightOk => ("RIGHT_OK", "the customer may use the number"),
            Self::RightPartial => ("RIGHT_PARTIAL", "the right to the number gives B at most"),
            Self::DelegateOk => {
                ("DELEGATE_OK", "the customer may use the number and has signed the call itself")
            }
            Self::PortedOut => ("PORTED_OUT", "the number has gone to another provider"),
            Self::DelegateAbsent => ("DELEGATE_ABSENT", "the right needs a PASSporT of the customer's own"),
            Self::EvidenceExpired => ("EVIDENCE_EXPIRED", "evidence for the right does not hold now"),
            Self::EvidenceMissing => ("EVIDENCE_MISSING", "the right has no evidence"),
            Self::RightNotOnTrunk => ("RIGHT_NOT_ON_TRUNK", "the right is for other trunks"),
            Self::RightExpired => ("RIGHT_EXPIRED", "the right has expired"),
            Self::RightNotYet => ("RIGHT_NOT_YET", "the right has not begun"),
            Self::HolderUnvetted => {
                ("HOLDER_UNVETTED", "the right is a sub-customer's who is not vetted now")
            }
            Self::RightOtherCustomer => ("RIGHT_OTHER_CUSTOMER", "the number is another customer's"),
            Self::RightNone => ("RIGHT_NONE", "nobody has a right to the number"),
            Self::CappedByTrunk => ("CAPPED_BY_TRUNK", "the trunk allows no more"),
            Self::RuleCap => ("RULE_CAP", "a rule allows no more"),
            Self::RuleUnsigned => ("RULE_UNSIGNED", "a rule lets the call go on unsigned"),
            Self::RuleBlock => ("RULE_BLOCK", "a rule blocks the call"),
            Self::RuleCertificate => ("RULE_CERTIFICATE", "a rule chose the certificate"),
            Self::CappedByRequest => ("CAPPED_BY_REQUEST", "the request asked for no more"),
            Self::PriorityAllowed => ("PRIORITY_ALLOWED", "the trunk may send calls of priority"),
            Self::CertOk => ("CERT_OK", "the certificate may sign for the number"),
            Self::CertExpired => ("CERT_EXPIRED", "the certificate is not valid now"),
            Self::CertNotCovering => ("CERT_NOT_COVERING", "no certificate may sign for the number"),
            Self::KeyUnavailable => ("KEY_UNAVAILABLE", "there is no key to sign with"),
        }
    }

    /// The stable UPPER_SNAKE name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// What it means, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.words().1
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
