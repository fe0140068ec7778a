//! Edits of lines, segments, tiles and checkpoints.

use std::fs;
use std::path::Path;

use serde_json::Value;
use shaken_sidecar::audit::proof::{Key, VerifyKey};
use shaken_sidecar::audit::{self, AuditLog, Proving, SEGMENTS};

use crate::log::{
    EDITS, EDITS_SETTING, Log, add, copy, flip, flip_some, lines_of, random, segments, small, tiles,
    with_checksum, with_index, write_lines,
};
use crate::running;

#[test]
fn a_whole_log_holds_and_the_answer_says_what_that_means() {
    let log = Log::new();
    let (code, report) = log.verify(&log.dir(), Some("outside"));
    assert_eq!((code, &report["holds"]), (Some(0), &true.into()), "{report}");
    // With the two records about the ends.
    for member in ["records", "checkpoint", "outside", "proven"] {
        assert_eq!(report[member], 602, "{member}: {report}");
    }
    assert!(report["outside_checkpoints"].as_u64().unwrap() > 2, "{report}");

    // The key from a file, a single checkpoint as a server keeps it, lines as a log daemon writes them.
    fs::write(log.path("audit.pub"), format!("{}\n", log.key.verifier())).unwrap();
    let copies = fs::read_to_string(log.path("outside")).unwrap();
    let daemon = copies.lines().map(|line| format!("Jan  1 00:00:00 host shaken[7]: {line}\n"));
    fs::write(log.path("syslog"), daemon.collect::<String>()).unwrap();
    fs::copy(log.dir().join("checkpoint"), log.path("single")).unwrap();
    for outside in ["syslog", "single"] {
        let (code, report) = log.verify(&log.dir(), Some(outside));
        assert_eq!((code, &report["proven"]), (Some(0), &602.into()), "{outside}: {report}");
    }

    let text = |args: &[&str]| {
        let mut all = vec!["audit", "verify"];
        all.extend(args);
        let dir = log.dir();
        all.push(dir.to_str().unwrap());
        let output = running::run(&all, b"");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (key, outside) = (log.path("audit.pub"), log.path("outside"));
    let (key, outside) = (key.to_str().unwrap(), outside.to_str().unwrap());
    let (code, said) = text(&["--pubkey", key, "--checkpoints", outside]);
    assert!(
        code == Some(0) && said.contains("records before 602") && said.contains("all of it holds"),
        "{said}"
    );
    let (code, said) = text(&["--pubkey", key]);
    assert!(code == Some(0) && said.contains("not an older copy"), "{said}");
    let (code, said) = text(&[]);
    assert!(code == Some(1) && said.contains("no key was given"), "{said}");
    fs::write(log.path("empty"), "").unwrap();
    let (code, report) = log.verify(&log.dir(), Some("empty"));
    assert_eq!(
        (code, &report["findings"][0]["name"]),
        (Some(1), &"no-outside-checkpoint".into()),
        "{report}"
    );
    // Neither a missing file nor another key is taken for an answer.
    assert_eq!(text(&["--pubkey", key, "--checkpoints", "/nonexistent"]).0, Some(74));
    assert_eq!(text(&["--pubkey", outside]).0, Some(65));
}

/// Each kind of tampering has its name, and a start that can see it is refused with another.
#[test]
fn each_kind_of_tampering_is_found_and_named() {
    struct Case {
        what: &'static str,
        found: &'static [&'static str],
        refuses_start: bool,
        tamper: fn(&Log, &Path),
    }
    let cases = [
        Case {
            what: "bit flip in the last segment",
            found: &["record", "rollback"],
            refuses_start: true,
            tamper: |_, dir| flip(segments(dir).last().unwrap(), 40, 1),
        },
        Case {
            what: "bit flip in an old segment",
            found: &["record", "rollback"],
            refuses_start: false,
            tamper: |_, dir| flip(&segments(dir)[0], 4000, 1),
        },
        Case {
            what: "bit flip in the last record",
            found: &["rollback", "torn"],
            refuses_start: true,
            tamper: |_, dir| {
                let last = segments(dir).pop().unwrap();
                let len = fs::read(&last).unwrap().len();
                flip(&last, len - 30, 1);
            },
        },
        Case {
            what: "forged record",
            found: &["record-changed", "tampered"],
            refuses_start: true,
            tamper: |_, dir| {
                let mut lines = lines_of(dir);
                let line = &mut lines.last_mut().unwrap().1[1];
                *line = with_checksum(str::from_utf8(line).unwrap().replace("signed", "failed").as_bytes());
                write_lines(&lines);
            },
        },
        Case {
            what: "swapped records",
            found: &["record"],
            refuses_start: true,
            tamper: |_, dir| {
                let mut lines = lines_of(dir);
                lines.last_mut().unwrap().1.swap(1, 2);
                write_lines(&lines);
            },
        },
        Case {
            what: "swapped and renumbered records",
            found: &["record-changed", "tampered"],
            refuses_start: true,
            tamper: |_, dir| {
                let mut lines = lines_of(dir);
                let last = &mut lines.last_mut().unwrap().1;
                let index =
                    |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap()["index"].as_u64().unwrap();
                let (first, second) = (index(&last[1]), index(&last[2]));
                (last[1], last[2]) = (with_index(&last[2], first), with_index(&last[1], second));
                write_lines(&lines);
            },
        },
        Case {
            what: "deleted record",
            found: &["record", "rollback"],
            refuses_start: true,
            tamper: |_, dir| {
                let mut lines = lines_of(dir);
                lines.last_mut().unwrap().1.remove(3);
                write_lines(&lines);
            },
        },
        Case {
            what: "truncated tail",
            found: &["rollback"],
            refuses_start: true,
            tamper: |_, dir| {
                let mut lines = lines_of(dir);
                lines.last_mut().unwrap().1.pop();
                write_lines(&lines);
            },
        },
        Case {
            what: "inserted record, the rest renumbered",
            found: &["record-changed", "tampered"],
            refuses_start: true,
            tamper: |_, dir| {
                let mut lines = lines_of(dir);
                let last = &mut lines.last_mut().unwrap().1;
                let first = serde_json::from_slice::<Value>(&last[0]).unwrap()["index"].as_u64().unwrap();
                last.insert(2, last[1].clone());
                for (line, index) in last.iter_mut().zip(first..) {
                    *line = with_index(line, index);
                }
                write_lines(&lines);
            },
        },
        Case {
            what: "older copy of the whole directory",
            found: &["rollback", "checkpoint-older"],
            refuses_start: true,
            tamper: |log, dir| {
                fs::remove_dir_all(dir).unwrap();
                copy(&log.path("older"), dir);
            },
        },
        Case {
            what: "older checkpoint and tiles",
            found: &["checkpoint-older"],
            refuses_start: false,
            tamper: |log, dir| {
                fs::remove_dir_all(dir.join("tile")).unwrap();
                copy(&log.path("older").join("tile"), &dir.join("tile"));
                fs::copy(log.path("older").join("checkpoint"), dir.join("checkpoint")).unwrap();
            },
        },
        Case {
            what: "edited leaf in an old tile",
            found: &["record-changed", "tile"],
            refuses_start: false,
            tamper: |_, dir| flip(&dir.join("tile/0/000"), 100, 1),
        },
        Case {
            what: "edited tile at the edge",
            found: &["record-changed", "tampered"],
            refuses_start: true,
            tamper: |_, dir| flip(&dir.join("tile/0/002.p/90"), 5, 1),
        },
        Case {
            what: "removed tile",
            found: &["tile"],
            refuses_start: true,
            tamper: |_, dir| fs::remove_dir_all(dir.join("tile/1")).unwrap(),
        },
        Case {
            what: "edited checkpoint",
            found: &["checkpoint"],
            refuses_start: true,
            tamper: |_, dir| {
                let note = fs::read_to_string(dir.join("checkpoint")).unwrap();
                fs::write(dir.join("checkpoint"), note.replace("\n602\n", "\n601\n")).unwrap();
            },
        },
        Case {
            what: "removed checkpoint",
            found: &["no-checkpoint"],
            refuses_start: false,
            tamper: |_, dir| fs::remove_file(dir.join("checkpoint")).unwrap(),
        },
        Case {
            what: "another history signed with another key",
            found: &["checkpoint", "tampered"],
            refuses_start: true,
            tamper: |log, dir| {
                resign(dir, Key::generate(log.key.origin().clone()).unwrap());
            },
        },
        Case {
            what: "another history signed with the same key",
            found: &["tampered"],
            refuses_start: true,
            tamper: |log, dir| resign(dir, Key::read(&log.path("audit.key")).unwrap()),
        },
    ];
    let log = Log::new();
    for Case { what, found, refuses_start, tamper } in cases {
        let dir = log.copied("tampered");
        tamper(&log, &dir);
        let (code, report) = log.verify(&dir, Some("outside"));
        let findings = report["findings"].as_array().unwrap();
        let names: Vec<_> = findings.iter().map(|finding| finding["name"].as_str().unwrap()).collect();
        assert_eq!(code, Some(1), "{what}: {report}");
        for name in found {
            assert!(names.contains(name), "{what}: {names:?}");
        }
        let before = lines_of(&dir);
        // If it opens, it goes on, and its checkpoints with it.
        fs::copy(log.path("outside"), log.path("outside of this")).unwrap();
        match log.open(&dir, "outside of this") {
            Err(error) => {
                assert!(refuses_start && error.is_of_the_data(), "{what}: {error}");
                assert_eq!(lines_of(&dir), before, "{what}: the evidence was changed");
            }
            Ok(opened) => {
                assert!(!refuses_start, "{what}: the log opened");
                add(opened, 0);
            }
        }
    }
}

