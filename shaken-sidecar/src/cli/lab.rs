//! `shaken lab init` and `shaken lab serve`: a PKI and a certificate repository to try things
//! with.

use std::path::PathBuf;
use std::time::SystemTime;

use super::input::note;
use super::serve::stop_signal;
use super::{Exit, Failure};
use crate::lab::{Lab, LabError, LabOptions, Repository};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make a lab STI-CA, a provider certificate and a configuration that works
    Init {
        /// New or empty folder
        dir: PathBuf,
        /// Service provider code in the certificate [default: a code that no provider has]
        #[arg(long)]
        spc: Option<String>,
    },
    /// Serve the provider certificate of a lab over https on loopback, until stopped
    Serve {
        /// Folder of the lab
        dir: PathBuf,
    },
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Init { dir, spc } => {
            let mut options = LabOptions::default();
            if let Some(spc) = spc {
                options = options.with_spc(spc).map_err(failure)?;
            }
            let lab = Lab::create(dir, &options, SystemTime::now()).map_err(failure)?;
            let (dir, config) = (lab.dir().display(), lab.config_path().display().to_string());
            note(format_args!(
                "the lab is in {dir}. Next, in two terminals:
  shaken lab serve {dir}
  shaken serve --config {config}"
            ));
        }
        Command::Serve { dir } => {
            let lab = Lab::open(dir).map_err(failure)?;
            let runtime = tokio::runtime::Runtime::new()
                .map_err(|error| Failure::new(Exit::Unavailable, format_args!("cannot start: {error}")))?;
            runtime.block_on(async {
                let stop = stop_signal()?;
                let repository = Repository::bind(&lab, lab.repository_address()).await.map_err(failure)?;
                note(format_args!("serving {} on {}", lab.x5u(), repository.local_addr()));
                repository.serve(stop).await;
                Ok(())
            })?;
        }
    }
    Ok(Exit::Yes)
}

pub(super) fn failure(error: LabError) -> Failure {
    let exit = match error {
        LabError::Bind { .. } => Exit::Unavailable,
        LabError::SpcInvalid { .. } => Exit::Usage,
        LabError::Io { .. } | LabError::Exists { .. } | LabError::NotEmpty { .. } => Exit::Io,
        _ => Exit::BadData,
    };
    Failure::new(exit, error)
}
