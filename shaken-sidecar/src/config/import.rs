//! The file of `shaken policy import`: which database, and by which queries.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::export::read_secret;
use super::proving::tls_to;
use super::tls::read_roots;
use super::{ConfigError, Folder};
use crate::audit::mask::mask_runs;
use crate::import::{Database, Place, Query, Wanted};
use crate::listen::is_loopback;

/// What is imported, and from where.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) database: Database,
    /// At least one, none of them for the same rows as another; rights, which lead to all others, are last.
    pub(crate) queries: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    postgresql: PostgresqlSection,
    rights: Option<QuerySection>,
    customers: Option<QuerySection>,
    evidence: Option<QuerySection>,
    #[serde(default)]
    list: Vec<ListSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostgresqlSection {
    host: String,
    port: Option<u16>,
    dbname: String,
    user: String,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    tls: Option<bool>,
    ca: Option<PathBuf>,
    timeout_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuerySection {
    query: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListSection {
    file: PathBuf,
    query: String,
}

impl Import {
    /// Reads and checks the file at `path`, and the files it names.
    ///
    /// # Errors
    /// [`ConfigError`] with the file, the key and what to do about it.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(format_args!("cannot read {}: {error}", path.display())))?;
        let folder = Folder::new(path.parent().unwrap_or_else(|| Path::new("")));
        Self::parse(&text, &folder)
            .map_err(|error| ConfigError::new(format_args!("{}: {error}", path.display())))
    }

    fn parse(text: &str, folder: &Folder) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| {
            // Without the line itself: what people write by mistake may be a password.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            ConfigError::new(format_args!("line {line}: {}", mask_runs(error.message())))
        })?;
        let File { postgresql, rights, customers, evidence, list } = file;
        let one = |wanted, section: Option<QuerySection>| section.map(|section| (wanted, section.query));
        let lists = list.into_iter().map(|ListSection { file, query }| (Wanted::List(file), query));
        let wanted = one(Wanted::Evidence, evidence).into_iter().chain(one(Wanted::Customers, customers));
        let mut queries: Vec<Query> = Vec::new();
        for (wanted, text) in wanted.chain(lists).chain(one(Wanted::Rights, rights)) {
            if queries.iter().any(|other| other.wanted == wanted) {
                return Err(ConfigError::new(format_args!("{wanted} is there twice")));
            }
            // The end of a statement is no part of a query within another.
            let text = text.trim_end().trim_end_matches(';').trim_end().to_owned();
            if text.trim().is_empty() {
                return Err(ConfigError::new(format_args!("{wanted}: query is empty")));
            }
            queries.push(Query { wanted, text });
        }
        if queries.is_empty() {
            return Err(ConfigError::new(
                "there is nothing to import: give a query in [rights], [customers], [evidence] or [[list]]",
            ));
        }
        Ok(Self { database: read_database(postgresql, folder)?, queries })
    }
}

fn read_database(section: PostgresqlSection, folder: &Folder) -> Result<Database, ConfigError> {
    let place = read_place(&section, folder)?;
    let PostgresqlSection { dbname, user, password_file, password_env, timeout_s, .. } = section;
    for (key, value) in [("dbname", &dbname), ("user", &user)] {
        if value.is_empty() || value.contains('\0') {
            return Err(ConfigError::new(format_args!("postgresql.{key} is empty or no name")));
        }
    }
    let password = match (password_file, password_env) {
        (None, None) => None,
        (Some(path), None) => Some(read_secret("postgresql.password_file", &path, folder)?),
        (None, Some(name)) => match std::env::var(&name) {
            Ok(password) if !password.is_empty() => Some(Zeroizing::new(password)),
            _ => {
                return Err(ConfigError::new(format_args!(
                    "postgresql.password_env: {name:?} is not set, is empty or no text; put the password there, \
                     or give a password_file"
                )));
            }
        },
        (Some(_), Some(_)) => {
            return Err(ConfigError::new("postgresql: give password_file or password_env, not both"));
        }
    };
    let timeout_s = timeout_s.unwrap_or(TIMEOUT_S);
    if !(1..=MAX_TIMEOUT_S).contains(&timeout_s) {
        return Err(ConfigError::new(format_args!("postgresql.timeout_s must be 1 to {MAX_TIMEOUT_S}")));
    }
    Ok(Database { place, dbname, user, password, timeout: Duration::from_secs(timeout_s) })
}

/// Nothing goes over a network in clear.
fn read_place(section: &PostgresqlSection, folder: &Folder) -> Result<Place, ConfigError> {
    let PostgresqlSection { host, port, tls, ca, .. } = section;
    let port = port.unwrap_or(PORT);
    let wrong = |why: &str| Err(ConfigError::new(format_args!("postgresql.{why}")));
    if host.starts_with('/') {
        if *tls == Some(true) || ca.is_some() {
            return wrong("tls: there is none on a Unix socket; leave out tls and ca");
        }
        return Ok(Place::Unix(Path::new(host).join(format!(".s.PGSQL.{port}"))));
    }
    let Ok(name) = ServerName::try_from(host.clone()) else {
        return wrong("host is a name, an address, or the folder of a Unix socket that begins with /");
    };
    let is_near = host == "localhost" || host.parse().is_ok_and(is_loopback);
    match (tls, ca) {
        (Some(false), Some(_)) => wrong("ca is for TLS; leave out tls = false"),
        (Some(false), None) if !is_near => wrong(
            "tls: passwords and rights do not go over a network in clear; set it only for localhost, or reach \
             the server by a tunnel or a Unix socket",
        ),
        (Some(false), None) => Ok(Place::Tcp { host: host.clone(), port, tls: None }),
        (None, None) if is_near => Ok(Place::Tcp { host: host.clone(), port, tls: None }),
        (_, ca) => {
            let roots = match ca {
                None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
                Some(path) => read_roots("postgresql.ca", path, folder)?,
            };
            Ok(Place::Tcp { host: host.clone(), port, tls: Some((tls_to(roots)?.into(), name)) })
        }
    }
}

