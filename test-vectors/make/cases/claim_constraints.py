"""What a certificate says of the claims that are signed with it."""

from der import claim_constraints, ia5, sequence, tlv, utf8
from passport import base_claims, canonical, field, payload, typed
from pki import CLAIM_CONSTRAINTS, ENHANCED_CONSTRAINTS, ISSUING, ROOT, authority, leaf, raw_extension
from vectorfile import VectorFile

INCLUDE = "RFC 8226 §8 and RFC 9118 §4: mustInclude names claims that the token must have"
PERMIT = "RFC 8226 §8 and RFC 9118 §4: a claim that permittedValues names has one of the values, if it is there"
EXCLUDE = "RFC 9118 §4: mustExclude names claims that the token must not have"
VOID = "RFC 9118 §3: constraints that exclude iat, orig or dest count as if they were not there"
FORM = "RFC 8226 §8 and RFC 9118 §3: DER with explicit tags, nothing in it empty"
TWICE = "RFC 9118 §3: a certificate has one kind of claim constraints, not both"


def build() -> VectorFile:
    f = VectorFile("claim-constraints", "Claim constraints in the signing certificate. Signatures and paths are good.")
    met(f)
    not_met(f)
    malformed(f)
    others(f)
    return f


def signed(f: VectorFile, slug: str, value: bytes, kind: str = ENHANCED_CONSTRAINTS, **claims) -> str:
    made = leaf(f"constraints {slug}", ISSUING, more=[(raw_extension(kind, value), False)])
    return f.signed_by(slug, made, ISSUING, body=payload(**claims))


def met(f: VectorFile) -> None:
    rcd = {"nam": "Example Telecom"}
    for slug, value, claims, why, rule in [
        ("include-attest", claim_constraints(("attest",)), {}, "attest is demanded and there", INCLUDE),
        ("include-two", claim_constraints(("rcd", "crn")), {"rcd": rcd, "crn": "Delivery"}, "two claims are demanded and there", INCLUDE),
        ("include-null", claim_constraints(("exp",)), {"exp": None}, "the claim that is demanded is null", INCLUDE + "; null is a value"),
        ("include-base", claim_constraints(("iat", "orig", "dest")), {}, "claims are demanded that every token has", INCLUDE),
        ("permit-first", claim_constraints((), {"attest": ("A", "B")}), {}, "the first of two values", PERMIT),
        ("permit-second", claim_constraints((), {"attest": ("C", "A")}), {}, "the second of two values", PERMIT),
        ("permit-absent", claim_constraints((), {"crn": ("Delivery",)}), {}, "the claim is not there", PERMIT),
        ("permit-object", claim_constraints((), {"rcd": (canonical(rcd),)}), {"rcd": rcd}, "an object in the form of RFC 8225 §9", "RFC 9795 §6.3 and RFC 8225 §9"),
        ("permit-number", claim_constraints((), {"exp": ("12",)}), {"exp": 12}, "a number", "RFC 8225 §9"),
        ("permit-utf8", claim_constraints((), {"crn": ("Envío 🚚",)}), {"crn": "Envío 🚚"}, "a value beyond ASCII", PERMIT),
        ("exclude-absent", claim_constraints((), None, ("rcd", "rcdi")), {}, "the claims that are excluded are not there", EXCLUDE),
        ("exclude-nested", claim_constraints((), None, ("nam",)), {"rcd": rcd}, "a member of rcd has the name that is excluded", EXCLUDE + "; members of the payload itself count"),
        ("all-three", claim_constraints(("attest",), {"attest": ("A",)}, ("rcd",)), {}, "all three kinds", INCLUDE),
        ("void-orig", claim_constraints(("crn",), None, ("orig",)), {}, "orig is excluded, so that nothing of it counts", VOID),
        ("void-iat", claim_constraints((), {"attest": ("C",)}, ("iat", "rcd")), {"rcd": rcd}, "iat is excluded, so that nothing of it counts", VOID),
        ("void-dest", claim_constraints(("crn",), None, ("dest",)), {}, "dest is excluded, so that nothing of it counts", VOID),
    ]:
        f.accept(slug, signed(f, slug, value, **claims), why, rule, "ClaimConstraints", "Basic" if slug == "include-attest" else "Lenience", headers="accept")
    plain = claim_constraints(("attest",), {"attest": ("A",)})
    f.accept("plain", signed(f, "plain", plain, CLAIM_CONSTRAINTS), "the kind of RFC 8226, met", INCLUDE, "ClaimConstraints", "Lenience", headers="accept")


