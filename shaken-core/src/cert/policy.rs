//! Certificate policies, as far as a CA demands them (RFC 5280 §6.1, RFC 9618).
//!
//! An STI verifier asks for no policy itself: it takes any, so that live certificates with and
//! without one pass. But a CA may demand that one policy holds for all that is issued under it,
//! and what it demands is kept. Since any policy will do in the end, only those of the last
//! certificate matter and not how they came there: instead of the tree of RFC 5280, whose size
//! an attacker chooses, one level of the graph of RFC 9618 is held at a time.
//!
//! Not read: qualifiers. The demands of a trust anchor are not part of the path (RFC 5280 §6.1).

use std::collections::{BTreeMap, BTreeSet};

use super::certificate::Certificate;
use crate::Error;
use crate::der::{Elements, Malformed, tag};

/// How many policies, and how many mappings, a certificate may have. Live ones have two.
const MAX_POLICIES: usize = 64;

/// 2.5.29.32.0
const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0];

/// What one certificate says of policies; an extension that cannot be read says nothing. Object
/// identifiers stand as in DER.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    listed: Option<BTreeSet<Box<[u8]>>>,
    /// The policies of the issuer's domain, each with what it is called in the subject's.
    mappings: BTreeMap<Box<[u8]>, BTreeSet<Box<[u8]>>>,
    require_explicit: Option<u32>,
    inhibit_mapping: Option<u32>,
    inhibit_any: Option<u32>,
}

impl Policies {
    /// certificatePolicies: `SEQUENCE SIZE (1..MAX) OF SEQUENCE { policyIdentifier,
    /// policyQualifiers SEQUENCE OPTIONAL }`
    pub(super) fn read_listed(&mut self, mut value: Elements<'_>) -> Result<(), Malformed> {
        let mut list = value.expect(tag::SEQUENCE)?;
        value.finish()?;
        let mut listed = BTreeSet::new();
        while !list.is_empty() {
            let mut policy = list.expect(tag::SEQUENCE)?;
            let id = policy.expect(tag::OBJECT_IDENTIFIER)?;
            policy.optional(tag::SEQUENCE)?;
            policy.finish()?;
            // One that stands twice, against RFC 5280 §4.2.1.4, makes nobody read another set.
            listed.insert(id.bytes().into());
            if listed.len() > MAX_POLICIES {
                return Err(id.malformed());
            }
        }
        if listed.is_empty() {
            return Err(list.malformed());
        }
        self.listed = Some(listed);
        Ok(())
    }

    /// policyMappings: `SEQUENCE SIZE (1..MAX) OF SEQUENCE { issuerDomainPolicy,
    /// subjectDomainPolicy }`
    pub(super) fn read_mappings(&mut self, mut value: Elements<'_>) -> Result<(), Malformed> {
        let mut list = value.expect(tag::SEQUENCE)?;
        value.finish()?;
        let mut mappings = BTreeMap::<_, BTreeSet<_>>::new();
        let mut count = 0;
        while !list.is_empty() {
            let mut mapping = list.expect(tag::SEQUENCE)?;
            let issuer = mapping.expect(tag::OBJECT_IDENTIFIER)?.bytes();
            let subject = mapping.expect(tag::OBJECT_IDENTIFIER)?.bytes();
            mapping.finish()?;
            mappings.entry(issuer.into()).or_default().insert(subject.into());
            count += 1;
            if count > MAX_POLICIES {
                return Err(mapping.malformed());
            }
        }
        if count == 0 {
            return Err(list.malformed());
        }
        self.mappings = mappings;
        Ok(())
    }

    /// policyConstraints: `SEQUENCE { requireExplicitPolicy [0] INTEGER OPTIONAL,
    /// inhibitPolicyMapping [1] INTEGER OPTIONAL }`, not both absent
    pub(super) fn read_constraints(&mut self, mut value: Elements<'_>) -> Result<(), Malformed> {
        let mut fields = value.expect(tag::SEQUENCE)?;
        value.finish()?;
        if fields.is_empty() {
            return Err(fields.malformed());
        }
        let (require_explicit, inhibit_mapping) = (skip_certs(&mut fields, 0)?, skip_certs(&mut fields, 1)?);
        fields.finish()?;
        (self.require_explicit, self.inhibit_mapping) = (require_explicit, inhibit_mapping);
        Ok(())
    }

    /// inhibitAnyPolicy: `INTEGER (0..MAX)`
    pub(super) fn read_inhibit_any(&mut self, mut value: Elements<'_>) -> Result<(), Malformed> {
        let skip_certs = value.count()?;
        value.finish()?;
        self.inhibit_any = Some(skip_certs);
        Ok(())
    }
}

