//! Restarts on sockets that somebody else holds, and reloads, under load: every request has an answer,
//! after one more connection at most.
//!
//! `SHAKEN_RESTARTS=100 SHAKEN_RELOADS=100 SHAKEN_RATE=5000 SHAKEN_BETWEEN_MS=400 cargo test --release -p
//! shaken-sidecar --test life restarts_and_reloads -- --nocapture` shows it at the size of a carrier.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::process::{Daemon, as_it_is, held, lab, reload};
use crate::running::{Answer, free_port, post, signing};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn restarts_and_reloads_leave_no_request_without_an_answer() {
    let (restarts, reloads) = (number("SHAKEN_RESTARTS", 20), number("SHAKEN_RELOADS", 20));
    let rate = number("SHAKEN_RATE", 400);
    let between = Duration::from_millis(number("SHAKEN_BETWEEN_MS", 40));
    let running = lab(as_it_is);
    let lab = running.lab();
    let listener = held(&lab);
    let hand = || [("http", OwnedFd::from(listener.try_clone().unwrap()))];
    let mut daemon = Daemon::start(&lab, &[], &hand());

    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (socket, is_over) = (running.socket(), Arc::clone(&is_over));
            std::thread::spawn(move || Client::run(&socket, rate as f64 / CLIENTS as f64, &is_over))
        })
        .collect();
    let start = Instant::now();
    let config = lab.join("shaken.toml");
    let text = fs::read_to_string(&config).unwrap();
    let mut longest_gap = Duration::ZERO;
    for turn in 0..restarts.max(reloads) {
        if turn < reloads {
            fs::write(&config, format!("# turn {turn}\n{text}")).unwrap();
            let (code, told) = reload(&lab);
            assert_eq!(code, Some(0), "{told}");
        }
        std::thread::sleep(between);
        if turn < restarts {
            let gap = Instant::now();
            let (code, took) = daemon.end();
            assert_eq!(code, Some(0));
            assert!(took < Duration::from_secs(5), "it took {took:?} to end");
            daemon = Daemon::start(&lab, &[], &hand());
            longest_gap = longest_gap.max(gap.elapsed());
        }
        std::thread::sleep(between);
    }
    is_over.store(true, Ordering::Relaxed);
    let took = start.elapsed();
    let mut all = Client::default();
    for client in clients {
        let client = client.join().unwrap();
        all.asked += client.asked;
        all.again += client.again;
        all.unanswered.extend(client.unanswered);
        all.slowest = all.slowest.max(client.slowest);
    }
    let Client { asked, again, unanswered, slowest } = all;
    println!(
        "{restarts} restarts and {reloads} reloads in {took:.1?}: {asked} requests ({:.0}/s, {rate}/s wanted), \
         {again} needed a second connection, {} no answer; slowest answer {slowest:.0?}, longest restart {longest_gap:.0?}",
        asked as f64 / took.as_secs_f64(),
        unanswered.len(),
    );
    assert!(unanswered.is_empty(), "{unanswered:?}\n{}", running.log());
    assert!(asked > restarts * 5, "too few requests to show anything");
    assert_eq!(daemon.end().0, Some(0));
    // What was answered is on record, and no start was on a torn log.
    assert!(running.records().len() as u64 >= asked);
    assert!(!running.log().contains("cut off"), "{}", running.log());
    // The socket is ours still.
    assert!(UnixStream::connect(running.socket()).is_ok());
}

#[derive(Default)]
struct Client {
    asked: u64,
    again: u64,
    unanswered: Vec<String>,
    slowest: Duration,
}