def not_met(f: VectorFile) -> None:
    rcd = {"nam": "Example Telecom"}
    include, permit, exclude = "claim-demanded-by-cert", "claim-not-permitted-by-cert", "claim-excluded-by-cert"
    for slug, value, claims, error, why, rule in [
        ("include-missing", claim_constraints(("rcd",)), {}, include, "rcd is demanded and not there", INCLUDE),
        ("include-one-of-two", claim_constraints(("rcd", "crn")), {"rcd": rcd}, include, "one of two claims is there", INCLUDE),
        ("include-other-case", claim_constraints(("RCD",)), {"rcd": rcd}, include, "the name is demanded in capitals", INCLUDE + "; names are compared exactly"),
        ("include-nested", claim_constraints(("nam",)), {"rcd": rcd}, include, "a member of rcd has the name that is demanded", INCLUDE + "; members of the payload itself count"),
        ("permit-other", claim_constraints((), {"attest": ("B", "C")}), {}, permit, "another value", PERMIT),
        ("permit-case", claim_constraints((), {"attest": ("a",)}), {}, permit, "the value in lower case", PERMIT + "; values are compared exactly"),
        ("permit-prefix", claim_constraints((), {"origid": ("8e2f5c7a",)}), {}, permit, "the beginning of the value", PERMIT),
        ("permit-object-other", claim_constraints((), {"rcd": (canonical(rcd),)}), {"rcd": {"nam": "Example Bank"}}, permit, "another object", "RFC 9795 §6.3"),
        ("permit-object-more", claim_constraints((), {"rcd": (canonical(rcd),)}), {"rcd": {"nam": "Example Telecom", "apn": "18005550199"}}, permit, "the object with a member more", "RFC 9795 §6.3"),
        ("permit-null", claim_constraints((), {"crn": ("Delivery",)}), {"crn": None}, permit, "null in the place of the value", PERMIT),
        ("permit-both-entries", sequence(tlv(0xA1, sequence(*(sequence(ia5("attest"), sequence(utf8(v))) for v in "BA")))), {}, permit, "two entries for one claim, one of them met", PERMIT + "; every entry"),
        ("exclude-there", claim_constraints((), None, ("rcd",)), {"rcd": rcd}, exclude, "rcd is excluded and there", EXCLUDE),
        ("exclude-null", claim_constraints((), None, ("exp",)), {"exp": None}, exclude, "the claim that is excluded is null", EXCLUDE + "; null is a value"),
        ("exclude-attest", claim_constraints((), None, ("attest",)), {}, exclude, "attest is excluded", EXCLUDE),
        ("include-and-exclude", claim_constraints(("rcd",), None, ("rcd",)), {"rcd": rcd}, exclude, "one name is demanded and excluded", "RFC 9118 §8: no token can meet that"),
    ]:
        f.reject(slug, signed(f, slug, value, **claims), error, why, rule, "ClaimConstraints", "Attack", headers=error)
    f.reject("plain-missing", signed(f, "plain-missing", claim_constraints(("rcd",)), CLAIM_CONSTRAINTS), include, "the kind of RFC 8226, rcd is not there", INCLUDE, "ClaimConstraints", "Attack", headers=include)
    f.reject("plain-other", signed(f, "plain-other", claim_constraints((), {"attest": ("C",)}), CLAIM_CONSTRAINTS), permit, "the kind of RFC 8226, another value", PERMIT, "ClaimConstraints", "Attack", headers=permit)


