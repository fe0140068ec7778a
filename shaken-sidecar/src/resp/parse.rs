//! The bytes of a client in the Redis protocol (RESP2) as commands: arrays of bulk strings as
//! libraries send them, or lines as people type them. What comes out borrows from the bytes.
//!
//! Whatever stands there, the answer is a command, that more is needed, or why it is none. A line is
//! split at spaces; there is no quoting in it.

use arrayvec::ArrayVec;

/// The words of a command, its name first. At least one.
pub(super) type Words<'a> = ArrayVec<&'a [u8], MAX_WORDS>;

/// A command at the beginning of an input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// Without words it asks for nothing.
    pub(super) words: Words<'a>,
    /// How much of the input it is.
    pub(super) len_bytes: usize,
}

/// Why bytes are no commands. Nothing that follows them can be trusted to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProtocolError {
    /// The number of words is none, or too high.
    WordCount,
    /// Something other than a bulk string stands in the array.
    NotBulk,
    /// The length of a bulk string is none, or too high.
    BulkLen,
    /// Something other than a line break ends a bulk string.
    BulkEnd,
    /// The command is longer than [`MAX_COMMAND_LEN`].
    TooLong,
    /// Another protocol: HTTP, as a web page can have a browser send, TLS, or noise.
    Foreign,
}

impl ProtocolError {
    /// What the client is told. Another protocol is told nothing.
    pub(super) fn text(self) -> Option<&'static str> {
        match self {
            Self::WordCount => Some("ERR Protocol error: invalid multibulk length"),
            Self::NotBulk => Some("ERR Protocol error: expected '$'"),
            Self::BulkLen => Some("ERR Protocol error: invalid bulk length"),
            Self::BulkEnd => Some("ERR Protocol error: a bulk string does not end where it should"),
            Self::TooLong => Some("ERR Protocol error: a command is at most 64 KiB"),
            Self::Foreign => None,
        }
    }
}

/// The first command in `input`, nothing if not all of it is there.
pub(super) fn parse(input: &[u8]) -> Result<Option<Command<'_>>, ProtocolError> {
    let parsed = match input.first() {
        None => None,
        Some(b'*') => array(input)?,
        Some(_) => line(input)?,
    };
    match parsed {
        None if input.len() >= MAX_COMMAND_LEN => Err(ProtocolError::TooLong),
        Some(Command { len_bytes, .. }) if len_bytes > MAX_COMMAND_LEN => Err(ProtocolError::TooLong),
        parsed => Ok(parsed),
    }
}

fn array(input: &[u8]) -> Result<Option<Command<'_>>, ProtocolError> {
    let mut words = Words::new();
    let Some((count, mut rest)) = number(input, ProtocolError::WordCount)? else {
        return Ok(None);
    };
    // -1 is the null array.
    let count = usize::try_from(count).unwrap_or(0);
    if count > MAX_WORDS {
        return Err(ProtocolError::WordCount);
    }
    for _ in 0..count {
        match rest.first() {
            None => return Ok(None),
            Some(b'$') => {}
            Some(_) => return Err(ProtocolError::NotBulk),
        }
        let Some((len_bytes, after)) = number(rest, ProtocolError::BulkLen)? else {
            return Ok(None);
        };
        let len_bytes = usize::try_from(len_bytes).map_err(|_| ProtocolError::BulkLen)?;
        if len_bytes > MAX_COMMAND_LEN {
            return Err(ProtocolError::BulkLen);
        }
        let Some((word, after)) = after.split_at_checked(len_bytes) else {
            // What is announced does not fit, so there is no point in waiting for it.
            let so_far = input.len() - after.len();
            return if so_far + len_bytes >= MAX_COMMAND_LEN {
                Err(ProtocolError::TooLong)
            } else {
                Ok(None)
            };
        };
        rest = match after {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Ok(None),
            _ => return Err(ProtocolError::BulkEnd),
        };
        words.push(word);
    }
    Ok(Some(Command { words, len_bytes: input.len() - rest.len() }))
}

/// The number behind the first byte, and what follows its line. Nothing if the line is not complete.
fn number(input: &[u8], error: ProtocolError) -> Result<Option<(i32, &[u8])>, ProtocolError> {
    let line = input.get(1..).unwrap_or_default();
    let window = &line[..line.len().min(MAX_NUMBER_LEN + 2)];
    let Some(end) = memchr::memchr(b'\r', window) else {
        return if line.len() > MAX_NUMBER_LEN { Err(error) } else { Ok(None) };
    };
    let (digits, rest) = line.split_at(end);
    let number = match digits {
        b"-1" => -1,
        _ if digits.is_empty() || digits.len() > MAX_NUMBER_LEN => return Err(error),
        _ if !digits.iter().all(u8::is_ascii_digit) => return Err(error),
        _ => digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0')),
    };
    match rest {
        [b'\r', b'\n', rest @ ..] => Ok(Some((number, rest))),
        [b'\r'] => Ok(None),
        _ => Err(error),
    }
}

fn line(input: &[u8]) -> Result<Option<Command<'_>>, ProtocolError> {
    let end = memchr::memchr(b'\n', input);
    let text = &input[..end.unwrap_or(input.len())];
    if !text.iter().all(|&byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r')) {
        return Err(ProtocolError::Foreign);
    }
    let mut split = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    // The last word may not be all there yet.
    let whole = end.is_some() || text.last().is_some_and(u8::is_ascii_whitespace);
    if split.clone().next().is_some_and(|first| is_http(first) && (whole || split.clone().count() > 1)) {
        return Err(ProtocolError::Foreign);
    }
    let Some(end) = end else { return Ok(None) };
    let mut words = Words::new();
    split.try_for_each(|word| words.try_push(word)).map_err(|_| ProtocolError::WordCount)?;
    Ok(Some(Command { words, len_bytes: end + 1 }))
}

