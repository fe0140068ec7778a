//! The daemon over SIP: what an SBC that redirects calls sends, and what others might.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;
mod sip_peer;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use running::{CALLED, CALLER, Running, free_port};
use serde_json::Value;
use shaken_test_vectors::suites::suite;
use sip_peer::{Peer, header, invite};

/// One peer at 127.0.0.1 that takes headers, one at 127.0.0.4 that takes them in Contact and wants
/// nothing unverified. The allow-list ends there.
fn with_sip(config: String, port: u16) -> String {
    let peer = |name: &str, address: &str, more: &str| {
        format!(
            "[[sip.peer]]\nname = \"{name}\"\naddresses = [\"{address}\"]\nop = \"auto\"\n{more}\
             [[trunk]]\nname = \"{name}\"\npeer = \"{name}\"\nmax_attest = \"B\"\ncustomer = \"{name}\"\n"
        )
    };
    let strict = "identity_in = \"contact\"\nstatus = 300\ncontact = \"sbc.example.com:5060\"\n\
                  verstat_in = \"both\"\nno_validation = \"refuse\"\nfailed = \"block\"\n";
    let signer = peer("signer", "127.0.0.5", "").replace("op = \"auto\"", "op = \"sign\"");
    let peers = peer("plain", "127.0.0.1", "") + &peer("strict", "127.0.0.4", strict) + &signer;
    format!("{config}\n[sip]\nudp = [\"127.0.0.1:{port}\"]\ntcp = [\"127.0.0.1:{port}\"]\n{peers}")
}

fn start() -> (Running, u16) {
    let port = free_port();
    (Running::start(|config| with_sip(config, port)), port)
}

fn identity_of(answer: &str) -> &str {
    header(answer, "Identity").unwrap_or_else(|| panic!("not signed: {answer}"))
}

/// A value as it stands in the URI of a Contact.
fn unescaped(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| u8::try_from(char::from(byte.unwrap()).to_digit(16).unwrap()).unwrap();
        plain.push(if byte == b'%' { digit(bytes.next()) * 16 + digit(bytes.next()) } else { byte });
    }
    String::from_utf8(plain).unwrap()
}

fn in_contact(answer: &str, name: &str) -> Option<String> {
    let uri = header(answer, "Contact")?.strip_prefix('<')?.strip_suffix('>')?;
    let (_, headers) = uri.split_once('?')?;
    headers.split('&').find_map(|header| header.strip_prefix(name)?.strip_prefix('=')).map(unescaped)
}

