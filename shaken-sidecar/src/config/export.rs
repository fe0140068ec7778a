//! What `[audit.nats]` says of the export.

use std::num::NonZeroU16;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::proving::tls_to;
use super::tls::read_roots;
use super::{ConfigError, Folder, read_file};
use crate::audit::export::{Export, Login, Nats, NatsError};
use crate::audit::proof::Origin;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NatsSection {
    url: String,
    log: Option<String>,
    subject: Option<String>,
    stream: Option<String>,
    credentials: Option<PathBuf>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    window: Option<u16>,
}

/// `origin` is that of the key of the log, if it has one.
pub(super) fn read(
    section: &NatsSection,
    origin: Option<&Origin>,
    folder: &Folder,
) -> Result<Export, ConfigError> {
    let wrong = |key: &str, error: NatsError| ConfigError::new(format_args!("audit.nats.{key}: {error}"));
    let log = match (&section.log, origin) {
        (Some(log), _) => {
            Origin::parse(log).map_err(|error| ConfigError::new(format_args!("audit.nats.log: {error}")))?
        }
        (None, Some(origin)) => origin.clone(),
        (None, None) => {
            return Err(ConfigError::new(
                "audit.nats.log is missing: without audit.key the log has no name; give it one that no other \
                 log has, such as \"voice.example.com/audit\"",
            ));
        }
    };
    let tls = tls_to(roots("audit.nats.ca", section.ca.as_deref(), folder)?)?;
    let mut nats = Nats::parse(&section.url, tls).map_err(|error| wrong("url", error))?;
    if let Some(subject) = &section.subject {
        nats = nats.with_subject(subject).map_err(|error| wrong("subject", error))?;
    }
    if let Some(stream) = &section.stream {
        nats = nats.with_stream(stream).map_err(|error| wrong("stream", error))?;
    }
    if let Some(window) = section.window {
        let window = NonZeroU16::new(window).filter(|window| window.get() <= MAX_WINDOW);
        let out_of_range = || ConfigError::new(format_args!("audit.nats.window must be 1 to {MAX_WINDOW}"));
        nats = nats.with_window(window.ok_or_else(out_of_range)?);
    }
    let login = read_login(section, folder)?;
    let nats = nats.with_login(login).map_err(|error| wrong("credentials", error))?;
    Ok(Export::new(nats, log))
}

fn read_login(section: &NatsSection, folder: &Folder) -> Result<Login, ConfigError> {
    let NatsSection { credentials, user, password_file, token_file, .. } = section;
    match (credentials, user, password_file, token_file) {
        (None, None, None, None) => Ok(Login::Anonymous),
        (Some(path), None, None, None) => {
            Ok(Login::Credentials(read_secret("audit.nats.credentials", path, folder)?))
        }
        (None, Some(user), Some(path), None) => {
            let password = read_secret("audit.nats.password_file", path, folder)?;
            Ok(Login::Password { user: user.clone(), password })
        }
        (None, None, None, Some(path)) => {
            Ok(Login::Token(read_secret("audit.nats.token_file", path, folder)?))
        }
        _ => Err(ConfigError::new(
            "audit.nats: give credentials, or user and password_file, or token_file, or none of them",
        )),
    }
}

