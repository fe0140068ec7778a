//! For which certificates a revocation list speaks: issuingDistributionPoint of the list against
//! cRLDistributionPoints of the certificate (RFC 5280 §5.2.5, §4.2.1.13, §6.3.3 (b)).

use crate::cert::Certificate;
use crate::cert::name::{GeneralName, Name};
use crate::der::{Elements, Malformed, tag};

/// What a list says of its own scope. The default speaks for all certificates of its issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    names: Option<Vec<GeneralName>>,
    kind: Kind,
    reasons: Reasons,
    pub(super) entries: Entries,
}

/// Whose certificates the entries of a list may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Entries {
    /// Those of the list's own issuer alone.
    #[default]
    OfIssuer,
    /// Those of any issuer: indirectCRL.
    OfAny,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Any,
    EndEntities,
    Cas,
    Attributes,
}

/// A set of revocation reasons: the bits of ReasonFlags, the first one highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reasons(u16);

impl Reasons {
    pub(crate) const NONE: Self = Self(0);

    /// Bits 1 to 8; bit 0 is unused.
    pub(crate) const ALL: Self = Self(0x7f80);

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The contents of a BIT STRING.
    fn read(bits: Elements<'_>) -> Result<Self, Malformed> {
        match bits.bytes() {
            [0..=7, first, rest @ ..] => {
                let second = rest.first().copied().unwrap_or(0);
                Ok(Self(u16::from_be_bytes([*first, second])).and(Self::ALL))
            }
            _ => Err(bits.malformed()),
        }
    }
}

impl Default for Reasons {
    fn default() -> Self {
        Self::ALL
    }
}

impl Scope {
    /// Reads the value of issuingDistributionPoint in a list of `issuer`.
    pub(super) fn read(mut value: Elements<'_>, issuer: &Name) -> Result<Self, Malformed> {
        let mut fields = value.expect(tag::SEQUENCE)?;
        value.finish()?;
        let names = match fields.optional(tag::explicit(0))? {
            Some(point) => Some(GeneralName::read_point(point, issuer)?),
            None => None,
        };
        let end_entities = flag(&mut fields, 1)?;
        let cas = flag(&mut fields, 2)?;
        let reasons = match fields.optional(tag::implicit(3))? {
            Some(bits) => Reasons::read(bits)?,
            None => Reasons::ALL,
        };
        let indirect = flag(&mut fields, 4)?;
        let attributes = flag(&mut fields, 5)?;
        let kind = match (end_entities, cas, attributes) {
            (false, false, false) => Kind::Any,
            (true, false, false) => Kind::EndEntities,
            (false, true, false) => Kind::Cas,
            (false, false, true) => Kind::Attributes,
            // RFC 5280 §5.2.5: at most one.
            _ => return Err(fields.malformed()),
        };
        fields.finish()?;
        let entries = if indirect { Entries::OfAny } else { Entries::OfIssuer };
        Ok(Self { names, kind, reasons, entries })
    }

    /// The reasons for which a list of this scope and of `crl_issuer` speaks for `certificate`;
    /// [`Reasons::NONE`] if it does not.
    pub(super) fn reasons_for(&self, crl_issuer: &Name, certificate: &Certificate) -> Reasons {
        let kind_fits = match self.kind {
            Kind::Any => true,
            Kind::EndEntities => !certificate.is_ca(),
            Kind::Cas => certificate.is_ca(),
            Kind::Attributes => false,
        };
        if !kind_fits {
            return Reasons::NONE;
        }
        let issuer = &certificate.issuer_name;
        let points = match &certificate.extensions.crl_distribution_points {
            // Points that cannot be read lead nowhere.
            Some(value) => DistributionPoint::read_all(value, issuer).unwrap_or_default(),
            None => vec![DistributionPoint::of_issuer(issuer)],
        };
        let matching = points.iter().filter(|point| self.is_at(point, crl_issuer, issuer));
        matching.fold(Reasons::NONE, |all, point| all.or(point.reasons.and(self.reasons)))
    }

    fn is_at(&self, point: &DistributionPoint, crl_issuer: &Name, issuer: &Name) -> bool {
        let right_issuer = match &point.crl_issuers {
            Some(names) => {
                self.entries == Entries::OfAny && names.iter().any(|n| n.directory() == Some(crl_issuer))
            }
            None => crl_issuer == issuer,
        };
        let right_name = match (&self.names, &point.names, &point.crl_issuers) {
            (None, _, _) => true,
            (Some(here), Some(there), _) | (Some(here), None, Some(there)) => {
                here.iter().any(|name| there.contains(name))
            }
            (Some(_), None, None) => false,
        };
        right_issuer && right_name
    }
}

/// `[number] IMPLICIT BOOLEAN DEFAULT FALSE`. A FALSE that is written out is read: encoders in
/// the field write it.
fn flag(fields: &mut Elements<'_>, number: u8) -> Result<bool, Malformed> {
    match fields.optional(tag::implicit(number))? {
        Some(value) => value.as_boolean(),
        None => Ok(false),
    }
}

/// Checks that the value of cRLDistributionPoints can be read: a certificate whose points nobody
/// finds could never be revoked.
pub(crate) fn check_distribution_points(value: Elements<'_>) -> Result<(), Malformed> {
    DistributionPoint::read_all(value.bytes(), &Name::of(&[])).map(drop)
}

/// One place that a certificate names for its revocation list.
#[derive(Debug)]
struct DistributionPoint {
    names: Option<Vec<GeneralName>>,
    reasons: Reasons,
    crl_issuers: Option<Vec<GeneralName>>,
}

impl DistributionPoint {
    /// The contents of the extension in a certificate of `issuer`.
    fn read_all(value: &[u8], issuer: &Name) -> Result<Vec<Self>, Malformed> {
        let mut value = Elements::new(value);
        let mut points = value.expect(tag::SEQUENCE)?;
        value.finish()?;
        let mut all = Vec::new();
        while !points.is_empty() {
            all.push(Self::read(points.expect(tag::SEQUENCE)?, issuer)?);
        }
        Ok(all)
    }

    fn read(mut fields: Elements<'_>, issuer: &Name) -> Result<Self, Malformed> {
        let point = fields.optional(tag::explicit(0))?;
        let reasons = match fields.optional(tag::implicit(1))? {
            Some(bits) => Reasons::read(bits)?,
            None => Reasons::ALL,
        };
        let crl_issuers = match fields.optional(tag::explicit(2))? {
            Some(names) => Some(GeneralName::read_all(names)?),
            None => None,
        };
        fields.finish()?;
        let base = crl_issuers.iter().flatten().find_map(GeneralName::directory).unwrap_or(issuer);
        let names = match point {
            Some(point) => Some(GeneralName::read_point(point, base)?),
            None => None,
        };
        Ok(Self { names, reasons, crl_issuers })
    }

    /// What RFC 5280 §6.3.3 assumes where a certificate names no point: lists of its issuer.
    fn of_issuer(issuer: &Name) -> Self {
        let names = Some(vec![GeneralName::Directory(issuer.clone())]);
        Self { names, reasons: Reasons::ALL, crl_issuers: None }
    }
}