/// Changes a record and makes tree and checkpoint anew, as who has a key can.
fn resign(dir: &Path, key: Key) {
    let mut lines = lines_of(dir);
    let line = &mut lines[0].1[5];
    *line = with_checksum(str::from_utf8(line).unwrap().replace("signed", "failed").as_bytes());
    write_lines(&lines);
    fs::remove_dir_all(dir.join("tile")).unwrap();
    fs::remove_file(dir.join("checkpoint")).unwrap();
    add(AuditLog::open_proven(dir, small(), Proving::new(key)).unwrap(), 0);
}

/// Random edits by somebody who knows the format, of what the newest outside checkpoint covers.
#[test]
fn every_random_edit_is_found() {
    let edits = std::env::var(EDITS_SETTING).map_or(EDITS, |edits| edits.parse().unwrap());
    let log = Log::new();
    assert_eq!(log.findings(&log.dir()), [""; 0]);
    let kinds = [
        Edit("flipped bit in a segment", |_, dir| flip_some(&segments(dir))),
        Edit("flipped bit in tile or checkpoint", |_, dir| {
            let mut paths = tiles(dir);
            paths.push(dir.join("checkpoint"));
            flip_some(&paths)
        }),
        Edit("forged", |_, dir| forge(dir)),
        Edit("forged, and tree and checkpoint made anew", |log, dir| {
            let what = forge(dir);
            fs::remove_dir_all(dir.join("tile")).unwrap();
            fs::remove_file(dir.join("checkpoint")).unwrap();
            go_on_alone(log, dir, 0);
            what
        }),
        Edit("older copy, grown again", |log, dir| {
            fs::remove_dir_all(dir).unwrap();
            copy(&log.path("older"), dir);
            let more = random(320);
            go_on_alone(log, dir, more);
            format!("by {more}")
        }),
        Edit("swapped, renumbered", |_, dir| rearrange(dir, |lines, at, other| lines.swap(at, other))),
        Edit("deleted, renumbered", |_, dir| rearrange(dir, |lines, at, _| drop(lines.remove(at)))),
        Edit("inserted, renumbered", |_, dir| {
            rearrange(dir, |lines, at, other| lines.insert(at, lines[other].clone()))
        }),
        Edit("swapped", |_, dir| rearrange_raw(dir, |lines, at, other| lines.swap(at, other))),
        Edit("deleted", |_, dir| rearrange_raw(dir, |lines, at, _| drop(lines.remove(at)))),
        Edit("cut at a record", |_, dir| rearrange_raw(dir, |lines, at, _| lines.truncate(at))),
        Edit("cut at a byte", |_, dir| {
            let paths = segments(dir);
            let path = &paths[random(paths.len())];
            let mut bytes = fs::read(path).unwrap();
            bytes.truncate(random(bytes.len()));
            fs::write(path, &bytes).unwrap();
            format!("{} at {}", path.display(), bytes.len())
        }),
    ];
    let mut counts = [0; 12];
    for edit in 0..edits {
        let Edit(name, tamper) = kinds[edit % kinds.len()];
        let dir = log.copied("tampered");
        let what = tamper(&log, &dir);
        assert!(!log.findings(&dir).is_empty(), "edit {edit}, {name} {what}: not found");
        counts[edit % kinds.len()] += 1;
    }
    println!("{edits} edits, all found:");
    kinds.iter().zip(counts).for_each(|(Edit(name, _), count)| println!("{count:6} {name}"));
    assert_eq!(log.findings(&log.dir()), [""; 0], "the log itself was touched");
}

