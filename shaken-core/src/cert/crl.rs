//! Certificate revocation lists as the STI-PA publishes them: one list for all STI-CAs, whose
//! entries name the issuer they belong to (RFC 5280 §5, indirect CRL).
//!
//! In: the bytes of a list, certificates that may be its signer's, the STI-PA's own trust
//! anchors, the time. Out: a [`TrustedCrl`], which [`Trust`](crate::Trust) consults. The entries
//! are walked only once the signature is known to be good, one by one, and stay as 32 bytes each.
//!
//! RFC 5280 §6.3.3 (f) wants list and certificate to end at one trust anchor. Here they never do:
//! certificates end at the STI-CAs' anchors and lists at the STI-PA's. That exception is made by
//! [`StiPa`], whose anchors vouch for nothing else.
//!
//! Not read: delta lists, which are refused.

mod entries;
mod scope;
mod trusted;

use core::fmt;
use std::borrow::Cow;

use x509_parser::prelude::FromDer;
use x509_parser::x509::AlgorithmIdentifier;

use super::certificate::{Certificate, signature_algorithm};
use super::extension::{Extension, key_id_of_authority};
use super::name::Name;
use super::signature::SignatureAlgorithm;
use super::window::read_time;
use crate::der::{Elements, Malformed, tag};
use crate::trust::StiPa;
use crate::{Error, pem};
pub use entries::Entry;
use scope::{Entries, Scope};
pub(crate) use scope::{Reasons, check_distribution_points};
pub(crate) use trusted::Finding;
pub use trusted::TrustedCrl;

/// Largest list that is read, as DER: room for 480,000 serial numbers of the usual 16 bytes.
/// The shortest possible entry takes 20 bytes, so no list has more than 838,860.
pub const MAX_DER_LEN: usize = 16 * 1024 * 1024;

/// Largest PEM text of a list: base64, line ends and some text around it.
const MAX_PEM_LEN: usize = MAX_DER_LEN / 3 * 4 + MAX_DER_LEN / 16;

/// Why a certificate was revoked (RFC 5280 §5.3.1). [`fmt::Display`] writes the names of the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the standard has exactly these")]
pub enum RevocationReason {
    /// No reason was given, or `unspecified`.
    Unspecified,
    /// The private key is or may be in other hands.
    KeyCompromise,
    /// The private key of the CA is or may be in other hands.
    CaCompromise,
    /// The subject's name or other facts changed.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// It is on hold, and may come back.
    CertificateHold,
    /// For delta lists: it came back. In a full list it makes no sense and counts as revoked.
    RemoveFromCrl,
    /// A privilege was withdrawn.
    PrivilegeWithdrawn,
    /// The key of the attribute authority is or may be in other hands.
    AaCompromise,
}

impl RevocationReason {
    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => return None,
        })
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        })
    }
}

/// The DER of a list that was served as PEM or as DER; both are found in the field.
///
/// # Errors
/// [`Error::CrlEncoding`] if it is neither, or PEM with another number of lists than one;
/// [`Error::CrlTooLarge`]. Whether the DER is a list is for [`Crl::from_der`] to say.
pub fn decode(body: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if body.first() == Some(&tag::SEQUENCE) {
        return Ok(Cow::Borrowed(body));
    }
    if body.len() > MAX_PEM_LEN {
        return Err(Error::CrlTooLarge { len_bytes: body.len() });
    }
    let mut lists = pem::blocks(body).filter(|block| {
        // A block that cannot be read may be the list.
        block.as_ref().map_or(true, |block| block.label() == "X509 CRL")
    });
    match (lists.next(), lists.next()) {
        (Some(Ok(list)), None) => Ok(Cow::Owned(list.der().to_vec())),
        _ => Err(Error::CrlEncoding),
    }
}

/// A revocation list as it was received: nothing is verified yet, and its entries are not read.
#[derive(Clone, Debug)]
pub struct Crl<'a> {
    der: &'a [u8],
    tbs: &'a [u8],
    signature: &'a [u8],
    algorithm: Option<SignatureAlgorithm>,
    issuer: &'a [u8],
    this_update: i64,
    next_update: i64,
    entries: Elements<'a>,
    extensions: Extensions<'a>,
}

