"""Test keys and certificates. Every key follows from a label, so whoever reads this owns them all:
no verifier outside a test may trust the roots made here."""

import base64
import datetime
import hashlib
from dataclasses import dataclass
from math import gcd

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import curve
import der
from clock import NOW

DAY = 86_400
SPC = "TEST"

TN_AUTH_LIST = "1.3.6.1.5.5.7.1.26"
POLICY = "2.16.840.1.114569.1.1.4"  # the certificate policy of ATIS-1000080, CP 1.4
CLAIM_CONSTRAINTS = "1.3.6.1.5.5.7.1.27"  # RFC 8226 §8
ENHANCED_CONSTRAINTS = "1.3.6.1.5.5.7.1.33"  # RFC 9118 §3
STIR_TN_LIST = "1.3.6.1.5.5.7.48.14"  # RFC 8226 §10.1
CRL_URL = "https://pa.example.org/download/v1/crl"
UNKNOWN_EXTENSION = "1.3.6.1.4.1.32473.1"  # enterprise number for examples (RFC 5612)


def seed(label: str) -> int:
    return int.from_bytes(hashlib.sha256(f"shaken test vectors, key {label}".encode()).digest(), "big")


def p256(label: str):
    return ec.derive_private_key(seed(label) % (curve.N - 1) + 1, ec.SECP256R1())


def p384(label: str):
    return ec.derive_private_key(seed(label), ec.SECP384R1())


def k256(label: str):
    return ec.derive_private_key(seed(label) >> 1, ec.SECP256K1())


def ed(label: str):
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed(label).to_bytes(32, "big"))


def rsa2048(label: str):
    def prime(which: str) -> int:
        text = hashlib.shake_256(f"{seed(label)} {which}".encode()).digest(128)
        candidate = int.from_bytes(text, "big") | 3 << 1022 | 1
        while pow(2, candidate - 1, candidate) != 1 or gcd(candidate - 1, 65537) != 1:
            candidate += 2
        return candidate

    p, q, e = prime("p"), prime("q"), 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key()


@dataclass(frozen=True)
class Certificate:
    der: bytes
    key: object = None  # private key of the subject; None where only a public key was made
    name: x509.Name = None

    @property
    def pem(self) -> str:
        return pem(self.der)


def pem(content: bytes, label: str = "CERTIFICATE", width: int = 64) -> str:
    text = base64.b64encode(content).decode()
    lines = [text[i : i + width] for i in range(0, len(text), width)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def name(common_name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
        ]
    )


def usage(*allowed: str) -> x509.KeyUsage:
    bits = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    bits += " key_cert_sign crl_sign encipher_only decipher_only"
    return x509.KeyUsage(**{bit: bit in allowed for bit in bits.split()})


def spc_list(code: str = SPC) -> bytes:
    return der.tn_auth_list(der.spc(code))


def raw_extension(dotted: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), value)


def crl_points(url: str = CRL_URL, crl_issuer: x509.Name | None = None) -> x509.CRLDistributionPoints:
    """Where the revocation list of a certificate is, and who issues it if its own CA does not."""
    issuers = [x509.DirectoryName(crl_issuer)] if crl_issuer else None
    return x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, issuers)])


def policies(dotted: str = POLICY) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(dotted), None)])


def serial_of(label: str) -> int:
    return int.from_bytes(hashlib.sha256(f"serial {label}".encode()).digest()[:16], "big") >> 1


