//! The download itself: the order of the steps and the limits that span them.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, InvalidMessage, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connect::{connect, own_addresses};
use super::http::{self, Fetched};
use super::meter::{Meter, Metered};
use super::policy::FetchPolicy;
use super::url::X5u;
use crate::Error;

/// Downloads certificates from URLs that strangers choose, at most 64 at a time.
///
/// Needs a Tokio runtime with I/O and time enabled. Dropping the future of
/// [`fetch`](Self::fetch) closes its socket.
#[derive(Debug)]
pub struct Fetcher {
    policy: FetchPolicy,
    tls: Arc<ClientConfig>,
    slots: Semaphore,
}

impl Fetcher {
    /// Prepares TLS and checks that the addresses of this host can be read, which every download
    /// needs.
    ///
    /// # Errors
    /// - [`Error::CertDer`]: a certificate of [`FetchPolicy::with_tls_roots`] is unusable.
    /// - [`Error::FetchInterfaces`]: the operating system does not tell this host's addresses.
    pub fn new(policy: FetchPolicy) -> Result<Self, Error> {
        own_addresses()?;
        let tls = Arc::new(tls_config(&policy)?);
        Ok(Self { policy, tls, slots: Semaphore::new(MAX_IN_FLIGHT) })
    }

    /// Downloads what is behind `url`: one connection, one request, no retry.
    ///
    /// # Errors
    /// In the order of the exchange:
    /// - [`Error::FetchOverload`]: no slot became free in half of the deadline.
    /// - [`Error::FetchDns`]: the name does not resolve.
    /// - [`Error::FetchInterfaces`]: this host's own addresses cannot be read any more.
    /// - [`Error::FetchAddressRefused`]: an answer is not public, denied, or this host itself.
    /// - [`Error::FetchConnect`]: none of the first four addresses accepts a connection.
    /// - [`Error::FetchTls`]: no TLS 1.2 or 1.3, no HTTP/1.1 in it, or no certificate that a
    ///   root vouches for and that covers the host.
    /// - [`Error::FetchHeaderLimit`]: more than 64 KiB of handshake, 16 KiB or 64 lines of
    ///   headers, or 4 interim answers.
    /// - [`Error::FetchRedirect`], [`Error::FetchStatus`]: a status other than 200.
    /// - [`Error::FetchEncoding`]: a content or transfer coding other than `chunked`.
    /// - [`Error::FetchBodyLimit`]: more body than [`FetchPolicy::with_max_body_bytes`],
    ///   announced or sent.
    /// - [`Error::FetchProtocol`]: the answer is not HTTP/1.x or ends early.
    /// - [`Error::FetchDeadline`]: all of it took longer than [`FetchPolicy::with_deadline`].
    pub async fn fetch(&self, url: &X5u<'_>) -> Result<Fetched, Error> {
        timeout(self.policy.deadline, self.fetch_unhurried(url)).await.unwrap_or(Err(Error::FetchDeadline))
    }

    async fn fetch_unhurried(&self, url: &X5u<'_>) -> Result<Fetched, Error> {
        // With less than half of the time left a download would rarely end; better to say why.
        let Ok(Ok(_slot)) = timeout(self.policy.deadline / 2, self.slots.acquire()).await else {
            return Err(Error::FetchOverload);
        };
        let host = url.host().to_ascii_lowercase();
        let tcp = connect(&self.policy, &host, url.port()).await?;
        let tls = self.handshake(tcp, &host).await?;
        http::get(tls, url, &host, self.policy.max_body_bytes).await
    }

    async fn handshake(&self, tcp: TcpStream, host: &str) -> Result<TlsStream<Metered<TcpStream>>, Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::FetchTls)?;
        let meter = Meter::new(MAX_HANDSHAKE_BYTES);
        let stream = Metered::new(tcp, meter.clone());
        let handshake = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream);
        let stream = tokio::select! {
            biased;
            stream = handshake => stream.map_err(|error| handshake_error(&error))?,
            () = meter.exceeded() => return Err(Error::FetchHeaderLimit),
        };
        meter.allow(MAX_CONNECTION_BYTES.max(self.policy.max_body_bytes.saturating_mul(2)));
        Ok(stream)
    }
}

fn tls_config(policy: &FetchPolicy) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match &policy.tls_roots {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(certificates) => {
            for der in certificates {
                roots.add(CertificateDer::from(der.as_slice())).map_err(|_| Error::CertDer)?;
            }
        }
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| Error::FetchTls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A ticket would let hosts recognise us across calls, and downloads of one host are rare.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn handshake_error(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        // rustls refuses a message by its announced length, before reading it.
        Some(rustls::Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::CertificatePayloadTooLarge
            | InvalidMessage::MessageTooLarge,
        )) => Error::FetchHeaderLimit,
        _ => Error::FetchTls,
    }
}

/// Downloads under way at a time; the others wait.
const MAX_IN_FLIGHT: usize = 64;

/// What the server may send before TLS stands. A long chain takes 10 KiB.
const MAX_HANDSHAKE_BYTES: usize = 64 * 1024;

/// What it may send after. Far beyond what a full answer takes: only session tickets and the
/// like, which never become HTTP, come near; then nothing more is read until the deadline. Larger
/// bodies, where they are allowed, get twice their size.
const MAX_CONNECTION_BYTES: usize = 1024 * 1024;