#[test]
fn calls_are_signed_and_verified_by_redirect() {
    let (running, port) = start();
    let plain = Peer::new("127.0.0.1", port);
    let signed = plain.ask(&plain.invite("one", "Attestation-Info: A\r\n"));
    assert!(signed.starts_with("SIP/2.0 302 Moved Temporarily\r\n"), "{signed}");
    assert_eq!(header(&signed, "Contact"), Some(format!("<sip:+{CALLED}@127.0.0.1;user=phone>").as_str()));
    assert_eq!(header(&signed, "Attestation-Info"), Some("B"), "never more than that of the trunk");
    assert_eq!(header(&signed, "Reason"), Some("SIP;cause=302;text=\"signed\""));
    let date = header(&signed, "Date").unwrap();
    let identity = format!("Identity: {}\r\nDate: {date}\r\n", identity_of(&signed));

    let verified = plain.ask(&plain.invite("two", &identity));
    assert!(verified.starts_with("SIP/2.0 302 "), "{verified}");
    let asserted = format!("\"Ada\" <sip:+{CALLER};verstat=TN-Validation-Passed@127.0.0.1>");
    assert_eq!(header(&verified, "P-Asserted-Identity"), Some(asserted.as_str()));
    assert_eq!((header(&verified, "Attestation-Info"), header(&verified, "Identity")), (Some("B"), None));
    let asserted = format!("{identity}P-Asserted-Identity: <tel:+{CALLER}>\r\n");
    let verified = plain.ask(&plain.invite("three", &asserted));
    let asserted = format!("<tel:+{CALLER};verstat=TN-Validation-Passed>");
    assert_eq!(header(&verified, "P-Asserted-Identity"), Some(asserted.as_str()));

    // Another caller: it goes on and says so, or it does not.
    let other = |message: String| {
        message.replace(&format!("From: \"Ada\" <sip:+{CALLER}"), "From: <sip:+12155550199")
    };
    let failed = plain.ask(&other(plain.invite("four", &identity)));
    assert!(failed.starts_with("SIP/2.0 302 "), "{failed}");
    let asserted = "<sip:+12155550199;verstat=No-TN-Validation@127.0.0.1>";
    assert_eq!(header(&failed, "P-Asserted-Identity"), Some(asserted));
    let strict = Peer::new("127.0.0.4", port);
    let failed = strict.ask(&other(strict.invite("five", &identity)));
    assert!(failed.starts_with("SIP/2.0 438 Invalid Identity Header\r\n"), "{failed}");
    let (token, _) = identity_of(&signed).split_once(';').unwrap();
    let signature = token.rsplit('.').next().unwrap();
    let reason = format!("STIR;cause=438;text=\"Invalid Identity Header\";ppi=\"..{signature}\"");
    assert_eq!(header(&failed, "Reason"), Some(reason.as_str()), "{failed}");
    assert!(failed.contains("Reason: SIP;cause=438;text=\"orig-mismatch\"\r\n"), "{failed}");
    let forged = identity.replace(&signature[..8], "AAAAAAAA");
    let blocked = strict.ask(&strict.invite("six", &forged));
    assert!(blocked.starts_with("SIP/2.0 603 Decline\r\n"), "{blocked}");

    let records = running.records();
    let fact = |fact: &str| records.iter().map(|record| record[fact].clone()).collect::<Vec<_>>();
    assert_eq!(fact("op"), ["sign", "verify", "verify", "verify", "verify", "verify"]);
    assert_eq!(fact("interface"), ["sip-udp"; 6]);
    assert_eq!(fact("trunk"), ["plain", "plain", "plain", "plain", "strict", "strict"]);
    assert_eq!(fact("verdict"), ["signed", "passed", "passed", "failed", "failed", "failed"]);
    assert_eq!(fact("error")[3..], ["orig-mismatch", "orig-mismatch", "signature-invalid"]);
    assert_eq!(records[0]["peer"]["user"], "plain");
    assert_eq!(records[0]["call_id"], format!("one@{}", plain.socket.local_addr().unwrap()));
    assert_eq!(records[0]["orig"]["received"], format!("sip:+{CALLER}@127.0.0.1"));
    assert!(records.iter().all(|record| record["http_status"].is_null()));
}

#[test]
fn a_call_verifies_in_the_national_form_of_its_trunk() {
    let port = free_port();
    let running = Running::start(|config| {
        let config = with_sip(config, port);
        config.replace("peer = \"plain\"\n", "peer = \"plain\"\nplan = \"nanp\"\n")
    });
    let national = |message: String| {
        let of = |number: &str| (format!("sip:+{number}@"), format!("sip:{}@", &number[1..]));
        let ((caller, own), (called, theirs)) = (of(CALLER), of(CALLED));
        message.replace(&caller, &own).replace(&called, &theirs)
    };
    let plain = Peer::new("127.0.0.1", port);
    let signed = plain.ask(&plain.invite("one", ""));
    let date = header(&signed, "Date").unwrap();
    let identity = format!("Identity: {}\r\nDate: {date}\r\n", identity_of(&signed));
    let verified = plain.ask(&national(plain.invite("two", &identity)));
    assert!(verified.contains("verstat=TN-Validation-Passed"), "{verified}");
    let strict = Peer::new("127.0.0.4", port);
    let failed = strict.ask(&national(strict.invite("three", &identity)));
    assert!(failed.starts_with("SIP/2.0 438 "), "{failed}");
    assert_eq!(running.records()[1]["orig"]["canonical"], CALLER);
}

#[test]
fn what_is_signed_already_is_left_alone() {
    let (running, port) = start();
    let signer = Peer::new("127.0.0.5", port);
    let signed = signer.invite("one", "Identity: a.b.c;info=<https://cr.example.com/a.pem>\r\n");
    let answer = signer.ask(&signed);
    assert!(answer.starts_with("SIP/2.0 404 ") && header(&answer, "Identity").is_none(), "{answer}");
    assert!(answer.contains("text=\"PASSED_THROUGH\""), "{answer}");
    let records = running.records();
    assert_eq!(
        (&records[0]["verdict"], &records[0]["reason"]),
        (&"unsigned".into(), &"PASSED_THROUGH".into())
    );
}

