//! PASSporT type `shaken` (RFC 8588): who may call, at which level, and where to trace it.

use arrayvec::ArrayVec;

use crate::claims::{self, Attest, Dest, Orig};
use crate::json::{self, Reader, Text};
use crate::write::Out;
use crate::{Error, TelephoneNumber};

/// The value of `ppt`.
pub const PPT: &str = "shaken";

/// The claims of a `shaken` PASSporT as received: complete and of the right form, not yet
/// compared with anything.
#[derive(Clone, Debug)]
pub struct Claims<'a> {
    attest: Attest,
    dest: Dest<'a>,
    iat: u64,
    orig: Orig<'a>,
    origid: Text<'a>,
}

impl<'a> Claims<'a> {
    /// Reads a decoded payload. Claims beyond those of RFC 8588 are checked as JSON and passed
    /// over (RFC 8225 §8.3).
    ///
    /// # Errors
    /// The JSON errors of [`crate::json`]; [`Error::ClaimMissing`], [`Error::ClaimType`],
    /// [`Error::AttestInvalid`], [`Error::OrigIdInvalid`], [`Error::TnNotCanonical`],
    /// [`Error::DestTooMany`].
    pub fn read(payload: &'a [u8]) -> Result<Self, Error> {
        let (mut attest, mut dest, mut iat, mut orig, mut origid) = (None, None, None, None, None);
        let mut reader = Reader::new(payload)?;
        reader
            .object(|reader, name| {
                match name.one_of(&["attest", "dest", "iat", "orig", "origid"]) {
                    Some("attest") => attest = Some(read_attest(reader)?),
                    Some("dest") => dest = Some(claims::read_dest(reader)?),
                    Some("iat") => iat = Some(reader.unsigned()?.ok_or(Error::ClaimType { claim: "iat" })?),
                    Some("orig") => orig = Some(claims::read_orig(reader)?),
                    Some("origid") => origid = Some(read_origid(reader)?),
                    _ => reader.skip()?,
                }
                Ok(())
            })?
            .ok_or(Error::JsonSyntax { offset: 0 })?;
        reader.finish()?;

        Ok(Self {
            attest: claims::required(attest, "attest")?,
            dest: claims::required(dest, "dest")?,
            iat: claims::required(iat, "iat")?,
            orig: claims::required(orig, "orig")?,
            origid: claims::required(origid, "origid")?,
        })
    }

    /// Attestation level.
    #[must_use]
    pub fn attest(&self) -> Attest {
        self.attest
    }

    /// Called numbers and URIs.
    #[must_use]
    pub fn dest(&self) -> &Dest<'a> {
        &self.dest
    }

    /// When the call was signed, in seconds since 1970.
    #[must_use]
    pub fn iat(&self) -> u64 {
        self.iat
    }

    /// The calling number or URI.
    #[must_use]
    pub fn orig(&self) -> Orig<'a> {
        self.orig
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
    if claims::is_origid(text.chars()) { Ok(text) } else { Err(Error::OrigIdInvalid) }
}

/// The claims of a `shaken` PASSporT to be signed: what we say about a call of our own.
#[derive(Clone, Copy, Debug)]
pub struct NewClaims<'a> {
    attest: Attest,
    orig: TelephoneNumber,
    dest: &'a [TelephoneNumber],
    origid: &'a str,
    iat: u64,
}

impl<'a> NewClaims<'a> {
    /// `iat` is the time of the call in seconds since 1970; the number in `dest` is that of the
    /// To header (RFC 8224 §4.1). Several are signed in lexicographic order (RFC 8225 §5.2.1).
    ///
    /// # Errors
    /// [`Error::ClaimType`] if `dest` is empty, [`Error::DestTooMany`] if it has more than
    /// [`claims::MAX_DEST`] entries, [`Error::OrigIdInvalid`].
    pub fn new(
        attest: Attest,
        orig: TelephoneNumber,
        dest: &'a [TelephoneNumber],
        origid: &'a str,
        iat: u64,
    ) -> Result<Self, Error> {
        if dest.is_empty() {
            return Err(Error::ClaimType { claim: "dest" });
        }
        if dest.len() > claims::MAX_DEST {
            return Err(Error::DestTooMany);
        }
        if !claims::is_origid(origid.chars()) {
            return Err(Error::OrigIdInvalid);
        }
        Ok(Self { attest, orig, dest, origid, iat })
    }

