"""The claims: presence, type and form."""

import pki
from passport import DEST, ORIG, Absent, canonical, field, payload, token
from vectorfile import VectorFile

PRESENT = "RFC 8225 §5 and RFC 8588 §4 and §5: attest, dest, iat, orig and origid are all there"
ATTEST = "RFC 8588 §4: attest is the string A, B or C"
ORIGID = "RFC 8588 §5: origid is a string that identifies the origin"
ORIG_RULE = "RFC 8225 §5.2.1: orig is an object with exactly one identity, tn or uri, whose value is a string"
DEST_RULE = "RFC 8225 §5.2.1: dest is an object of arrays of strings, with at least one identity"
CANONICAL = "RFC 8224 §8.3: a tn holds only digits, # and *"
IAT = "RFC 8225 §5.1.1 and §9: iat is a number of seconds, written as an integer"


def build() -> VectorFile:
    f = VectorFile("claims", "The claims of the payload: presence, type and form. Signatures are valid.")
    accepted(f)
    presence(f)
    attest_and_origid(f)
    orig(f)
    dest(f)
    iat(f)
    return f


def with_claims(**changes) -> str:
    return field(token(body=payload(**changes)))


def accepted(f: VectorFile) -> None:
    for level in "ABC":
        f.accept(f"attest-{level.lower()}", with_claims(attest=level), f"attestation {level}", ATTEST, "Basic")
    for slug, value, why in [
        ("upper-case", "8E2F5C7A-2B4D-4F6E-9A1C-3D5E7F901B23", "a UUID in upper case"),
        ("no-hyphens", "8e2f5c7a2b4d4f6e9a1c3d5e7f901b23", "a UUID without hyphens"),
        ("text", "trunk-group_7.example", "no UUID"),
        ("short", "1", "one character"),
    ]:
        f.accept(f"origid-{slug}", with_claims(origid=value), f"origid is {why}",
                 ORIGID + "; the section asks for a UUID, deployed signers send other strings", "Lenience")
    f.accept("dest-two", with_claims(dest={"tn": ["12025550100", DEST]}), "two numbers in dest, the second is called", DEST_RULE, "Lenience")
    f.accept("dest-uri-too", with_claims(dest={"tn": [DEST], "uri": ["sip:alice@example.com"]}), "dest has numbers and URIs", DEST_RULE, "Lenience")
    f.accept("dest-uri-first", field(token(body=canonical(payload()).replace('"dest":{', '"dest":{"uri":["sip:alice@example.com"],'))),
             "URIs stand before numbers in dest", DEST_RULE, "Lenience")
    for slug, number, why in [("emergency", "911", "an emergency number"), ("star", "*67", "a service code with star"), ("pound", "#31#", "a service code with pound signs"),
                              ("toll-free", "18005550199", "a toll-free number"), ("fifteen", "882990000000199", "a number of 15 digits"), ("one-digit", "0", "one digit")]:
        f.accept(f"dest-{slug}", with_claims(dest={"tn": [number]}), f"the called number is {why}", CANONICAL, "Lenience", dest=[number])
    f.accept("orig-other-country", with_claims(orig={"tn": "441632960101"}), "a caller of another country code", "RFC 8224 §8.3", "Lenience", orig="441632960101")
    f.accept("rcd", with_claims(rcd={"nam": "Example Telecom"}, crn="Delivery"), "rich call data ride along", "RFC 8225 §8.3: claims that are not known are ignored; RFC 9795 defines these", "Lenience")


def presence(f: VectorFile) -> None:
    for claim in ["attest", "dest", "iat", "orig", "origid"]:
        f.reject(f"{claim}-missing", with_claims(**{claim: Absent}), "claim-missing", f"no {claim}", PRESENT, "Claims")
        f.reject(f"{claim}-other-case", field(token(body=canonical(payload()).replace(f'"{claim}"', f'"{claim.title()}"'))), "claim-missing",
                 f"{claim.title()} in the place of {claim}", "RFC 7519 §10.1.1: claim names are case-sensitive", "Claims")
    f.reject("all-missing", field(token(body="{}")), "claim-missing", "an object without members", PRESENT, "Claims")


