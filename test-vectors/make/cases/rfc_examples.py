"""Tokens as the RFCs print them, with certificates that hold the keys that the RFCs publish."""

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

import pki
from passport import base_claims, canonical, field, header, params, payload, token, typed, unb64
from vectorfile import VectorFile

# They keep their own times under every clock, so their certificates do too.
VALID = (1_388_534_400, 2_208_988_800)  # 2014-01-01 to 2040-01-01
A1 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFn2o9R1BE6aDQqzrafSgPKNFe/SLlgESrfQtXBT5MndxQT+EnojWcUIQ6w9LXQR5bN/8BXvPvithaz8kBfb7oQ=="
A2 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g=="
OF_8946 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmzGM1VsO+3IqbMF54rQMaYKQftO4hUYm9wv5wutLgEd9FsiTy3+4+Wa2O7pffOXPC0QzO+yD8hGEXGP/2mZo6w=="
# RFC 8225 Appendix A; RFC 8225 §7.1, whose signature RFC 8224 §4.1.1 shows too; RFC 8946 §3 and §5;
# RFC 8443 §4.1; RFC 8816 §9.
APPENDIX_A = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZ"
    "XN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn1"
    "9.VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
)
SECTION_7_1 = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZ"
    "XN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTI"
    "ifX0.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"
)
DIV = (
    "eyJhbGciOiJFUzI1NiIsInBwdCI6ImRpdiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly93d3cuZXhhbXBsZS5jb20vY2VydC5jZX"
    "IifQ.eyJkZXN0Ijp7InRuIjpbIjEyMTU1NTUxMjE0Il19LCJkaXYiOnsidG4iOiIxMjE1NTU1NTEyMTMifSwiaWF0IjoxNDQzMjA4MzQ1LCJvc"
    "mlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.xBHWipDEEJ8a6TsdX6xUXAnblsFiGUiAxwLiv0HLC9IICj6eG9jQd6WzeSSjHRBwxmChHhVIiMT"
    "SqIlk3yCNkg"
)
DIVERTED = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly93d3cuZXhhbXBsZS5jb20vY2VydC5jZXIifQ.eyJkZXN0Ijp"
    "7InRuIjpbIjEyMTU1NTUxMjEzIl19LCJpYXQiOjE0NDMyMDgzNDUsIm9yaWciOnsidG4iOiIxMjE1NTU1MTIxMiJ9fQ.1bEzkzcNbKvgz4QoMx"
    "0_DJ2T8qFMDC1sPqHPXl1WvbauzRJRvYlZqQ0qgGTlS8tJ_wXjVe07Z3wvDrdApHhhYw"
)
DIV_O = (
    "eyJhbGciOiJFUzI1NiIsInBwdCI6ImRpdi1vIiwidHlwIjoicGFzc3BvcnQiLCJ4NXUiOiJodHRwczovL3d3dy5leGFtcGxlLmNvbS9jZXJ0Lm"
    "NlciJ9.eyJkZXN0Ijp7InRuIjoiMTIxNTU1NTEyMTQifSwiZGl2Ijp7InRuIjoiMTIxNTU1NTUxMjEzIn0sImlhdCI6MTQ0MzIwODM0NSwib3B"
    "0IjoiZXlKaGJHY2lPaUpGVXpJMU5pSXNJblI1Y0NJNkluQmhjM053YjNKMElpd2llRFYxSWpvaWFIUjBjSE02THk5M2QzY3VaWGhoYlhCc1pTN"
    "WpiMjB2WTJWeWRDNWpaWElpZlEuZXlKa1pYTjBJanA3SW5SdUlqcGJJakV5TVRVMU5UVXhNakV6SWwxOUxDSnBZWFFpT2pFME5ETXlNRGd6TkR"
    "Vc0ltOXlhV2NpT25zaWRHNGlPaUl4TWpFMU5UVTFNVEl4TWlKOWZRLjFiRXpremNOYkt2Z3o0UW9NeDBfREoyVDhxRk1EQzFzUHFIUFhsMVd2Y"
    "mF1elJKUnZZbFpxUTBxZ0dUbFM4dEpfd1hqVmUwN1ozd3ZEcmRBcEhoaFl3Iiwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19.CHeA9wRnth"
    "l7paMe6rP0TARpmFCXjmi_vF_HRz2O_oulB_R-G9xZNiLVvmvHv4gk6LILaDV2y2VtHTLIEgmHig"
)
RPH = (
    "eyJhbGciOiJFUzI1NiIsInBwdCI6InJwaCIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly93d3cuZXhhbXBsZS5jb20vY2VydC5jZX"
    "IifQo.eyJkZXN0Ijp7WyJ0biI6IjEyMTI1NTUwMTEzIl19LCJpYXQiOiIxNDQzMjA4MzQ1Iiwib3JpZyI6eyJ0biI6IjEyMTU1NTUwMTEyIn0s"
    "InJwaCI6eyJhdXRoIjpbImV0cy4wIiwid3BzLjAiXX19Cg.s37S6VC8HM6Dl6YzJeQDsrZcwJ0lizxhUrA7f_98oWBHvo-cl-n8MIhoCr18vYY"
    "Fy3blXvs3fslM_oos2P2Dyw"
)
OUT_OF_BAND = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZ"
    "XN0Ijp7InRuIjpbIjIyMjI1NTUyMjIyIl19LCJpYXQiOiIxNTgzMjUxODEwIiwib3JpZyI6eyJ0biI6IjExMTE1NTUxMTExIn19.pnij4IlLHo"
    "R4vxID0u3CT1e9Hq4xLngZUTv45Vbxmd3IVyZug4KOSa378yfP4x6twY0KTdiDypsereS438ZHaQ"
)
PASSPORT_CER, CERT_CER = "https://cert.example.org/passport.cer", "https://www.example.com/cert.cer"
IAT = 1_443_208_345  # Fri, 25 Sep 2015 19:12:25 GMT
CALLER, ALICE = "12155551212", "sip:alice@example.com"
OURS = "https://cr.example.net/rfc-examples/ours.pem"
ALONE = "RFC 8588 §1: only shaken speaks for the right to the number"


