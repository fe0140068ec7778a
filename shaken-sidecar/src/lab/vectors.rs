//! A lab of test vectors: their certificates over https, and a daemon that trusts their anchors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::ca::Tls;
use super::repository::server_config;
use super::{
    AUDIT, CONFIG, LabError, PUBLIC, Repository, SOCKET, STI_ROOT, TLS_ROOT, TLS_SERVER_KEY, claim_directory,
    io_error, make_private_directory, quoted, usable_path, write_new,
};

/// What test vectors need from the world.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "exactly what a verifier of vectors takes from its world")]
pub struct VectorLab {
    /// Trust anchors, one PEM block behind the other.
    pub anchors_pem: String,
    /// The bodies of certificate URLs by their paths.
    pub bodies: BTreeMap<String, Vec<u8>>,
    /// The hosts of these URLs, in lower case.
    pub hosts: BTreeSet<String>,
}

impl VectorLab {
    /// Writes a configuration, anchors and a TLS root into `dir`, which is empty or does not exist
    /// yet, and listens on `address`, a loopback address; port 0 takes any free one. Answers with
    /// the repository, which serves for none but this `dir`, and with the path of the
    /// configuration. No key is written: TLS ends with the repository.
    ///
    /// # Errors
    /// Those of [`Lab::create`](super::Lab::create) and of [`Repository::bind`].
    pub async fn create(
        self,
        dir: &Path,
        address: SocketAddr,
        now: SystemTime,
    ) -> Result<(Repository, PathBuf), LabError> {
        let dir = usable_path(dir)?;
        claim_directory(&dir)?;
        let tls = Tls::issue(self.hosts.iter().map(String::as_str), now)?;
        let server = server_config(&tls.server_chain, tls.server_key.as_bytes(), &dir.join(TLS_SERVER_KEY))?;
        let repository = Repository::of_bodies(self.bodies, server, address).await?;
        write_new(&dir.join(STI_ROOT), PUBLIC, &self.anchors_pem)?;
        write_new(&dir.join(TLS_ROOT), PUBLIC, &tls.root)?;
        make_private_directory(&dir.join(AUDIT)).map_err(io_error(&dir.join(AUDIT)))?;
        let config = dir.join(CONFIG);
        write_new(&config, PUBLIC, &config_toml(&dir, &self.hosts, repository.local_addr()))?;
        Ok((repository, config))
    }
}

fn config_toml(dir: &Path, hosts: &BTreeSet<String>, repository: SocketAddr) -> String {
    let file = |name: &str| quoted(&dir.join(name).to_string_lossy());
    let connect_to: Vec<String> =
        hosts.iter().map(|host| format!("{} = {}", quoted(host), quoted(&repository.to_string()))).collect();
    let peer_uid = rustix::process::geteuid().as_raw();
    format!(
        r#"# A lab of test vectors: everybody owns the keys of their anchors. Not for real calls.

[http]
socket = {socket}

[trust]
anchors = [{anchors}]

# Without this table certificates come from public addresses only.
[fetch.lab]
tls_roots = {tls_roots}
connect_to = {{ {connect_to} }}

[audit]
dir = {audit}

[[trunk]]
name = "vectors"
uid = {peer_uid}
max_attest = "C"
"#,
        socket = file(SOCKET),
        anchors = file(STI_ROOT),
        tls_roots = file(TLS_ROOT),
        connect_to = connect_to.join(", "),
        audit = file(AUDIT),
    )
}
