"""The claim mky against the fingerprints of the SDP, in full form."""

import pki
from passport import base_claims, field, payload, token, typed
from vectorfile import VectorFile

SAME = "RFC 8225 §5.2.2 and RFC 8224 §6.2.4: mky holds the fingerprints of the SDP and no others"
FORM = "RFC 8225 §5.2.2: mky is an array of objects with alg and dig, the digest in hex without colons"
SDP = "RFC 8122 §5: a=fingerprint, the hash function, a space, pairs of hex digits joined by colons"
OPTIONAL = "ATIS-1000074: mky is not asked for"
ONE = "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1"
TWO = "02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2"
SHORT = "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB"


def sdp(*lines: str, head: tuple = (), end: str = "\r\n") -> str:
    """`head` are fingerprints of the session, `lines` those of its media."""
    def attributes(some: tuple) -> list[str]:
        return [f"a=fingerprint:{line}" for line in some]

    all_lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0", *attributes(head), "m=audio 49170 UDP/TLS/RTP/SAVP 0", *attributes(lines)]
    return "".join(line + end for line in all_lines)


def entry(alg: str, dig: str) -> dict:
    return {"alg": alg, "dig": dig.replace(":", "")}


def build() -> VectorFile:
    f = VectorFile("media-keys", "The claim mky of a shaken PASSporT in full form, against the fingerprints of the call's SDP.")
    one, two, sha1 = entry("sha-256", ONE), entry("sha-256", TWO), entry("sha-1", SHORT)

    def with_mky(mky: object) -> str:
        return field(token(body=payload(mky=mky)))

    for slug, mky, body, why in [
        ("one", [one], sdp(f"sha-256 {ONE}"), "one fingerprint"),
        ("two", [two, one], sdp(f"sha-256 {ONE}", f"sha-256 {TWO}"), "two fingerprints of one function"),
        ("functions", [sha1, two, one], sdp(f"sha-256 {ONE}", f"sha-256 {TWO}", f"sha-1 {SHORT}"), "two hash functions"),
        ("sha-512", [entry("sha-512", ONE + ":" + TWO)], sdp(f"sha-512 {ONE}:{TWO}"), "a fingerprint by SHA-512"),
        ("session", [one], sdp(head=(f"sha-256 {ONE}",)), "the fingerprint of the whole session"),
        ("repeated", [one], sdp(f"sha-256 {ONE}", head=(f"sha-256 {ONE}",)), "the fingerprint of session and media"),
        ("lower-case", [one], sdp(f"sha-256 {ONE.lower()}"), "the SDP has small hex digits"),
        ("function-capitals", [one], sdp(f"SHA-256 {ONE}"), "the SDP has the function's name in capitals"),
        ("line-feeds", [one], sdp(f"sha-256 {ONE}", end="\n"), "the lines of the SDP end with LF alone"),
        ("order", [one, two], sdp(f"sha-256 {ONE}", f"sha-256 {TWO}"), "the claim is not in the order that RFC 8225 asks of signers"),
        ("claim-repeats", [one, one], sdp(f"sha-256 {ONE}"), "the claim says the same twice"),
    ]:
        f.accept(slug, with_mky(mky), why, SAME, "MediaKeys", "Basic" if slug == "one" else "Lenience", sdp=body, headers="accept")
    f.accept("not-signed", field(), "the SDP has a fingerprint, the PASSporT no mky", OPTIONAL, "MediaKeys", "Lenience", sdp=sdp(f"sha-256 {ONE}"), headers="accept")
    f.accept("no-fingerprint", field(), "neither has one", OPTIONAL, "MediaKeys", "Lenience", sdp=sdp(), headers="accept")
    f.accept("not-compared", with_mky([one]), "the body of the request is not known", "RFC 8224 §6.2.4 compares with the SDP, if the verifier has it", "MediaKeys", "Lenience", headers="accept")
    for slug, mky, body, why in [
        ("changed", [one], sdp(f"sha-256 {ONE[:-2]}F2"), "the last digit in the SDP is another one"),
        ("exchanged", [one], sdp(f"sha-256 {TWO}"), "another key in the SDP"),
        ("added", [one], sdp(f"sha-256 {ONE}", f"sha-256 {TWO}"), "a second key in the SDP"),
        ("removed", [two, one], sdp(f"sha-256 {ONE}"), "one of two keys is gone from the SDP"),
        ("all-removed", [one], sdp(), "no key is left in the SDP"),
        ("function-changed", [one], sdp(f"sha-384 {ONE}"), "another hash function in the SDP"),
        ("shortened", [one], sdp(f"sha-256 {ONE[:-3]}"), "the last pair is gone from the SDP"),
        ("added-other-function", [one], sdp(f"sha-256 {ONE}", f"sha-1 {SHORT}"), "a second fingerprint by SHA-1 in the SDP"),
    ]:
        f.reject(slug, with_mky(mky), "mky-mismatch", why, SAME, "MediaKeys", "Attack", sdp=body, headers="mky-mismatch")
    for slug, mky, why in [
        ("array-empty", [], "mky is empty"),
        ("object", one, "mky is an object"),
        ("strings", [one["dig"]], "mky holds strings"),
        ("null", None, "mky is null"),
        ("no-alg", [{"dig": one["dig"]}], "an entry without alg"),
        ("no-dig", [{"alg": "sha-256"}], "an entry without dig"),
        ("colons", [{"alg": "sha-256", "dig": ONE}], "dig has the colons of the SDP"),
        ("odd", [{"alg": "sha-256", "dig": one["dig"][:-1]}], "dig has an odd number of digits"),
        ("not-hex", [{"alg": "sha-256", "dig": one["dig"][:-1] + "G"}], "dig has a letter that is no hex digit"),
        ("dig-number", [{"alg": "sha-256", "dig": 7}], "dig is a number"),
    ]:
        f.reject(slug, with_mky(mky), "claim-type", why, FORM, "MediaKeys", sdp=sdp(f"sha-256 {ONE}"), headers="claim-type")
    for slug, line, why in [
        ("sdp-no-digest", "sha-256", "the SDP has a fingerprint without digest"),
        ("sdp-no-function", ONE, "the SDP has a fingerprint without function"),
        ("sdp-no-colons", f"sha-256 {one['dig']}", "the SDP has a fingerprint without colons"),
        ("sdp-odd", f"sha-256 {ONE[:-1]}", "the SDP has a fingerprint whose last pair is one digit"),
        ("sdp-not-hex", f"sha-256 {ONE[:-1]}G", "the SDP has a fingerprint with a letter that is no hex digit"),
    ]:
        f.reject(slug, with_mky([one]), "sdp-fingerprint", why, SDP, "MediaKeys", sdp=sdp(f"sha-256 {ONE}", line))
    seventeen = [f"sha-256 {ONE[:-2]}{n:02X}" for n in range(17)]
    sixteen = [entry("sha-256", line.split()[1]) for line in seventeen[:16]]
    f.accept("sixteen", with_mky(sixteen), "16 fingerprints", SAME, "MediaKeys", "Limit", sdp=sdp(*seventeen[:16]), headers="accept")
    f.reject("seventeen", with_mky(sixteen), "sdp-fingerprint-limit", "17 fingerprints in the SDP", "no standard sets a limit; the work must have one", "MediaKeys", "Limit", sdp=sdp(*seventeen))
    base = typed(None, base_claims(mky=[one]))
    f.accept("base-beside", [field(), base], "a shaken PASSporT without mky, a base one with it", SAME, "MediaKeys", "Base", "Lenience", sdp=sdp(f"sha-256 {ONE}"), headers="accept accept")
    f.accept("base-beside-changed", [field(), base], "the same, the key in the SDP was changed", "RFC 8224 §6.2.1: one good header is enough", "MediaKeys", "Base", "Strict", sdp=sdp(f"sha-256 {TWO}"), headers="accept mky-mismatch")
    f.reject("base-changed", base, "shaken-missing", "a base PASSporT with mky, the key in the SDP was changed", SAME, "MediaKeys", "Base", "Attack", sdp=sdp(f"sha-256 {TWO}"), headers="mky-mismatch")
    forged = field(token(body=payload(mky=[two]), key=pki.p256("attacker")))
    f.reject("forged", forged, "signature-invalid", "another key signed the fingerprint of the SDP", SAME, "MediaKeys", "Attack", sdp=sdp(f"sha-256 {TWO}"), headers="signature-invalid")
    return f
