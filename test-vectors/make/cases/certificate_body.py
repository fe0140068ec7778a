"""What a certificate URL leads to: text around the certificates, their order, what is no certificate."""

from cryptography.hazmat.primitives import serialization

import pki
from pki import ISSUING, LEAF, ROOT
from passport import HOST, field, header, token
from vectorfile import VectorFile

RFC7468 = "RFC 7468 §2 and §3"
ORDER = "RFC 7515 §4.1.5 wants the signer first and each issuer next; deployed repositories do not all keep to it"


def build() -> VectorFile:
    f = VectorFile("certificate-body", "The body behind x5u. The leaf certificate is the same and good wherever it can be read.")
    accepted(f)
    refused(f)
    undecided(f)
    return f


def behind(f: VectorFile, slug: str, *content) -> str:
    return f.signed_by(slug, *content, key=LEAF.key)


def accepted(f: VectorFile) -> None:
    chain = LEAF.pem + ISSUING.pem
    stray = pki.authority("Unrelated ROOT")
    f.accept("leaf-issuer", behind(f, "leaf-issuer", chain), "signer and issuer", ORDER, "Basic")
    for slug, text, why, rule in [
        ("with-root", chain + ROOT.pem, "the trust anchor is there too", ORDER),
        ("reversed", ISSUING.pem + LEAF.pem, "the issuer stands first", ORDER),
        ("all-reversed", ROOT.pem + ISSUING.pem + LEAF.pem, "trust anchor, issuer, signer", ORDER),
        ("root-between", LEAF.pem + ROOT.pem + ISSUING.pem, "the trust anchor stands between signer and issuer", ORDER),
        ("unrelated-last", chain + stray.pem, "a CA that has nothing to do with it stands last", ORDER),
        ("unrelated-between", LEAF.pem + stray.pem + ISSUING.pem, "a CA that has nothing to do with it stands between", ORDER),
        ("issuer-twice", chain + ISSUING.pem, "the issuer stands twice", ORDER),
        ("leaf-twice", LEAF.pem + chain, "the signer stands twice", ORDER),
        ("crlf", chain.replace("\n", "\r\n"), "lines end with CR LF", f"{RFC7468}: eol is CRLF, CR or LF"),
        ("no-final-newline", chain.rstrip("\n"), "no line end after the last line", f"{RFC7468}: postencap ends with an optional eol"),
        ("blank-lines", "\n\n" + chain.replace("-----END CERTIFICATE-----\n", "-----END CERTIFICATE-----\n\n\n"), "empty lines before, between and after", f"{RFC7468}: text around the blocks is ignored"),
        ("text-before", "subject=CN = SHAKEN TEST\nissuer=CN = SHAKEN Example Issuing CA\n" + chain, "explanatory text before the first block", f"{RFC7468} §5.2: explanatory text is allowed"),
        ("text-between", LEAF.pem + "issuer follows\n" + ISSUING.pem, "explanatory text between the blocks", f"{RFC7468} §5.2: explanatory text is allowed"),
        ("text-after", chain + "end of chain\n", "explanatory text after the last block", f"{RFC7468} §5.2: explanatory text is allowed"),
        ("one-line", pki.pem(LEAF.der, width=10_000) + pki.pem(ISSUING.der, width=10_000), "all base64 on one line", f"{RFC7468}: a lax parser takes lines of any length"),
        ("lines-of-76", pki.pem(LEAF.der, width=76) + pki.pem(ISSUING.der, width=76), "lines of 76 characters", f"{RFC7468}: a lax parser takes lines of any length"),
        ("trailing-spaces", chain.replace("\n", " \n"), "a space at the end of every line", f"{RFC7468}: white space at the end of lines is ignored"),
    ]:
        f.accept(slug, behind(f, slug, text), why, rule, "Lenience")


