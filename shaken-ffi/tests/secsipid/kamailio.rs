//! The module `secsipid` of an unmodified Kamailio on the library, with SIPp calling.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::called::{CALLED, CALLER, Keys, Library, REQUIRED, has_original};
use crate::kamailio_server::{Installed, Kamailio};
use crate::rig::free_port;
use crate::tool;

const PACKAGES: &str = "kamailio kamailio-secsipid-modules sip-tester";

/// Calls in a row: enough for keys to be in use.
const CALLS: u32 = 200;

/// Signs every INVITE without Identity, and answers it with 302; checks every other one by what its X-Key
/// says, and answers 200 or 438.
fn script(keys: &Keys, port: u16, modules: &Path, cache: &Path, options: &str) -> String {
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
loadmodule "secsipid.so"
modparam("secsipid", "modproc", "{modules}/secsipid_proc.so")
modparam("secsipid", "cache_dir", "{cache}")
{options}
request_route {{
  if (!is_method("INVITE")) exit;
  if (!is_present_hf("Identity")) {{
    if (secsipid_build_identity("$fU", "$rU", "A", "", "{x5u}", "{key}")) {{
      append_to_reply("Identity: $secsipid(val)\r\n");
      sl_send_reply("302", "Signed");
    }} else {{
      sl_send_reply("503", "Not signed");
    }}
    exit;
  }}
  if (is_present_hf("X-By-URL")) {{
    if (secsipid_check_identity("")) {{ sl_send_reply("200", "Good"); exit; }}
  }} else {{
    if (secsipid_check_identity("{public}")) {{ sl_send_reply("200", "Good"); exit; }}
  }}
  sl_send_reply("438", "Bad");
}}
"#,
        modules = modules.display(),
        cache = cache.display(),
        x5u = keys.x5u(),
        key = keys.path("provider.key"),
        public = keys.path("provider.pub"),
    )
}

/// Asks for an Identity, and sends it back: as it is, by URL, and changed.
fn scenario() -> String {
    let invite = |number: u32, more: &str| {
        format!(
            r#"<send retrans="500"><![CDATA[
INVITE sip:+{CALLED}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]-{number}
Max-Forwards: 70
From: <sip:+{CALLER}@[local_ip]>;tag=[pid]T[call_number]
To: <sip:+{CALLED}@[remote_ip]>
Call-ID: [call_id]
CSeq: {number} INVITE
Contact: <sip:sipp@[local_ip]:[local_port]>
{more}Content-Length: 0

]]></send>
"#
        )
    };
    let ack = |number: u32| {
        format!(
            r#"<send><![CDATA[
ACK sip:+{CALLED}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]-{number}
Max-Forwards: 70
From: <sip:+{CALLER}@[local_ip]>;tag=[pid]T[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: {number} ACK
Content-Length: 0

]]></send>
"#
        )
    };
    let take = r#"<recv response="302"><action>
<ereg regexp="[^ ].*" search_in="hdr" header="Identity:" assign_to="1"/>
<ereg regexp="^[^.]*[.][^.]*[.]" search_in="var" variable="1" assign_to="2"/>
<ereg regexp=";.*$" search_in="var" variable="1" assign_to="3"/>
</action></recv>
"#;
    let zeros = "A".repeat(86);
    let mut text =
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"secsipid\">\n".to_owned();
    for (number, more, answer) in [
        (1, String::new(), take.to_owned()),
        (2, "Identity: [$1]\n".to_owned(), "<recv response=\"200\"/>\n".to_owned()),
        (3, "Identity: [$1]\nX-By-URL: yes\n".to_owned(), "<recv response=\"200\"/>\n".to_owned()),
        (4, format!("Identity: [$2]{zeros}[$3]\n"), "<recv response=\"438\"/>\n".to_owned()),
        (5, "Identity: nothing\n".to_owned(), "<recv response=\"438\"/>\n".to_owned()),
    ] {
        text += &(invite(number, &more) + &answer + &ack(number));
    }
    text + "</scenario>\n"
}

struct Rig {
    installed: Installed,
    sipp: PathBuf,
    keys: Keys,
}

impl Rig {
    fn find() -> Option<Self> {
        let modules = ["secsipid.so", "secsipid_proc.so", "sl.so", "textops.so"];
        let installed = Installed::find(REQUIRED, PACKAGES, &modules)?;
        Some(Self { installed, sipp: tool::find("sipp", REQUIRED, PACKAGES)?, keys: Keys::new() })
    }

