"""The payload as JSON text."""

from passport import canonical, field, payload, token
from vectorfile import VectorFile

RFC8259 = "RFC 8259 §2 to §7"
UNICODE = "RFC 8259 §8.1 and §8.2: UTF-8, and no half of a surrogate pair"
AS_SENT = "RFC 7515 §5.2: the signature covers the bytes sent, in whatever order and spacing"
UNKNOWN = "RFC 8225 §8.3: claims that are not known are ignored"
ONCE = "RFC 8225 §9: member names are unique"


def build() -> VectorFile:
    f = VectorFile("payload-text", "The payload as JSON text. Signatures are valid over the bytes sent.")
    accepted(f)
    refused(f)
    return f


def sent(body: str | bytes) -> str:
    return field(token(body=body))


def plus(member: str) -> str:
    """The usual payload with one more member, given as text, at its end."""
    return canonical(payload())[:-1] + "," + member + "}"


def accepted(f: VectorFile) -> None:
    usual = canonical(payload())
    p = payload()
    f.accept("usual", sent(usual), "sorted members, no white space", "RFC 8225 §9", "Basic")
    order = ["origid", "orig", "iat", "dest", "attest"]
    f.accept("unsorted", sent("{" + ",".join(f'"{k}":{canonical(p[k])}' for k in order) + "}"), "members in reverse order", AS_SENT, "Lenience")
    order = ["orig", "dest", "iat", "attest", "origid"]
    f.accept("unsorted-common", sent("{" + ",".join(f'"{k}":{canonical(p[k])}' for k in order) + "}"), "members in the order that some deployed signers emit", AS_SENT, "Lenience")
    f.accept("spaces", sent(usual.replace(",", ", ").replace(":", ": ")), "a space after every comma and colon", AS_SENT, "Lenience")
    f.accept("indented", sent("\r\n" + usual.replace("{", "{\n\t").replace("}", "\n }").replace(":", " :\r\n") + "\n"), "every kind of white space, before and after as well", AS_SENT, "Lenience")
    for slug, value, why in [
        ("string", '"text"', "a string"), ("integer", "42", "an integer"), ("negative-fraction", "-0.5e-3", "a negative fraction with exponent"),
        ("large-number", "1e400", "a number beyond every machine type"), ("long-integer", "9" * 40, "an integer of 40 digits"),
        ("literals", "[true,false,null]", "all three literals"), ("nested", '{"a":{"b":[{"c":[]}]}}', "nested objects and arrays"),
        ("empty-name", '{"":0}', "an empty member name inside"), ("same-name-elsewhere", '{"iat":1,"orig":{"iat":2}}', "names of claims in another object"),
        ("raw-utf8", '"Ünïcödé 電話 😀"', "UTF-8 of two, three and four bytes"),
        ("escapes", '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"', "every escape, a surrogate pair among them"),
        ("del", '"\x7f"', "U+007F, which needs no escape"),
    ]:
        f.accept(f"unknown-claim-{slug}", sent(plus(f'"zzz":{value}')), f"an unknown claim: {why}", UNKNOWN, "Lenience")
    f.accept("unknown-claims-around", sent(canonical(payload(aaa=1, crn="Delivery", rcd={"nam": "Example"}, zzz=[]))), "unknown claims between the known ones", UNKNOWN, "Lenience")


