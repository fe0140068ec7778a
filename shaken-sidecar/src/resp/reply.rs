//! Answers in the Redis protocol (RESP2).

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A word of ours.
    Simple(&'static str),
    /// A name in capitals, and more about it.
    Error(String),
    Integer(u64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Self>),
}

impl Reply {
    pub(super) const OK: Self = Self::Simple("OK");

    pub(super) fn error(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Bulk(text.as_bytes().to_vec())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Simple(word) => line(out, b'+', word),
            // One line, whatever stands in it.
            Self::Error(text) => line(out, b'-', &text.replace(['\r', '\n'], " ")),
            Self::Integer(number) => line(out, b':', &number.to_string()),
            Self::Bulk(bytes) => {
                line(out, b'$', &bytes.len().to_string());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Self::Null => line(out, b'$', "-1"),
            Self::Array(replies) => {
                line(out, b'*', &replies.len().to_string());
                replies.iter().for_each(|reply| reply.write(out));
            }
        }
    }
}

fn line(out: &mut Vec<u8>, kind: u8, text: &str) {
    out.push(kind);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_as_it_stands_on_the_wire() {
        let all = Reply::Array(vec![
            Reply::OK,
            Reply::error("ERR a\r\n+OK"),
            Reply::Integer(7),
            Reply::text("a\r\nb"),
            Reply::text(""),
            Reply::Null,
            Reply::Array(vec![]),
        ]);
        let mut out = Vec::new();
        all.write(&mut out);
        let expected = "*7\r\n+OK\r\n-ERR a  +OK\r\n:7\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$-1\r\n*0\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
