//! What a [`Fetcher`](super::Fetcher) may do beyond the rules that nobody can switch off.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::connect::{Network, SystemNetwork};

/// The settings of a [`Fetcher`](super::Fetcher). [`FetchPolicy::default`] suits production.
#[derive(Clone, Debug)]
pub struct FetchPolicy {
    pub(super) deadline: Duration,
    pub(super) denied: Vec<IpNet>,
    pub(super) tls_roots: Option<Vec<Vec<u8>>>,
    pub(super) connect_to: HashMap<String, SocketAddr>,
    pub(super) network: Arc<dyn Network>,
    pub(super) max_body_bytes: usize,
}

impl Default for FetchPolicy {
    /// 2 s, 64 KiB of body, no further denied networks, the root certificates of the web, the resolver of the
    /// operating system.
    fn default() -> Self {
        Self {
            deadline: DEFAULT_DEADLINE,
            denied: Vec::new(),
            tls_roots: None,
            connect_to: HashMap::new(),
            network: Arc::new(SystemNetwork::default()),
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
        }
    }
}

impl FetchPolicy {
    /// Time for one download from the call of [`Fetcher::fetch`](super::Fetcher::fetch) to the
    /// last byte of the body, all of name resolution, connection and TLS included. Default 2 s,
    /// about as long as a caller waits unaware.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Networks that may not be dialled although they are public, such as the operator's own.
    /// They add to those given before and to [`is_public`](super::is_public).
    #[must_use]
    pub fn with_denied(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.denied.extend(networks);
        self
    }

    /// Trusts these DER certificates as TLS roots instead of those of the web. For the lab.
    #[must_use]
    pub fn with_tls_roots(mut self, der_certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.tls_roots = Some(der_certificates.into_iter().collect());
        self
    }

    /// Dials `address` for every URL with exactly this host, without name resolution and without
    /// any check of the address. For the lab: this is the only way to reach one that is not
    /// public. The rules for URLs stay in force, and so does the check of the TLS certificate.
    #[must_use]
    pub fn with_connect_to(mut self, host: &str, address: SocketAddr) -> Self {
        self.connect_to.insert(host.to_ascii_lowercase(), address);
        self
    }

    /// Resolves names and opens connections through `network` instead of the operating system's
    /// default way, say a resolver library or one interface of several. Its answers are checked
    /// like any other.
    #[must_use]
    pub fn with_network(mut self, network: Arc<dyn Network>) -> Self {
        self.network = network;
        self
    }

    /// The largest body that is read, instead of 64 KiB. For lists from servers that the operator
    /// names, never for URLs of strangers.
    #[must_use]
    pub const fn with_max_body_bytes(mut self, max_body_bytes: usize) -> Self {
        self.max_body_bytes = max_body_bytes;
        self
    }

    /// True if [`with_tls_roots`](Self::with_tls_roots) or
    /// [`with_connect_to`](Self::with_connect_to) loosen what protects production: worth a
    /// warning at start.
    #[must_use]
    pub fn is_lab(&self) -> bool {
        self.tls_roots.is_some() || !self.connect_to.is_empty()
    }
}

/// Short enough that the call is still there, and what the field uses (Asterisk: 2 s).
const DEFAULT_DEADLINE: Duration = Duration::from_secs(2);

/// Eight certificates of the largest kind seen, as PEM.
const DEFAULT_MAX_BODY_BYTES: usize = 64 * 1024;
