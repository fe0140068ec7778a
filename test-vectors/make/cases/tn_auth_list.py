"""The TNAuthList: its form, and whether it covers the calling number."""

from der import ia5, integer, one, sequence, spc, tlv, tn_auth_list, tn_range, utf8
from pki import ISSUING, ROOT, TN_AUTH_LIST, authority, leaf, raw_extension
from passport import ORIG, payload
from vectorfile import VectorFile

FORM = "RFC 8226 §9: TNAuthorizationList, DER with explicit tags"
COVERS = "RFC 8226 §3 and §9: entries add up; a certificate that lists numbers covers exactly those"
BY_SPC = "RFC 8226 §3 and ATIS-1000080: an SPC stands for all numbers of the provider; which those are, the certificate does not say"


def build() -> VectorFile:
    f = VectorFile("tn-auth-list", "The TNAuthList of the signing certificate. Path and signature are good.")
    covered(f)
    malformed(f)
    not_covered(f)
    limited(f)
    undecided(f)
    return f


def listing(f: VectorFile, slug: str, numbers: bytes | None, orig: str = ORIG) -> str:
    return f.signed_by(slug, leaf(f"list {slug}", ISSUING, numbers=numbers), ISSUING, body=payload(orig={"tn": orig}))


def covered(f: VectorFile) -> None:
    f.accept("spc", listing(f, "spc", tn_auth_list(spc("TEST"))), "one SPC", BY_SPC, "Basic")
    for slug, entries, why, rule in [
        ("spc-letter", [spc("000X")], "an SPC of digits and a letter", BY_SPC),
        ("spc-two", [spc("TEST"), spc("000X")], "two SPCs", BY_SPC),
        ("range-first", [tn_range("12025550101", 50)], "the first number of a range", COVERS),
        ("range-last", [tn_range("12025550100", 2)], "the last number of a range", COVERS),
        ("range-middle", [tn_range("12025550000", 1000)], "a number within a range", COVERS),
        ("range-second", [tn_range("12025550150", 50), tn_range("12025550100", 50)], "a number of the second range", COVERS),
        ("range-extended", [tn_range("12025550100", 50, integer(5))], "a range with an element after count, which the extension marker allows", FORM),
        ("range-large", [tn_range("10000000000", 8_999_999_999)], "a range of almost all numbers of a country", COVERS),
        ("one", [one(ORIG)], "exactly the one number", COVERS),
        ("one-last", [one("12025550102"), one("12025550103"), one(ORIG)], "the last of three numbers", COVERS),
        ("mixed", [spc("TEST"), tn_range("12025550100", 50), one("12025550199")], "SPC, range and number, the range covers", COVERS),
        ("mixed-spc", [tn_range("12025550150", 10), spc("TEST")], "the range does not cover, an SPC stands beside it", BY_SPC),
        ("mixed-spc-one", [one("12025550199"), spc("TEST")], "the number is another one, an SPC stands beside it", BY_SPC),
        ("entries-200", [one(str(12025550000 + n)) for n in range(200)], "200 numbers, one of them is it", COVERS),
    ]:
        numbers = tn_auth_list(*entries)
        f.accept(slug, listing(f, slug, numbers), why, rule, "Authority" if rule == COVERS else "TnAuthList", "Lenience")
    short = tn_auth_list(tn_range("0100", 50))
    f.accept("leading-zero", listing(f, "leading-zero", short, "0149"), "a range of numbers with leading zeros", COVERS, "Authority", "Lenience", orig="0149")
    star = tn_auth_list(one("*67#"))
    f.accept("one-star", listing(f, "one-star", star, "*67#"), "a number with star and pound sign", FORM, "Authority", "Lenience", orig="*67#")


