//! Requests as names and texts, which the quick API and the Redis protocol have in common, read into
//! those of [`crate::call`].
//!
//! A text that is empty counts as one that was not given: scripts send variables that are not set. A
//! name that is not known, and one given twice, is refused.

use std::fmt;

use shaken_core::claims::MAX_DEST;

use crate::call::{Party, SignRequest, VerifyRequest, Wanted};

/// What was given of a request.
#[derive(Default)]
pub(crate) struct Fields {
    from: Option<String>,
    to: Vec<String>,
    identity: Vec<String>,
    attest: Option<String>,
    origid: Option<String>,
    iat: Option<String>,
    diverting: Option<String>,
    date: Option<String>,
    /// The trunk that the request names.
    pub(crate) trunk: Option<String>,
    call_id: Option<String>,
    /// How the answer is to look.
    pub(crate) form: Option<String>,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    Missing { name: &'static str },
    Invalid { name: &'static str, why: &'static str },
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "parameter-missing {name}"),
            Self::Invalid { name, why } => write!(f, "parameter-invalid {name}: {why}"),
        }
    }
}

impl Fields {
    /// Takes in one field. Names are known in both cases and with `-` for `_`.
    pub(crate) fn put(&mut self, name: &str, text: String) -> Result<(), FieldError> {
        let (name, slot) = match name.to_ascii_lowercase().replace('-', "_").as_str() {
            "from" => ("from", &mut self.from),
            "attest" => ("attest", &mut self.attest),
            "origid" => ("origid", &mut self.origid),
            "iat" => ("iat", &mut self.iat),
            "diverting" => ("diverting", &mut self.diverting),
            "date" => ("date", &mut self.date),
            "trunk" => ("trunk", &mut self.trunk),
            "call_id" => ("call_id", &mut self.call_id),
            "form" => ("form", &mut self.form),
            several @ ("to" | "identity") => {
                let values = if several == "to" { &mut self.to } else { &mut self.identity };
                if !text.is_empty() {
                    values.push(text);
                }
                return Ok(());
            }
            _ => return Err(FieldError::Invalid { name: "name", why: "there is a field that is not known" }),
        };
        if slot.is_some() {
            return Err(FieldError::Invalid { name, why: "it is given twice" });
        }
        *slot = Some(text).filter(|text| !text.is_empty());
        Ok(())
    }

    /// The SIP Call-ID.
    pub(crate) fn call_id(&self) -> Result<Option<String>, FieldError> {
        let is_usable = |id: &String| id.len() <= MAX_CALL_ID_LEN && id.bytes().all(|b| b.is_ascii_graphic());
        if self.call_id.as_ref().is_some_and(|id| !is_usable(id)) {
            return Err(invalid("call_id", "1 to 256 printable characters are wanted"));
        }
        Ok(self.call_id.clone())
    }

    /// Which of `known` the answer is to look like; the first unless told.
    pub(crate) fn form<T: Copy>(&self, known: &[(&str, T)]) -> Result<T, FieldError> {
        let found = match &self.form {
            None => known.first(),
            Some(form) => known.iter().find(|(name, _)| form.eq_ignore_ascii_case(name)),
        };
        found.map(|(_, form)| *form).ok_or_else(|| invalid("form", "there is no such form of this answer"))
    }

    /// A call to sign; its time is `now` in seconds since 1970 unless told.
    pub(crate) fn into_sign(self, now: i64) -> Result<SignRequest, FieldError> {
        unwanted("date", self.date.as_ref())?;
        let level = |level: String| level.parse().map_err(|_| invalid("attest", "A, B or C is wanted"));
        Ok(SignRequest {
            wanted: Wanted::Shaken,
            attest: self.attest.map(level).transpose()?,
            orig: one(self.from)?,
            dest: called(self.to)?,
            iat: seconds("iat", self.iat, now)?,
            origid: self.origid,
            target: None,
            diverting: self.diverting.map(|number| party("diverting", number)).transpose()?,
            identity: self.identity,
        })
    }

    /// A call to verify; its Date is `now` unless told. Without an identity it has none.
    pub(crate) fn into_verify(self, now: i64) -> Result<VerifyRequest, FieldError> {
        unwanted("attest", self.attest.as_ref())?;
        unwanted("origid", self.origid.as_ref())?;
        unwanted("iat", self.iat.as_ref())?;
        unwanted("diverting", self.diverting.as_ref())?;
        Ok(VerifyRequest {
            orig: one(self.from)?,
            dest: called(self.to)?,
            target: None,
            resource_priority: None,
            priority: None,
            date: seconds("date", self.date, now)?,
            identity: self.identity,
        })
    }
}

fn one(number: Option<String>) -> Result<Party, FieldError> {
    party("from", number.ok_or(FieldError::Missing { name: "from" })?)
}

