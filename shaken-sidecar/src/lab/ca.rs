//! The lab's two small authorities: an STI-CA with one provider certificate beneath it, and a TLS
//! CA with the certificate of the repository's host.
//!
//! The STI certificates follow the profile of ATIS-1000080 §6.4.1. The keys of all three CAs are
//! forgotten as soon as the certificates are signed, so nothing more can ever be issued under
//! them: a lab that has expired is made anew.

use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::string::{Ia5String, PrintableString};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType,
    DnValue, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};
use time::{Duration, OffsetDateTime};

use super::der::{self, OBJECT_IDENTIFIER, PRINTABLE_STRING, SEQUENCE, SET, UTF8_STRING};
use super::{LabError, LabOptions};

/// Everything that a new lab needs, as PEM text.
pub(super) struct Pki {
    pub(super) sti_root: String,
    pub(super) sti_intermediate: String,
    /// Leaf, then intermediate: what an STI-CR serves (RFC 8555 §9.1), without the anchor.
    pub(super) provider_chain: String,
    /// PKCS#8.
    pub(super) provider_key: String,
    pub(super) tls_root: String,
    /// The certificate of the host; the root signed it directly.
    pub(super) tls_server_chain: String,
    /// PKCS#8.
    pub(super) tls_server_key: String,
}

impl Pki {
    /// Makes all keys and certificates. They are valid from an hour before `now`, for a verifier
    /// whose clock is behind.
    ///
    /// # Errors
    /// [`LabError::TimeOutOfRange`] if `now` is before 1970 or the certificates would end after
    /// 9999; [`LabError::RandomUnavailable`]; [`LabError::Issue`] if the certificate library
    /// refuses.
    pub(super) fn issue(options: &LabOptions, now: SystemTime) -> Result<Self, LabError> {
        let sti_root = CertifiedIssuer::self_signed(
            ca(name("Lab STI-CA", "Lab SHAKEN Root CA")?, BasicConstraints::Unconstrained, now)?,
            KeyPair::generate()?,
        )?;

        let mut params =
            ca(name("Lab STI-CA", "Lab SHAKEN Intermediate CA")?, BasicConstraints::Constrained(0), now)?;
        params.use_authority_key_identifier_extension = true;
        params.custom_extensions = vec![shaken_policy(), crl_distribution_points()];
        let sti_intermediate = CertifiedIssuer::signed_by(params, KeyPair::generate()?, &sti_root)?;

        let mut params = end_entity(name("Lab Provider", &format!("SHAKEN {}", options.spc))?, now)?;
        params.custom_extensions = vec![
            shaken_policy(),
            crl_distribution_points(),
            CustomExtension::from_oid_content(ID_PE_TN_AUTH_LIST, options.tn_auth_list()?.to_der()),
        ];
        let provider_key = KeyPair::generate()?;
        let provider = params.signed_by(&provider_key, &sti_intermediate)?;

        let tls = Tls::issue([options.host.as_str()], now)?;
        Ok(Self {
            sti_root: sti_root.pem(),
            sti_intermediate: sti_intermediate.pem(),
            provider_chain: provider.pem() + &sti_intermediate.pem(),
            provider_key: provider_key.serialize_pem(),
            tls_root: tls.root,
            tls_server_chain: tls.server_chain,
            tls_server_key: tls.server_key,
        })
    }
}

/// What an https server on loopback needs, as PEM text.
pub(super) struct Tls {
    pub(super) root: String,
    /// The certificate of the hosts; the root signed it directly.
    pub(super) server_chain: String,
    /// PKCS#8.
    pub(super) server_key: String,
}

impl Tls {
    /// Makes keys and certificates for a server of these hosts.
    ///
    /// # Errors
    /// As [`Pki::issue`].
    pub(super) fn issue<'a>(
        hosts: impl IntoIterator<Item = &'a str>,
        now: SystemTime,
    ) -> Result<Self, LabError> {
        let root = CertifiedIssuer::self_signed(
            ca(name("Lab TLS", "Lab TLS Root CA")?, BasicConstraints::Constrained(0), now)?,
            KeyPair::generate()?,
        )?;
        let mut params = end_entity(name("Lab TLS", "Lab certificate repository")?, now)?;
        let names = hosts.into_iter().map(|host| Ok(SanType::DnsName(Ia5String::try_from(host)?)));
        params.subject_alt_names = names.collect::<Result<_, LabError>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;
        let server = params.signed_by(&server_key, &root)?;
        Ok(Self { root: root.pem(), server_chain: server.pem(), server_key: server_key.serialize_pem() })
    }
}

