//! A server that keeps checkpoints.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Where to POST checkpoints: an `https` URL that the operator chose, or an `http` one of this host.
#[derive(Clone)]
pub struct Endpoint {
    uri: Uri,
    host: Box<str>,
    port: u16,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

impl Endpoint {
    /// Reads a URL. `tls` says whom an `https` server's certificate has to chain to.
    ///
    /// # Errors
    /// [`EndpointError`] if it is no URL of that kind. User names and passwords are refused.
    pub fn parse(url: &str, tls: Arc<ClientConfig>) -> Result<Self, EndpointError> {
        let uri: Uri = url.parse().map_err(|_| EndpointError::Url)?;
        let authority = uri.authority().ok_or(EndpointError::Url)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::Url);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| EndpointError::Url)?;
                (Some((name, tls)), 443)
            }
            Some("http") if is_this_host(&host) => (None, 80),
            Some("http") => return Err(EndpointError::Plain),
            _ => return Err(EndpointError::Url),
        };
        let port = authority.port_u16().unwrap_or(port);
        Ok(Self { host: host.into(), port, tls, uri })
    }

    /// Blocks until the server has answered, for ten seconds at most.
    pub(super) fn post(&self, note: &str) -> Result<(), String> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let posted = runtime.block_on(async { timeout(TIMEOUT, self.exchange(note)).await });
        // A name that is still being resolved does not hold us.
        runtime.shutdown_background();
        posted.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
    }

    async fn exchange(&self, note: &str) -> Result<(), String> {
        let stream = TcpStream::connect((&*self.host, self.port)).await.map_err(|error| error.to_string())?;
        let Some((name, config)) = &self.tls else { return self.request(stream, note).await };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| error.to_string())?;
        self.request(stream, note).await
    }

    async fn request<S>(&self, stream: S, note: &str) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: hyper::Error| error.to_string();
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        let target = self.uri.path_and_query().map_or("/", |target| target.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::post(target)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(note.to_owned())
            .map_err(|error| error.to_string())?;
        // Ends with the sender: the body of the answer is of no interest.
        let connection = tokio::spawn(connection);
        let status = sender.send_request(request).await.map_err(failed)?.status();
        connection.abort();
        if status.is_success() { Ok(()) } else { Err(format!("the server answered {status}")) }
    }
}

/// Without path and query, where some services keep a secret.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.uri.scheme_str().unwrap_or_default(), self.host, self.port)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Why a URL is not where checkpoints can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is not an `https` URL with a host and without user name.
    Url,
    /// It is an `http` URL of another host: anyone between could answer for the server.
    Plain,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => {
                "the place for checkpoints must be an https URL such as https://witness.example/audit"
            }
            Self::Plain => {
                "checkpoints go to another host over https only: without it anyone between can \
                            say that they arrived"
            }
        })
    }
}

impl std::error::Error for EndpointError {}

fn is_this_host(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

const TIMEOUT: Duration = Duration::from_secs(10);
