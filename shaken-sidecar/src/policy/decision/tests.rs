//! Each reason, and what no call and no policy can bring about.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

mod narrower;

use super::*;
use crate::lab::TnEntryDer;
use crate::policy::data::{Auth, Basis, Credential, KeyState, Loader, MaxLevel, Role, VettingState};
use crate::policy::fixture::{CUSTOMERS, NOW, TOML, files, load, policy, with_key};
use crate::policy::numbers::E164;

fn tn(digits: &str) -> TelephoneNumber {
    TelephoneNumber::parse(digits).unwrap()
}

fn facts<'c>(policy: &'c Policy, trunk: &str, orig: &str) -> Facts<'c> {
    Facts { trunk: policy.trunk(trunk), ..Facts::new(Caller::Number(tn(orig))) }
}

/// Outcome with level, and reason, of a call from a trunk and number.
fn of(decision: &Decision<'_>) -> (&'static str, Option<Attest>, &'static str) {
    (decision.outcome().name(), decision.attest(), decision.reason().name())
}

#[test]
fn the_right_to_the_number_decides() {
    let policy = policy();
    for (trunk, orig, level, reason, rule) in [
        ("teams", "12155550100", Attest::A, "RIGHT_OK", "right customer=\"acme\" basis=\"assigned\""),
        ("teams", "12155550110", Attest::B, "EVIDENCE_EXPIRED", "trunk \"teams\""),
        (
            "teams",
            "12155550111",
            Attest::A,
            "RIGHT_OK",
            "right customer=\"acme\" basis=\"loa\" evidence=loa-1",
        ),
        ("dialer", "12155550111", Attest::B, "RIGHT_NOT_ON_TRUNK", "trunk \"dialer\""),
        ("teams", "12155550112", Attest::B, "EVIDENCE_MISSING", "trunk \"teams\""),
        ("teams", "12155550113", Attest::B, "RIGHT_EXPIRED", "trunk \"teams\""),
        ("teams", "12155550114", Attest::B, "RIGHT_NOT_YET", "trunk \"teams\""),
        ("teams", "12155550115", Attest::B, "RIGHT_PARTIAL", "right customer=\"acme\" basis=\"assigned\""),
        ("teams", "12155550116", Attest::B, "PORTED_OUT", "trunk \"teams\""),
        ("teams", "12155550117", Attest::B, "DELEGATE_ABSENT", "trunk \"teams\""),
        ("teams", "12155550118", Attest::B, "RIGHT_OTHER_CUSTOMER", "trunk \"teams\""),
        ("teams", "12155550120", Attest::A, "RIGHT_OK", "right customer=\"branch\" basis=\"assigned\""),
        ("teams", "12155550121", Attest::B, "HOLDER_UNVETTED", "trunk \"teams\""),
        ("teams", "12155550140", Attest::B, "RIGHT_NONE", "trunk \"teams\""),
        ("teams", "442079460000", Attest::B, "RIGHT_NONE", "trunk \"teams\""),
        ("lapsed", "12155550130", Attest::B, "CUST_EXPIRED", "customer \"lapsed\" kyc"),
        ("open", "12155550100", Attest::C, "TRUNK_UNAUTHENTICATED", "trunk \"open\""),
        ("transit", "12155550100", Attest::C, "NOT_ORIGINATING", "trunk \"transit\""),
        ("capped", "12155550100", Attest::C, "CAPPED_BY_TRUNK", "trunk \"capped\" cap = \"C\""),
        ("judged", "12155550100", Attest::C, "CAPPED_BY_REQUEST", "trunk \"judged\""),
        ("dialer", "12155550100", Attest::B, "RULE_CAP", "rule \"campaign\""),
    ] {
        let facts = facts(&policy, trunk, orig);
        let decision = decide(&policy, &facts, NOW);
        assert_eq!(of(&decision), ("sign", Some(level), reason), "{trunk} {orig}");
        assert_eq!(decision.rule().to_string(), rule, "{trunk} {orig}");
        assert_eq!(decision.decided_by(), Some("example-telecom"));
        assert_eq!(decision.generation(), policy.generation().id());
        assert_eq!(decision.certificate().map(|used| used.id.as_str()), Some("main"));
        assert!(decision.trail().iter().any(|step| step.reason == decision.reason()));
    }
}

