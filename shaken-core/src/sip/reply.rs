//! What to answer: Reason values (RFC 3326, RFC 9410) and whole responses (RFC 3261 §8.2.6).
//!
//! ```text
//! Reason       = "Reason" HCOLON reason-value *(COMMA reason-value)
//! reason-value = protocol *( SEMI ( "cause=" 1*DIGIT / "text=" quoted-string / "ppi=" quoted-string ) )
//! ```
//!
//! Code and phrase come from [`Error::sip`](crate::Error::sip), the one table of them.

use super::Request;
use super::name::Name;
use crate::error::SipResponse;
use crate::identity::Identity;
use crate::write::Out;

/// The protocol that a Reason value speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9410 or what was there before it")]
pub enum ReasonProtocol {
    /// `STIR` (RFC 9410): may stand in any response, provisional ones too, once per failed header.
    #[default]
    Stir,
    /// `SIP`, as networks did before RFC 9410 and the French profile still does.
    Sip,
}

/// One Reason value: why an Identity header does not hold, for the one who signed it.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    protocol: ReasonProtocol,
    response: SipResponse,
    /// Of the PASSporT, in base64url.
    signature: Option<&'a str>,
}

impl<'a> Reason<'a> {
    /// `response` is that of the error: [`Error::sip`](crate::Error::sip).
    #[must_use]
    pub fn new(response: SipResponse) -> Self {
        Self { protocol: ReasonProtocol::Stir, response, signature: None }
    }

    /// Another protocol than STIR.
    #[must_use]
    pub fn with_protocol(self, protocol: ReasonProtocol) -> Self {
        Self { protocol, ..self }
    }

    /// Names the PASSporT that failed (`ppi`), always in compact form: the full form would tell
    /// who calls whom to all on the way back, and could be replayed (RFC 9410 §5). A token without
    /// anything like a signature cannot be named.
    #[must_use]
    pub fn with_passport(self, identity: &Identity<'a>) -> Self {
        let signature = identity.token().rsplit_once('.').map(|(_, signature)| signature);
        Self { signature: signature.filter(|text| (1..=MAX_SIGNATURE_LEN).contains(&text.len())), ..self }
    }

    /// Writes the value of a Reason header.
    pub fn write(&self, out: &mut Out<'_>) {
        out.push(match self.protocol {
            ReasonProtocol::Stir => b"STIR",
            ReasonProtocol::Sip => b"SIP",
        });
        out.push(b";cause=");
        out.push_decimal(self.response.code.into());
        out.push(b";text=\"");
        out.push(self.response.reason.as_bytes());
        out.push(b"\"");
        if let Some(signature) = self.signature {
            // The alphabet of an Identity's token needs no escapes in a quoted string.
            out.push(b";ppi=\"..");
            out.push(signature.as_bytes());
            out.push(b"\"");
        }
    }
}

/// Longest signature that is repeated to its signer; those of ES256 have 86 characters.
const MAX_SIGNATURE_LEN: usize = 128;

/// Writes the response to `request`: status line, Via, From, To, Call-ID and CSeq as they came
/// (RFC 3261 §8.2.6.2), the reasons, the `fields` by name and value, and no body. `to_tag` goes
/// into To if it has no tag; it must be the same for the same request, and hard to guess. Values are
/// written as they are: they must be free of line ends.
pub fn write_response(
    request: &Request<'_>,
    response: SipResponse,
    reasons: &[Reason<'_>],
    fields: &[(&str, &[u8])],
    to_tag: u64,
    out: &mut Out<'_>,
) {
    out.push(b"SIP/2.0 ");
    out.push_decimal(response.code.into());
    out.push(b" ");
    out.push(response.reason.as_bytes());
    out.push(b"\r\n");
    for (name, value) in request.fields() {
        let Some(name @ (Name::Via | Name::From | Name::To | Name::CallId | Name::CSeq)) = Name::of(name)
        else {
            continue;
        };
        push_field(out, name.as_str(), |out| {
            out.push(value);
            if name == Name::To && request.headers().to().param("tag").is_none() {
                out.push(b";tag=");
                out.push_decimal(to_tag);
            }
        });
    }
    for reason in reasons {
        push_field(out, "Reason", |out| reason.write(out));
    }
    for (name, value) in fields {
        push_field(out, name, |out| out.push(value));
    }
    out.push(b"Content-Length: 0\r\n\r\n");
}

fn push_field(out: &mut Out<'_>, name: &str, value: impl FnOnce(&mut Out<'_>)) {
    out.push(name.as_bytes());
    out.push(b": ");
    value(out);
    out.push(b"\r\n");
}

/// Writes `value` as that of a header within a URI (`hvalue`, RFC 3261 §19.1.1): all but what may
/// stand there as it is in %-escapes.
pub fn write_uri_header_value(value: &[u8], out: &mut Out<'_>) {
    for byte in value {
        let stands = byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/?:+$".contains(byte);
        if stands {
            out.push(&[*byte]);
        } else {
            let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or_default();
            out.push(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";
