//! The download against servers and resolvers that misbehave, all on the loopback interface.
//!
//! Loopback is reached through the lab override of the policy. No test loosens the address rule:
//! what a public address would do is played by a scripted network that opens no connection.

#![cfg(feature = "fetch")]

mod cases;
mod rig;
mod script;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::HandshakeKind;
use shaken_core::Error;
use shaken_core::fetch::{FetchPolicy, Fetched, Fetcher, X5u};
use shaken_test_vectors::suites::suite_text;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use cases::{Case, ok, our_cases, suite_cases};
use rig::{Ca, Sends, Server};
use script::{Dial, Script};

/// The host that every test URL names, with but a few exceptions.
const HOST: &str = "cr.example.com";

const URL: &str = "https://cr.example.com/a.pem";

const BODY: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

/// Short, for the cases that run into it.
const SHORT_DEADLINE: Duration = Duration::from_millis(400);

/// How late the end may come: scheduling on a busy machine, not a figure of ours.
const TOLERANCE: Duration = Duration::from_secs(5);

/// How late it may be at all.
const LATE: Duration = Duration::from_millis(50);

/// How often that is tried.
const ATTEMPTS: usize = 5;

/// Rows of the suite that tests of their own in this file drive.
const DRIVEN_APART: [&str; 10] = [
    "slow-dns",
    "dns-nxdomain",
    "dns-servfail",
    "dns-mixed",
    "dns-rebind",
    "dns-1000-a",
    "connect-blackhole",
    "connect-refused",
    "set-cookie",
    "10k-hosts",
];

/// Rows that no download can show, with what answers for them.
const ELSEWHERE: [(&str, &str); 6] = [
    ("dns-cname-chain-20", "the resolver of the system (shaken-sidecar/tests/server_behaviours)"),
    ("cert-rotates", "the daemon's downloads (shaken-sidecar/src/certs/tests.rs)"),
    ("same-host-10k-urls", "the daemon's downloads"),
    ("thundering-herd", "the daemon's downloads"),
    ("expiry-herd", "the daemon's downloads"),
    ("origin-down-cached", "the daemon's downloads"),
];

/// Downloads and asserts that it ended in time, and not before the deadline if that is the error.
async fn fetch(policy: FetchPolicy, url: &str, deadline: Duration) -> Result<Fetched, Error> {
    let fetcher = Fetcher::new(policy.with_deadline(deadline)).unwrap();
    fetch_with(&fetcher, url, deadline).await
}

async fn fetch_with(fetcher: &Fetcher, url: &str, deadline: Duration) -> Result<Fetched, Error> {
    let start = Instant::now();
    let result = fetcher.fetch(&X5u::parse(url).unwrap()).await;
    let elapsed = start.elapsed();
    assert!(elapsed <= deadline + TOLERANCE, "{url}: {result:?} after {elapsed:?}");
    assert!(
        result != Err(Error::FetchDeadline) || elapsed >= deadline,
        "{url}: {result:?} after {elapsed:?}"
    );
    result
}

fn lab(ca: &Ca, address: SocketAddr) -> FetchPolicy {
    FetchPolicy::default().with_tls_roots([ca.root_der()]).with_connect_to(HOST, address)
}

/// Deadlines are met; on a machine with other work, one time of a few.
async fn run(ca: &Ca, case: Case) {
    if case.expected != Err(Error::FetchDeadline) {
        run_once(ca, &case).await;
        return;
    }
    let mut latest = Duration::MAX;
    for _ in 0..ATTEMPTS {
        latest = latest.min(run_once(ca, &case).await.saturating_sub(SHORT_DEADLINE));
        if latest <= LATE {
            return println!("{}: {latest:?} after its deadline", case.id);
        }
    }
    panic!("{}: {latest:?} after its deadline", case.id);
}

