"""Priority in the network: rph and sph."""

import pki
from passport import Absent, base_claims, bare, field, payload, token, typed
from vectorfile import VectorFile

VALUES = "RFC 8443 §4: auth lists the r-values that the caller may use; RFC 4412 §3.1: names in any case"
MATCH = "RFC 8443 §4 and RFC 9027 §3: every r-value of its namespaces in Resource-Priority stands in the claim"
FORM = "RFC 8443 §4: rph is an object, auth in it an array of r-values"
SPH = "RFC 9027 §4: sph is psap-callback, beside an r-value of esnet, and in Priority too"
NEVER = "RFC 8443 §5 and ATIS-1000098: priority is not granted, and the call itself is not touched"


def build() -> VectorFile:
    f = VectorFile("priority", "PASSporTs of type rph beside a shaken one. A bad one costs the call its priority, not its verification.")
    good = field()

    def rph(*auth: str, **changes) -> str:
        return typed("rph", base_claims(rph={"auth": list(auth)}, **changes))

    def fine(slug: str, value: str, why: str, rule: str, *flags: str, **call) -> None:
        f.accept(slug, [good, value], why, rule, "Priority", *(flags or ["Lenience"]), headers="accept accept", **call)

    def bad(slug: str, value: str, error: str, why: str, rule: str, *flags: str, **call) -> None:
        f.accept(f"beside-{slug}", [good, value], f"beside a good shaken PASSporT: {why}", NEVER, "Priority", "Lenience", headers=f"accept {error}", **call)
        f.reject(slug, value, "shaken-missing", why, rule, "Priority", *flags, headers=error, **call)

    fine("ets", rph("ets.0"), "the one r-value of the request", VALUES, "Basic", resource_priority="ets.0")
    fine("two", rph("ets.0", "wps.1"), "two r-values", VALUES, resource_priority="wps.1, ets.0")
    fine("more-than-asked", rph("ets.0", "ets.1"), "the claim has more than the request asks for", MATCH, resource_priority="ets.1")
    fine("other-namespace", rph("ets.0"), "the request has a value of a namespace that the claim does not speak of", MATCH, resource_priority="ets.0,q735.3")
    fine("case", rph("ETS.0"), "the names differ in case", VALUES, resource_priority="ets.0")
    fine("white-space", rph("wps.0"), "white space around the value", VALUES, resource_priority="  wps.0 ")
    fine("not-compared", rph("ets.0"), "nothing is known of Resource-Priority", "RFC 8443 §4: the claim is good in itself")
    fine("other-kind", typed("rph", base_claims(rph={"auth": ["ets.0"], "x": 1})), "a kind beside auth that nobody knows", FORM, resource_priority="ets.0")
    f.accept("before", [rph("ets.0"), good], "the rph comes first", "RFC 8224 §6.2.1", "Priority", "Lenience", headers="accept accept", resource_priority="ets.0")
    f.reject("alone", rph("ets.0"), "shaken-missing", "a good rph alone", "RFC 8588 §1: only shaken speaks for the right to the number", "Priority", headers="accept", resource_priority="ets.0")

    bad("other-priority", rph("ets.1"), "rph-mismatch", "the request asks for a higher priority of the same namespace", MATCH, "Attack", resource_priority="ets.0")
    bad("one-of-two", rph("ets.0"), "rph-mismatch", "the request has a second value of the namespace", MATCH, "Attack", resource_priority="ets.0,ets.1")
    bad("no-header", rph("ets.0"), "rph-mismatch", "the request has no Resource-Priority", "RFC 8443 §7.1: only in a request with Resource-Priority", resource_priority="")
    bad("all-other", rph("ets.0"), "rph-mismatch", "the request has another namespace only", MATCH, "Attack", resource_priority="wps.0")
    bad("forged", typed("rph", base_claims(rph={"auth": ["ets.0"]}), key=pki.p256("attacker")), "signature-invalid", "another key signed the rph", "RFC 8443 §4", "Attack", resource_priority="ets.0")
    bad("stale", rph("ets.0", iat=pki.NOW - 3600), "iat-stale", "an rph of an hour ago", "RFC 8443 §4: iat is verified", "Attack", resource_priority="ets.0")
    bad("other-caller", rph("ets.0", orig={"tn": "12025550102"}), "orig-mismatch", "an rph of another caller", "RFC 8224 §6.2.4", "Attack", resource_priority="ets.0")
    bad("other-called", rph("ets.0", dest={"tn": ["12025550102"]}), "dest-mismatch", "an rph for another called number", "RFC 8224 §6.2", "Attack", resource_priority="ets.0")
    for slug, value, error, why in [
        ("missing", Absent, "claim-missing", "no rph"),
        ("array", ["ets.0"], "claim-type", "rph is an array"),
        ("no-auth", {}, "claim-type", "rph is empty"),
        ("auth-string", {"auth": "ets.0"}, "claim-type", "auth is a string"),
        ("auth-empty", {"auth": []}, "claim-type", "auth is empty"),
        ("auth-number", {"auth": [0]}, "claim-type", "auth holds a number"),
        ("no-dot", {"auth": ["ets0"]}, "claim-type", "an r-value without dot"),
        ("two-dots", {"auth": ["ets.0.1"]}, "claim-type", "an r-value with two dots"),
        ("empty-part", {"auth": ["ets."]}, "claim-type", "an r-value that ends with its dot"),
        ("space", {"auth": ["ets.0 "]}, "claim-type", "an r-value with a space"),
    ]:
        bad(f"rph-{slug}", typed("rph", base_claims(rph=value)), error, why, FORM, resource_priority="ets.0")

    emergency = {"dest": {"uri": ["urn:service:sos"]}}
    shaken_sos = field(token(body=payload(**emergency)))
    f.accept("emergency", [shaken_sos, rph("esnet.1", **emergency)], "a call to the emergency service", "RFC 9027 §3", "Priority", "Uri", "Lenience", dest=[], dest_uri=["urn:service:sos"], headers="accept accept", resource_priority="esnet.1")
    shaken_911 = field(token(body=payload(dest={"tn": ["911"]})))
    f.accept("emergency-number", [shaken_911, rph("esnet.1", dest={"tn": ["911"]})], "a call to the emergency number", "RFC 9027 §3", "Priority", "Lenience", dest=["911"], headers="accept accept", resource_priority="esnet.1")
    callback = rph("esnet.0", sph="psap-callback")
    fine("callback", callback, "a call back from an emergency centre", SPH, resource_priority="esnet.0", priority="psap-callback")
    fine("callback-case", callback, "Priority in capitals", SPH + "; header values of RFC 3261 §20.26 are tokens", resource_priority="esnet.0", priority="PSAP-Callback")
    fine("callback-two-values", rph("ets.0", "esnet.0", sph="psap-callback"), "an r-value of esnet among others", SPH, resource_priority="esnet.0", priority="psap-callback")
    bad("callback-no-priority", callback, "sph-invalid", "the request has no Priority", SPH, resource_priority="esnet.0")
    bad("callback-other-priority", callback, "sph-invalid", "Priority says something else", SPH, "Attack", resource_priority="esnet.0", priority="emergency")
    bad("callback-other-value", rph("esnet.0", sph="callback"), "sph-invalid", "sph has another value", SPH, resource_priority="esnet.0", priority="callback")
    bad("callback-capitals", rph("esnet.0", sph="PSAP-Callback"), "sph-invalid", "sph is in capitals", SPH + "; claims are compared exactly", resource_priority="esnet.0", priority="psap-callback")
    bad("callback-no-string", rph("esnet.0", sph=True), "sph-invalid", "sph is true", SPH, resource_priority="esnet.0", priority="psap-callback")
    bad("callback-no-esnet", rph("ets.0", sph="psap-callback"), "sph-invalid", "sph without an r-value of esnet", SPH, "Attack", resource_priority="ets.0", priority="psap-callback")
    bad("callback-esnet-prefix", rph("esnetx.0", sph="psap-callback"), "sph-invalid", "sph beside a namespace that only starts with esnet", SPH, "Attack", resource_priority="esnetx.0", priority="psap-callback")
    f.accept("sph-in-shaken", field(token(body=payload(sph="psap-callback"))), "sph in a shaken PASSporT", "RFC 8225 §8.3: claims beyond those of the type are ignored", "Priority", "Lenience", headers="accept")
    f.reject("stated-shaken", field(bare(rph("ets.0"))), "ppt-mismatch", "an rph whose parameter says shaken", "RFC 8224 §4.1: parameter and token name one type", "Priority", "Attack", headers="ppt-mismatch", resource_priority="ets.0")
    return f
