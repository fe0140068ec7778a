//! `shaken policy simulate` on logs that the library wrote, and on CDR files.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use running::{json_lines, run, shaken};
use serde_json::Value;
use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber};
use shaken_sidecar::audit::{
    AuditLog, AuditOptions, Durability, Entry, Event, Interface, Number, Op, Record, read,
};
use shaken_sidecar::listen::Client;
use shaken_sidecar::policy::data::{Loader, Policy};
use shaken_sidecar::policy::decision::{Caller, Outcome, Reason, Received};
use shaken_sidecar::policy::simulation::Call;
use tempfile::TempDir;

/// 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// A folder with another `rights.csv` for the small example.
struct Edited(TempDir);

impl Edited {
    fn new(edit: impl FnOnce(String) -> String) -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["policy.toml", "rights.csv", "customers.csv", "evidence.csv"] {
            fs::copy(example("policy").join(name), folder.path().join(name)).unwrap();
        }
        let rights = folder.path().join("rights.csv");
        let text = fs::read_to_string(&rights).unwrap();
        let edited = edit(text.clone());
        assert_ne!(edited, text);
        fs::write(rights, edited).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A call in the words of a CDR file.
#[derive(Clone, Debug)]
struct Planned {
    at: i64,
    trunk: String,
    orig: String,
    dest: String,
    diverted_by: Option<String>,
    attest: Option<Attest>,
    received: Received,
}

impl Planned {
    fn new(trunk: &str, orig: &str) -> Self {
        Self {
            at: NOW,
            trunk: trunk.into(),
            orig: orig.into(),
            dest: "12155550171".into(),
            diverted_by: None,
            attest: None,
            received: Received::None,
        }
    }

    /// What `policy` gives it, and why.
    fn decide(&self, policy: &Policy) -> (&'static str, Reason) {
        let number = |text: &String| TelephoneNumber::parse(text).unwrap();
        let dest = [number(&self.dest)];
        let call = Call {
            at: self.at,
            trunk: Some(&self.trunk),
            orig_text: &self.orig,
            orig: match self.orig.as_str() {
                "anonymous" => Caller::Anonymous,
                text => TelephoneNumber::parse(text).map_or(Caller::Invalid, Caller::Number),
            },
            target: None,
            dest: &dest,
            diverting: self.diverted_by.as_ref().map(number),
            received: self.received,
            ppt: Ppt::Shaken,
            requested: self.attest,
        };
        let decision = call.decide(policy, self.at);
        let given = match decision.outcome() {
            Outcome::Sign(level) => level.attest().as_str(),
            Outcome::Divert => "divert",
            Outcome::Priority => "priority",
            Outcome::Unsigned => "unsigned",
            Outcome::Block => "blocked",
        };
        (given, decision.reason())
    }

    fn row(&self, policy: &Policy) -> String {
        let (given, reason) = self.decide(policy);
        let received = match self.received {
            Received::None => "",
            Received::Others | Received::OtherCalls => "others",
            Received::Ours => "ours",
        };
        let attest = self.attest.map_or("", Attest::as_str);
        let Self { at, trunk, orig, dest, .. } = self;
        let diverted_by = self.diverted_by.as_deref().unwrap_or_default();
        format!("{at},{orig},{dest},{trunk},{diverted_by},{attest},{received},{given},{reason}\n")
    }

