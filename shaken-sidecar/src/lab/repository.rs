//! The lab's certificate repository (STI-CR): an https server on loopback for one file, or for the
//! certificates of test vectors.
//!
//! In: https requests from this machine. Out: `provider.pem` for GET and HEAD of its path,
//! refusals for all else. It never listens beyond loopback and never serves a private key.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Lab, LabError, PROVIDER_CHAIN, REPOSITORY_PATH, TLS_SERVER_CHAIN, TLS_SERVER_KEY, io_error};

/// The repository, listening but not serving yet: [`serve`](Self::serve) does.
pub struct Repository {
    listener: TcpListener,
    local_addr: SocketAddr,
    tls: TlsAcceptor,
    content: Content,
    deadlines: Deadlines,
}

impl Repository {
    /// Reads the lab's provider chain, TLS certificate and key, and listens on `address`, a
    /// loopback address; port 0 takes any free one.
    ///
    /// # Errors
    /// [`LabError::NotLoopback`] for any other address. [`LabError::Io`],
    /// [`LabError::NotCertificates`], [`LabError::NotAKey`], [`LabError::Tls`] if the files are
    /// not as the lab made them. [`LabError::Bind`] if the address is taken or not allowed.
    pub async fn bind(lab: &Lab, address: SocketAddr) -> Result<Self, LabError> {
        let chain_pem = read_chain(&lab.dir.join(PROVIDER_CHAIN))?;
        let tls = tls_config(&lab.dir)?;
        Self::of_bodies([(REPOSITORY_PATH.to_owned(), chain_pem.into_bytes())].into(), tls, address).await
    }

    /// Serves `bodies` by their paths, on `address` as [`bind`](Self::bind) does.
    ///
    /// # Errors
    /// [`LabError::NotLoopback`], [`LabError::Bind`].
    pub(super) async fn of_bodies(
        bodies: BTreeMap<String, Vec<u8>>,
        tls: ServerConfig,
        address: SocketAddr,
    ) -> Result<Self, LabError> {
        if !address.ip().is_loopback() {
            return Err(LabError::NotLoopback { address });
        }
        let bind_error = |source| LabError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        Ok(Self {
            local_addr: listener.local_addr().map_err(bind_error)?,
            listener,
            tls: TlsAcceptor::from(Arc::new(tls)),
            content: Content {
                bodies: Arc::new(bodies.into_iter().map(|(path, body)| (path, Bytes::from(body))).collect()),
                downloads: DownloadCount::default(),
            },
            deadlines: DEADLINES,
        })
    }

    /// Where it listens; with the port that it got if it asked for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How often the chain has been fetched. The count goes on while [`serve`](Self::serve) runs.
    #[must_use]
    pub fn downloads(&self) -> DownloadCount {
        self.content.downloads.clone()
    }

    /// Serves until `shutdown` completes, then lets the answers under way finish, for at most two
    /// seconds. No error of a connection ends it.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        let (tls, content) = (self.tls.clone(), self.content.clone());
                        connections.spawn(serve_connection(tls, stream, content, self.deadlines));
                    }
                    // Out of file descriptors, most likely: at once it would only fail again.
                    Err(error) => {
                        tracing::warn!(%error, "the lab's repository could not accept a connection");
                        tokio::time::sleep(ACCEPT_RETRY).await;
                    }
                },
            }
        }
        drop(self.listener);
        let drain = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.deadlines.drain, drain).await.is_err() {
            tracing::warn!("the lab's repository closed connections that did not end by themselves");
        }
    }
}

/// Counts the GET requests to which the whole chain was the answer. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct DownloadCount(Arc<AtomicU64>);

impl DownloadCount {
    /// The count so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct Content {
    /// By path.
    bodies: Arc<BTreeMap<String, Bytes>>,
    downloads: DownloadCount,
}

impl Content {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        // The whole target: with a query it is another URL than the x5u.
        let target = request.uri().path_and_query().map(|target| target.as_str());
        let body = target.and_then(|target| self.bodies.get(target));
        match (request.method(), body) {
            (&Method::GET, Some(body)) => {
                self.downloads.add_one();
                chain(body)
            }
            // hyper keeps the length and leaves the body out.
            (&Method::HEAD, Some(body)) => chain(body),
            (&Method::GET | &Method::HEAD, _) => refusal(StatusCode::NOT_FOUND),
            _ => {
                let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED);
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                response
            }
        }
    }
}