def malformed(f: VectorFile) -> None:
    good = tn_auth_list(spc("TEST"))
    for slug, value, why in [
        ("implicit-tag", sequence(tlv(0x80, b"TEST")), "an SPC with implicit tag"),
        ("implicit-range", sequence(tlv(0xA1, ia5("12025550100"), integer(50))), "a range with implicit tag"),
        ("utf8-string", sequence(tlv(0xA0, utf8("TEST"))), "an SPC as UTF8String"),
        ("empty-list", sequence(), "no entry"),
        ("empty-value", b"", "an extension value of no bytes"),
        ("not-a-sequence", spc("TEST"), "an entry without the list around it"),
        ("set", tlv(0x31, spc("TEST")), "a SET in the place of the SEQUENCE"),
        ("uri", ia5("https://cr.example.net/tnauthlist"), "a URI, as old tools wrote it"),
        ("text", b"TEST", "the SPC as bare text"),
        ("null", tlv(0x05), "NULL"),
        ("tag-3", sequence(tlv(0xA3, ia5("1"))), "an entry of an unknown tag"),
        ("second-entry-bad", sequence(spc("TEST"), tlv(0xA3, ia5("1"))), "a good SPC, then an entry of an unknown tag"),
        ("two-values", sequence(tlv(0xA0, ia5("TEST"), ia5("000X"))), "two values in one entry"),
        ("empty-entry", sequence(tlv(0xA0)), "an entry without value"),
        ("trailing-byte", good + b"\0", "a byte after the list"),
        ("cut", good[:-1], "the last byte is missing"),
        ("length-beyond", b"\x30\x82\xff\xff" + good[2:], "a length beyond the extension"),
        ("length-4-gigabytes", b"\x30\x84\xff\xff\xff\xff" + good[2:], "a length of 4 GiB"),
        ("inner-length-beyond", b"\x30\x08\xa0\x06\x16\x7f" + b"TEST", "an inner length beyond its entry"),
        ("indefinite-length", b"\x30\x80" + good[2:] + b"\0\0", "indefinite length"),
        ("long-length", b"\x30\x81\x08" + good[2:], "a length in more bytes than needed"),
        ("range-count-1", tn_auth_list(tn_range(ORIG, 1)), "a range of one number"),
        ("range-count-0", tn_auth_list(tn_range(ORIG, 0)), "a range of no number"),
        ("range-count-negative", tn_auth_list(tn_range(ORIG, -1)), "a negative count"),
        ("range-count-9-bytes", tn_auth_list(tn_range(ORIG, 2**64)), "a count of 2^64"),
        ("range-count-padded", sequence(tlv(0xA1, sequence(ia5(ORIG), tlv(0x02, b"\0\0\x02")))), "a count with needless zeros"),
        ("range-no-count", sequence(tlv(0xA1, sequence(ia5(ORIG)))), "a range without count"),
        ("range-order", sequence(tlv(0xA1, sequence(integer(50), ia5(ORIG)))), "count stands before start"),
        ("range-grows", tn_auth_list(tn_range("10", 91)), "a range whose last number has a digit more"),
        ("range-grows-wide", tn_auth_list(tn_range("99999999990", 11)), "a range that leaves eleven digits by one"),
        ("range-star", tn_auth_list(tn_range("*10", 5)), "a range that starts with star"),
        ("range-empty-start", tn_auth_list(tn_range("", 5)), "a range without first number"),
        ("one-letter", tn_auth_list(one("1202555A101")), "a letter in a number"),
        ("one-plus", tn_auth_list(one(f"+{ORIG}")), "a plus sign in a number"),
        ("one-16-digits", tn_auth_list(one("1" * 16)), "a number of 16 digits"),
        ("one-empty", tn_auth_list(one("")), "a number of no digits"),
        ("one-utf8", sequence(tlv(0xA2, utf8(ORIG))), "a number as UTF8String"),
    ]:
        f.reject(slug, listing(f, slug, value), "tn-auth-list-invalid", why, FORM, "TnAuthList")
    f.reject("missing", listing(f, "missing", None), "tn-auth-list-missing", "no TNAuthList", "RFC 8226 §9 and ATIS-1000080: the certificate has one", "TnAuthList")


