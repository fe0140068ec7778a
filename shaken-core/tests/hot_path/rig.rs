//! One provider: its signer, its certificate, and a call that was diverted once.

use std::sync::Arc;

use shaken_core::passport::{base, div, shaken};
use shaken_core::sign::MAX_HEADER_LEN;
use shaken_core::{Attest, Party, Signer, TelephoneNumber, Trust, TrustedCert, key};

use crate::pki::{NOW, Pki, SPC_1234};

pub(crate) const X5U: &str = "https://cr.example.com/shaken.pem";
pub(crate) const ORIGID: &str = "123e4567-e89b-12d3-a456-426655440000";

pub(crate) struct Provider {
    pub(crate) signer: Signer,
    pub(crate) trust: Trust,
    pub(crate) certificate: Arc<TrustedCert>,
}

impl Provider {
    pub(crate) fn new() -> Self {
        let pki = Pki::new(Some(SPC_1234));
        let key = key::signing_key_from_pem(pki.key_pem.as_bytes()).unwrap();
        let signer = Signer::new(key, pki.chain_pem.as_bytes(), X5U).unwrap();
        let trust = Trust::from_pem(pki.root_pem.as_bytes()).unwrap();
        let certificate = Arc::new(TrustedCert::from_pem(pki.chain_pem.as_bytes(), &trust, NOW).unwrap());
        Self { signer, trust, certificate }
    }

    /// The header of the call as it was first made, and that of its diversion.
    pub(crate) fn headers(&self) -> [String; 2] {
        let (first, then) = ([called()], [diverted()]);
        let call = base::NewClaims::new(caller(), &first, NOW.unsigned_abs()).unwrap();
        let step = base::NewClaims::new(caller(), &then, NOW.unsigned_abs()).unwrap();
        let mut buffer = [0; MAX_HEADER_LEN];
        let shaken = shaken::NewClaims::new(call, Attest::A, ORIGID).unwrap();
        let shaken = self.signer.sign(&shaken, &mut buffer).unwrap().to_owned();
        let div = div::NewClaims::new(step, called()).unwrap();
        [shaken, self.signer.sign(&div, &mut buffer).unwrap().to_owned()]
    }
}

pub(crate) fn caller() -> Party<'static> {
    TelephoneNumber::parse("12155550121").unwrap().into()
}

pub(crate) fn called() -> Party<'static> {
    TelephoneNumber::parse("12155550131").unwrap().into()
}

pub(crate) fn diverted() -> Party<'static> {
    TelephoneNumber::parse("12155550199").unwrap().into()
}
