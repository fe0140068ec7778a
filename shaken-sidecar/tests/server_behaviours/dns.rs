//! A DNS server that misbehaves on order (RFC 1035), for A records and over UDP and TCP.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// What there is to say about a name.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Addresses(Vec<Ipv4Addr>),
    NoSuchName,
    Failure,
    Late(Duration, Vec<Ipv4Addr>),
    /// Another name, and nothing of that.
    Alias(String),
    /// Another address each time; the last one then stays.
    InTurn(Vec<Ipv4Addr>),
}

/// The names that there are; a `*` stands for any first label.
#[derive(Default)]
pub(crate) struct Dns {
    names: Mutex<HashMap<String, Reply>>,
    asked: Mutex<HashMap<String, usize>>,
    pub(crate) over_tcp: AtomicU64,
}

impl Dns {
    /// Serves `at` this place until the runtime, in which this is called, ends.
    pub(crate) async fn start(at: SocketAddr) -> Arc<Self> {
        let dns = Arc::new(Self::default());
        let udp = Arc::new(UdpSocket::bind(at).await.unwrap());
        let tcp = TcpListener::bind(at).await.unwrap();
        let over_udp = Arc::clone(&dns);
        tokio::spawn(async move {
            let mut query = [0; MAX_UDP];
            while let Ok((len, client)) = udp.recv_from(&mut query).await {
                let (dns, udp, query) = (Arc::clone(&over_udp), Arc::clone(&udp), query[..len].to_vec());
                tokio::spawn(async move {
                    let mut answer = dns.answer(&query).await;
                    if answer.len() > MAX_UDP {
                        answer.truncate(question(&query).2);
                        answer[2] |= TRUNCATED;
                        answer[6..8].fill(0);
                    }
                    let _ = udp.send_to(&answer, client).await;
                });
            }
        });
        let over_tcp = Arc::clone(&dns);
        tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                over_tcp.over_tcp.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(Arc::clone(&over_tcp).serve_tcp(stream));
            }
        });
        dns
    }

    pub(crate) fn say(&self, name: &str, reply: Reply) {
        self.names.lock().unwrap().insert(name.to_owned(), reply);
    }

    /// What it says of a name that has just addresses.
    pub(crate) fn addresses(&self, name: &str) -> Vec<Ipv4Addr> {
        match self.names.lock().unwrap().get(name) {
            Some(Reply::Addresses(addresses)) => addresses.clone(),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// How often the addresses of `name` were asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    async fn serve_tcp(self: Arc<Self>, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let mut query = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut query).await?;
            let answer = self.answer(&query).await;
            stream.write_u16(answer.len().try_into().unwrap()).await?;
            stream.write_all(&answer).await?;
        }
    }

    async fn answer(&self, query: &[u8]) -> Vec<u8> {
        let (name, kind, end) = question(query);
        // There are no others, which is no reason to say that there is no such name.
        let reply = self.reply(&name, kind == A);
        if let Reply::Late(by, _) = &reply {
            tokio::time::sleep(*by).await;
        }
        let (code, records) = match reply {
            Reply::NoSuchName => (NO_SUCH_NAME, Vec::new()),
            Reply::Failure => (FAILURE, Vec::new()),
            Reply::Alias(other) => (0, vec![record(&name, CNAME, &wire(&other))]),
            _ if kind != A => (0, Vec::new()),
            Reply::Addresses(addresses) | Reply::Late(_, addresses) | Reply::InTurn(addresses) => {
                (0, addresses.into_iter().map(|address| record(&name, A, &address.octets())).collect())
            }
        };
        let mut answer = query[..end].to_vec();
        // The answer of the zone's own server, which is a resolver too, to one question and with nothing
        // beside it.
        answer[2..4].copy_from_slice(&[0x85, 0x80 | code]);
        answer[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
        answer[8..12].fill(0);
        answer.extend(records.concat());
        answer
    }

    fn reply(&self, name: &str, counts: bool) -> Reply {
        let names = self.names.lock().unwrap();
        let any = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        let reply = names.get(name).or_else(|| names.get(&any?)).cloned().unwrap_or(Reply::NoSuchName);
        let mut asked = self.asked.lock().unwrap();
        let before = asked.entry(name.to_owned()).or_default();
        let turn = *before;
        *before += usize::from(counts);
        match reply {
            Reply::InTurn(addresses) => Reply::InTurn(vec![addresses[turn.min(addresses.len() - 1)]]),
            other => other,
        }
    }
}

/// The name in lower case, the type, and where the question ends.
fn question(query: &[u8]) -> (String, u16, usize) {
    let (mut labels, mut at) = (Vec::new(), HEADER_LEN);
    while query[at] > 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_ascii_lowercase());
        at = end;
    }
    (labels.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5)
}

/// It may not be kept.
fn record(name: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&wire(name)[..], &kind.to_be_bytes(), &INTERNET, &[0; 4], &len, data].concat()
}

fn wire(name: &str) -> Vec<u8> {
    let mut wire: Vec<u8> = Vec::new();
    for label in name.split('.') {
        wire.push(label.len().try_into().unwrap());
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

const HEADER_LEN: usize = 12;

/// Longer answers are asked for over TCP.
const MAX_UDP: usize = 512;

const TRUNCATED: u8 = 0x02;

const A: u16 = 1;
const CNAME: u16 = 5;
const INTERNET: [u8; 2] = [0, 1];

const FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