def refused(f: VectorFile) -> None:
    leaf = LEAF.pem
    lines = leaf.split("\n")
    public = LEAF.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    for slug, content, error, why in [
        ("empty", "", "cert-pem", "an empty body"),
        ("white-space", "\r\n\r\n", "cert-pem", "line ends only"),
        ("html", "<!DOCTYPE html><html><body><h1>404</h1></body></html>", "cert-pem", "an HTML page"),
        ("json", '{"error":"not found"}', "cert-pem", "a JSON text"),
        ("zeros", bytes(256), "cert-pem", "256 NUL bytes"),
        ("not-utf8", bytes(range(128, 256)), "cert-pem", "bytes that are no text"),
        ("begin-only", "-----BEGIN CERTIFICATE-----\n", "cert-pem", "an opening line alone"),
        ("cut", leaf[: len(leaf) // 2], "cert-pem", "the first block does not end"),
        ("no-end", leaf.replace("-----END CERTIFICATE-----\n", "") + ISSUING.pem, "cert-pem", "no closing line between two blocks"),
        ("no-begin", leaf.replace("-----BEGIN CERTIFICATE-----\n", ""), "cert-pem", "no opening line"),
        ("end-differs", leaf.replace("END CERTIFICATE", "END CERT"), "cert-pem", "the closing line has another label"),
        ("base64-character", leaf.replace(lines[3], "!" + lines[3][1:]) + ISSUING.pem, "cert-pem", "a character that is not base64"),
        ("base64-length", leaf.replace(lines[-3], lines[-3].rstrip("=")[:-1]) + ISSUING.pem, None, "base64 with a character missing"),
        ("public-key", public, "cert-pem", "a public key in the place of a certificate"),
        ("csr", pki.pem(LEAF.der, "CERTIFICATE REQUEST"), "cert-pem", "blocks of another label"),
        ("no-content", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", None, "a block without content"),
        ("block-not-der", pki.pem(b"no certificate at all") + ISSUING.pem, "cert-der", "a block that holds no DER"),
        ("block-cut", pki.pem(LEAF.der[:-20]) + ISSUING.pem, "cert-der", "a certificate without its last bytes"),
        ("block-longer", pki.pem(LEAF.der + b"\0") + ISSUING.pem, "cert-der", "a byte after the certificate"),
        ("block-length", pki.pem(b"\x30\x84\xff\xff\xff\xff" + LEAF.der[4:]) + ISSUING.pem, "cert-der", "an outer length of 4 GiB"),
        ("issuer-only", ISSUING.pem, "cert-is-ca", "the issuer alone, no signer"),
        ("root-only", ROOT.pem, "cert-is-ca", "the trust anchor alone"),
    ]:
        f.reject(slug, behind(f, slug, content), error, why, f"{RFC7468}; RFC 5280 §4", "Pem")
    url = f"{HOST}/certificate-body/missing.pem"
    f.reject("missing", field(token(header(url)), url), None, "nothing behind the URL", "RFC 8224 §6.2.2: 436 Bad Identity Info", "Pem")


def undecided(f: VectorFile) -> None:
    chain = LEAF.pem + ISSUING.pem
    key = LEAF.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    for slug, content, why, rule in [
        ("der", LEAF.der, "one certificate in DER", "RFC 7515 §4.1.5 wants PEM; the issuer is missing as well"),
        ("bom", "\ufeff" + chain, "a byte order mark before the first line", "RFC 7468 has no byte order mark; it can pass as text before the block"),
        ("cr", chain.replace("\n", "\r"), "lines end with CR alone", "RFC 7468 §3 allows it; few readers know it"),
        ("x509-label", pki.pem(LEAF.der, "X509 CERTIFICATE") + ISSUING.pem, "the label X509 CERTIFICATE", "RFC 7468 §5 lets a reader take it"),
        ("private-key", chain + key, "the private key stands in the body too", "RFC 7468 §2 would ignore the block; the key is public now"),
        ("damaged-last", chain + "-----BEGIN CERTIFICATE-----\nAAAA", "the chain is whole, a third block does not end", "RFC 7468 §2; what is needed can be read"),
    ]:
        f.policy(slug, behind(f, slug, content), why, rule, "Pem")
    f.reject("twelve", behind(f, "twelve", LEAF.pem + ISSUING.pem * 11), "cert-too-many", "twelve certificates", "no standard sets a limit; eight and more is no chain", "Limit")
    large = pki.leaf("40 KB", ISSUING, more=[(pki.raw_extension(pki.UNKNOWN_EXTENSION, bytes(40_000)), False)])
    f.reject("large", f.signed_by("large", large, ISSUING), "cert-too-large", "a certificate of 40 KB", "no standard sets a limit", "Limit")
