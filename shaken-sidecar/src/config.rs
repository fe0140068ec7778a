//! The configuration of the daemon: one TOML file, wholly checked before anything is bound.
//!
//! Unknown keys are errors. Paths are taken relative to the folder of the file. What comes out
//! holds keys and certificates that were read and found good, not paths to them.

mod audit;
mod daemon;
mod doors;
mod export;
mod fixed;
mod folder;
mod import;
mod policy;
mod proving;
mod sip;
mod tls;
mod traces;
mod trunks;
mod verification;

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use shaken_core::cert::{check_path, read_chain};
use shaken_core::fetch::FetchPolicy;
use shaken_core::{Attest, Error, Signer, Trust, key};

use crate::audit::export::Export;
use crate::audit::{AuditOptions, Proving};
use crate::call::IdentityKept;
use crate::call::Signing;
use crate::limits::LimitOptions;
use crate::listen::{Group, MAX_PATH_LEN};
use crate::policy::data::Kept;
use crate::policy::{Trunk, shadowed};
use crate::ruling::Ruling;
use crate::telemetry::{LogFormat, TraceOptions};
use audit::{AuditSection, read_audit};
use daemon::DaemonSection;
use doors::{HttpSection, RespSection};
pub use doors::{HttpTcp, Resp, UnixPlace};
pub use fixed::Fixed;
use folder::Folder;
pub(crate) use import::Import;
use policy::{Known, PolicySection, read_policy};
pub use sip::Sip;
use sip::SipSection;
use traces::TracesSection;
use trunks::{TrunkSection, read_trunks};
pub use verification::Trusting;
use verification::{
    FetchSection, TrustSection, VerificationSection, fetch_budget, read_fetch, read_trust, read_verification,
};

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Path of the Unix socket.
    pub socket: PathBuf,
    /// Permission bits of the socket file.
    pub socket_mode: u32,
    /// Group of the socket file.
    pub socket_group: Option<Group>,
    /// Where and for whom it is on TCP, if it is.
    pub http_tcp: Option<HttpTcp>,
    /// Where and for whom the Redis protocol is spoken, if it is.
    pub resp: Option<Resp>,
    /// Where and for whom SIP is spoken, if it is.
    pub sip: Option<Sip>,
    /// Time for one request, its download included.
    pub deadline: Duration,
    /// How much work is taken on.
    pub limits: LimitOptions,
    /// How certificates are downloaded.
    pub fetch: FetchPolicy,
    /// Decides on calls to sign and signs them, if a key or a policy is configured.
    pub ruling: Option<Ruling>,
    /// The policy to be kept, if policies are.
    pub policy_kept: Option<Kept>,
    /// Verifies calls, if trust anchors are configured.
    pub verification: Option<Trusting>,
    /// Folder of the audit log.
    pub audit_dir: PathBuf,
    /// How the audit log is run.
    pub audit: AuditOptions,
    /// What makes it tamper-evident, if a key is configured.
    pub proving: Option<Proving>,
    /// Where its records are copied to, if anywhere.
    pub export: Option<Export>,
    /// What is kept of Identity headers.
    pub identity: IdentityKept,
    /// Names the contents of the file and of those that it names, for the record: the first 16 hex digits
    /// of a SHA-256.
    pub generation: String,
    /// Who may ask.
    pub trunks: Vec<Trunk>,
    /// Who may look into the audit log besides root and the daemon's own user.
    pub admin_uids: Vec<u32>,
    /// Where metrics and health are told on TCP, to whoever asks.
    pub monitoring: Option<SocketAddr>,
    /// What a line of the log is.
    pub log: LogFormat,
    /// Where traces of calls go, if they are made.
    pub traces: Option<TraceOptions>,
    /// How many threads work on requests.
    pub workers: NonZeroUsize,
    /// How long a worker looks for the next call before it sleeps; not at all if zero.
    pub busy_poll: Duration,
    /// What is allowed and still worth a line in the log.
    pub warnings: Vec<String>,
    /// What cannot change while the daemon runs.
    pub fixed: Fixed,
    /// Where the configuration is, absolute.
    pub path: PathBuf,
    /// The files that were read for it.
    pub files: Vec<PathBuf>,
    /// The files that copies of checkpoints are added to.
    pub outside_files: Vec<PathBuf>,
}

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    fn new(message: impl Display) -> Self {
        Self(message.to_string())
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    http: HttpSection,
    resp: Option<RespSection>,
    sip: Option<SipSection>,
    signing: Option<SigningSection>,
    policy: Option<PolicySection>,
    trust: Option<TrustSection>,
    #[serde(default)]
    verification: VerificationSection,
    #[serde(default)]
    fetch: FetchSection,
    audit: AuditSection,
    #[serde(default)]
    trunk: Vec<TrunkSection>,
    #[serde(default)]
    admin: AdminSection,
    #[serde(default)]
    log: LogSection,
    traces: Option<TracesSection>,
    #[serde(default)]
    daemon: DaemonSection,
    #[serde(default)]
    limits: LimitsSection,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsSection {
    sign_per_s: Option<NonZeroU32>,
    verify_per_s: Option<NonZeroU32>,
    sign_under_way: Option<NonZeroU32>,
    verify_under_way: Option<NonZeroU32>,
}

impl From<LimitsSection> for LimitOptions {
    fn from(section: LimitsSection) -> Self {
        let LimitsSection { sign_per_s, verify_per_s, sign_under_way, verify_under_way } = section;
        let default = Self::default();
        Self {
            sign_per_s,
            verify_per_s,
            sign_under_way: sign_under_way.unwrap_or(default.sign_under_way),
            verify_under_way: verify_under_way.unwrap_or(default.verify_under_way),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminSection {
    #[serde(default)]
    uids: Vec<u32>,
    listen: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogSection {
    #[serde(default)]
    format: LogFormat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningSection {
    key: PathBuf,
    certificate: PathBuf,
    x5u: String,
}

impl Config {
    /// Reads and checks the configuration in `path`, at `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`ConfigError`] with the file, the key and what to do about it.
    pub fn load(path: &Path, now: i64) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(format_args!("cannot read {}: {error}", path.display())))?;
        let absolute = std::path::absolute(path)
            .map_err(|error| ConfigError::new(format_args!("{}: {error}", path.display())))?;
        let folder = Folder::new(absolute.parent().unwrap_or(&absolute));
        let config = Self::parse(&text, folder, now)
            .map_err(|error| ConfigError::new(format_args!("{}: {error}", path.display())))?;
        Ok(Self { path: absolute, ..config })
    }

    fn parse(text: &str, folder: Folder, now: i64) -> Result<Self, ConfigError> {
        let file: File =
            toml::from_str(text).map_err(|error| ConfigError::new(error.to_string().trim_end()))?;
        let folder = &folder;
        let mut warnings = Vec::new();
        let fetch = read_fetch(&file.fetch, folder, &mut warnings)?;
        let trust = match &file.trust {
            None => None,
            Some(section) => Some(read_trust(section, &fetch, folder, now, &mut warnings)?),
        };
        let anchors = trust.as_ref().map(|(trust, _)| trust.clone());
        let mut ruling = match &file.signing {
            None => None,
            Some(section) => {
                let keys = SignerKeys {
                    key: ("signing.key", &section.key),
                    certificate: ("signing.certificate", &section.certificate),
                    x5u: ("signing.x5u", &section.x5u),
                };
                let signer = read_signer(&keys, anchors.as_ref(), folder, now, &mut warnings)?;
                let expired = |error| core_error("signing.certificate", &section.certificate, error);
                signer.certificate().check_valid(now).map_err(expired)?;
                Some(Ruling::ByTrunk(Box::new(Signing::new(signer))))
            }
        };
        let verification = match trust {
            None => None,
            Some(trust) => Some(read_verification(&file.verification, &file.fetch, &fetch, trust, folder)?),
        };
        if file.policy.is_some() && (ruling.is_some() || !file.trunk.is_empty()) {
            return Err(ConfigError::new(
                "[policy] has trunks and certificates of its own: take [signing] and [[trunk]] out",
            ));
        }
        if ruling.is_none() && verification.is_none() && file.policy.is_none() {
            return Err(ConfigError::new(
                "there is nothing to do: give [policy] or [signing] to sign, [trust] to verify",
            ));
        }
        let deadline = read_deadline("http.deadline_ms", file.http.deadline_ms, DEFAULT_DEADLINE)?;
        if verification.is_some() && fetch_budget(&file.fetch)? >= deadline {
            return Err(ConfigError::new(
                "http.deadline_ms must be more than fetch.budget_ms: a call waits for its certificate",
            ));
        }
        let (UnixPlace { path: socket, mode: socket_mode, group: socket_group }, http_tcp) =
            doors::read_http(&file.http, folder, &mut warnings)?;
        let monitoring = file.admin.listen.as_deref();
        let monitoring = monitoring.map(|text| doors::read_monitoring(text, &mut warnings)).transpose()?;
        let resp = match &file.resp {
            None => None,
            Some(section) => Some(doors::read_resp(section, &socket, folder, &mut warnings)?),
        };
        let sip = file.sip.as_ref().map(|section| sip::read_sip(section, &mut warnings)).transpose()?;
        let peers: Vec<&str> =
            sip.iter().flat_map(|sip| sip.rules.peers()).map(|peer| peer.name.as_str()).collect();
        let users = doors::users(&file.http, file.resp.as_ref());
        let mut policy_kept = None;
        let trunks = match &file.policy {
            None => {
                // Full attestation is a statement about a number, and a trunk knows none. What a laboratory
                // signs proves nothing.
                let most = if fetch.is_lab() { Attest::A } else { Attest::B };
                read_trunks(file.trunk, &users, &peers, most)?
            }
            Some(section) => {
                let scratch = folder.join(&file.audit.dir);
                let known = Known { users: &users, peers: &peers, scratch: &scratch };
                let read = read_policy(section, &known, anchors.as_ref(), folder, now, &mut warnings)?;
                ruling = Some(read.ruling);
                policy_kept = read.kept;
                read.trunks
            }
        };
        warnings.extend(shadowed(&trunks).map(|(later, earlier)| {
            format!("trunk {later:?} is never reached: {earlier:?} before it matches all that it would")
        }));
        let outside_files = file.audit.outside.iter().filter_map(|outside| outside.file.as_deref());
        let outside_files = outside_files.map(|file| folder.join(file)).collect();
        let audit_dir = read_place("audit.dir", &file.audit.dir, folder, PlaceFor::Folder)?;
        let proving = proving::read(&file.audit, &audit_dir, folder, &mut warnings)?;
        let origin = proving.as_ref().map(|proving| proving.verifier().origin());
        let export = match &file.audit.nats {
            None => None,
            Some(section) => Some(export::read(section, origin, folder)?),
        };
        let traces = file.traces.as_ref().map(|section| traces::read(section, folder)).transpose()?;
        Ok(Self {
            socket,
            socket_mode,
            socket_group,
            http_tcp,
            resp,
            sip,
            deadline,
            limits: file.limits.into(),
            fetch,
            ruling,
            policy_kept,
            verification,
            audit_dir,
            audit: read_audit(&file.audit, deadline)?,
            proving,
            export,
            identity: file.audit.identity,
            generation: folder.generation(text),
            trunks,
            admin_uids: file.admin.uids,
            monitoring,
            log: file.log.format,
            traces,
            workers: file.daemon.workers(),
            busy_poll: file.daemon.busy_poll()?,
            warnings,
            fixed: Fixed::of(text, folder.files())?,
            path: PathBuf::new(),
            files: folder.files().iter().map(|file| file.path.clone()).collect(),
            outside_files,
        })
    }
}

fn read_file(folder: &Folder, path: &Path, key: &str) -> Result<Vec<u8>, ConfigError> {
    folder.read(path, key)
}

fn core_error(key: &str, path: &Path, error: Error) -> ConfigError {
    ConfigError::new(format_args!("{key}: {}: {error} ({})", path.display(), error.name()))
}

/// What a signer is read from: values, each with the name of its key.
struct SignerKeys<'a> {
    key: (&'a str, &'a Path),
    certificate: (&'a str, &'a Path),
    x5u: (&'a str, &'a str),
}

/// Key and certificate, whatever the time is.
fn read_signer(
    keys: &SignerKeys<'_>,
    trust: Option<&Trust>,
    folder: &Folder,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<Signer, ConfigError> {
    let SignerKeys { key: (key_name, key), certificate: (chain_name, chain), x5u: (x5u_name, x5u) } = *keys;
    let key_path = folder.join(key);
    let key_pem = read_file(folder, key, key_name)?;
    let open_to_all = std::fs::metadata(&key_path).is_ok_and(|facts| facts.mode() & 0o006 != 0);
    if open_to_all {
        return Err(ConfigError::new(format_args!(
            "{key_name}: everyone on this machine can read or change {}; run chmod 0400 on it",
            key_path.display()
        )));
    }
    let key = key::signing_key_from_pem(&key_pem).map_err(|error| core_error(key_name, key, error))?;
    let chain_pem = read_file(folder, chain, chain_name)?;
    let bad_certificate = |error| core_error(chain_name, chain, error);
    let signer = Signer::new(key, &chain_pem, x5u).map_err(|error| match error.code() {
        400..500 => ConfigError::new(format_args!("{x5u_name}: {error} ({})", error.name())),
        _ => bad_certificate(error),
    })?;
    if let Some(trust) = trust
        && signer.certificate().check_valid(now).is_ok()
    {
        let chain = read_chain(&chain_pem).map_err(bad_certificate)?;
        if let Err(error) = check_path(signer.certificate(), &chain, trust, now) {
            warnings.push(format!(
                "{chain_name} does not chain to trust.anchors ({}); others may refuse our calls too",
                error.name()
            ));
        }
    }
    Ok(signer)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '"')
}

fn read_mode(key: &str, mode: Option<&str>) -> Result<u32, ConfigError> {
    let Some(text) = mode else { return Ok(DEFAULT_MODE) };
    Some(text)
        .filter(|text| (3..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| u32::from_str_radix(text, 8).ok())
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| ConfigError::new(format_args!("{key} must be octal permission bits such as \"0660\"")))
}

fn read_group(key: &str, group: &str) -> Result<Group, ConfigError> {
    let known = match group.parse() {
        // chown takes the highest number as "leave it".
        Ok(id) if id != u32::MAX => return Ok(Group::Id(id)),
        Ok(_) => false,
        Err(_) => nix::unistd::Group::from_name(group).is_ok_and(|found| found.is_some()),
    };
    if known {
        Ok(Group::Name(group.to_owned()))
    } else {
        Err(ConfigError::new(format_args!("{key}: this machine has no group {group:?}")))
    }
}

/// What will be made at a path of the configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PlaceFor {
    Socket,
    Folder,
}

/// A path at which the daemon can make what it needs: the folder above it exists, and nothing of
/// another kind stands there.
fn read_place(key: &str, path: &Path, folder: &Folder, what: PlaceFor) -> Result<PathBuf, ConfigError> {
    let wrong = |why: &str| ConfigError::new(format_args!("{key}: {} {why}", path.display()));
    if path.as_os_str().is_empty() {
        return Err(ConfigError::new(format_args!("{key} is empty")));
    }
    let place = folder.join(path);
    if what == PlaceFor::Socket && place.as_os_str().len() > MAX_PATH_LEN {
        return Err(wrong("is too long for the path of a socket"));
    }
    if what == PlaceFor::Socket && path.as_os_str().as_encoded_bytes().starts_with(b"@") {
        return Err(wrong("names an abstract socket, which has no file mode; give a path"));
    }
    if !place.parent().is_some_and(Path::is_dir) {
        return Err(wrong("is in a folder that does not exist"));
    }
    match std::fs::symlink_metadata(&place) {
        Ok(facts) if what == PlaceFor::Socket && !facts.file_type().is_socket() => {
            Err(wrong("exists and is no socket"))
        }
        Ok(_) if what == PlaceFor::Folder && !place.is_dir() => Err(wrong("exists and is no folder")),
        _ => Ok(place),
    }
}

fn read_deadline(key: &str, ms: Option<u64>, default: Duration) -> Result<Duration, ConfigError> {
    match ms {
        None => Ok(default),
        Some(ms @ 10..=60_000) => Ok(Duration::from_millis(ms)),
        Some(_) => Err(ConfigError::new(format_args!("{key} must be 10 to 60000"))),
    }
}

/// Who is in the socket's group may call; nobody else.
const DEFAULT_MODE: u32 = 0o660;

const DEFAULT_DEADLINE: Duration = Duration::from_secs(3);
#[cfg(test)]
mod tests {
    use super::*;

    const TRUNK: &str = "[[trunk]]\nname = \"t\"\nuid = 1\n";

    fn error(text: &str) -> String {
        Config::parse(text, Folder::new(Path::new("/nonexistent")), 0).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_errors() {
        for (text, key) in [
            (format!("[http]\nsocket = \"s\"\nport = 1\n[audit]\ndir = \"a\"\n{TRUNK}"), "port"),
            (format!("[http]\nsocket = \"s\"\n[audit]\ndir = \"a\"\n[tls]\n{TRUNK}"), "tls"),
            (format!("[http]\nsocket = \"s\"\n[audit]\ndir = \"a\"\n{TRUNK}attest = \"A\"\n"), "attest"),
        ] {
            assert!(error(&text).contains(&format!("unknown field `{key}`")), "{}", error(&text));
        }
    }

    #[test]
    fn a_daemon_without_work_is_an_error() {
        let text = format!("[http]\nsocket = \"s\"\n[audit]\ndir = \"a\"\n{TRUNK}");
        assert!(error(&text).contains("nothing to do"));
    }

    #[test]
    fn missing_files_are_named() {
        let text = format!(
            "[http]\nsocket = \"s\"\n[trust]\nanchors = [\"roots.pem\"]\n[audit]\ndir = \"a\"\n{TRUNK}"
        );
        assert!(error(&text).contains("/nonexistent/roots.pem"));
        let empty = text.replace("\"roots.pem\"", "");
        assert!(error(&empty).contains("trust.anchors is empty"));
    }

    #[test]
    fn limits_are_read() {
        let limits = |text: &str| toml::from_str::<LimitsSection>(text).map(LimitOptions::from);
        assert_eq!(limits("").unwrap(), LimitOptions::default());
        let some = NonZeroU32::new;
        let all =
            limits("sign_per_s = 1\nverify_per_s = 2\nsign_under_way = 3\nverify_under_way = 4").unwrap();
        assert_eq!((all.sign_per_s, all.verify_per_s), (some(1), some(2)));
        assert_eq!((all.sign_under_way.get(), all.verify_under_way.get()), (3, 4));
        for bad in ["sign_per_s = 0", "verify_per_s = -1", "verify_under_way = 0", "fetch_per_s = 1"] {
            assert!(limits(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn places_must_be_possible() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let place =
            |path: &str, what| read_place("k", Path::new(path), &Folder::new(folder.path()), what).is_ok();
        assert!(place("new.sock", PlaceFor::Socket) && place("new", PlaceFor::Folder));
        for bad in ["", "file", "missing/x", "@x", &"x".repeat(100)] {
            assert!(!place(bad, PlaceFor::Socket), "{bad}");
        }
        for bad in ["", "file", "missing/x"] {
            assert!(!place(bad, PlaceFor::Folder), "{bad}");
        }
        assert!(read_group("k", "no-such-group").is_err() && read_group("k", "4294967295").is_err());
        assert_eq!(read_group("k", "0"), Ok(Group::Id(0)));
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(read_mode("k", Some("0660")), Ok(0o660));
        assert_eq!(read_mode("k", None), Ok(0o660));
        for bad in ["0999", "rw-", "1777", "", "+660", "0", "00660"] {
            assert!(read_mode("k", Some(bad)).is_err());
        }
    }
}
