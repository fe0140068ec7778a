"""Second look at finished vectors, with pyca alone: an accepted call is good in every respect checked
here, and a refused one is bad in the respect that its error names and in no other."""

import base64
import hashlib
import json
import re
import urllib.parse
import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

BLOCK = re.compile("-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")
INFO = re.compile(r"info\s*=\s*<([^>]*)>", re.IGNORECASE)
# One certificate has a negative serial number on purpose.
warnings.filterwarnings("ignore", message="Parsed a serial number")

PPT = re.compile(r";\s*ppt\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
FINGERPRINT = re.compile(r"^a=fingerprint:(\S+) (\S+)\s*$", re.IGNORECASE | re.MULTILINE)
OWN_CLAIMS = {None: (), "shaken": ("attest", "origid"), "div": ("div",), "div-o": ("div", "opt"), "rph": ("rph",), "rcd": (), "msg": ()}

CALL_ERRORS = {"orig-mismatch", "dest-mismatch", "iat-stale", "iat-future", "date-stale", "date-future"}
# Certificates that are good in every respect that is looked at here.
UNSEEN = {"cert-revoked", "crl-stale", "cert-too-many", "cert-too-large", "cert-nonconforming", "cert-policy"}
CONTENT_ERRORS = {"mky-mismatch", "rph-mismatch", "msgi-mismatch"}


def complaints(data: dict) -> list[str]:
    found = []
    for case in data["cases"]:
        tokens = [token for value in case["identity"] for token in tokens_of(value, case)]
        faults = {id(token): faults_of(token, tokens, case, data) for token in tokens}
        firsts = [next(token for token in tokens if token.value is value) for value in case["identity"]]
        passing = [token for token in tokens if token.ppt == "shaken" and not faults[id(token)]]
        names = case.get("expect_headers")
        if case["expect"] == "accept" and not passing:
            found.append(f"{case['id']}: accepted in spite of {list(faults.values())}")
        if case["expect"] == "reject" and len(tokens) == 1 and not names:
            names = [case.get("error", "")]
        is_diverted = any(token.parties("div") for token in tokens)
        for name, token in zip(names or [], firsts):
            only = faults[id(token)]
            # What follows from the whole chain is no fault of the one PASSporT.
            if is_diverted and name in CALL_ERRORS and not only:
                continue
            # A printed token can be wrong in more than one respect.
            if "RfcExample" in case["flags"] and name not in ("accept", "signature-invalid"):
                only = only - {"signature"}
            if not explains(name, only):
                found.append(f"{case['id']}: {name}, yet {faults[id(token)]}")
    return found


def explains(error: str, only: set[str]) -> bool:
    """Whether a header with these faults can be refused with that error, and with no other."""
    if error in UNSEEN or error == "accept" or error.startswith("claim-") and error.endswith("-by-cert") or error.startswith("claim-constraints-"):
        return not only
    if error in CALL_ERRORS:
        return only == {"call"}
    if error in CONTENT_ERRORS:
        return only == {"content"}
    if error == "signature-invalid":
        return only == {"signature"}
    if error.startswith("div-"):
        return only <= {"call", "form"} if error == "div-unchanged" else only <= {"call"}
    if error == "tn-auth-list-by-reference" or error.startswith("tn-") and error != "tn-not-canonical":
        return not only
    if error.startswith("cert-"):
        return bool(only & {"path", "key"}) and only <= {"path", "key", "signature"}
    if error and not error.startswith(("signature-", "base64-", "token-", "compact-", "fetch-", "opt-", "info-")):
        return not only & {"signature", "path", "key"} or error in ("shaken-missing", "ppt-unsupported")
    return True


class Token:
    """One PASSporT of a header, or of the opt of another one; `head` and `body` are None if they
    cannot be read."""

    def __init__(self, value: str | None, text: str, info: str | None, stated: str | None, case: dict):
        self.value, self.info, self.signed, self.raw = value, info, "", b""
        self.head = self.body = self.ppt = None
        parts = text.strip().split(".")
        self.is_compact = text.startswith("..")
        try:
            if self.is_compact:
                self.rebuild(stated, case)
                self.raw = unb64(parts[2])
            elif len(parts) == 3:
                head, body, self.raw = (unb64(part) for part in parts)
                self.signed = ".".join(parts[:2])
                self.head, self.body = json.loads(head), json.loads(body)
            self.ppt = self.head.get("ppt") if isinstance(self.head, dict) else None
            hash(self.ppt)
        except (ValueError, KeyError, TypeError, RecursionError):
            self.head = self.body = self.ppt = None

    def rebuild(self, stated: str | None, case: dict):
        orig = {"tn": case["orig_tn"]} if "orig_tn" in case else {"uri": normal(case["orig_uri"])}
        dest = {"tn": case["dest_tn"][:1]} if "dest_tn" in case else {"uri": [normal(case["dest_uri"][0])]}
        self.head = {"alg": "ES256", "ppt": stated, "typ": "passport", "x5u": self.info}
        self.body = {"dest": dest, "iat": case["date"], "orig": orig}
        keys = sorted({(alg.lower(), dig.replace(":", "")) for alg, dig in FINGERPRINT.findall(case.get("sdp", ""))}, key="".join)
        if keys:
            self.body["mky"] = [{"alg": alg, "dig": dig} for alg, dig in keys]
        if stated == "rcd":
            self.body["rcd"] = {"nam": case.get("display_name", "")}
        if stated is None:
            del self.head["ppt"]
        self.signed = ".".join(base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()).decode().rstrip("=") for part in (self.head, self.body))

    def member(self, claim: str) -> object:
        return self.body.get(claim) if isinstance(self.body, dict) else None

    def parties(self, claim: str) -> set:
        """The numbers and URIs of a claim."""
        found = self.member(claim)
        values = [found.get(kind) for kind in ("tn", "uri")] if isinstance(found, dict) else []
        flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
        return {normal(one) for one in flat if isinstance(one, str)}


