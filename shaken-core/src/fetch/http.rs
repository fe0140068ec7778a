//! One GET, one answer: what is sent, and what of the answer is accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::meter::{Meter, Metered};
use super::url::X5u;
use crate::Error;

/// What a repository sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The body, no longer than [`FetchPolicy::with_max_body_bytes`](super::FetchPolicy::with_max_body_bytes)
    /// allows, as it came: nothing has looked into it.
    pub body: Vec<u8>,
    /// `max-age` of `Cache-Control` (RFC 9111 §5.2.2.1), at most 2^31 s. `None` if it is absent
    /// or no number. Whoever caches decides about a minimum, a maximum and the certificate's end.
    pub max_age: Option<Duration>,
}

/// Asks for `url` over a connection that stands and reads the answer. `host` is in lower case.
pub(super) async fn get<S>(
    stream: S,
    url: &X5u<'_>,
    host: &str,
    max_body_bytes: usize,
) -> Result<Fetched, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let meter = Meter::new(MAX_HEADER_BYTES);
    let io = TokioIo::new(Metered::new(stream, meter.clone()));
    let (mut sender, connection) = http1::Builder::new()
        // Beyond what the meter lets in: hyper would call its own limits malformed HTTP.
        .max_headers(MAX_HEADER_BYTES / SHORTEST_HEADER_LINE.len())
        .max_buf_size(2 * MAX_HEADER_BYTES)
        .handshake::<_, Empty<Bytes>>(io)
        .await
        .map_err(|_| Error::FetchProtocol)?;
    let interim_answers = Arc::new(AtomicUsize::new(0));
    let request = request(url, host, &interim_answers)?;
    let exchange = async {
        // In order: an answer that is there counts, even if the reader has looked for more since.
        let response = tokio::select! {
            biased;
            response = sender.send_request(request) => response.map_err(|_| Error::FetchProtocol)?,
            () = meter.exceeded() => return Err(Error::FetchHeaderLimit),
        };
        if interim_answers.load(Ordering::Relaxed) > MAX_INTERIM_ANSWERS
            || response.headers().len() > MAX_HEADER_LINES
        {
            return Err(Error::FetchHeaderLimit);
        }
        check_head(&response, max_body_bytes)?;
        let max_age = max_age(response.headers());
        meter.allow(max_body_bytes.saturating_mul(WIRE_PER_BODY_BYTE));
        let body = tokio::select! {
            biased;
            body = read_body(response, max_body_bytes) => body?,
            () = meter.exceeded() => return Err(Error::FetchBodyLimit),
        };
        Ok(Fetched { body, max_age })
    };
    // What it ends with, the exchange learns too. The block drops the connection at its end, so
    // that the exchange cannot wait for it in vain.
    let connection = async move { drop(connection.await) };
    tokio::pin!(exchange, connection);
    // Not spawned: when the deadline drops this future, the socket closes with it.
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        () = &mut connection => exchange.await,
    }
}

fn request(
    url: &X5u<'_>,
    host: &str,
    interim_answers: &Arc<AtomicUsize>,
) -> Result<Request<Empty<Bytes>>, Error> {
    let authority = match url.port() {
        443 => host.to_owned(),
        port => format!("{host}:{port}"),
    };
    let mut request = Request::get(url.path())
        .header(HOST, authority)
        .header(USER_AGENT, OUR_USER_AGENT)
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| Error::X5uSyntax)?;
    let interim_answers = Arc::clone(interim_answers);
    hyper::ext::on_informational(&mut request, move |_| {
        interim_answers.fetch_add(1, Ordering::Relaxed);
    });
    Ok(request)
}

fn check_head(response: &Response<Incoming>, max_body_bytes: usize) -> Result<(), Error> {
    let status = response.status();
    if status.is_redirection() {
        return Err(Error::FetchRedirect);
    }
    if status != StatusCode::OK {
        return Err(Error::FetchStatus { status: status.as_u16() });
    }
    // Content-Type is not looked at: 29 % of the live repositories send a wrong one, and the
    // body has to be a certificate anyway.
    let headers = response.headers();
    if !all_are(headers, &CONTENT_ENCODING, "identity") || !all_are(headers, &TRANSFER_ENCODING, "chunked") {
        return Err(Error::FetchEncoding);
    }
    // The lower bound is the Content-Length, 0 if there is none.
    if response.body().size_hint().lower() > u64::try_from(max_body_bytes).unwrap_or(u64::MAX) {
        return Err(Error::FetchBodyLimit);
    }
    Ok(())
}

fn all_are(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .all(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

async fn read_body(response: Response<Incoming>, max_body_bytes: usize) -> Result<Vec<u8>, Error> {
    match Limited::new(response.into_body(), max_body_bytes).collect().await {
        Ok(body) => Ok(body.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::FetchBodyLimit),
        Err(_) => Err(Error::FetchProtocol),
    }
}

/// The first `max-age` directive counts (RFC 9111 §4.2.1).
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let (_, value) = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|directive| directive.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("max-age"))?;
    // The quoted form is to be understood as well (RFC 9111 §5.2).
    let digits = value.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse().unwrap_or(u64::MAX).min(MAX_DELTA_SECONDS);
    Some(Duration::from_secs(seconds))
}

const OUR_USER_AGENT: &str = concat!("shaken-core/", env!("CARGO_PKG_VERSION"));

/// Status line and headers, interim answers included.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Header lines of one answer.
const MAX_HEADER_LINES: usize = 64;

const SHORTEST_HEADER_LINE: &str = "a:\n";

/// 1xx answers before the final one.
const MAX_INTERIM_ANSWERS: usize = 4;

/// A body of one-byte chunks takes six bytes for each; whoever needs more is not sending a body.
const WIRE_PER_BODY_BYTE: usize = 8;

/// What RFC 9111 §1.2.2 has a recipient use for a number that it cannot hold.
const MAX_DELTA_SECONDS: u64 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_is_read_leniently_and_never_overflows() {
        for (lines, seconds) in [
            (&["max-age=86400"][..], Some(86_400)),
            (&["public, Max-Age=60 , immutable"], Some(60)),
            (&["no-cache", "max-age=5"], Some(5)),
            (&["max-age=\"7\""], Some(7)),
            (&["max-age=0"], Some(0)),
            (&["max-age=1, max-age=2"], Some(1)),
            (&["max-age=4294967295"], Some(MAX_DELTA_SECONDS)),
            (&["max-age=99999999999999999999"], Some(MAX_DELTA_SECONDS)),
            (&["max-age=-1"], None),
            (&["max-age=+1"], None),
            (&["max-age=1.5"], None),
            (&["max-age="], None),
            (&["max-age"], None),
            (&["s-maxage=60"], None),
            (&["no-store"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CACHE_CONTROL, line.parse().unwrap());
            }
            assert_eq!(max_age(&headers), seconds.map(Duration::from_secs), "{lines:?}");
        }
    }
}
