"""The protected header: alg, typ, ppt, x5u, and what must not be there."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import serialization

import pki
from passport import LEAF_URL, Absent, b64, canonical, field, header, payload, seal, signing_input, token, unb64
from vectorfile import VectorFile

MANDATORY = "RFC 8225 §4 and RFC 8588 §3: alg, ppt, typ and x5u are all in the header"
ALG = "RFC 8225 §4 and §6: alg is the string ES256, compared exactly; the token never chooses another"
TYP = "RFC 8225 §4.1: typ is the string passport"
PPT = "RFC 8225 §8.1: a PASSporT of another type is not validated as this one; JSON strings are compared exactly"
CRIT = "RFC 7515 §4.1.11 and RFC 7797 §3: what header asks for and is not understood, is refused"
ONCE = "RFC 7515 §4: header parameter names are unique"
IGNORED = "RFC 7515 §4: unknown header parameters are ignored"
ONLY_X5U = "RFC 8225 §4: x5u alone leads to the key; RFC 8725 §3.10"


def build() -> VectorFile:
    f = VectorFile("token-header", "The protected header of the token. Signatures are valid over what is sent, unless the reason says otherwise.")
    accepted(f)
    members(f)
    confusion(f)
    keys(f)
    return f


def head_text(text: str) -> str:
    return field(token(text))


def accepted(f: VectorFile) -> None:
    usual = canonical(header())
    f.accept("usual", field(), "members sorted", "RFC 8225 §9", "Basic")
    f.accept("typ-first", head_text(f'{{"typ":"passport","alg":"ES256","x5u":"{LEAF_URL}","ppt":"shaken"}}'),
             "members in another order", "RFC 7515 §4: the order carries nothing; the signature covers the bytes sent", "Lenience")
    f.accept("white-space", head_text(usual.replace(",", " ,\n ").replace(":\"", "\t:\r\n\"")),
             "white space between the elements", "RFC 8259 §2; RFC 8225 §9 binds who signs, not who reads", "Lenience")
    f.accept("escaped-slashes", head_text(usual.replace("/", "\\/")), "x5u with escaped slashes, as some JSON writers emit",
             "RFC 8259 §7: \\/ is /; info is compared with the string, not with its spelling", "Lenience")
    f.accept("escaped-letters", head_text(usual.replace("cr.example", "\\u0063r.ex\\u0061mple")), "x5u with \\u escapes",
             "RFC 8259 §7: an escape is the character", "Lenience")
    f.accept("kid", field(token(header(kid="2026-01"))), "a kid beside x5u", IGNORED, "Lenience")
    f.accept("unknown-members", field(token(header(**{"cty": "x", "x-a": {"b": [1, None, True]}, "zzz": -1.5e3}))),
             "unknown members of every JSON type", IGNORED, "Lenience")
    f.accept("stray-jwk", field(token(header(jwk=jwk(pki.p256("attacker"))))), "a foreign jwk; the signature is the certificate's",
             ONLY_X5U, "Lenience")


def members(f: VectorFile) -> None:
    for name in ["alg", "typ", "ppt", "x5u"]:
        f.reject(f"{name}-missing", field(token(header(**{name: Absent}))), "header-member-missing", f"no {name}", MANDATORY, "JoseHeader")
        f.reject(f"name-{name}-upper-case", head_text(canonical(header()).replace(f'"{name}"', f'"{name.upper()}"')), "header-member-missing",
                 f"{name.upper()} in the place of {name}", "RFC 7515 §5.3: names are compared exactly", "JoseHeader")
    f.reject("ppt-missing-everywhere", field(token(header(ppt=Absent)), params=";alg=ES256"), None,
             "no ppt in the token and none in the header field: a PASSporT, not a SHAKEN one", MANDATORY, "JoseHeader")
    f.reject("empty-object", head_text("{}"), "header-member-missing", "an object without members", MANDATORY, "JoseHeader")
    for slug, value in [("jwt", "JWT"), ("upper-case", "PASSPORT"), ("suffix", "passport+jwt"), ("media-type", "application/passport"),
                        ("empty", ""), ("number", 1), ("null", None), ("array", ["passport"])]:
        f.reject(f"typ-{slug}", field(token(header(typ=value))), "typ-invalid", f"typ is {canonical(value)}", TYP, "JoseHeader")
    for slug, value in [("div", "div"), ("rph", "rph"), ("msec", "msec"), ("unknown", "example")]:
        f.reject(f"ppt-{slug}", field(token(header(ppt=value)), params=f";alg=ES256;ppt={value}"), "shaken-missing" if value in ("div", "rph") else "ppt-unsupported",
                 f"a SHAKEN payload under ppt {value}", PPT, "JoseHeader")
    for slug, value in [("upper-case", "SHAKEN"), ("space", "shaken "), ("nul", "shaken\0"), ("empty", ""), ("number", 7), ("null", None), ("array", ["shaken"])]:
        f.reject(f"ppt-{slug}", field(token(header(ppt=value)), params=";alg=ES256"), "ppt-unsupported",
                 f"ppt is {canonical(value)}, no ppt parameter", PPT, "JoseHeader")
    for slug, value in [("number", 1), ("null", None), ("array", [LEAF_URL]), ("object", {"url": LEAF_URL})]:
        f.reject(f"x5u-{slug}", field(token(header(x5u=value))), "x5u-type", f"x5u is of type {slug}", "RFC 7515 §4.1.5: x5u is a string", "JoseHeader")
    f.reject("x5u-empty", field(token(header(x5u=""))), "x5u-info-mismatch", "x5u is the empty string", "RFC 8224 §4.1", "JoseHeader")
    f.reject("x5u-nul", field(token(header(x5u=LEAF_URL + "\0.example.com"))), "x5u-info-mismatch",
             "x5u goes on after a NUL", "RFC 8224 §4.1: the whole string is compared", "JoseHeader", "Attack")
    for slug, more in [("crit-unknown", {"crit": ["exp"], "exp": 1}), ("crit-empty", {"crit": []}), ("crit-b64", {"crit": ["b64"], "b64": False}),
                       ("crit-string", {"crit": "b64"}), ("b64-false", {"b64": False}), ("zip", {"zip": "DEF"})]:
        f.reject(slug, field(token(header(**more))), "crit-unsupported", f"the header has {', '.join(more)}", CRIT, "JoseHeader")
    raw = f"{b64(canonical(header(b64=False, crit=['b64'])).encode())}.{canonical(payload())}"
    f.reject("b64-false-raw", field(seal(raw)), None, "the payload stands unencoded in the token", CRIT, "JoseHeader")
    usual = canonical(header())
    for slug, text, why in [
        ("alg-none-first", usual.replace('{"alg"', '{"alg":"none","alg"'), "alg none, then alg ES256"),
        ("alg-none-last", usual.replace(',"ppt"', ',"alg":"none","ppt"'), "alg ES256, then alg none"),
        ("alg-same", usual.replace(',"ppt"', ',"alg":"ES256","ppt"'), "alg ES256 twice"),
        ("alg-escaped", usual.replace(',"ppt"', ',"\\u0061lg":"none","ppt"'), "alg a second time with an escaped letter"),
        ("x5u", usual.replace('"}', '","x5u":"https://evil.example.com/x.pem"}'), "x5u twice"),
        ("unknown", usual.replace('"}', '","kid":"1","kid":"2"}'), "kid twice"),
    ]:
        f.reject(f"duplicate-{slug}", head_text(text), "json-duplicate-member", why, ONCE, "DuplicateMember")
    for slug, text, error, why in [
        ("array", "[]", None, "a JSON array"),
        ("string", '"ES256"', None, "a JSON string"),
        ("null", "null", None, "JSON null"),
        ("not-json", "alg=ES256", "json-syntax", "no JSON at all"),
        ("cut", usual[:-1], "json-syntax", "the closing brace is missing"),
        ("trailing", usual + "x", "json-syntax", "a byte after the object"),
        ("two-objects", usual + usual, "json-syntax", "two objects"),
        ("trailing-comma", usual[:-1] + ",}", "json-syntax", "a comma after the last member"),
    ]:
        f.reject(f"text-{slug}", head_text(text), error, why, "RFC 7515 §4: the header is one JSON object; RFC 8259 §2", "Json")
    f.policy("escaped-name", head_text(usual.replace('"alg"', '"\\u0061lg"')), "a member name with an escaped letter",
             "RFC 8259 §8.3 makes the names equal; RFC 8225 §9 would not write it so", "Json")


def confusion(f: VectorFile) -> None:
    for slug, alg in [("none", "none"), ("none-mixed-case", "nOnE"), ("hs256", "HS256"), ("rs256", "RS256"), ("es384", "ES384"), ("es256k", "ES256K"),
                      ("eddsa", "EdDSA"), ("lower-case", "es256"), ("space", "ES256 "), ("nul", "ES256\0"), ("empty", ""), ("number", 256), ("null", None),
                      ("object", {}), ("array", ["ES256"])]:
        f.reject(f"alg-{slug}", field(token(header(alg=alg))), "alg-unsupported", f"alg is {canonical(alg)}; the signature is a valid ES256 one", ALG, "JoseHeader", "Attack")
    f.reject("alg-none-unsigned", field(signing_input(header(alg="none"), payload()) + "."), None, "alg none and no signature", ALG, "JoseHeader", "Attack")
    public = pki.LEAF.key.public_key()
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = signing_input(header(alg="HS256"), payload())
    for slug, secret in [("pem", pem), ("pem-stripped", pem.strip()), ("der", spki), ("certificate", pki.LEAF.pem.encode())]:
        mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        f.reject(f"hmac-{slug}", field(f"{text}.{b64(mac)}"), None, f"HS256 with the public {'certificate' if slug == 'certificate' else 'key'} ({slug}) as secret",
                 "RFC 8725 §3.1: the algorithm belongs to the key, not to the token", "JoseHeader", "Attack")


def keys(f: VectorFile) -> None:
    attacker = pki.p256("attacker")
    root = pki.authority("Attacker ROOT", key=attacker)
    chain = [base64.b64encode(root.der).decode()]
    for slug, more, why in [
        ("jwk", {"jwk": jwk(attacker)}, "the attacker's public key in jwk"),
        ("jku", {"jku": "https://evil.example.com/keys.json"}, "a URL of the attacker's keys in jku"),
        ("x5c", {"x5c": chain}, "the attacker's certificate in x5c"),
        ("kid", {"kid": "../../../../dev/null"}, "a file name in kid"),
    ]:
        f.reject(f"own-key-{slug}", field(token(header(**more), key=attacker)), "signature-invalid", f"{why}, signed by the attacker", ONLY_X5U, "JoseHeader", "Attack")


def jwk(key) -> dict:
    numbers = key.public_key().public_numbers()
    x, y = (b64(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    assert len(unb64(x)) == 32
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
