//! HTTP/1.1 on the Unix socket and on TCP: `POST /stir/v1/signing`, `POST /stir/v1/verification`
//! (ATIS-1000082, 3GPP TS 24.229 Annex V), `GET /openapi.json`, `/quick/v1/sign` and `/quick/v1/verify` for dialplans, `GET /ready`, `/live`,
//! `/healthz` and `/metrics`, and for the operator `GET /audit/v1/search`, `POST /audit/v1/reveals` and
//! `POST /admin/v1/reload`. Bytes to [`crate::call`] requests and back; nothing is decided here.

mod admin;
mod at_once;
mod atis;
mod body;
mod echoed;
mod error;
mod monitor;
mod ms;
mod quick;
mod remote;

use std::convert::Infallible;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

use crate::audit::{Loss, Op, Undecided};
use crate::call::{Calls, Carries, Offers, Origin};
use crate::delivery::{Delivery, Pending};
use crate::fields::Fields;
use crate::force::InForce;
use crate::life::Life;
use crate::listen::{Client, Guarded, REQUEST_GRACE, Unread};
use crate::policy::Listener;
use crate::telemetry::Parent;
use crate::to_the_end::{Panicked, to_the_end};
pub use admin::Admin;
use at_once::AtOnce;
use body::{read_body, read_json};
use echoed::Echoed;
use error::RequestError;
pub(crate) use monitor::serve_monitoring;
use monitor::{HEALTH, LIVE, METRICS, READY};
pub use remote::Remotes;

const OPENAPI: &str = "/openapi.json";
const QUICK: &str = "/quick/";
const QUICK_SIGN: &str = "/quick/v1/sign";
const QUICK_VERIFY: &str = "/quick/v1/verify";
const SEARCH: &str = "/audit/v1/search";

/// Where it is told that records are shown in clear, before they are.
pub const REVEALS: &str = "/audit/v1/reveals";

/// Where the daemon is asked to read its configuration again.
pub const RELOAD: &str = "/admin/v1/reload";

/// What all connections of one listener share.
#[derive(Debug)]
pub struct Door {
    /// Which one it is.
    pub listener: Listener,
    /// What is behind it.
    pub api: Arc<Api>,
}

impl Door {
    /// What it is for.
    fn offers(&self, force: &InForce) -> Offers {
        match self.listener {
            Listener::HttpTcp => force.http_tcp.offers,
            _ => Offers::All,
        }
    }

    /// Who is there, if they are let in. On a Unix socket the mode of the file has said that.
    fn admit<B>(
        &self,
        request: &Request<B>,
        client: Client,
        force: &InForce,
    ) -> Result<Client, RequestError> {
        match (self.listener, &force.http_tcp.whom) {
            (Listener::Http, _) => Ok(client),
            (_, Some(remotes)) => remotes.admit(request, client),
            (_, None) => Err(RequestError::Unauthorized),
        }
    }
}

/// What all connections share.
#[derive(Debug)]
pub struct Api {
    /// What signs and verifies.
    pub calls: Arc<Calls>,
    /// What the operator asks.
    pub admin: Admin,
    /// The daemon that it is part of.
    pub life: Arc<Life>,
}

/// Serves a connection over TCP, with or without TLS, as [`serve`] does.
pub(crate) async fn serve_tcp(
    stream: TcpStream,
    from: SocketAddr,
    door: Arc<Door>,
    stopping: watch::Receiver<bool>,
) {
    let whom = door.api.calls.in_force().http_tcp.whom.clone();
    let Some(tls) = whom.as_deref().and_then(Remotes::tls) else {
        return serve(stream, from.into(), door, stopping).await;
    };
    match tls.accept(stream).await {
        Ok((stream, user)) => serve(stream, Client::from(from).known_as(user), door, stopping).await,
        Err(error) => {
            door.api.calls.audit().count_undecided(Undecided::Unauthenticated, SystemTime::now());
            tracing::debug!(%error, %from, "a handshake of TLS failed");
        }
    }
}

