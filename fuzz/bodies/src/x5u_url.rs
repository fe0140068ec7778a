//! A certificate URL.

use std::net::IpAddr;

use shaken_core::{Identity, X5u};
use shaken_test_vectors::VectorFile;
use url::{Host, Url};

/// What is accepted names a public DNS host in the eyes of every reader: the web's parser sees the
/// same scheme, host, port and path, and the parts parse again to the same.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let url = match X5u::parse(text) {
        Ok(url) => url,
        Err(error) => {
            assert!((400..500).contains(&error.code()), "{error:?} is not an error of the URL");
            return;
        }
    };
    let (host, port, path) = (url.host(), url.port(), url.path());
    assert!(text.len() <= X5u::MAX_LEN && text.is_ascii());
    assert_eq!((url.as_str(), url.to_string().as_str()), (text, text));
    assert!(matches!(port, 443 | 8443) && path.starts_with('/'));

    assert!(host.parse::<IpAddr>().is_err(), "{host} is an address");
    let lower = host.to_ascii_lowercase();
    let (_, top) = lower.rsplit_once('.').unwrap_or_else(|| panic!("{host} has one label"));
    assert!(!["alt", "arpa", "internal", "local", "localhost", "onion"].contains(&top), "{host} is local");

    let rebuilt = format!("https://{host}:{port}{path}");
    if rebuilt.len() <= X5u::MAX_LEN {
        let again = X5u::parse(&rebuilt).unwrap_or_else(|error| panic!("{rebuilt}: {error}"));
        assert_eq!((again.host(), again.port(), again.path()), (host, port, path));
    }

    // Of A-labels the web makes what it would show, and fails on bad ones. The DNS takes the ASCII.
    if lower.split('.').any(|label| label.starts_with("xn--")) {
        return;
    }
    let web = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(web.scheme(), "https");
    assert_eq!(web.host(), Some(Host::Domain(lower.as_str())));
    assert_eq!((web.port_or_known_default(), web.path()), (Some(port), path));
    assert!(web.username().is_empty() && web.password().is_none());
    assert!(web.query().is_none() && web.fragment().is_none());
}

pub(crate) fn seeds(vectors: &[VectorFile]) -> Vec<Vec<u8>> {
    let keys = vectors.iter().flat_map(|file| file.x5u_bodies.keys()).map(String::as_str);
    let info = crate::identity_values(vectors)
        .filter_map(|value| Identity::parse(value.as_bytes()).ok())
        .map(|identity| identity.info());
    keys.chain(info).map(|url| url.as_bytes().to_vec()).collect()
}
