//! `shaken decode`: what a header says and what is odd about it, for people who debug calls.

use std::io::{BufRead, stdin};

use serde_json::{Value, json};
use shaken_core::passport::{Claims, Passport, Ppt, segments};
use shaken_core::{Error, Identity, Scratch, X5u, base64url, json as strict};

use super::input::{Output, header_value, printable};
use super::{Exit, Failure};
use crate::stamp::rfc3339;

#[derive(clap::Args)]
pub(super) struct Args {
    /// One JSON object per header
    #[arg(long)]
    json: bool,
    /// Header value, with or without "Identity:"; - or nothing reads one per line from standard
    /// input
    value: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut out = Output::new();
    let mut exit = Exit::Yes;
    match args.value.as_deref() {
        Some(value) if value != "-" => exit = answer(&mut out, value.as_bytes(), args.json)?,
        _ => {
            for line in stdin().lock().split(b'\n') {
                let line = line.map_err(|e| Failure::new(Exit::Io, format_args!("standard input: {e}")))?;
                if answer(&mut out, &line, args.json)? == Exit::BadData {
                    exit = Exit::BadData;
                }
                out.flush()?;
            }
        }
    }
    out.finish()?;
    Ok(exit)
}

/// Exactly one answer, whatever the line is.
fn answer(out: &mut Output, line: &[u8], json: bool) -> Result<Exit, Failure> {
    let decoded = match std::str::from_utf8(line) {
        Ok(text) => Decoded::read(header_value(text)),
        Err(_) => Err(Error::Base64Invalid),
    };
    match decoded {
        Ok(decoded) if json => out.line(format_args!("{}", decoded.to_json()))?,
        Ok(decoded) => decoded.show(out)?,
        Err(error) => {
            if json {
                out.line(format_args!("{}", json!({ "error": error.name() })))?;
            } else {
                out.line(format_args!("unreadable: {error} ({})\n", error.name()))?;
            }
            return Ok(Exit::BadData);
        }
    }
    Ok(Exit::Yes)
}

/// A header taken apart. Header and payload are absent in compact form.
struct Decoded {
    header: Option<Value>,
    payload: Option<Value>,
    params: Vec<(String, String)>,
    signature_len_bytes: usize,
    findings: Vec<Finding>,
}

/// Something odd: a stable name and a text for people.
struct Finding {
    name: &'static str,
    text: String,
}

impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        Self { name: error.name(), text: error.to_string() }
    }
}

impl Decoded {
    /// # Errors
    /// If the token itself cannot be read; faults around it are findings.
    fn read(value: &str) -> Result<Self, Error> {
        let (token, params) = value.split_once(';').unwrap_or((value, ""));
        let token = token.trim_end();
        let compact = token.starts_with("..");
        let [header, payload, signature] = segments(token)?;
        let (header, payload) = if compact {
            (None, None)
        } else {
            (Some(decode_segment(header)?), Some(decode_segment(payload)?))
        };
        let signature = decode_segment(signature)?;

        let mut decoded = Self {
            header: header.as_deref().map(parse).transpose()?,
            payload: payload.as_deref().map(parse).transpose()?,
            params: split_params(params),
            signature_len_bytes: signature.len(),
            findings: Vec::new(),
        };
        decoded.findings = findings(value, header.as_deref(), payload.as_deref());
        decoded.note_oddities();
        Ok(decoded)
    }

    /// What no rule refuses and an operator may want to know.
    fn note_oddities(&mut self) {
        let param = |name: &str| self.params.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        let mut odd = Vec::new();
        let mut note = |present: bool, name, text: &str| {
            if present {
                odd.push(Finding { name, text: text.to_owned() });
            }
        };
        note(param("alg").is_none(), "alg-absent", "no alg parameter; ES256 is meant");
        note(param("ppt").is_none(), "ppt-absent", "no ppt parameter; the token tells the type");
        for name in ["alg", "ppt"] {
            let quoted = param(name).is_some_and(|(_, value)| value.starts_with('"'));
            note(quoted, "param-quoted", &format!("the value of {name} is quoted"));
        }
        let first = self.params.first().map(|(name, _)| name.to_ascii_lowercase());
        note(first.is_some_and(|name| name != "info"), "params-reordered", "info is not the first parameter");
        if let Some(payload) = &self.payload {
            let origid = payload["origid"].as_str();
            note(origid.is_some_and(|id| !is_uuid(id)), "origid-not-uuid", "origid is not a UUID");
            note(payload["iat"].is_string(), "iat-string", "iat is a string; it must be a number");
        }
        self.findings.extend(odd);
    }

    fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| json!({ "name": finding.name, "text": finding.text }))
            .collect();
        let params: serde_json::Map<String, Value> =
            self.params.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        json!({
            "form": if self.header.is_some() { "full" } else { "compact" },
            "header": self.header,
            "payload": self.payload,
            "params": params,
            "signature_len_bytes": self.signature_len_bytes,
            "findings": findings,
        })
    }

    fn show(&self, out: &mut Output) -> Result<(), Failure> {
        let Some((header, payload)) = self.header.as_ref().zip(self.payload.as_ref()) else {
            out.line(format_args!("compact form: header and payload are to be rebuilt from the call"))?;
            return self.show_rest(out);
        };
        out.line(format_args!("header     {}", printable(&header.to_string())))?;
        out.line(format_args!("payload    {}", printable(&payload.to_string())))?;
        if let Some(meaning) = payload["attest"].as_str().and_then(meaning_of_attest) {
            out.line(format_args!("  attest   {meaning}"))?;
        }
        if let Some(iat) = payload["iat"].as_i64() {
            out.line(format_args!("  iat      {}", rfc3339(iat)))?;
        }
        self.show_rest(out)
    }

    fn show_rest(&self, out: &mut Output) -> Result<(), Failure> {
        for (name, value) in &self.params {
            out.line(format_args!("{:<10} {}", printable(name), printable(value)))?;
        }
        out.line(format_args!("signature  {} bytes, not verified here", self.signature_len_bytes))?;
        for finding in &self.findings {
            out.line(format_args!("! {}: {}", finding.name, finding.text))?;
        }
        out.line(format_args!(""))
    }
}

fn decode_segment(segment: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; segment.len()];
    base64url::decode(segment.as_bytes(), &mut bytes).map(<[u8]>::to_vec)
}

/// JSON as loosely as is still unambiguous to show: what the strict reader objects to becomes a
/// finding.
fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let error = strict::check(bytes).err().unwrap_or(Error::JsonSyntax { offset: 0 });
    serde_json::from_slice(bytes).map_err(|_| error)
}

/// What a verifier would object to, in the order in which it would.
fn findings(value: &str, header: Option<&[u8]>, payload: Option<&[u8]>) -> Vec<Finding> {
    let mut errors = Vec::<Error>::new();
    let identity = Identity::parse(value.as_bytes());
    errors.extend(identity.as_ref().err());
    let (Some(header), Some(payload)) = (header, payload) else {
        errors.push(Error::CompactForm);
        return errors.into_iter().map(Finding::from).collect();
    };
    errors.extend(strict::check(header).err());
    errors.extend(strict::check(payload).err());
    let token = value.split_once(';').map_or(value, |(token, _)| token).trim_end();
    let mut scratch = Scratch::new();
    match Passport::decode(token, &mut scratch) {
        Err(error) => errors.push(error),
        Ok(passport) => {
            let x5u = passport.x5u().to_string();
            errors.extend(passport.signature().err());
            errors.extend(X5u::parse(&x5u).err());
            errors.extend(
                identity.is_ok_and(|identity| identity.info() != x5u).then_some(Error::X5uInfoMismatch),
            );
            errors.extend(Ppt::of(passport.ppt()).and_then(|ppt| Claims::read(ppt, payload)).err());
        }
    }
    // One fault may be found on several ways.
    errors = errors.iter().enumerate().filter(|(i, e)| !errors[..*i].contains(e)).map(|(_, e)| *e).collect();
    let mut findings: Vec<Finding> = errors.into_iter().map(Finding::from).collect();
    for (part, bytes) in [("header", header), ("payload", payload)] {
        if serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.to_string().as_bytes() != bytes) {
            findings.push(Finding {
                name: "json-not-canonical",
                text: format!("the {part} is not in the order and spacing of RFC 8225 section 9"),
            });
        }
    }
    findings
}

/// The parameters as they stand, good or bad. A `;` in angle brackets or quotes does not end one.
fn split_params(params: &str) -> Vec<(String, String)> {
    let mut list = Vec::new();
    let (mut bracketed, mut quoted) = (false, false);
    let pieces = params.split(|c| {
        match c {
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            '"' if !bracketed => quoted = !quoted,
            _ => {}
        }
        c == ';' && !bracketed && !quoted
    });
    for piece in pieces.map(str::trim).filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        list.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    list
}

fn meaning_of_attest(level: &str) -> Option<&'static str> {
    match level {
        "A" => Some("full: the signer knows the caller and the right to the number"),
        "B" => Some("partial: the signer knows the caller, not the right to the number"),
        "C" => Some("gateway: the signer knows where the call came in"),
        _ => None,
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}
