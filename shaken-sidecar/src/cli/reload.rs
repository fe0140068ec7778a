//! `shaken reload`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::input::{Output, note};
use super::{Exit, Failure, client};
use crate::api::RELOAD;

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Args {
    /// Configuration file of the daemon, which names its socket
    #[arg(long)]
    config: Option<PathBuf>,

    /// Unix socket of the daemon, if the configuration is not to be read for it
    #[arg(long)]
    socket: Option<PathBuf>,

    /// Print the answer as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = match &args.config {
        None => None,
        Some(path) => Some(std::path::absolute(path).map_err(|error| Failure::new(Exit::Io, error))?),
    };
    let socket = match (&args.socket, &config) {
        (Some(socket), _) => socket.clone(),
        (None, Some(config)) => socket_of(config)?,
        (None, None) => return Err(Failure::new(Exit::Usage, "give --config or --socket")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let answer = runtime.block_on(client::post(&socket, RELOAD, &json!({ "config": config })));
    let (status, answer) = answer
        .map_err(|error| Failure::new(Exit::Unavailable, format_args!("{}: {error}", socket.display())))?;
    if args.json {
        let mut out = Output::new();
        out.line(format_args!("{answer}"))?;
        out.finish()?;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if status.is_success() {
        for warning in answer["warnings"].as_array().into_iter().flatten() {
            note(format_args!("warning: {}", text(warning)));
        }
        let policy = answer["policy"].as_str().map(|policy| format!(", policy {policy}")).unwrap_or_default();
        note(format_args!("reloaded: generation {}{policy}", text(&answer["generation"])));
        return Ok(Exit::Yes);
    }
    match answer["error"].as_str() {
        Some(why) => Err(Failure::new(Exit::BadConfig, format_args!("nothing has changed: {why}"))),
        None => Err(Failure::new(
            Exit::Unavailable,
            format_args!("the daemon does not reload for this user: {status} {answer}"),
        )),
    }
}

/// Of a configuration that may be wrong in everything else: that is for the daemon to say.
fn socket_of(config: &std::path::Path) -> Result<PathBuf, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::BadConfig, format_args!("{}: {why}", config.display()))
    };
    let text = std::fs::read_to_string(config).map_err(|error| wrong(&error))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(&error))?;
    let socket = table.get("http").and_then(|http| http.get("socket")).and_then(toml::Value::as_str);
    let socket = socket.ok_or_else(|| wrong(&"http.socket is missing"))?;
    Ok(config.parent().unwrap_or(config).join(socket))
}
