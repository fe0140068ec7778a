//! Certificates byte by byte, right or wrong as a test wants them. Their signatures are worth
//! nothing: who only reads a certificate does not check them.

use shaken_core::Certificate;

use crate::der::{boolean, bytes, explicit, generalized_time, implicit, integer, oid, sequence, set};
use crate::rig::{NOW, list, spc};

pub(crate) const COUNTRY: &[u64] = &[2, 5, 4, 6];
pub(crate) const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
pub(crate) const COMMON_NAME: &[u64] = &[2, 5, 4, 3];

pub(crate) const SUBJECT_KEY_ID: &[u64] = &[2, 5, 29, 14];
pub(crate) const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
pub(crate) const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
pub(crate) const CRL_POINTS: &[u64] = &[2, 5, 29, 31];
pub(crate) const POLICIES: &[u64] = &[2, 5, 29, 32];
pub(crate) const AUTHORITY_KEY_ID: &[u64] = &[2, 5, 29, 35];
pub(crate) const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
pub(crate) const TN_AUTH_LIST: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 26];
pub(crate) const CLAIM_CONSTRAINTS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 27];
pub(crate) const ENHANCED_CLAIM_CONSTRAINTS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 33];
pub(crate) const INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];

pub(crate) const P256: &[u64] = &[1, 2, 840, 10045, 3, 1, 7];
pub(crate) const P384: &[u64] = &[1, 3, 132, 0, 34];
pub(crate) const P521: &[u64] = &[1, 3, 132, 0, 35];
pub(crate) const ECDSA_SHA256: &[u64] = &[1, 2, 840, 10045, 4, 3, 2];
pub(crate) const ECDSA_SHA384: &[u64] = &[1, 2, 840, 10045, 4, 3, 3];
pub(crate) const RSA_SHA256: &[u64] = &[1, 2, 840, 113_549, 1, 1, 11];

pub(crate) const DIGITAL_SIGNATURE: u8 = 0x80;
pub(crate) const KEY_ENCIPHERMENT: u8 = 0x20;
pub(crate) const KEY_CERT_SIGN: u8 = 0x04;
pub(crate) const CRL_SIGN: u8 = 0x02;