/// The extensions of a list that matter to an STI verifier.
#[derive(Clone, Debug, Default)]
struct Extensions<'a> {
    number: Option<&'a [u8]>,
    authority_key_id: Option<&'a [u8]>,
    scope: Option<Scope>,
    signer_url: Option<&'a str>,
    unknown_critical: bool,
}

impl<'a> Crl<'a> {
    /// Reads a list (RFC 5280 §5.1), all but its entries. Allocates next to nothing, whatever the
    /// size of the list.
    ///
    /// # Errors
    /// [`Error::CrlTooLarge`] beyond [`MAX_DER_LEN`]; [`Error::CrlDer`] if it is not DER, not of
    /// version 2, has no nextUpdate, names two algorithms, or repeats an extension;
    /// [`Error::CrlCriticalExtension`]; [`Error::CrlNumber`].
    pub fn from_der(der: &'a [u8]) -> Result<Self, Error> {
        if der.len() > MAX_DER_LEN {
            return Err(Error::CrlTooLarge { len_bytes: der.len() });
        }
        let crl = Self::read(der).map_err(malformed)?;
        if crl.extensions.unknown_critical {
            return Err(Error::CrlCriticalExtension);
        }
        if crl.extensions.number.is_none() {
            return Err(Error::CrlNumber);
        }
        Ok(crl)
    }

    fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        let mut whole = Elements::new(der);
        let mut list = whole.expect(tag::SEQUENCE)?;
        whole.finish()?;
        let mut fields = list;
        let tbs = list.expect_whole(tag::SEQUENCE)?;
        let mut fields = fields.expect(tag::SEQUENCE)?;
        let outer_algorithm = list.expect_whole(tag::SEQUENCE)?;
        let at = list.malformed();
        let [0, signature @ ..] = list.expect(tag::BIT_STRING)?.bytes() else {
            return Err(at);
        };
        list.finish()?;

        // The version is absent in version 1, which has no extensions, so no indirect lists.
        let at = fields.malformed();
        if fields.integer()? != [1] {
            return Err(at);
        }
        // RFC 5280 §5.1.1.2: both must name the same algorithm.
        let at = fields.malformed();
        if fields.expect_whole(tag::SEQUENCE)? != outer_algorithm {
            return Err(at);
        }
        let issuer = fields.expect_whole(tag::SEQUENCE)?;
        let this_update = read_time(&mut fields)?;
        // RFC 5280 §5.1.2.5 makes nextUpdate mandatory: a list without it would never age.
        let next_update = read_time(&mut fields)?;
        let entries = fields.optional(tag::SEQUENCE)?.unwrap_or_else(|| Elements::new(&[]));
        let extensions = match fields.optional(tag::explicit(0))? {
            Some(mut wrapped) => {
                let extensions = Extensions::read(wrapped.expect(tag::SEQUENCE)?, issuer)?;
                wrapped.finish()?;
                extensions
            }
            None => Extensions::default(),
        };
        fields.finish()?;
        let algorithm = AlgorithmIdentifier::from_der(outer_algorithm)
            .ok()
            .and_then(|(_, identifier)| signature_algorithm(&identifier));
        Ok(Self { der, tbs, signature, algorithm, issuer, this_update, next_update, entries, extensions })
    }

    /// When the list was made, seconds since 1970.
    #[must_use]
    pub fn this_update(&self) -> i64 {
        self.this_update
    }

    /// When the next list is due at the latest, seconds since 1970.
    #[must_use]
    pub fn next_update(&self) -> i64 {
        self.next_update
    }

    /// Where the certificate of the list's signer is, if the list says so (RFC 5280 §5.2.7). Not
    /// checked in any way.
    #[must_use]
    pub fn signer_url(&self) -> Option<&'a str> {
        self.extensions.signer_url
    }

    /// The entries in their order, which matters: one that names no issuer belongs to that of the
    /// entry before it (RFC 5280 §5.3.3). Ends behind the first error.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry<'a>, Error>> {
        let whose = self.extensions.scope.as_ref().map_or(Entries::OfIssuer, |scope| scope.entries);
        entries::Walk::new(self.entries, self.issuer, whose)
    }

    /// Makes sure that the STI-PA published this list, and reads its entries, at `now` in seconds
    /// since 1970. `signers` are certificates that may be the signer's or those above it, say
    /// from [`signer_url`](Self::signer_url); the anchors of `sti_pa` need not be among them.
    ///
    /// A list past its nextUpdate is accepted: what it lists is still revoked.
    ///
    /// # Errors
    /// [`Error::CrlNotYetValid`]; [`Error::CrlSignerMissing`]; of the certificates that could be
    /// the signer's, what [`check_path`](super::check_path) finds; [`Error::CrlSignature`];
    /// and for the entries [`Error::CrlDer`], [`Error::CrlCriticalExtension`].
    pub fn verify(&self, signers: &[Certificate], sti_pa: &StiPa, now: i64) -> Result<TrustedCrl, Error> {
        TrustedCrl::verify(self, signers, sti_pa, now)
    }
}

