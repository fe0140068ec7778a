//! The topmost Via: where the answer goes, and what it must say of the way (RFC 3261 §18.2, RFC 3581).
//!
//! ```text
//! via-parm = sent-protocol LWS sent-by *( SEMI via-params )
//! sent-protocol = "SIP" SLASH "2.0" SLASH transport     sent-by = host [ COLON port ]
//! ```
//!
//! Only the address that a request came from is ever answered; `maddr` and the host of the Via are
//! not looked at. They could lead an answer to somebody who never asked.

use std::net::{IpAddr, SocketAddr};

/// The topmost Via of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Via<'a> {
    /// As it stands there, without those that follow in the same field.
    pub(super) text: &'a [u8],
    host: &'a str,
    port: Option<u16>,
    /// Behind the first semicolon.
    params: &'a str,
    wants_port: bool,
}

impl<'a> Via<'a> {
    /// Reads the first of the values of a Via field. Nothing if it is none: then nobody can be answered.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let text = value.get(..end_of_first(value))?;
        let words = str::from_utf8(text).ok().filter(|text| text.bytes().all(is_text))?;
        let (head, params) = words.split_once(';').unwrap_or((words, ""));
        let mut protocol = head.splitn(3, '/');
        let (name, version, rest) = (protocol.next()?, protocol.next()?, protocol.next()?);
        let (transport, sent_by) = rest.trim_start().split_once(|c: char| c.is_ascii_whitespace())?;
        let is_token =
            |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b));
        if !name.trim().eq_ignore_ascii_case("SIP")
            || version.trim() != "2.0"
            || transport.is_empty()
            || !is_token(transport)
        {
            return None;
        }
        let (host, port) = split_host(sent_by.trim())?;
        let mut wants_port = false;
        for (name, value) in params_of(params) {
            if name.is_empty() || !is_token(name) {
                return None;
            }
            wants_port |= name.eq_ignore_ascii_case("rport") && value.is_none_or(str::is_empty);
        }
        if !params.is_empty() && params_of(params).next().is_none() {
            return None;
        }
        Some(Self { text, host, port, params, wants_port })
    }

    /// Where the answer to a datagram `from` there goes: to that address, at the port that it came from
    /// if the client wants so (RFC 3581 §4), else at that of the Via (RFC 3261 §18.2.2).
    pub(super) fn destination(&self, from: SocketAddr) -> SocketAddr {
        let port = if self.wants_port { from.port() } else { self.port.unwrap_or(DEFAULT_PORT) };
        SocketAddr::new(from.ip(), port)
    }

    /// The Via as the answer has it: with the address it came from, if it says another one or asks.
    pub(super) fn answered(&self, from: SocketAddr) -> Vec<u8> {
        let ip = from.ip().to_canonical();
        let says_it = self.host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|host| host == ip);
        if says_it && !self.wants_port && !params_of(self.params).any(|(name, _)| is_received(name)) {
            return self.text.to_vec();
        }
        let text = str::from_utf8(self.text).unwrap_or_default();
        let mut answered = text.split(';').next().unwrap_or_default().trim_end().to_owned();
        for (name, value) in params_of(self.params).filter(|(name, _)| !is_received(name)) {
            answered.push(';');
            answered.push_str(name);
            if name.eq_ignore_ascii_case("rport") && value.is_none_or(str::is_empty) {
                answered.push_str(&format!("={}", from.port()));
            } else if let Some(value) = value {
                answered.push('=');
                answered.push_str(value);
            }
        }
        answered.push_str(&format!(";received={ip}"));
        answered.into_bytes()
    }
}

/// Where the first of several values ends: at a comma that stands in no quotes.
fn end_of_first(value: &[u8]) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let ends = |byte: &u8| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' => return !is_quoted,
            _ => {}
        }
        false
    };
    value.iter().position(ends).unwrap_or(value.len())
}

