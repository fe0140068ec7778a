//! The claims that every PASSporT has, and the type that has no more: the base PASSporT
//! (RFC 8225 §5), without `ppt`.
//!
//! A base PASSporT says who called whom and when. It says nothing about the right to the number,
//! so no call passes by one.

use crate::Error;
use crate::claims::{self, Dest, Orig};
use crate::json::{Raw, Reader, Text, write_string};
use crate::mky::Fingerprints;
use crate::party::{NewDest, Party, check_writable};
use crate::sign::Unsigned;
use crate::write::Out;

use super::{Ppt, rcd};

/// The claims of a base PASSporT as received, and of every other type besides its own: complete
/// and of the right form, not yet compared with anything.
#[derive(Clone, Debug)]
pub struct Claims<'a> {
    dest: Dest<'a>,
    iat: u64,
    orig: Orig<'a>,
    mky: Option<Raw<'a>>,
    rich: Rich<'a>,
}

impl<'a> Claims<'a> {
    /// Reads a decoded payload of any type. Claims that are not of RFC 8225 go to `other`, which
    /// reads those of its type and answers [`Claim::Unread`] for the rest; that is checked as
    /// JSON and passed over (RFC 8225 §8.3).
    ///
    /// # Errors
    /// The JSON errors of [`crate::json`]; [`Error::ClaimMissing`], [`Error::ClaimType`],
    /// [`Error::TnNotCanonical`], [`Error::DestTooMany`]; those of `other`.
    pub(super) fn read(
        payload: &'a [u8],
        mut other: impl FnMut(&mut Reader<'a>, Text<'a>) -> Result<Claim, Error>,
    ) -> Result<Self, Error> {
        let (mut dest, mut iat, mut orig, mut mky) = (None, None, None, None);
        let mut rich = Rich::default();
        let mut reader = Reader::new(payload)?;
        reader
            .object(|reader, name| {
                match name.one_of(&["dest", "iat", "orig", "mky", "rcd", "rcdi", "crn", "iss"]) {
                    Some("dest") => dest = Some(claims::read_dest(reader)?),
                    Some("iat") => iat = Some(reader.unsigned()?.ok_or(Error::ClaimType { claim: "iat" })?),
                    Some("orig") => orig = Some(claims::read_orig(reader)?),
                    Some("mky") => mky = Some(reader.raw()?),
                    Some("rcd") => rich.rcd = Some(reader.raw()?),
                    Some("rcdi") => rich.rcdi = Some(reader.raw()?),
                    Some("crn") => rich.crn = Some(reader.raw()?),
                    Some("iss") => rich.iss = Some(reader.raw()?),
                    _ => match other(reader, name)? {
                        Claim::Read => {}
                        Claim::Unread => reader.skip()?,
                    },
                }
                Ok(())
            })?
            .ok_or(Error::JsonSyntax { offset: 0 })?;
        reader.finish()?;

        Ok(Self {
            dest: claims::required(dest, "dest")?,
            iat: claims::required(iat, "iat")?,
            orig: claims::required(orig, "orig")?,
            mky,
            rich,
        })
    }

    /// Claims that a number calls another, and no more.
    pub(super) fn of_numbers(dest: Dest<'a>, iat: u64, orig: Orig<'a>) -> Self {
        Self { dest, iat, orig, mky: None, rich: Rich::default() }
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

    /// The media keys that the signer saw (RFC 8225 §5.2.2), not read yet.
    #[must_use]
    pub fn mky(&self) -> Option<Raw<'a>> {
        self.mky
    }

    /// Rich call data, which can ride along in a PASSporT of any type (RFC 9795 §13).
    ///
    /// # Errors
    /// Those of [`rcd::Claims::read`]; then none of it may be used.
    pub fn rich(&self) -> Result<rcd::Claims<'a>, Error> {
        let Rich { rcd, rcdi, crn, iss } = self.rich;
        rcd::Claims::read(rcd, rcdi, crn, iss)
    }
}

/// The claims of RFC 9795 as they stand in a PASSporT of any type, not read yet.
#[derive(Clone, Copy, Debug, Default)]
struct Rich<'a> {
    rcd: Option<Raw<'a>>,
    rcdi: Option<Raw<'a>>,
    crn: Option<Raw<'a>>,
    iss: Option<Raw<'a>>,
}

/// What became of a claim that is not of RFC 8225.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Read,
    Unread,
}

