//! The public keys that tokens are checked with, and the certificates that they come in: from files,
//! from the caller, from URLs.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;
use shaken_core::cache::Failures;
use shaken_core::cert::{Fingerprint, read_chain};
use shaken_core::tables::KnownKey;
use shaken_core::trust::Epoch;
use shaken_core::{Certificate, Error, Trust, TrustedCert, X5u, key};

use super::codes::Refusal;
use super::fetch::fetch;
use super::files::{Files, Stamp};
use super::options::Options;

/// A public key, and the chain that it came in.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) key: KnownKey,
    /// As it was read.
    body: Box<[u8]>,
    judged: Mutex<Option<Judged>>,
}

/// What a trust thought of the chain.
#[derive(Clone, Debug)]
struct Judged {
    outcome: Result<Arc<TrustedCert>, Error>,
    epoch: Epoch,
    at: i64,
}

impl Credential {
    /// # Errors
    /// [`Refusal::CertFormat`], [`Refusal::KeyNotP256`].
    pub(super) fn new(body: &[u8]) -> Result<Self, Refusal> {
        let key = KnownKey::new(key::verifying_key_from_pem(body)?);
        Ok(Self { key, body: body.into(), judged: Mutex::new(None) })
    }

    /// Its first certificate.
    ///
    /// # Errors
    /// [`Refusal::CertFormat`] if it is a bare key, or part of the chain cannot be read.
    pub(super) fn certificate(&self) -> Result<Certificate, Refusal> {
        read_chain(&self.body)?.into_iter().next().ok_or(Refusal::CertFormat)
    }

    /// Judges the chain at `now`; until `trust` changes, that is done once.
    ///
    /// # Errors
    /// Those of [`TrustedCert::from_pem`].
    pub(super) fn trusted(&self, trust: &Trust, now: i64) -> Result<Arc<TrustedCert>, Refusal> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judged) = judged.as_ref().filter(|judged| judged.holds(trust, now)) {
            return Ok(judged.outcome.clone()?);
        }
        let outcome = self.judge(trust, now);
        *judged = Some(Judged { outcome: outcome.clone(), epoch: trust.epoch(), at: now });
        Ok(outcome?)
    }

    fn judge(&self, trust: &Trust, now: i64) -> Result<Arc<TrustedCert>, Error> {
        let trusted = TrustedCert::from_pem(&self.body, trust, now)?;
        // The key is that of the first certificate; trust in another one says nothing about it.
        if trusted.certificate().verifying_key()? != *self.key.key() {
            return Err(Error::CertUntrusted);
        }
        Ok(Arc::new(trusted))
    }
}

impl Judged {
    fn holds(&self, trust: &Trust, now: i64) -> bool {
        match &self.outcome {
            Ok(trusted) => trusted.is_judged_by(trust, now) && now <= trusted.not_after(),
            Err(_) => self.epoch == trust.epoch() && now.abs_diff(self.at) <= REFUSED_S,
        }
    }
}

/// All that are at hand.
#[derive(Debug)]
pub(super) struct Credentials {
    files: Files<Credential>,
    given: Cache<Fingerprint, Arc<Credential>>,
    fetched: Cache<Box<str>, Fetched>,
    failures: Failures,
    /// Failures are told apart by what was trusted, which plays no part in a download.
    epoch: Epoch,
}

#[derive(Clone, Debug)]
struct Fetched {
    credential: Arc<Credential>,
    at: i64,
}

impl Credentials {
    pub(super) fn new() -> Self {
        Self {
            files: Files::new(),
            given: Cache::new(MAX_CREDENTIALS),
            fetched: Cache::new(MAX_CREDENTIALS),
            failures: Failures::default(),
            epoch: Trust::empty().epoch(),
        }
    }

    /// That of a file, at `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`Refusal::FileUnreadable`]; those of [`Credential::new`].
    pub(super) fn of_file(&self, path: &str, now: i64) -> Result<Arc<Credential>, Refusal> {
        self.files.find(path, Credential::new, now)
    }

    /// That of a text.
    ///
    /// # Errors
    /// Those of [`Credential::new`].
    pub(super) fn of_text(&self, text: &[u8]) -> Result<Arc<Credential>, Refusal> {
        let name = Fingerprint::of(text);
        if let Some(credential) = self.given.get(&name) {
            return Ok(credential);
        }
        let credential = Arc::new(Credential::new(text)?);
        self.given.insert(name, Arc::clone(&credential));
        Ok(credential)
    }

    /// That of a URL: from memory, from the folder of the cache, or fetched.
    ///
    /// # Errors
    /// Those of [`fetch`], of [`Credential::new`], and for a while those of the last attempt.
    pub(super) fn of_url(
        &self,
        url: &str,
        timeout_s: i32,
        options: &Options,
        now: i64,
    ) -> Result<Arc<Credential>, Refusal> {
        if let Some(credential) = self.kept(url, options, now) {
            return Ok(credential);
        }
        if let Some(error) = self.failures.recent(url, self.epoch, now) {
            return Err(error.into());
        }
        let body = self.download(url, timeout_s, options, now)?;
        self.keep(url, &body, options, now)
    }

