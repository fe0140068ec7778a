//! An STI world in which certificates can be revoked: an STI-CA with root and intermediate, an
//! STI-PA with its own root, and whatever lists a test wants to sign.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber, SigningKey, date_time_ymd,
};
use shaken_core::cert::crl::{self, Crl, TrustedCrl};
use shaken_core::trust::StiPa;
use shaken_core::{Certificate, Error, Trust, cert, es256, key, pem};

use crate::der::{boolean, bytes, explicit, generalized_time, implicit, integer, oid, sequence, set};

/// Certificates are valid from 2026-01-01 to 2027-01-01, lists from the day before to the day
/// after this.
pub(crate) const NOW: i64 = 1_780_272_000;

pub(crate) const DAY_S: i64 = 86_400;

/// Where certificates and lists say that the list is.
pub(crate) const CRL_URL: &str = "https://pa.example.com/crl";

pub(crate) const CRL_ISSUER: &str = "Test STI-PA CRL";

/// `SEQUENCE { [0] IA5String "1234" }`
const SPC_1234: &[u8] = &[0x30, 0x08, 0xa0, 0x06, 0x16, 0x04, b'1', b'2', b'3', b'4'];

/// One key and its certificate.
pub(crate) struct Party {
    pub(crate) key: KeyPair,
    pub(crate) params: CertificateParams,
    pub(crate) pem: String,
}

