"""Diverted calls: div and div-o."""

import json

import der
import pki
from passport import DEST, ORIG, Absent, base_claims, bare, canonical, compact, field, header, params, payload, token, typed
from vectorfile import VectorFile

LINK = "RFC 8946 §4.2: each diversion names in div who was called before it, and the PASSporT of that call is there"
TARGET = "RFC 8946 §4.2 step 1: the last diversion leads to where the call goes"
CALLER = "RFC 8946 §4.2 step 3: orig is the same in all PASSporTs of a chain"
SIGNER = "RFC 8946 §4.2 steps 2 and 5: the signer of a diversion has the right to the number in div"
AGE = "RFC 8946 §4.2 step 4: the last diversion is fresh; of those before it, policy decides"
FORM = "RFC 8946 §4.1: div is an object with exactly one number or URI; no diversion from a party to itself"
OPT = "RFC 8946 §3 and §5: opt stands in div-o alone, and holds a PASSporT in full form"
ORDER = "RFC 8946 §3: the order of the headers means nothing"
FIRST, SECOND, THIRD = "12025550150", "12025550151", "12025550152"
TO_FIRST = {"dest": [FIRST], "target": FIRST}
TO_SECOND = {"dest": [SECOND], "target": SECOND}


def build() -> VectorFile:
    f = VectorFile("diversion", "Diverted calls: chains of div, and div-o with what is nested in them. Unless told otherwise To was rewritten, so that only a good chain leads to the called number.")
    chains(f)
    broken(f)
    callers(f)
    signers(f)
    form(f)
    nested(f)
    nested_badly(f)
    return f


def div(by: str, to: str, *, ppt: str = "div", key=None, url: str | None = None, **changes) -> str:
    claims = base_claims(dest={"tn": [to]}, div={"tn": by}, **changes)
    return typed(ppt, claims, key=key) if url is None else typed(ppt, claims, url, key)


def div_o(inner: str, by: str, to: str, **changes) -> str:
    return div(by, to, ppt="div-o", opt=bare(inner), **changes)


def chains(f: VectorFile) -> None:
    good, one, two, three = field(), div(DEST, FIRST), div(FIRST, SECOND), div(SECOND, THIRD)
    f.accept("one", [good, one], "one diversion", LINK, "Diversion", "Basic", **TO_FIRST, headers="accept accept")
    f.accept("one-before", [one, good], "one diversion, its header comes first", ORDER, "Diversion", "Lenience", **TO_FIRST, headers="accept accept")
    f.accept("two", [good, one, two], "two diversions", LINK, "Diversion", "Lenience", **TO_SECOND, headers="accept accept accept")
    for slug, order in [("latest-first", [two, one, good]), ("mixed", [one, good, two]), ("mixed-again", [two, good, one])]:
        f.accept(f"two-{slug}", order, "two diversions, the headers in another order", ORDER, "Diversion", "Lenience", **TO_SECOND, headers="accept accept accept")
    f.accept("three", [three, good, one, two], "three diversions", LINK, "Diversion", "Lenience", dest=[THIRD], target=THIRD, headers="accept accept accept accept")
    f.accept("to-kept", [good, one], "To still has the number that was called first", TARGET, "Diversion", "Lenience", dest=[DEST, FIRST], target=FIRST, headers="accept accept")
    f.accept("dest-two", [good, typed("div", base_claims(dest={"tn": [SECOND, FIRST]}, div={"tn": DEST}))], "diverted to two numbers at once", LINK, "Diversion", "Lenience", **TO_FIRST, headers="accept accept")
    many = field(token(body=payload(dest={"tn": [SECOND, DEST]})))
    f.accept("from-second-dest", [many, one], "two numbers were called, the second one diverted", LINK, "Diversion", "Lenience", **TO_FIRST, headers="accept accept")
    f.accept("hi", [good, typed("div", base_claims(dest={"tn": [FIRST]}, div={"hi": "1.2.1", "tn": DEST}))], "div names an entry of History-Info", "RFC 8946 §8", "Diversion", "Lenience", **TO_FIRST, headers="accept accept")
    f.accept("div-other-member", [good, typed("div", base_claims(dest={"tn": [FIRST]}, div={"tn": DEST, "x": [1]}))], "a member of div that nobody knows", "RFC 8946 §4.1: further members may come", "Diversion", "Lenience", **TO_FIRST, headers="accept accept")
    quoted = field(bare(one), params=';alg=ES256;ppt="div"')
    f.accept("quoted", [good, quoted], "the ppt parameter in quotes, as RFC 8946 writes it", "RFC 8946 §4.1", "Diversion", "Lenience", **TO_FIRST, headers="accept accept")
    rph = typed("rph", base_claims(rph={"auth": ["ets.0"]}))
    f.accept("beside-rph", [good, rph, one], "two PASSporTs of the first call, shaken and rph, and one diversion of both", "RFC 8946 §4.1: one div is enough for several PASSporTs of the same parties", "Diversion", "Priority", "Lenience",
             **TO_FIRST, headers="accept accept accept", resource_priority="ets.0")
    base = typed(None, base_claims())
    f.accept("beside-base", [base, good, one], "shaken and base PASSporT of the first call", LINK, "Diversion", "Base", "Lenience", **TO_FIRST, headers="accept accept accept")
    f.accept("stale-branch", [good, typed("rph", base_claims(iat=pki.NOW - 3600, rph={"auth": ["ets.0"]})), one], "a stale rph of the first call takes only its own branch with it", LINK, "Diversion", "Lenience",
             **TO_FIRST, headers="accept iat-stale accept", resource_priority="ets.0")
    other = field(token(body=payload(dest={"tn": [THIRD]})))
    f.accept("two-chains", [good, one, other, div(THIRD, FIRST)], "two chains that lead to the same number", "RFC 8946 §4.2: each chain is judged", "Diversion", "Lenience", **TO_FIRST, headers="accept accept accept accept")
    f.accept("two-chains-one-wrong", [good, one, other, div(THIRD, SECOND)], "two chains, one of them leads elsewhere", "RFC 8946 §4.2: each chain is judged, one is enough", "Diversion", "Lenience",
             **TO_FIRST, headers="accept accept dest-mismatch div-target-mismatch")
    f.accept("unused", [good, div(FIRST, SECOND)], "no diversion of this call, the div belongs to another one", "RFC 8224 §6.2.1: the shaken PASSporT is for the called number", "Diversion", "Lenience", headers="accept div-chain-incomplete")


