//! The `mky` claim: the fingerprints of the keys that protect the media (RFC 8225 §5.2.2,
//! RFC 8122 §5).
//!
//! In: the SDP body of a request, and the claim of a token. Out: the array of the claim, and
//! whether the two name the same keys. Nothing else of the SDP is read.

use core::cmp::Ordering;
use core::fmt;

use arrayvec::ArrayVec;

use crate::Error;
use crate::json::{Raw, Reader, Text};
use crate::write::Out;

/// How many different fingerprints one SDP may have. A session has one or two keys; each may be
/// hashed by several functions.
pub const MAX_FINGERPRINTS: usize = 16;

/// Longest name of a hash function that is read.
const MAX_ALG_LEN: usize = 32;

/// Longest digest that is read: that of SHA-512.
const MAX_DIGEST_LEN: usize = 64;

/// The fingerprints of an SDP in the order of the `mky` claim, each once. At most
/// [`MAX_FINGERPRINTS`], borrowed from the SDP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprints<'a> {
    sorted: ArrayVec<Fingerprint<'a>, MAX_FINGERPRINTS>,
}

impl<'a> Fingerprints<'a> {
    /// Collects the `a=fingerprint` lines of session and media sections.
    ///
    /// Lines may end with CR LF, LF or CR, and the attribute name may be in any case: if an
    /// endpoint could take a line for a fingerprint, so must this reader.
    ///
    /// # Errors
    /// [`Error::SdpFingerprint`] for a line that is not `a=fingerprint:<hash function> <hex>`, the
    /// hash function a token of 1 to 32 bytes and the digest 1 to 64 bytes, separated by colons
    /// (RFC 8122 §5); [`Error::SdpFingerprintLimit`] for more than [`MAX_FINGERPRINTS`].
    pub fn from_sdp(sdp: &'a [u8]) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut offset = 0;
        for line in sdp.split(|b| matches!(b, b'\r' | b'\n')) {
            if let Some(value) = fingerprint_value(line) {
                let fingerprint = Fingerprint::parse(value).ok_or(Error::SdpFingerprint { offset })?;
                found.insert(fingerprint)?;
            }
            offset += line.len() + 1;
        }
        Ok(found)
    }

    /// Whether the SDP has no fingerprint. Then a PASSporT has no `mky` claim.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Writes the array of the `mky` claim: hash functions in lower case, digests without colons
    /// and in the case of the SDP.
    pub fn write_mky(&self, out: &mut Out<'_>) {
        out.push(b"[");
        for (i, fingerprint) in self.sorted.iter().enumerate() {
            out.push(if i == 0 { br#"{"alg":""# } else { br#",{"alg":""# });
            fingerprint.alg().for_each(|byte| out.push(&[byte]));
            out.push(br#"","dig":""#);
            fingerprint.dig().for_each(|byte| out.push(&[byte]));
            out.push(br#""}"#);
        }
        out.push(b"]");
    }

    /// Whether a received `mky` claim holds these fingerprints and no others, in any order. Names
    /// of hash functions and hex digits are compared without regard to case.
    ///
    /// # Errors
    /// [`Error::ClaimType`] for `mky` if the claim is no array of at least one object with the
    /// strings `alg` and `dig`, the latter 1 to 64 bytes in hex; the JSON errors of
    /// [`crate::json`].
    pub fn matches(&self, mky: Raw<'_>) -> Result<bool, Error> {
        let mut claimed = [false; MAX_FINGERPRINTS];
        let (mut is_empty, mut all_known) = (true, true);
        mky.reader()
            .array(|reader| {
                let (alg, dig) = read_entry(reader)?;
                is_empty = false;
                let mut known = false;
                for (fingerprint, claimed) in self.sorted.iter().zip(&mut claimed) {
                    if fingerprint.is(alg, dig) {
                        (known, *claimed) = (true, true);
                    }
                }
                all_known &= known;
                Ok(())
            })?
            .ok_or(WRONG)?;
        if is_empty {
            return Err(WRONG);
        }
        Ok(all_known && self.sorted.iter().zip(claimed).all(|(_, claimed)| claimed))
    }

    fn insert(&mut self, fingerprint: Fingerprint<'a>) -> Result<(), Error> {
        match self.sorted.binary_search(&fingerprint) {
            Ok(_) => Ok(()),
            Err(at) => self.sorted.try_insert(at, fingerprint).map_err(|_| Error::SdpFingerprintLimit),
        }
    }
}

/// One fingerprint as the SDP writes it. Equal and ordered as it stands in the claim: by the bytes
/// of `alg` and `dig`, joined without a separator (RFC 8225 §5.2.2).
#[derive(Clone, Copy)]
struct Fingerprint<'a> {
    alg: &'a [u8],
    /// Pairs of hex digits joined by colons.
    hex: &'a [u8],
}

impl<'a> Fingerprint<'a> {
    /// ```text
    /// hash-func SP fingerprint
    /// hash-func   = token
    /// fingerprint = 2UHEX *(":" 2UHEX)
    /// ```
    /// Lower-case digits and more white space are read too.
    fn parse(value: &'a [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let alg_len = value.iter().position(u8::is_ascii_whitespace)?;
        let (alg, hex) = value.split_at_checked(alg_len)?;
        let hex = hex.trim_ascii_start();
        let mut pairs = hex.split(|b| *b == b':');
        let is_digest = hex.len() < MAX_DIGEST_LEN * 3
            && pairs.all(|pair| pair.len() == 2 && is_hex(pair.iter().copied()));
        let is_alg = (1..=MAX_ALG_LEN).contains(&alg.len()) && alg.iter().all(|b| is_token_byte(*b));
        (is_alg && is_digest).then_some(Self { alg, hex })
    }

    fn alg(&self) -> impl Iterator<Item = u8> {
        self.alg.iter().map(u8::to_ascii_lowercase)
    }

    fn dig(&self) -> impl Iterator<Item = u8> {
        self.hex.iter().copied().filter(|b| *b != b':')
    }

    fn is(&self, alg: Text<'_>, dig: Text<'_>) -> bool {
        let lower = |c: char| c.to_ascii_lowercase();
        alg.chars().map(lower).eq(self.alg().map(char::from))
            && dig.chars().map(lower).eq(self.dig().map(char::from).map(lower))
    }
}

impl Ord for Fingerprint<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.alg().chain(self.dig()).cmp(other.alg().chain(other.dig()))
    }
}

impl PartialOrd for Fingerprint<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fingerprint<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fingerprint<'_> {}

impl fmt::Debug for Fingerprint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.alg).unwrap_or_default())
    }
}

