//! A PASSporT in full form: compact JWS with a protected header (RFC 8225 §4, RFC 7515).
//!
//! In: the token of an Identity header. Out: the protected header's four members, the bytes of
//! the payload, the signature, and the bytes that were signed, exactly as received. The payload
//! is read by the file of its PASSporT type.

pub mod base;
mod claims;
pub mod div;
pub mod msg;
pub mod rcd;
pub mod rph;
pub mod shaken;

use core::fmt;

pub use claims::{Claims, Own, Ppt};

use crate::es256::{SIGNATURE_LEN, Signature, VerifyingKey};
use crate::json::{self, Reader, Text};
use crate::scan::prefix_len;
use crate::write::Out;
use crate::{Error, base64url};

/// Longest header segment that is read, before decoding. A protected header has four members of
/// which the longest, `x5u`, is bounded by 2,048 bytes.
const MAX_HEADER_LEN: usize = 4 * 1024;

/// Longest payload segment that is read, before decoding. Rich call data can exceed 4 KiB.
const MAX_PAYLOAD_LEN: usize = 16 * 1024;

/// Room for the decoded header and payload of one token, so that reading one needs no heap. Make
/// one per thread or connection and use it again for each call.
#[derive(Clone)]
pub struct Scratch {
    header: [u8; MAX_HEADER_LEN / 4 * 3],
    payload: [u8; MAX_PAYLOAD_LEN / 4 * 3],
}

impl Scratch {
    /// Empty room.
    #[must_use]
    pub const fn new() -> Self {
        Self { header: [0; MAX_HEADER_LEN / 4 * 3], payload: [0; MAX_PAYLOAD_LEN / 4 * 3] }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch")
    }
}

/// A token taken apart. Nothing is verified yet.
#[derive(Clone, Copy)]
pub struct Passport<'a> {
    jws: Jws<'a>,
    ppt: Option<Text<'a>>,
    x5u: Text<'a>,
}

impl<'a> Passport<'a> {
    /// Takes a token in full form apart.
    ///
    /// # Errors
    /// [`Error::TokenSegments`]; [`Error::TokenTooLarge`], [`Error::Base64Invalid`] for header
    /// and payload; the JSON errors of [`crate::json`]; [`Error::HeaderMemberMissing`], [`Error::AlgUnsupported`], [`Error::TypInvalid`],
    /// [`Error::PptUnsupported`] for a `ppt` that is no string, [`Error::X5uType`];
    /// [`Error::CritUnsupported`] for `crit`, `b64` and `zip`.
    pub fn decode(token: &'a str, scratch: &'a mut Scratch) -> Result<Self, Error> {
        Self::from_jws(Jws::decode(token, scratch)?)
    }

    /// Rebuilds a token in compact form, whose header and payload were left out, from what the
    /// call says (RFC 8225 §7, RFC 8224 §6.2).
    ///
    /// # Errors
    /// [`Error::TokenSegments`], [`Error::TokenTooLarge`], and those of
    /// [`decode`](Self::decode) for what was rebuilt.
    pub(crate) fn rebuild(
        token: &'a str,
        ppt: Ppt,
        x5u: &str,
        write_payload: impl FnOnce(&mut Out<'_>),
        scratch: &'a mut Scratch,
    ) -> Result<Self, Error> {
        let signature = match token.strip_prefix("..") {
            Some(signature) if !signature.contains('.') => signature,
            _ => return Err(Error::TokenSegments { count: token.split('.').count() }),
        };
        let mut header = Out::new(&mut scratch.header);
        write_header(&mut header, ppt, x5u);
        let header = header.finish().map_err(too_large)?;
        let (payload, signed) = scratch.payload.split_at_mut(MAX_PAYLOAD_LEN / 4);
        let mut payload = Out::new(payload);
        write_payload(&mut payload);
        let payload = payload.finish().map_err(too_large)?;
        let mut signed = Out::new(signed);
        signed.push_base64url(header.as_bytes());
        signed.push(b".");
        signed.push_base64url(payload.as_bytes());
        let signed = signed.finish().map_err(too_large)?;
        let (header, payload, signed) = (header.as_bytes(), payload.as_bytes(), signed.as_bytes());
        Self::from_jws(Jws { header, payload, signature, signed })
    }

    fn from_jws(jws: Jws<'a>) -> Result<Self, Error> {
        let header = Header::read(jws.header)?;
        if header
            .typ
            .ok_or(Error::HeaderMemberMissing { member: "typ" })?
            .is_none_or(|typ| typ != *"passport")
        {
            return Err(Error::TypInvalid);
        }
        let ppt = match header.ppt {
            None => None,
            Some(value) => Some(value.ok_or(Error::PptUnsupported)?),
        };
        let x5u = header.x5u.ok_or(Error::HeaderMemberMissing { member: "x5u" })?.ok_or(Error::X5uType)?;
        Ok(Self { jws, ppt, x5u })
    }

    /// The PASSporT type of the protected header; `None` for a base PASSporT.
    #[must_use]
    pub fn ppt(&self) -> Option<Text<'a>> {
        self.ppt
    }

