//! Server behaviours: what the server does, and what must come of it.

use rustls::ServerConfig;
use shaken_core::Error;

use crate::rig::{Ca, Sends};

pub(crate) struct Case {
    pub(crate) id: &'static str,
    /// `None`: the server speaks no TLS.
    pub(crate) tls: Option<ServerConfig>,
    pub(crate) sends: Sends,
    /// The max-age in seconds, or the error.
    pub(crate) expected: Result<Option<u64>, Error>,
}

/// The rows of `suites/ssrf/server-behaviours.tsv` that one answer of one server makes up, by
/// their ids. `body` is the good one, `url` where the server of an id is asked.
pub(crate) fn suite_cases(ca: &Ca, body: &str, url: impl Fn(&str) -> String) -> Vec<Case> {
    let ok = |headers: &str| ok(body, headers);
    let http = |id, sends, expected| Case { id, tls: Some(ca.config()), sends, expected };
    let tls = |id, config, expected| Case {
        id,
        tls: Some(config),
        sends: Sends::Once(ok("")),
        expected: Err(expected),
    };
    let tcp = |id, sends, expected| Case { id, tls: None, sends, expected: Err(expected) };
    let mut h2_only = ca.config();
    h2_only.alpn_protocols = vec![b"h2".to_vec()];
    let status = |line: &str| Sends::Once(answer(line, "content-length: 0", ""));
    let redirect =
        |line: &str, to: &str| Sends::Once(answer(line, &format!("location: {to}\r\ncontent-length: 0"), ""));
    let chunked = |chunks: &str| answer("200 OK", "transfer-encoding: chunked", chunks);
    vec![
        http("ok", Sends::Once(ok("cache-control: max-age=86400")), Ok(Some(86_400))),
        http("redirect-301", redirect("301 Moved", "https://other.example.com/"), Err(Error::FetchRedirect)),
        http("redirect-to-loopback", redirect("302 Found", "http://127.0.0.1/"), Err(Error::FetchRedirect)),
        http("redirect-loop", redirect("302 Found", &url("redirect-loop")), Err(Error::FetchRedirect)),
        tcp("tls-stall", Sends::Once(Vec::new()), Error::FetchDeadline),
        // A record of 16 KiB that never fills.
        tcp("tls-1byte-per-s", Sends::Drip(b"\x16\x03\x03\x40\x00".to_vec(), vec![2]), Error::FetchDeadline),
        tls("tls-self-signed", ca.config_self_signed(), Error::FetchTls),
        tls("tls-wrong-name", ca.config_for_host("other.example.com"), Error::FetchTls),
        tls("tls-expired", ca.config_expired(), Error::FetchTls),
        tcp("tls10-only", Sends::Once(tls10_server_hello()), Error::FetchTls),
        tls("tls-huge-chain", ca.config_padded(100, 20_000), Error::FetchHeaderLimit),
        http("hdr-slowloris", Sends::Drip(head("200 OK"), b"x-a: a\r\n".to_vec()), Err(Error::FetchDeadline)),
        http(
            "hdr-1mb",
            Sends::Once(ok(&format!("x-large: {}", "a".repeat(1 << 20)))),
            Err(Error::FetchHeaderLimit),
        ),
        http("hdr-1000", Sends::Once(ok(&lines(1000))), Err(Error::FetchHeaderLimit)),
        http(
            "body-slow",
            Sends::Drip(answer("200 OK", "content-length: 60000", ""), b"A".to_vec()),
            Err(Error::FetchDeadline),
        ),
        http(
            "body-1gb-cl",
            Sends::Once(answer("200 OK", "content-length: 1073741824", "")),
            Err(Error::FetchBodyLimit),
        ),
        http(
            "body-1gb-chunked",
            Sends::Endless(chunked(""), format!("1000\r\n{}\r\n", "A".repeat(0x1000)).into_bytes()),
            Err(Error::FetchBodyLimit),
        ),
        http(
            "body-gzip-bomb",
            Sends::Endless(answer("200 OK", "content-encoding: gzip", ""), vec![0; 4096]),
            Err(Error::FetchEncoding),
        ),
        http(
            "body-short",
            Sends::Final(answer("200 OK", &format!("content-length: {}", body.len() + 1000), body)),
            Err(Error::FetchProtocol),
        ),
        http("body-extra", Sends::Once([ok(""), b"HTTP/1.1 200 OK\r\n".to_vec()].concat()), Ok(None)),
        http("chunk-bad", Sends::Once(chunked("xyz\r\nabc\r\n0\r\n\r\n")), Err(Error::FetchProtocol)),
        http("http09", Sends::Final(body.into()), Err(Error::FetchProtocol)),
        tls("http2-only", h2_only, Error::FetchTls),
        http("status-204", status("204 No Content"), Err(Error::FetchStatus { status: 204 })),
        http(
            "status-206",
            Sends::Once(answer("206 Partial Content", "content-length: 1", "A")),
            Err(Error::FetchStatus { status: 206 }),
        ),
        http("status-404", status("404 Not Found"), Err(Error::FetchStatus { status: 404 })),
        http("status-500", status("500 Internal"), Err(Error::FetchStatus { status: 500 })),
        http(
            "status-503-retry",
            Sends::Once(answer("503 Busy", "retry-after: 1\r\ncontent-length: 0", "")),
            Err(Error::FetchStatus { status: 503 }),
        ),
        http(
            "status-1xx-flood",
            Sends::Once([interim(10_000), ok("")].concat()),
            Err(Error::FetchHeaderLimit),
        ),
        http("ctype-html", Sends::Once(ok("content-type: text/html")), Ok(None)),
        http("age-huge", Sends::Once(ok("cache-control: max-age=4294967295")), Ok(Some(1 << 31))),
        http("age-neg", Sends::Once(ok("cache-control: max-age=-1")), Ok(None)),
        http(
            "age-overflow",
            Sends::Once(ok("cache-control: max-age=99999999999999999999")),
            Ok(Some(1 << 31)),
        ),
        http("no-store", Sends::Once(ok("cache-control: no-store")), Ok(None)),
        http("expires-past", Sends::Once(ok("expires: Thu, 01 Jan 1970 00:00:00 GMT")), Ok(None)),
    ]
}

