"""Revoked certificates: the STI-PA's one list for all CAs."""

import pki
from cryptography import x509
from passport import field, base_claims, typed
from pki import DAY, NOW, authority, crl, crl_points, leaf, name, serial_of, usage
from vectorfile import VectorFile

LISTED = "RFC 5280 §6.3.3: a certificate is revoked if the list has its issuer and serial number"
STICKY = "RFC 5280 §5.3.3: an entry that names no issuer belongs to that of the entry before it, the first one to the issuer of the list"
SCOPE = "RFC 5280 §6.3.3 (b) and §5.2.5: a list speaks for the certificates whose distribution point names its issuer and its own point"
OLD = "RFC 5280 §5.1.2.5: after nextUpdate a list says nothing new; what it lists stays revoked"
REFUSED = "RFC 5280 §6.3.3 (f) and ATIS-1000080: only the STI-PA signs the list; one that must be refused is not held"

PA_ROOT = authority("STI-PA ROOT")
OTHER_PA = authority("Other STI-PA ROOT")


def signer(label: str, issuer=PA_ROOT):
    constraints = x509.BasicConstraints(False, None)
    return pki.issue(label, name(f"SHAKEN Example {label}", "Example STI-PA"), issuer, valid=(NOW - 400 * DAY, NOW + 3000 * DAY),
                     extensions=[(constraints, True), (usage("digital_signature", "crl_sign"), True)])


SIGNER, OTHER_SIGNER, ENDED_SIGNER = signer("CRL signer"), signer("other CRL signer", OTHER_PA), signer("CRL signer of ended lists")
POINTS = crl_points(crl_issuer=SIGNER.name)
FIRST_CA = authority("First CA", pki.ROOT, path_length=0, more=[(POINTS, False)])
SECOND_CA = authority("Second CA", pki.ROOT, path_length=0, more=[(POINTS, False)])
REVOKED_CA = authority("Revoked CA", pki.ROOT, path_length=0, more=[(POINTS, False)])
SAME = serial_of("a serial number of two certificates")
ENDED_URL, OLD_URL = "https://pa.example.org/download/v1/ended", "https://pa.example.org/download/v1/old"


