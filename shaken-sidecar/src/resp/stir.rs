//! `STIR.SIGN from to [trunk] [name value ...]` and `STIR.VERIFY identity from to [name value ...]`:
//! words to [`crate::call`] requests and answers to replies.

use shaken_core::Attest;

use super::reply::Reply;
use crate::call::{Calls, Judged, Origin, Refusal, SignRequest, Signed, VerifyRequest};
use crate::fields::{FieldError, Fields};

/// What is asked about a call.
pub(super) enum Request {
    Sign(SignRequest, SignForm),
    Verify(VerifyRequest, VerifyForm),
}

/// What names a request beside its call.
#[derive(Default)]
pub(super) struct Names {
    pub(super) trunk: Option<String>,
    pub(super) call_id: Option<String>,
}

/// How a signed call is answered.
#[derive(Clone, Copy)]
pub(super) enum SignForm {
    /// The value of the header.
    Value,
    /// A line that can be put into a message.
    Header,
    /// Value, level, reason, rule, generation, who decided, tracing value; empty where there is none.
    Array,
}

/// How a verified call is answered.
#[derive(Clone, Copy)]
pub(super) enum VerifyForm {
    /// Word, verstat, level, code, error, tracing value; empty where there is none.
    Array,
    /// The word alone.
    Word,
}

/// A request in the words behind its name. Nothing if the command is another one.
pub(super) fn read(words: &[&[u8]], now: i64) -> Option<Result<(Request, Names), FieldError>> {
    let (name, words) = words.split_first()?;
    match name.to_ascii_uppercase().as_slice() {
        b"STIR.SIGN" => Some(read_sign(words, now)),
        b"STIR.VERIFY" => Some(read_verify(words, now)),
        _ => None,
    }
}

fn read_sign(words: &[&[u8]], now: i64) -> Result<(Request, Names), FieldError> {
    let [from, to, rest @ ..] = words else { return Err(FieldError::Missing { name: "to" }) };
    let mut fields = Fields::default();
    put(&mut fields, b"from", from)?;
    put(&mut fields, b"to", to)?;
    // Names and values come in pairs, so one word more is the trunk.
    let pairs = match rest {
        [trunk, pairs @ ..] if rest.len() % 2 == 1 => {
            put(&mut fields, b"trunk", trunk)?;
            pairs
        }
        pairs => pairs,
    };
    put_pairs(&mut fields, pairs)?;
    let form = fields.form(&[
        ("value", SignForm::Value),
        ("header", SignForm::Header),
        ("array", SignForm::Array),
    ])?;
    let names = Names { trunk: fields.trunk.take(), call_id: fields.call_id()? };
    Ok((Request::Sign(fields.into_sign(now)?, form), names))
}

fn read_verify(words: &[&[u8]], now: i64) -> Result<(Request, Names), FieldError> {
    let [identity, from, to, pairs @ ..] = words else { return Err(FieldError::Missing { name: "to" }) };
    let mut fields = Fields::default();
    put(&mut fields, b"identity", identity)?;
    put(&mut fields, b"from", from)?;
    put(&mut fields, b"to", to)?;
    put_pairs(&mut fields, pairs)?;
    let form = fields.form(&[("array", VerifyForm::Array), ("word", VerifyForm::Word)])?;
    let names = Names { trunk: fields.trunk.take(), call_id: fields.call_id()? };
    Ok((Request::Verify(fields.into_verify(now)?, form), names))
}

fn put_pairs(fields: &mut Fields, pairs: &[&[u8]]) -> Result<(), FieldError> {
    let (pairs, rest) = pairs.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(FieldError::Invalid { name: "name", why: "the last one has no value" });
    }
    pairs.iter().try_for_each(|[name, text]| put(fields, name, text))
}

fn put(fields: &mut Fields, name: &[u8], text: &[u8]) -> Result<(), FieldError> {
    let utf8 = |bytes| {
        str::from_utf8(bytes).map_err(|_| FieldError::Invalid { name: "name", why: "it is not UTF-8" })
    };
    fields.put(utf8(name)?, utf8(text)?.to_owned())
}

/// What comes of a request.
pub(super) async fn answer(request: Request, calls: &Calls, origin: &Origin) -> Reply {
    match request {
        Request::Sign(request, form) => {
            calls.sign(request, origin).await.map_or_else(refused, |signed| self::signed(signed, form))
        }
        Request::Verify(request, form) => {
            calls.verify(request, origin).await.map_or_else(refused, |judged| self::judged(&judged, form))
        }
    }
}

