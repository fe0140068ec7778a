//! States of numbers, by tables of policy, calls and exports; and that nothing is counted twice or lost.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::state::remedy;
use super::*;
use crate::audit::{Call, CallVisitor as _, Interest};
use crate::policy::data::{Loader, kept_in};
use crate::stamp::stamp;

mod exports;
mod others;
mod single_calls;

/// 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;
const DAY: i64 = 86_400;

const TOML: &str = r#"
mode = "enforce"
do_not_originate = ["dno.csv"]
[[provider]]
id = "example-telecom"
spc = "1234"
profile = "us"
[[provider.certificate]]
id = "main"
key = "main.key"
certificate = "main.pem"
x5u = "https://cr.example.com/main.pem"
[[trunk]]
name = "teams"
provider = "example-telecom"
customer = "acme"
match = { uid = 1 }
role = "originate"
auth = "mtls"
cap = "A"
[[trunk]]
name = "dialer"
provider = "example-telecom"
customer = "acme"
match = { uid = 2 }
role = "originate"
auth = "ip"
cap = "A"
requested = "require"
[[trunk]]
name = "open"
provider = "example-telecom"
customer = "acme"
match = { uid = 3 }
role = "originate"
cap = "A"
[[trunk]]
name = "lapsed"
provider = "example-telecom"
customer = "lapsed"
match = { uid = 4 }
role = "originate"
auth = "ip"
cap = "A"
[[trunk]]
name = "second"
provider = "example-telecom"
customer = "second"
match = { uid = 5 }
role = "originate"
auth = "ip"
cap = "A"
[[trunk]]
name = "gateway"
provider = "example-telecom"
match = { uid = 6 }
role = "gateway"
auth = "ip"
cap = "C"
[[rule]]
id = "campaign"
when = { from = ["12155550109"] }
cap = "B"
note = "under review"
"#;

const RIGHTS: &str = "\
customer,numbers,trunks,basis,evidence,valid_from,valid_until,max_level
acme,12155550100-12155550109,,assigned,,,,A
acme,12155550110,teams,loa,loa-1,,,A
acme,12155550111,,loa,loa-soon,,,A
acme,12155550112,,assigned,,,2026-05-20,A
acme,12155550113,,ported_out,,2026-02-01,,B
acme,12155550114,,assigned,,,,B
acme,12155550115,dialer,loa,loa-1,,,A
acme,12155550116,,loa,loa-old,,,A
acme,12155550117,,delegate_cert,cert-1,,,A
acme,12155550119,,assigned,,,,A
lapsed,12155550130,,assigned,,,,A
";

struct Fixture {
    folder: TempDir,
    policy: Policy,
}

impl Fixture {
    fn new(rights: &str) -> Self {
        Self::edited(rights, str::to_owned)
    }