def tokens_of(value: str, case: dict) -> list[Token]:
    """That of the header, and those that are nested in it."""
    text, _, rest = value.partition(";")
    info, stated = INFO.search(rest), PPT.search(rest)
    found = [Token(value, text, info and info[1], stated and stated[1], case)]
    while found[-1].ppt == "div-o" and isinstance(opt := found[-1].member("opt"), str) and len(found) < 16:
        found.append(Token(None, opt, None, None, case))
    return found


def faults_of(token: Token, tokens: list[Token], case: dict, data: dict) -> set[str]:
    """Any of: form, call, content, key (no P-256 signer), path, signature."""
    if not isinstance(token.head, dict) or not isinstance(token.body, dict) or "x5u" not in token.head:
        return {"form"}
    x5u, faults = token.head["x5u"], set()
    if (token.head.get("alg"), token.head.get("typ")) != ("ES256", "passport") or token.ppt not in OWN_CLAIMS or token.value and token.info != x5u:
        faults.add("form")
    if any(not token.member(claim) for claim in OWN_CLAIMS.get(token.ppt, ())) or token.ppt == "shaken" and token.member("attest") not in ("A", "B", "C"):
        faults.add("form")
    if token.is_compact and token.ppt not in (None, "rcd") or token.parties("div") & token.parties("dest"):
        faults.add("form")
    try:
        ages = [abs(case["now"] - token.body["iat"]), abs(case["now"] - case.get("date", case["now"]))]
        if token.parties("orig") != {case.get("orig_tn") or normal(case["orig_uri"])} or not leads_on(token, tokens, case) or max(ages) > 60:
            faults.add("call")
    except (KeyError, TypeError):
        faults.add("form")
    if differs(token, case):
        faults.add("content")
    url = x5u if isinstance(x5u, str) and x5u in data["x5u_bodies"] else token.info
    sent = certificates(data["x5u_bodies"].get(url, ""))
    signer = next((c for c in sent if not is_ca(c)), None)
    if signer is None:
        return faults | {"path"}
    known = sent + certificates(data.get("intermediates_pem", ""))
    if not reaches(signer, known, certificates(data["trust_anchor_pem"]), case["now"], 0):
        faults.add("path")
    return faults | signature_faults(signer, token.signed, token.raw)


def leads_on(token: Token, tokens: list[Token], case: dict) -> bool:
    """Whether the PASSporT is for the called party, or for one that diverted the call."""
    called = {*case.get("dest_tn", []), *map(normal, case.get("dest_uri", []))}
    target = {t for t in (case.get("target_tn"), normal(case.get("target_uri", ""))) if t} or called
    diverting = {party for other in tokens if other is not token for party in other.parties("div")}
    return bool(token.parties("dest") & ((target if token.parties("div") else called) | diverting))


def differs(token: Token, case: dict) -> bool:
    """Whether a claim beyond the base ones is not what the request has."""
    if (mky := token.member("mky")) and "sdp" in case:
        sent = {(alg.lower(), dig.replace(":", "").upper()) for alg, dig in FINGERPRINT.findall(case["sdp"])}
        return sent != {(one.get("alg"), str(one.get("dig")).upper()) for one in mky if isinstance(one, dict)}
    if token.ppt == "msg" and isinstance(msgi := token.member("msgi"), str) and "body" in case:
        name, _, digest = msgi.partition("-")
        if name not in ("sha256", "sha384", "sha512"):
            return True
        made = base64.b64encode(hashlib.new(name, case["body"].encode()).digest()).decode()
        return made.rstrip("=") != digest.rstrip("=")
    if token.ppt == "rph" and "resource_priority" in case:
        auth = token.member("rph").get("auth") if isinstance(token.member("rph"), dict) else None
        claimed = {value.lower() for value in auth or [] if isinstance(value, str)}
        asked = {value.strip().lower() for value in case["resource_priority"].split(",")}
        spoken_of = {value for value in asked if value.split(".")[0] in {c.split(".")[0] for c in claimed}}
        return not spoken_of or not spoken_of <= claimed
    return False


def normal(uri: str) -> str:
    """RFC 8224 §8.5; telephone numbers stay as they are."""
    if not uri.lower().startswith(("sip:", "sips:")):
        return uri.lower()
    scheme, _, rest = uri.partition(":")
    user, at, host = rest.rpartition("@")
    return f"{scheme}:{urllib.parse.unquote(user.split(':')[0]) if '%40' not in user else user}{at}{re.split('[:;?]', host)[0]}".lower()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


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
        elif extension.critical and not isinstance(value, (x509.CertificatePolicies, x509.PolicyConstraints)):
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
