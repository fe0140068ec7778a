//! Calls that SIPp makes and takes, with a real Kamailio between that has them signed and verified: over
//! the Redis protocol, over HTTP, and by redirect with a header or in Contact.

mod kamailio_server;
#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;
#[expect(dead_code, reason = "each test file uses a part of it")]
mod sip_peer;
mod sipp_calls;
mod tool;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use kamailio_server::{Installed, Kamailio};
use running::{CALLER, Running, free_port, shaken};
use serde_json::Value;
use shaken_sidecar::lab::{Lab, LabOptions};
use sip_peer::{Peer, header};
use sipp_calls::{Callee, Caller, scenarios};
use tempfile::TempDir;

const PACKAGES: &str =
    "sip-tester kamailio kamailio-redis-modules kamailio-utils-modules kamailio-extra-modules";
const REQUIRED: &str = "SHAKEN_SIPP_REQUIRED";

/// Kamailio between SIPp and SIPp, and the daemon beside it.
struct Rig {
    sbc: Kamailio,
    sbc_port: u16,
    callee: Callee,
    running: Running,
    sipp: PathBuf,
    others: Others,
}

/// Hosts of certificates that are no longer good, and not yet.
const PAST: &str = "past.lab.example";
const FUTURE: &str = "future.lab.example";

impl Rig {
    /// `edit` may change the configuration of the daemon. Nothing if a program is missing and need not be there.
    fn start(edit: impl FnOnce(String) -> String) -> Option<Self> {
        let modules = ["ndb_redis.so", "http_client.so", "jansson.so", "tm.so", "textops.so"];
        let installed = Installed::find(REQUIRED, PACKAGES, &modules)?;
        let sipp = tool::find("sipp", REQUIRED, PACKAGES)?;
        let [door, http, sbc_port] = [free_port(), free_port(), free_port()];
        let others = Others::start();
        let running = Running::start(|config| others.trusted(edit(with_doors(&config, door, http))));
        let callee = Callee::start(&sipp, &running.lab(), free_port());
        let ports = Ports { sbc: sbc_port, door, http, callee: callee.port };
        let script = script(&installed.modules, &running.lab().join("resp.sock"), &ports);
        let sbc = installed.start(&running.lab(), sbc_port, &script, None);
        Some(Self { sbc, sbc_port, callee, running, sipp, others })
    }

    fn caller<'a>(&'a self, name: &'a str, path: &'a str) -> Caller<'a> {
        Caller::new(&self.sipp, self.callee.folder(), self.sbc_port, name, path)
    }

    /// Where the keys of that host are.
    fn folder_of(&self, host: &str) -> PathBuf {
        self.others.folder.path().join(host)
    }

    fn record_of(&self, name: &str) -> Option<Value> {
        let is_its =
            |record: &Value| record["call_id"].as_str().is_some_and(|id| id.starts_with(&format!("{name}-")));
        self.running.records().into_iter().find(is_its)
    }
}

/// Two more providers with their repositories, whose certificates are of other times.
struct Others {
    folder: TempDir,
    repositories: Vec<(&'static str, u16, Child)>,
}

impl Others {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut repositories = Vec::new();
        for (host, time) in [PAST, FUTURE].into_iter().zip(scenarios::other_times()) {
            let options = || LabOptions::default().with_host(host).unwrap();
            // The server is of now, what it serves is not.
            let dir = folder.path().join(host);
            let made = Lab::create(&dir, &options(), SystemTime::now()).unwrap();
            let then = folder.path().join(format!("{host}.then"));
            Lab::create(&then, &options(), time).unwrap();
            for file in ["provider.pem", "provider.key", "sti-root.pem"] {
                fs::copy(then.join(file), dir.join(file)).unwrap();
            }
            let port = free_port();
            let config = fs::read_to_string(made.config_path()).unwrap();
            fs::write(made.config_path(), config.replace(":8443\"", &format!(":{port}\""))).unwrap();
            let mut repository =
                shaken().args(["lab", "serve"]).arg(&dir).stderr(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(repository.stderr.take().unwrap()).read_line(&mut line).unwrap();
            assert!(line.contains("serving"), "{line}");
            repositories.push((host, port, repository));
        }
        Self { folder, repositories }
    }

