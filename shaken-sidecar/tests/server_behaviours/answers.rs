//! Rows that one answer of one server makes up, and those about a port that does not answer.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;
use shaken_core::Error;

use crate::cases::{Case, ok, suite_cases};
use crate::namespace;
use crate::rig::{Sends, Server};
use crate::world::{Asked, DEADLINE, LATE, Outcome, World, host, is_unavailable, until, x5u};
use crate::{dns::Reply, rows_that_say};

/// What a case is asked at.
enum Origin {
    Server(Server),
    /// Nobody accepts there.
    Dead,
}

/// A case, and how each try of it went: more than one if an answer or the end of a download was late.
struct Tried {
    id: &'static str,
    expected: Result<Option<u64>, Error>,
    origin: Origin,
    tries: Vec<(Outcome, Asked)>,
}

#[test]
fn one_answer_of_one_server() {
    namespace::inside("answers::one_answer_of_one_server", || {
        let world = World::start(|config| {
            config.replace("[fetch.lab]", "[fetch]\ncache_dir = \"certs\"\n[fetch.lab]")
        });
        let inner: Vec<Server> = [80, 443].map(|port| world.listen_inside(port)).into();
        let mut tried = cases(&world);
        let dials = namespace::dials();
        // On a machine with other work, answers are in time one time of a few.
        for _ in 0..ATTEMPTS {
            let late = Mutex::new(tried.iter_mut().filter(|case| case.is_to_be_tried()).collect::<Vec<_>>());
            std::thread::scope(|threads| {
                for _ in 0..AT_A_TIME {
                    threads.spawn(|| {
                        while let Some(case) = { late.lock().unwrap().pop() } {
                            case.attempt(&world);
                        }
                    });
                }
            });
        }
        let ended = Instant::now();
        let records = world.running.records();
        tried.iter().for_each(|case| judge(case, &records));
        report(&tried);
        kept_as_long_as_it_should(&world, &tried);
        let downloads = world.metric("sti_cert_downloads_total");
        println!("{downloads} downloads, {} connections tried", namespace::dials() - dials);
        assert_eq!(namespace::dials() - dials, downloads, "each dials once, and nobody else does");
        std::thread::sleep((ended + SHORT).saturating_duration_since(Instant::now()));
        again_later(&world, &tried);
        assert!(inner.iter().all(|server| server.seen.connections.load(Ordering::SeqCst) == 0));
    });
}

fn cases(world: &World) -> Vec<Tried> {
    let chain = &world.provider.chain;
    let mut cases = suite_cases(&world.ca, chain, |id| x5u(id, 0));
    let cookie = Sends::Once(ok(chain, "set-cookie: id=1; Secure"));
    cases.push(Case { id: "set-cookie", tls: Some(world.ca.config()), sends: cookie, expected: Ok(None) });
    let mut tried: Vec<Tried> = cases
        .into_iter()
        .map(|Case { id, tls, sends, expected }| {
            let origin = Origin::Server(world.serve(id, tls, sends));
            Tried { id, expected, origin, tries: Vec::new() }
        })
        .collect();
    for (id, error) in [("connect-refused", Error::FetchConnect), ("connect-blackhole", Error::FetchDeadline)]
    {
        let address = world.address();
        world.dns.say(&host(id), Reply::Addresses(vec![address]));
        if id == "connect-blackhole" {
            world.drop_syns(address);
        }
        tried.push(Tried { id, expected: Err(error), origin: Origin::Dead, tries: Vec::new() });
    }
    // What takes long comes first.
    tried.sort_by_key(|case| case.expected == Err(Error::FetchDeadline));
    tried
}

impl Tried {
    /// What it gave is asked for again at once, when it is known.
    fn attempt(&mut self, world: &World) {
        let url = x5u(self.id, self.tries.len());
        let outcome = world.outcome(&url);
        self.tries.push((outcome, world.ask(&world.identity(&url))));
    }

    fn is_to_be_tried(&self) -> bool {
        self.tries.last().is_none_or(|(outcome, _)| self.is_late(outcome))
    }

    fn is_late(&self, outcome: &Outcome) -> bool {
        let waits_for_deadline = self.expected == Err(Error::FetchDeadline);
        outcome.late() > LATE || (waits_for_deadline && outcome.ended > DEADLINE + LATE)
    }
}