    /// The bytes behind a URL, which need not be a certificate; only then they are not kept.
    ///
    /// # Errors
    /// Those of [`fetch`], and for a while those of the last attempt.
    pub(super) fn body_of_url(
        &self,
        url: &str,
        timeout_s: i32,
        options: &Options,
        now: i64,
    ) -> Result<Vec<u8>, Refusal> {
        if let Some(credential) = self.kept(url, options, now) {
            return Ok(credential.body.to_vec());
        }
        match self.failures.recent(url, self.epoch, now) {
            // It was fetched, and is not kept.
            None | Some(Error::CertUnavailable) => {}
            Some(error) => return Err(error.into()),
        }
        let body = self.download(url, timeout_s, options, now)?;
        // Whether it is a certificate is not asked.
        let _ = self.keep(url, &body, options, now);
        Ok(body)
    }

    /// What is at hand for a URL, in memory or in the folder of the cache.
    fn kept(&self, url: &str, options: &Options, now: i64) -> Option<Arc<Credential>> {
        let is_fresh = |at: i64| now.saturating_sub(at) <= i64::from(options.cache_expires_s);
        if let Some(fetched) = self.fetched.get(url).filter(|fetched| is_fresh(fetched.at)) {
            return Some(fetched.credential);
        }
        let file = cache_file(url, options)?;
        let stamp = Stamp::of(&file).ok()?;
        if is_fresh(stamp.modified_at()) { self.of_file(&file, now).ok() } else { None }
    }

    fn download(&self, url: &str, timeout_s: i32, options: &Options, now: i64) -> Result<Vec<u8>, Refusal> {
        // What is no URL is not worth a note.
        X5u::parse(url)?;
        Ok(fetch(url, timeout_s, options).inspect_err(|error| self.note(url, *error, now))?)
    }

    fn keep(&self, url: &str, body: &[u8], options: &Options, now: i64) -> Result<Arc<Credential>, Refusal> {
        let made = Credential::new(body).inspect_err(|_| self.note(url, Error::CertUnavailable, now))?;
        let credential = Arc::new(made);
        if let Some(file) = cache_file(url, options) {
            write_whole(&file, body);
        }
        self.fetched.insert(url.into(), Fetched { credential: Arc::clone(&credential), at: now });
        Ok(credential)
    }

    fn note(&self, url: &str, error: Error, now: i64) {
        self.failures.note(url, error, self.epoch, now);
    }
}

/// Where the certificate of a URL is kept: under the name that libsecsipid gives it. That has `_` for each
/// `/`, so two URLs could share a file; here a `_` of the URL is a `^`, which no URL has. Nothing
/// without a folder, or for a name longer than files have.
fn cache_file(url: &str, options: &Options) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let escaped = |text: &str| text.replace('_', "^").replace('/', "_");
    let name = format!("{}_{}", escaped(scheme), escaped(rest));
    let has_room = name.len() <= MAX_NAME_LEN && !options.cache_dir.is_empty();
    has_room.then(|| format!("{}/{name}", options.cache_dir))
}

/// Writes a file of the cache, as a whole or not at all. If it cannot be written, it will be fetched
/// again.
fn write_whole(file: &str, body: &[u8]) {
    let partial = PathBuf::from(format!("{file}.{}", std::process::id()));
    if fs::write(&partial, body).and_then(|()| fs::rename(&partial, file)).is_err() {
        let _ = fs::remove_file(&partial);
    }
}

/// How many texts, and how many URLs, have their certificate in memory.
const MAX_CREDENTIALS: usize = 1024;

/// How long a refused chain stays refused by the same trust: a clock may have been wrong.
const REFUSED_S: u64 = 60;

/// Longest name of a file, less the ending while it is written.
const MAX_NAME_LEN: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_urls_share_a_file() {
        let mut options = Options::default();
        assert_eq!(cache_file("https://cr.example.com/a.pem", &options), None);
        options.set_text("CacheDirPath", "/c").unwrap();
        let name = |url: &str| cache_file(url, &options);
        assert_eq!(name("https://cr.example.com/a.pem").unwrap(), "/c/https_cr.example.com_a.pem");
        assert_eq!(name("https://cr.example.com/a/../b").unwrap(), "/c/https_cr.example.com_a_.._b");
        let urls = ["a/b", "a_b", "a//b", "a__b", "a/_b", "a_/b", "a%5Fb"];
        let mut names: Vec<_> =
            urls.iter().map(|url| name(&format!("https://h.example.com/{url}")).unwrap()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), urls.len());
        assert_eq!(name(&format!("https://cr.example.com/{}", "a".repeat(300))), None);
    }
}