def build() -> VectorFile:
    def listed(label: str, ca=FIRST_CA, points=POINTS, **rest):
        return leaf(label, ca, more=[(points, False)], **rest)

    good, by_name, inherited = listed("not on the list"), listed("listed with its issuer"), listed("listed after its issuer")
    of_second, inherited_second = listed("listed with the second CA", SECOND_CA), listed("listed after the second CA", SECOND_CA)
    same, namesake = listed("same serial", serial=SAME), listed("same serial, second CA", SECOND_CA, serial=SAME)
    by_list = listed("serial of the list's issuer")
    ended_points = crl_points(ENDED_URL, ENDED_SIGNER.name)
    ended_good, ended_listed = listed("ended list, not on it", points=ended_points), listed("ended list, on it", points=ended_points)
    old_points = crl_points(OLD_URL, SIGNER.name)
    old_good, old_listed = listed("old list, not on it", points=old_points), listed("old list, on it", points=old_points)
    lists = [
        crl(SIGNER, [
            (serial_of("serial of the list's issuer"), None),
            (serial_of("listed with its issuer"), FIRST_CA.name),
            (serial_of("listed after its issuer"), None),
            (serial_of("listed with the second CA"), SECOND_CA.name),
            (SAME, None),
            (serial_of("listed after the second CA"), None),
            (serial_of("Revoked CA"), pki.ROOT.name),
        ]),
        crl(SIGNER, [(serial_of("old list, on it"), FIRST_CA.name)], number=2, dates=(NOW - 31 * DAY, NOW - 3600), url=OLD_URL),
        crl(ENDED_SIGNER, [(serial_of("ended list, on it"), FIRST_CA.name)], number=3, dates=(NOW - 31 * DAY, NOW - DAY), url=ENDED_URL),
        # These three are refused; each lists a certificate that is good.
        crl(OTHER_SIGNER, [(serial_of("not on the list"), FIRST_CA.name)], number=4),
        crl(SIGNER, [(serial_of("not on the list"), FIRST_CA.name)], number=5, key=pki.p256("attacker")),
        crl(SIGNER, [(serial_of("not on the list"), FIRST_CA.name)], number=6, dates=(NOW + DAY, NOW + 30 * DAY)),
    ]
    f = VectorFile("revocation", "Certificates under the STI-PA's indirect revocation lists. One is in force, one ended an hour ago, one a day ago; three more must be refused.", crls=lists, crl_anchors=[PA_ROOT])

    def of(slug: str, certificate, *rest) -> str:
        return f.signed_by(slug, certificate, *rest)

    f.accept("good", of("good", good, FIRST_CA), "not on the list; lists that name it must be refused", LISTED + "; " + REFUSED, "Revocation", "Basic", headers="accept")
    f.reject("listed", of("listed", by_name, FIRST_CA), "cert-revoked", "listed with its issuer", LISTED, "Revocation", headers="cert-revoked")
    f.reject("listed-after", of("listed-after", inherited, FIRST_CA), "cert-revoked", "listed behind another certificate of its issuer", STICKY, "Revocation", headers="cert-revoked")
    f.reject("listed-second", of("listed-second", of_second, SECOND_CA), "cert-revoked", "listed with the second CA", LISTED, "Revocation", headers="cert-revoked")
    f.reject("listed-after-second", of("listed-after-second", inherited_second, SECOND_CA), "cert-revoked", "listed two entries behind the second CA", STICKY, "Revocation", headers="cert-revoked")
    f.reject("namesake-listed", of("namesake-listed", namesake, SECOND_CA), "cert-revoked", "a serial number that two CAs gave, listed for this one", STICKY, "Revocation", headers="cert-revoked")
    f.accept("namesake", of("namesake", same, FIRST_CA), "a serial number that two CAs gave, listed for the other one", STICKY, "Revocation", "Lenience", headers="accept")
    f.accept("entry-of-list-issuer", of("entry-of-list-issuer", by_list, FIRST_CA), "its serial number is listed before any issuer was named", STICKY, "Revocation", "Lenience", headers="accept")
    f.reject("ca-listed", of("ca-listed", leaf("under revoked CA", REVOKED_CA, more=[(POINTS, False)]), REVOKED_CA), "cert-revoked", "its issuer is listed", LISTED + "; §6.1.3: every certificate of the path", "Revocation", headers="cert-revoked")
    f.accept("no-point", of("no-point", leaf("no point", FIRST_CA, serial=serial_of("listed with its issuer") + 1), FIRST_CA), "no distribution point, not on the list", SCOPE, "Revocation", "Lenience", headers="accept")
    f.accept("other-point", of("other-point", listed("other point", points=crl_points("https://pa.example.org/other", SIGNER.name), serial=serial_of("listed with its issuer")), FIRST_CA), "another distribution point; the list has its number", SCOPE, "Revocation", "Strict", headers="accept")
    f.accept("point-of-ca", of("point-of-ca", listed("point of its CA", points=crl_points(), serial=serial_of("listed with its issuer")), FIRST_CA), "the distribution point names no CRL issuer, so that only a list of its CA would count", SCOPE, "Revocation", "Strict", headers="accept")
    f.accept("old-list", of("old-list", old_good, FIRST_CA), "the list that covers it ended an hour ago", OLD + "; 12 hours of grace", "Revocation", "Lenience", headers="accept")
    f.reject("old-list-listed", of("old-list-listed", old_listed, FIRST_CA), "cert-revoked", "on a list that ended an hour ago", OLD, "Revocation", headers="cert-revoked")
    f.reject("ended-list", of("ended-list", ended_good, FIRST_CA), "crl-stale", "the list that covers it ended a day ago", OLD + "; 12 hours of grace", "Revocation", headers="crl-stale")
    f.reject("ended-list-listed", of("ended-list-listed", ended_listed, FIRST_CA), "cert-revoked", "on a list that ended a day ago", OLD, "Revocation", headers="cert-revoked")
    def diverted(slug: str, certificate) -> list[str]:
        url = f.body(f"https://cr.example.net/revocation/{slug}.pem", certificate, FIRST_CA)
        div = typed("div", base_claims(dest={"tn": ["12025550150"]}, div={"tn": "12025550187"}), url, certificate.key)
        return [field(), div]

    to = {"dest": ["12025550150"], "target": "12025550150"}
    f.accept("div-good", diverted("div-good", good), "the certificate of the diversion is not on the list", LISTED, "Revocation", "Diversion", "Lenience", headers="accept accept", **to)
    f.reject("div-listed", diverted("div-listed", by_name), "cert-revoked", "the certificate of the diversion is revoked", LISTED, "Revocation", "Diversion", headers="accept cert-revoked", **to)
    return f
