//! A sealed segment as others read it: DuckDB counts, groups and filters it, and takes the line as JSON.
//! Needs the Python package of `requirements.txt` beside this file, in the Python that
//! `SHAKEN_DUCKDB_PYTHON` names.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use shaken_sidecar::audit::{
    AuditLog, AuditOptions, Entry, Interface, Number, Op, Record, SEALED, Sealed, Wanted,
};
use shaken_sidecar::listen::Peer;

const PYTHON_SETTING: &str = "SHAKEN_DUCKDB_PYTHON";

/// Prints one JSON array for each query of the file.
const SCRIPT: &str = r"
import duckdb, json, sys
connection = duckdb.connect()
connection.execute(f'create view log as select * from read_parquet({sys.argv[1]!r})')
for query in json.load(sys.stdin):
    rows = connection.execute(query).fetchall()
    print(json.dumps([[str(value) if value is not None else None for value in row] for row in rows]))
";

fn number(n: u64) -> Number {
    let text = format!("1{}55501{:02}", 200 + n / 100 % 800, n % 100);
    Number { received: format!("+{text}"), canonical: Some(text) }
}

fn record(n: u64) -> Record {
    let peer = Peer { uid: 1, gid: 1, pid: None };
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_000 + n);
    let mut record = Record::new(Op::Sign, Interface::HttpUnix, peer, format!("r{n}"), "signed", time);
    record.attest = Some(["A", "B", "C"][n as usize % 3].into());
    record.orig = Some(number(n));
    record.dest = (0..n % 3).map(|m| number(1000 + n + m)).collect();
    record
}

/// A log with a sealed segment, and the path of that.
fn sealed_log(dir: &Path) -> PathBuf {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = AuditOptions::new().with_segment_bytes(1 << 20).with_reserve_bytes(1 << 16);
        let log = Arc::new(AuditLog::open(dir, options).unwrap());
        let patience = Instant::now() + Duration::from_secs(30);
        for n in 0.. {
            log.append(record(n)).await.unwrap();
            if log.state().sealing.is_some_and(|sealing| sealing.sealed > 0) {
                break;
            }
            assert!(Instant::now() < patience, "nothing is sealed: {:?}", log.state());
        }
        log.close().await.unwrap();
    });
    let entry = std::fs::read_dir(dir.join(SEALED)).unwrap().map(Result::unwrap);
    entry.map(|entry| entry.path()).min().unwrap()
}

#[test]
fn duckdb_reads_a_sealed_segment() {
    let Some(python) = std::env::var_os(PYTHON_SETTING) else {
        println!("skipped: {PYTHON_SETTING} names no Python with the package duckdb");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = sealed_log(dir.path());
    let sealed = Sealed::open(&path).unwrap();
    let lines: Vec<Vec<u8>> = sealed.lines().map(|line| line.unwrap().bytes).collect();
    let calls: Vec<Record> =
        lines.iter().filter_map(|line| Entry::parse(line).unwrap().call().cloned()).collect();
    let wanted = calls[calls.len() / 2].orig.clone().unwrap().canonical.unwrap();
    let callee =
        calls.iter().skip(calls.len() / 2).find_map(|call| call.dest.first()?.canonical.clone()).unwrap();
    let count = |holds: &dyn Fn(&Record) -> bool| calls.iter().filter(|call| holds(call)).count().to_string();
    let text = |number: &Number| number.canonical.clone().unwrap();
    let queries = [
        (
            "select count(*), min(index), max(index) from log".to_owned(),
            json!([[
                lines.len().to_string(),
                sealed.first_index().to_string(),
                (sealed.end_index() - 1).to_string(),
            ]]),
        ),
        (
            format!("select count(*) from log where orig = '{wanted}'"),
            json!([[count(&|call| call.orig.as_ref().map(text) == Some(wanted.clone()))]]),
        ),
        (
            format!("select count(*) from log where list_contains(dest, '{callee}')"),
            json!([[count(&|call| call.dest.iter().any(|dest| text(dest) == callee))]]),
        ),
        (
            "select attest, count(*) from log where kind = 'call' group by attest order by attest".to_owned(),
            json!(
                ["A", "B", "C"]
                    .map(|level| [level.to_owned(), count(&|call| call.attest.as_deref() == Some(level))])
            ),
        ),
        (
            "select count(*) from log where line::json->>'$.orig.canonical' is distinct from orig \
             or (line::json->>'$.index')::ubigint <> index"
                .to_owned(),
            json!([["0"]]),
        ),
        (
            "select epoch_ms(unix_ms) from log where kind = 'call' order by index limit 1".to_owned(),
            json!([["1767225600000"]]),
        ),
    ];
    let asked: Vec<&String> = queries.iter().map(|(query, _)| query).collect();
    let mut child = Command::new(python)
        .args(["-c", SCRIPT, path.to_str().unwrap()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), &asked).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(answers.len(), queries.len());
    for ((query, expected), answer) in queries.iter().zip(&answers) {
        assert_eq!(answer, expected, "{query}");
    }
    // And we find what it finds.
    let found = sealed.find(&Wanted::new().with_number(&*wanted)).count();
    println!("{} queries over {} lines; {found} lines about one number", queries.len(), lines.len());
    assert!(found > 0);
}