/// A right is the customer's, and counts as far as it is known who they are.
#[test]
fn vetting_bounds_what_a_right_gives() {
    let (dir, path) = files();
    for (kyc, profile, level, reason) in [
        ("verified,,", "us", Attest::A, "RIGHT_OK"),
        ("none,,", "us", Attest::C, "CUST_UNVETTED"),
        ("pending,,", "us", Attest::C, "CUST_UNVETTED"),
        // Verified from a day on that has not come.
        ("verified,2026-07-01,", "us", Attest::C, "CUST_UNVETTED"),
        ("expired,,", "us", Attest::B, "CUST_EXPIRED"),
        ("verified,,2026-03-31", "ca", Attest::B, "CUST_EXPIRED"),
        ("expired,,", "fr", Attest::C, "CUST_EXPIRED"),
        ("revoked,,", "us", Attest::C, "CUST_REVOKED"),
        ("revoked,,", "fr", Attest::C, "CUST_REVOKED"),
    ] {
        let customers = CUSTOMERS.replace("verified,,2026-03-31", kyc);
        std::fs::write(dir.path().join("customers.csv"), customers).unwrap();
        let toml = TOML.replace("profile = \"us\"", &format!("profile = \"{profile}\""));
        std::fs::write(&path, toml).unwrap();
        let policy = load(&path);
        let decision = decide(&policy, &facts(&policy, "lapsed", "12155550130"), NOW);
        assert_eq!((decision.attest(), decision.reason().name()), (Some(level), reason), "{kyc} {profile}");
    }
}

#[test]
fn what_is_found_later_is_in_the_trail() {
    let policy = policy();
    let facts = facts(&policy, "open", "12155550113");
    let decision = decide(&policy, &facts, NOW);
    let names: Vec<_> = decision.trail().iter().map(|step| step.reason.name()).collect();
    assert_eq!(names, ["TRUNK_UNAUTHENTICATED", "RIGHT_EXPIRED", "CERT_OK"]);
}

#[test]
fn a_delegate_certificate_is_evidence_when_the_call_shows_it() {
    let policy = policy();
    let call = facts(&policy, "teams", "12155550117");
    let shown = Facts { delegates: &[[1; 32], [0xab; 32]], ..call.clone() };
    assert_eq!(of(&decide(&policy, &shown, NOW)), ("sign", Some(Attest::A), "DELEGATE_OK"));
    let another = Facts { delegates: &[[0xac; 32]], ..call };
    assert_eq!(of(&decide(&policy, &another, NOW)), ("sign", Some(Attest::B), "DELEGATE_ABSENT"));
    let no_right = Facts { delegates: &[[1; 32], [0xab; 32]], ..facts(&policy, "teams", "12155550140") };
    assert_eq!(of(&decide(&policy, &no_right, NOW)).2, "RIGHT_NONE");
}

#[test]
fn numbers_that_cannot_call_are_stopped_first() {
    let policy = policy();
    let orig = |orig| Facts { orig, ..facts(&policy, "teams", "12155550100") };
    for (facts, expected) in [
        (orig(Caller::Anonymous), ("unsigned", None, "TN_ANONYMOUS")),
        (orig(Caller::Invalid), ("unsigned", None, "TN_INVALID")),
        (orig(Caller::Number(tn("1215555010"))), ("unsigned", None, "TN_INVALID")),
        (orig(Caller::Number(tn("*67"))), ("unsigned", None, "TN_INVALID")),
        (orig(Caller::Number(tn("12155550190"))), ("block", None, "DNO_LISTED")),
        (orig(Caller::Number(tn("12155550191"))), ("block", None, "TN_UNALLOCATED")),
        (Facts { trunk: None, ..orig(Caller::Anonymous) }, ("unsigned", None, "TRUNK_UNKNOWN")),
        (
            Facts { ppt: Ppt::Div, ..facts(&policy, "dialer", "12155550100") },
            ("unsigned", None, "PPT_NOT_ALLOWED"),
        ),
        (
            Facts { ppt: Ppt::Rph, ..facts(&policy, "teams", "12155550100") },
            ("priority", None, "PRIORITY_ALLOWED"),
        ),
    ] {
        assert_eq!(of(&decide(&policy, &facts, NOW)), expected);
    }
    let premium = [tn("19005550100")];
    let facts = Facts { dest: &premium, ..facts(&policy, "teams", "12155550100") };
    assert_eq!(of(&decide(&policy, &facts, NOW)), ("block", None, "RULE_BLOCK"));
}