impl Party {
    pub(crate) fn certificate(&self) -> Certificate {
        let block = pem::blocks(self.pem.as_bytes()).next().unwrap().unwrap();
        Certificate::from_der(block.der()).unwrap()
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

/// The STI-CA's serial numbers: 1 is the intermediate, 2 the provider.
pub(crate) struct World {
    pub(crate) sti_root: Party,
    pub(crate) sti_ca: Party,
    pub(crate) provider: Party,
    pub(crate) pa_root: Party,
    pub(crate) crl_signer: Party,
    pub(crate) list_signer: Party,
}

impl World {
    pub(crate) fn new() -> Self {
        let points = distribution_point(Some(CRL_URL), Some(CRL_ISSUER));
        Self::with_provider_points(Some(points))
    }

    /// `points` is the value of the provider's cRLDistributionPoints.
    pub(crate) fn with_provider_points(points: Option<Vec<u8>>) -> Self {
        let sti_root = self_signed(ca("Test SHAKEN Root", 9));
        let sti_ca = issued(
            with_points(ca("Test SHAKEN CA", 1), Some(distribution_point(Some(CRL_URL), Some(CRL_ISSUER)))),
            &sti_root,
        );
        let mut leaf = end_entity("SHAKEN 1234", 2, &[KeyUsagePurpose::DigitalSignature]);
        leaf.custom_extensions.push(extension(&[1, 3, 6, 1, 5, 5, 7, 1, 26], SPC_1234.to_vec()));
        let provider = issued(with_points(leaf, points), &sti_ca);
        let pa_root = self_signed(ca("Test STI-PA Root", 9));
        let crl_signer = issued(end_entity(CRL_ISSUER, 3, &[KeyUsagePurpose::CrlSign]), &pa_root);
        let list_signer =
            issued(end_entity("Test STI-PA", 4, &[KeyUsagePurpose::DigitalSignature]), &pa_root);
        Self { sti_root, sti_ca, provider, pa_root, crl_signer, list_signer }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_pem(self.sti_root.pem.as_bytes()).unwrap()
    }

    pub(crate) fn sti_pa(&self) -> StiPa {
        StiPa::from_pem(self.pa_root.pem.as_bytes()).unwrap()
    }

    /// The provider's certificate and the intermediate.
    pub(crate) fn chain_pem(&self) -> String {
        format!("{}{}", self.provider.pem, self.sti_ca.pem)
    }

    /// A list that says nothing wrong: indirect, signed by the right signer, without entries.
    pub(crate) fn list(&self) -> NewCrl {
        NewCrl {
            issuer: name(CRL_ISSUER),
            this_update: NOW - DAY_S,
            next_update: Some(NOW + DAY_S),
            version: Some(1),
            entries: Vec::new(),
            extensions: vec![number(7), indirect(Some(CRL_URL))],
            inner_algorithm: ecdsa_sha256(),
        }
    }

    /// Signs and verifies `list`.
    pub(crate) fn trusted(&self, list: &NewCrl, now: i64) -> Result<TrustedCrl, Error> {
        self.verify(&list.signed_by(&self.crl_signer.key), now)
    }

    pub(crate) fn verify(&self, der: &[u8], now: i64) -> Result<TrustedCrl, Error> {
        Crl::from_der(der)?.verify(&[self.crl_signer.certificate()], &self.sti_pa(), now)
    }

    /// An entry for a certificate that the intermediate issued.
    pub(crate) fn entry_of_sti_ca(&self, serial: &[u8]) -> Vec<u8> {
        entry(serial, &[certificate_issuer("Test SHAKEN CA")])
    }

    /// A compact JWS over a list of approved CAs.
    pub(crate) fn ca_list(&self, payload: &str) -> String {
        self.jws(r#"{"alg":"ES256","typ":"JWT","x5u":"https://pa.example.com/signer.pem"}"#, payload)
    }

    pub(crate) fn jws(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let key = key::signing_key_from_pem(self.list_signer.key.serialize_pem().as_bytes()).unwrap();
        let signature: es256::Signature = key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The payload of a list with the root of the STI-CA.
    pub(crate) fn ca_list_payload(&self, sequence: u64, exp: i64) -> String {
        ca_list_payload(sequence, exp, &[&self.sti_root.pem])
    }
}

pub(crate) fn ca_list_payload(sequence: u64, exp: i64, cas: &[&str]) -> String {
    serde_json::json!({ "version": "1.0", "sequence": sequence, "exp": exp, "trustList": cas }).to_string()
}

/// A list to be signed; each part can be made wrong.
#[derive(Clone)]
pub(crate) struct NewCrl {
    pub(crate) issuer: Vec<u8>,
    pub(crate) this_update: i64,
    pub(crate) next_update: Option<i64>,
    pub(crate) version: Option<u8>,
    /// Entries, DER.
    pub(crate) entries: Vec<Vec<u8>>,
    /// Extensions, DER.
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) inner_algorithm: Vec<u8>,
}

impl NewCrl {
    pub(crate) fn tbs(&self) -> Vec<u8> {
        self.tbs_over(&if self.entries.is_empty() { Vec::new() } else { sequence(&self.entries.concat()) })
    }

    /// With `revoked_certificates`, DER of the whole field, instead of the entries.
    pub(crate) fn tbs_over(&self, revoked_certificates: &[u8]) -> Vec<u8> {
        let parts = [
            self.version.map(|version| integer(&[version])).unwrap_or_default(),
            self.inner_algorithm.clone(),
            self.issuer.clone(),
            generalized_time(self.this_update),
            self.next_update.map(generalized_time).unwrap_or_default(),
            revoked_certificates.to_vec(),
            match self.extensions.as_slice() {
                [] => Vec::new(),
                extensions => explicit(0, &sequence(&extensions.concat())),
            },
        ];
        sequence(&parts.concat())
    }

    pub(crate) fn signed_by(&self, key: &KeyPair) -> Vec<u8> {
        sign(&self.tbs(), key)
    }
}

pub(crate) fn sign(tbs: &[u8], key: &KeyPair) -> Vec<u8> {
    let signature = [&[0], key.sign(tbs).unwrap().as_slice()].concat();
    sequence(&[tbs, &ecdsa_sha256(), &bytes(0x03, &signature)].concat())
}

pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

pub(crate) fn ecdsa_sha256() -> Vec<u8> {
    sequence(&oid(&[1, 2, 840, 10045, 4, 3, 2]))
}

/// `CN=text`, as the certificates here have it.
pub(crate) fn name(text: &str) -> Vec<u8> {
    sequence(&set(&sequence(&[oid(&[2, 5, 4, 3]), bytes(0x0c, text.as_bytes())].concat())))
}

pub(crate) fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = match extensions {
        [] => Vec::new(),
        extensions => sequence(&extensions.concat()),
    };
    sequence(&[integer(serial), generalized_time(NOW - DAY_S), extensions].concat())
}

pub(crate) fn list_extension(id: &[u64], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { boolean(0xff) } else { Vec::new() };
    sequence(&[oid(id), critical, bytes(0x04, value)].concat())
}

pub(crate) fn number(number: u8) -> Vec<u8> {
    list_extension(&[2, 5, 29, 20], false, &integer(&[number]))
}

pub(crate) fn reason(code: u8) -> Vec<u8> {
    list_extension(&[2, 5, 29, 21], false, &bytes(0x0a, &[code]))
}

pub(crate) fn certificate_issuer(common_name: &str) -> Vec<u8> {
    list_extension(&[2, 5, 29, 29], true, &sequence(&explicit(4, &name(common_name))))
}

/// issuingDistributionPoint with indirectCRL, and a name if there is one.
pub(crate) fn indirect(url: Option<&str>) -> Vec<u8> {
    let point = url.map(|url| explicit(0, &explicit(0, &implicit(6, url.as_bytes())))).unwrap_or_default();
    issuing_distribution_point(&[point, implicit(4, &[0xff])].concat())
}

pub(crate) fn issuing_distribution_point(fields: &[u8]) -> Vec<u8> {
    list_extension(&[2, 5, 29, 28], true, &sequence(fields))
}

/// cRLDistributionPoints with one point.
pub(crate) fn distribution_point(url: Option<&str>, crl_issuer: Option<&str>) -> Vec<u8> {
    let point = url.map(|url| explicit(0, &explicit(0, &implicit(6, url.as_bytes())))).unwrap_or_default();
    let issuer = crl_issuer.map(|issuer| explicit(2, &explicit(4, &name(issuer)))).unwrap_or_default();
    sequence(&sequence(&[point, issuer].concat()))
}

pub(crate) fn with_points(mut params: CertificateParams, points: Option<Vec<u8>>) -> CertificateParams {
    params.custom_extensions.extend(points.map(|points| extension(&[2, 5, 29, 31], points)));
    params
}

fn extension(id: &[u64], value: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(id, value)
}

pub(crate) fn ca(common_name: &str, serial: u64) -> CertificateParams {
    let mut params = params(common_name, serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

pub(crate) fn end_entity(common_name: &str, serial: u64, usages: &[KeyUsagePurpose]) -> CertificateParams {
    let mut params = params(common_name, serial);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = usages.to_vec();
    params
}

fn params(common_name: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from(serial));
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

pub(crate) fn self_signed(params: CertificateParams) -> Party {
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Party { key, params, pem }
}

pub(crate) fn issued(params: CertificateParams, issuer: &Party) -> Party {
    let key = KeyPair::generate().unwrap();
    let pem = params.signed_by(&key, &issuer.issuer()).unwrap().pem();
    Party { key, params, pem }
}

/// The certificates of a PEM text.
pub(crate) fn certificates(text: &str) -> Vec<Certificate> {
    cert::read_chain(text.as_bytes()).unwrap()
}

/// Reads a list in PEM or DER and verifies it.
pub(crate) fn verify_body(
    body: &[u8],
    signers: &[Certificate],
    sti_pa: &StiPa,
    now: i64,
) -> Result<TrustedCrl, Error> {
    Crl::from_der(&crl::decode(body)?)?.verify(signers, sti_pa, now)
}
