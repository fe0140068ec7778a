//! The decision which level a call gets, beside the signature that follows it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use ring::rand::SystemRandom;
use shaken_benches::{CALLED, Fixture};
use shaken_core::{Certificate, TelephoneNumber, pem};
use shaken_sidecar::policy::data::{Credential, KeyState, Loader, Policy};
use shaken_sidecar::policy::decision::{Caller, Facts, decide};

use crate::heap::allocations;
use crate::round::{Rounds, print};

/// Rows with numbers, four to a thousand-block.
const ROWS: u64 = 200_000;

pub(crate) fn print_policy(rounds: &Rounds, fixture: &Fixture) {
    let policy = policy(fixture);
    let callers: Vec<TelephoneNumber> = (0..ROWS).map(|i| tn(&caller(i * 7919 % ROWS))).collect();
    let dest = [tn(CALLED)];
    let trunk = policy.trunk("teams");
    let mut next = 0;
    let mut decide_next = || {
        next = (next + 1) % callers.len();
        let facts = Facts { trunk, dest: &dest, ..Facts::new(Caller::Number(callers[next])) };
        let decision = decide(&policy, black_box(&facts), fixture.now);
        decision.attest().expect("a right to each")
    };
    let (signed, _) = fixture.signed();
    let random = SystemRandom::new();
    rounds.print_ratio(
        ("policy_decision", &mut decide_next),
        ("ring_sign", || fixture.raw_key.sign(&random, black_box(signed)).unwrap()),
    );
    let count = allocations(|| (0..10_000).for_each(|_| _ = black_box(decide_next())));
    print("policy_allocations", &format!("{}", count as f64 / 10_000.0));
}

/// An enterprise with many numbers, a customer in forty by letters of authorization.
fn policy(fixture: &Fixture) -> Policy {
    let dir = tempfile::tempdir().expect("a folder");
    let mut rights = String::from("customer,numbers,trunks,basis,evidence,max_level\n");
    for i in 0..ROWS {
        let (basis, evidence) = if i % 40 == 0 { ("loa", "loa-1") } else { ("assigned", "") };
        writeln!(rights, "acme,{},teams,{basis},{evidence},A", caller(i)).expect("room");
    }
    for (name, text) in [
        ("policy.toml", POLICY),
        (
            "customers.csv",
            "customer,provider,kind,kyc,expires_at\nacme,example-telecom,end_user,verified,2999-01-01\n",
        ),
        ("evidence.csv", "evidence,type,expires_at\nloa-1,loa_pdf,2999-01-01\n"),
        ("rights.csv", &rights),
        ("dno.csv", "numbers\n12155559990-12155559999\n"),
    ] {
        std::fs::write(dir.path().join(name), text).expect("room");
    }
    let policy = Loader::new(&dir.path().join("policy.toml")).load(fixture.now).expect("a good policy");
    let pem = pem::blocks(fixture.chain_pem.as_bytes()).next().unwrap().unwrap();
    let certificate = Arc::new(Certificate::from_der(pem.der()).expect("the provider's"));
    policy.with_credential("example-telecom", "main", Credential { certificate, key: KeyState::Ready })
}

/// Scattered over area codes.
fn caller(i: u64) -> String {
    let (block, offset) = (i / 4, i % 4 * 211);
    let (exchange, thousand) = (block * 127 % 640_000, block % 10);
    format!("1{}{}{thousand}{offset:03}", 200 + exchange / 800, 200 + exchange % 800)
}

fn tn(digits: &str) -> TelephoneNumber {
    TelephoneNumber::parse(digits).expect("a number")
}

const POLICY: &str = r#"
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
[[rule]]
id = "premium"
when = { to = ["1900*"] }
act = "block"
note = "premium numbers"
"#;
