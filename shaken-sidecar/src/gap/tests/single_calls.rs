//! Calls that are below A for whom they call or what they ask for.

use super::*;

type One = (i64, &'static str, &'static str, &'static str);
/// State, reason and since when.
type Told = (State, &'static str, &'static str);

fn state(number: u64, calls: &[One]) -> (State, String, String) {
    let fixture = Fixture::new(RIGHTS);
    let (teams, none) = (Teams::default(), Generations::default());
    let mut observed = Observed::new(NOW);
    let number = 12_155_550_000 + number;
    tell(&mut observed, &number.to_string(), calls);
    let report = report(&fixture.policy, observed, &teams, None, &none, By::Number);
    let row = row_of(&report, number);
    assert_eq!(row.counts.calls(), calls.len() as u64);
    (row.state, row.reason, row.since.map(stamp).unwrap_or_default())
}

const A: One = (9, "teams", "A", "RIGHT_OK");
const CAPPED: One = (8, "teams", "B", "RULE_CAP");
const BLOCKED: One = (8, "teams", "-", "RULE_BLOCK");
const LESS: One = (7, "teams", "C", "CAPPED_BY_REQUEST");
const FAILED: One = (6, "teams", "-", "");
const DIALED: One = (7, "dialer", "C", "CAPPED_BY_REQUEST");
const DAY_LESS: &str = "2026-05-24T23:59:59Z";
const DAY_FAILED: &str = "2026-05-25T23:59:59Z";

#[test]
fn one_call_does_not_make_a_number_lost_or_found() {
    let ok = (State::Ok, "A_SEEN", "");
    let lost = (State::Lost, "CAPPED_BY_REQUEST", DAY_LESS);
    let failed = (State::Lost, "KEY_UNAVAILABLE", DAY_FAILED);
    let cases: &[(&[One], Told)] = &[
        (&[A, A, A, A, A, CAPPED, CAPPED], ok),
        (&[A, CAPPED, CAPPED, CAPPED, CAPPED, CAPPED, CAPPED, CAPPED], ok),
        (&[A, LESS], ok),
        (&[A, LESS, LESS, LESS, LESS], ok),
        (&[A, LESS, LESS, LESS, LESS, A, LESS], ok),
        // All ask for less.
        (&[A, LESS, LESS, LESS, LESS, LESS], lost),
        (&[A, LESS, LESS, LESS, LESS, LESS, A], ok),
        // What a rule does says nothing of that.
        (&[A, LESS, LESS, BLOCKED, LESS, LESS, CAPPED, LESS], lost),
        (&[A, LESS, LESS, LESS, LESS, LESS, CAPPED, BLOCKED], lost),
        // Nor do such calls hide another loss, until all ask for less.
        (&[A, FAILED, BLOCKED], failed),
        (&[A, FAILED, CAPPED, CAPPED, CAPPED, CAPPED, CAPPED, CAPPED], failed),
        (&[A, FAILED, LESS, LESS, LESS, LESS], failed),
        (&[A, FAILED, LESS, LESS, LESS, LESS, FAILED, LESS], failed),
        (&[A, FAILED, LESS, LESS, LESS, LESS, LESS], (State::Lost, "CAPPED_BY_REQUEST", DAY_FAILED)),
        // On another trunk, which never gave more.
        (&[A, DIALED], ok),
        (&[A, (5, "dialer", "-", "RULE_BLOCK")], ok),
        (&[A, DIALED, DIALED, DIALED, DIALED, DIALED], lost),
        // Where no call had A there is nothing to compare with.
        (&[LESS], (State::NeverA, "CAPPED_BY_REQUEST", "")),
        (&[CAPPED], (State::NeverA, "RULE_CAP", "")),
    ];
    for (calls, (expected, reason, since)) in cases {
        let found = state(100, calls);
        assert_eq!(found, (*expected, (*reason).to_owned(), (*since).to_owned()), "{calls:?}");
    }
    let both = [A, DIALED, DIALED, DIALED, DIALED, DIALED, (1, "teams", "A", "")];
    assert_eq!(state(100, &both).1, "LOWER_ON_OTHER_TRUNK");
}

#[test]
fn a_rule_about_the_number_itself_takes_a_from_it() {
    let lost = |reason: &str| (State::Lost, reason.to_owned(), "2026-05-23T23:59:59Z".to_owned());
    assert_eq!(state(109, &[A, CAPPED]), lost("RULE_CAP"));
    assert_eq!(state(109, &[A, CAPPED, LESS]), lost("RULE_CAP"));
    // It has lost its right since: on 20 May.
    let calls =
        [(15, "teams", "A", ""), (8, "teams", "B", "RULE_CAP"), (7, "teams", "C", "CAPPED_BY_REQUEST")];
    assert_eq!(state(112, &calls), lost("RIGHT_EXPIRED"));
}

/// The row is counted on as far as there is room for it.
#[test]
fn many_calls_that_ask_for_less_are_still_many() {
    let mut calls = vec![A];
    calls.extend([LESS; 300]);
    assert_eq!(state(100, &calls).0, State::Lost);
}
