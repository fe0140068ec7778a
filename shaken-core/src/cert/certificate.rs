//! One X.509 certificate, read into the facts that path building and policy ask for
//! (RFC 5280 §4). No judgement here: a certificate that reads may still be unusable.

use core::fmt;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::X509Extension;
use x509_parser::oid_registry::{Oid, asn1_rs::oid};
use x509_parser::prelude::{FromDer, X509Version};
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::constraints::{ClaimConstraints, ConstraintsForm};
use super::extension::{BasicConstraints, KeyUsage, key_id_of_authority, key_id_of_subject};
use super::name::{GeneralName, Name};
use super::policy::Policies;
use super::signature::{PublicKey, SignatureAlgorithm};
use super::tn_auth_list::{Reference, TnAuthList};
use super::window::Window;
use super::{crl, name, shape};
use crate::Error;
use crate::der::{Elements, Malformed, tag};
use crate::es256::{self, VerifyingKey};

/// Largest certificate that is read. The longest live STI certificate has 1,245 bytes; a
/// delegate with a thousand numbers has 16 KB.
pub const MAX_DER_LEN: usize = 16 * 1024;

/// id-pe-TNAuthList (RFC 8226 §9).
const TN_AUTH_LIST: Oid<'_> = oid!(1.3.6.1.5.5.7.1.26);

/// id-pe-JWTClaimConstraints (RFC 8226 §8).
const CLAIM_CONSTRAINTS: Oid<'_> = oid!(1.3.6.1.5.5.7.1.27);

/// id-pe-eJWTClaimConstraints (RFC 9118 §3).
const ENHANCED_CLAIM_CONSTRAINTS: Oid<'_> = oid!(1.3.6.1.5.5.7.1.33);

/// id-pe-authorityInfoAccess (RFC 5280 §4.2.2.1).
const AUTHORITY_INFO_ACCESS: Oid<'_> = oid!(1.3.6.1.5.5.7.1.1);

// RFC 5280 §4.2.1.
const SUBJECT_KEY_ID: Oid<'_> = oid!(2.5.29.14);
const KEY_USAGE: Oid<'_> = oid!(2.5.29.15);
const SUBJECT_ALT_NAME: Oid<'_> = oid!(2.5.29.17);
const BASIC_CONSTRAINTS: Oid<'_> = oid!(2.5.29.19);
const NAME_CONSTRAINTS: Oid<'_> = oid!(2.5.29.30);
const CRL_DISTRIBUTION_POINTS: Oid<'_> = oid!(2.5.29.31);
const CERTIFICATE_POLICIES: Oid<'_> = oid!(2.5.29.32);
const POLICY_MAPPINGS: Oid<'_> = oid!(2.5.29.33);
const AUTHORITY_KEY_ID: Oid<'_> = oid!(2.5.29.35);
const POLICY_CONSTRAINTS: Oid<'_> = oid!(2.5.29.36);
const EXTENDED_KEY_USAGE: Oid<'_> = oid!(2.5.29.37);
const INHIBIT_ANY_POLICY: Oid<'_> = oid!(2.5.29.54);

/// A certificate as it was received, read and not judged: it may still be unusable.
#[derive(Clone)]
pub struct Certificate {
    pub(super) der: Box<[u8]>,
    pub(super) fingerprint: Fingerprint,
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) subject_name: Name,
    pub(super) issuer_name: Name,
    /// The contents of the INTEGER.
    pub(super) serial: Box<[u8]>,
    pub(super) serial_hex: String,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    pub(super) public_key: PublicKey,
    pub(super) signature_algorithm: Option<SignatureAlgorithm>,
    pub(super) tbs: Box<[u8]>,
    pub(super) signature: Box<[u8]>,
    pub(super) extensions: Extensions,
}

