//! The door without sockets: messages in, answers out.

use futures_util::FutureExt as _;
use ipnet::IpNet;
use shaken_core::sip::ReasonProtocol;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::*;
use crate::audit::{AuditLog, AuditOptions, Entry, Event, read};
use crate::force::InForce;
use crate::policy::{Match, Trunk};

const FROM: &str = "192.0.2.7:5060";

fn peer() -> Peer {
    Peer {
        name: "sbc".into(),
        addresses: vec!["192.0.2.0/28".parse::<IpNet>().unwrap()],
        op: PeerOp::Auto,
        identity_in: Place::Header,
        redirect: SipResponse::new(302, "Moved Temporarily"),
        no_action: SipResponse::new(404, "Not Found"),
        block: SipResponse::new(603, "Decline"),
        contact: Contact::RequestUri,
        verstat_in: VerstatIn::Asserted,
        failed: Treatment::PassOn,
        no_validation: Treatment::PassOn,
        undecided: WhenUndecided::NoAction,
        reason: ReasonProtocol::Stir,
    }
}

fn in_force(peers: Vec<Peer>) -> InForce {
    let trunk = Trunk::new("t".into(), Match::default());
    InForce::new(None, None, vec![trunk]).with_sip(Rules::new(peers, vec!["911".into()]))
}

/// A door to a daemon that can neither sign nor verify, and its log.
fn door_to(peer: Peer, deadline: Duration) -> (Arc<Door>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let audit = AuditLog::open(dir.path(), AuditOptions::new()).unwrap();
    let force = in_force(vec![peer]).with_deadline(deadline);
    let calls = Arc::new(Calls::new(force, audit));
    (Arc::new(Door::new(Secret::generate().unwrap(), calls)), dir)
}

fn door(peer: Peer) -> (Arc<Door>, TempDir) {
    door_to(peer, Duration::from_secs(9))
}

async fn summary_of(door: &Door, dir: &TempDir) -> (u64, u64, u64) {
    door.calls.audit().close().await.unwrap();
    let lines = read(dir.path()).unwrap();
    let mut counted = (0, 0, 0);
    for line in lines {
        if let Event::Summary(summary) = Entry::parse(&line.unwrap().bytes).unwrap().event {
            counted.0 += summary.unparsable;
            counted.1 += summary.unauthenticated;
            counted.2 += summary.shed;
        }
    }
    counted
}

