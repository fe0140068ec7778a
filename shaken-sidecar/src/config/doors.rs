//! What `[http]` and `[resp]` say of listeners.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::export::read_secret;
use super::tls::{TlsSection, read_certificate_name, read_tls};
use super::{ConfigError, Folder, PlaceFor, is_name, read_group, read_mode, read_place};
use crate::api::Remotes;
use crate::call::Offers;
use crate::listen::{Group, Tls, Users, WithoutCertificate, is_loopback};

/// A Unix socket to make.
#[derive(Debug)]
pub struct UnixPlace {
    /// Its path.
    pub path: PathBuf,
    /// Permission bits of the file.
    pub mode: u32,
    /// Group of the file.
    pub group: Option<Group>,
}

/// HTTP on TCP.
#[derive(Debug)]
pub struct HttpTcp {
    /// Where.
    pub address: SocketAddr,
    /// Whom it lets in.
    pub remotes: Remotes,
    /// What it is for.
    pub offers: Offers,
}

/// The Redis protocol.
#[derive(Debug)]
pub struct Resp {
    /// On a Unix socket.
    pub unix: Option<UnixPlace>,
    /// On TCP, and for whom.
    pub tcp: Option<(SocketAddr, Users)>,
    /// What it is for.
    pub offers: Offers,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSection {
    socket: PathBuf,
    mode: Option<String>,
    group: Option<String>,
    pub(super) deadline_ms: Option<u64>,
    listen: Option<String>,
    #[serde(default)]
    verify_only: bool,
    #[serde(default)]
    hosts: Vec<String>,
    tls: Option<TlsSection>,
    #[serde(default)]
    user: Vec<HttpUserSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RespSection {
    socket: Option<PathBuf>,
    mode: Option<String>,
    group: Option<String>,
    listen: Option<String>,
    #[serde(default)]
    verify_only: bool,
    #[serde(default)]
    user: Vec<UserSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpUserSection {
    name: String,
    secret_file: Option<PathBuf>,
    certificate_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserSection {
    name: String,
    secret_file: PathBuf,
}

/// The socket of HTTP, and its TCP port if there is one.
pub(super) fn read_http(
    section: &HttpSection,
    folder: &Folder,
    warnings: &mut Vec<String>,
) -> Result<(UnixPlace, Option<HttpTcp>), ConfigError> {
    let unix = UnixPlace {
        path: read_place("http.socket", &section.socket, folder, PlaceFor::Socket)?,
        mode: read_mode("http.mode", section.mode.as_deref())?,
        group: section.group.as_deref().map(|group| read_group("http.group", group)).transpose()?,
    };
    let HttpSection { verify_only, hosts, tls, user, .. } = section;
    let Some(listen) = &section.listen else {
        if *verify_only || !hosts.is_empty() || tls.is_some() || !user.is_empty() {
            return Err(ConfigError::new(
                "http.verify_only, hosts, tls and user are for http.listen, which is missing",
            ));
        }
        return Ok((unix, None));
    };
    let address = read_address("http.listen", listen)?;
    if user.is_empty() && !is_loopback(address.ip()) {
        return Err(ConfigError::new(
            "http.listen can be reached from elsewhere: give [[http.user]] with a secret_file, or listen on \
             127.0.0.1",
        ));
    }
    let (users, tls) = read_http_users(user, tls.as_ref(), folder)?;
    if tls.is_none() {
        warn_of_clear_text("http.listen", address, warnings);
    }
    let is_host = |host: &String| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    };
    if !hosts.iter().all(is_host) {
        return Err(ConfigError::new("http.hosts are names without port, such as \"stir.example.com\""));
    }
    let remotes = Remotes::new(users, hosts.clone());
    let remotes = match tls {
        Some(tls) => remotes.with_tls(tls),
        None => remotes,
    };
    Ok((unix, Some(HttpTcp { address, remotes, offers: offers(*verify_only) })))
}

/// The listeners of the Redis protocol.
pub(super) fn read_resp(
    section: &RespSection,
    http: &Path,
    folder: &Folder,
    warnings: &mut Vec<String>,
) -> Result<Resp, ConfigError> {
    let wrong = |why: &str| Err(ConfigError::new(why));
    let RespSection { socket, mode, group, listen, verify_only, user } = section;
    if socket.is_none() && (mode.is_some() || group.is_some()) {
        return wrong("resp.mode and group are for resp.socket, which is missing");
    }
    let unix = match socket {
        None => None,
        Some(path) => Some(UnixPlace {
            path: read_place("resp.socket", path, folder, PlaceFor::Socket)?,
            mode: read_mode("resp.mode", mode.as_deref())?,
            group: group.as_deref().map(|group| read_group("resp.group", group)).transpose()?,
        }),
    };
    if unix.as_ref().is_some_and(|unix| unix.path == http) {
        return wrong("resp.socket is that of http; each needs its own");
    }
    let tcp = match listen {
        None if !user.is_empty() => return wrong("resp.user is for resp.listen, which is missing"),
        None => None,
        Some(_) if user.is_empty() => {
            return wrong(
                "resp.listen needs [[resp.user]] with a secret_file: on TCP nobody tells who is there",
            );
        }
        Some(listen) => {
            let address = read_address("resp.listen", listen)?;
            warn_of_clear_text("resp.listen", address, warnings);
            Some((address, read_users("resp", user, folder)?))
        }
    };
    if unix.is_none() && tcp.is_none() {
        return wrong("[resp] is empty: give socket, listen or both");
    }
    Ok(Resp { unix, tcp, offers: offers(*verify_only) })
}

/// The port of metrics and health.
pub(super) fn read_monitoring(listen: &str, warnings: &mut Vec<String>) -> Result<SocketAddr, ConfigError> {
    let address = read_address("admin.listen", listen)?;
    if !is_loopback(address.ip()) {
        warnings.push(format!(
            "admin.listen = \"{address}\" can be reached from elsewhere, and tells everyone how many calls there are"
        ));
    }
    Ok(address)
}

/// All names of users.
pub(super) fn users<'a>(http: &'a HttpSection, resp: Option<&'a RespSection>) -> Vec<&'a str> {
    let http = http.user.iter().map(|user| user.name.as_str());
    http.chain(resp.into_iter().flat_map(|resp| &resp.user).map(|user| user.name.as_str())).collect()
}

fn offers(verify_only: bool) -> Offers {
    if verify_only { Offers::VerifyOnly } else { Offers::All }
}

pub(super) fn read_address(key: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| {
        ConfigError::new(format_args!("{key} must be an IP address and a port, such as \"127.0.0.1:8080\""))
    })
}

fn warn_of_clear_text(key: &str, address: SocketAddr, warnings: &mut Vec<String>) {
    if !is_loopback(address.ip()) {
        warnings.push(format!(
            "{key} = \"{address}\" can be reached from elsewhere, and calls and secrets cross the network in clear"
        ));
    }
}

/// Who is known by a secret, and TLS, by which others may be known.
fn read_http_users(
    sections: &[HttpUserSection],
    tls: Option<&TlsSection>,
    folder: &Folder,
) -> Result<(Users, Option<Tls>), ConfigError> {
    let (mut secrets, mut certificates) = (Vec::new(), Vec::new());
    for HttpUserSection { name, secret_file, certificate_name } in sections {
        let wrong = |what: &str| ConfigError::new(format_args!("http.user {name:?}: {what}"));
        if !is_name(name) {
            return Err(wrong(NAME_RULE));
        }
        match (secret_file, certificate_name) {
            (Some(secret_file), None) => {
                secrets.push(UserSection { name: name.clone(), secret_file: secret_file.clone() });
            }
            (None, Some(certificate_name)) => {
                let known_by = read_certificate_name(certificate_name).ok_or_else(|| {
                    wrong("certificate_name must be a DNS name, such as \"sbc.example.com\"")
                })?;
                let is_taken = |(other, user): &(_, String)| *other == known_by || user == name;
                if certificates.iter().any(is_taken) || secrets.iter().any(|user| user.name == *name) {
                    return Err(wrong("the name is that of another one"));
                }
                certificates.push((known_by, name.clone()));
            }
            _ => return Err(wrong("give secret_file or certificate_name, and not both")),
        }
    }
    let users = read_users("http", &secrets, folder)?;
    let Some(tls) = tls else {
        if !certificates.is_empty() {
            return Err(ConfigError::new("http.user.certificate_name needs [http.tls]"));
        }
        return Ok((users, None));
    };
    // Where some are known by secrets, they need no certificate beside it.
    let without = match users.is_empty() || certificates.is_empty() {
        true => WithoutCertificate::Refused,
        false => WithoutCertificate::AskedForSecret,
    };
    read_tls(tls, certificates, without, folder).map(|tls| (users, Some(tls)))
}

fn read_users(table: &str, sections: &[UserSection], folder: &Folder) -> Result<Users, ConfigError> {
    let mut users = Users::nobody().ok_or_else(|| ConfigError::new("the system gives no random bytes"))?;
    for UserSection { name, secret_file } in sections {
        let wrong = |what: &str| ConfigError::new(format_args!("{table}.user {name:?}: {what}"));
        if !is_name(name) {
            return Err(wrong(NAME_RULE));
        }
        let secret = read_secret(&format!("{table}.user.secret_file"), secret_file, folder)?;
        if secret.len() < MIN_SECRET_LEN {
            return Err(wrong("a secret has 16 bytes at least; make one with: openssl rand -hex 24"));
        }
        if !secret.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong("the secret must be one line of printable ASCII without spaces"));
        }
        if !users.add(name.clone(), secret.as_bytes()) {
            return Err(wrong("the name or the secret is that of another one"));
        }
    }
    Ok(users)
}

