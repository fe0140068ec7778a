//! What `[http.tls]` says, and certificates of TLS elsewhere.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::Deserialize;

use super::export::read_secret;
use super::{ConfigError, Folder};
use crate::listen::{ClientCertificates, Tls, WithoutCertificate};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// TLS for a port. `users` are those who are known by their certificates, each with the name in it;
/// `without` is what becomes of clients that show none.
pub(super) fn read_tls(
    section: &TlsSection,
    users: Vec<(ServerName<'static>, String)>,
    without: WithoutCertificate,
    folder: &Folder,
) -> Result<Tls, ConfigError> {
    let TlsSection { certificate, key, client_ca } = section;
    let chain = read_certificates("http.tls.certificate", certificate, folder)?;
    let pem = read_secret("http.tls.key", key, folder)?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        ConfigError::new(format_args!("http.tls.key: {} is no private key in PEM", key.display()))
    })?;
    let clients = match client_ca {
        None if users.is_empty() => ClientCertificates::Unasked,
        None => {
            return Err(ConfigError::new(
                "http.user.certificate_name needs http.tls.client_ca, the certificate of who names clients",
            ));
        }
        Some(path) => {
            let roots = read_roots("http.tls.client_ca", path, folder)?;
            ClientCertificates::Asked { roots, users, without }
        }
    };
    Tls::new(chain, key, clients).map_err(|error| ConfigError::new(format_args!("http.tls: {error}")))
}

/// The name in a certificate.
pub(super) fn read_certificate_name(name: &str) -> Option<ServerName<'static>> {
    let name = ServerName::try_from(name.to_owned()).ok()?;
    matches!(name, ServerName::DnsName(_)).then_some(name)
}

/// The certificates in a file.
pub(super) fn read_roots(key: &str, path: &Path, folder: &Folder) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(key, path, folder)? {
        roots.add(certificate).map_err(|_| {
            ConfigError::new(format_args!(
                "{key}: {} holds a certificate that cannot be read",
                path.display()
            ))
        })?;
    }
    Ok(roots)
}

fn read_certificates(
    key: &str,
    path: &Path,
    folder: &Folder,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let wrong = |why: &str| ConfigError::new(format_args!("{key}: {} {why}", path.display()));
    let pem = folder.read(path, key)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|_| wrong("is not PEM"))?;
    if certificates.is_empty() { Err(wrong("holds no certificate")) } else { Ok(certificates) }
}
