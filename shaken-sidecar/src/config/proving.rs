//! What `[audit]` says of key, checkpoints and their copies.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::{AuditSection, ConfigError, Folder};
use crate::audit::Proving;
use crate::audit::proof::{Key, KeyError, Outside, ProofOptions};
use crate::endpoint::Endpoint;

/// One place for copies: one of these keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutsideSection {
    pub(super) file: Option<PathBuf>,
    syslog: Option<bool>,
    http: Option<String>,
}

/// Nothing without `audit.key`.
pub(super) fn read(
    section: &AuditSection,
    audit_dir: &Path,
    folder: &Folder,
    warnings: &mut Vec<String>,
) -> Result<Option<Proving>, ConfigError> {
    let Some(path) = &section.key else {
        let depending = [
            ("origin", section.origin.is_some()),
            ("checkpoint_ms", section.checkpoint_ms.is_some()),
            ("checkpoint_records", section.checkpoint_records.is_some()),
            ("outside", !section.outside.is_empty()),
        ];
        return match depending.iter().find(|(_, is_given)| *is_given) {
            None => Ok(None),
            Some((name, _)) => Err(ConfigError::new(format_args!(
                "audit.{name} means nothing without audit.key: make a key with `{INIT}`"
            ))),
        };
    };
    let path = folder.join(path);
    // What is there counts, even if it is no key.
    if let Ok(bytes) = std::fs::read(&path) {
        folder.note("audit.key", &path, &bytes);
    }
    let key = Key::read(&path).map_err(|error| match error {
        KeyError::Missing { .. } => {
            ConfigError::new(format_args!("audit.key: {error}: `{INIT}` makes the key of a new log"))
        }
        KeyError::Text => ConfigError::new(format_args!("audit.key: {}: {error}", path.display())),
        error => ConfigError::new(format_args!("audit.key: {error}")),
    })?;
    if let Some(origin) = &section.origin
        && origin != key.origin().as_str()
    {
        return Err(ConfigError::new(format_args!(
            "audit.origin is {origin:?}, but the key {} is that of {:?}",
            path.display(),
            key.origin().as_str()
        )));
    }
    if is_below(&path, audit_dir) {
        warnings.push(
            "audit.key is within audit.dir: a copy of the log holds the key then; keep it elsewhere".into(),
        );
    }
    if section.outside.is_empty() {
        warnings.push(
            "there is no [[audit.outside]]: who has audit.dir and audit.key can write the log anew unseen"
                .into(),
        );
    }
    let outside = section.outside.iter().map(|section| read_outside(section, audit_dir, folder));
    let outside = outside.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Proving::new(key).with_outside(outside).with_options(read_options(section)?)))
}

fn read_options(section: &AuditSection) -> Result<ProofOptions, ConfigError> {
    let mut options = ProofOptions::new();
    if let Some(ms) = section.checkpoint_ms {
        if !(MIN_CHECKPOINT_MS..=MAX_CHECKPOINT_MS).contains(&ms) {
            return Err(ConfigError::new(format_args!(
                "audit.checkpoint_ms must be {MIN_CHECKPOINT_MS} to {MAX_CHECKPOINT_MS}"
            )));
        }
        options = options.with_interval(Duration::from_millis(ms));
    }
    if let Some(records) = section.checkpoint_records {
        if !(1..=MAX_CHECKPOINT_RECORDS).contains(&records) {
            return Err(ConfigError::new(format_args!(
                "audit.checkpoint_records must be 1 to {MAX_CHECKPOINT_RECORDS}"
            )));
        }
        options = options.with_records(records);
    }
    Ok(options)
}

fn read_outside(section: &OutsideSection, audit_dir: &Path, folder: &Folder) -> Result<Outside, ConfigError> {
    let wrong = |why: &str| ConfigError::new(format_args!("audit.outside: {why}"));
    match (&section.file, section.syslog, &section.http) {
        (Some(file), None, None) => {
            let path = folder.join(file);
            if is_below(&path, audit_dir) {
                return Err(wrong("the file is within audit.dir: whoever changes the log changes it too"));
            }
            if file.as_os_str().is_empty() || path.is_dir() || !path.parent().is_some_and(Path::is_dir) {
                return Err(wrong(&format!(
                    "{} cannot be a file: it is a folder, or in one that does not exist",
                    path.display()
                )));
            }
            Ok(Outside::File { path })
        }
        (None, Some(true), None) => Ok(Outside::Syslog { socket: SYSLOG.into() }),
        (None, None, Some(url)) => {
            Ok(Outside::Http(Endpoint::parse(url, tls()?).map_err(|error| wrong(&error.to_string()))?))
        }
        _ => Err(wrong("each entry is one of file = \"PATH\", syslog = true, http = \"URL\"")),
    }
}

