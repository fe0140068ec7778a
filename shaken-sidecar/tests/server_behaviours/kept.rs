//! Rows about certificates that are kept. Days pass by what stands on the disk: the daemon ends, the
//! files say that they were fetched long ago, and it starts again.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use shaken_core::Error;

use crate::dns::Reply;
use crate::namespace;
use crate::rig::Server;
use crate::running::{Answer, post, unix_now, verification};
use crate::world::{Provider, World, host, is_unavailable, until, x5u};

const DAY_S: u64 = 24 * 3600;

/// How long an old certificate serves, as it is set here.
const STALE_S: u64 = 3600;

#[test]
fn kept() {
    namespace::inside("kept::kept", || {
        let folder = tempfile::tempdir().unwrap();
        let (other, other_root) = Provider::make(&folder.path().join("other"));
        let mut world = World::start(|config| {
            let fetch = format!("[fetch]\ncache_dir = \"certs\"\nmax_stale_s = {STALE_S}\n[fetch.lab]");
            let anchor = config.lines().find_map(|line| line.strip_prefix("anchors = [")).unwrap().to_owned();
            let anchors = format!("{other_root:?}, {anchor}");
            config.replace("[fetch.lab]", &fetch).replace(&anchor, &anchors)
        });
        let rotated = another_key(&world, &other);
        let [herd, due, down] = ["expiry-herd", "rotated-while-old", "origin-down-cached"].map(|id| {
            let server = world.serve_chain(id, &world.provider.chain);
            assert!(world.outcome(&x5u(id, 0)).last().passes(), "{id}");
            assert_eq!(connections(&server), 1);
            server
        });
        let others = world.serve_chain("another", &other.chain);
        world.dns.say(&host("rotated-while-old"), Reply::Addresses(world.dns.addresses(&host("another"))));
        let dead = world.address();
        world.dns.say(&host("origin-down-cached"), Reply::Addresses(vec![dead]));

        let now = unix_now();
        world.fetched_at("expiry-herd", now - DAY_S * 4 / 5 + 10);
        world.fetched_at("rotated-while-old", now - DAY_S - 60);
        world.fetched_at("origin-down-cached", now - DAY_S - STALE_S + 14);
        world.running.kill_and_restart();
        until("taken from the disk", || world.metric("sti_cert_from_disk_total") >= 4);

        while_the_origin_is_down(&world);
        assert_eq!(connections(&due), 1);
        used_when_the_old_one_is_old(&world, &other, &others);
        across_the_end(&world, &herd, now + 10);
        closed_in_the_end(&world, &down, now + 14);
        assert_eq!(connections(&rotated), 1);
    });
}

/// cert-rotates: a signature that does not match has the certificate fetched again, once a minute.
fn another_key(world: &World, other: &Provider) -> Server {
    let old = world.serve_chain("cert-rotates", &world.provider.chain);
    let x5u = x5u("cert-rotates", 0);
    assert!(world.outcome(&x5u).last().passes());
    let new = world.serve_chain("cert-rotates", &other.chain);
    let by_new_key = other.identity(&x5u);
    let first = world.ask(&by_new_key);
    assert_eq!(first.answer.body["verificationResponse"]["verstat"], "TN-Validation-Failed", "{first:?}");
    until("the new certificate", || world.ask(&by_new_key).passes());
    let by_old_key = world.identity(&x5u);
    for _ in 0..100 {
        let failed = world.ask(&by_old_key);
        assert_eq!(failed.answer.body["verificationResponse"]["verstat"], "TN-Validation-Failed");
    }
    assert_eq!((connections(&old), connections(&new)), (1, 1));
    println!("cert-rotates: 100 calls by the old key, no download more");
    new
}

/// cert-rotates: what is there by now is used once the old one is old, though no signature failed.
fn used_when_the_old_one_is_old(world: &World, other: &Provider, others: &Server) {
    let x5u = x5u("rotated-while-old", 0);
    assert!(world.ask(&world.identity(&x5u)).passes(), "the old one serves meanwhile");
    let by_new_key = other.identity(&x5u);
    until("the new certificate", || connections(others) == 1 && world.ask(&by_new_key).passes());
    assert_eq!(connections(others), 1);
}

/// expiry-herd: some 1000 calls a second, and one download when four fifths of the time are over.
fn across_the_end(world: &World, herd: &Server, due_at: u64) {
    let request =
        post("/stir/v1/verification", &verification(&world.identity(&x5u("expiry-herd", 0))).to_string());
    assert!(unix_now() < due_at, "the start took too long");
    let (calls, in_time) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    std::thread::scope(|threads| {
        for _ in 0..HERD {
            threads.spawn(|| {
                let mut stream = world.running.connect();
                while unix_now() < due_at + 2 {
                    let asked = Instant::now();
                    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
                    let answer = Answer::read(&mut stream);
                    assert_eq!(answer.body["verificationResponse"]["verstat"], "TN-Validation-Passed");
                    calls.fetch_add(1, Ordering::Relaxed);
                    in_time.fetch_add(usize::from(unix_now() < due_at), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(HERD).saturating_sub(asked.elapsed()));
                }
            });
        }
    });
    let (calls, before) = (calls.into_inner(), in_time.into_inner());
    println!("expiry-herd: {calls} calls in {:?}, {before} of them before the end", began.elapsed());
    assert!(before > 0 && calls > before);
    // One before the restart, one after.
    assert_eq!(connections(herd), 2);
}

/// origin-down-cached: the old one serves.
fn while_the_origin_is_down(world: &World) {
    let identity = world.identity(&x5u("origin-down-cached", 0));
    assert!((0..20).all(|_| world.ask(&identity).passes()));
}

/// Until it may not any more; then the call gets what any gets whose certificate is not to be had.
fn closed_in_the_end(world: &World, down: &Server, end: u64) {
    let identity = world.identity(&x5u("origin-down-cached", 0));
    while unix_now() <= end {
        let asked = world.ask(&identity);
        assert!(asked.passes() || unix_now() > end, "{asked:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let closed = world.outcome(&x5u("origin-down-cached", 0));
    assert!(is_unavailable(closed.last()), "{:?}", closed.last());
    let told = closed.last().private(&world.running.records());
    assert_eq!(told.as_deref(), Some(Error::FetchConnect.name()));
    assert_eq!(connections(down), 1);
}

impl World {
    /// The file on the disk says so from now on.
    fn fetched_at(&self, id: &str, seconds: u64) {
        let url = x5u(id, 0);
        let found = || {
            let files = fs::read_dir(self.running.lab().join("certs")).ok()?;
            files.map(|file| file.unwrap().path()).find(|path| {
                fs::read_to_string(path).is_ok_and(|text| text.contains(&url))
                    && path.extension().unwrap() == "json"
            })
        };
        until("on disk", || found().is_some());
        let path = found().unwrap();
        let mut kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        kept["fetched_at"] = seconds.into();
        fs::write(path, kept.to_string()).unwrap();
    }
}

fn connections(server: &Server) -> usize {
    server.seen.connections.load(Ordering::SeqCst)
}

/// So many callers, each with a call in as many milliseconds.
const HERD: u64 = 16;
