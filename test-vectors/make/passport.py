"""PASSporTs and Identity header values, right or wrong as the case wants them."""

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import pki

ORIG = "12025550101"
DEST = "12025550187"
ORIGID = "8e2f5c7a-2b4d-4f6e-9a1c-3d5e7f901b23"
HOST = "https://cr.example.net"
LEAF_URL = f"{HOST}/test/leaf.pem"


def header(x5u: str = LEAF_URL, **changes) -> dict:
    return without({"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u, **changes})


def payload(**changes) -> dict:
    usual = {
        "attest": "A",
        "dest": {"tn": [DEST]},
        "iat": pki.NOW - 1,
        "orig": {"tn": ORIG},
        "origid": ORIGID,
    }
    return without({**usual, **changes})


def base_claims(**changes) -> dict:
    """The claims that every PASSporT has."""
    return without({"dest": {"tn": [DEST]}, "iat": pki.NOW - 1, "orig": {"tn": ORIG}, **changes})


class Absent:
    """Stands for a member that is left out, as `None` stands for null."""


def without(members: dict) -> dict:
    return {k: v for k, v in members.items() if v is not Absent}


def canonical(value: object) -> str:
    """RFC 8225 §9: members sorted, no white space."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def octets(part: dict | str | bytes) -> bytes:
    """A dict in canonical form; text and bytes as they are."""
    text = canonical(part) if isinstance(part, dict) else part
    return text.encode() if isinstance(text, str) else text


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signing_input(head: dict | str | bytes, body: dict | str | bytes) -> str:
    return f"{b64(octets(head))}.{b64(octets(body))}"


def signature(text: str, key=None) -> bytes:
    """ES256 as RFC 7518 §3.4: r and s of 32 bytes each, the nonce by RFC 6979."""
    key = key or pki.LEAF.key
    size = (key.curve.key_size + 7) // 8
    digest = hashes.SHA384() if size == 48 else hashes.SHA256()
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(digest, deterministic_signing=True)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def seal(text: str, key=None) -> str:
    """A signing input, whatever it holds, with its valid signature."""
    return f"{text}.{b64(signature(text, key))}"


def token(head: dict | str | bytes | None = None, body: dict | str | bytes | None = None, key=None) -> str:
    head = header() if head is None else head
    body = payload() if body is None else body
    return seal(signing_input(head, body), key)


def field(made: str | None = None, info: str = LEAF_URL, params: str = ";alg=ES256;ppt=shaken") -> str:
    """The value of an Identity header in the order that deployed signers emit."""
    return f"{made or token()};info=<{info}>{params}"


def typed(ppt: str | None, claims: dict | str | bytes, url: str = LEAF_URL, key=None) -> str:
    """The value of an Identity header of a PASSporT type in full form; None is a base PASSporT."""
    return field(token(header(url, ppt=Absent if ppt is None else ppt), claims, key), url, params(ppt))


def compact(ppt: str | None, claims: dict, url: str = LEAF_URL, key=None) -> str:
    """The same in compact form: header and payload are left out (RFC 8225 §7)."""
    text = signing_input(header(url, ppt=Absent if ppt is None else ppt), claims)
    return field(f"..{b64(signature(text, key))}", url, params(ppt))


def params(ppt: str | None) -> str:
    return ";alg=ES256" + (f";ppt={ppt}" if ppt else "")


def bare(identity: str) -> str:
    """The token of a header."""
    return identity.split(";")[0]