/// Whom everybody trusts: the server is one that the operator chose by name.
fn tls() -> Result<Arc<ClientConfig>, ConfigError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Ok(Arc::new(tls_to(roots)?))
}

/// For servers whose certificates chain to one of `roots`.
pub(super) fn tls_to(roots: RootCertStore) -> Result<ClientConfig, ConfigError> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::new)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Also by way of links in the folders above.
fn is_below(path: &Path, dir: &Path) -> bool {
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    path.starts_with(dir)
        || parent.zip(dir.canonicalize().ok()).is_some_and(|(parent, dir)| parent.starts_with(dir))
}

const INIT: &str = "shaken audit init --dir DIR --origin NAME";

/// The socket of every log daemon.
const SYSLOG: &str = "/dev/log";

/// A checkpoint costs the disk a few syncs.
const MIN_CHECKPOINT_MS: u64 = 50;

/// What is not covered is not proven.
const MAX_CHECKPOINT_MS: u64 = 600_000;

/// A minute of a fast log; they wait in memory, 32 bytes each.
const MAX_CHECKPOINT_RECORDS: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::proof::Origin;

    fn read_in(folder: &Path, text: &str) -> Result<(Option<Proving>, Vec<String>), String> {
        let section: AuditSection =
            toml::from_str(&format!("dir = \"log\"\n{text}")).map_err(|error| error.to_string())?;
        let mut warnings = Vec::new();
        let read = read(&section, &folder.join("log"), &Folder::new(folder), &mut warnings);
        read.map(|proving| (proving, warnings)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_never_made_by_the_way() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_in(folder.path(), "").unwrap().0.is_none());
        let refused = read_in(folder.path(), "key = \"audit.key\"").unwrap_err();
        assert!(refused.contains("audit.key") && refused.contains("shaken audit init"), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        for depending in
            ["origin = \"a\"", "checkpoint_ms = 100", "checkpoint_records = 1", "[[outside]]\nsyslog = true"]
        {
            let refused = read_in(folder.path(), depending).unwrap_err();
            assert!(refused.contains("without audit.key"), "{refused}");
        }
    }

    #[test]
    fn settings_of_the_proof_have_limits() {
        let folder = tempfile::tempdir().unwrap();
        let origin = Origin::parse("voice.example.com/audit").unwrap();
        Key::generate(origin).unwrap().write_new(&folder.path().join("audit.key")).unwrap();
        std::fs::create_dir(folder.path().join("log")).unwrap();
        let read = |text: &str| read_in(folder.path(), &format!("key = \"audit.key\"\n{text}"));
        for good in [
            "origin = \"voice.example.com/audit\"",
            "checkpoint_ms = 50\ncheckpoint_records = 1",
            "[[outside]]\nfile = \"copies\"\n[[outside]]\nsyslog = true\n[[outside]]\nhttp = \"https://witness.example/\"",
            "[[outside]]\nhttp = \"http://127.0.0.1:8080/\"",
        ] {
            assert!(read(good).unwrap().0.is_some(), "{good}");
        }
        for (bad, part) in [
            ("origin = \"other.example\"", "audit.origin"),
            ("checkpoint_ms = 49", "checkpoint_ms"),
            ("checkpoint_ms = 600001", "checkpoint_ms"),
            ("checkpoint_records = 0", "checkpoint_records"),
            ("checkpoint_records = 1000001", "checkpoint_records"),
            ("witness = \"x\"", "unknown field `witness`"),
            ("[[outside]]\ntcp = \"x\"", "unknown field `tcp`"),
            ("[[outside]]", "one of"),
            ("[[outside]]\nsyslog = false", "one of"),
            ("[[outside]]\nsyslog = true\nfile = \"copies\"", "one of"),
            ("[[outside]]\nfile = \"\"", "cannot be a file"),
            ("[[outside]]\nfile = \"missing/copies\"", "cannot be a file"),
            ("[[outside]]\nfile = \"log/copies\"", "within audit.dir"),
            ("[[outside]]\nhttp = \"http://witness.example/\"", "https only"),
            ("[[outside]]\nhttp = \"ftp://witness.example/\"", "https URL"),
        ] {
            let refused = read(bad).map(drop).unwrap_err();
            assert!(refused.contains(part), "{bad}: {refused}");
        }
        assert!(read("").unwrap().1[0].contains("[[audit.outside]]"));
        std::fs::write(folder.path().join("audit.key"), "x").unwrap();
        assert!(read("").unwrap_err().contains("is not the key"));
    }
}
