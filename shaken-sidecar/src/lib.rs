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
//! ```

#![forbid(unsafe_code)]

pub mod api;
pub mod audit;
pub mod call;
pub mod certs;
pub mod cli;
pub mod config;
pub mod delivery;
mod fields;
mod hex;
pub mod lab;
pub mod listen;
pub mod policy;
pub mod resp;
pub mod sip;
pub mod telemetry;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use audit::{AuditError, AuditLog, Event, Start};
use call::{Calls, Offers};
use config::{Config, UnixPlace};
use listen::{ListenError, TcpListen, UnixListen};
use policy::Listener;

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
                ListenError::InUse { .. } | ListenError::Address { .. } | ListenError::Io { .. }
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

/// Runs the daemon until `shutdown` resolves: opens the audit log, binds, announces, serves, and
/// drains. Calls under way at the end are still answered, up to ten seconds.
///
/// # Errors
/// [`RunError::Audit`] and [`RunError::Listen`] if it cannot start; [`RunError::Audit`] if records
/// could not be written at the end.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let key = config.proving.as_ref().map(|proving| proving.verifier().clone());
    if key.is_none() {
        tracing::warn!("the audit log is unproven: without [audit] key it has no checkpoints");
    }
    let audit = match (config.export, config.proving) {
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
    let (resp_unix, resp_tcp, resp_offers) = match config.resp {
        None => (None, None, Offers::All),
        Some(resp) => (resp.unix, resp.tcp, resp.offers),
    };
    let resp_unix = match resp_unix {
        None => None,
        Some(UnixPlace { path, mode, group }) => {
            Some(UnixListen::bind(&path, mode, group.as_ref()).map_err(RunError::Listen)?)
        }
    };
    let resp_tcp = match resp_tcp {
        None => None,
        Some((address, users)) => Some((TcpListen::bind(address).map_err(RunError::Listen)?, users)),
    };
    let http_tcp = match config.http_tcp {
        None => None,
        Some(http) => Some((TcpListen::bind(http.address).map_err(RunError::Listen)?, http)),
    };
    let (sip_udp, sip_tcp, sip_rules) = match config.sip {
        None => (Vec::new(), Vec::new(), None),
        Some(config::Sip { udp, tcp, rules }) => {
            let tcp: Result<Vec<_>, _> = tcp.into_iter().map(TcpListen::bind).collect();
            let mut sockets = Vec::new();
            for address in udp {
                let socket = UdpSocket::bind(address).await;
                let refused = |source| RunError::Listen(ListenError::Address { address, source });
                sockets.push(socket.map_err(refused)?);
            }
            (sockets, tcp.map_err(RunError::Listen)?, Some(rules))
        }
    };
    // The last one: who finds it finds the others.
    let http = UnixListen::bind(&config.socket, config.socket_mode, config.socket_group.as_ref())
        .map_err(RunError::Listen)?;
    let verification = config.verification.map(config::Trusting::start);
    let calls = Calls::new(config.signer, verification, config.trunks, audit)
        .with_generation(config.generation)
        .with_identity(config.identity);
    let calls = Arc::new(calls);
    tracing::info!(
        http = %http.path().display(),
        http_tcp = http_tcp.as_ref().map(|(listener, _)| tracing::field::display(listener.address())),
        resp = resp_unix.as_ref().map(|listener| tracing::field::display(listener.path().display())),
        resp_tcp = resp_tcp.as_ref().map(|(listener, _)| tracing::field::display(listener.address())),
        sip_udp = ?sip_udp.iter().filter_map(|socket| socket.local_addr().ok()).collect::<Vec<_>>(),
        sip_tcp = ?sip_tcp.iter().map(TcpListen::address).collect::<Vec<_>>(),
        "ready"
    );

    let (stop, stopping) = watch::channel(false);
    let admin = api::Admin::new(config.audit_dir, config.admin_uids, config.deadline);
    let api = Arc::new(api::Api { calls: Arc::clone(&calls), admin, deadline: config.deadline });
    let stopped = || {
        let mut stopping = stopping.clone();
        async move { drop(stopping.wait_for(|stopping| *stopping).await) }
    };
    let http = async {
        let (listener, offers, api) = (Listener::Http, Offers::All, Arc::clone(&api));
        let door = Arc::new(api::Door { listener, offers, remotes: None, api });
        let handler =
            |stream, peer: listen::Peer| api::serve(stream, peer.into(), Arc::clone(&door), stopping.clone());
        http.serve(handler, stopped(), DRAIN).await
    };
    let http_tcp = async {
        let (tcp, config::HttpTcp { remotes, offers, .. }) = http_tcp?;
        let (listener, remotes, api) = (Listener::HttpTcp, Some(remotes), Arc::clone(&api));
        let door = Arc::new(api::Door { listener, offers, remotes, api });
        let handler = |stream, address: SocketAddr| {
            api::serve(stream, address.into(), Arc::clone(&door), stopping.clone())
        };
        Some(tcp.serve(handler, stopped(), DRAIN).await)
    };
    let resp_unix = async {
        let door = resp::Door::new(Listener::Resp, Arc::clone(&calls), config.deadline);
        let door = Arc::new(door.with_offers(resp_offers));
        let handler = |stream, peer: listen::Peer| {
            resp::serve(stream, peer.into(), Arc::clone(&door), stopping.clone())
        };
        Some(resp_unix?.serve(handler, stopped(), DRAIN).await)
    };
    let resp_tcp = async {
        let (tcp, users) = resp_tcp?;
        let door = resp::Door::new(Listener::RespTcp, Arc::clone(&calls), config.deadline);
        let door = Arc::new(door.with_offers(resp_offers).with_users(users));
        let handler = |stream, address: SocketAddr| {
            resp::serve(stream, address.into(), Arc::clone(&door), stopping.clone())
        };
        Some(tcp.serve(handler, stopped(), DRAIN).await)
    };
    let sip = sip_rules.map(|rules| sip::Door::new(rules, Arc::clone(&calls), config.deadline));
    let sip = async {
        let door = Arc::new(sip?);
        let udp = sip_udp
            .into_iter()
            .map(|socket| sip::serve_datagrams(socket, Arc::clone(&door), stopping.clone(), DRAIN));
        let handler = |stream, address: SocketAddr| {
            sip::serve_stream(stream, address, Arc::clone(&door), stopping.clone())
        };
        let tcp = sip_tcp.into_iter().map(|listener| listener.serve(handler, stopped(), DRAIN));
        Some(tokio::join!(join_all(udp), join_all(tcp)))
    };
    let shutdown = async {
        shutdown.await;
        tracing::info!("stopping");
        stop.send_replace(true);
    };
    let (http, http_tcp, resp, resp_tcp, sip, ()) =
        tokio::join!(http, http_tcp, resp_unix, resp_tcp, sip, shutdown);
    tracing::info!(?http, ?http_tcp, ?resp, ?resp_tcp, ?sip, "stopped");
    calls.audit().close().await.map_err(RunError::Audit)
}

/// How long calls under way may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);