#[test]
fn a_peer_may_take_all_in_contact() {
    let (_running, port) = start();
    let strict = Peer::new("127.0.0.4", port);
    let signed = strict.ask(&strict.invite("one", ""));
    assert!(signed.starts_with("SIP/2.0 300 Multiple Choices\r\n"), "{signed}");
    let contact = format!("<sip:+{CALLED}@sbc.example.com:5060;user=phone?Identity=");
    assert!(header(&signed, "Contact").unwrap().starts_with(&contact), "{signed}");
    assert_eq!(header(&signed, "Identity"), None);
    let identity = in_contact(&signed, "Identity").unwrap();
    let date = in_contact(&signed, "Date").unwrap();
    let verified = strict.ask(&strict.invite("two", &format!("Identity: {identity}\r\nDate: {date}\r\n")));
    let with_verstat = format!("\"Ada\" <sip:+{CALLER};verstat=TN-Validation-Passed@127.0.0.1>");
    for name in ["P-Asserted-Identity", "From"] {
        assert_eq!(in_contact(&verified, name).as_ref(), Some(&with_verstat), "{verified}");
    }
    assert!(header(&verified, "From").unwrap().ends_with("<sip:+12155550121@127.0.0.1>;tag=1"), "{verified}");
}

/// A storm of the same request is one call, and those from elsewhere are none.
#[test]
fn what_is_repeated_is_one_call_and_strangers_are_none() {
    let (running, port) = start();
    let plain = Peer::new("127.0.0.1", port);
    let message = plain.invite("storm", "");
    let first = plain.ask(&message);
    for _ in 0..5_000 {
        assert_eq!(plain.ask(&message), first);
    }
    let ack = message.replace("INVITE", "ACK");
    plain.socket.send(ack.as_bytes()).unwrap();
    assert_eq!(plain.ask(&message), first);

    // All at once, so that it comes again while it is being worked on.
    let message = plain.invite("burst", "");
    for _ in 0..200 {
        plain.socket.send(message.as_bytes()).unwrap();
    }
    let second = plain.hear().unwrap();
    assert!(second.starts_with("SIP/2.0 302 ") && second != first, "{second}");
    plain.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut heard = 1;
    while let Some(again) = plain.hear() {
        assert_eq!(again, second);
        heard += 1;
    }
    assert!(heard <= 200, "{heard}");
    assert_eq!(running.records().len(), 2);

    let stranger = Peer::new("127.0.0.9", port);
    for message in [stranger.invite("x", ""), stranger.invite("x", "").replace("INVITE", "OPTIONS")] {
        stranger.socket.send(message.as_bytes()).unwrap();
    }
    assert!(stranger.hears_nothing(Duration::from_millis(300)));
    assert_eq!(running.records().len(), 2);
}