fn judge(case: &Tried, records: &[Value]) {
    let Tried { id, expected, tries, .. } = case;
    for (outcome, again) in tries {
        let (last, pending) = outcome.asked.split_last().unwrap();
        let waits = *expected == Err(Error::FetchDeadline);
        assert!(!waits || !pending.is_empty(), "{id}: a call waited for the deadline");
        assert!(outcome.ended >= DEADLINE || !waits, "{id}: {:?}", outcome.ended);
        // The budget of the fifth call ends with the download: it is told of that, and may be slow to hear it.
        let pending = match pending.split_last() {
            Some((heard, before)) if waits && heard.private(records) == last.private(records) => before,
            _ => pending,
        };
        for asked in pending {
            assert!(is_unavailable(asked), "{id}: {asked:?}");
            assert_eq!(asked.private(records).as_deref(), Some("certificate-pending"), "{id}");
        }
        match expected {
            Ok(_) => assert!(last.passes(), "{id}: {last:?}, {:?}", last.private(records)),
            Err(error) => {
                assert!(is_unavailable(last), "{id}: {last:?}");
                assert_eq!(last.private(records).as_deref(), Some(error.name()), "{id}");
            }
        }
        // It did not wait, and below there is no connection for it.
        assert_eq!((again.public(), again.private(records)), (last.public(), last.private(records)), "{id}");
    }
    let (last, _) = tries.last().unwrap();
    assert!(!case.is_late(last), "{id}: {:?} late, ended after {:?}", last.late(), last.ended);
    if let Origin::Server(server) = &case.origin {
        assert_eq!(server.seen.connections.load(Ordering::SeqCst), tries.len(), "{id}: connections");
        let requests = server.seen.requests.lock().unwrap();
        assert!(requests.len() <= tries.len(), "{id}: requests");
        assert!(!requests.concat().to_ascii_lowercase().contains("\r\ncookie:"), "{id}: {requests:?}");
        until("hung up", || server.seen.hung_up.load(Ordering::SeqCst) == tries.len());
    }
}

fn report(tried: &[Tried]) {
    let answers = || tried.iter().flat_map(|case| &case.tries).flat_map(|(outcome, _)| &outcome.asked);
    let slowest = answers().map(|asked| asked.took).max().unwrap();
    let first = tried.iter().map(|case| case.tries.last().unwrap().0.asked[0].took).max().unwrap();
    let last = |case: &Tried| case.tries.last().unwrap().0.ended;
    let slowest_end = tried.iter().map(last).max().unwrap();
    let retries: usize = tried.iter().map(|case| case.tries.len() - 1).sum();
    println!(
        "{} rows; slowest first answer {first:?}, of all {} {slowest:?} (a call waits 400 ms), slowest end of a \
         download {slowest_end:?} (deadline 2 s); {retries} tried again for being late",
        tried.len(),
        answers().count(),
    );
    let mut bodies: Vec<String> = answers().filter(|asked| !asked.passes()).map(Asked::public).collect();
    let unavailable = bodies.len();
    bodies.sort();
    bodies.dedup();
    println!("{unavailable} answers without a certificate have {} public body: {bodies:?}", bodies.len());
    assert_eq!(bodies.len(), 1);
}

/// What a certificate's server said of its age stands on the disk as it was read. Calls for the cached
/// certificate made no request: it is fresh for a day at least, whatever was said.
fn kept_as_long_as_it_should(world: &World, tried: &[Tried]) {
    let dir = world.running.lab().join("certs");
    let kept = || -> HashMap<String, Value> {
        let files = std::fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
            .map(|kept: Value| (kept["url"].as_str().unwrap().to_owned(), kept))
            .collect()
    };
    let good = tried.iter().filter_map(|case| Some((case.id, case.expected.ok()?)));
    for (id, max_age_s) in good {
        until("on disk", || kept().contains_key(&x5u(id, 0)));
        assert_eq!(kept()[&x5u(id, 0)]["max_age_s"].as_u64(), max_age_s, "{id}");
    }
}

/// Who is left alone for a short time is asked again after it, and nobody else.
fn again_later(world: &World, tried: &[Tried]) {
    let shortly = rows_that_say("short negative cache");
    for case in tried {
        let Origin::Server(server) = &case.origin else { continue };
        let is_short = shortly.iter().any(|id| id == case.id);
        if !is_short && !["status-404", "ok"].contains(&case.id) {
            continue;
        }
        let again = world.outcome(&x5u(case.id, 0));
        assert_eq!(again.last().passes(), case.expected.is_ok(), "{}", case.id);
        let connections = server.seen.connections.load(Ordering::SeqCst) - case.tries.len();
        assert_eq!(connections, usize::from(is_short), "{}: connections", case.id);
    }
}

impl World {
    /// A server on loopback, where nobody should come.
    fn listen_inside(&self, port: u16) -> Server {
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
        let _guard = self.runtime.enter();
        Server::on(listener, None, Sends::Once(Vec::new()))
    }
}

/// Few enough that hosts which never gave a certificate all find a place.
const AT_A_TIME: usize = 8;

/// How often a case is tried that was late.
const ATTEMPTS: usize = 8;

/// Longer than what failed shortly is left alone, and shorter than the rest.
const SHORT: Duration = Duration::from_secs(15);

impl World {
    /// As if a firewall dropped them: a full accept queue makes Linux do so.
    pub(crate) fn drop_syns(&self, address: std::net::Ipv4Addr) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        let address = std::net::SocketAddr::from((address, 443));
        socket.bind(address).unwrap();
        let _guard = self.runtime.enter();
        let listener = socket.listen(1).unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queued.push(stream);
            assert!(queued.len() < 64, "the accept queue does not fill");
        }
        // They stay open as long as the process.
        std::mem::forget((listener, queued));
    }
}