fn ca(
    subject: DistinguishedName,
    constraints: BasicConstraints,
    now: SystemTime,
) -> Result<CertificateParams, LabError> {
    let mut params = certificate(subject, CA_LIFETIME, now)?;
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn end_entity(subject: DistinguishedName, now: SystemTime) -> Result<CertificateParams, LabError> {
    let mut params = certificate(subject, END_ENTITY_LIFETIME, now)?;
    // Not `NoCa`: that leaves the extension out, and the profile wants it, with cA = FALSE.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn certificate(
    subject: DistinguishedName,
    lifetime: Duration,
    now: SystemTime,
) -> Result<CertificateParams, LabError> {
    let now = whole_seconds(now)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(random_serial()?);
    params.not_before = now.checked_sub(CLOCK_MARGIN).ok_or(LabError::TimeOutOfRange)?;
    params.not_after = now.checked_add(lifetime).ok_or(LabError::TimeOutOfRange)?;
    Ok(params)
}

fn whole_seconds(now: SystemTime) -> Result<OffsetDateTime, LabError> {
    now.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or(LabError::TimeOutOfRange)
}

/// 16 random bytes, read as a positive number: more than the 64 bits that the profile asks for.
fn random_serial() -> Result<SerialNumber, LabError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| LabError::RandomUnavailable)?;
    // The top bit would make it negative; the next one keeps it 16 bytes long.
    bytes[0] = bytes[0] & 0x7F | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// `CN=common_name, O=organization, C=US`, in the order of the profile's examples.
fn name(organization: &str, common_name: &str) -> Result<DistinguishedName, LabError> {
    let mut name = DistinguishedName::new();
    // The country is a PrintableString by definition (RFC 5280 appendix A.1), never UTF8String.
    name.push(DnType::CountryName, DnValue::PrintableString(PrintableString::try_from(COUNTRY)?));
    name.push(DnType::OrganizationName, organization);
    name.push(DnType::CommonName, common_name);
    Ok(name)
}

/// certificatePolicies with one policy and no qualifiers (RFC 5280 §4.2.1.4).
fn shaken_policy() -> CustomExtension {
    let policy = der::element(OBJECT_IDENTIFIER, SHAKEN_POLICY_DER);
    let content = der::element(SEQUENCE, &der::element(SEQUENCE, &policy));
    CustomExtension::from_oid_content(CERTIFICATE_POLICIES, content)
}

/// cRLDistributionPoints (RFC 5280 §4.2.1.13) as the profile wants it: one point with a full name
/// and a cRLIssuer, for SHAKEN has one indirect CRL for all CAs. The library writes no cRLIssuer.
///
/// The lab publishes no such CRL; the name is there so that the certificate has the form of a
/// real one.
fn crl_distribution_points() -> CustomExtension {
    let uri = der::element(der::context_primitive(6), CRL_URL.as_bytes());
    let full_name = der::element(der::context_constructed(0), &uri);
    let mut point = der::element(der::context_constructed(0), &full_name);

    let issuer: Vec<u8> = [
        (ID_AT_COUNTRY, PRINTABLE_STRING, COUNTRY),
        (ID_AT_ORGANIZATION, UTF8_STRING, "Lab STI-PA"),
        (ID_AT_COMMON_NAME, UTF8_STRING, "Lab STI-PA CRL"),
    ]
    .into_iter()
    .flat_map(|(attribute, string_type, value)| {
        let mut pair = der::element(OBJECT_IDENTIFIER, attribute);
        pair.extend(der::element(string_type, value.as_bytes()));
        der::element(SET, &der::element(SEQUENCE, &pair))
    })
    .collect();
    let directory_name = der::element(der::context_constructed(4), &der::element(SEQUENCE, &issuer));
    point.extend(der::element(der::context_constructed(2), &directory_name));

    let content = der::element(SEQUENCE, &der::element(SEQUENCE, &point));
    CustomExtension::from_oid_content(CRL_DISTRIBUTION_POINTS, content)
}

