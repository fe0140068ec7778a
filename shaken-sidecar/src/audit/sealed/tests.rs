//! What goes into a file comes out of it, and what is looked for is found.

mod tamper;

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::audit::line::{Content, Place, SALT_LEN, push_line};
use crate::audit::tests::record;
use crate::audit::{AuditError, Cert, Entry, Event, Gap, Line, Loss, Number, Record, Undelivered};

fn number(n: u64) -> String {
    format!("1{}55501{:02}", 200 + n / 100 % 800, n % 100)
}

fn both(n: u64) -> Number {
    Number { received: format!("+{}", number(n)), canonical: Some(number(n)) }
}

/// A line of its own kind for each index: with and without the members that have a column.
fn event(index: u64) -> Event {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_767_225_600_000 + index * 40);
    match index % 50 {
        10 => Event::Undelivered(Undelivered::new(Some(index), "request".into(), Loss::Deadline, time)),
        20 => Event::Gap(Gap {
            from: "2026-01-01T00:00:00.000Z".into(),
            to: "2026-01-01T00:00:01.500Z".into(),
            served: 1,
            refused: 2,
            notes: 3,
            cause: "write".into(),
        }),
        30 => Event::Call(Box::new(record("bare"))),
        _ => {
            let mut call = Record::new(
                if index.is_multiple_of(2) { crate::audit::Op::Sign } else { crate::audit::Op::Verify },
                crate::audit::Interface::HttpUnix,
                crate::listen::Peer { uid: 1, gid: 2, pid: None },
                format!("r{index}"),
                "signed",
                time,
            );
            call.call_id = Some(format!("{index}@sbc.example.com"));
            call.trunk = Some("lab \"one\" \u{e9}".into());
            call.attest = Some(["A", "B", "C"][index as usize % 3].into());
            call.reason = (!index.is_multiple_of(4)).then(|| "CAPPED_BY_TRUNK".into());
            call.orig = Some(match index % 5 {
                0 => Number { received: "anonymous".into(), canonical: None },
                _ => both(index),
            });
            call.dest = (0..index % 4).map(|n| both(index * 7 + n)).collect();
            call.origid = Some(format!("00000000-0000-4000-8000-{index:012}"));
            call.cert = Some(
                Cert { spc: index.is_multiple_of(3).then(|| "709J".into()), sha256: "ab".repeat(32) }.into(),
            );
            Event::Call(Box::new(call))
        }
    }
}

fn line(index: u64) -> Line {
    let content = match event(index) {
        Event::Call(call) => Content::Call(call),
        note => Content::Note(note),
    };
    let mut bytes = Vec::new();
    let place = Place { index, commit: index };
    push_line(&mut bytes, place, &[index as u8; SALT_LEN], &content).unwrap();
    bytes.pop();
    Line { index, bytes }
}

