//! Providers with certificates, and tokens signed by any key over any claims.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use shaken_core::sip::Uri;
use shaken_core::verify::{CallScratch, Verdict};
use shaken_core::write::Out;
use shaken_core::{Call, Error, Party, TelephoneNumber, Trust, TrustedCert, Verifier, X5u};

use crate::pki::{NOW, Pki, SPC_1234};

pub(crate) const CALLER: &str = "12155550121";
pub(crate) const CALLED: &str = "12155550131";
pub(crate) const SECOND: &str = "12155550199";
pub(crate) const THIRD: &str = "12155550177";

/// A provider that may sign for any number of its own.
pub(crate) const GOOD: &str = "https://good.example.com/a.pem";
/// A customer that may sign for [`SECOND`] and for nothing else.
pub(crate) const LIMITED: &str = "https://limited.example.com/a.pem";
/// Signs with a key that its certificate does not have.
pub(crate) const FORGER: &str = "https://good.example.com/forged.pem";
/// Nothing can be fetched from there.
pub(crate) const NOWHERE: &str = "https://nowhere.example.com/a.pem";

/// `SEQUENCE { [2] IA5String "12155550199" }`
const ONLY_SECOND: &[u8] = b"\x30\x0f\xa2\x0d\x16\x0b12155550199";

pub(crate) struct Provider {
    key: SigningKey,
    certificate: Option<TrustedCert>,
}

/// Everybody, by the URL of their certificate.
static PROVIDERS: LazyLock<HashMap<&'static str, Provider>> = LazyLock::new(|| {
    let made = |list: &[u8]| {
        let pki = Pki::new(Some(list));
        let trust = Trust::from_pem(pki.root_pem.as_bytes()).unwrap();
        let certificate = TrustedCert::from_pem(pki.chain_pem.as_bytes(), &trust, NOW).unwrap();
        Provider { key: SigningKey::from_pkcs8_pem(&pki.key_pem).unwrap(), certificate: Some(certificate) }
    };
    let (good, limited, forger) = (made(SPC_1234), made(ONLY_SECOND), made(SPC_1234));
    let forger = Provider { key: forger.key, certificate: good.certificate.clone() };
    let nowhere = Provider { key: good.key.clone(), certificate: None };
    HashMap::from([(GOOD, good), (LIMITED, limited), (FORGER, forger), (NOWHERE, nowhere)])
});