const CLOCK_MARGIN: Duration = Duration::hours(1);
const END_ENTITY_LIFETIME: Duration = Duration::days(30);
const CA_LIFETIME: Duration = Duration::days(3652);

const COUNTRY: &str = "US";
const CRL_URL: &str = "https://crl.lab.example/shaken.crl";

const ID_PE_TN_AUTH_LIST: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 26];
const CERTIFICATE_POLICIES: &[u64] = &[2, 5, 29, 32];
const CRL_DISTRIBUTION_POINTS: &[u64] = &[2, 5, 29, 31];

// Content bytes of OBJECT IDENTIFIERs.
/// 2.16.840.1.114569.1.1.3, the policy of the United States SHAKEN Certificate Policy 1.3.
const SHAKEN_POLICY_DER: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x86, 0xFF, 0x09, 0x01, 0x01, 0x03];
/// 2.5.4.6
const ID_AT_COUNTRY: &[u8] = &[0x55, 0x04, 0x06];
/// 2.5.4.10
const ID_AT_ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0A];
/// 2.5.4.3
const ID_AT_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

#[cfg(test)]
mod tests {
    use ring::signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
    };
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    use shaken_core::cert::profile::deviations;
    use shaken_core::key::signing_key_from_pem;
    use shaken_core::{Trust, TrustedCert};
    use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;
    use crate::lab::{TnAuthListDer, TnEntryDer};

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + std::time::Duration::from_secs(seconds)
    }

    fn issue(options: &LabOptions) -> Pki {
        Pki::issue(options, at(NOW)).unwrap()
    }

    fn ders(pem: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect()
    }

    fn parse(der: &[u8]) -> X509Certificate<'_> {
        let (rest, certificate) = X509Certificate::from_der(der).unwrap();
        assert!(rest.is_empty());
        certificate
    }

    fn content<'a>(certificate: &'a X509Certificate<'_>, oid: &str) -> Option<&'a ParsedExtension<'a>> {
        let mut found = certificate.extensions().iter().filter(|e| e.oid.to_id_string() == oid);
        let content = found.next().map(|extension| extension.parsed_extension());
        assert!(found.next().is_none(), "{oid} twice");
        content
    }

    fn key_id(certificate: &X509Certificate<'_>) -> Vec<u8> {
        match content(certificate, "2.5.29.14") {
            Some(ParsedExtension::SubjectKeyIdentifier(id)) => id.0.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    /// Extension OIDs with their criticality, sorted.
    fn extensions(certificate: &X509Certificate<'_>) -> Vec<(String, bool)> {
        let mut all: Vec<_> = certificate
            .extensions()
            .iter()
            .map(|extension| (extension.oid.to_id_string(), extension.critical))
            .collect();
        all.sort();
        all
    }

    fn assert_issued(subject: &X509Certificate<'_>, issuer: &X509Certificate<'_>) {
        assert_eq!(subject.issuer().as_raw(), issuer.subject().as_raw());
        assert_eq!(subject.signature_algorithm.algorithm.to_id_string(), "1.2.840.10045.4.3.2");
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &issuer.public_key().subject_public_key.data)
            .verify(subject.tbs_certificate.as_ref(), &subject.signature_value.data)
            .unwrap();
        if subject.subject() != issuer.subject() {
            match content(subject, "2.5.29.35") {
                Some(ParsedExtension::AuthorityKeyIdentifier(id)) => {
                    assert_eq!(id.key_identifier.as_ref().unwrap().0, key_id(issuer));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The public key in a PKCS#8 file is the one in the certificate.
    fn assert_key_fits(key_pem: &str, certificate: &X509Certificate<'_>) {
        let key = PrivatePkcs8KeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            key.secret_pkcs8_der(),
            &SystemRandom::new(),
        )
        .unwrap();
        assert_eq!(key.public_key().as_ref(), certificate.public_key().subject_public_key.data.as_ref());
    }

    #[test]
    fn the_sti_chain_is_signed_from_root_to_provider() {
        let pki = issue(&LabOptions::default());
        let root = ders(&pki.sti_root);
        let chain = ders(&pki.provider_chain);
        assert_eq!((root.len(), chain.len()), (1, 2));
        assert_eq!(ders(&pki.sti_intermediate), chain[1..]);
        let (root, intermediate, provider) = (parse(&root[0]), parse(&chain[1]), parse(&chain[0]));
        assert_issued(&root, &root);
        assert_issued(&intermediate, &root);
        assert_issued(&provider, &intermediate);
        assert_key_fits(&pki.provider_key, &provider);
        assert_eq!(root.subject().to_string(), "C=US, O=Lab STI-CA, CN=Lab SHAKEN Root CA");
        assert_eq!(intermediate.subject().to_string(), "C=US, O=Lab STI-CA, CN=Lab SHAKEN Intermediate CA");
        assert_eq!(provider.subject().to_string(), "C=US, O=Lab Provider, CN=SHAKEN LAB0");
    }

    #[test]
    fn the_sti_certificates_follow_the_profile() {
        let pki = issue(&LabOptions::default().with_spc("1234").unwrap());
        let (root, chain) = (ders(&pki.sti_root), ders(&pki.provider_chain));
        let (root, intermediate, provider) = (parse(&root[0]), parse(&chain[1]), parse(&chain[0]));
        let oids = |list: &[(&str, bool)]| -> Vec<_> {
            list.iter().map(|(oid, c)| ((*oid).to_owned(), *c)).collect()
        };
        let (key_id_oid, key_usage, constraints) =
            (("2.5.29.14", false), ("2.5.29.15", true), ("2.5.29.19", true));
        let (crl, policies, issuer_id) = (("2.5.29.31", false), ("2.5.29.32", false), ("2.5.29.35", false));
        let tn_auth_list = ("1.3.6.1.5.5.7.1.26", false);
        assert_eq!(extensions(&root), oids(&[key_id_oid, key_usage, constraints]));
        assert_eq!(
            extensions(&intermediate),
            oids(&[key_id_oid, key_usage, constraints, crl, policies, issuer_id])
        );
        assert_eq!(
            extensions(&provider),
            oids(&[tn_auth_list, key_id_oid, key_usage, constraints, crl, policies, issuer_id])
        );

        let limits = |certificate: &X509Certificate<'_>| {
            let constraints = certificate.basic_constraints().unwrap().unwrap().value;
            let usage = certificate.key_usage().unwrap().unwrap().value;
            (constraints.ca, constraints.path_len_constraint, usage.flags)
        };
        // Bits from the right: digitalSignature 0, keyCertSign 5, cRLSign 6.
        assert_eq!(limits(&root), (true, None, 0b110_0000));
        assert_eq!(limits(&intermediate), (true, Some(0), 0b110_0000));
        assert_eq!(limits(&provider), (false, None, 1));

        let serials: Vec<_> = [&root, &intermediate, &provider].map(|c| c.raw_serial().to_vec()).into();
        for (index, serial) in serials.iter().enumerate() {
            assert_eq!(serial.len(), 16);
            assert!(serial[0] < 0x80, "negative");
            assert!(!serials[..index].contains(serial), "used twice");
        }
        for certificate in [&root, &intermediate, &provider] {
            assert_eq!(certificate.version().0, 2, "v3");
            assert_eq!(key_id(certificate).len(), 20);
        }
    }

    #[test]
    fn the_provider_certificate_names_its_numbers_policy_and_crl() {
        let raw = |pki: &Pki, oid: &str| {
            let chain = ders(&pki.provider_chain);
            let provider = parse(&chain[0]);
            let extension = provider.extensions().iter().find(|e| e.oid.to_id_string() == oid);
            extension.unwrap().value.to_vec()
        };
        let pki = issue(&LabOptions::default().with_spc("1234").unwrap());
        assert_eq!(raw(&pki, "1.3.6.1.5.5.7.1.26"), *b"\x30\x08\xA0\x06\x16\x041234");

        let list = TnAuthListDer::new(&TnEntryDer::range("12155551000", 1000).unwrap());
        let numbers = issue(&LabOptions::default().with_tn_auth_list(list.clone()));
        assert_eq!(raw(&numbers, "1.3.6.1.5.5.7.1.26"), list.to_der());

        for der in ders(&pki.provider_chain) {
            let certificate = parse(&der);
            match content(&certificate, "2.5.29.32") {
                Some(ParsedExtension::CertificatePolicies(policies)) => {
                    assert_eq!(policies.len(), 1);
                    assert_eq!(policies[0].policy_id.to_id_string(), "2.16.840.1.114569.1.1.3");
                    assert!(policies[0].policy_qualifiers.is_none());
                }
                other => panic!("{other:?}"),
            }
            let Some(ParsedExtension::CRLDistributionPoints(points)) = content(&certificate, "2.5.29.31")
            else {
                panic!("no CRL distribution points");
            };
            assert_eq!(points.points.len(), 1);
            match &points.points[0].distribution_point {
                Some(DistributionPointName::FullName(names)) => {
                    assert!(matches!(names[..], [GeneralName::URI("https://crl.lab.example/shaken.crl")]));
                }
                other => panic!("{other:?}"),
            }
            match points.points[0].crl_issuer.as_deref() {
                Some([GeneralName::DirectoryName(issuer)]) => {
                    assert_eq!(issuer.to_string(), "C=US, O=Lab STI-PA, CN=Lab STI-PA CRL");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_tls_certificate_is_for_the_host_alone() {
        let pki = issue(&LabOptions::default().with_host("repository.example").unwrap());
        let (root, chain) = (ders(&pki.tls_root), ders(&pki.tls_server_chain));
        let (root, server) = (parse(&root[0]), parse(&chain[0]));
        assert_issued(&root, &root);
        assert_issued(&server, &root);
        assert_key_fits(&pki.tls_server_key, &server);
        let names = server.subject_alternative_name().unwrap().unwrap();
        assert!(matches!(names.value.general_names[..], [GeneralName::DNSName("repository.example")]));
        let usage = server.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.any && !usage.client_auth);
        assert!(content(&server, "1.3.6.1.5.5.7.1.26").is_none());
    }

    #[test]
    fn certificates_begin_an_hour_ago() {
        let pki = issue(&LabOptions::default());
        for (pem, days) in [
            (&pki.sti_root, 3652),
            (&pki.sti_intermediate, 3652),
            (&pki.provider_chain, 30),
            (&pki.tls_root, 3652),
            (&pki.tls_server_chain, 30),
        ] {
            let ders = ders(pem);
            let validity = parse(&ders[0]).validity().clone();
            let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap();
            assert_eq!(seconds(validity.not_before), NOW - 3600);
            assert_eq!(seconds(validity.not_after), NOW + days * 86_400);
        }
    }

    #[test]
    fn a_clock_without_room_for_a_validity_is_an_error() {
        let result = |now| Pki::issue(&LabOptions::default(), now).map(|_| ());
        let before_1970 = UNIX_EPOCH - std::time::Duration::from_secs(1);
        assert!(matches!(result(before_1970), Err(LabError::TimeOutOfRange)));
        // In 9995 the CAs could not last ten years; in 2045 they end as a GeneralizedTime.
        assert!(matches!(result(at(253_245_000_000)), Err(LabError::TimeOutOfRange)));
        assert!(matches!(result(at(u64::MAX / 4)), Err(LabError::TimeOutOfRange)));
        assert!(result(at(2_370_000_000)).is_ok());
    }

    #[test]
    fn our_own_verifier_has_nothing_to_object() {
        let pki = issue(&LabOptions::default());
        let now = i64::try_from(NOW).unwrap();
        let trust = Trust::from_pem(pki.sti_root.as_bytes()).unwrap();
        let provider = TrustedCert::from_pem(pki.provider_chain.as_bytes(), &trust, now).unwrap();
        assert_eq!(deviations(provider.certificate()), []);
        assert_eq!(provider.not_after(), now + 30 * 86_400);
        // Its key signs, and another lab's root does not vouch for it.
        signing_key_from_pem(pki.provider_key.as_bytes()).unwrap();
        let other = Trust::from_pem(issue(&LabOptions::default()).sti_root.as_bytes()).unwrap();
        assert!(TrustedCert::from_pem(pki.provider_chain.as_bytes(), &other, now).is_err());
    }

    /// 2026-01-01 00:00:00 UTC.
    const NOW: u64 = 1_767_225_600;
}