#[test]
fn calls_that_came_signed_are_treated_as_the_trunk_says() {
    let policy = policy();
    let of_trunk = |trunk, received| {
        let facts = Facts { received, ..facts(&policy, trunk, "12155550100") };
        of(&decide(&policy, &facts, NOW))
    };
    assert_eq!(of_trunk("teams", Received::Others), ("unsigned", None, "PASSED_THROUGH"));
    assert_eq!(of_trunk("teams", Received::Ours), ("unsigned", None, "DUP_AVOIDED"));
    assert_eq!(of_trunk("gateway", Received::None), ("block", None, "UNSIGNED_BLOCKED"));
    assert_eq!(of_trunk("gateway", Received::Others), ("unsigned", None, "PASSED_THROUGH"));
    assert_eq!(of_trunk("gateway", Received::OtherCalls), ("block", None, "UNSIGNED_BLOCKED"));
    assert_eq!(of_trunk("teams", Received::OtherCalls), ("unsigned", None, "PASSED_THROUGH"));
    let replaced = of_trunk("open", Received::Others);
    assert_eq!(replaced, ("sign", Some(Attest::C), "TRUNK_UNAUTHENTICATED"));
}

#[test]
fn a_diversion_is_added_by_who_may_use_the_number_that_diverted() {
    let policy = policy();
    let call = |orig, diverting, received| Facts {
        diverting: Some(tn(diverting)),
        received,
        ..facts(&policy, "teams", orig)
    };
    for (orig, diverting, received, expected) in [
        ("12125550142", "12155550100", Received::Others, ("divert", None, "DIV_ADDED")),
        ("12125550142", "12155550140", Received::Others, ("unsigned", None, "PASSED_THROUGH")),
        ("12125550142", "12155550100", Received::None, ("sign", Some(Attest::B), "DIV_CALLER")),
        ("12125550142", "12155550140", Received::None, ("sign", Some(Attest::C), "DIV_NO_RIGHT")),
        ("12125550142", "12155550110", Received::None, ("sign", Some(Attest::C), "DIV_NO_RIGHT")),
        ("12155550101", "12155550100", Received::None, ("sign", Some(Attest::A), "RIGHT_OK")),
    ] {
        assert_eq!(
            of(&decide(&policy, &call(orig, diverting, received), NOW)),
            expected,
            "{orig} {diverting}"
        );
    }
    let asked = Facts { ppt: Ppt::Div, ..call("12125550142", "12155550140", Received::Others) };
    assert_eq!(of(&decide(&policy, &asked, NOW)), ("unsigned", None, "DIV_NO_RIGHT"));
}

#[test]
fn emergency_calls_are_never_blocked() {
    let policy = policy();
    let dest = [tn("911")];
    for (trunk, orig, expected) in [
        ("teams", "12155550190", ("sign", Some(Attest::C), "DNO_LISTED")),
        ("teams", "12155550191", ("sign", Some(Attest::C), "TN_UNALLOCATED")),
        ("teams", "12155550100", ("sign", Some(Attest::A), "RIGHT_OK")),
        ("gateway", "12155550100", ("unsigned", None, "UNSIGNED_BLOCKED")),
    ] {
        let facts = Facts { dest: &dest, ..facts(&policy, trunk, orig) };
        let decision = decide(&policy, &facts, NOW);
        assert_eq!(of(&decision), expected, "{trunk} {orig}");
        assert!(decision.is_emergency());
        assert_eq!(decision.trail()[0].reason, Reason::Emergency);
    }
}

#[test]
fn without_a_certificate_that_may_nothing_is_signed() {
    let (_dir, path) = files();
    let bare = || Loader::new(&path).load(NOW).unwrap();
    let others = TnEntryDer::one("12155550101").unwrap();
    let own = TnEntryDer::spc("1234").unwrap();
    for (policy, now, reason) in [
        (bare(), NOW, "KEY_UNAVAILABLE"),
        (with_key(bare(), &own, KeyState::Unavailable), NOW, "KEY_UNAVAILABLE"),
        (with_key(bare(), &others, KeyState::Ready), NOW, "CERT_NOT_COVERING"),
        (with_key(bare(), &own, KeyState::Ready), NOW + 365 * 86_400, "CERT_EXPIRED"),
    ] {
        let facts = facts(&policy, "teams", "12155550100");
        assert_eq!(of(&decide(&policy, &facts, now)), ("unsigned", None, reason));
    }
}

