"""PASSporTs without type: who calls whom and when, and nothing about the right to the number."""

import pki
from passport import DEST, LEAF_URL, ORIG, Absent, base_claims, bare, canonical, field, header, params, token, typed
from vectorfile import VectorFile

ALONE = "RFC 8588 §1 and ATIS-1000074: the right to the number is what a shaken PASSporT states; a base PASSporT alone lets no call pass"
CLAIMS = "RFC 8225 §5: dest, iat and orig are all there, each in its form"
CALL = "RFC 8224 §6.2: orig, dest and time of the token are those of the call"
ONE = "RFC 8224 §6.2.1: one good header is enough, and another one takes nothing from it"


def build() -> VectorFile:
    f = VectorFile("base", "PASSporTs without ppt, alone and beside a shaken one.")
    good, base = field(), typed(None, base_claims())
    f.reject("alone", base, "shaken-missing", "a good base PASSporT alone", ALONE, "Base", headers="accept")
    f.reject("alone-empty-ppt", field(bare(base), params=";alg=ES256;ppt="), "param-syntax", "the ppt parameter has no value", "RFC 3261 §25.1: gen-value is a token or a quoted string", "Base", headers="param-syntax")
    f.reject("alone-typ-only", field(bare(base), params=""), "shaken-missing", "neither alg nor ppt as a parameter", "RFC 8224 §4.1: ES256 if alg is absent", "Base", headers="accept")
    f.accept("after", [good, base], "a shaken PASSporT, then a base one", ONE, "Base", "Lenience", headers="accept accept")
    f.accept("before", [base, good], "a base PASSporT, then a shaken one", ONE, "Base", "Lenience", headers="accept accept")
    f.accept("extra-claims", [good, typed(None, base_claims(attest="A", origid="x", exp=pki.NOW + 60))], "claims of other types and of JWT in a base PASSporT",
             "RFC 8225 §8.3: claims beyond those of the type are ignored", "Base", "Lenience", headers="accept accept")
    f.reject("with-shaken-claims", typed(None, base_claims(attest="A", origid="x")), "shaken-missing", "the claims of shaken without its ppt", "RFC 8225 §8.1: the type is what ppt says", "Base", "Attack", headers="accept")
    f.reject("stated-shaken", field(bare(base)), "header-member-missing", "the parameter says shaken, the token has no ppt", "RFC 8224 §4.1: parameter and token name one type", "Base", "Attack", headers="header-member-missing")
    f.reject("stated-other", field(bare(base), params=params("div")), "header-member-missing", "the parameter says div, the token has no ppt", "RFC 8224 §4.1: parameter and token name one type", "Base", "Attack", headers="header-member-missing")
    for slug, claims, error, why in [
        ("no-dest", base_claims(dest=Absent), "claim-missing", "no dest"),
        ("no-iat", base_claims(iat=Absent), "claim-missing", "no iat"),
        ("no-orig", base_claims(orig=Absent), "claim-missing", "no orig"),
        ("iat-string", base_claims(iat=str(pki.NOW)), "claim-type", "iat is a string, as RFC 8225 itself prints it"),
        ("iat-fraction", canonical(base_claims()).replace(f'"iat":{pki.NOW - 1}', f'"iat":{pki.NOW - 1}.5'), "claim-type", "iat has a fraction"),
        ("dest-string", base_claims(dest={"tn": DEST}), "claim-type", "dest holds no array"),
        ("orig-plus", base_claims(orig={"tn": f"+{ORIG}"}), "tn-not-canonical", "a plus sign in orig"),
        ("dest-33", base_claims(dest={"tn": [DEST] + [str(12025550100 + n) for n in range(32)]}), "dest-too-many", "33 numbers in dest"),
    ]:
        flags = ["Base", "Limit"] if slug == "dest-33" else ["Base"]
        f.accept(f"beside-{slug}", [good, typed(None, claims)], f"a good shaken PASSporT, and a base one with a fault: {why}", ONE, "Lenience", *flags, headers=f"accept {error}")
        f.reject(slug, typed(None, claims), "shaken-missing", why, CLAIMS, *flags, headers=error)
    for slug, claims, error, why in [
        ("stale", base_claims(iat=pki.NOW - 3600), "iat-stale", "an hour old"),
        ("ahead", base_claims(iat=pki.NOW + 3600), "iat-future", "an hour ahead"),
        ("other-caller", base_claims(orig={"tn": "12025550102"}), "orig-mismatch", "of another caller"),
        ("other-called", base_claims(dest={"tn": ["12025550102"]}), "dest-mismatch", "for another called number"),
    ]:
        f.accept(f"beside-{slug}", [typed(None, claims), good], f"a base PASSporT {why} beside a good shaken one", ONE, "Base", "Lenience", headers=f"{error} accept")
        f.reject(slug, typed(None, claims), "shaken-missing", f"a base PASSporT {why}", CALL, "Base", "Attack", headers=error)
    forged = typed(None, base_claims(), key=pki.p256("attacker"))
    f.accept("beside-forged", [good, forged], "a base PASSporT that another key signed beside a good shaken one", ONE, "Base", "Lenience", headers="accept signature-invalid")
    f.reject("forged", forged, "shaken-missing", "a base PASSporT that another key signed", ALONE, "Base", "Attack", headers="signature-invalid")
    alone = pki.leaf("base, self-signed", None)
    url = f.body(f"{LEAF_URL[:-8]}base/self-signed.pem", alone)
    f.accept("beside-untrusted", [good, typed(None, base_claims(), url, alone.key)], "a base PASSporT of an untrusted certificate beside a good shaken one", ONE, "Base", "Lenience", headers="accept cert-untrusted")
    null = field(token(canonical(header(ppt=Absent)).replace('"typ"', '"ppt":null,"typ"'), base_claims()), params=params(None))
    f.reject("ppt-null", null, None, "ppt is null", "RFC 8225 §8.1: ppt is a string", "Base", headers="ppt-unsupported")
    return f
