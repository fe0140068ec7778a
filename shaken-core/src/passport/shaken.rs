//! PASSporT type `shaken` (RFC 8588): who may call, at which level, and where to trace it.

use crate::Error;
use crate::claims::{self, Attest};
use crate::json::{Reader, Text, write_string};
use crate::sign::Unsigned;
use crate::write::Out;

use super::{Ppt, base, base::Claim};

/// The claims of a `shaken` PASSporT besides those of [`base`].
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    attest: Attest,
    origid: Text<'a>,
}

impl<'a> Claims<'a> {
    /// Reads a decoded payload. Claims beyond those of RFC 8588 are checked as JSON and passed
    /// over (RFC 8225 §8.3).
    ///
    /// # Errors
    /// Those of the base claims; [`Error::ClaimMissing`], [`Error::AttestInvalid`],
    /// [`Error::OrigIdInvalid`].
    pub(super) fn read(payload: &'a [u8]) -> Result<(base::Claims<'a>, Self), Error> {
        let (mut attest, mut origid) = (None, None);
        let base = base::Claims::read(payload, |reader, name| {
            match name.one_of(&["attest", "origid"]) {
                Some("attest") => attest = Some(read_attest(reader)?),
                Some("origid") => origid = Some(read_origid(reader)?),
                _ => return Ok(Claim::Unread),
            }
            Ok(Claim::Read)
        })?;
        Ok((
            base,
            Self { attest: claims::required(attest, "attest")?, origid: claims::required(origid, "origid")? },
        ))
    }

    /// Attestation level.
    #[must_use]
    pub fn attest(&self) -> Attest {
        self.attest
    }

    /// The signer's tracing value.
    #[must_use]
    pub fn origid(&self) -> Text<'a> {
        self.origid
    }
}

fn read_attest(reader: &mut Reader<'_>) -> Result<Attest, Error> {
    let text = reader.string()?.ok_or(Error::AttestInvalid)?;
    [Attest::A, Attest::B, Attest::C]
        .into_iter()
        .find(|level| text == *level.as_str())
        .ok_or(Error::AttestInvalid)
}

fn read_origid<'a>(reader: &mut Reader<'a>) -> Result<Text<'a>, Error> {
    let text = reader.string()?.ok_or(Error::OrigIdInvalid)?;
    // Every character of ASCII can be escaped; what needs more room than that is too long.
    let mut room = [0; claims::MAX_ORIGID_LEN];
    if text.resolve(&mut room).is_some_and(claims::is_origid) { Ok(text) } else { Err(Error::OrigIdInvalid) }
}

/// The claims of a `shaken` PASSporT to be signed: what we say about a call of our own.
#[derive(Clone, Copy, Debug)]
pub struct NewClaims<'a> {
    base: base::NewClaims<'a>,
    attest: Attest,
    origid: &'a str,
}

impl<'a> NewClaims<'a> {
    /// # Errors
    /// [`Error::OrigIdInvalid`] if `origid` is not 1 to [`claims::MAX_ORIGID_LEN`] characters of
    /// printable ASCII.
    pub fn new(base: base::NewClaims<'a>, attest: Attest, origid: &'a str) -> Result<Self, Error> {
        if !claims::is_origid(origid) {
            return Err(Error::OrigIdInvalid);
        }
        Ok(Self { base, attest, origid })
    }
}

impl Unsigned for NewClaims<'_> {
    fn ppt(&self) -> Ppt {
        Ppt::Shaken
    }

    fn base(&self) -> &base::NewClaims<'_> {
        &self.base
    }

    /// The one order that RFC 8588 §8 allows.
    fn write(&self, out: &mut Out<'_>) {
        out.push(b"{\"attest\":\"");
        out.push(self.attest.as_str().as_bytes());
        out.push(b"\",");
        self.base.write_dest(out);
        self.base.write_iat_and_mky(out);
        self.base.write_orig(out);
        out.push(b",\"origid\":");
        write_string(out, self.origid);
        self.base.write_rich(out);
        out.push(b"}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Party, TelephoneNumber};

    const GOOD: &str = r#"{"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#;

    fn party(number: &str) -> Party<'_> {
        Party::Number(TelephoneNumber::parse(number).unwrap())
    }

    fn read(payload: &str) -> Result<(base::Claims<'_>, Claims<'_>), Error> {
        Claims::read(payload.as_bytes())
    }

    #[test]
    fn what_is_written_is_canonical_and_reads_back() {
        let dest = [party("12155550131")];
        let call = base::NewClaims::new(party("12155550121"), &dest, 1_443_208_345).unwrap();
        let call = NewClaims::new(call, Attest::A, "123e4567-e89b-12d3-a456-426655440000").unwrap();
        let mut buffer = [0; 512];
        let mut out = Out::new(&mut buffer);
        call.write(&mut out);
        let payload = out.finish().unwrap();
        assert_eq!(payload, GOOD);

        let (base, claims) = read(payload).unwrap();
        assert_eq!((claims.attest(), base.iat()), (Attest::A, 1_443_208_345));
        assert!(party("12155550121").is(&base.orig()));
        assert!(dest[0].is_in(base.dest()));
    }

    #[test]
    fn each_claim_is_mandatory_and_typed() {
        for (claim, value, error) in [
            ("attest", r#""A""#, Error::AttestInvalid),
            ("dest", r#"{"tn":["12155550131"]}"#, Error::ClaimType { claim: "dest" }),
            ("iat", "1443208345", Error::ClaimType { claim: "iat" }),
            ("orig", r#"{"tn":"12155550121"}"#, Error::ClaimType { claim: "orig" }),
            ("origid", r#""123e4567-e89b-12d3-a456-426655440000""#, Error::OrigIdInvalid),
        ] {
            let member = format!("\"{claim}\":{value}");
            assert!(GOOD.contains(&member));
            let renamed = GOOD.replace(&format!("\"{claim}\":"), "\"x\":");
            assert_eq!(read(&renamed).err(), Some(Error::ClaimMissing { claim }));
            for wrong in ["null", "true", "[]", "-1", "\"\""] {
                let text = GOOD.replace(&member, &format!("\"{claim}\":{wrong}"));
                assert_eq!(read(&text).err(), Some(error), "{claim} {wrong}");
            }
        }
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        assert!(read(&GOOD.replace("\"iat\"", "\"\\u0069at\"")).is_ok());
    }

    #[test]
    fn unknown_claims_pass_and_still_must_be_json() {
        assert!(read(&GOOD.replace("{\"attest\"", "{\"zzz\":[{}],\"attest\"")).is_ok());
        let text = GOOD.replace("{\"attest\"", "{\"zzz\":NaN,\"attest\"");
        assert!(matches!(read(&text), Err(Error::JsonSyntax { .. })));
    }

    #[test]
    fn a_call_needs_a_destination_and_an_origid() {
        let dest = [party("12155550131")];
        let wrong = Error::ClaimType { claim: "dest" };
        assert_eq!(base::NewClaims::new(party("1"), &[], 0).err(), Some(wrong));
        let call = base::NewClaims::new(party("1"), &dest, 0).unwrap();
        for origid in ["", "a\nb", "\u{e9}"] {
            assert_eq!(NewClaims::new(call, Attest::C, origid).err(), Some(Error::OrigIdInvalid));
        }
    }
}
