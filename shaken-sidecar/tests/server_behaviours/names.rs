//! Rows about what the DNS answers.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use shaken_core::Error;

use crate::dns::Reply;
use crate::namespace;
use crate::rig::{Sends, Server};
use crate::tool;
use crate::world::{DEADLINE, LATE, Outcome, World, host, is_unavailable, until, x5u};

#[test]
fn names() {
    namespace::inside("names::names", || {
        let world = World::start(|config| config);
        let inner = world.serve_at(Ipv4Addr::LOCALHOST, None, Sends::Once(Vec::new()));
        world.dns.say(&host("dns-servfail"), Reply::Failure);
        world.fails("dns-servfail", 0, Error::FetchDns);
        let (failed, lookups) = (Instant::now(), world.dns.asked(&host("dns-servfail")));
        world.dns.say(&host("dns-nxdomain"), Reply::NoSuchName);
        world.fails("dns-nxdomain", 0, Error::FetchDns);
        mixed(&world);
        rebound(&world);
        a_thousand_addresses(&world);
        slow(&world);
        assert_eq!(world.dns.asked(&host("dns-servfail")), lookups, "it is left alone");
        std::thread::sleep((failed + SHORT).saturating_duration_since(Instant::now()));
        assert!(is_unavailable(world.outcome(&x5u("dns-servfail", 0)).last()));
        assert!(world.dns.asked(&host("dns-servfail")) > lookups, "the resolver may be well again");
        assert_eq!(inner.seen.connections.load(Ordering::SeqCst), 0, "connections to loopback");
    });
}

/// dns-cname-chain-20: behind a real resolver, which ends chains that are too long. How long that is, is
/// its affair; the daemon has the addresses, and checks them.
#[test]
fn a_chain_of_names() {
    namespace::inside("names::a_chain_of_names", || {
        let Some(unbound) = tool::find("unbound", namespace::REQUIRED, "unbound") else { return };
        let world = World::start_with_dns(ZONE, |config| config);
        let _resolver = resolver(&unbound, &world);
        for (id, count) in [("a-chain", 5), ("dns-cname-chain-20", 20)] {
            let good = world.serve_chain(&format!("{id}-{count}"), &world.provider.chain);
            for i in 0..count {
                world.dns.say(&host(&format!("{id}-{i}")), Reply::Alias(host(&format!("{id}-{}", i + 1))));
            }
            world.dns.say(&host(id), Reply::Alias(host(&format!("{id}-1"))));
            if count == 5 {
                assert!(world.outcome(&x5u(id, 0)).last().passes());
            } else {
                world.fails(id, 0, Error::FetchDns);
            }
            assert_eq!(connections(&good), usize::from(count == 5));
        }
    });
}

/// Unbound, where the system looks for its resolver; the names of the servers are those of `world`.
fn resolver(unbound: &Path, world: &World) -> Running {
    let folder = world.running.lab();
    let config = folder.join("unbound.conf");
    let (at, zone) = (namespace::RESOLVER.ip(), ZONE.ip());
    let text = format!(
        "server:\n interface: {at}\n do-ip6: no\n do-not-query-localhost: no\n directory: {folder:?}\n \
         chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n module-config: \"iterator\"\n\
         remote-control:\n control-enable: no\n\
         stub-zone:\n name: \"cr.example\"\n stub-addr: {zone}\n"
    );
    fs::write(&config, text).unwrap();
    let child = Command::new(unbound).arg("-dc").arg(config).stderr(Stdio::null()).spawn().unwrap();
    world.dns.say(&host("ready"), Reply::Addresses(vec![world.address()]));
    until("unbound answers", || (host("ready"), 443).to_socket_addrs().is_ok());
    Running(child)
}

/// Ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One bad answer condemns the name.
fn mixed(world: &World) {
    let good = world.serve_chain("dns-mixed", &world.provider.chain);
    let public = world.dns.addresses(&host("dns-mixed"));
    for (file, addresses) in
        [[public[0], Ipv4Addr::LOCALHOST], [Ipv4Addr::LOCALHOST, public[0]]].into_iter().enumerate()
    {
        world.dns.say(&host("dns-mixed"), Reply::Addresses(addresses.into()));
        world.fails("dns-mixed", file, Error::FetchAddressRefused);
    }
    assert_eq!(connections(&good), 0);
}

/// What was checked is dialled, and what is asked for anew is checked anew.
fn rebound(world: &World) {
    let good = world.serve_chain("dns-rebind", &world.provider.chain);
    let public = world.dns.addresses(&host("dns-rebind"))[0];
    world.dns.say(&host("dns-rebind"), Reply::InTurn(vec![public, Ipv4Addr::LOCALHOST]));
    assert!(world.outcome(&x5u("dns-rebind", 0)).last().passes());
    assert_eq!((world.dns.asked(&host("dns-rebind")), connections(&good)), (1, 1));
    world.fails("dns-rebind", 1, Error::FetchAddressRefused);
    assert_eq!((world.dns.asked(&host("dns-rebind")), connections(&good)), (2, 1));
}

/// They all refuse; four are tried. The answer takes TCP, to the resolver.
fn a_thousand_addresses(world: &World) {
    let first = Ipv4Addr::new(8, 9, 0, 0).to_bits();
    let addresses = (first..first + 1000).map(Ipv4Addr::from_bits).collect();
    world.dns.say(&host("dns-1000-a"), Reply::Addresses(addresses));
    let dials = || namespace::dials() - world.dns.over_tcp.load(Ordering::SeqCst);
    let before = dials();
    world.fails("dns-1000-a", 0, Error::FetchConnect);
    assert_eq!(dials() - before, 4);
    assert!(world.dns.over_tcp.load(Ordering::SeqCst) > 0);
}

/// The resolver answers after 10 s; the download ends at its deadline.
fn slow(world: &World) {
    let good = world.serve_chain("slow-dns", &world.provider.chain);
    let public = world.dns.addresses(&host("slow-dns"));
    world.dns.say(&host("slow-dns"), Reply::Late(Duration::from_secs(10), public));
    let is_late = |outcome: &Outcome| outcome.late() > LATE || outcome.ended > DEADLINE + LATE;
    for file in 0.. {
        let outcome = world.fails("slow-dns", file, Error::FetchDeadline);
        assert!(outcome.ended >= DEADLINE, "{:?}", outcome.ended);
        println!("slow-dns: ended after {:?}, answers {:?} late", outcome.ended, outcome.late());
        if !is_late(&outcome) {
            break;
        }
        assert!(file < ATTEMPTS, "late each time");
    }
    assert_eq!(connections(&good), 0);
}

impl World {
    /// A call fails for this reason, which only the record tells, and is remembered.
    fn fails(&self, id: &str, file: usize, error: Error) -> Outcome {
        let outcome = self.outcome(&x5u(id, file));
        let lookups = self.dns.asked(&host(id));
        assert!(outcome.asked.iter().all(is_unavailable), "{id}: {:?}", outcome.asked);
        let again = self.ask(&self.identity(&x5u(id, file)));
        assert_eq!(again.public(), outcome.last().public(), "{id}");
        let records = self.running.records();
        for asked in [outcome.last(), &again] {
            assert_eq!(asked.private(&records).as_deref(), Some(error.name()), "{id}");
        }
        assert_eq!(self.dns.asked(&host(id)), lookups, "{id}: it is remembered");
        outcome
    }
}

fn connections(server: &Server) -> usize {
    server.seen.connections.load(Ordering::SeqCst)
}

/// Where the servers of the zone are when there is a resolver before them.
const ZONE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 54)), 53);

/// Longer than what failed shortly is left alone.
const SHORT: Duration = Duration::from_secs(15);

/// How often slowness is tried that was late.
const ATTEMPTS: usize = 5;
