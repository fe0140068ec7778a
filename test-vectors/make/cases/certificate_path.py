"""Path validation, validity periods and keys."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.name import _ASN1Type

import der
import pki
from pki import DAY, ISSUING, LEAF, NOW, ROOT, authority, leaf, name, raw_extension, reissue, usage
from curve import B, G, N, P
from passport import payload
from vectorfile import VectorFile

RFC5280 = "RFC 5280 §6.1"
CA = "RFC 5280 §4.2.1.9 and §6.1.4: an issuer has basicConstraints with cA TRUE"
USAGE = "RFC 5280 §4.2.1.3: a key usage that is there, allows the use"
WINDOW = "RFC 5280 §4.1.2.5 and §6.1.3: the time is within notBefore and notAfter, both included"
KEY = "RFC 8226 §4 and RFC 8225 §4: the key signs ES256, so it lies on P-256"
ALGORITHM = "ATIS-1000080: certificates are signed with ECDSA and SHA-256, those of CAs also with SHA-384"
CRITICAL = "RFC 5280 §4.2: a certificate with a critical extension that is not processed is refused"

TWIN = authority("ROOT, second key", common_name="SHAKEN Example ROOT")
P384_ROOT = authority("P-384 ROOT", key=pki.p384("P-384 ROOT"))
STRANGER = authority("Unknown ROOT")
SHA384 = der.sequence(der.oid("1.2.840.10045.4.3.3"))
SHA1 = der.sequence(der.oid("1.2.840.10045.4.1"))


def build() -> VectorFile:
    f = VectorFile("certificate-path", "The path from the signing certificate to a trust anchor. The signatures of the tokens are valid.",
                   anchors=[ROOT, TWIN, P384_ROOT])
    shapes(f)
    algorithms(f)
    extensions(f)
    windows(f)
    untrusted(f)
    issuers(f)
    policies(f)
    keys(f)
    undecided(f)
    return f


def shapes(f: VectorFile) -> None:
    def ok(slug: str, why: str, *chain, rule: str = RFC5280, flag: str = "Lenience") -> None:
        f.accept(slug, f.signed_by(slug, *chain), why, rule, flag)

    ok("one-issuer", "one CA between signer and trust anchor", LEAF, ISSUING, flag="Basic")
    ok("under-anchor", "the trust anchor issued the signer", leaf("under anchor", ROOT))
    upper = authority("Upper CA", ROOT, path_length=1)
    lower = authority("Lower CA", upper, path_length=0)
    ok("two-issuers", "two CAs, their path lengths used up exactly", leaf("two issuers", lower), lower, upper)
    deep = [authority("Deep CA 1", ROOT)]
    for n in [2, 3]:
        deep.insert(0, authority(f"Deep CA {n}", deep[0]))
    ok("three-issuers", "three CAs without path length", leaf("three issuers", deep[0]), *deep)
    twins = [authority(f"Twin CA, key {n}", ROOT, common_name="SHAKEN Example Twin CA") for n in [1, 2]]
    for n, other in [(0, 1), (1, 0)]:
        signer = leaf(f"twin {n}", twins[n])
        ok(f"same-name-{'right' if n == 0 else 'wrong'}-first", "two CAs of one name with different keys", signer, twins[0], twins[1])
    bare = leaf("twin without aki", twins[1], aki=None)
    ok("same-name-no-key-identifier", "two CAs of one name, and no key identifier says which", bare, *twins)
    second = authority("CA under second key", TWIN)
    ok("same-name-anchors", "two trust anchors of one name, the second one issued", leaf("second anchor", second), second)
    old = authority("Issuing CA, expired", ROOT, common_name="SHAKEN Example Issuing CA", path_length=0, key=ISSUING.key, valid=(NOW - 900 * DAY, NOW - 500 * DAY))
    ok("renewed-issuer", "the issuer's expired certificate and its renewal, one key", LEAF, old, ISSUING)
    ok("no-key-identifiers", "the issuer has no AKI, as one live intermediate", *no_aki())


def no_aki() -> list:
    ca = authority("CA without AKI", ROOT, aki=None)
    return [leaf("under CA without AKI", ca), ca]


def algorithms(f: VectorFile) -> None:
    p384 = authority("P-384 CA", P384_ROOT, key=pki.p384("P-384 CA"))
    f.accept("p384-ca", f.signed_by("p384-ca", leaf("under P-384", p384), p384), "P-384 root and CA, ecdsa-with-SHA384", ALGORITHM, "Lenience")
    mixed = authority("P-256 CA under P-384", P384_ROOT)
    f.accept("p384-root", f.signed_by("p384-root", leaf("mixed curves", mixed), mixed), "P-384 root, P-256 CA", ALGORITHM, "Lenience")
    f.accept("p256-sha384", f.signed_by("p256-sha384", leaf("p256 sha384", ISSUING, digest=hashes.SHA384()), ISSUING), "a P-256 CA that signs with SHA-384", ALGORITHM, "Lenience")
    sha1 = reissue(leaf("sha1", ISSUING), ISSUING.key, algorithm=SHA1, digest=hashes.SHA1())
    f.reject("sha1", f.signed_by("sha1", sha1, ISSUING), "cert-signature-algorithm", "the signer's certificate is signed with SHA-1", ALGORITHM, "Profile", "Path")
    rsa = authority("RSA CA", ROOT, key=pki.rsa2048("RSA CA"))
    f.policy("rsa-ca", f.signed_by("rsa-ca", leaf("under RSA", rsa), rsa), "an RSA CA signed the signer's certificate",
             "RFC 8226 §4 wants RSA supported, ATIS-1000080 has ECDSA only", "Profile", "Path")
    ed = authority("Ed25519 CA", ROOT, key=pki.ed("Ed25519 CA"))
    f.reject("ed25519-ca", f.signed_by("ed25519-ca", leaf("under Ed25519", ed), ed), "cert-signature-algorithm", "an Ed25519 CA signed the signer's certificate", ALGORITHM, "Profile", "Path")
    differs = reissue(leaf("algorithm differs", ISSUING), ISSUING.key, lambda fields: [*fields[:2], SHA384, *fields[3:]])
    f.reject("algorithm-differs", f.signed_by("algorithm-differs", differs, ISSUING), None, "the two algorithm fields of the certificate differ", "RFC 5280 §4.1.1.2: they are the same", "Path")


def extensions(f: VectorFile) -> None:
    crldp = x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier("https://crl.example.net/shaken.crl")], None, None,
                                       [x509.DirectoryName(name("SHAKEN Example CRL", "Example STI-PA"))])])
    eku = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH])
    aia = x509.AuthorityInformationAccess([x509.AccessDescription(x509.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("https://ca.example.net/ca.pem"))])
    san = x509.SubjectAlternativeName([x509.DNSName("sti.example.com")])
    unknown = raw_extension(pki.UNKNOWN_EXTENSION, b"\x05\0")
    live = "ATIS-1000080 does not foresee it; live certificates have it, and RFC 5280 §4.2 lets it pass"
    for slug, made, why, rule in [
        ("crl-distribution-point", leaf("crldp", ISSUING, more=[(crldp, False)]), "a CRL distribution point with CRL issuer, as the profile wants it", "ATIS-1000080"),
        ("extended-key-usage", leaf("eku", ISSUING, more=[(eku, False)]), "an extended key usage for something else", live),
        ("authority-information-access", leaf("aia", ISSUING, more=[(aia, False)]), "an AIA with the issuer's URL", live),
        ("subject-alternative-name", leaf("san", ISSUING, more=[(san, False)]), "a DNS name", live),
        ("unknown-extension", leaf("unknown", ISSUING, more=[(unknown, False)]), "an unknown extension that is not critical", "RFC 5280 §4.2"),
        ("critical-policy-leaf", leaf("critical policy", ISSUING, policy_critical=True), "critical certificate policies in the signer's certificate", "RFC 5280 §4.2.1.4: applications process this extension"),
        ("no-key-usage", leaf("no usage", ISSUING, key_usage=None), "no key usage in the signer's certificate", USAGE),
        ("two-key-usages", leaf("two usages", ISSUING, key_usage=usage("digital_signature", "content_commitment")), "digitalSignature beside nonRepudiation", USAGE),
        ("no-basic-constraints", leaf("no constraints", ISSUING, constraints=None), "no basicConstraints in the signer's certificate", "RFC 5280 §4.2.1.9: then it is no CA"),
        ("no-aki", leaf("no aki", ISSUING, aki=None), "no authority key identifier", live),
    ]:
        f.accept(slug, f.signed_by(slug, made, ISSUING), why, rule, "Lenience")
    policy = authority("CA with critical policy", ROOT, policy_critical=True)
    f.accept("critical-policy-ca", f.signed_by("critical-policy-ca", leaf("under critical policy", policy), policy), "critical certificate policies in a CA, as one live STI-CA has them",
             "RFC 5280 §4.2.1.4: applications process this extension", "Lenience")
    crl_sign = authority("CA with cRLSign", ROOT, key_usage=usage("key_cert_sign", "crl_sign", "digital_signature"))
    f.accept("ca-three-usages", f.signed_by("ca-three-usages", leaf("under three usages", crl_sign), crl_sign), "a CA that may also sign CRLs and data", USAGE, "Lenience")
    f.reject("critical-unknown-leaf", f.signed_by("critical-unknown-leaf", leaf("critical", ISSUING, more=[(unknown, True)]), ISSUING), "cert-critical-extension",
             "an unknown critical extension in the signer's certificate", CRITICAL, "Path")
    critical = authority("CA with critical", ROOT, more=[(unknown, True)])
    f.reject("critical-unknown-ca", f.signed_by("critical-unknown-ca", leaf("under critical", critical), critical), "cert-critical-extension", "an unknown critical extension in a CA", CRITICAL, "Path")
    twice = reissue(leaf("twice", ISSUING), ISSUING.key, repeat_last_extension)
    f.reject("extension-twice", f.signed_by("extension-twice", twice, ISSUING), None, "the TNAuthList stands twice", "RFC 5280 §4.2: one instance of each extension", "Path")


def repeat_last_extension(fields: list[bytes]) -> list[bytes]:
    listed = der.elements(der.elements(fields[-1])[0])
    return [*fields[:-1], der.tlv(0xA3, der.sequence(*listed, listed[-1]))]


def windows(f: VectorFile) -> None:
    def from_to(label: str, start: int, end: int):
        return leaf(label, ISSUING, valid=(start, end))

    for slug, start, end, why in [
        ("starts-now", NOW, NOW + DAY, "the period starts this second"),
        ("ends-now", NOW - DAY, NOW, "the period ends this second"),
        ("to-2055", NOW - DAY, 2_682_374_400, "the period ends in 2055, written as GeneralizedTime"),
        ("for-ever", NOW - DAY, 253_402_300_799, "the period ends at 99991231235959Z"),
        ("one-hour", NOW - 1800, NOW + 1800, "a certificate of one hour"),
    ]:
        body = payload(iat=NOW)
        f.accept(slug, f.signed_by(slug, from_to(slug, start, end), ISSUING, body=body), why, WINDOW, "Validity", "Lenience", *(["ExactClock"] if slug.endswith("-now") else []))
    for slug, start, end, error, why in [
        ("ended", NOW - 60 * DAY, NOW - DAY, "cert-expired", "the period ended a day ago"),
        ("ended-second", NOW - DAY, NOW - 1, "cert-expired", "the period ended a second ago"),
        ("ended-1950", NOW - 2_366_841_600, NOW - 2_335_305_600, "cert-expired", "the period ended in the 1950s, written with two digits of the year"),
        ("starts-tomorrow", NOW + DAY, NOW + 60 * DAY, "cert-not-yet-valid", "the period starts in a day"),
        ("starts-second", NOW + 1, NOW + DAY, "cert-not-yet-valid", "the period starts in a second"),
    ]:
        f.reject(slug, f.signed_by(slug, from_to(slug, start, end), ISSUING), error, why, WINDOW, "Validity", *(["ExactClock"] if slug.endswith("-second") else []))
    for slug, valid, error, why in [
        ("ca-ended", (NOW - 400 * DAY, NOW - DAY), "cert-expired", "the issuer's period ended a day ago"),
        ("ca-starts-tomorrow", (NOW + DAY, NOW + 400 * DAY), "cert-not-yet-valid", "the issuer's period starts in a day"),
    ]:
        ca = authority(f"CA {slug}", ROOT, valid=valid)
        f.reject(slug, f.signed_by(slug, leaf(f"under {slug}", ca), ca), error, why, WINDOW, "Validity")
    f.reject("later", f.signed_by("later", LEAF, ISSUING, body=payload(iat=NOW + 90 * DAY)), "cert-expired", "the usual certificate after its period, a fresh token", WINDOW, "Validity", now=NOW + 90 * DAY)


def untrusted(f: VectorFile) -> None:
    trust = "RFC 5280 §6.1: the path ends at a trust anchor of the verifier"
    alone = leaf("self-signed", None)
    foreign = authority("Foreign CA", STRANGER)
    fake = authority("fake ROOT", common_name="SHAKEN Example ROOT")
    under_fake = authority("CA under fake ROOT", fake)
    for slug, chain, error, why in [
        ("self-signed", [alone], None, "a self-signed certificate"),
        ("unknown-root", [leaf("foreign", foreign), foreign, STRANGER], "cert-untrusted", "a whole path to a root that is no trust anchor"),
        ("unknown-root-not-sent", [leaf("foreign", foreign), foreign], "cert-untrusted", "a path to a root that is no trust anchor, without the root"),
        ("issuer-not-sent", [LEAF], "cert-untrusted", "the issuer is missing"),
        ("issuer-not-sent-root-sent", [LEAF, ROOT], "cert-untrusted", "the issuer is missing, the trust anchor is there"),
        ("wrong-issuer", [LEAF, *no_aki()[1:]], "cert-untrusted", "a CA that did not issue it in the place of the issuer"),
        ("fake-root", [leaf("fake", under_fake), under_fake, fake], None, "a path to a root with the name of a trust anchor and another key"),
        ("fake-issuer", [leaf("fake issuer", pki.Certificate(b"", pki.p256("fake issuer key"), ISSUING.name)), ISSUING], None, "the issuer's name on a certificate that another key signed"),
    ]:
        f.reject(slug, f.signed_by(slug, *chain), error, why, trust, "Path", "Attack")
    flipped = pki.Certificate(LEAF.der[:-1] + bytes([LEAF.der[-1] ^ 1]), LEAF.key)
    f.reject("signature-changed", f.signed_by("signature-changed", flipped, ISSUING), "cert-signature", "a bit of the signature on the signer's certificate is changed", RFC5280, "Path", "Attack")
    patched = pki.Certificate(LEAF.der.replace(der.spc(pki.SPC), der.spc("FAKE")), LEAF.key)
    assert patched.der != LEAF.der
    f.reject("content-changed", f.signed_by("content-changed", patched, ISSUING), "cert-signature", "another SPC was put into the signed certificate", RFC5280, "Path", "Attack")
    ca = pki.Certificate(ISSUING.der[:-1] + bytes([ISSUING.der[-1] ^ 1]))
    f.reject("ca-signature-changed", f.signed_by("ca-signature-changed", LEAF, ca), "cert-signature", "a bit of the signature on the issuer is changed", RFC5280, "Path", "Attack")
    loop = [pki.p256("loop 1"), pki.p256("loop 2")]
    names = [name(f"SHAKEN Example Loop {n}", "Example STI-CA") for n in [1, 2]]
    first = authority("Loop 1", pki.Certificate(b"", loop[1], names[1]), key=loop[0])
    second = authority("Loop 2", pki.Certificate(b"", loop[0], names[0]), key=loop[1])
    f.reject("loop", f.signed_by("loop", leaf("loop", first), first, second), None, "two CAs that issued each other and nobody else", "RFC 4158: a path holds no loop", "Path", "Attack")


def issuers(f: VectorFile) -> None:
    for slug, ca, error, why, rule in [
        ("issuer-is-leaf", LEAF, "cert-issuer-not-ca", "an end entity issued the signer's certificate", CA),
        ("issuer-without-constraints", authority("CA without constraints", ROOT, constraints=None), "cert-issuer-not-ca", "the issuer has no basicConstraints", CA),
        ("issuer-ca-false", authority("CA with cA FALSE", ROOT, constraints=x509.BasicConstraints(False, None)), "cert-issuer-not-ca", "the issuer has cA FALSE", CA),
        ("issuer-usage", authority("CA without keyCertSign", ROOT, key_usage=usage("digital_signature", "crl_sign")), "cert-key-usage", "the issuer may not sign certificates", USAGE),
    ]:
        chain = [leaf(f"under {slug}", ca), ca] + ([ISSUING] if ca is LEAF else [])
        f.reject(slug, f.signed_by(slug, *chain), error, why, rule, "Path", "Attack")
    for slug, allowed in [("agreement", "key_agreement"), ("encipherment", "key_encipherment"), ("cert-sign", "key_cert_sign")]:
        made = leaf(f"usage {slug}", ISSUING, key_usage=usage(allowed))
        f.reject(f"usage-{slug}", f.signed_by(f"usage-{slug}", made, ISSUING), "cert-key-usage", f"the signer's key may be used for {slug.replace('-', ' ')} only", USAGE + "; ATIS-1000080", "Path")
    below = authority("CA below path length 0", ISSUING)
    f.reject("path-length-0", f.signed_by("path-length-0", leaf("too deep", below), below, ISSUING), "cert-path-length", "a CA under a CA of path length 0", "RFC 5280 §4.2.1.9: pathLenConstraint", "Path", "Attack")
    top = authority("CA of path length 1", ROOT, path_length=1)
    middle = authority("Middle CA", top)
    last = authority("Last CA", middle)
    f.reject("path-length-1", f.signed_by("path-length-1", leaf("deeper", last), last, middle, top), "cert-path-length", "two CAs under a CA of path length 1", "RFC 5280 §4.2.1.9: pathLenConstraint", "Path", "Attack")
    signer = authority("CA that signs", ROOT, key_usage=usage("digital_signature", "key_cert_sign"), more=[(raw_extension(pki.TN_AUTH_LIST, pki.spc_list()), False)])
    f.reject("ca-signs", f.signed_by("ca-signs", signer), "cert-is-ca", "a CA signed the token with its own key", "RFC 9060 §4: only end-entity certificates sign PASSporTs", "Profile")


def policies(f: VectorFile) -> None:
    demanding = [(x509.PolicyConstraints(0, None), True)]
    rule = "RFC 5280 §6.1: requireExplicitPolicy, and no policy holds for the whole path"
    ca = authority("CA that demands a policy", ROOT, more=demanding)
    f.accept("policy-demanded", f.signed_by("policy-demanded", leaf("with the policy", ca), ca), "the CA demands a policy, and the signer has its own", rule, "Path", "Lenience")
    other = pki.issue("other policy", name("SHAKEN TEST", "Example Telecom"), ca, valid=(NOW - DAY, NOW + DAY), extensions=[
        (x509.BasicConstraints(False, None), True), (usage("digital_signature"), True), (pki.policies("2.16.840.1.114569.1.1.3"), False), (raw_extension(pki.TN_AUTH_LIST, pki.spc_list()), False)])
    f.reject("policy-other", f.signed_by("policy-other", other, ca), "cert-policy", "the CA demands a policy, and the signer has another one", rule, "Path")
    form = "RFC 5280 §4: "
    zero = reissue(leaf("serial zero", ISSUING), ISSUING.key, lambda fields: [fields[0], der.integer(0), *fields[2:]])
    f.reject("serial-zero", f.signed_by("serial-zero", zero, ISSUING), "cert-nonconforming", "the serial number is zero", form + "a serial number is positive (§4.1.2.2)", "Path", "Strict")
    long = reissue(leaf("serial of 30 bytes", ISSUING), ISSUING.key, lambda fields: [fields[0], der.integer(1 << 239), *fields[2:]])
    f.reject("serial-long", f.signed_by("serial-long", long, ISSUING), "cert-nonconforming", "a serial number of 30 bytes", form + "20 bytes at most (§4.1.2.2)", "Path", "Strict")
    signing = leaf("leaf with keyCertSign", ISSUING, key_usage=usage("digital_signature", "key_cert_sign"))
    f.reject("leaf-cert-sign", f.signed_by("leaf-cert-sign", signing, ISSUING), "cert-nonconforming", "the signer may issue certificates by its key usage, and is no CA", form + "keyCertSign stands with cA TRUE (§4.2.1.9)", "Path", "Strict")


def keys(f: VectorFile) -> None:
    for slug, key, why in [("p384-key", pki.p384("P-384 leaf").public_key(), "P-384"), ("rsa-key", pki.rsa2048("RSA leaf").public_key(), "RSA"),
                           ("k256-key", pki.k256("secp256k1 leaf").public_key(), "secp256k1"), ("ed25519-key", pki.ed("Ed25519 leaf").public_key(), "Ed25519")]:
        made = leaf(slug, ISSUING, public_key=key)
        f.reject(slug, f.signed_by(slug, made, ISSUING, key=LEAF.key), "cert-key-type", f"the certificate's key is {why}", KEY, "Path")
    explicit = reissue(leaf("explicit curve", ISSUING), ISSUING.key, lambda fields: with_key(fields, explicit_curve, None))
    f.reject("explicit-curve", f.signed_by("explicit-curve", explicit, ISSUING), None, "P-256 written out as explicit parameters", "RFC 5480 §2.1.1: the curve is named", "Path", "Attack")
    off = reissue(leaf("off curve", ISSUING), ISSUING.key, lambda fields: with_key(fields, None, lambda point: point[:-1] + bytes([point[-1] ^ 1])))
    f.reject("off-curve", f.signed_by("off-curve", off, ISSUING), None, "the key is no point of the curve", KEY, "Path", "Attack")
    other = leaf("other key", ISSUING)
    f.reject("other-key", f.signed_by("other-key", other, ISSUING, key=LEAF.key), "signature-invalid", "a good certificate of another key", "RFC 8225 §6: the certificate of x5u verifies the signature", "Signature", "Attack")


def with_key(fields: list[bytes], parameters, point) -> list[bytes]:
    algorithm, bits = der.elements(fields[6])
    if parameters:
        algorithm = der.sequence(der.oid("1.2.840.10045.2.1"), parameters())
    if point:
        bits = der.bits(point(bits[3:]))
    return [*fields[:6], der.sequence(algorithm, bits), *fields[7:]]


def explicit_curve() -> bytes:
    def octets(n: int) -> bytes:
        return n.to_bytes(32, "big")

    prime = der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(P))
    curve = der.sequence(der.tlv(0x04, octets(P - 3)), der.tlv(0x04, octets(B)))
    return der.sequence(der.integer(1), prime, curve, der.tlv(0x04, b"\x04" + octets(G[0]) + octets(G[1])), der.integer(N), der.integer(1))


def undecided(f: VectorFile) -> None:
    aki = x509.AuthorityKeyIdentifier(bytes(20), None, None)
    printable = reissue(leaf("printable", ISSUING), ISSUING.key, lambda fields: [*fields[:3], printable_name(), *fields[4:]])
    constrained = authority("CA with name constraints", ROOT, more=[(x509.NameConstraints([x509.DNSName("example.com")], None), True)])
    compressed = reissue(leaf("compressed", ISSUING), ISSUING.key, lambda fields: with_key(fields, None, lambda p: bytes([2 + (p[-1] & 1)]) + p[1:33]))
    negative = reissue(leaf("negative serial", ISSUING), ISSUING.key, lambda fields: [fields[0], der.integer(-5), *fields[2:]])
    padded = leaf("20 KB", ISSUING, more=[(raw_extension(pki.UNKNOWN_EXTENSION, bytes(20_000)), False)])
    other_spc = leaf("other SPC", ISSUING, numbers=pki.spc_list("000X"))
    deep = [authority("Level 1", ROOT)]
    for n in range(2, 8):
        deep.insert(0, authority(f"Level {n}", deep[0]))
    for slug, chain, why, rule in [
        ("wrong-aki", [leaf("wrong aki", ISSUING, aki=aki), ISSUING], "the authority key identifier is another one, the signature is right", "RFC 5280 §4.2.1.1 helps to find the issuer; §6.1 does not compare it"),
        ("name-encoding", [printable, ISSUING], "the issuer's name is encoded as PrintableString here and UTF8String there", "RFC 5280 §7.1 makes them equal; most verifiers compare bytes"),
        ("name-constraints", [leaf("under constraints", constrained), constrained], "critical name constraints for DNS names in a CA, no DNS name in the signer's certificate", "RFC 5280 §4.2.1.10; a verifier that does not process them refuses"),
        ("compressed-key", [compressed, ISSUING], "the key is a compressed point", "RFC 5480 §2.2 lets a verifier support it or not"),
        ("negative-serial", [negative, ISSUING], "a negative serial number", "RFC 5280 §4.1.2.2 forbids to issue it and asks verifiers to cope"),
        ("name-spc-differs", [other_spc, ISSUING], "the common name and the TNAuthList state different SPCs", "ATIS-1000080 wants them equal; authority comes from the TNAuthList"),
        ("20-kilobytes", [padded, ISSUING], "a certificate of 20 KB", "no standard sets a limit"),
        ("seven-issuers", [leaf("level 8", deep[0]), *deep], "seven CAs", "no standard sets a limit"),
        ("tn-auth-list-critical", [leaf("critical list", ISSUING, numbers_critical=True), ISSUING], "the TNAuthList is critical", "RFC 8226 §9 does not make it critical; whoever reads it can process it"),
    ]:
        f.policy(slug, f.signed_by(slug, *chain), why, rule, "Limit" if slug in ("20-kilobytes", "seven-issuers") else "Path")


def printable_name() -> bytes:
    attributes = [x509.NameAttribute(a.oid, a.value, _ASN1Type.PrintableString) for a in ISSUING.name]
    return x509.Name(attributes).public_bytes()
