//! What is shown in clear is put on record before: by the daemon, or, when none runs, in its log.

use std::io;
use std::time::SystemTime;

use rustix::process::{getegid, geteuid, getpid};

use super::select::Opened;
use super::{Exit, Failure, failure};
use crate::audit::{AuditError, AuditLog, Event, Reveal, Shown};
use crate::cli::client;
use crate::cli::input::note;
use crate::listen::Peer;

/// Puts `shown` on record in the log that was `opened`, and returns when that is durable.
pub(in crate::cli) fn record(opened: Opened, shown: Shown) -> Result<(), Failure> {
    let unavailable = |error: &dyn std::fmt::Display| {
        Failure::new(
            Exit::Unavailable,
            format_args!("nothing is shown, as it cannot be put on record: {error}"),
        )
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| unavailable(&error))?;
    let Some(config) = opened.config else { return Err(unavailable(&"give --config")) };
    let index = runtime.block_on(async {
        let body = serde_json::to_value(&shown).map_err(|error| unavailable(&error))?;
        match client::post(&config.socket, crate::api::REVEALS, &body).await {
            Ok((status, answer)) if status.is_success() => Ok(answer["record"].as_u64().unwrap_or_default()),
            Ok((status, answer)) => Err(unavailable(&format_args!("the daemon answers {status}: {answer}"))),
            Err(client::Error::Connect(error)) if is_nobody(&error) => {
                let log = match config.proving {
                    Some(proving) => AuditLog::open_proven(&config.audit_dir, config.audit, proving),
                    None => AuditLog::open(&config.audit_dir, config.audit),
                };
                let log = log.map_err(failure)?;
                let recorded = log
                    .append_note(Event::Reveal(Box::new(Reveal::new(me(), shown, SystemTime::now()))))
                    .await;
                let closed = log.close().await;
                let unrecorded = |error: AuditError| unavailable(&error);
                closed.map_err(unrecorded)?;
                recorded.map_err(unrecorded)
            }
            Err(error) => Err(unavailable(&error)),
        }
    })?;
    note(format_args!("that this is shown in clear is on record {index} of the log"));
    Ok(())
}

/// There is no daemon: its socket is not there, or nobody listens on it.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn me() -> Peer {
    let pid = u32::try_from(getpid().as_raw_nonzero().get()).ok();
    Peer { uid: geteuid().as_raw(), gid: getegid().as_raw(), pid }
}
