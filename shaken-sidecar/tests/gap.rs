//! `shaken gap` from end to end: a log that the library wrote, a policy that changed once, and exports.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant, UNIX_EPOCH};

use running::{CALLER, Running, run};
use serde_json::Value;
use shaken_sidecar::audit::{
    AuditLog, AuditOptions, Durability, Interface, Number, Op, Record, SEALED, Sealing,
};
use shaken_sidecar::listen::Peer;
use shaken_sidecar::policy::data::Loader;
use tempfile::TempDir;

/// 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;
const CALLS: u64 = 3_000;

struct Place {
    folder: TempDir,
    before: String,
    after: String,
}

impl Place {
    /// The example policy, and a year of it: before, `loa-1` had no end that mattered.
    fn new(sealing: Sealing) -> Self {
        let folder = TempDir::new().unwrap();
        let dir = |name: &str| folder.path().join(name);
        for name in ["policy", "old", "generations"] {
            fs::create_dir(dir(name)).unwrap();
        }
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policy");
        for name in ["policy.toml", "rights.csv", "customers.csv", "evidence.csv"] {
            let text = fs::read_to_string(from.join(name)).unwrap();
            fs::write(dir("old").join(name), &text).unwrap();
            let text = text.replace("loa-1.pdf,2026-01-01,2026-12-31", "loa-1.pdf,2026-01-01,2026-05-10");
            fs::write(dir("policy").join(name), text).unwrap();
        }
        let compile = |from: &str| {
            let to = dir("generations").join(format!("{from}.shaken"));
            let compiled = Loader::new(&dir(from).join("policy.toml")).compile(&to, NOW).unwrap();
            compiled.generation.id().to_owned()
        };
        let (before, after) = (compile("old"), compile("policy"));
        let place = Self { before, after, folder };
        place.write_log(sealing, (0..CALLS).map(|n| place.record(n)));
        place
    }

    /// Two customers, and calls from the number of one of them: `other` has it.
    fn with_two_customers(calls: &[(&'static str, &'static str, &'static str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let policy = folder.path().join("policy");
        fs::create_dir(&policy).unwrap();
        let trunk = |name: &str, uid: u32| {
            format!(
                "[[trunk]]\nname = \"{name}\"\nprovider = \"example-telecom\"\ncustomer = \"{name}\"\n\
                 match = {{ uid = {uid} }}\nrole = \"originate\"\nauth = \"ip\"\ncap = \"A\"\n"
            )
        };
        let toml = format!(
            "mode = \"enforce\"\n[[provider]]\nid = \"example-telecom\"\nspc = \"1234\"\nprofile = \"us\"\n\
             [[provider.certificate]]\nid = \"main\"\nkey = \"main.key\"\ncertificate = \"main.pem\"\n\
             x5u = \"https://cr.example.com/main.pem\"\n{}{}",
            trunk("acme", 1),
            trunk("other", 2)
        );
        for (name, text) in [
            ("policy.toml", toml.as_str()),
            (
                "customers.csv",
                "customer,provider,kind,kyc\nacme,example-telecom,end_user,verified\n\
                 other,example-telecom,end_user,verified\n",
            ),
            ("rights.csv", "customer,numbers,basis,max_level\nother,12155550100,assigned,A\n"),
            ("evidence.csv", "evidence,type\n"),
        ] {
            fs::write(policy.join(name), text).unwrap();
        }
        let place = Self { before: String::new(), after: String::new(), folder };
        let records = calls.iter().zip(0..).map(|((trunk, level, reason), n)| {
            let mut record = place.record(CALLS - 10 + n);
            let number = Number { received: "12155550100".into(), canonical: Some("12155550100".into()) };
            record.orig = Some(number);
            (record.op, record.synthetic, record.verdict) = (Op::Sign, None, "signed".into());
            (record.trunk, record.attest) = (Some((*trunk).into()), Some((*level).into()));
            record.reason = Some((*reason).into());
            record
        });
        place.write_log(Sealing::Off, records);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn write_log(&self, sealing: Sealing, records: impl Iterator<Item = Record>) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = AuditOptions::new().with_durability(Durability::Queued).with_sealing(sealing);
            let options = options.with_segment_bytes(300_000).with_reserve_bytes(65_536);
            let log = AuditLog::open(&self.path("audit"), options).unwrap();
            for record in records {
                log.append(record).await.unwrap();
            }
            let patience = Instant::now() + Duration::from_secs(60);
            let is_sealed =
                || log.state().sealing.is_none_or(|state| state.waiting == 0 && state.sealed >= 3);
            while sealing == Sealing::On && !is_sealed() {
                assert!(Instant::now() < patience, "{:?}", log.state());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            log.close().await.unwrap();
        });
    }

    /// Forty days: ..100 has A, ..140 has it until the policy changes after twenty days, ..117 is sent by the
    /// dialer at C, an SBC asks now and then whether we live, and one caller is anonymous.
    fn record(&self, n: u64) -> Record {
        let age_s = 40 * 86_400 * (CALLS - n) / CALLS;
        let at = UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs() - age_s);
        let is_after = age_s <= 20 * 86_400;
        let peer = Peer { uid: 1000, gid: 1000, pid: None };
        let op = if n % 10 == 9 { Op::Verify } else { Op::Sign };
        let (orig, trunk, attest, reason) = match n % 10 {
            0..=3 | 9 => ("12155550100", "teams", "A", "RIGHT_OK"),
            4 | 5 if is_after => ("12155550140", "teams", "B", "EVIDENCE_EXPIRED"),
            4 | 5 => ("12155550140", "teams", "A", "RIGHT_OK"),
            6 => ("12155550117", "dialer", "C", "CAPPED_BY_REQUEST"),
            7 => ("9999999999", "teams", "C", "RIGHT_NONE"),
            _ => ("anonymous", "teams", "-", "TN_ANONYMOUS"),
        };
        let verdict = if attest == "-" { "unsigned" } else { "signed" };
        let mut record = Record::new(op, Interface::HttpUnix, peer, format!("r-{n}"), verdict, at);
        let canonical = Some(orig.to_owned()).filter(|orig| orig != "anonymous");
        record.orig = Some(Number { received: orig.to_owned(), canonical });
        let dest = if n % 10 == 7 { "7777777777" } else { "12155550171" };
        record.dest = vec![Number { received: dest.to_owned(), canonical: Some(dest.to_owned()) }];
        record.synthetic = (n % 10 == 7).then_some(true);
        record.trunk = Some(trunk.into());
        record.attest = Some(attest.into()).filter(|_| attest != "-");
        record.reason = Some(reason.into());
        record.generation = Some(if is_after { self.after.as_str() } else { &self.before }.into());
        record
    }