    /// The calling number.
    pub(crate) fn orig(&self) -> TelephoneNumber {
        self.orig
    }

    /// When the call is signed, in seconds since 1970.
    pub(crate) fn iat(&self) -> u64 {
        self.iat
    }

    /// Writes the payload in the one order that RFC 8588 §8 allows.
    pub(crate) fn write(&self, out: &mut Out<'_>) {
        out.push(b"{\"attest\":\"");
        out.push(self.attest.as_str().as_bytes());
        out.push(b"\",\"dest\":{\"tn\":[");
        let mut dest: ArrayVec<TelephoneNumber, { claims::MAX_DEST }> = self.dest.iter().copied().collect();
        dest.sort_unstable();
        for (i, tn) in dest.iter().enumerate() {
            out.push(if i == 0 { b"\"" } else { b",\"" });
            out.push(tn.as_str().as_bytes());
            out.push(b"\"");
        }
        out.push(b"]},\"iat\":");
        out.push_decimal(self.iat);
        out.push(b",\"orig\":{\"tn\":\"");
        out.push(self.orig.as_str().as_bytes());
        out.push(b"\"},\"origid\":");
        json::write_string(out, self.origid);
        out.push(b"}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#;

    fn tn(text: &str) -> TelephoneNumber {
        TelephoneNumber::parse(text).unwrap()
    }

    #[test]
    fn what_is_written_is_canonical_and_reads_back() {
        let dest = [tn("12155550131")];
        let call = NewClaims::new(
            Attest::A,
            tn("12155550121"),
            &dest,
            "123e4567-e89b-12d3-a456-426655440000",
            1_443_208_345,
        )
        .unwrap();
        let mut buffer = [0; 512];
        let mut out = Out::new(&mut buffer);
        call.write(&mut out);
        let payload = out.finish().unwrap();
        assert_eq!(payload, GOOD);

        let claims = Claims::read(payload.as_bytes()).unwrap();
        assert_eq!((claims.attest(), claims.iat()), (Attest::A, 1_443_208_345));
        assert_eq!(claims.orig(), Orig::Tn(tn("12155550121")));
        assert_eq!(claims.dest().tns(), dest);
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
            assert_eq!(Claims::read(renamed.as_bytes()).err(), Some(Error::ClaimMissing { claim }));
            for wrong in ["null", "true", "[]", "-1", "\"\""] {
                let text = GOOD.replace(&member, &format!("\"{claim}\":{wrong}"));
                assert_eq!(Claims::read(text.as_bytes()).err(), Some(error), "{claim} {wrong}");
            }
        }
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        assert!(Claims::read(GOOD.replace("\"iat\"", "\"\\u0069at\"").as_bytes()).is_ok());
    }

    #[test]
    fn unknown_claims_pass_and_still_must_be_json() {
        assert!(Claims::read(GOOD.replace("{\"attest\"", "{\"zzz\":[{}],\"attest\"").as_bytes()).is_ok());
        let text = GOOD.replace("{\"attest\"", "{\"zzz\":NaN,\"attest\"");
        assert!(matches!(Claims::read(text.as_bytes()), Err(Error::JsonSyntax { .. })));
    }

    #[test]
    fn a_call_needs_a_destination_and_an_origid() {
        let dest = [tn("12155550131")];
        for (dest, origid, error) in [
            (&dest[..0], "x", Error::ClaimType { claim: "dest" }),
            (&dest[..], "", Error::OrigIdInvalid),
            (&dest[..], "a\nb", Error::OrigIdInvalid),
        ] {
            assert_eq!(NewClaims::new(Attest::C, tn("1"), dest, origid, 0).err(), Some(error));
        }
    }
}
