//! TNAuthLists and chains of certificates with whatever lists a test wants to see.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use shaken_core::{Error, TelephoneNumber, Trust, TrustedCert};

use crate::der::{bytes, explicit, implicit, integer, oid, sequence};

/// All certificates are valid from 2026-01-01 to 2027-01-01.
pub(crate) const NOW: i64 = 1_780_272_000;

const IA5_STRING: u8 = 0x16;

pub(crate) fn tn(text: &str) -> TelephoneNumber {
    TelephoneNumber::parse(text).unwrap()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

pub(crate) fn spc(code: &str) -> Vec<u8> {
    explicit(0, &bytes(IA5_STRING, code.as_bytes()))
}

pub(crate) fn range(start: &str, count: u64) -> Vec<u8> {
    let count = count.to_be_bytes();
    let count = &count[count.iter().position(|byte| *byte != 0).unwrap()..];
    let padding: &[u8] = if count[0] & 0x80 == 0 { &[] } else { &[0] };
    let count = integer(&[padding, count].concat());
    explicit(1, &sequence(&[bytes(IA5_STRING, start.as_bytes()), count].concat()))
}

pub(crate) fn one(number: &str) -> Vec<u8> {
    explicit(2, &bytes(IA5_STRING, number.as_bytes()))
}

pub(crate) fn list(entries: &[Vec<u8>]) -> Vec<u8> {
    sequence(&entries.concat())
}

/// The TNAuthList of one certificate of a chain.
#[derive(Clone)]
pub(crate) enum List {
    None,
    Value(Vec<u8>),
    Reference(&'static str),
    /// Both: what the reference says must not count.
    ValueAndReference(Vec<u8>, &'static str),
}

impl List {
    pub(crate) fn of(entries: &[Vec<u8>]) -> Self {
        Self::Value(list(entries))
    }

    fn extensions(&self) -> Vec<CustomExtension> {
        let value =
            |der: &Vec<u8>| CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], der.clone());
        let reference = |url: &str| {
            let method = oid(&[1, 3, 6, 1, 5, 5, 7, 48, 14]);
            let description = sequence(&[method, implicit(6, url.as_bytes())].concat());
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], sequence(&description))
        };
        match self {
            Self::None => vec![],
            Self::Value(der) => vec![value(der)],
            Self::Reference(url) => vec![reference(url)],
            Self::ValueAndReference(der, url) => vec![value(der), reference(url)],
        }
    }
}

/// A chain of one certificate for each list, the trust anchor's first, the signer's last.
pub(crate) struct Chain {
    pub(crate) pem: String,
    pub(crate) key: KeyPair,
    anchor_pem: String,
}

impl Chain {
    pub(crate) fn new(lists: &[List]) -> Self {
        let (mut pem, mut anchor_pem) = (String::new(), String::new());
        let mut issuer: Option<Issuer<'_, KeyPair>> = None;
        for (i, list) in lists.iter().enumerate() {
            let is_signer = i + 1 == lists.len();
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, format!("SHAKEN {i}"));
            params.not_before = date_time_ymd(2026, 1, 1);
            params.not_after = date_time_ymd(2027, 1, 1);
            params.is_ca =
                if is_signer { IsCa::ExplicitNoCa } else { IsCa::Ca(BasicConstraints::Unconstrained) };
            params.key_usages = vec![if is_signer {
                KeyUsagePurpose::DigitalSignature
            } else {
                KeyUsagePurpose::KeyCertSign
            }];
            params.use_authority_key_identifier_extension = true;
            params.custom_extensions = list.extensions();
            let key = KeyPair::generate().unwrap();
            let certificate = match &issuer {
                Some(issuer) => params.signed_by(&key, issuer).unwrap(),
                None => params.self_signed(&key).unwrap(),
            };
            pem = certificate.pem() + &pem;
            if i == 0 {
                anchor_pem = certificate.pem();
            }
            if is_signer {
                return Self { pem, key, anchor_pem };
            }
            issuer = Some(Issuer::new(params, key));
        }
        panic!("a chain needs certificates")
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_pem(self.anchor_pem.as_bytes()).unwrap()
    }

    pub(crate) fn judged(&self) -> Result<TrustedCert, Error> {
        TrustedCert::from_pem(self.pem.as_bytes(), &self.trust(), NOW)
    }
}
