//! Verifying calls: the rules, the certificates at hand, and the order of the steps.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use shaken_core::sip::{Content, Request};
use shaken_core::{Attest, Call, Error, TrustedCert, X5u};

use crate::fetching::{FetchOptions, Fetching};
use crate::guard::Failure;
use crate::signing::party;
use crate::store::{Found, Store};
use crate::trust::Trust;
use crate::verdict::{Room, Told};

/// The rules of verification, certificates, and whom they must chain to.
#[derive(Debug)]
pub struct Verifier {
    rules: shaken_core::Verifier,
    store: Arc<Store>,
    fetching: OnceLock<Fetching>,
    /// Held while it is started.
    starting: Mutex<()>,
}

impl Verifier {
    /// 0 stands for the default of either.
    pub(crate) fn new(trust: &Trust, max_age_s: u64, cache_bytes: u64) -> Self {
        let cache_bytes = if cache_bytes == 0 { DEFAULT_CACHE_BYTES } else { cache_bytes };
        let (store, tables) = Store::new(trust.copy(), cache_bytes);
        let rules = shaken_core::Verifier::default().with_tables(tables);
        let rules = if max_age_s == 0 { rules } else { rules.with_max_age_s(max_age_s) };
        Self { rules, store: Arc::new(store), fetching: OnceLock::new(), starting: Mutex::default() }
    }

    /// What it judges by.
    ///
    /// # Errors
    /// [`Failure::Forked`] if it fetches in another process: the thread that fills the cache is there,
    /// and may have been in the middle of it.
    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        self.fetching.get().map_or(Ok(()), Fetching::check_process)?;
        Ok(&self.store)
    }

    /// # Errors
    /// Those of [`Fetching::start`]; [`Failure::AlreadyStarted`]; [`Failure::Forked`].
    pub(crate) fn start_fetching(&self, options: &FetchOptions) -> Result<(), Failure> {
        let _one_at_a_time = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetching) = self.fetching.get() {
            return fetching.check_process().and(Err(Failure::AlreadyStarted));
        }
        let fetching = Fetching::start(options, Arc::clone(&self.store))?;
        self.fetching.set(fetching).map_err(|_| Failure::AlreadyStarted)
    }

    /// What fetches, in this process.
    ///
    /// # Errors
    /// [`Failure::NotStarted`]; [`Failure::Forked`].
    pub(crate) fn fetching(&self) -> Result<&Fetching, Failure> {
        let fetching = self.fetching.get().ok_or(Failure::NotStarted)?;
        fetching.check_process()?;
        Ok(fetching)
    }

    /// Verifies a call by the values of its Identity headers.
    ///
    /// # Errors
    /// Why the call does not pass; [`Failure::Pending`] if certificates are missing.
    pub(crate) fn verify(
        &self,
        facts: &Facts<'_>,
        identities: &[&[u8]],
        room: Room<'_>,
        now: i64,
    ) -> Result<Attest, Failure> {
        let dest = [party(facts.dest)?];
        let call = Call::new(party(facts.orig)?, &dest);
        let call = match u64::try_from(facts.date) {
            Ok(0) => call,
            Ok(date) => call.with_date(date),
            Err(_) => return Err(Failure::ArgumentInvalid),
        };
        self.judge(identities.iter().copied(), &call, room, now)
    }

    /// Verifies the call that a SIP message starts, by all of its Identity headers.
    ///
    /// # Errors
    /// What is wrong with the message; those of [`verify`](Self::verify).
    pub(crate) fn verify_sip(&self, message: &[u8], room: Room<'_>, now: i64) -> Result<Attest, Failure> {
        let request = Request::parse(message)?;
        let parties = request.parties()?;
        let content = Content::of(&request);
        let identities = request.headers().identity().iter().copied();
        self.judge(identities, &content.call(&parties), room, now)
    }

    fn judge<'a>(
        &self,
        identities: impl IntoIterator<Item = &'a [u8]>,
        call: &Call<'_>,
        room: Room<'a>,
        now: i64,
    ) -> Result<Attest, Failure> {
        let Room { scratch, told } = room;
        let trust = self.store()?.trust();
        let screened = self.rules.screen_call(identities, call, scratch, now)?;
        let judged = self.rules.verify_call(screened, |x5u| self.certificate(x5u, &trust, told, now), now);
        for header in judged.headers() {
            let (error, x5u) = (header.outcome().err(), header.stated_x5u().unwrap_or_default());
            told.add_header(header.header(), header.ppt(), error, x5u);
            if let (Some(Error::SignatureInvalid), Some(x5u), Ok(fetching)) =
                (error, header.x5u(), self.fetching())
            {
                fetching.doubt(x5u, now);
            }
        }
        if told.missing().len() > 0 {
            return Err(Failure::Pending);
        }
        let verified = judged.result()?;
        told.set_origid(verified.origid().chars());
        Ok(verified.attest())
    }

    fn certificate(
        &self,
        x5u: &X5u<'_>,
        trust: &shaken_core::Trust,
        told: &mut Told,
        now: i64,
    ) -> Result<Arc<TrustedCert>, Error> {
        match self.store.find(x5u.as_str(), trust, now) {
            Found::Fresh(certificate) => Ok(certificate),
            Found::Old(certificate) => {
                if let Ok(fetching) = self.fetching()
                    && !self.store.has_failed(x5u.as_str(), now)
                {
                    // What there is serves, and the next call tries again.
                    let _ = fetching.ask(x5u, now);
                }
                Ok(certificate)
            }
            Found::Refused(error) => Err(error),
            Found::Missing => {
                if let Ok(fetching) = self.fetching() {
                    fetching.ask(x5u, now)?;
                }
                told.add_missing(x5u.as_str());
                Err(Error::CertPending)
            }
        }
    }
}

/// Who calls whom, and when.
pub(crate) struct Facts<'a> {
    pub(crate) orig: &'a str,
    pub(crate) dest: &'a str,
    /// Seconds since 1970; 0 if it is not known.
    pub(crate) date: i64,
}

/// Room for some 8,000 certificates.
const DEFAULT_CACHE_BYTES: u64 = 64 << 20;
