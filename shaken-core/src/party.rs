//! One side of a call: a telephone number or a URI (RFC 8224 §8, RFC 8225 §5.2.1).

use arrayvec::{ArrayString, ArrayVec};

use crate::claims::{Dest, MAX_DEST, Orig};
use crate::json::{Text, write_string};
use crate::sip::uri::Uri;
use crate::write::Out;
use crate::{Error, TelephoneNumber};

/// Longest URI that is compared or signed, in its normal form.
pub const MAX_URI_LEN: usize = 512;

/// What SIP says about a party of the call (RFC 8224 §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8225 defines exactly these two kinds of identity")]
pub enum Party<'a> {
    /// A telephone number.
    Number(TelephoneNumber),
    /// Anything else; [`Uri::write_normal`] gives the form that claims carry.
    Uri(Uri<'a>),
}

impl<'a> Party<'a> {
    /// A URI that does not stand for a number is a party as it is.
    #[must_use]
    pub fn of(uri: &Uri<'a>) -> Self {
        uri.telephone_number().map_or(Self::Uri(*uri), Self::Number)
    }

    /// The number.
    ///
    /// # Errors
    /// Those of [`Uri::telephone_number`].
    pub fn number(&self) -> Result<TelephoneNumber, Error> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Uri(uri) => uri.telephone_number(),
        }
    }

    /// The number in canonical form, or the URI as received.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_str(),
            Self::Uri(uri) => uri.as_str(),
        }
    }

    /// Whether a claim names this party. URIs are compared in the normal form of RFC 8224 §8.5,
    /// whichever form the signer used.
    #[must_use]
    pub fn is(&self, claim: &Orig<'_>) -> bool {
        match (self, claim) {
            (Self::Number(number), Orig::Tn(tn)) => number == tn,
            (Self::Uri(uri), Orig::Uri(text)) => NormalUri::new(uri).is_ok_and(|uri| uri.is(text)),
            (Self::Number(_), Orig::Uri(_)) | (Self::Uri(_), Orig::Tn(_)) => false,
        }
    }

    /// Whether one entry of a `dest` claim names this party.
    #[must_use]
    pub fn is_in(&self, dest: &Dest<'_>) -> bool {
        match self {
            Self::Number(number) => dest.has_tn(number),
            Self::Uri(uri) => NormalUri::new(uri).is_ok_and(|uri| dest.uris().any(|text| uri.is(&text))),
        }
    }

    /// Writes `{"tn":"…"}` or `{"uri":"…"}`.
    pub(crate) fn write(&self, out: &mut Out<'_>) {
        out.push(b"{");
        self.write_member(out);
        out.push(b"}");
    }

    /// Writes `"tn":"…"` or `"uri":"…"`.
    pub(crate) fn write_member(&self, out: &mut Out<'_>) {
        match self {
            Self::Number(number) => {
                out.push(b"\"tn\":");
                write_string(out, number.as_str());
            }
            Self::Uri(uri) => {
                out.push(b"\"uri\":");
                write_string(out, &NormalUri::new(uri).unwrap_or_default().0);
            }
        }
    }
}

impl From<TelephoneNumber> for Party<'_> {
    fn from(number: TelephoneNumber) -> Self {
        Self::Number(number)
    }
}

/// The normal form of a URI (RFC 8224 §8.5).
#[derive(PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct NormalUri(ArrayString<MAX_URI_LEN>);

impl NormalUri {
    /// # Errors
    /// [`Error::UriTooLong`].
    fn new(uri: &Uri<'_>) -> Result<Self, Error> {
        let mut buffer = [0; MAX_URI_LEN];
        let mut out = Out::new(&mut buffer);
        uri.write_normal(&mut out);
        let text = out.finish().map_err(|_| Error::UriTooLong)?;
        ArrayString::from(text).map(Self).map_err(|_| Error::UriTooLong)
    }

    /// That of a claim, in whichever form the signer used; `None` if it is no URI, or too long.
    pub(crate) fn of(claim: &Text<'_>) -> Option<Self> {
        let mut room = [0; MAX_URI_LEN];
        let text = claim.resolve(&mut room).filter(|text| text.len() <= MAX_URI_LEN)?;
        Self::new(&Uri::parse(text.as_bytes()).ok()?).ok()
    }

    /// Whether a claim means this URI.
    pub(crate) fn is(&self, claim: &Text<'_>) -> bool {
        *claim == *self.0.as_str() || Self::of(claim).is_some_and(|other| other == *self)
    }
}

/// The called parties of a PASSporT to be signed: at least one, all of them writable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewDest<'a>(&'a [Party<'a>]);

