//! Whom to trust, by the files that the options name.

use std::sync::{Arc, Mutex, PoisonError};

use shaken_core::cert::crl::{self, Crl};
use shaken_core::cert::read_chain;
use shaken_core::trust::StiPa;
use shaken_core::{Error, Trust};

use super::codes::Refusal;
use super::files::{self, Stamp};
use super::options::{Options, bit};

/// The trust of the options that were asked for last, until one of its files changes.
#[derive(Debug, Default)]
pub(super) struct Trusts(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    trust: Arc<Trust>,
    options: Arc<Options>,
    files: Vec<(Arc<str>, Stamp)>,
    looked_at: i64,
}

impl Trusts {
    /// At `now`, in seconds since 1970.
    ///
    /// # Errors
    /// Which file is needed and not named, cannot be read, or cannot be used.
    pub(super) fn find(&self, options: &Arc<Options>, now: i64) -> Result<Arc<Trust>, Refusal> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_mut().filter(|kept| Arc::ptr_eq(&kept.options, options)) {
            if kept.looked_at == now {
                return Ok(Arc::clone(&kept.trust));
            }
            if kept.files.iter().all(|(path, stamp)| Stamp::of(path) == Ok(*stamp)) {
                kept.looked_at = now;
                return Ok(Arc::clone(&kept.trust));
            }
        }
        *kept = None;
        let mut reading = Reading { options, files: Vec::new() };
        let trust = Arc::new(reading.trust(now)?);
        let (options, files) = (Arc::clone(options), reading.files);
        *kept = Some(Kept { trust: Arc::clone(&trust), options, files, looked_at: now });
        Ok(trust)
    }
}

/// Reads the files, and notes them.
struct Reading<'a> {
    options: &'a Options,
    files: Vec<(Arc<str>, Stamp)>,
}

impl Reading<'_> {
    fn trust(&mut self, now: i64) -> Result<Trust, Refusal> {
        let options = self.options;
        let wants_system = options.wants(bit::SYSTEM_CAS);
        // As with libsecsipid, whoever asks for a path and names no anchors means those of the system;
        // but not who requires trust.
        let wants_file = options.wants(bit::CA_FILE) || options.requires_trust() && !wants_system;
        let mut trust = Trust::empty();
        if wants_file {
            let anchors =
                self.read(&options.ca_file, Refusal::NoCaFile, Refusal::CaFileUnreadable, MAX_BUNDLE_BYTES)?;
            trust = trust.with_more_anchors_pem(&anchors).map_err(|_| Refusal::CertProcessing)?;
        }
        if wants_system || !wants_file {
            trust = self.with_system_anchors(trust)?;
        }
        let mut intermediates = Vec::new();
        if options.wants(bit::INTERMEDIATES) {
            let (missing, unreadable) = (Refusal::NoIntermediatesFile, Refusal::IntermediatesFileUnreadable);
            intermediates = self.read(&options.intermediates_file, missing, unreadable, MAX_BUNDLE_BYTES)?;
            trust = trust.with_intermediates_pem(&intermediates).map_err(|_| Refusal::CertProcessing)?;
        }
        if options.wants(bit::CRL) {
            self.add_crl(&mut trust, &intermediates, now)?;
        }
        Ok(trust)
    }

    /// Adds those of the system that can be read as CAs; others are none for us.
    fn with_system_anchors(&mut self, trust: Trust) -> Result<Trust, Refusal> {
        let path = SYSTEM_BUNDLES.into_iter().find(|path| Stamp::of(path).is_ok()).unwrap_or_default();
        let unusable = Refusal::CertProcessing;
        let bundle = self.read(&path.into(), unusable, unusable, MAX_BUNDLE_BYTES)?;
        let usable = split_blocks(&bundle).filter(|block| Trust::from_pem(block).is_ok());
        trust.with_more_anchors_pem(&usable.collect::<Vec<_>>().concat()).map_err(|_| unusable)
    }

    /// The list must be signed by a certificate of `CertCRLCAFile`, or of `CertCAFile` if there is none,
    /// or by one that a path leads from to there.
    fn add_crl(&mut self, trust: &mut Trust, intermediates: &[u8], now: i64) -> Result<(), Refusal> {
        let options = self.options;
        let unusable = Refusal::CrlUnusable;
        let list = self.read(&options.crl_file, Refusal::NoCrlFile, unusable, crl::MAX_DER_LEN * 2)?;
        let roots = if options.crl_ca_file.is_empty() { &options.ca_file } else { &options.crl_ca_file };
        let roots = self.read(roots, Refusal::NoCaFile, Refusal::CaFileUnreadable, MAX_BUNDLE_BYTES)?;
        let verified = || -> Result<_, Error> {
            let mut signers = Vec::new();
            for text in split_blocks(intermediates).chain(split_blocks(&roots)) {
                signers.extend(read_chain(text)?);
            }
            let der = crl::decode(&list)?;
            Crl::from_der(&der)?.verify(&signers, &StiPa::from_pem(&roots)?, now)
        };
        let verified = verified().map_err(|_| unusable)?;
        trust.update_crl(Arc::new(verified)).map_err(|_| unusable)
    }

    fn read(
        &mut self,
        path: &Arc<str>,
        missing: Refusal,
        unreadable: Refusal,
        max_bytes: usize,
    ) -> Result<Vec<u8>, Refusal> {
        if path.is_empty() {
            return Err(missing);
        }
        let (bytes, stamp) = files::read(path, max_bytes).map_err(|_| unreadable)?;
        self.files.push((Arc::clone(path), stamp));
        Ok(bytes.to_vec())
    }
}

/// The blocks of a bundle, each with its frame.
fn split_blocks(bundle: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let starts: Vec<usize> = (0..bundle.len())
        .filter(|at| bundle.get(*at..).is_some_and(|rest| rest.starts_with(BEGIN)))
        .chain([bundle.len()])
        .collect();
    let blocks: Vec<&[u8]> =
        starts.array_windows().filter_map(|[start, end]| bundle.get(*start..*end)).collect();
    blocks.into_iter()
}

/// Where systems keep the certificates that they trust.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Some thousand certificates.
const MAX_BUNDLE_BYTES: usize = 4 * 1024 * 1024;