def refused(f: VectorFile) -> None:
    usual = canonical(payload())
    for slug, body, error, why in [
        ("cut", usual[:-1], "json-syntax", "the closing brace is missing"),
        ("cut-string", usual[:-3], "json-syntax", "it ends inside a string"),
        ("trailing-text", usual + "x", "json-syntax", "text after the object"),
        ("trailing-nul", usual + "\0", "json-syntax", "a NUL after the object"),
        ("trailing-brace", usual + "}", "json-syntax", "one brace too many"),
        ("two-objects", usual + usual, "json-syntax", "two objects"),
        ("trailing-comma", usual[:-1] + ",}", "json-syntax", "a comma after the last member"),
        ("missing-comma", usual.replace(',"dest"', ' "dest"'), "json-syntax", "no comma between members, as RFC 8588 §6 prints it"),
        ("missing-colon", usual.replace('"iat":', '"iat" '), "json-syntax", "no colon"),
        ("single-quotes", usual.replace('"A"', "'A'"), "json-syntax", "a string in single quotes"),
        ("bare-name", usual.replace('"iat"', "iat"), "json-syntax", "a member name without quotes"),
        ("comment", usual.replace(",", "/**/,", 1), "json-syntax", "a comment"),
        ("nan", plus('"zzz":NaN'), "json-syntax", "NaN in an unknown claim"),
        ("infinity", plus('"zzz":-Infinity'), "json-syntax", "Infinity in an unknown claim"),
        ("literal-case", plus('"zzz":True'), "json-syntax", "a literal in another case"),
        ("leading-zero", usual.replace('"iat":', '"iat":0'), "json-syntax", "iat with a leading zero"),
        ("plus-sign", usual.replace('"iat":', '"iat":+'), "json-syntax", "iat with a plus sign"),
        ("hex-number", plus('"zzz":0x1F'), "json-syntax", "a hexadecimal number"),
        ("bare-fraction", plus('"zzz":.5'), "json-syntax", "a fraction without its zero"),
        ("open-fraction", plus('"zzz":1.'), "json-syntax", "a number that ends with its point"),
        ("raw-newline", plus('"zzz":"a\nb"'), "json-syntax", "a line feed in a string"),
        ("raw-nul", plus('"zzz":"a\0b"'), "json-syntax", "a NUL in a string"),
        ("bad-escape", plus('"zzz":"\\x41"'), "json-syntax", "an escape that JSON does not have"),
        ("short-escape", plus('"zzz":"\\u12"'), "json-syntax", "\\u with two digits"),
        ("unclosed-array", plus('"zzz":[1,2'), "json-syntax", "an array that does not end"),
        ("form-feed", usual.replace(",", ",\f", 1), "json-syntax", "a form feed as white space"),
        ("no-break-space", usual.replace(",", ",\u00a0", 1), "json-syntax", "U+00A0 as white space"),
        ("not-json", "attest=A", "json-syntax", "no JSON at all"),
        ("array", f"[{usual}]", None, "the object stands in an array"),
        ("string", canonical(usual), None, "the object as a JSON string"),
        ("number", "1", None, "a number"),
        ("null", "null", None, "null"),
        ("bom", "\ufeff" + usual, None, "a byte order mark before the object"),
        ("utf16", usual.encode("utf-16"), None, "UTF-16"),
        ("utf32", usual.encode("utf-32-be"), None, "UTF-32"),
    ]:
        f.reject(slug, sent(body), error, why, RFC8259, "Json")
    head, tail = plus('"zzz":"@"').encode().split(b"@")
    for slug, middle, why in [
        ("invalid-utf8", b"\xff", "a byte that UTF-8 does not have"),
        ("latin1", b"\xe9 ", "Latin-1"),
        ("cut-utf8", b"\xf0\x9f\x98", "a UTF-8 sequence without its last byte"),
        ("overlong", b"\xc0\xaf", "a slash in two bytes"),
        ("surrogate-utf8", b"\xed\xa0\x80", "a surrogate in UTF-8"),
        ("beyond-unicode", b"\xf4\x90\x80\x80", "a code point beyond U+10FFFF"),
        ("high-surrogate", b"\\ud83d", "a high surrogate alone"),
        ("low-surrogate", b"\\ude00", "a low surrogate alone"),
        ("surrogates-reversed", b"\\ude00\\ud83d", "a surrogate pair in reverse"),
    ]:
        f.reject(slug, sent(head + middle + tail), "json-encoding", f"in an unknown claim: {why}", UNICODE, "Json")
    for slug, body, why in [
        ("attest", usual.replace('"attest":"A"', '"attest":"C","attest":"A"'), "attest C, then attest A"),
        ("iat", usual.replace('"iat":', '"iat":1,"iat":'), "iat twice"),
        ("orig", usual[:-1] + ',"orig":{"tn":"12025550199"}}', "orig twice"),
        ("orig-tn", usual.replace('"orig":{', '"orig":{"tn":"12025550199",'), "tn twice in orig"),
        ("dest-tn", usual.replace('"dest":{', '"dest":{"tn":["12025550199"],'), "tn twice in dest"),
        ("same-value", usual.replace('"attest":"A"', '"attest":"A","attest":"A"'), "attest A twice"),
        ("escaped", usual[:-1] + ',"\\u0069at":1}', "iat a second time with an escaped letter"),
        ("unknown", plus('"zzz":1,"zzz":2'), "an unknown claim twice"),
        ("nested", plus('"zzz":{"a":1,"a":2}'), "a name twice inside an unknown claim"),
    ]:
        f.reject(f"duplicate-{slug}", sent(body), "json-duplicate-member", why, ONCE, "DuplicateMember")
    f.policy("escaped-name", sent(usual.replace('"iat"', '"\\u0069at"')), "a claim name with an escaped letter",
             "RFC 8259 §8.3 makes the names equal; RFC 8225 §9 would not write it so", "Json")
    f.policy("escaped-digit", sent(usual.replace('"tn":"1', '"tn":"\\u0031')), "a number with an escaped digit",
             "RFC 8259 §7 makes the strings equal; RFC 8225 §9 would not write it so", "Json")
    for depth in [100, 3000]:
        f.reject(f"deep-{depth}", sent(plus(f'"zzz":{"[" * depth}{"]" * depth}')), "json-too-deep", f"an unknown claim nested {depth} deep",
                 "RFC 8259 §9 lets a reader set limits; it must not exhaust its stack", "Limit")
    many = ",".join(f'"k{n}":0' for n in range(1000))
    f.reject("many-members", sent(plus(many)), "json-too-many-members", "1,000 unknown claims", "RFC 8259 §9 lets a reader set limits", "Limit")
