"""Callers and called parties that are no telephone numbers."""

import pki
from passport import DEST, ORIG, base_claims, compact, field, payload, token, typed
from vectorfile import VectorFile

NORMAL = "RFC 8224 §8.5: of a SIP URI scheme, user and host count, in lower case and without needless escapes"
SAME = "RFC 8224 §6.2.4: orig is the caller of the request, in the same kind of name"
CALLED = "RFC 8224 §6.2 and RFC 8225 §5.2.1: one entry of dest is the called party"
SOS = "RFC 9027 §3: an emergency call goes to urn:service:sos"
ALICE, BOB = "sip:alice@example.com", "sip:bob@example.net"


def build() -> VectorFile:
    f = VectorFile("uris", "SIP URIs and service URNs as orig, dest and div of PASSporTs.")

    def signed(orig: object = ALICE, dest: object = (BOB,), **changes) -> str:
        orig = {"uri": orig} if isinstance(orig, str) else orig
        dest = {"uri": list(dest)} if isinstance(dest, tuple) else dest
        return field(token(body=payload(orig=orig, dest=dest, **changes)))

    both = {"orig_uri": ALICE, "dest": [], "dest_uri": [BOB]}
    tn = {"tn": [DEST]}
    f.accept("both", signed(), "two SIP URIs", SAME, "Uri", "Basic", headers="accept", **both)
    f.accept("orig", signed(dest=tn), "a SIP URI calls a number", SAME, "Uri", "Lenience", headers="accept", orig_uri=ALICE)
    f.accept("dest", signed({"tn": ORIG}), "a number calls a SIP URI", CALLED, "Uri", "Lenience", headers="accept", dest=[], dest_uri=[BOB])
    f.accept("sips", signed("sips:alice@example.com"), "a sips URI", SAME, "Uri", "Lenience", headers="accept", **{**both, "orig_uri": "sips:alice@example.com"})
    f.accept("no-user", signed("sip:example.com"), "a SIP URI without user", SAME, "Uri", "Lenience", headers="accept", **{**both, "orig_uri": "sip:example.com"})
    f.accept("dest-of-several", signed(dest=("sip:carol@example.com", BOB)), "the second of two URIs is called", CALLED, "Uri", "Lenience", headers="accept", **both)
    f.accept("dest-beside-numbers", signed(dest={"tn": [DEST], "uri": [BOB]}), "dest has a number and the URI that is called", CALLED, "Uri", "Lenience", headers="accept", **both)
    f.accept("number-beside-uri", signed(dest={"tn": [DEST], "uri": [BOB]}), "dest has a URI and the number that is called", CALLED, "Uri", "Lenience", headers="accept", orig_uri=ALICE)
    f.accept("called-as-both", signed(dest=tn), "the call offers a number and a URI, dest has the number", CALLED, "Uri", "Lenience", headers="accept", orig_uri=ALICE, dest=[DEST], dest_uri=[BOB])
    for slug, claim, request, why in [
        ("host-capitals", "sip:alice@example.com", "sip:alice@EXAMPLE.com", "the host of the request is in capitals"),
        ("user-capitals", "sip:alice@example.com", "sip:Alice@example.com", "the user of the request has a capital"),
        ("port", "sip:alice@example.com", "sip:alice@example.com:5060", "the request has a port"),
        ("params", "sip:alice@example.com", "sip:alice@example.com;transport=tcp", "the request has parameters"),
        ("password", "sip:alice@example.com", "sip:alice:secret@example.com", "the request has a password"),
        ("escape", "sip:alice@example.com", "sip:%61lice@example.com", "the request escapes a letter that needs none"),
        ("claim-capitals", "sip:Alice@Example.com", "sip:alice@example.com", "the claim is not in normal form"),
        ("claim-params", "sip:alice@example.com:5060;transport=tcp", "sip:alice@example.com", "the claim has a port and parameters"),
    ]:
        f.accept(slug, signed(claim), why, NORMAL, "Uri", "Lenience", headers="accept", **{**both, "orig_uri": request})
    for slug, claim, request, why in [
        ("other-user", ALICE, "sip:mallory@example.com", "another user"),
        ("other-host", ALICE, "sip:alice@example.org", "another host"),
        ("longer-host", ALICE, "sip:alice@example.com.example.net", "a host that starts with the right one"),
        ("sub-domain", ALICE, "sip:alice@a.example.com", "a host below the right one"),
        ("sips-for-sip", ALICE, "sips:alice@example.com", "sips in the place of sip"),
        ("escaped-at", "sip:alice%40example.com@example.net", ALICE, "the right URI is escaped into the user of another host"),
        ("not-a-uri", "alice@example.com", ALICE, "orig is a URI without scheme"),
        ("empty", "", ALICE, "orig is empty"),
        ("white-space", " sip:alice@example.com", ALICE, "a space before the URI of orig"),
    ]:
        f.reject(f"orig-{slug}", signed(claim), "orig-mismatch", f"caller and orig differ: {why}", NORMAL, "Uri", "Mismatch", "Attack", headers="orig-mismatch", **{**both, "orig_uri": request})
    f.reject("orig-number", signed({"tn": ORIG}), "orig-mismatch", "a SIP URI calls, orig is a number", SAME, "Uri", "Mismatch", headers="orig-mismatch", **both)
    f.reject("orig-uri", signed(f"sip:{ORIG}@example.com"), "orig-mismatch", "a number calls, orig is a SIP URI with it", SAME, "Uri", "Mismatch", headers="orig-mismatch", dest=[], dest_uri=[BOB])
    f.reject("orig-tel", signed(f"tel:+{ORIG}"), "orig-mismatch", "a number calls, orig is a tel URI of it", SAME + "; a number is a tn", "Uri", "Mismatch", "Strict", headers="orig-mismatch", dest=[], dest_uri=[BOB])
    for slug, dest, why in [
        ("other", ("sip:carol@example.com",), "another party"),
        ("number", tn, "a number"),
        ("none-of-three", ("sip:carol@example.com", "sip:dave@example.com", "sips:bob@example.net"), "three others"),
    ]:
        f.reject(f"dest-{slug}", signed(dest=dest), "dest-mismatch", f"a SIP URI is called, dest is {why}", CALLED, "Uri", "Mismatch", "Attack", headers="dest-mismatch", **both)
    f.reject("dest-string", signed(dest={"uri": BOB}), "claim-type", "the URI of dest is in no array", CALLED, "Uri", "Claims", headers="claim-type", **both)
    f.reject("orig-array", signed({"uri": [ALICE]}), "claim-type", "the URI of orig is in an array", SAME, "Uri", "Claims", headers="claim-type", **both)

    f.reject("request-two-ats", signed("sip:alice@example.com"), "uri-syntax", "the caller of the request has two at signs", "RFC 3261 §25.1: no @ in a user; two readers would find two hosts", "Uri", "Attack", **{**both, "orig_uri": "sip:alice@example.com@example.net"})

    sos = {"dest": [], "dest_uri": ["urn:service:sos"]}
    f.accept("sos", signed({"tn": ORIG}, ("urn:service:sos",)), "an emergency call", SOS, "Uri", "Lenience", headers="accept", **sos)
    f.accept("sos-capitals", signed({"tn": ORIG}, ("URN:SERVICE:SOS",)), "an emergency call, the claim in capitals", "RFC 8141 §3.1 and RFC 5031 §4.2: names of services in any case", "Uri", "Lenience", headers="accept", **sos)
    f.accept("sos-kind", signed({"tn": ORIG}, ("urn:service:sos.fire",)), "a call to the fire brigade", "RFC 5031 §4.2", "Uri", "Lenience", headers="accept", dest=[], dest_uri=["urn:service:sos.fire"])
    f.accept("sos-and-number", signed({"tn": ORIG}, {"tn": ["911"]}), "an emergency call to the number; the Request-URI is the service", SOS, "Uri", "Lenience", headers="accept", dest=["911"], dest_uri=["urn:service:sos"])
    f.reject("sos-other-kind", signed({"tn": ORIG}, ("urn:service:sos.fire",)), "dest-mismatch", "an emergency call, dest is the fire brigade", CALLED, "Uri", "Mismatch", headers="dest-mismatch", **sos)
    f.reject("sos-other-service", signed({"tn": ORIG}, ("urn:service:sosfire",)), "dest-mismatch", "an emergency call, dest is a name that only starts alike", CALLED, "Uri", "Mismatch", "Attack", headers="dest-mismatch", **sos)

    def div(by: str, to: str, **changes) -> str:
        return typed("div", base_claims(orig={"uri": ALICE}, dest={"uri": [to]}, div={"uri": by}, **changes))

    carol = "sip:carol@example.com"
    to_carol = {"orig_uri": ALICE, "dest": [], "dest_uri": [carol], "target_uri": carol}
    f.accept("div", [signed(), div(BOB, carol)], "a diversion between SIP URIs", "RFC 8946 §4.2", "Uri", "Diversion", "Lenience", headers="accept accept", **to_carol)
    f.reject("div-other", [signed(), div("sip:dave@example.net", carol)], "dest-mismatch", "a diversion by a URI that was not called", "RFC 8946 §4.2", "Uri", "Diversion", "Attack", headers="dest-mismatch div-chain-incomplete", **to_carol)
    f.reject("div-target", [signed(), div(BOB, "sip:dave@example.com")], "div-target-mismatch", "a diversion to another URI", "RFC 8946 §4.2 step 1", "Uri", "Diversion", "Attack", headers="dest-mismatch div-target-mismatch", **to_carol)
    now = pki.NOW
    rebuilt = compact(None, base_claims(iat=now, orig={"uri": ALICE}, dest={"uri": [BOB]}))
    f.accept("compact", [signed(), rebuilt], "shaken, and a base PASSporT in compact form, rebuilt from SIP URIs", "RFC 8224 §6.2.4", "Uri", "CompactForm", "Lenience", headers="accept accept", date=now, **both)
    f.reject("compact-alone", rebuilt, "shaken-missing", "a base PASSporT in compact form alone, rebuilt from SIP URIs", "RFC 8588 §1: only shaken speaks for the right to the number", "Uri", "CompactForm", headers="accept", date=now, **both)
    f.accept("compact-normal", [signed(), rebuilt], "the same, the request spells the caller in another way", NORMAL, "Uri", "CompactForm", "Lenience", headers="accept accept", date=now, **{**both, "orig_uri": "sip:Alice@Example.COM:5060;transport=tcp"})
    f.policy("long", signed("sip:" + "a" * 600 + "@example.com"), "a URI of 600 characters", "no standard sets a limit", "Uri", "Limit", **{**both, "orig_uri": "sip:" + "a" * 600 + "@example.com"})
    return f
