"""x5u: which URLs a verifier may fetch at all. The right certificate stands behind every one of them."""

from passport import LEAF_URL, field, header, token
from vectorfile import VectorFile

ATIS = "ATIS-1000074 §5.3"
NO_ADDRESS = "RFC 6890 and ATIS-1000074 §5.3: a name that resolves to a public address; whoever signs chooses this URL"


def build() -> VectorFile:
    f = VectorFile("certificate-url", "x5u and info are equal and the certificate stands behind the URL: only the URL rules decide.")
    accepted(f)
    refused(f)
    undecided(f)
    return f


def at(f: VectorFile, url: str) -> str:
    f.body(url, f.bodies[LEAF_URL])
    return field(token(header(url)), url)


def accepted(f: VectorFile) -> None:
    for slug, url, why in [
        ("usual", "https://cr.example.net/sp/test.pem", "a usual URL"),
        ("port-443", "https://cr.example.net:443/a.pem", "port 443 written out"),
        ("port-8443", "https://cr.example.net:8443/a.pem", "port 8443"),
        ("host-upper-case", "https://CR.Example.NET/a.pem", "a host in mixed case"),
        ("deep-host", "https://eu-1.cr.sti.example.net/a.pem", "a host of five labels"),
        ("digits-host", "https://123.example.net/a.pem", "a host label of digits"),
        ("punycode", "https://xn--rsau-1oa4c.example.net/a.pem", "an internationalized host"),
        ("label-63", f"https://{'a' * 63}.example.net/a.pem", "a host label of 63 characters"),
        ("no-extension", "https://cr.example.net/9f3c2a", "a path without extension"),
        ("crt", "https://cr.example.net/shaken.crt", "a .crt file"),
        ("deep-path", "https://cr.example.net/a/b/c/d/e/f/g/h/leaf.pem", "a deep path"),
        ("escapes", "https://cr.example.net/a%20b/%C3%A9.pem", "percent-encoded characters in the path"),
        ("path-characters", "https://cr.example.net/~a_b-c.d/(1)+e,f=g&h@i:j!k*'$.pem", "every other character that a path may hold"),
        ("root-path", "https://cr.example.net/", "the path /"),
        ("long", f"https://cr.example.net/{'a' * 960}.pem", "a URL of almost 1,000 characters"),
    ]:
        f.accept(slug, at(f, url), why, f"{ATIS}; RFC 3986 §3", "Basic" if slug == "usual" else "Lenience")


