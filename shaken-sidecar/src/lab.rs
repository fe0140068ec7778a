//! A lab: everything a provider gets from its STI-CA, made up on one machine, so that calls can be
//! signed and verified before any contract is signed.
//!
//! In: a directory, options and the time. Out: keys, certificates and a `shaken.toml` with which
//! the daemon starts as it is, and a [`Repository`] that serves the certificates over https on
//! loopback. A lab never talks to anything beyond this machine, and what its keys sign proves
//! nothing anywhere else: no verifier but this lab's trusts its root.
//!
//! ```text
//! DIR/                       0700
//!   sti-root.pem             the trust anchor: Lab SHAKEN Root CA
//!   sti-intermediate.pem     Lab SHAKEN Intermediate CA
//!   provider.pem             SHAKEN <spc>, then the intermediate: what x5u serves
//!   provider.key       0600  signs the PASSporTs
//!   tls-root.pem             the only TLS root that the lab's fetches trust
//!   tls-server.pem           the repository's certificate
//!   tls-server.key     0600
//!   audit/             0700
//!   shaken.toml              written last: with it, the lab is whole
//! ```

mod ca;
mod der;
mod error;
mod options;
mod repository;
mod tn_auth_list;
mod vectors;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{self, Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

pub use error::LabError;
pub use options::LabOptions;
pub use repository::{DownloadCount, Repository};
pub use tn_auth_list::{TnAuthListDer, TnEntryDer};
pub use vectors::VectorLab;

use ca::Pki;

/// A lab on disk.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Absolute, UTF-8, and short enough for the socket in it.
    dir: PathBuf,
    host: String,
    repository_address: SocketAddr,
}

impl Lab {
    /// Makes a lab in `dir`, which is empty or does not exist yet; its parent must exist. The
    /// certificates are valid from an hour before `now`, the provider's and the repository's for
    /// 30 days from `now`, the CAs' for 10 years. The trunk in `shaken.toml` is the user who runs
    /// this.
    ///
    /// # Errors
    /// [`LabError::Exists`] or [`LabError::NotEmpty`] if `dir` holds anything: nothing is ever
    /// overwritten. [`LabError::PathNotUtf8`], [`LabError::PathTooLong`] if the configuration
    /// could not name the files. [`LabError::Io`] if the disk refuses. [`LabError::TimeOutOfRange`],
    /// [`LabError::RandomUnavailable`], [`LabError::Issue`] if no certificates could be made.
    pub fn create(dir: &Path, options: &LabOptions, now: SystemTime) -> Result<Self, LabError> {
        let lab = Self {
            dir: usable_path(dir)?,
            host: options.host.clone(),
            repository_address: SocketAddr::from((Ipv4Addr::LOCALHOST, options.repository_port.get())),
        };
        claim_directory(&lab.dir)?;

        let pki = Pki::issue(options, now)?;
        for (name, mode, text) in [
            (STI_ROOT, PUBLIC, &pki.sti_root),
            (STI_INTERMEDIATE, PUBLIC, &pki.sti_intermediate),
            (PROVIDER_CHAIN, PUBLIC, &pki.provider_chain),
            (PROVIDER_KEY, SECRET, &pki.provider_key),
            (TLS_ROOT, PUBLIC, &pki.tls_root),
            (TLS_SERVER_CHAIN, PUBLIC, &pki.tls_server_chain),
            (TLS_SERVER_KEY, SECRET, &pki.tls_server_key),
        ] {
            write_new(&lab.dir.join(name), mode, text)?;
        }
        make_private_directory(&lab.dir.join(AUDIT)).map_err(io_error(&lab.dir.join(AUDIT)))?;
        let peer_uid = rustix::process::geteuid().as_raw();
        let config = lab.config_toml(lab.repository_address, peer_uid);
        write_new(&lab.config_path(), PUBLIC, &config)?;
        Ok(lab)
    }

