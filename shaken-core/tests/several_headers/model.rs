//! Random sets of headers against a second, plain reading of the rules: RFC 8946 §4.2 and who
//! lets a call pass.

use proptest::collection::vec;
use proptest::prelude::*;
use shaken_core::Verifier;
use shaken_core::verify::SiblingPolicy;

use crate::rig::{CALLED, FORGER, GOOD, NOWHERE, Outcome, SECOND, THIRD, Token, judge_call};

/// Parties that a call can go to. The last two are one, in two spellings.
const PARTIES: [&str; 5] = [CALLED, SECOND, THIRD, "sip:bob@example.com", "sip:Bob@EXAMPLE.com:5060"];
const WIDE_AGE_S: i64 = 3600;
const MAX_NESTED: usize = 4;

/// Two parties are the same if the network would say so.
fn same(a: usize, b: usize) -> bool {
    a.min(3) == b.min(3)
}

#[derive(Clone, Debug)]
enum Kind {
    Shaken(&'static str),
    Div(usize),
    DivO(usize, Box<Spec>),
    Other(&'static str, &'static str),
    Unknown,
    Garbage(&'static str),
}

/// One token, by what it says.
#[derive(Clone, Debug)]
struct Spec {
    kind: Kind,
    is_of_caller: bool,
    dest: Vec<usize>,
    age_s: i64,
    signer: &'static str,
}

impl Spec {
    fn to_token(&self) -> Token {
        let to = PARTIES[self.dest[0]];
        let token = match &self.kind {
            Kind::Shaken(level) => Token::shaken(to).attest(level),
            Kind::Div(by) => Token::div(PARTIES[*by], to),
            Kind::DivO(by, nested) => Token::div_o(PARTIES[*by], to, &nested.to_token().token()),
            Kind::Other(ppt, more) => Token::new(ppt, to, more),
            Kind::Unknown | Kind::Garbage(_) => Token::new("foo", to, ""),
        };
        let dest: Vec<&str> = self.dest.iter().map(|party| PARTIES[*party]).collect();
        let token = token.with_dest(&dest).aged(self.age_s).by(self.signer);
        if self.is_of_caller { token } else { token.of(THIRD) }
    }

    fn header(&self) -> String {
        match self.kind {
            Kind::Garbage(text) => text.to_owned(),
            _ => self.to_token().header(),
        }
    }

    fn is_nesting(&self) -> bool {
        matches!(self.kind, Kind::DivO(..))
    }

    fn goes_to(&self, party: usize) -> bool {
        self.dest.iter().any(|own| same(*own, party))
    }

    fn diverted_by(&self) -> Option<usize> {
        match self.kind {
            Kind::Div(by) | Kind::DivO(by, _) => Some(by),
            _ => None,
        }
    }

    /// It is something that says where a call comes from or goes to, and is understood.
    fn is_read(&self) -> bool {
        let is_known = !matches!(self.kind, Kind::Unknown | Kind::Garbage(_));
        is_known && !self.diverted_by().is_some_and(|by| self.goes_to(by))
    }
}

/// A call and what came with it; `nested_in` beside each token.
struct Model {
    all: Vec<(Spec, Option<usize>)>,
    to: usize,
    target: usize,
    max_diverted_age_s: i64,
}

#[derive(Clone, Copy, PartialEq)]
enum Look {
    AtClaims,
    AtSignatures,
}

impl Model {
    fn holds(&self, at: usize, max_age_s: i64, look: Look) -> bool {
        let (spec, _) = &self.all[at];
        let is_signed = spec.signer == GOOD || look == Look::AtClaims;
        spec.is_read() && spec.is_of_caller && spec.age_s <= max_age_s && is_signed
    }

    fn before(&self, at: usize) -> Vec<usize> {
        let (spec, _) = &self.all[at];
        let Some(by) = spec.diverted_by() else { return Vec::new() };
        let is_before = |other: usize| {
            let (link, nested_in) = &self.all[other];
            let is_there = if spec.is_nesting() { *nested_in == Some(at) } else { nested_in.is_none() };
            other != at && is_there && link.is_read() && link.goes_to(by)
        };
        (0..self.all.len()).filter(|other| is_before(*other)).collect()
    }

    /// Whether a way leads from `at` to a token that is no diversion.
    fn leads_back(&self, at: usize, max_age_s: i64, look: Look, seen: &[usize]) -> bool {
        if seen.contains(&at) || !self.holds(at, max_age_s, look) {
            return false;
        }
        let seen = [seen, &[at]].concat();
        let wide = self.max_diverted_age_s.max(60);
        self.all[at].0.diverted_by().is_none()
            || self.before(at).into_iter().any(|before| self.leads_back(before, wide, look, &seen))
    }

    /// Adds to `places` all that stand on a way from `at`.
    fn follow(&self, at: usize, max_age_s: i64, look: Look, places: &mut Vec<usize>) {
        if !places.contains(&at) && self.leads_back(at, max_age_s, look, &[]) {
            places.push(at);
            for before in self.before(at) {
                self.follow(before, self.max_diverted_age_s.max(60), look, places);
            }
        }
    }

    fn is_direct(&self, at: usize, look: Look) -> bool {
        let (spec, nested_in) = &self.all[at];
        let is_for_call = spec.goes_to(self.to) || spec.goes_to(self.target);
        nested_in.is_none() && spec.diverted_by().is_none() && is_for_call && self.holds(at, 60, look)
    }

    /// The places that speak for the call: directly, or on a way from a diversion to the target.
    fn speaking(&self, look: Look) -> Vec<usize> {
        let heads = (0..self.all.len())
            .filter(|at| self.all[*at].0.diverted_by().is_some() && self.all[*at].0.goes_to(self.target));
        let mut on_ways = Vec::new();
        for head in heads {
            let mut places = Vec::new();
            self.follow(head, 60, look, &mut places);
            on_ways.extend(places);
        }
        (0..self.all.len()).filter(|at| self.is_direct(*at, look) || on_ways.contains(at)).collect()
    }

    /// The level of the call if it passes, and how many certificates are asked for.
    fn verdict(&self, siblings: SiblingPolicy) -> (Option<&'static str>, usize) {
        let level = |at: &usize| match self.all[*at].0.kind {
            Kind::Shaken(level) => Some(level),
            _ => None,
        };
        let worth = self.speaking(Look::AtClaims);
        let is_forged = |at: &&usize| self.all[**at].0.signer == FORGER && self.all[**at].1.is_none();
        let forged = worth.iter().filter(is_forged).any(|at| level(at).is_some());
        let best = self.speaking(Look::AtSignatures).iter().filter_map(level).min();
        (best.filter(|_| !forged || siblings == SiblingPolicy::OneGoodSuffices), worth.len())
    }
}

fn nested_count(spec: &Spec) -> usize {
    match &spec.kind {
        Kind::DivO(_, nested) => 1 + nested_count(nested),
        _ => 0,
    }
}

/// The headers in their order, then what stands in them, in the order of those.
fn places(specs: &[Spec]) -> Vec<(Spec, Option<usize>)> {
    let mut all: Vec<(Spec, Option<usize>)> = specs.iter().map(|spec| (spec.clone(), None)).collect();
    let mut at = 0;
    while let Some((spec, _)) = all.get(at).cloned() {
        if let Kind::DivO(_, nested) = &spec.kind
            && spec.is_read()
        {
            all.push(((**nested).clone(), Some(at)));
        }
        at += 1;
    }
    all
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => prop_oneof![Just("A"), Just("B"), Just("C")].prop_map(Kind::Shaken),
        5 => (0..PARTIES.len()).prop_map(Kind::Div),
        1 => other_kind(),
    ]
}

fn other_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Other("base", "")),
        Just(Kind::Other("rph", r#","rph":{"auth":["ets.0"]}"#)),
        Just(Kind::Other("rcd", r#","rcd":{"nam":""}"#)),
        Just(Kind::Other("msg", "")),
        Just(Kind::Unknown),
        Just(Kind::Garbage("x")),
        Just(Kind::Garbage("YQ.YQ.YQ;info=<https://good.example.com/a.pem>;ppt=shaken")),
        Just(Kind::Garbage("..YQ;info=<https://good.example.com/a.pem>;ppt=shaken")),
    ]
}

fn spec(kind: impl Strategy<Value = Kind>) -> impl Strategy<Value = Spec> {
    let dest = prop_oneof![3 => vec(0..PARTIES.len(), 1), 1 => vec(0..PARTIES.len(), 2)];
    let age_s = prop_oneof![10 => Just(0), 1 => Just(60), 2 => Just(61), 1 => Just(WIDE_AGE_S + 1)];
    let signer = prop_oneof![12 => Just(GOOD), 1 => Just(FORGER), 1 => Just(NOWHERE)];
    (kind, proptest::bool::weighted(0.95), dest, age_s, signer).prop_map(
        |(kind, is_of_caller, dest, age_s, signer)| Spec { kind, is_of_caller, dest, age_s, signer },
    )
}

fn any_spec() -> impl Strategy<Value = Spec> {
    let div_o = |inner| {
        (0..PARTIES.len(), inner)
            .prop_map(|(by, nested): (usize, Spec)| Kind::DivO(by, Box::new(nested)))
            .boxed()
    };
    let once = spec(div_o(spec(kind()).boxed())).boxed();
    let twice = spec(div_o(once.clone()));
    prop_oneof![8 => spec(kind()), 2 => once, 1 => twice]
}

fn headers_of(specs: &[Spec]) -> Vec<String> {
    specs.iter().map(Spec::header).collect()
}

fn rules(max_diverted_age_s: i64, siblings: SiblingPolicy) -> Verifier {
    Verifier::default().with_max_diverted_age_s(max_diverted_age_s.unsigned_abs()).with_siblings(siblings)
}

/// A call, with no more nested tokens than there is room for.
fn world() -> impl Strategy<Value = (Vec<Spec>, usize, usize, i64, SiblingPolicy)> {
    let specs = vec(any_spec(), 1..=8)
        .prop_filter("too deep", |specs| specs.iter().map(nested_count).sum::<usize>() <= MAX_NESTED);
    let parties = 0..PARTIES.len();
    let siblings = prop_oneof![Just(SiblingPolicy::FailOnForged), Just(SiblingPolicy::OneGoodSuffices)];
    (specs, parties.clone(), parties, prop_oneof![Just(0), Just(WIDE_AGE_S)], siblings)
}

fn judge(specs: &[Spec], to: usize, target: usize, verifier: &Verifier) -> Outcome {
    judge_call(verifier, &headers_of(specs), PARTIES[to], PARTIES[target])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn verdicts_are_those_of_the_rules((specs, to, target, max_diverted_age_s, siblings) in world()) {
        let model = Model { all: places(&specs), to, target, max_diverted_age_s };
        let outcome = judge(&specs, to, target, &rules(max_diverted_age_s, siblings));
        let (level, certificates) = model.verdict(siblings);
        prop_assert_eq!(outcome.call.ok(), level, "{:?}", outcome);
        prop_assert_eq!(outcome.x5us.len(), certificates, "{:?}", outcome);
    }

    #[test]
    fn the_order_of_the_headers_decides_nothing(
        ((specs, to, target, wide, siblings), shuffled) in world()
            .prop_flat_map(|world| { let specs = world.0.clone(); (Just(world), Just(specs).prop_shuffle()) }),
    ) {
        let verifier = rules(wide, siblings);
        let (one, other) = (judge(&specs, to, target, &verifier), judge(&shuffled, to, target, &verifier));
        prop_assert_eq!(one.call.ok(), other.call.ok());
        let sorted = |outcome: &Outcome| { let mut urls = outcome.x5us.clone(); urls.sort(); urls };
        prop_assert_eq!(sorted(&one), sorted(&other));
    }

    #[test]
    fn headers_of_other_types_decide_nothing(
        (mut specs, to, target, wide, siblings) in world(), added in spec(other_kind()), at in 0..8_usize,
    ) {
        specs.truncate(7);
        let verifier = rules(wide, siblings);
        let before = judge(&specs, to, target, &verifier).call;
        specs.insert(at.min(specs.len()), added);
        prop_assert_eq!(before.ok(), judge(&specs, to, target, &verifier).call.ok());
    }

    /// A diversion can lead a call to a forged `shaken` that was no part of it before, which is a
    /// reason to fail unless the policy says otherwise; it is none by itself.
    #[test]
    fn an_added_diversion_fails_no_call(
        (mut specs, to, target, wide, _) in world(), added in any_spec(), at in 0..8_usize,
    ) {
        specs.truncate(7);
        let verifier = rules(wide, SiblingPolicy::OneGoodSuffices);
        let before = judge(&specs, to, target, &verifier).call;
        specs.insert(at.min(specs.len()), added);
        // Beyond the room for nested tokens no `div-o` counts.
        prop_assume!(specs.iter().map(nested_count).sum::<usize>() <= MAX_NESTED);
        prop_assert!(before.is_err() || judge(&specs, to, target, &verifier).call.is_ok());
    }
}

#[test]
fn the_rules_are_about_something() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut passing, mut chained) = (0, 0);
    for _ in 0..1000 {
        let (specs, to, target, wide, siblings) = world().new_tree(&mut runner).unwrap().current();
        let outcome = judge(&specs, to, target, &rules(wide, siblings));
        passing += usize::from(outcome.call.is_ok());
        chained += usize::from(outcome.chains.contains(&"ok"));
    }
    println!("of 1000 random calls {passing} pass, {chained} have a chain of diversions that holds");
    assert!(passing > 100 && passing < 900 && chained > 30);
}
