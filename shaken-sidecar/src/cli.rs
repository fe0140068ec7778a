//! The `shaken` command: one file per subcommand.
//!
//! Data goes to standard output, messages for people to standard error. With `--json`, standard
//! output holds nothing but one JSON object a line. The exit code is one of [`Exit`].

mod audit;
mod cert;
mod client;
mod decode;
mod demo;
mod gap;
mod input;
mod lab;
mod online;
mod policy;
mod reload;
mod serve;
mod sign;
mod sip;
mod vectors;
mod verify;

use std::fmt::Display;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use input::printable;

/// How a command ended (sysexits.h from 65 on).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// The answer is yes.
    Yes,
    /// The answer is no: a negative verdict.
    No,
    /// The command line is wrong.
    Usage,
    /// The input is not readable as what it should be.
    BadData,
    /// Something that is needed cannot be reached.
    Unavailable,
    /// A file or socket cannot be read or written.
    Io,
    /// The configuration is wrong.
    BadConfig,
}

impl Exit {
    /// The number of the exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::BadData => 65,
            Self::Unavailable => 69,
            Self::Io => 74,
            Self::BadConfig => 78,
        }
    }
}

/// Why a command could not give its answer: the exit code and a text for standard error that
/// says what to do next.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string() }
    }
}

/// STIR/SHAKEN: sign and verify calls.
#[derive(Parser)]
#[command(name = "shaken", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the whole of it with no set-up: sign a call, verify it, refuse three bad ones
    Demo(demo::Args),
    /// Make and serve a laboratory: STI-CA, provider certificate, repository
    #[command(subcommand)]
    Lab(lab::Command),
    /// Sign a call and print the Identity header value, or the whole SIP message with it
    Sign(sign::Args),
    /// Verify an Identity header against a call, or a whole SIP message
    Verify(verify::Args),
    /// Take Identity headers apart and name what is odd about them
    Decode(decode::Args),
    /// Look into certificates
    #[command(subcommand)]
    Cert(cert::Command),
    /// Audit log: make its key, check it, find and trace calls in it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Attestation by right: check a policy, explain a decision, compile and compare policies,
    /// simulate what one would change, import its rows from a database
    #[command(subcommand)]
    Policy(policy::Command),
    /// Attestation gap report: which numbers lost level A, when, why, and who must act
    Gap(gap::Args),
    /// Run the daemon
    Serve(serve::Args),
    /// Have a running daemon read its configuration again, all of it or nothing
    Reload(reload::Args),
    /// Check a configuration as `serve` would, and bind nothing
    CheckConfig(serve::CheckArgs),
    /// Run test vectors
    #[command(subcommand)]
    Vectors(vectors::Command),
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    // clap prints its own messages and ends with 0 or 2.
    let outcome = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Lab(command) => lab::run(&command),
        Command::Sign(args) => sign::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Cert(command) => cert::run(&command),
        Command::Audit(command) => audit::run(&command),
        Command::Policy(command) => policy::run(&command),
        Command::Gap(args) => gap::run(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Reload(args) => reload::run(&args),
        Command::CheckConfig(args) => serve::check(&args),
        Command::Vectors(command) => vectors::run(&command),
    };
    let exit = outcome.unwrap_or_else(|failure| {
        input::note(format_args!("{}", failure.message));
        failure.exit
    });
    ExitCode::from(exit.code())
}
