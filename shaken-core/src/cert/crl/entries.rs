//! The entries of a list, one at a time (RFC 5280 §5.1.2.6, §5.3).

use super::scope::Entries;
use super::{Extension, RevocationReason, malformed, oid, read_time};
use crate::Error;
use crate::der::{Elements, Malformed, tag};

/// One revoked certificate, borrowed from the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    issuer: &'a [u8],
    pub(super) serial: Serial,
    revoked_at: i64,
    reason: RevocationReason,
}

impl<'a> Entry<'a> {
    /// The name of the certificate's issuer, DER, whether the entry itself states it or not.
    #[must_use]
    pub fn issuer_der(&self) -> &'a [u8] {
        self.issuer
    }

    /// The serial number: two's complement, big-endian, in its shortest form.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        self.serial.shortest()
    }

    /// Since when the certificate is revoked, seconds since 1970.
    #[must_use]
    pub fn revoked_at(&self) -> i64 {
        self.revoked_at
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> RevocationReason {
        self.reason
    }
}

/// A serial number of up to 20 bytes, as RFC 5280 §4.1.2.2 limits them, with one more for the
/// sign. Shorter ones are extended to the left, so that equal numbers are equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Serial([u8; 21]);

impl Serial {
    /// Takes the contents of an INTEGER. `None` if it is longer.
    pub(super) fn new(contents: &[u8]) -> Option<Self> {
        let fill = if contents.first().is_some_and(|first| *first > 0x7f) { 0xff } else { 0 };
        let mut bytes = [fill; 21];
        let start = bytes.len().checked_sub(contents.len())?;
        bytes.get_mut(start..)?.copy_from_slice(contents);
        Some(Self(bytes))
    }

    /// Without the bytes that only extend the sign.
    fn shortest(&self) -> &[u8] {
        let mut bytes = self.0.as_slice();
        while let [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] = bytes {
            bytes = bytes.get(1..).unwrap_or_default();
        }
        bytes
    }
}

/// Walks the entries.
pub(super) struct Walk<'a> {
    rest: Elements<'a>,
    /// To whom an entry belongs that does not say so.
    current: &'a [u8],
    whose: Entries,
}

impl<'a> Walk<'a> {
    pub(super) fn new(entries: Elements<'a>, crl_issuer: &'a [u8], whose: Entries) -> Self {
        Self { rest: entries, current: crl_issuer, whose }
    }

    fn entry(&mut self) -> Result<Entry<'a>, Error> {
        let mut fields = self.rest.expect(tag::SEQUENCE).map_err(malformed)?;
        let at = fields.malformed();
        let serial = fields.integer().map_err(malformed)?;
        let serial = Serial::new(serial).ok_or_else(|| malformed(at))?;
        let revoked_at = read_time(&mut fields).map_err(malformed)?;
        let mut extensions =
            fields.optional(tag::SEQUENCE).map_err(malformed)?.unwrap_or_else(|| Elements::new(&[]));
        fields.finish().map_err(malformed)?;

        let (mut reason, mut issuer) = (None, None);
        while !extensions.is_empty() {
            let at = extensions.malformed();
            let extension = Extension::read(&mut extensions).map_err(malformed)?;
            let is_new = match extension.id {
                oid::CRL_REASON => {
                    super::replace(&mut reason, Some(read_reason(extension.value).map_err(malformed)?))
                }
                // RFC 5280 §5.3.3: only indirect lists have it.
                oid::CERTIFICATE_ISSUER if self.whose == Entries::OfAny => {
                    super::replace(&mut issuer, Some(read_issuer(extension.value).map_err(malformed)?))
                }
                oid::CERTIFICATE_ISSUER => false,
                oid::INVALIDITY_DATE => true,
                // RFC 5280 §5.3: it may change what the entry means, so the list cannot be used.
                _ if extension.critical => return Err(Error::CrlCriticalExtension),
                _ => true,
            };
            if !is_new {
                return Err(malformed(at));
            }
        }
        self.current = issuer.unwrap_or(self.current);
        let reason = reason.unwrap_or(RevocationReason::Unspecified);
        Ok(Entry { issuer: self.current, serial, revoked_at, reason })
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_err() {
            self.rest = Elements::new(&[]);
        }
        Some(entry)
    }
}

/// `CRLReason ::= ENUMERATED`
fn read_reason(mut value: Elements<'_>) -> Result<RevocationReason, Malformed> {
    let at = value.malformed();
    let code = value.expect(tag::ENUMERATED)?;
    value.finish()?;
    match code.bytes() {
        [code] => RevocationReason::from_code(*code).ok_or(at),
        _ => Err(at),
    }
}

/// `CertificateIssuer ::= GeneralNames`: the bytes of its directoryName.
fn read_issuer(mut value: Elements<'_>) -> Result<&[u8], Malformed> {
    let at = value.malformed();
    let mut names = value.expect(tag::SEQUENCE)?;
    value.finish()?;
    let mut issuer = None;
    while !names.is_empty() {
        let (kind, mut contents) = names.next()?;
        if kind == tag::explicit(4) && issuer.is_none() {
            issuer = Some(contents.expect_whole(tag::SEQUENCE)?);
            contents.finish()?;
        }
    }
    issuer.ok_or(at)
}
