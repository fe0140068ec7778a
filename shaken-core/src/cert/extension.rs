//! The values of the extensions on which a path depends (RFC 5280 §4.2.1), read exactly.
//!
//! A byte behind the end, a BOOLEAN of 01 or an unused bit that is set is read by one program and
//! passed over by another: what is a CA for one is none for the other. Such values are refused,
//! though a CA signed them.

use crate::der::{Elements, Malformed, tag};

/// `SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }`. A FALSE that is
/// written out is read: encoders in the field write it.
pub(super) struct Extension<'a> {
    pub(super) id: &'a [u8],
    pub(super) critical: bool,
    pub(super) value: Elements<'a>,
}

impl<'a> Extension<'a> {
    pub(super) fn read(list: &mut Elements<'a>) -> Result<Self, Malformed> {
        let mut fields = list.expect(tag::SEQUENCE)?;
        let id = fields.expect(tag::OBJECT_IDENTIFIER)?.bytes();
        let critical = match fields.optional(tag::BOOLEAN)? {
            Some(value) => value.as_boolean()?,
            None => false,
        };
        let value = fields.expect(tag::OCTET_STRING)?;
        fields.finish()?;
        Ok(Self { id, critical, value })
    }
}

/// Whether the holder of a key may issue certificates, and how many CAs may follow below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BasicConstraints {
    pub(super) ca: bool,
    pub(super) path_len_constraint: Option<u32>,
}

impl BasicConstraints {
    /// `SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER (0..MAX) OPTIONAL }`
    pub(super) fn read(mut value: Elements<'_>) -> Result<Self, Malformed> {
        let mut fields = value.expect(tag::SEQUENCE)?;
        value.finish()?;
        let ca = match fields.optional(tag::BOOLEAN)? {
            Some(value) => value.as_boolean()?,
            None => false,
        };
        let path_len_constraint = if fields.is_empty() { None } else { Some(fields.count()?) };
        fields.finish()?;
        Ok(Self { ca, path_len_constraint })
    }
}

/// The bits of the key usage that count here (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyUsage {
    pub(super) digital_signature: bool,
    pub(super) key_cert_sign: bool,
    pub(super) crl_sign: bool,
}

impl KeyUsage {
    /// A BIT STRING, the first bit highest. Zeros behind the last one that is set, which DER leaves
    /// out, do no harm, and neither do bits behind the nine that have a meaning.
    pub(super) fn read(mut value: Elements<'_>) -> Result<Self, Malformed> {
        let contents = value.expect(tag::BIT_STRING)?;
        value.finish()?;
        let (unused, first, last) = match contents.bytes() {
            [0] => (0, 0, 0),
            [unused @ 0..=7, first, .., last] => (*unused, *first, *last),
            [unused @ 0..=7, first] => (*unused, *first, *first),
            _ => return Err(contents.malformed()),
        };
        if last.trailing_zeros() < u32::from(unused) {
            return Err(contents.malformed());
        }
        let has = |bit: u8| first & (0x80 >> bit) != 0;
        Ok(Self { digital_signature: has(0), key_cert_sign: has(5), crl_sign: has(6) })
    }
}

/// SubjectKeyIdentifier: an OCTET STRING.
pub(super) fn key_id_of_subject(mut value: Elements<'_>) -> Result<&[u8], Malformed> {
    let id = value.expect(tag::OCTET_STRING)?;
    value.finish()?;
    Ok(id.bytes())
}