def malformed(f: VectorFile) -> None:
    names = sequence(ia5("rcd"))
    for slug, value, kind, why in [
        ("empty", sequence(), ENHANCED_CONSTRAINTS, "nothing in them"),
        ("no-bytes", b"", ENHANCED_CONSTRAINTS, "an extension value of no bytes"),
        ("empty-list", sequence(tlv(0xA0, sequence())), ENHANCED_CONSTRAINTS, "a list of no names"),
        ("implicit-tag", sequence(tlv(0xA0, ia5("rcd"))), ENHANCED_CONSTRAINTS, "an implicit tag"),
        ("utf8-name", sequence(tlv(0xA0, sequence(utf8("rcd")))), ENHANCED_CONSTRAINTS, "a name as UTF8String"),
        ("ia5-value", sequence(tlv(0xA1, sequence(sequence(ia5("attest"), sequence(ia5("A")))))), ENHANCED_CONSTRAINTS, "a value as IA5String"),
        ("no-values", sequence(tlv(0xA1, sequence(sequence(ia5("attest"), sequence())))), ENHANCED_CONSTRAINTS, "no value for a claim"),
        ("order", sequence(tlv(0xA2, names), tlv(0xA0, sequence(ia5("attest")))), ENHANCED_CONSTRAINTS, "the lists in another order"),
        ("unknown-list", sequence(tlv(0xA0, sequence(ia5("attest"))), tlv(0xA3, names)), ENHANCED_CONSTRAINTS, "a list of an unknown tag"),
        ("trailing", claim_constraints(("attest",)) + b"\0", ENHANCED_CONSTRAINTS, "a byte behind them"),
        ("plain-exclude", claim_constraints((), None, ("rcd",)), CLAIM_CONSTRAINTS, "mustExclude in the kind of RFC 8226"),
    ]:
        f.reject(f"form-{slug}", signed(f, f"form-{slug}", value, kind), "claim-constraints-invalid", why, FORM, "ClaimConstraints", headers="claim-constraints-invalid")


def others(f: VectorFile) -> None:
    value = claim_constraints(("attest",))
    both = leaf("constraints of both kinds", ISSUING, more=[(raw_extension(kind, value), False) for kind in (CLAIM_CONSTRAINTS, ENHANCED_CONSTRAINTS)])
    f.reject("both", f.signed_by("both", both, ISSUING), "claim-constraints-twice", "both kinds in one certificate, both met", TWICE, "ClaimConstraints", headers="claim-constraints-twice")
    ca = authority("CA with constraints", ROOT, more=[(raw_extension(ENHANCED_CONSTRAINTS, claim_constraints(("rcd",))), False)])
    f.policy("in-ca", f.signed_by("in-ca", leaf("under CA with constraints", ca), ca), "constraints in a CA, which the token does not meet", "RFC 8226 §8 and RFC 9118 §3: end-entity certificates have them", "ClaimConstraints")

    def typed_by(slug: str, constraints: bytes, ppt: str | None, claims: dict) -> str:
        made = leaf(f"constraints {slug}", ISSUING, more=[(raw_extension(ENHANCED_CONSTRAINTS, constraints), False)])
        url = f.body(f"https://cr.example.net/claim-constraints/{slug}.pem", made, ISSUING)
        return typed(ppt, claims, url, made.key)

    good, rcd = field(), base_claims(rcd={"nam": "Example Telecom"}, crn="Delivery")
    allowed, refused = claim_constraints(("rcd",), {"crn": ("Delivery", "Appointment")}), claim_constraints((), {"crn": ("Appointment",)})
    f.accept("rcd-met", [good, typed_by("rcd-met", allowed, "rcd", rcd)], "a rcd that meets the constraints of its certificate", "RFC 9795 §6.3", "ClaimConstraints", "RichCallData", "Lenience", headers="accept accept")
    f.accept("rcd-beside", [good, typed_by("rcd-beside", refused, "rcd", rcd)], "beside a good shaken PASSporT a rcd that its certificate does not permit", "RFC 9795 §8.1: none of its claims is used", "ClaimConstraints", "RichCallData", "Lenience", headers="accept claim-not-permitted-by-cert")
    excluding = claim_constraints((), None, ("attest",))
    f.accept("base-met", [good, typed_by("base-met", excluding, None, base_claims())], "a base PASSporT of a certificate that may not sign attest", EXCLUDE, "ClaimConstraints", "Base", "Lenience", headers="accept accept")
    with_div = typed_by("div-excluded", claim_constraints((), None, ("div",)), "div", base_claims(dest={"tn": ["12025550150"]}, div={"tn": "12025550187"}))
    f.reject("div-excluded", [good, with_div], "claim-excluded-by-cert", "a diversion of a certificate that may sign none", EXCLUDE, "ClaimConstraints", "Diversion", "Attack", dest=["12025550150"], target="12025550150", headers="accept claim-excluded-by-cert")