/// A whole line with these members after the salt.
fn other_line(index: u64, members: &str) -> Line {
    let mut bytes = format!(
        r#"{{"schema":1,"index":{index},"commit":{index},"salt":"{}",{members}"#,
        "00".repeat(SALT_LEN)
    )
    .into_bytes();
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(format!(r#","crc32c":"{crc:08x}"}}"#).as_bytes());
    assert!(crate::audit::line::place_of(&bytes).is_some());
    Line { index, bytes }
}

/// The file of these lines, in a folder of its own.
fn seal(lines: &[Line]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name_of(lines[0].index));
    let file = fs::File::create(&path).unwrap();
    write(file, lines.iter().cloned().map(Ok), &path).unwrap();
    (dir, path)
}

fn all(lines: impl Iterator<Item = Result<Line, AuditError>>) -> Vec<Line> {
    lines.map(Result::unwrap).collect()
}

/// Three groups, of which the last is not full.
const RECORDS: u64 = 2 * GROUP_RECORDS as u64 + 1234;
const FIRST: u64 = 52_417;

#[test]
fn every_line_comes_back_as_it_was() {
    let lines: Vec<Line> = (FIRST..FIRST + RECORDS).map(line).collect();
    let (_dir, path) = seal(&lines);
    let sealed = Sealed::open(&path).unwrap();
    assert_eq!((sealed.first_index(), sealed.end_index()), (FIRST, FIRST + RECORDS));
    assert!(all(sealed.lines()) == lines);
    for from in [0, FIRST, FIRST + 1, FIRST + GROUP_RECORDS as u64 - 1, FIRST + RECORDS - 1, u64::MAX] {
        let rest: Vec<&Line> = lines.iter().filter(|line| line.index >= from).collect();
        assert!(all(sealed.lines_from(from)).iter().eq(rest), "from {from}");
    }
    let raw: usize = lines.iter().map(|line| line.bytes.len() + 1).sum();
    println!("{raw} bytes of lines, {} bytes of file", fs::metadata(&path).unwrap().len());
}

/// By the members of the entry, so that it shares nothing with what it judges.
fn meets(line: &Line, wanted: &Wanted) -> bool {
    let entry = Entry::parse(&line.bytes).unwrap();
    let Event::Call(call) = &entry.event else { return *wanted == Wanted::new() };
    let text = |number: &Number| number.canonical.clone().unwrap_or_else(|| number.received.clone());
    let time = time::OffsetDateTime::parse(call.time(), &time::format_description::well_known::Rfc3339);
    let unix_ms = (time.unwrap().unix_timestamp_nanos() / 1_000_000) as i64;
    wanted
        .number
        .as_ref()
        .is_none_or(|number| call.orig.iter().chain(&call.dest).any(|party| text(party) == *number))
        && wanted.call_id.as_ref().is_none_or(|id| call.call_id.as_ref() == Some(id))
        && wanted.origid.as_ref().is_none_or(|id| call.origid.as_ref() == Some(id))
        && wanted.attest.as_ref().is_none_or(|level| call.attest.as_deref() == Some(level))
        && wanted.reason.as_ref().is_none_or(|reason| call.reason.as_deref() == Some(reason))
        && wanted.from_unix_ms.is_none_or(|from| unix_ms >= from)
        && wanted.to_unix_ms.is_none_or(|to| unix_ms < to)
}

#[test]
fn what_is_looked_for_is_found_and_nothing_else() {
    let lines: Vec<Line> = (FIRST..FIRST + RECORDS).map(line).collect();
    let (_dir, path) = seal(&lines);
    let sealed = Sealed::open(&path).unwrap();
    let at = |index: u64| 1_767_225_600_000 + index as i64 * 40;
    let middle = FIRST + GROUP_RECORDS as u64 + 77;
    let number = |n| Wanted::new().with_number(number(n));
    let mut found_any = 0;
    for wanted in [
        number(middle),
        number(middle * 7),
        number(FIRST * 7 + 2),
        number(3),
        Wanted::new().with_number("anonymous"),
        Wanted::new().with_number("12025550199x"),
        Wanted::new().with_number(""),
        Wanted::new().with_call_id(format!("{middle}@sbc.example.com")),
        Wanted::new().with_call_id("none@sbc.example.com"),
        Wanted::new().with_origid(format!("00000000-0000-4000-8000-{middle:012}")),
        number(middle).with_attest("A"),
        number(middle).with_attest("B"),
        number(middle).with_attest("C").with_reason("CAPPED_BY_TRUNK"),
        number(middle).with_from(at(middle)).with_to(at(middle)),
        number(middle).with_from(at(middle)).with_to(at(middle) + 1),
        number(middle).with_from(at(middle) + 1),
        Wanted::new().with_from(at(FIRST + 9)).with_to(at(FIRST + 40)),
        Wanted::new().with_from(at(FIRST + RECORDS)),
        Wanted::new().with_attest("D"),
        Wanted::new().with_attest("B").with_reason("CAPPED_BY_TRUNK"),
    ] {
        let found = all(sealed.find(&wanted));
        let expected: Vec<&Line> = lines.iter().filter(|line| meets(line, &wanted)).collect();
        assert!(
            found.iter().eq(expected.iter().copied()),
            "{wanted:?}: {} of {}",
            found.len(),
            expected.len()
        );
        assert!(found.iter().all(|line| wanted.matches(&line.bytes)));
        found_any += usize::from(!found.is_empty());
    }
    assert!(found_any >= 12, "{found_any}");
    assert_eq!(all(sealed.find(&Wanted::new())).len(), lines.len());
}

#[test]
fn lines_that_this_version_does_not_know_have_an_index_and_a_kind() {
    let lines = [
        line(0),
        other_line(
            1,
            r#""kind":"later","time":"2026-01-01T00:00:00.000Z","orig":{"received":"12155550112"}"#,
        ),
        other_line(2, r#""kind":"call","orig":"12155550112","attest":"A""#),
        other_line(3, r#""kind":7"#),
        other_line(4, r#""kind":"call","op":"transfer","attest":"D","orig":{"received":"12155550112"}"#),
    ];
    let row = |at: usize| columns::of(&lines[at].bytes).unwrap();
    assert_eq!((row(1).text(Column::Kind), row(1).unix_ms), (Some("later"), None));
    assert_eq!((row(1).text(Column::Orig), row(2).text(Column::Orig)), (None, None));
    assert_eq!((row(2).text(Column::Kind), row(2).text(Column::Attest)), (Some("call"), None));
    assert_eq!(row(3).text(Column::Kind), None);
    // A word of a later version is a word.
    assert_eq!((row(4).text(Column::Op), row(4).text(Column::Orig)), (Some("transfer"), Some("12155550112")));
    let (_dir, path) = seal(&lines);
    let sealed = Sealed::open(&path).unwrap();
    assert_eq!(all(sealed.lines()), lines);
    let found = all(sealed.find(&Wanted::new().with_number("12155550112")));
    assert_eq!(found, lines[4..]);
}

#[test]
fn a_line_that_is_no_text_is_not_sealed() {
    let mut bytes = br#"{"schema":1,"index":5,"commit":5,"x":""#.to_vec();
    bytes.extend_from_slice(b"\xff\"");
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(format!(r#","crc32c":"{crc:08x}"}}"#).as_bytes());
    let lines = [Ok(Line { index: 5, bytes })].into_iter();
    let refused = write(Vec::new(), lines, Path::new("x")).unwrap_err();
    assert!(matches!(refused, AuditError::Sealed(SealedError::NotText { index: 5 })), "{refused}");
}

/// A bit anywhere in the file leaves all lines as they were, or an error: never another line, never a
/// panic. So does an end anywhere.
#[test]
fn whatever_stands_in_the_file_no_other_line_comes_out() {
    let lines: Vec<Line> = (0..60).map(line).collect();
    let (dir, path) = seal(&lines);
    let bytes = fs::read(&path).unwrap();
    let wanted = Wanted::new().with_number(number(13));
    let expected: Vec<Line> = lines.iter().filter(|line| meets(line, &wanted)).cloned().collect();
    assert_eq!(expected.len(), 1);
    std::panic::set_hook(Box::new(|_| ()));
    let look = |bytes: &[u8]| {
        let path = dir.path().join(name_of(0));
        fs::write(&path, bytes).unwrap();
        let sealed = Sealed::open(&path)?;
        let all = sealed.lines().collect::<Result<Vec<_>, _>>();
        let found = sealed.find(&wanted).collect::<Result<Vec<_>, _>>();
        let from = sealed.lines_from(30).collect::<Result<Vec<_>, _>>();
        if let Ok(all) = &all {
            assert!(lines.starts_with(all));
        }
        if let Ok(from) = &from {
            assert!(lines[30..].starts_with(from));
        }
        if let Ok(found) = &found {
            assert!(found.is_empty() || *found == expected);
        }
        all.and(from)
    };
    let (mut refused, mut unseen) = (0, 0);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        match look(&damaged) {
            Err(_) => refused += 1,
            Ok(_) => unseen += 1,
        }
        if at % 13 == 0 {
            assert!(look(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
    let _ = std::panic::take_hook();
    // Bits of other columns, filters and statistics do not touch the lines; an inspection finds them.
    println!("{} bytes: {refused} flips refused, {unseen} leave the lines as they were", bytes.len());
    assert!(refused > 1000);
}