    /// As a daemon puts it on record that decides by `policy`.
    fn record(&self, policy: &Policy, n: usize) -> Record {
        let (given, reason) = self.decide(policy);
        let verdict = match given {
            "unsigned" | "blocked" => given,
            _ => "signed",
        };
        let peer = Client::from(SocketAddr::from(([192, 0, 2, 1], 5060)));
        let now = UNIX_EPOCH + Duration::from_secs(self.at.unsigned_abs());
        let mut record = Record::new(Op::Sign, Interface::SipUdp, peer, format!("r-{n}"), verdict, now);
        let number = |text: &String| Number {
            received: text.clone(),
            canonical: TelephoneNumber::parse(text).ok().map(|number| number.as_str().to_owned()),
        };
        record.trunk = Some(self.trunk.as_str().into());
        record.orig = Some(number(&self.orig));
        record.dest = vec![number(&self.dest)];
        record.requested_attest = self.attest.map(|attest| attest.as_str().into());
        record.attest = given.parse::<Attest>().ok().map(|attest| attest.as_str().into());
        record.reason = Some(reason.name().into());
        if verdict == "signed" {
            record.ppt = vec![if given == "divert" { "div" } else { "shaken" }.into()];
        }
        record
    }
}

const CDR_HEAD: &str = "time,orig,dest,trunk,diverted_by,attest,received,given,reason\n";

fn cdr(calls: &[Planned], policy: &Policy) -> String {
    calls.iter().fold(CDR_HEAD.to_owned(), |text, call| text + &call.row(policy))
}

fn write_log(dir: &Path, records: impl IntoIterator<Item = Record>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = AuditOptions::new().with_durability(Durability::Queued);
        let options = options.with_segment_bytes(400_000).with_reserve_bytes(65_536);
        let log = AuditLog::open(dir, options).unwrap();
        for record in records {
            log.append(record).await.unwrap();
        }
        log.close().await.unwrap();
    });
}

fn policy_at(path: &Path) -> Policy {
    Loader::new(&path.join("policy.toml")).load(NOW).unwrap()
}