#[test]
fn modes_choose_who_acts() {
    let (policy, other) = (policy(), policy());
    let calls = [facts(&policy, "teams", "12155550100"), facts(&policy, "teams", "12155550140")];
    let [good, bad] = calls.map(|facts| decide(&policy, &facts, NOW));
    let same = decide(&other, &facts(&policy, "teams", "12155550100"), NOW);
    let acts = |mode: &Mode, candidate: Option<(&Decision<'_>, &Mode)>| {
        let Acting { acts, told } = acting((&good, mode), candidate, Some("teams"), "12155550100");
        (acts.and_then(Decision::attest), told.and_then(Decision::attest))
    };
    let all = Mode::Canary(Share::new(10_000, Vec::new()));
    let none = Mode::Canary(Share::new(0, Vec::new()));
    let trunk = Mode::Canary(Share::new(0, vec!["teams".into()]));
    let (a, b) = (Some(Attest::A), Some(Attest::B));
    assert_eq!(acts(&Mode::Enforce, None), (a, None));
    assert_eq!(acts(&Mode::Observe, None), (None, a));
    assert_eq!(acts(&Mode::Observe, Some((&bad, &all))), (None, b));
    assert_eq!(acts(&Mode::Enforce, Some((&bad, &Mode::Shadow))), (a, b));
    assert_eq!(acts(&Mode::Enforce, Some((&same, &Mode::Shadow))), (a, None));
    assert_eq!(acts(&Mode::Enforce, Some((&bad, &all))), (b, a));
    assert_eq!(acts(&Mode::Enforce, Some((&bad, &trunk))), (b, a));
    assert_eq!(acts(&Mode::Enforce, Some((&bad, &none))), (a, b));
    let share = Share::new(2_500, Vec::new());
    let hits = (0..10_000).filter(|i| share.has(None, &format!("1215555{i:04}"))).count();
    assert!((2_300..2_700).contains(&hits), "{hits}");
}

#[test]
fn reasons_have_one_name_each() {
    let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        let spelled = format!("{reason:?}").chars().fold(String::new(), |mut name, c| {
            if c.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(c.to_ascii_uppercase());
            name
        });
        assert_eq!(reason.name(), spelled);
        assert!(!reason.meaning().is_empty());
    }
}

const TRUNKS: [&str; 9] =
    ["teams", "dialer", "open", "gateway", "lapsed", "capped", "judged", "transit", "unknown"];

#[derive(Clone, Debug)]
struct Made {
    trunk: usize,
    orig: Caller,
    dest: Vec<TelephoneNumber>,
    diverting: Option<TelephoneNumber>,
    received: Received,
    ppt: Ppt,
    requested: Option<Attest>,
    delegate: Option<[u8; 32]>,
    now: i64,
}

impl Made {
    fn facts<'c>(&'c self, policy: &'c Policy) -> Facts<'c> {
        Facts {
            trunk: policy.trunk(TRUNKS[self.trunk]),
            dest: &self.dest,
            diverting: self.diverting,
            received: self.received,
            ppt: self.ppt,
            requested: self.requested,
            delegates: self.delegate.as_slice(),
            ..Facts::new(self.orig)
        }
    }
}

fn a_tn() -> impl Strategy<Value = TelephoneNumber> {
    prop_oneof![
        9 => (12_155_550_095..12_155_550_200_u64).prop_map(|value| tn(&value.to_string())),
        1 => prop::sample::select(vec!["911", "19005550100", "0123", "1215555010", "442079460000"]).prop_map(tn),
    ]
}

fn a_level() -> impl Strategy<Value = Option<Attest>> {
    prop::sample::select(vec![None, Some(Attest::A), Some(Attest::B), Some(Attest::C)])
}