    /// The configuration that trusts them too.
    fn trusted(&self, config: String) -> String {
        let value = |key: &str| {
            let line = config.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
            line.split_once(" = ").unwrap().1.to_owned()
        };
        let [anchors, roots, connect] = ["anchors", "tls_roots", "connect_to"].map(value);
        let (mut new_anchors, mut new_connect) =
            (anchors.trim_end_matches(']').to_owned(), connect.trim_end_matches('}').to_owned());
        let mut pem = fs::read_to_string(roots.trim_matches('"')).unwrap();
        for (host, port, _) in &self.repositories {
            let file = |name: &str| self.folder.path().join(host).join(name);
            new_anchors += &format!(", {:?}", file("sti-root.pem"));
            new_connect += &format!(", {host:?} = \"127.0.0.1:{port}\"");
            pem += &fs::read_to_string(file("tls-root.pem")).unwrap();
        }
        let all = self.folder.path().join("tls-roots.pem");
        fs::write(&all, pem).unwrap();
        config
            .replace(&format!("anchors = {anchors}"), &format!("anchors = {new_anchors}]"))
            .replace(&format!("tls_roots = {roots}"), &format!("tls_roots = {all:?}"))
            .replace(&format!("connect_to = {connect}"), &format!("connect_to = {new_connect} }}"))
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for (_, _, child) in &mut self.repositories {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Peers by the three addresses that Kamailio sends from: as it comes, in Contact, and strict.
fn with_doors(config: &str, door: u16, http: u16) -> String {
    let peer = |name: &str, address: &str, op: &str, more: &str| {
        format!(
            "[[sip.peer]]\nname = \"{name}\"\naddresses = [\"{address}\"]\nop = \"{op}\"\n{more}\
             [[trunk]]\nname = \"{name}\"\npeer = \"{name}\"\nmax_attest = \"A\"\n"
        )
    };
    let config = config.replace("[http]\n", &format!("[http]\nlisten = \"127.0.0.1:{http}\"\n"));
    let peers = peer("header", "127.0.0.1", "auto", "")
        + &peer("contact", "127.0.0.2", "auto", "identity_in = \"contact\"\n")
        + &peer("strict", "127.0.0.3", "verify", "failed = \"refuse\"\nno_validation = \"refuse\"\n");
    format!(
        "{config}[[trunk]]\nname = \"http\"\nlistener = \"http-tcp\"\nmax_attest = \"A\"\n\
         [resp]\nsocket = \"resp.sock\"\n[sip]\nudp = [\"127.0.0.1:{door}\"]\n{peers}"
    )
}

struct Ports {
    sbc: u16,
    door: u16,
    http: u16,
    callee: u16,
}

/// The header X-Path of a call says how it is signed, or verified if it has an Identity header.
fn script(modules: &Path, resp: &Path, ports: &Ports) -> String {
    let Ports { sbc, door, http, callee } = ports;
    format!(
        r##"#!KAMAILIO
debug=1
log_stderror=yes
children=2
auto_aliases=no
disable_tcp=yes
listen=udp:127.0.0.1:{sbc}
listen=udp:127.0.0.2:{sbc}
listen=udp:127.0.0.3:{sbc}
mpath="{modules}/"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "ndb_redis.so"
loadmodule "http_client.so"
loadmodule "jansson.so"
modparam("ndb_redis", "server", "name=stir;unix={resp}")
modparam("http_client", "connection_timeout", 1)
request_route {{
  if (is_method("ACK") || has_totag()) {{ $du = "sip:127.0.0.1:{callee}"; t_relay(); exit; }}
  if (!is_method("INVITE")) {{ sl_send_reply("200", "OK"); exit; }}
  if ($hdr(X-Path) == "resp") {{
    if (is_present_hf("Identity")) {{
      redis_cmd("stir", "STIR.VERIFY %s %s %s", "$hdr(Identity)", "$fU", "$rU", "v");
      if ($redis(v=>type) == 2) append_hf("X-Verstat: $redis(v=>value[1])\r\n");
    }} else {{
      redis_cmd("stir", "STIR.SIGN %s %s", "$fU", "$rU", "s");
      if ($redis(s=>type) == 1) append_hf("Identity: $redis(s=>value)\r\n");
    }}
  }} else if ($hdr(X-Path) == "http") {{
    if (is_present_hf("Identity")) {{
      $var(b) = "{{\"verificationRequest\":{{\"from\":{{\"tn\":\"" + $fU + "\"}},\"to\":{{\"tn\":[\"" + $rU + "\"]}},\"time\":" + $Ts + ",\"identity\":\"" + $hdr(Identity) + "\"}}}}";
      http_client_query("http://127.0.0.1:{http}/stir/v1/verification", "$var(b)", "Content-Type: application/json", "$var(res)");
      if ($rc == 200) {{
        jansson_get("verificationResponse.verstat", $var(res), "$var(v)");
        append_hf("X-Verstat: $var(v)\r\n");
      }}
    }} else {{
      $var(b) = "{{\"signingRequest\":{{\"attest\":\"A\",\"dest\":{{\"tn\":[\"" + $rU + "\"]}},\"iat\":" + $Ts + ",\"orig\":{{\"tn\":\"" + $fU + "\"}}}}}}";
      http_client_query("http://127.0.0.1:{http}/stir/v1/signing", "$var(b)", "Content-Type: application/json", "$var(res)");
      if ($rc == 200) {{
        jansson_get("signingResponse.identity", $var(res), "$var(id)");
        append_hf("Identity: $var(id)\r\n");
      }}
    }}
  }} else if ($hdr(X-Path) != "none") {{
    if ($hdr(X-Path) == "contact") $fs = "udp:127.0.0.2:{sbc}";
    if ($hdr(X-Path) == "strict") $fs = "udp:127.0.0.3:{sbc}";
    t_on_failure("STIR");
    $du = "sip:127.0.0.1:{door}";
    t_relay();
    exit;
  }}
  $du = "sip:127.0.0.1:{callee}";
  if (is_present_hf("X-Callee")) $du = "sip:127.0.0.1:" + $hdr(X-Callee);
  t_relay();
  exit;
}}
failure_route[STIR] {{
  if (t_check_status("302")) {{
    if ($hdr(X-Path) == "contact") {{
      $var(c) = $T_rpl($ct);
      $var(id) = "";
      $var(pai) = "";
      if ($var(c) =~ "[?&]Identity=") {{
        $var(id) = $(var(c){{re.subst,/^.*[?&]Identity=([^&>]*).*$/\1/}}{{s.unescape.param}});
      }}
      if ($var(c) =~ "[?&]P-Asserted-Identity=") {{
        $var(pai) = $(var(c){{re.subst,/^.*[?&]P-Asserted-Identity=([^&>]*).*$/\1/}}{{s.unescape.param}});
      }}
    }} else {{
      $var(id) = $T_rpl($hdr(Identity));
      $var(pai) = $T_rpl($hdr(P-Asserted-Identity));
    }}
    if ($var(id) != $null && $var(id) != "" && $var(id) != "0") append_hf("Identity: $var(id)\r\n");
    if ($var(pai) != $null && $var(pai) != "" && $var(pai) != "0") {{
      remove_hf("P-Asserted-Identity");
      append_hf("P-Asserted-Identity: $var(pai)\r\n");
    }}
  }} else if (t_check_status("404")) {{
    append_hf("P-Identity-Bypass: $T_rpl($hdr(Reason))\r\n");
  }} else {{
    exit;
  }}
  $fs = "udp:127.0.0.1:{sbc}";
  $du = "sip:127.0.0.1:{callee}";
  if (is_present_hf("X-Callee")) $du = "sip:127.0.0.1:" + $hdr(X-Callee);
  t_relay();
  exit;
}}
"##,
        modules = modules.display(),
        resp = resp.display(),
    )
}

#[test]
fn calls_are_signed_and_verified_on_every_way() {
    let Some(rig) = Rig::start(|config| config) else { return };
    for (path, interface) in
        [("resp", "resp-unix"), ("http", "http-tcp"), ("header", "sip-udp"), ("contact", "sip-udp")]
    {
        let name = format!("{path}-sign");
        rig.caller(&name, path).call(200, &rig.sbc);
        let received = rig.callee.received(&name);
        let identity =
            header(&received, "Identity").unwrap_or_else(|| panic!("{path}: not signed: {received}"));
        assert!(
            identity.starts_with("eyJ") && identity.ends_with(">;alg=ES256;ppt=shaken"),
            "{path}: {identity}"
        );
        let record = rig
            .running
            .wait_for_record("call", |record| record["op"] == "sign" && record["interface"] == interface);
        assert_eq!((&record["verdict"], &record["attest"]), (&"signed".into(), &"A".into()), "{path}");

        for (other, from, verstat) in
            [("verify", CALLER, "TN-Validation-Passed"), ("mismatch", "12155550199", "No-TN-Validation")]
        {
            let name = format!("{path}-{other}");
            rig.caller(&name, path)
                .with_from(from)
                .with(&format!("Identity: {identity}"))
                .call(200, &rig.sbc);
            let received = rig.callee.received(&name);
            if interface == "sip-udp" {
                let asserted =
                    header(&received, "P-Asserted-Identity").unwrap_or_else(|| panic!("{path}: {received}"));
                assert!(asserted.contains(&format!("+{from};verstat={verstat}@")), "{path}: {asserted}");
                let record = rig.record_of(&name).unwrap();
                assert_eq!((&record["verstat"], &record["trunk"]), (&verstat.into(), &path.into()));
            } else {
                assert_eq!(header(&received, "X-Verstat"), Some(verstat), "{path}: {received}");
            }
        }
    }
    let records = rig.running.records();
    for interface in ["resp-unix", "http-tcp", "sip-udp"] {
        let count = |verdict: &str| {
            records.iter().filter(|r| r["interface"] == interface && r["verdict"] == verdict).count()
        };
        let paths = if interface == "sip-udp" { 2 } else { 1 };
        assert_eq!((count("signed"), count("passed"), count("failed")), (paths, paths, paths), "{interface}");
    }
    // SIPp counts in milliseconds at best, so these calls are made and taken here.
    let callee = UdpSocket::bind("127.0.0.1:0").unwrap();
    let callee_port = callee.local_addr().unwrap().port();
    std::thread::spawn(move || take_calls(&callee));
    println!("INVITE to 200 through Kamailio, 600 calls one after another, in ms:");
    for path in ["none", "resp", "http", "header", "contact"] {
        let caller = Peer::new("127.0.0.1", rig.sbc_port);
        let mut times: Vec<Duration> = (0..600)
            .map(|n| {
                let more = format!("X-Path: {path}\r\nX-Callee: {callee_port}\r\n");
                let message = caller.invite(&format!("{path}{n}"), &more);
                let begin = Instant::now();
                let mut answer = caller.ask(&message);
                while answer.starts_with("SIP/2.0 100 ") {
                    answer = caller.hear().expect("no final answer");
                }
                assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
                assert_eq!(
                    header(&answer, "X-Signed"),
                    Some(if path == "none" { "no" } else { "yes" }),
                    "{path}"
                );
                begin.elapsed()
            })
            .collect();
        times.sort();
        let ms = |place: usize| times[place].as_secs_f64() * 1000.0;
        println!("  {path}: p50 {:.2}, p99 {:.2}", ms(300), ms(594));
    }
}

/// Answers each INVITE with 200, and says whether it has an Identity header.
fn take_calls(socket: &UdpSocket) {
    let mut buffer = [0; 65_536];
    while let Ok((len, from)) = socket.recv_from(&mut buffer) {
        let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
        let is_kept = |line: &&str| {
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        let kept: String = message.lines().filter(is_kept).map(|line| format!("{line}\r\n")).collect();
        let signed = if header(&message, "Identity").is_some() { "yes" } else { "no" };
        let answer = format!("SIP/2.0 200 OK\r\n{kept}X-Signed: {signed}\r\nContent-Length: 0\r\n\r\n");
        let _ = socket.send_to(answer.as_bytes(), from);
    }
}

/// The outcomes of OpenSIPS' tests of STIR/SHAKEN by their names: its profile refuses what does not pass, and wants
/// `info`, `alg` and `ppt` and nothing else in an Identity header.
#[test]
fn outcomes_that_others_expect() {
    let Some(strict) = Rig::start(|config| config + "[verification]\nheader_params = \"exact\"\n") else {
        return;
    };
    let count = scenarios::run(&strict, scenarios::Profile::Strict);
    println!("strict: {count} scenarios as expected");
    assert_eq!(count, 29);
}

/// The same under the default profile: calls go on, with a `verstat`, and three headers are good that RFC 8224 allows.
#[test]
fn outcomes_of_the_default_profile() {
    let Some(default) = Rig::start(|config| config) else { return };
    let count = scenarios::run(&default, scenarios::Profile::Default);
    println!("default: {count} scenarios as expected");
    assert_eq!(count, 29);
}
