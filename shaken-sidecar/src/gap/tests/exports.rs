//! What exports show, and what is wrong with them.

use super::*;

/// Each class of gap that exports show.
#[test]
fn states_by_exports() {
    let fixture = Fixture::new(RIGHTS);
    let mut teams = Teams::default();
    // The second form of each file is JSON.
    let numbers = fixture.file(
        "numbers.csv",
        "\u{feff}#TYPE Example\nTelephoneNumber,NumberType,PstnAssignmentStatus,City,OnlineVoiceRoutingPolicy\n\
         +12155550100,DirectRouting,UserAssigned,Philadelphia,\n\
         tel:+12155550101;ext=1,DirectRouting,UserAssigned,,Tag:Nowhere\n\
         +12155550102,DirectRouting,UserAssigned,,\n\
         +12155550110,DirectRouting,UserAssigned,,Tag:Two\n\
         +12155550115,DirectRouting,UserAssigned,,\n\
         +12155550140,DirectRouting,UserAssigned,,\n\
         +12155550141,DirectRouting,Unassigned,,\n\
         +12155550142,CallingPlan,UserAssigned,,\n",
    );
    teams.read_numbers(&numbers).unwrap();
    teams
        .read_usages(&fixture.file(
            "usages.json",
            r#"[{"Identity":"Global","OnlinePstnUsages":["Main"]},{"Identity":"Tag:Two","OnlinePstnUsages":["Main","Spare"]}]"#,
        ))
        .unwrap();
    let routes = fixture.file(
        "routes.json",
        r#"[{"Priority":0,"OnlinePstnUsages":["Main"],"OnlinePstnGatewayList":["sbc1.example.com"]},
            {"Priority":1,"OnlinePstnUsages":["Spare"],"OnlinePstnGatewayList":["dialer"]}]"#,
    );
    let gateways = [("sbc1.example.com".to_owned(), "teams".to_owned())];
    teams.read_routes(&routes, &gateways, &fixture.policy).unwrap();
    let list =
        fixture.file("inventory.csv", "numbers,carrier,note\n12155550100-12155550119,,x\n12155550150,,\n");
    let inventory = Inventory::read(&[("example-telecom".to_owned(), list)]).unwrap();
    let none = Generations::default();
    let ok: Calls<'_> = &[(1, "teams", "A", "RIGHT_OK")];
    let cases: &[(u64, Calls<'_>, State, &str)] = &[
        (100, ok, State::Ok, "A_SEEN"),
        (101, &[], State::NeverA, "NO_TEAMS_ROUTE"),
        (101, ok, State::AtRisk, "NO_TEAMS_ROUTE"),
        (102, &[], State::Unused, "NO_CALLS"),
        (110, ok, State::AtRisk, "FAILOVER_BELOW_A"),
        (115, &[], State::NeverA, "RIGHT_NOT_ON_TRUNK"),
        (115, &[(1, "dialer", "A", "RIGHT_OK")], State::AtRisk, "RIGHT_NOT_ON_TRUNK"),
        (130, &[], State::Surplus, "IN_NO_EXPORT"),
        (140, &[], State::NeverA, "IN_TEAMS_NO_RIGHT"),
        (140, &[(1, "teams", "B", "RIGHT_NONE")], State::NeverA, "IN_TEAMS_NO_RIGHT"),
        (141, &[], State::Unused, "NO_CALLS"),
        (143, &[(1, "teams", "B", "RIGHT_NONE")], State::NeverA, "CALLER_ID_NOT_IN_TEAMS"),
        (143, &[(1, "open", "B", "RIGHT_NONE")], State::NeverA, "RIGHT_NONE"),
        (144, &[(1, "other", "A", "AS_REQUESTED")], State::AtRisk, "NOT_IN_INVENTORY"),
        (150, &[], State::Unused, "IN_INVENTORY_NO_RIGHT"),
    ];
    for (number, calls, state, reason) in cases {
        let number = 12_155_550_000 + number;
        let mut observed = Observed::new(NOW);
        tell(&mut observed, &number.to_string(), calls);
        let report = report(&fixture.policy, observed, &teams, Some(&inventory), &none, By::Number);
        let row = row_of(&report, number);
        assert_eq!((row.state, row.reason.as_str()), (*state, *reason), "{number}");
    }
    let report = report(&fixture.policy, Observed::new(NOW), &teams, Some(&inventory), &none, By::Number);
    let row = row_of(&report, 12_155_550_115);
    assert_eq!((row.best, row.teams), (Level::A, Some(Level::B)));
    assert_eq!(row_of(&report, 12_155_550_100).site, "Philadelphia");
    assert_eq!(report.passed_over(), 1);
    assert!(report.rows().all(|row| row.numbers.0 != 12_155_550_142), "not Direct Routing's");
}

/// Each wrong row is named by its line, in both forms.
#[test]
fn wrong_rows_of_exports_are_named() {
    let fixture = Fixture::new(RIGHTS);
    let told = |error: LoadErrorText| error.0;
    let numbers = |name: &str, text: &str| {
        let mut teams = Teams::default();
        told(LoadErrorText::of(teams.read_numbers(&fixture.file(name, text)).unwrap_err()))
    };
    let csv = numbers("a.csv", "TelephoneNumber\n+12155550100\nalice\n+12155550101\n012\n");
    assert!(csv.contains("a.csv:3: ") && csv.contains("a.csv:5: ") && csv.lines().count() == 2, "{csv}");
    let json = numbers("a.json", "[\n{\"TelephoneNumber\":\"+12155550100\"},\n{\"Number\":1}]");
    assert!(json.contains("a.json:3: member TelephoneNumber is missing"), "{json}");
    let broken = numbers("b.json", "[{\"TelephoneNumber\":\"+12155550100\"},\n {\"Teleph");
    assert!(broken.contains("b.json:2: there is no JSON object here"), "{broken}");
    let header = numbers("b.csv", "Number\n+12155550100\n");
    assert!(header.contains("b.csv:1: column TelephoneNumber is missing"), "{header}");
    let mut teams = Teams::default();
    let routes = fixture.file("r.csv", "OnlinePstnGatewayList,Priority\nsbc9.example.com,0\nteams,x\n");
    let routes = LoadErrorText::of(teams.read_routes(&routes, &[], &fixture.policy).unwrap_err()).0;
    assert!(
        routes.contains("--teams-trunk sbc9.example.com=TRUNK") && routes.contains("r.csv:3: "),
        "{routes}"
    );
    let list = fixture.file("i.csv", "numbers\n1215555*\n12155550109-12155550100\n");
    let list = LoadErrorText::of(Inventory::read(&[("x".into(), list)]).unwrap_err()).0;
    assert!(list.contains("i.csv:3: "), "{list}");
}

struct LoadErrorText(String);

impl LoadErrorText {
    fn of(error: crate::policy::data::LoadError) -> Self {
        Self(error.to_string())
    }
}