/// AuthorityKeyIdentifier: `SEQUENCE { keyIdentifier [0] OPTIONAL, authorityCertIssuer [1]
/// GeneralNames OPTIONAL, authorityCertSerialNumber [2] OPTIONAL }`. Issuers are told apart by
/// name and key identifier alone.
pub(super) fn key_id_of_authority(mut value: Elements<'_>) -> Result<Option<&[u8]>, Malformed> {
    let mut fields = value.expect(tag::SEQUENCE)?;
    value.finish()?;
    let id = fields.optional(tag::implicit(0))?;
    fields.optional(tag::explicit(1))?;
    fields.optional(tag::implicit(2))?;
    fields.finish()?;
    Ok(id.map(|id| id.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_constraints_have_one_reading() {
        let read = |bytes: &[u8]| BasicConstraints::read(Elements::new(bytes));
        let ca = |path_len_constraint| Ok(BasicConstraints { ca: true, path_len_constraint });
        assert_eq!(read(&[0x30, 3, 1, 1, 0xff]), ca(None));
        assert_eq!(read(&[0x30, 6, 1, 1, 0xff, 2, 1, 0]), ca(Some(0)));
        assert_eq!(read(&[0x30, 7, 1, 1, 0xff, 2, 2, 0, 0x80]), ca(Some(128)));
        assert_eq!(read(&[0x30, 10, 1, 1, 0xff, 2, 5, 1, 0, 0, 0, 0]), ca(Some(u32::MAX)));
        let end_entity = Ok(BasicConstraints { ca: false, path_len_constraint: None });
        assert_eq!(read(&[0x30, 0]), end_entity);
        assert_eq!(read(&[0x30, 3, 1, 1, 0]), end_entity);
        for bad in [
            // TRUE that is not FF.
            &[0x30, 3, 1, 1, 1][..],
            &[0x30, 4, 1, 2, 0xff, 0xff],
            // A pathLen behind the end of the structure, and something behind the pathLen.
            &[0x30, 3, 1, 1, 0xff, 2, 1, 0],
            &[0x30, 9, 1, 1, 0xff, 2, 1, 5, 2, 1, 0],
            &[0x30, 8, 1, 1, 0xff, 2, 1, 5, 5, 0],
            // Negative, and with a leading zero.
            &[0x30, 6, 1, 1, 0xff, 2, 1, 0xff],
            &[0x30, 7, 1, 1, 0xff, 2, 2, 0, 1],
            // The wrong way round.
            &[0x30, 6, 2, 1, 0, 1, 1, 0xff],
        ] {
            assert!(read(bad).is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn key_usage_has_one_reading() {
        let read = |bytes: &[u8]| KeyUsage::read(Elements::new(bytes));
        let usage = |digital_signature, key_cert_sign, crl_sign| {
            Ok(KeyUsage { digital_signature, key_cert_sign, crl_sign })
        };
        assert_eq!(read(&[3, 2, 7, 0x80]), usage(true, false, false));
        assert_eq!(read(&[3, 2, 0, 0x80]), usage(true, false, false));
        assert_eq!(read(&[3, 2, 1, 0x06]), usage(false, true, true));
        assert_eq!(read(&[3, 3, 7, 0x04, 0x80]), usage(false, true, false));
        assert_eq!(read(&[3, 1, 0]), usage(false, false, false));
        assert_eq!(read(&[3, 5, 7, 0x80, 0, 1, 0x80]), usage(true, false, false));
        for bad in [
            // keyCertSign among bits that are said to be unused.
            &[3, 2, 7, 0x84][..],
            &[3, 3, 7, 0x80, 0x40],
            &[3, 2, 8, 0],
            &[3, 1, 7],
            &[3, 0],
            &[3, 4, 7, 0x80, 0, 0x40],
            &[3, 2, 7, 0x80, 0],
            &[4, 2, 7, 0x80],
        ] {
            assert!(read(bad).is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn key_identifiers_have_one_reading() {
        assert_eq!(key_id_of_subject(Elements::new(&[4, 1, 9])), Ok(&[9][..]));
        assert!(key_id_of_subject(Elements::new(&[4, 1, 9, 0])).is_err());
        let authority = |bytes| key_id_of_authority(Elements::new(bytes));
        assert_eq!(authority(&[0x30, 3, 0x80, 1, 9]), Ok(Some(&[9][..])));
        assert_eq!(authority(&[0x30, 7, 0x80, 1, 9, 0xa1, 2, 0x82, 0]), Ok(Some(&[9][..])));
        assert_eq!(authority(&[0x30, 0]), Ok(None));
        assert!(authority(&[0x30, 6, 0x80, 1, 9, 0x80, 1, 8]).is_err());
        assert!(authority(&[0x30, 3, 0x80, 1, 9, 0]).is_err());
    }
}
