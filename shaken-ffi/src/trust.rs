//! Whom to trust, as C hands it over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shaken_core::cert::crl::{self, Crl};
use shaken_core::cert::read_chain;
use shaken_core::trust::{RevocationPolicy, StiPa};

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