/// Cases beyond the suite: both sides of each limit, and what an answer may look like.
pub(crate) fn our_cases(ca: &Ca, body: &str) -> Vec<Case> {
    let ok = |headers: &str| ok(body, headers);
    let http = |id, sends, expected| Case { id, tls: Some(ca.config()), sends, expected };
    let chunked = |chunks: String| answer("200 OK", "transfer-encoding: chunked", &chunks);
    let drizzle = |count: usize| chunked("1\r\nA\r\n".repeat(count) + "0\r\n\r\n");
    let body_of = |len: usize| answer("200 OK", &format!("content-length: {len}"), &"A".repeat(len));
    // Fills the header up to exactly `total` bytes, the blank line included.
    let padded = |total: usize| {
        let bare = ok("x-pad: ").len() - body.len();
        Sends::Once(ok(&format!("x-pad: {}", "a".repeat(total - bare))))
    };
    vec![
        Case { id: "tls12", tls: Some(ca.config_tls12()), sends: Sends::Once(ok("")), expected: Ok(None) },
        Case {
            id: "handshake just within",
            tls: Some(ca.config_padded(3, 19_000)),
            sends: Sends::Once(ok("")),
            expected: Ok(None),
        },
        Case {
            id: "handshake just over",
            tls: Some(ca.config_padded(4, 16_000)),
            sends: Sends::Once(ok("")),
            expected: Err(Error::FetchHeaderLimit),
        },
        // Each message is small enough for TLS; together they are not.
        Case {
            id: "large chain and large request for a client certificate",
            tls: Some(ca.config_padded_asking(2, 18_000, 35_000)),
            sends: Sends::Once(ok("")),
            expected: Err(Error::FetchHeaderLimit),
        },
        Case {
            id: "client certificate asked for",
            tls: Some(ca.config_padded_asking(0, 0, 1_000)),
            sends: Sends::Once(ok("")),
            expected: Ok(None),
        },
        // Application data in the clear where a handshake should be.
        Case {
            id: "no tls",
            tls: None,
            sends: Sends::Endless(Vec::new(), head("200 OK")),
            expected: Err(Error::FetchTls),
        },
        http("interim-4", Sends::Once([interim(4), ok("")].concat()), Ok(None)),
        http("interim-5", Sends::Once([interim(5), ok("")].concat()), Err(Error::FetchHeaderLimit)),
        http("interim-endless", Sends::Endless(Vec::new(), interim(100)), Err(Error::FetchHeaderLimit)),
        http("hdr-64", Sends::Once(ok(&lines(63))), Ok(None)),
        http("hdr-65", Sends::Once(ok(&lines(64))), Err(Error::FetchHeaderLimit)),
        http("hdr-16k", padded(16 * 1024), Ok(None)),
        http("hdr-16k-and-1", padded(16 * 1024 + 1), Err(Error::FetchHeaderLimit)),
        http("body-64k", Sends::Once(body_of(64 * 1024)), Ok(None)),
        http("body-64k-and-1", Sends::Once(body_of(64 * 1024 + 1)), Err(Error::FetchBodyLimit)),
        http("chunks of one byte", Sends::Once(drizzle(64 * 1024)), Ok(None)),
        http(
            "chunks of one byte, one too many",
            Sends::Once(drizzle(64 * 1024 + 1)),
            Err(Error::FetchBodyLimit),
        ),
        http(
            "chunk size of endless zeros",
            Sends::Endless(chunked(String::new()), vec![b'0'; 4096]),
            Err(Error::FetchBodyLimit),
        ),
        http(
            "body to the end of the connection",
            Sends::Final(answer("200 OK", "connection: close", body)),
            Ok(None),
        ),
        // Without close_notify nobody can tell a whole body from a cut one.
        http(
            "body cut by the network",
            Sends::Cut(answer("200 OK", "connection: close", body)),
            Err(Error::FetchProtocol),
        ),
        http(
            "two lengths",
            Sends::Once(answer("200 OK", "content-length: 1\r\ncontent-length: 2", "AB")),
            Err(Error::FetchProtocol),
        ),
        http("identity", Sends::Once(ok("content-encoding: Identity")), Ok(None)),
        http(
            "transfer coding gzip",
            Sends::Once(answer("200 OK", "transfer-encoding: gzip, chunked", "0\r\n\r\n")),
            Err(Error::FetchEncoding),
        ),
        http("status-304", Sends::Once(answer("304 Not Modified", "x: y", "")), Err(Error::FetchRedirect)),
        http(
            "status-101",
            Sends::Once(answer("101 Switching", "upgrade: h2c\r\nconnection: upgrade", "")),
            Err(Error::FetchStatus { status: 101 }),
        ),
    ]
}

/// A good answer with further header lines.
pub(crate) fn ok(body: &str, headers: &str) -> Vec<u8> {
    let separator = if headers.is_empty() { "" } else { "\r\n" };
    answer("200 OK", &format!("content-length: {}{separator}{headers}", body.len()), body)
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n\r\n{body}").into_bytes()
}

fn head(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n").into_bytes()
}

fn lines(count: usize) -> String {
    (0..count).map(|i| format!("x-{i}: a")).collect::<Vec<_>>().join("\r\n")
}

fn interim(count: usize) -> Vec<u8> {
    b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(count)
}

/// A ServerHello of TLS 1.0 (RFC 2246 §7.4.1.3) that picks an RSA suite.
fn tls10_server_hello() -> Vec<u8> {
    let hello = [&[2, 0, 0, 38, 3, 1][..], &[7; 32], &[0, 0x00, 0x2f, 0]].concat();
    [&[0x16, 3, 1, 0, 42][..], &hello].concat()
}