/// SHA-256 of a certificate's bytes. Shown as 64 lower-case hex digits.
///
/// A name for people and records, not a key to deny by: whoever serves a certificate can change
/// the value of its ECDSA signature, and so this, without making it invalid.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of any bytes, a certificate or not.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(es256::sha256(der))
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
        let mut text = [0; 64];
        let nibbles = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for (character, nibble) in text.iter_mut().zip(nibbles) {
            *character = digit(nibble);
        }
        f.write_str(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The extensions that matter to an STI verifier.
#[derive(Clone, Debug, Default)]
pub(super) struct Extensions {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) basic_constraints_critical: bool,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) subject_key_id: Option<Box<[u8]>>,
    pub(super) authority_key_id: Option<Box<[u8]>>,
    pub(super) tn_auth_list: Option<Result<TnAuthList, Error>>,
    pub(super) tn_auth_list_critical: bool,
    pub(super) claim_constraints: Option<Result<ClaimConstraints, Error>>,
    pub(super) claim_constraints_critical: bool,
    pub(super) tn_auth_list_reference: Option<Reference>,
    pub(super) policies: Policies,
    /// The value of the extension, DER (RFC 5280 §4.2.1.13).
    pub(super) crl_distribution_points: Option<Box<[u8]>>,
    /// A critical extension that this crate does not process.
    pub(super) unknown_critical: bool,
    /// A critical extension that RFC 5280 wants to be none.
    pub(super) wrongly_critical: bool,
    /// nameConstraints, which are not processed.
    pub(super) name_constraints: bool,
}

impl Certificate {
    /// Reads one certificate.
    ///
    /// # Errors
    /// [`Error::CertTooLarge`]; [`Error::CertDer`] if it is not DER, has trailing bytes, repeats
    /// an extension, or an extension that we read is malformed (a malformed TNAuthList and
    /// malformed claim constraints are kept as findings of their own: they do not touch the path).
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        if der.len() > MAX_DER_LEN {
            return Err(Error::CertTooLarge { len_bytes: der.len() });
        }
        let names = shape::check(der).map_err(|Malformed(_)| Error::CertDer)?;
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| Error::CertDer)?;
        if !rest.is_empty() {
            return Err(Error::CertDer);
        }
        // RFC 5280 §4.1.1.2: both must name the same algorithm.
        if parsed.signature_algorithm != parsed.tbs_certificate.signature {
            return Err(Error::CertDer);
        }
        // RFC 5280 §4.1.2.9: extensions need version 3.
        if parsed.version() != X509Version::V3 && !parsed.extensions().is_empty() {
            return Err(Error::CertDer);
        }
        Ok(Self {
            der: der.into(),
            fingerprint: Fingerprint::of(der),
            subject: show_name(names.subject)?,
            issuer: show_name(names.issuer)?,
            subject_name: Name::of(names.subject),
            issuer_name: Name::of(names.issuer),
            serial: parsed.raw_serial().into(),
            serial_hex: parsed.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            public_key: public_key(parsed.public_key()),
            signature_algorithm: signature_algorithm(&parsed.signature_algorithm),
            tbs: parsed.tbs_certificate.as_ref().into(),
            signature: parsed.signature_value.data.as_ref().into(),
            extensions: Extensions::read(&parsed).map_err(|Malformed(_)| Error::CertDer)?,
        })
    }

    /// The bytes of the certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the bytes of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The subject's name, as text. Whoever issued the certificate chose it: escape it for
    /// display.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer's name, as text.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The serial number in lower-case hex.
    #[must_use]
    pub fn serial_hex(&self) -> &str {
        &self.serial_hex
    }

    /// First second of validity, since 1970.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Last second of validity, since 1970.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Whether the certificate itself, its path aside, is valid at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Error::CertNotYetValid`], [`Error::CertExpired`].
    pub fn check_valid(&self, now: i64) -> Result<(), Error> {
        Window::of(self).check(now)
    }

    /// Whether basicConstraints says CA (RFC 5280 §4.2.1.9).
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.extensions.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// The TNAuthList, if there is one, or what is wrong with it: [`Error::TnAuthListInvalid`];
    /// [`Error::TnAuthListByReference`] if it stands at a URL and not in the certificate.
    #[must_use]
    pub fn tn_auth_list(&self) -> Option<&Result<TnAuthList, Error>> {
        self.extensions.tn_auth_list.as_ref()
    }

    /// The claim constraints, if there are any, or what is wrong with them. They count for an end
    /// entity alone: in a CA certificate neither RFC 8226 §8 nor RFC 9118 §3 gives them a meaning.
    #[must_use]
    pub fn claim_constraints(&self) -> Option<&Result<ClaimConstraints, Error>> {
        self.extensions.claim_constraints.as_ref()
    }

    /// Where the certificate says that its TNAuthList is, if it is somewhere else (RFC 8226
    /// §10.1). Whoever issued the certificate chose it: fetch it, if at all, under the rules of
    /// [`X5u::parse`](crate::fetch::X5u::parse).
    #[must_use]
    pub fn tn_auth_list_url(&self) -> Option<&str> {
        self.extensions.tn_auth_list_reference.as_ref()?.url.as_deref()
    }

    /// The name of the key's algorithm, such as `P-256`.
    #[must_use]
    pub fn key_name(&self) -> &'static str {
        self.public_key.name()
    }

    /// The key, if PASSporTs can be verified with it (RFC 8226 §4: P-256).
    ///
    /// # Errors
    /// [`Error::CertKeyType`].
    pub fn verifying_key(&self) -> Result<VerifyingKey, Error> {
        verifying_key(&self.public_key)
    }

    /// Whether it may issue certificates: it is a CA, and has keyCertSign if it has a key usage
    /// (RFC 5280 §6.1.4 (k), (n)).
    ///
    /// # Errors
    /// [`Error::CertIssuerNotCa`], [`Error::CertKeyUsage`].
    pub(crate) fn check_may_issue(&self) -> Result<(), Error> {
        if !self.is_ca() {
            return Err(Error::CertIssuerNotCa);
        }
        if self.extensions.key_usage.is_some_and(|usage| !usage.key_cert_sign) {
            return Err(Error::CertKeyUsage);
        }
        Ok(())
    }

    /// Whether it can have issued `subject` by name and, where both sides tell one, by key
    /// identifier (RFC 5280 §4.2.1.1). No signature is checked.
    pub(super) fn may_have_issued(&self, subject: &Self) -> bool {
        let wanted = subject.extensions.authority_key_id.as_ref();
        let offered = self.extensions.subject_key_id.as_ref();
        self.subject_name == subject.issuer_name
            && wanted.zip(offered).is_none_or(|(wanted, offered)| wanted == offered)
    }

    /// Whether subject and issuer are one name.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject_name == self.issuer_name
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?}, serial {})", self.subject, self.serial_hex)
    }
}

