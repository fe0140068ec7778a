//! Requests that get no answer of their kind: the error objects of ATIS-1000082 (messageId SVC
//! for faults of the request, POL for ours and for refusals).

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::atis::OursOfDecided;
use crate::call::{Decided, Refusal};
use crate::policy::Reason;

/// Why a request is not answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RequestError {
    BodyMissing,
    ParameterMissing {
        name: &'static str,
    },
    /// Nothing to verify in a call that is made up: it gets the answer that it is after.
    Heartbeat,
    NotAcceptable {
        accept: String,
    },
    NotFound,
    UnsupportedMediaType,
    ParameterInvalid {
        name: &'static str,
        why: String,
    },
    Unparsable {
        why: String,
    },
    LengthRequired,
    MethodNotAllowed {
        allow: &'static str,
    },
    TooLarge,
    /// The secret is missing or wrong.
    Unauthorized,
    /// By policy; the name of the reason.
    Refused {
        reason: &'static str,
    },
    /// By policy, which says more about it.
    Decided {
        fate: Fate,
        reason: &'static str,
        decided: Box<Decided>,
    },
    Internal,
    Unavailable {
        why: &'static str,
    },
}

/// What a decision makes of a call that is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on as it came.
    GoesOn,
    /// The same, for what the provider lacks at the moment.
    GoesOnForNow,
    /// It is to be refused.
    Blocked,
}

impl From<Refusal> for RequestError {
    fn from(refusal: Refusal) -> Self {
        let (name, status) = (refusal.name(), refusal.http_status());
        match refusal {
            Refusal::Unsigned(_, decided) | Refusal::Observed(decided) => {
                let fate = if status == 503 { Fate::GoesOnForNow } else { Fate::GoesOn };
                Self::Decided { fate, reason: name, decided }
            }
            Refusal::TrunkUnknown => Self::Refused { reason: Reason::TrunkUnknown.name() },
            Refusal::PptNotAllowed => Self::Refused { reason: Reason::PptNotAllowed.name() },
            Refusal::Blocked(_, decided) => Self::Decided { fate: Fate::Blocked, reason: name, decided },
            Refusal::NotOffered => Self::NotFound,
            Refusal::Unsignable(error) => match error {
                shaken_core::Error::IatStale { .. } | shaken_core::Error::IatFuture { .. } => {
                    Self::ParameterInvalid { name: "iat", why: error.to_string() }
                }
                shaken_core::Error::OrigIdInvalid => {
                    Self::ParameterInvalid { name: "origid", why: error.to_string() }
                }
                shaken_core::Error::DestTooMany => {
                    Self::ParameterInvalid { name: "dest", why: error.to_string() }
                }
                shaken_core::Error::TnNotAuthorized => Self::Refused { reason: error.name() },
                shaken_core::Error::CertExpired { .. } | shaken_core::Error::CertNotYetValid { .. } => {
                    Self::Unavailable { why: error.name() }
                }
                error if error.code() >= 700 => Self::Internal,
                error => Self::ParameterInvalid { name: "signingRequest", why: error.to_string() },
            },
            Refusal::Audit(_) | Refusal::Overload | Refusal::Late => Self::Unavailable { why: name },
        }
    }
}

impl RequestError {
    /// Whether the request is at fault, so that no call was there to decide on.
    pub(super) fn is_of_the_request(&self) -> bool {
        match self {
            Self::BodyMissing
            | Self::ParameterMissing { .. }
            | Self::NotAcceptable { .. }
            | Self::NotFound
            | Self::UnsupportedMediaType
            | Self::ParameterInvalid { .. }
            | Self::Unparsable { .. }
            | Self::LengthRequired
            | Self::MethodNotAllowed { .. }
            | Self::TooLarge => true,
            Self::Heartbeat
            | Self::Unauthorized
            | Self::Refused { .. }
            | Self::Decided { .. }
            | Self::Internal
            | Self::Unavailable { .. } => false,
        }
    }

