//! `/ready`, `/live` and `/healthz` name what is wrong.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shaken_core::{Signer, key};
use shaken_sidecar::audit::{AuditLog, AuditOptions};
use shaken_sidecar::call::Calls;
use shaken_sidecar::config::Fixed;
use shaken_sidecar::force::InForce;
use shaken_sidecar::life::Life;

use crate::process::{as_it_is, metric};
use crate::running::{Answer, Running, run};

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[test]
fn a_daemon_that_is_well_says_so_and_one_without_its_socket_not() {
    let running = Running::start(as_it_is);
    for (path, status) in [("/ready", "ready"), ("/live", "live"), ("/healthz", "ok")] {
        let answer = running.request(&get(path));
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, format!("{{\"status\":\"{status}\"}}").as_str())
        );
        assert_eq!(running.request(&get(path).replace("GET", "POST")).status, 405);
    }
    let metrics = running.request(&get("/metrics"));
    let not_after = metric(Some(metrics), "own_cert_expiry_timestamp_seconds").unwrap();
    let month = crate::running::unix_now() + 30 * 24 * 3600;
    assert!(not_after.abs_diff(month) < 3600, "{not_after}");

    // X36: nobody can connect any more, but those who are.
    let mut stream = running.connect();
    fs::remove_file(running.socket()).unwrap();
    let mut ask = |path: &str| {
        std::io::Write::write_all(&mut stream, get(path).as_bytes()).unwrap();
        Answer::read(&mut stream)
    };
    let ready = ask("/ready");
    assert_eq!((ready.status, &ready.body["causes"][0]), (503, &"socket-missing".into()));
    assert_eq!(ask("/healthz").body["status"], "degraded");
    assert_eq!(ask("/live").status, 200);
    assert_eq!(metric(Some(ask("/metrics")), "ready"), Some(0));
}

/// With the clock as a parameter: our own certificate's end.
#[tokio::test]
async fn a_certificate_is_told_before_and_after_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    assert!(run(&["lab", "init", lab.to_str().unwrap()], b"").status.success());
    let file = |name: &str| fs::read(lab.join(name)).unwrap();
    let key = key::signing_key_from_pem(&file("provider.key")).unwrap();
    let signer = Signer::new(key, &file("provider.pem"), "https://cr.example.com/provider.pem").unwrap();
    let audit = AuditLog::open(&dir.path().join("audit"), AuditOptions::new()).unwrap();
    let calls = Arc::new(Calls::new(InForce::new(Some(signer), None, Vec::new()), audit));
    let start = SystemTime::now();
    let life = Life::new(calls, lab.join("shaken.toml"), Fixed::default(), start);
    for (days, causes, is_ready) in [
        (0, &[][..], true),
        (15, &[], true),
        (17, &["certificate-expires"], true),
        (29, &["certificate-expires"], true),
        (31, &["certificate-expired"], false),
    ] {
        let health = life.health(start + Duration::from_secs(days * 24 * 3600));
        let names: Vec<_> = health.causes().iter().map(|cause| cause.name()).collect();
        assert_eq!(
            (names.as_slice(), health.is_ready(), health.is_live()),
            (causes, is_ready, true),
            "{days}"
        );
    }
    life.calls().audit().close().await.unwrap();
}

/// What a verifier finds at our x5u.
#[test]
fn check_config_looks_at_our_own_x5u() {
    let running = Running::start(as_it_is);
    let lab = running.lab();
    let config = lab.join("shaken.toml");
    let check = |config: &std::path::Path| {
        crate::process::said(&run(&["check-config", "--online", "--config", config.to_str().unwrap()], b""))
    };
    let (code, told) = check(&config);
    assert!(code == Some(0) && told.contains("serves our certificate"), "{told}");

    // The repository goes on with the old certificate.
    let other = lab.join("other");
    assert!(run(&["lab", "init", other.to_str().unwrap()], b"").status.success());
    for name in ["provider.key", "provider.pem"] {
        fs::remove_file(lab.join(name)).unwrap();
        fs::copy(other.join(name), lab.join(name)).unwrap();
    }
    let (code, told) = check(&config);
    assert!(code == Some(1) && told.contains("is not the one we sign with"), "{told}");

    // Nobody there, and, without the laboratory's leave, an address that is not public.
    let text = fs::read_to_string(&config).unwrap();
    let start = text.find("= \"127.0.0.1:").unwrap();
    let end = start + text[start..].find(" }").unwrap();
    let nobody = lab.join("nobody.toml");
    fs::write(&nobody, text.replace(&text[start..end], "= \"127.0.0.1:1\"")).unwrap();
    let (code, told) = check(&nobody);
    assert!(code == Some(69) && told.contains("fetch-connect"), "{told}");
    let strict =
        text.lines().filter(|line| !line.starts_with("tls_roots") && !line.starts_with("connect_to"));
    let strict = strict.filter(|line| !line.starts_with("[fetch.lab]")).collect::<Vec<_>>().join("\n");
    let x5u = strict.lines().find(|line| line.starts_with("x5u")).unwrap().to_owned();
    fs::write(&nobody, strict.replace(&x5u, "x5u = \"https://localhost.localdomain/p.pem\"")).unwrap();
    let (code, told) = check(&nobody);
    assert!(matches!(code, Some(69 | 78)), "{told}");
}