/// What stands behind `a=fingerprint:`, if `line` is that attribute.
fn fingerprint_value(line: &[u8]) -> Option<&[u8]> {
    let attribute = line.strip_prefix(b"a=")?;
    let (name, value) = attribute.split_at_checked(b"fingerprint".len())?;
    let value = value.strip_prefix(b":")?;
    name.eq_ignore_ascii_case(b"fingerprint").then_some(value)
}

/// Reads `{"alg":"…","dig":"…"}`; other members are passed over.
fn read_entry<'a>(reader: &mut Reader<'a>) -> Result<(Text<'a>, Text<'a>), Error> {
    let (mut alg, mut dig) = (None, None);
    reader
        .object(|reader, name| {
            let member = match name.one_of(&["alg", "dig"]) {
                Some("alg") => &mut alg,
                Some("dig") => &mut dig,
                _ => return reader.skip(),
            };
            *member = reader.string()?;
            Ok(())
        })?
        .ok_or(WRONG)?;
    let (alg, dig): (Text<'a>, Text<'a>) = alg.zip(dig).ok_or(WRONG)?;
    let digit_count = dig.chars().count();
    let is_digest = digit_count % 2 == 0
        && (2..=MAX_DIGEST_LEN * 2).contains(&digit_count)
        && is_hex(dig.chars().map(|c| u8::try_from(c).unwrap_or(u8::MAX)));
    if is_digest { Ok((alg, dig)) } else { Err(WRONG) }
}

fn is_hex(mut bytes: impl Iterator<Item = u8>) -> bool {
    bytes.all(|b| b.is_ascii_hexdigit())
}

/// `token-char` of RFC 8866 §9, of which a JSON string needs to escape none.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte)
}

const WRONG: Error = Error::ClaimType { claim: "mky" };

#[cfg(test)]
mod tests {
    use super::*;

    fn written(sdp: &str) -> Result<String, Error> {
        let mut buffer = [0; 4096];
        let mut out = Out::new(&mut buffer);
        Fingerprints::from_sdp(sdp.as_bytes())?.write_mky(&mut out);
        out.finish().map(str::to_owned)
    }

    fn matches(sdp: &str, claim: &str) -> Result<bool, Error> {
        let raw = Reader::new(claim.as_bytes()).unwrap().raw().unwrap();
        Fingerprints::from_sdp(sdp.as_bytes()).unwrap().matches(raw)
    }

    #[test]
    fn lines_of_all_sections_are_sorted_and_each_stands_once() {
        let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\na=fingerprint:sha-256 AB:01\r\nm=audio 9 x 0\n\
            a=fingerprint:SHA-1 0f\ra=Fingerprint: sha-256\t AB:01 \r\nm=video 9 x 0\r\n\
            a=fingerprint:sha-256 02:FF\r\na=fingerprints:x\r\nb=fingerprint:x";
        assert_eq!(
            written(sdp).unwrap(),
            r#"[{"alg":"sha-1","dig":"0f"},{"alg":"sha-256","dig":"02FF"},{"alg":"sha-256","dig":"AB01"}]"#
        );
        assert!(Fingerprints::from_sdp(b"v=0\r\n").unwrap().is_empty());
        assert!(!Fingerprints::from_sdp(sdp.as_bytes()).unwrap().is_empty());
        // The key has no separator, so a digit of the digest may stand before one of the name.
        assert_eq!(
            written("a=fingerprint:md2 50\na=fingerprint:md 25:51").unwrap(),
            r#"[{"alg":"md2","dig":"50"},{"alg":"md","dig":"2551"}]"#
        );
    }

