"""A shaken PASSporT beside others: of every type, of none, forged, and too many."""

import pki
from passport import DEST, LEAF_URL, base_claims, field, header, params, payload, token, typed
from vectorfile import VectorFile

ONE = "RFC 8224 §6.2.1: one good header is enough"
UNKNOWN = "RFC 8224 §6.2 step 1: a header of an unknown type is ignored"
ALONE = "RFC 8588 §1 and RFC 8224 §6.2.2: none of the headers is a shaken PASSporT; 428"
LIMIT = "no standard sets a limit; the work must have one"


def build() -> VectorFile:
    f = VectorFile("several-types", "Headers of several types in one call.")
    good, attacker = field(), pki.p256("attacker")
    own = {
        "base": (None, {}, {}),
        "rph": ("rph", {"rph": {"auth": ["ets.0"]}}, {"resource_priority": "ets.0"}),
        "rcd": ("rcd", {"rcd": {"nam": "Example Telecom"}}, {}),
        "msg": ("msg", {}, {}),
    }
    every = [typed(ppt, base_claims(**claims)) for ppt, claims, _ in own.values()]
    for name, (ppt, claims, call) in own.items():
        made = typed(ppt, base_claims(**claims))
        other = typed(ppt, base_claims(**claims), key=attacker)
        f.accept(f"{name}-after", [good, made], f"shaken, then {name}", ONE, "SeveralTypes", "Lenience", headers="accept accept", **call)
        f.accept(f"{name}-before", [made, good], f"{name}, then shaken", ONE, "SeveralTypes", "Lenience", headers="accept accept", **call)
        f.accept(f"{name}-forged-beside", [other, good], f"a forged {name}, then shaken", ONE, "SeveralTypes", "Lenience", headers="signature-invalid accept", **call)
        f.reject(f"{name}-and-forged", [made, field(token(key=attacker))], "signature-invalid", f"a good {name} and a forged shaken", ONE, "SeveralTypes", "Attack", headers="accept signature-invalid", **call)
        f.reject(f"{name}-alone", made, "shaken-missing", f"{name} alone", ALONE, "SeveralTypes", headers="accept", **call)
        f.reject(f"{name}-and-unknown", [typed("example", base_claims()), made], "shaken-missing", f"an unknown type and {name}", ALONE, "SeveralTypes", headers="ppt-unsupported accept", **call)
        f.reject(f"{name}-as-shaken", typed("shaken", base_claims(**claims)), "claim-missing", f"the claims of {name} in a token that says shaken", "RFC 8588 §4 and §5: attest and origid are there", "SeveralTypes", "Attack", headers="claim-missing", **call)
    f.accept("all", [*every, good], "one of every type that can stand alone, and shaken", ONE, "SeveralTypes", "Lenience", headers="accept accept accept accept accept", resource_priority="ets.0")
    f.reject("all-but-shaken", every, "shaken-missing", "one of every type that can stand alone, but no shaken", ALONE, "SeveralTypes", headers="accept accept accept accept", resource_priority="ets.0")
    diverted = typed("div", base_claims(dest={"tn": ["12025550150"]}, div={"tn": DEST}))
    f.accept("all-diverted", [*every, good, diverted], "one of every type, and a diversion of them all", "RFC 8946 §4.1", "SeveralTypes", "Diversion", "Lenience", dest=["12025550150"], target="12025550150",
             headers="accept accept accept accept accept accept", resource_priority="ets.0")
    for ppt in ["example", "SHAKEN", "shaken2", "msec", "ppi"]:
        made = field(token(header(ppt=ppt), payload()), params=params(ppt))
        if ppt != "SHAKEN":
            f.reject(f"unknown-{ppt}", made, "ppt-unsupported", f"the unknown type {ppt} alone", UNKNOWN, "SeveralTypes", headers="ppt-unsupported")
        f.accept(f"unknown-{ppt.lower()}-beside" if ppt != "SHAKEN" else "capitals-beside", [made, good], f"a token of type {ppt}, then shaken", UNKNOWN, "SeveralTypes", "Lenience",
                 headers=f"{'ppt-mismatch' if ppt == 'SHAKEN' else 'ppt-unsupported'} accept")
    unknown = typed("example", base_claims())
    f.accept("unknown-forged", [typed("example", base_claims(), key=attacker), good], "a forged token of unknown type, then shaken", UNKNOWN, "SeveralTypes", "Lenience", headers="ppt-unsupported accept")
    f.reject("unknown-twice", [unknown, unknown], "ppt-unsupported", "two tokens of unknown type", UNKNOWN, "SeveralTypes", headers="ppt-unsupported ppt-unsupported")
    f.accept("garbage", ["garbage", good], "no PASSporT at all, then shaken", ONE, "SeveralTypes", "Lenience", headers="info-missing accept")
    for slug, kind in [("stale", payload(iat=pki.NOW - 3600)), ("other-caller", payload(orig={"tn": "12025550102"})), ("other-called", payload(dest={"tn": ["12025550102"]}))]:
        error = {"stale": "iat-stale", "other-caller": "orig-mismatch", "other-called": "dest-mismatch"}[slug]
        f.accept(f"shaken-{slug}", [field(token(body=kind)), good], f"a shaken PASSporT with a fault ({error}), then a good one", ONE, "SeveralTypes", "Lenience", headers=f"{error} accept")
        f.reject(f"shaken-{slug}-and-base", [field(token(body=kind)), typed(None, base_claims())], error, f"a shaken PASSporT with a fault ({error}) and a good base one", ONE, "SeveralTypes", "Attack", headers=f"{error} accept")
    f.policy("shaken-forged", [good, field(token(key=attacker))], "a good shaken PASSporT and a forged one", ONE + "; deployed verifiers report a failure if any shaken is forged", "SeveralTypes", headers="accept signature-invalid")
    alone = pki.leaf("several types, self-signed", None)
    url = f.body("https://cr.example.net/several-types/self-signed.pem", alone)
    f.policy("shaken-untrusted", [good, field(token(header(url), key=alone.key), url)], "a good shaken PASSporT and one of an untrusted certificate", ONE + "; deployed verifiers report a failure if any shaken is forged", "SeveralTypes", headers="accept cert-untrusted")
    f.accept("shaken-no-certificate", [good, field(token(header(LEAF_URL + "2")), LEAF_URL + "2")], "a good shaken PASSporT and one whose certificate is not there", ONE, "SeveralTypes", "Lenience", headers="accept fetch-status")
    f.reject("forged-and-stale", [field(token(body=payload(iat=pki.NOW - 3600))), field(token(key=attacker))], "signature-invalid", "a stale and a forged shaken PASSporT", ONE + "; a wrong signature says more", "SeveralTypes", "Attack", headers="iat-stale signature-invalid")

    f.accept("eight", [unknown] * 7 + [good], "eight headers, the last is shaken", LIMIT, "SeveralTypes", "Limit", headers="ppt-unsupported " * 7 + "accept")
    f.reject("nine", [good] + [unknown] * 8, "too-many-identity-headers", "nine headers", LIMIT, "SeveralTypes", "Limit")
    large = field() + ";x=" + "a" * 23_000
    f.accept("large", [large, large], "two headers of 23 KB", LIMIT, "SeveralTypes", "Limit", headers="accept accept")
    f.reject("larger", [large, large, large], "identity-total-too-large", "three headers of 23 KB, more than 64 KB in all", LIMIT, "SeveralTypes", "Limit")
    f.reject("one-too-large", field() + ";x=" + "a" * 25_000, "identity-too-large", "a header of 25 KB", LIMIT, "SeveralTypes", "Limit", headers="identity-too-large")
    return f
