//! STIR/SHAKEN beside an SBC: the daemon that signs and verifies calls over a local socket, and
//! the `shaken` command.
//!
//! ```text
//! socket bytes -> listen   accept, limits, who is there
//!              -> api, resp, sip   bytes to call::Request and back; nothing is decided here
//!              -> call     the order of the steps, and the only place that knows it
//!                 -> policy   which level, and why
//!                 -> core     sign, or screen and verify
//!                 -> certs    cache and download; the only wait of a verification
//!                 -> audit    one record per call, durable before the answer
//! force   what decides: one value, replaced as a whole by life (reload) and lists (newer lists)
//! life    health, reload, watchdog, sandbox, sockets that were handed over
//! ```

#![deny(unsafe_code)]

pub mod api;
pub mod audit;
mod busy_poll;
pub mod call;
pub mod certs;
pub mod cli;
pub mod config;
mod csv_cell;
pub mod delivery;
mod doors;
pub mod endpoint;
mod fields;
mod files;
pub mod force;
pub mod gap;
mod give_way;
mod hex;
mod import;
pub mod lab;
pub mod life;
pub mod limits;
pub mod listen;
pub mod lists;
mod os;
pub mod policy;
pub mod replay;
mod request_id;
pub mod resp;
pub mod ruling;
pub mod sip;
mod stamp;
pub mod telemetry;
mod to_the_end;
#[cfg(test)]
mod wakes;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::UdpSocket;
use tokio::signal::unix::Signal;
use tokio::task::JoinSet;

use audit::{AuditError, AuditLog, Event, Start};
use busy_poll::BusyPoll;
use call::Calls;
use config::Config;
use doors::Doors;
use force::InForce;
use life::Life;
use life::activation::Inherited;
use life::clock::unix_s;
use life::sandbox::Sandbox;
use listen::{ListenError, TcpListen};
use telemetry::Traces;

/// Why the daemon did not start or ended badly.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The audit log cannot be opened or could not be closed.
    Audit(AuditError),
    /// A socket or port cannot be bound.
    Listen(ListenError),
}

impl RunError {
    /// Whether another configuration is what it takes, and not another time.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Audit(error) => matches!(error, AuditError::ParentMissing { .. }),
            Self::Listen(error) => !matches!(
                error,
                ListenError::InUse { .. }
                    | ListenError::Address { .. }
                    | ListenError::NoRandomness
                    | ListenError::Io { .. }
            ),
        }
    }

    /// Whether the audit log is not as it was left, so that nothing but a person can help.
    #[must_use]
    pub fn is_of_the_data(&self) -> bool {
        matches!(self, Self::Audit(error) if error.is_of_the_data())
    }
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Audit(error) => write!(f, "audit: {error}"),
            Self::Listen(error) => write!(f, "listen: {error}"),
        }
    }
}

impl std::error::Error for RunError {}

/// What a daemon finds around itself.
#[derive(Debug)]
pub struct Surroundings {
    /// Sockets that somebody else made and keeps.
    pub inherited: Inherited,
    /// How far the process is confined.
    pub sandbox: Sandbox,
    /// Asks for a reload each time.
    pub hangup: Signal,
}

/// Runs the daemon until `shutdown` resolves: opens the audit log, binds, announces, serves, and
/// drains. Calls under way at the end are still answered, up to ten seconds.
///
/// # Errors
/// [`RunError::Audit`] and [`RunError::Listen`] if it cannot start; [`RunError::Audit`] if records
/// could not be written at the end.
pub async fn run(
    mut config: Config,
    surroundings: Surroundings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let Surroundings { inherited, sandbox, mut hangup } = surroundings;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let audit = open_audit(&mut config).await?;
    let doors = Doors::bind(&config, inherited).map_err(RunError::Listen)?;
    tracing::info!(
        http = %doors.http.path().display(),
        http_tcp = doors.http_tcp.as_ref().map(|listener| tracing::field::display(listener.address())),
        admin = doors.monitoring.as_ref().map(|listener| tracing::field::display(listener.address())),
        resp = doors.resp.as_ref().map(|listener| tracing::field::display(listener.path().display())),
        resp_tcp = doors.resp_tcp.as_ref().map(|listener| tracing::field::display(listener.address())),
        sip_udp = ?doors.sip.iter().flat_map(|sip| &sip.udp).flat_map(UdpSocket::local_addr).collect::<Vec<_>>(),
        sip_tcp = ?doors.sip.iter().flat_map(|sip| &sip.tcp).map(TcpListen::address).collect::<Vec<_>>(),
        ?sandbox,
        "ready"
    );
    let kept = config.policy_kept.take();
    let (path, fixed, audit_dir) = (config.path.clone(), config.fixed.clone(), config.audit_dir.clone());
    let traces = config.traces.take().map(Traces::start);
    let busy_poll = BusyPoll::new(config.busy_poll);
    let calls = Calls::new(InForce::of(config, None, unix_s(SystemTime::now())), audit);
    let calls = Arc::new(calls.with_traces(traces).with_busy_poll(busy_poll));
    let life = Life::new(Arc::clone(&calls), path, fixed, SystemTime::now())
        .with_sandbox(sandbox)
        .with_doors(doors.pulses())
        .with_sockets(doors.sockets());
    let life = Arc::new(life);
    life::tell_ready("serving");
    life::keep_policy(kept).await;

    let admin = api::Admin::new(audit_dir);
    let api = Arc::new(api::Api { calls: Arc::clone(&calls), admin, life: Arc::clone(&life) });
    let housekeeping = async {
        let reloads = async {
            while hangup.recv().await.is_some() {
                // Why it is refused has been told.
                let _ = life.reload("SIGHUP", None).await;
            }
        };
        tokio::join!(
            life::watch(&life, sd_notify::watchdog_enabled()),
            lists::refresh::refresh(&life),
            reloads
        )
    };
    // Ends with this function.
    let mut looking = JoinSet::new();
    looking.spawn({
        let calls = Arc::clone(&calls);
        async move { calls.busy_poll().run().await }
    });
    tokio::select! {
        () = doors.serve(&api, &life, shutdown) => {}
        _ = housekeeping => {}
    }
    looking.shutdown().await;
    let closed = calls.audit().close().await.map_err(RunError::Audit);
    if let Some(traces) = calls.traces() {
        traces.close().await;
    }
    closed
}

/// Opens the log, and puts on record that the daemon has started.
async fn open_audit(config: &mut Config) -> Result<AuditLog, RunError> {
    let key = config.proving.as_ref().map(|proving| proving.verifier().clone());
    if key.is_none() {
        tracing::warn!("the audit log is unproven: without [audit] key it has no checkpoints");
    }
    let audit = match (config.export.take(), config.proving.take()) {
        (Some(export), proving) => AuditLog::open_exported(&config.audit_dir, config.audit, proving, export),
        (None, Some(proving)) => AuditLog::open_proven(&config.audit_dir, config.audit, proving),
        (None, None) => AuditLog::open(&config.audit_dir, config.audit),
    };
    let audit = audit.map_err(RunError::Audit)?;
    let recovery = audit.recovery();
    if recovery.torn_bytes > 0 {
        tracing::warn!(?recovery, "the audit log ended in a torn record, which was cut off");
    } else {
        tracing::info!(?recovery, "the audit log is whole");
    }
    let start = Start::new(config.generation.clone(), recovery.torn_bytes, SystemTime::now());
    let start = match &key {
        Some(key) => start.with_key(key),
        None => start,
    };
    audit.append_note(Event::Start(start)).await.map_err(RunError::Audit)?;
    Ok(audit)
}