    fn gap(&self, args: &[&str]) -> Output {
        let [policy, audit] = ["policy", "audit"].map(|name| self.path(name).to_str().unwrap().to_owned());
        let fixed = ["gap", "--policy", &policy, "--audit", &audit, "--at", "2026-06-01T00:00:00Z"];
        run(&[&fixed, args].concat(), b"")
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.gap(&[&["--format", "json"], args].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The row of the number that ends so.
fn row<'v>(report: &'v Value, end: &str) -> &'v Value {
    let rows = report["rows"].as_array().unwrap();
    let is = |row: &&Value| row["first"] == row["last"] && row["first"].as_str().unwrap().ends_with(end);
    let found: Vec<_> = rows.iter().filter(is).collect();
    assert_eq!(found.len(), 1, "{end}: {report}");
    found[0]
}

#[test]
fn the_loss_is_named_with_its_generation_and_line() {
    let place = Place::new(Sealing::On);
    assert!(fs::read_dir(place.path("audit").join(SEALED)).unwrap().count() >= 3);
    let generations = place.path("generations");
    let more = ["--since", "60d", "--by", "number", "--generations", generations.to_str().unwrap()];
    let report = place.json(&more);
    assert_eq!((&report["schema_version"], &report["generation"]), (&1.into(), &place.after.as_str().into()));

    let lost = row(&report, "xx40");
    assert_eq!((&lost["state"], &lost["reason"]), (&"LOST".into(), &"EVIDENCE_EXPIRED".into()), "{lost}");
    assert_eq!(lost["owner"], "compliance");
    assert_eq!(lost["generation"], place.after.as_str());
    assert!(lost["since"].as_str().unwrap().starts_with("2026-05-12T0"), "{lost}");
    let cause = lost["cause"].as_str().unwrap();
    assert_eq!(cause, "~ evidence.csv loa-1: 2026-01-01..2027-01-01 -> 2026-01-01..2026-05-11");
    assert_eq!(lost["calls"]["all"]["A"].as_u64().unwrap() + lost["calls"]["below_a"].as_u64().unwrap(), 600);
    let changes = lost["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!((&changes[0]["from"], &changes[0]["to"]), (&"A".into(), &"B".into()));

    let good = row(&report, "xx00");
    assert_eq!((&good["state"], &good["calls"]["all"]["A"]), (&"OK".into(), &1200.into()), "{good}");
    let dialer = row(&report, "xx17");
    assert_eq!((&dialer["state"], &dialer["reason"]), (&"NEVER_A".into(), &"CAPPED_BY_REQUEST".into()));
    // Neither verified calls nor heartbeats are calls of ours; anonymous ones are, of no number.
    assert_eq!(
        (&report["calls"]["total"], &report["calls_without_number"]["total"]),
        (&2400.into(), &300.into())
    );
    let days: u64 =
        report["days"].as_array().unwrap().iter().map(|day| day["calls"]["A"].as_u64().unwrap()).sum();
    assert_eq!(Value::from(days), report["calls"]["all"]["A"]);

    // The same without the columns, by the lines alone.
    let raw = Place::new(Sealing::Off);
    let folder = raw.path("generations");
    let more = ["--since", "60d", "--by", "number", "--generations", folder.to_str().unwrap()];
    assert_eq!(raw.json(&more)["rows"], report["rows"]);

    // By default the last thirty days.
    let month = place.json(&[]);
    assert_eq!(month["calls"]["total"], 1800);
    assert_eq!(month["calls"]["30d"], month["calls"]["all"]);
}

#[test]
fn scripts_see_it_by_the_exit_code_and_by_gauges() {
    let place = Place::new(Sealing::Off);
    let gauges = place.path("gap.prom");
    let args = ["--fail-on", "lost,at-risk", "--prometheus", gauges.to_str().unwrap()];
    let output = place.gap(&args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let table = stdout(&output);
    assert!(
        table.contains("LOST") && table.contains("EVIDENCE_EXPIRED") && table.contains("compliance"),
        "{table}"
    );
    assert!(!table.contains("1215555"), "masked: {table}");
    let text = fs::read_to_string(&gauges).unwrap();
    let lost = text.lines().filter(|line| line.contains("state=\"LOST\""));
    let lost: Vec<&str> = lost.collect();
    assert_eq!(lost, ["sti_gap_numbers{state=\"LOST\",reason=\"EVIDENCE_EXPIRED\"} 1"], "{text}");
    assert!(text.contains("sti_gap_numbers{state=\"SURPLUS\",reason=\"\"} 0"), "{text}");
    assert!(text.contains("sti_gap_report_timestamp_seconds 1780272000"), "{text}");
    assert_eq!(fs::metadata(&gauges).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(place.gap(&["--fail-on", "surplus"]).status.code(), Some(0));
    assert_eq!(place.gap(&["--fail-on", "gone"]).status.code(), Some(2));
    assert_eq!(place.gap(&["--since", "soon"]).status.code(), Some(2));
    let reveal = place.gap(&["--reveal"]);
    assert!(reveal.status.code() == Some(2) && stderr(&reveal).contains("--config"), "{}", stderr(&reveal));
    assert!(reveal.stdout.is_empty());
}

/// Whoever shows the number of another customer takes nothing from that one, and is told of.
#[test]
fn a_spoofed_call_does_not_make_its_victim_lost() {
    let good = ("other", "A", "RIGHT_OK");
    let place = Place::with_two_customers(&[good, good, good, ("acme", "B", "RIGHT_OTHER_CUSTOMER")]);
    let output = place.gap(&["--fail-on", "lost"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(place.gap(&["--fail-on", "at-risk"]).status.code(), Some(1));
    let report = place.json(&["--by", "number"]);
    assert_eq!((&report["numbers"]["OK"], &report["numbers"]["AT_RISK"]), (&1.into(), &1.into()), "{report}");
    let rows = report["rows"].as_array().unwrap();
    let [shown, own] = rows.as_slice() else { panic!("{report}") };
    assert_eq!(
        (&own["state"], &own["calls"]["total"], &own["holder"]),
        (&"OK".into(), &3.into(), &Value::Null)
    );
    assert_eq!((&shown["reason"], &shown["calls"]["total"]), (&"SHOWN_BY_OTHER_CUSTOMER".into(), &1.into()));
    assert_eq!(
        (&shown["trunk"], &shown["customer"], &shown["holder"]),
        (&"acme".into(), &"acme".into(), &"other".into())
    );
    for format in ["table", "csv", "json", "html"] {
        let text = stdout(&place.gap(&["--format", format]));
        assert!(text.contains("ask other whether acme may use the number"), "{format}: {text}");
        assert!(!text.contains("enter a right of this customer"), "{format}: {text}");
    }
}

#[test]
fn calls_that_are_capped_do_not_make_a_number_flap() {
    let good = ("other", "A", "RIGHT_OK");
    let (capped, less) = (("other", "B", "RULE_CAP"), ("other", "B", "CAPPED_BY_REQUEST"));
    for (calls, code) in [
        (&[good, good, good, capped, capped][..], 0),
        (&[good, good, good, less], 0),
        (&[good, good, less, less, less, less, less], 1),
    ] {
        let output = Place::with_two_customers(calls).gap(&["--fail-on", "lost"]);
        assert_eq!(output.status.code(), Some(code), "{}{}", stdout(&output), stderr(&output));
    }
}

#[test]
fn names_from_exports_stay_text() {
    let place = Place::new(Sealing::Off);
    let site = "<script>alert(1)</script>\" onload=\"x";
    let numbers = format!(
        "TelephoneNumber,PstnAssignmentStatus,City\n+12155550142,UserAssigned,\"{}\"\n+12155550143,UserAssigned,=1+1\n",
        site.replace('"', "\"\"")
    );
    let numbers = place.file("numbers.csv", &numbers);
    let page = stdout(&place.gap(&["--teams-numbers", &numbers, "--format", "html", "--by", "site"]));
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x"), "{page}");
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="), "{page}");
    assert!(
        page.contains("<svg") && page.contains("prefers-color-scheme:dark") && page.contains("@media print")
    );
    assert!(!page.contains("1215555"), "masked");
    let out = place.path("report.csv");
    let written = place.gap(&[
        "--teams-numbers",
        &numbers,
        "--format",
        "csv",
        "--by",
        "number",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(written.status.success() && written.stdout.is_empty());
    let csv = fs::read_to_string(&out).unwrap();
    assert!(csv.contains(",'=1+1,") && csv.contains("IN_TEAMS_NO_RIGHT"), "{csv}");
    let columns = csv.lines().next().unwrap().split(',').count();
    assert_eq!(columns, 38);
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    assert!(rows.records().all(|record| record.unwrap().len() == columns));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);

    let wrong = place.file("wrong.csv", "TelephoneNumber\nalice\n+12155550100\nbob\n");
    let refused = place.gap(&["--teams-numbers", &wrong]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(78), 0));
    assert!(stderr(&refused).contains("wrong.csv:2: ") && stderr(&refused).contains("wrong.csv:4: "));
}

/// A segment that cannot be read is told, and hides no other.
#[test]
fn a_damaged_segment_hides_nothing_else() {
    let place = Place::new(Sealing::On);
    let mut sealed: Vec<_> =
        fs::read_dir(place.path("audit").join(SEALED)).unwrap().map(|entry| entry.unwrap().path()).collect();
    sealed.sort();
    let bytes = fs::read(&sealed[1]).unwrap();
    fs::write(&sealed[1], &bytes[..bytes.len() / 2]).unwrap();
    let output = place.gap(&["--since", "60d", "--format", "json"]);
    assert_eq!(output.status.code(), Some(65));
    assert!(stderr(&output).contains(sealed[1].to_str().unwrap()), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["unreadable"], 1);
    let total = report["calls"]["total"].as_u64().unwrap();
    assert!((1000..2400).contains(&total), "{total}");
}

/// While a daemon writes the log, which also puts on record that numbers were shown.
#[test]
fn what_is_shown_in_clear_is_on_record() {
    let running = Running::start(|config| config);
    running.sign("A");
    let config = running.lab().join("shaken.toml");
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policy");
    let fixed = ["gap", "--policy", policy.to_str().unwrap(), "--config", config.to_str().unwrap()];
    let masked = run(&[&fixed[..], &["--by", "number"]].concat(), b"");
    assert!(masked.status.success() && !stdout(&masked).contains(CALLER), "{}", stderr(&masked));
    assert!(running.records_of("reveal").is_empty());
    let clear = run(&[&fixed[..], &["--reveal", "--format", "csv", "--by", "number"]].concat(), b"");
    assert!(clear.status.success() && stdout(&clear).contains(CALLER), "{}", stderr(&clear));
    let reveals = running.records_of("reveal");
    assert_eq!(
        (reveals.len(), &reveals[0]["command"], &reveals[0]["records"]),
        (1, &"gap".into(), &1.into())
    );
}
