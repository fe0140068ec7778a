//! What watches the daemon: `GET /metrics`, `/ready`, `/live` and `/healthz`, beside calls or on a TCP port
//! of its own. There is nothing of a call in any of them, and nothing can be changed there.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::error::RequestError;
use super::remote::is_of_a_page;
use super::{LAST_WORDS, http1, json};
use crate::life::Life;
use crate::life::health::{Effect, Health};
use crate::listen::{Guarded, Unread};
use crate::telemetry;

pub(super) const HEALTH: &str = "/healthz";
pub(super) const READY: &str = "/ready";
pub(super) const LIVE: &str = "/live";
pub(super) const METRICS: &str = "/metrics";

/// Serves one connection on the port of its own until the client closes it, it rests for a minute, or
/// `stopping` turns true.
pub(crate) async fn serve_monitoring(
    stream: TcpStream,
    life: Arc<Life>,
    mut stopping: watch::Receiver<bool>,
) {
    let service = service_fn(|request: Request<_>| {
        let response = answer_there(&request, &life).unwrap_or_else(|error| error.to_response());
        async { Ok::<_, Infallible>(response) }
    });
    let stream = Guarded::new(stream, REQUEST_LIMIT, Unread::default());
    let connection = http1().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let stopped = async { drop(stopping.wait_for(|stopping| *stopping).await) };
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            // Half a request does not hold up the end.
            tokio::time::timeout(LAST_WORDS, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection of monitoring ended");
    }
}

fn answer_there<B: Body>(request: &Request<B>, life: &Life) -> Result<Response<Full<Bytes>>, RequestError> {
    if is_of_a_page(request.headers()) {
        return Err(RequestError::Refused { reason: "CROSS_ORIGIN" });
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, path @ (HEALTH | READY | LIVE | METRICS)) => Ok(answer(path, life)),
        (_, HEALTH | READY | LIVE | METRICS) => Err(RequestError::MethodNotAllowed { allow: "GET" }),
        _ => Err(RequestError::NotFound),
    }
}

/// The answer to a `GET` of one of the four.
pub(super) fn answer(path: &str, life: &Life) -> Response<Full<Bytes>> {
    let of_health = match path {
        METRICS => return metrics(life),
        READY => ready,
        LIVE => live,
        _ => health,
    };
    of_health(&life.health(SystemTime::now()))
}

/// All that is wrong. Whether calls are served is what the status code tells.
fn health(health: &Health) -> Response<Full<Bytes>> {
    let status = match (health.is_live(), health.causes().is_empty()) {
        (false, _) => "failed",
        (true, true) => "ok",
        (true, false) => "degraded",
    };
    told(health.is_ready(), status, health.causes().iter().map(|cause| cause.name()).collect())
}

/// Whether calls should come here, and why not.
fn ready(health: &Health) -> Response<Full<Bytes>> {
    let status = if health.is_ready() { "ready" } else { "not-ready" };
    told(health.is_ready(), status, health.causes().iter().map(|cause| cause.name()).collect())
}

/// Whether a restart would help.
fn live(health: &Health) -> Response<Full<Bytes>> {
    let status = if health.is_live() { "live" } else { "dead" };
    let deadly = health.causes().iter().filter(|cause| cause.effect() == Effect::Dead);
    told(health.is_live(), status, deadly.map(|cause| cause.name()).collect())
}

fn told(is_well: bool, status: &str, causes: Vec<&str>) -> Response<Full<Bytes>> {
    let code = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = serde_json::json!({ "status": status });
    if let Some(first) = causes.first() {
        body["cause"] = (*first).into();
        body["causes"] = causes.into();
    }
    json(code, &body)
}

fn metrics(life: &Life) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(telemetry::metrics(life))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(telemetry::CONTENT_TYPE));
    response
}

/// What a request may take from its first byte to its answer.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
