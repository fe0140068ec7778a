//! 29 calls and what becomes of each, by the names of OpenSIPS' tests (sipssert-opensips-tests, stir-shaken).

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use shaken_core::pem;
use shaken_core::sip;
use shaken_core::write::Out;

use crate::Rig;
use crate::running::{CALLED, CALLER, unix_now};
use crate::sip_peer::header;

/// Which of the two every call is run under.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Calls that do not pass end, and an Identity header has three parameters.
    Strict,
    /// The defaults: calls go on with a `verstat`.
    Default,
}

/// What becomes of one call.
struct Scenario {
    name: &'static str,
    call: Call,
    /// The response under the strict profile.
    strict: u16,
    /// The error of the record; nothing if the call passes.
    error: Option<&'static str>,
    /// Why the default profile decides otherwise about the header, if it does.
    default_passes: Option<&'static str>,
}

/// What is wrong with the call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Sign,
    SignDiverted,
    SignImpossible,
    Good,
    Anonymous,
    WrongFrom,
    WrongFromGoesOn,
    DatePast,
    DateFuture,
    WrongIat,
    NoIdentity,
    NoInfo,
    TokenWithoutPpt,
    OtherInfo,
    NoAlg,
    WrongAlg,
    WrongHeaderAlg,
    WrongHeaderTyp,
    Expired,
    NotYetValid,
    MoreParams,
    NoPpt,
    WrongPpt,
    WrongHeaderPpt,
    WrongAttest,
    OtherOrig,
    OtherDest,
}

const fn row(name: &'static str, call: Call, strict: u16, error: Option<&'static str>) -> Scenario {
    Scenario { name, call, strict, error, default_passes: None }
}

const fn allowed(
    name: &'static str,
    call: Call,
    strict: u16,
    error: &'static str,
    why: &'static str,
) -> Scenario {
    Scenario { name, call, strict, error: Some(error), default_passes: Some(why) }
}

const SCENARIOS: [Scenario; 29] = [
    row("01.auth-simple", Call::Sign, 200, None),
    row("02.auth-diverted-cached", Call::SignDiverted, 200, None),
    row("03.auth-issue-bypass-token", Call::SignImpossible, 200, Some("caller-anonymous")),
    row("04.verify-200", Call::Good, 200, None),
    row("05.verify-200-anonymous", Call::Anonymous, 200, None),
    row("06.verify-error-400-wrong-from", Call::WrongFrom, 400, Some("tn-invalid")),
    row("07.verify-error-400-wrong-from-no-kill-call", Call::WrongFromGoesOn, 200, Some("tn-invalid")),
    row("08.A.verify-error-403-wrong-date-past", Call::DatePast, 403, Some("date-stale")),
    row("08.B.verify-error-403-wrong-date-future", Call::DateFuture, 403, Some("date-future")),
    row("09.verify-error-403-wrong-iat", Call::WrongIat, 403, Some("iat-stale")),
    row("10.verify-error-428-no-identity", Call::NoIdentity, 428, Some("identity-missing")),
    row("11.verify-error-436-no-info", Call::NoInfo, 436, Some("info-missing")),
    row("12.verify-error-436-token-no-4-params", Call::TokenWithoutPpt, 436, Some("header-member-missing")),
    row("13.verify-error-436-x5u-diff-info", Call::OtherInfo, 436, Some("x5u-info-mismatch")),
    allowed(
        "14.verify-error-437-no-alg",
        Call::NoAlg,
        437,
        "param-alg-unsupported",
        "RFC 8224 §4.1: without alg it is ES256",
    ),
    row("15.verify-error-437-wrong-alg", Call::WrongAlg, 437, Some("param-alg-unsupported")),
    row("16.verify-error-437-wrong-header-alg", Call::WrongHeaderAlg, 437, Some("alg-unsupported")),
    row("17.verify-error-437-wrong-header-typ", Call::WrongHeaderTyp, 437, Some("typ-invalid")),
    row("18.verify-error-437-cert-expired", Call::Expired, 437, Some("cert-expired")),
    row("19.verify-error-437-cert-in-future", Call::NotYetValid, 437, Some("cert-not-yet-valid")),
    allowed(
        "20.verify-error-438-identity-more-4-params",
        Call::MoreParams,
        438,
        "param-syntax",
        "RFC 8224 §4: ident-info-params may be any generic-param",
    ),
    allowed(
        "21.verify-error-438-no-ppt",
        Call::NoPpt,
        438,
        "ppt-mismatch",
        "RFC 8224 §4: ppt is optional, and the token has it",
    ),
    row("22.verify-error-438-wrong-ppt", Call::WrongPpt, 438, Some("ppt-unsupported")),
    row("23.verify-error-438-wrong-header-ppt", Call::WrongHeaderPpt, 438, Some("ppt-mismatch")),
    row("24.verify-error-438-wrong-attest", Call::WrongAttest, 438, Some("attest-invalid")),
    row("25.verify-error-438-orig-diff-from", Call::OtherOrig, 438, Some("orig-mismatch")),
    row("26.verify-error-438-dest-diff-to", Call::OtherDest, 438, Some("dest-mismatch")),
    row("27.acc-stats-200", Call::Good, 200, None),
    row("28.acc-stats-error-403-wrong-iat", Call::WrongIat, 403, Some("iat-stale")),
];