def broken(f: VectorFile) -> None:
    good, one, two = field(), div(DEST, FIRST), div(FIRST, SECOND)
    f.reject("alone", one, "shaken-missing", "a diversion without the PASSporT before it", LINK, "Diversion", "Attack", **TO_FIRST, headers="div-chain-incomplete")
    f.reject("none", good, "dest-mismatch", "the call went on and no diversion says so", LINK, "Diversion", **TO_FIRST, headers="dest-mismatch")
    f.reject("middle-missing", [good, two], "dest-mismatch", "the first of two diversions is missing", LINK, "Diversion", "Attack", **TO_SECOND, headers="dest-mismatch div-chain-incomplete")
    f.reject("last-missing", [good, one], "div-target-mismatch", "the second of two diversions is missing", TARGET, "Diversion", "Attack", **TO_SECOND, headers="dest-mismatch div-target-mismatch")
    f.reject("other-target", [good, one], "div-target-mismatch", "the call goes elsewhere", TARGET, "Diversion", "Attack", dest=[THIRD], target=THIRD, headers="dest-mismatch div-target-mismatch")
    f.reject("target-is-div", [good, one], "div-target-mismatch", "the call goes to the number that diverted it, To is a third one", TARGET, "Diversion", "Attack", dest=[THIRD], target=DEST, headers="dest-mismatch div-target-mismatch")
    f.reject("to-only", [good, one], "div-target-mismatch", "To has the target of the diversion, the Request-URI another number", TARGET, "Diversion", "Attack", dest=[FIRST], target=THIRD, headers="dest-mismatch div-target-mismatch")
    f.reject("loop", [good, div(FIRST, SECOND), div(SECOND, FIRST)], "dest-mismatch", "two diversions that only refer to each other", LINK, "Diversion", "Attack", **TO_FIRST, headers="dest-mismatch div-chain-incomplete div-chain-incomplete")
    f.reject("loop-alone", [div(FIRST, SECOND), div(SECOND, FIRST)], "shaken-missing", "two diversions that only refer to each other, and nothing else", LINK, "Diversion", "Attack", **TO_FIRST, headers="div-chain-incomplete div-chain-incomplete")
    f.reject("loop-of-three", [good, div(FIRST, SECOND), div(SECOND, THIRD), div(THIRD, FIRST)], "dest-mismatch", "three diversions in a circle", LINK, "Diversion", "Attack", **TO_FIRST,
             headers="dest-mismatch div-chain-incomplete div-chain-incomplete div-chain-incomplete")
    unknown = typed("example", base_claims())
    f.reject("after-unknown-type", [unknown, one], "shaken-missing", "a diversion of a PASSporT of unknown type", "RFC 8946 §4.2: a chain whose first PASSporT is of an unknown type is ignored", "Diversion", **TO_FIRST, headers="ppt-unsupported div-chain-unsupported")
    f.accept("after-both", [unknown, good, one], "a diversion of a shaken PASSporT and of one of unknown type", "RFC 8946 §4.2: only the branch of the unknown one is ignored", "Diversion", "Lenience", **TO_FIRST, headers="ppt-unsupported accept accept")
    f.reject("after-base", [typed(None, base_claims()), one], "shaken-missing", "a good chain from a base PASSporT", "RFC 8588 §1: only shaken speaks for the right to the number", "Diversion", "Base", **TO_FIRST, headers="accept accept")
    f.reject("by-called-number-of-nobody", [good, div("12025550188", FIRST)], "dest-mismatch", "a number that was never called diverts", LINK, "Diversion", "Attack", **TO_FIRST, headers="dest-mismatch div-chain-incomplete")
    typing_error = div("120255501870", FIRST)
    f.reject("by-12-digits", [good, typing_error], "dest-mismatch", "div has a digit too many, as the chain that RFC 8946 prints", LINK, "Diversion", **TO_FIRST, headers="dest-mismatch div-chain-incomplete")


