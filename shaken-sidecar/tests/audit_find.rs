//! Finding calls in an audit log: by command, over HTTP, in sealed segments and in those that are lines
//! still; and what is seen of them by whom.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

use running::{CALLED, CALLER, Running, json_lines, run};
use serde_json::Value;
use shaken_sidecar::audit::{
    AuditLog, AuditOptions, Conditions, Durability, Entry, Interface, Number, Op, Record, SEALED, find, read,
};
use shaken_sidecar::listen::Peer;
use tempfile::TempDir;

const RECORDS: u64 = 6_000;

/// Of 100 numbers, each calls some of the others.
fn number(n: u64) -> Number {
    let canonical = format!("1215555{:04}", 100 + n % 100);
    Number { received: format!("+{canonical}"), canonical: Some(canonical) }
}

fn record(n: u64) -> Record {
    let now = UNIX_EPOCH + Duration::from_millis(1_780_272_000_000 + n * 250);
    let op = if n.is_multiple_of(3) { Op::Verify } else { Op::Sign };
    let peer = Peer { uid: 1000, gid: 1000, pid: None };
    let mut record = Record::new(op, Interface::HttpUnix, peer, format!("r-{n}"), "signed", now);
    record.call_id = Some(format!("{n}\"\u{e9}@sbc.example.com"));
    record.orig = Some(number(n * 7));
    record.dest = (1..=1 + n % 2).map(|i| number(n + 31 * i)).collect();
    record.attest = Some(["A", "B", "C"][n as usize % 3].into());
    record.reason = Some(if n.is_multiple_of(5) { "CAPPED_BY_TRUNK" } else { "AS_REQUESTED" }.into());
    record.origid = Some(format!("{n:08x}-e89b-12d3-a456-426655440000"));
    record.identity = vec!["x".repeat(300)];
    record
}

/// A log of many segments, most of them sealed, some lines still.
fn make_log(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Nobody waits for each of them.
        let options = AuditOptions::new().with_durability(Durability::Queued);
        let options = options.with_segment_bytes(400_000).with_reserve_bytes(65_536);
        let log = AuditLog::open(dir, options).unwrap();
        for n in 0..RECORDS {
            log.append(record(n)).await.unwrap();
        }
        let patience = Instant::now() + Duration::from_secs(60);
        while log.state().sealing.is_none_or(|sealing| sealing.waiting > 0 || sealing.sealed < 5) {
            assert!(Instant::now() < patience, "{:?}", log.state());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        log.close().await.unwrap();
    });
}

fn conditions(members: &Value) -> Conditions {
    serde_json::from_value(members.clone()).unwrap()
}

/// What a search finds is what reading everything finds, for every kind of condition and for pairs.
#[test]
fn a_search_finds_what_is_there_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("log");
    make_log(&dir);
    let sealed = std::fs::read_dir(dir.join(SEALED)).unwrap().count();
    let all: Vec<(u64, Vec<u8>, Entry)> = read(&dir)
        .unwrap()
        .map(|line| line.unwrap())
        .map(|line| (line.index, line.bytes.clone(), Entry::parse(&line.bytes).unwrap()))
        .collect();
    assert!(all.len() as u64 > RECORDS && sealed >= 5, "{} records, {sealed} sealed", all.len());

    let singles: Vec<Value> = [
        r#"{"tn":"12155550100"}"#,
        r#"{"tn":"+1 (215) 555-0163"}"#,
        r#"{"tn":"12155550263"}"#,
        r#"{"tn":"sip:+12155550117@example.com;user=phone"}"#,
        r#"{"call_id":"4711\"é@sbc.example.com"}"#,
        r#"{"call_id":"9999999@sbc.example.com"}"#,
        r#"{"origid":"00000010-e89b-12d3-a456-426655440000"}"#,
        r#"{"attest":"B"}"#,
        r#"{"reason":"CAPPED_BY_TRUNK"}"#,
        r#"{"reason":"RIGHT_NONE"}"#,
        r#"{"from":"2026-06-01T00:10:00Z"}"#,
        r#"{"to":"2026-06-01T00:00:30.250Z"}"#,
        r#"{"from":"1780272600","to":"2026-06-01T00:11:00Z"}"#,
        r#"{"from":"2026-06-02"}"#,
    ]
    .iter()
    .map(|text| serde_json::from_str(text).unwrap())
    .collect();
    let mut queries = vec![serde_json::json!({})];
    for (i, one) in singles.iter().enumerate() {
        for other in &singles[i..] {
            let mut both = one.as_object().unwrap().clone();
            both.extend(other.as_object().unwrap().clone());
            queries.push(Value::Object(both));
        }
    }
    let mut hits = 0;
    for query in &queries {
        let wanted = conditions(query).wanted().unwrap();
        let expected: Vec<u64> =
            all.iter().filter(|(_, _, entry)| holds(entry, query)).map(|(index, ..)| *index).collect();
        let found: Vec<_> = find(&dir, &wanted, |_, _| ControlFlow::Continue(()))
            .unwrap()
            .map(|line| line.unwrap())
            .collect();
        let indexes: Vec<u64> = found.iter().map(|line| line.index).collect();
        assert_eq!(indexes, expected, "{query}");
        for line in &found {
            assert_eq!(line.bytes, all[line.index as usize].1, "{query}");
        }
        hits += found.len();
    }
    println!("{} queries, {hits} hits, {sealed} sealed segments", queries.len());
}