def attest_and_origid(f: VectorFile) -> None:
    for slug, value, error in [("lower-case", "a", "attest-invalid"), ("d", "D", "attest-invalid"), ("two", "AB", "attest-invalid"), ("empty", "", "attest-invalid"),
                               ("nul", "A\0", "attest-invalid"), ("space", " A", "attest-invalid"), ("cyrillic", "А", "attest-invalid"),
                               ("number", 1, None), ("null", None, None), ("array", ["A"], None)]:
        f.reject(f"attest-{slug}", with_claims(attest=value), error, f"attest is {slug.replace('-', ' ')}", ATTEST, "Claims")
    for slug, value, error in [("empty", "", "origid-invalid"), ("number", 7, None), ("null", None, None), ("object", {}, None)]:
        f.reject(f"origid-{slug}", with_claims(origid=value), error, f"origid is {slug}", ORIGID, "Claims")
    f.policy("origid-long", with_claims(origid="0" * 2000), "an origid of 2,000 characters", "RFC 8588 §5 sets no length", "Limit")
    f.policy("origid-spaces", with_claims(origid="node 12 / east"), "an origid with spaces", "RFC 8588 §5 asks for a UUID and sets no alphabet for what is none", "Claims")
    f.policy("origid-control", with_claims(origid="node\n12"), "an origid with a line feed", "RFC 8588 §5 sets no alphabet; it ends up in logs", "Claims")


def orig(f: VectorFile) -> None:
    for slug, value, error, why in [
        ("string", ORIG, "claim-type", "a string"),
        ("array", [{"tn": ORIG}], "claim-type", "an array"),
        ("null", None, "claim-type", "null"),
        ("empty", {}, None, "an empty object"),
        ("other-member", {"number": ORIG}, None, "an object with neither tn nor uri"),
        ("both", {"tn": ORIG, "uri": "sip:alice@example.com"}, "claim-type", "an object with tn and uri"),
        ("tn-array", {"tn": [ORIG]}, "claim-type", "a tn in an array"),
        ("tn-number", {"tn": int(ORIG)}, "claim-type", "a tn that is a JSON number"),
        ("tn-null", {"tn": None}, "claim-type", "a tn that is null"),
        ("tn-object", {"tn": {"tn": ORIG}}, "claim-type", "a tn that is an object"),
    ]:
        f.reject(f"orig-{slug}", with_claims(orig=value), error, f"orig is {why}", ORIG_RULE, "Claims")
    for slug, number, why in [
        ("plus", f"+{ORIG}", "a plus sign"), ("hyphens", "1-202-555-0101", "hyphens"), ("dots", "1.202.555.0101", "dots"),
        ("parentheses", "1(202)5550101", "parentheses"), ("space-before", f" {ORIG}", "a space before it"), ("space-after", f"{ORIG} ", "a space after it"),
        ("nul", f"{ORIG}\0", "a NUL after it"), ("letters", "1202555CALL", "letters"), ("empty", "", "nothing in it"),
        ("tel-uri", f"tel:+{ORIG}", "a tel URI around it"), ("extension", f"{ORIG};ext=7", "an extension"),
        ("arabic-digits", "".join(chr(0x0660 + int(d)) for d in ORIG), "Arabic-Indic digits"),
        ("full-width", "".join(chr(0xFF10 + int(d)) for d in ORIG), "full-width digits"), ("line-feed", f"{ORIG}\n", "a line feed after it"),
        ("dtmf", f"{ORIG}A", "the DTMF letter A"),
    ]:
        f.reject(f"orig-tn-{slug}", with_claims(orig={"tn": number}), "tn-not-canonical", f"the calling number has {why}", CANONICAL, "Canonical")
    f.reject("orig-tn-long", with_claims(orig={"tn": "1" * 1000}), "tn-not-canonical", "a number of 1,000 digits", CANONICAL + "; E.164 ends at 15", "Canonical", "Limit")


