//! Somebody shows the number of somebody else.

use super::*;

/// The state of the number, and the rows beside it.
fn told(number: u64, calls: Calls<'_>) -> ((State, String), Vec<Row>) {
    told_by(&Fixture::new(RIGHTS), number, calls)
}

fn told_by(fixture: &Fixture, number: u64, calls: Calls<'_>) -> ((State, String), Vec<Row>) {
    let (teams, none) = (Teams::default(), Generations::default());
    let mut observed = Observed::new(NOW);
    let number = 12_155_550_000 + number;
    tell(&mut observed, &number.to_string(), calls);
    let report = report(&fixture.policy, observed, &teams, None, &none, By::Number);
    let own = row_of(&report, number);
    let others: Vec<Row> = report.rows().filter(|row| !row.holder.is_empty()).collect();
    assert!(others.iter().all(|row| row.numbers == (number, number)));
    let calls_told: u64 = others.iter().map(|row| row.counts.calls()).sum();
    assert_eq!(own.counts.calls() + calls_told, calls.len() as u64);
    ((own.state, own.reason), others)
}

const A: (i64, &str, &str, &str) = (9, "teams", "A", "RIGHT_OK");
const SHOWN: (i64, &str, &str, &str) = (1, "second", "B", "RIGHT_OTHER_CUSTOMER");

#[test]
fn whoever_shows_a_number_does_not_take_a_from_its_holder() {
    let (own, others) = told(100, &[A, A, A, SHOWN, SHOWN]);
    assert_eq!(own, (State::Ok, "A_SEEN".to_owned()));
    let [row] = others.as_slice() else { panic!("{others:?}") };
    assert_eq!((row.state, row.reason.as_str()), (State::AtRisk, "SHOWN_BY_OTHER_CUSTOMER"));
    assert_eq!(
        (row.trunk.as_str(), row.customer.as_str(), row.holder.as_str()),
        ("second", "second", "acme")
    );
    assert_eq!((row.counts.calls(), row.observed, row.best), (2, Some(Level::B), Level::A));
    assert_eq!(row.since.map(stamp).as_deref(), Some("2026-05-30T23:59:59Z"));
    let (owner, action) = row.remedy();
    assert_eq!(owner, Owner::NumberManager);
    assert_eq!(
        action,
        "ask acme whether second may use the number; enter a right only with evidence of acme, else stop the \
         calls at the SBC of second"
    );
    // Whatever else is wrong with the calls, and however many they are.
    for reason in ["RIGHT_OTHER_CUSTOMER", "CUST_EXPIRED", "RULE_CAP", "CAPPED_BY_REQUEST", ""] {
        let (own, others) = told(100, &[A, (8, "second", "C", reason), (1, "second", "-", reason)]);
        assert_eq!(own, (State::Ok, "A_SEEN".to_owned()), "{reason}");
        assert_eq!(others[0].reason, "SHOWN_BY_OTHER_CUSTOMER", "{reason}");
    }
}

