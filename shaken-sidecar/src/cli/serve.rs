//! `shaken serve` and `shaken check-config`.

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use super::input::{clock, note};
use super::{Exit, Failure, online};
use crate::Surroundings;
use crate::config::Config;
use crate::life::activation::Inherited;
use crate::life::sandbox::Sandbox;
use crate::telemetry::log;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Configuration file
    #[arg(long)]
    pub(super) config: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    serve: Args,

    /// Fetch our own certificate from its x5u too, as a verifier would, and compare it
    #[arg(long)]
    online: bool,
}

/// After so many turns of tasks a busy worker looks for what has come meanwhile. A turn is a call, or some
/// microseconds of one: with the runtime's own 61 a call could wait for milliseconds without being seen.
const TASKS_BETWEEN_LOOKS: u32 = 8;

pub(super) fn serve(args: &Args) -> Result<Exit, Failure> {
    // Before there is another thread: what is handed over belongs to one place, and what confines this
    // thread confines those that it starts.
    let inherited = Inherited::take().map_err(|error| Failure::new(Exit::BadConfig, error))?;
    let config = load(&args.config)?;
    let sandbox = Sandbox::enter(&config).map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let _flushed_at_end = log::begin(config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.workers.get())
        .event_interval(TASKS_BETWEEN_LOOKS)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unavailable, format_args!("cannot start: {error}")))?;
    runtime.block_on(async {
        let no_signal =
            |error| Failure::new(Exit::Unavailable, format_args!("cannot wait for signals: {error}"));
        let hangup = signal(SignalKind::hangup()).map_err(no_signal)?;
        let stop = end_signal()?;
        crate::run(config, Surroundings { inherited, sandbox, hangup }, stop).await.map_err(|error| {
            let exit = match error {
                _ if error.is_configuration() => Exit::BadConfig,
                _ if error.is_of_the_data() => Exit::BadData,
                _ => Exit::Unavailable,
            };
            Failure::new(exit, error)
        })
    })?;
    Ok(Exit::Yes)
}

pub(super) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let config = load(&args.serve.config)?;
    for warning in &config.warnings {
        note(format_args!("warning: {warning}"));
    }
    note(format_args!("{} is good", args.serve.config.display()));
    if args.online { online::check(&config) } else { Ok(Exit::Yes) }
}

fn load(path: &Path) -> Result<Config, Failure> {
    Config::load(path, clock()).map_err(|error| Failure::new(Exit::BadConfig, error))
}

/// Resolves at SIGTERM, SIGINT or SIGHUP (the terminal is gone). From the call on these signals no
/// longer end the process by themselves.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let no_signal = |error| Failure::new(Exit::Unavailable, format_args!("cannot wait for signals: {error}"));
    let mut hangup = signal(SignalKind::hangup()).map_err(no_signal)?;
    let end = end_signal()?;
    Ok(async move {
        tokio::select! {
            () = end => {}
            _ = hangup.recv() => {}
        }
    })
}

/// The same without SIGHUP, which asks a daemon to reload.
fn end_signal() -> Result<impl Future<Output = ()>, Failure> {
    let no_signal = |error| Failure::new(Exit::Unavailable, format_args!("cannot wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signal)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