/// The same condition on an entry, spelled out.
fn holds(entry: &Entry, query: &Value) -> bool {
    let text = |name: &str| query[name].as_str();
    let Some(call) = entry.call() else {
        // Notes are found by nothing or by time.
        let named = ["tn", "call_id", "origid", "attest", "reason"].iter().any(|name| text(name).is_some());
        let at = serde_json::to_value(&entry.event).unwrap();
        return !named && time_holds(at["time"].as_str().unwrap(), query);
    };
    let digits = |text: &str| {
        let number = text.split('@').next().unwrap().trim_start_matches("sip:");
        number.chars().filter(char::is_ascii_digit).collect::<String>()
    };
    text("tn").is_none_or(|tn| {
        let is = |party: &Number| party.canonical.as_deref() == Some(digits(tn).as_str());
        call.orig.as_ref().is_some_and(is) || call.dest.iter().any(is)
    }) && text("call_id").is_none_or(|id| call.call_id.as_deref() == Some(id))
        && text("origid").is_none_or(|id| call.origid.as_deref() == Some(id))
        && text("attest").is_none_or(|attest| call.attest.as_deref() == Some(attest))
        && text("reason").is_none_or(|reason| call.reason.as_deref() == Some(reason))
        && time_holds(call.time(), query)
}

fn time_holds(time: &str, query: &Value) -> bool {
    // RFC 3339 in UTC with milliseconds sorts as text.
    let full = |text: &str| match text {
        "1780272600" => "2026-06-01T00:10:00.000Z".to_owned(),
        "2026-06-02" => "2026-06-02T00:00:00.000Z".to_owned(),
        text if text.contains('.') => text.to_owned(),
        text => text.replace('Z', ".000Z"),
    };
    query["from"].as_str().is_none_or(|from| time >= full(from).as_str())
        && query["to"].as_str().is_none_or(|to| time < full(to).as_str())
}

#[test]
fn commands_show_calls_and_mask_their_numbers() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("log");
    make_log(&dir);
    let dir = dir.to_str().unwrap();
    let number = "12155550100";

    let found = run(&["audit", "search", "--tn", number, "--limit", "10000", "--json", dir], b"");
    let lines = json_lines(&found);
    assert!(lines.len() > 100, "{}", lines.len());
    let text = String::from_utf8(found.stdout).unwrap();
    assert!(text.contains("xxxxxxxxx00") && !text.contains("1215555") && !text.contains("xxxx\"]"), "masked");
    assert!(lines[0].get("identity").is_none(), "it holds the numbers");

    let people = run(&["audit", "search", "--tn", number, "--limit", "3", dir], b"");
    let text = String::from_utf8(people.stdout).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(!text.contains("1215555"), "{text}");
    assert!(String::from_utf8(people.stderr).unwrap().contains("more than 3"));

    let none = run(&["audit", "search", "--tn", "12155550263", dir], b"");
    assert_eq!((none.status.code(), none.stdout.len()), (Some(1), 0));
    for (args, part) in [
        (["--tn", "alice"], "a telephone number or a URI"),
        (["--from", "yesterday"], "2026-06-01T12:00:00Z"),
        (["--attest", "D"], "A, B or C"),
    ] {
        let refused = run(&["audit", "search", args[0], args[1], dir], b"");
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(2) && told.contains(part) && told.contains(args[0]), "{told}");
    }
    let refused = run(&["audit", "search", "--reveal", dir], b"");
    assert!(refused.status.code() == Some(2) && refused.stdout.is_empty());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--config"));

    let page = run(&["audit", "trace", "--call-id", "4711\"\u{e9}@sbc.example.com", dir], b"");
    let text = String::from_utf8(page.stdout).unwrap();
    for part in ["decision    signed, level B", "AS_REQUESTED", "xxxxxxxxx", "give --pubkey", "--reveal"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("1215555"), "{text}");
    let several = run(&["audit", "trace", "--tn", number, dir], b"");
    assert!(String::from_utf8(several.stderr).unwrap().contains("--index"));
    assert_eq!(run(&["audit", "trace", "--index", "9999999", dir], b"").status.code(), Some(1));

    let csv = run(&["audit", "export", "--format", "csv", "--attest", "A", dir], b"");
    let text = String::from_utf8(csv.stdout).unwrap();
    assert_eq!(text.lines().count() as u64, 1 + RECORDS / 3);
    assert!(text.starts_with("index,time,op,") && !text.contains("1215555"));
    let lines = json_lines(&run(&["audit", "export", dir], b""));
    assert!(lines.len() as u64 > RECORDS);

    let stat = json_lines(&run(&["audit", "stat", "--by", "hour", "--format", "json", dir], b""));
    let count = |attest: &str, reason: &str| -> u64 {
        let is = |line: &&Value| line["attest"] == attest && line["reason_or_error"] == reason;
        stat.iter().filter(is).map(|line| line["calls"].as_u64().unwrap()).sum()
    };
    // Every fifth is capped, every third has this level.
    assert_eq!(
        (count("A", "CAPPED_BY_TRUNK"), count("A", "AS_REQUESTED")),
        (RECORDS / 15, RECORDS / 3 - RECORDS / 15)
    );
}