/// An enterprise is a customer of each of its carriers. What fails over from one to the other has lost A.
#[test]
fn a_customer_of_another_provider_is_no_stranger() {
    let fixture = Fixture::edited(RIGHTS, |text| {
        let text = text.replace("second,example-telecom", "second,other-telecom");
        let (other, of) =
            ("[[provider]]\nid = \"other-telecom\"\nspc = \"5678\"\nprofile = \"us\"\n", "[[trunk]]");
        let text = text.replacen(of, &format!("{other}{of}"), 1);
        let second = "name = \"second\"\nprovider = \"";
        text.replace(&format!("{second}example-telecom"), &format!("{second}other-telecom"))
    });
    let (own, others) = told_by(&fixture, 100, &[A, A, A, SHOWN]);
    assert_eq!(own, (State::Lost, "RIGHT_OTHER_CUSTOMER".to_owned()));
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn the_calls_of_the_holder_alone_decide() {
    for (number, calls, state, reason) in [
        // None of them are its own.
        (100, &[SHOWN][..], State::Unused, "NO_CALLS"),
        (112, &[SHOWN], State::Lost, "RIGHT_EXPIRED"),
        (100, &[A, (5, "teams", "B", "CUST_EXPIRED"), SHOWN], State::Lost, "CUST_EXPIRED"),
        (114, &[(5, "teams", "B", "RIGHT_PARTIAL"), SHOWN], State::NeverA, "RIGHT_PARTIAL"),
        (111, &[A, SHOWN], State::AtRisk, "EVIDENCE_EXPIRED"),
    ] {
        let (own, others) = told(number, calls);
        assert_eq!((own.0, own.1.as_str(), others.len()), (state, reason, 1), "{number} {calls:?}");
    }
}

#[test]
fn what_others_show_is_told_apart() {
    // A right that was taken away is a loss.
    let (own, others) = told(100, &[(9, "second", "A", "RIGHT_OK"), SHOWN]);
    assert_eq!((own, others.len()), ((State::Lost, "RIGHT_OTHER_CUSTOMER".to_owned()), 0));
    // A number that nobody holds is nobody else's, nor one that has gone.
    let (own, others) = told(160, &[(1, "second", "B", "RIGHT_NONE")]);
    assert_eq!((own, others.len()), ((State::NeverA, "RIGHT_NONE".to_owned()), 0));
    let (own, others) = told(113, &[(1, "second", "B", "PORTED_OUT")]);
    assert_eq!((own, others.len()), ((State::NeverA, "PORTED_OUT".to_owned()), 0));
    // What was signed as diverted shows nothing.
    assert!(told(100, &[A, (1, "second", "div", "DIV_ADDED")]).1.is_empty());
    // What was forwarded needs a div, and what came from elsewhere no right.
    let (own, others) =
        told(100, &[A, (1, "second", "B", "DIV_CALLER"), (1, "gateway", "C", "NOT_ORIGINATING")]);
    assert_eq!(own, (State::Ok, "A_SEEN".to_owned()));
    let told: Vec<_> = others.iter().map(|row| (row.reason.as_str(), row.customer.as_str())).collect();
    assert_eq!(told, [("FORWARDED_WITHOUT_DIV", "second"), ("NOT_ORIGINATING", "")]);
    assert!(others.iter().all(|row| row.holder == "acme" && row.state == State::AtRisk));
}

/// Rows that are put together name one holder, and neighbours are one range.
#[test]
fn rows_name_one_trunk_and_one_holder() {
    let fixture = Fixture::new(RIGHTS);
    let (teams, none) = (Teams::default(), Generations::default());
    for (by, expected) in [
        (By::Range, &[(100, 102, "acme"), (130, 130, "lapsed")]),
        (By::Trunk, &[(100, 102, "acme"), (130, 130, "lapsed")]),
        (By::Customer, &[(100, 102, "acme"), (130, 130, "lapsed")]),
        (By::Site, &[(100, 102, "acme"), (130, 130, "lapsed")]),
    ] {
        let mut observed = Observed::new(NOW);
        for number in [100, 101, 102, 130] {
            tell(&mut observed, &format!("12155550{number}"), &[SHOWN]);
        }
        let report = report(&fixture.policy, observed, &teams, None, &none, by);
        let rows = report.rows().filter(|row| !row.holder.is_empty());
        let found: Vec<_> = rows
            .map(|row| (row.numbers.0 - 12_155_550_000, row.numbers.1 - 12_155_550_000, row.holder))
            .collect();
        let found: Vec<_> =
            found.iter().map(|(first, last, holder)| (*first, *last, holder.as_str())).collect();
        assert_eq!(found, expected, "{by:?}");
        assert_eq!(report.totals().find(|(_, reason, _)| *reason == "SHOWN_BY_OTHER_CUSTOMER").unwrap().2, 4);
    }
}
