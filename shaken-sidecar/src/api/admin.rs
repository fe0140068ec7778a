//! What the operator asks of the daemon: `GET /audit/v1/search`, `POST /audit/v1/reveals` and `POST
//! /admin/v1/reload`. For the
//! daemon's own user, root, and those that the configuration names.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::audit::{AuditError, AuditLog, Conditions, Entry, Event, Line, Reveal, Shown, find};
use crate::life::{Life, Reloaded};
use crate::listen::{Client, Peer};

use super::error::RequestError;

/// Who may look into the audit log, and where that is.
#[derive(Debug)]
pub struct Admin {
    audit_dir: PathBuf,
    /// A search reads much: calls go first.
    searches: Arc<Semaphore>,
}

impl Admin {
    /// The log is in `audit_dir`.
    #[must_use]
    pub fn new(audit_dir: PathBuf) -> Self {
        Self { audit_dir, searches: Arc::new(Semaphore::new(1)) }
    }

    /// The process that asks, if it may: root's, our own user's, those of `uids`. Nobody may over TCP,
    /// where the kernel does not tell who asks.
    pub(super) fn check(client: &Client, uids: &[u32]) -> Result<Peer, RequestError> {
        let own = rustix::process::geteuid().as_raw();
        match client {
            Client::Process(peer) if peer.uid == 0 || peer.uid == own || uids.contains(&peer.uid) => {
                Ok(*peer)
            }
            _ => Err(RequestError::Refused { reason: "NOT_ADMIN" }),
        }
    }

    /// The records that a query asks for, masked, or in clear if it says `reveal=true`; found within
    /// `patience`.
    pub(super) async fn search(
        &self,
        query: &str,
        peer: Peer,
        audit: &AuditLog,
        patience: Duration,
    ) -> Result<Value, RequestError> {
        let Query { conditions, limit, reveal } = Query::parse(query)?;
        let wanted = conditions.wanted().map_err(|error| RequestError::ParameterInvalid {
            name: error.name,
            why: format!("give {}", error.expected),
        })?;
        let busy = RequestError::Unavailable { why: "another search" };
        let turn = Arc::clone(&self.searches).try_acquire_owned().map_err(|_| busy)?;
        let wanted_still = Arc::new(AtomicBool::new(true));
        let given_up = GivenUp(Arc::clone(&wanted_still));
        let dir = self.audit_dir.clone();
        let found = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let progress = |_, _| match wanted_still.load(Ordering::Relaxed) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            };
            let mut found = Found { lines: Vec::new(), is_complete: true };
            for line in find(&dir, &wanted, progress)? {
                match line {
                    Ok(_) if found.lines.len() == limit => {
                        found.is_complete = false;
                        break;
                    }
                    Ok(line) => found.lines.push(line),
                    Err(error) => {
                        found.is_complete = false;
                        tracing::error!(%error, "a part of the audit log cannot be searched");
                    }
                }
            }
            Ok::<_, AuditError>(found)
        });
        let found = tokio::time::timeout(patience, found).await;
        drop(given_up);
        let found = found.map_err(|_| RequestError::Unavailable { why: "deadline" })?;
        let found = found.map_err(|_| RequestError::Internal)?.map_err(|error| unreadable(&error))?;
        let Found { lines, is_complete } = found;
        if reveal && !lines.is_empty() {
            self.record(Shown::new("search", conditions, &lines), peer, audit).await?;
        }
        let records = lines.iter().map(|line| shown(line, reveal)).collect::<Result<Vec<Value>, _>>()?;
        Ok(json!({ "records": records, "complete": is_complete }))
    }

    /// Reads everything that the configuration names again, for a process that read it at `config`, if it
    /// says so.
    pub(super) async fn reload(
        body: &[u8],
        peer: Peer,
        life: &Life,
    ) -> Result<(StatusCode, Value), RequestError> {
        let asked: Reload = serde_json::from_slice(body)
            .map_err(|_| RequestError::Unparsable { why: "it is no request to reload".to_owned() })?;
        let outcome = life.reload(&format!("uid {}", peer.uid), asked.config.as_deref()).await;
        Ok(match outcome {
            Ok(Reloaded { generation, policy, number, warnings }) => (
                StatusCode::OK,
                json!({
                    "reloaded": true, "generation": generation, "policy": policy, "number": number,
                    "warnings": warnings,
                }),
            ),
            Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, json!({ "reloaded": false, "error": why })),
        })
    }

    /// Puts on record that something is shown in clear by another program.
    pub(super) async fn reveals(
        &self,
        body: &[u8],
        peer: Peer,
        audit: &AuditLog,
    ) -> Result<Value, RequestError> {
        let shown: Shown = serde_json::from_slice(body)
            .map_err(|_| RequestError::Unparsable { why: "it is no reveal".to_owned() })?;
        Ok(json!({ "record": self.record(shown, peer, audit).await? }))
    }

    async fn record(&self, shown: Shown, peer: Peer, audit: &AuditLog) -> Result<u64, RequestError> {
        let note = Event::Reveal(Box::new(Reveal::new(peer, shown, SystemTime::now())));
        audit.append_note(note).await.map_err(|_| RequestError::Unavailable { why: "audit" })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reload {
    config: Option<PathBuf>,
}

/// What a search found, and whether that is all there is.
struct Found {
    lines: Vec<Line>,
    is_complete: bool,
}

/// Tells a search, when it is dropped, that nobody waits any more.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn unreadable(error: &AuditError) -> RequestError {
    tracing::error!(%error, "the audit log cannot be searched");
    RequestError::Unavailable { why: "audit" }
}

fn shown(line: &Line, reveal: bool) -> Result<Value, RequestError> {
    let entry = Entry::parse(&line.bytes).map_err(|_| RequestError::Unavailable { why: "audit" })?;
    let event = if reveal { entry.event } else { entry.event.masked() };
    let mut value = serde_json::to_value(event).map_err(|_| RequestError::Internal)?;
    value["index"] = line.index.into();
    Ok(value)
}

/// The query of a search.
struct Query {
    conditions: Conditions,
    limit: usize,
    reveal: bool,
}

impl Query {
    fn parse(query: &str) -> Result<Self, RequestError> {
        let mut parsed = Self { conditions: Conditions::default(), limit: DEFAULT_LIMIT, reveal: false };
        let conditions = &mut parsed.conditions;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            let wrong = |name, why: &str| RequestError::ParameterInvalid { name, why: why.to_owned() };
            let slot = match &*name {
                "tn" => &mut conditions.tn,
                "from" => &mut conditions.from,
                "to" => &mut conditions.to,
                "call_id" => &mut conditions.call_id,
                "origid" => &mut conditions.origid,
                "attest" => &mut conditions.attest,
                "reason" => &mut conditions.reason,
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    parsed.limit = limit.ok_or_else(|| wrong("limit", "give 1 to 1000"))?;
                    continue;
                }
                "reveal" => {
                    let reveal = value.parse().map_err(|_| wrong("reveal", "give true or false"))?;
                    parsed.reveal = reveal;
                    continue;
                }
                _ => return Err(wrong("query", "there is a parameter that is not known")),
            };
            *slot = Some(value);
        }
        Ok(parsed)
    }
}

const DEFAULT_LIMIT: usize = 100;

/// What an answer may hold in memory.
const MAX_LIMIT: usize = 1000;