fn invite(branch: &str, more: &str) -> String {
    format!(
        "INVITE sip:+12155550131@192.0.2.9:5070;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{branch}\r\n\
         From: \"Ada\" <sip:+12155550121@192.0.2.7>;tag=1\r\nTo: <sip:+12155550131@192.0.2.9>\r\n\
         Call-ID: {branch}@192.0.2.7\r\nCSeq: 7 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// What is answered to one message, if anything is.
async fn ask_from(door: &Arc<Door>, message: &[u8], from: &str, now: Instant) -> Option<String> {
    let from = from.parse().unwrap();
    let answer = match door.receive(message, from, Listener::SipUdp, now) {
        Received::Nothing => return None,
        Received::Answer(answer) => answer,
        Received::Invite(invite) => {
            let (answer, pending) = invite.answer(door).await.unwrap();
            drop(pending.and_then(crate::delivery::Pending::into_delivery));
            answer
        }
    };
    assert_eq!(answer.to.ip(), from.ip());
    Some(String::from_utf8_lossy(&answer.bytes).into_owned())
}

async fn ask(door: &Arc<Door>, message: &str) -> Option<String> {
    ask_from(door, message.as_bytes(), FROM, Instant::now()).await
}

fn status(answer: &Option<String>) -> &str {
    answer.as_deref().map_or("", |answer| &answer[8..11])
}

#[tokio::test]
async fn strangers_and_junk_hear_nothing() {
    let (door, dir) = door(peer());
    let now = Instant::now();
    for from in ["198.51.100.1:5060", "[2001:db8::1]:5060"] {
        assert_eq!(ask_from(&door, invite("a", "").as_bytes(), from, now).await, None);
        assert_eq!(
            ask_from(&door, invite("a", "").replace("INVITE", "OPTIONS").as_bytes(), from, now).await,
            None
        );
    }
    // An address in the clothes of the other kind is the same.
    let mapped = ask_from(&door, invite("m", "").as_bytes(), "[::ffff:192.0.2.7]:5060", now).await;
    assert_eq!(status(&mapped), "404");
    for message in [
        "",
        "\r\n\r\n",
        "\0",
        "garbage",
        "SIP/2.0 200 OK\r\n\r\n",
        &invite("b", "").replace("SIP/2.0/UDP 192", "SIP/2.0/UDP ;192"),
        &invite("c", "").replace("Via:", "X-Via:"),
        &invite("d", "").replace("Content-Length: 0", "Content-Length: 9"),
        &invite("e", "").replace("7 INVITE", "7 BYE"),
    ] {
        assert_eq!(ask(&door, message).await, None, "{message}");
    }
    assert_eq!(summary_of(&door, &dir).await, (6, 4, 0));
}

/// Who is a peer is in force like the rest; calls under way end as they began.
#[tokio::test]
async fn peers_can_be_replaced() {
    let (door, _dir) = door(peer());
    let from = FROM.parse().unwrap();
    let first = ask(&door, &invite("a", "")).await;
    let message = invite("b", "");
    let Received::Invite(underway) = door.receive(message.as_bytes(), from, Listener::SipUdp, Instant::now())
    else {
        panic!("a call of a peer");
    };
    let other = Peer { addresses: vec!["198.51.100.0/28".parse().unwrap()], ..peer() };
    door.calls.put_in_force(in_force(vec![other]));
    assert!(!door.knows(from));
    assert_eq!(ask(&door, &invite("c", "")).await, None);
    let (answer, pending) = underway.answer(&door).await.unwrap();
    drop(pending.and_then(crate::delivery::Pending::into_delivery));
    assert!(answer.bytes.starts_with(b"SIP/2.0 404 "));
    let theirs = ask_from(&door, invite("d", "").as_bytes(), "198.51.100.1:5060", Instant::now()).await;
    assert_eq!(status(&theirs), "404");
    // A request from before is known still when its peer is.
    door.calls.put_in_force(in_force(vec![peer()]));
    assert_eq!(ask(&door, &invite("a", "")).await, first);
}

#[tokio::test]
async fn other_methods_have_their_answers() {
    let (door, _dir) = door(peer());
    let as_method = |method: &str| invite("a", "").replace("INVITE", method);
    let options = ask(&door, &as_method("OPTIONS")).await;
    assert_eq!(status(&options), "200");
    assert!(options.as_deref().unwrap().contains("\r\nAllow: INVITE, ACK, CANCEL, OPTIONS\r\n"));
    assert_eq!(ask(&door, &as_method("OPTIONS")).await, options);
    for method in ["BYE", "REGISTER", "MESSAGE", "UNKNOWN"] {
        assert_eq!(status(&ask(&door, &as_method(method)).await), "405", "{method}");
    }
    assert_eq!(ask(&door, &as_method("ACK")).await, None);
    assert_eq!(status(&ask(&door, &as_method("CANCEL")).await), "481");
    let within = invite("a", "").replace("@192.0.2.9>\r\nCall", "@192.0.2.9>;tag=2\r\nCall");
    assert_eq!(status(&ask(&door, &within).await), "481");
    assert_eq!(status(&ask(&door, &invite("a", "")).await), "404");
    assert_eq!(status(&ask(&door, &as_method("CANCEL")).await), "200");
}

#[tokio::test]
async fn what_comes_again_hears_the_same_until_it_is_forgotten() {
    let (door, _dir) = door(peer());
    let now = Instant::now();
    let at = |message: String, after_s: u64| {
        let door = Arc::clone(&door);
        async move { ask_from(&door, message.as_bytes(), FROM, now + Duration::from_secs(after_s)).await }
    };
    let first = at(invite("a", ""), 0).await;
    assert!(
        first.as_deref().unwrap().contains("\r\nReason: SIP;cause=404;text=\"NOT_OFFERED\"\r\n"),
        "{first:?}"
    );
    assert_eq!(at(invite("a", ""), 31).await, first);
    // Another branch, another call, another sender: another answer, with another tag.
    for other in [
        invite("b", ""),
        invite("a", "").replace("Call-ID: a", "Call-ID: b"),
        invite("a", "").replace("CSeq: 7", "CSeq: 8"),
    ] {
        let answer = at(other, 0).await;
        assert_eq!(status(&answer), "404");
        assert_ne!(answer, first);
    }
    assert_eq!(at(invite("a", "").replace("INVITE", "ACK"), 31).await, None);
    assert_eq!(at(invite("a", ""), 31).await, first);
    assert_eq!(door.transactions().begin(Transaction([0; 16]), now + Duration::from_secs(40)), Seen::New);

    // While it is being worked on nothing is said.
    let message = invite("open", "");
    let received = door.receive(message.as_bytes(), FROM.parse().unwrap(), Listener::SipUdp, now);
    let Received::Invite(open) = received else { panic!("it is not new") };
    assert_eq!(at(message.clone(), 1).await, None);
    let (answer, _) = open.answer(&door).await.unwrap();
    assert_eq!(at(message, 2).await.unwrap().as_bytes(), &*answer.bytes);
}

#[tokio::test]
async fn calls_about_which_nothing_can_be_said_go_the_configured_way() {
    let pass_on = Peer { undecided: WhenUndecided::PassOn, op: PeerOp::Sign, ..peer() };
    let no_action =
        Peer { no_action: SipResponse::new(503, "Service Unavailable"), op: PeerOp::Sign, ..peer() };
    for (peer, code) in [(pass_on, "302"), (no_action, "503")] {
        let (door, _dir) = door(peer);
        for (message, why) in [
            (invite("a", ""), "NOT_OFFERED"),
            (invite("c", "").replace("+12155550121", "anonymous"), "caller-anonymous"),
            (invite("d", "").replace("+12155550131", "ada"), "uri-not-a-number"),
        ] {
            let answer = ask(&door, &message).await;
            assert_eq!(status(&answer), code, "{why}");
            let answer = answer.unwrap();
            assert!(answer.contains(&format!("Reason: SIP;cause={code};text=\"{why}\"\r\n")), "{answer}");
            assert_eq!(answer.contains("Contact: <sip:"), code == "302", "{answer}");
            assert!(!answer.contains("Retry-After") && !answer.contains("Identity"), "{answer}");
        }
        // What is wrong in itself is no call.
        for (more, code) in [("Date: yesterday\r\n", "403"), ("P-Asserted-Identity: <\r\n", "400")] {
            assert_eq!(
                status(
                    &ask(&door, &invite("e", more).replace(";branch", &format!(";x={code};branch"))).await
                ),
                code
            );
        }
    }
}

#[tokio::test]
async fn a_call_that_came_too_late_is_told_so() {
    let (door, _dir) = door_to(Peer { op: PeerOp::Sign, ..peer() }, Duration::ZERO);
    let late = Instant::now() - Duration::from_secs(1);
    let answer = ask_from(&door, invite("a", "").as_bytes(), FROM, late).await.unwrap();
    assert!(answer.contains("\r\nReason: SIP;cause=404;text=\"deadline\"\r\n"), "{answer}");
}

#[tokio::test]
async fn too_much_is_told_with_a_time_to_come_back() {
    for (undecided, code) in [(WhenUndecided::NoAction, "503"), (WhenUndecided::PassOn, "302")] {
        let (door, dir) = door(Peer { undecided, ..peer() });
        let all = Arc::clone(&door.underway).acquire_many_owned(u32::try_from(MAX_UNDERWAY).unwrap()).await;
        let answer = ask(&door, &invite("a", "")).await;
        assert_eq!(status(&answer), code);
        assert_eq!(answer.as_deref().unwrap().contains("\r\nRetry-After: 1\r\n"), code == "503");
        assert!(answer.as_deref().unwrap().contains("text=\"overload\""));
        // An emergency call waits for nothing.
        let emergency =
            invite("911", "").replace("sip:+12155550131@192.0.2.9:5070;user=phone", "urn:service:sos");
        assert_eq!(status(&ask(&door, &emergency).await), "302");
        drop(all);
        assert_eq!(ask(&door, &invite("a", "")).await, answer);
        let other = ask(&door, &invite("b", "")).await.unwrap();
        assert!(other.contains("text=\"NOT_OFFERED\""), "{other}");
        assert_eq!(summary_of(&door, &dir).await.2, 1);
    }
}

#[tokio::test]
async fn emergency_calls_go_on_at_once() {
    let refuse =
        Peer { op: PeerOp::Verify, failed: Treatment::Block, no_validation: Treatment::Block, ..peer() };
    let (door, _dir) = door(refuse);
    let to = |uri: &str| invite("a", "").replace("sip:+12155550131@192.0.2.9:5070;user=phone", uri);
    for uri in [
        "urn:service:sos",
        "urn:service:sos.fire",
        "sip:911@192.0.2.9",
        "sip:+911@192.0.2.9;user=phone",
        "tel:911;phone-context=+1",
    ] {
        let answer = ask(&door, &to(uri).replace("branch=", &format!("x={};branch=", uri.len()))).await;
        assert_eq!(status(&answer), "302", "{uri}");
        let answer = answer.unwrap();
        assert!(answer.contains(&format!("Contact: <{uri}>\r\n")), "{answer}");
        assert!(answer.contains("text=\"emergency\"") && !answer.contains("verstat"), "{answer}");
    }
    // A To that says so is not enough.
    let other = invite("b", "").replace("To: <sip:+12155550131@", "To: <sip:911@");
    assert_eq!(status(&ask(&door, &other).await), "404");
}

#[tokio::test]
async fn answers_tell_the_way_they_went() {
    let (door, _dir) = door(peer());
    let message = invite("a", "")
        .replace(";branch=", ";rport;branch=")
        .replace("Call-ID", "v: SIP/2.0/UDP x\r\nCall-ID");
    let answer = ask_from(&door, message.as_bytes(), "192.0.2.7:40000", Instant::now()).await.unwrap();
    let vias: Vec<&str> = answer.lines().filter(|line| line.starts_with("Via: ")).collect();
    assert_eq!(
        vias,
        [
            "Via: SIP/2.0/UDP 192.0.2.7:5060;rport=40000;branch=z9hG4bKa;received=192.0.2.7",
            "Via: SIP/2.0/UDP x"
        ]
    );
    assert!(answer.contains("\r\nFrom: \"Ada\" <sip:+12155550121@192.0.2.7>;tag=1\r\n"), "{answer}");
    assert!(answer.contains("\r\nTo: <sip:+12155550131@192.0.2.9>;tag="), "{answer}");
}

/// Bytes changed, removed and repeated at random: nothing panics, what is answered goes to the sender and is a
/// whole response, and no redirect comes of what the reader refuses.
#[tokio::test]
async fn a_hundred_thousand_mutations() {
    let (door, _dir) = door(Peer { undecided: WhenUndecided::PassOn, identity_in: Place::Both, ..peer() });
    let seeds = [
        invite("a", "Identity: eyJ.eyJ.abc;info=<https://a.example/b>;alg=ES256;ppt=shaken\r\n"),
        invite(
            "b",
            "P-Asserted-Identity: <tel:+12155550121>, \"A, b\" <sip:ada@a.example>\r\nDate: Fri, 25 Sep 2015 19:12:25 GMT\r\n",
        ),
        invite("c", "").replace("INVITE", "OPTIONS"),
        invite(
            "d",
            "v: SIP/2.0/UDP x;rport, SIP / 2.0 / TCP [::1] : 5060;branch=1\r\nAttestation-Info: A\r\n",
        ),
        invite("e", "").replace("sip:+12155550131@192.0.2.9:5070;user=phone", "tel:+1-215-555-0131;npdi"),
    ];
    let words: [&[u8]; 12] =
        [b"\r\n", b",", b";", b"\"", b"<", b">", b"@", b"%", b":", b"\0", b"\xff", b";rport;branch=z9hG4bK"];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % u64::try_from(below).unwrap()).unwrap()
    };
    let (mut answered, mut redirects) = (0, 0);
    let now = Instant::now();
    for round in 0..100_000_u32 {
        // Each is a call of its own.
        let seed = seeds[next(seeds.len())].replace("Call-ID: ", &format!("Call-ID: {round}-"));
        let mut message = seed.into_bytes();
        for _ in 0..=next(4) {
            let at = next(message.len());
            let end = (at + 1 + next(8)).min(message.len());
            match next(4) {
                0 => message[at] = words[next(words.len())][0],
                1 => drop(message.drain(at..end)),
                2 => drop(message.splice(at..at, words[next(words.len())].iter().copied())),
                _ => {
                    let again = message[at..end].to_vec();
                    drop(message.splice(at..at, again));
                }
            }
        }
        // So that what was remembered does not fill up.
        let now = now + Duration::from_secs(u64::from(round / 100));
        let Some(answer) = ask_from(&door, &message, FROM, now).await else { continue };
        answered += 1;
        let shown = || String::from_utf8_lossy(&message).into_owned();
        assert!(
            answer.starts_with("SIP/2.0 ") && answer.ends_with("Content-Length: 0\r\n\r\n"),
            "{}",
            shown()
        );
        assert_eq!(answer.matches("\r\n\r\n").count(), 1, "{}", shown());
        assert!(answer.len() <= 4 * message.len() + 4096, "{}", shown());
        if answer.starts_with("SIP/2.0 3") {
            redirects += 1;
            let request = Request::parse(&message).unwrap();
            assert!(request.is_initial_invite() && topmost_via(&request).is_some(), "{}", shown());
            assert!(request.headers().date().is_ok(), "{}", shown());
        }
    }
    println!("100000 mutations: {answered} answered, {redirects} of them with 302");
    assert!(answered > 10_000 && redirects > 5_000, "{answered} {redirects}");
}