/// Makes every call, and answers how many there are.
pub(crate) fn run(rig: &Rig, profile: Profile) -> usize {
    let signers = Signers::of(rig);
    for scenario in &SCENARIOS {
        scenario.run(rig, profile, &signers);
    }
    SCENARIOS.len()
}

impl Scenario {
    fn run(&self, rig: &Rig, profile: Profile, signers: &Signers) {
        let Self { name, call, .. } = self;
        let is_signed = matches!(call, Call::Sign | Call::SignDiverted | Call::SignImpossible);
        let is_strict = profile == Profile::Strict && !is_signed && *call != Call::WrongFromGoesOn;
        let error = self.error.filter(|_| profile == Profile::Strict || self.default_passes.is_none());
        if let (Profile::Default, Some(why)) = (profile, self.default_passes) {
            println!("  {name}: passes: {why}");
        }
        // The default profile has calls go on.
        let code = if is_strict { self.strict } else { 200 };
        let mut caller =
            rig.caller(name, if is_strict || *call == Call::NoIdentity { "strict" } else { "header" });
        if profile == Profile::Default && *call == Call::NoIdentity {
            // Where calls are signed and verified, one without an Identity header is signed.
            caller = rig.caller(name, "header");
        }
        for line in signers.headers(*call) {
            caller = caller.with(&line);
        }
        caller = match call {
            Call::Anonymous | Call::SignImpossible => {
                caller.with_from_address("\"Anonymous\" <sip:anonymous@anonymous.invalid>")
            }
            Call::WrongFrom | Call::WrongFromGoesOn => {
                caller.with_from_address("<sip:++4@127.0.0.1;user=phone>")
            }
            Call::OtherOrig => caller.with_from("12155550199"),
            Call::OtherDest => caller.with_to("12155550198"),
            _ => caller,
        };
        caller.call(code, &rig.sbc);

        let is_unsigned_default = profile == Profile::Default && *call == Call::NoIdentity;
        let received = if code == 200 { Some(rig.callee.received(name)) } else { rig.callee.find(name) };
        match (&received, code) {
            (None, 200) => panic!("{name}: the callee has received nothing"),
            (Some(received), 400..) => panic!("{name}: it went on: {received}"),
            (None, _) => {}
            (Some(received), _) if is_signed || is_unsigned_default => {
                let is_there =
                    header(received, "Identity").is_some_and(|identity| identity.starts_with("eyJ"));
                assert_eq!(is_there, *call != Call::SignImpossible, "{name}: {received}");
                let bypass = header(received, "P-Identity-Bypass");
                let why = self.error.filter(|_| *call == Call::SignImpossible);
                let why = why.map(|why| format!("SIP;cause=404;text=\"{why}\""));
                assert_eq!(bypass, why.as_deref(), "{name}: {received}");
            }
            (Some(received), _) => {
                let verstat = header(received, "P-Asserted-Identity").unwrap_or_default();
                let expected = match error {
                    None => ";verstat=TN-Validation-Passed@",
                    // There is no number that it could be about.
                    Some("tn-invalid") => "",
                    Some("cert-expired" | "cert-not-yet-valid") => ";verstat=TN-Validation-Failed@",
                    Some(_) => ";verstat=No-TN-Validation@",
                };
                assert!(verstat.contains(expected), "{name}: {received}");
            }
        }

        let record = rig.record_of(name);
        if matches!(call, Call::WrongFrom | Call::WrongFromGoesOn | Call::SignImpossible) {
            // Without a number there is nothing to decide about: such calls are counted.
            assert_eq!(record, None, "{name}");
            return;
        }
        let record = record.unwrap_or_else(|| panic!("{name}: no record"));
        let expected = match (is_signed || is_unsigned_default, error) {
            (true, _) => "signed",
            (false, None) => "passed",
            (false, Some(_)) => "failed",
        };
        assert_eq!(record["verdict"], expected, "{name}: {record}");
        assert_eq!(record["interface"], "sip-udp", "{name}");
        if expected == "failed" {
            assert_eq!(record["error"], error.map_or(Value::Null, Value::from), "{name}: {record}");
        } else {
            assert_eq!(record["attest"], "A", "{name}: {record}");
            assert!(record["error"].is_null(), "{name}: {record}");
        }
    }
}

