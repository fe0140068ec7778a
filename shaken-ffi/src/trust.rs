//! Whom to trust, as C hands it over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shaken_core::X5u;
use shaken_core::cert::crl::{self, Crl};
use shaken_core::cert::read_chain;
use shaken_core::trust::{CaList, CaListToken, RevocationPolicy, StiPa};

use crate::guard::Failure;

/// The STI-CAs that are trusted, and what is revoked. Verifiers take a copy.
#[derive(Debug)]
pub struct Trust(Mutex<shaken_core::Trust>);

impl Trust {
    /// # Errors
    /// Those of [`shaken_core::Trust::from_pem`].
    pub(crate) fn new(anchors: &[u8]) -> Result<Self, Failure> {
        Ok(Self(Mutex::new(shaken_core::Trust::from_pem(anchors)?)))
    }

    /// Trusts the STI-CAs of a list alone.
    ///
    /// # Errors
    /// Those of [`SignedCaList::verify`].
    pub(crate) fn from_ca_list(list: &SignedCaList<'_>, now: i64) -> Result<Self, Failure> {
        Ok(Self(Mutex::new(shaken_core::Trust::from_ca_list(list.verify(now)?))))
    }

    /// Puts a list of approved STI-CAs in the place of the one before.
    ///
    /// # Errors
    /// Those of [`SignedCaList::verify`]; [`shaken_core::Error::CaListRollback`].
    pub(crate) fn set_ca_list(&self, list: &SignedCaList<'_>, now: i64) -> Result<(), Failure> {
        let list = list.verify(now)?;
        self.lock().update_ca_list(list)?;
        Ok(())
    }

    /// # Errors
    /// Those of [`shaken_core::Trust::with_intermediates_pem`].
    pub(crate) fn add_intermediates(&self, intermediates: &[u8]) -> Result<(), Failure> {
        let mut trust = self.lock();
        let changed = trust.clone().with_intermediates_pem(intermediates)?;
        *trust = changed;
        Ok(())
    }

    /// # Errors
    /// What is wrong with the list or with its signer; [`shaken_core::Error::CrlRollback`].
    pub(crate) fn add_crl(
        &self,
        list: &[u8],
        signer_chain: &[u8],
        sti_pa_roots: &[u8],
        now: i64,
    ) -> Result<(), Failure> {
        let der = crl::decode(list)?;
        let signers = read_chain(signer_chain)?;
        let sti_pa = StiPa::from_pem(sti_pa_roots)?;
        let list = Crl::from_der(&der)?.verify(&signers, &sti_pa, now)?;
        Ok(self.lock().update_crl(Arc::new(list))?)
    }

    /// Refuses certificates that no revocation list covers.
    pub(crate) fn require_crl(&self) {
        let mut trust = self.lock();
        *trust = trust.clone().with_revocation_policy(RevocationPolicy::FailClosed);
    }

    pub(crate) fn copy(&self) -> Arc<shaken_core::Trust> {
        Arc::new(self.lock().clone())
    }

    fn lock(&self) -> MutexGuard<'_, shaken_core::Trust> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The STI-PA's list of approved STI-CAs, with what it takes to check it.
pub(crate) struct SignedCaList<'a> {
    /// As it stands at `url`.
    pub(crate) body: &'a [u8],
    pub(crate) url: &'a str,
    /// What stands behind the `x5u` of the list, PEM.
    pub(crate) signer_chain: &'a [u8],
    pub(crate) sti_pa_roots: &'a [u8],
}

impl SignedCaList<'_> {
    /// # Errors
    /// Those of [`X5u::parse`], [`CaListToken::from_body`], [`StiPa::from_pem`] and [`CaListToken::verify`].
    fn verify(&self, now: i64) -> Result<Arc<CaList>, Failure> {
        let list = CaListToken::from_body(self.body, &X5u::parse(self.url)?)?;
        let sti_pa = StiPa::from_pem(self.sti_pa_roots)?;
        Ok(Arc::new(list.verify(self.signer_chain, &sti_pa, now)?))
    }
}
