//! The task that sends spans: one request at a time, and what is not sent waits or is given up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message as _;
use ring::rand::SystemRandom;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::Counts;
use super::span::{Span, attribute, text};
use crate::endpoint::Endpoint;

/// Where spans are sent, and what with.
#[derive(Debug)]
pub(crate) struct Collector {
    endpoint: Endpoint,
    headers: HeaderMap,
}

/// Why a request did not succeed.
#[derive(Debug)]
struct Failure {
    why: String,
    /// When another attempt may succeed: after this time at least. Nothing if none will.
    again: Option<Duration>,
}

impl Collector {
    /// `headers` go with each request.
    pub(crate) fn new(endpoint: Endpoint, mut headers: HeaderMap) -> Self {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        Self { endpoint, headers }
    }

    /// Sends one request. Answers how many of its spans were refused.
    async fn send(&self, body: Bytes) -> Result<u64, Failure> {
        let in_a_moment = |why| Failure { why, again: Some(Duration::ZERO) };
        let exchange = async {
            let answer = self.endpoint.exchange(self.headers.clone(), body).await?;
            let (response, _connection) = answer;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let answer = timeout(PATIENCE, exchange).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
        let answer = answer.map_err(in_a_moment)?;
        if answer.status().is_success() {
            return Ok(rejected(answer.body()));
        }
        let why = format!("the collector answered {}", answer.status());
        let again = MAY_SUCCEED_LATER.contains(&answer.status()).then(|| after(answer.headers()));
        Err(Failure { why, again })
    }
}

/// An answer that cannot be read says nothing against what was sent.
fn rejected(answer: &[u8]) -> u64 {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
    u64::try_from(rejected).unwrap_or(0)
}

/// What the collector asks for, in seconds.
fn after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Takes spans from the queue and sends them.
#[derive(Debug)]
pub(super) struct Exporter {
    queue: mpsc::Receiver<Span>,
    collector: Collector,
    resource: Resource,
    counts: Arc<Counts>,
    closing: watch::Receiver<bool>,
    random: SystemRandom,
    is_failing: bool,
}

impl Exporter {
    /// What is sent is said to be of `service_name`, until `closing` turns true.
    pub(super) fn new(
        queue: mpsc::Receiver<Span>,
        collector: Collector,
        service_name: String,
        counts: Arc<Counts>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let attributes = vec![
            attribute("service.name", text(&service_name)),
            attribute("service.version", text(env!("CARGO_PKG_VERSION"))),
        ];
        let resource = Resource { attributes, ..Resource::default() };
        Self { queue, collector, resource, counts, closing, random: SystemRandom::new(), is_failing: false }
    }

    /// Ends when it is closing and the queue is empty.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.fill(&mut batch).await {
            let (body, spans) = self.encode(&mut batch);
            self.deliver(body, spans).await;
        }
    }

    /// Waits for a span, then for [`INTERVAL`] or until there are enough. False when there will be none.
    async fn fill(&mut self, batch: &mut Vec<Span>) -> bool {
        let Self { queue, closing, .. } = self;
        let closed = async { drop(closing.wait_for(|closing| *closing).await) };
        let filled = async {
            if queue.recv_many(batch, BATCH).await == 0 {
                return;
            }
            let more = async {
                while batch.len() < BATCH && queue.recv_many(batch, BATCH - batch.len()).await > 0 {}
            };
            // What has come by then is enough.
            let _ = timeout(INTERVAL, more).await;
        };
        tokio::select! {
            () = filled => return !batch.is_empty(),
            () = closed => {}
        }
        // Nobody sends any more; the last ones do not wait for others.
        queue.close();
        while batch.len() < BATCH
            && let Ok(span) = queue.try_recv()
        {
            batch.push(span);
        }
        !batch.is_empty()
    }

    fn encode(&self, batch: &mut Vec<Span>) -> (Bytes, u64) {
        let all = batch.len();
        let spans: Vec<_> = batch.drain(..).filter_map(|span| span.message(&self.random).ok()).collect();
        let count = spans.len();
        // Without randomness a span has no name.
        self.counts.lost.fetch_add((all - count) as u64, Ordering::Relaxed);
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource = Some(self.resource.clone());
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        (ExportTraceServiceRequest { resource_spans }.encode_to_vec().into(), count as u64)
    }

    /// Sends a request until it succeeds, cannot, or there is no time left. Spans that come meanwhile wait
    /// in the queue, as long as it has room.
    async fn deliver(&mut self, body: Bytes, spans: u64) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Failure { why, again } = match self.collector.send(body.clone()).await {
                Ok(rejected) => return self.delivered(spans, rejected.min(spans)),
                Err(failure) => failure,
            };
            self.counts.failures.fetch_add(1, Ordering::Relaxed);
            if !std::mem::replace(&mut self.is_failing, true) {
                tracing::warn!(to = %self.collector.endpoint, error = %why, "traces of calls cannot be sent");
            }
            let Some(asked) = again.filter(|_| !self.is_closing()) else {
                self.counts.lost.fetch_add(spans, Ordering::Relaxed);
                return;
            };
            // The last attempt is made at once.
            let _ =
                timeout(pause.max(asked.min(LONGEST_PAUSE)), self.closing.wait_for(|closing| *closing)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Also if nobody is there any more to say so.
    fn is_closing(&self) -> bool {
        *self.closing.borrow() || self.closing.has_changed().is_err()
    }

    fn delivered(&mut self, spans: u64, rejected: u64) {
        self.counts.sent.fetch_add(spans - rejected, Ordering::Relaxed);
        self.counts.lost.fetch_add(rejected, Ordering::Relaxed);
        if std::mem::take(&mut self.is_failing) {
            tracing::info!(to = %self.collector.endpoint, "traces of calls are sent again");
        }
        if rejected > 0 {
            tracing::warn!(to = %self.collector.endpoint, rejected, "the collector refused traces of calls");
        }
    }
}

/// The statuses that the protocol has for it (OTLP 1.x, "Retryable Response Codes").
const MAY_SUCCEED_LATER: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

const PROTOBUF: &str = "application/x-protobuf";

/// Spans of one request.
const BATCH: usize = 512;

/// How long the first of them waits for the others.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The answer says how many spans were refused, and why.
const MAX_ANSWER: usize = 64 * 1024;