/// Who signs for the scenarios: the provider of the lab, and two whose certificates are of other times.
struct Signers {
    now: Signer,
    past: Signer,
    future: Signer,
}

struct Signer {
    key: EcdsaKeyPair,
    x5u: String,
}

impl Signer {
    fn of(folder: &std::path::Path, x5u: &str) -> Self {
        let text = std::fs::read(folder.join("provider.key")).unwrap();
        let block = pem::blocks(&text).next().unwrap().unwrap();
        let random = ring::rand::SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, block.der(), &random).unwrap();
        Self { key, x5u: x5u.to_owned() }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let random = ring::rand::SystemRandom::new();
        let signature = self.key.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

impl Signers {
    fn of(rig: &Rig) -> Self {
        let lab = rig.running.lab();
        let config = std::fs::read_to_string(lab.join("shaken.toml")).unwrap();
        let x5u =
            config.lines().find_map(|line| line.strip_prefix("x5u = \"")).unwrap().trim_end_matches('"');
        let of = |name: &str| Signer::of(&rig.folder_of(name), &x5u.replace("cr.lab.example", name));
        Self { now: Signer::of(&lab, x5u), past: of(crate::PAST), future: of(crate::FUTURE) }
    }

    /// The headers of a call beyond those that every call has.
    fn headers(&self, call: Call) -> Vec<String> {
        let now = unix_now();
        let signer = match call {
            Call::Expired => &self.past,
            Call::NotYetValid => &self.future,
            _ => &self.now,
        };
        let mut header = json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": signer.x5u });
        let mut claims = json!({
            "attest": "A", "dest": { "tn": [CALLED] }, "iat": now, "orig": { "tn": CALLER },
            "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
        });
        let mut params =
            vec![format!("info=<{}>", signer.x5u), "alg=ES256".to_owned(), "ppt=shaken".to_owned()];
        let mut date = now;
        match call {
            Call::Sign | Call::SignImpossible | Call::NoIdentity => return Vec::new(),
            Call::SignDiverted => {
                return vec![format!("Diversion: <sip:+12155550140@127.0.0.1>;reason=unconditional")];
            }
            Call::DatePast => date -= 90,
            Call::DateFuture => date += 90,
            Call::WrongIat => claims["iat"] = (now - 90).into(),
            Call::NoInfo => drop(params.remove(0)),
            Call::TokenWithoutPpt => drop(header.as_object_mut().unwrap().remove("ppt")),
            Call::OtherInfo => params[0] = "info=<https://other.lab.example/a.pem>".to_owned(),
            Call::NoAlg => drop(params.remove(1)),
            Call::WrongAlg => params[1] = "alg=ES384".to_owned(),
            Call::WrongHeaderAlg => header["alg"] = "ES384".into(),
            Call::WrongHeaderTyp => header["typ"] = "JWT".into(),
            Call::MoreParams => params.push("x=y".to_owned()),
            Call::NoPpt => drop(params.remove(2)),
            Call::WrongPpt => params[2] = "ppt=other".to_owned(),
            Call::WrongHeaderPpt => header["ppt"] = "other".into(),
            Call::WrongAttest => claims["attest"] = "D".into(),
            Call::Good
            | Call::Anonymous
            | Call::WrongFrom
            | Call::WrongFromGoesOn
            | Call::Expired
            | Call::NotYetValid
            | Call::OtherOrig
            | Call::OtherDest => {}
        }
        let token = signer.token(&header, &claims);
        let mut headers =
            vec![format!("Identity: {token};{}", params.join(";")), format!("Date: {}", sip_date(date))];
        if call == Call::Anonymous {
            headers.push(format!("P-Asserted-Identity: <sip:+{CALLER}@127.0.0.1>"));
        }
        headers
    }
}

fn sip_date(unix_s: u64) -> String {
    let mut buffer = [0; 32];
    let mut out = Out::new(&mut buffer);
    sip::date::write(unix_s, &mut out).unwrap();
    out.finish().unwrap().to_owned()
}

/// When the certificates of the two others were made: they are good for 30 days.
pub(crate) fn other_times() -> [SystemTime; 2] {
    let now = SystemTime::now();
    let far = Duration::from_secs(100 * 24 * 60 * 60);
    [now - far, now + far]
}