fn simulate(args: &[&str], input: &str) -> Output {
    run(&[&["policy", "simulate"], args].concat(), input.as_bytes())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The summary, and the changes as `CALLS TRUNK BEFORE REASON AFTER REASON`.
fn read_json(output: &Output) -> (Value, Vec<String>) {
    let mut lines = json_lines(output);
    assert!(!lines.is_empty(), "{}", stderr(output));
    let summary = lines.remove(0);
    let word = |line: &Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let change = |line: &Value| {
        let names = ["trunk", "before", "before_reason", "after", "after_reason"];
        format!("{} {}", line["calls"], names.map(|name| word(line, name)).join(" "))
    };
    (summary, lines.iter().map(change).collect())
}

fn any_call() -> impl Strategy<Value = Planned> {
    let trunk = prop::sample::select(vec!["teams", "dialer", "nowhere"]);
    let orig = prop_oneof![
        8 => (100..200u32).prop_map(|n| format!("12155550{n}")),
        1 => Just("anonymous".to_owned()),
        1 => Just("nobody".to_owned()),
        1 => Just("442079460000".to_owned()),
    ];
    let dest = prop::sample::select(vec!["12155550171", "19005550100", "911"]);
    let diverted_by = prop::option::weighted(0.2, (100..200u32).prop_map(|n| format!("12155550{n}")));
    let attest = prop::option::of(prop::sample::select(vec![Attest::A, Attest::B, Attest::C]));
    let received =
        prop::sample::select(vec![Received::None, Received::None, Received::Others, Received::Ours]);
    (NOW..NOW + 86_400 * 400, trunk, orig, dest, diverted_by, attest, received).prop_map(
        |(at, trunk, orig, dest, diverted_by, attest, received)| Planned {
            at,
            trunk: trunk.into(),
            orig,
            dest: dest.into(),
            diverted_by,
            attest,
            received,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// A policy changes nothing of what it decided itself: of a file that tells all, nothing; of a log,
    /// nothing of what it holds, and what it does not hold is left out.
    #[test]
    fn a_policy_changes_nothing_of_its_own(calls in prop::collection::vec(any_call(), 1..300)) {
        let policy = policy_at(&example("policy"));
        let dir = example("policy");
        let args = ["--candidate", path(&dir), "--fail-on", "changed", "--format", "json"];
        let output = simulate(&[&args[..], &["--cdr", "-"]].concat(), &cdr(&calls, &policy));
        prop_assert_eq!(code(&output), 0, "{}{}", stderr(&output), stdout(&output));
        let (summary, changes) = read_json(&output);
        prop_assert_eq!(&summary["calls"], calls.len());
        prop_assert!(changes.is_empty(), "{changes:?}");
        prop_assert_eq!(&summary["before"], &summary["after"]);

        let folder = TempDir::new().unwrap();
        let log = folder.path().join("log");
        // A log tells that a call came signed by how it was decided. It does not tell who diverted it.
        let told = |call: &&Planned| call.diverted_by.is_none()
            && (call.received == Received::None
                || matches!(call.decide(&policy).1, Reason::PassedThrough | Reason::DupAvoided));
        let told: Vec<&Planned> = calls.iter().filter(told).collect();
        write_log(&log, told.iter().enumerate().map(|(n, call)| call.record(&policy, n)));
        let output = simulate(&[&args[..], &["--audit", path(&log)]].concat(), "");
        prop_assert_eq!(code(&output), 0, "{}{}", stderr(&output), stdout(&output));
        let (summary, _) = read_json(&output);
        prop_assert_eq!(&summary["calls"], told.len());
    }
}

/// What the example has rights to, and what comes of that when two rows change.
fn calls() -> Vec<Planned> {
    let mut calls: Vec<_> = (100..120).map(|n| Planned::new("teams", &format!("12155550{n}"))).collect();
    calls.extend((0..5).map(|_| Planned::new("teams", "12155550141")));
    calls.push(Planned::new("teams", "anonymous"));
    calls
}

fn narrowed() -> Edited {
    Edited::new(|text| text.replace("12155550100-12155550119", "12155550100-12155550109"))
}

fn widened() -> Edited {
    Edited::new(|text| text.replace("acme,12155550141,,loa,loa-2", "acme,12155550141,,loa,loa-1"))
}

#[test]
fn what_is_lost_ends_with_1_and_what_is_gained_does_not() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let policy = policy_at(&example("policy"));
    write_log(&log, calls().iter().enumerate().map(|(n, call)| call.record(&policy, n)));
    let cdr = cdr(&calls(), &policy);
    let (narrowed, widened) = (narrowed(), widened());
    let lost = "9 teams A RIGHT_OK B RIGHT_NONE";
    let gained = "5 teams B EVIDENCE_EXPIRED A RIGHT_OK";
    for (candidate, fail_on, exit, change) in [
        (narrowed.path(), Some("lost"), 1, lost),
        (narrowed.path(), Some("changed"), 1, lost),
        (narrowed.path(), None, 0, lost),
        (widened.path(), Some("lost"), 0, gained),
        (widened.path(), Some("changed"), 1, gained),
    ] {
        let gate = fail_on.map(|on| vec!["--fail-on", on]).unwrap_or_default();
        let args = [&["--candidate", path(candidate), "--format", "json"], &gate[..]].concat();
        for (source, input) in [(["--audit", path(&log)], ""), (["--cdr", "-"], &cdr)] {
            let output = simulate(&[&args[..], &source].concat(), input);
            let (summary, changes) = read_json(&output);
            assert_eq!((code(&output), changes), (exit, vec![change.to_owned()]), "{fail_on:?} {source:?}");
            assert_eq!(summary["calls"], calls().len());
            let of = if change == lost { ("lost", "gained") } else { ("gained", "lost") };
            let count: u64 = change.split(' ').next().unwrap().parse().unwrap();
            assert_eq!((&summary["effects"][of.0], &summary["effects"][of.1]), (&count.into(), &0.into()));
        }
    }
    // The same between two policies, whatever the log says.
    let current = ["--current", path(narrowed.path()), "--candidate", path(widened.path())];
    let output = simulate(&[&current[..], &["--audit", path(&log), "--format", "json"]].concat(), "");
    let mut both = read_json(&output).1;
    both.sort();
    assert_eq!(both, [gained, "9 teams B RIGHT_NONE A RIGHT_OK"]);
}

#[test]
fn a_table_has_the_largest_losses_first_and_masks_numbers() {
    let policy = policy_at(&example("policy"));
    let (cdr, narrowed) = (cdr(&calls(), &policy), narrowed());
    let args = ["--candidate", path(narrowed.path()), "--cdr", "-"];
    let output = simulate(&args, &cdr);
    let text = stdout(&output);
    for part in
        ["LOST\n", "9  34.62 %  teams", "A RIGHT_OK  B RIGHT_NONE", "xxxxxxxxx10 xxxxxxxxx11 xxxxxxxxx12"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("1215555"), "{text}");
    let output = simulate(&[&args[..], &["--reveal"]].concat(), &cdr);
    assert!(stdout(&output).contains("12155550110 12155550111 12155550112"), "{}", stdout(&output));
    let output = simulate(&[&args[..], &["--format", "csv"]].concat(), &cdr);
    let lines: Vec<_> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[1].starts_with("lost,teams,acme,A,RIGHT_OK,B,RIGHT_NONE,9,34.6154,2026-06-01"),
        "{lines:?}"
    );
}

#[test]
fn the_time_of_a_call_counts_unless_another_is_given() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let (dir, policy) = (example("policy"), policy_at(&example("policy")));
    let mut calls: Vec<_> = (0..10).map(|_| Planned::new("teams", "12155550140")).collect();
    for (day, call) in calls.iter_mut().enumerate() {
        call.at += 86_400 * day as i64;
    }
    write_log(&log, calls.iter().enumerate().map(|(n, call)| call.record(&policy, n)));
    let args = ["--candidate", path(&dir), "--audit", path(&log), "--format", "json"];
    assert_eq!(read_json(&simulate(&args, "")).1.len(), 0);
    let output = simulate(&[&args[..], &["--at", "2027-06-01T00:00:00Z"]].concat(), "");
    assert_eq!(read_json(&output).1, ["10 teams A RIGHT_OK B EVIDENCE_EXPIRED"]);
    let output = simulate(&[&args[..], &["--from", "2026-06-03", "--to", "2026-06-05"]].concat(), "");
    let (summary, _) = read_json(&output);
    assert_eq!((&summary["calls"], &summary["first"]), (&2.into(), &"2026-06-03T00:00:00Z".into()));
    assert_eq!(code(&simulate(&[&args[..], &["--from", "yesterday"]].concat(), "")), 2);
}

