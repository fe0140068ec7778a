"""Signs and verifies a call from Python, with nothing but ctypes.

    python3 shaken_ctypes.py LIBSHAKEN.so.1 LAB-FOLDER X5U
"""

import ctypes
import pathlib
import sys
import time
from ctypes import POINTER, byref, c_char, c_char_p, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

OK, PENDING = 0, 4


class Str(ctypes.Structure):
    _fields_ = [("data", c_char_p), ("len", c_size_t)]

    @classmethod
    def of(cls, value: bytes) -> "Str":
        return cls(value, len(value))


class CallVerdict(ctypes.Structure):
    _fields_ = [
        ("result", c_uint32),
        ("attest", c_char),
        ("origid", Str),
        ("headers", c_size_t),
        ("missing", c_size_t),
    ]


class Shaken:
    """The functions of the library that are used here."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        handle, out = c_void_p, POINTER(c_void_p)
        signatures = {
            "shaken_signer_from_pem": [Str, Str, Str, out],
            "shaken_sign": [handle, Str, Str, c_char, Str, c_int64, c_int64, c_char_p, c_size_t, POINTER(c_size_t)],
            "shaken_trust_new": [Str, out],
            "shaken_verifier_new": [handle, c_uint64, c_uint64, out],
            "shaken_verifier_insert": [handle, Str, Str, c_uint64, c_int64],
            "shaken_verdict_new": [out],
            "shaken_verify": [handle, Str, Str, c_int64, POINTER(Str), c_size_t, c_int64, handle],
            "shaken_verdict_call": [handle, POINTER(CallVerdict)],
        }
        for name, arguments in signatures.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, c_uint32
        for name in ["signer", "trust", "verifier", "verdict"]:
            function = getattr(library, f"shaken_{name}_free")
            function.argtypes, function.restype = [handle], None
        library.shaken_result_name.argtypes = [c_uint32]
        library.shaken_result_name.restype = c_char_p
        self.library = library

    def name(self, result: int) -> str:
        return self.library.shaken_result_name(result).decode()

    def make(self, function: str, *arguments) -> c_void_p:
        made = c_void_p()
        result = getattr(self.library, function)(*arguments, byref(made))
        if result != OK:
            raise RuntimeError(f"{function}: {self.name(result)}")
        return made


def main() -> None:
    shaken, lab, x5u = Shaken(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3].encode()
    library, now = shaken.library, int(time.time())
    text = {name: (lab / name).read_bytes() for name in ["provider.key", "provider.pem", "sti-root.pem"]}
    chain = Str.of(text["provider.pem"])
    signer = shaken.make("shaken_signer_from_pem", Str.of(text["provider.key"]), chain, Str.of(x5u))
    trust = shaken.make("shaken_trust_new", Str.of(text["sti-root.pem"]))
    verifier = shaken.make("shaken_verifier_new", trust, 0, 0)
    verdict = shaken.make("shaken_verdict_new")

    buffer, length = ctypes.create_string_buffer(12 * 1024), c_size_t()
    caller, called = Str.of(b"12155550121"), Str.of(b"12155550131")
    result = library.shaken_sign(
        signer, caller, called, b"A", Str.of(b""), now, now, buffer, len(buffer), byref(length)
    )
    if result != OK:
        raise RuntimeError(shaken.name(result))
    identity = Str.of(buffer.raw[: length.value])

    def verify(orig: Str) -> int:
        return library.shaken_verify(verifier, orig, called, now, byref(identity), 1, now, verdict)

    if verify(caller) == PENDING:
        library.shaken_verifier_insert(verifier, Str.of(x5u), chain, 0, now)
    result, call = verify(caller), CallVerdict()
    library.shaken_verdict_call(verdict, byref(call))
    print(f"signed, and it passes with {call.attest.decode()}" if result == OK else shaken.name(result))
    print(f"from another caller: {shaken.name(verify(Str.of(b'12155550122')))}")

    library.shaken_verdict_free(verdict)
    library.shaken_verifier_free(verifier)
    library.shaken_trust_free(trust)
    library.shaken_signer_free(signer)


if __name__ == "__main__":
    main()
