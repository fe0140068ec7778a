"""Rich call data: rcd, rcdi and crn, in their own type and in others."""

import base64
import hashlib

import pki
from passport import base_claims, bare, canonical, field, params, payload, token, typed
from vectorfile import VectorFile

TYPE = "RFC 9795 §8: a PASSporT of type rcd has rcd or crn"
RCD = "RFC 9795 §5.1: rcd is an object with nam, and with each of its members in its form"
DIGESTS = "RFC 9795 §6.1: rcdi has the digest of everything that rcd refers to by URL"
WHOLE = "RFC 9795 §8.1: if a rule of its making is broken, no claim of the PASSporT is used"
RIDES = "RFC 9795 §13: rich call data may ride along in any type"
THIRD = "RFC 9795 §10: what a third party says counts only beside a good PASSporT of the caller's own provider"
NAME = "Example Telecom"
URL = "https://example.com/pictures/logo.png"
LOGO = ["logo", {}, "uri", URL]


def digest(content: str, name: str = "sha256") -> str:
    made = hashlib.new(name, content.encode()).digest()
    return f"{name}-{base64.b64encode(made).decode().rstrip('=')}"


def jcard(*properties: list) -> list:
    return ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", NAME], *properties]]


def build() -> VectorFile:
    f = VectorFile("rich-call-data", "Who calls, as the called person is to see it. PASSporTs of type rcd stand beside a shaken one; in a shaken one the claims ride along.")
    good = field()

    def fine(slug: str, claims: dict | str, why: str, rule: str, *flags: str) -> None:
        made = typed("rcd", claims)
        f.accept(slug, [good, made], why, rule, "RichCallData", *(flags or ["Lenience"]), headers="accept accept")
        f.reject(f"{slug}-alone", made, "shaken-missing", f"without a shaken PASSporT: {why}", "RFC 8588 §1: only shaken speaks for the right to the number", "RichCallData", headers="accept")

    def bad(slug: str, claims: dict | str, error: str, why: str, rule: str, key=None, *flags: str) -> None:
        made = typed("rcd", claims, key=key)
        f.accept(f"beside-{slug}", [good, made], f"beside a good shaken PASSporT: {why}", "RFC 8224 §6.2.1: one good header is enough", "RichCallData", "Lenience", headers=f"accept {error}")
        f.reject(slug, made, "shaken-missing", why, rule, "RichCallData", *flags, headers=error)

    def rcd(**members) -> dict:
        return base_claims(rcd={"nam": NAME, **members})

    fine("name", rcd(), "a name alone", TYPE, "Basic")
    fine("name-empty", base_claims(rcd={"nam": ""}), "a caller without name", RCD)
    fine("reason", base_claims(crn="Delivery"), "a reason and no rcd", TYPE)
    fine("both", base_claims(crn="Delivery", rcd={"nam": NAME}), "a name and a reason", TYPE)
    fine("apn", rcd(apn="18005550199"), "another number to show", RCD)
    fine("icon", base_claims(rcd={"nam": NAME, "icn": URL}, rcdi={"/icn": digest("picture")}), "a picture with its digest", DIGESTS)
    fine("icon-data", rcd(icn="data:image/png;base64,iVBORw0KGgo="), "a picture that stands in the claim itself", DIGESTS)
    fine("jcard", rcd(jcd=jcard()), "a jCard without URLs", RCD)
    fine("jcard-logo", base_claims(rcd={"nam": NAME, "jcd": jcard(LOGO)}, rcdi={"/jcd/1/2/3": digest("logo")}), "a jCard with a picture and its digest", DIGESTS)
    fine("jcard-url", rcd(jcd=jcard(["url", {}, "uri", "https://example.com/"], ["tel", {}, "uri", "tel:+12025550101"])), "a jCard with URLs that name no resource to be shown", DIGESTS)
    fine("jcard-link", base_claims(rcd={"nam": NAME, "jcl": "https://example.com/card.json"}, rcdi={"/jcl": digest("card")}), "a jCard elsewhere, with its digest", DIGESTS)
    fine("digest-of-name", base_claims(rcd={"nam": NAME}, rcdi={"/nam": digest(f'"{NAME}"')}), "a digest of the name too", "RFC 9795 §6.1.1")
    fine("digest-sha512", base_claims(rcd={"nam": NAME, "icn": URL}, rcdi={"/icn": digest("picture", "sha512")}), "a digest by SHA-512", "RFC 9795 §6")
    fine("digest-padded", base_claims(rcd={"nam": NAME, "icn": URL}, rcdi={"/icn": digest("picture") + "="}), "a digest with padding, as some signers write it", "RFC 4648 §4; RFC 9795 §6 says nothing of padding")
    fine("other-member", rcd(x={"y": [1]}), "a member of rcd that nobody knows", "RFC 9795 §5.1: further members may come")

    for slug, claims, error, why, rule in [
        ("neither", base_claims(), "claim-missing", "neither rcd nor crn", TYPE),
        ("string", base_claims(rcd=NAME), "claim-type", "rcd is a string", RCD),
        ("array", base_claims(rcd=[{"nam": NAME}]), "claim-type", "rcd is an array", RCD),
        ("no-name", base_claims(rcd={"apn": "18005550199"}), "rcd-nam-missing", "no nam", RCD),
        ("name-other-case", base_claims(rcd={"Nam": NAME}), "rcd-nam-missing", "Nam in the place of nam", RCD),
        ("name-number", base_claims(rcd={"nam": 7}), "rcd-member-type", "nam is a number", RCD),
        ("apn-plus", rcd(apn="+18005550199"), "tn-not-canonical", "apn has a plus sign", RCD + ", apn canonical"),
        ("apn-number", rcd(apn=18005550199), "rcd-member-type", "apn is a JSON number", RCD),
        ("icon-http", base_claims(rcd={"nam": NAME, "icn": "http://example.com/a.png"}, rcdi={"/icn": digest("x")}), "rcd-member-type", "icn is not https", RCD),
        ("jcard-string", rcd(jcd="https://example.com/card.json"), "rcd-member-type", "jcd is a URL", RCD),
        ("jcard-no-vcard", rcd(jcd=["card", []]), "rcd-member-type", "jcd is no jCard", RCD + "; RFC 7095 §3"),
        ("jcard-link-object", rcd(jcl={}), "rcd-member-type", "jcl is an object", RCD),
        ("jcard-twice", base_claims(rcd={"nam": NAME, "jcd": jcard(), "jcl": "https://example.com/card.json"}, rcdi={"/jcl": digest("x")}), "rcd-jcard-twice", "jcd and jcl", "RFC 9795 §5.1.5: one of the two"),
        ("reason-number", base_claims(crn=1), "claim-type", "crn is a number", "RFC 9795 §7: crn is a string"),
        ("digests-only", base_claims(crn="Delivery", rcdi={"/nam": digest("x")}), "rcdi-without-rcd", "rcdi and no rcd", "RFC 9795 §6: rcdi is about rcd"),
        ("digests-array", base_claims(rcd={"nam": NAME}, rcdi=[digest("x")]), "claim-type", "rcdi is an array", "RFC 9795 §6: an object of strings"),
        ("digests-number", base_claims(rcd={"nam": NAME}, rcdi={"/nam": 1}), "claim-type", "rcdi holds a number", "RFC 9795 §6: an object of strings"),
        ("digest-missing", rcd(icn=URL), "rcdi-digest-missing", "no digest of the picture", DIGESTS),
        ("digest-other", base_claims(rcd={"nam": NAME, "icn": URL}, rcdi={"/nam": digest("x")}), "rcdi-digest-missing", "a digest of the name, none of the picture", DIGESTS),
        ("digest-missing-link", rcd(jcl="https://example.com/card.json"), "rcdi-digest-missing", "no digest of the linked jCard", DIGESTS),
        ("digest-missing-logo", base_claims(rcd={"nam": NAME, "jcd": jcard(LOGO)}, rcdi={"/jcd": digest(canonical({"x": 1}))}), "rcdi-digest-missing", "a digest of the jCard, none of its picture", DIGESTS),
        ("digest-missing-second", base_claims(rcd={"nam": NAME, "jcd": jcard(LOGO, LOGO)}, rcdi={"/jcd/1/2/3": digest("x")}), "rcdi-digest-missing", "two pictures, a digest of the first", DIGESTS),
        ("stale", base_claims(iat=pki.NOW - 3600, rcd={"nam": NAME}), "iat-stale", "rcd of an hour ago", "RFC 8224 §6.2 step 4"),
        ("other-caller", base_claims(orig={"tn": "12025550102"}, rcd={"nam": NAME}), "orig-mismatch", "rcd of another caller", "RFC 8224 §6.2.4"),
    ]:
        bad(slug, claims, error, why, rule)
    bad("forged", rcd(), "signature-invalid", "another key signed the name", WHOLE, pki.p256("attacker"), "Attack")

    issuer = base_claims(iss="Example Directory", rcd={"nam": NAME})
    fine("third-party", issuer, "a third party signed, and says who it is", THIRD)
    bad("third-party-iss-number", base_claims(iss=7, rcd={"nam": NAME}), "claim-type", "iss is a number", THIRD)

    def riding(slug: str, why: str, **claims) -> str:
        made = field(token(body=payload(**claims)))
        f.accept(slug, made, why, RIDES, "RichCallData", "Lenience", headers="accept")
        return made

    riding("in-shaken", "a name in a shaken PASSporT", rcd={"nam": NAME})
    riding("in-shaken-reason", "a reason in a shaken PASSporT", crn="Delivery")
    riding("in-shaken-icon", "a picture with its digest in a shaken PASSporT", rcd={"nam": NAME, "icn": URL}, rcdi={"/icn": digest("picture")})
    for slug, claims, why in [
        ("no-name", {"rcd": {}}, "without nam"),
        ("no-digest", {"rcd": {"nam": NAME, "icn": URL}}, "with a picture and no digest of it"),
        ("string", {"rcd": NAME}, "that is a string"),
    ]:
        f.policy(f"in-shaken-{slug}", field(token(body=payload(**claims))), f"a shaken PASSporT with an rcd {why}", WHOLE + "; a verifier that does not know rcd ignores it", "RichCallData")
    f.reject("in-shaken-forged", field(token(body=payload(rcd={"nam": NAME}), key=pki.p256("attacker"))), "signature-invalid", "a forged shaken PASSporT with a name", RIDES, "RichCallData", "Attack", headers="signature-invalid")
    changed = bare(field(token(body=payload(rcd={"nam": NAME})))).split(".")
    other = bare(field(token(body=payload(rcd={"nam": "Example Bank"})))).split(".")
    f.reject("in-shaken-name-changed", field(".".join([changed[0], other[1], changed[2]])), "signature-invalid", "the name in a shaken PASSporT was changed", RIDES, "RichCallData", "Attack", headers="signature-invalid")
    f.reject("stated-shaken", field(bare(typed("rcd", rcd()))), "ppt-mismatch", "a rcd whose parameter says shaken", "RFC 8224 §4.1: parameter and token name one type", "RichCallData", "Attack", headers="ppt-mismatch")
    f.reject("no-parameter", field(bare(typed("rcd", rcd())), params=params(None)), "shaken-missing", "a rcd whose header has no ppt", "RFC 8225 §8.1: the type is what the token says", "RichCallData", headers="accept")
    return f