    /// Opens the lab in `dir`, from its `shaken.toml`. The other files are read when they are
    /// needed.
    ///
    /// # Errors
    /// [`LabError::NotALab`] if there is no `shaken.toml`; [`LabError::Config`] if `signing.x5u`,
    /// where there is a `[signing]`, or the host's address under `fetch.lab.connect_to` is not in it; [`LabError::Io`] if it
    /// cannot be read; [`LabError::PathNotUtf8`], [`LabError::PathTooLong`] if the lab has been
    /// moved to where it cannot work.
    pub fn open(dir: &Path) -> Result<Self, LabError> {
        let dir = usable_path(dir)?;
        let path = dir.join(CONFIG);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(LabError::NotALab { dir }),
            other => other.map_err(io_error(&path))?,
        };
        let (host, repository_address) =
            repository_of(&text).map_err(|reason| LabError::Config { path, reason })?;
        Ok(Self { dir, host, repository_address })
    }

    /// The lab's directory, absolute.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The daemon's configuration in the lab's directory.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.dir.join(CONFIG)
    }

    /// The URL of the provider's certificates, as it stands in the PASSporTs.
    #[must_use]
    pub fn x5u(&self) -> String {
        options::x5u(&self.host)
    }

    /// Where `shaken.toml` expects the repository: what to give [`Repository::bind`].
    #[must_use]
    pub fn repository_address(&self) -> SocketAddr {
        self.repository_address
    }

    /// The daemon's configuration for this lab, as TOML: sockets and files in the lab's directory,
    /// the repository at `repository`, and one trunk for the local user `peer_uid`.
    #[must_use]
    pub fn config_toml(&self, repository: SocketAddr, peer_uid: u32) -> String {
        let file = |name: &str| quoted(&self.dir.join(name).to_string_lossy());
        format!(
            r#"# A lab: its keys are made up and prove nothing beyond this machine. Not for real calls.

[http]
socket = {socket}

[signing]
key = {key}
certificate = {certificate}
x5u = {x5u}

[trust]
anchors = [{anchor}]

# Without this table certificates come from public addresses only.
[fetch.lab]
tls_roots = {tls_roots}
connect_to = {{ {host} = {repository} }}

[audit]
dir = {audit}

# Whoever connects to the socket as this user may sign any number, up to full attestation. That is for laboratories:
# elsewhere only a policy gives it.
[[trunk]]
name = "lab"
uid = {peer_uid}
max_attest = "A"
"#,
            socket = file(SOCKET),
            key = file(PROVIDER_KEY),
            certificate = file(PROVIDER_CHAIN),
            x5u = quoted(&self.x5u()),
            anchor = file(STI_ROOT),
            tls_roots = file(TLS_ROOT),
            host = quoted(&self.host),
            repository = quoted(&repository.to_string()),
            audit = file(AUDIT),
        )
    }
}

/// The part of `shaken.toml` that tells a lab where its repository is. Everything else in the file
/// is for the daemon to judge.
#[derive(Deserialize)]
struct RepositoryConfig {
    signing: Option<SigningSection>,
    fetch: FetchSection,
}

#[derive(Deserialize)]
struct SigningSection {
    x5u: String,
}

#[derive(Deserialize)]
struct FetchSection {
    lab: FetchLabSection,
}

#[derive(Deserialize)]
struct FetchLabSection {
    connect_to: BTreeMap<String, SocketAddr>,
}

fn repository_of(config: &str) -> Result<(String, SocketAddr), String> {
    let config: RepositoryConfig = toml::from_str(config).map_err(|error| error.to_string())?;
    let hosts = config.fetch.lab.connect_to;
    let Some(SigningSection { x5u }) = config.signing else {
        // With a policy its certificates have an x5u each.
        let mut hosts = hosts.into_iter();
        return match (hosts.next(), hosts.next()) {
            (Some((host, address)), None) if options::is_repository_host(&host) => Ok((host, address)),
            _ => Err("fetch.lab.connect_to must name the one host of the lab's repository".into()),
        };
    };
    let host = x5u
        .strip_prefix("https://")
        .and_then(|rest| rest.strip_suffix(REPOSITORY_PATH))
        .filter(|host| options::is_repository_host(host))
        .ok_or_else(|| format!("signing.x5u is {x5u:?} and not https://<host>{REPOSITORY_PATH}"))?;
    let address = hosts.get(host).ok_or_else(|| {
        format!("fetch.lab.connect_to has no address for {host:?}, the host of signing.x5u")
    })?;
    Ok((host.to_owned(), *address))
}

