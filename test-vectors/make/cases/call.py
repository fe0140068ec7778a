"""The numbers of the token against those of the call, and the clock."""

import pki
from pki import NOW
from passport import DEST, ORIG, field, payload, token
from vectorfile import VectorFile

CALL = "RFC 8224 §6.2.4 and §12.1: the caller is who the SIP request says, and orig must equal that"
CALLED = "RFC 8224 §6.2 and §12.1: a dest of the token is the called number, or the token was made for another call"
FRESH = "RFC 8224 §6.2 step 4 and §12.1: iat within 60 seconds of now, before and after"
DATE = "RFC 8224 §6.2 step 4 and §12.1: a request with an outdated Date is not valid, whatever iat says"


def build() -> VectorFile:
    f = VectorFile("call", "A sound token against the call: numbers, Date and the clock.")
    numbers(f)
    clock(f)
    return f


def numbers(f: VectorFile) -> None:
    f.accept("same", field(), "orig and dest are those of the call", CALL, "Basic")
    many = [str(12025550100 + n) for n in range(20)]
    f.accept("dest-last-of-20", field(token(body=payload(dest={"tn": [*many, DEST]}))), "the called number is the last of 21", CALLED, "Lenience")
    f.accept("dest-repeated", field(token(body=payload(dest={"tn": [DEST, DEST]}))), "the called number stands twice in dest", CALLED, "Lenience")
    f.accept("called-two-first", field(), "the call offers two called numbers (To and Request-URI), dest is the first", CALLED, "Lenience", dest=[DEST, "12025550100"])
    f.accept("called-two-second", field(), "the call offers two called numbers (To and Request-URI), dest is the second", CALLED, "Lenience", dest=["12025550100", DEST])
    f.accept("self", field(token(body=payload(dest={"tn": [ORIG]}))), "a call to the caller's own number", CALLED, "Lenience", dest=[ORIG])
    for slug, caller, why in [
        ("other", "12025550102", "another number"),
        ("longer", ORIG + "0", "a number that starts with orig"),
        ("shorter", ORIG[:-1], "a number that orig starts with"),
        ("no-country-code", ORIG[1:], "orig without country code"),
        ("leading-zeros", "00" + ORIG, "orig after an international prefix"),
        ("first-digit", "2" + ORIG[1:], "a number that differs in the first digit"),
        ("star", "*67" + ORIG, "orig after a service code"),
    ]:
        f.reject(f"orig-{slug}", field(), "orig-mismatch", f"the caller is {why}", CALL, "Mismatch", "Attack", orig=caller)
    f.reject("orig-is-dest", field(), "orig-mismatch", "caller and called number are exchanged", CALL, "Mismatch", "Attack", orig=DEST, dest=[ORIG])
    f.reject("orig-uri", field(token(body=payload(orig={"uri": f"sip:{ORIG}@example.com"}))), "orig-mismatch", "orig is a URI, the caller a number", CALL, "Mismatch")
    for slug, called, why in [
        ("other", "12025550188", "another number"),
        ("longer", DEST + "0", "a number that starts with dest"),
        ("shorter", DEST[:-1], "a number that dest starts with"),
        ("no-country-code", DEST[1:], "dest without country code"),
        ("is-orig", ORIG, "the calling number"),
    ]:
        f.reject(f"dest-{slug}", field(), "dest-mismatch", f"the called number is {why}", CALLED, "Mismatch", "Attack", dest=[called])
    f.reject("dest-none-of-three", field(token(body=payload(dest={"tn": many[:3]}))), "dest-mismatch", "none of three is called", CALLED, "Mismatch", "Attack")
    f.reject("called-none-of-two", field(), "dest-mismatch", "the call offers two called numbers, dest is neither", CALLED, "Mismatch", "Attack", dest=["12025550100", "12025550102"])
    f.reject("dest-uri", field(token(body=payload(dest={"uri": [f"sip:{DEST}@example.com"]}))), "dest-mismatch", "dest has a URI only, a number is called", CALLED, "Mismatch")


def clock(f: VectorFile) -> None:
    def at(iat: int) -> str:
        return field(token(body=payload(iat=iat)))

    for slug, iat, why in [("now", NOW, "made now"), ("60-old", NOW - 60, "60 s old"), ("30-old", NOW - 30, "30 s old"), ("60-ahead", NOW + 60, "60 s ahead")]:
        f.accept(f"iat-{slug}", at(iat), why, FRESH, "Basic" if slug == "now" else "Lenience", "Freshness")
    for slug, iat, error, why in [
        ("61-old", NOW - 61, "iat-stale", "61 s old"),
        ("day-old", NOW - 86_400, "iat-stale", "a day old"),
        ("zero", 0, "iat-stale", "zero"),
        ("61-ahead", NOW + 61, "iat-future", "61 s ahead"),
        ("year-ahead", NOW + 365 * 86_400, "iat-future", "a year ahead, so fresh for a year"),
        ("milliseconds", NOW * 1000, "iat-future", "in milliseconds"),
    ]:
        f.reject(f"iat-{slug}", at(iat), error, f"iat is {why}", FRESH, "Freshness")
    f.reject("replayed", field(), "iat-stale", "the usual call, an hour later", FRESH, "Freshness", "Attack", now=NOW + 3600)
    f.accept("date-equal", at(NOW), "Date equals iat", DATE, "Basic", "Freshness", date=NOW)
    f.accept("date-differs", at(NOW - 40), "Date and iat differ and are both fresh", DATE + "; if they differ, iat counts", "Lenience", "Freshness", date=NOW + 10)
    f.accept("date-60-old", at(NOW), "Date is 60 s old", DATE, "Lenience", "Freshness", date=NOW - 60)
    f.accept("date-60-ahead", at(NOW), "Date is 60 s ahead", DATE, "Lenience", "Freshness", date=NOW + 60)
    f.reject("date-61-old", at(NOW), "date-stale", "Date is 61 s old, iat is fresh", DATE, "Freshness", date=NOW - 61)
    f.reject("date-61-ahead", at(NOW), "date-future", "Date is 61 s ahead, iat is fresh", DATE, "Freshness", date=NOW + 61)
    f.reject("date-new-iat-old", at(NOW - 3600), "iat-stale", "an old token under a new Date", FRESH, "Freshness", "Attack", date=NOW)
    f.reject("both-old", at(NOW - 3600), None, "Date and iat are equal and an hour old", DATE, "Freshness", date=NOW - 3600)
    late = pki.leaf("late", pki.ISSUING, valid=(NOW - 10, NOW + 60 * pki.DAY))
    f.policy("iat-before-certificate", f.signed_by("late", late, pki.ISSUING, body=payload(iat=NOW - 20)),
             "signed 10 s before the certificate's period starts, verified within it",
             "RFC 8224 §6.1 binds the signer; §6.2 step 4 compares the Date of the request", "Validity")