def callers(f: VectorFile) -> None:
    good = field()
    other = {"orig": {"tn": "12025550102"}}
    f.reject("other-orig", [good, div(DEST, FIRST, **other)], "div-orig-mismatch", "the diversion names another caller", CALLER, "Diversion", "Attack", **TO_FIRST, headers="dest-mismatch orig-mismatch")
    f.reject("other-orig-below", [field(token(body=payload(**other))), div(DEST, FIRST)], "orig-mismatch", "the PASSporT before the diversion is of another caller", CALLER, "Diversion", "Attack", **TO_FIRST, headers="orig-mismatch div-orig-mismatch")
    f.reject("other-orig-between", [good, div(DEST, FIRST, **other), div(FIRST, SECOND)], "div-orig-mismatch", "the first of two diversions names another caller", CALLER, "Diversion", "Attack", **TO_SECOND,
             headers="dest-mismatch orig-mismatch div-orig-mismatch")
    f.reject("other-caller", [good, div(DEST, FIRST)], "orig-mismatch", "a good chain of another caller", CALLER, "Diversion", "Attack", orig="12025550103", **TO_FIRST, headers="orig-mismatch orig-mismatch")
    f.accept("chain-of-another-caller", [good, div(DEST, FIRST), field(token(body=payload(**other))), div(DEST, FIRST, **other)], "a good chain, and one of another caller", "RFC 8946 §4.2: each chain is judged", "Diversion", "Lenience",
             **TO_FIRST, headers="accept accept orig-mismatch orig-mismatch")
    f.reject("stale-div", [good, div(DEST, FIRST, iat=pki.NOW - 3600)], "iat-stale", "the diversion is an hour old", AGE, "Diversion", "Freshness", "Attack", **TO_FIRST, headers="dest-mismatch iat-stale")
    f.reject("div-ahead", [good, div(DEST, FIRST, iat=pki.NOW + 3600)], "iat-future", "the diversion is an hour ahead", AGE, "Diversion", "Freshness", **TO_FIRST, headers="dest-mismatch iat-future")
    old = field(token(body=payload(iat=pki.NOW - 1800)))
    f.policy("transfer", [old, div(DEST, FIRST)], "the first PASSporT is half an hour old, as after a transfer", AGE + ", up to some three hours", "Diversion", "Freshness", **TO_FIRST)
    days = field(token(body=payload(iat=pki.NOW - 86_400)))
    f.reject("replayed", [days, div(DEST, FIRST)], "iat-stale", "the first PASSporT is a day old", AGE, "Diversion", "Freshness", "Attack", **TO_FIRST, headers="iat-stale iat-stale")


