//! The SIP request that the demo signs and verifies, whole (RFC 8224 §5.1).

use shaken_core::sip::{Parties, Request, date};
use shaken_core::write::Out;

use super::{CALLED, CALLER};
use crate::cli::{Exit, Failure};

/// An INVITE as it goes over the wire.
#[derive(Clone)]
pub(super) struct Message(String);

impl Message {
    /// A call at `iat`, in seconds since 1970, that nobody has signed yet.
    pub(super) fn new(iat: u64) -> Result<Self, Failure> {
        let mut buffer = [0; 64];
        let mut out = Out::new(&mut buffer);
        let date = date::write(iat, &mut out).and_then(|()| out.finish()).map_err(bad)?;
        let lines = [
            format!("INVITE sip:+{CALLED}@sbc.example.net;user=phone SIP/2.0"),
            "Via: SIP/2.0/TLS sbc.example.com;branch=z9hG4bKdemo".to_owned(),
            "Max-Forwards: 70".to_owned(),
            format!("From: <sip:+{CALLER}@sbc.example.com;user=phone>;tag=demo"),
            format!("To: <sip:+{CALLED}@sbc.example.net;user=phone>"),
            "Call-ID: demo@sbc.example.com".to_owned(),
            "CSeq: 1 INVITE".to_owned(),
            "Contact: <sip:sbc.example.com>".to_owned(),
            format!("P-Asserted-Identity: <sip:+{CALLER}@sbc.example.com;user=phone>"),
            format!("Date: {date}"),
            "Content-Length: 0".to_owned(),
        ];
        Ok(Self(format!("{}\r\n\r\n", lines.join("\r\n"))))
    }

    /// The same with this Identity header behind the others.
    pub(super) fn signed(&self, identity: &str) -> Result<Self, Failure> {
        let mut bytes = Vec::new();
        self.request()?.write_with_headers(&[("Identity", identity)], &mut bytes);
        Ok(Self(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The same from another caller, as whoever copies the Identity header would send it.
    pub(super) fn from(&self, caller: &str) -> Self {
        Self(self.0.replace(CALLER, caller))
    }

    /// Who calls whom, and when.
    pub(super) fn parties(&self) -> Result<Parties<'_>, Failure> {
        self.request()?.parties().map_err(bad)
    }

    /// Its Identity header.
    pub(super) fn identity(&self) -> Result<String, Failure> {
        let request = self.request()?;
        let value = request.headers().identity().first().copied().unwrap_or_default();
        Ok(String::from_utf8_lossy(value).into_owned())
    }

    /// As people read it.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.lines()
    }

    fn request(&self) -> Result<Request<'_>, Failure> {
        Request::parse(self.0.as_bytes()).map_err(bad)
    }
}

fn bad(error: shaken_core::Error) -> Failure {
    Failure::new(Exit::BadData, error)
}
