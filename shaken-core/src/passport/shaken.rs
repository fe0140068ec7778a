//! PASSporT type `shaken` (RFC 8588): who may call, at which level, and where to trace it.

use crate::Error;
use crate::claims::{self, Attest, Dest, Orig};
use crate::json::{Reader, Text, write_string};
use crate::scan::prefix_len;
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
        match Self::read_canonical(payload) {
            Some(claims) => Ok(claims),
            None => Self::read_any(payload),
        }
    }

    /// A payload exactly as [`NewClaims::write`] writes it for one number that calls another: the
    /// only spelling of it that RFC 8225 §9 allows, and what nearly every token has. Takes half the
    /// time of reading JSON. Whatever is wrong with other payloads is for that to tell.
    fn read_canonical(payload: &'a [u8]) -> Option<(base::Claims<'a>, Self)> {
        let text = core::str::from_utf8(payload).ok()?;
        let (attest, rest) = until(b'"', text.strip_prefix(r#"{"attest":""#)?)?;
        let (dest, rest) = until(b'}', rest.strip_prefix(r#"","dest":{"tn":"#)?)?;
        let (iat, rest) = until(b',', rest.strip_prefix(r#"},"iat":"#)?)?;
        let (orig, rest) = until(b'"', rest.strip_prefix(r#","orig":{"tn":""#)?)?;
        let (origid, rest) = until(b'"', rest.strip_prefix(r#""},"origid":""#)?)?;
        let is_iat = !iat.starts_with('0') && iat.bytes().all(|b| b.is_ascii_digit());
        if rest != r#""}"# || !is_iat || !claims::is_origid(origid) || origid.contains('\\') {
            return None;
        }
        let dest = Dest::of_canonical_tn(dest)?;
        let base = base::Claims::of_numbers(dest, iat.parse().ok()?, Orig::of_canonical_tn(orig)?);
        Some((base, Self { attest: attest.parse().ok()?, origid: Text::without_escapes(origid) }))
    }

    fn read_any(payload: &'a [u8]) -> Result<(base::Claims<'a>, Self), Error> {
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

/// What stands in front of the next `end`, and the rest from there on.
fn until(end: u8, text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(prefix_len(text.as_bytes(), |b| b != end))
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

    fn shown(claims: (base::Claims<'_>, Claims<'_>)) -> String {
        let (base, own) = claims;
        let tns: Vec<_> = base.dest().tns().collect();
        assert!(tns.iter().all(|tn| base.dest().has_tn(tn)));
        let tns: Vec<_> = tns.iter().map(|tn| tn.as_str()).collect();
        let Orig::Tn(orig) = base.orig() else { panic!("a number") };
        let more = (base.dest().uris().count(), base.mky().is_some(), base.rich().is_ok());
        format!("{} {} {tns:?} {} {} {more:?}", own.attest(), own.origid(), base.iat(), orig.as_str())
    }

    /// Both ways to read a payload say the same, of every payload that the quick one takes.
    #[test]
    fn a_canonical_payload_reads_as_any_other() {
        let good = GOOD.as_bytes();
        assert!(Claims::read_canonical(good).is_some());
        let mut taken = 0;
        for at in 0..good.len() {
            for byte in 0..=u8::MAX {
                let changed = [&good[..at], &[byte], &good[at + 1..]].concat();
                let longer = [&good[..at], &[byte], &good[at..]].concat();
                let cut = [&good[..at], &good[at + 1..]].concat();
                for text in [changed, longer, cut] {
                    let Some(claims) = Claims::read_canonical(&text) else { continue };
                    taken += 1;
                    let any = Claims::read_any(&text).unwrap_or_else(|e| panic!("{e}: {byte} at {at}"));
                    assert_eq!(shown(claims), shown(any), "{byte} at {at}");
                }
            }
        }
        assert!(taken > 5_000, "{taken}");
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
