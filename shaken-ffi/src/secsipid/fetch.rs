//! Fetching on the thread that asks: it waits, as callers of libsecsipid expect, and not for longer than
//! they say.

use std::time::Duration;

use shaken_core::fetch::{FetchPolicy, Fetcher};
use shaken_core::{Error, X5u, pem};
use tokio::runtime;

use super::codes::Refusal;
use super::files::{self, MAX_FILE_BYTES};
use super::options::Options;

/// Downloads what is behind `x5u`. Name and addresses are looked up on threads that end with the
/// download; if the resolver of the system is stuck, with the resolver.
///
/// # Errors
/// [`Error::FetchOverload`] if the system gives no runtime; those of [`Fetcher::fetch`].
pub(super) fn fetch(x5u: &X5u<'_>, timeout_s: i32, options: &Options) -> Result<Vec<u8>, Error> {
    let fetcher = Fetcher::new(policy(timeout_s, options).map_err(|_| Error::FetchTls)?)?;
    // Made anew each time, as no thread or descriptor of it would survive a fork.
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(|_| Error::FetchOverload)?;
    let fetched = runtime.block_on(fetcher.fetch(x5u));
    runtime.shutdown_background();
    Ok(fetched?.body)
}

fn policy(timeout_s: i32, options: &Options) -> Result<FetchPolicy, Refusal> {
    let timeout_s = u64::try_from(timeout_s).ok().filter(|timeout_s| *timeout_s > 0);
    let deadline = timeout_s.map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let mut policy = FetchPolicy::default().with_deadline(deadline);
    if !options.tls_roots_file.is_empty() {
        let (roots, _) = files::read(&options.tls_roots_file, MAX_FILE_BYTES)?;
        let roots = pem::blocks(&roots).map(|block| Ok(block?.der().to_vec()));
        policy = policy.with_tls_roots(roots.collect::<Result<Vec<_>, Error>>()?);
    }
    if let Some((host, address)) = options.connect_to() {
        policy = policy.with_connect_to(host, address);
    }
    Ok(policy)
}

/// Where callers give none: Kamailio's default. Without any a dead host would hold a worker for good.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