const PORT: u16 = 5432;

/// How long a query may take, unless the file says otherwise.
const TIMEOUT_S: u64 = 300;
const MAX_TIMEOUT_S: u64 = 86_400;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const QUERY: &str = "[rights]\nquery = \"SELECT 1\"";

    fn read_in(folder: &Path, text: &str) -> Result<Import, String> {
        Import::parse(text, &Folder::new(folder)).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_goes_over_a_network_in_clear() {
        let folder = tempfile::tempdir().unwrap();
        let of = |keys: &str| {
            let text = format!("[postgresql]\ndbname = \"d\"\nuser = \"u\"\n{keys}\n{QUERY}");
            read_in(folder.path(), &text).map(|import| match import.database.place {
                Place::Unix(path) => path.display().to_string(),
                Place::Tcp { host, port, tls } => {
                    format!("{host} {port} {}", if tls.is_some() { "tls" } else { "plain" })
                }
            })
        };
        for (keys, place) in [
            ("host = \"/run/postgresql\"", "/run/postgresql/.s.PGSQL.5432"),
            ("host = \"/run/postgresql\"\nport = 5433\ntls = false", "/run/postgresql/.s.PGSQL.5433"),
            ("host = \"localhost\"", "localhost 5432 plain"),
            ("host = \"127.0.0.1\"\nport = 6000", "127.0.0.1 6000 plain"),
            ("host = \"::1\"\ntls = false", "::1 5432 plain"),
            ("host = \"localhost\"\ntls = true", "localhost 5432 tls"),
            ("host = \"db.example.com\"", "db.example.com 5432 tls"),
            ("host = \"192.0.2.1\"", "192.0.2.1 5432 tls"),
        ] {
            assert_eq!(of(keys).as_deref(), Ok(place), "{keys}");
        }
        for (keys, part) in [
            ("host = \"db.example.com\"\ntls = false", "in clear"),
            ("host = \"192.0.2.1\"\ntls = false", "in clear"),
            ("host = \"localhost\"\ntls = false\nca = \"ca.pem\"", "leave out tls"),
            ("host = \"localhost\"\nca = \"ca.pem\"", "postgresql.ca"),
            ("host = \"/run/postgresql\"\ntls = true", "Unix socket"),
            ("host = \"\"", "postgresql.host"),
            ("host = \"a b\"", "postgresql.host"),
        ] {
            let refused = of(keys).unwrap_err();
            assert!(refused.contains(part), "{keys}: {refused}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_with_it() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("secret", 0o600), ("open", 0o644)] {
            std::fs::write(folder.path().join(name), "not-to-be-seen\n").unwrap();
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
        let head = "[postgresql]\nhost = \"localhost\"\ndbname = \"d\"\nuser = \"u\"";
        let good = read_in(folder.path(), &format!("{head}\npassword_file = \"secret\"\n{QUERY}")).unwrap();
        assert_eq!(good.database.password.as_ref().map(|password| &***password), Some("not-to-be-seen"));
        assert!(!format!("{good:?}").contains("not-to-be-seen"), "{good:?}");
        for (text, part) in [
            (format!("{head}\npassword = \"not-to-be-seen\"\n{QUERY}"), "line 5: unknown field `password`"),
            (format!("{head}\npassword_file = not-to-be-seen\n{QUERY}"), "line 5: "),
            (format!("{head}\npassword_file = \"open\"\n{QUERY}"), "chmod 0400"),
            (format!("{head}\npassword_env = \"SHAKEN_NO_SUCH_PASSWORD\"\n{QUERY}"), "is not set"),
            (format!("{head}\npassword_file = \"secret\"\npassword_env = \"HOME\"\n{QUERY}"), "not both"),
            (format!("{head}\ntimeout_s = 0\n{QUERY}"), "timeout_s"),
            (head.to_owned(), "nothing to import"),
            (format!("{head}\n[rights]\nquery = \" ; \""), "rights: query is empty"),
            (format!("{head}\n[right]\nquery = \"SELECT 1\""), "unknown field `right`"),
            (format!("{head}\n[[list]]\nfile = \"a\"\nquery = \"x\"\n").repeat(2), "line 8"),
            (
                format!("{head}\n{}", "[[list]]\nfile = \"a\"\nquery = \"x\"\n".repeat(2)),
                "list \"a\" is there twice",
            ),
        ] {
            let refused = read_in(folder.path(), &text).map(drop).unwrap_err();
            assert!(refused.contains(part), "{text}: {refused}");
            assert!(!refused.contains("not-to-be-seen"), "{refused}");
        }
    }
}
