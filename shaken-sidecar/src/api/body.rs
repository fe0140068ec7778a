//! The bodies of requests.

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};

use super::JSON;
use super::error::RequestError;

/// The body of a request that takes and gives JSON (ATIS-1000082).
pub(super) async fn read_json(request: &mut Request<Incoming>) -> Result<Bytes, RequestError> {
    if let Some(accept) = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok())
        && !accepts_json(accept)
    {
        return Err(RequestError::NotAcceptable { accept: accept.to_owned() });
    }
    read_body(request, JSON).await
}

/// The body of a request whose headers are in order.
pub(super) async fn read_body(request: &mut Request<Incoming>, wanted: &str) -> Result<Bytes, RequestError> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let media_type = header(CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case(wanted) {
        return Err(RequestError::UnsupportedMediaType);
    }
    if header(CONTENT_LENGTH).is_none() && header(TRANSFER_ENCODING).is_none() {
        return Err(RequestError::LengthRequired);
    }
    if request.body().size_hint().lower() > u64::try_from(MAX_BODY_LEN).unwrap_or(u64::MAX) {
        return Err(RequestError::TooLarge);
    }
    let body = Limited::new(request.body_mut(), MAX_BODY_LEN).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            RequestError::TooLarge
        } else {
            RequestError::Unparsable { why: "the body ended early".to_owned() }
        }
    })?;
    let body = body.to_bytes();
    if body.is_empty() { Err(RequestError::BodyMissing) } else { Ok(body) }
}

fn accepts_json(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        [JSON, "application/*", "*/*"].iter().any(|ok| range.eq_ignore_ascii_case(ok))
    })
}

/// Longest body: an Identity header of full size in JSON has room in it.
const MAX_BODY_LEN: usize = 64 * 1024;