def signers(f: VectorFile) -> None:
    good, attacker = field(), pki.p256("attacker")
    f.reject("forged", [good, div(DEST, FIRST, key=attacker)], "signature-invalid", "another key signed the diversion", SIGNER, "Diversion", "Attack", **TO_FIRST, headers="accept signature-invalid")
    f.reject("forged-between", [good, div(DEST, FIRST, key=attacker), div(FIRST, SECOND)], "signature-invalid", "another key signed the first of two diversions", SIGNER, "Diversion", "Attack", **TO_SECOND, headers="accept signature-invalid accept")
    f.reject("forged-below", [field(token(key=attacker)), div(DEST, FIRST)], "signature-invalid", "another key signed the PASSporT before the diversion", SIGNER, "Diversion", "Attack", **TO_FIRST, headers="signature-invalid accept")
    f.accept("forged-beside", [good, div(DEST, FIRST), div(DEST, FIRST, key=attacker)], "a good chain, and the same diversion signed by another key", "RFC 8946 §4.2: each chain is judged", "Diversion", "Lenience", **TO_FIRST, headers="accept accept signature-invalid")

    def by(slug: str, numbers: bytes, **changes) -> str:
        made = pki.leaf(f"div by {slug}", pki.ISSUING, numbers=numbers)
        url = f.body(f"https://cr.example.net/diversion/{slug}.pem", made, pki.ISSUING)
        return div(DEST, FIRST, url=url, key=made.key, **changes)

    listed = der.tn_auth_list(der.one(DEST))
    f.accept("own-number", [good, by("own-number", listed)], "the certificate of the diversion lists the number that diverts, not the caller's", SIGNER, "Diversion", "Authority", "Lenience", **TO_FIRST, headers="accept accept")
    f.accept("own-range", [good, by("own-range", der.tn_auth_list(der.tn_range("12025550180", 10)))], "the certificate lists a range with the number that diverts", SIGNER, "Diversion", "Authority", "Lenience", **TO_FIRST, headers="accept accept")
    f.reject("callers-number", [good, by("callers-number", der.tn_auth_list(der.one(ORIG)))], "tn-not-authorized", "the certificate of the diversion lists the caller's number only", SIGNER, "Diversion", "Authority", "Attack", **TO_FIRST, headers="accept tn-not-authorized")
    f.reject("targets-number", [good, by("targets-number", der.tn_auth_list(der.one(FIRST)))], "tn-not-authorized", "the certificate lists the number that the call was diverted to", SIGNER, "Diversion", "Authority", "Attack", **TO_FIRST, headers="accept tn-not-authorized")
    ended = pki.leaf("div by ended", pki.ISSUING, valid=(pki.NOW - 60 * pki.DAY, pki.NOW - pki.DAY))
    url = f.body("https://cr.example.net/diversion/ended.pem", ended, pki.ISSUING)
    f.reject("expired", [good, div(DEST, FIRST, url=url, key=ended.key)], "cert-expired", "the certificate of the diversion has ended", SIGNER, "Diversion", "Validity", **TO_FIRST, headers="accept cert-expired")
    f.reject("no-certificate", [good, div(DEST, FIRST, url="https://cr.example.net/diversion/none.pem")], "fetch-status", "the certificate of the diversion is not there", SIGNER, "Diversion", **TO_FIRST, headers="accept fetch-status")