/// The parameters by name and value, none of which has a semicolon in quotes: nobody puts quotes into a Via.
fn params_of(params: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let params = params.split(';').filter(move |_| !params.is_empty());
    params.map(|param| match param.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (param.trim(), None),
    })
}

fn is_received(name: &str) -> bool {
    name.eq_ignore_ascii_case("received")
}

fn split_host(sent_by: &str) -> Option<(&str, Option<u16>)> {
    let host_len = if sent_by.starts_with('[') {
        sent_by.find(']')? + 1
    } else {
        sent_by.find(|c: char| c == ':' || c.is_ascii_whitespace()).unwrap_or(sent_by.len())
    };
    let (host, behind) = sent_by.split_at(host_len);
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    let behind = behind.trim();
    match behind.strip_prefix(':').map(str::trim) {
        None if behind.is_empty() => Some((host, None)),
        None => None,
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
            Some((host, Some(port.parse().ok().filter(|port| *port != 0)?)))
        }
        Some(_) => None,
    }
}

/// What may stand in a Via; folded lines count as white space.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\r' | b'\n' | 0x20..=0x7e)
}

const DEFAULT_PORT: u16 = 5060;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Via<'_>> {
        Via::parse(text.as_bytes())
    }

    #[test]
    fn answers_go_where_the_request_came_from() {
        let from: SocketAddr = "192.0.2.7:40000".parse().unwrap();
        for (via, to, answered) in [
            (
                "SIP/2.0/UDP 192.0.2.7:5061;branch=z9hG4bK1",
                "192.0.2.7:5061",
                "SIP/2.0/UDP 192.0.2.7:5061;branch=z9hG4bK1",
            ),
            (
                "SIP/2.0/UDP sbc.example;branch=z9hG4bK1",
                "192.0.2.7:5060",
                "SIP/2.0/UDP sbc.example;branch=z9hG4bK1;received=192.0.2.7",
            ),
            (
                "SIP/2.0/UDP 198.51.100.9:5061;maddr=203.0.113.1;rport;branch=z9hG4bK1, SIP/2.0/UDP x",
                "192.0.2.7:40000",
                "SIP/2.0/UDP 198.51.100.9:5061;maddr=203.0.113.1;rport=40000;branch=z9hG4bK1;received=192.0.2.7",
            ),
            (
                "SIP / 2.0 / TCP [2001:db8::1] : 5070 ; branch = z9hG4bK1 ; received=203.0.113.1;x=\"a,b\"",
                "192.0.2.7:5070",
                "SIP / 2.0 / TCP [2001:db8::1] : 5070;branch=z9hG4bK1;x=\"a,b\";received=192.0.2.7",
            ),
            ("SIP/2.0/UDP 192.0.2.7;rport=9", "192.0.2.7:5060", "SIP/2.0/UDP 192.0.2.7;rport=9"),
        ] {
            let parsed = parse(via).unwrap_or_else(|| panic!("{via}"));
            assert_eq!(parsed.destination(from).to_string(), to, "{via}");
            assert_eq!(String::from_utf8(parsed.answered(from)).unwrap(), answered);
        }
        let mapped: SocketAddr = "[::ffff:192.0.2.7]:1".parse().unwrap();
        assert_eq!(parse("SIP/2.0/UDP 192.0.2.7").unwrap().answered(mapped), b"SIP/2.0/UDP 192.0.2.7");
    }

    #[test]
    fn what_is_no_via_is_none() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0 host",
            "HTTP/2.0/UDP host",
            "SIP/3.0/UDP host",
            "SIP/2.0/UDP host:0",
            "SIP/2.0/UDP host:70000",
            "SIP/2.0/UDP host:x",
            "SIP/2.0/UDP host other",
            "SIP/2.0/UDP [host",
            "SIP/2.0/UDP ho\u{e9}st",
            "SIP/2.0/UDP host;;branch=1",
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP host;=1",
            "SIP/2.0/UD P/x host",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
