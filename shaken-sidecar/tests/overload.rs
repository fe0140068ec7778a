//! Too many calls, repositories that do not answer, restarts without any, and PASSporTs that come twice.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;
#[expect(dead_code, reason = "each test file uses a part of it")]
mod sip_peer;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use running::{Answer, CALLED, CALLER, Running, connect, free_port, post, signing};
use serde_json::Value;
use sip_peer::{Peer, header};

fn metric(running: &Running, name: &str) -> u64 {
    let metrics = running.request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").text;
    let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name}: {metrics}")).split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_call_does_not_wait_for_a_repository_that_is_silent() {
    let mut running =
        Running::start(|config| config.replace("[fetch.lab]", "[fetch]\ndeadline_ms = 1500\n[fetch.lab]"));
    // It accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = std::fs::read_to_string(running.lab().join("shaken.toml")).unwrap();
    let line = config.lines().find(|line| line.starts_with("connect_to")).unwrap();
    let host = line.split('"').nth(1).unwrap();
    let elsewhere = format!("connect_to = {{ \"{host}\" = \"{}\" }}", silent.local_addr().unwrap());
    std::fs::write(running.lab().join("shaken.toml"), config.replace(line, &elsewhere)).unwrap();
    running.kill_and_restart();
    let identity = running.sign("A").identity().to_owned();
    let began = Instant::now();
    let pending = running.verify(&identity);
    let waited = began.elapsed();
    println!("answered after {waited:?}");
    assert!((Duration::from_millis(400)..Duration::from_millis(1400)).contains(&waited), "{waited:?}");
    let answer = &pending.body["verificationResponse"];
    assert_eq!((&answer["verstat"], &answer["reasoncode"]), (&"No-TN-Validation".into(), &436.into()));
    assert_eq!(answer["shaken"]["error"], "certificate-pending");
    assert_eq!(running.records().last().unwrap()["error"], "certificate-pending");
    // Then it has failed for good, which the record tells, and the answer does not.
    std::thread::sleep(Duration::from_millis(1700));
    let failed = running.verify(&identity);
    assert_eq!(running.records().last().unwrap()["error"], "fetch-deadline");
    let public = |answer: &Answer| {
        let mut body = answer.body.clone();
        body["verificationResponse"]["shaken"].as_object_mut().unwrap().remove("record").unwrap();
        body.to_string()
    };
    assert_eq!(public(&failed), public(&pending));
    assert_eq!(metric(&running, "sti_cert_pending_total"), 1);
    assert_eq!(metric(&running, "sti_cert_download_failures_total"), 1);
}