    #[test]
    fn a_malformed_line_has_its_place() {
        for value in [
            "",
            "sha-256",
            "sha-256 ",
            "sha-256 4",
            "sha-256 4A:",
            "sha-256 :4A",
            "sha-256 4A::4B",
            "sha-256 4A4B",
            "sha-256 4A:4G",
            "sha-256 4A 4B",
            "sha\"256 4A",
            "s\u{e9} 4A",
            &format!("{} 4A", "s".repeat(33)),
            &format!("sha-512 4A{}", ":4A".repeat(64)),
        ] {
            let sdp = format!("v=0\r\na=fingerprint:{value}\r\n");
            assert_eq!(written(&sdp), Err(Error::SdpFingerprint { offset: 5 }), "{value:?}");
        }
        for value in [&format!("{} 4A", "s".repeat(32)), &format!("sha-512 4A{}", ":4A".repeat(63))] {
            assert!(written(&format!("a=fingerprint:{value}")).is_ok(), "{value:?}");
        }
    }

    #[test]
    fn sixteen_different_ones_are_read() {
        let mut sdp = String::new();
        for i in 0..16 {
            sdp += &format!("a=fingerprint:sha-256 {i:02X}\n").repeat(2);
        }
        assert!(written(&sdp).is_ok());
        assert_eq!(written(&(sdp + "a=fingerprint:sha-256 10")), Err(Error::SdpFingerprintLimit));
    }

    #[test]
    fn claim_and_sdp_must_name_the_same_keys() {
        let sdp = "a=fingerprint:sha-256 AB:01\na=fingerprint:sha-1 0f";
        for (claim, same) in [
            (r#"[{"alg":"sha-1","dig":"0f"},{"alg":"sha-256","dig":"AB01"}]"#, true),
            (r#"[ {"dig":"ab01","alg":"SHA-256","x":[1]}, {"alg":"sha-1","dig":"\u0030F"} ]"#, true),
            (
                r#"[{"alg":"sha-1","dig":"0f"},{"alg":"sha-1","dig":"0F"},{"alg":"sha-256","dig":"AB01"}]"#,
                true,
            ),
            (r#"[{"alg":"sha-1","dig":"0f"}]"#, false),
            (r#"[{"alg":"sha-1","dig":"0f"},{"alg":"sha-1","dig":"0f"}]"#, false),
            (r#"[{"alg":"sha-1","dig":"0f"},{"alg":"sha-256","dig":"AB"}]"#, false),
            (
                r#"[{"alg":"sha-1","dig":"0f"},{"alg":"sha-256","dig":"AB01"},{"alg":"sha-256","dig":"02"}]"#,
                false,
            ),
            (r#"[{"alg":"sha-256","dig":"0f"},{"alg":"sha-1","dig":"AB01"}]"#, false),
        ] {
            assert_eq!(matches(sdp, claim), Ok(same), "{claim}");
        }
        assert_eq!(matches("v=0", r#"[{"alg":"sha-1","dig":"0f"}]"#), Ok(false));
    }

    #[test]
    fn one_fingerprint_in_two_spellings_is_one() {
        let sdp = "a=fingerprint:sha-1 0f\na=fingerprint:sha-1 0F";
        assert_eq!(matches(sdp, r#"[{"alg":"sha-1","dig":"0F"}]"#), Ok(true));
    }

    #[test]
    fn a_malformed_claim_is_refused() {
        for claim in [
            "[]",
            "{}",
            "null",
            r#""sha-1""#,
            "[1]",
            "[[]]",
            r#"[{"alg":"sha-1"}]"#,
            r#"[{"dig":"0f"}]"#,
            r#"[{"alg":1,"dig":"0f"}]"#,
            r#"[{"alg":"sha-1","dig":null}]"#,
            r#"[{"alg":"sha-1","dig":""}]"#,
            r#"[{"alg":"sha-1","dig":"0"}]"#,
            r#"[{"alg":"sha-1","dig":"0f:0f"}]"#,
            r#"[{"alg":"sha-1","dig":"0g"}]"#,
            r#"[{"alg":"sha-1","dig":"0f"},{"alg":"sha-1","dig":"\u0660\u0661"}]"#,
        ] {
            assert_eq!(matches("a=fingerprint:sha-1 0f", claim), Err(WRONG), "{claim}");
        }
    }
}