#[test]
fn what_cannot_be_decided_again_is_left_out_and_told() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let (dir, policy) = (example("policy"), policy_at(&example("policy")));
    let record = || Planned::new("teams", "12155550100").record(&policy, 0);
    let mut diverted = record();
    diverted.reason = Some("DIV_CALLER".into());
    let mut div = record();
    div.ppt = vec!["div".into()];
    let mut keyless = record();
    (keyless.verdict, keyless.attest, keyless.reason) =
        ("unsigned".into(), None, Some("KEY_UNAVAILABLE".into()));
    let mut stale = record();
    (stale.verdict, stale.attest, stale.error) = ("refused".into(), None, Some("iat-stale".into()));
    let mut heartbeat = record();
    heartbeat.synthetic = Some(true);
    let mut verified = record();
    verified.op = Op::Verify;
    let all = [record(), diverted, div, keyless, stale, heartbeat, verified, record(), record()];
    write_log(&log, all);
    // The last but one is damaged. The last has no newline after it: there a daemon is writing.
    let segment = fs::read_dir(log.join("segments")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some_and(|of| of == "jsonl")).max().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let ends: Vec<_> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    bytes[ends[7] - 40] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let args = ["--candidate", path(&dir), "--audit", path(&log), "--format", "json", "--fail-on", "changed"];
    let output = simulate(&args, "");
    let (summary, changes) = read_json(&output);
    assert_eq!((code(&output), changes.len()), (0, 0));
    let left_out = &summary["left_out"];
    assert_eq!(
        [&summary["calls"], &left_out["unknown_facts"], &left_out["failed"], &left_out["unreadable"]]
            .map(|count| count.as_u64().unwrap()),
        [2, 2, 2, 1]
    );
    for part in
        ["left out: 2 calls that were decided by", "left out: 2 calls that failed", "left out: 1 lines"]
    {
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    assert_eq!(code(&simulate(&["--candidate", path(&dir), "--audit", "/nowhere"], "")), 74);
}

