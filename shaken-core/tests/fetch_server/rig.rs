//! A loopback server that misbehaves on order, a resolver that answers on order, and the
//! certificates for both.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{DistinguishedName, HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
use shaken_core::fetch::{FetchPolicy, Network};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The host that every test URL names and that the good certificates cover.
pub(crate) const HOST: &str = "cr.example.com";

/// A root and what it signs.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    pub(crate) fn root_der(&self) -> Vec<u8> {
        self.root.to_vec()
    }

    pub(crate) fn config(&self) -> ServerConfig {
        self.config_for(params_for(HOST), rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn config_for_host(&self, host: &str) -> ServerConfig {
        self.config_for(params_for(host), rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn config_tls12(&self) -> ServerConfig {
        self.config_for(params_for(HOST), &[&rustls::version::TLS12])
    }

    pub(crate) fn config_expired(&self) -> ServerConfig {
        let mut params = params_for(HOST);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.config_for(params, rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn config_self_signed(&self) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params_for(HOST).self_signed(&key).unwrap();
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
        let leaf = params_for(HOST).signed_by(&key, &self.issuer).unwrap();
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
    /// Serves until the runtime ends. `None` speaks no TLS.
    pub(crate) async fn start(tls: Option<ServerConfig>, sends: Sends) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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

/// What [`Script`] does when asked to dial.
#[derive(Debug)]
pub(crate) enum Dial {
    Refuse,
    /// As if the SYN were dropped.
    Never,
    /// Never for the first address, then as a refusal.
    NeverThenRefuse,
    /// Another place than the one asked for.
    Elsewhere(SocketAddr),
}

/// A network that answers from a script and writes down what it was asked.
#[derive(Debug)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Option<Vec<IpAddr>>>>,
    dial: Dial,
    pub(crate) resolved: Mutex<Vec<String>>,
    pub(crate) dialled: Mutex<Vec<SocketAddr>>,
    pub(crate) dialling: AtomicUsize,
    pub(crate) most_dialling: AtomicUsize,
}

impl Script {
    /// One entry of `answers` for each lookup, `None` for a failing one; when they are used up,
    /// lookups never end.
    pub(crate) fn new(answers: impl IntoIterator<Item = Option<Vec<IpAddr>>>, dial: Dial) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            dial,
            resolved: Mutex::default(),
            dialled: Mutex::default(),
            dialling: AtomicUsize::new(0),
            most_dialling: AtomicUsize::new(0),
        })
    }

    pub(crate) fn policy(self: &Arc<Self>) -> FetchPolicy {
        FetchPolicy::default().with_network(Arc::clone(self) as Arc<dyn Network>)
    }
}

impl Network for Script {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        self.resolved.lock().unwrap().push(host.to_owned());
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            match answer {
                None => pending().await,
                Some(None) => Err(io::Error::other("no such name")),
                Some(Some(addresses)) => Ok(addresses),
            }
        })
    }

    fn dial(&self, address: SocketAddr) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + '_>> {
        let earlier = {
            let mut dialled = self.dialled.lock().unwrap();
            dialled.push(address);
            dialled.len() - 1
        };
        let counted = Counted::new(self);
        Box::pin(async move {
            let _counted = counted;
            match &self.dial {
                Dial::Never => pending().await,
                Dial::NeverThenRefuse if earlier == 0 => pending().await,
                Dial::Refuse | Dial::NeverThenRefuse => Err(io::ErrorKind::ConnectionRefused.into()),
                Dial::Elsewhere(place) => TcpStream::connect(place).await,
            }
        })
    }
}

/// Counts a dial as under way for as long as its future lives.
struct Counted<'a>(&'a Script);

impl<'a> Counted<'a> {
    fn new(script: &'a Script) -> Self {
        let now = script.dialling.fetch_add(1, Ordering::SeqCst) + 1;
        script.most_dialling.fetch_max(now, Ordering::SeqCst);
        Self(script)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dialling.fetch_sub(1, Ordering::SeqCst);
    }
}