impl<'a> Extensions<'a> {
    fn read(mut list: Elements<'a>, issuer: &[u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        while !list.is_empty() {
            let at = list.malformed();
            let mut extension = Extension::read(&mut list)?;
            let is_new = match extension.id {
                oid::CRL_NUMBER => {
                    let number = extension.value.integer()?;
                    // Up to 20 bytes (RFC 5280 §5.2.3), one more for the sign.
                    if number.len() > 21 || number.first().is_some_and(|first| *first > 0x7f) {
                        return Err(at);
                    }
                    // Critical: kept aside as if it were absent.
                    let number = Some(number).filter(|_| !extension.critical);
                    replace(&mut found.number, number)
                }
                oid::AUTHORITY_KEY_IDENTIFIER => {
                    replace(&mut found.authority_key_id, key_id_of_authority(extension.value)?)
                }
                oid::ISSUING_DISTRIBUTION_POINT => {
                    let scope = Scope::read(extension.value, &Name::of(issuer))?;
                    replace(&mut found.scope, Some(scope))
                }
                oid::AUTHORITY_INFO_ACCESS => replace(&mut found.signer_url, signer_url(extension.value)?),
                // A delta list is no list that could be relied on alone.
                oid::DELTA_CRL_INDICATOR => {
                    found.unknown_critical = true;
                    true
                }
                _ => {
                    found.unknown_critical |= extension.critical;
                    true
                }
            };
            if !is_new {
                return Err(at);
            }
        }
        Ok(found)
    }
}

/// Puts `value` into an empty `place`; answers whether it was empty.
fn replace<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let was_empty = place.is_none();
    *place = value;
    was_empty
}

/// `SEQUENCE OF SEQUENCE { accessMethod, accessLocation }`: the first URI of caIssuers.
fn signer_url(mut value: Elements<'_>) -> Result<Option<&str>, Malformed> {
    let mut descriptions = value.expect(tag::SEQUENCE)?;
    let mut url = None;
    while !descriptions.is_empty() {
        let mut description = descriptions.expect(tag::SEQUENCE)?;
        let method = description.expect(tag::OBJECT_IDENTIFIER)?.bytes();
        let (location_tag, location) = description.next()?;
        if method == oid::CA_ISSUERS && location_tag == tag::implicit(6) {
            url = url.or_else(|| core::str::from_utf8(location.bytes()).ok());
        }
    }
    Ok(url)
}

fn malformed(Malformed(offset): Malformed) -> Error {
    Error::CrlDer { offset }
}

/// Object identifiers as they stand in DER.
mod oid {
    /// id-pe-authorityInfoAccess
    pub(super) const AUTHORITY_INFO_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
    /// id-ad-caIssuers
    pub(super) const CA_ISSUERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 2];
    /// id-ce-cRLNumber
    pub(super) const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
    /// id-ce-cRLReasons
    pub(super) const CRL_REASON: &[u8] = &[0x55, 0x1d, 21];
    /// id-ce-invalidityDate
    pub(super) const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 24];
    /// id-ce-deltaCRLIndicator
    pub(super) const DELTA_CRL_INDICATOR: &[u8] = &[0x55, 0x1d, 27];
    /// id-ce-issuingDistributionPoint
    pub(super) const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];
    /// id-ce-certificateIssuer
    pub(super) const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];
    /// id-ce-authorityKeyIdentifier
    pub(super) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
}