impl Extensions {
    /// [`shape::check`] has made sure that none is there twice.
    fn read(certificate: &X509Certificate<'_>) -> Result<Self, Malformed> {
        let mut found = Self::default();
        for extension in certificate.extensions() {
            let mut known = true;
            let value = Elements::new(extension.value);
            match &extension.oid {
                id if *id == BASIC_CONSTRAINTS => {
                    found.basic_constraints = Some(BasicConstraints::read(value)?);
                    found.basic_constraints_critical = extension.critical;
                }
                id if *id == KEY_USAGE => found.key_usage = Some(KeyUsage::read(value)?),
                id if *id == SUBJECT_KEY_ID => {
                    found.subject_key_id = Some(key_id_of_subject(value)?.into());
                    found.wrongly_critical |= extension.critical;
                }
                id if *id == AUTHORITY_KEY_ID => {
                    found.authority_key_id = key_id_of_authority(value)?.map(Into::into);
                    found.wrongly_critical |= extension.critical;
                }
                // No policy is asked for, so one that nobody can read may be what it wants, unless
                // it is critical. A live STI-CA marks this extension critical.
                id if *id == CERTIFICATE_POLICIES => known = found.policies.read_listed(value).is_ok(),
                id if *id == POLICY_MAPPINGS => known = found.policies.read_mappings(value).is_ok(),
                // Both are kept, whether they are critical or not.
                id if *id == POLICY_CONSTRAINTS => known = found.policies.read_constraints(value).is_ok(),
                id if *id == INHIBIT_ANY_POLICY => known = found.policies.read_inhibit_any(value).is_ok(),
                id if *id == NAME_CONSTRAINTS => {
                    found.name_constraints = true;
                    known = false;
                }
                id if *id == CRL_DISTRIBUTION_POINTS => {
                    crl::check_distribution_points(value)?;
                    found.crl_distribution_points = Some(extension.value.into());
                }
                // An STI verifier asks for no extended key usage and must accept any.
                id if *id == EXTENDED_KEY_USAGE => check_key_purposes(value)?,
                // The names of a certificate decide nothing here. One that nobody can read may be
                // what it wants, unless it is critical.
                id if *id == SUBJECT_ALT_NAME => known = are_general_names(value),
                id if *id == TN_AUTH_LIST => {
                    found.tn_auth_list = Some(TnAuthList::from_der(extension.value));
                    found.tn_auth_list_critical = extension.critical;
                }
                _ if extension.oid == CLAIM_CONSTRAINTS => {
                    found.constrain(ConstraintsForm::Plain, extension);
                }
                _ if extension.oid == ENHANCED_CLAIM_CONSTRAINTS => {
                    found.constrain(ConstraintsForm::Enhanced, extension);
                }
                _ => {
                    if extension.oid == AUTHORITY_INFO_ACCESS {
                        found.tn_auth_list_reference = Reference::find(extension.value);
                    }
                    known = false;
                }
            }
            found.unknown_critical |= extension.critical && !known;
        }
        // What counts for nothing in a CA certificate is not processed there.
        found.unknown_critical |=
            found.claim_constraints_critical && found.basic_constraints.as_ref().is_some_and(|c| c.ca);
        // A list by value is signed, one by reference is not: it never adds to the other.
        if found.tn_auth_list.is_none() && found.tn_auth_list_reference.is_some() {
            found.tn_auth_list = Some(Err(Error::TnAuthListByReference));
        }
        Ok(found)
    }