def build() -> VectorFile:
    root = pki.authority("ROOT of the RFC examples", valid=VALID)

    def holder(label: str, spki: str):
        return pki.leaf(label, root, public_key=public(spki), valid=VALID)

    f = VectorFile("rfc-examples", "Tokens as RFCs print them. Their certificates do not exist: here they are made of the keys that the RFCs publish, so that a token whose signature holds is judged by the rest.", anchors=[root], now=IAT)
    f.body(PASSPORT_CER, holder("RFC 8225 A.2", A2))
    f.body(CERT_CER, holder("RFC 8946 Appendix A", OF_8946))
    ours = pki.leaf("signer of mended RFC examples", root, valid=VALID)
    f.body(OURS, ours)
    rfc8225(f)
    rfc8946(f, ours)
    others(f, ours)
    return f


def public(spki: str):
    return serialization.load_der_public_key(base64.b64decode(spki))


def holds(made: str, spki: str) -> bool:
    head, body, raw = made.split(".")
    signature = unb64(raw)
    der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        public(spki).verify(der, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def rfc8225(f: VectorFile) -> None:
    to_alice = {"orig": CALLER, "dest": [], "dest_uri": [ALICE]}
    keys = "RFC 8225 Appendix A: the private key of A.1 does not belong to the public key of A.2"
    assert not holds(APPENDIX_A, A1) and not holds(APPENDIX_A, A2)
    f.reject("8225-appendix-a", field(APPENDIX_A, PASSPORT_CER, params(None)), "shaken-missing", "the token of Appendix A, which verifies with neither key of it", keys, "RfcExample", "Base", headers="signature-invalid", now=1_471_375_418, **to_alice)
    assert holds(SECTION_7_1, A2) and not holds(SECTION_7_1, A1)
    f.reject("8225-7-1", field(SECTION_7_1, PASSPORT_CER, params(None)), "shaken-missing", "the token of §7.1: its signature holds with the key of A.2, but iat is a string", "RFC 8225 §5.1.1 and RFC 7519 §2: iat is a number", "RfcExample", "Base", headers="claim-type", **to_alice)
    signature = SECTION_7_1.split(".")[2]
    f.reject("8225-7-1-compact", field(f"..{signature}", PASSPORT_CER, params(None)), "shaken-missing", "the same in compact form, as RFC 8224 §4.1.1 has it: rebuilt with a number for iat it does not verify", "RFC 8225 §7: rebuilt as §9 says", "RfcExample", "CompactForm", headers="signature-invalid", date=IAT, **to_alice)
    head, _, _ = SECTION_7_1.split(".")
    mended = canonical(base_claims(dest={"uri": [ALICE]}, orig={"tn": CALLER}, iat=IAT))
    other = token(header(), mended).split(".")[1]
    assert not holds(f"{head}.{other}.{signature}", A2)
    f.reject("8224-5-1", field(f"{head}.{other}.{signature}", PASSPORT_CER, params(None)), "shaken-missing", "its header and signature with the payload that RFC 8224 §5.1 prints, where iat is a number", "RFC 8225 §6: the signature is over what was sent", "RfcExample", "Base", headers="signature-invalid", **to_alice)
    f.reject("8224-info", field(SECTION_7_1, "https://biloxi.example.org/biloxi.cert", params(None)), "shaken-missing", "the info parameter of the example in RFC 8224 §4.1.1, which is not the x5u of its token", "RFC 8224 §4.1: x5u and info are equal", "RfcExample", "Base", headers="x5u-info-mismatch", **to_alice)


def rfc8946(f: VectorFile, ours) -> None:
    assert all(holds(made, OF_8946) for made in (DIV, DIVERTED, DIV_O))
    first, then = "12155551213", "12155551214"
    div, diverted = field(DIV, CERT_CER, ';ppt="div"'), field(DIVERTED, CERT_CER, "")
    f.reject("8946-original", diverted, "shaken-missing", "the base PASSporT that the RFC diverts: it is good, and alone lets no call pass", ALONE, "RfcExample", "Base", headers="accept", orig=CALLER, dest=[first])
    f.reject("8946-chain", [div, diverted], "shaken-missing", "both tokens of §3: the signatures hold, but div has a digit too many (121555551213), so that it follows nothing", "RFC 8946 §4.2: div is a dest of the PASSporT before", "RfcExample", "Diversion", headers="div-chain-incomplete dest-mismatch", orig=CALLER, dest=[then], target=then)
    f.reject("8946-div-o", field(DIV_O, "https://www.example.com/cert.cer", ';ppt="div-o"'), "shaken-missing", "the token of §5: its signature holds, but in what is encoded dest has a string in the place of an array", "RFC 8225 §5.2.1: dest is an object of arrays", "RfcExample", "Nested", headers="claim-type", orig=CALLER, dest=[then], target=then)
    shaken = token(header(OURS), payload(orig={"tn": CALLER}, dest={"tn": [first]}, iat=IAT), ours.key)
    f.accept("8946-beside-shaken", [field(shaken, OURS), diverted], "a shaken PASSporT of the same call, beside the base PASSporT of the RFC", "RFC 8224 §6.2.1", "RfcExample", "Base", "Lenience", headers="accept accept", orig=CALLER, dest=[first])
    mended = typed("div", base_claims(orig={"tn": CALLER}, dest={"tn": [then]}, div={"tn": first}, iat=IAT), OURS, ours.key)
    f.accept("8946-mended", [mended, field(shaken, OURS), diverted], "the chain of §3 with the right number in div", "RFC 8946 §4.2", "RfcExample", "Diversion", headers="accept accept accept", orig=CALLER, dest=[then], target=then)


def others(f: VectorFile, ours) -> None:
    call = {"orig": "12155550112", "dest": ["12125550113"], "resource_priority": "ets.0, wps.0"}
    no_json = "RFC 8259: the payload of the example is no JSON; header and payload end with a line feed, and no published key verifies it"
    f.reject("8443-4-1", field(RPH, "https://www.example.org/cert.cer", ';alg=ES256;ppt="rph"'), "shaken-missing", "the rph as it is printed: info is not its x5u", no_json, "RfcExample", "Priority", headers="x5u-info-mismatch", **call)
    f.reject("8443-4-1-info", field(RPH, CERT_CER, ';alg=ES256;ppt="rph"'), "shaken-missing", "the same with its x5u in info", no_json, "RfcExample", "Priority", headers="json-syntax", **call)
    mended = base_claims(orig={"tn": "12155550112"}, dest={"tn": ["12125550113"]}, iat=IAT)
    shaken = field(token(header(OURS), payload(**mended), ours.key), OURS)
    f.accept("8443-4-1-mended", [shaken, typed("rph", {**mended, "rph": {"auth": ["ets.0", "wps.0"]}}, OURS, ours.key)], "what the example means, beside a shaken PASSporT", "RFC 8443 §4.1", "RfcExample", "Priority", headers="accept accept", **call)
    f.reject("8816-9", field(OUT_OF_BAND, PASSPORT_CER, ""), "shaken-missing", "the example of §9: iat is a string", "RFC 8225 §5.1.1: iat is a number", "RfcExample", "Base", headers="claim-type", now=1_583_251_810, orig="11115551111", dest=["22225552222"])

    printed = '{"attest":"A" "dest":{"tn":["12155550131"]} "iat":"1443208345","orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}'
    call = {"orig": "12155550121", "dest": ["12155550131"]}

    def signed(text: str) -> str:
        return field(token(header(OURS), text, ours.key), OURS)

    f.reject("8588-6", signed(printed), "json-syntax", "the payload of §6 as it is printed, with two commas missing; no token is printed, so this one is signed here", "RFC 8259 §4: a comma between members", "RfcExample", "Json", headers="json-syntax", **call)
    commas = printed.replace('" "', '","').replace('} "', '},"')
    f.reject("8588-6-commas", signed(commas), "claim-type", "the same with the commas: iat is a string", "RFC 8225 §5.1.1: iat is a number", "RfcExample", "Claims", headers="claim-type", **call)
    f.accept("8588-6-mended", signed(commas.replace('"1443208345"', "1443208345")), "the same with a number for iat", "RFC 8588 §6", "RfcExample", "Basic", headers="accept", **call)
    sos = {"dest": {"uri": ["urn:service:sos"]}, "iat": 1_615_471_428, "orig": {"tn": CALLER}}
    f.accept("9027-3", [field(token(header(OURS), payload(**sos), ours.key), OURS), typed("rph", {**sos, "rph": {"auth": ["esnet.1"]}}, OURS, ours.key)], "the emergency call of §3 beside a shaken PASSporT; no token is printed, so this one is signed here", "RFC 9027 §3",
             "RfcExample", "Priority", now=1_615_471_428, orig=CALLER, dest=[], dest_uri=["urn:service:sos"], resource_priority="esnet.1", headers="accept accept")
    back = {"dest": {"tn": [CALLER]}, "iat": 1_615_471_428, "orig": {"tn": "12155551213"}}
    f.accept("9027-4", [field(token(header(OURS), payload(**back), ours.key), OURS), typed("rph", {**back, "rph": {"auth": ["esnet.0"]}, "sph": "psap-callback"}, OURS, ours.key)], "the call back of §4 beside a shaken PASSporT; signed here", "RFC 9027 §4",
             "RfcExample", "Priority", now=1_615_471_428, orig="12155551213", dest=[CALLER], resource_priority="esnet.0", priority="psap-callback", headers="accept accept")
