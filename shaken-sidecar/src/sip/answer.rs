//! Answers as bytes.

use std::convert::Infallible;
use std::net::SocketAddr;

use memchr::memmem;
use shaken_core::error::SipResponse;
use shaken_core::sip::{Reason, Request, Scheme, Uri, write_response, write_uri_header_value};
use shaken_core::write::Out;

use super::peer::Contact;
use super::via::Via;

/// What makes answers to one request: where it came from, and the tag of the side that answers.
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) via: Via<'a>,
    pub(super) from: SocketAddr,
    pub(super) to_tag: u64,
}

impl Asked<'_> {
    /// The answer with these reasons and header fields.
    pub(super) fn answer(
        &self,
        response: SipResponse,
        reasons: &[Reason<'_>],
        fields: &[(&str, Vec<u8>)],
    ) -> Vec<u8> {
        let fields: Vec<(&str, &[u8])> =
            fields.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let Ok(answer) = written(|out| {
            write_response(self.request, response, reasons, &fields, self.to_tag, out);
            Ok::<(), Infallible>(())
        });
        self.with_via(answer)
    }

    /// RFC 3261 §18.2.1: the topmost Via says where the request came from.
    fn with_via(&self, mut answer: Vec<u8>) -> Vec<u8> {
        const NAME: &[u8] = b"\r\nVia: ";
        if let Some(at) = memmem::find(&answer, NAME) {
            let start = at + NAME.len();
            answer.splice(start..start + self.via.text.len(), self.via.answered(self.from));
        }
        answer
    }
}

/// The value of Contact: where the call goes on, with these headers in its URI. `uri` is the Request-URI.
/// What is no `sip:` URI goes on as it is, and without headers, which it cannot have.
pub(super) fn contact(uri: &Uri<'_>, contact: &Contact, headers: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut value = b"<".to_vec();
    value.extend_from_slice(target(uri, contact).as_bytes());
    if is_sip(uri, contact) {
        for (i, (name, header)) in headers.iter().enumerate() {
            value.push(if i == 0 { b'?' } else { b'&' });
            value.extend_from_slice(name.as_bytes());
            value.push(b'=');
            value.extend_from_slice(&escaped(header));
        }
    }
    value.push(b'>');
    value
}

/// Whether the Contact has room for headers.
pub(super) fn is_sip(uri: &Uri<'_>, contact: &Contact) -> bool {
    match uri.scheme() {
        Scheme::Sip | Scheme::Sips => true,
        Scheme::Tel => *contact != Contact::RequestUri,
        _ => false,
    }
}

fn target(uri: &Uri<'_>, contact: &Contact) -> String {
    let text = uri.as_str();
    let Contact::Host(host) = contact else { return text.to_owned() };
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    match uri.scheme() {
        // A port or a transport belongs to the host that it stood behind.
        Scheme::Sip | Scheme::Sips => {
            let user = rest.split_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
            let kind = uri.param("user").filter(|kind| !kind.is_empty());
            let kind = kind.map_or(String::new(), |kind| format!(";user={kind}"));
            format!("{scheme}:{user}{host}{kind}")
        }
        Scheme::Tel => format!("sip:{rest}@{host};user=phone"),
        _ => text.to_owned(),
    }
}

fn escaped(value: &[u8]) -> Vec<u8> {
    let Ok(text) = written(|out| {
        write_uri_header_value(value, out);
        Ok::<(), Infallible>(())
    });
    text
}

/// What `write` writes, which does the same each time.
pub(super) fn written<E>(write: impl Fn(&mut Out<'_>) -> Result<(), E>) -> Result<Vec<u8>, E> {
    let mut buffer = vec![0; USUAL_LEN];
    loop {
        let mut out = Out::new(&mut buffer);
        write(&mut out)?;
        let (len, is_cut) = (out.len(), out.overflowed());
        buffer.resize(len, 0);
        if !is_cut {
            return Ok(buffer);
        }
    }
}

/// Most answers are shorter.
const USUAL_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn contact_of(uri: &str, host: Option<&str>, headers: &[(&str, &str)]) -> String {
        let to = host.map_or(Contact::RequestUri, |host| Contact::Host(host.to_owned()));
        let headers: Vec<(&str, Vec<u8>)> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes().to_vec())).collect();
        String::from_utf8(contact(&Uri::parse(uri.as_bytes()).unwrap(), &to, &headers)).unwrap()
    }

    #[test]
    fn the_call_goes_on_where_it_is_sent() {
        let uri = "sip:+12155550131;npdi:pw@192.0.2.1:5070;user=phone;transport=udp";
        for (uri, host, contact) in [
            (uri, None, format!("<{uri}>")),
            (uri, Some("sbc.example:5060"), "<sip:+12155550131;npdi:pw@sbc.example:5060;user=phone>".into()),
            ("sips:192.0.2.1", Some("sbc.example"), "<sips:sbc.example>".into()),
            ("tel:+1-215", None, "<tel:+1-215>".into()),
            ("tel:+1-215", Some("sbc.example"), "<sip:+1-215@sbc.example;user=phone>".into()),
            ("urn:service:sos", Some("sbc.example"), "<urn:service:sos>".into()),
        ] {
            assert_eq!(contact_of(uri, host, &[]), contact);
        }
    }

    #[test]
    fn headers_in_a_uri_are_escaped() {
        let headers =
            [("Identity", "eyJ.e-_.x;info=<https://a.example/b>;alg=ES256"), ("Date", "Fri, 25 Sep")];
        assert_eq!(
            contact_of("sip:1@b.example", None, &headers),
            "<sip:1@b.example?Identity=eyJ.e-_.x%3Binfo%3D%3Chttps://a.example/b%3E%3Balg%3DES256\
             &Date=Fri%2C%2025%20Sep>"
        );
        assert_eq!(contact_of("tel:1", None, &headers), "<tel:1>");
    }
}