#[test]
fn wrong_rows_are_named_by_line_and_end_it() {
    let dir = example("policy");
    let args = ["--candidate", path(&dir), "--cdr", "-"];
    let head = "time,orig,dest,trunk,given\n";
    let good = "2026-06-01T00:00:00Z,12155550100,12155550171,teams,A\n";
    for (row, told) in [
        ("12155550177,12155550100,,teams,A\n", "dest"),
        ("noon,12155550100,12155550171,teams,A\n", "time"),
        ("1780272000,12155550100,12155550171,teams,\n", "--current"),
        ("1780272000,12155550100,12155550171,teams,12155550178\n", "given"),
        ("1780272000,12155550100,12155550171,teams\n", "fields"),
    ] {
        let output = simulate(&args, &format!("{head}{good}{row}"));
        let message = stderr(&output);
        assert_eq!((code(&output), stdout(&output).as_str()), (65, ""), "{row}");
        assert!(message.starts_with("shaken: -:3: ") && message.contains(told), "{message}");
        assert!(!message.contains("1215555"), "{message}");
    }
    let output = simulate(&args, "time,orig,dest\n1,1,1\n");
    assert_eq!(code(&output), 65);
    assert!(stderr(&output).contains("column \"trunk\" is missing"), "{}", stderr(&output));
    // Files of switches have many columns.
    let more = "time,orig,dest,trunk,given,duration_s\n1780272000,12155550100,12155550171,teams,A,17\n";
    let output = simulate(&args, more);
    assert_eq!(code(&output), 0);
    assert!(stderr(&output).contains("not used: the columns duration_s"), "{}", stderr(&output));
    // Who gives the current policy need not know what calls got.
    let current = ["--current", path(&dir), "--fail-on", "changed"];
    let output =
        simulate(&[&args[..], &current].concat(), "time,orig,dest,trunk\n1780272000,12155550100,911,teams\n");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(code(&simulate(&args[..2], "")), 2);
}

#[test]
fn numbers_of_a_log_are_shown_after_that_is_on_record() {
    let folder = TempDir::new().unwrap();
    let lab = folder.path().join("lab");
    assert!(shaken().args(["lab", "init"]).arg(&lab).output().unwrap().status.success());
    let policy = policy_at(&example("policy"));
    write_log(&lab.join("audit"), calls().iter().enumerate().map(|(n, call)| call.record(&policy, n)));
    let narrowed = narrowed();
    let args = ["--candidate", path(narrowed.path()), "--reveal"];
    let output = simulate(&[&args[..], &["--audit", path(&lab.join("audit"))]].concat(), "");
    assert_eq!((code(&output), stdout(&output).as_str()), (2, ""), "{}", stderr(&output));
    let output = simulate(&[&args[..], &["--config", path(&lab.join("shaken.toml"))]].concat(), "");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("12155550110"), "{}", stdout(&output));
    let events =
        read(&lab.join("audit")).unwrap().map(|line| Entry::parse(&line.unwrap().bytes).unwrap().event);
    let reveals: Vec<_> = events
        .filter_map(|event| match event {
            Event::Reveal(reveal) => Some((reveal.command.to_string(), reveal.records)),
            _ => None,
        })
        .collect();
    assert_eq!(reveals, [("simulate".to_owned(), 3)]);
}

/// What the example says of itself.
#[test]
fn the_enterprise_gains_by_letters_and_loses_by_a_move() {
    let enterprise = example("enterprise");
    let (policy, candidate) = (enterprise.join("policy"), enterprise.join("candidate"));
    let december = 1_796_083_200;
    let rows = [
        ("dialer", "12125550100", "A"),
        ("teams-two", "13125550111", ""),
        ("teams-two", "14045550111", ""),
        ("teams-one", "16175550111", ""),
        // It has gone from the first carrier to the second.
        ("teams-two", "16175550111", ""),
        ("contact-centre", "14155550111", ""),
        ("contact-centre", "18005550111", ""),
    ];
    let row = |(trunk, orig, attest): (&str, &str, &str)| {
        format!("{december},{orig},13125550171,{trunk},{attest}\n")
    };
    let cdr = "time,orig,dest,trunk,attest\n".to_owned() + &rows.map(row).concat();
    let both =
        ["--current", path(&policy), "--candidate", path(&candidate), "--cdr", "-", "--format", "json"];
    let output = simulate(&both, &cdr);
    let mut changes = read_json(&output).1;
    changes.sort();
    assert_eq!(
        changes,
        [
            "1 dialer B EVIDENCE_EXPIRED A RIGHT_OK",
            "1 teams-two A RIGHT_OK B RIGHT_OTHER_CUSTOMER",
            "2 teams-two B RIGHT_OTHER_CUSTOMER A RIGHT_OK",
        ]
    );
    assert_eq!(read_json(&output).0["after"]["B"], 3);
}