    /// The certificate URL of the protected header.
    #[must_use]
    pub fn x5u(&self) -> Text<'a> {
        self.x5u
    }

    /// The decoded payload, not read yet.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.jws.payload
    }

    /// Decodes the signature.
    ///
    /// # Errors
    /// [`Error::SignatureLength`], [`Error::Base64Invalid`].
    pub fn signature(&self) -> Result<Signature, Error> {
        self.jws.signature()
    }

    /// The received bytes that the signature covers.
    #[must_use]
    pub fn signed(&self) -> &'a [u8] {
        self.jws.signed
    }
}

impl fmt::Debug for Passport<'_> {
    /// Shows no part of the token: it is good for a minute, and holds telephone numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passport({} bytes signed)", self.jws.signed.len())
    }
}

/// Verifies the signature of a token in full form and nothing else: no `typ`, no claims, no
/// certificate, so nothing is trusted afterwards. For tools that look into old or foreign tokens.
///
/// # Errors
/// [`Error::TokenSegments`], [`Error::TokenTooLarge`], [`Error::Base64Invalid`],
/// [`Error::SignatureLength`], the JSON errors of [`crate::json`] for the protected header,
/// [`Error::HeaderMemberMissing`] and [`Error::AlgUnsupported`] for `alg`,
/// [`Error::CritUnsupported`], [`Error::SignatureInvalid`].
pub fn check_signature(token: &str, key: &VerifyingKey, scratch: &mut Scratch) -> Result<(), Error> {
    let jws = Jws::decode(token, scratch)?;
    Header::read(jws.header)?;
    key.verify(jws.signed, &jws.signature()?)
}

/// What does not fit into room of our own is no fault of the caller's buffer.
fn too_large(error: Error) -> Error {
    match error {
        Error::BufferTooSmall { needed_bytes } => Error::TokenTooLarge { len_bytes: needed_bytes },
        error => error,
    }
}

/// `{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"…"}`: names in lexicographic order, no
/// white space (RFC 8225 §9).
pub(crate) fn write_header(out: &mut Out<'_>, ppt: Ppt, x5u: &str) {
    out.push(b"{\"alg\":\"ES256\",");
    if let Some(ppt) = ppt.as_str() {
        out.push(b"\"ppt\":\"");
        out.push(ppt.as_bytes());
        out.push(b"\",");
    }
    out.push(b"\"typ\":\"passport\",\"x5u\":");
    json::write_string(out, x5u);
    out.push(b"}");
}

/// [`write_header`] of a `shaken`, up to its `x5u`.
const CANONICAL_SHAKEN_OPEN: &[u8] = br#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":""#;
const CANONICAL_CLOSE: &[u8] = br#""}"#;

/// Splits a token in full form into header, payload and signature, none of them decoded.
///
/// # Errors
/// [`Error::TokenSegments`] if there are not exactly three (RFC 7515 §3.1).
pub fn segments<'t>(token: &'t str) -> Result<[&'t str; 3], Error> {
    let next = |rest: &'t str| {
        let (segment, rest) = rest.split_at_checked(prefix_len(rest.as_bytes(), |b| b != b'.'))?;
        Some((segment, rest.strip_prefix('.')))
    };
    let wrong = || Error::TokenSegments { count: token.split('.').count() };
    let (header, rest) = next(token).ok_or_else(wrong)?;
    let (payload, rest) = rest.and_then(next).ok_or_else(wrong)?;
    match rest.and_then(next) {
        Some((signature, None)) => Ok([header, payload, signature]),
        _ => Err(wrong()),
    }
}