/// The claims of a base PASSporT to be signed, and those of every other type besides its own.
#[derive(Clone, Copy, Debug)]
pub struct NewClaims<'a> {
    orig: Party<'a>,
    dest: NewDest<'a>,
    iat: u64,
    fingerprints: Option<&'a Fingerprints<'a>>,
    rich: Option<rcd::Prepared<'a>>,
    iss: Option<&'a str>,
}

impl<'a> NewClaims<'a> {
    /// `iat` is the time of the call in seconds since 1970; `dest` is the party of the To header
    /// (RFC 8224 §4.1). Several are signed in lexicographic order (RFC 8225 §5.2.1).
    ///
    /// # Errors
    /// [`Error::ClaimType`] if `dest` is empty, [`Error::DestTooMany`] if it has more than
    /// [`claims::MAX_DEST`] entries; [`Error::UriTooLong`].
    pub fn new(orig: Party<'a>, dest: &'a [Party<'a>], iat: u64) -> Result<Self, Error> {
        check_writable(&orig)?;
        Ok(Self { orig, dest: NewDest::new(dest)?, iat, fingerprints: None, rich: None, iss: None })
    }

    /// Signs the keys of the media too: the fingerprints of the call's SDP (RFC 8225 §5.2.2).
    #[must_use]
    pub fn with_fingerprints(self, fingerprints: &'a Fingerprints<'a>) -> Self {
        Self { fingerprints: Some(fingerprints), ..self }
    }

    /// Adds rich call data, which may ride in a PASSporT of any type (RFC 9795 §13).
    #[must_use]
    pub fn with_rich(self, rich: rcd::Prepared<'a>) -> Self {
        Self { rich: Some(rich), ..self }
    }

    /// Says that a third party signs, which has no authority over the caller: `iss` is the subject
    /// of its certificate (RFC 9795 §10). For PASSporTs of type `rcd`.
    #[must_use]
    pub fn with_issuer(self, iss: &'a str) -> Self {
        Self { iss: Some(iss), ..self }
    }

    /// The calling party.
    #[must_use]
    pub fn orig(&self) -> &Party<'a> {
        &self.orig
    }

    /// When the call is signed, in seconds since 1970.
    #[must_use]
    pub fn iat(&self) -> u64 {
        self.iat
    }

    pub(super) fn dest(&self) -> &NewDest<'a> {
        &self.dest
    }

    pub(super) fn has_no_issuer(&self) -> bool {
        self.iss.is_none()
    }

    /// `dest`, and before it what may stand before it.
    pub(super) fn write_dest(&self, out: &mut Out<'_>) {
        if let Some(rich) = &self.rich {
            rich.write_crn(out);
        }
        out.push(b"\"dest\":");
        self.dest.write(out);
    }

    /// `iat` and what may stand before `orig`, each with a comma before it.
    pub(super) fn write_iat_and_mky(&self, out: &mut Out<'_>) {
        out.push(b",\"iat\":");
        out.push_decimal(self.iat);
        if let Some(iss) = self.iss {
            out.push(b",\"iss\":");
            write_string(out, iss);
        }
        if let Some(fingerprints) = self.fingerprints.filter(|fingerprints| !fingerprints.is_empty()) {
            out.push(b",\"mky\":");
            fingerprints.write_mky(out);
        }
    }

    /// The payload of a `rcd` that has a name alone, as the compact form has it (RFC 9795 §9).
    pub(crate) fn write_with_name(&self, name: &str, out: &mut Out<'_>) {
        out.push(b"{");
        self.write_dest(out);
        self.write_iat_and_mky(out);
        self.write_orig(out);
        out.push(b",\"rcd\":{\"nam\":");
        write_string(out, name);
        out.push(b"}}");
    }

    pub(super) fn write_orig(&self, out: &mut Out<'_>) {
        out.push(b",\"orig\":");
        self.orig.write(out);
    }

    /// Rich call data, if there is any, behind all claims whose names come before.
    pub(super) fn write_rich(&self, out: &mut Out<'_>) {
        if let Some(rich) = &self.rich {
            rich.write(out);
        }
    }
}

impl Unsigned for NewClaims<'_> {
    fn ppt(&self) -> Ppt {
        Ppt::Base
    }

    fn base(&self) -> &NewClaims<'_> {
        self
    }

    fn can_be_rebuilt(&self) -> bool {
        self.rich.is_none() && self.iss.is_none()
    }

    fn write(&self, out: &mut Out<'_>) {
        out.push(b"{");
        self.write_dest(out);
        self.write_iat_and_mky(out);
        self.write_orig(out);
        self.write_rich(out);
        out.push(b"}");
    }
}