fn chain(body: &Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/pem-certificate-chain"));
    // ATIS-1000074 wants certificates cached for a day.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
    response
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

async fn serve_connection(tls: TlsAcceptor, stream: TcpStream, content: Content, deadlines: Deadlines) {
    let exchange = async {
        let stream = tls.accept(stream).await.map_err(|error| error.to_string())?;
        let service = service_fn(|request| {
            let response = content.answer(&request);
            async move { Ok::<_, Infallible>(response) }
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(deadlines.header)
            .max_buf_size(MAX_HEADER_BYTES)
            .max_headers(MAX_HEADERS)
            // One answer per connection, so that a shutdown waits for no idle client.
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service)
            .await
            .map_err(|error| error.to_string())
    };
    match tokio::time::timeout(deadlines.connection, exchange).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error, "a connection to the lab's repository failed"),
        Err(_) => tracing::debug!("a connection to the lab's repository took too long"),
    }
}

fn tls_config(dir: &Path) -> Result<ServerConfig, LabError> {
    let chain = read_chain(&dir.join(TLS_SERVER_CHAIN))?;
    let key_path = dir.join(TLS_SERVER_KEY);
    let key_pem = fs::read(&key_path).map_err(io_error(&key_path))?;
    server_config(&chain, &key_pem, &key_path)
}

/// A server with this chain and key, both PEM; `key_path` is where the key is.
pub(super) fn server_config(chain: &str, key_pem: &[u8], key_path: &Path) -> Result<ServerConfig, LabError> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).filter_map(Result::ok).collect();
    let no_key = |_| LabError::NotAKey { path: key_path.to_owned() };
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(no_key)?;
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|source| LabError::Tls { source })
}

/// The text of a chain to be served. It must hold certificates and nothing else: what anybody may
/// fetch must not turn out to have a key in it.
fn read_chain(path: &Path) -> Result<String, LabError> {
    let pem = fs::read_to_string(path).map_err(io_error(path))?;
    match shaken_core::cert::read_chain(pem.as_bytes()) {
        Ok(_) => Ok(pem),
        Err(source) => Err(LabError::NotCertificates { path: path.to_owned(), source }),
    }
}

/// How long a client may take. Nothing here depends on how many bytes trickle in meanwhile.
#[derive(Clone, Copy)]
struct Deadlines {
    /// From the end of the TLS handshake to the end of the request's header.
    header: Duration,
    /// For all of a connection, from its first byte of TLS.
    connection: Duration,
    /// From the shutdown to the end of the last answer.
    drain: Duration,
}