def not_covered(f: VectorFile) -> None:
    for slug, entries, why in [
        ("range-before", [tn_range("12025550102", 50)], "the range starts one number later"),
        ("range-after", [tn_range("12025550091", 10)], "the range ended one number earlier"),
        ("range-gap", [tn_range("12025550090", 11), tn_range("12025550102", 50)], "the number falls between two ranges"),
        ("range-shorter", [tn_range("2025550100", 50)], "a range of numbers without country code"),
        ("range-longer", [tn_range("120255501010", 50)], "a range of numbers with a digit more"),
        ("range-leading-zeros", [tn_range("0012025550100", 50)], "a range of numbers with leading zeros"),
        ("one-other", [one("12025550102")], "another number"),
        ("one-prefix", [one("1202555")], "a number that the caller's starts with"),
        ("one-longer", [one(ORIG + "0")], "a number that starts with the caller's"),
        ("one-called", [one("12025550187")], "the called number"),
        ("entries-1000", [one(str(13125550000 + n)) for n in range(1000)], "1,000 other numbers"),
    ]:
        f.reject(f"not-{slug}", listing(f, f"not-{slug}", tn_auth_list(*entries)), "tn-not-authorized", f"the list covers {why}" if slug[:3] == "one" else why, COVERS, "Authority", "Attack")


def limited(f: VectorFile) -> None:
    rule = "RFC 8226 §9: the list of a CA limits the numbers of every path through it"

    def under(slug: str, numbers: bytes) -> str:
        ca = authority(f"CA of {slug}", ROOT, more=[(raw_extension(TN_AUTH_LIST, numbers), False)])
        return f.signed_by(slug, leaf(f"under {slug}", ca, numbers=tn_auth_list(one(ORIG))), ca)

    f.accept("ca-covers", under("ca-covers", tn_auth_list(tn_range("12025550100", 50))), "the CA lists a range that holds the signer's number", rule, "Authority", "Lenience")
    f.accept("ca-spc", under("ca-spc", tn_auth_list(spc("TEST"))), "the CA lists an SPC, the signer one number", rule + "; RFC 9060 §4: an SPC may delegate numbers", "Authority", "Lenience")
    f.reject("ca-not-covers", under("ca-not-covers", tn_auth_list(tn_range("12025550150", 50))), None, "the signer's number is outside the range of its CA", rule, "Authority", "Attack")


def undecided(f: VectorFile) -> None:
    end = tn_auth_list(tn_range("9990", 10))
    f.policy("range-to-the-end", listing(f, "range-to-the-end", end, "9995"), "the range ends with the last number of its length and covers the caller",
             "RFC 8226 §9 wants start + count below 10^D; the numbers do not grow", "TnAuthList", orig="9995")
    for slug, value, why, rule in [
        ("spc-empty", tn_auth_list(spc("")), "an SPC of no characters", "RFC 8226 §9 sets no size for it"),
        ("spc-lower-case", tn_auth_list(spc("test")), "an SPC in lower case", "RFC 8226 §9 allows any IA5String, ATIS-1000080 digits and capitals"),
        ("spc-punctuation", tn_auth_list(spc("TE/ST\n")), "an SPC with a slash and a line feed", "RFC 8226 §9 allows any IA5String, ATIS-1000080 digits and capitals; it ends up in logs"),
        ("spc-latin1", tn_auth_list(spc("TÉST")), "an SPC with a byte beyond ASCII", "IA5String is ASCII; many readers do not look"),
        ("spc-long", tn_auth_list(spc("T" * 2000)), "an SPC of 2,000 characters", "RFC 8226 §9 sets no size for it"),
    ]:
        f.policy(slug, listing(f, slug, value), why, rule, "Limit" if slug == "spc-long" else "TnAuthList")
