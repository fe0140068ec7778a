//! HTTP over TLS: who is there by certificate or by secret. The client is curl.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use running::{CALLED, CALLER, Running, free_port, run};

const TOKEN: &str = "correct-horse-battery-staple";

/// A certification authority that writes what it signs into a folder.
struct Ca<'l> {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: &'l Path,
}

impl<'l> Ca<'l> {
    fn new(folder: &'l Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        write(&folder.join(format!("{name}.pem")), &issuer.pem());
        Self { issuer, folder }
    }

    fn sign(&self, name: &str, subjects: &[&str]) {
        let key = KeyPair::generate().unwrap();
        let subjects: Vec<String> = subjects.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(subjects).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        write(&self.folder.join(format!("{name}.pem")), &certificate.pem());
        write(&self.folder.join(format!("{name}.key")), &key.serialize_pem());
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A daemon with TLS on `port`, with certificates of everybody in its folder. What stands in `tls` and
/// `users` is of the configuration.
fn start(port: u16, tls: &str, users: &str) -> Running {
    Running::start(|config| {
        let socket = config.lines().find_map(|line| line.strip_prefix("socket = \"")).unwrap();
        let folder = Path::new(socket.trim_end_matches('"')).parent().unwrap().to_owned();
        let ours = Ca::new(&folder, "ca");
        ours.sign("server", &["127.0.0.1", "stir.example.com"]);
        ours.sign("sbc", &["sbc.example.com"]);
        ours.sign("other", &["other.example.com"]);
        Ca::new(&folder, "stranger-ca").sign("stranger", &["sbc.example.com"]);
        write(&folder.join("pbx.token"), TOKEN);
        config.replace("[http]", &format!("[http]\nlisten = \"127.0.0.1:{port}\""))
            + &format!("[http.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n{tls}\n{users}")
            + &["sbc", "pbx"]
                .into_iter()
                .filter(|user| users.contains(user))
                .map(|user| format!("[[trunk]]\nname = \"of-{user}\"\nuser = \"{user}\"\n"))
                .collect::<String>()
    })
}

/// The status of what curl was answered, or nothing if it was not.
fn curl(running: &Running, port: u16, ca: &str, args: &[&str]) -> Option<u16> {
    let url = format!("https://127.0.0.1:{port}/quick/v1/sign?from={CALLER}&to={CALLED}");
    let output = Command::new("curl")
        .current_dir(running.lab())
        .args(["--silent", "--max-time", "20", "--write-out", "%{http_code}", "--output", "/dev/null"])
        .args(["--cacert", ca])
        .args(args)
        .arg(url)
        .output()
        .expect("curl runs");
    let status = str::from_utf8(&output.stdout).unwrap().parse().unwrap();
    (status != 0).then_some(status)
}

const SBC: [&str; 4] = ["--cert", "sbc.pem", "--key", "sbc.key"];
const OTHER: [&str; 4] = ["--cert", "other.pem", "--key", "other.key"];
const STRANGER: [&str; 4] = ["--cert", "stranger.pem", "--key", "stranger.key"];
const BY_TOKEN: [&str; 2] = ["--header", "Authorization: Bearer correct-horse-battery-staple"];
const BY_CERTIFICATE: &str = "[[http.user]]\nname = \"sbc\"\ncertificate_name = \"sbc.example.com\"\n";
const BY_SECRET: &str = "[[http.user]]\nname = \"pbx\"\nsecret_file = \"pbx.token\"\n";

#[test]
fn a_certificate_tells_who_is_there() {
    let port = free_port();
    let running = start(port, "client_ca = \"ca.pem\"", BY_CERTIFICATE);
    let ask = |args: &[&str]| curl(&running, port, "ca.pem", args);
    assert_eq!(ask(&SBC), Some(200));
    // Known to the authority, and no user of ours.
    assert_eq!(ask(&OTHER), Some(401));
    assert_eq!(ask(&STRANGER), None);
    assert_eq!(ask(&[]), None);
    assert_eq!(ask(&BY_TOKEN), None);
    // What is not TLS hears nothing that is not TLS.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let records = running.records();
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["peer"]["user"], &records[0]["trunk"]), (&"sbc".into(), &"of-sbc".into()));
    let counted = || -> u64 {
        running.records_of("summary").iter().map(|record| record["unauthenticated"].as_u64().unwrap()).sum()
    };
    running.wait_for_record("summary", |_| counted() == 5);
}

#[test]
fn a_secret_is_as_good_where_there_are_both() {
    let port = free_port();
    let running = start(port, "client_ca = \"ca.pem\"", &format!("{BY_CERTIFICATE}{BY_SECRET}"));
    let ask = |args: &[&str]| curl(&running, port, "ca.pem", args);
    assert_eq!((ask(&SBC), ask(&BY_TOKEN)), (Some(200), Some(200)));
    assert_eq!((ask(&[]), ask(&STRANGER)), (Some(401), None));
    // Whoever shows a certificate of nobody may still give a secret.
    assert_eq!(ask(&[&OTHER[..], &BY_TOKEN].concat()), Some(200));
    let records = running.records();
    let trunks: Vec<_> = records.iter().map(|record| record["trunk"].as_str().unwrap()).collect();
    assert_eq!(trunks, ["of-sbc", "of-pbx", "of-pbx"]);
}

/// Both are asked for where only the authority is given for certificates.
#[test]
fn a_certificate_can_be_asked_for_beside_a_secret() {
    let port = free_port();
    let running = start(port, "client_ca = \"ca.pem\"", BY_SECRET);
    let ask = |args: &[&str]| curl(&running, port, "ca.pem", args);
    assert_eq!((ask(&BY_TOKEN), ask(&SBC)), (None, Some(401)));
    assert_eq!(ask(&[&SBC[..], &BY_TOKEN].concat()), Some(200));
}

/// A certificate is renewed without a restart.
#[test]
fn a_reload_changes_the_certificate() {
    let port = free_port();
    let running = start(port, "", BY_SECRET);
    let ask = |ca: &str| curl(&running, port, ca, &BY_TOKEN);
    assert_eq!((ask("ca.pem"), ask("new-ca.pem")), (Some(200), None));
    let folder = running.lab();
    Ca::new(&folder, "new-ca").sign("server", &["127.0.0.1"]);
    assert_eq!(ask("ca.pem"), Some(200));
    let socket = running.socket();
    let reload = || run(&["reload", "--socket", socket.to_str().unwrap()], b"");
    let reloaded = reload();
    assert_eq!(reloaded.status.code(), Some(0), "{}", String::from_utf8_lossy(&reloaded.stderr));
    assert_eq!((ask("ca.pem"), ask("new-ca.pem")), (None, Some(200)));
    // A key that is not of the certificate changes nothing.
    write(&folder.join("server.key"), &KeyPair::generate().unwrap().serialize_pem());
    assert_eq!(reload().status.code(), Some(78));
    assert_eq!(ask("new-ca.pem"), Some(200));
}
