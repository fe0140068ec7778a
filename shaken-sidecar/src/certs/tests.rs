//! The rows of `suites/ssrf/server-behaviours.tsv` that are about the cache and its limits
//! (`cert-rotates`, `same-host-10k-urls`, `10k-hosts`, `thundering-herd`, `expiry-herd`,
//! `origin-down-cached`), and what a call waits for. The repository is the laboratory's, behind a gate.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use shaken_core::fetch::{FetchPolicy, Network};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;
use crate::lab::{Lab, LabOptions, Repository};
use crate::life::clock::unix_s;

const DAY_S: i64 = 24 * 3600;

/// What a connection to the repository meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// Nothing comes back.
    Silent,
    /// It is closed at once.
    Shut,
}

struct World {
    dir: TempDir,
    lab: Lab,
    gate: watch::Sender<Gate>,
    connections: Arc<AtomicUsize>,
    network: Arc<Elsewhere>,
    supply: Arc<Supply>,
    certs: Arc<Certs>,
    now: i64,
}

/// Every other host is a black hole, or refuses.
#[derive(Debug, Default)]
struct Elsewhere {
    dials: AtomicUsize,
    refuses: bool,
}

impl Network for Elsewhere {
    fn resolve<'a>(
        &'a self,
        _: &'a str,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(std::future::ready(Ok(vec![[8, 8, 8, 8].into()])))
    }

    fn dial(
        &self,
        address: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<TcpStream>> + Send + '_>> {
        if address.ip().is_loopback() {
            return Box::pin(TcpStream::connect(address));
        }
        self.dials.fetch_add(1, Ordering::SeqCst);
        match self.refuses {
            true => Box::pin(std::future::ready(Err(std::io::ErrorKind::ConnectionRefused.into()))),
            false => Box::pin(std::future::pending()),
        }
    }
}

impl World {
    async fn start(options: CertOptions) -> Self {
        Self::start_with(options, Elsewhere::default(), Duration::from_secs(10)).await
    }

