//! What all benches measure: one provider, one call, its Identity header, and each stage of signing
//! and verifying it as a function.
//!
//! Every performance claim of the project is measured here, each beside what it is compared with:
//! `benches/` has a criterion bench for each stage, `ratios/` a program that prints ratios of two
//! things that were measured in turns. The README of this folder explains its lines.

#[path = "../shaken-core/tests/pki/mod.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod pki;

mod percentiles;
mod stolen;

pub use percentiles::Percentiles;
pub use stolen::{Stolen, Tenths};

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use shaken_core::passport::{base, div, shaken};
use shaken_core::verify::CallScratch;
use shaken_core::{
    Attest, Call, CertCache, Identity, Lookup, Party, Scratch, Signer, TelephoneNumber, Trust, TrustedCert,
    Verifier, X5u, base64url, key, pem, sign,
};

/// Where the certificate of [`Fixture`] is said to be.
pub const X5U: &str = "https://cr.example.com/shaken.pem";

/// Who calls.
pub const CALLER: &str = "12155550121";

/// Who is called.
pub const CALLED: &str = "12155550131";

/// Whom the call is diverted to, in benches of diversions.
pub const TARGET: &str = "12155550199";

/// The tracing value of the call.
pub const ORIGID: &str = "123e4567-e89b-12d3-a456-426655440000";

/// How many other certificates are in the cache.
const OTHERS_IN_CACHE: usize = 1_000;

const CACHE_LEN_BYTES: u64 = 64 << 20;

const WINDOW: Duration = Duration::from_hours(24);

/// Keys, certificates and a signed call, and what it takes to sign and verify that.
pub struct Fixture {
    /// When the call is signed and verified, in seconds since 1970: the clock's time when the
    /// fixture was made, so that libraries that read the clock take the same header.
    pub now: i64,
    /// The provider's certificate, then the intermediate, in PEM.
    pub chain_pem: String,
    /// The root certificate in PEM.
    pub root_pem: String,
    /// The provider's key in PEM, PKCS#8.
    pub key_pem: String,
    /// The provider's key in PKCS#8.
    pub key_der: Vec<u8>,
    /// The provider's key for ring's raw operation.
    pub raw_key: EcdsaKeyPair,
    /// Signs for the provider.
    pub signer: Signer,
    /// What the root is trusted by.
    pub trust: Trust,
    /// Has the certificate for [`X5U`], and for many other URLs.
    pub cache: CertCache,
    /// The value of the Identity header of the call.
    pub header: String,
    /// The value of the header that diverts the call, of type `div`.
    pub diversion: String,
    /// Takes the certificates of cold calls.
    cold_cache: CertCache,
}

impl Fixture {
    /// Makes keys and certificates, and signs the call now.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it reads the clock and makes new keys")]
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let window = (now - WINDOW).as_secs()..(now + WINDOW).as_secs();
        let pki = pki::Pki::valid(Some(pki::SPC_1234), &window);
        let now = i64::try_from(now.as_secs()).unwrap();

        let key = key::signing_key_from_pem(pki.key_pem.as_bytes()).unwrap();
        let signer = Signer::new(key, pki.chain_pem.as_bytes(), X5U).unwrap();
        let mut buffer = [0; sign::MAX_HEADER_LEN];
        let header = sign(&signer, now, &mut buffer).to_owned();
        let dest = [party(TARGET)];
        let claims = base::NewClaims::new(party(CALLER), &dest, now.unsigned_abs()).unwrap();
        let claims = div::NewClaims::new(claims, party(CALLED)).unwrap();
        let diversion = signer.sign(&claims, &mut buffer).unwrap().to_owned();

        let trust = Trust::from_pem(pki.root_pem.as_bytes()).unwrap();
        let certificate = Arc::new(TrustedCert::from_pem(pki.chain_pem.as_bytes(), &trust, now).unwrap());
        let cache = CertCache::new(CACHE_LEN_BYTES);
        cache.insert(X5U, Arc::clone(&certificate), None, now);
        for other in 0..OTHERS_IN_CACHE {
            let url = format!("https://cr.example.com/{other}.pem");
            cache.insert(&url, Arc::clone(&certificate), None, now);
        }

