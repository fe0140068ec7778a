//! What a request over TCP must show beyond being one: a port has neither file mode nor owner, and
//! every web page that a browser on this machine shows can send requests to it.

use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};

use super::error::RequestError;
use crate::listen::{Client, Tls, Users};

/// Whom a TCP port lets in.
#[derive(Debug)]
pub struct Remotes {
    users: Users,
    hosts: Vec<String>,
    tls: Option<Tls>,
}

impl Remotes {
    /// Whoever knows a secret of `users`, or everybody if there are none, calling us by an IP address,
    /// `localhost` or one of `hosts`.
    #[must_use]
    pub fn new(users: Users, hosts: Vec<String>) -> Self {
        Self { users, hosts, tls: None }
    }

    /// Only over TLS, where users may also be known by their certificates.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// What every connection begins with, if it is to be private.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// The client, known as the user that it is.
    pub(super) fn admit<B>(&self, request: &Request<B>, client: Client) -> Result<Client, RequestError> {
        let headers = request.headers();
        if is_of_a_page(headers) {
            return Err(RequestError::Refused { reason: "CROSS_ORIGIN" });
        }
        // A page can have its own name lead here; then the Host is still that name.
        let target = request.uri().authority().map(|authority| authority.as_str());
        if !self.is_host(only(headers)) || target.is_some_and(|target| !self.is_host(Some(target))) {
            return Err(RequestError::Refused { reason: "HOST_UNKNOWN" });
        }
        let is_open = self.users.is_empty() && !self.tls.as_ref().is_some_and(Tls::names_users);
        if is_open || client.user().is_some() {
            return Ok(client);
        }
        let mut tokens = headers.get_all(AUTHORIZATION).iter();
        let token =
            tokens.next().filter(|_| tokens.next().is_none()).and_then(|value| bearer(value.as_bytes()));
        match token.and_then(|token| self.users.known_by(token)) {
            Some(user) => Ok(client.known_as(Some(user.to_owned()))),
            None => Err(RequestError::Unauthorized),
        }
    }

    fn is_host(&self, host: Option<&str>) -> bool {
        let Some(host) = host else { return false };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        bare.parse::<std::net::IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

/// Browsers put one of these on whatever a page sends, and SBCs never do.
pub(super) fn is_of_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key(FETCH_SITE)
}

/// The Host, if there is one and no other.
fn only(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none())?;
    host.to_str().ok()
}

/// RFC 6750 §2.1; the scheme in any case (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then_some(token.trim_ascii())
}

const BEARER: &[u8] = b"Bearer ";

const FETCH_SITE: &str = "sec-fetch-site";

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn remotes(token: Option<&str>) -> Remotes {
        let mut users = Users::nobody().unwrap();
        if let Some(token) = token {
            assert!(users.add("pbx".into(), token.as_bytes()));
        }
        Remotes::new(users, vec!["stir.example.com".into()])
    }

    fn admit(
        remotes: &Remotes,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Option<String>, RequestError> {
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let client = Client::from("192.0.2.1:9".parse::<SocketAddr>().unwrap());
        let admitted = remotes.admit(&request.body(()).unwrap(), client)?;
        Ok(admitted.user().map(str::to_owned))
    }

    #[test]
    fn hosts_are_ours_or_addresses() {
        let remotes = remotes(None);
        for good in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]:80",
            "192.0.2.9",
            "stir.example.com:8080",
            "Stir.Example.Com",
        ] {
            assert_eq!(admit(&remotes, "/", &[("Host", good)]), Ok(None), "{good}");
        }
        let unknown = Err(RequestError::Refused { reason: "HOST_UNKNOWN" });
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "evil.example:80",
            "x@127.0.0.1",
            "stir.example.com.",
            "[evil.example]",
        ] {
            assert_eq!(admit(&remotes, "/", &[("Host", bad)]), unknown, "{bad}");
        }
        assert_eq!(admit(&remotes, "/", &[]), unknown);
        assert_eq!(admit(&remotes, "/", &[("Host", "localhost"), ("Host", "evil.example")]), unknown);
        assert_eq!(admit(&remotes, "http://evil.example/", &[("Host", "localhost")]), unknown);
        assert_eq!(admit(&remotes, "http://localhost/", &[("Host", "localhost")]), Ok(None));
    }

    #[test]
    fn what_comes_from_a_page_is_refused() {
        let cross = Err(RequestError::Refused { reason: "CROSS_ORIGIN" });
        for header in [("Origin", "null"), ("Origin", "http://localhost"), ("Sec-Fetch-Site", "cross-site")] {
            assert_eq!(admit(&remotes(None), "/", &[("Host", "localhost"), header]), cross);
        }
    }

    #[test]
    fn a_token_is_asked_for_and_names_the_user() {
        let remotes = remotes(Some("abcdefgh12345678"));
        let with = |value| admit(&remotes, "/", &[("Host", "localhost"), ("Authorization", value)]);
        assert_eq!(with("Bearer abcdefgh12345678"), Ok(Some("pbx".into())));
        assert_eq!(with("bearer  abcdefgh12345678"), Ok(Some("pbx".into())));
        for bad in [
            "Bearer abcdefgh1234567",
            "Bearer ",
            "Bearer",
            "",
            "Basic abcdefgh12345678",
            "abcdefgh12345678",
            "Bearer abcdefgh12345678, x",
        ] {
            assert_eq!(with(bad), Err(RequestError::Unauthorized), "{bad}");
        }
        let good = ("Authorization", "Bearer abcdefgh12345678");
        assert_eq!(admit(&remotes, "/", &[("Host", "localhost")]), Err(RequestError::Unauthorized));
        let twice = [("Host", "localhost"), good, good];
        assert_eq!(admit(&remotes, "/", &twice), Err(RequestError::Unauthorized));
    }
}