/// A kind of edit, which says where it was.
struct Edit(&'static str, fn(&Log, &Path) -> String);

/// Changes a record somewhere between salt and checksum, so that it still is a whole line of its index.
fn forge(dir: &Path) -> String {
    let mut lines = lines_of(dir);
    let segment = random(lines.len());
    let line = random(lines[segment].1.len());
    let bytes = &mut lines[segment].1[line];
    let at = 90 + random(bytes.len() - 90 - 25);
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    *bytes = with_checksum(bytes);
    write_lines(&lines);
    format!("byte {at} of line {line} of segment {segment}")
}

/// Opens a log with its key and without the copies outside, adds records, and closes it.
fn go_on_alone(log: &Log, dir: &Path, records: usize) {
    let key = Key::read(&log.path("audit.key")).unwrap();
    add(AuditLog::open_proven(dir, small(), Proving::new(key)).unwrap(), records);
}

/// Moves lines about in the whole log, and numbers them and the segments anew.
fn rearrange(dir: &Path, edit: impl FnOnce(&mut Vec<Vec<u8>>, usize, usize)) -> String {
    rewrite(dir, edit, |lines| {
        for (line, index) in lines.iter_mut().zip(0..) {
            *line = with_index(line, index);
        }
    })
}

/// Moves lines about as they are.
fn rearrange_raw(dir: &Path, edit: impl FnOnce(&mut Vec<Vec<u8>>, usize, usize)) -> String {
    rewrite(dir, edit, |_| ())
}

fn rewrite(
    dir: &Path,
    edit: impl FnOnce(&mut Vec<Vec<u8>>, usize, usize),
    number: impl FnOnce(&mut Vec<Vec<u8>>),
) -> String {
    let old = lines_of(dir);
    let mut lines: Vec<Vec<u8>> = old.iter().flat_map(|(_, lines)| lines.clone()).collect();
    let at = random(lines.len());
    let other = (at + 1 + random(lines.len() - 1)) % lines.len();
    edit(&mut lines, at, other);
    number(&mut lines);
    for (path, _) in &old {
        fs::remove_file(path).unwrap();
    }
    let mut first = 0;
    for (_, old) in &old {
        let path = dir.join(SEGMENTS).join(format!("{first:020}.jsonl"));
        let taken: Vec<Vec<u8>> = lines.drain(..old.len().min(lines.len())).collect();
        if taken.is_empty() && first > 0 {
            break;
        }
        first += taken.len();
        fs::write(path, taken.concat()).unwrap();
    }
    if !lines.is_empty() {
        fs::write(dir.join(SEGMENTS).join(format!("{first:020}.jsonl")), lines.concat()).unwrap();
    }
    format!("line {at}, {other}")
}

/// An older key line of the same name does not do.
#[test]
fn another_key_is_told() {
    let log = Log::new();
    let other: VerifyKey = Key::generate(log.key.origin().clone()).unwrap().verifier().clone();
    let report = audit::inspect(&log.dir(), Some(&other), &[log.path("outside")], |_| ()).unwrap();
    let names: Vec<_> = report.findings.iter().map(audit::Finding::name).collect();
    assert_eq!(names, ["no-outside-checkpoint", "checkpoint"]);
    assert_eq!(report.proven, 0);
}