def dest(f: VectorFile) -> None:
    for slug, value, error, why in [
        ("string", DEST, "claim-type", "a string"),
        ("array", [DEST], "claim-type", "an array of numbers"),
        ("array-of-objects", [{"tn": DEST}], "claim-type", "an array of objects"),
        ("null", None, "claim-type", "null"),
        ("empty", {}, None, "an empty object"),
        ("empty-array", {"tn": []}, None, "an object with an empty array"),
        ("other-member", {"number": [DEST]}, None, "an object with neither tn nor uri"),
        ("tn-string", {"tn": DEST}, "claim-type", "a tn that is no array"),
        ("tn-nested", {"tn": [[DEST]]}, "claim-type", "a tn array in an array"),
        ("tn-number", {"tn": [int(DEST)]}, "claim-type", "a JSON number"),
        ("tn-null", {"tn": [None]}, "claim-type", "a null in the array"),
        ("tn-object", {"tn": [{"tn": DEST}]}, "claim-type", "an object in the array"),
    ]:
        f.reject(f"dest-{slug}", with_claims(dest=value), error, f"dest is or holds {why}", DEST_RULE, "Claims")
    for slug, number, why in [("plus", f"+{DEST}", "a plus sign"), ("hyphens", "1-202-555-0187", "hyphens"), ("empty", "", "nothing in it"), ("uri", f"sip:{DEST}@example.com", "a SIP URI around it")]:
        f.reject(f"dest-tn-{slug}", with_claims(dest={"tn": [number]}), "tn-not-canonical", f"the called number has {why}", CANONICAL, "Canonical")
    f.policy("dest-one-not-canonical", with_claims(dest={"tn": [DEST, "+12025550100"]}), "the called number is right, another one has a plus sign",
             "RFC 8224 §8.3 forbids the second one; the call needs only the first", "Canonical")
    f.policy("dest-thousand", with_claims(dest={"tn": [DEST] + [str(12025550100 + n % 100) for n in range(999)]}), "1,000 numbers in dest", "RFC 8225 §5.2.1 sets no limit", "Limit")


def iat(f: VectorFile) -> None:
    for slug, value in [("null", None), ("true", True), ("array", [pki.NOW]), ("object", {})]:
        f.reject(f"iat-{slug}", with_claims(iat=value), "claim-type", f"iat is {canonical(value)}", IAT, "Claims")
    f.reject("iat-string", with_claims(iat=str(pki.NOW)), "claim-type", "iat as a string, as RFC 8588 §6 prints it", IAT, "Claims", "Strict")
    f.reject("iat-date", with_claims(iat="2026-01-01T12:00:00Z"), "claim-type", "iat is a date", IAT, "Claims")
    text = canonical(payload())
    for slug, value, why in [
        ("overflow", "1e400", "a number beyond every machine type"),
        ("u64-overflow", str(2**64 + pki.NOW), "equal to now modulo 2^64"),
        ("u32-overflow", str(2**32 + pki.NOW), "equal to now modulo 2^32"),
        ("negative", f"-{pki.NOW}", "negative"),
        ("i64-max", str(2**63 - 1), "the largest signed 64-bit number"),
        ("u64-max", str(2**64 - 1), "the largest unsigned 64-bit number"),
        ("forty-digits", f"{pki.NOW}" + "0" * 30, "of 40 digits"),
    ]:
        f.reject(f"iat-{slug}", field(token(body=text.replace(str(pki.NOW - 1), value))), None, f"iat is {why}", IAT, "Claims", "Freshness")
    for slug, value, why in [("fraction", f"{pki.NOW}.5", "has a fraction"), ("zero-fraction", f"{pki.NOW}.0", "has a fraction of zero"), ("exponent", "1767268800e0", "has an exponent")]:
        f.policy(f"iat-{slug}", field(token(body=text.replace(str(pki.NOW - 1), value))), f"iat {why}",
                 "RFC 7519 §2 lets a NumericDate have a fraction, RFC 8225 §9 wants integers", "Claims")
    f.policy("exp-past", with_claims(exp=pki.NOW - 3600), "an exp claim an hour ago", "RFC 7519 §4.1.4 would refuse, RFC 8225 does not use exp", "Claims")
    f.policy("nbf-future", with_claims(nbf=pki.NOW + 3600), "an nbf claim in an hour", "RFC 7519 §4.1.5 would refuse, RFC 8225 does not use nbf", "Claims")