/// How long it took.
async fn run_once(ca: &Ca, case: &Case) -> Duration {
    let deadline = match case.expected {
        Err(Error::FetchDeadline) => SHORT_DEADLINE,
        _ => Duration::from_secs(10),
    };
    let server = Server::start(case.tls.clone(), case.sends.clone()).await;
    let start = Instant::now();
    let result = fetch(lab(ca, server.address), URL, deadline).await;
    let took = start.elapsed();
    let max_age_s = result.as_ref().map(|fetched| fetched.max_age.map(|age| age.as_secs()));
    assert_eq!(max_age_s.map_err(|e| *e), case.expected, "{}", case.id);
    assert_eq!(server.seen.connections.load(Ordering::SeqCst), 1, "{}: connections", case.id);
    assert!(server.seen.requests.lock().unwrap().len() <= 1, "{}: requests", case.id);
    let hung_up = async {
        while server.seen.hung_up.load(Ordering::SeqCst) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(10), hung_up).await.is_ok(), "{}: still connected", case.id);
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_behaviours() {
    let ca = Ca::new(HOST);
    let cases = suite_cases(&ca, BODY, |_| URL.to_owned());
    let apart = DRIVEN_APART.len();
    let here = cases.len();
    if let Some(text) = suite_text("suites/ssrf/server-behaviours.tsv") {
        let rows: Vec<&str> =
            text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split('\t').next()).collect();
        let ours: Vec<&str> =
            cases.iter().map(|case| case.id).chain(DRIVEN_APART).chain(ELSEWHERE.map(|(id, _)| id)).collect();
        for row in &rows {
            assert!(ours.contains(row), "no test for the server behaviour {row}");
        }
        for id in &ours {
            assert!(rows.contains(id), "{id} is no row of the suite");
        }
        println!("server behaviours: {} of {} rows driven; the others:", here + apart, rows.len());
        ELSEWHERE.iter().for_each(|(id, place)| println!("  {id} belongs to {place}"));
    }
    for case in cases {
        run(&ca, case).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_exact() {
    let ca = Ca::new(HOST);
    for case in our_cases(&ca, BODY) {
        run(&ca, case).await;
    }
}

#[tokio::test]
async fn the_request_carries_nothing_of_us() {
    let ca = Ca::new(HOST);
    let server = Server::start(Some(ca.config()), Sends::Once(ok(BODY, "set-cookie: id=1; Secure"))).await;
    let fetcher = Fetcher::new(lab(&ca, server.address)).unwrap();
    for _ in 0..2 {
        let url = "https://CR.example.com:8443/a%20b.pem";
        let fetched = fetch_with(&fetcher, url, Duration::from_secs(2)).await.unwrap();
        assert_eq!(fetched.body, BODY.as_bytes());
    }
    let expected = format!(
        "GET /a%20b.pem HTTP/1.1\r\nhost: cr.example.com:8443\r\n\
         user-agent: shaken-core/{}\r\nconnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(*server.seen.requests.lock().unwrap(), [expected.as_str(), expected.as_str()]);
    // No session of the first handshake comes back in the second.
    let full = (HandshakeKind::Full, Some(b"http/1.1".to_vec()));
    assert_eq!(*server.seen.handshakes.lock().unwrap(), [full.clone(), full]);
}

#[tokio::test]
async fn names_that_do_not_resolve() {
    for answer in [None, Some(Vec::new())] {
        let script = Script::new([answer], Dial::Refuse);
        let result = fetch(script.policy(), "https://cr.example.com/", SHORT_DEADLINE).await;
        assert_eq!(result, Err(Error::FetchDns));
        assert!(script.dialled.lock().unwrap().is_empty());
    }
    let never = Script::new([], Dial::Refuse);
    let result = fetch(never.policy(), "https://cr.example.com/", SHORT_DEADLINE).await;
    assert_eq!(result, Err(Error::FetchDeadline));
}

#[tokio::test]
async fn one_address_that_is_not_public_condemns_the_name() {
    let denied = "9.9.9.0/24".parse().unwrap();
    for answers in [
        vec!["8.8.8.8", "127.0.0.1"],
        vec!["::1", "8.8.8.8"],
        vec!["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "169.254.169.254"],
        vec!["::ffff:8.8.8.8"],
        vec!["9.9.9.9"],
    ] {
        let addresses = answers.iter().map(|a| a.parse().unwrap()).collect();
        let script = Script::new([Some(addresses)], Dial::Refuse);
        let policy = script.policy().with_denied([denied]);
        let result = fetch(policy, "https://cr.example.com/", SHORT_DEADLINE).await;
        assert_eq!(result, Err(Error::FetchAddressRefused), "{answers:?}");
        assert!(script.dialled.lock().unwrap().is_empty(), "{answers:?}");
    }
}

#[tokio::test]
async fn only_the_checked_address_is_dialled() {
    let [public, loopback]: [IpAddr; 2] = [[8, 8, 8, 8].into(), [127, 0, 0, 1].into()];
    let script = Script::new([Some(vec![public]), Some(vec![loopback])], Dial::Refuse);
    let fetcher = Fetcher::new(script.policy()).unwrap();
    let url = "https://CR.example.com:8443/";
    assert_eq!(fetch_with(&fetcher, url, Duration::from_secs(2)).await, Err(Error::FetchConnect));
    assert_eq!(*script.resolved.lock().unwrap(), ["cr.example.com"]);
    assert_eq!(*script.dialled.lock().unwrap(), [SocketAddr::new(public, 8443)]);
    assert_eq!(fetch_with(&fetcher, url, Duration::from_secs(2)).await, Err(Error::FetchAddressRefused));
    assert_eq!(script.dialled.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_to_another_place_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let script =
        Script::new([Some(vec![[8, 8, 8, 8].into()])], Dial::Elsewhere(listener.local_addr().unwrap()));
    let result = fetch(script.policy(), "https://cr.example.com/", SHORT_DEADLINE).await;
    assert_eq!(result, Err(Error::FetchAddressRefused));
}

#[tokio::test]
async fn at_most_four_of_a_thousand_addresses_are_dialled() {
    let addresses: Vec<IpAddr> = (0..1000).map(|i| Ipv4Addr::from_bits(0x0808_0000 + i).into()).collect();
    let script = Script::new([Some(addresses.clone())], Dial::Refuse);
    let result = fetch(script.policy(), "https://cr.example.com/", SHORT_DEADLINE).await;
    assert_eq!(result, Err(Error::FetchConnect));
    let dialled: Vec<IpAddr> = script.dialled.lock().unwrap().iter().map(SocketAddr::ip).collect();
    assert_eq!(dialled, addresses[..4]);
}

#[tokio::test]
async fn a_black_hole_leaves_time_for_the_next_address() {
    let addresses = vec![[8, 8, 8, 8].into(), [8, 8, 4, 4].into()];
    let script = Script::new([Some(addresses)], Dial::NeverThenRefuse);
    let result = fetch(script.policy(), "https://cr.example.com/", SHORT_DEADLINE).await;
    assert_eq!(result, Err(Error::FetchConnect));
    assert_eq!(script.dialled.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_port_that_refuses_fails_at_once() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let policy = FetchPolicy::default().with_connect_to(HOST, closed);
    let result = fetch(policy, "https://cr.example.com/", Duration::from_secs(2)).await;
    assert_eq!(result, Err(Error::FetchConnect));
}

/// A full accept queue makes Linux drop further SYNs.
#[tokio::test]
async fn a_dropped_syn_ends_at_the_deadline() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        queued.push(stream.unwrap());
        assert!(queued.len() < 64, "the accept queue does not fill");
    }
    let policy = FetchPolicy::default().with_connect_to(HOST, address);
    let result = fetch(policy, "https://cr.example.com/", SHORT_DEADLINE).await;
    assert_eq!(result, Err(Error::FetchDeadline));
}

/// 10,000 black holes at once: 64 are dialled, the others learn soon that it is no use. The clock
/// stands still while anything can run, so that a slow machine does not spread the start.
#[tokio::test(start_paused = true)]
async fn downloads_under_way_are_limited() {
    const HOSTS: usize = 10_000;
    let script = Script::new((0..HOSTS).map(|_| Some(vec![[8, 8, 8, 8].into()])), Dial::Never);
    let fetcher = Arc::new(Fetcher::new(script.policy().with_deadline(SHORT_DEADLINE)).unwrap());
    let mut downloads = JoinSet::new();
    for i in 0..HOSTS {
        let fetcher = Arc::clone(&fetcher);
        downloads.spawn(async move {
            let url = format!("https://h{i}.example.com/");
            let start = Instant::now();
            let error = fetcher.fetch(&X5u::parse(&url).unwrap()).await.unwrap_err();
            (error, start.elapsed().as_millis() / 10 * 10)
        });
    }
    let ends = downloads.join_all().await;
    let overload = (Error::FetchOverload, SHORT_DEADLINE.as_millis() / 2);
    let deadline = (Error::FetchDeadline, SHORT_DEADLINE.as_millis());
    assert_eq!(ends.iter().filter(|end| **end == overload).count(), HOSTS - 64);
    assert_eq!(ends.iter().filter(|end| **end == deadline).count(), 64);
    assert_eq!(script.most_dialling.load(Ordering::SeqCst), 64);
    assert_eq!(script.dialling.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_lab_override_is_for_its_host_alone() {
    let ca = Ca::new(HOST);
    let server = Server::start(Some(ca.config_for_host("*.example.com")), Sends::Once(ok(BODY, ""))).await;
    let script = Script::new([None], Dial::Elsewhere(server.address));
    let policy =
        script.policy().with_tls_roots([ca.root_der()]).with_connect_to("CR.example.com", server.address);
    let fetcher = Fetcher::new(policy).unwrap();
    for (url, expected) in
        [("https://Cr.Example.Com/", Ok(())), ("https://cr2.example.com/", Err(Error::FetchDns))]
    {
        let result = fetch_with(&fetcher, url, Duration::from_secs(2)).await;
        assert_eq!(result.map(drop), expected, "{url}");
    }
    assert_eq!(*script.resolved.lock().unwrap(), ["cr2.example.com"]);
}

#[tokio::test]
async fn without_lab_roots_the_roots_of_the_web_decide() {
    let ca = Ca::new(HOST);
    let server = Server::start(Some(ca.config()), Sends::Once(ok(BODY, ""))).await;
    let policy = FetchPolicy::default().with_connect_to(HOST, server.address);
    let result = fetch(policy, "https://cr.example.com/", Duration::from_secs(2)).await;
    assert_eq!(result, Err(Error::FetchTls));
    assert!(server.seen.requests.lock().unwrap().is_empty());
}

#[test]
fn each_lab_setting_shows() {
    let address = SocketAddr::from(([127, 0, 0, 1], 443));
    assert!(!FetchPolicy::default().is_lab());
    assert!(FetchPolicy::default().with_tls_roots([]).is_lab());
    assert!(FetchPolicy::default().with_connect_to(HOST, address).is_lab());
}

#[test]
fn unusable_roots_are_refused_at_start() {
    let policy = FetchPolicy::default().with_tls_roots([b"not DER".to_vec()]);
    assert_eq!(Fetcher::new(policy).unwrap_err(), Error::CertDer);
}
