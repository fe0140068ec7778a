//! A throw-away STI PKI for tests and benches: root, intermediate, and a provider certificate
//! with any TNAuthList.

use std::ops::Range;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// `SEQUENCE { [0] IA5String "1234" }`
pub(crate) const SPC_1234: &[u8] = &[0x30, 0x08, 0xa0, 0x06, 0x16, 0x04, b'1', b'2', b'3', b'4'];

/// [`Pki::new`] makes everything valid from 2026-01-01 to 2027-01-01; this is in the middle.
pub(crate) const NOW: i64 = 1_780_272_000;

/// PEM files of one provider.
pub(crate) struct Pki {
    pub(crate) root_pem: String,
    /// Provider certificate, then the intermediate.
    pub(crate) chain_pem: String,
    pub(crate) key_pem: String,
}

impl Pki {
    /// `tn_auth_list` is the DER of the extension; `None` leaves it out.
    pub(crate) fn new(tn_auth_list: Option<&[u8]>) -> Self {
        Self::valid(tn_auth_list, &(1_767_225_600..1_798_761_600))
    }

    /// As `new`, with everything valid between two times, in seconds since 1970.
    pub(crate) fn valid(tn_auth_list: Option<&[u8]>, window: &Range<u64>) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let root_params = ca("Test SHAKEN Root", BasicConstraints::Unconstrained, window);
        let root_pem = root_params.self_signed(&root_key).unwrap().pem();
        let root = Issuer::new(root_params, root_key);

        let intermediate_key = KeyPair::generate().unwrap();
        let intermediate_params = ca("Test SHAKEN CA", BasicConstraints::Constrained(0), window);
        let intermediate_pem = intermediate_params.signed_by(&intermediate_key, &root).unwrap().pem();
        let intermediate = Issuer::new(intermediate_params, intermediate_key);

        let key = KeyPair::generate().unwrap();
        let mut leaf = params("SHAKEN 1234", window);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.use_authority_key_identifier_extension = true;
        leaf.custom_extensions = tn_auth_list
            .map(|der| CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], der.to_vec()))
            .into_iter()
            .collect();
        let leaf_pem = leaf.signed_by(&key, &intermediate).unwrap().pem();
        Self { root_pem, chain_pem: leaf_pem + &intermediate_pem, key_pem: key.serialize_pem() }
    }
}

fn ca(name: &str, constraints: BasicConstraints, window: &Range<u64>) -> CertificateParams {
    let mut params = params(name, window);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn params(name: &str, window: &Range<u64>) -> CertificateParams {
    let time = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = time(window.start);
    params.not_after = time(window.end);
    params
}