/// X44, and the torture messages of RFC 4475.
#[test]
fn what_is_no_request_gets_no_call() {
    let (running, port) = start();
    let plain = Peer::new("127.0.0.1", port);
    let garbage: Vec<u8> = (0..65_507_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let long = plain.invite("long", &format!("X-Long: {}\r\n", "x".repeat(64_000)));
    let huge = plain.invite("huge", &format!("X: {}\r\n", "x".repeat(65_507 - 330)));
    for len in [0, 1, 100, 1_500, 65_507] {
        plain.socket.send(&garbage[..len]).unwrap();
    }
    for cut in [10, 100, long.len() - 1] {
        plain.socket.send(&long.as_bytes()[..cut]).unwrap();
    }
    assert!(plain.ask(&long).starts_with("SIP/2.0 302 "));
    let _ = plain.socket.send(huge.as_bytes());
    while !plain.hears_nothing(Duration::from_millis(300)) {}

    let options = |n: usize| plain.invite(&format!("alive{n}"), "").replace("INVITE", "OPTIONS");
    if let Some(folder) = suite("suites/rfc4475") {
        // §3.1.2: not one of them may lead a call anywhere.
        let invalid = [
            "badinv01",
            "clerr",
            "ncl",
            "scalar02",
            "scalarlg",
            "quotbal",
            "ltgtruri",
            "lwsruri",
            "lwsstart",
            "trws",
            "escruri",
            "baddate",
            "regbadct",
            "badaspec",
            "baddn",
            "badvers",
            "mismatch01",
            "mismatch02",
            "bigcode",
        ];
        let mut counts = (0, 0);
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        for path in files.filter(|path| path.extension().is_some_and(|ext| ext == "dat")) {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            // Answers go to the port of the Via, or 5060; so this one asks for its own.
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            for message in [text.clone(), text.replacen(";branch=", ";rport;branch=", 1)] {
                plain.socket.send(message.as_bytes()).unwrap();
            }
            plain.socket.set_read_timeout(Some(Duration::from_millis(60))).unwrap();
            let mut redirected = false;
            while let Some(answer) = plain.hear() {
                counts.1 += 1;
                redirected |= answer.starts_with("SIP/2.0 3");
            }
            assert!(!redirected || !invalid.contains(&name.as_str()), "{name}");
            counts.0 += 1;
        }
        plain.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert!(plain.ask(&options(counts.0)).starts_with("SIP/2.0 200 "));
        println!("rfc4475: {} messages, {} answers, no redirect of an invalid one", counts.0, counts.1);
        assert_eq!(counts.0, 50);
    }
    assert!(plain.ask(&options(0)).starts_with("SIP/2.0 200 "));
    assert!(!running.log().contains("panicked"), "{}", running.log());
}

struct Tcp(TcpStream);

impl Tcp {
    fn new(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(stream)
    }

    fn invite(&self, branch: &str) -> String {
        invite(self.0.local_addr().unwrap(), "TCP", branch, "")
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// One answer, none of which has a body. Nothing at the end of the connection.
    fn hear(&mut self) -> Option<String> {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.0.read(&mut byte).ok()? == 0 {
                return None;
            }
            answer.push(byte[0]);
        }
        Some(String::from_utf8(answer).unwrap())
    }
}

#[test]
fn calls_on_one_connection_may_follow_each_other() {
    let (running, port) = start();
    let mut tcp = Tcp::new(port);
    let all: String = (0..100).map(|n| tcp.invite(&format!("p{n}"))).collect();
    tcp.send(&all);
    let mut calls: Vec<String> = (0..100).map(|_| tcp.hear().unwrap()).collect();
    assert!(calls.iter().all(|answer| answer.starts_with("SIP/2.0 302 ") && identity_of(answer).len() > 100));
    calls.sort_by_key(|answer| header(answer, "Call-ID").unwrap().to_owned());
    calls.dedup_by_key(|answer| header(answer, "Call-ID").unwrap().to_owned());
    assert_eq!(calls.len(), 100);

    // In pieces, with a body, and with somebody who asks whether we are there.
    let message = tcp.invite("pieces").replace("Content-Length: 0\r\n\r\n", "l: 5\r\n\r\nv=0\r\n");
    for piece in message.as_bytes().chunks(100) {
        tcp.0.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(tcp.hear().unwrap().starts_with("SIP/2.0 302 "));
    tcp.send("\r\n\r\n");
    let mut pong = [0; 2];
    tcp.0.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");
    let options = tcp.invite("o").replace("INVITE", "OPTIONS");
    tcp.send(&format!("{options}{}", tcp.invite("o").replace("INVITE", "ACK")));
    assert!(tcp.hear().unwrap().starts_with("SIP/2.0 200 "));

    // Without a length nobody knows where the next one begins.
    for bad in [
        tcp.invite("bad").replace("Content-Length: 0\r\n", ""),
        "garbage\r\n\r\n".to_owned(),
        tcp.invite("bad").replace("Content-Length: 0", "Content-Length: x"),
        "x".repeat(300_000),
    ] {
        let mut tcp = Tcp::new(port);
        let _ = tcp.0.write_all(bad.as_bytes());
        assert_eq!(tcp.hear(), None, "{}", &bad[..bad.len().min(400)]);
    }
    let stranger = std::net::SocketAddr::from(([127, 0, 0, 9], 0));
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &stranger).unwrap();
    rustix::net::connect(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    let mut stranger = Tcp(socket.into());
    stranger.send(&tcp.invite("s"));
    assert_eq!(stranger.hear(), None);

    let records = running.records();
    assert_eq!(records.len(), 101);
    assert!(
        records
            .iter()
            .all(|record: &Value| record["interface"] == "sip-tcp" && record["verdict"] == "signed")
    );
}

/// What has come is still answered when the daemon ends.
#[test]
fn calls_under_way_are_answered_at_the_end() {
    let (mut running, port) = start();
    let sockets: Vec<Peer> = (0..50).map(|_| Peer::new("127.0.0.1", port)).collect();
    for (n, peer) in sockets.iter().enumerate() {
        peer.socket.send(peer.invite(&format!("e{n}"), "").as_bytes()).unwrap();
    }
    // Until the first is there, so that the rest is not long in coming.
    assert!(sockets[0].hear().unwrap().starts_with("SIP/2.0 302 "));
    let begin = Instant::now();
    assert!(running.terminate());
    assert!(begin.elapsed() < Duration::from_secs(8));
    let answered = sockets[1..].iter().filter(|peer| !peer.hears_nothing(Duration::from_millis(20))).count();
    assert_eq!(running.records().len(), 1 + answered);
    assert!(UdpSocket::bind(("127.0.0.1", port)).is_ok());
}