impl<'a> NewDest<'a> {
    /// # Errors
    /// [`Error::ClaimType`] if there is none, [`Error::DestTooMany`] if there are more than
    /// [`MAX_DEST`], [`Error::UriTooLong`].
    pub(crate) fn new(parties: &'a [Party<'a>]) -> Result<Self, Error> {
        if parties.is_empty() {
            return Err(Error::ClaimType { claim: "dest" });
        }
        if parties.len() > MAX_DEST {
            return Err(Error::DestTooMany);
        }
        parties.iter().try_for_each(check_writable)?;
        Ok(Self(parties))
    }

    pub(crate) fn contains(&self, party: &Party<'_>) -> bool {
        self.0.iter().any(|other| match (other, party) {
            (Party::Number(other), Party::Number(number)) => other == number,
            (Party::Uri(other), Party::Uri(uri)) => NormalUri::new(other) == NormalUri::new(uri),
            (Party::Number(_), Party::Uri(_)) | (Party::Uri(_), Party::Number(_)) => false,
        })
    }

    /// Writes `{"tn":[…],"uri":[…]}`, each in lexicographic order (RFC 8225 §5.2.1).
    pub(crate) fn write(&self, out: &mut Out<'_>) {
        let mut numbers = ArrayVec::<TelephoneNumber, MAX_DEST>::new();
        let mut uris = ArrayVec::<NormalUri, MAX_DEST>::new();
        // `new` has checked that all of them fit.
        for party in self.0.iter().take(MAX_DEST) {
            match party {
                Party::Number(number) => numbers.push(*number),
                Party::Uri(uri) => uris.push(NormalUri::new(uri).unwrap_or_default()),
            }
        }
        numbers.sort_unstable();
        uris.sort_unstable();
        out.push(b"{");
        write_strings(out, "tn", numbers.iter().map(TelephoneNumber::as_str));
        if !numbers.is_empty() && !uris.is_empty() {
            out.push(b",");
        }
        write_strings(out, "uri", uris.iter().map(|uri| uri.0.as_str()));
        out.push(b"}");
    }
}

/// # Errors
/// [`Error::UriTooLong`].
pub(crate) fn check_writable(party: &Party<'_>) -> Result<(), Error> {
    match party {
        Party::Number(_) => Ok(()),
        Party::Uri(uri) => NormalUri::new(uri).map(drop),
    }
}

fn write_strings<'t>(out: &mut Out<'_>, name: &str, texts: impl Iterator<Item = &'t str>) {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return;
    }
    write_string(out, name);
    for (i, text) in texts.enumerate() {
        out.push(if i == 0 { b":[" } else { b"," });
        write_string(out, text);
    }
    out.push(b"]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{read_dest, read_orig};
    use crate::json::Reader;

    fn uri(text: &str) -> Party<'_> {
        Party::of(&Uri::parse(text.as_bytes()).unwrap())
    }

    fn orig(text: &str) -> Orig<'_> {
        read_orig(&mut Reader::new(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn uris_are_compared_in_their_normal_form() {
        let claim = orig(r#"{"uri":"sip:alice@example.com"}"#);
        for same in [
            "sip:alice@example.com",
            "sip:Alice:pw@Example.COM:5060;transport=tcp",
            "SIP:%61lice@example.com",
        ] {
            assert!(uri(same).is(&claim), "{same}");
        }
        for other in
            ["sips:alice@example.com", "sip:alice@example.org", "sip:alic@example.com", "sip:example.com"]
        {
            assert!(!uri(other).is(&claim), "{other}");
        }
        assert!(uri("sip:alice@example.com").is(&orig(r#"{"uri":"sip:\u0061lice@EXAMPLE.com:5061"}"#)));
        assert!(!uri("sip:+12155550121@example.com").is(&claim));
        assert!(!uri("sip:alice@example.com").is(&orig(r#"{"tn":"12155550121"}"#)));
    }

    #[test]
    fn an_emergency_service_is_a_destination() {
        let dest = read_dest(&mut Reader::new(br#"{"uri":["urn:service:sos"]}"#).unwrap()).unwrap();
        assert!(uri("urn:service:sos").is_in(&dest));
        assert!(uri("URN:Service:SOS").is_in(&dest));
        assert!(!uri("urn:service:sos.fire").is_in(&dest));
    }

    #[test]
    fn destinations_are_written_sorted_and_read_back() {
        let parties = [
            uri("sip:Carol@example.com"),
            uri("tel:+12155550132"),
            uri("sip:bob@example.com;x=y"),
            uri("sip:+12155550131@example.net"),
        ];
        let dest = NewDest::new(&parties).unwrap();
        let mut buffer = [0; 256];
        let mut out = Out::new(&mut buffer);
        dest.write(&mut out);
        assert_eq!(
            out.finish().unwrap(),
            r#"{"tn":["12155550131","12155550132"],"uri":["sip:bob@example.com","sip:carol@example.com"]}"#
        );
    }

    #[test]
    fn a_uri_that_is_too_long_is_an_error_and_equals_nothing() {
        let long = format!("sip:{}@example.com", "a".repeat(MAX_URI_LEN));
        let party = [uri(&long)];
        assert_eq!(NewDest::new(&party).err(), Some(Error::UriTooLong));
        assert!(!party[0].is(&orig(&format!("{{\"uri\":\"{long}\"}}"))));
        assert!(!uri("sip:a@example.com").is(&orig(&format!("{{\"uri\":\"{long}\"}}"))));
    }
}