/// Requests of other connections come in between.
#[tokio::test]
async fn who_sends_many_at_once_over_tcp_holds_up_nobody() {
    const MANY: usize = 40;
    let (door, _dir) = door(peer());
    let (_stop, stopping) = watch::channel(false);
    let connect = || {
        let (near, far) = tokio::io::duplex(1 << 20);
        tokio::spawn(serve_stream(far, FROM.parse().unwrap(), Arc::clone(&door), stopping.clone()));
        near
    };
    let options = |n| invite(&format!("options{n}"), "").replace("INVITE", "OPTIONS");
    let (mut many, mut one) = (connect(), connect());
    many.write_all((0..MANY).map(options).collect::<String>().as_bytes()).await.unwrap();
    one.write_all(options(MANY).as_bytes()).await.unwrap();
    // Beside them: a runtime that is blocked on something looks at that more seldom.
    let answers = tokio::spawn(async move {
        let mut answers = vec![0; 64 * 1024];
        assert!(one.read(&mut answers).await.unwrap() > 0);
        assert_eq!(many.read(&mut answers).now_or_never().map(Result::unwrap), None);
        let len = many.read(&mut answers).await.unwrap();
        String::from_utf8_lossy(&answers[..len]).into_owned()
    });
    assert_eq!(answers.await.unwrap().matches("SIP/2.0 200 OK").count(), MANY);
}
