//! The public keys that tokens are checked with, and the certificates that they come in: from files,
//! from the caller, from URLs.

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::Weighter;
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
    /// It was put into the folder of the cache, or was about to be.
    is_saved: AtomicBool,
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
        Ok(Self { key, body: body.into(), judged: Mutex::new(None), is_saved: AtomicBool::new(false) })
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
    given: Cache<Fingerprint, Arc<Credential>, Weight>,
    fetched: Cache<Box<str>, Fetched, Weight>,
    /// By URL, and by `HOST:PORT` of hosts that could not be reached.
    failures: Failures,
    /// Failures are told apart by what was trusted, which plays no part in a download.
    epoch: Epoch,
}

#[derive(Clone, Debug)]
struct Fetched {
    credential: Arc<Credential>,
    at: i64,
}

/// What is kept weighs what it takes, in bytes.
#[derive(Clone, Copy, Debug)]
struct Weight;

impl Weighter<Fingerprint, Arc<Credential>> for Weight {
    fn weight(&self, _: &Fingerprint, credential: &Arc<Credential>) -> u64 {
        weight_bytes(&credential.body)
    }
}

impl Weighter<Box<str>, Fetched> for Weight {
    fn weight(&self, url: &Box<str>, fetched: &Fetched) -> u64 {
        weight_bytes(url.as_bytes()).saturating_add(weight_bytes(&fetched.credential.body))
    }
}

fn weight_bytes(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_add(ENTRY_BYTES)
}