#[test]
fn a_restart_needs_no_repository() {
    let mut running =
        Running::start(|config| config.replace("[fetch.lab]", "[fetch]\ncache_dir = \"certs\"\n[fetch.lab]"));
    let passes = |running: &Running| {
        let verified = running.verify(running.sign("A").identity());
        verified.body["verificationResponse"]["verstat"] == "TN-Validation-Passed"
    };
    assert!(passes(&running));
    let dir = running.lab().join("certs");
    let patience = Instant::now() + Duration::from_secs(10);
    while !std::fs::read_dir(&dir).unwrap().any(|file| file.unwrap().path().extension().unwrap() == "json") {
        assert!(Instant::now() < patience, "nothing is kept on disk");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.kill_and_restart();
    while metric(&running, "sti_cert_from_disk_total") == 0 {
        assert!(Instant::now() < patience, "{}", running.log());
    }
    assert!(passes(&running));
    assert_eq!(metric(&running, "sti_cert_downloads_total"), 0);
}

/// Five times as many calls as there may be: those that may be are served, the others are told at once.
#[test]
fn what_is_too_much_is_turned_away_at_once() {
    const PER_S: u64 = 200;
    let running =
        Running::start_telling(None, |config| format!("{config}\n[limits]\nsign_per_s = {PER_S}\n"));
    let (stop, latest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let (stop, latest, socket) = (Arc::clone(&stop), Arc::clone(&latest), running.socket());
            std::thread::spawn(move || {
                let mut stream = connect(&socket);
                let (mut served, mut shed, mut answered) = (0, 0, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    stream.write_all(post("/stir/v1/signing", &signing("A").to_string()).as_bytes()).unwrap();
                    let answer = Answer::read(&mut stream);
                    answered.push(began.elapsed());
                    match answer.status {
                        200 => served += 1,
                        503 => {
                            shed += 1;
                            latest.fetch_max(asked.elapsed().as_millis() as u64, Ordering::Relaxed);
                            assert_eq!(answer.message_id(), "POL5030");
                            assert!(answer.text.contains("overload"), "{answer:?}");
                            assert!(answer.head.contains("\r\nretry-after: 1\r\n"), "{answer:?}");
                        }
                        _ => panic!("{answer:?}"),
                    }
                    // Some 1,000 a second in all.
                    std::thread::sleep(Duration::from_millis(10).saturating_sub(asked.elapsed()));
                }
                (served, shed, answered)
            })
        })
        .collect();
    std::thread::sleep(Duration::from_secs(3));
    stop.store(true, Ordering::Relaxed);
    let (mut served, mut shed, mut answered) = (0, 0, Vec::new());
    for client in clients {
        let (more_served, more_shed, more_answered) = client.join().unwrap();
        served += more_served;
        shed += more_shed;
        answered.extend(more_answered);
    }
    answered.sort_unstable();
    let least = admitted(PER_S, &answered) * 9 / 10;
    let took = began.elapsed();
    let capacity = (PER_S as f64 * took.as_secs_f64()) as u64;
    let latest = latest.load(Ordering::Relaxed);
    println!("{served} of {capacity} served in {took:?}, {shed} turned away in {latest} ms at most");
    assert!(served <= capacity + PER_S / 50 + 1, "{served} of {capacity}");
    assert!(served >= least, "{served} of {least}");
    assert!(shed > served);
    // Verifying has its own.
    assert_eq!(running.verify("x").status, 200);
    assert_eq!(metric(&running, "sti_sign_shed_total"), shed);
    running.wait_for_record("summary", |summary| summary["shed"].as_u64() > Some(0));
    std::thread::sleep(Duration::from_millis(1500));
    let counted =
        running.records_of("summary").iter().map(|summary| summary["shed"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(counted, shed);
}

/// How many of the calls at these times a limit of so many a second lets in, 20 ms of them at once: what is
/// not asked for while the machine does other things is not saved.
fn admitted(per_s: u64, times: &[Duration]) -> u64 {
    let (interval, burst) = (Duration::from_secs(1) / per_s as u32, Duration::from_millis(20));
    let (mut next, mut admitted) = (Duration::ZERO, 0);
    for now in times {
        let after = next.max(*now) + interval;
        if after <= *now + burst {
            (next, admitted) = (after, admitted + 1);
        }
    }
    admitted
}

/// The same words at the other doors.
#[test]
fn every_door_says_that_there_is_too_much_to_do() {
    let port = free_port();
    let running = Running::start(|config| {
        let sip = |name: &str, address: &str, more: &str| {
            format!(
                "[[sip.peer]]\nname = \"{name}\"\naddresses = [\"{address}\"]\nop = \"sign\"\n{more}\
                 [[trunk]]\nname = \"{name}\"\npeer = \"{name}\"\n"
            )
        };
        format!(
            "{config}\n[limits]\nsign_per_s = 1\n[resp]\nsocket = \"resp.sock\"\n[sip]\nudp = [\"127.0.0.1:{port}\"]\n"
        ) + &sip("no-action", "127.0.0.1", "")
            + &sip("pass-on", "127.0.0.4", "undecided = \"pass-on\"\n")
    });
    // Whatever was left of this second.
    while running.sign("A").status != 503 {}
    let quick = format!("GET /quick/v1/sign?from={CALLER}&to={CALLED} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = until(|| running.request(&quick), |answer| answer.status == 503);
    assert!(
        answer.head.contains("x-reason: overload") && answer.head.contains("retry-after: 1"),
        "{answer:?}"
    );
    let resp = until(
        || {
            let mut stream = connect(&running.lab().join("resp.sock"));
            stream.write_all(format!("STIR.SIGN {CALLER} {CALLED}\r\n").as_bytes()).unwrap();
            let mut text = [0; 64];
            let len = stream.read(&mut text).unwrap();
            String::from_utf8_lossy(&text[..len]).into_owned()
        },
        |text| text.starts_with('-'),
    );
    assert_eq!(resp, "-UNAVAILABLE overload\r\n");
    for (address, status) in [("127.0.0.1", "503"), ("127.0.0.4", "302")] {
        let peer = Peer::new(address, port);
        let mut branch = 0;
        let answer = until(
            || {
                branch += 1;
                peer.ask(&peer.invite(&format!("{address}-{branch}"), ""))
            },
            |answer| header(answer, "Identity").is_none(),
        );
        assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{answer}");
        assert!(header(&answer, "Reason").unwrap().contains("text=\"overload\""), "{answer}");
        assert_eq!(header(&answer, "Retry-After").is_some(), status == "503", "{answer}");
    }
}

/// One call a second may still be served.
fn until<T: std::fmt::Debug>(mut ask: impl FnMut() -> T, is_it: impl Fn(&T) -> bool) -> T {
    let mut last = ask();
    for _ in 0..10 {
        if is_it(&last) {
            return last;
        }
        last = ask();
    }
    panic!("none of ten: {last:?}");
}

#[test]
fn replays_are_flagged_or_refused() {
    for (policy, second) in [("", "VALID-A"), ("flag", "VALID-A"), ("refuse", "INVALID")] {
        let running = Running::start(|config| match policy {
            "" => config,
            policy => config.replace("max_attest", &format!("replay = \"{policy}\"\nmax_attest")),
        });
        let identity = running.sign("A").identity().to_owned();
        let verify = |call_id: &str, identity: &str| {
            let identity: String = form_urlencoded::byte_serialize(identity.as_bytes()).collect();
            let query = format!("from={CALLER}&to={CALLED}&call_id={call_id}&identity={identity}");
            running.request(&format!("GET /quick/v1/verify?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n")).text
        };
        // What does not verify is not remembered.
        let forged = format!(
            "{}AAAA{}",
            &identity[..identity.find(';').unwrap() - 4],
            &identity[identity.find(';').unwrap()..]
        );
        assert_eq!(verify("other", &forged), "INVALID");
        assert_eq!(verify("one", &identity), "VALID-A");
        assert_eq!(verify("one", &identity), "VALID-A", "the same call is no replay");
        assert_eq!(verify("two", &identity), second, "{policy:?}");
        assert_eq!(verify("one", &identity), "VALID-A");
        let records = running.records();
        let hits: Vec<&Value> = records.iter().filter(|record| record["replay"] == true).collect();
        assert_eq!(hits.len(), usize::from(!policy.is_empty()));
        assert_eq!(metric(&running, "sti_replays_total"), hits.len() as u64);
        // Without a name of the call nobody can tell it from another.
        let answer = running.verify(&identity);
        let answer = &answer.body["verificationResponse"]["shaken"];
        assert_eq!(answer["replay"] == true, !policy.is_empty(), "{answer}");
        if policy == "refuse" {
            assert_eq!(answer["error"], "passport-replayed");
            assert_eq!(
                (&hits[0]["error"], &hits[0]["sip_status"]),
                (&"passport-replayed".into(), &438.into())
            );
        }
    }
}