fn a_call() -> impl Strategy<Value = Made> {
    let orig = prop_oneof![
        8 => a_tn().prop_map(Caller::Number),
        1 => prop::sample::select(vec![Caller::Anonymous, Caller::Invalid]),
    ];
    let received =
        prop_oneof![4 => Just(Received::None), 1 => Just(Received::Others), 1 => Just(Received::Ours)];
    let ppt = prop_oneof![8 => Just(Ppt::Shaken), 1 => Just(Ppt::Div), 1 => Just(Ppt::Rph)];
    let delegate = prop::sample::select(vec![None, Some([0xab; 32]), Some([1; 32])]);
    let what = (0..TRUNKS.len(), orig, prop::collection::vec(a_tn(), 0..3), prop::option::of(a_tn()));
    // Within the year of the certificate, but for the edges.
    let when = NOW - 200 * 86_400..NOW + 260 * 86_400;
    (what, received, ppt, a_level(), delegate, when).prop_map(
        |((trunk, orig, dest, diverting), received, ppt, requested, delegate, now)| Made {
            trunk,
            orig,
            dest,
            diverting,
            received,
            ppt,
            requested,
            delegate,
            now,
        },
    )
}

/// The highest first, then B, C, and no level at all.
fn rank(decision: &Decision<'_>) -> u8 {
    decision.attest().map_or(0, |attest| match attest {
        Attest::A => 3,
        Attest::B => 2,
        Attest::C => 1,
    })
}

fn check_a_has_a_right(policy: &Policy, call: &Made, decision: &Decision<'_>) {
    if decision.attest() != Some(Attest::A) {
        return;
    }
    // Asked anew, of the rows and not of the decision.
    let Caller::Number(orig) = call.orig else { panic!("A without a number: {call:?}") };
    let trunk = policy.trunk(TRUNKS[call.trunk]).unwrap();
    let customer = trunk.customer.unwrap();
    assert!(call.requested.is_none_or(|requested| requested == Attest::A), "{call:?}");
    assert_eq!((trunk.role, trunk.cap), (Role::Originate, Attest::A), "{call:?}");
    assert_ne!(trunk.auth, Auth::None, "{call:?}");
    let known = policy.vetting_of(policy.customer(customer).unwrap(), call.now);
    assert_eq!(known, VettingState::Verified, "{call:?}");
    let holds = |right: &Right| {
        let evidence = right.evidence.iter().map(|index| &policy.evidence()[*index as usize]);
        policy.is_under(right.customer, customer)
            && policy.are_verified_up_to(right.customer, customer, call.now)
            && right.max_level == MaxLevel::A
            && right.basis != Basis::PortedOut
            && right.valid_from.is_none_or(|from| from <= call.now)
            && right.valid_until.is_none_or(|until| call.now < until)
            && (right.trunks.is_empty() || right.trunks.contains(&trunk.index))
            && evidence.clone().all(|one| one.expires_at.is_none_or(|until| call.now < until))
            && (right.basis != Basis::DelegateCert || evidence.clone().any(|one| one.sha256 == call.delegate))
    };
    assert!(policy.rights_to(E164::of(&orig).unwrap()).any(holds), "{call:?}");
}

#[test]
fn explain_is_the_live_decision_and_a_never_comes_without_a_right_in_100_000_calls() {
    let (_dir, path) = files();
    let live = load(&path);
    let to = path.with_file_name("policy.shaken");
    Loader::new(&path).compile(&to, NOW).unwrap();
    // Who explains loads the compiled policy in another process, with the same certificate.
    let credential: Credential = live.providers()[0].certificates[0].credential.clone().unwrap();
    let explained =
        Loader::new(&to).load(NOW).unwrap().with_credential("example-telecom", "main", credential);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100_000 {
        let call = a_call().new_tree(&mut runner).unwrap().current();
        let facts = call.facts(&live);
        let one = decide(&live, &facts, call.now);
        let other = decide(&explained, &facts, call.now);
        assert_eq!(of(&one), of(&other), "{call:?}");
        assert_eq!((one.trail(), one.rule().to_string()), (other.trail(), other.rule().to_string()));
        assert_eq!(one.generation(), other.generation());
        assert!(!one.is_emergency() || one.outcome().name() != "block", "{call:?}");
        check_a_has_a_right(&live, &call, &one);
        seen.insert(one.reason().name());
        seen.extend(one.trail().iter().map(|step| step.reason.name()));
    }
    let missing: Vec<_> =
        Reason::ALL.iter().map(|reason| reason.name()).filter(|name| !seen.contains(name)).collect();
    // What this policy has no rows for.
    let absent =
        ["CUST_REVOKED", "RULE_UNSIGNED", "RULE_CERTIFICATE", "CERT_NOT_COVERING", "KEY_UNAVAILABLE"];
    assert_eq!(missing, absent);
}

