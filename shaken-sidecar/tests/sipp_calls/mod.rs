//! SIPp as the one who calls and as the one who is called.

pub(crate) mod scenarios;

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::kamailio_server::Kamailio;
use crate::running::{CALLED, CALLER};

/// SIPp that takes every call and keeps what it receives.
pub(crate) struct Callee {
    child: Child,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Callee {
    pub(crate) fn start(sipp: &Path, folder: &Path, port: u16) -> Self {
        let scenario = folder.join("callee.xml");
        fs::write(&scenario, CALLEE).unwrap();
        let child = command(sipp, folder)
            .args(["-sf".as_ref(), scenario.as_os_str(), "-p".as_ref(), port.to_string().as_ref()])
            .args(["-trace_msg", "-message_file"])
            .arg(folder.join("callee.log"))
            .spawn()
            .unwrap();
        let callee = Self { child, folder: folder.to_owned(), port };
        let patience = Instant::now() + Duration::from_secs(20);
        while UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            assert!(Instant::now() < patience, "the callee does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        callee
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The INVITE of the call of that name, once it is there.
    pub(crate) fn received(&self, name: &str) -> String {
        let patience = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(invite) = self.find(name) {
                return invite;
            }
            assert!(Instant::now() < patience, "the callee has received no {name}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The same if it is there now.
    pub(crate) fn find(&self, name: &str) -> Option<String> {
        let log = fs::read(self.folder.join("callee.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let call_id = format!("Call-ID: {name}-");
        let invites = log.split("INVITE sip:").skip(1);
        let found = invites
            .filter(|text| !text.starts_with("SIP/2.0"))
            .find(|text| text.split("\n-----").next().is_some_and(|message| message.contains(&call_id)))?;
        let message = found.split("\n-----").next().unwrap_or(found);
        Some(format!("INVITE sip:{}", message.replace('\r', "")))
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// SIPp that makes calls.
pub(crate) struct Caller<'a> {
    sipp: &'a Path,
    folder: &'a Path,
    sbc_port: u16,
    name: &'a str,
    path: &'a str,
    from: String,
    to: String,
    headers: Vec<String>,
}

impl<'a> Caller<'a> {
    /// Calls of this name by way of that port, whose X-Path is `path`.
    pub(crate) fn new(sipp: &'a Path, folder: &'a Path, sbc_port: u16, name: &'a str, path: &'a str) -> Self {
        let from = format!("<sip:+{CALLER}@127.0.0.1>");
        Self { sipp, folder, sbc_port, name, path, from, to: CALLED.to_owned(), headers: Vec::new() }
    }

    /// From another number.
    pub(crate) fn with_from(self, number: &str) -> Self {
        self.with_from_address(&format!("<sip:+{number}@127.0.0.1>"))
    }

    pub(crate) fn with_from_address(self, address: &str) -> Self {
        Self { from: address.to_owned(), ..self }
    }

    pub(crate) fn with_to(self, number: &str) -> Self {
        Self { to: number.to_owned(), ..self }
    }

    /// With one more header.
    pub(crate) fn with(mut self, header: &str) -> Self {
        self.headers.push(header.to_owned());
        self
    }

    /// One call, which must end with this code.
    pub(crate) fn call(&self, code: u16, sbc: &Kamailio) {
        let output = self.run(code);
        assert!(
            output.status.success(),
            "{}: not {code}: {}\n{}\n{}",
            self.name,
            output.status,
            fs::read_to_string(self.folder.join(format!("{}.err", self.name))).unwrap_or_default(),
            sbc.told()
        );
    }

    fn run(&self, code: u16) -> std::process::Output {
        let scenario = self.folder.join(format!("{}.xml", self.name));
        fs::write(&scenario, self.scenario(code)).unwrap();
        command(self.sipp, self.folder)
            .arg("-sf")
            .arg(&scenario)
            .args(["-cid_str", &format!("{}-%u-%p@%s", self.name), "-timeout", "20", "-timeout_error"])
            .args(["-trace_err", "-error_file"])
            .arg(self.folder.join(format!("{}.err", self.name)))
            .args(["-m", "1"])
            .arg(format!("127.0.0.1:{}", self.sbc_port))
            .output()
            .unwrap()
    }

    fn scenario(&self, code: u16) -> String {
        let Self { path, from, to, headers, .. } = self;
        let headers: String = headers.iter().map(|header| format!("{header}\n")).collect();
        // That of a 2xx is a transaction of its own (RFC 3261 §13.2.2.4).
        let via = if code < 300 {
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"
        } else {
            "[last_Via:]"
        };
        format!(
            r#"<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:+{to}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: {from};tag=[pid]T[call_number]
To: <sip:+{to}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:sipp@[local_ip]:[local_port]>
X-Path: {path}
{headers}Content-Type: application/sdp
Content-Length: [len]

v=0
o=u 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 6000 RTP/AVP 0
]]></send>
<recv response="100" optional="true"/>
<recv response="{code}"/>
<send><![CDATA[
ACK sip:+{to}@[remote_ip]:[remote_port] SIP/2.0
{via}
Max-Forwards: 70
From: {from};tag=[pid]T[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
</scenario>
"#
        )
    }
}

fn command(sipp: &Path, folder: &Path) -> Command {
    let mut command = Command::new(sipp);
    command
        .current_dir(folder)
        .args(["-i", "127.0.0.1", "-nostdin", "-skip_rlimit"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

const CALLEE: &str = r#"<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="callee">
<recv request="INVITE" crlf="true"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]C[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<recv request="ACK"/>
</scenario>
"#;