def form(f: VectorFile) -> None:
    good = field()

    def bad(slug: str, claims: dict | str, error: str, why: str, rule: str = FORM, ppt: str = "div") -> None:
        made = typed(ppt, claims)
        f.reject(slug, [good, made], "dest-mismatch", why, rule, "Diversion", **TO_FIRST, headers=f"dest-mismatch {error}")

    for slug, value, error, why in [
        ("div-missing", Absent, "claim-missing", "no div"),
        ("div-string", DEST, "claim-type", "div is a string"),
        ("div-array", {"tn": [DEST]}, "claim-type", "div holds an array"),
        ("div-empty", {}, "claim-type", "div is empty"),
        ("div-both", {"tn": DEST, "uri": "sip:alice@example.com"}, "claim-type", "div has a number and a URI"),
        ("div-plus", {"tn": f"+{DEST}"}, "tn-not-canonical", "div has a plus sign"),
        ("div-hi-number", {"hi": 1, "tn": DEST}, "claim-type", "hi is a number"),
    ]:
        bad(slug, base_claims(dest={"tn": [FIRST]}, div=value), error, why)
    bad("unchanged", base_claims(dest={"tn": [FIRST, DEST]}, div={"tn": DEST}), "div-unchanged", "the number that diverts is a target too")
    f.reject("to-itself", [good, div(DEST, DEST)], "dest-mismatch", "a diversion from a number to itself", FORM, "Diversion", "Attack", **TO_FIRST, headers="dest-mismatch div-unchanged")
    f.accept("to-itself-beside", [good, div(DEST, FIRST), div(DEST, DEST)], "a good chain, and a diversion from a number to itself", "RFC 8946 §4.2: it is refused, and the chain stands without it", "Diversion", "Lenience", **TO_FIRST, headers="accept accept div-unchanged")
    bad("opt-in-div", base_claims(dest={"tn": [FIRST]}, div={"tn": DEST}, opt=bare(good)), "opt-unexpected", "a div with opt", OPT)
    bad("opt-missing", base_claims(dest={"tn": [FIRST]}, div={"tn": DEST}), "claim-missing", "a div-o without opt", OPT, "div-o")
    made = typed("div", base_claims(dest={"tn": [FIRST]}, div={"tn": DEST}))
    f.reject("stated-shaken", [good, field(bare(made))], None, "the ppt parameter of the diversion says shaken", "RFC 8224 §4.1: parameter and token name one type", "Diversion", "Attack", **TO_FIRST, headers="dest-mismatch ppt-mismatch")
    f.reject("info-changed", [good, field(bare(made), "https://cr.example.net/test/other.pem", params("div"))], "dest-mismatch", "info of the diversion is another URL", "RFC 8224 §4.1: x5u and info are equal", "Diversion", "Attack", **TO_FIRST,
             headers="dest-mismatch x5u-info-mismatch")
    f.reject("compact", [good, compact("div", base_claims(dest={"tn": [FIRST]}, div={"tn": DEST}))], "dest-mismatch", "a div in compact form", "RFC 8946 §3: full form only", "Diversion", "CompactForm", **TO_FIRST, date=pki.NOW, headers="dest-mismatch compact-form")
    f.reject("as-shaken", field(token(header(), payload(dest={"tn": [FIRST]}, div={"tn": DEST}), pki.p256("attacker"))), "signature-invalid", "a forged shaken with the claim div", SIGNER, "Diversion", "Attack", **TO_FIRST, headers="signature-invalid")


def nested(f: VectorFile) -> None:
    good = field()
    inner = good
    hops = [DEST, FIRST, SECOND, THIRD, "12025550153", "12025550154", "12025550155", "12025550156"]
    for depth in range(1, 8):
        inner = div_o(inner, hops[depth - 1], hops[depth])
        if depth in (1, 2, 3, 7):
            why = "a div-o around the shaken PASSporT" if depth == 1 else f"{depth} div-o in each other around the shaken PASSporT"
            f.accept(f"nested-{depth}", inner, why, "RFC 8946 §5.1: verified from the outside in", "Nested", *(["Lenience"] if depth < 7 else ["Limit"]), dest=[hops[depth]], target=hops[depth], headers="accept")
    f.accept("nested-beside", [good, div_o(good, DEST, FIRST)], "the shaken PASSporT, and a div-o around it", "RFC 8946 §5.1", "Nested", "Lenience", dest=[DEST, FIRST], target=FIRST, headers="accept accept")
    f.accept("nested-under-div", [div_o(good, DEST, FIRST), div(FIRST, SECOND)], "a div-o, and a div that goes on from it", "RFC 8946 §4.2 and §5.1", "Nested", "Diversion", "Lenience", **TO_SECOND, headers="accept accept")
    f.accept("nested-hi", typed("div-o", base_claims(dest={"tn": [FIRST]}, div={"hi": "1.1", "tn": DEST}, opt=bare(good))), "div of a div-o names an entry of History-Info", "RFC 8946 §8", "Nested", "Lenience", **TO_FIRST, headers="accept")


