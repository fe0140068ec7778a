//! Digests of content that a PASSporT refers to: `sha256-…`, as in the claims `rcdi` (RFC 9795 §6)
//! and `msgi` (RFC 9475 §3) and in the `integrity` parameter of Call-Info (RFC 9796 §4).
//!
//! The hash's name, a hyphen, and the hash in base64 (RFC 4648 §4). None of the RFCs says whether
//! the base64 is padded: both are read, and written is the form of their examples, without padding.
//! Digests are public, so comparing them takes no care for time.

use core::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::digest;

use crate::Error;
use crate::write::{Out, Sink};

/// Length of the longest digest as text, padded.
pub const MAX_LEN: usize = "sha512-".len() + 88;

const MAX_HASH_LEN: usize = 64;

/// The hash functions that every verifier must know (RFC 9795 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// `sha256`
    #[default]
    Sha256,
    /// `sha384`
    Sha384,
    /// `sha512`
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name as it stands in a digest: lower case, without hyphen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    const fn hash_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn function(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// A hash and the name of its function. Shown as it stands in a claim.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    // Bytes beyond the length of the hash are zero, so that the derived comparisons hold.
    hash: [u8; MAX_HASH_LEN],
}

impl Digest {
    /// Reads a digest as it stands in a claim.
    ///
    /// # Errors
    /// [`Error::DigestAlgorithm`] if it does not start with the name of a known hash function, in
    /// lower case, and a hyphen; [`Error::DigestBase64`] if the rest is not base64 with all padding
    /// or none; [`Error::DigestLength`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, base64) = text.split_once('-').ok_or(Error::DigestAlgorithm)?;
        let algorithm =
            Algorithm::ALL.into_iter().find(|a| a.name() == name).ok_or(Error::DigestAlgorithm)?;
        // Room for one group of four characters more than the longest hash takes.
        let mut room = [0; MAX_HASH_LEN + 4];
        let len_bytes = match BASE64.decode_slice(base64, &mut room) {
            Ok(len_bytes) => len_bytes,
            Err(base64::DecodeSliceError::OutputSliceTooSmall) => base64.len() / 4 * 3,
            Err(base64::DecodeSliceError::DecodeError(_)) => return Err(Error::DigestBase64),
        };
        if len_bytes != algorithm.hash_len() {
            return Err(Error::DigestLength { len_bytes });
        }
        let mut digest = Self { algorithm, hash: [0; MAX_HASH_LEN] };
        digest.hash.iter_mut().zip(room).take(len_bytes).for_each(|(to, from)| *to = from);
        Ok(digest)
    }

    /// That of `content`.
    #[must_use]
    pub fn of(algorithm: Algorithm, content: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.push(content);
        hasher.finish()
    }

    /// The hash function.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this is the digest of `content`.
    #[must_use]
    pub fn matches(&self, content: &[u8]) -> bool {
        *self == Self::of(self.algorithm, content)
    }

    /// Writes it without padding.
    pub fn write(&self, out: &mut Out<'_>) {
        let mut room = [0; MAX_LEN];
        out.push(self.algorithm.name().as_bytes());
        out.push(b"-");
        out.push(self.base64(&mut room));
    }

    fn base64<'r>(&self, room: &'r mut [u8; MAX_LEN]) -> &'r [u8] {
        let hash = self.hash.get(..self.algorithm.hash_len()).unwrap_or_default();
        let written = BASE64.encode_slice(hash, room).unwrap_or(0);
        room.get(..written).unwrap_or_default()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = [0; MAX_LEN];
        let base64 = core::str::from_utf8(self.base64(&mut room)).unwrap_or_default();
        write!(f, "{}-{base64}", self.algorithm.name())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl core::str::FromStr for Digest {
    type Err = Error;

    /// The same as [`parse`](Self::parse).
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Makes the digest of content that comes in parts.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    context: digest::Context,
}

impl Hasher {
    /// Nothing hashed yet.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, context: digest::Context::new(algorithm.function()) }
    }

    /// The digest of all that was given.
    #[must_use]
    pub fn finish(self) -> Digest {
        let mut hash = [0; MAX_HASH_LEN];
        hash.iter_mut().zip(self.context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Digest { algorithm: self.algorithm, hash }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.algorithm.name())
    }
}

impl Sink for Hasher {
    fn push(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of nothing.
    const EMPTY: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn padding_is_read_and_not_written() {
        let digest = Digest::of(Algorithm::Sha256, b"");
        assert_eq!(Digest::parse(EMPTY), Ok(digest));
        assert_eq!(format!("{EMPTY}=").parse(), Ok(digest));
        assert_eq!(digest.to_string(), EMPTY);
        assert!(digest.matches(b"") && !digest.matches(b"\n"));
        for algorithm in Algorithm::ALL {
            let digest = Digest::of(algorithm, b"x");
            let text = digest.to_string();
            assert_eq!(Digest::parse(&text), Ok(digest));
            let mut buffer = [0; MAX_LEN];
            let mut out = Out::new(&mut buffer);
            digest.write(&mut out);
            assert_eq!(out.finish(), Ok(text.as_str()));
            let padded = text.clone() + ["", "", "==", "="][(text.len() - "sha256-".len()) % 4];
            assert_eq!(Digest::parse(&padded), Ok(digest));
            assert!(padded.len() <= MAX_LEN);
        }
    }

    #[test]
    fn parts_make_the_digest_of_the_whole() {
        let mut hasher = Hasher::new(Algorithm::Sha384);
        [&b"ab"[..], b"", b"c"].into_iter().for_each(|part| hasher.push(part));
        assert_eq!(hasher.finish(), Digest::of(Algorithm::Sha384, b"abc"));
    }

    #[test]
    fn each_fault_has_its_name() {
        let base64 = EMPTY.strip_prefix("sha256-").unwrap();
        for (text, error) in [
            (String::new(), Error::DigestAlgorithm),
            (base64.to_owned(), Error::DigestAlgorithm),
            (format!("SHA256-{base64}"), Error::DigestAlgorithm),
            (format!("sha-256-{base64}"), Error::DigestAlgorithm),
            (format!("sha1-{base64}"), Error::DigestAlgorithm),
            (format!(" sha256-{base64}"), Error::DigestAlgorithm),
            (format!("sha256-{base64}=="), Error::DigestBase64),
            (format!("sha256-{base64} "), Error::DigestBase64),
            (format!("sha256-{}", base64.replace(['+', '/'], "_")), Error::DigestBase64),
            // Bits that no octet has.
            (format!("sha256-{}V", &base64[..42]), Error::DigestBase64),
            ("sha256-".to_owned(), Error::DigestLength { len_bytes: 0 }),
            (format!("sha384-{base64}"), Error::DigestLength { len_bytes: 32 }),
            (format!("sha256-{}", &base64[..40]), Error::DigestLength { len_bytes: 30 }),
            (format!("sha512-{}", "A".repeat(1000)), Error::DigestLength { len_bytes: 750 }),
        ] {
            assert_eq!(Digest::parse(&text), Err(error), "{text}");
        }
    }
}
