"""Second look at finished vectors, with pyca alone: an accepted call is good in every respect checked
here, and a refused one is bad in the respect that its error names and in no other."""

import base64
import json
import re
import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

BLOCK = re.compile("-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")
INFO = re.compile(r"info\s*=\s*<([^>]*)>", re.IGNORECASE)
# One certificate has a negative serial number on purpose.
warnings.filterwarnings("ignore", message="Parsed a serial number")

CALL_ERRORS = {"orig-mismatch", "dest-mismatch", "iat-stale", "iat-future", "date-stale", "date-future"}


def complaints(data: dict) -> list[str]:
    found = []
    for case in data["cases"]:
        faults = [faults_of(value, case, data) for value in case["identity"]]
        error, problem = case.get("error", ""), None
        if case["expect"] == "accept":
            problem = None if set() in faults else f"accepted in spite of {faults}"
        elif case["expect"] == "reject" and len(faults) == 1:
            [only] = faults
            if error in CALL_ERRORS:
                problem = None if only == {"call"} else f"{error}, yet {only}"
            elif error == "signature-invalid":
                problem = None if only == {"signature"} else f"{error}, yet {only}"
            elif error.startswith("tn-") and error != "tn-not-canonical":
                problem = None if not only else f"{error}, yet {only}"
            elif error.startswith("cert-"):
                problem = None if only & {"path", "key"} and only <= {"path", "key", "signature"} else f"{error}, yet {only}"
            elif error and not error.startswith(("signature-", "base64-", "token-", "compact-")):
                problem = f"{error}, yet {only}" if only & {"signature", "path", "key"} else None
        if problem:
            found.append(f"{case['id']}: {problem}")
    return found


def faults_of(value: str, case: dict, data: dict) -> set[str]:
    """Any of: form, call, key (no P-256 signer), path, signature."""
    token, _, rest = value.partition(";")
    parts, info = token.strip().split("."), INFO.search(rest)
    if len(parts) != 3:
        return {"form"}
    try:
        head, body, raw = (base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in parts)
        head, body = json.loads(head), json.loads(body)
        x5u = head["x5u"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"form"}
    faults = set()
    if (head.get("alg"), head.get("typ"), head.get("ppt")) != ("ES256", "passport", "shaken") or not info or info[1] != x5u:
        faults.add("form")
    try:
        ages = [abs(case["now"] - body["iat"]), abs(case["now"] - case.get("date", case["now"]))]
        if body["orig"].get("tn") != case["orig_tn"] or not set(body["dest"].get("tn", [])) & set(case["dest_tn"]) or max(ages) > 60:
            faults.add("call")
        if body["attest"] not in ("A", "B", "C") or not body["origid"]:
            faults.add("form")
    except (KeyError, TypeError, AttributeError):
        faults.add("form")
    url = x5u if isinstance(x5u, str) and x5u in data["x5u_bodies"] else info and info[1]
    sent = certificates(data["x5u_bodies"].get(url, ""))
    signer = next((c for c in sent if not is_ca(c)), None)
    if signer is None:
        return faults | {"path"}
    known = sent + certificates(data.get("intermediates_pem", ""))
    if not reaches(signer, known, certificates(data["trust_anchor_pem"]), case["now"], 0):
        faults.add("path")
    return faults | signature_faults(signer, ".".join(parts[:2]), raw)


def signature_faults(signer: x509.Certificate, text: str, raw: bytes) -> set[str]:
    try:
        key = signer.public_key()
    except ValueError:
        return {"key"}
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return {"key"}
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(der, text.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return {"signature"}
    return set() if len(raw) == 64 else {"signature"}


def certificates(body: str) -> list[x509.Certificate]:
    found = []
    for block in BLOCK.findall(body):
        try:
            found.append(x509.load_der_x509_certificate(base64.b64decode("".join(block.split()), validate=True)))
        except ValueError:
            pass
    return found


def is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return False


def acceptable(certificate: x509.Certificate, now: int, cas_below: int | None) -> bool:
    """Period, key usage, critical extensions and path length; `cas_below` None is the signer."""
    if not certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp():
        return False
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.KeyUsage):
            if not (value.digital_signature if cas_below is None else value.key_cert_sign):
                return False
        elif isinstance(value, x509.BasicConstraints):
            if cas_below is not None and value.path_length is not None and cas_below > value.path_length:
                return False
        elif extension.critical and not isinstance(value, x509.CertificatePolicies):
            return False
    return True


def reaches(certificate, known: list, anchors: list, now: int, cas: int) -> bool:
    """Whether a path of good certificates leads from here to an anchor."""
    try:
        if cas > 6 or not acceptable(certificate, now, cas - 1 if cas else None):
            return False
        if not isinstance(certificate.signature_hash_algorithm, (hashes.SHA256, hashes.SHA384)):
            return False
    except x509.DuplicateExtension:
        return False
    for issuer in anchors + [c for c in known if is_ca(c) and c != certificate]:
        try:
            if not isinstance(issuer.public_key(), ec.EllipticCurvePublicKey):
                continue
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            continue
        if issuer in anchors or reaches(issuer, known, anchors, now, cas + 1):
            return True
    return False
