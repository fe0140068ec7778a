//! What `[traces]` says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::export::{read_secret, roots};
use super::proving::tls_to;
use super::{ConfigError, Folder};
use crate::endpoint::Endpoint;
use crate::telemetry::TraceOptions;
use crate::telemetry::traces::{Collector, Share};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TracesSection {
    endpoint: String,
    sample: Option<f64>,
    service_name: Option<String>,
    headers_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

pub(super) fn read(section: &TracesSection, folder: &Folder) -> Result<TraceOptions, ConfigError> {
    let TracesSection { endpoint, sample, service_name, headers_file, ca } = section;
    let tls = Arc::new(tls_to(roots("traces.ca", ca.as_deref(), folder)?)?);
    let endpoint = Endpoint::parse(endpoint, tls).map_err(|error| {
        ConfigError::new(format_args!("traces.endpoint: {error}; secrets go into traces.headers_file"))
    })?;
    let share = Share::new(sample.unwrap_or(SAMPLE))
        .ok_or_else(|| ConfigError::new("traces.sample must be 0 to 1: the part of calls that is traced"))?;
    let service_name = service_name.clone().unwrap_or_else(|| SERVICE_NAME.to_owned());
    if service_name.is_empty() || service_name.len() > MAX_NAME_LEN {
        return Err(ConfigError::new(format_args!("traces.service_name must be 1 to {MAX_NAME_LEN} bytes")));
    }
    let headers = match headers_file {
        None => HeaderMap::new(),
        Some(path) => read_headers(path, folder)?,
    };
    Ok(TraceOptions { collector: Collector::new(endpoint, headers), share, service_name })
}

/// A header a line, `Name: value`. What is in them is never told.
fn read_headers(path: &Path, folder: &Folder) -> Result<HeaderMap, ConfigError> {
    let text = read_secret("traces.headers_file", path, folder)?;
    let mut headers = HeaderMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let header = line.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::try_from(name).ok().filter(|name| !OURS.contains(&name.as_str()))?;
            let mut value = HeaderValue::try_from(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        let (name, value) = header.ok_or_else(|| {
            let place = folder.join(path);
            ConfigError::new(format_args!(
                "traces.headers_file: line {} of {} is no header such as \"Authorization: Bearer ...\", or one \
                 that is ours to set",
                at + 1,
                place.display()
            ))
        })?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Headers that say what a request is.
const OURS: [&str; 6] =
    ["connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"];

/// One call in a hundred, beside those with a fault.
const SAMPLE: f64 = 0.01;

const SERVICE_NAME: &str = "shaken";

const MAX_NAME_LEN: usize = 255;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn settings_of_traces_have_limits() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str, mode| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        file("headers", "Authorization: Bearer not-to-be-seen\n\nX-Tenant: a\nX-Tenant:b\n", 0o600);
        file("open", "Authorization: Bearer not-to-be-seen\n", 0o644);
        file("bad", "X-Tenant: a\nnot-to-be-seen\n", 0o600);
        file("name", "not to be seen: a\n", 0o600);
        file("length", "Content-Length: 12\n", 0o600);
        let read = |text: &str| {
            let section: TracesSection = toml::from_str(text).map_err(|error| error.to_string())?;
            read(&section, &Folder::new(folder.path())).map_err(|error| error.to_string())
        };
        let here = "endpoint = \"http://127.0.0.1:4318/v1/traces\"";
        for good in [
            here.to_owned(),
            "endpoint = \"http://localhost:4318/v1/traces\"".into(),
            "endpoint = \"https://otlp.example.com/v1/traces?tenant=a\"".into(),
            format!("{here}\nsample = 0\nservice_name = \"shaken-east\""),
            format!("{here}\nsample = 0.5"),
            format!("{here}\nsample = 1.0\nheaders_file = \"headers\""),
        ] {
            let options = read(&good).unwrap();
            assert!(!format!("{options:?}").contains("not-to-be-seen"), "{options:?}");
        }
        assert_eq!(read(here).unwrap().share, Share::new(0.01).unwrap());
        let headers = read_headers(Path::new("headers"), &Folder::new(folder.path())).unwrap();
        assert_eq!(headers["authorization"], "Bearer not-to-be-seen");
        assert_eq!(headers.get_all("x-tenant").iter().collect::<Vec<_>>(), ["a", "b"]);
        for (bad, part) in [
            (String::new(), "missing field `endpoint`"),
            ("endpoint = \"http://otlp.example.com:4318/v1/traces\"".into(), "https only"),
            ("endpoint = \"http://192.0.2.1:4318/\"".into(), "https only"),
            ("endpoint = \"https://user:secret@otlp.example.com/\"".into(), "headers_file"),
            ("endpoint = \"grpc://127.0.0.1:4317\"".into(), "traces.endpoint"),
            ("endpoint = \"127.0.0.1:4318\"".into(), "traces.endpoint"),
            (format!("{here}\nsample = -0.1"), "0 to 1"),
            (format!("{here}\nsample = 1.01"), "0 to 1"),
            (format!("{here}\nsample = nan"), "0 to 1"),
            (format!("{here}\nsample = \"all\""), "sample"),
            (format!("{here}\nservice_name = \"\""), "service_name"),
            (format!("{here}\nheaders = \"x\""), "unknown field `headers`"),
            (format!("{here}\nheaders_file = \"missing\""), "cannot read"),
            (format!("{here}\nheaders_file = \"open\""), "chmod 0400"),
            (format!("{here}\nheaders_file = \"bad\""), "line 2"),
            (format!("{here}\nheaders_file = \"name\""), "line 1"),
            (format!("{here}\nheaders_file = \"length\""), "ours to set"),
            (format!("{here}\nca = \"headers\""), "traces.ca"),
        ] {
            let refused = read(&bad).map(drop).unwrap_err();
            assert!(refused.contains(part), "{bad}: {refused}");
            assert!(!refused.contains("not-to-be-seen"), "{refused}");
        }
    }
}