def refused(f: VectorFile) -> None:
    for slug, url, error, why in [
        ("http", "http://cr.example.net/a.pem", "x5u-scheme", "scheme http"),
        ("http-443", "http://cr.example.net:443/a.pem", "x5u-scheme", "scheme http on port 443"),
        ("ftp", "ftp://cr.example.net/a.pem", "x5u-scheme", "scheme ftp"),
        ("file", "file:///etc/ssl/a.pem", "x5u-scheme", "scheme file"),
        ("sip", "sip:cert@cr.example.net", "x5u-scheme", "scheme sip"),
        ("cid", "cid:a.pem@cr.example.net", "x5u-scheme", "scheme cid"),
        ("data", "data:application/x-pem-file;base64,AAAA", "x5u-scheme", "scheme data"),
        ("https-like", "httpss://cr.example.net/a.pem", "x5u-scheme", "a scheme that starts with https"),
        ("relative", "/test/a.pem", "x5u-syntax", "a path alone"),
        ("no-scheme", "//cr.example.net/a.pem", None, "no scheme"),
        ("name-alone", "cr.example.net/a.pem", "x5u-syntax", "a host and path without scheme"),
        ("one-slash", "https:/cr.example.net/a.pem", None, "one slash after the scheme"),
        ("no-host", "https:///a.pem", None, "no host"),
        ("port-80", "https://cr.example.net:80/a.pem", "x5u-port", "port 80"),
        ("port-8080", "https://cr.example.net:8080/a.pem", "x5u-port", "port 8080"),
        ("port-444", "https://cr.example.net:444/a.pem", "x5u-port", "port 444"),
        ("port-4430", "https://cr.example.net:4430/a.pem", "x5u-port", "a port that starts with 443"),
        ("port-22", "https://cr.example.net:22/a.pem", "x5u-port", "port 22"),
        ("port-wraps", "https://cr.example.net:65979/a.pem", None, "a port that is 443 modulo 65536"),
        ("port-letters", "https://cr.example.net:https/a.pem", None, "a port that is no number"),
        ("port-negative", "https://cr.example.net:-443/a.pem", None, "a negative port"),
        ("userinfo", "https://user@cr.example.net/a.pem", "x5u-component", "user information"),
        ("password", "https://user:secret@cr.example.net/a.pem", "x5u-component", "user information with a password"),
        ("userinfo-host", "https://cr.example.net@evil.example.com/a.pem", "x5u-component", "a host name as user information of another host"),
        ("query", "https://cr.example.net/a.pem?v=1", "x5u-component", "a query"),
        ("query-empty", "https://cr.example.net/a.pem?", "x5u-component", "an empty query"),
        ("fragment", "https://cr.example.net/a.pem#1", "x5u-component", "a fragment"),
        ("fragment-empty", "https://cr.example.net/a.pem#", "x5u-component", "an empty fragment"),
        ("path-parameter", "https://cr.example.net/a.pem;v=1", "x5u-component", "a path parameter"),
        ("query-before-path", "https://cr.example.net?/a.pem", None, "a query in the place of the path"),
        ("space", "https://cr.example.net/a b.pem", None, "a space in the path"),
        ("tab", "https://cr.example.net/a\tb.pem", None, "a tab in the path"),
        ("line-feed", "https://cr.example.net/a\nb.pem", None, "a line feed in the path, which would split a request"),
        ("backslash", "https://cr.example.net\\@evil.example.com/a.pem", None, "a backslash, which browsers read as a slash"),
        ("non-ascii-path", "https://cr.example.net/é.pem", None, "a letter beyond ASCII in the path"),
        ("non-ascii-host", "https://cr.exämple.net/a.pem", None, "a letter beyond ASCII in the host"),
        ("host-space", "https://cr.example .net/a.pem", None, "a space in the host"),
        ("host-escape", "https://cr%2Eexample.net/a.pem", None, "a percent-encoded dot in the host"),
        ("host-empty-label", "https://cr..example.net/a.pem", "x5u-host-syntax", "an empty label in the host"),
        ("host-leading-dot", "https://.cr.example.net/a.pem", "x5u-host-syntax", "a dot before the host"),
        ("host-label-64", f"https://{'a' * 64}.example.net/a.pem", "x5u-host-syntax", "a host label of 64 characters"),
        ("host-255", f"https://{'a.' * 122}example.net/a.pem", "x5u-host-syntax", "a host of 255 characters"),
        ("host-hyphen", "https://-cr.example.net/a.pem", "x5u-host-syntax", "a host label that starts with a hyphen"),
    ]:
        flags = ["CertificateUrl", "Attack"] if slug in ("userinfo-host", "line-feed", "backslash", "file") else ["CertificateUrl"]
        f.reject(slug, at(f, url), error, why, f"{ATIS}: https, port 443 or 8443, no user information, query, fragment or path parameter; RFC 3986 §3", *flags)
    f.reject("too-long", at(f, f"https://cr.example.net/{'a' * 2100}.pem"), "x5u-too-long", "a URL of more than 2,100 characters",
             "no standard sets a length; the longest in use has little more than 100", "CertificateUrl", "Limit")
    for slug, host, why in [
        ("ipv4-public", "192.0.2.1", "an IPv4 address"), ("ipv4-loopback", "127.0.0.1", "the IPv4 loopback address"), ("ipv4-private", "10.0.0.1", "a private IPv4 address"),
        ("ipv4-metadata", "169.254.169.254", "the address of cloud metadata"), ("ipv4-zero", "0.0.0.0", "the unspecified IPv4 address"), ("ipv4-port", "127.0.0.1:8443", "the IPv4 loopback address with a port"),
        ("ipv4-decimal", "2130706433", "127.0.0.1 as one number"), ("ipv4-hex", "0x7f000001", "127.0.0.1 in hexadecimal"), ("ipv4-hex-parts", "0x7f.0x0.0x0.0x1", "127.0.0.1 in hexadecimal parts"),
        ("ipv4-octal", "0177.0.0.1", "127.0.0.1 with an octal part"), ("ipv4-short", "127.1", "127.0.0.1 in two parts"), ("ipv4-dot", "127.0.0.1.", "127.0.0.1 with a final dot"),
        ("ipv6-loopback", "[::1]", "the IPv6 loopback address"), ("ipv6-mapped", "[::ffff:127.0.0.1]", "127.0.0.1 in IPv6"), ("ipv6-public", "[2001:db8::1]", "an IPv6 address"),
        ("ipv6-zone", "[fe80::1%25eth0]", "a link-local IPv6 address with zone"), ("ipv6-private", "[fd00::1]", "a unique local IPv6 address"),
    ]:
        f.reject(slug, at(f, f"https://{host}/a.pem"), "x5u-host-address", f"the host is {why}", NO_ADDRESS, "CertificateUrl", "InternalAddress", "Attack")
    f.reject("ipv4-full-width", at(f, "https://１２７.0.0.1/a.pem"), None, "the host is 127.0.0.1 with full-width digits", NO_ADDRESS, "CertificateUrl", "InternalAddress", "Attack")
    for slug, host, why in [("localhost", "localhost", "localhost"), ("localhost-upper-case", "LOCALHOST", "localhost in upper case"), ("localhost-sub", "cr.localhost", "a name under localhost"),
                            ("single-label", "intranet", "a single label"), ("mdns", "printer.local", "a name under local")]:
        f.reject(slug, at(f, f"https://{host}/a.pem"), "x5u-host-local", f"the host is {why}", NO_ADDRESS + "; RFC 6761, RFC 6762", "CertificateUrl", "InternalAddress", "Attack")


def undecided(f: VectorFile) -> None:
    for slug, url, why, rule in [
        ("scheme-upper-case", "HTTPS://cr.example.net/a.pem", "the scheme in upper case", "RFC 3986 §3.1 makes it equal; nobody sends it"),
        ("final-dot", "https://cr.example.net./a.pem", "a host with its final dot", "RFC 3986 §3.2.2 allows it; certificates of hosts do not have it"),
        ("no-path", "https://cr.example.net", "no path", "RFC 3986 §6.2.3 makes it equal to /"),
        ("port-empty", "https://cr.example.net:/a.pem", "a colon without port", "RFC 3986 §3.2.3 allows it"),
        ("port-zeros", "https://cr.example.net:0443/a.pem", "port 443 with a leading zero", "RFC 3986 §3.2.3 allows it"),
        ("underscore", "https://my_cr.example.net/a.pem", "an underscore in the host", "RFC 952 has no underscore in host names; RFC 3986 §3.2.2 has"),
        ("dot-segments", "https://cr.example.net/x/../a.pem", "dot segments in the path", "RFC 3986 §6.2.2.3 would remove them; ATIS-1000074 compares bytes"),
    ]:
        f.policy(slug, at(f, url), why, rule, "CertificateUrl")
