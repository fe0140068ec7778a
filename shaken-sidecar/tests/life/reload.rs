//! A reload takes effect as a whole or not at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use crate::process::{Daemon, as_it_is, lab, metric, reload, said};
use crate::running::{Running, json_lines, post, run};

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

fn causes(running: &Running) -> Vec<String> {
    let health = running.request("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    let causes = health.body["causes"].as_array().cloned().unwrap_or_default();
    causes.iter().map(|cause| cause.as_str().unwrap().to_owned()).collect()
}

fn level(running: &Running) -> String {
    running.sign("A").body["signingResponse"]["shaken"]["attest"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_good_takes_effect_and_names_itself_in_records() {
    let running = Running::start(as_it_is);
    let config = running.lab().join("shaken.toml");
    let text = fs::read_to_string(&config).unwrap();
    assert_eq!(level(&running), "A");
    // A connection from before sees it too.
    let mut old = running.connect();
    write(&config, &text.replace("max_attest = \"A\"", "max_attest = \"B\""));
    let output = run(&["reload", "--json", "--config", config.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = json_lines(&output).remove(0);
    assert_eq!((&told["reloaded"], &told["number"]), (&true.into(), &2.into()));
    assert_eq!(level(&running), "B");
    let request = post("/stir/v1/signing", &crate::running::signing("A").to_string());
    std::io::Write::write_all(&mut old, request.as_bytes()).unwrap();
    let answer = crate::running::Answer::read(&mut old);
    assert_eq!(answer.body["signingResponse"]["shaken"]["attest"], "B");
    let records = running.records();
    assert_ne!(records[0]["generation"], records[1]["generation"]);
    assert_eq!(records[1]["generation"], told["generation"]);
    assert_eq!(records[2]["generation"], told["generation"]);

    // By signal, a hundred at once: the last one counts.
    write(&config, &text.replace("max_attest = \"A\"", "max_attest = \"C\""));
    for _ in 0..100 {
        running.signal(Signal::HUP);
    }
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while level(&running) != "C" {
        assert!(std::time::Instant::now() < patience, "{}", running.log());
    }
    assert!(causes(&running).is_empty());
}

/// G42: each of these leaves what was in force, and says why.
#[test]
fn what_is_bad_changes_nothing_and_is_told() {
    let running = Running::start(|config| config.replace("max_attest = \"A\"", "max_attest = \"B\""));
    let lab = running.lab();
    let config = lab.join("shaken.toml");
    let good = fs::read_to_string(&config).unwrap();
    let other = lab.join("other");
    assert_eq!(run(&["lab", "init", other.to_str().unwrap()], b"").status.code(), Some(0));
    let copy = |name: &str, from: &str| fs::copy(other.join(from), lab.join(name)).unwrap();
    copy("other.key", "provider.key");
    copy("other.pem", "provider.pem");
    write(&lab.join("garbage.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write(&lab.join("empty.pem"), "");
    fs::copy(lab.join("provider.key"), lab.join("open.key")).unwrap();
    fs::set_permissions(lab.join("open.key"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(lab.join("no-anchors")).unwrap();
    let key = good.lines().find(|line| line.starts_with("key = ")).unwrap();
    let x5u = good.lines().find(|line| line.starts_with("x5u")).unwrap();

    let trunk = |more: &str| format!("{good}\n[[trunk]]\n{more}\n");
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}: {good}");
        good.replace(from, to)
    };
    let bad = vec![
        (good.replace("[http]", "[http"), "TOML"),
        (String::new(), "missing"),
        (swap("[audit]", "[audit]\nfsync = true"), "fsync"),
        (swap("[audit]", "[tls]\n[audit]"), "tls"),
        (swap("[http]", "[http]\ndeadline_ms = 1"), "http.deadline_ms"),
        (swap("[http]", "[http]\ndeadline_ms = 400"), "fetch.budget_ms"),
        (swap("[fetch.lab]", "[fetch]\nbudget_ms = 5\n[fetch.lab]"), "fetch.budget_ms"),
        (swap("[fetch.lab]", "[fetch]\ncache_dir = \"certs\"\n[fetch.lab]"), "fetch.cache_dir cannot change"),
        (swap("[audit]", "[limits]\nsign_per_s = 0\n[audit]"), "nonzero"),
        (swap("[http]", "[http]\ndeadline_ms = \"x\""), "deadline_ms"),
        (swap("[http]", "[http]\nmode = \"0600\""), "http.mode cannot change"),
        (swap("[http]", "[http]\nlisten = \"127.0.0.1:1\""), "http.listen cannot change"),
        (swap("shaken.sock", "moved.sock"), "http.socket cannot change"),
        (swap("[audit]", "[audit]\nkeep_days = 7"), "audit.keep_days cannot change"),
        (swap("[audit]", "[audit]\nfull = \"degrade\""), "audit.full cannot change"),
        (swap("[audit]", "[resp]\nsocket = \"r\"\n[audit]"), "resp.socket cannot change"),
        (swap("[audit]", "[audit]\nkey = \"audit.key\""), "audit.key"),
        (swap("provider.key", "missing.key"), "missing.key"),
        (swap("provider.key", "garbage.pem"), "signing.key"),
        (swap("provider.key", "open.key"), "chmod 0400"),
        (swap("provider.key", "other.key"), "signing."),
        (swap(key, "key = \"credential:key\""), "LoadCredential"),
        (swap("/provider.pem\"\nx5u", "/missing.pem\"\nx5u"), "missing.pem"),
        (swap("/provider.pem\"\nx5u", "/garbage.pem\"\nx5u"), "signing.certificate"),
        (swap("/provider.pem\"\nx5u", "/empty.pem\"\nx5u"), "signing.certificate"),
        (swap("/provider.pem\"\nx5u", "/other.pem\"\nx5u"), "signing."),
        (swap(x5u, "x5u = \"http://cr.example.com/a.pem\""), "signing.x5u"),
        (swap(x5u, "x5u = \"https://127.0.0.1/a.pem\""), "signing.x5u"),
        (swap(x5u, ""), "x5u"),
        (swap("sti-root.pem", "missing-root.pem"), "missing-root.pem"),
        (swap("sti-root.pem", "garbage.pem"), "trust.anchors"),
        (swap("sti-root.pem", "empty.pem"), "trust.anchors"),
        (swap("sti-root.pem", "no-anchors"), "no .pem file"),
        (swap("sti-root.pem", "provider.pem"), "trust.anchors"),
        (swap("[trust]", "[trust]\nintermediates = [\"garbage.pem\"]"), "trust.intermediates"),
        (swap("[trust]", "[trust]\nrevocation = \"never\""), "never"),
        (swap("[audit]", "[trust.sti_pa]\nanchors = [\"sti-root.pem\"]\n[audit]"), "crls and ca_list"),
        (
            swap("[audit]", "[trust.sti_pa]\nanchors = [\"sti-root.pem\"]\ncrls = [\"empty.pem\"]\n[audit]"),
            "revocation list",
        ),
        (
            swap(
                "[audit]",
                "[trust.sti_pa]\nanchors = [\"sti-root.pem\"]\ncrls = [\"https://a.example/c\"]\n[audit]",
            ),
            "dir is missing",
        ),
        (
            swap(
                "[audit]",
                "[trust.sti_pa]\nanchors = [\"sti-root.pem\"]\ncrls = [\"http://a.example/c\"]\n[audit]",
            ),
            "crls",
        ),
        (
            swap("[audit]", "[trust.sti_pa]\nanchors = [\"garbage.pem\"]\ncrls = [\"a\"]\n[audit]"),
            "trust.sti_pa.anchors",
        ),
        (swap("[audit]", "[verification]\nmax_age_s = 0\n[audit]"), "verification.max_age_s"),
        (swap("[audit]", "[verification]\ntn_auth_list = \"maybe\"\n[audit]"), "maybe"),
        (swap("[audit]", "[verification]\ntables_mib = 0\nverify_tables = \"on\"\n[audit]"), "tables_mib"),
        (swap("max_attest = \"B\"", "max_attest = \"D\""), "max_attest"),
        (swap("[[trunk]]", "[[trunk]]\ncolour = 1"), "colour"),
        (trunk("name = \"x\""), "how it is recognized"),
        (trunk("name = \"x y\"\nuid = 7"), "printable"),
        (trunk("name = \"lab\"\nuid = 7"), "taken"),
        (trunk("name = \"x\"\nuser = \"nobody\""), "no such user"),
        (good[..good.find("[[trunk]]").unwrap()].to_owned(), "trunk"),
        (swap("[fetch.lab]", "[fetch]\ncache_mib = 0\n[fetch.lab]"), "cache_mib"),
        (swap("[fetch.lab]", "[fetch]\ndeny = [\"x\"]\n[fetch.lab]"), "fetch.deny"),
    ];
    let socket = running.socket();
    let asked = bad.len() as u64;
    for (text, part) in bad {
        write(&config, &text);
        let (code, told) = said(&run(&["reload", "--socket", socket.to_str().unwrap()], b""));
        assert_eq!(code, Some(78), "{part}: {told}");
        assert!(told.contains(part), "{part}: {told}");
        assert!(told.contains("nothing has changed"), "{told}");
        assert_eq!(level(&running), "B", "{part}");
        assert_eq!(causes(&running), ["reload-refused"]);
    }
    println!("{asked} bad configurations");
    let metrics = || Some(running.request("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_eq!(metric(metrics(), "policy_reload_failures_total"), Some(asked));
    assert_eq!((metric(metrics(), "policy_generation"), metric(metrics(), "ready")), (Some(1), Some(1)));
    // Of one kind of line so many a second are told, and the rest counted.
    let told = running.log().matches("reload refused").count() as u64;
    let left_out = metric(metrics(), "log_lines_left_out_total").unwrap();
    assert!(told >= 20, "{told}");
    assert_eq!(told + left_out, asked);

    // The file that is broken and then whole again.
    write(&config, &good);
    assert_eq!(reload(&lab).0, Some(0));
    assert!(causes(&running).is_empty());
    assert_eq!(metric(metrics(), "policy_generation"), Some(2));
    let records = running.records();
    assert!(records.iter().all(|record| record["generation"] == records[0]["generation"]));
}

/// Who has another file in mind, or is nobody here, is told so.
#[test]
fn a_reload_is_for_those_who_may() {
    let running = Running::start(as_it_is);
    let lab = running.lab();
    let copy = lab.join("copy.toml");
    fs::copy(lab.join("shaken.toml"), &copy).unwrap();
    let (code, told) = said(&run(&["reload", "--config", copy.to_str().unwrap()], b""));
    assert!(code == Some(78) && told.contains("the daemon runs with"), "{told}");
    let nobody = lab.join("nobody.sock");
    assert_eq!(said(&run(&["reload", "--socket", nobody.to_str().unwrap()], b"")).0, Some(69));
    assert_eq!(said(&run(&["reload"], b"")).0, Some(2));
    let answer = running.request("GET /admin/v1/reload HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(answer.status, 405);
    let answer = running.post("/admin/v1/reload", &json!({ "path": "x" }));
    assert_eq!(answer.status, 400);
}

/// Keys, certificates and anchors come and go with a reload; what was fetched is judged anew.
#[test]
fn trust_and_keys_change_without_a_restart() {
    let running = Running::start(as_it_is);
    let lab = running.lab();
    let verstat = |identity: &str| {
        running.verify(identity).body["verificationResponse"]["verstat"].as_str().unwrap().to_owned()
    };
    let identity = running.sign("A").identity().to_owned();
    assert_eq!(verstat(&identity), "TN-Validation-Passed");
    let other = lab.join("other");
    assert_eq!(run(&["lab", "init", other.to_str().unwrap()], b"").status.code(), Some(0));
    let root = fs::read_to_string(lab.join("sti-root.pem")).unwrap();
    fs::copy(other.join("sti-root.pem"), lab.join("sti-root.pem")).unwrap();
    let (code, told) = reload(&lab);
    assert!(code == Some(0) && told.contains("does not chain"), "{told}");
    assert_ne!(verstat(&identity), "TN-Validation-Passed", "its root is trusted no more");
    // Renamed into its place, as tools do that replace certificates.
    write(&lab.join("new.pem"), &root);
    fs::rename(lab.join("new.pem"), lab.join("sti-root.pem")).unwrap();
    assert_eq!(reload(&lab).0, Some(0));
    assert_eq!(verstat(&identity), "TN-Validation-Passed");
    assert_eq!(running.log().matches("certificate fetched").count(), 1, "{}", running.log());

    // The key of another provider signs from here on.
    for name in ["provider.key", "provider.pem"] {
        fs::remove_file(lab.join(name)).unwrap();
        fs::copy(other.join(name), lab.join(name)).unwrap();
    }
    assert_eq!(reload(&lab).0, Some(0));
    let signed = running.sign("A").identity().to_owned();
    assert_ne!(verstat(&signed), "TN-Validation-Passed");
}

/// `credential:NAME` is a file of the service manager's folder.
#[test]
fn keys_come_from_credentials() {
    let running = lab(as_it_is);
    let lab = running.lab();
    let credentials = lab.join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::rename(lab.join("provider.key"), credentials.join("signer")).unwrap();
    let config = lab.join("shaken.toml");
    let text = fs::read_to_string(&config).unwrap();
    let key = text.lines().find(|line| line.starts_with("key = ")).unwrap();
    write(&config, &text.replace(key, "key = \"credential:signer\""));
    let daemon = Daemon::start(&lab, &[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())], &[]);
    assert_eq!(running.sign("A").status, 200);
    assert_eq!(reload(&lab).0, Some(0));
    assert_eq!(running.sign("A").status, 200);
    assert_eq!(daemon.end().0, Some(0));
}

/// The kernel lets the daemon read nothing that its configuration did not name at the start.
#[test]
fn the_sandbox_holds_at_a_reload() {
    let running = Running::start(as_it_is);
    let metrics = || Some(running.request("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"));
    let level = metric(metrics(), "sandbox");
    if level == Some(0) {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    fs::copy(running.lab().join("sti-root.pem"), outside.path().join("root.pem")).unwrap();
    let config = running.lab().join("shaken.toml");
    let good = fs::read_to_string(&config).unwrap();
    let start = good.find("anchors = [").unwrap();
    let end = start + good[start..].find('\n').unwrap();
    for place in [outside.path().join("root.pem"), "/etc/shadow".into(), "/root".into()] {
        let anchors = format!("anchors = [\"{}\"]", place.display());
        write(&config, &good.replace(&good[start..end], &anchors));
        let (code, told) = reload(&running.lab());
        assert!(code == Some(78) && told.contains("Permission denied"), "{told}");
        assert!(told.contains("restart it to widen that"), "{told}");
    }
    write(&config, &good);
    assert_eq!(reload(&running.lab()).0, Some(0));
    // Nothing of what it needs is missing.
    let identity = running.sign("A").identity().to_owned();
    assert_eq!(running.verify(&identity).body["verificationResponse"]["verstat"], "TN-Validation-Passed");
}
