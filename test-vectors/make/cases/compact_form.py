"""The compact form: the verifier rebuilds header and payload from the call."""

import pki
from passport import DEST, LEAF_URL, ORIG, base_claims, b64, compact, field, header, payload, params, signature, signing_input, unb64, bare
from vectorfile import VectorFile

REBUILT = "RFC 8225 §7 and RFC 8224 §6.2.4: header and payload are made from info, From, To, Date and SDP, and the signature must hold for them"
SHAKEN = "RFC 8588 §3: shaken has no compact form"
ALONE = "RFC 8588 §1: a base PASSporT alone lets no call pass"
DATE = "RFC 8224 §6.2.4: the time of a compact form is that of Date"
WITHOUT = "RFC 8224 §9: no compact form for claims that the verifier cannot rebuild"
RCD = "RFC 9795 §9: rcd may be compact if it holds nam alone, which is the display name"
SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 49170 UDP/TLS/RTP/SAVP 0\r\na=fingerprint:sha-256 "
DIGEST = "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1"


def build() -> VectorFile:
    f = VectorFile("compact-form", "PASSporTs in compact form: beside a shaken one in full form, and where none is allowed.")
    now = pki.NOW
    good, claims = field(), base_claims(iat=now)
    base = compact(None, claims)

    def beside(slug: str, other: str, why: str, verdict: str, rule: str, *flags: str, **call) -> None:
        f.accept(f"beside-{slug}", [good, other], f"a good shaken PASSporT, and {why}", "RFC 8224 §6.2.1: one good header is enough", "CompactForm", "Lenience", *flags, headers=f"accept {verdict}", **call)
        f.reject(slug, other, None if verdict.startswith(("compact-", "token-", "signature-length", "json-")) and "ppt=" not in other else "shaken-missing", why, rule, "CompactForm", *flags, headers=verdict, **call)

    beside("base", base, "a good base PASSporT", "accept", ALONE, date=now)
    beside("base-to-and-request-uri", base, "a base PASSporT; To and Request-URI differ and To was signed", "accept", REBUILT, date=now, dest=[DEST, "12025550100"])
    beside("base-request-uri", compact(None, base_claims(iat=now, dest={"tn": ["12025550100"]})), "a base PASSporT for the Request-URI and not for To", "signature-invalid", REBUILT, "Strict", date=now, dest=[DEST, "12025550100"])
    beside("other-caller", compact(None, base_claims(iat=now, orig={"tn": "12025550102"})), "one of another caller", "signature-invalid", REBUILT, "Attack", date=now)
    beside("other-called", compact(None, base_claims(iat=now, dest={"tn": ["12025550102"]})), "one for another called number", "signature-invalid", REBUILT, "Attack", date=now)
    beside("other-date", base, "one of a second before Date", "signature-invalid", DATE, "Attack", date=now + 1)
    beside("other-url", field(bare(base), LEAF_URL.replace("leaf", "other"), params(None)), "one whose info was changed to a URL without certificate", "fetch-status", REBUILT, "Attack", date=now)
    beside("forged", compact(None, claims, key=pki.p256("attacker")), "one that another key signed", "signature-invalid", REBUILT, "Attack", date=now)
    beside("no-date", base, "one in a request without Date", "compact-date-missing", DATE)
    f.reject("stale", compact(None, base_claims(iat=now - 3600)), "shaken-missing", "one of an hour ago with its Date", DATE, "CompactForm", "Attack", date=now - 3600, headers="date-stale")
    f.reject("ahead", compact(None, base_claims(iat=now + 3600)), "shaken-missing", "one of an hour ahead with its Date", DATE, "CompactForm", "Attack", date=now + 3600, headers="date-future")
    unsorted = '{"typ":"passport","alg":"ES256","x5u":"' + LEAF_URL + '"}'
    beside("unsorted", field(f"..{b64(signature(signing_input(unsorted, claims)))}", params=params(None)), "one whose signed header was not in lexicographic order", "signature-invalid",
           "RFC 8225 §9: both sides serialize alike, or the signature cannot hold", date=now)
    segment = bare(base)[2:]
    beside("short", field(f"..{b64(unb64(segment)[:63])}", params=params(None)), "one whose signature has 63 bytes", "signature-length", REBUILT, date=now)
    beside("four-segments", field(f"..{segment}.", params=params(None)), "one with a dot behind it", "token-segments", "RFC 7515 §3.1: three segments", date=now)
    beside("header-left", field(bare(field()).split(".")[0] + f"..{segment}", params=params(None)), "one of which only the payload was left out", "json-syntax", "RFC 8225 §7: header and payload are both left out", date=now)

    f.reject("shaken", compact("shaken", payload(iat=now)), "compact-form", "a shaken PASSporT in compact form", SHAKEN, "CompactForm", "Profile", date=now, headers="compact-form")
    f.accept("shaken-beside", [good, compact("shaken", payload(iat=now))], "a good shaken PASSporT, and one in compact form", "RFC 8224 §6.2.1", "CompactForm", "Lenience", date=now, headers="accept compact-form")
    for ppt, own, rule in [
        ("div", {"div": {"tn": "12025550150"}}, "RFC 8946 §3: div has no compact form"),
        ("div-o", {"div": {"tn": "12025550150"}, "opt": "a.b.c"}, "RFC 8946 §5: div-o has no compact form"),
        ("rph", {"rph": {"auth": ["ets.0"]}}, "RFC 8443 §4: rph has no compact form"),
        ("msg", {}, WITHOUT),
    ]:
        beside(ppt, compact(ppt, base_claims(iat=now, **own)), f"a {ppt} PASSporT in compact form", "compact-form", rule, date=now)
    unknown = compact("example", claims)
    f.reject("unknown-type", unknown, "ppt-unsupported", "an unknown type in compact form", "RFC 8224 §6.2 step 1: ignored", "CompactForm", date=now, headers="ppt-unsupported")

    named = compact("rcd", base_claims(iat=now, rcd={"nam": "Example Telecom"}))
    empty = compact("rcd", base_claims(iat=now, rcd={"nam": ""}))
    beside("rcd", named, "a rcd with the display name", "accept", RCD, "RichCallData", date=now, display_name="Example Telecom")
    beside("rcd-no-name", empty, "a rcd of a caller without display name", "accept", RCD + "; without one nam is empty", "RichCallData", date=now)
    beside("rcd-other-name", named, "a rcd whose display name was changed", "signature-invalid", RCD, "RichCallData", "Attack", date=now, display_name="Example Bank")
    beside("rcd-utf8", compact("rcd", base_claims(iat=now, rcd={"nam": "Zoë \"Z\" Müller"})), "a rcd with letters beyond ASCII and quotes", "accept", RCD, "RichCallData", date=now, display_name="Zoë \"Z\" Müller")
    beside("rcd-crn", compact("rcd", base_claims(iat=now, crn="Delivery", rcd={"nam": "Example Telecom"})), "a rcd with a reason that nobody can rebuild here", "signature-invalid", RCD, "RichCallData", date=now, display_name="Example Telecom")

    mky = [{"alg": "sha-256", "dig": DIGEST.replace(":", "")}]
    with_sdp = compact(None, base_claims(iat=now, mky=mky))
    f.reject("mky", with_sdp, "shaken-missing", "a base PASSporT with the fingerprint of the SDP", ALONE, "CompactForm", "MediaKeys", date=now, sdp=SDP + DIGEST + "\r\n", headers="accept")
    f.accept("mky-beside", [good, with_sdp], "the same beside a shaken PASSporT without mky", "RFC 8224 §6.2.1", "CompactForm", "MediaKeys", "Lenience", date=now, sdp=SDP + DIGEST + "\r\n", headers="accept accept")
    f.reject("mky-changed", with_sdp, "shaken-missing", "the fingerprint of the SDP was changed", REBUILT, "CompactForm", "MediaKeys", "Attack", date=now, sdp=SDP + DIGEST[:-2] + "F2\r\n", headers="signature-invalid")
    f.reject("mky-left-out", base, "shaken-missing", "the SDP has a fingerprint that was not signed", REBUILT, "CompactForm", "MediaKeys", "Attack", date=now, sdp=SDP + DIGEST + "\r\n", headers="signature-invalid")
    f.reject("mky-removed", with_sdp, "shaken-missing", "the fingerprint was taken out of the SDP", REBUILT, "CompactForm", "MediaKeys", "Attack", date=now, sdp="v=0\r\n", headers="signature-invalid")
    return f
