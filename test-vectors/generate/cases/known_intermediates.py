"""Intermediate certificates that the verifier holds already: they help to build a path and are trusted by nothing."""

from pki import ISSUING, LEAF, ROOT, authority, leaf
from vectorfile import VectorFile

RULE = "RFC 5280 §6.1: the path may be built from any certificates; only trust anchors are trusted"


def build() -> VectorFile:
    stranger = authority("Unknown ROOT")
    foreign = authority("Foreign CA", stranger)
    f = VectorFile("known-intermediates", "The verifier knows the certificates in intermediates_pem before the call.", intermediates=[ISSUING, foreign])
    f.accept("leaf-alone", f.signed_by("leaf-alone", LEAF), "the signer's certificate alone; its issuer is known", RULE, "Path", "Lenience")
    f.accept("issuer-sent-too", f.signed_by("issuer-sent-too", LEAF, ISSUING), "the issuer is known and sent as well", RULE, "Path", "Lenience")
    f.accept("root-sent", f.signed_by("root-sent", LEAF, ROOT), "signer and trust anchor are sent, the CA between them is known", RULE, "Path", "Lenience")
    untrusted = leaf("foreign", foreign)
    f.reject("no-anchor", f.signed_by("no-anchor", untrusted), "cert-untrusted", "the issuer is known, its root is no trust anchor", RULE, "Path", "Attack")
    f.reject("no-anchor-root-sent", f.signed_by("no-anchor-root-sent", untrusted, stranger), "cert-untrusted", "the issuer is known, its root is sent and no trust anchor", RULE, "Path", "Attack")
    return f