/// The parts of a certificate, in the order of RFC 5280 §4.1.
pub(crate) struct Made {
    pub(crate) version: u8,
    pub(crate) serial: Vec<u8>,
    pub(crate) algorithm: &'static [u64],
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<(&'static [u64], String)>,
    pub(crate) curve: &'static [u64],
    pub(crate) extensions: Vec<(&'static [u64], bool, Vec<u8>)>,
}

impl Made {
    /// A provider's certificate that keeps to the profile.
    pub(crate) fn leaf() -> Self {
        let mut made = Self::intermediate();
        made.subject[2].1 = "SHAKEN 1234".to_owned();
        made.replace(BASIC_CONSTRAINTS, sequence(&[]));
        made.replace(KEY_USAGE, usage(DIGITAL_SIGNATURE));
        made.extensions.push((TN_AUTH_LIST, false, list(&[spc("1234")])));
        made
    }

    /// A CA's that does.
    pub(crate) fn intermediate() -> Self {
        let mut made = Self::root();
        made.issuer = name(&made.subject);
        made.subject[2].1 = "Test SHAKEN CA 1".to_owned();
        let authority_key_id = sequence(&implicit(0, &[9; 20]));
        made.extensions.push((AUTHORITY_KEY_ID, false, authority_key_id));
        made.extensions.push((POLICIES, false, policies(&[&[2, 16, 840, 1, 114_569, 1, 1, 4]])));
        made.extensions.push((CRL_POINTS, false, sequence(&point(Some("https://pa.example.com/crl"), true))));
        made
    }

    /// A trust anchor's that does.
    pub(crate) fn root() -> Self {
        let subject = vec![
            (COUNTRY, "US".to_owned()),
            (ORGANIZATION, "Test STI-CA".to_owned()),
            (COMMON_NAME, "Test SHAKEN Root".to_owned()),
        ];
        Self {
            version: 3,
            serial: vec![0x4a, 1, 2, 3, 4, 5, 6, 7],
            algorithm: ECDSA_SHA256,
            issuer: name(&subject),
            subject,
            curve: P256,
            extensions: vec![
                (BASIC_CONSTRAINTS, true, sequence(&boolean(0xff))),
                (KEY_USAGE, true, usage(KEY_CERT_SIGN)),
                (SUBJECT_KEY_ID, false, bytes(0x04, &[7; 20])),
            ],
        }
    }

    pub(crate) fn remove(&mut self, extension: &[u64]) {
        let before = self.extensions.len();
        self.extensions.retain(|(id, ..)| *id != extension);
        assert_eq!(self.extensions.len() + 1, before);
    }

    pub(crate) fn replace(&mut self, extension: &[u64], value: Vec<u8>) {
        self.found(extension).2 = value;
    }

    pub(crate) fn turn_critical(&mut self, extension: &[u64]) {
        let critical = &mut self.found(extension).1;
        *critical = !*critical;
    }

    fn found(&mut self, extension: &[u64]) -> &mut (&'static [u64], bool, Vec<u8>) {
        self.extensions.iter_mut().find(|(id, ..)| *id == extension).unwrap()
    }

    /// Makes a root of it whose name has changed.
    pub(crate) fn self_issued(&mut self) {
        self.issuer = name(&self.subject);
    }

    pub(crate) fn certificate(&self) -> Certificate {
        let algorithm = sequence(&oid(self.algorithm));
        let time = |seconds| generalized_time(seconds);
        let validity = sequence(&[time(NOW - 86_400), time(NOW + 86_400)].concat());
        let key = [&[0, 4][..], &[1; 64]].concat();
        let key_algorithm = sequence(&[oid(&[1, 2, 840, 10045, 2, 1]), oid(self.curve)].concat());
        let key = sequence(&[key_algorithm, bytes(0x03, &key)].concat());
        let version = match self.version {
            1 => vec![],
            version => explicit(0, &integer(&[version - 1])),
        };
        let extensions: Vec<u8> = self
            .extensions
            .iter()
            .flat_map(|(id, critical, value)| {
                let critical = if *critical { boolean(0xff) } else { vec![] };
                sequence(&[oid(id), critical, bytes(0x04, value)].concat())
            })
            .collect();
        let extensions = match self.extensions.len() {
            0 => vec![],
            _ => explicit(3, &sequence(&extensions)),
        };
        let tbs = sequence(
            &[
                version,
                integer(&self.serial),
                algorithm.clone(),
                self.issuer.clone(),
                validity,
                name(&self.subject),
                key,
                extensions,
            ]
            .concat(),
        );
        let signature = sequence(&[integer(&[1]), integer(&[1])].concat());
        let signature = bytes(0x03, &[&[0], signature.as_slice()].concat());
        Certificate::from_der(&sequence(&[tbs, algorithm, signature].concat())).unwrap()
    }
}

/// keyUsage with the bits of its first byte.
pub(crate) fn usage(bits: u8) -> Vec<u8> {
    bytes(0x03, &[u8::try_from(bits.trailing_zeros()).unwrap(), bits])
}

pub(crate) fn policies(ids: &[&[u64]]) -> Vec<u8> {
    sequence(&ids.iter().flat_map(|id| sequence(&oid(id))).collect::<Vec<u8>>())
}

/// Claim constraints that demand one claim, in either form.
pub(crate) fn must_include(claim: &str) -> Vec<u8> {
    sequence(&explicit(0, &sequence(&bytes(0x16, claim.as_bytes()))))
}

/// Enhanced ones that exclude one claim.
pub(crate) fn must_exclude(claim: &str) -> Vec<u8> {
    sequence(&explicit(2, &sequence(&bytes(0x16, claim.as_bytes()))))
}

/// One DistributionPoint.
pub(crate) fn point(url: Option<&str>, with_issuer: bool) -> Vec<u8> {
    let url = url.map_or(vec![], |url| explicit(0, &explicit(0, &implicit(6, url.as_bytes()))));
    let issuer = name(&[(COMMON_NAME, "Test STI-PA CRL".to_owned())]);
    let issuer = if with_issuer { explicit(2, &explicit(4, &issuer)) } else { vec![] };
    sequence(&[url, issuer].concat())
}

pub(crate) fn name(attributes: &[(&[u64], String)]) -> Vec<u8> {
    let rdns = attributes
        .iter()
        .flat_map(|(kind, text)| set(&sequence(&[oid(kind), bytes(0x0c, text.as_bytes())].concat())));
    sequence(&rdns.collect::<Vec<u8>>())
}