    /// With each of its files edited.
    fn edited(rights: &str, edit: impl Fn(&str) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("policy.toml", TOML),
            (
                "customers.csv",
                "customer,provider,kind,kyc,expires_at\nacme,example-telecom,end_user,verified,\n\
                 lapsed,example-telecom,end_user,verified,2026-05-15\n\
                 second,example-telecom,end_user,verified,\n",
            ),
            (
                "evidence.csv",
                "evidence,type,sha256,expires_at\nloa-1,loa_pdf,,2026-12-31\nloa-soon,loa_pdf,,2026-06-15\n\
                 loa-old,loa_pdf,,2025-12-31\n\
                 cert-1,cert,abababababababababababababababababababababababababababababababab,\n",
            ),
            ("rights.csv", rights),
            ("dno.csv", "numbers\n12155550119\n"),
        ] {
            fs::write(folder.path().join(name), edit(text)).unwrap();
        }
        let policy = Loader::new(&folder.path().join("policy.toml")).load(NOW).unwrap();
        Self { folder, policy }
    }

    /// Its policy, as it is kept when it comes into force.
    fn kept(&self) -> Generations {
        let past = tempfile::tempdir().unwrap();
        let file = self.folder.path().join("policy.toml");
        Loader::new(&file).compile(&past.path().join("first.shaken"), NOW).unwrap();
        Generations::new(kept_in(past.path(), NOW).unwrap().policies)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// Days ago, trunk, level (`-` for unsigned, `div` for none) and reason.
type Calls<'a> = &'a [(i64, &'a str, &'a str, &'a str)];

fn tell(observed: &mut Observed, orig: &str, calls: Calls<'_>) {
    tell_by(observed, orig, calls, "00000000000000aa");
}

fn tell_by(observed: &mut Observed, orig: &str, calls: Calls<'_>, generation: &str) {
    for (days, trunk, level, reason) in calls {
        let is_signed = *level != "-";
        let interest = observed.call(&Call {
            unix_seconds: NOW - days * DAY - 1,
            trunk: Some(trunk),
            orig: Some(orig),
            attest: Some(*level).filter(|level| ["A", "B", "C"].contains(level)),
            reason: Some(*reason).filter(|reason| !reason.is_empty()),
            verdict: Some(if is_signed { "signed" } else { "failed" }),
            error: if is_signed { None } else { Some("key-unavailable") },
        });
        if interest == Interest::Generation {
            observed.generation(Some(generation));
        }
    }
}

fn report<'a>(
    policy: &'a Policy,
    observed: Observed,
    teams: &'a Teams,
    inventory: Option<&'a Inventory>,
    none: &'a Generations,
    by: By,
) -> Report<'a> {
    let sources = Sources { policy, observed, teams, inventory, generations: none };
    Report::new(sources, by, NOW - 30 * DAY, 30, NOW)
}

/// The rows that are not about calls of others.
fn own<'r>(report: &'r Report<'_>) -> impl Iterator<Item = Row> + 'r {
    report.rows().filter(|row| row.holder.is_empty())
}

fn row_of(report: &Report<'_>, number: u64) -> Row {
    let holds = |row: &Row| (row.numbers.0..=row.numbers.1).contains(&number);
    let mut rows: Vec<Row> = own(report).filter(holds).collect();
    assert_eq!(rows.len(), 1, "{number}");
    rows.remove(0)
}

#[test]
fn states_by_policy_and_log() {
    let fixture = Fixture::new(RIGHTS);
    let (teams, none) = (Teams::default(), Generations::default());
    let ok: Calls<'_> = &[(20, "teams", "A", "RIGHT_OK"), (1, "teams", "A", "RIGHT_OK")];
    let cases: &[(u64, Calls<'_>, State, &str, &str, Owner)] = &[
        (100, ok, State::Ok, "A_SEEN", "", Owner::Nobody),
        (101, &[], State::Unused, "NO_CALLS", "", Owner::Nobody),
        (
            102,
            &[(20, "teams", "A", "RIGHT_OK"), (5, "teams", "-", ""), (1, "teams", "-", "")],
            State::Lost,
            "KEY_UNAVAILABLE",
            "2026-05-26T23:59:59Z",
            Owner::Operator,
        ),
        (
            103,
            &[
                (9, "teams", "A", "RIGHT_OK"),
                (8, "teams", "B", "RIGHT_EXPIRED"),
                (7, "teams", "A", "RIGHT_OK"),
            ],
            State::Ok,
            "A_SEEN",
            "",
            Owner::Nobody,
        ),
        (
            104,
            &[(9, "teams", "A", "RIGHT_OK"), (8, "dialer", "C", "CAPPED_BY_TRUNK"), (2, "teams", "A", "")],
            State::AtRisk,
            "LOWER_ON_OTHER_TRUNK",
            "2026-05-23T23:59:59Z",
            Owner::Routing,
        ),
        (
            105,
            &[(9, "open", "C", "TRUNK_UNAUTHENTICATED")],
            State::NeverA,
            "TRUNK_UNAUTHENTICATED",
            "",
            Owner::SbcAdministrator,
        ),
        (106, &[(3, "teams", "div", "DIV_ADDED")], State::Ok, "DIV_ADDED", "", Owner::Nobody),
        // A rule about called numbers says nothing of this one.
        (
            107,
            &[(9, "teams", "A", ""), (1, "teams", "-", "RULE_BLOCK")],
            State::Ok,
            "A_SEEN",
            "",
            Owner::Nobody,
        ),
        (107, &[(1, "teams", "-", "RULE_BLOCK")], State::NeverA, "RULE_BLOCK", "", Owner::Compliance),
        (
            112,
            &[(15, "teams", "A", ""), (5, "teams", "-", "RULE_BLOCK")],
            State::Lost,
            "RIGHT_EXPIRED",
            "2026-05-26T23:59:59Z",
            Owner::Compliance,
        ),
        // The rule of the policy cuts it out of its range.
        (109, &[], State::Unused, "RULE_CAP", "", Owner::Nobody),
        (
            110,
            &[(9, "teams", "A", "RIGHT_OK"), (2, "dialer", "B", "RIGHT_NOT_ON_TRUNK")],
            State::Lost,
            "RIGHT_NOT_ON_TRUNK",
            "2026-05-29T23:59:59Z",
            Owner::Routing,
        ),
        // It left a trunk where it lost A for one where it has A.
        (
            110,
            &[
                (9, "dialer", "A", "RIGHT_OK"),
                (8, "dialer", "B", "RIGHT_NOT_ON_TRUNK"),
                (2, "teams", "A", ""),
            ],
            State::Ok,
            "A_SEEN",
            "",
            Owner::Nobody,
        ),
        // A trunk that never had A does not hide that another one lost it.
        (
            108,
            &[
                (9, "teams", "A", ""),
                (8, "teams", "B", "CAPPED_BY_TRUNK"),
                (9, "open", "C", "X"),
                (2, "open", "C", "X"),
            ],
            State::Lost,
            "CAPPED_BY_TRUNK",
            "2026-05-23T23:59:59Z",
            Owner::Operator,
        ),
        (111, ok, State::AtRisk, "EVIDENCE_EXPIRED", "2026-06-16", Owner::Compliance),
        (112, &[], State::Lost, "RIGHT_EXPIRED", "2026-05-21", Owner::Compliance),
        // Its last call was before the right ended, and nothing called since.
        (
            112,
            &[(15, "teams", "A", "RIGHT_OK")],
            State::Lost,
            "RIGHT_EXPIRED",
            "2026-05-21",
            Owner::Compliance,
        ),
        (113, ok, State::Lost, "PORTED_OUT", "2026-05-30T23:59:59Z", Owner::NumberManager),
        (
            114,
            &[(1, "teams", "B", "RIGHT_PARTIAL")],
            State::NeverA,
            "RIGHT_PARTIAL",
            "",
            Owner::NumberManager,
        ),
        (116, &[], State::Unused, "EVIDENCE_EXPIRED", "", Owner::Nobody),
        (117, &[], State::Unused, "NO_CALLS", "", Owner::Nobody),
        (119, ok, State::Lost, "DNO_LISTED", "2026-05-30T23:59:59Z", Owner::Compliance),
        (
            120,
            &[(3, "teams", "B", "DIV_CALLER")],
            State::NeverA,
            "FORWARDED_WITHOUT_DIV",
            "",
            Owner::SbcAdministrator,
        ),
        (121, &[(3, "teams", "B", "RIGHT_NONE")], State::NeverA, "RIGHT_NONE", "", Owner::NumberManager),
        (
            130,
            &[(20, "lapsed", "A", "RIGHT_OK"), (2, "lapsed", "B", "CUST_EXPIRED")],
            State::Lost,
            "CUST_EXPIRED",
            "2026-05-29T23:59:59Z",
            Owner::Compliance,
        ),
    ];
    for (number, calls, state, reason, since, owner) in cases {
        let number = 12_155_550_000 + number;
        let mut observed = Observed::new(NOW);
        tell(&mut observed, &number.to_string(), calls);
        let report = report(&fixture.policy, observed, &teams, None, &none, By::Number);
        let row = row_of(&report, number);
        let found = (row.state, row.reason.as_str(), row.since.map(stamp).unwrap_or_default());
        assert_eq!(found, (*state, *reason, (*since).to_owned()), "{number}");
        assert_eq!(remedy(row.state, &row.reason).0, *owner, "{number}");
        let is_told = row.changes.iter().all(|change| change.generation == "00000000000000aa");
        assert!(is_told, "{number}");
    }
}

#[test]
fn a_loss_by_date_has_no_line() {
    let fixture = Fixture::new(RIGHTS);
    let generations = fixture.kept();
    let mut observed = Observed::new(NOW);
    let calls: Calls<'_> = &[(20, "teams", "A", "RIGHT_OK"), (5, "teams", "B", "RIGHT_EXPIRED")];
    let generation = fixture.policy.generation().id();
    tell_by(&mut observed, "12155550112", calls, generation);
    let teams = Teams::default();
    let report = report(&fixture.policy, observed, &teams, None, &generations, By::Number);
    let row = row_of(&report, 12_155_550_112);
    assert_eq!(row.generation.as_deref(), Some(generation));
    assert_eq!(row.cause.as_deref(), Some("no line: by RIGHT_EXPIRED of its dates alone"));
}

/// A number that nobody called is lost by its date, and hides nothing of those with calls.
#[test]
fn a_row_says_what_did_it_if_any_of_its_numbers_can() {
    let ended = "12155550112,,assigned,,,2026-05-20,A";
    let fixture = Fixture::new(&RIGHTS.replace(ended, "12155550120-12155550121,,assigned,,,2026-05-20,A"));
    let generations = fixture.kept();
    let mut observed = Observed::new(NOW);
    let calls: Calls<'_> = &[(20, "teams", "A", "RIGHT_OK"), (5, "teams", "B", "RIGHT_EXPIRED")];
    tell_by(&mut observed, "12155550121", calls, fixture.policy.generation().id());
    let teams = Teams::default();
    let report = report(&fixture.policy, observed, &teams, None, &generations, By::Trunk);
    let row = own(&report).find(|row| row.reason == "RIGHT_EXPIRED").unwrap();
    assert_eq!((row.count, row.state), (2, State::Lost));
    assert_eq!(row.since.map(stamp).as_deref(), Some("2026-05-21"));
    assert_eq!(row.cause.as_deref(), Some("no line: by RIGHT_EXPIRED of its dates alone"));
}

/// Rights add up: what one row ends another one may begin, later.
#[test]
fn rows_that_hold_one_number_are_seen_together() {
    let rights = format!(
        "{RIGHTS}acme,12155550118,,assigned,,,2026-06-03,A\nacme,12155550118,,loa,loa-1,2026-06-10,,A\n\
         acme,12155550117,,delegate_cert,cert-2,,2026-05-01,A\nacme,12155550132,,delegate_cert,cert-2,,2026-05-01,A\n\
         acme,12155550132,teams,delegate_cert,cert-1,,,A\n\
         acme,1215555012*,,loa,loa-1,,,A\nsecond,12155550121,,assigned,,,,A\n\
         acme,12155550131,,assigned,,,2026-05-10,A\nacme,12155550131,,loa,loa-1,2026-05-20,2026-05-25,A\n"
    );
    let other = format!("cert-2,cert,{},\nloa-1,", "cd".repeat(32));
    let fixture = Fixture::edited(&rights, |text| text.replace("\nloa-1,", &format!("\n{other}")));
    let (teams, none) = (Teams::default(), Generations::default());
    let mut observed = Observed::new(NOW);
    let calls: Calls<'_> = &[(20, "teams", "A", "RIGHT_OK"), (1, "teams", "A", "RIGHT_OK")];
    for number in ["12155550117", "12155550118", "12155550121", "12155550132"] {
        tell(&mut observed, number, calls);
    }
    tell(&mut observed, "12155550131", &[(25, "teams", "A", "RIGHT_OK")]);
    let report = report(&fixture.policy, observed, &teams, None, &none, By::Number);
    let found = |number| {
        let row = row_of(&report, number);
        (row.state, row.reason, row.since.map(stamp).unwrap_or_default(), row.customer)
    };
    let row = |state, reason: &str, since: &str, customer: &str| {
        (state, reason.to_owned(), since.to_owned(), customer.to_owned())
    };
    assert_eq!(found(12_155_550_118), row(State::AtRisk, "RIGHT_EXPIRED", "2026-06-04", "acme"));
    for number in [12_155_550_117, 12_155_550_132] {
        assert_eq!(found(number), row(State::Ok, "A_SEEN", "", "acme"), "the certificate that counts now");
    }
    // Whom a number is assigned to has it, whoever else may use it and is written first.
    assert_eq!(found(12_155_550_121).3, "second");
    // It came back in between.
    assert_eq!(found(12_155_550_131), row(State::Lost, "RIGHT_EXPIRED", "2026-05-26", "acme"));
}

#[test]
fn neighbours_of_equal_state_are_one_range() {
    let fixture = Fixture::new(RIGHTS);
    let mut observed = Observed::new(NOW);
    for n in [103, 104, 105] {
        tell(&mut observed, &format!("12155550{n}"), &[(1, "teams", "A", "RIGHT_OK")]);
    }
    let (teams, none) = (Teams::default(), Generations::default());
    let report = report(&fixture.policy, observed, &teams, None, &none, By::Range);
    let row = row_of(&report, 12_155_550_104);
    assert_eq!((row.numbers, row.count), ((12_155_550_103, 12_155_550_105), 3));
    assert_eq!(row_of(&report, 12_155_550_101).numbers, (12_155_550_100, 12_155_550_102));
    assert_eq!(row_of(&report, 12_155_550_107).numbers, (12_155_550_106, 12_155_550_108));
}

/// What flaps is counted, and of its changes no more are kept than there is room for.
#[test]
fn a_number_that_flaps_takes_no_more_room() {
    let mut observed = Observed::new(NOW);
    let calls: Vec<_> =
        (0..100).map(|n| (20, "teams", if n % 2 == 0 { "A" } else { "B" }, "RIGHT_OK")).collect();
    tell(&mut observed, "12155550100", &calls);
    let fixture = Fixture::new(RIGHTS);
    let (teams, none) = (Teams::default(), Generations::default());
    let report = report(&fixture.policy, observed, &teams, None, &none, By::Number);
    let row = row_of(&report, 12_155_550_100);
    assert_eq!((row.state, row.changes.len(), row.counts.calls()), (State::Lost, 16, 100));
    assert_eq!(row.generation.as_deref(), Some("00000000000000aa"));
    assert_eq!(row.counts.levels, [[0; 4], [0; 4], [50, 50, 0, 0], [50, 50, 0, 0]]);
    assert!(size_of::<observed::Seen>() <= 88 && size_of::<Item>() <= 56, "{}", size_of::<Item>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every number of rights, exports and log is in one row of every roll-up, and all calls are counted once.
    #[test]
    fn every_number_is_in_one_state_and_every_call_is_counted(
        rights in prop::collection::vec((100_u64..200, 0_u64..8, 0_usize..3), 0..12),
        teams_numbers in prop::collection::vec(90_u64..210, 0..12),
        listed in prop::collection::vec((90_u64..200, 0_u64..20), 0..3),
        calls in prop::collection::vec((90_u64..210, 0_i64..40, 0_usize..4, 0_usize..5), 0..80),
    ) {
        let mut text = String::from("customer,numbers,trunks,basis,valid_until,max_level\n");
        let mut made: Vec<(u64, u64, usize)> = Vec::new();
        for row @ (first, more, kind) in rights {
            // Others could give nothing in what one gives, and would be refused.
            let meets = |other: &&(u64, u64, usize)| other.0 <= first + more && first <= other.0 + other.1;
            if made.iter().filter(meets).all(|other| other.2 == kind) {
                made.push(row);
            }
        }
        let rights = made;
        for (first, more, kind) in &rights {
            let last = first + more;
            let rest = [",assigned,,A", "teams,assigned,2026-06-10,A", ",assigned,,B"][*kind];
            text.push_str(&format!("acme,12155550{first}-12155550{last},{rest}\n"));
        }
        let fixture = Fixture::new(&text);
        let mut teams = Teams::default();
        let column: String = teams_numbers.iter().map(|n| format!("+12155550{n:03},UserAssigned\n")).collect();
        let path = fixture.file("t.csv", &format!("TelephoneNumber,PstnAssignmentStatus\n{column}"));
        teams.read_numbers(&path).unwrap();
        let column: String =
            listed.iter().map(|(n, more)| format!("12155550{n:03}-12155550{:03}\n", n + more)).collect();
        let path = fixture.file("i.csv", &format!("numbers\n{column}"));
        let inventory = Inventory::read(&[("x".into(), path)]).unwrap();
        let tell_all = || {
            let mut observed = Observed::new(NOW);
            for (n, days, trunk, level) in &calls {
                let trunk = ["teams", "dialer", "unknown", "second"][*trunk];
                let orig = if *n < 92 { "alice".to_owned() } else { format!("12155550{n:03}") };
                tell(&mut observed, &orig, &[(*days, trunk, ["A", "B", "C", "-", "div"][*level], "")]);
            }
            observed
        };
        let mut expected: Vec<u64> = teams_numbers.iter().map(|n| 12_155_550_000 + n).collect();
        expected.extend(rights.iter().flat_map(|(first, more, _)| *first..=first + more).map(|n| 12_155_550_000 + n));
        expected.extend(listed.iter().flat_map(|(n, more)| *n..=n + more).map(|n| 12_155_550_000 + n));
        expected.extend(calls.iter().filter(|(n, ..)| *n >= 92).map(|(n, ..)| 12_155_550_000 + n));
        expected.sort_unstable();
        expected.dedup();
        let none = Generations::default();
        let is_held = |n: u64| rights.iter().any(|(first, more, _)| (*first..=first + more).contains(&n));
        let levels_on_second = |n: u64| {
            let of = calls.iter().filter(move |(of, _, trunk, level)| (*of, *trunk) == (n, 3) && *level < 4);
            of.map(|(.., level)| *level)
        };
        let is_shown = |n: &u64| {
            is_held(*n) && levels_on_second(*n).next().is_some() && levels_on_second(*n).all(|level| level > 0)
        };
        let shown = (92..210).filter(is_shown).count() as u64;
        for by in [By::Number, By::Range, By::Trunk, By::Customer, By::Site] {
            let report = report(&fixture.policy, tell_all(), &teams, Some(&inventory), &none, by);
            let mut sum = *report.observed().unnumbered();
            let (mut count, mut of_others) = (0, 0);
            for row in report.rows() {
                sum.add(&row.counts);
                *if row.holder.is_empty() { &mut count } else { &mut of_others } += row.count;
            }
            prop_assert_eq!(&sum, report.counts());
            prop_assert_eq!(sum.calls(), calls.len() as u64);
            prop_assert_eq!((count, of_others), (expected.len() as u64, shown));
            let by_state: u64 = State::ALL.iter().map(|state| report.numbers(*state)).sum();
            prop_assert_eq!(by_state, count + of_others);
            if matches!(by, By::Number | By::Range) {
                let mut held: Vec<u64> = own(&report).flat_map(|row| row.numbers.0..=row.numbers.1).collect();
                held.sort_unstable();
                prop_assert_eq!(&held, &expected);
            }
        }
    }
}
