//! Certificates with a good signature over whatever a test wants: what the CA signed is wrong,
//! not the signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData, SignatureAlgorithm, SigningKey,
};

use crate::der::{boolean, bytes, explicit, generalized_time, integer, oid, sequence, set};

/// In the middle of the validity of all of them.
pub(crate) const NOW: i64 = 1_780_272_000;

const DAY_S: i64 = 86_400;

/// `SEQUENCE { cA TRUE }`
pub(crate) const CA: &[u8] = &[0x30, 3, 1, 1, 0xff];

/// keyCertSign
pub(crate) const CERT_SIGN: &[u8] = &[3, 2, 2, 4];

/// digitalSignature
pub(crate) const SIGN: &[u8] = &[3, 2, 7, 0x80];

/// One certificate to be signed; each part can be made wrong. Names, extensions and the rest are
/// DER.
#[derive(Clone)]
pub(crate) struct Forged {
    pub(crate) serial: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) not_before: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// The signature algorithm that the CA signed, if it is another than that of the signature.
    pub(crate) signed_algorithm: Option<Vec<u8>>,
    /// What stands behind the extensions.
    pub(crate) behind: Vec<u8>,
}

/// A key and its name.
pub(crate) struct Party {
    pub(crate) key: KeyPair,
    pub(crate) name: Vec<u8>,
}

impl Party {
    pub(crate) fn new(common_name: &str) -> Self {
        Self::with_algorithm(common_name, &PKCS_ECDSA_P256_SHA256)
    }

    pub(crate) fn on_p384(common_name: &str) -> Self {
        Self::with_algorithm(common_name, &PKCS_ECDSA_P384_SHA384)
    }

    fn with_algorithm(common_name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        Self { key: KeyPair::generate_for(algorithm).unwrap(), name: name(common_name) }
    }

    /// What `self` issues to `subject`: a CA, or an end entity.
    pub(crate) fn ca(&self, subject: &Self) -> Forged {
        self.issue(subject, vec![basic_constraints(CA), key_usage(CERT_SIGN)])
    }

    pub(crate) fn end_entity(&self, subject: &Self) -> Forged {
        self.issue(subject, vec![key_usage(SIGN)])
    }

    fn issue(&self, subject: &Self, mut extensions: Vec<Vec<u8>>) -> Forged {
        extensions.push(extension(&[2, 5, 29, 14], &bytes(0x04, &key_id(&subject.key))));
        extensions.push(extension(&[2, 5, 29, 35], &sequence(&bytes(0x80, &key_id(&self.key)))));
        Forged {
            serial: vec![7],
            issuer: self.name.clone(),
            subject: subject.name.clone(),
            not_before: generalized_time(NOW - DAY_S),
            extensions,
            signed_algorithm: None,
            behind: Vec::new(),
        }
    }
}

impl Forged {
    pub(crate) fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Puts `extension` in the place of the first one.
    pub(crate) fn instead(mut self, extension: Vec<u8>) -> Self {
        self.extensions[0] = extension;
        self
    }

    /// For the key of `subject`, signed with that of `issuer`.
    pub(crate) fn sign(&self, subject: &KeyPair, issuer: &KeyPair) -> Vec<u8> {
        let algorithm = sequence(&oid(if issuer.algorithm() == &PKCS_ECDSA_P384_SHA384 {
            &[1, 2, 840, 10045, 4, 3, 3]
        } else {
            &[1, 2, 840, 10045, 4, 3, 2]
        }));
        let signed = sequence(
            &[
                explicit(0, &integer(&[2])),
                integer(&self.serial),
                self.signed_algorithm.clone().unwrap_or_else(|| algorithm.clone()),
                self.issuer.clone(),
                sequence(&[self.not_before.clone(), generalized_time(NOW + DAY_S)].concat()),
                self.subject.clone(),
                subject.subject_public_key_info(),
                explicit(3, &sequence(&self.extensions.concat())),
                self.behind.clone(),
            ]
            .concat(),
        );
        let signature = [&[0], issuer.sign(&signed).unwrap().as_slice()].concat();
        sequence(&[signed, algorithm, bytes(0x03, &signature)].concat())
    }
}

pub(crate) fn to_pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

/// `CN=text`
pub(crate) fn name(text: &str) -> Vec<u8> {
    sequence(&set(&attribute(text)))
}

pub(crate) fn attribute(text: &str) -> Vec<u8> {
    sequence(&[oid(&[2, 5, 4, 3]), bytes(0x0c, text.as_bytes())].concat())
}

pub(crate) fn basic_constraints(value: &[u8]) -> Vec<u8> {
    critical(&[2, 5, 29, 19], 0xff, value)
}

pub(crate) fn key_usage(value: &[u8]) -> Vec<u8> {
    critical(&[2, 5, 29, 15], 0xff, value)
}

pub(crate) fn extension(id: &[u64], value: &[u8]) -> Vec<u8> {
    sequence(&[oid(id), bytes(0x04, value)].concat())
}

/// `flag` is the content of the BOOLEAN.
pub(crate) fn critical(id: &[u64], flag: u8, value: &[u8]) -> Vec<u8> {
    sequence(&[oid(id), boolean(flag), bytes(0x04, value)].concat())
}

fn key_id(key: &KeyPair) -> Vec<u8> {
    key.subject_public_key_info()[30..50].to_vec()
}
