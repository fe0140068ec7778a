//! The vectors, and certificates for those of them that have a bare key.

use std::collections::BTreeMap;

use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};
use serde_json::Value;
use shaken_core::sip::Uri;
use shaken_core::verify::{CallScratch, Verdict};
use shaken_core::{Call, Error, Party, TelephoneNumber, Trust, TrustedCert, Verifier, X5u};
pub(crate) use shaken_test_vectors::suites::StandardVectors as Vectors;

/// `SEQUENCE { [0] IA5String "1234" }`
const SPC_1234: &[u8] = &[0x30, 0x08, 0xa0, 0x06, 0x16, 0x04, b'1', b'2', b'3', b'4'];

/// Issues certificates for any public key, valid from 2015 on.
pub(crate) struct World {
    issuer: Issuer<'static, KeyPair>,
    root_pem: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params("Test SHAKEN Root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), root_pem }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_pem(self.root_pem.as_bytes()).unwrap()
    }

    /// A provider's certificate for a public key in PEM.
    pub(crate) fn certificate(&self, public_key_pem: &str, now: i64) -> TrustedCert {
        let pem = self.leaf().signed_by(&PublicKey::from_pem(public_key_pem), &self.issuer).unwrap().pem();
        TrustedCert::from_pem(pem.as_bytes(), &self.trust(), now).unwrap()
    }

    /// Key and certificate of a provider, both in PEM.
    pub(crate) fn provider(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (key.serialize_pem(), self.leaf().signed_by(&key, &self.issuer).unwrap().pem())
    }

    fn leaf(&self) -> CertificateParams {
        let mut leaf = params("SHAKEN 1234");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.use_authority_key_identifier_extension = true;
        leaf.custom_extensions =
            vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], SPC_1234.to_vec())];
        leaf
    }
}

/// Somebody's P-256 key.
struct PublicKey(Vec<u8>);

impl PublicKey {
    fn from_pem(pem: &str) -> Self {
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(der).unwrap();
        // The point stands at the end of its subjectPublicKeyInfo.
        Self(der[der.len() - 65..].to_vec())
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2015, 1, 1);
    params.not_after = date_time_ymd(2045, 1, 1);
    params
}

/// A party by its number or URI.
pub(crate) fn party(text: &str) -> Party<'_> {
    TelephoneNumber::parse(text)
        .map_or_else(|_| Party::of(&Uri::parse(text.as_bytes()).unwrap()), Party::Number)
}

/// The party of an `orig` or `div` claim.
pub(crate) fn claimed(claim: &Value) -> Party<'_> {
    party(claim["tn"].as_str().or_else(|| claim["uri"].as_str()).unwrap())
}

/// The parties of a `dest` claim.
pub(crate) fn all_claimed(dest: &Value) -> Vec<Party<'_>> {
    let texts = ["tn", "uri"].into_iter().flat_map(|name| dest[name].as_array().into_iter().flatten());
    texts.map(|text| party(text.as_str().unwrap())).collect()
}

/// The verdict on these headers with these certificates by URL.
pub(crate) fn judge<'a>(
    headers: &[&'a str],
    call: &Call<'_>,
    certificates: &BTreeMap<String, TrustedCert>,
    scratch: &'a mut CallScratch,
    now: i64,
) -> Result<Verdict<'a>, Error> {
    let verifier = Verifier::default();
    let screened =
        verifier.screen_call(headers.iter().map(|header| header.as_bytes()), call, scratch, now)?;
    let certificate = |x5u: &X5u<'_>| certificates.get(x5u.as_str()).ok_or(Error::CertUnavailable);
    Ok(verifier.verify_call(screened, certificate, now))
}

/// An Identity header for a token that has none: `info` and `ppt` as the token says.
pub(crate) fn header_of(vector: &Value) -> String {
    if let Some(header) = vector["identity_header"].as_str() {
        return header.to_owned();
    }
    let header: Value =
        vector["header_json"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let info = header["x5u"].as_str().unwrap_or("https://cert.example.org/passport.cer");
    let ppt = header["ppt"].as_str().map(|ppt| format!(";ppt={ppt}")).unwrap_or_default();
    format!("{};info=<{info}>;alg=ES256{ppt}", vector["token"].as_str().unwrap())
}
