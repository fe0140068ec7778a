//! What of a configuration takes a restart to change.

use std::collections::BTreeMap;

use super::ConfigError;
use super::folder::ReadFile;

/// The settings, and the contents of files, that stay as they were at the start: sockets, the audit
/// log, and whatever is not known to be changeable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed(BTreeMap<String, String>);

impl Fixed {
    pub(super) fn of(text: &str, files: Vec<ReadFile>) -> Result<Self, ConfigError> {
        let table: toml::Table = toml::from_str(text).map_err(ConfigError::new)?;
        let mut fixed = BTreeMap::new();
        for (name, value) in &table {
            match value {
                toml::Value::Table(section) if !CHANGEABLE.contains(&name.as_str()) => {
                    for (key, value) in section {
                        fixed.insert(format!("{name}.{key}"), value.to_string());
                    }
                }
                value => drop(fixed.insert(name.clone(), value.to_string())),
            }
        }
        for file in files {
            let place = format!("{} {}", file.path.display(), crate::hex::hex(&file.sha256));
            fixed.insert(format!("{} (the file)", file.key), place);
        }
        fixed.retain(|key, _| !is_changeable(key));
        Ok(Self(fixed))
    }

    /// The keys that differ, in order.
    #[must_use]
    pub fn changed<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let keys = self.0.keys().chain(other.0.keys().filter(|key| !self.0.contains_key(*key)));
        keys.filter(|key| self.0.get(*key) != other.0.get(*key)).map(String::as_str).collect()
    }
}

fn is_changeable(key: &str) -> bool {
    CHANGEABLE.iter().any(|changeable| {
        key.strip_prefix(changeable).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']))
    })
}

/// Everything else is fixed.
const CHANGEABLE: &[&str] = &[
    "admin.uids",
    "audit.identity",
    "fetch.budget_ms",
    "fetch.cache_mib",
    "fetch.deadline_ms",
    "fetch.deny",
    "fetch.downloads",
    "fetch.downloads_per_host",
    "fetch.lab",
    "fetch.max_stale_s",
    "http.deadline_ms",
    "http.hosts",
    "http.tls",
    "http.user",
    "http.verify_only",
    "limits",
    "policy",
    "resp.user",
    "resp.verify_only",
    "signing",
    "sip.emergency",
    "sip.peer",
    "trunk",
    "trust",
    "verification",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let text = "[http]\nsocket = \"s\"\ndeadline_ms = 1\n[audit]\ndir = \"a\"\n[[trunk]]\nname = \"t\"\n[trust]\nx = 1\n";
        let fixed = |text: &str, key: &[u8]| {
            let file = |name: &str| ReadFile { key: name.into(), path: name.into(), sha256: key.into() };
            Fixed::of(text, vec![file("audit.key"), file("signing.key")]).unwrap()
        };
        let before = fixed(text, b"1");
        for (from, to, changed) in [
            ("deadline_ms = 1", "deadline_ms = 2", &[][..]),
            ("x = 1", "y = 2", &[]),
            ("\"t\"", "\"u\"", &[]),
            ("\"s\"", "\"r\"", &["http.socket"]),
            ("\"a\"", "\"b\"", &["audit.dir"]),
            ("dir = \"a\"", "dir = \"a\"\nseal = true", &["audit.seal"]),
            ("dir = \"a\"", "dir = \"a\"\nidentity = \"sha256\"", &[]),
            ("[trust]", "[resp]\nsocket = \"r\"\nuser = []\n[trust]", &["resp.socket"]),
            ("[trust]", "[fetch]\nbudget_ms = 7\nlab.tls_roots = \"t\"\n[trust]", &[]),
            ("[trust]", "[fetch]\ncache_dir = \"c\"\n[trust]", &["fetch.cache_dir"]),
            ("[trust]", "[sip]\nudp = [\"r\"]\n[trust]", &["sip.udp"]),
            ("[trust]", "[sip]\nemergency = []\n[[sip.peer]]\nname = \"p\"\n[trust]", &[]),
            ("[trust]", "[admin]\nuids = [7]\n[trust]", &[]),
            ("[trust]", "[admin]\nlisten = \"r\"\n[trust]", &["admin.listen"]),
        ] {
            assert_eq!(before.changed(&fixed(&text.replace(from, to), b"1")), changed, "{to}");
        }
        assert_eq!(before.changed(&fixed(text, b"2")), ["audit.key (the file)"]);
    }
}
