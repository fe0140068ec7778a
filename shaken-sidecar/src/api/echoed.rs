//! The name of a request, which goes back with the answer.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};

use crate::request_id;

/// What the client named the request, or else we did.
pub(super) struct Echoed {
    pub(super) request_id: String,
    instance_id: Option<HeaderValue>,
}

impl Echoed {
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        let usable = |value: &&HeaderValue| {
            value.len() <= MAX_ID_LEN
                && value.as_bytes().iter().all(u8::is_ascii_graphic)
                && !value.is_empty()
        };
        let id = |name: &HeaderName| request.headers().get(name).filter(usable).cloned();
        let request_id = id(&REQUEST_ID).and_then(|value| value.to_str().ok().map(str::to_owned));
        Self { request_id: request_id.unwrap_or_else(request_id::next), instance_id: id(&INSTANCE_ID) }
    }

    pub(super) fn write(self, response: &mut Response<Full<Bytes>>) {
        if let Ok(value) = HeaderValue::try_from(self.request_id) {
            response.headers_mut().insert(REQUEST_ID.clone(), value);
        }
        if let Some(value) = self.instance_id {
            response.headers_mut().insert(INSTANCE_ID.clone(), value);
        }
    }
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-requestid");
static INSTANCE_ID: HeaderName = HeaderName::from_static("x-instanceid");

/// Longest request name that is echoed and recorded.
const MAX_ID_LEN: usize = 128;