/// `[number] IMPLICIT INTEGER (0..MAX) OPTIONAL`
fn skip_certs(fields: &mut Elements<'_>, number: u8) -> Result<Option<u32>, Malformed> {
    match fields.optional(tag::implicit(number))? {
        Some(contents) => contents.as_count().map(Some),
        None => Ok(None),
    }
}

/// Checks the policies of `path`, all below the anchor, the end entity first.
///
/// # Errors
/// [`Error::CertPolicy`].
pub(super) fn check(path: &[&Certificate]) -> Result<(), Error> {
    let mut state = State {
        level: Some(BTreeMap::from([(ANY_POLICY, BTreeSet::from([ANY_POLICY]))])),
        explicit_policy: u32::MAX,
        policy_mapping: u32::MAX,
        inhibit_any: u32::MAX,
    };
    let (end_entity, issuers) = path.split_first().ok_or(Error::CertPolicy)?;
    for issuer in issuers.iter().rev() {
        state.enter(issuer, Place::Issuer);
        state.prepare_next(issuer)?;
    }
    state.enter(end_entity, Place::EndEntity);
    // RFC 5280 §6.1.5 (a), (b), (g).
    let policies = &end_entity.extensions.policies;
    let demanded = state.explicit_policy <= 1 || policies.require_explicit == Some(0);
    if demanded && state.level.is_none() { Err(Error::CertPolicy) } else { Ok(()) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Issuer,
    EndEntity,
}

/// The variables of RFC 5280 §6.1.2 between two certificates. A number counts the certificates
/// after which its rule sets in.
struct State<'a> {
    /// Each policy that is valid so far, with what it is called in the next certificate; `None`
    /// if no policy is.
    level: Option<BTreeMap<&'a [u8], BTreeSet<&'a [u8]>>>,
    explicit_policy: u32,
    policy_mapping: u32,
    inhibit_any: u32,
}

impl<'a> State<'a> {
    /// RFC 5280 §6.1.3 (d), (e). Its (f) needs no check of its own: where no policy is left none
    /// comes back, and what is demanded once is demanded in the end.
    fn enter(&mut self, certificate: &'a Certificate, place: Place) {
        let listed = certificate.extensions.policies.listed.as_ref();
        let any_counts = self.inhibit_any > 0 || (place == Place::Issuer && certificate.is_self_issued());
        self.level = match (self.level.take(), listed) {
            (Some(above), Some(listed)) => descend(&above, listed, any_counts),
            _ => None,
        };
    }

    /// RFC 5280 §6.1.4 (a), (b), (h), (i), (j).
    fn prepare_next(&mut self, certificate: &'a Certificate) -> Result<(), Error> {
        let policies = &certificate.extensions.policies;
        for (issuer_policy, subject_policies) in &policies.mappings {
            if **issuer_policy == *ANY_POLICY || subject_policies.contains(ANY_POLICY) {
                return Err(Error::CertPolicy);
            }
            let Some(level) = &mut self.level else { continue };
            if self.policy_mapping == 0 {
                level.remove(&**issuer_policy);
            } else if level.contains_key(&**issuer_policy) || level.contains_key(ANY_POLICY) {
                level.insert(issuer_policy, subject_policies.iter().map(|policy| &**policy).collect());
            }
        }
        self.level = self.level.take().filter(|level| !level.is_empty());
        if !certificate.is_self_issued() {
            for number in [&mut self.explicit_policy, &mut self.policy_mapping, &mut self.inhibit_any] {
                *number = number.saturating_sub(1);
            }
        }
        let lower = |number: &mut u32, limit: Option<u32>| *number = (*number).min(limit.unwrap_or(u32::MAX));
        lower(&mut self.explicit_policy, policies.require_explicit);
        lower(&mut self.policy_mapping, policies.inhibit_mapping);
        lower(&mut self.inhibit_any, policies.inhibit_any);
        Ok(())
    }
}

/// The policies of `listed` that are valid below those of `above`.
fn descend<'a>(
    above: &BTreeMap<&'a [u8], BTreeSet<&'a [u8]>>,
    listed: &'a BTreeSet<Box<[u8]>>,
    any_counts: bool,
) -> Option<BTreeMap<&'a [u8], BTreeSet<&'a [u8]>>> {
    let expected: BTreeSet<&[u8]> = above.values().flatten().copied().collect();
    let any_above = above.contains_key(ANY_POLICY);
    let named = listed.iter().map(|policy| &**policy).filter(|policy| *policy != ANY_POLICY);
    let mut valid: BTreeSet<&[u8]> = named.filter(|policy| any_above || expected.contains(policy)).collect();
    if any_counts && listed.contains(ANY_POLICY) {
        valid.extend(expected);
    }
    let level: BTreeMap<_, _> = valid.into_iter().map(|policy| (policy, BTreeSet::from([policy]))).collect();
    Some(level).filter(|level| !level.is_empty())
}