/// Serves one connection until the client closes it, it is idle for too long, or `stopping` turns
/// true; then the request under way is still answered.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    client: Client,
    door: Arc<Door>,
    stopping: watch::Receiver<bool>,
) {
    AtOnce::new(converse(stream, client, door, stopping)).await;
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    client: Client,
    door: Arc<Door>,
    mut stopping: watch::Receiver<bool>,
) {
    let underway = Underway::default();
    // Set when a request was given up: what is left of it on the connection is of no use.
    let given_up = Notify::new();
    let unread = Unread::default();
    let service = service_fn(|request| {
        let (door, client, given_up, unread) = (Arc::clone(&door), client.clone(), &given_up, &unread);
        let counted = underway.count();
        async move {
            let _counted = counted;
            Ok::<_, Infallible>(answer(request, client, door, given_up, unread).await)
        }
    });
    let api = &door.api;
    let deadline = api.calls.in_force().deadline();
    let stream = Guarded::new(stream, deadline + REQUEST_GRACE, unread.clone());
    let connection = http1().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // An error means that the daemon is gone, which is the same.
    let stopped = async { drop(stopping.wait_for(|stopping| *stopping).await) };
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            // Whoever has not sent a whole request by then will hardly do so, and nothing is lost with it.
            let patience = async {
                tokio::time::sleep(HALF_REQUEST).await;
                if !underway.is_none() {
                    given_up.notified().await;
                    tokio::time::sleep(LAST_WORDS).await;
                }
            };
            tokio::select! {
                outcome = &mut connection => outcome,
                () = patience => Ok(()),
            }
        }
        () = given_up.notified() => {
            // The answer still goes out, if the client takes it; then the connection is dropped.
            tokio::time::timeout(LAST_WORDS, connection).await.unwrap_or(Ok(()))
        }
    };
    for delivery in unread.take() {
        delivery.lost(Loss::ClientGone, api.calls.audit());
    }
    if let Err(error) = outcome {
        if error.is_parse() {
            api.calls.audit().count_undecided(Undecided::Unparsable, SystemTime::now());
        }
        tracing::debug!(%error, "connection ended");
    }
}

/// How connections are read.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE_TIMEOUT).half_close(true);
    builder.max_buf_size(MAX_HEAD_LEN);
    builder
}

/// Answers one request. Never fails: what goes wrong is an answer too.
async fn answer(
    request: Request<Incoming>,
    client: Client,
    door: Arc<Door>,
    given_up: &Notify,
    unread: &Unread,
) -> Response<Full<Bytes>> {
    let api = &door.api;
    let echoed = Echoed::of(&request);
    let say = if request.uri().path().starts_with(QUICK) { quick::error } else { RequestError::to_response };
    let delivery = Delivery::new(echoed.request_id.clone());
    // Dropped when the connection ends before there is an answer.
    let pending = Pending::new(delivery.clone(), Arc::clone(&api.calls));
    let request_id = echoed.request_id.clone();
    let worked = delivery.clone();
    let worker = Arc::clone(&door);
    let work = to_the_end(async move { dispatch(request, client, &worker, request_id, worked).await });
    let calls = &api.calls;
    let mut response = match tokio::time::timeout(api.calls.in_force().deadline(), work).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(error))) => {
            if error.is_of_the_request() && !delivery.is_recorded() {
                calls.audit().count_undecided(Undecided::Unparsable, SystemTime::now());
            }
            if error == RequestError::Unauthorized {
                calls.audit().count_undecided(Undecided::Unauthenticated, SystemTime::now());
            }
            say(&error)
        }
        Ok(Err(Panicked)) => say(&RequestError::Internal),
        Err(_) => {
            delivery.lost(Loss::Deadline, calls.audit());
            given_up.notify_one();
            let mut response = say(&RequestError::Unavailable { why: "deadline" });
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
    };
    echoed.write(&mut response);
    if let Some(delivery) = pending.into_delivery() {
        unread.push(delivery);
    }
    response
}

