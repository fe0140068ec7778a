//! The pieces of RFC 3261 §25 that header fields are made of.
//!
//! Header values reach these functions from the line splitter, which has made sure that CR and LF
//! stand in them only where a line is folded; so both count as white space here.

/// `token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")`
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Whether `bytes` is one token.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| is_token_byte(*b))
}

/// White space of `LWS`, folds included.
pub(super) fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `bytes` without white space around it.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !is_white_space(*b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_white_space(*b)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// Reads one header value from front to back.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn accept(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn white_space(&mut self) {
        self.take_while(is_white_space);
    }

    pub(super) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().position(|b| !keep(*b)).unwrap_or(self.rest.len());
        self.take(len)
    }

    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// `quoted-string`, quotes included, if one starts here and ends.
    pub(super) fn quoted(&mut self) -> Option<&'a [u8]> {
        let mut escaped = true;
        for (i, byte) in self.rest.iter().enumerate() {
            match byte {
                b'"' if i == 0 => escaped = false,
                _ if i == 0 => return None,
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Some(self.take(i + 1)),
                _ => {}
            }
        }
        None
    }

    /// `*( SEMI generic-param )` up to a comma or the end. Empty parameters are passed over:
    /// deployed senders end a value with a semicolon.
    pub(super) fn params(&mut self) -> Option<&'a [u8]> {
        let start = self.rest;
        loop {
            self.white_space();
            if matches!(self.peek(), None | Some(b',')) {
                return start.get(..start.len() - self.rest.len()).map(trim);
            }
            if !self.accept(b';') {
                return None;
            }
            self.param()?;
        }
    }

    /// `generic-param = token [ EQUAL gen-value ]` with white space around it, or nothing. The
    /// value as written, quotes included.
    fn param(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.white_space();
        let name = self.take_while(is_token_byte);
        self.white_space();
        if !self.accept(b'=') {
            return Some((name, &[]));
        }
        self.white_space();
        if self.peek() == Some(b'"') {
            return Some((name, self.quoted()?));
        }
        Some((name, self.take_while(|b| !is_white_space(b) && !b";,\"<>".contains(&b))))
    }
}

/// The parameters of a string that [`Cursor::params`] took, with the value of each as written.
pub(super) fn params(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut cursor = Cursor::new(text);
    core::iter::from_fn(move || {
        cursor.white_space();
        if cursor.accept(b';') { cursor.param() } else { None }
    })
}

/// The values of the parameters of that name, without quotes; empty if one has none.
pub(super) fn params_named<'a>(text: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let named = params(text).filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|(_, value)| {
        value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_end_at_their_own_quote() {
        for (text, quoted) in [
            (r#""a" <x>"#, Some(r#""a""#)),
            (r#""a\" <b>" <x>"#, Some(r#""a\" <b>""#)),
            (r#""a\\" <x>"#, Some(r#""a\\""#)),
            (r#""a"#, None),
            (r#""a\""#, None),
            ("a\"b\"", None),
            ("", None),
        ] {
            assert_eq!(Cursor::new(text.as_bytes()).quoted(), quoted.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn parameters_may_have_white_space_and_quotes() {
        let mut cursor = Cursor::new(b" ; tag = a1 ;x;;y=\"a;b,c\"\r\n ;z=[2001:db8::1] , next");
        let text = cursor.params().unwrap();
        assert_eq!(cursor.rest(), b", next");
        let first = |name| params_named(text, name).next();
        assert_eq!(first("TAG"), Some(&b"a1"[..]));
        assert_eq!(first("x"), Some(&b""[..]));
        assert_eq!(first("y"), Some(&b"a;b,c"[..]));
        assert_eq!(first("z"), Some(&b"[2001:db8::1]"[..]));
        assert_eq!(first("a"), None);
        for broken in ["x", ";a b", ";a=\"b", ";a=<b>", ";a=b\"c\""] {
            assert_eq!(Cursor::new(broken.as_bytes()).params(), None, "{broken}");
        }
    }
}
