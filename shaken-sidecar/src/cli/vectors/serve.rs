//! `shaken vectors serve`: the certificates of vector files over https on loopback, and a
//! configuration with which the daemon takes them from there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use shaken_core::X5u;
use shaken_test_vectors::VectorFile;

use crate::cli::input::note;
use crate::cli::lab::failure;
use crate::cli::serve::stop_signal;
use crate::cli::{Exit, Failure};
use crate::lab::VectorLab;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// New or empty folder for configuration and certificates
    #[arg(long)]
    dir: PathBuf,
    /// Loopback address to serve on
    #[arg(long, default_value = "127.0.0.1:8443")]
    address: SocketAddr,
    /// Vector files, or folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let files = super::load(&args.paths)?;
    let lab = VectorLab { anchors_pem: anchors(&files), bodies: bodies(&files)?, hosts: hosts(&files) };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(Exit::Unavailable, format_args!("cannot start: {error}")))?;
    runtime.block_on(async {
        let stop = stop_signal()?;
        let made = lab.create(&args.dir, args.address, SystemTime::now());
        let (repository, config) = made.await.map_err(failure)?;
        note(format_args!(
            "serving on {}. Next, in two terminals:
  shaken serve --config {}
  shaken vectors run --against {} ...",
            repository.local_addr(),
            config.display(),
            config.with_file_name("shaken.sock").display(),
        ));
        repository.serve(stop).await;
        Ok(Exit::Yes)
    })
}

/// The trust anchors of all files, each once.
fn anchors(files: &[(PathBuf, VectorFile)]) -> String {
    const END: &str = "-----END CERTIFICATE-----\n";
    let blocks = files.iter().flat_map(|(_, file)| file.trust_anchor_pem.split_inclusive(END));
    blocks.collect::<BTreeSet<&str>>().into_iter().collect()
}

/// Bodies by path: hosts differ only where cases are about the host.
fn bodies(files: &[(PathBuf, VectorFile)]) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut bodies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (path, file) in files {
        for (url, body) in &file.x5u_bodies {
            let Some((_, target)) = host_and_path(url) else { continue };
            let held = bodies.entry(target).or_insert_with(|| body.as_bytes().to_vec());
            if held.as_slice() != body.as_bytes() {
                return Err(two_bodies(path, url));
            }
        }
    }
    Ok(bodies)
}

fn two_bodies(path: &Path, url: &str) -> Failure {
    let text = format_args!("{}: another file has another body for the path of {url}", path.display());
    Failure::new(Exit::BadData, text)
}

fn hosts(files: &[(PathBuf, VectorFile)]) -> BTreeSet<String> {
    let urls = files.iter().flat_map(|(_, file)| file.x5u_bodies.keys());
    urls.filter_map(|url| Some(host_and_path(url)?.0)).collect()
}

/// Of a URL that may be fetched at all; of the others nothing is ever asked.
fn host_and_path(url: &str) -> Option<(String, String)> {
    let x5u = X5u::parse(url).ok()?;
    let path = url.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |path| format!("/{path}"));
    Some((x5u.host().to_ascii_lowercase(), path))
}