async fn dispatch(
    mut request: Request<Incoming>,
    client: Client,
    door: &Door,
    request_id: String,
    delivery: Delivery,
) -> Result<Response<Full<Bytes>>, RequestError> {
    let calls = &door.api.calls;
    let force = calls.in_force();
    let client = door.admit(&request, client, &force)?;
    let parent = calls.traces().and_then(|_| Parent::of(request.headers()));
    let offers = door.offers(&force);
    let origin = |client, trunk, call_id, headers| Origin {
        listener: door.listener,
        client,
        offers,
        trunk,
        carries: Carries::Http(headers),
        call_id,
        request_id,
        now: SystemTime::now(),
        received: Instant::now(),
        parent,
        delivery,
    };
    let Some((op, resource)) = atis::resource(request.uri().path()) else {
        // In a place of its own: it is larger than what most requests are for, which would be moved with it.
        return Box::pin(dispatch_other(request, client, door, force, origin)).await;
    };
    if request.method() != Method::POST {
        return Err(RequestError::MethodNotAllowed { allow: "POST" });
    }
    let body = read_json(&mut request).await?;
    let origin = origin(client, None, None, mem::take(request.headers_mut()));
    let answer = match op {
        Op::Sign => atis::sign(&body, resource, calls, &origin).await?,
        Op::Verify => atis::verify(&body, resource, calls, &origin).await?,
    };
    Ok(of_json(StatusCode::OK, answer))
}

/// What no resource of ATIS-1000082 is asked for.
async fn dispatch_other(
    mut request: Request<Incoming>,
    client: Client,
    door: &Door,
    force: Arc<InForce>,
    origin: impl FnOnce(Client, Option<String>, Option<String>, HeaderMap) -> Origin,
) -> Result<Response<Full<Bytes>>, RequestError> {
    let Api { calls, admin, life } = &*door.api;
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET, OPENAPI) => Ok(openapi()),
        (&Method::GET, HEALTH | READY | LIVE | METRICS) => Ok(monitor::answer(&path, life)),
        (&Method::GET | &Method::POST, QUICK_SIGN | QUICK_VERIFY) => {
            let mut fields = Fields::default();
            quick::read(&mut fields, request.uri().query().unwrap_or_default().as_bytes())?;
            if request.method() == Method::POST {
                quick::read(&mut fields, &read_body(&mut request, FORM).await?)?;
            }
            let headers = mem::take(request.headers_mut());
            let origin = origin(client, fields.trunk.take(), fields.call_id()?, headers);
            if path == QUICK_SIGN {
                quick::sign(fields, calls, &origin).await
            } else {
                quick::verify(fields, calls, &origin).await
            }
        }
        (&Method::GET, SEARCH) => {
            let peer = Admin::check(&client, &force.admin_uids)?;
            let query = request.uri().query().unwrap_or_default();
            let found = admin.search(query, peer, calls.audit(), force.deadline()).await?;
            Ok(json(StatusCode::OK, &found))
        }
        (&Method::POST, REVEALS) => {
            let peer = Admin::check(&client, &force.admin_uids)?;
            let recorded = admin.reveals(&read_json(&mut request).await?, peer, calls.audit()).await?;
            Ok(json(StatusCode::OK, &recorded))
        }
        (&Method::POST, RELOAD) => {
            let peer = Admin::check(&client, &force.admin_uids)?;
            let body = read_json(&mut request).await?;
            // Nothing of the old state is held while it is replaced.
            drop(force);
            let (status, told) = Admin::reload(&body, peer, life).await?;
            Ok(json(status, &told))
        }
        (_, OPENAPI | HEALTH | READY | LIVE | METRICS | SEARCH) => {
            Err(RequestError::MethodNotAllowed { allow: "GET" })
        }
        (_, QUICK_SIGN | QUICK_VERIFY) => Err(RequestError::MethodNotAllowed { allow: "GET, POST" }),
        (_, REVEALS | RELOAD) => Err(RequestError::MethodNotAllowed { allow: "POST" }),
        _ => Err(RequestError::NotFound),
    }
}

/// What is offered here, for programs.
fn openapi() -> Response<Full<Bytes>> {
    of_json(StatusCode::OK, Bytes::from_static(include_bytes!("../openapi.json")))
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    of_json(status, body.to_string().into())
}

fn of_json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// What cannot be served now may be in a moment.
fn say_when_to_retry(response: &mut Response<Full<Bytes>>) {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
}

/// Requests of one connection without an answer.
#[derive(Clone, Default)]
struct Underway(Arc<AtomicUsize>);

struct Counted(Underway);

impl Underway {
    fn count(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    fn is_none(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Longest request line with headers.
const MAX_HEAD_LEN: usize = 16 * 1024;

/// How long a connection may rest between two requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection may take to send the rest of a request when the daemon ends.
const HALF_REQUEST: Duration = Duration::from_millis(500);

/// How long the answer to a request that was given up may take to go out.
const LAST_WORDS: Duration = Duration::from_secs(1);
