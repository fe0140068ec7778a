//! A right that covers less gives nobody more.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::{Made, a_call, of, rank};
use shaken_core::Attest;

use crate::policy::data::{Fault, LoadError, Loader, Policy};
use crate::policy::decision::{Caller, decide};
use crate::policy::fixture::{NOW, files, load};
use crate::policy::numbers::E164;

/// A row of `rights.csv`.
#[derive(Clone, Debug)]
struct Row {
    customer: &'static str,
    numbers: Covers,
    trunks: Vec<&'static str>,
    basis: &'static str,
    evidence: Vec<&'static str>,
    /// Days of 2026.
    from: Option<u16>,
    until: Option<u16>,
    level: char,
}

#[derive(Clone, Copy, Debug)]
enum Covers {
    Range(u64, u64),
    /// Digits, and how many more they may have.
    Prefix(u64, u32),
}

impl Row {
    fn text(&self) -> String {
        let numbers = match self.numbers {
            Covers::Range(first, last) if first == last => first.to_string(),
            Covers::Range(first, last) => format!("{first}-{last}"),
            Covers::Prefix(digits, _) => format!("{digits}*"),
        };
        let day = |day: Option<u16>| day.map(|day| format!("2026-{:02}-{:02}", 1 + day / 28, 1 + day % 28));
        format!(
            "{},{numbers},{},{},{},{},{},{}\n",
            self.customer,
            self.trunks.join(";"),
            self.basis,
            self.evidence.join(";"),
            day(self.from).unwrap_or_default(),
            day(self.until).unwrap_or_default(),
            self.level
        )
    }