impl Credentials {
    pub(super) fn new() -> Self {
        Self {
            files: Files::new(),
            given: Cache::with_weighter(USUAL_CREDENTIALS, MAX_CREDENTIAL_BYTES, Weight),
            fetched: Cache::with_weighter(USUAL_CREDENTIALS, MAX_CREDENTIAL_BYTES, Weight),
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
    /// [`Refusal::UrlRefused`], whatever is at hand; those of [`fetch`], of [`Credential::new`], and for a while those of the last attempt.
    pub(super) fn of_url(
        &self,
        url: &str,
        timeout_s: i32,
        options: &Options,
        now: i64,
    ) -> Result<Arc<Credential>, Refusal> {
        let x5u = X5u::parse(url)?;
        if let Some(credential) = self.kept(url, options, now) {
            return Ok(credential);
        }
        if let Some(error) = self.recent_failure(&x5u, now) {
            return Err(error.into());
        }
        let body = self.download(&x5u, timeout_s, options, now)?;
        self.keep(url, &body, now)
    }

    /// Puts the certificate of a URL into the folder of the cache, for other processes, if it is not of
    /// there. Only for one by which a check held: a caller can name URLs without end, and files stay.
    pub(super) fn save(&self, url: &str, credential: &Arc<Credential>, options: &Options) {
        if options.cache_dir.is_empty() || credential.is_saved.swap(true, Ordering::Relaxed) {
            return;
        }
        let is_fetched = self.fetched.get(url).is_some_and(|it| Arc::ptr_eq(&it.credential, credential));
        if let Some(file) = cache_file(url, options).filter(|_| is_fetched) {
            write_whole(&file, &credential.body);
        }
    }

    /// The bytes behind a URL, which need not be a certificate; only then they are not kept.
    ///
    /// # Errors
    /// [`Refusal::UrlRefused`], whatever is at hand; those of [`fetch`], and for a while those of the last
    /// attempt.
    pub(super) fn body_of_url(
        &self,
        url: &str,
        timeout_s: i32,
        options: &Options,
        now: i64,
    ) -> Result<Vec<u8>, Refusal> {
        let x5u = X5u::parse(url)?;
        if let Some(credential) = self.kept(url, options, now) {
            return Ok(credential.body.to_vec());
        }
        match self.recent_failure(&x5u, now) {
            // It was fetched, and is not kept.
            None | Some(Error::CertUnavailable) => {}
            Some(error) => return Err(error.into()),
        }
        let body = self.download(&x5u, timeout_s, options, now)?;
        // Whether it is a certificate is not asked.
        let _ = self.keep(url, &body, now);
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

    /// Why a URL is not to be tried at `now`: its host could not be reached, or it gave nothing.
    fn recent_failure(&self, x5u: &X5u<'_>, now: i64) -> Option<Error> {
        let recent = |of: &str| self.failures.recent(of, self.epoch, now);
        recent(&host_port(x5u)).or_else(|| recent(x5u.as_str()))
    }

    fn download(
        &self,
        x5u: &X5u<'_>,
        timeout_s: i32,
        options: &Options,
        now: i64,
    ) -> Result<Vec<u8>, Refusal> {
        let fetched = fetch(x5u, timeout_s, options);
        Ok(fetched.inspect_err(|error| match error {
            // The next path there would hold its worker as long.
            Error::FetchDeadline | Error::FetchConnect | Error::FetchDns => {
                self.note(&host_port(x5u), *error, now);
            }
            error => self.note(x5u.as_str(), *error, now),
        })?)
    }

    fn keep(&self, url: &str, body: &[u8], now: i64) -> Result<Arc<Credential>, Refusal> {
        let made = Credential::new(body).inspect_err(|_| self.note(url, Error::CertUnavailable, now))?;
        let credential = Arc::new(made);
        self.fetched.insert(url.into(), Fetched { credential: Arc::clone(&credential), at: now });
        Ok(credential)
    }

    fn note(&self, url: &str, error: Error, now: i64) {
        self.failures.note(url, error, self.epoch, now);
    }
}

/// No URL, so failures of hosts are not taken for those of URLs.
fn host_port(x5u: &X5u<'_>) -> String {
    format!("{}:{}", x5u.host().to_ascii_lowercase(), x5u.port())
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
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let partial = unfinished(file, COUNTER.fetch_add(1, Ordering::Relaxed));
    // Who made it before, other than this thread, is dead.
    let Ok(mut made) = File::create_new(&partial) else { return };
    if made.write_all(body).and_then(|()| fs::rename(&partial, file)).is_err() {
        let _ = fs::remove_file(&partial);
    }
}

/// The name of a file of the cache while it is written. No URL has a space, so none has this for its
/// own file; and no other thread or process has it.
fn unfinished(file: &str, count: u32) -> String {
    format!("{file} {}.{count}", std::process::id())
}

/// How much memory the certificates of texts, and those of URLs, take at most: a process of a SIP server has
/// many siblings. A chain has some 2 KB.
const MAX_CREDENTIAL_BYTES: u64 = 8 << 20;

const USUAL_CREDENTIALS: usize = 1024;

/// What each takes besides its bytes, about.
const ENTRY_BYTES: u64 = 512;

/// How long a refused chain stays refused by the same trust: a clock may have been wrong.
const REFUSED_S: u64 = 60;

/// Longest name of a file, less the ending while it is written.
const MAX_NAME_LEN: usize = 232;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

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

    #[test]
    fn what_is_no_url_is_refused_whatever_the_folder_has() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::default();
        options.set_text("CacheDirPath", folder.path().to_str().unwrap()).unwrap();
        let pem = rcgen::KeyPair::generate().unwrap().public_key_pem();
        let credentials = Credentials::new();
        let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        let fetch = |url: &str| {
            fs::write(cache_file(url, &options).unwrap(), &pem).unwrap();
            let found = credentials.of_url(url, 1, &options, now).map(drop);
            assert_eq!(credentials.body_of_url(url, 1, &options, now).map(drop), found, "{url}");
            found
        };
        assert_eq!(fetch("https://cr.example.com/a_b"), Ok(()));
        for url in ["http://cr.example.com/a", "https://cr.example.com/a^b", "https://127.0.0.1/a"] {
            assert_eq!(fetch(url), Err(Refusal::UrlRefused), "{url}");
        }
    }

    #[test]
    fn memory_is_bounded_by_bytes() {
        let pem = rcgen::KeyPair::generate().unwrap().public_key_pem();
        let credentials = Credentials::new();
        for number in 0..300 {
            let text = format!("{pem}{number}{}", " ".repeat(60_000));
            credentials.of_text(text.as_bytes()).unwrap();
            credentials.keep(&format!("https://cr.example.com/{number}"), text.as_bytes(), 1).unwrap();
        }
        let [of_texts, of_urls] = [credentials.given.weight(), credentials.fetched.weight()];
        for bytes in [of_texts, of_urls] {
            assert!((1 << 20..=MAX_CREDENTIAL_BYTES).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn an_unfinished_file_is_that_of_no_url() {
        let name = unfinished("/c/https_cr.example.com_a", 7);
        let url = name.replace("/c/https_", "https://").replacen('_', "/", 1);
        assert_eq!(X5u::parse(&url).map(drop), Err(Error::X5uSyntax), "{url}");
        let longest = unfinished(&"a".repeat(MAX_NAME_LEN), u32::MAX);
        // Process numbers have 7 digits at most.
        assert!(longest.len() - std::process::id().to_string().len() + 7 <= 255);

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        write_whole(file.to_str().unwrap(), b"one");
        write_whole(file.to_str().unwrap(), b"two");
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
