"""One file of vectors: collects cases and certificate bodies, and writes them in format version 1."""

import base64
import json

import passport
import pki

FLAGS = {
    "Basic": "An ordinary call. A verifier that fails here cannot be used at all.",
    "Lenience": "Legal or widespread form that verifiers are known to refuse. Real calls are lost if it is not accepted.",
    "Grammar": "Form of the Identity header field: RFC 8224 §4 over RFC 3261 §25.",
    "Encoding": "JWS compact serialization and strict base64url, RFC 7515 §2 and §3.1. A second spelling of one token defeats every comparison of tokens.",
    "Json": "The text of header or payload is no JSON text (RFC 8259), or holds what two readers read differently.",
    "DuplicateMember": "An object has two members of one name (RFC 7515 §4, RFC 8225 §9). Which of them counts differs from reader to reader.",
    "JoseHeader": "Members of the protected header, RFC 8225 §4 and RFC 7515 §4.",
    "Attack": "What an attacker sends to be believed: a key or an algorithm of his choosing, or parts of another call.",
    "Claims": "Form of the claims, RFC 8225 §5 and RFC 8588 §4 and §5.",
    "Canonical": "Canonical form of telephone numbers, RFC 8224 §8.3.",
    "Mismatch": "The token is sound and was made for another call (RFC 8224 §6.2.4).",
    "Freshness": "Age of iat and of Date, RFC 8224 §6.2 step 4 with the recommended 60 seconds each way.",
    "CertificateUrl": "Form of x5u by ATIS-1000074 §5.3. The certificate is there; only the URL forbids to fetch it.",
    "InternalAddress": "The URL leads a verifier that fetches it into its own network (RFC 6890).",
    "Pem": "Textual encoding of the certificate body, RFC 7468.",
    "Path": "Path validation, RFC 5280 §6.",
    "Validity": "The validity period of a certificate against the clock, RFC 5280 §4.1.2.5.",
    "Profile": "A rule of the SHAKEN profile (ATIS-1000074, ATIS-1000080) that RFC 5280 or RFC 8225 alone does not make.",
    "TnAuthList": "Form of the TNAuthList, RFC 8226 §9.",
    "Authority": "Which numbers the certificate covers, RFC 8226 §3.",
    "Signature": "ES256, RFC 7518 §3.4: 64 bytes, r and s from 1 to n-1.",
    "EdgeOfCurve": "A valid or invalid signature that ordinary signing does not produce; shows errors in point arithmetic.",
    "SeveralHeaders": "Several Identity headers in one call, RFC 8224 §6.2.1.",
    "Limit": "Size or count far beyond every real call, where a verifier needs a bound of its own. Whatever it answers, it must stay quick.",
    "Base": "A PASSporT without type (RFC 8225): it says who called whom, and that alone lets no call pass.",
    "CompactForm": "Header and payload are left out and rebuilt from the call, RFC 8225 §7 and RFC 8224 §6.2.4.",
    "Diversion": "PASSporTs of type div, RFC 8946 §4: each is compared with the one before it and with where the call goes.",
    "Nested": "PASSporTs of type div-o, which hold another one in opt, RFC 8946 §5.",
    "Priority": "PASSporTs of type rph with the claims rph and sph, RFC 8443 and RFC 9027.",
    "RichCallData": "The claims rcd, rcdi and crn, RFC 9795, in a PASSporT of their own or in another one.",
    "Message": "PASSporTs of type msg, RFC 9475: the digest of a message's body.",
    "MediaKeys": "The claim mky against the fingerprints of the SDP, RFC 8225 §5.2.2.",
    "SeveralTypes": "A call passes by its shaken PASSporT; those of other types are judged for themselves.",
    "Delegation": "Certificates that limit each other along the path, RFC 9060 §4.",
    "ClaimConstraints": "What the certificate says of the claims that may be signed with it, RFC 8226 §8 and RFC 9118.",
    "Revocation": "The STI-PA's indirect revocation list, RFC 5280 §5 and §6.3, ATIS-1000080.",
    "Uri": "Callers and called parties that are no telephone numbers, RFC 8224 §8.5.",
    "RfcExample": "A token as an RFC prints it. Most of them break a rule of their own or verify with no published key.",
    "ExactClock": "Holds within seconds of its clock: a verifier whose clock cannot be set exactly has to set it aside.",
    "Strict": "The rule is in the standard, yet some deployed verifiers do not apply it.",
}


