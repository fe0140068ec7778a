//! A server that is sent what we have: checkpoints to keep, or traces of calls.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::header::{HOST, HeaderMap};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Where to POST: an `https` URL that the operator chose, or an `http` one of this host.
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

    /// Sends one request, on a connection of its own that ends with the second of what comes back.
    ///
    /// # Errors
    /// A text, if there is no answer. Any status is one.
    pub(crate) async fn exchange(
        &self,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Response<Incoming>, Connection), String> {
        let stream = TcpStream::connect((&*self.host, self.port)).await.map_err(|error| error.to_string())?;
        let Some((name, config)) = &self.tls else { return self.request(stream, headers, body).await };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| error.to_string())?;
        self.request(stream, headers, body).await
    }

    async fn request<S>(
        &self,
        stream: S,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Response<Incoming>, Connection), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: hyper::Error| error.to_string();
        let (mut sender, driver) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        let target = self.uri.path_and_query().map_or("/", |target| target.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::post(target)
            .header(HOST, authority)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        request.headers_mut().extend(headers);
        let mut connection = JoinSet::new();
        connection.spawn(driver);
        let response = sender.send_request(request).await.map_err(failed)?;
        Ok((response, connection))
    }
}

/// Dropped, it is closed.
type Connection = JoinSet<hyper::Result<()>>;

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
                "it must be an https URL such as https://collector.example/path, without user and password"
            }
            Self::Plain => {
                "to another host over https only: without it anyone between could answer for the server"
            }
        })
    }
}

impl std::error::Error for EndpointError {}

fn is_this_host(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::crypto::ring::default_provider;

    use super::*;

    #[test]
    fn only_https_leaves_the_host() {
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let tls = Arc::new(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        for (url, refused) in [
            ("https://witness.example/audit", None),
            ("https://[2001:db8::1]:8443", None),
            ("http://localhost:8080/", None),
            ("http://[::1]:8080/", None),
            ("http://127.9.9.9/", None),
            ("http://witness.example/", Some(EndpointError::Plain)),
            ("http://192.0.2.1/", Some(EndpointError::Plain)),
            ("http://localhost.example/", Some(EndpointError::Plain)),
            ("https://user:secret@witness.example/", Some(EndpointError::Url)),
            ("ftp://witness.example/", Some(EndpointError::Url)),
            ("witness.example", Some(EndpointError::Url)),
            ("/audit", Some(EndpointError::Url)),
            ("", Some(EndpointError::Url)),
        ] {
            assert_eq!(Endpoint::parse(url, Arc::clone(&tls)).err(), refused, "{url}");
        }
    }
}
