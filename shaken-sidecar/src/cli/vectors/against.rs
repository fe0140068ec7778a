//! Cases against a verification service of ATIS-1000082: one request for each.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shaken_test_vectors::{Case, Name, VectorFile};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;

use super::judgement::{Judgement, Word};
use crate::cli::input::clock;
use crate::cli::{Exit, Failure};

/// A service, and how to reach it.
pub(super) struct Service {
    runtime: Runtime,
    place: Place,
    path: String,
}

#[derive(Clone, Debug)]
enum Place {
    Socket(PathBuf),
    /// Host and port.
    Tcp(String),
}

impl Service {
    /// `http://host[:port][/base]`, or the path of a Unix socket.
    pub(super) fn at(text: &str) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| Failure::new(Exit::Unavailable, format_args!("cannot start: {error}")))?;
        let (place, base) = if text.contains("://") {
            let wrong = || Failure::new(Exit::Usage, format_args!("{text} is not http://host:port"));
            let url: Uri = text.parse().map_err(|_| wrong())?;
            let authority = url.authority().filter(|_| url.scheme_str() == Some("http")).ok_or_else(wrong)?;
            let port = authority.port_u16().unwrap_or(80);
            (Place::Tcp(format!("{}:{port}", authority.host())), url.path().trim_end_matches('/').to_owned())
        } else {
            (Place::Socket(text.into()), String::new())
        };
        Ok(Self { runtime, place, path: base + RESOURCE })
    }

    /// What the service makes of a case that [`inexpressible`] lets through.
    pub(super) fn judge(&self, case: &Case) -> Result<Judgement, Failure> {
        let unavailable = |why: String| {
            let place = match &self.place {
                Place::Socket(path) => path.display().to_string(),
                Place::Tcp(host) => host.clone(),
            };
            Failure::new(Exit::Unavailable, format_args!("{place}: {why}; is the service running there?"))
        };
        let exchange = async {
            tokio::time::timeout(DEADLINE, self.ask(&request_of(case)))
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", DEADLINE.as_secs())))
        };
        let (status, body) = self.runtime.block_on(exchange).map_err(unavailable)?;
        if status.is_server_error() {
            return Err(unavailable(format!("it answers with status {status}")));
        }
        Ok(Judgement::of_call(verdict_of(status, &body)))
    }

    async fn ask(&self, body: &Value) -> Result<(StatusCode, Value), String> {
        match &self.place {
            Place::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| error.to_string())?;
                self.exchange(stream, body).await
            }
            Place::Tcp(host) => {
                let stream = TcpStream::connect(host).await.map_err(|error| error.to_string())?;
                self.exchange(stream, body).await
            }
        }
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        body: &Value,
    ) -> Result<(StatusCode, Value), String> {
        let (mut sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let host = if let Place::Tcp(host) = &self.place { host } else { "localhost" };
        let request = Request::post(&self.path)
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER_LEN).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        connection.abort();
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

/// Why a case cannot be put to such a service, if it cannot.
pub(super) fn inexpressible(case: &Case, file: &VectorFile) -> Option<&'static str> {
    let is_tn = |name: &Name| matches!(name, Name::Tn(_));
    let [identity] = case.identity.as_slice() else {
        return Some("a request holds one Identity header");
    };
    if !is_tn(&case.orig) || !case.dest.iter().all(is_tn) || case.target.is_some() {
        return Some("a request holds telephone numbers, and no Request-URI");
    }
    let beyond = [&case.sdp, &case.body, &case.resource_priority, &case.priority, &case.display_name];
    if beyond.iter().any(|member| member.is_some()) {
        return Some("a request holds no other header and no body");
    }
    if case.date.is_none() && identity.starts_with("..") {
        return Some("a request without Date cannot be told");
    }
    if !file.crls.is_empty() || !file.intermediates_pem.is_empty() {
        return Some("what the service knows before the call is its own matter");
    }
    // The service's clock is its own.
    let now = u64::try_from(clock()).unwrap_or_default();
    if case.now.abs_diff(now) > MAX_CLOCK_DISTANCE_S || case.flags.iter().any(|flag| flag == "ExactClock") {
        return Some("its clock is not the one of now; sign the cases anew with make.py --now");
    }
    None
}

fn request_of(case: &Case) -> Value {
    let tn = |name: &Name| match name {
        Name::Tn(text) | Name::Uri(text) => text.clone(),
    };
    let to: Vec<String> = case.dest.iter().map(tn).collect();
    // A case without Date says that this is no fault; the interface wants one.
    json!({ "verificationRequest": {
        "from": { "tn": tn(&case.orig) }, "to": { "tn": to }, "time": case.date.unwrap_or(case.now),
        "identity": case.identity.first(),
    } })
}

/// A request that is refused is a call that does not pass.
fn verdict_of(status: StatusCode, body: &Value) -> Word {
    let answer = &body["verificationResponse"];
    if status == StatusCode::OK && answer["verstat"] == "TN-Validation-Passed" {
        return Word::Accept;
    }
    // Our own daemon names its errors there.
    Word::Reject(answer["shaken"]["error"].as_str().map(str::to_owned))
}

const RESOURCE: &str = "/stir/v1/verification";
const DEADLINE: Duration = Duration::from_secs(10);
const MAX_ANSWER_LEN: usize = 1024 * 1024;
/// An `iat` of a second before `now` is fresh for a clock that is so far off.
const MAX_CLOCK_DISTANCE_S: u64 = 45;
