//! A right that covers less gives nobody more.

use proptest::prelude::*;

use super::{Made, a_call, of, rank};
use crate::policy::data::Policy;
use crate::policy::decision::decide;
use crate::policy::fixture::{files, load};

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

const ALL: [Narrowing; 8] = [
    Narrowing::Numbers,
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
    crate::policy::data::Loader::new(&path).load(crate::policy::fixture::NOW).ok().map(|_| load(&path))
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

fn check(wide: &Policy, narrow: &Policy, calls: &[Made]) -> Result<(), TestCaseError> {
    for call in calls {
        let before = decide(wide, &call.facts(wide), call.now);
        let after = decide(narrow, &call.facts(narrow), call.now);
        // A `div` has no level that could be compared with what is signed in its place.
        if before.attest().is_some() {
            prop_assert!(rank(&after) <= rank(&before), "{:?}: {:?} {:?}", call, of(&before), of(&after));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_narrower_right_never_raises_a_level(
        made in prop::collection::vec(a_row(), 1..9),
        calls in prop::collection::vec(a_call(), 40),
        which in 0..8_usize,
        how in prop::sample::select(ALL.as_slice()),
        by in 0..1000_u64,
    ) {
        let mut rows: Vec<Row> = Vec::new();
        let mut wide = None;
        for row in made {
            rows.push(row);
            match of_rows(&rows) {
                Some(policy) => wide = Some(policy),
                None => drop(rows.pop()),
            }
        }
        let Some(wide) = wide else { return Ok(()) };
        let which = which % rows.len();
        // That a number has left is no right: narrowing it gives the number back.
        prop_assume!(rows[which].basis != "ported_out");
        rows[which] = rows[which].narrowed(how, by);
        let Some(narrow) = of_rows(&rows) else {
            prop_assert_eq!(how, Narrowing::Level, "what covers less contradicts no more: {:?}", rows);
            return Ok(());
        };
        check(&wide, &narrow, &calls)?;
    }
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
    let lapsed = row("acme", Covers::Range(12_155_550_120, 12_155_550_129), "loa", vec!["loa-old"]);
    let policy = of_rows(&[range.clone(), letter, lapsed]).unwrap();
    let level = |policy: &Policy, orig: &str| {
        let facts = super::facts(policy, "teams", orig);
        of(&decide(policy, &facts, crate::policy::fixture::NOW)).2
    };
    for orig in ["12155550100", "12155550120", "12155550129"] {
        assert_eq!(level(&policy, orig), "RIGHT_OK", "{orig}");
    }
    // What has left has left, however wide the row is that says so; `from` is the day.
    let left = Row { level: 'B', ..row("acme", Covers::Prefix(1_215_555, 4), "ported_out", vec![]) };
    let policy = of_rows(&[range.clone(), left.clone()]).unwrap();
    assert_eq!(level(&policy, "12155550100"), "PORTED_OUT");
    let policy = of_rows(&[range, Row { from: Some(300), ..left }]).unwrap();
    assert_eq!(level(&policy, "12155550100"), "RIGHT_OK");
}