#[test]
fn what_is_shown_in_clear_is_on_record() {
    let mut running = Running::start(|config| {
        let lab = config.lines().find_map(|line| line.strip_prefix("socket = \"")).unwrap();
        let lab = Path::new(lab.trim_end_matches('"')).parent().unwrap().to_str().unwrap().to_owned();
        let made = run(&["audit", "init", "--dir", &lab, "--origin", "voice.example.com/audit"], b"");
        assert!(made.status.success(), "{made:?}");
        config.replace("[audit]\n", "[audit]\nkey = \"audit.key\"\ncheckpoint_ms = 50\n")
    });
    let signed = running.sign("A");
    assert_eq!(running.verify(signed.identity()).status, 200);
    let config = running.lab().join("shaken.toml");
    let config = config.to_str().unwrap();
    let reveals = |running: &Running| running.records_of("reveal");

    // Masked, and nothing on record.
    let answer = running.request(&get(&format!("/audit/v1/search?tn=%2B{CALLER}")));
    assert_eq!((answer.status, &answer.body["complete"]), (200, &Value::Bool(true)), "{answer:?}");
    assert_eq!(answer.body["records"].as_array().unwrap().len(), 2);
    assert!(!answer.text.contains("5550121") && !answer.text.contains(signed.identity()), "{answer:?}");
    assert!(reveals(&running).is_empty());
    for wrong in ["tn=alice", "limit=0", "limit=1001", "reveal=yes", "number=1", "from=yesterday"] {
        let answer = running.request(&get(&format!("/audit/v1/search?{wrong}")));
        assert_eq!((answer.status, answer.message_id()), (400, "SVC4005"), "{wrong}: {answer:?}");
    }

    // In clear, over HTTP and by command.
    let answer = running.request(&get(&format!("/audit/v1/search?tn={CALLED}&reveal=true&limit=1")));
    assert_eq!(answer.body["complete"], false);
    assert!(answer.text.contains(CALLER) && answer.text.contains(signed.identity()));
    let note = &reveals(&running)[0];
    assert_eq!((&note["command"], &note["records"]), (&"search".into(), &1.into()), "{note}");
    assert_eq!(note["conditions"]["tn"], CALLED);
    assert_eq!(note["peer"]["uid"], rustix::process::geteuid().as_raw());

    let index = note["first"].as_u64().unwrap();
    // The checkpoint is not the next moment's.
    let patience = Instant::now() + Duration::from_secs(10);
    let page = loop {
        let index = index.to_string();
        let args = ["audit", "trace", "--config", config, "--index", &index, "--reveal", "--format", "json"];
        let page = run(&args, b"");
        assert!(page.status.success(), "{}", String::from_utf8_lossy(&page.stderr));
        let page: Value = serde_json::from_slice(&page.stdout).unwrap();
        if page["proof"]["included"].is_object() {
            break page;
        }
        assert!(Instant::now() < patience, "{page}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(page["record"]["orig"]["canonical"], CALLER);
    assert!(
        page["proof"]["included"]["checkpoint"].as_str().unwrap().starts_with("voice.example.com/audit\n")
    );
    let line = page["line"].as_str().unwrap();
    assert_eq!(Entry::parse(line.as_bytes()).unwrap().index, index);
    let found = run(&["audit", "search", "--config", config, "--tn", CALLER, "--reveal", "--json"], b"");
    assert_eq!(json_lines(&found).len(), 2);
    assert!(String::from_utf8(found.stdout).unwrap().contains(CALLER));
    let by: Vec<_> =
        reveals(&running).iter().map(|note| note["command"].as_str().unwrap().to_owned()).collect();
    assert!(by.contains(&"trace".into()) && by.last().unwrap() == "search", "{by:?}");

    // No daemon: the command writes it itself. One that cannot be recorded is not shown.
    assert!(running.terminate());
    let before = reveals(&running).len();
    let found = run(&["audit", "export", "--config", config, "--attest", "A", "--reveal"], b"");
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    assert!(String::from_utf8(found.stdout).unwrap().contains(CALLER));
    let notes = reveals(&running);
    assert_eq!((notes.len(), &notes[before]["command"]), (before + 1, &"export".into()));
    let audit = running.lab().join("audit");
    let _other = AuditLog::open(&audit, AuditOptions::new());
    let found = run(&["audit", "search", "--config", config, "--tn", CALLER, "--reveal"], b"");
    assert!(!found.status.success() && found.stdout.is_empty(), "{found:?}");
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A damaged segment is told, and hides no call of another one.
#[test]
fn what_is_damaged_hides_nothing_else() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("log");
    make_log(&dir);
    let search = |format: &str| {
        run(&["audit", format, "--from", "2026-06-01", "--to", "2026-06-02", dir.to_str().unwrap()], b"")
    };
    let calls = |output: &std::process::Output| json_lines(output).len() as u64;
    let whole = search("export");
    assert_eq!((whole.status.code(), calls(&whole)), (Some(0), RECORDS));

    let mut sealed: Vec<_> =
        std::fs::read_dir(dir.join(SEALED)).unwrap().map(|entry| entry.unwrap().path()).collect();
    sealed.sort();
    let bytes = std::fs::read(&sealed[1]).unwrap();
    std::fs::write(&sealed[1], &bytes[..bytes.len() / 2]).unwrap();
    let lines = dir.join("segments").join("00000000000000990000.jsonl");
    std::fs::write(&lines, "x".repeat(600_000)).unwrap();
    let rest = search("export");
    let told = String::from_utf8(rest.stderr.clone()).unwrap();
    assert_eq!(rest.status.code(), Some(65), "{told}");
    assert!((RECORDS / 2..RECORDS).contains(&calls(&rest)), "{}", calls(&rest));
    for path in [&sealed[1], &lines] {
        assert!(told.contains(path.to_str().unwrap()), "{told}");
    }
    let last = json_lines(&rest).pop().unwrap();
    assert_eq!(last["request_id"], format!("r-{}", RECORDS - 1), "nothing behind it is hidden");
    assert_eq!(search("stat").status.code(), Some(65));
}

/// After a fault a segment may hold lines that the next one has in their place.
#[test]
fn what_was_given_up_is_not_found() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("log");
    make_log(&dir);
    let lines: Vec<_> = read(&dir).unwrap().take(100).map(|line| line.unwrap().bytes).collect();
    let made = folder.path().join("made");
    std::fs::create_dir_all(made.join("segments")).unwrap();
    let text = |range: std::ops::Range<usize>| {
        lines[range].iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect::<Vec<u8>>()
    };
    let segment = |first: usize| made.join("segments").join(format!("{first:020}.jsonl"));
    std::fs::write(segment(0), text(0..80)).unwrap();
    // The last line is being written.
    std::fs::write(segment(50), &text(50..100)[..text(50..100).len() - 9]).unwrap();
    for query in [r#"{}"#, r#"{"attest":"A"}"#] {
        let wanted = conditions(&serde_json::from_str(query).unwrap()).wanted().unwrap();
        let found = find(&made, &wanted, |_, _| ControlFlow::Continue(())).unwrap();
        let found: Vec<u64> = found.map(|line| line.unwrap().index).collect();
        let step = if query == "{}" { 1 } else { 3 };
        assert_eq!(found, (0..99).step_by(step).collect::<Vec<u64>>(), "{query}");
    }
}

/// Reading only what follows.
#[test]
fn lines_from_an_index_on() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("log");
    make_log(&dir);
    let all: Vec<_> = read(&dir).unwrap().map(|line| line.unwrap()).collect();
    let last = all.len() as u64;
    for index in [0, 1, 1700, 1999, 4000, last - 1, last, last + 5] {
        let lines = shaken_sidecar::audit::read_from(&dir, index).unwrap();
        let lines: Vec<_> = lines.map(|line| line.unwrap()).collect();
        assert!(lines == all[index.min(last) as usize..], "from {index}");
    }
}
