"""Messages: msg and the digest of the body."""

import base64
import hashlib

import pki
from passport import base_claims, bare, field, payload, token, typed
from vectorfile import VectorFile

BODY = "RFC 9475 §3: msgi is the digest of the whole body as it was sent"
FORM = "RFC 9475 §3: msgi is the name of a hash function, a hyphen and the digest in base64"
ALONE = "RFC 8588 §1: only shaken speaks for the right to the number"
TEXT = "Your parcel comes at 10."


def digest(content: str, name: str = "sha256", padding: str = "") -> str:
    made = hashlib.new(name, content.encode()).digest()
    return f"{name}-{base64.b64encode(made).decode().rstrip('=')}{padding}"


def build() -> VectorFile:
    f = VectorFile("messages", "PASSporTs of type msg for SIP MESSAGE, beside a shaken one and alone.")
    good = field()

    def msg(msgi: object, **changes) -> str:
        return typed("msg", base_claims(msgi=msgi, **changes))

    def fine(slug: str, value: str, why: str, body: str | None = TEXT) -> None:
        f.accept(slug, [good, value], why, BODY, "Message", "Lenience", body=body, headers="accept accept")
        f.reject(f"{slug}-alone", value, "shaken-missing", f"alone: {why}", ALONE, "Message", body=body, headers="accept")

    def bad(slug: str, value: str, error: str, why: str, rule: str, body: str | None = TEXT, *flags: str) -> None:
        f.accept(f"beside-{slug}", [good, value], f"beside a good shaken PASSporT: {why}", "RFC 8224 §6.2.1: one good header is enough", "Message", "Lenience", body=body, headers=f"accept {error}")
        f.reject(slug, value, "shaken-missing", why, rule, "Message", *flags, body=body, headers=error)

    for name in ["sha256", "sha384", "sha512"]:
        fine(name, msg(digest(TEXT, name)), f"a digest by {name}")
    fine("padded", msg(digest(TEXT, padding="=")), "a digest with padding")
    fine("no-digest", typed("msg", base_claims()), "a msg without msgi")
    fine("empty-body", msg(digest("")), "an empty body", "")
    fine("lines", msg(digest("a\r\n\r\nb\n")), "a body of several lines", "a\r\n\r\nb\n")
    fine("utf8", msg(digest("¿Mañana? 🚚")), "a body beyond ASCII", "¿Mañana? 🚚")
    fine("not-compared", msg(digest(TEXT)), "nothing is known of the body", None)
    bad("other-body", msg(digest(TEXT)), "msgi-mismatch", "the body was changed", BODY, TEXT.replace("10", "11"), "Attack")
    bad("line-end", msg(digest(TEXT)), "msgi-mismatch", "a line end was added to the body", BODY, TEXT + "\r\n")
    bad("body-gone", msg(digest(TEXT)), "msgi-mismatch", "the body is gone", BODY, "", "Attack")
    bad("other-function", msg(digest(TEXT).replace("sha256", "sha512")), "digest-length", "the digest is of another function than its name", FORM)
    bad("unknown-function", msg(digest(TEXT, "sha1")), "digest-algorithm", "a digest by SHA-1", FORM)
    bad("function-hyphen", msg(digest(TEXT).replace("sha256", "sha-256")), "digest-algorithm", "the name of the function has a hyphen", FORM)
    bad("function-capitals", msg(digest(TEXT).replace("sha256", "SHA256")), "digest-algorithm", "the name of the function is in capitals", FORM)
    bad("no-function", msg(digest(TEXT)[7:]), "digest-algorithm", "no name of a function", FORM)
    bad("base64url", msg("sha256-" + "_" * 43), "digest-base64", "the digest is in base64url", FORM)
    bad("space", msg(digest(TEXT) + " "), "digest-base64", "a space behind the digest", FORM)
    bad("short", msg(digest(TEXT)[:47]), "digest-length", "a digest of 30 bytes", FORM)
    bad("42-bytes", msg("sha256-" + base64.b64encode(bytes(42)).decode()), "digest-length", "a digest of 42 bytes, as RFC 9475 prints one", FORM)
    bad("number", msg(7), "claim-type", "msgi is a number", FORM)
    bad("null", msg(None), "claim-type", "msgi is null", FORM)
    bad("stale", msg(digest(TEXT), iat=pki.NOW - 3600), "iat-stale", "a msg of an hour ago", "RFC 8224 §6.2 step 4")
    bad("other-called", msg(digest(TEXT), dest={"tn": ["12025550102"]}), "dest-mismatch", "a msg for another number", "RFC 8224 §6.2")
    bad("forged", typed("msg", base_claims(msgi=digest(TEXT)), key=pki.p256("attacker")), "signature-invalid", "another key signed the msg", BODY, TEXT, "Attack")
    f.accept("in-shaken", field(token(body=payload(msgi=digest("another")))), "msgi in a shaken PASSporT is of no meaning", "RFC 9475 §3: a verifier ignores msgi in other types", "Message", "Lenience", body=TEXT, headers="accept")
    f.reject("stated-shaken", field(bare(msg(digest(TEXT)))), "ppt-mismatch", "a msg whose parameter says shaken", "RFC 8224 §4.1: parameter and token name one type", "Message", "Attack", body=TEXT, headers="ppt-mismatch")
    return f