const DEADLINES: Deadlines = Deadlines {
    header: Duration::from_secs(5),
    connection: Duration::from_secs(10),
    drain: Duration::from_secs(2),
};
const MAX_CONNECTIONS: usize = 64;
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use shaken_core::X5u;
    use shaken_core::fetch::{FetchPolicy, Fetcher};
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::*;
    use crate::lab::{LabOptions, TLS_ROOT};

    const ANY_PORT: &str = "127.0.0.1:0";

    /// A repository that is being served.
    struct Running {
        dir: TempDir,
        address: SocketAddr,
        downloads: DownloadCount,
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    }

    impl Running {
        async fn start(deadlines: Deadlines) -> Self {
            let (dir, lab) = new_lab();
            let mut repository = Repository::bind(&lab, ANY_PORT.parse().unwrap()).await.unwrap();
            repository.deadlines = deadlines;
            let (stop, stopped) = oneshot::channel();
            Self {
                dir,
                address: repository.local_addr(),
                downloads: repository.downloads(),
                stop,
                task: tokio::spawn(repository.serve(async {
                    stopped.await.unwrap();
                })),
            }
        }

        async fn connect(&self, host: &'static str) -> std::io::Result<TlsStream<TcpStream>> {
            let mut roots = RootCertStore::empty();
            let tls_root = CertificateDer::from_pem_file(self.dir.path().join(TLS_ROOT)).unwrap();
            roots.add(tls_root).unwrap();
            let config =
                ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_root_certificates(roots)
                    .with_no_client_auth();
            let stream = TcpStream::connect(self.address).await?;
            TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(host).unwrap(), stream).await
        }

        /// The head of the answer, in lower case, and its body.
        async fn exchange(&self, request: &str) -> (String, String) {
            let mut stream = self.connect("cr.lab.example").await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.to_ascii_lowercase(), body.to_owned())
        }
    }

    fn new_lab() -> (TempDir, Lab) {
        let dir = tempfile::tempdir().unwrap();
        let lab = Lab::create(dir.path(), &LabOptions::default(), SystemTime::now()).unwrap();
        (dir, lab)
    }

    fn request(line: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: cr.lab.example\r\n\r\n")
    }

    #[tokio::test]
    async fn the_chain_is_served_and_counted() {
        let running = Running::start(DEADLINES).await;
        let chain = fs::read_to_string(running.dir.path().join(PROVIDER_CHAIN)).unwrap();
        for served in 1..=3 {
            let (head, body) = running.exchange(&request("GET /provider.pem")).await;
            assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
            assert!(head.contains("\r\ncontent-type: application/pem-certificate-chain\r\n"), "{head}");
            assert!(head.contains("\r\ncache-control: max-age=86400\r\n"), "{head}");
            assert_eq!(body, chain);
            assert_eq!(running.downloads.total(), served);
        }
    }

    #[tokio::test]
    async fn our_own_fetcher_gets_the_chain() {
        let running = Running::start(DEADLINES).await;
        let tls_root = CertificateDer::from_pem_file(running.dir.path().join(TLS_ROOT)).unwrap();
        let policy = FetchPolicy::default()
            .with_deadline(Duration::from_secs(10))
            .with_tls_roots([tls_root.to_vec()])
            .with_connect_to("cr.lab.example", running.address);
        let lab = Lab::open(running.dir.path()).unwrap();
        let x5u = lab.x5u();
        let fetcher = Fetcher::new(policy).unwrap();
        let fetched = fetcher.fetch(&X5u::parse(&x5u).unwrap()).await.unwrap();
        assert_eq!(fetched.body, fs::read(running.dir.path().join(PROVIDER_CHAIN)).unwrap());
        assert_eq!(running.downloads.total(), 1);
    }

    #[tokio::test]
    async fn head_has_the_length_and_no_body() {
        let running = Running::start(DEADLINES).await;
        let (head, body) = running.exchange(&request("HEAD /provider.pem")).await;
        let chain_len_bytes = fs::metadata(running.dir.path().join(PROVIDER_CHAIN)).unwrap().len();
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {chain_len_bytes}\r\n")), "{head}");
        assert_eq!((body.as_str(), running.downloads.total()), ("", 0));
    }

    #[tokio::test]
    async fn everything_else_is_refused() {
        let running = Running::start(DEADLINES).await;
        for (line, status) in [
            ("GET /", "404"),
            ("GET /provider.key", "404"),
            ("GET /provider.pem/", "404"),
            ("GET /provider.pem?x=1", "404"),
            ("GET /../provider.pem", "404"),
            ("HEAD /tls-server.key", "404"),
            ("POST /provider.pem", "405"),
            ("DELETE /provider.pem", "405"),
            ("OPTIONS *", "405"),
        ] {
            let (head, body) = running.exchange(&request(line)).await;
            assert!(head.starts_with(&format!("http/1.1 {status} ")), "{line}: {head}");
            assert_eq!(head.contains("\r\nallow: get, head"), status == "405", "{line}: {head}");
            assert_eq!(body, "", "{line}");
        }
        assert_eq!(running.downloads.total(), 0);
    }

    #[tokio::test]
    async fn a_header_has_limits_of_size_and_of_lines() {
        let running = Running::start(DEADLINES).await;
        let head = "GET /provider.pem HTTP/1.1\r\nHost: cr.lab.example\r\n";
        let within = "A: b\r\n".repeat(MAX_HEADERS - 1);
        let (status, _) = running.exchange(&format!("{head}{within}\r\n")).await;
        assert!(status.starts_with("http/1.1 200 "), "{status}");
        let many = "A: b\r\n".repeat(MAX_HEADERS);
        let long = format!("A: {}\r\n", "b".repeat(MAX_HEADER_BYTES));
        for beyond in [many, long] {
            let (status, _) = running.exchange(&format!("{head}{beyond}\r\n")).await;
            assert!(status.starts_with("http/1.1 431 "), "{status}");
        }
        assert_eq!(running.downloads.total(), 1);
    }

    #[tokio::test]
    async fn another_name_does_not_get_past_tls() {
        let running = Running::start(DEADLINES).await;
        let error = running.connect("other.example").await.unwrap_err();
        assert!(error.to_string().contains("certificate not valid for name"), "{error}");
    }

    #[tokio::test]
    async fn slow_clients_are_cut_off_and_others_served_meanwhile() {
        // The other deadline is so late that it cannot be the one that cuts off.
        let (soon, late) = (Duration::from_secs(1), Duration::from_secs(600));
        let running = Running::start(Deadlines { header: soon, connection: late, ..DEADLINES }).await;
        let started = Instant::now();
        let mut half_a_header = running.connect("cr.lab.example").await.unwrap();
        half_a_header.write_all(b"GET /provider.pem HTTP/1.1\r\nHost:").await.unwrap();
        let (head, _) = running.exchange(&request("GET /provider.pem")).await;
        assert!(head.starts_with("http/1.1 200 "), "{head}");

        // Cut off without a goodbye, so the reads may end in an error.
        let mut rest = Vec::new();
        let _ = half_a_header.read_to_end(&mut rest).await;
        assert!((soon..late / 10).contains(&started.elapsed()), "{:?}", started.elapsed());
        assert_eq!(running.downloads.total(), 1);

        let running = Running::start(Deadlines { header: late, connection: soon, ..DEADLINES }).await;
        let started = Instant::now();
        let mut without_tls = TcpStream::connect(running.address).await.unwrap();
        let _ = without_tls.read_to_end(&mut rest).await;
        assert!((soon..late / 10).contains(&started.elapsed()), "{:?}", started.elapsed());
        assert!(rest.is_empty(), "{rest:?}");
    }

    #[tokio::test]
    async fn a_shutdown_waits_for_an_idle_client_no_longer_than_it_may() {
        let late = Duration::from_secs(600);
        let drain = Duration::from_millis(200);
        let running = Running::start(Deadlines { header: late, connection: late, drain }).await;
        let _idle = running.connect("cr.lab.example").await.unwrap();
        let started = Instant::now();
        running.stop.send(()).unwrap();
        running.task.await.unwrap();
        assert!((drain..late / 10).contains(&started.elapsed()), "{:?}", started.elapsed());
        assert!(TcpStream::connect(running.address).await.is_err(), "still listening");
    }

    #[tokio::test]
    async fn only_loopback_is_listened_on() {
        let (_dir, lab) = new_lab();
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:127.0.0.1]:0"] {
            let error = Repository::bind(&lab, address.parse().unwrap()).await.err().unwrap();
            assert!(matches!(error, LabError::NotLoopback { .. }), "{address}: {error}");
        }
        let first = Repository::bind(&lab, ANY_PORT.parse().unwrap()).await.unwrap();
        let error = Repository::bind(&lab, first.local_addr()).await.err().unwrap();
        assert!(matches!(error, LabError::Bind { .. }), "{error}");
    }

    #[tokio::test]
    async fn files_that_are_not_as_they_were_made_are_refused() {
        let (dir, lab) = new_lab();
        let path = |name: &str| dir.path().join(name);
        let chain = fs::read_to_string(path(PROVIDER_CHAIN)).unwrap();
        let bind = || async { Repository::bind(&lab, ANY_PORT.parse().unwrap()).await.err() };
        assert!(bind().await.is_none());

        let key = fs::read_to_string(path("provider.key")).unwrap();
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        for wrong in [String::new(), key.clone(), format!("{chain}{key}"), format!("{chain}{encrypted}")] {
            fs::write(path(PROVIDER_CHAIN), wrong).unwrap();
            assert!(matches!(bind().await, Some(LabError::NotCertificates { .. })));
        }
        fs::write(path(PROVIDER_CHAIN), &chain).unwrap();

        fs::write(path(TLS_SERVER_KEY), &chain).unwrap();
        assert!(matches!(bind().await, Some(LabError::NotAKey { .. })));
        fs::write(path(TLS_SERVER_KEY), &key).unwrap();
        assert!(matches!(bind().await, Some(LabError::Tls { .. })));
        fs::remove_file(path(TLS_SERVER_KEY)).unwrap();
        assert!(matches!(bind().await, Some(LabError::Io { .. })));
    }
}
