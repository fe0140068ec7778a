"""Delegate certificates: each list of the path holds those below it."""

from cryptography import x509

import der
import pki
from der import one, spc, tn_auth_list, tn_range
from passport import DEST, ORIG, payload, typed, base_claims
from pki import ISSUING, TN_AUTH_LIST, authority, leaf, raw_extension
from vectorfile import VectorFile

HOLDS = "RFC 9060 §4: what a delegate certificate lists is a part of what its issuer's list holds"
BY_SPC = "RFC 9060 §4: a provider may delegate its numbers; which those are, the certificate does not say"
COVERS = "RFC 8226 §3: a certificate that lists numbers covers exactly those"
REFERENCE = "RFC 8226 §10.1: the list is at a URL; who does not fetch it, knows of no number"
SIGNS = "RFC 9060 §4: only end-entity certificates sign PASSporTs"


def build() -> VectorFile:
    f = VectorFile("delegation", "Delegate certificates (RFC 9060): the list of an issuer limits those below it. A general path validator accepts all of these paths.")

    def path(slug: str, *lists: tuple) -> list:
        """A CA for each list but the last, which is the signer's, from the top down."""
        issuer = authority(f"delegation {slug}", pki.ROOT)
        chain = [issuer]
        for n, entries in enumerate(lists[:-1]):
            issuer = authority(f"delegation {slug} {n}", issuer, more=[(raw_extension(TN_AUTH_LIST, tn_auth_list(*entries)), False)])
            chain.insert(0, issuer)
        return [leaf(f"delegation {slug} leaf", issuer, numbers=tn_auth_list(*lists[-1])), *chain]

    def signed(slug: str, *lists: tuple, orig: str = ORIG) -> str:
        return f.signed_by(slug, *path(slug, *lists), body=payload(orig={"tn": orig}))

    hundred, mine = (tn_range("12025550100", 99),), (one(ORIG),)
    for slug, lists, why in [
        ("range-one", [hundred, mine], "a range, and one number of it"),
        ("range-range", [hundred, (tn_range("12025550101", 10),)], "a range, and a part of it"),
        ("range-same", [hundred, hundred], "the same range twice"),
        ("range-first", [(tn_range(ORIG, 50),), mine], "the first number of a range"),
        ("range-last", [(tn_range("12025550052", 50),), mine], "the last number of a range"),
        ("two-ranges-joined", [(tn_range("12025550100", 10), tn_range("12025550110", 10)), (tn_range("12025550101", 18),)], "two ranges that join hold one that lies across"),
        ("range-and-one-joined", [(tn_range("12025550100", 2), one("12025550102"), tn_range("12025550103", 10)), (tn_range("12025550101", 5),)], "ranges and a number between them that join"),
        ("three-levels", [hundred, (tn_range("12025550100", 20),), mine], "three lists, each within the one above"),
        ("one-one", [mine, mine], "the same number twice"),
        ("parent-two-kinds", [(spc("TEST"), *hundred), mine], "SPC and range above, one number of the range"),
    ]:
        f.accept(slug, signed(slug, *lists), why, HOLDS, "Delegation", "Basic" if slug == "range-one" else "Lenience", headers="accept")
    for slug, lists, why in [
        ("spc-one", [(spc("TEST"),), mine], "an SPC, and a number below it"),
        ("spc-range", [(spc("TEST"),), hundred], "an SPC, and a range below it"),
        ("spc-same", [(spc("TEST"),), (spc("TEST"),)], "the same SPC twice"),
        ("spc-of-two", [(spc("TEST"), spc("000X")), (spc("000X"),)], "one of two SPCs"),
        ("spc-two-levels", [(spc("TEST"),), hundred, mine], "an SPC, a range below it, a number of that"),
        ("spc-and-other-range", [(spc("TEST"), tn_range("12025550150", 10)), mine], "SPC and range above, the number is outside the range"),
    ]:
        f.accept(slug, signed(slug, *lists), why, BY_SPC, "Delegation", "Lenience", headers="accept")
    for slug, lists, why in [
        ("other-one", [(one("12025550102"),), mine], "one number above, another one below"),
        ("range-other-one", [(tn_range("12025550150", 10),), mine], "the number is outside the range above"),
        ("range-before", [(tn_range("12025550102", 50),), mine], "the range above starts one number later"),
        ("range-behind", [(tn_range("12025550051", 50),), mine], "the range above ends one number earlier"),
        ("range-wider", [(tn_range("12025550100", 50),), (tn_range("12025550100", 51),)], "the range below is one number longer"),
        ("range-across-a-gap", [(tn_range("12025550100", 10), tn_range("12025550111", 10)), (tn_range("12025550101", 15),)], "the range below lies across a gap"),
        ("second-outside", [hundred, (one(ORIG), one("12025550200"))], "the caller's number is held, a second one is not"),
        ("other-length", [(tn_range("2025550100", 50),), (one(ORIG), one("12025550102"))], "the range above has numbers without country code"),
        ("spc-under-range", [hundred, (spc("TEST"),)], "an SPC under a range"),
        ("spc-other", [(spc("TEST"),), (spc("000X"),)], "another SPC below"),
        ("spc-and-other", [(spc("TEST"),), (spc("TEST"), spc("000X"))], "the same SPC and another one below"),
        ("spc-case", [(spc("TEST"),), (spc("test"),)], "the SPC below is in lower case"),
        ("third-level", [hundred, (tn_range("12025550100", 20),), (one("12025550150"), one(ORIG))], "the lowest of three lists has a number of the highest that the middle one lacks"),
        ("middle-level", [(tn_range("12025550100", 10),), (tn_range("12025550100", 20),), mine], "the middle of three lists has more than the highest"),
    ]:
        f.reject(slug, signed(slug, *lists), "tn-auth-list-not-encompassed", why, HOLDS, "Delegation", "Attack", headers="tn-auth-list-not-encompassed")
    other = "12025550120"
    f.reject("not-the-caller", signed("not-the-caller", hundred, (tn_range("12025550101", 10),), orig=other), "tn-not-authorized", "a good path, the caller is in the upper list only", COVERS, "Delegation", "Attack", orig=other, headers="tn-not-authorized")
    star = signed("star", (one("*67"),), (one("*67"),), orig="*67")
    f.accept("star", star, "the same service code twice", HOLDS, "Delegation", "Lenience", orig="*67", headers="accept")

    above = authority("delegation, CA with list", pki.ROOT, more=[(raw_extension(TN_AUTH_LIST, tn_auth_list(*hundred)), False)])
    between = authority("delegation, CA without list", above)
    f.policy("list-skips-a-level", f.signed_by("list-skips-a-level", leaf("delegation, under CA without list", between, numbers=tn_auth_list(one("12025550200"), one(ORIG))), between, above), "a CA without list between two that have one",
             "RFC 9060 §4 speaks of certificates that have a list; RFC 8226 §9 limits all paths through a CA", "Delegation")
    top = authority("delegation, top of a signer", pki.ROOT)
    signer = authority("delegate CA that signs", top, key_usage=pki.usage("digital_signature", "key_cert_sign"), more=[(raw_extension(TN_AUTH_LIST, tn_auth_list(*hundred)), False)])
    f.reject("ca-signs", f.signed_by("ca-signs", signer, top), "cert-is-ca", "a delegate CA signs with its own key", SIGNS, "Delegation", "Attack", headers="cert-is-ca")
    leaf_ca = leaf("delegate that is no CA", ISSUING, numbers=tn_auth_list(*hundred))
    under = leaf("under a delegate that is no CA", leaf_ca, numbers=tn_auth_list(*mine))
    f.reject("issuer-no-ca", f.signed_by("issuer-no-ca", under, leaf_ca, ISSUING), "cert-issuer-not-ca", "a delegate that is no CA delegates further", "RFC 9060 §4: basicConstraints with cA TRUE", "Delegation", "Attack", headers="cert-issuer-not-ca")
    broken = authority("delegate CA with a broken list", pki.ROOT, more=[(raw_extension(TN_AUTH_LIST, b"\x30\x00"), False)])
    f.reject("list-of-ca-broken", f.signed_by("list-of-ca-broken", leaf("under a broken list", broken, numbers=tn_auth_list(*mine)), broken), None, "the list of the CA is malformed", "RFC 8226 §9", "Delegation")

    by_url = raw_extension("1.3.6.1.5.5.7.1.1", der.list_by_reference("https://cr.example.net/delegation/list.der"))
    f.body("https://cr.example.net/delegation/list.der", tn_auth_list(*mine))
    referring = leaf("list by reference", ISSUING, numbers=None, more=[(by_url, False)])
    f.policy("by-reference", f.signed_by("by-reference", referring, ISSUING), "the list is at a URL, and has the caller", REFERENCE, "Delegation")
    f.reject("by-reference-not-there", f.signed_by("by-reference-not-there", leaf("list by dead reference", ISSUING, numbers=None, more=[(raw_extension("1.3.6.1.5.5.7.1.1", der.list_by_reference("https://cr.example.net/delegation/none.der")), False)]), ISSUING),
             "tn-auth-list-by-reference", "the list is at a URL where nothing is", REFERENCE, "Delegation", headers="tn-auth-list-by-reference")
    info = x509.AuthorityInformationAccess([x509.AccessDescription(x509.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("https://cr.example.net/ca.pem"))])
    f.accept("other-access", f.signed_by("other-access", leaf("other access", ISSUING, more=[(info, False)]), ISSUING), "an authorityInfoAccess that tells where the issuer is, and a list in the certificate", REFERENCE, "Delegation", "Lenience", headers="accept")

    chain = path("diverting", hundred, (one(DEST),))
    delegated = f.body("https://cr.example.net/delegation/diverting.pem", *chain)
    diversion = typed("div", base_claims(dest={"tn": ["12025550150"]}, div={"tn": DEST}), delegated, chain[0].key)
    f.accept("diverting", [f.signed_by("called", *path("called", hundred, mine)), diversion], "a delegate signs a diversion of its own number", "RFC 8946 §4.2: authority over div", "Delegation", "Diversion", "Lenience",
             dest=["12025550150"], target="12025550150", headers="accept accept")
    return f