        let key_der = pem::blocks(pki.key_pem.as_bytes()).next().unwrap().unwrap().der().to_vec();
        let raw_key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key_der, &SystemRandom::new())
                .unwrap();
        let cold_cache = CertCache::new(CACHE_LEN_BYTES);
        let pki::Pki { root_pem, chain_pem, key_pem } = pki;
        Self {
            now,
            chain_pem,
            root_pem,
            key_pem,
            key_der,
            raw_key,
            signer,
            trust,
            cache,
            header,
            diversion,
            cold_cache,
        }
    }

    /// What the signature of the header covers, `header.payload`, and the signature as r‖s.
    ///
    /// # Panics
    /// Never: the header is our own.
    #[must_use]
    pub fn signed(&self) -> (&[u8], [u8; 64]) {
        let (token, _) = self.header.split_once(';').unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut raw = [0; 64];
        base64url::decode(signature.as_bytes(), &mut raw).unwrap();
        (signed.as_bytes(), raw)
    }

    /// Numbers and tracing value in, Identity header out.
    pub fn sign<'b>(&self, buffer: &'b mut [u8]) -> &'b str {
        sign(&self.signer, self.now, buffer)
    }

    /// Verifies the header with the certificate from the cache: parse, screen, lookup, verify.
    ///
    /// # Panics
    /// If it is not valid.
    pub fn verify_warm(&self, verifier: &Verifier, call: &Call<'_>, scratch: &mut Scratch) -> Attest {
        let identity = Identity::parse(self.header.as_bytes()).unwrap();
        let screened = verifier.screen(&identity, call, scratch, self.now).unwrap();
        let certificate = self.certificate(screened.x5u());
        verifier.verify(screened, &certificate, self.now).unwrap().attest()
    }

    /// As [`verify_warm`](Self::verify_warm), by the way that takes all headers of a call.
    ///
    /// # Panics
    /// If the call does not pass.
    pub fn verify_call_warm(
        &self,
        headers: &[&str],
        verifier: &Verifier,
        call: &Call<'_>,
        scratch: &mut CallScratch,
    ) -> Attest {
        let headers = headers.iter().map(|header| header.as_bytes());
        let screened = verifier.screen_call(headers, call, scratch, self.now).unwrap();
        let verdict = verifier.verify_call(screened, |x5u| Ok(self.certificate(x5u)), self.now);
        verdict.result().unwrap().attest()
    }

    /// Verifies the header with a certificate that was just fetched: parse, screen, the path from
    /// PEM to the root, insertion into a cache, verify.
    ///
    /// # Panics
    /// If it is not valid.
    pub fn verify_cold(&self, verifier: &Verifier, call: &Call<'_>, scratch: &mut Scratch) -> Attest {
        let identity = Identity::parse(self.header.as_bytes()).unwrap();
        let screened = verifier.screen(&identity, call, scratch, self.now).unwrap();
        let certificate = TrustedCert::from_pem(self.chain_pem.as_bytes(), &self.trust, self.now).unwrap();
        let certificate = Arc::new(certificate);
        self.cold_cache.insert(screened.x5u().as_str(), Arc::clone(&certificate), None, self.now);
        verifier.verify(screened, &certificate, self.now).unwrap().attest()
    }

    /// The certificate of `x5u` from the cache.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    pub fn certificate(&self, x5u: &X5u<'_>) -> Arc<TrustedCert> {
        match self.cache.lookup(x5u.as_str(), &self.trust, self.now) {
            Lookup::Fresh(certificate) | Lookup::Due(certificate) => certificate,
            other => panic!("not in the cache: {other:?}"),
        }
    }
}

/// A telephone number as a party of a call.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn party(number: &str) -> Party<'_> {
    TelephoneNumber::parse(number).unwrap().into()
}

fn sign<'b>(signer: &Signer, now: i64, buffer: &'b mut [u8]) -> &'b str {
    let dest = [party(CALLED)];
    let claims = base::NewClaims::new(party(CALLER), &dest, now.unsigned_abs()).unwrap();
    let claims = shaken::NewClaims::new(claims, Attest::A, ORIGID).unwrap();
    signer.sign(&claims, buffer).unwrap()
}