    /// The same with less in one respect; `by` says how much.
    fn narrowed(&self, how: Narrowing, by: u64) -> Self {
        let mut row = self.clone();
        match how {
            Narrowing::Numbers => {
                row.numbers = match row.numbers {
                    Covers::Range(first, last) => {
                        let first = first + by % (last - first + 1);
                        Covers::Range(first, last - by / 7 % (last - first + 1))
                    }
                    Covers::Prefix(digits, 1) => Covers::Range(digits * 10, digits * 10 + by % 10),
                    Covers::Prefix(digits, more) => Covers::Prefix(digits * 10 + by % 10, more - 1),
                };
            }
            // Evidence for what had none is no narrowing: such a row gives nothing.
            Narrowing::Evidence | Narrowing::Delegate if row.basis == "loa" && row.evidence.is_empty() => {}
            Narrowing::Trunks if row.trunks.is_empty() => row.trunks = vec!["teams", "dialer"],
            Narrowing::Trunks => row.trunks.truncate(1),
            Narrowing::Evidence => row.evidence.push(["loa-1", "loa-old"][by as usize % 2]),
            Narrowing::From => row.from = row.from.max(Some((by % 300) as u16)).min(row.until.or(Some(335))),
            Narrowing::Until => {
                let until = (by % 300) as u16;
                row.until = Some(row.until.map_or(until, |day| day.min(until)).max(row.from.unwrap_or(0)));
            }
            Narrowing::Level => row.level = 'B',
            Narrowing::Delegate => {
                row.basis = "delegate_cert";
                row.evidence.push("cert-1");
            }
        }
        row
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Narrowing {
    Numbers,
    Trunks,
    Evidence,
    From,
    Until,
    Level,
    Delegate,
}

const ALL: [Narrowing; 7] = [
    Narrowing::Numbers,
    Narrowing::Trunks,
    Narrowing::Evidence,
    Narrowing::From,
    Narrowing::Until,
    Narrowing::Level,
    Narrowing::Delegate,
];

/// The rows as a policy, if they do not contradict each other.
fn of_rows(rows: &[Row]) -> Option<Policy> {
    let (dir, path) = files();
    let header = "customer,numbers,trunks,basis,evidence,valid_from,valid_until,max_level\n";
    let rows: String = rows.iter().map(Row::text).collect();
    std::fs::write(dir.path().join("rights.csv"), format!("{header}{rows}")).unwrap();
    match Loader::new(&path).load(NOW) {
        Ok(_) => Some(load(&path)),
        Err(LoadError::Faults(faults)) => {
            let is_clash =
                |fault: &Fault| fault.message.contains("assign") || fault.message.contains("gives nothing");
            assert!(faults.named().iter().all(is_clash), "{faults}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn some_numbers() -> impl Strategy<Value = Covers> {
    prop_oneof![
        3 => (12_155_550_095..12_155_550_200_u64, 0..60_u64)
            .prop_map(|(first, more)| Covers::Range(first, (first + more).min(12_155_550_199))),
        1 => prop::sample::select(vec![Covers::Prefix(1_215_555, 4), Covers::Prefix(1_215_555_010, 1)]),
    ]
}

fn a_row() -> impl Strategy<Value = Row> {
    let who = prop::sample::select(vec!["acme", "acme", "acme", "branch", "other", "newcomer"]);
    let basis = prop::sample::select(vec![
        ("assigned", vec![]),
        ("assigned", vec![]),
        ("ported_in", vec![]),
        ("ported_out", vec![]),
        ("loa", vec!["loa-1"]),
        ("loa", vec!["loa-old"]),
        ("loa", vec![]),
        ("delegate_cert", vec!["cert-1"]),
    ]);
    let trunks = prop::sample::select(vec![vec![], vec![], vec!["teams"], vec!["dialer", "judged"]]);
    let days = (prop::option::of(0..150_u16), prop::option::of(150..300_u16));
    let level = prop::sample::select(vec!['A', 'A', 'A', 'B']);
    (who, some_numbers(), trunks, basis, days, level).prop_map(
        |(customer, numbers, trunks, (basis, evidence), (from, until), level)| Row {
            customer,
            numbers,
            trunks,
            basis,
            evidence,
            from,
            until,
            level,
        },
    )
}

/// Rows that are refused together give nothing; of those that are not, each is narrowed in each way.
#[test]
fn a_narrower_right_never_raises_a_level() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut draw = |count: usize| -> (Vec<Row>, Vec<Made>, u64) {
        let rows = prop::collection::vec(a_row(), 1..9).new_tree(&mut runner).unwrap().current();
        let calls = prop::collection::vec(a_call(), count).new_tree(&mut runner).unwrap().current();
        (rows, calls, (0..1000_u64).new_tree(&mut runner).unwrap().current())
    };
    let (mut had_a, mut lost, mut met) = ([0; ALL.len()], [0; ALL.len()], 0);
    for _ in 0..400 {
        let (drawn, calls, by) = draw(40);
        let mut rows: Vec<Row> = Vec::new();
        let mut wide = None;
        for row in drawn {
            rows.push(row);
            match of_rows(&rows) {
                Some(policy) => wide = Some(policy),
                None => drop(rows.pop()),
            }
        }
        let Some(wide) = wide else { continue };
        met += usize::from(calls.iter().any(|call| {
            let Caller::Number(orig) = call.orig else { return false };
            E164::of(&orig).is_some_and(|number| wide.rights_to(number).count() > 1)
        }));
        for (which, row) in rows.iter().enumerate() {
            // That a number has left, or is a customer's who is not known well enough, is no right: who says so
            // of fewer numbers gives the others back.
            if row.basis == "ported_out" || row.customer == "newcomer" {
                continue;
            }
            for (place, how) in ALL.into_iter().enumerate() {
                let mut fewer = rows.clone();
                fewer[which] = row.narrowed(how, by);
                let Some(narrow) = of_rows(&fewer) else { continue };
                for call in &calls {
                    let before = decide(&wide, &call.facts(&wide), call.now);
                    let after = decide(&narrow, &call.facts(&narrow), call.now);
                    // A `div` has no level that could be compared with what is signed in its place.
                    if before.attest().is_some() {
                        let (was, is) = (of(&before), of(&after));
                        assert!(rank(&after) <= rank(&before), "{row:?} {how:?} {call:?}: {was:?} {is:?}");
                        had_a[place] += usize::from(before.attest() == Some(Attest::A));
                        lost[place] += usize::from(rank(&after) < rank(&before));
                    }
                }
            }
        }
    }
    assert!(met > 50 && had_a.iter().all(|count| *count > 300), "{met} {had_a:?}");
    assert!(lost.iter().all(|count| *count > 10), "{lost:?}");
}

/// Also where the narrower row lies within a wider one, which had spoken for the number alone if the narrowest
/// row did, and where a number was given to somebody else.
#[test]
fn a_row_within_another_takes_nothing_from_it_and_adds_nothing_by_being_there() {
    let row = |customer, numbers, basis, evidence| Row {
        customer,
        numbers,
        trunks: Vec::new(),
        basis,
        evidence,
        from: None,
        until: None,
        level: 'A',
    };
    let range = row("acme", Covers::Range(12_155_550_100, 12_155_550_139), "assigned", vec![]);
    let letter = row("other", Covers::Range(12_155_550_120, 12_155_550_120), "loa", vec!["loa-1"]);
    let lapsed = row("acme", Covers::Range(12_155_550_120, 12_155_550_149), "loa", vec!["loa-old"]);
    let policy = of_rows(&[range.clone(), letter, lapsed]).unwrap();
    let level = |policy: &Policy, orig: &str| {
        let facts = super::facts(policy, "teams", orig);
        of(&decide(policy, &facts, NOW)).2
    };
    for orig in ["12155550100", "12155550120", "12155550129"] {
        assert_eq!(level(&policy, orig), "RIGHT_OK", "{orig}");
    }
    // A number that is a customer's customer's is no better known than that one.
    let sub = |customer| row(customer, Covers::Range(12_155_550_120, 12_155_550_120), "assigned", vec![]);
    for (customer, reason) in [("branch", "RIGHT_OK"), ("newcomer", "HOLDER_UNVETTED")] {
        let policy = of_rows(&[range.clone(), sub(customer)]).unwrap();
        assert_eq!(level(&policy, "12155550120"), reason, "{customer}");
        assert_eq!(level(&policy, "12155550121"), "RIGHT_OK", "{customer}");
    }
    let ended = Row { until: Some(10), ..sub("newcomer") };
    assert_eq!(level(&of_rows(&[range.clone(), ended]).unwrap(), "12155550120"), "RIGHT_OK");
    // What has left has left, however wide the row is that says so; `from` is the day.
    let left = Row { level: 'B', ..row("acme", Covers::Prefix(1_215_555, 4), "ported_out", vec![]) };
    let policy = of_rows(&[range.clone(), left.clone()]).unwrap();
    assert_eq!(level(&policy, "12155550100"), "PORTED_OUT");
    let policy = of_rows(&[range, Row { from: Some(300), ..left }]).unwrap();
    assert_eq!(level(&policy, "12155550100"), "RIGHT_OK");
}