fn called(numbers: Vec<String>) -> Result<Vec<Party>, FieldError> {
    match numbers.len() {
        0 => Err(FieldError::Missing { name: "to" }),
        1..=MAX_DEST => numbers.into_iter().map(|number| party("to", number)).collect(),
        _ => Err(invalid("to", "1 to 32 numbers are wanted")),
    }
}

fn party(name: &'static str, received: String) -> Result<Party, FieldError> {
    Party::parse(received)
        .map_err(|_| invalid(name, "not a telephone number; digits, # and * with + - . ( ) are read"))
}

fn seconds(name: &'static str, text: Option<String>, now: i64) -> Result<u64, FieldError> {
    let Some(text) = text else { return Ok(u64::try_from(now).unwrap_or_default()) };
    text.parse().map_err(|_| invalid(name, "not a whole number of seconds"))
}

fn unwanted(name: &'static str, given: Option<&String>) -> Result<(), FieldError> {
    given.map_or(Ok(()), |_| Err(invalid(name, "it is not for this request")))
}

fn invalid(name: &'static str, why: &'static str) -> FieldError {
    FieldError::Invalid { name, why }
}

/// Longest Call-ID that is recorded.
pub(crate) const MAX_CALL_ID_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use shaken_core::Attest;

    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Result<Fields, FieldError> {
        let mut fields = Fields::default();
        pairs.iter().try_for_each(|(name, text)| fields.put(name, (*text).to_owned()))?;
        Ok(fields)
    }

    const CALL: [(&str, &str); 2] = [("from", "+1-215-555-0121"), ("to", " 12155550131")];

    #[test]
    fn a_call_to_sign() {
        let request = fields(&CALL).unwrap().into_sign(17).unwrap();
        assert_eq!((request.orig.tn.as_str(), request.iat, request.attest), ("12155550121", 17, None));
        assert_eq!((request.dest[0].tn.as_str(), request.origid), ("12155550131", None));
        assert_eq!(request.identity, Vec::<String>::new());
        let more = [("ATTEST", "B"), ("origid", ""), ("iat", "16"), ("Call-ID", "a@b"), ("to", "911")];
        let more = [&more[..], &[("identity", "one"), ("identity", "two")]].concat();
        let told = fields(&[&CALL[..], &more].concat()).unwrap();
        assert_eq!(told.call_id(), Ok(Some("a@b".to_owned())));
        let request = told.into_sign(17).unwrap();
        assert_eq!((request.dest.len(), request.iat, request.attest), (2, 16, Some(Attest::B)));
        assert_eq!(request.identity, ["one", "two"]);
    }

    #[test]
    fn a_call_to_verify() {
        let request = fields(&CALL).unwrap().into_verify(17).unwrap();
        assert_eq!((request.date, request.identity.len()), (17, 0));
        let more = [("identity", "one"), ("identity", ""), ("identity", "two"), ("date", "9")];
        let request = fields(&[&CALL[..], &more].concat()).unwrap().into_verify(17).unwrap();
        assert_eq!((request.date, request.identity), (9, vec!["one".to_owned(), "two".to_owned()]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "x".repeat(257);
        let with = |name, text| fields(&[CALL[0], CALL[1], (name, text)]);
        for (name, text, part) in
            [("attest", "D", "attest"), ("iat", "-1", "iat"), ("date", "1", "date"), ("to", "alice", "to")]
        {
            let error = with(name, text).and_then(|fields| fields.into_sign(0)).map(drop).unwrap_err();
            assert!(error.to_string().starts_with(&format!("parameter-invalid {part}: ")), "{error}");
        }
        for name in ["attest", "origid", "iat"] {
            assert!(with(name, "A").and_then(|fields| fields.into_verify(0)).is_err(), "{name}");
        }
        assert_eq!(with("from", "1").map(drop), Err(invalid("from", "it is given twice")));
        let unknown = with("2155550121", "2155550121").map(drop).unwrap_err().to_string();
        assert!(unknown.contains("not known") && !unknown.contains("555"), "{unknown}");
        let missing = |pair| fields(&[pair]).unwrap().into_sign(0).map(drop);
        assert_eq!(missing(CALL[0]), Err(FieldError::Missing { name: "to" }));
        assert_eq!(missing(CALL[1]), Err(FieldError::Missing { name: "from" }));
        let many = vec![("to", "1"); MAX_DEST + 1];
        assert!(fields(&[&CALL[..1], &many].concat()).unwrap().into_sign(0).is_err());
        assert!(with("call_id", "a b").unwrap().call_id().is_err());
        assert!(with("call_id", &long).unwrap().call_id().is_err());
        assert!(with("form", "x").unwrap().form(&[("value", ())]).is_err());
        assert_eq!(with("form", "TWO").unwrap().form(&[("one", 1), ("two", 2)]), Ok(2));
    }
}
