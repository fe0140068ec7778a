//! Requests to a daemon, over its socket.

use std::fmt;
use std::io;
use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Error {
    /// Nobody could be reached.
    Connect(io::Error),
    /// The answer did not come, or is no HTTP.
    Http(hyper::Error),
    /// The request cannot be sent.
    Request(hyper::http::Error),
    /// The answer is not JSON.
    Json(serde_json::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the daemon does not answer: ")?;
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Http(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::Json(error) => error.fmt(f),
        }
    }
}

/// One request to the daemon behind `socket`, and its answer.
pub(super) async fn post(socket: &Path, path: &str, body: &Value) -> Result<(StatusCode, Value), Error> {
    let stream = UnixStream::connect(socket).await.map_err(Error::Connect)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Error::Http)?;
    let connection = tokio::spawn(connection);
    let body = body.to_string();
    let request = hyper::Request::post(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, body.len())
        .body(Full::new(Bytes::from(body)))
        .map_err(Error::Request)?;
    let response = sender.send_request(request).await.map_err(Error::Http)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(Error::Http)?.to_bytes();
    drop(sender);
    // The connection ends with its only request.
    let _ = connection.await;
    Ok((status, serde_json::from_slice(&body).map_err(Error::Json)?))
}