impl Client {
    /// Asks at `rate` per second, on one connection as long as it holds.
    fn run(socket: &Path, rate: f64, is_over: &AtomicBool) -> Self {
        let mut client = Self::default();
        let mut connection = None;
        let start = Instant::now();
        while !is_over.load(Ordering::Relaxed) {
            let due = start + Duration::from_secs_f64(client.asked as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let request = post("/stir/v1/signing", &signing("A").to_string());
            let asked = Instant::now();
            let mut answer = ask(&mut connection, socket, &request);
            if answer.is_none() {
                client.again += 1;
                answer = ask(&mut connection, socket, &request);
            }
            client.asked += 1;
            client.slowest = client.slowest.max(asked.elapsed());
            match answer {
                Some(answer) if answer.status == 200 => {}
                answer => client.unanswered.push(format!("{answer:?}")),
            }
        }
        client
    }
}

/// Nothing if the connection ends first; the next one is a new one then.
fn ask(connection: &mut Option<UnixStream>, socket: &Path, request: &str) -> Option<Answer> {
    let stream = match connection {
        Some(stream) => stream,
        None => {
            let stream = UnixStream::connect(socket).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            connection.insert(stream)
        }
    };
    let answer = stream.write_all(request.as_bytes()).ok().and_then(|()| Answer::try_read(stream));
    if answer.is_none() {
        *connection = None;
    }
    answer
}

const CLIENTS: u64 = 32;

/// Sockets are taken by name, for this process, and only as the configuration has them.
#[test]
fn what_is_handed_over_is_checked() {
    let address = format!("127.0.0.1:{}", free_port());
    let running = lab(|config| {
        config.replace("[http]", &format!("[http]\nlisten = \"{address}\""))
            + "[[trunk]]\nname = \"tcp\"\nlistener = \"http-tcp\"\n"
    });
    let lab = running.lab();
    let (listener, port) = (held(&lab), TcpListener::bind(&address).unwrap());
    let http = || OwnedFd::from(listener.try_clone().unwrap());
    let tcp = || OwnedFd::from(port.try_clone().unwrap());
    let daemon = Daemon::start(&lab, &[], &[("http-tcp", tcp()), ("http", http())]);
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut status = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(daemon.end().0, Some(0));

    let elsewhere = std::os::unix::net::UnixListener::bind(lab.join("else.sock")).unwrap();
    let elsewhere = || OwnedFd::from(elsewhere.try_clone().unwrap());
    for (handed, part) in [
        (vec![("shaken.socket", http())], "one is named \"shaken.socket\""),
        (vec![("http", tcp())], "another kind"),
        (vec![("http-tcp", http())], "another kind"),
        (vec![("http", http()), ("http", http())], "two are named"),
        (vec![("http", elsewhere()), ("http-tcp", tcp())], "else.sock"),
        (vec![("resp", elsewhere()), ("http-tcp", tcp())], "no door for \"resp\""),
    ] {
        let mut refused = Daemon::spawn(&lab, &[], &handed);
        assert_eq!(refused.code(), Some(78), "{part}: {}", refused.log());
        assert!(refused.log().contains(part), "{part}: {}", refused.log());
    }
    // Those for another process, or for nobody, are none of ours: then the port is in use.
    let own = std::process::id().to_string();
    for pid in [own.as_str(), ""] {
        let output = crate::running::shaken()
            .args(["serve", "--config"])
            .arg(lab.join("shaken.toml"))
            .envs([("LISTEN_PID", pid), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "http")])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(69) && told.contains("listen:"), "{told}");
    }
}

/// X37: whatever clients have left half-done, the end comes soon, and what is whole is answered.
#[test]
fn half_a_request_does_not_hold_up_the_end() {
    let running = lab(as_it_is);
    let daemon = Daemon::start(&running.lab(), &[], &[]);
    let request = post("/stir/v1/signing", &signing("A").to_string());
    let mut begun = Vec::new();
    for len in [0, 1, 20, request.find("\r\n\r\n").unwrap() + 2, request.len() - 5] {
        let mut stream = running.connect();
        stream.write_all(&request.as_bytes()[..len]).unwrap();
        begun.push(stream);
    }
    let mut idle = running.connect();
    idle.write_all(request.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut idle).status, 200);
    let mut whole = running.connect();
    whole.write_all(request.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let (code, took) = daemon.end();
    assert_eq!(code, Some(0), "{}", running.log());
    assert_eq!(Answer::read(&mut whole).status, 200);
    // The one without its body has until the deadline of a request, three seconds.
    println!("ended within {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!running.socket().exists(), "its own socket is gone");
}
