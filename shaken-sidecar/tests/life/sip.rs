//! Peers of SIP come and go by a reload, and its sockets may be held by somebody else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::process::{Daemon, lab, reload};
use crate::running::{Running, free_port};
use crate::sip_peer::{Peer, invite};

/// `config` with SIP at `port`, for a peer at each of the addresses.
fn with_sip(config: &str, port: u16, addresses: &[&str]) -> String {
    let peers: String = addresses
        .iter()
        .map(|address| {
            format!(
                "[[sip.peer]]\nname = \"{address}\"\naddresses = [\"{address}\"]\nop = \"sign\"\n\
                 [[trunk]]\nname = \"{address}\"\npeer = \"{address}\"\nmax_attest = \"B\"\ncustomer = \"c\"\n"
            )
        })
        .collect();
    format!("{config}\n[sip]\nudp = [\"127.0.0.1:{port}\"]\ntcp = [\"127.0.0.1:{port}\"]\n{peers}")
}

fn is_signed(answer: &str) -> bool {
    answer.starts_with("SIP/2.0 302 ") && answer.contains("\r\nIdentity: ")
}

#[test]
fn peers_come_and_go_by_a_reload() {
    let port = free_port();
    let mut plain = String::new();
    let running = Running::start(|config| {
        plain.clone_from(&config);
        with_sip(&config, port, &["127.0.0.1"])
    });
    let config = running.lab().join("shaken.toml");
    let now_with = |port: u16, addresses: &[&str]| {
        fs::write(&config, with_sip(&plain, port, addresses)).unwrap();
        reload(&running.lab())
    };
    let (old, new) = (Peer::new("127.0.0.1", port), Peer::new("127.0.0.4", port));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let first = old.ask(&old.invite("one", ""));
    assert!(is_signed(&first), "{first}");
    new.socket.send(new.invite("two", "").as_bytes()).unwrap();
    assert!(new.hears_nothing(Duration::from_millis(300)));

    let (code, told) = now_with(port, &["127.0.0.1", "127.0.0.4"]);
    assert_eq!(code, Some(0), "{told}");
    let answer = new.ask(&new.invite("three", ""));
    assert!(is_signed(&answer), "{answer}");
    // What was answered before is answered the same: it is the same transaction still.
    assert_eq!(old.ask(&old.invite("one", "")), first);

    let (code, told) = now_with(port, &["127.0.0.4"]);
    assert_eq!(code, Some(0), "{told}");
    old.socket.send(old.invite("four", "").as_bytes()).unwrap();
    assert!(old.hears_nothing(Duration::from_millis(300)));
    // Nor on a connection from before.
    let late = invite(stream.local_addr().unwrap(), "TCP", "five", "");
    stream.write_all(late.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(!matches!(stream.read(&mut [0; 64]), Ok(1..)));

    // Where it listens takes a restart.
    let (code, told) = now_with(free_port(), &["127.0.0.4"]);
    assert!(code == Some(78) && told.contains("sip.udp"), "{code:?} {told}");
    let answer = new.ask(&new.invite("six", ""));
    assert!(is_signed(&answer), "{answer}");
}

#[test]
fn sockets_that_are_held_lose_no_call() {
    let port = free_port();
    let running = lab(|config| with_sip(&config, port, &["127.0.0.1"]));
    let lab = running.lab();
    let at = ("127.0.0.1", port);
    let (udp, tcp) = (UdpSocket::bind(at).unwrap(), TcpListener::bind(at).unwrap());
    let udp = || OwnedFd::from(udp.try_clone().unwrap());
    let tcp = || OwnedFd::from(tcp.try_clone().unwrap());
    let hand = || [("sip-tcp", tcp()), ("sip-udp", udp())];
    let peer = Peer::new("127.0.0.1", port);

    let daemon = Daemon::start(&lab, &[], &hand());
    let answer = peer.ask(&peer.invite("one", ""));
    assert!(is_signed(&answer), "{answer}");
    assert_eq!(daemon.end().0, Some(0));

    // Nobody is there, and nobody is refused.
    peer.socket.send(peer.invite("two", "").as_bytes()).unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    let call = invite(stream.local_addr().unwrap(), "TCP", "three", "");
    stream.write_all(call.as_bytes()).unwrap();
    let daemon = Daemon::start(&lab, &[], &hand());
    let answer = peer.hear().expect("an answer to what came between");
    assert!(is_signed(&answer), "{answer}");
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answer = [0; 16];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"SIP/2.0 302 Move");
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(running.records().len(), 3);

    let elsewhere = || OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    for (handed, part) in [
        (vec![("sip-udp", tcp())], "another kind"),
        (
            vec![("sip-udp", udp()), ("sip-tcp", tcp()), ("sip-udp", elsewhere())],
            "\"sip-udp\" is at 127.0.0.1:",
        ),
    ] {
        let mut refused = Daemon::spawn(&lab, &[], &handed);
        assert_eq!(refused.code(), Some(78), "{part}: {}", refused.log());
        assert!(refused.log().contains(part), "{part}: {}", refused.log());
    }
}
