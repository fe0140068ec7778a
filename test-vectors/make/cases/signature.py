"""ES256 signatures: who made them, over what, and the edges of the curve."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import curve
import pki
from curve import G, N
from passport import HOST, b64, canonical, field, header, payload, seal, signature, signing_input, token
from pki import ISSUING, LEAF, leaf
from vectorfile import VectorFile

ES256 = "RFC 7518 §3.4: r and s, 32 bytes each, big-endian"
SCALARS = "FIPS 186-5 §6.4.2: r and s lie from 1 to n-1"
COVERS = "RFC 7515 §5.2: the signature covers the two segments as they were sent"
POINTS = "FIPS 186-5 §6.4.2: r is the abscissa of u1·G + u2·Q, reduced modulo n"


def build() -> VectorFile:
    f = VectorFile("signature", "The ES256 signature of the token. Certificates are good.")
    forms(f)
    covers(f)
    edges(f)
    return f


def forms(f: VectorFile) -> None:
    text = signing_input(header(), payload())
    good = signature(text)
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    low, high = sorted([s, N - s])
    f.accept("low-s", signed(text, pair(r, low)), "s in the lower half", SCALARS, "Basic", "Signature")
    f.accept("high-s", signed(text, pair(r, high)), "s in the upper half", SCALARS + "; ES256 has no low-s rule", "Lenience", "Signature")
    der = utils.encode_dss_signature(r, s)
    for slug, raw, why in [
        ("63-bytes", good[:-1], "63 bytes"), ("65-bytes", good + b"\0", "65 bytes, a zero after s"), ("65-bytes-first", b"\0" + good, "65 bytes, a zero before r"),
        ("32-bytes", good[:32], "r alone"), ("66-bytes", b"\0" + good[:32] + b"\0" + good[32:], "33 bytes for r and for s"),
        ("96-bytes", good[:32].rjust(48, b"\0") + good[32:].rjust(48, b"\0"), "r and s as in ES384"), ("128-bytes", good * 2, "the signature twice"),
        ("no-bytes", b"", "nothing"), ("der", der, "ASN.1 DER, as TLS and X.509 have it"),
    ]:
        f.reject(f"length-{slug}", signed(text, raw), "signature-length", f"the signature is {why}", ES256, "Signature")
    for slug, raw, why in [
        ("zeros", pair(0, 0), "r and s are zero"), ("r-zero", pair(0, s), "r is zero"), ("s-zero", pair(r, 0), "s is zero"), ("r-n", pair(N, s), "r is n"), ("s-n", pair(r, N), "s is n"),
        ("both-n", pair(N, N), "r and s are n"), ("ones", pair(1, 1), "r and s are one"), ("r-one-s-n-minus-one", pair(1, N - 1), "r is one, s is n-1"),
        ("all-ff", b"\xff" * 64, "every bit is set"), ("r-p", pair(curve.P, s), "r is p"), ("s-above-n", pair(r, N + 1), "s is n+1"),
        ("exchanged", pair(s, r), "r and s are exchanged"), ("r-negated", pair(N - r, s), "r is negated"), ("little-endian", good[31::-1] + good[:31:-1], "r and s are little-endian"),
        ("bit-of-r", pair(r ^ 1, s), "a bit of r is changed"), ("bit-of-s", pair(r, s ^ 1), "a bit of s is changed"), ("top-bit-of-s", pair(r, s ^ 1 << 255), "the top bit of s is changed"),
    ]:
        f.reject(slug, signed(text, raw), "signature-invalid", why, SCALARS, "Signature")


def covers(f: VectorFile) -> None:
    text = signing_input(header(), payload())
    good = signature(text)
    other = payload(dest={"tn": ["12025550100"]})
    spaced = canonical(payload()).replace(",", ", ")
    key = LEAF.key
    sha384 = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA384(), deterministic_signing=True)))
    twice = utils.decode_dss_signature(key.sign(hashlib.sha256(text.encode()).digest(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    for slug, value, why in [
        ("payload-changed", signed(signing_input(header(), payload(attest="B")), good), "attest was changed from A to B"),
        ("header-changed", signed(signing_input(header(kid="1"), payload()), good), "a kid was put into the header"),
        ("of-another-call", signed(text, signature(signing_input(header(), other))), "the signature of another call of the same signer"),
        ("by-another-key", field(token(key=pki.p256("attacker"))), "another key signed"),
        ("by-the-issuer", field(token(key=ISSUING.key)), "the key of the issuing CA signed"),
        ("over-sorted", signed(signing_input(header(), spaced), good), "the payload has spaces, the signature covers it without"),
        ("over-payload-only", signed(text, signature(text.split(".")[1])), "the signature covers the payload segment alone"),
        ("over-decoded", signed(text, signature(canonical(header()) + "." + canonical(payload()))), "the signature covers the decoded texts"),
        ("sha384", signed(text, pair(*sha384)), "made with SHA-384"),
        ("hashed-twice", signed(text, pair(*twice)), "made over the hash of the hash"),
    ]:
        f.reject(slug, value, "signature-invalid", why, COVERS, "Signature", "Attack")
    f.accept("over-as-sent", field(seal(signing_input(header(), spaced))), "the payload has spaces, the signature covers them", COVERS, "Lenience", "Signature")


def edges(f: VectorFile) -> None:
    """Each case has a certificate of its own, whose key is chosen after the message."""

    def case(slug: str) -> tuple[str, str, int]:
        url = f"{HOST}/signature/{slug}.pem"
        text = signing_input(header(url), payload())
        return url, text, int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")

    def certify(slug: str, url: str, point: tuple[int, int]) -> None:
        public = ec.EllipticCurvePublicNumbers(*point, ec.SECP256R1()).public_key()
        f.body(url, leaf(f"edge {slug}", ISSUING, public_key=public), ISSUING)

    def with_scalar(slug: str, d: int, why: str) -> None:
        url, text, z = case(slug)
        certify(slug, url, curve.mul(d, G))
        k = pki.seed(f"nonce {slug}") % N
        r = curve.mul(k, G)[0] % N
        f.accept(slug, signed(text, pair(r, pow(k, -1, N) * (z + r * d) % N), url), why, POINTS, "EdgeOfCurve", "Signature")

    def with_point(slug: str, point: tuple[int, int], s: int, why: str) -> None:
        url, text, z = case(slug)
        certify(slug, url, curve.recover(point, s, z))
        f.accept(slug, signed(text, pair(point[0] % N, s), url), why, POINTS, "EdgeOfCurve", "Signature")

    some_s = pki.seed("some s") % N
    some_point = curve.mul(pki.seed("some point"), G)
    with_scalar("key-is-g", 1, "the public key is the generator")
    with_scalar("key-is-minus-g", N - 1, "the public key is the negated generator")
    with_scalar("key-is-2g", 2, "the public key is twice the generator")
    with_point("r-small", curve.at_or_above(1), some_s, "r has 31 leading zero bytes")
    with_point("r-below-n", curve_below(N), some_s, "r is as large as it can be")
    with_point("x-above-n", curve.at_or_above(N), some_s, "the abscissa is above n, so r is its remainder")
    with_point("s-one", some_point, 1, "s is one")
    with_point("s-n-minus-one", some_point, N - 1, "s is n-1")
    with_point("s-small", some_point, 2**40, "s has 26 leading zero bytes")
    url, text, z = case("doubling")
    k = pki.seed("nonce doubling") % N
    r = curve.mul(k, G)[0] % N
    d = z * pow(r, -1, N) % N
    certify("doubling", url, curve.mul(d, G))
    f.accept("doubling", signed(text, pair(r, 2 * z * pow(k, -1, N) % N), url), "u1·G and u2·Q are the same point", POINTS, "EdgeOfCurve", "Signature")
    url, text, z = case("infinity")
    certify("infinity", url, curve.mul(-z * pow(r, -1, N), G))
    f.reject("infinity", signed(text, pair(r, some_s), url), "signature-invalid", "u1·G + u2·Q is the point at infinity", POINTS, "EdgeOfCurve", "Signature")
    url, text, z = case("r-not-reduced")
    point = curve.at_or_above(N)
    certify("r-not-reduced", url, curve.recover(point, some_s, z))
    f.reject("r-not-reduced", signed(text, pair(point[0], some_s), url), "signature-invalid", "r is the abscissa itself, which is above n", SCALARS, "EdgeOfCurve", "Signature")


def curve_below(limit: int) -> tuple[int, int]:
    """The point with the largest abscissa below the limit."""
    x = limit - 1
    while (point := curve.at_or_above(x))[0] >= limit:
        x -= 1
    return point


def pair(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(text: str, raw: bytes, url: str | None = None) -> str:
    made = f"{text}.{b64(raw)}"
    return field(made, url) if url else field(made)
