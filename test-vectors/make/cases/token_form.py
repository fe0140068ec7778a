"""The token as a string: three segments of strict base64url."""

from passport import ORIGID, b64, canonical, field, header, octets, payload, seal, signing_input, token
from vectorfile import VectorFile

SEGMENTS = "RFC 7515 §3.1 and §7.1: header, payload and signature, joined by two dots"
STRICT = "RFC 7515 §2 and RFC 4648 §3.5: base64url without padding, the bits that carry nothing are zero"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def build() -> VectorFile:
    f = VectorFile("token-form", "The token as a string: segments and base64url. Signatures are valid over what is sent.")
    segments(f)
    encoding(f)
    return f


def segments(f: VectorFile) -> None:
    t = token()
    head, body, signature = t.split(".")
    f.accept("three", field(t), "three segments", SEGMENTS, "Basic")
    for slug, value, error, why in [
        ("one", head, "token-segments", "one segment"),
        ("two", f"{head}.{body}", "token-segments", "no signature segment"),
        ("four", f"{t}.{signature}", "token-segments", "four segments"),
        ("five", f"{head}.{head}.{head}.{body}.{signature}", "token-segments", "five segments, as JSON Web Encryption has"),
        ("leading-dot", f".{t}", "token-segments", "a dot before the token"),
        ("trailing-dot", f"{t}.", "token-segments", "a dot after the token"),
        ("double-dot", f"{head}..{body}.{signature}", "token-segments", "an empty segment between header and payload"),
        ("empty-header", seal(f".{body}"), None, "the header segment is empty, the signature covers that"),
        ("empty-payload", seal(f"{head}."), None, "the payload segment is empty, as in a detached JWS"),
        ("empty-signature", f"{head}.{body}.", None, "the signature segment is empty"),
    ]:
        f.reject(slug, field(value), error, why, SEGMENTS, "Encoding")
    flat = canonical({"payload": body, "protected": head, "signature": signature})
    f.reject("json-serialization", field(flat), None, "JWS JSON serialization in the place of the compact one",
             "RFC 8225 §6: only the compact serialization is used", "Encoding")


def encoding(f: VectorFile) -> None:
    head, body = signing_input(header(), payload()).split(".")
    signature = token().split(".")[2]
    # Header and payload of lengths that leave bits without meaning in the last character.
    loose_head = next(h for h in (b64(octets(header(kid="k" * n))) for n in range(1, 4)) if len(h) % 4 == 2)
    loose_body = next(p for p in (b64(octets(payload(origid=ORIGID + "0" * n))) for n in range(3)) if len(p) % 4 == 3)
    for slug, value, why in [
        ("header-padding", seal(f"{loose_head}==.{body}"), "= after the header"),
        ("payload-padding", seal(f"{head}.{loose_body}="), "= after the payload"),
        ("signature-padding", f"{head}.{body}.{signature}==", "= after the signature"),
        ("header-trailing-bits", seal(f"{bump(loose_head)}.{body}"), "a meaningless bit of the header's last character is set"),
        ("payload-trailing-bits", seal(f"{head}.{bump(loose_body)}"), "a meaningless bit of the payload's last character is set"),
        ("signature-trailing-bits", f"{head}.{body}.{bump(signature)}", "a meaningless bit of the signature's last character is set"),
        ("header-length", seal(f"{head[: len(head) // 4 * 4]}A.{body}"), "a header of 4n+1 characters"),
        ("payload-length", seal(f"{head}.{body[: len(body) // 4 * 4]}A"), "a payload of 4n+1 characters"),
        ("signature-length", f"{head}.{body}.{signature}AAA", "a signature of 4n+1 characters"),
        ("header-alphabet", seal(f"{plain(b64(octets(header(kid='~~~???'))))}.{body}"), "a header with + and / of plain base64"),
        ("payload-alphabet", seal(f"{head}.{plain(b64(octets(payload(aaa='~~~???'))))}"), "a payload with + and / of plain base64"),
        ("signature-alphabet", plain_signature(), "a signature with + and / of plain base64"),
    ]:
        f.reject(slug, field(value), None if slug == "signature-length" else "base64-invalid", why, STRICT, "Encoding")
    t = f"{head}.{body}.{signature}"
    for slug, value, why in [
        ("space-inside", t[:100] + " " + t[100:], "a space in the token"),
        ("folded-inside", t[:100] + "\r\n " + t[100:], "a folded line in the token"),
        ("newline-inside", t[:100] + "\n" + t[100:], "a line feed in the token"),
        ("nul-inside", t[:100] + "\0" + t[100:], "a NUL in the token"),
        ("percent-inside", t.replace(".", "%2E", 1), "a dot percent-encoded"),
        ("non-ascii", t[:100] + "é" + t[100:], "a letter beyond ASCII in the token"),
    ]:
        f.reject(slug, field(value), None, why, "RFC 8224 §4: the digest holds base64url characters and dots only", "Encoding")
    large = seal(signing_input(header(), payload(zzz="a" * 13_000)))
    f.reject("large", field(large), "token-too-large", "a claim of 13,000 characters", "no standard sets a limit; deployed SIP elements pass on no such header", "Limit")


def bump(segment: str) -> str:
    """The same octets for a reader that ignores trailing bits."""
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]


def plain(segment: str) -> str:
    assert set("-_") & set(segment), segment
    return segment.replace("-", "+").replace("_", "/")


def plain_signature() -> str:
    """A token whose signature happens to need both + and /."""
    n = 0
    while True:
        text, signature = seal(signing_input(header(), payload(origid=f"{ORIGID}{n}"))).rsplit(".", 1)
        if "-" in signature and "_" in signature:
            return f"{text}.{plain(signature)}"
        n += 1