    async fn start_with(options: CertOptions, elsewhere: Elsewhere, deadline: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lab = Lab::create(dir.path(), &LabOptions::default(), SystemTime::now()).unwrap();
        let repository = Repository::bind(&lab, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let behind = repository.local_addr();
        tokio::spawn(repository.serve(std::future::pending()));
        let (gate, seen) = watch::channel(Gate::Open);
        let connections = Arc::new(AtomicUsize::new(0));
        let address = guard(behind, seen, Arc::clone(&connections)).await;

        let tls_root = CertificateDer::from_pem_file(dir.path().join("tls-root.pem")).unwrap();
        let network = Arc::new(elsewhere);
        let policy = FetchPolicy::default()
            .with_deadline(deadline)
            .with_tls_roots([tls_root.to_vec()])
            .with_connect_to("cr.lab.example", address)
            .with_network(Arc::<Elsewhere>::clone(&network));
        let roots = std::fs::read(dir.path().join("sti-root.pem")).unwrap();
        let trust = Trust::from_pem(&roots).unwrap();
        let supply = Arc::new(Supply { fetcher: Arc::new(Fetcher::new(policy).unwrap()), trust });
        let now = unix_s(SystemTime::now());
        let certs = Certs::new(options, &supply, now);
        Self { dir, lab, gate, connections, network, supply, certs, now }
    }

    /// As a call does it.
    async fn obtain(&self, url: &str, budget: Duration, now: i64) -> Result<Arc<TrustedCert>, Error> {
        let x5u = X5u::parse(url).unwrap();
        match self.certs.lookup(&x5u, &self.supply, now) {
            Some(known) => known,
            None => self.certs.wait(&x5u, &self.supply, Instant::now() + budget, now).await,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    async fn until(&self, holds: impl Fn(&CertStats) -> bool) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !holds(&self.certs.stats()) {
            assert!(Instant::now() < patience, "{:?}", self.certs.stats());
            sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn guard(behind: SocketAddr, gate: watch::Receiver<Gate>, count: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut outer, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut gate = gate.clone();
            tokio::spawn(async move {
                if *gate.wait_for(|gate| *gate != Gate::Silent).await.unwrap() == Gate::Open {
                    let mut inner = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                }
            });
        }
    });
    address
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_waits_for_its_budget_and_no_longer() {
    let world = World::start(CertOptions::new(1 << 20)).await;
    let url = world.lab.x5u();
    world.gate.send_replace(Gate::Silent);
    let budget = Duration::from_millis(120);
    let began = Instant::now();
    assert_eq!(world.obtain(&url, budget, world.now).await.err(), Some(Error::CertPending));
    let waited = began.elapsed();
    assert!((budget..budget + Duration::from_secs(2)).contains(&waited), "{waited:?}");
    assert_eq!((world.certs.stats().pending, world.certs.stats().under_way), (1, 1), "it goes on");
    world.gate.send_replace(Gate::Open);
    world.until(|stats| stats.cached == 1).await;
    assert!(world.obtain(&url, Duration::ZERO, world.now).await.is_ok());
    assert_eq!((world.certs.stats().downloads, world.connections()), (1, 1));
}

/// thundering-herd
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_cold_calls_are_one_download() {
    let world = Arc::new(World::start(CertOptions::new(1 << 20)).await);
    for round in 1..=100 {
        // Each time another cache: all is cold.
        let certs = Certs::new(CertOptions::new(1 << 20), &world.supply, world.now);
        let mut calls = JoinSet::new();
        let start = Arc::new(tokio::sync::Barrier::new(1000));
        for _ in 0..1000 {
            let (world, certs, start) = (Arc::clone(&world), Arc::clone(&certs), Arc::clone(&start));
            calls.spawn(async move {
                let (url, due) = (world.lab.x5u(), Instant::now() + LONG);
                let x5u = X5u::parse(&url).unwrap();
                start.wait().await;
                match certs.lookup(&x5u, &world.supply, world.now) {
                    Some(known) => known.map(drop),
                    None => certs.wait(&x5u, &world.supply, due, world.now).await.map(drop),
                }
            });
        }
        assert!(calls.join_all().await.iter().all(Result::is_ok));
        assert_eq!((certs.stats().downloads, world.connections()), (1, round));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_wait_for_one_download() {
    let world = Arc::new(World::start(CertOptions::new(1 << 20)).await);
    world.gate.send_replace(Gate::Silent);
    let mut calls = JoinSet::new();
    for _ in 0..2 * MAX_WAITING_FOR_ONE {
        let world = Arc::clone(&world);
        calls.spawn(async move { world.obtain(&world.lab.x5u(), LONG, world.now).await.map(drop) });
    }
    let one_more = MAX_WAITING_FOR_ONE as u64;
    world.until(|stats| stats.no_seat == one_more).await;
    world.gate.send_replace(Gate::Open);
    let ends = calls.join_all().await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), MAX_WAITING_FOR_ONE);
    assert_eq!(ends.iter().filter(|end| **end == Err(Error::CertPending)).count(), MAX_WAITING_FOR_ONE);
    assert_eq!((world.certs.stats().waiting, world.certs.stats().downloads), (0, 1));
}

/// expiry-herd: refetched once, ahead of the end; nobody waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_fetched_again_before_it_is_old() {
    let world = World::start(CertOptions::new(1 << 20)).await;
    let url = world.lab.x5u();
    let first = world.obtain(&url, LONG, world.now).await.unwrap();
    // The laboratory says a day.
    for (after_s, downloads) in [(DAY_S / 2, 1), (DAY_S * 4 / 5 - 5, 1), (DAY_S * 4 / 5 + 5, 2)] {
        for _ in 0..100 {
            assert!(world.obtain(&url, Duration::ZERO, world.now + after_s).await.is_ok());
        }
        world.until(|stats| stats.under_way == 0).await;
        assert_eq!(world.certs.stats().downloads, downloads, "after {after_s} s");
    }
    let second = world.obtain(&url, Duration::ZERO, world.now + DAY_S * 4 / 5 + 6).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!(world.certs.stats().stale, 0);
}

/// origin-down-cached
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_origin_is_down_the_old_one_serves_until_its_end() {
    let world = World::start(CertOptions::new(1 << 20)).await;
    let url = world.lab.x5u();
    let certificate = world.obtain(&url, LONG, world.now).await.unwrap();
    world.gate.send_replace(Gate::Shut);
    let end = certificate.not_after();
    assert!(end > world.now + 2 * DAY_S);
    // One attempt, then it is left alone for ten seconds.
    for after_s in [DAY_S + 1, DAY_S + 2, 2 * DAY_S, end - world.now] {
        let found = world.obtain(&url, Duration::ZERO, world.now + after_s).await;
        assert!(found.is_ok(), "after {after_s} s: {:?}", found.err());
        world.until(|stats| stats.under_way == 0).await;
    }
    assert_eq!((world.certs.stats().downloads, world.certs.stats().stale), (4, 4));
    let ended = world.obtain(&url, LONG, end + 1).await.err();
    assert!(ended.is_some(), "it fails closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_may_end_it_sooner() {
    let world = World::start(CertOptions::new(1 << 20).with_max_stale_s(60)).await;
    let url = world.lab.x5u();
    world.obtain(&url, LONG, world.now).await.unwrap();
    world.gate.send_replace(Gate::Shut);
    assert!(world.obtain(&url, LONG, world.now + DAY_S + 60).await.is_ok());
    world.until(|stats| stats.under_way == 0).await;
    assert!(world.obtain(&url, LONG, world.now + DAY_S + 61).await.is_err());
}

/// cert-rotates: once a minute, whatever comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubted_certificate_is_fetched_again_once_a_minute() {
    let world = World::start(CertOptions::new(1 << 20)).await;
    let url = world.lab.x5u();
    world.obtain(&url, LONG, world.now).await.unwrap();
    let x5u = X5u::parse(&url).unwrap();
    for (after_s, downloads) in [(0, 2), (59, 2), (60, 3), (61, 3)] {
        for _ in 0..100 {
            world.certs.doubt(&x5u, &world.supply, world.now + after_s);
        }
        world.until(|stats| stats.under_way == 0).await;
        assert_eq!(world.certs.stats().downloads, downloads, "after {after_s} s");
    }
}

/// 10k-hosts and same-host-10k-urls: what never answers keeps neither refreshes nor other hosts out,
/// and who finds no place is told at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn black_holes_keep_nobody_else_out() {
    let world = World::start(CertOptions::new(1 << 20)).await;
    let url = world.lab.x5u();
    world.obtain(&url, LONG, world.now).await.unwrap();
    for (flood, places) in [("https://cr.black.example/", 4), ("https://*.black.example/", 28)] {
        let (mut started, before) = (0, world.network.dials.load(Ordering::SeqCst));
        let began = Instant::now();
        for i in 0..10_000 {
            let flood = flood.replace('*', &format!("h{i}")) + &format!("{i}.pem");
            match world.certs.join(&X5u::parse(&flood).unwrap(), &world.supply, world.now) {
                Ok(_) => started += 1,
                Err(error) => assert_eq!(error, Error::FetchOverload),
            }
        }
        println!("10,000 URLs of {flood}: {started} tried, {:?} for all", began.elapsed());
        assert_eq!(started, places);
        sleep(Duration::from_millis(100)).await;
        assert_eq!(world.network.dials.load(Ordering::SeqCst) - before, places);
    }
    assert!(world.obtain(&url, Duration::ZERO, world.now).await.is_ok());
    world.certs.doubt(&X5u::parse(&url).unwrap(), &world.supply, world.now);
    let patience = Instant::now() + LONG;
    while world.connections() < 2 {
        assert!(Instant::now() < patience, "the refresh found no place");
        sleep(Duration::from_millis(5)).await;
    }
}

/// What fails at once comes at a rate, and what failed is not tried again soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_remembered() {
    let refusing = Elsewhere { refuses: true, ..Elsewhere::default() };
    let world = World::start_with(CertOptions::new(1 << 20), refusing, LONG).await;
    for now in [0, 1, 9, 14, 15] {
        let _ = world.obtain("https://cr.black.example/a.pem", LONG, world.now + now).await;
    }
    assert_eq!(world.network.dials.load(Ordering::SeqCst), 2);
    for i in 0..1000 {
        let _ = world.obtain(&format!("https://h{i}.black.example/"), LONG, world.now).await;
    }
    let dials = world.network.dials.load(Ordering::SeqCst);
    assert!((90..400).contains(&dials), "{dials} hosts were dialled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_takes_from_the_disk_what_is_still_good() {
    let dir = tempfile::tempdir().unwrap();
    let options = CertOptions::new(1 << 20).with_dir(dir.path().join("certs"));
    let world = World::start(options.clone()).await;
    let url = world.lab.x5u();
    world.obtain(&url, LONG, world.now).await.unwrap();
    let file = loop {
        match std::fs::read_dir(dir.path().join("certs")).ok().and_then(|mut files| files.next()) {
            Some(Ok(file)) if file.path().extension().is_some_and(|end| end == "json") => break file.path(),
            _ => sleep(Duration::from_millis(5)).await,
        }
    };
    world.gate.send_replace(Gate::Shut);
    let restarted = |supply: &Supply, now| {
        let certs = Certs::new(options.clone(), supply, now);
        let x5u = X5u::parse(&url).unwrap();
        let (supply, certs) = (Arc::new(supply.clone()), certs);
        async move {
            sleep(Duration::from_millis(300)).await;
            let known = certs.lookup(&x5u, &supply, now);
            (certs.stats().from_disk, known.is_some_and(|known| known.is_ok()))
        }
    };
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(restarted(&world.supply, world.now + 60).await, (1, true));
    // Judged by the trust of now, and at the time of now.
    let elsewhere = Supply { trust: Trust::empty(), ..(*world.supply).clone() };
    assert_eq!(restarted(&elsewhere, world.now).await, (0, false));
    assert!(file.exists(), "another trust may take it");
    assert_eq!(restarted(&world.supply, world.now + 20 * 365 * DAY_S).await, (0, false));
    assert!(!file.exists(), "nobody will");
    // Changed bytes are judged, not believed.
    let other = text.replacen("BEGIN CERTIFICATE-----\\nMII", "BEGIN CERTIFICATE-----\\nMIJ", 1);
    assert_ne!(other, text);
    std::fs::write(&file, other).unwrap();
    assert_eq!(restarted(&world.supply, world.now).await, (0, false));
    // Nor is its age, if it says that it is younger than can be.
    std::fs::write(&file, text.replace(&format!(":{}", world.now), &format!(":{}", world.now + DAY_S)))
        .unwrap();
    assert_eq!(restarted(&world.supply, world.now).await, (1, true));
    drop(world.dir);
}
