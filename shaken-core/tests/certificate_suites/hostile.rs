//! Certificates and chains made to hold a verifier up: an answer each, in bounded time.

use shaken_core::cert::{MAX_DER_LEN, check_path};
use shaken_core::{Certificate, Error, Trust, TrustedCert};

use crate::clock::{LIMIT, timed};
use crate::der::{bytes, explicit, implicit, integer, oid, sequence, set};
use crate::forge::{Forged, NOW, Party, attribute, critical, extension, to_pem};

/// An anchor, and a signer that it did not issue.
struct World {
    trust: Trust,
    root: Party,
    signer: Party,
}

impl World {
    fn new() -> Self {
        let root = Party::new("Test SHAKEN Root");
        let pem = to_pem(&root.ca(&root).sign(&root.key, &root.key));
        Self { trust: Trust::from_pem(pem.as_bytes()).unwrap(), root, signer: Party::new("SHAKEN 1234") }
    }

    /// Reads and judges a signer that the anchor did issue.
    fn judge(&self, what: &str, signer: &Forged) -> Result<(), Error> {
        let der = signer.sign(&self.signer.key, &self.root.key);
        let (outcome, taken) =
            timed(what, LIMIT, || TrustedCert::from_pem(to_pem(&der).as_bytes(), &self.trust, NOW));
        println!("{what}: {} bytes, {taken:?}, {:?}", der.len(), outcome.as_ref().err());
        outcome.map(drop)
    }

    fn signer(&self) -> Forged {
        self.root.end_entity(&self.signer)
    }
}

fn certificate(der: &[u8]) -> Certificate {
    Certificate::from_der(der).unwrap()
}

/// CAs of one name that issued each other, none of them issued by the anchor.
#[test]
fn circles_of_cas_end() {
    let world = World::new();
    type NewParty = fn(&str) -> Party;
    for (what, size, new) in [
        ("40 CAs on P-256 that signed each other", 40, Party::new as NewParty),
        ("20 CAs on P-384 that signed each other", 20, Party::on_p384),
    ] {
        let cas: Vec<Party> = (0..size).map(|_| new("Test SHAKEN CA")).collect();
        // Without key identifiers, every one of them may have issued every other.
        let unidentified = |forged: Forged| Forged { extensions: forged.extensions[..2].to_vec(), ..forged };
        let chain: Vec<Certificate> = (0..size)
            .flat_map(|i| [(i, (i + 1) % size), (i, (i + 7) % size)])
            .map(|(i, j)| certificate(&unidentified(cas[j].ca(&cas[i])).sign(&cas[i].key, &cas[j].key)))
            .collect();
        let signer = unidentified(cas[0].end_entity(&world.signer));
        let signer = certificate(&signer.sign(&world.signer.key, &cas[0].key));
        let (outcome, taken) = timed(what, LIMIT, || check_path(&signer, &chain, &world.trust, NOW));
        println!("{what}: {taken:?}");
        assert_eq!(outcome, Err(Error::CertPathBudget));
    }
}

/// They are no path that is too long: there is none.
#[test]
fn a_circle_is_no_path() {
    let world = World::new();
    let (one, other) = (Party::new("Test SHAKEN CA 1"), Party::new("Test SHAKEN CA 2"));
    let chain = [
        certificate(&other.ca(&one).sign(&one.key, &other.key)),
        certificate(&one.ca(&other).sign(&other.key, &one.key)),
    ];
    let signer = certificate(&one.end_entity(&world.signer).sign(&world.signer.key, &one.key));
    assert_eq!(check_path(&signer, &chain, &world.trust, NOW), Err(Error::CertUntrusted));
}

#[test]
fn a_body_of_a_thousand_certificates_is_refused() {
    let world = World::new();
    let one = to_pem(&world.signer().sign(&world.signer.key, &world.root.key));
    let body = one.repeat(1000);
    let (outcome, taken) = timed("1,000 certificates", LIMIT, || {
        TrustedCert::from_pem(body.as_bytes(), &world.trust, NOW).map(drop)
    });
    println!("a body of 1,000 certificates: {taken:?}");
    assert_eq!(outcome, Err(Error::CertTooMany { count: 1000 }));
    assert!(TrustedCert::from_pem(one.repeat(8).as_bytes(), &world.trust, NOW).is_ok());
}

