//! `shaken serve` and `shaken check-config`.

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use super::input::clock;
use super::{Exit, Failure};
use crate::config::Config;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Configuration file
    #[arg(long)]
    pub(super) config: PathBuf,
}

pub(super) fn serve(args: &Args) -> Result<Exit, Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SHAKEN_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .init();
    let config = load(&args.config)?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(Exit::Unavailable, format_args!("cannot start: {error}")))?;
    runtime.block_on(async {
        let stop = stop_signal()?;
        crate::run(config, stop).await.map_err(|error| Failure::new(Exit::Unavailable, error))
    })?;
    Ok(Exit::Yes)
}

pub(super) fn check(args: &Args) -> Result<Exit, Failure> {
    let config = load(&args.config)?;
    for warning in &config.warnings {
        eprintln!("shaken: warning: {warning}");
    }
    eprintln!("shaken: {} is good", args.config.display());
    Ok(Exit::Yes)
}

fn load(path: &Path) -> Result<Config, Failure> {
    Config::load(path, clock()).map_err(|error| Failure::new(Exit::BadConfig, error))
}

/// Resolves at SIGTERM or SIGINT.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
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