/// A method, or the name of a header.
fn is_http(word: &[u8]) -> bool {
    let methods: [&[u8]; 10] =
        [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE", b"PRI"];
    word.ends_with(b":") || methods.iter().any(|method| word.eq_ignore_ascii_case(method))
}

/// Longest command: an Identity header of full size has room in it.
pub(super) const MAX_COMMAND_LEN: usize = 64 * 1024;

/// Most words of one command.
pub(super) const MAX_WORDS: usize = 64;

/// As much as keeps a sum in 32 bits.
const MAX_NUMBER_LEN: usize = 9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn command<'a>(words: &[&'a [u8]], len_bytes: usize) -> Command<'a> {
        Command { words: words.iter().copied().collect(), len_bytes }
    }

    fn encoded(words: &[Vec<u8>]) -> Vec<u8> {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    #[test]
    fn commands_as_libraries_and_as_people_send_them() {
        for (input, expected, len_bytes) in [
            (&b"*1\r\n$4\r\nPING\r\n*1\r\n"[..], &[&b"PING"[..]][..], 14),
            (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", &[b"ECHO", b""], 20),
            (b"*0\r\n", &[], 4),
            (b"*-1\r\nx", &[], 5),
            (b"PING\r\n", &[b"PING"], 6),
            (b"  ping \t a  b\nx", &[b"ping", b"a", b"b"], 14),
            (b"\r\n", &[], 2),
        ] {
            assert_eq!(parse(input), Ok(Some(command(expected, len_bytes))), "{input:?}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for (input, error) in [
            (&b"*x\r\n"[..], ProtocolError::WordCount),
            (b"*-2\r\n", ProtocolError::WordCount),
            (b"*+1\r\n", ProtocolError::WordCount),
            (b"*65\r\n", ProtocolError::WordCount),
            (b"*99999999999", ProtocolError::WordCount),
            (b"*1\n$4\r\nPING\r\n", ProtocolError::WordCount),
            (b"*1\rX", ProtocolError::WordCount),
            (b"*\r\n", ProtocolError::WordCount),
            (b"*1\r\n:4\r\n", ProtocolError::NotBulk),
            (b"*1\r\n$-1\r\n", ProtocolError::BulkLen),
            (b"*1\r\n$65537\r\n", ProtocolError::BulkLen),
            (b"*1\r\n$999999999999", ProtocolError::BulkLen),
            (b"*1\r\n$4\r\nPINGx", ProtocolError::BulkEnd),
            (b"*1\r\n$65536\r\n", ProtocolError::TooLong),
        ] {
            assert_eq!(parse(input), Err(error), "{}", String::from_utf8_lossy(input));
        }
        assert_eq!(parse(&vec![b'a'; MAX_COMMAND_LEN]), Err(ProtocolError::TooLong));
        let many = "a ".repeat(MAX_WORDS + 1) + "\r\n";
        assert_eq!(parse(many.as_bytes()), Err(ProtocolError::WordCount));
    }

    /// As soon as it is known: a browser may keep the rest back.
    #[test]
    fn other_protocols_are_known_early() {
        for input in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"GET ",
            b"POST /",
            b"post / HTTP/1.1\r\nHost: x\r\n",
            b"OPTIONS * ",
            b"PRI * HTTP/2.0\r\n",
            b"Host: localhost\r\n",
            b"Content-Length: 3 ",
            b"\x16\x03\x01",
            b"\0",
            b"PING\xff",
        ] {
            assert_eq!(parse(input), Err(ProtocolError::Foreign), "{}", String::from_utf8_lossy(input));
        }
        // It may still become a command.
        for input in
            [&b"GE"[..], b"GET", b"PING", b"*", b"*1\r", b"*1\r\n$", b"*1\r\n$4\r\nPI", b"*1\r\n$1\r\nx\r"]
        {
            assert_eq!(parse(input), Ok(None), "{}", String::from_utf8_lossy(input));
        }
    }

    proptest! {
        /// What is sent is what is read, however it is cut, and the words are those of the input.
        #[test]
        fn arrays_come_back(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..20),
            behind in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let whole = encoded(&sent);
            let input = [&whole[..], &behind].concat();
            let expected: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(parse(&input), Ok(Some(command(&expected, whole.len()))));
            for cut in 0..whole.len() {
                prop_assert_eq!(parse(&whole[..cut]), Ok(None));
            }
        }

        /// Never a panic, never a command of more bytes than there are, and more bytes behind a command
        /// or an error do not change it.
        #[test]
        fn noise_is_answered(noise in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(&b"*$\r\n0123456789-: aGET"[..])], 0..80,
        ), behind in prop::collection::vec(any::<u8>(), 0..8)) {
            let more = [&noise[..], &behind].concat();
            match parse(&noise) {
                Ok(None) => {}
                Ok(Some(Command { words, len_bytes })) => {
                    prop_assert!(len_bytes <= noise.len() && len_bytes > 0);
                    prop_assert!(words.iter().map(|word| word.len()).sum::<usize>() <= len_bytes);
                    prop_assert_eq!(parse(&more), Ok(Some(Command { words, len_bytes })));
                }
                Err(error) => prop_assert_eq!(parse(&more), Err(error)),
            }
        }
    }
}