/// The text in a file that not everyone may read, without the newline at its end.
pub(super) fn read_secret(key: &str, path: &Path, folder: &Folder) -> Result<Zeroizing<String>, ConfigError> {
    let bytes = Zeroizing::new(read_file(folder, path, key)?);
    let place = folder.join(path);
    let wrong = |why: &str| ConfigError::new(format_args!("{key}: {} {why}", place.display()));
    if std::fs::metadata(&place).is_ok_and(|facts| facts.mode() & 0o006 != 0) {
        return Err(wrong("can be read or changed by everyone on this machine; run chmod 0400 on it"));
    }
    let text = str::from_utf8(&bytes).map_err(|_| wrong("is not text"))?.trim_end_matches(['\n', '\r']);
    if text.is_empty() || text.len() > MAX_SECRET_LEN {
        return Err(wrong("is empty or too long"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Those in the file, or the ones that everybody trusts.
pub(super) fn roots(key: &str, path: Option<&Path>, folder: &Folder) -> Result<RootCertStore, ConfigError> {
    match path {
        None => Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }),
        Some(path) => read_roots(key, path, folder),
    }
}

/// What is under way is in memory, and is sent again after a failure.
const MAX_WINDOW: u16 = 4096;

const MAX_SECRET_LEN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn read_in(folder: &Path, text: &str) -> Result<Export, String> {
        let section: NatsSection = toml::from_str(text).map_err(|error| error.to_string())?;
        read(&section, None, &Folder::new(folder)).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_of_the_export_have_limits() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str, mode| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        file("secret", "not-to-be-seen\n", 0o600);
        file("open", "not-to-be-seen\n", 0o644);
        file("empty", "\n", 0o600);
        let read = |text: &str| read_in(folder.path(), &format!("log = \"a\"\n{text}"));
        let tls = "url = \"tls://nats.example.com\"";
        for good in [
            tls.to_owned(),
            "url = \"nats://127.0.0.1:4222\"".into(),
            "url = \"nats://localhost,nats://[::1]:5222\"".into(),
            "url = \"tls://a.example:4222, tls://b.example:4222\"".into(),
            format!("{tls}\nsubject = \"audit.voice-1\"\nstream = \"AUDIT\"\nwindow = 4096"),
            format!("{tls}\nuser = \"shaken\"\npassword_file = \"secret\""),
            format!("{tls}\ntoken_file = \"secret\""),
        ] {
            let export = read(&good).unwrap();
            assert!(!format!("{export:?}").contains("not-to-be-seen"), "{export:?}");
        }
        for (bad, part) in [
            ("url = \"nats://nats.example.com\"".to_owned(), "tls://nats.example.com"),
            ("url = \"nats://192.0.2.1\"".into(), "TLS only"),
            ("url = \"tls://a.example,nats://b.example\"".into(), "TLS only"),
            ("url = \"ws://127.0.0.1\"".into(), "audit.nats.url"),
            ("url = \"nats.example.com\"".into(), "audit.nats.url"),
            ("url = \"tls://user:secret@a.example\"".into(), "without user"),
            ("url = \"tls://token@a.example\"".into(), "without user"),
            ("url = \"tls://a.example/x\"".into(), "audit.nats.url"),
            ("url = \"\"".into(), "audit.nats.url"),
            (format!("{tls}\nsubject = \"a.>\""), "audit.nats.subject"),
            (format!("{tls}\nsubject = \"a..b\""), "audit.nats.subject"),
            (format!("{tls}\nsubject = \"$JS.API\""), "audit.nats.subject"),
            (format!("{tls}\nsubject = \"a b\""), "audit.nats.subject"),
            (format!("{tls}\nstream = \"a.b\""), "audit.nats.stream"),
            (format!("{tls}\nwindow = 0"), "1 to 4096"),
            (format!("{tls}\nwindow = 4097"), "1 to 4096"),
            (format!("{tls}\npassword = \"x\""), "unknown field `password`"),
            (format!("{tls}\ntoken = \"x\""), "unknown field `token`"),
            (format!("{tls}\nuser = \"shaken\""), "password_file"),
            (format!("{tls}\nuser = \"a\"\npassword_file = \"secret\"\ntoken_file = \"secret\""), "or none"),
            (format!("{tls}\ntoken_file = \"missing\""), "cannot read"),
            (format!("{tls}\ntoken_file = \"open\""), "chmod 0400"),
            (format!("{tls}\ntoken_file = \"empty\""), "is empty"),
            (format!("{tls}\ncredentials = \"secret\""), "no credentials file"),
            (format!("{tls}\nca = \"secret\""), "audit.nats.ca"),
        ] {
            let refused = read(&bad).map(drop).unwrap_err();
            assert!(refused.contains(part), "{bad}: {refused}");
            assert!(!refused.contains("not-to-be-seen"), "{refused}");
        }
        // Without a key, someone has to name the log.
        assert!(read_in(folder.path(), tls).map(drop).unwrap_err().contains("audit.nats.log"));
        assert!(read_in(folder.path(), &format!("log = \"a b\"\n{tls}")).is_err());
    }
}
