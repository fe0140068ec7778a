"""The little DER that no library writes for us: TNAuthLists, and certificates that are wrong on purpose."""


def tlv(tag: int, *contents: bytes) -> bytes:
    """One tag-length-value with the shortest length form (X.690 §10.1)."""
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*contents: bytes) -> bytes:
    return tlv(0x30, *contents)


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def ia5(text: str) -> bytes:
    return tlv(0x16, text.encode("latin-1"))


def utf8(text: str) -> bytes:
    return tlv(0x0C, text.encode())


def bits(content: bytes) -> bytes:
    return tlv(0x03, b"\0", content)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = b""
    for arc in [first * 40 + second, *rest]:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        out += bytes(reversed(groups))
    return tlv(0x06, out)


def elements(der: bytes) -> list[bytes]:
    """The members of a constructed value, each with its own tag and length."""

    def span(at: int) -> tuple[int, int]:
        length = der[at + 1]
        if length < 0x80:
            return at + 2, length
        size = length & 0x7F
        return at + 2 + size, int.from_bytes(der[at + 2 : at + 2 + size], "big")

    at, length = span(0)
    end, found = at + length, []
    while at < end:
        start, length = span(at)
        found.append(der[at : start + length])
        at = start + length
    return found


# TNAuthorizationList, RFC 8226 §9. The module has EXPLICIT TAGS: each entry wraps a whole value.


def tn_auth_list(*entries: bytes) -> bytes:
    return sequence(*entries)


def spc(code: str) -> bytes:
    return tlv(0xA0, ia5(code))


def tn_range(start: str, count: int, *more: bytes) -> bytes:
    return tlv(0xA1, sequence(ia5(start), integer(count), *more))


def one(number: str) -> bytes:
    return tlv(0xA2, ia5(number))


# JWTClaimConstraints, RFC 8226 §8, and EnhancedJWTClaimConstraints, RFC 9118 §3; explicit tags too.


def claim_constraints(include: tuple = (), permitted: dict[str, tuple] | None = None, exclude: tuple = ()) -> bytes:
    def names(tag: int, listed: tuple) -> bytes:
        return tlv(tag, sequence(*(ia5(name) for name in listed))) if listed else b""

    values = [sequence(ia5(claim), sequence(*(utf8(value) for value in some))) for claim, some in (permitted or {}).items()]
    return sequence(names(0xA0, include), tlv(0xA1, sequence(*values)) if values else b"", names(0xA2, exclude))


def list_by_reference(url: str) -> bytes:
    """The value of an authorityInfoAccess that says where the TNAuthList is (RFC 8226 §10.1)."""
    return sequence(sequence(oid("1.3.6.1.5.5.7.48.14"), tlv(0x86, url.encode())))
