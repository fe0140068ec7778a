//! PASSporT type `msg` (RFC 9475): a message, and the digest of its body.

use crate::Error;
use crate::digest::{Algorithm, Digest};
use crate::sign::Unsigned;
use crate::write::Out;

use super::{Ppt, base, base::Claim};

/// The claims of a `msg` PASSporT besides those of [`base`].
#[derive(Clone, Copy, Debug)]
pub struct Claims {
    msgi: Option<Digest>,
}

impl Claims {
    /// Reads a decoded payload.
    ///
    /// # Errors
    /// Those of the base claims; [`Error::ClaimType`] if `msgi` is no string; those of
    /// [`Digest::parse`].
    pub(super) fn read(payload: &[u8]) -> Result<(base::Claims<'_>, Self), Error> {
        let wrong = Error::ClaimType { claim: "msgi" };
        let mut msgi = None;
        let base = base::Claims::read(payload, |reader, name| {
            if name != *"msgi" {
                return Ok(Claim::Unread);
            }
            // No character of a digest needs an escape.
            let text = reader.string()?.and_then(|text| text.unescaped()).ok_or(wrong)?;
            msgi = Some(Digest::parse(text)?);
            Ok(Claim::Read)
        })?;
        Ok((base, Self { msgi }))
    }

    /// The digest of the message.
    #[must_use]
    pub fn msgi(&self) -> Option<Digest> {
        self.msgi
    }

    /// Compares the digest, if there is one, with the whole body as received.
    ///
    /// # Errors
    /// [`Error::MsgiMismatch`].
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), Error> {
        if self.msgi.is_none_or(|msgi| msgi.matches(body)) { Ok(()) } else { Err(Error::MsgiMismatch) }
    }
}

/// The claims of a `msg` PASSporT to be signed.
#[derive(Clone, Debug)]
pub struct NewClaims<'a> {
    base: base::NewClaims<'a>,
    body: &'a [u8],
}

impl<'a> NewClaims<'a> {
    /// `body` is the whole MIME body as it will be sent (RFC 9475 §3).
    #[must_use]
    pub fn new(base: base::NewClaims<'a>, body: &'a [u8]) -> Self {
        Self { base, body }
    }
}

impl Unsigned for NewClaims<'_> {
    fn ppt(&self) -> Ppt {
        Ppt::Msg
    }

    fn base(&self) -> &base::NewClaims<'_> {
        &self.base
    }

    fn write(&self, out: &mut Out<'_>) {
        out.push(b"{");
        self.base.write_dest(out);
        self.base.write_iat_and_mky(out);
        out.push(b",\"msgi\":\"");
        Digest::of(Algorithm::Sha256, self.body).write(out);
        out.push(b"\"");
        self.base.write_orig(out);
        self.base.write_rich(out);
        out.push(b"}");
    }
}