class VectorFile:
    def __init__(self, stem: str, note: str, anchors: list = (pki.ROOT,), intermediates: list = (),
                 crls: list = (), crl_anchors: list = (), now: int = pki.NOW):
        self.stem = stem
        self.note = note
        self.anchors = anchors
        self.intermediates = intermediates
        self.crls = crls
        self.crl_anchors = crl_anchors
        self.now = now
        self.bodies: dict[str, str] = {}
        self.cases: list[dict] = []
        self.body(passport.LEAF_URL, pki.LEAF, pki.ISSUING)

    def body(self, url: str, *content) -> str:
        """Puts certificates (joined as PEM), text, or bytes behind a URL; returns the URL."""
        if isinstance(content[0], pki.Certificate):
            text = "".join(c.pem for c in content)
        elif isinstance(content[0], bytes):
            text = "base64:" + base64.b64encode(content[0]).decode()
        else:
            text = content[0]
        assert self.bodies.setdefault(url, text) == text, f"two bodies behind {url}"
        return url

    def signed_by(self, slug: str, *content, key=None, body: dict | None = None) -> str:
        """A header whose x5u leads to `content`, signed by the first certificate's key."""
        url = self.body(f"{passport.HOST}/{self.stem}/{slug}.pem", *content)
        key = key or (content[0].key if isinstance(content[0], pki.Certificate) else None)
        return passport.field(passport.token(passport.header(url), body, key), url)

    def accept(self, slug: str, identity, why: str, rule: str, *flags: str, **call):
        self._add(slug, identity, "accept", None, why, rule, flags, **call)

    def reject(self, slug: str, identity, error: str | None, why: str, rule: str, *flags: str, **call):
        """`error` None: more than one name of the error table is right."""
        self._add(slug, identity, "reject", error, why, rule, flags, **call)

    def policy(self, slug: str, identity, why: str, rule: str, *flags: str, **call):
        self._add(slug, identity, "policy", None, why, rule, flags, **call)

    def _add(self, slug, identity, expect, error, why, rule, flags, *, orig=passport.ORIG, orig_uri=None,
             dest=(passport.DEST,), dest_uri=(), target=None, target_uri=None, now=None, date=None, sdp=None, body=None,
             resource_priority=None, priority=None, display_name=None, headers=None):
        """`headers` is the verdict of each header: accept or the name of its failure, divided by spaces."""
        assert flags and all(f in FLAGS for f in flags), (slug, flags)
        now = self.now if now is None else now
        identity = [identity] if isinstance(identity, str) else identity
        if is_exact(now, date, identity) and "ExactClock" not in flags:
            flags = [*flags, "ExactClock"]
        case = {
            "id": f"{self.stem}/{slug}",
            "comment": rule,
            "flags": list(flags),
            "now": now,
            "date": date,
            "orig_tn": None if orig_uri else orig,
            "orig_uri": orig_uri,
            "dest_tn": list(dest) or None,
            "dest_uri": list(dest_uri) or None,
            "target_tn": target,
            "target_uri": target_uri,
            "display_name": display_name,
            "resource_priority": resource_priority,
            "priority": priority,
            "sdp": sdp,
            "body": body,
            "identity": identity,
            "expect": expect,
            "error": error,
            "expect_headers": headers.split() if headers else None,
            "why": why,
        }
        assert all(c["id"] != case["id"] for c in self.cases), case["id"]
        assert not headers or len(case["expect_headers"]) == len(identity), case["id"]
        self.cases.append({k: v for k, v in case.items() if v is not None})

    def text(self) -> str:
        used = {flag for case in self.cases for flag in case["flags"]}
        whole = {
            "format_version": 1,
            "source": "test-vectors/make/make.py",
            "note": self.note,
            "notes": {flag: text for flag, text in FLAGS.items() if flag in used},
            "now": self.now,
            "numberOfCases": len(self.cases),
            "trust_anchor_pem": "".join(a.pem for a in self.anchors),
            "intermediates_pem": "".join(i.pem for i in self.intermediates) or None,
            "crls": list(self.crls) or None,
            "crl_anchor_pem": "".join(a.pem for a in self.crl_anchors) or None,
            "x5u_bodies": self.bodies,
            "cases": self.cases,
        }
        text = json.dumps({k: v for k, v in whole.items() if v is not None}, indent=1, ensure_ascii=False)
        return text.replace("\ufeff", "\\ufeff") + "\n"


def is_exact(now: int, date: int | None, identity: list[str]) -> bool:
    """Whether a minute more or less would change what becomes of the call: a time of it is near
    the edge of the 60 seconds that it may be off."""
    times = [date, *(iat_of(value) for value in identity)]
    return any(t is not None and 10 < abs(now - t) < 110 for t in times)


def iat_of(identity: str) -> int | None:
    try:
        iat = json.loads(passport.unb64(identity.split(".")[1]))["iat"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return iat if type(iat) is int else None
