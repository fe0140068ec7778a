//! A real Kamailio that has its calls signed and verified over the Redis protocol.

mod kamailio_server;
#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;
mod tool;

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use kamailio_server::Installed;
use running::{CALLED, CALLER, Running, free_port};

/// Answers every INVITE with 302: with the Identity that it got for it, or with the word that a
/// verifier said of the one that it has.
fn script(socket: &Path, port: u16, modules: &Path) -> String {
    format!(
        r#"#!KAMAILIO
debug=1
log_stderror=yes
children=2
auto_aliases=no
disable_tcp=yes
listen=udp:127.0.0.1:{port}
mpath="{modules}/"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "ndb_redis.so"
modparam("ndb_redis", "server", "name=stir;unix={socket}")
request_route {{
  if (!is_method("INVITE")) exit;
  if (is_present_hf("Identity")) {{
    redis_cmd("stir", "STIR.VERIFY %s %s %s", "$hdr(Identity)", "$fU", "$rU", "v");
    append_to_reply("X-Word: $redis(v=>value[0])\r\n");
    append_to_reply("X-Attest: $redis(v=>value[2])\r\n");
    append_to_reply("X-Error: $redis(v=>value[4])\r\n");
    sl_send_reply("302", "Verified");
    exit;
  }}
  if (is_present_hf("X-Trunk")) {{
    redis_cmd("stir", "STIR.SIGN %s %s %s", "$fU", "$rU", "$hdr(X-Trunk)", "s");
  }} else {{
    redis_cmd("stir", "STIR.SIGN %s %s", "$fU", "$rU", "s");
  }}
  if ($redis(s=>type) == 1) {{
    append_to_reply("Identity: $redis(s=>value)\r\n");
    sl_send_reply("302", "Signed");
  }} else {{
    append_to_reply("X-Error: $redis(s=>info)\r\n");
    sl_send_reply("503", "Not signed");
  }}
}}
"#,
        modules = modules.display(),
        socket = socket.display(),
    )
}

/// Sends an INVITE and answers what comes.
fn invite(socket: &UdpSocket, from: &str, more: &str) -> String {
    let local = socket.local_addr().unwrap();
    let branch = ring::rand::generate::<[u8; 8]>(&ring::rand::SystemRandom::new()).unwrap().expose();
    let branch = u64::from_ne_bytes(branch);
    let request = format!(
        "INVITE sip:+{CALLED}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch:x}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+{from}@127.0.0.1>;tag=1\r\nTo: <sip:+{CALLED}@127.0.0.1>\r\n\
         Call-ID: {branch:x}\r\nCSeq: 1 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
    );
    socket.send(request.as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let len = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    response.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn kamailio_signs_and_verifies_over_the_redis_protocol() {
    let package = "kamailio kamailio-redis-modules";
    let required = "SHAKEN_KAMAILIO_REQUIRED";
    let Some(installed) = Installed::find(required, package, &["ndb_redis.so"]) else { return };
    let running = Running::start(|config| config + "\n[resp]\nsocket = \"resp.sock\"\n");
    let port = free_port();
    let script = script(&running.lab().join("resp.sock"), port, &installed.modules);
    let kamailio = installed.start(&running.lab(), port, &script, None);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let told = || kamailio.told();

    let signed = invite(&socket, CALLER, "");
    assert!(signed.starts_with("SIP/2.0 302 Signed"), "{signed}\n{}", told());
    let identity = format!("Identity: {}\r\n", header(&signed, "Identity").unwrap());
    let verified = invite(&socket, CALLER, &identity);
    assert_eq!(
        (header(&verified, "X-Word"), header(&verified, "X-Attest")),
        (Some("VALID-A"), Some("A")),
        "{verified}"
    );
    let other = invite(&socket, "12155550199", &identity);
    assert_eq!(
        (header(&other, "X-Word"), header(&other, "X-Error")),
        (Some("NO-VALIDATION"), Some("orig-mismatch"))
    );
    let refused = invite(&socket, CALLER, "X-Trunk: none\r\n");
    assert!(refused.starts_with("SIP/2.0 503"), "{refused}");
    assert_eq!(header(&refused, "X-Error"), Some("REFUSED TRUNK_UNKNOWN"));
    let interfaces: Vec<_> = running.records().iter().map(|record| record["interface"].clone()).collect();
    assert_eq!(interfaces, ["resp-unix"; 3]);

    let mut times: Vec<Duration> = (0..600)
        .map(|_| {
            let begin = Instant::now();
            assert!(invite(&socket, CALLER, "").starts_with("SIP/2.0 302 Signed"));
            begin.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "INVITE to 302 with Identity, 600 one after another: p50 {:?}, p99 {:?}",
        times[300], times[594]
    );
    // It comes back after the daemon has been away.
    let mut running = running;
    running.kill_and_restart();
    let again = (0..4).map(|_| invite(&socket, CALLER, "")).collect::<Vec<_>>();
    assert!(again.iter().all(|answer| answer.starts_with("SIP/2.0 302 Signed")), "{again:?}");
}
