//! Rows about many calls, URLs and hosts at once.

use std::io::{BufRead, BufReader, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::cases::ok;
use crate::dns::Reply;
use crate::namespace;
use crate::rig::{Sends, Server};
use crate::running::{Answer, CALLED, CALLER, connect, post, verification};
use crate::world::{Asked, DEADLINE, World, host, is_unavailable, until, x5u};

#[test]
fn one_download_for_a_herd() {
    namespace::inside("floods::one_download_for_a_herd", || {
        // Long, for the test says when the server answers: when all of them wait.
        let world = World::start(|config| {
            let long = "[fetch]\nbudget_ms = 15000\ndeadline_ms = 15000\n[fetch.lab]";
            let http = "[http]\ndeadline_ms = 20000";
            let config = config.replace("[http]", http).replace("[fetch.lab]", long);
            config + "\n[resp]\nsocket = \"resp.sock\"\n"
        });
        let address = world.address();
        world.dns.say(&host("thundering-herd"), Reply::Addresses(vec![address]));
        // The kernel accepts, and nobody says anything.
        let listener = world.listen(address);
        let identity = world.identity(&x5u("thundering-herd", 0));
        let words = ["STIR.VERIFY", &identity, CALLER, CALLED, "form", "word"];
        let command: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        let command = format!("*{}\r\n{command}", words.len());
        let mut callers: Vec<_> = (0..CALLS / UNDER_WAY)
            .map(|_| {
                let mut stream = connect(&world.running.lab().join("resp.sock"));
                stream.write_all(command.repeat(UNDER_WAY).as_bytes()).unwrap();
                BufReader::new(stream)
            })
            .collect();
        until("all wait", || world.metric("sti_cert_waiting") == CALLS as u64);
        let server = {
            let _guard = world.runtime.enter();
            Server::on(listener, Some(world.ca.config()), Sends::Once(ok(&world.provider.chain, "")))
        };
        for caller in &mut callers {
            for _ in 0..UNDER_WAY {
                let mut line = String::new();
                caller.read_line(&mut line).unwrap();
                if line.starts_with('$') {
                    line.clear();
                    caller.read_line(&mut line).unwrap();
                }
                assert_eq!(line.trim_end().trim_start_matches('+'), "VALID-A");
            }
        }
        assert_eq!(server.seen.connections.load(Ordering::SeqCst), 1);
        assert_eq!(server.seen.requests.lock().unwrap().len(), 1);
        assert_eq!(world.metric("sti_cert_downloads_total"), 1);
        println!("thundering-herd: {CALLS} calls waited at once, one download");
    });
}

#[test]
fn black_holes() {
    namespace::inside("floods::black_holes", || {
        let world = World::start(|config| config);
        let cached = world.serve_chain("cached", &world.provider.chain);
        assert!(world.outcome(&x5u("cached", 0)).last().passes());

        let stalled = world.serve("same-host-10k-urls", None, Sends::Once(Vec::new()));
        let other = world.serve_chain("other", &world.provider.chain);
        let began = Instant::now();
        world.flood(
            "same-host-10k-urls",
            |i| x5u("same-host-10k-urls", i),
            || {
                // Others are not held up.
                assert!(world.outcome(&x5u("other", 0)).last().passes());
            },
        );
        let connections = stalled.seen.connections.load(Ordering::SeqCst);
        let most = 4 * deadlines_since(began);
        println!("same-host-10k-urls: {connections} connections in {:?}, {most} at most", began.elapsed());
        assert!((4..=most).contains(&connections), "{connections} of {most}");

        let hole = world.address();
        world.dns.say(&host("*"), Reply::Addresses(vec![hole]));
        world.drop_syns(hole);
        let (began, dials) = (Instant::now(), namespace::dials());
        world.flood(
            "10k-hosts",
            |i| x5u(&format!("hole{i}"), i),
            || {
                // A host that gave a certificate before still finds a place.
                assert!(world.outcome(&x5u("cached", 1)).last().passes());
            },
        );
        let dials = namespace::dials() - dials - 1;
        // Of the 64 places, hosts that never gave a certificate may have half.
        let most = 32 * deadlines_since(began) as u64;
        println!("10k-hosts: {dials} dials in {:?}, {most} at most", began.elapsed());
        assert!((1..=most).contains(&dials), "{dials} of {most}");
        assert_eq!(cached.seen.connections.load(Ordering::SeqCst), 2);
        assert_eq!(other.seen.connections.load(Ordering::SeqCst), 1);
    });
}

/// How many times as many downloads as there may be at a time could have been started by now.
fn deadlines_since(began: Instant) -> usize {
    usize::try_from(began.elapsed().as_secs() / DEADLINE.as_secs()).unwrap() + 1
}

impl World {
    /// 10,000 calls with a URL each, while other calls have a certificate that is cached, and
    /// `meanwhile`.
    fn flood(&self, id: &str, url: impl Fn(usize) -> String + Sync, meanwhile: impl FnOnce()) {
        let (next, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (flood, cached) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let began = Instant::now();
        std::thread::scope(|threads| {
            let _at_the_end = Set(&done);
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    threads.spawn(|| {
                        let mut stream = self.running.connect();
                        loop {
                            let i = next.fetch_add(1, Ordering::Relaxed);
                            if i >= URLS || done.load(Ordering::Relaxed) {
                                break;
                            }
                            let asked = call(&mut stream, &self.identity(&url(i)));
                            assert!(is_unavailable(&asked), "{asked:?}");
                            flood.lock().unwrap().push((asked.took, asked.public()));
                        }
                    })
                })
                .collect();
            threads.spawn(|| {
                let mut stream = self.running.connect();
                while !done.load(Ordering::Relaxed) {
                    let asked = call(&mut stream, &self.identity(&x5u("cached", 0)));
                    assert!(asked.passes(), "{asked:?}");
                    cached.lock().unwrap().push(asked.took);
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
            until("under way", || flood.lock().unwrap().len() > URLS / 20);
            meanwhile();
            callers.into_iter().for_each(|caller| caller.join().unwrap());
        });
        let mut flood = flood.into_inner().unwrap();
        let mut cached = cached.into_inner().unwrap();
        cached.sort();
        flood.sort();
        let (cached_p99, p99) = (cached[cached.len() * 99 / 100], flood[flood.len() * 99 / 100].0);
        println!(
            "{id}: {URLS} calls in {:?}, p99 {p99:?}, the slowest {:?}; {} cached calls meanwhile, p99 {cached_p99:?}",
            began.elapsed(),
            flood.last().unwrap().0,
            cached.len()
        );
        flood.dedup_by(|one, other| one.1 == other.1);
        assert_eq!(flood.len(), 1, "they have one public body");
        assert!(cached_p99 < DEADLINE, "cached calls waited: {cached_p99:?}");
        assert!(p99 < DEADLINE, "calls waited for downloads: {p99:?}");
    }
}

/// Sets it when it is dropped, however that comes.
struct Set<'a>(&'a AtomicBool);

impl Drop for Set<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn call(stream: &mut std::os::unix::net::UnixStream, identity: &str) -> Asked {
    let request = post("/stir/v1/verification", &verification(identity).to_string());
    let began = Instant::now();
    stream.write_all(request.as_bytes()).unwrap();
    let answer = Answer::read(stream);
    Asked { took: began.elapsed(), answer }
}

const URLS: usize = 10_000;

/// So many callers at a time, each on a connection of its own.
const CALLERS: usize = 32;

/// The herd: so many calls, and on one connection.
const CALLS: usize = 1000;
const UNDER_WAY: usize = 50;
