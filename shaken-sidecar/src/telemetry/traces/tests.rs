use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use super::*;
use crate::call::{Carries, Offers};
use crate::delivery::Delivery;
use crate::listen::Peer;
use crate::policy::Listener;

fn parent(flags: &str) -> Option<Parent> {
    let value = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
    Some(Parent::parse(value.as_bytes()).unwrap())
}

fn taken(share: f64, parent: Option<Parent>, has_fault: bool) -> usize {
    let sampler = Sampler::new(Share::new(share).unwrap());
    (0..100_000).filter(|_| sampler.takes(parent, has_fault)).count()
}

#[test]
fn lots_are_drawn_where_no_parent_decides() {
    assert_eq!(taken(0.0, None, false), 0);
    assert_eq!(taken(1.0, None, false), 100_000);
    // Six deviations to both sides.
    for (share, least, most) in [(0.01, 811, 1_189), (0.5, 49_051, 50_949)] {
        let taken = taken(share, None, false);
        assert!((least..=most).contains(&taken), "{share}: {taken}");
    }
}

#[test]
fn a_parent_decides_and_faults_are_always_told() {
    for share in [0.0, 0.5, 1.0] {
        assert_eq!(taken(share, parent("01"), false), 100_000);
        assert_eq!(taken(share, parent("00"), false), 0);
        assert_eq!(taken(share, parent("00"), true), 100_000);
        assert_eq!(taken(share, None, true), 100_000);
    }
}

#[test]
fn shares_are_parts() {
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Share::new(bad), None, "{bad}");
    }
}

/// A queue with room for one span that nobody takes, and a call.
fn traces(share: f64) -> (Traces, mpsc::Receiver<Span>) {
    let (queue, queued) = mpsc::channel(1);
    let sampler = Sampler::new(Share::new(share).unwrap());
    let (counts, close, task) = (Arc::default(), watch::Sender::new(false), Mutex::default());
    (Traces { sampler, queue, counts, close, task }, queued)
}

fn call() -> (Record, Origin) {
    let peer = Peer { uid: 0, gid: 0, pid: None };
    let origin = Origin {
        listener: Listener::Http,
        client: peer.into(),
        offers: Offers::All,
        trunk: None,
        carries: Carries::Nothing,
        call_id: Some("12155550112@sbc.example.com".into()),
        request_id: "12155550112".into(),
        now: SystemTime::UNIX_EPOCH,
        received: Instant::now(),
        parent: None,
        delivery: Delivery::new("12155550112".into()),
    };
    let record =
        Record::new(Op::Sign, Interface::HttpUnix, peer, origin.request_id.clone(), "signed", origin.now);
    (record, origin)
}

fn unrecorded() -> Result<Kept, AuditError> {
    Err(AuditError::SegmentMissing { path: "segment".into() })
}

#[test]
fn a_call_without_a_record_is_told_whatever_was_drawn() {
    let (record, origin) = call();
    let (traces, mut queued) = traces(0.0);
    traces.end(traces.begin(&record, &origin), &Ok(Kept::Durable(7)), &origin);
    assert!(queued.try_recv().is_err());
    traces.end(traces.begin(&record, &origin), &unrecorded(), &origin);
    let span = queued.try_recv().unwrap();
    assert!(!format!("{span:?}").contains("5550112"), "{span:?}");
    let message = span.message(&SystemRandom::new()).unwrap();
    assert_eq!(message.status.unwrap().message, "audit");
    let keys: Vec<_> = message.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    let expected =
        ["sti.interface", "sti.verdict", "sti.error", "sip.call_id.sha256", "http.response.status_code"];
    assert_eq!(keys, expected);
}

#[test]
fn what_has_no_room_is_counted() {
    let (record, origin) = call();
    let (traces, mut queued) = traces(1.0);
    let end = |traced| traces.end(traced, &Ok(Kept::Durable(7)), &origin);
    // Both found room, and one has it.
    let (first, second) = (traces.begin(&record, &origin), traces.begin(&record, &origin));
    end(first);
    end(second);
    assert_eq!(traces.stats().dropped, 1);
    end(traces.begin(&record, &origin));
    assert_eq!(traces.stats().dropped, 2);
    assert!(queued.try_recv().is_ok() && queued.try_recv().is_err());
}

#[test]
fn a_heartbeat_is_no_call() {
    let (mut record, origin) = call();
    let (traces, mut queued) = traces(1.0);
    record.synthetic = Some(true);
    traces.end(traces.begin(&record, &origin), &Ok(Kept::Durable(7)), &origin);
    assert!(queued.try_recv().is_err());
}

#[test]
fn faults_are_those_of_ours_and_of_what_was_asked() {
    let told = |verdict: &'static str, error: Option<&'static str>, reason, status| {
        let (mut record, _) = call();
        record.verdict = verdict.into();
        record.error = error.map(Cow::Borrowed);
        record.reason = Some(Cow::Borrowed(reason));
        record.http_status = Some(status);
        fault(&record)
    };
    for (verdict, error, reason, status, expected) in [
        ("signed", None, "RIGHT_OK", 200, None),
        ("unsigned", None, "RIGHT_NONE", 403, None),
        ("blocked", None, "BLOCKED", 403, None),
        ("observed", None, "RIGHT_OK", 403, None),
        ("unsigned", None, "KEY_UNAVAILABLE", 503, Some("KEY_UNAVAILABLE")),
        ("refused", None, "PPT_NOT_ALLOWED", 403, Some("PPT_NOT_ALLOWED")),
        ("refused", Some("tn-not-authorized"), "RIGHT_OK", 403, Some("tn-not-authorized")),
        ("failed", Some("signature-invalid"), "", 200, Some("signature-invalid")),
        ("failed", Some("identity-missing"), "", 200, None),
    ] {
        assert_eq!(told(verdict, error, reason, status).as_deref(), expected, "{verdict} {error:?} {reason}");
    }
}