    /// Has SIPp make the calls, and answers the resident memory of each worker in KiB.
    fn run(&self, library: Library, options: &str) -> Vec<u64> {
        let folder = self.keys.scratch(&format!("{library:?}"));
        // What the header's URL leads to, as if it was fetched.
        let cached = self.keys.x5u().replace("://", "_").replace('/', "_");
        fs::copy(self.keys.path("provider.pem"), folder.join(cached)).unwrap();
        let port = free_port();
        let script = script(&self.keys, port, &self.installed.modules, &folder, options);
        let libraries = library.folder();
        let kamailio = self.installed.start(&folder, port, &script, libraries.as_deref());
        let file = folder.join("scenario.xml");
        fs::write(&file, scenario()).unwrap();
        let mut sipp = Command::new(&self.sipp);
        sipp.current_dir(&folder).args(["-i", "127.0.0.1", "-nostdin", "-skip_rlimit", "-sf"]).arg(&file);
        sipp.args(["-m", &CALLS.to_string(), "-r", "100", "-timeout", "60", "-timeout_error"]);
        sipp.args(["-trace_err", "-error_file"]).arg(folder.join("sipp.err"));
        let output = sipp.arg(format!("127.0.0.1:{port}")).output().unwrap();
        assert!(
            output.status.success(),
            "{library:?}: {}\n{}\n{}",
            output.status,
            fs::read_to_string(folder.join("sipp.err")).unwrap_or_default(),
            kamailio.told()
        );
        let loaded = library.folder().unwrap_or_else(|| "/usr/lib".into());
        workers(&folder, &loaded, &kamailio)
    }
}

/// The resident memory of the processes that have libsecsipid from that folder and take calls, in KiB.
fn workers(folder: &Path, library: &Path, kamailio: &Kamailio) -> Vec<u64> {
    let mut memory_kib = Vec::new();
    for process in fs::read_dir("/proc").unwrap() {
        let process = process.unwrap().path();
        let read = |name: &str| fs::read_to_string(process.join(name)).unwrap_or_default();
        let library = fs::canonicalize(library).unwrap_or_else(|_| library.to_owned());
        let has_library =
            |line: &str| line.contains("libsecsipid.so.1") && line.contains(library.to_str().unwrap());
        if read("cmdline").contains(folder.to_str().unwrap()) && read("maps").lines().any(has_library) {
            let status = read("status");
            let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            memory_kib.push(rss.trim().trim_end_matches(" kB").parse().unwrap());
        }
    }
    assert!(memory_kib.len() >= 2, "both workers have the library: {}", kamailio.told());
    memory_kib
}

#[test]
fn kamailio_signs_and_checks_with_the_library() {
    let Some(rig) = Rig::find() else { return };
    let ours = rig.run(Library::Ours, "");
    println!("resident memory of Kamailio's processes with the library after {CALLS} calls: {ours:?} KiB");
    if has_original() {
        let original = rig.run(Library::Original, "");
        println!("with the original: {original:?} KiB");
    }
}

#[test]
fn kamailio_requires_trust_by_libopt() {
    let Some(rig) = Rig::find() else { return };
    let root = rig.keys.path("sti-root.pem");
    let option = |option: &str| format!("modparam(\"secsipid\", \"libopt\", \"{option}\")\n");
    // The key file of the script is a bare key, which no path leads from.
    let options = option(&format!("CertCAFile={root}")) + &option("CertVerify=5");
    let header = Library::Ours.call(&[rig.keys.identity()])[0].1.clone();
    let by_url = |options: &str, header: &str| {
        let folder = rig.keys.scratch("by-url");
        let cached = rig.keys.x5u().replace("://", "_").replace('/', "_");
        fs::copy(rig.keys.path("provider.pem"), folder.join(cached)).unwrap();
        let port = free_port();
        let script = script(&rig.keys, port, &rig.installed.modules, &folder, options);
        let _kamailio = rig.installed.start(&folder, port, &script, Library::Ours.folder().as_deref());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let local = socket.local_addr().unwrap();
        let request = format!(
            "INVITE sip:+{CALLED}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKx\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+{CALLER}@127.0.0.1>;tag=1\r\nTo: <sip:+{CALLED}@127.0.0.1>\r\n\
             Call-ID: x\r\nCSeq: 1 INVITE\r\nX-By-URL: yes\r\nIdentity: {header}\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send(request.as_bytes()).unwrap();
        let mut buffer = [0; 4096];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).lines().next().unwrap().to_owned()
    };
    assert_eq!(by_url(&options, &header), "SIP/2.0 200 Good");
    let trust = option(&format!("CertCAFile={root}")) + &option("RequireTrust=1");
    assert_eq!(by_url(&trust, &header), "SIP/2.0 200 Good");
    for options in [options, trust] {
        let other = options.replace("sti-root.pem", "tls-root.pem");
        assert_ne!(other, options);
        assert_eq!(by_url(&other, &header), "SIP/2.0 438 Bad", "{other}");
    }
}
