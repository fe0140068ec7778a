//! The Identity header of a call.

use std::cell::RefCell;
use std::sync::Arc;

use shaken_core::passport::{base, div, rph, shaken};
use shaken_core::{Attest, Error, Signer, sign};

use super::{SignRequest, Wanted, cert_of, origids};
use crate::audit::Cert;

/// What signs, and what every record says of it.
#[derive(Debug)]
pub struct Signing {
    signer: Signer,
    pub(super) x5u: Arc<str>,
    pub(super) cert: Arc<Cert>,
}

impl Signing {
    /// Signs with `signer`.
    #[must_use]
    pub fn new(signer: Signer) -> Self {
        let (x5u, cert) = (signer.x5u().into(), cert_of(signer.certificate()).into());
        Self { signer, x5u, cert }
    }

    /// The key with its certificate.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The header for a call, and its tracing value if it has one.
    pub(super) fn sign(
        &self,
        request: &SignRequest,
        attest: Option<Attest>,
        now: i64,
    ) -> Result<(String, Option<String>), Error> {
        make_header(&self.signer, request, attest, now)
    }
}

fn make_header(
    signer: &Signer,
    request: &SignRequest,
    attest: Option<Attest>,
    now: i64,
) -> Result<(String, Option<String>), Error> {
    // An expired certificate signs nothing, not even for a time when it was valid.
    signer.certificate().check_valid(now)?;
    let now = u64::try_from(now).unwrap_or_default();
    let iat = request.iat;
    // RFC 8224 §6.1 step 3: what is more than a minute off must not be signed.
    match iat.abs_diff(now) {
        0..=MAX_IAT_DISTANCE_S => {}
        age_s if iat < now => return Err(Error::IatStale { age_s }),
        ahead_s => return Err(Error::IatFuture { ahead_s }),
    }
    let dest: Vec<shaken_core::Party<'_>> = request.dest.iter().map(|party| party.tn.into()).collect();
    let claims = base::NewClaims::new(request.orig.tn.into(), &dest, iat)?;
    BUFFER.with_borrow_mut(|buffer| match &request.wanted {
        Wanted::Shaken => {
            let origid = match &request.origid {
                Some(origid) => origid.clone(),
                None => origids::next()?.as_str().to_owned(),
            };
            let claims = shaken::NewClaims::new(claims, attest.unwrap_or(Attest::C), &origid)?;
            Ok((signer.sign(&claims, buffer)?.to_owned(), Some(origid)))
        }
        Wanted::Div { div, hi } => {
            let claims = div::NewClaims::new(claims, div.tn.into())?;
            let claims = match hi {
                Some(hi) => claims.with_history_index(hi),
                None => claims,
            };
            Ok((signer.sign(&claims, buffer)?.to_owned(), None))
        }
        Wanted::Rph { auth, callback } => {
            let auth: Vec<&str> = auth.iter().map(String::as_str).collect();
            let claims = rph::NewClaims::new(claims, &auth, *callback)?;
            Ok((signer.sign(&claims, buffer)?.to_owned(), None))
        }
    })
}

thread_local! {
    /// Where headers are put together. To have it made anew, all zeros, costs as much as its copy.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; sign::MAX_HEADER_LEN]);
}

/// How far the `iat` of a request to sign may be from our clock.
const MAX_IAT_DISTANCE_S: u64 = 60;
