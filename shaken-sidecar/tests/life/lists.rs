//! Trust that stays fresh: lists from an STI-PA, on a schedule, the last good ones kept.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::policy_administrator::{Bodies, PolicyAdministrator};
use crate::process::{as_it_is, metric};
use crate::running::{Answer, Running};

fn get(running: &Running, path: &str) -> Answer {
    running.request(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

fn causes(running: &Running) -> Vec<String> {
    let body = get(running, "/ready").body;
    let causes = body["causes"].as_array().cloned().unwrap_or_default();
    causes.iter().map(|cause| cause.as_str().unwrap().to_owned()).collect()
}

fn wait_until(running: &Running, what: &str, holds: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < patience, "not {what}: {:?}\n{}", causes(running), running.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn lists_come_change_and_stay() {
    let bodies = Bodies::default();
    let mut running = Running::start(as_it_is);
    let lab = running.lab();
    let config = fs::read_to_string(lab.join("shaken.toml")).unwrap();
    let line = |key: &str| config.lines().find(|line| line.starts_with(key)).unwrap();
    let host = line("x5u").split('/').nth(2).unwrap();
    let pa = PolicyAdministrator::new(host);
    fs::write(lab.join("pa-root.pem"), &pa.root_pem).unwrap();
    bodies.put("/provider.pem", fs::read(lab.join("provider.pem")).unwrap());
    bodies.put("/crl-signer", pa.crl_signer_pem.as_bytes());
    bodies.put("/list-signer", pa.list_signer_pem.as_bytes());
    let lists = format!(
        "[trust.sti_pa]\nanchors = [\"pa-root.pem\"]\ncrls = [\"{}\"]\nca_list = \"{}\"\ndir = \"kept\"\n\
         refresh_s = 1\nmax_age_s = 4\n",
        pa.url("/crl"),
        pa.url("/ca-list"),
    );
    let here = format!("connect_to = {{ \"{host}\" = \"{}\" }}", bodies.serve(&lab));
    let text = config.replace(line("anchors"), &lists).replace(line("connect_to"), &here);
    fs::write(lab.join("shaken.toml"), text).unwrap();
    running.kill_and_restart();
    let root = fs::read_to_string(lab.join("sti-root.pem")).unwrap();
    let chain = fs::read(lab.join("provider.pem")).unwrap();
    let identity = running.sign("A").identity().to_owned();
    let outcome = |running: &Running| {
        let sent = running.sign("A").identity().to_owned();
        assert!(running.verify(&sent).status == 200);
        let record = running.records().pop().unwrap();
        record["error"].as_str().unwrap_or("passed").to_owned()
    };

    // Nobody is trusted before there is a list.
    assert_ne!(running.verify(&identity).body["verificationResponse"]["verstat"], "TN-Validation-Passed");
    wait_until(&running, "missing", || {
        let causes = causes(&running);
        ["trust-anchors-missing", "trust-incomplete", "trust-refresh-failing"]
            .iter()
            .all(|c| causes.contains(&(*c).into()))
    });
    assert_eq!(get(&running, "/ready").status, 503);

    bodies.put("/ca-list", pa.ca_list(5, &root));
    bodies.put("/crl", pa.crl(7, &[]));
    wait_until(&running, "ready", || causes(&running).is_empty());
    assert_eq!(outcome(&running), "passed");
    let value = |name: &str| metric(Some(get(&running, "/metrics")), name);
    assert_eq!((value("trust_anchors"), value("trust_lists_missing")), (Some(1), Some(0)));
    assert!(value("crl_age_seconds").unwrap() <= 4 && value("trust_list_age_seconds").unwrap() <= 4);
    assert!(value("trust_refresh_failures_total").unwrap() >= 2);

    // A certificate that is in the cache is refused once it is on the list.
    bodies.put("/crl", pa.crl(8, &[&chain]));
    wait_until(&running, "revoked", || outcome(&running) == "cert-revoked");

    // X17: an older list, garbage, a list of somebody else: what is in force stays.
    let stranger = PolicyAdministrator::new("stranger.example");
    for body in [pa.crl(7, &[]), b"garbage".to_vec(), stranger.crl(9, &[]), Vec::new()] {
        let failed = value("trust_refresh_failures_total").unwrap();
        bodies.put("/crl", body);
        wait_until(&running, "failing", || value("trust_refresh_failures_total").unwrap() > failed + 1);
        assert_eq!(outcome(&running), "cert-revoked");
        assert!(causes(&running).contains(&"trust-refresh-failing".into()));
    }
    // And so does the list of CAs, against an older one.
    bodies.put("/ca-list", pa.ca_list(4, &root));
    wait_until(&running, "too old", || causes(&running).contains(&"trust-too-old".into()));
    assert_eq!(get(&running, "/ready").status, 503);
    assert!(running.log().contains("the one before it stays"), "{}", running.log());

    // What was good survives a restart without the server, and its age with it.
    bodies.clear();
    running.kill_and_restart();
    wait_until(&running, "kept", || causes(&running).contains(&"trust-too-old".into()));
    assert!(!causes(&running).contains(&"trust-anchors-missing".into()));
    bodies.put("/provider.pem", chain.as_slice());
    assert_eq!(outcome(&running), "cert-revoked");
    // Nor is an older list of CAs accepted now.
    bodies.put("/list-signer", pa.list_signer_pem.as_bytes());
    bodies.put("/ca-list", pa.ca_list(4, &root));
    wait_until(&running, "refused", || running.log().contains("ca-list-rollback"));

    // It comes off the list, and all is well.
    bodies.put("/crl-signer", pa.crl_signer_pem.as_bytes());
    bodies.put("/ca-list", pa.ca_list(6, &root));
    bodies.put("/crl", pa.crl(10, &[]));
    wait_until(&running, "well", || causes(&running).is_empty());
    assert_eq!(outcome(&running), "passed");
    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
    };
    assert_eq!(mode(&lab.join("kept")), 0o700);
    for entry in fs::read_dir(lab.join("kept")).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}