/// The three parts of a compact JWS (RFC 7515 §7.1), header and payload decoded.
#[derive(Clone, Copy)]
struct Jws<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a str,
    signed: &'a [u8],
}

impl<'a> Jws<'a> {
    fn decode(token: &'a str, scratch: &'a mut Scratch) -> Result<Self, Error> {
        let [header, payload, signature] = segments(token)?;
        let signed_len = header.len() + 1 + payload.len();

        Ok(Self {
            header: base64url::decode(header.as_bytes(), &mut scratch.header)?,
            payload: base64url::decode(payload.as_bytes(), &mut scratch.payload)?,
            signature,
            signed: token.as_bytes().get(..signed_len).unwrap_or_default(),
        })
    }

    fn signature(&self) -> Result<Signature, Error> {
        let len_bytes = self.signature.len() * 3 / 4;
        if len_bytes != SIGNATURE_LEN {
            return Err(Error::SignatureLength { len_bytes });
        }
        let mut bytes = [0; SIGNATURE_LEN];
        base64url::decode(self.signature.as_bytes(), &mut bytes)?;
        Ok(Signature::from_bytes(bytes))
    }
}

/// The members of a protected header that a PASSporT has (RFC 8225 §4). `alg` is known to be
/// ES256; the others are as found: absent, present, or of another type than string.
pub(crate) struct Header<'a> {
    pub(crate) typ: Option<Option<Text<'a>>>,
    ppt: Option<Option<Text<'a>>>,
    pub(crate) x5u: Option<Option<Text<'a>>>,
}

