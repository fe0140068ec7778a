//! The header `traceparent` (W3C Trace Context, level 1).

use hyper::HeaderMap;

/// The span of the client that a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    is_sampled: bool,
}

impl Parent {
    /// The one in `headers`, if there is one and it is in order; another is as good as none (§4.3).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.as_bytes()),
            _ => None,
        }
    }

    /// Reads a value (§3.2.2). Later versions are read as far as this one goes.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(LEN)?;
        let [version] = read(&known[..2])?;
        match (version, more.first()) {
            (0xff, _) => return None,
            (0, None) | (1.., None | Some(b'-')) => {}
            _ => return None,
        }
        if [known[2], known[35], known[52]] != *b"---" {
            return None;
        }
        let (trace_id, span_id) = (read(&known[3..35])?, read(&known[36..52])?);
        let [flags] = read(&known[53..])?;
        let is_valid = trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self { trace_id, span_id, is_sampled: flags & SAMPLED != 0 })
    }

    /// Names the trace.
    #[must_use]
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// Names the span of the client.
    #[must_use]
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Whether the client may have told its own span.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.is_sampled
    }
}

/// Digits of hexadecimal in lower case, and no others.
fn read<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

const TRACEPARENT: &str = "traceparent";

/// Version, trace, span and flags with the dashes between them.
const LEN: usize = 55;

const SAMPLED: u8 = 1;

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn good_values_are_read() {
        let parent = Parent::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(crate::hex::hex(&parent.trace_id()), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(crate::hex::hex(&parent.span_id()), "00f067aa0ba902b7");
        for (value, is_sampled) in [
            (GOOD.to_owned(), true),
            (GOOD.replace("-01", "-00"), false),
            // The other flags mean nothing here.
            (GOOD.replace("-01", "-02"), false),
            (GOOD.replace("-01", "-ff"), true),
            // A version of the future.
            (GOOD.replacen("00", "01", 1), true),
            (format!("{}-more", GOOD.replacen("00", "cc", 1)), true),
        ] {
            assert_eq!(
                Parent::parse(value.as_bytes()).map(|it| it.is_sampled()),
                Some(is_sampled),
                "{value}"
            );
        }
    }

    #[test]
    fn others_are_as_good_as_none() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for value in [
            String::new(),
            "00".into(),
            GOOD[..54].into(),
            format!("{GOOD}0"),
            format!("{GOOD}-"),
            format!("{GOOD}-more"),
            format!(" {GOOD}"),
            format!("{GOOD} "),
            GOOD.to_ascii_uppercase(),
            GOOD.replace('-', "_"),
            GOOD.replace(trace, &"0".repeat(32)),
            GOOD.replace(span, &"0".repeat(16)),
            GOOD.replace(trace, &trace.replace('b', "g")),
            GOOD.replace(span, &span.replace('b', "B")),
            GOOD.replace("-01", "-0x"),
            GOOD.replace("-01", "-+1"),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "0g", 1),
            format!("{}.more", GOOD.replacen("00", "01", 1)),
            format!("{}0", GOOD.replacen("00", "01", 1)),
        ] {
            assert_eq!(Parent::parse(value.as_bytes()), None, "{value:?}");
        }
        for at in 0..LEN {
            let mut value = GOOD.as_bytes().to_vec();
            value[at] = b'*';
            assert_eq!(Parent::parse(&value), None, "{at}");
        }
    }

    #[test]
    fn one_header_is_one() {
        let mut headers = HeaderMap::new();
        assert_eq!(Parent::of(&headers), None);
        headers.append("traceparent", HeaderValue::from_static(GOOD));
        assert!(Parent::of(&headers).is_some());
        headers.append("traceparent", HeaderValue::from_static(GOOD));
        assert_eq!(Parent::of(&headers), None);
    }
}