const NAME_RULE: &str = "the name must be printable ASCII without spaces and quotes";

/// Nothing that can be guessed over a network.
const MIN_SECRET_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[derive(Deserialize)]
    struct Sections {
        http: HttpSection,
        resp: Option<RespSection>,
    }

    fn read(folder: &Path, text: &str) -> Result<Vec<String>, String> {
        let sections: Sections = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut warnings = Vec::new();
        let folder = &Folder::new(folder);
        let (unix, _) = read_http(&sections.http, folder, &mut warnings).map_err(|e| e.to_string())?;
        if let Some(resp) = &sections.resp {
            read_resp(resp, &unix.path, folder, &mut warnings).map_err(|error| error.to_string())?;
        }
        Ok(warnings)
    }

    #[test]
    fn doors_are_closed_unless_told_how_far_to_open() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str, mode| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        file("secret", "not-to-be-seen-by-others\n", 0o600);
        file("second", "nor-this-one-by-anybody\n", 0o600);
        file("open", "not-to-be-seen-by-others\n", 0o644);
        file("short", "fifteen-letters\n", 0o600);
        file("spaced", "not to be seen by others\n", 0o600);
        let read = |text: &str| read(folder.path(), &format!("[http]\nsocket = \"s\"\n{text}"));
        let user = |table: &str, name: &str, file: &str| {
            format!("[[{table}.user]]\nname = \"{name}\"\nsecret_file = \"{file}\"\n")
        };
        for (good, warned) in [
            (String::new(), 0),
            ("listen = \"127.0.0.1:8080\"\nverify_only = true\nhosts = [\"stir.example.com\"]".into(), 0),
            ("listen = \"[::1]:8080\"".into(), 0),
            (format!("listen = \"192.0.2.1:8080\"\n{}", user("http", "pbx", "secret")), 1),
            ("[resp]\nsocket = \"r\"\nmode = \"0600\"\nverify_only = true".into(), 0),
            (format!("[resp]\nlisten = \"127.0.0.1:6380\"\n{}", user("resp", "pbx", "secret")), 0),
            (
                format!(
                    "[resp]\nsocket = \"r\"\nlisten = \"0.0.0.0:6380\"\n{}{}",
                    user("resp", "pbx", "secret"),
                    user("resp", "sbc", "second")
                ),
                1,
            ),
        ] {
            assert_eq!(read(&good).map(|warnings| warnings.len()), Ok(warned), "{good}");
        }
        let tcp = "[resp]\nlisten = \"127.0.0.1:6380\"\n";
        for (bad, part) in [
            ("listen = \"8080\"".to_owned(), "http.listen must be"),
            ("listen = \"localhost:8080\"".into(), "http.listen must be"),
            ("listen = \"0.0.0.0:8080\"".into(), "[[http.user]]"),
            ("listen = \"[::]:8080\"".into(), "[[http.user]]"),
            ("listen = \"192.0.2.1:8080\"".into(), "[[http.user]]"),
            ("verify_only = true".into(), "http.listen, which is missing"),
            ("hosts = [\"a.example\"]".into(), "http.listen, which is missing"),
            (user("http", "pbx", "secret"), "http.listen, which is missing"),
            ("listen = \"127.0.0.1:1\"\nhosts = [\"a.example:80\"]".into(), "http.hosts"),
            ("listen = \"127.0.0.1:1\"\nhosts = [\"\"]".into(), "http.hosts"),
            ("token = \"x\"".into(), "unknown field `token`"),
            ("[resp]".into(), "[resp] is empty"),
            ("[resp]\nmode = \"0600\"".into(), "resp.socket, which is missing"),
            ("[resp]\nsocket = \"s\"".into(), "that of http"),
            ("[resp]\nsocket = \"r\"\nmode = \"rw\"".into(), "resp.mode"),
            ("[resp]\nsocket = \"r\"\ngroup = \"no-such-group\"".into(), "resp.group"),
            ("[resp]\nsocket = \"missing/r\"".into(), "resp.socket"),
            ("[resp]\nsocket = \"r\"\npassword = \"x\"".into(), "unknown field `password`"),
            (tcp.into(), "[[resp.user]]"),
            (
                format!("[resp]\nsocket = \"r\"\n{}", user("resp", "pbx", "secret")),
                "resp.listen, which is missing",
            ),
            (format!("{tcp}{}", user("resp", "pbx", "open")), "chmod 0400"),
            (format!("{tcp}{}", user("resp", "pbx", "short")), "16 bytes"),
            (format!("{tcp}{}", user("resp", "pbx", "spaced")), "without spaces"),
            (format!("{tcp}{}", user("resp", "pbx", "missing")), "cannot read"),
            (format!("{tcp}{}", user("resp", "p x", "secret")), "printable"),
            (format!("{tcp}{0}{0}", user("resp", "pbx", "secret")), "another one"),
            (format!("{tcp}{}{}", user("resp", "a", "secret"), user("resp", "b", "secret")), "another one"),
        ] {
            let refused = read(&bad).unwrap_err();
            assert!(refused.contains(part), "{bad}: {refused}");
            assert!(!refused.contains("not-to-be-seen"), "{refused}");
        }
    }
}
