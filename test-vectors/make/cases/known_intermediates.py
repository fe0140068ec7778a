"""Intermediate certificates that the verifier holds already: they help to build a path and are trusted by nothing."""

from pki import ISSUING, LEAF, ROOT, authority, leaf
from vectorfile import VectorFile

RULE = "RFC 5280 §6.1: the path may be built from any certificates; only trust anchors are trusted"


def build() -> VectorFile:
    stranger = authority("Unknown ROOT")
    foreign = authority("Foreign CA", stranger)
    crowd = [authority(f"Crowd CA, key {n}", ROOT, common_name="SHAKEN Example Crowd CA", aki=None) for n in range(110)]
    f = VectorFile("known-intermediates", "The verifier knows the certificates in intermediates_pem before the call.", intermediates=[ISSUING, foreign, *crowd])
    f.accept("leaf-alone", f.signed_by("leaf-alone", LEAF), "the signer's certificate alone; its issuer is known", RULE, "Path", "Lenience")
    f.accept("issuer-sent-too", f.signed_by("issuer-sent-too", LEAF, ISSUING), "the issuer is known and sent as well", RULE, "Path", "Lenience")
    f.accept("root-sent", f.signed_by("root-sent", LEAF, ROOT), "signer and trust anchor are sent, the CA between them is known", RULE, "Path", "Lenience")
    untrusted = leaf("foreign", foreign)
    f.reject("no-anchor", f.signed_by("no-anchor", untrusted), "cert-untrusted", "the issuer is known, its root is no trust anchor", RULE, "Path", "Attack")
    f.reject("no-anchor-root-sent", f.signed_by("no-anchor-root-sent", untrusted, stranger), "cert-untrusted", "the issuer is known, its root is sent and no trust anchor", RULE, "Path", "Attack")
    last = authority("Crowd CA, last key", ROOT, common_name="SHAKEN Example Crowd CA")
    f.reject("crowd", f.signed_by("crowd", leaf("under a crowd", last, aki=None)), "cert-path-budget", "110 CAs of the issuer's name are known, none of them is the issuer, and no key identifier says so",
             "RFC 5280 §6.1 finds no path; the work must have a bound", "Limit")
    return f