    fn constrain(&mut self, form: ConstraintsForm, extension: &X509Extension<'_>) {
        self.claim_constraints = Some(match self.claim_constraints {
            None => ClaimConstraints::from_der(extension.value, form),
            // RFC 9118 §3: not both.
            Some(_) => Err(Error::ClaimConstraintsTwice),
        });
        self.claim_constraints_critical |= extension.critical;
    }
}

fn show_name(der: &[u8]) -> Result<String, Error> {
    name::read(der).map(|name| name.to_string()).map_err(|Malformed(_)| Error::CertDer)
}

/// `SEQUENCE OF OBJECT IDENTIFIER`
fn check_key_purposes(mut value: Elements<'_>) -> Result<(), Malformed> {
    let mut purposes = value.expect(tag::SEQUENCE)?;
    value.finish()?;
    while !purposes.is_empty() {
        purposes.expect(tag::OBJECT_IDENTIFIER)?;
    }
    Ok(())
}

fn are_general_names(mut value: Elements<'_>) -> bool {
    let names = value.expect(tag::SEQUENCE).and_then(GeneralName::read_all);
    names.is_ok() && value.is_empty()
}

/// The key of a subjectPublicKeyInfo that stands alone, if PASSporTs can be verified with it.
pub(crate) fn public_key_of(info: &SubjectPublicKeyInfo<'_>) -> Result<VerifyingKey, Error> {
    verifying_key(&public_key(info))
}

fn verifying_key(key: &PublicKey) -> Result<VerifyingKey, Error> {
    match key {
        PublicKey::P256(point) => VerifyingKey::from_uncompressed(point),
        _ => Err(Error::CertKeyType),
    }
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    const EC_PUBLIC_KEY: Oid<'_> = oid!(1.2.840.10045.2.1);
    const RSA_ENCRYPTION: Oid<'_> = oid!(1.2.840.113549.1.1.1);
    const P256: Oid<'_> = oid!(1.2.840.10045.3.1.7);
    const P384: Oid<'_> = oid!(1.3.132.0.34);
    const P521: Oid<'_> = oid!(1.3.132.0.35);

    let bits: Box<[u8]> = info.subject_public_key.data.as_ref().into();
    if info.algorithm.algorithm == RSA_ENCRYPTION {
        return PublicKey::Rsa(bits);
    }
    // Only named curves: explicit parameters are an attack surface and forbidden by RFC 5480.
    let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    match curve {
        _ if info.algorithm.algorithm != EC_PUBLIC_KEY => PublicKey::Other,
        Some(oid) if oid == P256 => PublicKey::P256(bits),
        Some(oid) if oid == P384 => PublicKey::P384(bits),
        Some(oid) if oid == P521 => PublicKey::P521(bits),
        _ => PublicKey::Other,
    }
}

/// Knows the algorithm by its OID alone: one live STI certificate has a NULL parameter where
/// RFC 5758 §3.2 wants none.
pub(super) fn signature_algorithm(identifier: &AlgorithmIdentifier<'_>) -> Option<SignatureAlgorithm> {
    const ALGORITHMS: [(Oid<'_>, SignatureAlgorithm); 6] = [
        (oid!(1.2.840.10045.4.3.2), SignatureAlgorithm::EcdsaSha256),
        (oid!(1.2.840.10045.4.3.3), SignatureAlgorithm::EcdsaSha384),
        (oid!(1.2.840.10045.4.3.4), SignatureAlgorithm::EcdsaSha512),
        (oid!(1.2.840.113549.1.1.11), SignatureAlgorithm::RsaSha256),
        (oid!(1.2.840.113549.1.1.12), SignatureAlgorithm::RsaSha384),
        (oid!(1.2.840.113549.1.1.13), SignatureAlgorithm::RsaSha512),
    ];
    ALGORITHMS.into_iter().find_map(|(oid, algorithm)| (identifier.algorithm == oid).then_some(algorithm))
}