impl<'a> Header<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        // Nearly every token that a carrier receives.
        if let Some(header) = Self::read_canonical_shaken(bytes) {
            return Ok(header);
        }
        Self::read_any(bytes)
    }

    /// The header of a `shaken` exactly as [`write_header`] writes it, with an `x5u` that needs no
    /// escapes: found in a tenth of the time that reading JSON takes.
    fn read_canonical_shaken(bytes: &'a [u8]) -> Option<Self> {
        let x5u = bytes.strip_prefix(CANONICAL_SHAKEN_OPEN)?.strip_suffix(CANONICAL_CLOSE)?;
        let needs_no_escape = |b: u8| (b' '..0x7f).contains(&b) & (b != b'"') & (b != b'\\');
        if prefix_len(x5u, needs_no_escape) != x5u.len() {
            return None;
        }
        let x5u = core::str::from_utf8(x5u).ok()?;
        let member = |value| Some(Some(Text::without_escapes(value)));
        Some(Self { typ: member("passport"), ppt: member("shaken"), x5u: member(x5u) })
    }

    fn read_any(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut alg = None;
        let mut header = Self { typ: None, ppt: None, x5u: None };
        let mut reader = Reader::new(bytes)?;
        reader
            .object(|reader, name| {
                let member = match name.one_of(&["alg", "typ", "ppt", "x5u", "crit", "b64", "zip"]) {
                    Some("alg") => &mut alg,
                    Some("typ") => &mut header.typ,
                    Some("ppt") => &mut header.ppt,
                    Some("x5u") => &mut header.x5u,
                    // RFC 7515 §4.1.11: a critical extension that is not understood voids the
                    // token; RFC 7797 and `zip` would change what the signature covers.
                    Some("crit" | "b64" | "zip") => return Err(Error::CritUnsupported),
                    // Others, `kid`, `jwk`, `jku` and `x5c` among them, never select a key.
                    _ => return reader.skip(),
                };
                *member = Some(reader.string()?);
                Ok(())
            })?
            .ok_or(Error::JsonSyntax { offset: 0 })?;
        reader.finish()?;
        if alg.ok_or(Error::HeaderMemberMissing { member: "alg" })?.is_none_or(|alg| alg != *"ES256") {
            return Err(Error::AlgUnsupported);
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<(), Error> {
        let mut buffer = [0; 1024];
        let mut token = Out::new(&mut buffer);
        token.push_base64url(text.as_bytes());
        token.push(b".e30.");
        token.push_base64url(&[0; SIGNATURE_LEN]);
        Passport::decode(token.finish()?, &mut Scratch::new()).map(drop)
    }

    #[test]
    fn header_members_are_compared_exactly() {
        let good = r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://a.example/b"}"#;
        assert_eq!(header(good), Ok(()));
        for (from, to, error) in [
            (r#""ES256""#, r#""es256""#, Error::AlgUnsupported),
            (r#""ES256""#, r#""none""#, Error::AlgUnsupported),
            (r#""ES256""#, r#"["ES256"]"#, Error::AlgUnsupported),
            (r#""ES256""#, "null", Error::AlgUnsupported),
            (r#""alg""#, r#""ALG""#, Error::HeaderMemberMissing { member: "alg" }),
            (r#""passport""#, r#""JWT""#, Error::TypInvalid),
            (r#""typ""#, r#""Typ""#, Error::HeaderMemberMissing { member: "typ" }),
            (r#""shaken""#, "1", Error::PptUnsupported),
            (r#""https://a.example/b""#, "{}", Error::X5uType),
            (r#""x5u""#, r#""x5c""#, Error::HeaderMemberMissing { member: "x5u" }),
            (r#"{"alg""#, r#"{"crit":["exp"],"alg""#, Error::CritUnsupported),
            (r#"{"alg""#, r#"{"cr\u0069t":["exp"],"alg""#, Error::CritUnsupported),
            (r#"{"alg""#, r#"{"b64":false,"alg""#, Error::CritUnsupported),
            (r#"{"alg""#, r#"{"zip":"DEF","alg""#, Error::CritUnsupported),
        ] {
            assert_eq!(header(&good.replace(from, to)), Err(error), "{from} -> {to}");
        }
        for text in ["[]", "null", "\"x\"", "1"] {
            assert_eq!(header(text), Err(Error::JsonSyntax { offset: 0 }));
        }
    }

    /// Both ways to read a header say the same, of every header that the quick one takes, and it takes
    /// what is written.
    #[test]
    fn a_canonical_header_reads_as_any_other() {
        let mut room = [0; 256];
        let mut out = Out::new(&mut room);
        write_header(&mut out, Ppt::Shaken, "https://a.example/b");
        let good = out.finish().unwrap().as_bytes().to_vec();
        let members = |header: Header<'_>| {
            [header.typ, header.ppt, header.x5u].map(|member| member.flatten().unwrap().to_string())
        };
        assert!(Header::read_canonical_shaken(&good).is_some());
        let mut taken = 0;
        for at in 0..good.len() {
            for byte in 0..=u8::MAX {
                let mut changed = good.clone();
                changed[at] = byte;
                let mut longer = good.clone();
                longer.insert(at, byte);
                let mut shorter = good.clone();
                shorter.remove(at);
                for text in [changed, longer, shorter] {
                    let Some(header) = Header::read_canonical_shaken(&text) else { continue };
                    taken += 1;
                    let as_any = Header::read_any(&text).unwrap_or_else(|e| panic!("{e} at {at}: {byte}"));
                    assert_eq!(members(header), members(as_any));
                }
            }
        }
        assert!(taken > 5_000, "{taken}");
    }

    #[test]
    fn three_segments_no_more_no_less() {
        for (token, count) in [("a", 1), ("a.b", 2), ("a.b.c.d", 4), ("", 1)] {
            assert_eq!(segments(token), Err(Error::TokenSegments { count }));
        }
    }

    #[test]
    fn segment_sizes_are_bounded() {
        let long = "A".repeat(MAX_HEADER_LEN + 4);
        let mut scratch = Scratch::new();
        for token in
            [format!("{long}.e30.{}", "A".repeat(86)), format!("e30.{}.AA", "A".repeat(MAX_PAYLOAD_LEN + 4))]
        {
            assert!(matches!(Passport::decode(&token, &mut scratch), Err(Error::TokenTooLarge { .. })));
        }
    }
}