fn usable_path(dir: &Path) -> Result<PathBuf, LabError> {
    let dir = path::absolute(dir).map_err(io_error(dir))?;
    if dir.to_str().is_none() {
        return Err(LabError::PathNotUtf8 { dir });
    }
    let socket = dir.join(SOCKET);
    if socket.as_os_str().len() > error::MAX_SOCKET_PATH_BYTES {
        return Err(LabError::PathTooLong { socket });
    }
    Ok(dir)
}

fn claim_directory(dir: &Path) -> Result<(), LabError> {
    match make_private_directory(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other.map_err(io_error(dir)),
    }
    if fs::symlink_metadata(dir.join(CONFIG)).is_ok() {
        return Err(LabError::Exists { dir: dir.to_owned() });
    }
    if fs::read_dir(dir).map_err(io_error(dir))?.next().is_some() {
        return Err(LabError::NotEmpty { dir: dir.to_owned() });
    }
    fs::set_permissions(dir, Permissions::from_mode(DIRECTORY)).map_err(io_error(dir))
}

fn make_private_directory(dir: &Path) -> io::Result<()> {
    DirBuilder::new().mode(DIRECTORY).create(dir)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), LabError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(io_error(path))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> LabError {
    move |source| LabError::Io { path: path.to_owned(), source }
}

/// A TOML string, whatever is in it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

const REPOSITORY_PATH: &str = "/provider.pem";

const STI_ROOT: &str = "sti-root.pem";
const STI_INTERMEDIATE: &str = "sti-intermediate.pem";
const PROVIDER_CHAIN: &str = "provider.pem";
const PROVIDER_KEY: &str = "provider.key";
const TLS_ROOT: &str = "tls-root.pem";
const TLS_SERVER_CHAIN: &str = "tls-server.pem";
const TLS_SERVER_KEY: &str = "tls-server.key";
const CONFIG: &str = "shaken.toml";
const SOCKET: &str = "shaken.sock";
const AUDIT: &str = "audit";

