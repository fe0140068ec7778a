"""Calls with none or several Identity headers."""

import pki
from passport import field, header, payload, token
from vectorfile import VectorFile

ONE_SUFFICES = "RFC 8224 §6.2.1: a request is invalid only if all its Identity headers are"
IGNORE = "RFC 8224 §6.2 step 1: a header of an unsupported type is ignored"


def build() -> VectorFile:
    f = VectorFile("several-headers", "Calls with none or several Identity headers: valid if one SHAKEN PASSporT is.")
    good = field()
    div = field(token(header(ppt="div"), payload(div={"tn": "12025550150"})), params=";alg=ES256;ppt=div")
    unknown = field(token(header(ppt="example")), params=";alg=ES256;ppt=example")
    stale = field(token(body=payload(iat=pki.NOW - 3600)))
    forged = field(token(key=pki.p256("attacker")))
    other_call = field(token(body=payload(dest={"tn": ["12025550100"]})))
    for slug, values, why, rule in [
        ("unsupported-after", [good, unknown], "a token of an unknown type follows", IGNORE),
        ("unsupported-before", [unknown, good], "a token of an unknown type comes first", IGNORE),
        ("div-beside", [div, good, div], "div tokens around it", IGNORE),
        ("garbage-before", ["garbage", good], "no token at all comes first", ONE_SUFFICES),
        ("garbage-after", [good, "garbage;info=<x>"], "no token at all follows", ONE_SUFFICES),
        ("stale-before", [stale, good], "a stale token comes first", ONE_SUFFICES),
        ("other-call-before", [other_call, good], "a token of another call comes first", ONE_SUFFICES),
        ("two-good", [good, field(token(body=payload(attest="B")))], "two valid tokens, as when a provider signs again", ONE_SUFFICES),
        ("twice", [good, good], "the same header twice", ONE_SUFFICES),
    ]:
        f.accept(slug, values, why, rule, "SeveralHeaders", "Lenience")
    f.reject("none", [], "identity-missing", "no Identity header", "RFC 8224 §6.2.2: 428 Use Identity Header", "SeveralHeaders")
    f.reject("unsupported-only", [unknown], "ppt-unsupported", "a token of an unknown type alone", IGNORE, "SeveralHeaders")
    for slug, values, why in [
        ("all-unsupported", [unknown, div], "no token of type shaken"),
        ("all-bad", [stale, forged, other_call], "three SHAKEN tokens, each bad in its own way"),
        ("garbage-and-forged", ["garbage", forged], "no token, and a forged one"),
        ("split", [good.split(".")[0], "." + good.split(".", 1)[1]], "one token split over two headers"),
    ]:
        f.reject(slug, values, None, why, ONE_SUFFICES, "SeveralHeaders", "Attack")
    for slug, values in [("forged-before", [forged, good]), ("forged-after", [good, forged])]:
        f.policy(slug, values, "a valid token, and one that another key signed", ONE_SUFFICES + "; deployed verifiers report a failure if any SHAKEN token fails", "SeveralHeaders")
    f.policy("forty", [unknown] * 39 + [good], "40 headers, the last is valid", "RFC 8224 sets no limit; the work must have one", "Limit")
    return f