pub(crate) fn certificate(x5u: &X5u<'_>) -> Result<&'static TrustedCert, Error> {
    let provider = PROVIDERS.get(x5u.as_str()).ok_or(Error::CertUnavailable)?;
    provider.certificate.as_ref().ok_or(Error::CertUnavailable)
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    let mut buffer = vec![0; bytes.len() * 2];
    let mut out = Out::new(&mut buffer);
    out.push_base64url(bytes);
    out.finish().unwrap().to_owned()
}

/// A token with this protected header and payload, signed by the provider at `x5u`. Tokens are kept,
/// as thousands of cases are made of a few.
pub(crate) fn raw_token(header: &str, payload: &str, x5u: &str) -> String {
    static MADE: LazyLock<Mutex<HashMap<(String, String), String>>> = LazyLock::new(Mutex::default);
    let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
    let name = (signed.clone(), x5u.to_owned());
    if let Some(token) = MADE.lock().unwrap().get(&name) {
        return token.clone();
    }
    let signature: Signature = PROVIDERS[x5u].key.sign(signed.as_bytes());
    let token = format!("{signed}.{}", base64url(&signature.to_bytes()));
    MADE.lock().unwrap().insert(name, token.clone());
    token
}

pub(crate) fn protected(ppt: &str, x5u: &str) -> String {
    let ppt = if ppt == "base" { String::new() } else { format!(r#""ppt":"{ppt}","#) };
    format!(r#"{{"alg":"ES256",{ppt}"typ":"passport","x5u":"{x5u}"}}"#)
}

/// A token of one type: parties and time as most tests have them, other claims by name.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) ppt: &'static str,
    pub(crate) orig: String,
    pub(crate) dest: String,
    pub(crate) iat: i64,
    pub(crate) more: String,
    pub(crate) x5u: &'static str,
}

impl Token {
    pub(crate) fn new(ppt: &'static str, dest: &str, more: &str) -> Self {
        Self { ppt, orig: identity(CALLER), dest: list(&[dest]), iat: NOW, more: more.into(), x5u: GOOD }
    }

    pub(crate) fn shaken(dest: &str) -> Self {
        Self::new("shaken", dest, r#","attest":"A","origid":"x""#)
    }

    pub(crate) fn div(by: &str, dest: &str) -> Self {
        Self::new("div", dest, &format!(r#","div":{}"#, identity(by)))
    }

    pub(crate) fn div_o(by: &str, dest: &str, opt: &str) -> Self {
        Self::new("div-o", dest, &format!(r#","div":{},"opt":"{opt}""#, identity(by)))
    }

    pub(crate) fn by(self, x5u: &'static str) -> Self {
        Self { x5u, ..self }
    }

    pub(crate) fn aged(self, age_s: i64) -> Self {
        Self { iat: NOW - age_s, ..self }
    }

    pub(crate) fn of(self, orig: &str) -> Self {
        Self { orig: identity(orig), ..self }
    }

    pub(crate) fn with_dest(self, dest: &[&str]) -> Self {
        Self { dest: list(dest), ..self }
    }

    pub(crate) fn attest(self, level: &str) -> Self {
        Self { more: format!(r#","attest":"{level}","origid":"x""#), ..self }
    }

    pub(crate) fn payload(&self) -> String {
        let Self { orig, dest, iat, more, .. } = self;
        format!(r#"{{"dest":{dest},"iat":{iat},"orig":{orig}{more}}}"#)
    }

    pub(crate) fn token(&self) -> String {
        raw_token(&protected(self.ppt, self.x5u), &self.payload(), self.x5u)
    }

    pub(crate) fn header(&self) -> String {
        let ppt = if self.ppt == "base" { String::new() } else { format!(";ppt={}", self.ppt) };
        format!("{};info=<{}>;alg=ES256{ppt}", self.token(), self.x5u)
    }
}

/// `{"tn":…}` or `{"uri":…}`.
pub(crate) fn identity(text: &str) -> String {
    if text.contains(':') { format!(r#"{{"uri":"{text}"}}"#) } else { format!(r#"{{"tn":"{text}"}}"#) }
}

fn list(all: &[&str]) -> String {
    let of = |is_uri: bool| {
        let texts = all.iter().filter(|text| text.contains(':') == is_uri);
        texts.map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(",")
    };
    let arrays = [("tn", of(false)), ("uri", of(true))];
    let arrays = arrays.iter().filter(|(_, texts)| !texts.is_empty());
    format!(
        "{{{}}}",
        arrays.map(|(name, texts)| format!(r#""{name}":[{texts}]"#)).collect::<Vec<_>>().join(",")
    )
}

pub(crate) fn party(text: &str) -> Party<'_> {
    TelephoneNumber::parse(text)
        .map_or_else(|_| Party::of(&Uri::parse(text.as_bytes()).unwrap()), Party::Number)
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The attestation level, or the name of the error.
    pub(crate) call: Result<&'static str, &'static str>,
    /// `ok` or the name of the error of each PASSporT.
    pub(crate) each: Vec<&'static str>,
    /// Which certificates were asked for.
    pub(crate) x5us: Vec<String>,
    /// `ok` or the name of the error of each chain of diversions.
    pub(crate) chains: Vec<&'static str>,
}

impl Outcome {
    fn of(verdict: &Verdict<'_>, x5us: Vec<String>) -> Self {
        let name = |outcome: Result<(), Error>| outcome.map_or_else(|error| error.name(), |()| "ok");
        Self {
            call: verdict.result().map(|verified| verified.attest().as_str()).map_err(|error| error.name()),
            each: verdict.headers().map(|header| name(header.outcome().map(drop))).collect(),
            x5us,
            chains: verdict.chains().iter().map(|chain| name(chain.result())).collect(),
        }
    }
}

/// The verdict of `verifier` on these headers.
pub(crate) fn judge_by(
    verifier: &Verifier,
    headers: &[String],
    call: &Call<'_>,
    now: i64,
) -> Result<Outcome, Error> {
    let mut scratch = CallScratch::new();
    let values = headers.iter().map(String::as_bytes);
    let screened = verifier.screen_call(values, call, &mut scratch, now)?;
    let x5us = screened.x5us().map(|x5u| x5u.as_str().to_owned()).collect();
    Ok(Outcome::of(&verifier.verify_call(screened, certificate, now), x5us))
}

/// A call of [`CALLER`] that was made to `to` and goes to `target` now.
pub(crate) fn judge_call(verifier: &Verifier, headers: &[String], to: &str, target: &str) -> Outcome {
    let dest = [party(to), party(target)];
    let call = Call::new(party(CALLER), &dest).with_target(party(target));
    judge_by(verifier, headers, &call, NOW).unwrap()
}

/// A diverted call, of which the request has only the last target.
pub(crate) fn judge(headers: &[String], target: &str) -> Outcome {
    judge_call(&Verifier::default(), headers, target, target)
}
