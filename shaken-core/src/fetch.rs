//! From an `x5u` to the bytes behind it, when the URL was chosen by whoever placed the call.
//!
//! [`X5u`] holds a URL that may be dereferenced at all and [`is_public`] says which addresses may
//! be dialled; both are pure and always here. With the feature `fetch`, `Fetcher` downloads:
//! it resolves the name itself, refuses it unless every answer is public, dials the very address
//! it checked, and reads one answer under limits of size and time. It follows no redirect, keeps
//! no connection, no cookie and no state, retries nothing, and does not look into the body.
//!
//! The rules are those of ATIS-1000074 §5.3.1 and RFC 6890, with limits of our own where the
//! standards set none.

mod addr;
#[cfg(feature = "fetch")]
mod client;
#[cfg(feature = "fetch")]
mod connect;
#[cfg(feature = "fetch")]
mod http;
#[cfg(feature = "fetch")]
mod meter;
#[cfg(feature = "fetch")]
mod policy;
mod url;

pub use addr::is_public;
#[cfg(feature = "fetch")]
pub use client::Fetcher;
#[cfg(feature = "fetch")]
pub use connect::{Network, SystemNetwork};
#[cfg(feature = "fetch")]
pub use http::Fetched;
#[cfg(feature = "fetch")]
pub use policy::FetchPolicy;
pub use url::X5u;
