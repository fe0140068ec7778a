//! From a host name to a TCP connection with an address that was checked.
//!
//! The address that is checked is the one that is dialled: the name is resolved once, so a second
//! answer of the DNS (rebinding) is never asked for.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::addr::is_public;
use super::policy::FetchPolicy;
use crate::Error;

/// How names become addresses and addresses become connections.
///
/// What it answers is not trusted: every address is checked before it is dialled, and the peer of
/// the connection is compared with the address that was asked for. Both futures are dropped when
/// the deadline of the download passes.
pub trait Network: fmt::Debug + Send + Sync {
    /// All addresses of an absolute host name in lower case, best first. No search list applies.
    ///
    /// # Errors
    /// Whatever kept the answer away; the kind is not looked at.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

    /// Opens a TCP connection to exactly this address.
    ///
    /// # Errors
    /// Whatever kept the connection away; the kind is not looked at.
    fn dial(&self, address: SocketAddr) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + '_>>;
}

/// The resolver of the operating system (`getaddrinfo`) and plain TCP.
///
/// At most 32 lookups are under way at a time. A lookup blocks its thread for as long as
/// the resolver pleases, far beyond any deadline, and keeps its slot that long: a flood of names
/// that do not resolve cannot use up the threads that others in the process wait for. CNAME
/// chains are followed, and limited, by the resolver.
#[derive(Debug)]
pub struct SystemNetwork {
    lookup_slots: Arc<Semaphore>,
}

impl Default for SystemNetwork {
    fn default() -> Self {
        Self { lookup_slots: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Network for SystemNetwork {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let slot = Arc::clone(&self.lookup_slots).acquire_owned().await.map_err(io::Error::other)?;
            // The root dot makes the name absolute: no search domain is tried after it.
            let absolute_name = format!("{host}.");
            spawn_blocking(move || {
                let _slot = slot;
                let answers = (absolute_name.as_str(), 0).to_socket_addrs()?;
                Ok(answers.map(|answer| answer.ip()).collect())
            })
            .await
            .map_err(io::Error::other)?
        })
    }

    fn dial(&self, address: SocketAddr) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + '_>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            // A handshake and one small request: waiting to fill a segment only costs time.
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

/// Connects to a host for a certificate. `host` is in lower case.
pub(super) async fn connect(policy: &FetchPolicy, host: &str, port: u16) -> Result<TcpStream, Error> {
    if let Some(&address) = policy.connect_to.get(host) {
        return policy.network.dial(address).await.map_err(|_| Error::FetchConnect);
    }
    let answers = policy.network.resolve(host).await.map_err(|_| Error::FetchDns)?;
    if answers.is_empty() {
        return Err(Error::FetchDns);
    }
    // One bad answer condemns the name: whoever mixes them is probing.
    let own = spawn_blocking(own_addresses).await.unwrap_or(Err(Error::FetchInterfaces))?;
    if !answers.iter().all(|&answer| is_allowed(answer, policy, &own)) {
        return Err(Error::FetchAddressRefused);
    }
    dial_first(policy, &answers, port).await
}

/// Tries up to [`MAX_ADDRESSES`] in turn. Each has an equal share of the deadline, so that one
/// black hole does not hide the address behind it; the last may use up what is left.
async fn dial_first(policy: &FetchPolicy, answers: &[IpAddr], port: u16) -> Result<TcpStream, Error> {
    let mut candidates = answers.iter().take(MAX_ADDRESSES).peekable();
    let shares = u32::try_from(candidates.len()).unwrap_or(u32::MAX).max(1);
    let share = policy.deadline / shares;
    while let Some(&ip) = candidates.next() {
        let address = SocketAddr::new(ip, port);
        let time = if candidates.peek().is_some() { share } else { Duration::MAX };
        if let Ok(Ok(stream)) = timeout(time, policy.network.dial(address)).await {
            // Holds by construction with the system's network; guards against another one, and
            // against a change of ours, that resolves or redirects once more.
            return match stream.peer_addr() {
                Ok(peer) if peer == address => Ok(stream),
                Ok(_) => Err(Error::FetchAddressRefused),
                Err(_) => Err(Error::FetchConnect),
            };
        }
    }
    Err(Error::FetchConnect)
}

fn is_allowed(address: IpAddr, policy: &FetchPolicy, own: &[IpAddr]) -> bool {
    is_public(address) && !own.contains(&address) && !policy.denied.iter().any(|net| net.contains(&address))
}

/// The addresses of this host, read anew for each download because they change while we run.
pub(super) fn own_addresses() -> Result<Vec<IpAddr>, Error> {
    let interfaces = if_addrs::get_if_addrs().map_err(|_| Error::FetchInterfaces)?;
    Ok(interfaces.iter().map(if_addrs::Interface::ip).collect())
}

/// A repository has two addresses; one that lists many would have us dial them all.
const MAX_ADDRESSES: usize = 4;

/// As many as can be under way without starving the other users of the blocking threads.
const MAX_LOOKUPS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_those_of_the_interfaces() {
        assert!(own_addresses().unwrap().contains(&[127, 0, 0, 1].into()));
    }

    #[test]
    fn own_and_denied_addresses_are_refused_though_public() {
        let policy = FetchPolicy::default().with_denied(["93.184.0.0/16".parse().unwrap()]);
        let own: [IpAddr; 1] = ["1.1.1.1".parse().unwrap()];
        for (address, allowed) in
            [("8.8.8.8", true), ("93.184.216.34", false), ("1.1.1.1", false), ("127.0.0.1", false)]
        {
            assert_eq!(is_allowed(address.parse().unwrap(), &policy, &own), allowed, "{address}");
        }
    }
}
