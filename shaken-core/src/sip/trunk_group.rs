//! What an INVITE says of the trunk group that it came in on: `tgrp` with `trunk-context`
//! (RFC 4904), and `otg`, which softswitches wrote before there was a standard.
//!
//! Who may say it is the reader's to know: whoever can write the header can write these.

use super::address::{Address, Addresses, Quoting};
use super::{Request, Uri};

/// What several places of a request say of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "none, one or not one")]
pub enum Said<T> {
    /// It stands nowhere.
    Nothing,
    /// It stands there, and wherever it stands it is the same.
    Once(T),
    /// It is not the same in two places, has half of its parts, or stands where it cannot be read. Whoever
    /// chose one would choose for an attacker who wrote the other.
    Unclear,
}

impl<T: PartialEq> Said<T> {
    /// What both say together.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, said) | (said, Self::Nothing) => said,
            (Self::Once(one), Self::Once(other)) if one == other => Self::Once(one),
            _ => Self::Unclear,
        }
    }

    fn all(said: impl Iterator<Item = Self>) -> Self {
        said.fold(Self::Nothing, Self::and)
    }
}

impl<'a> Request<'a> {
    /// The value of a header field by name, in any case; not by a compact form. Space around it is no
    /// part of it.
    #[must_use]
    pub fn field(&self, name: &str) -> Said<&'a [u8]> {
        let named = self.fields().filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        Said::all(named.map(|(_, value)| Said::Once(super::trim(value))))
    }

    /// The originating trunk group of RFC 4904: label and context, which only together name one (§5), in
    /// the Contact (§4.3), as they are written.
    #[must_use]
    pub fn originating_tgrp(&self) -> Said<(&'a str, &'a str)> {
        Said::all(self.contacts().map(|address| {
            let Some(address) = address else { return Said::Unclear };
            let uri = address.uri();
            let of = |name| Said::all(uri.number_params(name).map(Said::Once));
            match (of("tgrp"), of("trunk-context")) {
                (Said::Nothing, Said::Nothing) => Said::Nothing,
                (Said::Once(label), Said::Once(context)) => Said::Once((label, context)),
                _ => Said::Unclear,
            }
        }))
    }

    /// The originating trunk group in `otg`: a parameter of From, of Contact or of the Request-URI, of the
    /// number, of the URI or behind it, as it is written.
    #[must_use]
    pub fn otg(&self) -> Said<&'a str> {
        let of_uri =
            |uri: &Uri<'a>| Said::all(uri.number_params("otg").chain(uri.params("otg")).map(Said::Once));
        let of = |address: &Address<'a>| {
            let behind = address.params("otg").map(|value| match core::str::from_utf8(value) {
                Ok(value) => Said::Once(value),
                Err(_) => Said::Unclear,
            });
            of_uri(address.uri()).and(Said::all(behind))
        };
        let contacts = Said::all(self.contacts().map(|address| address.as_ref().map_or(Said::Unclear, of)));
        of_uri(self.uri()).and(of(self.headers().from())).and(contacts)
    }

    /// The addresses of Contact, `None` for what cannot be read.
    fn contacts(&self) -> impl Iterator<Item = Option<Address<'a>>> {
        let is_contact =
            |name: &[u8]| name.eq_ignore_ascii_case(b"Contact") || name.eq_ignore_ascii_case(b"m");
        let values = self.fields().filter(move |(name, _)| is_contact(name)).map(|(_, value)| value);
        let addresses = values.flat_map(|value| Addresses::new(value, "Contact", Quoting::Escaped));
        addresses.map(Result::ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(uri: &str, from: &str, more: &str) -> String {
        format!(
            "INVITE {uri} SIP/2.0\r\nFrom: {from}\r\nTo: <sip:+12155550131@192.0.2.7>\r\nCall-ID: 1@pbx.example\r\n\
             CSeq: 1 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
        )
    }

    const URI: &str = "sip:+12155550131@192.0.2.7";
    const FROM: &str = "<sip:+12155550121@pbx.example>;tag=1";

    fn with(more: &str) -> String {
        invite(URI, FROM, more)
    }

    #[test]
    fn a_field_is_said_once() {
        let field = |more: &str| match Request::parse(with(more).as_bytes()).unwrap().field("X-Trunk") {
            Said::Once(value) => Said::Once(String::from_utf8(value.to_vec()).unwrap()),
            Said::Nothing => Said::Nothing,
            Said::Unclear => Said::Unclear,
        };
        let once = |value: &str| Said::Once(value.to_owned());
        assert_eq!(field(""), Said::Nothing);
        assert_eq!(field("X-Trunks: a\r\nX-Trun: a\r\n"), Said::Nothing);
        assert_eq!(field("x-trunk:  a b \r\n"), once("a b"));
        assert_eq!(field("X-Trunk: a\r\nX-TRUNK: a\r\n"), once("a"));
        assert_eq!(field("X-Trunk: a\r\nX-Trunk: b\r\n"), Said::Unclear);
        assert_eq!(field("X-Trunk: a\r\nX-Trunk: b\r\nX-Trunk: a\r\n"), Said::Unclear);
        assert_eq!(field("X-Trunk: a\r\nX-Trunk:\r\n"), Said::Unclear);
        assert_eq!(field("X-Trunk: a, b\r\n"), once("a, b"));
    }

    #[test]
    fn a_trunk_group_is_a_label_and_its_context_in_the_contact() {
        let tgrp = |more: &str| match Request::parse(with(more).as_bytes()).unwrap().originating_tgrp() {
            Said::Once((label, context)) => Said::Once(format!("{label} {context}")),
            Said::Nothing => Said::Nothing,
            Said::Unclear => Said::Unclear,
        };
        let user = "+12155550121;tgrp=TG-1;trunk-context=carrier.example.com";
        let once = Said::Once("TG-1 carrier.example.com".to_owned());
        assert_eq!(tgrp(""), Said::Nothing);
        assert_eq!(tgrp(&format!("Contact: <sip:{user}@192.0.2.1;user=phone>\r\n")), once);
        assert_eq!(tgrp(&format!("m: \"A\" <tel:{user}>;expires=1\r\n")), once);
        assert_eq!(tgrp(&format!("Contact: <sip:{user}@192.0.2.1>, <sip:192.0.2.2>\r\n")), once);
        // Where calls go to is not where they came from, and a parameter of the URI is none of the number.
        let gateway = "Contact: <sip:+1@192.0.2.1;tgrp=TG-1;trunk-context=a.example>\r\n";
        assert_eq!(tgrp(gateway), Said::Nothing);
        let to = invite(&format!("sip:{user}@192.0.2.7"), FROM, "");
        assert_eq!(Request::parse(to.as_bytes()).unwrap().originating_tgrp(), Said::Nothing);
        for unclear in [
            "Contact: <sip:+1;tgrp=TG-1@192.0.2.1>\r\n",
            "Contact: <sip:+1;trunk-context=a.example@192.0.2.1>\r\n",
            "Contact: <sip:+1;tgrp=a;tgrp=b;trunk-context=c.example@192.0.2.1>\r\n",
            "Contact: <sip:+1;tgrp=a;trunk-context=c.example@192.0.2.1>\r\n\
             m: <sip:+1;tgrp=b;trunk-context=c.example@192.0.2.1>\r\n",
            "Contact: <sip:+1;tgrp=a;trunk-context=c.example@192.0.2.1>, <sip:\r\n",
            "Contact: *;;\"\r\n",
        ] {
            assert_eq!(tgrp(unclear), Said::Unclear, "{unclear}");
        }
    }

    #[test]
    fn an_otg_is_the_same_wherever_it_stands() {
        let otg = |uri: &str, from: &str, more: &str| {
            let invite = invite(uri, from, more);
            match Request::parse(invite.as_bytes()).unwrap().otg() {
                Said::Once(value) => Said::Once(value.to_owned()),
                Said::Nothing => Said::Nothing,
                Said::Unclear => Said::Unclear,
            }
        };
        let once = Said::Once("tg7".to_owned());
        assert_eq!(otg(URI, FROM, ""), Said::Nothing);
        let contact = "Contact: <sip:+12155550121@192.0.2.1;OTG=tg7>\r\n";
        assert_eq!(otg("sip:+12155550131;otg=tg7@192.0.2.7", FROM, ""), once);
        assert_eq!(otg(URI, "<sip:+12155550121@pbx.example;otg=tg7>;tag=1", ""), once);
        assert_eq!(otg(URI, "<sip:+12155550121@pbx.example>;tag=1;otg=tg7", contact), once);
        assert_eq!(otg(URI, FROM, contact), once);
        assert_eq!(otg(URI, "<sip:+12155550121@pbx.example;otg=tg8>;tag=1", contact), Said::Unclear);
        assert_eq!(otg("sip:+1@192.0.2.7;otg=tg7;otg=tg8", FROM, ""), Said::Unclear);
        assert_eq!(otg(URI, "<sip:+1@pbx.example;otg=tg7>;tag=1;otg=\"tg8\"", ""), Said::Unclear);
        assert_eq!(otg(URI, "<sip:+1@pbx.example;otg=tg7>;tag=1", "Contact: <sip:\r\n"), Said::Unclear);
    }
}