fn signed(signed: Signed, form: SignForm) -> Reply {
    match form {
        SignForm::Value => Reply::Bulk(signed.identity.into_bytes()),
        SignForm::Header => Reply::Bulk(format!("Identity: {}\r\n", signed.identity).into_bytes()),
        SignForm::Array => {
            let decided = &signed.decided;
            let attest = signed.attest.map_or("", Attest::as_str);
            let generation = decided.generation.as_deref().unwrap_or_default();
            let decided_by = decided.decided_by.as_deref().unwrap_or_default();
            let origid = signed.origid.as_deref().unwrap_or_default();
            let facts = [attest, decided.reason, &decided.rule, generation, decided_by, origid];
            let facts = [&*signed.identity].into_iter().chain(facts);
            Reply::Array(facts.map(Reply::text).collect())
        }
    }
}

fn judged(judged: &Judged, form: VerifyForm) -> Reply {
    if let VerifyForm::Word = form {
        return Reply::text(judged.word());
    }
    let verstat = judged.verstat().as_str();
    let (attest, code, error, origid) = match &judged.outcome {
        Ok(attested) => (attested.attest.as_str(), String::new(), "", attested.origid.as_str()),
        Err(error) => ("", error.sip().code.to_string(), error.name(), ""),
    };
    Reply::Array([judged.word(), verstat, attest, &code, error, origid].map(Reply::text).to_vec())
}

fn refused(refusal: Refusal) -> Reply {
    let name = refusal.name();
    let class = match refusal.http_status() {
        _ if matches!(refusal, Refusal::Blocked(..)) => "BLOCKED",
        403 => "REFUSED",
        404 => "NOTOFFERED",
        400 => "ERR",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    Reply::error(match &refusal {
        Refusal::Unsignable(error) => format!("{class} {name}: {error}"),
        _ => format!("{class} {name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str) -> Result<(Request, Names), FieldError> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        read(&words, 17).unwrap_or_else(|| panic!("{line} is another command"))
    }

    #[test]
    fn the_trunk_is_the_word_without_a_partner() {
        for (line, trunk, call_id) in [
            ("STIR.SIGN 12155550121 12155550131", None, None),
            ("stir.sign +12155550121 12155550131 trunk-7", Some("trunk-7"), None),
            ("STIR.SIGN 12155550121 12155550131 trunk-7 call-id a@b", Some("trunk-7"), Some("a@b")),
            ("STIR.SIGN 12155550121 12155550131 call-id a@b trunk 9", Some("9"), Some("a@b")),
        ] {
            let (request, names) = read_line(line).unwrap();
            assert!(matches!(request, Request::Sign(..)));
            assert_eq!((names.trunk.as_deref(), names.call_id.as_deref()), (trunk, call_id), "{line}");
        }
    }

    #[test]
    fn words_that_make_no_request_are_told() {
        for line in [
            "STIR.SIGN",
            "STIR.SIGN 12155550121",
            "STIR.SIGN alice 12155550131",
            "STIR.SIGN 12155550121 12155550131 t attest",
            "STIR.SIGN 12155550121 12155550131 t trunk u",
            "STIR.SIGN 12155550121 12155550131 attest D",
            "STIR.SIGN 12155550121 12155550131 form word",
            "STIR.VERIFY",
            "STIR.VERIFY x 12155550121",
            "STIR.VERIFY x 12155550121 12155550131 date",
            "STIR.VERIFY x 12155550121 12155550131 attest A",
        ] {
            assert!(read_line(line).is_err(), "{line}");
        }
        assert!(read(&[b"STIR.SIGN", b"\xff", b"1"], 0).unwrap().is_err());
        assert!(read(&[b"STIR.OTHER"], 0).is_none() && read(&[], 0).is_none());
    }

    #[test]
    fn refusals_have_stable_names() {
        for (refusal, text) in [
            (Refusal::TrunkUnknown, "REFUSED TRUNK_UNKNOWN"),
            (Refusal::PptNotAllowed, "REFUSED PPT_NOT_ALLOWED"),
            (Refusal::NotOffered, "NOTOFFERED NOT_OFFERED"),
            (Refusal::Overload, "UNAVAILABLE overload"),
            (Refusal::Late, "UNAVAILABLE deadline"),
            (Refusal::Unsignable(shaken_core::Error::TnNotAuthorized), "REFUSED tn-not-authorized: "),
            (Refusal::Unsignable(shaken_core::Error::IatStale { age_s: 90 }), "ERR iat-stale: "),
        ] {
            let Reply::Error(told) = refused(refusal) else { panic!("no error") };
            assert!(told.starts_with(text), "{told}");
        }
    }
}
