//! TLS on a TCP port. Who is there may be told by the certificate of the client (RFC 8446 §4.4.2), which
//! takes the place of a secret.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

/// How a connection becomes a private one.
pub struct Tls {
    acceptor: TlsAcceptor,
    /// The DNS name in a client's certificate, and the user who has it.
    users: Vec<(ServerName<'static>, String)>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("users", &self.users).finish_non_exhaustive()
    }
}

/// Who is asked for a certificate.
#[derive(Debug)]
pub enum ClientCertificates {
    /// Nobody.
    Unasked,
    /// Everybody. What a client shows must lead to one of `roots`.
    Asked {
        /// Who names clients. Their own certification authority; public ones name everybody.
        roots: RootCertStore,
        /// The DNS name in a certificate, and the user who has it.
        users: Vec<(ServerName<'static>, String)>,
        /// What becomes of those who show none.
        without: WithoutCertificate,
    },
}

/// What becomes of clients that show no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutCertificate {
    /// They are hung up on.
    Refused,
    /// They may give a secret.
    AskedForSecret,
}

impl Tls {
    /// The server shows `chain`, its own certificate first, and proves it with `key`.
    ///
    /// # Errors
    /// [`TlsError`] if they do not belong together, or clients cannot be judged by the roots.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        clients: ClientCertificates,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Own)?;
        let (builder, users) = match clients {
            ClientCertificates::Unasked => (builder.with_no_client_auth(), Vec::new()),
            ClientCertificates::Asked { roots, users, without } => {
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                let verifier = match without {
                    WithoutCertificate::Refused => verifier,
                    WithoutCertificate::AskedForSecret => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build().map_err(|error| TlsError::Clients(error.to_string()))?;
                (builder.with_client_cert_verifier(verifier), users)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Own)?;
        // What the connection is for: RFC 7301.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), users })
    }

    /// Whether a certificate can tell who is there.
    pub(crate) fn names_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Shakes hands on `stream`. Answers who is there, if their certificate told it and is of a user.
    ///
    /// # Errors
    /// Those of the connection; `TimedOut` after five seconds; `InvalidData` for what is no TLS and for
    /// certificates that do not lead to the roots.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<(TlsStream<S>, Option<String>)> {
        let stream = timeout(HANDSHAKE, self.acceptor.accept(stream)).await??;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let user = shown.and_then(|certificate| self.user_of(certificate)).map(str::to_owned);
        Ok((stream, user))
    }

    fn user_of(&self, certificate: &CertificateDer<'_>) -> Option<&str> {
        let certificate = EndEntityCert::try_from(certificate).ok()?;
        let has = |name: &ServerName<'_>| certificate.verify_is_valid_for_subject_name(name).is_ok();
        self.users.iter().find(|(name, _)| has(name)).map(|(_, user)| user.as_str())
    }
}

/// Why TLS cannot be offered.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    Own(rustls::Error),
    /// Clients cannot be judged.
    Clients(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(error) => write!(f, "certificate and key cannot be used: {error}"),
            Self::Clients(error) => write!(f, "certificates of clients cannot be judged: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(5);