def nested_badly(f: VectorFile) -> None:
    good, attacker = field(), pki.p256("attacker")
    recursive = "RFC 8946 §5.1: every nested PASSporT is verified as if it stood alone"
    f.reject("nested-other-target", div_o(good, DEST, FIRST), "div-target-mismatch", "the call goes elsewhere", TARGET, "Nested", "Attack", **TO_SECOND, headers="div-target-mismatch")
    f.reject("nested-forged", div_o(good, DEST, FIRST, key=attacker), "signature-invalid", "another key signed the div-o", SIGNER, "Nested", "Attack", **TO_FIRST, headers="signature-invalid")
    f.reject("nested-forged-inside", div_o(field(token(key=attacker)), DEST, FIRST), "signature-invalid", "another key signed the nested PASSporT", recursive, "Nested", "Attack", **TO_FIRST, headers="accept")
    f.reject("nested-other-orig", div_o(field(token(body=payload(orig={"tn": "12025550102"}))), DEST, FIRST), "orig-mismatch", "the nested PASSporT is of another caller", CALLER, "Nested", "Attack", **TO_FIRST, headers="div-orig-mismatch")
    f.reject("nested-other-dest", div_o(good, SECOND, FIRST), None, "the nested PASSporT is not for the number that diverts", LINK, "Nested", "Attack", **TO_FIRST, headers="div-chain-incomplete")
    f.reject("nested-stale", div_o(field(token(body=payload(iat=pki.NOW - 86_400))), DEST, FIRST), "iat-stale", "the nested PASSporT is a day old", AGE, "Nested", "Attack", **TO_FIRST, headers="iat-stale")
    f.reject("nested-unknown-type", div_o(typed("example", base_claims()), DEST, FIRST), None, "a PASSporT of unknown type is nested", "RFC 8946 §4.2: its chain is ignored", "Nested", **TO_FIRST, headers="div-chain-unsupported")
    f.reject("nested-base", div_o(typed(None, base_claims()), DEST, FIRST), "shaken-missing", "a base PASSporT is nested", "RFC 8588 §1: only shaken speaks for the right to the number", "Nested", "Base", **TO_FIRST, headers="accept")
    f.reject("nested-not-alone", [good, div_o(typed(None, base_claims()), DEST, FIRST)], "dest-mismatch", "a div-o around a base PASSporT vouches for no other one", "RFC 8946 §5: a div-o is about the PASSporT in it", "Nested", "Attack", **TO_FIRST, headers="dest-mismatch accept")
    for slug, opt, why in [
        ("compact", bare(compact(None, base_claims())), "a PASSporT in compact form"),
        ("two-segments", ".".join(bare(good).split(".")[:2]), "two segments"),
        ("four-segments", bare(good) + ".x", "four segments"),
        ("empty", "", "nothing"),
        ("no-string", {"tn": DEST}, "an object"),
        ("null", None, "null"),
    ]:
        made = typed("div-o", base_claims(dest={"tn": [FIRST]}, div={"tn": DEST}, opt=opt))
        f.reject(f"opt-{slug}", made, "shaken-missing", f"opt holds {why}", OPT, "Nested", **TO_FIRST, headers="opt-invalid")
    escaped = canonical(base_claims(dest={"tn": [FIRST]}, div={"tn": DEST}, opt="@")).replace("@", "\\u002e".join(bare(good).split(".")))
    assert json.loads(escaped)["opt"] == bare(good)
    f.policy("opt-escaped", typed("div-o", escaped), "the dots of the nested PASSporT are escaped in the JSON text", "RFC 8946 §5 says a string; RFC 8225 §9 has no escapes that are not needed", "Nested", "Json", **TO_FIRST)
    garbage = typed("div-o", base_claims(dest={"tn": [FIRST]}, div={"tn": DEST}, opt="a.b.c"))
    f.reject("opt-garbage", garbage, None, "opt holds three letters between dots", OPT, "Nested", **TO_FIRST, headers="div-chain-incomplete")
    inner = good
    for n in range(4):
        inner = div_o(inner, [DEST, FIRST, SECOND, THIRD][n], [FIRST, SECOND, THIRD, "12025550153"][n])
    f.reject("nested-fifteen", [inner] * 3, "shaken-missing", "three headers with five PASSporTs in each", "no standard sets a limit; the work must have one", "Nested", "Limit", dest=["12025550153"], target="12025550153", headers="div-o-too-deep div-o-too-deep div-o-too-deep")