def issue(
    label: str,
    subject: x509.Name,
    issuer: "Certificate | None",
    *,
    key=None,
    public_key=None,
    valid: tuple[int, int],
    digest=None,
    extensions: list[tuple[object, bool]],
    aki: object = "from issuer",
    serial: int | None = None,
) -> Certificate:
    """One certificate; `issuer` None makes it self-signed, `extensions` are (value, critical)."""
    key = key or (None if public_key else p256(label))
    public_key = public_key or key.public_key()
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name if issuer else subject)
        .public_key(public_key)
        .serial_number(serial_of(label) if serial is None else serial)
        .not_valid_before(moment(valid[0]))
        .not_valid_after(moment(valid[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
    )
    if aki == "from issuer":
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()) if issuer else None
    if aki is not None:
        builder = builder.add_extension(aki, False)
    for value, critical in extensions:
        if value is not None:
            builder = builder.add_extension(value, critical)
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        if digest is None:
            digest = hashes.SHA384() if signer.curve.key_size == 384 else hashes.SHA256()
        made = builder.sign(signer, digest, ecdsa_deterministic=True)
    else:
        made = builder.sign(signer, hashes.SHA256() if isinstance(signer, rsa.RSAPrivateKey) else None)
    return Certificate(made.public_bytes(serialization.Encoding.DER), key, subject)


def authority(
    label: str,
    issuer: Certificate | None = None,
    *,
    common_name: str | None = None,
    path_length: int | None = None,
    key_usage=usage("key_cert_sign"),
    constraints: object = "ca",
    policy_critical: bool = False,
    valid: tuple[int, int] = (NOW - 400 * DAY, NOW + 3000 * DAY),
    more: list[tuple[object, bool]] = (),
    **rest,
) -> Certificate:
    """A CA by ATIS-1000080: the root has no policy, the others have one."""
    subject = name(common_name or f"SHAKEN Example {label}", "Example STI-CA")
    if constraints == "ca":
        constraints = x509.BasicConstraints(True, path_length)
    own = [(constraints, True), (key_usage, True), (policies() if issuer else None, policy_critical)]
    return issue(label, subject, issuer, valid=valid, extensions=[*own, *more], **rest)


def leaf(
    label: str,
    issuer: Certificate | None,
    *,
    numbers: bytes | None = spc_list(),
    numbers_critical: bool = False,
    key_usage=usage("digital_signature"),
    constraints: object = x509.BasicConstraints(False, None),
    policy_critical: bool = False,
    valid: tuple[int, int] = (NOW - 30 * DAY, NOW + 60 * DAY),
    more: list[tuple[object, bool]] = (),
    **rest,
) -> Certificate:
    """An end-entity certificate by ATIS-1000080; `numbers` is the value of its TNAuthList."""
    listed = None if numbers is None else raw_extension(TN_AUTH_LIST, numbers)
    own = [(constraints, True), (key_usage, True), (policies(), policy_critical), (listed, numbers_critical)]
    subject = name(f"SHAKEN {SPC}", "Example Telecom")
    return issue(label, subject, issuer, valid=valid, extensions=[*own, *more], **rest)


def reissue(old: Certificate, signer, edit=None, *, algorithm: bytes | None = None, digest=None) -> Certificate:
    """The certificate with its TBS fields (version, serial, algorithm, issuer, validity, subject,
    key, extensions) changed by `edit`, signed anew by the EC key `signer`."""
    tbs, outer, _ = der.elements(old.der)
    fields = der.elements(tbs)
    if algorithm:
        fields[2] = outer = algorithm
    if edit:
        fields = edit(fields)
    tbs = der.sequence(*fields)
    scheme = ec.ECDSA(digest or hashes.SHA256(), deterministic_signing=True)
    return Certificate(der.sequence(tbs, outer, der.bits(signer.sign(tbs, scheme))), old.key, old.name)


def moment(unix: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unix, datetime.timezone.utc)


def crl(
    signer: Certificate,
    entries: list[tuple[int, x509.Name | None]],
    *,
    number: int = 1,
    dates: tuple[int, int] = (NOW - DAY, NOW + 30 * DAY),
    indirect: bool = True,
    url: str = CRL_URL,
    key=None,
) -> str:
    """A revocation list in PEM and its signer's certificate behind it. Of an entry's serial number
    and issuer the latter is None where the entry does not state it (RFC 5280 §5.3.3)."""
    point = x509.IssuingDistributionPoint([x509.UniformResourceIdentifier(url)], None, False, False, None, indirect, False)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.name)
        .last_update(moment(dates[0]))
        .next_update(moment(dates[1]))
        .add_extension(x509.CRLNumber(number), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), False)
        .add_extension(point, True)
    )
    for serial, issuer in entries:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment(dates[0]))
        if issuer is not None:
            entry = entry.add_extension(x509.CertificateIssuer([x509.DirectoryName(issuer)]), True)
        builder = builder.add_revoked_certificate(entry.build())
    made = builder.sign(key or signer.key, hashes.SHA256(), ecdsa_deterministic=True)
    return pem(made.public_bytes(serialization.Encoding.DER), "X509 CRL") + signer.pem


# The path that every file uses unless it is about paths.
ROOT = authority("ROOT")
ISSUING = authority("Issuing CA", ROOT, path_length=0)
LEAF = leaf("leaf", ISSUING)
