//! A server that misbehaves on order, and its certificates.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{DistinguishedName, HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A root and what it signs.
pub(crate) struct Ca {
    host: &'static str,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Ca {
    /// `host` is what the good certificates cover.
    pub(crate) fn new(host: &'static str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { host, issuer: Issuer::new(params, key), root }
    }

    pub(crate) fn root_der(&self) -> Vec<u8> {
        self.root.to_vec()
    }

    pub(crate) fn config(&self) -> ServerConfig {
        self.config_for(params_for(self.host), rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn config_for_host(&self, host: &str) -> ServerConfig {
        self.config_for(params_for(host), rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn config_tls12(&self) -> ServerConfig {
        self.config_for(params_for(self.host), &[&rustls::version::TLS12])
    }

    pub(crate) fn config_expired(&self) -> ServerConfig {
        let mut params = params_for(self.host);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.config_for(params, rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn config_self_signed(&self) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params_for(self.host).self_signed(&key).unwrap();
        config(
            vec![certificate.der().clone()],
            &key,
            rustls::DEFAULT_VERSIONS,
            WebPkiClientVerifier::no_client_auth(),
        )
    }

    /// A good certificate and `count` more of `len_bytes` each behind it.
    pub(crate) fn config_padded(&self, count: usize, len_bytes: usize) -> ServerConfig {
        self.padded(count, len_bytes, WebPkiClientVerifier::no_client_auth())
    }

    /// The same, and a client certificate is welcome from any of `hint_bytes` worth of issuers.
    pub(crate) fn config_padded_asking(
        &self,
        count: usize,
        len_bytes: usize,
        hint_bytes: usize,
    ) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let hint = DistinguishedName::in_sequence(&[0; 1000]);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
                .allow_unauthenticated()
                .add_root_hint_subjects(vec![hint; hint_bytes / 1000])
                .build()
                .unwrap();
        self.padded(count, len_bytes, verifier)
    }

    fn padded(&self, count: usize, len_bytes: usize, verifier: Arc<dyn ClientCertVerifier>) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let leaf = params_for(self.host).signed_by(&key, &self.issuer).unwrap();
        let mut params = params_for("padding.example");
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![0; len_bytes])];
        let padding = params.signed_by(&key, &self.issuer).unwrap();
        let mut chain = vec![leaf.der().clone()];
        chain.resize(1 + count, padding.der().clone());
        config(chain, &key, rustls::DEFAULT_VERSIONS, verifier)
    }

    fn config_for(
        &self,
        params: CertificateParams,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        config(vec![leaf.der().clone()], &key, versions, WebPkiClientVerifier::no_client_auth())
    }
}

fn params_for(host: &str) -> CertificateParams {
    CertificateParams::new([host.to_owned()]).unwrap()
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
    verifier: Arc<dyn ClientCertVerifier>,
) -> ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// What the server sends, once a request is in or, without TLS, at once.
#[derive(Clone)]
pub(crate) enum Sends {
    /// These bytes; then it waits for the client to hang up.
    Once(Vec<u8>),
    /// These bytes; then it ends the connection as TLS asks.
    Final(Vec<u8>),
    /// These bytes; then the connection is cut.
    Cut(Vec<u8>),
    /// The first, then the second over and over.
    Endless(Vec<u8>, Vec<u8>),
    /// The first, then the second byte by byte, with a pause far shorter than any deadline.
    Drip(Vec<u8>, Vec<u8>),
}

/// What the clients of one server did.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) hung_up: AtomicUsize,
    pub(crate) requests: Mutex<Vec<String>>,
    pub(crate) handshakes: Mutex<Vec<(HandshakeKind, Option<Vec<u8>>)>>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

impl Server {
    /// Serves on a loopback port of its own.
    pub(crate) async fn start(tls: Option<ServerConfig>, sends: Sends) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), tls, sends)
    }

    /// Serves until the runtime, in which this is called, ends. `None` speaks no TLS.
    pub(crate) fn on(listener: TcpListener, tls: Option<ServerConfig>, sends: Sends) -> Self {
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let server = Self { address, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                seen.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, acceptor, sends) = (Arc::clone(&seen), acceptor.clone(), sends.clone());
                tokio::spawn(async move {
                    // The client may hang up anywhere: that is what most cases are about.
                    let _ = serve(tcp, acceptor, sends, &seen).await;
                    seen.hung_up.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        server
    }
}

async fn serve(tcp: TcpStream, acceptor: Option<TlsAcceptor>, sends: Sends, seen: &Seen) -> io::Result<()> {
    let Some(acceptor) = acceptor else {
        return send(tcp, sends).await;
    };
    let mut tls = acceptor.accept(tcp).await?;
    let connection = tls.get_ref().1;
    let handshake = (connection.handshake_kind().unwrap(), connection.alpn_protocol().map(<[u8]>::to_vec));
    seen.handshakes.lock().unwrap().push(handshake);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tls.read_u8().await?);
    }
    seen.requests.lock().unwrap().push(String::from_utf8(head).unwrap());
    send(tls, sends).await
}

async fn send(mut stream: impl AsyncRead + AsyncWrite + Unpin, sends: Sends) -> io::Result<()> {
    match sends {
        Sends::Once(bytes) => stream.write_all(&bytes).await?,
        Sends::Final(bytes) => {
            stream.write_all(&bytes).await?;
            return stream.shutdown().await;
        }
        Sends::Cut(bytes) => {
            stream.write_all(&bytes).await?;
            return stream.flush().await;
        }
        Sends::Endless(first, rest) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&rest).await?;
            }
        }
        Sends::Drip(first, rest) => {
            stream.write_all(&first).await?;
            for byte in rest.iter().cycle() {
                stream.write_u8(*byte).await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    stream.flush().await?;
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}
