//! A TNAuthList that is not in the certificate but at a URL (RFC 8226 §10.1).
//!
//! ```text
//! AuthorityInfoAccessSyntax ::= SEQUENCE SIZE (1..MAX) OF AccessDescription
//! AccessDescription         ::= SEQUENCE { accessMethod OBJECT IDENTIFIER, -- id-ad-stirTNList
//!                                          accessLocation GeneralName }    -- [6] https URI
//! ```

use crate::der::{Elements, Malformed, tag};

/// What an authorityInfoAccess says about the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cert) struct Reference {
    /// `None` if the place is not a URI, or what surrounds it cannot be read.
    pub(in crate::cert) url: Option<Box<str>>,
}

impl Reference {
    /// Looks for the access method in the value of an authorityInfoAccess. It must not be missed
    /// in a malformed one: a certificate whose list is somewhere else is not one without a list.
    pub(in crate::cert) fn find(aia: &[u8]) -> Option<Self> {
        aia.windows(STIR_TN_LIST_DER.len())
            .any(|window| window == STIR_TN_LIST_DER)
            .then(|| Self { url: read_url(aia).unwrap_or(None) })
    }
}

/// The first URI under the access method.
fn read_url(aia: &[u8]) -> Result<Option<Box<str>>, Malformed> {
    const URI: u8 = tag::implicit(6);
    let mut outer = Elements::new(aia);
    let mut descriptions = outer.expect(tag::SEQUENCE)?;
    outer.finish()?;
    let mut url = None;
    while !descriptions.is_empty() {
        let mut description = descriptions.expect(tag::SEQUENCE)?;
        let method = description.expect_whole(tag::OBJECT_IDENTIFIER)?;
        let (kind, location) = description.next()?;
        description.finish()?;
        let is_uri = kind == URI && location.bytes().iter().all(u8::is_ascii_graphic);
        if method == STIR_TN_LIST_DER && is_uri && url.is_none() {
            url = core::str::from_utf8(location.bytes()).ok().map(Into::into);
        }
    }
    Ok(url)
}

/// 1.3.6.1.5.5.7.48.14, tag and length included.
const STIR_TN_LIST_DER: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x0e];

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(contents.len()).unwrap()], contents].concat()
    }

    fn description(method: &[u8], kind: u8, location: &[u8]) -> Vec<u8> {
        element(0x30, &[method, &element(kind, location)].concat())
    }

    #[test]
    fn the_list_is_found_whatever_stands_around_it() {
        const CA_ISSUERS: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
        let url = b"https://cr.example/list";
        let found = Some(Reference { url: Some("https://cr.example/list".into()) });
        let unusable = Some(Reference { url: None });
        let list = description(STIR_TN_LIST_DER, 0x86, url);
        let issuers = description(CA_ISSUERS, 0x86, b"https://ca.example/ca");
        let directory = description(STIR_TN_LIST_DER, 0xa4, &[0x30, 0x00]);
        for (aia, expected) in [
            (element(0x30, &list), found.clone()),
            (element(0x30, &[issuers.clone(), list.clone()].concat()), found.clone()),
            (element(0x30, &[directory.clone(), list.clone()].concat()), found),
            (element(0x30, &issuers), None),
            (element(0x30, &directory), unusable.clone()),
            (
                element(0x30, &description(STIR_TN_LIST_DER, 0x86, b"https://cr.example/\x01")),
                unusable.clone(),
            ),
            // Truncated, and with something behind it.
            (element(0x30, &list)[..14].to_vec(), unusable.clone()),
            ([element(0x30, &list), vec![0]].concat(), unusable),
            (Vec::new(), None),
        ] {
            assert_eq!(Reference::find(&aia), expected, "{aia:02x?}");
        }
    }
}