fn edited(toml: (&str, &str), customers: (&str, &str), evidence: (&str, &str)) -> Policy {
    let (dir, path) = files();
    for (name, (from, to)) in
        [("policy.toml", toml), ("customers.csv", customers), ("evidence.csv", evidence)]
    {
        let file = dir.path().join(name);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    }
    load(&path)
}

const AS_IT_IS: (&str, &str) = ("", "");

/// `div` and `rph` have no level that could say how little the customer's word counts.
#[test]
fn what_has_no_level_is_signed_for_known_customers_alone() {
    let revoked = ("acme,example-telecom,end_user,,verified", "acme,example-telecom,end_user,,revoked");
    let open = ("auth = \"mtls\"", "auth = \"none\"");
    let expired = (
        "kyc-1,kyc_report,,https://docs.example.com/kyc-1,2026-01-01,,",
        "kyc-1,kyc_report,,,2025-01-01,2026-02-01,",
    );
    for (toml, customers, evidence, reason) in [
        (AS_IT_IS, revoked, AS_IT_IS, "CUST_REVOKED"),
        (open, AS_IT_IS, AS_IT_IS, "TRUNK_UNAUTHENTICATED"),
        (AS_IT_IS, AS_IT_IS, expired, "CUST_EXPIRED"),
    ] {
        let policy = edited(toml, customers, evidence);
        let rph = Facts { ppt: Ppt::Rph, ..facts(&policy, "teams", "12155550100") };
        assert_eq!(of(&decide(&policy, &rph, NOW)), ("unsigned", None, reason));
        let div = Facts {
            ppt: Ppt::Div,
            diverting: Some(tn("12155550100")),
            received: Received::Others,
            ..facts(&policy, "teams", "12125550142")
        };
        assert_eq!(of(&decide(&policy, &div, NOW)), ("unsigned", None, reason));
    }
}

#[test]
fn vetting_rests_on_its_evidence_and_on_everybody_in_between() {
    let expired = (
        "kyc-1,kyc_report,,https://docs.example.com/kyc-1,2026-01-01,,",
        "kyc-1,kyc_report,,,2025-01-01,2026-02-01,",
    );
    let policy = edited(AS_IT_IS, AS_IT_IS, expired);
    let decision = decide(&policy, &facts(&policy, "teams", "12155550100"), NOW);
    assert_eq!(of(&decision), ("sign", Some(Attest::B), "CUST_EXPIRED"));
    // A reseller between the trunk's customer and the holder of the right.
    for (state, level, reason) in
        [("verified", Attest::A, "RIGHT_OK"), ("revoked", Attest::B, "HOLDER_UNVETTED")]
    {
        let between = format!(
            "reseller,example-telecom,reseller,acme,{state},,,\nbranch,example-telecom,end_user,reseller,verified,,,"
        );
        let customers = ("branch,example-telecom,end_user,acme,verified,,,", between.as_str());
        let policy = edited(AS_IT_IS, customers, AS_IT_IS);
        let decision = decide(&policy, &facts(&policy, "teams", "12155550120"), NOW);
        assert_eq!(of(&decision), ("sign", Some(level), reason), "{state}");
    }
}

/// RFC 8946 §4.1: the certificate of a `div` is for the number that diverted.
#[test]
fn the_certificate_of_a_diversion_is_that_of_who_diverted() {
    let only = (
        "x5u = \"https://cr.example.com/main.pem\"",
        "x5u = \"https://cr.example.com/main.pem\"\nfrom = [\"1215*\"]",
    );
    let policy = edited(only, AS_IT_IS, AS_IT_IS);
    let div = Facts {
        ppt: Ppt::Div,
        diverting: Some(tn("12155550100")),
        received: Received::Others,
        ..facts(&policy, "teams", "12125550142")
    };
    assert_eq!(of(&decide(&policy, &div, NOW)), ("divert", None, "DIV_ADDED"));
    // The number left for another provider: its calls come signed by that one.
    let ported = Facts { orig: Caller::Number(tn("12155550116")), ppt: Ppt::Shaken, ..div };
    assert_eq!(of(&decide(&policy, &ported, NOW)).2, "DIV_ADDED");
}