    /// A stable name for scripts.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::BodyMissing => "body-missing",
            Self::ParameterMissing { .. } | Self::Heartbeat => "parameter-missing",
            Self::NotAcceptable { .. } => "not-acceptable",
            Self::NotFound => "not-found",
            Self::UnsupportedMediaType => "media-type-unsupported",
            Self::ParameterInvalid { .. } => "parameter-invalid",
            Self::Unparsable { .. } => "unparsable",
            Self::LengthRequired => "length-required",
            Self::MethodNotAllowed { .. } => "method-not-allowed",
            Self::TooLarge => "too-large",
            Self::Unauthorized => "unauthorized",
            Self::Refused { reason } | Self::Decided { reason, .. } => reason,
            Self::Internal => "internal",
            Self::Unavailable { why } => why,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.parts().0
    }

    /// HTTP status, messageId, text, and the values of the text's `%1` and `%2`.
    fn parts(&self) -> (StatusCode, &'static str, &'static str, Vec<&str>) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::BodyMissing => (bad, "SVC4000", "Missing JSON body in the request", vec![]),
            Self::ParameterMissing { name } => {
                (bad, "SVC4001", "Missing mandatory parameter '%1'", vec![name])
            }
            Self::Heartbeat => (bad, "SVC4001", "Missing mandatory parameter '%1'", vec!["identity"]),
            Self::NotAcceptable { accept } => (
                StatusCode::NOT_ACCEPTABLE,
                "SVC4002",
                "Requested response body type '%1' is not supported",
                vec![accept],
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "SVC4003", "Requested resource was not found", vec![]),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "SVC4004",
                "Unsupported request body type, expected '%1'",
                vec!["application/json"],
            ),
            Self::ParameterInvalid { name, why } => {
                (bad, "SVC4005", "Invalid '%1' parameter value: %2", vec![name, why])
            }
            Self::Unparsable { why } => {
                (bad, "SVC4006", "Failed to parse received message body: %1", vec![why])
            }
            Self::LengthRequired => {
                (StatusCode::LENGTH_REQUIRED, "SVC4007", "Missing mandatory Content-Length header", vec![])
            }
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "SVC4006",
                "Failed to parse received message body: %1",
                vec!["it is too large"],
            ),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "POL4010", "Authentication required", vec![]),
            Self::Decided { fate: Fate::Blocked, reason, .. } => {
                (StatusCode::FORBIDDEN, "POL4031", "Call refused by policy: %1", vec![reason])
            }
            Self::Refused { reason } | Self::Decided { fate: Fate::GoesOn, reason, .. } => {
                (StatusCode::FORBIDDEN, "POL4030", "Request refused by policy: %1", vec![reason])
            }
            Self::MethodNotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                "POL4050",
                "Method not allowed: Invalid HTTP method used",
                vec![],
            ),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "POL5000", "Internal Server Error", vec![]),
            Self::Unavailable { why } | Self::Decided { fate: Fate::GoesOnForNow, reason: why, .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "POL5030", "Service unavailable: %1", vec![why])
            }
        }
    }

    pub(super) fn to_response(&self) -> Response<Full<Bytes>> {
        let (status, message_id, text, variables) = self.parts();
        let kind = if message_id.starts_with("POL") { "policyException" } else { "serviceException" };
        let exception = json!({ "messageId": message_id, "text": text, "variables": variables });
        let mut body = json!({ "requestError": { kind: exception } });
        if let Self::Decided { decided, .. } = self {
            body["shaken"] = json!(OursOfDecided::from(&**decided));
        }
        let mut response = super::json(status, &body);
        self.write_headers(&mut response);
        super::say_when_to_retry(&mut response);
        response
    }

    /// What RFC 9110 wants beside the status.
    pub(super) fn write_headers(&self, response: &mut Response<Full<Bytes>>) {
        let (name, value) = match self {
            Self::MethodNotAllowed { allow } => (ALLOW, allow),
            Self::Unauthorized => (WWW_AUTHENTICATE, &"Bearer"),
            _ => return,
        };
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}
