//! What is sent, and whether what comes back is right.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shaken_benches::party;
use shaken_core::passport::{base, shaken};
use shaken_core::tables::{TableOptions, Tables};
use shaken_core::verify::CallScratch;
use shaken_core::{Attest, Call, Signer, Trust, TrustedCert, Verifier, key, sign};

/// What is asked of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Op {
    Sign,
    Verify,
}

impl Op {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Verify => "verify",
        }
    }
}

/// One call.
pub(crate) struct Planned {
    pub(crate) asked: Asked,
    pub(crate) orig: String,
    pub(crate) dest: String,
    /// The header to verify; empty for a call to sign.
    pub(crate) identity: String,
}

/// What an answer to it is judged by.
#[derive(Clone, Copy, Default)]
pub(crate) struct Asked {
    /// Its number in the run, which its phone numbers follow from.
    number: u64,
    pub(crate) unix_s: u64,
    expected: Verdict,
}

/// What a call to verify deserves.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    /// Nobody knows.
    #[default]
    NotValidated,
}

/// What the daemon said.
pub(crate) enum Said {
    /// The Identity header.
    Signed(String),
    Verified(Verdict),
    /// It had no time.
    Shed,
    /// It said something else.
    Other(String),
}

/// Knows the lab's key and trusts its root.
pub(crate) struct Caller {
    signer: Signer,
    verifier: Verifier,
    certificate: Arc<TrustedCert>,
}

impl Caller {
    pub(crate) fn new(lab: PathBuf) -> Self {
        let read = |name: &str| std::fs::read(lab.join(name)).expect("a file of the lab");
        let chain = read("provider.pem");
        let key = key::signing_key_from_pem(&read("provider.key")).expect("a key");
        let signer = Signer::new(key, &chain, "https://cr.lab.example/provider.pem").expect("a signer");
        let trust = Trust::from_pem(&read("sti-root.pem")).expect("a root");
        let now = i64::try_from(unix_s()).expect("a date of this age");
        let certificate = TrustedCert::from_pem(&chain, &trust, now).expect("a certificate");
        // What is measured beside the daemon has what the daemon has.
        let (tables, mut builder) = Tables::new(TableOptions::default(), |difference| panic!("{difference}"));
        let verifier = Verifier::default().with_tables(Arc::clone(&tables));
        let caller = Self { signer, verifier, certificate: Arc::new(certificate) };
        let planned = caller.plan(Op::Verify, 0);
        while tables.stats().tables == 0 {
            assert!(caller.holds(&planned.asked, &planned.identity), "our own call");
            builder.run_once();
        }
        caller
    }

    /// Call number `n`. One in 16 that are to be verified has a signature that is not right.
    pub(crate) fn plan(&self, op: Op, n: u64) -> Planned {
        let (orig, dest) = parties(n);
        let unix_s = unix_s();
        let expected = if n % 16 == 15 { Verdict::Failed } else { Verdict::Passed };
        let identity = match op {
            Op::Sign => String::new(),
            Op::Verify => {
                let mut identity = self.sign(&orig, &dest, unix_s);
                if expected == Verdict::Failed {
                    forge(&mut identity);
                }
                identity
            }
        };
        Planned { asked: Asked { number: n, unix_s, expected }, orig, dest, identity }
    }

    /// A call whose certificate is at a URL of its own, on a host that takes connections and says nothing.
    pub(crate) fn plan_hole(&self, n: u64) -> Planned {
        let planned = self.plan(Op::Verify, n);
        let x5u = format!("https://{HOLE}/{n}.pem");
        let header = format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{x5u}"}}"#);
        let token = planned.identity.split(';').next().unwrap_or_default();
        let signed = token.split_once('.').map_or("", |(_, rest)| rest);
        let header = URL_SAFE_NO_PAD.encode(header);
        let identity = format!("{header}.{signed};info=<{x5u}>;alg=ES256;ppt=shaken");
        let asked = Asked { expected: Verdict::NotValidated, ..planned.asked };
        Planned { identity, asked, ..planned }
    }

    /// Whether `said` is what was asked for, or at least a plain "not now".
    pub(crate) fn is_right(&self, asked: &Asked, said: &Said) -> bool {
        match said {
            Said::Signed(identity) => self.holds(asked, identity),
            Said::Verified(verdict) => *verdict == asked.expected,
            Said::Shed => true,
            Said::Other(_) => false,
        }
    }

    /// Of one call without the daemon, from numbers to header or from header to verdict.
    pub(crate) fn time_alone(&self, op: Op) -> Duration {
        let planned = self.plan(Op::Verify, 0);
        match op {
            Op::Sign => {
                let sign = || self.sign(&planned.orig, &planned.dest, planned.asked.unix_s);
                crate::time(|| drop(black_box(sign())))
            }
            Op::Verify => crate::time(|| assert!(self.holds(&planned.asked, black_box(&planned.identity)))),
        }
    }

    fn sign(&self, orig: &str, dest: &str, unix_s: u64) -> String {
        let dest = [party(dest)];
        let claims = base::NewClaims::new(party(orig), &dest, unix_s).expect("claims");
        let claims = shaken::NewClaims::new(claims, Attest::A, shaken_benches::ORIGID).expect("claims");
        let mut buffer = [0; sign::MAX_HEADER_LEN];
        self.signer.sign(&claims, &mut buffer).expect("a header").to_owned()
    }

    fn holds(&self, asked: &Asked, identity: &str) -> bool {
        thread_local! {
            static SCRATCH: std::cell::RefCell<CallScratch> = std::cell::RefCell::default();
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let (orig, dest) = parties(asked.number);
            let dest = [party(&dest)];
            let call = Call::new(party(&orig), &dest);
            let now = i64::try_from(asked.unix_s).unwrap_or_default();
            let headers = [identity.as_bytes()];
            let Ok(screened) = self.verifier.screen_call(headers, &call, scratch, now) else { return false };
            let verdict = self.verifier.verify_call(screened, |_| Ok(Arc::clone(&self.certificate)), now);
            verdict.result().is_ok_and(|verified| verified.attest() == Attest::A)
        })
    }
}

/// A host that never answers.
pub(crate) const HOLE: &str = "hole.lab.example";

/// Another first character of the signature.
fn forge(identity: &mut String) {
    let signature = identity.split(';').next().and_then(|token| token.rfind('.')).expect("a token") + 1;
    let other = if identity.as_bytes().get(signature) == Some(&b'A') { "B" } else { "A" };
    identity.replace_range(signature..=signature, other);
}

/// Who calls in call `n`, and who is called.
fn parties(n: u64) -> (String, String) {
    (number(n), number(n ^ 0x5555))
}

/// One of 80,000 numbers.
fn number(n: u64) -> String {
    format!("1{}55501{:02}", 200 + n / 100 % 800, n % 100)
}

pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