const DIRECTORY: u32 = 0o700;
const PUBLIC: u32 = 0o644;
const SECRET: u32 = 0o600;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    fn create(dir: &Path) -> Result<Lab, LabError> {
        Lab::create(dir, &LabOptions::default(), SystemTime::now())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_lab_has_its_files_and_nobody_else_reads_its_keys() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("lab");
        let lab = create(&dir).unwrap();
        assert_eq!(lab.dir(), dir);
        let mut names: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "audit",
                "provider.key",
                "provider.pem",
                "shaken.toml",
                "sti-intermediate.pem",
                "sti-root.pem",
                "tls-root.pem",
                "tls-server.key",
                "tls-server.pem",
            ]
        );
        assert_eq!((mode(&dir), mode(&dir.join("audit"))), (0o700, 0o700));
        for name in names.iter().filter(|name| name.as_str() != "audit") {
            let text = fs::read_to_string(dir.join(name)).unwrap();
            if name.ends_with(".key") {
                assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
                assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"), "{name}");
            } else {
                assert!(!text.contains("PRIVATE KEY"), "{name}");
            }
        }
    }

    #[test]
    fn an_empty_directory_is_taken_and_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        create(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o700);
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).unwrap();
        let key = || fs::read(dir.path().join(PROVIDER_KEY)).unwrap();
        let before = key();
        let error = create(dir.path()).unwrap_err();
        assert!(matches!(error, LabError::Exists { .. }), "{error}");
        assert_eq!(key(), before);

        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("mail.txt"), "keep me").unwrap();
        fs::set_permissions(other.path(), Permissions::from_mode(0o755)).unwrap();
        let error = create(other.path()).unwrap_err();
        assert!(matches!(error, LabError::NotEmpty { .. }), "{error}");
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
        assert_eq!(mode(other.path()), 0o755);
    }

    #[test]
    fn a_file_or_link_that_appears_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "keep me").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            assert!(matches!(write_new(path, SECRET, "key"), Err(LabError::Io { .. })));
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "keep me");
    }

    #[test]
    fn a_path_that_cannot_work_is_refused_before_anything_is_made() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let parent = tempfile::tempdir().unwrap();
        let error = create(&parent.path().join("d".repeat(107))).unwrap_err();
        assert!(matches!(error, LabError::PathTooLong { .. }), "{error}");
        let error = create(&parent.path().join(OsStr::from_bytes(b"\xFF"))).unwrap_err();
        assert!(matches!(error, LabError::PathNotUtf8 { .. }), "{error}");
        let error = create(&parent.path().join("missing/lab")).unwrap_err();
        assert!(matches!(error, LabError::Io { .. }), "{error}");
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let error = create(&file).unwrap_err();
        assert!(matches!(error, LabError::Io { .. }), "{error}");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_opened_lab_is_the_one_that_was_made() {
        let dir = tempfile::tempdir().unwrap();
        let options = LabOptions::default()
            .with_host("repository.example")
            .unwrap()
            .with_repository_port(NonZeroU16::new(9443).unwrap());
        let made = Lab::create(dir.path(), &options, SystemTime::now()).unwrap();
        let opened = Lab::open(dir.path()).unwrap();
        assert_eq!(opened.dir(), made.dir());
        assert_eq!(opened.config_path(), made.config_path());
        assert_eq!(opened.x5u(), "https://repository.example/provider.pem");
        assert_eq!(opened.repository_address(), "127.0.0.1:9443".parse().unwrap());
    }

    #[test]
    fn what_is_no_lab_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let error = Lab::open(dir.path()).unwrap_err();
        assert!(matches!(error, LabError::NotALab { .. }), "{error}");

        let text = create(dir.path()).unwrap().config_toml("127.0.0.1:8443".parse().unwrap(), 1000);
        for (from, to) in [
            ("[signing]", "[signing"),
            ("x5u = ", "url = "),
            ("https://cr.lab.example/provider.pem", "http://cr.lab.example/provider.pem"),
            ("https://cr.lab.example/provider.pem", "https://cr.lab.example/other.pem"),
            ("{ \"cr.lab.example\" =", "{ \"other.example\" ="),
            ("127.0.0.1:8443", "localhost"),
        ] {
            assert!(text.contains(from), "{from}");
            fs::write(dir.path().join(CONFIG), text.replace(from, to)).unwrap();
            let error = Lab::open(dir.path()).unwrap_err();
            assert!(matches!(error, LabError::Config { .. }), "{to}: {error}");
        }
    }

    #[test]
    fn the_configuration_names_every_file_whatever_the_directory_is_called() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a \"lab\"\\'s\n#1");
        let lab = create(&dir).unwrap();
        let text = lab.config_toml("127.0.0.1:54321".parse().unwrap(), 4711);
        let config: toml::Table = text.parse().unwrap();
        let file = |name: &str| toml::Value::from(dir.join(name).to_str().unwrap());
        assert_eq!(config["http"]["socket"], file("shaken.sock"));
        assert_eq!(config["signing"]["key"], file("provider.key"));
        assert_eq!(config["signing"]["certificate"], file("provider.pem"));
        assert_eq!(config["signing"]["x5u"].as_str(), Some(lab.x5u().as_str()));
        assert_eq!(config["trust"]["anchors"], vec![file("sti-root.pem")].into());
        assert_eq!(config["fetch"]["lab"]["tls_roots"], file("tls-root.pem"));
        let connect_to = &config["fetch"]["lab"]["connect_to"]["cr.lab.example"];
        assert_eq!(connect_to.as_str(), Some("127.0.0.1:54321"));
        assert_eq!(config["audit"]["dir"], file("audit"));
        assert_eq!(config["trunk"][0]["uid"].as_integer(), Some(4711));

        let written = fs::read_to_string(lab.config_path()).unwrap();
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(written, lab.config_toml(lab.repository_address(), uid));
    }

    #[test]
    fn a_relative_directory_is_made_absolute() {
        // Opened and not created: the test's own directory must stay as it is.
        match Lab::open(Path::new("no-such-lab")).unwrap_err() {
            LabError::NotALab { dir } => assert!(dir.is_absolute() && dir.ends_with("no-such-lab")),
            other => panic!("{other}"),
        }
    }
}