#[test]
fn names_of_many_parts_are_read() {
    let world = World::new();
    let one = attribute("a");
    for (what, subject) in [
        ("a name of 1,000 parts", sequence(&set(&one).repeat(1000))),
        ("a name of one part with 1,000 attributes", sequence(&set(&one.repeat(1000)))),
        ("a name of 14,000 letters", sequence(&set(&attribute(&"\u{130}".repeat(7000))))),
        ("a name of white space", sequence(&set(&attribute(&" a".repeat(7000))))),
    ] {
        assert_eq!(world.judge(what, &Forged { subject, ..world.signer() }), Ok(()), "{what}");
    }
    let subject = sequence(&set(&one).repeat(2000));
    let outcome = world.judge("a name of 2,000 parts", &Forged { subject, ..world.signer() });
    assert!(matches!(outcome, Err(Error::CertTooLarge { .. })), "{outcome:?}");
}

/// Elements in elements in elements: wherever a reader might follow them down.
#[test]
fn deep_nesting_is_not_followed() {
    let world = World::new();
    let deep = (0..3500).fold(Vec::new(), |inner, _| sequence(&inner));
    assert!(deep.len() < MAX_DER_LEN - 1000);
    let names = [oid(&[1, 2, 3]), explicit(0, &deep)].concat();
    for (what, forged) in [
        ("in an unknown extension", world.signer().with(extension(&[2, 5, 29, 99], &deep))),
        (
            "in subjectAltName",
            world.signer().with(extension(&[2, 5, 29, 17], &sequence(&explicit(0, &names)))),
        ),
        (
            "in a name",
            Forged {
                subject: sequence(&set(&sequence(&[oid(&[2, 5, 4, 3]), deep.clone()].concat()))),
                ..world.signer()
            },
        ),
    ] {
        assert_eq!(world.judge(&format!("3,500 levels {what}"), &forged), Ok(()));
    }
    for id in [14, 15, 19, 31, 35, 37] {
        let what = format!("3,500 levels in extension {id}");
        assert_eq!(
            world.judge(&what, &world.signer().with(extension(&[2, 5, 29, id], &deep))),
            Err(Error::CertDer)
        );
    }
    // What is said of policies is passed over where it cannot be read.
    for id in [32, 33, 36, 54] {
        let what = format!("3,500 levels in extension {id}");
        assert_eq!(world.judge(&what, &world.signer().with(extension(&[2, 5, 29, id], &deep))), Ok(()));
        let signer = world.signer().with(critical(&[2, 5, 29, id], 0xff, &deep));
        assert_eq!(world.judge(&what, &signer), Err(Error::CertCriticalExtension));
    }
}

#[test]
fn extensions_of_many_elements_are_bounded() {
    let world = World::new();
    let many = |count: usize, element: &[u8]| sequence(&element.repeat(count));
    let numbered = |count: u64| -> Vec<u8> { (0..count).flat_map(|i| sequence(&oid(&[2, 16, i]))).collect() };
    let point = sequence(&explicit(0, &explicit(0, &implicit(6, b"https://a.example"))));
    let spc = explicit(0, &bytes(0x16, b"1234"));
    for (what, id, value) in [
        ("600 distribution points", &[2, 5, 29, 31][..], many(600, &point)),
        ("3,000 purposes", &[2, 5, 29, 37], many(3000, &oid(&[1, 2, 3]))),
        ("3,000 names", &[2, 5, 29, 17], many(3000, &implicit(2, b"a"))),
        ("1,900 entries of a TNAuthList", &[1, 3, 6, 1, 5, 5, 7, 1, 26], many(1900, &spc)),
        ("2,000 policies", &[2, 5, 29, 32], sequence(&numbered(2000))),
        (
            "1,000 mappings",
            &[2, 5, 29, 33],
            many(1000, &sequence(&[oid(&[1, 2, 3]), oid(&[1, 2, 4])].concat())),
        ),
    ] {
        assert_eq!(world.judge(what, &world.signer().with(extension(id, &value))), Ok(()), "{what}");
    }
    let crowded = (1000..2000).fold(world.signer(), |signer, i| signer.with(extension(&[2, 16, i], &[])));
    assert_eq!(world.judge("1,000 extensions", &crowded), Ok(()));
    let list = many(10_000, &integer(&[1]));
    let outcome = world.judge("10,000 elements", &world.signer().with(extension(&[2, 5, 29, 99], &list)));
    assert!(matches!(outcome, Err(Error::CertTooLarge { .. })), "{outcome:?}");
}
